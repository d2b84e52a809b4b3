//! Criteria whose expression fails on a deal.

use crate::check::criteria::concerned;
use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::judge::{Demand, Outcome};
use crate::format::pipeline::{CriterionTest, PIPELINE_FILE};

pub(super) static RULE: Rule = Rule {
    id: "criterion-failed",
    level: Level::Error,
    summary: "the expression of a criterion fails on a deal, so nobody can say whether it holds",
    why: "A criterion that cannot be worked out is not met: a deal must not pass because a comparison made no sense.",
    bad: "check: amount > 10000                    # an amount is money, 10000 is not",
    good: "check: amount > money(\"10000 EUR\")",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let failed = ground.judgements.iter().filter_map(|(d, o)| match o {
        Outcome::Failed(why) if !lacks_history(ground, d) => Some((d, why)),
        _ => None,
    });
    failed
        .map(|(demand, why)| {
            let (id, criterion) = (&ground.deal.id, demand.criterion);
            let text = &criterion.text;
            ground
                .finding(
                    &RULE,
                    concerned(ground, demand),
                    format!("whether {id} meets \"{text}\" cannot be worked out: {why}"),
                )
                .with_related(
                    PIPELINE_FILE,
                    criterion.span,
                    format!("criterion {} of {}", criterion.id, demand.place.id()),
                )
                .with_help("mend the expression in pipeline.yaml, or the value that it cannot take")
        })
        .collect()
}

/// Whether the criterion asks for what only history tells, and there is none (a shallow clone): no fault of the deal.
fn lacks_history(ground: &DealGround<'_>, demand: &Demand<'_>) -> bool {
    let CriterionTest::Check(expression) = &demand.criterion.test else { return false };
    expression.uses_days_in_stage() && ground.circumstances().days_in_stage.is_none()
}
