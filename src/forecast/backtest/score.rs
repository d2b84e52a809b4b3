//! Scores: how good chances and ranges were, once it is known what came.
//!
//! Chances are scored one deal at a time, sums of money one period at a time. All scores but skill and AUC are losses:
//! the smaller the better. No chance is rounded before it is scored, and none is left out.

use serde::Serialize;

use crate::metrics::interval::wilson;

/// Bins of [`calibration`] in reports.
pub const BINS: usize = 10;

/// A chance that was given, and what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// The chance, 0 to 1.
    pub chance: f64,
    /// Whether it came.
    pub came: bool,
}

impl Said {
    /// The square of the error, 0 to 1.
    pub fn square(&self) -> f64 {
        let error = self.chance - self.outcome();
        error * error
    }

    /// The surprise, in natural logarithms. A chance of exactly 0 or 1 counts as one that is off by the smallest step of a
    /// number near 1, so that one certainty that was wrong costs 36 and not infinitely much.
    pub fn surprise(&self) -> f64 {
        let chance = self.chance.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        if self.came { -chance.ln() } else { -(1.0 - chance).ln() }
    }

    fn outcome(&self) -> f64 {
        f64::from(u8::from(self.came))
    }
}

fn mean(said: &[Said], of: impl Fn(&Said) -> f64) -> Option<f64> {
    (!said.is_empty()).then(|| said.iter().map(of).sum::<f64>() / said.len() as f64)
}

/// The mean square of the errors (G. W. Brier, 1950): 0 is perfect, 0.25 is what saying one half every time gets. `None`
/// where nothing was said.
pub fn brier(said: &[Said]) -> Option<f64> {
    mean(said, Said::square)
}

/// The mean surprise ([`Said::surprise`]), also called log loss or cross-entropy. `None` where nothing was said.
pub fn log_loss(said: &[Said]) -> Option<f64> {
    mean(said, Said::surprise)
}

/// How much of a reference's loss is gone: 1 is perfect, 0 no better than the reference, negative is worse. `None` where
/// the reference is perfect.
pub fn skill(loss: f64, reference: f64) -> Option<f64> {
    (reference > 0.0).then(|| 1.0 - loss / reference)
}

/// How often a deal that was won had the higher chance than one that was not, ties counting one half: the area under the
/// ROC curve (Mann and Whitney, 1947). `None` unless there are both.
pub fn auc(said: &[Said]) -> Option<f64> {
    let won = said.iter().filter(|s| s.came).count();
    let not = said.len() - won;
    if won == 0 || not == 0 {
        return None;
    }
    let mut sorted: Vec<&Said> = said.iter().collect();
    sorted.sort_by(|a, b| a.chance.total_cmp(&b.chance));
    // The sum of the ranks of those that came, where equal chances share the middle of their ranks.
    let (mut ranks, mut before) = (0.0, 0);
    for tied in sorted.chunk_by(|a, b| a.chance.total_cmp(&b.chance).is_eq()) {
        let middle = before as f64 + (tied.len() + 1) as f64 / 2.0;
        ranks += middle * tied.iter().filter(|s| s.came).count() as f64;
        before += tied.len();
    }
    let (won, not) = (won as f64, not as f64);
    Some((ranks - won * (won + 1.0) / 2.0) / (won * not))
}

/// The deals whose chances were nearly the same, and how many of them were won.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The chances in it are above this (the first bin also has 0).
    pub above: f64,
    /// And up to this.
    pub up_to: f64,
    /// Deals.
    pub n: usize,
    /// How many of them were won.
    pub won: usize,
    /// The mean of their chances.
    pub said: f64,
    /// Share of them that was won.
    pub came: f64,
    /// Low end of Wilson's 95 % interval of that share.
    pub low: f64,
    /// High end.
    pub high: f64,
}

/// What was said against what came, in bins of equal width. Empty bins are left out. A chance that lies on an edge is in
/// the lower of the two bins, as scikit-learn's `calibration_curve` has it.
pub fn calibration(said: &[Said], bins: usize) -> Vec<Bin> {
    let width = 1.0 / bins.max(1) as f64;
    let edge = |i: usize| if i >= bins { 1.0 } else { i as f64 * width };
    let mut sums = vec![(0_usize, 0_usize, 0.0_f64); bins];
    for s in said {
        // The quotient may be one off where the edges are no whole binary numbers; the edges themselves decide.
        let mut at = ((s.chance / width) as usize).min(bins.saturating_sub(1));
        while at > 0 && s.chance <= edge(at) {
            at -= 1;
        }
        while at + 1 < bins && s.chance > edge(at + 1) {
            at += 1;
        }
        if let Some((n, won, sum)) = sums.get_mut(at) {
            *n += 1;
            *won += usize::from(s.came);
            *sum += s.chance;
        }
    }
    let bin = |(i, (n, won, sum)): (usize, (usize, usize, f64))| {
        let (low, high) = wilson(won, n)?;
        let (said, came) = (sum / n as f64, won as f64 / n as f64);
        Some(Bin { above: edge(i), up_to: edge(i + 1), n, won, said, came, low, high })
    };
    sums.into_iter().enumerate().filter_map(bin).collect()
}

