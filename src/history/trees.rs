//! Two trees of a pipeline compared: which deal files came, went or changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::ident::is_id;
use crate::format::pipeline::{PIPELINE_FILE, RESERVED_FOLDERS};
use crate::repo::objects::{IdMap, ObjectError, ObjectId, Objects, TreeEntry, entries, entry_len, first_entry};

/// Raw trees of this many bytes make a generation of the cache; two are kept.
const GENERATION: usize = 16 << 20;

/// Folders are compared in blocks of this many bytes until they differ.
const BLOCK: usize = 4096;

/// And the block that differs in pieces of this many.
const LINE: usize = 64;

/// Folders nested deeper than this are refused, so that a hostile repository cannot exhaust the stack.
const MAX_DEPTH: usize = 200;

/// A folder below the pipeline's folder, by its number in [`Folders`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FolderIx(pub(super) u32);

/// All folders that ever held a deal, each once. A number is taken for good, so that events can be kept by it.
#[derive(Default)]
pub(super) struct Folders {
    by_path: HashMap<Vec<u8>, FolderIx>,
    paths: Vec<Vec<u8>>,
}

impl Folders {
    pub(super) fn intern(&mut self, path: &[u8]) -> FolderIx {
        if let Some(found) = self.by_path.get(path) {
            return *found;
        }
        let ix = FolderIx(self.paths.len() as u32);
        self.by_path.insert(path.to_vec(), ix);
        self.paths.push(path.to_vec());
        ix
    }

    /// All paths, by number.
    pub(super) fn paths(&self) -> &[Vec<u8>] {
        &self.paths
    }

    /// The path below the pipeline's folder: `won/2026`.
    pub(super) fn path(&self, folder: FolderIx) -> &[u8] {
        self.paths.get(folder.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The name of the stage folder that a folder is or lies in.
    pub(super) fn stage_name(&self, folder: FolderIx) -> &str {
        let top = self.path(folder).split(|b| *b == b'/').next().unwrap_or_default();
        std::str::from_utf8(top).unwrap_or_default()
    }
}

/// What differs between two trees of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// The deal files, by deal id, then by the path of their folder.
    pub(super) changes: Vec<Change>,
    /// Folders directly below the pipeline's that can be stages and are gone.
    pub(super) gone: Vec<String>,
    /// Such folders that were not there before.
    pub(super) come: Vec<String>,
}

/// A deal file that differs between two trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The deal's id, as its file says it.
    pub(super) stem: Box<str>,
    /// Where the file is or was.
    pub(super) folder: FolderIx,
    /// Its bytes before; `None` where it was not there.
    pub(super) old: Option<ObjectId>,
    /// Its bytes after; `None` where it is gone.
    pub(super) new: Option<ObjectId>,
}

/// Reads raw trees, each one once as long as it is in use: what was asked for lately is kept, so that walking from
/// commit to commit reads only what the commit wrote.
pub(super) struct Trees<'o> {
    objects: &'o dyn Objects,
    young: IdMap<Arc<Vec<u8>>>,
    old: IdMap<Arc<Vec<u8>>>,
    young_bytes: usize,
}

impl<'o> Trees<'o> {
    pub(super) fn new(objects: &'o dyn Objects) -> Self {
        let (young, old) = (IdMap::default(), IdMap::default());
        Trees { objects, young, old, young_bytes: 0 }
    }

