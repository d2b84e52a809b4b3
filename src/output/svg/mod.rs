//! Charts as SVG that stands in a page: drawn twice, for a wide page and for a narrow one, with all text beside the shapes.
//!
//! Nothing rests on colour alone: what is bad is hatched, ends are named, values are written. Colours are Okabe and Ito's
//! for all kinds of sight; they stand as attributes, so that a drawing is right without a style sheet, and as classes, so
//! that a style sheet can change them.

mod bars;
mod fan;
mod flow;
mod funnel;
mod lines;
mod times;
mod waterfall;

use std::fmt::Write as _;

use super::html::escape;
use super::terminal::{cut, width, wrap};
use crate::report::chart::{Chart, Drawing, Shape};
use crate::report::markdown;

/// Size of letters.
const LETTER: f64 = 13.0;

/// Size of small letters.
const SMALL: f64 = 11.5;

/// Height of a line of text.
const LINE: f64 = 17.0;

/// Width of a letter of one column as a part of its size: a little more than what common fonts have.
const COLUMN: f64 = 0.58;

/// For what room a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A page on a desk, or on paper.
    Wide,
    /// A telephone.
    Narrow,
}

impl Room {
    /// Units across, which are pixels where there is just enough room.
    fn across(self) -> f64 {
        match self {
            Room::Wide => 760.0,
            Room::Narrow => 350.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Room::Wide => "wide",
            Room::Narrow => "narrow",
        }
    }
}

/// A chart as an `<svg>` element; `number` tells it from the others on the page. `None` where there is nothing to draw, and
/// for big numbers, which are text.
pub fn draw(chart: &Chart, number: usize, room: Room) -> Option<String> {
    if !chart.is_drawable() {
        return None;
    }
    let mut canvas = Canvas::new(number, room);
    match &chart.drawing {
        Drawing::Bars(bars) if bars.shape == Shape::Funnel => funnel::draw(&mut canvas, bars),
        Drawing::Bars(bars) => bars::draw(&mut canvas, bars),
        Drawing::Flow(flow) => flow::draw(&mut canvas, flow),
        Drawing::Times(times) => times::draw(&mut canvas, times),
        Drawing::Waterfall(waterfall) => waterfall::draw(&mut canvas, waterfall),
        Drawing::Lines(lines) => lines::draw(&mut canvas, lines),
        Drawing::Fan(fan) => fan::draw(&mut canvas, fan),
        Drawing::Figures(_) => return None,
    }
    Some(canvas.finish(chart))
}

/// What a shape stands for, which decides how it is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    /// The thing itself.
    Main,
    /// What it is compared with; hatched.
    Second,
    /// What was won or went up.
    Good,
    /// Good news that took something away; hatched.
    GoodDown,
    /// What was lost or went down; hatched.
    Bad,
    /// Bad news that added something.
    BadUp,
    /// Totals, other ends, axes.
    Quiet,
    /// What belongs to the main thing and must not outshine it.
    Soft,
    /// Marks that must be seen over everything.
    Ink,
    /// What keeps such a mark apart from what it lies on.
    Paper,
}

impl Paint {
    /// The class, and the colour on white paper.
    fn of(self) -> (&'static str, &'static str) {
        match self {
            Paint::Main => ("c-main", "#0072b2"),
            Paint::Second => ("c-second", "#9c5a85"),
            Paint::Good | Paint::GoodDown => ("c-good", "#007f5c"),
            Paint::Bad | Paint::BadUp => ("c-bad", "#d55e00"),
            Paint::Quiet => ("c-quiet", "#6b7280"),
            Paint::Soft => ("c-main c-soft", "#0072b2"),
            Paint::Ink => ("c-ink", "#1b1f24"),
            Paint::Paper => ("c-paper", "#ffffff"),
        }
    }

    fn is_hatched(self) -> bool {
        matches!(self, Paint::Second | Paint::Bad | Paint::GoodDown)
    }
}

/// Where a text is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pen {
    /// Names.
    Label,
    /// Values.
    Value,
    /// What explains.
    Muted,
    /// Values of what is many.
    Number,
    /// A value on the main colour.
    OnMain,
}

