//! Numbers about deals: pure functions of the pipeline, its deals and their spells. No files, no git, no clock.

pub mod estimate;
pub mod funnel;
pub mod interval;
pub mod journey;
pub mod period;
pub mod rows;
pub mod snapshot;
pub mod survival;
pub mod total;

#[cfg(test)]
pub(crate) mod fixture;

/// Seconds in a day.
pub const DAY: i64 = 86_400;
