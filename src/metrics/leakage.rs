//! Where deals are lost on the way: those lost from each stage, and those that fell silent in it, with the work they took.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{EndKind, Pipeline};
use crate::format::value::Value;
use crate::history::track::Tracks;

use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::interval::wilson;
use super::journey::{Journeys, Spot};
use super::quiet::QuietDeal;
use super::total::Total;
use super::worth::Worth;

/// What leaked out of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leak {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Deals that were in it at some time of the window.
    pub deals: usize,
    /// Those that were lost from it inside the window.
    pub lost: usize,
    /// The sum of their amounts when they were lost, in the pipeline's currency.
    pub lost_amount: Total,
    /// Those that are in it and silent.
    pub silent: usize,
    /// The sum of their amounts.
    pub silent_amount: Total,
    /// `(lost + silent) / deals`, with Wilson's interval.
    pub share: Estimate<f64>,
    /// Hours of effort that were spent on the lost and the silent ones, in all stages.
    pub effort_hours: f64,
    /// Lost and silent deals without an amount above zero in the pipeline's currency.
    pub without_amount: usize,
}

struct Tally {
    deals: usize,
    lost: usize,
    silent: usize,
    lost_amount: Total,
    silent_amount: Total,
    hours: Decimal,
    without_amount: usize,
}

impl Tally {
    fn new(currency: Currency) -> Self {
        let zero = Total::zero(currency);
        Tally {
            deals: 0,
            lost: 0,
            silent: 0,
            lost_amount: zero,
            silent_amount: zero,
            hours: Decimal::ZERO,
            without_amount: 0,
        }
    }
}

/// The hours of effort that a deal's file lists.
pub fn effort_hours(deal: &Deal) -> Decimal {
    let items = deal.value("effort").and_then(Value::as_list).unwrap_or_default();
    let hours = items.iter().filter_map(|item| match &item.value.as_block()?.get("hours")?.value {
        Value::Number(hours) => Some(*hours),
        Value::Integer(hours) => Some(Decimal::from(*hours)),
        _ => None,
    });
    hours.fold(Decimal::ZERO, |sum, hours| sum.saturating_add(hours))
}

