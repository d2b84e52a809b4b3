//! What a field takes, what it refuses, and what it says then: numbers, money, dates and words against oracles and by a
//! table of everything that people and programs write.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use rust_decimal::Decimal;
use tussock::format::date::{DateError, parse_date, parse_share};
use tussock::format::deal::Deal;
use tussock::format::ident::{DealId, StageId};
use tussock::format::load::parse_deal;
use tussock::format::money::{Currency, Money, MoneyError, parse_decimal};
use tussock::format::pipeline_file;
use tussock::format::value::Value;

const PIPELINE: &str = "\
version: 1
currency: EUR
stages: [{id: brief}]
ends: [{id: won, kind: won}]
fields:
  sum: money
  whole: integer
  number: number
  day: date
  truth: boolean
  word: {enum: [price, timing, 'no']}
  text: text
  other: deal
  link: link
  path: path
  inputs: {goal: text}
  tags: {list: text}
";

fn read(text: &str) -> Deal {
    let pipeline = pipeline_file::read(PIPELINE.as_bytes()).unwrap().0;
    let (stage, id) = (StageId::new("brief").unwrap(), DealId::new("a").unwrap());
    parse_deal(text.as_bytes(), &pipeline, "brief/a.yaml", &stage, &id).unwrap_or_else(|p| panic!("{text}: {p:?}"))
}

/// The problem of a one-line deal as `message (help)`; `ok` where there is none.
fn verdict(text: &str) -> String {
    let deal = read(text);
    match &deal.problems[..] {
        [] => "ok".to_owned(),
        [one] => match &one.help {
            Some(help) => format!("{} ({help})", one.message),
            None => one.message.clone(),
        },
        more => format!("{more:?}"),
    }
}

fn value(text: &str) -> Option<Value> {
    let deal = read(text);
    assert!(deal.problems.is_empty(), "{text}: {:?}", deal.problems);
    deal.fields.entries.first().map(|(_, _, f)| f.value.clone())
}

