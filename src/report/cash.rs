//! Money asked for and received, by month and by deal, and what is overdue.

use chrono::NaiveDate;
use serde::Serialize;

use crate::metrics::cash::{self, Cash, cash};

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::DaysOf;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "due",
        "payments that are due on the days that were asked for, received or not, without those of deals that ended",
    ),
    (
        "received",
        "payments that were received on those days, whenever they were due; paid_on after the day does not count",
    ),
    ("due_paid", "the part of due that was received, whenever"),
    ("due_open", "the part of due that is still expected"),
    ("overdue", "due before the day and not received"),
    ("coming", "due on the day or later and not received"),
    ("undated", "not received and without a due date"),
    ("void", "not received, of deals that were lost or went back to marketing: nobody waits for it"),
    ("not_planned", "the deal's amount less all its payments: nobody has asked for it yet"),
    ("median_days_late", "median of the days from due to received, of payments received on those days"),
];

/// Money asked for and received.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CashReport {
    /// The first of the days; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last of them; `None`: without end.
    pub to: Option<NaiveDate>,
    /// The day it is: what was due before it and was not received is overdue.
    pub today: NaiveDate,
    /// The money.
    pub cash: Cash,
}

impl Body for CashReport {
    const NAME: &'static str = "cash";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("months", "/cash/months"),
        ("payments", "/cash/payments"),
        ("deals", "/cash/deals"),
        ("currencies", "/cash/currencies"),
    ];

    fn rows(&self) -> usize {
        self.cash.payments.len() + self.cash.deals.len()
    }

    fn restrict(&mut self, profile: Profile) {
        self.cash.payments.truncate(profile.deals());
        self.cash.deals.truncate(profile.deals());
    }
}

/// Adds up the payments of the days that were asked for.
pub fn make(facts: &Facts<'_>) -> CashReport {
    let span = facts.asked.span;
    CashReport {
        from: span.and_then(|span| DaysOf::from(span).from),
        to: span.map(|span| span.to),
        today: facts.today,
        cash: cash(&cash::Input {
            pipeline: facts.pipeline,
            deals: facts.deals,
            day: facts.today,
            span,
            floors: facts.floors,
        }),
    }
}
