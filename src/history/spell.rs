//! Spells: the visits of deals to stages.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::repo::objects::ObjectId;

use super::event::{Event, EventKind, ValidAt};
use super::record::IgnoredMove;
pub use super::stays::Part;
use super::stays::Stays;

/// One visit of one deal to one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spell {
    /// The deal.
    pub deal: DealId,
    /// The stage (or end).
    pub stage: StageId,
    /// When it came in.
    pub entered: ValidAt,
    /// When it left; `None` while it is there, which is censored, not short.
    pub left: Option<ValidAt>,
    /// Where it went; `None` while it is there, when its file was removed, and when a commit that counts in no duration
    /// moved it away. A spell with an end and without this is censored at its end.
    pub to: Option<StageId>,
    /// Whether the deal came in with an import, or by a commit that counts in no duration, so that the true beginning lies
    /// before `entered`; or the clocks of its beginning or its end are odd, see [`ValidAt::is_odd`]. Nothing is to be
    /// learnt from its length.
    pub left_censored: bool,
}

/// A [`Spell`] whose names are numbers: the places of its deal and of its stages in the tables of [`Spells`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The deal.
    pub deal: u32,
    /// The stage (or end).
    pub stage: u32,
    /// As [`Spell::to`].
    pub to: Option<u32>,
    /// As [`Spell::entered`].
    pub entered: ValidAt,
    /// As [`Spell::left`].
    pub left: Option<ValidAt>,
    /// As [`Spell::left_censored`].
    pub left_censored: bool,
}

/// The visits of many deals. Fifty thousand deals make some hundred thousand visits, so each names its deal and its stages
/// by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spells {
    deals: Arc<[DealId]>,
    stages: Vec<StageId>,
    stays: Stays,
}

impl Spells {
    /// The visits that events tell of. `events` and `ignored` are those of one [`super::record::History`]; a first visit
    /// that began in a commit of `imports` is left-censored. The gap between a removal and a return belongs to no visit.
    pub fn of(events: &[Event], ignored: &[IgnoredMove], imports: &BTreeSet<ObjectId>) -> Spells {
        let mut names = Names::default();
        let mut book = Book::default();
        let mut silent = ignored.iter().peekable();
        for (number, event) in events.iter().enumerate() {
            while let Some(ignored) = silent.next_if(|silent| silent.after <= number) {
                book.tidy(names.deal(&ignored.deal), names.stage(&ignored.to), ignored.at);
            }
            match &event.kind {
                EventKind::Created { stage } => {
                    let imported = imports.contains(&event.commit);
                    book.enter(names.deal(&event.deal), names.stage(stage), event.at, imported);
                }
                EventKind::Restored { stage } => {
                    book.enter(names.deal(&event.deal), names.stage(stage), event.at, false);
                }
                EventKind::Moved { to, .. } => book.go(names.deal(&event.deal), names.stage(to), event.at),
                EventKind::Removed { .. } => book.leave(names.deal(&event.deal), event.at),
                EventKind::Changed { .. } | EventKind::Renamed { .. } => {}
            }
        }
        for ignored in silent {
            book.tidy(names.deal(&ignored.deal), names.stage(&ignored.to), ignored.at);
        }
        book.spells(names.deals.list, names.stages.list)
    }

    /// The deals, each once, in no order. Where only numbers are asked for, whoever wrote the visits down may have left
    /// their names out.
    pub fn deals(&self) -> &Arc<[DealId]> {
        &self.deals
    }

    /// One more than the highest number of a deal.
    pub fn deal_count(&self) -> usize {
        self.stays.deals as usize
    }

    pub(super) fn packed(&self) -> &Stays {
        &self.stays
    }

    /// Visits of deals without names.
    pub(super) fn unnamed(stages: Vec<StageId>, stays: Stays) -> Spells {
        Spells { deals: Arc::from([]), stages, stays }
    }

    /// The stages and ends, each once, in no order.
    pub fn stages(&self) -> &[StageId] {
        &self.stages
    }

    /// How many visits there are.
    pub fn stay_count(&self) -> usize {
        self.stays.count
    }

    /// Gives the visits of one deal after the other, by the deal's number, in the order in which they happened. Deals
    /// without any are left out.
    pub fn each_deal(&self, mut each: impl FnMut(&[Stay])) {
        for part in self.parts(1) {
            part.each_deal(&mut each);
        }
    }

    /// Gives the visits of the deals of these numbers, in rising order, one deal after the other.
    pub(super) fn of_deals(&self, numbers: &[u32], each: impl FnMut(&[Stay])) {
        self.stays.of_deals(numbers, each);
    }

    /// These visits, with others of some deals in place of their own. Deals behind the last may be among them.
    pub(super) fn with(&self, changed: &BTreeMap<u32, Vec<Stay>>, stages: Vec<StageId>) -> Spells {
        Spells { deals: self.deals.clone(), stages, stays: self.stays.with(changed) }
    }

