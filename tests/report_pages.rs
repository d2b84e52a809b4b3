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
    Bar, Bars, Chart, Drawing, Fan, Figure, Figures, Flow, Known, Length, Line, Lines, Link, Node, Place, Point, Shape,
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
    chart("Where deals go", Drawing::Flow(Flow { nodes, links: links.map(link).to_vec(), back: "back to".to_owned() }))
}

fn times() -> Chart {
    let days = |days: i64| Length {
        known: Known::Exactly { seconds: days * DAY },
        shown: format!("{days} d"),
        short: format!("{days} d"),
    };
    let beyond = |days: i64| {
        let shown = format!("not reached (> {days} d)");
        Length { known: Known::Beyond { seconds: days * DAY }, shown, short: format!("> {days} d") }
    };
    let early = || Length { known: Known::TooEarly, shown: "too early (n = 3)".to_owned(), short: "–".to_owned() };
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
        Step { label: label.to_owned(), value, shown, is_total, is_good: value >= 0 || label == "Won" }
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

fn fan() -> Chart {
    let labels = ["2026-11-22", "2026-11", "2026-12", "2027-01", "2027-02"].map(str::to_owned).to_vec();
    let line = |values: [i64; 5]| values.map(|v| Point { value: v * 1000, shown: thousands(v * 1000) }).to_vec();
    let names = ("in the middle".to_owned(), "eight of ten cases".to_owned(), "target".to_owned());
    let target = Some(Point { value: 300_000, shown: "300,000".to_owned() });
    let [low, middle, high] = [[0, 8, 60, 110, 130], [0, 22, 120, 190, 214], [0, 60, 210, 290, 333]].map(line);
    chart("Won by then", Drawing::Fan(Fan { axis: "EUR".to_owned(), labels, names, low, middle, high, target }))
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
    vec![figures(), funnel(), flow(), times(), waterfall(), lines(), fan(), months(), rates()]
}

fn page(markdown: String, charts: Vec<Chart>) -> Page {
    Page { markdown, charts, title: "Every chart there is".to_owned(), lang: "en".to_owned() }
}

/// A page with a chart of every kind.
fn gallery() -> Page {
    let titles = ["", "Funnel", "Flow", "Times", "Waterfall", "Lines", "Fan", "Months", "Win rates"];
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

/// The Mermaid of a page, diagram by diagram.
fn diagrams(page: &Page) -> Vec<String> {
    let markdown = page.to_markdown();
    let parts = markdown.split("```mermaid\n").skip(1);
    parts.map(|part| part.split("```\n").next().unwrap_or_default().to_owned()).collect()
}

/// Writes the gallery into the folder of `TUSSOCK_GALLERY`, to be looked at, and the Mermaid of hostile charts, to be read
/// by Mermaid itself; without one, only draws it.
#[test]
fn every_chart_is_drawn_everywhere() {
    let page = gallery();
    let html = html::render(&page, None).unwrap();
    let text = page_text::render(&page, Look { colour: false, columns: 100 });
    let markdown = page.to_markdown();
    assert_eq!(html.matches("<svg ").count(), 16);
    assert_eq!(markdown.matches("```mermaid").count(), 8);
    for chart in &page.charts {
        assert!(chart.is_drawable(), "{}", chart.title);
        assert!(text.contains(&chart.title) && html.contains(&chart.title), "{}", chart.title);
    }
    if let Some(folder) = std::env::var_os("TUSSOCK_GALLERY").map(std::path::PathBuf::from) {
        std::fs::write(folder.join("gallery.html"), html).unwrap();
        std::fs::write(folder.join("gallery.md"), markdown).unwrap();
        let hostile = strings().into_iter().map(|s| self::page((0..9).map(mark).collect(), charts_saying(&s)));
        let all: Vec<String> = std::iter::once(page.clone()).chain(hostile).flat_map(|page| diagrams(&page)).collect();
        std::fs::write(folder.join("mermaid.json"), serde_json::to_string(&all).unwrap()).unwrap();
        for columns in [100, 40] {
            let text = page_text::render(&page, Look { colour: true, columns });
            std::fs::write(folder.join(format!("gallery-{columns}.txt")), text).unwrap();
        }
    }
}

/// The strings of the shared collection, and some of our own.
fn strings() -> Vec<String> {
    let own = [
        "\u{1b}]52;c;aGk=\u{7}",
        "\u{202e}gpj.exe",
        "a\rb\u{8}",
        "\u{9b}31m",
        "]]>",
        "--><b>",
        "</title></svg><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "' style='x",
        "&lt;b&gt;",
        "&#x3c;script&#x3e;",
        "\u{fffe}\u{ffff}\u{fdd0}",
        "```\n```tussock-chart\n0\n```\n",
        "`tussock-chart`",
        "</style>",
        "\n# heading\n",
        "a | b \\| c",
        "| --- |",
        "<details><summary>",
        "</details>",
        "javascript:alert(1)",
        "<https://example.com>",
        "[a](https://example.com)",
        "https://example.com",
        "\"]\nclick x href \"y\"",
        "%%{init: {}}%%",
    ];
    let mut strings: Vec<String> = own.map(str::to_owned).into();
    if let Some(folder) = kit::shared("data/naughty-strings") {
        let text = std::fs::read_to_string(folder.join("blns.json")).unwrap();
        strings.extend(serde_json::from_str::<Vec<String>>(&text).unwrap());
    }
    strings
}

/// A text as a page shows it: on one line, with what would not be seen by its number.
fn seen(text: &str) -> String {
    let letter = |c: char| u32::from(c) & 0xfffe != 0xfffe && !matches!(c, '\u{fdd0}'..='\u{fdef}');
    let show = |c: char| if letter(c) { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) };
    markdown::plain(text).chars().map(show).collect()
}

/// Charts of every kind in which every text is this one.
fn charts_saying(text: &str) -> Vec<Chart> {
    let say = || text.to_owned();
    let known = |seconds| Length { known: Known::Exactly { seconds }, shown: say(), short: say() };
    let bar = |value| Bar {
        label: say(),
        value: Some(value),
        shown: say(),
        range: Some((1, 9)),
        second: Some(Point { value: 2, shown: say() }),
        onward: say(),
    };
    let bars = |shape| {
        let bars = vec![bar(3), bar(8)];
        Drawing::Bars(Bars { axis: say(), unit: Unit::Whole, shape, names: vec![say(), say()], bars })
    };
    let node = |place| Node { label: say(), place, shown: say() };
    let link = |from, to| Link { from, to, value: 4, shown: say() };
    let nodes = [Place::Stage, Place::Stage, Place::Won, Place::End, Place::Lost].map(node).to_vec();
    let links = vec![link(0, 1), link(1, 0), link(1, 2), link(0, 3), link(0, 4), link(4, 1)];
    let step = |value, is_total| Step { label: say(), value, shown: say(), is_total, is_good: value > 0 };
    let line = || Line { name: say(), points: [3, 9, -2].map(|value| Point { value, shown: say() }).to_vec() };
    let row = || TimeRow {
        label: say(),
        median: known(DAY),
        p90: Length { known: Known::Beyond { seconds: 5 * DAY }, shown: say(), short: say() },
    };
    let drawings = [
        bars(Shape::Horizontal),
        bars(Shape::Vertical),
        bars(Shape::Funnel),
        Drawing::Flow(Flow { nodes, links, back: "back to".to_owned() }),
        Drawing::Times(Times { axis: say(), names: (say(), say()), rows: vec![row(), row()] }),
        Drawing::Waterfall(Waterfall {
            axis: say(),
            steps: vec![step(9, true), step(-4, false), step(3, false), step(8, true)],
        }),
        Drawing::Lines(Lines {
            axis: say(),
            unit: Unit::Whole,
            labels: vec![say(), say(), say()],
            lines: vec![line(), line()],
        }),
        Drawing::Fan(Fan {
            axis: say(),
            labels: vec![say(), say()],
            names: (say(), say(), say()),
            low: line().points[..2].to_vec(),
            middle: line().points[..2].to_vec(),
            high: line().points[..2].to_vec(),
            target: Some(Point { value: 7, shown: say() }),
        }),
        Drawing::Figures(Figures { figures: vec![Figure { label: say(), value: say(), note: say() }] }),
    ];
    drawings.map(|drawing| Chart { title: say(), alt: say(), drawing }).to_vec()
}

/// A page in which this text stands wherever a text can stand.
fn page_saying(text: &str) -> Page {
    let (running, quoted) = (markdown::text(text), markdown::code(text));
    let mut markdown = format!("# {running}\n\n## One {running}\n\n## Two\n\n## Three\n\n");
    markdown.push_str(&format!("{running}\n\n- x {quoted} y\n- **{running}**\n\n> {running}\n\n"));
    markdown.push_str(&format!(
        "| Deal | {running} | Amount |\n|:--|:--|--:|\n| {quoted} | {quoted} | 5 |\n| next | {running} | 6 |\n"
    ));
    let charts = charts_saying(text);
    (0..charts.len()).for_each(|at| markdown.push_str(&mark(at)));
    markdown.push_str(&format!("\n<sub>Commit {quoted} · {running}</sub>\n"));
    Page { markdown, charts, title: text.to_owned(), lang: "en".to_owned() }
}

/// One element of a parsed page.
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

/// The elements of a page in their order, as a browser reads them, and what it had to mend.
fn elements(html: &str) -> (Vec<Element>, Vec<String>) {
    fn text(node: &Handle, out: &mut String) {
        if let NodeData::Text { contents } = &node.data {
            out.push_str(&contents.borrow());
        }
        node.children.borrow().iter().for_each(|child| text(child, out));
    }
    fn walk(node: &Handle, out: &mut Vec<Element>) {
        if let NodeData::Element { name, attrs, .. } = &node.data {
            let attributes = attrs.borrow().iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
            let mut inner = String::new();
            text(node, &mut inner);
            out.push(Element { name: name.local.to_string(), attributes, text: inner });
        }
        assert!(!matches!(node.data, NodeData::Comment { .. } | NodeData::ProcessingInstruction { .. }));
        node.children.borrow().iter().for_each(|child| walk(child, out));
    }
    let dom = html5ever::parse_document(RcDom::default(), Default::default()).one(html);
    let mut out = Vec::new();
    walk(&dom.document, &mut out);
    (out, dom.errors.borrow().iter().map(|e| e.to_string()).collect())
}

const ELEMENTS: [&str; 49] = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "main",
    "nav",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "p",
    "ul",
    "ol",
    "li",
    "a",
    "blockquote",
    "details",
    "summary",
    "pre",
    "code",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
    "em",
    "s",
    "small",
    "br",
    "hr",
    "span",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "svg",
    "desc",
    "defs",
    "pattern",
    "rect",
    "path",
];

