//! In which months deals will be won.

use chrono::{Datelike, Days, Months as Later, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::money::Currency;
use crate::format::pipeline::Pipeline;
use crate::metrics::total::{Total, decimal_share};

use super::expected::Range;
use super::hazards::Chances;
use super::times;
use super::total::Bet;

/// What will be won in a month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonthLine {
    /// `2026-11`.
    pub month: String,
    /// The last day that is counted: that of the month, or of the forecast.
    pub until: NaiveDate,
    /// Wins among the deals that are open now.
    pub expected_wins: f64,
    /// What they bring.
    pub expected_amount: Total,
    /// Wins among deals that are not there yet; `None` where there is no new business.
    pub new_wins: Option<f64>,
    /// What those bring; `None` too where nothing was won with an amount.
    pub new_amount: Option<Total>,
    /// What all that is won up to then brings.
    pub expected_so_far: Total,
    /// What that will be in eight of ten cases.
    pub so_far: Option<Range>,
    /// Open deals that sellers expect to close in this month.
    pub closing: usize,
    /// Their amounts.
    pub closing_amount: Total,
}

/// Adds up what will be won by the end of each month.
pub(super) struct Months {
    currency: Currency,
    months: Vec<Month>,
    /// Days from the day of the forecast to the end of each month.
    days: Vec<u32>,
}

struct Month {
    from: NaiveDate,
    until: NaiveDate,
    /// Up to its end, from the day of the forecast on.
    wins: Decimal,
    amount: Total,
    bets: Vec<Bet>,
    closing: usize,
    closing_amount: Total,
}

impl Months {
    /// The months from a day to the last day of a forecast. The first and the last one are cut by them. Always at least
    /// one.
    pub(super) fn new(pipeline: &Pipeline, day: NaiveDate, until: NaiveDate) -> Months {
        let zero = Total::zero(pipeline.currency);
        let (mut months, mut days) = (Vec::new(), Vec::new());
        let mut from = day;
        loop {
            let first = from.with_day(1).unwrap_or(from);
            let next = first.checked_add_months(Later::new(1)).unwrap_or(NaiveDate::MAX);
            let end = next.checked_sub_days(Days::new(1)).unwrap_or(next).min(until).max(from);
            months.push(Month {
                from,
                until: end,
                wins: Decimal::ZERO,
                amount: zero,
                bets: Vec::new(),
                closing: 0,
                closing_amount: zero,
            });
            days.push(u32::try_from(end.signed_duration_since(day).num_days()).unwrap_or(0));
            if end >= until || next <= from {
                break;
            }
            from = next;
        }
        Months { currency: pipeline.currency, months, days }
    }

    /// The days to the end of each month; the last one is the end of the forecast.
    pub(super) fn days(&self) -> &[u32] {
        &self.days
    }

    /// Adds a deal with its chances up to the end of each month, what it is worth, and when the seller expects it to close.
    pub(super) fn add(&mut self, by_day: &[Chances], own: Option<Decimal>, close_date: Option<NaiveDate>) {
        let rough = own.as_ref().and_then(ToPrimitive::to_f64).filter(|amount| *amount > 0.0);
        for (month, chances) in self.months.iter_mut().zip(by_day) {
            let share = decimal_share(chances.won);
            month.wins += share;
            if let Some(own) = own {
                month.amount.add_weighted(own, share);
            }
            month.bets.extend(rough.map(|amount| Bet { chance: chances.won, amount }));
            if close_date.is_some_and(|date| month.from <= date && date <= month.until) {
                month.closing += 1;
                if let Some(own) = own {
                    month.closing_amount.add(own);
                }
            }
        }
    }

    /// The lines. `new_wins` are those of new deals up to the end of each month, `mean` is what each brings; `range` tells
    /// what open deals and so many new wins bring.
    pub(super) fn finish(
        self,
        new_wins: Option<&[f64]>,
        mean: Option<Decimal>,
        range: impl Fn(&[Bet], Option<f64>) -> Option<Range>,
    ) -> Vec<MonthLine> {
        let currency = self.currency;
        let zero = Total::zero(currency);
        let mean = mean.map(|mean| Total { sum: Some(mean), currency });
        let mut lines = Vec::with_capacity(self.months.len());
        let (mut wins, mut amount, mut before) = (Decimal::ZERO, zero, 0.0);
        for (place, month) in self.months.into_iter().enumerate() {
            let less = |now: Total, then: Total| Total {
                sum: now.sum.zip(then.sum).and_then(|(now, then)| now.checked_sub(then)),
                currency,
            };
            let up_to_now = new_wins.map(|wins| wins.get(place).copied().unwrap_or(0.0));
            let own_new = up_to_now.map(|now| (now - before).max(0.0));
            let mut so_far = month.amount;
            if let Some(new) = up_to_now.and_then(|now| mean.map(|mean| times(mean, now))) {
                so_far.sum = so_far.sum.zip(new.sum).and_then(|(sum, new)| sum.checked_add(new));
            }
            lines.push(MonthLine {
                month: format!("{:04}-{:02}", month.until.year(), month.until.month()),
                until: month.until,
                expected_wins: (month.wins - wins).to_f64().unwrap_or_default(),
                expected_amount: less(month.amount, amount).rounded(),
                new_wins: own_new,
                new_amount: own_new.and_then(|own| mean.map(|mean| times(mean, own))),
                expected_so_far: so_far.rounded(),
                so_far: range(&month.bets, up_to_now),
                closing: month.closing,
                closing_amount: month.closing_amount,
            });
            (wins, amount, before) = (month.wins, month.amount, up_to_now.unwrap_or(0.0));
        }
        lines
    }
}
