//! A key that stands twice.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "duplicate-key",
    level: Level::Error,
    summary: "a key stands twice in one block",
    why: "Only one of the two values can be meant, and most programs silently take the last.",
    bad: "amount: 18000\nowner: olga\namount: 12000",
    good: "amount: 12000\nowner: olga",
    suppressible: true,
    finder: Finder::Reader,
};
