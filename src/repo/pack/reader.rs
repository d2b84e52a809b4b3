//! Reading objects, for one thread.

use std::cell::Cell;
use std::sync::Arc;

use super::blocks::Blocks;
use super::cache::Cache;
use super::delta;
use super::fault::Fault;
use super::folders::Store;
use super::inflate::{Inflater, LARGEST};
use super::loose;
use super::open::{Form, LONGEST_HEADER, Pack, entry};
use super::{Object, Place};
use crate::repo::objects::{ObjectError, ObjectId};

/// What all the objects of one chain of differences may have together, in bytes. It bounds the time that a made-up
/// chain can take; real ones of this length are read by others.
const MOST_IN_A_CHAIN: u64 = 4 << 30;

/// A difference whose buffer is kept for the next one, in bytes.
const LONG: usize = 4 << 20;

/// Reads objects for one thread, and keeps what the next ones are likely to need.
pub struct Reader<'s> {
    store: &'s Store,
    packs: Arc<Vec<Arc<Pack>>>,
    /// The pack that the last object was found in: the next one is most likely there too.
    last: Cell<u32>,
    blocks: Blocks,
    cache: Cache,
    inflater: Inflater,
    /// The difference that is being unpacked.
    delta: Vec<u8>,
    /// The differences from the wanted object down to its base.
    chain: Vec<Link>,
}

/// A difference on the way to the object that it is made from.
struct Link {
    place: Place,
    /// Where its packed bytes begin.
    packed: u64,
    /// How many bytes it has when unpacked.
    size: usize,
}

impl<'s> Reader<'s> {
    pub(super) fn new(store: &'s Store) -> Self {
        Reader {
            store,
            packs: store.packs(),
            last: Cell::new(0),
            blocks: Blocks::new(),
            cache: Cache::new(),
            inflater: Inflater::new(),
            delta: Vec::new(),
            chain: Vec::new(),
        }
    }

    /// The kind and bytes of an object; `None` where others have to be asked: it is not here, or not readable here.
    ///
    /// # Errors
    /// When it is there and certainly damaged, and there is no other copy of it.
    pub fn read(&mut self, id: ObjectId) -> Result<Option<Object>, ObjectError> {
        self.read_up_to(id, None, LARGEST)
    }

    /// As [`Reader::read`]; an object of more bytes than `most` is left to others, too, though what it is made from may have
    /// more. Where its [`Reader::place`] is known, it need not be looked for.
    ///
    /// # Errors
    /// As there.
    pub fn read_up_to(
        &mut self,
        id: ObjectId,
        place: Option<Place>,
        most: usize,
    ) -> Result<Option<Object>, ObjectError> {
        if id.as_bytes().len() != self.store.id_len() {
            return Ok(None);
        }
        let most = most.min(LARGEST);
        if let Some(Ok(found)) = place.map(|place| self.unpack(place, most)) {
            return Ok(Some(found));
        }
        let mut damage = Damage::default();
        let found = self.in_packs(id, 0, most, &mut damage);
        let found = found.or_else(|| self.loose(id, most, &mut damage)).or_else(|| {
            let before = self.packs.len();
            self.store.look_again();
            self.packs = self.store.packs();
            self.in_packs(id, before as u32, most, &mut damage)
        });
        damage.unless(id, found)
    }

    /// Where in the packs an object lies; `None` where it is in none of them.
    pub fn place(&self, id: ObjectId) -> Option<Place> {
        if id.as_bytes().len() != self.store.id_len() {
            return None;
        }
        let last = self.last.get();
        let all = 0..self.packs.len() as u32;
        let place = std::iter::once(last).chain(all.filter(|n| *n != last)).find_map(|n| self.place_in(n, id))?;
        self.last.set(place.pack);
        Some(place)
    }

    /// As [`Reader::read`] for an object whose [`Reader::place`] is known.
    ///
    /// # Errors
    /// As there.
    pub fn read_at(&mut self, id: ObjectId, place: Place) -> Result<Option<Object>, ObjectError> {
        self.read_up_to(id, Some(place), LARGEST)
    }

    fn place_in(&self, number: u32, id: ObjectId) -> Option<Place> {
        // An index that cannot be read is as good as none.
        let offset = self.packs.get(number as usize)?.index.find(id.as_bytes()).ok()??;
        Some(Place { pack: number, offset })
    }

    /// The first copy in the packs from this number on that can be read.
    fn in_packs(&mut self, id: ObjectId, from: u32, most: usize, damage: &mut Damage) -> Option<Object> {
        let last = self.last.get();
        let first = (last >= from).then_some(last);
        let all = from..self.packs.len() as u32;
        for number in first.into_iter().chain(all.filter(|n| Some(*n) != first)) {
            let Some(place) = self.place_in(number, id) else { continue };
            match self.unpack(place, most) {
                Ok(found) => {
                    self.last.set(number);
                    return Some(found);
                }
                Err(fault) => damage.note(fault),
            }
        }
        None
    }

