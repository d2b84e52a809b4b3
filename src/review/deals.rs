//! What became of each deal.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::action::gate::verdict;
use crate::format::deal::{Deal, Waiver};
use crate::format::former::former_ids;
use crate::format::ident::{DealId, StageId};
use crate::format::judge::{Circumstances, Demand, Outcome, demands};
use crate::format::load::Reading;
use crate::format::money::Money;
use crate::format::pipeline::{Pipeline, RuleLevel, deal_path};
use crate::format::schema::FieldType;
use crate::history::direction;

use super::document::{Amount, DealChange, Direction, FieldChange, Judged, Level, Pair, State, WaiverLine, What};
use super::fields::differing;
use super::found::short;
use super::weigh::Scale;

/// One file of a deal.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    /// Path below the pipeline's folder.
    pub path: &'a str,
    /// The folder it lies in.
    pub stage: &'a str,
    /// What it says; `None` where it cannot be read.
    pub deal: Option<&'a Deal>,
}

/// The files of each deal on one side.
pub(super) fn by_id(reading: &Reading) -> BTreeMap<DealId, Vec<File<'_>>> {
    let mut found: BTreeMap<DealId, Vec<File<'_>>> = BTreeMap::new();
    for deal in &reading.deals {
        let file = File { path: &deal.path, stage: deal.stage.as_str(), deal: Some(deal) };
        found.entry(deal.id.clone()).or_default().push(file);
    }
    for broken in &reading.unreadable {
        if let Some((_, id)) = deal_path(&broken.path) {
            let stage = broken.path.split('/').next().unwrap_or_default();
            found.entry(id).or_default().push(File { path: &broken.path, stage, deal: None });
        }
    }
    found.values_mut().for_each(|files| files.sort_by_key(|file| file.path));
    found
}

/// A deal before and after.
pub(super) struct Pairing<'a> {
    /// Its id; the new one where it has another.
    pub id: DealId,
    /// The id that it had, where that is another.
    pub was: Option<DealId>,
    /// Its files before.
    pub before: Vec<File<'a>>,
    /// Its files after.
    pub after: Vec<File<'a>>,
}

impl<'a> Pairing<'a> {
    /// The one deal that it was; `None` where it was none, could not be read, or lay in several places.
    pub fn as_was(&self) -> Option<&'a Deal> {
        only(&self.before)
    }

    /// The one deal that it is.
    pub fn as_is(&self) -> Option<&'a Deal> {
        only(&self.after)
    }

    /// What stands for it before where it lay in several places.
    fn any_old(&self) -> Option<&'a Deal> {
        self.before.iter().find_map(|file| file.deal)
    }

    fn any_new(&self) -> Option<&'a Deal> {
        // Of several places the new one says what is different.
        let is_new = |file: &&File<'a>| !self.before.iter().any(|old| old.path == file.path);
        let fresh = self.after.iter().filter(is_new).find_map(|file| file.deal);
        fresh.or_else(|| self.after.iter().find_map(|file| file.deal))
    }
}

fn only<'a>(files: &[File<'a>]) -> Option<&'a Deal> {
    match files {
        [file] => file.deal,
        _ => None,
    }
}

/// Brings the two sides of each deal together. A deal that lists the id of one that is gone is that deal renamed.
pub(super) fn pairings<'a>(
    mut before: BTreeMap<DealId, Vec<File<'a>>>,
    mut after: BTreeMap<DealId, Vec<File<'a>>>,
    changed: &BTreeSet<DealId>,
) -> Vec<Pairing<'a>> {
    let mut renamed: BTreeMap<DealId, DealId> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (id, files) in after.iter().filter(|(id, _)| changed.contains(*id) && !before.contains_key(*id)) {
        let Some(deal) = files.iter().find_map(|file| file.deal) else { continue };
        let former = former_ids(&deal.document.root).into_iter().filter_map(|was| DealId::new(was).ok());
        let gone = |was: &DealId| before.contains_key(was) && !after.contains_key(was) && !taken.contains(was);
        if let Some(was) = former.into_iter().find(gone) {
            taken.insert(was.clone());
            renamed.insert(id.clone(), was);
        }
    }
    let mut pairs = Vec::new();
    for id in changed.iter().filter(|id| !taken.contains(*id)) {
        let was = renamed.get(id).cloned();
        let old = before.remove(was.as_ref().unwrap_or(id)).unwrap_or_default();
        let new = after.remove(id).unwrap_or_default();
        if !old.is_empty() || !new.is_empty() {
            pairs.push(Pairing { id: id.clone(), was, before: old, after: new });
        }
    }
    pairs
}