/// What leaked out of each stage that does not count as won. `silent` are the deals that are silent now.
pub fn leakage(
    pipeline: &Pipeline,
    deals: &[Deal],
    journeys: &Journeys,
    tracks: &Tracks,
    window: Window,
    silent: &[QuietDeal],
    floors: Floors,
) -> Vec<Leak> {
    let count = pipeline.won_index().min(pipeline.stages.len());
    let mut tallies: Vec<Tally> = (0..count).map(|_| Tally::new(pipeline.currency)).collect();
    let deals_by_id: std::collections::HashMap<&DealId, &Deal> = deals.iter().map(|deal| (&deal.id, deal)).collect();
    let hours = |id: &DealId| deals_by_id.get(id).map_or(Decimal::ZERO, |deal| effort_hours(deal));
    for (id, journey) in journeys.named() {
        for (index, tally) in tallies.iter_mut().enumerate() {
            let overlaps = |v: &&super::journey::Visit| {
                let begins_in_time = window.until.is_none_or(|until| v.entered < until);
                begins_in_time && window.from.is_none_or(|from| v.left.is_none_or(|left| left >= from))
            };
            let mut own = journey.visits.iter().filter(|v| v.spot == Spot::Stage(index));
            tally.deals += usize::from(own.any(|v| overlaps(&v)));
        }
        for pair in journey.visits.windows(2) {
            let [from, to] = pair else { continue };
            let (Spot::Stage(index), Spot::End(EndKind::Lost)) = (from.spot, to.spot) else { continue };
            let Some(tally) = tallies.get_mut(index).filter(|_| window.holds(to.entered)) else { continue };
            tally.lost += 1;
            tally.hours = tally.hours.saturating_add(hours(id));
            match Worth::at(tracks, id, to.entered, pipeline) {
                Worth::Own(amount) => tally.lost_amount.add(amount),
                Worth::Foreign | Worth::Missing => tally.without_amount += 1,
            }
        }
    }
    for quiet in silent {
        let index = pipeline.stages.iter().position(|stage| stage.id == quiet.card.stage);
        let Some(tally) = index.and_then(|index| tallies.get_mut(index)) else { continue };
        tally.silent += 1;
        tally.hours = tally.hours.saturating_add(hours(&quiet.card.id));
        match quiet.card.amount.and_then(|t| t.sum.map(|sum| (sum, t.currency))) {
            Some((sum, currency)) if currency == pipeline.currency && sum > Decimal::ZERO => {
                tally.silent_amount.add(sum);
            }
            _ => tally.without_amount += 1,
        }
    }
    let leak = |(stage, tally): (&crate::format::pipeline::Stage, Tally)| {
        // A deal may have been lost twice, or lost and silent after it came back.
        let leaked = (tally.lost + tally.silent).min(tally.deals);
        let interval = wilson(leaked, tally.deals);
        let share = if tally.deals < floors.rate.max(1) {
            Estimate::TooEarly { n: tally.deals }
        } else {
            Estimate::Known {
                value: leaked as f64 / tally.deals as f64,
                n: tally.deals,
                low: interval.map(|i| i.0),
                high: interval.map(|i| i.1),
            }
        };
        Leak {
            stage: stage.id.clone(),
            title: stage.title.clone(),
            deals: tally.deals,
            lost: tally.lost,
            lost_amount: tally.lost_amount,
            silent: tally.silent,
            silent_amount: tally.silent_amount,
            share,
            effort_hours: tally.hours.to_f64().unwrap_or(0.0),
            without_amount: tally.without_amount,
        }
    };
    pipeline.stages.iter().zip(tallies).map(leak).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{day, deal, money, path, pipeline, tracks, with};
    use super::super::journey::journeys;
    use super::super::quiet::Card;
    use super::*;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field};
    use crate::history::spell::Spells;

    fn worked(deal: Deal, hours: &[&str]) -> Deal {
        let entry = |hours: &&str| {
            let value = Value::Number(hours.parse().unwrap());
            let block =
                Block { entries: vec![("hours".to_owned(), Span::default(), Field { value, span: Span::default() })] };
            Field { value: Value::Block(block), span: Span::default() }
        };
        with(deal, "effort", Value::List(hours.iter().map(entry).collect()))
    }

    #[test]
    fn lost_and_silent_deals_leak_where_they_were() {
        let pipeline = pipeline(&["a", "b"]);
        let spells = [
            path("x", &[("a", 0), ("b", 2), ("lost", 5)]),
            path("y", &[("a", 0), ("b", 2)]),
            path("early", &[("a", 0), ("lost", 1)]),
            path("won", &[("a", 0), ("b", 3), ("won", 9)]),
        ];
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let deals = [
            worked(deal("x", "lost"), &["2.5", "1"]),
            worked(with(deal("y", "b"), "amount", money("70")), &["4"]),
            deal("early", "lost"),
            deal("won", "won"),
        ];
        let tracks = tracks(&[("x", "amount", 0, "100"), ("x", "amount", 4, "120")]);
        let silent = [QuietDeal { card: Card::of(&pipeline, &deals[1]), quiet_days: 40, allowed_days: 5 }];
        let window = Window { from: Some(day(2)), until: None };
        let floors = Floors { rate: 1, quantile: 1 };
        let leaks = leakage(&pipeline, &deals, &journeys, &tracks, window, &silent, floors);
        let row = |leak: &Leak| {
            let sum = |total: Total| total.sum.unwrap().to_string();
            (leak.deals, leak.lost, leak.silent, sum(leak.lost_amount), sum(leak.silent_amount))
        };
        // x and y left a on the day the window begins, early the day before.
        assert_eq!(row(&leaks[0]), (3, 0, 0, "0".to_owned(), "0".to_owned()));
        assert_eq!(row(&leaks[1]), (3, 1, 1, "120".to_owned(), "70".to_owned()));
        assert_eq!(leaks[1].effort_hours, 7.5);
        assert!((leaks[1].share.value().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }
}
