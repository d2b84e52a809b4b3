//! The one way in which anything is written to a repository.
//!
//! The order is what makes it safe. Objects first: nothing refers to them, so a failure leaves the state as it was.
//! Then the branch, compared and swapped in one step: from here on the change is made. Last the work tree and the
//! index. Before the branch a journal is written that tells all of this, so that whoever comes next can finish it
//! whenever something stops us before it is done.

mod check;
mod exchange;
mod fault;
mod index_lock;
mod journal;
mod message;
mod objects;
mod place;
mod recover;
mod ref_locks;
mod scratch;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(super) use index_lock::is_left as index_lock_is_left;
pub(super) use recover::wanted_commit;
pub use recover::{Ending, Recovered, recover, unfinished};

use self::exchange::Exchange;
use self::index_lock::IndexLock;
use self::journal::{Bytes, Entry, FileThen, Journal, Moved, Other, checksum};
use self::place::{Telling, Undone};
use self::scratch::Scratch;
use super::discover::{GitPlace, Home};
use super::error::WriteError;
use super::git::{Git, GitError, IN_TRANSACTION};
use super::hooks::Hooks;
use super::lock::{self, Lock};
use super::objects::ObjectId;
use super::snapshot::staged;
use super::state::{self, IndexStamp, Ready};

/// How long git waits for another one that has the branch locked; by itself it would for a tenth of a second only.
const REF_PATIENCE: &str = "core.filesRefLockTimeout=5000";

/// How often an action is planned again when others commit at the same time.
const TRIES: usize = 30;

/// A file at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Path below the repository's root, parts joined with `/`.
    pub path: String,
    /// The bytes in the work tree.
    pub bytes: Vec<u8>,
}

/// What happens to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file as it was read; `None` for a new one. When it is no longer so, nothing is written.
    pub before: Option<FileState>,
    /// The file as it shall be; `None` to remove it.
    pub after: Option<FileState>,
    /// Whether what the user has changed in the file and not committed, or not even added, goes into the commit too.
    pub with_edits: bool,
    /// Whether a new file is one that can be run; files that are there stay what they are.
    pub executable: bool,
}

impl FileChange {
    /// A new file.
    pub fn create(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let after = FileState { path: path.into(), bytes: bytes.into() };
        FileChange { before: None, after: Some(after), with_edits: false, executable: false }
    }

    /// Another content for a file that stays where it is.
    pub fn edit(path: impl Into<String>, was: impl Into<Vec<u8>>, bytes: impl Into<Vec<u8>>) -> Self {
        let path = path.into();
        FileChange::relocate(path.clone(), was, path, bytes)
    }

    /// Another place, and perhaps another content.
    pub fn relocate(
        from: impl Into<String>,
        was: impl Into<Vec<u8>>,
        to: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        FileChange {
            before: Some(FileState { path: from.into(), bytes: was.into() }),
            after: Some(FileState { path: to.into(), bytes: bytes.into() }),
            with_edits: false,
            executable: false,
        }
    }

    /// Removes a file.
    pub fn remove(path: impl Into<String>, was: impl Into<Vec<u8>>) -> Self {
        let before = FileState { path: path.into(), bytes: was.into() };
        FileChange { before: Some(before), after: None, with_edits: false, executable: false }
    }

    /// The same change, which also takes what the user has edited in the file and not committed.
    #[must_use]
    pub fn taking_edits(self) -> Self {
        FileChange { with_edits: true, ..self }
    }

    /// The same change; a new file can be run where `executable` says so.
    #[must_use]
    pub fn running(self, executable: bool) -> Self {
        FileChange { executable, ..self }
    }

    fn before_path(&self) -> Option<&str> {
        self.before.as_ref().map(|f| f.path.as_str())
    }

    fn after_path(&self) -> Option<&str> {
        self.after.as_ref().map(|f| f.path.as_str())
    }

