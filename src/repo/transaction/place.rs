//! Brings the work tree and the index up to the commit.

use std::borrow::Cow;
use std::fs::{Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::FileChange;
use super::fault;
use super::journal::{Entry, Journal, checksum};
use super::objects::{flush, index_line};
use super::scratch::Scratch;
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;
use crate::repo::git::Git;
use crate::repo::snapshot::parse_id;
use crate::repo::worktree::read_steadily;

/// How the name of a file that is being written begins and ends.
pub(super) const TEMP: (&str, &str) = (".tussock-", ".tmp");

/// What could not be done.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// What failed, and may work at another time.
    pub failed: Vec<String>,
    /// What somebody has changed meanwhile, and is left as it is.
    pub foreign: Vec<String>,
}

impl Undone {
    /// Everything, as one sentence.
    pub fn all(&self) -> Vec<&str> {
        self.failed.iter().chain(&self.foreign).map(String::as_str).collect()
    }
}

enum Trouble {
    Foreign,
    Failed(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Failed(error)
    }
}

/// Writes the new files and removes the old ones; `contents` are the bytes of the new files, in the journal's order. A
/// file that is not what was read is left alone. All that was done before is passed over, so that it can be done again.
pub(super) fn update_files(
    workdir: &Path,
    files: &[&Entry],
    contents: &[Cow<'_, [u8]>],
    fsync: bool,
    undone: &mut Undone,
) {
    let mut folders = Vec::new();
    for (file, bytes) in files.iter().zip(contents) {
        match update_file(workdir, file, bytes, fsync) {
            Ok(()) => {}
            Err(Trouble::Foreign) => {
                undone.foreign.push(format!("{} was changed meanwhile and is left as it is", file.path()));
            }
            Err(Trouble::Failed(e)) => undone.failed.push(format!("{}: {e}", file.path())),
        }
        let paths = [&file.old, &file.new].into_iter().flatten().map(|f| workdir.join(&f.path));
        folders.extend(paths.filter_map(|p| p.parent().map(Path::to_owned)));
    }
    folders.sort();
    folders.dedup();
    if fsync {
        for folder in &folders {
            if let Err(e) = fault::reach("flush a folder").and_then(|()| flush(folder)) {
                undone.failed.push(format!("{} could not be flushed: {e}", folder.display()));
            }
        }
    }
}

/// Makes sure for the last time that the files are what the caller has read, and that nothing is where new ones go:
/// hooks may have taken long.
pub(super) fn still_as_read(workdir: &Path, changes: &[&FileChange]) -> Result<(), WriteError> {
    for change in changes {
        let path = |path: &str| workdir.join(path);
        if let Some(before) = &change.before {
            let full = path(&before.path);
            if bytes_at(&full).map_err(WriteError::io("read", &full))?.as_ref() != Some(&before.bytes) {
                return Err(WriteError::Conflict { what: format!("{} was changed", before.path) });
            }
        }
        if let Some(new) = change.after_path().filter(|_| !change.in_place())
            && path(new).symlink_metadata().is_ok()
        {
            return Err(WriteError::Conflict { what: format!("{new} was made by somebody else") });
        }
    }
    Ok(())
}

/// The bytes at a path; `None` where there is nothing.
fn bytes_at(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_steadily(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn update_file(workdir: &Path, file: &Entry, bytes: &[u8], fsync: bool) -> Result<(), Trouble> {
    let sum = |bytes: &[u8]| checksum(bytes).map_err(|e| Trouble::Failed(io::Error::other(e)));
    let old = file.old.as_ref().map(|f| (workdir.join(&f.path), f));
    let like = old.as_ref().and_then(|(path, _)| path.symlink_metadata().ok());
    if let Some(new) = &file.new {
        let path = workdir.join(&new.path);
        let there = bytes_at(&path)?;
        let there_sum = there.as_deref().map(sum).transpose()?;
        let old_sum = file.old.as_ref().map(|f| f.sum.as_str());
        match there_sum {
            Some(found) if found == new.sum => {}
            Some(found) if file.in_place() && Some(found.as_str()) == old_sum => {
                put(&path, new.mode, bytes, like.as_ref(), true, fsync)?;
            }
            Some(_) => return Err(Trouble::Foreign),
            None if file.in_place() => return Err(Trouble::Foreign),
            None => {
                // The old file goes only when the new one is there: where both are missing, somebody else was at work.
                if let Some((old, then)) = &old
                    && bytes_at(old)?.as_deref().map(sum).transpose()?.as_deref() != Some(&then.sum)
                {
                    return Err(Trouble::Foreign);
                }
                put(&path, new.mode, bytes, like.as_ref(), false, fsync)?;
            }
        }
        // What counts is what can be read, not that writing it met no error.
        if bytes_at(&path)?.as_deref() != Some(bytes) {
            return Err(Trouble::Failed(io::Error::other("it reads back as something else than what was written")));
        }
        if file.in_place() {
            return Ok(());
        }
    }
    let Some((path, then)) = old else { return Ok(()) };
    match bytes_at(&path)?.as_deref().map(sum).transpose()? {
        None => Ok(()),
        Some(found) if found == then.sum => {
            fault::reach("remove the old file")?;
            Ok(std::fs::remove_file(&path)?)
        }
        Some(_) => Err(Trouble::Foreign),
    }
}

/// Writes a file beside its place and then names it, so that it is there whole or not at all.
fn put(
    path: &Path,
    mode: u32,
    bytes: &[u8],
    like: Option<&Metadata>,
    replace: bool,
    fsync: bool,
) -> Result<(), Trouble> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    fault::reach("write the new file")?;
    make_folders(folder, fsync)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMP.0).suffix(TEMP.1);
    if let Some(permissions) = fresh(mode) {
        builder.permissions(permissions);
    }
    let mut temp = builder.tempfile_in(folder)?;
    let written = temp
        .write_all(bytes)
        .and_then(|()| like.map_or(Ok(()), |like| temp.as_file().set_permissions(like.permissions())))
        .and_then(|()| if fsync { temp.as_file().sync_all() } else { Ok(()) })
        .and_then(|()| fault::reach("name the new file"));
    if let Err(e) = written {
        if fault::dead() {
            let _ = temp.keep();
        }
        return Err(e.into());
    }
    let kept = if replace { temp.persist(path) } else { temp.persist_noclobber(path) };
    match kept {
        Ok(_) => Ok(fault::reach("have the new file")?),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(Trouble::Foreign),
        Err(e) => Err(e.error.into()),
    }
}

/// Makes a folder with those above it; each new one is flushed into the one that holds it.
fn make_folders(folder: &Path, fsync: bool) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|f| f.symlink_metadata().is_err()).collect();
    std::fs::create_dir_all(folder)?;
    if fsync {
        missing.iter().filter_map(|f| f.parent()).try_for_each(flush)?;
    }
    Ok(())
}

