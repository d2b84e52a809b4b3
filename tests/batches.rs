//! Commands on many deals: chosen by an expression, read from standard input, checked whole, one commit.

mod kit;

use std::io::Write;
use std::process::{Command, Stdio};

use kit::freeze::refuses;
use kit::{Ran, TestRepo};

const GOOD: &str = "title: A deal\nowner: olga\namount: 18000\ninputs:\n  goal: More leads\n";

/// Three deals in brief: two of olga that may go on, one of petr that may not.
fn with_three() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", GOOD).write("sales/brief/globex.yaml", GOOD);
    repo.write("sales/brief/initech.yaml", "title: Initech\nowner: petr\n");
    repo.commit("Add three");
    repo
}

fn commits(repo: &TestRepo) -> usize {
    repo.git(&["rev-list", "--count", "HEAD"]).trim().parse().unwrap()
}

/// Runs tussock with this on its standard input.
fn fed(repo: &TestRepo, input: &str, args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(&mut command).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

#[test]
fn an_expression_chooses_the_deals_of_one_commit() {
    let repo = with_three();
    let before = commits(&repo);
    let told = repo.ok(&["move", "--where", "owner == \"olga\"", "proposal"]);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[..2], ["acme: brief → proposal", "globex: brief → proposal"]);
    assert!(lines[2].starts_with("committed as ") && lines.len() == 3, "{told}");
    assert_eq!(commits(&repo), before + 1);
    assert_eq!(
        repo.git(&["show", "-s", "--format=%B"]),
        "2 deals → proposal\n\nDeal: acme\nFrom: brief\nTo: proposal\nDeal: globex\nFrom: brief\nTo: proposal\n\n"
    );
    repo.ok(&["set", "--where", "stage == \"proposal\"", "proposal.sent_on=2026-01-05", "owner=petr"]);
    assert_eq!(repo.git(&["show", "-s", "--format=%s"]), "2 deals: proposal.sent_on, owner\n");
    repo.ok(&["move", "--where", "stage == \"proposal\"", "--next"]);
    repo.ok(&["win", "--where", "stage == \"contract\""]);
    repo.ok(&["lose", "--where", "stage == \"brief\"", "--reason", "price"]);
    assert_eq!(repo.ok(&["list"]), "");
    assert_eq!(repo.ok(&["list", "--all", "--format", "ids"]), "acme\nglobex\ninitech\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_expression_that_matches_nothing_is_done_and_says_so() {
    let repo = with_three();
    let before = commits(&repo);
    for args in [
        &["move", "--where", "owner == \"nobody\"", "proposal"][..],
        &["move", "--where", "owner == \"nobody\"", "--next"],
        &["set", "--where", "owner == \"nobody\"", "amount=1"],
        &["win", "--where", "owner == \"nobody\""],
        &["lose", "--where", "owner == \"nobody\""],
    ] {
        assert_eq!(repo.ok(args), "no deal matches, nothing to do\n", "{args:?}");
    }
    assert_eq!(commits(&repo), before);
}

#[test]
fn a_batch_is_checked_whole_before_anything_changes() {
    let repo = with_three();
    refuses(&repo, 1, &["move", "--where", "stage == \"brief\"", "proposal"], "initech cannot move to proposal");
    refuses(&repo, 2, &["move", "--where", "ownr == \"olga\"", "proposal"], "did you mean");
    refuses(&repo, 2, &["move", "--where", "owner ==", "proposal"], "--where: ");
    refuses(&repo, 2, &["move", "acme", "--where", "owner == \"olga\"", "proposal"], "name deals or give --where");
    refuses(&repo, 2, &["move", "--next"], "name the deals, or choose them with --where");
    refuses(&repo, 2, &["win"], "name the deals");
    refuses(&repo, 2, &["set", "acme", "globex"], "write field=value after acme globex");
    refuses(&repo, 2, &["set", "amount=5"], "name the deals");
    refuses(&repo, 1, &["set", "acme", "initech", "amount=lots"], "`amount` must be an amount");
    refuses(&repo, 2, &["set", "acme", "nobody", "amount=5"], "there is no deal `nobody`");
    repo.write("sales/brief/odd.yaml", "title: Odd\namount: 5 USD\n");
    repo.commit("Another currency");
    let compare = "amount > money(\"1 EUR\")";
    refuses(&repo, 1, &["set", "--where", compare, "owner=olga"], "--where cannot be answered for");
}

#[test]
fn ids_come_from_standard_input() {
    let repo = with_three();
    let before = commits(&repo);
    let ran = fed(&repo, "# the good ones\r\nacme\r\n\r\n  globex\n", &["move", "-", "proposal"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(commits(&repo), before + 1);
    let ran = fed(&repo, "acme\n", &["set", "globex", "-", "owner=petr"]);
    assert!(ran.out.starts_with("globex: changed") && ran.out.contains("\nacme: changed"), "{}", ran.out);
    let ran = fed(&repo, "# none\n", &["lose", "-", "--reason", "price"]);
    assert_eq!((ran.code, &*ran.out), (0, "no deal is named, nothing to do\n"));
    let ran = fed(&repo, "acme\nnobody\n", &["set", "-", "amount=5"]);
    assert_eq!((ran.code, ran.err.contains("there is no deal `nobody`")), (2, true), "{}", ran.err);
    let ran = fed(&repo, "acme\nid,stage\u{1b}[31m\n", &["set", "-", "amount=5"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("line 2 of standard input is not the id of a deal: id,stage\\x1b[31m\n"), "{}", ran.err);
    let listed = repo.ok(&["list", "--where", "owner == \"petr\"", "--format", "ids"]);
    let ran = fed(&repo, &listed, &["lose", "-", "--reason", "silent"]);
    assert_eq!(ran.out.lines().filter(|l| l.contains("→ lost")).count(), 3, "{}", ran.out);
}

#[test]
fn several_deals_are_set_in_one_commit_and_shown_before() {
    let repo = with_three();
    let before = commits(&repo);
    let shown = repo.ok(&["set", "acme", "globex", "amount=5", "--dry-run"]);
    assert_eq!(shown.matches("\n+amount: 5\n").count(), 2, "{shown}");
    assert_eq!(commits(&repo), before);
    repo.ok(&["set", "acme", "globex", "acme", "amount=5", "owner=petr"]);
    assert_eq!(commits(&repo), before + 1);
    let told = repo.ok(&["set", "acme", "initech", "amount=5"]);
    assert!(told.contains("initech: changed") && told.contains("acme: already so, nothing to do"), "{told}");
}

#[test]
fn without_a_commit_the_change_is_staged() {
    let repo = with_three();
    let before = commits(&repo);
    let told = repo.ok(&["move", "acme", "proposal", "--set", "amount=5", "--no-commit"]);
    assert_eq!(
        told,
        "acme: brief → proposal\nstaged, not committed; commit with: git commit -m 'acme: brief → proposal'\n"
    );
    assert_eq!(commits(&repo), before);
    assert_eq!(
        repo.git(&["status", "--porcelain", "--no-renames"]),
        "D  sales/brief/acme.yaml\nA  sales/proposal/acme.yaml\n"
    );
    assert_eq!(repo.read("sales/proposal/acme.yaml"), GOOD.replace("18000", "5"));
    refuses(&repo, 4, &["move", "acme", "brief"], "sales/proposal/acme.yaml");
    repo.git(&["commit", "-q", "-m", "acme: brief → proposal"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_happened_earlier_is_committed_with_its_day() {
    let repo = with_three();
    let author = |repo: &TestRepo| repo.git(&["show", "-s", "--format=%ad", "--date=iso"]).trim().to_owned();
    repo.ok(&["set", "acme", "proposal.sent_on=today", "--date", "2025-03-10"]);
    assert_eq!(author(&repo), "2025-03-10 12:00:00 +0000");
    assert!(repo.read("sales/brief/acme.yaml").contains("sent_on: 2025-03-10"), "today is that day");
    repo.ok(&["lose", "acme", "--reason", "price", "--date", "2025-03-11T23:30:00+03:00"]);
    assert_eq!(author(&repo), "2025-03-11 23:30:00 +0300");
    assert!(repo.has("sales/lost/2025/acme.yaml"), "the year of the folder is that of the day");
    refuses(&repo, 2, &["set", "globex", "amount=1", "--date", "2999-01-01"], "is in the future");
    refuses(&repo, 2, &["set", "globex", "amount=1", "--date", "yesterday"], "yesterday");
    refuses(&repo, 2, &["set", "globex", "amount=1", "--date", "2025-02-30"], "2025-02-30");
    refuses(&repo, 2, &["set", "globex", "amount=1", "--date", "2025-02-03", "--no-commit"], "cannot be used with");
    refuses(&repo, 2, &["set", "globex", "amount=1", "-m", "Why", "--no-commit"], "cannot be used with");
}

#[test]
fn a_moment_that_has_not_come_is_refused() {
    let repo = with_three();
    let soon = chrono::Utc::now() + chrono::TimeDelta::minutes(3);
    let date = soon.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    refuses(&repo, 2, &["set", "acme", "amount=1", "--date", &date], "--date");
    let past = (soon - chrono::TimeDelta::minutes(6)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    repo.ok(&["set", "acme", "amount=1", "--date", &past]);
}

#[test]
fn a_move_takes_out_no_field_that_the_deal_must_have_where_it_goes() {
    let repo = with_three();
    let required = "fields:\n  title: {type: text, required: true}\n";
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replace("fields:\n", required));
    repo.commit("Ask for a title");
    refuses(&repo, 1, &["move", "acme", "brief", "--set", "title="], "`acme` must have `title` in brief");
    refuses(&repo, 1, &["lose", "acme", "--reason", "price", "--set", "title="], "`acme` must have `title` in lost");
    repo.ok(&["move", "acme", "proposal"]);
    refuses(&repo, 1, &["move", "acme", "brief", "--set", "title="], "`acme` must have `title` in brief");
    // What was missing before may stay so.
    repo.write("sales/proposal/acme.yaml", GOOD.replace("title: A deal\n", ""));
    repo.commit("No title");
    repo.ok(&["move", "acme", "brief", "--set", "amount="]);
}
