//! The reader and the edits on YAML that other people wrote: the conformance suite, hostile files and a folder of
//! front matter that was edited by hand for years.

mod kit;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use tussock::format::canonical::{FormatError, format};
use tussock::format::edit::{NewValue, append, remove, set};
use tussock::format::problem::ProblemKind;
use tussock::format::schema::{FieldSpec, FieldType};
use tussock::format::tree::{Core, Document, Mapping, Node, NodeKind, ScalarStyle, read, resolve};

/// Unpacks an archive of the shared data into a temporary folder; `None` when the data or the tool is not here.
fn unpacked(archive: &str) -> Option<tempfile::TempDir> {
    let archive = kit::shared(archive)?;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let tar = Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).output();
    match tar {
        Ok(output) if output.status.success() => Some(dir),
        other => {
            println!("skipped: tar cannot unpack {}: {other:?}", archive.display());
            None
        }
    }
}

/// All files below a folder, in order.
fn files(dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Compares a value with what serde_yaml read; `None` where they agree.
fn difference(node: &Node, other: &serde_yaml::Value) -> Option<String> {
    use serde_yaml::Value;
    match (&node.kind, other) {
        (NodeKind::Scalar { text, style }, value) => {
            let core = resolve(text, *style);
            let same = match (core, value) {
                (Core::Null, Value::Null) => true,
                (Core::Bool(b), Value::Bool(o)) => b == *o,
                (Core::Int | Core::Float, Value::Number(n)) => text
                    .parse::<f64>()
                    .map_or(!n.as_f64().is_some_and(f64::is_finite), |f| n.as_f64().is_some_and(|o| o == f)),
                // serde_yaml reads octal and hexadecimal numbers, and leaves a leading zero as text.
                (Core::Str, Value::Number(_)) => text.trim_start_matches(['-', '+']).starts_with("0"),
                (Core::Int, Value::String(s)) => s == text && text.trim_start_matches(['-', '+']).starts_with('0'),
                // The last line end of a block at the very end of a file differs.
                (Core::Str, Value::String(s)) => s == text || text.strip_suffix('\n') == Some(s),
                _ => false,
            };
            (!same).then(|| format!("{text:?} ({core:?}) is {value:?}"))
        }
        (NodeKind::Sequence { items, .. }, Value::Sequence(others)) if items.len() == others.len() => {
            items.iter().zip(others).find_map(|(a, b)| difference(a, b))
        }
        (NodeKind::Mapping(mapping), Value::Mapping(others)) if mapping.entries.len() == others.len() => {
            mapping.entries.iter().find_map(|e| match others.get(e.key.as_str()) {
                Some(other) => difference(&e.value, other),
                None => Some(format!("no key {:?} in {others:?}", e.key)),
            })
        }
        _ => Some(format!("{node:?} is {other:?}")),
    }
}

/// Every span is inside its parent's, in order, and cuts the text that it should.
fn assert_spans(document: &Document) {
    fn node(text: &str, node_: &Node, from: usize, to: usize) {
        let span = node_.span;
        assert!(from <= span.start && span.end <= to, "{span:?} is not in {from}..{to} of {text:?}");
        let cut = &text[span.start..span.end];
        match &node_.kind {
            NodeKind::Scalar { text: value, style } => {
                use ScalarStyle::*;
                let fits = match style {
                    Plain if !cut.contains('\n') => cut == value,
                    Plain => cut.trim() == cut,
                    SingleQuoted => cut.len() > 1 && cut.starts_with('\'') && cut.ends_with('\''),
                    DoubleQuoted => cut.len() > 1 && cut.starts_with('"') && cut.ends_with('"'),
                    Literal => cut.starts_with('|') && !cut.ends_with(['\n', '\r']),
                    Folded => cut.starts_with('>') && !cut.ends_with(['\n', '\r']),
                };
                assert!(fits, "{cut:?} for {value:?} in {text:?}");
            }
            NodeKind::Sequence { items, flow } => {
                let ends = if *flow { cut.starts_with('[') && cut.ends_with(']') } else { cut.starts_with('-') };
                assert!(ends, "{cut:?}");
                let mut at = span.start;
                for item in items {
                    node(text, item, at, span.end);
                    at = item.span.end;
                }
            }
            NodeKind::Mapping(mapping) => {
                assert!(!mapping.flow || cut.starts_with('{') && cut.ends_with('}'), "{cut:?}");
                entries(text, mapping, span.start, span.end);
            }
        }
    }
    fn entries(text: &str, mapping: &Mapping, from: usize, to: usize) {
        let mut at = from;
        for entry in &mapping.entries {
            assert!(at <= entry.key_span.start && entry.key_span.end <= to, "{:?} in {text:?}", entry.key);
            let mut after = text[entry.key_span.end..].trim_start();
            while after.starts_with('#') {
                after = after[after.find('\n').expect("a line end")..].trim_start();
            }
            assert!(after.starts_with(':'), "{:?} in {text:?}", entry.key);
            node(text, &entry.value, entry.key_span.end + 1, to);
            at = entry.value.span.end;
        }
    }
    entries(&document.text, &document.root, document.span.start, document.span.end);
}

#[test]
fn the_conformance_suite_is_refused_or_read_right() {
    let Some(dir) = unpacked("data/yaml-test-suite/yaml-test-suite-data-2022-01-17.tar.zst") else { return };
    let inputs = files(dir.path(), &|p| p.ends_with("in.yaml"));
    assert_eq!(inputs.len(), 402);
    let (mut read_well, mut compared, mut wrong) = (0, 0, Vec::new());
    for input in inputs {
        let source = std::fs::read(&input).expect("a file");
        let case = input.parent().expect("a folder");
        let begun = Instant::now();
        let result = read(&source);
        assert!(begun.elapsed() < Duration::from_secs(1), "{}", case.display());
        let name = case.strip_prefix(dir.path()).expect("below").display().to_string();
        match result {
            Ok(document) => {
                read_well += 1;
                if case.join("error").exists() {
                    wrong.push(format!("{name} is invalid but was read"));
                    continue;
                }
                assert_spans(&document);
                if !document.problems.is_empty() {
                    continue;
                }
                let root = Node { span: document.span, kind: NodeKind::Mapping(document.root) };
                // serde_yaml takes the `?` of `{?foo: bar}` for an indicator, against the suite.
                let value = if name == "652Z" { None } else { serde_yaml::from_slice(&source).ok() };
                let json = std::fs::read(case.join("in.json")).ok().and_then(|j| serde_yaml::from_slice(&j).ok());
                for other in value.into_iter().chain(json) {
                    compared += 1;
                    wrong.extend(difference(&root, &other).map(|d| format!("{name}: {d}")));
                }
            }
            Err(problems) => {
                assert!(!problems.is_empty(), "{name}");
                for problem in problems {
                    assert!(problem.span.end <= source.len(), "{name}: {problem:?}");
                    assert!(!problem.message.is_empty(), "{name}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read_well >= 75 && compared >= 135, "{read_well} were read, {compared} compared");
}

#[test]
fn bombs_are_refused_at_once() {
    let Some(dir) = kit::shared("data/yaml-bombs") else { return };
    let bombs = files(&dir, &|p| p.extension().is_some_and(|e| e == "yaml"));
    assert_eq!(bombs.len(), 3);
    for bomb in bombs {
        let source = std::fs::read(&bomb).expect("a file");
        let begun = Instant::now();
        let problems = read(&source).expect_err("refused");
        assert!(begun.elapsed() < Duration::from_millis(50), "{}", bomb.display());
        assert!(problems.iter().any(|p| p.kind == ProblemKind::YamlUnsupported), "{problems:?}");
    }
}

#[test]
fn large_hostile_files_are_refused_fast() {
    let most = tussock::format::prescan::MAX_BYTES;
    let fill = |text: &str| text.repeat(most / text.len());
    let sources = [
        fill("["),
        fill("- "),
        fill("{a: "),
        fill("a: @x\n"),
        fill("a: b: c\n"),
        fill("a: 1\n"),
        fill("? "),
        fill("\t"),
        fill("a:\n\t"),
        fill("&a *a "),
        fill("'"),
        fill("\""),
        fill("a: *b\n"),
        fill("!a "),
        (0..20_000).map(|i| format!("{i:05}a: 1\n")).collect(),
        (0..700).map(|i| format!("{}a:\n", " ".repeat(i))).collect(),
        format!("a: \"{}", fill("\\q")),
        format!("{}: x", fill("k")),
    ];
    for source in sources {
        let begun = Instant::now();
        assert!(read(source.as_bytes()).is_err(), "{}", &source[..40]);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?} for {}", begun.elapsed(), &source[..40]);
    }
}

/// The front matter of a file, without the lines of dashes.
fn front_matter(text: &str) -> &str {
    let body = text.strip_prefix("---\n").expect("front matter");
    let end = body.find("\n---\n").expect("an end") + 1;
    &body[..end]
}

/// The paths of two more scalars: the first in a nested mapping and the last at the top that is not a block of text.
fn other_scalars(root: &Mapping) -> Vec<String> {
    let inline = |n: &Node| matches!(&n.kind, NodeKind::Scalar { text, style: ScalarStyle::Plain } if !text.is_empty());
    let nested = root.entries.iter().find_map(|e| match &e.value.kind {
        NodeKind::Mapping(m) => {
            let inner = m.entries.iter().find(|n| inline(&n.value) && !n.key.contains('.'))?;
            Some(format!("{}.{}", e.key, inner.key))
        }
        _ => None,
    });
    let last = root.entries.iter().rfind(|e| inline(&e.value) && e.key != "title").map(|e| e.key.clone());
    nested.into_iter().chain(last).collect()
}

fn at<'d>(mapping: &'d Mapping, path: &str) -> Option<&'d Node> {
    match path.split_once('.') {
        Some((key, rest)) => match &mapping.get(key)?.kind {
            NodeKind::Mapping(below) => at(below, rest),
            _ => None,
        },
        None => mapping.get(path),
    }
}

#[test]
fn edits_of_hand_written_files_touch_only_their_bytes() {
    let Some(dir) = unpacked("data/front-matter-yaml/endoflife-products.tar.zst") else { return };
    let files = files(dir.path(), &|p| p.extension().is_some_and(|e| e == "md"));
    assert_eq!(files.len(), 464);
    let others = AtomicUsize::new(0);
    files.par_iter().for_each(|path| {
        let file = std::fs::read_to_string(path).expect("text");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = front_matter(&file);
        let document = read(text.as_bytes()).unwrap_or_else(|p| panic!("{name}: {p:?}"));
        assert_spans(&document);
        let value = serde_yaml::from_str(text).expect("serde_yaml reads it");
        let root = Node { span: document.span, kind: NodeKind::Mapping(document.root.clone()) };
        assert_eq!(difference(&root, &value), None, "{name}");

        let mut paths = vec!["title".to_owned()];
        paths.extend(other_scalars(&document.root));
        others.fetch_add(paths.len() - 1, Ordering::Relaxed);
        for path in paths {
            let old = at(&document.root, &path).expect("a value").span;
            let new = NewValue::Text("Ромашка: phase 2 # no".into());
            let edited = set(text, &path, &new, &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
            let written = "\"Ромашка: phase 2 # no\"";
            assert_eq!(edited, format!("{}{written}{}", &text[..old.start], &text[old.end..]), "{name}");
            let back: serde_yaml::Value = serde_yaml::from_str(&edited).expect("still YAML");
            let found = path.split('.').fold(&back, |v, key| &v[key]);
            assert_eq!(found.as_str(), Some("Ромашка: phase 2 # no"), "{name}");
        }

        let inserted = set(text, "x-new", &NewValue::Raw("1".into()), &[]).unwrap_or_else(|e| panic!("{name}: {e}"));
        let at = inserted.find("x-new: 1\n").expect("the new line");
        assert_eq!(format!("{}{}", &inserted[..at], &inserted[at + "x-new: 1\n".len()..]), text, "{name}");
        assert_eq!(remove(&inserted, "x-new").unwrap_or_else(|e| panic!("{name}: {e}")), text, "{name}");

        let longer = append(text, "releases", &NewValue::Raw("{new: 1}".into()), &[]).expect("a longer list");
        let at = longer.find("- {new: 1}\n").expect("the new item");
        let line = longer[..at].rfind('\n').map_or(0, |n| n + 1);
        assert_eq!(format!("{}{}", &longer[..line], &longer[at + "- {new: 1}\n".len()..]), text, "{name}");
        let before = value["releases"].as_sequence().map_or(0, Vec::len);
        let back: serde_yaml::Value = serde_yaml::from_str(&longer).expect("still YAML");
        assert_eq!(back["releases"].as_sequence().map(Vec::len), Some(before + 1), "{name}");
    });
    assert!(others.into_inner() > 470);
}

/// The characters of a text in alphabetical order, without those that only lay it out and the dots of a document's end.
fn ink(text: &str) -> Vec<char> {
    let lines = text.lines().map(|line| line.strip_prefix("...").unwrap_or(line));
    let mut ink: Vec<char> =
        lines.flat_map(str::chars).filter(|c| !c.is_whitespace() && !"{}[],-\u{feff}".contains(*c)).collect();
    ink.sort_unstable();
    ink
}

/// Formats a text that must come through whole, and be the same the second time.
fn assert_formats(name: &str, text: &str, fields: &[FieldSpec]) -> String {
    let once = format(text, fields).unwrap_or_else(|e| panic!("{name}: {e}:\n{text}"));
    assert_eq!(format(&once, fields).as_deref(), Ok(once.as_str()), "{name} differs the second time");
    assert_eq!(ink(&once), ink(text), "{name} lost or gained something:\n{once}");
    once
}

#[test]
fn the_conformance_suite_is_refused_or_formatted_without_loss() {
    let Some(dir) = unpacked("data/yaml-test-suite/yaml-test-suite-data-2022-01-17.tar.zst") else { return };
    let (mut formatted, mut unverified) = (0, Vec::new());
    for input in files(dir.path(), &|p| p.ends_with("in.yaml")) {
        let name = input.strip_prefix(dir.path()).expect("below").display().to_string();
        let source = std::fs::read(&input).expect("a file");
        let Ok(text) = std::str::from_utf8(&source) else { continue };
        let Ok(document) = read(&source) else {
            assert!(matches!(format(text, &[]), Err(FormatError::Unreadable { .. })), "{name}");
            continue;
        };
        // Fields in the reverse of their order, so that all of them move.
        let fields: Vec<FieldSpec> =
            document.root.entries.iter().rev().map(|e| FieldSpec::new(&e.key, FieldType::Text)).collect();
        for fields in [&[][..], &fields] {
            match format(text, fields) {
                Ok(_) => formatted += 1,
                Err(error) => {
                    unverified.push(format!("{name}: {error}"));
                    continue;
                }
            }
            let after = assert_formats(&name, text, fields);
            let value = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).ok();
            let ended = if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
            // serde_yaml takes the `?` of `{?foo: bar}` for an indicator, against the suite.
            if let Some(before) = value(&ended).filter(|_| !name.starts_with("652Z")) {
                assert_eq!(value(&after), Some(before), "{name}:\n{after}");
            }
        }
    }
    // A block of text whose only line is a tab.
    unverified.retain(|refused: &String| !refused.starts_with("Y79Y/001"));
    assert!(formatted >= 140 && unverified.is_empty(), "{formatted} formatted; {}", unverified.join("\n"));
}

#[test]
fn hand_written_files_are_formatted_without_loss() {
    let Some(dir) = unpacked("data/front-matter-yaml/endoflife-products.tar.zst") else { return };
    let files = files(dir.path(), &|p| p.extension().is_some_and(|e| e == "md"));
    assert_eq!(files.len(), 464);
    files.par_iter().for_each(|path| {
        let file = std::fs::read_to_string(path).expect("text");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = front_matter(&file);
        let document = read(text.as_bytes()).unwrap_or_else(|p| panic!("{name}: {p:?}"));
        // Fields in the reverse of their order, so that all of them move.
        let fields: Vec<FieldSpec> =
            document.root.entries.iter().rev().map(|e| FieldSpec::new(&e.key, FieldType::Text)).collect();
        let after = assert_formats(&name, text, &fields);
        let crlf = format(&text.replace('\n', "\r\n"), &fields);
        assert_eq!(crlf, Ok(after.replace('\n', "\r\n")), "{name}");
        let value = |text: &str| serde_yaml::from_str::<serde_yaml::Value>(text).expect("YAML");
        assert_eq!(value(&after), value(text), "{name}");
    });
}
