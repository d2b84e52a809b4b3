//! Visits without the events behind them, from what is kept of them, and how they are brought up to date after a few
//! commits without reading the whole walk again.
//!
//! Only plain commits are taken so: no merge, no renamed folder, no deal that got another id, that came back, or that lies
//! in two places. Everything else is left to the walk.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use crate::format::pipeline::Pipeline;
use crate::repo::objects::{Author, Commit, IdMap, ObjectError, ObjectId, Objects};

use super::cache::{Cache, Footing, Ground, KeptVisits, Visits};
use super::chronicle::{Chronicle, read};
use super::deals::{Deal, Deals, Values};
use super::event::KnownAt;
use super::fields;
use super::ignore::IgnoreRevs;
use super::ledger::{Known, Ledger, NONE, What};
use super::line::down;
use super::record::{HistoryError, Options, Summary};
use super::spell::{Book, Spells, Stay};
use super::stages::Stages;
use super::trees::{FolderIx, Folders, Trees};
use super::walk::{Checkpoint, Task, Walked, on};
use super::way::Way;

/// So many new commits are taken one by one; where there are more, the walk reads them.
const MOST_NEW: usize = 64;

impl Cache {
    /// The visits as they are at the commit `tip` of the pipeline that lies in the folder `prefix` there, where they are
    /// kept. No object is read. Not to be asked of a shallow clone.
    pub fn visits_at(&self, tip: ObjectId, prefix: &str, pipeline: &Pipeline) -> Option<Visits> {
        self.visits(prefix, pipeline).filter(|kept| kept.tip == tip).map(|kept| kept.visits)
    }
}

/// The visits of deals as they are at the commit `tip`: those of [`Chronicle::visits`].
///
/// # Errors
/// See [`HistoryError`].
pub fn visits(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    pipeline: &Pipeline,
    options: &Options,
    cache: &Cache,
) -> Result<Visits, HistoryError> {
    let plain = !objects.is_shallow()
        && *options == Options { allow_incomplete: options.allow_incomplete, ..Options::default() };
    if !plain {
        return Ok(read(objects, tip, prefix, pipeline, options, Some(cache))?.visits());
    }
    let kept = cache.visits(prefix, pipeline);
    if let Some(kept) = kept {
        if kept.tip == tip {
            return Ok(kept.visits);
        }
        let memory = Memory { objects, trees: RefCell::default() };
        let task = Task { objects: &memory, tip, prefix, names: &fields::names(&[]), until: None };
        if let Some((visits, ground)) = brought_up(kept, &task, pipeline) {
            // What goes wrong here costs the next report a longer walk, and nobody anything else.
            let _ = cache.keep_visits(prefix, pipeline, tip, &visits, &ground);
            return Ok(visits);
        }
    }
    let chronicle = read(objects, tip, prefix, pipeline, options, Some(cache))?;
    let visits = chronicle.visits();
    if visits.summary.tip == Some(tip) {
        let _ = cache.keep_visits(prefix, pipeline, tip, &visits, &ground(&chronicle));
    }
    Ok(visits)
}

/// What the visits of a walk can be brought up to date from.
fn ground(chronicle: &Chronicle) -> Ground {
    let Walked { folders, stages, deals, way, .. } = chronicle.walked();
    Ground {
        stages: stages.kept(),
        folders: folders.paths().to_vec(),
        place: way.place().to_owned(),
        root: way.root(),
        folder: way.folder(),
        is_there: way.is_there(),
        importing: chronicle.imports().1,
        ignored: chronicle.ignore().said(),
        deals: deals.list.iter().map(footing).collect(),
    }
}

fn footing(deal: &Deal) -> Footing {
    let folder = match deal.copies.as_slice() {
        [(folder, _)] if deal.told && deal.values.is_some() && deal.last_at.is_some() => Some(folder.0),
        _ => None,
    };
    Footing { stem: (&*deal.stem).into(), folder, last_at: deal.last_at.unwrap_or(0) }
}

/// Objects, of which each tree is read once: new trees are looked at twice.
struct Memory<'o> {
    objects: &'o dyn Objects,
    trees: RefCell<IdMap<Arc<Vec<u8>>>>,
}

impl Objects for Memory<'_> {
    fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
        self.objects.commit(id)
    }

    fn tree(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        if let Some(found) = self.trees.borrow().get(&id) {
            return Ok(found.clone());
        }
        let raw = self.objects.tree(id)?;
        self.trees.borrow_mut().insert(id, raw.clone());
        Ok(raw)
    }

    fn blob(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        self.objects.blob(id)
    }

    fn is_shallow(&self) -> bool {
        self.objects.is_shallow()
    }
}

