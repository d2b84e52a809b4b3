//! Every rule on an input of its own: `tests/rules/RULE/` (or `RULE.VARIANT/`) holds a small pipeline and, in
//! `expected.txt`, what a person gets to see. `TUSSOCK_BLESS=1` writes the expectations anew; read them before you keep
//! them.
//!
//! A case without a `pipeline.yaml` uses `tests/rules/pipeline.yaml`, and every stage has its `.gitkeep`. What git or a
//! checkout cannot hold is in `extra.txt`, one line each: `link PATH`, `folder PATH`, `closed PATH` (may not be read),
//! `copy FROM TO`, `drop PATH`. What history tells is in `history.txt`: `changed DEAL DAY`, `answer DEAL STAGE SINCE UNTIL`,
//! `approved DEAL CRITERION BY ON COMMIT NAME <ADDRESS>`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use tussock::check::past::{Answering, Past, Written};
use tussock::check::{self, Circumstances, Files, Level, Report, rule};
use tussock::format::ident::{DealId, StageId};
use tussock::format::load::{LoadError, list, load};
use tussock::format::source::{EntryKind, FileEntry, Source};
use tussock::output::text::Look;
use tussock::output::{
    findings_github, findings_gitlab, findings_json, findings_junit, findings_markdown, findings_rdjson,
    findings_sarif, rules_page, text,
};

/// A pipeline in memory, with what history tells of it.
#[derive(Default)]
struct Memory(BTreeMap<String, (EntryKind, io::Result<Vec<u8>>)>, Option<Past>);

impl Source for Memory {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |(path, (kind, _)): (&String, &(EntryKind, io::Result<Vec<u8>>))| FileEntry {
            path: path.clone(),
            utf8: true,
            kind: *kind,
        };
        Ok(self.0.iter().map(entry).collect())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self.0.get(path) {
            Some((_, Ok(bytes))) => Ok(bytes.clone()),
            Some((_, Err(error))) => Err(error.kind().into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn repository_has(&self, path: &str) -> bool {
        path.strip_prefix("sales/").is_some_and(|p| self.0.contains_key(p))
    }

    fn display(&self, path: &str) -> String {
        format!("sales/{path}")
    }
}

impl Memory {
    fn add(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.to_owned(), (EntryKind::File, Ok(bytes.into())));
    }

    /// The pipeline of a case's folder.
    fn of_case(case: &Path) -> Self {
        let mut memory = Memory::default();
        memory.add("pipeline.yaml", std::fs::read(root().join("pipeline.yaml")).unwrap());
        for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
            memory.add(&format!("{stage}/.gitkeep"), "");
        }
        memory.add_folder(case, case);
        memory.1 = std::fs::read_to_string(case.join("history.txt")).ok().map(|text| past(&text));
        let extra = std::fs::read_to_string(case.join("extra.txt")).unwrap_or_default();
        for line in extra.lines() {
            let (what, path) = line.split_once(' ').unwrap();
            let nothing = || Ok(Vec::new());
            match what {
                "link" => memory.0.insert(path.to_owned(), (EntryKind::Symlink, nothing())),
                "folder" => memory.0.insert(path.to_owned(), (EntryKind::Folder, nothing())),
                "closed" => {
                    let error = Err(io::ErrorKind::PermissionDenied.into());
                    memory.0.insert(path.to_owned(), (EntryKind::File, error))
                }
                "copy" => {
                    let (from, to) = path.split_once(' ').unwrap();
                    let bytes = memory.read(from).unwrap();
                    memory.0.insert(to.to_owned(), (EntryKind::File, Ok(bytes)))
                }
                "drop" => memory.0.remove(path),
                _ => panic!("{line}"),
            };
        }
        memory
    }

    fn add_folder(&mut self, case: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(case).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                self.add_folder(case, &path);
            } else if !matches!(name.as_str(), "expected.txt" | "extra.txt" | "history.txt") {
                self.add(&name, std::fs::read(&path).unwrap());
            }
        }
    }
}

