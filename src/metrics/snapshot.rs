//! The pipeline at one moment: open deals and their amounts by stage, by owner, by any field; and how long they have been
//! where they are.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{Pipeline, Status};
use crate::format::rates::Quote;
use crate::format::value::Value;

use super::estimate::{Estimate, Floors};
use super::journey::{Journey, Journeys, Spot, stage_curves};
use super::rates::{Converter, Others};
use super::rows::Rows;
use super::total::Total;

/// Number and amount of a set of open deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Deals.
    pub deals: usize,
    /// Share of all open deals; `None` where there are none.
    pub share_of_deals: Option<f64>,
    /// Sum of the amounts in the pipeline's currency.
    pub amount: Total,
    /// Share of the sum over all open deals; `None` unless that sum is above 0.
    pub share_of_amount: Option<f64>,
    /// Sum of the amounts, each times its stage's chance to be won, rounded to the currency's digits; `None` in a report
    /// whose reader is not to see it.
    pub weighted: Option<Total>,
    /// Deals without an amount.
    pub without_amount: usize,
}

/// The open deals of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLine {
    /// The stage, or a folder that is none.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Whether today's pipeline file has it.
    pub known: bool,
    /// The chance that a deal here is won, 0 to 1.
    pub chance: Option<f64>,
    /// Number and amount.
    #[serde(flatten)]
    pub line: Line,
}

/// The open deals by the values of one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grouping {
    /// The field, dotted.
    pub field: String,
    /// Its values, the largest amount first; deals without a value come last.
    pub values: Vec<GroupLine>,
}

/// The open deals of one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupLine {
    /// The value as text; `None` where the field is missing.
    pub value: Option<String>,
    /// Number and amount.
    #[serde(flatten)]
    pub line: Line,
}

/// Open deals in another currency than the pipeline's. Without a rate they are in no sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherCurrency {
    /// The currency.
    pub currency: Currency,
    /// Deals.
    pub deals: usize,
    /// Their own sum.
    pub amount: Total,
    /// What one unit of it was worth on the day, where that is known.
    pub quote: Option<Quote>,
    /// What of the sums they are, each amount converted and rounded once; `None` where no rate is known.
    pub converted: Option<Total>,
}

/// An open deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenDeal {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Where it is.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// What it is worth.
    pub amount: Option<Total>,
    /// When the yes is expected.
    pub close_date: Option<NaiveDate>,
    /// Full days in the stage; `None` where history does not tell.
    pub days_in_stage: Option<i64>,
    /// Whether it has been there longer than that: it came in with an import.
    pub at_least: bool,
    /// Share of visits to this stage that were over by this age.
    pub older_than: Estimate<f64>,
}

/// The pipeline at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// The currency of all sums.
    pub currency: Currency,
    /// Stages that do not count as won, in order, then folders that are no stage.
    pub stages: Vec<StageLine>,
    /// All open deals.
    pub total: Line,
    /// By each field that was asked for.
    pub groupings: Vec<Grouping>,
    /// Currencies that are in no sum.
    pub other_currencies: Vec<OtherCurrency>,
    /// Deals that count as won.
    pub won: usize,
    /// Deals in ends of kind lost.
    pub lost: usize,
    /// Deals in ends of kind recycled.
    pub recycled: usize,
    /// The open deals, the longest in their stage first.
    pub deals: Rows<OpenDeal>,
}

/// What a snapshot is made of.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
    /// The chance of each stage to be won.
    pub chances: &'a BTreeMap<StageId, Decimal>,
    /// Fields to group by, dotted.
    pub by: &'a [String],
    /// The floors.
    pub floors: Floors,
}

