//! History compared with a reading that takes no shortcuts: every tree of every commit in full, through the git program.
mod history_kit;
mod kit;
mod oracle_kit;

use history_kit::{read_path, small, stage};
use oracle_kit::compare::difference;
use oracle_kit::random::{history, may, told};
use oracle_kit::store::{Store, scratch};
use oracle_kit::telling::tell;
use tussock::format::pipeline::Pipeline;
use tussock::history::Options;

/// How many histories of each kind; `TUSSOCK_ORACLE` asks for more.
fn cases() -> u64 {
    std::env::var("TUSSOCK_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}

/// The small pipeline, whose contract stage had another name once.
fn renamed() -> Pipeline {
    let mut pipeline = small();
    pipeline.stages[2].was = vec![stage("deal-desk")];
    pipeline
}

/// What the engine and the oracle make of one history; `None` where they agree.
fn compared(seed: u64, steps: usize, what: u32) -> Option<String> {
    let (_dir, repo) = scratch();
    let (stream, ids, _, prefix) = history(&repo, seed, steps, what);
    let store = Store::open(&repo, "main");
    let told_twice = tell(&store, &prefix, &renamed());
    let engine = std::panic::catch_unwind(|| read_path(&repo, &prefix, &renamed(), &Options::default()));
    let found = match engine {
        Ok(Ok(engine)) => difference(&engine, told_twice),
        Ok(Err(error)) => Some(format!("the engine refuses: {error}")),
        Err(_) => Some("the engine panics".into()),
    };
    found.map(|text| format!("seed {seed}, {steps} steps, {what:#x}:\n{text}\n{}", told(&stream, &ids)))
}

/// Compares histories of one kind. A failing one is made as simple as can be before it is shown.
fn agree(first: u64, steps: usize, what: u32) {
    for seed in first..first + cases() {
        let Some(mut found) = compared(seed, steps, what) else { continue };
        let (mut steps, mut what, mut seed) = (steps, what, seed);
        for bit in (0..17).rev().map(|bit| 1 << bit) {
            for other in 0..10 {
                if what & bit != 0
                    && let Some(text) = compared(seed + other * 1_000_003, steps, what & !bit)
                {
                    (found, what, seed) = (text, what & !bit, seed + other * 1_000_003);
                }
            }
        }
        'fewer: loop {
            for other in 0..25 {
                if steps > 1
                    && let Some(text) = compared(seed + other * 7_000_003, steps - 1, what)
                {
                    (found, seed, steps) = (text, seed + other * 7_000_003, steps - 1);
                    continue 'fewer;
                }
            }
            break;
        }
        panic!("{found}");
    }
}

#[test]
fn straight_histories_equal_brute_force() {
    agree(1, 40, may::ALL & !may::MERGE & !may::CLOCK);
}

#[test]
fn histories_with_merges_equal_brute_force() {
    agree(2_000, 30, may::MERGE | may::EDIT | may::OCTOPUS);
}

#[test]
fn histories_of_every_shape_equal_brute_force() {
    agree(3_000, 40, may::ALL & !may::COPY & !may::UNREADABLE);
}

#[test]
#[ignore = "a version that is mended inside a merged branch is told by the merge, not by the commit that mended it"]
fn histories_with_unreadable_versions_in_branches_equal_brute_force() {
    agree(5_000, 40, may::ALL & !may::COPY);
}

/// Which of two copies a branch edited is not looked into: two files of one deal are an error that `validate` finds.
#[test]
fn histories_with_deals_in_two_folders_equal_brute_force() {
    agree(4_000, 40, may::ALL & !may::EDIT & !may::UNREADABLE & !may::RENAME);
}
