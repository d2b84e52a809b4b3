//! What can go wrong between tussock and a repository, sorted by what a caller should do about it.

use std::io;
use std::path::Path;

use super::git::GitError;
use super::objects::{ObjectError, ObjectId};

/// Classes of errors: each has its own exit code on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The arguments name something that does not exist or cannot be.
    Usage,
    /// There is no pipeline here, or several and none was named.
    NoPipeline,
    /// The repository is not in a state for it.
    NotInState,
    /// Another process holds a lock.
    Locked,
    /// Somebody else changed the same thing first.
    Conflict,
    /// A hook or signing said no.
    Rejected,
    /// Reading or writing failed.
    Io,
    /// The commit is made, the work tree or the index is not updated yet.
    Pending,
}

/// Why a repository or a pipeline could not be found or read.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// No `pipeline.yaml` from the start upwards, nor anywhere in the repository.
    #[error("there is no pipeline.yaml in {start}{}; `tussock init` makes one", looked_in(*.in_repository))]
    NoPipeline {
        /// Where the search began.
        start: String,
        /// Whether there is a repository, which was searched whole.
        in_repository: bool,
    },
    /// Several pipelines, and nothing says which.
    #[error("there are several pipelines here ({}); choose one with -p NAME", .names.join(", "))]
    SeveralPipelines {
        /// Their folders below the repository's root.
        names: Vec<String>,
    },
    /// `-p` names a pipeline that is not there.
    #[error("there is no pipeline called {name:?} here; {}", known_pipelines(.known))]
    NoSuchPipeline {
        /// What was asked for.
        name: String,
        /// The folders of those that are there.
        known: Vec<String>,
    },
    /// git cannot open the repository.
    #[error("cannot open the repository at {path}: {reason}")]
    CannotOpen {
        /// Where it is.
        path: String,
        /// libgit2's words, and ours where they are not plain enough.
        reason: String,
    },
    /// The pipeline lies in no repository, and history was asked for.
    #[error("{path} is not in a git repository, so there are no revisions; `git init` makes one")]
    NoRepository {
        /// The pipeline's folder.
        path: String,
    },
    /// A revision that git does not know, or that is no commit.
    #[error("{spec:?} is not a revision here: {reason}")]
    BadRevision {
        /// As it was given.
        spec: String,
        /// Why not.
        reason: String,
    },
    /// Reading objects or the index failed.
    #[error("cannot {doing}: {reason}")]
    Read {
        /// What was being done, to what.
        doing: String,
        /// Why it failed.
        reason: String,
    },
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The `git` program failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

fn looked_in(repository: bool) -> &'static str {
    if repository { " or above it, nor elsewhere in this repository" } else { ", above it or below it" }
}

fn known_pipelines(known: &[String]) -> String {
    match known {
        [] => "there are none; `tussock init` makes one".to_owned(),
        [one] if one == "." => "the only one is at the top (-p .)".to_owned(),
        _ => format!("there are: {}", known.join(", ")),
    }
}

impl RepoError {
    /// What kind of error it is.
    pub fn class(&self) -> Class {
        match self {
            RepoError::NoPipeline { .. } | RepoError::SeveralPipelines { .. } | RepoError::NoSuchPipeline { .. } => {
                Class::NoPipeline
            }
            RepoError::BadRevision { .. } => Class::Usage,
            RepoError::NoRepository { .. } => Class::NotInState,
            RepoError::CannotOpen { .. } | RepoError::Read { .. } | RepoError::Io { .. } => Class::Io,
            RepoError::Git(e) => e.class(),
        }
    }

    /// An error of libgit2 while `doing` something.
    pub(super) fn reading(doing: impl Into<String>) -> impl FnOnce(git2::Error) -> RepoError {
        let doing = doing.into();
        move |e| RepoError::Read { doing, reason: e.message().to_owned() }
    }

    /// An object that could not be read while `doing` something.
    pub(super) fn object(doing: impl Into<String>) -> impl FnOnce(ObjectError) -> RepoError {
        let doing = doing.into();
        move |e| RepoError::Read { doing, reason: e.to_string() }
    }

