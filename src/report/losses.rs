//! What was lost and what went back to marketing: why, from where, and what it had cost.

use chrono::NaiveDate;
use serde::Serialize;

use crate::metrics::amounts::Amounts;
use crate::metrics::funnel::Window;
use crate::metrics::journey::journeys;
use crate::metrics::losses::{self, Losses, losses};
use crate::metrics::period::Span;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::DaysOf;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("deals", "deals that lie in an end of the kind and came there on the days that were asked for"),
    ("amount", "sum of their amounts as their files say now, in the pipeline's currency; other currencies apart"),
    ("share_of_deals", "deals of the line divided by all that ended so"),
    ("share_of_amount", "amount of the line divided by the amount of all that ended so"),
    ("reason", "what the deal says in reason_fields"),
    ("from", "the last stage before the end"),
    ("median_age_seconds", "median of the time from the first stage to the end, where the beginning is known"),
    ("hours", "sum of effort up to the day of the report"),
];

/// What was lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossesReport {
    /// The first day on which deals ended that count; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last such day; `None`: up to now.
    pub to: Option<NaiveDate>,
    /// What was lost and what went back.
    #[serde(flatten)]
    pub losses: Part<Losses>,
    /// The days before, for comparison; `None` where none were asked for.
    pub previous: Option<Previous>,
}

/// The same of the days before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Previous {
    /// The first of those days.
    pub from: NaiveDate,
    /// The last of them.
    pub to: NaiveDate,
    /// What was lost then.
    pub lost: Amounts,
    /// What went back to marketing then.
    pub recycled: Amounts,
}

impl Body for LossesReport {
    const NAME: &'static str = "losses";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("reasons", "/lost/reasons"),
        ("stages", "/lost/stages"),
        ("competitors", "/lost/competitors"),
        ("deals", "/lost/deals"),
        ("recycled", "/recycled/deals"),
        ("recycled-reasons", "/recycled/reasons"),
    ];

    fn rows(&self) -> usize {
        self.losses.lost.deals.len() + self.losses.recycled.deals.len()
    }

    fn restrict(&mut self, profile: Profile) {
        self.losses.said.lost.deals.truncate(profile.deals());
        self.losses.said.recycled.deals.truncate(profile.deals());
    }
}

/// Counts what ended on the days that were asked for.
pub fn make(facts: &Facts<'_>) -> LossesReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let of = |window: Window| {
        losses(&losses::Input {
            pipeline: facts.pipeline,
            deals: facts.deals,
            journeys: &journeys,
            as_of: facts.as_of.0,
            window,
            floors: facts.floors,
        })
    };
    let span = facts.asked.span;
    let before = |span: Span| {
        let losses = of(facts.window(Some(span)));
        let (lost, recycled) = (losses.lost.total.amounts, losses.recycled.total.amounts);
        Previous { from: span.from, to: span.to, lost, recycled }
    };
    LossesReport {
        from: span.and_then(|span| DaysOf::from(span).from),
        to: span.map(|span| span.to),
        losses: facts.part(of(facts.window(span))),
        previous: facts.asked.previous.map(before),
    }
}
