//! A date that no calendar has.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "impossible-date",
    level: Level::Error,
    summary: "a date does not exist in the calendar",
    why: "Nobody can tell which day was meant, so the deal has no date at all.",
    bad: "close_date: 2026-02-30",
    good: "close_date: 2026-02-28",
    suppressible: true,
    finder: Finder::Reader,
};