/// Holds a page to what a page may be: nothing for a browser to mend, no element or attribute but ours, links that only
/// lead to where following them is harmless, and no id twice.
fn check_page(html: &str) -> Vec<Element> {
    let (elements, mended) = elements(html);
    assert!(mended.is_empty(), "{mended:?}\n{html}");
    let mut ids = std::collections::BTreeSet::new();
    for element in &elements {
        assert!(element.name == "text" || ELEMENTS.contains(&element.name.as_str()), "<{}>", element.name);
        for (name, value) in &element.attributes {
            assert!(
                !name.starts_with("on") && !["style", "src", "action", "srcdoc", "formaction"].contains(&name.as_str()),
                "{name}"
            );
            if name == "href" {
                let start = ["#", "https://", "http://", "mailto:"].iter().any(|s| value.to_lowercase().starts_with(s));
                assert!(start && element.name == "a", "{value}");
            }
            if name == "fill" && value.starts_with("url(") {
                assert!(value.starts_with("url(#chart."), "{value}");
            }
            assert!(name != "id" || ids.insert(value.clone()), "id {value} twice");
        }
    }
    elements
}

/// The elements with their attributes, but without the drawings, in which long texts take several elements.
fn skeleton(elements: &[Element]) -> Vec<String> {
    let drawn = ["svg", "desc", "defs", "pattern", "rect", "path", "text"];
    let of = |e: &Element| format!("{} {:?}", e.name, e.attributes.iter().map(|(name, _)| name).collect::<Vec<_>>());
    let mut out: Vec<String> = elements.iter().filter(|e| !drawn.contains(&e.name.as_str())).map(of).collect();
    // Titles of drawings are not told from that of the page.
    out.retain(|line| !line.starts_with("title"));
    out
}

