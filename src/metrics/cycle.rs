//! The sales cycle, from coming in to the end, and the velocity of sales.

use rust_decimal::Decimal;
use serde::Serialize;

use crate::format::pipeline::Pipeline;
use crate::history::track::Tracks;

use super::calendar::Clock;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::interval::Z;
use super::journey::{Journey, Journeys, Outcome, Spot};
use super::stage_time::Lengths;
use super::survival::{Observation, Sample};
use super::total::{Total, decimal_share};
use super::worth::Worth;

/// How long deals took that came to one end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finished {
    /// The mean in seconds, with the interval that the normal distribution gives.
    pub mean_seconds: Estimate<i64>,
    /// Median and p90.
    #[serde(flatten)]
    pub lengths: Lengths,
}

/// The sales cycle.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cycle {
    /// Deals won inside the window: from their first visit to a stage to winning. Deals that are slow are missing while
    /// they are open, so it reads too short while the pipeline grows.
    pub won: Finished,
    /// Deals lost inside the window, in the same way.
    pub lost: Finished,
    /// Deals that came in inside the window, until they are decided either way; open ones are censored.
    pub decided: Lengths,
    /// What the pipeline earns a day.
    pub velocity: Velocity,
}

/// The velocity of sales: `open x win rate x average amount / cycle`, all four of the deals that came in inside the
/// window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Velocity {
    /// Money a day, rounded to the currency's digits; `None` where one of the four is not known.
    pub per_day: Option<Total>,
    /// Deals of the cohort that are open.
    pub open: usize,
    /// The Aalen-Johansen share of the cohort that is won.
    pub win_rate: Estimate<f64>,
    /// The average amount of the cohort's won deals when they were won, in the pipeline's currency.
    pub average: Option<Total>,
    /// The won deals behind the average.
    pub average_of: usize,
    /// The mean time of the cohort's won deals from coming in to winning, in seconds.
    pub cycle_seconds: Estimate<i64>,
}

/// `open x win_rate x average / days`, with the cycle in seconds of days that are `day_seconds` long; `None` where the
/// cycle is no length or the result cannot be held.
pub fn velocity(open: usize, win_rate: f64, average: Total, cycle: i64, day_seconds: i64) -> Option<Total> {
    if cycle <= 0 {
        return None;
    }
    let wins = Decimal::from(open as u64).checked_mul(decimal_share(win_rate))?;
    let worth = wins.checked_mul(average.sum?)?.checked_mul(Decimal::from(day_seconds))?;
    let per_day = worth.checked_div(Decimal::from(cycle))?;
    Some(Total { sum: Some(per_day), currency: average.currency }.rounded())
}

/// The sales cycle of deals won, lost, or come in inside the window. `as_of` is in seconds since 1970.
pub fn cycle(
    pipeline: &Pipeline,
    journeys: &Journeys,
    tracks: &Tracks,
    as_of: i64,
    window: Window,
    clock: Clock<'_>,
    floors: Floors,
) -> Cycle {
    let (mut won, mut lost, mut own) = (Times::default(), Times::default(), Times::default());
    let (mut decided, mut undatable) = (Sample::default(), 0);
    let mut wins = Sample::default();
    let mut open = 0;
    let (mut sum, mut priced) = (Total::zero(pipeline.currency), 0_usize);
    for (deal, journey) in journeys.named() {
        let Some(first) = first_stage(&journey) else { continue };
        let (start, is_known) = (first.entered, !first.left_censored);
        let length = journey.decided.map(|decided| clock.between(start, decided));
        if let (Some(length), Some(when)) = (length, journey.decided)
            && window.holds(when)
        {
            match journey.outcome {
                Outcome::Won => won.add(length, is_known),
                Outcome::Lost => lost.add(length, is_known),
                Outcome::Open | Outcome::Recycled | Outcome::Withdrawn => {}
            }
        }
        if !window.holds(start) {
            continue;
        }
        let until = journey.visits.last().and_then(|v| v.left).unwrap_or(as_of);
        let observed = |cause: usize| match length {
            Some(length) => Observation::ended(length, cause),
            None => Observation::censored(clock.between(start, until)),
        };
        match (is_known, journey.outcome) {
            (false, _) => undatable += 1,
            // Nobody knows how long a deal would have taken whose file is gone.
            (true, Outcome::Withdrawn) => decided.push(Observation::censored(observed(0).time)),
            (true, _) => decided.push(observed(0)),
        }
        wins.push(observed(usize::from(journey.outcome != Outcome::Won)));
        open += usize::from(journey.outcome == Outcome::Open);
        if let (Outcome::Won, Some(length), Some(when)) = (journey.outcome, length, journey.decided) {
            own.add(length, is_known);
            if let Worth::Own(amount) = Worth::at(tracks, deal, when, pipeline) {
                sum.add(amount);
                priced += 1;
            }
        }
    }
    let win_rate = share(wins, floors);
    let average = (priced >= floors.rate.max(1))
        .then(|| sum.sum.and_then(|s| s.checked_div(Decimal::from(priced as u64))))
        .flatten()
        .map(|sum| Total { sum: Some(sum), currency: pipeline.currency });
    let mean = own.mean(floors);
    let per_day = match (win_rate.value(), average, mean.value()) {
        (Some(rate), Some(average), Some(cycle)) => velocity(open, rate, average, cycle, clock.day_seconds()),
        _ => None,
    };
    let average = average.map(Total::rounded);
    Cycle {
        won: won.finished(floors),
        lost: lost.finished(floors),
        decided: Lengths::of(decided, undatable, floors),
        velocity: Velocity { per_day, open, win_rate, average, average_of: priced, cycle_seconds: mean },
    }
}

