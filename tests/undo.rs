//! `tussock undo`: a new commit that makes the deals what they were, and never a rewritten one.

mod kit;

use std::path::Path;
use std::process::Command;

use kit::TestRepo;
use kit::freeze::{differences, freeze};

const ACME: &str = "title: Acme # the first\namount:   18000\n\ninputs: {goal: leads}\n";

fn with_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.write("sales/brief/globex.yaml", "title: Globex\ninputs:\n  goal: more\n");
    repo.commit("Add deals");
    repo
}

fn head(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

fn tree(repo: &TestRepo, rev: &str) -> String {
    repo.git(&["rev-parse", &format!("{rev}^{{tree}}")])
}

fn subjects(repo: &TestRepo) -> Vec<String> {
    repo.git(&["log", "--format=%s"]).lines().map(str::to_owned).collect()
}

fn clean(repo: &TestRepo) {
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// Runs it, and holds that nothing at all has changed.
fn refused(repo: &TestRepo, args: &[&str], code: i32) -> String {
    let before = freeze(&repo.path());
    let ran = repo.tussock(args);
    assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    ran.err
}

#[test]
fn a_move_goes_back_in_a_new_commit_that_names_the_old_one() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    let moved = head(&repo);
    let out = repo.ok(&["undo", "-m", "Wrong client"]);
    assert!(out.starts_with("acme: proposal → brief\nundid "), "{out}");
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        format!(
            "undo: acme: brief → proposal\n\nWrong client\n\nDeal: acme\nFrom: proposal\nTo: brief\nUndoes: {moved}\n\n"
        )
    );
    assert_eq!(repo.git(&["rev-parse", "HEAD^"]).trim(), moved, "nothing is rewritten");
    assert_eq!(tree(&repo, "HEAD"), tree(&repo, "HEAD~2"), "all is as it was, to the byte");
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
    clean(&repo);
}

#[test]
fn an_edit_a_new_deal_a_removal_and_a_batch_are_taken_back_as_git_revert_would() {
    let repo = with_deals();
    let steps: [&dyn Fn(); 5] = [
        &|| drop(repo.ok(&["set", "acme", "amount=20000"])),
        &|| drop(repo.ok(&["new", "Initech"])),
        &|| drop(repo.ok(&["move", "acme", "globex", "proposal"])),
        &|| drop(repo.ok(&["move", "acme", "brief", "--set", "inputs.goal=fame"])),
        &|| {
            std::fs::remove_file(repo.path().join("sales/brief/globex.yaml")).ok();
            std::fs::remove_file(repo.path().join("sales/brief/acme.yaml")).ok();
            repo.commit("Drop them");
        },
    ];
    for (number, step) in steps.iter().enumerate() {
        step();
        let before = tree(&repo, "HEAD~1");
        let done = head(&repo);
        repo.ok(&["undo", &done]);
        assert_eq!(tree(&repo, "HEAD"), before, "step {number}");
        clean(&repo);
        // git's own opinion of what taking it back means.
        let ours = tree(&repo, "HEAD");
        repo.git(&["reset", "-q", "--hard", &done]);
        repo.git(&["revert", "--no-edit", &done]);
        assert_eq!(tree(&repo, "HEAD"), ours, "step {number}");
        repo.git(&["reset", "-q", "--hard", &done]);
    }
}

#[test]
fn undo_twice_takes_back_two_actions_and_then_says_that_there_are_no_more_of_ones_own() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    repo.ok(&["set", "acme", "amount=1"]);
    repo.ok(&["undo"]);
    repo.ok(&["undo"]);
    assert_eq!(tree(&repo, "HEAD"), tree(&repo, "HEAD~4"));
    assert_eq!(
        subjects(&repo)[..4],
        ["undo: acme: brief → proposal", "undo: acme: amount", "acme: amount", "acme: brief → proposal"]
    );
    // The commit by hand that brought the deals in.
    repo.ok(&["undo"]);
    assert!(!repo.has("sales/brief/acme.yaml") && !repo.has("sales/brief/globex.yaml"));
    let told = refused(&repo, &["undo"], 4);
    assert!(told.contains("no commit of this branch"), "{told}");
}

