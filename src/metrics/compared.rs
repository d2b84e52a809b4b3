//! The funnel of a period against the one of the period before it.
//!
//! The later period is the younger one, so its deals have had less time. Both are therefore followed for the same number of
//! days: as many as nine of ten deals that went on needed, but no more than at least half of the deals of either period have
//! been watched for. Who went on later is not counted, in neither period.

use serde::Serialize;

use crate::format::ident::StageId;
use crate::format::pipeline::{EndKind, Pipeline};

use super::DAY;
use super::compare::{self, Change, Confidence, Pace, Stretch};
use super::conversion::{Goal, reached, watched, within};
use super::cycle::first_stage;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::journey::{Journey, Journeys, Outcome, Spot};
use super::survival::{Observation, Plateau, Sample};

/// The same share in two periods.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// Deals that set out in the period before.
    pub entered_before: usize,
    /// The share of them that got there.
    pub before: Estimate<f64>,
    /// Deals that set out in the period.
    pub entered: usize,
    /// The share of them that got there.
    pub now: Estimate<f64>,
    /// Days that each deal had.
    pub within_days: i64,
    /// `now - before`.
    pub change: Change,
}

/// One stage in two periods.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageShift {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Conversion to the next stage; `None` for the last one where no end of kind won follows.
    pub to_next: Option<Shift>,
    /// How fast visits to it end: the ratio of hazards, by what happened inside the two periods.
    pub pace: Pace,
}

/// What two periods are compared by.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The journeys of its deals.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
    /// The period before.
    pub before: Window,
    /// The period.
    pub now: Window,
    /// Days that each deal has; `None`: see above.
    pub within: Option<u32>,
    /// The floors.
    pub floors: Floors,
}

/// The funnel of two periods, stage by stage, and from coming in to won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Every stage, in order.
    pub stages: Vec<StageShift>,
    /// From coming in, at whatever stage, to won.
    pub overall: Shift,
    /// How many comparisons share the 95 %.
    pub comparisons: usize,
}

/// Compares two periods. Its comparisons share 95 % confidence.
pub fn compared(input: &Input<'_>) -> Compared {
    let stages = input.pipeline.stages.len();
    let has_next = |index: usize| index + 1 < stages || input.pipeline.ends.iter().any(|e| e.kind == EndKind::Won);
    let comparisons = (0..stages).map(|index| 1 + usize::from(has_next(index))).sum::<usize>() + 1;
    let confidence = Confidence::of(comparisons);
    let rows = input.pipeline.stages.iter().enumerate().map(|(index, stage)| StageShift {
        stage: stage.id.clone(),
        title: stage.title.clone(),
        to_next: has_next(index).then(|| to_next(input, index, confidence)),
        pace: stages_pace(input, index..index + 1, confidence),
    });
    Compared { stages: rows.collect(), overall: overall(input, confidence), comparisons }
}

/// Conversion from one stage to the next in both periods.
pub fn to_next(input: &Input<'_>, stage: usize, confidence: Confidence) -> Shift {
    shift(input, confidence, Goal::Reach(stage + 1), |journey| journey.first_visit(stage))
}

/// From coming in to won in both periods.
pub fn overall(input: &Input<'_>, confidence: Confidence) -> Shift {
    let first = |journey: &Journey<'_>| journey.visits.iter().position(|v| matches!(v.spot, Spot::Stage(_)));
    shift(input, confidence, Goal::End(EndKind::Won), first)
}

/// How fast visits to some stages end in the two periods, each stage compared with itself.
pub fn stages_pace(input: &Input<'_>, stages: std::ops::Range<usize>, confidence: Confidence) -> Pace {
    let mut strata: Vec<(Vec<Stretch>, Vec<Stretch>)> = stages.clone().map(|_| Default::default()).collect();
    for visit in input.journeys.iter().flat_map(|journey: Journey<'_>| journey.visits) {
        let Spot::Stage(index) = visit.spot else { continue };
        let Some((before, now)) = index.checked_sub(stages.start).and_then(|at| strata.get_mut(at)) else { continue };
        if visit.left_censored {
            continue;
        }
        let (over, seen) = (visit.left.filter(|_| visit.moved_on), visit.left.unwrap_or(input.as_of));
        before.extend(Stretch::inside(input.before, visit.entered, over, seen));
        now.extend(Stretch::inside(input.now, visit.entered, over, seen));
    }
    compare::stratified(&strata, input.floors.quantile, confidence)
}

