//! Whether a target will be reached: what is still to be won of it, against what open and new deals will bring by its end.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::forecast::MOST_DAYS;
use crate::metrics::rates::Converter;
use crate::metrics::total::{Total, decimal_share};

use super::expected::Tally;
use super::total::{self, Bet};
use super::{Ground, RANGE_FLOOR, times};

/// What is expected up to the end of a target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reach {
    /// What open deals will bring.
    pub expected_amount: Total,
    /// What deals that are not there yet will bring; `None` where there is no new business.
    pub new_amount: Option<Total>,
    /// What is still to be won less both: above 0 it lacks.
    pub gap: Total,
    /// The chance that all that is still to be won will be; `None` where fewer than five deals were closed.
    pub chance: Option<f64>,
}

/// What open and new deals bring up to the end of a day, against what is needed.
pub fn reach(ground: &Ground<'_>, until: NaiveDate, needed: Total) -> Reach {
    let pipeline = ground.input.pipeline;
    let currency = pipeline.currency;
    let days = u32::try_from(until.signed_duration_since(ground.day).num_days()).unwrap_or(0).min(MOST_DAYS);
    let converter = Converter::of(pipeline);
    let mut tally = Tally::new(currency);
    let mut bets: Vec<Bet> = Vec::new();
    for (deal, standing) in ground.input.deals.iter().zip(ground.standings()) {
        let Some(standing) = standing else { continue };
        let own = deal.amount().and_then(|money| converter.convert(money, ground.day));
        let chance = ground.chances(standing, &[days]).first().map_or(0.0, |chances| chances.won);
        tally.add(own.is_some(), own, decimal_share(chance));
        if let Some(amount) = own.as_ref().and_then(ToPrimitive::to_f64).filter(|amount| *amount > 0.0) {
            bets.push(Bet { chance, amount });
        }
    }
    let expected_amount = tally.finish().expected_amount;
    let arrivals = ground.arrivals.as_ref();
    let wins = arrivals
        .as_ref()
        .and_then(|arrivals| arrivals.wins(&ground.model, ground.drift.as_ref(), &[days]).first().copied());
    let mean = arrivals.and_then(|arrivals| arrivals.mean_amount());
    let new_amount = wins.zip(mean).map(|(wins, mean)| times(Total { sum: Some(mean), currency }, wins));
    let stream = wins.and_then(|wins| ground.stream(wins));
    let rest = needed.sum;
    let chance = match rest.as_ref().and_then(ToPrimitive::to_f64) {
        Some(rest) if rest <= 0.0 => Some(1.0),
        Some(rest) if ground.model.closed() >= RANGE_FLOOR => {
            let all = total::distribution(&bets, stream.as_ref(), pipeline.forecast.dependence);
            Some(all.probability_at_least(rest))
        }
        _ => None,
    };
    let new = new_amount.map_or(Some(Decimal::ZERO), |new| new.sum);
    let gap =
        rest.zip(expected_amount.sum).zip(new).and_then(|((rest, open), new)| rest.checked_sub(open)?.checked_sub(new));
    Reach { expected_amount, new_amount, gap: Total { sum: gap, currency }, chance }
}
