//! How much money open deals will bring, as a whole distribution and without random numbers.
//!
//! Given a common factor deals are independent, so that the characteristic function of the total is the product of those of
//! the deals; its mean over the factor, times that of new business, is turned back into probabilities on a grid of amounts.
//! A handful of deals is worked out outcome by outcome instead, and of very many the small ones are taken together by the
//! cumulants of their sum.

mod distribution;
mod factor;
mod few;
mod grid;
mod product;
mod rest;
mod stream;
#[cfg(test)]
mod tests;

pub use distribution::Distribution;
pub use stream::Stream;

use factor::{Chance, Factor};
use grid::Grid;
use rest::{Cumulants, Profile, Shape};
use stream::Flow;

/// The largest number that is worked with; no currency has larger amounts.
const LARGEST: f64 = 1e30;

/// The least amount that counts; no currency has smaller ones.
const LEAST: f64 = 1e-15;

/// The least chance that counts.
const UNLIKELY: f64 = 1e-40;

/// The largest dependence that is worked with.
const DEPENDENT: f64 = 0.99;

/// The probability that a total exceeds the grid, as a logarithm: 1e-13.
const BEYOND: f64 = 29.933_606_208_922_594;

/// Deals up to which each is worked out on its own.
const EACH: usize = 96;

/// Different deals up to which each is worked out on its own where all amounts are multiples of one and those of the small
/// deals are of a larger one.
const EACH_OF_UNIT: usize = 1_024;

/// Different deals that are worked out on their own, at most.
const MOST: usize = 2_048;

/// What the deals that are taken together may add to the fourth cumulant of the total of independent deals, as a share of
/// its squared variance.
const TOGETHER: f64 = 0.01;

/// What their fourth cumulant may be as a share of their own squared variance.
const PEAKED: f64 = 1.0 / 6.0;

/// What their variance may be as a share of their squared mean: there are enough wins among them.
const SPREAD: f64 = 1.0 / 9.0;

/// Which share of the variance is much for one deal.
const MUCH: f64 = 0.05;

/// An open deal with an amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bet {
    /// The chance that it is won by the horizon, 0 to 1.
    pub chance: f64,
    /// Its amount, 0 or more, in units of the currency.
    pub amount: f64,
}

impl Bet {
    /// The bet with numbers that can be worked with: what is no number, or infinite, or below 0 is taken for 0.
    fn sound(self) -> Self {
        Bet { chance: sound(self.chance).min(1.0), amount: sound(self.amount) }
    }
}

fn sound(number: f64) -> f64 {
    if number.is_finite() && number > 0.0 { number.min(LARGEST) } else { 0.0 }
}

/// Equal bets.
#[derive(Clone, Copy, Debug)]
struct Group {
    chance: Chance,
    amount: f64,
    count: u32,
    /// Of all of them, for independent ones.
    variance: f64,
}

impl Group {
    fn undecided(&self) -> f64 {
        let chance = self.chance.chance();
        f64::from(self.count) * chance * (1.0 - chance)
    }
}

/// The distribution of the money that `bets` and new business bring, with a dependence of `rho` between any two bets, 0 to
/// 0.99.
pub fn distribution(bets: &[Bet], stream: Option<&Stream>, rho: f64) -> Distribution {
    Totals::prepare(bets, stream).at(rho)
}

/// The deals that decide most about the total: up to three of them by their place in `bets`, each with its share of the
/// variance of the total of independent deals, the largest first. Deals that are certain decide nothing.
pub fn deciding(bets: &[Bet]) -> Vec<(usize, f64)> {
    let largest = bets.iter().map(|bet| bet.sound().amount).fold(0.0, f64::max);
    let variance = |bet: &Bet| {
        let bet = bet.sound();
        bet.chance * (1.0 - bet.chance) * (bet.amount / largest).powi(2)
    };
    let mut shares: Vec<(usize, f64)> = bets.iter().map(variance).enumerate().filter(|(_, v)| *v > 0.0).collect();
    let mut ascending: Vec<f64> = shares.iter().map(|(_, variance)| *variance).collect();
    ascending.sort_by(f64::total_cmp);
    let sum: f64 = ascending.iter().sum();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    shares.truncate(3);
    shares.iter().map(|(index, variance)| (*index, variance / sum)).collect()
}

