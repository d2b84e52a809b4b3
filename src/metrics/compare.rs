//! What has changed between two periods, and whether it is more than chance.
//!
//! A change counts as one only where its interval leaves out "no change". A page that asks twenty such questions at 95 %
//! would raise one false alarm each time it is read, so every question is asked with the [`Confidence`] of its page: the
//! chance that a page on which nothing has changed raises any alarm stays at one in twenty (Bonferroni).

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::inv_beta_reg;

use super::interval::{Z, wilson_at};
use super::survival::Observation;

/// How sure one comparison must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// The chance of a false alarm of this comparison, 0 to 1.
    alpha: f64,
    z: f64,
}

impl Confidence {
    /// 95 % for one comparison by itself.
    pub const ONE: Confidence = Confidence { alpha: 0.05, z: Z };

    /// 95 % for all of so many comparisons together.
    pub fn of(comparisons: usize) -> Confidence {
        if comparisons <= 1 {
            return Confidence::ONE;
        }
        let alpha = 0.05 / comparisons as f64;
        Confidence { alpha, z: Normal::standard().inverse_cdf(1.0 - alpha / 2.0) }
    }

    /// The quantile of the normal distribution that goes with it.
    pub fn z(&self) -> f64 {
        self.z
    }
}

/// Whether something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One of the periods has too few observations to say.
    TooEarly,
    /// Within what chance does.
    NoSign,
    /// It is more, and that is no chance.
    Up,
    /// It is less, and that is no chance.
    Down,
}

/// A change with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// How much: a difference or a ratio, now against before. `None` where there is none, as of a ratio to nothing.
    pub value: Option<f64>,
    /// Lower bound of the interval; `None`: without bound.
    pub low: Option<f64>,
    /// Upper bound of the interval; `None`: without bound.
    pub high: Option<f64>,
    /// What that says.
    pub verdict: Verdict,
}

impl Change {
    /// A change that is none where it is `nothing`: 0 for a difference, 1 for a ratio.
    fn judged(value: Option<f64>, low: Option<f64>, high: Option<f64>, nothing: f64) -> Change {
        let verdict = if low.is_some_and(|low| low > nothing) {
            Verdict::Up
        } else if high.is_some_and(|high| high < nothing) {
            Verdict::Down
        } else {
            Verdict::NoSign
        };
        Change { value, low, high, verdict }
    }

    /// Too few observations.
    pub fn too_early() -> Change {
        Change { value: None, low: None, high: None, verdict: Verdict::TooEarly }
    }
}

/// A share with the precision it is known with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share, 0 to 1.
    pub value: f64,
    /// So many plain observations would give the same precision; above 0.
    pub n: f64,
}

impl Share {
    /// `successes` of `n`; `None` for `n` = 0.
    pub fn of(successes: usize, n: usize) -> Option<Share> {
        (n > 0).then(|| Share { value: successes as f64 / n as f64, n: n as f64 })
    }
}

/// The difference of two shares, `now - before`, by Newcombe's hybrid score interval: the distances to the bounds of the
/// two Wilson intervals, squared and added (R. G. Newcombe, "Interval estimation for the difference between independent
/// proportions", Statistics in Medicine 17, 1998, method 10).
pub fn shares(before: Share, now: Share, confidence: Confidence) -> Change {
    let bounds = |share: Share| wilson_at(share.value, share.n, confidence.z);
    let ((l1, u1), (l2, u2)) = (bounds(now), bounds(before));
    let (p1, p2) = (now.value, before.value);
    let difference = p1 - p2;
    let low = difference - (p1 - l1).hypot(u2 - p2);
    let high = difference + (u1 - p1).hypot(p2 - l2);
    Change::judged(Some(difference), Some(low.max(-1.0)), Some(high.min(1.0)), 0.0)
}

/// Clopper and Pearson's exact interval of a share of counts (1934).
fn exact(successes: u64, n: u64, confidence: Confidence) -> (f64, f64) {
    let (x, rest) = (successes as f64, n.saturating_sub(successes) as f64);
    let tail = confidence.alpha / 2.0;
    let low = if successes == 0 { 0.0 } else { inv_beta_reg(x, rest + 1.0, tail) };
    let high = if successes >= n { 1.0 } else { inv_beta_reg(x + 1.0, rest, 1.0 - tail) };
    (low, high)
}

