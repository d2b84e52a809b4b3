//! What happened inside a merged branch: the steps that lead from the state before a merge to the state after it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::repo::objects::{Commit, IdMap, IdSet, ObjectError, ObjectId, Objects};

use super::deals::{DealIx, Held, Outcome, Values, stages_of};
use super::ledger::Authors;
use super::stages::{StageIx, Stages};
use super::trees::{Change, Folders, Trees};

/// The commit that made a change.
#[derive(Clone, Debug)]
pub(super) struct Maker {
    pub(super) id: ObjectId,
    /// Its author's number.
    pub(super) author: u32,
    pub(super) author_time: i64,
}

impl Maker {
    fn of(commit: &Commit, authors: &mut Authors) -> Self {
        Maker { id: commit.id, author: authors.number(&commit.author), author_time: commit.author_time }
    }
}

/// One change of one deal, not yet an event.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) doing: Doing,
    pub(super) by: Rc<Maker>,
}

/// What changed.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// Where the deal is; `None` is nowhere.
    Stage(Option<StageIx>, Option<StageIx>),
    /// The value of the told field of this number, from one text to another.
    Field(usize, u32, u32),
    /// The id, from this one.
    Renamed(Rc<str>),
}

/// The commits that can be reached from `parents` and not from what was `seen`, parents before children. They are seen
/// afterwards, so that all merges of a history together look at each commit once.
pub(super) fn side_commits(
    objects: &dyn Objects,
    seen: &mut IdSet,
    parents: &[ObjectId],
) -> Result<Vec<Commit>, (ObjectId, ObjectError)> {
    let mut found = Vec::new();
    let mut stack: Vec<(Commit, usize)> = Vec::new();
    for parent in parents {
        if seen.insert(*parent) {
            stack.push((objects.commit(*parent).map_err(|e| (*parent, e))?, 0));
        }
        while let Some((commit, next)) = stack.last_mut() {
            match commit.parents.get(*next).copied() {
                Some(id) => {
                    *next += 1;
                    if seen.insert(id) {
                        stack.push((objects.commit(id).map_err(|e| (id, e))?, 0));
                    }
                }
                None => found.extend(stack.pop().map(|(commit, _)| commit)),
            }
        }
    }
    Ok(found)
}

/// A merge on the line, and the commits of the branches that it brings, parents before children.
#[derive(Clone, Copy)]
pub(super) struct Brought<'c> {
    /// The merge and its tree.
    pub(super) merge: (ObjectId, ObjectId),
    /// Its parents after the first.
    pub(super) merged: &'c [ObjectId],
    pub(super) side: &'c [Commit],
}

/// What one commit of a merged branch did to one deal.
#[derive(Clone, Debug)]
pub(super) struct Touch {
    by: Rc<Maker>,
    removed: Vec<Held>,
    added: Vec<Held>,
    took_new_id: bool,
}

impl Touch {
    fn by(maker: &Rc<Maker>) -> Self {
        Touch { by: maker.clone(), removed: Vec::new(), added: Vec::new(), took_new_id: false }
    }
}

