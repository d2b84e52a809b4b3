//! Changes of what is asked of deals.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "policy-change",
    level: Level::Warning,
    summary: "with `--since`: pipeline.yaml asks for something else than before, or a deal silences a rule",
    why: "Every other finding is judged by this file, so that a change that weakens it hides what it lets through. What weakens it is a warning, the rest is told as information. The level is that of the earlier file, so that a change cannot silence this rule.",
    bad: "# in the pull request that moves the deal\nexit:\n  - {id: budget-known, text: The budget is known, require: [amount], level: warning}",
    good: "# in a pull request of its own, with the reason in its description",
    suppressible: false,
    finder: Finder::Range,
};
