//! `tussock hooks`: what git then refuses, and whose hooks are whose.
#![cfg(unix)]

mod kit;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kit::freeze::{differences, freeze};
use kit::{Ran, TestRepo};

const NAMES: [&str; 3] = ["pre-commit", "pre-merge-commit", "pre-push"];

fn with_hooks() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\n");
    repo.commit("Add");
    repo.ok(&["hooks", "install"]);
    repo
}

/// Runs git where hooks find this tussock on `PATH`.
fn git_in(repo: &TestRepo, folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new("git");
    repo.hermetic(command.args(args)).current_dir(folder);
    let folder = Path::new(env!("CARGO_BIN_EXE_tussock")).parent().unwrap().to_owned();
    let mut path = vec![folder];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    command.env("PATH", std::env::join_paths(path).unwrap());
    let out = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
}

fn git(repo: &TestRepo, args: &[&str]) -> Ran {
    git_in(repo, &repo.path(), args)
}

fn taken(repo: &TestRepo, args: &[&str]) {
    let ran = git(repo, args);
    assert_eq!(ran.code, 0, "git {args:?}: {}{}", ran.out, ran.err);
}

/// Holds that git refuses, and that HEAD stays.
fn refused(repo: &TestRepo, args: &[&str]) -> String {
    let head = repo.git(&["rev-parse", "HEAD"]);
    let ran = git(repo, args);
    assert_ne!(ran.code, 0, "git {args:?}: {}{}", ran.out, ran.err);
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
    format!("{}{}", ran.out, ran.err)
}

fn write_hook(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn hook(repo: &TestRepo, name: &str) -> PathBuf {
    repo.path().join(".git/hooks").join(name)
}

#[test]
fn a_good_commit_passes_and_a_deal_that_lacks_what_its_stage_asks_is_refused() {
    let repo = with_hooks();
    repo.write("sales/brief/globex.yaml", "title: Globex\n");
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "Fine"]);

    // Moved by hand, with nothing of what the way asks for.
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    let told = refused(&repo, &["commit", "-q", "-m", "Too early"]);
    assert!(told.contains("exit-criterion") && told.contains("sales/proposal/acme.yaml"), "{told}");
    taken(&repo, &["commit", "-q", "--no-verify", "-m", "All the same"]);
}

#[test]
fn what_is_staged_counts_and_not_what_lies_in_the_work_tree() {
    let repo = with_hooks();
    repo.write("sales/brief/acme.yaml", "title: Acme\ntitle: Twice\n").write("notes", "n");
    repo.git(&["add", "notes"]);
    taken(&repo, &["commit", "-q", "-m", "Only notes"]);
    // An index of its own, as `git commit FILE` and `-a` make one.
    let told = refused(&repo, &["commit", "-q", "-a", "-m", "All"]);
    assert!(told.contains("duplicate-key"), "{told}");
    refused(&repo, &["commit", "-q", "-m", "This", "sales/brief/acme.yaml"]);
    repo.git(&["add", "-A"]);
    repo.write("sales/brief/acme.yaml", "title: Mended only here\n");
    refused(&repo, &["commit", "-q", "-m", "Staged"]);
}

#[test]
fn the_first_commit_of_a_repository_is_checked() {
    let repo = TestRepo::new();
    repo.ok(&["hooks", "install"]);
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE);
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.write(&format!("{stage}/.gitkeep"), "");
    }
    repo.write("lost/2026/acme.yaml", "title: Acme\n");
    repo.git(&["add", "-A"]);
    let ran = git(&repo, &["commit", "-q", "-m", "Begin"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("entry-criterion"), "{}", ran.err);
    repo.git(&["rm", "-q", "--cached", "lost/2026/acme.yaml"]);
    taken(&repo, &["commit", "-q", "-m", "Begin"]);
}

