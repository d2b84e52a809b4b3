//! How a walk is written as bytes and read again.
//!
//! A section holds what a walk added after the section before: whoever reads the sections one after the other has the
//! walk as it stood at the end of each.

use std::rc::Rc;
use std::sync::Arc;

use crate::format::ident::StageId;
use crate::format::pipeline::Pipeline;
use crate::history::bytes::{In, Out};
use crate::history::deals::{Deal, DealIx, Deals, Held, Values};
use crate::history::event::KnownAt;
use crate::history::ledger::{ASIDE, Known, Ledger, MadeAside, NONE, Record, What};
use crate::history::stages::{StageNames, Stages};
use crate::history::trees::{FolderIx, Folders};
use crate::history::walk::Walked;
use crate::history::way::Way;
use crate::repo::objects::{Author, ObjectId};

/// How much of a walk has been written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::history) struct Mark {
    line: usize,
    aside: usize,
    merges: usize,
    makers: usize,
    authors: usize,
    texts: usize,
    records: usize,
    many: usize,
    unreadable: usize,
    folders: usize,
}

impl Mark {
    /// All of a walk that has come over so many commits of its line.
    pub(in crate::history) fn of(ledger: &Ledger, commits: usize, folders: &Folders) -> Mark {
        Mark {
            line: commits,
            aside: ledger.aside.len(),
            merges: ledger.merges.len(),
            makers: ledger.makers.len(),
            authors: ledger.authors.list().len(),
            texts: ledger.texts.len(),
            records: ledger.records.len(),
            many: ledger.many.len(),
            unreadable: ledger.unreadable.len(),
            folders: folders.paths().len(),
        }
    }
}

/// A walk that is read again, section by section.
pub(super) struct Reading {
    pub(super) ledger: Ledger,
    pub(super) folders: Folders,
    deals: Deals,
    stages: StageNames,
    way: Option<(String, Option<ObjectId>, Option<ObjectId>, bool)>,
    width: usize,
}

impl Reading {
    /// Before the first section; `width` fields are told.
    pub(super) fn new(width: usize) -> Reading {
        Reading {
            ledger: Ledger::default(),
            folders: Folders::default(),
            deals: Deals::default(),
            stages: StageNames::default(),
            way: None,
            width,
        }
    }

    /// The pipeline's folder at the end.
    pub(super) fn folder(&self) -> Option<&str> {
        self.way.as_ref().map(|(place, ..)| place.as_str())
    }

    /// How many deals there are, those that are gone included.
    pub(super) fn deals(&self) -> usize {
        self.deals.list.len()
    }

    /// The walk as it stood.
    pub(super) fn walked<'p>(self, pipeline: &'p Pipeline, today: &str) -> Option<Walked<'p>> {
        let (place, root, folder, is_there) = self.way?;
        let stages = Stages::again(pipeline, self.stages, self.folders.paths().len())?;
        let (deal_count, stage_count) = (self.deals.list.len(), stages.count());
        let fits = |record: &Record| {
            let stage = |number: u32| (number as usize) < stage_count;
            let stages = match record.what {
                What::Moved => stage(record.from) && stage(record.to),
                What::Created | What::Restored => stage(record.to),
                What::Removed => stage(record.from),
                What::Changed | What::Renamed => true,
            };
            stages && (record.deal as usize) < deal_count
        };
        let Reading { ledger, folders, deals, .. } = self;
        let way = Way::again(today, place, root, folder, is_there);
        ledger.records.iter().all(fits).then_some(Walked { ledger, folders, stages, deals, way })
    }
}

