//! What has changed between two periods, and whether it is more than chance.
//!
//! A change counts as one only where its interval leaves out "no change". A page that asks twenty such questions at 95 %
//! would raise one false alarm each time it is read, so every question is asked with the [`Confidence`] of its page: the
//! chance that a page on which nothing has changed raises any alarm stays at one in twenty (Bonferroni).

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::inv_beta_reg;

use super::funnel::Window;
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

/// Clopper and Pearson's exact interval of a share of counts (1934). Counts need not be whole.
fn exact(successes: f64, rest: f64, confidence: Confidence) -> (f64, f64) {
    let tail = confidence.alpha / 2.0;
    let low = if successes > 0.0 { inv_beta_reg(successes, rest + 1.0, tail) } else { 0.0 };
    let high = if rest > 0.0 { inv_beta_reg(successes + 1.0, rest, 1.0 - tail) } else { 1.0 };
    (low, high)
}

/// How often something happened in a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// In how much time, in any unit.
    pub watched: f64,
}

/// The ratio of two rates of things that happen by themselves (meetings a week), now against before. Given the sum of
/// both, the later count is binomial, and its exact interval gives that of the ratio (Przyborowski and Wilenski,
/// Biometrika 31, 1940). Where things come in bunches, `dispersion` above 1 says by how much their counts vary more than
/// by chance, see [`dispersion`]; both counts then weigh less (McCullagh and Nelder, Generalized Linear Models, 1989, 6.2).
pub fn counts(before: Count, now: Count, dispersion: f64, confidence: Confidence) -> Change {
    let is_watched = before.watched > 0.0 && now.watched > 0.0;
    if before.times.saturating_add(now.times) == 0 || !is_watched {
        return Change::too_early();
    }
    let weigh = |count: Count| count.times as f64 / dispersion.max(1.0);
    let (low, high) = exact(weigh(now), weigh(before), confidence);
    let ratio = |share: f64| (share < 1.0).then(|| share / (1.0 - share) * (before.watched / now.watched));
    let rate = |count: Count| count.times as f64 / count.watched;
    let value = (before.times > 0).then(|| rate(now) / rate(before));
    Change::judged(value, ratio(low), ratio(high), 1.0)
}

/// By how much counts of equal times (weeks) vary more than chance would have it: Pearson's statistic over its degrees of
/// freedom, each series around its own mean; at least 1, and 1 where there are too few to say.
pub fn dispersion(series: &[&[u64]]) -> f64 {
    let (mut sum, mut freedom) = (0.0, 0_usize);
    for counts in series.iter().filter(|counts| counts.len() > 1) {
        let mean = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        if mean > 0.0 {
            sum += counts.iter().map(|count| (*count as f64 - mean).powi(2) / mean).sum::<f64>();
            freedom += counts.len() - 1;
        }
    }
    if freedom < 3 { 1.0 } else { (sum / freedom as f64).max(1.0) }
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

/// A part of a length of time that was watched: it was known to last longer than `after`, and was seen until `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// It lasted longer than this; -1 where it was watched from its beginning.
    pub after: i64,
    /// Until here it was watched.
    pub until: i64,
    /// Whether it ended then.
    pub ended: bool,
}

impl Stretch {
    /// What lies inside a window of a length of time that began at `began`, and was over at `over`, or else has been seen
    /// until `seen`; all in seconds since 1970. `None` where nothing does.
    pub fn inside(window: Window, began: i64, over: Option<i64>, seen: i64) -> Option<Stretch> {
        let last = window.until.map_or(i64::MAX, |until| until.saturating_sub(1));
        let end = over.unwrap_or(seen).min(last);
        let after = window.from.map_or(-1, |from| from.saturating_sub(began).saturating_sub(1)).max(-1);
        let until = end.saturating_sub(began);
        (until > after).then_some(Stretch { after, until, ended: over.is_some_and(|over| over <= last) })
    }
}

impl From<Observation> for Stretch {
    fn from(seen: Observation) -> Self {
        Stretch { after: -1, until: seen.time.max(0), ended: seen.cause.is_some() }
    }
}

/// Compares two samples of lengths of time, censored ones among them, by the log-rank test (Mantel, 1966), with the ratio
/// of hazards and its interval that go with it: `exp((O - E) / V ± z / sqrt(V))` (Peto and others, British Journal of
/// Cancer 35, 1977). The interval leaves out 1 exactly where the test finds a difference. `floor` ends are needed in each.
pub fn pace(before: &[Observation], now: &[Observation], floor: usize, confidence: Confidence) -> Pace {
    let stretches = |sample: &[Observation]| sample.iter().copied().map(Stretch::from).collect();
    stratified(&[(stretches(before), stretches(now))], floor, confidence)
}

/// As [`pace`], for things of several kinds (strata), each compared with its own kind only, and of each thing the part
/// that was watched: of what began before a period and ended in it, the part inside. That way two periods are compared by
/// what happened in them, and deals that came in late in the second do not make it look slow.
pub fn stratified(strata: &[(Vec<Stretch>, Vec<Stretch>)], floor: usize, confidence: Confidence) -> Pace {
    let mut sums = LogRank::default();
    let mut ended = (0, 0);
    for (before, now) in strata {
        sums.add(before, now);
        ended.0 += before.iter().filter(|s| s.ended).count();
        ended.1 += now.iter().filter(|s| s.ended).count();
    }
    let early = Pace { ratio: Change::too_early(), ended: ended.0 + ended.1, chi_squared: None };
    if ended.0.min(ended.1) < floor.max(1) || sums.variance <= 0.0 {
        return early;
    }
    let (lead, variance) = (sums.observed - sums.expected, sums.variance);
    let at = |z: f64| (lead / variance + z / variance.sqrt()).exp();
    let ratio = Change::judged(Some(at(0.0)), Some(at(-confidence.z)), Some(at(confidence.z)), 1.0);
    Pace { ratio, chi_squared: Some(lead * lead / variance), ..early }
}

