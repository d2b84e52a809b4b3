//! What git does to a history that must not be read as something that happened to a deal: the faults of a history that the
//! tests of `history.rs`, the brute-force comparison and the tests of the cache do not show already. Each test names its
//! fault by the id that it has in the list of faults.
mod history_kit;
mod kit;

use std::collections::BTreeSet;
use std::process::Command;

use history_kit::*;
use kit::{SMALL_PIPELINE, START, TestRepo};
use serde_json::Value;
use tussock::history::Options;
use tussock::history::event::{EventKind, KnownAt};

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    serde_json::from_str(&repo.ok(args)).unwrap()
}

/// HI-01: what lies before the edge of a shallow clone is not known, and the program says so rather than tell of deals
/// that were all made on one day.
#[test]
fn a_shallow_clone_tells_no_history_in_any_command_that_needs_one() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let shallow = TestRepo::without_git();
    shallow.git(&["clone", "-q", "--depth", "1", &format!("file://{}", repo.path().display()), "."]);
    for args in [&["log"][..], &["log", "--format", "csv"], &["report"], &["report", "funnel", "--format", "json"]] {
        let ran = shallow.tussock(args);
        assert_eq!((ran.code, ran.out.as_str()), (10, ""), "{args:?}");
        assert!(ran.err.contains("git fetch --unshallow") && ran.err.contains("fetch-depth: 0"), "{}", ran.err);
    }
    shallow.git(&["fetch", "-q", "--unshallow"]);
    assert_eq!(shallow.ok(&["log", "--format", "csv"]), repo.ok(&["log", "--format", "csv"]));
}

/// HI-02, HI-03: a squash tells one jump, at the time of the squash, which is the latest it can have happened; the report
/// says that there was a jump.
#[test]
fn a_squash_is_a_jump_at_its_own_time_that_reports_count() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.write("sales/proposal/acme.yaml", "title: ACME\ninputs: {goal: x}\nproposal: {sent_on: 2026-01-05}\n");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.wait_days(4);
    repo.git(&["merge", "-q", "--squash", "side"]);
    let squashed = repo.now();
    repo.commit("squashed");
    let history = read(&repo);
    let last = history.events.last().unwrap();
    assert_eq!(moves(&history), ["acme brief -> contract skip"]);
    assert_eq!((last.at.0, last.known_at.0), (squashed, squashed));
    assert_eq!(json(&repo, &["report", "--format", "json"])["source"]["jumps"], 1);
}

/// HI-04: a rebase keeps the author's time, which says when it happened, and makes a new committer's time, which says when
/// the branch came to know it.
#[test]
fn a_rebased_move_happened_when_it_was_made_and_is_known_since_the_rebase() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    let made = repo.now();
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.wait_days(2);
    repo.write("README.md", "x").commit("meanwhile");
    repo.wait_days(3);
    let rebased = repo.now();
    repo.git(&["checkout", "-q", "side"]);
    repo.git(&["rebase", "-q", "main"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--ff-only", "side"]);
    let history = read(&repo);
    let last = history.events.last().unwrap();
    assert_eq!(moves(&history), ["acme brief -> proposal forward"]);
    assert_eq!((last.at.0, last.known_at.0, last.clamped), (made, rebased, false));
}

/// HI-05: a cherry-pick keeps the author's time as well, and the merge that brings the original later adds nothing.
#[test]
fn a_cherry_picked_move_is_told_once_with_the_time_of_the_original() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    let made = repo.now();
    let original = repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.wait_days(1);
    repo.write("README.md", "x").commit("meanwhile");
    repo.git(&["cherry-pick", &original]);
    repo.wait_days(1);
    merge(&repo, &["side"]);
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme brief -> proposal forward"]);
    assert_eq!(history.events.last().unwrap().at.0, made);
}

