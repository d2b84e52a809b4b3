//! Whether the repository is in a state to be written to.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use super::discover::{GitPlace, Home};
use super::engine::Repository;
use super::engine::refs::HeadRef;
use super::error::{RepoError, WriteError};
use super::git::{Git, GitError};
use super::lock::{PATIENCE_WITH_GIT, PAUSE};
use super::objects::ObjectId;
use super::snapshot::{Staged, staged};

/// How many files in conflict a message names.
const NAMED_CONFLICTS: usize = 10;

/// What a writer needs to know of a repository that is ready for it.
pub(super) struct Ready {
    /// The top of the work tree.
    pub workdir: PathBuf,
    /// The full name of the branch that is checked out.
    pub branch: String,
    /// Its commit; `None` where it has none yet.
    pub head: Option<ObjectId>,
    /// The entries of the user's index.
    pub index: Vec<Staged>,
    /// What its file was like just before they were read.
    pub index_stamp: Option<IndexStamp>,
    /// git's configuration.
    pub settings: Settings,
    /// The repository, opened for this look.
    pub repo: Repository,
}

/// What the file of an index is like. git never changes it but by putting another file in its place, so where this is
/// the same, so is all that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct IndexStamp {
    modified: std::time::SystemTime,
    size: u64,
    file: u64,
}

impl IndexStamp {
    /// `None` where there is none, or nothing can be said of it.
    pub fn read(place: &GitPlace) -> Option<IndexStamp> {
        IndexStamp::of(&place.index_file())
    }

    /// That of a file.
    pub fn of(file: &std::path::Path) -> Option<IndexStamp> {
        let found = file.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some(IndexStamp { modified: found.modified().ok()?, size: found.len(), file: file_number(&found)? })
    }
}

#[cfg(unix)]
fn file_number(found: &std::fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::ino(found))
}

/// Without numbers of files nothing can be said for certain.
#[cfg(not(unix))]
fn file_number(_: &std::fs::Metadata) -> Option<u64> {
    None
}

/// Makes sure that deals may be written here: there is a work tree on a branch, nothing is half done, nothing is in
/// conflict, and git knows who commits.
///
/// # Errors
/// One for each of these, saying what to do. Nothing has been written then.
pub fn writable(home: &Home, git: &Git) -> Result<(), WriteError> {
    look(home, git, &mut |_| ()).map(drop)
}

/// Makes sure that git knows who commits. Needs no repository.
///
/// # Errors
/// When it does not.
pub fn knows_author(git: &Git) -> Result<(), WriteError> {
    identity(git, &Settings::read(git)?)
}

/// As [`writable`]; tells what it saw, and waits for a git that is at work.
pub(super) fn look(home: &Home, git: &Git, tell: &mut dyn FnMut(&str)) -> Result<Ready, WriteError> {
    let (place, workdir) = work_tree(home)?;
    let repo = place.open()?;
    no_operation(place, &repo)?;
    wait_for_index(place, tell)?;
    let index_stamp = IndexStamp::read(place);
    let index = staged(home, &repo)?;
    let unmerged = index.iter().filter(|e| e.stage != 0).map(|e| String::from_utf8_lossy(&e.path).into_owned());
    let mut paths: Vec<String> = unmerged.collect();
    paths.dedup();
    paths.truncate(NAMED_CONFLICTS);
    if !paths.is_empty() {
        return Err(WriteError::Unmerged { paths });
    }
    let (branch, head) = branch(&repo)?;
    let settings = Settings::read(git)?;
    identity(git, &settings)?;
    Ok(Ready { workdir, branch, head, index, index_stamp, settings, repo })
}

/// The repository and the top of its work tree.
pub(super) fn work_tree(home: &Home) -> Result<(&GitPlace, PathBuf), WriteError> {
    let place = home.repo.as_ref().ok_or_else(|| {
        let root = home.root.display();
        WriteError::NoWorkTree(format!("{root} is not in a git repository; `git init` makes one"))
    })?;
    let bare = || WriteError::NoWorkTree(format!("the repository at {} is bare", place.git_dir.display()));
    Ok((place, place.workdir.clone().ok_or_else(bare)?))
}

/// The branch that is checked out and its commit.
pub(super) fn branch(repo: &Repository) -> Result<(String, Option<ObjectId>), WriteError> {
    let HeadRef { branch, commit } = repo.head()?;
    let Some(branch) = branch else { return Err(WriteError::Detached) };
    let branch = String::from_utf8(branch).map_err(|_| {
        WriteError::NoWorkTree("the name of the branch is not UTF-8; `git switch` to another".to_owned())
    })?;
    if !branch.starts_with("refs/heads/") {
        return Err(WriteError::Detached);
    }
    Ok((branch, commit))
}

/// The commit of a branch.
pub(super) fn tip(repo: &Repository, branch: &str) -> Result<Option<ObjectId>, RepoError> {
    repo.tip(branch)
}

/// Whether a commit is another one or has it among its ancestors.
pub(super) fn contains(repo: &Repository, newer: ObjectId, older: ObjectId) -> Result<bool, WriteError> {
    Ok(repo.contains(newer, older)?)
}

/// Something that git has begun and not finished in a work tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it is, without an article: `merge`, `rebase`.
    pub what: &'static str,
    /// The command that finishes it.
    pub finish: &'static str,
    /// The command that gives it up.
    pub leave: &'static str,
}

impl Operation {
    /// Whether it only looks for a commit, and brings nothing in.
    pub(super) fn is_search(self) -> bool {
        self.what == "bisect"
    }
}

