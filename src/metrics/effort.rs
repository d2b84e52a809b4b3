//! Where hours of work went: by stage, by person, by deal, before the first payment, and on what was lost.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{CriterionId, DealId, StageId};
use crate::format::money::Currency;
use crate::format::period::Span;
use crate::format::pipeline::{EndKind, Pipeline, Status};
use crate::format::value::Value;

use super::estimate::{Estimate, Floors};
use super::hours::{Entry, Hours, entries};
use super::journey::{Journey, Journeys, Spot};
use super::losses::place_title;
use super::quantile::quantile;
use super::rows::Rows;
use super::total::Total;

/// What the numbers are made of. Deals and journeys are as known on `day`.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// The day it is: what is dated later has not happened.
    pub day: NaiveDate,
    /// Only work of these days; `None`: all. What a deal has cost so far is told whole in any case.
    pub span: Option<Span>,
    /// Which of the criteria that look at effort a deal does not meet.
    pub fails: &'a dyn Fn(&Deal) -> Vec<CriterionId>,
    /// The floors.
    pub floors: Floors,
}

/// Work by where the deal was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageLine {
    /// The stage or end; `None`: a folder that today's pipeline does not know.
    pub stage: Option<StageId>,
    /// What people call it.
    pub title: Option<String>,
    /// Hours of work done while deals were there.
    pub hours: Hours,
    /// Share of all hours.
    pub share: Option<f64>,
    /// Deals that it was done for.
    pub deals: usize,
}

/// Work by who did it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersonLine {
    /// Who; `None` where it is not said.
    pub who: Option<String>,
    /// Hours of work.
    pub hours: Hours,
    /// Share of all hours.
    pub share: Option<f64>,
    /// Deals that it was done for.
    pub deals: usize,
    /// The part on deals that are open.
    pub open: Hours,
    /// The part on deals that were won.
    pub won: Hours,
    /// The part on deals that were lost.
    pub lost: Hours,
    /// The part on deals that went back to marketing.
    pub recycled: Hours,
}

/// Work by what became of the deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutcomeLine {
    /// `open`, `won`, `lost` or `recycled`.
    pub outcome: &'static str,
    /// Deals that work was done for.
    pub deals: usize,
    /// Hours of work.
    pub hours: Hours,
    /// Share of all hours.
    pub share: Option<f64>,
    /// Median of the hours of a deal.
    pub median_hours: Estimate<f64>,
    /// Hours for each thousand of the main currency, of the deals that have an amount above 0 in it, added up.
    pub per_thousand: Option<f64>,
}

/// The work on one deal, whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealLine {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// What became of it.
    pub outcome: &'static str,
    /// Where it is.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// What it is worth.
    pub amount: Option<Total>,
    /// Hours of work on it.
    pub hours: Hours,
    /// Hours for each thousand of its amount, whatever the currency; `None` unless that is above 0.
    pub per_thousand: Option<f64>,
    /// The first payment that was received.
    pub paid_on: Option<NaiveDate>,
    /// Hours up to that day; all of them where nothing was paid.
    pub before_payment: Hours,
    /// More hours than the median of deals that were won.
    pub over_won_median: bool,
    /// More hours than nine of ten lost deals.
    pub over_lost_p90: bool,
    /// Criteria about effort that it does not meet: it would be cut off by them, where they refuse a move.
    pub fails: Vec<CriterionId>,
}

/// Where work went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effort {
    /// The main currency.
    pub currency: Currency,
    /// Hours of work in the span.
    pub hours: Hours,
    /// Deals that it was done for.
    pub deals: usize,
    /// Hours without a date: counted where no span was asked for, and in no stage.
    pub undated: Hours,
    /// Entries that say no hours.
    pub without_hours: usize,
    /// Entries dated after the day of the report; they are in no number.
    pub later: usize,
    /// By stage, in the pipeline's order, then the ends.
    pub stages: Vec<StageLine>,
    /// By person, the most hours first.
    pub people: Vec<PersonLine>,
    /// By what became of the deals.
    pub outcomes: Vec<OutcomeLine>,
    /// Median of the hours of won deals that work was done for.
    pub won_median: Estimate<f64>,
    /// Hours that nine of ten lost deals with work do not exceed.
    pub lost_p90: Estimate<f64>,
    /// Hours on won deals up to their first payment.
    pub won_before_payment: Hours,
    /// Hours on won deals, for comparison.
    pub won_hours: Hours,
    /// Hours on open deals that have paid nothing yet.
    pub unpaid: Hours,
    /// Lost deals with more hours than the median of won ones or than nine of ten lost ones, most hours first.
    pub lost_after_much: Vec<DealLine>,
    /// Open deals that have paid nothing and fail a criterion about effort, most hours first.
    pub cut_off: Vec<DealLine>,
    /// Every deal with work in the span, the most hours first.
    pub list: Rows<DealLine>,
}