/// The first visit of a deal to a stage.
pub fn first_stage<'j>(journey: &Journey<'j>) -> Option<&'j super::journey::Visit> {
    journey.visits.iter().find(|v| matches!(v.spot, Spot::Stage(_)))
}

fn share(wins: Sample, floors: Floors) -> Estimate<f64> {
    let plateau = wins.plateau(2);
    if plateau.finished < floors.rate.max(1) {
        return Estimate::TooEarly { n: plateau.finished };
    }
    let (low, high) = (plateau.interval.map(|i| i.0), plateau.interval.map(|i| i.1));
    Estimate::Known { value: plateau.share, n: plateau.finished, low, high }
}

/// Lengths of what ended.
#[derive(Default)]
struct Times {
    lengths: Vec<i64>,
    untimed: usize,
}

impl Times {
    fn add(&mut self, length: i64, is_known: bool) {
        if is_known {
            self.lengths.push(length);
        } else {
            self.untimed += 1;
        }
    }

    fn mean(&self, floors: Floors) -> Estimate<i64> {
        let n = self.lengths.len();
        if n < floors.quantile.max(2) {
            return Estimate::TooEarly { n };
        }
        let count = n as f64;
        let mean = self.lengths.iter().map(|l| *l as f64).sum::<f64>() / count;
        let variance = self.lengths.iter().map(|l| (*l as f64 - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let half = Z * (variance / count).sqrt();
        let bound = |value: f64| Some(value.max(0.0).round() as i64);
        Estimate::Known { value: mean.round() as i64, n, low: bound(mean - half), high: bound(mean + half) }
    }

    fn finished(self, floors: Floors) -> Finished {
        let mut sample = Sample::default();
        self.lengths.iter().for_each(|length| sample.push(Observation::ended(*length, 0)));
        Finished { mean_seconds: self.mean(floors), lengths: Lengths::of(sample, self.untimed, floors) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DAY;
    use super::super::fixture::{day, path, pipeline, tracks};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::money::Currency;
    use crate::history::spell::{Spell, Spells};

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };

    fn of(spells: &[Vec<Spell>], changes: &[(&str, &str, i64, &str)], window: Window) -> Cycle {
        let pipeline = pipeline(&["a", "b"]);
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        cycle(&pipeline, &journeys, &tracks(changes), day(40), window, Clock::Wall, NO_FLOORS)
    }

    fn deals() -> Vec<Vec<Spell>> {
        vec![
            path("w1", &[("a", 0), ("b", 3), ("won", 10)]),
            path("w2", &[("b", 0), ("won", 20)]),
            path("l1", &[("a", 0), ("lost", 2)]),
            path("o1", &[("a", 10)]),
            path("o2", &[("a", 10), ("lost", 12), ("a", 15)]),
        ]
    }

    #[test]
    fn won_and_lost_are_apart_and_open_deals_are_censored() {
        let amounts = [("w1", "amount", 0, "100"), ("w1", "amount", 9, "300"), ("w2", "amount", 0, "500")];
        let cycle = of(&deals(), &amounts, Window::default());
        assert_eq!(cycle.won.mean_seconds.value(), Some(15 * DAY));
        assert_eq!((cycle.won.lengths.timed, cycle.won.lengths.median_seconds.value()), (2, Some(10 * DAY)));
        assert_eq!((cycle.lost.lengths.timed, cycle.lost.lengths.median_seconds.value()), (1, Some(2 * DAY)));
        assert_eq!((cycle.decided.ended, cycle.decided.censored), (3, 2));
        let velocity = &cycle.velocity;
        assert_eq!((velocity.open, velocity.average_of), (2, 2));
        assert_eq!(velocity.average.unwrap().sum, Some(400.into()));
        // l1 is lost on day 2, one of four is won on day 10, and of three on day 20; two thirds of four fifths are left.
        let rate = velocity.win_rate.value().unwrap();
        assert!((rate - 0.4).abs() < 1e-9, "{rate}");
        // 2 x 0.4 x 400 / 15 = 21.33.
        assert_eq!(velocity.per_day.unwrap().sum.unwrap().to_string(), "21.33");
    }

    #[test]
    fn velocity_is_that_of_the_textbook() {
        let average = Total { sum: Some(Decimal::from(10_000)), currency: Currency::new("USD").unwrap() };
        let per_day = velocity(50, 0.2, average, 30 * DAY, DAY).unwrap();
        assert_eq!(per_day.sum.unwrap().to_string(), "3333.33");
        assert_eq!(velocity(50, 0.2, average, 0, DAY), None);
        let none = velocity(50, 0.2, Total { sum: Some(Decimal::MAX), ..average }, DAY, DAY);
        assert_eq!(none, None);
    }

    #[test]
    fn a_window_takes_the_deals_that_ended_in_it_and_the_cohort_that_came_in() {
        let window = Window { from: Some(day(5)), until: Some(day(15)) };
        let cycle = of(&deals(), &[], window);
        assert_eq!((cycle.won.lengths.timed, cycle.lost.lengths.timed, cycle.decided.timed), (1, 0, 2));
        assert_eq!((cycle.velocity.open, cycle.velocity.per_day), (2, None));
        assert_eq!(cycle.velocity.win_rate, Estimate::TooEarly { n: 0 });
    }

    #[test]
    fn what_came_in_with_an_import_is_not_timed() {
        let mut spells = deals();
        spells[0][0].left_censored = true;
        let cycle = of(&spells, &[], Window::default());
        assert_eq!((cycle.won.lengths.timed, cycle.won.lengths.untimed, cycle.decided.untimed), (1, 1, 1));
    }
}
