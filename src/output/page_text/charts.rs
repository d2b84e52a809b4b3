//! Charts for a terminal, in block characters.

use super::super::terminal::{cut, plain, width};
use super::{Line, Tone, broken, padded};
use crate::report::chart::{
    Bars, Chart, Drawing, Fan, Figures, Flow, Known, Lines, Place, Shape, TimeRow, Times, Waterfall,
};

/// The longest bar.
const LONGEST: usize = 56;

/// Bars are not drawn where there is room for fewer columns.
const SHORTEST: usize = 8;

/// Parts of one column, from one eighth to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Heights of a point in a line.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn lines(chart: &Chart, columns: usize) -> Vec<Line> {
    let (axis, body) = match &chart.drawing {
        Drawing::Bars(bars) => (bars.axis.as_str(), self::bars(bars, columns)),
        Drawing::Flow(flow) => ("", self::flow(flow, columns)),
        Drawing::Times(times) => ("", self::times(times, columns)),
        Drawing::Waterfall(waterfall) => (waterfall.axis.as_str(), self::waterfall(waterfall, columns)),
        Drawing::Lines(lines) => (lines.axis.as_str(), self::sparklines(lines, columns)),
        Drawing::Fan(fan) => (fan.axis.as_str(), self::fan(fan, columns)),
        Drawing::Figures(figures) => return self::figures(figures, columns),
    };
    let mut title = vec![(plain(chart.title.trim()), Tone::Strong)];
    if !axis.trim().is_empty() {
        title.push((format!(" ({})", plain(axis.trim())), Tone::Muted));
    }
    let mut out = broken(&title, columns);
    out.extend(body);
    out
}

/// How a drawing shares the columns: labels, values, bars. Without room for bars there are none.
struct Shares {
    label: usize,
    bar: usize,
}

impl Shares {
    fn of<'a>(labels: impl Iterator<Item = &'a str>, value: usize, columns: usize) -> Shares {
        let widest = labels.map(|l| width(&plain(l))).max().unwrap_or(0);
        let label = widest.min((columns / 3).max(10));
        let room = columns.saturating_sub(label + value + 4);
        Shares { label, bar: if room < SHORTEST { 0 } else { room.min(LONGEST) } }
    }

    fn label(&self, text: &str) -> String {
        padded(&cut(&plain(text), self.label), self.label, false)
    }
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|t| width(&plain(t))).max().unwrap_or(0)
}

/// A bar so long, to an eighth of a column; what is not nothing is seen.
fn bar(value: i64, largest: i64, room: usize) -> String {
    if largest <= 0 || value <= 0 {
        return String::new();
    }
    let eighths = ((value as f64 / largest as f64).clamp(0.0, 1.0) * (room * 8) as f64).round() as usize;
    let eighths = if room == 0 { 0 } else { eighths.max(1) };
    "█".repeat(eighths / 8) + EIGHTHS.get(eighths % 8).copied().unwrap_or_default()
}

/// A length in whole columns.
fn whole(value: i64, largest: i64, room: usize) -> usize {
    if largest <= 0 { 0 } else { ((value as f64 / largest as f64).clamp(0.0, 1.0) * room as f64).round() as usize }
}

fn bars(bars: &Bars, columns: usize) -> Vec<Line> {
    let seconds = || bars.bars.iter().filter_map(|b| b.second.as_ref());
    let values = bars.bars.iter().filter_map(|b| b.value).chain(seconds().map(|s| s.value));
    let largest = values.max().unwrap_or(0);
    let value = widest(bars.bars.iter().map(|b| b.shown.as_str()).chain(seconds().map(|s| s.shown.as_str())));
    let shares = Shares::of(bars.bars.iter().map(|b| b.label.as_str()), value, columns);
    let mut out = Vec::new();
    if let (Some(_), [first, second]) = (seconds().next(), bars.names.as_slice()) {
        let text = |mark: &str, name: &str| format!("{mark} {}", plain(name));
        out.push(vec![(text("█", first), Tone::Main), (format!("  {}", text("░", second)), Tone::Muted)]);
    }
    for (at, one) in bars.bars.iter().enumerate() {
        let label = shares.label(&one.label);
        let drawn = one.value.map_or_else(String::new, |v| bar(v, largest, shares.bar));
        let shown = plain(&one.shown);
        let tone = if one.value.is_some() { Tone::Usual } else { Tone::Muted };
        if bars.shape == Shape::Funnel && shares.bar > 0 {
            let long = whole(one.value.unwrap_or(0), largest, shares.bar).max(usize::from(one.value > Some(0)));
            let drawn = format!("{}{}", " ".repeat((shares.bar - long) / 2), "█".repeat(long));
            let drawn = padded(&drawn, shares.bar, false);
            out.push(vec![(label + "  ", Tone::Usual), (drawn, Tone::Main), (format!("  {shown}"), tone)]);
            if !one.onward.trim().is_empty() && at + 1 < bars.bars.len() {
                let onward = format!("↓ {}", plain(&one.onward));
                let left = shares.label + 2 + (shares.bar.saturating_sub(width(&onward))) / 2;
                out.push(vec![(" ".repeat(left) + &onward, Tone::Muted)]);
            }
            continue;
        }
        out.push(vec![(label + "  ", Tone::Usual), (drawn, Tone::Main), (format!(" {shown}"), tone)]);
        if let Some(second) = &one.second {
            let long = whole(second.value, largest, shares.bar);
            let text = format!("{}  {} {}", " ".repeat(shares.label), "░".repeat(long), plain(&second.shown));
            out.push(vec![(text, Tone::Muted)]);
        }
    }
    out
}

