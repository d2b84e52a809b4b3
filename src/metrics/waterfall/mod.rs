//! The waterfall: what made the open pipeline of one time that of another, to the cent.
//!
//! A *set* of deals is compared at two times: all open deals, or those of them whose close date lies in a period. What is
//! in one set and not in the other came or left, and is counted once, under the one reason that the table of [`Kind`]
//! names. What is in both sets stays, and only its amount can change.
//!
//! Amounts are those that were known at either time. A deal that comes is booked with its amount at the end. A deal that
//! leaves is booked with the amount that it left with, so that the won ones add up to what was won; what that differs from
//! its amount at the start is booked as a change before it leaves ([`Step::before_leaving`]). Where the end knows no
//! amount of a deal that left, it leaves with what it had.
//!
//! Amounts in other currencies are converted at the rates of one day, which is that of the end, at the start as at the end
//! and in every step: a rate that changes is then no step, and `start + steps = end` holds to the cent. Where no rate is
//! known, sums are kept for each currency apart, and the same holds exactly for each of them.

mod pair;

use std::collections::BTreeSet;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::{Currency, Money};
use crate::format::period::Span;
use crate::format::pipeline::Pipeline;
use crate::format::rates::Quote;

use super::amounts::Amounts;
use super::journey::Journeys;
use super::rates::Converter;
use super::rows::Rows;
use super::total::Total;

use pair::{Pair, pairs};

/// What was known at one time.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The pipeline as its file was then.
    pub pipeline: &'a Pipeline,
    /// The deals that are looked at.
    pub deals: &'a [Deal],
    /// All deals that were there, also those that a filter keeps out. May be empty where there is no filter.
    pub all: &'a [Deal],
    /// Deals whose file could not be read then.
    pub unreadable: &'a [DealId],
}

/// What a waterfall is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The start.
    pub before: Known<'a>,
    /// The end. Its pipeline's currency is the main one, and its rates are taken.
    pub after: Known<'a>,
    /// The day whose rates are taken.
    pub rates_of: NaiveDate,
    /// All journeys as known at the end.
    pub journeys: &'a Journeys,
    /// Only open deals whose close date is one of these days; `None`: all open deals.
    pub closing: Option<Span>,
}

/// Why a deal came, changed or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Came: it was not there at the start.
    New,
    /// Came: it was won, lost or recycled at the start.
    Reopened,
    /// Came: its close date was later than the period.
    PulledIn,
    /// Came: its close date was earlier than the period.
    PushedIn,
    /// Came: it had no close date.
    Dated,
    /// Came: the filter kept it out at the start.
    FilterIn,
    /// Came: its file could not be read at the start.
    ReadAgain,
    /// Its amount became larger.
    Increased,
    /// Its amount became smaller.
    Decreased,
    /// It had no amount and has one.
    Priced,
    /// It had an amount and has none.
    Unpriced,
    /// Its amount is in another currency, and one of the two has no rate.
    Converted,
    /// Left: its close date is later than the period.
    Slipped,
    /// Left: its close date is earlier than the period.
    PulledOut,
    /// Left: it has no close date any more.
    Undated,
    /// Left: it was won.
    Won,
    /// Left: it was lost.
    Lost,
    /// Left: it went back to marketing.
    Recycled,
    /// Left: its file was removed.
    Withdrawn,
    /// Left: the filter keeps it out at the end.
    FilterOut,
    /// Left: its file cannot be read at the end.
    Unread,
}

impl Kind {
    /// In the order in which a waterfall shows them.
    pub const ALL: [Kind; 21] = [
        Kind::New,
        Kind::Reopened,
        Kind::PulledIn,
        Kind::PushedIn,
        Kind::Dated,
        Kind::FilterIn,
        Kind::ReadAgain,
        Kind::Increased,
        Kind::Decreased,
        Kind::Priced,
        Kind::Unpriced,
        Kind::Converted,
        Kind::Slipped,
        Kind::PulledOut,
        Kind::Undated,
        Kind::Won,
        Kind::Lost,
        Kind::Recycled,
        Kind::Withdrawn,
        Kind::FilterOut,
        Kind::Unread,
    ];

    /// What it does to the number of deals: 1 for those that come, -1 for those that leave.
    pub fn direction(self) -> i64 {
        match self {
            kind if kind < Kind::Increased => 1,
            kind if kind > Kind::Converted => -1,
            _ => 0,
        }
    }

    /// Whether it can only happen to the deals of a period.
    pub fn is_of_period(self) -> bool {
        use Kind::{Dated, PulledIn, PulledOut, PushedIn, Slipped, Undated};
        matches!(self, PulledIn | PushedIn | Dated | Slipped | PulledOut | Undated)
    }
}

