//! What makes deals win or lose together: one common factor.

use statrs::function::erf::{erfc, erfc_inv};

/// The factor is looked at up to this many standard deviations from its mean; what lies beyond has a probability of 2e-8.
const REACH: f64 = 5.6;

/// Steps of the factor on one side of its mean, at most.
const STEPS: usize = 144;

/// The largest step of the factor, in standard deviations, for independent deals.
const WIDEST: f64 = 0.7;

/// How far the expected total may move from one value of the factor to the next, in standard deviations that it has at one
/// value.
const MOVE: f64 = 1.8;

/// Values of the common factor, each with its probability, in ascending order.
///
/// A one-factor Gaussian copula (Vasicek, "The Distribution of Loan Portfolio Value", 2002): a deal is won where
/// `sqrt(rho) z + sqrt(1 - rho) e` lies below the normal quantile of its chance, with `z` common to all deals and `e` its
/// own, so that `rho` is the correlation of the two for any two deals. Given `z` deals are independent.
///
/// The integral over `z` is a sum over equal steps. For a smooth function times the normal density this is as exact as
/// Gauss-Hermite nodes of the same distance (Trefethen and Weideman, "The Exponentially Convergent Trapezoidal Rule",
/// 2014), and the distance can be chosen: with many deals the total given `z` is so narrow that a fixed number of nodes
/// would leave gaps between the totals of neighbouring nodes, and quantiles would jump from one to the next.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    rho: f64,
    step: f64,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Factor {
    /// For a dependence of `rho`, 0 to 1, and for a total whose standard deviation given the factor is `narrow` times what
    /// its mean moves by with one standard deviation of the factor.
    pub fn new(rho: f64, narrow: f64) -> Self {
        if rho <= 0.0 {
            return Factor { rho: 0.0, step: 0.0, values: vec![0.0], weights: vec![1.0] };
        }
        let widest = WIDEST * (1.0 - rho).sqrt();
        let step = if narrow.is_finite() { widest.min(MOVE * narrow) } else { widest };
        let side = if step > 0.0 { ((REACH / step - 1e-9).ceil() as usize).min(STEPS) } else { STEPS };
        let step = REACH / side as f64;
        let values: Vec<f64> = (0..2 * side).map(|at| (at as f64 + 0.5 - side as f64) * step).collect();
        let weights: Vec<f64> = values.iter().map(|z| (-z * z / 2.0).exp()).collect();
        let sum: f64 = weights.iter().sum();
        Factor { rho, step, weights: weights.iter().map(|weight| weight / sum).collect(), values }
    }

    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// What is to be added to the variance of a total that moves by `slope` with one standard deviation of the factor, so
    /// that no gaps are left where there cannot be more values of the factor.
    pub fn gap(&self, slope: f64, variance: f64) -> f64 {
        let needed = if self.values.len() < 2 * STEPS { 0.0 } else { self.step * slope / MOVE };
        (needed * needed - variance).max(0.0)
    }

    /// Differences of neighbouring values, in standard deviations; 0 for independent deals.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// The chance of a deal given each value of the factor. Their mean is the chance itself.
    pub fn chances(&self, chance: Chance) -> Vec<f64> {
        if self.values.len() == 1 {
            return vec![chance.chance()];
        }
        let (own, common) = (1.0 / (1.0 - self.rho).sqrt(), self.rho.sqrt());
        let common = if chance.likely { -common } else { common };
        let mut found: Vec<f64> = self.values.iter().map(|z| below((chance.quantile - common * z) * own)).collect();
        let mean: f64 = found.iter().zip(&self.weights).map(|(chance, weight)| chance * weight).sum();
        if mean > 0.0 {
            found.iter_mut().for_each(|given| *given = (*given * chance.lesser / mean).min(1.0));
        } else {
            found.fill(chance.lesser);
        }
        if chance.likely {
            found.iter_mut().for_each(|given| *given = 1.0 - *given);
        }
        found
    }
}

/// A chance with its normal quantile. The lesser of the chances to win and not to win is kept, as it is the one with digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chance {
    lesser: f64,
    likely: bool,
    quantile: f64,
}

