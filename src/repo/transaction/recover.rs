//! Finishes, or takes back, what a tussock that ended too early has left.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::exchange;
use super::index_lock::{self, IndexLock};
use super::journal::{self, Entry, Found, Journal, Moved};
use super::place::{self, Telling, Undone};
use super::ref_locks;
use super::scratch::{self, Scratch, state_folder};
use crate::repo::discover::{GitPlace, Home};
use crate::repo::error::WriteError;
use crate::repo::git::{Git, GitError};
use crate::repo::lock;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::{Staged, parse_id, read_staged};
use crate::repo::state;

/// What was found unfinished, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// What the action was, in words.
    pub subject: String,
    /// The command as it was typed, where the action says so.
    pub command: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// What is left as it was found, with the reason, one sentence each.
    pub left: Vec<String>,
}

/// How an unfinished action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It had not been committed: nothing of it remains, and it can be done again.
    TakenBack,
    /// It was committed; now the work tree and the index follow.
    Finished(ObjectId),
    /// It was to change the work tree and the index only; now they are changed.
    Staged,
    /// It was committed, and somebody has moved the branch elsewhere since. The files are left as they are.
    Superseded {
        /// The commit of the action.
        commit: ObjectId,
        /// The branch.
        branch: String,
        /// Where the branch is now.
        now: ObjectId,
    },
    /// It was committed, and another branch is checked out since. The files are left as they are.
    Elsewhere {
        /// The commit of the action.
        commit: ObjectId,
        /// The branch that it is on.
        branch: String,
    },
}

/// Whether an action is unfinished and nobody is at work on it: what it was, in words. Changes nothing.
///
/// # Errors
/// When the journal cannot be read.
pub fn unfinished(home: &Home) -> Result<Option<String>, WriteError> {
    let Some(place) = home.repo.as_ref().filter(|p| p.workdir.is_some()) else { return Ok(None) };
    // The journal of a living tussock is its own business. Looked at before the lock: what is there and has no owner
    // afterwards is nobody's.
    let found = journal::read(place)?;
    if found == Found::Nothing || lock::is_held(place) || journal::read(place)? != found {
        return Ok(None);
    }
    Ok(match found {
        Found::Whole(journal) => Some(journal.subject),
        Found::Torn => Some("a change that was stopped before it began".to_owned()),
        Found::Nothing => None,
    })
}

/// The commit that an unfinished action has made for a branch; `None` where there is none.
///
/// # Errors
/// When the journal cannot be read.
pub(in crate::repo) fn wanted_commit(place: &GitPlace, branch: &str) -> Result<Option<ObjectId>, WriteError> {
    let Found::Whole(journal) = journal::read(place)? else { return Ok(None) };
    Ok(journal.moved.filter(|moved| moved.branch == branch).and_then(|moved| parse_id(&moved.new)))
}

/// Finishes what a process that died has begun, or takes it back: see [`Ending`]. To be called before files are read
/// for a change. `None` when there is nothing to do, which is nearly always. `tell` gets a line when there is something
/// to wait for.
///
/// # Errors
/// See [`WriteError`]. [`WriteError::Pending`] when it cannot be finished now either.
pub fn recover(home: &Home, git: &Git, tell: &mut dyn FnMut(&str)) -> Result<Option<Recovered>, WriteError> {
    let (place, _) = state::work_tree(home)?;
    let there = |path: PathBuf| path.symlink_metadata().is_ok();
    if !there(journal::path(place)) && !index_lock::is_left(place) {
        // Nobody waits for what is only litter.
        if scratch::any(place)
            && let Some(_lock) = lock::take_if_free(place)?
        {
            scratch::remove_old(&state_folder(place))?;
        }
        return Ok(None);
    }
    let lock = lock::take(place, tell)?;
    recover_holding(home, git, place, &lock, tell)
}

