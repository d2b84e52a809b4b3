//! The funnel: how many deals go from stage to stage and to won, where they leave, and how long they stay.
//!
//! A deal belongs to the cohort of a stage when its *first* visit to it began inside the window. It reached the next
//! stage when it was, after that, in any later stage, or is won. It is won when it is won as of the report: a win that
//! was taken back is none. A deal that has done neither and has not come to an end is open, and censored, never counted
//! as a failure in the estimate.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use serde::Serialize;

use crate::format::ident::StageId;
use crate::format::pipeline::{EndKind, Pipeline};
use crate::history::spell::{Part, Spells};

use super::estimate::{Estimate, Floors};
use super::interval::wilson;
use super::journey::{Journey, Journeys, Outcome, Reader, Spot, Visit};
use super::survival::{Observation, Quantile, Room, Sample};

/// A span of time, in seconds since 1970, by the valid clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first second inside; `None`: from the beginning.
    pub from: Option<i64>,
    /// The first second after it; `None`: without end.
    pub until: Option<i64>,
}

impl Window {
    /// Whether a time lies inside.
    pub fn holds(&self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }
}

/// How many of a cohort got somewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Deals in the cohort.
    pub entered: usize,
    /// Those that got there.
    pub reached: usize,
    /// Those that did not, and are still open.
    pub open: usize,
    /// `reached / entered` with Wilson's interval; a lower bound while deals are open.
    pub raw: Estimate<f64>,
    /// The Aalen-Johansen estimate of the share that gets there, open deals censored; lost, recycled and withdrawn are
    /// the competing exits.
    pub estimate: Estimate<f64>,
    /// Share of the cohort that the estimate leaves undecided.
    pub undecided: f64,
}

/// What became of the visits to a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exits {
    /// To the next stage, optional stages between left out.
    pub forward: usize,
    /// Over at least one stage that is not optional.
    pub skipped: usize,
    /// To an earlier stage.
    pub back: usize,
    /// To an end of kind won.
    pub won: usize,
    /// To an end of kind lost.
    pub lost: usize,
    /// To an end of kind recycled.
    pub recycled: usize,
    /// The deal's file was removed, for good or for a time.
    pub withdrawn: usize,
    /// To a folder that is no stage of today's pipeline, back to the same one, or moved by a commit that only tidies up.
    pub other: usize,
    /// Still there.
    pub open: usize,
}

/// One way in which a visit can end: those that [`Exits`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// To the next stage.
    Forward,
    /// Over a stage that is not optional.
    Skipped,
    /// To an earlier stage.
    Back,
    /// To an end of kind won.
    Won,
    /// To an end of kind lost.
    Lost,
    /// To an end of kind recycled.
    Recycled,
    /// The deal's file was removed.
    Withdrawn,
    /// To no stage of today's pipeline.
    Other,
    /// Not yet.
    Open,
}

/// One stage in the funnel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageFunnel {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Deals whose first visit to it began inside the window.
    pub entered: usize,
    /// To the next stage; `None` for the last one where no end of kind won follows.
    pub to_next: Option<Step>,
    /// To won; `None` for stages that count as won.
    pub to_won: Option<Step>,
    /// Visits that began inside the window.
    pub visits: usize,
    /// What became of them.
    pub exits: Exits,
    /// Visits that began with a deal coming back out of an end.
    pub reopened: usize,
    /// Median length of a visit in seconds, by Kaplan-Meier: visits that last are censored.
    pub median_seconds: Estimate<i64>,
    /// The length in seconds by which nine of ten visits are over.
    pub p90_seconds: Estimate<i64>,
    /// Visits of imported deals whose true beginning is unknown; they are not timed.
    pub untimed: usize,
}

/// The whole funnel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Funnel {
    /// Which first visits count.
    pub window: Window,
    /// The floors that were applied.
    pub floors: Floors,
    /// Every stage, in order.
    pub stages: Vec<StageFunnel>,
    /// From coming into the pipeline, at whatever stage, to won.
    pub overall: Step,
    /// Deals of the overall cohort by how they stand.
    pub standing: Standing,
    /// Moves over a stage that is not optional.
    pub skips: usize,
    /// Moves to an earlier stage.
    pub returns: usize,
    /// Moves out of an end.
    pub reopened: usize,
    /// Deals that were never in a stage of today's pipeline (imported straight into an end, for instance).
    pub never_in_a_stage: usize,
}

