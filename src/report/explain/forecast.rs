//! The numbers of the forecast.

use rust_decimal::Decimal;

use crate::forecast::by_stage::{DealLine, Expected};
use crate::metrics::funnel::Window;
use crate::metrics::rates::Converter;
use crate::metrics::total::decimal_share;
use crate::report::forecast::ForecastReport;
use crate::report::lang::Lang;
use crate::report::number::{count, share};

use super::figure::{Figure, of_money};
use super::funnel::{Goal, followed};
use super::ground::Ground;
use super::number::{Cause, Number, Pick};
use super::pipeline::capital;

/// Which deals of the forecast.
#[derive(Clone)]
enum Chosen {
    All,
    Stage(String),
    Month(String),
    Category(Option<String>),
}

impl Chosen {
    fn holds(&self, line: &DealLine) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Stage(stage) => line.stage.as_str() == stage,
            Chosen::Month(month) => line.when.to_string() == *month,
            Chosen::Category(category) => line.category == *category,
        }
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &ForecastReport) -> Vec<Number<'a>> {
    let forecast = &report.forecast.said;
    let mut all = Vec::new();
    let mut add = |ending: String, words: String, expected: &Expected, chosen: Chosen| {
        let lines = forecast.deals.clone();
        let pick = move |part: fn(&DealLine, Option<Decimal>) -> Option<Decimal>| {
            let own: Vec<&DealLine> = lines.iter().filter(|line| chosen.holds(line)).collect();
            picks(ground, &own, part)
        };
        of_line(ground, &ending, &words, expected, pick, &mut all);
    };
    add(String::new(), "open deals".to_owned(), &forecast.total, Chosen::All);
    for stage in &forecast.stages {
        let (id, title) = (&stage.chance.stage, &stage.chance.title);
        add(format!(".{id}"), format!("open deals in {title}"), &stage.expected, Chosen::Stage(id.to_string()));
    }
    for month in &forecast.months {
        let when = month.when.to_string();
        let words = match when.as_str() {
            "overdue" => "open deals whose close date has passed".to_owned(),
            "no date" => "open deals without a close date".to_owned(),
            month => format!("open deals that are to close in {month}"),
        };
        add(format!(".month.{}", when.replace(' ', "-")), words, &month.expected, Chosen::Month(when));
    }
    for line in &forecast.categories {
        let name = line.category.as_deref().unwrap_or("none");
        let words = format!("open deals of the category {name}");
        add(format!(".category.{name}"), words, &line.expected, Chosen::Category(line.category.clone()));
    }
    let m = forecast.prior_weight;
    for (index, stage) in forecast.stages.iter().enumerate() {
        let own = &stage.chance;
        let percent = |value: f64| share(value, Lang::En);
        let history = own.history.map_or_else(
            || "none of them has ended yet".to_owned(),
            |history| {
                format!(
                    "{} of them were won as far as one can tell, {} undecided",
                    percent(history),
                    percent(own.undecided)
                )
            },
        );
        let assumed = if own.prior_assumed { "assumed" } else { "the pipeline file says" };
        let formula = format!(
            "{} came to {}: {history}. Before anything was seen: {} ({assumed}), which weighs as much as {m} deals and \
             stands for the undecided ones. Together: ({n} x {h} + {n} x {u} x {p} + {m} x {p}) / ({n} + {m}) = {}",
            ground.deals(own.n),
            own.title,
            percent(own.prior),
            percent(own.chance),
            n = own.n,
            h = percent(own.history.unwrap_or(0.0)),
            u = percent(own.undecided),
            p = percent(own.prior),
        );
        let number = Number::new(
            format!("forecast.chance.{}", own.stage),
            format!("Chance that a deal in {} is won", own.title),
            Figure::PlainShare(Some(own.chance)),
            own.n,
            move || followed(ground, Window::default(), Some(index), Goal::Won),
        );
        all.push(number.says("chance", formula));
    }
    all
}

fn of_line<'a>(
    ground: &'a Ground<'a>,
    ending: &str,
    words: &str,
    expected: &Expected,
    pick: impl Fn(fn(&DealLine, Option<Decimal>) -> Option<Decimal>) -> Vec<Pick> + Clone + 'a,
    all: &mut Vec<Number<'a>>,
) {
    let n = expected.deals;
    let deals = ground.deals(n);
    let own = pick.clone();
    let number =
        Number::new(format!("forecast.deals{ending}"), capital(words), Figure::Count(n), n, move || own(|_, _| None));
    all.push(number.says("open deals that lie in a stage of today's pipeline", deals.clone()).claims(n, None));
    let own = pick.clone();
    let title = format!("Amount of {words}");
    let number = Number::new(format!("forecast.amount{ending}"), title, Figure::Money(expected.amount), n, move || {
        own(|_, amount| amount)
    });
    let formula = format!("the amounts of {deals} added up: {}", of_money(&expected.amount));
    let meaning = "sum of the amounts in the pipeline's currency";
    all.push(number.says(meaning, formula).sums(expected.amount.sum));
    let own = pick.clone();
    let title = format!("What can be expected of {words}");
    let value = Figure::Money(expected.expected_amount);
    let number = Number::new(format!("forecast.expected{ending}"), title, value, n, move || {
        own(|line, amount| amount?.checked_mul(decimal_share(line.chance)))
    });
    let formula = format!(
        "the amount of each of {deals} times the chance of its stage, added up: {}{}",
        of_money(&expected.expected_amount),
        match expected.without_amount {
            0 => String::new(),
            n => format!("; {n} of them {} no amount", if n == 1 { "has" } else { "have" }),
        }
    );
    all.push(number.says("expected_amount", formula).sums(expected.expected_amount.sum));
    let title = format!("How many wins can be expected of {words}");
    let value = Figure::Expected(expected.expected_wins);
    let number = Number::new(format!("forecast.expected_wins{ending}"), title, value, n, move || {
        pick(|line, _| Some(decimal_share(line.chance)))
    });
    let formula = format!("the chances of {deals} added up: {}", count(expected.expected_wins, Lang::En));
    let sum = Decimal::new((expected.expected_wins * 1e9).round() as i64, 9);
    all.push(number.says("expected_wins", formula).sums(Some(sum)));
}

fn picks(
    ground: &Ground<'_>,
    lines: &[&DealLine],
    part: fn(&DealLine, Option<Decimal>) -> Option<Decimal>,
) -> Vec<Pick> {
    let pipeline = ground.facts.pipeline;
    let (converter, day) = (Converter::of(pipeline), pipeline.day_of(ground.facts.as_of.0));
    let pick = |line: &&DealLine| {
        let amount = ground.deal(&line.id).and_then(|deal| deal.amount());
        let own = amount.and_then(|money| converter.convert(money, day));
        let date = line.close_date.map_or_else(|| "no close date".to_owned(), |date| format!("to close {date}"));
        let how = format!("in {}, chance {}, {date}", line.stage_title, share(line.chance, Lang::En));
        Pick::yes(&line.id, how, Cause::Here).part(part(line, own))
    };
    lines.iter().map(pick).collect()
}
