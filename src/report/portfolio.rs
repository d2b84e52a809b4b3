//! Several pipelines on one page: a line for each, and their sums in one currency.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use crate::forecast::chance::chances;
use crate::format::ident::DealId;
use crate::format::money::Currency;
use crate::format::pipeline::Status;
use crate::history::track::Tracks;
use crate::metrics::calendar::Clock;
use crate::metrics::cycle::cycle;
use crate::metrics::estimate::{Estimate, Floors};
use crate::metrics::interval::wilson;
use crate::metrics::journey::{Outcome, journeys};
use crate::metrics::rates::{Converter, Others};
use crate::metrics::snapshot::OtherCurrency;
use crate::metrics::total::{Total, decimal_share};

use super::Facts;
use super::ReportError;
use super::asked::Profile;
use super::data::{DaysOf, SCHEMA_VERSION};
use super::lang::Lang;
use super::page::Page;
use super::template::{Rendering, render};

/// The name of the template.
const NAME: &str = "portfolio";

/// What the numbers mean, by their names in JSON.
const DEFINITIONS: [(&str, &str); 5] = [
    ("amount", "sum of the amounts, each converted by the last rate up to the day of the pipeline and rounded once"),
    ("weighted", "sum of converted amount times the chance of the deal's stage to be won"),
    (
        "won_amount",
        "sum of the amounts as they are now of the deals won in the days, by the rates of the day of winning",
    ),
    ("win_rate", "won / (won + lost) of the deals closed in the days, with Wilson's 95 % interval"),
    ("cycle", "median time in seconds from coming in to winning, of the deals won in the days"),
];

/// Several pipelines.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Portfolio {
    /// Version of this JSON.
    pub schema_version: u32,
    /// Always `portfolio`.
    pub kind: &'static str,
    /// The currency of all sums; `None` where no pipeline could be read.
    pub currency: Option<Currency>,
    /// The days in which deals were won, where they are the same for all pipelines; `None` also where they are all days.
    pub span: Option<DaysOf>,
    /// The expression that chose the deals; `None`: all of them.
    pub filter: Option<String>,
    /// Who it is for.
    pub profile: Profile,
    /// The language of its text.
    pub lang: Lang,
    /// The pipelines, in the order in which they were named.
    pub pipelines: Vec<Line>,
    /// All of them together; `None` where no pipeline could be read.
    pub total: Option<Sums>,
    /// Those that could not be reported on.
    pub failed: Vec<Failed>,
    /// What the numbers mean, by name.
    pub definitions: BTreeMap<&'static str, &'static str>,
}

/// One pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// How it was named.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its own currency.
    pub currency: Currency,
    /// The day that it is told of: that of its last commit, or the one that was asked for.
    pub day: chrono::NaiveDate,
    /// The commit that was read.
    pub commit: Option<String>,
    /// The days in which deals were won; `None`: all.
    pub span: Option<DaysOf>,
    /// Whether its history begins in the middle, so that what rests on history is a bound at best.
    pub incomplete: bool,
    /// Files of deals that could not be read and are in no number.
    pub unreadable: usize,
    /// Its numbers.
    #[serde(flatten)]
    pub sums: Sums,
    /// Median time from coming in to winning.
    pub cycle: Estimate<i64>,
    /// The report that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Value>,
}

/// Numbers of one pipeline or of all, in the currency of the portfolio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sums {
    /// Open deals.
    pub open: usize,
    /// Sum of their amounts.
    pub amount: Total,
    /// The same, each times the chance of its stage to be won; `None` for readers who do not see that.
    pub weighted: Option<Total>,
    /// Open deals without an amount.
    pub without_amount: usize,
    /// Open deals in other currencies: what of the sums they are, and what is in no sum.
    pub other_currencies: Vec<OtherCurrency>,
    /// Deals won in the days.
    pub won: usize,
    /// Sum of their amounts.
    pub won_amount: Total,
    /// Won deals whose amount is in a currency without a rate of that day; they are not in the sum.
    pub won_without_rate: usize,
    /// Deals lost in the days.
    pub lost: usize,
    /// `won / (won + lost)`.
    pub win_rate: Estimate<f64>,
}

/// A pipeline that could not be reported on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// How it was named.
    pub name: String,
    /// Why.
    pub message: String,
}

