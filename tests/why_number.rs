//! `tussock why NUMBER`: what a number means, how it was reckoned, and that its deals make it.

mod kit;
mod peers_kit;

use kit::TestRepo;
use rust_decimal::Decimal;
use serde_json::Value;

const REPORTS: [&str; 11] =
    ["overview", "pipeline", "funnel", "time", "forecast", "waterfall", "losses", "effort", "cash", "agenda", "health"];

/// A repository with the demo in its folder `trial`.
fn demo() -> TestRepo {
    let repo = TestRepo::new();
    repo.ok(&["demo", "trial"]);
    repo
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    serde_json::from_str(&repo.ok(args)).unwrap()
}

fn count(rows: &[Value], way: &str) -> u64 {
    rows.iter().filter(|row| row["counts"] == way).count() as u64
}

/// Whether the listed deals give the number, by what stands in the JSON alone.
fn listed_deals_make(number: &Value) -> Result<(), String> {
    let rows = number["deals"].as_array().unwrap();
    if number["n"].as_u64() != Some(rows.len() as u64) {
        return Err(format!("{} rows", rows.len()));
    }
    let parts: Decimal =
        rows.iter().filter_map(|row| row["part"].as_str()).map(|part| part.parse::<Decimal>().unwrap()).sum();
    let value = &number["value"]["value"];
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
    let holds = match number["value"]["unit"].as_str().unwrap() {
        "count" if number["name"] == "waterfall.pushes" => value.as_u64().map(Decimal::from) == Some(parts),
        "count" => value.as_u64() == Some(count(rows, "yes")),
        "money" => {
            let sum: Decimal = value["amount"].as_str().unwrap().parse().unwrap();
            (sum - parts).abs() <= Decimal::new(5, 3)
        }
        "hours" => close(value.as_f64().unwrap(), parts.to_string().parse().unwrap()),
        "expected" => close(value.as_f64().unwrap(), parts.to_string().parse().unwrap()),
        // The share of those that got there is what the estimate starts from: without open deals it is the number.
        "share" if value["state"] == "known" && count(rows, "open") == 0 && !is_leakage(number) => {
            close(value["value"].as_f64().unwrap(), count(rows, "yes") as f64 / rows.len() as f64)
        }
        _ => true,
    };
    if holds { Ok(()) } else { Err(format!("{value} but parts make {parts} and {} count", count(rows, "yes"))) }
}

/// A deal that was lost twice leaks twice.
fn is_leakage(number: &Value) -> bool {
    number["name"].as_str().unwrap().starts_with("health.leakage.")
}

