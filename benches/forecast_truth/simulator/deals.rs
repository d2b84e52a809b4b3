//! Deals that live by a law, day after day.

use super::dice::Dice;
use super::law::{ADVANCE, BACK, LOSE, Law, Rates, WIN};

/// Where a deal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    Stage(usize),
    Won,
    Lost,
}

/// A step of a deal.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Counted from the first day of the pipeline.
    pub day: u32,
    /// Seconds after midnight.
    pub second: u32,
    pub to: Spot,
}

/// A deal.
#[derive(Clone, Debug)]
pub struct Deal {
    pub segment: usize,
    /// In hundredths.
    pub amount: u64,
    /// In order, the first is its arrival.
    pub steps: Vec<Step>,
}

impl Deal {
    /// Where it was at the end of a day, and since which; `None` before it came.
    pub fn at(&self, day: u32) -> Option<(Spot, u32)> {
        self.steps.iter().take_while(|step| step.day <= day).last().map(|step| (step.to, step.day))
    }

    /// Whether it is won at the end of a day.
    pub fn is_won_at(&self, day: u32) -> bool {
        self.at(day).is_some_and(|(spot, _)| spot == Spot::Won)
    }

    pub fn money(&self) -> f64 {
        self.amount as f64 / 100.0
    }
}

/// A pipeline as it came about, from its first day on.
#[derive(Clone, Debug)]
pub struct World {
    pub deals: Vec<Deal>,
}

/// How many deals come on a day, on average, where `size` are to come up to the end of day `until`.
pub fn arrivals(law: &Law, size: f64, until: u32, day: u32) -> f64 {
    let weight = |day: u32| (law.growth * f64::from(day) / 365.0).exp();
    let all: f64 = (0..=until).map(weight).sum();
    size * weight(day) / all
}

impl World {
    /// Lets a pipeline live until the end of day `end`. About `size` deals come up to the end of day `until`.
    pub fn of(law: &Law, size: u32, until: u32, end: u32, seed: u64) -> World {
        let rates = law.rates();
        let mut market = Dice::new(seed, 1);
        let states: Vec<f64> = (0..=end / law.period).map(|_| market.normal()).collect();
        let mut coming = Dice::new(seed, 2);
        let first = arrivals(law, f64::from(size), until, 0);
        let mut deals = Vec::new();
        for day in 0..=end {
            let rate = first * (law.growth * f64::from(day) / 365.0).exp();
            for _ in 0..coming.poisson(rate) {
                let mut dice = Dice::new(seed, 3 + deals.len() as u64);
                let segment = dice.pick(law.segments.iter().map(|segment| segment.share));
                let amount = (law.amount * (law.spread * dice.normal()).exp() * 100.0).round().max(1.0) as u64;
                let mut deal = Deal { segment, amount, steps: vec![step(day, Spot::Stage(0), &mut dice)] };
                live(law, &rates, &mut deal, end, &|day| states[(day / law.period) as usize], &mut dice);
                deals.push(deal);
            }
        }
        World { deals }
    }
}

/// Somewhere in the hours of work.
fn step(day: u32, to: Spot, dice: &mut Dice) -> Step {
    Step { day, second: 8 * 3_600 + dice.below(10 * 3_600), to }
}

/// Lets a deal go on from its last step until the end of a day.
pub fn live(law: &Law, rates: &Rates, deal: &mut Deal, end: u32, market: &dyn Fn(u32) -> f64, dice: &mut Dice) {
    let Some(&Step { day: mut entered, to: Spot::Stage(mut stage), .. }) = deal.steps.last() else { return };
    let mut day = entered;
    let mut period = None;
    let mut factors = (1.0, 1.0);
    while day < end {
        day += 1;
        // The drift is taken at the beginning of each period, as the truth takes it.
        if period != Some(day / law.period) {
            period = Some(day / law.period);
            factors = law.factors(deal.segment, day / law.period * law.period, market(day));
        }
        let chances = rates.daily(stage, day - entered, factors);
        let stays = 1.0 - chances.iter().sum::<f64>();
        let to = match dice.pick(chances.into_iter().chain([stays])) {
            WIN => Spot::Won,
            LOSE => Spot::Lost,
            ADVANCE => Spot::Stage(stage + 1),
            BACK => Spot::Stage(stage - 1),
            _ => continue,
        };
        deal.steps.push(step(day, to, dice));
        match to {
            Spot::Stage(next) => (stage, entered) = (next, day),
            _ => return,
        }
    }
}
