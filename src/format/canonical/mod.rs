//! The canonical form of a deal's text: fields in the order of the card, blocks line by line, comments with their fields.
//!
//! Values stay as they are written, to the quote. What is decided anew is the order of fields, indentation (two spaces
//! a step), blank lines (at most one, where there was one), blanks at line ends, a byte order mark and the dots of a
//! document's end (none) and brackets:
//!
//! - A block whose fields the pipeline declares, and a list of blocks, stand line by line below their key. The next step
//!   is one thought and may stand on one line.
//! - Any other block or list in brackets on one line stays there: `- {on: 2026-11-20, who: olga, what: call}`.
//! - Brackets over several lines become one line where it has at most 100 characters and no comment is inside, else
//!   they stand line by line.
//! - What stands line by line stays so.
//!
//! A comment on a line of its own belongs to the field below it, one that is indented deeper than the field below to the
//! block above. Comments at the top that a blank line parts from the first field stay at the top, and a first line that
//! names a schema to editors stays the first.

mod comments;
mod gather;
mod layout;

use super::prescan::MAX_BYTES;
use super::problem::{Problem, ProblemKind};
use super::schema::FieldSpec;
use super::span::LineIndex;
use super::tree::{self, Core, Document, Mapping, Node, NodeKind, resolve};

/// Why a text is left as it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormatError {
    /// The text is no deal to begin with, or a key stands twice in it.
    #[error("it must be mended first, line {line}: {message}")]
    Unreadable {
        /// 1-based line of the first problem.
        line: usize,
        /// What it is.
        message: String,
    },
    /// The result would be larger than a deal may be.
    #[error("it would be larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
    /// The result would not hold the same values and comments.
    #[error("it cannot be formatted without changing a value or a comment; order its fields by hand")]
    Unverified,
}

/// The canonical form of a text. `fields` are the fields of the card in their order
/// ([`crate::format::pipeline::Pipeline::fields`]). The result is read again, and holds every value and every comment
/// that was there; formatting it once more changes nothing.
///
/// # Errors
/// When the text cannot be read without doubt, or when something would be lost.
pub fn format(text: &str, fields: &[FieldSpec]) -> Result<String, FormatError> {
    let newline = match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    };
    let mut source = text.trim_start_matches('\u{feff}').to_owned();
    if !source.ends_with('\n') {
        source.push_str(newline);
    }
    let document = read(&source)?;
    if document.root.entries.is_empty() {
        return Ok(source);
    }
    let parts = gather::gather(&source, &document.root, document.span, fields);
    let mut result = layout::lines(&parts).join(newline);
    result.push_str(newline);
    if result.len() > MAX_BYTES {
        return Err(FormatError::TooLarge);
    }
    let again = read(&result).map_err(|_| FormatError::Unverified)?;
    let same = same_fields(&document.root, &again.root)
        && comments::all(&source, &document.root) == comments::all(&result, &again.root);
    if same { Ok(result) } else { Err(FormatError::Unverified) }
}

/// Reads a text in which every key is clear.
fn read(text: &str) -> Result<Document, FormatError> {
    let unreadable = |problem: Option<&Problem>| FormatError::Unreadable {
        line: problem.map_or(1, |p| LineIndex::new(text).position(text, p.span.start).line),
        message: problem.map(|p| p.message.clone()).unwrap_or_default(),
    };
    let document = tree::read(text.as_bytes()).map_err(|problems| unreadable(problems.first()))?;
    match document.problems.iter().find(|p| p.kind != ProblemKind::Encoding) {
        Some(problem) => Err(unreadable(Some(problem))),
        None => Ok(document),
    }
}

/// Whether two blocks have the same fields, in whatever order.
fn same_fields(one: &Mapping, other: &Mapping) -> bool {
    fn sorted(mapping: &Mapping) -> Vec<(&str, &Node)> {
        let mut fields: Vec<(&str, &Node)> = mapping.entries.iter().map(|e| (e.key.as_str(), &e.value)).collect();
        fields.sort_by_key(|(key, _)| *key);
        fields
    }
    let (one, other) = (sorted(one), sorted(other));
    one.len() == other.len() && one.iter().zip(&other).all(|((a, x), (b, y))| a == b && same_value(x, y))
}

fn same_value(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (NodeKind::Scalar { text: a, style: x }, NodeKind::Scalar { text: b, style: y }) => {
            let null = |core| core == Core::Null;
            let (x, y) = (resolve(a, *x), resolve(b, *y));
            x == y && (a == b || null(x))
        }
        (NodeKind::Sequence { items: a, .. }, NodeKind::Sequence { items: b, .. }) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same_value(x, y))
        }
        (NodeKind::Mapping(a), NodeKind::Mapping(b)) => same_fields(a, b),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
