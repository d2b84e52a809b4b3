//! What happened to deals in the commits of a branch, without the history before it: which deals differ in the end, and
//! every step from one stage to another on the way.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{PIPELINE_FILE, deal_path};
use crate::repo::objects::{Author, Commit, ObjectError, ObjectId, Objects};

use super::fields::older_ids;
use super::place;
use super::record::HistoryError;
use super::trees::{Folders, Trees};

/// Where the files of a deal lay that differ between the two ends of a range: paths below the pipeline's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// In the beginning.
    pub before: Vec<String>,
    /// In the end.
    pub after: Vec<String>,
}

/// A step of a deal from one folder to another, by a commit of the range. Both may be the same stage under two names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The deal, by the id that it has in this commit.
    pub deal: DealId,
    /// The stage it left.
    pub from: StageId,
    /// The stage it came to.
    pub to: StageId,
    /// Its file in this commit, below the pipeline's folder.
    pub path: String,
    /// The bytes of that file.
    pub blob: ObjectId,
    /// The bytes of the pipeline file in this commit; `None` where there is none.
    pub pipeline: Option<ObjectId>,
    /// The commit.
    pub commit: ObjectId,
    /// Who made it.
    pub author: Arc<Author>,
    /// When, in seconds since 1970, as the commit says it.
    pub at: i64,
}

/// What lies between the two ends of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// The pipeline's folder in the beginning, below the repository's root; `None` where there was no pipeline.
    pub base_prefix: Option<String>,
    /// The deals that differ, in whatever way.
    pub changed: BTreeMap<DealId, Ends>,
    /// Deals that have another id in the end: from the older to the newer one.
    pub renamed: BTreeMap<DealId, DealId>,
    /// The steps, each commit after its parents.
    pub steps: Vec<Step>,
}

/// What happened between the commit `base` and the commit `tip` to the pipeline that lies in the folder `prefix` there.
/// `commits` are those in between, each after its parents. A merge takes a step only where none of its sides has the deal
/// in that stage.
///
/// # Errors
/// When a commit, a tree or a file cannot be read, as in a shallow clone that does not reach so far.
pub fn between(
    objects: &dyn Objects,
    base: ObjectId,
    tip: ObjectId,
    commits: &[ObjectId],
    prefix: &str,
) -> Result<Between, HistoryError> {
    let failed = |commit: ObjectId| move |source: ObjectError| HistoryError::Object { commit, source };
    let mut trees = Trees::new(objects);
    let mut folders = Folders::default();
    let (old, new) = (objects.commit(base).map_err(failed(base))?.tree, objects.commit(tip).map_err(failed(tip))?.tree);
    let mut places = Places { prefix, other: None };
    let here = places.folder(&mut trees, new).map_err(failed(tip))?;
    let mut there = places.folder(&mut trees, old).map_err(failed(base))?;
    let mut base_prefix = there.map(|_| prefix.to_owned());
    if let (None, Some(here)) = (there, here)
        && let Some(moved) = place::moved(&mut trees, here, old, new).map_err(failed(base))?
    {
        places.other = Some(moved.clone());
        there = places.folder(&mut trees, old).map_err(failed(base))?;
        base_prefix = there.map(|_| moved);
    }
    let mut between = Between { base_prefix, ..Between::default() };
    let mut new_blobs: BTreeMap<DealId, ObjectId> = BTreeMap::new();
    for change in trees.compare(&mut folders, there, here).map_err(failed(tip))?.changes {
        let Some((path, deal)) = file(&folders, change.folder, &change.stem) else { continue };
        let ends = between.changed.entry(deal.clone()).or_default();
        ends.before.extend(change.old.map(|_| path.clone()));
        ends.after.extend(change.new.map(|_| path));
        new_blobs.extend(change.new.map(|blob| (deal, blob)));
    }
    between.renamed = renamed(objects, &between.changed, &new_blobs).map_err(failed(tip))?;
    let mut walk = Walk { trees, folders, places, there, known: None, gone: HashMap::new(), steps: Vec::new() };
    for id in commits {
        let commit = objects.commit(*id).map_err(failed(*id))?;
        walk.step(&commit).map_err(failed(*id))?;
    }
    between.steps = walk.steps;
    Ok(between)
}

/// The path and the id of a deal's file.
fn file(folders: &Folders, folder: super::trees::FolderIx, stem: &str) -> Option<(String, DealId)> {
    let path = format!("{}/{stem}.yaml", String::from_utf8_lossy(folders.path(folder)));
    let (_, deal) = deal_path(&path)?;
    Some((path, deal))
}

/// The deals that are new in the end and name one that is gone there as what they were called before.
fn renamed(
    objects: &dyn Objects,
    changed: &BTreeMap<DealId, Ends>,
    blobs: &BTreeMap<DealId, ObjectId>,
) -> Result<BTreeMap<DealId, DealId>, ObjectError> {
    let mut found = BTreeMap::new();
    let gone: BTreeSet<&str> =
        changed.iter().filter(|(_, ends)| ends.after.is_empty()).map(|(deal, _)| deal.as_str()).collect();
    if gone.is_empty() {
        return Ok(found);
    }
    for (deal, _) in changed.iter().filter(|(_, ends)| ends.before.is_empty()) {
        let Some(blob) = blobs.get(deal) else { continue };
        let older = older_ids(&objects.blob(*blob)?);
        let older = older.iter().filter(|old| gone.contains(old.as_str())).filter_map(|old| DealId::new(old).ok());
        found.extend(older.map(|old| (old, deal.clone())));
    }
    Ok(found)
}