/// HI-06, HI-07: each move counts once, whether a merge brought it or made it, and however many parents the merge has.
#[test]
fn a_merge_of_a_merge_tells_each_move_once() {
    let repo = TestRepo::with_pipeline();
    for id in ["a", "b", "c"] {
        repo.write(&format!("sales/brief/{id}.yaml"), "title: x\n");
    }
    repo.commit("three");
    repo.git(&["checkout", "-qb", "inner"]);
    repo.move_by_hand("sales/brief/a.yaml", "sales/proposal/a.yaml");
    repo.git(&["checkout", "-qb", "outer", "main"]);
    repo.move_by_hand("sales/brief/b.yaml", "sales/proposal/b.yaml");
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "inner"]);
    repo.git(&["mv", "sales/brief/c.yaml", "sales/lost/c.yaml"]);
    let evil = repo.commit("merge with a move of its own");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("README.md", "x").commit("meanwhile");
    merge(&repo, &["outer"]);
    let history = read(&repo);
    let told: BTreeSet<String> = moves(&history).into_iter().collect();
    let expected = ["a brief -> proposal forward", "b brief -> proposal forward", "c brief -> lost end"];
    assert_eq!(told, expected.iter().map(ToString::to_string).collect());
    assert_eq!(moves(&history).len(), 3);
    let by = history.events.iter().find(|e| e.deal == *"c" && matches!(e.kind, EventKind::Moved { .. })).unwrap();
    assert_eq!(by.commit.to_string(), evil);
}

/// HI-08: what a force-push took away did not happen, whatever was read before.
#[test]
fn a_move_that_a_force_push_removed_is_not_told_any_more() {
    let repo = with_deal("brief");
    let kept = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    assert_eq!(repo.ok(&["log", "--moves", "--format", "csv"]).lines().count(), 3);
    repo.git(&["reset", "-q", "--hard", &kept]);
    assert_eq!(repo.ok(&["log", "--moves", "--format", "csv"]).lines().count(), 2);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    let told = repo.ok(&["log", "--moves", "--format", "csv"]);
    assert!(told.contains(",brief,contract,") && !told.contains("proposal"), "{told}");
}

/// HI-09, HI-10: a commit with an old date in the middle of the line hides nothing, and a report says that a time was
/// corrected.
#[test]
fn an_old_date_in_the_middle_hides_nothing() {
    let repo = with_deal("brief");
    repo.set_now(START - 900_000);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.set_now(START + 7200);
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/lost/2026/acme.yaml");
    for (until, count) in [(START + 59, 0), (START + 60, 2), (START + 7199, 2), (START + 7200, 3)] {
        let options = Options { until: Some(KnownAt(until)), ..Options::default() };
        assert_eq!(read_with(&repo, &small(), &options).events.len(), count, "until {until}");
    }
    assert!(read(&repo).spells().iter().all(|spell| spell.left.is_none_or(|left| left >= spell.entered)));
    assert_eq!(json(&repo, &["report", "--format", "json"])["source"]["clamped"], 1);
}

/// HI-11: a day is one of the pipeline's time zone. A commit of the evening in Greenwich is of the next day in Auckland.
#[test]
fn days_are_those_of_the_pipelines_time_zone() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("version: 1", "version: 1\ntimezone: Pacific/Auckland"));
    repo.commit("another zone");
    // 2026-01-05T12:30Z is 2026-01-06 01:30 there.
    repo.set_now(START + 12_600);
    repo.write("sales/brief/acme.yaml", "title: ACME\namount: 1 EUR\n").commit("acme");
    let open = |day: &str| json(&repo, &["report", "--as-of", day, "--format", "json"])["source"]["deals"].clone();
    assert_eq!((open("2026-01-05"), open("2026-01-06")), (0.into(), 1.into()));
}

/// HI-12: what lasted over the night in which clocks change lasted as long as it did.
#[test]
fn durations_are_elapsed_time_over_a_change_of_clocks() {
    let repo = TestRepo::with_pipeline();
    // In Berlin clocks went forward on 2026-03-29 at 01:00 UTC.
    let noon = 1_774_695_600;
    repo.set_now(noon);
    repo.write("sales/brief/acme.yaml", "title: ACME\n").commit("acme");
    repo.set_now(noon + 86_400);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let mut pipeline = small();
    pipeline.timezone = tussock::format::zone::Zone::named("Europe/Berlin").unwrap();
    let spells = read_with(&repo, &pipeline, &Options::default()).spells();
    assert_eq!(spells[0].left.unwrap().0 - spells[0].entered.0, 86_400);
}