/// How fast deals are decided, won or lost, in the two periods.
pub fn cycle_pace(input: &Input<'_>, confidence: Confidence) -> Pace {
    let (mut before, mut now) = (Vec::new(), Vec::new());
    for journey in input.journeys.iter() {
        let Some(first) = first_stage(&journey).filter(|first| !first.left_censored) else { continue };
        let over = journey.decided.filter(|_| journey.outcome != Outcome::Withdrawn);
        let seen = journey.visits.last().and_then(|v| v.left).unwrap_or(input.as_of);
        before.extend(Stretch::inside(input.before, first.entered, over, seen));
        now.extend(Stretch::inside(input.now, first.entered, over, seen));
    }
    compare::stratified(&[(before, now)], input.floors.quantile, confidence)
}

/// Deals of one period on their way: what is known of each, and for how long it could be watched.
#[derive(Default)]
struct Cohort(Vec<(Observation, i64)>);

impl Cohort {
    /// So long at least half of them could be watched.
    fn half_watched(&self) -> Option<i64> {
        let mut watched: Vec<i64> = self.0.iter().map(|(_, watched)| *watched).collect();
        let middle = watched.len().checked_sub(1)? / 2;
        Some(*watched.select_nth_unstable(middle).1)
    }

    fn plateau(&self, horizon: i64) -> Plateau {
        let mut sample = Sample::default();
        self.0.iter().for_each(|(seen, _)| sample.push(within(*seen, Some(horizon))));
        sample.plateau(2)
    }
}

