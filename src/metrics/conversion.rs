//! Conversion in the other ways in which it is counted elsewhere, and from any stage to any other, by number and by amount.
//!
//! The sound one is [`Variant::Cohort`]: deals are followed from their first visit on, and open ones are censored. The
//! others are there because other tools print them and people compare:
//!
//! - *Any stage*: deals that came to the one stage, over deals that came to the other, in the same period and in any
//!   order. Neither group holds the other, so the ratio may be above 1 and has no interval.
//! - *All stages*: a deal counts at a stage only where it was there and in all stages before it; optional ones may be
//!   missing.
//! - *Imputed*: stages that a deal skipped, or that lie before the one it came in at, are filled in; going back cancels
//!   the progress after it. A lost deal is filled in only up to the stage it was in last, as otherwise every lost deal
//!   would have gone through the whole funnel.

use serde::Serialize;

use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{EndKind, Pipeline, Place, Stage};
use crate::history::track::Tracks;

use super::DAY;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::interval::wilson;
use super::journey::{Journey, Journeys, Outcome, Spot, Visit};
use super::survival::{Observation, Sample};
use super::worth::{ByAmount, Weighed, Worth};

/// How conversion is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Deals whose first visit to the stage began inside the window, followed until today.
    Cohort,
    /// Deals that came to the stages inside the window, in any order.
    AnyStage,
    /// Deals that came in inside the window and were in the stage and in all before it.
    AllStages,
    /// Deals that came in inside the window, with skipped stages filled in.
    Imputed,
}

/// What conversion is counted from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The journeys of its deals; those without names are in no number.
    pub journeys: &'a Journeys,
    /// The amounts that the deals had.
    pub tracks: &'a Tracks,
    /// Seconds since 1970.
    pub as_of: i64,
    /// Which deals count.
    pub window: Window,
    /// How many days a deal has to get there; `None`: as long as it takes. Only cohorts have one.
    pub within: Option<u32>,
    /// The floors.
    pub floors: Floors,
}

/// How many of some deals got somewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leg {
    /// Deals that set out.
    pub entered: usize,
    /// Those that got there.
    pub reached: usize,
    /// Those of a cohort that did not, and may still.
    pub open: usize,
    /// `reached / entered`, with Wilson's interval where those that got there are some of those that set out.
    pub raw: Estimate<f64>,
    /// The Aalen-Johansen estimate of the share that gets there; `None` for variants that only count.
    pub estimate: Option<Estimate<f64>>,
    /// The same, each deal with the amount it had when it came to the stage. In *any stage* each group has its own.
    pub by_amount: ByAmount,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLegs {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// To the next one; `None` for the last one where no end of kind won follows.
    pub to_next: Option<Leg>,
    /// To won; `None` for stages that count as won.
    pub to_won: Option<Leg>,
}

/// The whole funnel, counted in one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conversion {
    /// In which.
    pub variant: Variant,
    /// Days that a deal of a cohort had; `None`: as long as it took.
    pub within_days: Option<u32>,
    /// Every stage, in order.
    pub stages: Vec<StageLegs>,
    /// From coming in, at whatever stage, to won.
    pub overall: Leg,
}

/// Where deals are to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// A stage or any after it, or won.
    Reach(usize),
    /// Back to a stage that lies before.
    Return(usize),
    /// An end of this kind; for won also a stage that counts as won.
    End(EndKind),
}

/// The index of the stage of this name, today's or an older one.
pub fn stage_named(pipeline: &Pipeline, name: &str) -> Option<usize> {
    match pipeline.place(pipeline.current_name(name)?.as_str())? {
        Place::Stage(index, _) => Some(index),
        Place::End(_) => None,
    }
}

