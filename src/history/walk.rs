//! The walk along the first-parent line, from the oldest commit to the newest.
//!
//! Each commit is compared with its first parent by state: the trees of the pipeline's folder, through object ids, and
//! never by git's similarity. What a merge brings is looked up in the merged branch.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use crate::format::pipeline::Pipeline;
use crate::repo::objects::{Commit, IdMap, IdSet, ObjectError, ObjectId, Objects};

use super::compared::{Compared, Cutter, Ranges, Step, Versions, compare, threads};
use super::deals::{DealIx, Deals, Outcome, Values};
use super::event::{CLOCKS_BEGIN, KnownAt};
use super::fields;
use super::ledger::{ASIDE, Authors, Known, Ledger, MadeAside, NONE, Record, What};
use super::line::{down, known_times};
use super::merge::{self, Doing, Draft, Maker};
use super::place;
use super::record::HistoryError;
use super::stages::Stages;
use super::trees::{Change, Difference, FolderIx, Folders, Trees};
use super::way::Way;

/// So few deals moved at once are never a bulk move.
pub(super) const BULK: usize = 20;
/// How far a walk has come: what it found, and what it must know to go on.
pub(super) struct Walked<'p> {
    pub(super) ledger: Ledger,
    pub(super) folders: Folders,
    pub(super) stages: Stages<'p>,
    pub(super) deals: Deals,
    pub(super) way: Way,
}

/// What to walk along.
pub(super) struct Task<'a> {
    pub(super) objects: &'a dyn Objects,
    pub(super) tip: ObjectId,
    /// The pipeline's folder at the tip.
    pub(super) prefix: &'a str,
    pub(super) names: &'a [Arc<str>],
    /// Commits that became known later are left alone.
    pub(super) until: Option<KnownAt>,
}

/// A commit of the line that is still to be walked.
struct Ahead {
    id: ObjectId,
    tree: ObjectId,
    author: u32,
    author_time: i64,
    committer_time: i64,
    /// The parents after the first.
    merged: Box<[ObjectId]>,
}

/// A place on the way of a long walk at which it is looked at.
pub(super) struct Checkpoint<'c> {
    /// So many commits before the tip.
    pub(super) recent: usize,
    /// Gets the walk, and how many commits of its line it has come over.
    pub(super) reached: &'c mut dyn FnMut(&mut Walked, usize),
}

/// A walk that has not begun.
pub(super) fn fresh<'p>(pipeline: &'p Pipeline, prefix: &str) -> Walked<'p> {
    Walked {
        ledger: Ledger::default(),
        folders: Folders::default(),
        stages: Stages::new(pipeline),
        deals: Deals::default(),
        way: Way::new(prefix),
    }
}

/// Walks the whole line up to the tip.
///
/// # Errors
/// See [`HistoryError`].
pub(super) fn walk<'p>(task: &Task, pipeline: &'p Pipeline) -> Result<Walked<'p>, HistoryError> {
    let begin = || fresh(pipeline, task.prefix);
    let mut checkpoint = Checkpoint { recent: usize::MAX, reached: &mut |_, _| {} };
    on(task, &|_| false, |_| Some(begin()), &mut checkpoint).map(|walked| walked.unwrap_or_else(begin))
}

