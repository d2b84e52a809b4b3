//! The work tree as a source of files.

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::discover::{Home, is_pipeline, is_repository};
use super::snapshot::Snapshot;
use crate::format::source::{EntryKind, FileEntry, Source};

/// Files larger than this are not read: no deal and no pipeline is a mebibyte long.
pub const MAX_FILE: u64 = 1 << 20;

/// How often a file that changes while it is read is read again.
const TRIES: usize = 3;

/// The files of a pipeline as they lie on the disk. Links are never followed. What a sparse checkout leaves out is read
/// from the index, so that a pipeline is never smaller for it.
pub struct WorkTree {
    home: Home,
    top: PathBuf,
    display_prefix: String,
    bare: bool,
    hidden: OnceLock<Option<Snapshot>>,
    /// Paths of files that were read and have another name.
    linked: Mutex<BTreeSet<String>>,
}

impl WorkTree {
    /// The work tree of `home`. Messages name files from `current`, the folder that the user is in.
    pub fn new(home: &Home, current: &Path) -> Self {
        let workdir = home.repo.as_ref().and_then(|r| r.workdir.clone());
        let top = workdir.unwrap_or_else(|| home.root.clone());
        let current = current.canonicalize().unwrap_or_else(|_| current.to_owned());
        WorkTree {
            display_prefix: way(&current, &home.root, &top),
            top,
            bare: home.repo.as_ref().is_some_and(|r| r.workdir.is_none()),
            home: home.clone(),
            hidden: OnceLock::new(),
            linked: Mutex::default(),
        }
    }

    /// The files among those that [`Source::read_listed`] read that have another name on this disk: hard links. None,
    /// where the system does not say.
    pub fn linked(&self) -> BTreeSet<String> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_names(&self, path: &str, about: &Metadata) {
        if names(about) > 1 {
            self.linked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        }
    }

    /// What a sparse checkout leaves out.
    fn hidden(&self) -> io::Result<Option<&Snapshot>> {
        if let Some(known) = self.hidden.get() {
            return Ok(known.as_ref());
        }
        let found = Snapshot::hidden(&self.home).map_err(io::Error::other)?;
        Ok(self.hidden.get_or_init(|| found).as_ref())
    }
}

impl Source for WorkTree {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        if self.bare {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "this is a bare repository without a work tree; name a revision with --rev",
            ));
        }
        let mut entries = Vec::new();
        let mut folders = vec![(self.home.root.clone(), String::new(), true)];
        while let Some((folder, prefix, utf8)) = folders.pop() {
            let listed = std::fs::read_dir(&folder).map_err(|e| naming(&folder, e))?;
            let (first_entry, first_folder) = (entries.len(), folders.len());
            for item in listed {
                let item = item.map_err(|e| naming(&folder, e))?;
                // The listing itself says what most entries are, so that thousands of files are not looked at one by one.
                let file_type = match item.file_type() {
                    Ok(file_type) => file_type,
                    // Gone since it was listed: as if it had been listed a moment later.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(naming(&item.path(), e)),
                };
                let (name, exact) = match item.file_name().into_string() {
                    Ok(name) => (name, true),
                    Err(name) => (name.to_string_lossy().into_owned(), false),
                };
                let utf8 = utf8 && exact;
                let mut kind = kind_of(file_type);
                let full = if kind == EntryKind::Folder { Some(item.path()) } else { None };
                if full.as_ref().is_some_and(|full| is_repository(full)) {
                    kind = EntryKind::Other;
                }
                let entered = kind == EntryKind::Folder && !name.starts_with('.');
                let path = if prefix.is_empty() { name } else { [&*prefix, "/", &*name].concat() };
                if let Some(full) = full.filter(|full| entered && !is_pipeline(full)) {
                    folders.push((full, path.clone(), utf8));
                }
                entries.push(FileEntry { path, utf8, kind });
            }
            // In order folder by folder, all of them are nearly in order.
            entries[first_entry..].sort_unstable_by(|a, b| a.path.cmp(&b.path));
            folders[first_folder..].sort_unstable_by(|a, b| b.1.cmp(&a.1));
        }
        if let Some(hidden) = self.hidden()? {
            let seen: HashSet<String> = entries.iter().map(|e| e.path.clone()).collect();
            entries.extend(hidden.entries()?.into_iter().filter(|e| !seen.contains(&e.path)));
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    fn read_listed(&self, path: &str) -> io::Result<Vec<u8>> {
        let full = self.home.root.join(path);
        // A part of the way that is no plain name is for the careful look.
        let read = if path.contains('\\') { None } else { read_at_once(&full) };
        match read {
            Some((bytes, about)) => {
                self.note_names(path, &about);
                Ok(bytes)
            }
            None => {
                let bytes = self.read(path)?;
                if let Ok(about) = full.symlink_metadata() {
                    self.note_names(path, &about);
                }
                Ok(bytes)
            }
        }
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let read = plain_path(&self.home.root, path).and_then(|full| read_steadily(&full));
        match read {
            Err(e) if e.kind() == io::ErrorKind::NotFound => match self.hidden()? {
                Some(hidden) => hidden.read(path),
                None => Err(e),
            },
            read => read,
        }
    }

    fn repository_has(&self, path: &str) -> bool {
        let there = || plain_path(&self.top, path).is_ok_and(|f| f.symlink_metadata().is_ok_and(|m| m.is_file()));
        let hidden = || self.hidden().is_ok_and(|h| h.is_some_and(|h| h.repository_has(path)));
        !self.bare && (there() || hidden())
    }

    fn display(&self, path: &str) -> String {
        format!("{}{path}", self.display_prefix)
    }
}

