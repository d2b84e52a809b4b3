//! Findings in reviewdog's Diagnostic Format, which comments on pull requests of any forge are made of.

use serde_json::{Value, json};

use crate::check::{Files, Finding, Level, Report};
use crate::format::span::{Position, Span};
use crate::report::markdown::code_outside_tables as code;

use super::json;
use super::places::{Columns, Places, sentences};

/// The report as one JSON document with a line end. Columns count bytes, as the format wants it. Sentences are code spans:
/// reviewdog puts them into comments, where a name of a deal must not call anybody or show a picture.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    let mut places = Places::new(files, Columns::Bytes);
    let diagnostics: Vec<Value> = report.findings.iter().map(|finding| diagnostic(finding, &mut places)).collect();
    json::write(&json!({"source": {"name": "tussock"}, "diagnostics": diagnostics}))
}

fn diagnostic(finding: &Finding, places: &mut Places<'_>) -> Value {
    let words: Vec<String> = sentences(finding).map(code).collect();
    let severity = match finding.level {
        Level::Error => "ERROR",
        Level::Warning => "WARNING",
        Level::Info => "INFO",
    };
    let mut location = json!({"path": places.files.name(&finding.path)});
    let mut diagnostic = json!({
        "message": words.join("\n\n"),
        "severity": severity,
        "code": {"value": finding.rule.id},
    });
    if let (Some(at), Some(range)) = (location.as_object_mut(), range(places, &finding.path, finding.span)) {
        at.insert("range".to_owned(), range);
    }
    if let Some(object) = diagnostic.as_object_mut() {
        object.insert("location".to_owned(), location);
        object.extend(suggestion(finding, places).map(|it| ("suggestions".to_owned(), Value::Array(vec![it]))));
    }
    diagnostic
}

/// The fix, where it is one edit of the file itself: each suggestion is taken or left by itself, so that one of several
/// edits would be half a fix.
fn suggestion(finding: &Finding, places: &mut Places<'_>) -> Option<Value> {
    let [edit] = finding.fix.as_ref()?.edits.as_slice() else { return None };
    if edit.path.as_ref().is_some_and(|path| *path != finding.path) {
        return None;
    }
    places.files.text(&finding.path)?;
    let (start, end) = places.range(&finding.path, edit.span);
    Some(json!({"range": {"start": point(start), "end": point(end)}, "text": edit.replacement}))
}

fn range(places: &mut Places<'_>, path: &str, span: Span) -> Option<Value> {
    let (start, end) = places.lines(path, span)?;
    Some(json!({"start": point(start), "end": point(end)}))
}

fn point(position: Position) -> Value {
    json!({"line": position.line, "column": position.column})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rule;
    use crate::format::problem::Fix;

    #[test]
    fn a_diagnostic_counts_bytes_and_suggests_the_fix() {
        let text = "title: x\n\"ü\": 5\n";
        let rule = rule::find("unknown-field").unwrap();
        let mut finding = Finding::new(rule, "brief/acme.yaml", Span::new(9, 13), "@all ![x](y)").with_help("a\nb");
        finding.fix = Some(Fix::safe("call it u", Span::new(9, 13), "u"));
        let report = Report { findings: vec![finding], ..Report::default() };
        let shown: Value =
            serde_json::from_str(&render(&report, &Files::of_texts([("brief/acme.yaml", text)]))).unwrap();
        let range = json!({"start": {"line": 2, "column": 1}, "end": {"line": 2, "column": 5}});
        let expected = json!({
            "source": {"name": "tussock"},
            "diagnostics": [{
                "message": "`@all ![x](y)`\n\n`a`\n\n`b`",
                "severity": "ERROR",
                "code": {"value": "unknown-field"},
                "location": {"path": "brief/acme.yaml", "range": range},
                "suggestions": [{"range": range, "text": "u"}],
            }],
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn half_a_fix_is_no_suggestion() {
        let rule = rule::find("unknown-field").unwrap();
        let mut finding = Finding::new(rule, "a.yaml", Span::new(0, 1), "x");
        finding.fix = Some(Fix::safe("both", Span::new(0, 1), "y").and(Span::new(2, 3), "z"));
        let report = Report { findings: vec![finding], ..Report::default() };
        assert!(!render(&report, &Files::of_texts([("a.yaml", "x: 1\n")])).contains("suggestions"));
    }
}
