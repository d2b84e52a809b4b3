//! The history of a pipeline as it was read, and what can be had of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::Pipeline;
use crate::repo::mailmap::Mailmap;
use crate::repo::objects::{Author, ObjectId, Objects};

use super::cache::{Cache, Visits};
use super::deals::{Deal, Values};
use super::event::{Direction, Event, EventKind, ValidAt};
use super::fields;
use super::ignore::IgnoreRevs;
use super::ledger::{Ledger, NONE, Record, What};
use super::record::{History, HistoryError, IgnoredMove, Options, Standing, Summary};
use super::spell::{Book, Spells};
use super::stages::direction;
use super::track::{Tracks, When, Writing};
use super::trees::Trees;
use super::walk::{BULK, Task, Walked, walk};

/// So many deals created at once in the beginning are an import.
const IMPORT: usize = 10;
/// The mailmap of a repository, at the root of its tree.
const MAILMAP_FILE: &str = ".mailmap";

/// What a record tells.
enum Told {
    Event(Event),
    Ignored(IgnoredMove),
}

/// What a record of a move turns out to be.
enum Move {
    /// The two stages are one under two names.
    None,
    /// It counts in no duration.
    Ignored,
    Real,
}

/// What is counted in the records.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) clamped_valid: usize,
    pub(super) skips: usize,
    pub(super) odd_times: usize,
    pub(super) imported: usize,
    pub(super) ignored_moves: usize,
}

/// The names of what records have numbers for.
struct Names {
    deals: Vec<Option<DealId>>,
    stages: Vec<StageId>,
    authors: Vec<Arc<Author>>,
}

/// The history of a pipeline up to a commit, in a form that is quick to read and to go through. [`Chronicle::history`]
/// tells it in full.
pub struct Chronicle<'p> {
    walked: Walked<'p>,
    pipeline: &'p Pipeline,
    names: Vec<Arc<str>>,
    people: Mailmap,
    ignore: IgnoreRevs,
    incomplete: bool,
}

/// Reads the history of the pipeline that lies in the folder `prefix` (below the repository's root; "" is the root) at
/// the commit `tip`. Stages are given under the names that `pipeline` has for them. With a `cache`, what was read before
/// is not read again.
///
/// # Errors
/// See [`HistoryError`].
pub fn read<'p>(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    pipeline: &'p Pipeline,
    options: &Options,
    cache: Option<&Cache>,
) -> Result<Chronicle<'p>, HistoryError> {
    let incomplete = objects.is_shallow();
    if incomplete && !options.allow_incomplete {
        return Err(HistoryError::Shallow);
    }
    let names = fields::names(&options.fields);
    let task = Task { objects, tip, prefix, names: &names, until: options.until };
    // The cache holds whole histories.
    let whole = !incomplete && options.until.is_none();
    let walked = match cache.filter(|_| whole) {
        Some(cache) => cache.walk(&task, pipeline)?,
        None => walk(&task, pipeline)?,
    };
    Chronicle::of(objects, walked, pipeline, names, incomplete)
}

impl<'p> Chronicle<'p> {
    /// What was walked, told with the mailmap and the list of ignored commits of its last commit.
    pub(super) fn of(
        objects: &dyn Objects,
        walked: Walked<'p>,
        pipeline: &'p Pipeline,
        names: Vec<Arc<str>>,
        incomplete: bool,
    ) -> Result<Self, HistoryError> {
        let mut people = Mailmap::default();
        let mut ignore = IgnoreRevs::default();
        if let (Some(last), Some(root)) = (walked.ledger.line.last(), walked.way.root()) {
            let object = |source| HistoryError::Object { commit: last.id, source };
            let mut trees = Trees::new(objects);
            ignore = IgnoreRevs::read(&mut trees, root, walked.way.folder()).map_err(object)?;
            if let Some(text) = trees.text_in(root, MAILMAP_FILE).map_err(object)? {
                people = Mailmap::parse(&String::from_utf8_lossy(&text));
            }
        }
        Ok(Chronicle { walked, pipeline, names, people, ignore, incomplete })
    }

    fn ledger(&self) -> &Ledger {
        &self.walked.ledger
    }

    /// The history in full.
    pub fn history(&self) -> History {
        let names = self.told_names();
        let mut events = Vec::with_capacity(self.ledger().records.len());
        let mut ignored = Vec::new();
        for record in &self.ledger().records {
            match self.told(record, &names) {
                Some(Told::Event(event)) => events.push(event),
                Some(Told::Ignored(silent)) => ignored.push(IgnoredMove { after: events.len(), ..silent }),
                None => {}
            }
        }
        let (born, standings) = (self.born(&names.deals), self.standings(&names.deals));
        let history = History { events, ignored, born, standings, summary: self.summary() };
        debug_assert!(
            history.replayed().iter().eq(history.standings.iter().map(|(id, standing)| (id, &standing.stage))),
            "events and tree tell the same state"
        );
        history
    }