#[track_caller]
fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let found = verdict(text);
            (found != *expected).then(|| format!("{text}\n  says     {found}\n  expected {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn numbers_are_held_exactly_or_refused() {
    let number = "`number` must be a number, found";
    let whole = "`whole` must be a whole number, found";
    table(&[
        ("whole: 9223372036854775807", "ok"),
        (
            "whole: 9223372036854775808",
            &format!("{whole} \"9223372036854775808\" (it is too large to be held exactly)"),
        ),
        ("whole: 1.0", &format!("{whole} \"1.0\" (write `whole: 1`)")),
        ("whole: 1_000", &format!("{whole} \"1_000\" (write `whole: 1000`)")),
        ("whole: 0x1F", &format!("{whole} \"0x1F\"")),
        ("whole: '5'", &format!("{whole} \"5\" (write `whole: 5`)")),
        ("number: 1e400", &format!("{number} \"1e400\" (it cannot be held exactly; write it in digits)")),
        ("number: 1e3", &format!("{number} \"1e3\" (write `number: 1000`)")),
        ("number: 1e-400", &format!("{number} \"1e-400\" (it cannot be held exactly; write it in digits)")),
        ("number: .5", &format!("{number} \".5\" (write `number: 0.5`)")),
        ("number: 5.", &format!("{number} \"5.\" (write `number: 5`)")),
        ("number: .inf", &format!("{number} \".inf\" (only finite numbers are taken)")),
        ("number: -.inf", &format!("{number} \"-.inf\" (only finite numbers are taken)")),
        ("number: .nan", &format!("{number} \".nan\" (only finite numbers are taken)")),
        ("number: inf", &format!("{number} \"inf\" (only finite numbers are taken)")),
        ("number: nan", &format!("{number} \"nan\" (only finite numbers are taken)")),
        ("number: Infinity", &format!("{number} \"Infinity\" (only finite numbers are taken)")),
        ("number: 0o17", &format!("{number} \"0o17\"")),
        ("number: 0b101", &format!("{number} \"0b101\"")),
        ("number: 1:30", &format!("{number} \"1:30\"")),
        ("number: [1]", &format!("{number} a list")),
        ("number: {a: 1}", &format!("{number} a block of fields")),
    ]);
    assert_eq!(value("number: 0.1"), Some(Value::Number(Decimal::new(1, 1))));
    assert_eq!(
        value("number: 9007199254740993.5"),
        Some(Value::Number(Decimal::from_str("9007199254740993.5").unwrap()))
    );
    assert_eq!(value("whole: -0"), Some(Value::Integer(0)));
}

#[test]
fn amounts_are_read_from_the_text_and_no_guess_is_taken() {
    let money = "`sum` must be an amount (18000 or 18000 USD), found";
    let sure = |found: &str, amount: &str| format!("{money} \"{found}\" (write `sum: {amount}`)");
    let meant =
        |found: &str, amount: &str| format!("{money} \"{found}\" (write `sum: {amount}`, if that is the amount meant)");
    table(&[
        ("sum: 18000", "ok"),
        ("sum: 18000.50 USD", "ok"),
        ("sum: '18000'", "ok"),
        ("sum: -5", "ok"),
        ("sum: 12_000", &sure("12_000", "12000")),
        ("sum: 12,000", &meant("12,000", "12000")),
        ("sum: '12.000,50'", &sure("12.000,50", "12000.50")),
        ("sum: €12k", &meant("€12k", "12000")),
        ("sum: 18 000", &sure("18 000", "18000")),
        ("sum: 18 000 USD", &sure("18 000 USD", "18000 USD")),
        ("sum: USD 18000", &sure("USD 18000", "18000 USD")),
        ("sum: 18000USD", &sure("18000USD", "18000 USD")),
        ("sum: 10k EUR", &meant("10k EUR", "10000 EUR")),
        ("sum: 100 €", &sure("100 €", "100")),
        ("sum: $100", &meant("$100", "100 USD")),
        ("sum: 5 usd", &sure("5 usd", "5 USD")),
        ("sum: 5 XXY", &format!("{money} \"5 XXY\" (a currency is three capital letters of ISO 4217: EUR, USD, RUB)")),
        ("sum: 0x1F", &format!("{money} \"0x1F\" (write digits with a point for the cents: 18000 or 18000.50 USD)")),
        ("sum: 1e3", &sure("1e3", "1000")),
        ("sum: .inf", &format!("{money} \".inf\" (write digits with a point for the cents: 18000 or 18000.50 USD)")),
        ("sum: 1:30", &format!("{money} \"1:30\" (write digits with a point for the cents: 18000 or 18000.50 USD)")),
        (
            "sum: 123456789012345678901234567890123456789",
            &format!("{money} \"123456789012345678901234567890123456789\" (28 digits can be held exactly)"),
        ),
    ]);
}

#[test]
fn days_are_days_of_the_calendar() {
    let day = "`day` must be a date (YYYY-MM-DD), found";
    let shape = |found: &str| format!("{day} \"{found}\" (write it as `day: 2026-12-31`)");
    let sure = |found: &str, date: &str| format!("{day} \"{found}\" (write `day: {date}`)");
    let meant = |found: &str, date: &str| format!("{day} \"{found}\" (write `day: {date}`, if that is the day meant)");
    let never = |found: &str, help: &str| format!("`day`: {found} does not exist in the calendar ({help})");
    let short = |month: &str| format!("February {month} has 28 days; check the day and the month");
    table(&[
        ("day: 2026-12-31", "ok"),
        ("day: '2028-02-29'", "ok"),
        ("day: 2026-02-30", &never("2026-02-30", &short("2026"))),
        ("day: 2026-13-01", &never("2026-13-01", "write `day: 2026-01-13`, if that is the day meant")),
        ("day: 2100-02-29", &never("2100-02-29", &short("2100"))),
        ("day: 0000-01-01", &never("0000-01-01", "check the day and the month")),
        ("day: 10000-01-01", &shape("10000-01-01")),
        ("day: 2026-2-3", &sure("2026-2-3", "2026-02-03")),
        (
            "day: 03/02/2026",
            &format!("{day} \"03/02/2026\" (write `day: 2026-02-03` for 3 February, or `day: 2026-03-02` for 2 March)"),
        ),
        ("day: 3 Feb 2026", &sure("3 Feb 2026", "2026-02-03")),
        ("day: 13/02/2026", &sure("13/02/2026", "2026-02-13")),
        ("day: 3.2.2026", &meant("3.2.2026", "2026-02-03")),
        ("day: 2026-01-01T10:00:00Z", &meant("2026-01-01T10:00:00Z", "2026-01-01")),
        ("day: 2026-01-01 10:00", &meant("2026-01-01 10:00", "2026-01-01")),
        ("day: 20260101", &sure("20260101", "2026-01-01")),
        ("day: tomorrow", &shape("tomorrow")),
        ("day: ٢٠٢٦-٠١-٠١", &shape("٢٠٢٦-٠١-٠١")),
    ]);
}

#[test]
fn words_are_what_they_look_like_to_a_person() {
    let truth = "`truth` must be true or false, found";
    table(&[
        ("truth: true", "ok"),
        ("truth: yes", &format!("{truth} \"yes\" (write `truth: true`)")),
        ("truth: No", &format!("{truth} \"No\" (write `truth: false`)")),
        ("truth: on", &format!("{truth} \"on\" (write `truth: true`)")),
        ("truth: n", &format!("{truth} \"n\" (write `truth: false`)")),
        ("truth: 'true'", &format!("{truth} \"true\" (write `truth: true`)")),
        ("truth: 'perhaps'", &format!("{truth} \"perhaps\"")),
        ("truth: 1", &format!("{truth} \"1\" (write `truth: true`, if that is meant)")),
        ("word: prise", "`word` must be one of price, timing, no, found \"prise\" (did you mean `price`?)"),
        ("word: no", "ok"),
        ("other: Acme", "`other` must be the id of a deal, found \"Acme\" (write the file's name without .yaml)"),
        ("other: ../x", "`other` must be the id of a deal, found \"../x\" (write the file's name without .yaml)"),
        (
            "link: acme.example",
            "`link` must be a link (https://…), found \"acme.example\" (a link begins with https://)",
        ),
        (
            "path: ../../etc/passwd",
            "`path` must be a path in the repository, found \"../../etc/passwd\" (count the path from the repository's \
             root, without .. and without a leading /)",
        ),
        ("inputs: x", "`inputs` must be a block of fields, found \"x\" (it has the fields goal)"),
        ("tags: one", "`tags` must be a list of text, found \"one\" (write a list: `tags: [one]`)"),
        ("inputs: {gaol: x}", "there is no field `inputs.gaol` (did you mean `goal`?)"),
        ("x-any: {a: [1, {b: .inf}]}", "ok"),
        ("inputs: {x-any: 1}", "ok"),
        ("effort: [{x-any: 1}]", "ok"),
        ("approvals: {anything: {by: a, on: 2026-01-01, x-any: 1}}", "ok"),
    ]);
    for text in ["NO", "0123", "1e3", "12:30", "2026-01-01", "true"] {
        assert_eq!(value(&format!("text: {text}")), Some(Value::Text(text.into())), "a text is its source text");
    }
    assert_eq!(value("other: 0123"), Some(Value::Deal(DealId::new("0123").unwrap())));
}

#[test]
fn nothing_null_and_empty_are_all_missing() {
    for empty in ["", " ~", " null", " ''", " \"\"", " ' '", " # a comment"] {
        for field in ["sum", "whole", "number", "day", "truth", "word", "other", "link", "path", "inputs", "tags"] {
            let deal = read(&format!("title: x\n{field}:{empty}\n"));
            assert!(deal.problems.is_empty(), "{field}:{empty}: {:?}", deal.problems);
            assert!(deal.value(field).is_none(), "{field}:{empty}");
        }
        assert!(!read(&format!("text:{empty}\n")).value("text").is_some_and(Value::is_filled), "{empty}");
    }
}

#[test]
fn a_share_has_one_form() {
    for (text, share) in [("0%", 0.0), ("5%", 0.05), ("12.5%", 0.125), ("30 %", 0.3), ("100%", 1.0)] {
        assert_eq!(parse_share(text), Some(share), "{text}");
    }
    for text in ["0.3", "30", "-5%", "101%", "100.1%", "%", "", "5%%", "1e1%", "inf%", "nan%", "5.5.5%", "٥%", "+5%"] {
        assert_eq!(parse_share(text), None, "{text}");
        let pipeline = PIPELINE.replace("{id: brief}", &format!("{{id: brief, probability: \"{text}\"}}"));
        let problems = pipeline_file::read(pipeline.as_bytes()).unwrap_err();
        assert_eq!(problems[0].message, "probability must be a share", "{text}");
        assert_eq!(problems[0].help.as_deref(), Some("write it with a percent sign, from 0% to 100%: 30%"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_decimal_is_what_rust_decimal_reads(text in "[-+]?[0-9]{1,32}(\\.[0-9]{1,32})?") {
        match (parse_decimal(&text), Decimal::from_str_exact(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(MoneyError::TooLong(_)), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{}: {:?}, oracle {:?}", text, ours, theirs),
        }
    }

    #[test]
    fn any_other_shape_is_no_decimal(text in "[-+0-9.,_eE '€]{0,12}") {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let body = text.strip_prefix(['-', '+']).unwrap_or(&text);
        let shape = body.split_once('.').map_or_else(|| digits(body), |(w, f)| digits(w) && digits(f));
        prop_assert_eq!(parse_decimal(&text).is_ok(), shape, "{}", text);
    }

    #[test]
    fn money_reads_back_what_it_prints(mantissa in any::<i64>(), scale in 0u32..6, usd in any::<bool>()) {
        let eur = Currency::new("EUR").unwrap();
        let money = Money { amount: Decimal::new(mantissa, scale), currency: if usd { Currency::new("USD").unwrap() } else { eur } };
        prop_assert_eq!(Money::parse(&money.to_string(), eur), Ok(money));
    }

    #[test]
    fn sums_do_not_depend_on_the_order(mut cents in prop::collection::vec(-1_000_000i64..1_000_000, 1..40)) {
        let sum = |c: &[i64]| -> Decimal { c.iter().map(|c| parse_decimal(&Decimal::new(*c, 2).to_string()).unwrap()).sum() };
        let forth = sum(&cents);
        cents.reverse();
        prop_assert_eq!(forth, sum(&cents));
        prop_assert_eq!(forth, Decimal::new(cents.iter().sum(), 2));
    }

    #[test]
    fn a_day_is_what_chrono_reads(year in 0u32..10_100, month in 0u32..15, day in 0u32..34) {
        let text = format!("{year:04}-{month:02}-{day:02}");
        let theirs = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().filter(|d| d.year() > 0 && text.len() == 10);
        match parse_date(&text) {
            Ok(date) => prop_assert_eq!(Some(date), theirs),
            Err(DateError::Impossible(_)) => prop_assert!(theirs.is_none() && text.len() == 10),
            Err(DateError::Shape(_)) => prop_assert!(text.len() != 10),
        }
    }

    #[test]
    fn no_text_in_any_field_makes_the_reader_panic(text in "\\PC{0,30}", field in 0usize..11) {
        let fields = ["sum", "whole", "number", "day", "truth", "word", "text", "other", "link", "path", "tags"];
        let quoted = serde_json::to_string(&text).unwrap();
        let pipeline = pipeline_file::read(PIPELINE.as_bytes()).unwrap().0;
        let (stage, id) = (StageId::new("brief").unwrap(), DealId::new("a").unwrap());
        for value in [text, quoted] {
            let source = format!("{}: {value}\n", fields[field]);
            let _ = parse_deal(source.as_bytes(), &pipeline, "brief/a.yaml", &stage, &id);
        }
    }
}
