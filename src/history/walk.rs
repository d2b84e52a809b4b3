//! The walk along the first-parent line, from the oldest commit to the newest.
//!
//! Each commit is compared with its first parent by state: the trees of the pipeline's folder, through object ids, and
//! never by git's similarity. What a merge brings is looked up in the merged branch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::format::ident::DealId;
use crate::format::pipeline::Pipeline;
use crate::repo::objects::{Author, ObjectError, ObjectId, Objects};

use super::deals::{DealIx, Deals, Outcome, Values};
use super::event::{Direction, Event, EventKind, KnownAt, ValidAt};
use super::fields;
use super::ignore::{IGNORE_REVS_FILE, IgnoreRevs};
use super::merge::{self, Doing, Draft, Maker};
use super::place;
use super::record::{History, HistoryError, IgnoredMove, Options, Standing};
use super::stages::{StageIx, Stages, direction};
use super::trees::{Change, Trees, is_stage_folder, join};

/// So many deals created at once in the beginning are an import.
const IMPORT: usize = 10;
/// So few deals moved at once are never a bulk move.
const BULK: usize = 20;
/// An author time before this (the second day of 1970) is a clock that was not set.
const NO_CLOCK: i64 = 86_400;

/// Reads the history of the pipeline that lies in the folder `prefix` (below the repository's root; "" is the root) at
/// the commit `tip`. Stages are given under the names that `pipeline` has for them.
///
/// # Errors
/// See [`HistoryError`].
pub fn read(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    pipeline: &Pipeline,
    options: &Options,
) -> Result<History, HistoryError> {
    let incomplete = objects.is_shallow();
    if incomplete && !options.allow_incomplete {
        return Err(HistoryError::Shallow);
    }
    let (line, all_clamped) = first_parent_line(objects, tip)?;
    let roots: Vec<ObjectId> = line.iter().map(|step| step.tree).collect();
    let until = options.until.unwrap_or(KnownAt(i64::MAX));
    let known = line.partition_point(|step| step.known_at <= until);
    let mut trees = Trees::new(objects);
    let failed = |(at, source): (usize, ObjectError)| HistoryError::Object { commit: line[at].maker.id, source };
    let first_place = place::oldest(&mut trees, &roots, prefix).map_err(failed)?;
    let mut ignore = IgnoreRevs::default();
    if let Some(last) = known.checked_sub(1) {
        let shifted = |(at, error)| failed((at + last, error));
        let last_place = place::oldest(&mut trees, &roots[last..], prefix).map_err(shifted)?;
        read_ignore_revs(&mut trees, objects, roots[last], &last_place, &mut ignore).map_err(|e| failed((last, e)))?;
    }
    let mut walk = Walk {
        objects,
        pipeline,
        trees,
        stages: Stages::new(pipeline),
        deals: Deals::default(),
        fields: fields::names(&options.fields),
        ignore,
        has_merges: line[..known].iter().any(|step| !step.merged.is_empty()),
        seen: HashSet::new(),
        pending: Vec::new(),
        bulk: Vec::new(),
        imports: BTreeSet::new(),
        importing: true,
        ignored_commits: 0,
        unreadable: 0,
    };
    let mut way = Way { today: prefix.to_owned(), place: first_place, root: None, folder: None, is_there: false };
    for step in &line[..known] {
        let object = |source| HistoryError::Object { commit: step.maker.id, source };
        let before = way.clone();
        way.follow(&mut walk.trees, step.tree).map_err(object)?;
        walk.commit(step, &before, &way)?;
    }
    let clamped_known = all_clamped.iter().take(known).filter(|clamped| **clamped).count();
    Ok(walk.finish(&line[..known], clamped_known, incomplete))
}

/// A commit of the first-parent line.
pub(super) struct Step {
    pub(super) maker: Rc<Maker>,
    pub(super) tree: ObjectId,
    /// The parents after the first.
    merged: Box<[ObjectId]>,
    pub(super) known_at: KnownAt,
}

