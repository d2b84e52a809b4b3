//! The lock of the user's index, held from before the branch moves until the index has followed it.
//!
//! Without it, a `git commit` that begins in between would take the old index for what the user wants, and commit the
//! move away again.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::fault;
use super::objects::flush;
use super::scratch::Scratch;
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;
use crate::repo::lock::{PATIENCE_WITH_GIT, PAUSE};

/// What stands in the lock's file, so that after a crash everybody can tell whose it was. git never reads it.
const MARK: &str = "tussock has the index; should no tussock be running, `tussock doctor` removes this file\n";

/// The lock, held until it is dropped.
pub(super) struct IndexLock {
    path: PathBuf,
}

/// The lock's file.
fn lock_file(place: &GitPlace) -> PathBuf {
    let mut name = place.index_file().into_os_string();
    name.push(".lock");
    PathBuf::from(name)
}

impl IndexLock {
    /// Takes the lock, or says that somebody else has it. A lock that a dead tussock has left is taken over: the caller
    /// holds tussock's own lock, so no living one has it.
    fn try_take(place: &GitPlace, scratch: &Scratch, fsync: bool) -> Result<Option<IndexLock>, WriteError> {
        let path = lock_file(place);
        let taking = || WriteError::io("take", &path);
        if is_ours(&path).map_err(taking())? {
            return Ok(Some(IndexLock { path }));
        }
        fault::reach("take the index").map_err(taking())?;
        // Named only when it is written, so that a lock without the mark is never ours. Flushed as well: after a power
        // cut an empty one would be taken for that of a git, and keep everybody out.
        let draft = scratch.file("index.lock");
        std::fs::write(&draft, MARK).map_err(taking())?;
        if fsync {
            flush(&draft).map_err(taking())?;
        }
        let made = match std::fs::hard_link(&draft, &path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            // Some file systems have no links.
            Err(_) => make_new(&path).and_then(|()| if fsync { flush(&path) } else { Ok(()) }),
            Ok(()) => Ok(()),
        };
        match made {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(e) => return Err(taking()(e)),
        }
        let lock = IndexLock { path: path.clone() };
        fault::reach("have the index").map_err(taking())?;
        Ok(Some(lock))
    }

    /// Takes the lock and with it what `hold` returns; waits for others a while, without that. With `fsync` the lock is
    /// known again after a power cut.
    ///
    /// # Errors
    /// When another keeps it longer than [`PATIENCE_WITH_GIT`], or the file system fails.
    pub fn take<H>(
        place: &GitPlace,
        scratch: &Scratch,
        fsync: bool,
        hold: &dyn Fn() -> H,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(H, IndexLock), WriteError> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            let held = hold();
            if let Some(lock) = IndexLock::try_take(place, scratch, fsync)? {
                return Ok((held, lock));
            }
            drop(held);
            let path = lock_file(place);
            if begun.elapsed() > PATIENCE_WITH_GIT {
                return Err(WriteError::Locked {
                    what: path.display().to_string(),
                    holder: "another git process, or was left by one that crashed (`tussock doctor` finds out)"
                        .to_owned(),
                });
            }
            if !told && begun.elapsed() > PAUSE * 10 {
                told = true;
                tell(&format!("waiting for another git to finish with the index ({} is there)", path.display()));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn release(self) -> Result<(), WriteError> {
        fault::reach("give the index back")
            .and_then(|()| std::fs::remove_file(&self.path))
            .map_err(WriteError::io("remove", &self.path))
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        if !fault::dead() {
            // Where this fails the mark says whose it is, and the next writer takes it over.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn make_new(path: &Path) -> io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(MARK.as_bytes())
}

/// Whether a file is a lock of ours.
fn is_ours(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() && found.len() == MARK.len() as u64 => match std::fs::read(path) {
            Ok(bytes) => Ok(bytes == MARK.as_bytes()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        },
        Ok(_) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Removes a lock that a dead tussock has left. The caller holds tussock's own lock.
///
/// # Errors
/// When it cannot be removed.
pub(super) fn remove_left(place: &GitPlace) -> Result<(), WriteError> {
    let path = lock_file(place);
    let removing = || WriteError::io("remove", &path);
    if is_ours(&path).map_err(removing())? {
        std::fs::remove_file(&path).map_err(removing())?;
    }
    Ok(())
}

/// Whether a dead tussock may have left a lock. A living one may have it as well: who holds tussock's own lock knows.
pub(in crate::repo) fn is_left(place: &GitPlace) -> bool {
    is_ours(&lock_file(place)).unwrap_or(true)
}
