//! Signs of trouble against the days before, and the deals that need somebody.

use serde::Serialize;

use crate::metrics::health::{self, Health};
use crate::metrics::journey::journeys;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::data::Waiver;
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "markers",
        "now against the days before; a change is trouble only where its interval leaves out no change, and the intervals \
         of all comparisons together hold at 95 %, so that nineteen of twenty reports on nothing raise no alarm",
    ),
    (
        "markers.activities",
        "activities a week, all and of the most frequent kinds: ratio with the exact conditional interval, widened where \
         weeks vary more than by chance (quasi-Poisson), or the activities of one deal hang together (cluster-robust)",
    ),
    ("markers.new_deals", "deals that came in, a week, in the same way"),
    (
        "markers.conversion",
        "Aalen-Johansen share of deals that get to the next stage within the same number of days in both; Newcombe's \
         interval of the difference",
    ),
    ("markers.win_rate", "won / (won + lost) of deals closed in the days; Newcombe's interval of the difference"),
    (
        "markers.late_stages",
        "how many times as fast visits to the last third of the stages before winning ended: ratio of hazards by the \
         stratified log-rank test, of what happened inside the days",
    ),
    ("markers.cycle", "how many times as fast deals were decided, in the same way"),
    (
        "markers.silent",
        "silent deals / open deals at the end of the days; both times look at some of the same deals, which makes the \
         interval wider than it need be",
    ),
    (
        "markers.stuck",
        "open deals on late stages that were there for longer than nine of ten visits last, in the same way",
    ),
    (
        "stale",
        "open deals without a change of stage, amount, close date or next step and without an activity for longer than the \
         stage's limit; other commits do not count",
    ),
    (
        "silent",
        "the same for longer than 95 of 100 visits of all deals to the stage last (Kaplan-Meier), whichever deals were asked \
         for",
    ),
    ("pushed", "open deals whose close date was put off three times or more"),
    (
        "leakage",
        "(lost from the stage in the days + silent in it now) / deals that were in it in the days, with Wilson's interval; \
         amounts as known when lost",
    ),
];

/// Signs of trouble.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HealthReport {
    /// What was found.
    pub health: Part<Health>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
    /// How many there are.
    pub waivers_in_force: usize,
}

impl Body for HealthReport {
    const NAME: &'static str = "health";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("markers", "/health/markers"),
        ("stale", "/health/stale"),
        ("silent", "/health/silent"),
        ("overdue", "/health/overdue_close_dates"),
        ("next-steps", "/health/overdue_next_steps"),
        ("no-next-step", "/health/no_next_step"),
        ("pushed", "/health/pushed"),
        ("leakage", "/health/leakage"),
        ("waivers", "/waivers"),
    ];

    fn rows(&self) -> usize {
        let health = &self.health;
        health.stale.len()
            + health.silent.len()
            + health.overdue_close_dates.len()
            + health.overdue_next_steps.len()
            + health.no_next_step.len()
            + health.pushed.len()
    }

    fn restrict(&mut self, profile: Profile) {
        let (health, deals) = (&mut self.health.said, profile.deals());
        health.stale.truncate(deals);
        health.silent.truncate(deals);
        health.overdue_close_dates.truncate(deals);
        health.overdue_next_steps.truncate(deals);
        health.no_next_step.truncate(deals);
        health.pushed.truncate(deals);
        if !profile.sees_names() {
            self.waivers.clear();
        }
    }
}

/// The health of the pipeline.
pub fn make(facts: &Facts<'_>) -> HealthReport {
    let own = journeys(facts.pipeline, facts.spells);
    let is_whole = std::ptr::eq(facts.spells, facts.all_spells);
    let all = (!is_whole).then(|| journeys(facts.pipeline, facts.all_spells));
    let found = health::health(&health::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys: &own,
        all: all.as_ref().unwrap_or(&own),
        tracks: facts.tracks,
        as_of: facts.as_of.0,
        today: facts.today,
        span: facts.asked.span,
        previous: facts.asked.previous,
        floors: facts.floors,
    });
    HealthReport { health: facts.part(found), waivers: facts.waivers.to_vec(), waivers_in_force: facts.waivers.len() }
}
