//! Which deals a forecast has to read: of fifty thousand deals a few thousand are open or were so lately, and what became
//! of the others years ago tells nothing that history does not tell without their files.

use std::collections::{HashMap, HashSet};

use crate::format::ident::{DealId, StageId};
use crate::format::load::Listing;
use crate::format::pipeline::{Pipeline, Status};
use crate::history::spell::Spells;

/// The deals that are open, those that were not where they are now in the state of before, and those that came to where
/// they are at `since` or later (seconds since 1970).
pub(super) fn lately(now: &Listing, before: Option<&Listing>, spells: &Spells, since: Option<i64>) -> HashSet<DealId> {
    let mut ids: HashSet<DealId> = open(now).chain(before.into_iter().flat_map(open)).cloned().collect();
    if let Some(before) = before {
        let then: HashMap<&DealId, &StageId> = before.deals.iter().map(|deal| (&deal.id, &deal.stage)).collect();
        let was_elsewhere = |id: &DealId, stage: &StageId| then.get(id).is_none_or(|then| *then != stage);
        let moved = now.deals.iter().filter(|deal| was_elsewhere(&deal.id, &deal.stage));
        ids.extend(moved.map(|deal| deal.id.clone()));
    }
    if let Some(since) = since {
        let deals = spells.deals();
        spells.each_deal(|stays| {
            let Some(last) = stays.last().filter(|stay| stay.entered.0 >= since) else { return };
            ids.extend(deals.get(last.deal as usize).cloned());
        });
    }
    ids
}

fn open(listing: &Listing) -> impl Iterator<Item = &DealId> {
    let is_open = |pipeline: &Pipeline, stage| pipeline.status(stage) == Status::Open;
    listing.deals.iter().filter(move |deal| is_open(&listing.pipeline, &deal.stage)).map(|deal| &deal.id)
}
