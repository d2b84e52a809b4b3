//! How the chance of one deal came about: what deals like it did, what makes it differ, and what would change it.

use serde::Serialize;

use crate::forecast::chance::Trust;
use crate::forecast::drift::Drift;
use crate::forecast::hazards::{Chances, Factors};
use crate::forecast::{self, Ahead, DealLine, Input, Standing, of_ground};
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::Status;
use crate::history::History;
use crate::metrics::rows::Rows;
use crate::report::forecast::input;
use crate::report::{Facts, Kind};

use super::commits::Commits;
use super::forecast::visits;
use super::ground::Ground;
use super::number::Way;
use super::{Cohort, Counted, SCHEMA_VERSION, cohort, counted};

/// Why the chance of a deal cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoChance {
    /// It is won or lost.
    #[error("{id} is {status} already, and a forecast is about open deals")]
    Closed {
        /// The deal.
        id: DealId,
        /// How it ended.
        status: &'static str,
    },
    /// It lies in a folder that is none of the pipeline's.
    #[error("{0} lies in a folder that is no stage, and nothing is expected of it")]
    NoStage(DealId),
    /// The report has no history.
    #[error("nothing is known of the past, so there is no chance to explain")]
    NoHistory,
}

/// How the chance of one deal came about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChanceOf {
    /// Version of this JSON.
    pub schema_version: u32,
    /// Always `chance`.
    pub kind: &'static str,
    /// What the forecast says of the deal.
    #[serde(flatten)]
    pub line: DealLine,
    /// How far the forecast looks.
    pub horizon: Ahead,
    /// How far it is to be trusted.
    pub trust: Trust,
    /// What deals of the same stage and age did.
    pub base: Base,
    /// What makes it differ from them, in turn.
    pub steps: Vec<Step>,
    /// What the last forecasts were off by; `None` where nothing is corrected.
    pub drift: Option<Drift>,
    /// What would change its chance.
    pub changes: Vec<Change>,
    /// What the deals were chosen by.
    pub cohort: Cohort,
    /// The visits of the past that its chance rests on: won in time, not won in time, or not followed for as long.
    pub visits: Rows<Counted>,
}

/// What deals of the same stage and age did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Base {
    /// The days in the stage from which deals count as of the same age.
    pub from_day: u32,
    /// The day from which they count as older; `None` for the oldest.
    pub to_day: Option<u32>,
    /// Visits of the past that reached that age.
    pub visits: usize,
    /// Those whose deals were won within the horizon from then on.
    pub won: usize,
    /// Those whose deals were lost.
    pub lost: usize,
    /// Those that were not followed for so long, and are undecided.
    pub undecided: usize,
    /// How much of the chance is what they did, 0 to 1.
    pub evidence: f64,
    /// What the pipeline file says of the stage, or what is assumed: the chance to be won at all.
    pub prior: f64,
    /// Whether that is assumed.
    pub prior_assumed: bool,
    /// The chance of a fresh deal of the stage within the horizon, if nothing but that was known.
    pub assumed: f64,
    /// The chances of a deal of that stage and age of which nothing else is known.
    pub chances: Chances,
}

/// A field that makes a deal differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The field.
    pub field: String,
    /// What the deal has there.
    pub value: String,
    /// What the pace of wins is multiplied with.
    pub factor_won: f64,
    /// What the pace of losses is multiplied with.
    pub factor_lost: f64,
    /// Wins of deals with that value.
    pub won: f64,
    /// Wins that others would have brought.
    pub expected_won: f64,
    /// The chance to be won after this and the steps before it.
    pub chance: f64,
}

/// Something that would change a chance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// What: `stage`, or `age`.
    pub kind: &'static str,
    /// What would happen, in words.
    pub what: String,
    /// The stage that it would be in.
    pub stage: StageId,
    /// For how many days it would have been there.
    pub age_days: u32,
    /// The chance to be won within as many days as the forecast looks ahead, from then on.
    pub won: f64,
}

