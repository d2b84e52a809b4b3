//! The chance of a deal to be won, or lost, on each day to come, and what adds up from that.
//!
//! The counts of a cell give the hazard of each day: the share of the deals that were there which was won, or lost, on it.
//! Few deals say little, so each cell borrows from a more general one as if it had seen `weight` more deals behaving like
//! that (the mean of a Dirichlet posterior): a cell of old deals from that of the next younger ones, that of the youngest
//! from what the pipeline file says. The incidence adds the days up (Aalen and Johansen, 1978): with a weight of 0 and
//! whole last days it is their estimator.

use super::cells::{Cell, Cells, DAYS, HalfLife, LastDay};

/// What is assumed of a stage before anything was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// The share of its deals that will be won, 0 to 1.
    pub won: f64,
    /// The days within which half of its deals are decided; above 0.
    pub decided_in: f64,
}

impl Prior {
    /// The share of deals won within some days, if nothing but this was known.
    pub fn won_within(self, days: u32) -> f64 {
        Hazards::assumed(self).within(&[days], Factors::ONE).first().map_or(0.0, |chances| chances.won)
    }

    /// The hazards of every day: to be won, and to be lost.
    fn hazards(self) -> (f64, f64) {
        let decided = 1.0 - 0.5_f64.powf(1.0 / self.decided_in.max(1.0 / 24.0));
        let won = if self.won.is_nan() { 0.0 } else { self.won.clamp(0.0, 1.0) };
        (decided * won, decided * (1.0 - won))
    }
}

/// What becomes of a deal within some days. The three add up to 1.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Chances {
    /// It is won.
    pub won: f64,
    /// It is lost, or goes back to marketing.
    pub lost: f64,
    /// It is still undecided.
    pub open: f64,
}

impl Chances {
    /// Before anything can have happened.
    pub const NONE: Chances = Chances { won: 0.0, lost: 0.0, open: 1.0 };
}

/// By how much the hazards of a deal differ from those of its cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// That of being won.
    pub won: f64,
    /// That of being lost.
    pub lost: f64,
}

impl Factors {
    /// Not at all.
    pub const ONE: Factors = Factors { won: 1.0, lost: 1.0 };
}

/// The hazards of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Hazards {
    /// Of being won, on each day.
    won: Vec<f64>,
    /// Of being lost.
    lost: Vec<f64>,
    /// How much of the first day's hazards was seen rather than assumed, 0 to 1.
    evidence: f64,
    /// How many days there is anything seen of.
    seen_days: usize,
}

impl Hazards {
    /// Nothing but assumption.
    fn assumed(prior: Prior) -> Hazards {
        let (won, lost) = prior.hazards();
        Hazards { won: vec![won; DAYS], lost: vec![lost; DAYS], evidence: 0.0, seen_days: 0 }
    }

    /// `h = (w + m h0) / (n + m)` on each day, for `n` deals of which `w` were won, and the same for the lost ones.
    fn seen(cell: &Cell, parent: &Hazards, weight: f64, last_day: LastDay, half_life: HalfLife) -> Hazards {
        let mut hazards =
            Hazards { won: Vec::with_capacity(DAYS), lost: Vec::with_capacity(DAYS), evidence: 0.0, seen_days: 0 };
        let parents = parent.won.iter().zip(&parent.lost);
        for (day, (seen, (parent_won, parent_lost))) in cell.seen(last_day, half_life).zip(parents).enumerate() {
            let n = seen.there;
            let all = n + weight;
            let share = |seen: f64, assumed: f64| if all > 0.0 { (seen + weight * assumed) / all } else { 0.0 };
            hazards.won.push(share(seen.won, *parent_won));
            hazards.lost.push(share(seen.lost, *parent_lost));
            if n > 0.0 {
                hazards.seen_days = day + 1;
            }
            if day == 0 && all > 0.0 {
                hazards.evidence = n / all;
            }
        }
        hazards
    }

    /// What becomes of a deal within each of these numbers of days, which rise; more than [`DAYS`] count as that.
    pub fn within(&self, days: &[u32], factors: Factors) -> Vec<Chances> {
        let mut chances = Vec::with_capacity(days.len());
        let mut now = Chances::NONE;
        let mut hazards = self.won.iter().zip(&self.lost);
        let mut passed = 0;
        for wanted in days {
            while passed < *wanted {
                let Some((won, lost)) = hazards.next() else { break };
                now = now.after(won * factors.won, lost * factors.lost);
                passed += 1;
            }
            chances.push(now);
        }
        chances
    }