    /// Where they are read from.
    pub(super) fn objects(&self) -> &'o dyn Objects {
        self.objects
    }

    /// The bytes of the file of a name in a folder; `None` where there is none.
    pub(super) fn text_in(&mut self, folder: ObjectId, name: &str) -> Result<Option<Arc<Vec<u8>>>, ObjectError> {
        self.file_in(folder, name)?.map(|blob| self.objects.blob(blob)).transpose()
    }

    /// The raw bytes of a tree.
    pub(super) fn raw(&mut self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        if let Some(found) = self.young.get(&id) {
            return Ok(found.clone());
        }
        let raw = match self.old.remove(&id) {
            Some(raw) => raw,
            None => self.objects.tree(id)?,
        };
        self.young_bytes += raw.len() + 100;
        if self.young_bytes > GENERATION {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = raw.len() + 100;
        }
        self.young.insert(id, raw.clone());
        Ok(raw)
    }

    /// The folder at a path below a tree; `None` where there is none. The empty path is the tree itself.
    pub(super) fn folder_at(&mut self, root: ObjectId, path: &str) -> Result<Option<ObjectId>, ObjectError> {
        let mut at = root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            match self.entry(at, name.as_bytes())? {
                Some((entry_id, true)) => at = entry_id,
                _ => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// The file at a name directly in a folder.
    pub(super) fn file_in(&mut self, folder: ObjectId, name: &str) -> Result<Option<ObjectId>, ObjectError> {
        let raw = self.raw(folder)?;
        let found =
            entries(&raw, folder.as_bytes().len()).find(|e| e.is_file() && e.name == name.as_bytes()).map(|e| e.id);
        Ok(found)
    }

    /// Whether a folder holds a pipeline file.
    pub(super) fn is_pipeline(&mut self, folder: ObjectId) -> Result<bool, ObjectError> {
        Ok(self.file_in(folder, PIPELINE_FILE)?.is_some())
    }

    fn entry(&mut self, folder: ObjectId, name: &[u8]) -> Result<Option<(ObjectId, bool)>, ObjectError> {
        let raw = self.raw(folder)?;
        let found = entries(&raw, folder.as_bytes().len()).find(|e| e.name == name).map(|e| (e.id, e.is_folder()));
        Ok(found)
    }

    /// What differs between two trees of a pipeline's folder. `None` stands for no pipeline at all. Folders get their
    /// numbers in `folders`.
    pub(super) fn compare(
        &mut self,
        folders: &mut Folders,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
    ) -> Result<Difference, ObjectError> {
        let mut found = Difference::default();
        let mut path = Vec::new();
        self.compare_folder(folders, (old, new), &mut path, 0, &mut found)?;
        found.changes.sort_unstable_by(|a, b| {
            a.stem.cmp(&b.stem).then_with(|| folders.path(a.folder).cmp(folders.path(b.folder)))
        });
        Ok(found)
    }

    fn compare_folder(
        &mut self,
        numbers: &mut Folders,
        (old, new): (Option<ObjectId>, Option<ObjectId>),
        path: &mut Vec<u8>,
        depth: usize,
        found: &mut Difference,
    ) -> Result<(), ObjectError> {
        if old == new {
            return Ok(());
        }
        if let (true, Some(id)) = (depth > MAX_DEPTH, new.or(old)) {
            return Err(ObjectError::Damaged { id, why: format!("it lies more than {MAX_DEPTH} folders deep") });
        }
        let old_raw = old.map(|id| self.raw(id)).transpose()?;
        let new_raw = new.map(|id| self.raw(id)).transpose()?;
        let id_len = old.or(new).map_or(20, |id| id.as_bytes().len());
        let mut folders = Vec::new();
        let mut this = None;
        let well_formed = {
            let top = path.is_empty();
            join(bytes_of(old_raw.as_deref()), bytes_of(new_raw.as_deref()), id_len, |old, new| {
                let Some(name) = old.or(new).map(|e| e.name) else { return };
                let folder_id = |e: Option<TreeEntry>| e.filter(TreeEntry::is_folder).map(|e| e.id);
                let file_id = |e: Option<TreeEntry>| e.filter(TreeEntry::is_file).map(|e| e.id);
                let (old_folder, new_folder) = (folder_id(old), folder_id(new));
                if old_folder != new_folder && (!top || is_stage_folder(name)) {
                    folders.push((name.to_vec(), old_folder, new_folder));
                    if top {
                        let name = || String::from_utf8_lossy(name).into_owned();
                        match (old_folder, new_folder) {
                            (Some(_), None) => found.gone.push(name()),
                            (None, Some(_)) => found.come.push(name()),
                            _ => {}
                        }
                    }
                }
                let (old, new) = (file_id(old), file_id(new));
                if old == new || top {
                    return;
                }
                if let Some(stem) = deal_stem(name) {
                    let folder = *this.get_or_insert_with(|| numbers.intern(path));
                    found.changes.push(Change { stem: stem.into(), folder, old, new });
                }
            })
        };
        if let (false, Some(id)) = (well_formed, new.or(old)) {
            return Err(ObjectError::Damaged { id, why: "it is no list of files".to_owned() });
        }
        for (name, old, new) in folders {
            let len = path.len();
            if len > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            self.compare_folder(numbers, (old, new), path, depth + 1, found)?;
            path.truncate(len);
        }
        Ok(())
    }
}

/// Whether a folder directly below the pipeline's folder can be a stage.
pub(super) fn is_stage_folder(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| is_id(name) && !RESERVED_FOLDERS.contains(&name))
}