/// The mean distance between what was said and what came, over the bins, each with the weight of its deals: the expected
/// calibration error. `None` without bins.
pub fn calibration_error(bins: &[Bin]) -> Option<f64> {
    let n: usize = bins.iter().map(|b| b.n).sum();
    let off = |b: &Bin| b.n as f64 * (b.said - b.came).abs();
    (n > 0).then(|| bins.iter().map(off).sum::<f64>() / n as f64)
}

/// Wins that came for each win that was expected: below 1 too much was promised. `None` where nothing was expected.
pub fn observed_to_expected(said: &[Said]) -> Option<f64> {
    let expected: f64 = said.iter().map(|s| s.chance).sum();
    let observed = said.iter().filter(|s| s.came).count() as f64;
    (expected > 0.0).then(|| observed / expected)
}

/// An amount that was expected in a period, and the one that came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amounts {
    /// What was expected.
    pub expected: f64,
    /// What came.
    pub came: f64,
}

/// The sum of the absolute errors as a share of what came: the weighted absolute percentage error, 0.1 for "off by a
/// tenth on the whole". `None` where nothing came.
pub fn wape(periods: &[Amounts]) -> Option<f64> {
    let off: f64 = periods.iter().map(|p| (p.expected - p.came).abs()).sum();
    share_of_came(periods, off)
}

/// How much too much was expected over all periods, as a share of what came; negative for too little. `None` where nothing
/// came.
pub fn bias(periods: &[Amounts]) -> Option<f64> {
    share_of_came(periods, periods.iter().map(|p| p.expected - p.came).sum())
}

fn share_of_came(periods: &[Amounts], part: f64) -> Option<f64> {
    let came: f64 = periods.iter().map(|p| p.came).sum();
    (came > 0.0).then(|| part / came)
}

/// The loss of a quantile at a level (0 to 1): what came above it costs `level` for each unit, what stayed below it
/// costs `1 - level` (Koenker and Bassett, 1978).
pub fn pinball(level: f64, quantile: f64, came: f64) -> f64 {
    let above = came - quantile;
    if above >= 0.0 { level * above } else { (level - 1.0) * above }
}

/// How often what came lay inside the range that was given.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// Ranges.
    pub n: usize,
    /// How many of them held what came.
    pub inside: usize,
    /// How many lay wholly above it.
    pub came_below: usize,
    /// How many lay wholly below it.
    pub came_above: usize,
    /// Share inside.
    pub share: f64,
    /// Low end of Wilson's 95 % interval of that share, as if the ranges were independent.
    pub low: f64,
    /// High end.
    pub high: f64,
}

