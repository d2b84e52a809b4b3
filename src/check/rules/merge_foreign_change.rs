//! What a merge wrote into the wrong deal.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "merge-foreign-change",
    level: Level::Error,
    summary: "a merge gave a deal a value that no branch had given it",
    why: "When a deal is removed and another is made like it, git takes the new one for the old one moved, and writes changes of the old one into it: Gamma gets Acme's amount, in a merge without conflict.",
    bad: "gamma on its branch:   amount: 18000\ngamma after the merge: amount: 25000   (meant for acme)",
    good: "gamma on its branch:   amount: 18000\ngamma after the merge: amount: 18000",
    suppressible: false,
    finder: Finder::Merge,
};
