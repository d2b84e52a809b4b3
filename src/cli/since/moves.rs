//! The moves of a change, each judged by what was asked for when it was made.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::action::gate::verdict;
use crate::check::{Finding, Level, Report, rule};
use crate::cli::exit::CommandError;
use crate::format::expr::Expression;
use crate::format::ident::DealId;
use crate::format::judge::{self, Outcome};
use crate::format::load::{Listed, Listing, parse_deal};
use crate::format::pipeline::{CriterionTest, Pipeline};
use crate::format::pipeline_file;
use crate::history::HistoryError;
use crate::history::range::Step;
use crate::repo::objects::{GitObjects, ObjectError, ObjectId, Objects};
use crate::repo::snapshot::Snapshot;

use super::{NOWHERE, Since, Trust, called_now};

/// Rules whose errors say of a deal that it is where it may not be.
const STILL: [&str; 4] = ["exit-criterion", "entry-criterion", "missing-field", "criterion-failed"];

/// A finding for each move that was not earned when it was made, but for those of deals that the report finds in the wrong
/// place as they are: that says more.
///
/// # Errors
/// When what a commit held cannot be read.
pub(super) fn unearned(since: &Since<'_>, listing: &Listing, report: &Report) -> Result<Vec<Finding>, CommandError> {
    if since.between.steps.is_empty() {
        return Ok(Vec::new());
    }
    let repository = since.home.place()?.open()?;
    let objects = GitObjects::open(&repository)?;
    let mut files: HashMap<ObjectId, Option<Pipeline>> = HashMap::new();
    let mut findings = Vec::new();
    let is_wrong = |f: &&Finding| f.level == Level::Error && STILL.contains(&f.rule.id);
    let wrong: BTreeSet<&DealId> = report.findings.iter().filter(is_wrong).filter_map(|f| f.deal.as_ref()).collect();
    let places: BTreeMap<&DealId, &Listed> = listing.deals.iter().map(|own| (&own.id, own)).collect();
    for step in &since.between.steps {
        let deal = called_now(&since.between.renamed, &step.deal);
        if wrong.contains(deal) {
            continue;
        }
        let failed = |source: ObjectError| HistoryError::Object { commit: step.commit, source };
        let in_force = match (since.trust, &since.base, step.pipeline) {
            (Trust::Base, Some(base), _) if base.pipeline.is_some() => Some(&listing.pipeline),
            (_, _, None) => None,
            (_, _, Some(blob)) => {
                let file = match files.entry(blob) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(read(&objects.blob(blob).map_err(failed)?, &listing.pipeline)),
                };
                file.as_ref()
            }
        };
        let Some(pipeline) = in_force else { continue };
        let bytes = objects.blob(step.blob).map_err(failed)?;
        let Some(why) = refused(since, pipeline, step, &bytes)? else { continue };
        let lies = places.get(deal);
        if lies.is_none() && listing.names.binary_search(deal).is_ok() {
            // It is none of those that were asked for.
            continue;
        }
        let (path, stage) = lies.map_or((&step.path, &step.to), |own| (&own.path, &own.stage));
        let day = pipeline.day_of(step.at);
        let Step { from, to, author, .. } = step;
        let message = format!(
            "{deal} was moved from {from} to {to} before it had earned that ({} by {} on {day}): {why}",
            step.commit.short(),
            author.name
        );
        let help = match (lies, stage == to) {
            (Some(_), true) => "by now it has; next time fill in what is missing first".to_owned(),
            (Some(_), false) => format!("it is in {stage} by now; that it was in {to} stays in its history"),
            (None, _) => "its file is gone by now".to_owned(),
        };
        findings.push(
            Finding::new(rule::unearned_move(), path, NOWHERE, message).with_deal(Some(deal.clone())).with_help(help),
        );
    }
    Ok(findings)
}

/// A pipeline file as a commit had it, with the exchange rates of today, as rates are no policy.
fn read(bytes: &[u8], today: &Pipeline) -> Option<Pipeline> {
    let (pipeline, _) = pipeline_file::read(bytes).ok()?;
    let exchange =
        today.exchange.clone().filter(|rates| rates.currency == pipeline.currency && pipeline.rates.is_some());
    Some(Pipeline { exchange, ..pipeline })
}

/// What kept a deal out of the stage that it was moved to, in words; `None` where nothing did, or nobody can say.
fn refused(since: &Since<'_>, pipeline: &Pipeline, step: &Step, bytes: &[u8]) -> Result<Option<String>, CommandError> {
    let (Some(from), Some(to)) = (pipeline.current_name(step.from.as_str()), pipeline.current_name(step.to.as_str()))
    else {
        return Ok(None);
    };
    let (Some(place), true) = (pipeline.place(to.as_str()), from != to) else { return Ok(None) };
    let Ok(deal) = parse_deal(bytes, pipeline, &step.path, to, &step.deal) else { return Ok(None) };
    let source = Snapshot::of_folder(since.home, step.commit, "")?;
    let visited = [from.clone()];
    let circumstances = judge::Circumstances {
        today: pipeline.day_of(step.at),
        source: &source,
        days_in_stage: None,
        visited: Some(&visited),
    };
    let verdict = verdict(pipeline, &deal, from, place, &circumstances);
    let mut open = Vec::new();
    for (demand, outcome) in verdict.refusing() {
        let text = &demand.criterion.text;
        match outcome {
            Outcome::Missing(fields) => open.push(format!("\"{text}\" (missing: {})", fields.join(", "))),
            Outcome::MissingOneOf(fields) => open.push(format!("\"{text}\" (missing: {})", fields.join(" or "))),
            Outcome::NotSatisfied(why) => open.push(format!("\"{text}\" (not satisfied: {why})")),
            // How long it had been there is not known here.
            Outcome::Failed(_) if asks_for_days(&demand.criterion.test) => {}
            Outcome::Failed(why) => open.push(format!("\"{text}\" ({why})")),
            Outcome::Met | Outcome::Waived { .. } => {}
        }
    }
    if !verdict.missing_fields.is_empty() {
        open.push(format!("required fields are missing: {}", verdict.missing_fields.join(", ")));
    }
    Ok((!open.is_empty()).then(|| open.join("; ")))
}

fn asks_for_days(test: &CriterionTest) -> bool {
    matches!(test, CriterionTest::Check(expression) if Expression::uses_days_in_stage(expression))
}