    /// Whether the file stays where it is.
    fn in_place(&self) -> bool {
        self.before.is_some() && self.before_path() == self.after_path()
    }
}

/// One action: becomes one commit, or nothing.
#[derive(Clone, Debug, Default)]
pub struct Action {
    /// What happens to which files.
    pub changes: Vec<FileChange>,
    /// The first line of the message.
    pub subject: String,
    /// The rest of the message; may be empty.
    pub body: String,
    /// Lines of `Key: value` at the end of the message.
    pub trailers: Vec<(String, String)>,
    /// The author's date, in any form that git reads; now where it is `None`.
    pub date: Option<String>,
    /// The command as it was typed, and where: should the action be cut short and then finished by somebody else, a
    /// second try of the same command is told from a new one by it.
    pub command: Option<String>,
}

/// What an action has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The commit.
    pub commit: ObjectId,
    /// The paths that were changed, below the repository's root, sorted.
    pub paths: Vec<String>,
    /// What the hooks printed.
    pub printed: String,
}

/// How one try ended.
enum Try {
    Done(Done),
    /// Somebody else moved the branch first.
    Overtaken,
}

/// Does an action: one commit on the branch that is checked out, then the work tree and the index. Every other change
/// of the user, staged or not, stays as it is. `tell` gets a line when there is something to wait for.
///
/// # Errors
/// See [`WriteError`]. Of all but [`WriteError::Pending`], nothing has changed.
pub fn commit(home: &Home, git: &Git, action: &Action, tell: &mut dyn FnMut(&str)) -> Result<Done, WriteError> {
    commit_holding(home, git, action, &|| (), tell)
}

/// As [`commit`]; what `hold` returns is kept from just before the branch is moved until the work tree and the index
/// have followed it. A program that shall not be stopped half-way holds its signals off with it.
///
/// # Errors
/// As for [`commit`].
pub fn commit_holding<H>(
    home: &Home,
    git: &Git,
    action: &Action,
    hold: &dyn Fn() -> H,
    tell: &mut dyn FnMut(&str),
) -> Result<Done, WriteError> {
    let changes = real_changes(home, git, &action.changes)?;
    let (place, _) = state::work_tree(home)?;
    let lock = lock::take(place, tell)?;
    let writer = Writer { home, git, place, lock: &lock };
    writer.finish_others(tell)?;
    for number in 0..TRIES {
        match writer.attempt(action, &changes, hold, tell) {
            Ok(Try::Done(done)) => return Ok(done),
            Ok(Try::Overtaken) => {}
            // What was fine at first is not any more: the one who was faster changed the same files.
            Err(e @ (WriteError::Dirty { .. } | WriteError::Untracked { .. } | WriteError::Exists { .. }))
                if number > 0 =>
            {
                return Err(WriteError::Conflict { what: format!("somebody else changed the same file ({e})") });
            }
            Err(e) => return Err(e),
        }
    }
    Err(WriteError::Conflict { what: format!("others committed {TRIES} times in a row") })
}

