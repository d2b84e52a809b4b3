//! A commit or the index as a source of files: nothing is checked out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::discover::{GitPlace, Home};
use super::engine::refs::object_id;
use super::engine::{Kind, Repository, whole_folder};
use super::error::RepoError;
use super::git::{Git, GitError};
use super::objects::{GitObjects, ObjectError, ObjectId, Objects as _};
use super::pack::{self, Reader, Store};
use super::worktree::MAX_FILE;
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::source::{EntryKind, FileEntry, Files, Place, Source};

/// The files of a pipeline as a commit or the index holds them.
pub struct Snapshot {
    place: GitPlace,
    /// Open handles that nobody uses. A handle may not be used by two threads at a time, so each takes one of its own
    /// and gives it back.
    handles: Mutex<Vec<Repository>>,
    /// What most files are read from, once many are.
    store: OnceLock<Arc<Store>>,
    entries: Entries,
    whole: Whole,
    display_prefix: String,
}

/// What lies at each path below the pipeline's folder: its kind, and its object where one is known.
type Entries = BTreeMap<Vec<u8>, (EntryKind, Option<ObjectId>)>;

/// Everything else in the repository.
enum Whole {
    /// The tree of a commit.
    Tree(ObjectId),
    /// The regular files of the index.
    Files(BTreeSet<Vec<u8>>),
}

/// One entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    /// Path below the repository's root.
    pub path: Vec<u8>,
    /// Mode as git writes it: 100644, 100755, 120000, 160000.
    pub mode: u32,
    /// The blob.
    pub id: ObjectId,
    /// 0; 1 to 3 for the sides of a conflict.
    pub stage: u8,
    /// Only announced (`git add -N`): a commit would not hold it.
    pub announced: bool,
    /// Left out of the work tree by a sparse checkout.
    pub hidden: bool,
}

impl Snapshot {
    /// The pipeline of `home` as `commit` holds it.
    ///
    /// # Errors
    /// When the commit or one of its trees cannot be read. A pipeline that the commit does not have is empty.
    pub fn of_commit(home: &Home, commit: ObjectId) -> Result<Snapshot, RepoError> {
        Snapshot::read_commit(home, commit, None)
    }

    /// What lies in the pipeline's own folder at `commit`, and in the folder `inner` in it. For who needs no deal: to list
    /// fifty thousand of them takes longer than most other things.
    ///
    /// # Errors
    /// As [`Snapshot::of_commit`].
    pub fn of_folder(home: &Home, commit: ObjectId, inner: &str) -> Result<Snapshot, RepoError> {
        Snapshot::read_commit(home, commit, Some(inner.as_bytes()))
    }

    /// With `only`, no other folder is looked into.
    fn read_commit(home: &Home, commit: ObjectId, only: Option<&[u8]>) -> Result<Snapshot, RepoError> {
        let place = home.place()?;
        let repo = place.open()?;
        let reading = || RepoError::object(format!("read commit {}", commit.short()));
        let mut entries = BTreeMap::new();
        let objects = GitObjects::open(&repo)?;
        let whole = objects.commit(commit).map_err(reading())?.tree;
        let mut folder = Some(whole);
        for part in home.prefix.split('/').filter(|part| !part.is_empty()) {
            let Some(outer) = folder else { break };
            let found =
                listed(&objects, outer).map_err(reading())?.into_iter().find(|(name, ..)| name == part.as_bytes());
            folder = found.filter(|(_, mode, _)| kind_of(*mode) == EntryKind::Folder).map(|(.., id)| id);
        }
        if let Some(folder) = folder {
            let mut folder = listed(&objects, folder).map_err(reading())?;
            if let Some(only) = only {
                folder.retain(|(name, mode, _)| name == only || kind_of(*mode) != EntryKind::Folder);
            }
            walk(&objects, folder, &[], &mut entries).map_err(reading())?;
        }
        drop(objects);
        Ok(Snapshot::new(home, place, repo, entries, Whole::Tree(whole)))
    }

