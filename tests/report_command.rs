//! `tussock report` on the real binary: time, templates, files, and the same bytes every time.

mod kit;

use std::path::Path;
use std::process::Command;

use kit::TestRepo;
use serde_json::Value;

/// Three deals over twenty days: `a` goes on twice, `b` is lost, `c` stays.
fn three_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/a.yaml", "title: Alpha\nowner: olga\namount: 1000\ninputs: {goal: a shop}\n");
    repo.write("sales/brief/b.yaml", "title: Beta\nowner: petr\namount: 500.50\ninputs: {goal: a site}\n");
    repo.write("sales/brief/c.yaml", "title: Gamma\nowner: olga\namount: 70 USD\n");
    repo.commit("Three deals");
    repo.wait_days(5);
    repo.move_by_hand("sales/brief/a.yaml", "sales/proposal/a.yaml");
    repo.wait_days(5);
    repo.write("sales/brief/b.yaml", "title: Beta\nowner: petr\namount: 500.50\nlost: {reason: price}\n");
    repo.git(&["tag", "before-the-loss"]);
    repo.move_by_hand("sales/brief/b.yaml", "sales/lost/2026/b.yaml");
    repo.wait_days(10);
    repo.write(
        "sales/proposal/a.yaml",
        "title: Alpha\nowner: olga\namount: 1200\ninputs: {goal: a shop}\nproposal: {sent_on: 2026-01-20}\n",
    );
    repo.commit("a: amount");
    repo
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    let args = [&["report"], args, &["--format", "json"]].concat();
    serde_json::from_str(&repo.ok(&args)).unwrap()
}

fn deals_in(report: &Value, stage: &str) -> u64 {
    let stages = report["state"]["stages"].as_array().unwrap();
    stages.iter().find(|s| s["stage"] == stage).unwrap()["deals"].as_u64().unwrap()
}

#[test]
fn a_report_tells_what_was_known_then_by_date_and_by_revision() {
    let repo = three_deals();
    let now = json(&repo, &["pipeline"]);
    assert_eq!((deals_in(&now, "brief"), deals_in(&now, "proposal"), &now["state"]["lost"]), (1, 1, &Value::from(1)));
    assert_eq!(now["day"], "2026-01-25");
    assert_eq!(now["state"]["total"]["amount"]["amount"], "1200");

    for then in ["2026-01-12", "before-the-loss"] {
        let past = json(&repo, &["pipeline", "--as-of", then]);
        assert_eq!((deals_in(&past, "brief"), deals_in(&past, "proposal")), (2, 1), "{then}");
        assert_eq!(past["state"]["total"]["amount"]["amount"], "1500.50", "{then}");
    }
    let first_day = json(&repo, &["pipeline", "--as-of", "2026-01-05"]);
    assert_eq!(deals_in(&first_day, "brief"), 3);

    let too_early = repo.tussock(&["report", "--as-of", "2026-01-04"]);
    assert_eq!(too_early.code, 2);
    assert_eq!(too_early.err, "error: nothing was known yet on 2026-01-04; the first commit is of 2026-01-05\n");
    assert_eq!(repo.tussock(&["report", "--as-of", "--output=x"]).code, 2);
    assert_eq!(repo.tussock(&["report", "--as-of", "no-such-branch"]).code, 2);
}

#[test]
fn time_that_passed_since_the_last_commit_counts_only_when_asked_for() {
    let repo = three_deals();
    let age = |report: &Value| report["state"]["deals"][0]["days_in_stage"].clone();
    assert_eq!(age(&json(&repo, &["pipeline"])), 20);
    assert_eq!(age(&json(&repo, &["pipeline", "--today", "2026-02-04"])), 30);
}

