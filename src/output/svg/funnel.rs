//! A funnel: bars around a middle line, each leading to the next.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, lines_in, n, part, text_width, widest};
use crate::report::chart::Bars;

/// Height of a stage.
const STAGE: f64 = 38.0;

/// Height of the way from one stage to the next.
const WAY: f64 = 22.0;

/// The narrowest bar, so that a stage nobody came to is seen to be there.
const LEAST: f64 = 3.0;

pub(super) fn draw(canvas: &mut Canvas, bars: &Bars) {
    let narrow = canvas.is_narrow();
    let largest = bars.bars.iter().filter_map(|b| b.value).max().unwrap_or(0);
    let label_room = canvas.width * 0.27;
    let left =
        if narrow { 0.0 } else { widest(bars.bars.iter().map(|b| b.label.as_str()), LETTER).min(label_room) + 18.0 };
    let right =
        if narrow { 0.0 } else { widest(bars.bars.iter().map(|b| b.onward.as_str()), LETTER).min(160.0) + 34.0 };
    let room = canvas.width - left - right;
    let middle = left + room / 2.0;
    let wide = |value: Option<i64>| (room * part(value.unwrap_or(0), largest)).max(LEAST);
    let mut y = if narrow { 0.0 } else { 2.0 };
    for (at, bar) in bars.bars.iter().enumerate() {
        let label = lines_in(&bar.label, if narrow { canvas.width - 70.0 } else { label_room }, LETTER, 2);
        if narrow {
            canvas.lines(0.0, y + 13.0, Anchor::Start, Pen::Label, &label);
            canvas.text(canvas.width, y + 13.0, Anchor::End, Pen::Value, &bar.shown);
            y += label.len() as f64 * LINE + 2.0;
        } else {
            let first = y + STAGE / 2.0 + 4.5 - (label.len() as f64 - 1.0) * LINE / 2.0;
            canvas.lines(0.0, first, Anchor::Start, Pen::Label, &label);
        }
        let high = if narrow { STAGE - 12.0 } else { STAGE };
        let long = wide(bar.value);
        canvas.rect(middle - long / 2.0, y, long, high, Paint::Main);
        if !narrow {
            let baseline = y + high / 2.0 + 4.5;
            if bar.value.is_some() && text_width(&bar.shown, LETTER) + 10.0 <= long {
                canvas.text(middle, baseline, Anchor::Middle, Pen::OnMain, &bar.shown);
            } else {
                canvas.text(middle + long / 2.0 + 8.0, baseline, Anchor::Start, Pen::Value, &bar.shown);
            }
        }
        y += high;
        let Some(next) = bars.bars.get(at + 1) else { continue };
        let then = wide(next.value);
        // On a narrow page the name of the next stage stands on the way to it.
        let named = lines_in(&next.label, canvas.width - 70.0, LETTER, 2).len() as f64 * LINE + 2.0;
        let way = if narrow { WAY + named } else { WAY };
        let (x1, x2) = (middle - long / 2.0, middle + long / 2.0);
        let (x3, x4) = (middle + then / 2.0, middle - then / 2.0);
        let d = format!("M{} {}L{} {}L{} {}L{} {}Z", n(x1), n(y), n(x2), n(y), n(x3), n(y + way), n(x4), n(y + way));
        canvas.path(&d, Paint::Soft);
        if !bar.onward.trim().is_empty() {
            let onward = format!("↓ {}", bar.onward);
            if narrow {
                canvas.text(middle, y + WAY / 2.0 + 4.5, Anchor::Middle, Pen::Number, &onward);
            } else {
                canvas.text(canvas.width - right + 14.0, y + WAY / 2.0 + 4.5, Anchor::Start, Pen::Label, &onward);
            }
        }
        y += WAY;
    }
    canvas.height = y + 4.0;
}
