//! Takes a text apart into fields and items, each with the comments and the blank line that belong to it, and puts the
//! fields in the order of the card.

use super::comments::{self, Comment};
use crate::format::builtins;
use crate::format::modeline::is_modeline;
use crate::format::reader::skip_blank;
use crate::format::schema::{FieldSpec, FieldType, Keys};
use crate::format::span::Span;
use crate::format::tree::{Entry, Mapping, Node, NodeKind, ScalarStyle};

/// A file in parts.
pub(super) struct Parts {
    /// The first line, where it names a schema to editors: it stays the first.
    pub modeline: Option<String>,
    /// Comments before a line of dashes that opens the document.
    pub before_marker: Vec<Note>,
    /// That line, with its comment.
    pub marker: Option<String>,
    /// Comments at the top that a blank line parts from the first field.
    pub head: Vec<Note>,
    /// The fields.
    pub fields: Collection,
}

/// A comment on a line of its own.
pub(super) struct Note {
    /// A blank line stands above it.
    pub blank: bool,
    pub text: String,
}

/// A field or the item of a list.
pub(super) struct Part {
    /// Comments above it.
    pub lead: Vec<Note>,
    /// A blank line stands above it, below its comments.
    pub blank: bool,
    /// The key's text; empty for the item of a list.
    pub name: String,
    /// The key as it is written; `None` for the item of a list.
    pub key: Option<String>,
    /// A comment between the key or dash and a value that begins on another line, with the blanks before it.
    pub beside_key: Option<String>,
    pub value: Value,
    /// A comment behind the value, with the blanks before it.
    pub beside: Option<String>,
}

pub(super) enum Value {
    /// A value that is not there, or on one line.
    Line(String),
    /// A text over several lines, each without the blanks around it.
    Folded(Vec<String>),
    /// A `|` or `>` block: its first line, the indentation it asks for, and the lines without theirs.
    Block {
        header: String,
        indent: Option<usize>,
        lines: Vec<String>,
    },
    Collection(Collection),
}

/// A block or a list.
pub(super) struct Collection {
    pub list: bool,
    /// Written in brackets, and how.
    pub brackets: Option<Brackets>,
    pub parts: Vec<Part>,
    /// Comments after the last part.
    pub tail: Vec<Note>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Brackets {
    /// To be opened, one line a part.
    Opened,
    /// On one line, which stays.
    OneLine,
    /// Over several lines: one line if it is short, else opened.
    Several,
}

/// Takes a text apart. It has no byte order mark and ends with a line end.
pub(super) fn gather(text: &str, root: &Mapping, span: Span, fields: &[FieldSpec]) -> Parts {
    let mut gatherer = Gatherer { text, comments: comments::outside_of_values(text, root), next: 0, kept_until: 0 };
    let start = if root.flow { span.start } else { root.entries.first().map_or(span.start, |e| e.key_span.start) };
    let (mut before_marker, mut marker) = (Vec::new(), None);
    if let Some(at) = marker_before(text, start) {
        before_marker = gatherer.notes_until(at);
        let comment = gatherer.comment_if(|c| !c.own_line && c.span.start < start);
        marker = Some(format!("---{}", comment.unwrap_or_default()));
    }
    let place = Place { span, above: None, bound: text.len(), keys: Keys::Fields(fields) };
    let (mut parts, tail) = gatherer.fields(root, &place);
    let modeline =
        (text.starts_with('#') && marker.is_none()).then(|| parts.first_mut().and_then(take_modeline)).flatten();
    let head = parts.first_mut().map(take_head).unwrap_or_default();
    sort(&mut parts, place.keys);
    let fields = Collection { list: false, brackets: None, parts, tail };
    Parts { modeline, before_marker, marker, head, fields }
}

/// A line of dashes before the first field.
fn marker_before(text: &str, start: usize) -> Option<usize> {
    let before = &text[..start];
    if before.starts_with("---") { Some(0) } else { before.find("\n---").map(|at| at + 1) }
}

/// The first line of the file, where it names a schema to editors.
fn take_modeline(first: &mut Part) -> Option<String> {
    let named = first.lead.first().is_some_and(|note| is_modeline(&note.text));
    named.then(|| first.lead.remove(0).text)
}

/// The comments at the top of the file that stay there: those above the last blank line before the first field.
fn take_head(first: &mut Part) -> Vec<Note> {
    let apart = if first.blank { first.lead.len() } else { first.lead.iter().rposition(|n| n.blank).unwrap_or(0) };
    let mut rest = first.lead.split_off(apart);
    // The blank line below the head belongs to the head.
    if let Some(note) = rest.first_mut() {
        note.blank = false;
    } else {
        first.blank = false;
    }
    std::mem::replace(&mut first.lead, rest)
}

/// Puts the fields in the order of the card.
fn sort(parts: &mut [Part], keys: Keys<'_>) {
    parts.sort_by_cached_key(|part| keys.rank(&part.name));
}

/// Where a block or list stands.
#[derive(Clone, Copy)]
struct Place<'f> {
    span: Span,
    /// Column of the key or dash above it; `None` for the file itself.
    above: Option<usize>,
    /// Where the next key or item after it begins.
    bound: usize,
    keys: Keys<'f>,
}

