//! The only place that knows git: snapshots of a tree, the write transaction, the state of the repository.

pub mod activity;
pub mod coming;
pub mod discover;
pub mod doctor;
pub mod engine;
pub mod error;
mod folders;
pub mod git;
pub mod hook_files;
mod hooks;
pub mod identity;
pub mod import;
pub mod incoming;
pub mod lock;
pub mod mailmap;
pub mod merged;
pub mod objects;
pub mod pack;
pub mod revision;
pub mod settle;
pub mod snapshot;
pub mod state;
pub mod sync;
pub mod transaction;
pub mod undo;
pub mod watch;
pub mod worktree;