/// HI-13: dates from the first second of 1970 to the end of the year 9999, and zones that there are not.
#[test]
fn reports_live_with_dates_from_1970_to_9999() {
    for date in ["0 +0000", "2147483648 +1400", "4294967296 -1200", "253402300799 +9999"] {
        let repo = with_deal("brief");
        repo.git(&["mv", "sales/brief/acme.yaml", "sales/lost/acme.yaml"]);
        let tree = repo.git(&["write-tree"]);
        let parent = repo.git(&["rev-parse", "HEAD"]);
        let raw = format!("tree {tree}parent {parent}author O <o@x> {date}\ncommitter O <o@x> {date}\n\nm\n");
        repo.write("../raw", raw);
        let id = repo.git(&["hash-object", "-t", "commit", "-w", "--literally", "../raw"]);
        repo.git(&["update-ref", "refs/heads/main", id.trim()]);
        let log = repo.ok(&["log", "--format", "csv"]);
        assert!(log.contains(",brief,lost,"), "{date}: {log}");
        for args in [&["report"][..], &["report", "funnel"], &["report", "forecast"], &["log"], &["list"]] {
            repo.ok(args);
        }
    }
}

/// HI-17: a copy that kept the id is found by `validate`; in history the older path is the deal's.
#[test]
fn a_copy_that_kept_its_id_is_an_error_and_no_move() {
    let repo = with_deal("proposal");
    repo.write("sales/lost/2026/acme.yaml", "title: ACME again\nlost: {reason: price}\n").commit("a copy");
    assert_eq!(read(&repo).events.len(), 1);
    let ran = repo.tussock(&["validate"]);
    assert!(ran.code == 1 && ran.out.contains("acme"), "{} {}", ran.code, ran.out);
    let source = &json(&repo, &["report", "--format", "json"])["source"];
    assert_eq!((source["deals"].clone(), source["doubled"].clone()), (1.into(), 1.into()));
}

/// HI-28: names, messages and paths that are not UTF-8 are shown as far as they can be.
#[test]
fn text_that_is_not_utf_8_is_shown_as_far_as_it_can_be() {
    let repo = with_deal("brief");
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let blob = repo.git(&["rev-parse", "HEAD:sales/brief/acme.yaml"]).trim().to_owned();
    repo.git(&["rm", "-q", "--cached", "sales/brief/acme.yaml"]);
    let entry = [format!("100644 {blob}\tsales/won/").as_bytes(), b"\xff\xfe/acme.yaml\n"].concat();
    repo.write("../entry", entry);
    let mut command = Command::new("sh");
    repo.run(command.args(["-c", "git update-index --index-info < ../entry"]));
    let moved = repo.git(&["write-tree"]);
    assert_ne!(tree, moved);
    let parent = repo.git(&["rev-parse", "HEAD"]);
    let raw = [
        format!("tree {moved}parent {parent}author ").as_bytes(),
        b"J\xf6rg <j\xf6rg@x> 1767610000 +0000\ncommitter \xe9 <c> 1767610000 +0000\nencoding ISO-8859-1\n\nverg\xfcnstigt\n",
    ]
    .concat();
    repo.write("../raw", raw);
    let id = repo.git(&["hash-object", "-t", "commit", "-w", "--literally", "../raw"]);
    repo.git(&["update-ref", "refs/heads/main", id.trim()]);
    let log = repo.ok(&["log", "--format", "csv"]);
    assert!(log.contains("acme,moved,,brief,won,2026-01-05T10:46:40Z,"), "{log}");
    assert!(log.lines().last().unwrap().contains("j\u{fffd}rg@x"), "{log}");
    repo.ok(&["log"]);
    repo.ok(&["log", "--format", "json"]);
}

