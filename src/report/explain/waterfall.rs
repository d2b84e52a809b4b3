//! The numbers of what changed between two days.

use std::collections::{HashMap, HashSet};

use rust_decimal::Decimal;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::Status;
use crate::metrics::amounts::Amounts;
use crate::metrics::rates::Converter;
use crate::metrics::slippage::FICTION;
use crate::metrics::total::Total;
use crate::metrics::waterfall::{DealChange, Kind, Waterfall};
use crate::report::waterfall::WaterfallReport;

use super::figure::{Figure, of_money};
use super::ground::Ground;
use super::number::{Cause, Number, Pick, Rank, Way};

/// The word of a reason in a name, and what it says of deals.
fn words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::New => ("new", "were not there at the start"),
        Kind::Reopened => ("reopened", "were closed at the start and are open again"),
        Kind::PulledIn => ("pulled_in", "were to close later and are to close in the period"),
        Kind::PushedIn => ("pushed_in", "were to close earlier and are to close in the period"),
        Kind::Dated => ("dated", "had no close date and are to close in the period"),
        Kind::FilterIn => ("filter_in", "the filter kept out at the start"),
        Kind::ReadAgain => ("read_again", "could not be read at the start"),
        Kind::Increased => ("increased", "became larger"),
        Kind::Decreased => ("decreased", "became smaller"),
        Kind::Priced => ("priced", "got an amount"),
        Kind::Unpriced => ("unpriced", "lost their amount"),
        Kind::Converted => ("converted", "have their amount in another currency now"),
        Kind::Slipped => ("slipped", "were to close in the period and are to close after it"),
        Kind::PulledOut => ("pulled_out", "were to close in the period and are to close before it"),
        Kind::Undated => ("undated", "were to close in the period and have no close date now"),
        Kind::Won => ("won", "left because they were won"),
        Kind::Lost => ("lost", "left because they were lost"),
        Kind::Recycled => ("recycled", "left because they went back to marketing"),
        Kind::Withdrawn => ("withdrawn", "left because their file was removed"),
        Kind::FilterOut => ("filter_out", "the filter keeps out at the end"),
        Kind::Unread => ("unread", "cannot be read at the end"),
    }
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &WaterfallReport) -> Vec<Number<'a>> {
    let mut all = Vec::new();
    of_set(ground, "waterfall", &report.whole.said, &report.closing.said, &mut all);
    of_set(ground, "waterfall.closing", &report.closing.said, &report.closing.said, &mut all);
    if let Some(slippage) = &report.slippage {
        let closing = report.closing.said.clone();
        let formula = format!(
            "{} of {} that were to close in {} slipped out of it, {} of {} at the start",
            slippage.slipped,
            ground.deals(slippage.deals),
            report.name,
            of_money(&slippage.slipped_amount),
            of_money(&slippage.amount)
        );
        let title = format!("Share of the deals to close in {} that slipped", report.name);
        let value = Figure::Share(slippage.rate.clone());
        let number = Number::new("waterfall.slippage", title, value, slippage.deals, move || {
            let slipped = closing.changes.iter().filter(|change| change.kind == Kind::Slipped);
            let slipped: HashSet<&DealId> = slipped.map(|change| &change.id).collect();
            at_start(ground, &closing, &|id| if slipped.contains(id) { Way::Yes } else { Way::No })
        });
        all.push(number.says("slippage.rate", formula).floor(ground.facts.floors.rate).claims(slippage.slipped, None));
    }
    let pushes = &report.pushes.said;
    let list = pushes.list.clone();
    let number = Number::new(
        "waterfall.pushes",
        "Times that close dates of open deals were put off",
        Figure::Count(pushes.pushes),
        pushes.pushed,
        move || {
            let pick = |deal: &crate::metrics::slippage::PushedDeal| {
                let how = format!("put off {} times by {} days in all", deal.pushes, deal.days);
                Pick::yes(&deal.id, how, Cause::Field("close_date", i64::MAX)).part(Some(Decimal::from(deal.pushes)))
            };
            list.iter().map(pick).collect()
        },
    );
    let formula = format!(
        "{} times, by {} of {} that are open and have a close date; {} of them {FICTION} times or more",
        pushes.pushes,
        pushes.pushed,
        ground.deals(pushes.deals),
        pushes.fiction
    );
    all.push(number.says("pushes", formula).claims(pushes.pushed, None).sums(Some(Decimal::from(pushes.pushes))));
    if let Some(coverage) = &report.coverage {
        let (span, n) = (coverage.span, coverage.open.deals);
        let pick = move || {
            let pipeline = ground.facts.pipeline;
            let (converter, day) = (Converter::of(pipeline), pipeline.day_of(ground.facts.as_of.0));
            let own = ground.facts.deals.iter().filter(|deal| pipeline.status(&deal.stage) == Status::Open);
            let own = own.filter_map(|deal| Some((deal, deal.close_date().filter(|close| span.contains(*close))?)));
            own.map(|(deal, close)| {
                let part = deal.amount().and_then(|money| converter.convert(money, day));
                Pick::yes(&deal.id, format!("to close {close}"), Cause::Field("close_date", i64::MAX)).part(part)
            })
            .collect()
        };
        let rest = match (&coverage.target, &coverage.remaining) {
            (Some(target), Some(remaining)) => format!(
                "the target of {} is {}, {} of it is won, {} is left; coverage is open / left = {}",
                coverage.name,
                of_money(target),
                of_money(&coverage.booked.amount),
                of_money(remaining),
                coverage.coverage.map_or_else(|| "not known".to_owned(), |times| format!("{times:.1}"))
            ),
            _ => format!("the pipeline sets no target for {}", coverage.name),
        };
        let formula = format!(
            "{} that are to close in {} are worth {}; {rest}",
            ground.deals(n),
            coverage.name,
            of_money(&coverage.open.amount)
        );
        let title = format!("Amount of the open deals that are to close in {}", coverage.name);
        let value = Figure::Money(coverage.open.amount);
        let number = Number::new("waterfall.coverage", title, value, n, pick);
        all.push(number.says("coverage.coverage", formula).claims(n, None).sums(coverage.open.amount.sum));
    }
    all
}

