//! The deals as they stand while the walk goes on.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::repo::objects::ObjectId;

use super::stages::{StageIx, Stages};
use super::trees::{Change, FolderIx, Folders};

/// A deal by its number; it keeps the number when it gets another id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct DealIx(pub(super) usize);

/// The values of the told fields of one version of a deal, as texts of the ledger.
pub(super) type Values = Rc<[u32]>;

/// A deal file: its folder and its bytes.
pub(super) type Held = (FolderIx, ObjectId);

/// One deal.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    /// The id it has now.
    pub(super) stem: Rc<str>,
    /// Its files: none when it was removed, one as a rule, more where ids are doubled. The first one is where the deal is.
    pub(super) copies: Vec<Held>,
    /// Whether the deal was told to have come in.
    pub(super) told: bool,
    /// The values as last read.
    pub(super) values: Option<Values>,
    /// The values it came in with, and the place on the line of the commit that brought them.
    pub(super) born: Option<(Values, u32)>,
    /// The valid time of its last event.
    pub(super) last_at: Option<i64>,
}

/// What one commit did to one deal.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) deal: DealIx,
    /// Its files before, the one where the deal was first.
    pub(super) before: Vec<Held>,
    /// Where it is after; `None` where it is gone.
    pub(super) after: Option<Held>,
    /// Its id before, where it got another one.
    pub(super) renamed_from: Option<Rc<str>>,
}

/// All deals, those that are gone included.
#[derive(Default)]
pub(super) struct Deals {
    pub(super) list: Vec<Deal>,
    by_stem: HashMap<Rc<str>, DealIx>,
    /// Deals by ids that they no longer have.
    pub(super) older: HashMap<Rc<str>, DealIx>,
    changed: Vec<DealIx>,
}

impl Deals {
    /// Adds a deal and gives its number.
    pub(super) fn add(&mut self, deal: Deal) -> DealIx {
        let number = DealIx(self.list.len());
        self.by_stem.insert(deal.stem.clone(), number);
        self.list.push(deal);
        number
    }

    /// Puts a deal in the place of the one of this number, or behind the last. `None` where the number lies beyond.
    pub(super) fn put(&mut self, number: DealIx, deal: Deal) -> Option<()> {
        let count = self.list.len();
        match self.list.get_mut(number.0) {
            Some(old) => {
                if old.stem != deal.stem && self.by_stem.get(&old.stem) == Some(&number) {
                    self.by_stem.remove(&old.stem);
                }
                self.by_stem.insert(deal.stem.clone(), number);
                *old = deal;
            }
            None if number.0 == count => {
                self.add(deal);
            }
            None => return None,
        }
        Some(())
    }

    /// The deals that are not as they were when this was asked last, by number.
    pub(super) fn changed(&mut self) -> Vec<DealIx> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    pub(super) fn get(&self, deal: DealIx) -> &Deal {
        &self.list[deal.0]
    }

    /// The deal that has an id now.
    pub(super) fn of_stem(&self, stem: &str) -> Option<DealIx> {
        self.by_stem.get(stem).copied()
    }

    pub(super) fn get_mut(&mut self, deal: DealIx) -> &mut Deal {
        &mut self.list[deal.0]
    }

