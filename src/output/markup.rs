//! The Markdown of a report as a tree, for the sinks that are not Markdown.
//!
//! Only what reports are written with is read: headings, paragraphs, lists, tables, quotes with GitHub's alerts, code,
//! emphasis, links, and the few tags that Markdown has no words for. Any other tag is text like any other. The tree is
//! well-formed whatever the text was, and never deeper than [`MAX_DEPTH`].

use pulldown_cmark::{Alignment, BlockQuoteKind, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::terminal::Align;
use crate::report::page::{MARK, Page, index_of};

/// How deep blocks and emphasis are nested; what lies deeper is drawn as if it lay here.
const MAX_DEPTH: usize = 24;

/// A part of a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    Heading(u8, Vec<Inline>),
    Paragraph(Vec<Inline>),
    /// The text of an item of a list without blank lines.
    Plain(Vec<Inline>),
    /// With its first number, where it is numbered.
    List(Option<u64>, Vec<Vec<Block>>),
    Quote(Option<Alert>, Vec<Block>),
    Table(Table),
    Code(String),
    /// An index that the page has a chart for.
    Chart(usize),
    Rule,
    Details(Vec<Inline>, Vec<Block>),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inline {
    Text(String),
    /// A code span: that is how the texts of deals are quoted.
    Value(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Struck(Vec<Inline>),
    Small(Vec<Inline>),
    /// With a target that is harmless to follow.
    Link(String, Vec<Inline>),
    Break,
}

/// What a quote is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alert {
    Note,
    Warning,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub align: Vec<Align>,
    pub head: Vec<Vec<Inline>>,
    pub rows: Vec<Vec<Vec<Inline>>>,
}

impl Table {
    /// Whether a row adds others up: its first cell is strong.
    pub fn is_total(row: &[Vec<Inline>]) -> bool {
        matches!(row.first().and_then(|cell| cell.first()), Some(Inline::Strong(_)))
    }

    pub fn align_of(&self, column: usize) -> Align {
        self.align.get(column).copied().unwrap_or(Align::Left)
    }
}

/// The text of a line, without its emphasis.
pub(super) fn text_of(inlines: &[Inline]) -> String {
    let mut out = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(text) | Inline::Value(text) => out.push_str(text),
            Inline::Strong(inner)
            | Inline::Emphasis(inner)
            | Inline::Struck(inner)
            | Inline::Small(inner)
            | Inline::Link(_, inner) => out.push_str(&text_of(inner)),
            Inline::Break => out.push(' '),
        }
    }
    out
}

/// Reads the Markdown of a page.
pub(super) fn read(page: &Page) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_GFM;
    let mut builder = Builder { page, stack: vec![Frame::new(Kind::Root)] };
    for event in Parser::new_ext(&page.markdown, options) {
        builder.event(event);
    }
    while builder.stack.len() > 1 {
        builder.close_top();
    }
    builder.stack.pop().map(Frame::into_blocks).unwrap_or_default()
}

/// What is open.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Root,
    Heading(u8),
    Paragraph,
    List(Option<u64>),
    Item,
    Quote(Option<Alert>),
    Table,
    Head,
    Row,
    Cell,
    /// Of a fenced block with this information, or an indented one.
    Code(String),
    Strong,
    Emphasis,
    Struck,
    Link(Option<String>),
    /// Tags that stand in the text.
    Details,
    Summary,
    Small,
    /// What leaves its content to what is around it: images, of which the words stay, and what is nested too deep.
    Through,
}

/// Something open with what was read of it so far.
struct Frame {
    kind: Kind,
    blocks: Vec<Block>,
    inlines: Vec<Inline>,
    items: Vec<Vec<Block>>,
    summary: Vec<Inline>,
    table: Table,
}

impl Frame {
    fn new(kind: Kind) -> Frame {
        let table = Table::default();
        Frame { kind, blocks: Vec::new(), inlines: Vec::new(), items: Vec::new(), summary: Vec::new(), table }
    }

    /// Text that stood between blocks becomes one.
    fn flush(&mut self) {
        let inlines = std::mem::take(&mut self.inlines);
        if !text_of(&inlines).trim().is_empty() {
            self.blocks.push(Block::Plain(inlines));
        }
    }

    fn into_blocks(mut self) -> Vec<Block> {
        self.flush();
        self.blocks
    }
}

