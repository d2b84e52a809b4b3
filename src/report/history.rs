//! What a report has to say of the history that it rests on.

use chrono::NaiveDate;
use serde::Serialize;

use crate::forecast::day_of;
use crate::format::pipeline::Pipeline;
use crate::history::Summary;

/// So many bulk commits, and lines that name no commit, are named.
const NAMED: usize = 10;

/// The history behind a report: what it covers, and what in it is odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryBlock {
    /// The day on which its first commit became known.
    pub from: Option<NaiveDate>,
    /// The day on which its last one did.
    pub to: Option<NaiveDate>,
    /// Commits on the line of the branch.
    pub commits: usize,
    /// Whether it begins in the middle, at the edge of a shallow clone.
    pub incomplete: bool,
    /// Events whose time had to be corrected.
    pub corrected_events: usize,
    /// Commits whose clock ran behind the commit before.
    pub corrected_commits: usize,
    /// Moves over a stage that is not optional.
    pub skips: usize,
    /// Events at times that no clock can have shown: before 1970-01-02, or from 2038-01-19 on. No length of time is taken
    /// from them.
    pub odd_times: usize,
    /// Deals that came in with an import, or were there already where a shallow clone begins, so that their beginning lies
    /// earlier.
    pub imported: usize,
    /// How many commits moved many deals at once.
    pub bulk_commits: usize,
    /// The first of them.
    pub bulk: Vec<Bulk>,
    /// Commits that `.tussock-ignore-revs` lists.
    pub ignored_commits: usize,
    /// Moves that they made, which count in no length of time.
    pub ignored_moves: usize,
    /// How many lines of `.tussock-ignore-revs` name no commit.
    pub bad_ignore_lines: usize,
    /// The first of them.
    pub bad_lines: Vec<String>,
    /// Versions of deals that could not be read, so that the fields that they changed are not known.
    pub unreadable: usize,
    /// The first second after the edge of a shallow clone: what is there earlier did not come in then.
    #[serde(skip)]
    pub begins: Option<i64>,
}

/// A commit that moved many deals at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bulk {
    /// The commit.
    pub commit: String,
    /// How many deals it moved.
    pub deals: usize,
}

impl HistoryBlock {
    /// What is to be said of a history.
    pub fn of(history: &Summary, pipeline: &Pipeline) -> Self {
        let bulk = |(commit, deals): &(_, usize)| Bulk { commit: ToString::to_string(commit), deals: *deals };
        let edge = history.first_known_at.filter(|_| history.incomplete);
        HistoryBlock {
            from: history.first_known_at.map(|at| day_of(pipeline, at.0)),
            to: history.tip_known_at.map(|at| day_of(pipeline, at.0)),
            commits: history.commits,
            incomplete: history.incomplete,
            corrected_events: history.clamped_valid,
            corrected_commits: history.clamped_known,
            skips: history.skips,
            odd_times: history.odd_times,
            imported: history.imported,
            bulk_commits: history.bulk.len(),
            bulk: history.bulk.iter().take(NAMED).map(bulk).collect(),
            ignored_commits: history.ignored_commits,
            ignored_moves: history.ignored_moves,
            bad_ignore_lines: history.bad_ignore_lines.len(),
            bad_lines: history.bad_ignore_lines.iter().take(NAMED).cloned().collect(),
            unreadable: history.unreadable,
            begins: edge.map(|at| at.0.saturating_add(1)),
        }
    }
}

/// A part of a report that rests on history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part<T> {
    /// What it says.
    #[serde(flatten)]
    pub said: T,
    /// Whether the history that it rests on is incomplete.
    pub incomplete: bool,
}

impl<T> std::ops::Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.said
    }
}
