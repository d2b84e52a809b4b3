//! What `tussock doctor` finds after crashes and power cuts that are made for real, and what it leaves behind.

mod kit;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use kit::freeze::{differences, freeze};
use kit::{Ran, TestRepo};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

/// A repository in which nothing is wrong, with three commits.
fn healthy() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.git(&["config", "merge.directoryRenames", "false"]);
    for id in ["acme", "globex"] {
        repo.write(&format!("sales/brief/{id}.yaml"), format!("{ACME}notes: {id}\n"));
    }
    repo.commit("Add deals");
    repo.ok(&["move", "acme", "proposal"]);
    repo
}

/// What doctor says without being allowed anything; it changes nothing then.
fn says(repo: &TestRepo) -> Ran {
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["doctor"]);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{}{}", ran.out, ran.err);
    ran
}

/// Has it mend all, and holds that git is content then and that a second run finds nothing.
fn mends(repo: &TestRepo) -> String {
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    is_well(repo);
    ran.out
}

fn is_well(repo: &TestRepo) {
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");
    let again = repo.tussock(&["doctor"]);
    assert_eq!((again.code, again.out.as_str()), (0, "all is well\n"), "{}", again.err);
    repo.ok(&["validate"]);
}

fn status(repo: &TestRepo) -> String {
    repo.git(&["status", "--porcelain"])
}

fn head(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

/// Makes a file look older than it is.
fn age(repo: &TestRepo, path: &str, seconds: u64) {
    let file = std::fs::File::options().write(true).open(repo.path().join(path)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

/// The file of an object that is not packed.
fn loose(repo: &TestRepo, spec: &str) -> PathBuf {
    let id = repo.git(&["rev-parse", spec]);
    let (start, rest) = id.trim().split_at(2);
    repo.path().join(".git/objects").join(start).join(rest)
}

/// Leaves nothing of an object, as a power cut does.
fn empty(file: &PathBuf) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, "").unwrap();
}

#[test]
fn a_healthy_repository_is_told_so_and_not_touched() {
    let repo = healthy();
    let ran = says(&repo);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "all is well\n", ""));
    let before = freeze(&repo.path());
    repo.ok(&["doctor", "--yes"]);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn an_index_that_is_cut_off_anywhere_is_built_anew() {
    let repo = healthy();
    let file = repo.path().join(".git/index");
    let whole = std::fs::read(&file).unwrap();
    repo.write("sales/brief/globex.yaml", format!("{ACME}notes: not committed\n"));
    for length in (0..whole.len()).step_by(64).chain([1, 11, 12, 31, 32, whole.len() - 20, whole.len() - 1]) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let ran = says(&repo);
        assert_eq!(ran.code, 1, "{length}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(".git/index, git's index, is "), "{length}: {}", ran.out);
        assert!(ran.out.contains("what was only staged is lost"), "{length}: {}", ran.out);
        mends(&repo);
        assert_eq!(status(&repo), " M sales/brief/globex.yaml\n", "{length}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(says(&repo).out.contains("is gone: git takes every file for deleted"));
    mends(&repo);
    assert_eq!(status(&repo), " M sales/brief/globex.yaml\n");
}

#[test]
fn an_index_of_another_form_is_left_alone() {
    for setup in [
        &["update-index", "--split-index"][..],
        &["update-index", "--index-version", "4"],
        &["-c", "index.skipHash=true", "update-index", "--force-write-index"],
        &["update-index", "--untracked-cache"],
    ] {
        let repo = healthy();
        repo.git(setup);
        assert_eq!(repo.tussock(&["doctor"]).out, "all is well\n", "{setup:?}");
    }
}

#[test]
fn an_index_that_breaks_in_the_middle_of_a_merge_is_only_explained() {
    let repo = healthy();
    repo.write(".git/MERGE_HEAD", head(&repo)).write(".git/index", "");
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("a merge or the like is half done"), "{}", ran.out);
    // What it says works.
    repo.git(&["version"]);
    std::fs::remove_file(repo.path().join(".git/index")).unwrap();
    repo.git(&["reset", "-q"]);
    is_well(&repo);
}

#[test]
fn what_a_sparse_checkout_leaves_out_stays_left_out() {
    let repo = healthy();
    repo.git(&["sparse-checkout", "set", "sales/brief"]);
    assert!(!repo.has("sales/proposal/acme.yaml"));
    repo.write(".git/index", "");
    mends(&repo);
    assert_eq!(status(&repo), "");
    assert!(!repo.has("sales/proposal/acme.yaml"));
}

#[test]
fn an_emptied_branch_comes_back_from_its_log() {
    for content in ["", "garbage\n", "\0\0\0\0\0\0\0\0\0\0\0\0", "0123456789abcdef"] {
        let repo = healthy();
        let before = head(&repo);
        repo.write(".git/refs/heads/main", content);
        let ran = says(&repo);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let expected = format!("cure: sets main to {}, \"acme: brief → proposal\"\n", &before[..10]);
        assert!(ran.out.contains(&expected), "{}", ran.out);
        mends(&repo);
        assert_eq!(head(&repo), before);
        assert_eq!(status(&repo), "");
    }
}

#[test]
fn a_torn_last_line_of_the_log_does_not_count() {
    let repo = healthy();
    let before = head(&repo);
    let log = repo.read(".git/logs/refs/heads/main");
    repo.write(".git/logs/refs/heads/main", format!("{log}{before} 0123456789")).write(".git/refs/heads/main", "");
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(head(&repo), before);
}

#[test]
fn a_branch_whose_file_is_gone_comes_back_and_a_new_one_is_no_ailment() {
    let repo = healthy();
    let before = head(&repo);
    std::fs::remove_file(repo.path().join(".git/refs/heads/main")).unwrap();
    assert!(says(&repo).out.contains("the branch main is gone, though its log is there"));
    mends(&repo);
    assert_eq!(head(&repo), before);
    repo.git(&["pack-refs", "--all"]);
    is_well(&repo);

    let new = TestRepo::new();
    new.git(&["config", "merge.directoryRenames", "false"]);
    new.write("pipeline.yaml", kit::SMALL_PIPELINE);
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        new.write(&format!("{stage}/.gitkeep"), "");
    }
    assert_eq!(says(&new).out, "all is well\n");
}