/// What one reason did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The reason.
    pub kind: Kind,
    /// How many deals it concerns.
    pub deals: usize,
    /// What it does to the number of deals: plus or minus `deals`, or 0 where only amounts change.
    pub change_of_deals: i64,
    /// What it does to the sum in the main currency; below 0 where it takes away.
    pub amount: Total,
    /// What it does to the sums in currencies that have no rate, by code.
    pub other: Vec<Total>,
    /// The part of `amount` that is changes of deals that then left; the rest is of deals that stay. 0 for those that come
    /// and leave.
    pub before_leaving: Total,
    /// Deals among them without an amount.
    pub without_amount: usize,
    /// Where its deals begin in [`Waterfall::changes`].
    pub first: usize,
    /// How many of them are listed there: all, unless the list was cut.
    pub listed: usize,
}

/// What happened to one deal. A deal whose amount changed before it left is there twice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealChange {
    /// The reason.
    pub kind: Kind,
    /// Its id; the one it has at the end, where it is there.
    pub id: DealId,
    /// The id it had at the start, where that was another one.
    pub was: Option<DealId>,
    /// What people call it.
    pub title: String,
    /// Who owned it at the start.
    pub owner_before: Option<String>,
    /// Who owns it at the end.
    pub owner: Option<String>,
    /// Where it was at the start.
    pub stage_before: Option<StageId>,
    /// Where it is at the end.
    pub stage: Option<StageId>,
    /// Its amount at the start.
    pub amount_before: Option<Total>,
    /// Its amount at the end.
    pub amount: Option<Total>,
    /// Its close date at the start.
    pub close_before: Option<NaiveDate>,
    /// Its close date at the end.
    pub close_date: Option<NaiveDate>,
    /// What it does to the sums. Nothing where it has no amount; two currencies where that changed and one has no rate.
    pub booked: Vec<Total>,
    /// What it counted at the start: its amount then, converted where it can be.
    #[serde(skip)]
    pub counted_before: Option<Total>,
    /// Whether it was in the set at the start.
    pub was_there: bool,
    /// Whether it left, whatever else changed.
    pub left: bool,
}

/// What one unit of another currency is worth in every sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateTaken {
    /// The currency.
    pub currency: Currency,
    /// The rate, and since when it is that.
    #[serde(flatten)]
    pub quote: Quote,
}

/// From one time to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waterfall {
    /// The days that close dates lie in; `None`: all open deals.
    #[serde(skip)]
    pub closing: Option<Span>,
    /// The main currency.
    pub currency: Currency,
    /// The day whose rates are taken.
    pub rates_of: NaiveDate,
    /// The rates that were taken, by currency.
    pub rates: Vec<RateTaken>,
    /// The set at the start.
    pub start: Amounts,
    /// Every reason that there can be, in the order of [`Kind::ALL`].
    pub steps: Vec<Step>,
    /// The set at the end.
    pub end: Amounts,
    /// Whether start and steps make the end, in number and in each currency. Start and end are added up from the deals,
    /// not from the steps, so that this would find a deal that was lost between them.
    pub balanced: bool,
    /// The deals of each step, the largest first.
    pub changes: Rows<DealChange>,
}

impl Waterfall {
    /// Leaves only the first deals of each step in the list. The numbers stay.
    pub fn truncate(&mut self, rows: usize) {
        let mut kept: Vec<DealChange> = Vec::new();
        for step in &mut self.steps {
            let own = self.changes.get(step.first..step.first + step.listed).unwrap_or_default();
            step.first = kept.len();
            step.listed = own.len().min(rows);
            kept.extend(own.iter().take(rows).cloned());
        }
        self.changes = kept.into();
    }
}

/// Compares the two times.
pub fn waterfall(input: &Input<'_>) -> Waterfall {
    let currency = input.after.pipeline.currency;
    let converter = Converter::of(input.after.pipeline);
    let mut currencies: BTreeSet<Currency> = BTreeSet::new();
    let mut start = Amounts::zero(currency);
    let mut end = Amounts::zero(currency);
    let mut changes: Vec<DealChange> = Vec::new();
    for pair in pairs(input) {
        if pair.was_in {
            start.add(pair.amount_before());
        }
        if pair.is_in {
            end.add(pair.amount());
        }
        currencies.extend(pair.currencies().filter(|other| *other != currency));
        book(&pair, &mut changes);
    }
    changes.sort_by(|a, b| {
        let size = |change: &DealChange| change.booked.iter().filter_map(|b| b.sum).map(|s| s.abs()).max();
        (a.kind, size(b), &a.id).cmp(&(b.kind, size(a), &b.id))
    });

    let mut steps: Vec<Step> = Vec::with_capacity(Kind::ALL.len());
    let mut rest: &[DealChange] = &changes;
    for kind in Kind::ALL {
        let (own, others) = rest.split_at(rest.partition_point(|change| change.kind <= kind));
        let first = changes.len() - rest.len();
        rest = others;
        if input.closing.is_some() || !kind.is_of_period() {
            steps.push(step(kind, own, first, currency));
        }
    }
    let balanced = is_balanced(&start, &steps, &end);
    let rate =
        |currency: Currency| converter.quote(currency, input.rates_of).map(|quote| RateTaken { currency, quote });
    Waterfall {
        closing: input.closing,
        currency,
        rates_of: input.rates_of,
        rates: currencies.into_iter().filter_map(rate).collect(),
        start,
        steps,
        end,
        balanced,
        changes: changes.into(),
    }
}

