//! Deals whose file was removed, as history last knew them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::load::parse_deal;
use crate::format::pipeline::Pipeline;
use crate::format::quote;
use crate::format::schema::{self, FieldType};
use crate::history::event::ValidAt;
use crate::history::fields;
use crate::history::spell::Spells;
use crate::history::track::Tracks;

/// The deals that have visits and no file among `there`, each in its last stage and with the fields that history tells of
/// alone. What was no value of its field then is left out.
pub(super) fn removed(pipeline: &Pipeline, spells: &Spells, tracks: &Tracks, there: &[Deal]) -> Vec<Deal> {
    let there: HashSet<&DealId> = there.iter().map(|deal| &deal.id).collect();
    let mut removed = Vec::new();
    spells.each_deal(|stays| {
        let Some(last) = stays.last() else { return };
        let id = spells.deals().get(last.deal as usize).filter(|id| !there.contains(id));
        let (Some(id), Some(stage)) = (id, spells.stages().get(last.stage as usize)) else { return };
        let text = written(pipeline, tracks, id);
        let path = format!("{stage}/{id}.yaml");
        // Texts of ours are YAML; should one be none, the deal is there without fields.
        let deal = parse_deal(text.as_bytes(), pipeline, &path, stage, id)
            .or_else(|_| parse_deal(b"", pipeline, &path, stage, id));
        removed.extend(deal);
    });
    removed
}

/// The fields of a deal as its file would have them.
fn written(pipeline: &Pipeline, tracks: &Tracks, id: &DealId) -> String {
    let track = tracks.of_deal(id);
    // A field of a block stands below it.
    let mut roots: BTreeMap<&str, (Option<String>, Vec<String>)> = BTreeMap::new();
    for field in tracks.fields() {
        let Some(text) = track.at(field, ValidAt(i64::MAX)) else { continue };
        let value = value(pipeline, field, text);
        match field.split_once('.') {
            None => roots.entry(field).or_default().0 = Some(value),
            Some((root, name)) if !name.contains('.') => {
                roots.entry(root).or_default().1.push(format!("{}: {value}", quote::flow_scalar(name)));
            }
            Some(_) => {}
        }
    }
    let mut out = String::new();
    for (root, (own, inner)) in roots {
        let value = own.unwrap_or_else(|| format!("{{{}}}", inner.join(", ")));
        out.push_str(&format!("{}: {value}\n", quote::scalar(root)));
    }
    out
}

/// A value as a file has it: texts in quotes where they need some, numbers and dates as they are.
fn value(pipeline: &Pipeline, field: &str, text: &str) -> String {
    let is_text = schema::find(&pipeline.fields, field)
        .is_none_or(|spec| matches!(spec.of, FieldType::Text | FieldType::Person | FieldType::Enum(_)));
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-'));
    if is_text || !is_plain { quote::flow_scalar(text) } else { text.to_owned() }
}

/// The fields (dotted names) that removed deals are given.
pub(super) fn told(tracks: &Tracks) -> Vec<Arc<str>> {
    let own: Vec<String> = tracks.fields().map(str::to_owned).collect();
    let mut told = fields::names(&own);
    told.retain(|name| name.split('.').count() <= 2);
    told
}