/// Makes the changes of an action in the work tree and the index only, for the user to commit; returns the changed
/// paths, sorted. The same must hold as for [`commit_holding`].
///
/// # Errors
/// See [`WriteError`]. Of all but [`WriteError::Pending`], nothing has changed.
pub fn stage_holding<H>(
    home: &Home,
    git: &Git,
    action: &Action,
    hold: &dyn Fn() -> H,
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<String>, WriteError> {
    let changes = real_changes(home, git, &action.changes)?;
    let (place, _) = state::work_tree(home)?;
    let lock = lock::take(place, tell)?;
    let writer = Writer { home, git, place, lock: &lock };
    writer.finish_others(tell)?;
    for _ in 0..TRIES {
        if writer.attempt_staging(action, &changes, hold, tell)? {
            return Ok(paths_of(&changes));
        }
    }
    Err(WriteError::Conflict { what: format!("others changed the index {TRIES} times in a row") })
}

/// As [`stage_holding`], with nothing to hold.
///
/// # Errors
/// As for [`stage_holding`].
pub fn stage(
    home: &Home,
    git: &Git,
    changes: &[FileChange],
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<String>, WriteError> {
    let action = Action { changes: changes.to_vec(), ..Action::default() };
    stage_holding(home, git, &action, &|| (), tell)
}

/// Makes sure that changes could be committed as things are, and writes nothing: for showing what would be done.
///
/// # Errors
/// See [`WriteError`].
pub fn possible(home: &Home, git: &Git, changes: &[FileChange], tell: &mut dyn FnMut(&str)) -> Result<(), WriteError> {
    let changes = real_changes(home, git, changes)?;
    check::plan(git, &state::look(home, git, tell)?, &changes).map(drop)
}

/// The changes that change something, all of them allowed.
fn real_changes<'a>(home: &Home, git: &Git, changes: &'a [FileChange]) -> Result<Vec<&'a FileChange>, WriteError> {
    let changes: Vec<&FileChange> = changes.iter().filter(|c| c.before != c.after).collect();
    if changes.is_empty() {
        return Err(WriteError::Unchanged);
    }
    check::paths(home, &changes)?;
    if git.env(IN_TRANSACTION).is_some() {
        return Err(WriteError::Nested);
    }
    Ok(changes)
}

/// All paths that changes touch, sorted.
fn paths_of(changes: &[&FileChange]) -> Vec<String> {
    let paths = changes.iter().flat_map(|c| c.before_path().into_iter().chain(c.after_path()));
    let mut paths: Vec<String> = paths.map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Who writes, and where; has the lock.
struct Writer<'a> {
    home: &'a Home,
    git: &'a Git,
    place: &'a GitPlace,
    lock: &'a Lock,
}