#[test]
fn no_text_is_anything_but_text_on_a_page() {
    // The drawings have a test of their own.
    let few = |text: &str| {
        let mut page = page_saying(text);
        page.charts.truncate(1);
        page.charts.extend(charts_saying(text).pop());
        html::render(&page, Some("")).unwrap()
    };
    let usual = skeleton(&check_page(&few("usual")));
    for string in strings() {
        let html = few(&string);
        let elements = check_page(&html);
        let blank = markdown::plain(&string).trim().is_empty();
        if !blank {
            assert_eq!(skeleton(&elements), usual, "{string:?}");
        }
        let texts = |name: &str, class: &str| -> Vec<&str> {
            let with = |e: &&Element| class.is_empty() || e.attributes.iter().any(|(n, v)| n == "class" && v == class);
            elements.iter().filter(|e| e.name == name).filter(with).map(|e| e.text.as_str()).collect()
        };
        let shown = seen(&string);
        let quoted = if string.is_empty() { " " } else { &shown };
        let outside = quoted.replace('|', "\\|");
        let values = texts("span", "v");
        assert!(values.iter().all(|v| *v == quoted || *v == outside || *v == " "), "{string:?}: {values:?}");
        assert!(values.iter().filter(|v| **v == quoted).count() >= 2, "{string:?}: {values:?}");
        if !blank {
            let running = shown.trim();
            assert_eq!(texts("h1", ""), [running], "{string:?}");
            assert!(texts("p", "").contains(&running), "{string:?}");
            assert!(texts("figcaption", "").iter().all(|t| t.starts_with(&shown)), "{string:?}");
            assert_eq!(texts("dt", ""), [shown.as_str()], "{string:?}");
            assert!(texts("title", "").contains(&shown.as_str()), "{string:?}");
        }
    }
}

