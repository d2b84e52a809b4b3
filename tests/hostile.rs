//! Files, names and texts that were made to break programs, through every command that reads: no crash, no hang, output
//! that a machine can read and a terminal cannot be led astray by.

mod kit;

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kit::{Ran, TestRepo};
use tussock::format::ident::DealId;
use tussock::format::quote::scalar;
use tussock::format::slug::slug;

/// What no reader may take, even unoptimised and on a busy machine.
const HANGS: Duration = Duration::from_secs(10);

/// Runs a command that may find whatever it finds, but may not crash or hang.
fn survives(repo: &TestRepo, args: &[&str]) -> Ran {
    let mut all = vec!["--today", "2026-03-02"];
    all.extend(args);
    let begun = Instant::now();
    let ran = repo.tussock(&all);
    assert!(begun.elapsed() < HANGS, "{args:?} took {:?}", begun.elapsed());
    assert!((0..11).contains(&ran.code), "{args:?} ended with {}: {}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{args:?}: {}", ran.err);
    harmless(args, &ran.err);
    ran
}

/// Whether a terminal or an eye could be led astray. The joiners are left out: emoji and some scripts need them.
fn harmless(args: &[&str], text: &str) {
    let bad = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if let Some(line) = text.lines().find(|line| line.contains(bad)) {
        panic!("{args:?} printed {line:?}");
    }
}

fn json(args: &[&str], ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{args:?} printed no JSON: {e}\n{}", ran.out))
}

/// The records of a CSV, which all have as many cells as its first line.
fn records(args: &[&str], ran: &Ran) -> Vec<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(ran.out.as_bytes());
    reader.records().collect::<Result<_, _>>().unwrap_or_else(|e| panic!("{args:?}: {e}"))
}

/// Every reading command once; returns the document of `list --format json`.
fn read_everything(repo: &TestRepo) -> serde_json::Value {
    for args in [
        &["validate"][..],
        &["list", "--all"],
        &["list", "--all", "--columns", "id,path,title,owner,account,notes,stage_title", "--sort", "-title"],
        &["log"],
        &["report"],
        &["report", "pipeline", "--by", "owner"],
    ] {
        let ran = survives(repo, args);
        // Reports are Markdown, which marks the direction of text on purpose.
        if args[0] != "report" {
            harmless(args, &ran.out);
        }
        assert!(!ran.out.contains('\u{1b}'), "{args:?}");
    }
    for args in [&["validate", "--format", "json"][..], &["log", "--format", "json"], &["report", "--format", "json"]] {
        json(args, &survives(repo, args));
    }
    for args in [&["list", "--all", "--format", "csv"][..], &["log", "--format", "csv"]] {
        records(args, &survives(repo, args));
    }
    let args = ["list", "--all", "--format", "json"];
    let list = json(&args, &survives(repo, &args));
    let ids: Vec<&str> = list["deals"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap()).collect();
    for id in ids.iter().step_by(ids.len() / 8 + 1) {
        let card = survives(repo, &["show", id]);
        harmless(&["show", id], &card.out);
        json(&["show", id, "--json"], &survives(repo, &["show", id, "--json"]));
        harmless(&["why", id], &survives(repo, &["why", id]).out);
    }
    list
}

