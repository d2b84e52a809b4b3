//! Expressions against an evaluator of a few lines that knows nothing of the real one: random conditions over typed
//! fields, some of them missing. And garbage, which must never panic.

use std::io;

use chrono::NaiveDate;
use proptest::prelude::*;
use tussock::format::deal::Deal;
use tussock::format::expr::Expression;
use tussock::format::ident::{DealId, StageId};
use tussock::format::judge::Circumstances;
use tussock::format::load::parse_deal;
use tussock::format::pipeline::Pipeline;
use tussock::format::pipeline_file;
use tussock::format::source::{FileEntry, Source};

const PIPELINE: &str = "\
version: 1
currency: EUR
stages: [{id: brief}, {id: offer}]
ends: [{id: won, kind: won}]
fields:
  count: integer
  price: money
  day: date
  name: text
  ready: boolean
  inputs: {goal: text, size: integer}
";

struct NoFiles;

impl Source for NoFiles {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        Ok(Vec::new())
    }
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn repository_has(&self, _: &str) -> bool {
        false
    }
}

fn pipeline() -> Pipeline {
    pipeline_file::read(PIPELINE.as_bytes()).unwrap().0
}

fn deal(pipeline: &Pipeline, text: &str) -> Deal {
    let (stage, id) = (StageId::new("offer").unwrap(), DealId::new("a").unwrap());
    let deal = parse_deal(text.as_bytes(), pipeline, "offer/a.yaml", &stage, &id).unwrap();
    assert!(deal.problems.is_empty(), "{text}: {:?}", deal.problems);
    deal
}

fn evaluate(pipeline: &Pipeline, deal: &Deal, expression: &Expression) -> Result<bool, String> {
    let circumstances = Circumstances {
        today: NaiveDate::from_ymd_opt(2026, 6, 15).unwrap(),
        source: &NoFiles,
        days_in_stage: Some(3),
        visited: None,
    };
    expression.evaluate(pipeline, deal, &circumstances).map(|a| a.holds)
}

/// A deal of the model: a small number stands for every type, so that one comparison serves all.
#[derive(Clone, Debug)]
struct Card {
    count: Option<i8>,
    price: Option<i8>,
    day: Option<i8>,
    name: Option<i8>,
    ready: Option<bool>,
    goal: Option<i8>,
    size: Option<i8>,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Count,
    Price,
    Day,
    Name,
    Goal,
    Size,
}

#[derive(Clone, Debug)]
enum Model {
    Compare(Field, &'static str, i8),
    Among(Field, Vec<i8>, bool),
    Filled(Field, bool),
    Nothing(Field, bool),
    Ready,
    Sum(Field, i8, &'static str, i8),
    Not(Box<Model>),
    And(Vec<Model>),
    Or(Vec<Model>),
    If(Box<Model>, Box<Model>, Box<Model>),
}

const OPERATORS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

fn written(field: Field) -> &'static str {
    match field {
        Field::Count => "count",
        Field::Price => "price",
        Field::Day => "day",
        Field::Name => "name",
        Field::Goal => "inputs.goal",
        Field::Size => "inputs.size",
    }
}

/// The value `n` of a field, as an expression writes it.
fn literal(field: Field, n: i8) -> String {
    match field {
        Field::Count | Field::Size => n.to_string(),
        Field::Price => format!("money(\"{n}.50\")"),
        Field::Day => format!("date(\"2026-06-{:02}\")", n + 10),
        Field::Name | Field::Goal => format!("\"{}\"", letter(n)),
    }
}

fn letter(n: i8) -> char {
    char::from(b'm'.wrapping_add_signed(n))
}

impl Card {
    fn yaml(&self) -> String {
        let mut text = "title: x\n".to_owned();
        let mut line = |name: &str, value: Option<String>| match value {
            Some(value) => text.push_str(&format!("{name}: {value}\n")),
            // Missing in each of the ways there are.
            None if name.len().is_multiple_of(2) => text.push_str(&format!("{name}:\n")),
            None => {}
        };
        line("count", self.count.map(|n| n.to_string()));
        line("price", self.price.map(|n| format!("{n}.50")));
        line("day", self.day.map(|n| format!("2026-06-{:02}", n + 10)));
        line("name", self.name.map(|n| letter(n).to_string()));
        line("ready", self.ready.map(|t| t.to_string()));
        let mut inner = Vec::new();
        inner.extend(self.goal.map(|n| format!("goal: {}", letter(n))));
        inner.extend(self.size.map(|n| format!("size: {n}")));
        if !inner.is_empty() {
            text.push_str(&format!("inputs: {{{}}}\n", inner.join(", ")));
        }
        text
    }

