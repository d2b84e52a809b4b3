//! The folders that objects of a repository lie in, and the packs in them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::open::Pack;
use super::reader::Reader;

/// How many steps it may be from a repository to one whose objects it borrows, as in git.
const DEEPEST: usize = 5;

/// The packs and loose objects of a repository, and of those whose objects it borrows. It is shared by the readers of
/// all threads.
pub struct Store {
    id_len: usize,
    /// Its own folder of objects, then those it borrows from.
    folders: Vec<PathBuf>,
    packs: Mutex<Packs>,
}

#[derive(Default)]
struct Packs {
    /// What is added keeps the numbers of the others; what is removed from disk stays open.
    open: Arc<Vec<Arc<Pack>>>,
    /// The indexes that were looked at, also those that were left to others.
    seen: HashSet<PathBuf>,
}

impl Store {
    /// Opens the objects in a folder and in those that its `info/alternates` names. `id_len` is the length of ids: 20
    /// or 32. Nothing here is an error: what cannot be opened is not there for this reader. Folders that only the
    /// environment names (`GIT_ALTERNATE_OBJECT_DIRECTORIES`) are left to the `git` program.
    pub fn open(objects: &Path, id_len: usize) -> Store {
        let mut folders = vec![objects.to_owned()];
        let mut known: HashSet<PathBuf> = objects.canonicalize().into_iter().collect();
        let mut from = 0..1;
        for _ in 0..DEEPEST {
            let mut further = Vec::new();
            for folder in folders.get(from.clone()).unwrap_or_default() {
                let borrowed = alternates(folder).into_iter();
                further.extend(borrowed.filter(|f| f.canonicalize().is_ok_and(|real| known.insert(real))));
            }
            from = folders.len()..folders.len() + further.len();
            folders.extend(further);
        }
        let store = Store { id_len, folders, packs: Mutex::default() };
        store.look_again();
        store
    }

    /// A reader for one thread. It keeps up to about 100 MB of what it lately read.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self)
    }

    pub(super) fn id_len(&self) -> usize {
        self.id_len
    }

    pub(super) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The packs that are open.
    pub(super) fn packs(&self) -> Arc<Vec<Arc<Pack>>> {
        self.packs.lock().unwrap_or_else(PoisonError::into_inner).open.clone()
    }

    /// Opens packs that came since the last look, as `git gc` brings them while others read.
    pub(super) fn look_again(&self) {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for folder in &self.folders {
            let Ok(listing) = std::fs::read_dir(folder.join("pack")) else { continue };
            let indexes = listing.flatten().map(|entry| entry.path());
            new.extend(
                indexes.filter(|path| path.extension().is_some_and(|e| e == "idx") && !packs.seen.contains(path)),
            );
        }
        // The order of a listing is the disk's; places and with them the order of reading are not to hang on it.
        new.sort();
        let mut opened = Vec::new();
        for path in new {
            // What cannot be opened may only be half written: it is tried again at the next look.
            let Ok(pack) = Pack::open(&path, self.id_len) else { continue };
            opened.extend(pack.map(Arc::new));
            packs.seen.insert(path);
        }
        if !opened.is_empty() {
            packs.open = Arc::new(packs.open.iter().cloned().chain(opened).collect());
        }
    }
}

/// The folders that a folder of objects borrows from.
fn alternates(objects: &Path) -> Vec<PathBuf> {
    let Ok(text) = std::fs::read(objects.join("info").join("alternates")) else { return Vec::new() };
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    // A line in quotes, or in bytes that are no path here, is left to git.
    lines.filter_map(path).map(|path| objects.join(path)).collect()
}

#[cfg(unix)]
fn path(line: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(line)))
}

#[cfg(not(unix))]
fn path(line: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(line).ok().map(PathBuf::from)
}
