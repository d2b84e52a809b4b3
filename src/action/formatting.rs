//! Plans the canonical form of deals.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::plan::{Change, Plan};
use crate::format::canonical;
use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::load::{Reading, Unreadable};
use crate::format::pipeline::deal_path;
use crate::format::span::LineIndex;

/// What formatting would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatting {
    /// The deals that change, in the order of the reading.
    pub plan: Plan,
    /// How many deals are in canonical form already.
    pub in_order: usize,
    /// Files that are left as they are, by path.
    pub left: Vec<LeftAlone>,
}

/// A file that cannot be formatted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// Path below the pipeline's folder.
    pub path: String,
    /// Why, in words that go on a sentence about the file.
    pub why: String,
}

/// Plans the canonical form of the deals that are wanted, by their path and id.
pub fn plan(reading: &Reading, wanted: &(dyn Fn(&str, &DealId) -> bool + Sync)) -> Formatting {
    let mut places: BTreeMap<&DealId, usize> = BTreeMap::new();
    for deal in &reading.deals {
        *places.entry(&deal.id).or_default() += 1;
    }
    let fields = &reading.pipeline.fields;
    let deals: Vec<&Deal> = reading.deals.iter().filter(|deal| wanted(&deal.path, &deal.id)).collect();
    let texts: Vec<_> = deals.par_iter().map(|deal| canonical::format(&deal.document.text, fields)).collect();
    let (mut changes, mut left, mut in_order) = (Vec::new(), Vec::new(), 0);
    for (deal, text) in deals.into_iter().zip(texts) {
        let leave = |why| LeftAlone { path: deal.path.clone(), why };
        match text {
            Ok(text) if text == deal.document.text => in_order += 1,
            Ok(_) if places.get(&deal.id).is_some_and(|places| *places > 1) => {
                left.push(leave(format!("{} lies in several places; keep one of the files first", deal.id)));
            }
            Ok(text) => changes.push(Change::in_place(deal, text)),
            Err(error) => left.push(leave(error.to_string())),
        }
    }
    let broken = |file: &&Unreadable| deal_path(&file.path).is_some_and(|(_, id)| wanted(&file.path, &id));
    left.extend(reading.unreadable.iter().filter(broken).map(unreadable));
    left.sort_by(|a, b| a.path.cmp(&b.path));
    let subject = match &changes[..] {
        [one] => format!("fmt: {}", one.deal),
        all => format!("fmt: {} deals", all.len()),
    };
    let trailers = changes.iter().map(|change| ("Deal".to_owned(), change.deal.to_string())).collect();
    Formatting { plan: Plan { changes, already: Vec::new(), subject, trailers }, in_order, left }
}

fn unreadable(file: &Unreadable) -> LeftAlone {
    let why = match (&file.io, file.problems.first(), &file.text) {
        (Some(error), _, _) => format!("it cannot be read: {error}"),
        (None, Some(problem), Some(text)) => {
            let line = LineIndex::new(text).position(text, problem.span.start).line;
            format!("it must be mended first, line {line}: {}", problem.message)
        }
        (None, problem, _) => format!("it must be mended first: {}", problem.map_or("", |p| p.message.as_str())),
    };
    LeftAlone { path: file.path.clone(), why }
}