/// The permissions of a new file, less what the user's umask takes away.
#[cfg(unix)]
fn fresh(mode: u32) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(if mode & 0o111 == 0 { 0o666 } else { 0o777 }))
}

#[cfg(not(unix))]
fn fresh(_: u32) -> Option<Permissions> {
    None
}

/// Has git read a sparse index as a whole one: it would else put an entry beside the folder that stands for it.
pub(super) const WHOLE_INDEX: &str = "index.sparse=false";

/// How the index is to be told.
pub(super) enum Telling {
    /// By the files on the disk, from which git would come to the committed blobs by itself: what git remembers of
    /// their times and sizes is set in the same run.
    FromDisk,
    /// By the entries alone, before the files are there.
    Ahead,
    /// By the entries themselves: where filters are at work, or the files are not as they were committed.
    ByEntry,
}

/// Sets the paths of the action in the user's index, and no others. To be called with the lock of the index held.
pub(super) fn update_index(
    git: &Git,
    place: &GitPlace,
    scratch: &Scratch,
    journal: &Journal,
    files: &[&Entry],
    telling: &Telling,
) -> Result<(), WriteError> {
    let draft = draft_index(git, place, scratch, journal, files, telling)?;
    put_index(git, place, &draft)
}

/// Writes down what the user's index shall be: as it is, but for the paths of the action. It is worked on apart and then
/// put into its place in one step, so that nobody sees a half-written index.
pub(super) fn draft_index(
    git: &Git,
    place: &GitPlace,
    scratch: &Scratch,
    journal: &Journal,
    files: &[&Entry],
    telling: &Telling,
) -> Result<PathBuf, WriteError> {
    let index = place.index_file();
    let draft = scratch.file("user-index");
    fault::reach("copy the index").map_err(WriteError::io("copy", &index))?;
    copy_index(&index, &draft).map_err(WriteError::io("copy", &index))?;
    let list =
        |paths: &mut dyn Iterator<Item = &str>| -> Vec<u8> { paths.flat_map(|p| p.bytes().chain([0])).collect() };
    let new = list(&mut files.iter().filter_map(|f| Some(f.new.as_ref()?.path.as_str())));
    let run = |input: &[u8], args: &[&str]| {
        let run = git.command("update-index").plain().writing().apart().env("GIT_INDEX_FILE", &draft);
        run.args(args).stdin(input).bytes().map(drop)
    };
    let by_entry = |info: &[u8]| {
        let run =
            git.command("update-index").plain().writing().apart().config(WHOLE_INDEX).env("GIT_INDEX_FILE", &draft);
        run.args(["-z", "--index-info"]).stdin(info).bytes().map(drop)
    };
    match telling {
        Telling::FromDisk => {
            let old = list(&mut files.iter().filter_map(|f| Some(f.old.as_ref()?.path.as_str())));
            run(&[old, new].concat(), &["--add", "--remove", "-z", "--stdin"])?;
        }
        Telling::Ahead => by_entry(&index_info(journal, files, place.id_len)?)?,
        Telling::ByEntry => {
            by_entry(&index_info(journal, files, place.id_len)?)?;
            // The entries are right; this only lets git know that the files are, too, without reading them. If it
            // fails, git finds out by itself.
            if !new.is_empty() {
                let args = ["--refresh", "--pathspec-from-file=-", "--pathspec-file-nul"];
                let run = git.command("add").plain().writing().apart().env("GIT_INDEX_FILE", &draft);
                run.args(args).stdin(&new).run()?;
            }
        }
    }
    if git.fsync() {
        // Before it is named: a name that reaches the disk ahead of the bytes would be an empty index.
        flush(&draft).map_err(WriteError::io("write", &draft))?;
    }
    Ok(draft)
}

