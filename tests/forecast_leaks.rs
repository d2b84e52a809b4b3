//! What became known later has no part in a forecast: the forecast of a day is the same, byte for byte, in the whole
//! repository and in one that ends on that day. `TUSSOCK_LEAKS=all` takes every week of the demo instead of one in four, and
//! `TUSSOCK_ORACLE` more random histories.

mod kit;
mod oracle_kit;

use std::path::Path;
use std::process::Command;

use chrono::{Datelike, Days, NaiveDate};
use kit::TestRepo;
use oracle_kit::random::{history, may};

/// What a command printed and how it ended.
fn said(repo: &TestRepo, folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    let ran = repo.run(repo.hermetic(&mut command).arg("-C").arg(folder).args(args));
    format!("{}\n{}{}", ran.code, ran.out, ran.err).replace("@@REPO@@/whole", "@@REPO@@/cut")
}

/// Takes everything out of a repository that is not known at a commit.
fn cut(repo: &TestRepo, folder: &str, commit: &str) {
    repo.git(&["-C", folder, "update-ref", "refs/heads/main", commit]);
    repo.git(&["-C", folder, "reflog", "expire", "--expire=now", "--all"]);
}

#[test]
fn at_the_week_ends_of_the_demo() {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    repo.git(&["clone", "-q", "--bare", "trial", "cut"]);
    let date = |text: String| NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").unwrap();
    let first = date(repo.git(&["-C", "trial", "log", "--reverse", "--format=%cs", "--max-parents=0"]));
    let last = date(repo.git(&["-C", "trial", "log", "-1", "--format=%cs"]));
    let (trial, own) = (repo.path().join("trial"), repo.path().join("cut"));
    let sundays = first.iter_days().filter(|day| day.weekday() == chrono::Weekday::Sun);
    let mut days: Vec<NaiveDate> = sundays.take_while(|day| *day < last).collect();
    days.reverse();
    assert!(days.len() > 40, "the story of the demo takes a year");
    let apart = if std::env::var("TUSSOCK_LEAKS").is_ok_and(|all| all == "all") { 1 } else { 4 };
    for (number, day) in days.iter().step_by(apart).enumerate() {
        let after = (*day + Days::new(1)).to_string();
        let commit = repo.git(&["-C", "trial", "rev-list", "-1", &format!("--before={after}T00:00:00Z"), "main"]);
        cut(&repo, "cut", commit.trim());
        if number % 4 == 0 {
            repo.git(&["-C", "cut", "gc", "-q", "--prune=now"]);
            repo.ok(&["-C", "cut", "cache", "clear"]);
        }
        let args = ["forecast", "--as-of", &day.to_string(), "--format", "json"];
        let whole = said(&repo, &trial, &args);
        assert!(whole.starts_with("0\n"), "{whole}");
        assert_eq!(whole, said(&repo, &own, &args), "{day}");
    }
}

#[test]
fn at_every_commit_of_random_histories() {
    let count: u64 = std::env::var("TUSSOCK_ORACLE").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    let mut forecasts = 0;
    for seed in 900..900 + count {
        let repo = TestRepo::without_git();
        for name in ["whole", "cut"] {
            repo.git(&["init", "-q", "--bare", "-b", "main", name]);
            history(&repo.path().join(name), seed, 24, may::ALL);
        }
        let line = repo.git(&["-C", "whole", "rev-list", "--first-parent", "main"]);
        let (whole, own) = (repo.path().join("whole"), repo.path().join("cut"));
        for commit in line.lines() {
            cut(&repo, "cut", commit);
            let args = ["forecast", "--as-of", commit, "--format", "json"];
            let of_whole = said(&repo, &whole, &args);
            forecasts += usize::from(of_whole.contains("\"forecast\""));
            assert_eq!(of_whole, said(&repo, &own, &args), "seed {seed}, {commit}");
        }
    }
    assert!(forecasts > 20, "only {forecasts} forecasts were made");
}
