//! History of generated repositories compared with what their generators say happened, event for event.
#[path = "oracle_kit/generated.rs"]
mod generated;
mod history_kit;
mod kit;

use std::path::Path;

use generated::generate;
use history_kit::{pipeline, read_path};
use tussock::format::pipeline::EndKind;
use tussock::history::event::{Event, EventKind};
use tussock::history::{History, Options};

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
    let Some(made) = generate("pipedrive_repo.py", &[]) else { return };
    let stages =
        ["lead", "qualified", "needs", "proposal", "negotiation", "closing", "onboarding", "success", "renewal"];
    let history = read(&made.repo, &stages, &[("closed", EndKind::Won), ("lost", EndKind::Lost)]);
    assert_eq!((history.commits, history.clamped_known, history.clamped_valid), (10_907, 0, 0));
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    // Each line is time, deal, kind, from, to. The log closes one deal a second time, which is no move.
    let truth = &made.truth;
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
    let Some(made) = generate("gen_repo.py", &all) else { return };
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
    let history = read(&made.repo, &stages, &[("won", EndKind::Won), ("lost", EndKind::Lost)]);
    let truth: Vec<String> = made.truth.iter().map(|line| line[1..].join("\t")).collect();
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
