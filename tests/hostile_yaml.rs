//! `validate` on what nobody meant as a deal: the conformance suite, bombs, strings that break programs, and real cards
//! with bytes flipped, cut out, doubled and put in. No panic, no long wait, no large memory, and every place that is
//! named is inside the file.
//!
//! A sample is looked at; `TUSSOCK_YAML=all` looks at ten thousand changed cards.

mod kit;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chrono::NaiveDate;
use tussock::check::{self, Circumstances, Files};
use tussock::format::load::load;
use tussock::format::source::{EntryKind, FileEntry, Source};
use tussock::output::text::Look;
use tussock::output::{findings_json, text};

/// A pipeline file, and one deal that may be anything.
struct OneDeal<'a> {
    pipeline: &'a str,
    deal: &'a [u8],
}

impl Source for OneDeal<'_> {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |path: &str| FileEntry { path: path.to_owned(), utf8: true, kind: EntryKind::File };
        Ok(["brief/acme.yaml", "pipeline.yaml"].map(entry).to_vec())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match path {
            "pipeline.yaml" => Ok(self.pipeline.as_bytes().to_vec()),
            "brief/acme.yaml" => Ok(self.deal.to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn repository_has(&self, _: &str) -> bool {
        false
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn all() -> bool {
    std::env::var_os("TUSSOCK_YAML").is_some_and(|wanted| wanted == "all")
}

/// Checks a file as a deal of the example's pipeline, shows what is found in both ways, and answers with the time that
/// took on the processor.
fn validated(pipeline: &str, deal: &[u8]) -> Duration {
    let before = spent();
    let source = OneDeal { pipeline, deal };
    let today = NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
    let circumstances = Circumstances { today, source: &source, days_in_stage: None, visited: None, past: None };
    let reading = load(&source).unwrap();
    let report = check::check(&reading, &circumstances);
    let files = Files::of(&reading, &source);
    let shown = text::render(&report, &files, Look { colour: false, columns: 100 });
    let json: serde_json::Value = serde_json::from_str(&findings_json::render(&report, &files)).unwrap();
    let took = spent().saturating_sub(before);
    assert_eq!(json["findings"].as_array().unwrap().len(), report.findings.len());
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    let text = std::str::from_utf8(deal).ok();
    for finding in report.findings.iter().filter(|f| f.path == "brief/acme.yaml") {
        let edits = finding.fix.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span));
        let own = finding.related.iter().filter(|r| r.path == finding.path).map(|r| r.span);
        for span in edits.chain(own).chain([finding.span]) {
            assert!(span.start <= span.end && span.end <= deal.len(), "{finding:?}");
            assert!(text.is_none_or(|text| text.get(span.start..span.end).is_some()), "{finding:?} in {text:?}");
        }
    }
    took
}

/// Time that this process has had on the processor.
#[cfg(unix)]
fn spent() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let time = |t: nix::sys::time::TimeVal| Duration::new(t.tv_sec() as u64, t.tv_usec() as u32 * 1000);
    time(usage.user_time()) + time(usage.system_time())
}

#[cfg(not(unix))]
fn spent() -> Duration {
    Duration::ZERO
}

/// The most memory that this process had at once, in bytes; 0 where the system does not say.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    most.and_then(|most| most.trim().parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// The budget, and what the same may cost where tests are built without any optimization and run beside others.
const PATIENCE: Duration = if cfg!(debug_assertions) { Duration::from_secs(6) } else { Duration::from_millis(50) };

/// Checks all of these files; each must be quick, and all together must not need much memory.
fn assert_quick<'i>(inputs: impl Iterator<Item = (String, Vec<u8>)> + 'i) -> usize {
    let pipeline = std::fs::read_to_string(root().join("example-pipeline/pipeline.yaml")).unwrap();
    // What every run needs is not of any file.
    validated(&pipeline, b"title: x\n");
    let before = memory();
    let (mut seen, mut slowest, mut slow) = (0, (Duration::ZERO, String::new()), Vec::new());
    for (name, input) in inputs {
        let took = validated(&pipeline, &input);
        // A second look tells a slow file from a busy machine.
        let took = if took > PATIENCE { took.min(validated(&pipeline, &input)) } else { took };
        if took > PATIENCE {
            slow.push(format!("{name} took {took:?}"));
        }
        seen += 1;
        if took > slowest.0 {
            slowest = (took, name);
        }
    }
    let more = memory().saturating_sub(before);
    println!("{seen} files, the slowest {:?} ({}), {} KiB more memory", slowest.0, slowest.1, more / 1024);
    assert!(slow.is_empty(), "{}", slow.join("\n"));
    assert!(more < 64 << 20, "{} MiB more", more >> 20);
    seen
}

