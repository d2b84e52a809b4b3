//! The numbers of where hours of work went.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::format::deal::Deal;
use crate::format::pipeline::Pipeline;
use crate::metrics::effort::{DealLine, spot_on};
use crate::metrics::estimate::Estimate;
use crate::metrics::hours::{Entry, Hours, entries};
use crate::metrics::journey::{Journey, Spot};
use crate::report::effort::EffortReport;
use crate::report::lang::Lang;
use crate::report::number::count;

use super::figure::{Figure, of_hours};
use super::funnel::seen;
use super::ground::Ground;
use super::number::{Cause, Number, Pick};

/// Which work.
#[derive(Clone)]
enum Chosen {
    All,
    Stage(Option<String>),
    Person(Option<String>),
    Outcome(&'static str),
}

impl Chosen {
    fn holds(&self, pipeline: &Pipeline, deal: &Deal, journey: Option<Journey<'_>>, entry: &Entry<'_>) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Stage(stage) => {
                entry.on.is_some_and(|on| place(pipeline, spot_on(pipeline, deal, journey, on)) == stage.as_deref())
            }
            Chosen::Person(who) => entry.who == who.as_deref(),
            Chosen::Outcome(outcome) => pipeline.status(&deal.stage).as_str() == *outcome,
        }
    }
}

/// The stage, or the first end of a kind, as the report calls it.
fn place(pipeline: &Pipeline, spot: Spot) -> Option<&str> {
    match spot {
        Spot::Stage(index) => pipeline.stages.get(index).map(|stage| stage.id.as_str()),
        Spot::End(kind) => pipeline.ends.iter().find(|end| end.kind == kind).map(|end| end.id.as_str()),
        Spot::Unknown => None,
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &EffortReport) -> Vec<Number<'a>> {
    let effort = &report.effort.said;
    let mut all = Vec::new();
    let mut add = |name: String, title: String, hours: Hours, deals: usize, meaning: &'static str, chosen: Chosen| {
        let formula = format!("the hours of {} added up: {}", ground.deals(deals), of_hours(hours.0));
        let number = Number::new(name, title, Figure::Hours(hours), deals, move || worked(ground, &chosen));
        all.push(number.says(meaning, formula).claims(deals, None).sums(Some(hours.0)));
    };
    add("effort.hours".to_owned(), "Hours of work".to_owned(), effort.hours, effort.deals, "hours", Chosen::All);
    for line in &effort.stages {
        let id = line.stage.as_ref().map(|stage| stage.to_string());
        let title = format!("Hours of work in {}", line.title.as_deref().unwrap_or("no stage"));
        let name = format!("effort.hours.{}", id.as_deref().unwrap_or("none"));
        add(name, title, line.hours, line.deals, "stages", Chosen::Stage(id));
    }
    for line in &effort.people {
        let who = line.who.as_deref().unwrap_or("none");
        let title = format!("Hours of work by {who}");
        add(format!("effort.person.{who}"), title, line.hours, line.deals, "hours", Chosen::Person(line.who.clone()));
    }
    for line in &effort.outcomes {
        let title = format!("Hours of work on deals that are {}", line.outcome);
        let name = format!("effort.outcome.{}", line.outcome);
        add(name, title, line.hours, line.deals, "hours", Chosen::Outcome(line.outcome));
    }
    for (name, title, estimate, outcome, meaning) in [
        ("effort.won_median", "Hours of half of the won deals", &effort.won_median, "won", "won_median"),
        ("effort.lost_p90", "Hours of nine of ten lost deals", &effort.lost_p90, "lost", "lost_p90"),
    ] {
        let list = effort.list.clone();
        let n = list.iter().filter(|line| line.outcome == outcome).count();
        let number = Number::new(name, title, Figure::HoursOf(estimate.clone()), n, move || {
            list.iter().filter(|line| line.outcome == outcome).map(|line| pick(line, line.hours)).collect()
        });
        let limit = match estimate {
            Estimate::Known { value, .. } => format!("up to {} hours", count(*value, Lang::En)),
            _ => "not yet known how many hours".to_owned(),
        };
        let formula = format!("of {} that are {outcome} and had work, each whole: {limit}", ground.deals(n));
        all.push(number.says(meaning, formula).floor(ground.facts.floors.quantile).claims(seen(estimate), None));
    }
    let lists = [
        (
            "effort.won_before_payment",
            "Hours on won deals before their first payment",
            effort.won_before_payment,
            "before_payment",
            is_won as fn(&DealLine) -> bool,
            before_payment as fn(&DealLine) -> Hours,
        ),
        (
            "effort.unpaid",
            "Hours on open deals that have paid nothing",
            effort.unpaid,
            "before_payment",
            is_unpaid,
            whole,
        ),
    ];
    for (name, title, hours, meaning, is_one, part) in lists {
        let list = effort.list.clone();
        let n = list.iter().filter(|line| is_one(line)).count();
        let number = Number::new(name, title, Figure::Hours(hours), n, move || {
            list.iter().filter(|line| is_one(line)).map(|line| pick(line, part(line))).collect()
        });
        let formula = format!("the hours of {} added up: {}", ground.deals(n), of_hours(hours.0));
        all.push(number.says(meaning, formula).sums(Some(hours.0)));
    }
    for (name, title, own, meaning) in [
        ("effort.lost_after_much", "Lost deals with much work", &effort.lost_after_much, "lost_after_much"),
        ("effort.cut_off", "Open deals that a criterion about effort would cut off", &effort.cut_off, "cut_off"),
    ] {
        let own = own.clone();
        let n = own.len();
        let number = Number::new(name, title, Figure::Count(n), n, move || {
            own.iter().map(|line| pick(line, line.hours)).collect()
        });
        all.push(number.says(meaning, ground.deals(n)).claims(n, None));
    }
    all
}

