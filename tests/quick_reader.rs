//! The quick reader gives the tree that the full reader gives, or none at all: for every file there is, and for files
//! made from them by every small change that a hand, an editor or a merge makes.

mod kit;

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use tussock::format::quick;
use tussock::format::reader::{read, read_fully};
use tussock::format::tree::Document;

/// Compares what both readers make of a text; whether the quick one read it. An error says where they differ.
fn compare(source: &[u8]) -> Result<bool, String> {
    let Some(quick) = quick::read(source) else { return Ok(false) };
    let shown = String::from_utf8_lossy(source);
    let full = read_fully(source, "deal").map_err(|p| format!("only the full reader refuses {shown:?}: {p:?}"))?;
    let parts = |d: &Document| format!("{:#?}\n{:?}\n{:?}", d.root, d.span, d.problems);
    let same = quick.text == full.text
        && quick.root == full.root
        && quick.span == full.span
        && quick.problems == full.problems;
    if !same {
        let (quick, full) = (parts(&quick), parts(&full));
        let at = quick.lines().zip(full.lines()).find(|(a, b)| a != b);
        return Err(format!("{shown:?} is read in two ways, (quick, full): {at:?}\n{quick}"));
    }
    Ok(true)
}

/// Whether the quick reader reads it, and rightly.
fn is_quick(source: impl AsRef<[u8]>) -> bool {
    compare(source.as_ref()).unwrap_or_else(|e| panic!("{e}"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// The files below a folder of the project that end so.
fn project_files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let all = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    all.into_iter().filter(|p| p.extension().is_some_and(|e| e == ending)).collect()
}

fn unpacked(archive: &str) -> Option<tempfile::TempDir> {
    let archive = kit::shared(archive)?;
    let dir = tempfile::tempdir().expect("a folder");
    let done = Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).status();
    done.is_ok_and(|s| s.success()).then_some(dir)
}

/// Texts that are the common kind: a part of each case stands for a thing that deals do.
const COMMON: [&str; 21] = [
    "a: 1",
    "title: Corporate site redesign\namount: 18000                 # or: 18000 USD\n",
    "# above\n\na: x # after\n\n  # deeper\nb: y\n# below\n",
    "next_step: {what: Call the CFO about the budget, due: 2026-11-25}\n",
    "inputs:\n  goal: Double the leads\n  budget: 15000-20000 EUR\n",
    "inputs: # a block\n  # of fields\n  goal: x\nempty:\nlast:",
    "a:\n  b:\n    c:\n  d:\ne: f\n",
    "effort:\n  - {on: 2026-11-01, who: petr, hours: 3}\n  - {}\n",
    "effort:\n- a\n- b # c\nd: e\n",
    "contacts:\n  - name: Jan Ito\n    email: jan@umbra.example\n\n  - name: Elif\n    role:\n",
    "contacts:\n- name: Jan\n  tags: [a, 'b c', \"d\", [e]]\n-   name: Elif\n    empty: []\n",
    "notes: |\n  Free text.\n\n    deeper: [x # no comment\n  last\n\n\nb: c\n",
    "a:\n  notes: |-\n    one\n    two\n  b: c\n",
    "list:\n  - |\n    one\n  - |-\n   two\nb: c\n",
    "q: 'it''s'\nd: \"x: y # z\"   # c\ne: ''\nf: \"\"\n",
    "a: https://example.com/x?y=1#z\nb: x:y\nc: a #b\nd: a#b\ne: -5\nf: .5\ng: ~\nh: null\ni: 1:30\n",
    "имя: Ромашка\nk: 日本語 # 🔑\nx-2: é\n2nd: y\n",
    "a: x   \nb: y  ",
    "a: 1\r\nb:\r\n  - c: d\r\n    e: |\r\n      f\r\n\r\n      g\r\n# h\r\ni: \"j\"\r\n",
    "a: (x) [y] {z}, w\nb: x, y\nc: it's \"so\"\nd: a & b * c ! d % e @ f\n",
    "approvals:\n  start-production: {by: boss, on: 2026-12-23}\n",
];

#[test]
fn what_deals_are_made_of_is_read_quickly() {
    for text in COMMON {
        assert!(is_quick(text), "{text:?} is left to the full reader");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_full_reader() {
    let left = [
        "",
        "# only a comment\n",
        "- a\n",
        "a\n",
        " a: 1\n",
        "---\na: 1\n",
        "a: 1\n...\n",
        "a: &x 1\n",
        "a: *x\n",
        "a: !t x\n",
        "a: 1\na: 2\n",
        "a: {b: 1, b: 2}\n",
        "a: x\n  y\n",
        "a: \"x\n  y\"\n",
        "a: [x,\n  y]\n",
        "a: >\n  x\n",
        "a: |2\n  x\n",
        "a: |+\n  x\n",
        "a: \"\\n\"\n",
        "\"a\": 1\n",
        "? a\n: b\n",
        "a : 1\n",
        "a: b: c\n",
        "a: b:\n",
        "1: x\n",
        "true: x\n",
        "null: x\n",
        "<<: x\n",
        "a:\tx\n",
        "\ta: 1\n",
        "a: x\ty\n",
        "a: 1\rb: 2\n",
        "\u{feff}a: 1\n",
        "a: \u{85}\n",
        "a: x\u{2028}y\n",
        "a: x\u{9b}",
        "a: |\n  x",
        "a: |\n\n  x\n",
        "a: |\nb: c\n",
        "a:\n  - x\n y: 1\n",
        "a:\n  b: 1\n c: 2\n",
        "a: |\n  <<<<<<< ours\n",
        "a: [x]y\n",
        "a: {b:1}\n",
        "a: [b: c]\n",
        "a: [x, ]\n",
        "a: \"x\"#y\n",
        "a: 'x' y\n",
        "a: @x\n",
        "a: `x`\n",
        "a: %x\n",
        "a: -\n",
        "a: - b\n",
        "a: x\n- b\n",
        "a:\n  - b\n  c: d\n",
    ];
    for text in left {
        assert!(quick::read(text.as_bytes()).is_none(), "{text:?}");
    }
    assert!(quick::read(b"a: caf\xe9\n").is_none());
    let many = format!("a: |\n  {}\n", "[".repeat(600));
    assert!(quick::read(many.as_bytes()).is_none() && read(many.as_bytes()).is_err());
    let long: String = (0..12_000).map(|i| format!("  - x{i}\n")).collect();
    assert!(!is_quick(format!("a:\n{long}")));
}

#[test]
fn all_deals_of_the_example_and_most_of_the_rules_are_read_quickly() {
    let deals = project_files("example-pipeline", "yaml");
    let left: Vec<_> = deals.iter().filter(|p| !is_quick(std::fs::read(p).expect("a file"))).collect();
    assert!(deals.len() > 80 && left.len() < 4, "{} of {}: {left:?}", left.len(), deals.len());
    for folder in ["templates", "tests/rules", "docs"] {
        for (ending, path) in
            ["yaml", "txt", "md"].iter().flat_map(|e| project_files(folder, e).into_iter().map(move |p| (e, p)))
        {
            let bytes = std::fs::read(&path).expect("a file");
            is_quick(&bytes);
            // Fenced pieces of pages and cases.
            for piece in String::from_utf8_lossy(&bytes).split("```").skip(1).step_by(2) {
                let body = piece.split_once('\n').map_or(piece, |(_, body)| body);
                assert!(!body.is_empty() || *ending == "md");
                is_quick(body);
            }
        }
    }
}

#[test]
fn the_conformance_suite_is_read_quickly_only_where_it_is_read_alike() {
    let Some(dir) = unpacked("data/yaml-test-suite/yaml-test-suite-data-2022-01-17.tar.zst") else { return };
    let inputs: Vec<PathBuf> = files_below(dir.path()).into_iter().filter(|p| p.ends_with("in.yaml")).collect();
    assert_eq!(inputs.len(), 402);
    let quick = inputs.iter().filter(|p| is_quick(std::fs::read(p).expect("a file"))).count();
    assert!(quick >= 12, "only {quick}");
}

#[test]
fn hand_written_files_are_read_alike() {
    let Some(dir) = unpacked("data/front-matter-yaml/endoflife-products.tar.zst") else { return };
    let (mut all, mut quick) = (0, 0);
    for path in files_below(dir.path()).iter().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        let file = std::fs::read_to_string(path).expect("text");
        let body = file.trim_start_matches('\u{feff}').trim_start_matches("---\n");
        let front = body.split_once("\n---").map_or(body, |(front, _)| front);
        all += 1;
        quick += usize::from(is_quick(format!("{front}\n")));
        is_quick(format!("{front}\n").replace('\n', "\r\n"));
    }
    assert!(all == 464 && quick > 100, "{quick} of {all}");
}

/// Texts that are changed below: of the example, of the rules' cases and from above.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = COMMON.iter().map(|t| t.as_bytes().to_vec()).collect();
    let files = project_files("example-pipeline", "yaml").into_iter().chain(project_files("tests/rules", "yaml"));
    seeds.extend(files.map(|p| std::fs::read(p).expect("a file")).filter(|b| b.len() < 3000));
    seeds
}

/// Pieces that mean something in YAML, or nearly do.
const PIECES: [&str; 66] = [
    " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\n ", "\n  ", "\n    ", ":", ": ", " :", "::", "#", " #", "# ", "-",
    "- ", "\n- ", "\n  - ", "--- ", "\n---\n", "\n...\n", "?", "? ", "|", "|-", "|+", ">", "|2", "'", "''", "\"", "\\",
    "[", "]", "{", "}", ",", ", ", "[]", "{}", "&a ", "*a", "!t ", "!!str ", "%", "@", "`", "~", "null", "true", "1",
    "0x1F", ".5", "<<", "=", "\u{feff}", "\u{85}", "\u{2028}", "\u{a0}", "é", "日", "\u{0}", "\u{7f}",
];

#[derive(Clone, Debug)]
enum Change {
    Insert(prop::sample::Index, usize),
    Delete(prop::sample::Index, usize),
    Replace(prop::sample::Index, u8),
    Indent(prop::sample::Index, usize),
    Outdent(prop::sample::Index, usize),
    DropLine(prop::sample::Index),
    CopyLine(prop::sample::Index, prop::sample::Index),
    SwapLines(prop::sample::Index, prop::sample::Index),
    JoinLine(prop::sample::Index),
    ReturnLine(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0..PIECES.len()).prop_map(|(a, p)| Change::Insert(a, p)),
        2 => (at(), 1usize..6).prop_map(|(a, n)| Change::Delete(a, n)),
        1 => (at(), any::<u8>()).prop_map(|(a, b)| Change::Replace(a, b)),
        2 => (at(), 1usize..5).prop_map(|(a, n)| Change::Indent(a, n)),
        2 => (at(), 1usize..5).prop_map(|(a, n)| Change::Outdent(a, n)),
        1 => at().prop_map(Change::DropLine),
        2 => (at(), at()).prop_map(|(a, b)| Change::CopyLine(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Change::SwapLines(a, b)),
        1 => at().prop_map(Change::JoinLine),
        1 => at().prop_map(Change::ReturnLine),
        1 => at().prop_map(Change::Cut),
    ]
}

fn changed(bytes: &[u8], change: &Change) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let place = |at: &prop::sample::Index| at.index(bytes.len() + 1);
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let line = |at: &prop::sample::Index| at.index(lines.len().max(1));
    if lines.is_empty() {
        return out;
    }
    match change {
        Change::Insert(at, piece) => {
            out.splice(place(at)..place(at), PIECES[*piece].bytes());
            return out;
        }
        Change::Delete(at, n) => {
            out.drain(place(at)..(place(at) + n).min(bytes.len()));
            return out;
        }
        Change::Replace(at, byte) => {
            if let Some(b) = out.get_mut(place(at)) {
                *b = *byte;
            }
            return out;
        }
        Change::Cut(at) => {
            out.truncate(place(at));
            return out;
        }
        Change::Indent(at, n) => {
            let i = line(at);
            lines[i].splice(0..0, std::iter::repeat_n(b' ', *n));
        }
        Change::Outdent(at, n) => {
            let i = line(at);
            let blanks = lines[i].iter().take(*n).take_while(|b| **b == b' ').count();
            lines[i].drain(..blanks);
        }
        Change::DropLine(at) => {
            let i = line(at);
            lines.remove(i);
        }
        Change::CopyLine(from, to) => {
            let (i, copy) = (line(to), lines[line(from)].clone());
            lines.insert(i, copy);
        }
        Change::SwapLines(a, b) => {
            let (a, b) = (line(a), line(b));
            lines.swap(a, b);
        }
        Change::JoinLine(at) => {
            let i = line(at);
            lines[i].retain(|b| *b != b'\n');
        }
        Change::ReturnLine(at) => {
            let i = line(at);
            if lines[i].ends_with(b"\n") && !lines[i].ends_with(b"\r\n") {
                let end = lines[i].len() - 1;
                lines[i].insert(end, b'\r');
            }
        }
    }
    lines.concat()
}

