//! `validate --since`: what a change did, judged move by move, and by whose file.

mod kit;

use std::process::Command;

use kit::{Ran, TestRepo};

const READY: &str = "inputs: {goal: Leads}\n";

/// Three deals on `main`, one of them with a fault, and a branch `change` that is checked out.
fn repo() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\namount: 1000\n");
    repo.write("sales/brief/globex.yaml", "title: Globex\nammount: 1\n");
    repo.write("sales/brief/hooli.yaml", format!("title: Hooli\n{READY}"));
    repo.commit("Three deals");
    repo.git(&["switch", "-q", "-c", "change"]);
    repo
}

fn since(repo: &TestRepo, args: &[&str]) -> Ran {
    let all: Vec<&str> = ["validate", "--since", "main", "--today", "2026-01-06"].iter().chain(args).copied().collect();
    repo.tussock(&all)
}

/// The lines that begin a finding, and the closing line.
fn told(ran: &Ran) -> Vec<&str> {
    let begins = |line: &&str| ["error[", "warning[", "info["].iter().any(|level| line.starts_with(level));
    ran.out.lines().filter(begins).collect()
}

#[test]
fn what_was_wrong_before_in_deals_that_a_change_leaves_alone_is_not_told() {
    let repo = repo();
    assert_eq!(repo.tussock(&["validate"]).code, 1);
    let ran = since(&repo, &[]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    repo.write("sales/brief/acme.yaml", "title: Acme\namout: 1000\n");
    // Not committed, committed, staged, and by its name it is the same change.
    let said = ["error[unknown-field]: there is no field `amout`"];
    assert_eq!(told(&since(&repo, &[])), said, "{}", since(&repo, &[]).out);
    repo.git(&["add", "-A"]);
    assert_eq!(told(&since(&repo, &["--staged"])), said);
    repo.commit("Misspell");
    for args in [&[][..], &["--rev", "change"], &["--rev", "HEAD", "sales/brief"], &["sales"]] {
        let ran = since(&repo, args);
        assert_eq!((ran.code, told(&ran)), (1, said.to_vec()), "{args:?}");
    }
    assert_eq!(told(&since(&repo, &["sales/brief/globex.yaml"])), [""; 0]);
    repo.git(&["switch", "-q", "--detach"]);
    assert_eq!(told(&since(&repo, &[])), said);
}

#[test]
fn a_deal_that_a_change_breaks_without_touching_it_is_told() {
    let repo = repo();
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/hooli.yaml", "title: Hooli\nfollows: acme\n");
    repo.commit("Link");
    repo.git(&["switch", "-q", "-C", "change"]);
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    repo.commit("Remove acme");
    let ran = since(&repo, &[]);
    let said = told(&ran);
    assert_eq!(said.len(), 2, "{}", ran.out);
    assert_eq!(said[0], "warning[removed-deal]: the deal acme is gone; it was in brief, worth 1000 EUR");
    assert!(said[1].starts_with("error[broken-link]") && ran.out.contains("hooli"), "{}", ran.out);
}

#[test]
fn a_move_that_was_not_earned_when_it_was_made_is_a_warning_once_it_is() {
    let repo = repo();
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let ran = since(&repo, &[]);
    assert_eq!(ran.code, 1);
    assert!(told(&ran)[0].starts_with("error[exit-criterion]: acme is in proposal") && told(&ran).len() == 1);
    repo.write("sales/proposal/acme.yaml", format!("title: Acme\namount: 1000\n{READY}"));
    repo.commit("Fill in afterwards");
    let ran = since(&repo, &[]);
    assert_eq!((ran.code, told(&ran).len()), (0, 1), "{}", ran.out);
    let said = told(&ran)[0];
    assert!(
        said.starts_with("warning[unearned-move]: acme was moved from brief to proposal before it had earned that (")
            && said.ends_with(" by Olga Sokolova on 2026-01-05): \"We know what they want\" (missing: inputs.goal)"),
        "{said}"
    );
    assert_eq!(since(&repo, &["--fail-on", "warning"]).code, 1);
    // And back again it stays in its history.
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/brief/acme.yaml");
    let ran = since(&repo, &[]);
    assert_eq!(told(&ran).len(), 1, "{}", ran.out);
    assert!(ran.out.contains("help: it is in brief by now"), "{}", ran.out);
}

#[test]
fn earned_moves_backward_moves_and_losses_with_a_reason_are_in_order() {
    let repo = repo();
    repo.move_by_hand("sales/brief/hooli.yaml", "sales/proposal/hooli.yaml");
    repo.write("sales/proposal/hooli.yaml", "title: Hooli\n");
    repo.git(&["mv", "sales/proposal/hooli.yaml", "sales/brief/hooli.yaml"]);
    repo.commit("Back, and without the goal");
    repo.write("sales/brief/hooli.yaml", "title: Hooli\nlost: {reason: price}\n");
    repo.git(&["mv", "sales/brief/hooli.yaml", "sales/lost/hooli.yaml"]);
    repo.commit("Lost");
    let ran = since(&repo, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

#[test]
fn a_move_in_two_commits_and_one_with_another_name_are_moves() {
    let repo = repo();
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    repo.commit("First half");
    repo.write("sales/proposal/acme.yaml", "title: Acme\n");
    repo.commit("Second half");
    repo.write("sales/proposal/acme.yaml", format!("title: Acme\n{READY}"));
    repo.git(&["rm", "-q", "sales/brief/globex.yaml"]);
    repo.write("sales/contract/globex-web.yaml", "title: Globex\nwas: [globex]\n");
    repo.commit("Another name");
    repo.write(
        "sales/contract/globex-web.yaml",
        format!("title: Globex\nwas: [globex]\nproposal: {{sent_on: 2026-01-01}}\n{READY}"),
    );
    repo.commit("Fill in");
    let ran = since(&repo, &[]);
    let said = told(&ran);
    assert_eq!(said.len(), 2, "{}", ran.out);
    assert!(said[0].contains("globex-web was moved from brief to contract"), "{said:?}");
    assert!(said[1].contains("acme was moved from brief to proposal"), "{said:?}");
}

#[test]
fn a_merge_repeats_no_move_and_makes_those_that_no_side_has() {
    let repo = repo();
    repo.git(&["switch", "-q", "-c", "topic"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.write("sales/proposal/acme.yaml", format!("title: Acme\n{READY}"));
    repo.commit("Fill in");
    repo.git(&["switch", "-q", "change"]);
    repo.write("sales/brief/new.yaml", "title: New\n");
    repo.commit("A new deal");
    repo.git(&["merge", "-q", "--no-ff", "-m", "Merge topic", "topic"]);
    let ran = since(&repo, &[]);
    assert_eq!(told(&ran).len(), 1, "{}", ran.out);
    // What is merged from main is main's.
    repo.git(&["switch", "-q", "main"]);
    repo.move_by_hand("sales/brief/globex.yaml", "sales/proposal/globex.yaml");
    repo.write("sales/proposal/globex.yaml", format!("title: Globex\n{READY}"));
    repo.commit("Main goes on");
    repo.git(&["switch", "-q", "change"]);
    repo.git(&["merge", "-q", "-m", "Merge main", "main"]);
    assert_eq!(told(&since(&repo, &[])).len(), 1);
    // A merge that moves a deal itself.
    repo.git(&["switch", "-q", "-c", "other", "HEAD~1"]);
    repo.write("sales/brief/newer.yaml", "title: Newer\n");
    repo.commit("Another");
    repo.git(&["switch", "-q", "change"]);
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "other"]);
    repo.git(&["mv", "sales/brief/new.yaml", "sales/proposal/new.yaml"]);
    repo.commit("Merge other, and more");
    repo.write("sales/proposal/new.yaml", format!("title: New\n{READY}"));
    repo.commit("Fill in");
    let ran = since(&repo, &[]);
    assert_eq!(told(&ran).len(), 2, "{}", ran.out);
    assert!(ran.out.contains("new was moved from brief to proposal"), "{}", ran.out);
}

#[test]
fn a_renamed_stage_is_no_move_and_asks_for_the_same_as_before() {
    let repo = repo();
    let file = repo.read("sales/pipeline.yaml").replace("  - id: brief\n", "  - id: inbox\n    was: [brief]\n");
    repo.write("sales/pipeline.yaml", file);
    repo.git(&["mv", "sales/brief", "sales/inbox"]);
    repo.commit("brief is inbox now");
    for trust in ["head", "base"] {
        let ran = since(&repo, &["--trust", trust]);
        let said = told(&ran);
        // The deal that is wrong lies elsewhere now, so that it belongs to this change.
        assert_eq!(said.len(), 2, "{trust}: {}", ran.out);
        assert!(said[0].starts_with("error[unknown-field]"), "{said:?}");
        assert_eq!(said[1], "info[policy-change]: pipeline.yaml changes: the stage brief is called inbox now");
    }
}

#[test]
fn a_stricter_file_is_told_of_with_all_that_it_finds() {
    let repo = repo();
    let file = repo.read("sales/pipeline.yaml");
    repo.write("sales/pipeline.yaml", file.replace("fields:\n", "fields:\n  source: {type: text, required: true}\n"));
    repo.commit("Ask for the source");
    let head = since(&repo, &[]);
    let said: Vec<&str> = told(&head).into_iter().filter(|line| line.starts_with("error[missing-field]")).collect();
    assert_eq!(said.len(), 3, "{}", head.out);
    assert!(head.out.contains("info[policy-change]: pipeline.yaml changes: "), "{}", head.out);
    let base = since(&repo, &["--trust", "base"]);
    assert_eq!((base.code, told(&base).len()), (0, 1), "{}", base.out);
}

#[test]
fn a_field_that_a_change_declares_and_uses_is_no_error() {
    let repo = repo();
    let file = repo.read("sales/pipeline.yaml");
    repo.write("sales/pipeline.yaml", file.replace("fields:\n", "fields:\n  rival: text\n"));
    repo.write("sales/brief/acme.yaml", "title: Acme\nrival: Initech\nrivall: x\n");
    repo.commit("A new field");
    let ran = since(&repo, &["--trust", "base"]);
    let said = told(&ran);
    assert_eq!(said.len(), 3, "{}", ran.out);
    assert!(said[0].starts_with("warning[unknown-field]") && said[0].contains("`rival`"), "{said:?}");
    assert!(said[1].starts_with("error[unknown-field]") && said[1].contains("`rivall`"), "{said:?}");
    assert!(ran.out.contains("this change declares it in pipeline.yaml"), "{}", ran.out);
}

/// As [`since`], as a forge runs it.
fn in_ci(repo: &TestRepo, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    command.args(["validate", "--since", "main", "--today", "2026-01-06"]).args(args);
    let output = repo.hermetic(&mut command).env("CI", "true").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn in_ci_the_file_before_the_change_judges_unless_asked_otherwise() {
    let repo = repo();
    let file =
        repo.read("sales/pipeline.yaml").replace("        require: [inputs.goal]\n", "        require: [title]\n");
    repo.write("sales/pipeline.yaml", file);
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.commit("Weaken and move");
    let weaker = "warning[policy-change]: pipeline.yaml asks for less: exit criterion goal-known of brief does not ask \
                  for inputs.goal any more";
    let local = since(&repo, &[]);
    assert_eq!((local.code, local.err.as_str()), (0, ""));
    assert!(told(&local).contains(&weaker), "{}", local.out);
    let ci = in_ci(&repo, &[]);
    assert_eq!(ci.code, 1, "{}", ci.out);
    assert!(told(&ci).contains(&weaker) && ci.out.contains("error[exit-criterion]: acme is in proposal"), "{}", ci.out);
    assert!(ci.out.contains("of brief, before this change"), "{}", ci.out);
    assert!(ci.err.starts_with("judged by the pipeline file of ") && ci.err.contains("--trust head"), "{}", ci.err);
    assert_eq!(in_ci(&repo, &["--trust", "head"]).code, 0);
    assert_eq!(since(&repo, &["--trust", "base"]).code, 1);
    assert_eq!(repo.tussock(&["validate", "--trust", "base"]).code, 2);
}

#[test]
fn the_first_pipeline_is_judged_by_its_own_file() {
    let repo = TestRepo::new();
    repo.write("README.md", "Nothing yet\n");
    repo.commit("Begin");
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE);
    repo.write("proposal/acme.yaml", "title: Acme\n");
    repo.commit("A pipeline");
    let ran = in_ci(&repo, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("there is no pipeline in "), "{}", ran.err);
    assert!(ran.out.contains("error[exit-criterion]"), "{}", ran.out);
}

#[test]
fn a_pipeline_that_changes_its_folder_is_judged_by_the_file_in_the_old_one() {
    let repo = repo();
    repo.git(&["mv", "sales", "deals"]);
    let file =
        repo.read("deals/pipeline.yaml").replace("        require: [inputs.goal]\n", "        require: [title]\n");
    repo.write("deals/pipeline.yaml", file);
    repo.git(&["mv", "deals/brief/acme.yaml", "deals/proposal/acme.yaml"]);
    repo.commit("Move the pipeline, weaken and move");
    let ran = in_ci(&repo, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("error[exit-criterion]: acme") && ran.out.contains("warning[policy-change]"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("removed-deal"), "{}", ran.out);
}

#[test]
fn a_shallow_clone_says_what_to_fetch() {
    let repo = repo();
    repo.write("sales/brief/acme.yaml", "title: Acme, again\n");
    repo.commit("Change");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth", "1", "--no-single-branch", &from, "../shallow"]);
    let ran = repo.tussock(&["-C", "../shallow", "validate", "--since", "origin/main"]);
    assert_eq!(ran.code, 10, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("fetch-depth: 0"), "{}", ran.err);
    repo.git(&["clone", "-q", "--depth", "1", "--branch", "change", &from, "../one"]);
    let ran = repo.tussock(&["-C", "../one", "validate", "--since", "origin/main"]);
    assert_eq!(ran.code, 10, "{}{}", ran.out, ran.err);
    repo.git(&["-C", "../shallow", "fetch", "-q", "--unshallow"]);
    let ran = repo.tussock(&["-C", "../shallow", "validate", "--since", "origin/main", "--today", "2026-01-06"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
}

#[test]
fn a_branch_without_common_history_and_one_that_is_not_there_are_wrong_arguments() {
    let repo = repo();
    repo.git(&["switch", "-q", "--orphan", "alone"]);
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE);
    repo.commit("Another beginning");
    let ran = since(&repo, &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("have no commit in common"), "{}", ran.err);
    assert_eq!(repo.tussock(&["validate", "--since", "nowhere"]).code, 2);
    assert_eq!(repo.tussock(&["validate", "--since", "--output=x"]).code, 2);
    assert!(!repo.has("x"));
}
