//! Charts as data: what is to be seen, whoever draws it.
//!
//! A chart is made once, by a template, and drawn several times: as Mermaid for the forges, as SVG for a page, as blocks
//! for a terminal. Every number in it comes with the text that is shown for it, so that all of them say the same.

pub mod functions;
pub(super) mod mermaid;

use serde::{Deserialize, Serialize};

/// The largest value a chart is drawn for: beyond it the renderers' own floats lose digits.
pub const MAX_VALUE: i64 = 1_000_000_000_000_000;

/// Bars, rows or steps beyond which a chart says nothing to anybody.
pub const MAX_BARS: usize = 36;

/// Points of a line beyond which it is only a blot.
const MAX_POINTS: usize = 400;

/// Nodes of a flow.
const MAX_NODES: usize = 24;

/// Links of a flow.
const MAX_LINKS: usize = 200;

/// Big numbers on top of a report.
const MAX_FIGURES: usize = 12;

/// Characters of any text in a chart; a renderer may show fewer.
const MAX_TEXT: usize = 400;

/// Things that a description of a chart names one by one.
const MAX_DESCRIBED: usize = 12;

/// One chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    /// What it is of, on one line; any text.
    pub title: String,
    /// What it shows, in words, for those who cannot see it. Empty: its numbers are read out.
    pub alt: String,
    /// What is drawn.
    pub drawing: Drawing,
}

/// What a chart draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Drawing {
    /// Lengths to compare.
    Bars(Bars),
    /// How much goes from where to where.
    Flow(Flow),
    /// How long things take.
    Times(Times),
    /// What a total became, step by step.
    Waterfall(Waterfall),
    /// How something went over time.
    Lines(Lines),
    /// What can be expected, widening with time.
    Fan(Fan),
    /// A few big numbers.
    Figures(Figures),
}

/// Bars from zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bars {
    /// What is counted: `deals`, `EUR`.
    pub axis: String,
    /// In what the values are given.
    pub unit: Unit,
    /// How they stand.
    pub shape: Shape,
    /// What the first and the second value of each bar are, where there are two: `this quarter`, `before`.
    pub names: Vec<String>,
    /// The bars from the top, or from the left.
    pub bars: Vec<Bar>,
}

/// In what the values of bars and lines are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Things or money.
    Whole,
    /// Shares in thousandths: 1000 is all.
    Share,
}

/// How bars stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Side by side.
    Vertical,
    /// One under the other.
    Horizontal,
    /// One under the other around a middle line, each leading to the next.
    Funnel,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// What it stands for; any text.
    pub label: String,
    /// How long it is; `None` where too little is known, which `shown` says.
    pub value: Option<i64>,
    /// What is written at it.
    pub shown: String,
    /// Where the true value lies, nineteen times out of twenty.
    pub range: Option<(i64, i64)>,
    /// A second value beside it.
    pub second: Option<Point>,
    /// In a funnel, what is said of the way from this bar to the next.
    pub onward: String,
}

/// A value with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The value.
    pub value: i64,
    /// What is written at it.
    pub shown: String,
}

/// Things on their way through stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The stages in their order, and the ends.
    pub nodes: Vec<Node>,
    /// Who went where.
    pub links: Vec<Link>,
    /// What is written before the name of a stage that somebody went back to: `back to`.
    pub back: String,
}

/// A place in a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it is called; any text.
    pub label: String,
    /// What kind of place it is.
    pub place: Place,
    /// What is written at it; may be empty.
    pub shown: String,
}

/// What kind of place a node of a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A stage.
    Stage,
    /// The end everybody works for.
    Won,
    /// The end nobody wants.
    Lost,
    /// Another end.
    End,
}

/// So many went from one node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Index of the node they left.
    pub from: usize,
    /// Index of the node they came to.
    pub to: usize,
    /// How many, or how much; more than zero.
    pub value: i64,
    /// What is written at it.
    pub shown: String,
}

/// Lengths of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// What the axis counts: `days`.
    pub axis: String,
    /// What the two lengths of a row are called: `half are over by`, `nine of ten are over by`.
    pub names: (String, String),
    /// One row a stage.
    pub rows: Vec<TimeRow>,
}

/// The lengths of time of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRow {
    /// Of what; any text.
    pub label: String,
    /// By when half are over.
    pub median: Length,
    /// By when nine of ten are over.
    pub p90: Length,
}

/// A length of time, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// What is known.
    pub known: Known,
    /// What is written for it: `12 d`, `not reached (> 40 d)`.
    pub shown: String,
    /// The same where there is little room: `12 d`, `> 40 d`.
    pub short: String,
}

/// What is known of a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Known {
    /// So many seconds.
    Exactly {
        /// Seconds.
        seconds: i64,
    },
    /// More than so many: too many are still under way to say.
    Beyond {
        /// Seconds.
        seconds: i64,
    },
    /// Too few to say anything.
    TooEarly,
}

