//! Every command on the real binary: what it does, what its help says, and the exit code of every way it can end.

mod kit;

use std::process::{Command, Stdio};

use kit::TestRepo;
use kit::freeze::{differences, freeze, refuses};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\n";

/// The small pipeline with one deal in its first stage.
fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.commit("Add acme");
    repo
}

fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_tussock"))
}

const COMMANDS: [&str; 27] = [
    "init",
    "demo",
    "new",
    "move",
    "set",
    "win",
    "lose",
    "rename",
    "waive",
    "approve",
    "fmt",
    "resolve",
    "merge-check",
    "undo",
    "sync",
    "hooks",
    "validate",
    "list",
    "show",
    "why",
    "log",
    "report",
    "watch",
    "doctor",
    "explain",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself_with_examples_and_exit_codes() {
    let repo = TestRepo::without_git();
    let front = repo.ok(&["--help"]);
    for command in COMMANDS {
        assert!(front.contains(&format!("\n  {command} ")), "{command} is not in the overview:\n{front}");
        let help = repo.ok(&[command, "--help"]);
        assert!(help.contains("\nExamples:\n  tussock "), "{command}:\n{help}");
        assert!(help.contains("\nExit codes:\n  "), "{command}:\n{help}");
        assert!(help.lines().all(|l| l.chars().count() <= 100), "{command} is too wide:\n{help}");
    }
}

#[test]
fn the_commands_of_a_day_say_what_they_did() {
    let repo = TestRepo::with_pipeline();
    let new = repo.ok(&["new", "ACME site", "--set", "owner=olga", "--set", "amount=18000"]);
    assert!(new.starts_with("acme-site: new in brief (sales/brief/acme-site.yaml)\ncommitted as "), "{new}");
    assert_eq!(repo.read("sales/brief/acme-site.yaml"), ACME);

    let set = repo.ok(&["set", "acme-site", "inputs.goal=More leads", "-m", "The call was good"]);
    assert!(set.starts_with("acme-site: changed (sales/brief/acme-site.yaml)\n"), "{set}");
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        "acme-site: inputs.goal\n\nThe call was good\n\nDeal: acme-site\n\n"
    );

    let moved = repo.ok(&["move", "acme-site", "--next"]);
    assert!(moved.starts_with("acme-site: brief → proposal\ncommitted as "), "{moved}");
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        "acme-site: brief → proposal\n\nDeal: acme-site\nFrom: brief\nTo: proposal\n\n"
    );

    assert_eq!(
        repo.ok(&["list"]),
        "\
id          stage      owner       amount   close_date   next_step.due   title
──────────────────────────────────────────────────────────────────────────────────
acme-site   proposal   olga    18,000 EUR                                ACME site
"
    );
    assert_eq!(
        repo.ok(&["show", "acme-site"]),
        "\
ACME site
acme-site · Proposal · open
sales/proposal/acme-site.yaml

title: ACME site
owner: olga
amount: 18,000 EUR
inputs
  goal: More leads

1 thing is asked before Contract: tussock why acme-site
"
    );
    assert_eq!(
        repo.ok(&["why", "acme-site"]),
        "\
ACME site (acme-site): Proposal → Contract

Brief
  ✓ We know what they want (goal-known)

Proposal
  ✗ The proposal is sent (proposal-sent): missing proposal.sent_on

It may go with: tussock move acme-site contract --set proposal.sent_on=…
The file is sales/proposal/acme-site.yaml
"
    );
    let log = repo.ok(&["log", "acme-site", "--format", "table"]);
    let told: Vec<&str> = log.lines().skip(2).map(|l| l[16..l.len() - 10].trim()).collect();
    assert_eq!(told, ["created in brief   olga@example.com", "brief → proposal   olga@example.com"]);
    assert_eq!(repo.ok(&["validate"]), "");

    repo.ok(&["win", "acme-site", "--set", "proposal.sent_on=today"]);
    assert!(repo.git(&["ls-files", "sales/won"]).contains("acme-site.yaml"));
    repo.ok(&["new", "Globex"]);
    repo.ok(&["lose", "globex", "--reason", "price"]);
    assert!(repo.git(&["ls-files", "sales/lost"]).contains("globex.yaml"));
    assert_eq!(repo.ok(&["list"]), "", "what has ended is not listed");
    assert_eq!(repo.ok(&["list", "--all"]).lines().count(), 4);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn init_demo_explain_completions_and_man_need_no_pipeline() {
    let repo = TestRepo::without_git();
    let init = repo.ok(&["init", "sales", "--template", "six-stage"]);
    assert!(
        init.starts_with("made a git repository in sales\n") && init.contains("Next:  tussock -C sales new"),
        "{init}"
    );
    assert_eq!(repo.ok(&["-C", "sales", "validate"]), "");
    let plain = repo.ok(&["init", "plain", "--template", "hiring", "--no-commit"]);
    assert!(plain.contains(" stages: "), "{plain}");
    assert!(repo.has("plain/pipeline.yaml"));

    assert!(repo.ok(&["explain"]).contains("exit-criterion"));
    let rule = repo.ok(&["explain", "exit-criterion"]);
    assert!(rule.starts_with("exit-criterion (error)\n") && rule.contains("\nBad:\n") && rule.contains("\nGood:\n"));
    for (shell, word) in
        [("bash", "complete -F _tussock"), ("zsh", "#compdef tussock"), ("fish", "complete -c tussock")]
    {
        assert!(repo.ok(&["completions", shell]).contains(word), "{shell}");
    }
    assert!(repo.ok(&["man"]).contains(".TH tussock 1"));
    assert!(repo.ok(&["man", "move"]).contains("tussock-move") || repo.ok(&["man", "move"]).contains("tussock\\-move"));
}

