//! Required fields that are not filled.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::judge::missing_fields;

pub(super) static RULE: Rule = Rule {
    id: "missing-field",
    level: Level::Error,
    summary: "a deal lacks a field that the pipeline requires, always or from its stage on",
    why: "Reports that group by owner, source or amount leave such a deal out.",
    bad: "title: Corporate site redesign       # and pipeline.yaml says owner: {type: person, required: true}",
    good: "title: Corporate site redesign\nowner: olga",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let Some(place) = ground.place else { return Vec::new() };
    let pipeline = ground.ground.pipeline();
    let missing = missing_fields(pipeline, ground.deal, place);
    missing
        .into_iter()
        .filter(|f| !ground.is_refused(f))
        .map(|field| {
            let id = &ground.deal.id;
            let spec = pipeline.field(&field);
            let from = spec.and_then(|s| s.required_from.as_ref());
            let message = match from {
                Some(from) => format!("{id} lacks {field}, which every deal needs from {from} on"),
                None => format!("{id} lacks {field}, which every deal needs"),
            };
            ground
                .finding(&RULE, ground.nearest_place(&field), message)
                .with_label(format!("{field} is missing"))
                .with_help(ground.how_to_set(std::slice::from_ref(&field)))
                .with_field(field)
        })
        .collect()
}