#[test]
fn the_days_in_a_stage_are_days_of_the_calendar_in_the_report_as_in_the_list() {
    let repo = TestRepo::with_pipeline();
    // In the evening of one day and in the morning of the next but one lie fewer than 48 hours.
    repo.set_now(kit::START + 12 * 3600);
    repo.write("sales/brief/a.yaml", "title: Alpha\n");
    repo.commit("In the evening");
    repo.set_now(kit::START + 2 * 86_400);
    repo.write("sales/brief/b.yaml", "title: Beta\n");
    repo.commit("In the morning");
    let report = json(&repo, &["pipeline"]);
    let days: Vec<_> =
        report["state"]["deals"].as_array().unwrap().iter().map(|d| d["days_in_stage"].clone()).collect();
    assert_eq!(days, [2, 0]);
    let list = |days: &str| {
        let filter = format!("days_in_stage == {days}");
        repo.ok(&["list", "--today", "2026-01-07", "--where", &filter, "--format", "ids"])
    };
    assert_eq!([list("2"), list("0")], ["a\n", "b\n"]);
}

#[test]
fn deals_whose_file_was_removed_are_told_apart_by_what_they_last_were() {
    let repo = three_deals();
    repo.write("sales/brief/d.yaml", "title: Delta\nowner: o'neil\namount: 300\ninputs: {goal: a game}\n");
    repo.commit("Delta");
    repo.wait_days(2);
    repo.git(&["rm", "-q", "sales/brief/d.yaml"]);
    repo.commit("Delta was a joke");
    let groups = |field: &str| {
        let report = json(&repo, &["funnel", "--by", field]);
        let told = |group: &Value| {
            let entered = group["funnel"]["overall"]["entered"].as_u64().unwrap();
            let value = group["value"].as_str().map_or(if group["unknown"] == true { "?" } else { "-" }, |v| v);
            format!("{value} {} {} {entered}", group["deals"], group["removed"])
        };
        report["by"][0]["groups"].as_array().unwrap().iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(groups("owner"), ["olga 2 0 2", "petr 1 0 1", "o'neil 0 1 1"]);
    // History does not tell of goals, so that nobody knows any more what Delta was to be.
    assert_eq!(groups("inputs.goal"), ["a shop 1 0 1", "- 2 0 2", "? 0 1 1"]);
    let page = repo.ok(&["report", "funnel", "--by", "inputs.goal", "--format", "md"]);
    assert!(page.contains(": (not known: file removed)\n"), "{page}");
    let entered = |filter: &str| {
        let ran = repo.tussock(&["report", "funnel", "--where", filter, "--format", "json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        (report["funnel"]["overall"]["entered"].as_u64().unwrap(), ran.err)
    };
    assert_eq!(entered("owner == \"o'neil\" and amount < money(\"301\")"), (1, String::new()));
    assert_eq!(entered("owner != \"olga\""), (2, String::new()));
    let (count, said) = entered("inputs.goal is filled");
    assert_eq!(count, 1);
    assert!(said.contains("1 deal whose file was removed is in no number"), "{said}");
    // A report of open deals has no line for somebody who has none.
    let report = json(&repo, &["forecast", "--by", "owner"]);
    let owners = report["forecast"]["groups"][0]["lines"].as_array().unwrap();
    assert!(!owners.is_empty() && owners.iter().all(|line| line["value"] != "o'neil"), "{owners:?}");
}

#[test]
fn a_report_at_a_commit_is_the_report_that_was_made_there() {
    let repo = three_deals();
    let then = repo.ok(&["report", "--as-of", "before-the-loss"]);
    repo.git(&["checkout", "-q", "-B", "past", "before-the-loss"]);
    assert_eq!(repo.ok(&["report"]), then);
}

#[test]
fn the_same_commit_gives_the_same_bytes_wherever_and_whenever() {
    let repo = three_deals();
    let plain = repo.ok(&["report"]);
    let elsewhere = |zone: &str, locale: &str, threads: &str| {
        let mut command = Command::new("env");
        command.args([format!("TZ={zone}"), format!("LC_ALL={locale}"), format!("RAYON_NUM_THREADS={threads}")]);
        repo.run(command.arg(env!("CARGO_BIN_EXE_tussock")).arg("report")).out
    };
    for (zone, locale, threads) in
        [("Pacific/Kiritimati", "de_DE.UTF-8", "1"), ("America/Los_Angeles", "C", "7"), ("UTC", "ru_RU.UTF-8", "2")]
    {
        assert_eq!(elsewhere(zone, locale, threads), plain, "{zone} {locale}");
    }
    repo.set_now(kit::START + 400 * 86_400);
    assert_eq!(repo.ok(&["report", "--color", "always"]), plain);
}

#[test]
fn changes_that_are_not_committed_are_counted_and_not_used() {
    let repo = three_deals();
    repo.write("sales/brief/c.yaml", "title: Gamma\namount: 999999\n");
    let report = json(&repo, &["pipeline", "--uncommitted"]);
    assert_eq!(report["source"]["uncommitted"], 1);
    assert_eq!(report["state"]["total"]["amount"]["amount"], "1200");
    let overview = repo.ok(&["report", "--uncommitted"]);
    assert!(overview.contains("1 deal differs in the work tree"), "{overview}");
    // To look at every file takes longer than the report, and what is not committed is no part of it.
    assert_eq!(json(&repo, &["pipeline"])["source"]["uncommitted"], Value::Null);
    assert!(!repo.ok(&["report"]).contains("work tree"));
}

#[test]
fn a_funnel_is_made_of_history_and_reads_no_deal() {
    let repo = three_deals();
    let before = json(&repo, &["funnel"]);
    repo.write("sales/brief/broken.yaml", "title: [\n");
    repo.commit("A broken file");
    let after = repo.tussock(&["report", "funnel", "--format", "json"]);
    assert_eq!((after.code, &*after.err), (0, ""));
    let after: Value = serde_json::from_str(&after.out).unwrap();
    let source = &after["source"];
    assert_eq!((&before["source"]["deals"], &source["deals"]), (&Value::from(3), &Value::from(4)));
    assert_eq!([&source["unreadable"], &source["doubled"], &source["waivers"]], [&Value::Null; 3]);
    let text = repo.ok(&["report", "funnel"]);
    let line = text.lines().last().unwrap();
    assert!(line.contains("· 4 deals, open and closed · 0 corrected times ·"), "{line}");
}

#[test]
fn a_template_of_the_team_takes_the_place_of_ours_and_errors_name_its_line() {
    let repo = three_deals();
    repo.write(
        "sales/templates/pipeline.md.jinja",
        "{% for d in state.deals %}\n{{ d.id }}: {{ d.title }}\n{% endfor %}\n",
    );
    repo.commit("Our own template");
    let own = repo.ok(&["report", "pipeline"]);
    assert_eq!(own.lines().filter(|l| !l.is_empty()).collect::<Vec<_>>(), ["`c`: `Gamma`", "`a`: `Alpha`"]);
    assert!(repo.ok(&["report", "funnel"]).starts_with("# Small: funnel"));

    repo.write("sales/templates/pipeline.md.jinja", "one\n{{ state.dealz }}\n");
    repo.commit("A slip");
    let slip = repo.tussock(&["report", "pipeline"]);
    assert_eq!((slip.code, &*slip.out), (2, ""));
    assert!(slip.err.contains("pipeline.md.jinja, line 2"), "{}", slip.err);
}

#[test]
fn a_report_is_written_whole_or_not_at_all_and_never_through_a_link() {
    let repo = three_deals();
    repo.write("now.md", "old");
    repo.ok(&["report", "-o", "now.md"]);
    let whole = repo.read("now.md");
    assert!(whole.starts_with("# Small\n") && whole.ends_with("</sub>\n"), "{whole}");
    repo.write("sales/templates/overview.md.jinja", "{{ nothing }}");
    repo.commit("A template that fails");
    assert_eq!(repo.tussock(&["report", "-o", "now.md"]).code, 2);
    assert_eq!(repo.read("now.md"), whole);
    repo.write("precious", "keep me");
    #[cfg(unix)]
    std::os::unix::fs::symlink("precious", repo.path().join("link.md")).unwrap();
    let refused = repo.tussock(&["report", "funnel", "-o", "link.md"]);
    assert_eq!(refused.code, 8, "{}", refused.err);
    assert_eq!(repo.read("precious"), "keep me");
}

#[test]
fn the_funnel_can_be_asked_for_a_period() {
    let repo = three_deals();
    let entered = |args: &[&str]| json(&repo, &[&["funnel"], args].concat())["funnel"]["stages"][0]["entered"].clone();
    assert_eq!(entered(&[]), 3);
    assert_eq!(entered(&["--from", "2026-01-05", "--to", "2026-01-05"]), 3);
    assert_eq!(entered(&["--from", "2026-01-06"]), 0);
    assert_eq!(entered(&["--to", "2026-01-04"]), 0);
}

#[test]
fn what_a_report_cannot_be_made_of_is_said_with_its_own_exit_code() {
    let repo = three_deals();
    repo.write("sales/brief/broken.yaml", "title: [\n");
    repo.commit("A broken file");
    let counted = repo.tussock(&["report", "pipeline"]);
    assert_eq!(counted.code, 1);
    assert!(counted.out.contains("1 unreadable file"), "{}", counted.out);
    assert!(counted.err.contains("1 file could not be read and is not counted"), "{}", counted.err);

    let shallow = TestRepo::without_git();
    let from = format!("file://{}", repo.path().display());
    shallow.git(&["clone", "-q", "--depth", "1", &from, "."]);
    let refused = shallow.tussock(&["report"]);
    assert_eq!(refused.code, 10);
    assert!(refused.err.contains("git fetch --unshallow"), "{}", refused.err);

    let plain = TestRepo::without_git();
    plain.write("pipeline.yaml", kit::SMALL_PIPELINE);
    assert_eq!(plain.tussock(&["report"]).code, 4);
    assert_eq!(TestRepo::new().tussock(&["report"]).code, 3);
}

/// What tussock prints in a folder of the repository or beside it.
fn run_in(repo: &TestRepo, folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    let ran = repo.hermetic(&mut command).current_dir(folder).args(args).output().unwrap();
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// What every report says of a revision in the full repository, and in a clone whose branch ends there.
fn same_as_if_cut(repo: &TestRepo, folder: &str, commit: &str, now: &str) {
    let clone = tempfile::tempdir().unwrap();
    let at = clone.path().join("cut");
    let source = repo.path().join(".git").canonicalize().unwrap();
    repo.git(&["clone", "-q", "--no-local", source.to_str().unwrap(), at.to_str().unwrap()]);
    repo.git(&["-C", at.to_str().unwrap(), "reset", "-q", "--hard", commit]);
    for name in ["overview", "pipeline", "funnel", "forecast"] {
        for format in ["md", "json"] {
            let cut = run_in(repo, &at.join(folder), &["report", name, "--format", format]);
            let full = run_in(repo, &repo.path().join(now), &["report", name, "--format", format, "--as-of", commit]);
            assert_eq!(full, cut, "{name} as {format} at {commit}");
        }
    }
}

#[test]
fn a_report_of_the_past_does_not_know_later_names_of_stages_and_folders() {
    let repo = three_deals();
    let before = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.wait_days(1);
    repo.git(&["mv", "sales/brief", "sales/intake"]);
    let text = repo.read("sales/pipeline.yaml");
    repo.write("sales/pipeline.yaml", text.replacen("id: brief", "id: intake\n    was: [brief]", 1));
    let renamed = repo.commit("brief is called intake");
    repo.wait_days(1);
    repo.git(&["mv", "sales", "crm"]);
    repo.commit("sales lies in crm");

    let run =
        |args: &[&str]| -> Value { serde_json::from_str(&run_in(&repo, &repo.path().join("crm"), args)).unwrap() };
    for then in ["2026-01-12", "2026-01-25"] {
        let past = run(&["report", "funnel", "--format", "json", "--as-of", then]);
        assert_eq!(past["funnel"]["stages"][0]["stage"], "brief", "{then}");
        assert_eq!(past["funnel"]["stages"][0]["entered"], 3, "{then}");
        assert_eq!(past["funnel"]["overall"]["entered"], 3, "{then}");
    }
    let now = run(&["report", "funnel", "--format", "json"]);
    assert_eq!(
        (&now["funnel"]["stages"][0]["stage"], &now["funnel"]["stages"][0]["entered"]),
        (&Value::from("intake"), &Value::from(3))
    );
    for commit in [before.as_str(), "before-the-loss", renamed.trim()] {
        same_as_if_cut(&repo, "sales", commit, "crm");
    }
}

#[test]
fn what_needs_attention_is_counted_in_deals_however_often_each_breaks_the_rule() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/contract/a.yaml", "title: Alpha\nowner: olga\namount: 1\n");
    repo.commit("skips two stages");
    let lines = repo.tussock(&["validate", "--format", "json"]).out;
    let found: Value = serde_json::from_str(&lines).unwrap();
    let times = |rule: &str| {
        found["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == rule && f["level"] != "info").count()
    };
    assert!(times("exit-criterion") > 1, "{lines}");
    let overview = json(&repo, &["overview"]);
    let attention = overview["attention"].as_array().unwrap();
    assert_eq!(attention.iter().find(|a| a["rule"] == "exit-criterion").unwrap()["deals"], 1);
}

#[test]
fn a_deal_that_lies_in_two_places_counts_once_where_it_was_first() {
    let repo = three_deals();
    let text = repo.read("sales/proposal/a.yaml");
    repo.write("sales/contract/a.yaml", &text).write("sales/brief/a.yaml", &text);
    repo.commit("a bad merge");
    let report = json(&repo, &["pipeline"]);
    assert_eq!((deals_in(&report, "brief"), deals_in(&report, "proposal"), deals_in(&report, "contract")), (1, 1, 0));
    assert_eq!(report["state"]["total"]["amount"]["amount"], "1200");
    assert_eq!((&report["source"]["doubled"], &report["source"]["deals"]), (&Value::from(2), &Value::from(3)));
    assert_eq!(json(&repo, &["forecast"])["forecast"]["total"]["amount"]["amount"], "1200");
    assert!(repo.ok(&["report"]).contains("**2 files double a deal and are in no number**"));
}

#[test]
fn a_pipeline_without_deals_gets_sentences_not_empty_tables() {
    let repo = TestRepo::with_pipeline();
    let overview = repo.ok(&["report"]);
    assert!(overview.contains("\n- Nothing has come in yet.\n"), "{overview}");
    assert!(overview.contains("\nNothing is open, so nothing can be expected.\n"), "{overview}");
    assert!(!repo.ok(&["report", "pipeline"]).contains("## By owner"));
    assert!(!repo.ok(&["report", "forecast"]).contains("## By month"));
    for report in ["overview", "pipeline", "funnel", "forecast"] {
        let text = repo.ok(&["report", report]);
        assert!(!text.contains("\n\n\n"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.windows(2).all(|w| !w[0].starts_with("|:--") || w[1].starts_with('|')), "{text}");
    }
    repo.write("sales/brief/a.yaml", "title: Alpha\n");
    repo.commit("one");
    let overview = repo.ok(&["report"]);
    assert!(
        overview.contains("\n- 1 deal came in: 0 won so far, 1 still open. It is too early for a share.\n"),
        "{overview}"
    );
    assert!(repo.ok(&["report", "funnel"]).contains("1 still open. It is too early for a share.\n"));
}

#[test]
fn the_overview_says_of_how_many_deals_nothing_is_expected() {
    let repo = three_deals();
    repo.write("sales/somewhere/x.yaml", "title: X\namount: 5\n");
    repo.commit("in no stage");
    let says = "\n- 1 deal lies in a folder that is no stage, and nothing is expected of it.\n";
    for report in ["overview", "forecast"] {
        let text = repo.ok(&["report", report]);
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("\n\n\n"), "{text}");
    }
    assert!(!repo.ok(&["report", "overview", "--as-of", "2026-01-12"]).contains("nothing is expected of"));
}

#[test]
fn a_window_that_ends_before_it_begins_is_refused() {
    let repo = three_deals();
    let ran = repo.tussock(&["report", "funnel", "--from", "2026-02-01", "--to", "2026-01-01"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--from 2026-02-01 is later than --to 2026-01-01"), "{}", ran.err);
    assert_eq!(repo.tussock(&["report", "funnel", "--from", "2026-01-05", "--to", "2026-01-05"]).code, 0);
    let last = repo.ok(&["report", "funnel", "--to", "9999-12-31"]);
    assert!(last.contains("up to 9999-12-31."), "{last}");
}

#[test]
fn only_waivers_that_count_are_listed_as_in_force() {
    let repo = TestRepo::with_pipeline();
    let strict = kit::SMALL_PIPELINE.replace(
        "        require: [proposal.sent_on]\n",
        "        require: [proposal.sent_on]\n        waivable: false\n",
    );
    repo.write("sales/pipeline.yaml", strict);
    let waiver =
        |criterion: &str, by: &str| format!("  - {{criterion: {criterion}, by: {by}, reason: Why, on: 2026-01-05}}\n");
    let all = ["goal-known", "proposal-sent", "no-such"].map(|c| waiver(c, "boss")).concat();
    repo.write("sales/brief/a.yaml", format!("title: A\nwaivers:\n{all}{}", waiver("goal-known", "\"\"")));
    repo.commit("Waivers of every kind");
    let waivers = json(&repo, &["pipeline"])["waivers"].clone();
    assert_eq!(waivers.as_array().unwrap().len(), 1, "{waivers}");
    assert_eq!(waivers[0]["criterion"], "goal-known");
    assert_eq!(waivers[0]["by"], "boss");
}

#[test]
fn a_reader_outside_sees_no_names_and_no_weighted_amounts_in_any_format() {
    let repo = TestRepo::with_pipeline();
    let deal = |stage: &str, n: usize| {
        let text = format!(
            "title: Secret title {n}\naccount: Secret account\nowner: secretperson\namount: 1000\nclose_date: \
             2026-02-0{n}\ncategory: commit\nnext_step: {{what: Secret task, due: 2026-01-01, who: secretperson}}\neffort: \
             [{{on: 2026-01-05, who: secretperson, hours: 5, what: Secret work}}]\npayments: [{{what: Secret \
             invoice, amount: 500, due: 2026-01-06}}]\nlost: {{reason: price}}\n"
        );
        repo.write(&format!("sales/{stage}/secret-{n}.yaml"), text);
    };
    deal("brief", 1);
    deal("proposal", 2);
    deal("lost/2026", 3);
    repo.commit("Three deals");
    repo.wait_days(60);
    deal("brief", 4);
    repo.commit("One more");
    let reports =
        ["overview", "pipeline", "funnel", "time", "forecast", "waterfall", "losses", "effort", "cash", "health"];
    for report in reports {
        for format in ["md", "html", "text", "json", "csv"] {
            for by in [&[][..], &["--by", "owner", "--by", "account"][..]] {
                let args = [&["report", report, "--profile", "investor", "--format", format], by].concat();
                let ran = repo.tussock(&args);
                assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
                assert!(!ran.out.to_lowercase().contains("secret"), "{args:?}\n{}", ran.out);
                let shown = ["md", "html", "text"].contains(&format);
                assert!(!(shown && ran.out.contains("eighted")), "{args:?}\n{}", ran.out);
            }
        }
    }
    assert_eq!(repo.tussock(&["report", "agenda", "--profile", "investor"]).code, 2);
}
