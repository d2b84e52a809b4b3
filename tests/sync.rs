//! `tussock sync`: a branch and its upstream come together, nothing is lost, and nothing is left half-way.
#![cfg(unix)]

mod kit;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kit::freeze::{differences, freeze};
use kit::{Ran, TestRepo};

/// A bare remote and clones of it, each with its own person.
struct Team {
    /// Made by `init`; holds the clones and the remote beside its own repository.
    first: TestRepo,
}

impl Team {
    fn new(deals: &[&str]) -> Team {
        let first = TestRepo::with_pipeline();
        for deal in deals {
            first.write(&format!("sales/brief/{deal}.yaml"), format!("title: {deal}\ninputs:\n  goal: leads\n"));
        }
        first.commit("Add deals");
        first.git(&["clone", "-q", "--bare", ".", "../remote.git"]);
        Team { first }
    }

    fn remote(&self) -> PathBuf {
        self.first.path().join("../remote.git")
    }

    fn clone(&self, name: &str) -> Clone {
        let path = self.first.path().join("..").join(name);
        let mut command = Command::new("git");
        self.first.hermetic(&mut command);
        let mut env: Vec<(OsString, OsString)> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        for role in ["AUTHOR", "COMMITTER"] {
            env.push((format!("GIT_{role}_NAME").into(), name.into()));
            env.push((format!("GIT_{role}_EMAIL").into(), format!("{name}@example.com").into()));
        }
        self.first.git(&["clone", "-q", &self.remote().display().to_string(), &path.display().to_string()]);
        Clone { env, path: path.canonicalize().unwrap(), name: name.to_owned() }
    }

    fn on_remote(&self, args: &[&str]) -> String {
        self.first.git(&[&["--git-dir", &self.remote().display().to_string()], args].concat())
    }

    fn hook(&self, name: &str, script: &str) {
        hook(&self.remote().join("hooks").join(name), script);
    }
}

