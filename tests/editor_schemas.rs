//! The schemas for editors: they refuse nothing that `validate` would not refuse as well, they take every deal there is,
//! and what the command line makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde_json::Value;
use tussock::check::{self, Circumstances, Level, rule};
use tussock::cli::schemas::rule_words;
use tussock::format::json_schema;
use tussock::format::load::load;
use tussock::format::pipeline::Pipeline;
use tussock::format::pipeline_file;
use tussock::format::source::{EntryKind, FileEntry, Source};

mod editor_schema_kit;
mod kit;

use editor_schema_kit::{fault, value_of};
use kit::TestRepo;

/// Files in memory.
struct Memory(BTreeMap<String, String>);

impl Source for Memory {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |path: &String| FileEntry { path: path.clone(), utf8: true, kind: EntryKind::File };
        Ok(self.0.keys().map(entry).collect())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).map(|text| text.clone().into_bytes()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn repository_has(&self, _: &str) -> bool {
        true
    }
}

/// The paths in which `validate` finds an error.
fn refused(files: &Memory) -> BTreeSet<String> {
    let reading = load(files).unwrap();
    let today = "2026-11-22".parse().unwrap();
    let report =
        check::check(&reading, &Circumstances { today, source: files, days_in_stage: None, visited: None, past: None });
    report.findings.iter().filter(|f| f.level == Level::Error).map(|f| f.path.clone()).collect()
}

fn read(pipeline: &str) -> Pipeline {
    pipeline_file::read(pipeline.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}")).0
}