#[test]
fn an_undo_that_is_named_is_undone_and_then_the_action_can_be_undone_again() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    repo.ok(&["undo"]);
    let undo = head(&repo);
    let out = repo.ok(&["undo", &undo[..12]]);
    assert!(out.starts_with("acme: brief → proposal\n"), "{out}");
    assert_eq!(subjects(&repo)[0], "redo: acme: brief → proposal");
    assert!(repo.has("sales/proposal/acme.yaml"));
    repo.ok(&["undo"]);
    assert_eq!(subjects(&repo)[0], "undo: acme: brief → proposal");
    assert!(repo.has("sales/brief/acme.yaml"));
    clean(&repo);
}

#[test]
fn somebody_elses_action_is_named_and_taken_back_only_when_asked_for() {
    let repo = with_deals();
    repo.ok(&["set", "globex", "amount=1"]);
    let other = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.args(args));
        command.env("GIT_AUTHOR_NAME", "Petr\u{1b}[31m").env("GIT_AUTHOR_EMAIL", "petr@example.com");
        assert!(command.output().unwrap().status.success());
    };
    other(&["move", "acme", "proposal"]);
    let id = head(&repo);
    let told = refused(&repo, &["undo"], 1);
    assert!(told.contains("not yours") && told.contains("acme: brief → proposal"), "{told}");
    assert!(told.contains("by Petr") && !told.contains('\u{1b}'), "{told}");
    assert!(told.contains(&format!("`tussock undo {}`", &id[..10])), "{told}");
    repo.ok(&["undo", &id[..10]]);
    assert!(repo.has("sales/brief/acme.yaml"));
}

#[test]
fn a_deal_that_was_changed_since_is_left_alone_and_the_later_commit_is_named() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    let moved = head(&repo);
    repo.ok(&["set", "acme", "amount=1"]);
    let later = head(&repo);
    let told = refused(&repo, &["undo", &moved], 6);
    assert!(told.contains("sales/proposal/acme.yaml was changed after"), "{told}");
    assert!(told.contains(&later[..10]) && told.contains("\"acme: amount\""), "{told}");

    repo.ok(&["undo"]);
    repo.ok(&["undo", &moved]);
    let told = refused(&repo, &["undo", &moved], 6);
    assert!(told.contains("is undone already"), "{told}");
}

