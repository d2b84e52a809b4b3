//! Locks of git that the `git update-ref` of an action has left behind.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::journal;
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;

/// How long a lock that tells nothing of its owner is watched before it counts as left behind.
const WATCHED: Duration = Duration::from_millis(500);

/// Removes what the `git update-ref` that moved `branch` to `new` has left locked. To be called with tussock's own lock
/// held, which that git shared, and with its journal there: so that git is dead, and a lock that is older than the
/// journal, or says something else than what was to be written, is not of it.
///
/// # Errors
/// When a lock cannot be looked at or removed.
pub(super) fn remove_left(place: &GitPlace, branch: &str, new: &str) -> Result<(), WriteError> {
    let Some(begun) = journal::written_at(place) else { return Ok(()) };
    let of_branch = place.common_dir.join(format!("{branch}.lock"));
    let others = [place.git_dir.join("HEAD.lock"), place.common_dir.join("reftable/tables.list.lock")];
    for lock in std::iter::once(of_branch).chain(others) {
        remove(&lock, begun, new).map_err(WriteError::io("remove", &lock))?;
    }
    Ok(())
}

fn remove(lock: &Path, begun: SystemTime, new: &str) -> io::Result<()> {
    let look = || match std::fs::symlink_metadata(lock) {
        Ok(found) => found.modified().map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    };
    let Some(made) = look()?.filter(|made| *made >= begun) else { return Ok(()) };
    let says = std::fs::read(lock).unwrap_or_default();
    let reftable = lock.file_name().is_some_and(|n| n == "tables.list.lock");
    if !reftable && !format!("{new}\n").as_bytes().starts_with(&says) {
        return Ok(());
    }
    if says.is_empty() || reftable {
        // It may be of a git that has this moment begun: that one would be gone again, or write something.
        std::thread::sleep(WATCHED);
        if look()? != Some(made) {
            return Ok(());
        }
    }
    match std::fs::remove_file(lock) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