/// The first-parent line, oldest first, and for each commit whether its knowledge time had to be moved. A commit is never
/// known before its first parent is, whatever its clock says.
pub(super) fn first_parent_line(objects: &dyn Objects, tip: ObjectId) -> Result<(Vec<Step>, Vec<bool>), HistoryError> {
    let mut line = Vec::new();
    let mut next = Some(tip);
    while let Some(id) = next {
        let commit = objects.commit(id).map_err(|source| HistoryError::Object { commit: id, source })?;
        next = commit.parents.first().copied();
        line.push(Step {
            maker: Rc::new(Maker::from(&commit)),
            tree: commit.tree,
            merged: commit.parents.get(1..).unwrap_or_default().into(),
            known_at: KnownAt(commit.committer_time),
        });
    }
    line.reverse();
    let mut clamped = vec![false; line.len()];
    let mut latest = KnownAt(i64::MIN);
    for (step, clamped) in line.iter_mut().zip(&mut clamped) {
        *clamped = step.known_at < latest;
        latest = latest.max(step.known_at);
        step.known_at = latest;
    }
    Ok((line, clamped))
}

fn read_ignore_revs(
    trees: &mut Trees,
    objects: &dyn Objects,
    root: ObjectId,
    place: &str,
    ignore: &mut IgnoreRevs,
) -> Result<(), ObjectError> {
    let folder = trees.folder_at(root, place)?.filter(|folder| *folder != root);
    for folder in [Some(root), folder].into_iter().flatten() {
        if let Some(blob) = trees.file_in(folder, IGNORE_REVS_FILE)? {
            ignore.add(&objects.blob(blob)?);
        }
    }
    Ok(())
}

/// Where the pipeline lies as the walk goes on.
#[derive(Clone)]
struct Way {
    /// Its folder at the tip.
    today: String,
    /// Its folder now.
    place: String,
    root: Option<ObjectId>,
    /// The tree of its folder now; `None` where there is no such folder.
    folder: Option<ObjectId>,
    /// Whether a pipeline file lies there.
    is_there: bool,
}

impl Way {
    /// Goes on to the next commit's root tree.
    fn follow(&mut self, trees: &mut Trees, root: ObjectId) -> Result<(), ObjectError> {
        if self.root == Some(root) {
            return Ok(());
        }
        let folder = trees.folder_at(root, &self.place)?;
        let was_there = self.is_there;
        let is_there = match folder {
            Some(folder) if self.folder == Some(folder) => was_there,
            Some(folder) => trees.is_pipeline(folder)?,
            None => false,
        };
        if is_there {
            (self.root, self.folder, self.is_there) = (Some(root), folder, true);
            return Ok(());
        }
        let mut place = None;
        if let (true, Some(old), Some(old_root)) = (was_there, self.folder, self.root) {
            place = place::moved(trees, old, root, old_root)?;
        }
        if place.is_none() && self.place != self.today && place::is_there(trees, root, &self.today)? {
            place = Some(self.today.clone());
        }
        (self.root, self.folder, self.is_there) = (Some(root), folder, false);
        if let Some(place) = place {
            self.folder = trees.folder_at(root, &place)?;
            self.is_there = place::is_there(trees, root, &place)?;
            self.place = place;
        }
        Ok(())
    }
}

/// An event whose stages and deal are not yet under their last names.
struct Pending {
    deal: DealIx,
    what: What,
    at: ValidAt,
    known_at: KnownAt,
    author: Arc<Author>,
    commit: ObjectId,
    clamped: bool,
}

enum What {
    Created(StageIx),
    Moved(StageIx, StageIx),
    /// A move that counts in no duration.
    Ignored(StageIx, StageIx),
    Changed(usize, Option<String>, Option<String>),
    Removed(StageIx),
    Restored(StageIx),
    Renamed(Rc<str>),
}

struct Walk<'a> {
    objects: &'a dyn Objects,
    pipeline: &'a Pipeline,
    trees: Trees<'a>,
    stages: Stages<'a>,
    deals: Deals,
    fields: Vec<Arc<str>>,
    ignore: IgnoreRevs,
    has_merges: bool,
    /// Commits of the line so far and of the branches merged into it.
    seen: HashSet<ObjectId>,
    pending: Vec<Pending>,
    bulk: Vec<(ObjectId, usize)>,
    imports: BTreeSet<ObjectId>,
    /// Whether nothing but imports has happened yet.
    importing: bool,
    ignored_commits: usize,
    unreadable: usize,
}

