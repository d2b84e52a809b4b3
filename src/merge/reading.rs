//! The deals that a merge was about, by id: from lists of files to versions that can be judged.

use std::collections::{BTreeMap, BTreeSet};

use super::check::MergedDeal;
use super::content::{Content, Copy, Version};
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;
use crate::format::tree::{self, Node, NodeKind};

/// A file of a deal at one point of history. `B` names its bytes: equal names, equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileAt<B> {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The bytes.
    pub blob: B,
}

/// The files of one deal in the four places of a merge. Files that are the same in all of them need not be among them.
#[derive(Clone, Debug, PartialEq)]
pub struct DealFiles<B> {
    /// Before the branches parted.
    pub base: Vec<FileAt<B>>,
    /// On each branch, as many for every deal.
    pub sides: Vec<Vec<FileAt<B>>>,
    /// After the merge.
    pub result: Vec<FileAt<B>>,
}

impl<B: Ord + Clone> DealFiles<B> {
    /// No file anywhere.
    pub fn none(sides: usize) -> Self {
        DealFiles { base: Vec::new(), sides: vec![Vec::new(); sides], result: Vec::new() }
    }

    /// Whether the result is what whole files make certain: nobody changed the deal and it is as it was, or it was
    /// changed in one way and is so. The lists have to be sorted.
    pub fn is_plain(&self) -> bool {
        let mut changed = self.sides.iter().filter(|side| **side != self.base);
        let expected = changed.next().unwrap_or(&self.base);
        changed.all(|other| other == expected) && self.result == *expected && self.result.len() <= 1
    }

    fn take(&mut self, other: DealFiles<B>) {
        self.base.extend(other.base);
        self.result.extend(other.result);
        for (side, more) in self.sides.iter_mut().zip(other.sides) {
            side.extend(more);
        }
    }
}

/// Reads the bytes of a file by their name.
pub type ReadBlob<'r, B, E> = dyn FnMut(&B) -> Result<Vec<u8>, E> + 'r;

/// The deals of a merge that need a look, sorted by id. A deal that a branch gave another id, which says so with `was`,
/// is one deal under its older id.
///
/// # Errors
/// What reading a file fails with.
pub fn deals<B: Ord + Clone, E>(
    mut files: BTreeMap<DealId, DealFiles<B>>,
    read: &mut ReadBlob<'_, B, E>,
) -> Result<Vec<MergedDeal>, E> {
    for (new, old) in renamed(&files, read)? {
        if let Some(moved) = files.remove(&new) {
            let sides = moved.sides.len();
            files.entry(old).or_insert_with(|| DealFiles::none(sides)).take(moved);
        }
    }
    let mut found = Vec::new();
    for (id, mut deal) in files {
        for list in deal.sides.iter_mut().chain([&mut deal.base, &mut deal.result]) {
            list.sort();
        }
        if deal.is_plain() {
            continue;
        }
        let mut version = |files: &[FileAt<B>]| -> Result<Version, E> {
            let mut copies = Vec::new();
            for file in files {
                let Some((stage, _)) = deal_path(&file.path) else { continue };
                let content = Content::read(&read(&file.blob)?);
                copies.push(Copy { path: file.path.clone(), stage, content });
            }
            Ok(Version { copies })
        };
        let sides = deal.sides.iter().map(|side| version(side)).collect::<Result<Vec<_>, E>>()?;
        found.push(MergedDeal { id, base: version(&deal.base)?, sides, result: version(&deal.result)? });
    }
    Ok(found)
}

/// The deals that have a new id in a branch or in the result, each with the older id that they name themselves and that
/// is gone there.
fn renamed<B: Ord + Clone, E>(
    files: &BTreeMap<DealId, DealFiles<B>>,
    read: &mut ReadBlob<'_, B, E>,
) -> Result<BTreeMap<DealId, DealId>, E> {
    let mut found = BTreeMap::new();
    let gone =
        |deal: &DealFiles<B>| !deal.base.is_empty() && (deal.result.is_empty() || deal.sides.iter().any(Vec::is_empty));
    let gone: BTreeSet<&str> = files.iter().filter(|(_, deal)| gone(deal)).map(|(id, _)| id.as_str()).collect();
    if gone.is_empty() {
        return Ok(found);
    }
    for (id, deal) in files.iter().filter(|(_, deal)| deal.base.is_empty()) {
        for file in deal.sides.iter().flatten().chain(&deal.result) {
            let older = older_ids(&read(&file.blob)?);
            if let Some(old) = older.iter().find(|old| gone.contains(old.as_str()) && **old != id.as_str())
                && let Ok(old) = DealId::new(old)
            {
                found.insert(id.clone(), old);
                break;
            }
        }
    }
    Ok(found)
}

/// The ids that a deal lists under `was`.
fn older_ids(bytes: &[u8]) -> Vec<String> {
    let text = |node: &Node| match &node.kind {
        NodeKind::Scalar { text, .. } => Some(text.clone()),
        _ => None,
    };
    let Ok(document) = tree::read(bytes) else { return Vec::new() };
    match document.root.get("was") {
        Some(Node { kind: NodeKind::Sequence { items, .. }, .. }) => items.iter().filter_map(text).collect(),
        Some(node) => text(node).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, text: &'static str) -> Vec<FileAt<&'static str>> {
        vec![FileAt { path: path.to_owned(), blob: text }]
    }

    fn read(files: Vec<(&str, DealFiles<&'static str>)>) -> Vec<MergedDeal> {
        let files = files.into_iter().map(|(id, deal)| (DealId::new(id).unwrap(), deal)).collect();
        deals(files, &mut |text: &&str| Ok::<_, ()>(text.as_bytes().to_vec())).unwrap()
    }

    #[test]
    fn deals_whose_files_say_enough_are_not_read() {
        let (old, new) = (at("brief/a.yaml", "x: 1\n"), at("proposal/a.yaml", "x: 1\n"));
        let moved = DealFiles { base: old.clone(), sides: vec![new.clone(), old.clone()], result: new.clone() };
        assert_eq!(read(vec![("a", moved.clone())]), []);
        let lost = DealFiles { result: old, ..moved };
        assert_eq!(read(vec![("a", lost)]).len(), 1);
    }

    #[test]
    fn a_deal_with_a_new_id_is_the_same_deal() {
        let old = DealFiles {
            base: at("brief/a.yaml", "x: 1\n"),
            sides: vec![vec![], at("brief/a.yaml", "x: 2\n")],
            result: vec![],
        };
        let new = DealFiles {
            base: vec![],
            sides: vec![at("brief/b.yaml", "x: 1\nwas: [a]\n"), vec![]],
            result: at("brief/b.yaml", "x: 2\nwas: [a]\n"),
        };
        let deals = read(vec![("a", old), ("b", new)]);
        assert_eq!(deals.len(), 1);
        assert_eq!((deals[0].id.as_str(), deals[0].sides[0].copies.len()), ("a", 1));
        assert_eq!(deals[0].result.copies[0].path, "brief/b.yaml");
    }
}
