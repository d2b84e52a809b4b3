//! Reads bytes into the tree: the parser's events become nodes with exact spans, and everything that tussock does not
//! take from YAML becomes a problem of its own.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScanError, StructureStyle};

use super::explain;
use super::lines;
use super::prescan::{self, MAX_DEPTH, MAX_NODES};
use super::problem::{Edit, Fix, Problem, ProblemKind};
use super::quick;
use super::span::Span;
use super::tree::{Core, Document, Entry, Mapping, Node, NodeKind, ScalarStyle, resolve};

/// Syntax errors that are looked for in one file before reading gives up on it.
const MAX_SYNTAX_ERRORS: usize = 20;

/// Problems of the parsed text that are listed one by one before the rest is only counted. A file with more is no deal.
const MAX_LISTED: usize = 200;

/// Reads a deal. An error holds everything that could be found wrong; a document that can be used although something is
/// wrong with it carries that in [`Document::problems`].
pub fn read(source: &[u8]) -> Result<Document, Vec<Problem>> {
    read_as(source, "deal")
}

/// Reads a file that is not a deal; `what` names it in messages: `pipeline file`.
pub fn read_as(source: &[u8], what: &str) -> Result<Document, Vec<Problem>> {
    match quick::read(source) {
        Some(document) => Ok(document),
        None => read_fully(source, what),
    }
}

/// As [`read`], of bytes that nobody needs afterwards. An error gives them back.
pub fn read_owned(source: Vec<u8>) -> Result<Document, (Vec<u8>, Vec<Problem>)> {
    match quick::tree(&source) {
        Some((root, span)) => match String::from_utf8(source) {
            Ok(text) => Ok(Document { text, root, span, problems: Vec::new() }),
            Err(error) => read_fully(error.as_bytes(), "deal").map_err(|problems| (error.into_bytes(), problems)),
        },
        None => read_fully(&source, "deal").map_err(|problems| (source, problems)),
    }
}

/// As [`read_as`], with the parser whatever the file holds.
pub fn read_fully(source: &[u8], what: &str) -> Result<Document, Vec<Problem>> {
    let scan = prescan::scan(source)?;
    let (mut problems, mut fatal) = (scan.problems, scan.fatal);
    // The parser stops at the first error. Where the bytes at fault can be told, they are covered with letters of the
    // same length and the file is read again, so that the next error is found too, at its right place.
    let mut readable = scan.readable;
    let mut last_error = None;
    for _ in 0..MAX_SYNTAX_ERRORS {
        let mut builder = Builder::new(&readable, what);
        let error = builder.run();
        let Some(error) = error else {
            let root = builder.finish();
            fatal |= builder.fatal;
            problems.append(&mut builder.take_problems());
            sort(&mut problems, &scan.masked);
            return match root {
                Some((root, span)) if !fatal => Ok(Document { text: scan.text.to_owned(), root, span, problems }),
                _ => Err(problems),
            };
        };
        fatal = true;
        let mut explained = explain::explain(&builder.place(&error), &error);
        if let Some(fix) = explained.problem.fix.as_mut().filter(|_| explained.safe_if_readable) {
            fix.safe = reads_on(&readable, fix, what);
        }
        let offset = explained.problem.span;
        let cover = explained.cover.filter(|_| last_error.is_none_or(|last| offset > last));
        last_error = Some(offset);
        problems.push(explained.problem);
        let Some(cover) = cover else {
            problems.append(&mut builder.take_problems());
            break;
        };
        readable = Cow::Owned(prescan::mask(&readable, &[cover]).into_owned());
    }
    sort(&mut problems, &scan.masked);
    Err(problems)
}

/// Whether a text reads without an error up to the end of what a change made of it.
fn reads_on(text: &str, fix: &Fix, what: &str) -> bool {
    let Some(changed) = fix.apply(text) else { return false };
    let last = fix.edits.iter().map(|edit| edit.span.start).max().unwrap_or(0);
    let end = last + changed.len().saturating_sub(text.len());
    let mut builder = Builder::new(&changed, what);
    let error = builder.run();
    !builder.fatal && error.is_none_or(|error| error.marker().byte_offset().is_some_and(|at| at > end))
}