/// Adds up where work went.
pub fn effort(input: &Input<'_>) -> Effort {
    let pipeline = input.pipeline;
    let journeys = input.journeys.by_deal();
    let mut sums = Sums::default();
    let mut list: Vec<DealLine> = Vec::new();
    for deal in input.deals {
        let journey = journeys.get(&deal.id).copied();
        let before = sums.entries;
        for entry in entries(deal) {
            sums.take(input, deal, journey, entry);
        }
        if sums.entries > before {
            list.push(deal_line(input, deal));
        }
    }
    let hours_of = |outcome: &str| -> Vec<f64> {
        list.iter().filter(|line| line.outcome == outcome).map(|line| line.hours.as_f64()).collect()
    };
    let won_median = quantile(&hours_of("won"), 0.5, input.floors.quantile);
    let lost_p90 = quantile(&hours_of("lost"), 0.9, input.floors.quantile);
    for line in &mut list {
        let over = |limit: &Estimate<f64>| limit.value().is_some_and(|limit| line.hours.as_f64() > limit);
        (line.over_won_median, line.over_lost_p90) = (over(&won_median), over(&lost_p90));
    }
    list.sort_by(|a, b| b.hours.cmp(&a.hours).then_with(|| a.id.cmp(&b.id)));
    let outcomes = ["open", "won", "lost", "recycled"]
        .into_iter()
        .map(|outcome| outcome_line(input, &list, outcome, sums.by_outcome(outcome), sums.all))
        .collect();
    let sum = |keep: &dyn Fn(&DealLine) -> bool, of: &dyn Fn(&DealLine) -> Hours| {
        let mut sum = Hours::default();
        list.iter().filter(|line| keep(line)).for_each(|line| sum.add(of(line).0));
        sum
    };
    let chosen = |keep: &dyn Fn(&DealLine) -> bool| list.iter().filter(|line| keep(line)).cloned().collect::<Vec<_>>();
    Effort {
        currency: pipeline.currency,
        hours: sums.all,
        deals: list.len(),
        undated: sums.undated,
        without_hours: sums.without_hours,
        later: sums.later,
        stages: sums.stages(pipeline),
        people: sums.people(),
        outcomes,
        won_median,
        lost_p90,
        won_before_payment: sum(&|line| line.outcome == "won", &|line| line.before_payment),
        won_hours: sum(&|line| line.outcome == "won", &|line| line.hours),
        unpaid: sum(&|line| line.outcome == "open" && line.paid_on.is_none(), &|line| line.hours),
        lost_after_much: chosen(&|line| line.outcome == "lost" && (line.over_won_median || line.over_lost_p90)),
        cut_off: chosen(&|line| line.outcome == "open" && line.paid_on.is_none() && !line.fails.is_empty()),
        list: list.into(),
    }
}

/// The first day on which a deal paid something, as known on `day`.
pub fn first_payment(deal: &Deal, day: NaiveDate) -> Option<NaiveDate> {
    let payments = deal.value("payments").and_then(Value::as_list).unwrap_or_default();
    let paid = |item: &crate::format::value::Field| item.value.as_block()?.get("paid_on")?.value.as_date();
    payments.iter().filter_map(paid).filter(|paid| *paid <= day).min()
}

fn deal_line(input: &Input<'_>, deal: &Deal) -> DealLine {
    let status = input.pipeline.status(&deal.stage);
    let paid_on = first_payment(deal, input.day);
    let (mut hours, mut before_payment) = (Hours::default(), Hours::default());
    for entry in entries(deal).filter(|entry| entry.on.is_none_or(|on| on <= input.day)) {
        let Some(own) = entry.hours else { continue };
        hours.add(own);
        // Work without a date may have been done at any time; before the payment is the careful guess.
        if paid_on.is_none_or(|paid| entry.on.is_none_or(|on| on <= paid)) {
            before_payment.add(own);
        }
    }
    DealLine {
        id: deal.id.clone(),
        title: deal.title().to_owned(),
        owner: deal.owner().map(str::to_owned),
        outcome: status.as_str(),
        stage: deal.stage.clone(),
        stage_title: place_title(input.pipeline, &deal.stage),
        amount: deal.amount().map(Total::from),
        hours,
        per_thousand: deal.amount().and_then(|money| per_thousand(hours, money.amount)),
        paid_on,
        before_payment,
        over_won_median: false,
        over_lost_p90: false,
        fails: if status == Status::Open { (input.fails)(deal) } else { Vec::new() },
    }
}

fn per_thousand(hours: Hours, amount: Decimal) -> Option<f64> {
    let share = (amount > Decimal::ZERO).then(|| hours.0.checked_div(amount)).flatten()?;
    share.checked_mul(Decimal::ONE_THOUSAND)?.to_f64()
}

fn outcome_line(input: &Input<'_>, list: &[DealLine], outcome: &'static str, hours: Hours, all: Hours) -> OutcomeLine {
    let own: Vec<&DealLine> = list.iter().filter(|line| line.outcome == outcome).collect();
    let each: Vec<f64> = own.iter().map(|line| line.hours.as_f64()).collect();
    let (mut priced, mut amount) = (Hours::default(), Total::zero(input.pipeline.currency));
    for line in &own {
        if let Some(Total { sum: Some(sum), currency }) = line.amount
            && currency == amount.currency
            && sum > Decimal::ZERO
        {
            priced.add(line.hours.0);
            amount.add(sum);
        }
    }
    OutcomeLine {
        outcome,
        deals: own.len(),
        hours,
        share: hours.share_of(all),
        median_hours: quantile(&each, 0.5, input.floors.quantile),
        per_thousand: amount.sum.and_then(|sum| per_thousand(priced, sum)),
    }
}

