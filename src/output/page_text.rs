//! A report as text for a terminal: nothing of its Markdown is left, and nothing in it is wider than the terminal.

mod charts;
mod table;

use anstyle::{AnsiColor, Style};

use super::markup::{Alert, Block, Inline, read};
use super::terminal::{cut, plain, width, wrap};
use super::text::Look;
use crate::report::page::Page;

/// The narrowest terminal that a page is laid out for.
pub const MIN_COLUMNS: usize = 24;

/// The longest line of running text: longer ones are hard to read.
const MEASURE: usize = 100;

/// Columns that are left to text inside lists and quotes, however deep; below it nothing moves further to the right.
const LEAST_ROOM: usize = 20;

/// How a piece of text is shown where colour is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Usual,
    Strong,
    Muted,
    Main,
    Good,
    Bad,
}

impl Tone {
    fn style(self) -> Option<Style> {
        match self {
            Tone::Usual => None,
            Tone::Strong => Some(Style::new().bold()),
            Tone::Muted => Some(Style::new().dimmed()),
            Tone::Main => Some(AnsiColor::Cyan.on_default()),
            Tone::Good => Some(AnsiColor::Green.on_default()),
            Tone::Bad => Some(AnsiColor::Red.on_default()),
        }
    }
}

/// One line, in pieces. The texts have passed [`plain`].
type Line = Vec<(String, Tone)>;

/// A page as text, with a line end after each line. No line is wider than the look's columns, or than [`MIN_COLUMNS`] where
/// those are fewer.
pub fn render(page: &Page, look: Look) -> String {
    let columns = look.columns.max(MIN_COLUMNS);
    let lines = blocks(page, &read(page), columns);
    let mut out = String::new();
    for line in lines {
        print(&mut out, line, columns, look.colour);
    }
    out
}

/// Writes a line; what is too wide is cut, and blanks at its end are left out.
fn print(out: &mut String, line: Line, columns: usize, colour: bool) {
    let whole: usize = line.iter().map(|(text, _)| width(text)).sum();
    let mut room = columns;
    let begin = out.len();
    for (text, tone) in line {
        // Only the piece that crosses the edge is cut, and there only if something is lost.
        let shown = if whole > columns && width(&text) >= room { cut(&text, room) } else { text };
        room = room.saturating_sub(width(&shown));
        if shown.is_empty() {
            continue;
        }
        match tone.style().filter(|_| colour) {
            Some(style) => out.push_str(&format!("{style}{shown}{style:#}")),
            None => out.push_str(&shown),
        }
        if room == 0 {
            break;
        }
    }
    let kept = out.trim_end_matches(' ').len().max(begin);
    out.truncate(kept);
    out.push('\n');
}

/// Blocks with a blank line between them.
fn blocks(page: &Page, all: &[Block], columns: usize) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut before: Option<&Block> = None;
    for block in all {
        let lines = self::block(page, block, columns);
        if lines.is_empty() {
            continue;
        }
        let tight = matches!((before, block), (Some(Block::Plain(_)), Block::List(..) | Block::Plain(_)));
        if !out.is_empty() && !tight {
            out.push(Vec::new());
        }
        out.extend(lines);
        before = Some(block);
    }
    out
}

fn block(page: &Page, block: &Block, columns: usize) -> Vec<Line> {
    match block {
        Block::Heading(level, inlines) => heading(*level, inlines, columns),
        Block::Paragraph(inlines) | Block::Plain(inlines) => {
            let tone = if matches!(inlines.as_slice(), [Inline::Small(_)]) { Tone::Muted } else { Tone::Usual };
            wrapped(inlines, tone, columns.min(MEASURE))
        }
        Block::List(first, items) => list(page, *first, items, columns),
        Block::Quote(alert, inner) => {
            let tone = if *alert == Some(Alert::Warning) { Tone::Bad } else { Tone::Muted };
            indented(columns, 2, |columns| blocks(page, inner, columns), |_| ("│ ".to_owned(), tone))
        }
        Block::Table(table) => table::lines(table, columns),
        Block::Code(text) => {
            let lines = |_| text.lines().map(|l| vec![(plain(l), Tone::Usual)]).collect();
            indented(columns, 4, lines, |_| ("    ".to_owned(), Tone::Usual))
        }
        Block::Chart(index) => page.chart(*index).map_or_else(Vec::new, |chart| charts::lines(chart, columns)),
        Block::Rule => Vec::new(),
        Block::Details(summary, inner) => {
            let mut out = wrapped(summary, Tone::Strong, columns.min(MEASURE));
            let inner =
                indented(columns, 2, |columns| blocks(page, inner, columns), |_| ("  ".to_owned(), Tone::Usual));
            if !out.is_empty() && !inner.is_empty() {
                out.push(Vec::new());
            }
            out.extend(inner);
            out
        }
    }
}

