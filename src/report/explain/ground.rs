//! What numbers are explained from.

use std::collections::{BTreeMap, HashMap};

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::metrics::DAY;
use crate::metrics::journey::{Journey, Journeys, Outcome, journeys};
use crate::report::Facts;
use crate::report::lang::Lang;
use crate::report::number::{length, thousands};

use super::number::{Cause, Pick, Way};

/// What numbers are explained from.
pub(super) struct Ground<'f> {
    pub(super) facts: Facts<'f>,
    pub(super) journeys: Journeys,
    deals: HashMap<&'f DealId, &'f Deal>,
    words: BTreeMap<String, String>,
}

impl<'f> Ground<'f> {
    pub(super) fn of(facts: &Facts<'f>) -> Ground<'f> {
        Ground {
            facts: *facts,
            journeys: journeys(facts.pipeline, facts.spells),
            deals: facts.deals.iter().map(|deal| (&deal.id, deal)).collect(),
            words: Lang::En.words(&facts.pipeline.labels),
        }
    }

    /// A deal as its file is.
    pub(super) fn deal(&self, id: &DealId) -> Option<&'f Deal> {
        self.deals.get(id).copied()
    }

    /// "1 deal", "57 deals", in the pipeline's own words.
    pub(super) fn deals(&self, n: usize) -> String {
        let word = if n == 1 { "deal" } else { "deals" };
        format!("{} {}", thousands(&n.to_string(), Lang::En), self.words.get(word).map_or(word, String::as_str))
    }

    /// "is" or "are".
    pub(super) fn are(n: usize) -> &'static str {
        if n == 1 { "is" } else { "are" }
    }

    /// The journeys by the ids of their deals, in order.
    pub(super) fn sorted(&self) -> Vec<(&DealId, Journey<'_>)> {
        let mut all: Vec<(&DealId, Journey<'_>)> = self.journeys.named().collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    /// When deals came to stand as they do, for those that ended.
    pub(super) fn decided(&self) -> HashMap<&DealId, i64> {
        self.journeys.named().filter_map(|(id, journey)| Some((id, journey.decided?))).collect()
    }

    /// What people call a place.
    pub(super) fn title(&self, place: &str) -> String {
        self.facts.pipeline.place(place).map_or(place, |place| place.title()).to_owned()
    }
}

/// A length of time between two moments, for people.
pub(super) fn between(from: i64, to: i64) -> String {
    length(to.saturating_sub(from).max(0), Lang::En)
}

/// Whole days, for people.
pub(super) fn days(seconds: i64) -> String {
    format!("{} d", seconds / DAY)
}

/// What became of a deal that set out at `start` and did not get there.
pub(super) fn missed(id: &DealId, journey: &Journey<'_>, start: i64, as_of: i64) -> Pick {
    let decided = journey.decided.unwrap_or(start);
    let ended = |words: &str| Pick {
        deal: id.clone(),
        how: format!("{words} after {}", between(start, decided)),
        counts: Way::No,
        part: None,
        cause: Cause::Stage(decided),
    };
    match journey.outcome {
        Outcome::Lost => ended("lost"),
        Outcome::Recycled => ended("went back to marketing"),
        Outcome::Withdrawn => ended("its file was removed"),
        Outcome::Open | Outcome::Won => {
            let until = journey.visits.last().and_then(|visit| visit.left).unwrap_or(as_of);
            Pick {
                deal: id.clone(),
                how: format!("open, followed for {} so far", between(start, until)),
                counts: Way::Open,
                part: None,
                cause: Cause::Stage(start),
            }
        }
    }
}