#[test]
fn a_page_that_a_browser_would_mend_is_seen() {
    assert!(!elements("<!doctype html><p></div>").1.is_empty());
}

#[test]
fn drawings_are_xml_and_hold_nothing_but_shapes_and_text() {
    for string in strings() {
        for (at, chart) in charts_saying(&string).iter().enumerate() {
            for room in [[Room::Wide, Room::Narrow][(at + string.len()) % 2]] {
                let Some(svg) = draw(chart, at, room) else {
                    assert!(matches!(chart.drawing, Drawing::Figures(_)) || !chart.is_drawable(), "{string:?}");
                    continue;
                };
                let document = roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{string:?}: {e}\n{svg}"));
                for node in document.descendants().filter(|n| n.is_element()) {
                    let name = node.tag_name().name();
                    assert!(
                        ["svg", "title", "desc", "defs", "pattern", "rect", "path", "text"].contains(&name),
                        "{name}"
                    );
                    assert!(node.attributes().all(|a| !a.name().starts_with("on") && a.name() != "href"));
                    if ["text", "title", "desc"].contains(&name) {
                        assert!(node.children().all(|n| n.is_text()), "{string:?}");
                    }
                }
                let title =
                    document.descendants().find(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "title"))).unwrap();
                assert_eq!(title.text().unwrap_or_default(), seen(&string));
            }
        }
    }
}

/// Whether a terminal or an eye could be led astray. The joiners are left out: emoji need them.
fn harmless(text: &str) -> bool {
    let bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    !text.contains(bad)
}

/// Takes away the escapes of colour, and nothing else.
fn without_colour(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        out.push_str(rest.strip_prefix('m').unwrap_or_else(|| panic!("no colour: {part:?}")));
    }
    out
}

fn check_text(page: &Page, columns: usize) -> String {
    let text = page_text::render(page, Look { colour: false, columns });
    for line in text.lines() {
        assert!(width(line) <= columns.max(MIN_COLUMNS), "{columns}: {line:?}");
        assert!(harmless(line) && !line.ends_with(' '), "{line:?}");
    }
    let coloured = page_text::render(page, Look { colour: true, columns });
    let plain: Vec<String> =
        without_colour(&coloured).lines().map(|line| line.trim_end_matches(' ').to_owned()).collect();
    assert_eq!(plain, text.lines().collect::<Vec<_>>());
    text
}

