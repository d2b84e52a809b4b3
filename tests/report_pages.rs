//! Reports as pages, as Markdown and as text for a terminal: charts of every kind, and texts that try to be more than text.

mod kit;

use html5ever::tendril::TendrilSink;
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use proptest::prelude::*;
use tussock::output::html;
use tussock::output::page_text::{self, MIN_COLUMNS};
use tussock::output::svg::{Room, draw};
use tussock::output::terminal::width;
use tussock::output::text::Look;
use tussock::report::chart::{
    Bar, Bars, Chart, Drawing, Figure, Figures, Flow, Known, Length, Line, Lines, Link, Node, Place, Point, Shape,
    Step, TimeRow, Times, Unit, Waterfall,
};
use tussock::report::markdown;
use tussock::report::page::{Page, mark};

const DAY: i64 = 86_400;

fn chart(title: &str, drawing: Drawing) -> Chart {
    Chart { title: title.to_owned(), alt: String::new(), drawing }
}

fn thousands(value: i64) -> String {
    tussock::report::number::thousands(&value.to_string(), tussock::report::lang::Lang::En)
}

fn bar(label: &str, value: i64) -> Bar {
    let shown = thousands(value);
    Bar { label: label.to_owned(), value: Some(value), shown, range: None, second: None, onward: String::new() }
}

fn bars(axis: &str, shape: Shape, bars: Vec<Bar>) -> Bars {
    Bars { axis: axis.to_owned(), unit: Unit::Whole, shape, names: Vec::new(), bars }
}

/// The stages of a company that sells projects.
const STAGES: [&str; 6] = [
    "Collecting the inputs",
    "Estimating",
    "Proposal sent",
    "Talking it over",
    "Waiting for the prepayment",
    "Signing",
];

fn funnel() -> Chart {
    let came = [118, 84, 71, 52, 38, 31];
    let onward = ["71 %", "85 %", "73 %", "73 %", "82 %", ""];
    let of = |(at, stage): (usize, &&str)| Bar { onward: onward[at].to_owned(), ..bar(stage, came[at]) };
    chart(
        "Deals that came into each stage",
        Drawing::Bars(bars("deals", Shape::Funnel, STAGES.iter().enumerate().map(of).collect())),
    )
}

fn flow() -> Chart {
    let node = |label: &str, place, shown: i64| Node { label: label.to_owned(), place, shown: thousands(shown) };
    let mut nodes: Vec<Node> =
        STAGES.iter().zip([118, 84, 71, 52, 38, 31]).map(|(s, n)| node(s, Place::Stage, n)).collect();
    nodes.extend([node("won", Place::Won, 27), node("recycled", Place::End, 14), node("lost", Place::Lost, 58)]);
    let link = |(from, to, value): (usize, usize, i64)| Link { from, to, value, shown: thousands(value) };
    let links = [
        (0, 1, 80),
        (0, 2, 4),
        (0, 8, 22),
        (0, 7, 6),
        (1, 2, 65),
        (1, 8, 11),
        (1, 7, 3),
        (2, 3, 50),
        (2, 8, 14),
        (2, 7, 3),
        (3, 4, 37),
        (3, 8, 7),
        (3, 7, 2),
        (3, 2, 3),
        (4, 5, 30),
        (4, 8, 3),
        (5, 6, 27),
        (5, 8, 1),
        (5, 3, 1),
    ];
    chart("Where deals go", Drawing::Flow(Flow { nodes, links: links.map(link).to_vec() }))
}

fn times() -> Chart {
    let days = |days: i64| Length { known: Known::Exactly { seconds: days * DAY }, shown: format!("{days} d") };
    let beyond = |days: i64| {
        let shown = format!("not reached (> {days} d)");
        Length { known: Known::Beyond { seconds: days * DAY }, shown }
    };
    let early = || Length { known: Known::TooEarly, shown: "too early (n = 3)".to_owned() };
    let rows = [
        (days(3), days(9)),
        (days(5), days(14)),
        (days(11), days(34)),
        (days(8), beyond(41)),
        (beyond(20), beyond(20)),
        (early(), early()),
    ];
    let rows =
        STAGES.iter().zip(rows).map(|(s, (median, p90))| TimeRow { label: (*s).to_owned(), median, p90 }).collect();
    let names = ("half are over by".to_owned(), "nine of ten are over by".to_owned());
    chart("Time in stage", Drawing::Times(Times { axis: "days".to_owned(), names, rows }))
}

fn waterfall() -> Chart {
    let step = |(label, value, is_total): (&str, i64, bool)| {
        let digits = thousands(value.abs());
        let shown = match (is_total, value < 0) {
            (true, _) => digits,
            (_, false) => format!("+{digits}"),
            (_, true) => format!("−{digits}"),
        };
        Step { label: label.to_owned(), value, shown, is_total }
    };
    let steps = [
        ("1 October", 412_000, true),
        ("New", 96_500, false),
        ("Pulled in", 38_000, false),
        ("Increased", 21_400, false),
        ("Decreased", -17_900, false),
        ("Slipped", -64_000, false),
        ("Won", -118_000, false),
        ("Lost", -52_300, false),
        ("Recycled", -9_000, false),
        ("31 December", 306_700, true),
    ];
    let waterfall = Waterfall { axis: "EUR".to_owned(), steps: steps.map(step).to_vec() };
    chart("What changed in the quarter", Drawing::Waterfall(waterfall))
}

