//! A folder for what is only needed until the commit is made.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::fault;
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;

/// How the names of scratch folders begin.
const PREFIX: &str = "tx-";

/// The folder of git's own in which tussock keeps what is of one work tree.
pub(super) fn state_folder(place: &GitPlace) -> PathBuf {
    place.git_dir.join("tussock")
}

/// A folder below git's own; removed with all it holds.
pub(super) struct Scratch {
    /// There until it is dropped.
    dir: Option<tempfile::TempDir>,
    path: PathBuf,
}

impl Scratch {
    /// A new one. To be called with the lock held.
    pub fn new(place: &GitPlace) -> Result<Scratch, WriteError> {
        let folder = state_folder(place);
        std::fs::create_dir_all(&folder).map_err(WriteError::io("create", &folder))?;
        remove_old(&folder)?;
        let making = || WriteError::io("create a folder in", &folder);
        fault::reach("make the scratch folder").map_err(making())?;
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&folder).map_err(making())?;
        Ok(Scratch { path: dir.path().to_owned(), dir: Some(dir) })
    }

    /// Its name in the folder that holds it.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Flushes what the folder says about its files.
    pub fn flush(&self) -> std::io::Result<()> {
        super::objects::flush(&self.path)
    }

    /// Leaves the folder where it is: the journal counts on what is in it.
    pub fn stay(mut self) {
        if let Some(dir) = self.dir.take() {
            let _ = dir.keep();
        }
    }

    /// The index that only this commit sees.
    pub fn index(&self) -> PathBuf {
        self.file("index")
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(dir) = self.dir.take().filter(|_| fault::dead()) {
            let _ = dir.keep();
        }
    }
}

/// Removes the folders of processes that died: the caller holds the lock, so no living one has any.
pub(super) fn remove_old(folder: &Path) -> Result<(), WriteError> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(WriteError::io("list", folder)(e)),
    };
    for item in listed {
        let item = item.map_err(WriteError::io("list", folder))?;
        if item.file_name().to_string_lossy().starts_with(PREFIX) {
            match std::fs::remove_dir_all(item.path()) {
                // A git that outlived its tussock may still be writing there. It is in nobody's way, and gone next time.
                Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
                    return Err(WriteError::io("remove", &item.path())(e));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether there is any scratch folder, of a living process or a dead one.
pub(super) fn any(place: &GitPlace) -> bool {
    let listed = std::fs::read_dir(state_folder(place)).into_iter().flatten();
    listed.flatten().any(|item| item.file_name().to_string_lossy().starts_with(PREFIX))
}