/// What the commits of a merged branch did to the deals that the merge changed, by deal, in the order of the commits.
/// `places` are the folders where the pipeline can lie in them.
pub(super) fn touches(
    trees: &mut Trees,
    folders: &mut Folders,
    authors: &mut Authors,
    brought: Brought<'_>,
    places: &[&str],
    outcomes: &[Outcome],
    stem_of: impl Fn(DealIx) -> Rc<str>,
) -> Result<HashMap<DealIx, Vec<Touch>>, (ObjectId, ObjectError)> {
    let Brought { merge: (merge, tree), merged, side } = brought;
    let mut deals: HashMap<Rc<str>, (DealIx, bool)> = HashMap::new();
    for outcome in outcomes {
        deals.insert(stem_of(outcome.deal), (outcome.deal, outcome.renamed_from.is_some()));
        if let Some(old) = &outcome.renamed_from {
            deals.insert(old.clone(), (outcome.deal, false));
        }
    }
    let mut found: HashMap<DealIx, Vec<(ObjectId, Touch)>> = HashMap::new();
    let mut followed = Followed::default();
    let mut tree_of: IdMap<ObjectId> = IdMap::default();
    tree_of.insert(merge, tree);
    if merged.len() > 1 {
        let mut differing = Vec::new();
        for parent in merged {
            let changes = compare(trees, folders, tree, Some(*parent), &mut tree_of, places);
            differing.push(concerned(&changes.map_err(|e| (merge, e))?, &deals));
        }
        followed.note(merge, merged, &differing);
    }
    for commit in side {
        tree_of.insert(commit.id, commit.tree);
        let failed = |e| (commit.id, e);
        let first = commit.parents.first().copied();
        let mut changes = compare(trees, folders, commit.tree, first, &mut tree_of, places).map_err(failed)?;
        // A merge inside the branch did only what none of its parents had done: the rest was done by commits of the branch,
        // which tell it themselves, or came from the line, which knows it already.
        if commit.parents.len() > 1 {
            let mut differing = vec![concerned(&changes, &deals)];
            for parent in commit.parents.iter().skip(1) {
                let other =
                    compare(trees, folders, commit.tree, Some(*parent), &mut tree_of, places).map_err(failed)?;
                let stems: HashSet<&str> = other.iter().map(|change| &*change.stem).collect();
                changes.retain(|change| stems.contains(&*change.stem));
                differing.push(concerned(&other, &deals));
            }
            followed.note(commit.id, &commit.parents, &differing);
        }
        let maker = Rc::new(Maker::of(commit, authors));
        let mut here: HashMap<DealIx, Touch> = HashMap::new();
        for change in changes {
            let Some((deal, is_new_id)) = deals.get(&*change.stem) else { continue };
            let touch = here.entry(*deal).or_insert_with(|| Touch::by(&maker));
            touch.removed.extend(change.old.map(|blob| (change.folder, blob)));
            if let Some(blob) = change.new {
                touch.added.push((change.folder, blob));
                touch.took_new_id |= *is_new_id && change.old.is_none();
            }
        }
        for (deal, touch) in here {
            found.entry(deal).or_default().push((commit.id, touch));
        }
    }
    let parents: IdMap<&[ObjectId]> = side.iter().map(|commit| (commit.id, &*commit.parents)).collect();
    let kept = found.into_iter().map(|(deal, mut touches)| {
        if let Some(told) = followed.told(deal, merge, merged, &parents) {
            touches.retain(|(id, _)| told.contains(id));
        }
        (deal, touches.into_iter().map(|(_, touch)| touch).collect())
    });
    Ok(kept.collect())
}

/// For each deal, the merges in which it is just as in one parent and not as in another, and that parent. What happened
/// on the other side was given up there, and did not happen to the deal.
#[derive(Default)]
struct Followed(HashMap<DealIx, IdMap<ObjectId>>);

impl Followed {
    /// Takes the deals that differ between a merge and each of its parents.
    fn note(&mut self, merge: ObjectId, parents: &[ObjectId], differing: &[HashSet<DealIx>]) {
        for deal in differing.iter().flatten() {
            let same = parents.iter().zip(differing).find(|(_, differing)| !differing.contains(deal));
            if let Some((parent, _)) = same {
                self.0.entry(*deal).or_default().insert(merge, *parent);
            }
        }
    }

    /// The commits of the branch that count for a deal; `None` where all do. `parents` are those of the branch's commits.
    fn told(&self, deal: DealIx, merge: ObjectId, merged: &[ObjectId], parents: &IdMap<&[ObjectId]>) -> Option<IdSet> {
        let followed = self.0.get(&deal)?;
        let mut told = IdSet::default();
        let mut next = match followed.get(&merge) {
            Some(parent) => vec![*parent],
            None => merged.to_vec(),
        };
        while let Some(id) = next.pop() {
            let Some(parents) = parents.get(&id).filter(|_| told.insert(id)) else { continue };
            match followed.get(&id) {
                Some(parent) => next.push(*parent),
                None => next.extend(*parents),
            }
        }
        Some(told)
    }
}