/// Bets and new business, ready for their distribution at any dependence.
#[derive(Clone, Debug)]
pub struct Totals {
    /// What is won for sure.
    sure: f64,
    mean: f64,
    /// What can be won or not, the largest variance first.
    groups: Vec<Group>,
    way: Way,
}

/// How the distribution is worked out.
#[derive(Clone, Debug)]
enum Way {
    /// There is only one outcome.
    Certain,
    /// Outcome by outcome.
    Few,
    /// By characteristic functions.
    Many(Box<Many>),
}

#[derive(Clone, Debug)]
struct Many {
    /// What is worked out deal by deal, the most undecided first: products get small soonest then.
    alone: Vec<Group>,
    /// What is taken together.
    rest: Profile,
    /// Both.
    all: Profile,
    /// Both but for the few that decide much by themselves: what is narrow given the factor.
    core: Profile,
    /// The sum of all amounts.
    whole: f64,
    /// The largest amount.
    largest: f64,
    flow: Option<Flow>,
    /// A common unit of all amounts.
    unit: Option<f64>,
}

impl Totals {
    /// Does all the work that does not depend on the dependence. The order of the bets changes nothing, not even bits.
    pub fn prepare(bets: &[Bet], stream: Option<&Stream>) -> Self {
        Self::with(bets, stream, EACH)
    }

    /// The same, with each deal worked out on its own where there are at most `each`.
    fn with(bets: &[Bet], stream: Option<&Stream>, each: usize) -> Self {
        let mut bets: Vec<Bet> = bets.iter().map(|bet| bet.sound()).collect();
        bets.retain(|bet| bet.chance > UNLIKELY && bet.amount > LEAST);
        bets.sort_by(|a, b| a.amount.total_cmp(&b.amount).then(a.chance.total_cmp(&b.chance)));
        let (sure, open): (Vec<Bet>, Vec<Bet>) = bets.into_iter().partition(|bet| bet.chance == 1.0);
        let sure: f64 = sure.iter().map(|bet| bet.amount).sum();
        let flow = stream.and_then(Flow::new);
        let expected: f64 = open.iter().map(|bet| bet.chance * bet.amount).sum();
        let mean = sure + expected + flow.as_ref().map_or(0.0, |flow| flow.mean);
        let groups = grouped(&open);
        let way = if groups.is_empty() && flow.is_none() {
            Way::Certain
        } else if flow.is_none() && open.len() <= few::FEW as usize {
            Way::Few
        } else {
            Way::Many(Box::new(Many::new(&groups, flow, open.len() > each)))
        };
        Totals { sure, mean, groups, way }
    }

    /// The distribution with a dependence of `rho` between any two bets; what is not between 0 and 0.99 counts as the nearer
    /// of the two.
    pub fn at(&self, rho: f64) -> Distribution {
        let rho = sound(rho).min(DEPENDENT);
        match &self.way {
            Way::Certain => Distribution::certain(self.sure),
            Way::Few => self.few(rho),
            Way::Many(many) => self.many(many, rho),
        }
    }

    fn few(&self, rho: f64) -> Distribution {
        let factor = Factor::new(rho, f64::INFINITY);
        let points = few::outcomes(&self.groups, &factor);
        let mean: f64 = points.iter().map(|(amount, probability)| amount * probability).sum();
        let variance: f64 = points.iter().map(|(amount, probability)| probability * (amount - mean).powi(2)).sum();
        let points = points.into_iter().map(|(amount, probability)| (self.sure + amount, probability));
        Distribution::of_points(points, self.mean, variance.sqrt())
    }

