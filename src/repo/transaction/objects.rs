//! Blobs, trees and commits of an action. Nothing refers to them until the branch is moved.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::place::{WHOLE_INDEX, copy_index};
use super::scratch::Scratch;
use super::{ByHook, FileChange, PlannedFile};
use crate::repo::discover::GitPlace;
use crate::repo::engine::refs::{object_id, oid};
use crate::repo::engine::{Kind, Repository};
use crate::repo::error::WriteError;
use crate::repo::git::{Git, GitError};
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::parse_id;
use crate::repo::state::Ready;

/// How often a commit is written while git's housekeeping removes the folder that it is to be in.
const WRITES: usize = 5;

/// The attributes that change bytes on their way into a blob.
const ATTRIBUTES: [&str; 6] = ["text", "crlf", "eol", "filter", "ident", "working-tree-encoding"];

/// The bytes of a SHA-1 id, the only ones that this process can compute.
const SHA1: usize = 20;

/// Up to so many paths are asked one by one in this process: dearer for one, but git need not be started.
const FEW: usize = 16;

/// Which files git would not store as they are.
pub(super) struct Filters {
    line_ends_by_default: bool,
    attributes: HashMap<String, Values>,
}

/// The value of each of [`ATTRIBUTES`] as `git check-attr` prints it.
type Values = [String; ATTRIBUTES.len()];

impl Filters {
    /// Reads the attributes of all paths of an action.
    pub fn read(git: &Git, ready: &Ready, changes: &[&FileChange]) -> Result<Filters, WriteError> {
        let paths = changes.iter().flat_map(|c| c.before_path().into_iter().chain(c.after_path()));
        let paths: BTreeSet<&str> = paths.collect();
        let attributes = match paths.len() {
            // Where libgit2 cannot read the index, which may hold attributes, git can.
            0..=FEW => match ready.repo.attributes(&paths, &ATTRIBUTES) {
                Some(attributes) => attributes.into_iter().collect(),
                None => attributes_by_program(git, &paths)?,
            },
            _ => attributes_by_program(git, &paths)?,
        };
        let settings = &ready.settings;
        let converts = settings.yes("core.autocrlf")
            || settings.text("core.autocrlf").is_some_and(|v| v.eq_ignore_ascii_case("input"));
        Ok(Filters { line_ends_by_default: converts, attributes })
    }

    /// Whether git would store these bytes otherwise. `crlf_stored`: the file's blob has such line ends already, which
    /// git then keeps wherever it only guesses that the file is a text.
    fn changes(&self, path: &str, bytes: &[u8], crlf_stored: bool) -> bool {
        let Some(values) = self.attributes.get(path) else { return false };
        let [text, crlf, eol, filter, ident, encoding] =
            values.each_ref().map(|v| if v == "unspecified" { "" } else { v.as_str() });
        let on = |value: &str| !matches!(value, "" | "unset");
        let line_ends = match (if text.is_empty() { crlf } else { text }, eol) {
            ("unset", _) => false,
            ("auto", _) => !crlf_stored,
            ("", "" | "unset") => self.line_ends_by_default && !crlf_stored,
            _ => true,
        };
        on(filter) || on(ident) || on(encoding) || (line_ends && bytes.contains(&b'\r'))
    }

    /// The path itself, when its attributes say that the bytes are not the blob.
    pub fn own<'a>(&self, path: &'a str, bytes: &[u8], crlf_stored: bool) -> Option<&'a str> {
        Some(path).filter(|p| self.changes(p, bytes, crlf_stored))
    }
}

fn attributes_by_program(git: &Git, paths: &BTreeSet<&str>) -> Result<HashMap<String, Values>, GitError> {
    let input: Vec<u8> = paths.iter().flat_map(|p| p.bytes().chain([0])).collect();
    let run = git.command("check-attr").reading().args(["-z", "--stdin"]).args(ATTRIBUTES).stdin(&input);
    let out = run.bytes()?;
    let fields: Vec<_> = out.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
    let mut attributes: HashMap<String, Values> = HashMap::new();
    for triple in fields.chunks_exact(3) {
        let [path, name, value] = triple else { continue };
        let values = attributes.entry(path.to_string()).or_default();
        for (slot, _) in values.iter_mut().zip(ATTRIBUTES).filter(|(_, known)| known == name) {
            *slot = value.to_string();
        }
    }
    Ok(attributes)
}

