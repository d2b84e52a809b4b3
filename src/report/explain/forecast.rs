//! The numbers of the forecast.

use rust_decimal::Decimal;

use crate::forecast::cells::{Ending, Watched, each_watched};
use crate::forecast::expected::{Expected, StageLine};
use crate::forecast::log::Log;
use crate::forecast::{DealLine, Forecast};
use crate::format::ident::DealId;
use crate::history::event::KnownAt;
use crate::metrics::DAY;
use crate::metrics::rates::Converter;
use crate::metrics::rows::Rows;
use crate::metrics::total::{Total, decimal_share};
use crate::report::forecast::ForecastReport;
use crate::report::lang::Lang;
use crate::report::number::{count, share};

use super::figure::{Figure, of_money};
use super::ground::{Ground, between};
use super::number::{Cause, Number, Pick, Rank, Way};
use super::pipeline::capital;

/// Seconds whose new deals say how many come: eight weeks.
const LATELY: i64 = 56 * DAY;

/// Which deals of the forecast.
#[derive(Clone)]
enum Chosen {
    All,
    Stage(String),
    Owner(Option<String>),
    Closing(String),
    Category(Option<String>),
}

impl Chosen {
    fn holds(&self, line: &DealLine) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Stage(stage) => line.stage.as_str() == stage,
            Chosen::Owner(owner) => line.owner == *owner,
            Chosen::Closing(when) => line.when.to_string() == *when,
            Chosen::Category(category) => line.category == *category,
        }
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &ForecastReport) -> Vec<Number<'a>> {
    let Some(forecast) = report.forecast.as_ref().map(|part| &part.said) else { return Vec::new() };
    let mut all = Vec::new();
    let lines: Rows<DealLine> = forecast.deals.clone();
    let until = forecast.horizon.until;
    let mut add = |ending: String, words: String, expected: &Expected, chosen: Chosen, rank: Rank| {
        let lines = lines.clone();
        let pick = move |part: fn(&DealLine, Option<Decimal>) -> Option<Decimal>| {
            let own: Vec<&DealLine> = lines.iter().filter(|line| chosen.holds(line)).collect();
            picks(ground, &own, part)
        };
        of_line(ground, &ending, &words, &until.to_string(), expected, rank, pick, &mut all);
    };
    add(String::new(), "open deals".to_owned(), &forecast.total, Chosen::All, Rank::Main);
    for line in &forecast.stages {
        let (id, title) = (&line.stage, &line.title);
        let chosen = Chosen::Stage(id.to_string());
        add(format!(".{id}"), format!("open deals in {title}"), &line.expected, chosen, Rank::Main);
    }
    for line in &forecast.owners {
        let name = line.value.as_deref().unwrap_or("none");
        let words = line
            .value
            .as_ref()
            .map_or_else(|| "open deals of nobody".to_owned(), |name| format!("open deals of {name}"));
        add(format!(".owner.{name}"), words, &line.expected, Chosen::Owner(line.value.clone()), Rank::OnDemand);
    }
    for line in &forecast.close_dates {
        let when = line.when.to_string();
        let words = match when.as_str() {
            "overdue" => "open deals whose close date has passed".to_owned(),
            "no date" => "open deals without a close date".to_owned(),
            month => format!("open deals that are to close in {month}"),
        };
        add(
            format!(".closing.{}", when.replace(' ', "-")),
            words,
            &line.expected,
            Chosen::Closing(when),
            Rank::OnDemand,
        );
    }
    for line in &forecast.categories {
        let name = line.category.as_deref().unwrap_or("none");
        let words = format!("open deals of the category {name}");
        let chosen = Chosen::Category(line.category.clone());
        add(format!(".category.{name}"), words, &line.expected, chosen, Rank::OnDemand);
    }
    ranges(ground, forecast, &lines, &mut all);
    new_business(ground, forecast, &mut all);
    let ended = ended(ground, forecast.stages.len(), forecast.horizon.days);
    for ((index, line), ended) in forecast.stages.iter().enumerate().zip(ended) {
        all.push(fresh(ground, forecast, index, line, ended));
    }
    all
}

