//! The state in which people leave a repository, and what else is at work in it: hooks, locks, editors, modes of files.

mod kit;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use kit::TestRepo;
use kit::freeze::{differences, freeze};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME).write("readme", "one\n");
    repo.commit("Add acme");
    repo
}

/// Two branches that change the same line of a file that is no deal.
fn diverged() -> TestRepo {
    let repo = with_acme();
    repo.git(&["switch", "-q", "-c", "side"]);
    repo.write("readme", "side\n");
    repo.commit("Side");
    repo.git(&["switch", "-q", "main"]);
    repo.write("readme", "main\n");
    repo.commit("Main");
    repo
}

fn status(repo: &TestRepo) -> String {
    repo.git(&["status", "--porcelain"])
}

#[test]
fn in_a_repository_without_commits_a_deal_can_be_made_and_none_moved() {
    let repo = TestRepo::new();
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE);
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("acme"), "{}", ran.err);
    repo.ok(&["new", "ACME site"]);
    assert_eq!(repo.git(&["show", "--format=", "--name-status"]), "A\tbrief/acme-site.yaml\n");
    assert_eq!(status(&repo), "?? pipeline.yaml\n");
}

#[test]
fn a_deal_that_git_does_not_know_is_refused_with_what_to_do() {
    let repo = with_acme();
    repo.write("sales/brief/draft.yaml", ACME);
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["move", "draft", "proposal"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("sales/brief/draft.yaml is not in git yet; `git add` and commit it first"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn what_comes_to_the_destination_at_the_last_moment_is_not_overwritten() {
    let repo = with_acme();
    repo.hook(
        "reference-transaction",
        "[ \"$1\" = committed ] && mkdir -p sales/proposal && echo mine > sales/proposal/acme.yaml; exit 0",
    );
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!(ran.code, 9, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("sales/proposal/acme.yaml"), "{}", ran.err);
    assert_eq!(repo.read("sales/proposal/acme.yaml"), "mine\n");
    assert_eq!(repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]), ACME);
}

#[test]
fn readers_work_in_the_middle_of_something_and_say_so() {
    for (start, what) in [
        (&["merge", "side"][..], "a merge is in progress here"),
        (&["rebase", "side"], "a rebase is in progress here"),
        (&["rebase", "--apply", "side"], "a rebase is in progress here"),
        (&["cherry-pick", "side"], "a cherry-pick is in progress here"),
        (&["revert", "--no-edit", "HEAD~1"], "a revert is in progress here"),
        (&["bisect", "start"], "a bisect is in progress here"),
    ] {
        let repo = diverged();
        repo.try_git(start);
        let before = freeze(&repo.path());
        for args in [&["list"][..], &["validate"], &["report"], &["log"]] {
            let ran = repo.tussock(args);
            assert_eq!(ran.code, 0, "{start:?} {args:?}: {}", ran.err);
            assert!(ran.err.contains(what), "{start:?} {args:?}: {}", ran.err);
        }
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{start:?}");
    }
    let quiet = with_acme().tussock(&["validate"]);
    assert_eq!(quiet.err, "");
}

#[test]
fn a_deal_that_is_not_checked_out_counts_and_is_not_missing() {
    let repo = with_acme();
    repo.git(&["config", "merge.directoryRenames", "false"]);
    repo.git(&["update-index", "--skip-worktree", "sales/brief/acme.yaml"]);
    std::fs::remove_file(repo.path().join("sales/brief/acme.yaml")).unwrap();
    assert!(repo.ok(&["list"]).contains("acme"));
    repo.ok(&["validate"]);
    assert_eq!(repo.ok(&["doctor"]), "all is well\n");
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("sales/brief/acme.yaml is not checked out here"), "{}", ran.err);
}

