//! Lines over time, with the first, the last and the highest value written at them.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, n, text_width, widest};
use crate::report::chart::{Line, Lines};

/// Height of the drawing.
const TALL: f64 = 150.0;

pub(super) fn draw(canvas: &mut Canvas, lines: &Lines) {
    let values = || lines.lines.iter().flat_map(|l| &l.points).map(|p| p.value);
    let (low, high) = (values().min().unwrap_or(0).min(0), values().max().unwrap_or(0).max(0));
    let span = (high as f64 - low as f64).max(1.0);
    let entries: Vec<(Paint, &str)> =
        lines.lines.iter().enumerate().map(|(at, l)| (paint(at), l.name.as_str())).collect();
    let top = canvas.legend(0.0, &entries) + LINE;
    let side = widest(lines.lines.iter().flat_map(|l| &l.points).map(|p| p.shown.as_str()), LETTER) + 10.0;
    let room = (canvas.width - 2.0 * side).max(60.0);
    let gaps = lines.labels.len().saturating_sub(1).max(1) as f64;
    let x = |at: usize| side + room * at as f64 / gaps;
    let y = |value: i64| top + TALL * (1.0 - (value as f64 - low as f64) / span);
    canvas.line((side, y(0)), (side + room, y(0)), Paint::Quiet, 1.0);
    // The second line is drawn first, so that the first lies over it.
    for (at, line) in lines.lines.iter().enumerate().rev() {
        let mut d = String::new();
        for (point, value) in line.points.iter().enumerate() {
            d.push_str(&format!("{}{} {}", if point == 0 { "M" } else { "L" }, n(x(point)), n(y(value.value))));
        }
        canvas.stroke(&d, paint(at), if at == 0 { 2.5 } else { 2.0 }, at > 0);
        mark(canvas, line, at == 0, &x, &y);
    }
    labels(canvas, lines, top + TALL + LINE + 2.0, &x);
    canvas.height = top + TALL + LINE + 10.0;
}

fn paint(at: usize) -> Paint {
    if at == 0 { Paint::Main } else { Paint::Second }
}

/// Dots with values at both ends, and at the highest point of the first line.
fn mark(canvas: &mut Canvas, line: &Line, first: bool, x: &impl Fn(usize) -> f64, y: &impl Fn(i64) -> f64) {
    let last = line.points.len().saturating_sub(1);
    let highest =
        (0..=last).max_by_key(|at| (line.points.get(*at).map(|p| p.value), std::cmp::Reverse(*at))).unwrap_or(0);
    let mut marked = vec![(0, Anchor::End, -8.0, 4.5), (last, Anchor::Start, 8.0, 4.5)];
    if first && highest != 0 && highest != last {
        marked.push((highest, Anchor::Middle, 0.0, -9.0));
    }
    for (at, anchor, dx, dy) in marked {
        let Some(point) = line.points.get(at) else { continue };
        let (cx, cy) = (x(at), y(point.value));
        if first {
            canvas.rect(cx - 3.0, cy - 3.0, 6.0, 6.0, Paint::Main);
            canvas.text(cx + dx, cy + dy, anchor, Pen::Value, &point.shown);
        }
    }
}

/// As many labels as fit beside each other, the first and the last always.
fn labels(canvas: &mut Canvas, lines: &Lines, y: f64, x: &impl Fn(usize) -> f64) {
    let last = lines.labels.len().saturating_sub(1);
    let wide = |at: usize| lines.labels.get(at).map_or(0.0, |l| text_width(l, SMALL).min(120.0));
    let mut free = f64::MIN;
    for (at, label) in lines.labels.iter().enumerate() {
        let half = wide(at) / 2.0;
        let before_last = at == last || x(at) + half + 10.0 < x(last) - wide(last) / 2.0;
        if x(at) - half >= free && before_last {
            canvas.text(x(at), y, Anchor::Middle, Pen::Muted, &super::cut(label, 18));
            free = x(at) + half + 10.0;
        }
    }
}