impl Goal {
    /// What a name stands for, asked from the stage `from`: a stage, an end, or the word `won`, `lost` or `recycled`.
    pub fn named(pipeline: &Pipeline, from: usize, name: &str) -> Option<Goal> {
        match pipeline.current_name(name).and_then(|id| pipeline.place(id.as_str())) {
            Some(Place::Stage(index, _)) if index <= from => Some(Goal::Return(index)),
            Some(Place::Stage(index, _)) => Some(Goal::Reach(index)),
            Some(Place::End(end)) => Some(Goal::End(end.kind)),
            None => match name {
                "won" => Some(Goal::End(EndKind::Won)),
                "lost" => Some(Goal::End(EndKind::Lost)),
                "recycled" => Some(Goal::End(EndKind::Recycled)),
                _ => None,
            },
        }
    }
}

/// When a deal got somewhere after its visit at `position`; `None` while it has not. It counts as won, lost or recycled
/// when that is how it stands today: a win that was taken back is none.
pub fn reached(journey: &Journey, position: usize, goal: Goal, won_index: usize) -> Option<i64> {
    let later = journey.visits.get(position + 1..).unwrap_or_default();
    let stands = |outcome: Outcome| journey.decided.filter(|_| journey.outcome == outcome);
    match goal {
        Goal::Reach(index) if index == won_index => stands(Outcome::Won),
        Goal::Reach(index) => {
            let there = |v: &&Visit| matches!(v.spot, Spot::Stage(own) if own >= index);
            let stage = later.iter().find(there).map(|v| v.entered);
            let won = stands(Outcome::Won);
            let end = if index > won_index {
                later.iter().find(|v| v.spot == Spot::End(EndKind::Won)).filter(|_| won.is_some()).map(|v| v.entered)
            } else {
                won
            };
            stage.into_iter().chain(end).min()
        }
        Goal::Return(index) => later.iter().find(|v| v.spot == Spot::Stage(index)).map(|v| v.entered),
        Goal::End(EndKind::Won) => stands(Outcome::Won),
        Goal::End(EndKind::Lost) => stands(Outcome::Lost),
        Goal::End(EndKind::Recycled) => stands(Outcome::Recycled),
    }
}

/// What is known of a deal that set out at `start`: when it got there (cause 0), ended elsewhere (1), or that it is still
/// on its way.
pub fn watched(
    journey: &Journey,
    start: i64,
    there: Option<i64>,
    goal: Goal,
    won_index: usize,
    as_of: i64,
) -> Observation {
    if let Some(there) = there {
        return Observation::ended(there.saturating_sub(start), 0);
    }
    // A won deal may still go on through the stages after winning, but comes back for nothing else.
    let goes_on = journey.outcome == Outcome::Won && matches!(goal, Goal::Reach(index) if index >= won_index);
    match journey.decided {
        Some(decided) if !goes_on => Observation::ended(decided.saturating_sub(start), 1),
        _ => {
            let until = journey.visits.last().and_then(|v| v.left).unwrap_or(as_of);
            Observation::censored(until.saturating_sub(start))
        }
    }
}

/// What can be known of it within a horizon in seconds.
pub fn within(observation: Observation, horizon: Option<i64>) -> Observation {
    match horizon {
        Some(horizon) if observation.time > horizon => Observation::censored(horizon),
        _ => observation,
    }
}

