//! What it takes to take back an earlier commit: which one, and what each file of the pipeline was before it.
//!
//! Nothing is rewritten. The files become again what they were, in a new commit that names the one it takes back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use super::discover::{Home, is_pipeline};
use super::error::{RepoError, WriteError};
use super::git::{Git, GitError};
use super::objects::ObjectId;
use super::snapshot::{Staged, parse_id};
use super::state;
use super::transaction::{FileChange, FileState};
use super::worktree::read_steadily;
use crate::format::pipeline::{PIPELINE_FILE, deal_path};

/// The trailer that names the commit taken back.
pub const UNDOES: &str = "Undoes";

/// How many commits are read at first; every further look reads twice as many.
const FIRST_LOOK: usize = 1;

/// How many commits one look reads at most.
const LONGEST_LOOK: usize = 4096;

/// Up to so many files are read one by one, through whatever filters git has for them.
const FEW: usize = 16;

/// What the fields of a commit's description are separated by. No field but the last can hold it.
const SEPARATOR: char = '\u{1}';

/// Which commit to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The last action of the one who asks.
    Last,
    /// This one, whoever made it.
    Commit(ObjectId),
}

/// A commit, in the words of its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The commit.
    pub id: ObjectId,
    /// First line of its message.
    pub subject: String,
    /// The name of its author.
    pub author: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} \"{}\" by {}", self.id.short(), self.subject, self.author)
    }
}

/// A commit and how to take it back.
#[derive(Clone, Debug)]
pub struct Undo {
    /// The commit.
    pub target: Told,
    /// What happens to each file: what it is now, and what it was before the commit.
    pub changes: Vec<FileChange>,
    /// Paths below the repository's root that the commit changed outside of the pipeline; they stay as they are.
    pub elsewhere: Vec<String>,
}

/// Why a commit is not taken back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is nothing to take back.
    #[error("no commit of this branch that is not undone already has changed a deal")]
    Nothing,
    /// The clone does not know what was before.
    #[error("this clone is shallow, and what was before {} is not in it", .0.short())]
    Edge(ObjectId),
    /// The last action is somebody else's.
    #[error("the last action is not yours: {0}")]
    Foreign(Told),
    /// Two lines of history come together in it.
    #[error("{0} is a merge: it brought together what several commits did, and undo takes back one")]
    Merge(Told),
    /// It is not in the history of the branch.
    #[error("{} is not in the history of this branch", .0.short())]
    NotOnBranch(ObjectId),
    /// The pipeline begins with it.
    #[error("the pipeline begins with {0}, so there is nothing to go back to")]
    Beginning(Told),
    /// It changed no deal.
    #[error("{0} changed no deal of this pipeline")]
    NoDeals(Told),
    /// A file is no longer what the commit left.
    #[error("{path} was changed after {}: {later}", .commit.short())]
    Changed {
        /// The file, below the repository's root.
        path: String,
        /// The commit that was to be taken back.
        commit: ObjectId,
        /// The last commit that changed the file.
        later: Box<Told>,
    },
    /// A deal would come back beside another one of its id.
    #[error("{back} would come back, but since {} the deal lies in {there}", .commit.short())]
    Twice {
        /// Where it would come back, below the repository's root.
        back: String,
        /// Where it is now.
        there: String,
        /// The commit that was to be taken back.
        commit: ObjectId,
    },
    /// The commit is taken back already.
    #[error("{} is undone already: {by}", .commit.short())]
    Already {
        /// The commit.
        commit: ObjectId,
        /// The commit that took it back.
        by: Box<Told>,
    },
    /// A link or a submodule.
    #[error("{path} is no regular file in {}, and only files can be brought back", .commit.short())]
    NotAFile {
        /// Its path below the repository's root.
        path: String,
        /// The commit that was to be taken back.
        commit: ObjectId,
    },
    /// The repository cannot be written to, or not be read.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<GitError> for UndoError {
    fn from(error: GitError) -> Self {
        UndoError::Write(error.into())
    }
}

impl From<RepoError> for UndoError {
    fn from(error: RepoError) -> Self {
        UndoError::Write(error.into())
    }
}

