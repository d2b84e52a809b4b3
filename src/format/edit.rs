//! Edits of a deal's text that change the bytes of one field and no other.
//!
//! Every edit is made on the text, then the result is read again and compared with what was meant. An edit that would
//! change anything else is refused, and the text stays as it was.

use super::prescan::MAX_BYTES;
use super::problem::{Problem, ProblemKind};
use super::reader;
use super::schema::{FieldSpec, Keys};
use super::span::LineIndex;
use super::splice::{Change, Splicer, Written, insert_index};
use super::tree::{Core, Mapping, Node, NodeKind, ScalarStyle, resolve};

/// What an edit writes.
#[derive(Clone, Debug, PartialEq)]
pub enum NewValue {
    /// Any text; it is quoted as needed and always reads back as a text: `2026-12-15` becomes `"2026-12-15"`.
    Text(String),
    /// One line of YAML, written as it is: `2026-12-15`, `18000 USD`, `{what: Call, due: 2026-11-25}`.
    Raw(String),
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The text is no deal to begin with.
    #[error("the file cannot be edited before it is mended: line {line}: {message}")]
    Unreadable {
        /// 1-based line of the first problem.
        line: usize,
        /// What it is.
        message: String,
        /// All problems.
        problems: Vec<Problem>,
    },
    /// The path is not `field` or `block.field`.
    #[error("`{0}` is no field: write names with dots between them, such as `lost.reason`")]
    BadPath(String),
    /// The new value is not one line of YAML.
    #[error("`{value}` cannot be written as a value: {reason}")]
    BadValue {
        /// The value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A field on the way holds something that has no fields.
    #[error("`{path}` holds {found}, so it has no fields of its own; remove it first")]
    NotABlock {
        /// The field on the way.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// Something other than a list is in the field to append to.
    #[error("`{path}` holds {found}, not a list; remove it first")]
    NotAList {
        /// The field.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// There is nothing to remove.
    #[error("there is no `{0}` in the file")]
    Missing(String),
    /// The field stands twice.
    #[error("`{0}` stands twice in the file; delete one of the two lines first")]
    Duplicate(String),
    /// A block that has comments in it would be lost.
    #[error("`{0}` is a block with comments in it, which would be lost; edit the file by hand")]
    Comments(String),
    /// The result is larger than a deal may be.
    #[error("the file would be larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
    /// The result would differ from what was meant.
    #[error("`{0}` cannot be changed without changing something else too; edit the file by hand")]
    Unverified(String),
}

/// Gives a field a value: replaces the bytes of the old one, or inserts the key where `order` (the fields of the card,
/// in their order) has it, with the blocks on the way. Works on an empty text too. A text of several lines becomes a
/// `|` block where it can.
///
/// # Errors
/// When the text cannot be read, when the path leads through a value, or when the edit would change anything else.
pub fn set(text: &str, path: &str, value: &NewValue, order: &[FieldSpec]) -> Result<String, EditError> {
    let edit = Edit::new(text, path)?;
    let order = Keys::Fields(order);
    let (candidates, meant) = written(value)?;
    let mut result = Err(EditError::Unverified(path.to_owned()));
    for candidate in &candidates {
        let change = edit.splicer().set(&edit.keys, candidate, order)?;
        let mut tree = edit.tree();
        put(&mut tree, &edit.root, &edit.keys, order, |_| meant.clone());
        result = edit.verified(change, &tree);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// Adds an item at the end of a list, which is made if it is not there.
///
/// # Errors
/// As for [`set`], and when something other than a list is there.
pub fn append(text: &str, path: &str, item: &NewValue, order: &[FieldSpec]) -> Result<String, EditError> {
    let edit = Edit::new(text, path)?;
    let order = Keys::Fields(order);
    let (candidates, meant) = written(item)?;
    // An item stands on one line; the one-line form is the last candidate.
    let Some(line) = candidates.into_iter().next_back() else { return Err(EditError::Unverified(path.to_owned())) };
    let change = edit.splicer().append(&edit.keys, &line.into_item(), order)?;
    let mut tree = edit.tree();
    put(&mut tree, &edit.root, &edit.keys, order, |old| match old {
        Some(Tree::List(mut items)) => {
            items.push(meant.clone());
            Tree::List(items)
        }
        _ => Tree::List(vec![meant.clone()]),
    });
    edit.verified(change, &tree)
}

/// Removes a field with its line or lines. A block whose last field goes, goes with it; comments above the field stay.
///
/// # Errors
/// As for [`set`], and when there is no such field.
pub fn remove(text: &str, path: &str) -> Result<String, EditError> {
    let edit = Edit::new(text, path)?;
    let (change, depth) = edit.splicer().remove(&edit.keys)?;
    let mut tree = edit.tree();
    take(&mut tree, &edit.keys[..depth]);
    edit.verified(change, &tree)
}

/// A text with its tree and the path to change.
struct Edit<'a> {
    text: &'a str,
    path: &'a str,
    keys: Vec<&'a str>,
    root: Mapping,
    /// How many keys stand twice.
    twice: usize,
}

impl<'a> Edit<'a> {
    fn new(text: &'a str, path: &'a str) -> Result<Self, EditError> {
        let keys: Vec<&str> = path.split('.').collect();
        if keys.iter().any(|k| k.trim().is_empty()) {
            return Err(EditError::BadPath(path.to_owned()));
        }
        let (root, problems) = load(text)?;
        for field in problems.iter().filter(|p| is_twice(p)).filter_map(|p| p.field.as_deref()) {
            if path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                return Err(EditError::Duplicate(field.to_owned()));
            }
        }
        let twice = problems.iter().filter(|p| is_twice(p)).count();
        Ok(Edit { text, path, keys, root, twice })
    }

    fn splicer(&self) -> Splicer<'_> {
        Splicer::new(self.text, &self.root)
    }

    fn tree(&self) -> Tree {
        Tree::of_mapping(&self.root)
    }

    /// Makes the change, reads the result again and compares it with what was meant.
    fn verified(&self, change: Change, meant: &Tree) -> Result<String, EditError> {
        let unverified = || EditError::Unverified(self.path.to_owned());
        let (Some(before), Some(after)) = (self.text.get(..change.range.start), self.text.get(change.range.end..))
        else {
            return Err(unverified());
        };
        let result = [before, &change.text, after].concat();
        if result.len() > MAX_BYTES {
            return Err(EditError::TooLarge);
        }
        match load(&result) {
            Ok((root, problems)) => {
                let twice = problems.iter().filter(|p| is_twice(p)).count();
                if twice <= self.twice && Tree::of_mapping(&root) == *meant { Ok(result) } else { Err(unverified()) }
            }
            Err(_) => Err(unverified()),
        }
    }
}

fn is_twice(problem: &Problem) -> bool {
    problem.kind == ProblemKind::DuplicateKey
}

/// Reads a text; one without any field is an empty mapping.
fn load(text: &str) -> Result<(Mapping, Vec<Problem>), EditError> {
    let blank = |line: &str| {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        line.is_empty() || line == "---" || line.trim_start().starts_with('#')
    };
    if text.lines().all(blank) {
        return Ok((Mapping::default(), Vec::new()));
    }
    match reader::read(text.as_bytes()) {
        Ok(document) => Ok((document.root, document.problems)),
        Err(problems) => {
            let first = problems.iter().find(|p| !is_twice(p)).or(problems.first());
            let line = first.map_or(1, |p| LineIndex::new(text).position(text, p.span.start).line);
            let message = first.map(|p| p.message.clone()).unwrap_or_default();
            Err(EditError::Unreadable { line, message, problems })
        }
    }
}

/// The forms in which a value can be written, best first, and what it means.
fn written(value: &NewValue) -> Result<(Vec<Written>, Tree), EditError> {
    match value {
        NewValue::Text(text) => {
            let block = Written::block(text);
            let forms = block.into_iter().chain([Written::text(text)]).collect();
            Ok((forms, Tree::Scalar(text.clone(), Core::Str)))
        }
        NewValue::Raw(raw) => {
            let bad = |reason: &str| EditError::BadValue { value: raw.clone(), reason: reason.to_owned() };
            let raw = raw.trim();
            if raw.is_empty() {
                return Err(bad("it is empty"));
            }
            if raw.contains(['\n', '\r']) {
                return Err(bad("it has more than one line"));
            }
            const BEFORE: &str = "v: ";
            let document = reader::read(format!("{BEFORE}{raw}\n").as_bytes())
                .map_err(|problems| bad(problems.first().map_or("it is not YAML", |p| &p.message)))?;
            match document.root.entries.as_slice() {
                [only] if only.value.span.start == BEFORE.len() && only.value.span.end == BEFORE.len() + raw.len() => {
                    let block = matches!(
                        only.value.kind,
                        NodeKind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. }
                    );
                    if block || !document.problems.is_empty() {
                        return Err(bad("it is not a value of one line"));
                    }
                    Ok((vec![Written::raw(raw)], Tree::of(&only.value)))
                }
                _ => Err(bad("it holds more than a value; put it in quotes if it is a text")),
            }
        }
    }
}

/// What a tree means, without its bytes.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Scalar(String, Core),
    List(Vec<Tree>),
    Block(Vec<(String, Tree)>),
}

