//! What deals can be expected to bring, on both sides by the same chances, so that a difference comes from the deals and
//! from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::forecast::log::Log;
use crate::forecast::model::age;
use crate::forecast::{Ground, Input, Standing};
use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::money::Money;
use crate::format::pipeline::{Pipeline, Status};
use crate::history::event::KnownAt;
use crate::metrics::journey::{Outcome, Spot};
use crate::metrics::rates::Converter;
use crate::metrics::total::decimal_share;

use super::document::Method;

/// What was known when the change began: all events up to the base, and when the last of them became known.
#[derive(Debug)]
pub struct Past {
    /// Everything that was known of all deals.
    pub log: Log,
    /// Seconds since 1970.
    pub as_of: i64,
}

/// What deals weigh.
pub(super) struct Scale<'a> {
    pipeline: &'a Pipeline,
    /// By the rates of this day amounts are converted.
    day: NaiveDate,
    past: Option<&'a Past>,
}

/// What the deals of a change weigh, and all others together.
#[derive(Debug, Default)]
pub(super) struct Weights {
    /// Of each deal before, in the order in which they were given; `None` where it cannot be told.
    pub before: Vec<Option<Decimal>>,
    /// After.
    pub after: Vec<Option<Decimal>>,
    /// All open deals that the change leaves as they are; `None` where nobody knows.
    pub others: Option<Decimal>,
    /// The last day on which a win counts.
    pub until: Option<NaiveDate>,
}

impl<'a> Scale<'a> {
    pub fn new(pipeline: &'a Pipeline, day: NaiveDate, past: Option<&'a Past>) -> Self {
        Scale { pipeline, day, past }
    }

    /// From what the chances come.
    pub fn method(&self) -> Method {
        let open = self.pipeline.stages.iter().take(self.pipeline.won_index());
        match self.past {
            Some(_) => Method::History,
            None if open.clone().any(|stage| stage.probability.is_some()) => Method::Stages,
            None => Method::None,
        }
    }

    /// An amount in the pipeline's currency.
    pub fn own(&self, money: Money) -> Option<Decimal> {
        Converter::of(self.pipeline).convert(money, self.day)
    }

    /// Weighs deals as they were and as they are.
    pub fn weigh(&self, before: &[Deal], after: &[Deal], changed: &BTreeSet<DealId>) -> Weights {
        let Some(past) = self.past else {
            let by_stage = |deal: &Deal| {
                let stage = self.pipeline.stages.iter().find(|stage| stage.id == deal.stage)?;
                self.weight(deal, || Some(decimal_share(stage.probability?)))
            };
            let of = |deals: &[Deal]| match self.method() {
                Method::None => vec![None; deals.len()],
                _ => deals.iter().map(|deal| self.closed(deal).unwrap_or_else(|| by_stage(deal))).collect(),
            };
            return Weights { before: of(before), after: of(after), others: None, until: None };
        };
        let horizon = self.pipeline.forecast.horizon;
        let input = |deals| Input {
            pipeline: self.pipeline,
            log: &past.log,
            deals,
            as_of: past.as_of,
            horizon,
            whole: false,
            by: &[],
        };
        let (nobody, first, second) = (input(&[]), input(before), input(after));
        let learnt = Ground::new(&nobody);
        let days = [learnt.ahead.days];
        // Many deals are in the same stage for as long.
        let mut known: BTreeMap<(usize, u32, Vec<Option<String>>), Decimal> = BTreeMap::new();
        let mut share = |standing: &Standing| {
            let key = (standing.stage, standing.age, standing.values.clone());
            *known.entry(key).or_insert_with(|| {
                let chances = learnt.chances(standing, &days);
                decimal_share(chances.first().map_or(0.0, |chances| chances.won))
            })
        };
        let mut of = |input: &Input<'_>| -> Vec<Option<Decimal>> {
            let ground = learnt.with(input);
            let deals = input.deals.iter().zip(ground.standings());
            deals
                .map(|(deal, standing)| {
                    let open = || self.weight(deal, || standing.as_ref().map(&mut share));
                    self.closed(deal).unwrap_or_else(open)
                })
                .collect()
        };
        let (before, after) = (of(&first), of(&second));
        let known_then = past.log.until(KnownAt(past.as_of));
        let mut others = Some(Decimal::ZERO);
        for (number, journey) in learnt.journeys().numbered() {
            let id = past.log.deals().get(number as usize);
            let visit = journey.current().filter(|_| journey.outcome == Outcome::Open);
            let (Some(visit), false) = (visit, id.is_none_or(|id| changed.contains(id))) else { continue };
            let Spot::Stage(stage) = visit.spot else { continue };
            let money = known_then.value(number, "amount", None);
            let own = money.and_then(|text| Money::parse(text, self.pipeline.currency).ok()).and_then(|m| self.own(m));
            let Some(own) = own else { continue };
            let values = learnt.model.values_of(&known_then, number);
            let values = values.into_iter().map(|value| value.map(str::to_owned)).collect();
            let share = share(&Standing { stage, age: age(past.as_of, visit.entered), values });
            others = others.and_then(|sum| sum.checked_add(self.rounded(own.checked_mul(share)?)));
        }
        Weights { before, after, others, until: Some(learnt.ahead.until) }
    }

    /// What a deal weighs that is not open: all of its amount once it is won, nothing once it is lost. `None` where it is
    /// open.
    fn closed(&self, deal: &Deal) -> Option<Option<Decimal>> {
        match self.pipeline.place(deal.stage.as_str()).map(|_| self.pipeline.status(&deal.stage)) {
            None => Some(None),
            Some(Status::Open) => None,
            Some(Status::Won) => Some(self.weight(deal, || Some(Decimal::ONE))),
            Some(Status::Lost | Status::Recycled) => Some(Some(Decimal::ZERO)),
        }
    }

    /// The share of a deal's amount. A deal without an amount weighs nothing.
    fn weight(&self, deal: &Deal, share: impl FnOnce() -> Option<Decimal>) -> Option<Decimal> {
        let refused = deal.problems.iter().any(|problem| problem.field.as_deref() == Some("amount"));
        match deal.amount() {
            None if refused => None,
            None => Some(Decimal::ZERO),
            Some(money) => self.own(money)?.checked_mul(share()?).map(|weight| self.rounded(weight)),
        }
    }

    fn rounded(&self, amount: Decimal) -> Decimal {
        let digits = self.pipeline.currency.minor_digits();
        amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven)
    }
}
