//! The many small deals: their sum, given the common factor, by its cumulants.

use super::Group;
use super::factor::{Chance, Factor};

/// More different chances than this are told apart by their normal quantile only, on a fixed net.
const CHANCES: usize = 256;

/// Distance of the net's points, and the largest quantile on it.
const MESH: f64 = 0.05;
const EDGE: f64 = 9.0;

/// A sum whose mean is at least this many standard deviations above 0 may be taken for one without a lower end.
const CLEAR: f64 = 6.0;

/// Cumulants of a sum, in whatever unit the amounts are in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cumulants {
    pub mean: f64,
    pub variance: f64,
    pub third: f64,
    pub fourth: f64,
}

impl Cumulants {
    /// Those of deals with one chance, from the sums of the first four powers of their amounts.
    fn of(chance: f64, powers: &[f64; 4]) -> Self {
        let spread = chance * (1.0 - chance);
        Cumulants {
            mean: chance * powers[0],
            variance: spread * powers[1],
            third: spread * (1.0 - 2.0 * chance) * powers[2],
            fourth: spread * (1.0 - 6.0 * spread) * powers[3],
        }
    }

    fn add(&mut self, other: Cumulants) {
        self.mean += other.mean;
        self.variance += other.variance;
        self.third += other.third;
        self.fourth += other.fourth;
    }

    /// Of the amounts divided by `step`.
    pub fn in_steps(&self, step: f64) -> Self {
        Cumulants {
            mean: self.mean / step,
            variance: self.variance / step.powi(2),
            third: self.third / step.powi(3),
            fourth: self.fourth / step.powi(4),
        }
    }
}

/// Sums of the powers of amounts by chance: all that the cumulants at any value of the factor need.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    rows: Vec<(Chance, [f64; 4])>,
}

impl Profile {
    pub fn new(groups: &[Group]) -> Self {
        let mut by_chance: Vec<&Group> = groups.iter().collect();
        by_chance.sort_by(|a, b| a.chance.quantile().total_cmp(&b.chance.quantile()));
        let mut rows: Vec<(Chance, [f64; 4])> = Vec::new();
        for group in &by_chance {
            match rows.last_mut() {
                Some((chance, powers)) if *chance == group.chance => add_powers(powers, group, 1.0),
                _ => {
                    let mut powers = [0.0; 4];
                    add_powers(&mut powers, group, 1.0);
                    rows.push((group.chance, powers));
                }
            }
        }
        if rows.len() > CHANCES { Self::on_net(&by_chance) } else { Profile { rows } }
    }

    /// Each deal is shared out to the six nearest points of a net of quantiles, with Lagrange's weights, so that whatever
    /// changes with the quantile as smoothly as a normal distribution function is kept.
    fn on_net(groups: &[&Group]) -> Self {
        let points = (2.0 * EDGE / MESH) as usize + 1;
        let mut net = vec![[0.0; 4]; points];
        for group in groups {
            let at = (group.chance.quantile().clamp(-EDGE, EDGE) + EDGE) / MESH;
            let first = (at.floor() as usize).saturating_sub(2).min(points - 6);
            let at = at - first as f64;
            for (j, powers) in net[first..first + 6].iter_mut().enumerate() {
                let j = j as f64;
                let others = (0..6).map(f64::from).filter(|other| *other != j);
                add_powers(powers, group, others.map(|other| (at - other) / (j - other)).product());
            }
        }
        let used = net.into_iter().enumerate().filter(|(_, powers)| powers[0] != 0.0);
        Profile { rows: used.map(|(at, powers)| (Chance::of_quantile(at as f64 * MESH - EDGE), powers)).collect() }
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The cumulants of the sum at each value of the factor.
    pub fn cumulants(&self, factor: &Factor) -> Vec<Cumulants> {
        let mut found = vec![Cumulants::default(); factor.len()];
        for (chance, powers) in &self.rows {
            for (sum, given) in found.iter_mut().zip(factor.chances(*chance)) {
                sum.add(Cumulants::of(given, powers));
            }
        }
        found
    }

    /// The least ratio of the sum's standard deviation at a value of the factor to what its mean moves by with one standard
    /// deviation of the factor. `more` is added to the variance.
    pub fn narrowness(&self, rho: f64, more: f64) -> f64 {
        let at = |z: f64| {
            let (mut variance, mut slope) = (more, 0.0);
            for (chance, powers) in &self.rows {
                let (given, change) = chance.at(rho, z);
                variance += given * (1.0 - given) * powers[1];
                slope += change * powers[0];
            }
            if slope > 0.0 { variance.max(0.0).sqrt() / slope } else { f64::INFINITY }
        };
        (-6..=6).map(|half| at(f64::from(half) / 2.0)).fold(f64::INFINITY, f64::min)
    }
}

fn add_powers(powers: &mut [f64; 4], group: &Group, weight: f64) {
    let mut term = f64::from(group.count) * weight;
    for power in powers {
        term *= group.amount;
        *power += term;
    }
}

/// A sum on the grid that has given cumulants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// The normal distribution with a correction for the third and the fourth cumulant, where there are so many deals that
    /// it holds no amounts below 0 to speak of.
    Normal(Cumulants),
    /// A number of points, shifted: binomial, Poisson or negative binomial, whichever has the mean and the variance (the
    /// family of Panjer, "Recursive Evaluation of a Family of Compound Distributions", 1981). It never lies below 0.
    Counted {
        shift: f64,
        mean: f64,
        /// The chance of the binomial; below 0 for the negative binomial.
        chance: f64,
        /// What the third cumulant is short of.
        third: f64,
    },
}

impl Shape {
    /// From cumulants in steps of the grid.
    pub fn new(sum: Cumulants) -> Self {
        let (mean, variance) = (sum.mean.max(0.0), sum.variance.max(0.0));
        if variance >= 4.0 && mean * mean >= CLEAR * CLEAR * variance {
            return Shape::Normal(Cumulants { mean, variance, ..sum });
        }
        let shift = (mean - variance).max(0.0).floor();
        let mean = mean - shift;
        // A binomial with less than two trials has points with a negative probability unless it has one.
        let chance = if mean > 0.0 { (1.0 - variance / mean).min(mean).min(0.5) } else { 0.0 };
        let known = mean * mean >= 9.0 * variance;
        let third = if known { sum.third - mean * (1.0 - chance) * (1.0 - 2.0 * chance) } else { 0.0 };
        Shape::Counted { shift, mean, chance, third }
    }

    /// The logarithm of the characteristic function at an angle: of its size, and its angle.
    pub fn characteristic(&self, angle: f64) -> (f64, f64) {
        match self {
            Shape::Normal(sum) => {
                let square = angle * angle;
                // Where the correction would take over, the series is no longer one and the function is next to nothing.
                let flat = (square * sum.fourth / (12.0 * sum.variance)).min(0.5);
                (-square * sum.variance / 2.0 * (1.0 - flat), angle * (sum.mean - square * sum.third / 6.0))
            }
            Shape::Counted { shift, mean, chance, third } => {
                let (sin, cos) = angle.sin_cos();
                let (re, im) = if chance.abs() < 1e-9 {
                    (mean * (cos - 1.0), mean * sin)
                } else {
                    let (re, im) = (1.0 + chance * (cos - 1.0), chance * sin);
                    let trials = mean / chance;
                    (trials * (re * re + im * im).ln() / 2.0, trials * im.atan2(re))
                };
                (re, im + angle * (shift - angle * angle * third / 6.0))
            }
        }
    }
}