/// The inputs of the YAML conformance suite and the bombs; none where the shared data are not here.
fn yaml_inputs() -> Vec<Vec<u8>> {
    let Some(archive) = kit::shared("data/yaml-test-suite/yaml-test-suite-data-2022-01-17.tar.zst") else {
        return Vec::new();
    };
    let dir = tempfile::tempdir().unwrap();
    let tar = Command::new("tar").arg("--zstd").arg("-xf").arg(archive).arg("-C").arg(dir.path()).output();
    if !tar.is_ok_and(|o| o.status.success()) {
        println!("skipped: tar cannot unpack the YAML test suite");
        return Vec::new();
    }
    let mut found = files_named(dir.path(), "in.yaml");
    found.extend(kit::shared("data/yaml-bombs").iter().flat_map(|folder| files_named(folder, ".yaml")));
    found.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn files_named(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn naughty_strings() -> Vec<String> {
    let Some(folder) = kit::shared("data/naughty-strings") else { return Vec::new() };
    serde_json::from_str(&std::fs::read_to_string(folder.join("blns.json")).unwrap()).unwrap()
}

#[test]
fn any_yaml_in_a_stage_is_read_or_reported() {
    let inputs = yaml_inputs();
    if inputs.is_empty() {
        return;
    }
    assert!(inputs.len() > 400);
    for extra in ["allow", "deny"] {
        let repo = TestRepo::with_pipeline();
        repo.write("sales/pipeline.yaml", format!("{}extra_fields: {extra}\n", kit::SMALL_PIPELINE));
        for (number, input) in inputs.iter().enumerate() {
            repo.write(&format!("sales/brief/y{number:03}.yaml"), input);
        }
        repo.write("sales/brief/good.yaml", "title: Good\n");
        repo.commit("Add");
        let list = read_everything(&repo);
        let (read, not) = (list["deals"].as_array().unwrap().len(), list["unreadable"].as_array().unwrap().len());
        assert_eq!(read + not, inputs.len() + 1, "every file is a deal or named as unreadable");
        assert!(read > 50 && not > 94, "{read} read, {not} not");
        assert!(survives(&repo, &["show", "good"]).out.starts_with("Good\n"));
        let validate = json(&[], &survives(&repo, &["validate", "--format", "json"]));
        let with_findings: BTreeSet<&str> =
            validate["findings"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
        for unreadable in list["unreadable"].as_array().unwrap() {
            let path = format!("sales/{}", unreadable.as_str().unwrap());
            assert!(with_findings.contains(path.as_str()), "nobody says why {path} cannot be read: {with_findings:?}");
        }
    }
}

#[test]
fn any_yaml_as_the_pipeline_file_is_refused_in_words() {
    let inputs = yaml_inputs();
    for input in &inputs {
        // Each in this process, since a process takes longer than the reading.
        if let Err(problems) = tussock::format::pipeline_file::read(input) {
            assert!(!problems.is_empty());
        }
    }
    let repo = TestRepo::with_pipeline();
    for input in inputs.iter().step_by(25) {
        repo.write("sales/pipeline.yaml", input);
        let ran = survives(&repo, &["list"]);
        assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    }
}

#[test]
fn titles_owners_and_notes_may_be_any_text() {
    let strings = naughty_strings();
    if strings.is_empty() {
        return;
    }
    let repo = TestRepo::with_pipeline();
    for (number, string) in strings.iter().enumerate() {
        let text = scalar(string);
        let deal = format!("title: {text}\naccount: {text}\nowner: {text}\nnotes: {text}\ninputs:\n  goal: {text}\n");
        repo.write(&format!("sales/brief/n{number:03}.yaml"), deal);
    }
    repo.commit("Add");
    let list = read_everything(&repo);
    assert_eq!(list["unreadable"].as_array().unwrap().len(), 0, "{}", list["unreadable"]);
    let deals = list["deals"].as_array().unwrap();
    assert_eq!(deals.len(), strings.len());
    for (deal, string) in deals.iter().zip(&strings) {
        let title = deal["title"].as_str().unwrap_or_default();
        assert_eq!(title, string, "{}", deal["id"]);
    }
    let args = ["list", "--columns", "id,title,owner", "--format", "csv"];
    let rows = records(&args, &survives(&repo, &args));
    assert_eq!(rows.len(), strings.len());
    for row in &rows {
        assert!(!row[1].starts_with(['=', '+', '-', '@', '\t', '\r']), "a spreadsheet would run {:?}", &row[1]);
    }
    let table = survives(&repo, &["list"]).out;
    assert_eq!(table.lines().count(), strings.len() + 2, "one line a deal");
}

#[test]
fn an_id_made_of_any_title_is_a_plain_name() {
    for string in naughty_strings() {
        let Some(id) = slug(&string) else { continue };
        assert!(DealId::new(&id).is_ok(), "{string:?} gave {id:?}");
        assert!(!id.is_empty() && !id.contains(['/', '\\']) && !id.starts_with('.'), "{string:?} gave {id:?}");
    }
}

#[test]
fn new_deals_with_hostile_titles_stay_in_their_folder_and_on_one_line() {
    let repo = TestRepo::with_pipeline();
    let titles = [
        "../../etc/passwd",
        "-rf /",
        "--output=stolen",
        "a\nDeal: forged\n\nb",
        "$(touch stolen) `touch stolen`",
        "CON",
        "\u{202e}gpj.exe",
        "\u{1b}[31mred\u{1b}]0;owned\u{7}",
        "%n %s %x00",
        "田中さんにあげて下さい",
        ":(top)*",
        "# comment: {a: [b",
    ];
    for title in titles {
        let ran = survives(&repo, &["new", "--", title]);
        assert_eq!(ran.code, 0, "{title:?}: {}", ran.err);
        harmless(&["new", title], &ran.out);
    }
    assert_eq!(repo.git(&["status", "--porcelain", "--ignored"]), "");
    assert!(!repo.has("stolen"));
    let made = repo.git(&["log", "--name-only", "--format=", &format!("HEAD~{}..", titles.len())]);
    assert_eq!(made.lines().count(), titles.len());
    assert!(made.lines().all(|l| l.starts_with("sales/brief/") && l.matches('/').count() == 2), "{made}");
    for subject in
        repo.git(&["log", "--format=%s%x00%(trailers:key=Deal,valueonly,separator=%x00)"]).lines().take(titles.len())
    {
        let (subject, deal) = subject.split_once('\0').unwrap();
        assert_eq!(subject, format!("{deal}: new in brief"));
    }
    let list = json(&[], &survives(&repo, &["list", "--format", "json"]));
    let kept: BTreeSet<&str> = list["deals"].as_array().unwrap().iter().map(|d| d["title"].as_str().unwrap()).collect();
    assert_eq!(kept, titles.into_iter().collect(), "titles come back as they were given");
    survives(&repo, &["new", "--", "\u{200b}"]);
}

#[test]
fn any_file_name_in_a_stage_is_an_id_or_a_bad_one() {
    let repo = TestRepo::with_pipeline();
    let mut names: Vec<Vec<u8>> = naughty_strings().into_iter().map(String::into_bytes).collect();
    names.extend([
        b"latin-\xe9".to_vec(),
        b"new\nline".to_vec(),
        b"\x1b[2J".to_vec(),
        b"-rf".to_vec(),
        b"Upper".to_vec(),
        "caf\u{e9}".into(),
        "cafe\u{301}".into(),
        b"a".repeat(120),
    ]);
    let mut written = 0;
    for name in names {
        let mut name = name;
        name.extend_from_slice(b".yaml");
        let path = repo.path().join("sales/brief").join(std::ffi::OsStr::from_bytes(&name));
        // Names with a slash lead elsewhere; too long ones and those with a NUL no file system takes.
        if !name.contains(&b'/') && std::fs::write(path, "title: Named\n").is_ok() {
            written += 1;
        }
    }
    repo.write("sales/brief/good.yaml", "title: Good\n");
    repo.commit("Add");
    let list = read_everything(&repo);
    let ids: Vec<&str> = list["deals"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| DealId::new(id).is_ok()), "{ids:?}");
    let validate = json(&[], &survives(&repo, &["validate", "--format", "json"]));
    let bad = validate["findings"].as_array().unwrap().iter().filter(|f| f["rule"] == "bad-id").count();
    assert!(ids.len() > 1 || written < 20);
    // A file whose name begins with a dot is hidden and no deal at all.
    assert!(bad + ids.len() >= written && bad > 5, "{bad} bad and {} good of {written}", ids.len());
}

#[test]
fn texts_of_the_pipeline_file_cannot_lead_a_terminal_astray() {
    let evil = r#""\e[31m\x07\u202Eevil\r\b""#;
    let pipeline = kit::SMALL_PIPELINE
        .replace("title: Small", &format!("title: {evil}"))
        .replace("title: Brief", &format!("title: {evil}"))
        .replace("title: Proposal", &format!("title: {evil}"))
        .replace("text: We know what they want", &format!("text: {evil}"))
        .replace("goal: text", &format!("goal: {{type: text, label: {evil}, help: {evil}}}"));
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", pipeline).write("sales/brief/acme.yaml", "title: Acme\n");
    repo.commit("Evil");
    for args in [
        &["list", "--columns", "id,stage_title"][..],
        &["show", "acme"],
        &["why", "acme"],
        &["move", "acme", "proposal"],
        &["move", "acme", "nowhere"],
        &["validate"],
        &["move", "acme", "proposal", "--set", "inputs.goal=\u{1b}[31m", "--dry-run"],
        &["move", "acme", "proposal", "--set", "inputs.goal=\u{1b}[31m"],
        &["show", "acme"],
        &["validate"],
        &["log"],
    ] {
        harmless(args, &survives(&repo, args).out);
    }
    let ran = survives(&repo, &["report"]);
    assert!(!ran.out.contains(['\u{1b}', '\u{7}', '\u{8}', '\r']), "{:?}", ran.out);
}

#[test]
fn words_of_the_command_line_come_back_harmless() {
    let repo = TestRepo::with_pipeline();
    let evil = "x\u{1b}[31m\u{202e}\r";
    for args in [
        &["show", evil][..],
        &["move", evil, evil],
        &["set", "x", evil],
        &["list", "--where", evil],
        &["list", "--columns", evil],
        &["-p", evil, "list"],
        &["-C", evil, "list"],
        &["validate", evil],
        &["validate", "--rev", evil],
        &["explain", evil],
        &["man", evil],
        &["log", evil],
    ] {
        let ran = survives(&repo, args);
        assert_ne!(ran.code, 0, "{args:?}");
        harmless(args, &ran.out);
    }
}

#[test]
fn what_is_no_plain_file_is_named_and_never_waited_for() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/good.yaml", "title: Good\n");
    repo.commit("Add");
    let at = |name: &str| repo.path().join("sales/brief").join(name);
    assert!(Command::new("mkfifo").arg(at("pipe.yaml")).status().unwrap().success());
    std::fs::create_dir(at("folder.yaml")).unwrap();
    std::os::unix::fs::symlink("loop.yaml", at("loop.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.yaml")).unwrap();
    std::fs::File::create(at("huge.yaml")).unwrap().set_len(100 << 20).unwrap();
    std::fs::write(at("empty.yaml"), "").unwrap();
    let list = read_everything(&repo);
    let deals: Vec<&str> = list["deals"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap()).collect();
    assert!(deals.contains(&"good"), "{deals:?}");
    let validate = survives(&repo, &["validate"]);
    assert_eq!(validate.code, 1);
    for name in ["pipe.yaml", "loop.yaml", "zero.yaml", "huge.yaml", "empty.yaml"] {
        assert!(validate.out.contains(name), "{name} is not named:\n{}", validate.out);
    }
}
