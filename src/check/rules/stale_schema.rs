//! Schemas for editors that were written before pipeline.yaml changed.

use serde_json::Value;

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{self, Finder, Rule};
use crate::format::json_schema::{self, DEAL_FILE, PIPELINE_SCHEMA_FILE, RuleWords};
use crate::format::pipeline::Pipeline;
use crate::format::problem::Fix;
use crate::format::source::Source;
use crate::format::span::Span;

pub(super) static RULE: Rule = Rule {
    id: "stale-schema",
    level: Level::Warning,
    summary: "a schema for editors in .tussock is not what pipeline.yaml says any more",
    why: "Editors go by the schema: they would offer fields that are gone, and mark new ones as mistakes.",
    bad: "pipeline.yaml              # was changed\n.tussock/deal.schema.json  # was not written again",
    good: "tussock schema deal --write",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let (pipeline, source) = (ground.pipeline(), ground.circumstances.source);
    if !are_there(pipeline, source) {
        return Vec::new();
    }
    let rules: Vec<RuleWords> = rule::all().iter().map(|rule| (rule.id, rule.summary)).collect();
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    let mut has_stages = false;
    for (path, schema) in json_schema::files(pipeline, &rules) {
        let of_stage = path != DEAL_FILE && path != PIPELINE_SCHEMA_FILE;
        let text = text(source, &path);
        has_stages |= of_stage && text.is_some();
        match text {
            Some(text) if json_schema::is_same(&text, &schema) => {}
            Some(text) => {
                let message = format!("{path} is not what pipeline.yaml says");
                findings.push(finding(path, message, Span::new(0, text.len()), &schema));
            }
            None if of_stage => {
                let message = format!("{path} is missing, so a stage has no schema");
                missing.push(finding(path, message, WHOLE_FILE, &schema));
            }
            None => {}
        }
    }
    // Who wrote the common schema alone wants no others.
    if has_stages {
        findings.append(&mut missing);
    }
    findings
}

/// Whether there are any schemas; most pipelines have none, and to know that costs three looks.
fn are_there(pipeline: &Pipeline, source: &dyn Source) -> bool {
    let first = pipeline.places().next().map(|place| json_schema::stage_file(place.id()));
    [DEAL_FILE, PIPELINE_SCHEMA_FILE].into_iter().chain(first.as_deref()).any(|path| source.read(path).is_ok())
}

/// The text of a schema; `None` where it is not there.
pub(in crate::check) fn text(source: &dyn Source, path: &str) -> Option<String> {
    source.read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn finding(path: String, message: String, span: Span, schema: &Value) -> Finding {
    let mut finding = Finding::new(&RULE, path, WHOLE_FILE, message)
        .with_help("`tussock schema deal --write` brings the schemas up to date; commit them");
    finding.fix = Some(Fix::safe("write the schema again", span, json_schema::text(schema)));
    finding
}
