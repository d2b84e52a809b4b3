//! Holds README.md to what the program does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod console_kit;
mod kit;

use std::path::{Path, PathBuf};
use std::process::Command;

use kit::TestRepo;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn text() -> String {
    std::fs::read_to_string(page()).unwrap()
}

/// The `sh` blocks, which a reader copies whole.
fn shell_blocks() -> Vec<String> {
    let text = text();
    let blocks = text.split("\n```sh\n").skip(1);
    blocks.map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_first_command_ends_with_a_report_on_the_example_and_can_be_given_twice() {
    let first = shell_blocks().remove(0);
    assert_eq!(first.lines().count(), 1, "one command: {first}");
    assert!(first.contains("cargo run -- "), "{first}");
    let repo = TestRepo::without_git();
    let binary = env!("CARGO_BIN_EXE_tussock");
    let command = first.replace("cargo run -- ", &format!("'{binary}' "));
    let mut last = String::new();
    for _ in 0..2 {
        let ran = repo.run(Command::new("sh").args(["-c", &command]));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let report = ran.out.find("# Reedbank sales").map(|at| ran.out[at..].to_owned()).expect("a report");
        assert!(report.trim_end().ends_with("</sub>"), "{report}");
        assert!(last.is_empty() || last == report, "the second time differs");
        last = report;
    }
}

#[test]
fn the_second_command_runs_the_tests() {
    assert_eq!(shell_blocks()[1], "cargo test");
}

#[test]
fn the_console_blocks_show_what_happens() {
    console_kit::check_page(&page()).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn the_shown_parts_of_a_report_are_parts_of_the_report() {
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let report = repo.ok(&["-C", "trial", "report"]);
    let text = text();
    let parts: Vec<&str> = text.split("<!-- from the report -->\n").skip(1).collect();
    assert!(!parts.is_empty());
    for part in parts {
        let part = part.split("<!-- end -->").next().unwrap().trim();
        assert!(part.contains("```mermaid") && part.contains("| "), "{part}");
        assert!(report.contains(part), "README.md shows\n{part}\n\nthe report says\n{report}");
    }
}

#[test]
fn the_shown_deal_and_stage_are_those_of_the_example() {
    let text = text();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("example-pipeline");
    let example: String = ["decision/acme-site.yaml", "pipeline.yaml"]
        .iter()
        .map(|f| std::fs::read_to_string(folder.join(f)).unwrap())
        .collect();
    let lines: Vec<&str> = example.lines().collect();
    let blocks: Vec<&str> = text.split("\n```yaml\n").skip(1).map(|r| r.split("\n```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 2);
    for line in blocks.iter().flat_map(|b| b.lines()).filter(|l| !l.trim().is_empty() && l.trim() != "# …") {
        assert!(lines.contains(&line), "the example has no line {line:?}");
    }
}

#[test]
fn it_stays_short_enough_to_read() {
    let lines = text().lines().count();
    assert!(lines <= 200, "README.md has {lines} lines");
}