/// Asks for every number of every report with its deals, and holds each against them.
fn all_numbers_are_made_by_their_deals(repo: &TestRepo, options: &[&str]) -> Vec<Value> {
    let mut all = Vec::new();
    let mut wrong = Vec::new();
    for report in REPORTS {
        let told = json(repo, &[options, &["why", report, "--json", "--all"]].concat());
        let numbers = told["numbers"].as_array().unwrap();
        for number in numbers {
            let name = number["name"].as_str().unwrap();
            if number["adds_up"] != true {
                wrong.push(format!("{name} does not add up: {}, n = {}", number["formula"], number["n"]));
            }
            if let Err(why) = listed_deals_make(number) {
                wrong.push(format!("{name}: {why}"));
            }
            for text in ["title", "text", "meaning", "formula"] {
                if number[text].as_str().unwrap().is_empty() {
                    wrong.push(format!("{name} has no {text}"));
                }
            }
            all.push(number.clone());
        }
        let mut names: Vec<&str> = numbers.iter().map(|number| number["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), numbers.len(), "a name of the {report} report stands for two numbers");
    }
    assert!(wrong.is_empty(), "{options:?}\n{}", wrong.join("\n"));
    all
}

#[test]
fn the_deals_of_every_number_of_the_demo_make_it() {
    let repo = demo();
    let own = ["-C", "trial"];
    let all = all_numbers_are_made_by_their_deals(&repo, &own);
    assert!(all.len() > 250, "{} numbers", all.len());
    // What the demo is known to hold must not be empty, or nothing was compared.
    for name in [
        "funnel.conversion.proposal",
        "funnel.exits.decision.lost",
        "pipeline.amount.proposal",
        "pipeline.deals.by.owner.olga",
        "forecast.expected",
        "forecast.chance.brief",
        "time.median.proposal",
        "time.deals.p90.brief",
        "time.cycle",
        "time.velocity",
        "waterfall.won",
        "losses.deals",
        "effort.hours.proposal",
        "cash.received",
        "agenda.overdue",
        "health.leakage.proposal",
    ] {
        let number = all.iter().find(|number| number["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(!number["deals"].as_array().unwrap().is_empty(), "{name} has no deals");
    }
}

#[test]
fn they_make_it_too_on_other_days_and_of_some_deals() {
    let repo = demo();
    all_numbers_are_made_by_their_deals(&repo, &["-C", "trial", "--today", "2026-06-30"]);
    for options in [
        &["--from", "2026-03-01", "--to", "2026-08-31"][..],
        &["--period", "quarter"],
        &["--where", "owner == \"olga\""],
        &["--where", "amount > money(\"20000 EUR\")", "--from", "2026-01-15"],
    ] {
        for report in REPORTS {
            let told = json(&repo, &[&["-C", "trial", "why", report, "--json", "--all"], options].concat());
            for number in told["numbers"].as_array().unwrap() {
                assert!(number["adds_up"] == true, "{options:?} {}: {}", number["name"], number["formula"]);
                let found = listed_deals_make(number);
                assert!(found.is_ok(), "{options:?} {}: {found:?}", number["name"]);
            }
        }
    }
}

#[test]
fn they_make_it_in_an_invented_history_with_merges_returns_and_odd_clocks() {
    let repo = peers_kit::invented();
    let all = all_numbers_are_made_by_their_deals(&repo, &[]);
    assert!(all.iter().any(|number| number["value"]["unit"] == "share" && number["n"].as_u64() > Some(20)));
}

#[test]
fn a_number_is_the_one_that_the_report_prints() {
    let repo = demo();
    let why = |name: &str| json(&repo, &["-C", "trial", "why", name, "--json"]);
    let report = |name: &str| json(&repo, &["-C", "trial", "report", name, "--format", "json"]);
    let funnel = report("funnel");
    let proposal = &funnel["funnel"]["stages"][1];
    assert_eq!(proposal["stage"], "proposal");
    assert_eq!(why("funnel.conversion.proposal")["value"]["value"], proposal["to_next"]["estimate"]);
    assert_eq!(why("funnel.won")["value"]["value"], funnel["funnel"]["overall"]["estimate"]);
    assert_eq!(why("pipeline.weighted")["value"]["value"], report("pipeline")["state"]["total"]["weighted"]);
    assert_eq!(why("forecast.expected")["value"]["value"], report("forecast")["forecast"]["total"]["expected_amount"]);
    assert_eq!(why("time.cycle")["value"]["value"]["length"], report("time")["time"]["cycle"]["won"]["mean_seconds"]);
    assert_eq!(why("cash.overdue")["value"]["value"], report("cash")["cash"]["currencies"][0]["overdue"]);
    assert_eq!(why("health.stale")["value"]["value"], report("health")["health"]["stale_count"]);
}

/// Six deals come to Brief; four go on after four days, one is lost.
fn small() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for i in 0..6 {
        repo.write(&format!("sales/brief/d{i}.yaml"), format!("title: Deal {i}\namount: {}\n", 100 + i));
        repo.commit("A deal");
    }
    repo.wait_days(4);
    for i in 0..4 {
        repo.move_by_hand(&format!("sales/brief/d{i}.yaml"), &format!("sales/proposal/d{i}.yaml"));
    }
    repo.wait_days(3);
    repo.move_by_hand("sales/brief/d4.yaml", "sales/lost/d4.yaml");
    repo
}

#[test]
fn every_deal_has_the_commit_that_made_it_count_so() {
    let repo = small();
    let number = json(&repo, &["why", "funnel.conversion.brief", "--json"]);
    let rows = number["deals"].as_array().unwrap();
    let told: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| (row["deal"].as_str().unwrap(), row["counts"].as_str().unwrap(), row["how"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("d0", "yes", "went on after 4 d"),
            ("d1", "yes", "went on after 4 d"),
            ("d2", "yes", "went on after 4 d"),
            ("d3", "yes", "went on after 4 d"),
            ("d4", "no", "lost after 7 d"),
            ("d5", "open", "open, followed for 7 d so far"),
        ]
    );
    for (row, path) in
        rows.iter().zip(["proposal/d0", "proposal/d1", "proposal/d2", "proposal/d3", "lost/d4", "brief/d5"])
    {
        let file = format!("sales/{path}.yaml");
        let commit = repo.git(&["log", "-1", "--format=%H", "--", &file]);
        assert_eq!(row["commit"]["id"], commit.trim(), "{path}");
        assert_eq!(row["commit"]["author"], "Olga Sokolova");
    }
}

#[test]
fn the_text_says_what_how_and_which() {
    let repo = small();
    let text = repo.ok(&["why", "funnel.conversion.brief"]);
    for wanted in [
        "From Brief to a later stage (funnel.conversion.brief)",
        "What it means",
        "4 of 6 deals that came to Brief reached a later stage or were won: 67 %. 1 is open and may still,",
        "History is",
        "n = 6 deals: 4 ✓ count, 1 ✗ counts not, 1 · is open.",
        "✓ d0",
        "✗ d4",
        "· d5",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    let early = repo.ok(&["why", "time.median.brief"]);
    assert!(early.contains("too early (n = 5)") && early.contains("3 more are missing"), "{early}");
}

#[test]
fn long_lists_say_how_many_more_there_are() {
    let repo = demo();
    let text = repo.ok(&["-C", "trial", "why", "funnel.entered.brief"]);
    assert!(text.contains("and 61 more (--all shows them)"), "{text}");
    let all = repo.ok(&["-C", "trial", "why", "funnel.entered.brief", "--all"]);
    assert!(!all.contains("more (--all") && all.lines().count() > 81, "{all}");
}

#[test]
fn a_report_lists_the_names_of_its_numbers_and_so_does_a_part_of_a_name() {
    let repo = small();
    let list = repo.ok(&["why", "funnel"]);
    assert!(list.contains("funnel.conversion.brief") && list.contains("From Brief to a later stage"), "{list}");
    assert!(
        !list.contains("funnel.exits.brief.recycled") && list.contains("more that are 0 or details (--all shows them)"),
        "{list}"
    );
    let exits = repo.ok(&["why", "funnel.exits.brief"]);
    assert!(exits.contains("funnel.exits.brief.recycled") && !exits.contains("funnel.won"), "{exits}");
    let names = json(&repo, &["why", "overview", "--json"]);
    assert!(names["numbers"].as_array().unwrap().iter().any(|number| number["name"] == "forecast.expected"));
}

#[test]
fn an_unknown_number_is_refused_with_the_nearest() {
    let repo = small();
    for (name, wanted) in [
        ("funnel.conversion.breif", "did you mean funnel.conversion.brief?"),
        ("funnel.nothing.at.all", "`tussock why funnel` lists them all"),
        ("pipeline.wieghted", "did you mean pipeline.weighted?"),
        ("overview.won", "`tussock why overview` lists them all"),
    ] {
        let ran = repo.tussock(&["why", name]);
        assert_eq!(ran.code, 2, "{name}");
        assert!(ran.err.contains(wanted), "{}", ran.err);
    }
    for args in [&["why", "funnel.won", "brief"][..], &["why", "d0", "--all"], &["why", "d0", "--period", "month"]] {
        assert_eq!(repo.tussock(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_deal_of_that_name_comes_first() {
    let repo = small();
    repo.write("sales/brief/funnel.won.yaml", "title: Named like a number\n");
    repo.commit("A deal");
    let text = repo.ok(&["why", "funnel.won"]);
    assert!(text.contains("Named like a number (funnel.won): Brief → Proposal"), "{text}");
    assert!(repo.ok(&["why", "funnel.won.brief"]).contains("From Brief to won"));
}

#[test]
fn what_deals_say_does_nothing_to_a_terminal() {
    let repo = small();
    repo.write("sales/brief/d9.yaml", "title: \"red \\e[31m\"\nowner: \"o\\e[2J\"\namount: 5\n");
    repo.commit("A deal");
    for name in ["pipeline", "pipeline.amount", "funnel.entered.brief"] {
        let text = repo.ok(&["why", name, "--all"]);
        assert!(!text.contains('\u{1b}'), "{name}");
    }
    let json = repo.ok(&["why", "pipeline", "--json", "--all"]);
    assert!(!json.contains('\u{1b}'));
}

#[test]
fn a_shallow_clone_is_refused_or_marked() {
    let repo = small();
    repo.git(&["clone", "-q", "--depth", "3", &format!("file://{}", repo.path().display()), "shallow"]);
    let refused = repo.tussock(&["-C", "shallow", "why", "funnel.won"]);
    assert_eq!(refused.code, 10, "{}", refused.err);
    let marked = repo.ok(&["-C", "shallow", "why", "funnel.won", "--allow-incomplete"]);
    let words: Vec<&str> = marked.split_whitespace().collect();
    assert!(words.join(" ").contains("History is not complete"), "{marked}");
}
