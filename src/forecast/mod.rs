//! The forecast: what of the open deals will be won, by stage, by month and by deal.

pub mod chance;
pub mod total;

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{Pipeline, Status};
use crate::metrics::journey::Journeys;
use crate::metrics::rates::{Converter, Others};
use crate::metrics::rows::Rows;
use crate::metrics::snapshot::{OtherCurrency, field_text};
use crate::metrics::total::{Total, decimal_share};

use chance::{StageChance, Trust};

/// What a forecast may know. Deals and journeys are as known at `as_of`; later facts must not be among them.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// Their journeys, of past deals too.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
}

/// What can be expected of a set of open deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Expected {
    /// Deals.
    pub deals: usize,
    /// How many of them can be expected to be won: the sum of their chances.
    pub expected_wins: f64,
    /// Sum of the amounts in the pipeline's currency.
    pub amount: Total,
    /// Sum of the amounts, each times its chance, rounded to the currency's digits once, after adding.
    pub expected_amount: Total,
    /// Deals without an amount.
    pub without_amount: usize,
}

/// When deals are expected to close.
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

/// What is expected of the deals that close at one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonthLine {
    /// `overdue`, `2026-11` or `no date`.
    pub when: When,
    /// What is expected.
    #[serde(flatten)]
    pub expected: Expected,
}

/// What is expected of the deals of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLine {
    /// The chance, and where it comes from.
    #[serde(flatten)]
    pub chance: StageChance,
    /// What is expected.
    #[serde(flatten)]
    pub expected: Expected,
}

/// What is expected of the deals to which the sellers gave one category.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CategoryLine {
    /// The sellers' word; `None` where they gave none.
    pub category: Option<String>,
    /// What is expected, by the model: the word has no influence on it.
    #[serde(flatten)]
    pub expected: Expected,
}

/// One open deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealLine {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Its stage.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// What it is worth.
    pub amount: Option<Total>,
    /// When the yes is expected.
    pub close_date: Option<NaiveDate>,
    /// Which line of the months it is in.
    pub when: When,
    /// The chance that it is won.
    pub chance: f64,
    /// The chance that the pipeline file or the ladder gives its stage.
    pub prior: f64,
    /// The conversion that history gives its stage; `None` where nothing has ended yet.
    pub history: Option<f64>,
    /// Deals of the past that came into its stage.
    pub n: usize,
    /// How much of the chance is history, 0 to 1.
    pub evidence: f64,
    /// Amount times chance in the pipeline's currency; `None` without an amount, or without a rate to convert it.
    pub expected_amount: Option<Total>,
    /// The seller's category, shown and not used.
    pub category: Option<String>,
    /// The seller's confidence, shown and not used.
    pub confidence: Option<String>,
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The day of the forecast in the pipeline's time zone.
    pub day: NaiveDate,
    /// The currency of all sums.
    pub currency: Currency,
    /// How far to trust it.
    pub trust: Trust,
    /// Deals of the past that were won, lost or recycled.
    pub closed: usize,
    /// How many deals of the past the prior weighs as much as.
    pub prior_weight: u32,
    /// All open deals.
    pub total: Expected,
    /// Overdue, then by month, then those without a date; lines without deals are left out.
    pub months: Vec<MonthLine>,
    /// By stage, in order; stages that count as won are left out.
    pub stages: Vec<StageLine>,
    /// By the sellers' category; empty where no deal has one.
    pub categories: Vec<CategoryLine>,
    /// Currencies that are in no sum.
    pub other_currencies: Vec<OtherCurrency>,
    /// Open deals in a folder that is no stage; they are in no line.
    pub in_no_stage: usize,
    /// The open deals, the largest expected amount first.
    pub deals: Rows<DealLine>,
}

/// [`Pipeline::day_of`].
pub fn day_of(pipeline: &Pipeline, seconds: i64) -> NaiveDate {
    pipeline.day_of(seconds)
}