impl Pen {
    /// Class, colour on white paper, size, weight.
    fn of(self) -> (&'static str, &'static str, f64, u16) {
        match self {
            Pen::Label => ("t", "#1b1f24", LETTER, 400),
            Pen::Value => ("t v", "#1b1f24", LETTER, 600),
            Pen::Muted => ("t m", "#565d68", SMALL, 400),
            Pen::Number => ("t", "#1b1f24", SMALL, 400),
            Pen::OnMain => ("t v on", "#ffffff", LETTER, 600),
        }
    }
}

/// A drawing in the making.
struct Canvas {
    body: String,
    prefix: String,
    room: Room,
    width: f64,
    height: f64,
    /// The hatched paints that were used.
    hatched: Vec<Paint>,
}

impl Canvas {
    fn new(number: usize, room: Room) -> Canvas {
        let prefix = format!("chart.{number}.{}", room.name());
        Canvas { body: String::new(), prefix, room, width: room.across(), height: 0.0, hatched: Vec::new() }
    }

    fn is_narrow(&self) -> bool {
        self.room == Room::Narrow
    }

    /// The element with its name, its description and the patterns that were used.
    fn finish(self, chart: &Chart) -> String {
        let Canvas { body, prefix, room, width, height, hatched } = self;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart-{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
             aria-labelledby=\"{prefix}.title {prefix}.desc\" font-family=\"system-ui, sans-serif\">\n",
            room.name(),
            n(width),
            n(height.ceil()),
        );
        let title = markdown::plain(&chart.title);
        let description = markdown::plain(&chart.description());
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "<title id=\"{prefix}.title\">{}</title>\n<desc id=\"{prefix}.desc\">{}</desc>\n",
            escape(&title),
            escape(&description)
        );
        if !hatched.is_empty() {
            out.push_str("<defs>");
            for paint in hatched {
                let (class, colour) = paint.of();
                let _ = write!(
                    out,
                    "<pattern id=\"{prefix}.{class}\" patternUnits=\"userSpaceOnUse\" width=\"6\" height=\"6\" \
                     patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" class=\"{class}\" fill=\"{colour}\" \
                     fill-opacity=\"0.3\"/><rect width=\"3\" height=\"6\" class=\"{class}\" fill=\"{colour}\"/></pattern>",
                );
            }
            out.push_str("</defs>\n");
        }
        out.push_str(&body);
        out.push_str("</svg>");
        out
    }

    /// How a shape is filled.
    fn fill(&mut self, paint: Paint) -> String {
        let (class, colour) = paint.of();
        if paint.is_hatched() {
            if !self.hatched.contains(&paint) {
                self.hatched.push(paint);
            }
            return format!("fill=\"url(#{}.{class})\" stroke=\"{colour}\" class=\"s-{}\"", self.prefix, &class[2..]);
        }
        let soft =
            if paint == Paint::Soft { " fill-opacity=\"0.28\" stroke=\"#0072b2\" stroke-width=\"0.8\"" } else { "" };
        format!("class=\"{class}\" fill=\"{colour}\"{soft}")
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, paint: Paint) {
        let fill = self.fill(paint);
        let (width, height) = (width.max(0.0), height.max(0.0));
        let _ = writeln!(
            self.body,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {fill}/>",
            n(x),
            n(y),
            n(width),
            n(height)
        );
    }

    fn path(&mut self, d: &str, paint: Paint) {
        let fill = self.fill(paint);
        let _ = writeln!(self.body, "<path d=\"{d}\" {fill}/>");
    }

    /// A band of a flow: see-through, with an edge that is not.
    fn band(&mut self, d: &str, paint: Paint) {
        let (class, colour) = paint.of();
        let fill = self.fill(paint);
        let _ = match paint.is_hatched() {
            true => writeln!(self.body, "<path d=\"{d}\" {fill} fill-opacity=\"0.5\" stroke-width=\"0.8\"/>"),
            false => writeln!(
                self.body,
                "<path d=\"{d}\" class=\"{class} c-band\" fill=\"{colour}\" fill-opacity=\"0.3\" stroke=\"{colour}\" \
                 stroke-width=\"0.8\"/>"
            ),
        };
    }

    /// A line along a path, so thick, with dashes where it is no solid fact.
    fn stroke(&mut self, d: &str, paint: Paint, thick: f64, dashed: bool) {
        let (class, colour) = paint.of();
        let dash = if dashed { " stroke-dasharray=\"5 4\"" } else { "" };
        let _ = writeln!(
            self.body,
            "<path d=\"{d}\" fill=\"none\" class=\"s-{}\" stroke=\"{colour}\" stroke-width=\"{}\"{dash}/>",
            &class[2..],
            n(thick)
        );
    }

    /// A straight line.
    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), paint: Paint, thick: f64) {
        self.stroke(&format!("M{} {}L{} {}", n(x1), n(y1), n(x2), n(y2)), paint, thick, false);
    }

    /// One line of text on a baseline.
    fn text(&mut self, x: f64, y: f64, anchor: Anchor, pen: Pen, text: &str) {
        let text = markdown::plain(text);
        if text.trim().is_empty() {
            return;
        }
        let (class, colour, size, weight) = pen.of();
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        // An edge in the colour of the paper keeps letters readable where a shape lies below them.
        let edge = if pen == Pen::OnMain {
            ""
        } else {
            " paint-order=\"stroke\" stroke=\"#ffffff\" stroke-width=\"3\" stroke-linejoin=\"round\""
        };
        let weight = if weight == 400 { String::new() } else { format!(" font-weight=\"{weight}\"") };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\"{anchor} class=\"{class}\" fill=\"{colour}\" font-size=\"{}\"{weight}{edge}>{}</text>",
            n(x),
            n(y),
            n(size),
            escape(&text)
        );
    }

    /// Several lines of text, the first on this baseline.
    fn lines(&mut self, x: f64, y: f64, anchor: Anchor, pen: Pen, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            self.text(x, y + at as f64 * LINE, anchor, pen, line);
        }
    }

    /// What the paints stand for, in a line at the top; what was there before stands below it. Names that are empty are
    /// left out.
    fn legend(&mut self, y: f64, entries: &[(Paint, &str)]) -> f64 {
        let (mut x, mut y) = (0.0, y);
        let entries: Vec<_> = entries.iter().filter(|(_, name)| !name.trim().is_empty()).collect();
        if entries.is_empty() {
            return y;
        }
        for (paint, name) in entries {
            let name = cut(&markdown::plain(name), columns_in(self.width - 24.0, SMALL));
            let wide = 18.0 + text_width(&name, SMALL) + 18.0;
            if x > 0.0 && x + wide > self.width {
                x = 0.0;
                y += LINE;
            }
            if *paint == Paint::Ink {
                self.rect(x + 4.0, y + 1.0, 3.0, 13.0, *paint);
            } else {
                self.rect(x, y + 2.0, 12.0, 11.0, *paint);
            }
            self.text(x + 18.0, y + 12.0, Anchor::Start, Pen::Muted, &name);
            x += wide;
        }
        y + LINE + 6.0
    }
}

