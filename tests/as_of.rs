//! `--as-of` on every reading command: what was known then, from objects, held against checkouts by git itself.

mod kit;

use chrono::{Days, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use kit::{Ran, START, TestRepo};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// `acme` is made on the first day, goes on after ten days, gets another amount after twenty; `late` comes in then.
fn a_month() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: ACME site\nowner: olga\namount: 1000\n");
    repo.commit("acme");
    repo.git(&["tag", "young"]);
    repo.wait_days(10);
    repo.write("sales/brief/acme.yaml", "title: ACME site\nowner: olga\namount: 1000\ninputs: {goal: a shop}\n");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(10);
    repo.write("sales/proposal/acme.yaml", "title: ACME site\nowner: petr\namount: 3000\ninputs: {goal: a shop}\n");
    repo.write("sales/brief/late.yaml", "title: Late\n");
    repo.commit("acme: amount; late");
    repo
}

fn ended(ran: &Ran) -> (i32, &str) {
    (ran.code, &ran.err)
}

#[test]
fn every_reading_command_shows_the_same_day() {
    let repo = a_month();
    for then in ["2026-01-14", "young", "HEAD^^"] {
        let list = repo.ok(&["list", "--as-of", then, "--columns", "id,stage,amount,days_in_stage", "--format", "csv"]);
        let days = if then == "2026-01-14" { 9 } else { 0 };
        assert_eq!(list, format!("id,stage,amount,days_in_stage\r\nacme,brief,1000 EUR,{days}\r\n"), "{then}");
        let show = repo.ok(&["show", "acme", "--as-of", then]);
        assert!(show.contains("acme · Brief · open\nsales/brief/acme.yaml\n"), "{show}");
        assert!(show.contains("amount: 1,000 EUR"), "{show}");
        let word = if then == "HEAD^^" { "'HEAD^^'" } else { then };
        assert!(
            show.ends_with(&format!("1 thing is asked before Proposal: tussock why acme --as-of {word}\n")),
            "{show}"
        );
        let why = repo.ok(&["why", "acme", "--as-of", then]);
        assert!(why.contains("✗ We know what they want (goal-known): missing inputs.goal"), "{why}");
        assert!(why.ends_with("It could not go to proposal yet.\n"), "{why}");
        let log = repo.ok(&["log", "--as-of", then, "--format", "csv"]);
        assert_eq!(log.lines().count(), 2, "{log}");
        let report = repo.ok(&["report", "pipeline", "--as-of", then]);
        assert!(report.contains("**1 deal** open, worth **1,000 EUR**"), "{report}");
        assert_eq!(repo.ok(&["validate", "--as-of", then]), "");
    }
    let later = repo.ok(&["why", "acme", "proposal", "--as-of", "2026-01-20"]);
    assert!(later.ends_with("It could go to proposal then.\n"), "{later}");
    assert!(repo.ok(&["show", "acme", "--as-of", "2026-01-20", "--json"]).contains("\"stage\": \"proposal\""));
}

