//! What is different between two readings of a pipeline: deals that came, moved, changed and went, and findings that
//! appeared and disappeared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check::{self, Files, Finding, Level, Summary};
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::load::Reading;
use crate::format::pipeline::deal_path;
use crate::format::span::{LineIndex, Position, Span};
use crate::review::fields::values;

/// What was read of a pipeline, kept to be compared with what is read later.
#[derive(Debug)]
pub struct State {
    /// The deals by path, those that could not be read too.
    deals: BTreeMap<String, Known>,
    findings: Vec<Noted>,
    /// The counts of the check.
    pub summary: Summary,
    pipeline_text: String,
}

/// A deal, as far as it is known.
#[derive(Clone, Debug)]
struct Known {
    id: DealId,
    stage: StageId,
    /// As it was last read: the file may have become unreadable since. `None` for one that never was.
    deal: Option<Arc<Deal>>,
}

/// A finding without the texts that only an excerpt needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// How bad it is.
    pub level: Level,
    /// The rule's id.
    pub rule: &'static str,
    /// What messages call the file.
    pub file: String,
    /// Where in it; `None` where the whole file is meant.
    pub position: Option<Position>,
    /// One sentence.
    pub message: String,
    /// What the finding stays with when its file is moved or its line shifts: the deal's id, else the file.
    subject: String,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The text of the pipeline file.
    Pipeline,
    /// A deal that was not there.
    Came {
        /// The deal.
        deal: DealId,
        /// Where it is.
        stage: StageId,
    },
    /// A deal that is no longer there.
    Went {
        /// The deal.
        deal: DealId,
        /// Where it was.
        stage: StageId,
    },
    /// A deal in another stage or end.
    Moved {
        /// The deal.
        deal: DealId,
        /// Where it was.
        from: StageId,
        /// Where it is.
        to: StageId,
    },
    /// A field with another value.
    Field {
        /// The deal.
        deal: DealId,
        /// Dotted path of the field.
        field: String,
        /// The value before, as text; `None` where there was none.
        from: Option<String>,
        /// The value now, as text; `None` where there is none.
        to: Option<String>,
    },
    /// A finding that is gone.
    Fixed(Noted),
    /// A finding that is new.
    Found(Noted),
}

impl State {
    /// What was read and found. A file that could not be read stands for the deal as `before` knew it.
    pub fn new(reading: Reading, report: &check::Report, findings: Vec<Noted>, before: Option<&State>) -> Self {
        let mut deals = BTreeMap::new();
        for deal in reading.deals {
            let known = Known { id: deal.id.clone(), stage: deal.stage.clone(), deal: None };
            deals.insert(deal.path.clone(), Known { deal: Some(Arc::new(deal)), ..known });
        }
        let mut by_id: BTreeMap<&DealId, &Known> = BTreeMap::new();
        if let (Some(before), false) = (before, reading.unreadable.is_empty()) {
            by_id.extend(before.deals.values().map(|known| (&known.id, known)));
        }
        for file in &reading.unreadable {
            let Some((stage, id)) = deal_path(&file.path) else { continue };
            let known = before.and_then(|b| b.deals.get(&file.path)).or_else(|| by_id.get(&id).copied());
            let deal = known.and_then(|k| k.deal.clone());
            deals.insert(file.path.clone(), Known { id, stage, deal });
        }
        State { deals, findings, summary: report.summary, pipeline_text: reading.pipeline_text }
    }

    /// The findings, as the check sorted them.
    pub fn findings(&self) -> &[Noted] {
        &self.findings
    }

    /// What is different since `before`: deals by id, then findings that are gone, then new ones.
    pub fn since(&self, before: &State) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.pipeline_text != before.pipeline_text {
            changes.push(Change::Pipeline);
        }
        let mut pairs: Vec<(Option<&Known>, Option<&Known>)> = Vec::new();
        let mut gone: BTreeMap<&DealId, Vec<&Known>> = BTreeMap::new();
        for (path, known) in &before.deals {
            match self.deals.get(path) {
                Some(now) => pairs.push((Some(known), Some(now))),
                None => gone.entry(&known.id).or_default().push(known),
            }
        }
        for (_, now) in self.deals.iter().filter(|(path, _)| !before.deals.contains_key(*path)) {
            pairs.push((gone.get_mut(&now.id).and_then(Vec::pop), Some(now)));
        }
        pairs.extend(gone.into_values().flatten().map(|known| (Some(known), None)));
        let id = |pair: &(Option<&Known>, Option<&Known>)| pair.0.or(pair.1).map(|known| known.id.clone());
        pairs.sort_by_cached_key(id);
        for (old, new) in pairs {
            match (old, new) {
                (Some(old), Some(new)) => of_deal(old, new, &mut changes),
                (Some(old), None) => changes.push(Change::Went { deal: old.id.clone(), stage: old.stage.clone() }),
                (None, Some(new)) => changes.push(Change::Came { deal: new.id.clone(), stage: new.stage.clone() }),
                (None, None) => {}
            }
        }
        of_findings(&before.findings, &self.findings, &mut changes);
        changes
    }
}

