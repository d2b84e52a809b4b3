//! What does not hold together in `pipeline.yaml`.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{self, Finder, Rule};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::span::Span;
use crate::format::tree::{self, NodeKind};

pub(super) static RULE: Rule = Rule {
    id: "pipeline-file",
    level: Level::Error,
    summary: "something in pipeline.yaml does not hold together",
    why: "Every deal is judged by this file: a criterion that asks for a misspelt field, or a rule that nobody has, would never do what it says.",
    bad: "rules:\n  missing-nextstep: off",
    good: "rules:\n  missing-next-step: off",
    suppressible: false,
    finder: Finder::Pipeline(unknown_rules),
};

/// Levels for rules that do not exist. The reader of the file cannot know the rules; it finds everything else.
fn unknown_rules(ground: &Ground<'_>) -> Vec<Finding> {
    let unknown = ground.pipeline().rules.keys().filter(|id| rule::find(id).is_none());
    unknown
        .map(|id| {
            let span = place_of(ground.pipeline_text, id);
            let finding = Finding::new(&RULE, PIPELINE_FILE, span, format!("no rule is called \"{id}\""))
                .with_label("unknown rule")
                .with_field(format!("rules.{id}"))
                .at_most(Level::Warning);
            match rule::nearest(id) {
                Some(near) => finding.with_help(format!("did you mean `{near}`?")),
                None => finding.with_help("the rules are listed in docs/rules.md"),
            }
        })
        .collect()
}

/// Where `rules` names this rule; the whole file where that cannot be found again.
fn place_of(text: &str, id: &str) -> Span {
    let Ok(document) = tree::read(text.as_bytes()) else { return WHOLE_FILE };
    match document.root.get("rules").map(|node| &node.kind) {
        Some(NodeKind::Mapping(rules)) => rules.entry(id).map_or(WHOLE_FILE, |entry| entry.key_span),
        _ => WHOLE_FILE,
    }
}
