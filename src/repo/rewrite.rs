//! Changes files of the work tree that are not committed along: beside their place and then named, so that no reader
//! sees half a file.

use std::io::{self, Write};
use std::path::Path;

use super::error::Class;
use super::worktree::{plain_path, read_steadily};

/// A file that is to change.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// Path below the root.
    pub path: &'a str,
    /// What was read there; `None` for a file that is not there yet.
    pub was: Option<&'a [u8]>,
    /// What it is to hold.
    pub becomes: &'a [u8],
}

/// Why a file was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The file is no longer what was read.
    #[error("{path} was changed since it was read, so it is left as it is; run the command again")]
    Changed {
        /// Which, below the root.
        path: String,
    },
    /// The file system failed, or the path leads over a link.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file, below the root.
        path: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl RewriteError {
    /// What kind of error it is.
    pub fn class(&self) -> Class {
        match self {
            RewriteError::Changed { .. } => Class::NotInState,
            RewriteError::Io { .. } => Class::Io,
        }
    }
}

/// Changes files below a folder. All are looked at before the first is changed. Files keep their mode; a link, or a
/// folder that is one, is never followed. `done` is told of each file that was changed.
///
/// # Errors
/// When a file is not what was read any more, or cannot be written. Files before it are changed then, those after it are
/// not.
pub fn rewrite(root: &Path, files: &[Rewrite<'_>], done: &mut dyn FnMut(&str)) -> Result<(), RewriteError> {
    for file in files {
        look(root, file)?;
    }
    for file in files {
        write(root, file)?;
        done(file.path);
    }
    Ok(())
}

fn failed(doing: &'static str, path: &str) -> impl FnOnce(io::Error) -> RewriteError {
    let path = path.to_owned();
    move |source| RewriteError::Io { doing, path, source }
}

/// Makes sure that a file is what was read, or is not there where nothing was.
fn look(root: &Path, file: &Rewrite<'_>) -> Result<(), RewriteError> {
    let now = match plain_path(root, file.path).and_then(|full| read_steadily(&full)) {
        Ok(now) => Some(now),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(failed("read", file.path)(e)),
    };
    if now.as_deref() == file.was { Ok(()) } else { Err(RewriteError::Changed { path: file.path.to_owned() }) }
}

fn write(root: &Path, file: &Rewrite<'_>) -> Result<(), RewriteError> {
    let path = file.path;
    if file.was.is_none()
        && let Some((folder, _)) = path.rsplit_once('/')
    {
        make_folders(root, folder).map_err(failed("make the folder of", path))?;
    }
    let full = plain_path(root, path).map_err(failed("write", path))?;
    let folder = full.parent().unwrap_or(root);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tussock-").suffix(".tmp");
    // The mask of the user takes away from a new file what it takes from others.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temp = builder.tempfile_in(folder).map_err(failed("write", path))?;
    temp.write_all(file.becomes).map_err(failed("write", path))?;
    if file.was.is_some() {
        let mode = full.symlink_metadata().map_err(failed("read", path))?.permissions();
        temp.as_file().set_permissions(mode).map_err(failed("write", path))?;
    }
    temp.as_file().sync_all().map_err(failed("write", path))?;
    // Whoever saved the file meanwhile is not overwritten.
    look(root, file)?;
    match file.was {
        Some(_) => temp.persist(&full),
        None => temp.persist_noclobber(&full),
    }
    .map(drop)
    .map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => RewriteError::Changed { path: path.to_owned() },
        _ => failed("write", path)(e.error),
    })
}

/// Makes the folders of a plain path, over none that is a link.
fn make_folders(root: &Path, folder: &str) -> io::Result<()> {
    for (end, _) in folder.match_indices('/').chain([(folder.len(), "")]) {
        // The path of something inside, so that the folder itself is looked at too.
        let inner = format!("{}/x", folder.get(..end).unwrap_or(folder));
        match plain_path(root, &inner) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir(root.join(folder.get(..end).unwrap_or(folder)))?
            }
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn change(root: &Path, path: &str, was: Option<&str>, becomes: &str) -> Result<(), RewriteError> {
        let file = Rewrite { path, was: was.map(str::as_bytes), becomes: becomes.as_bytes() };
        rewrite(root, &[file], &mut |_| {})
    }

    #[test]
    fn a_file_keeps_its_mode_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::write(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        change(dir.path(), "a.yaml", Some("one"), "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_gets_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        change(dir.path(), "a/b/.gitkeep", None, "").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a/b/.gitkeep")).unwrap(), "");
    }

    #[test]
    fn what_was_changed_meanwhile_stays_and_so_does_every_file_before_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::write(dir.path().join(name), "mine").unwrap();
        }
        let file = |path, was: Option<&'static [u8]>| Rewrite { path, was, becomes: b"new" };
        for wrong in [file("b", Some(b"other")), file("c", None), file("gone", Some(b"x"))] {
            let error = rewrite(dir.path(), &[file("a", Some(b"mine")), wrong], &mut |_| panic!("nothing is done"));
            assert_eq!(error.unwrap_err().class(), Class::NotInState);
        }
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "mine");
    }

    #[test]
    fn no_link_is_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("t");
        fs::write(&target, "theirs").unwrap();
        symlink(&target, dir.path().join("file")).unwrap();
        symlink(outside.path(), dir.path().join("folder")).unwrap();
        for (path, was) in
            [("file", Some("theirs")), ("folder/t", Some("theirs")), ("folder/new", None), ("folder/a/new", None)]
        {
            assert!(change(dir.path(), path, was, "ours").is_err(), "{path}");
        }
        assert!(change(dir.path(), "../t", None, "x").is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
}