#[test]
fn what_a_hook_makes_of_a_deal_is_committed_and_in_the_work_tree() {
    let repo = with_acme();
    repo.hook(
        "pre-commit",
        "printf 'title: By the hook\\n' > .git/new && id=$(git hash-object -w .git/new) && \
         git update-index --cacheinfo 100644,$id,sales/proposal/acme.yaml",
    );
    repo.hook("commit-msg", "echo 'Reviewed-by: the hook' >> \"$1\"");
    repo.ok(&["move", "acme", "proposal"]);
    assert_eq!(repo.read("sales/proposal/acme.yaml"), "title: By the hook\n");
    assert_eq!(repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]), "title: By the hook\n");
    assert!(repo.git(&["log", "-1", "--format=%B"]).contains("Reviewed-by: the hook"));
    assert_eq!(status(&repo), "");
}

#[test]
fn while_a_hook_runs_git_can_work_and_ctrl_c_ends_it() {
    let repo = with_acme();
    repo.hook("pre-commit", "find .git -name '*.lock' > .git/locks; touch .git/started; exec sleep 60");
    let before = freeze(&repo.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.args(["move", "acme", "proposal"])).process_group(0).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = Instant::now();
    while !repo.has(".git/started") {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(repo.read(".git/locks"), "");
    // Somebody else's git is not kept from working.
    repo.git(&["update-index", "--refresh"]);
    let stop = Command::new("sh").args(["-c", &format!("kill -s INT -- -{}", child.id())]).status().unwrap();
    assert!(stop.success());
    let ended = child.wait().unwrap();
    use std::os::unix::process::ExitStatusExt;
    assert!(ended.code() == Some(130) || ended.signal() == Some(2), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(50));
    for made in [".git/locks", ".git/started"] {
        std::fs::remove_file(repo.path().join(made)).unwrap();
    }
    let changed = differences(&before, &freeze(&repo.path()));
    assert_eq!(changed.iter().filter(|n| *n != ".git/index").count(), 0, "{changed:?}");
    assert_eq!(status(&repo), "");
}

#[test]
fn a_hook_may_check_with_tussock() {
    let repo = with_acme();
    let tussock = env!("CARGO_BIN_EXE_tussock");
    repo.hook("pre-commit", &format!("exec '{tussock}' validate --staged"));
    repo.ok(&["move", "acme", "proposal"]);
    repo.write("sales/proposal/acme.yaml", "amount: much\n");
    let ran = repo.try_git(&["commit", "-qam", "Break it"]);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("wrong-type") || ran.out.contains("wrong-type"), "{}{}", ran.out, ran.err);
}

#[test]
fn a_hook_of_a_partial_commit_checks_what_is_committed_and_not_what_is_staged_beside_it() {
    let repo = with_acme();
    repo.write("sales/brief/bad.yaml", "amount: much\n").write("sales/brief/good.yaml", ACME);
    repo.git(&["add", "-A"]);
    let tussock = env!("CARGO_BIN_EXE_tussock");
    repo.hook("pre-commit", &format!("echo $GIT_INDEX_FILE > .git/which; exec '{tussock}' validate --staged"));
    // git gives the hook an index of its own, with the one file only.
    assert_ne!(repo.try_git(&["commit", "-qm", "Bad", "sales/brief/bad.yaml"]).code, 0);
    repo.git(&["commit", "-qm", "Good", "sales/brief/good.yaml"]);
    assert!(repo.read(".git/which").contains("next-index-"), "{}", repo.read(".git/which"));
    assert_ne!(repo.try_git(&["commit", "-qm", "The rest"]).code, 0);
    assert_eq!(status(&repo), "A  sales/brief/bad.yaml\n");
}

