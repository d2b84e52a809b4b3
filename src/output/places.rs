//! What the machine formats of findings share: positions as each counts them, names of files as URIs, and which findings
//! are kept where a reader takes only so many.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::check::{Files, Finding, Level, Report};
use crate::format::span::{LineIndex, Position, Span};

/// More results no reader takes: GitHub refuses a file of code scanning with more, and nobody reads them.
pub(super) const MOST: usize = 25_000;

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// Characters; a byte order mark is none.
    Characters,
    /// Units of UTF-16; a byte order mark at the beginning of a file is none.
    Utf16,
    /// Bytes of UTF-8, all of them.
    Bytes,
}

/// Positions in files, each file's lines counted once.
pub(super) struct Places<'a> {
    pub files: &'a Files<'a>,
    columns: Columns,
    indexes: BTreeMap<String, LineIndex>,
}

impl<'a> Places<'a> {
    pub fn new(files: &'a Files<'a>, columns: Columns) -> Self {
        Places { files, columns, indexes: BTreeMap::new() }
    }

    /// Where a span begins and where the first character after it is. 1:1 where the text is not at hand.
    pub fn range(&mut self, path: &str, span: Span) -> (Position, Position) {
        let text = self.files.text(path).unwrap_or_default();
        if !self.indexes.contains_key(path) {
            self.indexes.insert(path.to_owned(), LineIndex::new(text));
        }
        let columns = self.columns;
        let index = self.indexes.get(path);
        let at = |offset| index.map_or(Position { line: 1, column: 1 }, |index| position(index, text, offset, columns));
        (at(span.start), at(span.end))
    }

    /// As [`Places::range`]; `None` where the span stands for the whole file, or its text is not at hand.
    pub fn lines(&mut self, path: &str, span: Span) -> Option<(Position, Position)> {
        (span != Span::default() && self.files.text(path).is_some()).then(|| self.range(path, span))
    }

    /// The line of a span; 1 for a whole file.
    pub fn line(&mut self, path: &str, span: Span) -> usize {
        self.range(path, span).0.line
    }
}

fn position(index: &LineIndex, text: &str, offset: usize, columns: Columns) -> Position {
    let position = index.position(text, offset);
    if columns == Columns::Characters {
        return position;
    }
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or_default();
    let line = before.rfind('\n').map_or(before, |at| before.get(at + 1..).unwrap_or_default());
    let units = match columns {
        Columns::Bytes => line.len(),
        _ if position.line == 1 => line.strip_prefix('\u{feff}').unwrap_or(line).encode_utf16().count(),
        _ => line.encode_utf16().count(),
    };
    Position { column: units + 1, ..position }
}

/// At most `most` findings by their numbers in the report, and how many are left out: all in their order, or the worst
/// where they are too many.
pub(super) fn kept(report: &Report, most: usize) -> (Vec<usize>, usize) {
    let all = report.findings.len();
    if all <= most {
        return ((0..all).collect(), 0);
    }
    let mut numbers = worst_first(report);
    numbers.truncate(most);
    (numbers, all - most)
}

/// The findings by their numbers in the report: errors, then warnings, then the rest, each in the report's order.
pub(super) fn worst_first(report: &Report) -> Vec<usize> {
    let of =
        |level| report.findings.iter().enumerate().filter(move |(_, f)| f.level == level).map(|(number, _)| number);
    of(Level::Error).chain(of(Level::Warning)).chain(of(Level::Info)).collect()
}

/// What a finding is about, as people call it: the deal, else the file.
pub(super) fn subject(finding: &Finding, files: &Files<'_>) -> String {
    finding.deal.as_ref().map_or_else(|| files.name(&finding.path), |deal| deal.as_str().to_owned())
}

/// The sentence and what to do, a line each.
pub(super) fn sentences(finding: &Finding) -> impl Iterator<Item = &str> {
    std::iter::once(finding.message.as_str()).chain(finding.help.iter().flat_map(|help| help.lines()))
}

/// A path as the path of a relative URI: every byte but letters, digits, `-._~/` as `%2F`.
pub(super) fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// `1 finding`, `2 findings`.
pub(super) fn plural(n: usize, word: &str) -> String {
    if n == 1 { format!("1 {word}") } else { format!("{n} {word}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Summary, rule};

    #[test]
    fn columns_are_counted_as_each_reader_counts_them() {
        let text = "\u{feff}a: 🔑x\n\u{feff}b: 🔑x\n";
        let files = Files::of_texts([("a.yaml", text)]);
        let first = text.find('x').unwrap();
        let second = text.rfind('x').unwrap();
        let at = |columns, offset| Places::new(&files, columns).range("a.yaml", Span::at(offset)).0;
        assert_eq!(at(Columns::Characters, first), Position { line: 1, column: 5 });
        assert_eq!(at(Columns::Utf16, first), Position { line: 1, column: 6 });
        assert_eq!(at(Columns::Bytes, first), Position { line: 1, column: 11 });
        assert_eq!(at(Columns::Utf16, second), Position { line: 2, column: 7 });
        assert_eq!(at(Columns::Bytes, second), Position { line: 2, column: 11 });
        assert_eq!(at(Columns::Utf16, 9000), Position { line: 3, column: 1 });
    }

    #[test]
    fn a_whole_file_has_no_lines_and_is_at_its_first() {
        let files = Files::of_texts([("a.yaml", "x: 1\n")]);
        let mut places = Places::new(&files, Columns::Characters);
        assert_eq!(places.lines("a.yaml", Span::default()), None);
        assert_eq!(places.lines("gone.yaml", Span::new(3, 4)), None);
        assert_eq!(places.line("a.yaml", Span::default()), 1);
        assert_eq!(places.line("gone.yaml", Span::new(3, 4)), 1);
    }

    #[test]
    fn of_too_many_the_worst_are_kept() {
        let rule = rule::find("unknown-field").unwrap();
        let of = |level| Finding { level, ..Finding::new(rule, "a.yaml", Span::default(), "x") };
        let levels = [Level::Info, Level::Error, Level::Warning, Level::Error];
        let report = Report { findings: levels.map(of).into(), summary: Summary::default() };
        assert_eq!(kept(&report, 4), (vec![0, 1, 2, 3], 0));
        assert_eq!(kept(&report, 3), (vec![1, 3, 2], 1));
    }

    #[test]
    fn a_path_becomes_a_relative_uri() {
        assert_eq!(uri("sales/brief/a-b_1.yaml"), "sales/brief/a-b_1.yaml");
        assert_eq!(uri("Ü #1?%:\u{202e}.yaml"), "%C3%9C%20%231%3F%25%3A%E2%80%AE.yaml");
    }
}
