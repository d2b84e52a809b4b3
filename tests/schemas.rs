//! What the program prints as JSON is what its schemas say, and what the forges' formats demand.

mod kit;
mod schema_kit;

use std::path::PathBuf;

use kit::TestRepo;
use schema_kit::{closed, validate};
use serde_json::Value;

fn schema(of: &str) -> Value {
    serde_json::from_str(&TestRepo::without_git().ok(&["schema", of])).unwrap()
}

fn demo() -> TestRepo {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    repo
}

/// A pipeline with findings of many kinds: with a deal and without, with related places, with a fix, of a whole file.
fn broken() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for (path, text) in [
        ("sales/brief/acme.yaml", "title: Ü\nowner: o\nammount: 1\nammount: 2\nclose_date: 2026-02-30\n"),
        ("sales/contract/acme.yaml", "title: x\nowner: o\n"),
        ("sales/contract/borg.yaml", "title: x\nowner: o\nwaivers: {goal-known: {by: a}}\n"),
        ("sales/brief/Not an id.yaml", "title: x\n"),
        ("sales/brief/cut.yaml", "title: a: b\n"),
        ("sales/attic/dora.yaml", "title: x\n"),
    ] {
        repo.write(path, text);
    }
    repo
}

fn validated(repo: &TestRepo, format: &str) -> String {
    repo.tussock(&["--today", "2026-06-01", "validate", "--format", format]).out
}

fn assert_valid(schema: &Value, document: &Value, what: &str) {
    let wrong = validate(schema, document);
    assert!(wrong.is_empty(), "{what}: {:#?}", &wrong[..wrong.len().min(10)]);
}

#[test]
fn findings_are_what_their_schema_says_and_it_names_every_key() {
    let schema = closed(&schema("findings"));
    let repo = broken();
    let document: Value = serde_json::from_str(&validated(&repo, "json")).unwrap();
    let findings = document["findings"].as_array().unwrap();
    assert!(findings.len() >= 8, "{document:#}");
    for key in ["deal", "field", "help", "fix"] {
        assert!(findings.iter().any(|it| it[key].is_null()) && findings.iter().any(|it| !it[key].is_null()), "{key}");
    }
    assert_valid(&schema, &document, "validate");
    let allowed = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._/:%-".contains(c));
    assert!(findings.iter().all(|it| allowed(it["fingerprint"].as_str().unwrap())), "{document:#}");
    let repo = demo();
    let text = repo.tussock(&["-C", "trial", "--today", "2026-11-20", "validate", "--format", "json"]).out;
    assert_valid(&schema, &serde_json::from_str(&text).unwrap(), "the example");
    repo.write("trial/pipeline.yaml", "version: 1\nstages: 5\n");
    let ran = repo.tussock(&["-C", "trial", "validate", "--format", "json"]);
    assert_eq!(ran.code, 2);
    assert_valid(&schema, &serde_json::from_str(&ran.out).unwrap(), "a broken pipeline file");
}

#[test]
fn reports_are_what_their_schema_says_and_it_names_their_keys() {
    let schema = schema("report");
    let repo = demo();
    let mut named: Vec<String> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let reports: Vec<&str> =
        schema["properties"]["report"]["enum"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    for part in schema["allOf"].as_array().unwrap() {
        named.extend(part["then"]["properties"].as_object().unwrap().keys().cloned());
    }
    let asked: [&[&str]; 4] =
        [&[], &["--by", "owner"], &["--period", "quarter"], &["--profile", "investor", "--lang", "ru"]];
    for kind in tussock::report::Kind::ALL {
        assert!(reports.contains(&kind.name()), "{}", kind.name());
        for more in asked {
            let command = if kind.name() == "backtest" { vec!["backtest"] } else { vec!["report", kind.name()] };
            let start = ["-C", "trial", "--today", "2026-11-20"];
            let ran = repo.tussock(&[&start[..], &command, more, &["--format", "json"]].concat());
            if ran.code == 2 {
                // Not every report can be asked everything.
                continue;
            }
            let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.err));
            assert_valid(&schema, &document, &format!("{} {more:?}", kind.name()));
            for key in document.as_object().unwrap().keys() {
                assert!(named.contains(key), "the schema does not name {key} of {}", kind.name());
            }
        }
    }
    // Outside git, and before there was any deal.
    let repo = TestRepo::with_pipeline();
    for args in [&["report"][..], &["report", "funnel"], &["report", "pipeline"]] {
        let text = repo.ok(&[args, &["--format", "json"]].concat());
        assert_valid(&schema, &serde_json::from_str(&text).unwrap(), "nothing");
    }
}