/// HI-31: moves are judged by today's pipeline file, not by the one of their time.
#[test]
fn directions_and_names_are_those_of_todays_pipeline_file() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    let told = |repo: &TestRepo| json(repo, &["report", "--format", "json"])["source"]["jumps"].clone();
    assert_eq!(told(&repo), 1);
    let text = SMALL_PIPELINE.replace("  - id: proposal\n", "  - id: proposal\n    optional: true\n");
    repo.write("sales/pipeline.yaml", &text).commit("a stage may be passed over");
    assert_eq!(told(&repo), 0);
    // A new name of a stage is also the name of what happened before.
    repo.git(&["mv", "sales/contract", "sales/signing"]);
    repo.write("sales/pipeline.yaml", text.replace("  - id: contract\n", "  - id: signing\n    was: [contract]\n"));
    repo.commit("another name");
    let log = repo.ok(&["log", "--moves", "--format", "csv"]);
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("acme,moved,,brief,signing,"), "{log}");
}

/// HI-33: two branches of one day may be merged in either order: the deals were moved at the same times.
#[test]
fn the_order_of_merges_changes_no_time_and_no_move() {
    let told = |order: [&str; 2]| -> BTreeSet<String> {
        let repo = TestRepo::with_pipeline();
        repo.write("sales/brief/a.yaml", "title: a\n").write("sales/brief/b.yaml", "title: b\n");
        repo.commit("two");
        for id in ["a", "b"] {
            repo.git(&["checkout", "-q", "-b", id, "main"]);
            repo.move_by_hand(&format!("sales/brief/{id}.yaml"), &format!("sales/proposal/{id}.yaml"));
            repo.move_by_hand(&format!("sales/proposal/{id}.yaml"), &format!("sales/contract/{id}.yaml"));
        }
        repo.git(&["checkout", "-q", "main"]);
        merge(&repo, &[order[0]]);
        merge(&repo, &[order[1]]);
        history_kit::told(&read(&repo)).into_iter().collect()
    };
    assert_eq!(told(["a", "b"]), told(["b", "a"]));
}

/// HI-26: a branch that was given up inside a merged branch is no way that the deal went.
#[test]
fn what_a_merge_inside_the_branch_gave_up_is_not_told() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "x"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["checkout", "-qb", "y", "main"]);
    let stayed = repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "x"]);
    repo.git(&["merge", "-q", "--no-commit", "-s", "ours", "y"]);
    repo.git(&["rm", "-q", "-r", "--cached", "sales"]);
    repo.git(&["checkout", "-q", "y", "--", "sales"]);
    std::fs::remove_file(repo.path().join("sales/proposal/acme.yaml")).unwrap();
    repo.commit("y it is");
    let lost = repo.move_by_hand("sales/contract/acme.yaml", "sales/lost/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    merge(&repo, &["x"]);
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme brief -> contract skip", "acme contract -> lost end"]);
    let by: Vec<String> = history.events.iter().skip(1).map(|e| e.commit.to_string()).collect();
    assert_eq!(by, [stayed, lost]);
}

/// HI-27: a version that nobody can read and that is mended in the same branch: the change is the mender's.
#[test]
fn a_change_is_told_by_the_commit_that_mended_an_unreadable_version() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\namount: 1 EUR\n").commit("a");
    repo.git(&["checkout", "-qb", "side"]);
    repo.write("sales/brief/acme.yaml", "<<<<<<< HEAD\namount: 2 EUR\n=======\n").commit("broken");
    let mended = repo.now();
    let by = repo.write("sales/brief/acme.yaml", "title: A\namount: 3 EUR\n").commit("mended");
    repo.git(&["checkout", "-q", "main"]);
    repo.wait_days(3);
    merge(&repo, &["side"]);
    let history = read(&repo);
    let last = history.events.last().unwrap();
    assert!(matches!(&last.kind, EventKind::Changed { field, .. } if &**field == "amount"), "{last:?}");
    assert_eq!((last.at.0, last.commit.to_string()), (mended, by));
}