#[expect(clippy::too_many_arguments, reason = "the numbers of one line of the forecast, told apart for its length")]
fn of_line<'a>(
    ground: &'a Ground<'a>,
    ending: &str,
    words: &str,
    until: &str,
    expected: &Expected,
    rank: Rank,
    pick: impl Fn(fn(&DealLine, Option<Decimal>) -> Option<Decimal>) -> Vec<Pick> + Clone + 'a,
    all: &mut Vec<Number<'a>>,
) {
    let n = expected.deals;
    let deals = ground.deals(n);
    let own = pick.clone();
    let number =
        Number::new(format!("forecast.deals{ending}"), capital(words), Figure::Count(n), n, move || own(|_, _| None));
    let meaning = "open deals that lie in a stage of today's pipeline";
    all.push(number.says(meaning, deals.clone()).claims(n, None).rank(rank));
    let own = pick.clone();
    let title = format!("Amount of {words}");
    let number = Number::new(format!("forecast.amount{ending}"), title, Figure::Money(expected.amount), n, move || {
        own(|_, amount| amount)
    });
    let formula = format!("the amounts of {deals} added up: {}", of_money(&expected.amount));
    let meaning = "sum of the amounts in the pipeline's currency";
    all.push(number.says(meaning, formula).sums(expected.amount.sum).rank(rank));
    let own = pick.clone();
    let title = format!("What can be expected of {words} by {until}");
    let value = Figure::Money(expected.expected_amount);
    let number = Number::new(format!("forecast.expected{ending}"), title, value, n, move || {
        own(|line, amount| amount?.checked_mul(decimal_share(line.chances.won)))
    });
    let formula = format!(
        "the amount of each of {deals} times its chance to be won by {until}, added up: {}{}",
        of_money(&expected.expected_amount),
        match expected.without_amount {
            0 => String::new(),
            n => format!("; {n} of them {} no amount", if n == 1 { "has" } else { "have" }),
        }
    );
    all.push(number.says("expected_amount", formula).sums(expected.expected_amount.sum).rank(rank));
    let title = format!("How many wins can be expected of {words} by {until}");
    let value = Figure::Expected(expected.expected_wins);
    let number = Number::new(format!("forecast.expected_wins{ending}"), title, value, n, move || {
        pick(|line, _| Some(decimal_share(line.chances.won)))
    });
    let formula = format!("the chances of {deals} added up: {}", count(expected.expected_wins, Lang::En));
    let sum = Decimal::new((expected.expected_wins * 1e9).round() as i64, 9);
    all.push(number.says("expected_wins", formula).sums(Some(sum)).rank(rank));
}

/// The ends of the range, and its middle.
fn ranges<'a>(ground: &'a Ground<'a>, forecast: &Forecast, lines: &Rows<DealLine>, all: &mut Vec<Number<'a>>) {
    let n = forecast.total.deals;
    let of = |what: fn(&crate::forecast::expected::Range) -> Total| forecast.range.as_ref().map(what);
    for (name, words, value) in [
        ("p10", "In nine of ten cases open deals bring at least", of(|range| range.p10)),
        ("p50", "In half of the cases open deals bring at least", of(|range| range.p50)),
        ("p90", "In one of ten cases open deals bring at least", of(|range| range.p90)),
    ] {
        let lines = lines.clone();
        let pick = move || picks(ground, &lines.iter().collect::<Vec<_>>(), |_, _| None);
        let formula = match value {
            None => "fewer than five deals were closed, so how far off the sum may be is not said".to_owned(),
            Some(_) => format!(
                "every way in which {} can be won or not, by its chances, with a dependence of {} between any two, added up \
                 to the distribution of their sum",
                ground.deals(n),
                share(forecast.dependence, Lang::En)
            ),
        };
        let number = Number::new(format!("forecast.{name}"), words, Figure::MoneyOrNone(value), n, pick);
        all.push(number.says("range", formula).claims(n, None));
    }
}

/// Deals that are not there yet, by those that came lately.
fn new_business<'a>(ground: &'a Ground<'a>, forecast: &Forecast, all: &mut Vec<Number<'a>>) {
    let (Some(new), Some(log)) = (&forecast.new_business, ground.facts.log) else { return };
    let n = new.lately;
    let came = format!(
        "{} came in within eight weeks, {} a week with the pace of the year before",
        ground.deals(n),
        count(new.per_week, Lang::En)
    );
    let wins = format!(
        "{came}; each that comes in has the chance of a fresh deal of its stage for the days that are left: {} wins",
        count(new.expected_wins, Lang::En)
    );
    let amount = match new.mean_amount {
        Some(mean) => {
            format!("{wins}, times {}, which a won deal brought on average in the year before", of_money(&mean))
        }
        None => format!("{wins}; nothing was won with an amount in the year before, so what they bring is not known"),
    };
    let until = forecast.horizon.until;
    let title = format!("What deals bring that are not there yet, by {until}");
    let number =
        Number::new("forecast.new", title, Figure::MoneyOrNone(new.expected_amount), n, move || arrived(ground, log));
    all.push(number.says("new_business", amount).claims(n, None));
}

fn arrived(ground: &Ground<'_>, log: &Log) -> Vec<Pick> {
    let as_of = ground.facts.as_of.0;
    let lately = log.until(KnownAt(as_of)).arrivals().filter(|arrival| {
        let ago = as_of.saturating_sub(arrival.at.0);
        (0..=LATELY).contains(&ago)
    });
    let pick = |arrival: crate::forecast::log::Arrival| {
        let id = log.deals().get(arrival.deal as usize)?;
        let stage = log.stages().get(arrival.stage as usize).map(|stage| ground.title(stage.as_str()));
        let how = format!("came in {} ago, to {}", between(arrival.at.0, as_of), stage.unwrap_or_default());
        Some(Pick::yes(id, how, Cause::Stage(arrival.at.0)))
    };
    lately.filter_map(pick).collect()
}