fn lines() -> Chart {
    let labels: Vec<String> = (1..=12).map(|m| format!("2026-{m:02}")).collect();
    let line = |name: &str, values: [i64; 12]| Line {
        name: name.to_owned(),
        points: values.iter().map(|v| Point { value: *v, shown: thousands(*v) }).collect(),
    };
    let lines = vec![
        line("this year", [210, 240, 228, 301, 322, 290, 310, 352, 410, 395, 388, 402].map(|v| v * 1000)),
        line("the year before", [180, 190, 205, 221, 250, 240, 233, 260, 270, 281, 300, 315].map(|v| v * 1000)),
    ];
    chart("Open pipeline", Drawing::Lines(Lines { axis: "EUR".to_owned(), unit: Unit::Whole, labels, lines }))
}

fn months() -> Chart {
    let values = [72_400, 118_000, 45_200, 8_000, 0, 23_500];
    let bar = |(at, v): (usize, &i64)| bar(&format!("2026-{:02}", at + 4), *v);
    chart(
        "Expected by month",
        Drawing::Bars(bars("EUR", Shape::Vertical, values.iter().enumerate().map(bar).collect())),
    )
}

fn rates() -> Chart {
    let rate = |(label, value, low, high, before): (&str, i64, i64, i64, i64)| Bar {
        label: label.to_owned(),
        value: Some(value),
        shown: format!("{} %", value / 10),
        range: Some((low, high)),
        second: Some(Point { value: before, shown: format!("{} %", before / 10) }),
        onward: String::new(),
    };
    let mut all: Vec<Bar> =
        [("Recommendation", 480, 360, 610, 410), ("Website", 230, 150, 330, 260), ("Fair in Köln", 120, 50, 260, 180)]
            .map(rate)
            .to_vec();
    all.push(Bar { value: None, shown: "too early (n = 3)".to_owned(), ..bar("Cold call", 0) });
    let names = vec!["this quarter".to_owned(), "the quarter before".to_owned()];
    let bars = Bars { unit: Unit::Share, names, ..bars("share of the decided", Shape::Horizontal, all) };
    chart("Win rate by source", Drawing::Bars(bars))
}

fn figures() -> Chart {
    let figure = |(label, value, note): (&str, &str, &str)| Figure {
        label: label.to_owned(),
        value: value.to_owned(),
        note: note.to_owned(),
    };
    let all = [
        ("Open", "412,000 EUR", "81 deals"),
        ("Expected", "148,200 EUR", "from history of 64 deals"),
        ("Win rate", "27 %", "19–37 %, 19 times out of 20"),
        ("Sales cycle", "41 d", "half are over by"),
    ];
    chart("", Drawing::Figures(Figures { figures: all.map(figure).to_vec() }))
}

fn all_charts() -> Vec<Chart> {
    vec![figures(), funnel(), flow(), times(), waterfall(), lines(), months(), rates()]
}

fn page(markdown: String, charts: Vec<Chart>) -> Page {
    Page { markdown, charts, title: "Every chart there is".to_owned(), lang: "en".to_owned() }
}

/// A page with a chart of every kind.
fn gallery() -> Page {
    let titles = ["", "Funnel", "Flow", "Times", "Waterfall", "Lines", "Months", "Win rates"];
    let mut markdown = "# Every chart there is\n\nA page to look at.\n".to_owned();
    for (at, title) in titles.iter().enumerate() {
        if at > 0 {
            markdown.push_str(&format!(
                "\n## {title}\n\nWhat the chart below is about, in a sentence that is long enough to be read as one.\n"
            ));
        }
        markdown.push_str(&mark(at));
    }
    markdown.push_str("\n> [!WARNING]\n> Three deals are without an amount.\n\n| Deal | Title | Amount |\n|:--|:--|--:|\n| `acme` | `Site for ACME` | 18,000 EUR |\n| **All** |  | **18,000 EUR** |\n\n<sub>Commit `0123456789ab` · 81 deals · tussock</sub>\n");
    page(markdown, all_charts())
}

/// Writes the gallery into the folder of `TUSSOCK_GALLERY`, to be looked at; without one, only draws it.
#[test]
fn every_chart_is_drawn_everywhere() {
    let page = gallery();
    let html = html::render(&page, None).unwrap();
    let text = page_text::render(&page, Look { colour: false, columns: 100 });
    let markdown = page.to_markdown();
    assert_eq!(html.matches("<svg ").count(), 14);
    assert_eq!(markdown.matches("```mermaid").count(), 7);
    for chart in &page.charts {
        assert!(chart.is_drawable(), "{}", chart.title);
        assert!(text.contains(&chart.title) && html.contains(&chart.title), "{}", chart.title);
    }
    if let Some(folder) = std::env::var_os("TUSSOCK_GALLERY").map(std::path::PathBuf::from) {
        std::fs::write(folder.join("gallery.html"), html).unwrap();
        std::fs::write(folder.join("gallery.md"), markdown).unwrap();
        for columns in [100, 40] {
            let text = page_text::render(&page, Look { colour: true, columns });
            std::fs::write(folder.join(format!("gallery-{columns}.txt")), text).unwrap();
        }
    }
}
