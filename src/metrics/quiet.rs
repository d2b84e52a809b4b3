//! Since when nothing has happened to a deal.
//!
//! What counts is a change of something that moves the deal: its stage, its amount, its close date, its next step, or an
//! activity. A commit that mends a typing error, or another owner, does not make a quiet deal lively.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::{Pipeline, Status};
pub use crate::format::quiet::MEANINGFUL;
use crate::format::quiet::last_change;
use crate::history::track::Tracks;

use super::DAY;
use super::estimate::Floors;
use super::journey::{Journey, Journeys, Spot, Visit, stage_curves};
use super::sla::activity_days;
use super::survival::{KaplanMeier, Quantile};
use super::total::Total;

/// A deal is silent when it has been quiet for longer than this share of visits to its stage last.
pub const SILENT: f64 = 0.95;

/// A deal is stuck when it has been in its stage for longer than this share of visits to it last.
pub const STUCK: f64 = 0.9;

/// What is said of any deal in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Where it is.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// What it is worth.
    pub amount: Option<Total>,
}

impl Card {
    /// The card of a deal.
    pub fn of(pipeline: &Pipeline, deal: &Deal) -> Card {
        Card {
            id: deal.id.clone(),
            title: deal.title().to_owned(),
            owner: deal.owner().map(str::to_owned),
            stage: deal.stage.clone(),
            stage_title: pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |p| p.title()).to_owned(),
            amount: deal.amount().map(Total::from),
        }
    }
}

/// An open deal to which nothing has happened for too long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuietDeal {
    /// The deal.
    #[serde(flatten)]
    pub card: Card,
    /// Full days since the last change that counts.
    pub quiet_days: i64,
    /// Full days that would have been in order.
    pub allowed_days: i64,
}

/// What is known of the changes of deals.
pub struct Changes<'a> {
    pipeline: &'a Pipeline,
    journeys: HashMap<&'a DealId, Journey<'a>>,
    tracks: &'a Tracks,
    activity: HashMap<&'a DealId, Vec<NaiveDate>>,
    curves: Vec<KaplanMeier>,
    as_of: i64,
    floors: Floors,
}

impl<'a> Changes<'a> {
    /// The changes of deals up to `as_of` (seconds since 1970), with `today` as the last day of activities.
    pub fn of(
        pipeline: &'a Pipeline,
        deals: &'a [Deal],
        journeys: &'a Journeys,
        tracks: &'a Tracks,
        as_of: i64,
        today: NaiveDate,
        floors: Floors,
    ) -> Self {
        Changes {
            pipeline,
            journeys: journeys.by_deal(),
            tracks,
            activity: deals.iter().map(|deal| (&deal.id, activity_days(deal, today))).collect(),
            curves: stage_curves(pipeline, journeys, as_of),
            as_of,
            floors,
        }
    }

    /// The same, where usual lengths of visits are those of other journeys: of all deals, where these are only some.
    pub fn measured_by(self, journeys: &Journeys) -> Self {
        Changes { curves: stage_curves(self.pipeline, journeys, self.as_of), ..self }
    }

    /// When something that counts last happened to a deal, up to a time; `None` where nothing has, or nothing is known. An
    /// activity has a day only, and counts until that day is over.
    pub fn last(&self, deal: &DealId, until: i64) -> Option<i64> {
        let journey = self.journeys.get(deal);
        let stage = journey.iter().flat_map(|j| j.visits).map(|v| v.entered).filter(|at| *at <= until).max();
        let track = self.tracks.of_deal(deal);
        let field = |name: &&str| track.changes(name).map(|c| c.at.0).filter(|at| *at <= until).max();
        let told = MEANINGFUL.iter().filter_map(field).max();
        let days = self.activity.get(deal).map(Vec::as_slice).unwrap_or_default();
        last_change(self.pipeline, stage.max(told), days, until)
    }

    /// Where a deal was at a time, if it was in a stage that does not count as won.
    pub fn open_at(&self, deal: &DealId, time: i64) -> Option<(usize, Visit)> {
        let visits = self.journeys.get(deal)?.visits;
        let own = visits.iter().rev().find(|v| v.entered <= time && v.left.is_none_or(|left| left > time))?;
        match own.spot {
            Spot::Stage(index) if index < self.pipeline.won_index() => Some((index, *own)),
            _ => None,
        }
    }

    /// The length by which a share `p` of visits to a stage are over, by Kaplan-Meier; `None` where too few are known.
    pub fn usual(&self, stage: usize, p: f64) -> Option<i64> {
        let curve = self.curves.get(stage)?;
        match curve.quantile(p) {
            Quantile::At(time) if curve.events >= self.floors.quantile => Some(time),
            _ => None,
        }
    }

    /// Whether a deal that was open at a time was silent then.
    pub fn is_silent(&self, deal: &DealId, stage: usize, time: i64) -> bool {
        let quiet = self.last(deal, time).map(|last| time - last);
        matches!((quiet, self.usual(stage, SILENT)), (Some(quiet), Some(usual)) if quiet > usual)
    }

    /// Whether a deal that was open at a time had been in its stage for too long then. Its beginning may be unknown: then it
    /// was there at least so long.
    pub fn is_stuck(&self, stage: usize, visit: &Visit, time: i64) -> bool {
        self.usual(stage, STUCK).is_some_and(|usual| time - visit.entered > usual)
    }

    /// The open deals that have been quiet for longer than their stage's `limit`, the longest first.
    pub fn stale(&self, deals: &[Deal]) -> Vec<QuietDeal> {
        self.quiet(deals, |stage| {
            let limit = self.pipeline.stages.get(stage).and_then(|stage| stage.limit)?;
            Some(i64::from(limit.hours) * 3600)
        })
    }