/// As [`recover`], with the lock held.
pub(super) fn recover_holding(
    home: &Home,
    git: &Git,
    place: &GitPlace,
    _lock: &lock::Lock,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<Recovered>, WriteError> {
    let recovered = match journal::read(place)? {
        Found::Nothing => {
            index_lock::remove_left(place)?;
            return Ok(None);
        }
        Found::Torn => None,
        Found::Whole(journal) => {
            let workdir = state::work_tree(home)?.1;
            let recovery = Recovery { git, place, workdir, journal: &journal };
            let (ending, left) = recovery.run(tell)?;
            recovery.remove_leftovers()?;
            Some(Recovered { subject: journal.subject.clone(), command: journal.command.clone(), ending, left })
        }
    };
    index_lock::remove_left(place)?;
    // The journal counts on the scratch folder: without it, whoever is cut short here would be told that somebody else
    // changed the index. A folder without a journal is only in the way, and the next one removes it.
    journal::remove(place, git.fsync())?;
    scratch::remove_old(&state_folder(place))?;
    Ok(recovered)
}

struct Recovery<'a> {
    git: &'a Git,
    place: &'a GitPlace,
    workdir: PathBuf,
    journal: &'a Journal,
}

impl Recovery<'_> {
    fn run(&self, tell: &mut dyn FnMut(&str)) -> Result<(Ending, Vec<String>), WriteError> {
        let Some(moved) = &self.journal.moved else {
            let all: Vec<&Entry> = self.journal.files.iter().collect();
            let left = self.roll_forward(None, &all, tell)?;
            return Ok((Ending::Staged, left));
        };
        let new = self.id(&moved.new)?;
        ref_locks::remove_left(self.place, &moved.branch, &moved.new)?;
        let tip = self.tip(&moved.branch)?;
        match tip {
            tip if tip.map(|t| t.to_string()) == moved.old => {
                self.must_be_whole(moved)?;
                let back =
                    self.journal.index.as_ref().map_or(Ok(true), |then| exchange::take_back_left(self.place, then))?;
                let left = "the index was changed meanwhile and is left as it is; `git status` shows what is staged";
                Ok((Ending::TakenBack, if back { Vec::new() } else { vec![left.to_owned()] }))
            }
            None => Err(self.broken_branch(moved)),
            Some(tip) if tip == new || self.contains(tip, new)? => {
                let head = self.git.command("symbolic-ref").reading().args(["-q", "HEAD"]).run()?;
                if !head.ok || String::from_utf8_lossy(&head.out).trim() != moved.branch {
                    return Ok((Ending::Elsewhere { commit: new, branch: moved.branch.clone() }, Vec::new()));
                }
                let files = self.still_so(tip, new)?;
                let left = self.roll_forward(Some(new), &files, tell)?;
                place::flush_refs(self.git, self.place, &moved.branch)?;
                Ok((Ending::Finished(new), left))
            }
            Some(now) => Ok((Ending::Superseded { commit: new, branch: moved.branch.clone(), now }, Vec::new())),
        }
    }

    fn id(&self, hex: &str) -> Result<ObjectId, WriteError> {
        let path = journal::path(self.place).display().to_string();
        parse_id(hex).ok_or_else(|| WriteError::Journal { path, reason: format!("{hex:?} is no id") })
    }

    /// The commit of a branch.
    fn tip(&self, branch: &str) -> Result<Option<ObjectId>, WriteError> {
        let spec = format!("{branch}^{{commit}}");
        let ran = self.git.command("rev-parse").reading().args(["--verify", "-q", "--end-of-options", &spec]).run()?;
        if !ran.ok {
            return Ok(None);
        }
        self.id(String::from_utf8_lossy(&ran.out).trim()).map(Some)
    }

    /// A branch without commits is one whose file is not there: an empty one is what a power cut leaves.
    fn must_be_whole(&self, moved: &Moved) -> Result<(), WriteError> {
        let file = self.place.common_dir.join(&moved.branch);
        if moved.old.is_none() && file.symlink_metadata().is_ok_and(|m| m.is_file()) {
            return Err(self.broken_branch(moved));
        }
        Ok(())
    }

    fn broken_branch(&self, moved: &Moved) -> WriteError {
        let was = moved.old.as_ref().map_or(String::new(), |old| format!(" (it was at {old} before)"));
        WriteError::BrokenBranch { branch: moved.branch.clone(), hint: format!("commit {}{was}", moved.new) }
    }

    fn contains(&self, tip: ObjectId, commit: ObjectId) -> Result<bool, WriteError> {
        let args = ["--is-ancestor".to_owned(), commit.to_string(), tip.to_string()];
        Ok(self.git.command("merge-base").reading().args(args).run()?.ok)
    }

    /// The files of the action that the branch still has as the action left them: where it has gone on, the later
    /// commits count.
    fn still_so(&self, tip: ObjectId, new: ObjectId) -> Result<Vec<&Entry>, WriteError> {
        let files = self.journal.files.iter();
        if tip == new {
            return Ok(files.collect());
        }
        let now = self.listed(&["ls-tree", "-r", "-z", "--full-tree"], &tip.to_string())?;
        let at = |path: &str| now.get(path.as_bytes()).map(String::as_str);
        let so = |file: &&Entry| {
            let old_gone = file.in_place() || file.old.as_ref().is_none_or(|old| at(&old.path).is_none());
            old_gone && file.new.as_ref().is_none_or(|new| at(&new.path) == Some(&new.blob))
        };
        Ok(files.filter(so).collect())
    }

    /// Paths and ids of a listing in the form of `git ls-tree -z`.
    fn listed(&self, command: &[&str], of: &str) -> Result<HashMap<Vec<u8>, String>, WriteError> {
        let (name, args) = command.split_first().unwrap_or((&"", &[]));
        let out = self.git.command(name).reading().args(args).args([of]).bytes()?;
        let mut found = HashMap::new();
        for line in out.split(|b| *b == 0).filter(|l| !l.is_empty()) {
            let tab = line.iter().position(|b| *b == b'\t').unwrap_or(line.len());
            let words = String::from_utf8_lossy(&line[..tab]).into_owned();
            let id = words.split(' ').nth(2).unwrap_or_default().to_owned();
            found.insert(line.get(tab + 1..).unwrap_or_default().to_vec(), id);
        }
        Ok(found)
    }

    /// Brings the work tree and the index up to the action; returns what is left alone.
    fn roll_forward(
        &self,
        commit: Option<ObjectId>,
        files: &[&Entry],
        tell: &mut dyn FnMut(&str),
    ) -> Result<Vec<String>, WriteError> {
        let contents = self.contents(files)?;
        let scratch = Scratch::new(self.place)?;
        let ((), index_lock) = IndexLock::take(self.place, &scratch, self.git.fsync(), &|| (), tell)?;
        let mut undone = Undone::default();
        place::update_files(&self.workdir, files, &contents, self.git.fsync(), &mut undone);
        let entries = self.staged()?;
        let (mut wanted, mut journal) = (Vec::new(), self.journal.clone());
        for file in files {
            match standing(file, &entries) {
                Standing::Before => wanted.push(*file),
                Standing::After => {}
                Standing::Foreign => {
                    undone
                        .foreign
                        .push(format!("{} is staged otherwise meanwhile, which is left as it is", file.path()));
                }
            }
        }
        journal.others.retain(|other| {
            let now = entries.get(other.path.as_slice()).filter(|e| e.stage == 0).map(|e| (e.mode, e.id.to_string()));
            now == other.old
        });
        if !wanted.is_empty() || !journal.others.is_empty() {
            let set = place::update_index(self.git, self.place, &scratch, &journal, &wanted, &Telling::ByEntry);
            undone.failed.extend(set.err().map(|e| e.to_string()));
        }
        if undone.failed.is_empty() {
            index_lock.release()?;
            return Ok(undone.foreign);
        }
        let paths = self.journal.files.iter().map(|f| f.path().to_owned()).collect();
        Err(WriteError::Pending { commit, paths, what: undone.failed.join("; ") })
    }

    /// The bytes that the new files shall have.
    fn contents(&self, files: &[&Entry]) -> Result<Vec<Cow<'_, [u8]>>, WriteError> {
        let needed = |f: &&&Entry| f.bytes.is_none() && f.new.is_some();
        let blobs: Vec<&str> =
            files.iter().filter(needed).filter_map(|f| Some(f.new.as_ref()?.blob.as_str())).collect();
        let mut read = read_blobs(self.git, &blobs)?.into_iter();
        let mut contents = Vec::with_capacity(files.len());
        for file in files {
            contents.push(match (&file.bytes, &file.new) {
                (Some(bytes), _) => Cow::Owned(bytes.as_slice().to_vec()),
                (None, Some(_)) => Cow::Owned(read.next().unwrap_or_default()),
                (None, None) => Cow::Borrowed(&[][..]),
            });
        }
        Ok(contents)
    }

    fn staged(&self) -> Result<HashMap<Vec<u8>, Staged>, WriteError> {
        let out = self.git.command("ls-files").reading().args(["--stage", "-t", "-z"]).bytes()?;
        Ok(read_staged(&out)?.into_iter().map(|e| (e.path.clone(), e)).collect())
    }

    /// Removes files that were being written when the process died.
    fn remove_leftovers(&self) -> Result<(), WriteError> {
        let paths = self.journal.files.iter().filter_map(|f| f.new.as_ref()).map(|f| self.workdir.join(&f.path));
        let mut folders: Vec<PathBuf> = paths.filter_map(|p| p.parent().map(Path::to_owned)).collect();
        folders.sort();
        folders.dedup();
        for folder in folders {
            let Ok(listed) = std::fs::read_dir(&folder) else { continue };
            for item in listed {
                let item = item.map_err(WriteError::io("list", &folder))?;
                let name = item.file_name();
                let name = name.to_string_lossy();
                if name.starts_with(place::TEMP.0) && name.ends_with(place::TEMP.1) {
                    std::fs::remove_file(item.path()).map_err(WriteError::io("remove", &item.path()))?;
                }
            }
        }
        Ok(())
    }
}

