//! The ways to forecast that are scored side by side.

use serde::Serialize;

/// A way to give a deal a chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// As `tussock forecast` says.
    Forecast,
    /// The same without the drift factor.
    WithoutDrift,
    /// By the stage alone: neither age nor fields, and no prior.
    StageOnly,
    /// The share of the closed deals that were in the stage that was won.
    WonOfClosed,
    /// The fixed percentage of the stage.
    Ladder,
    /// The sellers' word: 1 for commit, else 0.
    Commit,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 6] = [
        Method::Forecast,
        Method::WithoutDrift,
        Method::StageOnly,
        Method::WonOfClosed,
        Method::Ladder,
        Method::Commit,
    ];

    /// The name of its column in tables of chances.
    pub fn column(self) -> &'static str {
        match self {
            Method::Forecast => "p_won",
            Method::WithoutDrift => "p_without_drift",
            Method::StageOnly => "p_stage_only",
            Method::WonOfClosed => "p_won_of_closed",
            Method::Ladder => "p_ladder",
            Method::Commit => "p_commit",
        }
    }
}
