//! Bars side by side or under each other.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, columns_in, lines_in, part, text_width, widest};
use crate::report::chart::{Bar, Bars, Shape};

/// Thickness of a bar that lies.
const THICK: f64 = 20.0;

/// Thickness of the second bar of a pair.
const THIN: f64 = 9.0;

/// Height of the tallest bar that stands.
const TALL: f64 = 180.0;

pub(super) fn draw(canvas: &mut Canvas, bars: &Bars) {
    let paired = bars.bars.iter().any(|b| b.second.is_some());
    let mut y = 0.0;
    if paired {
        let name = |at: usize| bars.names.get(at).map_or("", String::as_str);
        y = canvas.legend(y, &[(Paint::Main, name(0)), (Paint::Second, name(1))]);
    }
    if bars.shape == Shape::Vertical && stands(canvas, bars) {
        standing(canvas, bars, y);
    } else {
        lying(canvas, bars, y);
    }
}

/// The largest value, with its range.
fn largest(bars: &Bars) -> i64 {
    let of_bar = |b: &Bar| {
        let second = b.second.as_ref().map(|s| s.value);
        b.value.into_iter().chain(second).chain(b.range.map(|(_, high)| high)).max()
    };
    bars.bars.iter().filter_map(of_bar).max().unwrap_or(0)
}

/// Whether every label and every value fits under and over its bar.
fn stands(canvas: &Canvas, bars: &Bars) -> bool {
    let pitch = canvas.width / bars.bars.len().max(1) as f64;
    let fits = |text: &str, size: f64| text_width(text, size) <= pitch - 6.0;
    bars.bars.iter().all(|b| fits(&b.shown, LETTER) && b.label.split(' ').all(|word| fits(word, SMALL)))
}

fn standing(canvas: &mut Canvas, bars: &Bars, top: f64) {
    let pitch = canvas.width / bars.bars.len().max(1) as f64;
    let largest = largest(bars);
    let paired = bars.bars.iter().any(|b| b.second.is_some());
    let ground = top + LINE + TALL;
    let thick = (pitch * 0.6).min(64.0);
    let mut lowest = ground;
    for (at, bar) in bars.bars.iter().enumerate() {
        let middle = pitch * (at as f64 + 0.5);
        let left = middle - thick / 2.0;
        let first = if paired { thick * 0.62 } else { thick };
        let mut roof = ground;
        if let Some(value) = bar.value {
            let tall = TALL * part(value, largest);
            canvas.rect(left, ground - tall, first, tall, Paint::Main);
            roof = ground - tall;
        }
        if let Some(second) = &bar.second {
            let tall = TALL * part(second.value, largest);
            canvas.rect(left + first + 2.0, ground - tall, thick - first - 2.0, tall, Paint::Second);
            roof = roof.min(ground - tall);
        }
        if let Some((low, high)) = bar.range {
            let (low, high) = (ground - TALL * part(low, largest), ground - TALL * part(high, largest));
            whisker(canvas, (left + first / 2.0, low), (left + first / 2.0, high));
            roof = roof.min(high);
        }
        let pen = if bar.value.is_some() { Pen::Value } else { Pen::Muted };
        canvas.text(middle, roof - 6.0, Anchor::Middle, pen, &bar.shown);
        let lines = lines_in(&bar.label, pitch - 4.0, SMALL, 3);
        canvas.lines(middle, ground + LINE, Anchor::Middle, Pen::Muted, &lines);
        lowest = lowest.max(ground + LINE * lines.len() as f64);
    }
    canvas.line((0.0, ground), (canvas.width, ground), Paint::Quiet, 1.0);
    canvas.height = lowest + 8.0;
}

fn lying(canvas: &mut Canvas, bars: &Bars, top: f64) {
    let narrow = canvas.is_narrow();
    let largest = largest(bars);
    let label_room = if narrow { canvas.width } else { canvas.width * 0.32 };
    let widest_label = widest(bars.bars.iter().map(|b| b.label.as_str()), LETTER);
    let left = if narrow { 0.0 } else { widest_label.min(label_room) + 14.0 };
    let shown = |b: &Bar| if b.value.is_some() { b.shown.clone() } else { String::new() };
    let values: Vec<String> = bars.bars.iter().map(shown).collect();
    let room = (canvas.width - left - widest(values.iter().map(String::as_str), LETTER) - 12.0).max(40.0);
    let mut y = top;
    let begins = y;
    for bar in &bars.bars {
        let paired = bar.second.is_some();
        let lines = lines_in(&bar.label, if narrow { canvas.width } else { label_room }, LETTER, 2);
        let beside = if narrow { 0.0 } else { lines.len() as f64 * LINE };
        let thick = THICK + if paired { THIN + 2.0 } else { 0.0 };
        let high = (thick + if paired { 14.0 } else { 9.0 }).max(beside + 6.0);
        if narrow {
            canvas.lines(0.0, y + 13.0, Anchor::Start, Pen::Label, &lines);
            y += lines.len() as f64 * LINE + 1.0;
        } else {
            let first = y + high / 2.0 - beside / 2.0 + 13.0;
            canvas.lines(0.0, first, Anchor::Start, Pen::Label, &lines);
        }
        let at = y + (high - thick) / 2.0;
        let mut end = left;
        if let Some(value) = bar.value {
            let long = room * part(value, largest);
            canvas.rect(left, at, long, THICK, Paint::Main);
            end = left + long;
        }
        if let Some(second) = &bar.second {
            let long = room * part(second.value, largest);
            canvas.rect(left, at + THICK + 2.0, long, THIN, Paint::Second);
            canvas.text(left + long + 6.0, at + THICK + 2.0 + THIN, Anchor::Start, Pen::Muted, &second.shown);
        }
        if let Some((low, high)) = bar.range {
            let (low, high) = (left + room * part(low, largest), left + room * part(high, largest));
            whisker(canvas, (low, at + THICK / 2.0), (high, at + THICK / 2.0));
            end = end.max(high);
        }
        let pen = if bar.value.is_some() { Pen::Value } else { Pen::Muted };
        let columns = columns_in(canvas.width - end - 6.0, LETTER);
        canvas.text(end + 6.0, at + 15.0, Anchor::Start, pen, &super::cut(&bar.shown, columns));
        y += high + if narrow { 4.0 } else { 0.0 };
    }
    if !narrow {
        canvas.line((left, begins), (left, y), Paint::Quiet, 1.0);
    }
    canvas.height = y + 4.0;
}

/// From one end to the other, with a cap at each.
fn whisker(canvas: &mut Canvas, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    canvas.line((x1, y1), (x2, y2), Paint::Paper, 3.5);
    canvas.line((x1, y1), (x2, y2), Paint::Ink, 1.5);
    let (dx, dy) = if (y1 - y2).abs() < (x1 - x2).abs() { (0.0, 4.0) } else { (4.0, 0.0) };
    for (x, y) in [(x1, y1), (x2, y2)] {
        canvas.line((x - dx, y - dy), (x + dx, y + dy), Paint::Ink, 1.5);
    }
}
