//! Whether the last forecasts came true, and what follows from that for the next.

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;

use crate::format::forecast::ForecastSettings;
use crate::format::pipeline::Pipeline;
use crate::history::event::KnownAt;
use crate::metrics::DAY;
use crate::metrics::journey::Outcome;

use super::hazards::Chances;
use super::log::Log;
use super::model::Model;

/// So many past forecasts are looked at. Each begins when half of the time of the one before it is over, at the end of a
/// week: forecasts for 90 days that were made week after week would nearly all tell of the same luck.
pub const WINDOWS: usize = 8;

/// So many wins as forecast are taken for granted, so that a few do not say much: forecasts of a small pipeline were mostly
/// assumption, and that they were off says little of what is forecast since.
const WEIGHT: f64 = 60.0;

/// A forecast made with fewer closed deals is mostly assumption; whether that came true says nothing about the model.
const ENOUGH: usize = 20;

/// A past forecast whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Window {
    /// When it was made, in seconds since 1970.
    pub made_at: i64,
    /// How many days it looked ahead.
    #[serde(skip)]
    pub days: u32,
    /// Deals that were open then.
    pub deals: usize,
    /// Wins among them that it expected.
    pub expected: f64,
    /// Wins among them that came.
    pub won: usize,
}

impl Window {
    /// What would have been forecast for `days` days at a time, by what was known then, and what came of it; `None` where
    /// too little was known to say anything.
    pub fn at(pipeline: &Pipeline, settings: &ForecastSettings, log: &Log, made_at: i64, days: u32) -> Option<Window> {
        let past = log.until(KnownAt(made_at));
        let journeys = past.journeys(pipeline);
        if journeys.iter().filter(|journey| journey.is_closed()).count() < ENOUGH {
            return None;
        }
        let model = Model::of(pipeline, settings, &past, &journeys);
        let after = log.until(KnownAt(made_at.saturating_add(i64::from(days) * DAY)));
        let reader = log.reader(pipeline);
        let mut window = Window { made_at, days, deals: 0, expected: 0.0, won: 0 };
        for open in model.open_deals(&journeys) {
            window.deals += 1;
            window.expected += model.chances_of(&past, &open, &[days]).first().map_or(0.0, |chances| chances.won);
            window.won +=
                usize::from(after.outcome(&reader, open.deal).is_some_and(|(outcome, _)| outcome == Outcome::Won));
        }
        Some(window)
    }
}

/// The ends of weeks (the last second of Sunday in the pipeline's time zone), the last one at `time` or before it, going
/// back.
pub fn week_ends(pipeline: &Pipeline, time: i64) -> impl Iterator<Item = i64> + '_ {
    let day = pipeline.day_of(time);
    let since_sunday = u64::from(day.weekday().num_days_from_sunday());
    let sunday = day.checked_sub_days(Days::new(since_sunday)).unwrap_or(NaiveDate::MIN);
    let sundays = std::iter::successors(Some(sunday), |sunday| sunday.checked_sub_days(Days::new(7)));
    sundays.map(|sunday| pipeline.end_of(sunday)).skip_while(move |end| *end > time)
}

/// When the past forecasts for `days` days were made whose time is over at `as_of`, the latest first. Those that looked
/// further ahead than anybody had looked back are left out: what comes after so many days they could only assume.
pub fn made(pipeline: &Pipeline, log: &Log, as_of: i64, days: u32) -> Vec<i64> {
    let ahead = i64::from(days) * DAY;
    let first = log.first_known().map_or(i64::MAX, |first| first.0.saturating_add(ahead));
    let last = as_of.saturating_sub(ahead);
    let weeks = (days / 14).max(1) as usize;
    week_ends(pipeline, last).step_by(weeks).take(WINDOWS).take_while(|end| *end >= first).collect()
}

/// By how much forecasts were off lately.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// How many past forecasts it rests on.
    pub windows: usize,
    /// Wins that they expected together.
    pub expected: f64,
    /// Wins that came.
    pub won: usize,
    /// What follows: above 1 more was won than expected.
    pub factor: f64,
}

impl Drift {
    /// What past forecasts say together; `None` where there are none.
    pub fn of(windows: &[Window]) -> Option<Drift> {
        let expected: f64 = windows.iter().map(|window| window.expected).sum();
        let won: usize = windows.iter().map(|window| window.won).sum();
        // Where the times of two forecasts overlap the same wins were counted twice, and say no more for that.
        let once = days_covered(windows) / windows.iter().map(|window| f64::from(window.days)).sum::<f64>().max(1.0);
        let factor = (won as f64 * once + WEIGHT) / (expected * once + WEIGHT);
        (!windows.is_empty()).then_some(Drift { windows: windows.len(), expected, won, factor })
    }