#[test]
fn no_text_is_anything_but_text_on_a_terminal() {
    for (at, string) in strings().iter().enumerate() {
        check_text(&page_saying(string), [0, 24, 40, 80, 200][at % 5]);
    }
}

#[test]
fn nothing_of_the_markdown_is_left_on_a_terminal() {
    let text = check_text(&page_saying("Site for ACME"), 100);
    for mark in ["**", "`", "| ", "](", "# ", "<sub>", "tussock-chart", "&#"] {
        assert!(!text.contains(mark), "{mark}\n{text}");
    }
    for shown in ["Site for ACME\n═════════════\n", "• x Site for ACME y\n", "│ Site for ACME\n"]
    {
        assert!(text.contains(shown), "{shown}\n{text}");
    }
}

#[test]
fn numbers_of_a_table_are_whole_at_any_width() {
    let markdown = "| Stage | Deals | Share of deals | Amount |\n|:--|--:|--:|--:|\n| `Waiting for the prepayment of a long name` | 1,234 | 62 % (40–80 %) | 18,000,000 EUR |\n";
    let page = page(markdown.to_owned(), Vec::new());
    for columns in MIN_COLUMNS..120 {
        let text = check_text(&page, columns);
        for number in ["1,234", "62 % (40–80 %)", "18,000,000 EUR"] {
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(number), "{columns}:\n{text}");
        }
    }
}

