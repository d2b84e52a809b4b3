//! The lock that lets one tussock write at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::discover::{GitPlace, Home};
use super::error::WriteError;
use super::git::{GitError, IN_TRANSACTION, Run};

/// How long a writer waits for another tussock: long enough for a queue of them on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it waits for a git that has a file of the repository locked.
pub(super) const PATIENCE_WITH_GIT: Duration = Duration::from_secs(10);

/// How often it looks.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// The lock, held until it is dropped or the process ends, however it ends.
pub(super) struct Lock {
    file: File,
    /// Where the file system has no locks: a file that stands for one.
    _stand_in: Option<StandIn>,
}

impl Lock {
    /// Lets a child process have the lock as well, so that it is held until the child has ended, even if we die.
    ///
    /// # Errors
    /// When the system gives no second handle.
    pub fn shared_with<'r>(&self, run: Run<'r>) -> Result<Run<'r>, GitError> {
        let failed = |source| GitError::Start { command: "git".to_owned(), source };
        Ok(run.input_from(Stdio::from(self.file.try_clone().map_err(failed)?)))
    }
}

/// The lock's file. All work trees of a repository share it.
fn lock_file(place: &GitPlace) -> PathBuf {
    place.own_folder().join("lock")
}

/// Takes the lock of a repository, which all its work trees share. Says once through `tell` that it waits.
///
/// # Errors
/// When another process keeps it longer than [`PATIENCE`], or its file cannot be made.
pub(super) fn take(place: &GitPlace, tell: &mut dyn FnMut(&str)) -> Result<Lock, WriteError> {
    let path = lock_file(place);
    let file = open(&path)?;
    let begun = Instant::now();
    let mut told = false;
    loop {
        if let Some(lock) = try_take(&file, &path)? {
            return Ok(lock);
        }
        if begun.elapsed() > PATIENCE {
            return Err(WriteError::Locked { what: path.display().to_string(), holder: holder(&path) });
        }
        if !told && begun.elapsed() > PAUSE * 10 {
            told = true;
            tell(&format!("waiting for {} to finish", holder(&path)));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes the lock when nobody has it.
///
/// # Errors
/// When its file cannot be made.
pub(super) fn take_if_free(place: &GitPlace) -> Result<Option<Lock>, WriteError> {
    let path = lock_file(place);
    try_take(&open(&path)?, &path)
}

/// Whether somebody has the lock. Changes nothing. Where it cannot be found out, somebody may.
pub(super) fn is_held(place: &GitPlace) -> bool {
    let path = lock_file(place);
    if StandIn::path(&path).symlink_metadata().is_ok() {
        return true;
    }
    match File::open(path) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(e) => e.kind() != io::ErrorKind::NotFound,
    }
}

/// How long a reader waits for writers to be done.
const PATIENCE_OF_READERS: Duration = Duration::from_secs(5);

/// Keeps writers out while it lives. Nothing on the disk changes by it.
#[derive(Debug)]
pub struct Quiet {
    _file: File,
}

/// Waits until nobody writes and keeps it so, for a reader who sees the deals on the move again and again. `None` where
/// no tussock has ever written, where that cannot be had, and where it takes too long.
pub fn quiet(home: &Home) -> Option<Quiet> {
    // A hook that tussock runs would wait for the very action that waits for it.
    if std::env::var_os(IN_TRANSACTION).is_some() {
        return None;
    }
    let file = File::open(lock_file(home.repo.as_ref()?)).ok()?;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE_OF_READERS {
        match file.try_lock_shared() {
            Ok(()) => return Some(Quiet { _file: file }),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

fn open(path: &Path) -> Result<File, WriteError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(WriteError::io("create", folder))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(WriteError::io("open", path))
}

fn try_take(file: &File, path: &Path) -> Result<Option<Lock>, WriteError> {
    let stand_in = match file.try_lock() {
        Ok(()) => None,
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(e)) if has_no_locks(&e) => match StandIn::take(path)? {
            Some(stand_in) => Some(stand_in),
            None => return Ok(None),
        },
        Err(TryLockError::Error(e)) => return Err(WriteError::io("lock", path)(e)),
    };
    // Only a hint for others: what counts is the lock, which dies with its process.
    let mut file = file.try_clone().map_err(WriteError::io("lock", path))?;
    let note = format!("process {}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(note.as_bytes()))
        .map_err(WriteError::io("write", path))?;
    Ok(Some(Lock { file, _stand_in: stand_in }))
}

/// Whether an error says that the file system knows no locks, as some network file systems do not.
fn has_no_locks(error: &io::Error) -> bool {
    /// ENOLCK of Linux.
    const NO_LOCKS: i32 = 37;
    error.kind() == io::ErrorKind::Unsupported || (cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_LOCKS))
}

/// A file that only one process can make. Unlike a lock it outlives its process, so it names it.
struct StandIn {
    path: PathBuf,
}

impl StandIn {
    fn path(lock: &Path) -> PathBuf {
        lock.with_extension("held")
    }

    fn take(lock: &Path) -> Result<Option<StandIn>, WriteError> {
        let path = StandIn::path(lock);
        let note = format!("process {}\non {}\n", std::process::id(), host());
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let stand_in = StandIn { path };
                file.write_all(note.as_bytes()).map_err(WriteError::io("write", &stand_in.path))?;
                Ok(Some(stand_in))
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if StandIn::is_left(&path) {
                    std::fs::remove_file(&path).map_err(WriteError::io("remove", &path))?;
                }
                Ok(None)
            }
            Err(e) => Err(WriteError::io("create", &path)(e)),
        }
    }

    /// Whether its process ran on this computer and does not any more. Elsewhere nothing can be said, so it stays.
    fn is_left(path: &Path) -> bool {
        let Ok(note) = std::fs::read_to_string(path) else { return false };
        let mut lines = note.lines();
        let number = lines.next().and_then(|l| l.strip_prefix("process ")).and_then(|n| n.parse::<u32>().ok());
        let here = !host().is_empty() && lines.next() == Some(&format!("on {}", host()));
        let known = Path::new("/proc/self").exists();
        here && known && number.is_some_and(|n| !Path::new(&format!("/proc/{n}")).exists())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // What stays names a process that is no more, and is removed by the next writer.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The name of this computer; empty where it has none that can be read.
pub(super) fn host() -> String {
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let from_file = files.iter().find_map(|f| std::fs::read_to_string(f).ok());
    let from_env = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    from_file.or_else(from_env).unwrap_or_default().trim().to_owned()
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

    fn place() -> (tempfile::TempDir, GitPlace) {
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
        (dir, place)
    }

    #[test]
    fn a_second_writer_waits_and_is_told_for_whom() {
        let (_dir, place) = place();
        let first = take(&place, &mut |_| panic!("nobody to wait for")).unwrap();
        assert!(is_held(&place));
        assert!(take_if_free(&place).unwrap().is_none());
        let mut told = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(500));
                drop(first);
            });
            take(&place, &mut |line| told.push(line.to_owned())).unwrap();
        });
        assert_eq!(told, [format!("waiting for another tussock (process {}) to finish", std::process::id())]);
        assert!(!is_held(&place));
    }

    #[test]
    fn where_there_are_no_locks_a_file_stands_for_one_until_its_process_ends() {
        let (dir, place) = place();
        let lock = lock_file(&place);
        std::fs::create_dir_all(dir.path().join("tussock")).unwrap();
        let first = StandIn::take(&lock).unwrap().unwrap();
        assert!(StandIn::take(&lock).unwrap().is_none() && is_held(&place));
        drop(first);
        let path = StandIn::path(&lock);
        std::fs::write(&path, format!("process 4000000\non {}\n", host())).unwrap();
        assert!(StandIn::take(&lock).unwrap().is_none());
        assert!(StandIn::take(&lock).unwrap().is_some());
        std::fs::write(&path, "process 4000000\non another computer\n").unwrap();
        assert!(StandIn::take(&lock).unwrap().is_none() && StandIn::take(&lock).unwrap().is_none());
    }
}