#[test]
fn a_clean_merge_that_puts_a_deal_in_two_stages_is_refused() {
    let repo = with_hooks();
    repo.git(&["switch", "-q", "-c", "side"]);
    repo.write("sales/brief/initech.yaml", "title: Initech\ninputs: {goal: x}\n");
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "There"]);
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/proposal/initech.yaml", "title: Another Initech\ninputs: {goal: x}\n");
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "Here"]);
    let told = refused(&repo, &["merge", "-q", "--no-edit", "side"]);
    assert!(told.contains("duplicate-deal"), "{told}");
    repo.git(&["merge", "--abort"]);
    taken(&repo, &["merge", "-q", "--no-edit", "--no-verify", "side"]);
}

#[test]
fn a_push_of_a_bad_tip_is_refused_and_other_pushes_are_not() {
    let repo = with_hooks();
    repo.git(&["init", "-q", "--bare", "../remote.git"]);
    repo.git(&["remote", "add", "origin", "../remote.git"]);
    taken(&repo, &["push", "-q", "origin", "main"]);
    // Nothing to push at all.
    taken(&repo, &["push", "-q", "origin", "main"]);
    repo.git(&["switch", "-q", "-c", "bad"]);
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "Too early"]);
    repo.git(&["switch", "-q", "main"]);
    // What is pushed counts, not what is checked out.
    let told = refused(&repo, &["push", "-q", "origin", "main", "bad"]);
    assert!(told.contains("exit-criterion"), "{told}");
    assert_eq!(repo.git(&["ls-remote", "origin", "refs/heads/bad"]), "");
    repo.git(&["tag", "checked-elsewhere", "bad"]);
    taken(&repo, &["push", "-q", "origin", "checked-elsewhere"]);
    taken(&repo, &["push", "-q", "--no-verify", "origin", "bad"]);
    taken(&repo, &["push", "-q", "origin", ":bad"]);
}

/// The pipeline file with a field that every deal must have.
fn an_owner_for_all() -> String {
    kit::SMALL_PIPELINE.replace("inputs:\n    goal", "owner: {type: person, required: true}\n  inputs:\n    goal")
}

