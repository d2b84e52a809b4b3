//! What a failed merge leaves.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "conflict-marker",
    level: Level::Error,
    summary: "a file holds the markers of a merge that nobody finished",
    why: "The file holds two versions of the deal at once; inside a block of text it is even valid YAML, so that nothing else would notice.",
    bad: "<<<<<<< HEAD\namount: 18000\n=======\namount: 12000\n>>>>>>> discount",
    good: "amount: 12000",
    suppressible: false,
    finder: Finder::Reader,
};