/// Deals by how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Open.
    pub open: usize,
    /// Won.
    pub won: usize,
    /// Lost.
    pub lost: usize,
    /// Recycled.
    pub recycled: usize,
    /// Removed while open.
    pub withdrawn: usize,
}

/// So many visits are counted by one thread: more threads would take longer to begin.
const FEW: usize = 60_000;

/// More threads than this wait for each other.
const MOST_THREADS: usize = 4;

/// Counts the funnel of all spells known at `as_of` (seconds since 1970).
pub fn funnel(pipeline: &Pipeline, spells: &Spells, as_of: i64, window: Window, floors: Floors) -> Funnel {
    let reader = Reader::new(pipeline, spells);
    let parts = spells.parts(threads(spells.stay_count()));
    let count = |part: &Part<'_>| {
        let mut count = Count::new(pipeline, as_of, window);
        reader.each(part, |journey| count.add(journey));
        count
    };
    let counted = std::thread::scope(|scope| {
        let (first, others) = parts.split_first()?;
        let others: Vec<_> = others.iter().map(|part| scope.spawn(|| count(part))).collect();
        let mut all = count(first);
        others.into_iter().for_each(|other| all.join(waited_for(other)));
        Some(all)
    });
    counted.unwrap_or_else(|| Count::new(pipeline, as_of, window)).funnel(floors)
}

/// [`funnel`] of spells that are already sorted into journeys.
pub fn of_journeys(pipeline: &Pipeline, journeys: &Journeys, as_of: i64, window: Window, floors: Floors) -> Funnel {
    let mut count = Count::new(pipeline, as_of, window);
    journeys.iter().for_each(|journey| count.add(&journey));
    count.funnel(floors)
}

/// What a thread gave.
fn waited_for<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn threads(visits: usize) -> usize {
    if visits < FEW {
        return 1;
    }
    std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}

/// What is counted while journeys go by, in any order.
struct Count<'p> {
    pipeline: &'p Pipeline,
    as_of: i64,
    window: Window,
    won_index: usize,
    required: Required,
    tallies: Vec<Tally>,
    overall: Cohort,
    standing: Standing,
    skips: usize,
    returns: usize,
    reopened: usize,
    never_in_a_stage: usize,
    journeys: usize,
    /// The number of the last journey, counted from 1, that came to each stage.
    came: Vec<usize>,
}

impl<'p> Count<'p> {
    fn new(pipeline: &'p Pipeline, as_of: i64, window: Window) -> Self {
        Count {
            pipeline,
            as_of,
            window,
            won_index: pipeline.won_index(),
            required: Required::of(pipeline),
            tallies: pipeline.stages.iter().map(|_| Tally::default()).collect(),
            overall: Cohort::default(),
            standing: Standing::default(),
            skips: 0,
            returns: 0,
            reopened: 0,
            never_in_a_stage: 0,
            journeys: 0,
            came: vec![0; pipeline.stages.len()],
        }
    }

    fn add(&mut self, journey: &Journey<'_>) {
        let Count { as_of, window, won_index, tallies, .. } = self;
        let (as_of, window, won_index) = (*as_of, *window, *won_index);
        self.journeys += 1;
        match journey.visits.iter().find(|v| matches!(v.spot, Spot::Stage(_))) {
            None => self.never_in_a_stage += 1,
            Some(first) if window.holds(first.entered) => {
                self.overall.add(journey, first.entered, won_time(journey), as_of);
                *self.standing.of(journey.outcome) += 1;
            }
            Some(_) => {}
        }
        for (position, visit) in journey.visits.iter().enumerate() {
            let Spot::Stage(index) = visit.spot else { continue };
            let Some(tally) = tallies.get_mut(index) else { continue };
            let number = self.journeys;
            let first = self.came.get_mut(index).is_some_and(|last| std::mem::replace(last, number) != number);
            if !window.holds(visit.entered) {
                continue;
            }
            if first {
                tally.entered += 1;
                tally.to_next.add(journey, visit.entered, next_time(journey, position, index, won_index), as_of);
                tally.to_won.add(journey, visit.entered, won_time(journey), as_of);
            }
            let before = position.checked_sub(1).and_then(|p| journey.visits.get(p));
            let after = journey.visits.get(position + 1);
            tally.visit(&self.required, index, visit, before, after, as_of);
        }
        for pair in journey.visits.windows(2) {
            let [from, to] = pair else { continue };
            if !from.moved_on || !window.holds(to.entered) {
                continue;
            }
            match (from.spot, to.spot) {
                (Spot::Stage(a), Spot::Stage(b)) if b < a => self.returns += 1,
                (Spot::Stage(a), Spot::Stage(b)) if self.required.is_skip(a, b) => self.skips += 1,
                (Spot::End(_), Spot::Stage(_)) => self.reopened += 1,
                _ => {}
            }
        }
    }

