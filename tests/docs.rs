//! Holds the pages of the documentation to the program. `TUSSOCK_BLESS=1` writes them anew; read them before you keep
//! them.

mod console_kit;
mod kit;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use console_kit::check_page;
use kit::TestRepo;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Markdown pages of the project that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [root().to_owned(), root().join("docs")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    pages.sort();
    assert!(pages.len() > 8, "{pages:?}");
    pages
}

#[test]
fn the_reference_of_commands_is_what_the_program_says() {
    let page = root().join("docs/commands.md");
    let rendered = tussock::cli::reference::render();
    if std::env::var_os("TUSSOCK_BLESS").is_some() {
        std::fs::write(&page, &rendered).unwrap();
    }
    assert!(std::fs::read_to_string(page).unwrap() == rendered, "docs/commands.md is old; TUSSOCK_BLESS=1 rewrites it");
}

#[test]
fn the_tutorial_does_what_it_shows() {
    check_page(&root().join("docs/getting-started.md")).unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn the_other_pages_do_what_they_show() {
    let others = pages().into_iter().filter(|p| !p.ends_with("docs/getting-started.md") && !p.ends_with("README.md"));
    let wrong: String = others.filter_map(|page| check_page(&page).err()).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

/// All keys in a document, but for those that a pipeline chooses.
fn keys(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, inner) in object {
                found.insert(key.clone());
                if !["fields", "words", "definitions", "owners"].contains(&key.as_str()) {
                    keys(inner, found);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

#[test]
fn the_page_on_json_names_every_key() {
    let page = std::fs::read_to_string(root().join("docs/json.md")).unwrap();
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let commands: [&[&str]; 23] = [
        &["validate", "--format", "json"],
        &["list", "--format", "json", "--columns", "id"],
        &["show", "acme-site", "--json"],
        &["why", "acme-site", "--json"],
        &["why", "funnel.conversion.proposal", "--json"],
        &["why", "funnel", "--json"],
        &["log", "acme-site", "--format", "json"],
        &["report", "--format", "json"],
        &["report", "pipeline", "--format", "json"],
        &["report", "funnel", "--full", "--pair", "brief..won", "--period", "quarter", "--format", "json"],
        &["report", "forecast", "--format", "json"],
        &["backtest", "--horizon", "14d", "--format", "json"],
        &["report", "time", "--period", "quarter", "--format", "json"],
        &["report", "waterfall", "--format", "json"],
        &["report", "losses", "--period", "quarter", "--by", "owner", "--format", "json"],
        &["report", "effort", "--format", "json"],
        &["report", "cash", "--format", "json"],
        &["report", "agenda", "--owner", "petr", "--format", "json"],
        &["report", "health", "--format", "json"],
        &["board", "--format", "json"],
        &["diff", "HEAD~60..HEAD", "--format", "json"],
        &["portfolio", "--format", "json"],
        &["portfolio", "funnel", "--format", "json"],
    ];
    let mut found = BTreeSet::new();
    for command in commands {
        let text = repo.ok(&[&["-C", "trial", "--today", "2026-11-20"], command].concat());
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["schema_version"], 1);
        let kind = document["kind"].as_str().unwrap();
        assert!(page.contains(&format!("\n## {kind}\n")), "{kind}");
        keys(&document, &mut found);
    }
    let missing: Vec<_> = found.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/json.md does not name {missing:?}");
}

/// The blocks of a template, in their order.
fn blocks(template: &str) -> Vec<String> {
    let begun = template.split("{% block ").skip(1);
    begun.filter_map(|rest| rest.split(' ').next().map(|name| format!("`{name}`"))).collect()
}

#[test]
fn the_page_on_reports_names_the_parts_of_every_template() {
    let page = std::fs::read_to_string(root().join("docs/reports.md")).unwrap();
    for (name, template) in tussock::report::template::BUILT_IN {
        let report = name.trim_end_matches(".md.jinja");
        if report != "macros" {
            let line = format!("| `{report}` | {} |", blocks(template).join(", "));
            assert!(page.contains(&line), "docs/reports.md lacks\n{line}");
        }
    }
}

#[test]
fn the_page_on_reports_names_every_table() {
    let page = std::fs::read_to_string(root().join("docs/reports.md")).unwrap();
    for kind in tussock::report::Kind::ALL {
        let tables: Vec<String> = kind.tables().iter().map(|(name, _)| format!("`{name}`")).collect();
        let line = format!("| `{}` | {} |", kind.name(), tables.join(", "));
        assert!(page.contains(&line), "docs/reports.md lacks\n{line}");
    }
}

/// The anchor that the forges make of a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>().replace(' ', "-")
}

/// Lines outside code blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut code = false;
    let mut kept = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            code = !code;
        } else if !code {
            kept.push(line);
        }
    }
    kept
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for line in prose(&text) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
                let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
                let there = match (path.exists(), fragment) {
                    (false, _) => false,
                    (true, "") => true,
                    (true, fragment) => prose(&std::fs::read_to_string(&path).unwrap())
                        .iter()
                        .any(|l| l.starts_with('#') && anchor(l) == fragment),
                };
                if !there {
                    dead.push(format!("{}: {target}", page.display()));
                }
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_page_of_docs_can_be_reached_from_the_readme() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for page in pages().iter().filter(|p| p.parent().unwrap() == root().join("docs")) {
        let name = page.file_name().unwrap().to_string_lossy();
        assert!(readme.contains(&format!("](docs/{name})")), "README.md does not link to docs/{name}");
    }
}

#[test]
fn pages_name_no_place_of_one_machine() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for forbidden in ["/home/", "/root/", "/work/", "../shared", "localhost"] {
            assert!(!text.contains(forbidden), "{} says {forbidden}", page.display());
        }
    }
}