fn times(times: &Times, columns: usize) -> Vec<Line> {
    let said = |r: &TimeRow| {
        if r.median.shown == r.p90.shown {
            plain(&r.median.shown)
        } else {
            plain(&format!("{} · {}", r.median.shown, r.p90.shown))
        }
    };
    let texts: Vec<String> = times.rows.iter().map(said).collect();
    let lengths = times.rows.iter().flat_map(|r| [r.median.known, r.p90.known]).filter_map(Known::seconds);
    let largest = lengths.max().unwrap_or(0);
    let shares =
        Shares::of(times.rows.iter().map(|r| r.label.as_str()), widest(texts.iter().map(String::as_str)), columns);
    let mut out = Vec::new();
    if shares.bar > 0 {
        let legend = format!("█ {}  ▒ {}", plain(&times.names.0), plain(&times.names.1));
        out.extend(broken(&vec![(legend, Tone::Muted)], columns));
    }
    for (row, text) in times.rows.iter().zip(texts) {
        let long = |known: Known| known.seconds().map_or(0, |s| whole(s, largest, shares.bar));
        let (half, late) = (long(row.median.known), long(row.p90.known));
        let open = matches!(row.p90.known, Known::Beyond { .. }) && late > 0;
        let rest = late.saturating_sub(half + usize::from(open));
        let median = if matches!(row.median.known, Known::Beyond { .. }) { "▒" } else { "█" };
        out.push(vec![
            (shares.label(&row.label) + "  ", Tone::Usual),
            (median.repeat(half), Tone::Main),
            ("▒".repeat(rest) + if open { "▸" } else { "" }, Tone::Muted),
            (format!(" {text}"), Tone::Usual),
        ]);
    }
    out
}

fn waterfall(waterfall: &Waterfall, columns: usize) -> Vec<Line> {
    let levels = waterfall.levels();
    let ends = || levels.iter().flat_map(|(from, to)| [*from, *to]);
    let (low, high) = (ends().min().unwrap_or(0).min(0), ends().max().unwrap_or(0).max(0));
    let value = widest(waterfall.steps.iter().map(|s| s.shown.as_str()));
    let shares = Shares::of(waterfall.steps.iter().map(|s| s.label.as_str()), value, columns);
    let place = |level: i64| whole(level.saturating_sub(low), high.saturating_sub(low), shares.bar);
    let mut out = Vec::new();
    for (step, (from, to)) in waterfall.steps.iter().zip(&levels) {
        let (start, end) = (place(*from.min(to)), place(*from.max(to)));
        let long = (end - start).max(usize::from(step.value != 0 && shares.bar > 0));
        let start = start.min(shares.bar.saturating_sub(long));
        let tone = match (step.is_total, step.is_good) {
            (true, _) => Tone::Usual,
            (false, true) => Tone::Good,
            (false, false) => Tone::Bad,
        };
        let block = match (step.is_total, step.value) {
            (true, _) => "█",
            (false, 0..) => "▓",
            (false, ..0) => "░",
        };
        let shown = padded(&plain(&step.shown), value, true);
        out.push(vec![
            (format!("{}  ", shares.label(&step.label)), if step.is_total { Tone::Strong } else { Tone::Usual }),
            (shown, tone),
            ("  ".to_owned() + &" ".repeat(start), Tone::Usual),
            (block.repeat(long), tone),
        ]);
    }
    out
}

fn sparklines(lines: &Lines, columns: usize) -> Vec<Line> {
    let values = || lines.lines.iter().flat_map(|l| &l.points).map(|p| p.value);
    let (low, high) = (values().min().unwrap_or(0).min(0), values().max().unwrap_or(0).max(0));
    let name = widest(lines.lines.iter().map(|l| l.name.as_str())).min(columns / 3);
    let mut out = Vec::new();
    for line in &lines.lines {
        let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { continue };
        let (first, last) = (plain(&first.shown), plain(&last.shown));
        let room = columns.saturating_sub(name + width(&first) + width(&last) + 6);
        let shown = line.points.len().min(room.clamp(SHORTEST, LONGEST));
        let height = |at: usize| {
            // Of more points than fit, every so many is shown, the first and the last among them.
            let at = at * (line.points.len() - 1) / shown.saturating_sub(1).max(1);
            let value = line.points.get(at).map_or(0, |p| p.value);
            HEIGHTS
                .get(whole(value.saturating_sub(low), high.saturating_sub(low), HEIGHTS.len() - 1))
                .copied()
                .unwrap_or('▁')
        };
        let label = padded(&cut(&plain(&line.name), name), name, false);
        let gap = if name > 0 { "  " } else { "" };
        out.push(vec![
            (format!("{label}{gap}{first} "), Tone::Usual),
            ((0..shown).map(height).collect(), Tone::Main),
            (format!(" {last}"), Tone::Usual),
        ]);
    }
    if let (Some(first), Some(last)) = (lines.labels.first(), lines.labels.last()) {
        out.push(vec![(format!("{} – {}", plain(first), plain(last)), Tone::Muted)]);
    }
    out
}

