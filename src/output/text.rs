//! Findings for people: the lines at fault with carets, what belongs to them, and what to do.

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level as Severity, Origin, Patch, Renderer, Snippet,
};

use crate::check::{Files, Finding, Level, Report, Summary};
use crate::format::problem::Fix;
use crate::format::span::{LineIndex, Span};

use super::excerpt::{Excerpt, clamp, line_of};
use super::terminal::plain;

/// The narrowest terminal that findings are laid out for.
const MIN_COLUMNS: usize = 40;

/// Related places so near to the finding are shown in one snippet with it.
const NEAR_LINES: usize = 20;

/// So many findings of one file are shown; a file with more is broken as a whole. The JSON has them all.
const MOST_OF_A_FILE: usize = 100;

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With colours.
    pub colour: bool,
    /// Columns of the terminal; longer lines of source are cropped.
    pub columns: usize,
}

/// All findings and one closing line with the counts; nothing at all when there are none.
pub fn render(report: &Report, files: &Files<'_>, look: Look) -> String {
    if report.findings.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    for of_file in report.findings.chunk_by(|a, b| a.path == b.path) {
        for finding in of_file.iter().take(MOST_OF_A_FILE) {
            out.push_str(&one(finding, files, look));
            out.push_str("\n\n");
        }
        if let Some(first) = of_file.get(MOST_OF_A_FILE) {
            let (more, name) = (of_file.len() - MOST_OF_A_FILE, plain(&files.name(&first.path)));
            out.push_str(&format!("… and {more} more in {name}\n\n"));
        }
    }
    out.push_str(&closing(&report.summary));
    out.push('\n');
    out.push_str(&fixable(report));
    out
}

/// How many of the findings can be fixed, and how, as lines; empty where none can.
fn fixable(report: &Report) -> String {
    let fixes = report.findings.iter().filter_map(|finding| finding.fix.as_ref());
    let (safe, guesses): (Vec<&Fix>, Vec<&Fix>) = fixes.partition(|fix| fix.safe);
    let all = report.findings.len();
    let of_them = |n: usize, more: bool| match (n, more) {
        (n, true) => format!("{n} more"),
        (1, false) if all == 1 => "it".to_owned(),
        (n, false) => format!("{n} of them"),
    };
    let mut out = String::new();
    if !safe.is_empty() {
        out.push_str(&format!("{} can be fixed: tussock validate --fix\n", of_them(safe.len(), false)));
    }
    if !guesses.is_empty() {
        let who = of_them(guesses.len(), !safe.is_empty());
        out.push_str(&format!("{who} can be fixed with a guess: tussock validate --unsafe-fixes --diff\n"));
    }
    out
}

/// The counts in words: `3 errors, 1 warning in 2 files (84 deals checked)`.
pub fn closing(summary: &Summary) -> String {
    let counts = [(summary.errors, "error"), (summary.warnings, "warning"), (summary.infos, "info")];
    let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| plural(*n, word)).collect();
    let found = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    let place = if summary.files > 0 { format!(" in {}", plural(summary.files, "file")) } else { String::new() };
    let unread = match summary.unreadable {
        0 => String::new(),
        n => format!(", {} could not be read", plural(n, "file")),
    };
    format!("{found}{place} ({} checked{unread})", plural(summary.deals, "deal"))
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

