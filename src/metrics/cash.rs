//! Money asked for and received: by month, by deal, and what is overdue.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::money::{Currency, Money};
use crate::format::period::{Period, Span};
use crate::format::pipeline::{Pipeline, Status};
use crate::format::value::{Block, Value};

use super::estimate::{Estimate, Floors};
use super::quantile::quantile;
use super::rows::Rows;
use super::total::Total;

/// What the numbers are made of. Deals are as known on `day`.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// The day it is: a payment dated later has not been received.
    pub day: NaiveDate,
    /// Only payments that are due, or were received, on these days; `None`: all. What is overdue is told whole.
    pub span: Option<Span>,
    /// The floors.
    pub floors: Floors,
}

/// How a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was due before the day and has not been received.
    Overdue,
    /// It is due on the day or later.
    Due,
    /// It was not received, and nobody says when it is due.
    Undated,
    /// It was received.
    Paid,
    /// It was not received, and its deal was lost or went back to marketing: nobody waits for it.
    Void,
}

/// One payment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Payment {
    /// How it stands.
    pub state: State,
    /// The deal.
    pub deal: DealId,
    /// What people call that.
    pub title: String,
    /// The client.
    pub account: Option<String>,
    /// Who owns the deal.
    pub owner: Option<String>,
    /// What it is for.
    pub what: Option<String>,
    /// How much.
    pub amount: Option<Total>,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// When it was received.
    pub paid_on: Option<NaiveDate>,
    /// Days after the due date: up to the day it was received, or up to now for an overdue one; below 0 where it came early.
    pub days_late: Option<i64>,
    /// The invoice.
    pub invoice: Option<String>,
}

/// What was due and what came in one month, in one currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MonthLine {
    /// The month: `2026-11`.
    pub month: String,
    /// Payments due in it.
    pub payments: usize,
    /// Their sum.
    pub due: Total,
    /// The part of it that was received, whenever.
    pub due_paid: Total,
    /// The part of it that is still expected.
    pub due_open: Total,
    /// The part of that which is overdue.
    pub overdue: Total,
    /// What was received in this month, whenever it was due.
    pub received: Total,
}

/// All payments of one currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CurrencyLine {
    /// The currency.
    pub currency: Currency,
    /// Due in the span.
    pub due: Total,
    /// Received in the span.
    pub received: Total,
    /// Overdue on the day, whenever it was due.
    pub overdue: Total,
    /// Payments that are overdue.
    pub overdue_payments: usize,
    /// Due on the day or later, whenever.
    pub coming: Total,
    /// Not received and without a due date.
    pub undated: Total,
    /// Not received, of deals that were lost or went back to marketing.
    pub void: Total,
}

/// The payments of one deal in one currency.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealLine {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// The client.
    pub account: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// What became of it.
    pub status: &'static str,
    /// What it is worth; `None` where that is in another currency than these payments.
    pub amount: Option<Total>,
    /// All its payments.
    pub planned: Total,
    /// What was received.
    pub received: Total,
    /// What is still expected.
    pub open: Total,
    /// The part of that which is overdue.
    pub overdue: Total,
    /// The next day on which something is due; an overdue one, where there is one.
    pub next_due: Option<NaiveDate>,
    /// Amount less all payments: what nobody has asked for yet. Below 0 where more was asked for than the deal is worth.
    pub not_planned: Option<Total>,
}

/// Money asked for and received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cash {
    /// The currencies of the payments, the pipeline's first.
    pub currencies: Vec<CurrencyLine>,
    /// By month, all of one currency together in the order of `currencies`.
    pub months: Vec<MonthLine>,
    /// Days that payments were late, half of them at most; early ones count below 0.
    pub median_days_late: Estimate<i64>,
    /// Payments that were received after their due date, in the span.
    pub paid_late: usize,
    /// Payments that were received in the span.
    pub paid: usize,
    /// Payments that say no amount; they are in no sum.
    pub without_amount: usize,
    /// Won deals with an amount and not one payment: nothing was asked for yet.
    pub won_without_payments: usize,
    /// Deals with payments, those with most overdue first.
    pub deals: Rows<DealLine>,
    /// The payments: overdue ones, the oldest first; then those to come, by day; then the rest.
    pub payments: Rows<Payment>,
}

