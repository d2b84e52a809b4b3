//! Judges deals by criteria: which ones a place asks for, and whether a deal meets them.

use chrono::NaiveDate;

use super::deal::Deal;
use super::ident::StageId;
use super::pipeline::{Criterion, Pipeline, Place};
use super::source::Source;

/// What a judgement may know beyond the deal itself.
pub struct Circumstances<'a> {
    /// The day it is.
    pub today: NaiveDate,
    /// For `file_exists`.
    pub source: &'a dyn Source,
    /// Full days since the deal came into its stage, where history is at hand.
    pub days_in_stage: Option<i64>,
    /// Stages the deal has visited, where history is at hand; optional stages bind only deals that visited them.
    pub visited: Option<&'a [StageId]>,
}

/// Whether a criterion is one of entry or of exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It must hold to enter the place.
    Entry,
    /// It must hold to go on from the stage.
    Exit,
}

/// A criterion that a place asks of a deal, with the place that declares it.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'p> {
    /// The stage or end that declares it.
    pub place: Place<'p>,
    /// Entry or exit.
    pub gate: Gate,
    /// The criterion.
    pub criterion: &'p Criterion,
}

/// How a deal stands to a criterion.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It holds.
    Met,
    /// These fields are missing (dotted paths).
    Missing(Vec<String>),
    /// Everything is there, but it is not so; why, in words.
    NotSatisfied(String),
    /// The expression itself failed on this deal; why, in words.
    Failed(String),
    /// It does not hold, but was waived.
    Waived {
        /// Who waived it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        on: NaiveDate,
    },
}

impl Outcome {
    /// Whether the deal may go on as far as this criterion is concerned.
    pub fn passes(&self) -> bool {
        matches!(self, Outcome::Met | Outcome::Waived { .. })
    }
}

/// All criteria that a deal must meet to be in `place`: the exit criteria of every stage before it, and its own entry
/// criteria; for an end of kind lost or recycled its entry criteria only. In the pipeline's order. The exit criteria of
/// an optional stage are left out unless the deal is in it or is known to have visited it.
pub fn demands<'p>(
    _pipeline: &'p Pipeline,
    _deal: &Deal,
    _place: Place<'p>,
    _visited: Option<&[StageId]>,
) -> Vec<Demand<'p>> {
    todo!("format::judge")
}

/// Judges one criterion.
pub fn judge(
    _pipeline: &Pipeline,
    _deal: &Deal,
    _criterion: &Criterion,
    _circumstances: &Circumstances<'_>,
) -> Outcome {
    todo!("format::judge")
}

/// Dotted paths of fields that are required in `place` (`required`, `required_from`) and not filled.
pub fn missing_fields(_pipeline: &Pipeline, _deal: &Deal, _place: Place<'_>) -> Vec<String> {
    todo!("format::judge")
}
