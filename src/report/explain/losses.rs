//! The numbers of what was lost and what went back to marketing.

use std::collections::HashMap;

use crate::format::ident::DealId;
use crate::metrics::DAY;
use crate::metrics::losses::{Ended, EndedDeal, Line};
use crate::report::losses::LossesReport;

use super::figure::{Figure, of_hours, of_money};
use super::funnel::seen;
use super::ground::{Ground, days};
use super::number::{Cause, Number, Pick, Rank};
use super::pipeline::capital;

/// Which of the deals that ended.
#[derive(Clone)]
enum Chosen {
    All,
    Reason(Option<String>),
    Stage(Option<String>),
    Competitor(Option<String>),
}

impl Chosen {
    fn holds(&self, deal: &EndedDeal) -> bool {
        match self {
            Chosen::All => true,
            Chosen::Reason(reason) => deal.reason == *reason,
            Chosen::Stage(stage) => deal.from.as_ref().map(|from| from.to_string()) == *stage,
            Chosen::Competitor(competitor) => deal.competitor == *competitor,
        }
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &LossesReport) -> Vec<Number<'a>> {
    let losses = &report.losses.said;
    let mut all = Vec::new();
    of_kind(ground, "losses", "deals that were lost", &losses.lost, &mut all);
    of_kind(ground, "losses.recycled", "deals that went back to marketing", &losses.recycled, &mut all);
    all
}

fn of_kind<'a>(ground: &'a Ground<'a>, name: &str, words: &str, ended: &Ended, all: &mut Vec<Number<'a>>) {
    let whole = ended.total.amounts.deals;
    let mut add = |kind: &str, value: Option<&str>, words: String, line: &Line, chosen: Chosen| {
        let ending = if kind.is_empty() { String::new() } else { format!(".{kind}.{}", value.unwrap_or("none")) };
        of_line(ground, name, &ending, &words, line, whole, ended, &chosen, all);
    };
    add("", None, words.to_owned(), &ended.total, Chosen::All);
    for group in &ended.reasons {
        let value = group.value.as_deref();
        let words = match value {
            Some(value) => format!("{words}, because of {value}"),
            None => format!("{words} without a reason"),
        };
        add("reason", value, words, &group.line, Chosen::Reason(group.value.clone()));
    }
    for group in &ended.stages {
        let from = group.stage.as_ref().map(|stage| stage.to_string());
        let words = match &group.title {
            Some(title) => format!("{words} from {title}"),
            None => format!("{words} from no stage"),
        };
        add("stage", from.as_deref(), words, &group.line, Chosen::Stage(from.clone()));
    }
    for group in &ended.competitors {
        let value = group.value.as_deref();
        let words = match value {
            Some(value) => format!("{words} to {value}"),
            None => format!("{words} to nobody known"),
        };
        add("competitor", value, words, &group.line, Chosen::Competitor(group.value.clone()));
    }
}

#[expect(clippy::too_many_arguments, reason = "the columns of one line")]
fn of_line<'a>(
    ground: &'a Ground<'a>,
    name: &str,
    ending: &str,
    words: &str,
    line: &Line,
    whole: usize,
    ended: &Ended,
    chosen: &Chosen,
    all: &mut Vec<Number<'a>>,
) {
    let (n, amounts) = (line.amounts.deals, &line.amounts);
    let rank = if ending.is_empty() { Rank::Main } else { Rank::OnDemand };
    let rows = || {
        let (list, chosen) = (ended.deals.clone(), chosen.clone());
        move || list.iter().filter(|deal| chosen.holds(deal)).cloned().collect::<Vec<EndedDeal>>()
    };
    // The plain name is the number of deals: `losses.reason.price`.
    let counted = if ending.is_empty() { format!("{name}.deals") } else { format!("{name}{ending}") };
    let own = rows();
    let number = Number::new(counted, capital(words), Figure::Count(n), n, move || {
        let decided = ground.decided();
        own().iter().map(|deal| pick(&decided, deal)).collect()
    });
    let other = amounts.other.iter().map(|total| format!(", and {}", of_money(total))).collect::<String>();
    let formula = format!(
        "{} of {} that ended so, worth {}{other}",
        ground.deals(n),
        ground.deals(whole),
        of_money(&amounts.amount)
    );
    all.push(number.says("deals", formula).claims(n, None));

    let own = rows();
    let currency = amounts.amount.currency;
    let title = format!("Amount of {words}");
    let number = Number::new(format!("{name}.amount{ending}"), title, Figure::Money(amounts.amount), n, move || {
        let part = |deal: &EndedDeal| deal.amount.filter(|total| total.currency == currency).and_then(|t| t.sum);
        let decided = ground.decided();
        own().iter().map(|deal| pick(&decided, deal).part(part(deal))).collect()
    });
    let formula = format!(
        "the amounts of {} added up: {}{other}; {} without an amount",
        ground.deals(n),
        of_money(&amounts.amount),
        amounts.without_amount
    );
    all.push(number.says("amount", formula).rank(rank).sums(amounts.amount.sum));

    let own = rows();
    let title = format!("Hours of work on {words}");
    let number = Number::new(format!("{name}.hours{ending}"), title, Figure::Hours(line.hours), n, move || {
        let decided = ground.decided();
        own().iter().map(|deal| pick(&decided, deal).part(Some(deal.hours.0))).collect()
    });
    let formula = format!("the hours of {} added up: {}", ground.deals(n), of_hours(line.hours.0));
    all.push(number.says("hours", formula).rank(rank).sums(Some(line.hours.0)));

    let own = rows();
    let timed = ended.deals.iter().filter(|deal| chosen.holds(deal) && deal.age_seconds.is_some()).count();
    let title = format!("Median age of {words}");
    let value = Figure::Seconds { length: line.median_age_seconds.clone(), day: DAY };
    let number = Number::new(format!("{name}.median_age{ending}"), title, value, timed, move || {
        let decided = ground.decided();
        own().iter().filter(|deal| deal.age_seconds.is_some()).map(|deal| pick(&decided, deal)).collect()
    });
    let formula = format!(
        "half of {} were that old or younger when they ended; of {} the beginning is not known",
        ground.deals(timed),
        n.saturating_sub(timed)
    );
    let seen = seen(&line.median_age_seconds);
    all.push(
        number.says("median_age_seconds", formula).rank(rank).floor(ground.facts.floors.quantile).claims(seen, None),
    );
}

fn pick(decided: &HashMap<&DealId, i64>, deal: &EndedDeal) -> Pick {
    let mut how = match &deal.from_title {
        Some(from) => format!("ended from {from}"),
        None => "ended".to_owned(),
    };
    if let Some(age) = deal.age_seconds {
        how += &format!(" after {}", days(age));
    }
    if let Some(reason) = &deal.reason {
        how += &format!(", {reason}");
    }
    let ended = decided.get(&deal.id).copied();
    Pick::yes(&deal.id, how, ended.map_or(Cause::Here, Cause::Stage))
}
