//! Deals in a stage that they have not earned.

use crate::check::criteria::unmet;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::judge::Gate;

// A comment cannot silence it: that would be a waiver without a name and a date, also where no waiver is allowed.
pub(super) static RULE: Rule = Rule {
    id: "exit-criterion",
    level: Level::Error,
    summary: "a deal stands in a stage although it does not meet the exit criteria of an earlier one",
    why: "A stage is worth what its exit criteria are worth: the chance of winning, the forecast and the plan all assume that a deal has really got there.",
    bad: "# proposal/acme.yaml, while the stage before asks for inputs.goal\ntitle: Corporate site redesign",
    good: "title: Corporate site redesign\ninputs:\n  goal: Double the leads from search",
    suppressible: false,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    unmet(ground, &RULE, Gate::Exit)
}
