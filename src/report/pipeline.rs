//! The open deals: where they stand and what they are worth.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::forecast::chance::{StageChance, chances};
use crate::format::ident::StageId;
use crate::metrics::journey::{Journeys, journeys};
use crate::metrics::snapshot::{self, Snapshot};
use crate::metrics::total::decimal_share;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::Waiver;
use super::groups;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "amount",
        "sum of the amounts of open deals in the pipeline's currency; other currencies by the last rate up to the day, and in \
         no sum where there is none",
    ),
    ("weighted", "sum of amount times the chance of the deal's stage to be won"),
    ("share_of_deals", "deals in the line divided by all open deals"),
    ("share_of_amount", "amount of the line divided by the amount of all open deals"),
    (
        "days_in_stage",
        "days since the one on which the deal came into its stage, by the calendar of the pipeline's time zone",
    ),
    ("older_than", "Kaplan-Meier share of visits to the stage that were over by this age"),
];

/// The open deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineReport {
    /// The open deals.
    pub state: Part<Snapshot>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
}

impl Body for PipelineReport {
    const NAME: &'static str = "pipeline";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] =
        &[("stages", "/state/stages"), ("deals", "/state/deals"), ("waivers", "/waivers")];

    fn rows(&self) -> usize {
        self.state.deals.len()
    }

    fn restrict(&mut self, profile: Profile) {
        restrict(&mut self.state.said, profile);
        if !profile.sees_names() {
            self.waivers.clear();
        }
    }
}

/// Number, amount and weighted amount by stage and by each field that was asked for, and the open deals.
pub fn make(facts: &Facts<'_>) -> PipelineReport {
    let journeys = journeys(facts.pipeline, facts.spells);
    let chances = chances(facts.pipeline, &journeys, facts.as_of.0);
    let sees = |field: &&String| facts.asked.profile.sees_names() || !groups::is_name(facts.pipeline, field);
    let by: Vec<String> = facts.asked.by.iter().filter(sees).cloned().collect();
    PipelineReport { state: facts.part(state(facts, &journeys, &chances, &by)), waivers: facts.waivers.to_vec() }
}

pub(super) fn state(facts: &Facts<'_>, journeys: &Journeys, chances: &[StageChance], by: &[String]) -> Snapshot {
    let chances: BTreeMap<StageId, Decimal> =
        chances.iter().map(|c| (c.stage.clone(), decimal_share(c.chance))).collect();
    snapshot::snapshot(&snapshot::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys,
        as_of: facts.as_of.0,
        chances: &chances,
        by,
        floors: facts.floors,
    })
}

pub(super) fn restrict(state: &mut Snapshot, profile: Profile) {
    state.deals.truncate(profile.deals());
    if !profile.sees_expectations() {
        state.total.weighted = None;
        for stage in &mut state.stages {
            stage.chance = None;
            stage.line.weighted = None;
        }
        let lines = state.groupings.iter_mut().flat_map(|grouping| &mut grouping.values);
        lines.for_each(|group| group.line.weighted = None);
    }
}
