//! What can be expected, widening with time: a line in the middle of a band, with the values of the end written at it.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, cut, n, text_width, widest};
use crate::report::chart::{Fan, Point};

/// Height of the drawing.
const TALL: f64 = 190.0;

/// Least room between the baselines of two values.
const APART: f64 = 16.0;

pub(super) fn draw(canvas: &mut Canvas, fan: &Fan) {
    let target = fan.target.as_ref();
    let values = fan.high.iter().chain(&fan.middle).map(|p| p.value);
    let highest = values.chain(target.map(|t| t.value)).max().unwrap_or(0).max(1);
    let mut entries = vec![(Paint::Main, fan.names.0.as_str()), (Paint::Soft, fan.names.1.as_str())];
    entries.extend(target.map(|_| (Paint::Ink, fan.names.2.as_str())));
    let top = canvas.legend(0.0, &entries) + LINE;
    let last = fan.labels.len().saturating_sub(1);
    let ends: Vec<&Point> = [&fan.high, &fan.middle, &fan.low].iter().filter_map(|line| line.get(last)).collect();
    let right = widest(ends.iter().copied().chain(target).map(|p| p.shown.as_str()), LETTER) + 14.0;
    let left = fan.labels.first().map_or(0.0, |l| text_width(l, SMALL).min(120.0) / 2.0) + 2.0;
    let room = (canvas.width - left - right).max(60.0);
    let x = |at: usize| left + room * at as f64 / last.max(1) as f64;
    let y = |value: i64| top + TALL * (1.0 - (value as f64 / highest as f64).clamp(0.0, 1.0));
    let way = |line: &[Point], from: &str| -> String {
        let step =
            |(at, p): (usize, &Point)| format!("{}{} {}", if at == 0 { from } else { "L" }, n(x(at)), n(y(p.value)));
        line.iter().enumerate().map(step).collect()
    };
    let back: String =
        fan.low.iter().enumerate().rev().map(|(at, p)| format!("L{} {}", n(x(at)), n(y(p.value)))).collect();
    canvas.path(&format!("{}{back}Z", way(&fan.high, "M")), Paint::Soft);
    canvas.line((left, y(0)), (left + room, y(0)), Paint::Quiet, 1.0);
    if let Some(target) = target {
        let d = format!("M{} {}L{} {}", n(left), n(y(target.value)), n(left + room), n(y(target.value)));
        canvas.stroke(&d, Paint::Ink, 1.5, true);
    }
    canvas.stroke(&way(&fan.middle, "M"), Paint::Main, 2.5, false);
    // The values of the end, from the top, each as near to its point as the one above lets it be.
    let mut said: Vec<(f64, Pen, &str)> = Vec::new();
    said.extend(target.map(|t| (y(t.value), Pen::Muted, t.shown.as_str())));
    let pens = [Pen::Label, Pen::Value, Pen::Label];
    said.extend(ends.iter().zip(pens).map(|(p, pen)| (y(p.value), pen, p.shown.as_str())));
    said.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = f64::MIN;
    let mut places: Vec<f64> = Vec::with_capacity(said.len());
    for (wanted, _, _) in &said {
        let place = wanted.max(free);
        places.push(place);
        free = place + APART;
    }
    // What was pushed below the ground moves up again, and those above make room.
    let mut lowest = top + TALL + 4.0;
    for place in places.iter_mut().rev() {
        *place = place.min(lowest);
        lowest = *place - APART;
    }
    for ((_, pen, text), place) in said.iter().zip(&places) {
        canvas.text(left + room + 8.0, place + 4.5, Anchor::Start, *pen, text);
    }
    labels(canvas, fan, top + TALL + LINE + 2.0, &x);
    canvas.height = top + TALL + LINE + 10.0;
}

/// As many labels as fit beside each other, the first and the last always.
fn labels(canvas: &mut Canvas, fan: &Fan, y: f64, x: &impl Fn(usize) -> f64) {
    let last = fan.labels.len().saturating_sub(1);
    let wide = |at: usize| fan.labels.get(at).map_or(0.0, |l| text_width(l, SMALL).min(120.0));
    let mut free = f64::MIN;
    for (at, label) in fan.labels.iter().enumerate() {
        let half = wide(at) / 2.0;
        let before_last = at == last || x(at) + half + 10.0 < x(last) - wide(last) / 2.0;
        if x(at) - half >= free && before_last {
            canvas.text(x(at), y, Anchor::Middle, Pen::Muted, &cut(label, 18));
            free = x(at) + half + 10.0;
        }
    }
}