fn is_won(line: &DealLine) -> bool {
    line.outcome == "won"
}

fn is_unpaid(line: &DealLine) -> bool {
    line.outcome == "open" && line.paid_on.is_none()
}

fn before_payment(line: &DealLine) -> Hours {
    line.before_payment
}

fn whole(line: &DealLine) -> Hours {
    line.hours
}

fn pick(line: &DealLine, hours: Hours) -> Pick {
    let mut how = format!("{}, {}", line.outcome, line.stage_title);
    if let Some(paid) = line.paid_on {
        how += &format!(", first paid on {paid}");
    }
    if let Some(criterion) = line.fails.first() {
        how += &format!(", does not meet {criterion}");
    }
    Pick::yes(&line.id, how, Cause::Unknown).part(Some(hours.0))
}

/// The deals that some work was done for on the days that were asked for.
fn worked(ground: &Ground<'_>, chosen: &Chosen) -> Vec<Pick> {
    let facts = &ground.facts;
    let journeys = ground.journeys.by_deal();
    let inside = |on: Option<NaiveDate>| match (facts.asked.span, on) {
        (_, Some(on)) if on > facts.today => false,
        (None, _) => true,
        (Some(span), on) => on.is_some_and(|on| span.contains(on)),
    };
    let mut picks = Vec::new();
    for deal in facts.deals {
        let journey = journeys.get(&deal.id).copied();
        let own = entries(deal).filter(|e| inside(e.on) && chosen.holds(facts.pipeline, deal, journey, e));
        let hours: Vec<Decimal> = own.filter_map(|entry| entry.hours).collect();
        if !hours.is_empty() {
            let mut sum = Hours::default();
            hours.iter().for_each(|hours| sum.add(*hours));
            let how = match hours.len() {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            };
            picks.push(Pick::yes(&deal.id, how, Cause::Unknown).part(Some(sum.0)));
        }
    }
    picks.sort_by(|a, b| b.part.cmp(&a.part).then_with(|| a.deal.cmp(&b.deal)));
    picks
}