/// Takes the snapshot.
pub fn snapshot(input: &Input<'_>) -> Snapshot {
    let pipeline = input.pipeline;
    let mut open: Vec<&Deal> = Vec::new();
    let (mut won, mut lost, mut recycled) = (0, 0, 0);
    for deal in input.deals {
        match pipeline.status(&deal.stage) {
            Status::Open => open.push(deal),
            Status::Won => won += 1,
            Status::Lost => lost += 1,
            Status::Recycled => recycled += 1,
        }
    }

    let fresh = Tally::new(pipeline, input.as_of);
    let mut total = fresh.clone();
    let mut by_stage: BTreeMap<&StageId, Tally<'_>> = BTreeMap::new();
    let mut others = Others::new(fresh.converter, fresh.day);
    for deal in &open {
        let chance = input.chances.get(&deal.stage);
        total.add(deal, chance);
        by_stage.entry(&deal.stage).or_insert_with(|| fresh.clone()).add(deal, chance);
        if let Some(money) = deal.amount() {
            others.add(money);
        }
    }

    let mut stages = Vec::new();
    for stage in pipeline.stages.iter().take(pipeline.won_index()) {
        let tally = by_stage.remove(&stage.id).unwrap_or_else(|| fresh.clone());
        stages.push(StageLine {
            stage: stage.id.clone(),
            title: stage.title.clone(),
            known: true,
            chance: input.chances.get(&stage.id).and_then(rust_decimal::prelude::ToPrimitive::to_f64),
            line: tally.line(&total),
        });
    }
    for (stage, tally) in by_stage {
        let line = tally.line(&total);
        stages.push(StageLine { stage: stage.clone(), title: stage.to_string(), known: false, chance: None, line });
    }

    Snapshot {
        currency: pipeline.currency,
        stages,
        groupings: input.by.iter().map(|field| grouping(input, &open, field, &total)).collect(),
        total: total.line(&total),
        other_currencies: others.finish(),
        won,
        lost,
        recycled,
        deals: open_deals(input, &open).into(),
    }
}

fn grouping(input: &Input<'_>, open: &[&Deal], field: &str, total: &Tally<'_>) -> Grouping {
    let mut groups: BTreeMap<Option<String>, Tally<'_>> = BTreeMap::new();
    for deal in open {
        let tally = groups.entry(field_text(deal, field)).or_insert_with(|| Tally::new(input.pipeline, input.as_of));
        tally.add(deal, input.chances.get(&deal.stage));
    }
    let mut values: Vec<GroupLine> =
        groups.into_iter().map(|(value, tally)| GroupLine { value, line: tally.line(total) }).collect();
    values.sort_by(|a, b| {
        let rank = |g: &GroupLine| (g.value.is_none(), std::cmp::Reverse((g.line.amount.sum, g.line.deals)));
        rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value))
    });
    Grouping { field: field.to_owned(), values }
}

/// What a deal says in a field, on one line; `None` where it says nothing. `stage` is where it lies.
pub fn field_text(deal: &Deal, path: &str) -> Option<String> {
    if path == "stage" {
        return Some(deal.stage.to_string());
    }
    deal.value(path).filter(|v| v.is_filled()).map(value_text)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Money(money) => money.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Deal(id) => id.to_string(),
        Value::List(items) => items.iter().map(|i| value_text(&i.value)).collect::<Vec<_>>().join(", "),
        Value::Block(block) => {
            let entry = |(name, _, field): &(String, _, crate::format::value::Field)| {
                format!("{name}: {}", value_text(&field.value))
            };
            block.entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
    }
}

fn open_deals(input: &Input<'_>, open: &[&Deal]) -> Vec<OpenDeal> {
    let curves = stage_curves(input.pipeline, input.journeys, input.as_of);
    let journeys = input.journeys.by_deal();
    let day = input.pipeline.day_of(input.as_of);
    let mut deals: Vec<OpenDeal> = Vec::with_capacity(open.len());
    for deal in open {
        let place = input.pipeline.place(deal.stage.as_str());
        let visit = journeys.get(&deal.id).and_then(Journey::current).filter(|v| match v.spot {
            Spot::Stage(index) => input.pipeline.stages.get(index).is_some_and(|s| s.id == deal.stage),
            Spot::End(_) => false,
            Spot::Unknown => place.is_none(),
        });
        let age = visit.map(|v| input.as_of.saturating_sub(v.entered).max(0));
        let at_least = visit.is_some_and(|v| v.left_censored);
        let curve = visit.and_then(|v| if let Spot::Stage(index) = v.spot { curves.get(index) } else { None });
        let older_than = match (curve, age) {
            (Some(curve), Some(age)) if curve.events >= input.floors.quantile && !at_least => {
                Estimate::Known { value: 1.0 - curve.survival_at(age), n: curve.events, low: None, high: None }
            }
            (curve, _) => Estimate::TooEarly { n: curve.map_or(0, |c| c.events) },
        };
        deals.push(OpenDeal {
            id: deal.id.clone(),
            title: deal.title().to_owned(),
            owner: deal.owner().map(str::to_owned),
            stage: deal.stage.clone(),
            stage_title: place.map_or(deal.stage.as_str(), |p| p.title()).to_owned(),
            amount: deal.amount().map(Total::from),
            close_date: deal.close_date(),
            days_in_stage: visit.map(|v| day.signed_duration_since(input.pipeline.day_of(v.entered)).num_days().max(0)),
            at_least,
            older_than,
        });
    }
    deals.sort_by(|a, b| b.days_in_stage.cmp(&a.days_in_stage).then_with(|| a.id.cmp(&b.id)));
    deals
}

