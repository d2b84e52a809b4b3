//! What two states of a repository have otherwise: files by their paths, and the commits in between.

use std::collections::BTreeMap;

use super::discover::Home;
use super::engine::{Kind, whole_folder};
use super::error::RepoError;
use super::git::{Git, GitError};
use super::merged::bases;
use super::objects::{GitObjects, ObjectError, ObjectId, Objects as _};
use super::snapshot::{kind_of, parse_id};
use super::worktree::MAX_FILE;
use crate::format::source::EntryKind;

/// A file on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// What it is.
    pub kind: EntryKind,
    /// Mode as git writes it.
    pub mode: u32,
    /// Its object; `None` where it lies in the work tree and has none yet.
    pub id: Option<ObjectId>,
}

/// A file that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDifference {
    /// Path below the repository's root, lossily where it is not UTF-8.
    pub path: String,
    /// Before; `None` where it was not there.
    pub old: Option<Side>,
    /// After; `None` where it is gone.
    pub new: Option<Side>,
}

impl FileDifference {
    /// The letter that git has for it: `A`, `D`, `M` or `T`.
    pub fn status(&self) -> char {
        match (&self.old, &self.new) {
            (None, _) => 'A',
            (_, None) => 'D',
            (Some(old), Some(new)) if old.kind != new.kind => 'T',
            _ => 'M',
        }
    }
}

/// The files in which two commits differ, in the whole repository, by path. Folders that are the same on both sides are
/// not looked into, and no file is read. Without `base` all files are new.
///
/// # Errors
/// When a commit or a folder cannot be read.
pub fn between(home: &Home, base: Option<ObjectId>, head: ObjectId) -> Result<Vec<FileDifference>, RepoError> {
    let repository = home.place()?.open()?;
    let objects = GitObjects::open(&repository)?;
    let reading = |id: ObjectId| RepoError::object(format!("read commit {}", id.short()));
    let tree = |id: ObjectId| objects.commit(id).map(|commit| commit.tree).map_err(reading(id));
    let (base, head) = (base.map(&tree).transpose()?, tree(head)?);
    compare(&objects, base, head).map_err(RepoError::object("compare two commits"))
}

type Level = BTreeMap<Vec<u8>, (u32, ObjectId)>;

