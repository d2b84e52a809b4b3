//! How long deals stay in each stage: each visit by itself, and all visits of a deal to the stage added up.
//!
//! Visits that last are censored, not short; what came in with an import began earlier than is known, and is not timed. A
//! deal that left a stage may come back: its sum counts as complete once it is somewhere else.

use serde::Serialize;

use crate::format::ident::StageId;
use crate::format::pipeline::Pipeline;

use super::calendar::Clock;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::journey::{Journey, Journeys, Spot, Visit};
use super::survival::{KaplanMeier, Observation, Quantile, Sample};

/// How long some things lasted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lengths {
    /// How many were timed.
    pub timed: usize,
    /// Those that ended.
    pub ended: usize,
    /// Those that last, or ended without telling how long they would have lasted: they are censored.
    pub censored: usize,
    /// Those whose beginning is unknown, which are in no other number.
    pub untimed: usize,
    /// The Kaplan-Meier median in seconds.
    pub median_seconds: Estimate<i64>,
    /// The length in seconds by which nine of ten are over, by Kaplan-Meier.
    pub p90_seconds: Estimate<i64>,
}

impl Lengths {
    /// What a sample of lengths says.
    pub fn of(sample: Sample, untimed: usize, floors: Floors) -> Lengths {
        let curve = sample.kaplan_meier();
        Lengths {
            timed: curve.n,
            ended: curve.events,
            censored: curve.n - curve.events,
            untimed,
            median_seconds: quantile(&curve, 0.5, floors),
            p90_seconds: quantile(&curve, 0.9, floors),
        }
    }
}

/// A quantile of a curve, with the interval of Brookmeyer and Crowley (1982).
pub fn quantile(curve: &KaplanMeier, p: f64, floors: Floors) -> Estimate<i64> {
    match curve.quantile(p) {
        _ if curve.events < floors.quantile.max(1) => Estimate::TooEarly { n: curve.events },
        Quantile::NotReached(beyond) => Estimate::NotReached { beyond, n: curve.events },
        Quantile::At(value) => {
            let (low, high) = curve.quantile_interval(p);
            Estimate::Known { value, n: curve.events, low, high }
        }
    }
}

/// The time in one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Each visit by itself: those that began inside the window.
    pub visits: Lengths,
    /// All visits of a deal added up: deals whose first visit to the stage began inside the window.
    pub deals: Lengths,
    /// Deals among them that were there more than once.
    pub returned: usize,
    /// Whether the stage counts as won.
    pub is_won: bool,
}

/// The time in every stage, in order. `as_of` is in seconds since 1970; `clock` says which seconds count.
pub fn stage_times(
    pipeline: &Pipeline,
    journeys: &Journeys,
    as_of: i64,
    window: Window,
    clock: Clock<'_>,
    floors: Floors,
) -> Vec<StageTime> {
    let mut tallies: Vec<Tally> = pipeline.stages.iter().map(|_| Tally::default()).collect();
    let mut sums: Vec<Option<Sum>> = Vec::new();
    for journey in journeys.iter() {
        sums.clear();
        sums.resize(tallies.len(), None);
        for visit in journey.visits {
            let Spot::Stage(index) = visit.spot else { continue };
            let (Some(tally), Some(sum)) = (tallies.get_mut(index), sums.get_mut(index)) else { continue };
            let length = length(visit, as_of, clock);
            if window.holds(visit.entered) {
                match length {
                    Some(length) => tally.visits.push(length),
                    None => tally.untimed_visits += 1,
                }
            }
            sum.get_or_insert(Sum { first: visit.entered, ..Sum::default() }).add(length);
        }
        for (tally, sum) in tallies.iter_mut().zip(&sums) {
            if let Some(sum) = sum.filter(|sum| window.holds(sum.first)) {
                tally.add(sum);
            }
        }
    }
    let won_index = pipeline.won_index();
    let stages = pipeline.stages.iter().zip(tallies).enumerate();
    let stages = stages.map(|(index, (stage, tally))| StageTime {
        stage: stage.id.clone(),
        title: stage.title.clone(),
        visits: Lengths::of(tally.visits, tally.untimed_visits, floors),
        deals: Lengths::of(tally.deals, tally.untimed_deals, floors),
        returned: tally.returned,
        is_won: index >= won_index,
    });
    stages.collect()
}

