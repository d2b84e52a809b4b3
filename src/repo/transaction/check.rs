//! What must hold before an action may be written.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::rc::Rc;

use unicode_normalization::UnicodeNormalization;

use super::objects::{self, Filters};
use super::{FileChange, PlannedFile};
use crate::format::slug::is_reserved;
use crate::repo::discover::{Home, is_repository};
use crate::repo::engine::{Kind, Repository};
use crate::repo::error::WriteError;
use crate::repo::git::Git;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::Staged;
use crate::repo::state::Ready;
use crate::repo::worktree::read_steadily;

/// The kind of a regular file among the modes of git.
const REGULAR: u32 = 0o100_000;

/// The mode of a folder in a tree of git.
const FOLDER: u32 = 0o040_000;

/// Makes sure that all paths are plain ones below the pipeline, and that none is named twice.
pub(super) fn paths(home: &Home, changes: &[&FileChange]) -> Result<(), WriteError> {
    let mut sources = BTreeSet::new();
    let mut names: HashMap<String, &str> = HashMap::new();
    let mut targets = BTreeSet::new();
    for change in changes {
        for path in change.before_path().into_iter().chain(change.after_path()) {
            let bad = |reason| WriteError::BadPath { path: path.to_owned(), reason };
            plain(path).map_err(bad)?;
            if home.in_pipeline(path).is_none() {
                return Err(bad("it is outside of the pipeline"));
            }
            // What has such a name already may go on: it can be on no machine that would mind.
            let name = path.rsplit('/').next().and_then(|name| name.split('.').next());
            if change.before.is_none() && name.is_some_and(is_reserved) {
                return Err(bad("on Windows its name means a device, so that nobody there could check it out"));
            }
        }
        if let Some(path) = change.before_path().filter(|p| !sources.insert(*p)) {
            return Err(WriteError::BadPath { path: path.to_owned(), reason: "it is changed twice" });
        }
        let Some(path) = change.after_path() else { continue };
        if !targets.insert(fold(path)) {
            return Err(WriteError::BadPath { path: path.to_owned(), reason: "it is written twice" });
        }
        // Two new folders, or files, that differ only by case.
        for end in path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| i).chain([path.len()]) {
            let exact = &path[..end];
            match names.insert(fold(exact), exact) {
                Some(other) if other != exact => {
                    return Err(WriteError::Twin { path: path.to_owned(), other: other.to_owned() });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether a path leads straight down, through names that are harmless everywhere.
fn plain(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    if path.starts_with('/') {
        return Err("it begins at the root of the file system");
    }
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err("it is not a plain path below the repository");
        }
        if part.contains(['\\', ':']) || part.contains(char::is_control) {
            return Err("it has characters that do not work everywhere");
        }
        if part.ends_with(['.', ' ']) {
            return Err("a name in it ends in a dot or a blank");
        }
        // As git does, in the forms in which file systems would take it for the same.
        let folded = fold(part);
        if folded == ".git" || folded.starts_with("git~") {
            return Err("it leads into git's own folder");
        }
    }
    Ok(())
}

/// The form in which names are compared: equal for names that are one on some system.
fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Makes sure that every file is in HEAD, the index and the work tree what the caller has read, that every destination
/// is free in all three, and says for each file what is to be done.
pub(super) fn plan<'a>(
    git: &Git,
    ready: &Ready,
    changes: &[&'a FileChange],
) -> Result<Vec<PlannedFile<'a>>, WriteError> {
    let repo = &ready.repo;
    let head = Tree::new(repo, ready.head)?;
    let touched: HashSet<&[u8]> = changes.iter().filter_map(|c| c.before_path()).map(str::as_bytes).collect();
    let entry = |path: &&'a [u8]| {
        let at = ready.index.binary_search_by(|e| (*e.path).cmp(path)).ok()?;
        Some((*path, ready.index.get(at)?))
    };
    let index: HashMap<&[u8], &Staged> = touched.iter().filter_map(entry).collect();
    let filters = Filters::read(git, ready, changes)?;
    let mut found: Vec<Option<Found>> =
        changes.iter().map(|c| source(git, &head, &index, ready, c)).collect::<Result<_, _>>()?;
    unedited(git, ready, &filters, changes, &mut found)?;
    let targets = changes.iter().filter(|c| !c.in_place()).filter_map(|c| c.after_path());
    let wanted: HashSet<&str> = targets.flat_map(folders_above).collect();
    let mut places = Places { head: &head, index: index_folders(&ready.index, &wanted), disk: HashMap::new(), ready };
    for change in changes.iter().filter(|c| !c.in_place()) {
        if let Some(path) = change.after_path() {
            places.free(path)?;
            not_ignored(git, repo, path)?;
        }
    }
    let planned = changes.iter().zip(found).map(|(change, found)| {
        let bytes = change.after.as_ref().map(|f| f.bytes.clone()).unwrap_or_default();
        let moved_only = change.before.as_ref().map(|f| &f.bytes) == change.after.as_ref().map(|f| &f.bytes);
        let crlf_stored = found.as_ref().is_some_and(|f| f.crlf_stored);
        let in_head = found.as_ref().is_some_and(|f| f.in_head);
        let new_mode = REGULAR | if change.executable { 0o755 } else { 0o644 };
        let (mode, old) = found.map_or((new_mode, None), |f| (f.mode, f.id));
        PlannedFile {
            change,
            in_head,
            mode,
            // A file that only moves keeps its blob: to filter it again could change every line of it.
            old: old.map(|id| (mode, id)),
            new: old.filter(|_| moved_only),
            filter_path: change.after_path().and_then(|path| filters.own(path, &bytes, crlf_stored)),
            bytes,
            by_hook: false,
        }
    });
    Ok(planned.collect())
}