fn compare(
    objects: &GitObjects<'_>,
    base: Option<ObjectId>,
    head: ObjectId,
) -> Result<Vec<FileDifference>, ObjectError> {
    let listed = |folder: Option<ObjectId>| -> Result<Level, ObjectError> {
        let Some(folder) = folder else { return Ok(Level::new()) };
        let listed = whole_folder(folder, &objects.tree(folder)?)?;
        Ok(listed.into_iter().map(|(name, mode, id)| (name, (mode, id))).collect())
    };
    let folder = |side: &Option<(u32, ObjectId)>| side.filter(|(mode, _)| kind_of(*mode) == EntryKind::Folder);
    let file = |side: Option<(u32, ObjectId)>| {
        let side = side.filter(|(mode, _)| kind_of(*mode) != EntryKind::Folder);
        side.map(|(mode, id)| Side { kind: kind_of(mode), mode, id: Some(id) })
    };
    let mut found = Vec::new();
    let mut left = vec![(Vec::new(), base, Some(head))];
    while let Some((prefix, base, head)) = left.pop() {
        if base == head {
            continue;
        }
        let (old, mut new) = (listed(base)?, listed(head)?);
        let pairs = old.into_iter().map(|(name, old)| {
            let new = new.remove(&name);
            (name, Some(old), new)
        });
        let mut pairs: Vec<_> = pairs.collect();
        pairs.extend(new.into_iter().map(|(name, new)| (name, None, Some(new))));
        for (name, old, new) in pairs.into_iter().filter(|(_, old, new)| old != new) {
            let path = if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() };
            let (old_folder, new_folder) = (folder(&old), folder(&new));
            let (old, new) = (file(old), file(new));
            if old.is_some() || new.is_some() {
                found.push(FileDifference { path: String::from_utf8_lossy(&path).into_owned(), old, new });
            }
            if old_folder.is_some() || new_folder.is_some() {
                left.push((path, old_folder.map(|(_, id)| id), new_folder.map(|(_, id)| id)));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The files in which the work tree differs from a commit, by path, with those that are not in git and not ignored.
/// Without `base` all files are new.
///
/// # Errors
/// When git cannot compare them.
pub fn of_work_tree(git: &Git, base: Option<ObjectId>) -> Result<Vec<FileDifference>, RepoError> {
    let mut found: BTreeMap<String, FileDifference> = BTreeMap::new();
    if let Some(base) = base {
        let run = git.command("diff").reading().args(["--raw", "-z", "--no-renames", "--no-ext-diff"]);
        let run = run.args([
            "--no-textconv",
            "--no-relative",
            "--no-abbrev",
            "--ignore-submodules=dirty",
            &base.to_string(),
            "--",
        ]);
        let out = run.bytes()?;
        let mut parts = out.split(|b| *b == 0);
        while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
            let head = String::from_utf8_lossy(head).into_owned();
            let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
            let [old_mode, new_mode, old_id, new_id, _] = words[..] else {
                return Err(GitError::Answer { command: "git diff".into(), answer: head.clone() }.into());
            };
            let path = String::from_utf8_lossy(path).into_owned();
            let (old, new) = (side(old_mode, old_id), side(new_mode, new_id));
            // A file in conflict is told twice, the first time without what lies in the work tree.
            match found.get_mut(&path) {
                Some(known) => {
                    known.old = known.old.or(old);
                    known.new = known.new.or(new);
                }
                None => drop(found.insert(path.clone(), FileDifference { path, old, new })),
            }
        }
    }
    let run = git.command("ls-files").reading().args(["-z", "--others", "--exclude-standard", "--full-name"]);
    for path in run.bytes()?.split(|b| *b == 0).filter(|path| !path.is_empty() && !path.ends_with(b"/")) {
        let path = String::from_utf8_lossy(path).into_owned();
        let new = Some(Side { kind: EntryKind::File, mode: 0o100_644, id: None });
        match found.get_mut(&path) {
            Some(known) => known.new = known.new.or(new),
            None => drop(found.insert(path.clone(), FileDifference { path, old: None, new })),
        }
    }
    Ok(found.into_values().filter(|one| one.old.is_some() || one.new.is_some()).collect())
}

fn side(mode: &str, id: &str) -> Option<Side> {
    let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode != 0)?;
    let written = id.bytes().any(|b| b != b'0');
    Some(Side { kind: kind_of(mode), mode, id: parse_id(id).filter(|_| written) })
}

/// Where a link leads, as a commit or the work tree has it; `None` where it cannot be read.
pub fn link_target(home: &Home, file: &FileDifference) -> Option<String> {
    let side = file.new.filter(|side| side.kind == EntryKind::Symlink)?;
    let place = home.repo.as_ref()?;
    let bytes = match side.id {
        Some(id) => place.open().ok()?.read_up_to(id, Kind::Blob, MAX_FILE).ok()??,
        None => {
            let full = place.workdir.as_ref()?.join(&file.path);
            std::fs::read_link(full).ok()?.to_string_lossy().into_owned().into_bytes()
        }
    };
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last common ancestor of two commits; the first that git names where there are several, `None` where there is none.
///
/// # Errors
/// When git cannot find it.
pub fn merge_base(git: &Git, one: ObjectId, other: ObjectId) -> Result<Option<ObjectId>, RepoError> {
    Ok(bases(git, &[one, other])?.first().copied())
}

/// A commit as a list of commits tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCommit {
    /// Its id.
    pub id: ObjectId,
    /// When it was made, as its author says, in seconds since 1970.
    pub author_time: i64,
    /// When it was put on its branch, as whoever did says.
    pub committer_time: i64,
    /// Who made it, as the commit says.
    pub author: String,
}

/// The commits that `head` has and `base` has not, the newest first.
///
/// # Errors
/// When git cannot list them.
pub fn commits_between(git: &Git, base: Option<ObjectId>, head: ObjectId) -> Result<Vec<ListedCommit>, RepoError> {
    let not = base.map(|base| format!("^{base}"));
    let run = git.command("log").reading().args(["-z", "--no-show-signature", "--no-mailmap"]);
    let run = run.args(["--format=%H %at %ct %an", &head.to_string()]).args(not).args(["--"]);
    let out = run.bytes()?;
    let lines = out.split(|b| *b == 0).filter(|line| !line.is_empty());
    let commit = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.trim_start().splitn(4, ' ');
        let id = words.next().and_then(parse_id);
        let mut time = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (author_time, committer_time) = (time(), time());
        let author = words.next().unwrap_or_default().to_owned();
        let odd = || GitError::Answer { command: "git log".into(), answer: line.clone() };
        Ok(ListedCommit { id: id.ok_or_else(odd)?, author_time, committer_time, author })
    };
    lines.map(commit).collect()
}

/// When a commit was put on its branch, in seconds since 1970.
///
/// # Errors
/// When it cannot be read.
pub fn committed_at(home: &Home, commit: ObjectId) -> Result<i64, RepoError> {
    let repository = home.place()?.open()?;
    let reading = RepoError::object(format!("read commit {}", commit.short()));
    repository.commit(commit).map(|commit| commit.committer_time).map_err(reading)
}
