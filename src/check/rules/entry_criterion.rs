//! Deals in a stage or end whose entry criteria they do not meet.

use crate::check::criteria::unmet;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::judge::Gate;

// A comment cannot silence it: that would be a waiver without a name and a date, also where no waiver is allowed.
pub(super) static RULE: Rule = Rule {
    id: "entry-criterion",
    level: Level::Error,
    summary: "a deal stands in a stage or end although it does not meet its entry criteria",
    why: "Without them the stage says little: a lost deal without a reason teaches nobody anything.",
    bad: "# lost/acme.yaml, while `lost` asks for lost.reason\ntitle: Corporate site redesign",
    good: "title: Corporate site redesign\nlost:\n  reason: price",
    suppressible: false,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    unmet(ground, &RULE, Gate::Entry)
}
