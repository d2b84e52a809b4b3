//! How the program ends, and the one place that decides it for every error.

use std::process::ExitCode;

use crate::action::assign::AssignError;
use crate::action::find::NotFound;
use crate::action::plan::PlanError;
use crate::history::HistoryError;
use crate::repo::doctor::lock_in_the_way;
use crate::repo::error::{Class, RepoError, WriteError};
use crate::repo::git::GitError;

/// The exit codes, part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, nothing found.
    Done = 0,
    /// Findings at or above `--fail-on`, unreadable files, or a refused move.
    Findings = 1,
    /// Wrong arguments or a broken pipeline file.
    Usage = 2,
    /// No pipeline here.
    NoPipeline = 3,
    /// The repository is not in a state for it.
    NotInState = 4,
    /// Another process holds a lock.
    Locked = 5,
    /// Somebody else was first.
    Conflict = 6,
    /// A hook or signing said no.
    Rejected = 7,
    /// Reading or writing failed.
    Io = 8,
    /// The commit is made, the work tree is not updated yet.
    Pending = 9,
    /// History is incomplete.
    Incomplete = 10,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
    /// Stopped by the system.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended early: a sentence, what to do, and the exit code.
#[derive(Debug)]
pub struct CommandError {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, in plain words. May have several lines.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error with its exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        CommandError { exit, message: message.into(), hints: Vec::new() }
    }

    /// An error of this kind.
    pub fn of(class: Class, message: impl Into<String>) -> Self {
        CommandError::new(of_class(class), message)
    }

    /// Wrong arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        CommandError::new(Exit::Usage, message)
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

fn of_class(class: Class) -> Exit {
    match class {
        Class::Usage => Exit::Usage,
        Class::NoPipeline => Exit::NoPipeline,
        Class::NotInState => Exit::NotInState,
        Class::Locked => Exit::Locked,
        Class::Conflict => Exit::Conflict,
        Class::Rejected => Exit::Rejected,
        Class::Io => Exit::Io,
        Class::Pending => Exit::Pending,
    }
}

impl From<RepoError> for CommandError {
    fn from(error: RepoError) -> Self {
        CommandError::new(of_class(error.class()), error.to_string())
    }
}

impl From<WriteError> for CommandError {
    fn from(error: WriteError) -> Self {
        let mut command = CommandError::new(of_class(error.class()), error.to_string());
        if let Some(lock) = lock_in_the_way(&command.message) {
            command.hints.push(lock);
        }
        command
    }
}

impl From<GitError> for CommandError {
    fn from(error: GitError) -> Self {
        CommandError::new(of_class(error.class()), error.to_string())
    }
}

impl From<HistoryError> for CommandError {
    fn from(error: HistoryError) -> Self {
        let told = CommandError::new(Exit::Incomplete, error.to_string());
        match error {
            HistoryError::Shallow => told.hint(
                "`--allow-incomplete`, which report, log, list, show and why take, reads what is there and marks it",
            ),
            HistoryError::Object { .. } => told,
        }
    }
}

impl From<NotFound> for CommandError {
    fn from(error: NotFound) -> Self {
        let exit = match error {
            NotFound::Deal { .. } | NotFound::Stage { .. } | NotFound::Ambiguous { .. } => Exit::Usage,
            NotFound::Twice { .. } | NotFound::Unreadable { .. } => Exit::Findings,
        };
        CommandError::new(exit, error.to_string())
    }
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::NotFound(error) => error.into(),
            PlanError::Assign(AssignError::Edit { .. }) => CommandError::new(Exit::Findings, error.to_string()),
            PlanError::Assign(AssignError::UnknownField { near: None, .. }) => {
                CommandError::usage(error.to_string()).hint("declare it under `fields` in pipeline.yaml")
            }
            PlanError::Assign(_)
            | PlanError::NoNext(..)
            | PlanError::NoEnd(_)
            | PlanError::NotEnded { .. }
            | PlanError::NoSlug(_)
            | PlanError::Taken { .. }
            | PlanError::InUse { .. }
            | PlanError::Former { .. }
            | PlanError::NoCriterion { .. }
            | PlanError::NoApproval { .. }
            | PlanError::BadId(_) => CommandError::usage(error.to_string()),
            PlanError::Invalid { ref problems, .. } => {
                let mut refused = CommandError::new(Exit::Findings, error.to_string());
                refused.hints.extend(problems.iter().filter_map(|p| p.help.clone()));
                refused
            }
            PlanError::Refused { .. }
            | PlanError::Emptied { .. }
            | PlanError::NotWaivable { .. }
            | PlanError::Waived { .. }
            | PlanError::MayNotApprove { .. } => CommandError::new(Exit::Findings, error.to_string()),
        }
    }
}
