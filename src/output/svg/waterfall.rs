//! A waterfall: bars that hang where the one before ended.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, lines_in, text_width, widest};
use crate::report::chart::{Step, Waterfall};

/// Height of the drawing where bars stand.
const TALL: f64 = 230.0;

/// Height of a row where bars lie.
const ROW: f64 = 28.0;

/// Thickness of a bar that lies.
const THICK: f64 = 18.0;

/// A step that is not nothing is seen.
const LEAST: f64 = 1.5;

pub(super) fn draw(canvas: &mut Canvas, waterfall: &Waterfall) {
    let levels = waterfall.levels();
    let ends = || levels.iter().flat_map(|(from, to)| [*from, *to]);
    let (low, high) = (ends().min().unwrap_or(0).min(0), ends().max().unwrap_or(0).max(0));
    // Where a level lies between the lowest and the highest.
    let span = (high as f64 - low as f64).max(1.0);
    let height = |level: i64| (level as f64 - low as f64) / span;
    let heights: Vec<(f64, f64)> = levels.iter().map(|(from, to)| (height(*from), height(*to))).collect();
    if stands(canvas, waterfall) {
        standing(canvas, waterfall, &heights, height(0));
    } else {
        lying(canvas, waterfall, &heights, height(0));
    }
}

fn paint(step: &Step) -> Paint {
    match (step.is_total, step.is_good, step.value) {
        (true, ..) => Paint::Quiet,
        (false, true, 0..) => Paint::Good,
        (false, true, ..0) => Paint::GoodDown,
        (false, false, 0..) => Paint::BadUp,
        (false, false, ..0) => Paint::Bad,
    }
}

fn stands(canvas: &Canvas, waterfall: &Waterfall) -> bool {
    let pitch = canvas.width / waterfall.steps.len().max(1) as f64;
    let fits = |text: &str, size: f64| text_width(text, size) <= pitch - 4.0;
    !canvas.is_narrow()
        && waterfall.steps.iter().all(|s| fits(&s.shown, LETTER) && s.label.split(' ').all(|word| fits(word, SMALL)))
}

fn standing(canvas: &mut Canvas, waterfall: &Waterfall, heights: &[(f64, f64)], ground: f64) {
    let pitch = canvas.width / waterfall.steps.len().max(1) as f64;
    let thick = (pitch * 0.66).min(72.0);
    let y = |height: f64| LINE + TALL * (1.0 - height);
    let mut lowest = y(0.0);
    for (at, (step, (from, to))) in waterfall.steps.iter().zip(heights).enumerate() {
        let middle = pitch * (at as f64 + 0.5);
        let (top, bottom) = (y(from.max(*to)), y(from.min(*to)));
        let tall = if step.value == 0 { bottom - top } else { (bottom - top).max(LEAST) };
        canvas.rect(middle - thick / 2.0, top, thick, tall, paint(step));
        canvas.text(middle, top - 5.0, Anchor::Middle, Pen::Value, &step.shown);
        if at + 1 < waterfall.steps.len() {
            canvas.line((middle + thick / 2.0, y(*to)), (middle + pitch - thick / 2.0, y(*to)), Paint::Quiet, 1.0);
        }
        let lines = lines_in(&step.label, pitch - 3.0, SMALL, 3);
        canvas.lines(middle, y(0.0) + LINE, Anchor::Middle, Pen::Muted, &lines);
        lowest = lowest.max(y(0.0) + LINE * lines.len() as f64);
    }
    canvas.line((0.0, y(ground)), (canvas.width, y(ground)), Paint::Quiet, 1.0);
    canvas.height = lowest + 8.0;
}

fn lying(canvas: &mut Canvas, waterfall: &Waterfall, heights: &[(f64, f64)], ground: f64) {
    let narrow = canvas.is_narrow();
    let label_room = canvas.width * 0.3;
    let values = widest(waterfall.steps.iter().map(|s| s.shown.as_str()), LETTER) + 6.0;
    let left = if narrow {
        0.0
    } else {
        widest(waterfall.steps.iter().map(|s| s.label.as_str()), LETTER).min(label_room) + 14.0 + values
    };
    let room = canvas.width - left - 2.0;
    let x = |height: f64| left + room * height;
    let mut y = 0.0;
    let mut joint: Option<(f64, f64)> = None;
    for (step, (from, to)) in waterfall.steps.iter().zip(heights) {
        let lines = lines_in(&step.label, if narrow { canvas.width - values - 8.0 } else { label_room }, LETTER, 2);
        let high = ROW.max(lines.len() as f64 * LINE + 6.0);
        let at = if narrow {
            let below = y + lines.len() as f64 * LINE + 2.0;
            connect(canvas, joint, below);
            canvas.lines(0.0, y + 13.0, Anchor::Start, Pen::Label, &lines);
            canvas.text(canvas.width, y + 13.0, Anchor::End, Pen::Value, &step.shown);
            y = below - 2.0;
            below
        } else {
            connect(canvas, joint, y + (high - THICK) / 2.0);
            let first = y + high / 2.0 + 4.5 - (lines.len() as f64 - 1.0) * LINE / 2.0;
            canvas.lines(0.0, first, Anchor::Start, Pen::Label, &lines);
            canvas.text(left - 10.0, y + high / 2.0 + 4.5, Anchor::End, Pen::Value, &step.shown);
            y + (high - THICK) / 2.0
        };
        let (start, end) = (x(from.min(*to)), x(from.max(*to)));
        let long = if step.value == 0 { end - start } else { (end - start).max(LEAST) };
        canvas.rect(start, at, long, THICK, paint(step));
        joint = Some((x(*to), at + THICK));
        y = if narrow { at + THICK + 8.0 } else { y + high };
    }
    if !narrow {
        canvas.line((x(ground), 0.0), (x(ground), y), Paint::Quiet, 1.0);
    }
    canvas.height = y + 4.0;
}

/// A line from where the bar before ended down to this one.
fn connect(canvas: &mut Canvas, joint: Option<(f64, f64)>, to: f64) {
    if let Some((x, from)) = joint {
        canvas.line((x, from), (x, to), Paint::Quiet, 1.0);
    }
}