/// All folders that a path lies in, the root (as an empty text) among them.
fn folders_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(i, _)| &path[..i]).chain([""])
}

/// The file that a change begins with.
struct Found {
    mode: u32,
    in_head: bool,
    /// Its blob in HEAD; `None` where it has none, or other content.
    id: Option<ObjectId>,
    /// Its blob in the index, where that is another than in HEAD.
    staged: Option<ObjectId>,
    /// Its bytes in the work tree.
    bytes: Vec<u8>,
    /// Whether its blob has lines that end in CR and LF.
    crlf_stored: bool,
}

/// The file of HEAD that a change begins with, the same in the index; and its bytes in the work tree. Where the user's
/// edits go with the change, it may be in the index or the work tree only.
fn source(
    git: &Git,
    head: &Tree<'_>,
    index: &HashMap<&[u8], &Staged>,
    ready: &Ready,
    change: &FileChange,
) -> Result<Option<Found>, WriteError> {
    let Some(path) = change.before_path() else { return Ok(None) };
    let dirty = |what| WriteError::Dirty { path: path.to_owned(), what };
    let in_head = head.entry(path)?;
    let staged = index.get(path.as_bytes());
    match (in_head, staged) {
        (Some(_), Some(entry)) if entry.hidden => return Err(WriteError::Hidden { path: path.to_owned() }),
        (Some(_), None) => return Err(dirty("is staged for removal")),
        (Some(entry), Some(staged)) if (staged.mode, staged.id) == entry && !staged.announced => {}
        _ if change.with_edits => {}
        (Some(_), Some(_)) => return Err(dirty("has staged changes")),
        (None, Some(_)) => return Err(dirty("is staged and was never committed")),
        (None, None) => return Err(WriteError::Untracked { path: path.to_owned() }),
    }
    if in_head.is_none() {
        not_ignored(git, head.repo, path)?;
    }
    let staged = staged.filter(|entry| !entry.announced).map(|entry| (entry.mode, entry.id));
    let (mode, id) = match staged.or(in_head) {
        Some((mode, id)) => (mode, Some(id)),
        None => (REGULAR | 0o644, None),
    };
    if mode & 0o170_000 != REGULAR {
        return Err(WriteError::BadPath { path: path.to_owned(), reason: "it is not a regular file" });
    }
    no_links(&ready.workdir, path)?;
    let full = ready.workdir.join(path);
    let bytes = match read_steadily(&full) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(dirty("was deleted in the work tree")),
        Err(e) => return Err(WriteError::io("read", &full)(e)),
    };
    let crlf_stored = match id.filter(|_| bytes.contains(&b'\r')) {
        Some(id) => {
            let blob = head.repo.read(id, Kind::Blob).map_err(WriteError::object(format!("read {path} in HEAD")))?;
            blob.windows(2).any(|two| two == b"\r\n")
        }
        None => false,
    };
    let (id, staged) = (in_head.map(|(_, id)| id), staged.filter(|_| staged != in_head).map(|(_, id)| id));
    Ok(Some(Found { mode, in_head: in_head.is_some(), id, staged, bytes, crlf_stored }))
}

