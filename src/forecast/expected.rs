//! What can be expected of a set of open deals, and the lines that a forecast tells it in.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use serde::{Serialize, Serializer};

use crate::format::ident::StageId;
use crate::format::money::Currency;
use crate::format::pipeline::Pipeline;
use crate::metrics::total::Total;

use super::Ground;
use super::hazards::Factors;
use super::total::Distribution;

/// What can be expected of a set of open deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Deals.
    pub deals: usize,
    /// How many of them can be expected to be won in time: the sum of their chances.
    pub expected_wins: f64,
    /// Sum of the amounts in the pipeline's currency.
    pub amount: Total,
    /// Sum of the amounts, each times its chance, rounded to the currency's digits once, after adding.
    pub expected_amount: Total,
    /// Deals without an amount.
    pub without_amount: usize,
}

/// What a sum of money will be in eight of ten cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// In one of ten cases it is less.
    pub p10: Total,
    /// In half of the cases.
    pub p50: Total,
    /// In one of ten cases it is more.
    pub p90: Total,
}

impl Range {
    /// Of a distribution. The numbers are estimates, told to the digits of the currency.
    pub fn of(distribution: &Distribution, currency: Currency) -> Range {
        let at = |p: f64| money(distribution.quantile(p), currency);
        Range { p10: at(0.1), p50: at(0.5), p90: at(0.9) }
    }
}

/// An estimate of a sum of money.
pub fn money(amount: f64, currency: Currency) -> Total {
    Total { sum: Decimal::from_f64(amount), currency }.rounded()
}

/// When sellers expect deals to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// The close date has passed.
    Overdue,
    /// In this month.
    Month {
        /// The year.
        year: i32,
        /// The month, 1 to 12.
        month: u32,
    },
    /// There is no close date.
    NoDate,
}

impl When {
    /// Of a close date, seen from a day.
    pub fn of(close_date: Option<NaiveDate>, day: NaiveDate) -> When {
        match close_date {
            None => When::NoDate,
            Some(date) if date < day => When::Overdue,
            Some(date) => When::Month { year: date.year(), month: date.month() },
        }
    }
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            When::Overdue => f.write_str("overdue"),
            When::Month { year, month } => write!(f, "{year:04}-{month:02}"),
            When::NoDate => f.write_str("no date"),
        }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The deals that sellers expect to close at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloseDateLine {
    /// `overdue`, `2026-11` or `no date`.
    pub when: When,
    /// What is expected of them by the end of the forecast, whatever their close dates say.
    #[serde(flatten)]
    pub expected: Expected,
}

/// The deals of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLine {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Visits of the past that are counted from their beginning on.
    pub visits: u32,
    /// The chance of a deal that has just come there to be won by the end of the forecast.
    pub fresh: f64,
    /// The same before anything was seen: what the pipeline file says, or what is assumed.
    pub assumed: f64,
    /// The share of its deals that the pipeline file says, or that is assumed, to be won at all.
    pub prior: f64,
    /// How much of the chances of its deals is history, 0 to 1: their mean; `None` where there are none.
    pub evidence: Option<f64>,
    /// What is expected.
    #[serde(flatten)]
    pub expected: Expected,
}

impl StageLine {
    /// All stages that do not count as won, with what was added up in them and the sum of the evidence of their deals.
    pub(super) fn all(
        pipeline: &Pipeline,
        ground: &Ground<'_>,
        mut sums: BTreeMap<usize, (Tally, f64)>,
    ) -> Vec<StageLine> {
        let model = &ground.model;
        let days = [ground.ahead.days];
        let line = |(index, stage): (usize, &crate::format::pipeline::Stage)| {
            let (tally, evidence) = sums.remove(&index).unwrap_or_else(|| (Tally::new(pipeline.currency), 0.0));
            let fresh = model.within(index, 0, Factors::ONE, &days);
            let fresh = fresh.first().map_or(0.0, |chances| ground.drift.map_or(*chances, |d| d.apply(*chances)).won);
            let expected = tally.finish();
            let prior = model.priors().get(index);
            StageLine {
                stage: stage.id.clone(),
                title: stage.title.clone(),
                visits: model.cells().cell(index, 0).map_or(0, |cell| cell.visits),
                fresh,
                assumed: prior.map_or(0.0, |prior| prior.won_within(ground.ahead.days)),
                prior: prior.map_or(0.0, |prior| prior.won),
                evidence: (expected.deals > 0).then(|| evidence / expected.deals as f64),
                expected,
            }
        };
        pipeline.stages.iter().enumerate().take(pipeline.won_index()).map(line).collect()
    }
}

