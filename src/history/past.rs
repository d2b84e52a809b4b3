//! An earlier point of a walk, taken from a later one.

use std::collections::HashMap;

use crate::repo::objects::{ObjectError, ObjectId, Objects};

use super::deals::{DealIx, Held};
use super::ledger::{NONE, What};
use super::record::HistoryError;
use super::trees::{Folders, Trees};
use super::walk::Walked;
use super::way::Way;

impl Walked<'_> {
    /// The walk as it stood at a commit of its line, its deals as that commit's tree has them. `None` where that cannot be
    /// told from what came later: the commit is not on the line, something had another name then, or a deal lay in two
    /// places. Its deals may be more than there were; the others lie nowhere.
    ///
    /// # Errors
    /// When the commit or one of its trees cannot be read.
    pub(super) fn back_at(mut self, objects: &dyn Objects, commit: ObjectId) -> Result<Option<Self>, HistoryError> {
        let Some(place) = self.ledger.line.iter().rposition(|known| known.id == commit) else { return Ok(None) };
        if !self.ledger.is_named_at(place) {
            return Ok(None);
        }
        self.ledger.cut(place + 1);
        let object = |source: ObjectError| HistoryError::Object { commit, source };
        let root = objects.commit(commit).map_err(object)?.tree;
        let mut trees = Trees::new(objects);
        let folder = trees.folder_at(root, self.way.today()).map_err(object)?;
        let mut folders = Folders::default();
        let changes = trees.compare(&mut folders, None, folder).map_err(object)?.changes;
        let mut stages: HashMap<u32, u32> = HashMap::new();
        for record in &self.ledger.records {
            match record.what {
                What::Created | What::Restored | What::Moved => stages.insert(record.deal, record.to),
                What::Removed => stages.insert(record.deal, NONE),
                What::Changed | What::Renamed => None,
            };
        }
        for deal in &mut self.deals.list {
            deal.copies.clear();
            if deal.born.as_ref().is_some_and(|(_, born_at)| *born_at as usize > place) {
                deal.born = None;
            }
        }
        for change in changes {
            let path = folders.path(change.folder);
            let (Some(deal), Some(blob)) = (self.deals.of_stem(&change.stem), change.new) else { return Ok(None) };
            let held: Held = (self.folders.intern(path), blob);
            let stage = self.stages.known(held.0).map(|stage| stage.0);
            // Which of several files is the deal depends on which was first.
            if !self.deals.get(deal).copies.is_empty() || stage.is_none() || stage != self.stage_of(&stages, deal) {
                return Ok(None);
            }
            self.deals.get_mut(deal).copies.push(held);
        }
        let today = self.way.today().to_owned();
        let is_there = match folder {
            Some(folder) => trees.is_pipeline(folder).map_err(object)?,
            None => false,
        };
        self.way = Way::again(&today, today.clone(), Some(root), folder, is_there);
        Ok(Some(self))
    }

    /// The stage that a deal is in by the records, as it is called now.
    fn stage_of(&self, stages: &HashMap<u32, u32>, deal: DealIx) -> Option<u32> {
        let number = stages.get(&(deal.0 as u32)).copied().filter(|number| *number != NONE)?;
        Some(self.stages.real_number(number))
    }
}