/// Counts the funnel in one way.
pub fn conversion(input: &Input<'_>, variant: Variant) -> Conversion {
    let pipeline = input.pipeline;
    let won_index = pipeline.won_index();
    let has_won_end = pipeline.ends.iter().any(|e| e.kind == EndKind::Won);
    let can_win = has_won_end || won_index < pipeline.stages.len();
    let count = pipeline.stages.len();
    let fresh = |nested: bool| Tally::new(input, variant, nested && variant != Variant::AnyStage);
    // A deal may have been in all stages after an optional one without having been in that.
    let nested = |stage: &Stage| !(stage.optional && variant == Variant::AllStages);
    let mut tallies: Vec<(Tally, Tally)> =
        pipeline.stages.iter().map(|stage| (fresh(nested(stage)), fresh(nested(stage)))).collect();
    let mut overall = fresh(true);
    for (deal, journey) in input.journeys.named() {
        let facts = Passage { input, deal, journey, won_index, count };
        match variant {
            Variant::Cohort => facts.cohort(&mut tallies, &mut overall),
            Variant::AnyStage => facts.any_stage(&mut tallies, &mut overall),
            Variant::AllStages => facts.counted(&mut tallies, &mut overall, &facts.in_all_stages()),
            Variant::Imputed => facts.counted(&mut tallies, &mut overall, &facts.imputed()),
        }
    }
    let stages = pipeline.stages.iter().zip(tallies).enumerate();
    let stages = stages.map(|(index, (stage, (to_next, to_won)))| StageLegs {
        stage: stage.id.clone(),
        title: stage.title.clone(),
        to_next: (index + 1 < count || has_won_end).then(|| to_next.leg()),
        to_won: (can_win && index < won_index).then(|| to_won.leg()),
    });
    let within_days = input.within.filter(|_| variant == Variant::Cohort);
    Conversion { variant, within_days, stages: stages.collect(), overall: overall.leg() }
}

/// From one stage to another or to an end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// From this stage.
    pub from: StageId,
    /// What people call it.
    pub from_title: String,
    /// To this stage or end, as it was asked for.
    pub to: String,
    /// What people call it.
    pub to_title: String,
    /// Days that a deal had; `None`: as long as it took.
    pub within_days: Option<u32>,
    /// How many got there.
    #[serde(flatten)]
    pub leg: Leg,
}

/// The cohort of deals whose first visit to the stage `from` (an index) began inside the window, on their way to a goal.
pub fn pair(input: &Input<'_>, from: usize, goal: Goal) -> Leg {
    let won_index = input.pipeline.won_index();
    let mut tally = Tally::new(input, Variant::Cohort, true);
    for (deal, journey) in input.journeys.named() {
        let facts = Passage { input, deal, journey, won_index, count: input.pipeline.stages.len() };
        if let Some(position) = journey.first_visit(from)
            && let Some(visit) = journey.visits.get(position)
            && input.window.holds(visit.entered)
        {
            facts.follow(&mut tally, position, visit.entered, goal);
        }
    }
    tally.leg()
}

/// Deals that set out, and what became of them.
pub(super) struct Tally<'a> {
    input: &'a Input<'a>,
    variant: Variant,
    /// Whether those that got there are some of those that set out.
    nested: bool,
    entered: usize,
    reached: usize,
    open: usize,
    seen: Sample,
    weighed: Weighed,
    /// Those that got there, where they are another group.
    arrived: Weighed,
}

impl<'a> Tally<'a> {
    pub(super) fn new(input: &'a Input<'a>, variant: Variant, nested: bool) -> Self {
        let weighed = Weighed::new(input.pipeline.currency);
        Tally {
            input,
            variant,
            nested,
            entered: 0,
            reached: 0,
            open: 0,
            seen: Sample::default(),
            arrived: weighed.clone(),
            weighed,
        }
    }

    pub(super) fn watch(&mut self, worth: Worth, observation: Observation, horizon: Option<i64>) {
        let seen = within(observation, horizon);
        self.entered += 1;
        self.reached += usize::from(seen.cause == Some(0));
        self.open += usize::from(seen.cause.is_none() && horizon.is_none_or(|horizon| seen.time < horizon));
        self.seen.push(seen);
        self.weighed.push(worth, seen);
    }

    /// Adds a deal that set out, got there, or both, with its worth when it did.
    pub(super) fn count(&mut self, from: Option<Worth>, there: Option<Worth>, is_open: bool) {
        let seen = match there {
            Some(_) => Observation::ended(0, 0),
            None if is_open => Observation::censored(0),
            None => Observation::ended(0, 1),
        };
        if let Some(worth) = from {
            self.watch(worth, seen, None);
        }
        if let Some(worth) = there.filter(|_| !self.nested) {
            self.reached += usize::from(from.is_none());
            self.arrived.push(worth, Observation::ended(0, 0));
        }
    }

