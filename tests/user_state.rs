//! What belongs to the user stays as it is: staged, unstaged and untracked work, line ends, signatures, other deals.

mod kit;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use kit::TestRepo;
use kit::freeze::{differences, freeze};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

fn with_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for id in ["acme", "globex", "initech", "dirty"] {
        repo.write(&format!("sales/brief/{id}.yaml"), ACME);
    }
    repo.write("notes.md", "one\ntwo\nthree\n").write("docs/plan.md", "plan\n").write("old.md", "old\n");
    repo.commit("Add deals");
    repo
}

/// Makes every kind of change that a user can have lying about, none of it of the deal `acme`.
fn make_a_mess(repo: &TestRepo) {
    repo.write("notes.md", "one\nTWO\nthree\n").write("staged.md", "new and staged\n");
    repo.git(&["add", "notes.md", "staged.md"]);
    repo.write("notes.md", "one\nTWO\nthree\nfour\n");
    repo.write("docs/plan.md", "plan, not staged\n")
        .write("untracked.txt", "mine\n")
        .write("sales/brief/draft.yaml", "title: Draft\n");
    repo.write("sales/brief/dirty.yaml", format!("{ACME}notes: unsaved thought\n"));
    repo.git(&["rm", "-q", "old.md"]);
    repo.write("intended.md", "later\n");
    repo.git(&["add", "--intent-to-add", "intended.md"]);
}

/// A file's path, time, number on the disk and bytes.
type Stamp = (String, SystemTime, u64, Vec<u8>);

/// The user's work as git tells it, and the bytes and times of every file that is not the deal's.
fn mess(repo: &TestRepo, deal: &str) -> (Vec<String>, Vec<Stamp>) {
    let told = vec![
        repo.git(&["diff", "--binary"]),
        repo.git(&["diff", "--cached", "--binary"]),
        repo.git(&["status", "--porcelain", "--untracked-files=all"]),
        repo.git(&["stash", "list"]),
    ];
    let mut files = Vec::new();
    for name in repo.git(&["ls-files", "--cached", "--others"]).lines() {
        let path = repo.path().join(name);
        if Path::new(name).file_stem().is_some_and(|s| s != deal) && path.exists() {
            let about = path.metadata().unwrap();
            let time = about.modified().unwrap();
            files.push((name.to_owned(), time, about.ino(), std::fs::read(&path).unwrap()));
        }
    }
    (told, files)
}