/// Where the deal was, for the order of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Stage(usize),
    End(EndKind),
    Unknown,
}

#[derive(Default)]
struct Sums<'a> {
    all: Hours,
    undated: Hours,
    entries: usize,
    without_hours: usize,
    later: usize,
    stages: BTreeMap<Where, (Hours, BTreeSet<&'a DealId>)>,
    people: BTreeMap<Option<&'a str>, Person<'a>>,
}

#[derive(Default)]
struct Person<'a> {
    hours: Hours,
    deals: BTreeSet<&'a DealId>,
    by_outcome: BTreeMap<&'static str, Hours>,
}

impl<'a> Sums<'a> {
    fn take(&mut self, input: &Input<'_>, deal: &'a Deal, journey: Option<Journey<'_>>, entry: Entry<'a>) {
        if entry.on.is_some_and(|on| on > input.day) {
            self.later += 1;
            return;
        }
        let inside = match (input.span, entry.on) {
            (None, _) => true,
            (Some(span), Some(on)) => span.contains(on),
            (Some(_), None) => false,
        };
        let Some(hours) = entry.hours else {
            self.without_hours += usize::from(inside);
            return;
        };
        if entry.on.is_none() {
            self.undated.add(hours);
        }
        if !inside {
            return;
        }
        self.entries += 1;
        self.all.add(hours);
        if let Some(on) = entry.on {
            let (sum, deals) = self.stages.entry(place_on(input.pipeline, deal, journey, on)).or_default();
            sum.add(hours);
            deals.insert(&deal.id);
        }
        let person = self.people.entry(entry.who).or_default();
        person.hours.add(hours);
        person.deals.insert(&deal.id);
        person.by_outcome.entry(input.pipeline.status(&deal.stage).as_str()).or_default().add(hours);
    }

    fn by_outcome(&self, outcome: &str) -> Hours {
        let mut sum = Hours::default();
        self.people.values().filter_map(|person| person.by_outcome.get(outcome)).for_each(|hours| sum.add(hours.0));
        sum
    }

    fn stages(&self, pipeline: &Pipeline) -> Vec<StageLine> {
        let line = |(place, (hours, deals)): (&Where, &(Hours, BTreeSet<&DealId>))| {
            let (stage, title) = match place {
                Where::Stage(index) => pipeline.stages.get(*index).map(|stage| (&stage.id, &stage.title)),
                Where::End(kind) => pipeline.ends.iter().find(|end| end.kind == *kind).map(|end| (&end.id, &end.title)),
                Where::Unknown => None,
            }
            .unzip();
            StageLine {
                stage: stage.cloned(),
                title: title.cloned(),
                hours: *hours,
                share: hours.share_of(self.all),
                deals: deals.len(),
            }
        };
        self.stages.iter().map(line).collect()
    }

    fn people(&self) -> Vec<PersonLine> {
        let line = |(who, person): (&Option<&str>, &Person<'_>)| {
            let of = |outcome: &str| person.by_outcome.get(outcome).copied().unwrap_or_default();
            PersonLine {
                who: who.map(str::to_owned),
                hours: person.hours,
                share: person.hours.share_of(self.all),
                deals: person.deals.len(),
                open: of("open"),
                won: of("won"),
                lost: of("lost"),
                recycled: of("recycled"),
            }
        };
        let mut lines: Vec<PersonLine> = self.people.iter().map(line).collect();
        lines.sort_by(|a, b| b.hours.cmp(&a.hours).then_with(|| a.who.cmp(&b.who)));
        lines
    }
}

/// Where the deal was when a day began, since work is mostly noted on the day on which it moves the deal on. Work before
/// its first stage belongs to that one.
pub fn spot_on(pipeline: &Pipeline, deal: &Deal, journey: Option<Journey<'_>>, day: NaiveDate) -> Spot {
    let begins = pipeline.start_of(day);
    let visits = journey.map(|journey| journey.visits).unwrap_or_default();
    let then = visits.iter().rev().find(|visit| visit.entered <= begins).or(visits.first());
    match then {
        Some(visit) => visit.spot,
        None => match pipeline.place(deal.stage.as_str()) {
            Some(crate::format::pipeline::Place::Stage(index, _)) => Spot::Stage(index),
            Some(crate::format::pipeline::Place::End(end)) => Spot::End(end.kind),
            None => Spot::Unknown,
        },
    }
}

fn place_on(pipeline: &Pipeline, deal: &Deal, journey: Option<Journey<'_>>, day: NaiveDate) -> Where {
    match spot_on(pipeline, deal, journey, day) {
        Spot::Stage(index) => Where::Stage(index),
        Spot::End(kind) => Where::End(kind),
        Spot::Unknown => Where::Unknown,
    }
}

#[cfg(test)]
mod tests;
