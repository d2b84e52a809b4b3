//! One report split by the values of a field.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::pipeline::Pipeline;
use crate::format::schema::{self, FieldSpec, FieldType};
use crate::metrics::snapshot::field_text;

use super::data::Waiver;
use super::{Before, Body, Facts, Kind};

/// A report for each value of one field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grouping {
    /// The field, dotted.
    pub field: String,
    /// Its values, the one of most deals first; deals without a value come last.
    pub groups: Vec<Group>,
}

/// The report on the deals of one value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The value as text; `None` for the deals that have none.
    pub value: Option<String>,
    /// How many deals have it.
    pub deals: usize,
    /// How many more had it when their file was removed: they are in what is told of visits.
    pub removed: usize,
    /// Whether these are the removed deals of which nobody knows what they had; then there is no value.
    pub unknown: bool,
    /// The report.
    #[serde(flatten)]
    pub body: Body,
}

/// What a group is made of.
#[derive(Default)]
struct Share {
    deals: Vec<Deal>,
    waivers: Vec<Waiver>,
    before: Vec<Deal>,
    removed: usize,
}

/// Whether a report tells of visits, so that it also tells of deals whose file was removed since.
fn tells_of_visits(kind: Kind) -> bool {
    matches!(kind, Kind::Overview | Kind::Funnel | Kind::Time | Kind::Health)
}

/// Fields that say who somebody is, whoever that may be.
const NAMES: [&str; 4] = ["id", "title", "account", "owner"];

/// Whether the values of a field say who somebody is.
pub(super) fn is_name(pipeline: &Pipeline, field: &str) -> bool {
    let is_person = |spec: &FieldSpec| spec.of == FieldType::Person;
    NAMES.contains(&field) || schema::find(&pipeline.fields, field).is_some_and(is_person)
}

/// The groups of every field that was asked for, but for those that a reader outside is not to see. A deal belongs to the
/// group of the value that it has now, with all of its past; one whose file was removed to that of the value that it had
/// then. How a group stood before is told by the values that deals had then.
pub(super) fn by(kind: Kind, facts: &Facts<'_>) -> Vec<Grouping> {
    let mut fields: Vec<&String> = Vec::new();
    for field in &facts.asked.by {
        if !fields.contains(&field) && (facts.asked.profile.sees_names() || !is_name(facts.pipeline, field)) {
            fields.push(field);
        }
    }
    fields.into_iter().map(|field| Grouping { field: field.clone(), groups: split(kind, facts, field) }).collect()
}

fn split(kind: Kind, facts: &Facts<'_>, field: &str) -> Vec<Group> {
    let mut shares: BTreeMap<Option<String>, Share> = BTreeMap::new();
    let mut value_of: BTreeMap<&DealId, Option<String>> = BTreeMap::new();
    for deal in facts.deals {
        let value = field_text(deal, field);
        shares.entry(value.clone()).or_default().deals.push(deal.clone());
        value_of.insert(&deal.id, value);
    }
    for waiver in facts.waivers {
        if let Some(share) = value_of.get(&waiver.deal).and_then(|value| shares.get_mut(value)) {
            share.waivers.push(waiver.clone());
        }
    }
    for deal in facts.before.iter().flat_map(|before| &before.deals) {
        shares.entry(field_text(deal, field)).or_default().before.push(deal.clone());
    }
    let mut unknown: Vec<&DealId> = Vec::new();
    for deal in facts.removed.iter().filter(|_| tells_of_visits(kind)) {
        if value_of.contains_key(&deal.id) {
            continue;
        }
        if field == "stage" || facts.told.iter().any(|told| **told == *field) {
            let value = field_text(deal, field);
            shares.entry(value.clone()).or_default().removed += 1;
            value_of.insert(&deal.id, value);
        } else {
            unknown.push(&deal.id);
        }
    }
    let mut shares: Vec<(Option<String>, Share)> = shares.into_iter().collect();
    let rank = |(value, share): &(Option<String>, Share)| (value.is_none(), std::cmp::Reverse(share.deals.len()));
    shares.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.0.cmp(&b.0)));
    let number: BTreeMap<&Option<String>, usize> =
        shares.iter().enumerate().map(|(n, (value, _))| (value, n)).collect();
    let unknown: HashSet<&DealId> = unknown.into_iter().collect();
    let known = shares.len();
    let group_of = |deal: &DealId| match value_of.get(deal) {
        Some(value) => number.get(value).copied(),
        None => unknown.contains(deal).then_some(known),
    };
    let groups = known + usize::from(!unknown.is_empty());
    let spells = facts.spells.split(groups, group_of);
    if !unknown.is_empty() {
        shares.push((None, Share { removed: unknown.len(), ..Share::default() }));
    }
    let mut groups = Vec::with_capacity(groups);
    let all_before = facts.before.map(|before| before.all.clone().unwrap_or_else(|| before.deals.as_slice().into()));
    for (at, ((value, share), spells)) in shares.iter().zip(&spells).enumerate() {
        let before = facts.before.map(|before| Before {
            day: before.day,
            pipeline: before.pipeline.clone(),
            deals: share.before.clone(),
            all: all_before.clone(),
            unread: before.unread.clone(),
        });
        let own = Facts {
            deals: &share.deals,
            all: if facts.all.is_empty() { facts.deals } else { facts.all },
            spells,
            waivers: &share.waivers,
            attention: &[],
            log: None,
            before: before.as_ref(),
            ..*facts
        };
        let mut body = kind.make(&own);
        body.restrict(facts.asked.profile);
        let (deals, removed) = (share.deals.len(), share.removed);
        groups.push(Group { value: value.clone(), deals, removed, unknown: at == known, body });
    }
    groups
}
