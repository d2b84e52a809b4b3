use std::io;

use chrono::NaiveDate;

use super::*;
use crate::format::builtins;
use crate::format::ident::{DealId, StageId};
use crate::format::load::parse_deal;
use crate::format::pipeline::Pipeline;
use crate::format::pipeline_file;
use crate::format::source::{FileEntry, Source};

const PIPELINE: &str = "\
version: 1
currency: EUR
stages:
  - {id: brief, title: Brief, probability: 10%}
  - {id: proposal, title: Proposal, probability: 50%}
ends:
  - {id: won, kind: won}
fields:
  inputs: {goal: text, deadline: date}
  seats: integer
  signed: boolean
  file: path
";

struct OneFile;

impl Source for OneFile {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        Ok(Vec::new())
    }
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn repository_has(&self, path: &str) -> bool {
        path == "docs/offer.pdf"
    }
}

fn pipeline() -> Pipeline {
    pipeline_file::read(PIPELINE.as_bytes()).expect("a good pipeline").0
}

fn ask(deal: &str, source: &str) -> Result<Answer, String> {
    let pipeline = pipeline();
    let stage = StageId::new("proposal").unwrap();
    let deal = parse_deal(deal.as_bytes(), &pipeline, "proposal/a.yaml", &stage, &DealId::new("a").unwrap()).unwrap();
    let expression = Expression::compile(source, &pipeline.fields, false).map_err(|e| format!("compile: {e}"))?;
    let circumstances = Circumstances {
        today: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(),
        source: &OneFile,
        days_in_stage: Some(12),
        visited: None,
    };
    expression.evaluate(&pipeline, &deal, &circumstances)
}

fn holds(deal: &str, source: &str) -> bool {
    ask(deal, source).unwrap_or_else(|e| panic!("{source}: {e}")).holds
}

fn refusal(source: &str) -> String {
    let error = Expression::compile(source, &pipeline().fields, false).expect_err(source);
    let help = error.help.map(|h| format!(" ({h})")).unwrap_or_default();
    format!("{} at {:?}{help}", error.message, &source[error.range])
}

#[test]
fn money_is_compared_exactly_and_only_with_money_of_its_currency() {
    assert!(holds("amount: 0.30", "amount == money(\"0.3\")"));
    assert!(holds("amount: 9007199254740993", "amount > money(\"9007199254740992 EUR\")"));
    assert!(!holds("amount: 10000", "amount > money(\"10000 EUR\")"));
    let error = ask("amount: 10 USD", "amount > money(\"5 EUR\")").unwrap_err();
    assert_eq!(error, "`amount > money(\"5 EUR\")` cannot be answered: USD and EUR are different currencies");
}

#[test]
fn comparing_different_types_is_refused_when_the_pipeline_is_read() {
    assert_eq!(
        refusal("owner == \"olga\" and amount > 1000"),
        "money is compared with a number, which is never true at \"amount > 1000\" (write the other side as \
         money(\"10000 EUR\"), or take the bare number with `.value`)"
    );
    assert_eq!(
        refusal("close_date > \"2026-01-01\""),
        "a date is compared with a text, which is never true at \"close_date > \\\"2026-01-01\\\"\" (write the other \
         side as date(\"2026-12-31\"))"
    );
}

#[test]
fn comparing_different_types_that_only_show_in_the_deal_is_a_failure_not_false() {
    let error = ask("title: a\nseats: 3", "(seats | default(1)) > (title | lower)").unwrap_err();
    assert!(error.ends_with("a number cannot be compared with a text"), "{error}");
}

#[test]
fn calculating_with_dates_and_amounts_says_what_to_write_instead() {
    for source in ["(today - close_date) > 3", "amount * 2 > 5"] {
        let error = ask("close_date: 2026-11-10\namount: 5", source).unwrap_err();
        assert!(error.ends_with("or days_until(…)"), "{error}");
    }
}

