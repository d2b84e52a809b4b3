//! The only place that knows git: snapshots of a tree, the write transaction, the state of the repository.

pub mod mailmap;
pub mod objects;
