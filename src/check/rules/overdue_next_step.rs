//! Open deals whose next step should have been done by now.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::value::Value;

pub(super) static RULE: Rule = Rule {
    id: "overdue-next-step",
    level: Level::Warning,
    summary: "the day of an open deal's next step has passed",
    why: "Either it was done and nobody wrote down what comes next, or the client waits.",
    bad: "next_step: {what: Call the CFO, due: 2026-01-10}       # and today is a later day",
    good: "next_step: {what: Call the CFO, due: 2027-01-10}",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let Some(field) = ground.deal.field("next_step.due").filter(|_| ground.is_open()) else { return Vec::new() };
    let Value::Date(due) = field.value else { return Vec::new() };
    let days = (ground.ground.circumstances.today - due).num_days();
    if days <= 0 {
        return Vec::new();
    }
    let id = &ground.deal.id;
    let ago = if days == 1 { "yesterday".to_owned() } else { format!("{days} days ago") };
    vec![
        ground
            .finding(&RULE, field.span, format!("the next step of {id} was due on {due}, {ago}"))
            .with_label(ago)
            .with_field("next_step.due")
            .with_help(format!(
                "write down what comes next: `tussock set {id} next_step.what=\"…\" next_step.due=YYYY-MM-DD`"
            )),
    ]
}
