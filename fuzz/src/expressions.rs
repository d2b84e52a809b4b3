//! Expressions: compiling and asking never panics, ends soon, and gives the same answer each time.

use std::io;
use std::sync::OnceLock;

use chrono::NaiveDate;
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
  share: number
  price: money
  day: date
  name: text
  ready: boolean
  size: {enum: [small, large]}
  tags: {list: text}
  inputs: {goal: text, seats: integer, due: date}
";

const DEALS: [&str; 3] = [
    "title: Empty\n",
    "title: Full\nowner: olga\namount: 18000\ncount: 3\nshare: 0.5\nprice: 12.50 USD\nday: 2026-07-01\nname: Ünï 日本\nready: true\n\
     size: small\ntags: [a, bb, '']\ninputs: {goal: x, seats: -1, due: 2026-01-01}\nclose_date: 2026-12-15\n",
    "title: Large\ncount: 9223372036854775807\nshare: 79228162514264337593543950335\nprice: -0.01\nday: 9999-12-31\nready: false\n\
     tags: []\ninputs: {seats: -9223372036854775808}\n",
];

struct NoFiles;

impl Source for NoFiles {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn repository_has(&self, path: &str) -> bool {
        path.len().is_multiple_of(2)
    }
}

fn ground() -> &'static (Pipeline, Vec<Deal>) {
    static GROUND: OnceLock<(Pipeline, Vec<Deal>)> = OnceLock::new();
    GROUND.get_or_init(|| {
        let pipeline = pipeline_file::read(PIPELINE.as_bytes()).expect("a pipeline").0;
        let (stage, id) = (StageId::new("offer").expect("a stage"), DealId::new("acme").expect("an id"));
        let read =
            |text: &&str| parse_deal(text.as_bytes(), &pipeline, "offer/acme.yaml", &stage, &id).expect("a deal");
        let deals = DEALS.iter().map(read).collect();
        (pipeline, deals)
    })
}

/// Compiles the bytes as an expression and asks it of three deals.
pub fn check(source: &[u8]) {
    let Ok(source) = std::str::from_utf8(source) else { return };
    let (pipeline, deals) = ground();
    let _ = Expression::compile(source, &pipeline.fields, true);
    let expression = match Expression::compile(source, &pipeline.fields, false) {
        Ok(expression) => expression,
        Err(error) => {
            let range = error.range;
            assert!(
                source.get(range.clone()).is_some() || range.start >= source.len(),
                "{range:?} is no place of {source:?}"
            );
            assert!(!error.message.is_empty());
            return;
        }
    };
    let again = Expression::compile(expression.source(), &pipeline.fields, false).expect("what it prints of itself");
    for deal in deals {
        for days in [None, Some(3)] {
            let today = NaiveDate::from_ymd_opt(2026, 6, 15).expect("a day");
            let circumstances = Circumstances { today, source: &NoFiles, days_in_stage: days, visited: None };
            let answer = expression.evaluate(pipeline, deal, &circumstances);
            assert_eq!(answer, again.evaluate(pipeline, deal, &circumstances), "{source:?}");
            if let Ok(answer) = answer {
                let part = answer.false_part.unwrap_or_default();
                assert!(source.contains(&part), "{part:?} is not in {source:?}");
                assert!(!answer.holds || part.is_empty(), "{source:?} holds, and {part:?} does not");
            }
        }
    }
}
