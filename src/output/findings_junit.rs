//! Findings as a report of tests in the XML that JUnit began and every build server reads.
//!
//! A test is one rule on one deal, and it is there only when something was found: a merge request then names what the
//! change has broken (`exit-criterion acme`) and not that the rule, which many deals break, is broken as before. Fifty
//! thousand deals in order are one test.

use std::collections::HashMap;

use crate::check::{Files, Finding, Level, Report};

use super::places::{Columns, MOST, Places, plural, sentences, subject};
use super::terminal::plain;
use super::text::closing;

/// The report as XML with a line end. Findings of `fails_from` or worse are failed tests, warnings below it skipped ones
/// (that is what build servers show in yellow), the rest tests that passed.
pub fn render(report: &Report, files: &Files<'_>, fails_from: Level) -> String {
    let mut places = Places::new(files, Columns::Characters);
    let mut tests = by_rule_and_deal(report, files);
    tests.sort_by_key(|test| std::cmp::Reverse(test.level()));
    let left = tests.len().saturating_sub(MOST);
    tests.truncate(MOST);
    let of = |fate: Fate| tests.iter().filter(|test| test.fate(fails_from) == fate).count();
    let counts = format!(
        r#"tests="{}" failures="{}" errors="0" skipped="{}" time="0""#,
        tests.len() + 1,
        of(Fate::Failed),
        of(Fate::Skipped)
    );
    let name = attribute(format!("tussock {}", files.name("")).trim_end_matches([' ', '/']));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tussock\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n"
    );
    let mut words = closing(&report.summary);
    if left > 0 {
        words.push_str(&format!("; {} more, milder ones, are left out", plural(left, "test")));
    }
    let words = text(&words);
    out.push_str(&format!(
        "    <testcase classname=\"tussock\" name=\"every deal was checked\" time=\"0\">\n      <system-out>{words}</system-out>\n    </testcase>\n"
    ));
    for test in &tests {
        out.push_str(&case(test, &mut places, fails_from));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// What one rule found in one deal.
struct Test<'a> {
    subject: String,
    findings: Vec<&'a Finding>,
}

/// How a test ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Failed,
    Skipped,
    Passed,
}

impl Test<'_> {
    fn level(&self) -> Option<Level> {
        self.findings.iter().map(|f| f.level).max()
    }

    fn fate(&self, fails_from: Level) -> Fate {
        match self.level() {
            Some(level) if level >= fails_from => Fate::Failed,
            Some(Level::Warning | Level::Error) => Fate::Skipped,
            _ => Fate::Passed,
        }
    }
}

/// The findings by rule and deal, in the order of the report. Readers look at the first of several tests of one name only.
fn by_rule_and_deal<'a>(report: &'a Report, files: &Files<'_>) -> Vec<Test<'a>> {
    let mut tests: Vec<Test<'a>> = Vec::new();
    // Only looked up, never gone through, so that its order shows nowhere.
    let mut known: HashMap<(&str, String), usize> = HashMap::new();
    for finding in &report.findings {
        let subject = subject(finding, files);
        let at = *known.entry((finding.rule.id, subject.clone())).or_insert(tests.len());
        match tests.get_mut(at) {
            Some(test) => test.findings.push(finding),
            None => tests.push(Test { subject, findings: vec![finding] }),
        }
    }
    tests
}