/// Findings with what is needed to name them once the files are no longer at hand.
pub fn noted(findings: &[Finding], files: &Files<'_>) -> Vec<Noted> {
    let mut noted = Vec::with_capacity(findings.len());
    for of_file in findings.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = of_file.first() else { continue };
        let file = files.name(&first.path);
        let lines = files.text(&first.path).map(|text| (text, LineIndex::new(text)));
        for finding in of_file {
            let whole = finding.span == Span::default();
            noted.push(Noted {
                level: finding.level,
                rule: finding.rule.id,
                file: file.clone(),
                position: lines.as_ref().filter(|_| !whole).map(|(text, i)| i.position(text, finding.span.start)),
                message: finding.message.clone(),
                subject: finding.deal.as_ref().map_or_else(|| finding.path.clone(), DealId::to_string),
            });
        }
    }
    noted
}

/// Differences between findings, without regard to where in its file each stands.
pub fn of_findings(before: &[Noted], now: &[Noted], changes: &mut Vec<Change>) {
    let key = |n: &Noted| (n.subject.clone(), n.rule, n.level, n.message.clone());
    let mut left: BTreeMap<_, usize> = BTreeMap::new();
    for noted in now {
        *left.entry(key(noted)).or_default() += 1;
    }
    let mut kept: BTreeMap<_, usize> = BTreeMap::new();
    for noted in before {
        match left.get_mut(&key(noted)).filter(|n| **n > 0) {
            Some(count) => {
                *count -= 1;
                *kept.entry(key(noted)).or_default() += 1;
            }
            None => changes.push(Change::Fixed(noted.clone())),
        }
    }
    for noted in now {
        match kept.get_mut(&key(noted)).filter(|n| **n > 0) {
            Some(count) => *count -= 1,
            None => changes.push(Change::Found(noted.clone())),
        }
    }
}

