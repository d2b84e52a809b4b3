//! Another id for a deal: its file's name, `was`, and the links of other deals to it.

use super::assign::AssignError;
use super::find;
use super::plan::{Change, Plan, PlanError, reparsed};
use crate::format::deal::Deal;
use crate::format::edit::{self, NewValue};
use crate::format::former::former_ids;
use crate::format::ident::DealId;
use crate::format::load::Reading;
use crate::format::pipeline::{Pipeline, deal_path};
use crate::format::quote::flow_scalar;
use crate::format::span::Span;
use crate::format::value::{Block, Value};

/// Plans another id for a deal. The deal stays in its folder and lists the old id under `was`; every field of type deal
/// that names it, in whatever deal, names the new id. The reading must hold all deals.
///
/// # Errors
/// When there is no such deal, when the new id is none, is taken or was another deal's, and when an edit cannot be made.
pub fn rename(reading: &Reading, id: &str, new: &str) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let deal = find::deal(reading, id)?;
    let new = DealId::new(new)?;
    if new == deal.id {
        return Ok(Plan::of(Vec::new(), vec![(deal.id.clone(), None)]));
    }
    free(reading, deal, &new)?;
    let mut changes = vec![Change {
        new_path: path_beside(&deal.path, &new),
        ..Change::in_place(deal, relinked(pipeline, deal, &listing_old_id(pipeline, deal, &new)?, &new, &deal.id)?)
    }];
    for other in reading.deals.iter().filter(|other| other.id != deal.id) {
        let text = relinked(pipeline, other, &other.document.text, &new, &deal.id)?;
        if text != other.document.text {
            changes.push(Change::in_place(other, text));
        }
    }
    let mut plan = Plan::of(changes, Vec::new());
    plan.subject = format!("{}: renamed to {new}", deal.id);
    plan.trailers = vec![("Deal".to_owned(), new.to_string()), ("Was".to_owned(), deal.id.to_string())];
    plan.trailers.extend(plan.changes.iter().skip(1).map(|c| ("Deal".to_owned(), c.deal.to_string())));
    Ok(plan)
}

/// Makes sure that no other deal has the id or had it.
fn free(reading: &Reading, deal: &Deal, new: &DealId) -> Result<(), PlanError> {
    let taken = reading.deals.iter().filter(|d| d.id == *new).map(|d| &d.path);
    let of_id = |path: &&String| deal_path(path).is_some_and(|(_, other)| other == *new);
    if let Some(path) = taken.chain(reading.unreadable.iter().map(|u| &u.path).filter(of_id)).next() {
        return Err(PlanError::InUse { id: new.clone(), path: path.clone() });
    }
    let had = |other: &&Deal| other.id != deal.id && former_ids(&other.document.root).contains(&new.as_str());
    match reading.deals.iter().find(had) {
        Some(other) => Err(PlanError::Former { id: new.clone(), deal: other.id.clone() }),
        None => Ok(()),
    }
}

fn path_beside(path: &str, id: &DealId) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{id}.yaml"),
        None => format!("{id}.yaml"),
    }
}

/// The deal's text with its id among the old ones. An id that it had before and gets again is no old one any more.
fn listing_old_id(pipeline: &Pipeline, deal: &Deal, new: &DealId) -> Result<String, PlanError> {
    let text = &deal.document.text;
    let mut old = former_ids(&deal.document.root);
    let edited = if old.contains(&new.as_str()) {
        old.retain(|id| *id != new.as_str());
        old.push(deal.id.as_str());
        let list: Vec<String> = old.into_iter().map(flow_scalar).collect();
        edit::set(text, "was", &NewValue::Raw(format!("[{}]", list.join(", "))), &pipeline.fields)
    } else {
        edit::append(text, "was", &NewValue::Text(deal.id.to_string()), &pipeline.fields)
    };
    edited.map_err(|source| {
        PlanError::Assign(AssignError::Edit { field: "was".to_owned(), path: deal.path.clone(), source })
    })
}

/// A text of a deal, read anew, in which every link to `old` leads to `new`.
fn relinked(pipeline: &Pipeline, deal: &Deal, text: &str, new: &DealId, old: &DealId) -> Result<String, PlanError> {
    let read = |text: &str| reparsed(pipeline, text, &deal.path, &deal.stage, &deal.id, &deal.problems);
    let same = text == deal.document.text;
    let now = if same { None } else { Some(read(text)?) };
    let mut places = Vec::new();
    links(&now.as_ref().unwrap_or(deal).fields, old, true, &mut places);
    if places.is_empty() {
        return Ok(text.to_owned());
    }
    places.sort_unstable_by_key(|span| std::cmp::Reverse(span.start));
    let mut linked = text.to_owned();
    for span in &places {
        linked.replace_range(span.start..span.end, &flow_scalar(new.as_str()));
    }
    let mut left = Vec::new();
    links(&read(&linked)?.fields, old, true, &mut left);
    if left.is_empty() {
        return Ok(linked);
    }
    let source = edit::EditError::Unverified(old.to_string());
    Err(PlanError::Assign(AssignError::Edit { field: old.to_string(), path: deal.path.clone(), source }))
}

/// The bytes of all values that name a deal, but for the old ids under `was`.
fn links(fields: &Block, id: &DealId, top: bool, places: &mut Vec<Span>) {
    for (_, _, field) in fields.entries.iter().filter(|(name, _, _)| !(top && name == "was")) {
        link(&field.value, field.span, id, places);
    }
}

fn link(value: &Value, span: Span, id: &DealId, places: &mut Vec<Span>) {
    match value {
        Value::Deal(other) if other == id => places.push(span),
        Value::List(items) => items.iter().for_each(|item| link(&item.value, item.span, id, places)),
        Value::Block(block) => links(block, id, false, places),
        _ => {}
    }
}