/// Goes on where an earlier walk came to one of the commits that `known` names. `resume` gives that walk for the commit
/// that was met, or a new one for none; where it has none, there is none in the end.
///
/// # Errors
/// See [`HistoryError`].
pub(super) fn on<'p>(
    task: &Task,
    known: &dyn Fn(ObjectId) -> bool,
    resume: impl FnOnce(Option<ObjectId>) -> Option<Walked<'p>>,
    checkpoint: &mut Checkpoint,
) -> Result<Option<Walked<'p>>, HistoryError> {
    let ranges = Ranges::new();
    let (prefix, names) = (task.prefix, task.names);
    std::thread::scope(|scope| {
        // However this ends, the threads must end too.
        let _done = GivenUp(&ranges);
        let mut working = false;
        let mut begin = || {
            if let (false, Some(shared)) = (working, task.objects.shared()) {
                working = true;
                for _ in 0..threads() {
                    scope.spawn(|| ranges.work(&*shared.reader(), prefix, names));
                }
            }
        };
        let mut ahead = Vec::new();
        let mut cutter = Cutter::new(&ranges);
        let mut authors = Authors::default();
        let met = down(task.objects, task.tip, known, |commit| {
            cutter.add(commit.tree);
            ahead.push(Ahead::of(&commit, &mut authors));
            // A few commits are compared sooner than threads are there.
            if ahead.len() == 64 {
                begin();
            }
        });
        let met = met.map_err(|(commit, source)| HistoryError::Object { commit, source })?;
        let Some(mut walked) = resume(met) else { return Ok(None) };
        cutter.end(walked.way.root());
        ahead.reverse();
        let numbers: Vec<u32> = authors.list().iter().map(|author| walked.ledger.authors.number(author)).collect();
        let latest = walked.ledger.line.last().map(|last| last.known_at);
        let times: Vec<_> = known_times(ahead.iter().map(|a| a.committer_time), latest).collect();
        let until = task.until.unwrap_or(KnownAt(i64::MAX));
        let wanted = times.partition_point(|(known_at, _)| *known_at <= until);
        let before = walked.ledger.line.len();
        for (step, (known_at, clamped)) in ahead.iter().zip(&times).take(wanted) {
            let author = numbers.get(step.author as usize).copied().unwrap_or(NONE);
            walked.ledger.line.push(Known { id: step.id, author, known_at: *known_at, clamped: *clamped });
        }
        let (trees, names) = (Trees::new(task.objects), task.names);
        let mut walk = Walk { walked, trees, names, seen: None };
        if before == 0 {
            walk.find_first_place(&ahead)?;
        }
        let mut number = ranges.count();
        let mut steps: std::vec::IntoIter<Result<Step, ObjectError>> = Vec::new().into_iter();
        let mut versions = Versions::default();
        let mut moved_numbers = Vec::new();
        for (place, step) in ahead.iter().enumerate().take(wanted) {
            let compared = loop {
                if let Some(step) = steps.next() {
                    break Some(step);
                }
                let Some(next) = number.checked_sub(1) else { break None };
                number = next;
                let here = |range: &_| compare(&mut Trees::new(task.objects), prefix, names, range);
                let Some(Compared { steps: found, folders, versions: read }) = ranges.take(number, here) else {
                    continue;
                };
                (steps, versions) = (found.into_iter(), read);
                moved_numbers = folders.paths().iter().map(|path| walk.walked.folders.intern(path)).collect();
            };
            let maker =
                Rc::new(Maker { id: step.id, author: walk.author(before + place), author_time: step.author_time });
            walk.commit(before + place, step, maker, compared.and_then(Result::ok), &moved_numbers, &versions)?;
            let come = place + 1;
            if before == 0 && come.checked_add(checkpoint.recent) == Some(wanted) {
                (checkpoint.reached)(&mut walk.walked, come);
            }
        }
        Ok(Some(walk.walked))
    })
}

struct GivenUp<'r>(&'r Ranges);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl Ahead {
    fn of(commit: &Commit, authors: &mut Authors) -> Self {
        Ahead {
            id: commit.id,
            tree: commit.tree,
            author: authors.number(&commit.author),
            author_time: commit.author_time,
            committer_time: commit.committer_time,
            merged: commit.parents.get(1..).unwrap_or_default().into(),
        }
    }
}

struct Walk<'a, 'p> {
    walked: Walked<'p>,
    trees: Trees<'a>,
    names: &'a [Arc<str>],
    /// Commits of the line so far and of the branches merged into it, once a merge asks for them.
    seen: Option<IdSet>,
}

impl Walk<'_, '_> {
    fn author(&self, place: usize) -> u32 {
        self.walked.ledger.line.get(place).map_or(NONE, |known| known.author)
    }

    fn find_first_place(&mut self, ahead: &[Ahead]) -> Result<(), HistoryError> {
        let roots: Vec<ObjectId> = ahead.iter().map(|step| step.tree).collect();
        let first = place::oldest(&mut self.trees, &roots, self.walked.way.today());
        let first = first.map_err(|(at, source)| HistoryError::Object {
            commit: ahead.get(at).map_or(ahead[0].id, |step| step.id),
            source,
        })?;
        self.walked.way.begin_at(first);
        Ok(())
    }