#[test]
fn a_missing_field_is_missing_not_an_error() {
    let answer = ask("title: a", "amount > money(\"5\") and owner == \"olga\"").unwrap();
    assert_eq!((answer.holds, answer.missing), (false, vec!["amount".to_owned()]));
    let answer = ask("owner: petr\namount: 9", "amount > money(\"5\") and owner == \"olga\"").unwrap();
    assert_eq!(answer.false_part.as_deref(), Some("owner == \"olga\""));
    assert_eq!(answer.found, ["owner is \"petr\""]);
    assert!(holds("title: a", "amount == none"));
    assert!(holds("title: a", "owner is empty and not inputs.goal is filled"));
    assert!(!holds("title: a", "amount.value * 2 > 3"));
}

#[test]
fn a_field_that_may_be_missing_is_not_what_is_missing() {
    let rule = "payments | default([]) | length > 0 or effort | default([]) | sum(attribute=\"hours\") * 50 <= \
                amount.value * 0.05";
    let deal = "amount: 6900\neffort:\n  - {on: 2026-09-18, who: petr, hours: 2.5}\n  - {on: 2026-10-19, who: olga, hours: 6.5}\n";
    let answer = ask(deal, rule).unwrap();
    assert_eq!((answer.holds, answer.missing, answer.missing_one_of), (false, vec![], vec![]));
    assert_eq!(
        answer.found,
        [
            "amount is 6900 EUR",
            "payments is not filled",
            "`payments | default([]) | length` is 0",
            "`effort | default([]) | sum(attribute=\"hours\") * 50` is 450",
            "`amount.value * 0.05` is 345",
        ]
    );
    // What the deal lacks and the rule does not do without is missing as ever, in whatever part it stands.
    let missing = |source: &str| ask("title: a", source).unwrap().missing;
    assert_eq!(missing("seats | default(0) > 1 and seats < 5"), [] as [&str; 0]);
    assert_eq!(missing("seats | default(0) > seats"), ["seats"]);
    assert_eq!(missing("inputs.goal | default(\"\") == \"x\""), [] as [&str; 0]);
    assert_eq!(missing("title | default(owner) == \"x\""), ["owner"]);
    assert_eq!(
        ask("title: a", "seats | default(3) > 5").unwrap().found,
        ["seats is not filled", "`seats | default(3)` is 3"]
    );
}

#[test]
fn of_a_choice_one_missing_field_would_do() {
    let one_of = |deal: &str, source: &str| ask(deal, source).unwrap().missing_one_of;
    assert_eq!(one_of("title: a", "file is filled or inputs.goal is filled"), ["file", "inputs.goal"]);
    assert_eq!(one_of("title: a", "title is empty and (file is filled or owner is filled)"), [] as [&str; 0]);
    assert_eq!(one_of("title: a", "title is filled and (file is filled or owner is filled)"), ["file", "owner"]);
    // Filling the other field is not the only way out, so both are named as before.
    assert_eq!(one_of("owner: b", "file is filled or owner == \"a\""), [] as [&str; 0]);
}

#[test]
fn the_example_of_the_format_works() {
    let rule = "effort | sum(attribute=\"hours\") * 50 <= amount.value * 0.05";
    assert!(holds("amount: 18000\neffort:\n  - {on: 2026-11-01, who: petr, hours: 3}\n", rule));
    assert!(!holds("amount: 1800\neffort:\n  - {on: 2026-11-01, who: petr, hours: 3}\n", rule));
    assert!(holds("amount: 1800\n", rule));
}

#[test]
fn boolean_words_bind_as_people_expect() {
    assert!(holds("owner: a", "owner == \"b\" or owner == \"a\" and title is empty"));
    assert!(!holds("owner: a", "(owner == \"b\" or owner == \"a\") and title is filled"));
    assert!(holds("owner: a", "not (owner == \"b\") and not owner == \"c\""));
    assert!(holds("owner: a", "owner in [\"a\", \"b\"] and owner not in [\"c\"]"));
    assert!(holds("seats: 3", "(10 if signed else 2) < seats"));
    assert!(holds("signed: true", "signed"));
}