    fn many(&self, many: &Many, rho: f64) -> Distribution {
        let incoming = many.flow.as_ref().map_or(0.0, |flow| flow.variance);
        let rho = if self.groups.is_empty() { 0.0 } else { rho };
        let narrow = if rho > 0.0 { many.core.narrowness(rho, incoming) } else { f64::INFINITY };
        let factor = Factor::new(rho, narrow);
        let cumulants = many.all.cumulants(&factor);
        let mean = weighted(&factor, cumulants.iter().map(|sum| sum.mean));
        let variance = weighted(&factor, cumulants.iter().map(|sum| sum.variance + (sum.mean - mean).powi(2)));
        let sd = (variance + incoming).max(0.0).sqrt();
        let independent = weighted(&factor, cumulants.iter().map(|sum| sum.variance)) + incoming;
        let (span, step) = (many.span(&factor, &cumulants), many.fine() * independent.max(0.0).sqrt());
        let grid = Grid::new(many.unit, span, step, many.alone.iter().map(|group| group.count as usize).sum());
        let shapes = many.shapes(&grid, &factor);
        let mut product = product::mixed(&grid, &many.alone, &factor, &shapes);
        let incoming = many.flow.as_ref().map(|flow| flow.characteristic(&grid)).unwrap_or_default();
        for (value, turn) in product.iter_mut().zip(&incoming) {
            *value = (value.0 * turn.0 - value.1 * turn.1, value.0 * turn.1 + value.1 * turn.0);
        }
        let cells = grid.probabilities(&product);
        let step = grid.step;
        if grid.exact {
            let points = cells.iter().enumerate().map(|(at, probability)| (self.sure + at as f64 * step, *probability));
            Distribution::of_points(points, self.mean, sd)
        } else {
            Distribution::of_cells(self.sure, step, &cells, self.mean, sd)
        }
    }
}

impl Many {
    /// `together`: whether small deals may be taken together.
    fn new(groups: &[Group], flow: Option<Flow>, together: bool) -> Self {
        let apart = groups.split_at(if together { alone_in(groups) } else { groups.len() });
        let unit = unit(groups, flow.as_ref());
        // A normal distribution knows nothing of amounts that come in steps of their own. Where all are the same, the grid
        // has a point for each number of wins and no more, so that exactness costs little.
        let is_one = |group: &Group| Some(group.amount) == groups.first().map(|first| first.amount);
        let deals: usize = groups.iter().map(|group| group.count as usize).sum();
        let is_count = flow.is_none() && deals <= EACH_OF_UNIT && groups.iter().all(is_one);
        let own_steps = unit.is_some() && unit != self::unit(apart.1, None);
        let stepped = groups.len() <= EACH_OF_UNIT && (own_steps || is_count);
        let (alone, rest) = if stepped { (groups, &groups[..0]) } else { apart };
        let mut alone = alone.to_vec();
        alone.sort_by(|a, b| b.undecided().total_cmp(&a.undecided()));
        Many {
            alone,
            rest: Profile::new(rest),
            all: Profile::new(groups),
            core: Profile::new(core(groups)),
            whole: groups.iter().map(|group| f64::from(group.count) * group.amount).sum(),
            largest: groups.iter().map(|group| group.amount).fold(0.0, f64::max),
            flow,
            unit,
        }
    }

    /// How far apart the grid's points may be, in standard deviations of the total of independent deals.
    fn fine(&self) -> f64 {
        match self.alone.len() {
            0..64 => 0.0,
            _ if self.rest.is_empty() => 1.0 / 96.0,
            _ => 1.0 / 32.0,
        }
    }