    pub(super) fn leg(self) -> Leg {
        let floors = self.input.floors;
        let Tally { entered, reached, open, .. } = self;
        if !self.nested {
            let ratio = |value: Option<f64>| match value {
                Some(value) if entered >= floors.rate.max(1) => {
                    Estimate::Known { value, n: entered, low: None, high: None }
                }
                _ => Estimate::TooEarly { n: entered },
            };
            let arrived = self.arrived.plain(floors);
            let mut by_amount = self.weighed.plain(floors);
            by_amount.raw = ratio(arrived.entered.share_of(&by_amount.entered));
            by_amount.reached = arrived.entered;
            let raw = ratio((entered > 0).then(|| reached as f64 / entered as f64));
            return Leg { entered, reached, open, raw, estimate: None, by_amount };
        }
        let is_cohort = self.variant == Variant::Cohort;
        let curve = self.seen.plateau(2);
        let rate = |value: f64, n: usize, interval: Option<(f64, f64)>| {
            if curve.finished < floors.rate.max(1) {
                return Estimate::TooEarly { n: curve.finished };
            }
            Estimate::Known { value, n, low: interval.map(|i| i.0), high: interval.map(|i| i.1) }
        };
        Leg {
            entered,
            reached,
            open,
            raw: rate(reached as f64 / entered.max(1) as f64, entered, wilson(reached, entered)),
            estimate: is_cohort.then(|| rate(curve.share, curve.finished, curve.interval)),
            by_amount: if is_cohort { self.weighed.estimated(floors) } else { self.weighed.plain(floors) },
        }
    }
}

/// One deal on its way.
struct Passage<'a, 'j> {
    input: &'a Input<'a>,
    deal: &'j DealId,
    journey: Journey<'j>,
    won_index: usize,
    count: usize,
}

/// When a deal counts at each stage and at won.
struct Counts {
    at: Vec<Option<i64>>,
    /// As won.
    won: Option<i64>,
    /// In an end of kind won.
    ended: Option<i64>,
}

impl Passage<'_, '_> {
    fn worth(&self, time: i64) -> Worth {
        Worth::at(self.input.tracks, self.deal, time, self.input.pipeline)
    }

    fn follow(&self, tally: &mut Tally, position: usize, start: i64, goal: Goal) {
        let there = reached(&self.journey, position, goal, self.won_index);
        let seen = watched(&self.journey, start, there, goal, self.won_index, self.input.as_of);
        tally.watch(self.worth(start), seen, self.input.within.map(|days| i64::from(days) * DAY));
    }

    fn cohort(&self, tallies: &mut [(Tally, Tally)], overall: &mut Tally) {
        let mut came_in = false;
        for (position, visit) in self.journey.visits.iter().enumerate() {
            let Spot::Stage(index) = visit.spot else { continue };
            let is_first = !std::mem::replace(&mut came_in, true);
            if !self.input.window.holds(visit.entered) {
                continue;
            }
            if is_first {
                self.follow(overall, position, visit.entered, Goal::End(EndKind::Won));
            }
            if self.journey.first_visit(index) == Some(position)
                && let Some((to_next, to_won)) = tallies.get_mut(index)
            {
                self.follow(to_next, position, visit.entered, Goal::Reach(index + 1));
                self.follow(to_won, position, visit.entered, Goal::End(EndKind::Won));
            }
        }
    }

    fn won(&self) -> Option<i64> {
        self.journey.decided.filter(|_| self.journey.outcome == Outcome::Won)
    }

    fn won_end(&self) -> Option<i64> {
        let end = |v: &&Visit| v.spot == Spot::End(EndKind::Won);
        self.won().and_then(|_| self.journey.visits.iter().rev().find(end)).map(|v| v.entered)
    }

    fn any_stage(&self, tallies: &mut [(Tally, Tally)], overall: &mut Tally) {
        let holds = |time: &i64| self.input.window.holds(*time);
        let mut at = vec![None; self.count];
        for visit in self.journey.visits {
            if let Spot::Stage(index) = visit.spot
                && holds(&visit.entered)
                && let Some(first) = at.get_mut(index)
            {
                *first = first.or(Some(visit.entered));
            }
        }
        let counts = Counts { won: self.won().filter(holds), ended: self.won_end().filter(holds), at };
        self.add(tallies, overall, &counts, counts.at.iter().flatten().min().copied());
    }

