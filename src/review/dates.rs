//! Commits whose dates cannot be right, or were set back.

use std::cmp::Reverse;

use chrono::DateTime;

use crate::format::pipeline::Pipeline;

use super::compare::{CommitDate, Known};
use super::document::{Commits, Finding, Level, OddCommit, Oddity};
use super::found::short;

/// A clock may be wrong by so many seconds.
const A_CLOCK: i64 = 86_400;

/// More commits with odd dates than this are counted and not listed.
const MOST_COMMITS: usize = 20;

/// Commits whose dates cannot be right or were set back.
pub(super) fn commits(known: &Known<'_>, pipeline: &Pipeline) -> Commits {
    let Some(all) = known.commits else { return Commits::default() };
    let latest = pipeline.end_of(known.today).saturating_add(A_CLOCK);
    let oddity = |commit: &CommitDate| match commit.authored {
        at if at < A_CLOCK => Some(Oddity::NoClock),
        at if at > latest => Some(Oddity::Future),
        at if known.base_time.is_some_and(|base| at < base.saturating_sub(A_CLOCK)) => Some(Oddity::BeforeBase),
        _ => None,
    };
    let mut odd: Vec<(i64, OddCommit)> = Vec::new();
    for commit in all {
        if let Some(oddity) = oddity(commit) {
            let back = known.base_time.unwrap_or_default().saturating_sub(commit.authored);
            let says = DateTime::from_timestamp(commit.authored, 0).map(|at| at.date_naive()).unwrap_or_default();
            let author = short(&commit.author);
            odd.push((back, OddCommit { commit: commit.commit.clone(), author, says, oddity }));
        }
    }
    let odd_count = odd.len();
    odd.sort_by_key(|(back, commit)| (commit.oddity == Oddity::BeforeBase, Reverse(*back)));
    odd.truncate(MOST_COMMITS);
    Commits { count: Some(all.len()), odd_count, odd: odd.into_iter().map(|(_, commit)| commit).collect() }
}

/// What is to be said of odd dates.
pub(super) fn findings(commits: &Commits) -> Vec<Finding> {
    let told = commits.odd.iter().map(|odd| {
        let words = match odd.oddity {
            Oddity::BeforeBase => "before the commit that this change begins with",
            Oddity::Future => "in the future",
            Oddity::NoClock => "a time that no clock can have shown",
        };
        Finding {
            rule: "commit-date".to_owned(),
            level: if odd.oddity == Oddity::BeforeBase { Level::Info } else { Level::Warning },
            message: format!("commit {} is dated {}: {words}", odd.commit.short(), odd.says),
            path: String::new(),
            line: None,
            field: None,
            criterion: None,
            commands: Vec::new(),
            is_old: false,
        }
    });
    told.collect()
}