/// Where the pipeline lies in a tree: in its folder, or in the one that it had in the beginning.
struct Places<'p> {
    prefix: &'p str,
    other: Option<String>,
}

impl Places<'_> {
    fn folder(&self, trees: &mut Trees<'_>, root: ObjectId) -> Result<Option<ObjectId>, ObjectError> {
        for place in [Some(self.prefix), self.other.as_deref()].into_iter().flatten() {
            if let Some(folder) = trees.folder_at(root, place)?
                && trees.is_pipeline(folder)?
            {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }
}

struct Walk<'o, 'p> {
    trees: Trees<'o>,
    folders: Folders,
    places: Places<'p>,
    /// The pipeline's folder in the beginning.
    there: Option<ObjectId>,
    /// The stage of each deal in the beginning, once it has to be known.
    known: Option<HashMap<Box<str>, StageId>>,
    /// The stage that a deal was last seen in, where its file went or came without the other in the same commit.
    gone: HashMap<Box<str>, StageId>,
    steps: Vec<Step>,
}

/// What a commit does to one deal, against one of its parents.
#[derive(Default)]
struct Files {
    old: Vec<String>,
    new: Vec<(String, ObjectId)>,
}

impl Walk<'_, '_> {
    fn step(&mut self, commit: &Commit) -> Result<(), ObjectError> {
        let folder = self.places.folder(&mut self.trees, commit.tree)?;
        let mut against: Vec<BTreeMap<Box<str>, Files>> = Vec::new();
        for parent in &commit.parents {
            let root = self.trees.objects().commit(*parent)?.tree;
            let before = self.places.folder(&mut self.trees, root)?;
            let mut files: BTreeMap<Box<str>, Files> = BTreeMap::new();
            for change in self.trees.compare(&mut self.folders, before, folder)?.changes {
                let Some((path, _)) = file(&self.folders, change.folder, &change.stem) else { continue };
                let entry = files.entry(change.stem).or_default();
                match (change.old, change.new) {
                    (None, Some(blob)) => entry.new.push((path, blob)),
                    (Some(_), None) => entry.old.push(path),
                    _ => {}
                }
            }
            files.retain(|_, files| !files.old.is_empty() || !files.new.is_empty());
            against.push(files);
        }
        let Some((first, others)) = against.split_first() else { return Ok(()) };
        let pipeline = match folder {
            Some(folder) => self.trees.file_in(folder, PIPELINE_FILE)?,
            None => None,
        };
        for (stem, files) in first {
            for (path, blob) in &files.new {
                // What one of the sides has there already came with that side.
                let is_new = |side: &BTreeMap<Box<str>, Files>| {
                    side.get(stem).is_some_and(|files| files.new.iter().any(|(other, _)| stage(other) == stage(path)))
                };
                if others.iter().all(is_new) {
                    self.came(commit, pipeline, first, stem, path, *blob)?;
                }
            }
            if files.new.is_empty()
                && let Some(stage) = files.old.first().and_then(|path| stage(path))
            {
                self.gone.insert(stem.clone(), stage);
            }
        }
        Ok(())
    }

    /// The deal `stem` has a file where it had none.
    fn came(
        &mut self,
        commit: &Commit,
        pipeline: Option<ObjectId>,
        files: &BTreeMap<Box<str>, Files>,
        stem: &str,
        path: &str,
        blob: ObjectId,
    ) -> Result<(), ObjectError> {
        let (Some(to), Ok(deal)) = (stage(path), DealId::new(stem)) else { return Ok(()) };
        let left = |stem: &str| files.get(stem).and_then(|files| stage(files.old.first()?));
        let mut from = left(stem);
        if from.is_none() {
            from = self.gone.get(stem).cloned().or(self.known()?.get(stem).cloned());
        }
        if from.is_none() {
            // Perhaps it was called otherwise before.
            let older = older_ids(&self.trees.objects().blob(blob)?);
            for old in &older {
                from = from.or_else(|| left(old)).or_else(|| self.gone.get(old.as_str()).cloned());
            }
        }
        self.gone.insert(stem.into(), to.clone());
        let Some(from) = from.filter(|from| *from != to) else { return Ok(()) };
        self.steps.push(Step {
            deal,
            from,
            to,
            path: path.to_owned(),
            blob,
            pipeline,
            commit: commit.id,
            author: commit.author.clone(),
            at: commit.author_time,
        });
        Ok(())
    }

    /// The stages of all deals in the beginning.
    fn known(&mut self) -> Result<&HashMap<Box<str>, StageId>, ObjectError> {
        if self.known.is_none() {
            let all = self.trees.compare(&mut self.folders, None, self.there)?.changes;
            let stage = |folder| StageId::new(self.folders.stage_name(folder)).ok();
            self.known =
                Some(all.into_iter().filter_map(|change| Some((change.stem, stage(change.folder)?))).collect());
        }
        Ok(self.known.get_or_insert_default())
    }
}

fn stage(path: &str) -> Option<StageId> {
    deal_path(path).map(|(stage, _)| stage)
}
