//! The first answer to a deal that came to a stage with an `sla`: how often it came in time, and whether that helps.
//!
//! A visit is *answered* by the first `activity` on or after the day of entry, or by a move to a later stage or to won,
//! whichever is first. Activities have a day and no hour, so the day counts for both: what is answered on the day on which
//! the limit ends is kept, even if the hour had passed. A visit is
//!
//! - *kept* when it was answered by then;
//! - *missed* when it was not, and that day is over, also where an answer came later or the deal is still open;
//! - *pending* while the day is not over;
//! - *gone* when the deal left otherwise before the day was over (lost, moved back, removed): nobody can say.
//!
//! A deal that moves on fast counts as kept because it does well, not the other way round. So conversion is compared among
//! those visits only that were still there when the limit ended (a landmark; Anderson, Cain and Gelber, Journal of Clinical
//! Oncology 1, 1983): some had been answered by then, the others had not.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::date::Period;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{EndKind, Pipeline};
use crate::format::zone::Zone;

use super::calendar::Clock;
use super::compare::{self, Change, Confidence};
use super::conversion::{Goal, reached, watched};
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::interval::wilson;
use super::journey::{Journey, Journeys, Spot, Visit};
use super::survival::{Observation, Sample};

/// How visits to a stage were answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sla {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// The limit, as the pipeline file writes it: `24h`.
    pub limit: String,
    /// Visits that began inside the window, and whose beginning is known.
    pub visits: usize,
    /// Answered in time.
    pub kept: usize,
    /// Not answered in time.
    pub missed: usize,
    /// Those of `missed` that are still open without an answer.
    pub waiting: usize,
    /// Open and not answered, with time left.
    pub pending: usize,
    /// Left otherwise before the limit ended.
    pub gone: usize,
    /// Visits whose beginning is unknown.
    pub untimed: usize,
    /// `kept / (kept + missed)`, with Wilson's interval.
    pub share: Estimate<f64>,
    /// Whether answering in time goes with getting to the next stage.
    pub to_next: Effect,
    /// Whether it goes with being won; `None` for stages that count as won.
    pub to_won: Option<Effect>,
}

/// Conversion of deals that were answered in time against the others. First visits only, that were still there when the
/// limit ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// Deals answered in time.
    pub kept: usize,
    /// The share of them that got there, open ones censored.
    pub conversion_kept: Estimate<f64>,
    /// Deals not answered in time.
    pub missed: usize,
    /// The share of them that got there, open ones censored.
    pub conversion_missed: Estimate<f64>,
    /// `conversion_kept - conversion_missed`, with the square-and-add interval.
    pub difference: Change,
}

/// What answers are counted from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its deals, whose activities are the answers.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
    /// Today; activities after it have not happened.
    pub today: NaiveDate,
    /// Visits that began inside it count.
    pub window: Window,
    /// Which hours the limit counts.
    pub clock: Clock<'a>,
    /// The floors.
    pub floors: Floors,
}

/// How visits to each stage with an `sla` were answered, in the order of the stages.
pub fn slas(input: &Input<'_>) -> Vec<Sla> {
    let pipeline = input.pipeline;
    let limited = pipeline.stages.iter().enumerate().filter_map(|(index, stage)| Some((index, stage, stage.sla?)));
    let mut tallies: Vec<Tally> = limited.map(|(index, _, limit)| Tally::new(index, limit)).collect();
    if tallies.is_empty() {
        return Vec::new();
    }
    let activity: HashMap<&DealId, Vec<NaiveDate>> =
        input.deals.iter().map(|deal| (&deal.id, activity_days(deal, input.today))).collect();
    for (id, journey) in input.journeys.named() {
        let days = activity.get(id).map(Vec::as_slice).unwrap_or_default();
        for tally in &mut tallies {
            tally.take(input, &journey, days);
        }
    }
    tallies.into_iter().filter_map(|tally| tally.sla(input)).collect()
}

/// The days of a deal's activities up to today, sorted.
pub fn activity_days(deal: &Deal, today: NaiveDate) -> Vec<NaiveDate> {
    deal.activity_days(today)
}

