//! A report as one HTML file: no script, nothing fetched, everything escaped by `escape`.

use std::fmt::Write as _;

use super::markup::{Alert, Block, Inline, Table, read, text_of};
use super::svg::{Room, draw};
use super::terminal::Align;
use crate::report::chart::{Chart, Drawing, Figures};
use crate::report::markdown;
use crate::report::page::Page;

/// The style of a page where the team has none of its own.
pub const STYLE: &str = include_str!("../../templates/report/style.css");

/// Bytes a style may have.
const MAX_STYLE: usize = 256 * 1024;

/// Headings of the second level from which on a page has a list of them.
const LISTED: usize = 3;

/// Columns from which on a table is set in smaller letters.
const MANY: usize = 7;

/// What may fetch something, or end the style, in a style sheet.
const REFUSED: [&str; 8] = ["</", "<!--", "@import", "url(", "src(", "image(", "image-set(", "@charset"];

/// What the page may do: nothing but be looked at.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Why a page cannot be written as HTML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HtmlError {
    /// A style that could fetch something or end too early.
    #[error("cannot use style.css: it holds {0:?}, and a report may fetch nothing; leave it out")]
    Style(&'static str),
    /// A style too long.
    #[error("cannot use style.css: it has more than {MAX_STYLE} bytes")]
    LongStyle,
}

/// A page as one HTML file, with this style in the place of [`STYLE`].
///
/// # Errors
/// When the style could fetch something or break out of its element.
pub fn render(page: &Page, style: Option<&str>) -> Result<String, HtmlError> {
    let style = style.unwrap_or(STYLE);
    check(style)?;
    let blocks = read(page);
    let mut writer =
        Writer { page, out: String::with_capacity(page.markdown.len() * 2), heads: Heads::default(), stacked: false };
    let listed = writer.list_of(&blocks);
    let _ = write!(
        writer.out,
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{POLICY}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta \
         name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n\
         <style>\n{}\n</style>\n</head>\n<body>\n<main>\n",
        escape(&markdown::plain(&page.lang)),
        escape(&markdown::plain(&page.title)),
        style.trim(),
    );
    let mut listed = Some(listed);
    for block in &blocks {
        writer.block(block);
        if matches!(block, Block::Heading(1, _))
            && let Some(list) = listed.take()
        {
            writer.out.push_str(&list);
        }
    }
    writer.out.push_str("</main>\n</body>\n</html>\n");
    Ok(writer.out)
}

/// Refuses a style that may fetch something, however it is spelt. The page's policy forbids it too.
fn check(style: &str) -> Result<(), HtmlError> {
    if style.len() > MAX_STYLE {
        return Err(HtmlError::LongStyle);
    }
    let spelt = [style.to_lowercase(), unescaped(style).to_lowercase()];
    match REFUSED.into_iter().find(|refused| spelt.iter().any(|s| s.contains(refused))) {
        Some(refused) => Err(HtmlError::Style(refused)),
        None => Ok(()),
    }
}

/// A style with its escapes read: `\75 rl(` is `url(`.
fn unescaped(style: &str) -> String {
    let mut out = String::with_capacity(style.len());
    let mut rest = style.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut code = String::new();
        while code.len() < 6
            && let Some(digit) = rest.next_if(char::is_ascii_hexdigit)
        {
            code.push(digit);
        }
        match u32::from_str_radix(&code, 16).ok().and_then(char::from_u32) {
            Some(meant) => {
                out.push(meant);
                rest.next_if(|c| c.is_whitespace());
            }
            None => out.extend(rest.next_if(|c| *c != '\n')),
        }
    }
    out
}

/// A text for HTML and XML, in an element as in an attribute: nothing in it begins a tag, an entity or ends a quote, and
/// what neither format may hold is shown by its number.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            // Letters that do not exist, which XML refuses.
            c if c.is_control() || u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}') => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// The ids of headings, each once.
#[derive(Default)]
struct Heads {
    used: std::collections::BTreeSet<String>,
}

impl Heads {
    /// An id of the letters and digits of a heading.
    fn id(&mut self, text: &str) -> String {
        let mut id = String::new();
        for c in text.to_lowercase().chars().take(60) {
            if c.is_alphanumeric() {
                id.push(c);
            } else if !id.is_empty() && !id.ends_with('-') {
                id.push('-');
            }
        }
        let id = if id.trim_matches('-').is_empty() { "part".to_owned() } else { id.trim_matches('-').to_owned() };
        let mut unique = id.clone();
        let mut number = 2;
        while !self.used.insert(unique.clone()) {
            unique = format!("{id}-{number}");
            number += 1;
        }
        unique
    }
}