/// Visits as they are after a few plain commits; `None` where these are not plain, or anything is in the way of telling,
/// which is then left to the walk to say.
fn brought_up(kept: KeptVisits, task: &Task, pipeline: &Pipeline) -> Option<(Visits, Ground)> {
    let new = new_commits(kept.tip, task)?;
    let ground = kept.ground().filter(|ground| !ground.importing && ground.is_there && ground.place == task.prefix)?;
    let tree = new.first()?.tree;
    let mut trees = Trees::new(task.objects);
    let folder = trees.folder_at(tree, task.prefix).ok()?;
    let ignore = IgnoreRevs::read(&mut trees, tree, folder).ok()?;
    if ignore.said() != ground.ignored || new.iter().any(|commit| ignore.holds(commit.id)) {
        return None;
    }
    let mut seeds = Seeds::of(&mut trees, task, &ground, folder)?;
    let known_at = kept.visits.summary.tip_known_at?;
    let walked =
        seeds.walked(pipeline, task, &ground, Known { id: kept.tip, author: NONE, known_at, clamped: false })?;
    let mut walked = Some(walked);
    let mut checkpoint = Checkpoint { recent: usize::MAX, reached: &mut |_, _| {} };
    let resume = |met: Option<ObjectId>| met.and_then(|_| walked.take());
    let walked = on(task, &|id| id == kept.tip, resume, &mut checkpoint).ok()??;
    let is_plain =
        walked.ledger.renamed_at.is_none() && walked.ledger.aside.is_empty() && walked.way.place() == task.prefix;
    if !is_plain || !seeds.took_all(&walked) {
        return None;
    }
    let names = fields::names(&[]);
    let chronicle = Chronicle::of(task.objects, walked, pipeline, names, false).ok()?;
    let summary = summed(&kept.visits.summary, &chronicle, seeds.numbers.len());
    let spells = seeds.spells(&kept.visits.spells, &chronicle, ground.deals.len());
    let ground = seeds.ground(ground, &chronicle);
    Some((Visits { summary, spells }, ground))
}

/// The commits after one that lies not far below the tip, newest first; `None` where one of them is a merge.
fn new_commits(after: ObjectId, task: &Task) -> Option<Vec<Commit>> {
    let seen = RefCell::new(0);
    let mut new = Vec::new();
    let stop = |id| id == after || seen.replace_with(|seen| *seen + 1) >= MOST_NEW;
    let met = down(task.objects, task.tip, &stop, |commit| new.push(commit)).ok()?;
    (met == Some(after) && new.iter().all(|commit| commit.parents.len() == 1)).then_some(new)
}

/// The deals that new commits change. In the walk over these they have numbers of their own.
struct Seeds {
    /// The number that each one has in the visits.
    numbers: Vec<u32>,
    deals: Vec<(Deal, Vec<Option<String>>)>,
    /// Ids that differ between the two ends of the new commits and that no deal had before.
    unknown: BTreeSet<Box<str>>,
}

impl Seeds {
    fn of(trees: &mut Trees, task: &Task, ground: &Ground, folder: Option<ObjectId>) -> Option<Seeds> {
        let mut folders = Folders::default();
        let changes = trees.compare(&mut folders, ground.folder, folder).ok()?.changes;
        let mut wanted: HashMap<Box<str>, Vec<(Vec<u8>, ObjectId)>> = HashMap::new();
        for change in changes {
            let old = wanted.entry(change.stem).or_default();
            old.extend(change.old.map(|blob| (folders.path(change.folder).to_vec(), blob)));
        }
        let mut seeds = Seeds { numbers: Vec::new(), deals: Vec::new(), unknown: BTreeSet::new() };
        // To look at the length first spares most of fifty thousand deals the hash.
        let lengths: u64 = wanted.keys().fold(0, |all, stem| all | 1 << (stem.len() % 64));
        for (number, deal) in ground.deals.iter().enumerate() {
            if lengths & 1 << (deal.stem.len() % 64) == 0 {
                continue;
            }
            let Some(files) = wanted.remove(&deal.stem) else { continue };
            let home = deal.folder?;
            let path = ground.folders.get(home as usize)?;
            let (_, blob) = files.into_iter().find(|(folder, _)| folder == path)?;
            let values = fields::extract(&task.objects.blob(blob).ok()?, task.names).ok()?;
            let stem: Rc<str> = (&*deal.stem).into();
            let copies = vec![(FolderIx(home), blob)];
            let deal = Deal { stem, copies, told: true, values: None, born: None, last_at: Some(deal.last_at) };
            seeds.numbers.push(number as u32);
            seeds.deals.push((deal, values));
        }
        seeds.unknown = wanted.into_keys().collect();
        Some(seeds)
    }