/// A row for each point: where it probably lies, and its middle.
fn fan(fan: &Fan, columns: usize) -> Vec<Line> {
    let values = fan.high.iter().chain(&fan.middle).map(|p| p.value);
    let largest = values.chain(fan.target.as_ref().map(|t| t.value)).max().unwrap_or(0);
    let rows: Vec<_> = fan.labels.iter().zip(&fan.low).zip(fan.middle.iter().zip(&fan.high)).collect();
    let said = |low: &str, middle: &str, high: &str| plain(&format!("{middle} ({low} – {high})"));
    let texts: Vec<String> =
        rows.iter().map(|((_, low), (middle, high))| said(&low.shown, &middle.shown, &high.shown)).collect();
    let shares = Shares::of(fan.labels.iter().map(String::as_str), widest(texts.iter().map(String::as_str)), columns);
    let mut out = Vec::new();
    if shares.bar > 0 {
        let target = fan.target.as_ref().map_or_else(String::new, |_| format!("  ┆ {}", plain(&fan.names.2)));
        let legend = format!("█ {}  ▒ {}{target}", plain(&fan.names.0), plain(&fan.names.1));
        out.extend(broken(&vec![(legend, Tone::Muted)], columns));
    }
    let target = fan.target.as_ref().map(|t| whole(t.value, largest, shares.bar.saturating_sub(1)));
    for (((label, low), (middle, high)), text) in rows.into_iter().zip(texts) {
        let place = |point: &crate::report::chart::Point| whole(point.value, largest, shares.bar.saturating_sub(1));
        let (from, at, to) = (place(low), place(middle), place(high));
        let cell = |column: usize| match column {
            column if column == at => '█',
            column if (from..=to).contains(&column) => '▒',
            column if Some(column) == target => '┆',
            _ => ' ',
        };
        out.push(vec![
            (shares.label(label) + "  ", Tone::Usual),
            ((0..shares.bar).map(cell).collect(), Tone::Main),
            (format!(" {text}"), Tone::Usual),
        ]);
    }
    out
}

/// Who went where, stage by stage.
fn flow(flow: &Flow, columns: usize) -> Vec<Line> {
    let largest = flow.links.iter().map(|l| l.value).max().unwrap_or(0);
    let name = |at: usize| flow.nodes.get(at).map_or("", |n| n.label.as_str());
    let value = widest(flow.links.iter().map(|l| l.shown.as_str()));
    let shares = Shares::of(flow.links.iter().map(|l| name(l.to)), value, columns.saturating_sub(4));
    let mut out = Vec::new();
    for (at, node) in flow.nodes.iter().enumerate() {
        let mut links: Vec<_> = flow.links.iter().filter(|l| l.from == at).collect();
        if links.is_empty() {
            continue;
        }
        links.sort_by_key(|l| l.to);
        let shown = if node.shown.trim().is_empty() { String::new() } else { format!("  {}", plain(&node.shown)) };
        out.extend(broken(&vec![(plain(&node.label), Tone::Strong), (shown, Tone::Usual)], columns));
        for link in links {
            let tone = match flow.nodes.get(link.to).map(|n| n.place) {
                Some(Place::Won) => Tone::Good,
                Some(Place::Lost) => Tone::Bad,
                Some(Place::End) => Tone::Muted,
                Some(Place::Stage) | None => Tone::Main,
            };
            let arrow = if flow.is_back(link) { "←" } else { "→" };
            out.push(vec![
                (format!("  {arrow} {}  ", shares.label(name(link.to))), Tone::Usual),
                (bar(link.value, largest, shares.bar), tone),
                (format!(" {}", plain(&link.shown)), Tone::Usual),
            ]);
        }
    }
    out
}

fn figures(figures: &Figures, columns: usize) -> Vec<Line> {
    let all = &figures.figures;
    let (label, value) = (widest(all.iter().map(|f| f.label.as_str())), widest(all.iter().map(|f| f.value.as_str())));
    let beside = label + value + 2 <= columns;
    let mut out = Vec::new();
    for figure in all {
        let [name, number, note] = [&figure.label, &figure.value, &figure.note].map(|t| plain(t.trim()));
        if !beside {
            out.extend(broken(&vec![(format!("{name}: "), Tone::Usual), (number, Tone::Strong)], columns));
            continue;
        }
        let mut line =
            vec![(padded(&name, label, false) + "  ", Tone::Usual), (padded(&number, value, true), Tone::Strong)];
        if !note.is_empty() {
            line.push((format!("  {note}"), Tone::Muted));
        }
        out.push(line);
    }
    out
}