struct Writer<'a> {
    page: &'a Page,
    out: String,
    heads: Heads,
    /// Whether several amounts in a row are set below each other: in a column of numbers, whose lines do not break.
    stacked: bool,
}

impl Writer<'_> {
    /// The list of a page's parts; empty where there are few.
    fn list_of(&mut self, blocks: &[Block]) -> String {
        // The ids are made here and once more while writing, in the same order.
        let mut heads = Heads::default();
        let mut parts = Vec::new();
        let mut first = None;
        collect(blocks, &mut |level, inlines| {
            let text = text_of(inlines);
            let id = heads.id(&text);
            if level == 1 && first.is_none() {
                first = Some(id.clone());
            }
            if level == 2 {
                parts.push((id, text));
            }
        });
        if parts.len() < LISTED {
            return String::new();
        }
        let label = first.map_or_else(String::new, |id| format!(" aria-labelledby=\"{}\"", escape(&id)));
        let mut out = format!("<nav{label}>\n<ul>\n");
        for (id, text) in parts {
            let _ = writeln!(out, "<li><a href=\"#{}\">{}</a></li>", escape(&id), escape(&markdown::plain(&text)));
        }
        out.push_str("</ul>\n</nav>\n");
        out
    }

    fn blocks(&mut self, blocks: &[Block]) {
        blocks.iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(level, inlines) => {
                let id = self.heads.id(&text_of(inlines));
                let _ = write!(self.out, "<h{level} id=\"{}\">", escape(&id));
                self.inlines(inlines);
                let _ = writeln!(self.out, "</h{level}>");
            }
            Block::Paragraph(inlines) => {
                self.wrapped(if is_small(inlines) { "<p class=\"source\">" } else { "<p>" }, inlines, "</p>\n")
            }
            Block::Plain(inlines) => self.wrapped("<p>", inlines, "</p>\n"),
            Block::List(first, items) => {
                let close = match first {
                    Some(1) => {
                        self.out.push_str("<ol>\n");
                        "</ol>\n"
                    }
                    Some(first) => {
                        let _ = writeln!(self.out, "<ol start=\"{first}\">");
                        "</ol>\n"
                    }
                    None => {
                        self.out.push_str("<ul>\n");
                        "</ul>\n"
                    }
                };
                for item in items {
                    self.out.push_str("<li>");
                    for block in item {
                        match block {
                            // An item of a list without blank lines is no paragraph.
                            Block::Plain(inlines) => self.inlines(inlines),
                            block => self.block(block),
                        }
                    }
                    self.out.push_str("</li>\n");
                }
                self.out.push_str(close);
            }
            Block::Quote(alert, blocks) => {
                self.out.push_str(match alert {
                    Some(Alert::Warning) => "<blockquote class=\"warning\" role=\"note\">\n",
                    Some(Alert::Note) => "<blockquote class=\"note\" role=\"note\">\n",
                    None => "<blockquote role=\"note\">\n",
                });
                self.blocks(blocks);
                self.out.push_str("</blockquote>\n");
            }
            Block::Table(table) => self.table(table),
            Block::Code(text) => {
                let lines: Vec<String> = text.lines().map(|line| escape(&markdown::plain(line))).collect();
                let _ = writeln!(self.out, "<pre><code>{}</code></pre>", lines.join("\n"));
            }
            Block::Chart(index) => {
                if let Some(chart) = self.page.chart(*index) {
                    self.chart(chart, *index);
                }
            }
            Block::Rule => self.out.push_str("<hr>\n"),
            Block::Details(summary, blocks) => {
                self.out.push_str("<details>\n");
                if !summary.is_empty() {
                    self.wrapped("<summary>", summary, "</summary>\n");
                }
                self.blocks(blocks);
                self.out.push_str("</details>\n");
            }
        }
    }

    fn wrapped(&mut self, open: &str, inlines: &[Inline], close: &str) {
        self.out.push_str(open);
        self.inlines(inlines);
        self.out.push_str(close);
    }

    fn inlines(&mut self, inlines: &[Inline]) {
        for inline in inlines {
            match inline {
                Inline::Text(text) => {
                    let text = escape(&markdown::plain(text));
                    self.out.push_str(&if self.stacked { text.replace(", ", ",<br>") } else { text });
                }
                // What a deal says, whatever direction it is written in, stays by itself.
                Inline::Value(text) => {
                    let _ =
                        write!(self.out, "<span class=\"v\" dir=\"auto\">{}</span>", escape(&markdown::plain(text)));
                }
                Inline::Strong(inner) => self.wrapped("<strong>", inner, "</strong>"),
                Inline::Emphasis(inner) => self.wrapped("<em>", inner, "</em>"),
                Inline::Struck(inner) => self.wrapped("<s>", inner, "</s>"),
                Inline::Small(inner) => self.wrapped("<small>", inner, "</small>"),
                Inline::Link(target, inner) => {
                    let _ = write!(self.out, "<a href=\"{}\" rel=\"noopener noreferrer\">", escape(target));
                    self.inlines(inner);
                    self.out.push_str("</a>");
                }
                Inline::Break => self.out.push_str("<br>"),
            }
        }
    }

    /// A table in a box of its own, so that a wide one moves and the page does not.
    fn table(&mut self, table: &Table) {
        let class = if table.head.len() >= MANY { " class=\"many\"" } else { "" };
        let _ = write!(self.out, "<div class=\"scroll\" tabindex=\"0\">\n<table{class}>\n<thead>\n<tr>");
        for (column, cell) in table.head.iter().enumerate() {
            let class = class_of(table, column);
            self.wrapped(&format!("<th scope=\"col\"{class}>"), cell, "</th>");
        }
        self.out.push_str("</tr>\n</thead>\n<tbody>\n");
        for row in &table.rows {
            self.out.push_str(if Table::is_total(row) { "<tr class=\"total\">" } else { "<tr>" });
            for (column, cell) in row.iter().enumerate() {
                let class = class_of(table, column);
                let named = column == 0 && class.is_empty();
                let (open, close) = if named { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
                self.stacked = !class.is_empty();
                self.wrapped(&format!("{open}{class}>"), cell, close);
                self.stacked = false;
            }
            self.out.push_str("</tr>\n");
        }
        self.out.push_str("</tbody>\n</table>\n</div>\n");
    }

    fn chart(&mut self, chart: &Chart, index: usize) {
        if let Drawing::Figures(figures) = &chart.drawing {
            return self.figures(figures);
        }
        let drawn: Vec<String> =
            [Room::Wide, Room::Narrow].into_iter().filter_map(|room| draw(chart, index, room)).collect();
        if drawn.is_empty() {
            return;
        }
        let title = escape(&markdown::plain(&chart.title));
        let axis = match &chart.drawing {
            Drawing::Bars(bars) => bars.axis.as_str(),
            Drawing::Lines(lines) => &lines.axis,
            Drawing::Fan(fan) => &fan.axis,
            Drawing::Waterfall(waterfall) => &waterfall.axis,
            Drawing::Flow(_) | Drawing::Times(_) | Drawing::Figures(_) => "",
        };
        let axis = match axis.trim() {
            "" => String::new(),
            axis => format!(" <span class=\"axis\">{}</span>", escape(&markdown::plain(axis))),
        };
        let _ = writeln!(self.out, "<figure>\n<figcaption>{title}{axis}</figcaption>\n{}\n</figure>", drawn.join("\n"));
    }

    /// Big numbers as tiles.
    fn figures(&mut self, figures: &Figures) {
        self.out.push_str("<dl class=\"figures\">\n");
        for figure in &figures.figures {
            let [label, value, note] =
                [&figure.label, &figure.value, &figure.note].map(|t| escape(&markdown::plain(t)));
            let note = if note.trim().is_empty() { String::new() } else { format!("<dd class=\"note\">{note}</dd>") };
            let _ = writeln!(self.out, "<div><dt>{label}</dt><dd>{value}</dd>{note}</div>");
        }
        self.out.push_str("</dl>\n");
    }
}

