//! Each room of the library knows only the rooms above it.

use std::path::{Path, PathBuf};

/// The rooms from top to bottom, and what each may not know of the rooms above it.
const ROOMS: [(&str, &[&str]); 13] = [
    ("format", &[]),
    ("repo", &[]),
    ("check", &["repo"]),
    ("action", &["repo", "check"]),
    ("merge", &["repo", "action"]),
    ("history", &["check", "action", "merge"]),
    ("metrics", &["repo", "check", "action", "merge"]),
    ("forecast", &["repo", "check", "action", "merge"]),
    ("review", &["repo", "merge"]),
    ("report", &["repo", "action", "merge"]),
    ("output", &["repo", "action", "merge", "history", "metrics", "forecast"]),
    ("example", &["check", "action", "merge", "history", "metrics", "forecast", "report", "output"]),
    ("cli", &[]),
];

/// Crates that only some rooms may use.
const RESERVED: [(&str, &[&str]); 7] = [
    ("git2", &["repo"]),
    ("notify", &["repo"]),
    ("clap", &["cli"]),
    ("comfy_table", &["output"]),
    ("annotate_snippets", &["output"]),
    ("granit_parser", &["format"]),
    ("dialoguer", &["cli"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The code of a room without its tests and comments, file by file.
fn code(room: &str) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room), &mut files);
    files.retain(|f| !f.ends_with("tests.rs") && !f.ends_with("fixture.rs"));
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or("");
        let lines = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        (file, lines.collect::<Vec<_>>().join("\n"))
    };
    files.into_iter().map(read).collect()
}

#[test]
fn rooms_know_only_rooms_above_them() {
    let mut wrong = Vec::new();
    for (at, (room, hidden)) in ROOMS.iter().enumerate() {
        for (file, text) in code(room) {
            let below = ROOMS[at + 1..].iter().map(|(name, _)| name);
            for other in below.chain(hidden.iter()) {
                if text.contains(&format!("crate::{other}::")) || text.contains(&format!("crate::{other};")) {
                    wrong.push(format!("{} knows {other}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for (library, rooms) in RESERVED {
        for (room, _) in ROOMS.iter().filter(|(room, _)| !rooms.contains(room)) {
            for (file, text) in code(room) {
                if text.contains(&format!("{library}::")) {
                    wrong.push(format!("{} uses {library}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rooms_are_all_there_is() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<String> = std::fs::read_dir(src)
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut rooms: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    rooms.sort();
    assert_eq!(found, rooms);
}