/// How the index stands to a file of the action.
enum Standing {
    Before,
    After,
    Foreign,
}

fn standing(file: &Entry, index: &HashMap<Vec<u8>, Staged>) -> Standing {
    let entry = |path: &str| index.get(path.as_bytes());
    let is = |path: &str, ids: &[&str]| {
        entry(path).is_some_and(|e| e.stage == 0 && ids.iter().any(|id| *id == e.id.to_string()))
    };
    let absent = |path: &str| entry(path).is_none();
    let old = file.old.as_ref();
    // Edits that were wholly staged are as good as what HEAD had.
    let old_is = old.is_some_and(|f| is(&f.path, &[&f.blob, &f.sum]));
    let new_is = file.new.as_ref().is_some_and(|f| is(&f.path, &[&f.blob]));
    if file.in_place() {
        return if new_is {
            Standing::After
        } else if old_is {
            Standing::Before
        } else {
            Standing::Foreign
        };
    }
    let old_gone = old.is_none_or(|f| absent(&f.path));
    let new_missing = file.new.as_ref().is_none_or(|f| absent(&f.path));
    match (old_is || old_gone, new_is, new_missing) {
        (true, true, _) if old_gone => Standing::After,
        (true, false, true) if old_gone && file.new.is_none() => Standing::After,
        (true, true, _) | (true, false, true) => Standing::Before,
        _ => Standing::Foreign,
    }
}

/// The bytes of some blobs.
fn read_blobs(git: &Git, ids: &[&str]) -> Result<Vec<Vec<u8>>, WriteError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let input: Vec<u8> = ids.iter().flat_map(|id| id.bytes().chain(*b"\n")).collect();
    let out = git.command("cat-file").reading().args(["--batch"]).stdin(&input).bytes()?;
    let mut rest = &out[..];
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let answer = |line: &[u8]| {
            let answer = String::from_utf8_lossy(line).into_owned();
            WriteError::from(GitError::Answer { command: "git cat-file --batch".to_owned(), answer })
        };
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(|| answer(rest))?;
        let line = &rest[..end];
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split(' ').collect();
        let size = match words[..] {
            [found, "blob", size] if found == *id => size.parse::<usize>().ok(),
            _ => None,
        };
        let start = end + 1;
        let bytes = size.and_then(|size| rest.get(start..start + size)).ok_or_else(|| answer(line))?;
        found.push(bytes.to_vec());
        rest = rest.get(start + bytes.len() + 1..).unwrap_or_default();
    }
    Ok(found)
}