fn shift(
    input: &Input<'_>,
    confidence: Confidence,
    goal: Goal,
    start: impl Fn(&Journey<'_>) -> Option<usize>,
) -> Shift {
    let won_index = input.pipeline.won_index();
    let (mut before, mut now) = (Cohort::default(), Cohort::default());
    for journey in input.journeys.iter() {
        let Some(position) = start(&journey) else { continue };
        let Some(entered) = journey.visits.get(position).map(|v| v.entered) else { continue };
        let (was, is) = (input.before.holds(entered), input.now.holds(entered));
        if was || is {
            let there = reached(&journey, position, goal, won_index);
            let seen = watched(&journey, entered, there, goal, won_index, input.as_of);
            let row = (seen, input.as_of.saturating_sub(entered));
            if was {
                before.0.push(row);
            }
            if is {
                now.0.push(row);
            }
        }
    }
    let horizon = match input.within {
        Some(days) => i64::from(days) * DAY,
        None => horizon(&before, &now),
    };
    let (was, is) = (before.plateau(horizon), now.plateau(horizon));
    let floor = input.floors.rate.max(1);
    let change = if was.finished.min(is.finished) < floor {
        Change::too_early()
    } else {
        let share = |p: &Plateau| compare::Share { value: p.share, n: p.precision };
        compare::shares(share(&was), share(&is), confidence)
    };
    let estimate = |p: &Plateau| match p.interval {
        Some((low, high)) if p.finished >= floor => {
            Estimate::Known { value: p.share, n: p.finished, low: Some(low), high: Some(high) }
        }
        _ => Estimate::TooEarly { n: p.finished },
    };
    Shift {
        entered_before: was.n,
        before: estimate(&was),
        entered: is.n,
        now: estimate(&is),
        within_days: horizon / DAY,
        change,
    }
}

/// In seconds, whole days, at least one.
fn horizon(before: &Cohort, now: &Cohort) -> i64 {
    let mut needed: Vec<i64> =
        before.0.iter().chain(&now.0).filter(|(seen, _)| seen.cause == Some(0)).map(|(seen, _)| seen.time).collect();
    let place = (needed.len() * 9).div_ceil(10).saturating_sub(1);
    let most = if needed.is_empty() { i64::MAX } else { *needed.select_nth_unstable(place).1 };
    let watched = before.half_watched().into_iter().chain(now.half_watched()).min().unwrap_or(0);
    // Up to the end of the day by which they had gone on.
    let days = (most.saturating_add(DAY - 1) / DAY).min(watched / DAY);
    days.max(1) * DAY
}

#[cfg(test)]
mod tests {
    use super::super::compare::Verdict;
    use super::super::fixture::{day, path, pipeline};
    use super::super::journey::journeys;
    use super::*;
    use crate::history::spell::{Spell, Spells};

    const WINDOWS: (Window, Window) = (
        Window { from: Some(1_767_571_200), until: Some(1_767_571_200 + 30 * DAY) },
        Window { from: Some(1_767_571_200 + 30 * DAY), until: Some(1_767_571_200 + 60 * DAY) },
    );

    fn of(spells: &[Vec<Spell>], as_of: i64) -> Compared {
        let pipeline = pipeline(&["a", "b"]);
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let (before, now) = WINDOWS;
        let floors = Floors::default();
        compared(&Input {
            pipeline: &pipeline,
            journeys: &journeys,
            as_of: day(as_of),
            before,
            now,
            within: None,
            floors,
        })
    }

    /// Two deals a day, that go on after `wait` to `wait + 3` days, all but one of the two on every `nth` day, which is lost.
    fn steady(days: std::ops::Range<i64>, nth: i64, wait: i64) -> Vec<Vec<Spell>> {
        let deal = |i: i64| {
            let next = if i % nth == 0 { "lost" } else { "b" };
            path(&format!("d{i}"), &[("a", i), (next, i + wait + i % 4)])
        };
        days.flat_map(|i| [deal(i), path(&format!("e{i}"), &[("a", i), ("b", i + wait + i % 4)])]).collect()
    }

    #[test]
    fn a_young_period_does_not_look_worse_for_being_young() {
        // The last deals of the period have only just come in, and stay as long as all others.
        let spells: Vec<_> = steady(0..60, 3, 10)
            .into_iter()
            .map(|deal| deal.into_iter().filter(|s| s.entered.0 <= day(60)).collect::<Vec<_>>())
            .map(|mut deal: Vec<Spell>| {
                if let Some(last) = deal.last_mut().filter(|s| s.left.is_some_and(|l| l.0 > day(60))) {
                    (last.left, last.to) = (None, None);
                }
                deal
            })
            .collect();
        let found = of(&spells, 60);
        let shift = found.stages[0].to_next.as_ref().unwrap();
        assert_eq!((shift.entered_before, shift.entered, shift.within_days), (60, 60, 13));
        assert_eq!(shift.change.verdict, Verdict::NoSign);
        let difference = shift.now.value().unwrap() - shift.before.value().unwrap();
        assert!(difference.abs() < 0.05, "{difference}");
        assert_eq!(found.stages[0].pace.ratio.verdict, Verdict::NoSign);
        assert_eq!(found.comparisons, 5);
    }

    #[test]
    fn a_real_drop_and_a_real_slowdown_are_seen() {
        let mut spells = steady(0..30, 10, 3);
        spells.extend(steady(30..60, 1, 9));
        let found = of(&spells, 100);
        let shift = found.stages[0].to_next.as_ref().unwrap();
        assert_eq!(shift.change.verdict, Verdict::Down);
        assert_eq!(found.stages[0].pace.ratio.verdict, Verdict::Down);
        assert!(found.stages[0].pace.ratio.value.unwrap() < 0.5);
        assert_eq!(found.stages[1].pace.ratio.verdict, Verdict::TooEarly);
    }

    #[test]
    fn few_deals_are_too_early() {
        let found = of(&steady(28..32, 3, 2), 60);
        assert_eq!(found.overall.change.verdict, Verdict::TooEarly);
        assert_eq!(found.stages[0].to_next.as_ref().unwrap().change.verdict, Verdict::TooEarly);
    }
}