fn class_of(table: &Table, column: usize) -> &'static str {
    if table.align_of(column) == Align::Right { " class=\"n\"" } else { "" }
}

fn is_small(inlines: &[Inline]) -> bool {
    matches!(inlines, [Inline::Small(_)])
}

/// Goes through all headings in the order in which they are written.
fn collect(blocks: &[Block], each: &mut impl FnMut(u8, &[Inline])) {
    for block in blocks {
        match block {
            Block::Heading(level, inlines) => each(*level, inlines),
            Block::List(_, items) => items.iter().for_each(|item| collect(item, each)),
            Block::Quote(_, blocks) | Block::Details(_, blocks) => collect(blocks, each),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::{Bar, Bars, Shape, Unit};
    use crate::report::page::mark;

    fn page(markdown: &str) -> Page {
        let bar = |label: &str, value: i64| Bar {
            label: label.to_owned(),
            value: Some(value),
            shown: value.to_string(),
            range: None,
            second: None,
            onward: String::new(),
        };
        let bars = vec![bar("Brief", 5), bar("Offer", 3)];
        let bars = Bars { axis: "deals".to_owned(), unit: Unit::Whole, shape: Shape::Horizontal, names: vec![], bars };
        let chart = Chart { title: "Open <deals>".to_owned(), alt: String::new(), drawing: Drawing::Bars(bars) };
        let (title, lang) = ("A & B".to_owned(), "en".to_owned());
        Page { markdown: markdown.to_owned(), charts: vec![chart], title, lang }
    }

    /// What stands between the tags of `main`.
    fn body(markdown: &str) -> String {
        let html = render(&page(markdown), None).unwrap();
        let main = html.split("<main>\n").nth(1).unwrap();
        main.split("</main>").next().unwrap().to_owned()
    }

    #[test]
    fn a_page_is_one_file_that_may_fetch_nothing() {
        let html = render(&page("# T\n"), None).unwrap();
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"));
        assert!(html.contains("<title>A &amp; B</title>"));
        assert!(html.contains("default-src 'none'"));
        for way in ["<script", "<link", "<img", "<iframe", "url(", "src=", "@import"] {
            assert!(!html.split("<style>").next().unwrap().contains(way), "{way}");
            assert!(!html.split("</style>").nth(1).unwrap().contains(way), "{way}");
        }
    }

    #[test]
    fn texts_of_deals_are_quoted_as_plain_text() {
        assert_eq!(
            body("`<b>&\"` and **`x`**\n"),
            "<p><span class=\"v\" dir=\"auto\">&lt;b&gt;&amp;&quot;</span> and <strong><span class=\"v\" \
             dir=\"auto\">x</span></strong></p>\n"
        );
    }

    #[test]
    fn tables_name_their_rows_and_columns() {
        assert_eq!(
            body("| Stage | Deals |\n|:--|--:|\n| Brief | 3 |\n| **All** | **3** |\n"),
            "<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead>\n<tr><th scope=\"col\">Stage</th><th scope=\"col\" \
             class=\"n\">Deals</th></tr>\n</thead>\n<tbody>\n<tr><th scope=\"row\">Brief</th><td \
             class=\"n\">3</td></tr>\n<tr class=\"total\"><th scope=\"row\"><strong>All</strong></th><td \
             class=\"n\"><strong>3</strong></td></tr>\n</tbody>\n</table>\n</div>\n"
        );
    }

    #[test]
    fn amounts_of_several_currencies_stand_below_each_other() {
        let html = body("| A, b | Others, all |\n|:--|--:|\n| c, d | **1,500 CHF, 20 USD**, 3 GBP |\n");
        assert!(html.contains("<th scope=\"row\">c, d</th>"), "{html}");
        assert!(html.contains("<strong>1,500 CHF,<br>20 USD</strong>,<br>3 GBP</td>"), "{html}");
        assert!(html.contains("Others, all"), "{html}");
    }

    #[test]
    fn only_our_own_tags_are_tags() {
        assert_eq!(body("<sub>a<br>b</sub>\n"), "<p class=\"source\"><small>a<br>b</small></p>\n");
        assert_eq!(
            body("<details><summary>More (2) &amp; so</summary>\n\n- x\n\n</details>\n\nAfter\n"),
            "<details>\n<summary>More (2) &amp; so</summary>\n<ul>\n<li>x</li>\n</ul>\n</details>\n<p>After</p>\n"
        );
        assert_eq!(
            body("<sub onclick=x>a <script>alert(1)</script>\n"),
            "<p>&lt;sub onclick=x&gt;a &lt;script&gt;alert(1)&lt;/script&gt;</p>\n"
        );
        assert_eq!(body("<script>\nalert(1)\n</script>\n"), "<p>&lt;script&gt;alert(1) &lt;/script&gt;</p>\n");
        assert_eq!(body("a<!-- hidden -->b\n"), "<p>ab</p>\n");
    }

    #[test]
    fn what_is_left_open_is_closed_and_what_closes_nothing_is_nothing() {
        assert_eq!(
            body("> <details><summary>S\n>\n> *x\n\n</details></sub>\n\nEnd <sub>x\n"),
            "<blockquote role=\"note\">\n<details>\n<summary>S </summary>\n<p>*x</p>\n</details>\n</blockquote>\n<p>End \
             <small>x</small></p>\n"
        );
    }

    #[test]
    fn links_lead_only_where_following_them_is_harmless() {
        assert_eq!(
            body(
                "[a](https://example.com/?a=1&b=\") [b](javascript:alert) [c](data:text/html,x) [d](../x) ![e](https://x/y.png)\n"
            ),
            "<p><a href=\"https://example.com/?a=1&amp;b=&quot;\" rel=\"noopener noreferrer\">a</a> b c d e</p>\n"
        );
    }

    #[test]
    fn a_page_of_several_parts_lists_them() {
        let html = body("# Top\n\n## Same\n\n## Same\n\n## Ещё `x`\n");
        assert_eq!(
            html,
            "<h1 id=\"top\">Top</h1>\n<nav aria-labelledby=\"top\">\n<ul>\n<li><a href=\"#same\">Same</a></li>\n<li><a \
             href=\"#same-2\">Same</a></li>\n<li><a href=\"#ещё-x\">Ещё x</a></li>\n</ul>\n</nav>\n<h2 \
             id=\"same\">Same</h2>\n<h2 id=\"same-2\">Same</h2>\n<h2 id=\"ещё-x\">Ещё <span class=\"v\" \
             dir=\"auto\">x</span></h2>\n"
        );
    }

    #[test]
    fn a_chart_is_drawn_twice_with_its_name() {
        let html = body(&mark(0));
        assert_eq!(html.matches("<svg ").count(), 2);
        assert!(
            html.contains("<figcaption>Open &lt;deals&gt; <span class=\"axis\">deals</span></figcaption>"),
            "{html}"
        );
        assert_eq!(body(&mark(1)), "");
    }

    #[test]
    fn alerts_and_quotes_are_notes() {
        assert_eq!(
            body("> [!WARNING]\n> x\n"),
            "<blockquote class=\"warning\" role=\"note\">\n<p>x</p>\n</blockquote>\n"
        );
    }

    #[test]
    fn a_style_of_the_team_takes_the_place_of_ours() {
        let html = render(&page("x\n"), Some("p { color: red }")).unwrap();
        assert!(html.contains("<style>\np { color: red }\n</style>"));
        for (style, refused) in [
            ("</STYLE><script>", "</"),
            ("@import 'x';", "@import"),
            ("p { background: URL(x) }", "url("),
            ("p { background: \\75 rl(x) }", "url("),
            ("p { background: u\\72l(x) }", "url("),
            ("p { background: image-set('x' 1x) }", "image-set("),
        ] {
            assert_eq!(render(&page("x"), Some(style)), Err(HtmlError::Style(refused)), "{style}");
        }
        assert_eq!(render(&page("x"), Some(&" ".repeat(MAX_STYLE + 1))), Err(HtmlError::LongStyle));
    }

    /// How far the lightness of two colours is apart, by WCAG 2.
    fn contrast(a: &str, b: &str) -> f64 {
        let light = |colour: &str| {
            let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            let linear = |v: f64| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
            0.2126 * linear(part(1)) + 0.7152 * linear(part(3)) + 0.0722 * linear(part(5))
        };
        let (a, b) = (light(a), light(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_colour_stands_out_from_both_papers() {
        let (light, rest) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        let dark = rest.split("@media").next().unwrap();
        for scheme in [light, dark] {
            let colour = |name: &str| {
                let at = scheme.find(&format!("--{name}: #")).unwrap_or_else(|| panic!("no {name}")) + name.len() + 4;
                scheme[at..at + 7].to_owned()
            };
            let papers = [colour("paper"), colour("raised")];
            for paper in &papers {
                for name in ["main", "second", "good", "bad", "quiet"] {
                    let found = contrast(&colour(name), paper);
                    assert!(found >= 3.0, "{name} on {paper}: {found:.2}");
                }
                for name in ["ink", "muted", "link"] {
                    let found = contrast(&colour(name), paper);
                    assert!(found >= 4.5, "{name} on {paper}: {found:.2}");
                }
            }
            assert!(contrast(&colour("main"), &colour("on-main")) >= 4.5);
        }
    }
}