/// Puts a draft in the place of the user's index.
pub(super) fn put_index(git: &Git, place: &GitPlace, draft: &Path) -> Result<(), WriteError> {
    let index = place.index_file();
    let failed = || WriteError::io("replace", &index);
    fault::reach("replace the index").map_err(failed())?;
    match std::fs::rename(draft, &index) {
        Err(e) if e.kind() == io::ErrorKind::CrossesDevices => carry_over(draft, &index, git.fsync()),
        renamed => renamed,
    }
    .and_then(|()| fault::reach("have the new index"))
    .map_err(failed())?;
    if git.fsync() {
        let folder = index.parent().unwrap_or(&place.git_dir);
        flush(folder).map_err(WriteError::io("flush", folder))?;
    }
    Ok(())
}

/// Copies the user's index, with its time: git takes a file that is as old as the index for one that may have changed
/// since, and would trust it wrongly were the index younger.
pub(super) fn copy_index(index: &Path, copy: &Path) -> io::Result<()> {
    let original = match std::fs::File::open(index) {
        Ok(file) => file.metadata()?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    std::fs::copy(index, copy)?;
    std::fs::OpenOptions::new().write(true).open(copy)?.set_modified(original.modified()?)
}

/// Moves an index to another file system, in one visible step.
fn carry_over(from: &Path, to: &Path, fsync: bool) -> io::Result<()> {
    let folder = to.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    let mut temp = tempfile::Builder::new().prefix(TEMP.0).suffix(TEMP.1).tempfile_in(folder)?;
    temp.write_all(&std::fs::read(from)?)?;
    temp.as_file().set_permissions(from.metadata()?.permissions())?;
    temp.as_file().set_modified(from.metadata()?.modified()?)?;
    if fsync {
        temp.as_file().sync_all()?;
    }
    temp.persist(to).map(drop).map_err(|e| e.error)
}

/// What `git update-index -z --index-info` needs to take these files over.
fn index_info(journal: &Journal, files: &[&Entry], id_len: usize) -> Result<Vec<u8>, WriteError> {
    let id = |hex: &str| {
        let bad = || WriteError::Journal { path: "the journal".into(), reason: format!("{hex:?} is no id") };
        parse_id(hex).ok_or_else(bad)
    };
    let mut info = Vec::new();
    for file in files.iter().filter(|f| !f.in_place()) {
        if let Some(old) = &file.old {
            index_line(&mut info, old.path.as_bytes(), None, id_len);
        }
    }
    for new in files.iter().filter_map(|f| f.new.as_ref()) {
        index_line(&mut info, new.path.as_bytes(), Some((new.mode, id(&new.blob)?)), id_len);
    }
    for other in &journal.others {
        let new = other.new.as_ref().map(|(mode, hex)| Ok::<_, WriteError>((*mode, id(hex)?))).transpose()?;
        index_line(&mut info, other.path.as_slice(), new, id_len);
    }
    Ok(info)
}

/// Flushes the folders of a branch and its log.
pub(super) fn flush_refs(git: &Git, place: &GitPlace, branch: &str) -> Result<(), WriteError> {
    if !git.fsync() {
        return Ok(());
    }
    let mut folders = vec![place.common_dir.clone(), place.git_dir.clone(), place.git_dir.join("logs")];
    folders.extend([place.common_dir.join("reftable"), place.git_dir.join("reftable")]);
    for base in [place.common_dir.clone(), place.common_dir.join("logs")] {
        folders.extend(branch.match_indices('/').map(|(i, _)| base.join(&branch[..i])));
    }
    folders.push(place.common_dir.join("reftable"));
    folders.sort();
    folders.dedup();
    // Of the reference files git has flushed the bytes, of the logs it has not.
    let logs = [place.git_dir.join("logs/HEAD"), place.common_dir.join("logs").join(branch)];
    logs.iter().chain(&folders).try_for_each(|f| flush(f)).map_err(WriteError::io("flush", &place.git_dir))
}
