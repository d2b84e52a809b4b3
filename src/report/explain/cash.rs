//! The numbers of money asked for and received.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::format::money::Currency;
use crate::metrics::cash::{self, Payment, State};
use crate::metrics::period::Period;
use crate::metrics::rows::Rows;
use crate::metrics::total::Total;
use crate::report::cash::CashReport;

use super::figure::{Figure, of_money};
use super::funnel::seen;
use super::ground::Ground;
use super::number::{Cause, Number, Pick, Rank};
use super::pipeline::capital;

/// What is asked of a payment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Due,
    Received,
    Overdue,
    Coming,
    Undated,
    Void,
}

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &CashReport) -> Vec<Number<'a>> {
    let own = &report.cash;
    let mut all = Vec::new();
    // Those outside the days that were asked for count in some of the sums.
    let payments = cash::cash(&cash::Input {
        pipeline: ground.facts.pipeline,
        deals: ground.facts.deals,
        day: ground.facts.today,
        span: None,
        floors: ground.facts.floors,
    })
    .payments;
    let main = ground.facts.pipeline.currency;
    let code = |currency: Currency| if currency == main { String::new() } else { format!(".{currency}") };
    for line in &own.currencies {
        for (word, words, total, part, meaning) in [
            ("due", "payments that were due", line.due, Part::Due, "due"),
            ("received", "payments that were received", line.received, Part::Received, "received"),
            ("overdue", "payments that are overdue", line.overdue, Part::Overdue, "overdue"),
            ("coming", "payments to come", line.coming, Part::Coming, "coming"),
            ("undated", "payments that nobody says a day of", line.undated, Part::Undated, "undated"),
            ("void", "payments of deals that ended", line.void, Part::Void, "void"),
        ] {
            let name = format!("cash.{word}{}", code(line.currency));
            all.push(sum(ground, name, words.to_owned(), total, part, None, meaning, &payments));
        }
    }
    for line in &own.months {
        for (word, words, total, part) in [
            ("due", "payments that were due", line.due, Part::Due),
            ("received", "payments that were received", line.received, Part::Received),
            ("overdue", "payments that are overdue", line.overdue, Part::Overdue),
        ] {
            let name = format!("cash.{word}.month.{}{}", line.month, code(total.currency));
            let words = format!("{words}, of {}", line.month);
            all.push(
                sum(ground, name, words, total, part, Some(line.month.clone()), word, &payments)
                    .rank(Rank::WhereNotZero),
            );
        }
    }
    let (rows, inside) = (payments.clone(), inside(ground));
    let is_one =
        move |payment: &Payment| payment.state == State::Paid && inside(payment.paid_on) && payment.days_late.is_some();
    let n = payments.iter().filter(|payment| is_one(payment)).count();
    let title = "Days that payments were late, half of them at most";
    let number =
        Number::new("cash.median_days_late", title, Figure::Days(own.median_days_late.clone()), n, move || {
            rows.iter().filter(|payment| is_one(payment)).map(pick).collect()
        });
    let formula = format!("{n} payments were received and say when they were due; {} of them came late", own.paid_late);
    let ended = seen(&own.median_days_late);
    all.push(
        number.says("median_days_late", formula).of("payments").floor(ground.facts.floors.quantile).claims(ended, None),
    );
    all
}

/// Whether a day is one of those that were asked for.
fn inside<'a>(ground: &'a Ground<'a>) -> impl Fn(Option<NaiveDate>) -> bool + Copy + 'a {
    let span = ground.facts.asked.span;
    move |day: Option<NaiveDate>| span.is_none_or(|span| day.is_some_and(|day| span.contains(day)))
}

#[expect(clippy::too_many_arguments, reason = "the columns of one line")]
fn sum<'a>(
    ground: &'a Ground<'a>,
    name: String,
    words: String,
    total: Total,
    part: Part,
    month: Option<String>,
    meaning: &'static str,
    payments: &Rows<Payment>,
) -> Number<'a> {
    let inside = inside(ground);
    let is_one = move |payment: &Payment| {
        let of_month = |day: Option<NaiveDate>| match (&month, day) {
            (None, _) => true,
            (Some(month), Some(day)) => inside(Some(day)) && Period::Month.name_at(day, 1) == *month,
            (Some(_), None) => false,
        };
        let holds = match part {
            Part::Due => {
                payment.due.is_some() && inside(payment.due) && payment.state != State::Void && of_month(payment.due)
            }
            Part::Received => payment.state == State::Paid && inside(payment.paid_on) && of_month(payment.paid_on),
            Part::Overdue => payment.state == State::Overdue && of_month(payment.due),
            Part::Coming => payment.state == State::Due,
            Part::Undated => payment.state == State::Undated,
            Part::Void => payment.state == State::Void,
        };
        holds && payment.amount.is_some_and(|own| own.currency == total.currency && own.sum.is_some())
    };
    let n = payments.iter().filter(|payment| is_one(payment)).count();
    let rows = payments.clone();
    let formula = format!("the amounts of {n} {words} added up: {}", of_money(&total));
    Number::new(name, format!("Amount of {words}"), Figure::Money(total), n, move || {
        rows.iter().filter(|payment| is_one(payment)).map(pick).collect()
    })
    .says(meaning, capital(&formula))
    .of("payments")
    .sums(total.sum)
}

fn pick(payment: &Payment) -> Pick {
    let mut how = payment.what.clone().unwrap_or_else(|| "payment".to_owned());
    if let Some(due) = payment.due {
        how += &format!(", due {due}");
    }
    if let Some(paid) = payment.paid_on {
        how += &format!(", received {paid}");
    }
    match (payment.state, payment.days_late) {
        (State::Overdue, Some(days)) => how += &format!(", {days} days overdue"),
        (State::Paid, Some(days)) if days > 0 => how += &format!(", {days} days late"),
        _ => {}
    }
    let part: Option<Decimal> = payment.amount.and_then(|total| total.sum);
    Pick::yes(&payment.deal, how, Cause::Unknown).part(part)
}
