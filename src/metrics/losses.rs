//! Deals that were lost or sent back: why, from where, to whom, what they were worth and what they had cost.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{End, EndKind, Pipeline, Place};

use super::amounts::Amounts;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::hours::{Hours, hours_by};
use super::journey::{Journey, Journeys, Outcome, Spot};
use super::quantile::quantile;
use super::reasons::Asked;
use super::rows::Rows;
use super::total::Total;

/// What the numbers are made of. Deals and journeys are as known at `as_of`.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
    /// Only deals that ended inside.
    pub window: Window,
    /// The floors.
    pub floors: Floors,
}

/// What is said of a set of deals that ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Number and amounts.
    #[serde(flatten)]
    pub amounts: Amounts,
    /// Share of all that ended so; `None` where none did.
    pub share_of_deals: Option<f64>,
    /// Share of their amount in the main currency; `None` unless that is above 0.
    pub share_of_amount: Option<f64>,
    /// Median of the time from the first stage to the end, in seconds; deals whose beginning is not known are left out.
    pub median_age_seconds: Estimate<i64>,
    /// Hours of work on them.
    pub hours: Hours,
}

/// The deals that gave one answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The answer; `None` for those that gave none.
    pub value: Option<String>,
    /// What is said of them.
    #[serde(flatten)]
    pub line: Line,
}

/// The deals that left one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageGroup {
    /// The stage, by today's name; `None` where they were in none.
    pub stage: Option<StageId>,
    /// What people call it.
    pub title: Option<String>,
    /// What is said of them.
    #[serde(flatten)]
    pub line: Line,
}

/// A deal that ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EndedDeal {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// The client.
    pub account: Option<String>,
    /// Who owned it.
    pub owner: Option<String>,
    /// Where it lies.
    pub end: StageId,
    /// Why.
    pub reason: Option<String>,
    /// To whom it was lost.
    pub competitor: Option<String>,
    /// What else was noted.
    pub note: Option<String>,
    /// The stage that it left; `None` where it was in none.
    pub from: Option<StageId>,
    /// What people call that.
    pub from_title: Option<String>,
    /// What it was worth.
    pub amount: Option<Total>,
    /// When it ended; `None` where history does not tell.
    pub ended_on: Option<NaiveDate>,
    /// From its first stage to the end, in seconds; `None` where its beginning is not known.
    pub age_seconds: Option<i64>,
    /// Hours of work on it.
    pub hours: Hours,
}

/// All deals that ended one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ended {
    /// All of them.
    pub total: Line,
    /// Declared fields that may say why.
    pub reason_fields: Vec<String>,
    /// By what they say, the largest number first; those that say nothing last.
    pub reasons: Vec<Group>,
    /// By the stage that they left, in the pipeline's order.
    pub stages: Vec<StageGroup>,
    /// By whom they were lost to. Empty where no deal says it.
    pub competitors: Vec<Group>,
    /// The deals, the largest amount first.
    pub deals: Rows<EndedDeal>,
}

/// Lost deals, and those that went back to marketing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Losses {
    /// The main currency.
    pub currency: Currency,
    /// What was lost.
    pub lost: Ended,
    /// What went back to marketing.
    pub recycled: Ended,
}

/// Counts what was lost and what went back.
pub fn losses(input: &Input<'_>) -> Losses {
    let journeys = input.journeys.by_deal();
    let of = |kind: EndKind, outcome: Outcome| {
        let ends: Vec<Words<'_>> = input
            .pipeline
            .ends
            .iter()
            .filter(|end| end.kind == kind)
            .map(|end| Words::of(input.pipeline, end))
            .collect();
        let mut found = Vec::new();
        for deal in input.deals {
            if let Some(words) = ends.iter().find(|words| words.end.id == deal.stage) {
                let journey = journeys.get(&deal.id).copied().filter(|journey| journey.outcome == outcome);
                found.extend(ended_deal(input, deal, journey, words));
            }
        }
        ended(input, found, &ends)
    };
    Losses {
        currency: input.pipeline.currency,
        lost: of(EndKind::Lost, Outcome::Lost),
        recycled: of(EndKind::Recycled, Outcome::Recycled),
    }
}

/// An end, and where deals in it say what.
struct Words<'a> {
    end: &'a End,
    reason: Asked,
    competitor: Asked,
    note: Asked,
}

impl<'a> Words<'a> {
    fn of(pipeline: &Pipeline, end: &'a End) -> Self {
        let (reason, competitor, note) = (Asked::reason(pipeline, end), Asked::competitor(end), Asked::note(end));
        Words { end, reason, competitor, note }
    }
}

/// A deal with what the lines are made of.
struct Found<'a> {
    deal: &'a Deal,
    row: EndedDeal,
    /// The index of the stage that it left.
    from: Option<usize>,
}