/// What a walk that has come over so many `commits` of its line added since `since`. `changed` are the deals that are not
/// as they were then.
pub(super) fn write(walked: &Walked, since: Mark, commits: usize, changed: &[DealIx]) -> Vec<u8> {
    let Walked { ledger, folders, stages, deals, way } = walked;
    let mut out = Out::default();
    let added = ledger.line.get(since.line..commits).unwrap_or_default();
    out.count(added.len());
    added.iter().for_each(|known| out.id(known.id));
    let mut before = since.line.checked_sub(1).and_then(|at| ledger.line.get(at)).map_or(0, |known| known.known_at.0);
    for known in added {
        out.signed(known.known_at.0.wrapping_sub(before));
        out.number(u64::from(known.author) << 1 | u64::from(known.clamped));
        before = known.known_at.0;
    }
    let aside = ledger.aside.get(since.aside..).unwrap_or_default();
    out.count(aside.len());
    aside.iter().for_each(|id| out.id(*id));
    let merges = ledger.merges.get(since.merges..).unwrap_or_default();
    out.count(merges.len());
    for (place, end) in merges {
        out.number(u64::from(*place));
        out.number(u64::from(*end));
    }
    let makers = ledger.makers.get(since.makers..).unwrap_or_default();
    out.count(makers.len());
    for maker in makers {
        out.id(maker.id);
        out.number(u64::from(maker.author));
    }
    let authors = ledger.authors.list().get(since.authors..).unwrap_or_default();
    out.count(authors.len());
    for author in authors {
        out.bytes(author.name.as_bytes());
        out.bytes(author.email.as_bytes());
    }
    out.count(ledger.texts.len().saturating_sub(since.texts));
    for number in since.texts..ledger.texts.len() {
        out.bytes(ledger.texts.get(number as u32).unwrap_or_default().as_bytes());
    }
    write_records(&mut out, ledger, since);
    let many = ledger.many.get(since.many..).unwrap_or_default();
    out.count(many.len());
    many.iter().for_each(|place| out.number(u64::from(*place)));
    let unreadable = ledger.unreadable.get(since.unreadable..).unwrap_or_default();
    out.count(unreadable.len());
    unreadable.iter().for_each(|place| out.number(u64::from(*place)));
    out.some(ledger.renamed_at.unwrap_or(NONE));
    let paths = folders.paths().get(since.folders..).unwrap_or_default();
    out.count(paths.len());
    paths.iter().for_each(|path| out.bytes(path));
    write_stages(&mut out, &stages.kept());
    write_deals(&mut out, deals, changed);
    out.bytes(way.place().as_bytes());
    out.some_id(way.root());
    out.some_id(way.folder());
    out.0.push(u8::from(way.is_there()));
    out.0
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8], id_len: usize, reading: &mut Reading) -> Option<()> {
    let mut input = In::new(bytes, id_len);
    let Reading { ledger, folders, width, .. } = reading;
    let first = ledger.line.len();
    let ids: Vec<ObjectId> = (0..input.count(id_len)?).map(|_| input.id()).collect::<Option<_>>()?;
    ledger.line.reserve(ids.len());
    let mut before = ledger.line.last().map_or(0, |known| known.known_at.0);
    for id in ids {
        before = before.wrapping_add(input.signed()?);
        let rest = input.number()?;
        let author = u32::try_from(rest >> 1).ok()?;
        ledger.line.push(Known { id, author, known_at: KnownAt(before), clamped: rest & 1 == 1 });
    }
    for _ in 0..input.count(id_len)? {
        ledger.aside.push(input.id()?);
    }
    for _ in 0..input.count(2)? {
        ledger.merges.push((input.small()?, input.small()?));
    }
    for _ in 0..input.count(id_len)? {
        ledger.makers.push(MadeAside { id: input.id()?, author: input.small()? });
    }
    for _ in 0..input.count(2)? {
        let (name, email) = (input.text()?.to_owned(), input.text()?.to_owned());
        ledger.authors.number(&Arc::new(Author { name, email }));
    }
    for _ in 0..input.count(1)? {
        let text = input.text()?;
        ledger.texts.push(text);
    }
    read_records(&mut input, ledger, first)?;
    for _ in 0..input.count(1)? {
        ledger.many.push(input.small()?);
    }
    for _ in 0..input.count(1)? {
        ledger.unreadable.push(input.small()?);
    }
    let renamed_at = input.some()?;
    ledger.renamed_at = (renamed_at != NONE).then_some(renamed_at);
    for _ in 0..input.count(1)? {
        folders.intern(input.bytes()?);
    }
    let width = *width;
    reading.stages = read_stages(&mut input)?;
    let folder_count = reading.folders.paths().len();
    read_deals(&mut input, &mut reading.deals, width, folder_count)?;
    reading.way = Some((input.text()?.to_owned(), input.some_id()?, input.some_id()?, input.flag()?));
    input.is_at_end().then_some(())
}

/// In the first byte of a record: its kind, and what follows.
const KIND: u8 = 0b111;
const CLAMPED: u8 = 1 << 3;
/// The commit that made the change is not the one on the line.
const MADE_ASIDE: u8 = 1 << 4;
/// It did not happen in the second in which it became known.
const EARLIER: u8 = 1 << 5;

fn write_records(out: &mut Out, ledger: &Ledger, since: Mark) {
    let records = ledger.records.get(since.records..).unwrap_or_default();
    out.count(records.len());
    let mut before = since.line as u32;
    for record in records {
        let known_at = ledger.line.get(record.place as usize).map_or(0, |known| known.known_at.0);
        let aside = record.maker & ASIDE != 0;
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        let first = record.what as u8
            | flag(record.clamped, CLAMPED)
            | flag(aside, MADE_ASIDE)
            | flag(record.at != known_at, EARLIER);
        out.0.push(first);
        out.number(u64::from(record.deal));
        out.number(u64::from(record.place.wrapping_sub(before)));
        before = record.place;
        if aside {
            out.number(u64::from(record.maker & !ASIDE));
        }
        if record.at != known_at {
            out.signed(known_at.wrapping_sub(record.at));
        }
        match record.what {
            What::Created | What::Restored => out.some(record.to),
            What::Removed | What::Renamed => out.some(record.from),
            What::Moved => {
                out.some(record.from);
                out.some(record.to);
            }
            What::Changed => {
                out.number(u64::from(record.field));
                out.some(record.from);
                out.some(record.to);
            }
        }
    }
}

