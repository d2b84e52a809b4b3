//! What neighbouring commits of the line differ by, and the versions of deals that came with it.
//!
//! This is the part of the walk that reads most of a repository and depends on nothing but two neighbours, so it is cut
//! into ranges of commits that several threads take. Within a range it goes from the newest commit to the oldest, since
//! packs store older objects as differences from newer ones.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::repo::objects::{IdMap, IdSet, ObjectError, ObjectId, Objects};

use super::fields;
use super::trees::{Difference, Folders, Trees};

/// So many commits make a range.
const RANGE: usize = 512;
/// More threads than this gain nothing: they wait for the memory.
const MOST_THREADS: usize = 8;

/// A range of the line: root trees, newest first, and the tree that its oldest commit is compared with.
pub(super) struct Range {
    roots: Vec<ObjectId>,
    before: Option<ObjectId>,
}

/// One commit compared with its first parent.
pub(super) struct Step {
    /// The pipeline's folder in the parent; `None` where there is none.
    pub(super) before: Option<ObjectId>,
    /// The pipeline's folder in the commit.
    pub(super) folder: Option<ObjectId>,
    /// Whether a pipeline file lies in it.
    pub(super) is_there: bool,
    pub(super) difference: Difference,
}

/// A range that has been compared.
pub(super) struct Compared {
    /// One for each commit, oldest first.
    pub(super) steps: Vec<Result<Step, ObjectError>>,
    /// The folders by the numbers that the steps use.
    pub(super) folders: Folders,
    pub(super) versions: Versions,
}

/// The told values of versions of deals.
#[derive(Default)]
pub(super) struct Versions {
    /// Where the row of a version begins in `cells`; `None` where it cannot be read as a deal.
    rows: IdMap<Option<usize>>,
    /// Where a value lies in `texts`; `None` for no value.
    cells: Vec<Option<(usize, usize)>>,
    texts: String,
    width: usize,
}

impl Versions {
    /// The values of a version: `None` where it was not read, `Some(None)` where it cannot be read as a deal.
    pub(super) fn get(&self, blob: ObjectId) -> Option<Option<impl Iterator<Item = Option<&str>>>> {
        let start = *self.rows.get(&blob)?;
        Some(start.and_then(|start| {
            let row = self.cells.get(start..start + self.width)?;
            Some(row.iter().map(|cell| cell.and_then(|(from, to)| self.texts.get(from..to))))
        }))
    }

    fn add(&mut self, blob: ObjectId, bytes: &[u8], names: &[Arc<str>]) {
        let row = match fields::extract(bytes, names) {
            Err(fields::Unreadable) => None,
            Ok(values) => {
                let start = self.cells.len();
                for value in values {
                    self.cells.push(value.map(|text| {
                        let from = self.texts.len();
                        self.texts.push_str(&text);
                        (from, self.texts.len())
                    }));
                }
                Some(start)
            }
        };
        self.rows.insert(blob, row);
    }
}

/// Compares the commits of a range.
pub(super) fn compare(trees: &mut Trees, prefix: &str, names: &[Arc<str>], range: &Range) -> Compared {
    let objects = trees.objects();
    let mut folders = Folders::default();
    let mut steps = Vec::with_capacity(range.roots.len());
    let parents = range.roots.iter().skip(1).copied().map(Some).chain([range.before]);
    for (root, parent) in range.roots.iter().zip(parents) {
        steps.push(step(trees, &mut folders, prefix, *root, parent));
    }
    steps.reverse();
    let mut versions = Versions { width: names.len(), ..Versions::default() };
    let mut blobs: Vec<(u64, ObjectId)> = Vec::new();
    let mut seen = IdSet::default();
    for step in steps.iter().flatten() {
        for group in step.difference.changes.chunk_by(|a, b| a.stem == b.stem) {
            // A file that only moved brings no version that was not there before.
            let is_new = |blob: &ObjectId| group.iter().all(|change| change.old != Some(*blob));
            let new = group.iter().filter_map(|change| change.new).filter(is_new);
            blobs.extend(new.filter(|blob| seen.insert(*blob)).map(|blob| (objects.place(blob), blob)));
        }
    }
    blobs.sort_unstable();
    for (_, blob) in blobs {
        // What cannot be read is asked for again where it is needed, and told there.
        if let Ok(bytes) = objects.blob(blob) {
            versions.add(blob, &bytes, names);
        }
    }
    Compared { steps, folders, versions }
}