fn deal_stem(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name.strip_suffix(b".yaml")?).ok().filter(|stem| is_id(stem))
}

/// The raw bytes of a tree that may not be there.
pub(super) fn bytes_of(raw: Option<&Vec<u8>>) -> &[u8] {
    raw.map_or(&[], Vec::as_slice)
}

/// Goes through two raw trees side by side and gives the entries that are not the same on both sides. Says whether both
/// could be read to their end.
pub(super) fn join<'a>(
    old: &'a [u8],
    new: &'a [u8],
    id_len: usize,
    mut differs: impl FnMut(Option<TreeEntry<'a>>, Option<TreeEntry<'a>>),
) -> bool {
    let (mut old, mut new) = (old, new);
    let mut is_first = true;
    // After one change most trees go on alike to their end.
    while is_first || old != new {
        is_first = false;
        let alike = alike(old, new, id_len);
        (old, new) = (&old[alike..], &new[alike..]);
        let Some((old_entry, old_len)) = first_entry(old, id_len) else { break };
        let Some((new_entry, new_len)) = first_entry(new, id_len) else { break };
        match order(&old_entry).cmp(order(&new_entry)) {
            std::cmp::Ordering::Less => {
                differs(Some(old_entry), None);
                old = &old[old_len..];
            }
            std::cmp::Ordering::Greater => {
                differs(None, Some(new_entry));
                new = &new[new_len..];
            }
            std::cmp::Ordering::Equal => {
                if old_entry != new_entry {
                    differs(Some(old_entry), Some(new_entry));
                }
                (old, new) = (&old[old_len..], &new[new_len..]);
            }
        }
    }
    if old == new {
        return true;
    }
    while let Some((entry, len)) = first_entry(old, id_len) {
        differs(Some(entry), None);
        old = &old[len..];
    }
    while let Some((entry, len)) = first_entry(new, id_len) {
        differs(None, Some(entry));
        new = &new[len..];
    }
    old.is_empty() && new.is_empty()
}

/// How many bytes of whole entries two raw trees have in common at their beginning.
fn alike(old: &[u8], new: &[u8], id_len: usize) -> usize {
    // One comparison of many bytes costs less than going through the entries in them.
    let blocks = old.chunks_exact(BLOCK).zip(new.chunks_exact(BLOCK)).take_while(|(old, new)| old == new).count();
    let mut at = blocks * BLOCK;
    let lines =
        old[at..].chunks_exact(LINE).zip(new[at..].chunks_exact(LINE)).take_while(|(old, new)| old == new).count();
    at += lines * LINE;
    at += old[at..].iter().zip(&new[at..]).take_while(|(old, new)| old == new).count();
    let mut entry = 0;
    while let Some(len) = entry_len(&old[entry..], id_len) {
        if entry + len > at {
            break;
        }
        entry += len;
    }
    entry
}