fn commits(repo: &TestRepo) -> usize {
    repo.git(&["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
}

fn changed_paths(repo: &TestRepo) -> Vec<String> {
    let shown = repo.git(&["show", "--format=", "--name-status", "--no-renames"]);
    shown.lines().map(|l| l.replace('\t', " ")).collect()
}

#[test]
fn the_users_work_is_the_same_bytes_after_every_writing_command() {
    let year = "2026";
    let in_lost = format!("sales/lost/{year}/acme.yaml");
    let cases: [(&[&str], &str, Vec<String>); 5] = [
        (&["set", "acme", "amount=5"], "acme", vec!["M sales/brief/acme.yaml".into()]),
        (
            &["move", "acme", "proposal", "--set", "amount=5"],
            "acme",
            vec!["D sales/brief/acme.yaml".into(), "A sales/proposal/acme.yaml".into()],
        ),
        (&["new", "Hooli"], "hooli", vec!["A sales/brief/hooli.yaml".into()]),
        (
            &["lose", "acme", "--reason", "price"],
            "acme",
            vec!["D sales/brief/acme.yaml".into(), format!("A {in_lost}")],
        ),
        (
            &["win", "acme", "--set", "proposal.sent_on=today"],
            "acme",
            vec!["D sales/brief/acme.yaml".into(), format!("A sales/won/{year}/acme.yaml")],
        ),
    ];
    for (args, deal, expected) in cases {
        let repo = with_deals();
        make_a_mess(&repo);
        let before = mess(&repo, deal);
        let mut all = vec!["--today", "2026-03-02"];
        all.extend(args);
        repo.ok(&all);
        assert_eq!(mess(&repo, deal), before, "{args:?}");
        assert_eq!(changed_paths(&repo), expected, "{args:?}");
        assert_eq!(commits(&repo), 3, "{args:?}");
        repo.git(&["fsck", "--strict"]);
    }
}

#[test]
fn a_deal_with_work_that_is_not_committed_is_refused() {
    let repo = with_deals();
    let file = "sales/brief/acme.yaml";
    let refused = |what: &str| {
        let before = freeze(&repo.path());
        for args in
            [&["move", "acme", "proposal"][..], &["set", "acme", "amount=5"], &["lose", "acme", "--reason", "price"]]
        {
            let ran = repo.tussock(args);
            assert_eq!(ran.code, 4, "{what} {args:?}: {}", ran.err);
            assert!(ran.err.contains(file), "{what}: {}", ran.err);
        }
        assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{what}");
    };
    repo.write(file, ACME.replace("18000", "1"));
    refused("edited");
    repo.git(&["add", file]);
    refused("staged");
    repo.write(file, ACME.replace("18000", "2"));
    refused("staged and edited again");
    repo.write(file, ACME);
    refused("staged and edited back");
    repo.git(&["rm", "-q", "--cached", "-f", file]);
    refused("not tracked any more");
}

#[test]
fn nothing_at_the_destination_is_overwritten() {
    for staged in [false, true] {
        let repo = with_deals();
        repo.write("sales/proposal/acme.yml", "mine\n").write("sales/lost/2026/acme.yaml", "title: Old\n");
        if staged {
            repo.git(&["add", "sales/lost"]);
        }
        let ran = repo.tussock(&["--today", "2026-03-02", "move", "acme", "proposal"]);
        // Two files of one id: nobody can say which one is meant.
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(
            ran.err.contains("the deal `acme` is in 2 places: brief/acme.yaml, lost/2026/acme.yaml"),
            "{}",
            ran.err
        );
    }
    let repo = with_deals();
    std::fs::create_dir_all(repo.path().join("sales/proposal/acme.yaml")).unwrap();
    repo.write("sales/proposal/acme.yaml/file", "mine\n");
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["move", "acme", "proposal"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("sales/proposal/acme.yaml"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn a_deal_that_is_there_already_makes_no_commit() {
    let repo = with_deals();
    let before = freeze(&repo.path());
    for args in [&["move", "acme", "brief"][..], &["set", "acme", "amount=18000"], &["set", "acme", "close_date="]] {
        let ran = repo.tussock(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(ran.out.contains("acme: "), "{args:?}: {}", ran.out);
    }
    assert_eq!(repo.ok(&["move", "acme", "brief"]), "acme: already in brief, nothing to do\n");
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn several_deals_are_one_commit_or_none() {
    let repo = with_deals();
    repo.write("sales/brief/globex.yaml", "title: Globex\n");
    repo.commit("Forget the goal");
    let ran = repo.tussock(&["move", "acme", "globex", "initech", "proposal"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("globex cannot move to proposal") && !ran.err.contains("acme cannot"), "{}", ran.err);
    assert_eq!(commits(&repo), 3);

    repo.ok(&["move", "acme", "globex", "initech", "acme", "proposal", "--set", "inputs.goal=leads"]);
    assert_eq!(commits(&repo), 4);
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        "3 deals → proposal

Deal: acme
From: brief
To: proposal
Deal: globex
From: brief
To: proposal
Deal: initech
From: brief
To: proposal

"
    );
    assert_eq!(changed_paths(&repo).len(), 6);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_dry_run_shows_the_diff_and_changes_nothing() {
    let repo = with_deals();
    make_a_mess(&repo);
    let before = freeze(&repo.path());
    let objects = repo.git(&["count-objects", "-v"]);
    let diff = repo.ok(&["--today", "2026-03-02", "move", "acme", "proposal", "--set", "amount=20000", "--dry-run"]);
    assert_eq!(
        diff,
        "\
diff --git a/sales/brief/acme.yaml b/sales/proposal/acme.yaml
rename from sales/brief/acme.yaml
rename to sales/proposal/acme.yaml
--- a/sales/brief/acme.yaml
+++ b/sales/proposal/acme.yaml
@@ -1,5 +1,5 @@
 title: ACME site
 owner: olga
-amount: 18000
+amount: 20000
 inputs:
   goal: leads
"
    );
    let new = repo.ok(&["new", "Hooli", "--dry-run"]);
    assert!(new.contains("--- /dev/null\n+++ b/sales/brief/hooli.yaml\n@@ -0,0 +1 @@\n+title: Hooli\n"), "{new}");
    repo.ok(&["set", "acme", "amount=5", "--dry-run"]);
    repo.ok(&["lose", "acme", "--reason", "price", "--dry-run"]);
    assert_eq!(repo.tussock(&["move", "acme", "contract", "--dry-run"]).code, 1, "a dry run is judged too");
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    assert_eq!(repo.git(&["count-objects", "-v"]), objects);
}

#[test]
fn what_a_dry_run_shows_is_what_git_applies() {
    let repo = with_deals();
    let diff = repo.ok(&["--today", "2026-03-02", "move", "acme", "proposal", "--set", "amount=20000", "--dry-run"]);
    repo.write("../change.diff", diff);
    repo.git(&["apply", "--index", "../change.diff"]);
    let by_git = repo.git(&["write-tree"]);
    repo.git(&["reset", "-q", "--hard"]);
    repo.ok(&["--today", "2026-03-02", "move", "acme", "proposal", "--set", "amount=20000"]);
    assert_eq!(repo.git(&["rev-parse", "HEAD^{tree}"]), by_git);
}

#[test]
fn two_people_on_one_machine_move_different_deals_at_once() {
    let repo = with_deals();
    let spawn = |id: &str| {
        Command::new(env!("CARGO_BIN_EXE_tussock"))
            .args(["move", id, "proposal"])
            .current_dir(repo.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TUSSOCK_FSYNC", "off")
            .envs([("GIT_AUTHOR_NAME", id), ("GIT_COMMITTER_NAME", id)])
            .envs([("GIT_AUTHOR_EMAIL", "x@example.com"), ("GIT_COMMITTER_EMAIL", "x@example.com")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let running: Vec<_> = ["acme", "globex", "initech"].into_iter().map(spawn).collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(commits(&repo), 5);
    assert_eq!(repo.git(&["ls-files", "sales/proposal"]).lines().count(), 4);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn line_ends_comments_and_the_files_mode_stay() {
    use std::os::unix::fs::PermissionsExt;
    let repo = with_deals();
    let text =
        "# for Olga\r\ntitle: 'ACME  site'   # as they write it\r\n\r\namount:   18000\r\ninputs: {goal: leads}\r\n";
    let file = repo.path().join("sales/brief/crlf.yaml");
    repo.write("sales/brief/crlf.yaml", text);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.commit("From a Windows machine");
    repo.ok(&["set", "crlf", "amount=20000"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text.replace("18000", "20000"));
    repo.ok(&["set", "crlf", "owner=petr", "proposal.sent_on=2026-03-01"]);
    repo.ok(&["move", "crlf", "contract"]);
    let moved = repo.path().join("sales/contract/crlf.yaml");
    let now = std::fs::read_to_string(&moved).unwrap();
    assert_eq!(now.matches('\n').count(), now.matches("\r\n").count(), "{now:?}");
    assert!(now.starts_with("# for Olga\r\ntitle: 'ACME  site'   # as they write it\r\n"), "{now:?}");
    assert_eq!(moved.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert!(repo.git(&["ls-files", "-s", "sales/contract/crlf.yaml"]).starts_with("100755 "));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_repository_that_signs_gets_signed_moves() {
    let repo = with_deals();
    let key = repo.path().join("../key");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "olga", "-f"]).arg(&key).output();
    if !made.is_ok_and(|o| o.status.success()) {
        println!("skipped: no ssh-keygen here");
        return;
    }
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    repo.write("../signers", format!("olga@example.com {public}"));
    let signers = repo.path().join("../signers").display().to_string();
    let key = key.display().to_string();
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingkey", key.as_str()),
        ("commit.gpgsign", "true"),
        ("gpg.ssh.allowedSignersFile", signers.as_str()),
    ] {
        repo.git(&["config", name, value]);
    }
    repo.ok(&["move", "acme", "proposal"]);
    assert_eq!(repo.git(&["log", "-1", "--format=%G? %GS"]), "G olga@example.com\n");

    std::fs::remove_file(&key).unwrap();
    let before = freeze(&repo.path());
    let ran = repo.tussock(&["set", "acme", "amount=5"]);
    assert_eq!(ran.code, 7, "{}", ran.err);
    assert!(ran.err.contains("the program that signs commits refused, nothing was changed"), "{}", ran.err);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn a_work_tree_beside_the_first_moves_its_own_branch() {
    let repo = with_deals();
    let beside = repo.path().join("../beside").display().to_string();
    repo.git(&["worktree", "add", "-q", "-b", "other", &beside]);
    repo.ok(&["-C", &beside, "move", "acme", "proposal"]);
    assert!(repo.has("sales/brief/acme.yaml"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["log", "-1", "--format=%s", "other"]), "acme: brief → proposal\n");
    assert_eq!(repo.git(&["-C", &beside, "status", "--porcelain"]), "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_after_the_branch_is_moved_waits_until_the_files_have_followed() {
    use std::os::unix::fs::PermissionsExt;
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 143)] {
        let repo = with_deals();
        // Git runs it the moment the branch is moved; it stops the tussock that started it.
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = committed ] || exit 0\n\
             git=$PPID; tussock=$(sed 's/.*) . \\([0-9]*\\) .*/\\1/' /proc/$git/stat); kill -{signal} $tussock\n"
        );
        let hook = repo.path().join(".git/hooks/reference-transaction");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
        let before = commits(&repo);
        let ran = repo.tussock(&["set", "acme", "amount=77"]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains("committed as"), "{}", ran.out);
        assert_eq!(commits(&repo), before + 1);
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn the_mail_address_of_the_environment_counts_as_it_does_for_git() {
    let repo = with_deals();
    repo.git(&["config", "user.name", "Olga"]);
    let set = |email: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.args(["set", "acme", "amount=77"]));
        command.env_remove("GIT_AUTHOR_EMAIL").env_remove("GIT_COMMITTER_EMAIL").env("EMAIL", email);
        command.output().unwrap()
    };
    assert_eq!(set("").status.code(), Some(4));
    repo.git(&["config", "user.useConfigOnly", "true"]);
    assert_eq!(set("olga@home.example").status.code(), Some(4));
    repo.git(&["config", "--unset", "user.useConfigOnly"]);
    let ran = set("olga@home.example");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(repo.git(&["log", "-1", "--format=%ae %ce"]), "olga@home.example olga@home.example\n");
}

#[test]
fn the_work_tree_that_the_environment_names_is_the_one_that_is_written() {
    for (git_dir, work_tree) in [(Some("../apart.git"), ".."), (None, "..")] {
        let repo = with_deals();
        if git_dir.is_some() {
            std::fs::rename(repo.path().join(".git"), repo.path().join("apart.git")).unwrap();
        }
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            repo.hermetic(command.args(args)).current_dir(repo.path().join("sales")).env("GIT_WORK_TREE", work_tree);
            if let Some(dir) = git_dir {
                command.env("GIT_DIR", dir);
            }
            let ran = command.output().unwrap();
            assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
            String::from_utf8_lossy(&ran.stdout).into_owned()
        };
        assert!(run(env!("CARGO_BIN_EXE_tussock"), &["list"]).contains("acme"));
        run(env!("CARGO_BIN_EXE_tussock"), &["move", "acme", "proposal"]);
        assert_eq!(run("git", &["status", "--porcelain", "-uno"]), "");
        assert!(repo.has("sales/proposal/acme.yaml") && !repo.has("sales/brief/acme.yaml"));
    }
}

#[test]
fn a_field_that_a_deal_must_have_is_not_taken_out() {
    let repo = with_deals();
    let pipeline =
        repo.read("sales/pipeline.yaml").replace("fields:\n", "fields:\n  owner: {type: person, required: true}\n");
    repo.write("sales/pipeline.yaml", pipeline).write("sales/brief/free.yaml", "title: Nobody's\n");
    repo.commit("Ask for the owner");
    for emptied in ["owner=", "owner= "] {
        let ran = repo.tussock(&["set", "acme", emptied]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.err.contains("`acme` must have `owner` in brief; give it another value instead"), "{}", ran.err);
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.ok(&["set", "acme", "owner=ivan", "amount="]);
    // What lacks it already can be worked on.
    repo.ok(&["set", "free", "amount=5"]);
}

#[cfg(unix)]
#[test]
fn a_question_that_is_stopped_gives_the_terminal_its_cursor_back() {
    use std::io::{Read, Write};
    for key in [b"\x03", b"\x1b"] {
        let repo = TestRepo::without_git();
        let pty = nix::pty::openpty(None, None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.arg("init")).stdin(slave()).stdout(slave()).stderr(slave()).env("TERM", "xterm");
        let mut child = command.spawn().unwrap();
        let mut terminal = std::fs::File::from(pty.master);
        let mut shown = String::new();
        let mut buffer = [0; 4096];
        let mut wait_for = |terminal: &mut std::fs::File, words: &str| {
            while !shown.contains(words) {
                let count = terminal.read(&mut buffer).unwrap();
                shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        };
        wait_for(&mut terminal, "candidates");
        // The key counts once the program listens for single keys.
        std::thread::sleep(std::time::Duration::from_millis(300));
        terminal.write_all(key).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        wait_for(&mut terminal, "nothing was changed");
        assert!(shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "{shown:?}");
        assert!(repo.path().read_dir().unwrap().next().is_none());
    }
}