/// Says what of the open deals can be expected to be won: each deal counts with the chance of its stage, in the month of
/// its close date. Won deals are not part of it, and the sellers' own opinion is not used.
pub fn forecast(input: &Input<'_>) -> Forecast {
    let pipeline = input.pipeline;
    let day = day_of(pipeline, input.as_of);
    let chances = chance::chances(pipeline, input.journeys, input.as_of);
    let by_stage: BTreeMap<&StageId, &StageChance> = chances.iter().map(|c| (&c.stage, c)).collect();
    let closed = input.journeys.iter().filter(|j| j.is_closed()).count();

    let tally = || Tally::new(pipeline.currency);
    let mut total = tally();
    let mut months: BTreeMap<When, Tally> = BTreeMap::new();
    let mut stages: BTreeMap<&StageId, Tally> = BTreeMap::new();
    let mut categories: BTreeMap<(bool, Option<String>), Tally> = BTreeMap::new();
    let converter = Converter::of(pipeline);
    let mut others = Others::new(converter, day);
    let mut deals = Vec::new();
    let mut in_no_stage = 0;
    for deal in input.deals.iter().filter(|d| pipeline.status(&d.stage) == Status::Open) {
        let Some(chance) = by_stage.get(&deal.stage) else {
            in_no_stage += 1;
            continue;
        };
        // What it is worth in the pipeline's currency; `None` too where no rate is known.
        let own = deal.amount().and_then(|money| converter.convert(money, day));
        let line =
            deal_line(deal, chance, day, own.map(|amount| Total { sum: Some(amount), currency: pipeline.currency }));
        let share = decimal_share(chance.chance);
        total.add(&line, own, share);
        months.entry(line.when).or_insert_with(tally).add(&line, own, share);
        stages.entry(&deal.stage).or_insert_with(tally).add(&line, own, share);
        let category = line.category.clone();
        categories.entry((category.is_none(), category)).or_insert_with(tally).add(&line, own, share);
        if let Some(money) = deal.amount() {
            others.add(money);
        }
        deals.push(line);
    }
    deals.sort_by(|a, b| {
        let own = |d: &DealLine| d.expected_amount.and_then(|t| t.sum);
        own(b).cmp(&own(a)).then_with(|| a.id.cmp(&b.id))
    });
    if categories.keys().all(|(none, _)| *none) {
        categories.clear();
    }

    let stages = chances.iter().map(|chance| {
        let expected = stages.remove(&chance.stage).unwrap_or_else(tally).finish();
        StageLine { chance: chance.clone(), expected }
    });
    Forecast {
        day,
        currency: pipeline.currency,
        trust: Trust::of(closed),
        closed,
        prior_weight: chance::PRIOR_WEIGHT,
        stages: stages.collect(),
        total: total.finish(),
        months: months.into_iter().map(|(when, t)| MonthLine { when, expected: t.finish() }).collect(),
        categories: categories
            .into_iter()
            .map(|((_, category), t)| CategoryLine { category, expected: t.finish() })
            .collect(),
        other_currencies: others.finish(),
        in_no_stage,
        deals: deals.into(),
    }
}

fn deal_line(deal: &Deal, chance: &StageChance, day: NaiveDate, own: Option<Total>) -> DealLine {
    let close_date = deal.close_date();
    let when = match close_date {
        None => When::NoDate,
        Some(date) if date < day => When::Overdue,
        Some(date) => When::Month { year: date.year(), month: date.month() },
    };
    let expected = |Total { sum, currency }: Total| {
        let mut total = Total::zero(currency);
        sum.inspect(|amount| total.add_weighted(*amount, decimal_share(chance.chance)));
        total.rounded()
    };
    DealLine {
        id: deal.id.clone(),
        title: deal.title().to_owned(),
        owner: deal.owner().map(str::to_owned),
        stage: deal.stage.clone(),
        stage_title: chance.title.clone(),
        amount: deal.amount().map(Total::from),
        close_date,
        when,
        chance: chance.chance,
        prior: chance.prior,
        history: chance.history,
        n: chance.n,
        evidence: chance.evidence,
        expected_amount: own.map(expected),
        category: field_text(deal, "category"),
        confidence: field_text(deal, "confidence"),
    }
}

struct Tally {
    deals: usize,
    wins: Decimal,
    amount: Total,
    expected: Total,
    without_amount: usize,
}

impl Tally {
    fn new(currency: Currency) -> Self {
        let zero = Total::zero(currency);
        Tally { deals: 0, wins: Decimal::ZERO, amount: zero, expected: zero, without_amount: 0 }
    }

    fn add(&mut self, deal: &DealLine, own: Option<Decimal>, chance: Decimal) {
        self.deals += 1;
        self.wins += chance;
        match (deal.amount, own) {
            (None, _) => self.without_amount += 1,
            (Some(_), Some(own)) => {
                self.amount.add(own);
                self.expected.add_weighted(own, chance);
            }
            (Some(_), None) => {}
        }
    }

