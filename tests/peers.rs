//! Reports against independent programs: lifelines, scikit-survival, pm4py, SciPy, DuckDB and git itself.
//!
//! `tests/reference/peers.py` computes the numbers of reports with those programs. Here it runs wherever a Python with
//! them is found (`TUSSOCK_PEERS=/path/to/python`, else `python3`). What it said of the invented history of `peers_kit`
//! is kept in `tests/reference/peers.json`, with the versions of the programs, and holds without Python too. After a
//! change of that history or of the script: `TUSSOCK_BLESS=1 cargo nextest run --test peers`.

mod kit;
mod peers_kit;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;

/// The largest relative difference of two numbers that are the same.
const TOLERANCE: f64 = 1e-9;
/// Numbers below this are compared absolutely.
const SMALL: f64 = 1e-3;
/// The day that the stored values are about, besides that of the last commit.
const DAY: &str = "2026-02-14";

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference").join(name)
}

/// Everything in which a report differs from what is expected of it; keys that only the report has are not asked about.
fn differences(place: &str, ours: &Value, theirs: &Value, compared: &mut usize, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                let own = ours.get(key).unwrap_or(&Value::Null);
                differences(&format!("{place}/{key}"), own, value, compared, found);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (number, (own, value)) in ours.iter().zip(theirs).enumerate() {
                differences(&format!("{place}/{number}"), own, value, compared, found);
            }
        }
        _ => {
            *compared += 1;
            if !same(place, ours, theirs) {
                found.push(format!("{place}: {ours}, the independent programs say {theirs}"));
            }
        }
    }
}

fn same(place: &str, ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= TOLERANCE * b.abs().max(SMALL)
        }
        (Value::String(a), Value::String(b)) if place.ends_with("/amount") => {
            Decimal::from_str(a).unwrap() == Decimal::from_str(b).unwrap()
        }
        _ => ours == theirs,
    }
}

#[test]
fn reports_say_what_independent_programs_said() {
    let stored = std::fs::read_to_string(reference("peers.json")).expect("tests/reference/peers.json is there");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let repo = peers_kit::invented();
    let head = repo.git(&["rev-parse", "HEAD"]);
    assert_eq!(stored["head"], head.trim(), "the history is another one: make the stored values anew, as said above");

    let (mut compared, mut found) = (0, Vec::new());
    let reports = stored["reports"].as_object().unwrap();
    for (arguments, theirs) in reports {
        let words: Vec<&str> = ["report"].into_iter().chain(arguments.split(' ')).chain(["--format", "json"]).collect();
        let ours: Value = serde_json::from_str(&repo.ok(&words)).unwrap();
        differences(arguments, &ours, theirs, &mut compared, &mut found);
    }
    assert!(found.is_empty(), "{} of {compared} numbers differ:\n{}", found.len(), found.join("\n"));
    assert!(compared > 3000, "only {compared} numbers were compared");
    println!("{compared} numbers of {} reports", reports.len());
}

/// A Python that has the programs; prints why there is none.
fn python() -> Option<OsString> {
    let named = std::env::var_os("TUSSOCK_PEERS");
    let python = named.clone().unwrap_or_else(|| "python3".into());
    let has = Command::new(&python).args(["-c", "import lifelines, sksurv, pm4py, duckdb, yaml"]).output();
    match has {
        Ok(ran) if ran.status.success() => Some(python),
        _ if named.is_some() => panic!("{} has not all of tests/reference/requirements.txt", python.display()),
        _ => {
            println!("skipped: no Python with the packages of tests/reference/requirements.txt");
            None
        }
    }
}

/// Runs the comparison of one repository, which must find no difference.
fn compare(python: &OsString, repository: &Path, more: &[&str]) {
    let ran = Command::new(python)
        .arg(reference("peers.py"))
        .arg(repository)
        .args(["--tussock", env!("CARGO_BIN_EXE_tussock")])
        .args(more)
        .output()
        .unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{}: {told}", repository.display());
    println!("{told}");
}

#[test]
fn independent_programs_agree_on_the_invented_history() {
    let Some(python) = python() else { return };
    let repo = peers_kit::invented();
    let stored = reference("peers.json");
    let mut more = vec!["--as-of", DAY];
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        more.extend(["--store", stored.to_str().unwrap()]);
    }
    compare(&python, &repo.path(), &more);
}

/// Makes a repository with one of the shared generators.
fn made(python: &OsString, script: &str, more: &[&str]) -> Option<tempfile::TempDir> {
    let script = kit::shared(&format!("tools/{script}"))?;
    let dir = tempfile::tempdir().unwrap();
    let ran = Command::new(python)
        .arg(script)
        .arg(dir.path().join("repo"))
        .args(more)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(dir)
}

#[test]
fn independent_programs_agree_on_a_generated_pipeline_with_merges() {
    let Some(python) = python() else { return };
    let size = ["--deals", "200", "--commits", "1500", "--years", "1", "--merge-every", "40"];
    let Some(dir) = made(&python, "gen_repo.py", &size) else { return };
    compare(&python, &dir.path().join("repo"), &[]);
}

#[test]
fn independent_programs_agree_on_a_replayed_change_log() {
    let Some(python) = python() else { return };
    let Some(dir) = made(&python, "pipedrive_repo.py", &[]) else { return };
    compare(&python, &dir.path().join("repo"), &["--as-of", "2024-07-01"]);
}

#[test]
fn independent_programs_agree_on_a_published_sales_set() {
    let Some(python) = python() else { return };
    let Some(dir) = made(&python, "maven_repo.py", &[]) else { return };
    compare(&python, &dir.path().join("repo"), &[]);
}