#[test]
fn the_schemas_refuse_what_is_no_report_and_no_finding() {
    let repo = demo();
    let text = repo.ok(&["-C", "trial", "--today", "2026-11-20", "report", "--format", "json"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let schema = schema("report");
    for (key, value) in [("report", "none"), ("day", ""), ("attention", "x"), ("words", "x")] {
        let mut wrong = document.clone();
        wrong[key] = if key == "day" { Value::Null } else { value.into() };
        assert!(!validate(&schema, &wrong).is_empty(), "{key}");
        wrong.as_object_mut().unwrap().remove(key);
        assert!(!validate(&schema, &wrong).is_empty(), "{key}");
    }
}

/// A schema of somebody else's: from the folder that `TUSSOCK_SCHEMAS` names, or from the shared data.
fn foreign(name: &str) -> Option<Value> {
    let folder = std::env::var_os("TUSSOCK_SCHEMAS").map(PathBuf::from).or_else(|| kit::shared("data/schemas"));
    let text = std::fs::read_to_string(folder?.join(name));
    if text.is_err() {
        println!("skipped: the schema {name} is not here");
    }
    Some(serde_json::from_str(&text.ok()?).unwrap())
}

#[test]
fn sarif_is_what_the_standard_demands() {
    let Some(schema) = foreign("sarif-schema-2.1.0.json") else { return };
    for repo in [broken(), TestRepo::with_pipeline()] {
        assert_valid(&schema, &serde_json::from_str(&validated(&repo, "sarif")).unwrap(), "sarif");
    }
    let mut wrong: Value = serde_json::from_str(&validated(&broken(), "sarif")).unwrap();
    wrong["runs"][0]["results"][0]["level"] = "info".into();
    assert!(!validate(&schema, &wrong).is_empty());
}

#[test]
fn rdjson_is_what_reviewdog_demands() {
    let Some(schema) = foreign("rdf-DiagnosticResult.json") else { return };
    let document: Value = serde_json::from_str(&validated(&broken(), "rdjson")).unwrap();
    assert!(document["diagnostics"].as_array().unwrap().len() >= 8);
    assert_valid(&schema, &document, "rdjson");
}

/// What GitLab's page on Code Quality demands of a report.
#[test]
fn code_quality_is_what_gitlab_demands() {
    let document: Value = serde_json::from_str(&validated(&broken(), "gitlab")).unwrap();
    let issues = document.as_array().unwrap();
    assert!(issues.len() >= 8);
    let mut prints: Vec<&str> = issues.iter().map(|it| it["fingerprint"].as_str().unwrap()).collect();
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), issues.len(), "GitLab shows one of several with the same fingerprint");
    for issue in issues {
        assert!(!issue["description"].as_str().unwrap().is_empty());
        assert!(!issue["check_name"].as_str().unwrap().is_empty());
        assert!(["info", "minor", "major", "critical", "blocker"].contains(&issue["severity"].as_str().unwrap()));
        let path = issue["location"]["path"].as_str().unwrap();
        assert!(path.starts_with("sales/"), "{path}");
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
    }
}

#[test]
fn junit_is_well_formed_names_every_test_once_and_counts_right() {
    let xml = validated(&broken(), "junit");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).unwrap();
    let cases: Vec<_> = suite.children().filter(roxmltree::Node::is_element).collect();
    assert!(cases.iter().all(|case| case.has_tag_name("testcase")));
    let mut names: Vec<_> = cases.iter().map(|case| (case.attribute("classname"), case.attribute("name"))).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "{xml}");
    let count = |tag: &str| document.descendants().filter(|node| node.has_tag_name(tag)).count().to_string();
    for (attribute, tag) in [("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")] {
        assert_eq!(suite.attribute(attribute), Some(&*count(tag)), "{attribute}");
        assert_eq!(document.root_element().attribute(attribute), Some(&*count(tag)), "{attribute}");
    }
}

#[test]
fn files_beside_the_output_are_what_the_formats_print_and_paths_do_not_depend_on_the_folder() {
    let repo = broken();
    // What is said and advised about these names files from where one stands.
    for file in ["contract/acme.yaml", "attic/dora.yaml", "brief/Not an id.yaml"] {
        std::fs::remove_file(repo.path().join("sales").join(file)).unwrap();
    }
    let also = ["json", "sarif", "gitlab", "junit", "rdjson", "markdown", "github"];
    let mut args = vec!["--today".to_owned(), "2026-06-01".to_owned(), "validate".to_owned()];
    args.extend(also.iter().map(|format| format!("--also={format}=out/{format}")));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let text = validated(&repo, "text");
    assert_eq!(repo.tussock(&args).out, text);
    for format in also {
        let shown = repo.read(&format!("out/{format}"));
        assert!(shown == validated(&repo, format), "{format}");
        let below = repo.tussock(&["-C", "sales/brief", "--today", "2026-06-01", "validate", "--format", format]).out;
        assert!(below == shown, "{format} from a folder below:\n{below}");
    }
    for wrong in ["sarif", "sarif=", "auto=x", "xml=x"] {
        assert_eq!(repo.tussock(&["validate", "--also", wrong]).code, 2, "{wrong}");
    }
}