#[test]
fn a_commit_that_was_never_written_is_given_up_and_its_files_are_kept() {
    let repo = healthy();
    let good = repo.git(&["rev-parse", "HEAD~1"]).trim().to_owned();
    empty(&loose(&repo, "HEAD"));
    let ran = says(&repo);
    assert!(
        ran.out.contains("the branch main is at commit ") && ran.out.contains("which cannot be read"),
        "{}",
        ran.out
    );
    let expected = format!(
        "cure: sets main to {}, \"Add deals\"; the commit after it is lost, its changes are still in the files\n",
        &good[..10]
    );
    assert!(ran.out.contains(&expected), "{}", ran.out);
    let out = mends(&repo);
    assert!(out.contains("nothing that is committed or staged needs the object"), "{out}");
    assert_eq!(head(&repo), good);
    assert_eq!(status(&repo), "R  sales/brief/acme.yaml -> sales/proposal/acme.yaml\n");
}

#[test]
fn a_branch_without_a_log_is_only_explained_with_the_newest_commit_that_none_has() {
    let repo = healthy();
    let last = head(&repo);
    std::fs::remove_dir_all(repo.path().join(".git/logs")).unwrap();
    repo.write(".git/refs/heads/main", "");
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("`echo {last} > .git/refs/heads/main` sets the branch to it")), "{}", ran.out);
    repo.write(".git/refs/heads/main", format!("{last}\n"));
    is_well(&repo);
}

