//! What a merge lost.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "merge-lost-change",
    level: Level::Error,
    summary: "a merge lost a change that one of its branches had made",
    why: "git follows files by likeness, and takes one deal for another when both were rewritten or a folder was emptied. What one branch changed is then missing without any conflict. `tussock merge-check` repeats the merge by the ids of the deals and finds it.",
    bad: "on a branch:       amount: 25000   (was 18000)\nafter the merge:   amount: 18000",
    good: "on a branch:       amount: 25000   (was 18000)\nafter the merge:   amount: 25000",
    suppressible: false,
    finder: Finder::Merge,
};