/// What a case says of history. It is noon of the day.
fn past(text: &str) -> Past {
    let noon = |day: &str| day.parse::<NaiveDate>().unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc().timestamp();
    let deal = |id: &str| DealId::new(id).unwrap();
    let (mut changes, mut answers, mut approvals) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for line in text.lines() {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["changed", id, day] => {
                changes.insert(deal(id), noon(day));
            }
            ["answer", id, stage, since, until] => {
                let (since, until) = (since.parse().unwrap(), until.parse().unwrap());
                answers.insert(deal(id), Answering { stage: StageId::new(stage).unwrap(), since, until });
            }
            ["approved", id, criterion, by, on, commit, name, email] => {
                let authors = vec![((*name).to_owned(), email.trim_matches(['<', '>']).to_owned())];
                let [by, on, commit] = [by, on, commit].map(|text| (*text).to_owned());
                approvals.insert((deal(id), (*criterion).to_owned()), Written { by, on, commit, authors });
            }
            _ => panic!("{line}"),
        }
    }
    Past { moment: noon("2026-06-01"), last_changes: Some(changes), answers: Some(answers), approvals: Some(approvals) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules")
}

/// Hands on what a check of this source finds.
fn judged(source: &Memory, mut look: impl FnMut(Report, Files<'_>)) {
    let today = NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
    let circumstances = Circumstances { today, source, days_in_stage: None, visited: None, past: source.1.as_ref() };
    match load(source) {
        Ok(reading) => look(check::check(&reading, &circumstances), Files::of(&reading, source)),
        Err(LoadError::Broken { text, problems }) => {
            look(check::check_pipeline_file(&problems), Files::of_pipeline_file(&text, source));
        }
        Err(error) => panic!("{error}"),
    }
}

/// What a check of this source shows, and its report.
fn checked(source: &Memory) -> (String, Report) {
    let today = NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
    let circumstances = Circumstances { today, source, days_in_stage: None, visited: None, past: source.1.as_ref() };
    let look = Look { colour: false, columns: 100 };
    let show = |report: Report, files: Files<'_>| {
        let json: serde_json::Value = serde_json::from_str(&findings_json::render(&report, &files)).unwrap();
        assert_eq!(json["findings"].as_array().unwrap().len(), report.findings.len());
        (text::render(&report, &files, look), report)
    };
    match load(source) {
        Ok(reading) => {
            let shown = show(check::check(&reading, &circumstances), Files::of(&reading, source));
            // Deal by deal, with nothing kept of those that are in order, it is the same.
            let listing = list(source).unwrap();
            let each = check::check_each(&listing, &circumstances);
            assert_eq!(show(each.report.clone(), Files::of_checked(&listing, &each, source)), shown);
            shown
        }
        Err(LoadError::Broken { text, problems }) => {
            show(check::check_pipeline_file(&problems), Files::of_pipeline_file(&text, source))
        }
        Err(error) => panic!("{error}"),
    }
}

/// Compares with a file, or writes it where the environment asks for that.
fn compare(path: &Path, actual: &str) -> Result<(), String> {
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        std::fs::write(path, actual).unwrap();
        return Ok(());
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    if expected == actual {
        return Ok(());
    }
    Err(format!("{} is not what comes out:\n{actual}", path.display()))
}

#[test]
fn every_rule_says_what_its_expectation_says() {
    let mut wrong = Vec::new();
    let mut covered = BTreeSet::new();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root()).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|p| p.is_dir());
    cases.sort();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let id = name.split('.').next().unwrap();
        let (shown, report) = checked(&Memory::of_case(&case));
        assert!(report.findings.iter().any(|f| f.rule.id == id), "{name} has no finding of its rule:\n{shown}");
        covered.insert(id.to_owned());
        wrong.extend(compare(&case.join("expected.txt"), &shown).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let uncovered: Vec<_> = rule::all().iter().filter(|r| !covered.contains(r.id) && !r.is_about_changes()).collect();
    assert!(uncovered.is_empty(), "rules without a case: {uncovered:?}");
}

