//! The program on a real change log: 1,999 deals replayed as commits, held against the log itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// One line of the truth: seconds, deal, kind, from, to.
type Row = (i64, String, String, String, String);

struct Replayed {
    dir: tempfile::TempDir,
    truth: Vec<Row>,
}

/// Replays the log into a repository; `None`, with a message, where the data or Python is not at hand.
fn replayed() -> Option<Replayed> {
    let script = kit::shared("tools/pipedrive_repo.py")?;
    let dir = tempfile::tempdir().unwrap();
    let truth = dir.path().join("truth.tsv");
    let made = Command::new("python3")
        .arg(script)
        .arg(dir.path().join("repo"))
        .arg("--truth")
        .arg(&truth)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output();
    match made {
        Ok(made) => assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr)),
        Err(error) => {
            println!("skipped: python3 does not run: {error}");
            return None;
        }
    }
    let rows = std::fs::read_to_string(truth).unwrap();
    let row = |line: &str| {
        let f: Vec<&str> = line.split('\t').collect();
        (f[0].parse().unwrap(), f[1].into(), f[2].into(), f[3].into(), f[4].into())
    };
    // One row of the truth closes a deal that is closed already: nothing changes, and git has no such event.
    let truth = rows.lines().map(row).filter(|(_, _, kind, from, to)| kind != "owner" && from != to).collect();
    Some(Replayed { dir, truth })
}

fn tussock(repo: &Path, args: &[&str]) -> Vec<u8> {
    let ran = Command::new(env!("CARGO_BIN_EXE_tussock")).arg("-C").arg(repo).args(args).output().unwrap();
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

fn json(repo: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&tussock(repo, args)).unwrap()
}

#[test]
fn log_funnel_and_past_state_equal_the_change_log() {
    let Some(Replayed { dir, truth }) = replayed() else { return };
    let repo = dir.path().join("repo");

    // The event log, event for event, to the second.
    let csv = tussock(&repo, &["log", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let mut ours: Vec<Row> = reader
        .records()
        .map(Result::unwrap)
        .filter(|r| matches!(&r[1], "created" | "moved"))
        .map(|r| {
            let at = chrono::DateTime::parse_from_rfc3339(&r[5]).unwrap().timestamp();
            (at, r[0].to_owned(), r[1].to_owned(), r[3].to_owned(), r[4].to_owned())
        })
        .collect();
    let mut theirs = truth.clone();
    ours.sort();
    theirs.sort();
    assert_eq!(ours.len(), 10_902);
    assert!(ours == theirs, "the event log differs from the truth");

    // Distinct deals that came to each stage.
    let mut entered: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, deal, _, _, to) in &truth {
        entered.entry(to).or_default().insert(deal);
    }
    let funnel = json(&repo, &["report", "funnel", "--format", "json"]);
    let stages = funnel["funnel"]["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 9);
    for stage in stages {
        let name = stage["stage"].as_str().unwrap();
        assert_eq!(stage["entered"].as_u64().unwrap() as usize, entered[name].len(), "{name}");
    }
    assert_eq!(stages[0]["entered"], 1_999);

    // The state at the end of a day in the past, by a plain count.
    let end = chrono::DateTime::parse_from_rfc3339("2024-07-01T23:59:59Z").unwrap().timestamp();
    let mut state: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, deal, _, _, to) in truth.iter().filter(|row| row.0 <= end) {
        state.insert(deal, to);
    }
    let count = |stage: &str| state.values().filter(|s| **s == stage).count() as u64;
    let past = json(&repo, &["report", "pipeline", "--as-of", "2024-07-01", "--format", "json"]);
    for stage in past["state"]["stages"].as_array().unwrap() {
        let name = stage["stage"].as_str().unwrap();
        assert_eq!(stage["deals"].as_u64().unwrap(), count(name), "{name}");
    }
    let won = ["onboarding", "success", "renewal", "closed"].map(count).iter().sum::<u64>();
    assert_eq!(past["state"]["won"].as_u64(), Some(won));
    assert_eq!(past["state"]["lost"].as_u64(), Some(count("lost")));
}