/// The deals of the example with its pipeline file.
fn example() -> (String, BTreeMap<String, String>) {
    fn gather(folder: &Path, below: &str, deals: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let (entry, path) = entry.map(|e| (e.path(), format!("{below}{}", e.file_name().display()))).unwrap();
            if entry.is_dir() && !path.starts_with('.') && path != "templates" && path != "reports" {
                gather(&entry, &format!("{path}/"), deals);
            } else if path.contains('/') && path.ends_with(".yaml") {
                deals.insert(path, std::fs::read_to_string(entry).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("example-pipeline");
    let mut deals = BTreeMap::new();
    gather(&root, "", &mut deals);
    (std::fs::read_to_string(root.join("pipeline.yaml")).unwrap(), deals)
}

fn stage_of(path: &str) -> &str {
    path.split('/').next().unwrap()
}

/// The schemas of all places of a pipeline.
fn by_place(pipeline: &Pipeline) -> BTreeMap<String, Value> {
    pipeline.places().map(|place| (place.id().to_string(), json_schema::deal_in(pipeline, place))).collect()
}

#[test]
fn every_deal_of_the_example_fits_the_schema_of_its_stage_and_the_common_one() {
    let (pipeline, deals) = example();
    let pipeline = read(&pipeline);
    let (common, places) = (json_schema::deal(&pipeline), by_place(&pipeline));
    assert!(deals.len() > 20, "{}", deals.len());
    let refused = refused(&Memory(deals.clone().into_iter().chain([("pipeline.yaml".into(), example().0)]).collect()));
    for (path, text) in deals.iter().filter(|(path, _)| !refused.contains(*path)) {
        let value = value_of(text).unwrap();
        assert_eq!(fault(&common, &value), None, "{path}");
        assert_eq!(fault(&places[stage_of(path)], &value), None, "{path}");
    }
}

#[test]
fn every_template_fits_the_schema_of_the_pipeline_file() {
    let schema = json_schema::pipeline_file(&rule_words());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/pipelines");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 10);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(fault(&schema, &value_of(&text).unwrap()), None, "{}", file.display());
    }
}

/// Numbers without chance: the same ones in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// What people write into fields.
const VALUES: [&str; 62] = [
    "",
    "null",
    "~",
    "\"\"",
    "' '",
    "true",
    "True",
    "\"true\"",
    "yes",
    "NO",
    "0",
    "12",
    "-12",
    "+12",
    "012",
    "12.5",
    "1.",
    ".5",
    "1e3",
    "0x1F",
    "1_000",
    "\"12\"",
    "12_000",
    "99999999999999999999",
    ".inf",
    ".nan",
    "18000 USD",
    "18000  USD",
    "18000 usd",
    "18000 ABC",
    "USD 18000",
    "€12k",
    "12,5",
    "\" 12 \"",
    "2026-12-31",
    "\"2026-12-31\"",
    "2026-02-30",
    "2026-13-01",
    "2026-1-1",
    "31.12.2026",
    "20261231",
    "abc",
    "a b",
    "olga",
    "\"Olga <o@x>\"",
    "/a/b",
    "a/b.pdf",
    "a//b",
    "../a",
    ".../a",
    ".a/b..c",
    "https://x.y",
    "ftp://x",
    "mailto:a",
    "acme-site",
    "Acme",
    "1.5.0",
    "[a, b]",
    "[]",
    "{}",
    "{a: 1}",
    "[{a: 1}, null]",
];

/// Every type of field with every value: what reads well is never refused by the schema, and what the schema lets pass
/// that does not read is known.
#[test]
fn a_schema_refuses_no_value_that_reads() {
    let types = [
        "text",
        "integer",
        "number",
        "money",
        "date",
        "boolean",
        "person",
        "path",
        "link",
        "deal",
        "{enum: [abc, yes, 12, 012, 1.5.0, \"true\"]}",
        "{list: date}",
        "{list: {list: {a: {type: text, required: true}, b: text}}}",
        "{list: {a: {type: money, required: true}}}",
        "{a: {type: integer, required: true}, b: date}",
        "{a: {b: {type: date, required: true}}}",
    ];
    let mut lenient = BTreeMap::<String, Vec<&str>>::new();
    let (mut told, mut pairs) = (0, 0);
    for of in types {
        for (demand, extra) in [("", "deny"), (", required: true", "warn"), (", required_from: offer", "allow")] {
            let field = match demand {
                "" => format!("f: {of}"),
                _ if of.starts_with("{a") => format!("f: {{fields: {of}{demand}}}"),
                _ if of.starts_with('{') => format!("f: {}{demand}}}", of.strip_suffix('}').unwrap()),
                _ => format!("f: {{type: {of}{demand}}}"),
            };
            let text = format!(
                "version: 1\ncurrency: EUR\nextra_fields: {extra}\nfields:\n  {field}\n\
                 stages: [{{id: lead}}, {{id: offer}}]\nends: [{{id: won, kind: won}}, {{id: lost, kind: lost}}]\n"
            );
            let pipeline = read(&text);
            let places = by_place(&pipeline);
            let mut files = BTreeMap::from([("pipeline.yaml".to_owned(), text)]);
            for (n, value) in VALUES.iter().enumerate() {
                for stage in ["lead", "offer", "lost"] {
                    files.insert(format!("{stage}/d{n}-{stage}.yaml"), format!("title: x\nf: {value}\n"));
                    if !of.starts_with('{') {
                        continue;
                    }
                    files.insert(format!("{stage}/e{n}-{stage}.yaml"), format!("title: x\nf:\n  a: {value}\n"));
                    files.insert(
                        format!("{stage}/l{n}-{stage}.yaml"),
                        format!("title: x\nf: [{{a: 1}}, {{b: {value}}}]\n"),
                    );
                }
            }
            for stage in ["lead", "offer", "won", "lost"] {
                files.insert(format!("{stage}/none-{stage}.yaml"), "title: x\n".to_owned());
            }
            let files = Memory(files);
            let refused = refused(&files);
            for (path, deal) in files.0.iter().filter(|(path, _)| path.contains('/')) {
                let Some(value) = value_of(deal) else { continue };
                pairs += 1;
                match (fault(&places[stage_of(path)], &value), refused.contains(path)) {
                    (Some(fault), false) => panic!("{field} {extra} {path}\n{deal}\n{fault}"),
                    (None, true) if demand.is_empty() && path.starts_with("lead/d") => {
                        let n: usize = path["lead/d".len()..path.len() - "-lead.yaml".len()].parse().unwrap();
                        lenient.entry(of.to_owned()).or_default().push(VALUES[n]);
                    }
                    (Some(_), true) => told += 1,
                    _ => {}
                }
            }
        }
    }
    assert!(told > 2_000 && pairs > 10_000, "{told} of {pairs}");
    insta::assert_snapshot!(
        lenient.iter().map(|(of, values)| format!("{of}: {}\n", values.join(" | "))).collect::<String>()
    );
}

/// Deals of the example with a slip in each.
#[test]
fn what_a_schema_refuses_in_a_changed_deal_validate_refuses_too() {
    let (pipeline_text, deals) = example();
    let pipeline = read(&pipeline_text);
    let places = by_place(&pipeline);
    let mut dice = Dice(7);
    let mut told = 0;
    for _ in 0..6 {
        let mut files = BTreeMap::from([("pipeline.yaml".to_owned(), pipeline_text.clone())]);
        files.extend(deals.iter().map(|(path, text)| (path.clone(), slipped(text, &mut dice))));
        let files = Memory(files);
        let refused = refused(&files);
        for (path, text) in files.0.iter().filter(|(path, _)| path.contains('/')) {
            let Some(fault) = value_of(text).and_then(|value| fault(&places[stage_of(path)], &value)) else { continue };
            told += 1;
            assert!(refused.contains(path), "{path}\n{text}\n{fault}");
        }
    }
    assert!(told > 100, "{told}");
}

/// A text with a line that is gone, doubled, moved in, called otherwise or has another value.
fn slipped(text: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..=dice.below(2) {
        let at = dice.below(lines.len());
        let line = lines[at].clone();
        match dice.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines[at] = format!("  {line}"),
            2 => lines[at] = line.replacen(|c: char| c.is_ascii_lowercase(), "q", 1),
            _ => {
                if let Some((key, _)) = line.split_once(": ") {
                    lines[at] = format!("{key}: {}", VALUES[dice.below(VALUES.len())]);
                }
            }
        }
        if lines.is_empty() {
            lines.push("title: x".to_owned());
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn what_the_schema_of_the_pipeline_file_refuses_its_reader_refuses_too() {
    let schema = json_schema::pipeline_file(&rule_words());
    let mut dice = Dice(11);
    let mut told = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/pipelines");
    let mut texts: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap()).collect();
    texts.sort();
    texts.push(include_str!("../example-pipeline/pipeline.yaml").to_owned());
    for text in &texts {
        for _ in 0..20 {
            let slipped = slipped(text, &mut dice);
            let Some(fault) = value_of(&slipped).and_then(|value| fault(&schema, &value)) else { continue };
            told += 1;
            let read = pipeline_file::read(slipped.as_bytes());
            assert!(read.is_err(), "{fault}\n{}", similar::TextDiff::from_lines(text, &slipped).unified_diff());
        }
    }
    assert!(told > 40, "{told}");
}

#[test]
fn a_schema_names_every_key_of_the_pipeline_file_and_every_rule() {
    let schema = json_schema::pipeline_file(&rule_words());
    let unknown =
        pipeline_file::read(b"version: 1\ncurrency: EUR\nq: 1\nstages: [{id: a, q: 1}]\nwon_at: a\n").unwrap_err();
    let listed = |n: usize| {
        let help = unknown[n].help.clone().unwrap();
        help.strip_prefix("keys are ").unwrap().split(", ").map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let keys = |at: &str| schema.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys("/properties"), listed(0));
    assert_eq!(keys("/properties/stages/items/properties"), listed(1));
    assert_eq!(keys("/properties/rules/properties"), rule::all().iter().map(|r| r.id.to_owned()).collect());
}

const PIPELINE: &str = "\
version: 1
title: Sites
currency: EUR
groups: {chiefs: [boss, \"Olga: the $one\"]}
stages:
  - id: lead
    title: Lead
    exit:
      - {id: budget-known, text: The budget is known, require: [budget, inputs.goal]}
  - id: offer
    exit:
      - {id: go, text: The chiefs say go, approval: {by: chiefs}, waivable: false}
  - id: work
rules: {missing-next-step: off}
ends:
  - {id: won, kind: won}
  - {id: lost, kind: lost, entry: [{id: reason-said, require: [reason]}]}
fields:
  title: {required: true}
  budget: {type: money, label: Budget, help: What they said}
  contract: {type: path, required_from: work}
  inputs: {goal: text}
  reason: {enum: [price, time]}
";

#[test]
fn a_stage_asks_for_what_is_needed_there_unless_it_was_waived() {
    let pipeline = read(PIPELINE);
    let places = by_place(&pipeline);
    let wrong = |stage: &str, text: &str| fault(&places[stage], &value_of(text).unwrap()).unwrap_or_default();
    let go = "approvals: {go: {by: boss, on: 2026-01-01}}\n";
    assert_eq!(wrong("lead", "title: x\n"), "");
    assert!(wrong("lead", "account: x\n").contains("lacks \"title\""));
    let said = wrong("offer", "title: x\n");
    assert!(said.contains("Missing budget, inputs.goal (to leave Lead: The budget is known (budget-known))"), "{said}");
    assert!(wrong("offer", "title: x\nbudget: 1\ninputs:\n").contains("Missing budget, inputs.goal"));
    assert!(wrong("offer", "title: x\nbudget:\ninputs: {goal: x}\n").contains("budget must be an amount"));
    assert_eq!(wrong("offer", "title: x\nbudget: 1 USD\ninputs: {goal: x}\n"), "");
    let waived = "waivers: [{criterion: budget-known, by: boss, reason: x, on: 2026-01-01}]\n";
    assert_eq!(wrong("offer", &format!("title: x\n{waived}")), "");
    assert!(wrong("work", &format!("title: x\n{waived}{go}")).contains("lacks \"contract\""));
    assert!(wrong("work", &format!("title: x\n{waived}contract: a.pdf\n")).contains("lacks \"approvals\""));
    assert_eq!(wrong("work", &format!("title: x\n{waived}{go}contract: a.pdf\n")), "");
    assert_eq!(wrong("won", &format!("title: x\n{waived}{go}contract: a.pdf\n")), "");
    // An end for lost deals asks for its own alone.
    assert!(wrong("lost", "title: x\n").contains("lacks \"reason\""));
    assert_eq!(wrong("lost", "title: x\nreason: time\n"), "");
    assert!(wrong("lost", "title: x\nreason: tme\n").contains("reason must be one of price, time"));
    // Of the criteria only those that take one can be waived.
    assert!(
        wrong("lead", "title: x\nwaivers: [{criterion: go, by: b, reason: r, on: 2026-01-01}]\n").contains("criterion")
    );
}

#[test]
fn levels_of_rules_and_extra_fields_loosen_a_schema() {
    let wrong = |change: &str, text: &str| {
        let pipeline = read(&match change.strip_prefix("rules: ") {
            Some(rule) => PIPELINE.replace("missing-next-step: off", rule),
            None => format!("{PIPELINE}{change}"),
        });
        fault(&by_place(&pipeline)["offer"], &value_of(text).unwrap()).is_some()
    };
    assert!(wrong("", "title: x\nbudget: 1\ninputs: {goal: x}\nmore: 1\n"));
    for change in ["extra_fields: warn\n", "extra_fields: allow\n", "rules: unknown-field: warning"] {
        assert!(!wrong(change, "title: x\nbudget: 1\ninputs: {goal: x, less: 2}\nmore: 1\n"), "{change}");
    }
    assert!(wrong("", "title: x\n") && !wrong("rules: exit-criterion: warning", "title: x\n"));
    let filled = "budget: 1\ninputs: {goal: x}\n";
    assert!(wrong("", filled) && !wrong("rules: missing-field: off", filled));
}

#[test]
fn a_field_is_called_and_explained_as_the_team_does() {
    let pipeline = read(PIPELINE);
    let schema = json_schema::deal(&pipeline);
    let said = |at: &str| schema.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(said("/properties/budget/title"), "Budget");
    assert_eq!(
        said("/properties/budget/description"),
        "What they said\n\nIt is an amount (18000 or 18000 USD).\n\nExample: 18000 or 18000.50 USD\n\n\
         Asked for to leave Lead: The budget is known"
    );
    assert_eq!(said("/properties/close_date/title"), "Close date");
    assert!(said("/properties/contract/description").ends_with("Every deal needs it from work on."));
    let offers = schema.pointer("/properties/owner/defaultSnippets").unwrap();
    let body = r#""Olga: the \\$one""#;
    assert_eq!(offers[0]["label"], "boss");
    assert_eq!(
        (offers[1]["label"].as_str(), offers[1]["body"].as_str()),
        (Some("Olga: the $one"), Some(&body.replace("\\\\", "\\")[..]))
    );
    // What belongs into a built-in field is said of each, with an example.
    for (name, property) in schema["properties"].as_object().unwrap() {
        let description = property["description"].as_str().unwrap();
        let exempt = ["category", "confidence", "notes", "inputs"].contains(&name.as_str());
        assert!(exempt || description.contains("Example: "), "{name}: {description}");
    }
}

fn repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", PIPELINE);
    for stage in ["lead", "offer", "work", "won", "lost"] {
        repo.write(&format!("sales/{stage}/.gitkeep"), "");
    }
    repo.write("sales/lead/acme.yaml", "title: ACME\n");
    repo.commit("a pipeline");
    repo
}

#[test]
fn schemas_are_written_brought_up_to_date_and_taken_away() {
    let repo = repository();
    let wrote = repo.ok(&["schema", "deal", "--write"]);
    let all = ["deal", "deal.lead", "deal.offer", "deal.work", "deal.won", "deal.lost", "pipeline"];
    let lines: String = all.iter().map(|name| format!("wrote .tussock/{name}.schema.json\n")).collect();
    assert_eq!(wrote, lines);
    assert_eq!(repo.read("sales/.tussock/deal.offer.schema.json"), repo.ok(&["schema", "deal", "--stage", "offer"]));
    assert_eq!(repo.read("sales/.tussock/deal.schema.json"), repo.ok(&["schema", "deal"]));
    assert_eq!(repo.read("sales/.tussock/pipeline.schema.json"), repo.ok(&["schema", "pipeline"]));
    assert_eq!(repo.ok(&["schema", "deal", "--write"]), "the schemas are up to date\n");
    assert_eq!(repo.ok(&["validate"]), "");

    let changed =
        PIPELINE.replace("  - id: work\n", "  - id: build\n    was: [work]\n").replace("from: work", "from: build");
    repo.write("sales/pipeline.yaml", changed).write("sales/build/.gitkeep", "");
    repo.write("sales/.tussock/deal.mine.schema.json", "{}");
    let found = repo.tussock(&["validate", "--fail-on", "warning"]);
    assert_eq!(found.code, 1);
    assert_eq!(found.out.matches("stale-schema").count(), 6, "{}", found.out);
    assert!(
        found.out.contains(".tussock/deal.build.schema.json is missing, so a stage has no schema"),
        "{}",
        found.out
    );
    let wrote = repo.ok(&["schema", "deal", "--write"]);
    assert!(wrote.contains("wrote .tussock/deal.build.schema.json"), "{wrote}");
    assert!(wrote.contains("removed .tussock/deal.work.schema.json, which no stage needs"), "{wrote}");
    assert!(repo.has("sales/.tussock/deal.mine.schema.json") && !repo.has("sales/.tussock/deal.work.schema.json"));
    assert_eq!(repo.ok(&["validate", "--fail-on", "warning"]), "");
    // However an editor lays it out, it is the same schema.
    let value: Value = serde_json::from_str(&repo.read("sales/.tussock/deal.schema.json")).unwrap();
    repo.write("sales/.tussock/deal.schema.json", serde_json::to_string_pretty(&value).unwrap().replace('\n', "\r\n"));
    assert_eq!(repo.ok(&["validate", "--fail-on", "warning"]), "");
}

#[test]
fn a_stage_that_is_not_there_is_told_with_the_nearest_one() {
    let repo = repository();
    let ran = repo.tussock(&["schema", "deal", "--stage", "ofer"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no stage \"ofer\"") && ran.err.contains("did you mean `offer`?"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn no_schema_is_written_through_a_link() {
    let repo = repository();
    repo.write("elsewhere/x", "");
    std::os::unix::fs::symlink(repo.path().join("elsewhere"), repo.path().join("sales/.tussock")).unwrap();
    let ran = repo.tussock(&["schema", "deal", "--write"]);
    assert_eq!(ran.code, 8);
    assert!(ran.err.contains(".tussock is no folder; nothing was written"), "{}", ran.err);
    assert!(!repo.has("elsewhere/deal.schema.json"));
}

#[test]
fn new_deals_name_the_common_schema_where_no_stage_has_its_own() {
    let repo = repository();
    repo.ok(&["new", "Without"]);
    assert_eq!(repo.read("sales/lead/without.yaml"), "title: Without\n");
    repo.ok(&["schema", "deal", "--write"]);
    repo.ok(&["new", "By folder"]);
    assert_eq!(repo.read("sales/lead/by-folder.yaml"), "title: By folder\n");
    let wrote = repo.ok(&["schema", "deal", "--write", "--common"]);
    assert_eq!(wrote.matches("removed").count(), 5, "{wrote}");
    assert_eq!(repo.ok(&["validate", "--fail-on", "warning"]), "");
    repo.ok(&["new", "By line", "--set", "budget=12"]);
    let line = "# yaml-language-server: $schema=../.tussock/deal.schema.json\n";
    assert_eq!(repo.read("sales/lead/by-line.yaml"), format!("{line}title: By line\nbudget: 12\n"));
    repo.write("sales/lead/by-line.yaml", format!("{line}budget: 12\n")).commit("the title is gone");
    repo.ok(&["set", "by-line", "account=ACME", "inputs.goal=More"]);
    repo.ok(&["set", "by-line", "title=Other"]);
    repo.ok(&["fmt"]);
    assert_eq!(
        repo.read("sales/lead/by-line.yaml"),
        format!("{line}account: ACME\ntitle: Other\nbudget: 12\ninputs:\n  goal: More\n")
    );
    // The way to the schema is longer from the folder of a year.
    repo.ok(&["move", "by-line", "lost", "--set", "reason=price"]);
    let lost = repo.git(&["ls-files", "sales/lost/*/by-line.yaml"]);
    let text = repo.read(lost.trim());
    assert!(
        text.starts_with("# yaml-language-server: $schema=../../.tussock/deal.schema.json\naccount: ACME\n"),
        "{text}"
    );
    repo.ok(&["move", "by-line", "lead"]);
    assert!(repo.read("sales/lead/by-line.yaml").starts_with(line));
}
