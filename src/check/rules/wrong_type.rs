//! A value of another type than the field’s.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "wrong-type",
    level: Level::Error,
    summary: "a value is not of its field's type",
    why: "An amount or a date that cannot be read is left out of sums and forecasts.",
    bad: "amount: 12,000 EUR",
    good: "amount: 12000 EUR",
    suppressible: true,
    finder: Finder::Reader,
};