/// The deal, where it ended inside the window. One whose end has no date belongs only to no window at all.
fn ended_deal<'a>(
    input: &Input<'a>,
    deal: &'a Deal,
    journey: Option<Journey<'_>>,
    words: &Words<'_>,
) -> Option<Found<'a>> {
    let decided = journey.and_then(|journey| journey.decided);
    let unbounded = input.window.from.is_none() && input.window.until.is_none();
    if !decided.map_or(unbounded, |at| input.window.holds(at)) {
        return None;
    }
    let stage = |visit: &super::journey::Visit| if let Spot::Stage(index) = visit.spot { Some(index) } else { None };
    let from = journey.and_then(|journey| journey.visits.iter().rev().find_map(stage));
    let place = from.and_then(|index| input.pipeline.stages.get(index));
    let began = journey.and_then(|journey| journey.visits.first());
    let began = began.filter(|visit| !visit.left_censored && !matches!(visit.spot, Spot::End(_))).map(|v| v.entered);
    let day = input.pipeline.day_of(input.as_of);
    let row = EndedDeal {
        id: deal.id.clone(),
        title: deal.title().to_owned(),
        account: deal.text("account").map(str::to_owned),
        owner: deal.owner().map(str::to_owned),
        end: deal.stage.clone(),
        reason: words.reason.answer(deal),
        competitor: words.competitor.answer(deal),
        note: words.note.answer(deal),
        from: place.map(|stage| stage.id.clone()),
        from_title: place.map(|stage| stage.title.clone()),
        amount: deal.amount().map(Total::from),
        ended_on: decided.map(|at| input.pipeline.day_of(at)),
        age_seconds: began.zip(decided).map(|(began, decided)| decided.saturating_sub(began).max(0)),
        hours: hours_by(deal, day),
    };
    Some(Found { deal, row, from })
}

fn ended(input: &Input<'_>, mut found: Vec<Found<'_>>, ends: &[Words<'_>]) -> Ended {
    found.sort_by(|a, b| {
        let size = |f: &Found<'_>| f.row.amount.map(|total| (total.currency == input.pipeline.currency, total.sum));
        size(b).cmp(&size(a)).then_with(|| a.row.id.cmp(&b.row.id))
    });
    let all: Vec<&Found<'_>> = found.iter().collect();
    let whole = tally(input, &all);
    let line = |of: &[&Found<'_>]| line(input, of, &whole);
    let by = |answer: &dyn Fn(&EndedDeal) -> Option<String>| {
        let mut groups: BTreeMap<Option<String>, Vec<&Found<'_>>> = BTreeMap::new();
        for one in &found {
            groups.entry(answer(&one.row)).or_default().push(one);
        }
        let group = |(value, of): (Option<String>, Vec<&Found<'_>>)| Group { value, line: line(&of) };
        let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
        let rank =
            |g: &Group| (g.value.is_none(), std::cmp::Reverse((g.line.amounts.deals, g.line.amounts.amount.sum)));
        groups.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.value.cmp(&b.value)));
        groups
    };
    let mut stages: BTreeMap<(bool, Option<usize>), Vec<&Found<'_>>> = BTreeMap::new();
    for one in &found {
        stages.entry((one.from.is_none(), one.from)).or_default().push(one);
    }
    let stage_group = |((_, from), of): ((bool, Option<usize>), Vec<&Found<'_>>)| {
        let stage = from.and_then(|index| input.pipeline.stages.get(index));
        StageGroup { stage: stage.map(|s| s.id.clone()), title: stage.map(|s| s.title.clone()), line: line(&of) }
    };
    let mut reason_fields: Vec<String> = ends.iter().flat_map(|words| words.reason.declared(input.pipeline)).collect();
    reason_fields.sort();
    reason_fields.dedup();
    let mut competitors = by(&|row| row.competitor.clone());
    if competitors.iter().all(|group| group.value.is_none()) {
        competitors.clear();
    }
    Ended {
        total: line(&all),
        reason_fields,
        reasons: by(&|row| row.reason.clone()),
        stages: stages.into_iter().map(stage_group).collect(),
        competitors,
        deals: found.iter().map(|one| one.row.clone()).collect::<Vec<_>>().into(),
    }
}

fn tally(input: &Input<'_>, of: &[&Found<'_>]) -> Amounts {
    let mut amounts = Amounts::zero(input.pipeline.currency);
    of.iter().for_each(|one| amounts.add(one.deal.amount()));
    amounts
}

fn line(input: &Input<'_>, of: &[&Found<'_>], whole: &Amounts) -> Line {
    let amounts = tally(input, of);
    let ages: Vec<i64> = of.iter().filter_map(|one| one.row.age_seconds).collect();
    let mut hours = Hours::default();
    of.iter().for_each(|one| hours.add(one.row.hours.0));
    Line {
        share_of_deals: (whole.deals > 0).then(|| amounts.deals as f64 / whole.deals as f64),
        share_of_amount: amounts.amount.share_of(&whole.amount),
        median_age_seconds: quantile(&ages, 0.5, input.floors.quantile),
        hours,
        amounts,
    }
}