/// A repository with hooks in which `acme` is committed with an error.
fn with_an_error() -> TestRepo {
    let repo = with_hooks();
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.write("sales/brief/globex.yaml", "title: Globex\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "Too early"]);
    repo
}

#[test]
fn an_error_that_was_there_before_stops_nobody_who_leaves_the_deal_alone() {
    let repo = with_an_error();
    repo.write("sales/brief/initech.yaml", "title: Initech\n");
    repo.git(&["add", "-A"]);
    let ran = git(&repo, &["commit", "-q", "-m", "Another deal"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.err.trim(),
        "1 finding elsewhere was there before and does not stop this commit; `tussock validate --staged` shows it"
    );
    // Nothing of the pipeline, nothing to say.
    repo.write("notes", "n");
    repo.git(&["add", "-A"]);
    let ran = git(&repo, &["commit", "-q", "-m", "Notes"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    // Whoever changes the deal, mends it.
    repo.write("sales/proposal/acme.yaml", "title: Acme & Co\n");
    let told = refused(&repo, &["commit", "-q", "-a", "-m", "Rename"]);
    assert!(told.contains("exit-criterion"), "{told}");
    repo.write("sales/proposal/acme.yaml", "title: Acme & Co\ninputs: {goal: leads}\n");
    taken(&repo, &["commit", "-q", "-a", "-m", "Mend"]);
    repo.ok(&["validate"]);
}

#[test]
fn of_a_large_pipeline_a_commit_has_only_its_own_deals_read() {
    let repo = with_an_error();
    for number in 0..2_001 {
        repo.write(&format!("sales/brief/x{number}.yaml"), format!("title: X{number}\n"));
    }
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "Many"]);
    repo.write("sales/brief/x7.yaml", "title: Seven\n");
    let ran = git(&repo, &["commit", "-q", "-a", "-m", "One of them"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    repo.write("sales/proposal/x7.yaml", "title: Seven\ninputs: {goal: x}\n");
    repo.git(&["add", "-A"]);
    let told = refused(&repo, &["commit", "-q", "-m", "The same in another stage"]);
    assert!(told.contains("duplicate-deal") && !told.contains("acme"), "{told}");
    repo.git(&["rm", "-q", "-f", "sales/proposal/x7.yaml"]);
    // A pipeline file can make errors anywhere, so then all are read.
    repo.write("sales/pipeline.yaml", an_owner_for_all());
    let told = refused(&repo, &["commit", "-q", "-a", "-m", "An owner for all"]);
    assert!(told.contains("sales/brief/x2000.yaml"), "{told}");
}

#[test]
fn a_pipeline_file_answers_for_the_errors_that_it_makes_in_deals_nobody_touched() {
    let repo = with_an_error();
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replace("We know what they want", "Their goal is known"));
    taken(&repo, &["commit", "-q", "-a", "-m", "Other words"]);
    repo.write("sales/pipeline.yaml", an_owner_for_all());
    let told = refused(&repo, &["commit", "-q", "-a", "-m", "An owner for all"]);
    assert!(told.contains("sales/brief/globex.yaml") && told.contains("owner"), "{told}");

    // While the file is broken nobody can be held to anything, and the mending is not refused.
    repo.write("sales/pipeline.yaml", "version: 1\n");
    refused(&repo, &["commit", "-q", "-a", "-m", "Broken"]);
    repo.git(&["commit", "-q", "-a", "--no-verify", "-m", "Broken"]);
    repo.write("notes", "n");
    repo.git(&["add", "notes"]);
    taken(&repo, &["commit", "-q", "-m", "Elsewhere"]);
    repo.write("sales/brief/initech.yaml", "title: Initech\n");
    repo.git(&["add", "-A"]);
    refused(&repo, &["commit", "-q", "-m", "A deal nobody can check"]);
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE);
    taken(&repo, &["commit", "-q", "-a", "-m", "Whole again"]);
}

#[test]
fn a_merge_answers_for_what_neither_side_had() {
    let repo = with_hooks();
    repo.git(&["switch", "-q", "-c", "side"]);
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "Too early"]);
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/initech.yaml", "title: Initech\n");
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "Here"]);
    // The other side has the error as it is; refusing the merge would not mend it.
    taken(&repo, &["merge", "-q", "--no-edit", "side"]);

    repo.git(&["switch", "-q", "-c", "stricter", "HEAD~1"]);
    repo.write("sales/pipeline.yaml", an_owner_for_all());
    for deal in ["acme", "initech"] {
        repo.write(&format!("sales/brief/{deal}.yaml"), format!("title: {deal}\nowner: olga\n"));
    }
    taken(&repo, &["commit", "-q", "-a", "-m", "An owner for all"]);
    repo.git(&["switch", "-q", "-c", "more", "main"]);
    repo.write("sales/brief/globex.yaml", "title: Globex\n");
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "Without an owner"]);
    let told = refused(&repo, &["merge", "-q", "--no-edit", "stricter"]);
    assert!(told.contains("sales/brief/globex.yaml"), "{told}");
}

#[test]
fn every_pipeline_of_the_repository_is_checked_and_a_repository_without_one_is_left_alone() {
    let repo = with_hooks();
    let stages = ["brief", "proposal", "contract", "won", "lost", "recycled"];
    for folder in ["our partners/\u{e4}\u{f6}", "hiring"] {
        repo.write(&format!("{folder}/pipeline.yaml"), kit::SMALL_PIPELINE);
        for stage in stages {
            repo.write(&format!("{folder}/{stage}/.gitkeep"), "");
        }
    }
    repo.git(&["add", "-A"]);
    taken(&repo, &["commit", "-q", "-m", "More pipelines"]);
    for folder in ["our partners/\u{e4}\u{f6}", "hiring", "sales"] {
        repo.write(&format!("{folder}/lost/2026/x.yaml"), "title: X\n");
        repo.git(&["add", "-A"]);
        let told = refused(&repo, &["commit", "-q", "-m", "X"]);
        assert!(told.contains(&format!("{folder}/lost/2026/x.yaml")), "{told}");
        repo.git(&["rm", "-q", "-f", &format!("{folder}/lost/2026/x.yaml")]);
    }

    let other = TestRepo::new();
    other.ok(&["hooks", "install"]);
    other.write("a", "a");
    // Not even tussock is asked for there.
    other.commit("No pipeline");
}

