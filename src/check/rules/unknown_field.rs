//! A key that no field has.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "unknown-field",
    level: Level::Error,
    summary: "a deal has a field that the pipeline does not know",
    why: "A misspelt field is a value that no criterion, list or report will ever see. Fields of your own go under `fields` in pipeline.yaml, or begin with `x-`.",
    bad: "ammount: 18000",
    good: "amount: 18000",
    suppressible: true,
    finder: Finder::Reader,
};
