//! A flow through stages: a bar for each stage in its order, the ends behind the last, and bands as thick as what went
//! along them.
//!
//! Stages are held at one edge, so that what goes on runs along that edge and what leaves goes off to the other. On a
//! narrow page the same drawing runs downwards.

use super::{Anchor, Canvas, LETTER, LINE, Paint, Pen, SMALL, columns_in, cut, lines_in, n, text_width, widest};
use crate::report::chart::{Flow, Link, Place};
use crate::report::markdown;

/// Room for the thickest stage.
const THICKEST: f64 = 220.0;

/// Room for the thickest stage of a narrow drawing.
const THICKEST_NARROW: f64 = 215.0;

/// Thickness of the bar of a node.
const BAR: f64 = 12.0;

/// From stage to stage on a narrow page.
const PITCH_NARROW: f64 = 84.0;

/// Between two ways back.
const LANE: f64 = 20.0;

/// A node where it lies: along the way, across it, and how thick.
#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    along: f64,
    across: f64,
    thick: f64,
}

/// A band between two nodes.
struct Band<'a> {
    link: &'a Link,
    paint: Paint,
    /// Along and across where it begins and where it ends.
    from: (f64, f64),
    to: (f64, f64),
    thick: f64,
}

/// The drawing before it is turned and moved to its place.
struct Layout<'a> {
    spots: Vec<Spot>,
    bands: Vec<Band<'a>>,
    back: Vec<&'a Link>,
    /// How far it reaches across.
    reach: f64,
}

pub(super) fn draw(canvas: &mut Canvas, flow: &Flow) {
    if canvas.is_narrow() { downwards(canvas, flow) } else { sideways(canvas, flow) }
}

/// Sums of a node: what came in and what went out, without the ways back.
fn sums(flow: &Flow, at: usize) -> i64 {
    let sum = |of: &dyn Fn(&Link) -> bool| {
        flow.links.iter().filter(|l| !flow.is_back(l) && of(l)).fold(0_i64, |sum, l| sum.saturating_add(l.value))
    };
    sum(&|l| l.to == at).max(sum(&|l| l.from == at))
}

/// The places with stages, and those of the ends: won first and lost last, as far from each other as can be.
fn places(flow: &Flow) -> (Vec<usize>, Vec<usize>) {
    let place = |at: usize| flow.nodes.get(at).map_or(Place::End, |n| n.place);
    let (stages, mut ends): (Vec<usize>, Vec<usize>) = (0..flow.nodes.len()).partition(|at| place(*at) == Place::Stage);
    ends.sort_by_key(|at| match place(*at) {
        Place::Won => 0,
        Place::Stage | Place::End => 1,
        Place::Lost => 2,
    });
    (stages, ends)
}

/// Lays out with so much from stage to stage, the thickest of them so thick, and at least so much room for each end.
fn layout(flow: &Flow, pitch: f64, thickest: f64, slot: f64) -> Layout<'_> {
    let (stages, ends) = places(flow);
    let total = |places: &[usize]| places.iter().map(|at| sums(flow, *at) as f64).fold(0.0, |a: f64, b| a + b);
    let largest = stages.iter().map(|at| sums(flow, *at) as f64).fold(total(&ends), f64::max).max(1.0);
    let scale = thickest / largest;
    let thick = |at: usize| (sums(flow, at) as f64 * scale).max(1.5);
    let mut spots = vec![Spot::default(); flow.nodes.len()];
    for (order, at) in stages.iter().enumerate() {
        if let Some(spot) = spots.get_mut(*at) {
            *spot = Spot { along: order as f64 * pitch, across: 0.0, thick: thick(*at) };
        }
    }
    let needed: f64 = ends.iter().map(|at| thick(*at).max(slot)).sum();
    let reach = needed.max(thickest);
    // What room is left goes between the ends.
    let gap = (reach - needed) / ends.len().saturating_sub(1).max(1) as f64;
    let mut across = 0.0;
    for at in &ends {
        if let Some(spot) = spots.get_mut(*at) {
            *spot = Spot { along: stages.len() as f64 * pitch, across, thick: thick(*at) };
        }
        across += thick(*at).max(slot) + gap;
    }
    let (back, forward): (Vec<&Link>, Vec<&Link>) = flow.links.iter().partition(|l| flow.is_back(l));
    Layout { bands: bands(flow, &forward, &spots, scale), spots, back, reach }
}

