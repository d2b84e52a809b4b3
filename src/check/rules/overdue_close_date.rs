//! Open deals that should have been closed by now.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::value::Value;

pub(super) static RULE: Rule = Rule {
    id: "overdue-close-date",
    level: Level::Warning,
    summary: "an open deal's close date is in the past",
    why: "A forecast counts the deal in a month that is over.",
    bad: "close_date: 2026-01-10       # and today is a later day",
    good: "close_date: 2027-01-10",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let Some(field) = ground.deal.field("close_date").filter(|_| ground.is_open()) else { return Vec::new() };
    let Value::Date(date) = field.value else { return Vec::new() };
    let days = (ground.ground.circumstances.today - date).num_days();
    if days <= 0 {
        return Vec::new();
    }
    let id = &ground.deal.id;
    let ago = if days == 1 { "yesterday".to_owned() } else { format!("{days} days ago") };
    vec![
        ground
            .finding(&RULE, field.span, format!("{id} is still open, and its close date {date} was {ago}"))
            .with_label(ago)
            .with_field("close_date")
            .with_help(format!("agree on a new date (`tussock set {id} close_date=YYYY-MM-DD`)"))
            .with_help(format!("or close the deal: `tussock win {id}`, `tussock lose {id}`")),
    ]
}
