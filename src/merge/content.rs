//! What a deal's file says, in a form in which versions can be compared: fields by dotted path, without their bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::format::ident::StageId;
use crate::format::tree::{self, Core, Mapping, Node, NodeKind, resolve};

/// Characters of a value that a message shows.
const SHOWN: usize = 60;

/// A value without its place in the file. Two are equal when they mean the same, however they are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A single value: its text and what that means.
    Scalar(String, Core),
    /// A list.
    List(Vec<Datum>),
    /// A block inside a list, by key.
    Block(BTreeMap<String, Datum>),
}

impl Datum {
    fn of(node: &Node) -> Datum {
        match &node.kind {
            NodeKind::Scalar { text, style } => Datum::Scalar(text.clone(), resolve(text, *style)),
            NodeKind::Sequence { items, .. } => Datum::List(items.iter().map(Datum::of).collect()),
            NodeKind::Mapping(mapping) => {
                Datum::Block(mapping.entries.iter().map(|e| (e.key.clone(), Datum::of(&e.value))).collect())
            }
        }
    }
}

/// On one line, cut where it is long.
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.on_one_line();
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(&text),
        }
    }
}

impl Datum {
    fn on_one_line(&self) -> String {
        match self {
            Datum::Scalar(text, _) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Datum::List(items) => {
                format!("[{}]", items.iter().map(Datum::on_one_line).collect::<Vec<_>>().join(", "))
            }
            Datum::Block(entries) => {
                let entries: Vec<String> = entries.iter().map(|(k, v)| format!("{k}: {}", v.on_one_line())).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

/// The fields of a deal by dotted path. Blocks are taken apart, lists are whole; a null value is no value.
pub type Fields = BTreeMap<String, Datum>;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A deal.
    Fields(Fields),
    /// Something that cannot be read as one.
    Unreadable,
}

impl Content {
    /// Reads the bytes of a deal's file.
    pub fn read(bytes: &[u8]) -> Content {
        match tree::read(bytes) {
            Ok(document) => Content::Fields(fields(&document.root)),
            Err(_) => Content::Unreadable,
        }
    }

    /// The fields; `None` where it cannot be read.
    pub fn fields(&self) -> Option<&Fields> {
        if let Content::Fields(fields) = self { Some(fields) } else { None }
    }
}

fn fields(root: &Mapping) -> Fields {
    let mut found = Fields::new();
    collect(root, "", &mut found);
    found
}

fn collect(mapping: &Mapping, above: &str, found: &mut Fields) {
    for entry in &mapping.entries {
        let path = if above.is_empty() { entry.key.clone() } else { format!("{above}.{}", entry.key) };
        match &entry.value.kind {
            NodeKind::Mapping(inner) => collect(inner, &path, found),
            NodeKind::Scalar { text, style } if resolve(text, *style) == Core::Null => {}
            _ => {
                found.insert(path, Datum::of(&entry.value));
            }
        }
    }
}

/// The dotted paths of several versions, sorted, each once.
pub fn paths<'a>(versions: impl IntoIterator<Item = &'a Fields>) -> BTreeSet<&'a str> {
    versions.into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect()
}

/// One file of a deal.
#[derive(Clone, Debug, PartialEq)]
pub struct Copy {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The stage it lies in.
    pub stage: StageId,
    /// What it says.
    pub content: Content,
}

/// A deal at one point of history: no file, one, or several by mistake.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// Its files.
    pub copies: Vec<Copy>,
}

impl Version {
    /// The file, where there is exactly one.
    pub fn only(&self) -> Option<&Copy> {
        if let [one] = self.copies.as_slice() { Some(one) } else { None }
    }

    /// The fields of the only file, where it can be read.
    pub fn fields(&self) -> Option<&Fields> {
        self.only().and_then(|copy| copy.content.fields())
    }
}

/// What three versions of one value come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Merged<T> {
    /// This.
    Clear(T),
    /// Several changed it, each to something else.
    Open,
}

