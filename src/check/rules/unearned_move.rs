//! Moves that were not earned when they were made.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "unearned-move",
    level: Level::Warning,
    summary: "with `--since`: a deal was moved on although it had not earned it then",
    why: "Conversions and times are counted from moves, so that a deal that went ahead and was mended afterwards counts as one that got there in time. It is a warning, since nothing is left to mend: what is still missing is an error of its own.",
    bad: "# 1st commit: brief/acme.yaml → proposal/acme.yaml, without inputs.deadline\n# 2nd commit: inputs.deadline is filled in",
    good: "# 1st commit: inputs.deadline is filled in\n# 2nd commit: brief/acme.yaml → proposal/acme.yaml",
    suppressible: false,
    finder: Finder::Range,
};
