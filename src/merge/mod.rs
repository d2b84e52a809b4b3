//! Versions of one deal brought together by its id, field by field: what a merge should have come to, and what a person
//! has to decide. Knows no git: it is given the versions.

pub mod check;
pub mod content;
mod markers;
mod reading;
pub mod settle;

pub use check::{Difference, Kind, judge};
pub use content::{Content, Copy, Datum, Version};
pub use markers::split;
pub use reading::{DealFiles, FileAt, ReadBlob, deals};
