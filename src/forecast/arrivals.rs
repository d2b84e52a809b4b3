//! New business: deals that are not there yet and will be won within the time that a forecast looks ahead.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

use crate::format::money::Money;
use crate::format::pipeline::{Pipeline, Status};
use crate::metrics::DAY;
use crate::metrics::journey::{Journeys, Outcome};
use crate::metrics::rates::Converter;

use super::drift::Drift;
use super::hazards::Factors;
use super::log::Past;
use super::model::Model;

/// The days whose new deals say how many come.
const LATELY: f64 = 56.0;
/// The days before that give the pace that few new deals are taken to have.
const LONG: f64 = 364.0;
/// How many days of that pace count beside what came lately.
const PACE_WEIGHT: f64 = 28.0;
/// So many amounts stand for all that new deals can have.
const AMOUNTS: usize = 64;

/// How deals come in, and what they bring.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Deals that came in lately: within eight weeks, or since the pipeline began.
    pub lately: usize,
    /// How many come a day, on average.
    pub per_day: f64,
    /// How well that is known: the number of new deals that it rests on (the shape of a gamma distribution).
    pub shape: f64,
    /// The stages that they come in at, by index, with their shares, which add up to 1.
    pub entries: Vec<(usize, f64)>,
    /// What a won one brings in the pipeline's currency, any of these equally likely, rising; none where nothing was won
    /// with an amount.
    pub amounts: Vec<Decimal>,
}

impl Arrivals {
    /// By what was known. `None` where no deal came in yet but by import.
    pub fn of(pipeline: &Pipeline, past: &Past<'_>, journeys: &Journeys) -> Option<Arrivals> {
        let as_of = past.time().0;
        let first = past.log().first_known()?.0;
        let days_since = |at: i64| as_of.saturating_sub(at) as f64 / DAY as f64;
        let watched = days_since(first).max(1.0);
        let (lately_days, long_days) = (LATELY.min(watched), LONG.min(watched));
        let (mut lately, mut long) = (0_usize, 0_usize);
        let mut entries: BTreeMap<usize, usize> = BTreeMap::new();
        let places: Vec<Option<usize>> = past.log().stages().iter().map(|stage| open_stage(pipeline, stage)).collect();
        for arrival in past.arrivals() {
            let ago = days_since(arrival.at.0);
            if ago > long_days || ago < 0.0 {
                continue;
            }
            long += 1;
            lately += usize::from(ago <= lately_days);
            if let Some(Some(stage)) = places.get(arrival.stage as usize) {
                *entries.entry(*stage).or_default() += 1;
            }
        }
        if long == 0 {
            return None;
        }
        let pace = long as f64 / long_days;
        let shape = lately as f64 + pace * PACE_WEIGHT;
        // Who comes in closed already, or to a place that is no stage, brings nothing that is still to be won.
        let share = |(stage, count): (usize, usize)| (stage, count as f64 / long as f64);
        Some(Arrivals {
            lately,
            per_day: shape / (lately_days + PACE_WEIGHT),
            shape,
            entries: entries.into_iter().map(share).collect(),
            amounts: amounts(pipeline, past, journeys),
        })
    }

    /// How many new deals will have been won after each of these numbers of days, which rise, corrected by how the last
    /// forecasts came true: what was off for open deals was off for these.
    pub fn wins(&self, model: &Model, drift: Option<&Drift>, days: &[u32]) -> Vec<f64> {
        let longest = days.last().copied().unwrap_or(0);
        let every: Vec<u32> = (0..=longest).collect();
        let mut won = vec![0.0; every.len()];
        for (stage, share) in &self.entries {
            for (sum, chances) in won.iter_mut().zip(model.within(*stage, 0, Factors::ONE, &every)) {
                *sum += share * drift.map_or(chances, |drift| drift.apply(chances)).won;
            }
        }
        // A deal that comes in during a day has, on average, half of it left.
        let mut sums = Vec::with_capacity(won.len());
        let mut sum = 0.0;
        sums.push(sum);
        for pair in won.windows(2) {
            sum += pair.iter().sum::<f64>() / 2.0;
            sums.push(sum);
        }
        days.iter().map(|days| self.per_day * sums.get(*days as usize).copied().unwrap_or(sum)).collect()
    }

    /// The mean of what a won deal brings, exactly.
    pub fn mean_amount(&self) -> Option<Decimal> {
        let sum = self.amounts.iter().try_fold(Decimal::ZERO, |sum, amount| sum.checked_add(*amount))?;
        sum.checked_div(Decimal::from(self.amounts.len()))
    }

    /// The amounts, for distributions.
    pub fn rough_amounts(&self) -> Vec<f64> {
        self.amounts.iter().filter_map(ToPrimitive::to_f64).collect()
    }
}

fn open_stage(pipeline: &Pipeline, stage: &crate::format::ident::StageId) -> Option<usize> {
    let today = pipeline.current_name(stage.as_str())?;
    let index = pipeline.stages.iter().position(|own| own.id == *today)?;
    (pipeline.status(today) == Status::Open).then_some(index)
}