#[test]
fn a_rule_about_time_is_judged_on_the_day_that_is_asked_about() {
    let repo = a_month();
    repo.write("sales/brief/late.yaml", "title: Late\nclose_date: 2026-02-10\n");
    let quick = "      - id: quick\n        text: It was quick\n        check: days_in_stage < 20 or amount is filled\n  - id: proposal\n";
    let pipeline = kit::SMALL_PIPELINE.replacen("  - id: proposal\n", quick, 1);
    repo.write("sales/pipeline.yaml", pipeline);
    repo.commit("late closes some day");
    let judged = |then: &str| repo.tussock(&["validate", "--as-of", then, "--fail-on", "warning"]);
    let passes = |then: &str| {
        let told: serde_json::Value =
            serde_json::from_str(&repo.ok(&["why", "late", "--json", "--as-of", then])).unwrap();
        told["criteria"][1]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((judged("2026-02-10").code, passes("2026-02-10")), (0, "met".to_owned()));
    let overdue = judged("2026-02-20");
    assert_eq!((overdue.code, passes("2026-02-20")), (1, "missing".to_owned()));
    assert!(overdue.out.contains("its close date 2026-02-10 was 10 days ago"), "{}", overdue.out);
    assert_eq!(judged("main").code, 0);
}

#[test]
fn a_deal_that_is_not_there_is_told_with_the_day_that_it_came_or_went() {
    let repo = a_month();
    repo.wait_days(1);
    repo.git(&["rm", "-q", "sales/brief/late.yaml"]);
    repo.commit("late is gone");
    repo.wait_days(5);
    repo.write("sales/brief/late.yaml", "title: Late\n");
    repo.commit("late is back");
    let on = |command: &[&str], day: &str| {
        let ran = repo.tussock(&[command, &["--as-of", day]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{command:?} {day}");
        ran.err
    };
    for command in [&["show", "late"][..], &["why", "late"], &["log", "late"]] {
        assert_eq!(
            on(command, "2026-01-14"),
            "error: late was not there yet on 2026-01-14; it came in on 2026-01-25\n"
        );
        let young = on(command, "young");
        assert_eq!(young, "error: late was not there yet at young; it came in on 2026-01-25\n");
        assert_eq!(
            on(command, "2026-01-04"),
            "error: nothing was known yet on 2026-01-04; the first commit is of 2026-01-05\n"
        );
    }
    let gone = "error: late was not there on 2026-01-28; it was removed on 2026-01-26 and came back on 2026-01-31\n";
    assert_eq!(on(&["show", "late"], "2026-01-28"), gone);
    repo.ok(&["log", "late", "--as-of", "2026-01-28"]);
    assert_eq!(on(&["show", "acmee"], "2026-01-14"), "error: there is no deal `acmee`, did you mean `acme`?\n");

    repo.write("sales/proposal/beta.yaml", format!("was: acme\n{}", repo.read("sales/proposal/acme.yaml")));
    repo.git(&["rm", "-q", "sales/proposal/acme.yaml"]);
    repo.commit("acme is beta");
    assert_eq!(
        on(&["show", "beta"], "2026-01-14"),
        "error: beta was called acme on 2026-01-14; it got its new id on 2026-01-31\n"
    );
}

#[test]
fn odd_points_of_time_have_plain_answers() {
    let repo = a_month();
    let list = |args: &[&str]| repo.tussock(&[&["list"], args].concat());
    let future = list(&["--as-of", "9999-12-31", "--format", "ids"]);
    assert_eq!((future.code, future.out.as_str()), (0, "late\nacme\n"));
    let told = "9999-12-31 has not come yet; what is known now is looked at as if it were that day\n";
    assert_eq!(future.err, told);

    let none = "there is no such branch, tag or commit\n";
    assert_eq!(
        ended(&list(&["--as-of", "nowhere"])),
        (2, &*format!("error: \"nowhere\" is not a revision here: {none}"))
    );
    let slip = format!("error: \"2026-1-14\" is not a revision here: {none}help: a day is written as in 2026-06-30\n");
    assert_eq!(ended(&list(&["--as-of", "2026-1-14"])), (2, &*slip));
    assert_eq!(list(&["--as-of", ""]).code, 2);
    assert_eq!(list(&["--as-of=--exec"]).code, 2);

    let early = "error: --today 2026-01-13 is before 2026-01-14, the day that --as-of asks about; nobody looked then\n";
    assert_eq!(ended(&list(&["--as-of", "2026-01-14", "--today", "2026-01-13"])), (2, early));
    assert_eq!(list(&["--as-of", "main", "--today", "2026-01-13"]).code, 2);
    let both = repo.ok(&[
        "list",
        "--as-of",
        "young",
        "--today",
        "2026-01-20",
        "--columns",
        "id,days_in_stage",
        "--format",
        "csv",
    ]);
    assert_eq!(both, "id,days_in_stage\r\nacme,15\r\n");
    assert_eq!(repo.tussock(&["validate", "--as-of", "young", "--rev", "young"]).code, 2);
    assert_eq!(repo.tussock(&["validate", "--as-of", "young", "--staged"]).code, 2);
}

#[test]
fn a_day_in_the_environment_stands_for_the_clock_and_gives_way() {
    let repo = a_month();
    let mut command = std::process::Command::new("env");
    command.args(["TUSSOCK_TODAY=2026-01-07", env!("CARGO_BIN_EXE_tussock"), "list", "--as-of", "2026-01-20"]);
    let ran = repo.run(command.args(["--columns", "id,days_in_stage", "--format", "csv"]));
    assert_eq!((ran.code, ran.out.as_str()), (0, "id,days_in_stage\r\nacme,5\r\n"));
    assert!(ran.err.starts_with("2026-01-20 has not come yet"), "{}", ran.err);
}

#[test]
fn before_the_first_commit_outside_git_and_in_a_bare_repository() {
    let empty = TestRepo::new();
    empty.write("sales/pipeline.yaml", kit::SMALL_PIPELINE);
    let unborn = "error: there is no commit yet, so nothing was known at any time\n";
    assert_eq!(ended(&empty.tussock(&["list", "--as-of", "2026-01-14"])), (4, unborn));

    let plain = TestRepo::without_git();
    plain.write("sales/pipeline.yaml", kit::SMALL_PIPELINE);
    let ran = plain.tussock(&["list", "--as-of", "2026-01-14"]);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("is not in a git repository"), "{}", ran.err);

    let repo = a_month();
    repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let bare = |args: &[&str]| repo.tussock(&[&["-C", "../bare.git"], args].concat());
    let refused = bare(&["list"]);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("`--as-of HEAD` work"), "{}", refused.err);
    let found = bare(&["list", "--as-of", "2026-01-14", "--format", "csv", "--columns", "id,stage,path"]);
    assert_eq!(
        (found.code, found.out.as_str()),
        (0, "id,stage,path\r\nacme,brief,brief/acme.yaml\r\n"),
        "{}",
        found.err
    );
    for args in [&["show", "acme"][..], &["why", "acme"], &["log"], &["report"], &["validate"]] {
        let ran = bare(&[args, &["--as-of", "HEAD"]].concat());
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    }
}

#[test]
fn the_pipeline_is_found_where_it_lay_then_and_with_the_stages_of_then() {
    let repo = TestRepo::new();
    repo.write("readme.md", "nothing yet\n");
    repo.commit("A repository for something else");
    repo.wait_days(3);
    repo.write("old/pipeline.yaml", kit::SMALL_PIPELINE).write("old/brief/acme.yaml", "title: ACME\n");
    let first = repo.commit("A pipeline");
    repo.wait_days(3);
    std::fs::create_dir_all(repo.path().join("team")).unwrap();
    repo.git(&["mv", "old", "team/sales"]);
    repo.commit("moved");
    repo.wait_days(3);
    repo.git(&["mv", "team/sales/brief", "team/sales/inbox"]);
    let renamed =
        kit::SMALL_PIPELINE.replace("id: brief\n    title: Brief", "id: inbox\n    title: Inbox\n    was: [brief]");
    repo.write("team/sales/pipeline.yaml", renamed);
    repo.commit("renamed");
    let stage = |then: &str| repo.ok(&["list", "--as-of", then, "--columns", "stage_title", "--format", "csv"]);
    assert_eq!(stage("2026-01-08"), "stage_title\r\nBrief\r\n");
    assert_eq!(stage("2026-01-11"), "stage_title\r\nBrief\r\n");
    assert_eq!(stage("2026-01-14"), "stage_title\r\nInbox\r\n");
    let shown = repo.ok(&["show", "acme", "--as-of", "2026-01-08"]);
    assert!(shown.contains("\nold/brief/acme.yaml\n"), "{shown}");
    assert!(repo.ok(&["log", "--as-of", "2026-01-08"]).contains("created in brief"));
    let early = repo.tussock(&["list", "--as-of", "2026-01-06"]);
    let told = format!(
        "error: the pipeline was not there yet on 2026-01-06; it came in on 2026-01-08 with commit {}\n",
        &first[..10]
    );
    assert_eq!(ended(&early), (3, &*told));
    assert_eq!(repo.tussock(&["report", "--as-of", "2026-01-06"]).err, told);
}

#[test]
fn a_revision_beside_the_branch_shows_what_it_knew_itself() {
    let repo = a_month();
    repo.git(&["checkout", "-q", "-b", "side", "young"]);
    repo.write("sales/brief/side.yaml", "title: Side\n");
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    assert_eq!(repo.ok(&["list", "--as-of", "side", "--format", "ids"]), "acme\nside\n");
    assert_eq!(repo.ok(&["log", "--as-of", "side", "--format", "csv"]).lines().count(), 3);
    assert!(repo.ok(&["report", "pipeline", "--as-of", "side"]).contains("**2 deals** open"));
    let none = repo.tussock(&["show", "side"]);
    assert_eq!(none.code, 2);
}

#[test]
fn the_end_of_the_day_is_that_of_the_pipelines_time_zone() {
    let repo = TestRepo::new();
    let zone = |zone: &str| kit::SMALL_PIPELINE.replace("currency: EUR", &format!("currency: EUR\ntimezone: {zone}"));
    repo.write("sales/pipeline.yaml", zone("Pacific/Auckland"));
    repo.commit("pipeline");
    repo.set_now(START + 2 * 3600 + 1800);
    // 11:30 UTC is half past midnight of the next day in Auckland.
    repo.write("sales/brief/acme.yaml", "title: ACME\n");
    repo.commit("acme");
    assert_eq!(repo.ok(&["list", "--as-of", "2026-01-05", "--format", "ids"]), "");
    assert_eq!(repo.ok(&["list", "--as-of", "2026-01-06", "--format", "ids"]), "acme\n");
}

/// What one step of a random history does.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Drop(u8),
    Wait(i64),
    Branch,
    Merge,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0u8..4, 0u8..4).prop_map(|(deal, stage)| Step::Put(deal, stage)),
        1 => (0u8..4).prop_map(Step::Drop),
        4 => (-30_000i64..200_000).prop_map(Step::Wait),
        1 => Just(Step::Branch),
        2 => Just(Step::Merge),
    ];
    proptest::collection::vec(step, 8..22)
}

