//! `tussock portfolio` on the real binary: several repositories, several currencies, and some that cannot be read.

mod kit;

use std::process::Command;

use kit::{Ran, TestRepo};
use serde_json::Value;

/// A repository with a pipeline in `sales`: an open deal, a won one and six lost ones.
fn repository(currency: &str, rates: Option<&str>) -> TestRepo {
    let repo = TestRepo::new();
    let pipeline = kit::SMALL_PIPELINE.replace("currency: EUR\n", &format!("currency: {currency}\nrates: rates.csv\n"));
    repo.write("sales/pipeline.yaml", pipeline.replace("title: Small", &format!("title: In {currency} *")));
    repo.write("sales/rates.csv", format!("date,currency,rate\n{}", rates.unwrap_or_default()));
    repo.write("sales/contract/a.yaml", "title: Alpha\namount: 1000\n");
    repo.write("sales/brief/w.yaml", "title: Win\namount: 300\n");
    for n in 0..6 {
        repo.write(&format!("sales/brief/l{n}.yaml"), format!("title: Loss {n}\nlost: {{reason: price}}\n"));
    }
    repo.commit("Deals");
    repo.wait_days(10);
    std::fs::create_dir_all(repo.path().join("sales/proposal")).unwrap();
    repo.git(&["mv", "sales/brief/w.yaml", "sales/proposal/w.yaml"]);
    std::fs::create_dir_all(repo.path().join("sales/lost")).unwrap();
    for n in 0..6 {
        repo.git(&["mv", &format!("sales/brief/l{n}.yaml"), &format!("sales/lost/l{n}.yaml")]);
    }
    repo.commit("On");
    repo.wait_days(10);
    std::fs::create_dir_all(repo.path().join("sales/won")).unwrap();
    repo.git(&["mv", "sales/proposal/w.yaml", "sales/won/w.yaml"]);
    repo.commit("Won");
    repo
}

fn portfolio(at: &TestRepo, args: &[&str]) -> Ran {
    at.run(Command::new(env!("CARGO_BIN_EXE_tussock")).arg("portfolio").args(args))
}