    fn get(&self, field: Field) -> Option<i8> {
        match field {
            Field::Count => self.count,
            Field::Price => self.price,
            Field::Day => self.day,
            Field::Name => self.name,
            Field::Goal => self.goal,
            Field::Size => self.size,
        }
    }
}

/// What is missing equals nothing, and is neither smaller nor greater.
fn compared(left: Option<i16>, operator: &str, right: i16) -> bool {
    let Some(left) = left else { return operator == "!=" };
    match operator {
        "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }
}

impl Model {
    fn holds(&self, card: &Card) -> bool {
        match self {
            Model::Compare(field, operator, n) => compared(card.get(*field).map(i16::from), operator, i16::from(*n)),
            Model::Among(field, list, among) => card.get(*field).is_some_and(|n| list.contains(&n)) == *among,
            Model::Filled(field, filled) => card.get(*field).is_some() == *filled,
            Model::Nothing(field, nothing) => card.get(*field).is_none() == *nothing,
            Model::Ready => card.ready == Some(true),
            Model::Sum(field, add, operator, n) => {
                compared(card.get(*field).map(|v| i16::from(v) * 2 + i16::from(*add)), operator, i16::from(*n))
            }
            Model::Not(inner) => !inner.holds(card),
            Model::And(parts) => parts.iter().all(|p| p.holds(card)),
            Model::Or(parts) => parts.iter().any(|p| p.holds(card)),
            Model::If(condition, then, otherwise) => {
                if condition.holds(card) {
                    then.holds(card)
                } else {
                    otherwise.holds(card)
                }
            }
        }
    }

    /// As source. Parentheses only where the binding of the words asks for them.
    fn source(&self) -> String {
        let joined = |parts: &[Model], word: &str, loose: fn(&Model) -> bool| {
            let parts = parts.iter().map(|p| if loose(p) { format!("({})", p.source()) } else { p.source() });
            parts.collect::<Vec<_>>().join(word)
        };
        match self {
            Model::Compare(field, operator, n) => format!("{} {operator} {}", written(*field), literal(*field, *n)),
            Model::Among(field, list, among) => {
                let list: Vec<String> = list.iter().map(|n| literal(*field, *n)).collect();
                format!("{} {} [{}]", written(*field), if *among { "in" } else { "not in" }, list.join(", "))
            }
            Model::Filled(field, filled) => {
                format!("{} is {}", written(*field), if *filled { "filled" } else { "empty" })
            }
            Model::Nothing(field, nothing) => {
                format!("{} {} none", written(*field), if *nothing { "==" } else { "!=" })
            }
            Model::Ready => "ready".to_owned(),
            Model::Sum(field, add, operator, n) => format!("2 * {} + {add} {operator} {n}", written(*field)),
            Model::Not(inner) => match **inner {
                Model::And(_) | Model::Or(_) | Model::If(..) => format!("not ({})", inner.source()),
                _ => format!("not {}", inner.source()),
            },
            Model::And(parts) => joined(parts, " and ", |p| matches!(p, Model::Or(_) | Model::If(..))),
            Model::Or(parts) => joined(parts, " or ", |p| matches!(p, Model::If(..))),
            Model::If(condition, then, otherwise) => {
                let tight = |p: &Model| match p {
                    Model::If(..) => format!("({})", p.source()),
                    _ => p.source(),
                };
                // The last one may be an `if` of its own without parentheses.
                format!("{} if {} else {}", tight(then), tight(condition), otherwise.source())
            }
        }
    }
}

fn small() -> impl Strategy<Value = i8> {
    -3i8..4
}

fn card() -> impl Strategy<Value = Card> {
    let maybe = || prop::option::weighted(0.7, small());
    (maybe(), maybe(), maybe(), maybe(), prop::option::of(any::<bool>()), maybe(), maybe())
        .prop_map(|(count, price, day, name, ready, goal, size)| Card { count, price, day, name, ready, goal, size })
}

fn model() -> impl Strategy<Value = Model> {
    let field =
        || prop::sample::select(vec![Field::Count, Field::Price, Field::Day, Field::Name, Field::Goal, Field::Size]);
    let number = || prop::sample::select(vec![Field::Count, Field::Size]);
    let operator = || prop::sample::select(OPERATORS.to_vec());
    // Money below zero reads `-1.50`, which is another order than the model's; it stays above.
    let shift = |field: Field, n: i8| if matches!(field, Field::Price) { n.abs() } else { n };
    let leaf = prop_oneof![
        (field(), operator(), small()).prop_map(move |(f, o, n)| Model::Compare(f, o, shift(f, n))),
        (field(), prop::collection::vec(small(), 1..4), any::<bool>()).prop_map(move |(f, l, a)| Model::Among(
            f,
            l.into_iter().map(|n| shift(f, n)).collect(),
            a
        )),
        (field(), any::<bool>()).prop_map(|(f, b)| Model::Filled(f, b)),
        (field(), any::<bool>()).prop_map(|(f, b)| Model::Nothing(f, b)),
        Just(Model::Ready),
        (number(), 0i8..4, operator(), small()).prop_map(|(f, a, o, n)| Model::Sum(f, a, o, n)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed().prop_map(Model::Not),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Model::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Model::Or),
            (boxed(), boxed(), boxed()).prop_map(|(a, b, c)| Model::If(a, b, c)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_condition_says_what_the_model_says(model in model(), mut card in card()) {
        card.price = card.price.map(i8::abs);
        let pipeline = pipeline();
        let deal = deal(&pipeline, &card.yaml());
        let source = model.source();
        let expression = Expression::compile(&source, &pipeline.fields, false)
            .map_err(|e| TestCaseError::fail(format!("{source}: {e}")))?;
        let said = evaluate(&pipeline, &deal, &expression);
        prop_assert_eq!(said, Ok(model.holds(&card)), "{} on {}", source, card.yaml());
    }

    #[test]
    fn garbage_never_panics(source in prop::collection::vec(prop_oneof![
        prop::sample::select(vec![
            "and", "or", "not", "in", "is", "if", "else", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":", "+", "-", "*",
            "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "=", "count", "price", "day", "name", "inputs",
            "inputs.goal", "effort", "payments", "deal", "deal.id", "stage", "today", "money", "date", "days_since",
            "file_exists", "sum", "map", "select", "selectattr", "first", "last", "min", "max", "sort", "length",
            "default", "list", "round", "int", "attribute", "empty", "filled", "none", "true", "1", "0", "1.5",
            "99999999999999999999999", "\"a\"", "'hours'", "\"5 EUR\"", "\"2026-01-01\"", "\"\\\"", "\"", "'",
        ]).prop_map(str::to_owned),
        "\\PC{0,4}",
    ], 0..24)) {
        let source = source.join(" ");
        let pipeline = pipeline();
        let text = "count: 1\nprice: 5\nday: 2026-01-01\nname: a\neffort: [{hours: 1.5}]\npayments: [{amount: 1 USD}, {amount: 2}]\n";
        let deal = deal(&pipeline, text);
        for extra in [false, true] {
            if let Ok(expression) = Expression::compile(&source, &pipeline.fields, extra) {
                let _ = evaluate(&pipeline, &deal, &expression);
            }
        }
    }

    #[test]
    fn a_pipeline_file_with_any_check_never_panics(source in "\\PC{0,60}") {
        let quoted = serde_json::to_string(&source).unwrap();
        let check = format!("{{id: brief, exit: [{{id: c, check: {quoted}}}]}}");
        let _ = pipeline_file::read(PIPELINE.replacen("{id: brief}", &check, 1).as_bytes());
    }
}

#[test]
fn nothing_but_the_deal_can_be_reached() {
    let pipeline = pipeline();
    for source in [
        "env is filled",
        "self is filled",
        "loop is filled",
        "range(3) is filled",
        "dict(a=1) is filled",
        "debug() is filled",
        "namespace() is filled",
        "cycler(1) is filled",
        "lipsum() is filled",
        "now() is filled",
        "include(\"x\") is filled",
        "name.__class__ is filled",
        "super() is filled",
        "caller() is filled",
        "joiner() is filled",
    ] {
        assert!(Expression::compile(source, &pipeline.fields, false).is_err(), "{source}");
    }
}