const STAGES: [&str; 4] = ["brief", "proposal", "contract", "won/2026"];

fn play(repo: &TestRepo, steps: &[Step]) {
    let find = |deal: u8| {
        let name = format!("d{deal}.yaml");
        STAGES.iter().map(|s| format!("sales/{s}/{name}")).find(|p| repo.has(p))
    };
    let mut on_side = false;
    let mut turn = 0;
    for step in steps {
        turn += 1;
        match step {
            Step::Put(deal, stage) => {
                if let Some(old) = find(*deal) {
                    std::fs::remove_file(repo.path().join(old)).unwrap();
                }
                let to = format!("sales/{}/d{deal}.yaml", STAGES[usize::from(*stage)]);
                repo.write(&to, format!("title: Deal {deal}\namount: {turn}\n"));
                repo.commit("put");
            }
            Step::Drop(deal) => {
                if let Some(old) = find(*deal) {
                    std::fs::remove_file(repo.path().join(old)).unwrap();
                    repo.commit("drop");
                }
            }
            Step::Wait(seconds) => repo.set_now(repo.now() + seconds),
            Step::Branch if !on_side => {
                repo.git(&["checkout", "-q", "-B", "side"]);
                on_side = true;
            }
            Step::Branch => {}
            Step::Merge if on_side => {
                repo.git(&["checkout", "-q", "main"]);
                repo.git(&["merge", "-q", "--no-ff", "-X", "theirs", "-m", "merge", "side"]);
                repo.set_now(repo.now() + 60);
                on_side = false;
            }
            Step::Merge => {}
        }
    }
    if on_side {
        repo.git(&["checkout", "-q", "main"]);
    }
}

