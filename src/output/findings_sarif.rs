//! Findings as SARIF 2.1.0, which code scanning of GitHub and other forges and viewers read.

use serde_json::{Value, json};
use twox_hash::XxHash3_64;

use crate::check::rule::{self, Rule};
use crate::check::{Files, Finding, Level, Report, fingerprints};
use crate::format::problem::{Edit, Fix};
use crate::format::span::{Position, Span};

use super::json;
use super::places::{Columns, MOST, Places, kept, plural, sentences, uri};
use super::terminal::plain;

/// The folder that paths count from. Its place on this machine is nobody's business.
const ROOT: &str = "%SRCROOT%";

/// The report as one SARIF log with a line end, with every rule of the catalogue. Of more than 25,000 findings the worst
/// are kept, and a notification says so: GitHub refuses a run with more.
///
/// What a comment in a deal silences is not in it: GitHub does not look at SARIF's own way to say that, and would open an
/// alert for each.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    within(report, files, MOST)
}

fn within(report: &Report, files: &Files<'_>, most: usize) -> String {
    let mut places = Places::new(files, Columns::Utf16);
    let (numbers, left) = kept(report, most);
    let prints = fingerprints(report);
    let folder = uri(&files.name(""));
    let results: Vec<Value> = numbers
        .into_iter()
        .filter_map(|number| Some((report.findings.get(number)?, prints.get(number)?)))
        .map(|(finding, print)| result(finding, &format!("{folder}{print}"), &mut places))
        .collect();
    let mut invocation = json!({"executionSuccessful": true});
    if left > 0 {
        let words = format!("{} more, milder ones, are left out of this log", plural(left, "finding"));
        let note = json!([{"level": "warning", "message": {"text": words}}]);
        set(&mut invocation, "toolExecutionNotifications", note);
    }
    json::write(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tussock",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rule::all().iter().map(|rule| metadata(rule)).collect::<Vec<_>>(),
            }},
            // Two pipelines of one repository are two analyses, of which neither takes the other's place.
            "automationDetails": {"id": format!("tussock/{folder}")},
            "invocations": [invocation],
            "columnKind": "utf16CodeUnits",
            "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
            "results": results,
        }],
    }))
}

/// A rule as it stands in the catalogue.
fn metadata(rule: &Rule) -> Value {
    let help = format!("{}\n\nBad:\n\n{}\n\nGood:\n\n{}", rule.why, rule.bad, rule.good);
    let markdown =
        format!("{}\n\nBad:\n\n```yaml\n{}\n```\n\nGood:\n\n```yaml\n{}\n```\n", rule.why, rule.bad, rule.good);
    let severity = match rule.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "recommendation",
    };
    json!({
        "id": rule.id,
        "shortDescription": {"text": format!("{}.", rule.summary)},
        "fullDescription": {"text": rule.why},
        "help": {"text": help, "markdown": markdown},
        "defaultConfiguration": {"enabled": rule.default_level() != "off", "level": level(rule.level)},
        "properties": {"problem.severity": severity, "tags": ["sales-pipeline"]},
    })
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "note",
    }
}

fn result(finding: &Finding, print: &str, places: &mut Places<'_>) -> Value {
    let words: Vec<String> = sentences(finding).map(message).collect();
    let mut location = json!({"physicalLocation": physical(&finding.path, finding.span, places)});
    let mut logical = Vec::new();
    logical.extend(finding.deal.as_ref().map(|deal| json!({"name": deal, "kind": "deal"})));
    logical.extend(finding.field.as_ref().map(|field| json!({"name": plain(field), "kind": "field"})));
    if !logical.is_empty() {
        set(&mut location, "logicalLocations", Value::Array(logical));
    }
    let mut result = json!({
        "ruleId": finding.rule.id,
        "level": level(finding.level),
        "message": {"text": words.join("\n")},
        "locations": [location],
        "partialFingerprints": {
            "tussock/v1": print,
            // The one that GitHub tells alerts apart by. Where it is missing, GitHub takes the text of the line.
            "primaryLocationLineHash": format!("{:016x}:1", XxHash3_64::oneshot(print.as_bytes())),
        },
    });
    if let Some(index) = rule::all().iter().position(|rule| *rule == finding.rule) {
        set(&mut result, "ruleIndex", json!(index));
    }
    let related: Vec<Value> = (1usize..)
        .zip(&finding.related)
        .map(|(id, it)| {
            let place = physical(&it.path, it.span, places);
            json!({"id": id, "physicalLocation": place, "message": {"text": message(&it.words)}})
        })
        .collect();
    if !related.is_empty() {
        set(&mut result, "relatedLocations", Value::Array(related));
    }
    if let Some(fix) = finding.fix.as_ref().and_then(|fix| change(fix, finding, places)) {
        set(&mut result, "fixes", Value::Array(vec![fix]));
    }
    result
}

/// A text that is no link: SARIF reads `[words](target)` as one, whoever wrote it.
fn message(text: &str) -> String {
    plain(text).replace("](", "] (")
}

fn physical(path: &str, span: Span, places: &mut Places<'_>) -> Value {
    let mut place = json!({"artifactLocation": artifact(path, places.files)});
    if let Some((start, end)) = places.lines(path, span) {
        set(&mut place, "region", region(start, end));
    }
    place
}

fn artifact(path: &str, files: &Files<'_>) -> Value {
    json!({"uri": uri(&files.name(path)), "uriBaseId": ROOT})
}

fn region(start: Position, end: Position) -> Value {
    json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
}

