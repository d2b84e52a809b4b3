//! Waivers and approvals: what somebody answers for, written into the deal with their name and the day.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::assign::AssignError;
use super::find;
use super::plan::{Change, Plan, PlanError, reparsed};
use crate::format::deal::Deal;
use crate::format::edit::{self, EditError, NewValue};
use crate::format::judge::{Circumstances, Outcome, is_called, judge};
use crate::format::load::Reading;
use crate::format::nearest::nearest;
use crate::format::pipeline::{Criterion, CriterionTest, Pipeline};
use crate::format::quote::flow_scalar;

/// Somebody, as git knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

/// Plans a waiver of one criterion for each of these deals.
///
/// `by` is who answers for it; `None` for the person at work, `who`, named as the pipeline names them.
///
/// # Errors
/// When a deal or the criterion is not there, when the criterion takes no waiver, and when a deal has one already.
pub fn waive(
    reading: &Reading,
    ids: &[String],
    criterion: &str,
    (by, who): (Option<&str>, Option<&Person>),
    reason: &str,
    today: NaiveDate,
) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let criterion = criterion_of(pipeline, criterion)?;
    if !criterion.waivable {
        return Err(PlanError::NotWaivable { criterion: criterion.id.to_string(), text: criterion.text.clone() });
    }
    let mut changes = Vec::new();
    let mut seen = BTreeSet::new();
    let deals = find::Deals::of(reading);
    for id in ids {
        let deal = deals.get(id)?;
        if !seen.insert(&deal.id) {
            continue;
        }
        if let Some(waiver) = deal.waivers().find(|w| w.criterion == criterion.id.as_str()) {
            return Err(PlanError::Waived {
                deal: deal.id.clone(),
                criterion: criterion.id.to_string(),
                by: waiver.by.to_owned(),
                on: waiver.on,
                reason: waiver.reason.to_owned(),
            });
        }
        let by = by.map_or_else(|| who.map(|who| named(pipeline, deal, who)).unwrap_or_default(), str::to_owned);
        let words = [criterion.id.as_str(), &by, reason].map(flow_scalar);
        let [id, by, reason] = &words;
        let item = NewValue::Raw(format!("{{criterion: {id}, by: {by}, reason: {reason}, on: {today}}}"));
        let text = edit::append(&deal.document.text, "waivers", &item, &pipeline.fields)
            .map_err(|source| in_file(deal, "waivers", source))?;
        reparsed(pipeline, &text, &deal.path, &deal.stage, &deal.id, &deal.problems)?;
        changes.push(Change::in_place(deal, text));
    }
    let mut plan = Plan::of(changes, Vec::new());
    plan.subject = match &plan.changes[..] {
        [] => String::new(),
        [one] => format!("{}: waive {}", one.deal, criterion.id),
        several => format!("{} deals: waive {}", several.len(), criterion.id),
    };
    Ok(plan)
}

/// Plans the approval of one criterion for a deal by the person at work.
///
/// # Errors
/// When the deal or the criterion is not there, when the criterion asks for no approval, and when this person may not
/// give it.
pub fn approve(
    reading: &Reading,
    id: &str,
    criterion: &str,
    who: &Person,
    circumstances: &Circumstances<'_>,
) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let deal = find::deal(reading, id)?;
    let criterion = criterion_of(pipeline, criterion)?;
    let CriterionTest::Approval { by: group, not } = &criterion.test else {
        return Err(PlanError::NoApproval { criterion: criterion.id.to_string() });
    };
    let refused = |why: String| PlanError::MayNotApprove {
        who: format!("{} <{}>", who.name, who.email),
        criterion: criterion.id.to_string(),
        why,
    };
    if judge(pipeline, deal, criterion, circumstances) == Outcome::Met {
        return Ok(Plan::of(Vec::new(), vec![(deal.id.clone(), None)]));
    }
    let by = match group {
        Some(group) => {
            let mut members = pipeline.groups.get(group).into_iter().flatten();
            let member = members.find(|member| is(who, member));
            member.ok_or_else(|| refused(format!("who is not in the group {group}")))?.clone()
        }
        None => named(pipeline, deal, who),
    };
    if let Some(field) = not
        && deal.text(field).is_some_and(|other| is(who, other))
    {
        return Err(refused(format!("who is the {field}; another person must approve it")));
    }
    let place = format!("approvals.{}", criterion.id);
    let order = &pipeline.fields;
    let day = NewValue::Raw(circumstances.today.to_string());
    let given = deal.value("approvals").and_then(|v| v.as_block()).and_then(|b| b.get(criterion.id.as_str()));
    let text = match given {
        Some(_) => edit::set(&deal.document.text, &format!("{place}.by"), &NewValue::Text(by), order)
            .and_then(|text| edit::set(&text, &format!("{place}.on"), &day, order)),
        None => {
            let value = NewValue::Raw(format!("{{by: {}, on: {}}}", flow_scalar(&by), circumstances.today));
            edit::set(&deal.document.text, &place, &value, order)
        }
    };
    let text = text.map_err(|source| in_file(deal, &place, source))?;
    let approved = reparsed(pipeline, &text, &deal.path, &deal.stage, &deal.id, &deal.problems)?;
    match judge(pipeline, &approved, criterion, circumstances) {
        Outcome::Met => {}
        Outcome::Missing(fields) => return Err(refused(format!("while the deal lacks {}", fields.join(", ")))),
        Outcome::NotSatisfied(why) => return Err(refused(format!("as it would be {why}"))),
        _ => return Err(in_file(deal, &place, EditError::Unverified(place.clone()))),
    }
    let mut plan = Plan::of(vec![Change::in_place(deal, text)], Vec::new());
    plan.subject = format!("{}: approve {}", deal.id, criterion.id);
    Ok(plan)
}

fn in_file(deal: &Deal, field: &str, source: EditError) -> PlanError {
    PlanError::Assign(AssignError::Edit { field: field.to_owned(), path: deal.path.clone(), source })
}

fn criterion_of<'p>(pipeline: &'p Pipeline, id: &str) -> Result<&'p Criterion, PlanError> {
    pipeline.criteria().find(|c| c.id == *id).ok_or_else(|| PlanError::NoCriterion {
        id: id.to_owned(),
        near: nearest(id, pipeline.criteria().map(|c| c.id.as_str())).map(str::to_owned),
        all: pipeline.criteria().map(|c| c.id.to_string()).collect(),
    })
}

/// Whether a name of the pipeline or of a deal means this person.
fn is(who: &Person, name: &str) -> bool {
    is_called(&who.name, &who.email, name)
}

/// A person as the pipeline's groups name them, else as the deal does, else by the address.
fn named(pipeline: &Pipeline, deal: &Deal, who: &Person) -> String {
    let member = pipeline.groups.values().flatten().map(String::as_str).find(|member| is(who, member));
    member.or_else(|| deal.owner().filter(|owner| is(who, owner))).unwrap_or(&who.email).to_owned()
}
