//! Where the bytes of an edit go: one range of the text and what replaces it.

use std::ops::Range;

use super::edit::EditError;
use super::quote;
use super::reader::skip_blank;
use super::schema::Keys;
use super::tree::{Core, Entry, Mapping, Node, NodeKind, ScalarStyle, resolve};

/// One replacement in a text.
pub(super) struct Change {
    pub range: Range<usize>,
    pub text: String,
}

/// A value as text, for every place that it can stand in.
pub(super) struct Written {
    /// On the line of its key.
    line: String,
    /// Between brackets.
    flow: String,
    /// As a `|` block: the indicator and the lines.
    block: Option<(&'static str, Vec<String>)>,
    /// As the item of a list that is made for it.
    item: bool,
}

impl Written {
    /// A text on one line.
    pub fn text(text: &str) -> Self {
        Written { line: quote::scalar(text), flow: quote::flow_scalar(text), block: None, item: false }
    }

    /// YAML as it is.
    pub fn raw(raw: &str) -> Self {
        Written { line: raw.to_owned(), flow: raw.to_owned(), block: None, item: false }
    }

    /// A text of several lines as a `|` block; `None` where a block would not read back or would hide something.
    pub fn block(text: &str) -> Option<Self> {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let lines: Vec<&str> = body.split('\n').collect();
        let first = lines.first()?;
        let visible = |line: &&str| line.is_empty() || quote::is_visible(line) && !line.ends_with(' ');
        let fits = text.contains('\n') && !first.is_empty() && !first.starts_with(' ') && !body.ends_with('\n');
        if !fits || !lines.iter().all(visible) {
            return None;
        }
        let indicator = if text.ends_with('\n') { "|" } else { "|-" };
        let lines = lines.into_iter().map(str::to_owned).collect();
        Some(Written { block: Some((indicator, lines)), ..Written::text(text) })
    }

    /// The value as the only item of a list.
    pub fn into_item(self) -> Self {
        Written { flow: format!("[{}]", self.flow), block: None, item: true, ..self }
    }

    /// The value without the brackets of [`Written::into_item`].
    fn bare_flow(&self) -> &str {
        self.flow.strip_prefix('[').and_then(|f| f.strip_suffix(']')).filter(|_| self.item).unwrap_or(&self.flow)
    }
}

/// The place for a new key: after the last key that the card has before it or in no order with it, else before the first
/// that it has after it.
pub(super) fn insert_index(mapping: &Mapping, key: &str, keys: Keys<'_>) -> usize {
    let own = keys.rank(key);
    let before = mapping.entries.iter().rposition(|e| keys.rank(&e.key) <= own).map(|i| i + 1);
    before.or_else(|| mapping.entries.iter().position(|e| keys.rank(&e.key) > own)).unwrap_or(mapping.entries.len())
}

/// What a path leads to.
enum Found<'a, 'k> {
    /// The field is there.
    Field(&'a Mapping, &'a Entry),
    /// A block lacks the first of these keys.
    Nothing(&'a Mapping, &'k [&'k str]),
    /// A field on the way is empty; these keys come below it.
    Empty(&'a Mapping, &'a Entry, &'k [&'k str]),
}

/// Finds places in one text.
pub(super) struct Splicer<'a> {
    text: &'a str,
    root: &'a Mapping,
    newline: &'static str,
    step: usize,
}

impl<'a> Splicer<'a> {
    /// The file's own line ends and indentation are kept.
    pub fn new(text: &'a str, root: &'a Mapping) -> Self {
        let newline = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        let mut splicer = Splicer { text, root, newline, step: 2 };
        let below = root.entries.iter().find_map(|e| match &e.value.kind {
            NodeKind::Mapping(below) if !below.flow => below.entries.first(),
            _ => None,
        });
        if let (Some(above), Some(below)) = (root.entries.first(), below) {
            let column = |e: &Entry| splicer.indent(e.key_span.start).len();
            splicer.step = column(below).saturating_sub(column(above)).max(1);
        }
        splicer
    }

    /// Gives a field a value.
    pub fn set(&self, keys: &[&str], value: &Written, order: Keys<'_>) -> Result<Change, EditError> {
        let mut change = match self.find(keys)? {
            Found::Field(mapping, entry) => self.replace(keys, mapping, entry, value)?,
            Found::Nothing(mapping, rest) => self.insert(mapping, keys, rest, value, order),
            Found::Empty(mapping, entry, rest) => self.fill(keys, mapping, entry, rest, value)?,
        };
        // Readers differ on whether a block at the end of a file has a last line end if the file has none.
        if value.block.is_some() && change.range.end == self.text.len() && !change.text.ends_with('\n') {
            change.text.push_str(self.newline);
        }
        Ok(change)
    }