#[test]
fn an_index_that_git_keeps_is_waited_for_and_then_named() {
    let repo = with_acme();
    repo.write(".git/index.lock", "");
    let before = freeze(&repo.path());
    let begun = Instant::now();
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!(ran.code, 5, "{}", ran.err);
    assert!(begun.elapsed() >= Duration::from_secs(9));
    assert!(ran.err.contains("waiting for another git") && ran.err.contains(".git/index.lock"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn an_old_lock_of_a_branch_is_named_with_its_age_and_what_removes_it() {
    for lock in [".git/refs/heads/main.lock", ".git/HEAD.lock"] {
        let repo = with_acme();
        repo.write(lock, "");
        let file = std::fs::File::options().write(true).open(repo.path().join(lock)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3 * 3_600 + 5)).unwrap();
        drop(file);
        let before = freeze(&repo.path());
        let ran = repo.tussock(&["move", "acme", "proposal"]);
        assert_eq!(ran.code, 5, "{}", ran.err);
        let expected =
            format!("{lock} is 3 hours old and is of no process that is running; `tussock doctor` removes it");
        assert!(ran.err.contains(&expected), "{}", ran.err);
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    }
}

#[test]
fn the_folder_of_a_stage_that_is_gone_is_an_empty_stage_and_made_again() {
    let repo = with_acme();
    repo.git(&["rm", "-rq", "sales/proposal"]);
    repo.commit("Git keeps no empty folder");
    assert!(!repo.has("sales/proposal"));
    assert!(repo.ok(&["list"]).contains("acme"));
    repo.ok(&["move", "acme", "proposal"]);
    assert_eq!(repo.git(&["ls-files", "sales/proposal"]), "sales/proposal/acme.yaml\n");
    assert_eq!(status(&repo), "");
}

#[test]
fn files_that_editors_leave_are_no_deals() {
    let repo = with_acme();
    let (list, checks) = (repo.ok(&["list"]), repo.ok(&["validate"]));
    for name in [
        ".acme.yaml.swp",
        "acme.yaml~",
        "#acme.yaml#",
        ".#acme.yaml",
        "4913",
        "acme.yaml.tmp",
        "acme.yaml.orig",
        "acme.yaml.rej",
        "acme.yaml.bak",
        ".DS_Store",
    ] {
        repo.write(&format!("sales/brief/{name}"), "not: {a deal\n");
    }
    assert_eq!(repo.ok(&["list"]), list);
    assert_eq!(repo.ok(&["validate"]), checks);
    repo.ok(&["move", "acme", "proposal"]);
    assert!(repo.has("sales/brief/acme.yaml~"));
}

#[test]
fn what_is_shared_in_a_group_stays_so_and_deals_follow_the_umask() {
    let repo = with_acme();
    // Folders of objects that are there already stay as they were made.
    let old: Vec<_> =
        std::fs::read_dir(repo.path().join(".git/objects")).unwrap().map(|e| e.unwrap().file_name()).collect();
    repo.git(&["config", "core.sharedRepository", "group"]);
    let run = |script: &str| {
        let mut command = Command::new("sh");
        let ran = repo.run(command.args(["-c", &format!("umask 077; {script}")]));
        assert_eq!(ran.code, 0, "{script}: {}", ran.err);
    };
    let tussock = env!("CARGO_BIN_EXE_tussock");
    run(&format!("'{tussock}' new Globex && '{tussock}' move acme proposal"));
    run("echo x > by-git && git add by-git && git commit -qm 'By git'");
    let mode = |path: &str| repo.path().join(path).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("sales/brief/globex.yaml"), mode("by-git"));
    let object = |spec: &str| {
        let id = repo.git(&["rev-parse", spec]);
        let (start, rest) = id.trim().split_at(2);
        let folder = (!old.iter().any(|name| *name == *start)).then(|| mode(&format!(".git/objects/{start}")));
        (folder, mode(&format!(".git/objects/{start}/{rest}")))
    };
    let by_git = object("HEAD");
    for spec in ["HEAD~1", "HEAD~1^{tree}", "HEAD~2", "HEAD~2:sales/brief/globex.yaml"] {
        let (folder, file) = object(spec);
        assert_eq!(file, by_git.1, "{spec}");
        assert!(folder.is_none() || by_git.0.is_none() || folder == by_git.0, "{spec}: {folder:?} {by_git:?}");
    }
    assert_eq!(mode(".git/index") & 0o060, 0o060);
    assert_eq!(mode(".git/refs/heads/main") & 0o060, 0o060);
}

#[test]
fn a_deal_with_a_second_name_is_warned_of_and_gets_a_file_of_its_own() {
    let repo = with_acme();
    let (deal, other) = (repo.path().join("sales/brief/acme.yaml"), repo.path().join("../copy.yaml"));
    std::fs::hard_link(&deal, &other).unwrap();
    let ran = repo.tussock(&["validate"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("brief/acme.yaml: the file has a second name on this disk"), "{}", ran.err);
    repo.ok(&["set", "acme", "amount=5"]);
    assert_eq!(std::fs::read_to_string(&other).unwrap(), ACME);
    assert_eq!((deal.metadata().unwrap().nlink(), other.metadata().unwrap().nlink()), (1, 1));
    assert_eq!(repo.tussock(&["validate"]).err, "");
}

#[test]
fn an_emptied_deal_is_named_with_what_restores_it() {
    let repo = with_acme();
    repo.write("sales/brief/acme.yaml", "").write("sales/brief/new.yaml", "");
    let ran = repo.tussock(&["validate"]);
    assert_eq!(ran.code, 1);
    let (acme, new) = ran.out.split_once("new.yaml").unwrap();
    assert!(acme.contains("empty file; HEAD has a version") && acme.contains("`tussock doctor` restores it"), "{acme}");
    assert!(ran.out.contains("not a deal: the file is empty") && !new.contains("restores it"), "{}", ran.out);
    repo.ok(&["doctor", "--yes"]);
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
}

#[test]
fn a_full_output_does_not_hide_that_the_commit_is_made() {
    let repo = with_acme();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.args(["move", "acme", "proposal"])).stdout(full).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(8), "{err}");
    let commit = repo.git(&["rev-parse", "HEAD"]);
    assert!(err.contains(&format!("; commit {} is made\n", &commit[..10])), "{err}");
    assert_eq!(status(&repo), "");
}