/// How long a visit lasted, by a clock; `None` where its beginning is unknown.
pub fn length(visit: &Visit, as_of: i64, clock: Clock<'_>) -> Option<Observation> {
    if visit.left_censored {
        return None;
    }
    let lasted = clock.between(visit.entered, visit.left.unwrap_or(as_of));
    let is_over = visit.left.is_some() && visit.moved_on;
    Some(if is_over { Observation::ended(lasted, 0) } else { Observation::censored(lasted) })
}

/// Lengths of the visits to one stage that began inside a window, for comparisons.
pub fn visit_lengths(
    journeys: &Journeys,
    stage: usize,
    as_of: i64,
    window: Window,
    clock: Clock<'_>,
) -> Vec<Observation> {
    let visits = journeys.iter().flat_map(|journey: Journey<'_>| journey.visits);
    let own = visits.filter(|v| v.spot == Spot::Stage(stage) && window.holds(v.entered));
    own.filter_map(|visit| length(visit, as_of, clock)).collect()
}

/// All visits of one deal to one stage.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    first: i64,
    seconds: i64,
    visits: usize,
    is_open: bool,
    is_untimed: bool,
}

impl Sum {
    fn add(&mut self, length: Option<Observation>) {
        self.visits += 1;
        match length {
            Some(length) => {
                self.seconds = self.seconds.saturating_add(length.time);
                self.is_open |= length.cause.is_none();
            }
            None => self.is_untimed = true,
        }
    }
}

#[derive(Default)]
struct Tally {
    visits: Sample,
    untimed_visits: usize,
    deals: Sample,
    untimed_deals: usize,
    returned: usize,
}

impl Tally {
    fn add(&mut self, sum: Sum) {
        self.returned += usize::from(sum.visits > 1);
        if sum.is_untimed {
            self.untimed_deals += 1;
        } else if sum.is_open {
            self.deals.push(Observation::censored(sum.seconds));
        } else {
            self.deals.push(Observation::ended(sum.seconds, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DAY;
    use super::super::calendar::WorkingTime;
    use super::super::fixture::{day, path, pipeline};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::calendar::Calendar;
    use crate::history::spell::{Spell, Spells};

    const NO_FLOORS: Floors = Floors { rate: 1, quantile: 1 };

    fn times(spells: &[Vec<Spell>], clock: Clock<'_>) -> Vec<StageTime> {
        let pipeline = pipeline(&["a", "b"]);
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        stage_times(&pipeline, &journeys, day(20), Window::default(), clock, NO_FLOORS)
    }

    fn returning() -> Vec<Vec<Spell>> {
        vec![
            path("back", &[("a", 0), ("b", 2), ("a", 5), ("b", 9), ("lost", 10)]),
            path("once", &[("a", 0), ("b", 4)]),
            path("here", &[("a", 0), ("b", 1), ("a", 12)]),
        ]
    }

    #[test]
    fn visits_of_a_deal_are_added_up() {
        let a = &times(&returning(), Clock::Wall)[0];
        assert_eq!((a.visits.timed, a.visits.ended, a.visits.censored), (5, 4, 1));
        // 1, 2, 4, 4 days ended, one lasts for 8.
        assert_eq!(a.visits.median_seconds.value(), Some(4 * DAY));
        // 4 and 2 + 4 days ended, 1 + 8 lasts.
        assert_eq!((a.deals.timed, a.deals.ended, a.returned), (3, 2, 2));
        assert_eq!(a.deals.median_seconds.value(), Some(6 * DAY));
        assert_eq!(a.deals.p90_seconds, Estimate::NotReached { beyond: 9 * DAY, n: 2 });
    }

    #[test]
    fn imported_visits_are_not_timed_nor_is_their_deal() {
        let mut spells = returning();
        spells[0][0].left_censored = true;
        let a = &times(&spells, Clock::Wall)[0];
        assert_eq!((a.visits.untimed, a.deals.untimed, a.deals.timed), (1, 1, 2));
    }

    #[test]
    fn working_time_leaves_out_the_weekend() {
        let calendar = Calendar {
            days: [true, true, true, true, true, false, false],
            from: 0,
            to: 1440,
            holidays: Default::default(),
        };
        // Day 0 is a Monday.
        let time = WorkingTime::new(&calendar, &crate::format::zone::Zone::UTC, day(0), day(30));
        let spells = [path("x", &[("a", 0), ("b", 8)])];
        let a = &times(&spells, Clock::Working(&time))[0];
        assert_eq!(a.visits.median_seconds.value(), Some(6 * DAY));
    }
}
