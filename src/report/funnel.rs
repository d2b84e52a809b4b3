//! From stage to stage: how many deals go on, where they leave, how long they stay.

use chrono::NaiveDate;
use serde::Serialize;

use crate::metrics::funnel::{self, Funnel, Window};
use crate::metrics::journey::{Journeys, journeys};

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

/// From stage to stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelReport {
    /// The first day on which deals came in that count; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last such day; `None`: up to now.
    pub to: Option<NaiveDate>,
    /// The funnel.
    pub funnel: Part<Funnel>,
}

impl Body for FunnelReport {
    const NAME: &'static str = "funnel";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[("stages", "/funnel/stages")];

    fn rows(&self) -> usize {
        0
    }

    // It is made of numbers of deals alone.
    fn restrict(&mut self, _: Profile) {}
}

/// The funnel of deals that first came to a stage on the days that were asked for.
pub fn make(facts: &Facts<'_>) -> FunnelReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let span = facts.asked.span;
    FunnelReport {
        from: span.and_then(|span| DaysOf::from(span).from),
        to: span.map(|span| span.to),
        funnel: facts.part(of_journeys(facts, &journeys, facts.window(span))),
    }
}

pub(super) fn of_journeys(facts: &Facts<'_>, journeys: &Journeys, window: Window) -> Funnel {
    // What was there already where a shallow clone begins did not come in then.
    let from = window.from.max(facts.history.and_then(|history| history.begins));
    funnel::of_journeys(facts.pipeline, journeys, facts.as_of.0, Window { from, ..window }, facts.floors)
}
