//! What a forecast said a month ago of the time since, and what came.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::forecast::chance::Trust;
use crate::forecast::log::Log;
use crate::forecast::{Input, forecast};
use crate::format::deal::Deal;
use crate::format::forecast::Horizon;
use crate::format::ident::DealId;
use crate::format::pipeline::Status;
use crate::metrics::rates::Converter;
use crate::metrics::rows::Rows;
use crate::metrics::total::Total;

use super::Facts;
use super::forecast::Sums;
use super::scenario::{less, sum};

/// Deals that are named as having made the difference.
const NAMED: usize = 10;

/// What was said, and what came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Then {
    /// The day at whose end it would have been said, by what was known then.
    pub day: NaiveDate,
    /// The day of this report, up to which it was about.
    pub until: NaiveDate,
    /// How far it was to be trusted.
    pub trust: Trust,
    /// Deals that were open then.
    pub deals_then: usize,
    /// What was expected of open and new deals.
    pub said: Sums,
    /// Deals that were won since.
    pub won: usize,
    /// What they brought.
    pub won_amount: Total,
    /// Those among them that were not open then: new ones, and some that came back.
    pub new: usize,
    /// What those brought.
    pub new_amount: Total,
    /// What came less what was expected.
    pub difference: Total,
    /// Whether what came lies in the range; `None` without one.
    pub in_range: Option<bool>,
    /// The deals that made the most of the difference.
    pub deals: Rows<Made>,
}

/// A deal that made a part of the difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// The deal.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// The chance that it was given then; `None` for one that was not open then.
    pub won_then: Option<f64>,
    /// What was expected of it.
    pub expected_then: Option<Total>,
    /// What it is now: `won`, `lost`, `recycled`, `open`, or `gone` where its file was removed.
    pub now: &'static str,
    /// What it brought; nothing unless it was won.
    pub came: Total,
    /// What it brought less what was expected of it.
    pub difference: Total,
}

/// What would have been said at the end of the day that the facts of before are of; `None` where nothing was open then.
pub(super) fn then(facts: &Facts<'_>, log: &Log) -> Option<Then> {
    let before = facts.before?;
    let today = facts.pipeline.day_of(facts.as_of.0);
    let mut pipeline = before.pipeline.clone();
    pipeline.exchange = facts.pipeline.exchange.clone();
    let currency = pipeline.currency;
    // Two currencies cannot be compared, and a day that is over is not ahead.
    if currency != facts.pipeline.currency || before.day >= today || before.deals.is_empty() {
        return None;
    }
    let said = forecast(&Input {
        pipeline: &pipeline,
        log,
        deals: &before.deals,
        as_of: pipeline.end_of(before.day),
        horizon: Horizon::Until(today),
        whole: facts.asked.filter.is_none(),
        by: &[],
    });
    let converter = Converter::of(facts.pipeline);
    let zero = Total::zero(currency);
    let worth = |deal: &Deal| {
        let converted = deal.amount().and_then(|money| converter.convert(money, today));
        converted.map_or(zero, |sum| Total { sum: Some(sum), currency })
    };
    let now: HashMap<&DealId, &Deal> = facts.deals.iter().map(|deal| (&deal.id, deal)).collect();
    let all: HashMap<&DealId, &Deal> = facts.all.iter().map(|deal| (&deal.id, deal)).collect();
    let status_then: HashMap<&DealId, Status> =
        before.deals.iter().map(|deal| (&deal.id, pipeline.status(&deal.stage))).collect();
    let (mut won, mut won_amount, mut new, mut new_amount) = (0, zero, 0, zero);
    let mut made = Vec::new();
    for line in said.deals.iter() {
        let deal = now.get(&line.id).or_else(|| all.get(&line.id));
        let status = deal.map(|deal| facts.pipeline.status(&deal.stage));
        let came = deal.filter(|_| status == Some(Status::Won)).map_or(zero, |deal| worth(deal));
        let difference = less(came, line.expected_amount.unwrap_or(zero));
        made.push(Made {
            id: line.id.clone(),
            title: line.title.clone(),
            won_then: Some(line.chances.won),
            expected_then: line.expected_amount,
            now: status.map_or("gone", Status::as_str),
            came,
            difference,
        });
        if status == Some(Status::Won) {
            won += 1;
            won_amount = sum(won_amount, came);
        }
    }
    for deal in facts.deals.iter().filter(|deal| facts.pipeline.status(&deal.stage) == Status::Won) {
        if matches!(status_then.get(&deal.id), Some(Status::Open | Status::Won)) {
            continue;
        }
        let came = worth(deal);
        (won, new) = (won + 1, new + 1);
        (won_amount, new_amount) = (sum(won_amount, came), sum(new_amount, came));
        made.push(Made {
            id: deal.id.clone(),
            title: deal.title().to_owned(),
            won_then: None,
            expected_then: None,
            now: Status::Won.as_str(),
            came,
            difference: came,
        });
    }
    let size = |made: &Made| made.difference.sum.map(|sum| sum.abs());
    made.retain(|made| size(made).is_some_and(|size| !size.is_zero()));
    made.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.id.cmp(&b.id)));
    made.truncate(NAMED);
    let trust = said.trust;
    let said_open = said.total.deals;
    let said = Sums::all(&said);
    let in_range = said.range.and_then(|range| {
        let (low, high, came) = (range.p10.sum?, range.p90.sum?, won_amount.sum?);
        Some(low <= came && came <= high)
    });
    Some(Then {
        day: before.day,
        until: today,
        trust,
        deals_then: said_open,
        difference: less(won_amount, said.expected_amount),
        said,
        won,
        won_amount,
        new,
        new_amount,
        in_range,
        deals: made.into(),
    })
}
