//! The numbers of the open pipeline.

use rust_decimal::Decimal;

use crate::format::deal::Deal;
use crate::format::pipeline::Status;
use crate::metrics::journey::Journey;
use crate::metrics::rates::Converter;
use crate::metrics::snapshot::{Line, field_text};
use crate::metrics::total::decimal_share;
use crate::report::lang::Lang;
use crate::report::number::share;
use crate::report::pipeline::PipelineReport;

use super::figure::{Figure, of_money};
use super::ground::{Ground, days};
use super::number::{Cause, Number, Pick};

/// Which open deals.
#[derive(Clone)]
enum Chosen {
    All,
    Stage(String),
    Value(String, Option<String>),
}

impl Chosen {
    fn holds(&self, deal: &Deal) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Stage(stage) => deal.stage.as_str() == stage,
            Chosen::Value(field, value) => field_text(deal, field) == *value,
        }
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &PipelineReport) -> Vec<Number<'a>> {
    let state = &report.state.said;
    let chances: Vec<(String, Decimal)> =
        state.stages.iter().filter_map(|stage| Some((stage.stage.to_string(), decimal_share(stage.chance?)))).collect();
    let mut all = Vec::new();
    let mut add = |ending: String, words: String, line: &Line, chosen: Chosen, chance: Option<f64>| {
        of_line(ground, &ending, &words, line, &chosen, chance, &chances, &mut all);
    };
    add(String::new(), "open deals".to_owned(), &state.total, Chosen::All, None);
    for stage in &state.stages {
        let words = format!("open deals in {}", stage.title);
        add(format!(".{}", stage.stage), words, &stage.line, Chosen::Stage(stage.stage.to_string()), stage.chance);
    }
    for grouping in &state.groupings {
        for group in &grouping.values {
            let value = group.value.as_deref().unwrap_or("none");
            let words = match &group.value {
                Some(value) => format!("open deals whose {} is {value}", grouping.field),
                None => format!("open deals without {}", grouping.field),
            };
            let chosen = Chosen::Value(grouping.field.clone(), group.value.clone());
            add(format!(".by.{}.{value}", grouping.field), words, &group.line, chosen, None);
        }
    }
    for (word, status, count) in [
        ("won", Status::Won, state.won),
        ("lost", Status::Lost, state.lost),
        ("recycled", Status::Recycled, state.recycled),
    ] {
        let pick = move || {
            let own = ground.facts.deals.iter().filter(|deal| ground.facts.pipeline.status(&deal.stage) == status);
            own.map(|deal| Pick::yes(&deal.id, format!("in {}", ground.title(deal.stage.as_str())), Cause::Here))
                .collect()
        };
        let title = format!("Deals that count as {word}");
        let formula = format!("{} of {}", count, ground.deals(ground.facts.deals.len()));
        let number = Number::new(format!("pipeline.{word}"), title, Figure::Count(count), count, pick);
        all.push(number.says("deals by where their files lie", formula).claims(count, None));
    }
    all
}

#[expect(clippy::too_many_arguments, reason = "the columns of one line")]
fn of_line<'a>(
    ground: &'a Ground<'a>,
    ending: &str,
    words: &str,
    line: &Line,
    chosen: &Chosen,
    chance: Option<f64>,
    chances: &[(String, Decimal)],
    all: &mut Vec<Number<'a>>,
) {
    let n = line.deals;
    let deals = ground.deals(n);
    let of_all =
        line.share_of_deals.map_or_else(String::new, |own| format!(", {} of all open ones", share(own, Lang::En)));
    let own = chosen.clone();
    let number = Number::new(format!("pipeline.deals{ending}"), capital(words), Figure::Count(n), n, move || {
        open(ground, &own, &|_, _| None)
    });
    all.push(number.says("open deals: those whose file lies in a stage before winning", format!("{deals}{of_all}")));

    let own = chosen.clone();
    let value = Figure::Money(line.amount);
    let title = format!("Amount of {words}");
    let number = Number::new(format!("pipeline.amount{ending}"), title, value, n, move || {
        open(ground, &own, &|_, amount| amount)
    });
    let formula = format!(
        "the amounts of {deals} added up: {}{}",
        of_money(&line.amount),
        match line.without_amount {
            0 => String::new(),
            n => format!("; {n} of them {} no amount", if n == 1 { "has" } else { "have" }),
        }
    );
    all.push(number.says("amount", formula).sums(line.amount.sum));

    if let Some(weighted) = line.weighted {
        let (own, chances) = (chosen.clone(), chances.to_vec());
        let title = format!("Weighted amount of {words}");
        let number = Number::new(format!("pipeline.weighted{ending}"), title, Figure::Money(weighted), n, move || {
            open(ground, &own, &|deal, amount| {
                let (_, chance) = chances.iter().find(|(stage, _)| *stage == deal.stage.as_str())?;
                amount?.checked_mul(*chance)
            })
        });
        let formula = match chance {
            Some(chance) => {
                format!("{} x {} = {}", of_money(&line.amount), share(chance, Lang::En), of_money(&weighted))
            }
            None => format!(
                "the amount of each of {deals} times the chance of its stage, added up: {}",
                of_money(&weighted)
            ),
        };
        all.push(number.says("weighted", formula).sums(weighted.sum));
    }
}

/// "Open deals" of "open deals".
pub(super) fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The open deals that were chosen, each with its part of the sum.
fn open(ground: &Ground<'_>, chosen: &Chosen, part: &dyn Fn(&Deal, Option<Decimal>) -> Option<Decimal>) -> Vec<Pick> {
    let pipeline = ground.facts.pipeline;
    let (converter, day) = (Converter::of(pipeline), pipeline.day_of(ground.facts.as_of.0));
    let journeys = ground.journeys.by_deal();
    let mut deals: Vec<&Deal> = ground.facts.deals.iter().collect();
    deals.retain(|deal| pipeline.status(&deal.stage) == Status::Open && chosen.holds(deal));
    let pick = |deal: &Deal| {
        let own = deal.amount().and_then(|money| converter.convert(money, day));
        let mut how = format!("in {}", ground.title(deal.stage.as_str()));
        if let Some(visit) = journeys.get(&deal.id).and_then(Journey::current) {
            how += &format!(" for {}", days(ground.facts.as_of.0.saturating_sub(visit.entered).max(0)));
        }
        how += match (deal.amount(), own) {
            (None, _) => ", no amount",
            (Some(_), None) => ", no rate is known for its currency",
            (Some(_), Some(_)) => "",
        };
        Pick::yes(&deal.id, how, Cause::Here).part(part(deal, own))
    };
    let mut picks: Vec<Pick> = deals.into_iter().map(pick).collect();
    picks.sort_by(|a, b| b.part.cmp(&a.part).then_with(|| a.deal.cmp(&b.deal)));
    picks
}