    /// Where deals that came in inside the window count.
    fn counted(&self, tallies: &mut [(Tally, Tally)], overall: &mut Tally, counts: &Counts) {
        let first = self.journey.visits.iter().find(|v| matches!(v.spot, Spot::Stage(_))).map(|v| v.entered);
        if let Some(first) = first.filter(|first| self.input.window.holds(*first)) {
            self.add(tallies, overall, counts, Some(first));
        }
    }

    fn in_all_stages(&self) -> Counts {
        let mut is_complete = true;
        let mut won = None;
        let mut at = Vec::with_capacity(self.count);
        for (index, stage) in self.input.pipeline.stages.iter().enumerate() {
            if index == self.won_index {
                won = self.won().filter(|_| is_complete);
            }
            let position = self.journey.first_visit(index);
            let entered = position.and_then(|p| self.journey.visits.get(p)).map(|v| v.entered);
            at.push(entered.filter(|_| is_complete));
            is_complete &= entered.is_some() || stage.optional;
        }
        if self.won_index >= self.count {
            won = self.won().filter(|_| is_complete);
        }
        Counts { at, won, ended: self.won_end().filter(|_| is_complete) }
    }

    fn imputed(&self) -> Counts {
        let stage = |v: &Visit| if let Spot::Stage(index) = v.spot { Some(index) } else { None };
        let last = self.journey.visits.iter().rev().find_map(stage);
        let (won, ended) = (self.won(), self.won_end());
        let furthest = match (ended, won) {
            (Some(_), _) => Some(self.count),
            (None, Some(_)) => last.max(Some(self.won_index)),
            (None, None) => last,
        };
        let entry = |index: usize| {
            let there = |v: &&Visit| stage(v).is_some_and(|own| own >= index);
            self.journey.visits.iter().find(there).map(|v| v.entered).or(won)
        };
        let at = (0..self.count).map(|index| entry(index).filter(|_| Some(index) <= furthest)).collect();
        Counts { at, won, ended }
    }

    fn add(&self, tallies: &mut [(Tally, Tally)], overall: &mut Tally, counts: &Counts, came_in: Option<i64>) {
        let worth = |time: Option<i64>| time.map(|time| self.worth(time));
        let is_open = self.journey.outcome == Outcome::Open;
        let goes_on = is_open || self.journey.outcome == Outcome::Won;
        overall.count(worth(came_in), worth(counts.won), is_open);
        for (index, (to_next, to_won)) in tallies.iter_mut().enumerate() {
            let from = counts.at.get(index).copied().flatten();
            let next = match index + 1 {
                next if next == self.won_index => counts.won,
                next if next < self.count => counts.at.get(next).copied().flatten(),
                _ => counts.ended,
            };
            to_next.count(worth(from), worth(next), if index >= self.won_index { goes_on } else { is_open });
            to_won.count(worth(from), worth(counts.won), is_open);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{day, path, pipeline, tracks};
    use super::super::journey::journeys;
    use super::*;
    use crate::history::spell::{Spell, Spells};

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };
    const VARIANTS: [Variant; 4] = [Variant::Cohort, Variant::AnyStage, Variant::AllStages, Variant::Imputed];

    struct World {
        pipeline: Pipeline,
        journeys: Journeys,
        tracks: Tracks,
    }

    impl World {
        fn new(stages: &[&str], spells: &[Vec<Spell>], amounts: &[(&str, i64, &str)]) -> World {
            let pipeline = pipeline(stages);
            let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
            let changes: Vec<_> = amounts.iter().map(|(deal, on, amount)| (*deal, "amount", *on, *amount)).collect();
            World { pipeline, journeys, tracks: tracks(&changes) }
        }

        fn input(&self) -> Input<'_> {
            Input {
                pipeline: &self.pipeline,
                journeys: &self.journeys,
                tracks: &self.tracks,
                as_of: day(100),
                window: Window::default(),
                within: None,
                floors: NO_FLOORS,
            }
        }

        fn steps(&self, variant: Variant) -> (Vec<i64>, i64) {
            let counted = conversion(&self.input(), variant);
            let steps = counted.stages.iter().map(|s| percent(&s.to_next.as_ref().unwrap().raw)).collect();
            (steps, percent(&counted.overall.raw))
        }
    }