fn case(test: &Test<'_>, places: &mut Places<'_>, fails_from: Level) -> String {
    let Some(first) = test.findings.first() else { return String::new() };
    let mut body = String::new();
    for finding in &test.findings {
        let mut place = plain(&places.files.name(&finding.path));
        if let Some((start, _)) = places.lines(&finding.path, finding.span) {
            place.push_str(&format!(":{}:{}", start.line, start.column));
        }
        let words: Vec<String> = sentences(finding).map(plain).collect();
        body.push_str(&format!("{}: {place}: {}\n", finding.level.as_str(), words.join("\n  ")));
    }
    let (body, message) = (text(body.trim_end()), attribute(&first.message));
    let inner = match test.fate(fails_from) {
        Fate::Failed => {
            let kind = test.level().unwrap_or(Level::Error).as_str();
            format!("<failure type=\"{kind}\" message=\"{message}\">{body}</failure>")
        }
        Fate::Skipped => format!("<skipped message=\"{message}\">{body}</skipped>"),
        Fate::Passed => format!("<system-out>{body}</system-out>"),
    };
    let file = attribute(&places.files.name(&first.path));
    let line = places.line(&first.path, first.span);
    format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{file}\" line=\"{line}\" time=\"0\">\n      {inner}\n    </testcase>\n",
        first.rule.id,
        attribute(&test.subject),
    )
}

/// A text of one line as the value of an attribute.
fn attribute(value: &str) -> String {
    text(&plain(value)).replace('"', "&quot;").replace('\'', "&apos;")
}

/// A text whose lines are harmless already as text of XML. Two characters have no place in XML at all, not even as
/// numbers.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => out.push_str(&format!("U+{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Summary, rule};
    use crate::format::ident::DealId;
    use crate::format::span::Span;

    fn finding(rule: &str, deal: &str, message: &str) -> Finding {
        Finding::new(rule::find(rule).unwrap(), format!("brief/{deal}.yaml"), Span::new(9, 16), message)
            .with_deal(DealId::new(deal).ok())
    }

    #[test]
    fn a_test_is_a_rule_on_a_deal() {
        let report = Report {
            findings: vec![
                finding("unknown-field", "acme", "<no> \"field\"").with_help("is amount meant?"),
                finding("unknown-field", "acme", "nor & this"),
                finding("overdue-close-date", "borg", "late"),
            ],
            summary: Summary { deals: 2, files: 2, errors: 2, warnings: 1, ..Summary::default() },
        };
        let files = Files::of_texts([("brief/acme.yaml", "title: x\nammount: 5\n")]).called_from("sales");
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tussock" tests="3" failures="1" errors="0" skipped="1" time="0">
  <testsuite name="tussock sales" tests="3" failures="1" errors="0" skipped="1" time="0">
    <testcase classname="tussock" name="every deal was checked" time="0">
      <system-out>2 errors, 1 warning in 2 files (2 deals checked)</system-out>
    </testcase>
    <testcase classname="unknown-field" name="acme" file="sales/brief/acme.yaml" line="2" time="0">
      <failure type="error" message="&lt;no&gt; &quot;field&quot;">error: sales/brief/acme.yaml:2:1: &lt;no&gt; "field"
  is amount meant?
error: sales/brief/acme.yaml:2:1: nor &amp; this</failure>
    </testcase>
    <testcase classname="overdue-close-date" name="borg" file="sales/brief/borg.yaml" line="1" time="0">
      <skipped message="late">warning: sales/brief/borg.yaml: late</skipped>
    </testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(render(&report, &files, Level::Error), expected);
        let strict = render(&report, &files, Level::Warning);
        assert!(strict.contains("<failure type=\"warning\" message=\"late\">"), "{strict}");
    }

    #[test]
    fn nothing_breaks_out_of_the_xml() {
        let odd = "]]> \u{0} \u{1b} \u{fffe}\u{ffff} &amp; <!-- ' \" \r\n </failure>";
        let mut report = Report { findings: vec![finding("bad-id", "acme", odd)], ..Report::default() };
        report.findings[0].path = odd.to_owned();
        let xml = render(&report, &Files::of_texts([]), Level::Error);
        let document = roxmltree::Document::parse(&xml).unwrap_or_else(|e| panic!("{e}:\n{xml}"));
        let failure = document.descendants().find(|n| n.has_tag_name("failure")).unwrap();
        assert_eq!(failure.attribute("message").unwrap(), "]]> \\x00 \\x1b U+FFFEU+FFFF &amp; <!-- ' \" ⏎ </failure>");
    }
}
