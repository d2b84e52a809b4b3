//! Exchange rates on the real binary: sums with and without them, by the day, and files that are none.

mod kit;

use kit::TestRepo;
use serde_json::Value;

/// A deal in euros and one in dollars, in `brief` with 10 %.
fn deals(rates: Option<&str>) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write(
        "sales/pipeline.yaml",
        kit::SMALL_PIPELINE.replace("currency: EUR\n", "currency: EUR\nrates: rates.csv\n"),
    );
    repo.write("sales/brief/a.yaml", "title: Alpha\namount: 1000\nclose_date: 2026-03-01\n");
    repo.write("sales/brief/b.yaml", "title: Beta\namount: 100.10 USD\nclose_date: 2026-03-01\n");
    if let Some(rates) = rates {
        repo.write("sales/rates.csv", format!("date,currency,rate\n{rates}"));
    }
    repo.commit("Deals");
    repo
}

fn state(repo: &TestRepo, args: &[&str]) -> Value {
    let ran = repo.tussock(&[&["report", "pipeline", "--format", "json"], args].concat());
    serde_json::from_str::<Value>(&ran.out).unwrap()["state"].clone()
}

#[test]
fn sums_take_in_other_currencies_by_the_rates_of_the_day() {
    let repo = deals(Some("2026-01-01,USD,0.5\n2026-02-01,USD,0.25\n"));
    let now = state(&repo, &[]);
    assert_eq!(now["total"]["amount"]["amount"], "1050.05");
    assert_eq!(now["total"]["weighted"]["amount"], "105.00", "of 105.005, half to even");
    let other = &now["other_currencies"][0];
    assert_eq!((&other["quote"]["rate"], &other["quote"]["since"]), (&"0.5".into(), &"2026-01-01".into()));
    assert_eq!((&other["amount"]["amount"], &other["converted"]["amount"]), (&"100.10".into(), &"50.05".into()));
    assert_eq!(state(&repo, &["--today", "2026-02-14"])["total"]["amount"]["amount"], "1025.02");

    let forecast = repo.ok(&["report", "forecast", "--format", "json"]);
    let forecast: Value = serde_json::from_str(&forecast).unwrap();
    assert_eq!(forecast["forecast"]["total"]["amount"]["amount"], "1050.05");
    let line = &forecast["forecast"]["deals"][1];
    let expected: f64 = line["expected_amount"]["amount"].as_str().unwrap().parse().unwrap();
    assert!((expected - 50.05 * line["chances"]["won"].as_f64().unwrap()).abs() <= 0.005, "{line}");
    let page = repo.ok(&["report"]);
    assert!(page.contains("Of the sums, 100.10 USD (1 deal) were converted at 0.5 of 2026-01-01."), "{page}");
    let board = repo.ok(&["board", "--today", "2026-01-06"]);
    assert!(board.contains("1,050.05 EUR") && board.contains("of it 100.10 USD at 0.5 of 2026-01-01"), "{board}");
}

#[test]
fn a_waterfall_takes_the_rates_of_its_last_day_for_all_it_says() {
    let repo = deals(Some("2026-01-01,USD,0.5\n2026-02-01,USD,0.25\n"));
    repo.write("sales/brief/c.yaml", "title: Gamma\namount: 10 CHF\nclose_date: 2026-03-01\n");
    repo.commit("A currency without a rate");
    repo.wait_days(30);
    repo.write("sales/brief/b.yaml", "title: Beta\namount: 30 EUR\nclose_date: 2026-03-01\n");
    repo.write("sales/brief/d.yaml", "title: Delta\namount: 7.70 USD\nclose_date: 2026-03-01\n");
    repo.commit("Beta in euros, and a new one");
    let steps = |from: &str, to: &str| {
        let args = ["report", "waterfall", "--from", from, "--to", to, "--today", to, "--format", "json"];
        let report: Value = serde_json::from_str(&repo.ok(&args)).unwrap();
        let whole = &report["whole"];
        assert_eq!((&whole["balanced"], &whole["rates_of"]), (&Value::Bool(true), &Value::from(to)));
        let mut told = vec![format!("start {}", whole["start"]["amount"]["amount"].as_str().unwrap())];
        for step in whole["steps"].as_array().unwrap().iter().filter(|step| step["deals"] != 0) {
            let (kind, sum) = (step["kind"].as_str().unwrap(), step["amount"]["amount"].as_str().unwrap());
            told.push(format!("{kind} {sum} {}", step["other"].as_array().unwrap().len()));
        }
        told.push(format!("end {}", whole["end"]["amount"]["amount"].as_str().unwrap()));
        told.push(whole["rates"][0]["rate"].as_str().unwrap().to_owned());
        told
    };
    // 100.10 dollars at 0.25 are 25.02 on both days, half to even, so that only the new price is a step.
    assert_eq!(
        steps("2026-01-20", "2026-02-10"),
        ["start 1025.02", "new 1.92 0", "increased 4.98 0", "end 1031.92", "0.25"]
    );
    // Nothing happened while the rate fell.
    assert_eq!(steps("2026-01-20", "2026-02-02"), ["start 1025.02", "end 1025.02", "0.25"]);
    let page = repo.ok(&["report", "waterfall", "--from", "2026-01-20", "--today", "2026-02-10", "--format", "md"]);
    assert!(page.contains("- Amounts in USD are converted at 0.25 of 2026-02-01, at the start too.\n"), "{page}");
    // What has no rate is told apart.
    assert!(page.contains("10 CHF"), "{page}");
}

