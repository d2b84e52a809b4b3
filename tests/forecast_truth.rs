//! Forecasts of pipelines that live by a known law, against the truth of that law.
//!
//! A few small pipelines here; all sizes with `TUSSOCK_TRUTH=full`, which takes its time, or by
//! `cargo bench --bench forecast_truth`.

#[path = "../benches/forecast_truth/judged.rs"]
mod judged;
#[path = "../benches/forecast_truth/simulator/mod.rs"]
mod simulator;
#[path = "../benches/forecast_truth/trial.rs"]
mod trial;

use judged::{Judged, SIZES, pipelines};
use simulator::deals::{Spot, World, arrivals};
use simulator::law::Law;
use simulator::truth::Truth;
use trial::{CUT, DAYS, METHODS};

#[test]
fn as_many_deals_are_won_as_the_law_says() {
    let law = Law::usual();
    let truth = Truth::of(&law, CUT, DAYS);
    let expected_new: f64 = (1..=DAYS)
        .map(|day| {
            let of_segments = law.segments.iter().enumerate();
            let won: f64 = of_segments.map(|(number, own)| own.share * truth.of_arrival(number, day)).sum();
            arrivals(&law, 200.0, CUT, CUT + day) * won
        })
        .sum();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for seed in 0..250 {
        let world = World::of(&law, 200, CUT, CUT + DAYS, seed);
        let (mut more_old, mut more_new) = (0.0, -expected_new);
        for deal in &world.deals {
            let won = f64::from(u8::from(deal.is_won_at(CUT + DAYS)));
            match deal.at(CUT) {
                Some((Spot::Stage(stage), since)) => more_old += won - truth.chance(deal.segment, stage, since),
                Some(_) => {}
                None => more_new += won,
            }
        }
        old.push(more_old);
        new.push(more_new);
    }
    for (what, more) in [("open", old), ("new", new)] {
        let n = more.len() as f64;
        let mean = more.iter().sum::<f64>() / n;
        let error = (more.iter().map(|more| (more - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        assert!(mean.abs() < 3.0 * error, "{what}: {mean} more are won than the law says, give or take {error}");
    }
}

#[test]
fn forecasts_of_small_pipelines_are_better_than_what_people_use_instead() {
    let judged = Judged::of(200, &pipelines(200, 16, false));
    let [own, _, closed, percentages, law] = &judged.rows[..] else { panic!("there are {}", METHODS.len()) };
    for other in [closed, percentages] {
        assert!(other.brier_worse.mean > 0.0, "{} and {}", other.brier, own.brier);
        assert!(other.off > own.off, "{} and {}", other.off, own.off);
        assert!(other.came.mean < own.came.mean, "{:?} and {:?}", other.came, own.came);
    }
    // Nobody is better than who knows the law, but by luck.
    assert!(law.brier_worse.low < 0.0);
}

#[test]
fn forecasts_hold_what_they_promise_at_all_sizes() {
    if std::env::var_os("TUSSOCK_TRUTH").is_none_or(|wanted| wanted != "full") {
        println!("skipped: TUSSOCK_TRUTH is not full");
        return;
    }
    let mut broken = Vec::new();
    for (size, count) in SIZES {
        let judged = Judged::of(size, &pipelines(size, count / 4, true));
        judged.print();
        broken.extend(judged.broken().into_iter().map(|what| format!("{size} deals: {what}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
