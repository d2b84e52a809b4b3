//! What changed between two days, to the cent; how much slipped; whether the pipeline covers the target.

use chrono::NaiveDate;
use serde::Serialize;

use crate::metrics::coverage::{self, Coverage, coverage};
use crate::metrics::journey::journeys;
use crate::metrics::period::{Period, Span};
use crate::metrics::slippage::{Pushes, Slippage, pushes, slippage};
use crate::metrics::waterfall::{self, Known, Waterfall, waterfall};

use super::Facts;
use super::asked::{EARLIEST, Profile};
use super::body::{self, Body};
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("start", "open deals at the end of the day before the first one, with their amounts then"),
    ("end", "open deals at the end of the last day, with their amounts then"),
    (
        "steps",
        "start + steps = end, in number and to the cent; every deal that came or left is in one step. Other currencies are \
         converted at the rates of the last day, at the start and in every step too, so that a rate that changes is no step; \
         what has no rate is kept for each currency apart, and adds up there",
    ),
    ("new", "deals that were not there at the start; one that was closed again before the end is new and closed"),
    (
        "won",
        "deals that left because they were won, with the amount that they have at the end; lost and recycled alike",
    ),
    (
        "before_leaving",
        "changes of the amount of deals that then left: they leave with the amount at the end, so that the won ones add \
         up to what was won",
    ),
    ("closing", "the same of the open deals whose close date lies in the period"),
    ("slipped", "deals that were to close in the period and are to close after it"),
    ("slippage.rate", "slipped deals divided by the deals that were to close in the period at its start"),
    ("slippage.rate_by_amount", "the same by the amounts at the start"),
    ("pushes", "changes of the close date to a later day"),
    (
        "coverage.coverage",
        "open deals with a close date in the period, divided by what is left of the target; other currencies at the rates of \
         the day of the report, and what was won at those of the day on which it was won",
    ),
    (
        "coverage.win_rate_by_value",
        "won amount divided by won and lost amount, of deals closed in the year before; other currencies at the rates of the \
         day on which they were closed",
    ),
    ("coverage.required", "1 divided by that win rate"),
];

/// What changed between two days.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaterfallReport {
    /// How people call the days: `2026-Q4`.
    pub name: String,
    /// The first of the days; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last of the days.
    pub to: NaiveDate,
    /// The day at whose end the start was known; `None` where nothing was.
    pub start_day: Option<NaiveDate>,
    /// The day at whose end the end was known: the last one, or the day of the report where that is earlier.
    pub end_day: NaiveDate,
    /// Of all open deals.
    pub whole: Part<Waterfall>,
    /// Of the open deals that are to close on these days.
    pub closing: Part<Waterfall>,
    /// How much of what was to close slipped.
    pub slippage: Option<Slippage>,
    /// How often close dates were moved to later days.
    pub pushes: Part<Pushes>,
    /// Whether the open pipeline covers the target; `None` where the days have no beginning.
    pub coverage: Option<Part<Coverage>>,
}

impl Body for WaterfallReport {
    const NAME: &'static str = "waterfall";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("steps", "/whole/steps"),
        ("deals", "/whole/changes"),
        ("closing", "/closing/steps"),
        ("closing-deals", "/closing/changes"),
        ("pushed", "/pushes/list"),
    ];

    fn rows(&self) -> usize {
        self.whole.changes.len() + self.closing.changes.len() + self.pushes.list.len()
    }

    fn restrict(&mut self, profile: Profile) {
        if profile != Profile::Team {
            self.whole.said.truncate(profile.deals());
            self.closing.said.truncate(profile.deals());
            self.pushes.said.list.truncate(profile.deals());
        }
    }
}

/// Compares the beginning of the days that were asked for with their end. Without days, those of the current quarter.
pub fn make(facts: &Facts<'_>) -> WaterfallReport {
    let pipeline = facts.pipeline;
    let first_month = pipeline.fiscal_year_start;
    let day = pipeline.day_of(facts.as_of.0);
    let span = facts.asked.span.unwrap_or_else(|| Period::Quarter.span_of(day, first_month));
    let journeys = journeys(pipeline, facts.spells);
    let before = match facts.before {
        Some(before) => Known {
            pipeline: &before.pipeline,
            deals: &before.deals,
            all: before.all.as_deref().unwrap_or_default(),
            unreadable: &before.unread,
        },
        None => Known { pipeline, deals: &[], all: &[], unreadable: &[] },
    };
    let after = Known { pipeline, deals: facts.deals, all: facts.all, unreadable: facts.unread };
    let end_day = day.min(span.to).max(span.from);
    let of = |closing: Option<Span>| {
        waterfall(&waterfall::Input { before, after, rates_of: end_day, journeys: &journeys, closing })
    };
    let closing = of(Some(span));
    let window = facts.window(Some(span));
    let has_beginning = span.from > EARLIEST;
    WaterfallReport {
        name: if has_beginning { span.name(first_month) } else { span.to.to_string() },
        from: has_beginning.then_some(span.from),
        to: span.to,
        start_day: facts.before.map(|before| before.day),
        end_day,
        whole: facts.part(of(None)),
        slippage: slippage(&closing, facts.floors),
        closing: facts.part(closing),
        pushes: facts.part(pushes(pipeline, facts.deals, facts.tracks, window)),
        coverage: has_beginning.then(|| {
            let as_of = facts.as_of.0;
            let input = coverage::Input {
                pipeline,
                deals: facts.deals,
                journeys: &journeys,
                as_of,
                span,
                floors: facts.floors,
            };
            facts.part(coverage(&input))
        }),
    }
}
