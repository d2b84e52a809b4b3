//! What the rules may know of history. The room that reads it lies below this one, so it is handed in.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::format::ident::{DealId, StageId};

/// What history tells of deals, each part where it is at hand.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The moment that ages count to, in seconds since 1970.
    pub moment: i64,
    /// When each deal last came to a stage, or one of the fields of [`crate::format::quiet::MEANINGFUL`] last got another
    /// value, in seconds since 1970.
    pub last_changes: Option<BTreeMap<DealId, i64>>,
    /// For deals in a stage with a limit for the first answer: how long there is for it.
    pub answers: Option<BTreeMap<DealId, Answering>>,
    /// Who wrote the approvals that deals have, by deal and criterion.
    pub approvals: Option<BTreeMap<(DealId, String), Written>>,
}

/// How long there is for the first answer to a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The stage it came to.
    pub stage: StageId,
    /// The day on which it came.
    pub since: NaiveDate,
    /// The last day on which an answer is in time.
    pub until: NaiveDate,
}

/// An approval as a commit wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Who approved, as it was written.
    pub by: String,
    /// The day, as it was written.
    pub on: String,
    /// The commit, in short.
    pub commit: String,
    /// Names and addresses of its author and of those who wrote it with him.
    pub authors: Vec<(String, String)>,
}
