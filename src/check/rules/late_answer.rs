//! Deals that wait for a first answer longer than their stage promises.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::pipeline::{PIPELINE_FILE, Place};

pub(super) static RULE: Rule = Rule {
    id: "late-answer",
    level: Level::Warning,
    summary: "a deal waits for a first answer for longer than its stage promises",
    why: "Who asks and hears nothing asks somebody else. An answer is an activity on the day on which the deal came to its stage or later; a move on is one too. It asks history, so a shallow clone cannot tell.",
    bad: "# came to a stage with `sla: 24h` a week ago\ntitle: Corporate site redesign",
    good: "title: Corporate site redesign\nactivity:\n  - {on: 2026-06-01, what: Called back}",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let circumstances = ground.ground.circumstances;
    let answers = circumstances.past.and_then(|past| past.answers.as_ref());
    let (Some(waits), Some(Place::Stage(_, stage))) = (answers.and_then(|all| all.get(&ground.deal.id)), ground.place)
    else {
        return Vec::new();
    };
    let today = circumstances.today;
    let is_here = ground.is_open() && waits.stage == stage.id;
    // As in the report on times: the day counts, whatever the hour.
    let answered = || ground.deal.activity_days(today).last().is_some_and(|last| *last >= waits.since);
    let Some(sla) = stage.sla.filter(|_| is_here && today > waits.until && !answered()) else { return Vec::new() };
    let id = &ground.deal.id;
    let message = format!(
        "{id} came to {} on {} and has had no answer, which was due by {} (sla: {sla})",
        stage.id, waits.since, waits.until
    );
    let span = ground.entry("activity").map_or(WHOLE_FILE, |entry| entry.key_span);
    vec![
        ground
            .finding(&RULE, span, message)
            .with_label("no answer yet")
            .with_field("activity")
            .with_related(PIPELINE_FILE, stage.span, format!("sla: {sla} of {}", stage.id))
            .with_help("answer, and write down when: `activity: [{on: YYYY-MM-DD, what: Call}]`"),
    ]
}