/// Counts ranges `(low, high, came)`; the ends are inside. `None` where there are none.
pub fn coverage(ranges: &[(f64, f64, f64)]) -> Option<Coverage> {
    let n = ranges.len();
    let came_below = ranges.iter().filter(|(low, _, came)| came < low).count();
    let came_above = ranges.iter().filter(|(_, high, came)| came > high).count();
    let inside = n - came_below - came_above;
    let (low, high) = wilson(inside, n)?;
    Some(Coverage { n, inside, came_below, came_above, share: inside as f64 / n as f64, low, high })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(pairs: &[(f64, u8)]) -> Vec<Said> {
        pairs.iter().map(|(chance, came)| Said { chance: *chance, came: *came == 1 }).collect()
    }

    fn near(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-12), "{a:?} is not {b}");
    }

    #[test]
    fn scores_of_published_examples() {
        // The examples in scikit-learn's reference of brier_score_loss, log_loss and roc_auc_score.
        near(brier(&said(&[(0.1, 0), (0.9, 1), (0.8, 1), (0.3, 0)])), 0.0375);
        let loss = log_loss(&said(&[(0.9, 1), (0.1, 0), (0.2, 0), (0.65, 1)])).unwrap();
        assert!((loss - 0.21616).abs() < 5e-6, "{loss}");
        near(auc(&said(&[(0.1, 0), (0.4, 0), (0.35, 1), (0.8, 1)])), 0.75);
    }

    #[test]
    fn one_certainty_that_was_wrong_is_dear_but_not_endless() {
        near(log_loss(&said(&[(0.0, 1)])), 52.0 * std::f64::consts::LN_2);
        near(log_loss(&said(&[(1.0, 0)])), 52.0 * std::f64::consts::LN_2);
        near(log_loss(&said(&[(1.0, 1), (0.0, 0)])), f64::EPSILON);
    }

    #[test]
    fn nothing_said_has_no_score() {
        assert_eq!((brier(&[]), log_loss(&[]), auc(&[]), calibration_error(&[])), (None, None, None, None));
        assert_eq!((observed_to_expected(&[]), wape(&[]), bias(&[]), coverage(&[])), (None, None, None, None));
        assert_eq!(auc(&said(&[(0.3, 1), (0.4, 1)])), None, "nothing to tell apart");
        assert!(calibration(&[], BINS).is_empty());
        assert_eq!(wape(&[Amounts { expected: 5.0, came: 0.0 }]), None);
        assert_eq!(skill(0.1, 0.0), None);
    }

    #[test]
    fn equal_chances_tell_nothing_apart() {
        near(auc(&said(&[(0.5, 0), (0.5, 1), (0.5, 1)])), 0.5);
        near(auc(&said(&[(0.5, 0), (0.5, 1), (0.7, 1)])), 0.75);
        near(auc(&said(&[(0.2, 1), (0.7, 0)])), 0.0);
    }

    #[test]
    fn skill_is_the_share_of_the_loss_that_is_gone() {
        near(skill(0.15, 0.2), 0.25);
        near(skill(0.3, 0.2), -0.5);
    }

    #[test]
    fn bins_of_a_published_example() {
        // The example in scikit-learn's reference of calibration_curve.
        let given = [0.1, 0.2, 0.3, 0.4, 0.65, 0.7, 0.8, 0.9, 1.0];
        let given: Vec<(f64, u8)> = given.into_iter().zip([0, 0, 0, 0, 1, 1, 1, 1, 1]).collect();
        let bins = calibration(&said(&given), 3);
        let round = |x: f64| (x * 1e9).round() / 1e9;
        let rows: Vec<_> = bins.iter().map(|b| (b.n, b.won, round(b.said), b.came)).collect();
        assert_eq!(rows, [(3, 0, 0.2, 0.0), (2, 1, 0.525, 0.5), (4, 4, 0.85, 1.0)]);
        // (3 * 0.2 + 2 * 0.025 + 4 * 0.15) / 9
        near(calibration_error(&bins), 1.25 / 9.0);
    }

    #[test]
    fn a_chance_on_an_edge_is_in_the_lower_bin() {
        let at = |chance: f64| {
            let bins = calibration(&said(&[(chance, 1)]), BINS);
            ((bins[0].above * 10.0).round(), (bins[0].up_to * 10.0).round())
        };
        assert_eq!(at(0.0), (0.0, 1.0));
        assert_eq!(at(0.1), (0.0, 1.0));
        assert_eq!(at(0.100_000_1), (1.0, 2.0));
        // 3 * 0.1 is a little above 0.3, and 7 * 0.1 above 0.7.
        assert_eq!(at(0.3), (2.0, 3.0));
        assert_eq!(at(0.7), (6.0, 7.0));
        assert_eq!(at(1.0), (9.0, 10.0));
    }

    #[test]
    fn a_bin_tells_how_sure_its_share_is() {
        let bins = calibration(&said(&[(0.25, 1), (0.25, 0), (0.25, 0), (0.25, 0)]), BINS);
        assert_eq!(bins.len(), 1);
        let (low, high) = wilson(1, 4).unwrap();
        assert_eq!((bins[0].n, bins[0].won, bins[0].came, bins[0].low, bins[0].high), (4, 1, 0.25, low, high));
    }

    #[test]
    fn sums_are_judged_by_their_error_and_by_their_lean() {
        let periods = [Amounts { expected: 120.0, came: 100.0 }, Amounts { expected: 90.0, came: 100.0 }];
        near(wape(&periods), 0.15);
        near(bias(&periods), 0.05);
        near(observed_to_expected(&said(&[(0.5, 1), (0.25, 0), (0.5, 0)])), 0.8);
    }

    #[test]
    fn pinball_of_published_examples() {
        // The examples in scikit-learn's reference of mean_pinball_loss.
        let mean = |level: f64, said: [f64; 3]| {
            let came = [1.0, 2.0, 3.0];
            said.iter().zip(came).map(|(q, y)| pinball(level, *q, y)).sum::<f64>() / 3.0
        };
        near(Some(mean(0.1, [0.0, 2.0, 3.0])), 0.1 / 3.0);
        near(Some(mean(0.1, [1.0, 2.0, 4.0])), 0.3);
        near(Some(mean(0.9, [0.0, 2.0, 3.0])), 0.3);
        near(Some(mean(0.9, [1.0, 2.0, 4.0])), 0.1 / 3.0);
    }

    #[test]
    fn the_ends_of_a_range_are_inside() {
        let ranges = [(1.0, 3.0, 1.0), (1.0, 3.0, 3.0), (1.0, 3.0, 0.9), (1.0, 3.0, 3.1), (1.0, 3.0, 4.0)];
        let c = coverage(&ranges).unwrap();
        assert_eq!((c.n, c.inside, c.came_below, c.came_above, c.share), (5, 2, 1, 2, 0.4));
        assert_eq!(Some((c.low, c.high)), wilson(2, 5));
    }

    fn some() -> impl Strategy<Value = Vec<Said>> {
        // Whole percents, so that there are ties.
        prop::collection::vec((0..=100_u8, any::<bool>()), 1..60).prop_map(|pairs| {
            let one = |(percent, came): (u8, bool)| Said { chance: f64::from(percent) / 100.0, came };
            pairs.into_iter().map(one).collect()
        })
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs_in_order(said in some()) {
            let (mut pairs, mut right) = (0.0, 0.0);
            for (a, b) in said.iter().flat_map(|a| said.iter().map(move |b| (a, b))).filter(|(a, b)| a.came && !b.came) {
                pairs += 1.0;
                right += if a.chance > b.chance { 1.0 } else if a.chance == b.chance { 0.5 } else { 0.0 };
            }
            match auc(&said) {
                Some(area) => prop_assert!((area - right / pairs).abs() < 1e-12),
                None => prop_assert!(pairs == 0.0),
            }
        }

        #[test]
        fn bins_hold_everything_once(said in some(), bins in 1..20_usize) {
            let table = calibration(&said, bins);
            prop_assert_eq!(table.iter().map(|b| b.n).sum::<usize>(), said.len());
            prop_assert_eq!(table.iter().map(|b| b.won).sum::<usize>(), said.iter().filter(|s| s.came).count());
            let sum: f64 = table.iter().map(|b| b.said * b.n as f64).sum();
            prop_assert!((sum - said.iter().map(|s| s.chance).sum::<f64>()).abs() < 1e-9);
            for b in &table {
                // A mean of equal numbers may be the smallest step off.
                prop_assert!(b.above - 1e-12 <= b.said && b.said <= b.up_to + 1e-12);
                prop_assert!(b.low <= b.came && b.came <= b.high);
            }
        }

        // No constant chance is better than the share that came: both losses are proper.
        #[test]
        fn the_share_that_came_is_the_best_constant(said in some(), other in 0.01..0.99_f64) {
            let share = said.iter().filter(|s| s.came).count() as f64 / said.len() as f64;
            let constant = |chance: f64| -> Vec<Said> { said.iter().map(|s| Said { chance, ..*s }).collect() };
            prop_assert!(brier(&constant(share)).unwrap() <= brier(&constant(other)).unwrap() + 1e-12);
            prop_assert!(log_loss(&constant(share)).unwrap() <= log_loss(&constant(other)).unwrap() + 1e-9);
            let ratio = observed_to_expected(&constant(share));
            prop_assert!(ratio.is_none_or(|r| (r - 1.0).abs() < 1e-9));
        }

        // The quantile of a sample has the smallest pinball loss on that sample.
        #[test]
        fn a_quantile_is_the_best_answer_at_its_level(
            mut came in prop::collection::vec(-50.0..50.0_f64, 1..40), level in 0.05..0.95_f64, other in -60.0..60.0_f64
        ) {
            came.sort_by(f64::total_cmp);
            let rank = ((level * came.len() as f64).ceil() as usize).clamp(1, came.len());
            let loss = |q: f64| came.iter().map(|y| pinball(level, q, *y)).sum::<f64>();
            prop_assert!(loss(came[rank - 1]) <= loss(other) + 1e-9);
        }
    }
}
