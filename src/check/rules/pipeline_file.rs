//! What does not hold together in `pipeline.yaml`.

use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{self, Finder, Rule};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::span::Span;

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
            let span = place_of(&ground.reading.pipeline_text, id);
            let finding = Finding::new(&RULE, PIPELINE_FILE, span, format!("no rule is called \"{id}\""))
                .with_label("unknown rule")
                .with_field(format!("rules.{id}"))
                .at_most(Level::Warning);
            match rule::nearest(id) {
                Some(near) => finding.with_help(format!("is {near} meant?")),
                None => finding.with_help("the rules are listed in docs/rules.md"),
            }
        })
        .collect()
}

/// Where `rules` names this rule: the first line after `rules:` on which the name stands as a word.
fn place_of(text: &str, id: &str) -> Span {
    let mut offset = 0;
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        inside |= line.starts_with("rules");
        let is_word = |at: &usize| {
            let around = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.')));
            around(line[..*at].chars().next_back()) && around(line[*at + id.len()..].chars().next())
        };
        if inside && let Some(at) = line.match_indices(id).map(|(at, _)| at).find(is_word) {
            return Span::new(offset + at, offset + at + id.len());
        }
        offset += line.len();
    }
    Span::at(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_under_rules_only() {
        let text = "title: stale\nrules:\n  stale-deal: off\n  stale: off\n";
        assert_eq!(place_of(text, "stale"), Span::new(40, 45));
        assert_eq!(place_of("rules: {stale: off}", "stale"), Span::new(8, 13));
        assert_eq!(place_of("x", "stale"), Span::at(0));
    }
}