#[test]
fn days_files_and_the_deal_itself_can_be_asked() {
    assert!(holds("close_date: 2026-11-10", "days_since(close_date) == 10 and close_date < today"));
    assert!(holds("close_date: 2026-12-10", "days_until(close_date) == 20 and close_date.month == 12"));
    assert!(holds("title: a", "days_in_stage == 12 and deal.stage == \"proposal\" and deal.status == \"open\""));
    assert!(holds("amount: 1000", "deal.weighted == money(\"500\")"));
    assert!(holds("file: docs/offer.pdf", "file_exists(file)"));
    assert!(!holds("file: docs/other.pdf", "file_exists(file)"));
}

#[test]
fn misspelt_names_are_found_when_the_expression_is_read() {
    assert_eq!(
        refusal("amout.value > 5"),
        "there is no field `amout.value` at \"amout.value\" (did you mean `amount`?)"
    );
    assert_eq!(
        refusal("inputs.gaol is filled"),
        "there is no field `inputs.gaol` at \"inputs.gaol\" (did you mean `inputs.goal`?)"
    );
    assert_eq!(
        refusal("effort | sum(attribute=\"hour\") < 5"),
        "the items of `effort` have no field `hour` at \"\\\"hour\\\"\" (did you mean `hours`?)"
    );
    assert!(refusal("title | nofilter").starts_with("there is no filter `nofilter` at"));
    assert!(refusal("title is nice").starts_with("there is no test `is nice`"));
    assert!(refusal("owner = \"a\"").contains("a single `=` compares nothing"));
    assert!(refusal("1 < seats < 5").contains("join them with `and`"));
}

#[test]
fn hostile_expressions_are_refused_or_bounded() {
    let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
    assert!(refusal(&deep).contains("nested over 32 deep"));
    let nots = format!("{}signed", "not ".repeat(900));
    assert!(refusal(&nots).contains("nested over 32 deep"));
    assert!(refusal(&"a or ".repeat(2_000)).contains("over 4096 bytes"));
    assert!(refusal("\"x\" ~ \"y\" == \"xy\"").contains("not part of the language"));
    assert!(refusal("2 ** 100000 > 1").contains("not part of the language"));
    assert!(refusal("title | replace(\"a\", \"aa\") == \"b\"").contains("there is no filter"));
    assert!(refusal("range(100) | length > 1").contains("there is no field `range`"));
    for source in ["", "   ", "and", "not", "amount >", "((", "\"open", "a b", "\u{202e}", "[1, 2", "x.", ".5.5"] {
        assert!(Expression::compile(source, &builtins::fields(), true).is_err() || source == ".5.5", "{source:?}");
    }
}

#[test]
fn misspelt_parts_are_found_wherever_they_stand() {
    let refused = |source: &str, words: &str| {
        let refusal = refusal(source);
        assert!(refusal.contains(words), "{source}: {refusal}");
    };
    refused("payments | selectattr(\"paidon\") | length > 0", "did you mean `paid_on`?");
    refused("payments | selectattr(\"paid_on\") | map(attribute=\"amuont\") | sum is filled", "did you mean `amount`?");
    refused("payments | sort(attribute=\"deu\") | first is filled", "did you mean `due`?");
    refused("(payments | first).amuont is filled", "did you mean `amount`?");
    refused("(payments | first).amount.valu > 5", "did you mean `value`?");
    refused("payments[0].amuont is filled", "did you mean `amount`?");
    refused("inputs[\"gaol\"] is filled", "did you mean `goal`?");
    refused("effort.hours > 5", "map(attribute=\"hours\")");
    refused("payments | map(attribute=\"due\") | map(attribute=\"yaer\") | max > 5", "did you mean `year`?");
    refused("payments | selectattr(\"amount\", \"gtt\", 5) | length > 0", "there is no test `is gtt`");
    refused("payments | map(\"uper\") | length > 0", "there is no filter `uper`");
    refused("signed if ownr == \"olga\" else true", "did you mean `owner`?");
    refused("owner in [ownr, \"a\"]", "did you mean `owner`?");
    refused("[effort | sum(attribute=\"hour\")] | length > 0", "did you mean `hours`?");
    refused("payments | map(attribute=title) | length > 0", "an attribute is a name in quotes");
    for good in [
        "payments | selectattr(\"paid_on\") | map(attribute=\"amount\") | sum >= money(\"5\")",
        "payments | map(attribute=\"amount.value\") | sum > 5",
        "(payments | first).amount.value > 5 or payments[0].due < today",
        "payments | selectattr(\"due\", \"lt\", today) | rejectattr(\"paid_on\", \"defined\") | length == 0",
        "inputs[\"goal\"] is filled and approvals.go.by is filled",
        "title is not in [\"a\", \"b\"]",
    ] {
        Expression::compile(good, &pipeline().fields, false).unwrap_or_else(|e| panic!("{good}: {e}"));
    }
}

