//! The lock that lets one tussock write at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::discover::GitPlace;
use super::error::WriteError;

/// How long a writer waits for another.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How often it looks.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// The lock, held until it is dropped or the process ends, however it ends.
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock of a repository, which all its work trees share. Says once through `tell` that it waits.
///
/// # Errors
/// When another process keeps it longer than [`PATIENCE`], or the file system has no locks.
pub(super) fn take(place: &GitPlace, tell: &mut dyn FnMut(&str)) -> Result<Lock, WriteError> {
    let folder = place.common_dir.join("tussock");
    std::fs::create_dir_all(&folder).map_err(WriteError::io("create", &folder))?;
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(WriteError::io("open", &path))?;
    let begun = Instant::now();
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(e)) => return Err(WriteError::io("lock", &path)(e)),
            Err(TryLockError::WouldBlock) if begun.elapsed() > PATIENCE => {
                return Err(WriteError::Locked { what: path.display().to_string(), holder: holder(&path) });
            }
            Err(TryLockError::WouldBlock) => {
                if !told {
                    told = true;
                    tell(&format!("waiting for {} to finish", holder(&path)));
                }
                std::thread::sleep(PAUSE);
            }
        }
    }
    // Only a hint for others: what counts is the lock, which dies with its process.
    let note = format!("process {}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(note.as_bytes()))
        .map_err(WriteError::io("write", &path))?;
    Ok(Lock { _file: file })
}

/// Who holds the lock, as far as its file says.
fn holder(path: &Path) -> String {
    let mut note = String::new();
    let read = File::open(path).and_then(|f| f.take(100).read_to_string(&mut note));
    let number = note.trim().strip_prefix("process ").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
    match (read, number) {
        (Ok(_), Some(number)) => format!("another tussock (process {number})"),
        _ => "another tussock".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_waits_and_is_told_for_whom() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let place = GitPlace {
            workdir: None,
            git_dir: path.clone(),
            common_dir: path,
            from_env: false,
            index_from_env: None,
            id_len: 20,
            by_program: false,
        };
        let first = take(&place, &mut |_| panic!("nobody to wait for")).unwrap();
        let mut told = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                drop(first);
            });
            take(&place, &mut |line| told.push(line.to_owned())).unwrap();
        });
        assert_eq!(told, [format!("waiting for another tussock (process {}) to finish", std::process::id())]);
    }
}
