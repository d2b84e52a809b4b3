//! A distribution of an amount of money, what it says, and how well it said it.

/// Parts of the probability below which a point is taken for noise of the arithmetic.
const NOISE: f64 = 1e-15;

/// How far below the probability asked for a quantile may lie: noise must not push it to the next possible amount.
const SLACK: f64 = 1e-12;

/// Amounts closer than this share of the largest one are the same.
const SAME: f64 = 1e-9;

/// How much money can be expected, as a whole distribution. Amounts are in units of the currency.
///
/// It is held as its distribution function: a line through points that rises straight up where an amount has a
/// probability of its own, as with few deals, and slopes where so many amounts are possible that they run into one
/// another.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    pub(super) amounts: Vec<f64>,
    pub(super) below: Vec<f64>,
    mean: f64,
    sd: f64,
}

impl Distribution {
    /// All probability on one amount.
    pub(super) fn certain(amount: f64) -> Self {
        Distribution { amounts: vec![amount, amount], below: vec![0.0, 1.0], mean: amount, sd: 0.0 }
    }

    /// From amounts in ascending order, each with its probability.
    pub(super) fn of_points(points: impl Iterator<Item = (f64, f64)>, mean: f64, sd: f64) -> Self {
        let mut found = Distribution { amounts: Vec::new(), below: Vec::new(), mean, sd };
        let mut sum = 0.0;
        for (amount, probability) in points.filter(|(_, probability)| *probability > NOISE) {
            found.push(amount, sum);
            sum += probability;
            found.push(amount, sum);
        }
        found.finished(sum)
    }

    /// From the probabilities of amounts that lie `step` apart from `start` on. The first is a point, as it is where
    /// nothing is won; that of each other is spread evenly to half a step on either side, which keeps the mean.
    pub(super) fn of_cells(start: f64, step: f64, cells: &[f64], mean: f64, sd: f64) -> Self {
        let last = cells.iter().rposition(|probability| *probability > NOISE).unwrap_or(0);
        let mut found = Distribution { amounts: Vec::new(), below: Vec::new(), mean, sd };
        let mut sum = 0.0;
        for (at, probability) in cells.iter().enumerate().take(last + 1) {
            let probability = if *probability > NOISE { *probability } else { 0.0 };
            if at == 0 && probability > 0.0 {
                found.push(start, 0.0);
                found.push(start, probability);
            } else if at > 0 && (probability > 0.0 || sum > 0.0) {
                found.push(start + (at as f64 - 0.5) * step, sum);
            }
            sum += probability;
        }
        found.push(start + (last as f64 + if last == 0 { 0.0 } else { 0.5 }) * step, sum);
        found.finished(sum)
    }

    fn push(&mut self, amount: f64, below: f64) {
        self.amounts.push(amount);
        self.below.push(below);
    }

    /// Makes the probabilities add up to 1.
    fn finished(mut self, sum: f64) -> Self {
        if self.amounts.is_empty() || sum <= 0.0 {
            return Self::certain(self.mean);
        }
        for below in &mut self.below {
            *below = (*below / sum).min(1.0);
        }
        self
    }

    /// The expected amount.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    pub fn sd(&self) -> f64 {
        self.sd
    }

    /// The least amount that is not exceeded with a probability of `p`, 0 to 1 (what lies outside counts as the nearer of
    /// the two). It never falls while `p` rises.
    pub fn quantile(&self, p: f64) -> f64 {
        // The first comparison takes what is no number for 0.
        let p = if p > 0.0 { p.min(1.0) } else { 0.0 };
        let at = self.below.partition_point(|below| *below < p - SLACK || *below <= 0.0);
        let (Some(to), Some(upper)) = (self.amounts.get(at), self.below.get(at)) else { return self.most() };
        let Some(before) = at.checked_sub(1) else { return *to };
        let (from, lower) = (self.amounts[before], self.below[before]);
        let share = if *upper > lower { ((p - lower) / (upper - lower)).clamp(0.0, 1.0) } else { 1.0 };
        from + (to - from) * share
    }

    /// The probability that the amount is at most `amount`.
    pub fn cdf(&self, amount: f64) -> f64 {
        let amount = amount + self.same();
        let at = self.amounts.partition_point(|x| *x <= amount);
        self.between(at, amount)
    }

    /// The probability that the amount reaches `amount`: the chance to reach a target.
    pub fn probability_at_least(&self, amount: f64) -> f64 {
        1.0 - self.cdf_before(amount)
    }

    /// The probability that the amount is less than `amount`.
    fn cdf_before(&self, amount: f64) -> f64 {
        let amount = amount - self.same();
        let at = self.amounts.partition_point(|x| *x < amount);
        self.between(at, amount)
    }

    /// The distribution function at an amount between the points `at - 1` and `at`.
    fn between(&self, at: usize, amount: f64) -> f64 {
        let Some(before) = at.checked_sub(1) else { return 0.0 };
        let (Some(to), Some(upper)) = (self.amounts.get(at), self.below.get(at)) else { return 1.0 };
        let (from, lower) = (self.amounts[before], self.below[before]);
        let share = if *to > from { ((amount - from) / (to - from)).clamp(0.0, 1.0) } else { 0.0 };
        lower + (upper - lower) * share
    }

    /// The continuous ranked probability score of what came: the integral of `(F(x) - 1{x >= observed})²` over all amounts,
    /// in units of the currency, 0 at best. The mean absolute error of a forecast that is one number is its score too
    /// (Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, section 4.2). The integral
    /// is exact.
    pub fn crps(&self, observed: f64) -> f64 {
        let (first, last) = (self.least(), self.most());
        let mut score = (first - observed).max(0.0) + (observed - last).max(0.0);
        if observed.is_nan() {
            return observed;
        }
        for (x, f) in self.amounts.windows(2).zip(self.below.windows(2)) {
            let ([from, to], [low, high]) = (x, f) else { continue };
            let width = to - from;
            if width <= 0.0 {
                continue;
            }
            let cut = ((observed - from) / width).clamp(0.0, 1.0);
            let middle = low + (high - low) * cut;
            score += width * cut * squared(*low, middle);
            score += width * (1.0 - cut) * squared(1.0 - middle, 1.0 - high);
        }
        score
    }

    /// The quantile loss of what came, with the forecast's quantile for `p`: `p` times what the quantile fell short by, or
    /// `1 - p` times what it was too high by (Koenker and Bassett, "Regression Quantiles", 1978).
    pub fn pinball(&self, p: f64, observed: f64) -> f64 {
        let over = observed - self.quantile(p);
        if over < 0.0 { (p - 1.0) * over } else { p * over }
    }

    /// Where what came lies in the distribution, 0 to 1. Over many forecasts that can be trusted the values lie evenly
    /// between 0 and 1. An amount with a probability of its own counts half (Czado, Gneiting and Held, "Predictive Model
    /// Assessment for Count Data", 2009, section 2.1, taken at its middle so that there is no chance in it).
    pub fn pit(&self, observed: f64) -> f64 {
        (self.cdf_before(observed) + self.cdf(observed)) / 2.0
    }

    fn least(&self) -> f64 {
        self.amounts.first().copied().unwrap_or(self.mean)
    }

    fn most(&self) -> f64 {
        self.amounts.last().copied().unwrap_or(self.mean)
    }

    fn same(&self) -> f64 {
        SAME * self.most().abs().max(self.least().abs())
    }
}