    /// The sums of the hazards of being won and of being lost over the days up to this one, it included.
    pub(super) fn sums(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.won.iter().zip(&self.lost).scan((0.0, 0.0), |sums, (won, lost)| {
            *sums = (sums.0 + won, sums.1 + lost);
            Some(*sums)
        })
    }

    /// How much of the first day's hazards was seen rather than assumed, 0 to 1.
    pub fn evidence(&self) -> f64 {
        self.evidence
    }

    /// For how many days from the age on something was seen; what lies behind comes from the cells that it borrows from.
    pub fn seen_days(&self) -> usize {
        self.seen_days
    }
}

impl Chances {
    /// So much of the way to others, 0 to 1.
    pub(super) fn towards(self, other: Chances, share: f64) -> Chances {
        let won = self.won + (other.won - self.won) * share;
        let lost = self.lost + (other.lost - self.lost) * share;
        Chances { won, lost, open: (1.0 - won - lost).max(0.0) }
    }

    /// A day later.
    fn after(self, won: f64, lost: f64) -> Chances {
        // More than all cannot be decided on a day, whatever the factors say.
        let both = won + lost;
        let (won, lost) = if both > 1.0 { (won / both, lost / both) } else { (won, lost) };
        let (won, lost) = (self.won + self.open * won, self.lost + self.open * lost);
        Chances { won, lost, open: (1.0 - won - lost).max(0.0) }
    }
}

/// The hazards of all cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    ages: usize,
    /// By stage, then by age.
    hazards: Vec<Hazards>,
}

impl Table {
    /// From what was counted. `weight` is how many deals the more general cell weighs as much as, 0 or more; `priors` are
    /// those of the stages.
    pub fn new(cells: &Cells, priors: &[Prior], weight: f64, last_day: LastDay) -> Table {
        let mut hazards: Vec<Hazards> = Vec::with_capacity(cells.stages() * cells.ages().len());
        for (stage, prior) in priors.iter().enumerate().take(cells.stages()) {
            let mut parent = Hazards::assumed(*prior);
            for bin in 0..cells.ages().len() {
                let seen = |cell| Hazards::seen(cell, &parent, weight, last_day, cells.half_life());
                let own = cells.cell(stage, bin).map(seen);
                parent = own.unwrap_or(parent);
                hazards.push(parent.clone());
            }
        }
        Table { ages: cells.ages().len(), hazards }
    }