struct Gatherer<'a> {
    text: &'a str,
    comments: Vec<Comment>,
    /// The first comment that has no place yet.
    next: usize,
    /// Up to here blank lines are part of a text.
    kept_until: usize,
}

/// A value with what was found around it.
struct Found {
    lead: Vec<Note>,
    beside_key: Option<String>,
    value: Value,
    beside: Option<String>,
}

impl Gatherer<'_> {
    fn fields(&mut self, mapping: &Mapping, place: &Place<'_>) -> (Vec<Part>, Vec<Note>) {
        let column = mapping.entries.first().map_or(0, |e| self.column(e.key_span.start));
        let mut parts = Vec::with_capacity(mapping.entries.len());
        for (i, entry) in mapping.entries.iter().enumerate() {
            let mut lead = self.notes_until(entry.key_span.start);
            let blank = self.blank_above(entry.key_span.start);
            let end = if mapping.flow { place.span.end } else { place.bound };
            let bound = mapping.entries.get(i + 1).map_or(end, |next| next.key_span.start);
            let of = place.keys.declared(&entry.key);
            let mut found = self.value(&entry.value, of, column, bound);
            lead.append(&mut found.lead);
            if let Value::Collection(inner) = &mut found.value
                && inner.brackets.is_some()
                && self.opens(entry, of, inner, place)
            {
                inner.brackets = Some(Brackets::Opened);
            }
            let key = &self.text[entry.key_span.start..entry.key_span.end];
            parts.push(Part {
                lead,
                blank,
                name: entry.key.clone(),
                key: Some(key.to_owned()),
                beside_key: found.beside_key,
                value: found.value,
                beside: found.beside,
            });
        }
        let tail = self.tail(mapping.flow, place);
        (parts, tail)
    }

    fn items(
        &mut self,
        items: &[Node],
        flow: bool,
        place: &Place<'_>,
        of: Option<&FieldType>,
    ) -> (Vec<Part>, Vec<Note>) {
        let column = self.column(place.span.start);
        let mut parts = Vec::with_capacity(items.len());
        let dash = |before: usize, item: &Node| match skip_blank(self.text, before) {
            at if !flow && self.text[at..].starts_with('-') => at,
            _ => item.span.start,
        };
        let mut starts = Vec::with_capacity(items.len());
        let mut before = place.span.start;
        for item in items {
            starts.push(dash(before, item));
            before = item.span.end;
        }
        for (i, item) in items.iter().enumerate() {
            let mut lead = self.notes_until(starts[i]);
            let blank = self.blank_above(starts[i]);
            let end = if flow { place.span.end } else { place.bound };
            let mut found = self.value(item, of, column, starts.get(i + 1).copied().unwrap_or(end));
            lead.append(&mut found.lead);
            parts.push(Part {
                lead,
                blank,
                name: String::new(),
                key: None,
                beside_key: found.beside_key,
                value: found.value,
                beside: found.beside,
            });
        }
        let tail = self.tail(flow, place);
        (parts, tail)
    }

    /// Whether a value in brackets is written out below its key: a block whose fields the pipeline declares, and a list of
    /// blocks or lists. The next step is one thought and stands on one line.
    fn opens(&self, entry: &Entry, of: Option<&FieldType>, inner: &Collection, place: &Place<'_>) -> bool {
        if inner.list {
            return inner.parts.iter().any(|p| matches!(p.value, Value::Collection(_)));
        }
        let one_thought = place.above.is_none() && entry.key == builtins::ON_ONE_LINE;
        matches!((of, place.keys), (Some(FieldType::Block(_)), Keys::Fields(_))) && !one_thought
    }

    fn value(&mut self, node: &Node, of: Option<&FieldType>, column: usize, bound: usize) -> Found {
        let mut found = Found { lead: Vec::new(), beside_key: None, value: Value::Line(String::new()), beside: None };
        let keys = Keys::of(of);
        let below = Place { span: node.span, above: Some(column), bound, keys };
        let item = match of {
            Some(FieldType::List(of)) => Some(&**of),
            _ => None,
        };
        match &node.kind {
            NodeKind::Mapping(mapping) if !mapping.flow => {
                let start = mapping.entries.first().map_or(node.span.start, |e| e.key_span.start);
                found.beside_key = self.comment_if(|c| !c.own_line && c.span.start < start);
                let (mut parts, tail) = self.fields(mapping, &below);
                sort(&mut parts, keys);
                found.value = Value::Collection(Collection { list: false, brackets: None, parts, tail });
                return found;
            }
            NodeKind::Sequence { items, flow: false } => {
                found.beside_key = self.comment_if(|c| !c.own_line && c.span.start < node.span.start);
                let (parts, tail) = self.items(items, false, &below, item);
                found.value = Value::Collection(Collection { list: true, brackets: None, parts, tail });
                return found;
            }
            _ => {}
        }
        let above = self.comment_if(|c| !c.own_line && c.span.start < node.span.start);
        found.lead = self.notes_until(node.span.start);
        let one_line = !self.text[node.span.start..node.span.end].contains('\n');
        let brackets = Some(if one_line { Brackets::OneLine } else { Brackets::Several });
        found.value = match &node.kind {
            NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
                self.block_of_text(node.span, column)
            }
            NodeKind::Scalar { .. } => scalar(&self.text[node.span.start..node.span.end]),
            NodeKind::Sequence { items, .. } => {
                let (parts, tail) = self.items(items, true, &below, item);
                Value::Collection(Collection { list: true, brackets, parts, tail })
            }
            NodeKind::Mapping(mapping) => {
                let (mut parts, tail) = self.fields(mapping, &below);
                sort(&mut parts, keys);
                Value::Collection(Collection { list: false, brackets, parts, tail })
            }
        };
        let (text, end) = (self.text, node.span.end);
        found.beside = self.comment_if(|c| {
            !c.own_line && c.span.start < bound && end <= c.span.start && !text[end..c.span.start].contains('\n')
        });
        match found.beside {
            None => found.beside = above,
            Some(_) => found.lead.extend(above.map(|text| Note { blank: false, text: text.trim().to_owned() })),
        }
        found
    }

    /// The comments that belong to a block after its last field: in brackets those before the closing one, elsewhere
    /// those that are indented deeper than the key above.
    fn tail(&mut self, flow: bool, place: &Place<'_>) -> Vec<Note> {
        if flow && place.above.is_some() {
            return self.notes_until(place.span.end);
        }
        let mut notes = Vec::new();
        while let Some(comment) = self.comments.get(self.next).copied() {
            let deeper = place.above.is_none_or(|above| comment.own_line && comment.column > above);
            if !deeper || comment.span.start >= place.bound {
                break;
            }
            notes.push(self.note(comment));
            self.next += 1;
        }
        notes
    }

    fn notes_until(&mut self, bound: usize) -> Vec<Note> {
        let mut notes = Vec::new();
        while let Some(comment) = self.comments.get(self.next).copied().filter(|c| c.span.start < bound) {
            notes.push(self.note(comment));
            self.next += 1;
        }
        notes
    }

    fn note(&self, comment: Comment) -> Note {
        let blank = comment.own_line && self.blank_above(comment.span.start);
        Note { blank, text: self.text[comment.span.start..comment.span.end].to_owned() }
    }

    /// Takes the next comment if it is one like this; with the blanks before it, which may align it with others.
    fn comment_if(&mut self, wanted: impl Fn(&Comment) -> bool) -> Option<String> {
        let comment = self.comments.get(self.next).copied().filter(wanted)?;
        self.next += 1;
        let before = &self.text[..comment.span.start];
        let blanks = (before.len() - before.trim_end_matches(' ').len()).max(1);
        Some(format!("{}{}", " ".repeat(blanks), &self.text[comment.span.start..comment.span.end]))
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// Whether what begins at `at` begins its line below a blank one.
    fn blank_above(&self, at: usize) -> bool {
        let line = self.line_start(at);
        let above = self.line_start(line.saturating_sub(1));
        line > 0 && above >= self.kept_until && self.text[above..at].trim().is_empty()
    }

    /// A `|` or `>` block below a key or dash at `column`.
    fn block_of_text(&mut self, span: Span, column: usize) -> Value {
        let mut lines = self.text[span.start..span.end].split('\n').map(|l| l.trim_end_matches('\r'));
        let header = lines.next().unwrap_or_default().trim_end().to_owned();
        let sign = header.split([' ', '\t']).next().unwrap_or_default();
        let indent = sign.chars().find_map(|c| c.to_digit(10)).map(|digit| digit as usize);
        let mut lines: Vec<&str> = lines.collect();
        let first = lines.iter().find(|l| !l.trim_start_matches(' ').is_empty());
        let own = match indent {
            Some(indent) => column + indent,
            None => first.map_or(usize::MAX, |l| l.len() - l.trim_start_matches(' ').len()),
        };
        // Blank lines at the end belong to the text where it keeps them, and where they have blanks of their own.
        let mut end = self.text[span.end..].find('\n').map_or(self.text.len(), |n| span.end + n + 1);
        let (mut blank, mut kept) = (Vec::new(), 0);
        while let Some(line) =
            self.text[end..].split_inclusive('\n').next().filter(|l| l.trim_matches(['\n', '\r', ' ']).is_empty())
        {
            end += line.len();
            let line = line.trim_end_matches(['\n', '\r']);
            blank.push(line);
            if sign.contains('+') || line.len() > own {
                kept = blank.len();
                self.kept_until = end;
            }
        }
        lines.extend(&blank[..kept]);
        let lines = lines.into_iter().map(|l| l.get(own..).unwrap_or_default().to_owned()).collect();
        Value::Block { header, indent, lines }
    }
}

/// A text in quotes or without, line by line.
fn scalar(source: &str) -> Value {
    if !source.contains('\n') {
        return Value::Line(source.to_owned());
    }
    Value::Folded(source.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']).to_owned()).collect())
}
