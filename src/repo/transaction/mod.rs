//! The one way in which anything is written to a repository.
//!
//! The order is what makes it safe. Objects first: nothing refers to them, so a failure leaves the state as it was.
//! Then the branch, compared and swapped in one step: from here on the change is made. Last the work tree and the
//! index, which can be brought up to the commit again whenever something stops us before they are done.

mod check;
mod objects;
mod place;

use std::path::PathBuf;

use super::discover::{GitPlace, Home};
use super::error::WriteError;
use super::git::{Git, IN_TRANSACTION};
use super::hooks::Hooks;
use super::lock;
use super::objects::ObjectId;
use super::state::{self, Ready};

/// How often an action is planned again when others commit at the same time.
const TRIES: usize = 10;

/// How the names of scratch folders begin.
const SCRATCH: &str = "tx-";

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
}

impl FileChange {
    /// A new file.
    pub fn create(path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        FileChange { before: None, after: Some(FileState { path: path.into(), bytes: bytes.into() }) }
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
        }
    }

    /// Removes a file.
    pub fn remove(path: impl Into<String>, was: impl Into<Vec<u8>>) -> Self {
        FileChange { before: Some(FileState { path: path.into(), bytes: was.into() }), after: None }
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
    let _lock = lock::take(place, tell)?;
    for number in 0..TRIES {
        match attempt(home, git, place, action, &changes, hold, tell) {
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

/// Makes changes in the work tree and the index only, for the user to commit; returns the changed paths, sorted. The
/// same must hold as for [`commit`].
///
/// # Errors
/// See [`WriteError`]. Nothing has changed then, but for [`WriteError::Io`], which names the files that could not be
/// written after others were.
pub fn stage(
    home: &Home,
    git: &Git,
    changes: &[FileChange],
    tell: &mut dyn FnMut(&str),
) -> Result<Vec<String>, WriteError> {
    let changes = real_changes(home, git, changes)?;
    let (place, _) = state::work_tree(home)?;
    let _lock = lock::take(place, tell)?;
    let ready = state::look(home, git, tell)?;
    let plan = check::plan(git, &ready, &changes)?;
    let scratch = Scratch::new(place)?;
    let store = objects::Store { git, place, ready: &ready, scratch: &scratch, in_process: false };
    let files = store.write_blobs(plan)?;
    let undone = place::update_files(&ready.workdir, &files, git.fsync());
    if !undone.is_empty() {
        let source = std::io::Error::other(undone.join("; "));
        return Err(WriteError::Io { doing: "write all files, some are written".to_owned(), source });
    }
    let entries = place::Entries { files: &files, others: &[], as_on_disk: true };
    place::update_index(git, place, &entries, tell)?;
    Ok(paths_of(&changes))
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

/// Plans and writes the action on the commit that the branch has now.
fn attempt<H>(
    home: &Home,
    git: &Git,
    place: &GitPlace,
    action: &Action,
    changes: &[&FileChange],
    hold: &dyn Fn() -> H,
    tell: &mut dyn FnMut(&str),
) -> Result<Try, WriteError> {
    let ready = state::look(home, git, tell)?;
    let plan = check::plan(git, &ready, changes)?;

    let scratch = Scratch::new(place)?;
    let index = scratch.index();
    let mut hooks = Hooks::new(git, place, &ready.settings, &index);
    // A hook wants to see an index, and only git knows how to share object folders among users.
    let shared = ready.settings.text("core.sharedrepository").is_some();
    let in_process = cfg!(unix) && !shared && ready.repo.writes_in_process() && !hooks.may_have("pre-commit");
    let store = objects::Store { git, place, ready: &ready, scratch: &scratch, in_process };
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
    let message = message(action, &scratch, &mut hooks)?;
    let commit = store.write_commit(&tree, &message, action.date.as_deref())?;
    store.flush(&tree, commit, &files)?;

    let held = hold();
    if !move_branch(git, &ready, commit, &action.subject)? {
        return Ok(Try::Overtaken);
    }
    let mut undone = Vec::new();
    let checked_out = state::branch(&ready.repo).map(|(branch, _)| branch);
    if let Err(e) = &checked_out {
        undone.push(e.to_string());
    } else if checked_out.is_ok_and(|branch| branch == ready.branch) {
        undone.extend(place::update_files(&ready.workdir, &files, git.fsync()));
        let entries = place::Entries { files: &files, others: &others, as_on_disk: undone.is_empty() };
        undone.extend(place::update_index(git, place, &entries, tell).err().map(|e| e.to_string()));
    } else {
        undone.push("another branch was checked out meanwhile".to_owned());
    }
    undone.extend(place::flush_refs(git, place, &ready.branch).err().map(|e| e.to_string()));
    drop(held);
    undone.extend(hooks.notify("post-commit").err().map(|e| e.to_string()));
    if !undone.is_empty() {
        let what = format!("the work tree is not updated yet: {}", undone.join("; "));
        return Err(WriteError::Pending { commit, paths: paths_of(changes), what });
    }
    let mut paths = paths_of(changes);
    paths.extend(others.into_iter().map(|o| String::from_utf8_lossy(&o.path).into_owned()));
    paths.sort();
    paths.dedup();
    Ok(Try::Done(Done { commit, paths, printed: hooks.printed() }))
}

/// One file of the action, once all is known about it.
struct PlannedFile<'a> {
    change: &'a FileChange,
    /// Mode for git: 100644 or 100755.
    mode: u32,
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
    /// Mode and blob; `None` where the hook removed it.
    new: Option<(u32, ObjectId)>,
}

/// A folder for what is only needed until the commit is made; removed with all it holds.
struct Scratch {
    dir: tempfile::TempDir,
}

impl Scratch {
    fn new(place: &GitPlace) -> Result<Scratch, WriteError> {
        let folder = place.git_dir.join("tussock");
        std::fs::create_dir_all(&folder).map_err(WriteError::io("create", &folder))?;
        // We hold the lock, so what lies there is of a process that died.
        for item in std::fs::read_dir(&folder).map_err(WriteError::io("list", &folder))? {
            let item = item.map_err(WriteError::io("list", &folder))?;
            if item.file_name().to_string_lossy().starts_with(SCRATCH) {
                std::fs::remove_dir_all(item.path()).map_err(WriteError::io("remove", &item.path()))?;
            }
        }
        let dir = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&folder);
        Ok(Scratch { dir: dir.map_err(WriteError::io("create a folder in", &folder))? })
    }

    /// The index that only this commit sees.
    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// The message of the commit, after the hooks had their say.
fn message(action: &Action, scratch: &Scratch, hooks: &mut Hooks<'_>) -> Result<String, WriteError> {
    let text = tidy(&compose(action));
    let wanted = ["prepare-commit-msg", "commit-msg"].iter().any(|name| hooks.may_have(name));
    if !wanted {
        return Ok(text);
    }
    let file = scratch.file("COMMIT_EDITMSG");
    std::fs::write(&file, &text).map_err(WriteError::io("write", &file))?;
    let name = file.to_string_lossy().into_owned();
    hooks.run("prepare-commit-msg", &[&name, "message"])?;
    hooks.run("commit-msg", &[&name])?;
    let bytes = std::fs::read(&file).map_err(WriteError::io("read", &file))?;
    let text = tidy(&String::from_utf8_lossy(&bytes));
    if text.is_empty() {
        let output = "it left the message empty".to_owned();
        return Err(WriteError::Rejected { by: "the commit-msg hook".to_owned(), output });
    }
    Ok(text)
}

/// Subject, body and trailers as one text.
fn compose(action: &Action) -> String {
    let line = |text: &str| text.split(['\n', '\r', '\0']).map(str::trim).collect::<Vec<_>>().join(" ");
    let mut text = line(&action.subject);
    if !action.body.trim().is_empty() {
        text.push_str("\n\n");
        text.push_str(&action.body.replace('\0', " "));
    }
    for (i, (key, value)) in action.trailers.iter().enumerate() {
        text.push_str(if i == 0 { "\n\n" } else { "\n" });
        text.push_str(&format!("{}: {}", line(key), line(value)));
    }
    text
}

/// A message as git would clean it: no blanks at the ends of lines, no empty lines at the ends, never two in a row.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len() + 1);
    let mut gap = false;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            gap = !tidy.is_empty();
            continue;
        }
        if gap {
            tidy.push('\n');
            gap = false;
        }
        tidy.push_str(line);
        tidy.push('\n');
    }
    tidy
}

