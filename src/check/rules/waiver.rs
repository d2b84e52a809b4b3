//! Waivers: incomplete ones, ones that cannot work, and those that do.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::nearest::nearest;
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::span::Span;
use crate::format::value::{Field, Value};

pub(super) static RULE: Rule = Rule {
    id: "waiver",
    level: Level::Error,
    summary: "a waiver lacks who, why or when, or is for a criterion that is unknown or takes none; complete ones are listed",
    why: "A waiver is an exception that somebody answers for: without a name, a reason and a day nobody does.",
    bad: "waivers:\n  - {criterion: budget-known, by: boss}",
    good: "waivers:\n  - {criterion: budget-known, by: boss, reason: Strategic account, on: 2026-11-03}",
    suppressible: false,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let Some(waivers) = ground.deal.value("waivers").and_then(Value::as_list) else { return Vec::new() };
    waivers.iter().filter_map(|w| about(ground, w)).collect()
}

fn about(ground: &DealGround<'_>, waiver: &Field) -> Option<Finding> {
    let block = waiver.value.as_block()?;
    let (deal, pipeline) = (&ground.deal.id, ground.ground.pipeline());
    let text = |name: &str| block.get(name).and_then(|f| f.value.as_text()).filter(|t| !t.trim().is_empty());
    let finding = |span: Span, message: String| ground.finding(&RULE, span, message).with_field("waivers");
    let place = |name: &str| block.get(name).map_or(waiver.span, |f| f.span);
    let filled = |name: &&str| !block.get(name).is_some_and(|f| f.value.is_filled());
    let missing: Vec<&str> = ["criterion", "by", "reason", "on"].into_iter().filter(filled).collect();
    let (Some(id), Some(by), Some(reason), true) = (text("criterion"), text("by"), text("reason"), missing.is_empty())
    else {
        // What was refused for its type has been said; the waiver still does not count.
        let message = format!("a waiver of {deal} does not count, it lacks: {}", missing.join(", "));
        return Some(finding(waiver.span, message).with_label(format!("missing: {}", missing.join(", "))).with_help(
            "a waiver says what, who, why and when: `{criterion: ID, by: NAME, reason: WHY, on: YYYY-MM-DD}`",
        ));
    };
    let Some(criterion) = pipeline.criteria().find(|c| c.id == *id) else {
        let finding =
            finding(place("criterion"), format!("a waiver of {deal} is for \"{id}\", and no criterion is called so"))
                .with_label("unknown criterion");
        return Some(match nearest(id, pipeline.criteria().map(|c| c.id.as_str())) {
            Some(near) => finding.with_help(format!("did you mean `{near}`?")),
            None => finding,
        });
    };
    if !criterion.waivable {
        let message = format!("\"{}\" takes no waiver, so the one by {by} does not count", criterion.text);
        return Some(
            finding(place("criterion"), message)
                .with_label("not waivable")
                .with_related(PIPELINE_FILE, criterion.span, "declared here with waivable: false")
                .with_help("meet the criterion, or let those who keep pipeline.yaml allow waivers for it"),
        );
    }
    let on = block.get("on").and_then(|f| f.value.as_date()).map(|d| format!(" on {d}")).unwrap_or_default();
    let message = format!("{by} waived \"{}\" for {deal}{on}: {reason}", criterion.text);
    Some(finding(waiver.span, message).at_most(Level::Info))
}
