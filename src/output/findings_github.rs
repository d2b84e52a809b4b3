//! Findings as annotations of GitHub Actions: commands that the runner reads from the log and shows beside the lines.

use crate::check::{Files, Finding, Level, Report};

use super::places::{Columns, Places, plural, sentences};
use super::terminal::plain;
use super::text::closing;

/// So many annotations of a level the runner keeps of one step; it drops the rest without a word.
const KEPT: usize = 10;

/// One command a finding, errors first, and one closing line with the counts; nothing at all when there are none. Of each
/// level ten findings become annotations; where more were found, the last notice says how many.
pub fn render(report: &Report, files: &Files<'_>) -> String {
    if report.findings.is_empty() {
        return String::new();
    }
    let mut places = Places::new(files, Columns::Characters);
    let of = |level: Level| report.findings.iter().filter(move |f| f.level == level);
    let room = |level: Level| match of(level).count() {
        // The notice that counts the others is a notice itself.
        _ if level == Level::Info && over(report) => KEPT - 1,
        _ => KEPT,
    };
    let mut out = String::new();
    for level in [Level::Error, Level::Warning, Level::Info] {
        out.extend(of(level).take(room(level)).map(|finding| annotation(finding, &mut places)));
    }
    let left: Vec<String> = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Info, "info")]
        .into_iter()
        .map(|(level, word)| (of(level).count().saturating_sub(room(level)), word))
        .filter(|(left, _)| *left > 0)
        .map(|(left, word)| plural(left, word))
        .collect();
    if !left.is_empty() {
        let words = format!("{} more, not shown here: GitHub keeps ten of a kind", left.join(", "));
        out.push_str(&format!("::notice title=tussock::{}\n", data(&words)));
    }
    out.push_str(&closing(&report.summary));
    out.push('\n');
    out
}

/// Whether there are more findings of a level than the runner keeps.
fn over(report: &Report) -> bool {
    let summary = report.summary;
    [summary.errors, summary.warnings, summary.infos].into_iter().any(|count| count > KEPT)
}

fn annotation(finding: &Finding, places: &mut Places<'_>) -> String {
    let command = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "notice",
    };
    let file = property(&plain(&places.files.name(&finding.path)));
    let mut place = String::from("line=1");
    if let Some((start, end)) = places.lines(&finding.path, finding.span) {
        // A span that ends with a line end is not shown to reach into the next line.
        let last = if end.line > start.line && end.column == 1 { end.line - 1 } else { end.line };
        place = format!("line={},endLine={last}", start.line);
        if end.line == start.line {
            let last = end.column.saturating_sub(1).max(start.column);
            place.push_str(&format!(",col={},endColumn={last}", start.column));
        }
    }
    let words: Vec<String> = sentences(finding).map(plain).collect();
    let (title, words) = (property(finding.rule.id), data(&words.join("\n")));
    format!("::{command} file={file},{place},title={title}::{words}\n")
}

/// A text as the data of a command: what the runner undoes, and nothing else.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rule;
    use crate::format::span::Span;

    const TEXT: &str = "title: x\nammount: 5\nowner: olga\n";

    fn finding(level: Level, span: Span, message: &str) -> Finding {
        Finding { level, ..Finding::new(rule::find("unknown-field").unwrap(), "brief/acme.yaml", span, message) }
    }

    fn show(findings: Vec<Finding>) -> String {
        let mut report = Report { findings, ..Report::default() };
        report.retain(|_| true);
        render(&report, &Files::of_texts([("brief/acme.yaml", TEXT)]))
    }

    #[test]
    fn a_finding_becomes_a_command_with_its_lines() {
        let one = finding(Level::Error, Span::new(9, 16), "is amount meant?").with_help("100 %, or\nnot");
        let whole = finding(Level::Warning, Span::default(), "odd");
        let lines = finding(Level::Info, Span::new(0, 20), "both");
        let expected = "\
::error file=brief/acme.yaml,line=2,endLine=2,col=1,endColumn=7,title=unknown-field::is amount meant?%0A100 %25, or%0Anot
::warning file=brief/acme.yaml,line=1,title=unknown-field::odd
::notice file=brief/acme.yaml,line=1,endLine=2,title=unknown-field::both
1 error, 1 warning, 1 info in 1 file (0 deals checked)
";
        assert_eq!(show(vec![lines, whole, one]), expected);
        assert_eq!(show(Vec::new()), "");
    }

    #[test]
    fn nothing_in_a_name_or_a_message_ends_a_property_or_begins_a_command() {
        let rule = rule::find("bad-id").unwrap();
        let odd = Finding::new(rule, "a,line=9::b%\n.yaml", Span::default(), "x\r::error::y ##[group]z");
        let shown = show(vec![odd]);
        let first = shown.lines().next().unwrap();
        assert_eq!(
            first,
            "::error file=a%2Cline=9%3A %3Ab%25⏎.yaml,line=1,title=bad-id::x\\x0d: :error: :y ## [group]z"
        );
    }

    #[test]
    fn ten_of_a_kind_are_kept_and_the_rest_is_counted() {
        let of = |level, n: usize| (0..n).map(move |i| finding(level, Span::new(0, 5), &format!("{level:?} {i}")));
        let all = of(Level::Info, 30).chain(of(Level::Warning, 4)).chain(of(Level::Error, 214)).collect();
        let shown = show(all);
        let count = |word: &str| shown.lines().filter(|line| line.starts_with(word)).count();
        assert_eq!((count("::error "), count("::warning "), count("::notice ")), (10, 4, 10));
        assert!(shown.starts_with("::error ") && shown.contains("::Error 9\n"), "{shown}");
        assert!(
            shown.contains("::204 errors, 21 infos more, not shown here: GitHub keeps ten of a kind\n214 errors"),
            "{shown}"
        );
    }
}
