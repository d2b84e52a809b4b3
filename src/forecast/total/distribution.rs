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
    amounts: Vec<f64>,
    below: Vec<f64>,
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
