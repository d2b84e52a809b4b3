//! Several people and programs at one pipeline: whoever is first wins, whoever is late hears it, nothing is half done.

mod kit;

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use kit::{SMALL_PIPELINE, TestRepo};

const GOOD: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: More leads\n";

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", GOOD);
    repo.commit("Add acme");
    repo
}

fn start(repo: &TestRepo, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(&mut command).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The writer's lock, taken as another tussock would.
fn take_lock(repo: &TestRepo) -> File {
    let folder = repo.path().join(".git/tussock");
    std::fs::create_dir_all(&folder).unwrap();
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(folder.join("lock")).unwrap();
    file.lock().unwrap();
    file
}

/// Starts all while nobody can write, so that each plans with what it read before, and then lets them go.
fn race(repo: &TestRepo, all: &[Vec<&str>]) -> Vec<Output> {
    let lock = take_lock(repo);
    let children: Vec<Child> = all.iter().map(|args| start(repo, args)).collect();
    let mut waiting: Vec<std::thread::JoinHandle<Output>> = Vec::new();
    for child in children {
        waiting.push(std::thread::spawn(move || child.wait_with_output().unwrap()));
    }
    // They all have read when they all wait; there is nothing of theirs to look at but time.
    std::thread::sleep(Duration::from_millis(1500));
    drop(lock);
    waiting.into_iter().map(|w| w.join().unwrap()).collect()
}

fn codes(all: &[Output]) -> Vec<i32> {
    let mut codes: Vec<i32> = all.iter().map(|o| o.status.code().unwrap_or(-1)).collect();
    codes.sort_unstable();
    codes
}

fn commits(repo: &TestRepo) -> usize {
    repo.git(&["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn sixteen_who_move_one_deal_to_one_stage_make_one_commit() {
    let repo = with_acme();
    let before = commits(&repo);
    let all = race(&repo, &vec![vec!["move", "acme", "proposal"]; 16]);
    for output in &all {
        assert_eq!(output.status.code(), Some(0), "{}", said(output));
    }
    let moved = all.iter().filter(|o| said(o).contains("acme: brief → proposal")).count();
    let late = all.iter().filter(|o| said(o).contains("acme: already in proposal, nothing to do")).count();
    assert_eq!((moved, late), (1, 15));
    assert_eq!(commits(&repo), before + 1);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn of_those_who_move_one_deal_to_different_stages_one_wins_and_the_others_hear_where_it_went() {
    let repo = with_acme();
    let before = commits(&repo);
    let stages = ["proposal", "contract", "lost", "recycled"];
    let args: Vec<Vec<&str>> = (0..16)
        .map(|i| {
            let mut args = vec!["move", "acme", stages[i % 4]];
            args.extend(["--set", "lost.reason=price", "--set", "proposal.sent_on=2026-01-05"]);
            args
        })
        .collect();
    let all = race(&repo, &args);
    let winner = stages.iter().find(|s| repo.git(&["ls-files", &format!("sales/{s}")]).contains("acme")).unwrap();
    assert_eq!(commits(&repo), before + 1);
    for (args, output) in args.iter().zip(&all) {
        if args[2] == *winner {
            assert_eq!(output.status.code(), Some(0), "{}", said(output));
        } else {
            assert_eq!(output.status.code(), Some(6), "{}", said(output));
            let words = format!("acme was moved to {winner} by somebody else meanwhile; nothing was changed");
            assert!(said(output).contains(&words), "{}", said(output));
        }
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_deal_that_went_on_meanwhile_does_not_go_on_twice() {
    let repo = with_acme();
    let all = race(&repo, &vec![vec!["move", "acme", "--next", "--set", "proposal.sent_on=2026-01-05"]; 4]);
    assert_eq!(codes(&all), [0, 6, 6, 6]);
    assert!(repo.has("sales/proposal/acme.yaml"));
}

#[test]
fn different_fields_set_at_the_same_time_are_all_kept() {
    let repo = with_acme();
    let sets: Vec<String> = (0..16).map(|i| format!("x-{i}=yes")).collect();
    let args: Vec<Vec<&str>> = sets.iter().map(|set| vec!["set", "acme", set.as_str()]).collect();
    let all = race(&repo, &args);
    assert_eq!(codes(&all), [0; 16], "{}", all.iter().map(said).collect::<String>());
    let text = repo.read("sales/brief/acme.yaml");
    assert_eq!(text.matches("yes").count(), 16, "{text}");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_field_can_be_set_in_a_deal_that_moves_meanwhile() {
    let repo = with_acme();
    let all = race(&repo, &[vec!["move", "acme", "proposal"], vec!["set", "acme", "owner=petr"]]);
    assert_eq!(codes(&all), [0, 0], "{}", all.iter().map(said).collect::<String>());
    assert!(repo.read("sales/proposal/acme.yaml").contains("owner: petr"));
}

#[test]
fn of_two_who_make_one_deal_the_second_hears_it() {
    let repo = TestRepo::with_pipeline();
    let all = race(&repo, &[vec!["new", "Globex"], vec!["new", "Globex"]]);
    assert_eq!(codes(&all), [0, 6], "{}", all.iter().map(said).collect::<String>());
    let late = all.iter().find(|o| o.status.code() == Some(6)).unwrap();
    let words = "globex was made (sales/brief/globex.yaml) by somebody else meanwhile; nothing was changed";
    assert!(said(late).contains(words), "{}", said(late));
}

#[test]
fn sixteen_who_move_their_own_deals_all_get_there() {
    let repo = TestRepo::with_pipeline();
    for i in 0..16 {
        repo.write(&format!("sales/brief/deal-{i}.yaml"), GOOD);
    }
    repo.commit("Add them");
    let before = commits(&repo);
    let ids: Vec<String> = (0..16).map(|i| format!("deal-{i}")).collect();
    let args: Vec<Vec<&str>> = ids.iter().map(|id| vec!["move", id.as_str(), "proposal"]).collect();
    let all = race(&repo, &args);
    assert_eq!(codes(&all), [0; 16], "{}", all.iter().map(said).collect::<String>());
    assert_eq!(commits(&repo), before + 16);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_nobody_else_changed_is_the_users_own_state() {
    let repo = with_acme();
    repo.write("sales/brief/acme.yaml", GOOD.replace("18000", "1"));
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!((ran.code, ran.err.contains("has changes that are not committed")), (4, true), "{}", ran.err);
}

#[test]
fn a_reader_never_sees_a_deal_twice_or_not_at_all_while_it_moves() {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("require: [inputs.goal]", "require: [title]"));
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    for i in 0..40 {
        repo.write(&format!("sales/brief/deal-{i:02}.yaml"), GOOD);
    }
    repo.commit("Set up");
    let script = "for i in 1 2 3 4 5; do
        \"$0\" move --where 'stage == \"brief\"' proposal && \"$0\" move --where 'stage == \"proposal\"' brief || exit 1
    done";
    let mut mover = Command::new("sh");
    repo.hermetic(&mut mover).args(["-c", script, env!("CARGO_BIN_EXE_tussock")]).stdout(Stdio::null());
    let mut mover = mover.spawn().unwrap();
    let mut rounds = 0;
    let ended = loop {
        let listed = repo.tussock(&["list", "--format", "ids"]);
        assert_eq!((listed.out.lines().count(), &*listed.err), (40, ""), "{}", listed.out);
        let shown = repo.tussock(&["show", "deal-07"]);
        assert_eq!(shown.code, 0, "{}", shown.err);
        rounds += 1;
        if let Some(ended) = mover.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(ended.success() && rounds > 3, "{ended} after {rounds} rounds");
}