    /// Adds what was counted of other journeys.
    fn join(&mut self, other: Count<'p>) {
        self.tallies.iter_mut().zip(other.tallies).for_each(|(tally, other)| tally.join(other));
        self.overall.seen.append(other.overall.seen);
        self.standing.join(other.standing);
        self.skips += other.skips;
        self.returns += other.returns;
        self.reopened += other.reopened;
        self.never_in_a_stage += other.never_in_a_stage;
    }

    fn funnel(self, floors: Floors) -> Funnel {
        let Count { pipeline, won_index, tallies, overall, .. } = self;
        let has_won_end = pipeline.ends.iter().any(|e| e.kind == EndKind::Won);
        let can_win = won_index < pipeline.stages.len() || has_won_end;
        let last = pipeline.stages.len();
        let of_stage = |(index, tally): (usize, Tally), room: &mut Room| {
            let stage = pipeline.stages.get(index)?;
            let has_next = index + 1 < last || has_won_end;
            let curve = tally.lengths.kaplan_meier_in(room);
            let length = |p: f64| match curve.quantile(p) {
                _ if curve.events < floors.quantile => Estimate::TooEarly { n: curve.events },
                Quantile::NotReached(beyond) => Estimate::NotReached { beyond, n: curve.events },
                Quantile::At(value) => {
                    let (low, high) = curve.quantile_interval(p);
                    Estimate::Known { value, n: curve.events, low, high }
                }
            };
            let (median_seconds, p90_seconds) = (length(0.5), length(0.9));
            room.give_back(curve);
            Some(StageFunnel {
                stage: stage.id.clone(),
                title: stage.title.clone(),
                entered: tally.entered,
                to_next: has_next.then(|| tally.to_next.step(floors, room)),
                to_won: (can_win && index < won_index).then(|| tally.to_won.step(floors, room)),
                visits: tally.visits,
                exits: tally.exits,
                reopened: tally.reopened,
                median_seconds,
                p90_seconds,
                untimed: tally.untimed,
            })
        };
        let seen: usize = tallies.iter().map(|tally| tally.lengths.len()).sum();
        let left = Mutex::new(tallies.into_iter().enumerate());
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            let mut room = Room::default();
            let mut done = Vec::new();
            while let Some((index, tally)) = next() {
                done.push((index, of_stage((index, tally), &mut room)));
            }
            done
        };
        let (overall, mut stages) = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads(seen)).map(|_| scope.spawn(work)).collect();
            let overall = overall.step(floors, &mut Room::default());
            let mut stages = work();
            for other in others {
                stages.extend(waited_for(other));
            }
            (overall, stages)
        });
        stages.sort_unstable_by_key(|(index, _)| *index);
        Funnel {
            window: self.window,
            floors,
            stages: stages.into_iter().filter_map(|(_, stage)| stage).collect(),
            overall,
            standing: self.standing,
            skips: self.skips,
            returns: self.returns,
            reopened: self.reopened,
            never_in_a_stage: self.never_in_a_stage,
        }
    }
}

/// For each stage, how many of those before it are not optional.
pub struct Required(Vec<u32>);

impl Required {
    /// The stages of a pipeline.
    pub fn of(pipeline: &Pipeline) -> Required {
        let counted = pipeline.stages.iter().scan(0, |before, stage| {
            let own = *before;
            *before += u32::from(!stage.optional);
            Some(own)
        });
        Required(counted.collect())
    }

    /// Whether a move from one stage to another leaves out a stage that is not optional.
    pub fn is_skip(&self, from: usize, to: usize) -> bool {
        from < to && self.0.get(from + 1) != self.0.get(to)
    }
}

/// When a deal that is won was won.
pub fn won_time(journey: &Journey) -> Option<i64> {
    journey.decided.filter(|_| journey.outcome == Outcome::Won)
}