/// What a reader of the Markdown stumbles over: a head without a blank line before it, two blanks in a sentence.
fn untidy(page: &str) -> Vec<&str> {
    let lines: Vec<&str> = page.lines().collect();
    let glued = |i: usize| lines[i].starts_with('#') && i > 0 && !lines[i - 1].is_empty();
    let is_text = |line: &str| !line.starts_with('|') && !line.starts_with(' ');
    let gap = |i: usize| is_text(lines[i]) && lines[i].contains("  ");
    (0..lines.len()).filter(|i| glued(*i) || gap(*i)).map(|i| lines[i]).collect()
}

#[test]
fn the_reports_of_the_demo_are_tidy_markdown_and_its_rules_say_why() {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let said = |args: &[&str]| repo.ok(&[&["-C", "trial"], args].concat());
    for kind in ["overview", "pipeline", "forecast", "funnel", "time", "waterfall", "health", "losses", "effort"] {
        let page = said(&["report", kind, "--by", "owner", "--where", "owner != \"anna\"", "--format", "md"]);
        assert!(page.starts_with("# "), "{kind}: {page}");
        assert_eq!(untidy(&page), [] as [&str; 0], "{kind}");
    }
    let hours = said(&["report", "time", "--business-hours", "--format", "md"]);
    assert_eq!(untidy(&hours), [] as [&str; 0]);
    // A rule that does without payments is not met, and payments are not what is missing.
    let why = said(&["why", "hof-lindenau"]);
    assert!(why.contains("(presale-in-proportion): not satisfied, `payments | default([])"), "{why}");
    assert!(why.contains("sum(attribute=\"hours\") * 50` is 450, `amount.value * 0.05` is 345"), "{why}");
    assert!(!why.contains("missing payments"), "{why}");
}

#[test]
fn the_demo_is_a_clean_repository_that_every_reader_reads() {
    let repo = TestRepo::without_git();
    let told = repo.ok(&["demo", "trial"]);
    assert!(told.contains(" deals, ") && told.contains("tussock why acme-site"), "{told}");
    for args in
        [&["list", "--all"][..], &["show", "acme-site"], &["why", "acme-site"], &["log", "acme-site"], &["validate"]]
    {
        let mut all = vec!["-C", "trial", "--today", "2026-11-20"];
        all.extend(args);
        repo.ok(&all);
    }
    refuses(&repo, 2, &["demo", "trial"], "trial");
}

