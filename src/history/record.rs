//! What reading a repository's history gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::repo::objects::{ObjectError, ObjectId};

use super::event::{Event, EventKind, KnownAt, ValidAt};
use super::spell::{Spell, spells};

/// How to read history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leave out what was not yet known by then. Commits after the last one known by then are not looked at.
    pub until: Option<KnownAt>,
    /// Fields (dotted names) whose changes are told besides [`super::fields::ALWAYS`].
    pub fields: Vec<String>,
    /// Read a shallow clone as if its edge were the beginning, rather than refuse it.
    pub allow_incomplete: bool,
}

/// Why history could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The clone lacks older commits, so that every deal seems to begin at its edge.
    #[error(
        "this clone is shallow: its history ends early and every deal would seem new; run `git fetch --unshallow`, in \
         CI check out with `fetch-depth: 0`"
    )]
    Shallow,
    /// An object is missing or damaged.
    #[error("cannot read commit {commit}: {source}")]
    Object {
        /// The commit that was being read.
        commit: ObjectId,
        /// What is wrong.
        source: ObjectError,
    },
}

/// A move made by a commit that `.tussock-ignore-revs` lists: the deal's stage changed, and nothing is to be learnt from it
/// about how long anything took or what leads where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredMove {
    /// The deal, by the id it has today.
    pub deal: DealId,
    /// The stage it left.
    pub from: StageId,
    /// The stage it came to.
    pub to: StageId,
    /// When it happened.
    pub at: ValidAt,
    /// When the reported branch came to know it.
    pub known_at: KnownAt,
    /// The commit.
    pub commit: ObjectId,
    /// How many of [`History::events`] come before it.
    pub after: usize,
}

/// Where a deal stands at the end of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its stage, by today's name.
    pub stage: StageId,
    /// Its file below the pipeline's folder, lossily where a folder's name is not UTF-8.
    pub path: String,
    /// The bytes of its file.
    pub blob: ObjectId,
}

/// The history of a pipeline up to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What happened, oldest first: by when it became known, then along the first-parent line, then by when it happened,
    /// then by deal. The events of one deal are in the order in which they happened.
    pub events: Vec<Event>,
    /// Moves that count in no duration.
    pub ignored: Vec<IgnoredMove>,
    /// Values of the told fields that each deal came in with, by field; only those that it had. A deal whose first version
    /// cannot be read comes with the values of its first readable one.
    pub born: BTreeMap<DealId, BTreeMap<Arc<str>, String>>,
    /// The deals at the end, as the tree has them.
    pub standings: BTreeMap<DealId, Standing>,
    /// What is to be said of it as a whole.
    pub summary: Summary,
}

/// What is to be said of a history as a whole, without going through its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The newest commit that was looked at; `None` where nothing was known yet at [`Options::until`].
    pub tip: Option<ObjectId>,
    /// When that commit became known.
    pub tip_known_at: Option<KnownAt>,
    /// When the oldest commit became known.
    pub first_known_at: Option<KnownAt>,
    /// How many commits lie on the first-parent line, up to the tip.
    pub commits: usize,
    /// How many deals there are at the end, those in the ends included.
    pub deals: usize,
    /// Commits on that line whose clock ran behind the commit before, so that their knowledge time had to be moved.
    pub clamped_known: usize,
    /// Events whose valid time had to be moved.
    pub clamped_valid: usize,
    /// Moves over at least one stage that is not optional.
    pub skips: usize,
    /// Events at times that no clock can have shown, see [`ValidAt::is_odd`].
    pub odd_times: usize,
    /// Deals that came in with one of [`Summary::imports`].
    pub imported: usize,
    /// Moves that count in no duration, [`History::ignored`].
    pub ignored_moves: usize,
    /// Commits, on the line or in merged branches, that `.tussock-ignore-revs` lists.
    pub ignored_commits: usize,
    /// Lines of `.tussock-ignore-revs` that name no commit.
    pub bad_ignore_lines: Vec<String>,
    /// Commits on the line that moved many deals at once (20 or more), with the number of deals.
    pub bulk: Vec<(ObjectId, usize)>,
    /// Commits that brought in the first deals, ten or more at a time, or that lie at the edge of a shallow clone. The true
    /// age of those deals is not known.
    pub imports: BTreeSet<ObjectId>,
    /// Versions of deals that could not be read as YAML, so that their fields are not known at that point.
    pub unreadable: usize,
    /// Whether the clone is shallow and was read all the same.
    pub incomplete: bool,
}

impl std::ops::Deref for History {
    type Target = Summary;

    fn deref(&self) -> &Summary {
        &self.summary
    }
}

impl History {
    /// The visits of deals to stages, by deal, then in the order in which they happened.
    pub fn spells(&self) -> Vec<Spell> {
        spells(&self.events, &self.ignored, &self.imports)
    }

    /// Where each deal is by the events alone. It equals [`History::standings`].
    pub fn replayed(&self) -> BTreeMap<DealId, StageId> {
        let mut stages = BTreeMap::new();
        let mut ignored = self.ignored.iter().peekable();
        for (number, event) in self.events.iter().enumerate() {
            while let Some(silent) = ignored.next_if(|silent| silent.after <= number) {
                stages.insert(silent.deal.clone(), silent.to.clone());
            }
            match &event.kind {
                EventKind::Created { stage } | EventKind::Restored { stage } | EventKind::Moved { to: stage, .. } => {
                    stages.insert(event.deal.clone(), stage.clone());
                }
                EventKind::Removed { .. } => {
                    stages.remove(&event.deal);
                }
                EventKind::Changed { .. } | EventKind::Renamed { .. } => {}
            }
        }
        stages.extend(ignored.map(|silent| (silent.deal.clone(), silent.to.clone())));
        stages
    }
}