/// The sums of the log-rank test for the second of two samples.
#[derive(Debug, Default)]
struct LogRank {
    observed: f64,
    expected: f64,
    variance: f64,
}

/// The bounds of stretches, sorted, to say how many are watched at a time.
struct Watched {
    after: Vec<i64>,
    until: Vec<i64>,
    ends: Vec<i64>,
}

impl Watched {
    fn of(stretches: &[Stretch]) -> Watched {
        let sorted = |mut times: Vec<i64>| {
            times.sort_unstable();
            times
        };
        Watched {
            after: sorted(stretches.iter().map(|s| s.after).collect()),
            until: sorted(stretches.iter().map(|s| s.until).collect()),
            ends: sorted(stretches.iter().filter(|s| s.ended).map(|s| s.until).collect()),
        }
    }

    fn at_risk(&self, time: i64) -> usize {
        self.after.partition_point(|t| *t < time).saturating_sub(self.until.partition_point(|t| *t < time))
    }

    fn ended_at(&self, time: i64) -> usize {
        self.ends.partition_point(|t| *t <= time) - self.ends.partition_point(|t| *t < time)
    }
}

impl LogRank {
    fn add(&mut self, first: &[Stretch], second: &[Stretch]) {
        let (first, second) = (Watched::of(first), Watched::of(second));
        let mut times: Vec<i64> = first.ends.iter().chain(&second.ends).copied().collect();
        times.sort_unstable();
        times.dedup();
        for time in times {
            let (d1, d2) = (first.ended_at(time), second.ended_at(time));
            let (n1, n2) = (first.at_risk(time), second.at_risk(time));
            let (d, n) = ((d1 + d2) as f64, (n1 + n2) as f64);
            let share = n2 as f64 / n;
            self.observed += d2 as f64;
            self.expected += d * share;
            if n > 1.0 {
                self.variance += d * share * (1.0 - share) * (n - d) / (n - 1.0);
            }
        }
    }
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
            let (l, h) = exact(f64::from(x), f64::from(n - x), Confidence::ONE);
            near(l, low, 5e-5);
            near(h, high, 5e-5);
        }
    }

    fn rates(before: (u64, f64), now: (u64, f64)) -> Change {
        let count = |(times, watched): (u64, f64)| Count { times, watched };
        counts(count(before), count(now), 1.0, Confidence::ONE)
    }

    #[test]
    fn a_ratio_of_rates_knows_how_long_each_was_watched() {
        let change = rates((20, 4.0), (5, 4.0));
        near(change.value.unwrap(), 0.25, 1e-12);
        assert_eq!(change.verdict, Verdict::Down);
        assert_eq!(rates((20, 4.0), (5, 1.0)).verdict, Verdict::NoSign);
        assert_eq!(rates((6, 1.0), (4, 1.0)).verdict, Verdict::NoSign);
        let from_nothing = rates((0, 1.0), (12, 1.0));
        assert_eq!((from_nothing.value, from_nothing.high, from_nothing.verdict), (None, None, Verdict::Up));
        let to_nothing = rates((12, 1.0), (0, 1.0));
        assert_eq!((to_nothing.value, to_nothing.low, to_nothing.verdict), (Some(0.0), Some(0.0), Verdict::Down));
        assert_eq!(rates((0, 1.0), (0, 1.0)), Change::too_early());
        assert_eq!(rates((1, 0.0), (1, 1.0)), Change::too_early());
    }

    #[test]
    fn what_comes_in_bunches_says_less() {
        let (before, now) = ([0, 14, 1, 12, 0, 13].as_slice(), [0, 0, 9, 0, 9, 0].as_slice());
        let spread = dispersion(&[before, now]);
        assert!(spread > 5.0, "{spread}");
        let count = |series: &[u64]| Count { times: series.iter().sum(), watched: series.len() as f64 };
        let plain = counts(count(before), count(now), 1.0, Confidence::ONE);
        let spread = counts(count(before), count(now), spread, Confidence::ONE);
        assert_eq!((plain.verdict, spread.verdict), (Verdict::Down, Verdict::NoSign));
        assert_eq!(dispersion(&[&[3, 3, 3, 3, 3]]), 1.0);
        assert_eq!(dispersion(&[&[0, 100]]), 1.0);
        assert_eq!(dispersion(&[&[0, 0], &[]]), 1.0);
    }

    #[test]
    fn only_what_lies_in_a_window_is_watched_there() {
        let window = Window { from: Some(100), until: Some(200) };
        let inside = |began, over| Stretch::inside(window, began, over, 500).map(|s| (s.after, s.until, s.ended));
        assert_eq!(inside(50, Some(150)), Some((49, 100, true)));
        assert_eq!(inside(120, Some(120)), Some((-1, 0, true)));
        assert_eq!(inside(120, Some(250)), Some((-1, 79, false)));
        assert_eq!(inside(120, None), Some((-1, 79, false)));
        assert_eq!(inside(0, Some(99)), None);
        assert_eq!(inside(200, Some(300)), None);
        assert_eq!(inside(0, Some(100)), Some((99, 100, true)));
        assert_eq!(Stretch::inside(Window::default(), 7, None, 10).map(|s| (s.after, s.until)), Some((-1, 3)));
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
        let stretches = |sample: &[Observation]| sample.iter().copied().map(Stretch::from).collect::<Vec<_>>();
        let mut sums = LogRank::default();
        sums.add(&stretches(&placebo), &stretches(&drug));
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
            of_counts += is_alarm(rates((before, 1.0), (now, 1.0)));
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
