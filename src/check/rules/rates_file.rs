//! What is wrong with the file of exchange rates.

use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::check::{WHOLE_FILE, from_problem};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::rates::RatesFault;
use crate::format::tree;

pub(super) static RULE: Rule = Rule {
    id: "rates-file",
    level: Level::Error,
    summary: "the file of exchange rates cannot be used",
    why: "Without it, amounts in other currencies are in no sum; with half of it, they would be in with a wrong rate.",
    bad: "date,currency,rate\n2026-06-30,USD,N/A",
    good: "date,currency,rate\n2026-06-30,USD,0.92     # one dollar is worth 0.92 of the pipeline's currency",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let Some(file) = ground.rates else { return Vec::new() };
    match &file.fault {
        None => Vec::new(),
        Some(RatesFault::Broken(problems)) => problems.iter().map(|p| from_problem(p, &file.path, None)).collect(),
        Some(RatesFault::Absent(why)) => {
            let document = tree::read(ground.pipeline_text.as_bytes()).ok();
            let span = document.as_ref().and_then(|d| d.root.entry("rates")).map_or(WHOLE_FILE, |e| e.value.span);
            vec![
                Finding::new(&RULE, PIPELINE_FILE, span, format!("there are no exchange rates: {why}"))
                    .with_label("this file")
                    .with_field("rates")
                    .with_help("name a file below the pipeline's folder, as `rates: rates.csv`, and put it there"),
            ]
        }
    }
}