fn read_records(input: &mut In, ledger: &mut Ledger, first_place: usize) -> Option<()> {
    let count = input.count(4)?;
    ledger.records.reserve(count);
    let mut place = first_place as u32;
    for _ in 0..count {
        let first = input.byte()?;
        let what = What::from_number(first & KIND)?;
        let deal = input.small()?;
        place = place.checked_add(input.small()?)?;
        let known_at = ledger.line.get(place as usize)?.known_at.0;
        let maker = if first & MADE_ASIDE == 0 { place } else { input.small()? | ASIDE };
        let at = if first & EARLIER == 0 { known_at } else { known_at.wrapping_sub(input.signed()?) };
        let (field, from, to) = match what {
            What::Created | What::Restored => (0, NONE, input.some()?),
            What::Removed | What::Renamed => (0, input.some()?, NONE),
            What::Moved => (0, input.some()?, input.some()?),
            What::Changed => (u16::try_from(input.small()?).ok()?, input.some()?, input.some()?),
        };
        let clamped = first & CLAMPED != 0;
        ledger.records.push(Record { deal, place, maker, what, clamped, field, from, to, at });
    }
    Some(())
}

pub(super) fn write_stages(out: &mut Out, kept: &StageNames) {
    out.count(kept.names.len());
    kept.names.iter().for_each(|name| out.bytes(name.as_str().as_bytes()));
    out.count(kept.by_name.len());
    for (name, number) in &kept.by_name {
        out.bytes(name.as_str().as_bytes());
        out.number(u64::from(*number));
    }
    for pairs in [&kept.joined, &kept.of_folder] {
        out.count(pairs.len());
        for (a, b) in pairs {
            out.number(u64::from(*a));
            out.number(u64::from(*b));
        }
    }
}

pub(super) fn read_stages(input: &mut In) -> Option<StageNames> {
    let name = |input: &mut In| StageId::new(input.text()?).ok();
    let names = (0..input.count(1)?).map(|_| name(input)).collect::<Option<_>>()?;
    let by_name = (0..input.count(2)?).map(|_| Some((name(input)?, input.small()?))).collect::<Option<_>>()?;
    let mut pairs = || (0..input.count(2)?).map(|_| Some((input.small()?, input.small()?))).collect::<Option<Vec<_>>>();
    Some(StageNames { names, by_name, joined: pairs()?, of_folder: pairs()? })
}

fn write_deals(out: &mut Out, deals: &Deals, changed: &[DealIx]) {
    out.count(changed.len());
    for number in changed {
        let deal = deals.get(*number);
        out.count(number.0);
        out.bytes(deal.stem.as_bytes());
        out.count(deal.copies.len());
        for (folder, blob) in &deal.copies {
            out.number(u64::from(folder.0));
            out.id(*blob);
        }
        out.0.push(u8::from(deal.told));
        write_values(out, deal.values.as_ref());
        write_values(out, deal.born.as_ref().map(|(values, _)| values));
        out.number(deal.born.as_ref().map_or(0, |(_, place)| u64::from(*place)));
        out.0.push(u8::from(deal.last_at.is_some()));
        out.signed(deal.last_at.unwrap_or(0));
    }
    let mut older: Vec<(&Rc<str>, &DealIx)> = deals.older.iter().collect();
    older.sort_unstable();
    out.count(older.len());
    for (stem, number) in older {
        out.bytes(stem.as_bytes());
        out.count(number.0);
    }
}

fn write_values(out: &mut Out, values: Option<&Values>) {
    out.0.push(u8::from(values.is_some()));
    values.into_iter().flat_map(|values| values.iter()).for_each(|text| out.some(*text));
}

fn read_values(input: &mut In, width: usize) -> Option<Option<Values>> {
    if !input.flag()? {
        return Some(None);
    }
    (0..width).map(|_| input.some()).collect::<Option<Values>>().map(Some)
}

fn read_deals(input: &mut In, deals: &mut Deals, width: usize, folders: usize) -> Option<()> {
    for _ in 0..input.count(8)? {
        let number = usize::try_from(input.number()?).ok()?;
        let stem: Rc<str> = input.text()?.into();
        let held = |input: &mut In| -> Option<Held> {
            let folder = input.small().filter(|folder| (*folder as usize) < folders)?;
            Some((FolderIx(folder), input.id()?))
        };
        let copies = (0..input.count(2)?).map(|_| held(input)).collect::<Option<_>>()?;
        let told = input.flag()?;
        let values = read_values(input, width)?;
        let born = read_values(input, width)?;
        let born_at = input.small()?;
        let has_time = input.flag()?;
        let time = input.signed()?;
        let born = born.map(|values| (values, born_at));
        deals.put(DealIx(number), Deal { stem, copies, told, values, born, last_at: has_time.then_some(time) })?;
    }
    deals.older.clear();
    for _ in 0..input.count(2)? {
        let stem: Rc<str> = input.text()?.into();
        let number = usize::try_from(input.number()?).ok().filter(|number| *number < deals.list.len())?;
        deals.older.insert(stem, DealIx(number));
    }
    Some(())
}
