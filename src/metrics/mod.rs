//! Numbers about deals: pure functions of the pipeline, its deals and their spells. No files, no git, no clock.

pub mod calendar;
pub mod compare;
pub mod compared;
pub mod conversion;
pub mod cycle;
pub mod estimate;
pub mod flow;
pub mod funnel;
pub mod health;
pub mod interval;
pub mod journey;
pub mod leakage;
pub mod period;
pub mod quiet;
pub mod rates;
pub mod rows;
pub mod sla;
pub mod snapshot;
pub mod stage_time;
pub mod survival;
pub mod total;
pub mod win_rate;
pub mod worth;

#[cfg(test)]
pub(crate) mod fixture;

/// Seconds in a day.
pub const DAY: i64 = 86_400;