#[derive(Clone)]
struct Tally<'a> {
    converter: Converter<'a>,
    day: NaiveDate,
    deals: usize,
    amount: Total,
    weighted: Total,
    without_amount: usize,
}

impl<'a> Tally<'a> {
    fn new(pipeline: &'a Pipeline, as_of: i64) -> Self {
        let zero = Total::zero(pipeline.currency);
        let (converter, day) = (Converter::of(pipeline), pipeline.day_of(as_of));
        Tally { converter, day, deals: 0, amount: zero, weighted: zero, without_amount: 0 }
    }

    fn add(&mut self, deal: &Deal, chance: Option<&Decimal>) {
        self.deals += 1;
        match deal.amount() {
            None => self.without_amount += 1,
            Some(money) => {
                let own = self.converter.add_to(&mut self.amount, money, self.day);
                if let (Some(own), Some(chance)) = (own, chance) {
                    self.weighted.add_weighted(own, *chance);
                }
            }
        }
    }

    fn line(&self, total: &Tally<'_>) -> Line {
        Line {
            deals: self.deals,
            share_of_deals: (total.deals > 0).then(|| self.deals as f64 / total.deals as f64),
            amount: self.amount,
            share_of_amount: self.amount.share_of(&total.amount),
            weighted: Some(self.weighted.rounded()),
            without_amount: self.without_amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, day, deal, money, path, pipeline, text, with};
    use super::super::journey::journeys;
    use super::super::total::decimal_share;
    use super::*;
    use crate::history::spell::Spells;

    fn take(deals: &[Deal], by: &[&str]) -> Snapshot {
        let pipeline = pipeline(&["brief", "offer"]);
        let spells = [
            path("a", &[("brief", 0)]),
            path("b", &[("brief", 0), ("offer", 4)]),
            path("c", &[("brief", 1), ("offer", 2)]),
        ];
        let chances = [("brief", 0.1), ("offer", 0.5)].map(|(s, p)| (StageId::new(s).unwrap(), decimal_share(p)));
        let by: Vec<String> = by.iter().map(|b| (*b).to_owned()).collect();
        snapshot(&Input {
            pipeline: &pipeline,
            deals,
            journeys: &journeys(&pipeline, &Spells::from(spells.concat().as_slice())),
            as_of: day(10) + 3600,
            chances: &BTreeMap::from(chances),
            by: &by,
            floors: Floors::default(),
        })
    }

    fn priced(id: &str, stage: &str, amount: &str) -> Deal {
        with(deal(id, stage), "amount", money(amount))
    }

    fn sum(total: &Total) -> String {
        total.sum.map_or("?".to_owned(), |s| s.to_string())
    }

    #[test]
    fn counts_and_sums_open_deals_by_stage() {
        let deals = [
            priced("a", "brief", "1000"),
            priced("b", "offer", "2000.50"),
            priced("c", "offer", "999.50"),
            deal("d", "brief"),
            priced("w", "won", "5"),
            deal("l", "lost"),
        ];
        let state = take(&deals, &[]);
        let rows: Vec<_> = state
            .stages
            .iter()
            .map(|s| {
                (
                    s.stage.as_str(),
                    s.line.deals,
                    sum(&s.line.amount),
                    sum(&s.line.weighted.unwrap()),
                    s.line.without_amount,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("brief", 2, "1000".to_owned(), "100.00".to_owned(), 1),
                ("offer", 2, "3000.00".to_owned(), "1500.00".to_owned(), 0)
            ]
        );
        assert_eq!(state.stages[1].line.share_of_deals, Some(0.5));
        assert_eq!(state.stages[1].line.share_of_amount, Some(0.75));
        assert_eq!((state.won, state.lost, state.recycled), (1, 1, 0));
        assert_eq!(state.total.deals, state.deals.len());
    }

    #[test]
    fn other_currencies_are_counted_and_never_added() {
        let deals = [priced("a", "brief", "100"), priced("b", "offer", "7 USD"), priced("c", "offer", "8 USD")];
        let state = take(&deals, &[]);
        assert_eq!(sum(&state.total.amount), "100");
        assert_eq!(state.other_currencies.len(), 1);
        let other = &state.other_currencies[0];
        assert_eq!((other.currency.code(), other.deals, sum(&other.amount)), ("USD", 2, "15".to_owned()));
        assert_eq!(state.total.without_amount, 0);
    }

    #[test]
    fn the_longest_in_its_stage_comes_first_and_unknown_ages_last() {
        let deals = [deal("a", "brief"), deal("b", "offer"), deal("c", "offer"), deal("d", "offer")];
        let order: Vec<_> = take(&deals, &[]).deals.iter().map(|d| (d.id.to_string(), d.days_in_stage)).collect();
        let wanted = [("a", Some(10)), ("c", Some(8)), ("b", Some(6)), ("d", None)];
        assert_eq!(order, wanted.map(|(id, days)| (id.to_owned(), days)));
    }

    #[test]
    fn groups_by_any_field_and_keeps_deals_without_it() {
        let deals = [
            with(priced("a", "brief", "10"), "owner", text("olga")),
            with(priced("b", "offer", "30"), "owner", text("petr")),
            with(priced("c", "offer", "25"), "owner", text("olga")),
            priced("d", "offer", "1000"),
        ];
        let state = take(&deals, &["owner", "inputs.budget"]);
        let rows: Vec<_> =
            state.groupings[0].values.iter().map(|g| (g.value.as_deref(), g.line.deals, sum(&g.line.amount))).collect();
        assert_eq!(
            rows,
            [(Some("olga"), 2, "35".to_owned()), (Some("petr"), 1, "30".to_owned()), (None, 1, "1000".to_owned())]
        );
        assert_eq!(state.groupings[1].values.len(), 1);
    }

    #[test]
    fn negative_zero_and_enormous_amounts_are_survived() {
        let deals = [
            priced("a", "brief", "-5"),
            priced("b", "offer", "0"),
            priced("c", "offer", "9999999999999999999999999999"),
        ];
        let state = take(&deals, &[]);
        assert_eq!(sum(&state.total.amount), "9999999999999999999999999994");
        let more: Vec<_> = (0..9).map(|i| priced(&format!("x{i}"), "offer", "9999999999999999999999999999")).collect();
        let state = take(&more, &[]);
        assert_eq!(sum(&state.total.amount), "?");
        assert_eq!(state.stages[1].line.share_of_amount, None);
    }

    #[test]
    fn a_folder_that_is_no_stage_has_a_line_of_its_own() {
        let state = take(&[priced("a", "attic", "3")], &[]);
        let last = state.stages.last().unwrap();
        assert_eq!(
            (last.stage.as_str(), last.known, last.line.deals, sum(&last.line.weighted.unwrap())),
            ("attic", false, 1, "0".to_owned())
        );
    }

    #[test]
    fn every_kind_of_value_has_a_text() {
        let deal = with(with(deal("a", "brief"), "due", date("2026-02-03")), "n", Value::Integer(3));
        assert_eq!(field_text(&deal, "due").as_deref(), Some("2026-02-03"));
        assert_eq!(field_text(&deal, "n").as_deref(), Some("3"));
        assert_eq!(field_text(&deal, "stage").as_deref(), Some("brief"));
        assert_eq!(field_text(&deal, "owner"), None);
    }
}
