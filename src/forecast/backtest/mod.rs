//! How good the forecasts of the past were.

pub mod baselines;
pub mod bootstrap;
pub mod score;