/// The title of a place, its id where the pipeline does not know it.
pub(super) fn place_title(pipeline: &Pipeline, id: &StageId) -> String {
    pipeline.place(id.as_str()).map_or(id.as_str(), |place: Place<'_>| place.title()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{day, deal, money, path, pipeline, text, with};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field, Value};
    use crate::history::spell::{Spell, Spells};

    fn field(value: Value) -> Field {
        Field { value, span: Span::default() }
    }

    fn block(entries: Vec<(&str, Value)>) -> Value {
        let entry = |(name, value): (&str, Value)| (name.to_owned(), Span::default(), field(value));
        Value::Block(Block { entries: entries.into_iter().map(entry).collect() })
    }

    fn lost(id: &str, amount: &str, reason: &str, hours: i64) -> Deal {
        let deal = with(with(deal(id, "lost"), "amount", money(amount)), "lost", block(vec![("reason", text(reason))]));
        with(deal, "effort", Value::List(vec![field(block(vec![("hours", Value::Integer(hours))]))]))
    }

    fn take(deals: &[Deal], spells: &[Spell], window: Window) -> Losses {
        let pipeline = pipeline(&["brief", "offer"]);
        let journeys = journeys(&pipeline, &Spells::from(spells));
        let floors = Floors { rate: 1, quantile: 2 };
        losses(&Input { pipeline: &pipeline, deals, journeys: &journeys, as_of: day(100), window, floors })
    }

    #[test]
    fn lost_deals_are_told_by_reason_and_by_the_stage_they_left() {
        let deals = [
            lost("a", "100", "price", 3),
            lost("b", "300", "price", 4),
            lost("c", "50 USD", "silent", 5),
            with(deal("d", "lost"), "lost", block(vec![("competitor", text("Rival"))])),
            with(deal("r", "recycled"), "recycled", block(vec![("reason", text("not now"))])),
            lost("open-again", "1000", "price", 1),
        ];
        let mut deals = deals.to_vec();
        deals[5].stage = StageId::new("brief").unwrap();
        let spells = [
            path("a", &[("brief", 0), ("offer", 5), ("lost", 10)]),
            path("b", &[("brief", 0), ("lost", 20)]),
            path("c", &[("brief", 0), ("offer", 1), ("brief", 2), ("lost", 4)]),
            path("d", &[("lost", 4)]),
            path("r", &[("brief", 0), ("recycled", 4)]),
        ]
        .concat();
        let told = take(&deals, &spells, Window::default());
        let rows: Vec<_> = told.lost.reasons.iter().map(|g| (g.value.as_deref(), g.line.amounts.deals)).collect();
        assert_eq!(rows, [(Some("price"), 2), (Some("silent"), 1), (None, 1)]);
        let price = &told.lost.reasons[0].line;
        assert_eq!(price.amounts.amount.sum.unwrap().to_string(), "400");
        assert_eq!((price.share_of_deals, price.share_of_amount), (Some(0.5), Some(1.0)));
        assert_eq!(price.median_age_seconds.value(), Some(10 * super::super::DAY));
        assert_eq!(price.hours.0, 7.into());
        let stages: Vec<_> = told.lost.stages.iter().map(|g| (g.title.as_deref(), g.line.amounts.deals)).collect();
        assert_eq!(stages, [(Some("brief"), 2), (Some("offer"), 1), (None, 1)]);
        assert_eq!(told.lost.total.amounts.without_amount, 1);
        assert_eq!(told.lost.total.amounts.other[0].sum, Some(50.into()));
        assert_eq!(told.lost.competitors.len(), 2);
        assert_eq!(told.lost.competitors[0].value.as_deref(), Some("Rival"));
        assert_eq!(told.recycled.reasons[0].value.as_deref(), Some("not now"));
        assert!(told.recycled.competitors.is_empty());
        let order: Vec<_> = told.lost.deals.iter().map(|d| d.id.as_str()).collect();
        assert_eq!(order, ["b", "a", "c", "d"]);
        // It never was in a stage, so that nobody knows how long it was on its way.
        assert_eq!(told.lost.deals[3].age_seconds, None);
    }

    #[test]
    fn only_what_ended_inside_the_window_counts() {
        let deals = [lost("a", "1", "price", 0), lost("b", "2", "price", 0), lost("unknown", "4", "price", 0)];
        let spells = [path("a", &[("brief", 0), ("lost", 10)]), path("b", &[("brief", 0), ("lost", 20)])].concat();
        let of = |from, until| {
            let told = take(&deals, &spells, Window { from, until });
            told.lost.deals.iter().map(|d| d.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of(None, None), ["unknown", "b", "a"]);
        assert_eq!(of(Some(day(10)), Some(day(20))), ["a"]);
        assert_eq!(of(Some(day(11)), None), ["b"]);
    }
}