/// When the deal came past the stage `index` after its visit at `position`.
pub fn next_time(journey: &Journey, position: usize, index: usize, won_index: usize) -> Option<i64> {
    let won = won_time(journey);
    if index + 1 == won_index {
        return won;
    }
    let later = journey.visits.get(position + 1..).unwrap_or_default();
    let passed = |v: &&Visit| matches!(v.spot, Spot::Stage(own) if own > index);
    let stage = later.iter().find(passed).map(|v| v.entered);
    let end = if index >= won_index {
        later.iter().find(|v| v.spot == Spot::End(EndKind::Won)).filter(|_| won.is_some()).map(|v| v.entered)
    } else {
        won
    };
    stage.into_iter().chain(end).min()
}

/// How a visit to the stage `index` ended. `after` is the deal's next visit.
pub fn exit(required: &Required, index: usize, visit: &Visit, after: Option<&Visit>) -> Exit {
    match (visit.left, after.map(|a| a.spot)) {
        (None, _) => Exit::Open,
        (Some(_), None) => Exit::Withdrawn,
        // The file came back later, or a commit that only tidies up took it elsewhere.
        (Some(left), Some(_)) if !visit.moved_on => {
            if after.is_some_and(|a| a.entered == left && a.left_censored) {
                Exit::Other
            } else {
                Exit::Withdrawn
            }
        }
        (Some(_), Some(Spot::End(EndKind::Won))) => Exit::Won,
        (Some(_), Some(Spot::End(EndKind::Lost))) => Exit::Lost,
        (Some(_), Some(Spot::End(EndKind::Recycled))) => Exit::Recycled,
        (Some(_), Some(Spot::Stage(to))) if to < index => Exit::Back,
        (Some(_), Some(Spot::Stage(to))) if to > index && required.is_skip(index, to) => Exit::Skipped,
        (Some(_), Some(Spot::Stage(to))) if to > index => Exit::Forward,
        (Some(_), Some(Spot::Stage(_) | Spot::Unknown)) => Exit::Other,
    }
}

impl Exits {
    /// The number of visits that ended in one way.
    pub fn of(&mut self, exit: Exit) -> &mut usize {
        match exit {
            Exit::Forward => &mut self.forward,
            Exit::Skipped => &mut self.skipped,
            Exit::Back => &mut self.back,
            Exit::Won => &mut self.won,
            Exit::Lost => &mut self.lost,
            Exit::Recycled => &mut self.recycled,
            Exit::Withdrawn => &mut self.withdrawn,
            Exit::Other => &mut self.other,
            Exit::Open => &mut self.open,
        }
    }

    fn join(&mut self, other: Exits) {
        let Exits { forward, skipped, back, won, lost, recycled, withdrawn, other: elsewhere, open } = other;
        self.forward += forward;
        self.skipped += skipped;
        self.back += back;
        self.won += won;
        self.lost += lost;
        self.recycled += recycled;
        self.withdrawn += withdrawn;
        self.other += elsewhere;
        self.open += open;
    }
}

impl Standing {
    fn join(&mut self, other: Standing) {
        let Standing { open, won, lost, recycled, withdrawn } = other;
        self.open += open;
        self.won += won;
        self.lost += lost;
        self.recycled += recycled;
        self.withdrawn += withdrawn;
    }

    fn of(&mut self, outcome: Outcome) -> &mut usize {
        match outcome {
            Outcome::Open => &mut self.open,
            Outcome::Won => &mut self.won,
            Outcome::Lost => &mut self.lost,
            Outcome::Recycled => &mut self.recycled,
            Outcome::Withdrawn => &mut self.withdrawn,
        }
    }
}

/// Number of ways to end: got there, lost, recycled, withdrawn.
const CAUSES: usize = 4;

/// Deals on their way from somewhere to somewhere.
#[derive(Default)]
struct Cohort {
    seen: Sample,
}

impl Cohort {
    /// Adds a deal that set out at `start` and got there at `there`, if it did.
    fn add(&mut self, journey: &Journey, start: i64, there: Option<i64>, as_of: i64) {
        let cause = match journey.outcome {
            Outcome::Lost => Some(1),
            Outcome::Recycled => Some(2),
            Outcome::Withdrawn => Some(3),
            Outcome::Open | Outcome::Won => None,
        };
        let observation = match (there, cause, journey.decided) {
            (Some(there), _, _) => Observation::ended(there.saturating_sub(start), 0),
            (None, Some(cause), Some(decided)) => Observation::ended(decided.saturating_sub(start), cause),
            _ => {
                let until = journey.visits.last().and_then(|v| v.left).unwrap_or(as_of);
                Observation::censored(until.saturating_sub(start))
            }
        };
        self.seen.push(observation);
    }

