//! A commit or the index as a source of files: nothing is checked out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::discover::{GitPlace, Home};
use super::error::RepoError;
use super::git::{Git, GitError};
use super::objects::{ObjectId, read_once};
use super::revision::{object_id, oid};
use super::worktree::MAX_FILE;
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::source::{EntryKind, FileEntry, Source};

/// The files of a pipeline as a commit or the index holds them.
pub struct Snapshot {
    place: GitPlace,
    /// Open handles that nobody uses. A handle may not be used by two threads at a time, so each takes one of its own
    /// and gives it back.
    handles: Mutex<Vec<git2::Repository>>,
    entries: BTreeMap<Vec<u8>, (EntryKind, git2::Oid)>,
    whole: Whole,
    display_prefix: String,
}

/// Everything else in the repository.
enum Whole {
    /// The tree of a commit.
    Tree(git2::Oid),
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
        read_once();
        let place = home.place()?;
        let repo = place.open()?;
        let reading = || format!("read commit {}", commit.short());
        let mut entries = BTreeMap::new();
        let whole = {
            let commit = repo.find_commit(oid(commit)?).map_err(RepoError::reading(reading()))?;
            let tree = commit.tree().map_err(RepoError::reading(reading()))?;
            let whole = tree.id();
            if let Some(folder) = folder_of(&repo, tree, &home.prefix).map_err(RepoError::reading(reading()))? {
                walk(&repo, &folder, &[], &mut entries).map_err(RepoError::reading(reading()))?;
            }
            whole
        };
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

    /// What a sparse checkout leaves out of the work tree; `None` where it is no such checkout.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(super) fn hidden(home: &Home) -> Result<Option<Snapshot>, RepoError> {
        let Some(place) = &home.repo else { return Ok(None) };
        let repo = place.open()?;
        if is_sparse(&repo)? { Snapshot::staged(home, place, repo, true).map(Some) } else { Ok(None) }
    }

    fn staged(home: &Home, place: &GitPlace, repo: git2::Repository, only_hidden: bool) -> Result<Snapshot, RepoError> {
        read_once();
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
                entries.entry(folder.to_vec()).or_insert((EntryKind::Folder, git2::Oid::ZERO_SHA1));
                let name = folder.rsplit(|b| *b == b'/').next().unwrap_or_default();
                if name.starts_with(b".") || nested.contains(folder) {
                    hidden = true;
                    break;
                }
            }
            if !hidden {
                entries.insert(path.to_vec(), (kind_of(entry.mode as i32), oid(entry.id)?));
            }
        }
        Ok(Snapshot::new(home, place, repo, entries, Whole::Files(files)))
    }

    fn new(
        home: &Home,
        place: &GitPlace,
        repo: git2::Repository,
        entries: BTreeMap<Vec<u8>, (EntryKind, git2::Oid)>,
        whole: Whole,
    ) -> Snapshot {
        let display_prefix = if home.prefix.is_empty() { String::new() } else { format!("{}/", home.prefix) };
        Snapshot { place: place.clone(), handles: Mutex::new(vec![repo]), entries, whole, display_prefix }
    }

    fn with_repo<T>(&self, f: impl FnOnce(&git2::Repository) -> T) -> io::Result<T> {
        let free = self.handles().pop();
        let repo = match free {
            Some(repo) => repo,
            None => self.place.open().map_err(io::Error::other)?,
        };
        let found = f(&repo);
        self.handles().push(repo);
        Ok(found)
    }

    fn handles(&self) -> MutexGuard<'_, Vec<git2::Repository>> {
        // Taking and giving back leaves no half-made state behind, so a panic in another reader does no harm here.
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Snapshot {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |(path, (kind, _)): (&Vec<u8>, &(EntryKind, git2::Oid))| FileEntry {
            path: String::from_utf8_lossy(path).into_owned(),
            utf8: std::str::from_utf8(path).is_ok(),
            kind: *kind,
        };
        Ok(self.entries.iter().map(entry).collect())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let Some((EntryKind::File, id)) = self.entries.get(path.as_bytes()) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is not a regular file there"));
        };
        let failed = |e: git2::Error| io::Error::other(format!("git object {id}: {}", e.message()));
        self.with_repo(|repo| {
            let odb = repo.odb().map_err(failed)?;
            let (size, _) = odb.read_header(*id).map_err(failed)?;
            if size as u64 > MAX_FILE {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB"));
            }
            let object = odb.read(*id).map_err(failed)?;
            match object.kind() {
                git2::ObjectType::Blob => Ok(object.data().to_vec()),
                _ => Err(io::Error::other(format!("git object {id} is not a file; see what `git fsck` says"))),
            }
        })?
    }

    fn repository_has(&self, path: &str) -> bool {
        match &self.whole {
            Whole::Files(files) => files.contains(path.as_bytes()),
            Whole::Tree(id) => {
                let plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
                let there = self.with_repo(|repo| {
                    let entry = repo.find_tree(*id)?.get_path(std::path::Path::new(path))?;
                    Ok::<_, git2::Error>(kind_of(entry.filemode_raw()) == EntryKind::File)
                });
                plain && matches!(there, Ok(Ok(true)))
            }
        }
    }

    fn display(&self, path: &str) -> String {
        format!("{}{path}", self.display_prefix)
    }
}

/// Whether files of the index may be missing from the work tree on purpose.
pub(super) fn is_sparse(repo: &git2::Repository) -> Result<bool, RepoError> {
    let config = repo.config().map_err(RepoError::reading("read git's configuration"))?;
    match config.get_bool("core.sparseCheckout") {
        Ok(sparse) => Ok(sparse),
        Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(false),
        Err(e) => Err(RepoError::reading("read core.sparseCheckout")(e)),
    }
}

/// The tree of the folder `prefix`; `None` where there is no such folder.
fn folder_of<'r>(
    repo: &'r git2::Repository,
    tree: git2::Tree<'r>,
    prefix: &str,
) -> Result<Option<git2::Tree<'r>>, git2::Error> {
    if prefix.is_empty() {
        return Ok(Some(tree));
    }
    match tree.get_path(std::path::Path::new(prefix)) {
        Ok(entry) if entry.kind() == Some(git2::ObjectType::Tree) => repo.find_tree(entry.id()).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn walk(
    repo: &git2::Repository,
    tree: &git2::Tree<'_>,
    prefix: &[u8],
    entries: &mut BTreeMap<Vec<u8>, (EntryKind, git2::Oid)>,
) -> Result<(), git2::Error> {
    for entry in tree {
        let name = entry.name_bytes();
        let path = if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() };
        let kind = kind_of(entry.filemode_raw());
        entries.insert(path.clone(), (kind, entry.id()));
        if kind == EntryKind::Folder && !name.starts_with(b".") {
            let folder = repo.find_tree(entry.id())?;
            if folder.get_name(PIPELINE_FILE).is_none_or(|e| e.kind() == Some(git2::ObjectType::Tree)) {
                walk(repo, &folder, &path, entries)?;
            }
        }
    }
    Ok(())
}

fn kind_of(mode: i32) -> EntryKind {
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

/// All entries of the user's index, sorted as the index is.
pub(super) fn staged(home: &Home, repo: &git2::Repository) -> Result<Vec<Staged>, RepoError> {
    let read = match &home.place()?.index_from_env {
        Some(file) => git2::Index::open(file),
        None => repo.index(),
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
            staged.collect()
        }
        // libgit2 reads neither split nor sparse indexes, the program does.
        Err(e) if e.class() == git2::ErrorClass::Index => Ok(staged_by_program(&Git::new(home)?)?),
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