/// How one visit was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In time.
    Kept,
    /// Not in time.
    Missed {
        /// And not yet, while the deal is still there.
        waiting: bool,
    },
    /// Not yet, with time left.
    Pending,
    /// The deal left otherwise before the limit ended.
    Gone,
}

/// Gives how each visit that counts for the stage `index` was answered, deal by deal; none where the stage has no `sla`.
pub fn each_answer<'i>(input: &Input<'i>, index: usize, mut each: impl FnMut(&'i DealId, &Visit, Answer)) {
    let zone = &input.pipeline.timezone;
    let Some(limit) = input.pipeline.stages.get(index).and_then(|stage| stage.sla) else { return };
    let deals: HashMap<&DealId, &Deal> = input.deals.iter().map(|deal| (&deal.id, deal)).collect();
    for (id, journey) in input.journeys.named() {
        let days = deals.get(id).map(|deal| activity_days(deal, input.today)).unwrap_or_default();
        for (position, visit) in journey.visits.iter().enumerate() {
            if visit.spot != Spot::Stage(index) || !input.window.holds(visit.entered) || visit.left_censored {
                continue;
            }
            let deadline = input.clock.limit(visit.entered, limit.hours).map(|ends| zone.day_of(ends));
            let next = journey.visits.get(position + 1);
            each(id, visit, answer(visit, next, index, &days, deadline, zone, input.today));
        }
    }
}

/// How a visit to the stage `index` was answered, by the days of the deal's activities. `deadline` is the day on which the
/// limit ends; `None`: never.
fn answer(
    visit: &Visit,
    next: Option<&Visit>,
    index: usize,
    days: &[NaiveDate],
    deadline: Option<NaiveDate>,
    zone: &Zone,
    today: NaiveDate,
) -> Answer {
    let entered = zone.day_of(visit.entered);
    let left = visit.left.map(|left| zone.day_of(left));
    let moved_on = visit.moved_on && next.is_some_and(|next| next.spot.is_beyond(index));
    let acted = days.get(days.partition_point(|day| *day < entered)..).and_then(|later| later.first()).copied();
    // What was done after the deal had left answers nothing here.
    let acted = acted.filter(|acted| left.is_none_or(|left| *acted <= left));
    let answered = acted.into_iter().chain(left.filter(|_| moved_on)).min();
    let is_in_time = |day: NaiveDate| deadline.is_none_or(|deadline| day <= deadline);
    match (answered, left) {
        (Some(day), _) if is_in_time(day) => Answer::Kept,
        (Some(_), _) => Answer::Missed { waiting: false },
        (None, Some(left)) if is_in_time(left) => Answer::Gone,
        (None, Some(_)) => Answer::Missed { waiting: false },
        (None, None) if is_in_time(today) => Answer::Pending,
        (None, None) => Answer::Missed { waiting: true },
    }
}

/// Deals on their way, from the moment the limit ended.
#[derive(Default)]
struct Group {
    next: Sample,
    won: Sample,
}

struct Tally {
    stage: usize,
    limit: Period,
    counts: [usize; 4],
    waiting: usize,
    untimed: usize,
    kept: Group,
    missed: Group,
}

impl Tally {
    fn new(stage: usize, limit: Period) -> Self {
        let (kept, missed) = (Group::default(), Group::default());
        Tally { stage, limit, counts: [0; 4], waiting: 0, untimed: 0, kept, missed }
    }