#[test]
fn a_deal_that_is_in_another_stage_by_now_is_not_put_into_two() {
    let repo = with_deals();
    let text = repo.read("sales/brief/acme.yaml");
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    let removed = repo.commit("Remove acme");
    repo.write("sales/proposal/acme.yaml", text).commit("Acme came back");
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["undo", removed.trim()]);
    assert_eq!(ran.code, 6, "{}", ran.err);
    assert!(ran.err.contains("sales/brief/acme.yaml would come back, but since "), "{}", ran.err);
    assert!(ran.err.contains("the deal lies in sales/proposal/acme.yaml"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn what_was_committed_later_to_other_deals_stays() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    let moved = head(&repo);
    repo.ok(&["set", "globex", "amount=5"]);
    repo.write("notes.txt", "n\n");
    repo.commit("Notes");
    repo.ok(&["undo", &moved]);
    assert!(repo.has("sales/brief/acme.yaml") && repo.has("notes.txt"));
    assert!(repo.read("sales/brief/globex.yaml").contains("amount: 5"));
    clean(&repo);
}

#[test]
fn files_outside_of_the_pipeline_stay_and_are_named() {
    let repo = with_deals();
    repo.write("notes.txt", "n\n");
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.commit("Move and note");
    let ran = repo.tussock(&["undo"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("notes.txt"), "{}", ran.err);
    assert!(repo.has("notes.txt") && repo.has("sales/brief/acme.yaml"));
    clean(&repo);
}

#[test]
fn another_pipeline_of_the_repository_is_no_concern_of_this_one() {
    let repo = with_deals();
    repo.write("sales/partners/pipeline.yaml", kit::SMALL_PIPELINE).write("sales/partners/brief/.gitkeep", "");
    repo.commit("A pipeline within");
    repo.ok(&["-p", "sales", "move", "acme", "proposal"]);
    repo.write("sales/partners/brief/inner.yaml", "title: Inner\n");
    repo.commit("A deal of the other");
    repo.ok(&["-p", "sales", "undo"]);
    assert!(repo.has("sales/partners/brief/inner.yaml") && repo.has("sales/brief/acme.yaml"));
    repo.ok(&["-p", "sales/partners", "undo"]);
    assert!(!repo.has("sales/partners/brief/inner.yaml"));
    clean(&repo);
}

#[test]
fn a_merge_is_not_taken_back_but_one_commit_of_it_can_be() {
    let repo = with_deals();
    repo.git(&["switch", "-q", "-c", "side"]);
    repo.ok(&["move", "acme", "proposal"]);
    let moved = head(&repo);
    repo.git(&["switch", "-q", "main"]);
    repo.ok(&["set", "globex", "amount=1"]);
    repo.git(&["merge", "-q", "--no-edit", "side"]);
    let told = refused(&repo, &["undo"], 1);
    assert!(told.contains("is a merge") && told.contains("git revert -m 1"), "{told}");
    refused(&repo, &["undo", "HEAD"], 1);
    repo.ok(&["undo", &moved]);
    assert!(repo.has("sales/brief/acme.yaml"));
    clean(&repo);
}

#[test]
fn commits_that_cannot_be_taken_back_say_why() {
    let repo = with_deals();
    repo.write("readme", "x");
    repo.commit("Only a readme");
    let told = refused(&repo, &["undo", "HEAD"], 1);
    assert!(told.contains("changed no deal"), "{told}");
    let told = refused(&repo, &["undo", "HEAD~2"], 1);
    assert!(told.contains("changed no deal"), "{told}");
    refused(&repo, &["undo", "nowhere"], 2);
    refused(&repo, &["undo", "--", "--output=x"], 2);
    repo.git(&["branch", "aside"]);
    repo.git(&["switch", "-q", "aside"]);
    repo.ok(&["move", "acme", "proposal"]);
    repo.git(&["switch", "-q", "main"]);
    let told = refused(&repo, &["undo", "aside"], 2);
    assert!(told.contains("not in the history of this branch"), "{told}");

    let whole = TestRepo::new();
    whole.write("pipeline.yaml", kit::SMALL_PIPELINE).write("brief/acme.yaml", ACME);
    whole.commit("All at once");
    let told = refused(&whole, &["undo"], 1);
    assert!(told.contains("the pipeline begins with"), "{told}");
}

#[test]
fn uncommitted_work_on_the_deal_refuses_and_other_work_is_left_alone() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    repo.write("sales/proposal/acme.yaml", "title: Mine\n");
    let told = refused(&repo, &["undo"], 4);
    assert!(told.contains("sales/proposal/acme.yaml"), "{told}");
    repo.git(&["checkout", "-q", "--", "."]);
    repo.write("sales/brief/globex.yaml", "title: Being edited\n").write("staged.txt", "s\n");
    repo.git(&["add", "staged.txt"]);
    repo.ok(&["undo"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), " M sales/brief/globex.yaml\nA  staged.txt\n");
}

#[test]
fn a_dry_run_shows_the_way_back_and_changes_nothing() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal", "--set", "amount=20000"]);
    let before = freeze(&repo.path());
    let out = repo.ok(&["undo", "--dry-run"]);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    assert_eq!(
        out,
        "diff --git a/sales/proposal/acme.yaml b/sales/brief/acme.yaml
rename from sales/proposal/acme.yaml
rename to sales/brief/acme.yaml
--- a/sales/proposal/acme.yaml
+++ b/sales/brief/acme.yaml
@@ -1,4 +1,4 @@
 title: Acme # the first
-amount:   20000
+amount:   18000
 
 inputs: {goal: leads}
"
    );
}

#[test]
fn line_ends_that_git_translates_come_back_as_they_were() {
    for attributes in ["*.yaml text eol=crlf\n", "*.yaml -text\n"] {
        let repo = TestRepo::with_pipeline();
        repo.write(".gitattributes", attributes);
        repo.write("sales/brief/acme.yaml", ACME.replace('\n', "\r\n"));
        repo.commit("Add");
        repo.ok(&["move", "acme", "proposal", "--set", "amount=20000"]);
        repo.ok(&["undo"]);
        assert_eq!(tree(&repo, "HEAD"), tree(&repo, "HEAD~2"), "{attributes}");
        assert_eq!(repo.read("sales/brief/acme.yaml"), ACME.replace('\n', "\r\n"), "{attributes}");
        clean(&repo);
    }
}

