//! Holds `docs/reliability.md` to the tests that there are: every test that it names exists, and its counts are those of
//! its lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A group of the catalogue as the page counts it: items, tested, not run, open.
type Counts = [usize; 4];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/reliability.md")).unwrap()
}

/// The cells of a line of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(inner.split(" | ").collect())
}

/// The items of the lists: id and what is said of it.
fn items(page: &str) -> Vec<(String, String)> {
    let is_id = |id: &str| id.len() == 5 && id[..2].bytes().all(|b| b.is_ascii_uppercase()) && id.as_bytes()[2] == b'-';
    let rows = page.lines().filter_map(cells).filter(|c| c.len() == 3 && is_id(c[0]));
    rows.map(|c| (c[0].to_owned(), c[2].to_owned())).collect()
}

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

#[test]
fn every_test_that_the_page_names_is_there() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests"), &mut files);
    let code: String = files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    let mut wrong = Vec::new();
    for (id, said) in items(&page()) {
        let reason = said.strip_prefix("not run: ").is_some_and(|reason| !reason.trim().is_empty());
        if reason || said == "open" {
            continue;
        }
        for name in said.split(", ") {
            let name = name.trim_matches('`');
            if !code.contains(&format!("fn {name}(")) {
                wrong.push(format!("{id}: there is no test {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_counts_of_the_page_are_those_of_its_lists() {
    let page = page();
    let mut listed: BTreeMap<String, Counts> = BTreeMap::new();
    for (id, said) in items(&page) {
        let counts = listed.entry(id[..2].to_owned()).or_default();
        counts[0] += 1;
        assert_eq!(id, format!("{}-{:02}", &id[..2], counts[0]), "the items are numbered without gaps");
        let at = if said.starts_with('`') { 1 } else { 2 + usize::from(said == "open") };
        counts[at] += 1;
    }
    let mut told: BTreeMap<String, Counts> = BTreeMap::new();
    for row in page.lines().filter_map(cells).filter(|c| c.len() == 6 && c[1].len() == 2) {
        let numbers: Vec<usize> = row[2..].iter().map(|n| n.parse().unwrap()).collect();
        told.insert(row[1].to_owned(), numbers.try_into().unwrap());
    }
    assert_eq!(told, listed);
    let groups: Vec<(&str, usize)> = told.iter().map(|(group, counts)| (group.as_str(), counts[0])).collect();
    assert_eq!(groups, [("CM", 31), ("CR", 30), ("HI", 33), ("IO", 24), ("RS", 32), ("US", 35)]);
}