#[test]
fn what_was_won_counts_by_the_rate_of_the_day_on_which_it_was_won() {
    let repo = deals(Some("2026-01-01,USD,0.5\n2026-02-01,USD,0.25\n"));
    for deal in ["a", "b", "c", "d", "e"] {
        repo.write(&format!("sales/brief/{deal}.yaml"), "title: T\namount: 100 USD\nclose_date: 2026-03-01\n");
    }
    repo.commit("Five");
    repo.wait_days(10);
    for deal in ["a", "b", "c", "d", "e"] {
        repo.move_by_hand(&format!("sales/brief/{deal}.yaml"), &format!("sales/won/{deal}.yaml"));
    }
    repo.wait_days(60);
    let time = |args: &[&str]| {
        let said = repo.ok(&[&["report", "time", "--format", "json"], args].concat());
        serde_json::from_str::<Value>(&said).unwrap()["time"]["cycle"]["velocity"].clone()
    };
    for args in [&[][..], &["--today", "2026-03-10"]] {
        let velocity = time(args);
        assert_eq!((&velocity["average"]["amount"], &velocity["average_of"]), (&"50.00".into(), &5.into()));
    }
}

#[test]
fn where_no_rate_is_known_yet_nothing_is_guessed() {
    for rates in ["2026-01-06,USD,0.5\n", "2026-01-01,GBP,1.2\n"] {
        let state = state(&deals(Some(rates)), &[]);
        assert_eq!(state["total"]["amount"]["amount"], "1000");
        assert_eq!(state["other_currencies"][0]["converted"], Value::Null);
    }
}

#[test]
fn a_table_that_is_none_is_told_and_gives_no_rates() {
    let repo = deals(Some("2026-01-01,USD,0.5\n2026-01-02,USD,N/A\n"));
    let ran = repo.tussock(&["report"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("rates.csv gives no exchange rates"), "{}", ran.err);
    assert!(ran.out.contains("1 deal in USD (100.10 USD) is not in the sums."), "{}", ran.out);
    let ran = repo.tussock(&["validate", "--format", "json"]);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let findings = found["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["path"] == "sales/rates.csv").unwrap();
    assert_eq!(
        (ran.code, &finding["rule"], &finding["start"]["line"]),
        (1, &"rates-file".into(), &3.into()),
        "{}",
        ran.out
    );
    assert_eq!(repo.tussock(&["board"]).code, 1);
}

#[test]
fn no_name_leads_out_of_the_pipeline() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("rates.csv");
    std::fs::write(&file, "date,currency,rate\n2026-01-01,USD,0.5\n").unwrap();
    for name in [
        file.to_str().unwrap(),
        "../rates.csv",
        "./rates.csv",
        "brief/../rates.csv",
        ".git/config",
        "\"\\e[2J\"",
        "brief",
    ] {
        let repo = deals(Some("2026-01-01,USD,0.5\n"));
        repo.write("rates.csv", "date,currency,rate\n2026-01-01,USD,0.5\n");
        repo.write(
            "sales/pipeline.yaml",
            kit::SMALL_PIPELINE.replace("currency: EUR\n", &format!("currency: EUR\nrates: {name}\n")),
        );
        repo.commit("Another file");
        assert_eq!(state(&repo, &[])["total"]["amount"]["amount"], "1000", "{name}");
        let ran = repo.tussock(&["validate"]);
        assert!(ran.code == 1 && ran.out.contains("rates-file"), "{name}: {}{}", ran.out, ran.err);
        assert!(!ran.out.contains('\u{1b}'));
    }
    #[cfg(unix)]
    {
        let repo = deals(None);
        std::os::unix::fs::symlink(&file, repo.path().join("sales/rates.csv")).unwrap();
        let ran = repo.tussock(&["validate"]);
        assert!(ran.out.contains("links are not followed"), "{}", ran.out);
    }
}

#[test]
fn the_reference_rates_of_a_central_bank_convert_as_it_does() {
    let Some(folder) = kit::shared("data/currencies") else { return };
    let packed = std::process::Command::new("xz").arg("-dc").arg(folder.join("ecb-eurofxref-hist.csv.xz")).output();
    let Ok(packed) = packed else { return eprintln!("there is no xz here") };
    let text = String::from_utf8(packed.stdout).unwrap();
    let mut lines = text.lines();
    let codes: Vec<&str> = lines.next().unwrap().split(',').skip(1).collect();
    let eur = tussock::format::money::Currency::new("EUR").unwrap();
    let mut table = String::from("date,currency,rate\n");
    let mut direct = Vec::new();
    for line in lines.take(400) {
        let (day, rates) = line.split_once(',').unwrap();
        for (code, rate) in codes.iter().zip(rates.split(',')) {
            if let (Ok(rate), Ok(code)) =
                (rate.parse::<rust_decimal::Decimal>(), tussock::format::money::Currency::new(code))
            {
                let worth = (rust_decimal::Decimal::ONE / rate).round_dp(12);
                table.push_str(&format!("{day},{code},{worth}\n"));
                direct.push((day.parse::<chrono::NaiveDate>().unwrap(), code, rate));
            }
        }
    }
    let rates = tussock::format::rates::Rates::read(table.as_bytes(), eur).unwrap();
    let converter = tussock::metrics::rates::Converter::new(eur, Some(&rates));
    assert!(direct.len() > 10_000);
    for (day, code, rate) in direct {
        let money = tussock::format::money::Money { amount: 18_000.into(), currency: code };
        let exact = money.amount / rate;
        let found = converter.convert(money, day).unwrap();
        assert!((found - exact).abs() <= rust_decimal::Decimal::new(6, 3), "{day} {code}: {found} for {exact}");
    }
}
