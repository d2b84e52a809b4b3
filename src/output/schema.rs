//! JSON Schemas (draft 2020-12) of what the program prints as JSON.

/// Of `validate --format json`.
pub const FINDINGS: &str = include_str!("schema/findings.json");

/// Of `report --format json` and `backtest --format json`: what all reports begin with, and the keys of each.
pub const REPORT: &str = include_str!("schema/report.json");
