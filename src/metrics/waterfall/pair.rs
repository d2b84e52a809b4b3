//! A deal at the start and at the end, and what took it into the set or out of it.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::money::{Currency, Money};
use crate::format::pipeline::Status;
use crate::format::value::Value;

use super::super::journey::{Journey, Spot};
use super::super::rates::Converter;
use super::super::total::Total;
use super::{DealChange, Input, Kind, Known};

/// A deal at both times.
pub(super) struct Pair<'a> {
    /// As it is at the end; where it is not there any more, as it was at the start.
    deal: &'a Deal,
    before: Option<&'a Deal>,
    after: Option<&'a Deal>,
    /// What it counts at the start and at the end: its amounts, converted where they can be.
    counts: [Option<Money>; 2],
    /// Whether it is in the set at the start.
    pub was_in: bool,
    /// Whether it is in the set at the end.
    pub is_in: bool,
    /// What took it in, if anything did. A deal that came and left again between the two times has both reasons.
    pub came: Option<Kind>,
    /// What took it out.
    pub went: Option<Kind>,
}

/// How a deal stands at one time.
#[derive(Clone, Copy)]
struct Standing {
    /// Whether the filter lets it through.
    chosen: bool,
    status: Status,
    close: Option<NaiveDate>,
}

/// Every deal that was there at one of the two times, once.
pub(super) fn pairs<'a>(input: &Input<'a>) -> Vec<Pair<'a>> {
    let all = |known: &Known<'a>| {
        let mut found: Vec<(&'a Deal, bool)> = known.deals.iter().map(|deal| (deal, true)).collect();
        let mut seen: HashSet<&DealId> = known.deals.iter().map(|deal| &deal.id).collect();
        found.extend(known.all.iter().filter(|deal| seen.insert(&deal.id)).map(|deal| (deal, false)));
        found
    };
    let (before, after) = (all(&input.before), all(&input.after));
    let older: HashMap<&DealId, usize> = before.iter().enumerate().map(|(at, (deal, _))| (&deal.id, at)).collect();
    let mut partners: Vec<Option<usize>> = after.iter().map(|(deal, _)| older.get(&deal.id).copied()).collect();
    let mut taken: HashSet<usize> = partners.iter().flatten().copied().collect();
    // A deal of that id is that deal; only what is then left over can have been renamed. The nearest name counts.
    for (partner, (deal, _)) in partners.iter_mut().zip(&after) {
        if partner.is_none() {
            *partner = names_before(deal).filter_map(|id| older.get(id).copied()).find(|at| taken.insert(*at));
        }
    }
    let of = |known: &Known<'_>, (deal, chosen): &(&Deal, bool)| Standing {
        chosen: *chosen,
        status: known.pipeline.status(&deal.stage),
        close: deal.close_date(),
    };
    let journeys = input.journeys.by_deal();
    let unread_before: HashSet<&DealId> = input.before.unreadable.iter().collect();
    let unread_after: HashSet<&DealId> = input.after.unreadable.iter().collect();
    let judge = Judge { input, unread_before };
    let converter = Converter::of(input.after.pipeline);
    let counted = |deal: Option<&Deal>| {
        let money = deal.and_then(Deal::amount)?;
        let converted = converter.convert(money, input.rates_of);
        Some(converted.map_or(money, |amount| Money { amount, currency: converter.currency() }))
    };

    let mut pairs = Vec::with_capacity(before.len().max(after.len()));
    for (partner, found) in partners.iter().zip(&after) {
        let deal = found.0;
        let older = partner.and_then(|at| before.get(at));
        let a = older.map(|older| of(&input.before, older));
        let b = of(&input.after, found);
        let (came, went) = judge.reasons(deal, a, b, journeys.get(&deal.id).copied());
        let was_in = a.is_some_and(|a| judge.is_in(a));
        let is_in = judge.is_in(b);
        let before = older.map(|(deal, _)| *deal);
        let counts = [counted(before), counted(Some(deal))];
        pairs.push(Pair { deal, before, after: Some(deal), counts, was_in, is_in, came, went });
    }
    for (_, found) in before.iter().enumerate().filter(|(at, _)| !taken.contains(at)) {
        let deal = found.0;
        let was_in = judge.is_in(of(&input.before, found));
        let kind = if unread_after.contains(&deal.id) { Kind::Unread } else { Kind::Withdrawn };
        let went = was_in.then_some(kind);
        let counts = [counted(Some(deal)), None];
        pairs.push(Pair { deal, before: Some(deal), after: None, counts, was_in, is_in: false, came: None, went });
    }
    pairs
}

/// The ids that a deal had before, the last one first.
fn names_before(deal: &Deal) -> impl Iterator<Item = &DealId> {
    let items = deal.value("was").and_then(Value::as_list).unwrap_or_default();
    items.iter().rev().filter_map(|item| if let Value::Deal(id) = &item.value { Some(id) } else { None })
}

struct Judge<'i, 'a> {
    input: &'i Input<'a>,
    unread_before: HashSet<&'a DealId>,
}

impl Judge<'_, '_> {
    fn closing(&self, day: Option<NaiveDate>) -> bool {
        self.input.closing.is_none_or(|span| day.is_some_and(|day| span.contains(day)))
    }

    fn is_in(&self, standing: Standing) -> bool {
        standing.chosen && standing.status == Status::Open && self.closing(standing.close)
    }

