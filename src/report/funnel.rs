//! From stage to stage: how many deals go on, where they leave, how long they stay.

use chrono::NaiveDate;
use serde::Serialize;

use crate::metrics::compared::{self, Compared, compared};
use crate::metrics::conversion::{self, Conversion, Goal, Pair, Variant};
use crate::metrics::flow::{Flow, flow};
use crate::metrics::funnel::{self, Funnel, Window};
use crate::metrics::journey::{Journeys, journeys};
use crate::metrics::period::Span;
use crate::metrics::win_rate::{WinRates, win_rates};

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::DaysOf;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("entered", "deals whose first visit to the stage began inside the window"),
    ("raw", "reached / entered, with Wilson's 95 % interval; a lower bound while deals are open"),
    (
        "estimate",
        "Aalen-Johansen share that gets there; lost, recycled and withdrawn compete, open deals are censored; 95 % \
         interval of Wilson's form with the delta-method variance",
    ),
    ("undecided", "share of the cohort that the estimate leaves undecided"),
    ("median_seconds", "Kaplan-Meier median of the length of visits; visits that last are censored"),
    ("p90_seconds", "length by which nine of ten visits are over, by Kaplan-Meier"),
];

/// What the numbers of its other parts mean.
pub const MORE: body::Definitions = &[
    (
        "conversion",
        "cohort: followed from the first visit on; any_stage: deals that came to the one over deals that came to the other \
         inside the window, in any order, no interval as neither group holds the other; all_stages: deals that were in the \
         stage and all before it; imputed: skipped stages filled in, going back cancels what came after, lost deals only \
         up to where they were",
    ),
    (
        "by_amount",
        "the same, each deal with its amount when it came to the stage; raw: ratio of the sums, Wilson's interval with the \
         precision of a ratio estimator (Cochran 1977, 6.4) and no more than Kish's number of deals; estimate: weighted \
         Aalen-Johansen with Kish's design effect",
    ),
    ("win_rates.closed", "won / (won + lost) of deals closed inside the window; misses open deals"),
    (
        "win_rates.with_dead_weight",
        "won / (won + lost + overdue + old): open deals past their close date, or in their stage for longer than its limit \
         (without a limit: than 95 of 100 visits last), count as not won, as Zoho counts, inside the window of that date or \
         in which they came to be too old; too low where they are still won",
    ),
    ("win_rates.cohort", "share of the deals that came in inside the window that is won, open ones censored"),
    (
        "pairs",
        "share of the deals that came to the one stage inside the window that gets to the other, open ones censored",
    ),
    (
        "compared",
        "Aalen-Johansen shares of both periods within the same number of days: as many as nine of ten that went on needed, \
         but no more than half of either period has been watched for; Newcombe's interval of the difference; pace: ratio \
         of hazards by the log-rank test. All comparisons together are at 95 %",
    ),
    ("flow", "moves from place to place inside the window"),
];

/// From stage to stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelReport {
    /// The first day on which deals came in that count; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last such day; `None`: up to now.
    pub to: Option<NaiveDate>,
    /// The funnel.
    pub funnel: Part<Funnel>,
    /// Conversion by number and by amount, in the way that was asked for, cohorts otherwise; `None` where only the funnel
    /// of all was asked for.
    pub conversion: Option<Conversion>,
    /// Win rates in the ways people count them; `None` as there.
    pub win_rates: Option<WinRates>,
    /// From any stage to any other, as asked for.
    pub pairs: Vec<Pair>,
    /// Against the days before; `None` where there are none to compare with.
    pub compared: Option<Compared>,
    /// Where deals went; `None` where only the funnel of all was asked for.
    pub flow: Option<Flow>,
}

impl Body for FunnelReport {
    const NAME: &'static str = "funnel";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS, MORE];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("stages", "/funnel/stages"),
        ("conversion", "/conversion/stages"),
        ("pairs", "/pairs"),
        ("compared", "/compared/stages"),
        ("flow", "/flow/links"),
    ];

    fn rows(&self) -> usize {
        0
    }

    // It is made of numbers of deals alone.
    fn restrict(&mut self, _: Profile) {}
}

/// The funnel of deals that first came to a stage on the days that were asked for.
pub fn make(facts: &Facts<'_>) -> FunnelReport {
    if !facts.asked.full {
        return of_visits(facts);
    }
    let pipeline = facts.pipeline;
    let journeys = journeys(pipeline, facts.spells);
    let asked = facts.asked;
    let window = facts.cohorts(asked.span);
    let input = conversion::Input {
        pipeline,
        journeys: &journeys,
        tracks: facts.tracks,
        as_of: facts.as_of.0,
        window,
        within: asked.within,
        floors: facts.floors,
    };
    let compared = asked.previous.map(|previous| {
        compared(&compared::Input {
            pipeline,
            journeys: &journeys,
            as_of: facts.as_of.0,
            before: facts.cohorts(Some(previous)),
            now: window,
            within: asked.within,
            floors: facts.floors,
        })
    });
    FunnelReport {
        from: asked.span.and_then(|span| DaysOf::from(span).from),
        to: asked.span.map(|span| span.to),
        funnel: facts.part(funnel::of_journeys(pipeline, &journeys, facts.as_of.0, window, facts.floors)),
        conversion: Some(conversion::conversion(&input, asked.conversion.unwrap_or(Variant::Cohort))),
        win_rates: Some(win_rates(&input, facts.deals, facts.today)),
        pairs: asked.pairs.iter().filter_map(|(from, to)| pair(&input, from, to)).collect(),
        compared,
        flow: Some(flow(pipeline, &journeys, window)),
    }
}

/// What can be told of visits alone, without a look at the deals.
fn of_visits(facts: &Facts<'_>) -> FunnelReport {
    let span = facts.asked.span;
    let window = facts.cohorts(span);
    FunnelReport {
        from: span.and_then(|span| DaysOf::from(span).from),
        to: span.map(|span| span.to),
        funnel: facts.part(funnel::funnel(facts.pipeline, facts.spells, facts.as_of.0, window, facts.floors)),
        conversion: None,
        win_rates: None,
        pairs: Vec::new(),
        compared: None,
        flow: None,
    }
}

fn pair(input: &conversion::Input<'_>, from: &str, to: &str) -> Option<Pair> {
    let index = conversion::stage_named(input.pipeline, from)?;
    let stage = input.pipeline.stages.get(index)?;
    let goal = Goal::named(input.pipeline, index, to)?;
    let place = input.pipeline.current_name(to).and_then(|id| input.pipeline.place(id.as_str()));
    Some(Pair {
        from: stage.id.clone(),
        from_title: stage.title.clone(),
        to: to.to_owned(),
        to_title: place.map_or(to, |place| place.title()).to_owned(),
        within_days: input.within,
        leg: conversion::pair(input, index, goal),
    })
}

impl Facts<'_> {
    /// The window of the deals that came in on some days. What was there already where a shallow clone begins did not come
    /// in then.
    pub(super) fn cohorts(&self, span: Option<Span>) -> Window {
        let window = self.window(span);
        Window { from: window.from.max(self.history.and_then(|history| history.begins)), ..window }
    }
}

pub(super) fn of_journeys(facts: &Facts<'_>, journeys: &Journeys, window: Window) -> Funnel {
    let from = window.from.max(facts.history.and_then(|history| history.begins));
    funnel::of_journeys(facts.pipeline, journeys, facts.as_of.0, Window { from, ..window }, facts.floors)
}