impl Known {
    /// The seconds that can be drawn.
    pub fn seconds(self) -> Option<i64> {
        match self {
            Known::Exactly { seconds } | Known::Beyond { seconds } => Some(seconds),
            Known::TooEarly => None,
        }
    }
}

/// Steps from one total to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waterfall {
    /// What is added up: `EUR`.
    pub axis: String,
    /// The steps in their order.
    pub steps: Vec<Step>,
}

/// One step of a waterfall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What happened; any text.
    pub label: String,
    /// By how much the total went up or down; of a total, the total.
    pub value: i64,
    /// What is written at it.
    pub shown: String,
    /// Whether it is a total, which stands on the ground.
    pub is_total: bool,
    /// Whether it is good news: what was won takes from what is open, and is.
    pub is_good: bool,
}

impl Waterfall {
    /// Between which levels each step stands: where it begins and where it ends.
    pub fn levels(&self) -> Vec<(i64, i64)> {
        let mut level: i64 = 0;
        let mut out = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let from = if step.is_total { 0 } else { level };
            level = from.saturating_add(step.value);
            out.push((from, level));
        }
        out
    }
}

/// One or more lines over the same points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// What is counted.
    pub axis: String,
    /// In what the values are given.
    pub unit: Unit,
    /// What stands under the points: `2026-01`, `2026-02` …
    pub labels: Vec<String>,
    /// The lines, one or two.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it is; may be empty where there is only one.
    pub name: String,
    /// One point for each label.
    pub points: Vec<Point>,
}

/// A line between two edges over the same points, from zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fan {
    /// What is counted: `EUR`.
    pub axis: String,
    /// What stands under the points.
    pub labels: Vec<String>,
    /// What the line in the middle, the band, and the target are called.
    pub names: (String, String, String),
    /// The lower edge, a point for each label.
    pub low: Vec<Point>,
    /// The line in the middle.
    pub middle: Vec<Point>,
    /// The upper edge.
    pub high: Vec<Point>,
    /// What is to be reached.
    pub target: Option<Point>,
}

/// The few big numbers of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The numbers.
    pub figures: Vec<Figure>,
}

/// One big number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// The number as it is shown.
    pub value: String,
    /// What one must know to read it; may be empty.
    pub note: String,
}

impl Chart {
    /// Whether there is anything to draw, and every part of it can be drawn: not empty, not too much, no index out of
    /// range, nothing negative where that makes no sense, nothing enormous. The table beside it says all of it anyway.
    pub fn is_drawable(&self) -> bool {
        let short = |text: &String| text.chars().nth(MAX_TEXT).is_none();
        let sane = |value: i64| (-MAX_VALUE..=MAX_VALUE).contains(&value);
        let length = |value: i64| (0..=MAX_VALUE).contains(&value);
        let fits = |n: usize, most: usize| (1..=most).contains(&n);
        short(&self.title)
            && self.alt.chars().nth(10 * MAX_TEXT).is_none()
            && match &self.drawing {
                Drawing::Bars(bars) => {
                    let values =
                        || bars.bars.iter().flat_map(|b| b.value.into_iter().chain(b.second.iter().map(|s| s.value)));
                    fits(bars.bars.len(), MAX_BARS)
                        && bars.names.len() <= 2
                        && bars.bars.iter().map(|b| &b.label).chain(&bars.names).all(short)
                        && bars.bars.iter().all(|b| short(&b.shown) && short(&b.onward))
                        && bars.bars.iter().filter_map(|b| b.second.as_ref()).all(|s| short(&s.shown))
                        && bars
                            .bars
                            .iter()
                            .filter_map(|b| b.range)
                            .all(|(low, high)| length(low) && low <= high && length(high))
                        && values().all(length)
                        && values().any(|v| v > 0)
                }
                Drawing::Flow(flow) => {
                    let total = flow.links.iter().fold(0_i64, |sum, link| sum.saturating_add(link.value));
                    fits(flow.nodes.len(), MAX_NODES)
                        && fits(flow.links.len(), MAX_LINKS)
                        && flow.nodes.iter().any(|n| n.place == Place::Stage)
                        && short(&flow.back)
                        && flow.nodes.iter().all(|n| short(&n.label) && short(&n.shown))
                        && flow.links.iter().all(|l| flow.link_is_sound(l) && short(&l.shown))
                        && total <= MAX_VALUE
                }
                Drawing::Times(times) => {
                    let lengths = || times.rows.iter().flat_map(|r| [&r.median, &r.p90]);
                    fits(times.rows.len(), MAX_BARS)
                        && [&times.names.0, &times.names.1].into_iter().all(short)
                        && times.rows.iter().all(|r| short(&r.label))
                        && lengths().all(|l| short(&l.shown) && short(&l.short) && l.known.seconds().is_none_or(length))
                        && lengths().any(|l| l.known.seconds().is_some_and(|s| s > 0))
                }
                Drawing::Waterfall(waterfall) => {
                    fits(waterfall.steps.len(), MAX_BARS)
                        && waterfall.steps.iter().all(|s| sane(s.value) && short(&s.label) && short(&s.shown))
                        && waterfall.levels().iter().all(|(from, to)| sane(*from) && sane(*to))
                        && waterfall.steps.iter().any(|s| s.value != 0)
                }
                Drawing::Lines(lines) => {
                    let points = || lines.lines.iter().flat_map(|l| &l.points);
                    (2..=MAX_POINTS).contains(&lines.labels.len())
                        && fits(lines.lines.len(), 2)
                        && lines.lines.iter().all(|l| l.points.len() == lines.labels.len() && short(&l.name))
                        && lines.labels.iter().all(short)
                        && points().all(|p| sane(p.value) && short(&p.shown))
                        && points().any(|p| p.value != 0)
                }
                Drawing::Fan(fan) => {
                    let lines = [&fan.low, &fan.middle, &fan.high];
                    let points = || lines.into_iter().flatten().chain(&fan.target);
                    (2..=MAX_POINTS).contains(&fan.labels.len())
                        && lines.iter().all(|line| line.len() == fan.labels.len())
                        && fan.labels.iter().chain([&fan.names.0, &fan.names.1, &fan.names.2]).all(short)
                        && points().all(|p| length(p.value) && short(&p.shown))
                        && fan.low.iter().zip(&fan.high).all(|(low, high)| low.value <= high.value)
                        && fan.high.iter().any(|p| p.value > 0)
                }
                Drawing::Figures(figures) => {
                    fits(figures.figures.len(), MAX_FIGURES)
                        && figures.figures.iter().all(|f| short(&f.label) && short(&f.value) && short(&f.note))
                }
            }
    }

