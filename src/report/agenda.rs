//! What is to be done next, for one person, one role or everybody.

use serde::Serialize;

use crate::metrics::agenda::{self, Agenda, agenda};

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("tasks", "the next step of each deal that has not ended; one task a deal"),
    ("overdue", "due before the day"),
    ("this_week", "due after the day, up to Sunday"),
    ("undated", "there is a next step and no day"),
    ("missing", "there is no next step"),
    ("needs", "who is to do it, where that is not the owner"),
];

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AgendaReport {
    /// The tasks.
    pub agenda: Agenda,
}

impl Body for AgendaReport {
    const NAME: &'static str = "agenda";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] =
        &[("tasks", "/agenda/tasks"), ("needed", "/agenda/needed"), ("sections", "/agenda/sections")];

    fn rows(&self) -> usize {
        self.agenda.tasks.len()
    }

    fn restrict(&mut self, profile: Profile) {
        if profile != Profile::Team {
            self.agenda.truncate(profile.deals());
        }
        if !profile.sees_names() {
            self.agenda.needed.clear();
        }
    }
}

/// Writes the agenda of the day.
pub fn make(facts: &Facts<'_>) -> AgendaReport {
    let who = facts.asked.owner.as_deref();
    AgendaReport {
        agenda: agenda(&agenda::Input { pipeline: facts.pipeline, deals: facts.deals, day: facts.today, who }),
    }
}