impl Writer<'_> {
    /// Finishes what a process that died since the action was planned has left. Whether the action still holds is
    /// looked at afterwards.
    fn finish_others(&self, tell: &mut dyn FnMut(&str)) -> Result<(), WriteError> {
        if let Some(found) = recover::recover_holding(self.home, self.git, self.place, self.lock, tell)? {
            tell(&format!("an action that was cut short came first: {}", found.subject));
            found.left.iter().for_each(|left| tell(left));
        }
        Ok(())
    }

    /// Plans and writes the action on the commit that the branch has now.
    fn attempt<H>(
        &self,
        action: &Action,
        changes: &[&FileChange],
        hold: &dyn Fn() -> H,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Try, WriteError> {
        let (git, place) = (self.git, self.place);
        let ready = state::look(self.home, git, tell)?;
        let plan = check::plan(git, &ready, changes)?;

        let scratch = Scratch::new(place)?;
        let index = scratch.index();
        let mut hooks = Hooks::new(git, place, &ready.settings, &index);
        // A hook wants to see an index, and only git knows how to share object folders among users.
        let shared = ready.settings.text("core.sharedrepository").is_some();
        let in_process = cfg!(unix) && !shared && ready.repo.writes_in_process() && !hooks.may_have("pre-commit");
        let store = objects::Store { git, place, ready: &ready, scratch: &scratch, in_process };
        let reach = |point: &'static str| fault::reach(point).map_err(WriteError::io(point, &place.git_dir));
        reach("write the objects")?;
        let mut files = store.write_blobs(plan)?;
        let mut tree = store.write_tree(&files)?;
        let mut others = Vec::new();
        if hooks.run("pre-commit", &[])? {
            let after = store.tree_of_index()?;
            others = store.changed_by_hook(&tree, &after, &mut files)?;
            tree = after;
        }
        if Some(&tree) == store.head_tree()?.as_ref() {
            return Err(WriteError::Unchanged);
        }
        let message = message::message(action, &scratch, &mut hooks)?;
        let commit = store.write_commit(&tree, &message, action.date.as_deref())?;
        store.keep(&tree, commit, &files)?;

        let (held, index_lock) = IndexLock::take(place, &scratch, git.fsync(), hold, tell)?;
        if self.changed_since(&ready)? {
            return Ok(Try::Overtaken);
        }
        place::still_as_read(&ready.workdir, changes)?;
        let moved =
            Moved { branch: ready.branch.clone(), old: ready.head.map(|id| id.to_string()), new: commit.to_string() };
        let mut journal = journal_of(action, Some(moved), &files, &others)?;
        let entries: Vec<&Entry> = journal.files.iter().collect();
        let draft = place::draft_index(git, place, &scratch, &journal, &entries, &Telling::Ahead)?;
        let exchange = Exchange::prepare(git, place, &scratch, draft)?;
        journal.index = Some(exchange.written_down());
        journal.write(place, &scratch, git.fsync())?;
        let put = exchange.put(git, place);
        let moved = match put {
            Ok(()) => self.move_branch(&ready, commit, &action.subject),
            Err(e) => Err(BranchError::NotMoved(e)),
        };
        if !fault::dead() {
            // A git that was killed, or could not remove its locks, would keep everybody out. Where we cannot either,
            // the next writer tries again or says whose they are.
            let _ = ref_locks::remove_left(place, &ready.branch, &commit.to_string());
        }
        let not_moved = match moved {
            Ok(true) => None,
            Ok(false) => Some(Ok(Try::Overtaken)),
            Err(BranchError::NotMoved(e)) => Some(Err(e)),
            // Whoever comes next finds out by the journal.
            Err(BranchError::Unknown(e)) => {
                scratch.stay();
                return Err(WriteError::Unknown { commit, reason: e.to_string() });
            }
        };
        if let Some(ended) = not_moved {
            // Where the old index cannot be put back, the next writer tries again by the journal.
            return match exchange.take_back(place) {
                Ok(()) => journal::remove(place, git.fsync()).and(ended),
                Err(e) => {
                    scratch.stay();
                    Err(WriteError::IndexAhead { reason: e.to_string() })
                }
            };
        }
        let undone = self.follow(&ready, &scratch, &journal, &files, index_lock);
        drop(held);
        let mut paths = paths_of(changes);
        if fault::dead() || !undone.is_empty() {
            return Err(WriteError::Pending { commit: Some(commit), paths, what: undone.join("; ") });
        }
        hooks.notify("post-commit");
        paths.extend(others.into_iter().map(|o| String::from_utf8_lossy(&o.path).into_owned()));
        paths.sort();
        paths.dedup();
        Ok(Try::Done(Done { commit, paths, printed: hooks.printed() }))
    }

    /// Stages the action; false when somebody else was at work and it has to be planned again.
    fn attempt_staging<H>(
        &self,
        action: &Action,
        changes: &[&FileChange],
        hold: &dyn Fn() -> H,
        tell: &mut dyn FnMut(&str),
    ) -> Result<bool, WriteError> {
        let (git, place) = (self.git, self.place);
        let ready = state::look(self.home, git, tell)?;
        let plan = check::plan(git, &ready, changes)?;
        let scratch = Scratch::new(place)?;
        let store = objects::Store { git, place, ready: &ready, scratch: &scratch, in_process: false };
        let files = store.write_blobs(plan)?;
        let (held, index_lock) = IndexLock::take(place, &scratch, git.fsync(), hold, tell)?;
        if self.changed_since(&ready)? {
            return Ok(false);
        }
        place::still_as_read(&ready.workdir, changes)?;
        let journal = journal_of(action, None, &files, &[])?;
        journal.write(place, &scratch, git.fsync())?;
        let undone = self.follow(&ready, &scratch, &journal, &files, index_lock);
        drop(held);
        if fault::dead() || !undone.is_empty() {
            return Err(WriteError::Pending { commit: None, paths: paths_of(changes), what: undone.join("; ") });
        }
        Ok(true)
    }

    /// Whether the index or the branch is not any more what it was when the repository was looked at. Asked with the
    /// index locked, after which neither git nor we change it: a checkout locks it as well.
    fn changed_since(&self, ready: &Ready) -> Result<bool, WriteError> {
        if state::operation(self.home)?.is_some() {
            return Ok(true);
        }
        let (branch, _) = state::branch(&ready.repo)?;
        if branch != ready.branch {
            return Err(WriteError::Conflict { what: "another branch was checked out".to_owned() });
        }
        let stamp = IndexStamp::read(self.place);
        if stamp.is_some() && stamp == ready.index_stamp {
            return Ok(false);
        }
        Ok(staged(self.home, &self.place.open()?)? != ready.index)
    }

    /// Brings the work tree and the index after the branch and takes the journal away; returns what could not be done.
    fn follow(
        &self,
        ready: &Ready,
        scratch: &Scratch,
        journal: &Journal,
        files: &[PlannedFile<'_>],
        index_lock: IndexLock,
    ) -> Vec<String> {
        let (git, place) = (self.git, self.place);
        let entries: Vec<&Entry> = journal.files.iter().collect();
        let contents: Vec<Cow<'_, [u8]>> = files.iter().map(|f| Cow::Borrowed(&*f.bytes)).collect();
        let mut undone = Undone::default();
        place::update_files(&ready.workdir, &entries, &contents, git.fsync(), &mut undone);
        let mut undone: Vec<String> = undone.all().into_iter().map(str::to_owned).collect();
        // git comes to the committed blobs from the files themselves, but not where a filter is at work, nor where it
        // may think of the line ends of a file that is new to it as others than before.
        let plain = |f: &PlannedFile<'_>| f.filter_path.is_none() && !f.bytes.contains(&b'\r') && !f.by_hook;
        let from_disk = undone.is_empty() && journal.others.is_empty() && files.iter().all(plain);
        let telling = if from_disk { Telling::FromDisk } else { Telling::ByEntry };
        if journal.index.is_none() || undone.is_empty() {
            let followed = place::update_index(git, place, scratch, journal, &entries, &telling);
            // Where the index went ahead this only lets git know that the files are as it says. If it fails, git finds
            // out by itself.
            undone.extend(followed.err().filter(|_| journal.index.is_none()).map(|e| e.to_string()));
        }
        if journal.moved.is_some() {
            undone.extend(place::flush_refs(git, place, &ready.branch).err().map(|e| e.to_string()));
        }
        undone.extend(index_lock.release().err().map(|e| e.to_string()));
        if undone.is_empty() {
            undone.extend(journal::remove(place, git.fsync()).err().map(|e| e.to_string()));
        }
        undone
    }

    /// Moves the branch from its old commit to the new one, in one step; false when it was not at the old one any more.
    fn move_branch(&self, ready: &Ready, commit: ObjectId, subject: &str) -> Result<bool, BranchError> {
        let new = commit.to_string();
        let old = ready.head.map_or_else(|| "0".repeat(new.len()), |id| id.to_string());
        fault::reach("move the branch")
            .map_err(WriteError::io("move the branch of", &self.place.git_dir))
            .map_err(BranchError::NotMoved)?;
        let note = format!("tussock: {}", subject.replace(|c: char| c.is_control(), " "));
        let run = self.git.command("update-ref").writing().env("LC_ALL", "C").config(REF_PATIENCE);
        // Should we die, our lock lives on with it: nobody begins anew while it may still move the branch.
        let run = self.lock.shared_with(run).map_err(|e| BranchError::NotMoved(e.into()))?;
        let ran = run.args(["-m", &note, &ready.branch, &new, &old]).run();
        // What counts is where the branch is, not what the program said: an error may come after the fact.
        let now = match fault::reach("read the branch back")
            .map_err(WriteError::io("read back", &self.place.git_dir))
            .and_then(|()| state::tip(&ready.repo, &ready.branch).map_err(WriteError::from))
        {
            // It cannot be read back, but git has said that it is moved: to call that a failure would be worse.
            Err(_) if ran.as_ref().is_ok_and(|ran| ran.ok) => return Ok(true),
            now => now.map_err(BranchError::Unknown)?,
        };
        match now {
            Some(now) if state::contains(&ready.repo, now, commit).map_err(BranchError::Unknown)? => return Ok(true),
            now if now != ready.head => return Ok(false),
            _ => {}
        }
        let ran = ran.map_err(|e| BranchError::NotMoved(e.into()))?;
        if ran.err.contains("aborted by") {
            let by = "the reference-transaction hook".to_owned();
            return Err(BranchError::NotMoved(WriteError::Rejected { by, output: ran.err }));
        }
        let failed = GitError::Failed { command: "git update-ref".to_owned(), stderr: ran.err };
        Err(BranchError::NotMoved(failed.into()))
    }
}

/// Why the branch was not moved.
enum BranchError {
    /// It is where it was.
    NotMoved(WriteError),
    /// It cannot be said where it is.
    Unknown(WriteError),
}

/// What the journal says of an action.
fn journal_of(
    action: &Action,
    moved: Option<Moved>,
    files: &[PlannedFile<'_>],
    others: &[ByHook],
) -> Result<Journal, WriteError> {
    let then = |path: &str, mode: u32, blob: Option<ObjectId>, bytes: &[u8]| -> Result<FileThen, WriteError> {
        let blob = blob.map(|id| id.to_string()).unwrap_or_default();
        Ok(FileThen { path: path.to_owned(), mode, blob, sum: checksum(bytes)? })
    };
    let entry = |file: &PlannedFile<'_>| -> Result<Entry, WriteError> {
        let before = file.change.before.as_ref();
        let (old_mode, old_blob) = file.old.map_or((file.mode, None), |(mode, id)| (mode, Some(id)));
        let filtered = file.filter_path.is_some() || file.by_hook;
        Ok(Entry {
            old: before.map(|b| then(&b.path, old_mode, old_blob, &b.bytes)).transpose()?,
            new: file.change.after_path().map(|path| then(path, file.mode, file.new, &file.bytes)).transpose()?,
            bytes: filtered.then(|| Bytes::of(&file.bytes)),
        })
    };
    let hex = |entry: &Option<(u32, ObjectId)>| entry.map(|(mode, id)| (mode, id.to_string()));
    let other = |o: &ByHook| Other { path: Bytes::of(&o.path), old: hex(&o.old), new: hex(&o.new) };
    Ok(Journal {
        tussock: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        host: lock::host(),
        command: action.command.clone(),
        subject: action.subject.clone(),
        moved,
        files: files.iter().map(entry).collect::<Result<_, _>>()?,
        others: others.iter().map(other).collect(),
        index: None,
    })
}

/// One file of the action, once all is known about it.
struct PlannedFile<'a> {
    change: &'a FileChange,
    /// Whether HEAD has the file that the change begins with.
    in_head: bool,
    /// Mode for git: 100644 or 100755.
    mode: u32,
    /// Mode and blob that HEAD has of it; `None` for a new file.
    old: Option<(u32, ObjectId)>,
    /// The blob to commit, once it is written.
    new: Option<ObjectId>,
    /// The bytes for the work tree; other than the caller's only where a hook changed them.
    bytes: Vec<u8>,
    /// The path whose attributes say how bytes become a blob; `None` where they are the blob.
    filter_path: Option<&'a str>,
    /// Whether a hook gave it other bytes.
    by_hook: bool,
}

/// A path that a hook put into the commit beside ours.
struct ByHook {
    path: Vec<u8>,
    /// Mode and blob in HEAD; `None` where it is new.
    old: Option<(u32, ObjectId)>,
    /// Mode and blob; `None` where the hook removed it.
    new: Option<(u32, ObjectId)>,
}