/// One finding, without a line end.
pub fn one(finding: &Finding, files: &Files<'_>, look: Look) -> String {
    let severity = match finding.level {
        Level::Error => Severity::ERROR,
        Level::Warning => Severity::WARNING,
        Level::Info => Severity::INFO,
    };
    let columns = look.columns.max(MIN_COLUMNS);
    let place = Place::new(files, &finding.path, finding.span);
    let mut marks = vec![Mark { span: finding.span, words: plain(&finding.label), primary: true }];
    let mut apart = Vec::new();
    for related in &finding.related {
        let near = related.path == finding.path && place.is_near(related.span);
        if near {
            marks.push(Mark { span: related.span, words: plain(&related.words), primary: false });
        } else {
            apart.push(related);
        }
    }
    let title = severity.clone().primary_title(plain(&finding.message)).id(finding.rule.id);
    // The place has a group of its own: the snippet's own header would count columns in the cropped and escaped line.
    let mut groups = vec![Group::with_title(title).element(place.origin())];
    groups.extend(place.snippet(&marks, columns).map(|s| Group::with_level(severity.clone()).element(s)));
    for related in apart {
        let place = Place::new(files, &related.path, related.span);
        let mark = Mark { span: related.span, words: String::new(), primary: false };
        groups.push(Group::with_title(Severity::NOTE.secondary_title(plain(&related.words))).element(place.origin()));
        groups.extend(place.snippet(&[mark], columns).map(|s| Group::with_level(Severity::NOTE).element(s)));
    }
    advise(&mut groups, finding, &place, columns);
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() };
    // Lines are cropped before they come here, so that the renderer never has to.
    let shown = renderer.term_width(10 * columns.max(1000)).render(&groups);
    // The place is a group of its own, because a snippet's own header would count columns in the cropped and escaped
    // line. The renderer draws an empty line of the frame after such a group, the third of all, that says nothing.
    let keep = |(index, _): &(usize, &str)| *index != 2 || groups.len() == 1;
    shown.lines().enumerate().filter(keep).map(|(_, line)| line).collect::<Vec<_>>().join("\n")
}

/// Adds the help, and the edit that mends it where one can be shown.
fn advise<'a>(groups: &mut Vec<Group<'a>>, finding: &Finding, place: &Place<'_>, columns: usize) {
    let mut advice: Vec<String> = finding.help.iter().flat_map(|h| h.lines()).map(plain).collect();
    let patch = finding.fix.as_ref().and_then(|fix| place.patch(fix, columns));
    if let Some(fix) = &finding.fix {
        let how = if fix.safe { "fixable with --fix" } else { "fixable with --unsafe-fixes" };
        match advice.first_mut() {
            Some(first) => *first = format!("{first} ({how})"),
            None => advice.push(format!("{} ({how})", plain(&fix.title))),
        }
    }
    if let Some(patch) = patch {
        let title = advice.remove(0);
        groups.push(Group::with_title(Severity::HELP.secondary_title(title)).element(patch));
    }
    groups.extend(advice.into_iter().map(|line| Group::with_title(Severity::HELP.secondary_title(line))));
}

/// A span to mark in a snippet.
struct Mark {
    span: Span,
    words: String,
    primary: bool,
}

/// A place in a file whose text may be at hand.
struct Place<'a> {
    name: String,
    text: Option<&'a str>,
    span: Span,
}

impl<'a> Place<'a> {
    fn new(files: &Files<'a>, path: &str, span: Span) -> Self {
        Place { name: plain(&files.name(path)), text: files.text(path), span }
    }

    /// Whether it stands for the whole file, so that no line is worth showing.
    fn is_whole_file(&self) -> bool {
        self.span == Span::default()
    }

    fn is_near(&self, other: Span) -> bool {
        let Some(text) = self.lines() else { return false };
        line_of(text, self.span.start).abs_diff(line_of(text, other.start)) <= NEAR_LINES
    }

