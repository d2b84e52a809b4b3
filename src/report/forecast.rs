//! What will be won.

use serde::Serialize;

use crate::forecast::by_stage::{self as forecast, Forecast};
use crate::metrics::journey::{Journeys, journeys};

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "chance",
        "(n h + n u prior + m prior) / (n + m): h the Aalen-Johansen share of the n deals in the stage that were won, u \
         the share undecided, m the weight of the prior",
    ),
    ("prior", "the probability that the pipeline file gives the stage, or the assumed ladder"),
    ("evidence", "how much of the chance is history: n (1 - u) / (n + m)"),
    ("expected_wins", "sum of the chances of the deals"),
    ("expected_amount", "sum of amount times chance, rounded once after adding; won deals are not part of it"),
];

/// What will be won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastReport {
    /// The forecast.
    pub forecast: Part<Forecast>,
}

impl Body for ForecastReport {
    const NAME: &'static str = "forecast";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("months", "/forecast/months"),
        ("stages", "/forecast/stages"),
        ("categories", "/forecast/categories"),
        ("deals", "/forecast/deals"),
    ];

    fn rows(&self) -> usize {
        self.forecast.deals.len()
    }

    fn restrict(&mut self, profile: Profile) {
        restrict(&mut self.forecast.said, profile);
    }
}

/// The forecast.
pub fn make(facts: &Facts<'_>) -> ForecastReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    ForecastReport { forecast: facts.part(of_journeys(facts, &journeys)) }
}

pub(super) fn of_journeys(facts: &Facts<'_>, journeys: &Journeys) -> Forecast {
    forecast::forecast(&forecast::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys,
        as_of: facts.as_of.0,
    })
}

pub(super) fn restrict(forecast: &mut Forecast, profile: Profile) {
    forecast.deals.truncate(profile.deals());
    if !profile.sees_expectations() {
        forecast.categories.clear();
    }
}