/// At each node the bands lie in the order of where they go and come from, so that few of them cross.
fn bands<'a>(flow: &Flow, links: &[&'a Link], spots: &[Spot], scale: f64) -> Vec<Band<'a>> {
    let spot = |at: usize| spots.get(at).copied().unwrap_or_default();
    let mut out: Vec<Band<'a>> = links
        .iter()
        .map(|link| {
            let paint = match flow.nodes.get(link.to).map(|n| n.place) {
                Some(Place::Won) => Paint::Good,
                Some(Place::Lost) => Paint::Bad,
                Some(Place::End) => Paint::Quiet,
                Some(Place::Stage) | None => Paint::Main,
            };
            let from = (spot(link.from).along + BAR, spot(link.from).across);
            let to = (spot(link.to).along, spot(link.to).across);
            Band { link, paint, from, to, thick: (link.value as f64 * scale).max(1.0) }
        })
        .collect();
    let order = |place: f64| (place * 100.0) as i64;
    let mut filled = vec![0.0; spots.len()];
    out.sort_by_key(|b| (b.link.from, order(b.to.1), order(b.to.0)));
    for band in &mut out {
        if let Some(filled) = filled.get_mut(band.link.from) {
            band.from.1 += *filled;
            *filled += band.thick;
        }
    }
    let mut filled = vec![0.0; spots.len()];
    out.sort_by_key(|b| (b.link.to, std::cmp::Reverse(order(b.from.0)), order(b.from.1)));
    for band in &mut out {
        if let Some(filled) = filled.get_mut(band.link.to) {
            band.to.1 += *filled;
            *filled += band.thick;
        }
    }
    // The thickest are drawn first, so that no thin one is hidden.
    out.sort_by_key(|b| (std::cmp::Reverse(b.link.value), b.link.from, b.link.to));
    out
}

fn sideways(canvas: &mut Canvas, flow: &Flow) {
    let (stages, ends) = places(flow);
    let name = |at: &usize| flow.nodes.get(*at).map_or("", |n| n.label.as_str());
    let end_room = widest(ends.iter().map(name), LETTER).clamp(40.0, 150.0) + 12.0;
    let pitch = (canvas.width - end_room - BAR) / stages.len().max(1) as f64;
    let layout = layout(flow, pitch, THICKEST, 2.0 * LINE + 8.0);
    let labels: Vec<Vec<String>> = stages.iter().map(|at| lines_in(name(at), pitch - 10.0, LETTER, 3)).collect();
    let most = labels.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let shown = |at: usize| flow.nodes.get(at).map_or("", |n| n.shown.as_str());
    let numbered = if stages.iter().any(|at| !shown(*at).trim().is_empty()) { LINE } else { 0.0 };
    let top = most * LINE + numbered + 4.0;
    for band in &layout.bands {
        ribbon(canvas, band, top, false);
    }
    for (at, label) in stages.iter().zip(&labels) {
        let Some(spot) = layout.spots.get(*at) else { continue };
        let first = top - 4.0 - numbered - label.len() as f64 * LINE + 13.0;
        canvas.lines(spot.along, first, Anchor::Start, Pen::Label, label);
        canvas.text(spot.along, top - 8.0, Anchor::Start, Pen::Value, shown(*at));
        canvas.rect(spot.along, top, BAR, spot.thick, Paint::Main);
    }
    for at in &ends {
        let Some(spot) = layout.spots.get(*at) else { continue };
        canvas.rect(spot.along, top + spot.across, BAR, spot.thick, end_paint(flow, *at));
        let middle = top + spot.across + spot.thick / 2.0;
        let first = (middle - 3.0).max(top + spot.across + 12.0);
        let label = cut(&markdown::plain(name(at)), columns_in(end_room - 12.0, LETTER));
        canvas.text(spot.along + BAR + 8.0, first, Anchor::Start, Pen::Label, &label);
        canvas.text(spot.along + BAR + 8.0, first + LINE, Anchor::Start, Pen::Value, shown(*at));
    }
    for (x, y, text) in numbers(&layout, LINE - 3.0) {
        canvas.text(x + 6.0, top + y + 4.0, Anchor::Start, Pen::Number, text);
    }
    let ground = top + layout.reach;
    canvas.height = ground + 8.0;
    for (order, link) in layout.back.iter().enumerate() {
        let (Some(from), Some(to)) = (layout.spots.get(link.from), layout.spots.get(link.to)) else { continue };
        let lane = ground + 20.0 + order as f64 * LANE;
        let (x1, x2) = (from.along + BAR / 2.0 + 2.0, to.along + BAR / 2.0 - 2.0);
        let (y1, y2) = (top + from.across + from.thick, top + to.across + to.thick + 7.0);
        let d = format!("M{} {}V{}H{}V{}", n(x1), n(y1), n(lane), n(x2), n(y2));
        canvas.stroke(&d, Paint::Quiet, 1.5, true);
        let tip = format!("M{} {}l4 8h-8Z", n(x2), n(y2 - 6.0));
        canvas.path(&tip, Paint::Quiet);
        let text = format!("← {}", link.shown);
        canvas.text((x1 + x2) / 2.0, lane - 4.0, Anchor::Middle, Pen::Muted, &text);
        canvas.height = lane + 8.0;
    }
}