#[test]
fn a_filter_of_the_repository_is_asked_on_the_way_back() {
    for deals in [1, 30] {
        let repo = TestRepo::with_pipeline();
        repo.git(&["config", "filter.turned.clean", "tr a-z b-za"]);
        repo.git(&["config", "filter.turned.smudge", "tr b-za a-z"]);
        repo.write(".gitattributes", "sales/brief/*.yaml filter=turned\nsales/proposal/*.yaml filter=turned\n");
        let ids: Vec<String> = (0..deals).map(|n| format!("deal-{n}")).collect();
        for id in &ids {
            repo.write(&format!("sales/brief/{id}.yaml"), "title: D\ninputs:\n  goal: g\n");
        }
        repo.commit("Add");
        assert!(repo.git(&["show", "HEAD:sales/brief/deal-0.yaml"]).contains("hpbm"), "the filter is at work");
        let mut args = vec!["move"];
        args.extend(ids.iter().map(String::as_str));
        args.extend(["proposal", "--set", "amount=7"]);
        repo.ok(&args);
        repo.ok(&["undo"]);
        assert_eq!(tree(&repo, "HEAD"), tree(&repo, "HEAD~2"));
        assert_eq!(repo.read("sales/brief/deal-0.yaml"), "title: D\ninputs:\n  goal: g\n");
        clean(&repo);
    }
}

#[test]
fn what_is_pushed_already_is_undone_by_a_commit_that_can_be_pushed() {
    let repo = with_deals();
    repo.git(&["init", "-q", "--bare", "../remote.git"]);
    repo.ok(&["move", "acme", "proposal"]);
    repo.git(&["push", "-q", "../remote.git", "main"]);
    repo.ok(&["undo"]);
    repo.git(&["push", "-q", "../remote.git", "main"]);
}

#[test]
fn without_a_commit_there_is_nothing_to_undo() {
    let repo = TestRepo::new();
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE);
    let told = refused(&repo, &["undo"], 4);
    assert!(told.contains("no commit of this branch"), "{told}");
}

#[test]
fn a_batch_of_many_deals_goes_back_whole() {
    let repo = TestRepo::with_pipeline();
    let ids: Vec<String> = (0..60).map(|n| format!("deal-{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        repo.write(&format!("sales/brief/{id}.yaml"), format!("title: D {n}\ninputs:\n  goal: g\n"));
    }
    repo.commit("Add");
    let mut args = vec!["move"];
    args.extend(ids.iter().map(String::as_str));
    args.extend(["proposal", "--set", "amount=7"]);
    repo.ok(&args);
    let out = repo.ok(&["undo"]);
    assert_eq!(out.lines().count(), 61, "{out}");
    assert_eq!(tree(&repo, "HEAD"), tree(&repo, "HEAD~2"));
    clean(&repo);
}

#[test]
fn a_shallow_clone_is_undone_as_far_as_its_history_goes() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    let url = format!("file://{}", repo.path().display());
    let clone = TestRepo::without_git();
    clone.git(&["clone", "-q", "--depth=2", &url, "."]);
    clone.ok(&["undo"]);
    assert!(clone.has("sales/brief/acme.yaml"));
    let told = refused(&clone, &["undo"], 10);
    assert!(told.contains("shallow") && told.contains("--unshallow"), "{told}");
}

#[test]
fn nothing_happens_in_the_middle_of_a_merge_or_off_a_branch() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    repo.git(&["checkout", "-q", "--detach"]);
    refused(&repo, &["undo"], 4);
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["switch", "-q", "-c", "side", "HEAD~1"]);
    repo.ok(&["move", "acme", "lost", "--set", "lost.reason=price"]);
    assert_ne!(repo.try_git(&["merge", "-q", "main"]).code, 0);
    let told = refused(&repo, &["undo"], 4);
    assert!(told.contains("a merge is in progress"), "{told}");
}