struct Builder<'a> {
    page: &'a Page,
    /// From the root to the innermost. Never empty.
    stack: Vec<Frame>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            // Tags of a piece of HTML may be closed by a later one; its text ends with it.
            Event::Start(Tag::HtmlBlock) => {}
            Event::End(TagEnd::HtmlBlock) => {
                while self.top_is(&[Kind::Summary, Kind::Small]) {
                    self.close_top();
                }
                if let Some(frame) = self.stack.last_mut() {
                    frame.flush();
                }
            }
            Event::Start(tag) => self.start(tag),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            Event::Code(text) => self.inline(Inline::Value(text.into_string())),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.inline(Inline::Break),
            Event::Rule => self.block(Block::Rule),
            Event::Html(html) => self.tags(&html, true),
            Event::InlineHtml(html) => self.tags(&html, false),
            // None of these is asked for.
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let kind = match tag {
            Tag::Paragraph => Kind::Paragraph,
            Tag::Heading { level, .. } => Kind::Heading(depth_of(level)),
            Tag::BlockQuote(alert) => Kind::Quote(alert.map(|kind| match kind {
                BlockQuoteKind::Note | BlockQuoteKind::Tip => Alert::Note,
                BlockQuoteKind::Important | BlockQuoteKind::Warning | BlockQuoteKind::Caution => Alert::Warning,
            })),
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => Kind::Code(info.into_string()),
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(String::new()),
            Tag::List(first) => Kind::List(first),
            Tag::Item => Kind::Item,
            Tag::Table(align) => {
                let right = |a: &Alignment| if *a == Alignment::Right { Align::Right } else { Align::Left };
                let mut frame = Frame::new(Kind::Table);
                frame.table.align = align.iter().map(right).collect();
                self.stack.push(frame);
                return;
            }
            Tag::TableHead => Kind::Head,
            Tag::TableRow => Kind::Row,
            Tag::TableCell => Kind::Cell,
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Strikethrough => Kind::Struck,
            Tag::Link { dest_url, .. } => Kind::Link(harmless(&dest_url)),
            _ => Kind::Through,
        };
        let deep = self.stack.len() > MAX_DEPTH
            && matches!(
                kind,
                Kind::List(_)
                    | Kind::Item
                    | Kind::Quote(_)
                    | Kind::Emphasis
                    | Kind::Strong
                    | Kind::Struck
                    | Kind::Link(_)
            );
        self.stack.push(Frame::new(if deep { Kind::Through } else { kind }));
    }

    /// Closes what the parser opened last, and the tags that stand open in it.
    fn end(&mut self) {
        while self.top_is(&[Kind::Details, Kind::Summary, Kind::Small]) {
            self.close_top();
        }
        if self.stack.len() > 1 {
            self.close_top();
        }
    }

    fn top_is(&self, kinds: &[Kind]) -> bool {
        self.stack.last().is_some_and(|frame| kinds.contains(&frame.kind))
    }

    /// Ends the innermost frame and hands it to the one around it.
    fn close_top(&mut self) {
        let Some(mut frame) = self.stack.pop() else { return };
        let inlines = std::mem::take(&mut frame.inlines);
        let kind = frame.kind.clone();
        match kind {
            Kind::Root => {}
            Kind::Heading(level) => self.block(Block::Heading(level, inlines)),
            Kind::Paragraph if text_of(&inlines).trim().is_empty() => {}
            Kind::Paragraph => self.block(Block::Paragraph(inlines)),
            Kind::List(first) => self.block(Block::List(first, frame.items)),
            Kind::Quote(alert) => {
                frame.inlines = inlines;
                self.block(Block::Quote(alert, frame.into_blocks()));
            }
            Kind::Details => {
                frame.inlines = inlines;
                let summary = std::mem::take(&mut frame.summary);
                self.block(Block::Details(summary, frame.into_blocks()));
            }
            Kind::Item => {
                frame.inlines = inlines;
                let blocks = frame.into_blocks();
                match self.stack.last_mut() {
                    Some(list) if matches!(list.kind, Kind::List(_)) => list.items.push(blocks),
                    _ => blocks.into_iter().for_each(|block| self.block(block)),
                }
            }
            Kind::Table => self.block(Block::Table(frame.table)),
            Kind::Head | Kind::Row | Kind::Cell => {
                let Some(around) = self.stack.last_mut() else { return };
                match kind {
                    // A head and a row collect their cells in the first row of a table of their own.
                    Kind::Cell => around.table.head.push(inlines),
                    Kind::Head => around.table.head = frame.table.head,
                    _ => around.table.rows.push(frame.table.head),
                }
            }
            Kind::Code(info) => {
                let text = text_of(&inlines);
                if info.trim() == MARK {
                    let index = index_of(&text).filter(|index| self.page.chart(*index).is_some());
                    if let Some(index) = index {
                        self.block(Block::Chart(index));
                    }
                } else {
                    self.block(Block::Code(text));
                }
            }
            Kind::Strong => self.inline(Inline::Strong(inlines)),
            Kind::Emphasis => self.inline(Inline::Emphasis(inlines)),
            Kind::Struck => self.inline(Inline::Struck(inlines)),
            Kind::Small => self.inline(Inline::Small(inlines)),
            Kind::Link(Some(target)) => self.inline(Inline::Link(target, inlines)),
            Kind::Summary => match self.stack.last_mut() {
                Some(details) if details.kind == Kind::Details && details.summary.is_empty() => {
                    details.summary = inlines
                }
                _ => self.block(Block::Paragraph(inlines)),
            },
            Kind::Link(None) | Kind::Through => {
                frame.inlines = inlines;
                let items = std::mem::take(&mut frame.items);
                if frame.blocks.is_empty() && items.is_empty() {
                    frame.inlines.into_iter().for_each(|inline| self.inline(inline));
                } else {
                    items.into_iter().flatten().chain(frame.into_blocks()).for_each(|block| self.block(block));
                }
            }
        }
    }

    fn block(&mut self, block: Block) {
        if let Some(frame) = self.stack.last_mut() {
            frame.flush();
            frame.blocks.push(block);
        }
    }

    fn inline(&mut self, inline: Inline) {
        if let Some(frame) = self.stack.last_mut() {
            frame.inlines.push(inline);
        }
    }

    fn text(&mut self, text: &str) {
        // The joiner that keeps a forge from making a link says nothing here.
        let text = text.trim_start_matches('\u{2060}');
        let Some(frame) = self.stack.last_mut() else { return };
        match frame.inlines.last_mut() {
            Some(Inline::Text(before)) => before.push_str(text),
            _ => frame.inlines.push(Inline::Text(text.to_owned())),
        }
    }

    /// Reads the tags in a piece of HTML; `whole` where it stands between blocks. What is not one of ours is text.
    fn tags(&mut self, html: &str, whole: bool) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            let (before, tag) = rest.split_at(at);
            self.text_of_html(before);
            let comment = tag.strip_prefix("<!--").and_then(|inner| inner.split_once("-->"));
            if let Some((_, after)) = comment {
                rest = after;
                continue;
            }
            let end = tag.find('>').map_or(tag.len(), |end| end + 1);
            let (tag, after) = tag.split_at(end);
            rest = after;
            match (tag, whole) {
                ("<br>" | "<br/>" | "<br />", _) => self.inline(Inline::Break),
                ("<sub>", _) if self.stack.len() <= MAX_DEPTH => self.stack.push(Frame::new(Kind::Small)),
                ("</sub>", _) if self.top_is(&[Kind::Small]) => self.close_top(),
                ("<details>" | "<details open>", true) if self.stack.len() <= MAX_DEPTH => {
                    self.stack.push(Frame::new(Kind::Details));
                }
                ("</details>", true) => {
                    while self.top_is(&[Kind::Small, Kind::Summary]) {
                        self.close_top();
                    }
                    if self.top_is(&[Kind::Details]) {
                        self.close_top();
                    }
                }
                ("<summary>", true) if self.top_is(&[Kind::Details]) => self.stack.push(Frame::new(Kind::Summary)),
                ("</summary>", true) => {
                    while self.top_is(&[Kind::Small]) {
                        self.close_top();
                    }
                    if self.top_is(&[Kind::Summary]) {
                        self.close_top();
                    }
                }
                ("</sub>" | "</summary>" | "</details>", _) => {}
                (other, _) => self.text(other),
            }
        }
        self.text_of_html(rest);
    }

    /// Text between tags, in which entities stand for letters.
    fn text_of_html(&mut self, html: &str) {
        if html.trim().is_empty() && !html.contains(' ') {
            return;
        }
        let line = html.replace(['\n', '\r'], " ");
        if !line.contains('&') {
            return self.text(&line);
        }
        // Escaping everything but entities leaves the parser nothing else to read.
        let escape =
            |c: char| if c.is_ascii_punctuation() && !"&#;".contains(c) { format!("\\{c}") } else { c.to_string() };
        let escaped: String = line.chars().map(escape).collect();
        let (lead, body) = escaped.split_at(escaped.len() - escaped.trim_start().len());
        self.text(lead);
        for event in Parser::new(body) {
            match event {
                Event::Text(text) => self.text(&text),
                Event::SoftBreak | Event::HardBreak => self.text(" "),
                _ => {}
            }
        }
    }
}

fn depth_of(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The target of a link, where following it can do nothing but open a page or write a letter.
fn harmless(target: &str) -> Option<String> {
    let lower = target.to_ascii_lowercase();
    let known = ["https://", "http://", "mailto:", "#"].iter().any(|start| lower.starts_with(start));
    let odd = target.chars().any(|c| c.is_control() || c.is_whitespace() || super::terminal::is_hostile(c));
    (known && !odd).then(|| target.to_owned())
}