/// The mean of the squares on a straight line from `a` to `b`.
fn squared(a: f64, b: f64) -> f64 {
    (a * a + a * b + b * b) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2 and 4 with 20, 50 and 30 %.
    fn three() -> Distribution {
        Distribution::of_points([(1.0, 0.2), (2.0, 0.5), (4.0, 0.3)].into_iter(), 2.4, 1.1136)
    }

    #[test]
    fn quantiles_of_points_are_points() {
        let p = [0.0, 0.1, 0.2, 0.21, 0.7, 0.71, 1.0, f64::NAN, 7.0];
        assert_eq!(p.map(|p| three().quantile(p)), [1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 1.0, 4.0]);
        assert_eq!([0.9, 1.0, 3.0, 4.0].map(|x| three().cdf(x)), [0.0, 0.2, 0.7, 1.0]);
        assert!((three().probability_at_least(2.0) - 0.8).abs() < 1e-15);
        assert!((three().probability_at_least(4.1) - 0.0).abs() < 1e-15);
    }

    #[test]
    fn the_score_of_points_is_that_of_its_other_definition() {
        // E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007, equation 21).
        let points: [(f64, f64); 3] = [(1.0, 0.2), (2.0, 0.5), (4.0, 0.3)];
        let spread: f64 = points.iter().flat_map(|a| points.map(|b| a.1 * b.1 * (a.0 - b.0).abs())).sum();
        for observed in [0.0_f64, 1.0, 1.7, 2.0, 3.3, 4.0, 9.0] {
            let off: f64 = points.iter().map(|(x, p)| p * (x - observed).abs()).sum();
            assert!((three().crps(observed) - (off - spread / 2.0)).abs() < 1e-12, "{observed}");
        }
    }

    #[test]
    fn cells_are_spread_and_the_first_is_a_point() {
        let cells = Distribution::of_cells(10.0, 2.0, &[0.5, 0.25, 0.25, 0.0], 11.5, 1.0);
        assert_eq!([0.1, 0.5].map(|p| cells.quantile(p)), [10.0, 10.0]);
        assert_eq!([0.625, 0.75, 0.875, 1.0].map(|p| cells.quantile(p)), [12.0, 13.0, 14.0, 15.0]);
        for (x, below) in [(9.9, 0.0), (10.0, 0.5), (11.0, 0.5), (12.0, 0.625), (14.0, 0.875), (15.0, 1.0)] {
            assert!((cells.cdf(x) - below).abs() < 1e-8);
        }
        // In thousands of small steps.
        for observed in [9.0, 10.0, 12.7, 14.9, 17.0] {
            let step = |at: i32| {
                let x = 8.0 + f64::from(at) * 0.001 + 0.0005;
                (cells.cdf(x) - f64::from(x >= observed)).powi(2) * 0.001
            };
            let sum: f64 = (0..10_000).map(step).sum();
            assert!((cells.crps(observed) - sum).abs() < 1e-3, "{observed}: {} {sum}", cells.crps(observed));
        }
    }

    #[test]
    fn a_quantile_costs_what_it_is_off_by() {
        assert!((three().pinball(0.9, 10.0) - 0.9 * 6.0).abs() < 1e-12);
        assert!((three().pinball(0.9, 1.0) - 0.1 * 3.0).abs() < 1e-12);
        assert!((three().pinball(0.5, 2.0)).abs() < 1e-12);
    }

    #[test]
    fn what_came_lies_evenly_in_a_forecast_that_is_right() {
        let place: f64 = [(1.0, 0.2), (2.0, 0.5), (4.0, 0.3)].iter().map(|(x, p)| p * three().pit(*x)).sum();
        assert!((place - 0.5).abs() < 1e-12);
        assert_eq!([0.0, 5.0].map(|x| three().pit(x)), [0.0, 1.0]);
    }
}
