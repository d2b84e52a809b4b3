//! The backtest: it says what was said then, from what was known then.

mod kit;

use std::collections::BTreeMap;

use kit::TestRepo;
use serde_json::Value;

/// The stages and the end of the demo that count as won.
const WON: [&str; 5] = ["kickoff", "production", "closing", "feedback", "won"];

fn demo() -> TestRepo {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    repo
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&repo.ok(&args)).unwrap()
}

/// The rows of a table of chances, by column.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| columns.iter().map(|c| (*c).to_owned()).zip(line.split(',').map(str::to_owned)).collect();
    lines.map(row).collect()
}

#[test]
fn every_chance_is_the_one_that_the_forecast_of_that_day_gives() {
    let repo = demo();
    repo.ok(&["-C", "trial", "backtest", "--horizon", "42d", "--forecasts", "../chances.csv", "--format", "json"]);
    let said = rows(&repo.read("chances.csv"));
    let mut days: Vec<&str> = said.iter().map(|row| row["cutoff"].as_str()).collect();
    days.dedup();
    assert!(days.len() > 10, "{days:?}");
    for day in [days[0], days[days.len() / 2], days[days.len() - 1]] {
        let then = json(&repo, &["-C", "trial", "forecast", "--horizon", "42d", "--as-of", day]);
        let deals = then["forecast"]["deals"].as_array().unwrap();
        let own: Vec<_> = said.iter().filter(|row| row["cutoff"] == day).collect();
        assert!(!own.is_empty() && own.len() == deals.len(), "{day}");
        for row in own {
            let deal = deals.iter().find(|deal| deal["id"] == row["deal"].as_str()).unwrap();
            let (chance, wanted) = (row["p_won"].parse::<f64>().unwrap(), deal["chances"]["won"].as_f64().unwrap());
            assert!((chance - wanted).abs() < 1e-9, "{day} {}: {chance} is not {wanted}", row["deal"]);
            assert_eq!(row["stage"], deal["stage"].as_str().unwrap());
            assert_eq!(row["age_days"], deal["age_days"].to_string());
        }
    }
}

#[test]
fn what_came_is_what_was_known_when_the_horizon_was_over() {
    let repo = demo();
    repo.ok(&["-C", "trial", "backtest", "--horizon", "42d", "--forecasts", "../chances.csv", "--format", "json"]);
    let said = rows(&repo.read("chances.csv"));
    let last = said.last().unwrap()["cutoff"].clone();
    let until = said.last().unwrap()["until"].clone();
    let listed = json(&repo, &["-C", "trial", "list", "--all", "--as-of", &until]);
    let deals = listed["deals"].as_array().unwrap();
    for row in said.iter().filter(|row| row["cutoff"] == last) {
        let deal = deals.iter().find(|deal| deal["id"] == row["deal"].as_str()).unwrap();
        assert_eq!(row["won"] == "1", WON.contains(&deal["stage"].as_str().unwrap()), "{}", row["deal"]);
    }
}

#[test]
fn scores_can_be_reckoned_again_from_the_chances() {
    let repo = demo();
    let report = json(&repo, &["-C", "trial", "backtest", "--horizon", "42d", "--forecasts", "../chances.csv"]);
    let said = rows(&repo.read("chances.csv"));
    let backtest = &report["backtest"];
    assert_eq!(backtest["chances"], said.len());
    assert_eq!(backtest["won"], said.iter().filter(|row| row["won"] == "1").count());
    for method in backtest["methods"].as_array().unwrap() {
        let column = match method["method"].as_str().unwrap() {
            "forecast" => "p_won".to_owned(),
            name => format!("p_{name}"),
        };
        let square = |row: &BTreeMap<String, String>| {
            let error = row[&column].parse::<f64>().unwrap() - row["won"].parse::<f64>().unwrap();
            error * error
        };
        let brier = said.iter().map(square).sum::<f64>() / said.len() as f64;
        assert!((method["brier"].as_f64().unwrap() - brier).abs() < 1e-12, "{column}");
    }
}

#[test]
fn too_little_history_is_said_and_no_error() {
    let repo = demo();
    let text = repo.ok(&["-C", "trial", "backtest", "--horizon", "365d", "--format", "md"]);
    assert!(text.contains("**Too early:**"), "{text}");
    let report = json(&repo, &["-C", "trial", "backtest", "--horizon", "300d"]);
    assert_eq!(report["backtest"]["too_early"]["why"], "few_closed");
}

#[test]
fn a_shallow_clone_is_refused() {
    let repo = demo();
    let from = format!("file://{}", repo.path().join("trial").display());
    repo.git(&["clone", "-q", "--depth", "5", &from, "shallow"]);
    let ran = repo.tussock(&["-C", "shallow", "backtest"]);
    assert_eq!(ran.code, 10, "{}", ran.err);
    assert!(ran.err.contains("shallow"), "{}", ran.err);
}

#[test]
fn days_that_make_no_sense_are_refused() {
    let repo = demo();
    for args in
        [&["--from", "2026-06-30", "--to", "2026-06-01"][..], &["--horizon", "2026-12-31"], &["--horizon", "0d"]]
    {
        let args: Vec<&str> = ["-C", "trial", "backtest"].iter().chain(args).copied().collect();
        assert_eq!(repo.tussock(&args).code, 2, "{args:?}");
    }
}
