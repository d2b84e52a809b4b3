//! Tables for a terminal: numbers are never cut, texts are where they must be, and where the numbers alone are too wide,
//! each row becomes a few lines.

use super::super::markup::{Inline, Table, text_of};
use super::super::terminal::{Align, cut, plain, width, wrap};
use super::{Line, Tone, broken, padded};

/// Blanks between two columns.
const GAP: usize = 2;

/// A column of text is not made narrower than this.
const LEAST_TEXT: usize = 10;

pub(super) fn lines(table: &Table, columns: usize) -> Vec<Line> {
    let text = |cells: &[Vec<Inline>]| cells.iter().map(|c| plain(text_of(c).trim())).collect::<Vec<String>>();
    let head = text(&table.head);
    let rows: Vec<(Vec<String>, bool)> = table.rows.iter().map(|r| (text(r), Table::is_total(r))).collect();
    let align: Vec<Align> = (0..head.len()).map(|c| table.align_of(c)).collect();
    match widths(&head, &rows, &align, columns) {
        Some(widths) => laid_out(&head, &rows, &align, &widths),
        None => one_by_one(&head, &rows, columns),
    }
}

/// How wide each column is; `None` where they cannot stand beside each other.
fn widths(head: &[String], rows: &[(Vec<String>, bool)], align: &[Align], columns: usize) -> Option<Vec<usize>> {
    let cell = |column: usize| rows.iter().filter_map(|(r, _)| r.get(column)).map(|t| width(t)).max().unwrap_or(0);
    let cells: Vec<usize> = (0..head.len()).map(cell).collect();
    let room = columns.checked_sub(GAP * head.len().saturating_sub(1))?;
    let whole = |widths: &[usize]| widths.iter().sum::<usize>() <= room;
    // Heads in one line, then in several, then with their words broken.
    let one_line: Vec<usize> = head.iter().zip(&cells).map(|(h, c)| width(h).max(*c)).collect();
    if whole(&one_line) {
        return Some(one_line);
    }
    let word = |h: &String| h.split(' ').map(width).max().unwrap_or(0);
    let mut widths: Vec<usize> = head.iter().zip(&cells).map(|(h, c)| word(h).max(*c)).collect();
    let texts: Vec<usize> = (0..head.len()).filter(|c| align.get(*c) == Some(&Align::Left)).collect();
    while !whole(&widths) {
        let widest = texts.iter().copied().max_by_key(|c| (widths.get(*c).copied(), std::cmp::Reverse(*c)))?;
        let over = widths.iter().sum::<usize>().saturating_sub(room);
        let next = texts.iter().filter(|c| **c != widest).filter_map(|c| widths.get(*c)).max().copied().unwrap_or(0);
        let column = widths.get_mut(widest)?;
        if *column <= LEAST_TEXT {
            return None;
        }
        // As much as needed, but not below the next widest, which then takes its turn.
        *column = (*column).saturating_sub(over).max(next.saturating_sub(1)).max(LEAST_TEXT).min(*column - 1);
    }
    Some(widths)
}

fn laid_out(head: &[String], rows: &[(Vec<String>, bool)], align: &[Align], widths: &[usize]) -> Vec<Line> {
    let is_right = |column: usize| align.get(column) == Some(&Align::Right);
    let row = |cells: &dyn Fn(usize) -> String| {
        let mut out = String::new();
        for (column, columns) in widths.iter().enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            out.push_str(gap);
            out.push_str(&padded(&cut(&cells(column), *columns), *columns, is_right(column)));
        }
        out
    };
    let heads: Vec<Vec<String>> = head.iter().zip(widths).map(|(h, w)| wrap(h, *w)).collect();
    let tall = heads.iter().map(Vec::len).max().unwrap_or(1);
    let mut out: Vec<Line> = Vec::with_capacity(rows.len() + tall + 1);
    for line in 0..tall {
        // Heads stand on the line below them.
        let part = |column: usize| {
            let lines = heads.get(column)?;
            lines.get((line + lines.len()).checked_sub(tall)?).cloned()
        };
        out.push(vec![(row(&|column| part(column).unwrap_or_default()), Tone::Muted)]);
    }
    let long = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    out.push(vec![("─".repeat(long), Tone::Muted)]);
    for (cells, total) in rows {
        let tone = if *total { Tone::Strong } else { Tone::Usual };
        // What a row is called is never cut; what else it says in words may be.
        let named = !is_right(0);
        let name = cells.first().filter(|_| named).map(|name| wrap(name, widths.first().copied().unwrap_or(1)));
        let mut name = name.unwrap_or_default().into_iter();
        let first = name.next();
        out.push(vec![(
            row(&|column| match (&first, column) {
                (Some(first), 0) => first.clone(),
                _ => cells.get(column).cloned().unwrap_or_default(),
            }),
            tone,
        )]);
        out.extend(name.map(|line| vec![(line, tone)]));
    }
    out
}

/// Each row as its first cell with the others below it, each behind the head of its column.
fn one_by_one(head: &[String], rows: &[(Vec<String>, bool)], columns: usize) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    for (cells, _) in rows {
        if !out.is_empty() {
            out.push(Line::new());
        }
        for (column, (name, cell)) in head.iter().zip(cells).enumerate() {
            if column == 0 {
                out.extend(broken(&vec![(cell.clone(), Tone::Strong)], columns));
            } else if !cell.is_empty() {
                let line = vec![(format!("{name}: "), Tone::Muted), (cell.clone(), Tone::Usual)];
                for mut part in broken(&line, columns.saturating_sub(2)) {
                    part.insert(0, ("  ".to_owned(), Tone::Usual));
                    out.push(part);
                }
            }
        }
    }
    out
}
