//! Whole runs of the program beside what a person would run instead, on the same repository, in turn. Prints Markdown
//! tables with the goals; fails on none of them. How to run it: `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod history;
mod measure;
mod places;
mod table;
mod validate;
mod write;

use std::env;
use std::error::Error;

use places::{SIZES, Size};
use table::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Pairs of runs of each job, unless `TUSSOCK_BENCH_PAIRS` says otherwise.
const PAIRS: usize = 5;

/// What is measured together.
const GROUPS: [&str; 3] = ["history", "validate", "write"];

fn main() -> Result<()> {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let sizes = listed("TUSSOCK_BENCH", &SIZES.map(|size| size.name), &["S"])?;
    let groups = listed("TUSSOCK_BENCH_ONLY", &GROUPS, &GROUPS)?;
    let pairs = match env::var("TUSSOCK_BENCH_PAIRS") {
        Ok(number) => number.parse::<usize>().ok().filter(|n| *n > 0).ok_or("TUSSOCK_BENCH_PAIRS is no number")?,
        Err(_) => PAIRS,
    };
    let sizes: Vec<&Size> = SIZES.iter().filter(|size| sizes.contains(&size.name)).collect();
    for size in &sizes {
        let Some(repository) = places::repository(size)? else { return Ok(()) };
        println!("\nSize {}: {} commits, {}.\n", size.name, places::commits(&repository)?, places::machine());
        let mut table = Table::begin();
        if groups.contains(&"history") {
            history::measure(size, &repository, pairs, &mut table)?;
        }
        if groups.contains(&"validate") {
            validate::measure(size, &repository, pairs, &mut table)?;
        }
        if groups.contains(&"write") {
            write::measure(size, &repository, pairs, &mut table)?;
        }
    }
    if groups.contains(&"history") && ["M", "L"].iter().all(|name| sizes.iter().any(|size| size.name == *name)) {
        println!("\nL beside M.\n");
        let mut table = Table::begin();
        history::per_commit(pairs, &mut table)?;
    }
    Ok(())
}

/// The names that a variable lists with commas, each one of `known`.
fn listed(variable: &str, known: &[&'static str], usual: &[&'static str]) -> Result<Vec<&'static str>> {
    let Ok(text) = env::var(variable) else { return Ok(usual.to_vec()) };
    let find = |word: &str| known.iter().copied().find(|name| *name == word.trim());
    let names: Option<Vec<&'static str>> = text.split(',').map(find).collect();
    Ok(names.ok_or_else(|| format!("{variable}={text}: there are {}", known.join(", ")))?)
}
