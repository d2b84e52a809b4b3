//! Numbers about deals: pure functions of the pipeline, its deals and their spells. No files, no git, no clock.

pub mod agenda;
pub mod amounts;
pub mod calendar;
pub mod cash;
pub mod compare;
pub mod compared;
pub mod conversion;
pub mod coverage;
pub mod cycle;
pub mod effort;
pub mod estimate;
pub mod flow;
pub mod funnel;
pub mod health;
pub mod hours;
pub mod interval;
pub mod journey;
pub mod leakage;
pub mod losses;
pub mod quantile;
pub mod quiet;
pub mod reasons;
pub mod rows;
pub mod sla;
pub mod slippage;
pub mod snapshot;
pub mod stage_time;
pub mod survival;
pub mod total;
pub mod waterfall;
pub mod win_rate;
pub mod worth;

pub use crate::format::period;

#[cfg(test)]
pub(crate) mod fixture;

/// Seconds in a day.
pub const DAY: i64 = 86_400;