/// Makes sure that the work tree has what HEAD has, and that it is what the caller has read. Where the user's edits go
/// with the change, there must be one version of them: what is staged is what the work tree has.
fn unedited(
    git: &Git,
    ready: &Ready,
    filters: &Filters,
    changes: &[&FileChange],
    found: &mut [Option<Found>],
) -> Result<(), WriteError> {
    for (change, found) in changes.iter().zip(found) {
        let (Some(before), Some(found)) = (&change.before, found) else { continue };
        let filter_path = filters.own(&before.path, &found.bytes, found.crlf_stored);
        let on_disk = |id: ObjectId| objects::is_blob(git, &ready.repo, filter_path, &found.bytes, id);
        let clean = found.id.map_or(Ok(false), on_disk)?;
        let staged_and_edited = !found.staged.map_or(Ok(true), on_disk)?;
        let dirty = |what| WriteError::Dirty { path: before.path.clone(), what };
        if !clean {
            if !change.with_edits {
                return Err(dirty("has changes that are not committed"));
            }
            found.id = None;
        }
        if staged_and_edited {
            return Err(dirty("is staged and was edited again after that, so that nobody knows which version counts"));
        }
        if before.bytes != found.bytes {
            return Err(WriteError::Conflict { what: format!("{} was changed", before.path) });
        }
    }
    Ok(())
}

/// Makes sure that no folder on the way to a path is a link or a file.
fn no_links(workdir: &Path, path: &str) -> Result<(), WriteError> {
    for (end, _) in path.match_indices('/') {
        let folder = workdir.join(&path[..end]);
        let reason = match folder.symlink_metadata() {
            Ok(m) if m.is_dir() && is_repository(&folder) => "a folder on the way to it is another repository",
            Ok(m) if m.is_dir() => continue,
            Ok(m) if m.is_symlink() => "a folder on the way to it is a link",
            Ok(_) => "a folder on the way to it is a file",
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(WriteError::io("look at", &folder)(e)),
        };
        return Err(WriteError::BadPath { path: path.to_owned(), reason });
    }
    Ok(())
}

fn not_ignored(git: &Git, repo: &Repository, path: &str) -> Result<(), WriteError> {
    match repo.is_ignored(git, path)? {
        None => Ok(()),
        Some(rule) => Err(WriteError::Ignored { path: path.to_owned(), rule }),
    }
}

/// The names in a folder, by their folded form: the exact name, and whether it is a folder. Where several names fold to
/// one, an exact match is still found.
#[derive(Default)]
struct Names {
    exact: BTreeMap<String, bool>,
    folded: HashMap<String, String>,
}

impl Names {
    fn add(&mut self, name: &str, folder: bool) {
        if !self.exact.contains_key(name) {
            self.exact.insert(name.to_owned(), folder);
            self.folded.insert(fold(name), name.to_owned());
        }
    }
}

/// What is at the places where files are to go.
struct Places<'a> {
    head: &'a Tree<'a>,
    index: HashMap<String, Names>,
    disk: HashMap<String, Names>,
    ready: &'a Ready,
}