/// A coordinate: two digits after the point at most, and no minus before zero.
fn n(value: f64) -> String {
    let rounded = if value.is_finite() { (value * 100.0).round() / 100.0 } else { 0.0 };
    // Adding zero takes the sign from a negative zero.
    format!("{}", rounded + 0.0)
}

/// How much room a text takes across.
fn text_width(text: &str, size: f64) -> f64 {
    width(text) as f64 * size * COLUMN
}

/// How many columns of text fit into so much room.
fn columns_in(room: f64, size: f64) -> usize {
    (room / (size * COLUMN)).max(1.0) as usize
}

/// A text in lines that fit into so much room; what does not fit into so many lines is cut.
fn lines_in(text: &str, room: f64, size: f64, most: usize) -> Vec<String> {
    let columns = columns_in(room, size);
    let mut lines = wrap(markdown::plain(text).trim(), columns);
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1)).join(" ");
        lines.push(cut(&rest, columns));
    }
    lines
}

/// The widest of some texts.
fn widest<'a>(texts: impl Iterator<Item = &'a str>, size: f64) -> f64 {
    texts.map(|t| text_width(&markdown::plain(t), size)).fold(0.0, f64::max)
}

/// A value as a part of the largest; nothing of nothing is nothing.
fn part(value: i64, largest: i64) -> f64 {
    if largest <= 0 { 0.0 } else { (value as f64 / largest as f64).clamp(0.0, 1.0) }
}