    /// Takes one commit of the line.
    fn commit(
        &mut self,
        place: usize,
        step: &Ahead,
        maker: Rc<Maker>,
        compared: Option<Step>,
        folders: &[FolderIx],
        versions: &Versions,
    ) -> Result<(), HistoryError> {
        let object = |source| HistoryError::Object { commit: step.id, source };
        let at = |(commit, source)| HistoryError::Object { commit, source };
        let before = self.walked.way.clone();
        let seen = compared.as_ref().map(|step| (step.folder, step.is_there));
        self.walked.way.follow(&mut self.trees, step.tree, seen).map_err(object)?;
        if before.place() != self.walked.way.place() {
            self.walked.ledger.renamed_at = Some(place as u32);
        }
        let side = self.side(place, step).map_err(at)?;
        let now = self.walked.way.folder();
        let difference = match compared.filter(|step| (step.before, step.folder) == (before.folder(), now)) {
            Some(step) => {
                let mut difference = step.difference;
                for change in &mut difference.changes {
                    // Folders have numbers of their own in each range.
                    change.folder = folders.get(change.folder.0 as usize).copied().unwrap_or(change.folder);
                }
                difference
            }
            None => self.trees.compare(&mut self.walked.folders, before.folder(), now).map_err(object)?,
        };
        let Difference { changes, gone, come } = difference;
        if changes.is_empty() {
            return Ok(());
        }
        let renamed = self.renamed_folders(gone, come, &changes);
        for (old, new) in &renamed {
            self.walked.stages.rename(old, new);
        }
        let objects = self.trees.objects();
        let older_ids = |blob| objects.blob(blob).map(|bytes| fields::older_ids(&bytes));
        let settled = self.walked.deals.settle(&changes, &self.walked.folders, &mut self.walked.stages, older_ids);
        let outcomes = settled.map_err(object)?;
        if !renamed.is_empty() || outcomes.iter().any(|outcome| outcome.renamed_from.is_some()) {
            self.walked.ledger.renamed_at = Some(place as u32);
        }
        let mut touches = HashMap::new();
        if !side.is_empty() {
            let Walked { ledger, folders, deals, way, .. } = &mut self.walked;
            let mut places = vec![way.place()];
            if before.place() != way.place() {
                places.push(before.place());
            }
            let stem_of = |deal| deals.get(deal).stem.clone();
            let authors = &mut ledger.authors;
            let brought = merge::Brought { merge: (step.id, step.tree), merged: &step.merged, side: &side };
            touches =
                merge::touches(&mut self.trees, folders, authors, brought, &places, &outcomes, stem_of).map_err(at)?;
        }
        let first = self.walked.ledger.records.len();
        let mut read: IdMap<Option<Values>> = IdMap::default();
        let mut made = IdMap::default();
        for outcome in &outcomes {
            let touches = touches.remove(&outcome.deal).unwrap_or_default();
            let drafts = self.drafts(place, outcome, &touches, &maker, versions, &mut read).map_err(object)?;
            for draft in drafts {
                self.record(place, outcome.deal, draft, &maker, &mut made);
            }
        }
        self.close(place, first);
        for (old, _) in &renamed {
            self.walked.stages.forget_folder(old, &self.walked.folders);
        }
        Ok(())
    }

    /// The commits of the branches that a commit of the line merges.
    fn side(&mut self, place: usize, step: &Ahead) -> Result<Vec<Commit>, (ObjectId, ObjectError)> {
        if step.merged.is_empty() {
            if let Some(seen) = &mut self.seen {
                seen.insert(step.id);
            }
            return Ok(Vec::new());
        }
        let Ledger { line, aside, .. } = &self.walked.ledger;
        let seen = self.seen.get_or_insert_with(|| {
            line.iter().take(place).map(|known| known.id).chain(aside.iter().copied()).collect()
        });
        seen.insert(step.id);
        let side = merge::side_commits(self.trees.objects(), seen, &step.merged)?;
        if !side.is_empty() {
            self.walked.ledger.aside.extend(side.iter().map(|commit| commit.id));
            self.walked.ledger.merges.push((place as u32, self.walked.ledger.aside.len() as u32));
        }
        Ok(side)
    }

    /// Stage folders that went as a whole to a folder that was not there before, under a name that today's pipeline file
    /// does not list: from, to.
    fn renamed_folders(&self, mut gone: Vec<String>, come: Vec<String>, changes: &[Change]) -> Vec<(String, String)> {
        gone.retain(|name| !self.walked.stages.is_known(name));
        if gone.is_empty() || come.is_empty() {
            return Vec::new();
        }
        let folders = &self.walked.folders;
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
        whole.iter().filter(|(_, to)| alone(to)).map(|(from, to)| ((*from).into(), (*to).into())).collect()
    }

