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

use judged::{Judged, SIZES, pipelines};
use trial::DAYS;

fn main() {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let part: f64 = env::var("TUSSOCK_BENCH_PART").ok().and_then(|part| part.parse().ok()).unwrap_or(1.0);
    println!("# Forecasts against the truth\n");
    println!("{DAYS} days ahead, two years of history behind.");
    for (size, count) in SIZES {
        Judged::of(size, &pipelines(size, ((count as f64 * part) as u64).max(2), true)).print();
    }
}
