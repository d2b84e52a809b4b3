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
