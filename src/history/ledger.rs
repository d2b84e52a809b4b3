//! What the walk has found, as small records in the order of the first-parent line.
//!
//! A record names deals, stages, commits and values by number, so that a million of them are cheap to keep, to store and
//! to go through. Nothing in them depends on the commits that come later: a ledger that is cut at a commit is the ledger
//! of the history up to there.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::repo::objects::{Author, ObjectId};

use super::event::KnownAt;

/// A number that stands for no text.
pub(super) const NONE: u32 = u32::MAX;

/// In [`Record::maker`]: the rest of the number is one of [`Ledger::makers`], not of [`Ledger::line`].
pub(super) const ASIDE: u32 = 1 << 31;

/// What happened to a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum What {
    /// It came in, to the stage `to`.
    Created = 1,
    /// From one stage to another.
    Moved,
    /// The told field `field`, from one text to another.
    Changed,
    /// Its file is gone from the stage `from`.
    Removed,
    /// It came back, to the stage `to`.
    Restored,
    /// It got another id; `from` is the text of the old one.
    Renamed,
}

impl What {
    /// The kind of a number; `None` where it is none's.
    pub(super) fn from_number(number: u8) -> Option<What> {
        Some(match number {
            1 => What::Created,
            2 => What::Moved,
            3 => What::Changed,
            4 => What::Removed,
            5 => What::Restored,
            6 => What::Renamed,
            _ => return None,
        })
    }
}

/// One thing that happened to one deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The deal's number.
    pub(super) deal: u32,
    /// The commit of the line that brought it, by its place there.
    pub(super) place: u32,
    /// The commit that made the change, see [`ASIDE`].
    pub(super) maker: u32,
    pub(super) what: What,
    /// Whether `at` had to be moved.
    pub(super) clamped: bool,
    /// The number of the field, of [`What::Changed`].
    pub(super) field: u16,
    /// A stage or a text, by number.
    pub(super) from: u32,
    /// The same after.
    pub(super) to: u32,
    /// The valid time.
    pub(super) at: i64,
}

/// A commit of the first-parent line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: ObjectId,
    /// Its author's number.
    pub(super) author: u32,
    pub(super) known_at: KnownAt,
    /// Whether its clock ran behind the commit before.
    pub(super) clamped: bool,
}

/// A commit of a merged branch that made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MadeAside {
    pub(super) id: ObjectId,
    pub(super) author: u32,
}

/// Everything that was found, oldest first.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) line: Vec<Known>,
    /// All commits of merged branches, in the order of the merges.
    pub(super) aside: Vec<ObjectId>,
    /// For each merge on the line that brought some of them, its place and how many there are after it.
    pub(super) merges: Vec<(u32, u32)>,
    /// Those of them that made a change.
    pub(super) makers: Vec<MadeAside>,
    pub(super) authors: Authors,
    pub(super) texts: Texts,
    pub(super) records: Vec<Record>,
    /// The places of commits that moved so many deals that they may be bulk moves.
    pub(super) many: Vec<u32>,
    /// For each version of a deal that could not be read, the place of the commit that brought it.
    pub(super) unreadable: Vec<u32>,
    /// The place of the last commit that gave a deal, a stage or the pipeline another name: before it things were called
    /// otherwise than the records say.
    pub(super) renamed_at: Option<u32>,
}

/// Authors as commits name them, each once.
#[derive(Default)]
pub(super) struct Authors {
    list: Vec<Arc<Author>>,
    numbers: HashMap<Arc<Author>, u32>,
}

impl Authors {
    pub(super) fn number(&mut self, author: &Arc<Author>) -> u32 {
        if let Some(found) = self.numbers.get(author) {
            return *found;
        }
        let number = self.list.len() as u32;
        self.list.push(author.clone());
        self.numbers.insert(author.clone(), number);
        number
    }

    pub(super) fn list(&self) -> &[Arc<Author>] {
        &self.list
    }
}

/// Texts, each once, one after the other in one long text.
pub(super) struct Texts {
    all: String,
    /// Where each one ends.
    ends: Vec<usize>,
    /// Numbers by hash; which of several it is, the text itself tells.
    numbers: hashbrown::HashTable<u32>,
    hashes: RandomState,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { all: String::new(), ends: Vec::new(), numbers: hashbrown::HashTable::new(), hashes: RandomState::new() }
    }
}

/// The text that ends at the place `number` of `ends`.
fn nth<'t>(all: &'t str, ends: &[usize], number: u32) -> Option<&'t str> {
    let at = number as usize;
    let start = match at.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    all.get(start..*ends.get(at)?)
}

impl Texts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let Texts { all, ends, numbers, hashes } = self;
        // Those that were read again are entered when one is looked for.
        for known in numbers.len()..ends.len() {
            let hash = |n: &u32| hashes.hash_one(nth(all, ends, *n).unwrap_or_default());
            numbers.insert_unique(hash(&(known as u32)), known as u32, hash);
        }
        let hash = hashes.hash_one(text);
        if let Some(found) = numbers.find(hash, |n| nth(all, ends, *n) == Some(text)) {
            return *found;
        }
        let number = ends.len() as u32;
        all.push_str(text);
        ends.push(all.len());
        numbers.insert_unique(hash, number, |n| hashes.hash_one(nth(all, ends, *n).unwrap_or_default()));
        number
    }

    /// Adds a text that is not there yet.
    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    /// The text of a number; `None` for [`NONE`].
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        nth(&self.all, &self.ends, number)
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl Ledger {
    /// The commit that made a change, and its author's number.
    pub(super) fn maker(&self, number: u32) -> Option<(ObjectId, u32)> {
        if number & ASIDE == 0 {
            self.line.get(number as usize).map(|known| (known.id, known.author))
        } else {
            self.makers.get((number & !ASIDE) as usize).map(|made| (made.id, made.author))
        }
    }

    /// Leaves nothing but the first `commits` commits of the line. What has a number keeps it.
    pub(super) fn cut(&mut self, commits: usize) {
        let is_before = |place: u32| (place as usize) < commits;
        self.line.truncate(commits);
        self.merges.truncate(self.merges.partition_point(|(place, _)| is_before(*place)));
        self.aside.truncate(self.merges.last().map_or(0, |(_, end)| *end as usize));
        self.records.truncate(self.records.partition_point(|record| is_before(record.place)));
        self.many.truncate(self.many.partition_point(|place| is_before(*place)));
        self.unreadable.truncate(self.unreadable.partition_point(|place| is_before(*place)));
    }

    /// Whether everything was called at a commit of the line as the records call it.
    pub(super) fn is_named_at(&self, place: usize) -> bool {
        self.renamed_at.is_none_or(|renamed| renamed as usize <= place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_once_and_found_again() {
        let mut texts = Texts::default();
        assert_eq!(
            [texts.number("100 EUR"), texts.number(""), texts.number("100 EUR"), texts.number("é")],
            [0, 1, 0, 2]
        );
        assert_eq!(
            [texts.get(0), texts.get(1), texts.get(2), texts.get(3)],
            [Some("100 EUR"), Some(""), Some("é"), None]
        );
        assert_eq!(texts.get(NONE), None);
        assert_eq!(texts.len(), 3);
        texts.push("later");
        assert_eq!([texts.number("later"), texts.number("more"), texts.number("é")], [3, 4, 2]);
    }
}