/// Whether some bytes, filtered by the attributes of a path where one is given, are a blob.
pub(super) fn is_blob(
    git: &Git,
    repo: &Repository,
    filter_path: Option<&str>,
    bytes: &[u8],
    id: ObjectId,
) -> Result<bool, WriteError> {
    match filter_path {
        Some(path) => Ok(hash_object(git, &[&format!("--path={path}")], bytes)? == id),
        None => is_raw_blob(repo, bytes, id),
    }
}

/// Whether some bytes are a blob as they are.
fn is_raw_blob(repo: &Repository, bytes: &[u8], id: ObjectId) -> Result<bool, WriteError> {
    if id.as_bytes().len() == SHA1 {
        let raw = git2::Oid::hash_object(git2::ObjectType::Blob, bytes).map_err(WriteError::reading("hash a file"))?;
        return Ok(object_id(raw)? == id);
    }
    // The other hash is known to git alone; to compare the bytes says the same.
    let reading = WriteError::object(format!("read git object {id}"));
    let blob = repo.read_up_to(id, Kind::Blob, bytes.len() as u64).map_err(reading)?;
    Ok(blob.as_deref() == Some(bytes))
}

/// Writes some bytes as a blob, filtered by the attributes of a path where one is given.
fn write_blob(git: &Git, repo: &Repository, filter_path: Option<&str>, bytes: &[u8]) -> Result<ObjectId, WriteError> {
    let filter = filter_path.map_or_else(|| "--no-filters".to_owned(), |path| format!("--path={path}"));
    let id = hash_object(git, &["-w", &filter], bytes)?;
    if filter_path.is_none() && !is_raw_blob(repo, bytes, id)? {
        return Err(not_what_was_written(id));
    }
    Ok(id)
}

fn hash_object(git: &Git, args: &[&str], bytes: &[u8]) -> Result<ObjectId, WriteError> {
    let run = git.command("hash-object").plain().writing().args(["--stdin"]).args(args).stdin(bytes);
    id_of(run.line()?, "git hash-object")
}

fn id_of(text: String, command: &str) -> Result<ObjectId, WriteError> {
    parse_id(&text).ok_or_else(|| GitError::Answer { command: command.to_owned(), answer: text }.into())
}

fn not_what_was_written(id: ObjectId) -> WriteError {
    let source = std::io::Error::other("it reads back as something else than what was written");
    WriteError::Io { doing: format!("use git object {id}"), source }
}

/// Writes the objects of one action.
pub(super) struct Store<'a> {
    pub git: &'a Git,
    pub place: &'a GitPlace,
    pub ready: &'a Ready,
    pub scratch: &'a Scratch,
    /// Whether plain blobs and trees are written by libgit2: the same bytes, without starting git.
    pub in_process: bool,
}