    /// The pipeline of `home` as the index holds it: what the next commit would be. Of a file in conflict, our side.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of_index(home: &Home) -> Result<Snapshot, RepoError> {
        let place = home.place()?;
        Snapshot::staged(home, place, place.open()?, false)
    }

    /// What a sparse checkout, or a mark of the user's on single files, leaves out of the work tree; `None` where there
    /// can be nothing of that kind.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(super) fn hidden(home: &Home) -> Result<Option<Snapshot>, RepoError> {
        let Some(place) = &home.repo else { return Ok(None) };
        let repo = place.open()?;
        if repo.is_sparse()? || may_hide(place) {
            Snapshot::staged(home, place, repo, true).map(Some)
        } else {
            Ok(None)
        }
    }

    fn staged(home: &Home, place: &GitPlace, repo: Repository, only_hidden: bool) -> Result<Snapshot, RepoError> {
        let mut chosen: BTreeMap<Vec<u8>, Staged> = BTreeMap::new();
        for entry in staged(home, &repo)?.into_iter().filter(|e| !e.announced && (e.hidden || !only_hidden)) {
            let better = |old: &Staged| old.stage == 1 || (old.stage == 3 && entry.stage == 2);
            if chosen.get(&entry.path).is_none_or(better) {
                chosen.insert(entry.path.clone(), entry);
            }
        }
        let mut files = BTreeSet::new();
        let mut entries = BTreeMap::new();
        let nested = nested_pipelines(home, chosen.keys());
        for entry in chosen.into_values() {
            if entry.mode & 0o170_000 == 0o100_000 {
                files.insert(entry.path.clone());
            }
            let Some(path) = below(&entry.path, home.prefix.as_bytes()) else { continue };
            let mut hidden = false;
            for (i, _) in path.iter().enumerate().filter(|(_, b)| **b == b'/') {
                let folder = &path[..i];
                entries.entry(folder.to_vec()).or_insert((EntryKind::Folder, None));
                let name = folder.rsplit(|b| *b == b'/').next().unwrap_or_default();
                if name.starts_with(b".") || nested.contains(folder) {
                    hidden = true;
                    break;
                }
            }
            if !hidden {
                entries.insert(path.to_vec(), (kind_of(entry.mode), Some(entry.id)));
            }
        }
        Ok(Snapshot::new(home, place, repo, entries, Whole::Files(files)))
    }

    fn new(home: &Home, place: &GitPlace, repo: Repository, entries: Entries, whole: Whole) -> Snapshot {
        // Of a partial clone all deals are fetched at once, not one by one as they are read.
        let deals = entries.iter().filter(|(path, (kind, _))| *kind == EntryKind::File && path.ends_with(b".yaml"));
        repo.prefetch(deals.filter_map(|(_, (_, id))| *id));
        let display_prefix = if home.prefix.is_empty() { String::new() } else { format!("{}/", home.prefix) };
        Snapshot {
            place: place.clone(),
            handles: Mutex::new(vec![repo]),
            store: OnceLock::new(),
            entries,
            whole,
            display_prefix,
        }
    }

    /// Lets go of what reading many files has left in memory. A file can still be read.
    pub fn let_go(&mut self) {
        self.store = OnceLock::new();
        self.handles = Mutex::default();
    }

    /// The object of a regular file.
    fn blob(&self, path: &str) -> io::Result<ObjectId> {
        match self.entries.get(path.as_bytes()) {
            Some((EntryKind::File, Some(id))) => Ok(*id),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "it is not a regular file there")),
        }
    }

    /// The bytes of a file, read on its own.
    fn single(&self, id: ObjectId) -> io::Result<Vec<u8>> {
        let bytes = self.with_repo(|repo| repo.read_up_to(id, Kind::Blob, MAX_FILE))?.map_err(io::Error::other)?;
        bytes.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"))
    }

    /// The packs and loose objects of the repository.
    fn store(&self) -> io::Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = self.with_repo(|repo| repo.store().clone())?;
        Ok(self.store.get_or_init(|| store))
    }

    fn with_repo<T>(&self, f: impl FnOnce(&Repository) -> T) -> io::Result<T> {
        let free = self.handles().pop();
        let repo = match free {
            Some(repo) => repo,
            None => self.place.open().map_err(io::Error::other)?,
        };
        let found = f(&repo);
        self.handles().push(repo);
        Ok(found)
    }

    fn handles(&self) -> MutexGuard<'_, Vec<Repository>> {
        // Taking and giving back leaves no half-made state behind, so a panic in another reader does no harm here.
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Snapshot {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |(path, (kind, _)): (&Vec<u8>, &(EntryKind, Option<ObjectId>))| FileEntry {
            path: String::from_utf8_lossy(path).into_owned(),
            utf8: std::str::from_utf8(path).is_ok(),
            kind: *kind,
        };
        Ok(self.entries.iter().map(entry).collect())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.single(self.blob(path)?)
    }

    fn files(&self) -> Box<dyn Files + '_> {
        Box::new(FilesOf { snapshot: self, reader: self.store().ok().map(Store::reader) })
    }

    fn repository_has(&self, path: &str) -> bool {
        match &self.whole {
            Whole::Files(files) => files.contains(path.as_bytes()),
            Whole::Tree(id) => {
                let plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
                let there = || self.with_repo(|repo| repo.entry(*id, path));
                plain && matches!(there(), Ok(Ok(Some((mode, _)))) if kind_of(mode) == EntryKind::File)
            }
        }
    }

    fn display(&self, path: &str) -> String {
        format!("{}{path}", self.display_prefix)
    }
}

