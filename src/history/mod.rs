//! Commits become events, events become spells.

pub mod event;
pub mod export;
pub mod fields;
pub mod one_deal;
pub mod range;
pub mod record;
pub mod spell;
pub mod standpoint;
pub mod track;

mod bytes;
mod cache;
mod chronicle;
mod compared;
mod deals;
mod ignore;
mod ledger;
mod line;
mod merge;
mod past;
mod place;
mod stages;
mod stays;
mod trees;
mod versions;
mod visits;
mod walk;
mod way;

pub use cache::{Cache, CacheFile, Held, Visits};
pub use chronicle::{Chronicle, read};
pub use ignore::IGNORE_REVS_FILE;
pub use record::{History, HistoryError, IgnoredMove, Options, Standing, Summary};
pub use stages::direction;
pub use standpoint::{Found, Point, Standpoint, came_in, standpoint};
pub use versions::{Version, versions};
pub use visits::visits;