/// What is half done in the work tree; `None` when nothing is, and outside git.
///
/// # Errors
/// When the repository cannot be opened.
pub fn operation(home: &Home) -> Result<Option<Operation>, RepoError> {
    let Some(place) = &home.repo else { return Ok(None) };
    let asked = if place.by_program { Some(place.open()?) } else { None };
    half_done(place, asked.as_ref())
}

/// `repo` says whether there is a ref such as `REVERT_HEAD`; without it that is a file like the others.
fn half_done(place: &GitPlace, repo: Option<&Repository>) -> Result<Option<Operation>, RepoError> {
    let has = |name: &str| place.git_dir.join(name).exists();
    let has_ref = |name: &str| match repo {
        Some(repo) => repo.has_pseudoref(name),
        None => Ok(has(name)),
    };
    let (what, finish, leave) = if has("rebase-merge") || has("rebase-apply") && !has("rebase-apply/applying") {
        ("rebase", "git rebase --continue", "git rebase --abort")
    } else if has("rebase-apply") {
        ("git am", "git am --continue", "git am --abort")
    } else if has("MERGE_HEAD") {
        ("merge", "git merge --continue", "git merge --abort")
    } else if has_ref("REVERT_HEAD")? {
        ("revert", "git revert --continue", "git revert --abort")
    } else if has_ref("CHERRY_PICK_HEAD")? {
        ("cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort")
    } else if has("BISECT_LOG") {
        ("bisect", "git bisect reset", "git bisect reset")
    } else if has("sequencer/todo") {
        ("sequence of cherry-picks or reverts", "git cherry-pick --continue", "git cherry-pick --abort")
    } else {
        return Ok(None);
    };
    Ok(Some(Operation { what, finish, leave }))
}

/// Refuses while a merge or the like is half done.
fn no_operation(place: &GitPlace, repo: &Repository) -> Result<(), WriteError> {
    match half_done(place, Some(repo))? {
        None => Ok(()),
        Some(Operation { what, finish, leave }) => Err(WriteError::InProgress { what, finish, leave }),
    }
}

/// Waits until no other git writes the index.
pub(super) fn wait_for_index(place: &GitPlace, tell: &mut dyn FnMut(&str)) -> Result<(), WriteError> {
    let mut name = place.index_file().into_os_string();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let begun = Instant::now();
    let mut told = false;
    while lock.symlink_metadata().is_ok() {
        if begun.elapsed() > PATIENCE_WITH_GIT {
            return Err(WriteError::Locked {
                what: lock.display().to_string(),
                holder: "another git process, or was left by one that crashed".to_owned(),
            });
        }
        if !told && begun.elapsed() > PAUSE {
            told = true;
            tell(&format!("waiting for another git to finish ({} is there)", lock.display()));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Makes sure that git would not guess who commits.
pub(super) fn identity(git: &Git, settings: &Settings) -> Result<(), WriteError> {
    let filled = |value: Option<String>| value.is_some_and(|v| !v.trim().is_empty());
    let variable = |name: &str| git.env(name).map(|v| v.to_string_lossy().into_owned());
    let known = |role: &str, part: &str| {
        filled(variable(&format!("GIT_{}_{}", role.to_uppercase(), part.to_uppercase())))
            || filled(settings.text(&format!("{role}.{part}")).map(str::to_owned))
            || filled(settings.text(&format!("user.{part}")).map(str::to_owned))
            || part == "email" && !settings.yes("user.useconfigonly") && filled(variable("EMAIL"))
    };
    let all = ["author", "committer"].iter().all(|role| known(role, "name") && known(role, "email"));
    if all { Ok(()) } else { Err(WriteError::NoIdentity) }
}

/// git's configuration, as the `git` program sees it with all its files and variables.
pub(super) struct Settings {
    values: HashMap<String, String>,
}

impl Settings {
    pub(super) fn read(git: &Git) -> Result<Settings, GitError> {
        Ok(Settings::parse(&git.command("config").reading().args(["--list", "-z"]).bytes()?))
    }

    /// Reads `KEY LF VALUE NUL`, or `KEY NUL` for a key that is just there. The last of several counts.
    fn parse(out: &[u8]) -> Settings {
        let entries = out.split(|b| *b == 0).filter(|e| !e.is_empty());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let values = entries.map(|entry| match entry.iter().position(|b| *b == b'\n') {
            Some(i) => (text(&entry[..i]), text(&entry[i + 1..])),
            None => (text(entry), "true".to_owned()),
        });
        Settings { values: values.collect() }
    }

    /// A value. Sections and keys are lower case.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Whether a value says yes.
    pub(super) fn yes(&self, key: &str) -> bool {
        let yes = ["true", "yes", "on"];
        self.text(key).is_some_and(|v| {
            yes.iter().any(|y| v.eq_ignore_ascii_case(y)) || v.parse::<i64>().is_ok_and(|number| number != 0)
        })
    }

    /// Whether any key begins like this.
    pub(super) fn any(&self, beginning: &str) -> bool {
        self.values.keys().any(|k| k.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_read_as_git_means_it() {
        let settings =
            Settings::parse(b"user.name\nOlga\0commit.gpgsign\0core.autocrlf\nfalse\0core.autocrlf\nINPUT\0x.y\n2\0");
        assert_eq!(settings.text("user.name"), Some("Olga"));
        assert!(settings.yes("commit.gpgsign") && settings.yes("x.y"));
        assert_eq!(settings.text("core.autocrlf"), Some("INPUT"));
        assert!(!settings.yes("core.autocrlf") && !settings.yes("nothing"));
        assert!(settings.any("user.") && !settings.any("hook."));
    }
}