fn downwards(canvas: &mut Canvas, flow: &Flow) {
    let (stages, ends) = places(flow);
    let slot = canvas.width / ends.len().max(1) as f64 - 6.0;
    let layout = layout(flow, PITCH_NARROW, THICKEST_NARROW, slot.min(90.0));
    let top = LINE + 4.0;
    for band in &layout.bands {
        ribbon(canvas, band, top, true);
    }
    let label_of = |at: usize| {
        flow.nodes.get(at).map_or_else(String::new, |n| format!("{}  {}", markdown::plain(&n.label), n.shown))
    };
    for at in &stages {
        let Some(spot) = layout.spots.get(*at) else { continue };
        canvas.rect(0.0, top + spot.along, spot.thick, BAR, Paint::Main);
        let label = cut(label_of(*at).trim_end(), columns_in(canvas.width, LETTER));
        canvas.text(0.0, top + spot.along - 6.0, Anchor::Start, Pen::Label, &label);
    }
    let mut lowest = top;
    for at in &ends {
        let Some(spot) = layout.spots.get(*at) else { continue };
        canvas.rect(spot.across, top + spot.along, spot.thick, BAR, end_paint(flow, *at));
        let lines = lines_in(&label_of(*at), spot.thick.max(slot.min(90.0)) - 4.0, LETTER, 3);
        canvas.lines(spot.across, top + spot.along + BAR + 15.0, Anchor::Start, Pen::Label, &lines);
        lowest = lowest.max(top + spot.along + BAR + 15.0 + lines.len() as f64 * LINE);
    }
    for (along, across, text) in numbers(&layout, 26.0) {
        canvas.text(across, top + along + 13.0, Anchor::Middle, Pen::Number, text);
    }
    for link in &layout.back {
        let name = |at: usize| flow.nodes.get(at).map_or("", |n| n.label.as_str());
        let text = format!("← {}: {} → {}", link.shown, name(link.from), name(link.to));
        let lines = lines_in(&text, canvas.width, SMALL, 2);
        canvas.lines(0.0, lowest + 10.0, Anchor::Start, Pen::Muted, &lines);
        lowest += lines.len() as f64 * LINE;
    }
    canvas.height = lowest + 8.0;
}

fn end_paint(flow: &Flow, at: usize) -> Paint {
    match flow.nodes.get(at).map(|n| n.place) {
        Some(Place::Won) => Paint::Good,
        Some(Place::Lost) => Paint::Bad,
        _ => Paint::Quiet,
    }
}

/// A band as a path; `turned` where the way runs down the page.
fn ribbon(canvas: &mut Canvas, band: &Band<'_>, top: f64, turned: bool) {
    let point = |(along, across): (f64, f64)| {
        let (x, y) = if turned { (across, along + top) } else { (along, across + top) };
        format!("{} {}", n(x), n(y))
    };
    let middle = (band.from.0 + band.to.0) / 2.0;
    let far = |(along, across): (f64, f64)| (along, across + band.thick);
    let ((start, end), (below_start, below_end)) = ((band.from, band.to), (far(band.from), far(band.to)));
    let d = format!(
        "M{}C{} {} {}L{}C{} {} {}Z",
        point(start),
        point((middle, start.1)),
        point((middle, end.1)),
        point(end),
        point(below_end),
        point((middle, below_end.1)),
        point((middle, below_start.1)),
        point(below_start),
    );
    canvas.band(&d, band.paint);
}

/// The numbers of the bands, each where its band begins, moved so that no two stand on each other.
fn numbers<'l>(layout: &'l Layout<'_>, apart: f64) -> Vec<(f64, f64, &'l str)> {
    let mut out: Vec<(f64, f64, &str)> =
        layout.bands.iter().map(|b| (b.from.0, b.from.1 + b.thick / 2.0, b.link.shown.as_str())).collect();
    out.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut before: Option<(f64, f64)> = None;
    for (along, across, text) in &mut out {
        let wide = apart.max(if apart > LINE { text_width(text, SMALL) + 6.0 } else { apart });
        if let Some((last, end)) = before
            && last == *along
        {
            *across = across.max(end + wide);
        }
        before = Some((*along, *across));
    }
    out
}
