//! What deals were worth at a time, and shares in which each deal counts with its amount.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::ident::DealId;
use crate::format::money::{Currency, Money};
use crate::format::pipeline::Pipeline;
use crate::history::event::ValidAt;
use crate::history::track::Tracks;

use super::estimate::{Estimate, Floors};
use super::interval::wilson_share;
use super::rates::Converter;
use super::survival::Observation;
use super::total::Total;

/// What a deal was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// So much in the pipeline's currency, converted where it was told in another; above zero.
    Own(Decimal),
    /// Something in a currency that has no rate.
    Foreign,
    /// It had no amount, or none above zero.
    Missing,
}

impl Worth {
    /// The worth of an amount at a time (seconds since 1970), by the rates of its day.
    pub fn of(amount: Option<Money>, time: i64, pipeline: &Pipeline) -> Worth {
        let own = |money: Money| match money.currency == pipeline.currency {
            true => Some(money.amount),
            false => Converter::of(pipeline).convert(money, pipeline.day_of(time)),
        };
        match amount.map(own) {
            Some(None) => Worth::Foreign,
            Some(Some(amount)) if amount > Decimal::ZERO => Worth::Own(amount),
            _ => Worth::Missing,
        }
    }

    /// What a deal was worth at a time (seconds since 1970), by its history and the rates of that day.
    pub fn at(tracks: &Tracks, deal: &DealId, time: i64, pipeline: &Pipeline) -> Worth {
        let told = tracks.of_deal(deal).at("amount", ValidAt(time));
        Worth::of(told.and_then(|text| Money::parse(text, pipeline.currency).ok()), time, pipeline)
    }
}

/// A share in which each deal counts with its amount.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByAmount {
    /// Deals that count: those with an amount in the pipeline's currency.
    pub deals: usize,
    /// The sum of their amounts.
    pub entered: Total,
    /// The sum of the amounts of those that got there.
    pub reached: Total,
    /// `reached / entered`; while deals are open, a lower bound.
    pub raw: Estimate<f64>,
    /// The share with open deals taken into account; `None` where only plain counts were asked for.
    pub estimate: Option<Estimate<f64>>,
    /// Deals without an amount above zero; they are in no sum.
    pub without_amount: usize,
    /// Deals in another currency; they are in no sum.
    pub other_currency: usize,
}

/// Deals on their way somewhere, each with its amount.
#[derive(Clone, Debug)]
pub struct Weighed {
    seen: Vec<(Observation, Decimal)>,
    currency: Currency,
    without_amount: usize,
    other_currency: usize,
}

impl Weighed {
    /// Nobody yet.
    pub fn new(currency: Currency) -> Self {
        Weighed { seen: Vec::new(), currency, without_amount: 0, other_currency: 0 }
    }

    /// Adds a deal. Cause 0 is getting there; any other is an end elsewhere; without a cause it is still on its way.
    pub fn push(&mut self, worth: Worth, observation: Observation) {
        match worth {
            Worth::Own(amount) => self.seen.push((observation, amount)),
            Worth::Foreign => self.other_currency += 1,
            Worth::Missing => self.without_amount += 1,
        }
    }

    /// The plain share.
    pub fn plain(self, floors: Floors) -> ByAmount {
        self.share(floors, false)
    }

    /// The plain share, and the share with open deals taken into account: the Aalen-Johansen estimate in which each deal
    /// counts with its amount.
    pub fn estimated(self, floors: Floors) -> ByAmount {
        self.share(floors, true)
    }

    fn share(mut self, floors: Floors, estimated: bool) -> ByAmount {
        let (mut entered, mut reached) = (Total::zero(self.currency), Total::zero(self.currency));
        for (observation, amount) in &self.seen {
            entered.add(*amount);
            if observation.cause == Some(0) {
                reached.add(*amount);
            }
        }
        let deals = self.seen.len();
        let finished = self.seen.iter().filter(|(o, _)| o.cause.is_some()).count();
        self.seen.sort_by_key(|(o, _)| o.time);
        let weights = Weights::of(&self.seen);
        let known = |value: f64, n: usize, precision: f64| {
            let (low, high) = wilson_share(value, precision.max(1.0));
            Estimate::Known { value, n, low: Some(low), high: Some(high) }
        };
        let early = finished < floors.rate.max(1);
        let raw = match reached.share_of(&entered) {
            Some(value) if !early => known(value.clamp(0.0, 1.0), deals, weights.precision_of(&self.seen, value)),
            _ => Estimate::TooEarly { n: finished },
        };
        let estimate = estimated.then(|| match weights.incidence(&self.seen) {
            Some((value, precision)) if !early => known(value, finished, precision),
            _ => Estimate::TooEarly { n: finished },
        });
        let Weighed { without_amount, other_currency, .. } = self;
        ByAmount { deals, entered, reached, raw, estimate, without_amount, other_currency }
    }
}

/// The amounts as statistical weights; sums of money are not made of them.
struct Weights {
    each: Vec<f64>,
    sum: f64,
    squares: f64,
}

impl Weights {
    fn of(seen: &[(Observation, Decimal)]) -> Weights {
        let largest = seen.iter().map(|(_, amount)| *amount).max().and_then(|a| a.to_f64()).unwrap_or(1.0);
        let each: Vec<f64> = seen.iter().map(|(_, amount)| amount.to_f64().unwrap_or(0.0) / largest).collect();
        let (sum, squares) = each.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
        Weights { each, sum, squares }
    }

    /// So many deals of equal amount would say as much (Kish, Survey Sampling, 1965).
    fn kish(&self) -> f64 {
        if self.squares > 0.0 { self.sum * self.sum / self.squares } else { 0.0 }
    }