#[test]
fn undo_is_found_far_below_commits_of_other_things() {
    let repo = with_deals();
    repo.ok(&["move", "acme", "proposal"]);
    // Faster than a thousand commits one by one.
    let mut stream = String::new();
    for n in 0..1000 {
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter X <x@example.com> {} +0000\ndata 1\nx\n{from}M 100644 inline notes\ndata {}\n{n}\n",
            repo.now() + n,
            n.to_string().len()
        ));
    }
    let file = repo.path().join("../stream");
    std::fs::write(&file, stream).unwrap();
    let mut import = Command::new("git");
    repo.hermetic(import.args(["fast-import", "--quiet"])).stdin(std::fs::File::open(Path::new(&file)).unwrap());
    assert!(import.status().unwrap().success());
    repo.git(&["reset", "-q", "--hard"]);
    repo.ok(&["undo"]);
    assert!(repo.has("sales/brief/acme.yaml"));
}

#[test]
fn a_deal_does_not_come_back_beside_one_that_was_made_with_its_id_since() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\n");
    repo.commit("Add");
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    let removed = repo.commit("Remove");
    repo.write("sales/proposal/acme.yaml", "title: Another Acme\ninputs: {goal: x}\n");
    repo.commit("Another");
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["undo", &removed]);
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("sales/brief/acme.yaml would come back"), "{}", ran.err);
    assert!(ran.err.contains("lies in sales/proposal/acme.yaml"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn an_undo_can_be_dated_and_can_be_left_to_commit_by_hand() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\n");
    repo.commit("Add");
    repo.ok(&["set", "acme", "title=Acme & Co"]);
    let set = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let told = repo.ok(&["undo", "--no-commit"]);
    let command = told.lines().find_map(|line| line.split_once("commit with: ")).expect("the command").1;
    assert_eq!(repo.git(&["rev-parse", "HEAD"]).trim(), set);
    assert_eq!(repo.git(&["status", "--porcelain"]), "M  sales/brief/acme.yaml\n");
    assert_eq!(repo.run(std::process::Command::new("sh").args(["-c", command])).code, 0, "{command}");
    assert_eq!(repo.git(&["log", "-1", "--format=%(trailers:key=Undoes,valueonly)"]).trim(), set);
    // It is known as undone.
    assert_eq!(repo.tussock(&["undo", &set]).code, 6);

    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(repo.tussock(&["undo", &head, "--date", "2999-01-01"]).code, 2);
    repo.ok(&["undo", &head, "--date", "2026-01-02T10:00:00+03:00"]);
    assert_eq!(repo.git(&["log", "-1", "--format=%aI"]).trim(), "2026-01-02T10:00:00+03:00");
}

#[cfg(unix)]
#[test]
fn a_file_that_could_be_run_comes_back_as_one() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\n").write("sales/brief/globex.yaml", "title: Globex\n");
    repo.git(&["add", "-A"]);
    repo.git(&["update-index", "--chmod=+x", "sales/brief/acme.yaml"]);
    repo.git(&["commit", "-q", "-m", "Add"]);
    repo.git(&["checkout", "-q", "-f", "."]);
    repo.git(&["rm", "-q", "-r", "sales/brief/acme.yaml", "sales/brief/globex.yaml"]);
    repo.commit("Remove");
    repo.ok(&["undo"]);
    assert_eq!(repo.git(&["diff", "HEAD~2", "HEAD"]), "");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_dry_run_says_what_would_stand_in_the_way() {
    let repo = with_deals();
    repo.ok(&["set", "acme", "title=Other"]);
    repo.write("sales/brief/acme.yaml", "title: Other # mine\n");
    let before = freeze(&repo.path());
    let (dry, real) = (repo.tussock(&["undo", "--dry-run"]), repo.tussock(&["undo"]));
    assert_eq!((dry.code, dry.out, &dry.err), (4, String::new(), &real.err));
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn the_settling_of_a_deal_in_two_places_can_be_taken_back() {
    let repo = with_deals();
    repo.write("sales/proposal/acme.yaml", ACME);
    let twice = repo.commit("Twice");
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    let settled = repo.commit("Settle");
    repo.ok(&["undo", &settled]);
    assert_eq!(tree(&repo, "HEAD"), tree(&repo, &twice));
}