    fn percent(share: &Estimate<f64>) -> i64 {
        share.value().map_or(-1, |share| (share * 100.0).round() as i64)
    }

    #[test]
    fn wrote_to_ten_spoke_to_five_offered_to_three_signed_one_in_every_way() {
        let stages = ["wrote", "spoke", "offered", "won"];
        let deal = |i: usize, lost: bool| {
            let mut steps: Vec<(&str, i64)> =
                (0..4).filter(|s| i < [10, 5, 3, 1][*s]).map(|s| (stages[s], s as i64)).collect();
            if lost && steps.len() < 4 {
                steps.push(("lost", 9));
            }
            path(&format!("d{i}"), &steps)
        };
        for lost in [true, false] {
            let spells: Vec<_> = (0..10).map(|i| deal(i, lost)).collect();
            let world = World::new(&stages[..3], &spells, &[]);
            for variant in VARIANTS {
                assert_eq!(world.steps(variant), (vec![50, 60, 33], 10), "{variant:?}, lost {lost}");
            }
        }
    }

    #[test]
    fn the_variants_differ_where_deals_skip_and_go_back() {
        let spells = [
            path("straight", &[("a", 0), ("b", 1), ("c", 2), ("won", 3)]),
            path("skips", &[("a", 0), ("c", 2), ("won", 3)]),
            path("late", &[("c", 2), ("lost", 3)]),
            path("back", &[("a", 0), ("b", 1), ("c", 2), ("b", 3), ("lost", 4)]),
        ];
        let world = World::new(&["a", "b", "c"], &spells, &[]);
        // a: straight, skips, back. b: straight, back. c: all four. Won: straight, skips.
        assert_eq!(world.steps(Variant::AnyStage), (vec![67, 200, 50], 50));
        // c after a and b: straight, back. Won after all: straight.
        assert_eq!(world.steps(Variant::AllStages), (vec![67, 100, 50], 25));
        // All four fill a and b; back went back from c. Won of three at c.
        assert_eq!(world.steps(Variant::Imputed), (vec![100, 75, 67], 50));
        // Of three at a all came past it; of two at b both did; of four at c two were won.
        assert_eq!(world.steps(Variant::Cohort), (vec![100, 100, 50], 50));
        let any = conversion(&world.input(), Variant::AnyStage);
        let ratio = any.stages[1].to_next.as_ref().unwrap();
        assert_eq!((ratio.entered, ratio.reached), (2, 4));
        assert!(matches!(ratio.raw, Estimate::Known { low: None, high: None, .. }));
    }

    #[test]
    fn lost_deals_are_filled_in_only_up_to_where_they_were() {
        let spells: Vec<_> = (0..4).map(|i| path(&format!("d{i}"), &[("b", 0), ("lost", 5)])).collect();
        let world = World::new(&["a", "b", "c"], &spells, &[]);
        let counted = conversion(&world.input(), Variant::Imputed);
        let entered: Vec<_> = counted.stages.iter().map(|s| s.to_next.as_ref().unwrap().entered).collect();
        assert_eq!(entered, [4, 4, 0]);
    }