/// The steps of one waterfall. Steps that only a period has are told of the period under the name of the whole, too.
fn of_set<'a>(ground: &'a Ground<'a>, name: &str, own: &Waterfall, closing: &Waterfall, all: &mut Vec<Number<'a>>) {
    let set = if own.closing.is_some() { "open deals to close in the period" } else { "open deals" };
    let mut end = |word: &str, words: String, amounts: &Amounts, is_start: bool| {
        let own = own.clone();
        let n = amounts.deals;
        let value = Figure::Money(amounts.amount);
        let number = Number::new(format!("{name}.{word}"), words, value, n, move || match is_start {
            true => at_start(ground, &own, &|_| Way::Yes),
            false => at_end(ground, &own),
        });
        let formula = format!("{} worth {}", ground.deals(n), of_money(&amounts.amount));
        let meaning = if is_start { "start" } else { "end" };
        all.push(number.says(meaning, formula).claims(n, None).sums(amounts.amount.sum));
    };
    end("start", format!("Amount of the {set} at the start"), &own.start, true);
    end("end", format!("Amount of the {set} at the end"), &own.end, false);
    for kind in Kind::ALL {
        let of = if own.closing.is_none() && kind.is_of_period() { closing } else { own };
        let Some(step) = of.steps.iter().find(|step| step.kind == kind) else { continue };
        let (word, says) = words(kind);
        let currency = step.amount.currency;
        let changes = of.changes.clone();
        let title = format!("Amount of deals that {says}");
        let number = Number::new(format!("{name}.{word}"), title, Figure::Money(step.amount), step.deals, move || {
            changes.iter().filter(|change| change.kind == kind).map(|change| pick(ground, change, currency)).collect()
        });
        let other = step.other.iter().map(|total| format!(", and {}", of_money(total))).collect::<String>();
        let formula = format!(
            "{} that {says}: {}{other}; {} without an amount",
            ground.deals(step.deals),
            of_money(&step.amount),
            step.without_amount
        );
        let meaning = match kind {
            Kind::New => "new",
            Kind::Slipped => "slipped",
            Kind::Won | Kind::Lost | Kind::Recycled => "won",
            _ => "steps",
        };
        all.push(number.says(meaning, formula).claims(step.deals, None).sums(step.amount.sum).rank(Rank::WhereNotZero));
    }
}