#[test]
fn no_comparison_escapes_the_check_of_its_types() {
    assert!(refusal("(10 if seats > 3 else 2) < seats").contains("a comparison cannot stand inside a value"));
    assert!(refusal("[amount > 5] | length > 0").contains("a comparison cannot stand inside a value"));
    assert!(refusal("signed if amount > 5 else true").contains("money is compared with a number"));
    assert!(holds("seats: 3\nsigned: true", "signed if seats > 2 else owner == \"a\""));
    assert!(holds("seats: 1\nowner: a", "signed if seats > 2 else owner == \"a\""));
    assert!(holds("owner: b", "false if owner == \"a\" else true if owner == \"b\" else false"));
    let payments = "payments:\n  - {amount: 5 USD}\n  - {amount: 7}\n";
    for source in [
        "payments | selectattr(\"amount\", \"gt\", money(\"1\")) | length > 0",
        "payments | map(attribute=\"amount\") | max is filled",
        "payments | map(attribute=\"amount\") | sort | first is filled",
        "payments | max(attribute=\"amount\") is filled",
        "payments | map(attribute=\"amount\") | sum is filled",
    ] {
        let error = ask(payments, source).expect_err(source);
        assert!(error.contains("USD") && error.contains("EUR"), "{source}: {error}");
    }
    let error = ask("seats: 3", "seats is gt \"2\"").unwrap_err();
    assert!(error.contains("a number cannot be compared with a text"), "{error}");
    assert!(holds(
        "payments:\n  - {amount: 7}\n  - {amount: 9}\n",
        "payments | map(attribute=\"amount\") | max == money(\"9\")"
    ));
}

#[test]
fn only_numbers_are_calculated_with() {
    assert!(holds("seats: 3", "seats * 2 + 1 == 7 and -seats * 2 == -6 and 2 * (seats + 1) == 8 and 7 % seats == 1"));
    assert!(holds("effort:\n  - {hours: 0.1}\n  - {hours: 0.2}\n", "effort | sum(attribute=\"hours\") == 0.3"));
    for source in [
        "title * 3 == \"a\"",
        "3 * title == \"a\"",
        "title + title == \"a\"",
        "[1] * 3 == [1]",
        "payments + payments is filled",
    ] {
        let error = ask("title: a\npayments: [{what: x}]", source).expect_err(source);
        assert!(error.contains("only numbers are calculated with"), "{source}: {error}");
    }
    let error = ask("amount: 5", "amount * 2 == money(\"10\")").unwrap_err();
    assert!(error.contains("take the number with `.value`"), "{error}");
}