    #[test]
    fn optional_stages_may_be_missing_from_all_stages() {
        let spells =
            [path("x", &[("a", 0), ("c", 2), ("won", 3)]), path("y", &[("a", 0), ("b", 1), ("c", 2), ("won", 3)])];
        let world = World::new(&["a", "b?", "c"], &spells, &[]);
        let counted = conversion(&world.input(), Variant::AllStages);
        assert_eq!((counted.overall.reached, counted.stages[2].to_won.as_ref().unwrap().entered), (2, 2));
        // One deal was in b, two were in c.
        let optional = counted.stages[1].to_next.as_ref().unwrap();
        assert_eq!((optional.entered, optional.reached), (1, 2));
    }

    #[test]
    fn each_deal_counts_with_the_amount_it_had_when_it_came_to_the_stage() {
        let spells = [
            path("big", &[("a", 0), ("b", 5), ("won", 9)]),
            path("small", &[("a", 0), ("lost", 5)]),
            path("none", &[("a", 0), ("lost", 5)]),
            path("dollars", &[("a", 0), ("lost", 5)]),
        ];
        let amounts =
            [("big", 0, "100"), ("big", 5, "900"), ("big", 7, "5000"), ("small", 0, "300"), ("dollars", 0, "7 USD")];
        let world = World::new(&["a", "b"], &spells, &amounts);
        let counted = conversion(&world.input(), Variant::Cohort);
        let a = &counted.stages[0].to_next.as_ref().unwrap().by_amount;
        assert_eq!((a.deals, a.without_amount, a.other_currency), (2, 1, 1));
        assert_eq!((a.entered.sum, a.reached.sum), (Some(400.into()), Some(100.into())));
        assert_eq!((percent(&a.raw), percent(a.estimate.as_ref().unwrap())), (25, 25));
        let b = &counted.stages[1].to_won.as_ref().unwrap().by_amount;
        assert_eq!(b.entered.sum, Some(900.into()));
    }

    #[test]
    fn a_pair_has_a_horizon_and_both_directions() {
        let spells = [
            path("fast", &[("a", 0), ("b", 1), ("c", 3), ("won", 50)]),
            path("slow", &[("a", 0), ("b", 20), ("c", 60)]),
            path("back", &[("a", 0), ("c", 5), ("a", 9)]),
            path("lost", &[("a", 0), ("lost", 2)]),
            path("new", &[("a", 99)]),
        ];
        let world = World::new(&["a", "b", "c"], &spells, &[]);
        let ask = |to: &str, within: Option<u32>| {
            let goal = Goal::named(&world.pipeline, 0, to).unwrap();
            let leg = pair(&Input { within, ..world.input() }, 0, goal);
            (leg.entered, leg.reached, leg.open)
        };
        assert_eq!(ask("c", None), (5, 3, 1));
        assert_eq!(ask("c", Some(10)), (5, 2, 1));
        assert_eq!(ask("won", None), (5, 1, 3));
        assert_eq!(ask("lost", None), (5, 1, 3));
        assert_eq!(ask("a", None), (5, 1, 2));
        assert_eq!(Goal::named(&world.pipeline, 0, "nowhere"), None);
        // Within ten days: of five one is censored on day 1, one is lost on day 2, and two of the four are there.
        let within = pair(&Input { within: Some(10), ..world.input() }, 0, Goal::Reach(2));
        assert!((within.estimate.unwrap().value().unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn stages_that_count_as_won_go_on_being_steps() {
        let spells = [
            path("x", &[("offer", 0), ("kickoff", 1), ("work", 2), ("won", 3)]),
            path("y", &[("offer", 0), ("kickoff", 1)]),
        ];
        let mut world = World::new(&["offer", "kickoff", "work"], &spells, &[]);
        world.pipeline.won_at = StageId::new("kickoff").ok();
        world.journeys = journeys(&world.pipeline, &Spells::from(spells.concat().as_slice()));
        for variant in VARIANTS {
            let (steps, overall) = world.steps(variant);
            assert_eq!((steps, overall), (vec![100, 50, 100], 100), "{variant:?}");
        }
        let kickoff = &conversion(&world.input(), Variant::Cohort).stages[1];
        assert!(kickoff.to_won.is_none());
        assert_eq!(kickoff.to_next.as_ref().unwrap().open, 1);
    }
}
