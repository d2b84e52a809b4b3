//! What a change does to a pipeline, in the pipeline's words: two states are compared deal by deal. Only the files that are
//! not the same on both sides are read.

mod compare;
mod dates;
mod deals;
pub mod document;
pub mod fields;
mod found;
mod policy;
mod redact;
mod weigh;

pub use compare::{Asked, Changed, CommitDate, Ground, Knowledge, Known};
pub use document::Review;
pub use weigh::Past;