fn step(
    trees: &mut Trees,
    folders: &mut Folders,
    prefix: &str,
    root: ObjectId,
    parent: Option<ObjectId>,
) -> Result<Step, ObjectError> {
    let folder = trees.folder_at(root, prefix)?;
    let before = match parent {
        Some(parent) if parent == root => folder,
        Some(parent) => trees.folder_at(parent, prefix)?,
        None => None,
    };
    let is_there = match folder {
        Some(folder) => trees.is_pipeline(folder)?,
        None => false,
    };
    let difference = if before == folder { Difference::default() } else { trees.compare(folders, before, folder)? };
    Ok(Step { before, folder, is_there, difference })
}

/// Ranges as they come from the line (newest first), and what they turn out to be.
pub(super) struct Ranges {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Ranges that nobody has taken yet, with their numbers. Number 0 is the newest.
    waiting: VecDeque<(usize, Range)>,
    done: Vec<Option<Compared>>,
    /// Whether no more ranges come.
    is_whole: bool,
    /// Whether nobody wants the rest.
    is_given_up: bool,
}

impl Ranges {
    pub(super) fn new() -> Ranges {
        let state = State { waiting: VecDeque::new(), done: Vec::new(), is_whole: false, is_given_up: false };
        Ranges { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, range: Range) {
        let mut state = self.lock();
        let number = state.done.len();
        state.done.push(None);
        state.waiting.push_back((number, range));
        drop(state);
        self.changed.notify_all();
    }

    /// No more ranges come.
    pub(super) fn close(&self) {
        self.lock().is_whole = true;
        self.changed.notify_all();
    }

    /// Nobody wants the rest, so that threads that compare can end.
    pub(super) fn give_up(&self) {
        self.lock().is_given_up = true;
        self.changed.notify_all();
    }

    /// How many ranges there are, once they are all there.
    pub(super) fn count(&self) -> usize {
        self.lock().done.len()
    }

    /// Compares ranges until there are none: what a thread does.
    pub(super) fn work(&self, objects: &dyn Objects, prefix: &str, names: &[Arc<str>]) {
        let mut trees = Trees::new(objects);
        while let Some((number, range)) = self.next() {
            let mut taken = Taken { ranges: self, number, range: Some(range) };
            let Some(range) = &taken.range else { return };
            let compared = compare(&mut trees, prefix, names, range);
            taken.range = None;
            if let Some(slot) = self.lock().done.get_mut(number) {
                *slot = Some(compared);
            }
            self.changed.notify_all();
        }
    }

    /// A range to compare. Those that are needed first, the oldest, are taken first once they are known.
    fn next(&self) -> Option<(usize, Range)> {
        let mut state = self.lock();
        loop {
            if state.is_given_up {
                return None;
            }
            let found = if state.is_whole { state.waiting.pop_back() } else { state.waiting.pop_front() };
            match found {
                Some(range) => return Some(range),
                None if state.is_whole => return None,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The range of a number, compared: by another thread, or here and now if nobody has begun it.
    pub(super) fn take(&self, number: usize, compare: impl FnOnce(&Range) -> Compared) -> Option<Compared> {
        let mut state = self.lock();
        loop {
            if let Some(found) = state.done.get_mut(number)?.take() {
                return Some(found);
            }
            if let Some(at) = state.waiting.iter().position(|(waiting, _)| *waiting == number) {
                let (_, range) = state.waiting.remove(at)?;
                drop(state);
                return Some(compare(&range));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A range that a thread compares. Where it does not come to the end, the range is there again for others, who would wait
/// for it in vain.
struct Taken<'r> {
    ranges: &'r Ranges,
    number: usize,
    range: Option<Range>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(range) = self.range.take() {
            self.ranges.lock().waiting.push_back((self.number, range));
            self.ranges.changed.notify_all();
        }
    }
}

/// Cuts a line into ranges as it is listed, newest commit first.
pub(super) struct Cutter<'r> {
    ranges: &'r Ranges,
    roots: Vec<ObjectId>,
}

impl<'r> Cutter<'r> {
    pub(super) fn new(ranges: &'r Ranges) -> Self {
        Cutter { ranges, roots: Vec::with_capacity(RANGE) }
    }

    /// The next older commit's tree.
    pub(super) fn add(&mut self, root: ObjectId) {
        if self.roots.len() == RANGE {
            let roots = std::mem::replace(&mut self.roots, Vec::with_capacity(RANGE));
            self.ranges.add(Range { roots, before: Some(root) });
        }
        self.roots.push(root);
    }

    /// The line ends; `before` is the tree that the oldest commit is compared with.
    pub(super) fn end(self, before: Option<ObjectId>) {
        if !self.roots.is_empty() {
            self.ranges.add(Range { roots: self.roots, before });
        }
        self.ranges.close();
    }
}

/// How many threads compare, beside the one that walks.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS)
}
