//! Lengths of time: a bar to where nine of ten are over, and a mark where half are.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, lines_in, n, part, widest};
use crate::report::chart::{Known, TimeRow, Times};

/// Height of a row.
const ROW: f64 = 30.0;

/// Thickness of a bar.
const THICK: f64 = 16.0;

pub(super) fn draw(canvas: &mut Canvas, times: &Times) {
    let narrow = canvas.is_narrow();
    let largest = times.rows.iter().flat_map(|r| [r.median.known, r.p90.known]).filter_map(Known::seconds).max();
    let largest = largest.unwrap_or(0);
    let label_room = canvas.width * 0.26;
    let left =
        if narrow { 0.0 } else { widest(times.rows.iter().map(|r| r.label.as_str()), LETTER).min(label_room) + 14.0 };
    let texts: Vec<String> = times.rows.iter().map(said).collect();
    let said_room = widest(texts.iter().map(String::as_str), SMALL) + 16.0;
    let room = if narrow { canvas.width - 14.0 } else { (canvas.width - left - said_room).max(120.0) };
    let mut y = canvas.legend(0.0, &[(Paint::Ink, &times.names.0), (Paint::Soft, &times.names.1)]);
    let begins = y;
    for (row, text) in times.rows.iter().zip(&texts) {
        let lines = lines_in(&row.label, if narrow { canvas.width * 0.5 } else { label_room }, LETTER, 2);
        let high = ROW.max(lines.len() as f64 * LINE + 8.0);
        let (known, late) = (row.median.known.seconds(), row.p90.known);
        let at = if narrow {
            canvas.lines(0.0, y + 13.0, Anchor::Start, Pen::Label, &lines);
            canvas.text(canvas.width, y + 13.0, Anchor::End, Pen::Muted, text);
            y += lines.len() as f64 * LINE + 1.0;
            y + 2.0
        } else {
            let first = y + high / 2.0 + 4.5 - (lines.len() as f64 - 1.0) * LINE / 2.0;
            canvas.lines(0.0, first, Anchor::Start, Pen::Label, &lines);
            y + (high - THICK) / 2.0
        };
        let mut end = left;
        if let Some(seconds) = late.seconds() {
            let long = room * part(seconds, largest);
            end = left + long;
            match late {
                // What is not reached ends in a point: it goes on, nobody knows how far.
                Known::Beyond { .. } => {
                    let back = (end - 10.0).max(left);
                    let d = format!(
                        "M{} {}H{}L{} {}L{} {}H{}Z",
                        n(left),
                        n(at),
                        n(back),
                        n(end),
                        n(at + THICK / 2.0),
                        n(back),
                        n(at + THICK),
                        n(left)
                    );
                    canvas.path(&d, Paint::Soft);
                }
                _ => canvas.rect(left, at, long, THICK, Paint::Soft),
            }
        }
        match (row.median.known, known) {
            (Known::Exactly { .. }, Some(seconds)) => {
                let x = left + room * part(seconds, largest);
                canvas.rect(x - 1.5, at - 3.0, 3.0, THICK + 6.0, Paint::Ink);
                end = end.max(x + 2.0);
            }
            (_, Some(seconds)) => end = end.max(left + room * part(seconds, largest)),
            (_, None) => {}
        }
        if narrow {
            y = at + THICK + 9.0;
        } else {
            canvas.text(end + 10.0, y + high / 2.0 + 4.0, Anchor::Start, Pen::Muted, text);
            y += high;
        }
    }
    if !narrow {
        canvas.line((left, begins), (left, y), Paint::Quiet, 1.0);
    }
    canvas.height = y + 4.0;
}

/// What is written at a row: both lengths, or once what is said of both.
fn said(row: &TimeRow) -> String {
    if row.median.shown == row.p90.shown {
        row.median.shown.clone()
    } else {
        format!("{} · {}", row.median.shown, row.p90.shown)
    }
}
