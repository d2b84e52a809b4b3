//! Every sink of text on a collection of strings that broke other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod kit;

use tussock::check::{Files, Finding, rule};
use tussock::format::span::Span;
use tussock::output::csv::{self, Cell};
use tussock::output::terminal::{Align, cut, plain, table, width};
use tussock::output::text::{Look, one};

/// The strings of the shared collection, and some of our own.
fn strings() -> Vec<String> {
    let mut strings: Vec<String> =
        ["\u{1b}]52;c;aGk=\u{7}", "\u{202e}gpj.exe", "a\rb\u{8}", "=cmd|' /C calc'!A0", "\u{9b}31m"]
            .map(str::to_owned)
            .into();
    if let Some(folder) = kit::shared("data/naughty-strings") {
        let text = std::fs::read_to_string(folder.join("blns.json")).unwrap();
        strings.extend(serde_json::from_str::<Vec<String>>(&text).unwrap());
    }
    strings
}

/// Whether a terminal or an eye could be led astray. The joiners are left out: emoji need them.
fn harmless(text: &str) -> bool {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    !text.contains(bad)
}

#[test]
fn one_line_of_harmless_text_comes_out_of_anything() {
    for string in strings() {
        let shown = plain(&string);
        assert!(harmless(&shown), "{string:?} gave {shown:?}");
        for columns in [0, 1, 2, 7, 20] {
            assert!(width(&cut(&shown, columns)) <= columns, "{string:?} at {columns}");
        }
    }
}

#[test]
fn tables_stay_in_their_columns() {
    let rows: Vec<Vec<String>> = strings().into_iter().map(|s| vec!["acme".to_owned(), s, "5".to_owned()]).collect();
    let shown = table(&["deal", "title", "amount"], &rows, &[Align::Left, Align::Left, Align::Right], Some(60));
    assert_eq!(shown.lines().count(), rows.len() + 2);
    for line in shown.lines() {
        assert!(harmless(line) && width(line) <= 60, "{line:?}");
    }
}

#[test]
fn findings_show_hostile_lines_without_harm() {
    for string in strings() {
        let text = format!("title: {string}\nowner: olga\n");
        let end = text.len() - "\nowner: olga\n".len();
        let finding =
            Finding::new(rule::find("encoding").unwrap(), string.as_str(), Span::new(7, end), string.as_str());
        let shown =
            one(&finding, &Files::of_texts([(string.as_str(), text.as_str())]), Look { colour: false, columns: 80 });
        assert!(shown.lines().all(harmless), "{shown:?}");
    }
}

#[test]
fn no_cell_of_a_sheet_runs() {
    let rows: Vec<Vec<Cell>> = strings().into_iter().map(|s| vec![Cell::text(s)]).collect();
    let bytes = csv::write(&["title"], &rows).unwrap();
    let mut reader = ::csv::Reader::from_reader(bytes.as_slice());
    let read: Vec<String> = reader.records().map(|r| r.unwrap()[0].to_owned()).collect();
    for (written, read) in strings().iter().filter(|s| !s.is_empty()).zip(read.iter().filter(|s| !s.is_empty())) {
        assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝']), "{read:?}");
        assert_eq!(read.strip_prefix('\'').filter(|_| !written.starts_with('\'')).unwrap_or(read), written);
    }
}