/// As git tells the line of first parents: commit and committer time, oldest first, the times never running backwards.
fn line(repo: &TestRepo) -> Vec<(String, i64)> {
    let told = repo.git(&["log", "--first-parent", "--reverse", "--format=%H %ct"]);
    let mut latest = i64::MIN;
    let step = |line: &str| {
        let (id, time) = line.split_once(' ').unwrap();
        latest = latest.max(time.parse().unwrap());
        (id.to_owned(), latest)
    };
    told.lines().map(step).collect()
}

#[test]
fn the_past_is_what_a_checkout_shows_and_a_day_is_its_last_commit() {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&steps(), |steps| {
            let repo = TestRepo::new();
            let zone = "currency: EUR\ntimezone: America/Los_Angeles";
            repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replace("currency: EUR", zone));
            repo.commit("pipeline");
            play(&repo, &steps);
            repo.git(&["worktree", "add", "-q", "--detach", "../there"]);
            let list = |args: &[&str]| {
                let columns = ["list", "--all", "--columns", "id,stage,path,amount,days_in_stage", "--format", "json"];
                repo.ok(&[&columns, args, &["--today", "2027-06-01"]].concat())
            };
            let all = repo.git(&["rev-list", "--all"]);
            for commit in all.lines() {
                repo.git(&["-C", "../there", "checkout", "-q", "--detach", commit]);
                let there = list(&["-C", "../there"]);
                prop_assert_eq!(&list(&["--as-of", commit]), &there, "{}", commit);
            }
            let zone: Tz = Tz::America__Los_Angeles;
            let line = line(&repo);
            let day_of = |time: i64| zone.timestamp_opt(time, 0).unwrap().date_naive();
            let days: std::collections::BTreeSet<NaiveDate> = line.iter().map(|(_, time)| day_of(*time)).collect();
            for day in days {
                let next = (day + Days::new(1)).and_time(NaiveTime::MIN);
                let end = zone.from_local_datetime(&next).earliest().unwrap().timestamp();
                let last = line.iter().rfind(|(_, time)| *time < end).unwrap();
                let by_day = list(&["--as-of", &day.to_string()]);
                prop_assert_eq!(by_day, list(&["--as-of", &last.0]), "{}", day);
            }
            Ok(())
        })
        .unwrap();
}