impl Store<'_> {
    /// Writes the blobs that are not there yet. All that need no filter go in one run of git.
    pub fn write_blobs<'c>(&self, mut files: Vec<PlannedFile<'c>>) -> Result<Vec<PlannedFile<'c>>, WriteError> {
        let mut plain = Vec::new();
        for file in files.iter_mut().filter(|f| f.new.is_none() && f.change.after.is_some()) {
            if file.filter_path.is_some() {
                file.new = Some(write_blob(self.git, &self.ready.repo, file.filter_path, &file.bytes)?);
            } else {
                plain.push(file);
            }
        }
        if let Some(library) = self.in_process() {
            let writing = || WriteError::reading("write a blob");
            let odb = library.odb().map_err(writing())?;
            for file in plain {
                let id = unless_swept(|| odb.write(git2::ObjectType::Blob, &file.bytes)).map_err(writing())?;
                file.new = Some(object_id(id)?);
            }
            return Ok(files);
        }
        if let [file] = plain.as_mut_slice() {
            file.new = Some(write_blob(self.git, &self.ready.repo, None, &file.bytes)?);
            return Ok(files);
        }
        if plain.is_empty() {
            return Ok(files);
        }
        let mut input = Vec::new();
        for (i, file) in plain.iter().enumerate() {
            let path = self.scratch.file(&format!("blob-{i}"));
            std::fs::write(&path, &file.bytes).map_err(WriteError::io("write", &path))?;
            input.extend(quoted(&path));
            input.push(b'\n');
        }
        let run = self.git.command("hash-object").plain().writing();
        let out = run.args(["-w", "--no-filters", "--stdin-paths"]).stdin(&input).line()?;
        let mut ids = out.lines();
        for file in plain {
            let id = id_of(ids.next().unwrap_or_default().to_owned(), "git hash-object")?;
            if !is_raw_blob(&self.ready.repo, &file.bytes, id)? {
                return Err(not_what_was_written(id));
            }
            file.new = Some(id);
        }
        Ok(files)
    }

    /// Writes the tree of HEAD with the files of the action.
    pub fn write_tree(&self, files: &[PlannedFile<'_>]) -> Result<ObjectId, WriteError> {
        match self.in_process() {
            Some(library) => self.write_tree_in_process(library, files),
            None => self.write_tree_through_index(files),
        }
        .map_err(|error| self.or_what_is_empty(error))
    }

    /// An object without bytes, where there is one, as the reason of an error: libgit2 and git name neither the object
    /// nor what mends it.
    fn or_what_is_empty(&self, error: WriteError) -> WriteError {
        let objects = self.place.common_dir.join("objects");
        let is_object = |name: &str| name.len() > 2 && name.bytes().all(|b| b.is_ascii_hexdigit());
        for folder in std::fs::read_dir(&objects).into_iter().flatten().flatten() {
            for item in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let named = item.file_name().to_str().is_some_and(is_object);
                if let (true, Err(why)) = (named, not_empty(&item.path())) {
                    return why;
                }
            }
        }
        error
    }

    /// The repository, where this process writes to it itself.
    fn in_process(&self) -> Option<&git2::Repository> {
        self.ready.repo.library().filter(|_| self.in_process)
    }

    fn write_tree_in_process(
        &self,
        repo: &git2::Repository,
        files: &[PlannedFile<'_>],
    ) -> Result<ObjectId, WriteError> {
        let writing = || WriteError::reading("write the tree");
        let base = match self.head_tree()? {
            Some(id) => oid(id)?,
            None => repo.treebuilder(None).and_then(|b| b.write()).map_err(writing())?,
        };
        let base = repo.find_tree(base).map_err(writing())?;
        let mut update = git2::build::TreeUpdateBuilder::new();
        for path in files.iter().filter(|f| f.in_head && !f.change.in_place()).filter_map(|f| f.change.before_path()) {
            update.remove(path);
        }
        for file in files {
            if let (Some(path), Some(id)) = (file.change.after_path(), file.new) {
                let executable = file.mode & 0o111 != 0;
                let mode = if executable { git2::FileMode::BlobExecutable } else { git2::FileMode::Blob };
                update.upsert(path, oid(id)?, mode);
            }
        }
        object_id(unless_swept(|| update.create_updated(repo, &base)).map_err(writing())?).map_err(Into::into)
    }

    /// Makes an index of its own for the commit, which hooks can look at, and writes its tree.
    fn write_tree_through_index(&self, files: &[PlannedFile<'_>]) -> Result<ObjectId, WriteError> {
        let index = self.scratch.index();
        let users = self.place.index_file();
        // Begun from the user's, so that what it knows of unchanged files and folders needs not be found out again.
        copy_index(&users, &index).map_err(WriteError::io("copy", &users))?;
        let run = self.git.command("read-tree").plain().env("GIT_INDEX_FILE", &index);
        match self.ready.head {
            Some(head) => run.args(["--reset", &head.to_string()]).bytes()?,
            None => run.args(["--empty"]).bytes()?,
        };
        let input = index_info(files, self.place.id_len);
        let run = self.git.command("update-index").plain().config(WHOLE_INDEX).env("GIT_INDEX_FILE", &index);
        run.args(["-z", "--index-info"]).stdin(&input).bytes()?;
        self.tree_of_index()
    }

    /// Writes the tree of the commit's own index.
    pub fn tree_of_index(&self) -> Result<ObjectId, WriteError> {
        let run = self.git.command("write-tree").plain().writing().env("GIT_INDEX_FILE", self.scratch.index());
        id_of(run.line()?, "git write-tree")
    }

    /// The tree of HEAD; `None` before the first commit.
    pub fn head_tree(&self) -> Result<Option<ObjectId>, WriteError> {
        let Some(head) = self.ready.head else { return Ok(None) };
        let commit = self.ready.repo.commit(head).map_err(WriteError::object("read the commit of HEAD"))?;
        Ok(Some(commit.tree))
    }

    /// Takes over what a hook has changed between two trees: into the files of the action where it is theirs. Other
    /// paths are returned, those that the user has staged changes of left out.
    pub fn changed_by_hook(
        &self,
        tree: &ObjectId,
        after: &ObjectId,
        files: &mut [PlannedFile<'_>],
    ) -> Result<Vec<ByHook>, WriteError> {
        if tree == after {
            return Ok(Vec::new());
        }
        let run = self.git.command("diff-tree").reading().args(["-r", "-z", "--raw", "--no-renames"]);
        let out = run.args([tree.to_string(), after.to_string()]).bytes()?;
        let ours: HashMap<Vec<u8>, usize> = files
            .iter()
            .enumerate()
            .filter_map(|(at, f)| Some((f.change.after_path()?.as_bytes().to_vec(), at)))
            .collect();
        // Of the files that the action takes away it is known that nothing of them is staged.
        let taken: BTreeSet<Vec<u8>> =
            files.iter().filter_map(|f| Some(f.change.before_path()?.as_bytes().to_vec())).collect();
        let staged: HashMap<&[u8], (u32, ObjectId)> =
            self.ready.index.iter().map(|e| (&*e.path, (e.mode, e.id))).collect();
        let mut others = Vec::new();
        let mut fields = out.split(|b| *b == 0);
        while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
            let shown = String::from_utf8_lossy(head).into_owned();
            let words: Vec<&str> = shown.trim_start_matches(':').split(' ').collect();
            let [old_mode, mode, old_id, id, status] = words.as_slice() else {
                return Err(GitError::Answer { command: "git diff-tree".into(), answer: shown }.into());
            };
            let entry = |mode: &str, id: &str| -> Result<(u32, ObjectId), WriteError> {
                Ok((u32::from_str_radix(mode, 8).unwrap_or_default(), id_of(id.to_owned(), "git diff-tree")?))
            };
            let new = if *status == "D" { None } else { Some(entry(mode, id)?) };
            if let Some(file) = ours.get(path).and_then(|at| files.get_mut(*at)) {
                self.take_over(file, new)?;
                continue;
            }
            // Beside the action's files, the tree that the hook saw is that of HEAD.
            let in_head = if *status == "A" { None } else { Some(entry(old_mode, old_id)?) };
            if taken.contains(path) || in_head == staged.get(path).copied() {
                others.push(ByHook { path: path.to_vec(), old: in_head, new });
            }
        }
        Ok(others)
    }

    /// Lets a hook's version of a file be the one that is committed and written.
    fn take_over(&self, file: &mut PlannedFile<'_>, new: Option<(u32, ObjectId)>) -> Result<(), WriteError> {
        let path = file.change.after_path().unwrap_or_default();
        let Some((mode, id)) = new else {
            let output = format!("it took {path} out of the commit");
            return Err(WriteError::Rejected { by: "the pre-commit hook".to_owned(), output });
        };
        let run = self.git.command("cat-file").reading();
        let bytes = run.args(["--filters".to_owned(), format!("--path={path}"), id.to_string()]).bytes()?;
        (file.mode, file.new, file.bytes, file.by_hook) = (mode, Some(id), bytes, true);
        Ok(())
    }

    /// Writes the commit, signed where the user wants that, and reads it back.
    pub fn write_commit(&self, tree: &ObjectId, message: &str, date: Option<&str>) -> Result<ObjectId, WriteError> {
        let sign = self.ready.settings.yes("commit.gpgsign");
        let parent = self.ready.head.map(|head| head.to_string());
        let attempt = || {
            // The message is UTF-8 whatever the configuration says of the user's own.
            let mut run = self.git.command("commit-tree").writing().config("i18n.commitEncoding=UTF-8");
            if let Some(date) = date {
                run = run.env("GIT_AUTHOR_DATE", date);
            }
            run = run.args(sign.then_some("-S")).args(parent.iter().flat_map(|id| ["-p", id]));
            run.args([tree.to_string()]).stdin(message.as_bytes()).run()
        };
        let mut ran = attempt()?;
        for _ in 1..WRITES {
            if ran.ok || !swept_away(&ran.err) {
                break;
            }
            ran = attempt()?;
        }
        if !ran.ok && sign {
            return Err(WriteError::Rejected { by: "the program that signs commits".to_owned(), output: ran.err });
        }
        if !ran.ok {
            return Err(GitError::Failed { command: "git commit-tree".to_owned(), stderr: ran.err }.into());
        }
        let id = id_of(String::from_utf8_lossy(&ran.out).trim().to_owned(), "git commit-tree")?;
        let commit = self.ready.repo.commit(id).map_err(WriteError::object("read back the commit"))?;
        let expected: Vec<ObjectId> = self.ready.head.into_iter().collect();
        if commit.tree != *tree || commit.parents != expected {
            return Err(not_what_was_written(id));
        }
        Ok(id)
    }

    /// The objects that the action brings, with their kinds: the commit, the folders that it changes, and files with
    /// new content.
    fn brought(
        &self,
        tree: &ObjectId,
        commit: ObjectId,
        files: &[PlannedFile<'_>],
    ) -> Result<Vec<(ObjectId, Kind)>, WriteError> {
        let mut ids = vec![(*tree, Kind::Tree), (commit, Kind::Commit)];
        let new = |f: &PlannedFile<'_>| f.new.filter(|new| f.old.is_none_or(|(_, old)| old != *new));
        ids.extend(files.iter().filter_map(new).map(|id| (id, Kind::Blob)));
        let objects = self.place.common_dir.join("objects");
        ids.iter().try_for_each(|(id, _)| not_empty(&object_file(&objects, id)))?;
        let mut folders: Vec<&str> = files
            .iter()
            .flat_map(|f| f.change.before_path().into_iter().chain(f.change.after_path()))
            .flat_map(|p| p.match_indices('/').map(|(i, _)| &p[..i]))
            .collect();
        folders.sort_unstable();
        folders.dedup();
        for folder in folders {
            // A folder that the action emptied is not in the tree.
            let entry = self.ready.repo.entry(*tree, folder).map_err(WriteError::object("read back the tree"))?;
            ids.extend(entry.map(|(_, id)| (id, Kind::Tree)));
        }
        Ok(ids)
    }

    /// Makes sure that the objects of the action stay, and flushes them with the folders that name them: git flushes
    /// files, but not folders.
    ///
    /// An object that is there already, from an earlier try or an action that was undone, may be in a pack of things
    /// that nothing refers to. Whoever packs just then may throw that pack away before the branch refers to it. A file
    /// of its own is thrown away by nobody.
    pub fn keep(&self, tree: &ObjectId, commit: ObjectId, files: &[PlannedFile<'_>]) -> Result<(), WriteError> {
        let objects = self.place.common_dir.join("objects");
        let mut folders = vec![objects.clone()];
        for (id, kind) in self.brought(tree, commit, files)? {
            let file = object_file(&objects, &id);
            let folder = file.parent().unwrap_or(&objects).to_owned();
            not_empty(&file)?;
            if file.symlink_metadata().is_err() {
                self.put_beside_packs(id, kind, &folder, &file)?;
            }
            if self.git.fsync() {
                // git has flushed what it wrote; flushing it again costs nothing.
                flush(&file).map_err(WriteError::io("flush", &folder))?;
            }
            folders.push(folder);
        }
        if self.git.fsync() {
            folders.sort();
            folders.dedup();
            folders.iter().try_for_each(|f| flush(f)).map_err(WriteError::io("flush", &objects))?;
        }
        Ok(())
    }

    /// Gives an object that is in a pack a file of its own. git would not write what it has, so it writes into a store
    /// that has nothing.
    fn put_beside_packs(&self, id: ObjectId, kind: Kind, folder: &Path, file: &Path) -> Result<(), WriteError> {
        let bytes = self.ready.repo.read(id, kind).map_err(WriteError::object("read back what was written"))?;
        let store = self.scratch.file("objects");
        std::fs::create_dir_all(&store).map_err(WriteError::io("create", &store))?;
        let run = self.git.command("hash-object").plain().writing().env("GIT_OBJECT_DIRECTORY", &store);
        let args = ["-w", "--literally", "--stdin", "-t", kind.name()];
        let written = id_of(run.args(args).stdin(&bytes).line()?, "git hash-object")?;
        if written != id {
            return Err(not_what_was_written(id));
        }
        let made = object_file(&store, &id);
        let into_place = || {
            std::fs::create_dir_all(folder).map_err(WriteError::io("create", folder))?;
            std::fs::rename(&made, file).map_err(WriteError::io("write", file))
        };
        let mut moved = into_place();
        // Housekeeping may remove the folder between the two.
        for _ in 1..WRITES {
            if moved.is_ok() || !made.exists() || folder.exists() {
                break;
            }
            moved = into_place();
        }
        moved
    }
}

/// Whether an object could not be written because its folder was there and then was not: packing removes folders of
/// objects that are empty by then, also those that somebody is about to write into.
fn swept_away(told: &str) -> bool {
    let missing = told.contains("No such file or directory");
    missing && (told.contains("unable to create temporary file") || told.contains("failed to rename lockfile"))
}

/// Does something again when housekeeping has removed a folder in the middle of it.
fn unless_swept<T>(mut write: impl FnMut() -> Result<T, git2::Error>) -> Result<T, git2::Error> {
    let mut written = write();
    for _ in 1..WRITES {
        match &written {
            Err(e) if swept_away(e.message()) => written = write(),
            _ => break,
        }
    }
    written
}

/// What `git update-index -z --index-info` needs to take the files of an action over.
fn index_info(files: &[PlannedFile<'_>], id_len: usize) -> Vec<u8> {
    let mut info = Vec::new();
    for path in files.iter().filter(|f| f.in_head && !f.change.in_place()).filter_map(|f| f.change.before_path()) {
        index_line(&mut info, path.as_bytes(), None, id_len);
    }
    for file in files {
        if let (Some(path), Some(id)) = (file.change.after_path(), file.new) {
            index_line(&mut info, path.as_bytes(), Some((file.mode, id)), id_len);
        }
    }
    info
}

/// One line of `--index-info`: an entry, or the removal of one. Ids have `id_len` bytes here, and git wants as many
/// zeros for no object.
pub(super) fn index_line(info: &mut Vec<u8>, path: &[u8], entry: Option<(u32, ObjectId)>, id_len: usize) {
    let head = match entry {
        Some((mode, id)) => format!("{mode:o} {id}\t"),
        None => format!("0 {}\t", "0".repeat(2 * id_len)),
    };
    info.extend_from_slice(head.as_bytes());
    info.extend_from_slice(path);
    info.push(0);
}

/// Where an object is that is not in a pack.
fn object_file(objects: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    objects.join(&name[..2]).join(&name[2..])
}

/// Holds that an object has bytes. An earlier write may have left the name and lost the bytes in a power cut, and then
/// both git and libgit2 take the object for written already.
fn not_empty(path: &Path) -> Result<(), WriteError> {
    if path.metadata().is_ok_and(|found| found.len() == 0) {
        let why = "it is empty, which a power cut can leave; `tussock doctor --yes` removes it, then try again";
        return Err(WriteError::io("use the object", path)(std::io::Error::other(why)));
    }
    Ok(())
}

/// Flushes a file, or what a folder says about its files. What is not there has nothing to flush.
#[cfg(unix)]
pub(super) fn flush(path: &Path) -> std::io::Result<()> {
    match std::fs::File::open(path) {
        Ok(file) => file.sync_all(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Neither folders nor read-only files can be flushed here; git flushes what it writes.
#[cfg(not(unix))]
pub(super) fn flush(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// A path as git reads it from a list of lines: in quotes, with everything unusual escaped.
fn quoted(path: &Path) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend(format!("\\{byte:03o}").into_bytes()),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(values: [&str; 6], line_ends_by_default: bool) -> Filters {
        let attributes = [("x".to_owned(), values.map(str::to_owned))].into();
        Filters { line_ends_by_default, attributes }
    }

    #[test]
    fn bytes_are_filtered_only_where_git_would_change_them() {
        let none = ["unspecified"; 6];
        let with = |i: usize, value: &'static str| {
            let mut values = none;
            values[i] = value;
            values
        };
        assert!(!filters(none, false).changes("x", b"a\r\n", false));
        assert!(filters(none, true).changes("x", b"a\r\n", false));
        assert!(!filters(none, true).changes("x", b"a\n", false));
        assert!(!filters(with(0, "unset"), true).changes("x", b"a\r\n", false));
        assert!(filters(with(0, "auto"), false).changes("x", b"a\r\n", false));
        assert!(!filters(with(0, "auto"), false).changes("x", b"a\r\n", true));
        assert!(!filters(none, true).changes("x", b"a\r\n", true));
        assert!(filters(with(2, "crlf"), true).changes("x", b"a\r\n", true));
        assert!(filters(with(2, "crlf"), false).changes("x", b"a\r\n", false));
        assert!(filters(with(3, "lfs"), false).changes("x", b"a\n", false));
        assert!(filters(with(4, "set"), false).changes("x", b"a\n", false));
        assert!(filters(with(5, "UTF-16"), false).changes("x", b"a\n", false));
    }

    #[test]
    fn paths_are_quoted_for_lists_of_lines() {
        assert_eq!(quoted(Path::new("/a b/c\"d\\e\nf")), br#""/a b/c\"d\\e\012f""#);
        assert_eq!(quoted(Path::new("/\u{e9}")), br#""/\303\251""#);
    }
}
