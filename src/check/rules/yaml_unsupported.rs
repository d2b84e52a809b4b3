//! YAML that tussock does not take.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "yaml-unsupported",
    level: Level::Error,
    summary: "a file uses YAML that tussock does not take: aliases, tags, merge keys, several documents, too large or too deep",
    why: "A deal should say what it says on its own lines: an alias or a merge key changes a value far away from where it is read, and different programs understand tags differently.",
    bad: "amount: &price 18000\npayments:\n  - {what: all, amount: *price}",
    good: "amount: 18000\npayments:\n  - {what: all, amount: 18000}",
    suppressible: false,
    finder: Finder::Reader,
};
