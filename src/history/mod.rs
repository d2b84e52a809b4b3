//! Commits become events, events become spells.

pub mod event;
pub mod export;
pub mod fields;
pub mod record;
pub mod spell;
pub mod standpoint;
pub mod walk;

mod deals;
mod ignore;
mod merge;
mod place;
mod stages;
mod trees;

pub use ignore::IGNORE_REVS_FILE;
pub use record::{History, HistoryError, IgnoredMove, Options, Standing};
pub use stages::direction;
pub use standpoint::{Found, Point, Standpoint, came_in, standpoint};
pub use walk::read;
