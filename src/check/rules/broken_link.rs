//! Links to files and deals that are not there.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::nearest::nearest;
use crate::format::schema::{FieldSpec, FieldType};
use crate::format::value::{Block, Field, Value};

pub(super) static RULE: Rule = Rule {
    id: "broken-link",
    level: Level::Error,
    summary: "a path, a deal or `follows` leads nowhere",
    why: "A proposal that is not in the repository cannot be read by the next person who needs it.",
    bad: "proposal:\n  file: docs/acme/propsal-v1.pdf",
    good: "proposal:\n  file: docs/acme/proposal-v1.pdf",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    block(ground, &ground.ground.pipeline().fields, &ground.deal.fields, "", &mut findings);
    findings
}

fn block(ground: &DealGround<'_>, specs: &[FieldSpec], fields: &Block, above: &str, out: &mut Vec<Finding>) {
    // The ids under `was` are gone by their nature.
    for (name, _, field) in fields.entries.iter().filter(|(name, _, _)| !(above.is_empty() && name == "was")) {
        if let Some(spec) = specs.iter().find(|s| s.name == *name).filter(|s| may_lead_away(&s.of)) {
            value(ground, &spec.of, field, &format!("{above}{name}"), out);
        }
    }
}

/// Whether a value of this type is a link or can hold one. Most are not, and need no name made for a message.
fn may_lead_away(of: &FieldType) -> bool {
    match of {
        FieldType::Path | FieldType::Deal => true,
        FieldType::List(of) | FieldType::MapOf(of) => may_lead_away(of),
        FieldType::Block(specs) => specs.iter().any(|spec| may_lead_away(&spec.of)),
        _ => false,
    }
}

fn value(ground: &DealGround<'_>, of: &FieldType, field: &Field, path: &str, out: &mut Vec<Finding>) {
    match (of, &field.value) {
        (FieldType::Path, Value::Text(file)) if !ground.ground.circumstances.source.repository_has(file) => out.push(
            ground
                .finding(&RULE, field.span, format!("{path} names \"{file}\", and the repository has no such file"))
                .with_label("no such file")
                .with_field(path)
                .with_help("paths count from the root of the repository; is the file added and spelt so?"),
        ),
        (FieldType::Deal, Value::Deal(id)) if !ground.ground.has_deal(id.as_str()) => {
            let finding = ground
                .finding(&RULE, field.span, format!("{path} names the deal {id}, and there is none of this id"))
                .with_label("no such deal")
                .with_field(path);
            out.push(match nearest(id.as_str(), ground.ground.ids_beside(id)) {
                Some(near) => finding.with_help(format!("did you mean `{near}`?")),
                None => finding,
            });
        }
        (FieldType::Block(specs), Value::Block(inner)) => block(ground, specs, inner, &format!("{path}."), out),
        (FieldType::List(of), Value::List(items)) => items.iter().for_each(|item| value(ground, of, item, path, out)),
        (FieldType::MapOf(of), Value::Block(inner)) => {
            inner.entries.iter().for_each(|(name, _, f)| value(ground, of, f, &format!("{path}.{name}"), out));
        }
        _ => {}
    }
}
