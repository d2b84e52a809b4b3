//! How long everything takes: the time in each stage, the sales cycle, velocity, and the first answer.

use serde::Serialize;

use crate::metrics::calendar::{Clock, WorkingTime};
use crate::metrics::compare::Confidence;
use crate::metrics::compared;
use crate::metrics::cycle::{self, Cycle};
use crate::metrics::estimate::Floors;
use crate::metrics::funnel::Window;
use crate::metrics::journey::{Journeys, journeys};
use crate::metrics::sla::{self, Sla};
use crate::metrics::stage_time::{StageTime, stage_times};

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::DaysOf;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "visits",
        "visits to the stage that began inside the window, each by itself: median and p90 by Kaplan-Meier, visits that \
         last are censored, imported ones are not timed; interval of Brookmeyer and Crowley, log(-log)",
    ),
    (
        "deals",
        "all visits of a deal to the stage added up, of deals whose first visit to it began inside the window; deals that \
         are there now are censored",
    ),
    (
        "cycle.won",
        "from the first visit to a stage until winning, deals won inside the window only; too short while the pipeline \
         grows, as slow deals are still open; the interval of the mean is that of the normal distribution",
    ),
    ("cycle.lost", "the same of deals lost inside the window"),
    (
        "cycle.decided",
        "of deals that came in inside the window, until they were won, lost or recycled, by Kaplan-Meier; open and removed \
         deals are censored",
    ),
    (
        "velocity",
        "open x win rate x average amount / cycle, money a day, all four of the deals that came in inside the window: the \
         open ones, the Aalen-Johansen share that is won, the mean amount of the won ones at winning, their mean cycle; no \
         interval, as it is a product of four estimates from the same deals",
    ),
    (
        "sla.share",
        "kept / (kept + missed), with Wilson's 95 % interval; kept: an activity, or a move on, on or before the day on which \
         the limit ends; pending: the day is not over; gone: left otherwise before it was over",
    ),
    (
        "sla.to_next",
        "Aalen-Johansen share that gets to the next stage, of first visits that were still there when the limit ended: \
         answered in time against not; the interval of the difference is Newcombe's square-and-add of the two",
    ),
    (
        "pace",
        "how many times as fast visits ended as in the days before: ratio of hazards with the interval of the log-rank \
         test, of what happened inside the days of each; below 1 is slower. All comparisons together are at 95 %",
    ),
];

/// How fast visits to a stage end, against the days before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StagePace {
    /// What people call the stage.
    pub title: String,
    /// The pace.
    #[serde(flatten)]
    pub pace: crate::metrics::compare::Pace,
}

/// How long everything takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Times {
    /// Whether only working hours count.
    pub business_hours: bool,
    /// Seconds that make a day: 86,400, or those of a working day.
    pub day_seconds: i64,
    /// The floors that were applied.
    pub floors: Floors,
    /// The time in each stage.
    pub stages: Vec<StageTime>,
    /// The sales cycle.
    pub cycle: Cycle,
    /// First answers, in stages that have an `sla`.
    pub sla: Vec<Sla>,
    /// Each stage against the days before, in seconds by the clock on the wall; empty where there are none to compare with.
    pub pace: Vec<StagePace>,
}

/// How long everything takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimeReport {
    /// The days that it is about; `None`: all.
    pub days: Option<DaysOf>,
    /// The days that it is compared with.
    pub days_before: Option<DaysOf>,
    /// The times.
    pub time: Part<Times>,
}

impl Body for TimeReport {
    const NAME: &'static str = "time";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] =
        &[("stages", "/time/stages"), ("sla", "/time/sla"), ("pace", "/time/pace")];

    fn rows(&self) -> usize {
        0
    }

    // It is made of numbers of many deals alone.
    fn restrict(&mut self, _: Profile) {}
}

/// The times of what happened on the days that were asked for.
pub fn make(facts: &Facts<'_>) -> TimeReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let (span, previous) = (facts.asked.span, facts.asked.previous);
    let calendar = facts.pipeline.calendar.as_ref().filter(|_| facts.asked.business_hours);
    let working = calendar.map(|calendar| {
        let first = journeys.iter().flat_map(|journey| journey.visits).map(|visit| visit.entered).min();
        // Limits that began lately end later.
        let longest = facts.pipeline.stages.iter().filter_map(|stage| stage.sla).map(|sla| i64::from(sla.hours)).max();
        let beyond = longest.unwrap_or(0).saturating_mul(4 * 3600).saturating_add(30 * crate::metrics::DAY);
        let (from, to) = (first.unwrap_or(facts.as_of.0), facts.as_of.0.saturating_add(beyond));
        WorkingTime::new(calendar, &facts.pipeline.timezone, from, to)
    });
    let clock = working.as_ref().map_or(Clock::Wall, Clock::Working);
    let window = facts.cohorts(span);
    TimeReport {
        days: span.map(DaysOf::from),
        days_before: previous.map(DaysOf::from),
        time: facts.part(times(facts, &journeys, window, clock, working.is_some())),
    }
}

fn times(facts: &Facts<'_>, journeys: &Journeys, window: Window, clock: Clock<'_>, business_hours: bool) -> Times {
    let (pipeline, as_of, floors) = (facts.pipeline, facts.as_of.0, facts.floors);
    let pace = facts.asked.previous.map(|previous| {
        let input = compared::Input {
            pipeline,
            journeys,
            as_of,
            before: facts.cohorts(Some(previous)),
            now: window,
            within: None,
            floors,
        };
        let confidence = Confidence::of(pipeline.stages.len());
        let stages = pipeline.stages.iter().enumerate();
        let pace = |(index, stage): (usize, &crate::format::pipeline::Stage)| StagePace {
            title: stage.title.clone(),
            pace: compared::stages_pace(&input, index..index + 1, confidence),
        };
        stages.map(pace).collect()
    });
    Times {
        business_hours,
        day_seconds: clock.day_seconds(),
        floors,
        stages: stage_times(pipeline, journeys, as_of, window, clock, floors),
        cycle: cycle::cycle(pipeline, journeys, facts.tracks, as_of, window, clock, floors),
        sla: sla::slas(&sla::Input {
            pipeline,
            deals: facts.deals,
            journeys,
            as_of,
            today: facts.today,
            window,
            clock,
            floors,
        }),
        pace: pace.unwrap_or_default(),
    }
}