    /// What happened, oldest first, as [`History::events`] has it, one event at a time.
    pub fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let names = self.told_names();
        self.ledger().records.iter().filter_map(move |record| match self.told(record, &names) {
            Some(Told::Event(event)) => Some(event),
            _ => None,
        })
    }

    /// The visits of deals to stages; the deals have names only where these are asked for.
    pub fn spells(&self, named: bool) -> Spells {
        let mut book = Book::default();
        self.write_down(&mut book, &self.imports().0);
        let deals = match named {
            true => self.deal_ids().collect::<Option<Vec<DealId>>>().unwrap_or_default(),
            false => Vec::new(),
        };
        book.spells(deals, self.walked.stages.all_names())
    }

    /// The values that the told fields of deals had over time, as [`Tracks::of`] the whole history has them.
    pub fn tracks(&self) -> Tracks {
        let ledger = self.ledger();
        let ids: Vec<Option<DealId>> = self.deal_ids().collect();
        let mut writing = Writing::new(&self.names);
        let mut born: HashMap<&DealId, &Values> = HashMap::new();
        for (deal, id) in self.walked.deals.list.iter().zip(&ids) {
            if let (Some(id), Some((values, _))) = (id, &deal.born) {
                born.insert(id, values);
            }
        }
        for record in &ledger.records {
            let is_change = matches!(record.what, What::Created | What::Changed);
            let Some(Some(id)) = ids.get(record.deal as usize).filter(|_| is_change) else { continue };
            let (Some((commit, _)), Some(known)) = (ledger.maker(record.maker), ledger.line.get(record.place as usize))
            else {
                continue;
            };
            let when = When { at: ValidAt(record.at), known_at: known.known_at, commit };
            let text = |number: u32| (number != NONE).then_some(number);
            match record.what {
                What::Created => {
                    let values = born.get(id).into_iter().flat_map(|values| values.iter());
                    for (field, value) in (0..).zip(values).filter(|(_, value)| **value != NONE) {
                        writing.add(id, when, field, None, text(*value));
                    }
                }
                _ => writing.add(id, when, record.field, text(record.from), text(record.to)),
            }
        }
        writing.tracks(|number| ledger.texts.get(number))
    }

    /// When each deal last came to a stage, or one of these told fields last got another value.
    pub fn last_changes(&self, fields: &[&str]) -> BTreeMap<DealId, ValidAt> {
        let counts: Vec<bool> = self.names.iter().map(|name| fields.contains(&&**name)).collect();
        let mut last: Vec<Option<ValidAt>> = vec![None; self.walked.deals.list.len()];
        for record in &self.ledger().records {
            let is_change = match record.what {
                What::Created | What::Restored => true,
                What::Moved => !matches!(self.judged(record), Move::None),
                What::Changed => counts.get(usize::from(record.field)).copied().unwrap_or_default(),
                What::Removed | What::Renamed => false,
            };
            if let Some(last) = last.get_mut(record.deal as usize).filter(|_| is_change) {
                *last = (*last).max(Some(ValidAt(record.at)));
            }
        }
        self.deal_ids().zip(last).filter_map(|(id, last)| Some((id?, last?))).collect()
    }

    /// The file of each deal that lies somewhere, below the pipeline's folder, lossily where a folder's name is not UTF-8.
    pub fn homes(&self) -> Vec<(DealId, String)> {
        let standings = self.standings(&self.deal_ids().collect::<Vec<_>>());
        standings.into_iter().map(|(id, standing)| (id, standing.path)).collect()
    }

    /// Writes down what the records say of visits.
    pub(super) fn write_down(&self, book: &mut Book, imports: &BTreeSet<ObjectId>) {
        let stages = &self.walked.stages;
        for record in &self.ledger().records {
            let at = ValidAt(record.at);
            match record.what {
                What::Created => {
                    book.enter(record.deal, stages.real_number(record.to), at, self.is_import(record, imports));
                }
                What::Restored => book.enter(record.deal, stages.real_number(record.to), at, false),
                What::Removed => book.leave(record.deal, at),
                What::Moved => match self.judged(record) {
                    Move::None => {}
                    Move::Ignored => book.tidy(record.deal, stages.real_number(record.to), at),
                    Move::Real => book.go(record.deal, stages.real_number(record.to), at),
                },
                What::Changed | What::Renamed => {}
            }
        }
    }

    /// The visits and what is to be said of the whole: all that most reports need of history.
    pub fn visits(&self) -> Visits {
        Visits { summary: self.summary(), spells: self.spells(false) }
    }

    pub(super) fn walked(&self) -> &Walked<'p> {
        &self.walked
    }

    pub(super) fn ignore(&self) -> &IgnoreRevs {
        &self.ignore
    }

    /// The ids that deals have now, by number; `None` for what is none, which no file can be called.
    fn deal_ids(&self) -> impl Iterator<Item = Option<DealId>> + '_ {
        self.walked.deals.list.iter().map(|deal| DealId::new(&deal.stem).ok())
    }

    fn told_names(&self) -> Names {
        let resolved = |author: &Arc<Author>| Arc::new(self.people.resolve(author));
        Names {
            deals: self.deal_ids().collect(),
            stages: self.walked.stages.all_names(),
            authors: self.ledger().authors.list().iter().map(resolved).collect(),
        }
    }

    /// A record in words; `None` where it tells nothing as things are called today.
    fn told(&self, record: &Record, names: &Names) -> Option<Told> {
        let ledger = self.ledger();
        let deal = names.deals.get(record.deal as usize)?.clone()?;
        let (commit, author) = ledger.maker(record.maker)?;
        let known_at = ledger.line.get(record.place as usize)?.known_at;
        let at = ValidAt(record.at);
        let stage = |number: u32| names.stages.get(number as usize).cloned();
        let text = |number: u32| ledger.texts.get(number).map(str::to_owned);
        let kind = match record.what {
            What::Created => EventKind::Created { stage: stage(record.to)? },
            What::Restored => EventKind::Restored { stage: stage(record.to)? },
            What::Removed => EventKind::Removed { stage: stage(record.from)? },
            What::Moved => {
                let (from, to) = (stage(record.from)?, stage(record.to)?);
                match self.judged(record) {
                    Move::None => return None,
                    Move::Ignored => {
                        return Some(Told::Ignored(IgnoredMove { deal, from, to, at, known_at, commit, after: 0 }));
                    }
                    Move::Real => {
                        let direction = direction(self.pipeline, &from, &to);
                        EventKind::Moved { from, to, direction }
                    }
                }
            }
            What::Changed => {
                let field = self.names.get(usize::from(record.field))?.clone();
                EventKind::Changed { field, from: text(record.from), to: text(record.to) }
            }
            What::Renamed => EventKind::Renamed { from: DealId::new(ledger.texts.get(record.from)?).ok()? },
        };
        let author = names.authors.get(author as usize)?.clone();
        Some(Told::Event(Event { deal, kind, at, known_at, author, commit, clamped: record.clamped }))
    }

    /// What is to be said of it as a whole.
    pub fn summary(&self) -> Summary {
        let ledger = self.ledger();
        let (imports, _) = self.imports();
        let counted = self.counted(&imports);
        let copies = |deal: &&Deal| !deal.copies.is_empty();
        Summary {
            tip: ledger.line.last().map(|known| known.id),
            tip_known_at: ledger.line.last().map(|known| known.known_at),
            first_known_at: ledger.line.first().map(|known| known.known_at),
            commits: ledger.line.len(),
            deals: self.walked.deals.list.iter().filter(copies).count(),
            clamped_known: ledger.line.iter().filter(|known| known.clamped).count(),
            clamped_valid: counted.clamped_valid,
            skips: counted.skips,
            odd_times: counted.odd_times,
            imported: counted.imported,
            ignored_moves: counted.ignored_moves,
            ignored_commits: self.ignored_commits(),
            bad_ignore_lines: self.ignore.bad_lines.clone(),
            bulk: self.bulk(),
            imports,
            unreadable: ledger.unreadable.len(),
            incomplete: self.incomplete,
        }
    }

    /// Goes through the records once and counts in them.
    pub(super) fn counted(&self, imports: &BTreeSet<ObjectId>) -> Counted {
        let stages = self.walked.stages.all_names();
        let skips_from = |from: &StageId| -> Vec<bool> {
            stages.iter().map(|to| direction(self.pipeline, from, to) == Direction::Skip).collect()
        };
        let skips: Vec<Vec<bool>> = stages.iter().map(skips_from).collect();
        let mut counted = Counted::default();
        for record in &self.ledger().records {
            match record.what {
                What::Moved => match self.judged(record) {
                    Move::None => continue,
                    Move::Ignored => {
                        counted.ignored_moves += 1;
                        continue;
                    }
                    Move::Real => {
                        let skips = skips.get(record.from as usize).and_then(|row| row.get(record.to as usize));
                        counted.skips += usize::from(skips == Some(&true));
                    }
                },
                What::Created => counted.imported += usize::from(self.is_import(record, imports)),
                _ => {}
            }
            counted.clamped_valid += usize::from(record.clamped);
            counted.odd_times += usize::from(ValidAt(record.at).is_odd());
        }
        counted
    }

    fn born(&self, ids: &[Option<DealId>]) -> BTreeMap<DealId, BTreeMap<Arc<str>, String>> {
        let texts = &self.ledger().texts;
        let mut born = BTreeMap::new();
        for (deal, id) in self.walked.deals.list.iter().zip(ids) {
            if let (Some(id), Some((values, _))) = (id, &deal.born) {
                let named = self.names.iter().zip(values.iter());
                let values = named.filter_map(|(name, text)| Some((name.clone(), texts.get(*text)?.to_owned())));
                born.insert(id.clone(), values.collect());
            }
        }
        born
    }

    fn standings(&self, ids: &[Option<DealId>]) -> BTreeMap<DealId, Standing> {
        let Walked { folders, stages, deals, .. } = &self.walked;
        let mut standings = BTreeMap::new();
        for (deal, id) in deals.list.iter().zip(ids) {
            let (Some(id), Some((folder, blob))) = (id, deal.copies.first().copied()) else { continue };
            let Some(stage) = stages.known(folder) else { continue };
            let path = format!("{}/{}.yaml", String::from_utf8_lossy(folders.path(folder)), deal.stem);
            standings.insert(id.clone(), Standing { stage: stages.name(stage).clone(), path, blob });
        }
        standings
    }

    /// Commits, on the line or in merged branches, that the list of ignored ones names.
    fn ignored_commits(&self) -> usize {
        if self.ignore.is_empty() {
            return 0;
        }
        let Ledger { line, aside, .. } = self.ledger();
        let all = line.iter().map(|known| known.id).chain(aside.iter().copied());
        all.filter(|id| self.ignore.holds(*id)).count()
    }

    /// Whether the commit that made a change, or the merge that brought it, is listed.
    fn is_ignored(&self, record: &Record) -> bool {
        if self.ignore.is_empty() {
            return false;
        }
        let ledger = self.ledger();
        let maker = ledger.maker(record.maker).map(|(id, _)| id);
        let brought = ledger.line.get(record.place as usize).map(|known| known.id);
        [maker, brought].into_iter().flatten().any(|id| self.ignore.holds(id))
    }

    /// What a record of a move is, as things are called today.
    fn judged(&self, record: &Record) -> Move {
        let real = |number| self.walked.stages.real_number(number);
        if real(record.from) == real(record.to) {
            Move::None
        } else if self.is_ignored(record) {
            Move::Ignored
        } else {
            Move::Real
        }
    }

    /// Whether a commit of `imports` made a change.
    fn is_import(&self, record: &Record, imports: &BTreeSet<ObjectId>) -> bool {
        !imports.is_empty() && self.ledger().maker(record.maker).is_some_and(|(id, _)| imports.contains(&id))
    }

    /// Commits that moved many deals at once, with the number of deals.
    pub(super) fn bulk(&self) -> Vec<(ObjectId, usize)> {
        let ledger = self.ledger();
        let bulk = ledger.many.iter().filter_map(|place| {
            let start = ledger.records.partition_point(|record| record.place < *place);
            let of_it = ledger.records.get(start..)?.iter().take_while(|record| record.place == *place);
            let moved = of_it.filter(|record| record.what == What::Moved && !self.is_ignored(record));
            let deals = moved.map(|record| record.deal).collect::<HashSet<u32>>().len();
            (deals >= BULK).then_some((ledger.line.get(*place as usize)?.id, deals))
        });
        bulk.collect()
    }

    /// Commits that brought in the first deals, many at a time, or lie at the edge of what a shallow clone has; and whether
    /// one more could be among them.
    pub(super) fn imports(&self) -> (BTreeSet<ObjectId>, bool) {
        let ledger = self.ledger();
        let mut imports = BTreeSet::new();
        for group in ledger.records.chunk_by(|a, b| a.place == b.place) {
            let created = group.iter().filter(|record| record.what == What::Created);
            let is_edge = self.incomplete && group.first().is_some_and(|record| record.place == 0);
            if !is_edge && created.clone().count() < IMPORT {
                return (imports, false);
            }
            imports.extend(created.filter_map(|record| ledger.maker(record.maker).map(|(id, _)| id)));
        }
        (imports, true)
    }
}