    /// An error of the file system at `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> RepoError {
        let path = path.display().to_string();
        move |source| RepoError::Io { path, source }
    }
}

/// How a person ends what is in progress.
fn ways_out(finish: &str, leave: &str) -> String {
    match finish == leave {
        true => format!("end it with `{finish}`"),
        false => format!("finish it with `{finish}` or leave it with `{leave}`"),
    }
}

/// Why nothing was written, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The repository is bare, or there is none.
    #[error("there is no work tree to write to: {0}")]
    NoWorkTree(String),
    /// A merge, rebase or the like is under way.
    #[error("a {what} is in progress; {}, then try again", ways_out(.finish, .leave))]
    InProgress {
        /// "merge", "rebase" …
        what: &'static str,
        /// The command that ends it well.
        finish: &'static str,
        /// The command that gives it up.
        leave: &'static str,
    },
    /// The index has conflicts.
    #[error("there are unresolved conflicts in {}; settle them and `git add` the files, then try again", .paths.join(", "))]
    Unmerged {
        /// The files in conflict, below the repository's root; at most ten.
        paths: Vec<String>,
    },
    /// HEAD is on no branch.
    #[error("HEAD is detached, a commit here would belong to no branch; `git switch BRANCH` first")]
    Detached,
    /// Nobody would be the author.
    #[error(
        "git does not know who you are; run `git config --global user.name \"Your Name\"` and \
         `git config --global user.email you@example.com`, then try again"
    )]
    NoIdentity,
    /// A file of the action has changes that are not committed.
    #[error("{path} {what}; commit or stash that first (`git status` shows it)")]
    Dirty {
        /// The file, below the repository's root.
        path: String,
        /// "has staged changes", "was deleted in the work tree" …
        what: &'static str,
    },
    /// A sparse checkout leaves a file of the action out.
    #[error("{path} is not checked out here; `git sparse-checkout add` its folder first")]
    Hidden {
        /// The file, below the repository's root.
        path: String,
    },
    /// A file of the action is not in git yet.
    #[error("{path} is not in git yet; `git add` and commit it first")]
    Untracked {
        /// The file, below the repository's root.
        path: String,
    },
    /// Something is in the way at the destination.
    #[error("{path} exists already ({place}); nothing is overwritten")]
    Exists {
        /// The destination, below the repository's root.
        path: String,
        /// Where it exists.
        place: &'static str,
    },
    /// A name at the destination differs only by case or Unicode form.
    #[error("{path} would be the same name as {other} on systems that ignore case; rename one of them")]
    Twin {
        /// The destination.
        path: String,
        /// What is there.
        other: String,
    },
    /// The destination is ignored, so that it would vanish from sight.
    #[error("{path} is ignored by git ({rule}); change that rule first")]
    Ignored {
        /// The destination.
        path: String,
        /// File, line and pattern of the rule.
        rule: String,
    },
    /// A path that may not be written.
    #[error("{path:?} cannot be written: {reason}")]
    BadPath {
        /// As it was given.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// The action would change nothing.
    #[error("there is nothing to change")]
    Unchanged,
    /// Another tussock or git is at work.
    #[error("{what} is held by {holder}; wait for it to end, then try again")]
    Locked {
        /// The lock's file.
        what: String,
        /// Who has it, as far as is known.
        holder: String,
    },
    /// tussock was called by a hook that tussock itself runs.
    #[error("a hook of this very commit called tussock to write; a hook may check, but not change deals")]
    Nested,
    /// Somebody else changed it first.
    #[error("{what} meanwhile; nothing was changed, run the command again")]
    Conflict {
        /// What happened, as the beginning of a sentence.
        what: String,
    },
    /// A hook or signing refused.
    #[error("{by} refused, nothing was changed{}", indented(.output))]
    Rejected {
        /// "the pre-commit hook", "signing" …
        by: String,
        /// All that it printed.
        output: String,
    },
    /// The `git` program failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository could not be read.
    #[error(transparent)]
    Read(#[from] RepoError),
    /// The file system failed.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The commit is made, but the rest is not.
    #[error("{}: {what}; when the cause is gone, the next tussock command that writes finishes it, or `tussock doctor`", pending(.commit.as_ref()))]
    Pending {
        /// The commit; `None` where only files were to be changed.
        commit: Option<ObjectId>,
        /// The files it changed, below the repository's root.
        paths: Vec<String>,
        /// What is not done, and why.
        what: String,
    },
    /// The branch cannot be read back, so nobody knows whether the commit is on it.
    #[error(
        "it is not known whether commit {} was made, since the branch cannot be read ({reason}); when the cause is gone, \
         the next tussock command that writes finds out and finishes it or takes it back",
        .commit.short()
    )]
    Unknown {
        /// The commit.
        commit: ObjectId,
        /// Why the branch cannot be read.
        reason: String,
    },
    /// Nothing is committed, and the index cannot be put back.
    #[error(
        "nothing is committed, but the index already has the change and cannot be put back ({reason}); when the cause is \
         gone, the next tussock command that writes puts it back"
    )]
    IndexAhead {
        /// Why not.
        reason: String,
    },
    /// The journal of an action that was cut short cannot be used.
    #[error("there is a journal of an unfinished change, {path}, but {reason}")]
    Journal {
        /// Its file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A branch cannot be read while an action on it is unfinished.
    #[error("{branch} cannot be read; it should be at {hint}; `tussock doctor` can restore it")]
    BrokenBranch {
        /// Its full name.
        branch: String,
        /// Where it should be.
        hint: String,
    },
}

