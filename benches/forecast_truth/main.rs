//! How good forecasts are where the truth is known: pipelines made by a known law. How to run it: `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod simulator;

fn main() {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
}
