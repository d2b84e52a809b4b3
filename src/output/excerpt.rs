//! A few lines of a file, made harmless and cropped, with spans moved along.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::format::log_command::opens;
use crate::format::span::Span;

use super::terminal::{is_hostile, push_code};

/// Columns that line numbers and frames take beside a line.
const FRAME: usize = 12;

/// Columns of source that stay visible before a span in a cropped line.
const LEAD: usize = 20;

/// Some lines of a text and where its spans are in them.
pub(super) struct Excerpt {
    /// The lines, free of control characters other than the line ends between them.
    pub(super) source: String,
    /// 1-based number of the first line in the file.
    pub(super) first_line: usize,
    /// The spans as byte ranges of `source`, in the order they were given; each within one line.
    pub(super) ranges: Vec<Range<usize>>,
    /// Whether a line with a span was cropped.
    pub(super) cropped: bool,
}

impl Excerpt {
    /// The lines from the first span's to the last's. A span over several lines is shown up to the end of its first,
    /// spans outside the text at its end.
    pub(super) fn new(text: &str, spans: &[Span], columns: usize) -> Self {
        let room = columns.saturating_sub(FRAME).max(LEAD * 2);
        let spans: Vec<Span> = spans.iter().map(|s| first_line_of(text, clamp(text, *s))).collect();
        let from = spans.iter().map(|s| line_start(text, s.start)).min().unwrap_or(0);
        let to = spans.iter().map(|s| line_end(text, s.start)).max().unwrap_or(0);
        let mut excerpt = Excerpt {
            source: String::new(),
            first_line: line_of(text, from),
            ranges: vec![0..0; spans.len()],
            cropped: false,
        };
        let mut start = from;
        for line in text[from..to].split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            excerpt.add_line(line, start, &spans, room);
            start = line_end(text, start) + 1;
        }
        excerpt.source.pop();
        excerpt
    }

    /// Adds one line that begins at `start` in the text.
    fn add_line(&mut self, line: &str, start: usize, spans: &[Span], room: usize) {
        let end = start + line.len();
        let here: Vec<usize> = (0..spans.len()).filter(|i| (start..=end).contains(&spans[*i].start)).collect();
        let first = here.iter().map(|i| spans[*i].start - start).min().unwrap_or(0);
        let fits = line.len() <= room || columns_of(line, room) <= room;
        let skip = if fits { 0 } else { crop_start(line, first) };
        let base = self.source.len();
        if skip > 0 {
            self.source.push('…');
        }
        // Where each byte offset of the line, from `skip` on, lies in the source.
        let mut shown: Vec<(usize, usize)> = Vec::new();
        let mut used = 0;
        let mut rest = false;
        for (at, c) in line[skip..].char_indices() {
            let before = self.source.len();
            if c == '[' && opens(self.source.get(base..).unwrap_or_default()) {
                self.source.push(' ');
            }
            push_visible(&mut self.source, c);
            used += unicode_width::UnicodeWidthStr::width(&self.source[before..]);
            if !fits && used > room.saturating_sub(2) {
                self.source.truncate(before);
                rest = true;
                break;
            }
            shown.push((skip + at, before));
        }
        shown.push((usize::MAX, self.source.len()));
        if rest {
            self.source.push('…');
        }
        if self.source.len() == base && !here.is_empty() {
            // A caret needs something to stand under.
            self.source.push(' ');
        }
        let place = |offset: usize| {
            let index = shown.partition_point(|(at, _)| *at < offset);
            shown.get(index).map_or(self.source.len(), |(_, place)| *place)
        };
        let ranges: Vec<(usize, Range<usize>)> =
            here.iter().map(|i| (*i, place(spans[*i].start - start)..place(spans[*i].end.min(end) - start))).collect();
        self.cropped |= !here.is_empty() && (skip > 0 || rest);
        for (index, range) in ranges {
            self.ranges[index] = range;
        }
        self.source.push('\n');
    }
}

/// A character as it may be shown: a tab as four blanks, hostile ones as codes.
fn push_visible(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("    "),
        c if is_hostile(c) => push_code(out, c),
        c => out.push(c),
    }
}

/// Columns of a line as it is shown; counting stops soon after `limit`.
fn columns_of(line: &str, limit: usize) -> usize {
    let mut shown = String::new();
    let mut columns = 0;
    for c in line.chars() {
        shown.clear();
        push_visible(&mut shown, c);
        columns += shown.chars().filter_map(|c| c.width()).sum::<usize>();
        if columns > limit {
            break;
        }
    }
    columns
}

/// Where to begin a line that is too long, so that `first` is seen with a little before it.
fn crop_start(line: &str, first: usize) -> usize {
    let first = clamp(line, Span::at(first)).start;
    line[..first].char_indices().rev().nth(LEAD - 1).map_or(0, |(at, _)| at)
}

/// A span inside the text and on the boundaries of its characters.
pub(super) fn clamp(text: &str, span: Span) -> Span {
    let floor = |offset: usize| {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    };
    let start = floor(span.start);
    let mut end = span.end.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    Span::new(start, end.max(start))
}

/// The part of a span on its first line, the line end left out.
fn first_line_of(text: &str, span: Span) -> Span {
    let start = line_start(text, span.start);
    let line = &text[start..line_end(text, span.start)];
    let end = start + line.strip_suffix('\r').unwrap_or(line).len();
    Span::new(span.start.min(end), span.end.min(end))
}

/// Offset of the first byte of the line that holds `offset`.
fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// Offset of the line end (or the end of the text) after `offset`.
fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |at| offset + at)
}

/// 1-based number of the line that holds `offset`.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let offset = clamp(text, Span::at(offset)).start;
    text.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, span: Span, columns: usize) -> (String, String) {
        let excerpt = Excerpt::new(text, &[span], columns);
        let range = excerpt.ranges[0].clone();
        (excerpt.source.clone(), excerpt.source[range].to_owned())
    }

    #[test]
    fn a_span_moves_along_with_the_codes_before_it() {
        let text = "a: \u{1b}\u{202e} wrong\r\nb: 1\r\n";
        let at = text.find("wrong").unwrap();
        assert_eq!(marked(text, Span::new(at, at + 5), 80), ("a: \\x1bU+202E wrong".into(), "wrong".into()));
    }

    #[test]
    fn a_long_line_is_cropped_around_its_span() {
        let text = format!("notes: {}HERE{}", "日".repeat(300_000), "x".repeat(300_000));
        let at = text.find("HERE").unwrap();
        let (source, marked) = marked(&text, Span::new(at, at + 4), 80);
        assert_eq!(marked, "HERE");
        assert!(source.starts_with('…') && source.ends_with('…'), "{source}");
        assert!(unicode_width::UnicodeWidthStr::width(source.as_str()) <= 80, "{source}");
    }

    #[test]
    fn any_span_whatever_has_a_place() {
        for text in ["", "\n", "a\r\n", "日\n\n本", "\u{feff}a: \tb", "x\ry"] {
            for start in 0..12 {
                for end in 0..12 {
                    let excerpt = Excerpt::new(text, &[Span { start, end }, Span::at(start / 2)], 40);
                    for range in &excerpt.ranges {
                        assert!(excerpt.source.get(range.clone()).is_some(), "{text:?} {start} {end} {range:?}");
                    }
                }
            }
        }
    }
}