/// One finding of each rule, as each format for machines shows it.
#[test]
fn every_rule_says_it_in_every_format() {
    type Render = fn(&Report, &Files<'_>) -> String;
    let formats: [(&str, Render); 7] = [
        ("findings.json", findings_json::render),
        ("github.txt", findings_github::render),
        ("gitlab.json", findings_gitlab::render),
        ("junit.xml", |report, files| findings_junit::render(report, files, Level::Error)),
        ("markdown.md", findings_markdown::render),
        ("rdjson.json", findings_rdjson::render),
        // Without the rules, which are the same each time; the catalogue's test has them.
        ("sarif.json", |report, files| {
            let mut log: serde_json::Value = serde_json::from_str(&findings_sarif::render(report, files)).unwrap();
            let result = &mut log["runs"][0]["results"][0];
            result.as_object_mut().unwrap().shift_remove("ruleIndex");
            format!("{result:#}\n")
        }),
    ];
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root()).unwrap().map(|e| e.unwrap().path()).collect();
    cases.retain(|case| case.is_dir() && !case.to_str().unwrap().rsplit('/').next().unwrap().contains('.'));
    cases.sort();
    let mut shown = formats.map(|(file, _)| (file, String::new()));
    for case in cases {
        let id = case.file_name().unwrap().to_str().unwrap();
        let source = Memory::of_case(&case);
        judged(&source, |mut report, files| {
            let first = report.findings.iter().position(|f| f.rule.id == id).unwrap();
            let mut number = 0;
            report.retain(|_| {
                number += 1;
                number == first + 1
            });
            let files = files.called_from("sales");
            for ((_, shown), (_, render)) in shown.iter_mut().zip(&formats) {
                shown.push_str(&format!("== {id}\n{}", render(&report, &files)));
            }
        });
    }
    let folder = root().join("../rules_in_formats");
    let wrong: Vec<String> = shown.iter().filter_map(|(file, text)| compare(&folder.join(file), text).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pipeline_in_order_gives_silence() {
    let mut source = Memory::of_case(&root().join("exit-criterion"));
    source.0.retain(|path, _| path.ends_with(".gitkeep") || path == "pipeline.yaml");
    source.add("brief/acme.yaml", "title: Acme\nowner: olga\n");
    let (shown, report) = checked(&source);
    assert_eq!(shown, "");
    assert_eq!(report.worst(), None);
    assert_eq!(report.summary.deals, 1);
}

/// The overdue deal of the rule's own case, in a pipeline whose `rules` say this.
fn overdue_with(rules: &str) -> Report {
    let mut source = Memory::of_case(&root().join("overdue-close-date"));
    let pipeline = String::from_utf8(source.read("pipeline.yaml").unwrap()).unwrap();
    source.add("pipeline.yaml", format!("{pipeline}{rules}"));
    checked(&source).1
}

#[test]
fn a_pipeline_sets_the_levels_of_rules() {
    assert_eq!(overdue_with("").worst(), Some(Level::Warning));
    assert_eq!(overdue_with("  overdue-close-date: error\n").summary.errors, 2);
    assert_eq!(overdue_with("  overdue-close-date: info\n").worst(), Some(Level::Info));
    assert_eq!(overdue_with("  overdue-close-date: off\n").worst(), None);
}

#[test]
fn a_criterion_of_level_warning_stays_one_whatever_the_rule_says() {
    let mut source = Memory::of_case(&root().join("exit-criterion"));
    let pipeline = String::from_utf8(source.read("pipeline.yaml").unwrap()).unwrap();
    source.add("pipeline.yaml", format!("{pipeline}  exit-criterion: error\n"));
    let summary = checked(&source).1.summary;
    assert_eq!((summary.errors, summary.warnings), (2, 1));
}

#[test]
fn undeclared_fields_are_as_bad_as_the_pipeline_says() {
    for (extra, level) in [("deny", Some(Level::Error)), ("warn", Some(Level::Warning)), ("allow", None)] {
        let mut source = Memory::of_case(&root().join("unknown-field"));
        source.0.retain(|path, _| !path.ends_with("acme.yaml"));
        source.add("brief/borg.yaml", "title: Borg\nowner: olga\nmood: good\n");
        let pipeline = String::from_utf8(source.read("pipeline.yaml").unwrap()).unwrap();
        source.add("pipeline.yaml", format!("{pipeline}extra_fields: {extra}\n"));
        assert_eq!(checked(&source).1.worst(), level, "{extra}");
    }
}

#[test]
fn a_report_can_be_narrowed_and_counts_again() {
    let mut report = overdue_with("");
    report.retain(|f| f.path == "brief/acme.yaml");
    assert_eq!((report.summary.warnings, report.summary.files, report.summary.deals), (1, 1, 4));
}

#[test]
fn a_check_of_many_deals_is_the_same_each_time() {
    let mut source = Memory::of_case(&root().join("exit-criterion"));
    for i in 0..60 {
        source.add(&format!("contract/deal-{i}.yaml"), format!("title: {i}\nammount: 1\nfollows: deal-{}\n", i * 7));
    }
    let (first, report) = checked(&source);
    assert_eq!(report.summary.deals, 61);
    for _ in 0..3 {
        assert!(checked(&source).0 == first);
    }
}

#[test]
fn the_page_of_rules_is_made_from_the_catalogue() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    compare(&page, &rules_page::render()).unwrap();
}