#[test]
fn findings_and_refusals_end_with_1() {
    let repo = with_acme();
    refuses(&repo, 1, &["move", "acme", "proposal"], "missing inputs.goal");
    refuses(&repo, 1, &["lose", "acme"], "Say why it was lost");
    refuses(&repo, 1, &["win", "acme"], "We know what they want");
    refuses(&repo, 1, &["set", "acme", "payments+={what"], "payments cannot be set");
    refuses(&repo, 1, &["set", "acme", "amount=lots"], "`amount` must be an amount");
    refuses(&repo, 1, &["set", "acme", "proposal.sent_on=2026-02-30"], "2026-02-30 does not exist");
    refuses(&repo, 1, &["lose", "acme", "--reason", "pric"], "did you mean `price`?");
    refuses(&repo, 1, &["new", "Late", "--stage", "contract"], "missing inputs.goal");

    repo.write("sales/brief/broken.yaml", "title: a: b\n");
    repo.commit("Break one");
    let validate = repo.tussock(&["validate"]);
    assert_eq!(validate.code, 1);
    assert!(validate.out.contains("error[yaml-syntax]"), "{}", validate.out);
    assert_eq!(repo.tussock(&["validate", "--exit-zero"]).code, 0);
    assert_eq!(repo.tussock(&["validate", "sales/brief/acme.yaml"]).code, 0);
    assert_eq!(repo.tussock(&["validate", "sales/brief"]).code, 1);
    let list = refuses(&repo, 1, &["list"], "1 file could not be read and is not counted (sales/brief/broken.yaml)");
    assert!(list.out.contains("acme"), "the rest is listed: {}", list.out);
    refuses(&repo, 1, &["show", "broken"], "tussock validate brief/broken.yaml");
}

#[test]
fn the_level_that_fails_can_be_chosen() {
    let repo = with_acme();
    repo.write(
        "sales/pipeline.yaml",
        kit::SMALL_PIPELINE.replace("missing-next-step: off", "missing-next-step: warning"),
    );
    assert_eq!(repo.tussock(&["validate"]).code, 0);
    assert_eq!(repo.tussock(&["validate", "--fail-on", "warning"]).code, 1);
}

#[test]
fn wrong_words_end_with_2_and_name_the_right_ones() {
    let repo = with_acme();
    refuses(&repo, 2, &["frobnicate"], "unrecognized subcommand");
    refuses(&repo, 2, &["list", "--frob"], "unexpected argument");
    refuses(&repo, 2, &["list", "--today", "yesterday"], "yesterday");
    refuses(&repo, 2, &["show", "acmee"], "there is no deal `acmee`, did you mean `acme`?");
    refuses(&repo, 2, &["log", "acmee"], "there is no deal `acmee`, did you mean `acme`?");
    refuses(&repo, 2, &["move", "acme", "propsal"], "did you mean `proposal`?");
    refuses(&repo, 2, &["move", "acme"], "name the stage to move to, or say --next");
    refuses(&repo, 2, &["why", "acme", "nowhere"], "stages are brief, proposal, contract, won, lost, recycled");
    refuses(&repo, 2, &["set", "acme", "amont=5"], "there is no field `amont`, did you mean `amount`?");
    refuses(&repo, 2, &["set", "acme", "amount"], "write field=value");
    refuses(&repo, 2, &["list", "--columns", "ownr"], "there is no column `ownr`, did you mean `owner`?");
    refuses(&repo, 2, &["list", "--sort", "-ownr"], "did you mean `owner`?");
    refuses(&repo, 2, &["list", "--where", "amount >"], "--where: ");
    refuses(&repo, 2, &["list", "--where", "ownr == 'olga'"], "did you mean");
    refuses(&repo, 2, &["explain", "exit-critrion"], "did you mean `exit-criterion`?");
    refuses(&repo, 2, &["man", "mvoe"], "did you mean `move`?");
    refuses(&repo, 2, &["validate", "nowhere.yaml"], "there is no file or folder nowhere.yaml");
    refuses(&repo, 2, &["validate", "--rev", "nowhere"], "\"nowhere\" is not a revision here");
    refuses(&repo, 2, &["init", "sales", "--template", "hiring"], "there is a pipeline already");
    refuses(&repo, 2, &["init", "x", "--template", "nope"], "templates are service-project");
    refuses(&repo, 2, &["init", "x"], "name a template with --template");
    refuses(&repo, 2, &["new", "Acme"], "there is already a deal `acme`");
    refuses(&repo, 2, &["new", "!!!"], "gives no id");
    refuses(&repo, 2, &["new", "X", "--id", "../x"], "../x");
    refuses(&repo, 2, &["-C", "nowhere", "list"], "cannot go to the folder nowhere");
}