#[test]
fn init_that_cannot_be_done_leaves_nothing() {
    let repo = TestRepo::without_git();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.args(["init", "sales", "--template", "six-stage"]));
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("git config --global user.name"));
    assert!(!repo.has("sales"));

    // A file where a stage's folder should be: what was written before it is taken away again.
    repo.git(&["init", "-q", "-b", "main"]);
    repo.write("meeting", "no folder\n");
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["init", "--template", "six-stage", "--no-commit"]);
    assert_ne!(ran.code, 0);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{}", ran.err);
}

#[test]
fn paths_that_lead_nowhere_are_named() {
    use std::os::unix::fs::symlink;
    let long = "a".repeat(300);
    let refused = |repo: &TestRepo, args: &[&str], code: i32, said: &str| {
        let before = freeze(&repo.path());
        let ran = repo.tussock(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{args:?}");
    };

    // Names that no file system takes.
    let repo = with_acme();
    refused(&repo, &["new", "Hooli", "--id", &long], 2, &long);
    refused(&repo, &["move", &long, "proposal"], 2, &long);
    refused(&repo, &["-C", &long, "list"], 2, "cannot go to the folder");
    repo.ok(&["new", &long]);

    // A stage that is a loop of links, and one that is a file.
    for (make, what) in [
        ((|path| symlink("proposal", path).unwrap()) as fn(&std::path::Path), "is a link"),
        (|path| std::fs::write(path, "not a folder\n").unwrap(), "is a file"),
    ] {
        let repo = with_acme();
        std::fs::remove_dir_all(repo.path().join("sales/proposal")).unwrap();
        make(&repo.path().join("sales/proposal"));
        let args = ["move", "acme", "proposal", "--set", "inputs.goal=leads"];
        refused(&repo, &args, 2, &format!("a folder on the way to it {what}"));
        assert!(repo.ok(&["list"]).contains("acme"), "the others can be read");
    }

    // A deal and a folder that are loops.
    let repo = with_acme();
    symlink("loop.yaml", repo.path().join("sales/brief/loop.yaml")).unwrap();
    symlink("round", repo.path().join("round")).unwrap();
    let ran = repo.tussock(&["validate"]);
    assert!(ran.code == 1 && ran.out.contains("sales/brief/loop.yaml is a symbolic link"), "{}", ran.out);
    refused(&repo, &["move", "loop", "proposal"], 2, "there is no deal `loop`");
    refused(&repo, &["-C", "round", "list"], 2, "cannot go to the folder round");
}
