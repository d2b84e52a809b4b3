//! The default page: state, funnel, forecast and what needs attention.

use serde::Serialize;

use crate::forecast::chance::chances;
use crate::forecast::{self, Forecast};
use crate::metrics::funnel::Funnel;
use crate::metrics::journey::journeys;
use crate::metrics::snapshot::Snapshot;

use super::Facts;
use super::asked::Profile;
use super::body::{Body, Definitions};
use super::data::{Attention, Waiver};
use super::history::Part;

/// Deals of each list that the page names; the other reports have them all.
const DEALS: usize = 10;

/// The default page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverviewReport {
    /// The open deals.
    pub state: Part<Snapshot>,
    /// The funnel.
    pub funnel: Part<Funnel>,
    /// The forecast; `None` for a reader who is not to see what is only expected, and of single groups of deals.
    pub forecast: Option<Part<Forecast>>,
    /// What needs attention.
    pub attention: Vec<Attention>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
}

impl Body for OverviewReport {
    const NAME: &'static str = "overview";
    const DEFINITIONS: &'static [Definitions] =
        &[super::pipeline::DEFINITIONS, super::funnel::DEFINITIONS, super::forecast::DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("stages", "/state/stages"),
        ("funnel", "/funnel/stages"),
        ("months", "/forecast/months"),
        ("attention", "/attention"),
    ];

    fn rows(&self) -> usize {
        self.state.deals.len() + self.forecast.as_ref().map_or(0, |forecast| forecast.deals.len())
    }

    fn restrict(&mut self, profile: Profile) {
        super::pipeline::restrict(&mut self.state.said, profile);
        match &mut self.forecast {
            Some(forecast) if profile.sees_expectations() => super::forecast::restrict(&mut forecast.said, profile),
            forecast => *forecast = None,
        }
        if !profile.sees_names() {
            self.waivers.clear();
            self.attention.clear();
        }
    }
}

/// Makes the page.
pub fn make(facts: &Facts<'_>) -> OverviewReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let mut forecast = facts.log.map(|log| forecast::forecast(&super::forecast::input(facts, log, &[])));
    let chances = chances(facts.pipeline, &journeys, facts.as_of.0);
    let mut state = super::pipeline::state(facts, &journeys, &chances, &[]);
    state.deals.truncate(DEALS);
    forecast.iter_mut().for_each(|forecast| forecast.deals.truncate(DEALS));
    OverviewReport {
        state: facts.part(state),
        funnel: facts.part(super::funnel::of_journeys(facts, &journeys, facts.window(facts.asked.span))),
        forecast: forecast.map(|forecast| facts.part(forecast)),
        attention: facts.attention.to_vec(),
        waivers: facts.waivers.to_vec(),
    }
}
