//! The user's index as it is while the branch moves: already the new one, with the old one at hand.
//!
//! The index goes before the branch, and its lock is held over both. A `git commit` beside us reads first the branch,
//! then the index, and only then takes the lock. With the index last it could read the new branch and the old index,
//! wait until we are done, and commit the move away again. With the index first it has an old branch whenever it has an
//! old index, and then git refuses it.

use std::io;
use std::path::{Path, PathBuf};

use super::fault;
use super::journal::IndexThen;
use super::place;
use super::scratch::{Scratch, state_folder};
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;
use crate::repo::git::Git;
use crate::repo::state::IndexStamp;

/// The name of the saved index in the scratch folder.
const SAVED: &str = "index-before";

/// The old index and the new one.
pub(super) struct Exchange {
    draft: PathBuf,
    saved: Option<PathBuf>,
    /// Where the journal finds the saved one, below the folder that holds the journal.
    name: String,
}

impl Exchange {
    /// Saves the old index beside the draft of the new one. Nothing has changed yet.
    pub fn prepare(git: &Git, place: &GitPlace, scratch: &Scratch, draft: PathBuf) -> Result<Exchange, WriteError> {
        let index = place.index_file();
        let copy = scratch.file(SAVED);
        let saving = || WriteError::io("save", &index);
        fault::reach("save the index").map_err(saving())?;
        let saved = match std::fs::hard_link(&index, &copy) {
            Ok(()) => Some(copy),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            // Some file systems have no links.
            Err(_) => {
                place::copy_index(&index, &copy).map_err(saving())?;
                Some(copy)
            }
        };
        if git.fsync() {
            scratch.flush().map_err(saving())?;
        }
        Ok(Exchange { draft, saved, name: format!("{}/{SAVED}", scratch.name()) })
    }

    /// What the journal says of it.
    pub fn written_down(&self) -> IndexThen {
        IndexThen { saved: self.saved.as_ref().map(|_| self.name.clone()), put: IndexStamp::of(&self.draft) }
    }

    /// Puts the new one into its place.
    pub fn put(&self, git: &Git, place: &GitPlace) -> Result<(), WriteError> {
        place::put_index(git, place, &self.draft)
    }

    /// Puts the old one back: the same file, where file systems have links.
    pub fn take_back(&self, place: &GitPlace) -> Result<(), WriteError> {
        put_back(&place.index_file(), self.saved.as_deref())
    }
}

fn put_back(index: &Path, saved: Option<&Path>) -> Result<(), WriteError> {
    let back = fault::reach("put the index back").and_then(|()| match saved {
        Some(saved) => std::fs::rename(saved, index),
        None => match std::fs::remove_file(index) {
            // It was never put there.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        },
    });
    back.map_err(WriteError::io("restore", index))
}

/// Puts back the index that a dead process has replaced before its branch was moved. Whoever has changed the index since
/// has it otherwise: then it is left, and the answer is false.
///
/// # Errors
/// When it cannot be put back.
pub(super) fn take_back_left(place: &GitPlace, then: &IndexThen) -> Result<bool, WriteError> {
    let index = place.index_file();
    let saved = then.saved.as_ref().map(|name| state_folder(place).join(name));
    let (now, before) = (IndexStamp::of(&index), saved.as_deref().and_then(IndexStamp::of));
    if now == before && saved.is_none() == before.is_none() {
        return Ok(true);
    }
    if then.put.is_none() || now != then.put || saved.is_some() && before.is_none() {
        return Ok(false);
    }
    put_back(&index, saved.as_deref()).map(|()| true)
}
