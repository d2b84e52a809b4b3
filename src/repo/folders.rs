//! The folders in folders, and what is kept of listing them.
//!
//! Below the top of a work tree any folder may hold a pipeline, so that looking for pipelines lists all of them; with fifty
//! thousand deals in them that takes longer than most answers. So the names of the folders in each folder are kept, with a
//! stamp of it. A folder is changed whenever something comes into it or goes: where the stamp is the same, so are they.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use twox_hash::XxHash3_64;

/// How the name of the file begins.
pub const FOLDERS: &str = "folders-";

/// The name of the file. The number goes up with every change of what is written.
const FILE: &str = "folders-1";

/// Fewer entries than this are listed faster than they are worth to be kept.
const WORTH: usize = 1_000;

/// A folder that was changed so few seconds before it was listed may have been changed again without another stamp: some
/// file systems count in whole seconds, or in two.
const UNSETTLED: i64 = 4;

/// What a folder is like: its device and number, and when it and what is known of it were changed, in seconds and their
/// billionths.
type Stamp = (u64, u64, i64, i64, i64, i64);

/// The folders in a folder, with what that was like.
type Inner = (Stamp, Vec<String>);

/// The folders in folders below a base, as far as they are known from the last time.
pub(super) struct Folders {
    base: PathBuf,
    file: Option<PathBuf>,
    begun: i64,
    known: BTreeMap<String, Inner>,
    /// Those that are still there.
    seen: BTreeMap<String, Inner>,
    listed: usize,
}

impl Folders {
    /// `kept` is the folder in which they are kept; without one nothing is.
    pub(super) fn below(base: &Path, kept: Option<&Path>) -> Folders {
        let file = kept.filter(|_| cfg!(unix)).map(|folder| folder.join(FILE));
        let known = file.as_deref().and_then(|file| read(file, base)).unwrap_or_default();
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        Folders { base: base.to_owned(), file, begun, known, seen: BTreeMap::new(), listed: 0 }
    }

    /// The folders in a folder below the base or in the base itself: no links, and none whose name begins with a dot.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub(super) fn inside(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let key = folder.strip_prefix(&self.base).ok().and_then(Path::to_str).filter(|_| self.file.is_some());
        let Some(key) = key else { return self.list(folder) };
        let stamp = stamp(folder)?;
        if let Some(known) = self.known.remove(key).filter(|(known, _)| *known == stamp) {
            let found = known.1.iter().map(|name| folder.join(name)).collect();
            self.seen.insert(key.to_owned(), known);
            return Ok(found);
        }
        let found = self.list(folder)?;
        let name = |path: &PathBuf| Some(path.file_name()?.to_str()?.to_owned());
        let names: Option<Vec<String>> = found.iter().map(name).collect();
        let (_, _, modified, _, changed, _) = stamp;
        if let Some(names) = names.filter(|_| modified.max(changed).saturating_add(UNSETTLED) < self.begun) {
            self.seen.insert(key.to_owned(), (stamp, names));
        }
        Ok(found)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            self.listed += 1;
            if entry.file_type()?.is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// Keeps what is known now, where it took long to learn. What cannot be kept is listed again the next time.
    pub(super) fn keep(self) {
        if let Some(file) = self.file.filter(|_| self.listed >= WORTH) {
            let _ = write(&file, &self.base, &self.seen);
        }
    }
}

#[cfg(unix)]
fn stamp(folder: &Path) -> io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let found = folder.symlink_metadata()?;
    Ok((found.dev(), found.ino(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()))
}

/// Nothing is kept where folders have no numbers.
#[cfg(not(unix))]
fn stamp(_: &Path) -> io::Result<Stamp> {
    Ok((0, 0, 0, 0, i64::MAX, 0))
}

/// What is kept of the folders below `base`; `None` where there is nothing, or nothing that can be believed.
fn read(file: &Path, base: &Path) -> Option<BTreeMap<String, Inner>> {
    let bytes = std::fs::read(file).ok()?;
    let (check, text) = bytes.split_at_checked(8)?;
    if check != checked(text, base) {
        return None;
    }
    serde_json::from_slice(text).ok()
}

fn checked(text: &[u8], base: &Path) -> [u8; 8] {
    let seed = XxHash3_64::oneshot(base.as_os_str().as_encoded_bytes());
    XxHash3_64::oneshot_with_seed(seed, text).to_le_bytes()
}