/// The ratio of two rates of things that happen by themselves (meetings a week): `now` in `now_for` units of time against
/// `before` in `before_for` of them. Given the sum of both, the later count is binomial, and its exact interval gives that
/// of the ratio (Przyborowski and Wilenski, Biometrika 31, 1940).
pub fn counts(before: u64, before_for: f64, now: u64, now_for: f64, confidence: Confidence) -> Change {
    let sum = before.saturating_add(now);
    if sum == 0 || !(before_for > 0.0 && now_for > 0.0) {
        return Change::too_early();
    }
    let (low, high) = exact(now, sum, confidence);
    let ratio = |share: f64| (share < 1.0).then(|| share / (1.0 - share) * (before_for / now_for));
    let value = (before > 0).then(|| (now as f64 / now_for) / (before as f64 / before_for));
    Change::judged(value, ratio(low), ratio(high), 1.0)
}

/// How two samples of lengths of time differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// How many times as fast things end now, as the ratio of their hazards: below 1 they take longer.
    pub ratio: Change,
    /// Ends seen in both samples.
    pub ended: usize,
    /// The log-rank statistic, one degree of freedom.
    pub chi_squared: Option<f64>,
}

/// Compares two samples of lengths of time, censored ones among them, by the log-rank test (Mantel, 1966), with the ratio
/// of hazards and its interval that go with it: `exp((O - E) / V ± z / sqrt(V))` (Peto and others, British Journal of
/// Cancer 35, 1977). The interval leaves out 1 exactly where the test finds a difference. `floor` ends are needed in each.
pub fn pace(before: &[Observation], now: &[Observation], floor: usize, confidence: Confidence) -> Pace {
    let tested = log_rank(before, now);
    let ended = |sample: &[Observation]| sample.iter().filter(|o| o.cause.is_some()).count();
    let ended = (ended(before), ended(now));
    let early = Pace { ratio: Change::too_early(), ended: ended.0 + ended.1, chi_squared: None };
    if ended.0.min(ended.1) < floor.max(1) || tested.variance <= 0.0 {
        return early;
    }
    let (lead, variance) = (tested.observed - tested.expected, tested.variance);
    let at = |z: f64| (lead / variance + z / variance.sqrt()).exp();
    let ratio = Change::judged(Some(at(0.0)), Some(at(-confidence.z)), Some(at(confidence.z)), 1.0);
    Pace { ratio, chi_squared: Some(lead * lead / variance), ..early }
}

/// The sums of the log-rank test for the second of two samples.
struct LogRank {
    observed: f64,
    expected: f64,
    variance: f64,
}

