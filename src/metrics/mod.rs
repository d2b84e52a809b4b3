//! Numbers about deals: pure functions of the pipeline, its deals and their spells. No files, no git, no clock.

pub mod agenda;
pub mod amounts;
pub mod cash;
pub mod coverage;
pub mod effort;
pub mod estimate;
pub mod funnel;
pub mod hours;
pub mod interval;
pub mod journey;
pub mod losses;
pub mod quantile;
pub mod reasons;
pub mod rows;
pub mod slippage;
pub mod snapshot;
pub mod survival;
pub mod total;
pub mod waterfall;

pub use crate::format::period;

#[cfg(test)]
pub(crate) mod fixture;

/// Seconds in a day.
pub const DAY: i64 = 86_400;