fn write(file: &Path, base: &Path, folders: &BTreeMap<String, Inner>) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let text = serde_json::to_vec(folders)?;
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix("tx-");
    // Whoever may read the repository may read this; the mask of the user takes away what it takes from other files.
    #[cfg(unix)]
    builder.permissions(<std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
    let mut new = builder.tempfile_in(folder)?;
    new.write_all(&checked(&text, base))?;
    new.write_all(&text)?;
    new.persist(file).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    /// Folders `a` with so many files, `a/b` and `c`, last changed a while ago.
    fn made(files: usize) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base");
        for folder in ["a/b", "c", ".git"] {
            std::fs::create_dir_all(base.join(folder)).unwrap();
        }
        (0..files).for_each(|n| std::fs::write(base.join(format!("a/{n}")), "").unwrap());
        std::os::unix::fs::symlink("a", base.join("link")).unwrap();
        (dir, base)
    }

    fn all(folders: &mut Folders, base: &Path) -> Vec<String> {
        let mut left = vec![base.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = left.pop() {
            left.extend(folders.inside(&folder).unwrap());
            found.push(folder.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
        }
        found.sort();
        found
    }

    /// Looks, and keeps what was found as if it had been changed long before.
    fn look(base: &Path, kept: &Path) -> (Vec<String>, usize) {
        let mut folders = Folders::below(base, Some(kept));
        folders.begun += 100;
        let (found, listed) = (all(&mut folders, base), folders.listed);
        folders.keep();
        (found, listed)
    }

    #[test]
    fn what_has_not_changed_is_not_listed_again_and_what_has_is() {
        let (dir, base) = made(WORTH);
        let kept = dir.path().join("kept");
        let whole = ["", "a", "a/b", "c"];
        assert_eq!(look(&base, &kept), (whole.map(str::to_owned).to_vec(), WORTH + 5));
        assert_eq!(look(&base, &kept), (whole.map(str::to_owned).to_vec(), 0));
        std::fs::create_dir(base.join("c/new")).unwrap();
        assert_eq!(look(&base, &kept).0, ["", "a", "a/b", "c", "c/new"]);
        std::fs::rename(base.join("c/new"), base.join("a/b/new")).unwrap();
        assert_eq!(look(&base, &kept).0, ["", "a", "a/b", "a/b/new", "c"]);
        std::fs::remove_dir_all(base.join("a")).unwrap();
        std::fs::write(base.join("a"), "").unwrap();
        assert_eq!(look(&base, &kept).0, ["", "c"]);
    }

    #[test]
    fn a_folder_put_in_the_place_of_another_with_its_times_is_another() {
        let (dir, base) = made(WORTH);
        let kept = dir.path().join("kept");
        look(&base, &kept);
        let modified = base.join("c").metadata().unwrap().modified().unwrap();
        std::fs::remove_dir(base.join("c")).unwrap();
        std::fs::create_dir_all(base.join("c/inner")).unwrap();
        let times = FileTimes::new().set_modified(modified);
        std::fs::File::open(base.join("c")).unwrap().set_times(times).unwrap();
        assert!(look(&base, &kept).0.contains(&"c/inner".to_owned()));
    }

    #[test]
    fn what_was_changed_a_moment_ago_is_not_believed_the_next_time() {
        let (dir, base) = made(WORTH);
        let kept = dir.path().join("kept");
        let now = || {
            let mut folders = Folders::below(&base, Some(&kept));
            all(&mut folders, &base);
            let listed = folders.listed;
            folders.keep();
            listed
        };
        assert_eq!((now(), now()), (WORTH + 5, WORTH + 5));
    }

    #[test]
    fn what_is_kept_may_be_broken_and_few_folders_are_not_kept() {
        let (dir, base) = made(WORTH);
        let kept = dir.path().join("kept");
        let right = look(&base, &kept).0;
        let whole = std::fs::read(kept.join(FILE)).unwrap();
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            std::fs::write(kept.join(FILE), &broken).unwrap();
            assert_eq!(all(&mut Folders::below(&base, Some(&kept)), &base), right, "byte {at}");
        }
        let (few, base) = made(3);
        look(&base, &few.path().join("kept"));
        assert!(!few.path().join("kept").exists());
    }
}