    fn step(self, floors: Floors, room: &mut Room) -> Step {
        let curve = self.seen.plateau_in(CAUSES, room);
        let (entered, reached, finished) = (curve.n, curve.reached, curve.finished);
        let rate = |value: f64, n: usize, interval: Option<(f64, f64)>| {
            if finished < floors.rate.max(1) {
                return Estimate::TooEarly { n: finished };
            }
            Estimate::Known { value, n, low: interval.map(|i| i.0), high: interval.map(|i| i.1) }
        };
        Step {
            entered,
            reached,
            open: entered - finished,
            raw: rate(reached as f64 / entered.max(1) as f64, entered, wilson(reached, entered)),
            estimate: rate(curve.share, finished, curve.interval),
            undecided: curve.undecided,
        }
    }
}

#[derive(Default)]
struct Tally {
    entered: usize,
    to_next: Cohort,
    to_won: Cohort,
    visits: usize,
    exits: Exits,
    reopened: usize,
    lengths: Sample,
    untimed: usize,
}

impl Tally {
    fn join(&mut self, other: Tally) {
        self.entered += other.entered;
        self.to_next.seen.append(other.to_next.seen);
        self.to_won.seen.append(other.to_won.seen);
        self.visits += other.visits;
        self.exits.join(other.exits);
        self.reopened += other.reopened;
        self.lengths.append(other.lengths);
        self.untimed += other.untimed;
    }

