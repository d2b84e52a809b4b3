//! `tussock forecast` on the demo: horizons, what-if, readers outside, the past, formats, and what is refused.

mod kit;

use kit::TestRepo;
use rust_decimal::Decimal;
use serde_json::Value;

/// The day of all questions here: the demo is of the year before.
const TODAY: &str = "2026-11-20";

/// The demo, in the folder `trial`.
fn demo() -> TestRepo {
    let repo = TestRepo::new();
    repo.ok(&["demo", "trial"]);
    repo
}

fn run(repo: &TestRepo, args: &[&str]) -> kit::Ran {
    repo.tussock(&[&["-C", "trial", "--today", TODAY], args].concat())
}

fn ok(repo: &TestRepo, args: &[&str]) -> String {
    let ran = run(repo, args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
    ran.out
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    serde_json::from_str(&ok(repo, &[args, &["--format", "json"]].concat())).unwrap()
}

fn amount(total: &Value) -> Decimal {
    total["amount"].as_str().unwrap_or_else(|| panic!("{total}")).parse().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value}"))
}

fn deal<'v>(report: &'v Value, id: &str) -> &'v Value {
    list(&report["forecast"]["deals"]).iter().find(|deal| deal["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn the_command_is_the_report_of_that_name() {
    let repo = demo();
    assert_eq!(ok(&repo, &["forecast"]), ok(&repo, &["report", "forecast"]));
    let asked = ["--horizon", "quarter", "--by", "region", "--format", "json"];
    assert_eq!(
        ok(&repo, &[&["forecast"][..], &asked].concat()),
        ok(&repo, &[&["report", "forecast"][..], &asked].concat())
    );
}

#[test]
fn it_says_in_plain_words_what_can_be_expected_and_how_far_off_that_may_be() {
    let repo = demo();
    let page = ok(&repo, &["forecast"]);
    let report = json(&repo, &["forecast"]);
    let begins = "What will be won in the next 90 days, up to 2027-02-18; what is won already is not part of it.";
    assert!(page.contains(begins), "{page}");
    assert!(
        page.contains(" can be expected: ") && page.contains("In eight of ten cases it will be between **"),
        "{page}"
    );
    assert!(page.contains("**From history:** 51 deals closed so far"), "{page}");
    assert!(!page.contains("\n\n\n"), "{page}");

    let forecast = &report["forecast"];
    assert_eq!(forecast["horizon"]["days"], 90);
    let all = amount(&forecast["with_new"]["expected_amount"]);
    let (open, new) = (&forecast["total"]["expected_amount"], &forecast["new_business"]["expected_amount"]);
    assert_eq!(all, amount(open) + amount(new));
    let range = &forecast["with_new"]["range"];
    assert!(amount(&range["p10"]) < all && all < amount(&range["p90"]), "{range}");
    // Months add up to the whole, to the rounding of each.
    let months = list(&forecast["months"]);
    let by_month: Decimal = months.iter().map(|month| amount(&month["expected_amount"])).sum();
    assert!((by_month - amount(open)).abs() <= Decimal::new(1, 2) * Decimal::from(months.len()), "{by_month}");
    for parts in [&forecast["stages"], &forecast["owners"], &forecast["close_dates"]] {
        let sum: Decimal = list(parts).iter().map(|line| amount(&line["expected_amount"])).sum();
        assert!((sum - amount(open)).abs() <= Decimal::new(1, 1), "{sum}: {parts}");
    }
    for deal in list(&forecast["deals"]) {
        let chances = &deal["chances"];
        let sum = ["won", "lost", "open"].iter().map(|name| number(&chances[*name])).sum::<f64>();
        assert!((sum - 1.0).abs() < 1e-9 && number(&deal["ever"]) >= number(&chances["won"]), "{deal}");
    }
}

#[test]
fn a_further_horizon_never_expects_less() {
    let repo = demo();
    let mut before = Decimal::ZERO;
    for (horizon, days, until) in [
        ("month", 10, "2026-11-30"),
        ("quarter", 41, "2026-12-31"),
        ("8w", 56, "2027-01-15"),
        ("2027-02-28", 100, "2027-02-28"),
        ("730d", 730, "2028-11-19"),
    ] {
        let report = json(&repo, &["forecast", "--horizon", horizon]);
        let ahead = &report["forecast"]["horizon"];
        assert_eq!(
            (&ahead["asked"], &ahead["days"], &ahead["until"]),
            (&Value::from(if horizon == "8w" { "56d" } else { horizon }), &days.into(), &until.into())
        );
        let expected = amount(&report["forecast"]["total"]["expected_amount"]);
        assert!(expected >= before, "{horizon}: {expected} < {before}");
        before = expected;
    }
    let year = json(&repo, &["forecast", "--horizon", "year"]);
    assert_eq!(year["forecast"]["horizon"]["until"], "2026-12-31");
}

#[test]
fn the_pipeline_file_says_how_far_ahead_where_nobody_asks() {
    let repo = demo();
    let file = repo.read("trial/pipeline.yaml");
    repo.write("trial/pipeline.yaml", format!("{file}\nforecast:\n  horizon: quarter\n  coefficients: [source]\n"));
    repo.git(&["-C", "trial", "add", "-A"]);
    repo.git(&["-C", "trial", "commit", "-q", "-m", "Look to the end of the quarter"]);
    let report = json(&repo, &["forecast"]);
    assert_eq!(report["forecast"]["horizon"]["asked"], "quarter");
    let sources = list(&report["forecast"]["coefficients"]);
    assert!(!sources.is_empty() && sources.iter().all(|line| line["field"] == "source"), "{sources:?}");
    assert!(ok(&repo, &["forecast"]).contains("## What moves the chances"));
    assert_eq!(json(&repo, &["forecast", "--horizon", "90d"])["forecast"]["horizon"]["days"], 90);
}

#[test]
fn what_if_stands_beside_what_is() {
    let repo = demo();
    let plain = json(&repo, &["forecast"]);
    assert_eq!(plain["what_if"], Value::Null);
    let asked = [
        "forecast",
        "--what-if",
        "acme-site: stage=prepayment, amount=50000",
        "--what-if",
        "lose brenner-alpin",
        "--what-if",
        "win zephyr-drones",
    ];
    let imagined = json(&repo, &asked);
    assert_eq!(imagined["forecast"], plain["forecast"], "what is stays as it is");
    let what_if = &imagined["what_if"];
    let changes = list(&what_if["changes"]);
    assert_eq!(changes.len(), 3);
    let acme = &changes[0];
    assert!(number(&acme["won_after"]) > number(&acme["won_before"]), "{acme}");
    assert_eq!(acme["won_before"], deal(&plain, "acme-site")["chances"]["won"]);
    assert_eq!((&changes[1]["won_after"], &changes[2]["won_after"]), (&0.0.into(), &1.0.into()));
    assert_eq!(amount(&changes[2]["expected_after"]), Decimal::from(42_500));
    // The difference is that of the deals that were changed, and nothing else.
    let part = |when: &str| changes.iter().map(|one| amount(&one[when])).sum::<Decimal>();
    let difference = amount(&what_if["difference"]["expected_amount"]);
    let own = part("expected_after") - part("expected_before");
    assert!((difference - own).abs() <= Decimal::new(5, 2), "{difference} {own}");
    assert_eq!(
        amount(&what_if["if_so"]["expected_amount"]) - amount(&what_if["as_it_is"]["expected_amount"]),
        difference
    );
    let page = ok(&repo, &asked);
    assert!(page.contains("## What if") && page.contains("`win zephyr-drones`"), "{page}");
}

#[test]
fn what_cannot_be_imagined_or_looked_at_is_refused_with_what_can() {
    let repo = demo();
    for (args, said) in [
        (
            &["forecast", "--what-if", "acme-sit: amount=5"][..],
            "there is no deal `acme-sit`, did you mean `acme-site`?",
        ),
        (&["forecast", "--what-if", "acme-site: amout=5"], "did you mean `amount`?"),
        (&["forecast", "--what-if", "acme-site: stage=sining"], "did you mean `signing`?"),
        (
            &["forecast", "--what-if", "acme-site"],
            "write 'DEAL: stage=proposal, amount=50000', 'win DEAL' or 'lose DEAL'",
        ),
        (&["forecast", "--what-if", "win kestrel-labs"], "kestrel-labs` is "),
        (
            &["forecast", "--what-if", "win acme-site", "--where", "owner == \"anna\""],
            "not among those that --where chooses",
        ),
        (&["forecast", "--what-if", "win acme-site", "--what-if", "lose acme-site"], "in two what-ifs"),
        (&["forecast", "--what-if", "win acme-site", "--profile", "investor"], "the investor profile sees nothing"),
        (&["forecast", "--horizon", "soon"], "write 90d, 12w, month, quarter, year or a day as 2026-12-31"),
        (&["forecast", "--horizon", "0d"], "it can be 1 to 730 days"),
        (&["forecast", "--horizon", "2026-11-20"], "is no day after 2026-11-20"),
        (&["forecast", "--by", "ownr"], "ownr"),
        (&["report", "funnel", "--horizon", "90d"], "--horizon and --what-if belong to the forecast"),
        (&["forecast", "--table", "nothing", "--format", "csv"], "months"),
        (&["why", "forecast", "nobody"], "there is no deal `nobody`"),
        (&["why", "forecast", "kestrel-labs"], "already, and a forecast is about open deals"),
        (&["why", "acme-site", "--horizon", "90d"], "--horizon belongs to the forecast of a deal"),
    ] {
        let ran = run(&repo, args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}

#[test]
fn readers_outside_see_open_amounts_and_nothing_that_is_only_expected() {
    let repo = demo();
    let report = json(&repo, &["forecast", "--profile", "investor"]);
    for part in ["forecast", "what_if", "then"] {
        assert_eq!(report[part], Value::Null, "{part}");
    }
    assert_eq!(list(&report["targets"]).len(), 0);
    assert_eq!((&report["open"]["deals"], &report["open"]["amount"]["amount"]), (&30.into(), &"763500".into()));
    for format in ["md", "html", "text", "json"] {
        let text = ok(&repo, &["forecast", "--profile", "investor", "--format", format]);
        for secret in ["acme-site", "olga", "can be expected:", "eight of ten cases"] {
            assert!(!text.contains(secret), "{format}: {secret}");
        }
    }
    let page = ok(&repo, &["forecast", "--profile", "investor"]);
    assert!(page.contains("This page is for readers outside, who see nothing that is only expected."), "{page}");
    let management = json(&repo, &["forecast", "--profile", "management"]);
    assert_eq!(list(&management["forecast"]["deals"]).len(), 10);
}

#[test]
fn the_forecast_of_a_day_is_what_one_would_have_said_that_day() {
    let repo = demo();
    let args = ["-C", "trial", "forecast", "--format", "json", "--as-of", "2026-08-31"];
    let then: Value = serde_json::from_str(&repo.ok(&args)).unwrap();
    assert_eq!(then["forecast"]["day"], "2026-08-31");
    let commit = then["source"]["commit"].as_str().unwrap().to_owned();
    repo.git(&["clone", "-q", "trial", "cut"]);
    repo.git(&["-C", "cut", "reset", "-q", "--hard", &commit]);
    let cut: Value =
        serde_json::from_str(&repo.ok(&["-C", "cut", "forecast", "--format", "json", "--today", "2026-08-31"]))
            .unwrap();
    assert_eq!(then["forecast"], cut["forecast"], "nothing that became known later has a part in it");
}

#[test]
fn it_says_what_was_said_a_month_ago_and_what_came() {
    let repo = demo();
    let report = json(&repo, &["forecast"]);
    let then = &report["then"];
    assert_eq!((&then["day"], &then["until"]), (&"2026-10-20".into(), &TODAY.into()));
    let before: Value = serde_json::from_str(&repo.ok(&[
        "-C",
        "trial",
        "forecast",
        "--format",
        "json",
        "--as-of",
        "2026-10-20",
        "--horizon",
        TODAY,
    ]))
    .unwrap();
    assert_eq!(then["said"]["expected_amount"], before["forecast"]["with_new"]["expected_amount"]);
    assert_eq!(then["said"]["range"], before["forecast"]["with_new"]["range"]);
    assert_eq!(amount(&then["difference"]), amount(&then["won_amount"]) - amount(&then["said"]["expected_amount"]));
    for made in list(&then["deals"]) {
        let expected = if made["expected_then"].is_null() { Decimal::ZERO } else { amount(&made["expected_then"]) };
        assert_eq!(amount(&made["difference"]), amount(&made["came"]) - expected, "{made}");
    }
    // On the first days nothing was known a month before.
    let first: Value =
        serde_json::from_str(&repo.ok(&["-C", "trial", "forecast", "--format", "json", "--as-of", "2025-12-10"]))
            .unwrap();
    assert_eq!(first["then"], Value::Null);
}

#[test]
fn the_chance_of_a_deal_is_explained_by_the_visits_it_rests_on() {
    let repo = demo();
    let report = json(&repo, &["forecast"]);
    let why: Value = serde_json::from_str(&ok(&repo, &["why", "forecast", "acme-site", "--json"])).unwrap();
    let line = deal(&report, "acme-site");
    for part in ["chances", "ever", "evidence", "age_days", "expected_amount"] {
        assert_eq!(why[part], line[part], "{part}");
    }
    let (base, visits) = (&why["base"], list(&why["visits"]));
    assert_eq!(base["visits"].as_u64().unwrap(), visits.len() as u64);
    let count = |way: &str| visits.iter().filter(|visit| visit["counts"] == way).count() as u64;
    assert_eq!((base["won"].as_u64(), base["undecided"].as_u64()), (Some(count("yes")), Some(count("open"))));
    assert!(visits.iter().any(|visit| visit["commit"]["short"].is_string()), "commits are named");
    // The next stage on is what it would be there today.
    let next = list(&why["changes"]).iter().find(|change| change["kind"] == "stage").unwrap();
    let asked = format!("acme-site: stage={}", next["stage"].as_str().unwrap());
    let imagined = json(&repo, &["forecast", "--what-if", &asked]);
    let after = number(&imagined["what_if"]["changes"][0]["won_after"]);
    assert!((after - number(&next["won"])).abs() < 1e-9, "{after} {next}");
    let text = ok(&repo, &["why", "forecast", "acme-site"]);
    for part in ["Deals like it", "What makes it differ", "What would change it", "Which deals"] {
        assert!(text.contains(part), "{text}");
    }
    let nearer: Value =
        serde_json::from_str(&ok(&repo, &["why", "forecast", "acme-site", "--json", "--horizon", "7d"])).unwrap();
    assert!(number(&nearer["chances"]["won"]) < number(&why["chances"]["won"]));
}

#[test]
fn it_prints_in_every_format() {
    let repo = demo();
    let html = ok(&repo, &["forecast", "--format", "html"]);
    assert!(html.contains("<svg ") && html.contains("Won by the end of each month"), "the fan is drawn");
    let text = ok(&repo, &["forecast", "--format", "text"]);
    assert!(text.contains("▒") && text.contains("█"), "{text}");
    assert!(ok(&repo, &["forecast"]).contains("```mermaid\n"));
    for (table, column) in [
        ("months", "expected_so_far"),
        ("stages", "fresh"),
        ("owners", "expected_wins"),
        ("deals", "chances"),
        ("close-dates", "when"),
        ("targets", "chance"),
        ("then", "won_then"),
    ] {
        let csv = ok(&repo, &["forecast", "--format", "csv", "--table", table]);
        assert!(
            csv.lines().next().is_some_and(|head| head.contains(column)) && csv.lines().count() > 1,
            "{table}: {csv}"
        );
    }
    ok(&repo, &["forecast", "-o", "out.html"]);
    assert!(repo.read("trial/out.html").contains("<svg "));
}

#[test]
fn targets_are_held_against_what_is_expected_by_their_end() {
    let repo = demo();
    let report = json(&repo, &["forecast"]);
    let targets = list(&report["targets"]);
    assert_eq!(targets.iter().map(|target| target["name"].as_str().unwrap()).collect::<Vec<_>>(), ["2026-Q4", "2026"]);
    // As far as the months of the same page say it.
    let december = list(&report["forecast"]["months"]).iter().find(|month| month["month"] == "2026-12").unwrap();
    let so_far = amount(&targets[0]["expected_amount"]) + amount(&targets[0]["new_amount"]);
    assert!((so_far - amount(&december["expected_so_far"])).abs() <= Decimal::new(2, 2), "{so_far}");
    for target in targets {
        let gap = amount(&target["remaining"]) - amount(&target["expected_amount"]) - amount(&target["new_amount"]);
        assert_eq!(amount(&target["gap"]), gap, "{target}");
        assert!((0.0..=1.0).contains(&number(&target["chance"])), "{target}");
    }
    // Part of the deals is not held against the target of all.
    let some = json(&repo, &["forecast", "--where", "owner == \"anna\""]);
    assert_eq!((list(&some["targets"]).len(), &some["forecast"]["new_business"]), (0, &Value::Null));
}

#[test]
fn an_empty_pipeline_says_that_all_is_assumed() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: ACME\namount: 1000\n");
    repo.commit("acme");
    let page = repo.ok(&["forecast"]);
    assert!(page.contains("**Assumed:** nothing has been closed yet"), "{page}");
    assert!(page.contains("Too few deals were closed to say how far off it may be."), "{page}");
    let report: Value = serde_json::from_str(&repo.ok(&["forecast", "--format", "json"])).unwrap();
    assert_eq!((&report["forecast"]["trust"], &report["forecast"]["range"]), (&"assumed".into(), &Value::Null));
    assert_eq!(report["forecast"]["evidence"].as_f64().map(|share| share < 0.2), Some(true));
}