/// Reads a regular file that lies still, with as few questions to the system as can be. `None` where anything is not as it
/// should be: then the careful way finds out what.
#[cfg(unix)]
fn read_at_once(full: &Path) -> Option<(Vec<u8>, Metadata)> {
    use std::os::unix::fs::OpenOptionsExt;
    // A link is not followed, and a pipe that has come in the file's place is not waited for.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = File::options().read(true).custom_flags(flags).open(full).ok()?;
    let before = file.metadata().ok()?;
    if !before.is_file() || before.len() > MAX_FILE {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).ok()?);
    file.by_ref().take(before.len()).read_to_end(&mut bytes).ok()?;
    let after = file.metadata().ok()?;
    // A program that saves by renaming leaves the old text here, which is as whole as the new one.
    (bytes.len() as u64 == before.len() && same(&before, &after)).then_some((bytes, after))
}

#[cfg(not(unix))]
fn read_at_once(_: &Path) -> Option<(Vec<u8>, Metadata)> {
    None
}

/// Reads a regular file whole, and again when it changed meanwhile.
///
/// # Errors
/// When it is a link or no file, larger than [`MAX_FILE`], or does not hold still.
pub(super) fn read_steadily(full: &Path) -> io::Result<Vec<u8>> {
    for _ in 0..TRIES {
        let before = full.symlink_metadata()?;
        if !before.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        if before.len() > MAX_FILE {
            return Err(too_large());
        }
        let file = File::open(full)?;
        if !same(&before, &file.metadata()?) {
            continue;
        }
        let mut bytes = Vec::with_capacity(before.len() as usize + 1);
        file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(too_large());
        }
        // By name, not by handle: an editor that saves by renaming leaves the handle on the old file.
        if bytes.len() as u64 == before.len() && full.symlink_metadata().is_ok_and(|after| same(&before, &after)) {
            return Ok(bytes);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "the file is changing while it is read"))
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 1 MiB")
}

/// Whether two looks at a file saw the same one, unchanged.
fn same(a: &Metadata, b: &Metadata) -> bool {
    a.is_file() && b.is_file() && a.len() == b.len() && a.modified().ok() == b.modified().ok() && same_file(a, b)
}

