//! The values of two versions of a deal, compared.

use std::collections::BTreeMap;

use crate::format::deal::Deal;
use crate::format::tree::{Core, Entry, Mapping, Node, NodeKind, resolve};
use crate::format::value::Value;

/// A value as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// One value.
    One(String),
    /// The items of a list.
    List(Vec<String>),
}

impl Told {
    /// On one line.
    pub fn text(&self) -> String {
        match self {
            Told::One(text) => text.clone(),
            Told::List(items) => format!("[{}]", items.join(", ")),
        }
    }
}

/// A field that has another value: its dotted path, the value before and the one after. Of lists only what has gone and
/// what has come is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// Dotted path.
    pub field: String,
    /// Before.
    pub before: Option<String>,
    /// After.
    pub after: Option<String>,
}

/// What is different between two versions of a deal, in the order of the newer file; what is gone comes last. Another
/// order of the fields, other comments and another way to write the same value are no difference.
pub fn differing(before: &Deal, after: &Deal) -> Vec<Differing> {
    let (before, after) = (values(before), values(after));
    let old: BTreeMap<&str, &Told> = before.iter().map(|(field, told)| (field.as_str(), told)).collect();
    let new: BTreeMap<&str, &Told> = after.iter().map(|(field, told)| (field.as_str(), told)).collect();
    let mut found = Vec::new();
    for (field, told) in &after {
        let was = old.get(field.as_str()).copied();
        if was != Some(told) {
            found.push(pair(field, was, Some(told)));
        }
    }
    let gone = before.iter().filter(|(field, _)| !new.contains_key(field.as_str()));
    found.extend(gone.map(|(field, told)| pair(field, Some(told), None)));
    found
}

fn pair(field: &str, before: Option<&Told>, after: Option<&Told>) -> Differing {
    let field = field.to_owned();
    if let (Some(Told::List(old)), Some(Told::List(new))) = (before, after) {
        let (gone, come) = (left_of(old, new), left_of(new, old));
        let told = |items: Vec<&str>| (!items.is_empty()).then(|| items.join(", "));
        if !gone.is_empty() || !come.is_empty() {
            return Differing { field, before: told(gone), after: told(come) };
        }
    }
    Differing { field, before: before.map(Told::text), after: after.map(Told::text) }
}

/// What of a list is not in another, each item as often as it is missing there.
fn left_of<'t>(list: &'t [String], other: &[String]) -> Vec<&'t str> {
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    for item in other {
        *there.entry(item).or_default() += 1;
    }
    let is_left = |item: &&String| match there.get_mut(item.as_str()).filter(|n| **n > 0) {
        Some(n) => {
            *n -= 1;
            false
        }
        None => true,
    };
    list.iter().filter(is_left).map(String::as_str).collect()
}

/// The values of a deal by dotted path, in the order of its file. Values of a wrong type are there as they are written.
pub fn values(deal: &Deal) -> Vec<(String, Told)> {
    let mut found = Vec::new();
    of_mapping(deal, &deal.document.root, "", &mut found);
    found
}

fn of_mapping(deal: &Deal, mapping: &Mapping, path: &str, found: &mut Vec<(String, Told)>) {
    for entry in &mapping.entries {
        let path = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        match &entry.value.kind {
            NodeKind::Mapping(inner) => of_mapping(deal, inner, &path, found),
            NodeKind::Scalar { text, style } if resolve(text, *style) == Core::Null => {}
            NodeKind::Scalar { text, .. } => {
                let value = match deal.value(&path) {
                    Some(Value::Money(money)) => money.to_string(),
                    Some(Value::Text(_)) | None => quoted(text),
                    Some(_) => text.clone(),
                };
                found.push((path, Told::One(value)));
            }
            NodeKind::Sequence { items, .. } => found.push((path, Told::List(items.iter().map(compact).collect()))),
        }
    }
}

/// A value on one line.
fn compact(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar { text, .. } => quoted(text),
        NodeKind::Sequence { items, .. } => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(", ")),
        NodeKind::Mapping(mapping) => {
            let entry = |e: &Entry| format!("{}: {}", e.key, compact(&e.value));
            format!("{{{}}}", mapping.entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// One word as it is, several in quotes, so that it is seen where they end.
fn quoted(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text.to_owned() }
}