#[test]
fn an_empty_head_is_explained_from_any_folder_of_the_repository() {
    for content in ["", "\0\0\0\0", "nonsense"] {
        let repo = healthy();
        repo.write(".git/HEAD", content);
        let before = freeze(&repo.path());
        let ran = repo.tussock(&["-C", "sales/brief", "doctor", "--yes"]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("git sees no repository here"), "{}", ran.out);
        assert!(ran.out.contains("`echo 'ref: refs/heads/main' > .git/HEAD` checks out main"), "{}", ran.out);
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
        repo.write(".git/HEAD", "ref: refs/heads/main\n");
        is_well(&repo);
    }
}

#[test]
fn empty_objects_are_made_again_from_the_files() {
    let repo = healthy();
    let blob = loose(&repo, "HEAD:sales/brief/globex.yaml");
    let tree = loose(&repo, "HEAD:sales/proposal");
    empty(&blob);
    std::fs::remove_file(&tree).unwrap();
    std::fs::write(&tree, [0; 64]).unwrap();
    let ran = says(&repo);
    assert!(ran.out.contains("2 objects of git are empty: "), "{}", ran.out);
    assert!(ran.out.contains("(sales/brief/globex.yaml)"), "{}", ran.out);
    mends(&repo);
    assert_eq!(status(&repo), "");
}

#[test]
fn an_empty_object_that_is_packed_too_is_removed() {
    let repo = healthy();
    let blob = loose(&repo, "HEAD:sales/brief/globex.yaml");
    repo.git(&["repack", "-adq"]);
    std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
    std::fs::write(&blob, "").unwrap();
    assert!(mends(&repo).contains("the same object is whole in a pack"));
    assert!(!blob.exists());
}

#[test]
fn an_object_that_nothing_here_has_is_explained_with_the_last_whole_commit() {
    let repo = healthy();
    let old = loose(&repo, "HEAD:sales/brief/globex.yaml");
    repo.write("sales/brief/globex.yaml", format!("{ACME}notes: later\n"));
    repo.commit("Edit");
    let first = repo.git(&["rev-parse", "HEAD~3"]);
    empty(&old);
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("nothing here has the content"), "{}", ran.out);
    assert!(ran.out.contains("the last commit is whole, only older ones need it; copy its file"), "{}", ran.out);
    empty(&loose(&repo, "HEAD:sales/brief/globex.yaml"));
    repo.write("sales/brief/globex.yaml", format!("{ACME}notes: later still\n"));
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    let expected = format!("the last commit that is whole is {}, \"Set up the pipeline\"", &first[..10]);
    assert!(ran.out.contains(&expected), "{}", ran.out);
    assert!(old.exists());
}

#[test]
fn an_emptied_deal_comes_back_as_committed_or_as_staged() {
    let repo = healthy();
    let file = "sales/brief/globex.yaml";
    let text = repo.read(file);
    repo.write(file, "");
    let ran = says(&repo);
    assert!(ran.out.contains("sales/brief/globex.yaml is empty; HEAD has a version\n"), "{}", ran.out);
    mends(&repo);
    assert_eq!((repo.read(file), status(&repo)), (text.clone(), String::new()));

    // Somebody has staged everything before noticing.
    repo.write(file, "");
    repo.git(&["add", "-A"]);
    mends(&repo);
    assert_eq!((repo.read(file), status(&repo)), (text, String::new()));

    repo.write(file, format!("{ACME}notes: staged\n"));
    repo.git(&["add", "-A"]);
    repo.write(file, "");
    mends(&repo);
    assert_eq!((repo.read(file), status(&repo)), (format!("{ACME}notes: staged\n"), format!("M  {file}\n")));
}

