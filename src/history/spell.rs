//! Spells: the visits of deals to stages.

use crate::format::ident::{DealId, StageId};

use super::event::ValidAt;

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
    /// Where it went; `None` while it is there, and when its file was removed.
    pub to: Option<StageId>,
    /// Whether the deal came in with an import, so that the true beginning lies before `entered`.
    pub left_censored: bool,
}