    /// The visits in about so many parts, each of whole deals.
    pub fn parts(&self, count: usize) -> Vec<Part<'_>> {
        self.stays.parts(count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stays.count == 0
    }

    /// The visits of some deals by group: `group_of` tells which of the `groups` a deal belongs to; those of none are left
    /// out. Only deals with names can be told apart.
    pub fn split(&self, groups: usize, group_of: impl Fn(&DealId) -> Option<usize>) -> Vec<Spells> {
        let mut deals: Vec<Vec<DealId>> = vec![Vec::new(); groups];
        let mut stays: Vec<Stays> = vec![Stays::default(); groups];
        for part in self.stays.parts(1) {
            part.each_deal(|own| {
                let id = own.first().and_then(|stay| self.deals.get(stay.deal as usize));
                let Some((id, group)) = id.and_then(|id| Some((id, group_of(id)?))) else { return };
                if let (Some(deals), Some(stays)) = (deals.get_mut(group), stays.get_mut(group)) {
                    deals.push(id.clone());
                    stays.push(own);
                }
            });
        }
        let spells =
            |(deals, stays): (Vec<DealId>, Stays)| Spells { deals: deals.into(), stages: self.stages.clone(), stays };
        deals.into_iter().zip(stays).map(spells).collect()
    }

    /// The visits with their names, by the deal's id, then in the order in which they happened.
    pub fn named(&self) -> Vec<Spell> {
        let spell = |stay: &Stay| {
            Some(Spell {
                deal: self.deals.get(stay.deal as usize)?.clone(),
                stage: self.stages.get(stay.stage as usize)?.clone(),
                entered: stay.entered,
                left: stay.left,
                to: stay.to.and_then(|to| self.stages.get(to as usize)).cloned(),
                left_censored: stay.left_censored,
            })
        };
        let mut stays = Vec::with_capacity(self.stay_count());
        self.each_deal(|own| stays.extend_from_slice(own));
        let mut of_deal: Vec<&[Stay]> = stays.chunk_by(|a, b| a.deal == b.deal).collect();
        of_deal.sort_by_key(|stays| stays.first().and_then(|stay| self.deals.get(stay.deal as usize)));
        of_deal.into_iter().flatten().filter_map(spell).collect()
    }
}

/// Visits by name, of whatever deals in whatever order; those of one deal stay in theirs.
impl From<&[Spell]> for Spells {
    fn from(spells: &[Spell]) -> Spells {
        let mut names = Names::default();
        let mut book = Book::default();
        for spell in spells {
            let deal = names.deal(&spell.deal);
            book.enter(deal, names.stage(&spell.stage), spell.entered, spell.left_censored);
            if let Some(left) = spell.left {
                let to = spell.to.as_ref().map(|to| names.stage(to));
                book.close(deal, left, to);
            }
        }
        book.spells(names.deals.list, names.stages.list)
    }
}

/// Writes visits down while events go by, oldest first. Deals and stages are numbers; whoever writes gives them their
/// names at the end.
#[derive(Debug, Default)]
pub struct Book {
    stays: Vec<Stay>,
    /// The last visit of each deal, counted from 1; 0 where there is none yet.
    last: Vec<u32>,
}

impl Book {
    /// The deal comes to a stage from outside the pipeline.
    pub fn enter(&mut self, deal: u32, stage: u32, at: ValidAt, left_censored: bool) {
        // A time that no clock showed is no beginning.
        let left_censored = left_censored || at.is_odd();
        self.put(Stay { deal, stage, to: None, entered: at, left: None, left_censored });
    }

    /// Puts down a visit as it is.
    pub(super) fn put(&mut self, stay: Stay) {
        self.stays.push(stay);
        let place = stay.deal as usize;
        if place >= self.last.len() {
            self.last.resize(place + 1, 0);
        }
        if let Some(last) = self.last.get_mut(place) {
            *last = self.stays.len() as u32;
        }
    }

    /// The deal moves to another stage.
    pub fn go(&mut self, deal: u32, to: u32, at: ValidAt) {
        self.close(deal, at, Some(to));
        self.enter(deal, to, at, false);
    }

    /// The deal's file is gone.
    pub fn leave(&mut self, deal: u32, at: ValidAt) {
        self.close(deal, at, None);
    }

    /// A commit that counts in no duration puts the deal elsewhere.
    pub fn tidy(&mut self, deal: u32, to: u32, at: ValidAt) {
        self.close(deal, at, None);
        self.enter(deal, to, at, true);
    }