impl Chance {
    pub fn new(chance: f64) -> Self {
        let likely = chance > 0.5;
        let lesser = if likely { 1.0 - chance } else { chance };
        Chance { lesser, likely, quantile: quantile(lesser) }
    }

    /// From the normal quantile of the chance.
    pub fn of_quantile(at: f64) -> Self {
        let quantile = -at.abs();
        Chance { lesser: below(quantile), likely: at > 0.0, quantile }
    }

    pub fn chance(&self) -> f64 {
        if self.likely { 1.0 - self.lesser } else { self.lesser }
    }

    /// The normal quantile of the chance.
    pub fn quantile(&self) -> f64 {
        if self.likely { -self.quantile } else { self.quantile }
    }

    /// The chance at one value of the factor, and how much it changes with the value.
    pub fn at(&self, rho: f64, z: f64) -> (f64, f64) {
        let own = 1.0 / (1.0 - rho).sqrt();
        let x = (self.quantile() - rho.sqrt() * z) * own;
        (below(x), (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * rho.sqrt() * own)
    }
}

/// The normal distribution function.
fn below(x: f64) -> f64 {
    erfc(-x * std::f64::consts::FRAC_1_SQRT_2) / 2.0
}

/// Its inverse, for at most one half.
fn quantile(p: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_and_the_distribution_function_agree_with_tables() {
        // Abramowitz and Stegun, tables 26.1 and 26.5.
        assert!((below(1.0) - 0.841_344_746_068_543).abs() < 1e-10);
        assert!((below(-3.0) - 0.001_349_898_031_630).abs() < 1e-12);
        assert!((quantile(0.1) + 1.281_551_565_544_60).abs() < 1e-13);
        assert!((quantile(0.001) + 3.090_232_306_167_81).abs() < 1e-13);
        for p in [1e-300, 1e-18, 1e-9, 1e-3, 0.2, 0.49, 0.5] {
            assert!((below(quantile(p)) / p - 1.0).abs() < 1e-9, "{p}: {}", below(quantile(p)) / p);
        }
    }

    #[test]
    fn the_moments_of_the_factor_are_those_of_a_normal() {
        for (rho, narrow) in [(0.005, f64::INFINITY), (0.2, f64::INFINITY), (0.2, 0.1), (0.02, 0.001)] {
            let factor = Factor::new(rho, narrow);
            for (power, expected) in [(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)] {
                let terms = factor.values.iter().zip(&factor.weights);
                let moment: f64 = terms.map(|(z, weight)| z.powi(power) * weight).sum();
                assert!((moment - expected).abs() < 1e-4, "{rho} {narrow} {power}: {moment}");
            }
        }
    }

    #[test]
    fn chances_given_the_factor_average_to_the_chance() {
        for rho in [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 0.95] {
            let factor = Factor::new(rho, f64::INFINITY);
            for p in [1e-12, 1e-6, 1e-3, 0.02, 0.3, 0.5] {
                let chance = Chance::new(p);
                let raw: f64 = factor.values.iter().zip(&factor.weights).map(|(z, w)| chance.at(rho, *z).0 * w).sum();
                // Next to nothing is left to correct where the factor reaches far enough.
                assert!(rho > 0.2 || p < 1e-3 || (raw - p).abs() < 1e-5 * p, "{rho} {p}: {}", raw / p - 1.0);
                for p in [p, 1.0 - p] {
                    let given = factor.chances(Chance::new(p));
                    let mean: f64 = given.iter().zip(&factor.weights).map(|(given, w)| given * w).sum();
                    let reach = if rho > 0.5 { 1e-9 } else { 1e-15 };
                    assert!((mean - p).abs() < reach + 1e-13 * p.min(1.0 - p), "{rho} {p}: {}", mean - p);
                }
            }
        }
    }

    #[test]
    fn a_higher_value_of_the_factor_lowers_every_chance() {
        let factor = Factor::new(0.2, f64::INFINITY);
        for p in [0.001, 0.3, 0.5, 0.7, 0.999] {
            assert!(factor.chances(Chance::new(p)).windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}