    /// The number of plain observations that would give the ratio of two sums the same precision: `R (1 - R) / v` with
    /// the variance of a ratio estimator, `v = sum w^2 (y - R)^2 / (sum w)^2` (Cochran, Sampling Techniques, 1977, 6.4),
    /// but no more than Kish's number. With equal amounts that is their number. Wilson's interval with such a number is the
    /// one that Franco, Little, Louis and Slud (2019) find to hold best.
    fn precision_of(&self, seen: &[(Observation, Decimal)], ratio: f64) -> f64 {
        let residual = |((o, _), w): (&(Observation, Decimal), &f64)| {
            let y = if o.cause == Some(0) { 1.0 } else { 0.0 };
            (w * (y - ratio)).powi(2)
        };
        let residuals: f64 = seen.iter().zip(&self.each).map(residual).sum();
        let variance = residuals / (self.sum * self.sum);
        let plain = ratio * (1.0 - ratio);
        if variance > f64::EPSILON && plain > f64::EPSILON { (plain / variance).min(self.kish()) } else { self.kish() }
    }

    /// The Aalen-Johansen share of cause 0 with weights, and its precision: that of the same estimate without weights,
    /// made smaller by as much as the amounts differ (Kish's design effect). `seen` is sorted by time.
    fn incidence(&self, seen: &[(Observation, Decimal)]) -> Option<(f64, f64)> {
        let (mut survival, mut share) = (1.0_f64, 0.0_f64);
        let mut at_risk = self.sum;
        let rows: Vec<(i64, Option<usize>, f64)> =
            seen.iter().zip(&self.each).map(|((o, _), w)| (o.time, o.cause, *w)).collect();
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let of = |wanted: fn(Option<usize>) -> bool| -> f64 {
                group.iter().filter(|row| wanted(row.1)).map(|row| row.2).sum()
            };
            let (own, ended) = (of(|cause| cause == Some(0)), of(|cause| cause.is_some()));
            if ended > 0.0 && at_risk > 0.0 {
                share += survival * (own / at_risk).min(1.0);
                survival *= (1.0 - ended / at_risk).max(0.0);
            }
            at_risk -= group.iter().map(|row| row.2).sum::<f64>();
        }
        let mut plain = super::survival::Sample::default();
        seen.iter().for_each(|(o, _)| plain.push(Observation { cause: o.cause.map(|c| c.min(1)), ..*o }));
        let plateau = plain.plateau(2);
        let deals = seen.len() as f64;
        (deals > 0.0).then(|| (share.clamp(0.0, 1.0), plateau.precision * self.kish() / deals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture::pipeline;
    use crate::metrics::interval::wilson;

    fn eur() -> Currency {
        Currency::new("EUR").unwrap()
    }

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };

    fn weighed(deals: &[(i64, Option<usize>, i64)]) -> Weighed {
        let mut all = Weighed::new(eur());
        for (time, cause, amount) in deals {
            all.push(Worth::Own(Decimal::from(*amount)), Observation { time: *time, cause: *cause });
        }
        all
    }

    fn interval(estimate: &Estimate<f64>) -> (f64, f64, f64) {
        let Estimate::Known { value, low, high, .. } = estimate else { panic!("{estimate:?}") };
        (*value, low.unwrap(), high.unwrap())
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn with_equal_amounts_it_is_the_share_of_deals() {
        let deals: Vec<_> = (0..12).map(|i| (i, Some(usize::from(i % 3 > 0)), 500)).collect();
        let shares = weighed(&deals).estimated(NO_FLOORS);
        let (low, high) = wilson(4, 12).unwrap();
        for estimate in [&shares.raw, shares.estimate.as_ref().unwrap()] {
            let (value, l, h) = interval(estimate);
            near(value, 1.0 / 3.0);
            near(l, low);
            near(h, high);
        }
        assert_eq!((shares.entered.sum, shares.reached.sum), (Some(Decimal::from(6000)), Some(Decimal::from(2000))));
    }

    #[test]
    fn one_large_deal_among_small_ones_says_little() {
        let mut deals = vec![(5, Some(0), 1_000_000)];
        deals.extend((0..20).map(|i| (i, Some(1), 100)));
        let (value, low, high) = interval(&weighed(&deals).plain(NO_FLOORS).raw);
        assert!(value > 0.99 && low < 0.3 && high <= 1.0, "{value} {low} {high}");
    }

    #[test]
    fn open_deals_are_censored_in_the_estimate() {
        // By day 5 the large deal is won and the small one lost; two of the same size are open from day 9 on.
        let deals = [(5, Some(0), 300), (5, Some(1), 100), (9, None, 300), (9, None, 100)];
        let shares = weighed(&deals).estimated(NO_FLOORS);
        near(interval(&shares.raw).0, 0.375);
        near(interval(shares.estimate.as_ref().unwrap()).0, 0.375);
        let deals = [(5, Some(0), 300), (5, Some(1), 100), (1, None, 300), (1, None, 100)];
        near(interval(weighed(&deals).estimated(NO_FLOORS).estimate.as_ref().unwrap()).0, 0.75);
    }

    #[test]
    fn what_has_no_amount_or_another_currency_is_counted_apart() {
        let mut all = weighed(&[(1, Some(0), 10)]);
        let pipeline = pipeline(&["a"]);
        let money = |text: &str| Worth::of(Money::parse(text, eur()).ok(), 0, &pipeline);
        for worth in [money("10 USD"), money("0"), money("-5"), Worth::of(None, 0, &pipeline)] {
            all.push(worth, Observation::ended(1, 0));
        }
        let shares = all.plain(Floors::default());
        assert_eq!((shares.deals, shares.without_amount, shares.other_currency), (1, 3, 1));
        assert_eq!((shares.raw, shares.estimate), (Estimate::TooEarly { n: 1 }, None));
    }
}