/// Pieces of Markdown and HTML that do not belong together.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "# a\n",
        "## b `c`\n",
        "- x\n",
        "  - y\n",
        "1. z\n",
        "> ",
        "> [!WARNING]\n",
        "\n\n",
        "**",
        "*",
        "~~",
        "`",
        "```\n",
        "```tussock-chart\n0\n```\n",
        "```tussock-chart\n9\n```\n",
        "| a | b |\n|--|--:|\n| c | d |\n",
        "<sub>",
        "</sub>",
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<br>",
        "<script>",
        "</p>",
        "<!--",
        "-->",
        "[l](https://e.x)",
        "[l](javascript:x)",
        "![i](https://e.x/y)",
        "<https://e.x>",
        "    code\n",
        "---\n",
        "&amp;",
        "&#64;",
        "<table>",
        "</main>",
        "</body>",
        "<a href='x'>",
        "a b c ",
        "日本 ",
        "👩\u{200d}👧 ",
        "\u{202e}",
    ]);
    prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_chart() -> impl Strategy<Value = Chart> {
    let value = || prop_oneof![0_i64..100, any::<i64>(), Just(0), Just(1_000_000_000_000_000)];
    let text = || {
        prop_oneof![
            Just("Brief".to_owned()),
            any::<String>(),
            Just("a very long name of a stage indeed, with a comma".to_owned())
        ]
    };
    let one = (text(), value(), text(), prop::option::of((value(), value())), prop::option::of(value()));
    let shape = prop::sample::select(vec![Shape::Vertical, Shape::Horizontal, Shape::Funnel]);
    let bars = (shape, prop::collection::vec(one, 0..9)).prop_map(|(shape, all)| {
        let bar = |(label, value, shown, range, second): (String, i64, String, Option<(i64, i64)>, Option<i64>)| {
            let second = second.map(|value| Point { value, shown: shown.clone() });
            Bar { onward: label.clone(), label, value: (value != 7).then_some(value), shown, range, second }
        };
        Drawing::Bars(bars("deals", shape, all.into_iter().map(bar).collect()))
    });
    let place = prop::sample::select(vec![Place::Stage, Place::Stage, Place::Won, Place::Lost, Place::End]);
    let node = (text(), place).prop_map(|(label, place)| Node { label, place, shown: "5".to_owned() });
    let link = (0_usize..7, 0_usize..7, value()).prop_map(|(from, to, value)| Link {
        from,
        to,
        value,
        shown: value.to_string(),
    });
    let flow = (prop::collection::vec(node, 0..7), prop::collection::vec(link, 0..9))
        .prop_map(|(nodes, links)| Drawing::Flow(Flow { nodes, links, back: "back to".to_owned() }));
    let length = || {
        (value(), 0..3, text()).prop_map(|(seconds, kind, shown)| {
            let known = [Known::Exactly { seconds }, Known::Beyond { seconds }, Known::TooEarly][kind as usize];
            Length { known, short: shown.clone(), shown }
        })
    };
    let row = (text(), length(), length()).prop_map(|(label, median, p90)| TimeRow { label, median, p90 });
    let times = prop::collection::vec(row, 0..7).prop_map(|rows| {
        Drawing::Times(Times { axis: "days".to_owned(), names: ("half".to_owned(), "most".to_owned()), rows })
    });
    let step = (text(), value(), any::<bool>(), any::<bool>()).prop_map(|(label, value, is_total, is_good)| Step {
        label,
        value,
        shown: value.to_string(),
        is_total,
        is_good,
    });
    let waterfall = prop::collection::vec(step, 0..12)
        .prop_map(|steps| Drawing::Waterfall(Waterfall { axis: "EUR".to_owned(), steps }));
    let point = (value(), text()).prop_map(|(value, shown)| Point { value, shown });
    let lines = prop::collection::vec((text(), point.clone(), point), 0..40).prop_map(|all| {
        let mut lines = Lines { axis: "EUR".to_owned(), unit: Unit::Share, labels: vec![], lines: vec![] };
        let (mut first, mut second) = (vec![], vec![]);
        for (label, a, b) in all {
            lines.labels.push(label);
            first.push(a);
            second.push(b);
        }
        lines.lines = vec![Line { name: "a".to_owned(), points: first }, Line { name: "b".to_owned(), points: second }];
        Drawing::Lines(lines)
    });
    let fan = prop::collection::vec((text(), value(), value(), value()), 0..9).prop_map(|all| {
        let point = |value: i64| Point { value, shown: value.to_string() };
        let mut fan = Fan {
            axis: "EUR".to_owned(),
            labels: vec![],
            names: ("middle".to_owned(), "band".to_owned(), "target".to_owned()),
            low: vec![],
            middle: vec![],
            high: vec![],
            target: None,
        };
        for (label, a, b, c) in all {
            fan.labels.push(label);
            fan.low.push(point(a.min(b)));
            fan.middle.push(point(c));
            fan.high.push(point(a.max(b)));
            fan.target = Some(point(b));
        }
        Drawing::Fan(fan)
    });
    let drawing = prop_oneof![bars, flow, times, waterfall, lines, fan];
    (text(), drawing).prop_map(|(title, drawing)| Chart { title, alt: String::new(), drawing })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn any_page_is_well_formed_and_fits(pieces in prop::collection::vec(piece(), 0..25), charts in prop::collection::vec(any_chart(), 0..3), columns in 0_usize..140) {
        let page = page(pieces.concat(), charts);
        check_page(&html::render(&page, None).unwrap());
        check_text(&page, columns);
        let _ = page.to_markdown();
        let crossed: Page = serde_json::from_str(&serde_json::to_string(&page).unwrap()).unwrap();
        prop_assert_eq!(crossed, page);
    }

    #[test]
    fn any_chart_that_is_drawn_is_xml_with_finite_numbers(chart in any_chart()) {
        for room in [Room::Wide, Room::Narrow] {
            if let Some(svg) = draw(&chart, 0, room) {
                let document = roxmltree::Document::parse(&svg).unwrap();
                for attribute in document.descendants().flat_map(|n| n.attributes()) {
                    let value = attribute.value();
                    prop_assert!(attribute.name() == "id" || attribute.name().starts_with("aria") || !value.contains("NaN"), "{}", value);
                    prop_assert!(!value.split([' ', 'M', 'L', 'C', 'H', 'V']).any(|n| n == "-0"), "{}", value);
                }
            }
        }
        let page = page(mark(0), vec![chart]);
        for line in page.to_markdown().lines() {
            // The only directives are our own, which begin a line.
            prop_assert!(!line.trim_start_matches("%%{init: {\"").contains("%%{"), "{}", line);
        }
    }
}