/// The deals of a merge that are among some changes.
fn concerned(changes: &[Change], deals: &HashMap<Rc<str>, (DealIx, bool)>) -> HashSet<DealIx> {
    changes.iter().filter_map(|change| deals.get(&*change.stem).map(|(deal, _)| *deal)).collect()
}

/// The deal files that differ between a commit, by its tree, and one of its parents; all, where it has none.
fn compare(
    trees: &mut Trees,
    folders: &mut Folders,
    tree: ObjectId,
    parent: Option<ObjectId>,
    tree_of: &mut IdMap<ObjectId>,
    places: &[&str],
) -> Result<Vec<Change>, ObjectError> {
    let parent_tree = match parent.map(|parent| (parent, tree_of.get(&parent))) {
        None => None,
        Some((_, Some(tree))) => Some(*tree),
        Some((parent, None)) => {
            let tree = trees.objects().commit(parent)?.tree;
            tree_of.insert(parent, tree);
            Some(tree)
        }
    };
    let mut pipeline_in = |root: ObjectId| -> Result<Option<ObjectId>, ObjectError> {
        for place in places {
            if let Some(folder) = trees.folder_at(root, place)? {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    };
    let old = parent_tree.map(&mut pipeline_in).transpose()?.flatten();
    let new = pipeline_in(tree)?;
    trees.compare(folders, old, new).map(|difference| difference.changes)
}

/// The values of a version of a deal; `None` where it cannot be read.
pub(super) type ReadValues<'f> = dyn FnMut(ObjectId) -> Result<Option<Values>, ObjectError> + 'f;

/// The steps that lead one deal from where it was before a merge to where it is after, each by the commit that made it,
/// in the order of the commits. A step that a branch took and the line had taken before counts once. Where the branch's
/// steps do not lead to the state after, the merge itself takes the last one.
pub(super) fn stage_steps(
    outcome: &Outcome,
    touches: &[Touch],
    merge: &Rc<Maker>,
    folders: &Folders,
    stages: &mut Stages,
) -> Vec<(usize, Draft)> {
    let mut here = stages_of(&outcome.before, folders, stages);
    let before = here.first().copied();
    let after = outcome.after.and_then(|(folder, _)| stages.of(folder, folders));
    let mut path = Vec::new();
    for (number, touch) in touches.iter().enumerate() {
        let mut removed = stages_of(&touch.removed, folders, stages);
        let mut added = stages_of(&touch.added, folders, stages);
        // A file that was changed, or moved within its stage, stays.
        added.retain(|stage| match removed.iter().position(|r| r == stage) {
            Some(at) => {
                removed.remove(at);
                false
            }
            None => true,
        });
        let fits = removed.iter().all(|stage| here.contains(stage)) && !added.iter().any(|stage| here.contains(stage));
        if !fits {
            continue;
        }
        let home = here.first().copied();
        here.retain(|stage| !removed.contains(stage));
        // When it leaves its home, it goes where a file came, and not where another one lies already.
        let at = if here.first().copied() == home { here.len() } else { 0 };
        here.splice(at..at, added);
        if here.first().copied() != home {
            path.push((number, here.first().copied()));
        }
    }
    let by = |number: usize| touches.get(number).map_or(merge, |touch| &touch.by).clone();
    let mut drafts: Vec<(usize, Draft)> = trimmed(before, after, path)
        .into_iter()
        .map(|(number, from, to)| (number, Draft { doing: Doing::Stage(from, to), by: by(number) }))
        .collect();
    if let Some(old) = &outcome.renamed_from {
        let number = touches.iter().rposition(|touch| touch.took_new_id).unwrap_or(usize::MAX);
        drafts.insert(0, (number, Draft { doing: Doing::Renamed(old.clone()), by: by(number) }));
    }
    drafts
}

/// The changes of fields inside a merged branch. `before` are the values before the merge, or `None` for a deal that came
/// in with it; then the values it came in with are given as well. `blob_before` is its version then.
pub(super) fn field_steps(
    before: Option<&Values>,
    blob_before: Option<ObjectId>,
    after: &Values,
    touches: &[Touch],
    merge: &Rc<Maker>,
    read: &mut ReadValues,
) -> Result<(Values, Vec<(usize, Draft)>), ObjectError> {
    let mut steps = Vec::new();
    let mut start = before.cloned();
    // What was known before of versions that cannot be read.
    let mut stand_ins: IdMap<Values> = IdMap::default();
    for (number, touch) in touches.iter().enumerate() {
        let Some((_, blob)) = touch.added.first() else { continue };
        let old = match touch.removed.first() {
            Some((_, old)) => {
                let known = read(*old)?.or_else(|| stand_ins.get(old).cloned());
                Some(known.or_else(|| before.filter(|_| Some(*old) == blob_before).cloned()))
            }
            None => None,
        };
        let Some(new) = read(*blob)? else {
            if let Some(known) = old.flatten() {
                stand_ins.insert(*blob, known);
            }
            continue;
        };
        match (old, &start) {
            (None, None) => start = Some(new),
            (Some(Some(old)), Some(_)) => steps.push((number, old, new)),
            _ => {}
        }
    }
    let start = start.unwrap_or_else(|| after.clone());
    let by = |number: usize| touches.get(number).map_or(merge, |touch| &touch.by).clone();
    let mut drafts = Vec::new();
    for (field, (first, last)) in start.iter().zip(after.iter()).enumerate() {
        let mut now = first;
        let mut path = Vec::new();
        for (number, old, new) in &steps {
            let (Some(old), Some(new)) = (old.get(field), new.get(field)) else { continue };
            if old == now && new != now {
                path.push((*number, *new));
                now = new;
            }
        }
        let done = trimmed(*first, *last, path).into_iter();
        drafts.extend(
            done.map(|(number, from, to)| (number, Draft { doing: Doing::Field(field, from, to), by: by(number) })),
        );
    }
    Ok((start, drafts))
}

/// A path of states, cut after the last one that is the state it has to lead to; where there is none, that state is added
/// as a step of its own, under the highest number.
fn trimmed<T: PartialEq + Clone>(before: T, after: T, mut path: Vec<(usize, T)>) -> Vec<(usize, T, T)> {
    match path.iter().rposition(|(_, state)| *state == after) {
        Some(last) => path.truncate(last + 1),
        None if before == after => path.clear(),
        None => path.push((usize::MAX, after)),
    }
    let mut from = before;
    path.into_iter().map(|(number, to)| (number, std::mem::replace(&mut from, to.clone()), to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_where_it_arrives() {
        assert_eq!(trimmed('a', 'c', vec![(0, 'b'), (1, 'c')]), [(0, 'a', 'b'), (1, 'b', 'c')]);
        assert_eq!(trimmed('a', 'b', vec![(0, 'b'), (1, 'c')]), [(0, 'a', 'b')]);
        assert_eq!(trimmed('a', 'a', vec![(0, 'b')]), []);
        assert_eq!(trimmed('a', 'a', vec![(0, 'b'), (1, 'a'), (2, 'c')]), [(0, 'a', 'b'), (1, 'b', 'a')]);
        assert_eq!(trimmed('a', 'd', vec![(0, 'b')]), [(0, 'a', 'b'), (usize::MAX, 'b', 'd')]);
        assert_eq!(trimmed('a', 'd', vec![]), [(usize::MAX, 'a', 'd')]);
    }
}