impl Places<'_> {
    /// Makes sure that nothing is at `path` in HEAD, the index and the work tree, not even under a name that some file
    /// systems take for the same.
    fn free(&mut self, path: &str) -> Result<(), WriteError> {
        no_links(&self.ready.workdir, path)?;
        let mut start = 0;
        while let Some(rest) = path.get(start..) {
            let end = rest.find('/').map_or(path.len(), |i| start + i);
            let (folder, name) = (path[..start].trim_end_matches('/'), &path[start..end]);
            let last = end == path.len();
            if !self.disk.contains_key(folder) {
                let names = on_disk(&self.ready.workdir.join(folder))?;
                self.disk.insert(folder.to_owned(), names);
            }
            let in_head = self.head.folder(folder)?;
            let places = [
                (Some(in_head.names()), "in HEAD"),
                (self.index.get(folder), "staged"),
                (self.disk.get(folder), "in the work tree"),
            ];
            for (names, place) in places {
                let Some(names) = names else { continue };
                match names.exact.get(name) {
                    Some(true) if !last => {}
                    Some(_) => return Err(WriteError::Exists { path: path[..end].to_owned(), place }),
                    None => {
                        if let Some(other) = names.folded.get(&fold(name)) {
                            let other = if folder.is_empty() { other.clone() } else { format!("{folder}/{other}") };
                            return Err(WriteError::Twin { path: path[..end].to_owned(), other });
                        }
                    }
                }
            }
            start = end + 1;
        }
        Ok(())
    }
}

fn on_disk(folder: &Path) -> Result<Names, WriteError> {
    let mut names = Names::default();
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(e) => return Err(WriteError::io("list", folder)(e)),
    };
    for item in listed {
        let item = item.map_err(WriteError::io("list", folder))?;
        let kind = item.file_type().map_err(WriteError::io("list", folder))?;
        names.add(&item.file_name().to_string_lossy(), kind.is_dir());
    }
    Ok(names)
}

/// The names in some folders of an index. What lies further down is passed over in one step, since an index is sorted.
fn index_folders(index: &[Staged], wanted: &HashSet<&str>) -> HashMap<String, Names> {
    let mut folders: HashMap<String, Names> = HashMap::new();
    for folder in wanted {
        let prefix = if folder.is_empty() { Vec::new() } else { [folder.as_bytes(), b"/"].concat() };
        let mut names = Names::default();
        let mut at = index.partition_point(|e| *e.path < *prefix);
        while let Some(rest) = index.get(at).and_then(|e| e.path.strip_prefix(&*prefix)) {
            match rest.iter().position(|b| *b == b'/') {
                None => {
                    names.add(&String::from_utf8_lossy(rest), false);
                    at += 1;
                }
                Some(slash) => {
                    names.add(&String::from_utf8_lossy(&rest[..slash]), true);
                    // The first path that is not below it: `0` comes right after `/`.
                    let after = [&prefix, &rest[..slash], b"0"].concat();
                    at += index[at..].partition_point(|e| *e.path < *after).max(1);
                }
            }
        }
        folders.insert((*folder).to_owned(), names);
    }
    folders
}

/// The tree of HEAD, each of its folders read once.
struct Tree<'r> {
    repo: &'r Repository,
    root: Option<ObjectId>,
    folders: RefCell<HashMap<String, Rc<Folder>>>,
}

/// The mode of a file as an index has it: old trees have others, which mean the same.
fn canonical(mode: u32) -> u32 {
    match (mode & 0o170_000, mode & 0o111) {
        (REGULAR, 0) => REGULAR | 0o644,
        (REGULAR, _) => REGULAR | 0o755,
        _ => mode,
    }
}

/// One folder of a tree.
#[derive(Default)]
struct Folder {
    entries: HashMap<Vec<u8>, (u32, ObjectId)>,
    names: OnceCell<Names>,
}

impl Folder {
    fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let mut names = Names::default();
            for (name, (mode, _)) in &self.entries {
                names.add(&String::from_utf8_lossy(name), *mode == FOLDER);
            }
            names
        })
    }
}

impl<'r> Tree<'r> {
    fn new(repo: &'r Repository, head: Option<ObjectId>) -> Result<Self, WriteError> {
        let root = match head {
            Some(id) => Some(repo.commit(id).map_err(WriteError::object("read the commit of HEAD"))?.tree),
            None => None,
        };
        Ok(Tree { repo, root, folders: RefCell::default() })
    }

