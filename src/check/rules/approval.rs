//! Approvals that nobody could give, or that somebody else wrote.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::past::Written;
use crate::check::rule::{Finder, Rule};
use crate::format::judge::{Outcome, is_called, judge};
use crate::format::nearest::nearest;
use crate::format::pipeline::{Criterion, CriterionTest, PIPELINE_FILE, Status};
use crate::format::span::Span;
use crate::format::value::Value;

pub(super) static RULE: Rule = Rule {
    id: "approval",
    level: Level::Error,
    summary: "an approval is by somebody who may not give it, or was written by somebody else",
    why: "An approval is worth as much as the certainty that this person gave it: it must be in a commit by that person (or with them as co-author). Who committed is known from history, so a shallow clone cannot tell.",
    bad: "approvals:\n  go-ahead: {by: boss, on: 2026-05-04}     # in a commit by somebody else",
    good: "approvals:\n  go-ahead: {by: boss, on: 2026-05-04}     # `tussock approve` by boss",
    suppressible: false,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let Some(approvals) = ground.deal.value("approvals").and_then(Value::as_block) else { return Vec::new() };
    let each = approvals.entries.iter().filter_map(|(id, span, field)| about(ground, id, *span, &field.value));
    each.collect()
}

fn about(ground: &DealGround<'_>, id: &str, span: Span, value: &Value) -> Option<Finding> {
    let (deal, pipeline) = (ground.deal, ground.ground.pipeline());
    let is_approval = |c: &&Criterion| matches!(c.test, CriterionTest::Approval { .. });
    let finding = |message: String| ground.finding(&RULE, span, message).with_field(format!("approvals.{id}"));
    let Some(criterion) = pipeline.criteria().filter(is_approval).find(|c| c.id == *id) else {
        let found = finding(format!("{} has an approval {id}, and no criterion of this name asks for one", deal.id))
            .with_label("nothing asks for it")
            .at_most(Level::Warning);
        let ids = pipeline.criteria().filter(is_approval).map(|c| c.id.as_str());
        return Some(match nearest(id, ids) {
            Some(near) => found.with_help(format!("did you mean `{near}`?")),
            None => found.with_help("remove it, or bring the criterion back"),
        });
    };
    // What its place asks for has been judged there.
    let is_judged = ground.judgements.iter().any(|(demand, _)| demand.criterion.id == criterion.id);
    if ground.is_open()
        && !is_judged
        && let Outcome::NotSatisfied(why) = judge(pipeline, deal, criterion, &ground.circumstances())
    {
        let message = format!("the approval {id} of {} does not count: {why}", deal.id);
        let declared = format!("criterion {id}");
        return Some(finding(message).with_label("does not count").with_related(
            PIPELINE_FILE,
            criterion.span,
            declared,
        ));
    }
    let text = |name: &str| Some(&value.as_block()?.get(name)?.value);
    let (by, on) = (text("by")?.as_text()?, text("on")?.as_date()?);
    let past = ground.ground.circumstances.past.and_then(|past| past.approvals.as_ref())?;
    let written = past.get(&(deal.id.clone(), id.to_owned()))?;
    // One that is not committed as it stands has no author yet; one of a deal that was given up opens no gate.
    let is_this = written.by.trim() == by.trim() && written.on.trim() == on.to_string();
    let counts = matches!(pipeline.status(&deal.stage), Status::Open | Status::Won);
    let Written { commit, authors, .. } = written;
    if !is_this || !counts || authors.iter().any(|(name, email)| is_called(name, email, by)) {
        return None;
    }
    let (name, email) = authors.first()?;
    let message = format!(
        "the approval {id} of {} is in the name of {by}, and the commit that wrote it ({commit}) is by {name} <{email}>",
        deal.id
    );
    let help = format!("{by} approves it in a commit of their own: `tussock approve {} {id}`", deal.id);
    Some(finding(message).with_label("written by somebody else").with_help(help))
}