    /// What the total exceeds with a probability of next to nothing, by Bennett's inequality for each value of the factor
    /// ("Probability Inequalities for the Sum of Independent Random Variables", 1962).
    fn span(&self, factor: &Factor, cumulants: &[Cumulants]) -> f64 {
        let bound = |(sum, weight): (&Cumulants, &f64)| {
            let (rare, variance) = (BEYOND + weight.ln(), sum.variance.max(0.0));
            if rare <= 0.0 || variance <= 0.0 {
                return sum.mean;
            }
            let wanted = rare * self.largest * self.largest / variance;
            // (1 + x) ln(1 + x) - x rises with x, and is more than x² / (2 + 2x / 3).
            let (mut low, mut high) = (0.0, wanted / 3.0 + (wanted * wanted / 9.0 + 2.0 * wanted).sqrt());
            for _ in 0..50 {
                let middle = (low + high) / 2.0;
                let reached = (1.0 + middle) * f64::ln_1p(middle) - middle >= wanted;
                (low, high) = if reached { (low, middle) } else { (middle, high) };
            }
            sum.mean + high * variance / self.largest
        };
        let most = cumulants.iter().zip(factor.weights()).map(bound).fold(0.0, f64::max);
        // A sum that is taken for normal reaches above the sum of its amounts.
        let most = if self.rest.is_empty() { most.min(self.whole) } else { most };
        most + self.flow.as_ref().map_or(0.0, |flow| flow.most)
    }

    /// What the deals that are taken together are at each value of the factor; empty where there are none.
    fn shapes(&self, grid: &Grid, factor: &Factor) -> Vec<Shape> {
        if self.rest.is_empty() {
            return Vec::new();
        }
        let core = self.core.cumulants(factor);
        let mut found = self.rest.cumulants(factor);
        for (at, sum) in found.iter_mut().enumerate() {
            let (before, after) = (at.saturating_sub(1), (at + 1).min(core.len() - 1));
            if after > before {
                let slope = (core[before].mean - core[after].mean) / (factor.step() * (after - before) as f64);
                sum.variance += factor.gap(slope, core[at].variance);
            }
        }
        found.iter().map(|sum| Shape::new(sum.in_steps(grid.step))).collect()
    }
}

/// A common unit of all amounts.
fn unit(groups: &[Group], flow: Option<&Flow>) -> Option<f64> {
    let mut amounts: Vec<f64> = groups.iter().map(|group| group.amount).collect();
    amounts.extend(flow.into_iter().flat_map(Flow::amounts));
    amounts.sort_by(f64::total_cmp);
    amounts.dedup();
    grid::common_unit(&amounts)
}

/// The groups without the first ones of which a single deal has much of the variance of those from it on.
fn core(groups: &[Group]) -> &[Group] {
    let mut variance = 0.0;
    let mut from = groups.len();
    for (at, group) in groups.iter().enumerate().rev() {
        variance += group.variance;
        if group.variance <= MUCH * f64::from(group.count) * variance {
            from = at;
        }
    }
    groups.get(from..).unwrap_or_default()
}

/// How many groups are to be worked out on their own so that what is not known of the sum of the others beyond its third
/// cumulant changes the total next to nothing.
fn alone_in(groups: &[Group]) -> usize {
    let whole: f64 = groups.iter().map(|group| group.variance).sum();
    let (mut mean, mut variance, mut fourth) = (0.0, 0.0, 0.0);
    let mut found = groups.len();
    for (at, group) in groups.iter().enumerate().rev() {
        mean += f64::from(group.count) * group.chance.chance() * group.amount;
        variance += group.variance;
        fourth += group.variance * group.amount.powi(2);
        let near = fourth <= PEAKED * variance * variance && variance <= SPREAD * mean * mean;
        if near && fourth <= TOGETHER * whole * whole {
            found = at;
        }
    }
    found.min(MOST)
}

/// Equal bets together, the largest variance first.
fn grouped(bets: &[Bet]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for run in bets.chunk_by(|a, b| a == b) {
        let Some(bet) = run.first() else { continue };
        let variance = run.len() as f64 * bet.chance * (1.0 - bet.chance) * bet.amount * bet.amount;
        let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
        groups.push(Group { chance: Chance::new(bet.chance), amount: bet.amount, count, variance });
    }
    groups.sort_by(|a, b| b.variance.total_cmp(&a.variance));
    groups
}

fn weighted(factor: &Factor, values: impl Iterator<Item = f64>) -> f64 {
    factor.weights().iter().zip(values).map(|(weight, value)| weight * value).sum()
}