fn in_currency(totals: &[Total], currency: Currency) -> Option<Decimal> {
    totals.iter().find(|total| total.currency == currency).and_then(|total| total.sum)
}

fn pick(ground: &Ground<'_>, change: &DealChange, currency: Currency) -> Pick {
    let money = |total: &Option<Total>| total.as_ref().map_or_else(|| "no amount".to_owned(), of_money);
    let date =
        |date: &Option<chrono::NaiveDate>| date.map_or_else(|| "no close date".to_owned(), |day| day.to_string());
    let place = |place: &Option<StageId>| {
        place.as_ref().map_or_else(|| "nowhere".to_owned(), |place| ground.title(place.as_str()))
    };
    let (how, cause) = match change.kind {
        Kind::Increased | Kind::Decreased | Kind::Priced | Kind::Unpriced | Kind::Converted => {
            (format!("{} → {}", money(&change.amount_before), money(&change.amount)), Cause::Field("amount", i64::MAX))
        }
        Kind::PulledIn | Kind::PushedIn | Kind::Dated | Kind::Slipped | Kind::PulledOut | Kind::Undated => (
            format!("close date {} → {}", date(&change.close_before), date(&change.close_date)),
            Cause::Field("close_date", i64::MAX),
        ),
        _ => (format!("{} → {}", place(&change.stage_before), place(&change.stage)), Cause::Here),
    };
    Pick::yes(&change.id, how, cause).part(in_currency(&change.booked, currency))
}

/// The deals of the set at the start: those that stayed, and those that left.
fn at_start(ground: &Ground<'_>, own: &Waterfall, way: &dyn Fn(&DealId) -> Way) -> Vec<Pick> {
    let Some(before) = ground.facts.before else { return Vec::new() };
    let converter = Converter::of(ground.facts.pipeline);
    let in_set = |deal: &&Deal| {
        let close = || deal.close_date();
        before.pipeline.status(&deal.stage) == Status::Open
            && own.closing.is_none_or(|span| close().is_some_and(|close| span.contains(close)))
    };
    // A deal that got another id since is told by its new one where its changes are.
    let renamed: HashMap<&DealId, &DealId> =
        own.changes.iter().filter_map(|change| Some((change.was.as_ref()?, &change.id))).collect();
    let pick = |deal: &Deal| {
        let part = deal.amount().and_then(|money| converter.convert(money, own.rates_of));
        let id = renamed.get(&deal.id).copied().unwrap_or(&deal.id);
        let stage = before.pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |place| place.title());
        let how = format!("was in {stage} on {}", before.day);
        let cause = Cause::StageBefore(before.pipeline.end_of(before.day));
        Pick { counts: way(id), ..Pick::yes(id, how, cause).part(part) }
    };
    before.deals.iter().filter(in_set).map(pick).collect()
}

fn at_end(ground: &Ground<'_>, own: &Waterfall) -> Vec<Pick> {
    let pipeline = ground.facts.pipeline;
    let converter = Converter::of(pipeline);
    let in_set = |deal: &&Deal| {
        pipeline.status(&deal.stage) == Status::Open
            && own.closing.is_none_or(|span| deal.close_date().is_some_and(|close| span.contains(close)))
    };
    let pick = |deal: &Deal| {
        let part = deal.amount().and_then(|money| converter.convert(money, own.rates_of));
        Pick::yes(&deal.id, format!("in {}", ground.title(deal.stage.as_str())), Cause::Here).part(part)
    };
    ground.facts.deals.iter().filter(in_set).map(pick).collect()
}