/// Adds up what was asked for and what came in.
pub fn cash(input: &Input<'_>) -> Cash {
    let mut payments: Vec<Payment> = Vec::new();
    let mut deals: Vec<DealLine> = Vec::new();
    let mut won_without_payments = 0;
    for deal in input.deals {
        let status = input.pipeline.status(&deal.stage);
        let items = deal.value("payments").and_then(Value::as_list).unwrap_or_default();
        let own: Vec<Payment> = items
            .iter()
            .filter_map(|item| item.value.as_block())
            .map(|block| payment(input, deal, status, block))
            .collect();
        won_without_payments += usize::from(status == Status::Won && own.is_empty() && deal.amount().is_some());
        deals.extend(deal_lines(input, deal, status, &own));
        payments.extend(own);
    }
    let inside = |day: Option<NaiveDate>| input.span.is_none_or(|span| day.is_some_and(|day| span.contains(day)));
    let mut by_currency: BTreeMap<(bool, Currency), CurrencyLine> = BTreeMap::new();
    let mut months: BTreeMap<((bool, Currency), String), MonthLine> = BTreeMap::new();
    for payment in &payments {
        let Some(Total { sum: Some(amount), currency }) = payment.amount else { continue };
        let key = (currency != input.pipeline.currency, currency);
        let line = by_currency.entry(key).or_insert_with(|| CurrencyLine::zero(currency));
        line.take(payment, amount, inside(payment.due), inside(payment.paid_on));
        let mut in_month = |day: Option<NaiveDate>, add: &dyn Fn(&mut MonthLine)| {
            if let Some(day) = day.filter(|_| inside(day)) {
                let name = Period::Month.name_at(day, 1);
                add(months.entry((key, name.clone())).or_insert_with(|| MonthLine::zero(name, currency)));
            }
        };
        if payment.state != State::Void {
            in_month(payment.due, &|month| month.take(payment.state, amount));
        }
        in_month(payment.paid_on, &|month| month.received.add(amount));
    }
    let paid: Vec<&Payment> = payments.iter().filter(|p| p.state == State::Paid && inside(p.paid_on)).collect();
    let late: Vec<i64> = paid.iter().filter_map(|payment| payment.days_late).collect();
    let median_days_late = quantile(&late, 0.5, input.floors.quantile);
    let (paid_late, paid) = (late.iter().filter(|days| **days > 0).count(), paid.len());
    let without_amount = payments.iter().filter(|payment| payment.amount.is_none()).count();
    payments.retain(|p| p.state == State::Overdue || inside(p.due) || inside(p.paid_on));
    payments.sort_by(|a, b| (a.state, a.due, a.paid_on, &a.deal).cmp(&(b.state, b.due, b.paid_on, &b.deal)));
    deals.sort_by(|a, b| (b.overdue.sum, b.open.sum).cmp(&(a.overdue.sum, a.open.sum)).then_with(|| a.id.cmp(&b.id)));
    Cash {
        currencies: by_currency.into_values().collect(),
        months: months.into_values().collect(),
        median_days_late,
        paid_late,
        paid,
        without_amount,
        won_without_payments,
        deals: deals.into(),
        payments: payments.into(),
    }
}

fn payment(input: &Input<'_>, deal: &Deal, status: Status, block: &Block) -> Payment {
    let value = |name: &str| block.get(name).map(|field| &field.value);
    let text = |name: &str| value(name).and_then(Value::as_text).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    let date = |name: &str| value(name).and_then(Value::as_date);
    let due = date("due");
    let paid_on = date("paid_on").filter(|paid| *paid <= input.day);
    let state = match (paid_on, status, due) {
        (Some(_), ..) => State::Paid,
        (None, Status::Lost | Status::Recycled, _) => State::Void,
        (None, _, None) => State::Undated,
        (None, _, Some(due)) if due < input.day => State::Overdue,
        (None, _, Some(_)) => State::Due,
    };
    let until = if state == State::Overdue { Some(input.day) } else { paid_on };
    Payment {
        state,
        deal: deal.id.clone(),
        title: deal.title().to_owned(),
        account: deal.text("account").map(str::to_owned),
        owner: deal.owner().map(str::to_owned),
        what: text("what"),
        amount: value("amount").and_then(Value::as_money).map(Total::from),
        due,
        paid_on,
        days_late: until.zip(due).map(|(until, due)| until.signed_duration_since(due).num_days()),
        invoice: text("invoice"),
    }
}