    fn close(&mut self, deal: u32, at: ValidAt, to: Option<u32>) {
        let last = self.last.get(deal as usize).and_then(|last| last.checked_sub(1));
        if let Some(open) = last.and_then(|last| self.stays.get_mut(last as usize))
            && open.left.is_none()
        {
            open.left = Some(at);
            open.to = to;
            open.left_censored |= at.is_odd();
        }
    }

    /// The visits in the order in which they were put down.
    pub(super) fn stays(&self) -> &[Stay] {
        &self.stays
    }

    /// The visits, by deal. `deals` and `stages` name the numbers that were used.
    pub fn spells(self, deals: impl Into<Arc<[DealId]>>, stages: Vec<StageId>) -> Spells {
        let Book { mut stays, .. } = self;
        if !stays.is_sorted_by_key(|stay| stay.deal) {
            stays = by_deal(&stays);
        }
        Spells { deals: deals.into(), stages, stays: Stays::of(&stays) }
    }
}

/// Sorts visits by deal and leaves those of one deal in their order. The numbers of deals are dense, so their places are
/// counted, which needs no comparisons.
fn by_deal(stays: &[Stay]) -> Vec<Stay> {
    let count = stays.iter().map(|stay| stay.deal as usize + 1).max().unwrap_or(0);
    let mut places = vec![0_usize; count];
    for stay in stays {
        places[stay.deal as usize] += 1;
    }
    let mut before = 0;
    for place in &mut places {
        before += std::mem::replace(place, before);
    }
    let Some(first) = stays.first() else { return Vec::new() };
    let mut sorted = vec![*first; stays.len()];
    for stay in stays {
        let place = &mut places[stay.deal as usize];
        sorted[*place] = *stay;
        *place += 1;
    }
    sorted
}

/// The numbers of names.
#[derive(Default)]
struct Names<'e> {
    deals: Table<'e, DealId>,
    stages: Table<'e, StageId>,
}

impl<'e> Names<'e> {
    fn deal(&mut self, id: &'e DealId) -> u32 {
        self.deals.number(id)
    }

    fn stage(&mut self, id: &'e StageId) -> u32 {
        self.stages.number(id)
    }
}

struct Table<'e, T> {
    list: Vec<T>,
    numbers: HashMap<&'e T, u32>,
    /// The name asked for last.
    last: Option<(&'e T, u32)>,
}

impl<T> Default for Table<'_, T> {
    fn default() -> Self {
        Table { list: Vec::new(), numbers: HashMap::new(), last: None }
    }
}

impl<'e, T: Clone + Eq + std::hash::Hash> Table<'e, T> {
    fn number(&mut self, name: &'e T) -> u32 {
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == name) {
            return number;
        }
        let list = &mut self.list;
        let number = *self.numbers.entry(name).or_insert_with(|| {
            list.push(name.clone());
            list.len() as u32 - 1
        });
        self.last = Some((name, number));
        number
    }
}

/// The visits that events tell of, as [`Spells::of`] finds them, with their names.
pub fn spells(events: &[Event], ignored: &[IgnoredMove], imports: &BTreeSet<ObjectId>) -> Vec<Spell> {
    Spells::of(events, ignored, imports).named()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DealId {
        DealId::new(text).unwrap()
    }

    fn stage(text: &str) -> StageId {
        StageId::new(text).unwrap()
    }

    /// Some day in 2026.
    const START: i64 = 1_767_603_600;

    #[test]
    fn visits_are_told_by_deal_whatever_happened_between() {
        let at = |seconds: i64| ValidAt(START + seconds);
        let mut book = Book::default();
        book.enter(1, 0, at(1), true);
        book.enter(0, 0, at(2), false);
        book.go(1, 1, at(3));
        book.leave(0, at(4));
        book.enter(0, 0, at(5), false);
        book.tidy(1, 0, at(6));
        let spells = book.spells(vec![id("b"), id("a")], vec![stage("x"), stage("y")]);
        let told = |spell: &Spell| {
            let left = spell.left.map(|left| left.0 - START);
            let to = spell.to.as_ref().map(|to| to.to_string());
            (spell.deal.to_string(), spell.stage.to_string(), spell.entered.0 - START, left, to, spell.left_censored)
        };
        let row = |deal: &str, stage: &str, entered, left, to: Option<&str>, censored| {
            (deal.to_owned(), stage.to_owned(), entered, left, to.map(str::to_owned), censored)
        };
        let named = spells.named();
        assert_eq!(
            named.iter().map(told).collect::<Vec<_>>(),
            [
                row("a", "x", 1, Some(3), Some("y"), true),
                row("a", "y", 3, Some(6), None, false),
                row("a", "x", 6, None, None, true),
                row("b", "x", 2, Some(4), None, false),
                row("b", "x", 5, None, None, false),
            ]
        );
        assert_eq!(Spells::from(named.as_slice()).named(), named);
    }
}
