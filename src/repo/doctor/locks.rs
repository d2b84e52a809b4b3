//! Locks that git processes left behind. git itself never removes them.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Ailment, Cure, Kind, Patient, Remedy};
use crate::repo::error::WriteError;
use crate::repo::lock;
use crate::repo::transaction::index_lock_is_left;

/// A lock that is younger may be of a process that is just being started or ended.
const SETTLED: Duration = Duration::from_secs(60);

/// How deep names of refs are followed.
const MAX_DEPTH: usize = 32;

pub(super) fn left_behind(patient: &Patient, holding: bool) -> Result<Vec<Ailment>, WriteError> {
    let mut found = tussock_lock(patient)?;
    let place = patient.place()?;
    let folders: Vec<&Path> =
        place.workdir.iter().map(PathBuf::as_path).chain([&*place.git_dir, &*place.common_dir]).collect();
    // tussock marks its own; it is dead when nobody has tussock's lock.
    let ours = place.git_dir.join("index.lock");
    let dead = |path: &Path| *path == ours && index_lock_is_left(place) && (holding || !lock::is_held(place));
    for path in all(&place.git_dir, &place.common_dir)? {
        // Gone since it was listed: its process was alive.
        let Ok(about) = path.symlink_metadata() else { continue };
        let age = about.modified().ok().and_then(|m| SystemTime::now().duration_since(m).ok());
        let since = age.map_or_else(|| "of an unknown age".to_owned(), |a| format!("{} old", words(a)));
        let what = format!("{} is there, {since}: while it is, git cannot write", patient.shown(&path));
        let cure = match holder(&path, &about, &folders) {
            Holder::Process(who) => Cure::Held(format!("{who} may be using it; wait for it to end")),
            Holder::Nobody if age.is_none_or(|a| a < SETTLED) && !dead(&path) => {
                Cure::Held("it may be of a process that is still at work; look again in a minute".to_owned())
            }
            known => {
                let (by, only_asked) = match known {
                    Holder::Unknown => {
                        ("", Some("whether a process still uses it cannot be seen on this system".to_owned()))
                    }
                    _ => (", which no process uses any more", None),
                };
                let does = format!("removes {}{by}", patient.shown(&path));
                Cure::Mend { does, only_asked, remedy: Remedy(Kind::RemoveLock(path)) }
            }
        };
        found.push(Ailment { what, cure });
    }
    Ok(found)
}

/// Whether there is a lock of somebody else that can be removed.
pub(super) fn any_removable(patient: &Patient) -> Result<bool, WriteError> {
    let place = patient.place()?;
    let ours = index_lock_is_left(place).then(|| Kind::RemoveLock(place.git_dir.join("index.lock")));
    let found = left_behind(patient, false)?;
    Ok(found.iter().any(|a| matches!(&a.cure, Cure::Mend { remedy, .. } if Some(&remedy.0) != ours.as_ref())))
}

/// Whether tussock's own lock works. It needs no mending: it dies with its process.
fn tussock_lock(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let path = patient.place()?.common_dir.join("tussock").join("lock");
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(WriteError::io("open", &path)(e)),
    };
    // A shared lock changes nothing, and is not to be had where a file system knows no locks. That another one holds
    // it is no ailment; whoever mends waits for it.
    match file.try_lock_shared() {
        Ok(()) | Err(std::fs::TryLockError::WouldBlock) => Ok(Vec::new()),
        Err(std::fs::TryLockError::Error(e)) => Ok(vec![Ailment {
            what: format!("the file system of {} has no locks ({e}); a file stands for the lock", patient.shown(&path)),
            cure: Cure::Know("write from one computer at a time".to_owned()),
        }]),
    }
}

