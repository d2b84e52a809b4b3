//! Deals that a merge moved.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "merge-misplaced",
    level: Level::Error,
    summary: "a merge put a deal into a stage where no branch had it",
    why: "When all deals leave a stage on one branch, git takes the folder for renamed and moves a new deal of the other branch along. Placeholders (`.gitkeep`) and `merge.directoryRenames=false` prevent it.",
    bad: "on its branch:   brief/gamma.yaml\nafter the merge: proposal/gamma.yaml",
    good: "on its branch:   brief/gamma.yaml\nafter the merge: brief/gamma.yaml",
    suppressible: false,
    finder: Finder::Merge,
};
