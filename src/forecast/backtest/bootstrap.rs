//! Whether one way of forecasting is better than another, or only looks so.
//!
//! Both forecast the same periods, so the differences are paired. Windows that overlap share their deals: neighbouring
//! periods are drawn together, in blocks (H. R. Künsch, 1989), and the row of periods is closed to a ring so that the
//! first and the last are drawn as often as the others (Politis and Romano, 1992).

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::metrics::interval::Z;

/// How often the periods are drawn anew.
pub const DRAWS: usize = 4_000;

/// Periods that do not overlap, from which on a difference is more than an indication.
pub const ENOUGH_PERIODS: usize = 8;

/// The difference of two losses in one period: the sum over what was scored there, and how much that was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// Loss of the one minus loss of the other, summed over all that was scored in the period.
    pub sum: f64,
    /// How many deals were scored; 1 for a score of the whole period.
    pub weight: f64,
}

/// The mean difference of two losses over all periods, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Paired {
    /// Loss of the one minus loss of the other: below 0 the first is better.
    pub mean: f64,
    /// Low end of the 95 % interval; `None` where there are too few periods for one.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
    /// Periods.
    pub periods: usize,
    /// How many of them do not overlap, the first and each that begins when the one before is over.
    pub independent: usize,
}

/// Which of two is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first.
    First,
    /// The second.
    Second,
    /// The interval holds 0: nobody can tell.
    Undecided,
    /// Fewer than [`ENOUGH_PERIODS`] periods do not overlap: too little to tell.
    TooFew,
}

impl Paired {
    /// Names a winner only where there are enough periods and the interval does not hold 0.
    pub fn verdict(&self) -> Verdict {
        match (self.low, self.high) {
            _ if self.independent < ENOUGH_PERIODS => Verdict::TooFew,
            (_, Some(high)) if high < 0.0 => Verdict::First,
            (Some(low), _) if low > 0.0 => Verdict::Second,
            _ => Verdict::Undecided,
        }
    }
}

/// The mean of paired differences with its 95 % interval. `block` is how many neighbouring periods overlap: the horizon
/// over the step, rounded up. `None` where nothing was scored.
///
/// Few blocks vary less among themselves than what they were drawn from. So the interval of the draws is stretched around
/// the mean by `sqrt(k / (k - 1))` and by the ratio of Student's to the normal quantile at `k - 1` degrees of freedom,
/// where `k` is the number of periods that do not overlap; with fewer than three there is no interval.
pub fn paired(differences: &[Difference], block: usize) -> Option<Paired> {
    let periods = differences.len();
    let total = differences.iter().fold(Difference::default(), Difference::plus);
    if total.weight <= 0.0 {
        return None;
    }
    let mean = total.sum / total.weight;
    let block = block.clamp(1, periods);
    let independent = periods.div_ceil(block);
    let mut paired = Paired { mean, low: None, high: None, periods, independent };
    if independent < 3 {
        return Some(paired);
    }
    let mut means = redrawn(differences, block);
    means.sort_by(f64::total_cmp);
    let k = independent as f64;
    let stretch = (k / (k - 1.0)).sqrt() * student(k - 1.0) / Z;
    let bound = |p: f64| {
        let at = (p * (means.len() - 1) as f64).round() as usize;
        means.get(at).map(|m| mean + (m - mean) * stretch)
    };
    paired.low = bound(0.025);
    paired.high = bound(0.975);
    Some(paired)
}

impl Difference {
    fn plus(self, other: &Difference) -> Difference {
        Difference { sum: self.sum + other.sum, weight: self.weight + other.weight }
    }
}

/// The mean of each of [`DRAWS`] rows of periods that were put together from blocks of the ring. Draws in which nothing was
/// scored are left out.
fn redrawn(differences: &[Difference], block: usize) -> Vec<f64> {
    let n = differences.len();
    // Sums from the beginning of a ring that is gone round twice, so that each block is one subtraction.
    let mut sums = Vec::with_capacity(2 * n + 1);
    sums.push(Difference::default());
    let mut last = Difference::default();
    for d in differences.iter().chain(differences) {
        last = last.plus(d);
        sums.push(last);
    }
    let stretch = |from: usize, length: usize| match (sums.get(from), sums.get(from + length)) {
        (Some(a), Some(b)) => Difference { sum: b.sum - a.sum, weight: b.weight - a.weight },
        _ => Difference::default(),
    };
    let mut random = SplitMix64::new(SEED);
    let draw = || {
        let (mut drawn, mut left) = (Difference::default(), n);
        while left > 0 {
            let length = block.min(left);
            drawn = drawn.plus(&stretch(random.below(n), length));
            left -= length;
        }
        drawn
    };
    let draws: Vec<Difference> = std::iter::repeat_with(draw).take(DRAWS).collect();
    draws.iter().filter(|d| d.weight > 0.5).map(|d| d.sum / d.weight).collect()
}