impl Tree {
    fn of(node: &Node) -> Tree {
        match &node.kind {
            NodeKind::Scalar { text, style } => Tree::Scalar(text.clone(), resolve(text, *style)),
            NodeKind::Sequence { items, .. } => Tree::List(items.iter().map(Tree::of).collect()),
            NodeKind::Mapping(mapping) => Tree::of_mapping(mapping),
        }
    }

    fn of_mapping(mapping: &Mapping) -> Tree {
        Tree::Block(mapping.entries.iter().map(|e| (e.key.clone(), Tree::of(&e.value))).collect())
    }
}

/// Puts a value into the tree at the place where the splice puts it into the text.
fn put(tree: &mut Tree, mapping: &Mapping, keys: &[&str], order: Keys<'_>, make: impl FnOnce(Option<Tree>) -> Tree) {
    let Some((key, rest)) = keys.split_first() else { return };
    let Tree::Block(entries) = tree else { return };
    let at = entries.iter().position(|(k, _)| k == key).unwrap_or_else(|| {
        let at = insert_index(mapping, key, order);
        entries.insert(at, ((*key).to_owned(), Tree::Block(Vec::new())));
        at
    });
    let new = mapping.get(key).is_none();
    let value = &mut entries[at].1;
    if rest.is_empty() {
        let old = std::mem::replace(value, Tree::Block(Vec::new()));
        *value = make((!new).then_some(old));
        return;
    }
    if !matches!(value, Tree::Block(_)) {
        *value = Tree::Block(Vec::new());
    }
    let empty = Mapping::default();
    let below = match mapping.get(key).map(|n| &n.kind) {
        Some(NodeKind::Mapping(below)) => below,
        _ => &empty,
    };
    put(value, below, rest, order.below(key), make);
}

fn take(tree: &mut Tree, keys: &[&str]) {
    let (Some((key, rest)), Tree::Block(entries)) = (keys.split_first(), tree) else { return };
    let Some(at) = entries.iter().position(|(k, _)| k == key) else { return };
    if rest.is_empty() {
        entries.remove(at);
    } else {
        take(&mut entries[at].1, rest);
    }
}