/// The worst that 4 KiB of expression and 256 KiB of deal can do. What it costs is counted in units of work and not in
/// seconds, which depend on what else the machine does.
#[test]
fn every_evaluation_ends_soon() {
    let numbers = format!("xs: [{}]\n", vec!["1"; 9_900].join(","));
    let blanks = format!("xs: [{}]\n", vec!["''"; 9_900].join(","));
    let blocks = format!("xs: [{}]\n", vec!["{a: 1}"; 3_200].join(","));
    let text = format!("xs: {}\n", "a b ".repeat(60_000));
    let fill = |piece: &str, times: usize| piece.repeat(times);
    let nested = |inner: &str| format!("xs | map(attribute=\"q\", default={inner})");
    let sources = [
        format!("xs{} | length > 0", fill("|sort", 500)),
        format!("xs{} is filled", fill("|list", 500)),
        format!("xs{} is filled", fill("|upper", 500)),
        format!("xs{} is filled", fill("[1:]", 240)),
        format!("[{}] | length > 0", fill("xs|list,", 240)),
        format!("[{}] is empty", fill("xs,", 400)),
        fill("xs is empty and ", 240) + "xs is empty",
        fill("xs == xs and ", 240) + "true",
        fill("xs | length > 0 and ", 150) + "true",
        "xs | select(\"in\", xs) | list | length > 0".to_owned(),
        "xs | reject(\"in\", xs) | list | length > 0".to_owned(),
        "xs | map(\"select\", \"in\", xs) | list | length > 0".to_owned(),
        format!("{} | map(\"list\") | length > 0", nested("xs")),
        format!("{} == {}", nested("xs"), nested("xs")),
        format!("{} is empty", nested(&format!("({})", nested("xs")))),
        format!("({}) in [{}]", nested("xs"), nested("xs")),
        "xs | map(\"default\", xs) | map(\"sort\") | length > 0".to_owned(),
        "xs * 9999999 is filled".to_owned(),
        "\"aaaaaaaaaaaaaaaa\" * 6000000 is filled".to_owned(),
        fill("xs + ", 480) + "xs is filled",
        format!("{} is filled", fill("-", 800) + "1"),
        format!("[{}true] is filled", fill("not ", 800)),
        fill("1 if 1 else ", 300) + "1",
        format!("deal{} is filled", fill(".id", 400)),
        format!("{}1{} is filled", fill("(", 31), fill(")", 31)),
        format!("{}xs{} is filled", fill("[", 31), fill("]", 31)),
        "xs | round(2000000000) is filled".to_owned(),
        "1.5 | round(-2000000000) is filled".to_owned(),
        format!("xs | map(attribute=\"{}\") | length > 0", fill("a.", 1_500) + "a"),
        "\"%1000000000d\" % 5 is filled".to_owned(),
    ];
    // These walk over all of `xs` again and again, whatever is in it.
    let too_much = ["[xs|list,", "[xs,xs", "xs | length > 0 and", "xs | select(\"in\"", "xs + xs"];
    let mut fields = builtins::fields();
    fields.retain(|f| f.name == "title");
    for deal in [&numbers, &blanks, &blocks, &text] {
        let pipeline = pipeline_file::read(format!("{PIPELINE}extra_fields: allow\n").as_bytes()).unwrap().0;
        let stage = StageId::new("proposal").unwrap();
        let id = DealId::new("a").unwrap();
        let deal = parse_deal(deal.as_bytes(), &pipeline, "proposal/a.yaml", &stage, &id).unwrap();
        for source in &sources {
            super::work::begin();
            let outcome = Expression::compile(source, &fields, true).map(|expression| {
                let circumstances = Circumstances {
                    today: NaiveDate::from_ymd_opt(2026, 11, 20).unwrap(),
                    source: &OneFile,
                    days_in_stage: None,
                    visited: None,
                };
                expression.evaluate(&pipeline, &deal, &circumstances)
            });
            let shown: String = source.chars().take(60).collect();
            if super::work::left() == 0 {
                let told = outcome.unwrap().expect_err(&shown);
                assert!(told.contains("it takes too many steps"), "{shown}: {told}");
            } else {
                assert!(!too_much.iter().any(|begin| source.starts_with(begin)), "{shown}: {outcome:?}");
            }
        }
    }
}
