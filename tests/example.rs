//! The example: its folder is the end of its story, its deals have earned their stages, its repository is the same at
//! every run.

mod kit;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use kit::TestRepo;
use tussock::check::{self, Circumstances, Finding, Level, Report};
use tussock::example;
use tussock::format::date::parse_date;
use tussock::format::edit::{self, NewValue};
use tussock::format::judge;
use tussock::format::load::{self, Reading};
use tussock::format::pipeline::Status;
use tussock::format::quote;
use tussock::format::source::{EntryKind, FileEntry, Source};

struct Files(BTreeMap<String, Vec<u8>>);

impl Source for Files {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry =
            |(path, _): (&String, &Vec<u8>)| FileEntry { path: path.clone(), utf8: true, kind: EntryKind::File };
        Ok(self.0.iter().map(entry).collect())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn repository_has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

fn files() -> Files {
    Files(example::final_state().expect("the story holds together"))
}

fn reading(files: &Files) -> Reading {
    load::load(files).unwrap_or_else(|e| panic!("{e:?}"))
}

/// What `validate` says on the last day of the story, without history.
fn checked(files: &Files) -> Report {
    let today = parse_date(example::TODAY).expect("a date");
    check::check(
        &reading(files),
        &Circumstances { today, source: files, days_in_stage: None, visited: None, past: None },
    )
}

/// The findings of one level as `rule deal`.
fn of_level(report: &Report, level: Level) -> Vec<String> {
    let deal = |f: &Finding| f.deal.as_ref().map_or_else(|| f.path.clone(), ToString::to_string);
    report.findings.iter().filter(|f| f.level == level).map(|f| format!("{} {}", f.rule.id, deal(f))).collect()
}

#[test]
fn the_folder_is_the_end_of_the_story() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("example-pipeline");
    let wanted = files().0;
    let mut there = BTreeMap::new();
    gather(&root, &root, &mut there);
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        for path in there.keys().filter(|p| !wanted.contains_key(*p)) {
            std::fs::remove_file(root.join(path)).expect("a file to remove");
        }
        for (path, bytes) in &wanted {
            let full = root.join(path);
            std::fs::create_dir_all(full.parent().expect("a parent")).expect("folders");
            std::fs::write(full, bytes).expect("a file");
        }
        return;
    }
    for (path, bytes) in &wanted {
        let found = there.get(path).unwrap_or_else(|| panic!("{path} is missing; TUSSOCK_BLESS=1 rewrites the folder"));
        assert_eq!(String::from_utf8_lossy(found), String::from_utf8_lossy(bytes), "{path}");
    }
    let strangers: Vec<_> = there.keys().filter(|p| !wanted.contains_key(*p)).collect();
    assert!(strangers.is_empty(), "not from the story: {strangers:?}");
}

fn gather(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(root, &path, into);
        } else {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            into.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
}

#[test]
fn every_deal_reads_without_a_problem() {
    let files = files();
    let reading = reading(&files);
    assert!(reading.unreadable.is_empty(), "{:?}", reading.unreadable);
    assert!(reading.strays.is_empty(), "{:?}", reading.strays);
    assert!(reading.without_placeholder.is_empty(), "{:?}", reading.without_placeholder);
    for deal in &reading.deals {
        assert!(deal.problems.is_empty(), "{}: {:?}", deal.path, deal.problems);
        let place = reading.pipeline.place(deal.stage.as_str()).expect("a stage");
        let missing = judge::missing_fields(&reading.pipeline, deal, place);
        assert!(missing.is_empty(), "{}: {missing:?}", deal.path);
    }
}

