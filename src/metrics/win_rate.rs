//! The win rate, in the ways in which people count it, each by number and by value.
//!
//! - *Closed*: won / (won + lost) of the deals that were closed in the period. Most people mean this. It misses open
//!   deals: where deals are lost faster than won it reads too low while the pipeline grows, and where nobody marks lost
//!   deals it reads too high.
//! - *With dead weight*: won / (won + lost + overdue + old), as Zoho counts: open deals past their close date, and those
//!   that have been in their stage for too long, count as not won, in the period of that date or in which they came to be
//!   too old. It punishes an untidy pipeline, and is too low where
//!   such deals are still won.
//! - *Cohort*: of the deals that came in in the period the share that is won, open ones censored. This is the sound one;
//!   it needs patience, or a horizon of so many days, to say much of a young period.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::pipeline::Status;

use super::DAY;
use super::conversion::{Goal, Input, Leg, Tally, Variant, watched};
use super::cycle::first_stage;
use super::journey::{Journey, Outcome, Spot, stage_curves};
use super::quiet::SILENT;
use super::survival::{KaplanMeier, Quantile};
use super::worth::Worth;

/// The win rates of a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WinRates {
    /// Of deals closed in the period; amounts are those at closing.
    pub closed: Leg,
    /// As `closed`, with overdue and old open deals as not won; amounts of those are today's.
    pub with_dead_weight: Leg,
    /// Open deals past their close date, as counted in it.
    pub overdue: usize,
    /// Open deals that were in their stage for too long and are not overdue, as counted in it.
    pub old: usize,
    /// Of deals that came in in the period; amounts are those at coming in.
    pub cohort: Leg,
    /// Days that a deal of the cohort had; `None`: as long as it took.
    pub within_days: Option<u32>,
}

/// Counts the win rates. `deals` are as known at the time, `today` is the day for overdue ones.
pub fn win_rates(input: &Input<'_>, deals: &[Deal], today: NaiveDate) -> WinRates {
    let pipeline = input.pipeline;
    let won_index = pipeline.won_index();
    let tally = |variant: Variant| Tally::new(input, variant, true);
    let (mut closed, mut dead, mut cohort) =
        (tally(Variant::AllStages), tally(Variant::AllStages), tally(Variant::Cohort));
    for (deal, journey) in input.journeys.named() {
        if let Some(decided) = journey.decided.filter(|decided| input.window.holds(*decided)) {
            let worth = || Worth::at(input.tracks, deal, decided, pipeline);
            match journey.outcome {
                Outcome::Won => [&mut closed, &mut dead].map(|t| t.count(Some(worth()), Some(worth()), false)),
                Outcome::Lost => [&mut closed, &mut dead].map(|t| t.count(Some(worth()), None, false)),
                Outcome::Open | Outcome::Recycled | Outcome::Withdrawn => [(), ()],
            };
        }
        if let Some(first) = first_stage(&journey).filter(|first| input.window.holds(first.entered)) {
            let goal = Goal::End(crate::format::pipeline::EndKind::Won);
            let there = journey.decided.filter(|_| journey.outcome == Outcome::Won);
            let seen = watched(&journey, first.entered, there, goal, won_index, input.as_of);
            let worth = Worth::at(input.tracks, deal, first.entered, pipeline);
            cohort.watch(worth, seen, input.within.map(|days| i64::from(days) * DAY));
        }
    }
    let (mut overdue, mut old) = (0, 0);
    let ages = Ages::of(input);
    for deal in deals.iter().filter(|deal| pipeline.status(&deal.stage) == Status::Open) {
        // Each counts in the one period in which it should have been closed, or came to be old.
        let due = deal.close_date().filter(|date| *date < today);
        let is_overdue = due.is_some_and(|date| input.window.holds(pipeline.start_of(date)));
        let is_old = due.is_none() && ages.old_since(deal).is_some_and(|since| input.window.holds(since));
        if is_overdue || is_old {
            dead.count(Some(Worth::of(deal.amount(), input.as_of, pipeline)), None, false);
            overdue += usize::from(is_overdue);
            old += usize::from(is_old);
        }
    }
    WinRates {
        closed: closed.leg(),
        with_dead_weight: dead.leg(),
        overdue,
        old,
        cohort: cohort.leg(),
        within_days: input.within,
    }
}

/// How long open deals have been where they are, against how long that should take.
struct Ages<'a> {
    input: &'a Input<'a>,
    journeys: HashMap<&'a DealId, Journey<'a>>,
    curves: Vec<KaplanMeier>,
}

impl<'a> Ages<'a> {
    /// The ages at the time of the input.
    fn of(input: &'a Input<'a>) -> Self {
        let curves = stage_curves(input.pipeline, input.journeys, input.as_of);
        Ages { input, journeys: input.journeys.by_deal(), curves }
    }