/// The amounts of the deals won within a year, or ever where none was; of many, some at equal distances.
fn amounts(pipeline: &Pipeline, past: &Past<'_>, journeys: &Journeys) -> Vec<Decimal> {
    let as_of = past.time().0;
    let (converter, day) = (Converter::of(pipeline), pipeline.day_of(as_of));
    let mut won: Vec<(bool, Decimal)> = Vec::new();
    for (deal, journey) in journeys.numbered().filter(|(_, journey)| journey.outcome == Outcome::Won) {
        let money = past.value(deal, "amount", None).and_then(|text| Money::parse(text, pipeline.currency).ok());
        let amount = money.and_then(|money| converter.convert(money, day)).filter(|amount| *amount >= Decimal::ZERO);
        let is_recent = journey.decided.is_some_and(|at| as_of.saturating_sub(at) <= 365 * DAY);
        won.extend(amount.map(|amount| (is_recent, amount)));
    }
    let any_recent = won.iter().any(|(is_recent, _)| *is_recent);
    let mut amounts: Vec<Decimal> =
        won.into_iter().filter(|(is_recent, _)| *is_recent || !any_recent).map(|(_, amount)| amount).collect();
    amounts.sort_unstable();
    if amounts.len() > AMOUNTS {
        let count = amounts.len();
        let at = |i: usize| amounts.get((2 * i + 1) * count / (2 * AMOUNTS)).copied();
        amounts = (0..AMOUNTS).filter_map(at).collect();
    }
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::fixture::log;
    use crate::format::forecast::ForecastSettings;
    use crate::history::event::KnownAt;
    use crate::metrics::fixture::{day, pipeline};

    fn arrivals(log: &crate::forecast::log::Log, on: i64) -> (Option<Arrivals>, Model) {
        let pipeline = pipeline(&["brief", "offer"]);
        let past = log.until(KnownAt(day(on)));
        let journeys = past.journeys(&pipeline);
        let model = Model::of(&pipeline, &ForecastSettings::default(), &past, &journeys);
        (Arrivals::of(&pipeline, &past, &journeys), model)
    }

    #[test]
    fn deals_come_as_they_came_lately_with_four_weeks_of_the_longer_pace() {
        let ids: Vec<String> = (0..12).map(|i| format!("d{i:02}")).collect();
        // Eight deals in the first 28 days, four in the last 56 of 112.
        let days = [0, 4, 8, 12, 16, 20, 24, 28, 60, 70, 80, 90];
        let ways: Vec<[(&str, i64); 2]> =
            days.iter().map(|on| [("brief", *on), (if on % 8 == 0 { "won" } else { "lost" }, *on + 5)]).collect();
        let amounts = [("amount", "100")];
        let stories: Vec<_> = ids.iter().zip(&ways).map(|(id, way)| (id.as_str(), &way[..], &amounts[..])).collect();
        let (found, model) = arrivals(&log(&stories), 112);
        let found = found.unwrap();
        assert_eq!((found.lately, found.entries.clone()), (4, vec![(0, 1.0)]));
        // (4 + 12/112 * 28) / (56 + 28)
        assert!((found.per_day - 7.0 / 84.0).abs() < 1e-12 && (found.shape - 7.0).abs() < 1e-12);
        assert_eq!(found.mean_amount(), Some(Decimal::from(100)));
        let wins = found.wins(&model, None, &[0, 1, 30, 90]);
        assert_eq!(wins[0], 0.0);
        assert!(wins.windows(2).all(|pair| pair[0] <= pair[1]));
        // The sum over the days on which they come, by hand.
        let by_hand: f64 = (0..30_u32)
            .map(|on| {
                let won = |days: u32| model.within(0, 0, Factors::ONE, &[days])[0].won;
                found.per_day * (won(30 - on) + won(29 - on)) / 2.0
            })
            .sum();
        assert!((wins[2] - by_hand).abs() < 1e-12);
    }

    #[test]
    fn without_new_deals_there_is_no_new_business() {
        assert_eq!(arrivals(&log(&[]), 10).0, None);
        let old = log(&[("acme", &[("brief", 0)], &[])]);
        assert_eq!(arrivals(&old, 500).0, None);
        assert!(arrivals(&old, 100).0.unwrap().amounts.is_empty());
    }

    #[test]
    fn many_amounts_are_told_by_sixty_four() {
        let ids: Vec<String> = (0..640).map(|i| format!("d{i:03}")).collect();
        let amounts: Vec<[(&str, String); 1]> = (0..640).map(|i| [("amount", (i * 10).to_string())]).collect();
        let fields: Vec<[(&str, &str); 1]> = amounts.iter().map(|[(field, text)]| [(*field, text.as_str())]).collect();
        let way = [("brief", 0), ("won", 1)];
        let stories: Vec<_> = ids.iter().zip(&fields).map(|(id, own)| (id.as_str(), &way[..], &own[..])).collect();
        let found = arrivals(&log(&stories), 20).0.unwrap().amounts;
        assert_eq!((found.len(), found[0], found[63]), (64, Decimal::from(50), Decimal::from(6350)));
    }
}
