//! What the rules about exit and entry criteria share.

use crate::format::judge::{Demand, Gate, Outcome, earned_stage};
use crate::format::pipeline::{CriterionTest, PIPELINE_FILE, Place, RuleLevel};
use crate::format::span::Span;

use super::WHOLE_FILE;
use super::finding::{Finding, Level};
use super::ground::DealGround;
use super::rule::Rule;

/// One finding for each criterion of this gate that the deal should meet and does not.
pub(super) fn unmet(ground: &DealGround<'_>, rule: &'static Rule, gate: Gate) -> Vec<Finding> {
    let Some(place) = ground.place else { return Vec::new() };
    let open = |(d, o): &&(Demand<'_>, Outcome)| {
        d.gate == gate
            && matches!(o, Outcome::Missing(_) | Outcome::MissingOneOf(_) | Outcome::NotSatisfied(_))
            && d.criterion.level != RuleLevel::Off
    };
    let open: Vec<_> = ground.judgements.iter().filter(open).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let earned = earned(ground, place);
    open.into_iter().map(|(demand, outcome)| finding(ground, rule, place, earned, demand, outcome)).collect()
}

fn finding(
    ground: &DealGround<'_>,
    rule: &'static Rule,
    place: Place<'_>,
    earned: Option<Place<'_>>,
    demand: &Demand<'_>,
    outcome: &Outcome,
) -> Finding {
    let (id, criterion, stage) = (&ground.deal.id, demand.criterion, demand.place.id());
    let (why, label) = words(ground, demand, outcome);
    let text = &criterion.text;
    let message = match (demand.gate, criterion.level, earned) {
        (Gate::Exit, RuleLevel::Error, Some(earned)) => {
            let (place, earned) = (place.id(), earned.id());
            format!("{id} is in {place} but has earned only {earned}: it is past {stage} without \"{text}\" ({why})")
        }
        (Gate::Exit, ..) => format!("{id} is past {stage} without \"{text}\" ({why})"),
        (Gate::Entry, ..) => format!("{id} is in {stage} without \"{text}\" ({why})"),
    };
    let span = match outcome {
        Outcome::Missing(fields) | Outcome::MissingOneOf(fields) => {
            fields.first().map_or(WHOLE_FILE, |f| ground.nearest_place(f))
        }
        _ => concerned(ground, demand),
    };
    let mut finding = ground.finding(rule, span, message).with_label(label);
    finding = match criterion.level {
        RuleLevel::Error => finding,
        RuleLevel::Warning => finding.at_most(Level::Warning),
        RuleLevel::Info | RuleLevel::Off => finding.at_most(Level::Info),
    };
    match outcome {
        Outcome::Missing(fields) => {
            finding.field = fields.first().cloned();
            finding = finding.with_help(how_to_fill(ground, demand, fields));
        }
        Outcome::MissingOneOf(fields) => {
            finding.field = fields.first().cloned();
            finding = finding.with_help(format!("one of them will do; {}", how_to_fill(ground, demand, &fields[..1])));
        }
        _ => {}
    }
    if let (Gate::Exit, RuleLevel::Error, Some(earned)) = (demand.gate, criterion.level, earned) {
        let back = earned.id();
        finding = finding.with_help(format!("or move it back to the stage it has earned: `tussock move {id} {back}`"));
    }
    let declared =
        format!("{} criterion {} of {stage}", if demand.gate == Gate::Exit { "exit" } else { "entry" }, criterion.id);
    finding.with_related(PIPELINE_FILE, criterion.span, declared)
}

/// What is wrong, for the message and for the caret.
fn words(ground: &DealGround<'_>, demand: &Demand<'_>, outcome: &Outcome) -> (String, String) {
    let approval = matches!(demand.criterion.test, CriterionTest::Approval { .. });
    match outcome {
        Outcome::Missing(fields) if approval && fields.len() > 1 => {
            ("not approved".to_owned(), "not approved".to_owned())
        }
        Outcome::Missing(fields) | Outcome::MissingOneOf(fields) => {
            let joined = if matches!(outcome, Outcome::Missing(_)) { ", " } else { " or " };
            let words: Vec<String> = fields
                .iter()
                .map(|f| if ground.is_refused(f) { format!("{f}, unusable as written") } else { f.clone() })
                .collect();
            let why = format!("missing: {}", words.join(joined));
            (why.clone(), why)
        }
        Outcome::NotSatisfied(why) => (format!("not satisfied: {why}"), "not satisfied".to_owned()),
        _ => (String::new(), String::new()),
    }
}

/// Where to point for a criterion that does not hold: the first of its fields that is written, else the whole file.
pub(super) fn concerned(ground: &DealGround<'_>, demand: &Demand<'_>) -> Span {
    let approval = [format!("approvals.{}", demand.criterion.id)];
    let fields = match &demand.criterion.test {
        CriterionTest::Approval { .. } => &approval,
        CriterionTest::Require(fields) => fields.as_slice(),
        CriterionTest::Check(expression) => expression.fields(),
    };
    fields.iter().find_map(|f| ground.entry(f)).map_or(WHOLE_FILE, |entry| entry.key_span)
}

fn how_to_fill(ground: &DealGround<'_>, demand: &Demand<'_>, fields: &[String]) -> String {
    if let CriterionTest::Approval { by, .. } = &demand.criterion.test {
        let who = by.as_ref().map_or("somebody".to_owned(), |group| format!("a member of {group}"));
        let id = &demand.criterion.id;
        return format!("{who} approves it by adding `approvals: {{{id}: {{by: NAME, on: YYYY-MM-DD}}}}` to the deal");
    }
    ground.how_to_set(fields)
}

/// The stage that the deal has earned, where that is before `place`.
fn earned<'a>(ground: &DealGround<'a>, place: Place<'a>) -> Option<Place<'a>> {
    let stages = &ground.ground.pipeline().stages;
    let index = earned_stage(ground.ground.pipeline(), ground.deal, &ground.circumstances());
    let before = match place {
        Place::Stage(here, _) => index < here,
        Place::End(_) => true,
    };
    stages.get(index).filter(|_| before).map(|stage| Place::Stage(index, stage))
}