/// Lines that make the shapes of YAML when they are put below each other at several depths.
const LINES: [&str; 44] = [
    "a: 1",
    "b: x # c",
    "c:",
    "d: # e",
    "- f",
    "- g: h",
    "-",
    "- ",
    "- - i",
    "# j",
    "",
    "k: |",
    "l: |-",
    "m: >",
    "text",
    "text: more",
    "n: [a, b]",
    "o: {p: q}",
    "- {r: s}",
    "- [t]",
    "u: 'v'",
    "w: \"x\"",
    "- |",
    "- |-",
    "y: [",
    "]",
    "z: {",
    "}",
    "aa:  bb  ",
    "cc: dd: ee",
    "- 'ff'",
    "gg: '",
    "---",
    "...",
    "hh: -1",
    "ii: ~",
    "jj: [a, {b: c}, 'd, e']",
    "kk: {l: [m], n: 'o', p: }",
    "-  q: r",
    "-   s",
    "t : u",
    "v: w#x",
    "1: y",
    "é: ü",
];

proptest! {
    // A few seconds in a debug build; PROPTEST_CASES asks for more.
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn files_with_small_changes_are_read_alike(
        seed in any::<prop::sample::Index>(),
        rounds in prop::collection::vec(prop::collection::vec(change(), 1..4), 1..12),
    ) {
        let seeds = seeds();
        let seed = &seeds[seed.index(seeds.len())];
        for changes in rounds {
            let text = changes.iter().fold(seed.clone(), |text, change| changed(&text, change));
            prop_assert!(compare(&text).is_ok(), "{}", compare(&text).unwrap_err());
        }
    }

    #[test]
    fn lines_put_together_in_any_way_are_read_alike(
        texts in prop::collection::vec(prop::collection::vec((0usize..6, 0..LINES.len()), 1..9), 1..24),
        crlf in any::<bool>(),
    ) {
        for lines in texts {
            let mut text = String::new();
            for (depth, line) in lines {
                text.push_str(&" ".repeat(depth));
                text.push_str(LINES[line]);
                text.push('\n');
            }
            let text = if crlf { text.replace('\n', "\r\n") } else { text };
            for text in [text.as_str(), &format!("a: 1\n{text}"), text.trim_end()] {
                prop_assert!(compare(text.as_bytes()).is_ok(), "{}", compare(text.as_bytes()).unwrap_err());
            }
        }
    }

    #[test]
    fn values_made_of_any_signs_are_read_alike(values in prop::collection::vec(prop::collection::vec(0..PIECES.len() + 4, 1..6), 1..40)) {
        for value in values {
            let words = ["x", "yz", " w", "x "];
            let value: String = value.iter().map(|i| PIECES.get(*i).copied().unwrap_or_else(|| words[*i - PIECES.len()])).collect();
            for text in [
                format!("a: {value}\nb: c\n"),
                format!("a:\n  - {value}\n"),
                format!("a: [{value}, {value}]\n"),
                format!("a: {{b: {value}}} # c\n"),
                format!("{value}: x\n"),
                format!("a: {{{value}: x}}\n"),
                format!("a: |\n  {value}\n  {value}\n"),
                format!("a: '{value}'\nb: \"{value}\"\n"),
                format!("a: x{value}"),
            ] {
                prop_assert!(compare(text.as_bytes()).is_ok(), "{}", compare(text.as_bytes()).unwrap_err());
            }
        }
    }
}