/// The line of one pipeline. `name` is how it was named.
pub fn line(name: String, facts: &Facts<'_>, converter: Converter<'_>) -> Line {
    let pipeline = facts.pipeline;
    let journeys = journeys(pipeline, facts.spells);
    let chances: BTreeMap<_, Decimal> = chances(pipeline, &journeys, facts.as_of.0)
        .into_iter()
        .map(|chance| (chance.stage, decimal_share(chance.chance)))
        .collect();
    let day = pipeline.day_of(facts.as_of.0);
    let mut sums = Sums::none(converter.currency());
    let mut weighted = Total::zero(converter.currency());
    let mut others = Others::new(converter, day);
    let mut amounts: BTreeMap<&DealId, _> = BTreeMap::new();
    for deal in facts.deals {
        match (pipeline.status(&deal.stage), deal.amount()) {
            (Status::Open, amount) => {
                sums.open += 1;
                let Some(money) = amount else {
                    sums.without_amount += 1;
                    continue;
                };
                let own = converter.add_to(&mut sums.amount, money, day);
                if let (Some(own), Some(chance)) = (own, chances.get(&deal.stage)) {
                    weighted.add_weighted(own, *chance);
                }
                others.add(money);
            }
            (Status::Won, Some(money)) => {
                amounts.insert(&deal.id, money);
            }
            _ => {}
        }
    }
    let window = facts.window(facts.asked.span);
    for (deal, journey) in journeys.named() {
        let Some(decided) = journey.decided.filter(|decided| window.holds(*decided)) else { continue };
        match journey.outcome {
            Outcome::Won => {
                sums.won += 1;
                if let Some(money) = amounts.get(deal) {
                    let converted = converter.add_to(&mut sums.won_amount, *money, pipeline.day_of(decided));
                    sums.won_without_rate += usize::from(converted.is_none());
                }
            }
            Outcome::Lost => sums.lost += 1,
            Outcome::Open | Outcome::Recycled | Outcome::Withdrawn => {}
        }
    }
    sums.other_currencies = others.finish();
    sums.weighted = facts.asked.profile.sees_expectations().then(|| weighted.rounded());
    sums.win_rate = win_rate(sums.won, sums.lost, facts.floors);
    let cycle = cycle(pipeline, &journeys, &Tracks::default(), facts.as_of.0, window, Clock::Wall, facts.floors);
    Line {
        name,
        title: pipeline.title.clone(),
        currency: pipeline.currency,
        day,
        commit: facts.source.commit.clone(),
        span: facts.asked.span.map(DaysOf::from),
        incomplete: facts.is_incomplete(),
        unreadable: facts.source.files.map_or(0, |files| files.unreadable),
        sums,
        cycle: cycle.won.lengths.median_seconds,
        report: None,
    }
}

fn win_rate(won: usize, lost: usize, floors: Floors) -> Estimate<f64> {
    let n = won + lost;
    match wilson(won, n).filter(|_| n >= floors.rate) {
        Some((low, high)) => Estimate::Known { value: won as f64 / n as f64, n, low: Some(low), high: Some(high) },
        None => Estimate::TooEarly { n },
    }
}

impl Sums {
    fn none(currency: Currency) -> Self {
        let zero = Total::zero(currency);
        Sums {
            open: 0,
            amount: zero,
            weighted: None,
            without_amount: 0,
            other_currencies: Vec::new(),
            won: 0,
            won_amount: zero,
            won_without_rate: 0,
            lost: 0,
            win_rate: Estimate::TooEarly { n: 0 },
        }
    }
}

/// Adds a sum to another of the same currency; one that is not known makes the whole not known.
fn add(whole: &mut Total, part: Total) {
    match part.sum {
        Some(sum) => whole.add(sum),
        None => whole.sum = None,
    }
}

impl Portfolio {
    /// The pipelines together. All lines are in one currency.
    pub fn new(lines: Vec<Line>, failed: Vec<Failed>, filter: Option<String>, profile: Profile, lang: Lang) -> Self {
        let currency = lines.first().map(|line| line.sums.amount.currency);
        let span = lines.first().and_then(|line| line.span);
        Portfolio {
            schema_version: SCHEMA_VERSION,
            kind: "portfolio",
            currency,
            span: span.filter(|span| lines.iter().all(|line| line.span == Some(*span))),
            filter,
            profile,
            lang,
            total: currency.map(|currency| total(&lines, currency)),
            pipelines: lines,
            failed,
            definitions: DEFINITIONS.into(),
        }
    }

    /// As a page. The words are the usual ones: pipelines may differ in theirs.
    ///
    /// # Errors
    /// As [`super::Report::to_page`].
    pub fn to_page(&self) -> Result<Page, ReportError> {
        let own = BTreeMap::new();
        let words = self.lang.words(&own);
        let (markdown, charts) = render(
            &Rendering { report: NAME, rows: self.pipelines.len(), lang: self.lang, words: &words, own: &own },
            self,
        )?;
        let title = self.lang.text("Portfolio").to_owned();
        Ok(Page { markdown, charts, title, lang: self.lang.as_str().to_owned() })
    }
}

fn total(lines: &[Line], currency: Currency) -> Sums {
    let mut total = Sums::none(currency);
    let mut others: BTreeMap<Currency, OtherCurrency> = BTreeMap::new();
    for Line { sums, .. } in lines {
        total.open += sums.open;
        total.without_amount += sums.without_amount;
        total.won += sums.won;
        total.won_without_rate += sums.won_without_rate;
        total.lost += sums.lost;
        add(&mut total.amount, sums.amount);
        add(&mut total.won_amount, sums.won_amount);
        if let Some(part) = sums.weighted {
            add(total.weighted.get_or_insert(Total::zero(currency)), part);
        }
        // Each pipeline has its own day and rates, so that what is converted is told in its own line.
        for other in sums.other_currencies.iter().filter(|other| other.converted.is_none()) {
            let fresh = OtherCurrency { deals: 0, amount: Total::zero(other.currency), ..other.clone() };
            let own = others.entry(other.currency).or_insert(fresh);
            own.deals += other.deals;
            add(&mut own.amount, other.amount);
        }
    }
    total.other_currencies = others.into_values().collect();
    total.win_rate = win_rate(total.won, total.lost, Floors::default());
    total
}
