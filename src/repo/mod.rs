//! The only place that knows git: snapshots of a tree, the write transaction, the state of the repository.

pub mod discover;
pub mod error;
pub mod git;
mod hooks;
pub mod import;
mod lock;
pub mod mailmap;
pub mod merged;
pub mod objects;
pub mod revision;
pub mod settle;
pub mod snapshot;
pub mod state;
pub mod transaction;
pub mod watch;
pub mod worktree;