    /// Takes the changes of one commit, sorted by deal id. `older_ids` reads the ids that a new file lists under `was`; it
    /// is asked only where one deal came and another went.
    pub(super) fn settle<E>(
        &mut self,
        changes: &[Change],
        folders: &Folders,
        stages: &mut Stages,
        mut older_ids: impl FnMut(ObjectId) -> Result<Vec<String>, E>,
    ) -> Result<Vec<Outcome>, E> {
        let groups: Vec<&[Change]> = changes.chunk_by(|a, b| a.stem == b.stem).collect();
        let mut gone = HashSet::new();
        let mut come = Vec::new();
        let mut outcomes = Vec::new();
        for (number, group) in groups.iter().enumerate() {
            let stem = &*group[0].stem;
            let found = self.by_stem.get(stem).copied();
            let before = found.map(|deal| self.get(deal).copies.clone()).unwrap_or_default();
            let after = applied(&before, group, folders, stages);
            if before.is_empty() && !after.is_empty() && found.is_none() {
                come.push(number);
            } else if !before.is_empty() && after.is_empty() {
                gone.insert(stem);
            }
            outcomes.push((found, before, after));
        }
        // New id to old id.
        let mut renamed: HashMap<usize, Rc<str>> = HashMap::new();
        if !gone.is_empty() {
            for number in come {
                let Some(change) = groups[number].iter().find(|c| c.new.is_some()) else { continue };
                let took_back = self.older.get(&*change.stem).map(|deal| self.get(*deal).stem.clone());
                let listed = match took_back.filter(|stem| gone.contains(&**stem)) {
                    Some(stem) => Some(stem),
                    None => {
                        let ids = change.new.map(&mut older_ids).transpose()?.unwrap_or_default();
                        ids.into_iter().find(|id| gone.contains(id.as_str())).map(Rc::from)
                    }
                };
                if let Some(old) = listed {
                    gone.remove(&*old);
                    renamed.insert(number, old);
                }
            }
        }
        let left: HashSet<&Rc<str>> = renamed.values().collect();
        let mut settled = Vec::new();
        for (number, (found, before, after)) in outcomes.into_iter().enumerate() {
            let stem: &str = &groups[number][0].stem;
            if left.contains(&Rc::from(stem)) {
                continue;
            }
            if let Some(old) = renamed.get(&number) {
                let Some(deal) = self.by_stem.remove(old) else { continue };
                let stem: Rc<str> = stem.into();
                self.by_stem.insert(stem.clone(), deal);
                self.older.insert(old.clone(), deal);
                let entity = self.get_mut(deal);
                let before = std::mem::replace(&mut entity.copies, after);
                entity.stem = stem;
                let after = entity.copies.first().copied();
                settled.push(Outcome { deal, before, after, renamed_from: Some(old.clone()) });
                continue;
            }
            if before.is_empty() && after.is_empty() {
                continue;
            }
            let deal = found.unwrap_or_else(|| {
                let (stem, copies) = (stem.into(), Vec::new());
                self.add(Deal { stem, copies, told: false, values: None, born: None, last_at: None })
            });
            let first = after.first().copied();
            self.get_mut(deal).copies = after;
            settled.push(Outcome { deal, before, after: first, renamed_from: None });
        }
        self.changed.extend(settled.iter().map(|outcome| outcome.deal));
        Ok(settled)
    }
}

/// The files of a deal after a commit. Where a deal's file lies in two folders, the deal stays where it was for as long as
/// a file of it lies there; when that one goes, the deal is where a file came in the same commit, else where another one
/// has lain longest.
fn applied(before: &[Held], group: &[Change], folders: &Folders, stages: &mut Stages) -> Vec<Held> {
    let mut after = before.to_vec();
    for change in group {
        match (after.iter().position(|(folder, _)| *folder == change.folder), change.new) {
            (Some(at), Some(blob)) => after[at].1 = blob,
            (Some(at), None) => {
                after.remove(at);
            }
            (None, _) => {}
        }
    }
    let mut new: Vec<Held> = group.iter().filter_map(|c| Some((c.folder, c.new?))).collect();
    new.retain(|(folder, _)| !after.iter().any(|(there, _)| there == folder));
    new.sort_by(|a, b| folders.path(a.0).cmp(folders.path(b.0)));
    new.dedup_by_key(|(folder, _)| *folder);
    let went = before.first().is_some_and(|(home, _)| after.iter().all(|(folder, _)| folder != home));
    let at = if went { 0 } else { after.len() };
    after.splice(at..at, new);
    if let Some(stage) = before.first().and_then(|(folder, _)| stages.of(*folder, folders)) {
        let same = |(folder, _): &Held, stages: &mut Stages| stages.of(*folder, folders) == Some(stage);
        if let Some(at) = after.iter().position(|copy| same(copy, stages)) {
            after[..=at].rotate_right(1);
        }
    }
    after
}

/// The stages that files lie in, in their order.
pub(super) fn stages_of(copies: &[Held], folders: &Folders, stages: &mut Stages) -> Vec<StageIx> {
    copies.iter().filter_map(|(folder, _)| stages.of(*folder, folders)).collect()
}