#[test]
fn revisions_that_look_like_options_reach_no_git() {
    let repo = with_acme();
    refuses(&repo, 2, &["validate", "--rev=--output=stolen"], "is not a revision here");
    assert!(!repo.has("stolen"));
}

#[test]
fn a_broken_pipeline_file_ends_every_reader_with_2_and_shows_the_line() {
    let repo = with_acme();
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replace("require: [inputs.goal]", "require: [inputs.gaol]"));
    for args in [&["list"][..], &["show", "acme"], &["why", "acme"], &["move", "acme", "proposal"], &["validate"]] {
        let ran = refuses(&repo, 2, args, "");
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("inputs.gaol") && all.contains("pipeline.yaml:"), "{args:?}: {all}");
    }
}

#[test]
fn no_pipeline_or_several_end_with_3() {
    let none = TestRepo::new();
    for args in [&["list"][..], &["validate"], &["new", "X"], &["log"], &["set", "x", "amount=1"]] {
        refuses(&none, 3, args, "`tussock init` makes one");
    }
    let plain = TestRepo::without_git();
    let ran = refuses(&plain, 3, &["list"], "there is no pipeline.yaml in @@REPO@@");
    assert!(!ran.err.contains("repository"), "there is none: {}", ran.err);

    let two = with_acme();
    two.write("hiring/pipeline.yaml", kit::SMALL_PIPELINE).write("hiring/brief/ada.yaml", "title: Ada\n");
    two.commit("Hire");
    refuses(&two, 3, &["list"], "there are several pipelines here (hiring, sales); choose one with -p NAME");
    refuses(&two, 3, &["-p", "nope", "list"], "there are: hiring, sales");
    assert!(two.ok(&["-p", "hiring", "list"]).contains("Ada"));
    assert!(two.ok(&["list", "-p", "sales"]).contains("ACME"));
    assert!(two.ok(&["-C", "hiring/brief", "list"]).contains("Ada"));
}

#[test]
fn a_repository_in_the_middle_of_something_ends_writers_with_4() {
    let dirty = with_acme();
    dirty.write("sales/brief/acme.yaml", format!("{ACME}notes: draft\n"));
    refuses(&dirty, 4, &["set", "acme", "amount=5"], "commit or stash that first");

    let detached = with_acme();
    detached.git(&["checkout", "-q", "--detach"]);
    refuses(&detached, 4, &["set", "acme", "amount=5"], "HEAD is detached");
    detached.ok(&["list"]);

    let merging = with_acme();
    merging.git(&["switch", "-q", "-c", "other"]);
    merging.write("sales/brief/acme.yaml", ACME.replace("18000", "1"));
    merging.commit("One");
    merging.git(&["switch", "-q", "main"]);
    merging
        .write("sales/brief/other.yaml", "title: Other\n")
        .write("sales/brief/acme.yaml", ACME.replace("18000", "2"));
    merging.commit("Two");
    assert_ne!(merging.try_git(&["merge", "other"]).code, 0);
    refuses(&merging, 4, &["set", "other", "amount=5"], "a merge is in progress");
    assert_eq!(merging.tussock(&["list"]).code, 1, "the file in conflict cannot be read, the rest can");

    let bare = with_acme();
    let folder = bare.path().join("../bare.git").display().to_string();
    bare.git(&["clone", "-q", "--bare", ".", &folder]);
    let ran = bare.tussock(&["-C", &folder, "set", "acme", "amount=5"]);
    assert_eq!((ran.code, ran.err.contains("bare")), (4, true), "{}", ran.err);

    let plain = TestRepo::without_git();
    plain.write("pipeline.yaml", kit::SMALL_PIPELINE).write("brief/acme.yaml", ACME);
    refuses(&plain, 4, &["log"], "is not in a git repository");
    refuses(&plain, 4, &["set", "acme", "amount=5"], "git init");
    assert!(plain.ok(&["list"]).contains("ACME"), "reading needs no git");
}