fn hook(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// One person's clone.
struct Clone {
    env: Vec<(OsString, OsString)>,
    path: PathBuf,
    name: String,
}

impl Clone {
    fn run(&self, program: &str, args: &[&str]) -> Ran {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.path).env_clear().envs(self.env.iter().cloned()).stdin(Stdio::null());
        let out = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
    }

    fn tussock(&self, args: &[&str]) -> Ran {
        self.run(env!("CARGO_BIN_EXE_tussock"), args)
    }

    fn ok(&self, args: &[&str]) -> String {
        let ran = self.tussock(args);
        assert_eq!(ran.code, 0, "{}: tussock {args:?}\n{}{}", self.name, ran.out, ran.err);
        ran.out
    }

    fn git(&self, args: &[&str]) -> String {
        let ran = self.run("git", args);
        assert_eq!(ran.code, 0, "{}: git {args:?}\n{}{}", self.name, ran.out, ran.err);
        ran.out
    }

    /// Starts `sync` in a process group of its own, and waits until the hook of the test has made its mark.
    fn begin_sync(&self) -> std::process::Child {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        command.arg("sync").current_dir(&self.path).env_clear().envs(self.env.iter().cloned()).stdin(Stdio::null());
        let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.path.join(".git/once").exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before the hook was run");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100));
        child
    }

    /// Runs `sync` and holds that it ends so, that what is checked out is as before to the byte, and that nothing is
    /// under way. What the fetch brought may be there.
    fn stopped(&self, code: i32) -> String {
        let before = self.look();
        let ran = self.tussock(&["sync"]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert_eq!(before, self.look());
        ran.err
    }

    fn look(&self) -> String {
        let state = ["rebase-merge", "rebase-apply", "MERGE_HEAD", "AUTO_MERGE"];
        let left: Vec<&str> = state.into_iter().filter(|f| self.path.join(".git").join(f).exists()).collect();
        let status = self.git(&["status", "--porcelain"]);
        let diff = self.git(&["diff", "HEAD"]);
        format!("{}{status}{diff}{left:?}{}", self.git(&["rev-parse", "HEAD"]), self.git(&["symbolic-ref", "HEAD"]))
    }
}

#[test]
fn what_came_and_what_went_is_told() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    assert_eq!(olga.ok(&["sync"]), "origin/main has what you have, nothing to do\n");
    petr.ok(&["move", "acme", "proposal"]);
    petr.ok(&["new", "Initech"]);
    assert_eq!(petr.ok(&["sync"]), "2 commits went to origin/main\n");
    olga.ok(&["set", "globex", "amount=5"]);
    assert_eq!(
        olga.ok(&["sync"]),
        "acme: brief → proposal\ninitech: new in brief\n2 commits came from origin/main, 1 commit went there\n"
    );
    assert_eq!(petr.ok(&["sync"]), "1 commit came from origin/main\n");
    assert_eq!(petr.git(&["rev-parse", "HEAD"]), olga.git(&["rev-parse", "HEAD"]));
    assert_eq!(petr.git(&["rev-list", "--merges", "HEAD"]), "");
    assert_eq!(
        petr.git(&["log", "-3", "--format=%an %s"]),
        "olga globex: amount\npetr initech: new in brief\npetr acme: brief → proposal\n"
    );
    for clone in [&olga, &petr] {
        assert_eq!(clone.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn six_clones_at_once_all_land_on_one_line_of_history() {
    let deals: Vec<String> = (0..6).flat_map(|c| (0..3).map(move |d| format!("deal-{c}-{d}"))).collect();
    let team = Team::new(&deals.iter().map(String::as_str).collect::<Vec<_>>());
    let clones: Vec<Clone> = (0..6).map(|n| team.clone(&format!("clone{n}"))).collect();
    std::thread::scope(|scope| {
        for (n, clone) in clones.iter().enumerate() {
            scope.spawn(move || {
                for round in 0..3 {
                    let deal = format!("deal-{n}-{round}");
                    clone.ok(&["move", &deal, "proposal"]);
                    clone.ok(&["set", &deal, "amount=7"]);
                    clone.ok(&["sync"]);
                }
            });
        }
    });
    assert_eq!(team.on_remote(&["rev-list", "--merges", "main"]), "");
    for clone in &clones {
        let author = format!("--author={}@example.com", clone.name);
        assert_eq!(team.on_remote(&["rev-list", "--count", &author, "main"]).trim(), "6", "{}", clone.name);
        clone.ok(&["sync"]);
        assert_eq!(clone.git(&["status", "--porcelain"]), "");
        assert_eq!(clone.git(&["rev-parse", "HEAD"]), team.on_remote(&["rev-parse", "main"]));
        clone.ok(&["validate"]);
    }
    let files = team.on_remote(&["ls-tree", "-r", "--name-only", "main", "sales/"]);
    for deal in &deals {
        let at: Vec<&str> = files.lines().filter(|f| f.ends_with(&format!("/{deal}.yaml"))).collect();
        assert_eq!(at, [format!("sales/proposal/{deal}.yaml")]);
    }
    team.on_remote(&["fsck", "--strict"]);
}

#[test]
fn a_conflict_is_given_up_and_told_as_deals() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["move", "acme", "proposal"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "globex", "amount=5"]);
    olga.ok(&["move", "acme", "lost", "--set", "lost.reason=price"]);
    let told = olga.stopped(6);
    assert!(told.contains("origin/main and you changed the same"), "{told}");
    assert!(told.contains("you: acme: brief → lost"), "{told}");
    assert!(told.contains("you: acme: lost.reason set to"), "{told}");
    assert!(told.contains("origin/main: acme: brief → proposal"), "{told}");
    assert!(!told.contains("globex"), "{told}");
    assert!(told.contains("`tussock resolve acme`") && told.contains("git rebase --continue"), "{told}");
    // The way that the message shows.
    assert_ne!(olga.run("git", &["pull", "-q", "--rebase"]).code, 0);
    let told = olga.tussock(&["sync"]);
    assert_eq!(told.code, 4);
    assert!(told.err.contains("a rebase is in progress"), "{}", told.err);
    olga.git(&["rm", "-q", "--cached", "--ignore-unmatch", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    std::fs::remove_file(olga.path.join("sales/proposal/acme.yaml")).ok();
    olga.git(&["add", "-A", "sales"]);
    olga.git(&["-c", "core.editor=true", "rebase", "--continue"]);
    olga.ok(&["sync"]);
    assert_eq!(olga.git(&["rev-parse", "HEAD"]), team.on_remote(&["rev-parse", "main"]));
}

#[test]
fn two_values_for_one_field_are_told_with_both() {
    let team = Team::new(&["acme"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["set", "acme", "amount=100"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "acme", "amount=200"]);
    let told = olga.stopped(6);
    assert!(told.contains("you: acme: amount set to 200"), "{told}");
    assert!(told.contains("origin/main: acme: amount set to 100"), "{told}");
}

#[test]
fn a_change_that_is_taken_back_here_already_comes_together_by_the_way_that_is_told() {
    let team = Team::new(&["acme"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    olga.ok(&["set", "acme", "amount=100"]);
    olga.ok(&["undo"]);
    petr.ok(&["set", "acme", "amount=200"]);
    petr.ok(&["sync"]);
    let told = olga.stopped(6);
    assert!(told.contains("change it and change it back") && told.contains("`git pull --no-rebase`"), "{told}");
    olga.git(&["pull", "-q", "--no-rebase", "--no-edit"]);
    olga.ok(&["sync"]);
    assert_eq!(olga.git(&["rev-parse", "HEAD"]), team.on_remote(&["rev-parse", "main"]));
    assert!(olga.git(&["show", "HEAD:sales/brief/acme.yaml"]).contains("200"));
}

#[test]
fn a_file_of_yours_that_is_in_the_way_stays_and_is_named() {
    let team = Team::new(&["acme"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["new", "Globex", "--id", "globex"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "acme", "amount=100"]);
    let path = olga.path.join("sales/brief/globex.yaml");
    std::fs::write(&path, "mine").unwrap();
    let told = olga.stopped(4);
    assert!(told.contains("sales/brief/globex.yaml") && told.contains("move them elsewhere"), "{told}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
}

#[test]
fn the_same_move_by_two_people_is_no_conflict() {
    let team = Team::new(&["acme"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    for clone in [&petr, &olga] {
        clone.ok(&["move", "acme", "proposal"]);
    }
    petr.ok(&["sync"]);
    let out = olga.ok(&["sync"]);
    assert!(out.contains("1 commit of yours, with the same changes, was there already"), "{out}");
    assert_eq!(olga.git(&["rev-parse", "HEAD"]), petr.git(&["rev-parse", "HEAD"]));
}

#[test]
fn commits_that_a_merge_queue_has_made_anew_are_known_by_what_they_do() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    olga.ok(&["move", "acme", "proposal"]);
    olga.git(&["push", "-q", "origin", "main:acme-on"]);
    petr.ok(&["set", "globex", "amount=5"]);
    petr.git(&["fetch", "-q"]);
    petr.git(&["cherry-pick", "origin/acme-on"]);
    petr.ok(&["sync"]);
    let out = olga.ok(&["sync"]);
    assert!(out.contains("1 commit of yours, with the same changes, was there already"), "{out}");
    let told = |clone: &Clone| clone.ok(&["log", "--format", "csv"]);
    assert_eq!(told(&olga), told(&petr));
    assert_eq!(told(&olga).matches("acme,moved,").count() + told(&olga).matches(",acme,moved").count(), 1);
    // It is still her action.
    assert!(olga.ok(&["undo"]).contains("acme: proposal → brief"));
}

#[test]
fn a_deal_that_a_clean_merge_put_in_two_stages_is_not_pushed() {
    let team = Team::new(&["acme"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["new", "Initech"]);
    petr.ok(&["sync"]);
    std::fs::write(olga.path.join("sales/proposal/initech.yaml"), "title: Another\n").unwrap();
    olga.git(&["add", "-A"]);
    olga.git(&["commit", "-q", "-m", "By hand"]);
    let ran = olga.tussock(&["sync"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("duplicate-deal") && ran.err.contains("`tussock resolve initech`"), "{}", ran.err);
    assert_eq!(team.on_remote(&["rev-parse", "main"]), petr.git(&["rev-parse", "HEAD"]));
    // What is there now is whole: their commit and ours.
    assert_eq!(olga.git(&["status", "--porcelain"]), "");
    assert_eq!(olga.git(&["log", "-2", "--format=%s"]), "By hand\ninitech: new in brief\n");
    olga.git(&["rm", "-q", "sales/proposal/initech.yaml"]);
    olga.git(&["commit", "-q", "-m", "Keep the other"]);
    olga.ok(&["sync"]);
}

#[test]
fn another_pipeline_of_the_repository_is_looked_at_before_a_push_too() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    for (path, text) in [
        ("hiring/pipeline.yaml", kit::SMALL_PIPELINE),
        ("hiring/brief/anna.yaml", "title: Anna\n"),
        ("hiring/proposal/anna.yaml", "title: Anna\n"),
    ] {
        std::fs::create_dir_all(olga.path.join(path).parent().unwrap()).unwrap();
        std::fs::write(olga.path.join(path), text).unwrap();
    }
    olga.git(&["add", "-A"]);
    olga.git(&["commit", "-q", "-m", "By hand"]);
    let ran = olga.tussock(&["-p", "sales", "sync"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("duplicate-deal") && ran.err.contains("hiring/"), "{}", ran.err);
}

#[test]
fn ctrl_c_in_the_middle_of_the_rebase_leaves_the_branch_as_it_was() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["move", "acme", "proposal"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "globex", "amount=5"]);
    // It runs when git has gone over to the other side's commit and has not put ours on top of it.
    let script = "test -e .git/once && exit 0; : > .git/once; test -d .git/rebase-merge && : > .git/within; sleep 20";
    hook(&olga.path.join(".git/hooks/post-checkout"), script);
    let before = olga.look();
    let child = olga.begin_sync();
    assert!(olga.path.join(".git/within").exists(), "the rebase is under way");
    assert_eq!(olga.run("kill", &["-INT", "--", &format!("-{}", child.id())]).code, 0);
    let out = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped"), "{told}");
    assert_eq!(before, olga.look());
    std::fs::remove_file(olga.path.join(".git/hooks/post-checkout")).unwrap();
    assert_eq!(olga.ok(&["sync"]).lines().last(), Some("1 commit came from origin/main, 1 commit went there"));
}

#[test]
fn after_a_kill_in_the_middle_of_the_rebase_others_wait_until_git_has_done_it() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["move", "acme", "proposal"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "globex", "amount=5"]);
    let script = "test -e .git/once && exit 0; : > .git/once; exec sleep 2";
    hook(&olga.path.join(".git/hooks/post-checkout"), script);
    let mut child = olga.begin_sync();
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = olga.tussock(&["set", "acme", "amount=7"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("waiting for another tussock"), "{}", ran.err);
    assert_eq!(
        olga.git(&["log", "-3", "--format=%s"]),
        "acme: amount\nglobex: amount\nacme: brief → proposal\n",
        "ours on top of theirs"
    );
    assert_eq!(olga.git(&["status", "--porcelain"]), "");
    assert_eq!(olga.ok(&["sync"]), "2 commits went to origin/main\n");
}

#[test]
fn a_linked_work_tree_is_synced_and_the_other_one_left_alone() {
    let team = Team::new(&["acme", "globex"]);
    let (mut olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.ok(&["move", "acme", "proposal"]);
    petr.ok(&["sync"]);
    olga.git(&["switch", "-q", "-c", "other"]);
    let other = olga.look();
    olga.git(&["worktree", "add", "-q", "../linked", "main"]);
    let first = std::mem::replace(&mut olga.path, team.first.path().join("../linked").canonicalize().unwrap());
    olga.ok(&["set", "globex", "amount=5"]);
    olga.ok(&["sync"]);
    assert_eq!(olga.git(&["rev-parse", "HEAD"]), team.on_remote(&["rev-parse", "main"]));
    assert_eq!(olga.git(&["status", "--porcelain"]), "");
    petr.ok(&["sync"]);
    petr.ok(&["set", "globex", "amount=6"]);
    petr.ok(&["sync"]);
    olga.ok(&["set", "globex", "amount=8"]);
    let before = olga.git(&["rev-parse", "HEAD"]);
    assert_eq!(olga.tussock(&["sync"]).code, 6);
    assert_eq!((olga.git(&["rev-parse", "HEAD"]), olga.git(&["status", "--porcelain"])), (before, String::new()));
    olga.path = first;
    assert_eq!(olga.look(), other);
}

#[test]
fn conflict_marks_are_not_pushed() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    std::fs::write(
        olga.path.join("sales/brief/acme.yaml"),
        "title: acme\n<<<<<<< ours\namount: 1\n=======\namount: 2\n>>>>>>> theirs\n",
    )
    .unwrap();
    olga.git(&["commit", "-q", "-a", "-m", "Oh"]);
    let told = olga.stopped(1);
    assert!(told.contains("conflict-marker") && told.contains("nothing was pushed"), "{told}");
}

#[test]
fn a_new_deal_is_not_moved_along_with_a_folder_that_others_emptied() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    petr.git(&["rm", "-q", "sales/brief/.gitkeep"]);
    petr.git(&["mv", "sales/brief/acme.yaml", "sales/brief/globex.yaml", "sales/contract/"]);
    petr.git(&["commit", "-q", "-m", "All on"]);
    petr.git(&["push", "-q"]);
    olga.ok(&["new", "Initech"]);
    olga.git(&["config", "merge.directoryRenames", "true"]);
    olga.ok(&["sync"]);
    assert!(olga.path.join("sales/brief/initech.yaml").exists());
    assert!(!olga.path.join("sales/contract/initech.yaml").exists());
}

#[test]
fn a_hook_of_the_remote_refuses_and_its_words_are_shown() {
    let team = Team::new(&["acme"]);
    team.hook("pre-receive", "echo 'no pushes on Fridays' >&2; exit 1");
    let olga = team.clone("olga");
    olga.ok(&["move", "acme", "proposal"]);
    let told = olga.stopped(7);
    assert!(told.contains("origin refused the push") && told.contains("no pushes on Fridays"), "{told}");
    assert!(!told.contains("trying again"), "{told}");
}

#[test]
fn a_pre_push_hook_refuses_and_its_words_are_shown() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    hook(&olga.path.join(".git/hooks/pre-push"), "echo 'not this one'; exit 1");
    olga.ok(&["move", "acme", "proposal"]);
    let told = olga.stopped(7);
    assert!(told.contains("the pre-push hook refused") && told.contains("not this one"), "{told}");
}

#[test]
fn a_remote_that_is_not_there_is_an_input_output_error() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    olga.ok(&["move", "acme", "proposal"]);
    std::fs::rename(team.remote(), team.first.path().join("../elsewhere.git")).unwrap();
    let told = olga.stopped(8);
    assert!(told.contains("cannot fetch from origin"), "{told}");
}

#[test]
fn a_branch_without_upstream_or_with_two_ways_is_told_what_to_type() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    olga.git(&["switch", "-q", "-c", "mine"]);
    let told = olga.stopped(4);
    assert!(told.contains("`git push -u origin mine`"), "{told}");
    olga.git(&["switch", "-q", "-c", "feature", "origin/main"]);
    let told = olga.stopped(4);
    assert!(told.contains("feature takes from origin/main and is pushed as feature"), "{told}");
    olga.git(&["config", "push.default", "upstream"]);
    olga.ok(&["sync"]);
    olga.git(&["config", "remote.pushDefault", "fork"]);
    olga.git(&["config", "remote.fork.url", "nowhere"]);
    let told = olga.stopped(4);
    assert!(told.contains("is pushed to fork"), "{told}");

    let before = freeze(&team.first.path());
    let ran = team.first.tussock(&["sync"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("git remote add"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&team.first.path())), Vec::<String>::new());
}

#[test]
fn a_branch_that_was_deleted_at_the_remote_is_neither_up_to_date_nor_made_again() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    team.on_remote(&["branch", "-m", "main", "trunk"]);
    let ran = olga.tussock(&["sync"]);
    assert_eq!(ran.code, 4, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("origin has no branch main any more"), "{}", ran.err);
    olga.git(&["commit", "-q", "--allow-empty", "-m", "More"]);
    assert_eq!(olga.tussock(&["sync"]).code, 4);
    assert_eq!(team.on_remote(&["for-each-ref", "--format=%(refname)"]), "refs/heads/trunk\n");
    olga.git(&["branch", "-q", "-u", "origin/trunk"]);
    olga.git(&["config", "push.default", "upstream"]);
    olga.ok(&["sync"]);
}

#[test]
fn a_command_to_type_holds_the_name_of_the_branch_as_one_word() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    olga.git(&["switch", "-q", "-c", "x;$(touch${IFS}hit)`true`"]);
    let ran = olga.tussock(&["sync"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("git push -u origin 'x;$(touch${IFS}hit)`true`'"), "{}", ran.err);
}

#[test]
fn a_detached_head_and_a_merge_in_progress_refuse() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    olga.git(&["checkout", "-q", "--detach"]);
    let ran = olga.tussock(&["sync"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("detached"), "{}", ran.err);
    olga.git(&["switch", "-q", "main"]);
    std::fs::write(olga.path.join(".git/MERGE_HEAD"), olga.git(&["rev-parse", "HEAD"])).unwrap();
    let ran = olga.tussock(&["sync"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("a merge is in progress"), "{}", ran.err);
}

#[test]
fn uncommitted_changes_wait_for_a_clean_tree_only_where_a_rebase_needs_one() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    olga.ok(&["move", "acme", "proposal"]);
    std::fs::write(olga.path.join("sales/brief/globex.yaml"), "title: Being edited\n").unwrap();
    // Nothing came: the edit is in nobody's way.
    assert_eq!(olga.ok(&["sync"]), "1 commit went to origin/main\n");
    petr.ok(&["sync"]);
    petr.ok(&["new", "Initech"]);
    petr.ok(&["sync"]);
    // Nothing of ours: the branch moves on, and the edit stays.
    olga.git(&["config", "merge.autoStash", "true"]);
    olga.ok(&["sync"]);
    olga.ok(&["new", "Umbrella"]);
    petr.ok(&["set", "initech", "amount=1"]);
    petr.ok(&["sync"]);
    olga.git(&["config", "rebase.autoStash", "true"]);
    let told = olga.stopped(4);
    assert!(told.contains("sales/brief/globex.yaml") && told.contains("git stash"), "{told}");
    assert_eq!(olga.git(&["stash", "list"]), "");
    // An edit in the way of what came.
    olga.git(&["reset", "-q", "--hard", "HEAD~1"]);
    std::fs::write(olga.path.join("sales/brief/initech.yaml"), "title: Being edited\n").unwrap();
    let told = olga.stopped(4);
    assert!(told.contains("would be overwritten"), "{told}");
}

#[test]
fn local_merges_are_kept_by_merging() {
    let team = Team::new(&["acme", "globex"]);
    let (olga, petr) = (team.clone("olga"), team.clone("petr"));
    olga.git(&["switch", "-q", "-c", "side"]);
    olga.ok(&["set", "acme", "amount=1"]);
    olga.git(&["switch", "-q", "main"]);
    olga.ok(&["set", "globex", "amount=2"]);
    olga.git(&["merge", "-q", "--no-edit", "side"]);
    let own = olga.git(&["rev-parse", "HEAD"]);
    petr.ok(&["new", "Initech"]);
    petr.ok(&["sync"]);
    olga.ok(&["sync"]);
    olga.git(&["merge-base", "--is-ancestor", own.trim(), "origin/main"]);
    assert_eq!(olga.git(&["rev-parse", "HEAD"]), team.on_remote(&["rev-parse", "main"]));
    assert_eq!(olga.git(&["status", "--porcelain"]), "");
    // And a conflict is given up in the same way.
    petr.ok(&["sync"]);
    petr.ok(&["set", "acme", "amount=9"]);
    petr.ok(&["sync"]);
    olga.git(&["switch", "-q", "side"]);
    olga.git(&["merge", "-q", "main"]);
    olga.ok(&["set", "acme", "amount=3"]);
    olga.git(&["switch", "-q", "main"]);
    olga.git(&["merge", "-q", "--no-ff", "--no-edit", "side"]);
    let told = olga.stopped(6);
    assert!(told.contains("you: acme: amount") && told.contains("git merge --continue"), "{told}");
}

#[test]
fn an_empty_remote_gets_everything() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["init", "-q", "--bare", "-b", "main", "../empty.git"]);
    repo.git(&["remote", "add", "origin", "../empty.git"]);
    repo.git(&["config", "branch.main.remote", "origin"]);
    repo.git(&["config", "branch.main.merge", "refs/heads/main"]);
    assert_eq!(repo.ok(&["sync"]), "1 commit went to origin/main\n");
    assert_eq!(repo.ok(&["sync"]), "origin/main has what you have, nothing to do\n");
}

#[test]
fn two_repositories_without_a_common_commit_are_not_mixed() {
    let team = Team::new(&["acme"]);
    let olga = team.clone("olga");
    let other = TestRepo::with_pipeline();
    other.write("readme", "x");
    other.set_now(other.now() + 5000);
    other.git(&["checkout", "-q", "--orphan", "fresh"]);
    other.commit("Begin anew");
    other.git(&["push", "-q", "--force", &team.remote().display().to_string(), "fresh:main"]);
    olga.ok(&["move", "acme", "proposal"]);
    let told = olga.stopped(4);
    assert!(told.contains("no commit in common"), "{told}");
}
