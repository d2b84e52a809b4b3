//! Pull requests that want to get past the checks, as `validate` in CI sees them.

mod kit;

use std::process::{Command, Stdio};

use kit::{Ran, TestRepo};

const PIPELINE: &str = "\
version: 1
title: Guarded
currency: EUR
groups:
  chiefs: [boss@example.com]
stages:
  - id: brief
    title: Brief
    exit:
      - id: goal-known
        text: We know what they want
        require: [inputs.goal]
      - id: worth-it
        text: It is worth it
        check: amount >= money(\"1000 EUR\")
        waivable: false
  - id: proposal
    title: Proposal
    entry:
      - id: go-ahead
        text: The bosses agree
        approval: {by: chiefs, not: owner}
        waivable: false
ends:
  - id: won
    kind: won
  - id: lost
    kind: lost
    entry:
      - id: reason
        text: Say why it was lost
        require: [lost.reason]
fields:
  owner: {type: person, required: true}
  inputs:
    goal: text
  lost:
    reason: {enum: [price, timing]}
rules:
  missing-next-step: off
";

/// A deal that may go nowhere, on `main`; the branch of the pull request is checked out.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", PIPELINE);
    for stage in ["brief", "proposal", "won", "lost"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    repo.write("sales/brief/acme.yaml", "title: Acme\nowner: olga\namount: 50\n");
    repo.write("sales/brief/globex.yaml", "title: Globex\nowner: olga\namount: 55000\n");
    repo.commit("Begin");
    repo.git(&["switch", "-q", "-c", "pull-request"]);
    repo
}

/// What a forge runs.
fn ci(repo: &TestRepo, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    command.args(["validate", "--since", "main", "--today", "2026-01-06"]).args(args);
    let output = repo.hermetic(&mut command).env("CI", "true").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// The rules of the errors that a check finds, each once.
fn errors(ran: &Ran) -> Vec<String> {
    let rule = |line: &str| Some(line.strip_prefix("error[")?.split(']').next()?.to_owned());
    let mut rules: Vec<String> = ran.out.lines().filter_map(rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

/// HP-02: every way to loosen the file that judges the move of the same pull request.
#[test]
fn weakening_the_criteria_lets_no_move_of_the_same_change_through_and_is_told() {
    let go_ahead = "    entry:\n      - id: go-ahead\n        text: The bosses agree\n        approval: {by: chiefs, not: \
                    owner}\n        waivable: false\n";
    let weaken: [(&str, &[(&str, &str)]); 8] = [
        ("taken out", &[(go_ahead, ""), ("[inputs.goal]", "[title]"), ("1000 EUR", "1 EUR")]),
        ("only warned of", &[("        waivable: false\n", "        level: warning\n"), ("[inputs.goal]", "[title]")]),
        ("waived", &[("        waivable: false\n", "")]),
        ("given to oneself", &[("[boss@example.com]", "[boss@example.com, eve]")]),
        (
            "rules switched off",
            &[("missing-next-step: off", "exit-criterion: off\n  entry-criterion: off\n  policy-change: off")],
        ),
        ("optional", &[("    title: Brief\n", "    title: Brief\n    optional: true\n")]),
        (
            "another order",
            &[("ends:\n", "  - id: last\nends:\n"), ("  - id: proposal\n", "  - id: zero\n  - id: proposal\n")],
        ),
        ("a stage of its own", &[("ends:\n", "  - id: fast\nends:\n")]),
    ];
    for (how, edits) in weaken {
        let repo = repo();
        let mut file = PIPELINE.to_owned();
        for (from, to) in edits {
            assert!(file.contains(from), "{how}: {from}");
            file = file.replace(from, to);
        }
        repo.write("sales/pipeline.yaml", file);
        let waivers = "waivers:\n  - {criterion: goal-known, by: eve, reason: Trust me, on: 2026-01-05}\n  - {criterion: \
                       worth-it, by: eve, reason: Trust me, on: 2026-01-05}\n  - {criterion: go-ahead, by: eve, reason: \
                       Trust me, on: 2026-01-05}\napprovals:\n  go-ahead: {by: eve, on: 2026-01-05}\n";
        let place = if how == "a stage of its own" { "fast" } else { "proposal" };
        repo.write(&format!("sales/{place}/.gitkeep"), "");
        repo.git(&["mv", "sales/brief/acme.yaml", &format!("sales/{place}/acme.yaml")]);
        repo.write(&format!("sales/{place}/acme.yaml"), format!("title: Acme\nowner: olga\namount: 50\n{waivers}"));
        repo.commit("Improve the process");
        let ran = ci(&repo, &[]);
        assert_eq!(ran.code, 1, "{how}: {}{}", ran.out, ran.err);
        let refused = ["exit-criterion", "entry-criterion", "unknown-stage"];
        assert!(errors(&ran).iter().any(|rule| refused.contains(&rule.as_str())), "{how}: {}", ran.out);
        let told = "[policy-change]: pipeline.yaml ";
        assert!(ran.out.contains(told), "{how}: {}", ran.out);
        if !["another order", "a stage of its own"].contains(&how) {
            assert!(ran.out.contains("warning[policy-change]: pipeline.yaml asks for less: "), "{how}: {}", ran.out);
        }
        // Also where somebody trusts the change, nobody is kept in the dark.
        let head = ci(&repo, &["--trust", "head"]);
        assert!(head.out.contains(told), "{how}: {}", head.out);
    }
}

/// HP-02: what is silenced or listed as known by the same pull request.
#[test]
fn a_baseline_of_the_change_itself_passes_nothing_over() {
    let repo = repo();
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.commit("Move");
    repo.ok(&["validate", "--write-baseline", "known.yaml", "--until", "2099-01-01", "--today", "2026-01-06"]);
    repo.commit("Known for long");
    let quiet = repo.tussock(&["validate", "--baseline", "known.yaml", "--today", "2026-01-06"]);
    assert_eq!((quiet.code, quiet.out.as_str()), (0, ""));
    let ran = ci(&repo, &["--baseline", "known.yaml"]);
    assert_eq!((ran.code, errors(&ran)), (1, vec!["entry-criterion".to_owned(), "exit-criterion".to_owned()]));
    assert!(ran.err.contains("known.yaml passes over 3 more findings than in "), "{}", ran.err);
}

/// HP-11: ids and paths that lead elsewhere.
#[test]
fn names_that_lead_out_of_the_folder_are_no_deals_and_nothing_outside_is_read() {
    let repo = repo();
    let secret = repo.path().join("../secret.yaml");
    std::fs::write(&secret, "title: [\n").unwrap();
    repo.write("sales/brief/-rf.yaml", "title: x\nowner: olga\n");
    repo.write("sales/brief/..yaml", "title: x\nowner: olga\n");
    repo.write(
        "sales/brief/evil.yaml",
        "title: Evil\nowner: olga\nfollows: ../../secret\nwas: [../../secret, /etc/passwd]\n",
    );
    repo.commit("Odd names");
    let ran = ci(&repo, &[]);
    assert_eq!(ran.code, 1);
    assert!(errors(&ran).contains(&"bad-id".to_owned()), "{}", ran.out);
    assert!(!ran.out.contains("yaml-syntax"), "the secret was read: {}", ran.out);
    // A tree that no checkout would take, with a file called `..` and one that says it is two folders up.
    let blob = repo.git(&["rev-parse", "HEAD:sales/brief/evil.yaml"]);
    let mut tree = Vec::new();
    for name in ["..", "../../secret.yaml", "C:.yaml", "con.yaml"] {
        tree.extend_from_slice(format!("100644 {name}\0").as_bytes());
        let hex = blob.trim();
        tree.extend((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()));
    }
    let inner = object(&repo, &tree);
    let brief: Vec<String> = repo
        .git(&["ls-tree", "HEAD:sales"])
        .lines()
        .map(|line| if line.ends_with("\tbrief") { format!("040000 tree {inner}\tbrief") } else { line.to_owned() })
        .collect();
    let sales = with_input(&repo, &["mktree"], brief.join("\n").as_bytes());
    let root = with_input(&repo, &["mktree"], format!("040000 tree {}\tsales\n", sales.trim()).as_bytes());
    let commit = repo.git(&["commit-tree", "-p", "main", "-m", "Odd", root.trim()]);
    let ran = ci(&repo, &["--rev", commit.trim()]);
    assert!(ran.code == 1 || ran.code == 10, "{} {}{}", ran.code, ran.out, ran.err);
    assert!(!ran.out.contains("yaml-syntax") && !ran.err.contains("panicked"), "{}{}", ran.out, ran.err);
}

fn with_input(repo: &TestRepo, args: &[&str], input: &[u8]) -> String {
    use std::io::Write;
    let mut command = Command::new("git");
    repo.hermetic(command.args(args)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn object(repo: &TestRepo, tree: &[u8]) -> String {
    with_input(repo, &["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], tree).trim().to_owned()
}

/// HP-12: links, in the files that are checked and in those that are written.
#[cfg(unix)]
#[test]
fn links_are_not_followed_for_reading_or_writing() {
    let repo = repo();
    let outside = repo.path().join("../outside.txt");
    std::fs::write(&outside, "secret: [\n").unwrap();
    std::os::unix::fs::symlink("../../../outside.txt", repo.path().join("sales/brief/linked.yaml")).unwrap();
    std::os::unix::fs::symlink("../outside.txt", repo.path().join("known.yaml")).unwrap();
    repo.commit("Links");
    let ran = ci(&repo, &[]);
    assert_eq!((ran.code, errors(&ran)), (1, vec!["symlink".to_owned()]), "{}", ran.out);
    assert!(!ran.out.contains("secret"), "{}", ran.out);
    for option in ["--baseline", "--write-baseline"] {
        let ran = repo.tussock(&["validate", option, "known.yaml"]);
        assert_eq!(ran.code, 2, "{option}: {}", ran.err);
        assert!(ran.err.contains("links are not followed") && !ran.err.contains("secret"), "{}", ran.err);
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "secret: [\n");
    // A pipeline file that is a link judges nobody.
    std::fs::remove_file(repo.path().join("sales/pipeline.yaml")).unwrap();
    std::os::unix::fs::symlink("../../outside.txt", repo.path().join("sales/pipeline.yaml")).unwrap();
    repo.commit("Link the file");
    let ran = ci(&repo, &[]);
    assert!(ran.code == 2 && !ran.err.contains("secret"), "{} {}", ran.code, ran.err);
}

/// HP-25: what a web page shows otherwise than it is.
#[test]
fn text_that_turns_its_direction_is_an_error_and_printed_as_what_it_is() {
    let repo = repo();
    repo.write(
        "sales/brief/globex.yaml",
        "title: Globex\nowner: olga\namount: 55000\nnotes: \"50\u{202e}%\u{2066}\"\n",
    );
    repo.write("sales/brief/glob\u{202e}ex.yaml", "title: Globex\nowner: olga\n");
    // А Cyrillic letter that looks like a Latin one.
    repo.write("sales/brief/acm\u{435}.yaml", "title: Acme\nowner: olga\n");
    repo.commit("Discount");
    let ran = ci(&repo, &[]);
    assert_eq!((ran.code, errors(&ran)), (1, vec!["bad-id".to_owned(), "bidi-text".to_owned()]), "{}", ran.out);
    assert!(!ran.out.contains(['\u{202e}', '\u{2066}']), "{}", ran.out);
}

/// HP-25: and a comment that silences it is told.
#[test]
fn what_a_change_silences_is_told() {
    let repo = repo();
    let comment = "# tussock: ignore[bidi-text] A name in Hebrew";
    repo.write(
        "sales/brief/globex.yaml",
        format!("title: Globex\nowner: olga\namount: 55000\n{comment}\nnotes: \"50\u{202e}%\"\n"),
    );
    repo.commit("Silence it");
    let ran = ci(&repo, &[]);
    let said = "warning[policy-change]: globex silences bidi-text from now on: A name in Hebrew";
    assert!(ran.code == 0 && ran.out.contains(said), "{} {}", ran.code, ran.out);
    assert!(ran.out.contains("sales/brief/globex.yaml:4:1"), "{}", ran.out);
    // What was silenced before is no news, wherever the deal goes.
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["merge", "-q", "pull-request"]);
    repo.git(&["switch", "-q", "pull-request"]);
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/lost/globex.yaml"]);
    let text = repo.read("sales/lost/globex.yaml");
    repo.write("sales/lost/globex.yaml", format!("{text}lost: {{reason: price}}\n"));
    repo.commit("Lost");
    let ran = ci(&repo, &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}

/// HP-27: a deal that is removed rather than lost.
#[test]
fn a_deal_that_is_removed_is_told_with_what_it_was_worth() {
    let repo = repo();
    repo.git(&["rm", "-q", "sales/brief/globex.yaml"]);
    repo.commit("Clean up");
    let ran = ci(&repo, &[]);
    let said = "warning[removed-deal]: the deal globex is gone; it was in brief, worth 55000 EUR";
    assert!(ran.code == 0 && ran.out.contains(said), "{} {}", ran.code, ran.out);
    assert_eq!(ci(&repo, &["--fail-on", "warning"]).code, 1);
    // Also where the pull request makes it look like another deal.
    repo.write("sales/brief/other.yaml", "title: Other\nowner: olga\namount: 5\n");
    repo.commit("Something else");
    assert!(ci(&repo, &[]).out.contains(said));
    // Another id, with the old one under `was`, is no removal.
    repo.write("sales/brief/other.yaml", "title: Other\nowner: olga\namount: 5\nwas: [globex]\n");
    repo.commit("Renamed");
    assert!(!ci(&repo, &[]).out.contains("removed-deal"));
}

/// HP-28: a deal tells its own past nowhere, so there is none to rewrite.
#[test]
fn a_history_in_the_file_is_no_field() {
    let repo = repo();
    repo.write(
        "sales/brief/globex.yaml",
        "title: Globex\nowner: olga\namount: 55000\nhistory:\n  - {stage: brief, on: 2020-01-01}\n",
    );
    repo.commit("It was always so");
    assert_eq!(errors(&ci(&repo, &[])), ["unknown-field"]);
}

/// HP-29: whatever date and name a commit gives itself, its move is judged, and in the order of the commits.
#[test]
fn forged_dates_and_names_hide_no_move() {
    let repo = repo();
    let (year, begin) = (365, repo.now());
    repo.set_now(begin - 30 * year * 86_400);
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    repo.git(&["commit", "-q", "-m", "Long ago", "--author", "Boss <boss@example.com>"]);
    repo.set_now(begin + 30 * year * 86_400);
    repo.git(&["mv", "sales/proposal/globex.yaml", "sales/brief/globex.yaml"]);
    repo.commit("Far ahead");
    let ran = ci(&repo, &[]);
    assert!(
        ran.out.contains("warning[unearned-move]: globex was moved from brief to proposal")
            && ran.out.contains("by Boss on"),
        "{}{}",
        ran.out,
        ran.err
    );
}

/// An approval in somebody else's name.
#[test]
fn an_approval_that_another_person_wrote_is_an_error() {
    let repo = repo();
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    let deal = "title: Globex\nowner: olga\namount: 55000\ninputs: {goal: Leads}\napprovals:\n  go-ahead: {by: boss, on: \
                2026-01-05}\n";
    repo.write("sales/proposal/globex.yaml", deal);
    repo.commit("Approved, he said");
    let ran = ci(&repo, &[]);
    assert_eq!(errors(&ran), ["approval"], "{}", ran.out);
    assert!(
        ran.out.contains("is in the name of boss") && ran.out.contains("Olga Sokolova <olga@example.com>"),
        "{}",
        ran.out
    );
    // A commit that joins the work of several names them below its message.
    repo.git(&["commit", "-q", "--amend", "-m", "Squashed\n\nCo-authored-by: The Boss <boss@example.com>"]);
    let ran = ci(&repo, &[]);
    assert_eq!((ran.code, errors(&ran)), (0, Vec::new()), "{}", ran.out);
    // And it cannot be dated back afterwards.
    repo.write("sales/proposal/globex.yaml", deal.replace("2026-01-05", "2026-01-02"));
    repo.commit("Earlier");
    assert_eq!(errors(&ci(&repo, &[])), ["approval"]);
    repo.write("sales/proposal/globex.yaml", deal);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "By himself", "--author", "The Boss <boss@example.com>"]);
    assert_eq!(errors(&ci(&repo, &[])), [""; 0]);
}
