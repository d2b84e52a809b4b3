//! A forecast of deals as they are beside one of deals as they would be.

use serde::Serialize;

use crate::forecast::Forecast;
use crate::forecast::expected::Range;
use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::metrics::rates::Converter;
use crate::metrics::total::Total;

use super::Facts;
use super::forecast::Sums;

/// What the forecast of the open deals would be if.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// What is imagined, in the order in which it was asked for.
    pub changes: Vec<Change>,
    /// The open deals as they are.
    pub as_it_is: Sums,
    /// The open deals as they would be, with those that would be won at once.
    pub if_so: Sums,
    /// The second less the first.
    pub difference: Difference,
}

/// What is imagined of one deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The deal.
    pub deal: DealId,
    /// What people call it.
    pub title: String,
    /// As it was asked for.
    pub text: String,
    /// The chance that it is won in time, as it is.
    pub won_before: Option<f64>,
    /// The same as it would be.
    pub won_after: Option<f64>,
    /// What is expected of it as it is; `None` where it has no amount.
    pub expected_before: Option<Total>,
    /// What would be expected of it.
    pub expected_after: Option<Total>,
}

/// By how much sums differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Of the expected wins.
    pub expected_wins: f64,
    /// Of what they bring.
    pub expected_amount: Total,
    /// Of the lower end of the range.
    pub p10: Option<Total>,
    /// Of its middle.
    pub p50: Option<Total>,
    /// Of its upper end.
    pub p90: Option<Total>,
}

/// Compares the forecast of the deals as they are with that of the deals as they would be.
pub(super) fn what_if(facts: &Facts<'_>, as_it_is: &Forecast, if_so: &Forecast) -> WhatIf {
    let pipeline = facts.pipeline;
    let converter = Converter::of(pipeline);
    let own = |deal: &Deal| {
        let sum = deal.amount().and_then(|money| converter.convert(money, as_it_is.day))?;
        Some(Total { sum: Some(sum), currency: pipeline.currency })
    };
    let line = |forecast: &Forecast, id: &DealId| {
        let line = forecast.deals.iter().find(|line| line.id == *id)?;
        Some((line.chances.won, line.expected_amount))
    };
    let mut won_at_once = Total::zero(pipeline.currency);
    let mut wins = 0.0;
    let mut changes = Vec::with_capacity(facts.asked.scenario.len());
    for one in &facts.asked.scenario {
        let deal = facts.deals.iter().find(|deal| deal.id == one.deal);
        let before = line(as_it_is, &one.deal);
        let after = if one.is_won() {
            let amount = deal.and_then(own);
            wins += 1.0;
            won_at_once = sum(won_at_once, amount.unwrap_or(Total::zero(pipeline.currency)));
            Some((1.0, amount))
        } else if one.is_lost() {
            Some((0.0, deal.and_then(own).map(|_| Total::zero(pipeline.currency))))
        } else {
            line(if_so, &one.deal)
        };
        changes.push(Change {
            deal: one.deal.clone(),
            title: deal.map_or_else(|| one.deal.to_string(), |deal| deal.title().to_owned()),
            text: one.text.clone(),
            won_before: before.map(|(won, _)| won),
            won_after: after.map(|(won, _)| won),
            expected_before: before.and_then(|(_, expected)| expected),
            expected_after: after.and_then(|(_, expected)| expected),
        });
    }
    let as_it_is = Sums::open(as_it_is);
    let mut if_so = Sums::open(if_so);
    // What is won at once is sure, and only moves everything.
    if_so.expected_wins += wins;
    if_so.expected_amount = sum(if_so.expected_amount, won_at_once);
    if_so.range = if_so.range.map(|range| Range {
        p10: sum(range.p10, won_at_once),
        p50: sum(range.p50, won_at_once),
        p90: sum(range.p90, won_at_once),
    });
    let between = |of: fn(&Range) -> Total| Some(less(of(&if_so.range?), of(&as_it_is.range?)));
    let difference = Difference {
        expected_wins: if_so.expected_wins - as_it_is.expected_wins,
        expected_amount: less(if_so.expected_amount, as_it_is.expected_amount),
        p10: between(|range| range.p10),
        p50: between(|range| range.p50),
        p90: between(|range| range.p90),
    };
    WhatIf { changes, as_it_is, if_so, difference }
}

/// Two sums together.
pub(super) fn sum(a: Total, b: Total) -> Total {
    Total { sum: a.sum.zip(b.sum).and_then(|(a, b)| a.checked_add(b)), currency: a.currency }
}

/// One sum less another.
pub(super) fn less(a: Total, b: Total) -> Total {
    Total { sum: a.sum.zip(b.sum).and_then(|(a, b)| a.checked_sub(b)), currency: a.currency }
}
