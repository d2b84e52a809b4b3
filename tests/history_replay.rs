//! History of generated repositories compared with what their generators say happened, event for event.
mod history_kit;
mod kit;

use std::path::{Path, PathBuf};
use std::process::Command;

use history_kit::{pipeline, read_path};
use tussock::format::pipeline::EndKind;
use tussock::history::event::{Event, EventKind};
use tussock::history::{History, Options};

/// Runs a generator of ../shared/tools; `None`, with a message, where it or Python is not here.
fn generate(script: &str, args: &[&str]) -> Option<(tempfile::TempDir, PathBuf, String)> {
    let script = kit::shared(&format!("tools/{script}"))?;
    if !Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: there is no python3 here");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let (repo, truth) = (dir.path().join("repo"), dir.path().join("truth.tsv"));
    let ran = Command::new("python3")
        .arg(script)
        .arg(&repo)
        .args(args)
        .arg("--truth")
        .arg(&truth)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let truth = std::fs::read_to_string(truth).unwrap();
    Some((dir, repo, truth))
}

fn read(repo: &Path, stages: &[&str], ends: &[(&str, EndKind)]) -> History {
    read_path(repo, "sales", &pipeline(stages, ends), &Options::default()).unwrap()
}

/// Created and moved events, and changes of these fields, as lines of a truth file without their first column.
fn lines(history: &History, fields: &[&str]) -> Vec<String> {
    let line = |e: &Event| match &e.kind {
        EventKind::Created { stage } => Some(format!("{}\t{}\tcreated\t\t{stage}", e.at.0, e.deal)),
        EventKind::Moved { from, to, .. } => Some(format!("{}\t{}\tmoved\t{from}\t{to}", e.at.0, e.deal)),
        EventKind::Changed { field, from, to } if fields.contains(&&**field) => {
            let text = |v: &Option<String>| v.clone().unwrap_or_default();
            Some(format!("{}\t{}\t{field}\t{}\t{}", e.at.0, e.deal, text(from), text(to)))
        }
        EventKind::Changed { .. } => None,
        other => panic!("nothing else happens there: {other:?}"),
    };
    history.events.iter().filter_map(line).collect()
}

#[test]
fn a_replayed_change_log_gives_its_events_back() {
    let Some((_dir, repo, truth)) = generate("pipedrive_repo.py", &[]) else { return };
    let stages =
        ["lead", "qualified", "needs", "proposal", "negotiation", "closing", "onboarding", "success", "renewal"];
    let history = read(&repo, &stages, &[("closed", EndKind::Won), ("lost", EndKind::Lost)]);
    assert_eq!((history.commits, history.clamped_known, history.clamped_valid), (10_907, 0, 0));
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    // Each line is time, deal, kind, from, to. The log closes one deal a second time, which is no move.
    let truth: Vec<Vec<&str>> = truth.lines().map(|line| line.split('\t').collect()).collect();
    let owners: Vec<String> = truth.iter().filter(|l| l[2] == "owner").map(|l| l[..2].join("\t")).collect();
    let truth: Vec<String> = truth.iter().filter(|l| l[2] != "owner" && l[3] != l[4]).map(|l| l.join("\t")).collect();
    let ours = lines(&history, &[]);
    assert_eq!(ours.len(), truth.len());
    assert!(ours.iter().zip(ours.iter().skip(1)).all(|(a, b)| a.split('\t').next() <= b.split('\t').next()));
    assert_eq!(sorted(ours), sorted(truth));
    let changed = lines(&history, &["owner"]).into_iter().filter(|line| line.contains("\towner\t"));
    let changed: Vec<String> = changed.map(|line| line.split('\t').take(2).collect::<Vec<_>>().join("\t")).collect();
    assert_eq!(sorted(changed), sorted(owners));
}

fn generated(args: &[&str], merges: bool) {
    let mut all = vec!["--deals", "200", "--commits", "1500", "--years", "1"];
    all.extend(args);
    let Some((_dir, repo, truth)) = generate("gen_repo.py", &all) else { return };
    let stages = [
        "01-lead",
        "02-qualified",
        "03-proposal",
        "04-demo",
        "05-technical-fit",
        "06-business-case",
        "07-negotiation",
        "08-legal",
        "09-verbal",
        "10-contract",
    ];
    let history = read(&repo, &stages, &[("won", EndKind::Won), ("lost", EndKind::Lost)]);
    let truth: Vec<String> = truth.lines().map(|l| l.split_once('\t').unwrap().1.to_owned()).collect();
    let ours = lines(&history, &["amount", "close_date"]);
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(ours.len(), truth.len());
    assert_eq!(sorted(ours), sorted(truth));
    assert_eq!(history.unreadable, 0);
    assert_eq!((history.clamped_known, history.clamped_valid), (0, 0));
    let inside = history.events.iter().filter(|e| e.known_at.0 == e.at.0 + 1).count();
    assert_eq!(inside > 100, merges, "{inside} events were made inside a merged branch, a second before the merge");
}

#[test]
fn generated_histories_give_their_events_back() {
    generated(&[], false);
}

#[test]
fn generated_histories_with_merges_give_their_events_back() {
    generated(&["--merge-every", "7"], true);
}