    fn loose(&mut self, id: ObjectId, most: usize, damage: &mut Damage) -> Option<Object> {
        for folder in self.store.folders() {
            match loose::read(folder, id, most, &mut self.inflater) {
                Ok(None) => {}
                Ok(Some((kind, bytes))) => return Some((kind, Arc::new(bytes))),
                Err(fault) => damage.note(fault),
            }
        }
        None
    }

    /// The object at a place, where it has at most so many bytes.
    fn unpack(&mut self, place: Place, most: usize) -> Result<Object, Fault> {
        if let Some(found) = self.cache.get(place) {
            return if found.1.len() > most { Err(Fault::Elsewhere) } else { Ok(found) };
        }
        let pack = self.packs.get(place.pack as usize).ok_or(Fault::Elsewhere)?.clone();
        let (kind, mut bytes) = self.base(&pack, place, most)?;
        let mut total = bytes.len() as u64;
        while let Some(link) = self.chain.pop() {
            if self.delta.capacity() > LONG {
                self.delta = Vec::new();
            }
            self.delta.resize(link.size, 0);
            inflate(&mut self.blocks, &mut self.inflater, &pack, &link, &mut self.delta)?;
            let most = if self.chain.is_empty() { most } else { LARGEST };
            bytes = Arc::new(delta::apply(&bytes, &self.delta, most)?);
            total = total.saturating_add(bytes.len() as u64);
            if total > MOST_IN_A_CHAIN {
                return Err(Fault::Elsewhere);
            }
            self.cache.put(link.place, &(kind, bytes.clone()));
        }
        Ok((kind, bytes))
    }

    /// Follows the differences from the one at a place, puts them into the chain, and gives the object that the last of
    /// them is made from. Where there is none, that is what was wanted, and has at most so many bytes.
    fn base(&mut self, pack: &Pack, from: Place, most: usize) -> Result<Object, Fault> {
        self.chain.clear();
        let mut place = from;
        // Where the chain was when its length was last a power of two: who comes by there again goes in a circle.
        let mut mark = None;
        loop {
            let id_len = self.store.id_len();
            let bytes = self.blocks.from(place.pack, pack, place.offset, LONGEST_HEADER)?;
            let entry = entry(bytes, id_len)?;
            // Even the longest run of one byte takes a thousandth of itself: a size that the pack cannot hold is not
            // reserved.
            let left = pack.end.saturating_sub(place.offset);
            if entry.size > LARGEST || entry.size as u64 / 1032 > left {
                return Err(Fault::Elsewhere);
            }
            let link = Link { place, packed: place.offset.saturating_add(entry.header as u64), size: entry.size };
            let offset = match entry.form {
                Form::Whole(_) if self.chain.is_empty() && entry.size > most => return Err(Fault::Elsewhere),
                Form::Whole(kind) => {
                    let mut bytes = vec![0; entry.size];
                    inflate(&mut self.blocks, &mut self.inflater, pack, &link, &mut bytes)?;
                    let bytes = Arc::new(bytes);
                    let object = (kind, bytes);
                    self.cache.put(place, &object);
                    return Ok(object);
                }
                Form::Before(distance) => {
                    let before = place.offset.checked_sub(distance).filter(|_| distance > 0);
                    before.ok_or(Fault::Damaged("its base lies before the pack"))?
                }
                // A base that lies elsewhere is only found in packs that were never finished.
                Form::From(id) => pack.index.find(id)?.ok_or(Fault::Elsewhere)?,
            };
            if mark == Some(offset) {
                return Err(Fault::Damaged("it is its own base"));
            }
            self.chain.push(link);
            if self.chain.len().is_power_of_two() {
                mark = Some(offset);
            }
            place = Place { offset, ..place };
            if let Some(found) = self.cache.get(place) {
                return Ok(found);
            }
        }
    }
}

/// Unpacks the bytes of an entry.
fn inflate(
    blocks: &mut Blocks,
    inflater: &mut Inflater,
    pack: &Pack,
    link: &Link,
    out: &mut [u8],
) -> Result<(), Fault> {
    let longest = Inflater::longest(out.len());
    inflater.exactly(blocks.from(link.place.pack, pack, link.packed, longest)?, out)
}

/// What was wrong with the copies of an object.
#[derive(Default)]
struct Damage {
    certain: Option<&'static str>,
    /// Others may be able to read one of them.
    elsewhere: bool,
}

impl Damage {
    fn note(&mut self, fault: Fault) {
        match fault {
            Fault::Elsewhere => self.elsewhere = true,
            Fault::Damaged(why) => self.certain = Some(why),
        }
    }

    /// What was found, or the damage.
    fn unless<T>(self, id: ObjectId, found: Option<T>) -> Result<Option<T>, ObjectError> {
        match self.certain {
            Some(why) if found.is_none() && !self.elsewhere => Err(ObjectError::Damaged { id, why: why.to_owned() }),
            _ => Ok(found),
        }
    }
}