/// Writes down what happened to one deal, step by step.
fn book(pair: &Pair<'_>, changes: &mut Vec<DealChange>) {
    let mut note = |kind: Kind, booked: Vec<Total>, left: bool| changes.push(pair.change(kind, booked, left));
    let plus = |money: Option<Money>| money.map(Total::from).into_iter().collect::<Vec<_>>();
    let minus = |money: Option<Money>| plus(money.map(|m| Money { amount: -m.amount, ..m }));
    let last = if pair.is_in { pair.amount() } else { pair.exit_amount() };
    if let Some(kind) = pair.came {
        note(kind, plus(last), false);
    }
    if pair.was_in {
        let change = match (pair.amount_before(), last) {
            (None, None) => None,
            (None, some) => Some((Kind::Priced, plus(some))),
            (some, None) => Some((Kind::Unpriced, minus(some))),
            (Some(a), Some(b)) if a.currency != b.currency => {
                Some((Kind::Converted, [minus(Some(a)), plus(Some(b))].concat()))
            }
            (Some(a), Some(b)) if a.amount == b.amount => None,
            (Some(a), Some(b)) => {
                let kind = if a.amount < b.amount { Kind::Increased } else { Kind::Decreased };
                let sum = b.amount.checked_sub(a.amount);
                Some((kind, vec![Total { sum, currency: a.currency }]))
            }
        };
        if let Some((kind, booked)) = change {
            note(kind, booked, !pair.is_in);
        }
    }
    if let Some(kind) = pair.went {
        note(kind, minus(last), true);
    }
}

fn step(kind: Kind, changes: &[DealChange], first: usize, currency: Currency) -> Step {
    let mut sums = Amounts::zero(currency);
    let mut before_leaving = Amounts::zero(currency);
    for change in changes {
        for booked in &change.booked {
            sums.add_sum(*booked);
            if kind.direction() == 0 && change.left {
                before_leaving.add_sum(*booked);
            }
        }
    }
    let count = i64::try_from(changes.len()).unwrap_or(i64::MAX);
    Step {
        kind,
        deals: changes.len(),
        change_of_deals: kind.direction() * count,
        amount: plain(sums.amount),
        other: sums.other,
        before_leaving: plain(before_leaving.amount),
        without_amount: changes.iter().filter(|change| change.booked.is_empty()).count(),
        first,
        listed: changes.len(),
    }
}

/// Amounts that cancel each other leave a zero with decimals, which is nothing all the same.
fn plain(total: Total) -> Total {
    Total { sum: total.sum.map(|sum| if sum.is_zero() { Decimal::ZERO } else { sum }), ..total }
}

/// A sum that does not fit is not known, and nothing can be said against it.
fn is_balanced(start: &Amounts, steps: &[Step], end: &Amounts) -> bool {
    let count = |level: &Amounts| i64::try_from(level.deals).unwrap_or(i64::MAX);
    let deals = steps.iter().map(|step| step.change_of_deals).sum::<i64>() + count(start) == count(end);
    let every = |level: &Amounts| level.other.iter().map(|total| total.currency).collect::<Vec<_>>();
    let mut currencies = [vec![start.amount.currency], every(start), every(end)].concat();
    currencies.extend(steps.iter().flat_map(|step| step.other.iter().map(|total| total.currency)));
    currencies.sort();
    currencies.dedup();
    let holds = |currency: &Currency| {
        let of = |amount: &Total, other: &[Total]| {
            let own = std::iter::once(amount).chain(other).find(|total| total.currency == *currency);
            own.map_or(Some(Decimal::ZERO), |total| total.sum)
        };
        let mut sum = of(&start.amount, &start.other);
        for step in steps {
            sum = sum.and_then(|sum| sum.checked_add(of(&step.amount, &step.other)?));
        }
        match (sum, of(&end.amount, &end.other)) {
            (Some(sum), Some(end)) => sum == end,
            _ => true,
        }
    };
    deals && currencies.iter().all(holds)
}

#[cfg(test)]
mod tests;
