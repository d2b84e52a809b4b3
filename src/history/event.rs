//! What happened to deals, as commits tell it, with the two clocks of every event.

use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::repo::objects::{Author, ObjectId};

/// Seconds since 1970-01-01T00:00:00Z at which the reported branch came to know something: the committer time of the
/// first-parent commit, never running backwards along that line. Everything asked `--as-of` uses this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KnownAt(pub i64);

/// Seconds since 1970-01-01T00:00:00Z at which something happened: the author time of the commit that made the change,
/// never later than its [`KnownAt`] and never before the deal's previous event. Durations and conversions use this clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValidAt(pub i64);

impl ValidAt {
    /// Whether no clock can have shown it: it lies before the second day of 1970, when a clock that was not set begins, or
    /// after the last second that 31 bits can count, in January 2038.
    pub fn is_odd(self) -> bool {
        !(CLOCKS_BEGIN..=i64::from(i32::MAX)).contains(&self.0)
    }
}

/// A time before this, the second day of 1970, was shown by a clock that was not set.
pub(super) const CLOCKS_BEGIN: i64 = 86_400;

/// Which way a move went, by the order of stages in today's pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the next stage.
    Forward,
    /// Over at least one stage that is not optional.
    Skip,
    /// To an earlier stage.
    Back,
    /// To an end: won, lost or recycled.
    End,
    /// Out of an end.
    Reopened,
    /// From or to a folder that today's pipeline file does not know.
    Unknown,
}

impl Direction {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Forward => "forward",
            Direction::Skip => "skip",
            Direction::Back => "back",
            Direction::End => "end",
            Direction::Reopened => "reopened",
            Direction::Unknown => "unknown",
        }
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The deal came in.
    Created {
        /// Its first stage.
        stage: StageId,
    },
    /// The deal changed its stage.
    Moved {
        /// The stage it left.
        from: StageId,
        /// The stage it came to.
        to: StageId,
        /// Which way that is.
        direction: Direction,
    },
    /// A field changed.
    Changed {
        /// Dotted name: `amount`, `next_step.due`.
        field: Arc<str>,
        /// The value before, as written, on one line; `None` where there was none.
        from: Option<String>,
        /// The value after.
        to: Option<String>,
    },
    /// The deal's file is gone.
    Removed {
        /// The stage it was in.
        stage: StageId,
    },
    /// A removed deal came back.
    Restored {
        /// The stage it came back to.
        stage: StageId,
    },
    /// The deal got another id (its new file names the old one under `was`).
    Renamed {
        /// The id before.
        from: DealId,
    },
}

impl EventKind {
    /// The word in tables, CSV and JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            EventKind::Created { .. } => "created",
            EventKind::Moved { .. } => "moved",
            EventKind::Changed { .. } => "changed",
            EventKind::Removed { .. } => "removed",
            EventKind::Restored { .. } => "restored",
            EventKind::Renamed { .. } => "renamed",
        }
    }
}

/// One thing that happened to one deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The deal, by the id it has today.
    pub deal: DealId,
    /// What happened.
    pub kind: EventKind,
    /// When it happened.
    pub at: ValidAt,
    /// When the reported branch came to know it.
    pub known_at: KnownAt,
    /// Whose commit made the change.
    pub author: Arc<Author>,
    /// The commit that made the change (inside the merged branch, where there is one).
    pub commit: ObjectId,
    /// Whether `at` had to be moved to keep the clocks in order.
    pub clamped: bool,
}