#[test]
fn who_lost_the_race_hears_it_and_ends_with_6() {
    let repo = with_acme();
    // Somebody else commits another amount of this deal while our hook runs.
    repo.hook(
        "pre-commit",
        "test -e .git/raced && exit 0; touch .git/raced; unset GIT_INDEX_FILE TUSSOCK_IN_TRANSACTION
blob=$(printf 'title: Theirs\\n' | git hash-object -w --stdin)
export GIT_INDEX_FILE=.git/theirs
git read-tree HEAD && git update-index --cacheinfo 100644,$blob,sales/brief/acme.yaml
git update-ref refs/heads/main $(git commit-tree -p HEAD -m Theirs $(git write-tree)); rm .git/theirs",
    );
    let ran = repo.tussock(&["set", "acme", "amount=5"]);
    assert_eq!(ran.code, 6, "{}", ran.err);
    assert!(ran.err.contains("somebody else changed the same file"), "{}", ran.err);
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "Theirs\n");
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME);
}

#[test]
fn hooks_that_say_no_end_with_7_and_nothing_changes() {
    for name in ["pre-commit", "commit-msg"] {
        let repo = with_acme();
        repo.hook(name, "echo 'deals move on weekdays only' >&2; exit 1");
        for args in [
            &["set", "acme", "amount=5"][..],
            &["move", "acme", "proposal", "--set", "inputs.goal=x"],
            &["new", "Other"],
        ] {
            let ran = refuses(&repo, 7, args, "deals move on weekdays only");
            assert!(ran.err.contains(&format!("the {name} hook refused, nothing was changed")), "{}", ran.err);
        }
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn output_that_cannot_be_written_ends_with_8() {
    let repo = with_acme();
    for args in [&["list"][..], &["man"], &["list", "--format", "json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = binary()
            .args(args)
            .current_dir(repo.path())
            .stdin(Stdio::null())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(8), "{args:?}");
        assert!(err.contains("cannot write the output: No space left"), "{err}");
    }
}

#[test]
fn a_reader_that_left_is_no_error() {
    let repo = with_acme();
    for args in [&["list"][..], &["man"], &["--help"], &["completions", "bash"], &["log", "--format", "json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = binary().args(args).current_dir(repo.path()).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn a_shallow_clone_ends_log_with_10_and_validates() {
    let repo = with_acme();
    let (from, to) =
        (format!("file://{}", repo.path().display()), repo.path().join("../shallow").display().to_string());
    repo.git(&["clone", "-q", "--depth", "1", &from, &to]);
    let ran = repo.tussock(&["-C", &to, "log"]);
    assert_eq!(ran.code, 10, "{}", ran.err);
    assert!(ran.err.contains("git fetch --unshallow"), "{}", ran.err);
    repo.ok(&["-C", &to, "validate"]);
    repo.ok(&["-C", &to, "list"]);
}

#[test]
fn colours_are_where_they_are_asked_for() {
    let repo = with_acme();
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = binary();
        command.args(args).current_dir(repo.path()).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        command.envs(env.iter().copied()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let (out, err) = (output.stdout.contains(&0x1b), output.stderr.contains(&0x1b));
        (out, err)
    };
    assert_eq!(run(&["show", "acme"], &[]), (false, false), "no terminal");
    assert_eq!(run(&["show", "acme", "--color", "always"], &[("NO_COLOR", "1")]), (true, false));
    assert_eq!(run(&["show", "acme"], &[("CLICOLOR_FORCE", "1")]), (true, false));
    assert_eq!(run(&["show", "acme"], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), (false, false));
    assert_eq!(run(&["show", "nobody"], &[("CLICOLOR_FORCE", "1")]), (false, true));
    assert_eq!(run(&["show", "nobody", "--color", "never"], &[("CLICOLOR_FORCE", "1")]), (false, false));
}

#[test]
fn the_same_from_the_root_a_sub_folder_a_link_and_with_c() {
    let repo = with_acme();
    std::os::unix::fs::symlink(repo.path().join("sales/brief"), repo.path().join("../link")).unwrap();
    let expected = repo.ok(&["list"]);
    assert_eq!(repo.ok(&["-C", "sales/brief", "list"]), expected);
    assert_eq!(repo.ok(&["-C", "../link", "list"]), expected);
    assert_eq!(repo.ok(&["-p", "sales", "list"]), expected);
    repo.ok(&["-C", "sales/brief", "move", "acme", "proposal", "--set", "inputs.goal=x"]);
    assert!(repo.has("sales/proposal/acme.yaml"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    let card = repo.ok(&["-C", "sales/proposal", "show", "acme"]);
    assert!(card.contains("\n../proposal/acme.yaml\n"), "paths are as seen from here: {card}");
}

#[test]
fn a_machine_without_home_or_git_settings_reads_and_is_told_how_to_write() {
    let repo = with_acme();
    let run = |args: &[&str]| {
        let path = std::env::var_os("PATH").unwrap();
        let mut command = binary();
        command.args(args).current_dir(repo.path()).env_clear().env("PATH", path).stdin(Stdio::null());
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    for args in [&["list"][..], &["validate"], &["log"], &["why", "acme"]] {
        assert_eq!(run(args).0, Some(0), "{args:?}");
    }
    repo.git(&["config", "user.useConfigOnly", "true"]);
    let before = freeze(&repo.path());
    let (code, _, err) = run(&["set", "acme", "amount=5"]);
    assert_eq!(code, Some(4), "{err}");
    assert!(
        err.contains("`git config --global user.name \"Your Name\"`")
            && err.contains("`git config --global user.email")
    );
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}

#[test]
fn without_a_git_program_reading_works_and_writing_says_why_not() {
    let repo = with_acme();
    let run = |args: &[&str]| {
        let output = binary().args(args).current_dir(repo.path()).env("PATH", "/nowhere").output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for args in [&["list"][..], &["validate"], &["log"], &["show", "acme"]] {
        assert_eq!(run(args), (Some(0), String::new()), "{args:?}");
    }
    let (code, err) = run(&["set", "acme", "amount=5"]);
    assert_eq!(code, Some(4));
    assert!(err.contains("the program `git` was not found"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_git_program_that_cannot_be_started_is_not_called_missing() {
    use std::os::unix::fs::PermissionsExt;
    let repo = with_acme();
    let tools = repo.path().join("../tools");
    std::fs::create_dir(&tools).unwrap();
    std::fs::write(tools.join("git"), "#!/nowhere/sh\n").unwrap();
    std::fs::set_permissions(tools.join("git"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let tools = tools.canonicalize().unwrap();
    let output =
        binary().args(["set", "acme", "amount=5"]).current_dir(repo.path()).env("PATH", tools).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(8), "{err}");
    assert!(err.contains("cannot run `git version`"), "{err}");
}

#[test]
fn a_pipeline_in_no_language_of_the_machine_prints_the_same() {
    let repo = with_acme();
    let run = |locale: &str| {
        let mut command = binary();
        command.args(["list"]).current_dir(repo.path()).env("LC_ALL", locale).env("LANG", locale);
        command.output().unwrap().stdout
    };
    assert_eq!(run("C"), run("de_DE.UTF-8"));
}