/// How many names a file has.
#[cfg(unix)]
fn names(about: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(about)
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    a.ino() == b.ino() && a.dev() == b.dev()
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// `path` below `root`, made sure that it stays below: plain parts only, and no folder on the way is a link.
///
/// # Errors
/// When it does not.
pub(super) fn plain_path(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut full = root.to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    for (i, part) in parts.iter().enumerate() {
        if part.is_empty() || *part == "." || *part == ".." || part.contains(['\\', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain path"));
        }
        full.push(part);
        if i + 1 < parts.len() && full.symlink_metadata()?.is_symlink() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a folder on the way to it is a link"));
        }
    }
    Ok(full)
}

fn kind_of(kind: FileType) -> EntryKind {
    if kind.is_symlink() {
        EntryKind::Symlink
    } else if kind.is_file() {
        EntryKind::File
    } else if kind.is_dir() {
        EntryKind::Folder
    } else {
        EntryKind::Other
    }
}

fn naming(path: &Path, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}

/// The way from `current` to `root`, ending in `/`, empty when they are the same; `root` itself when `current` is
/// outside of `top`.
fn way(current: &Path, root: &Path, top: &Path) -> String {
    let slashed = |path: &Path| path.components().map(|c| format!("{}/", c.as_os_str().to_string_lossy())).collect();
    if let Ok(down) = root.strip_prefix(current) {
        return slashed(down);
    }
    if !current.starts_with(top) {
        return format!("{}/", root.display());
    }
    let common = current.ancestors().find(|a| root.starts_with(a)).unwrap_or(top);
    let up = current.strip_prefix(common).map_or(0, |rest| rest.components().count());
    let down: String = root.strip_prefix(common).map(slashed).unwrap_or_default();
    format!("{}{down}", "../".repeat(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_files_from_the_current_folder() {
        let shown = |current: &str| way(Path::new(current), Path::new("/r/sales"), Path::new("/r"));
        assert_eq!(shown("/r"), "sales/");
        assert_eq!(shown("/r/sales"), "");
        assert_eq!(shown("/r/sales/brief"), "../");
        assert_eq!(shown("/r/docs/a"), "../../sales/");
        assert_eq!(shown("/elsewhere"), "/r/sales/");
        assert_eq!(shown("/"), "r/sales/");
    }

    fn tree(dir: &Path) -> WorkTree {
        let root = dir.canonicalize().unwrap();
        WorkTree::new(&Home { root: root.clone(), repo: None, prefix: String::new() }, &root)
    }

    #[test]
    fn entries_are_sorted_and_stop_at_other_pipelines_repositories_and_dot_folders() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "pipeline.yaml",
            "brief/b.yaml",
            "brief/a.yaml",
            "won/2026/c.yaml",
            ".git/config",
            ".hidden/x.yaml",
            "inner/pipeline.yaml",
            "module/.git",
            "module/x.yaml",
        ] {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "1").unwrap();
        }
        let shown: Vec<String> =
            tree(dir.path()).entries().unwrap().iter().map(|e| format!("{} {:?}", e.path, e.kind)).collect();
        assert_eq!(
            shown,
            [
                ".git Folder",
                ".hidden Folder",
                "brief Folder",
                "brief/a.yaml File",
                "brief/b.yaml File",
                "inner Folder",
                "module Other",
                "pipeline.yaml File",
                "won Folder",
                "won/2026 Folder",
                "won/2026/c.yaml File",
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_listed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::fs::write(dir.path().join("real/x.yaml"), "secret").unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("stage")).unwrap();
        std::os::unix::fs::symlink("real/x.yaml", dir.path().join("y.yaml")).unwrap();
        let source = tree(dir.path());
        let kinds: Vec<_> = source.entries().unwrap().into_iter().map(|e| (e.path, e.kind)).collect();
        assert!(kinds.contains(&("stage".into(), EntryKind::Symlink)));
        assert!(kinds.contains(&("y.yaml".into(), EntryKind::Symlink)));
        assert!(source.read("y.yaml").is_err());
        assert!(source.read("stage/x.yaml").is_err());
        assert!(source.read("real/../real/x.yaml").is_err());
        assert_eq!(source.read("real/x.yaml").unwrap(), b"secret");
        assert!(source.repository_has("real/x.yaml"));
        assert!(!source.repository_has("stage/x.yaml"));
        assert!(!source.repository_has("y.yaml"));
        assert!(!source.repository_has("../secret"));
        assert!(!source.repository_has("real"));
    }

    #[test]
    fn a_large_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.yaml"), vec![b'a'; MAX_FILE as usize + 1]).unwrap();
        let error = tree(dir.path()).read("x.yaml").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_file_that_is_rewritten_all_the_time_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.yaml");
        let (short, long) = (vec![b'a'; 10], vec![b'b'; 100_000]);
        std::fs::write(&path, &short).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    for text in [&short, &long] {
                        let temp = dir.path().join("temp");
                        std::fs::write(&temp, text).unwrap();
                        std::fs::rename(&temp, &path).unwrap();
                    }
                }
            });
            for _ in 0..200 {
                if let Ok(bytes) = tree(dir.path()).read("x.yaml") {
                    assert!(bytes == short || bytes == long, "a mixture of {} bytes", bytes.len());
                }
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