    /// Adds an item to a list.
    pub fn append(&self, keys: &[&str], item: &Written, order: Keys<'_>) -> Result<Change, EditError> {
        let (mapping, entry) = match self.find(keys)? {
            Found::Field(mapping, entry) => (mapping, entry),
            Found::Nothing(mapping, rest) => return Ok(self.insert(mapping, keys, rest, item, order)),
            Found::Empty(mapping, entry, rest) => return self.fill(keys, mapping, entry, rest, item),
        };
        match &entry.value.kind {
            NodeKind::Sequence { items, flow: true } => {
                let span = entry.value.span;
                Ok(match items.last() {
                    Some(last) => self.at(last.span.end, format!(", {}", item.bare_flow())),
                    None => Change { range: span.start..span.end, text: item.flow.clone() },
                })
            }
            NodeKind::Sequence { flow: false, .. } => {
                let indent = self.indent(entry.value.span.start);
                let end = self.lines_end(&entry.value, indent.len());
                Ok(self.new_lines(end, &format!("{indent}- {}", item.line)))
            }
            _ if is_null(&entry.value) => self.fill(keys, mapping, entry, &[], item),
            _ => Err(EditError::NotAList { path: keys.join("."), found: describe(&entry.value) }),
        }
    }

    /// Removes a field; returns how many of the keys lead to what goes.
    pub fn remove(&self, keys: &[&str]) -> Result<(Change, usize), EditError> {
        let missing = || EditError::Missing(keys.join("."));
        let mut way: Vec<(&Mapping, usize)> = Vec::new();
        let mut mapping = self.root;
        for (i, key) in keys.iter().enumerate() {
            let at = mapping.entries.iter().position(|e| e.key == *key).ok_or_else(missing)?;
            way.push((mapping, at));
            if i + 1 < keys.len() {
                match &mapping.entries[at].value.kind {
                    NodeKind::Mapping(below) => mapping = below,
                    _ => return Err(missing()),
                }
            }
        }
        while way.len() > 1 && way.last().is_some_and(|(m, _)| !m.flow && m.entries.len() == 1) {
            way.pop();
        }
        let depth = way.len();
        let Some((mapping, at)) = way.pop() else { return Err(missing()) };
        let entry = &mapping.entries[at];
        if mapping.flow {
            let range = match (mapping.entries.get(at + 1), at.checked_sub(1).and_then(|i| mapping.entries.get(i))) {
                (Some(next), _) => entry.key_span.start..next.key_span.start,
                (None, Some(before)) => before.value.span.end..entry.value.span.end,
                (None, None) => {
                    let end = entry.value.span.end;
                    let comma = self.text[end..].trim_start_matches([' ', '\t']).starts_with(',');
                    let end = if comma { self.text[end..].find(',').map_or(end, |at| end + at + 1) } else { end };
                    entry.key_span.start..end
                }
            };
            return Ok((Change { range, text: String::new() }, depth));
        }
        let indent = self.indent(entry.key_span.start).len();
        let start = entry.key_span.start - indent;
        let end = self.lines_end(&entry.value, indent);
        let end = if end < self.text.len() { end + 1 } else { end };
        Ok((Change { range: start..end, text: String::new() }, depth))
    }

    fn find<'k>(&self, keys: &'k [&'k str]) -> Result<Found<'a, 'k>, EditError> {
        let mut mapping = self.root;
        for (i, key) in keys.iter().enumerate() {
            let Some(entry) = mapping.entry(key) else { return Ok(Found::Nothing(mapping, &keys[i..])) };
            if i + 1 == keys.len() {
                return Ok(Found::Field(mapping, entry));
            }
            match &entry.value.kind {
                NodeKind::Mapping(below) => mapping = below,
                _ if is_null(&entry.value) => return Ok(Found::Empty(mapping, entry, &keys[i + 1..])),
                _ => {
                    let path = keys[..=i].join(".");
                    return Err(EditError::NotABlock { path, found: describe(&entry.value) });
                }
            }
        }
        Err(EditError::BadPath(keys.join(".")))
    }

    fn at(&self, at: usize, text: String) -> Change {
        Change { range: at..at, text }
    }

