//! Spells: the visits of deals to stages.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::ident::{DealId, StageId};
use crate::repo::objects::ObjectId;

use super::event::{Event, EventKind, ValidAt};
use super::record::IgnoredMove;

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

/// The visits that events tell of, by deal, then in the order in which they happened. `events` and `ignored` are those of
/// one [`super::record::History`]; a first spell that began in a commit of `imports` is left-censored. The gap between a
/// removal and a return belongs to no spell.
pub fn spells(events: &[Event], ignored: &[IgnoredMove], imports: &BTreeSet<ObjectId>) -> Vec<Spell> {
    let mut book = Book::default();
    let mut silent = ignored.iter().peekable();
    for (number, event) in events.iter().enumerate() {
        while let Some(ignored) = silent.next_if(|silent| silent.after <= number) {
            book.tidy(ignored);
        }
        match &event.kind {
            EventKind::Created { stage } => {
                book.enter(&event.deal, stage, event.at, imports.contains(&event.commit));
            }
            EventKind::Restored { stage } => book.enter(&event.deal, stage, event.at, false),
            EventKind::Moved { to, .. } => {
                book.leave(&event.deal, event.at, Some(to));
                book.enter(&event.deal, to, event.at, false);
            }
            EventKind::Removed { .. } => book.leave(&event.deal, event.at, None),
            EventKind::Changed { .. } | EventKind::Renamed { .. } => {}
        }
    }
    silent.for_each(|ignored| book.tidy(ignored));
    book.by_deal.into_values().flatten().collect()
}

/// The spells so far.
#[derive(Default)]
struct Book {
    by_deal: BTreeMap<DealId, Vec<Spell>>,
}

impl Book {
    fn enter(&mut self, deal: &DealId, stage: &StageId, at: ValidAt, left_censored: bool) {
        let left_censored = left_censored || at.is_odd();
        let spell =
            Spell { deal: deal.clone(), stage: stage.clone(), entered: at, left: None, to: None, left_censored };
        match self.by_deal.get_mut(deal) {
            Some(spells) => spells.push(spell),
            None => {
                self.by_deal.insert(deal.clone(), vec![spell]);
            }
        }
    }

    fn leave(&mut self, deal: &DealId, at: ValidAt, to: Option<&StageId>) {
        if let Some(open) = self.by_deal.get_mut(deal).and_then(|spells| spells.last_mut())
            && open.left.is_none()
        {
            open.left = Some(at);
            open.to = to.cloned();
            open.left_censored |= at.is_odd();
        }
    }

    fn tidy(&mut self, ignored: &IgnoredMove) {
        self.leave(&ignored.deal, ignored.at, None);
        self.enter(&ignored.deal, &ignored.to, ignored.at, true);
    }
}
