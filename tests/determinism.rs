//! The same commit and the same arguments give the same bytes: whatever the order of files on the disk, the way objects
//! are stored, the time zone, the locale, the home folder, the width of the terminal, and whether history is kept.
//!
//! Each report is told in two surroundings, in two formats; `TUSSOCK_RUNS=20` asks for that many of each, in all formats.

mod kit;
mod peers_kit;

use std::path::{Path, PathBuf};
use std::process::Command;

use kit::TestRepo;

const ZONES: [&str; 5] = ["UTC", "Asia/Tokyo", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Pago_Pago"];
const LOCALES: [&str; 4] = ["C", "de_DE.UTF-8", "ru_RU.UTF-8", "tr_TR.UTF-8"];
const WIDTHS: [&str; 3] = ["100", "40", "250"];

/// Whether everything is to be tried.
fn every() -> bool {
    std::env::var_os("TUSSOCK_RUNS").is_some()
}

/// The numbers of the surroundings to try with the report of a number.
fn surroundings(report: usize) -> Vec<usize> {
    match std::env::var("TUSSOCK_RUNS").ok().and_then(|n| n.parse().ok()) {
        Some(runs) => (0..runs).collect(),
        None => vec![report % 5, 5 + (report + 2) % 5],
    }
}

/// The same repository, kept in other ways.
fn kept(repo: &TestRepo) -> Vec<PathBuf> {
    let beside = |name: &str| repo.path().join("..").join(name);
    let path = |name: &str| beside(name).display().to_string();
    let original = repo.path().display().to_string();

    // A copy whose files are written one by one, the last name first.
    repo.git(&["clone", "-q", "--no-checkout", "--no-local", &original, &path("backwards")]);
    let names = repo.git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    let backwards: Vec<&str> = names.lines().rev().collect();
    for names in backwards.chunks(40) {
        repo.git(&[&["-C", &path("backwards"), "checkout", "-q", "HEAD", "--"], names].concat());
    }
    // One without a work tree, one with loose objects only, one with everything in its place and a second work tree.
    repo.git(&["clone", "-q", "--bare", &original, &path("bare")]);
    repo.git(&["init", "-q", "-b", "main", &path("loose")]);
    repo.git(&["-C", &path("loose"), "-c", "transfer.unpackLimit=100000", "fetch", "-q", &original, "main:copy"]);
    repo.git(&["-C", &path("loose"), "checkout", "-q", "-B", "main", "copy"]);
    repo.git(&["clone", "-q", &original, &path("tidy")]);
    repo.git(&["-C", &path("tidy"), "gc", "-q"]);
    repo.git(&["-C", &path("tidy"), "commit-graph", "write", "--reachable", "--changed-paths"]);
    repo.git(&["-C", &path("tidy"), "worktree", "add", "-q", "--detach", &path("second")]);
    ["repo", "backwards", "bare", "loose", "second"].map(beside).to_vec()
}

/// A report, in one of many surroundings.
fn report(repo: &TestRepo, folder: &Path, number: usize, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(&mut command);
    let home = repo.path().join(format!("../home-{number}"));
    std::fs::create_dir_all(&home).unwrap();
    command
        .args(["-C", folder.to_str().unwrap(), "report"])
        .args(arguments)
        .env("TZ", ZONES[number % ZONES.len()])
        .env("LC_ALL", LOCALES[number % LOCALES.len()])
        .env("LANG", LOCALES[number % LOCALES.len()])
        .env("HOME", home)
        .env("TERM", ["dumb", "xterm-256color"][number % 2]);
    // Text for the terminal is as wide as that.
    if !arguments.contains(&"text") {
        command.env("COLUMNS", WIDTHS[number % WIDTHS.len()]);
    }
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{arguments:?} in {}: {}", folder.display(), String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// The values that an option or an argument can have, as the help tells them.
fn possible(help: &str, of: &str) -> Vec<String> {
    let part = help.split_once(of).unwrap_or_else(|| panic!("no {of} in the help")).1;
    let list = part.split_once("Possible values:").unwrap().1;
    let items = list.lines().skip(1).take_while(|line| !line.trim().is_empty());
    items.filter_map(|line| Some(line.trim().strip_prefix("- ")?.split_once(':')?.0.to_owned())).collect()
}

#[test]
fn one_commit_gives_the_same_bytes_in_all_surroundings() {
    let repo = peers_kit::invented();
    let kept = kept(&repo);
    let help = repo.ok(&["report", "--help"]);
    let (reports, formats) = (possible(&help, "[NAME]"), possible(&help, "--format <FORMAT>"));
    assert!(reports.len() >= 4 && formats.len() >= 3, "{reports:?} {formats:?}");

    let pairs = reports.iter().flat_map(|report| formats.iter().map(move |format| [report.as_str(), format.as_str()]));
    for (at, [name, format]) in pairs.enumerate() {
        // Few surroundings: each report as JSON, which has every number, and in one other format.
        let (report_number, format_number) = (at / formats.len(), at % formats.len());
        if !every() && format != "json" && format_number != report_number % formats.len() {
            continue;
        }
        let arguments = [name, "--by", "owner", "--format", format];
        let mut first: Option<String> = None;
        for number in surroundings(at) {
            let folder = &kept[number % kept.len()];
            // Sometimes from what is kept of history, sometimes from the commits.
            if number % 2 == 1 {
                repo.ok(&["-C", folder.to_str().unwrap(), "cache", "clear"]);
            }
            let told = report(&repo, folder, number, &arguments);
            assert!(!told.is_empty(), "{arguments:?} says nothing");
            match &first {
                None => first = Some(told),
                Some(first) => same(&arguments, number, first, &told),
            }
        }
    }
}

#[test]
fn a_day_in_the_past_gives_the_same_bytes_in_all_surroundings() {
    let repo = peers_kit::invented();
    let kept = kept(&repo);
    // The day begins in Berlin, whatever the clock of the machine says.
    let arguments = ["overview", "--as-of", "2026-02-14", "--period", "quarter", "--format", "json"];
    let first = report(&repo, &kept[0], 0, &arguments);
    assert!(first.contains("\"as_of\": \"2026-02-14T22:59:59Z\""), "{}", &first[..400]);
    for number in surroundings(0).into_iter().skip(1) {
        same(&arguments, number, &first, &report(&repo, &kept[number % kept.len()], number, &arguments));
    }
}

fn same(arguments: &[&str], number: usize, first: &str, told: &str) {
    if first == told {
        return;
    }
    let differing = first.lines().zip(told.lines()).find(|(a, b)| a != b);
    panic!("{arguments:?} differs in surroundings {number}: {differing:?}, {} and {} bytes", first.len(), told.len());
}