    fn replace(&self, keys: &[&str], mapping: &Mapping, entry: &Entry, value: &Written) -> Result<Change, EditError> {
        let node = &entry.value;
        let span = node.span;
        let rest = self.text[span.end..self.line_end(span.end)].trim_end_matches('\r');
        if mapping.flow {
            if span.start == span.end {
                return Ok(Change { range: self.gap(span.start), text: format!(" {}", value.flow) });
            }
            return Ok(Change { range: span.start..span.end, text: value.flow.clone() });
        }
        let own_line = self.line_start(entry.key_span.start) == self.line_start(span.start);
        if span.start == span.end {
            let comment = if rest.trim().is_empty() { "" } else { rest };
            let new = self.block_or_line(entry, value, comment);
            return Ok(Change { range: span.start..span.end + rest.len(), text: format!(" {new}") });
        }
        match &node.kind {
            NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
                let header = &self.text[span.start..self.line_end(span.start)];
                let comment =
                    header.find(" #").map_or("", |hash| &header[header[..hash].trim_end().len()..]).trim_end();
                let new = if own_line { self.block_or_line(entry, value, comment) } else { value.line.clone() };
                Ok(Change { range: span.start..span.end, text: new })
            }
            NodeKind::Scalar { .. }
            | NodeKind::Sequence { flow: true, .. }
            | NodeKind::Mapping(Mapping { flow: true, .. }) => {
                if value.block.is_some() && own_line {
                    let comment = if rest.trim().is_empty() { "" } else { rest };
                    let new = self.block_or_line(entry, value, comment);
                    return Ok(Change { range: span.start..span.end + rest.len(), text: new });
                }
                Ok(Change { range: span.start..span.end, text: value.line.clone() })
            }
            NodeKind::Sequence { .. } | NodeKind::Mapping(_) => {
                let after = self.after_colon(entry);
                if self.text[after..span.end].contains('#') {
                    return Err(EditError::Comments(keys.join(".")));
                }
                let new = self.block_or_line(entry, value, "");
                Ok(Change { range: after..span.end, text: format!(" {new}") })
            }
        }
    }

    /// The new value after its key: on the line before the comment, or as a block below both.
    fn block_or_line(&self, entry: &Entry, value: &Written, comment: &str) -> String {
        let indent = self.indent(entry.key_span.start);
        match &value.block {
            Some(_) => self.block(indent, value, comment),
            None => format!("{}{comment}", value.line),
        }
    }

    fn block(&self, indent: &str, value: &Written, comment: &str) -> String {
        let Some((indicator, lines)) = &value.block else { return value.line.clone() };
        let mut text = format!("{indicator}{comment}");
        for line in lines {
            text.push_str(self.newline);
            if !line.is_empty() {
                text.push_str(indent);
                text.push_str(&" ".repeat(self.step));
                text.push_str(line);
            }
        }
        text
    }

    /// Puts keys and a value below a field that is empty.
    fn fill(
        &self,
        keys: &[&str],
        mapping: &Mapping,
        entry: &Entry,
        rest: &[&str],
        value: &Written,
    ) -> Result<Change, EditError> {
        let span = entry.value.span;
        let after = self.after_colon(entry);
        if mapping.flow {
            let end = if span.start == span.end { self.gap(after).end } else { span.end };
            return Ok(Change { range: after..end, text: format!(" {}", flow_nested(rest, value)) });
        }
        let end = self.line_end(span.end);
        if self.line_end(after) != end {
            return Err(EditError::Unverified(keys.join(".")));
        }
        let comment = self.text[span.end..end].trim_end_matches(['\r', ' ', '\t']);
        let indent = format!("{}{}", self.indent(entry.key_span.start), " ".repeat(self.step));
        let lines = self.lines(&indent, rest, value);
        let text = format!("{comment}{}{lines}", self.newline);
        Ok(Change { range: after..end - usize::from(self.text[..end].ends_with('\r')), text })
    }

    /// Puts keys that are not there, and a value, into a block.
    fn insert(&self, mapping: &Mapping, keys: &[&str], rest: &[&str], value: &Written, order: Keys<'_>) -> Change {
        let order = keys[..keys.len() - rest.len()].iter().fold(order, |order, key| order.below(key));
        let index = rest.first().map_or(0, |key| insert_index(mapping, key, order));
        if mapping.flow {
            let new = flow_pair(rest, value);
            return match (mapping.entries.get(index), mapping.entries.last()) {
                (Some(next), _) => self.at(next.key_span.start, format!("{new}, ")),
                (None, Some(last)) => self.at(last.value.span.end, format!(", {new}")),
                (None, None) => self.fill_braces(keys, rest, &new),
            };
        }
        let Some(first) = mapping.entries.first() else {
            let before = if self.text.trim_start_matches('\u{feff}').is_empty() || self.text.ends_with('\n') {
                ""
            } else {
                self.newline
            };
            let text = format!("{before}{}{}", self.lines("", rest, value), self.newline);
            return self.at(self.text.len(), text);
        };
        let indent = self.indent(first.key_span.start);
        let lines = self.lines(indent, rest, value);
        match index.checked_sub(1).and_then(|i| mapping.entries.get(i)) {
            None => self.at(first.key_span.start - indent.len(), format!("{lines}{}", self.newline)),
            Some(before) => self.new_lines(self.lines_end(&before.value, indent.len()), &lines),
        }
    }

