//! The terminal: text from a repository made harmless, and tables that fit.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Row, Table, TableStyle};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::format::log_command::without_commands;

/// Marks that may stand on one letter before the rest is shown as codes. Real scripts need three or four.
const MARKS_ON_A_LETTER: usize = 8;

/// Text of a repository as one harmless line: the one gate that everything passes on its way to a terminal.
///
/// Control characters become `\x1b`, line ends `⏎`, tabs a blank; characters that turn the direction of text or take no
/// room become `U+202E`. The joiners that emoji and some scripts need stay between the letters they join. What a build
/// server would take for a command in its log is broken up by a blank (`: :error::`).
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before: Option<char> = None;
    let mut marks = 0;
    while let Some(c) = chars.next() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            '\u{200c}' | '\u{200d}' if joins(before, chars.peek().copied()) => out.push(c),
            c if is_hostile(c) || marks > MARKS_ON_A_LETTER => push_code(&mut out, c),
            c => out.push(c),
        }
        before = Some(c);
    }
    without_commands(out)
}

/// Whether a character may do something to a terminal or to a reader's eye that it does not show.
pub(super) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a joiner between these two characters can be one that writing needs.
fn joins(before: Option<char>, after: Option<char>) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !c.is_whitespace() && !is_hostile(c));
    letter(before) && letter(after)
}

/// A character as its code: `\x1b` for controls, `U+202E` for the others.
pub(super) fn push_code(out: &mut String, c: char) {
    let code = u32::from(c);
    // Writing to a string cannot fail.
    let _ = if c.is_control() { write!(out, "\\x{code:02x}") } else { write!(out, "U+{code:04X}") };
}

/// Columns that a text takes on a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// A text in at most `columns` columns; a longer one ends in `…`. Letters with their marks, and emoji made of several
/// characters, are kept whole.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += width(grapheme);
        if used + 1 > columns {
            break;
        }
        out.push_str(grapheme);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A text in lines of at most `columns` columns, broken at blanks, but not between a number and its unit; a longer word
/// is broken where it must be.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    // Where there is no room for both, a number and its unit are two words.
    let words = words(text).flat_map(|word| word.splitn(if width(word) > columns { usize::MAX } else { 1 }, ' '));
    for word in words {
        let long = width(word);
        if used > 0 && used + 1 + long > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used > 0 {
            line.push(' ');
            used += 1;
        }
        if used + long <= columns {
            line.push_str(word);
            used += long;
            continue;
        }
        for grapheme in word.graphemes(true) {
            let wide = width(grapheme);
            if used > 0 && used + wide > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += wide;
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The words of a text: what stands between blanks, and a number with its unit as one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let is_inside = |at: usize| {
            let (before, after) = (&text[..at], &text[at + 1..]);
            before.ends_with(|c: char| c.is_ascii_digit()) && is_unit(after.split(' ').next().unwrap_or(after))
        };
        let end = text.match_indices(' ').map(|(at, _)| at).find(|at| !is_inside(*at));
        rest = end.and_then(|end| text.get(end + 1..));
        Some(end.map_or(text, |end| &text[..end]))
    })
}

/// Whether a word, whatever stands behind it, is a unit: a percent sign, a currency, days or hours.
fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%');
    matches!(word, "%" | "d" | "h" | "дн" | "ч") || (word.len() == 3 && word.bytes().all(|b| b.is_ascii_uppercase()))
}

/// On which side the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table without frame, one line a row, trailing blanks removed, with a line end after every row. Cells pass through
/// [`plain`]; where the table is wider than `columns` (`None`: unlimited) the widest cells are cut with `…`. Columns
/// beyond `alignments` are aligned left.
pub fn table(headers: &[&str], rows: &[Vec<String>], alignments: &[Align], columns: Option<usize>) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_truncation_indicator("…");
    let row = |cells: Vec<Cell>| {
        let mut row = Row::from(cells);
        row.max_height(1);
        row
    };
    table.set_header(row(headers.iter().map(|h| Cell::new(plain(h))).collect()));
    for cells in rows {
        table.add_row(row(cells.iter().map(|c| Cell::new(unbroken(&plain(c)))).collect()));
    }
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
        if alignments.get(index) == Some(&Align::Right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(columns) = columns {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(columns).unwrap_or(u16::MAX));
    }
    let mut out = String::new();
    for line in table.lines() {
        out.push_str(line.replace('\u{a0}', " ").trim_end());
        out.push('\n');
    }
    out
}

