//! What a repository looks like to the byte, to hold that a command has changed nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::{Ran, TestRepo};

/// One file or folder: when it was changed and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    changed: Option<SystemTime>,
    bytes: Vec<u8>,
}

/// Every file below a folder with its bytes and times, `.git` included. The lock's own file is left out, since taking
/// a lock touches it, and so are objects, since one that nothing refers to is no change.
pub fn freeze(folder: &Path) -> BTreeMap<String, Frozen> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for item in std::fs::read_dir(&at).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if name == ".git/tussock" || name == ".git/objects" {
                continue;
            }
            let about = path.symlink_metadata().unwrap();
            if about.is_dir() {
                seen.insert(format!("{name}/"), Frozen { changed: None, bytes: Vec::new() });
                folders.push(path);
            } else {
                let bytes = if about.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
                seen.insert(name, Frozen { changed: about.modified().ok(), bytes });
            }
        }
    }
    seen
}

/// The names that differ between two looks.
pub fn differences(before: &BTreeMap<String, Frozen>, after: &BTreeMap<String, Frozen>) -> Vec<String> {
    let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| before.get(name) != after.get(name)).collect()
}

/// Runs tussock, which must end with `code`, say `words` on standard error, and change nothing.
#[track_caller]
pub fn refuses(repo: &TestRepo, code: i32, args: &[&str], words: &str) -> Ran {
    let before = freeze(&repo.path());
    let ran = repo.tussock(args);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{args:?} changed something");
    assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
    assert!(ran.err.contains(words), "{args:?} says {}", ran.err);
    ran
}