    /// The changes of one deal in one commit of the line, in the order in which they happened.
    fn drafts(
        &mut self,
        place: usize,
        outcome: &Outcome,
        touches: &[merge::Touch],
        maker: &Rc<Maker>,
        versions: &Versions,
        read: &mut IdMap<Option<Values>>,
    ) -> Result<Vec<Draft>, ObjectError> {
        let mut drafts = merge::stage_steps(outcome, touches, maker, &self.walked.folders, &mut self.walked.stages);
        let old_blob = outcome.before.first().map(|(_, blob)| *blob);
        if let Some((_, blob)) = outcome.after.filter(|(_, blob)| old_blob != Some(*blob)) {
            let (objects, names, texts) = (self.trees.objects(), self.names, &mut self.walked.ledger.texts);
            let mut values = |blob: ObjectId| -> Result<Option<Values>, ObjectError> {
                if let Some(found) = read.get(&blob) {
                    return Ok(found.clone());
                }
                let mut number = |text: Option<&str>| text.map_or(NONE, |text| texts.number(text));
                let found: Option<Values> = match versions.get(blob) {
                    Some(row) => row.map(|values| values.map(&mut number).collect()),
                    None => match fields::extract(&objects.blob(blob)?, names) {
                        Ok(values) => Some(values.iter().map(|value| number(value.as_deref())).collect()),
                        Err(fields::Unreadable) => None,
                    },
                };
                if !touches.is_empty() {
                    read.insert(blob, found.clone());
                }
                Ok(found)
            };
            let deal = self.walked.deals.get(outcome.deal);
            match values(blob)? {
                None => self.walked.ledger.unreadable.push(place as u32),
                Some(after) => {
                    let (start, changed) =
                        merge::field_steps(deal.values.as_ref(), old_blob, &after, touches, maker, &mut values)?;
                    drafts.extend(changed);
                    let deal = self.walked.deals.get_mut(outcome.deal);
                    deal.born.get_or_insert((start, place as u32));
                    deal.values = Some(after);
                }
            }
        }
        drafts.sort_by_key(|(number, _)| *number);
        Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
    }

    /// Gives a change its valid time and keeps it.
    fn record(&mut self, place: usize, deal: DealIx, draft: Draft, merge: &Maker, made: &mut IdMap<u32>) {
        let Some(known_at) = self.walked.ledger.line.get(place).map(|known| known.known_at) else { return };
        let entity = self.walked.deals.get_mut(deal);
        let (what, field, from, to) = match draft.doing {
            Doing::Stage(None, Some(stage)) if entity.told => (What::Restored, 0, NONE, stage.0),
            Doing::Stage(None, Some(stage)) => (What::Created, 0, NONE, stage.0),
            Doing::Stage(Some(stage), None) => (What::Removed, 0, stage.0, NONE),
            Doing::Stage(Some(from), Some(to)) => (What::Moved, 0, from.0, to.0),
            Doing::Stage(None, None) => return,
            Doing::Field(field, from, to) => (What::Changed, field as u16, from, to),
            Doing::Renamed(from) => (What::Renamed, 0, self.walked.ledger.texts.number(&from), NONE),
        };
        entity.told = true;
        let said = draft.by.author_time;
        let upper = if said < CLOCKS_BEGIN { known_at.0 } else { said.min(known_at.0) };
        let at = entity.last_at.map_or(upper, |last| upper.max(last));
        entity.last_at = Some(at);
        let maker = if draft.by.id == merge.id {
            place as u32
        } else {
            let makers = &mut self.walked.ledger.makers;
            *made.entry(draft.by.id).or_insert_with(|| {
                makers.push(MadeAside { id: draft.by.id, author: draft.by.author });
                (makers.len() - 1) as u32 | ASIDE
            })
        };
        let (deal, place, clamped) = (deal.0 as u32, place as u32, at != said);
        self.walked.ledger.records.push(Record { deal, place, maker, what, clamped, field, from, to, at });
    }

    /// Puts the records of one commit of the line in order and notes what it was like.
    fn close(&mut self, place: usize, first: usize) {
        let deals = &self.walked.deals;
        let Some(records) = self.walked.ledger.records.get_mut(first..) else { return };
        let stem = |record: &Record| &deals.get(DealIx(record.deal as usize)).stem;
        if records.len() > 1 {
            records.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| stem(a).cmp(stem(b))));
        }
        if records.len() < BULK {
            return;
        }
        let moved: HashSet<u32> = records.iter().filter(|r| r.what == What::Moved).map(|r| r.deal).collect();
        if moved.len() >= BULK {
            self.walked.ledger.many.push(place as u32);
        }
    }
}
