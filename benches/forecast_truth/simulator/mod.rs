//! A sales pipeline by a known law: ages, segments, drift, new business and a market that moves all deals at once.
//!
//! On each day an open deal may be won, lost, advance or fall back, at rates that depend on its stage and the days it has
//! spent there, on its segment, on the date and on the market's state. So the true chance of each deal to be won by a day
//! can be worked out exactly, and forecasts be held against it.

// Who takes it in does not need all of it.
#![allow(dead_code)]

pub mod deals;
pub mod dice;
pub mod facts;
pub mod law;
pub mod truth;