fn pending(commit: Option<&ObjectId>) -> String {
    match commit {
        Some(id) => format!("commit {} is made, but the work tree is not updated yet", id.short()),
        None => "the change is begun, but the work tree is not updated yet".to_owned(),
    }
}

fn indented(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!(":\n{output}") }
}

impl WriteError {
    /// What kind of error it is.
    pub fn class(&self) -> Class {
        match self {
            WriteError::NoWorkTree(_)
            | WriteError::InProgress { .. }
            | WriteError::Unmerged { .. }
            | WriteError::Detached
            | WriteError::NoIdentity
            | WriteError::Dirty { .. }
            | WriteError::Untracked { .. }
            | WriteError::Hidden { .. }
            | WriteError::Exists { .. }
            | WriteError::Twin { .. }
            | WriteError::Ignored { .. } => Class::NotInState,
            WriteError::BadPath { .. } | WriteError::Unchanged => Class::Usage,
            WriteError::Locked { .. } | WriteError::Nested => Class::Locked,
            WriteError::Conflict { .. } => Class::Conflict,
            WriteError::Rejected { .. } => Class::Rejected,
            WriteError::Git(e) => e.class(),
            WriteError::Read(e) => e.class(),
            WriteError::Io { .. } | WriteError::Unknown { .. } | WriteError::IndexAhead { .. } => Class::Io,
            WriteError::Journal { .. } | WriteError::BrokenBranch { .. } => Class::NotInState,
            WriteError::Pending { .. } => Class::Pending,
        }
    }

    /// An error of the file system while `doing` something to `path`.
    pub(super) fn io(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
        let doing = format!("{doing} {}", path.display());
        move |source| WriteError::Io { doing, source }
    }

    /// An error of libgit2 while `doing` something.
    pub(super) fn reading(doing: impl Into<String>) -> impl FnOnce(git2::Error) -> WriteError {
        let doing = doing.into();
        move |e| WriteError::Read(RepoError::Read { doing, reason: e.message().to_owned() })
    }

    /// An object that could not be read while `doing` something.
    pub(super) fn object(doing: impl Into<String>) -> impl FnOnce(ObjectError) -> WriteError {
        let doing = doing.into();
        move |e| WriteError::Read(RepoError::object(doing)(e))
    }
}