fn deal_lines(input: &Input<'_>, deal: &Deal, status: Status, payments: &[Payment]) -> Vec<DealLine> {
    let mut lines: BTreeMap<(bool, Currency), DealLine> = BTreeMap::new();
    for payment in payments {
        let Some(Total { sum: Some(amount), currency }) = payment.amount else { continue };
        let fresh = || {
            let zero = Total::zero(currency);
            DealLine {
                id: deal.id.clone(),
                title: deal.title().to_owned(),
                account: deal.text("account").map(str::to_owned),
                owner: deal.owner().map(str::to_owned),
                status: status.as_str(),
                amount: deal.amount().filter(|money| money.currency == currency).map(Total::from),
                planned: zero,
                received: zero,
                open: zero,
                overdue: zero,
                next_due: None,
                not_planned: None,
            }
        };
        let line = lines.entry((currency != input.pipeline.currency, currency)).or_insert_with(fresh);
        line.planned.add(amount);
        match payment.state {
            State::Paid => line.received.add(amount),
            State::Void => {}
            State::Overdue | State::Due | State::Undated => {
                line.open.add(amount);
                line.next_due = [line.next_due, payment.due].into_iter().flatten().min();
            }
        }
        if payment.state == State::Overdue {
            line.overdue.add(amount);
        }
    }
    for line in lines.values_mut() {
        let rest = line.amount.and_then(|whole| whole.sum?.checked_sub(line.planned.sum?));
        line.not_planned = rest.map(|amount| Total::from(Money { amount, currency: line.planned.currency }));
    }
    lines.into_values().collect()
}

impl CurrencyLine {
    fn zero(currency: Currency) -> Self {
        let zero = Total::zero(currency);
        CurrencyLine {
            currency,
            due: zero,
            received: zero,
            overdue: zero,
            overdue_payments: 0,
            coming: zero,
            undated: zero,
            void: zero,
        }
    }

    fn take(&mut self, payment: &Payment, amount: rust_decimal::Decimal, due_inside: bool, paid_inside: bool) {
        if payment.due.is_some() && due_inside && payment.state != State::Void {
            self.due.add(amount);
        }
        match payment.state {
            State::Paid if paid_inside => self.received.add(amount),
            State::Paid => {}
            State::Overdue => {
                self.overdue.add(amount);
                self.overdue_payments += 1;
            }
            State::Due => self.coming.add(amount),
            State::Undated => self.undated.add(amount),
            State::Void => self.void.add(amount),
        }
    }
}

impl MonthLine {
    fn zero(month: String, currency: Currency) -> Self {
        let zero = Total::zero(currency);
        MonthLine { month, payments: 0, due: zero, due_paid: zero, due_open: zero, overdue: zero, received: zero }
    }