    /// The open deals that have been quiet for longer than [`SILENT`] of visits to their stage last, the longest first.
    pub fn silent(&self, deals: &[Deal]) -> Vec<QuietDeal> {
        self.quiet(deals, |stage| self.usual(stage, SILENT))
    }

    fn quiet(&self, deals: &[Deal], allowed: impl Fn(usize) -> Option<i64>) -> Vec<QuietDeal> {
        let open = deals.iter().filter(|deal| self.pipeline.status(&deal.stage) == Status::Open);
        let quiet = |deal: &Deal| {
            let (stage, _) = self.open_at(&deal.id, self.as_of)?;
            let allowed = allowed(stage)?;
            let quiet = self.as_of - self.last(&deal.id, self.as_of)?;
            let card = Card::of(self.pipeline, deal);
            (quiet > allowed).then_some(QuietDeal { card, quiet_days: quiet / DAY, allowed_days: allowed / DAY })
        };
        let mut quiet: Vec<QuietDeal> = open.filter_map(quiet).collect();
        quiet.sort_by(|a, b| b.quiet_days.cmp(&a.quiet_days).then_with(|| a.card.id.cmp(&b.card.id)));
        quiet
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, day, deal, path, pipeline, tracks, with};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::date::Period;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field, Value};
    use crate::history::spell::Spells;

    #[test]
    fn only_what_moves_a_deal_breaks_its_silence() {
        let mut pipeline = pipeline(&["a", "b"]);
        pipeline.stages[0].limit = Period::parse("10d");
        // Ten visits to a that take a day each, so that 95 of 100 are over after one.
        let mut spells: Vec<_> = (0..10).map(|i| path(&format!("p{i}"), &[("a", 0), ("b", 1), ("won", 2)])).collect();
        for id in ["quiet", "typing", "amount", "acted", "fresh"] {
            spells.push(path(id, &[("a", if id == "fresh" { 39 } else { 5 })]));
        }
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let tracks = tracks(&[("typing", "owner", 35, "olga"), ("amount", "amount", 35, "100")]);
        let on = Field { value: date("2026-02-12"), span: Span::default() };
        let entry = Block { entries: vec![("on".to_owned(), Span::default(), on)] };
        let activity = Value::List(vec![Field { value: Value::Block(entry), span: Span::default() }]);
        let mut deals: Vec<_> = ["quiet", "typing", "amount", "fresh"].map(|id| deal(id, "a")).to_vec();
        deals.push(with(deal("acted", "a"), "activity", activity));
        let today = pipeline.day_of(day(40));
        let changes = Changes::of(&pipeline, &deals, &journeys, &tracks, day(40), today, Floors::default());
        let said = |list: Vec<QuietDeal>| -> Vec<_> {
            list.into_iter().map(|q| (q.card.id.to_string(), q.quiet_days, q.allowed_days)).collect()
        };
        let row = |id: &str, quiet, allowed| (id.to_owned(), quiet, allowed);
        assert_eq!(said(changes.stale(&deals)), [row("quiet", 35, 10), row("typing", 35, 10)]);
        // Five of fifteen are still there, so that the curve does not reach 95 of 100: nobody can be called silent.
        assert_eq!(said(changes.silent(&deals)), []);
        assert_eq!(changes.usual(0, 0.5), Some(DAY));
        assert_eq!(changes.last(&DealId::new("amount").unwrap(), day(34)), Some(day(5)));
        assert_eq!(changes.last(&DealId::new("acted").unwrap(), day(40)), Some(day(39) - 1));
        assert_eq!(changes.last(&DealId::new("nobody").unwrap(), day(40)), None);
        assert!(changes.open_at(&DealId::new("p0").unwrap(), day(1)).is_some_and(|(stage, _)| stage == 1));
        assert!(changes.open_at(&DealId::new("p0").unwrap(), day(2)).is_none());
    }

    #[test]
    fn a_deal_is_silent_past_what_visits_to_its_stage_take() {
        let pipeline = pipeline(&["a"]);
        let mut spells: Vec<_> = (1..=100).map(|i| path(&format!("p{i}"), &[("a", 0), ("won", 1 + i / 20)])).collect();
        spells.extend([path("old", &[("a", 0)]), path("new", &[("a", 37)])]);
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let deals = ["old", "new"].map(|id| deal(id, "a"));
        let tracks = Tracks::default();
        let today = pipeline.day_of(day(40));
        let changes = Changes::of(&pipeline, &deals, &journeys, &tracks, day(40), today, Floors::default());
        let silent: Vec<_> =
            changes.silent(&deals).into_iter().map(|q| (q.card.id.to_string(), q.quiet_days)).collect();
        assert_eq!(silent, [("old".to_owned(), 40)]);
        // Of the two alone nobody could say what is usual.
        let few = Spells::from([path("old", &[("a", 0)]), path("new", &[("a", 37)])].concat().as_slice());
        let few = super::super::journey::journeys(&pipeline, &few);
        let own = Changes::of(&pipeline, &deals, &few, &tracks, day(40), today, Floors::default());
        assert_eq!(own.silent(&deals), []);
        assert_eq!(own.measured_by(&journeys).silent(&deals), changes.silent(&deals));
        let new = DealId::new("new").unwrap();
        assert!(!changes.is_silent(&new, 0, day(40)) && changes.is_silent(&new, 0, day(47)));
    }
}