    /// The lines, where there are any to show.
    fn lines(&self) -> Option<&'a str> {
        self.text.filter(|_| !self.is_whole_file())
    }

    /// The name with line and column.
    fn origin(&self) -> Origin<'static> {
        let origin = Origin::path(self.name.clone());
        let Some(text) = self.lines() else { return origin };
        let position = LineIndex::new(text).position(text, self.span.start);
        origin.line(position.line).char_column(position.column)
    }

    /// The lines with their marks.
    fn snippet(&self, marks: &[Mark], columns: usize) -> Option<Snippet<'static, Annotation<'static>>> {
        let spans: Vec<Span> = marks.iter().map(|m| m.span).collect();
        let excerpt = Excerpt::new(self.lines()?, &spans, columns);
        let mut snippet = Snippet::source(excerpt.source).line_start(excerpt.first_line);
        for (mark, range) in marks.iter().zip(excerpt.ranges) {
            let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let label = Some(mark.words.clone()).filter(|w| !w.is_empty());
            snippet = snippet.annotation(kind.span(range).label(label));
        }
        Some(snippet)
    }

    /// A fix as the lines before and after, where its edits change lines of this file that are near each other and need
    /// no cropping, and leave as many lines as there were.
    fn patch(&self, fix: &Fix, columns: usize) -> Option<Element<'static>> {
        let text = self.text?;
        let mut edits: Vec<(Span, &str)> = Vec::new();
        for edit in &fix.edits {
            let span = clamp(text, edit.span);
            if edit.path.is_some()
                || text[span.start..span.end].contains('\n')
                || edit.replacement.contains(['\n', '\r'])
            {
                return None;
            }
            edits.push((span, &edit.replacement));
        }
        edits.sort_by_key(|(span, _)| *span);
        let (first, last) = (edits.first()?.0, edits.last()?.0);
        let apart = edits.windows(2).all(|pair| matches!(pair, [a, b] if a.0.end < b.0.start));
        if !apart || line_of(text, last.start) - line_of(text, first.start) > NEAR_LINES {
            return None;
        }
        let spans: Vec<Span> = edits.iter().map(|(span, _)| *span).collect();
        let excerpt = Excerpt::new(text, &spans, columns);
        if excerpt.cropped {
            return None;
        }
        let patches = excerpt.ranges.into_iter().zip(&edits).map(|(range, (_, new))| Patch::new(range, plain(new)));
        Some(Snippet::source(excerpt.source).line_start(excerpt.first_line).patches(patches).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rule;
    use proptest::prelude::*;

    const LOOK: Look = Look { colour: false, columns: 80 };

    fn show(text: &str, needle: &str, message: &str) -> String {
        let start = text.find(needle).unwrap();
        let finding = Finding::new(
            rule::find("unknown-field").unwrap(),
            "brief/acme.yaml",
            Span::new(start, start + needle.len()),
            message,
        )
        .with_label("here");
        one(&finding, &Files::of_texts([("brief/acme.yaml", text)]), LOOK)
    }

    #[test]
    fn carets_stand_under_the_span_after_wide_letters_and_crlf() {
        let text = "\u{feff}title: x\r\nname: \"Ünïcode – 日本 🔑\" # c\r\n";
        let expected = "\
error[unknown-field]: look
 --> brief/acme.yaml:2:18
  |
2 | name: \"Ünïcode – 日本 🔑\" # c
  |                  ^^^^ here";
        assert_eq!(show(text, "日本", "look"), expected);
    }

    #[test]
    fn a_byte_order_mark_is_seen_and_does_not_count_as_a_column() {
        let shown = show("\u{feff}title: x\n", "title", "look");
        assert!(shown.contains("brief/acme.yaml:1:1\n"), "{shown}");
        assert!(shown.contains("U+FEFFtitle: x"), "{shown}");
    }

    #[test]
    fn a_fix_is_shown_as_the_lines_before_and_after() {
        let text = "title: x\nammount: 5\n";
        let mut finding =
            Finding::new(rule::find("unknown-field").unwrap(), "a.yaml", Span::new(9, 16), "unknown field")
                .with_help("is amount meant?")
                .with_related("pipeline.yaml", Span::new(0, 6), "the fields");
        finding.fix = Some(Fix::safe("write amount", Span::new(9, 16), "amount"));
        let files = Files::of_texts([("a.yaml", text), ("pipeline.yaml", "fields:\n")]);
        let expected = "\
error[unknown-field]: unknown field
 --> a.yaml:2:1
  |
2 | ammount: 5
  | ^^^^^^^
note: the fields
 --> pipeline.yaml:1:1
  |
1 | fields:
  | ------
help: is amount meant? (fixable with --fix)
  |
2 - ammount: 5
2 + amount: 5
  |";
        assert_eq!(one(&finding, &files, LOOK), expected);
    }

    #[test]
    fn a_finding_about_a_whole_file_shows_no_line() {
        let finding = Finding::new(rule::find("duplicate-deal").unwrap(), "a.yaml", Span::default(), "twice")
            .with_related("b.yaml", Span::default(), "the same deal")
            .with_help("keep one");
        let shown = one(&finding, &Files::of_texts([("a.yaml", "title: x\n")]), LOOK);
        let expected = "\
error[duplicate-deal]: twice
--> a.yaml
note: the same deal
--> b.yaml
help: keep one";
        assert_eq!(shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"), expected);
    }

    #[test]
    fn colours_are_the_only_escapes() {
        let text = "title: \u{1b}]0;x\u{7}\n";
        let finding =
            Finding::new(rule::find("encoding").unwrap(), "a.yaml", Span::new(7, 8), "\u{1b}[2J").with_help("\u{9b}");
        let shown = one(&finding, &Files::of_texts([("a.yaml", text)]), Look { colour: true, ..LOOK });
        let after: Vec<&str> = shown.split('\u{1b}').skip(1).collect();
        assert!(!after.is_empty());
        for rest in after {
            let code = rest.strip_prefix('[').unwrap().trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
            assert!(code.starts_with('m'), "{rest:?}");
        }
        assert!(!shown.contains(['\u{7}', '\u{9b}']));
    }

    #[test]
    fn a_file_that_is_wrong_everywhere_is_not_shown_line_by_line() {
        let text = "x: 1\n".repeat(300);
        let finding =
            |i: usize| Finding::new(rule::find("unknown-field").unwrap(), "a.yaml", Span::new(i * 5, i * 5 + 1), "no");
        let report = Report { findings: (0..300).map(finding).collect(), summary: Summary::default() };
        let shown = render(&report, &Files::of_texts([("a.yaml", text.as_str())]), LOOK);
        assert_eq!(shown.matches("error[unknown-field]").count(), 100);
        assert!(shown.contains("… and 200 more in a.yaml"));
    }

    #[test]
    fn the_closing_line_counts_in_words() {
        let summary = Summary { deals: 84, files: 2, unreadable: 0, errors: 3, warnings: 1, infos: 0 };
        assert_eq!(closing(&summary), "3 errors, 1 warning in 2 files (84 deals checked)");
        let summary = Summary { deals: 1, files: 1, unreadable: 1, errors: 1, warnings: 0, infos: 2 };
        assert_eq!(closing(&summary), "1 error, 2 infos in 1 file (1 deal checked, 1 file could not be read)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn nothing_panics_and_nothing_hostile_comes_out(
            text in "(\\PC|[\u{0}-\u{9f}]|[\u{200b}-\u{202e}]|\n|\r\n|日){0,60}",
            message in any::<String>(),
            spans in prop::collection::vec((0usize..90, 0usize..90), 3),
            columns in 0usize..120,
        ) {
            let span = |i: usize| Span { start: spans[i].0, end: spans[i].1 };
            let mut finding = Finding::new(rule::find("encoding").unwrap(), text.clone(), span(0), message.clone())
                .with_label(message.clone())
                .with_help(message.clone())
                .with_related(text.clone(), span(1), message.clone())
                .with_related("other", span(1), message.clone());
            finding.fix = Some(Fix::safe(message.clone(), span(2), message.clone()).and(span(1), text.clone()));
            let files = Files::of_texts([(text.as_str(), text.as_str()), ("other", text.as_str())]);
            let shown = one(&finding, &files, Look { colour: false, columns });
            prop_assert!(shown.chars().all(|c| c == '\n' || !super::super::terminal::is_hostile(c) || matches!(c, '\u{200c}' | '\u{200d}')), "{shown:?}");
        }
    }
}