/// The cards of the example, by path.
fn cards() -> BTreeMap<String, Vec<u8>> {
    let mut cards = BTreeMap::new();
    for stage in std::fs::read_dir(root().join("example-pipeline")).unwrap() {
        let stage = stage.unwrap().path();
        if !stage.is_dir() {
            continue;
        }
        for card in std::fs::read_dir(stage).unwrap() {
            let card = card.unwrap().path();
            if card.extension().is_some_and(|e| e == "yaml") {
                cards.insert(card.display().to_string(), std::fs::read(card).unwrap());
            }
        }
    }
    assert!(cards.len() > 20);
    cards
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// What hands, editors, merges and attackers put into files.
const TOKENS: [&str; 40] = [
    ": ",
    ":",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    "\t\t",
    "  ",
    "- ",
    "-",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "\"",
    "'",
    "\\",
    "|\n",
    ">-\n",
    "#",
    " # ",
    "&a ",
    "*a",
    "!x ",
    "%",
    "@",
    "`",
    "---\n",
    "...\n",
    "\u{feff}",
    "\u{a0}",
    "“",
    "”",
    "<<: ",
    "<<<<<<< HEAD\n",
    "\u{202e}",
    "\u{0}",
];

/// A card with one to six changes.
fn mutated(card: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = card.to_vec();
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(bytes.len() + 1);
        let some = dice.roll(1 + bytes.len() / 4);
        let end = (at + some).min(bytes.len());
        match dice.roll(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let doubled = bytes[at..end].to_vec();
                let place = dice.roll(bytes.len() + 1);
                drop(bytes.splice(place..place, doubled));
            }
            3 => drop(bytes.splice(at..at, TOKENS[dice.roll(TOKENS.len())].bytes())),
            4 => {
                let token = TOKENS[dice.roll(TOKENS.len())].repeat(1 + dice.roll(200));
                drop(bytes.splice(at..at, token.into_bytes()));
            }
            _ => bytes.truncate(end),
        }
    }
    bytes
}

#[test]
fn changed_cards_are_checked_in_a_moment() {
    let cards: Vec<_> = cards().into_iter().collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let count = if all() { 10_000 } else { 400 };
    let changed = (0..count).map(|i| {
        let (name, card) = &cards[i % cards.len()];
        (format!("change {i} of {name}"), mutated(card, &mut dice))
    });
    assert_eq!(assert_quick(changed), count);
}

#[test]
fn strings_that_break_programs_are_checked_in_a_moment() {
    let Some(path) = kit::shared("data/naughty-strings/blns.json") else { return };
    let strings: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let shapes: [fn(&str) -> String; 5] = [
        |s| format!("title: {s}\n"),
        |s| format!("{s}: x\ntitle: y\n"),
        |s| format!("title: x\namount: {s}\nclose_date: {s}\nnotes: |\n  {s}\n"),
        |s| format!("title: x\nnext_step: {{what: {s}, due: {s}}}\n"),
        str::to_owned,
    ];
    let inputs = strings.iter().enumerate().flat_map(|(i, s)| {
        let wanted = move |n: &usize| all() || n % shapes.len() == i % shapes.len();
        (0..shapes.len()).filter(wanted).map(move |n| (format!("string {i}, shape {n}"), shapes[n](s).into_bytes()))
    });
    assert!(assert_quick(inputs) >= strings.len());
}

#[test]
fn the_conformance_suite_and_bombs_are_checked_in_a_moment() {
    let (Some(archive), Some(bombs)) =
        (kit::shared("data/yaml-test-suite/yaml-test-suite-data-2022-01-17.tar.zst"), kit::shared("data/yaml-bombs"))
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let tar = Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).status();
    if !tar.is_ok_and(|status| status.success()) {
        println!("skipped: tar cannot unpack the suite");
        return;
    }
    let mut inputs = Vec::new();
    let mut folders = vec![dir.path().to_owned(), bombs];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                inputs.push((path.display().to_string(), std::fs::read(path).unwrap()));
            }
        }
    }
    inputs.sort();
    assert!(assert_quick(inputs.into_iter()) > 400);
}

#[test]
fn large_files_of_one_kind_are_checked_in_a_moment() {
    let kib = if all() { 255 * 1024 } else { 40 * 1024 };
    let fill = |unit: &str| unit.repeat(kib / unit.len());
    let inputs = [
        ("brackets", fill("[")),
        ("closed brackets", format!("a: {}{}", "[".repeat(kib / 2), "]".repeat(kib / 2))),
        ("dashes", fill("- ")),
        ("keys", (0..kib / 13).map(|i| format!("k{i}: 1\n")).collect()),
        ("one key twice ten thousand times", fill("a: 1\n")),
        ("unquoted colons", fill("title: a: b\n")),
        ("missing spaces", fill("title:a\n")),
        ("tabs", format!("a:\n{}", fill("\tb: 1\n"))),
        ("one long line", format!("title: {}\n", fill("x"))),
        ("a long line of colons", format!("title: {}\n", fill("a: "))),
        ("a long key", format!("{}: 1\n", fill("k"))),
        ("comments", fill("# tussock: ignore[wrong-type] x\n")),
        ("aliases", format!("a: &a [{}]\n", fill("*a, "))),
        ("control characters", fill("\u{1}")),
        ("quotes", fill("\"")),
        ("curly quotes in braces", format!("next_step: {{{}}}\n", fill("“a, b”, "))),
        ("conflict markers", fill("<<<<<<< HEAD\n")),
        ("indentation that goes back and forth", fill("a:\n    b: 1\n  c: 2\n")),
        ("unknown fields near a known one", fill("amoun: 1\n")),
    ];
    let few: Vec<_> = inputs.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect();
    assert_eq!(assert_quick(few.into_iter()), 19);
}