fn json(at: &TestRepo, args: &[&str]) -> Value {
    let ran = portfolio(at, &[args, &["--format", "json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

fn path(repo: &TestRepo) -> String {
    repo.path().to_str().unwrap().to_owned()
}

#[test]
fn lines_and_the_tables_of_the_reports_open_in_a_spreadsheet() {
    let euros = repository("EUR", None);
    let dollars = repository("USD", Some("2026-01-01,EUR,1.25\n"));
    let there = path(&dollars);
    let csv = |args: &[&str]| {
        let ran = portfolio(&euros, &[&["--repo", ".", "--repo", &there, "--format", "csv"], args].concat());
        assert_eq!((ran.code, &*ran.err), (0, ""));
        ran.out.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let lines = csv(&[]);
    let column = |name: &str| lines[0].iter().position(|own| own == name).unwrap_or_else(|| panic!("{:?}", lines[0]));
    assert_eq!((lines.len(), &lines[1][0][..], &lines[2][0]), (3, ".", &there));
    assert_eq!([&lines[1], &lines[2]].map(|line| &line[column("amount")][..]), ["1000", "800.00"]);
    assert_eq!([&lines[1], &lines[2]].map(|line| &line[column("currency")][..]), ["EUR", "USD"]);
    assert!(!lines[0].iter().any(|name| name.starts_with("report")), "{:?}", lines[0]);
    let stages = csv(&["pipeline", "--table", "stages"]);
    assert_eq!(stages[0][..2], ["pipeline", "stage"]);
    assert_eq!(stages.len(), 1 + 2 * 3, "{stages:?}");
    let by = csv(&["funnel", "--by", "owner", "--table", "stages"]);
    assert_eq!(by[0][..3], ["pipeline", "by", "value"]);
    let refused = portfolio(&euros, &["funnel", "--format", "csv", "--table", "deals"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused.err.contains("the report portfolio has no table deals; it has pipelines, failed, stages"),
        "{}",
        refused.err
    );
    assert_eq!(portfolio(&euros, &["--table", "failed"]).code, 2);
}

#[test]
fn pipelines_of_several_currencies_stand_on_one_page() {
    let euros = repository("EUR", None);
    let dollars = repository("USD", Some("2026-01-01,EUR,1.25\n2026-01-20,EUR,1.6\n"));
    let both = ["--repo", ".", "--repo", &path(&dollars)];
    let all = json(&euros, &both);
    assert_eq!(all["currency"], "EUR");
    let amount = |line: &Value, name: &str| line[name]["amount"].as_str().unwrap().to_owned();
    assert_eq!(amount(&all["pipelines"][1], "amount"), "625.00", "1000 USD by the rate of the last day");
    assert_eq!(amount(&all["pipelines"][1], "won_amount"), "187.50");
    assert_eq!(
        (amount(&all["total"], "amount"), amount(&all["total"], "won_amount")),
        ("1625.00".into(), "487.50".into())
    );
    assert_eq!(
        (&all["total"]["open"], &all["total"]["won"], &all["total"]["lost"]),
        (&2.into(), &2.into(), &12.into())
    );
    assert_eq!(all["total"]["win_rate"]["n"], 14);
    assert_eq!(all["pipelines"][1]["other_currencies"][0]["quote"]["rate"], "0.625");

    let earlier = json(&euros, &[&both[..], &["--as-of", "2026-01-19"]].concat());
    assert_eq!(amount(&earlier["pipelines"][1], "amount"), "1040.00", "two open deals, 1300 USD at 1.25");

    let page = portfolio(&euros, &both).out;
    assert!(page.contains("| **All** |  | **2** | **1,625 EUR** |"), "{page}");
    assert!(page.contains("of the open sums, 1,000 USD were converted at 0.625 of 2026-01-20"), "{page}");
    assert!(page.contains("In EUR &#42;"), "{page}");
}

#[test]
fn what_has_no_rate_is_told_and_in_no_sum() {
    let euros = repository("EUR", None);
    let dollars = repository("USD", None);
    let both = ["--repo", ".", "--repo", &path(&dollars)];
    let all = json(&euros, &both);
    assert_eq!((&all["total"]["open"], &all["total"]["amount"]["amount"]), (&2.into(), &"1000".into()));
    assert_eq!(all["total"]["other_currencies"][0]["amount"]["amount"], "1000");
    assert_eq!(all["total"]["won_without_rate"], 1);
    let page = portfolio(&euros, &both).out;
    assert!(page.contains("| **1,000 EUR, not all** |") && page.contains("| 0 EUR, not all |"), "{page}");
    assert!(page.contains("**1,000 USD** (1 open deal) is not in the sums: no rate is known."), "{page}");

    euros.write("../bank.csv", "date,currency,rate\n2026-01-01,USD,0.5\n2026-01-01,EUR,0.8\n");
    let given = json(&euros, &[&both[..], &["--currency", "GBP", "--rates", "../bank.csv"]].concat());
    assert_eq!(given["total"]["amount"]["amount"], "1300.00");
    euros.write("../bank.csv", "date,currency,rate\n2026-01-01,USD,\n");
    let wrong = portfolio(&euros, &[&both[..], &["--currency", "GBP", "--rates", "../bank.csv"]].concat());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("line 2: \"\" is not a rate"), "{}", wrong.err);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_reported() {
    let good = repository("EUR", None);
    let broken = repository("EUR", None);
    broken.write("sales/pipeline.yaml", "version: 1\nstages: [\n");
    broken.commit("Broken");
    let empty = tempfile::tempdir().unwrap();
    let list = format!("# teams\n\nrepo\n{}\n{}\nno/such/folder\nrepo#sales\n", path(&broken), empty.path().display());
    good.write("../teams.txt", list);
    let ran = portfolio(&good, &["--list", "../teams.txt"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.err.matches("warning:").count(), 3, "{}", ran.err);
    assert!(ran.out.contains("## Not reported") && ran.out.contains("no/such/folder"), "{}", ran.out);
    assert!(ran.out.contains("| **All** |  | **1** |"), "a pipeline that is named twice counts once: {}", ran.out);

    let none = portfolio(&good, &["--repo", "no/such/folder"]);
    assert_eq!((none.code, none.out.as_str()), (8, ""), "{}", none.err);
    assert_eq!(portfolio(&good, &["-p", "sales"]).code, 2);
    assert_eq!(portfolio(&good, &["--currency", "EURO"]).code, 2);
}

#[test]
fn the_report_of_each_pipeline_follows_in_every_format() {
    let repo = repository("EUR", None);
    repo.write("more/pipeline.yaml", kit::SMALL_PIPELINE.replace("Small", "More"));
    repo.write("more/brief/x.yaml", "title: X\n");
    repo.commit("A second pipeline");
    let page = portfolio(&repo, &["pipeline"]).out;
    let heads: Vec<&str> = page.lines().filter(|l| l.starts_with("# ") || l.starts_with("## ")).collect();
    assert_eq!(
        heads,
        ["# Portfolio", "## What the numbers mean", "## More: pipeline", "## In EUR &#42;: pipeline"],
        "{page}"
    );
    assert_eq!(page.matches("```mermaid").count(), 2, "{page}");
    assert!(page.contains("(`.#more`)") && page.contains("(`.#sales`)"), "{page}");
    let all = json(&repo, &["funnel"]);
    assert_eq!(all["pipelines"][1]["report"]["report"], "funnel");
    let ran = portfolio(&repo, &["forecast", "-o", "all.html"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(repo.read("all.html").matches("<svg").count() >= 2);
    assert!(portfolio(&repo, &["--format", "text"]).out.contains("1,000 EUR"));
    assert_eq!(portfolio(&repo, &["agenda", "--profile", "investor"]).code, 2);
    assert!(!portfolio(&repo, &["--profile", "investor"]).out.contains("Weighted"));
    let alone = json(&repo, &["--repo", ".#sales"]);
    assert_eq!(alone["pipelines"].as_array().unwrap().len(), 1);
    assert_eq!(json(&repo, &["--repo", "more"])["pipelines"][0]["title"], "More");
}

#[test]
fn the_days_bound_what_was_won() {
    let repo = repository("EUR", None);
    let won = |args: &[&str]| json(&repo, args)["total"]["won"].clone();
    assert_eq!(won(&["--from", "2026-01-25", "--to", "2026-01-25"]), 1);
    assert_eq!(won(&["--from", "2026-01-26", "--to", "2026-01-31"]), 0);
    assert_eq!(won(&["--where", "amount < money(\"300 EUR\")"]), 0);
}