    /// What the chart shows, in words and numbers, on one line.
    pub fn description(&self) -> String {
        if !self.alt.trim().is_empty() {
            return self.alt.clone();
        }
        let pair = |label: &str, shown: &str| format!("{label}: {shown}");
        let parts: Vec<String> = match &self.drawing {
            Drawing::Bars(bars) => bars.bars.iter().map(|b| pair(&b.label, &b.shown)).collect(),
            Drawing::Flow(flow) => {
                let name = |at: usize| flow.nodes.get(at).map_or("", |n| n.label.as_str());
                flow.links.iter().map(|l| format!("{} → {}: {}", name(l.from), name(l.to), l.shown)).collect()
            }
            Drawing::Times(times) => {
                times.rows.iter().map(|r| format!("{}: {}, {}", r.label, r.median.shown, r.p90.shown)).collect()
            }
            Drawing::Waterfall(waterfall) => waterfall.steps.iter().map(|s| pair(&s.label, &s.shown)).collect(),
            Drawing::Lines(lines) => {
                let of_line = |line: &Line| {
                    lines.labels.iter().zip(&line.points).map(|(l, p)| pair(l, &p.shown)).collect::<Vec<_>>()
                };
                lines.lines.iter().flat_map(of_line).collect()
            }
            Drawing::Fan(fan) => {
                let edges = fan.low.iter().zip(&fan.high);
                let row = |((label, middle), (low, high)): ((&String, &Point), (&Point, &Point))| {
                    format!("{label}: {} ({} – {})", middle.shown, low.shown, high.shown)
                };
                fan.labels.iter().zip(&fan.middle).zip(edges).map(row).collect()
            }
            Drawing::Figures(figures) => figures.figures.iter().map(|f| pair(&f.label, &f.value)).collect(),
        };
        let more = if parts.len() > MAX_DESCRIBED { "; …" } else { "" };
        parts.into_iter().take(MAX_DESCRIBED).collect::<Vec<_>>().join("; ") + more
    }
}

impl Flow {
    /// Whether a link can be drawn: between two nodes that are there and differ, one of them a stage, and not empty.
    fn link_is_sound(&self, link: &Link) -> bool {
        let ends = [link.from, link.to];
        ends.iter().all(|at| *at < self.nodes.len())
            && link.from != link.to
            && (self.is_stage(link.from) || self.is_stage(link.to))
            && link.value > 0
    }

    /// Whether a link leads back: to an earlier stage, or from an end to any stage.
    pub fn is_back(&self, link: &Link) -> bool {
        self.is_stage(link.to) && (link.to < link.from || !self.is_stage(link.from))
    }

    /// Whether there is a stage at this index.
    fn is_stage(&self, at: usize) -> bool {
        self.nodes.get(at).is_some_and(|n| n.place == Place::Stage)
    }
}
