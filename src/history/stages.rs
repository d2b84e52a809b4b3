//! Stage folders over time, under the names they have today.

use std::collections::HashMap;

use crate::format::ident::StageId;
use crate::format::pipeline::{Pipeline, Place};

use super::event::Direction;
use super::trees::{FolderIx, Folders};

/// A stage, whatever its folder was called when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StageIx(pub(super) u32);

/// What [`Stages`] knows, to be kept for another time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StageNames {
    /// The name of each stage by its number.
    pub(super) names: Vec<StageId>,
    /// The stages that have a name now.
    pub(super) by_name: Vec<(StageId, u32)>,
    pub(super) joined: Vec<(u32, u32)>,
    /// Folder numbers and the stages they belong to.
    pub(super) of_folder: Vec<(u32, u32)>,
}

/// The stages that history knows. Names are settled only at the end of the walk, because a folder may still be renamed.
pub(super) struct Stages<'p> {
    pipeline: &'p Pipeline,
    names: Vec<StageId>,
    by_name: HashMap<StageId, StageIx>,
    /// Stages that turned out to be another one under an older name.
    joined: HashMap<StageIx, StageIx>,
    of_folder: HashMap<FolderIx, StageIx>,
}

impl<'p> Stages<'p> {
    pub(super) fn new(pipeline: &'p Pipeline) -> Self {
        Stages {
            pipeline,
            names: Vec::new(),
            by_name: HashMap::new(),
            joined: HashMap::new(),
            of_folder: HashMap::new(),
        }
    }

    /// What is known, in a fixed order.
    pub(super) fn kept(&self) -> StageNames {
        let mut by_name: Vec<_> = self.by_name.iter().map(|(name, ix)| (name.clone(), ix.0)).collect();
        let mut joined: Vec<_> = self.joined.iter().map(|(a, b)| (a.0, b.0)).collect();
        let mut of_folder: Vec<_> = self.of_folder.iter().map(|(folder, ix)| (folder.0, ix.0)).collect();
        by_name.sort_unstable();
        joined.sort_unstable();
        of_folder.sort_unstable();
        StageNames { names: self.names.clone(), by_name, joined, of_folder }
    }

    /// The stages as they were known. `None` where a number is none's, or stages are joined in a circle.
    pub(super) fn again(pipeline: &'p Pipeline, kept: StageNames, folders: usize) -> Option<Self> {
        let count = kept.names.len();
        let stage = |n: u32| ((n as usize) < count).then_some(StageIx(n));
        let mut stages = Stages::new(pipeline);
        stages.names = kept.names;
        for (name, ix) in kept.by_name {
            stages.by_name.insert(name, stage(ix)?);
        }
        for (old, new) in kept.joined {
            stages.joined.insert(stage(old)?, stage(new)?);
        }
        for (folder, ix) in kept.of_folder {
            let folder = ((folder as usize) < folders).then_some(FolderIx(folder))?;
            stages.of_folder.insert(folder, stage(ix)?);
        }
        let ends = |mut at: StageIx| {
            (0..=count).any(|_| match stages.joined.get(&at) {
                Some(next) => {
                    at = *next;
                    false
                }
                None => true,
            })
        };
        (0..count).all(|n| ends(StageIx(n as u32))).then_some(stages)
    }

    /// How many stages there are, joined ones included.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// The stage that a folder belongs to.
    pub(super) fn of(&mut self, folder: FolderIx, folders: &Folders) -> Option<StageIx> {
        if let Some(found) = self.of_folder.get(&folder) {
            return Some(self.real(*found));
        }
        let name = self.today(folders.stage_name(folder))?;
        let ix = self.intern(name);
        self.of_folder.insert(folder, ix);
        Some(self.real(ix))
    }

    /// The stage that a folder belongs to, as far as that was asked before.
    pub(super) fn known(&self, folder: FolderIx) -> Option<StageIx> {
        self.of_folder.get(&folder).map(|found| self.real(*found))
    }

    /// What a folder name is called today; `None` where it is no stage's name.
    fn today(&self, folder: &str) -> Option<StageId> {
        self.pipeline.current_name(folder).cloned().or_else(|| StageId::new(folder).ok())
    }

    fn intern(&mut self, name: StageId) -> StageIx {
        if let Some(found) = self.by_name.get(&name) {
            return *found;
        }
        let ix = StageIx(self.names.len() as u32);
        self.names.push(name.clone());
        self.by_name.insert(name, ix);
        ix
    }

    fn real(&self, mut stage: StageIx) -> StageIx {
        while let Some(next) = self.joined.get(&stage) {
            stage = *next;
        }
        stage
    }

    /// The number of the stage that one of this number turned out to be.
    pub(super) fn real_number(&self, number: u32) -> u32 {
        self.real(StageIx(number)).0
    }

    /// Whether today's pipeline file knows a folder name, as a stage or as an older name of one.
    pub(super) fn is_known(&self, folder: &str) -> bool {
        self.pipeline.current_name(folder).is_some()
    }

    /// Takes note that a folder got another name as a whole.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        let (Ok(old), Some(new)) = (StageId::new(old), self.today(new)) else { return };
        let Some(ix) = self.by_name.remove(&old) else { return };
        let ix = self.real(ix);
        match self.by_name.get(&new).map(|found| self.real(*found)) {
            Some(found) if found == ix => {}
            Some(found) => {
                self.joined.insert(ix, found);
            }
            None => {
                if let Some(name) = self.names.get_mut(ix.0 as usize) {
                    name.clone_from(&new);
                }
                self.by_name.insert(new, ix);
            }
        }
    }

    /// Forgets what folder of a name belongs to what stage, so that a later folder of that name is a stage of its own.
    pub(super) fn forget_folder(&mut self, name: &str, folders: &Folders) {
        self.of_folder.retain(|folder, _| folders.stage_name(*folder) != name);
    }

    /// Today's name of a stage.
    pub(super) fn name(&self, stage: StageIx) -> &StageId {
        &self.names[self.real(stage).0 as usize]
    }

    /// Today's names of the stages, by number.
    pub(super) fn all_names(&self) -> Vec<StageId> {
        (0..self.names.len()).map(|n| self.name(StageIx(n as u32)).clone()).collect()
    }
}

/// Which way a move goes, by today's order of stages.
pub fn direction(pipeline: &Pipeline, from: &StageId, to: &StageId) -> Direction {
    match (pipeline.place(from.as_str()), pipeline.place(to.as_str())) {
        (None, _) | (_, None) => Direction::Unknown,
        (_, Some(Place::End(_))) => Direction::End,
        (Some(Place::End(_)), Some(Place::Stage(..))) => Direction::Reopened,
        (Some(Place::Stage(from, _)), Some(Place::Stage(to, _))) if to < from => Direction::Back,
        (Some(Place::Stage(from, _)), Some(Place::Stage(to, _))) => {
            let over = pipeline.stages.get(from + 1..to).unwrap_or_default();
            if over.iter().all(|stage| stage.optional) { Direction::Forward } else { Direction::Skip }
        }
    }
}