fn heading(level: u8, inlines: &[Inline], columns: usize) -> Vec<Line> {
    let mut out = wrapped(inlines, Tone::Strong, columns);
    let long = out.iter().map(|line| line.iter().map(|(text, _)| width(text)).sum()).max().unwrap_or(0);
    match level {
        1 if long > 0 => out.push(vec![("═".repeat(long), Tone::Muted)]),
        2 if long > 0 => out.push(vec![("─".repeat(long), Tone::Muted)]),
        _ => {}
    }
    out
}

fn list(page: &Page, first: Option<u64>, items: &[Vec<Block>], columns: usize) -> Vec<Line> {
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let mark = match first {
            Some(first) => format!("{}. ", first.saturating_add(at as u64)),
            None => "• ".to_owned(),
        };
        let hang = width(&mark);
        let lines = indented(
            columns,
            hang,
            |columns| blocks(page, item, columns),
            |line| (if line == 0 { mark.clone() } else { " ".repeat(hang) }, Tone::Usual),
        );
        out.extend(lines);
    }
    out
}

/// Lines moved to the right behind a prefix, which the number of the line decides; where there is too little room, they
/// stay where they are.
fn indented(
    columns: usize,
    by: usize,
    lines: impl FnOnce(usize) -> Vec<Line>,
    prefix: impl Fn(usize) -> (String, Tone),
) -> Vec<Line> {
    let room = columns.saturating_sub(by);
    if room < LEAST_ROOM {
        return lines(columns);
    }
    let before = |(at, mut line): (usize, Line)| {
        line.insert(0, prefix(at));
        line
    };
    lines(room).into_iter().enumerate().map(before).collect()
}

/// Running text in lines.
fn wrapped(inlines: &[Inline], tone: Tone, columns: usize) -> Vec<Line> {
    let mut paragraphs = vec![Line::new()];
    flatten(inlines, tone, &mut paragraphs);
    paragraphs
        .into_iter()
        .filter(|p| p.iter().any(|(t, _)| !t.trim().is_empty()))
        .flat_map(|p| broken(&p, columns))
        .collect()
}

/// The pieces of running text; a break begins a new paragraph.
fn flatten(inlines: &[Inline], tone: Tone, out: &mut Vec<Line>) {
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Value(text) => {
                if let Some(line) = out.last_mut() {
                    line.push((plain(text), tone));
                }
            }
            Inline::Strong(inner) => flatten(inner, if tone == Tone::Usual { Tone::Strong } else { tone }, out),
            Inline::Emphasis(inner) | Inline::Struck(inner) | Inline::Small(inner) | Inline::Link(_, inner) => {
                flatten(inner, tone, out);
            }
            Inline::Break => out.push(Line::new()),
        }
    }
}

/// Breaks a line at blanks, as [`wrap`] does, and keeps the tone of every letter.
fn broken(line: &Line, columns: usize) -> Vec<Line> {
    let text: String = line.iter().map(|(text, _)| text.as_str()).collect();
    let mut letters = line.iter().flat_map(|(text, tone)| text.chars().map(|c| (c, *tone)));
    let mut out = Vec::new();
    for part in wrap(text.trim(), columns) {
        let mut runs: Line = Vec::new();
        for c in part.chars() {
            // Blanks are all that breaking leaves out.
            let tone = letters.by_ref().find(|(letter, _)| *letter == c).map_or(Tone::Usual, |(_, tone)| tone);
            match runs.last_mut() {
                Some((run, same)) if *same == tone => run.push(c),
                _ => runs.push((c.to_string(), tone)),
            }
        }
        out.push(runs);
    }
    out
}

/// A text filled up with blanks to so many columns.
fn padded(text: &str, columns: usize, right: bool) -> String {
    let blanks = " ".repeat(columns.saturating_sub(width(text)));
    if right { blanks + text } else { text.to_owned() + &blanks }
}