fn log_rank(first: &[Observation], second: &[Observation]) -> LogRank {
    let mut all: Vec<(i64, bool, bool)> = Vec::with_capacity(first.len() + second.len());
    all.extend(first.iter().map(|o| (o.time.max(0), false, o.cause.is_some())));
    all.extend(second.iter().map(|o| (o.time.max(0), true, o.cause.is_some())));
    all.sort_unstable();
    let (mut n, mut n2) = (all.len(), second.len());
    let mut sums = LogRank { observed: 0.0, expected: 0.0, variance: 0.0 };
    for group in all.chunk_by(|a, b| a.0 == b.0) {
        let d = group.iter().filter(|o| o.2).count();
        let d2 = group.iter().filter(|o| o.1 && o.2).count();
        if d > 0 {
            let (size, share) = (n as f64, n2 as f64 / n as f64);
            sums.observed += d2 as f64;
            sums.expected += d as f64 * share;
            if n > 1 {
                sums.variance += d as f64 * share * (1.0 - share) * (size - d as f64) / (size - 1.0);
            }
        }
        n -= group.len();
        n2 -= group.iter().filter(|o| o.1).count();
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() < by, "{a} is not {b}");
    }

    #[test]
    fn differences_of_shares_agree_with_newcombe() {
        // Newcombe (1998), table II, method 10.
        for ((a, m, b, n), (low, high)) in [
            ((56, 70, 48, 80), (0.0524, 0.3339)),
            ((9, 10, 3, 10), (0.1705, 0.8090)),
            ((6, 7, 2, 7), (0.0582, 0.8062)),
            ((5, 56, 0, 29), (-0.0381, 0.1926)),
            ((0, 10, 0, 20), (-0.1611, 0.2775)),
            ((0, 10, 0, 10), (-0.2775, 0.2775)),
            ((10, 10, 0, 20), (0.6791, 1.0)),
            ((10, 10, 0, 10), (0.6075, 1.0)),
        ] {
            let change = shares(Share::of(b, n).unwrap(), Share::of(a, m).unwrap(), Confidence::ONE);
            near(change.low.unwrap(), low, 5e-5);
            near(change.high.unwrap(), high, 5e-5);
        }
    }

    #[test]
    fn only_a_difference_that_is_no_chance_is_one() {
        let change = |b, m, a, n| shares(Share::of(b, m).unwrap(), Share::of(a, n).unwrap(), Confidence::ONE).verdict;
        assert_eq!(change(10, 20, 9, 20), Verdict::NoSign);
        assert_eq!(change(16, 20, 4, 20), Verdict::Down);
        assert_eq!(change(4, 20, 16, 20), Verdict::Up);
        // Among many questions the same numbers say less.
        let many = Confidence::of(20);
        let once = shares(Share::of(8, 20).unwrap(), Share::of(15, 20).unwrap(), Confidence::ONE);
        let often = shares(Share::of(8, 20).unwrap(), Share::of(15, 20).unwrap(), many);
        assert_eq!((once.verdict, often.verdict), (Verdict::Up, Verdict::NoSign));
        near(many.z(), 3.0233, 1e-4);
    }

    #[test]
    fn exact_intervals_agree_with_published_numbers() {
        // Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 5.
        for ((x, n), (low, high)) in [
            ((81, 263), (0.2527, 0.3676)),
            ((15, 148), (0.0578, 0.1617)),
            ((0, 20), (0.0, 0.1684)),
            ((1, 29), (0.0009, 0.1776)),
        ] {
            let (l, h) = exact(x, n, Confidence::ONE);
            near(l, low, 5e-5);
            near(h, high, 5e-5);
        }
    }

    #[test]
    fn a_ratio_of_rates_knows_how_long_each_was_watched() {
        let change = counts(20, 4.0, 5, 4.0, Confidence::ONE);
        near(change.value.unwrap(), 0.25, 1e-12);
        assert_eq!(change.verdict, Verdict::Down);
        assert_eq!(counts(20, 4.0, 5, 1.0, Confidence::ONE).verdict, Verdict::NoSign);
        assert_eq!(counts(6, 1.0, 4, 1.0, Confidence::ONE).verdict, Verdict::NoSign);
        let from_nothing = counts(0, 1.0, 12, 1.0, Confidence::ONE);
        assert_eq!((from_nothing.value, from_nothing.high, from_nothing.verdict), (None, None, Verdict::Up));
        let to_nothing = counts(12, 1.0, 0, 1.0, Confidence::ONE);
        assert_eq!((to_nothing.value, to_nothing.low, to_nothing.verdict), (Some(0.0), Some(0.0), Verdict::Down));
        assert_eq!(counts(0, 1.0, 0, 1.0, Confidence::ONE), Change::too_early());
        assert_eq!(counts(1, 0.0, 1, 1.0, Confidence::ONE), Change::too_early());
    }

    /// Weeks of remission of 21 + 21 children with leukaemia (Freireich and others, 1963): placebo, then 6-MP.
    fn remission() -> (Vec<Observation>, Vec<Observation>) {
        let placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23];
        let ended = [6, 6, 6, 7, 10, 13, 16, 22, 23];
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35];
        let placebo = placebo.map(|t| Observation::ended(t, 0)).to_vec();
        let drug = ended.iter().map(|t| Observation::ended(*t, 0)).chain(censored.map(Observation::censored)).collect();
        (placebo, drug)
    }

    #[test]
    fn the_log_rank_test_agrees_with_published_numbers() {
        // R's survdiff prints: 9 seen, 19.25 expected, chi-squared 16.8 (16.79), variance 6.257.
        let (placebo, drug) = remission();
        let sums = log_rank(&placebo, &drug);
        assert_eq!(sums.observed, 9.0);
        near(sums.expected, 19.2505, 5e-4);
        near(sums.variance, 6.2570, 5e-4);
        let found = pace(&placebo, &drug, 5, Confidence::ONE);
        near(found.chi_squared.unwrap(), 16.793, 5e-4);
        assert_eq!((found.ratio.verdict, found.ended), (Verdict::Down, 30));
        assert_eq!(pace(&drug, &placebo, 5, Confidence::ONE).ratio.verdict, Verdict::Up);
        assert_eq!(pace(&placebo, &drug, 10, Confidence::ONE).ratio.verdict, Verdict::TooEarly);
        assert_eq!(pace(&placebo, &placebo, 5, Confidence::ONE).ratio.verdict, Verdict::NoSign);
    }

    /// Numbers that look random and are the same on every machine: splitmix64.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        fn successes(&mut self, n: usize, p: f64) -> usize {
            (0..n).filter(|_| self.next() < p).count()
        }

        fn waits(&mut self, n: usize, mean: f64) -> Vec<Observation> {
            let wait = |dice: &mut Dice| {
                let (time, watched) = (-dice.next().ln() * mean, dice.next() * 3.0 * mean);
                if time < watched { Observation::ended(time as i64, 0) } else { Observation::censored(watched as i64) }
            };
            (0..n).map(|_| wait(self)).collect()
        }

        /// How often something happens in one unit of time.
        fn happenings(&mut self, mean: f64) -> u64 {
            let (mut time, mut count) = (0.0, 0);
            loop {
                time -= self.next().ln() / mean;
                if time > 1.0 {
                    return count;
                }
                count += 1;
            }
        }
    }

    #[test]
    fn noise_raises_an_alarm_one_time_in_twenty_at_most() {
        let mut dice = Dice(20_261_122);
        let rounds = 2_000;
        let (mut of_shares, mut of_paces, mut of_counts, mut of_pages) = (0, 0, 0, 0);
        let is_alarm = |change: Change| usize::from(matches!(change.verdict, Verdict::Up | Verdict::Down));
        for round in 0..rounds {
            let (m, n, p) = (20 + round % 60, 15 + round % 40, 0.1 + 0.8 * dice.next());
            let share = |dice: &mut Dice, n| Share::of(dice.successes(n, p), n).unwrap();
            let (before, now) = (share(&mut dice, m), share(&mut dice, n));
            of_shares += is_alarm(shares(before, now, Confidence::ONE));
            let (before, now) = (dice.waits(m, 5_000.0), dice.waits(n, 5_000.0));
            of_paces += is_alarm(pace(&before, &now, 5, Confidence::ONE).ratio);
            let (before, now) = (dice.happenings(20.0), dice.happenings(20.0));
            of_counts += is_alarm(counts(before, 1.0, now, 1.0, Confidence::ONE));
            // A page with twelve questions.
            let page = Confidence::of(12);
            let questions = (0..12).filter(|_| {
                let (before, now) = (share(&mut dice, m), share(&mut dice, n));
                is_alarm(shares(before, now, page)) == 1
            });
            of_pages += usize::from(questions.count() > 0);
        }
        // 5 % of 2,000 are 100, and chance (three deviations) gives or takes 30. The exact interval is on the safe side.
        assert!(of_shares <= 130, "{of_shares} of {rounds} differences of shares");
        assert!(of_paces <= 130, "{of_paces} of {rounds} log-rank tests");
        assert!(of_counts <= 100, "{of_counts} of {rounds} ratios of counts");
        assert!(of_pages <= 130, "{of_pages} of {rounds} pages");
        // And they do see what is there.
        let seen = (0..200).filter(|_| {
            let (before, now) = (dice.successes(80, 0.5), dice.successes(80, 0.2));
            is_alarm(shares(Share::of(before, 80).unwrap(), Share::of(now, 80).unwrap(), Confidence::ONE)) == 1
        });
        assert!(seen.count() >= 180);
    }
}