/// Finds the commit to take back and what its files were before. `is_deal` says of a path below the pipeline's folder
/// whether it is a deal's; `tell` gets a line when there is something to wait for.
///
/// # Errors
/// See [`UndoError`].
pub fn plan(
    home: &Home,
    git: &Git,
    pick: Pick,
    is_deal: &dyn Fn(&str) -> bool,
    tell: &mut dyn FnMut(&str),
) -> Result<Undo, UndoError> {
    let state::Ready { workdir, head, index, .. } = state::look(home, git, tell)?;
    let look = Look { home, git, is_deal };
    let head = head.ok_or(UndoError::Nothing)?;
    let (target, touched) = match pick {
        Pick::Last => look.last(head)?,
        Pick::Commit(id) => look.named(id, head)?,
    };
    let id = target.told.id;
    if target.parents == 0 && look.is_shallow()? {
        return Err(UndoError::Edge(id));
    }
    let pipeline_file = home.in_repository(PIPELINE_FILE);
    if touched.iter().any(|t| t.path == pipeline_file.as_bytes() && t.before.is_none()) {
        return Err(UndoError::Beginning(target.told));
    }
    let (own, elsewhere): (Vec<Touched>, Vec<Touched>) = touched.into_iter().partition(|t| look.is_own(&t.path));
    for file in &own {
        let plain = |entry: &Option<Entry>| entry.as_ref().is_none_or(|e| e.mode & 0o170_000 == 0o100_000);
        if std::str::from_utf8(&file.path).is_err() || !plain(&file.before) || !plain(&file.after) {
            return Err(UndoError::NotAFile { path: file.shown(), commit: id });
        }
    }
    look.unchanged_since(id, head, &own)?;
    let changes = look.changes(&workdir, own)?;
    look.nothing_twice(id, &changes, &index)?;
    Ok(Undo { target: target.told, changes, elsewhere: elsewhere.iter().map(Touched::shown).collect() })
}

/// A commit of the branch.
struct Step {
    told: Told,
    email: String,
    mapped_email: String,
    parents: usize,
    first_parent: Option<ObjectId>,
    undoes: Option<ObjectId>,
}

/// A file as a tree has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    id: ObjectId,
}

/// A file that a commit changed.
struct Touched {
    /// Below the repository's root.
    path: Vec<u8>,
    before: Option<Entry>,
    after: Option<Entry>,
}

impl Touched {
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }
}

/// What the steps of the search share.
struct Look<'a> {
    home: &'a Home,
    git: &'a Git,
    is_deal: &'a dyn Fn(&str) -> bool,
}