    /// The chances corrected: `p' = 1 - (1 - p)^g` for being won. Being lost and staying open keep their proportion.
    pub fn apply(&self, chances: Chances) -> Chances {
        let won = 1.0 - (1.0 - chances.won.clamp(0.0, 1.0)).powf(self.factor);
        let rest = chances.lost + chances.open;
        let lost = if rest > 0.0 { (1.0 - won) * chances.lost / rest } else { 0.0 };
        Chances { won, lost, open: (1.0 - won - lost).max(0.0) }
    }
}

/// The days that at least one of these forecasts looked at.
fn days_covered(windows: &[Window]) -> f64 {
    let span =
        |window: &Window| (window.made_at, window.made_at.saturating_add(i64::from(window.days).saturating_mul(DAY)));
    let mut spans: Vec<(i64, i64)> = windows.iter().map(span).collect();
    spans.sort_unstable();
    let (mut covered, mut until) = (0.0, i64::MIN);
    for (from, to) in spans {
        covered += to.saturating_sub(from.max(until)).max(0) as f64 / DAY as f64;
        until = until.max(to);
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::zone::Zone;
    use crate::metrics::fixture::{day, pipeline};

    #[test]
    fn weeks_end_with_sunday_in_the_time_zone_of_the_pipeline() {
        let mut pipeline = pipeline(&["a"]);
        pipeline.timezone = Zone::named("Europe/Moscow").unwrap();
        // Day 0 is Monday, 2026-01-05; the Sunday before ends at 21:00 UTC.
        let ends: Vec<i64> = week_ends(&pipeline, day(8)).take(2).collect();
        assert_eq!(ends, [day(7) - 3 * 3600 - 1, day(0) - 3 * 3600 - 1]);
        let at_the_end = week_ends(&pipeline, ends[0]).next();
        assert_eq!(at_the_end, Some(ends[0]));
        assert_eq!(week_ends(&pipeline, ends[0] - 1).next(), Some(ends[1]));
    }

    #[test]
    fn past_forecasts_follow_each_other_by_half_of_their_time_and_what_overlaps_counts_once() {
        let log = crate::forecast::fixture::log(&[("acme", &[("a", 0)], &[])]);
        let pipeline = pipeline(&["a"]);
        let apart = |days: u32| -> Vec<i64> {
            let made = made(&pipeline, &log, day(1000), days);
            made.windows(2).map(|pair| (pair[0] - pair[1]) / DAY).collect()
        };
        assert_eq!((apart(7), apart(14), apart(90)), (vec![7; 7], vec![7; 7], vec![42; 7]));
        // Nobody had looked back for a year before day 364.
        assert_eq!(apart(364), [182; 1]);

        let window = |on, days| Window { made_at: day(on), days, deals: 100, expected: 20.0, won: 60 };
        let factor = |windows: &[Window]| Drift::of(windows).unwrap().factor;
        assert!((factor(&[window(0, 30)]) - 120.0 / 80.0).abs() < 1e-12);
        assert!((factor(&[window(0, 30), window(0, 30), window(0, 30)]) - 120.0 / 80.0).abs() < 1e-12);
        // Three times thirty days in sixty: 120 wins, 40 of them expected.
        assert!((factor(&[window(30, 30), window(15, 30), window(0, 30)]) - 180.0 / 100.0).abs() < 1e-12);
    }

    #[test]
    fn more_wins_than_expected_raise_the_chances_and_certainty_stays() {
        let window = |on, expected, won| Window { made_at: day(on), days: 30, deals: 10, expected, won };
        assert_eq!(Drift::of(&[]), None);
        let drift = Drift::of(&[window(30, 10.0, 40), window(0, 10.0, 60)]).unwrap();
        assert!((drift.factor - 2.0).abs() < 1e-12);
        let half = drift.apply(Chances { won: 0.5, lost: 0.3, open: 0.2 });
        assert!((half.won - 0.75).abs() < 1e-12 && (half.lost - 0.15).abs() < 1e-12);
        assert_eq!(drift.apply(Chances::NONE), Chances::NONE);
        let sure = Chances { won: 1.0, lost: 0.0, open: 0.0 };
        assert_eq!(drift.apply(sure), sure);
    }
}
