//! A file that is not YAML.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "yaml-syntax",
    level: Level::Error,
    summary: "a file is not YAML",
    why: "A deal that cannot be read is missing from every list, sum and forecast until somebody mends it.",
    bad: "next_step: {what: Call the CFO: budget, due: 2026-11-25}",
    good: "next_step: {what: \"Call the CFO: budget\", due: 2026-11-25}",
    suppressible: false,
    finder: Finder::Reader,
};