    /// The walk as it stood before the new commits, as far as they can tell.
    fn walked<'p>(&mut self, pipeline: &'p Pipeline, task: &Task, ground: &Ground, last: Known) -> Option<Walked<'p>> {
        let mut ledger = Ledger { line: vec![last], ..Ledger::default() };
        let mut folders = Folders::default();
        ground.folders.iter().for_each(|path| {
            folders.intern(path);
        });
        let mut deals = Deals::default();
        for (deal, values) in self.deals.drain(..) {
            let number = |text: &Option<String>| text.as_ref().map_or(NONE, |text| ledger.texts.number(text));
            let values: Values = values.iter().map(number).collect();
            deals.add(Deal { values: Some(values.clone()), born: Some((values, 0)), ..deal });
        }
        // No event is told of it, so nobody will be named.
        ledger.authors.number(&Arc::new(Author { name: String::new(), email: String::new() }));
        let stages = Stages::again(pipeline, ground.stages.clone(), folders.paths().len())?;
        let way = Way::again(task.prefix, ground.place.clone(), ground.root, ground.folder, ground.is_there);
        Some(Walked { ledger, folders, stages, deals, way })
    }

    /// Whether the walk met no deal but these and new ones, and took none for new that got another id.
    fn took_all(&self, walked: &Walked) -> bool {
        let new = walked.deals.list.get(self.numbers.len()..).unwrap_or_default();
        let commits = || walked.ledger.records.chunk_by(|a, b| a.place == b.place);
        let has = |commit: &[super::ledger::Record], what: What| commit.iter().any(|record| record.what == what);
        new.iter().all(|deal| self.unknown.contains(&*deal.stem))
            && commits().all(|commit| !(has(commit, What::Created) && has(commit, What::Removed)))
    }

    /// All visits, those of the changed deals as they are now. `before` deals were known.
    fn spells(&self, old: &Spells, chronicle: &Chronicle, before: usize) -> Spells {
        let mut book = Book::default();
        let places: BTreeMap<u32, u32> = (0..).zip(&self.numbers).map(|(place, number)| (*number, place)).collect();
        old.of_deals(&self.numbers, |stays| {
            for stay in stays {
                book.put(Stay { deal: places.get(&stay.deal).copied().unwrap_or(stay.deal), ..*stay });
            }
        });
        chronicle.write_down(&mut book, &BTreeSet::new());
        let mut changed: BTreeMap<u32, Vec<Stay>> = BTreeMap::new();
        for stay in book.stays() {
            let deal = self.number(stay.deal as usize, before);
            changed.entry(deal).or_default().push(Stay { deal, ..*stay });
        }
        old.with(&changed, chronicle.walked().stages.all_names())
    }

    /// The number that a deal of the walk has in the visits.
    fn number(&self, deal: usize, before: usize) -> u32 {
        self.numbers.get(deal).copied().unwrap_or_else(|| (before + deal - self.numbers.len()) as u32)
    }

    fn ground(&self, old: Ground, chronicle: &Chronicle) -> Ground {
        let Walked { folders, stages, deals, way, .. } = chronicle.walked();
        let mut footings = old.deals;
        for (number, deal) in deals.list.iter().enumerate() {
            match self.numbers.get(number).and_then(|number| footings.get_mut(*number as usize)) {
                Some(known) => *known = footing(deal),
                None => footings.push(footing(deal)),
            }
        }
        Ground {
            stages: stages.kept(),
            folders: folders.paths().to_vec(),
            root: way.root(),
            folder: way.folder(),
            is_there: way.is_there(),
            deals: footings,
            ..old
        }
    }
}

/// What is to be said of a history and of the commits that came after it, among whose deals `known` were there before.
fn summed(old: &Summary, new: &Chronicle, known: usize) -> Summary {
    let Walked { ledger, deals, .. } = new.walked();
    let counted = new.counted(&BTreeSet::new());
    let added = ledger.line.get(1..).unwrap_or_default();
    let there = deals.list.iter().filter(|deal| !deal.copies.is_empty()).count();
    let last: Option<KnownAt> = ledger.line.last().map(|last| last.known_at);
    Summary {
        tip: ledger.line.last().map(|last| last.id),
        tip_known_at: last,
        commits: old.commits + added.len(),
        deals: (old.deals + there).saturating_sub(known),
        clamped_known: old.clamped_known + added.iter().filter(|known| known.clamped).count(),
        clamped_valid: old.clamped_valid + counted.clamped_valid,
        skips: old.skips + counted.skips,
        odd_times: old.odd_times + counted.odd_times,
        ignored_moves: old.ignored_moves + counted.ignored_moves,
        bulk: old.bulk.iter().copied().chain(new.bulk()).collect(),
        unreadable: old.unreadable + ledger.unreadable.len(),
        ..old.clone()
    }
}