/// The chance of a deal that has just come to a stage.
fn fresh<'a>(
    ground: &'a Ground<'a>,
    forecast: &Forecast,
    index: usize,
    line: &StageLine,
    (won, lost): (usize, usize),
) -> Number<'a> {
    let percent = |value: f64| share(value, Lang::En);
    let (days, weight) = (forecast.horizon.days, forecast.prior_weight);
    let n = line.visits as usize;
    let drift = forecast.drift.map_or_else(String::new, |drift| {
        format!(", corrected by how the last forecasts came true (exponent {})", percent(drift.factor))
    });
    let formula = format!(
        "{n} {} to {} followed: within {days} days {won} of them were won and {lost} lost. Before anything was seen: {} of \
         them won in so many days, which weighs as much as {} on every day. Together, day by day{drift}: {}",
        if n == 1 { "visit" } else { "visits" },
        format_args!("{} {}", line.title, if n == 1 { "was" } else { "were" }),
        percent(line.assumed),
        ground.deals(weight.round().max(0.0) as usize),
        percent(line.fresh),
    );
    let number = Number::new(
        format!("forecast.chance.{}", line.stage),
        format!("Chance that a deal that has just come to {} is won within {days} days", line.title),
        Figure::PlainShare(Some(line.fresh)),
        n,
        move || visits(ground, index, 0, days),
    );
    number.says("chances", formula).of("visits")
}

/// How many visits to each stage were won, and lost, within so many days from their beginning.
fn ended(ground: &Ground<'_>, stages: usize, days: u32) -> Vec<(usize, usize)> {
    let mut counts = vec![(0, 0); stages];
    let Some(log) = ground.facts.log else { return counts };
    let (pipeline, as_of) = (ground.facts.pipeline, ground.facts.as_of);
    each_watched(pipeline, &log.until(as_of).journeys(pipeline), as_of.0, |_, visits| {
        for visit in visits.iter().filter(|visit| visit.days_from(visit.entered) < days as usize) {
            if let Some((won, lost)) = counts.get_mut(visit.stage) {
                *won += usize::from(visit.ending == Ending::Won);
                *lost += usize::from(visit.ending == Ending::Lost);
            }
        }
    });
    counts
}

/// The visits to a stage that reached an age, and what became of their deals within so many days from then on.
pub(super) fn visits(ground: &Ground<'_>, stage: usize, age: u32, days: u32) -> Vec<Pick> {
    let Some(log) = ground.facts.log else { return Vec::new() };
    let pipeline = ground.facts.pipeline;
    let as_of = ground.facts.as_of;
    let journeys = log.until(as_of).journeys(pipeline);
    let mut picks = Vec::new();
    each_watched(pipeline, &journeys, as_of.0, |deal, watched| {
        let Some(id) = log.deals().get(deal as usize) else { return };
        let own = watched.iter().filter(|visit| visit.stage == stage);
        picks.extend(own.filter_map(|visit| visit_pick(id, visit, age, days)));
    });
    picks
}

fn visit_pick(id: &DealId, visit: &Watched, age: u32, days: u32) -> Option<Pick> {
    let from = visit.entered.saturating_add(i64::from(age) * DAY);
    let was_there = age == 0 || visit.left.is_none_or(|left| left > from);
    if !was_there || from > visit.until {
        return None;
    }
    let after = between(from, visit.until);
    let in_time = visit.days_from(from) < days as usize;
    let (counts, how, at) = match (visit.ending, in_time) {
        (Ending::Won, true) => (Way::Yes, format!("won after {after}"), visit.until),
        (Ending::Lost, true) => (Way::No, format!("lost after {after}"), visit.until),
        (Ending::Undecided, true) => (Way::Open, format!("undecided, followed for {after}"), visit.entered),
        (Ending::Won, false) => (Way::No, format!("undecided in that time, won after {after}"), visit.until),
        (Ending::Lost, false) => (Way::No, format!("undecided in that time, lost after {after}"), visit.until),
        (Ending::Undecided, false) => (Way::No, format!("undecided in that time, followed for {after}"), visit.entered),
    };
    Some(Pick { deal: id.clone(), how, counts, part: None, cause: Cause::Stage(at) })
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
        let how = format!(
            "for {} d in {}, chance {}, {} of that seen",
            line.age_days,
            line.stage_title,
            share(line.chances.won, Lang::En),
            share(line.evidence, Lang::En)
        );
        Pick::yes(&line.id, how, Cause::Here).part(part(line, own))
    };
    lines.iter().map(pick).collect()
}