/// Puts problems in the order of the file and drops edits made from text in which letters stood for other characters.
fn sort(problems: &mut [Problem], masked: &[Span]) {
    for problem in problems.iter_mut().filter(|p| p.kind != ProblemKind::Encoding) {
        let touched = |edit: &Edit| masked.iter().any(|m| m.start < edit.span.end && edit.span.start < m.end);
        let stale = |fix: &Fix| fix.edits.iter().any(touched);
        if problem.fix.as_ref().is_some_and(stale) {
            problem.fix = None;
        }
    }
    problems.sort_by_key(|p| p.span);
}

/// A collection that is still open.
struct Frame {
    kind: Open,
    flow: bool,
    /// First byte.
    start: usize,
    /// Where the bytes that were read last end: the next dash or key stands after it.
    cursor: usize,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping {
        mapping: Mapping,
        /// Key to index in `mapping.entries`, made once a mapping is long.
        index: HashMap<String, usize>,
        pending: Option<Key>,
    },
}

/// A key that waits for its value.
struct Key {
    text: String,
    span: Span,
    /// First byte after the colon.
    after: usize,
    /// A second key of the same name, or something that is no key: its value is dropped.
    dropped: bool,
    /// The index of the problem that says so of a second key of the same name.
    twin: Option<usize>,
}

/// Mappings longer than this find their duplicates by a table.
const LONG_MAPPING: usize = 16;