#[test]
fn an_emptied_deal_comes_back_through_the_filters_and_with_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let repo = healthy();
    repo.write(".gitattributes", "*.yaml text eol=crlf\n");
    let file = repo.path().join("sales/brief/globex.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.write("sales/brief/globex.yaml", ACME.replace('\n', "\r\n"));
    repo.commit("Line ends of Windows");
    repo.write("sales/brief/globex.yaml", "");
    mends(&repo);
    assert_eq!(repo.read("sales/brief/globex.yaml"), ACME.replace('\n', "\r\n"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(status(&repo), "");
}

#[test]
fn a_lost_deal_is_only_named_and_a_moved_one_is_not_lost() {
    let repo = healthy();
    std::fs::rename(repo.path().join("sales/brief/globex.yaml"), repo.path().join("sales/proposal/globex.yaml"))
        .unwrap();
    assert_eq!(says(&repo).out, "all is well\n");
    std::fs::remove_file(repo.path().join("sales/proposal/globex.yaml")).unwrap();
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(
        ran.out,
        "sales/brief/globex.yaml is tracked by git and nowhere in the work tree\n  \
         to do: `git restore -- :/sales/brief/globex.yaml` brings it back; if it was to go, commit that it is gone\n\
         1 found\n"
    );
    assert!(!repo.has("sales/brief/globex.yaml"));
}

#[test]
fn a_lost_pipeline_file_is_named() {
    let repo = healthy();
    std::fs::remove_file(repo.path().join("sales/pipeline.yaml")).unwrap();
    let ran = says(&repo);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("`git restore -- :/sales/pipeline.yaml` brings it back"), "{}", ran.out);
    // Where there never was one, there is nothing to look at.
    assert_eq!(TestRepo::new().tussock(&["doctor"]).code, 3);
    assert_eq!(TestRepo::without_git().tussock(&["doctor"]).code, 3);
}

#[test]
fn what_a_killed_write_left_is_removed() {
    let repo = healthy();
    repo.write("sales/brief/.tussock-AbC123.tmp", "half a de").write(".git/tussock/tx-AbC123/index", "half");
    let ran = says(&repo);
    assert!(
        ran.out.contains("a write that did not end has left .git/tussock/tx-AbC123, sales/brief/.tussock-AbC123.tmp\n"),
        "{}",
        ran.out
    );
    mends(&repo);
    assert!(!repo.has("sales/brief/.tussock-AbC123.tmp") && !repo.has(".git/tussock/tx-AbC123"));
}

#[test]
fn what_a_living_write_needs_is_left_alone() {
    let repo = healthy();
    repo.write("sales/brief/.tussock-AbC123.tmp", "half a de");
    let lock = std::fs::File::options().write(true).open(repo.path().join(".git/tussock/lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(repo.tussock(&["doctor"]).out, "all is well\n");
    drop(lock);
    mends(&repo);
}

#[test]
fn old_locks_that_no_process_uses_are_removed() {
    let locks = [
        ".git/index.lock",
        ".git/HEAD.lock",
        ".git/refs/heads/main.lock",
        ".git/refs/remotes/origin/x.lock",
        ".git/packed-refs.lock",
        ".git/config.lock",
    ];
    let repo = healthy();
    for lock in locks {
        repo.write(lock, "");
        age(&repo, lock, 7_300);
    }
    let ran = says(&repo);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for lock in locks {
        assert!(
            ran.out.contains(&format!("{lock} is there, 2 hours old: while it is, git cannot write\n")),
            "{}",
            ran.out
        );
    }
    assert!(ran.err.contains("`tussock doctor --yes` mends 6 of them"), "{}", ran.err);
    mends(&repo);
    assert!(locks.iter().all(|lock| !repo.has(lock)));
    repo.ok(&["move", "acme", "brief"]);
}

#[test]
fn a_young_lock_is_left_to_whoever_has_it() {
    let repo = healthy();
    repo.write(".git/index.lock", "");
    age(&repo, ".git/index.lock", 30);
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("not touched: it may be of a process that is still at work"), "{}", ran.out);
    assert!(repo.has(".git/index.lock"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_lock_that_a_process_has_open_or_a_git_is_at_work_beside_is_named_with_it() {
    let repo = healthy();
    repo.write(".git/index.lock", "");
    age(&repo, ".git/index.lock", 7_300);
    let open = std::fs::File::open(repo.path().join(".git/index.lock")).unwrap();
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    let who = format!("not touched: process {} (", std::process::id());
    assert!(ran.out.contains(&who), "{}", ran.out);
    drop(open);

    let mut git = Command::new("git");
    repo.hermetic(git.args(["cat-file", "--batch"])).stdin(std::process::Stdio::piped());
    let mut git = git.stdout(std::process::Stdio::null()).spawn().unwrap();
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(&format!("process {} (git) may be using it", git.id())), "{}", ran.out);
    drop(git.stdin.take());
    git.wait().unwrap();
    mends(&repo);
}

/// Kills tussock the moment git has moved the branch.
#[cfg(target_os = "linux")]
fn killed_after_the_branch(repo: &TestRepo, args: &[&str]) {
    use std::os::unix::fs::PermissionsExt;
    let hook = repo.path().join(".git/hooks/reference-transaction");
    repo.write(
        ".git/hooks/reference-transaction",
        "#!/bin/sh\n[ \"$1\" = committed ] || exit 0\n\
         git=$PPID; tussock=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$git/stat); kill -KILL $tussock\n",
    );
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(repo.tussock(args).code, -1);
    std::fs::remove_file(&hook).unwrap();
    // The git that tussock had started may live a moment longer, and keeps the lock as long.
    let lock = std::fs::File::open(repo.path().join(".git/tussock/lock")).unwrap();
    lock.lock().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_move_that_was_killed_is_finished() {
    for power_cut in [&[][..], &[".git/refs/heads/main"], &[".git/index"], &[".git/refs/heads/main", ".git/index"]] {
        let repo = healthy();
        let before = head(&repo);
        killed_after_the_branch(&repo, &["move", "globex", "proposal"]);
        assert!(repo.has("sales/brief/globex.yaml") && !repo.has("sales/proposal/globex.yaml"));
        for file in power_cut {
            repo.write(file, "");
        }
        let ran = says(&repo);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        let told = "a change was cut short: globex: brief → proposal\n";
        assert_eq!(
            ran.out.matches(told).count(),
            usize::from(!power_cut.contains(&".git/refs/heads/main")),
            "{}",
            ran.out
        );
        let ran = repo.tussock(&["doctor", "--yes"]);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("globex: brief → proposal: it was committed as "), "{}", ran.err);
        is_well(&repo);
        assert_eq!(repo.git(&["rev-parse", "HEAD~1"]).trim(), before);
        assert!(!repo.has("sales/brief/globex.yaml") && repo.has("sales/proposal/globex.yaml"));
        assert_eq!(status(&repo), "");
    }
}

#[test]
fn missing_placeholders_come_in_one_commit_and_lost_ones_from_git() {
    let repo = healthy();
    repo.git(&["rm", "-q", "sales/won/.gitkeep", "sales/lost/.gitkeep"]);
    repo.commit("Tidy up");
    std::fs::remove_file(repo.path().join("sales/brief/.gitkeep")).unwrap();
    repo.write("notes.md", "mine\n");
    let before = repo.git(&["rev-list", "--count", "HEAD"]);
    let ran = says(&repo);
    assert!(ran.out.contains("missing: sales/won/.gitkeep, sales/lost/.gitkeep\n"), "{}", ran.out);
    assert!(ran.out.contains("sales/brief/.gitkeep is gone; git has it\n"), "{}", ran.out);
    mends(&repo);
    assert_eq!(repo.git(&["rev-list", "--count", &format!("HEAD~{}", 1)]), before);
    assert_eq!(
        repo.git(&["show", "--format=%s", "--name-status"]),
        "Add .gitkeep to the folders of stages\n\nA\tsales/lost/.gitkeep\nA\tsales/won/.gitkeep\n"
    );
    assert_eq!(status(&repo), "?? notes.md\n");
}

#[test]
fn a_clone_gets_the_settings_and_a_shallow_one_is_told_how_to_get_the_rest() {
    let repo = healthy();
    let url = format!("file://{}", repo.path().display());
    let clone = repo.path().join("../clone").display().to_string();
    repo.git(&["clone", "-q", "--depth", "1", &url, &clone]);
    let ran = repo.tussock(&["-C", &clone, "doctor", "--yes"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(repo.git(&["-C", &clone, "config", "--local", "merge.directoryRenames"]), "false\n");
    assert!(ran.out.contains("`git fetch --unshallow`"), "{}", ran.out);
    assert_eq!(repo.git(&["-C", &clone, "rev-parse", "--is-shallow-repository"]), "true\n");
    repo.git(&["-C", &clone, "fetch", "-q", "--unshallow"]);
    assert_eq!(repo.ok(&["-C", &clone, "doctor"]), "all is well\n");
}

#[test]
fn a_crowded_folder_is_worth_a_note() {
    let repo = healthy();
    for i in 0..2_001 {
        repo.write(&format!("sales/lost/x{i}.yaml"), "title: X\nlost: {reason: price}\n");
    }
    repo.commit("Ten years");
    let ran = says(&repo);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("note: sales/lost has 2002 files in one folder"), "{}", ran.out);
    assert!(ran.out.contains("such as lost/2026"), "{}", ran.out);
    // The advice is taken, and there is no better one.
    repo.git(&["mv", "sales/lost", "sales/closed"]);
    std::fs::create_dir(repo.path().join("sales/lost")).unwrap();
    repo.git(&["mv", "sales/closed", "sales/lost/2026"]);
    repo.git(&["mv", "sales/lost/2026/.gitkeep", "sales/lost/.gitkeep"]);
    repo.commit("A folder for the year");
    assert!(!says(&repo).out.contains("files in one folder"));
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_that_stands_for_a_folder() {
    let repo = healthy();
    let elsewhere = repo.path().join("../elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::remove_dir_all(repo.path().join("sales/recycled")).unwrap();
    std::os::unix::fs::symlink(&elsewhere, repo.path().join("sales/recycled")).unwrap();
    let ran = repo.tussock(&["doctor", "--yes"]);
    assert_ne!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "{}{}", ran.out, ran.err);
}

#[test]
fn a_command_to_type_holds_a_hostile_name_as_one_word() {
    let repo = healthy();
    repo.git(&["branch", "-m", "main", "a';$(touch${IFS}hit);'"]);
    std::fs::write(repo.path().join(".git/HEAD"), "").unwrap();
    let ran = repo.tussock(&["doctor"]);
    let line = ran.out.split('`').find(|part| part.starts_with("echo")).expect("a command to type");
    assert_eq!(repo.run(std::process::Command::new("sh").args(["-c", line])).code, 0, "{line}");
    assert!(!repo.has("hit"), "{line}");
    assert_eq!(repo.git(&["symbolic-ref", "--short", "HEAD"]), "a';$(touch${IFS}hit);'\n");
}

#[test]
fn all_at_once_is_mended_in_the_right_order() {
    let repo = healthy();
    let before = head(&repo);
    empty(&loose(&repo, "HEAD:sales/proposal"));
    repo.write(".git/refs/heads/main", "").write(".git/index", "").write("sales/brief/globex.yaml", "");
    for lock in [".git/index.lock", ".git/HEAD.lock", ".git/refs/heads/main.lock"] {
        repo.write(lock, "");
        age(&repo, lock, 100);
    }
    repo.git(&["--git-dir", ".git", "config", "--unset", "merge.directoryRenames"]);
    let ran = repo.tussock(&["doctor", "--yes"]);
    // The folder's object is needed to know what the index should hold; the branch goes back to what is whole.
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling"]), "");
    assert_eq!(repo.ok(&["doctor"]), "all is well\n");
    assert_ne!(head(&repo), before);
}

#[test]
fn a_branch_stays_at_its_last_commit_where_its_objects_can_be_made_again() {
    let repo = healthy();
    let before = head(&repo);
    for spec in ["HEAD^{tree}", "HEAD:sales", "HEAD:sales/proposal", "HEAD:sales/proposal/acme.yaml"] {
        empty(&loose(&repo, spec));
        repo.write(".git/refs/heads/main", "");
        mends(&repo);
        assert_eq!((head(&repo), status(&repo)), (before.clone(), String::new()), "{spec}");
    }
}

#[test]
fn a_linked_work_tree_has_its_own_index_and_branch() {
    let repo = healthy();
    let beside = repo.path().join("../beside").display().to_string();
    repo.git(&["worktree", "add", "-q", "-b", "other", &beside]);
    let admin = ".git/worktrees/beside";
    repo.write(&format!("{admin}/index"), "").write(".git/refs/heads/other", "");
    assert_eq!(repo.ok(&["doctor"]), "all is well\n");
    let ran = repo.tussock(&["-C", &beside, "doctor", "--yes"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(repo.git(&["-C", &beside, "status", "--porcelain"]), "");
    is_well(&repo);
}

/// Runs doctor on a terminal that answers each question with a key; returns the exit code and what was shown.
fn asked(repo: &TestRepo, keys: &[&[u8]]) -> (Option<i32>, String) {
    use std::io::{Read, Write};
    let pty = nix::pty::openpty(None, None).unwrap();
    let slave = || std::process::Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(command.arg("doctor")).stdin(slave()).stdout(slave()).stderr(slave()).env("TERM", "xterm");
    let mut child = command.spawn().unwrap();
    drop((command, pty.slave));
    let mut terminal = std::fs::File::from(pty.master);
    let (mut shown, mut buffer, mut answered) = (String::new(), [0; 4096], 0);
    // The terminal ends with an error when the program has let go of it.
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if answered < keys.len() && shown.matches("[y/N]").count() > answered {
            // The key counts once the program listens for single keys.
            std::thread::sleep(Duration::from_millis(300));
            terminal.write_all(keys[answered]).unwrap();
            answered += 1;
        }
    }
    (child.wait().unwrap().code(), shown)
}

#[test]
fn on_a_terminal_each_thing_is_asked_for() {
    let repo = healthy();
    let break_it = || {
        repo.write("sales/brief/globex.yaml", "").write(".git/index", "");
    };
    break_it();
    let (code, shown) = asked(&repo, &[b"y", b"n"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("1 mended, 1 left"), "{shown}");
    assert_eq!(
        (repo.read("sales/brief/globex.yaml").as_str(), status(&repo).as_str()),
        ("", " M sales/brief/globex.yaml\n")
    );
    let (code, shown) = asked(&repo, &[b"y"]);
    assert_eq!(code, Some(0), "{shown}");
    is_well(&repo);

    // Ctrl-C at a question changes nothing, and what was done before stays done.
    break_it();
    let (code, shown) = asked(&repo, &[b"y", b"\x03"]);
    assert_eq!(code, Some(130), "{shown}");
    assert!(shown.rfind("\x1b[?25h") >= shown.rfind("\x1b[?25l"), "{shown:?}");
    assert_eq!(repo.read("sales/brief/globex.yaml"), "");
}

#[test]
fn repositories_that_libgit2_cannot_open_are_looked_at_as_well() {
    for form in ["--object-format=sha256", "--ref-format=reftable"] {
        let repo = TestRepo::without_git();
        if repo.try_git(&["init", "-q", "-b", "main", form]).code != 0 {
            println!("skipped: this git knows no {form}");
            continue;
        }
        repo.git(&["config", "merge.directoryRenames", "false"]);
        repo.write("pipeline.yaml", kit::SMALL_PIPELINE).write("brief/acme.yaml", ACME);
        for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
            repo.write(&format!("{stage}/.gitkeep"), "");
        }
        repo.commit("Begin");
        assert_eq!(says(&repo).out, "all is well\n", "{form}");
        repo.write(".git/index", "").write("brief/acme.yaml", "");
        assert!(mends(&repo).contains("2 mended, all is well"), "{form}");
        assert_eq!((repo.read("brief/acme.yaml").as_str(), status(&repo).as_str()), (ACME, ""), "{form}");
    }
}

#[test]
fn a_pipeline_that_init_has_just_made_needs_nothing() {
    let repo = TestRepo::without_git();
    let told = repo.ok(&["init", "sales", "--template", "six-stage"]);
    assert!(told.contains("set merge.directoryRenames to false"), "{told}");
    let ran = repo.tussock(&["-C", "sales", "doctor"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
