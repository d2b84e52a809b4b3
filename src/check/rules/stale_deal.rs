//! Open deals to which nothing has happened for too long.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::pipeline::{PIPELINE_FILE, Place};
use crate::format::quiet::last_change;

pub(super) static RULE: Rule = Rule {
    id: "stale-deal",
    level: Level::Warning,
    summary: "nothing has happened to an open deal for longer than its stage allows",
    why: "A deal that nobody moves is lost without anybody saying so, and still counts in the forecast. What counts is another stage, amount, close date or next step, or an activity, not an edit of anything else. It asks history, so a shallow clone cannot tell.",
    bad: "# the stage has `limit: 14d`, and the last activity was five weeks ago\nactivity:\n  - {on: 2026-04-20, what: Call}",
    good: "activity:\n  - {on: 2026-04-20, what: Call}\n  - {on: 2026-05-28, what: They decide after the board meeting}",
    suppressible: true,
    finder: Finder::Deal(find),
};

const DAY: i64 = 86_400;

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let circumstances = ground.ground.circumstances;
    let (Some(past), Some(Place::Stage(_, stage)), true) = (circumstances.past, ground.place, ground.is_open()) else {
        return Vec::new();
    };
    let (Some(limit), Some(told)) = (stage.limit, past.last_changes.as_ref().and_then(|all| all.get(&ground.deal.id)))
    else {
        return Vec::new();
    };
    let days = ground.deal.activity_days(circumstances.today);
    let last = last_change(ground.ground.pipeline(), Some(*told), &days, past.moment).unwrap_or(*told);
    let quiet = past.moment.saturating_sub(last);
    if quiet <= i64::from(limit.hours) * 3600 {
        return Vec::new();
    }
    let (id, days) = (&ground.deal.id, quiet / DAY);
    let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let message = format!("nothing has happened to {id} for {days}, and {} allows {limit}", stage.id);
    let place = ["next_step", "activity"].into_iter().find_map(|field| ground.entry(field));
    vec![
        ground
            .finding(&RULE, place.map_or(WHOLE_FILE, |entry| entry.key_span), message)
            .with_label(format!("quiet for {days}"))
            .with_related(PIPELINE_FILE, stage.span, format!("limit: {limit} of {}", stage.id))
            .with_help(
                "agree on a next step and write it down; another stage, amount, close date or activity counts too",
            )
            .with_help(format!("or give it up: `tussock lose {id}`")),
    ]
}
