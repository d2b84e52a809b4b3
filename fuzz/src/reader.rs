//! The reader of deals: no panic, the quick reader equal to the full one, every place inside the text, and fixes that
//! mend what they say.

use std::io;
use std::sync::OnceLock;

use tussock::check::{self, Circumstances, Files};
use tussock::format::canonical;
use tussock::format::load::load;
use tussock::format::pipeline::Pipeline;
use tussock::format::problem::Problem;
use tussock::format::reader::read_fully;
use tussock::format::source::{EntryKind, FileEntry, Source};
use tussock::format::span::Span;
use tussock::format::tree::{Mapping, Node, NodeKind};
use tussock::format::{pipeline_file, prescan, quick};
use tussock::output::{findings_json, text};

const PIPELINE: &str = "\
version: 1
currency: EUR
stages: [{id: brief, exit: [{id: goal, require: [inputs.goal]}]}, {id: offer}]
ends: [{id: won, kind: won}, {id: lost, kind: lost}]
fields:
  inputs: {goal: text, budget: text}
  seats: integer
  share: number
  ready: boolean
  size: {enum: [small, large]}
  when: date
rules: {non-canonical: info}
";

/// Edits that one round makes and rounds that all safe fixes of a small file need at most.
const ROUNDS: usize = 200;

/// A pipeline of one deal.
struct OneDeal<'a>(&'a [u8]);

impl Source for OneDeal<'_> {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let entry = |path: &str| FileEntry { path: path.to_owned(), utf8: true, kind: EntryKind::File };
        Ok(["brief/.gitkeep", "offer/.gitkeep", "offer/acme.yaml", "pipeline.yaml"].map(entry).to_vec())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match path {
            "offer/acme.yaml" => Ok(self.0.to_vec()),
            "pipeline.yaml" => Ok(PIPELINE.as_bytes().to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn repository_has(&self, _: &str) -> bool {
        false
    }
}

/// Reads the bytes as a deal in every way there is.
pub fn check(source: &[u8]) {
    let _ = prescan::scan(source);
    let full = read_fully(source, "deal");
    if let Some(quick) = quick::read(source) {
        let full = full.as_ref().expect("the quick reader reads what the full one refuses");
        assert_eq!(quick.text, full.text);
        assert_eq!((&quick.root, quick.span, &quick.problems), (&full.root, full.span, &full.problems));
    }
    let problems = match &full {
        Ok(document) => {
            assert_eq!(document.text.as_bytes(), source);
            mapping(&document.text, &document.root, document.span);
            &document.problems
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a word");
            problems
        }
    };
    places(source, problems);
    // The rules read the pipeline file each time; a quarter of the inputs is enough for them.
    if source.len().is_multiple_of(4) {
        findings(source);
    }
    if let Ok(text) = std::str::from_utf8(source) {
        mending(text);
        formatting(text);
    }
}

/// Every span of a tree lies in its parent's and between two characters.
fn mapping(text: &str, of: &Mapping, within: Span) {
    let mut at = within.start;
    for entry in &of.entries {
        inside(text, entry.key_span, Span::new(at, within.end));
        inside(text, entry.value.span, Span::new(entry.key_span.end, within.end));
        node(text, &entry.value);
        at = entry.value.span.end;
    }
}

fn node(text: &str, of: &Node) {
    match &of.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence { items, .. } => {
            let mut at = of.span.start;
            for item in items {
                inside(text, item.span, Span::new(at, of.span.end));
                node(text, item);
                at = item.span.end;
            }
        }
        NodeKind::Mapping(inner) => mapping(text, inner, of.span),
    }
}

fn inside(text: &str, span: Span, within: Span) {
    assert!(
        within.start <= span.start && span.start <= span.end && span.end <= within.end,
        "{span:?} is not in {within:?}"
    );
    assert!(text.get(span.start..span.end).is_some(), "{span:?} splits a character");
}

/// Every place that a problem names lies inside the file and between two characters.
fn places(source: &[u8], problems: &[Problem]) {
    for problem in problems {
        let edits = problem.fix.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span));
        let spans = problem.related.iter().map(|(span, _)| *span).chain(edits).chain([problem.span]);
        for span in spans {
            assert!(span.start <= span.end && span.end <= source.len(), "{problem:?}");
            if let Ok(text) = std::str::from_utf8(source) {
                assert!(text.get(span.start..span.end).is_some(), "{problem:?} splits a character");
            }
        }
    }
}

/// The rules, and both ways to show what they find.
fn findings(source: &[u8]) {
    let source = OneDeal(source);
    let today = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).expect("a day");
    let circumstances = Circumstances { today, source: &source, days_in_stage: None, visited: None, past: None };
    let reading = load(&source).expect("a pipeline");
    let report = check::check(&reading, &circumstances);
    let files = Files::of(&reading, &source);
    let shown = text::render(&report, &files, text::Look { colour: false, columns: 80 });
    super::escapers::harmless(&shown, "the terminal");
    let json = findings_json::render(&report, &files);
    super::escapers::harmless(&json, "JSON");
    serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
}

/// Each safe fix mends the problem that it belongs to, and all of them come to an end.
fn mending(text: &str) {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let problems = problems_of(&text);
        let Some(problem) = problems.iter().find(|p| p.fix.as_ref().is_some_and(|fix| fix.safe)) else { return };
        let fix = problem.fix.as_ref().expect("a fix");
        let mended = fix.apply(&text).expect("a fix of this text");
        assert_ne!(mended, text, "a fix that changes nothing: {problem:?}");
        let left = problems_of(&mended);
        let again =
            |p: &&Problem| (p.kind, &p.message, p.span.start) == (problem.kind, &problem.message, problem.span.start);
        // A problem of the same words right behind it moves to its place when characters are deleted.
        let deletes = fix.edits.iter().all(|edit| edit.replacement.is_empty());
        assert!(
            deletes || !left.iter().any(|p| again(&p)),
            "{text:?} became {mended:?}, and {problem:?} is still there"
        );
        text = mended;
    }
    assert!(text.len() > ROUNDS, "there is always one more fix: {text:?}");
}

fn problems_of(text: &str) -> Vec<Problem> {
    read_fully(text.as_bytes(), "deal").map_or_else(|problems| problems, |document| document.problems)
}

/// What `fmt` makes of it is what `fmt` leaves as it is.
fn formatting(text: &str) {
    static PIPE: OnceLock<Pipeline> = OnceLock::new();
    let pipeline = PIPE.get_or_init(|| pipeline_file::read(PIPELINE.as_bytes()).expect("a pipeline").0);
    let Ok(canonical) = canonical::format(text, &pipeline.fields) else { return };
    assert_eq!(canonical::format(&canonical, &pipeline.fields).as_deref(), Ok(canonical.as_str()), "from {text:?}");
}