    /// Takes in a payment that is due in this month.
    fn take(&mut self, state: State, amount: rust_decimal::Decimal) {
        self.payments += 1;
        self.due.add(amount);
        match state {
            State::Paid => self.due_paid.add(amount),
            _ => self.due_open.add(amount),
        }
        if state == State::Overdue {
            self.overdue.add(amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, deal, list, money, pipeline, text, with};
    use super::*;

    /// A payment: what, amount, due, paid on; what is `-` is left out.
    fn pay(what: &str, amount: &str, due: &str, paid_on: &str) -> Vec<(&'static str, Value)> {
        let mut entry = vec![("what", text(what))];
        if amount != "-" {
            entry.push(("amount", money(amount)));
        }
        for (name, day) in [("due", due), ("paid_on", paid_on)] {
            if day != "-" {
                entry.push((name, date(day)));
            }
        }
        entry
    }

    fn paying(id: &str, stage: &str, amount: &str, payments: Vec<Vec<(&'static str, Value)>>) -> Deal {
        with(with(deal(id, stage), "amount", money(amount)), "payments", list(payments))
    }

    fn take(deals: &[Deal], span: Option<Span>) -> Cash {
        let pipeline = pipeline(&["brief", "offer"]);
        let floors = Floors { rate: 1, quantile: 1 };
        cash(&Input { pipeline: &pipeline, deals, day: "2026-03-15".parse().unwrap(), span, floors })
    }

    fn sums(totals: &[Total]) -> String {
        totals.iter().map(|t| t.sum.unwrap().to_string()).collect::<Vec<_>>().join(" ")
    }

    fn deals() -> Vec<Deal> {
        vec![
            paying(
                "a",
                "won",
                "100",
                vec![
                    pay("first", "40", "2026-02-01", "2026-03-02"),
                    pay("second", "30", "2026-03-01", "-"),
                    pay("third", "20", "2026-04-01", "2026-03-16"),
                ],
            ),
            paying(
                "b",
                "offer",
                "50",
                vec![
                    pay("today", "50", "2026-03-15", "-"),
                    pay("some time", "7", "-", "-"),
                    pay("?", "-", "2026-03-01", "-"),
                ],
            ),
            paying(
                "c",
                "lost",
                "10",
                vec![pay("deposit", "5", "2026-01-10", "2026-01-09"), pay("rest", "5", "2026-02-10", "-")],
            ),
            paying("d", "won", "9 USD", vec![pay("all", "10 USD", "2026-02-28", "-")]),
            with(deal("e", "won"), "amount", money("1")),
        ]
    }

    #[test]
    fn what_is_due_and_what_came_is_told_by_month_and_currency() {
        let told = take(&deals(), None);
        let rows: Vec<_> = told
            .months
            .iter()
            .map(|m| {
                let all = sums(&[m.due, m.due_paid, m.due_open, m.overdue, m.received]);
                format!("{} {} {}: {all}", m.month, m.due.currency, m.payments)
            })
            .collect();
        assert_eq!(
            rows,
            [
                "2026-01 EUR 1: 5 5 0 0 5",
                "2026-02 EUR 1: 40 40 0 0 0",
                "2026-03 EUR 2: 80 0 80 30 40",
                "2026-04 EUR 1: 20 0 20 0 0",
                "2026-02 USD 1: 10 0 10 10 0",
            ]
        );
        let line = |l: &CurrencyLine| {
            format!("{} {}", sums(&[l.due, l.received, l.overdue, l.coming, l.undated, l.void]), l.overdue_payments)
        };
        assert_eq!(told.currencies.iter().map(line).collect::<Vec<_>>(), ["145 45 30 70 7 5 1", "10 0 10 0 0 0 1"]);
        assert_eq!((told.paid, told.paid_late, told.without_amount, told.won_without_payments), (2, 1, 1, 1));
        assert_eq!(told.median_days_late.value(), Some(-1));
    }

    #[test]
    fn a_payment_of_tomorrow_was_not_received_and_overdue_ones_come_first() {
        let told = take(&deals(), None);
        let rows: Vec<_> = told.payments.iter().map(|p| (p.what.as_deref().unwrap(), p.state, p.days_late)).collect();
        assert_eq!(
            rows,
            [
                ("all", State::Overdue, Some(15)),
                ("second", State::Overdue, Some(14)),
                ("?", State::Overdue, Some(14)),
                ("today", State::Due, None),
                ("third", State::Due, None),
                ("some time", State::Undated, None),
                ("deposit", State::Paid, Some(-1)),
                ("first", State::Paid, Some(29)),
                ("rest", State::Void, None),
            ]
        );
    }

    #[test]
    fn each_deal_says_what_is_open_and_what_nobody_asked_for() {
        let told = take(&deals(), None);
        let rows: Vec<_> = told
            .deals
            .iter()
            .map(|d| {
                let rest = d.not_planned.map_or("?".to_owned(), |t| sums(&[t]));
                format!("{} {} | {rest} {:?}", d.id, sums(&[d.planned, d.received, d.open, d.overdue]), d.next_due)
            })
            .collect();
        assert_eq!(
            rows,
            [
                "a 90 40 50 30 | 10 Some(2026-03-01)",
                "d 10 0 10 10 | -1 Some(2026-02-28)",
                "b 57 0 57 0 | -7 Some(2026-03-15)",
                "c 10 5 0 0 | 0 None",
            ]
        );
    }

    #[test]
    fn a_span_leaves_out_other_months_but_nothing_overdue() {
        let span = Span::new("2026-03-01".parse().unwrap(), "2026-03-31".parse().unwrap());
        let told = take(&deals(), span);
        assert_eq!(told.months.iter().map(|m| m.month.as_str()).collect::<Vec<_>>(), ["2026-03"]);
        assert_eq!(sums(&[told.currencies[0].due, told.currencies[0].received]), "80 40");
        let whats: Vec<_> = told.payments.iter().map(|p| p.what.as_deref().unwrap()).collect();
        assert_eq!(whats, ["all", "second", "?", "today", "first"]);
    }
}