    fn visit(
        &mut self,
        required: &Required,
        index: usize,
        visit: &Visit,
        before: Option<&Visit>,
        after: Option<&Visit>,
        as_of: i64,
    ) {
        self.visits += 1;
        if before.is_some_and(|b| b.moved_on && matches!(b.spot, Spot::End(_))) {
            self.reopened += 1;
        }
        *self.exits.of(exit(required, index, visit, after)) += 1;
        match visit.length(as_of) {
            Some(length) => self.lengths.push(length),
            None => self.untimed += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DAY;
    use super::super::fixture::{day, path, pipeline};
    use super::*;
    use crate::history::spell::Spell;

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };

    fn all(pipeline: &Pipeline, spells: &[Vec<Spell>], on: i64, floors: Floors) -> Funnel {
        funnel(pipeline, &Spells::from(spells.concat().as_slice()), day(on), Window::default(), floors)
    }

    fn raw(step: &Step) -> Option<i64> {
        step.raw.value().map(|share| (share * 100.0).round() as i64)
    }

    /// Wrote to 10, spoke to 5, offered to 3, signed 1; the others stay where they are or are lost.
    fn hunting(others_are_lost: bool) -> Vec<Vec<Spell>> {
        let stages = ["wrote", "spoke", "offered", "won"];
        let reached = [10, 5, 3, 1];
        let deal = |i: usize| {
            let mut steps: Vec<(&str, i64)> =
                (0..4).filter(|s| i < reached[*s]).map(|s| (stages[s], s as i64)).collect();
            if others_are_lost && steps.len() < 4 {
                steps.push(("lost", 9));
            }
            path(&format!("d{i}"), &steps)
        };
        (0..10).map(deal).collect()
    }

    #[test]
    fn wrote_to_ten_spoke_to_five_offered_to_three_signed_one() {
        let pipeline = pipeline(&["wrote", "spoke", "offered"]);
        for others_are_lost in [true, false] {
            let funnel = all(&pipeline, &hunting(others_are_lost), 20, NO_FLOORS);
            let steps: Vec<_> = funnel.stages.iter().map(|s| raw(s.to_next.as_ref().unwrap()).unwrap()).collect();
            assert_eq!(steps, [50, 60, 33]);
            assert_eq!(raw(&funnel.overall), Some(10));
            assert_eq!(raw(funnel.stages[0].to_won.as_ref().unwrap()), Some(10));
            let entered: Vec<_> = funnel.stages.iter().map(|s| s.entered).collect();
            assert_eq!(entered, [10, 5, 3]);
        }
    }

    #[test]
    fn once_all_have_ended_the_estimate_is_the_plain_share() {
        let funnel = all(&pipeline(&["wrote", "spoke", "offered"]), &hunting(true), 20, NO_FLOORS);
        for stage in &funnel.stages {
            let step = stage.to_next.as_ref().unwrap();
            assert!((step.estimate.value().unwrap() - step.raw.value().unwrap()).abs() < 1e-12);
            assert_eq!((step.open, step.undecided), (0, 0.0));
        }
        assert_eq!(funnel.standing, Standing { won: 1, lost: 9, ..Standing::default() });
    }

    #[test]
    fn below_the_floor_it_is_too_early() {
        let funnel = all(&pipeline(&["wrote", "spoke", "offered"]), &hunting(true), 20, Floors::default());
        let offered = funnel.stages[2].to_next.as_ref().unwrap();
        assert_eq!((offered.raw.clone(), offered.reached), (Estimate::TooEarly { n: 3 }, 1));
        assert_eq!(funnel.stages[2].median_seconds, Estimate::TooEarly { n: 3 });
        assert!(funnel.stages[0].median_seconds.value().is_some());
    }

    #[test]
    fn open_deals_are_censored_and_not_failures() {
        let pipeline = pipeline(&["a", "b"]);
        let mut spells: Vec<_> = (0..5).map(|i| path(&format!("w{i}"), &[("a", 0), ("b", 10)])).collect();
        spells.extend((0..5).map(|i| path(&format!("l{i}"), &[("a", 0), ("lost", 20)])));
        spells.extend((0..10).map(|i| path(&format!("o{i}"), &[("a", 99)])));
        let step = all(&pipeline, &spells, 100, NO_FLOORS).stages[0].to_next.clone().unwrap();
        assert_eq!((step.entered, step.reached, step.open), (20, 5, 10));
        assert_eq!(raw(&step), Some(25));
        assert!((step.estimate.value().unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn skips_returns_and_reopened_deals_are_counted_and_optional_stages_are_no_skip() {
        let pipeline = pipeline(&["a", "b?", "c", "d"]);
        let spells = [
            path("optional", &[("a", 0), ("c", 1)]),
            path("skip", &[("a", 0), ("d", 1), ("won", 2)]),
            path("back", &[("a", 0), ("c", 1), ("a", 2)]),
            path("again", &[("a", 0), ("lost", 1), ("a", 5), ("c", 6)]),
        ];
        let funnel = all(&pipeline, &spells, 9, NO_FLOORS);
        assert_eq!((funnel.skips, funnel.returns, funnel.reopened), (1, 1, 1));
        let a = &funnel.stages[0];
        assert_eq!((a.entered, a.visits, a.reopened), (4, 6, 1));
        assert_eq!(a.exits, Exits { forward: 3, skipped: 1, lost: 1, open: 1, ..Exits::default() });
        // The lost deal came back and went on: it is not lost, and all four came past `a`.
        assert_eq!(a.to_next.as_ref().unwrap().reached, 4);
        assert_eq!(funnel.standing, Standing { open: 3, won: 1, ..Standing::default() });
    }

    #[test]
    fn a_win_that_was_taken_back_is_none() {
        let spells = [path("x", &[("a", 0), ("won", 1), ("a", 2)]), path("y", &[("a", 0), ("won", 1)])];
        let funnel = all(&pipeline(&["a"]), &spells, 9, NO_FLOORS);
        assert_eq!((funnel.overall.reached, funnel.overall.open, funnel.reopened), (1, 1, 1));
    }

    #[test]
    fn a_removed_file_is_withdrawn_while_open_and_stays_won_after() {
        let spells = [path("x", &[("a", 0), ("-", 3)]), path("y", &[("a", 0), ("won", 1), ("-", 5)])];
        let funnel = all(&pipeline(&["a"]), &spells, 9, NO_FLOORS);
        assert_eq!(funnel.standing, Standing { won: 1, withdrawn: 1, ..Standing::default() });
        assert_eq!(funnel.stages[0].exits, Exits { won: 1, withdrawn: 1, ..Exits::default() });
    }

    #[test]
    fn stages_from_won_at_on_count_as_won_and_go_on_being_steps() {
        let mut pipeline = pipeline(&["offer", "kickoff", "work"]);
        pipeline.won_at = Some(StageId::new("kickoff").unwrap());
        let spells = [
            path("x", &[("offer", 0), ("kickoff", 1), ("work", 2), ("won", 3)]),
            path("y", &[("offer", 0), ("kickoff", 1)]),
        ];
        let funnel = all(&pipeline, &spells, 9, NO_FLOORS);
        assert_eq!((funnel.overall.reached, funnel.overall.open), (2, 0));
        assert_eq!(raw(funnel.stages[0].to_next.as_ref().unwrap()), Some(100));
        assert_eq!(raw(funnel.stages[1].to_next.as_ref().unwrap()), Some(50));
        assert_eq!(raw(funnel.stages[2].to_next.as_ref().unwrap()), Some(100));
        assert!(funnel.stages[1].to_won.is_none());
    }

    #[test]
    fn the_window_asks_when_a_deal_first_came_in() {
        let spells = [path("early", &[("a", 0), ("b", 8)]), path("late", &[("a", 10), ("lost", 11)])];
        let window = Window { from: Some(day(5)), until: Some(day(20)) };
        let spells = Spells::from(spells.concat().as_slice());
        let funnel = funnel(&pipeline(&["a", "b"]), &spells, day(30), window, NO_FLOORS);
        assert_eq!((funnel.overall.entered, funnel.stages[0].entered, funnel.stages[1].entered), (1, 1, 1));
    }

    #[test]
    fn time_in_stage_counts_visits_that_last_as_at_least_so_long() {
        let mut spells: Vec<_> = (1..=8).map(|i| path(&format!("d{i}"), &[("a", 0), ("b", i)])).collect();
        spells.extend((0..8).map(|i| path(&format!("o{i}"), &[("a", 0)])));
        let a = &all(&pipeline(&["a", "b"]), &spells, 30, Floors::default()).stages[0];
        assert_eq!(a.median_seconds.value(), Some(8 * DAY));
        assert_eq!(a.p90_seconds, Estimate::NotReached { beyond: 30 * DAY, n: 8 });
    }

    #[test]
    fn a_file_that_was_away_for_a_time_ends_no_visit_and_makes_no_move() {
        let spells: Vec<_> = (0..8)
            .map(|i| {
                let mut spells = path(&format!("d{i}"), &[("b", 0), ("-", 3)]);
                spells.extend(path(&format!("d{i}"), &[("a", 9)]));
                spells
            })
            .collect();
        let funnel = all(&pipeline(&["a", "b"]), &spells, 20, Floors::default());
        let b = &funnel.stages[1];
        assert_eq!((b.exits, b.visits), (Exits { withdrawn: 8, ..Exits::default() }, 8));
        assert_eq!(b.median_seconds, Estimate::TooEarly { n: 0 });
        assert_eq!((funnel.returns, funnel.overall.open), (0, 8));
    }

    #[test]
    fn a_commit_that_only_tidies_up_gives_no_length_and_no_direction() {
        let spells: Vec<_> = (0..8)
            .map(|i| {
                let mut spells = path(&format!("d{i}"), &[("b", 0), ("a", 3)]);
                (spells[0].to, spells[1].left_censored) = (None, true);
                spells
            })
            .collect();
        let funnel = all(&pipeline(&["a", "b"]), &spells, 20, Floors::default());
        assert_eq!(funnel.stages[1].exits, Exits { other: 8, ..Exits::default() });
        assert_eq!(funnel.stages[1].median_seconds, Estimate::TooEarly { n: 0 });
        assert_eq!((funnel.returns, funnel.stages[0].untimed), (0, 8));
    }

    #[test]
    fn imported_visits_are_not_timed() {
        let mut spells = path("x", &[("a", 0), ("b", 3)]);
        spells[0].left_censored = true;
        let a = &all(&pipeline(&["a", "b"]), &[spells], 9, NO_FLOORS).stages[0];
        assert_eq!((a.untimed, a.entered, a.median_seconds.clone()), (1, 1, Estimate::TooEarly { n: 0 }));
    }

    #[test]
    fn nothing_at_all_is_no_failure() {
        let funnel = all(&pipeline(&["a"]), &[], 0, NO_FLOORS);
        assert_eq!(funnel.overall.raw, Estimate::TooEarly { n: 0 });
        assert_eq!(funnel.stages[0].p90_seconds, Estimate::TooEarly { n: 0 });
    }
}
