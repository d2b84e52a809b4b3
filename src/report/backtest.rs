//! How good the forecasts of the past were.

use serde::Serialize;

use crate::forecast::backtest::Backtest;
use crate::forecast::backtest::cutoffs::TooEarly;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::history::Part;

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    ("chances", "chances that were given: each deal as often as it was open at a cut-off"),
    ("won", "those of them whose deal is known to be won when the horizon is over"),
    ("independent", "cut-offs whose horizons do not overlap: the first, and each that lies behind the one before"),
    ("brier", "mean square of (chance - 1 if won, else 0): 0 is perfect"),
    ("skill", "1 - brier / (r (1 - r)), where r is the share of all these deals that was won"),
    ("log_loss", "mean of -ln(chance given to what came), chances cut to 2.2e-16 from 0 and 1"),
    ("auc", "how often a deal that was won had the higher chance than one that was not; ties count half"),
    ("calibration_error", "mean distance between said and came in ten bins of equal width, weighed by deals"),
    ("observed_to_expected", "wins that came / sum of the chances"),
    ("wape", "sum of |expected - came| / sum of what came, over the cut-offs"),
    ("bias", "sum of (expected - came) / sum of what came; above 0 too much was promised"),
    ("crps", "mean over the cut-offs of the integral of (F(x) - [x >= came])^2"),
    ("pinball", "mean losses of P10, P50 and P90"),
    ("coverage", "share of the cut-offs at which P10 <= came <= P90, which should be 0.8"),
    (
        "mean",
        "in a comparison: loss of the first minus loss of the second, with the 95 % interval of a block bootstrap over the \
         cut-offs (blocks as long as the horizon)",
    ),
    ("relative", "the same as a share of the loss of the second"),
    ("came", "what was won of the deals that were open, and of new ones where the forecast has new business"),
];

/// How good the forecasts of the past were.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BacktestReport {
    /// The backtest.
    pub backtest: Part<Backtest>,
}

impl Body for BacktestReport {
    const NAME: &'static str = "backtest";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("methods", "/backtest/methods"),
        ("against", "/backtest/against"),
        ("calibration", "/backtest/calibration"),
        ("ranges", "/backtest/ranges"),
        ("periods", "/backtest/periods"),
    ];

    fn rows(&self) -> usize {
        self.backtest.periods.len()
    }

    fn restrict(&mut self, profile: Profile) {
        if !profile.sees_expectations() {
            self.backtest.said = Backtest { too_early: Some(TooEarly::NoTime), ..Backtest::default() };
        }
    }
}

/// The backtest. It is made before, since it needs more than the facts of one time.
pub fn make(facts: &Facts<'_>) -> BacktestReport {
    let nothing = || Backtest { too_early: Some(TooEarly::NoTime), ..Backtest::default() };
    BacktestReport { backtest: facts.part(facts.backtest.cloned().unwrap_or_else(nothing)) }
}