/// Brings values together: what no side changed stays, what was changed in one way is so; several ways are open.
pub fn three_way<T: PartialEq + Clone>(base: &T, sides: &[T]) -> Merged<T> {
    let mut changed = sides.iter().filter(|side| *side != base);
    let Some(first) = changed.next() else { return Merged::Clear(base.clone()) };
    if changed.all(|other| other == first) { Merged::Clear(first.clone()) } else { Merged::Open }
}

/// As [`three_way`] for the values of a field; lists that sides only added to take all that was added, in the order of
/// the sides.
pub fn merge_field(base: Option<&Datum>, sides: &[Option<&Datum>]) -> Merged<Option<Datum>> {
    match three_way(&base, sides) {
        Merged::Clear(value) => Merged::Clear(value.cloned()),
        Merged::Open => appended(base, sides).map_or(Merged::Open, |list| Merged::Clear(Some(list))),
    }
}

/// The list with what every side added at its end; `None` where a side did something else.
fn appended(base: Option<&Datum>, sides: &[Option<&Datum>]) -> Option<Datum> {
    let old: &[Datum] = match base {
        Some(Datum::List(items)) => items,
        None => &[],
        Some(_) => return None,
    };
    let mut merged = old.to_vec();
    let mut known: Vec<&[Datum]> = Vec::new();
    for side in sides {
        let Some(Datum::List(items)) = side else { return None };
        let added = items.strip_prefix(old)?;
        if !known.contains(&added) {
            known.push(added);
            merged.extend_from_slice(added);
        }
    }
    Some(Datum::List(merged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Fields {
        Content::read(text.as_bytes()).fields().cloned().expect("a deal")
    }

    #[test]
    fn fields_are_equal_when_they_mean_the_same() {
        let one = read("title: A\nlost:\n  reason: price\ntags: [a, b]\nowner:\n");
        let other = read("tags:\n  - a\n  - 'b'\nlost: {reason: \"price\"} # why\ntitle: 'A'\n");
        assert_eq!(one, other);
        assert_eq!(one.keys().collect::<Vec<_>>(), ["lost.reason", "tags", "title"]);
        assert_ne!(read("a: 1\n"), read("a: '1'\n"));
        assert_eq!(Content::read(b"a: [\n"), Content::Unreadable);
    }

    #[test]
    fn a_value_is_that_of_the_side_that_changed_it() {
        assert_eq!(three_way(&1, &[1, 1]), Merged::Clear(1));
        assert_eq!(three_way(&1, &[2, 1]), Merged::Clear(2));
        assert_eq!(three_way(&1, &[2, 2]), Merged::Clear(2));
        assert_eq!(three_way(&1, &[2, 3]), Merged::Open);
        assert_eq!(three_way(&1, &[1, 1, 4]), Merged::Clear(4));
    }

    #[test]
    fn lists_that_both_sides_added_to_take_all_that_was_added() {
        let list = |text: &str| read(text).get("l").cloned();
        let (base, a, b, c) = (list("l: [1]\n"), list("l: [1, 2]\n"), list("l: [1, 3]\n"), list("l: [4]\n"));
        let merged = |x: &Option<Datum>, y: &Option<Datum>| merge_field(base.as_ref(), &[x.as_ref(), y.as_ref()]);
        assert_eq!(merged(&a, &b), Merged::Clear(list("l: [1, 2, 3]\n")));
        assert_eq!(merged(&a, &c), Merged::Open);
        assert_eq!(merged(&a, &None), Merged::Open);
        assert_eq!(merge_field(None, &[a.as_ref(), a.as_ref()]), Merged::Clear(a.clone()));
    }

    #[test]
    fn a_value_is_shown_on_one_line() {
        assert_eq!(read("a: |\n  x\n  y\n")["a"].to_string(), "x y");
        assert_eq!(read("a: [{k: v}, 2]\n")["a"].to_string(), "[{k: v}, 2]");
        assert!(read(&format!("a: {}\n", "ü".repeat(99)))["a"].to_string().ends_with('…'));
    }
}