/// Git orders a folder as if its name ended in a slash, so that a file and a folder of one name lie apart.
fn order<'a>(entry: &TreeEntry<'a>) -> impl Iterator<Item = u8> + use<'a> {
    entry.name.iter().copied().chain(entry.is_folder().then_some(b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::objects::Commit;

    /// Trees by a number that stands for their id.
    #[derive(Default)]
    struct Memory {
        trees: HashMap<ObjectId, Vec<u8>>,
    }

    fn id(n: u32) -> ObjectId {
        let mut bytes = [1; 20];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        ObjectId::from_bytes(&bytes).unwrap()
    }

    impl Memory {
        fn with(mut self, tree: u32, list: &[(&str, &str, u32)]) -> Self {
            let mut raw = Vec::new();
            for (mode, name, entry) in list {
                raw.extend_from_slice(format!("{mode} {name}\0").as_bytes());
                raw.extend_from_slice(id(*entry).as_bytes());
            }
            self.trees.insert(id(tree), raw);
            self
        }
    }

    impl Objects for Memory {
        fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
            Err(ObjectError::Missing(id))
        }
        fn tree(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
            self.trees.get(&id).cloned().map(Arc::new).ok_or(ObjectError::Missing(id))
        }
        fn blob(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
            Err(ObjectError::Missing(id))
        }
        fn is_shallow(&self) -> bool {
            false
        }
    }

    fn changes(memory: &Memory, old: u32, new: u32) -> Vec<String> {
        let mut trees = Trees::new(memory);
        let mut folders = Folders::default();
        let found = trees.compare(&mut folders, Some(id(old)), Some(id(new))).unwrap().changes;
        let short = |id: Option<ObjectId>| id.map_or("-".to_owned(), |id| id.as_bytes()[3].to_string());
        let line = |c: &Change| {
            let folder = String::from_utf8_lossy(folders.path(c.folder)).into_owned();
            format!("{folder}/{} {} {}", c.stem, short(c.old), short(c.new))
        };
        found.iter().map(line).collect()
    }

    #[test]
    fn changes_are_found_in_folders_below_stages() {
        let memory = Memory::default()
            .with(1, &[("40000", "brief", 3), ("100644", "pipeline.yaml", 90), ("40000", "won", 4)])
            .with(2, &[("40000", "brief", 5), ("100644", "pipeline.yaml", 91), ("40000", "won", 6)])
            .with(3, &[("100644", "a.yaml", 50), ("100644", "b.yaml", 51), ("100644", "c.yaml", 52)])
            .with(5, &[("100644", "a.yaml", 50), ("100755", "b.yaml", 51), ("100644", "d.yaml", 53)])
            .with(4, &[])
            .with(6, &[("40000", "2026", 7)])
            .with(7, &[("100644", "c.yaml", 54), ("100644", "readme.md", 55)]);
        assert_eq!(changes(&memory, 1, 2), ["brief/c 52 -", "won/2026/c - 54", "brief/d - 53"]);
        assert!(changes(&memory, 1, 1).is_empty());
    }

    #[test]
    fn a_link_a_folder_and_a_submodule_are_no_deals() {
        let memory = Memory::default()
            .with(1, &[("40000", "brief", 3)])
            .with(2, &[("40000", ".git-like", 9), ("40000", "brief", 4), ("40000", "templates", 9)])
            .with(3, &[("100644", "a.yaml", 50), ("100644", "b.yaml", 51), ("100644", "c.yaml", 52)])
            .with(4, &[("120000", "a.yaml", 50), ("160000", "b.yaml", 51), ("40000", "c.yaml", 5)])
            .with(5, &[("100644", "d.yaml", 53)]);
        assert_eq!(changes(&memory, 1, 2), ["brief/a 50 -", "brief/b 51 -", "brief/c 52 -", "brief/c.yaml/d - 53"]);
    }

    #[test]
    fn broken_and_bottomless_trees_are_errors() {
        let mut memory = Memory::default().with(1, &[("40000", "brief", 2)]).with(2, &[("40000", "in", 2)]);
        let mut trees = Trees::new(&memory);
        assert!(matches!(trees.compare(&mut Folders::default(), None, Some(id(1))), Err(ObjectError::Damaged { .. })));
        memory.trees.insert(id(2), b"100644 a.ya".to_vec());
        let mut trees = Trees::new(&memory);
        assert!(
            matches!(trees.compare(&mut Folders::default(), None, Some(id(1))), Err(ObjectError::Damaged { id: at, .. }) if at == id(2))
        );
        memory.trees.remove(&id(2));
        let mut trees = Trees::new(&memory);
        assert_eq!(trees.compare(&mut Folders::default(), None, Some(id(1))), Err(ObjectError::Missing(id(2))));
    }
}
