//! The comments of a file, told from what looks like one inside a value.

use crate::format::span::Span;
use crate::format::tree::{Mapping, Node, NodeKind, ScalarStyle};

/// A comment outside of all keys and values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment {
    /// From the `#` to the last character that is no blank.
    pub span: Span,
    /// Nothing but blanks stands before it on its line.
    pub own_line: bool,
    /// Bytes before it on its line.
    pub column: usize,
}

/// All comments of a text in order, but for those behind the sign of a block of text (`notes: |  # …`).
pub(super) fn outside_of_values(text: &str, root: &Mapping) -> Vec<Comment> {
    let mut values = Vec::new();
    of_mapping(root, &mut values);
    let mut found = Vec::new();
    let mut done = 0;
    for (span, _) in values.iter().copied().chain([(Span::at(text.len()), false)]) {
        in_gap(text, Span::new(done, span.start), &mut found);
        done = done.max(span.end);
    }
    found
}

/// The words of all comments, in alphabetical order.
pub(super) fn all<'t>(text: &'t str, root: &Mapping) -> Vec<&'t str> {
    let mut words: Vec<&str> = outside_of_values(text, root).iter().map(|c| &text[c.span.start..c.span.end]).collect();
    let mut values = Vec::new();
    of_mapping(root, &mut values);
    let headers = values.iter().filter(|(_, block)| *block).map(|(span, _)| &text[span.start..span.end]);
    words.extend(headers.filter_map(|block| {
        let header = block.lines().next()?;
        header.find([' ', '\t']).and_then(|at| header[at..].find('#').map(|hash| header[at + hash..].trim_end()))
    }));
    words.sort_unstable();
    words
}

fn in_gap(text: &str, gap: Span, found: &mut Vec<Comment>) {
    let mut at = gap.start;
    while let Some(hash) = text[at..gap.end].find('#').map(|n| at + n) {
        let end = text[hash..].find('\n').map_or(text.len(), |n| hash + n);
        let line = text[..hash].rfind('\n').map_or(0, |n| n + 1);
        found.push(Comment {
            span: Span::new(hash, hash + text[hash..end].trim_end().len()),
            own_line: text[line..hash].trim().is_empty(),
            column: hash - line,
        });
        at = end.min(gap.end);
    }
}

/// The spans of keys and scalars in order, each with whether it is a block of text.
fn of_mapping(mapping: &Mapping, values: &mut Vec<(Span, bool)>) {
    for entry in &mapping.entries {
        values.push((entry.key_span, false));
        of_node(&entry.value, values);
    }
}

fn of_node(node: &Node, values: &mut Vec<(Span, bool)>) {
    match &node.kind {
        NodeKind::Scalar { style, .. } => {
            values.push((node.span, matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)));
        }
        NodeKind::Sequence { items, .. } => items.iter().for_each(|item| of_node(item, values)),
        NodeKind::Mapping(inner) => of_mapping(inner, values),
    }
}