/// The deals that have one value in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupLine {
    /// The value; `None` where there is none.
    pub value: Option<String>,
    /// What is expected.
    #[serde(flatten)]
    pub expected: Expected,
}

/// The deals by the values of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Groups {
    /// The field.
    pub field: String,
    /// Its values, by name; deals without one come last.
    pub lines: Vec<GroupLine>,
}

/// What is expected of the deals to which the sellers gave one category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryLine {
    /// The sellers' word; `None` where they gave none.
    pub category: Option<String>,
    /// What is expected, by the model: the word has no influence on it.
    #[serde(flatten)]
    pub expected: Expected,
    /// The same with all surer categories: those with the sellers' word commit, then best case, then the rest of the
    /// pipeline; `None` for a word that has no place in that order.
    pub cumulative: Option<Expected>,
}

/// How sure the sellers are: their words from the surest on, as forecasts are called everywhere.
const ORDER: [&[&str]; 3] =
    [&["commit", "committed"], &["best case", "best_case", "best-case", "upside"], &["pipeline"]];

/// The place of a category in that order.
fn sureness(category: Option<&str>) -> Option<usize> {
    let word = category?.trim().to_lowercase();
    ORDER.iter().position(|words| words.contains(&word.as_str()))
}

/// The lines of categories, the surest first; none where no deal has one.
pub(super) fn categories(sums: BTreeMap<(bool, Option<String>), Tally>, currency: Currency) -> Vec<CategoryLine> {
    if sums.keys().all(|(none, _)| *none) {
        return Vec::new();
    }
    let mut lines: Vec<_> = sums.into_iter().map(|((_, category), tally)| (category, tally)).collect();
    // Stable: words without a place come after, by name, and deals without a word last.
    lines.sort_by_key(|(category, _)| (sureness(category.as_deref()).unwrap_or(ORDER.len()), category.is_none()));
    let mut sum = Tally::new(currency);
    let line = |(category, tally): (Option<String>, Tally)| {
        let is_ordered = sureness(category.as_deref()).is_some();
        if is_ordered {
            sum.join(&tally);
        }
        let cumulative = is_ordered.then(|| sum.clone().finish());
        CategoryLine { category, expected: tally.finish(), cumulative }
    };
    lines.into_iter().map(line).collect()
}

/// Adds up what is expected.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    deals: usize,
    wins: Decimal,
    amount: Total,
    expected: Total,
    without_amount: usize,
}

impl Tally {
    pub(super) fn new(currency: Currency) -> Self {
        let zero = Total::zero(currency);
        Tally { deals: 0, wins: Decimal::ZERO, amount: zero, expected: zero, without_amount: 0 }
    }

    /// Adds a deal with what it is worth in the currency, where that is known, and its chance.
    pub(super) fn add(&mut self, has_amount: bool, own: Option<Decimal>, chance: Decimal) {
        self.deals += 1;
        self.wins += chance;
        self.without_amount += usize::from(!has_amount);
        if let Some(own) = own {
            self.amount.add(own);
            self.expected.add_weighted(own, chance);
        }
    }

    fn join(&mut self, other: &Tally) {
        self.deals += other.deals;
        self.wins += other.wins;
        self.without_amount += other.without_amount;
        for (sum, own) in [(&mut self.amount, other.amount), (&mut self.expected, other.expected)] {
            match own.sum {
                Some(own) => sum.add(own),
                None => sum.sum = None,
            }
        }
    }

    pub(super) fn finish(self) -> Expected {
        Expected {
            deals: self.deals,
            expected_wins: self.wins.to_f64().unwrap_or_default(),
            amount: self.amount,
            expected_amount: self.expected.rounded(),
            without_amount: self.without_amount,
        }
    }
}