/// What all deals of a change are told by.
pub(super) struct Teller<'a> {
    pub pipeline: &'a Pipeline,
    pub scale: &'a Scale<'a>,
    /// Makes a path of the repository out of one of the pipeline.
    pub named: &'a dyn Fn(&str) -> String,
}

impl Teller<'_> {
    /// What became of a deal, without what it weighs and without findings.
    pub fn tell(&self, pair: &Pairing<'_>, circumstances: &Circumstances<'_>) -> DealChange {
        let stages = |files: &[File<'_>]| -> Vec<String> {
            let all: BTreeSet<&str> = files.iter().map(|file| file.stage).collect();
            all.into_iter().map(short).collect()
        };
        let (from, to) = (stages(&pair.before), stages(&pair.after));
        let (old, new) = (pair.any_old(), pair.any_new());
        let mut fields = match (old, new) {
            (Some(old), Some(new)) => differing(old, new),
            _ => Vec::new(),
        };
        let amount = self.amount(old, new, pair);
        // The amount has a place of its own, unless what stands there is none.
        let is_money = |deal: Option<&Deal>| deal.is_none_or(|d| d.amount().is_some() || !has(d, "amount"));
        if is_money(old) && is_money(new) {
            fields.retain(|field| field.field != "amount");
        }
        let has_other_amount = amount.before != amount.after && old.is_some() && new.is_some();
        let moved = match (&from[..], &to[..]) {
            ([from], [to]) if from != to => Some((from, to)),
            _ => None,
        };
        let what = match (pair.before.is_empty(), pair.after.is_empty()) {
            (true, _) => What::Created,
            (_, true) => What::Removed,
            _ if pair.was.is_some() => What::Renamed,
            _ if moved.is_some() => What::Moved,
            _ if from != to => What::Changed,
            _ if !fields.is_empty() || has_other_amount => What::Changed,
            _ => What::Touched,
        };
        let way = moved.and_then(|(from, to)| {
            let (from, to) = (StageId::new(from).ok()?, StageId::new(to).ok()?);
            Some(direction(self.pipeline, &from, &to).as_str().to_owned())
        });
        let paths = |files: &[File<'_>]| files.iter().map(|file| short(&(self.named)(file.path))).collect();
        DealChange {
            deal: pair.id.to_string(),
            was: pair.was.as_ref().map(DealId::to_string),
            what,
            level: None,
            way,
            paths_before: paths(&pair.before),
            paths: paths(&pair.after),
            unreadable: pair.after.iter().any(|file| file.deal.is_none()),
            amount,
            weighted: Pair::default(),
            fields: fields
                .into_iter()
                .map(|field| FieldChange {
                    money: self.tells_money(&field.field),
                    before: field.before.as_deref().map(short),
                    after: field.after.as_deref().map(short),
                    field: short(&field.field),
                })
                .collect(),
            criteria: match new.filter(|_| moved.is_some() || what == What::Created) {
                Some(new) => self.judged(old, new, circumstances),
                None => Vec::new(),
            },
            waivers: new.map(|new| waivers(old, new)).unwrap_or_default(),
            ignores: new.map(|new| ignores(old, new)).unwrap_or_default(),
            stale: false,
            findings: Vec::new(),
            from,
            to,
        }
    }

    fn amount(&self, old: Option<&Deal>, new: Option<&Deal>, pair: &Pairing<'_>) -> Pair {
        let (before, after) = (old.and_then(Deal::amount), new.and_then(Deal::amount));
        // What cannot be read says nothing of an amount.
        let is_known = (pair.before.is_empty() || old.is_some()) && (pair.after.is_empty() || new.is_some());
        let mut told = Pair { before: before.map(Amount), after: after.map(Amount), ..Pair::default() };
        if !is_known || before == after {
            return told;
        }
        let own = |money: Option<Money>| money.map_or(Some(Decimal::ZERO), |money| self.scale.own(money));
        let change = own(before).zip(own(after)).and_then(|(before, after)| after.checked_sub(before));
        told.direction = Some(match (before, after) {
            (Some(before), Some(after)) => match (before.compare(&after), change) {
                (Some(_), _) => Direction::of(after.amount.saturating_sub(before.amount)),
                (None, Some(change)) => Direction::of(change),
                (None, None) => Direction::Unclear,
            },
            (None, _) => Direction::Up,
            (_, None) => Direction::Down,
        });
        told.change = change.map(|amount| Amount(Money { amount, currency: self.pipeline.currency }));
        told
    }

    /// Whether a field tells of money, or nobody knows of what it tells.
    fn tells_money(&self, path: &str) -> bool {
        fn is_money(of: &FieldType) -> bool {
            match of {
                FieldType::Money => true,
                FieldType::List(of) | FieldType::MapOf(of) => is_money(of),
                FieldType::Block(fields) => fields.iter().any(|field| is_money(&field.of)),
                _ => false,
            }
        }
        self.pipeline.field(path).is_none_or(|spec| is_money(&spec.of))
    }

    /// The criteria that a move is asked for and the stage before was not; of a new deal all.
    fn judged(&self, old: Option<&Deal>, new: &Deal, circumstances: &Circumstances<'_>) -> Vec<Judged> {
        let Some(place) = self.pipeline.place(new.stage.as_str()) else { return Vec::new() };
        let from = old.map_or(&new.stage, |old| &old.stage);
        let verdict = verdict(self.pipeline, new, from, place, circumstances);
        let earlier = old.and_then(|old| self.pipeline.place(old.stage.as_str()));
        let known: BTreeSet<&str> =
            match earlier.filter(|place| matches!(place, crate::format::pipeline::Place::Stage(..))) {
                Some(place) => {
                    let asked = demands(self.pipeline, new, place, circumstances.visited);
                    asked.into_iter().map(|demand| demand.criterion.id.as_str()).collect()
                }
                None => BTreeSet::new(),
            };
        let told = verdict.criteria.iter().filter(|(demand, _)| !known.contains(demand.criterion.id.as_str()));
        told.map(|(demand, outcome)| one(demand, outcome)).collect()
    }
}

