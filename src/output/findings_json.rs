//! Findings as JSON for scripts, schema version 1.

use serde_json::{Value, json};

use crate::check::{Files, Finding, Report, fingerprints};
use crate::format::problem::Edit;
use crate::format::span::{Position, Span};

use super::json;
use super::places::{Columns, Places};

/// The version of the document's shape. Fields are only ever added under one version.
pub const SCHEMA_VERSION: u32 = 1;

/// The report as one JSON document with a line end. Lines and columns count from 1, columns in characters; a finding
/// about a whole file is at 1:1. Controls and characters that turn text are written as `\u` escapes.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    let mut places = Places::new(files, Columns::Characters);
    let prints = fingerprints(report);
    let findings: Vec<Value> =
        report.findings.iter().zip(&prints).map(|(f, print)| finding(f, print, &mut places)).collect();
    let summary = report.summary;
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "kind": "findings",
        "findings": findings,
        "summary": {
            "deals": summary.deals,
            "files": summary.files,
            "unreadable": summary.unreadable,
            "errors": summary.errors,
            "warnings": summary.warnings,
            "infos": summary.infos,
        },
    });
    json::write(&document)
}

fn finding(finding: &Finding, print: &str, places: &mut Places<'_>) -> Value {
    let (start, end) = range(&finding.path, finding.span, places);
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|r| {
            let (start, end) = range(&r.path, r.span, places);
            json!({"path": places.files.name(&r.path), "start": start, "end": end, "message": r.words})
        })
        .collect();
    let fix = finding.fix.as_ref().map(|fix| {
        let edits: Vec<Value> = fix.edits.iter().map(|e| edit(e, finding, places)).collect();
        json!({"title": fix.title, "safe": fix.safe, "edits": edits})
    });
    json!({
        "rule": finding.rule.id,
        "level": finding.level.as_str(),
        "message": finding.message,
        "path": places.files.name(&finding.path),
        "deal": finding.deal,
        "field": finding.field,
        "start": start,
        "end": end,
        "related": related,
        "help": finding.help,
        "fix": fix,
        "fingerprint": print,
    })
}

fn edit(edit: &Edit, finding: &Finding, places: &mut Places<'_>) -> Value {
    let path = edit.path.as_deref().unwrap_or(&finding.path);
    let (start, end) = range(path, edit.span, places);
    json!({"path": places.files.name(path), "start": start, "end": end, "replacement": edit.replacement})
}

fn range(path: &str, span: Span, places: &mut Places<'_>) -> (Value, Value) {
    let point = |position: Position| json!({"line": position.line, "column": position.column});
    let (start, end) = places.range(path, span);
    (point(start), point(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Related, Summary, rule};
    use crate::format::ident::DealId;
    use crate::format::problem::Fix;
    use crate::output::terminal::is_hostile;

    #[test]
    fn a_finding_is_valid_json_with_positions_in_characters() {
        let text = "title: Ü\r\nammount: \u{1b}1\r\n";
        let start = text.find("ammount").unwrap();
        let mut one = Finding::new(
            rule::find("unknown-field").unwrap(),
            "brief/acme.yaml",
            Span::new(start, start + 7),
            "\u{202e}\u{9b}\u{e0041} \"q\"",
        )
        .with_deal(DealId::new("acme").ok());
        let mut fix = Fix::safe("write amount", Span::new(start, start + 7), "amount");
        fix.edits.push(Edit { path: Some("brief/.gitkeep".into()), span: Span::at(0), replacement: String::new() });
        one.fix = Some(fix);
        one.related.push(Related { path: "gone.yaml".into(), span: Span::new(900, 1000), words: "there".into() });
        let summary = Summary { deals: 1, files: 1, errors: 1, ..Summary::default() };
        let report = Report { findings: vec![one], summary };
        let json = render(&report, &Files::of_texts([("brief/acme.yaml", text)]));
        assert!(json.chars().all(|c| c == '\n' || !is_hostile(c)), "{json}");
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["findings"][0]["message"], "\u{202e}\u{9b}\u{e0041} \"q\"");
        assert_eq!(read["findings"][0]["start"], json!({"line": 2, "column": 1}));
        assert_eq!(read["findings"][0]["end"], json!({"line": 2, "column": 8}));
        assert_eq!(read["findings"][0]["deal"], "acme");
        assert_eq!(read["findings"][0]["related"][0]["start"], json!({"line": 1, "column": 1}));
        let edits = json!([
            {"path": "brief/acme.yaml", "start": {"line": 2, "column": 1}, "end": {"line": 2, "column": 8}, "replacement": "amount"},
            {"path": "brief/.gitkeep", "start": {"line": 1, "column": 1}, "end": {"line": 1, "column": 1}, "replacement": ""},
        ]);
        assert_eq!(read["findings"][0]["fix"], json!({"title": "write amount", "safe": true, "edits": edits}));
        assert_eq!(read["summary"]["errors"], 1);
    }
}
