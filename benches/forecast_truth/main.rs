//! How good forecasts are where the truth is known: pipelines made by a known law. How to run it: `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod judged;
mod simulator;
mod trial;

use std::env;

use judged::Judged;
use simulator::law::Law;
use simulator::truth::Truth;
use trial::{CUT, DAYS, Trial, settings};

/// Deals that come up to the cut-off, and how many such pipelines there are.
const SIZES: [(u32, u64); 4] = [(60, 2_000), (200, 1_000), (2_000, 300), (20_000, 100)];

fn main() {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let part: f64 = env::var("TUSSOCK_BENCH_PART").ok().and_then(|part| part.parse().ok()).unwrap_or(1.0);
    let law = Law::usual();
    let truth = Truth::of(&law, CUT, DAYS);
    let settings = settings();
    println!("# Forecasts against the truth\n");
    println!("{DAYS} days ahead, two years of history behind.");
    for (size, pipelines) in SIZES {
        let pipelines = ((pipelines as f64 * part) as u64).max(2);
        let trials: Vec<Trial> = (0..pipelines)
            .map(|number| Trial::of(&law, &truth, &settings, size, u64::from(size) << 32 | number))
            .collect();
        Judged::of(size, &trials).print();
    }
}