    /// When a deal had been in its stage for longer than the stage's limit, or where the stage has none, longer than 95 of
    /// 100 visits to it last; `None` where it has not, or neither is known.
    fn old_since(&self, deal: &Deal) -> Option<i64> {
        let visit = self.journeys.get(&deal.id).and_then(Journey::current)?;
        let Spot::Stage(index) = visit.spot else { return None };
        let limit = self.input.pipeline.stages.get(index).and_then(|stage| stage.limit);
        let allowed = limit.map(|limit| i64::from(limit.hours) * 3600).or_else(|| self.late(index, SILENT))?;
        visit.entered.checked_add(allowed).filter(|since| *since < self.input.as_of)
    }

    /// The length by which a share `p` of the visits to a stage are over; `None` where too few are known to say.
    fn late(&self, stage: usize, p: f64) -> Option<i64> {
        let curve = self.curves.get(stage)?;
        match curve.quantile(p) {
            Quantile::At(time) if curve.events >= self.input.floors.quantile => Some(time),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Floors;
    use super::super::fixture::{date, day, deal, money, path, pipeline, tracks, with};
    use super::super::funnel::Window;
    use super::super::journey::journeys;
    use super::*;
    use crate::history::spell::Spells;

    #[test]
    fn the_three_ways_differ_as_they_say() {
        let mut pipeline = pipeline(&["a", "b"]);
        pipeline.stages[1].limit = crate::format::date::Period::parse("10d");
        let spells = [
            path("w1", &[("a", 0), ("won", 5)]),
            path("w2", &[("a", 0), ("won", 6)]),
            path("l1", &[("a", 0), ("lost", 3)]),
            path("gone", &[("a", 0), ("recycled", 3)]),
            path("overdue", &[("a", 20)]),
            path("old", &[("a", 20), ("b", 24)]),
            path("fresh", &[("a", 20), ("b", 35)]),
        ];
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let tracks = tracks(&[("w1", "amount", 0, "100"), ("l1", "amount", 0, "300"), ("w1", "amount", 4, "500")]);
        let deals = [
            with(with(deal("overdue", "a"), "close_date", date("2026-01-01")), "amount", money("200")),
            with(deal("old", "b"), "close_date", date("2027-01-01")),
            deal("fresh", "b"),
            deal("w1", "won"),
        ];
        let input = Input {
            pipeline: &pipeline,
            journeys: &journeys,
            tracks: &tracks,
            as_of: day(40),
            window: Window::default(),
            within: None,
            floors: Floors { rate: 1, quantile: 1 },
        };
        let today = "2026-02-14".parse().unwrap();
        let rates = win_rates(&input, &deals, today);
        let share = |leg: &Leg| (leg.reached, leg.entered);
        assert_eq!(share(&rates.closed), (2, 3));
        assert_eq!((share(&rates.with_dead_weight), rates.overdue, rates.old), ((2, 5), 1, 1));
        assert_eq!((share(&rates.cohort), rates.cohort.open), ((2, 7), 3));
        // By value: 500 of 800 closed, 500 of 1,000 with the overdue deal; the cohort takes what they came in with.
        let value = |leg: &Leg| leg.by_amount.raw.value().unwrap();
        assert_eq!((value(&rates.closed), value(&rates.with_dead_weight), value(&rates.cohort)), (0.625, 0.5, 0.25));
        assert_eq!(rates.closed.by_amount.without_amount, 1);
        // The cohort's estimate: lost and recycled on day 3 of seven, then two are won while five and four are left.
        let estimate = rates.cohort.estimate.unwrap().value().unwrap();
        assert!((estimate - 2.0 / 7.0).abs() < 1e-9, "{estimate}");
        let early = Window { from: Some(day(4)), until: Some(day(6)) };
        let rates = win_rates(&Input { window: early, ..input }, &deals, today);
        assert_eq!((share(&rates.closed), rates.cohort.entered), ((1, 1), 0));
        // What was due on 2026-01-01 weighs on the period before, what was too old on day 34 on the one of that day.
        assert_eq!((rates.overdue, rates.old), (0, 0));
        let late = Window { from: Some(day(30)), until: None };
        let rates = win_rates(&Input { window: late, ..input }, &deals, today);
        assert_eq!((rates.overdue, rates.old, share(&rates.with_dead_weight)), (0, 1, (0, 1)));
    }

    #[test]
    fn a_horizon_asks_who_was_won_by_then() {
        let pipeline = pipeline(&["a"]);
        let spells = [path("fast", &[("a", 0), ("won", 5)]), path("slow", &[("a", 0), ("won", 60)])];
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let input = Input {
            pipeline: &pipeline,
            journeys: &journeys,
            tracks: &Default::default(),
            as_of: day(100),
            window: Window::default(),
            within: Some(30),
            floors: Floors { rate: 1, quantile: 1 },
        };
        let cohort = win_rates(&input, &[], "2026-04-01".parse().unwrap()).cohort;
        assert_eq!((cohort.entered, cohort.reached, cohort.open), (2, 1, 0));
        assert_eq!(cohort.estimate.unwrap().value(), Some(0.5));
    }
}