/// The 97.5 % quantile of Student's distribution.
fn student(degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees).map_or(Z, |t| t.inverse_cdf(0.975))
}

/// Where the draws begin: any number does, as long as it is always the same.
const SEED: u64 = 0x7473_7363_6f72_6573;

/// Steele, Lea and Flood's generator (2014): the same numbers on every machine, fast, and good enough to draw blocks.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(u64);

impl SplitMix64 {
    pub(crate) fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 where `n` is 0. Off from even by less than `n` in 2^64.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(values: &[f64]) -> Vec<Difference> {
        values.iter().map(|sum| Difference { sum: *sum, weight: 1.0 }).collect()
    }

    /// A number from 0 to 1.
    fn unit(random: &mut SplitMix64) -> f64 {
        (random.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Nearly normal, mean 0, variance 1.
    fn bell(random: &mut SplitMix64) -> f64 {
        (0..12).map(|_| unit(random)).sum::<f64>() - 6.0
    }

    #[test]
    fn the_generator_gives_its_published_numbers() {
        // The first numbers from the seed 1234567 in the authors' reference code.
        let mut random = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }

    #[test]
    fn the_mean_weighs_each_deal_the_same() {
        let differences = [Difference { sum: 3.0, weight: 30.0 }, Difference { sum: -1.0, weight: 10.0 }];
        let paired = paired(&differences, 1).unwrap();
        assert!((paired.mean - 0.05).abs() < 1e-12);
        assert_eq!((paired.low, paired.high, paired.independent), (None, None, 2));
        assert_eq!(paired.verdict(), Verdict::TooFew);
    }

    #[test]
    fn nothing_scored_has_no_difference() {
        assert_eq!(paired(&[], 4), None);
        assert_eq!(paired(&[Difference::default(); 9], 1), None);
    }

    #[test]
    fn a_difference_that_is_always_there_is_decided() {
        let better: Vec<f64> = (0..40).map(|i| -0.1 + 0.01 * f64::from(i % 5)).collect();
        let same: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 0.1 } else { -0.1 }).collect();
        let verdict = |values: &[f64], block| paired(&whole(values), block).unwrap().verdict();
        assert_eq!(verdict(&better, 4), Verdict::First);
        assert_eq!(verdict(&better.iter().map(|d| -d).collect::<Vec<_>>(), 4), Verdict::Second);
        assert_eq!(verdict(&same, 4), Verdict::Undecided);
        assert_eq!(verdict(&better, 6), Verdict::TooFew, "from seven of 40 weeks on, six each do not overlap");
    }

    #[test]
    fn the_interval_holds_the_mean_and_is_the_same_every_time() {
        let mut random = SplitMix64::new(5);
        let values: Vec<f64> = (0..50).map(|_| bell(&mut random)).collect();
        let first = paired(&whole(&values), 4).unwrap();
        assert!(first.low.unwrap() < first.mean && first.mean < first.high.unwrap());
        assert_eq!(paired(&whole(&values), 4), Some(first));
    }

    #[test]
    fn without_overlap_it_is_nearly_students_interval() {
        let mut random = SplitMix64::new(11);
        let values: Vec<f64> = (0..60).map(|_| bell(&mut random)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let half = student(n - 1.0) * sd / n.sqrt();
        let paired = paired(&whole(&values), 1).unwrap();
        assert!((student(59.0) - 2.000_995).abs() < 1e-5, "a published quantile");
        assert!((paired.low.unwrap() - (mean - half)).abs() < 0.1 * half);
        assert!((paired.high.unwrap() - (mean + half)).abs() < 0.1 * half);
    }

    /// How often the interval holds 0 where the truth is 0 and each period shares `overlap - 1` of its weeks with the next.
    fn holds_the_truth(periods: usize, overlap: usize, block: usize) -> f64 {
        let mut random = SplitMix64::new(periods as u64);
        let tries = 200;
        let held = (0..tries).filter(|_| {
            let weeks: Vec<f64> = (0..periods + overlap).map(|_| bell(&mut random)).collect();
            let sums: Vec<f64> = weeks.windows(overlap).take(periods).map(|w| w.iter().sum()).collect();
            let paired = paired(&whole(&sums), block).unwrap();
            paired.low.unwrap() <= 0.0 && 0.0 <= paired.high.unwrap()
        });
        held.count() as f64 / f64::from(tries)
    }

    #[test]
    fn overlapping_windows_do_not_make_it_surer_than_it_is() {
        assert!(holds_the_truth(40, 4, 4) > 0.88);
        assert!(holds_the_truth(40, 4, 1) < 0.75, "what would be claimed if the overlap were not seen");
    }
}