    /// What took a deal that is there at the end into the set, and what took it out.
    fn reasons(
        &self,
        deal: &Deal,
        a: Option<Standing>,
        b: Standing,
        journey: Option<Journey<'_>>,
    ) -> (Option<Kind>, Option<Kind>) {
        match (a.is_some_and(|a| self.is_in(a)), self.is_in(b)) {
            (true, true) => (None, None),
            (false, true) => (Some(self.came(deal, a)), None),
            (true, false) => (None, Some(self.went(b))),
            // What came and left again between the two times shows both, or new business would be hidden.
            (false, false) if self.passed_through(deal, a, b, journey) => {
                (Some(self.came(deal, a)), Some(self.went(b)))
            }
            (false, false) => (None, None),
        }
    }

    /// Whether a deal that is in the set at neither time was in it between them: it is closed at the end, was decided
    /// after the start, and belongs to the days that are looked at.
    fn passed_through(&self, deal: &Deal, a: Option<Standing>, b: Standing, journey: Option<Journey<'_>>) -> bool {
        if !b.chosen || b.status == Status::Open {
            return false;
        }
        let decided_between = match a {
            Some(a) => a.status != b.status,
            // Nobody knows how it stood.
            None if self.was_unreadable(deal) => false,
            // An import brings old wins and losses, which were decided before anybody wrote them down here.
            None => journey.is_none_or(|journey| {
                let won_index = self.input.after.pipeline.won_index();
                let closed = |spot: Spot| spot.status(won_index) != Status::Open;
                !journey.visits.iter().all(|visit| visit.left_censored && closed(visit.spot))
            }),
        };
        // A win belongs also to the day on which it was won: its close date may never have been brought forward.
        let won_on = || {
            let decided = journey.filter(|_| b.status == Status::Won).and_then(|journey| journey.decided);
            decided.map(|at| self.input.after.pipeline.day_of(at))
        };
        decided_between && (self.closing(b.close) || self.closing(won_on()))
    }

    fn was_unreadable(&self, deal: &Deal) -> bool {
        std::iter::once(&deal.id).chain(names_before(deal)).any(|id| self.unread_before.contains(id))
    }

    fn came(&self, deal: &Deal, a: Option<Standing>) -> Kind {
        let Some(a) = a else {
            return if self.was_unreadable(deal) { Kind::ReadAgain } else { Kind::New };
        };
        match (a, self.input.closing) {
            (Standing { chosen: false, .. }, _) => Kind::FilterIn,
            (Standing { status: Status::Open, close: None, .. }, _) => Kind::Dated,
            (Standing { status: Status::Open, close: Some(day), .. }, Some(span)) if day < span.from => Kind::PushedIn,
            (Standing { status: Status::Open, .. }, Some(_)) => Kind::PulledIn,
            _ => Kind::Reopened,
        }
    }

    fn went(&self, b: Standing) -> Kind {
        match (b, self.input.closing) {
            (Standing { chosen: false, .. }, _) => Kind::FilterOut,
            (Standing { status: Status::Won, .. }, _) => Kind::Won,
            (Standing { status: Status::Lost, .. }, _) => Kind::Lost,
            (Standing { status: Status::Recycled, .. }, _) => Kind::Recycled,
            (Standing { close: None, .. }, _) => Kind::Undated,
            (Standing { close: Some(day), .. }, Some(span)) if day < span.from => Kind::PulledOut,
            _ => Kind::Slipped,
        }
    }
}

impl Pair<'_> {
    /// What it counts at the start.
    pub fn amount_before(&self) -> Option<Money> {
        self.counts[0]
    }

    /// What it counts at the end.
    pub fn amount(&self) -> Option<Money> {
        self.counts[1]
    }

    /// The currencies of its amounts, where they count.
    pub fn currencies(&self) -> impl Iterator<Item = Currency> {
        let has_part = self.was_in || self.is_in || self.came.is_some() || self.went.is_some();
        let deals = [self.before, self.after].into_iter().filter(move |_| has_part);
        deals.filter_map(|deal| deal.and_then(Deal::amount)).map(|money| money.currency)
    }

    /// The amount that a deal leaves with: the one at the end, or where nobody knows that, the one at the start. What a
    /// filter keeps out at the end is not looked at any more, so that its amount there is nobody's business here.
    pub fn exit_amount(&self) -> Option<Money> {
        let known = if self.went == Some(Kind::FilterOut) { None } else { self.amount() };
        known.or_else(|| self.amount_before())
    }

    /// The row of one reason.
    pub fn change(&self, kind: Kind, booked: Vec<Total>, left: bool) -> DealChange {
        let (before, after) = (self.before, self.after);
        let owner = |deal: Option<&Deal>| deal.and_then(Deal::owner).map(str::to_owned);
        DealChange {
            kind,
            id: self.deal.id.clone(),
            was: before.map(|deal| &deal.id).filter(|was| **was != self.deal.id).cloned(),
            title: self.deal.title().to_owned(),
            owner_before: owner(before),
            owner: owner(after),
            stage_before: before.map(|deal| deal.stage.clone()),
            stage: after.map(|deal| deal.stage.clone()),
            amount_before: before.and_then(Deal::amount).map(Total::from),
            amount: after.and_then(Deal::amount).map(Total::from),
            counted_before: self.amount_before().map(Total::from),
            close_before: before.and_then(Deal::close_date),
            close_date: after.and_then(Deal::close_date),
            booked,
            was_there: self.was_in,
            left,
        }
    }
}