struct Builder<'a> {
    text: &'a str,
    what: &'a str,
    problems: Vec<Problem>,
    fatal: bool,
    stack: Vec<Frame>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    stopped: bool,
    /// Problems above those that are listed.
    unlisted: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, what: &'a str) -> Self {
        Builder {
            text,
            what,
            problems: Vec::new(),
            fatal: false,
            stack: Vec::new(),
            root: None,
            documents: 0,
            nodes: 0,
            stopped: false,
            unlisted: 0,
        }
    }

    /// Feeds all events; returns the error at which the parser stopped.
    fn run(&mut self) -> Option<ScanError> {
        let options = granit_parser::options! {
            strict_indentation: true,
            disallow_directives: true,
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        for next in Parser::new_from_str_with_options(self.text, options) {
            match next {
                Ok((event, span)) => self.event(event, &span),
                Err(error) => return Some(error),
            }
            if self.stopped {
                break;
            }
        }
        None
    }

    /// What the explanation of a syntax error needs to know about the place.
    fn place(&self, error: &ScanError) -> explain::Place<'a> {
        let top = self.stack.last();
        let value = top.and_then(|f| match &f.kind {
            Open::Mapping { pending: Some(key), .. } => Some(key.after),
            Open::Sequence(_) if !f.flow => self.dash(f.cursor).map(|d| d + 1),
            _ => None,
        });
        let flow = top.filter(|f| f.flow).map(|f| f.start);
        let outermost_flow = self.stack.iter().find(|f| f.flow).map(|f| f.start);
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        explain::Place {
            text: self.text,
            at,
            value: value.map(|v| self.skip_blank(v)),
            flow: flow.or(outermost_flow),
            key: top.and_then(|f| match &f.kind {
                Open::Mapping { pending: Some(key), .. } => Some(key.span),
                _ => None,
            }),
        }
    }

    fn event(&mut self, event: Event<'_>, at: &granit_parser::Span) {
        let span = at.byte_range().map_or(Span::at(0), |r| Span::new(r.start, r.end));
        if let (Some(tag), true) = (at.tag_span().and_then(|t| t.byte_range()), event.is_node()) {
            self.refuse_tag(Span::new(tag.start, tag.end));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.refuse(span, "a second YAML document begins here; a file holds one")
                        .help("delete the line with `---` or `...`, or put what follows into a file of its own");
                    self.stopped = true;
                }
            }
            Event::Scalar(text, style, _, _) => {
                self.count(span);
                let style = match style {
                    granit_parser::ScalarStyle::Plain => ScalarStyle::Plain,
                    granit_parser::ScalarStyle::SingleQuoted => ScalarStyle::SingleQuoted,
                    granit_parser::ScalarStyle::DoubleQuoted => ScalarStyle::DoubleQuoted,
                    granit_parser::ScalarStyle::Literal => ScalarStyle::Literal,
                    granit_parser::ScalarStyle::Folded => ScalarStyle::Folded,
                };
                // The parser gives `~` for a value that is not there.
                let absent = style == ScalarStyle::Plain && span.start == span.end;
                let text = if absent { String::new() } else { text.into_owned() };
                if self.wants_key() { self.key(text, style, span) } else { self.scalar(text, style, span) }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse_alias(span, matches!(event, Event::UnresolvedAlias(_)));
                let text = self.text[span.start..span.end].to_owned();
                if self.wants_key() {
                    self.key(text, ScalarStyle::DoubleQuoted, span);
                } else {
                    self.scalar(text, ScalarStyle::DoubleQuoted, span);
                }
            }
            Event::Anchor(..) => self.refuse_anchor(span),
            Event::SequenceStart(style, _, _) => self.open(style, span, Open::Sequence(Vec::new())),
            Event::MappingStart(style, _, _) => {
                let open = Open::Mapping { mapping: Mapping::default(), index: HashMap::new(), pending: None };
                self.open(style, span, open);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => {}
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { kind: Open::Mapping { pending: None, .. }, .. }))
    }

    fn count(&mut self, span: Span) {
        self.nodes += 1;
        if self.nodes == MAX_NODES + 1 {
            self.refuse(span, format!("the file holds more than {MAX_NODES} keys and values"))
                .help("put long lists into files of their own");
            self.stopped = true;
        }
    }

    fn refuse(&mut self, span: Span, message: impl Into<String>) -> Refused<'_> {
        self.problem(ProblemKind::YamlUnsupported, span, message)
    }

    fn problem(&mut self, kind: ProblemKind, span: Span, message: impl Into<String>) -> Refused<'_> {
        self.fatal = true;
        if self.record(Problem::new(kind, span, message)) { Refused(self.problems.last_mut()) } else { Refused(None) }
    }

    /// Lists a problem, or only counts it where there are so many. Whether it is listed.
    fn record(&mut self, problem: Problem) -> bool {
        let listed = self.problems.len() < MAX_LISTED;
        if listed {
            self.problems.push(problem)
        } else {
            self.unlisted += 1
        }
        listed
    }

    /// The problems, the last of which says how many more there are.
    fn take_problems(&mut self) -> Vec<Problem> {
        if let (true, Some(last)) = (self.unlisted > 0, self.problems.last_mut()) {
            last.message = format!("{}, and {} more problems", last.message, self.unlisted);
        }
        std::mem::take(&mut self.problems)
    }

    fn refuse_tag(&mut self, span: Span) {
        let fix = self.quoted_rest(span.start).map(guessed);
        self.refuse(span, "a YAML tag: a value must not start with `!`")
            .help("put the value in quotes if the `!` is part of the text; delete the tag otherwise")
            .fix(fix);
    }

    fn refuse_anchor(&mut self, span: Span) {
        let fix = self.quoted_rest(span.start).map(guessed);
        self.refuse(span, "a YAML anchor: a value must not start with `&`")
            .help("put the value in quotes if the `&` is part of the text; delete the anchor otherwise")
            .fix(fix);
    }

    fn refuse_alias(&mut self, span: Span, unresolved: bool) {
        let fix = if unresolved && !self.wants_key() { self.quoted_rest(span.start) } else { None };
        let help = if unresolved {
            "put the value in quotes if the `*` is part of the text"
        } else {
            "write the value itself: a deal must be readable line by line"
        };
        self.refuse(span, "a YAML alias: a value must not start with `*`").help(help).fix(fix);
    }

    /// The value from `start` to the end of its line in quotes, where the line holds all of it.
    fn quoted_rest(&self, start: usize) -> Option<Fix> {
        if self.stack.iter().any(|f| f.flow) {
            return None;
        }
        let span = lines::one_line_value(self.text, start)?;
        Some(lines::quoted(self.text, span))
    }

    fn open(&mut self, style: StructureStyle, span: Span, kind: Open) {
        let flow = matches!(style, StructureStyle::Flow);
        self.count(span);
        if self.stack.len() >= MAX_DEPTH {
            self.problems.push(prescan::too_deep(self.char_at(span.start)));
            self.fatal = true;
            self.stopped = true;
            return;
        }
        if self.wants_key() {
            self.refuse(span, "a list or block in the place of a key").help("write a name before the colon");
        }
        let pair = flow && span.start == span.end && matches!(kind, Open::Mapping { .. });
        if pair {
            self.refuse(self.char_at(span.start), "a key with a value stands in a list without braces")
                .help("write `{key: value}`, or put the text in quotes if it only has a colon in it");
        }
        // Block collections get their place from the parser only roughly; a list starts at its first dash.
        let start = match (&kind, flow) {
            (Open::Sequence(_), false) => self.place_of_value().and_then(|at| self.dash(at)).unwrap_or(span.start),
            _ => span.start,
        };
        let cursor = if flow && !pair { span.end } else { start };
        self.stack.push(Frame { kind, flow, start, cursor });
    }

    /// Where the value that comes next is looked for: after its colon or dash, or where the document starts.
    fn place_of_value(&self) -> Option<usize> {
        match self.stack.last() {
            Some(Frame { kind: Open::Mapping { pending: Some(key), .. }, .. }) => Some(key.after),
            Some(Frame { kind: Open::Sequence(_), flow: false, cursor, .. }) => self.dash(*cursor).map(|d| d + 1),
            _ => None,
        }
    }

    fn close(&mut self, span: Span) {
        let Some(frame) = self.stack.pop() else { return };
        let end = if frame.flow && span.end > span.start { span.end } else { frame.cursor };
        let node_span = Span::new(frame.start, end);
        let kind = match frame.kind {
            Open::Sequence(items) => NodeKind::Sequence { items, flow: frame.flow },
            Open::Mapping { mut mapping, .. } => {
                mapping.flow = frame.flow;
                NodeKind::Mapping(mapping)
            }
        };
        if self.wants_key() {
            let key = Key { text: String::new(), span: node_span, after: end, dropped: true, twin: None };
            self.wait(key);
        } else {
            self.value(Node { span: node_span, kind });
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span) {
        let after = self.place_of_value();
        let span = match (style, after) {
            (ScalarStyle::Literal | ScalarStyle::Folded, Some(after)) => {
                let start = self.skip_blank(after);
                let block = Span::new(start, self.block_end(start, span.end));
                self.refuse_digit_alone(&text, block);
                block
            }
            (ScalarStyle::Plain, Some(after)) if span.start == span.end => Span::at(after),
            _ => span,
        };
        self.value(Node { span, kind: NodeKind::Scalar { text, style } });
    }

    /// `amount: >5`, which YAML reads as an empty text indented by five.
    fn refuse_digit_alone(&mut self, text: &str, block: Span) {
        let header = &self.text[block.start..block.end];
        if text.is_empty() && header.contains(|c: char| c.is_ascii_digit()) {
            let fix = lines::one_line_value(self.text, block.start);
            let fix = fix.map(|span| lines::quoted(self.text, span));
            let sign = header.get(..1).unwrap_or(">");
            let message = format!("after `{sign}` the text starts on the next line");
            self.problem(ProblemKind::YamlSyntax, block, message).help("put the value in quotes").fix(fix);
        }
    }

    /// The end of a block of text: its last line that is not blank, without the line end.
    fn block_end(&self, start: usize, end: usize) -> usize {
        let block = &self.text[start..end.max(start)];
        let header = block.find('\n').unwrap_or(block.len());
        let body = block[header..].trim_end_matches(['\n', '\r', ' ', '\t']);
        if body.is_empty() {
            return start + block[..header].trim_end().len();
        }
        // Blanks at the end of the last line are part of the text.
        let last = header + body.len();
        let line = block[last..].find('\n').map_or(block.len(), |n| last + n);
        start + block[..line].trim_end_matches('\r').len()
    }

    fn value(&mut self, node: Node) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.cursor = node.span.end.max(frame.cursor);
        match &mut frame.kind {
            Open::Sequence(items) => items.push(node),
            Open::Mapping { mapping, index, pending } => {
                let Some(key) = pending.take() else { return };
                if key.dropped {
                    let first = mapping.entry(&key.text).map(|first| &first.value);
                    if let (Some(problem), Some(first)) = (key.twin.and_then(|at| self.problems.get_mut(at)), first) {
                        lines::two_values(self.text, problem, (&key.text, key.span), (first, &node), frame.flow);
                    }
                    return;
                }
                if !index.is_empty() || mapping.entries.len() >= LONG_MAPPING {
                    if index.is_empty() {
                        index.extend(mapping.entries.iter().enumerate().map(|(i, e)| (e.key.clone(), i)));
                    }
                    index.insert(key.text.clone(), mapping.entries.len());
                }
                mapping.entries.push(Entry { key: key.text, key_span: key.span, value: node });
            }
        }
    }

    fn key(&mut self, text: String, style: ScalarStyle, span: Span) {
        let in_flow = self.stack.last().is_some_and(|f| f.flow);
        let after_key = if in_flow { self.skip_blank(span.end) } else { self.skip_spaces(span.end) };
        let colon = self.text[after_key..].starts_with(':');
        let mut dropped = false;
        self.refuse_tab_before(span, in_flow);
        if !colon {
            dropped = true;
            self.refuse_key_without_colon(&text, span, in_flow);
        } else if style == ScalarStyle::Plain {
            dropped = self.refuse_plain_key(&text, span);
        }
        let after = if colon { after_key + 1 } else { span.end };
        let mut twin = None;
        if !dropped && let Some((first, path)) = self.first_of_name(&text) {
            dropped = true;
            twin = Some(self.problems.len());
            self.record(
                Problem::new(ProblemKind::DuplicateKey, span, format!("`{text}` stands twice in one block"))
                    .with_label("here again")
                    .with_help("keep one of the two lines")
                    .with_related(first, "first here")
                    .with_field(path),
            );
        }
        self.wait(Key { text, span, after, dropped, twin });
    }

    fn wait(&mut self, key: Key) {
        if let Some(Frame { kind: Open::Mapping { pending, .. }, cursor, .. }) = self.stack.last_mut() {
            *cursor = key.after.max(*cursor);
            *pending = Some(key);
        }
    }

    /// A tab in the indentation of a key, where the parser lets it pass.
    fn refuse_tab_before(&mut self, key: Span, in_flow: bool) {
        let before = &self.text[..key.start];
        let indent = before.len() - before.trim_end_matches([' ', '\t']).len();
        let Some(tab) = before[before.len() - indent..].find('\t').map(|t| before.len() - indent + t) else { return };
        let starts_line = matches!(before[..before.len() - indent].chars().next_back(), None | Some('\n' | '\u{feff}'));
        if starts_line && !in_flow {
            let fix = lines::without_tabs(self.text, tab);
            self.problem(ProblemKind::YamlSyntax, Span::new(tab, tab + 1), explain::TAB)
                .help("write two spaces for the tab")
                .fix(Some(fix));
        }
    }

    fn refuse_key_without_colon(&mut self, text: &str, span: Span, in_flow: bool) {
        if in_flow {
            let shown = lines::shown(text);
            let curly = lines::curly_quotes_around(self.text, span.start);
            let missing = lines::missing_space(self.text.get(..span.end).unwrap_or(self.text), span.start);
            match (curly, missing) {
                (Some(problem), _) | (None, Some(problem)) => {
                    self.fatal = true;
                    self.record(problem);
                }
                (None, None) => self
                    .problem(
                        ProblemKind::YamlSyntax,
                        span,
                        format!("`{shown}` stands in braces without a colon and a value"),
                    )
                    .help("write `key: value`; a text with a comma in it needs quotes")
                    .fix(None),
            }
        } else {
            self.refuse(span, "a key written with `?`").help("write `key: value` on one line");
        }
    }

    /// Keys that other programs would not read as text.
    fn refuse_plain_key(&mut self, text: &str, span: Span) -> bool {
        if text == "<<" {
            self.refuse(span, "a merge key `<<`").help("write the fields out: a deal must be readable line by line");
            return true;
        }
        if span.start == span.end {
            self.problem(
                ProblemKind::YamlSyntax,
                Span::new(span.start, span.start + 1),
                "a colon without a name before it",
            )
            .help("write `key: value`");
            return true;
        }
        let what = match resolve(text, ScalarStyle::Plain) {
            Core::Str => return false,
            Core::Null => "null",
            Core::Bool(_) => "true or false",
            Core::Int | Core::Float => "a number",
        };
        self.refuse(span, format!("the key `{text}` is {what}, not a name"))
            .help(format!("put it in quotes: `\"{text}\"`"))
            .fix(Some(Fix::safe("put the name in quotes", span, format!("\"{text}\""))));
        true
    }

    /// The key that already has this name in the innermost mapping, and the path of both.
    fn first_of_name(&self, name: &str) -> Option<(Span, String)> {
        let Some(Frame { kind: Open::Mapping { mapping, index, .. }, .. }) = self.stack.last() else { return None };
        let entry = if index.is_empty() {
            mapping.entry(name)?
        } else {
            index.get(name).and_then(|i| mapping.entries.get(*i))?
        };
        let mut path = String::new();
        for frame in &self.stack {
            if let Open::Mapping { pending: Some(key), .. } = &frame.kind {
                path.push_str(&key.text);
                path.push('.');
            }
        }
        path.push_str(name);
        Some((entry.key_span, path))
    }

    /// The top-level mapping; problems say why there is none.
    fn finish(&mut self) -> Option<(Mapping, Span)> {
        if self.stopped {
            return None;
        }
        let what = self.what;
        let help = format!("a {what} is lines of `key: value`, such as `title: …`");
        let (found, span) = match self.root.take() {
            Some(Node { span, kind: NodeKind::Mapping(mapping) }) => return Some((mapping, span)),
            Some(Node { span, kind: NodeKind::Sequence { .. } }) => ("the file is a list", span),
            Some(Node { span, kind: NodeKind::Scalar { text, style } }) => {
                let first = self.text[span.start..].lines().next().unwrap_or("");
                if let (ScalarStyle::Plain, Some(problem)) = (style, lines::missing_space(self.text, span.start)) {
                    self.fatal = true;
                    self.problems.push(problem);
                    return None;
                }
                let found = if text.is_empty() { "the file is empty" } else { "the file is one text" };
                (found, Span::new(span.start, span.start + first.len().min(span.end - span.start)))
            }
            None if self.text.lines().any(|l| l.trim_start().starts_with('#')) => {
                ("the file holds only comments", Span::at(0))
            }
            None => ("the file is empty", Span::at(0)),
        };
        self.problem(ProblemKind::YamlSyntax, span, format!("not a {what}: {found}")).help(help);
        None
    }

    fn char_at(&self, at: usize) -> Span {
        Span::new(at, at + self.text[at..].chars().next().map_or(0, char::len_utf8))
    }

    /// The next dash after `from`, over blanks, line ends and comments.
    fn dash(&self, from: usize) -> Option<usize> {
        let at = self.skip_blank(from);
        self.text[at..].starts_with('-').then_some(at)
    }

    fn skip_spaces(&self, from: usize) -> usize {
        let rest = &self.text[from..];
        from + rest.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
    }

    fn skip_blank(&self, from: usize) -> usize {
        skip_blank(self.text, from)
    }
}

/// The next byte that is neither blank nor in a comment.
pub(super) fn skip_blank(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'#' => at += bytes[at..].iter().take_while(|b| **b != b'\n').count(),
            _ => break,
        }
    }
    at
}

/// A change that might not be what was meant.
fn guessed(fix: Fix) -> Fix {
    Fix { safe: false, ..fix }
}

/// A problem that was just recorded, for adding to it.
struct Refused<'a>(Option<&'a mut Problem>);

impl Refused<'_> {
    fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(problem) = &mut self.0 {
            problem.help = Some(help.into());
        }
        self
    }

    fn fix(mut self, fix: Option<Fix>) {
        if let Some(problem) = &mut self.0 {
            problem.fix = fix;
        }
    }
}