impl Look<'_> {
    /// The last action of the one who asks that is neither undone nor itself an undo.
    fn last(&self, head: ObjectId) -> Result<(Step, Vec<Touched>), UndoError> {
        let own_email = self.own_email()?;
        let mut undone = HashSet::new();
        let mut from = Some(head);
        let mut number = FIRST_LOOK;
        while let Some(start) = from {
            let steps = self.steps(start, number, &self.home.prefix)?;
            from = if steps.len() < number { None } else { steps.last().and_then(|s| s.first_parent) };
            number = (number * 2).min(LONGEST_LOOK);
            for step in steps {
                // An undo comes after what it takes back, and so does the undo of an undo.
                let counts = !undone.contains(&step.told.id);
                if let Some(target) = step.undoes {
                    if counts {
                        undone.insert(target);
                    }
                    continue;
                }
                if !counts {
                    continue;
                }
                let merge = step.parents > 1;
                let touched = self.touched(step.told.id, merge)?;
                if !touched.iter().any(|t| self.is_deal(&t.path)) {
                    continue;
                }
                if merge {
                    return Err(UndoError::Merge(step.told));
                }
                if !step.email.eq_ignore_ascii_case(&own_email) && !step.mapped_email.eq_ignore_ascii_case(&own_email) {
                    return Err(UndoError::Foreign(step.told));
                }
                return Ok((step, touched));
            }
        }
        Err(UndoError::Nothing)
    }

    /// The commit that was named.
    fn named(&self, id: ObjectId, head: ObjectId) -> Result<(Step, Vec<Touched>), UndoError> {
        let (commit, tip) = (id.to_string(), head.to_string());
        let ran = self.git.command("merge-base").reading().args(["--is-ancestor", &commit, &tip]).run()?;
        if !ran.ok {
            return Err(UndoError::NotOnBranch(id));
        }
        let step = self.steps(id, 1, "")?.into_iter().next().ok_or(UndoError::NotOnBranch(id))?;
        if step.parents > 1 {
            return Err(UndoError::Merge(step.told));
        }
        let touched = self.touched(id, false)?;
        if !touched.iter().any(|t| self.is_deal(&t.path)) {
            return Err(UndoError::NoDeals(step.told));
        }
        Ok((step, touched))
    }

    /// The next commits of the first-parent line, `start` among them, that changed something below `path`.
    fn steps(&self, start: ObjectId, number: usize, path: &str) -> Result<Vec<Step>, UndoError> {
        let start = start.to_string();
        self.log(&["--first-parent", &format!("--max-count={number}"), &start], path)
    }

    fn log(&self, what: &[&str], path: &str) -> Result<Vec<Step>, UndoError> {
        let format = format!(
            "--format=%H{SEPARATOR}%P{SEPARATOR}%ae{SEPARATOR}%aE{SEPARATOR}%an{SEPARATOR}\
             %(trailers:key={UNDOES},valueonly,separator=%x20){SEPARATOR}%s"
        );
        let run = self.git.command("log").reading().args(["-z", "--no-show-signature", "--encoding=UTF-8", &format]);
        let out = run.args(what).args(["--"]).args(below(path)).bytes()?;
        let understood = |text: &str| {
            let mut fields = text.splitn(7, SEPARATOR);
            let id = parse_id(fields.next()?.trim())?;
            let parents: Vec<&str> = fields.next()?.split(' ').filter(|p| !p.is_empty()).collect();
            let (email, mapped_email, author) = (fields.next()?, fields.next()?, fields.next()?);
            let undoes = fields.next()?.split(' ').find_map(|word| parse_id(word.trim()));
            Some(Step {
                told: Told { id, subject: fields.next()?.to_owned(), author: author.to_owned() },
                email: email.to_owned(),
                mapped_email: mapped_email.to_owned(),
                parents: parents.len(),
                first_parent: parents.first().and_then(|p| parse_id(p)),
                undoes,
            })
        };
        let commits = out.split(|b| *b == 0).filter(|c| !c.is_empty());
        let steps = commits.map(|commit| {
            let text = String::from_utf8_lossy(commit);
            understood(&text).ok_or_else(|| not_understood("git log", &text).into())
        });
        steps.collect()
    }

    /// All files that a commit changed against its first parent.
    fn touched(&self, id: ObjectId, merge: bool) -> Result<Vec<Touched>, UndoError> {
        let id = id.to_string();
        if merge {
            return self.differences(&[&format!("{id}^1"), &id], "");
        }
        self.differences(&["--root", "--no-commit-id", &id], "")
    }

    fn differences(&self, trees: &[&str], path: &str) -> Result<Vec<Touched>, UndoError> {
        let run = self.git.command("diff-tree").reading().args(["-r", "-z", "--raw", "--no-renames", "--no-abbrev"]);
        let out = run.args(trees).args(["--"]).args(below(path)).bytes()?;
        let mut fields = out.split(|b| *b == 0);
        let mut touched = Vec::new();
        while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
            let shown = String::from_utf8_lossy(head);
            let words: Vec<&str> = shown.trim_start_matches(':').split(' ').collect();
            let [old_mode, mode, old, new, _] = words.as_slice() else {
                return Err(not_understood("git diff-tree", &shown).into());
            };
            let entry = |mode: &str, id: &str| {
                let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode != 0)?;
                Some(Entry { mode, id: parse_id(id)? })
            };
            touched.push(Touched { path: path.to_vec(), before: entry(old_mode, old), after: entry(mode, new) });
        }
        Ok(touched)
    }

    /// Whether a path below the repository's root is a file of this pipeline, and of no other inside of it.
    fn is_own(&self, path: &[u8]) -> bool {
        let path = String::from_utf8_lossy(path);
        let Some(inner) = self.home.in_pipeline(&path) else { return false };
        inner.match_indices('/').all(|(end, _)| !is_pipeline(&self.home.root.join(&inner[..end])))
    }

    fn is_deal(&self, path: &[u8]) -> bool {
        let text = std::str::from_utf8(path).ok().and_then(|path| self.home.in_pipeline(path));
        text.is_some_and(|path| (self.is_deal)(path)) && self.is_own(path)
    }

    fn own_email(&self) -> Result<String, UndoError> {
        let line = self.git.command("var").reading().args(["GIT_AUTHOR_IDENT"]).line()?;
        let email = line.rsplit_once('>').and_then(|(before, _)| before.rsplit_once('<')).map(|(_, email)| email);
        email.map(str::to_owned).ok_or_else(|| not_understood("git var", &line).into())
    }

    fn is_shallow(&self) -> Result<bool, UndoError> {
        let line = self.git.command("rev-parse").reading().args(["--is-shallow-repository"]).line()?;
        Ok(line == "true")
    }

    /// Makes sure that every file is still what the commit left.
    fn unchanged_since(&self, id: ObjectId, head: ObjectId, own: &[Touched]) -> Result<(), UndoError> {
        if id == head {
            return Ok(());
        }
        let (commit, tip) = (id.to_string(), head.to_string());
        let later = self.differences(&[&commit, &tip], &self.home.prefix)?;
        let changed: HashSet<&[u8]> = later.iter().map(|t| &*t.path).collect();
        let Some(file) = own.iter().find(|t| changed.contains(&*t.path)) else { return Ok(()) };
        let range = format!("{commit}..{tip}");
        let path = file.shown();
        let by = self.log(&["--max-count=1", &range], &path)?.into_iter().next();
        let Some(by) = by else { return Err(UndoError::NotOnBranch(id)) };
        if by.undoes == Some(id) {
            return Err(UndoError::Already { commit: id, by: Box::new(by.told) });
        }
        Err(UndoError::Changed { path, commit: id, later: Box::new(by.told) })
    }

    /// Makes sure that no deal comes back that has been made anew elsewhere.
    fn nothing_twice(&self, commit: ObjectId, changes: &[FileChange], index: &[Staged]) -> Result<(), UndoError> {
        let id_of = |path: &str| self.home.in_pipeline(path).and_then(deal_path).map(|(_, id)| id);
        let paths = |file: fn(&FileChange) -> &Option<FileState>| changes.iter().filter_map(move |c| file(c).as_ref());
        let gone: HashSet<&str> = paths(|c| &c.before).map(|file| &*file.path).collect();
        let back: HashMap<_, &str> =
            paths(|c| &c.after).filter_map(|file| Some((id_of(&file.path)?, &*file.path))).collect();
        for entry in index {
            let path = String::from_utf8_lossy(&entry.path);
            let Some(back) = id_of(&path).and_then(|id| back.get(&id)).filter(|back| **back != path) else { continue };
            if gone.contains(&*path) || !self.is_deal(&entry.path) {
                continue;
            }
            // What the commit found in two places is in two places again.
            let then = format!("{commit}^:{path}");
            if !self.git.command("rev-parse").reading().args(["--verify", "--quiet", &then]).run()?.ok {
                return Err(UndoError::Twice { back: (*back).to_owned(), there: path.into_owned(), commit });
            }
        }
        Ok(())
    }

    /// The way back of every file. The old and the new file of a deal that moved are one change.
    fn changes(&self, workdir: &Path, own: Vec<Touched>) -> Result<Vec<FileChange>, UndoError> {
        let old = self.old_bytes(&own)?;
        let now = |file: &Touched| -> Result<Vec<u8>, UndoError> {
            let path = workdir.join(file.shown());
            read_steadily(&path).map_err(|e| {
                let error = match e.kind() {
                    io::ErrorKind::NotFound => {
                        WriteError::Dirty { path: file.shown(), what: "was deleted in the work tree" }
                    }
                    _ => WriteError::io("read", &path)(e),
                };
                error.into()
            })
        };
        // Of each deal the files that come back and those that go.
        let mut halves: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (at, file) in own.iter().enumerate().filter(|(_, f)| f.before.is_none() || f.after.is_none()) {
            let path = file.shown();
            let deal = self.home.in_pipeline(&path).and_then(deal_path).map(|(_, id)| id.to_string());
            let (come, go) = halves.entry(deal.unwrap_or(path)).or_default();
            if file.before.is_some() { come.push(at) } else { go.push(at) }
        }
        let moves = halves.values().filter_map(|(come, go)| match (&come[..], &go[..]) {
            ([to], [from]) => Some((*from, *to)),
            _ => None,
        });
        let moves: HashMap<usize, usize> = moves.collect();
        let targets: HashSet<usize> = moves.values().copied().collect();
        let mut changes = Vec::new();
        for (at, (file, bytes)) in own.iter().zip(&old).enumerate().filter(|(at, _)| !targets.contains(at)) {
            let path = file.shown();
            let target = moves.get(&at).and_then(|to| own.get(*to).zip(old.get(*to)));
            changes.push(match (target, bytes) {
                (Some((target, bytes)), _) => {
                    let was = now(file)?;
                    // The same blob: the file only moves, and no filter is asked.
                    let same = target.before.as_ref().map(|e| e.id) == file.after.as_ref().map(|e| e.id);
                    let bytes = if same { was.clone() } else { bytes.clone().unwrap_or_default() };
                    FileChange::relocate(path, was, target.shown(), bytes)
                }
                (None, Some(bytes)) if file.after.is_none() => FileChange::create(path, bytes.clone())
                    .running(file.before.as_ref().is_some_and(|e| e.mode & 0o111 != 0)),
                (None, Some(bytes)) => FileChange::edit(path, now(file)?, bytes.clone()),
                (None, None) => FileChange::remove(path, now(file)?),
            });
        }
        Ok(changes)
    }

    /// The bytes that the work tree had of each file before the commit; `None` where there was none.
    fn old_bytes(&self, files: &[Touched]) -> Result<Vec<Option<Vec<u8>>>, UndoError> {
        let plain = files.len() > FEW && !self.may_filter(files)?;
        let read = |file: &Touched| -> Result<Option<Vec<u8>>, UndoError> {
            let Some(before) = &file.before else { return Ok(None) };
            let run = self.git.command("cat-file").reading();
            let id = before.id.to_string();
            let bytes = run.args(["--filters".to_owned(), format!("--path={}", file.shown()), id]).bytes()?;
            Ok(Some(bytes))
        };
        if plain { self.blobs(files) } else { files.iter().map(read).collect() }
    }

    /// Whether git may give any of these files other bytes in the work tree than it stores.
    fn may_filter(&self, files: &[Touched]) -> Result<bool, UndoError> {
        let converts = self.git.command("config").reading().args(["--get", "core.autocrlf"]).run()?;
        if converts.ok && String::from_utf8_lossy(&converts.out).trim() != "false" {
            return Ok(true);
        }
        let input: Vec<u8> = files.iter().flat_map(|f| f.path.iter().copied().chain([0])).collect();
        let names = ["text", "crlf", "eol", "filter", "ident", "working-tree-encoding"];
        let run = self.git.command("check-attr").reading().args(["-z", "--stdin"]).args(names);
        let out = run.stdin(&input).bytes()?;
        let fields: Vec<&[u8]> = out.split(|b| *b == 0).collect();
        let values = fields.chunks_exact(3).filter_map(|triple| triple.last().copied());
        Ok(values.into_iter().any(|value| value != b"unspecified" && value != b"unset"))
    }

    /// The stored bytes of many files, in one run of git.
    fn blobs(&self, files: &[Touched]) -> Result<Vec<Option<Vec<u8>>>, UndoError> {
        let ids = files.iter().filter_map(|f| f.before.as_ref());
        let input: Vec<u8> = ids.flat_map(|e| format!("{}\n", e.id).into_bytes()).collect();
        let out = self.git.command("cat-file").reading().args(["--batch"]).stdin(&input).bytes()?;
        let mut rest = &out[..];
        let mut next = || {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let size: usize = std::str::from_utf8(rest.get(..end)?).ok()?.rsplit(' ').next()?.parse().ok()?;
            let bytes = rest.get(end + 1..end + 1 + size)?.to_vec();
            rest = rest.get(end + size + 2..)?;
            Some(bytes)
        };
        let broken = || -> UndoError { not_understood("git cat-file", "an object is missing").into() };
        files
            .iter()
            .map(|file| match file.before {
                None => Ok(None),
                Some(_) => next().map(Some).ok_or_else(broken),
            })
            .collect()
    }
}

/// A path as the only one to look at; none for the whole repository.
fn below(path: &str) -> Option<&str> {
    Some(path).filter(|path| !path.is_empty())
}

fn not_understood(command: &str, answer: &str) -> GitError {
    GitError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}