fn of_deal(old: &Known, new: &Known, changes: &mut Vec<Change>) {
    if old.stage != new.stage {
        changes.push(Change::Moved { deal: new.id.clone(), from: old.stage.clone(), to: new.stage.clone() });
    }
    let (Some(before), Some(now)) = (&old.deal, &new.deal) else { return };
    if Arc::ptr_eq(before, now) || before.document.text == now.document.text {
        return;
    }
    let told = |deal: &Deal| -> Vec<(String, String)> {
        values(deal).into_iter().map(|(field, told)| (field, told.text())).collect()
    };
    let (before, now) = (told(before), told(now));
    let old_values: BTreeMap<&str, &str> = before.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let new_values: BTreeMap<&str, &str> = now.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let mut push = |field: &str, from: Option<&str>, to: Option<&str>| {
        if from != to {
            let (field, from, to) = (field.to_owned(), from.map(str::to_owned), to.map(str::to_owned));
            changes.push(Change::Field { deal: new.id.clone(), field, from, to });
        }
    };
    for (field, value) in &now {
        push(field, old_values.get(field.as_str()).copied(), Some(value));
    }
    for (field, value) in before.iter().filter(|(field, _)| !new_values.contains_key(field.as_str())) {
        push(field, Some(value), None);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::check::{Circumstances, check};
    use crate::format::load::load;
    use crate::format::source::{EntryKind, FileEntry, Source};

    const PIPELINE: &str = "\
version: 1
currency: EUR
stages:
  - id: brief
  - id: proposal
ends:
  - id: won
    kind: won
  - id: lost
    kind: lost
fields:
  tags: {list: text}
rules:
  missing-next-step: off
  missing-placeholder: off
";

    struct Map(BTreeMap<String, Vec<u8>>);

    impl Source for Map {
        fn entries(&self) -> io::Result<Vec<FileEntry>> {
            let entry =
                |(path, _): (&String, &Vec<u8>)| FileEntry { path: path.clone(), utf8: true, kind: EntryKind::File };
            Ok(self.0.iter().map(entry).collect())
        }

        fn read(&self, path: &str) -> io::Result<Vec<u8>> {
            self.0.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn repository_has(&self, _: &str) -> bool {
            true
        }

        fn display(&self, path: &str) -> String {
            path.to_owned()
        }
    }

    fn state(files: &[(&str, &str)], before: Option<&State>) -> State {
        let all = std::iter::once(&("pipeline.yaml", PIPELINE)).chain(files);
        let source = Map(all.map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect());
        let reading = load(&source).unwrap();
        let today = chrono::NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let report =
            check(&reading, &Circumstances { today, source: &source, days_in_stage: None, visited: None, past: None });
        let findings = noted(&report.findings, &Files::of(&reading, &source));
        State::new(reading, &report, findings, before)
    }

    fn words(changes: &[Change]) -> Vec<String> {
        let or_none = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".to_owned());
        let word = |change: &Change| match change {
            Change::Pipeline => "pipeline".to_owned(),
            Change::Came { deal, stage } => format!("{deal} came to {stage}"),
            Change::Went { deal, stage } => format!("{deal} went from {stage}"),
            Change::Moved { deal, from, to } => format!("{deal} {from} > {to}"),
            Change::Field { deal, field, from, to } => format!("{deal} {field} {} > {}", or_none(from), or_none(to)),
            Change::Fixed(n) => format!("-{} {}", n.rule, n.file),
            Change::Found(n) => format!("+{} {}", n.rule, n.file),
        };
        changes.iter().map(word).collect()
    }

    const A: &str = "title: A\namount: 18000\n";

    #[test]
    fn deals_come_move_change_and_go() {
        let before = state(&[("brief/a.yaml", A), ("brief/b.yaml", A), ("brief/c.yaml", A)], None);
        let changed = "title: A and more\namount: 20000 EUR\ntags: [x, y z]\nowner: olga\n";
        let now = state(&[("proposal/a.yaml", changed), ("brief/c.yaml", A), ("won/d.yaml", A)], Some(&before));
        assert_eq!(
            words(&now.since(&before)),
            [
                "a brief > proposal",
                "a title A > \"A and more\"",
                "a amount 18000 EUR > 20000 EUR",
                "a tags - > [x, \"y z\"]",
                "a owner - > olga",
                "b went from brief",
                "d came to won",
            ]
        );
        assert!(now.since(&now).is_empty());
    }

    #[test]
    fn a_comment_or_another_order_is_no_change() {
        let before = state(&[("brief/a.yaml", A)], None);
        let now = state(&[("brief/a.yaml", "amount: 18000 EUR # sure\ntitle: \"A\"\nowner:\n")], Some(&before));
        assert!(now.since(&before).is_empty(), "{:?}", now.since(&before));
    }

    #[test]
    fn a_broken_file_is_compared_with_its_last_good_state_once_it_is_mended() {
        let before = state(&[("brief/a.yaml", A), ("brief/b.yaml", A)], None);
        let broken = state(&[("proposal/a.yaml", "title: [\n"), ("brief/b.yaml", A)], Some(&before));
        assert_eq!(words(&broken.since(&before)), ["a brief > proposal", "+yaml-syntax proposal/a.yaml"]);
        let still = state(&[("proposal/a.yaml", "title: [\n"), ("brief/b.yaml", A)], Some(&broken));
        assert!(still.since(&broken).is_empty());
        let mended = state(&[("proposal/a.yaml", "title: A\namount: 5\n"), ("brief/b.yaml", A)], Some(&still));
        assert_eq!(words(&mended.since(&still)), ["a amount 18000 EUR > 5 EUR", "-yaml-syntax proposal/a.yaml"]);
    }

    #[test]
    fn findings_stay_the_same_when_their_line_shifts_or_the_deal_moves() {
        let before = state(&[("brief/a.yaml", "title: A\namount: x\n")], None);
        assert_eq!(before.findings().len(), 1);
        let now = state(&[("proposal/a.yaml", "# a comment\ntitle: A\namount: x\n")], Some(&before));
        assert_eq!(words(&now.since(&before)), ["a brief > proposal"]);
        let more = state(&[("proposal/a.yaml", "title: A\namount: x\nclose_date: soon\n")], Some(&now));
        assert_eq!(words(&more.since(&now)), ["a close_date - > soon", "+wrong-type proposal/a.yaml"]);
    }

    #[test]
    fn of_equal_findings_only_the_difference_in_number_is_told() {
        let before = state(&[("brief/a.yaml", A)], None);
        let one = Noted {
            level: Level::Error,
            rule: "x",
            file: "f".into(),
            position: None,
            message: "m".into(),
            subject: "f".into(),
        };
        let mut changes = Vec::new();
        of_findings(std::slice::from_ref(&one), &[one.clone(), one.clone(), one.clone()], &mut changes);
        assert_eq!(changes, [Change::Found(one.clone()), Change::Found(one)]);
        assert!(before.findings().is_empty());
    }
}