#[test]
fn without_tussock_on_the_path_the_commit_is_refused_with_the_way_to_skip() {
    let repo = with_hooks();
    repo.write("sales/brief/globex.yaml", "title: Globex\n");
    repo.git(&["add", "-A"]);
    let ran = repo.try_git(&["commit", "-q", "-m", "Fine"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("tussock is not on PATH") && ran.err.contains("--no-verify"), "{}", ran.err);
}

#[test]
fn tussocks_own_commits_go_through_the_hooks_too() {
    let repo = with_hooks();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.args(["move", "acme", "proposal", "--set", "inputs.goal=leads"]));
    let folder = Path::new(env!("CARGO_BIN_EXE_tussock")).parent().unwrap().to_owned();
    let path =
        std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    command.env("PATH", path.unwrap());
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(repo.has("sales/proposal/acme.yaml"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_linked_worktree_shares_the_hooks() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["worktree", "add", "-q", "../linked"]);
    let linked = repo.path().join("../linked").canonicalize().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    assert!(repo.hermetic(command.args(["hooks", "install"])).current_dir(&linked).output().unwrap().status.success());
    assert!(hook(&repo, "pre-commit").exists());
    std::fs::create_dir_all(linked.join("sales/lost/2026")).unwrap();
    std::fs::write(linked.join("sales/lost/2026/x.yaml"), "title: X\n").unwrap();
    assert_eq!(git_in(&repo, &linked, &["add", "-A"]).code, 0);
    let ran = git_in(&repo, &linked, &["commit", "-q", "-m", "X"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("entry-criterion"), "{}", ran.err);
}

#[test]
fn a_configured_folder_of_hooks_is_used() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["config", "core.hooksPath", ".githooks"]);
    assert!(repo.ok(&["hooks", "install"]).contains("pre-commit: installed (.githooks/pre-commit)"));
    assert!(repo.has(".githooks/pre-push") && !hook(&repo, "pre-push").exists());
    repo.write("sales/lost/2026/x.yaml", "title: X\n");
    repo.git(&["add", "sales"]);
    refused(&repo, &["commit", "-q", "-m", "X"]);
}