fn one(demand: &Demand<'_>, outcome: &Outcome) -> Judged {
    let (state, missing) = match outcome {
        Outcome::Met => (State::Met, Vec::new()),
        Outcome::Missing(fields) | Outcome::MissingOneOf(fields) => (State::Missing, fields.clone()),
        Outcome::NotSatisfied(_) => (State::NotSatisfied, Vec::new()),
        Outcome::Failed(_) => (State::Failed, Vec::new()),
        Outcome::Waived { .. } => (State::Waived, Vec::new()),
    };
    Judged {
        criterion: demand.criterion.id.to_string(),
        asked_by: demand.place.id().to_string(),
        level: match demand.criterion.level {
            RuleLevel::Error => Level::Error,
            RuleLevel::Warning => Level::Warning,
            RuleLevel::Info | RuleLevel::Off => Level::Info,
        },
        state,
        missing,
    }
}

fn has(deal: &Deal, field: &str) -> bool {
    deal.document.root.get(field).is_some()
}

/// Waivers that were not there before.
fn waivers(old: Option<&Deal>, new: &Deal) -> Vec<WaiverLine> {
    let before: Vec<Waiver<'_>> = old.map(|old| old.waivers().collect()).unwrap_or_default();
    let added = new.waivers().filter(|waiver| !before.contains(waiver));
    added
        .map(|waiver| WaiverLine {
            criterion: short(waiver.criterion),
            by: short(waiver.by),
            reason: short(waiver.reason),
        })
        .collect()
}

/// Comments that silence a rule and were not there before.
fn ignores(old: Option<&Deal>, new: &Deal) -> Vec<String> {
    let mut before = old.map(crate::check::ignore_comments).unwrap_or_default();
    let mut added = crate::check::ignore_comments(new);
    added.retain(|comment| match before.iter().position(|known| known == comment) {
        Some(at) => {
            before.swap_remove(at);
            false
        }
        None => true,
    });
    added.iter().map(|comment| short(comment)).collect()
}