/// Reads files of a snapshot from the packs, in their order there.
struct FilesOf<'s> {
    snapshot: &'s Snapshot,
    reader: Option<Reader<'s>>,
}

impl Files for FilesOf<'_> {
    fn place(&self, path: &str) -> Place {
        let place = || self.reader.as_ref()?.place(self.snapshot.blob(path).ok()?);
        place().map_or((u32::MAX, 0), |place| (place.pack(), place.offset()))
    }

    fn read(&mut self, path: &str, (pack, offset): Place) -> io::Result<Vec<u8>> {
        let id = self.snapshot.blob(path)?;
        let place = (pack != u32::MAX).then(|| pack::Place::new(pack, offset));
        let found = match &mut self.reader {
            Some(reader) => reader.read_up_to(id, place, MAX_FILE as usize).map_err(io::Error::other)?,
            None => None,
        };
        match found {
            Some((Kind::Blob, bytes)) => Ok(bytes.to_vec()),
            // It is told by whoever reads any object.
            _ => self.snapshot.single(id),
        }
    }
}

/// The entries of a folder.
fn listed(objects: &GitObjects<'_>, folder: ObjectId) -> Result<Vec<(Vec<u8>, u32, ObjectId)>, ObjectError> {
    whole_folder(folder, &objects.tree(folder)?)
}

fn walk(
    objects: &GitObjects<'_>,
    folder: Vec<(Vec<u8>, u32, ObjectId)>,
    prefix: &[u8],
    entries: &mut Entries,
) -> Result<(), ObjectError> {
    for (name, mode, id) in folder {
        let path = if prefix.is_empty() { name.clone() } else { [prefix, b"/", &name].concat() };
        let kind = kind_of(mode);
        entries.insert(path.clone(), (kind, Some(id)));
        if kind == EntryKind::Folder && !name.starts_with(b".") {
            let inner = listed(objects, id)?;
            let is_pipeline = |(name, mode, _): &(Vec<u8>, u32, ObjectId)| {
                name == PIPELINE_FILE.as_bytes() && kind_of(*mode) != EntryKind::Folder
            };
            if !inner.iter().any(is_pipeline) {
                walk(objects, inner, &path, entries)?;
            }
        }
    }
    Ok(())
}

pub(super) fn kind_of(mode: u32) -> EntryKind {
    match mode & 0o170_000 {
        0o100_000 => EntryKind::File,
        0o120_000 => EntryKind::Symlink,
        0o040_000 => EntryKind::Folder,
        _ => EntryKind::Other,
    }
}

/// `path` below the folder `prefix`.
fn below<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    if prefix.is_empty() { Some(path) } else { path.strip_prefix(prefix)?.strip_prefix(b"/") }
}

/// Folders below the pipeline's that are pipelines of their own.
fn nested_pipelines<'a>(home: &Home, paths: impl Iterator<Item = &'a Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let suffix = [b"/", PIPELINE_FILE.as_bytes()].concat();
    let inside = paths.filter_map(|p| below(p, home.prefix.as_bytes()));
    inside.filter_map(|p| p.strip_suffix(&*suffix)).map(<[u8]>::to_vec).collect()
}

