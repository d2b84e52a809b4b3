//! Findings as a report of GitLab's Code Quality: a list that the merge request shows beside the lines, the new ones apart
//! from those that the target branch has as well.

use serde_json::{Value, json};

use crate::check::{Files, Level, Report, fingerprints};

use super::json;
use super::places::{Columns, MOST, Places, kept, plural, sentences, uri};
use super::terminal::plain;
use crate::format::pipeline::PIPELINE_FILE;

/// The report as one JSON list with a line end; an empty list when nothing was found.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    let mut places = Places::new(files, Columns::Characters);
    let (numbers, left) = kept(report, MOST);
    let prints = fingerprints(report);
    // Pipelines of one repository may have a deal of the same name each.
    let pipeline = uri(&files.name(""));
    let mut issues: Vec<Value> = numbers
        .into_iter()
        .filter_map(|number| Some((report.findings.get(number)?, prints.get(number)?)))
        .map(|(finding, print)| {
            let words: Vec<String> = sentences(finding).map(plain).collect();
            json!({
                "description": words.join("\n"),
                "check_name": finding.rule.id,
                "fingerprint": format!("{pipeline}{print}"),
                "severity": severity(finding.level),
                "location": {
                    "path": files.name(&finding.path),
                    "lines": {"begin": places.line(&finding.path, finding.span)},
                },
            })
        })
        .collect();
    if left > 0 {
        issues.push(json!({
            "description": format!("{} more, milder ones, are left out of this list", plural(left, "finding")),
            "check_name": "tussock",
            "fingerprint": format!("{pipeline}left-out"),
            "severity": "info",
            "location": {"path": files.name(PIPELINE_FILE), "lines": {"begin": 1}},
        }));
    }
    json::write(&Value::Array(issues))
}

/// What refuses a merge is `major`; GitLab's two worse levels are for what this program does not look for.
fn severity(level: Level) -> &'static str {
    match level {
        Level::Error => "major",
        Level::Warning => "minor",
        Level::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Finding, rule};
    use crate::format::ident::DealId;
    use crate::format::span::Span;

    #[test]
    fn an_issue_has_what_gitlab_asks_for() {
        let finding = Finding::new(rule::find("unknown-field").unwrap(), "brief/acme.yaml", Span::new(9, 16), "no")
            .with_deal(DealId::new("acme").ok())
            .with_field("ammount")
            .with_help("is amount meant?");
        let report = Report { findings: vec![finding], ..Report::default() };
        let files = Files::of_texts([("brief/acme.yaml", "title: x\nammount: 5\n")]).called_from("sales");
        let shown: Value = serde_json::from_str(&render(&report, &files)).unwrap();
        let expected = json!([{
            "description": "no\nis amount meant?",
            "check_name": "unknown-field",
            "fingerprint": "sales/unknown-field:acme:ammount:1",
            "severity": "major",
            "location": {"path": "sales/brief/acme.yaml", "lines": {"begin": 2}},
        }]);
        assert_eq!(shown, expected);
        assert_eq!(render(&Report::default(), &files), "[]\n");
    }
}
