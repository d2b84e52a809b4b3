//! Deals whose file a change removes.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "removed-deal",
    level: Level::Warning,
    summary: "with `--since`: the file of a deal is gone",
    why: "A deal that is removed is neither won nor lost: it leaves the win rate, the losses and the forecast without a trace, and escapes every criterion. A deal that got another id and says so under `was` is not removed.",
    bad: "git rm proposal/acme.yaml",
    good: "tussock lose acme --reason price",
    suppressible: false,
    finder: Finder::Range,
};
