//! Forecasts of pipelines that live by a known law, against the truth of that law.

#[path = "../benches/forecast_truth/simulator/mod.rs"]
mod simulator;

use simulator::deals::{Spot, World, arrivals};
use simulator::law::Law;
use simulator::truth::Truth;

/// The last day of the twenty-sixth period.
const CUT: u32 = 26 * 28 - 1;
const DAYS: u32 = 90;

#[test]
fn as_many_deals_are_won_as_the_law_says() {
    let law = Law::usual();
    let truth = Truth::of(&law, CUT, DAYS);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let mut brier = 0.0;
    let mut counts = (0, 0, 0, 0, 0.0);
    for seed in 0..400 {
        let world = World::of(&law, 200, CUT, CUT + DAYS, seed);
        let (mut expected, mut won) = (0.0, 0.0);
        let mut new_won = 0.0;
        for deal in &world.deals {
            let is_won = f64::from(u8::from(deal.is_won_at(CUT + DAYS)));
            match deal.at(CUT) {
                Some((Spot::Stage(stage), since)) => {
                    let chance = truth.chance(deal.segment, stage, since);
                    expected += chance;
                    won += is_won;
                    brier += (chance - is_won).powi(2);
                    counts.0 += 1;
                    counts.4 += is_won;
                }
                Some((Spot::Won, _)) => counts.1 += 1,
                Some((Spot::Lost, _)) => counts.2 += 1,
                None => {
                    counts.3 += 1;
                    new_won += is_won
                }
            }
        }
        let of_arrivals: f64 = (1..=DAYS)
            .map(|day| {
                let rate = arrivals(&law, 200.0, CUT, CUT + day);
                let of_segments = law.segments.iter().enumerate();
                rate * of_segments.map(|(number, segment)| segment.share * truth.of_arrival(number, day)).sum::<f64>()
            })
            .sum();
        old.push(won - expected);
        new.push(new_won - of_arrivals);
    }
    println!("{counts:?} brier {}", brier / counts.0 as f64);
    for (what, found) in [("open", old), ("new", new)] {
        let n = found.len() as f64;
        let mean = found.iter().sum::<f64>() / n;
        let error = (found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        println!("{what}: {mean} +- {error}");
        assert!(mean.abs() < 3.0 * error, "{what}: {mean} more are won than the law says, give or take {error}");
    }
}
