//! What the law says of an open deal: the chance that it is won by a day, the market's coming states unknown.

use super::law::{ADVANCE, BACK, Law, OLDEST, WIN};

/// Points and weights of the normal law (Gauss and Hermite): exact for polynomials up to degree 13.
const NORMAL: [(f64, f64); 7] = [
    (-3.750_439_717_725_742, 0.000_548_268_855_972_218),
    (-2.366_759_410_734_541, 0.030_757_123_967_586_5),
    (-1.154_405_394_739_968, 0.240_123_178_605_012_7),
    (0.0, 0.457_142_857_142_857_1),
    (1.154_405_394_739_968, 0.240_123_178_605_012_7),
    (2.366_759_410_734_541, 0.030_757_123_967_586_5),
    (3.750_439_717_725_742, 0.000_548_268_855_972_218),
];

/// The chances of deals, from the end of one day to the end of another.
pub struct Truth {
    /// By segment, stage, age on the first day.
    chances: Vec<Vec<Vec<f64>>>,
    /// By segment, the day of arrival counted from the first day.
    arriving: Vec<Vec<f64>>,
    from: u32,
}

impl Truth {
    /// By going back from the last day, exact but for the market's states, which are seven in each period. `from` must be
    /// the last day of a period, so that nothing is known of the next state.
    pub fn of(law: &Law, from: u32, days: u32) -> Truth {
        assert_eq!((from + 1) % law.period, 0, "what is known of the market's state would tell of the days to come");
        let rates = law.rates();
        let mut truth = Truth { chances: Vec::new(), arriving: Vec::new(), from };
        for segment in 0..law.segments.len() {
            // What is to come for a deal at the end of a day, by stage and by its age on the next.
            let mut after = vec![vec![0.0; OLDEST + 1]; law.stages.len()];
            let mut arriving = vec![0.0; days as usize];
            let mut end = days;
            while end > 0 {
                // The days from `begin + 1` to `end` share a state.
                let begin = (end - 1) / law.period * law.period;
                let mut mean = vec![vec![0.0; OLDEST + 1]; law.stages.len()];
                for (market, weight) in NORMAL {
                    let factors = law.factors(segment, from + begin + 1, market);
                    let mut next = after.clone();
                    for day in (begin..end).rev() {
                        // A deal that comes on this day begins its second day with the next.
                        arriving[day as usize] += weight * next[0][0];
                        let mut now = vec![vec![0.0; OLDEST + 1]; law.stages.len()];
                        for (stage, now) in now.iter_mut().enumerate() {
                            for (index, now) in now.iter_mut().enumerate() {
                                let chances = rates.daily(stage, index as u32 + 1, factors);
                                let stays = 1.0 - chances.iter().sum::<f64>();
                                let place = |stage: Option<usize>| {
                                    stage.and_then(|stage| next.get(stage)).map_or(0.0, |ages| ages[0])
                                };
                                *now = chances[WIN]
                                    + chances[ADVANCE] * place(stage.checked_add(1))
                                    + chances[BACK] * place(stage.checked_sub(1))
                                    + stays * next[stage][(index + 1).min(OLDEST)];
                            }
                        }
                        next = now;
                    }
                    for (mean, next) in mean.iter_mut().flatten().zip(next.iter().flatten()) {
                        *mean += weight * next;
                    }
                }
                after = mean;
                end = begin;
            }
            truth.chances.push(after);
            truth.arriving.push(arriving);
        }
        truth
    }

    /// The chance of a deal of a segment that has been in a stage since a day.
    pub fn chance(&self, segment: usize, stage: usize, entered: u32) -> f64 {
        self.chances[segment][stage][((self.from - entered) as usize).min(OLDEST)]
    }

    /// The chance of a deal of a segment that comes so many days after the first, at least one.
    pub fn of_arrival(&self, segment: usize, days: u32) -> f64 {
        self.arriving[segment][days as usize - 1]
    }
}