    /// The folder at a path, empty where there is none.
    fn folder(&self, path: &str) -> Result<Rc<Folder>, WriteError> {
        if let Some(known) = self.folders.borrow().get(path) {
            return Ok(known.clone());
        }
        let id = match path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name)) {
            ("", "") => self.root,
            (parent, name) => {
                let parent = self.folder(parent)?;
                parent.entries.get(name.as_bytes()).filter(|(mode, _)| *mode == FOLDER).map(|(_, id)| *id)
            }
        };
        let mut folder = Folder::default();
        if let Some(id) = id {
            let entries = self.repo.folder(id).map_err(WriteError::object(format!("read {path} in HEAD")))?;
            folder.entries = entries.into_iter().map(|(name, mode, id)| (name, (mode, id))).collect();
        }
        let folder = Rc::new(folder);
        self.folders.borrow_mut().insert(path.to_owned(), folder.clone());
        Ok(folder)
    }

    /// Mode and blob of a file.
    fn entry(&self, path: &str) -> Result<Option<(u32, ObjectId)>, WriteError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        match self.folder(folder)?.entries.get(name.as_bytes()) {
            Some((mode, id)) => Ok(Some((canonical(*mode), *id))),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Home {
        Home { root: "/r/sales".into(), repo: None, prefix: "sales".into() }
    }

    fn refused(paths_given: &[&str]) -> String {
        let changes: Vec<FileChange> = paths_given.iter().map(|p| FileChange::create(*p, "x")).collect();
        paths(&home(), &changes.iter().collect::<Vec<_>>()).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn only_plain_paths_below_the_pipeline_are_written() {
        assert_eq!(refused(&["sales/brief/acme.yaml", "sales/won/2026/b.yaml"]), "");
        for path in [
            "",
            "/etc/passwd",
            "sales/../x.yaml",
            "sales//x.yaml",
            "sales/./x.yaml",
            "sales/.git/config",
            "sales/.GIT/hooks/x",
            "sales/git~1/config",
            "sales/a\\b.yaml",
            "sales/c:x.yaml",
            "sales/new\nline.yaml",
            "sales/dot./x.yaml",
            "sales/blank /x.yaml",
            "hiring/brief/x.yaml",
            "salesforce/x.yaml",
        ] {
            assert_ne!(refused(&[path]), "", "{path:?}");
        }
    }

    #[test]
    fn two_files_of_one_action_may_not_meet() {
        assert!(refused(&["sales/a/x.yaml", "sales/a/x.yaml"]).contains("twice"));
        assert!(refused(&["sales/a/x.yaml", "sales/a/X.yaml"]).contains("twice"));
        assert_eq!(
            refused(&["sales/a/x.yaml", "sales/A/y.yaml"]),
            "sales/A/y.yaml would be the same name as sales/a on systems that ignore case; rename one of them"
        );
    }

    #[test]
    fn names_that_some_file_system_takes_for_one_fold_to_one() {
        assert_eq!(fold("Caf\u{e9}"), fold("cafe\u{301}"));
        assert_ne!(fold("cafe"), fold("caf\u{e9}"));
        assert_eq!(fold("Cafe"), "cafe");
    }

    #[test]
    fn folders_of_an_index_know_their_files_and_folders() {
        let id = ObjectId::from_bytes(&[0; 20]).unwrap();
        let entry =
            |path: &str| Staged { path: path.into(), mode: 0o100_644, id, stage: 0, announced: false, hidden: false };
        let index = [entry("a"), entry("s/b/x"), entry("s/b/y"), entry("s/c")];
        let wanted: HashSet<&str> = ["", "s", "s/b"].into();
        let folders = index_folders(&index, &wanted);
        let shown = |folder: &str| format!("{:?}", folders[folder].exact);
        assert_eq!(shown(""), r#"{"a": false, "s": true}"#);
        assert_eq!(shown("s"), r#"{"b": true, "c": false}"#);
        assert_eq!(shown("s/b"), r#"{"x": false, "y": false}"#);
    }
}
