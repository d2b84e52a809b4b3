//! Journeys: the spells of one deal in order, read by the stages of today's pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{EndKind, Pipeline, Place, Status};
use crate::history::spell::{Part, Spells, Stay};

use super::survival::{KaplanMeier, Observation, Sample};

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
#[derive(Clone, Copy, Debug)]
pub struct Journey<'a> {
    /// The visits, by time.
    pub visits: &'a [Visit],
    /// How it stands.
    pub outcome: Outcome,
    /// When it came to stand so; `None` while it is open.
    pub decided: Option<i64>,
}

/// The journeys of all deals, in no order.
#[derive(Clone, Debug)]
pub struct Journeys {
    deals: Arc<[DealId]>,
    visits: Vec<Visit>,
    ways: Vec<Way>,
}

/// Where the visits of a journey lie, and how it stands.
#[derive(Clone, Copy, Debug)]
struct Way {
    deal: u32,
    first: u32,
    after: u32,
    outcome: Outcome,
    decided: Option<i64>,
}

/// Sorts visits into journeys. Those of one deal may come in any order; of two that begin at the same time the one that is
/// over comes first.
pub fn journeys(pipeline: &Pipeline, spells: &Spells) -> Journeys {
    let mut gathering = Gathering::new(pipeline, spells.stages(), spells.deals().clone());
    gathering.visits.reserve(spells.stay_count());
    gathering.ways.reserve(spells.deal_count());
    spells.each_deal(|stays| gathering.add(stays));
    gathering.journeys()
}

/// Journeys while they are gathered, one deal after the other.
pub struct Gathering {
    reader: Reader,
    deals: Arc<[DealId]>,
    visits: Vec<Visit>,
    ways: Vec<Way>,
}

impl Gathering {
    /// None yet. `stages` and `deals` name the numbers that the visits have.
    pub fn new(pipeline: &Pipeline, stages: &[StageId], deals: Arc<[DealId]>) -> Gathering {
        Gathering { reader: Reader::of_stages(pipeline, stages), deals, visits: Vec::new(), ways: Vec::new() }
    }

    /// Adds the visits of one deal, in whatever order.
    pub fn add(&mut self, stays: &[Stay]) {
        let first = self.visits.len();
        let (outcome, decided) = self.reader.add(stays, &mut self.visits);
        let deal = stays.first().map_or(0, |stay| stay.deal);
        self.ways.push(Way { deal, first: first as u32, after: self.visits.len() as u32, outcome, decided });
    }

    /// All that were added.
    pub fn journeys(self) -> Journeys {
        Journeys { deals: self.deals, visits: self.visits, ways: self.ways }
    }
}

/// Reads the visits of one deal after the other.
pub struct Reader {
    spots: Vec<Spot>,
    won_index: usize,
}

impl Reader {
    pub(super) fn new(pipeline: &Pipeline, spells: &Spells) -> Reader {
        Reader::of_stages(pipeline, spells.stages())
    }

    /// Reads visits whose stages have these names.
    pub fn of_stages(pipeline: &Pipeline, stages: &[StageId]) -> Reader {
        let spots = stages.iter().map(|stage| spot(pipeline, stage)).collect();
        Reader { spots, won_index: pipeline.won_index() }
    }

    /// Gives the journeys of a part of the spells, one after the other.
    pub(super) fn each(&self, part: &Part<'_>, mut each: impl FnMut(&Journey<'_>)) {
        let mut visits = Vec::new();
        part.each_deal(|stays| {
            visits.clear();
            let (outcome, decided) = self.add(stays, &mut visits);
            each(&Journey { visits: &visits, outcome, decided });
        });
    }

    /// How a deal with these visits stands, and since when.
    pub fn outcome(&self, stays: &[Stay]) -> (Outcome, Option<i64>) {
        self.add(stays, &mut Vec::with_capacity(stays.len()))
    }

    /// Adds the visits of one deal, in order. Gives how it stands, and since when.
    fn add(&self, stays: &[Stay], visits: &mut Vec<Visit>) -> (Outcome, Option<i64>) {
        let first = visits.len();
        visits.extend(stays.iter().map(|stay| Visit {
            spot: self.spots.get(stay.stage as usize).copied().unwrap_or(Spot::Unknown),
            entered: stay.entered.0,
            left: stay.left.map(|l| l.0.max(stay.entered.0)),
            left_censored: stay.left_censored,
            moved_on: stay.to.is_some(),
        }));
        let Some(own) = visits.get_mut(first..) else { return (Outcome::Open, None) };
        // A visit that is over left when it says, even before it was entered: clocks disagree, the order is settled by both.
        let order = |stay: &Stay| (stay.entered, stay.left.map_or(i64::MAX, |l| l.0));
        if !stays.is_sorted_by_key(order) {
            let mut places: Vec<usize> = (0..stays.len()).collect();
            places.sort_by_key(|place| stays.get(*place).map(order));
            let sorted: Vec<Visit> = places.iter().filter_map(|place| own.get(*place).copied()).collect();
            own.copy_from_slice(&sorted);
        }
        outcome(own, self.won_index)
    }
}

impl Journeys {
    /// Every journey.
    pub fn iter(&self) -> impl Iterator<Item = Journey<'_>> {
        self.ways.iter().map(|way| self.along(way))
    }

    fn along(&self, way: &Way) -> Journey<'_> {
        let visits = self.visits.get(way.first as usize..way.after as usize).unwrap_or_default();
        Journey { visits, outcome: way.outcome, decided: way.decided }
    }

    /// Every journey with the id of its deal. Those whose names were left out are not among them.
    pub fn named(&self) -> impl Iterator<Item = (&DealId, Journey<'_>)> {
        self.ways.iter().filter_map(|way| Some((self.deals.get(way.deal as usize)?, self.along(way))))
    }

    /// Every journey with the number of its deal.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, Journey<'_>)> {
        self.ways.iter().map(|way| (way.deal, self.along(way)))
    }

    /// The journeys by the ids of their deals.
    pub fn by_deal(&self) -> HashMap<&DealId, Journey<'_>> {
        self.named().collect()
    }
}

/// The Kaplan-Meier curve of the length of visits, for every stage of the pipeline.
pub fn stage_curves(pipeline: &Pipeline, journeys: &Journeys, as_of: i64) -> Vec<KaplanMeier> {
    let mut lengths: Vec<Sample> = vec![Sample::default(); pipeline.stages.len()];
    for visit in &journeys.visits {
        if let Spot::Stage(index) = visit.spot
            && let (Some(own), Some(length)) = (lengths.get_mut(index), visit.length(as_of))
        {
            own.push(length);
        }
    }
    lengths.into_iter().map(Sample::kaplan_meier).collect()
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

impl Journey<'_> {
    /// The index of the first visit to a stage.
    pub fn first_visit(&self, stage: usize) -> Option<usize> {
        self.visits.iter().position(|v| v.spot == Spot::Stage(stage))
    }

    /// Where the deal is now, and since when; `None` when its file was removed.
    pub fn current(&self) -> Option<Visit> {
        self.visits.last().copied().filter(|v| v.left.is_none())
    }

    /// Whether it has come to an end.
    pub fn is_closed(&self) -> bool {
        matches!(self.outcome, Outcome::Won | Outcome::Lost | Outcome::Recycled)
    }
}
