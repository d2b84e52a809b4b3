//! Conflicts that were settled with a third value.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "merge-settled",
    level: Level::Info,
    summary: "both branches changed a field and the merge has a third value",
    why: "Somebody settled a conflict by hand, or git put two texts together line by line. It is worth a look, and no mistake.",
    bad: "one branch:      amount: 25000\nthe other:       amount: 20000\nafter the merge: amount: 22000",
    good: "one branch:      amount: 25000\nthe other:       amount: 20000\nafter the merge: amount: 20000",
    suppressible: false,
    finder: Finder::Merge,
};