#[test]
fn installing_twice_changes_nothing_and_uninstalling_leaves_nothing() {
    let repo = TestRepo::with_pipeline();
    let bare = freeze(&repo.path());
    assert_eq!(repo.tussock(&["hooks", "check"]).code, 1);
    repo.ok(&["hooks", "install"]);
    for name in NAMES {
        assert_eq!(hook(&repo, name).metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
    let before = freeze(&repo.path());
    assert!(repo.ok(&["hooks", "install"]).lines().all(|line| line.contains("is up to date")));
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    assert!(repo.ok(&["hooks", "check"]).lines().all(|line| line.contains("checks deals (")));
    repo.ok(&["hooks", "uninstall"]);
    repo.ok(&["hooks", "uninstall"]);
    assert_eq!(differences(&bare, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn an_older_hook_of_ours_is_replaced_between_its_marks_only() {
    let repo = with_hooks();
    let path = hook(&repo, "pre-commit");
    let text = std::fs::read_to_string(&path).unwrap();
    let old = text.replace("tussock_validate --staged --changed", "tussock_validate --older");
    write_hook(&path, &format!("{old}echo mine\n"));
    std::fs::set_permissions(hook(&repo, "pre-push"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = repo.tussock(&["hooks", "check"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("another version") && ran.out.contains("switched off"), "{}", ran.out);
    repo.ok(&["hooks", "install"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{text}echo mine\n"));
    repo.ok(&["hooks", "check"]);
    repo.ok(&["hooks", "uninstall"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\necho mine\n");
}

#[test]
fn a_hook_of_yours_is_never_overwritten() {
    let repo = TestRepo::with_pipeline();
    let mine = "#!/bin/sh\necho mine";
    write_hook(&hook(&repo, "pre-commit"), mine);
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["hooks", "install"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains(".git/hooks/pre-commit") && ran.err.contains("--chain"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());

    repo.ok(&["hooks", "install", "--chain"]);
    repo.write("sales/lost/2026/x.yaml", "title: X\n");
    repo.git(&["add", "-A"]);
    refused(&repo, &["commit", "-q", "-m", "X"]);
    repo.git(&["rm", "-q", "-f", "sales/lost/2026/x.yaml"]);
    let ran = git(&repo, &["commit", "-q", "--allow-empty", "-m", "Fine"]);
    assert_eq!((ran.code, ran.err.trim()), (0, "mine"));
    repo.ok(&["hooks", "uninstall"]);
    assert_eq!(std::fs::read_to_string(hook(&repo, "pre-commit")).unwrap(), mine);
}

#[test]
fn what_is_no_shell_script_is_not_added_to() {
    for (text, mode) in [("#!/usr/bin/python3\n", 0o755), ("#!/bin/sh\n", 0o644), ("\u{0}\u{1}", 0o755)] {
        let repo = TestRepo::with_pipeline();
        write_hook(&hook(&repo, "pre-push"), text);
        std::fs::set_permissions(hook(&repo, "pre-push"), std::fs::Permissions::from_mode(mode)).unwrap();
        let before = freeze(&repo.path());
        let ran = repo.tussock(&["hooks", "install", "--chain"]);
        assert_eq!(ran.code, 4, "{text:?}");
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    }
    let repo = TestRepo::with_pipeline();
    repo.write("elsewhere", "#!/bin/sh\n");
    std::fs::create_dir_all(hook(&repo, "x").parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(repo.path().join("elsewhere"), hook(&repo, "pre-commit")).unwrap();
    let ran = repo.tussock(&["hooks", "install", "--chain"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("is a link"), "{}", ran.err);
    assert_eq!(repo.read("elsewhere"), "#!/bin/sh\n");
}

#[test]
fn a_chained_pre_push_hook_still_gets_what_git_gives_it() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["init", "-q", "--bare", "../remote.git"]);
    write_hook(&hook(&repo, "pre-push"), "#!/bin/sh\nset -eu\ncat > .git/seen\n");
    repo.ok(&["hooks", "install", "--chain"]);
    taken(&repo, &["push", "-q", "../remote.git", "main"]);
    let seen = repo.read(".git/seen");
    let id = repo.git(&["rev-parse", "main"]);
    assert_eq!(seen, format!("refs/heads/main {} refs/heads/main {}\n", id.trim(), "0".repeat(40)));
    taken(&repo, &["push", "-q", "../remote.git", "main"]);
    assert_eq!(repo.read(".git/seen"), "");
}

#[test]
fn the_hooks_are_plain_posix_shell() {
    let repo = with_hooks();
    for name in NAMES {
        for shell in ["dash", "bash", "sh"] {
            let mut command = Command::new(shell);
            repo.hermetic(command.arg("-n").arg(hook(&repo, name)));
            match command.output() {
                Ok(out) => assert!(out.status.success(), "{shell} {name}: {}", String::from_utf8_lossy(&out.stderr)),
                Err(_) => println!("skipped: there is no {shell} here"),
            }
        }
        let text = std::fs::read_to_string(hook(&repo, name)).unwrap();
        for beyond in ["[[", " local ", "<<<\n$", "pipefail", "function ", "=="] {
            assert!(!text.contains(beyond), "{name}: {beyond}");
        }
    }
}
