//! Brings the work tree and the index up to the commit.

use std::fs::{Metadata, Permissions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use super::objects::{flush, index_info, index_line};
use super::{ByHook, PlannedFile};
use crate::repo::discover::GitPlace;
use crate::repo::error::{Class, WriteError};
use crate::repo::git::{Git, GitError};
use crate::repo::lock::{PATIENCE, PAUSE};
use crate::repo::worktree::read_steadily;

/// Writes the new files and removes the old ones; returns what could not be done. A file that is not what was read is
/// left alone. All that was done before is passed over, so that it can be done again.
pub(super) fn update_files(workdir: &Path, files: &[PlannedFile<'_>], fsync: bool) -> Vec<String> {
    let mut undone = Vec::new();
    let mut folders = Vec::new();
    for file in files {
        if let Err(e) = update_file(workdir, file, fsync) {
            let path = file.change.after_path().or(file.change.before_path()).unwrap_or_default();
            undone.push(format!("{path}: {e}"));
        }
        let paths = file.change.before_path().into_iter().chain(file.change.after_path());
        folders.extend(paths.filter_map(|p| workdir.join(p).parent().map(Path::to_owned)));
    }
    if fsync {
        folders.sort();
        folders.dedup();
        undone.extend(folders.iter().filter_map(|f| {
            let flushed = flush(f);
            flushed.err().map(|e| format!("{} could not be flushed: {e}", f.display()))
        }));
    }
    undone
}

fn update_file(workdir: &Path, file: &PlannedFile<'_>, fsync: bool) -> io::Result<()> {
    let changed = || io::Error::other("it was changed meanwhile and is left as it is");
    let before = file.change.before.as_ref();
    let old = before.map(|b| workdir.join(&b.path));
    let metadata = old.as_ref().and_then(|p| p.symlink_metadata().ok());
    if let Some(path) = file.change.after_path() {
        let new = workdir.join(path);
        let there = match read_steadily(&new) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let replace = file.change.in_place();
        match there {
            Some(bytes) if bytes == file.bytes => {}
            Some(bytes) if replace && before.is_some_and(|b| b.bytes == bytes) => {
                put(&new, file, metadata.as_ref(), true, fsync)?;
            }
            Some(_) => return Err(changed()),
            None if replace => return Err(changed()),
            None => put(&new, file, metadata.as_ref(), false, fsync)?,
        }
        if replace {
            return Ok(());
        }
    }
    let (Some(before), Some(old)) = (before, old) else { return Ok(()) };
    match read_steadily(&old) {
        Ok(bytes) if bytes == before.bytes => std::fs::remove_file(&old),
        Ok(_) => Err(changed()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Writes a file beside its place and then names it, so that it is there whole or not at all.
fn put(path: &Path, file: &PlannedFile<'_>, like: Option<&Metadata>, replace: bool, fsync: bool) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tussock-").suffix(".tmp");
    if let Some(permissions) = fresh(file.mode) {
        builder.permissions(permissions);
    }
    let mut temp = builder.tempfile_in(folder)?;
    temp.write_all(&file.bytes)?;
    if let Some(like) = like {
        temp.as_file().set_permissions(like.permissions())?;
    }
    if fsync {
        temp.as_file().sync_all()?;
    }
    let kept = if replace { temp.persist(path) } else { temp.persist_noclobber(path) };
    kept.map(drop).map_err(|e| e.error)
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

/// What the index shall say after an action.
pub(super) struct Entries<'a> {
    pub files: &'a [PlannedFile<'a>],
    pub others: &'a [ByHook],
    /// Whether the work tree has all files of the action as they were committed.
    pub as_on_disk: bool,
}

impl Entries<'_> {
    /// Whether git would come to the committed blobs from the files themselves. Not where a filter is at work, and not
    /// where it may think of the line ends of a file that is new to it as others than before.
    fn follow_from_disk(&self) -> bool {
        let plain = |f: &PlannedFile<'_>| f.filter_path.is_none() && !f.bytes.contains(&b'\r') && !f.by_hook;
        self.as_on_disk && self.others.is_empty() && self.files.iter().all(plain)
    }
}

/// Sets the paths of the action in the user's index, and no others. Waits while another git has it.
pub(super) fn update_index(
    git: &Git,
    place: &GitPlace,
    entries: &Entries<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<(), WriteError> {
    let list =
        |paths: &mut dyn Iterator<Item = &str>| -> Vec<u8> { paths.flat_map(|p| p.bytes().chain([0])).collect() };
    let new = list(&mut entries.files.iter().filter_map(|f| f.change.after_path()));
    if entries.follow_from_disk() {
        // One run sets the entries and what git remembers of the files' times and sizes.
        let old = entries.files.iter().filter_map(|f| f.change.before_path());
        let both = [list(&mut old.into_iter()), new].concat();
        write_index(git, &["--add", "--remove", "-z", "--stdin"], &both, tell)?;
    } else {
        let mut info = index_info(entries.files, place.id_len);
        for other in entries.others {
            index_line(&mut info, &other.path, other.new, place.id_len);
        }
        write_index(git, &["-z", "--index-info"], &info, tell)?;
        // The entries are right; this only lets git know that the files are, too, without reading them. If it fails,
        // git finds out by itself.
        if !new.is_empty() {
            let args = ["--refresh", "--pathspec-from-file=-", "--pathspec-file-nul"];
            git.command("add").plain().writing().apart().args(args).stdin(&new).run()?;
        }
    }
    if git.fsync() {
        flush(&place.git_dir).map_err(WriteError::io("flush", &place.git_dir))?;
    }
    Ok(())
}

/// Runs `git update-index`, again while another git has the index.
fn write_index(git: &Git, args: &[&str], input: &[u8], tell: &mut dyn FnMut(&str)) -> Result<(), WriteError> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let ran = git.command("update-index").plain().writing().apart().args(args).stdin(input).run()?;
        if ran.ok {
            return Ok(());
        }
        let failed = GitError::Failed { command: "git update-index".to_owned(), stderr: ran.err };
        if failed.class() != Class::Locked || begun.elapsed() > PATIENCE {
            return Err(failed.into());
        }
        if !told {
            told = true;
            tell("waiting for another git to finish with the index");
        }
        std::thread::sleep(PAUSE);
    }
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
    folders.sort();
    folders.dedup();
    folders.iter().try_for_each(|f| flush(f)).map_err(WriteError::io("flush", &place.git_dir))
}