/// Blanks that the table cannot break a line at: a cell is cut at its end, not after the last whole word.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_codes() {
        assert_eq!(plain("\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(plain("a\u{9b}2J"), "a\\x9b2J");
        assert_eq!(plain("a\r\nb\rc\nd\te"), "a⏎b\\x0dc⏎d e");
        assert_eq!(plain("50\u{202e}%\u{2066}\u{feff}\u{200b}"), "50U+202E%U+2066U+FEFFU+200B");
    }

    #[test]
    fn joiners_stay_where_writing_needs_them() {
        assert_eq!(plain("👩\u{200d}👧 می\u{200c}خواهم"), "👩\u{200d}👧 می\u{200c}خواهم");
        assert_eq!(plain("ac\u{200d}me"), "acU+200Dme");
    }

    #[test]
    fn a_letter_carries_no_tower_of_marks() {
        let tower = format!("a{}", "\u{301}".repeat(1000));
        let shown = plain(&tower);
        assert_eq!(shown.matches('\u{301}').count(), MARKS_ON_A_LETTER);
        assert!(shown.contains("U+0301"));
    }

    #[test]
    fn text_is_cut_by_columns_and_letters_stay_whole() {
        assert_eq!(cut("日本語テスト", 7), "日本語…");
        assert_eq!(cut("日本語テスト", 6), "日本…");
        assert_eq!(cut("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("short", 0), "");
    }

    #[test]
    fn text_is_wrapped_at_blanks_and_long_words_where_they_must() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("日本語 テスト", 5), ["日本", "語", "テス", "ト"]);
        assert_eq!(wrap("", 5), [""]);
        for columns in 0..20 {
            let text = "Estimate with Petr, then send e\u{301}verything 日本語";
            let lines = wrap(text, columns);
            assert!(lines.iter().all(|l| width(l) <= columns.max(2)), "{columns}: {lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
    }

    #[test]
    fn a_number_keeps_its_unit_beside_it() {
        assert_eq!(wrap("won about 50 % of", 12), ["won about", "50 % of"]);
        assert_eq!(wrap("won about 50 %.", 12), ["won about", "50 %."]);
        assert_eq!(wrap("(31–66 %) of 1,500 EUR, in 3 d or", 14), ["(31–66 %) of", "1,500 EUR, in", "3 d or"]);
        assert_eq!(wrap("5 deals and 7 ABCD", 6), ["5", "deals", "and 7", "ABCD"]);
        assert_eq!(wrap("in 50 %", 3), ["in", "50", "%"]);
        assert_eq!(wrap("50 % % 50  % ", 100), ["50 % % 50  % "]);
    }

    #[test]
    fn columns_line_up_under_wide_letters() {
        let rows = vec![
            vec!["acme".to_owned(), "18000".to_owned()],
            vec!["日本".to_owned(), "5".to_owned()],
            vec!["\x1b[2J".to_owned(), "-1".to_owned()],
        ];
        let shown = table(&["deal", "amount"], &rows, &[Align::Left, Align::Right], None);
        let expected = "\
deal      amount
────────────────
acme       18000
日本           5
\\x1b[2J       -1
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_table_fits_the_terminal_with_one_line_a_row() {
        let long = "Corporate site redesign with a very long title that goes on 日本語 and on";
        let rows: Vec<_> = (0..3).map(|i| vec![format!("deal-{i}"), long.to_owned(), "18000 EUR".to_owned()]).collect();
        for columns in [30, 40, 60, 80] {
            let shown =
                table(&["id", "title", "amount"], &rows, &[Align::Left, Align::Left, Align::Right], Some(columns));
            assert_eq!(shown.lines().count(), 5, "{shown}");
            assert!(shown.lines().all(|l| width(l) <= columns), "{columns}:\n{shown}");
            assert!(shown.contains('…') && shown.contains("deal-0"), "{columns}:\n{shown}");
        }
    }
}