/// Explains the chance of a deal. Without a history no commit is named.
///
/// # Errors
/// When it is not open, or nothing is known of it.
pub fn explain(facts: &Facts<'_>, history: Option<&History>, deal: &Deal) -> Result<ChanceOf, NoChance> {
    let pipeline = facts.pipeline;
    let status = pipeline.status(&deal.stage);
    if status != Status::Open {
        return Err(NoChance::Closed { id: deal.id.clone(), status: status.as_str() });
    }
    let log = facts.log.ok_or(NoChance::NoHistory)?;
    let own = std::slice::from_ref(deal);
    let all = input(facts, log, &[]);
    let input = Input { deals: own, ..all };
    let ground = forecast::Ground::new(&input);
    let no_stage = || NoChance::NoStage(deal.id.clone());
    let standing = ground.standings().iter().flatten().next().ok_or_else(no_stage)?;
    let told = of_ground(&ground);
    let line = told.deals.first().cloned().ok_or_else(no_stage)?;
    let (ahead, model) = (ground.ahead, &ground.model);
    let days = [ahead.days];
    let of = |stage: usize, age: u32, factors: Factors, corrected: bool| {
        let chances = model.within(stage, age, factors, &days).first().copied().unwrap_or(Chances::NONE);
        ground.drift.filter(|_| corrected).map_or(chances, |drift| drift.apply(chances))
    };

    let cells = model.cells();
    let bin = cells.bin_of(standing.age);
    let edges = cells.ages();
    let from_day = edges.get(bin).copied().unwrap_or(0);
    let explaining = Ground::of(facts);
    let picks = visits(&explaining, standing.stage, from_day, ahead.days);
    let count = |way: Way| picks.iter().filter(|pick| pick.counts == way).count();
    let stage = told.stages.get(standing.stage);
    let base = Base {
        from_day,
        to_day: edges.get(bin + 1).copied(),
        visits: picks.len(),
        won: count(Way::Yes),
        lost: picks.iter().filter(|pick| pick.how.starts_with("lost")).count(),
        undecided: count(Way::Open),
        evidence: line.evidence,
        prior: stage.map_or(0.0, |stage| stage.prior),
        prior_assumed: pipeline.stages.get(standing.stage).is_none_or(|stage| stage.probability.is_none()),
        assumed: stage.map_or(0.0, |stage| stage.assumed),
        chances: of(standing.stage, standing.age, Factors::ONE, false),
    };

    let values: Vec<Option<&str>> = standing.values.iter().map(Option::as_deref).collect();
    let mut factors = Factors::ONE;
    let mut steps = Vec::new();
    for own in model.coefficients().of_values(&values) {
        factors = Factors { won: factors.won * own.factor_won, lost: factors.lost * own.factor_lost };
        steps.push(Step {
            field: own.field.clone(),
            value: own.value.clone(),
            factor_won: own.factor_won,
            factor_lost: own.factor_lost,
            won: own.won,
            expected_won: own.expected_won,
            chance: of(standing.stage, standing.age, factors, false).won,
        });
    }
    let commits = Commits::of(history, picks.iter().map(|pick| &pick.deal));
    let visits = picks.iter().map(|pick| counted(&explaining, &commits, pick)).collect::<Vec<_>>();
    let changes = changes(facts, standing, edges, &|stage, age| of(stage, age, ground.factors(standing), true).won);
    Ok(ChanceOf {
        schema_version: SCHEMA_VERSION,
        kind: "chance",
        line,
        horizon: ahead,
        trust: told.trust,
        base,
        steps,
        drift: ground.drift,
        changes,
        cohort: cohort(Kind::Forecast, facts),
        visits: visits.into(),
    })
}

/// What would change the chance: the next stages, and that it grows older where it is.
fn changes(facts: &Facts<'_>, standing: &Standing, edges: &[u32], won: &dyn Fn(usize, u32) -> f64) -> Vec<Change> {
    let pipeline = facts.pipeline;
    let mut changes = Vec::new();
    let open = pipeline.stages.iter().enumerate().take(pipeline.won_index());
    for (index, stage) in open.skip(standing.stage + 1) {
        changes.push(Change {
            kind: "stage",
            what: format!("it comes to {} today", stage.title),
            stage: stage.id.clone(),
            age_days: 0,
            won: won(index, 0),
        });
    }
    let older = edges.iter().copied().filter(|edge| *edge > standing.age);
    if let Some(stage) = pipeline.stages.get(standing.stage) {
        for edge in older.take(2) {
            changes.push(Change {
                kind: "age",
                what: format!("it is still in {} in {} days", stage.title, edge - standing.age),
                stage: stage.id.clone(),
                age_days: edge,
                won: won(standing.stage, edge),
            });
        }
    }
    changes
}