/// Every lock of git that stands in the way of writing, sorted.
fn all(git_dir: &Path, common_dir: &Path) -> Result<Vec<PathBuf>, WriteError> {
    let mut found = Vec::new();
    let mut folders = vec![(git_dir.to_owned(), MAX_DEPTH), (common_dir.to_owned(), MAX_DEPTH)];
    folders.push((common_dir.join("refs"), 0));
    folders.push((git_dir.join("refs"), 0));
    while let Some((folder, depth)) = folders.pop() {
        let listed = match std::fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(WriteError::io("list", &folder)(e)),
        };
        for item in listed {
            let item = item.map_err(WriteError::io("list", &folder))?;
            let kind = item.file_type().map_err(WriteError::io("look at", &item.path()))?;
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((item.path(), depth + 1));
            } else if kind.is_file() && item.path().extension().is_some_and(|e| e == "lock") {
                found.push(item.path());
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What is to be known of the lock that a message of git names (`Unable to create 'PATH': File exists`), as a sentence
/// without its full stop: how old it is, who may have it, and what to do. `None` where it names none that is there.
pub fn lock_in_the_way(message: &str) -> Option<String> {
    let name = message.split_once("Unable to create '")?.1.split_once(".lock'")?.0;
    let path = PathBuf::from(format!("{name}.lock"));
    let about = path.symlink_metadata().ok()?;
    let age = about
        .modified()
        .ok()
        .and_then(|m| SystemTime::now().duration_since(m).ok())
        .map_or_else(String::new, |a| format!(" is {} old and", words(a)));
    let folder = path.ancestors().find(|f| f.join("objects").is_dir()).unwrap_or(&path);
    let whose = match holder(&path, &about, &[folder.parent().unwrap_or(folder), folder]) {
        Holder::Process(who) => format!("may be of {who}; wait for it to end"),
        Holder::Nobody => "is of no process that is running; `tussock doctor` removes it".to_owned(),
        Holder::Unknown => {
            "may be of a git that is at work, or have been left behind; `tussock doctor` asks".to_owned()
        }
    };
    Some(format!("{}{age} {whose}", path.display()))
}

/// Who may have a lock.
enum Holder {
    Process(String),
    Nobody,
    #[cfg_attr(target_os = "linux", allow(dead_code))]
    Unknown,
}

#[cfg(target_os = "linux")]
fn holder(lock: &Path, about: &Metadata, folders: &[&Path]) -> Holder {
    use std::os::unix::fs::MetadataExt;
    let Ok(processes) = std::fs::read_dir("/proc") else { return Holder::Unknown };
    let own = std::process::id().to_string();
    for process in processes.filter_map(Result::ok) {
        let number = process.file_name().to_string_lossy().into_owned();
        if number == own || !number.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let folder = process.path();
        let Ok(program) = std::fs::read_to_string(folder.join("comm")) else { continue };
        let program = program.trim_end();
        let who = || Holder::Process(format!("process {number} ({program})"));
        let same_user = process.metadata().is_ok_and(|m| m.uid() == about.uid());
        match std::fs::read_dir(folder.join("fd")) {
            Ok(open) => {
                let mut open = open.filter_map(Result::ok).filter_map(|fd| std::fs::read_link(fd.path()).ok());
                if open.any(|target| target == lock) {
                    return who();
                }
            }
            // Whose files cannot be seen may be the one, if the lock is that user's.
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied && same_user => return who(),
            Err(_) => {}
        }
        if program != "git" && !program.starts_with("git-") {
            continue;
        }
        // git closes a lock before it renames it, so a git that is at work here may have it without having it open.
        let here = std::fs::read_link(folder.join("cwd"));
        if here.is_ok_and(|cwd| folders.iter().any(|f| cwd.starts_with(f))) {
            return who();
        }
    }
    Holder::Nobody
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Path, _: &Metadata, _: &[&Path]) -> Holder {
    Holder::Unknown
}

/// A time span in the largest unit that it fills.
fn words(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        let shown = |seconds| words(Duration::from_secs(seconds));
        assert_eq!([shown(0), shown(1), shown(59)], ["0 seconds", "1 second", "59 seconds"]);
        assert_eq!([shown(60), shown(7_300), shown(100_000)], ["1 minute", "2 hours", "1 day"]);
    }
}