#[test]
fn the_example_has_warnings_but_no_errors() {
    let report = checked(&files());
    let errors: Vec<_> = report.findings.iter().filter(|f| f.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let warnings = of_level(&report, Level::Warning);
    for wanted in [
        "missing-next-step stromboli-pizza",
        "overdue-close-date hortus-garden",
        "overdue-close-date quinta-oliveira",
        "exit-criterion zephyr-drones",
    ] {
        assert!(warnings.iter().any(|w| w == wanted), "{wanted} is not among {warnings:?}");
    }
    assert!(warnings.len() <= 12, "a handful, so that each is read: {warnings:#?}");
    assert_eq!(of_level(&report, Level::Info), ["waiver ostsee-klinik"]);
}

#[test]
fn the_story_has_deals_of_every_kind() {
    let files = files();
    let reading = reading(&files);
    let count = |status| reading.deals.iter().filter(|d| reading.pipeline.status(&d.stage) == status).count();
    assert!(reading.deals.len() >= 75, "{}", reading.deals.len());
    assert!(count(Status::Open) >= 20 && count(Status::Won) >= 20 && count(Status::Lost) >= 20);
    assert!(count(Status::Recycled) >= 4);
    for place in reading.pipeline.places() {
        assert!(reading.deals.iter().any(|d| d.stage == *place.id()), "nothing in {}", place.id());
    }
    let follows: Vec<_> = reading.deals.iter().filter_map(|d| d.value("follows").map(|_| d.id.as_str())).collect();
    assert!(follows.len() >= 2, "{follows:?}");
    let today = parse_date(example::TODAY).expect("a date");
    let open = || reading.deals.iter().filter(|d| reading.pipeline.status(&d.stage) == Status::Open);
    let overdue: Vec<_> = open().filter(|d| d.close_date().is_some_and(|c| c < today)).map(|d| d.id.as_str()).collect();
    assert!((1..=5).contains(&overdue.len()), "overdue close dates: {overdue:?}");
    let idle: Vec<_> = open().filter(|d| d.value("next_step").is_none()).map(|d| d.id.as_str()).collect();
    assert!((1..=3).contains(&idle.len()), "without a next step: {idle:?}");
}

/// A value as `set` would be given it on the command line.
fn as_given(value: &serde_yaml::Value) -> NewValue {
    match value {
        serde_yaml::Value::String(text) if parse_date(text).is_err() => NewValue::Text(text.clone()),
        serde_yaml::Value::String(text) => NewValue::Raw(text.clone()),
        other => NewValue::Raw(one_line(other)),
    }
}

fn one_line(value: &serde_yaml::Value) -> String {
    match value {
        serde_yaml::Value::String(text) if parse_date(text).is_err() => quote::flow_scalar(text),
        serde_yaml::Value::String(text) => text.clone(),
        serde_yaml::Value::Mapping(map) => {
            let pair = |(k, v): (&serde_yaml::Value, &serde_yaml::Value)| {
                format!("{}: {}", k.as_str().expect("a name"), one_line(v))
            };
            format!("{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => serde_yaml::to_string(other).expect("YAML").trim().to_owned(),
    }
}

#[test]
fn cards_look_as_if_the_tool_had_written_them_field_by_field() {
    let files = files();
    let fields = reading(&files).pipeline.fields;
    // One deal in five is enough to see it, and quick.
    let cards = files.0.iter().filter(|(p, _)| p.ends_with(".yaml") && p.contains('/')).step_by(5);
    for (path, bytes) in cards {
        let wanted = std::str::from_utf8(bytes).expect("text");
        let card: serde_yaml::Mapping = serde_yaml::from_str(wanted).expect("a card");
        let mut text = String::new();
        // From the last field to the first: the order of the card must come from the pipeline.
        for (name, value) in card.iter().collect::<Vec<_>>().into_iter().rev() {
            let name = name.as_str().expect("a name");
            let edited = match value {
                serde_yaml::Value::Sequence(items) => items
                    .iter()
                    .try_fold(text.clone(), |text, item| edit::append(&text, name, &as_given(item), &fields)),
                serde_yaml::Value::Mapping(block) if name != "next_step" => {
                    block.iter().try_fold(text.clone(), |text, (key, value)| {
                        let path = format!("{name}.{}", key.as_str().expect("a name"));
                        edit::set(&text, &path, &as_given(value), &fields)
                    })
                }
                value => edit::set(&text, name, &as_given(value), &fields),
            };
            text = edited.unwrap_or_else(|e| panic!("{path}, {name}: {e}"));
        }
        assert_eq!(text, wanted, "{path}");
    }
}

#[test]
fn the_story_ends_on_the_day_that_the_example_names() {
    assert_eq!(example::story::embedded().expect("a story").today, example::TODAY);
}

#[test]
fn no_card_knows_what_happened_after_the_end_of_the_story() {
    let past = ["on:", "sent_on:", "final_on:", "yes_on:", "signed_on:", "paid_on:", "accepted_on:", "agreed_on:"];
    for (path, bytes) in files().0.iter().filter(|(p, _)| p.ends_with(".yaml") && p.contains('/')) {
        let text = String::from_utf8(bytes.clone()).expect("text");
        let words: Vec<&str> = text.split_whitespace().map(|w| w.trim_start_matches('{')).collect();
        for pair in words.windows(2).filter(|pair| past.contains(&pair[0])) {
            let day = pair[1].trim_end_matches([',', '}']);
            assert!(day <= example::TODAY, "{path}: {} {day}", pair[0]);
        }
    }
}

#[test]
fn the_repository_is_the_same_at_every_run() {
    let (one, two) = (TestRepo::without_git(), TestRepo::without_git());
    let written = example::write_repository(&one.path()).expect("a repository");
    std::fs::write(two.path().join("../home/.gitconfig"), "[user]\nname = Somebody Else\n").expect("a file");
    example::write_repository(&two.path()).expect("a repository");
    let refs = |repo: &TestRepo| repo.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
    assert_eq!(refs(&one), refs(&two));
    assert_eq!(written.open_branches, ["broken-deal"]);
    let branches = one.git(&["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(branches.lines().collect::<Vec<_>>(), ["broken-deal", "main"]);
    let commits = one.git(&["rev-list", "--count", "--all"]);
    assert_eq!(commits.trim(), written.commits.to_string());
    assert_eq!(one.git(&["rev-list", "--count", "--merges", "main"]).trim(), "3");
    one.git(&["fsck", "--strict", "--no-dangling"]);
    assert_eq!(one.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_checked_out_branch_is_the_example_folder() {
    let repo = TestRepo::without_git();
    example::write_repository(&repo.path()).expect("a repository");
    let mut there = BTreeMap::new();
    gather(&repo.path(), &repo.path(), &mut there);
    there.retain(|path, _| !path.starts_with(".git/"));
    let wanted = files().0;
    assert_eq!(there.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    assert!(there == wanted);
}

#[test]
fn approvals_are_committed_by_the_one_who_approves() {
    let repo = TestRepo::without_git();
    example::write_repository(&repo.path()).expect("a repository");
    let ran = repo.run(Command::new("git").args(["log", "--format=%ae", "-G", "start-production: \\{by", "main"]));
    assert!(ran.out.lines().count() >= 10);
    // Later moves take the same line to another folder and so appear as well; the first for each deal is the approval.
    let first = repo.git(&["log", "--format=%ae %s", "--diff-filter=A", "main", "--", "kickoff"]);
    assert!(first.lines().filter(|l| l.contains("prepayment →")).all(|l| l.starts_with("boss@")), "{first}");
}

#[test]
fn the_broken_deal_is_broken_in_several_ways() {
    let repo = TestRepo::without_git();
    example::write_repository(&repo.path()).expect("a repository");
    let mut files = files();
    let text = repo.git(&["show", "broken-deal:proposal/kiel-harbour.yaml"]);
    files.0.insert("proposal/kiel-harbour.yaml".into(), text.into_bytes());
    let reading = reading(&files);
    let deal = reading.deals.iter().find(|d| d.id == *"kiel-harbour").expect("it can be read");
    let mut kinds: Vec<&str> = deal.problems.iter().map(|p| p.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["impossible-date", "unknown-field", "wrong-type", "wrong-type"]);
    let report = checked(&files);
    let mut rules: Vec<&str> = report.findings.iter().filter(|f| f.level == Level::Error).map(|f| f.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules, ["exit-criterion", "impossible-date", "unknown-field", "wrong-type"]);
    assert!(of_level(&report, Level::Error).iter().all(|f| f.ends_with(" kiel-harbour")));
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let repo = TestRepo::without_git();
    repo.write("mine.txt", "mine");
    let refused = example::write_repository(&repo.path()).expect_err("not empty");
    assert!(refused.to_string().contains("is not empty"), "{refused}");
    assert!(!repo.has(".git"));
    assert_eq!(repo.read("mine.txt"), "mine");
}