    fn finish(self) -> Expected {
        Expected {
            deals: self.deals,
            expected_wins: self.wins.to_f64().unwrap_or_default(),
            amount: self.amount,
            expected_amount: self.expected.rounded(),
            without_amount: self.without_amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::value::Value;
    use crate::format::zone::Zone;
    use crate::history::spell::Spells;
    use crate::metrics::fixture::{date, day, deal, money, path, pipeline, text, with};
    use crate::metrics::journey::journeys;

    fn make(pipeline: &Pipeline, deals: &[Deal], spells: &[Vec<crate::history::spell::Spell>]) -> Forecast {
        let journeys = journeys(pipeline, &Spells::from(spells.concat().as_slice()));
        forecast(&Input { pipeline, deals, journeys: &journeys, as_of: day(40) })
    }

    fn small() -> Pipeline {
        let mut pipeline = pipeline(&["brief", "offer"]);
        pipeline.stages[0].probability = Some(0.1);
        pipeline.stages[1].probability = Some(0.5);
        pipeline
    }

    fn open(id: &str, stage: &str, amount: &str, close: &str) -> Deal {
        with(with(deal(id, stage), "amount", money(amount)), "close_date", date(close))
    }

    fn sum(total: &Total) -> String {
        total.sum.map_or("?".to_owned(), |s| s.normalize().to_string())
    }

    #[test]
    fn the_first_and_the_last_day_are_the_same_in_every_time_zone() {
        let mut pipeline = pipeline(&["a"]);
        for zone in ["UTC", "America/Los_Angeles", "Pacific/Kiritimati"] {
            pipeline.timezone = Zone::named(zone).unwrap();
            assert_eq!(day_of(&pipeline, i64::MIN).to_string(), "0001-01-01", "{zone}");
            assert_eq!(day_of(&pipeline, i64::MAX).to_string(), "9999-12-31", "{zone}");
        }
        pipeline.timezone = Zone::named("America/Los_Angeles").unwrap();
        // 2026-03-08T07:59:59Z is a minute to midnight there, on the eve of summer time.
        assert_eq!(day_of(&pipeline, 1_772_956_799).to_string(), "2026-03-07");
        assert_eq!(day_of(&pipeline, 1_772_956_800).to_string(), "2026-03-08");
    }

    #[test]
    fn each_deal_counts_with_its_chance_in_the_month_of_its_close_date() {
        // Day 40 is 2026-02-14.
        let deals = [
            open("a", "offer", "1000", "2026-02-14"),
            open("b", "offer", "300", "2026-02-13"),
            open("c", "brief", "500.05", "2026-03-31"),
            deal("d", "brief"),
            open("w", "won", "9000", "2026-03-01"),
        ];
        let forecast = make(&small(), &deals, &[]);
        let months: Vec<_> = forecast
            .months
            .iter()
            .map(|m| (m.when.to_string(), m.expected.deals, sum(&m.expected.expected_amount)))
            .collect();
        assert_eq!(
            months,
            [
                ("overdue".to_owned(), 1, "150".to_owned()),
                ("2026-02".to_owned(), 1, "500".to_owned()),
                ("2026-03".to_owned(), 1, "50".to_owned()),
                ("no date".to_owned(), 1, "0".to_owned()),
            ]
        );
        // 500 + 150 + 50.005, rounded once at the end, half to even.
        assert_eq!(sum(&forecast.total.expected_amount), "700");
        assert!((forecast.total.expected_wins - 1.2).abs() < 1e-9);
        assert_eq!((forecast.trust, forecast.closed), (Trust::Assumed, 0));
        assert_eq!(forecast.deals.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn the_sellers_opinion_is_shown_and_changes_nothing() {
        let plain = open("a", "offer", "1000", "2026-03-01");
        let loud = with(with(plain.clone(), "category", text("commit")), "confidence", Value::Integer(99));
        let (without, with) = (make(&small(), &[plain], &[]), make(&small(), &[loud], &[]));
        assert_eq!(without.total, with.total);
        assert_eq!(with.deals[0].category.as_deref(), Some("commit"));
        assert_eq!(with.deals[0].confidence.as_deref(), Some("99"));
        assert_eq!(with.categories[0].expected, with.total);
        assert!(without.categories.is_empty());
    }

    #[test]
    fn history_moves_the_chance_and_the_label() {
        let mut spells: Vec<_> =
            (0..15).map(|i| path(&format!("w{i}"), &[("brief", 0), ("offer", 1), ("won", 2)])).collect();
        spells.extend((0..5).map(|i| path(&format!("l{i}"), &[("brief", 0), ("offer", 1), ("lost", 2)])));
        let forecast = make(&small(), &[open("a", "offer", "100", "2026-03-01")], &spells);
        assert_eq!((forecast.trust, forecast.closed), (Trust::History, 20));
        // (20 * 0.75 + 10 * 0.5) / 30
        assert!((forecast.deals[0].chance - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(sum(&forecast.total.expected_amount), "66.67");
    }

    #[test]
    fn deals_in_another_currency_count_as_deals_but_not_as_money() {
        let forecast = make(&small(), &[open("a", "offer", "100 USD", "2026-03-01")], &[]);
        assert_eq!((forecast.total.deals, sum(&forecast.total.expected_amount)), (1, "0".to_owned()));
        assert_eq!(forecast.other_currencies[0].currency.code(), "USD");
        assert!((forecast.total.expected_wins - 0.5).abs() < 1e-9);
    }

    #[test]
    fn hostile_dates_amounts_and_folders_are_survived() {
        let deals = [
            open("a", "offer", "9999999999999999999999999999", "9999-12-31"),
            open("b", "offer", "-1", "0001-01-01"),
            open("c", "attic", "1", "2026-03-01"),
        ];
        let forecast = make(&small(), &deals, &[]);
        assert_eq!(forecast.in_no_stage, 1);
        assert_eq!(forecast.months.len(), 2);
        assert_eq!(forecast.total.deals, 2);
        assert_eq!(day_of(&small(), i64::MAX).year(), 9999);
        assert_eq!(day_of(&small(), i64::MIN).year(), 1);
    }

    #[test]
    fn the_day_is_that_of_the_pipelines_zone() {
        let mut pipeline = small();
        pipeline.timezone = Zone::named("Europe/Moscow").unwrap();
        assert_eq!(day_of(&pipeline, day(0) + 22 * 3600).to_string(), "2026-01-06");
    }
}
