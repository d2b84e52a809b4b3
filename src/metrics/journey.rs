//! Journeys: the spells of one deal in order, read by the stages of today's pipeline.

use std::collections::HashMap;

use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{EndKind, Pipeline, Place, Status};
use crate::history::spell::Spell;

use super::survival::{KaplanMeier, Observation, kaplan_meier};

/// Where a spell was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In a stage, by its index.
    Stage(usize),
    /// In an end.
    End(EndKind),
    /// In a folder that today's pipeline file does not know.
    Unknown,
}

/// One visit, in whole seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Where.
    pub spot: Spot,
    /// When it began.
    pub entered: i64,
    /// When it was over; `None` while the deal is there.
    pub left: Option<i64>,
    /// Whether the true beginning lies before `entered`, unknown when.
    pub left_censored: bool,
    /// Whether it ended with a move that counts. The removal of the file, and a commit that only tidies up, end a visit
    /// without telling how long it would have lasted or where it led.
    pub moved_on: bool,
}

impl Visit {
    /// How long it lasted; `None` where its beginning is unknown. A visit that ended without a move that counts is
    /// censored: somebody tidied up, the deal did not go on.
    pub fn length(&self, as_of: i64) -> Option<Observation> {
        if self.left_censored {
            return None;
        }
        Some(match (self.left, self.moved_on) {
            (Some(left), true) => Observation::ended(left.saturating_sub(self.entered), 0),
            (left, _) => Observation::censored(left.unwrap_or(as_of).saturating_sub(self.entered)),
        })
    }
}

/// How a deal stands at the end of its journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Still open.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
    /// Back to marketing.
    Recycled,
    /// Its file was removed while it was open.
    Withdrawn,
}

/// The visits of one deal, in order.
#[derive(Clone, Debug)]
pub struct Journey {
    /// The deal.
    pub deal: DealId,
    /// The visits, by time.
    pub visits: Vec<Visit>,
    /// How it stands.
    pub outcome: Outcome,
    /// When it came to stand so; `None` while it is open.
    pub decided: Option<i64>,
}

/// Sorts spells into journeys, by deal id. Spells of one deal may come in any order; of two that begin at the same time
/// the one that is over comes first.
pub fn journeys(pipeline: &Pipeline, spells: &[Spell]) -> Vec<Journey> {
    let mut spots: HashMap<&StageId, Spot> = HashMap::new();
    let mut order: Vec<&Spell> = spells.iter().collect();
    order.sort_by(|a, b| {
        let left = |s: &Spell| s.left.map_or(i64::MAX, |l| l.0);
        (&a.deal, a.entered, left(a)).cmp(&(&b.deal, b.entered, left(b)))
    });
    let mut journeys: Vec<Journey> = Vec::new();
    for spell in order {
        let spot = *spots.entry(&spell.stage).or_insert_with(|| spot(pipeline, &spell.stage));
        let visit = Visit {
            spot,
            entered: spell.entered.0,
            left: spell.left.map(|l| l.0.max(spell.entered.0)),
            left_censored: spell.left_censored,
            moved_on: spell.to.is_some(),
        };
        match journeys.last_mut() {
            Some(journey) if journey.deal == spell.deal => journey.visits.push(visit),
            _ => journeys.push(Journey {
                deal: spell.deal.clone(),
                visits: vec![visit],
                outcome: Outcome::Open,
                decided: None,
            }),
        }
    }
    let won_index = pipeline.won_index();
    for journey in &mut journeys {
        (journey.outcome, journey.decided) = outcome(&journey.visits, won_index);
    }
    journeys
}

/// The Kaplan-Meier curve of the length of visits, for every stage of the pipeline.
pub fn stage_curves(pipeline: &Pipeline, journeys: &[Journey], as_of: i64) -> Vec<KaplanMeier> {
    let mut lengths: Vec<Vec<Observation>> = vec![Vec::new(); pipeline.stages.len()];
    for journey in journeys {
        for visit in &journey.visits {
            if let Spot::Stage(index) = visit.spot
                && let Some(own) = lengths.get_mut(index)
            {
                own.extend(visit.length(as_of));
            }
        }
    }
    lengths.iter().map(|l| kaplan_meier(l)).collect()
}

fn spot(pipeline: &Pipeline, stage: &StageId) -> Spot {
    let today = pipeline.current_name(stage.as_str());
    match today.and_then(|id| pipeline.place(id.as_str())) {
        Some(Place::Stage(index, _)) => Spot::Stage(index),
        Some(Place::End(end)) => Spot::End(end.kind),
        None => Spot::Unknown,
    }
}

impl Spot {
    /// Whether a deal here is won.
    pub fn is_won(self, won_index: usize) -> bool {
        match self {
            Spot::Stage(index) => index >= won_index,
            Spot::End(kind) => kind == EndKind::Won,
            Spot::Unknown => false,
        }
    }

    /// How a deal here counts.
    pub fn status(self, won_index: usize) -> Status {
        match self {
            Spot::End(EndKind::Lost) => Status::Lost,
            Spot::End(EndKind::Recycled) => Status::Recycled,
            spot if spot.is_won(won_index) => Status::Won,
            _ => Status::Open,
        }
    }

    /// Whether this is a stage after the one of this index, or an end of kind won.
    pub fn is_beyond(self, index: usize) -> bool {
        match self {
            Spot::Stage(own) => own > index,
            Spot::End(kind) => kind == EndKind::Won,
            Spot::Unknown => false,
        }
    }
}

/// What is known last decides: a win that was taken back is none, a lost deal that was reopened is open. A closed deal
/// whose file was removed stays what it was.
fn outcome(visits: &[Visit], won_index: usize) -> (Outcome, Option<i64>) {
    let Some(last) = visits.last() else { return (Outcome::Open, None) };
    let outcome = match last.spot.status(won_index) {
        Status::Won => Outcome::Won,
        Status::Lost => Outcome::Lost,
        Status::Recycled => Outcome::Recycled,
        Status::Open => {
            return if last.left.is_some() { (Outcome::Withdrawn, last.left) } else { (Outcome::Open, None) };
        }
    };
    let status = last.spot.status(won_index);
    let run = visits.iter().rev().take_while(|v| v.spot.status(won_index) == status);
    (outcome, run.last().map(|v| v.entered))
}

impl Journey {
    /// The index of the first visit to a stage.
    pub fn first_visit(&self, stage: usize) -> Option<usize> {
        self.visits.iter().position(|v| v.spot == Spot::Stage(stage))
    }

    /// Where the deal is now, and since when; `None` when its file was removed.
    pub fn current(&self) -> Option<&Visit> {
        self.visits.last().filter(|v| v.left.is_none())
    }

    /// Whether it has come to an end.
    pub fn is_closed(&self) -> bool {
        matches!(self.outcome, Outcome::Won | Outcome::Lost | Outcome::Recycled)
    }
}