/// Moves the branch from its old commit to the new one, in one step; false when it was not at the old one any more.
fn move_branch(git: &Git, ready: &Ready, commit: ObjectId, subject: &str) -> Result<bool, WriteError> {
    let new = commit.to_string();
    let old = ready.head.map_or_else(|| "0".repeat(new.len()), |id| id.to_string());
    let note = format!("tussock: {}", subject.replace(|c: char| c.is_control(), " "));
    let run = git.command("update-ref").writing().env("LC_ALL", "C");
    let ran = run.args(["-m", &note, &ready.branch, &new, &old]).run();
    // What counts is where the branch is, not what the program said: an error may come after the fact.
    let now = match state::tip(&ready.repo, &ready.branch) {
        // It cannot be read back, but git has said that it is moved: to call that a failure would be worse.
        Err(_) if ran.as_ref().is_ok_and(|ran| ran.ok) => return Ok(true),
        now => now?,
    };
    match now {
        Some(now) if state::contains(&ready.repo, now, commit)? => return Ok(true),
        now if now != ready.head => return Ok(false),
        _ => {}
    }
    let ran = ran?;
    if ran.err.contains("aborted by") {
        return Err(WriteError::Rejected { by: "the reference-transaction hook".to_owned(), output: ran.err });
    }
    Err(super::git::GitError::Failed { command: "git update-ref".to_owned(), stderr: ran.err }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_one_subject_line_a_body_and_trailers() {
        let action = Action {
            subject: "acme: brief\n→ proposal".into(),
            body: "Sent v1   \n\n\n\nThey liked it\n\n".into(),
            trailers: vec![("Deal".into(), "acme".into()), ("To".into(), "proposal\nEvil: yes".into())],
            ..Action::default()
        };
        assert_eq!(
            tidy(&compose(&action)),
            "acme: brief → proposal\n\nSent v1\n\nThey liked it\n\nDeal: acme\nTo: proposal Evil: yes\n"
        );
    }
}