    fn take(&mut self, input: &Input<'_>, journey: &Journey<'_>, days: &[NaiveDate]) {
        let zone = &input.pipeline.timezone;
        let mut is_first = true;
        for (position, visit) in journey.visits.iter().enumerate() {
            if visit.spot != Spot::Stage(self.stage) {
                continue;
            }
            let is_own_first = std::mem::replace(&mut is_first, false);
            if !input.window.holds(visit.entered) {
                continue;
            }
            if visit.left_censored {
                self.untimed += 1;
                continue;
            }
            let ends = input.clock.limit(visit.entered, self.limit.hours);
            let deadline = ends.map(|ends| zone.day_of(ends));
            let next = journey.visits.get(position + 1);
            let answer = answer(visit, next, self.stage, days, deadline, zone, input.today);
            let [kept, missed, pending, gone] = &mut self.counts;
            match answer {
                Answer::Kept => *kept += 1,
                Answer::Missed { waiting } => {
                    *missed += 1;
                    self.waiting += usize::from(waiting);
                }
                Answer::Pending => *pending += 1,
                Answer::Gone => *gone += 1,
            }
            // The landmark: still here when the day of the limit was over.
            let is_here = |deadline: NaiveDate| {
                let left = visit.left.map(|left| zone.day_of(left));
                deadline < input.today && left.is_none_or(|left| left > deadline)
            };
            let (Some(ends), true) = (ends, is_own_first && deadline.is_some_and(is_here)) else { continue };
            let group = match answer {
                Answer::Kept => &mut self.kept,
                Answer::Missed { .. } => &mut self.missed,
                Answer::Pending | Answer::Gone => continue,
            };
            group.add(input, journey, position, self.stage, ends);
        }
    }

    fn sla(self, input: &Input<'_>) -> Option<Sla> {
        let stage = input.pipeline.stages.get(self.stage)?;
        let [kept, missed, pending, gone] = self.counts;
        let answered = kept + missed;
        let interval = wilson(kept, answered);
        let share = if answered < input.floors.rate.max(1) {
            Estimate::TooEarly { n: answered }
        } else {
            Estimate::Known {
                value: kept as f64 / answered as f64,
                n: answered,
                low: interval.map(|i| i.0),
                high: interval.map(|i| i.1),
            }
        };
        let can_be_won = self.stage < input.pipeline.won_index();
        Some(Sla {
            stage: stage.id.clone(),
            title: stage.title.clone(),
            limit: self.limit.to_string(),
            visits: kept + missed + pending + gone,
            kept,
            missed,
            waiting: self.waiting,
            pending,
            gone,
            untimed: self.untimed,
            share,
            to_next: effect(self.kept.next, self.missed.next, input.floors),
            to_won: can_be_won.then(|| effect(self.kept.won, self.missed.won, input.floors)),
        })
    }
}

impl Group {
    fn add(&mut self, input: &Input<'_>, journey: &Journey<'_>, position: usize, stage: usize, start: i64) {
        let won_index = input.pipeline.won_index();
        let observe = |goal: Goal| -> Observation {
            watched(journey, start, reached(journey, position, goal, won_index), goal, won_index, input.as_of)
        };
        self.next.push(observe(Goal::Reach(stage + 1)));
        self.won.push(observe(Goal::End(EndKind::Won)));
    }
}

