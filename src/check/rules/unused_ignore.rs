//! An `ignore` comment that does nothing.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "unused-ignore",
    level: Level::Warning,
    summary: "an ignore comment silences nothing, gives no reason, or names a rule that cannot be silenced",
    why: "A comment that no longer silences anything would one day silence something that nobody has looked at.",
    bad: "# tussock: ignore[overdue-close-date]\nclose_date: 2026-01-10",
    good: "# tussock: ignore[overdue-close-date] The client decides after the board meets in June\nclose_date: 2026-01-10",
    suppressible: false,
    finder: Finder::Reader,
};