    /// `{}` has no entry to stand beside: its braces are found by the path.
    fn fill_braces(&self, keys: &[&str], rest: &[&str], new: &str) -> Change {
        let mut mapping = self.root;
        let mut range = 0..0;
        for key in &keys[..keys.len() - rest.len()] {
            let Some(entry) = mapping.entry(key) else { break };
            range = entry.value.span.start..entry.value.span.end;
            if let NodeKind::Mapping(below) = &entry.value.kind {
                mapping = below;
            }
        }
        if range.is_empty() {
            // The whole file is `{}`.
            let open = self.text.find('{').unwrap_or(0);
            range = open..self.text.rfind('}').map_or(open, |close| close + 1);
        }
        Change { range, text: format!("{{{new}}}") }
    }

    /// Whole lines after the line end at `end`.
    fn new_lines(&self, end: usize, lines: &str) -> Change {
        if end < self.text.len() {
            self.at(end + 1, format!("{lines}{}", self.newline))
        } else {
            self.at(end, format!("{}{lines}", self.newline))
        }
    }

    /// `a:`, `  b:`, `    c: value`, without a line end.
    fn lines(&self, indent: &str, keys: &[&str], value: &Written) -> String {
        let mut text = String::new();
        let mut indent = indent.to_owned();
        for (i, key) in keys.iter().enumerate() {
            text.push_str(&indent);
            text.push_str(&quote::flow_scalar(key));
            text.push(':');
            if i + 1 < keys.len() || value.item {
                text.push_str(self.newline);
                indent.push_str(&" ".repeat(self.step));
            } else {
                text.push(' ');
                text.push_str(&self.block(&indent, value, ""));
            }
        }
        if value.item {
            text.push_str(&format!("{indent}- {}", value.line));
        }
        text
    }

    /// The end of the last line that belongs to a value: of comments that are indented deeper than its key, and of the
    /// blank lines that a `|+` block keeps.
    fn lines_end(&self, node: &Node, indent: usize) -> usize {
        let mut end = self.line_end(node.span.end);
        let keeps = self.keeps_blank_lines(node);
        let mut next = end;
        while next < self.text.len() {
            let line = &self.text[next + 1..self.line_end(next + 1)];
            let start = line.trim_start();
            let comment = start.starts_with('#') && line.len() - start.len() > indent;
            let blank = start.is_empty();
            if !(comment || blank) || next + 1 >= self.text.len() {
                break;
            }
            next += 1 + line.len();
            if comment || keeps {
                end = next;
            }
        }
        end
    }

    fn keeps_blank_lines(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
                let header = &self.text[node.span.start..self.line_end(node.span.start)];
                header.bytes().take(3).any(|b| b == b'+')
            }
            NodeKind::Scalar { .. } => false,
            NodeKind::Sequence { items, .. } => items.last().is_some_and(|n| self.keeps_blank_lines(n)),
            NodeKind::Mapping(mapping) => mapping.entries.last().is_some_and(|e| self.keeps_blank_lines(&e.value)),
        }
    }

    fn after_colon(&self, entry: &Entry) -> usize {
        let colon = skip_blank(self.text, entry.key_span.end);
        colon + usize::from(self.text[colon..].starts_with(':'))
    }

    /// The blanks between the start of the line and `at`.
    fn indent(&self, at: usize) -> &'a str {
        let before = &self.text[..at];
        &before[before.trim_end_matches([' ', '\t']).len()..]
    }

    /// The blanks after a colon that has no value.
    fn gap(&self, at: usize) -> Range<usize> {
        at..at + self.text[at..].bytes().take_while(|b| *b == b' ').count()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    /// The LF of the line, or the end of the text.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |n| at + n)
    }
}

fn flow_pair(keys: &[&str], value: &Written) -> String {
    match keys.split_first() {
        Some((key, rest)) => format!("{}: {}", quote::flow_scalar(key), flow_nested(rest, value)),
        None => value.flow.clone(),
    }
}

fn flow_nested(keys: &[&str], value: &Written) -> String {
    if keys.is_empty() { value.flow.clone() } else { format!("{{{}}}", flow_pair(keys, value)) }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Scalar { text, style } if resolve(text, *style) == Core::Null)
}

fn describe(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Scalar { .. } => "a value",
        NodeKind::Sequence { .. } => "a list",
        NodeKind::Mapping(_) => "a block",
    }
}