/// A fix with its edits file by file; `None` where a text that it changes is not at hand.
fn change(fix: &Fix, finding: &Finding, places: &mut Places<'_>) -> Option<Value> {
    let path_of = |edit: &Edit| edit.path.clone().unwrap_or_else(|| finding.path.clone());
    let mut edits: Vec<(String, &Edit)> = fix.edits.iter().map(|edit| (path_of(edit), edit)).collect();
    edits.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.span.cmp(&y.span)));
    let mut changes = Vec::new();
    for of_file in edits.chunk_by(|a, b| a.0 == b.0) {
        let (path, _) = of_file.first()?;
        let mut replacements = Vec::new();
        for (path, edit) in of_file {
            places.files.text(path)?;
            let (start, end) = places.range(path, edit.span);
            replacements
                .push(json!({"deletedRegion": region(start, end), "insertedContent": {"text": edit.replacement}}));
        }
        changes.push(json!({"artifactLocation": artifact(path, places.files), "replacements": replacements}));
    }
    (!changes.is_empty()).then(|| json!({"description": {"text": message(&fix.title)}, "artifactChanges": changes}))
}

/// Sets a key of an object.
fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Summary;
    use crate::format::ident::DealId;

    fn read(report: &Report, files: &Files<'_>) -> Value {
        serde_json::from_str(&render(report, files)).unwrap()
    }

    #[test]
    fn a_result_has_its_place_its_fix_and_a_fingerprint_that_no_line_changes() {
        let before = "title: 🔑 x\nammount: 5\n";
        let show = |text: &str| {
            let at = text.find("ammount").unwrap();
            let mut finding =
                Finding::new(rule::find("unknown-field").unwrap(), "brief/ü.yaml", Span::new(at, at + 7), "no [a](b)")
                    .with_deal(DealId::new("acme").ok())
                    .with_field("ammount")
                    .with_help("is amount meant?")
                    .with_related("pipeline.yaml", Span::default(), "the fields");
            finding.fix = Some(Fix::safe("call it amount", Span::new(at, at + 7), "amount"));
            let report = Report { findings: vec![finding], ..Report::default() };
            read(&report, &Files::of_texts([("brief/ü.yaml", text)]).called_from("sales"))
        };
        let log = show(before);
        let result = &log["runs"][0]["results"][0];
        let file = json!({"uri": "sales/brief/%C3%BC.yaml", "uriBaseId": "%SRCROOT%"});
        let region = json!({"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 8});
        let index = rule::all().iter().position(|r| r.id == "unknown-field").unwrap();
        let expected = json!({
            "ruleId": "unknown-field",
            "level": "error",
            "message": {"text": "no [a] (b)\nis amount meant?"},
            "locations": [{
                "physicalLocation": {"artifactLocation": file, "region": region},
                "logicalLocations": [{"name": "acme", "kind": "deal"}, {"name": "ammount", "kind": "field"}],
            }],
            "partialFingerprints": {
                "tussock/v1": "sales/unknown-field:acme:ammount:1",
                "primaryLocationLineHash": result["partialFingerprints"]["primaryLocationLineHash"],
            },
            "ruleIndex": index,
            "relatedLocations": [{
                "id": 1,
                "physicalLocation": {"artifactLocation": {"uri": "sales/pipeline.yaml", "uriBaseId": "%SRCROOT%"}},
                "message": {"text": "the fields"},
            }],
            "fixes": [{
                "description": {"text": "call it amount"},
                "artifactChanges": [{
                    "artifactLocation": file,
                    "replacements": [{"deletedRegion": region, "insertedContent": {"text": "amount"}}],
                }],
            }],
        });
        assert_eq!(*result, expected);
        assert_eq!(log["runs"][0]["automationDetails"]["id"], "tussock/sales/");
        let later = show(&format!("owner: olga\n\n{before}"));
        let result_later = &later["runs"][0]["results"][0];
        assert_eq!(result_later["partialFingerprints"], result["partialFingerprints"]);
        assert_ne!(result_later["locations"], result["locations"]);
    }

    #[test]
    fn columns_count_units_of_utf_16() {
        let finding = Finding::new(rule::find("unknown-field").unwrap(), "a.yaml", Span::new(11, 12), "x");
        let report = Report { findings: vec![finding], ..Report::default() };
        let log = read(&report, &Files::of_texts([("a.yaml", "title: 🔑x\n")]));
        let region = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&region["startColumn"], &region["endColumn"]), (&json!(10), &json!(11)));
        assert_eq!(log["runs"][0]["columnKind"], "utf16CodeUnits");
    }

    #[test]
    fn the_rules_are_those_of_the_catalogue() {
        let log = read(&Report::default(), &Files::of_texts([]));
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), rule::all().len());
        for (shown, rule) in rules.iter().zip(rule::all()) {
            assert_eq!(shown["id"], rule.id);
            assert!(shown["help"]["text"].as_str().unwrap().contains(rule.good), "{rule:?}");
            assert_eq!(shown["defaultConfiguration"]["enabled"], rule.default_level() != "off", "{rule:?}");
        }
    }

    #[test]
    fn too_many_results_are_cut_and_that_is_said() {
        let of = |i: usize| {
            let level = if i == 99 { Level::Error } else { Level::Warning };
            let path = format!("brief/deal-{i}.yaml");
            Finding { level, ..Finding::new(rule::find("bad-id").unwrap(), path, Span::default(), "x") }
        };
        let report = Report { findings: (0..100).map(of).collect(), summary: Summary::default() };
        let log: Value = serde_json::from_str(&within(&report, &Files::of_texts([]), 10)).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), 10);
        assert_eq!(run["results"][0]["level"], "error");
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
            "90 findings more, milder ones, are left out of this log"
        );
    }
}