/// Compares two groups. The groups differ by more than the answer, so it is a comparison and no proof.
fn effect(kept: Sample, missed: Sample, floors: Floors) -> Effect {
    let (with, without) = (kept.plateau(2), missed.plateau(2));
    let estimate = |p: &super::survival::Plateau| match p.interval {
        Some((low, high)) if p.finished >= floors.rate.max(1) => {
            Estimate::Known { value: p.share, n: p.finished, low: Some(low), high: Some(high) }
        }
        _ => Estimate::TooEarly { n: p.finished },
    };
    let share = |p: &super::survival::Plateau| compare::Share { value: p.share, n: p.precision };
    let difference = if with.finished.min(without.finished) < floors.rate.max(1) {
        Change::too_early()
    } else {
        compare::shares(share(&without), share(&with), Confidence::ONE)
    };
    Effect {
        kept: with.n,
        conversion_kept: estimate(&with),
        missed: without.n,
        conversion_missed: estimate(&without),
        difference,
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare::Verdict;
    use super::super::fixture::{date, deal, path, pipeline, with};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field, Value};
    use crate::history::spell::{Spell, Spells};

    fn active(id: &str, stage: &str, days: &[&str]) -> Deal {
        let entry = |day: &&str| {
            let on = Field { value: date(day), span: Span::default() };
            let block = Block { entries: vec![("on".to_owned(), Span::default(), on)] };
            Field { value: Value::Block(block), span: Span::default() }
        };
        with(deal(id, stage), "activity", Value::List(days.iter().map(entry).collect()))
    }

    fn of(spells: &[Vec<Spell>], deals: &[Deal], today: &str, floors: Floors) -> Sla {
        let mut pipeline = pipeline(&["a", "b"]);
        pipeline.stages[0].sla = Period::parse("24h");
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let today: NaiveDate = today.parse().unwrap();
        let as_of = today.and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp();
        let (window, clock) = (Window::default(), Clock::Wall);
        slas(&Input { pipeline: &pipeline, deals, journeys: &journeys, as_of, today, window, clock, floors })
            .pop()
            .unwrap()
    }

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };

    #[test]
    fn an_answer_counts_by_its_day() {
        // Day 0 is 2026-01-05; 24 hours end on the 6th.
        type Case<'c> = (&'c str, &'c [(&'c str, i64)], &'c [&'c str], [usize; 5]);
        let cases: [Case<'_>; 10] = [
            ("same day", &[("a", 0)], &["2026-01-05"], [1, 0, 0, 0, 0]),
            ("last day", &[("a", 0)], &["2026-01-06"], [1, 0, 0, 0, 0]),
            ("a day late", &[("a", 0)], &["2026-01-07"], [0, 1, 0, 0, 0]),
            ("before it came", &[("a", 0)], &["2026-01-04"], [0, 1, 1, 0, 0]),
            ("after today", &[("a", 0)], &["2026-02-01"], [0, 1, 1, 0, 0]),
            ("moved on", &[("a", 0), ("b", 1)], &[], [1, 0, 0, 0, 0]),
            ("moved on late", &[("a", 0), ("b", 3)], &[], [0, 1, 0, 0, 0]),
            ("lost at once", &[("a", 0), ("lost", 1)], &[], [0, 0, 0, 0, 1]),
            ("lost late", &[("a", 0), ("lost", 3)], &[], [0, 1, 0, 0, 0]),
            ("just came", &[("a", 14)], &[], [0, 0, 0, 1, 0]),
        ];
        for (name, steps, days, wanted) in cases {
            let sla = of(&[path("x", steps)], &[active("x", "a", days)], "2026-01-20", NO_FLOORS);
            assert_eq!([sla.kept, sla.missed, sla.waiting, sla.pending, sla.gone], wanted, "{name}");
        }
    }

    #[test]
    fn activity_after_a_visit_does_not_answer_it() {
        let spells = [path("x", &[("a", 0), ("lost", 3), ("a", 9)])];
        let sla = of(&spells, &[active("x", "a", &["2026-01-14"])], "2026-01-20", NO_FLOORS);
        assert_eq!((sla.visits, sla.kept, sla.missed), (2, 1, 1));
    }

    #[test]
    fn keeping_it_is_compared_among_those_still_there() {
        let (mut spells, mut deals) = (Vec::new(), Vec::new());
        for i in 0..40 {
            let id = format!("d{i}");
            let kept = i < 20;
            let won = if kept { i % 4 > 0 } else { i % 4 == 0 };
            spells.push(path(&id, &[("a", 0), if won { ("b", 5) } else { ("lost", 5) }]));
            deals.push(active(&id, "b", if kept { &["2026-01-05"] } else { &[] }));
        }
        // These moved on within the limit, so nobody knows what an answer would have done.
        spells.extend((0..9).map(|i| path(&format!("fast{i}"), &[("a", 0), ("b", 0)])));
        let sla = of(&spells, &deals, "2026-01-20", Floors::default());
        assert_eq!((sla.kept, sla.missed), (29, 20));
        let effect = &sla.to_next;
        assert_eq!((effect.kept, effect.missed), (20, 20));
        assert_eq!((effect.conversion_kept.value(), effect.conversion_missed.value()), (Some(0.75), Some(0.25)));
        assert_eq!((effect.difference.value, effect.difference.verdict), (Some(0.5), Verdict::Up));
        assert_eq!(sla.to_won.unwrap().difference.verdict, Verdict::NoSign);
    }

    #[test]
    fn below_the_floor_nothing_is_said() {
        let sla = of(&[path("x", &[("a", 0), ("b", 1)])], &[], "2026-01-20", Floors::default());
        assert_eq!((sla.share, sla.to_next.difference), (Estimate::TooEarly { n: 1 }, Change::too_early()));
    }
}