    /// Those of a stage from an age on, by their places.
    pub fn hazards(&self, stage: usize, bin: usize) -> Option<&Hazards> {
        self.hazards.get(stage * self.ages + bin).filter(|_| bin < self.ages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::spell::Spells;
    use crate::metrics::fixture::{day, path, pipeline};
    use crate::metrics::journey::journeys;
    use proptest::prelude::*;

    const PRIOR: Prior = Prior { won: 0.25, decided_in: 10.0 };

    /// The hazards of a cell in which everything counts the same.
    fn hazards(cell: &Cell, parent: &Hazards, weight: f64, last_day: LastDay) -> Hazards {
        Hazards::seen(cell, parent, weight, last_day, HalfLife::ENDLESS)
    }

    fn chances(cell: &Cell, weight: f64, last_day: LastDay, days: &[u32]) -> Vec<Chances> {
        Hazards::seen(cell, &Hazards::assumed(PRIOR), weight, last_day, HalfLife::ENDLESS).within(days, Factors::ONE)
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} and {b}");
    }

    #[test]
    fn without_weight_the_shares_are_those_that_were_seen() {
        // Four deals; one is won on the first day, one lost and one last seen on the second, one won on the third.
        let cell = Cell::of_days(&[(0, 1), (2, 1)], &[(1, 1)], &[(1, 1)]);
        let found = chances(&cell, 0.0, LastDay::Whole, &[0, 1, 2, 3, 5000]);
        assert_eq!(found[0], Chances::NONE);
        close(found[1].won, 0.25);
        close(found[2].lost, 0.75 / 3.0);
        close(found[3].won, 0.25 + 0.5);
        assert_eq!(found[3], found[4]);
        // Half of the one seen last is there on the second day: 0.75 / 2.5.
        close(chances(&cell, 0.0, LastDay::Half, &[2])[0].lost, 0.3);
    }

    #[test]
    fn where_nothing_was_seen_the_assumption_stands() {
        let found = chances(&Cell::of_days(&[], &[], &[]), 10.0, LastDay::Half, &[10, 730]);
        close(found[0].open, 0.5);
        close(found[0].won, 0.125);
        assert!((found[1].won - 0.25).abs() < 1e-9);
        assert_eq!(
            hazards(&Cell::of_days(&[], &[], &[]), &Hazards::assumed(PRIOR), 10.0, LastDay::Half).evidence(),
            0.0
        );
    }

    #[test]
    fn old_deals_borrow_from_younger_ones() {
        let pipeline = pipeline(&["brief"]);
        let spells: Vec<_> = (0..40).map(|i| path(&format!("w{i}"), &[("brief", 0), ("won", 3)])).collect();
        let journeys = journeys(&pipeline, &Spells::from(spells.concat().as_slice()));
        let cells = Cells::count(&pipeline, &journeys, day(50), &[30], HalfLife::ENDLESS);
        let table = Table::new(&cells, &[PRIOR], 10.0, LastDay::Half);
        let (young, old) = (table.hazards(0, 0).unwrap(), table.hazards(0, 1).unwrap());
        assert_eq!(young.within(&[90], Factors::ONE), old.within(&[90], Factors::ONE));
        close(young.evidence(), 0.8);
        assert_eq!((old.evidence(), young.seen_days(), old.seen_days()), (0.0, 4, 0));
        assert_eq!(table.hazards(0, 2), None);
        assert_eq!(table.hazards(1, 0), None);
    }

    /// Days and counts of endings.
    fn endings() -> impl Strategy<Value = Vec<(usize, u32)>> {
        prop::collection::vec((0..60_usize, 1..20_u32), 0..8)
    }

    proptest! {
        #[test]
        fn chances_add_up_and_to_be_won_never_gets_less_likely_with_time(
            won in endings(), lost in endings(), undecided in endings(),
            weight in prop_oneof![Just(0.0), 0.1..100.0], by in (0.25..4.0, 0.25..4.0), whole: bool,
        ) {
            let last_day = if whole { LastDay::Whole } else { LastDay::Half };
            let hazards = hazards(&Cell::of_days(&won, &lost, &undecided), &Hazards::assumed(PRIOR), weight, last_day);
            let days: Vec<u32> = (0..=120).chain([365, 730, 9999]).collect();
            let found = hazards.within(&days, Factors { won: by.0, lost: by.1 });
            for pair in found.windows(2) {
                prop_assert!(pair[0].won <= pair[1].won && pair[0].lost <= pair[1].lost);
                prop_assert!((pair[1].won + pair[1].lost + pair[1].open - 1.0).abs() < 1e-12);
                prop_assert!(pair[1].won >= 0.0 && pair[1].won <= 1.0 + 1e-12 && pair[1].open >= 0.0);
            }
        }

        #[test]
        fn one_more_win_in_a_cell_never_lowers_its_hazard(
            won in endings(), lost in endings(), undecided in endings(), day in 0..60_usize, weight in 0.0..100.0,
        ) {
            let parent = Hazards::assumed(PRIOR);
            let before = hazards(&Cell::of_days(&won, &lost, &undecided), &parent, weight, LastDay::Half);
            let more = [won, vec![(day, 1)]].concat();
            let after = hazards(&Cell::of_days(&more, &lost, &undecided), &parent, weight, LastDay::Half);
            prop_assert!(after.won[day] >= before.won[day] - 1e-15);
        }

        #[test]
        fn without_weight_the_incidence_is_that_of_aalen_and_johansen(
            won in endings(), lost in endings(), undecided in endings(),
        ) {
            use crate::metrics::survival::{Observation, aalen_johansen};
            let many = |of: &[(usize, u32)], cause: Option<usize>| -> Vec<Observation> {
                let one = |day: usize| match cause {
                    Some(cause) => Observation::ended(day as i64, cause),
                    None => Observation::censored(day as i64),
                };
                of.iter().flat_map(|(day, count)| (0..*count).map(move |_| one(*day))).collect()
            };
            let all = [many(&won, Some(0)), many(&lost, Some(1)), many(&undecided, None)].concat();
            let curve = aalen_johansen(&all, 2);
            let found = chances(&Cell::of_days(&won, &lost, &undecided), 0.0, LastDay::Whole, &(1..=61).collect::<Vec<_>>());
            for (day, chances) in found.iter().enumerate() {
                prop_assert!((chances.won - curve.at(day as i64, 0)).abs() < 1e-12);
                prop_assert!((chances.lost - curve.at(day as i64, 1)).abs() < 1e-12);
            }
        }
    }
}