impl Walk<'_> {
    /// Takes one commit of the line.
    fn commit(&mut self, step: &Step, before: &Way, now: &Way) -> Result<(), HistoryError> {
        let object = |source| HistoryError::Object { commit: step.maker.id, source };
        let at = |(commit, source)| HistoryError::Object { commit, source };
        let mut side = Vec::new();
        if self.has_merges {
            self.seen.insert(step.maker.id);
            side = merge::side_commits(self.objects, &mut self.seen, &step.merged).map_err(at)?;
        }
        let listed = side.iter().filter(|commit| self.ignore.holds(commit.id)).count();
        self.ignored_commits += listed + usize::from(self.ignore.holds(step.maker.id));
        let changes = self.trees.compare(before.folder, now.folder).map_err(object)?;
        if changes.is_empty() {
            return Ok(());
        }
        let renamed = self.renamed_folders(before.folder, now.folder, &changes).map_err(object)?;
        for (old, new) in &renamed {
            self.stages.rename(old, new);
        }
        let objects = self.objects;
        let older_ids = |blob| objects.blob(blob).map(|bytes| fields::older_ids(&bytes));
        let settled = self.deals.settle(&changes, &self.trees.folders, &mut self.stages, older_ids);
        let outcomes = settled.map_err(object)?;
        let mut touches = HashMap::new();
        if !side.is_empty() {
            let mut places = vec![now.place.as_str()];
            if before.place != now.place {
                places.push(&before.place);
            }
            let deals = &self.deals;
            let stem_of = |deal| deals.get(deal).stem.clone();
            touches = merge::touches(self.objects, &mut self.trees, &side, &places, &outcomes, stem_of).map_err(at)?;
        }
        let first = self.pending.len();
        let mut read: HashMap<ObjectId, Option<Values>> = HashMap::new();
        for outcome in &outcomes {
            let touches = touches.remove(&outcome.deal).unwrap_or_default();
            let drafts = self.drafts(outcome, &touches, &step.maker, &mut read).map_err(object)?;
            for draft in drafts {
                self.record(outcome.deal, draft, step.known_at);
            }
        }
        self.close(step, first);
        for (old, _) in &renamed {
            self.stages.forget_folder(old, &self.trees.folders);
        }
        Ok(())
    }

    /// Stage folders that went as a whole to a folder that was not there before, under a name that today's pipeline file
    /// does not list: from, to.
    fn renamed_folders(
        &mut self,
        before: Option<ObjectId>,
        now: Option<ObjectId>,
        changes: &[Change],
    ) -> Result<Vec<(String, String)>, ObjectError> {
        let (Some(before), Some(now)) = (before, now) else { return Ok(Vec::new()) };
        let (old, new) = (self.trees.raw(before)?, self.trees.raw(now)?);
        let (mut gone, mut come) = (Vec::new(), Vec::new());
        join(&old, &new, now.as_bytes().len(), |old, new| {
            let stage = |name: &[u8]| is_stage_folder(name).then(|| String::from_utf8_lossy(name).into_owned());
            match (old.filter(|e| e.is_folder()), new.filter(|e| e.is_folder())) {
                (Some(old), None) => gone.extend(stage(old.name)),
                (None, Some(new)) => come.extend(stage(new.name)),
                _ => {}
            }
        });
        gone.retain(|name| !self.stages.is_known(name));
        if gone.is_empty() || come.is_empty() {
            return Ok(Vec::new());
        }
        let folders = &self.trees.folders;
        // For each folder that went, the folders that its deals went to.
        let mut went: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
        for group in changes.chunk_by(|a, b| a.stem == b.stem) {
            let to = group.iter().filter(|c| c.old.is_none()).map(|c| folders.stage_name(c.folder));
            let to = to.filter(|name| come.iter().any(|c| c == name)).min();
            for change in group.iter().filter(|c| c.new.is_none()) {
                let from = folders.stage_name(change.folder);
                if gone.iter().any(|name| name == from) {
                    went.entry(from).or_default().insert(to);
                }
            }
        }
        let whole: Vec<(&str, &str)> = went
            .iter()
            .filter_map(|(from, to)| Some((*from, to.first().copied().flatten().filter(|_| to.len() == 1)?)))
            .collect();
        let alone = |to: &str| whole.iter().filter(|(_, other)| *other == to).count() == 1;
        Ok(whole.iter().filter(|(_, to)| alone(to)).map(|(from, to)| ((*from).into(), (*to).into())).collect())
    }

    /// The changes of one deal in one commit of the line, in the order in which they happened.
    fn drafts(
        &mut self,
        outcome: &Outcome,
        touches: &[merge::Touch],
        maker: &Rc<Maker>,
        read: &mut HashMap<ObjectId, Option<Values>>,
    ) -> Result<Vec<Draft>, ObjectError> {
        let mut drafts = merge::stage_steps(outcome, touches, maker, &self.trees.folders, &mut self.stages);
        let old_blob = outcome.before.first().map(|(_, blob)| *blob);
        if let Some((_, blob)) = outcome.after.filter(|(_, blob)| old_blob != Some(*blob)) {
            let (objects, fields) = (self.objects, &self.fields);
            let mut values = |blob: ObjectId| -> Result<Option<Values>, ObjectError> {
                if let Some(found) = read.get(&blob) {
                    return Ok(found.clone());
                }
                let found: Option<Values> = fields::extract(&objects.blob(blob)?, fields).ok().map(Rc::from);
                if !touches.is_empty() {
                    read.insert(blob, found.clone());
                }
                Ok(found)
            };
            let deal = self.deals.get(outcome.deal);
            match values(blob)? {
                None => self.unreadable += 1,
                Some(after) => {
                    let (start, changed) =
                        merge::field_steps(deal.values.as_ref(), &after, touches, maker, &mut values)?;
                    drafts.extend(changed);
                    let deal = self.deals.get_mut(outcome.deal);
                    deal.born.get_or_insert(start);
                    deal.values = Some(after);
                }
            }
        }
        drafts.sort_by_key(|(number, _)| *number);
        Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
    }

    /// Gives a change its valid time and keeps it.
    fn record(&mut self, deal: DealIx, draft: Draft, known_at: KnownAt) {
        let is_ignored = self.ignore.holds(draft.by.id);
        let entity = self.deals.get_mut(deal);
        let what = match draft.doing {
            Doing::Stage(None, Some(stage)) if entity.told => What::Restored(stage),
            Doing::Stage(None, Some(stage)) => What::Created(stage),
            Doing::Stage(Some(stage), None) => What::Removed(stage),
            Doing::Stage(Some(from), Some(to)) if is_ignored => What::Ignored(from, to),
            Doing::Stage(Some(from), Some(to)) => What::Moved(from, to),
            Doing::Stage(None, None) => return,
            Doing::Field(field, from, to) => What::Changed(field, from, to),
            Doing::Renamed(from) => What::Renamed(from),
        };
        entity.told = true;
        let said = draft.by.author_time;
        let upper = if said < NO_CLOCK { known_at.0 } else { said.min(known_at.0) };
        let at = entity.last_at.map_or(upper, |last| upper.max(last));
        entity.last_at = Some(at);
        self.pending.push(Pending {
            deal,
            what,
            at: ValidAt(at),
            known_at,
            author: draft.by.author.clone(),
            commit: draft.by.id,
            clamped: at != said,
        });
    }

    /// Puts the events of one commit of the line in order and notes what it was like.
    fn close(&mut self, step: &Step, first: usize) {
        let deals = &self.deals;
        let Some(events) = self.pending.get_mut(first..) else { return };
        let stem = |event: &Pending| deals.get(event.deal).stem.clone();
        events.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| stem(a).cmp(&stem(b))));
        let moved: HashSet<DealIx> =
            events.iter().filter(|e| matches!(e.what, What::Moved(..))).map(|e| e.deal).collect();
        let created: Vec<ObjectId> =
            events.iter().filter(|e| matches!(e.what, What::Created(_))).map(|e| e.commit).collect();
        if self.importing && !events.is_empty() {
            self.importing = created.len() >= IMPORT;
            if self.importing {
                self.imports.extend(created);
            }
        }
        if moved.len() >= BULK {
            let open = self.deals.open(&self.trees.folders, &mut self.stages);
            if moved.len() * 5 >= open {
                self.bulk.push((step.maker.id, moved.len()));
            }
        }
    }

    /// Brings everything under its last name.
    fn finish(mut self, line: &[Step], clamped_known: usize, incomplete: bool) -> History {
        let ids: Vec<Option<DealId>> = self.deals.list.iter().map(|deal| DealId::new(&deal.stem).ok()).collect();
        let mut events = Vec::with_capacity(self.pending.len());
        let mut ignored = Vec::new();
        let (mut skips, mut clamped_valid) = (0, 0);
        for pending in std::mem::take(&mut self.pending) {
            let Some(deal) = ids.get(pending.deal.0).cloned().flatten() else { continue };
            let name = |stage: StageIx| self.stages.name(stage).clone();
            let kind = match pending.what {
                What::Created(stage) => EventKind::Created { stage: name(stage) },
                What::Removed(stage) => EventKind::Removed { stage: name(stage) },
                What::Restored(stage) => EventKind::Restored { stage: name(stage) },
                What::Moved(from, to) | What::Ignored(from, to) if name(from) == name(to) => continue,
                What::Moved(from, to) => {
                    let (from, to) = (name(from), name(to));
                    let direction = direction(self.pipeline, &from, &to);
                    skips += usize::from(direction == Direction::Skip);
                    EventKind::Moved { from, to, direction }
                }
                What::Ignored(from, to) => {
                    ignored.push(IgnoredMove {
                        deal,
                        from: name(from),
                        to: name(to),
                        at: pending.at,
                        known_at: pending.known_at,
                        commit: pending.commit,
                        after: events.len(),
                    });
                    continue;
                }
                What::Changed(field, from, to) => match self.fields.get(field) {
                    Some(field) => EventKind::Changed { field: field.clone(), from, to },
                    None => continue,
                },
                What::Renamed(from) => match DealId::new(&from) {
                    Ok(from) => EventKind::Renamed { from },
                    Err(_) => continue,
                },
            };
            clamped_valid += usize::from(pending.clamped);
            let Pending { at, known_at, author, commit, clamped, .. } = pending;
            events.push(Event { deal, kind, at, known_at, author, commit, clamped });
        }
        let mut born = BTreeMap::new();
        let mut standings = BTreeMap::new();
        for (deal, id) in self.deals.list.iter().zip(&ids) {
            let Some(id) = id else { continue };
            if let Some(values) = &deal.born {
                let named = self.fields.iter().zip(values.iter());
                let values = named.filter_map(|(field, value)| Some((field.clone(), value.clone()?))).collect();
                born.insert(id.clone(), values);
            }
            let Some((folder, blob)) = deal.copies.first().copied() else { continue };
            let Some(stage) = self.stages.of(folder, &self.trees.folders) else { continue };
            let folder = String::from_utf8_lossy(self.trees.folders.path(folder));
            let path = format!("{folder}/{}.yaml", deal.stem);
            standings.insert(id.clone(), Standing { stage: self.stages.name(stage).clone(), path, blob });
        }
        let history = History {
            events,
            ignored,
            born,
            standings,
            tip: line.last().map(|step| step.maker.id),
            tip_known_at: line.last().map(|step| step.known_at),
            first_known_at: line.first().map(|step| step.known_at),
            commits: line.len(),
            clamped_known,
            clamped_valid,
            skips,
            ignored_commits: self.ignored_commits,
            bad_ignore_lines: self.ignore.bad_lines,
            bulk: self.bulk,
            imports: match line.first().filter(|_| incomplete) {
                // What is there at the edge of a shallow clone came in before.
                Some(edge) => self.imports.into_iter().chain([edge.maker.id]).collect(),
                None => self.imports,
            },
            unreadable: self.unreadable,
            incomplete,
        };
        debug_assert!(
            history.replayed().iter().eq(history.standings.iter().map(|(id, standing)| (id, &standing.stage))),
            "events and tree tell the same state"
        );
        history
    }
}
