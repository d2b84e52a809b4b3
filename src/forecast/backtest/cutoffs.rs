//! When the forecasts of a backtest are made.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::Serialize;

use crate::format::forecast::Horizon;
use crate::format::pipeline::Pipeline;
use crate::history::event::KnownAt;
use crate::metrics::DAY;
use crate::metrics::journey::Journeys;
use crate::metrics::quantile::quantile;

use super::{Bench, Plan};

/// Closed deals without which no forecast is scored: before that it is mostly assumption.
pub const ENOUGH_CLOSED: usize = 20;

/// How far apart the forecasts of a backtest are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// At the end of each Sunday.
    #[default]
    Week,
    /// At the end of each month.
    Month,
}

impl Step {
    /// The first end of a week, or month, on this day or after it.
    fn end_from(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Step::Week => day.checked_add_days(Days::new(u64::from(6 - day.weekday().num_days_from_monday()))),
            Step::Month => day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt(),
        }
    }

    /// The fewest days between two of them.
    fn days(self) -> u32 {
        match self {
            Step::Week => 7,
            Step::Month => 28,
        }
    }
}

/// When a forecast is made, and what it looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutoff {
    /// The day at the end of which it is made.
    pub day: NaiveDate,
    /// Its last second.
    pub at: KnownAt,
    /// The last day of the horizon.
    pub until_day: NaiveDate,
    /// How many days it looks ahead.
    pub days: u32,
    /// When these are over.
    pub until: KnownAt,
    /// Which era it is made in.
    pub era: usize,
    /// Which era it is over in.
    pub era_until: usize,
}

/// Why nothing can be scored yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum TooEarly {
    /// Too few deals were closed before the last forecast that is over.
    FewClosed {
        /// How many.
        closed: usize,
        /// How many it takes.
        needed: usize,
    },
    /// History had not lasted for one median cycle.
    ShortHistory {
        /// The median time from the beginning of a deal to its end, in days.
        cycle_days: f64,
    },
    /// No end of a week, or month, lies a horizon before now.
    NoTime,
}

/// The cut-offs of a plan, oldest first.
///
/// # Errors
/// When there is none.
pub(super) fn of(bench: &Bench<'_>, plan: &Plan, horizon: Horizon) -> Result<Vec<Cutoff>, TooEarly> {
    let (Some(era), Some(first)) = (bench.eras.last(), bench.eras.first()) else { return Err(TooEarly::NoTime) };
    let pipeline = &*era.pipeline;
    let known = era.log.first_known().unwrap_or(first.from).max(first.from);
    let begin = pipeline.day_of(known.0).max(plan.from.unwrap_or(NaiveDate::MIN));
    let end = pipeline.day_of(plan.now.0).min(plan.to.unwrap_or(NaiveDate::MAX));
    let mut cutoffs = Vec::new();
    let mut reason = TooEarly::NoTime;
    let mut next = plan.step.end_from(begin);
    while let Some(day) = next.filter(|day| *day <= end) {
        next = day.succ_opt().and_then(|day| plan.step.end_from(day));
        let Some(cutoff) = cutoff(bench, pipeline, day, horizon).filter(|cutoff| cutoff.until <= plan.now) else {
            continue;
        };
        // Once enough is known it stays so, but for wins that are taken back.
        if cutoffs.is_empty()
            && let Err(early) = is_ready(bench, &cutoff)
        {
            reason = early;
            continue;
        }
        cutoffs.push(cutoff);
    }
    if cutoffs.is_empty() { Err(reason) } else { Ok(cutoffs) }
}

fn cutoff(bench: &Bench<'_>, today: &Pipeline, day: NaiveDate, horizon: Horizon) -> Option<Cutoff> {
    let era = bench.era_at(KnownAt(today.end_of(day)))?;
    let pipeline = &*bench.eras.get(era)?.pipeline;
    let at = pipeline.end_of(day);
    let days = horizon.days_from(day, pipeline.fiscal_year_start);
    let until = KnownAt(at.saturating_add(i64::from(days) * DAY));
    let until_day = horizon.until(day, pipeline.fiscal_year_start);
    // At the end of a month nothing of it is left to forecast.
    (days > 0).then_some(Cutoff {
        day,
        at: KnownAt(at),
        until_day,
        days,
        until,
        era,
        era_until: bench.era_at(until).unwrap_or(era),
    })
}

/// Whether enough was known to forecast by.
fn is_ready(bench: &Bench<'_>, cutoff: &Cutoff) -> Result<(), TooEarly> {
    let Some(era) = bench.eras.get(cutoff.era) else { return Err(TooEarly::NoTime) };
    let journeys = era.log.until(cutoff.at).journeys(&era.pipeline);
    let cycles = cycles(&journeys);
    let closed = journeys.iter().filter(|journey| journey.is_closed()).count();
    if closed < ENOUGH_CLOSED {
        return Err(TooEarly::FewClosed { closed, needed: ENOUGH_CLOSED });
    }
    let lasted = cutoff.at.0.saturating_sub(era.log.first_known().unwrap_or(cutoff.at).0);
    match quantile(&cycles, 0.5, 1).value() {
        Some(median) if lasted < median => Err(TooEarly::ShortHistory { cycle_days: median as f64 / DAY as f64 }),
        _ => Ok(()),
    }
}

/// How long closed deals took, in seconds, where that is known.
fn cycles(journeys: &Journeys) -> Vec<i64> {
    let cycle = |journey: crate::metrics::journey::Journey<'_>| {
        let first = journey.visits.first().filter(|first| !first.left_censored)?;
        Some(journey.decided.filter(|_| journey.is_closed())?.saturating_sub(first.entered))
    };
    journeys.iter().filter_map(cycle).collect()
}

/// How many neighbouring cut-offs share time: the longest horizon over the step, rounded up.
pub fn block<'c>(cutoffs: impl Iterator<Item = &'c Cutoff>, step: Step) -> usize {
    let longest = cutoffs.map(|cutoff| cutoff.days).max().unwrap_or(1);
    longest.div_ceil(step.days()).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_end_with_sunday_and_months_with_their_last_day() {
        let week = |text: &str| Step::Week.end_from(day(text)).unwrap().to_string();
        assert_eq!([week("2026-11-16"), week("2026-11-21"), week("2026-11-22")], ["2026-11-22"; 3]);
        assert_eq!(week("2026-12-29"), "2027-01-03");
        assert_eq!(day(&week("2026-12-29")).weekday(), chrono::Weekday::Sun);
        let month = |text: &str| Step::Month.end_from(day(text)).unwrap().to_string();
        assert_eq!(
            [month("2028-02-01"), month("2028-02-29"), month("2026-12-31")],
            ["2028-02-29", "2028-02-29", "2026-12-31"]
        );
        assert_eq!(Step::Week.end_from(NaiveDate::MAX), None);
        assert_eq!(Step::Month.end_from(NaiveDate::MAX), None);
    }

    #[test]
    fn neighbours_overlap_for_as_long_as_they_look_ahead() {
        let cutoff = |days| Cutoff {
            day: day("2026-11-22"),
            at: KnownAt(0),
            until_day: day("2026-11-29"),
            days,
            until: KnownAt(0),
            era: 0,
            era_until: 0,
        };
        let of = |days: &[u32], step| block(days.iter().map(|days| cutoff(*days)).collect::<Vec<_>>().iter(), step);
        assert_eq!([of(&[28], Step::Week), of(&[29], Step::Week), of(&[7, 90], Step::Week)], [4, 5, 13]);
        assert_eq!([of(&[28], Step::Month), of(&[31], Step::Month), of(&[], Step::Month)], [1, 2, 1]);
    }
}
