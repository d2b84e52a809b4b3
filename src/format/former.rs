//! Ids that deals had before: what they list under `was`.

use std::io;

use rayon::prelude::*;

use super::ident::DealId;
use super::pipeline::deal_path;
use super::source::{EntryKind, Source};
use super::tree::{self, Mapping, Node, NodeKind};

/// The ids that a deal had before, as its file lists them.
pub fn former_ids(root: &Mapping) -> Vec<&str> {
    let nodes: Vec<&Node> = match root.get("was") {
        Some(Node { kind: NodeKind::Sequence { items, .. }, .. }) => items.iter().collect(),
        Some(node) => vec![node],
        None => Vec::new(),
    };
    let words = nodes.into_iter().filter_map(|node| match &node.kind {
        NodeKind::Scalar { text, .. } => Some(text.as_str()),
        _ => None,
    });
    words.collect()
}

/// The deal that had this id before; the first by path. Files that cannot be read name nobody.
///
/// # Errors
/// When the files cannot be listed.
pub fn formerly(source: &dyn Source, id: &DealId) -> io::Result<Option<DealId>> {
    let entries = source.entries()?;
    let deals: Vec<(&str, DealId)> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::File)
        .filter_map(|entry| Some((entry.path.as_str(), deal_path(&entry.path)?.1)))
        .filter(|(_, deal)| deal != id)
        .collect();
    let listed = |path: &str| {
        let bytes = source.read(path).ok()?;
        // Nearly no file has both words in it, and to look for them costs less than to read what the file says.
        let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
        if !has(b"was") || !has(id.as_str().as_bytes()) {
            return None;
        }
        let document = tree::read(&bytes).ok()?;
        former_ids(&document.root).contains(&id.as_str()).then_some(())
    };
    Ok(deals.par_iter().find_first(|(path, _)| listed(path).is_some()).map(|(_, deal)| deal.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ids_are_a_list_or_one_word() {
        let ids = |text: &str| {
            let document = tree::read(text.as_bytes()).unwrap();
            former_ids(&document.root).join(" ")
        };
        assert_eq!(ids("was: [acme, \"beta\"]\n"), "acme beta");
        assert_eq!(ids("was:\n  - acme # first\n"), "acme");
        assert_eq!(ids("was: acme\n"), "acme");
        assert_eq!(ids("was: {a: b}\n"), "");
        assert_eq!(ids("title: was\n"), "");
    }
}
