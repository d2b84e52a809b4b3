//! Every pipeline template reads without a problem, and the two languages of one template differ in words only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use tussock::format::date::parse_share;
use tussock::format::pipeline::{CriterionTest, Pipeline};
use tussock::format::schema;
use tussock::format::{pipeline_file, problem::Problem};

const NAMES: [&str; 5] = ["service-project", "simple-sites", "six-stage", "fundraising", "hiring"];

fn text(name: &str, language: &str) -> String {
    let path = format!("{}/templates/pipelines/{name}.{language}.yaml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn read(name: &str, language: &str) -> Pipeline {
    let text = text(name, language);
    let words = |p: &Problem| format!("byte {}: {} {:?}", p.span.start, p.message, p.help);
    match pipeline_file::read(text.as_bytes()) {
        Ok((pipeline, problems)) => {
            assert!(problems.is_empty(), "{name}.{language}: {:#?}", problems.iter().map(words).collect::<Vec<_>>());
            pipeline
        }
        Err(problems) => panic!("{name}.{language}: {:#?}", problems.iter().map(words).collect::<Vec<_>>()),
    }
}

/// What must not depend on the language: ids in order, kinds, criteria with what they ask, field paths.
fn skeleton(pipeline: &Pipeline) -> Vec<String> {
    let mut lines = Vec::new();
    for stage in &pipeline.stages {
        lines.push(format!("stage {} optional={} {:?} {:?}", stage.id, stage.optional, stage.sla, stage.roles));
        for criterion in stage.entry.iter().chain(&stage.exit) {
            let asks = match &criterion.test {
                CriterionTest::Require(fields) => format!("{fields:?}"),
                CriterionTest::Check(_) => "check".to_owned(),
                CriterionTest::Approval { by, not } => format!("approval {by:?} {not:?}"),
            };
            lines.push(format!("{} {asks} {:?} {}", criterion.id, criterion.level, criterion.waivable));
        }
    }
    lines.extend(pipeline.ends.iter().map(|e| format!("end {} {:?} {}", e.id, e.kind, e.entry.len())));
    lines.push(format!("{:?} {:?}", pipeline.won_at, pipeline.extra_fields));
    lines.extend(schema::paths(&pipeline.fields));
    lines
}

#[test]
fn every_template_reads_without_a_problem() {
    for name in NAMES {
        for language in ["en", "ru"] {
            let pipeline = read(name, language);
            assert!(pipeline.stages.len() >= 5, "{name}.{language}");
            assert!(pipeline.stages.iter().all(|s| s.goal.is_some()), "{name}.{language}: every stage says its goal");
        }
    }
}

#[test]
fn both_languages_of_a_template_have_the_same_bones() {
    for name in NAMES {
        assert_eq!(skeleton(&read(name, "en")), skeleton(&read(name, "ru")), "{name}");
    }
}

#[test]
fn russian_templates_speak_russian() {
    for name in NAMES {
        let pipeline = read(name, "ru");
        let cyrillic = |text: &str| text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
        for place in pipeline.places() {
            assert!(cyrillic(place.title()), "{name}: {}", place.title());
        }
        let criteria = pipeline.stages.iter().flat_map(|s| s.entry.iter().chain(&s.exit));
        for criterion in criteria {
            assert!(cyrillic(&criterion.text), "{name}: {}", criterion.text);
        }
    }
}

#[test]
fn templates_give_no_chances_that_nobody_measured() {
    for name in NAMES {
        for language in ["en", "ru"] {
            let pipeline = read(name, language);
            assert!(pipeline.stages.iter().all(|s| s.probability.is_none() && s.limit.is_none()), "{name}.{language}");
            // The hint in the comments must be a share that the reader would take.
            assert!(text(name, language).contains("`probability: 10%`"), "{name}.{language}");
        }
    }
    assert_eq!(parse_share("10%"), Some(0.1));
}

#[test]
fn the_service_company_counts_a_deal_as_won_from_its_seventh_stage() {
    let pipeline = read("service-project", "en");
    assert_eq!(pipeline.stages.len(), 10);
    assert_eq!(pipeline.won_index(), 6);
    let go_ahead = pipeline.stages[5].exit.iter().find(|c| c.id == *"start-production").expect("the go-ahead");
    assert!(!go_ahead.waivable);
}