/// All entries of the user's index, sorted by the bytes of their paths.
pub(super) fn staged(home: &Home, repo: &Repository) -> Result<Vec<Staged>, RepoError> {
    let Some(library) = repo.library() else { return Ok(staged_by_program(&repo.git()?)?) };
    let read = match &home.place()?.index_from_env {
        Some(file) => git2::Index::open(file),
        None => library.index(),
    };
    match read {
        Ok(index) => {
            let announced = git2::IndexEntryExtendedFlag::INTENT_TO_ADD.bits();
            let skipped = git2::IndexEntryExtendedFlag::SKIP_WORKTREE.bits();
            let staged = index.iter().map(|e| {
                let stage = ((e.flags >> 12) & 3) as u8;
                let announced = e.flags_extended & announced != 0;
                let hidden = e.flags_extended & skipped != 0;
                Ok(Staged { path: e.path, mode: e.mode, id: object_id(e.id)?, stage, announced, hidden })
            });
            let mut staged: Vec<Staged> = staged.collect::<Result<_, RepoError>>()?;
            // Where the file system ignores case, libgit2 sorts without it.
            if !staged.is_sorted_by(|a, b| (&a.path, a.stage) <= (&b.path, b.stage)) {
                staged.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
            }
            Ok(staged)
        }
        // libgit2 reads neither split nor sparse indexes, the program does.
        Err(e) if e.class() == git2::ErrorClass::Index => Ok(staged_by_program(&repo.git()?)?),
        Err(e) => Err(RepoError::reading("read the index")(e)),
    }
}

/// The entries of the user's index as `git ls-files` tells them.
fn staged_by_program(git: &Git) -> Result<Vec<Staged>, GitError> {
    read_staged(&git.command("ls-files").reading().args(["-t", "--stage", "-z"]).bytes()?)
}

/// Reads what `git ls-files -t --stage -z` prints: `TAG MODE ID STAGE TAB PATH NUL`.
pub(super) fn read_staged(out: &[u8]) -> Result<Vec<Staged>, GitError> {
    let one = |line: &[u8]| {
        let tab = line.iter().position(|b| *b == b'\t')?;
        let head = std::str::from_utf8(line.get(..tab)?).ok()?;
        let mut words = head.split(' ');
        let tag = words.next()?;
        Some(Staged {
            hidden: tag == "S",
            mode: u32::from_str_radix(words.next()?, 8).ok()?,
            id: parse_id(words.next()?)?,
            stage: words.next()?.parse().ok()?,
            path: line.get(tab + 1..)?.to_vec(),
            announced: false,
        })
    };
    out.split(|b| *b == 0)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let answer = || String::from_utf8_lossy(line).into_owned();
            one(line).ok_or_else(|| GitError::Answer { command: "git ls-files --stage".into(), answer: answer() })
        })
        .collect()
}

/// Whether the index is of a form that can mark single files as not checked out. git writes the plain form while there
/// is no such mark, so that most indexes need not be read for it.
fn may_hide(place: &GitPlace) -> bool {
    let mut head = [0; 8];
    let read = std::fs::File::open(place.index_file()).and_then(|mut f| std::io::Read::read_exact(&mut f, &mut head));
    read.is_ok() && head[4..] != [0, 0, 0, 2]
}

/// An id from its hexadecimal digits.
pub(super) fn parse_id(hex: &str) -> Option<ObjectId> {
    if !hex.len().is_multiple_of(2) || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect();
    ObjectId::from_bytes(&bytes?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ls_files_output_is_read_with_its_stages() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let out = format!("H 100644 {id} 0\ta b.yaml\0S 100755 {id} 2\tx\ty\0");
        let read = read_staged(out.as_bytes()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].mode, read[0].stage, &read[0].path[..]), (0o100_644, 0, &b"a b.yaml"[..]));
        assert_eq!((read[0].hidden, read[1].hidden), (false, true));
        assert_eq!((read[1].stage, &read[1].path[..]), (2, &b"x\ty"[..]));
        assert_eq!(read[1].id.to_string(), id);
        assert!(read_staged(b"garbage\0").is_err());
    }

    #[test]
    fn only_whole_hexadecimal_names_are_ids() {
        assert!(parse_id(&"a1".repeat(20)).is_some());
        assert!(parse_id(&"a1".repeat(32)).is_some());
        assert!(parse_id("a1b2").is_none());
        assert!(parse_id(&"+1".repeat(20)).is_none());
        assert!(parse_id("").is_none());
    }
}
