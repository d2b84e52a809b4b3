//! Open deals that nobody has planned anything for.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::value::Value;

pub(super) static RULE: Rule = Rule {
    id: "missing-next-step",
    level: Level::Warning,
    summary: "an open deal has no next step, or one without a date",
    why: "A deal without a next step and a date for it is a deal that waits to be forgotten. One step a deal, always.",
    bad: "next_step: {what: Call the CFO}",
    good: "next_step: {what: Call the CFO about the budget, due: 2026-11-25}",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let filled = |field: &str| ground.deal.value(field).is_some_and(Value::is_filled) || ground.is_refused(field);
    if !ground.is_open() || (filled("next_step.what") && filled("next_step.due")) {
        return Vec::new();
    }
    let id = &ground.deal.id;
    let (lacks, field) = match (filled("next_step.what"), filled("next_step.due")) {
        (true, _) => ("a date for its next step", "next_step.due"),
        (_, true) => ("a next step for its date", "next_step.what"),
        _ => ("a next step", "next_step"),
    };
    let span = ground.entry("next_step").map_or(WHOLE_FILE, |e| e.key_span);
    vec![
        ground
            .finding(&RULE, span, format!("{id} has no {}", lacks.trim_start_matches("a ")))
            .with_label(format!("{lacks} is missing"))
            .with_field(field)
            .with_help("say what happens next and by when: `next_step: {what: Call the CFO, due: YYYY-MM-DD}`"),
    ]
}
