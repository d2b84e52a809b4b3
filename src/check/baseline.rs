//! A list of findings that are known and passed over until a day: how a pipeline with old faults begins to be checked
//! without hiding new ones.
//!
//! The list is YAML with an entry a line, sorted, so that two people who each take lines out make no conflict:
//!
//! ```yaml
//! version: 1
//! entries:
//!   - {fingerprint: "missing-field:acme:owner:1", rule: missing-field, deal: "acme", field: "owner", until: 2026-12-31}
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::NaiveDate;
use serde::Deserialize;

use super::fingerprint::fingerprints;
use super::{Finding, Level, Report, Rule};

/// The version of the list's form.
const VERSION: u32 = 1;

/// More bytes than this are no list of findings.
pub const MOST_BYTES: usize = 32 << 20;

/// Findings that are passed over, by fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The last day on which each counts for nothing.
    entries: BTreeMap<String, NaiveDate>,
}

/// What a baseline did to a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Findings that were taken out.
    pub passed: usize,
    /// Findings that count again, as the day of their entry is over.
    pub expired: usize,
    /// Fingerprints of entries that match nothing in the report.
    pub unused: Vec<String>,
    /// Fingerprints of entries for findings that are never passed over.
    pub refused: Vec<String>,
}

/// Why a text is no baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    /// It is not YAML of this form; where and why, in words.
    #[error("{0}")]
    Form(String),
    /// A later version of tussock wrote it.
    #[error("it is of version {0}, and this tussock knows version {VERSION}")]
    Version(u32),
    /// A finding has two entries.
    #[error("the finding {0} stands in it twice")]
    Twice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    entries: Option<Vec<Entry>>,
}

/// What an entry says besides is for people, who may add a reason.
#[derive(Deserialize)]
struct Entry {
    fingerprint: String,
    until: String,
}

/// Whether findings of a rule may be passed over. What leaves nobody sure of what a file says may not, nor what tells that
/// less is asked for than before.
pub fn may_pass_over(rule: &Rule) -> bool {
    !(rule.id.starts_with("yaml-")
        || matches!(rule.id, "duplicate-deal" | "duplicate-key" | "conflict-marker" | "policy-change"))
}

impl Baseline {
    /// Reads a list.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn read(text: &str) -> Result<Baseline, BaselineError> {
        let form = |why: String| BaselineError::Form(why);
        let file: File = serde_yaml::from_str(text).map_err(|error| form(error.to_string()))?;
        if file.version != VERSION {
            return Err(BaselineError::Version(file.version));
        }
        let mut entries = BTreeMap::new();
        for entry in file.entries.unwrap_or_default() {
            let until = crate::format::date::parse_date(&entry.until)
                .map_err(|error| form(format!("the entry {}: {error}", entry.fingerprint)))?;
            if entries.insert(entry.fingerprint.clone(), until).is_some() {
                return Err(BaselineError::Twice(entry.fingerprint));
            }
        }
        Ok(Baseline { entries })
    }

    /// Takes out of a report what the list passes over on this day. A finding whose day is over stays and says so.
    pub fn apply(&self, report: &mut Report, today: NaiveDate) -> Passed {
        let prints = fingerprints(report);
        let mut passed = Passed::default();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut keep = Vec::with_capacity(prints.len());
        for (finding, print) in report.findings.iter_mut().zip(&prints) {
            let entry = self.entries.get_key_value(print);
            keep.push(match entry {
                None => true,
                Some((print, _)) if !may_pass_over(finding.rule) => {
                    seen.insert(print);
                    passed.refused.push(print.clone());
                    true
                }
                Some((print, until)) => {
                    seen.insert(print);
                    if *until < today {
                        passed.expired += 1;
                        *finding = finding.clone().with_help(format!("the baseline passed it over until {until}"));
                    } else {
                        passed.passed += 1;
                    }
                    *until < today
                }
            });
        }
        passed.unused = self.entries.keys().filter(|print| !seen.contains(print.as_str())).cloned().collect();
        let mut keep = keep.into_iter();
        report.retain(|_| keep.next().unwrap_or(true));
        passed
    }

    /// How many entries this list has that another one has not, or has until an earlier day.
    pub fn more_than(&self, other: &Baseline) -> usize {
        let is_more = |(print, until): &(&String, &NaiveDate)| other.entries.get(*print).is_none_or(|old| old < *until);
        self.entries.iter().filter(is_more).count()
    }
}

/// A list of the findings of a report from a level on, each passed over until a day, and how many there are. What `earlier`
/// has for longer than today it keeps until its own day, so that writing the list anew does not put everything off.
pub fn write(
    report: &Report,
    floor: Level,
    until: NaiveDate,
    earlier: Option<(&Baseline, NaiveDate)>,
) -> (String, usize) {
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for (finding, print) in report.findings.iter().zip(fingerprints(report)) {
        if finding.level < floor || !may_pass_over(finding.rule) {
            continue;
        }
        let kept = earlier.and_then(|(earlier, today)| earlier.entries.get(&print).filter(|day| **day >= today));
        lines.insert(print.clone(), line(finding, &print, *kept.unwrap_or(&until)));
    }
    let mut text = String::from(
        "# Findings that `tussock validate --baseline` passes over until their day. Mend one and take its line out.\n",
    );
    let _ = writeln!(text, "version: {VERSION}");
    text.push_str(if lines.is_empty() { "entries: []\n" } else { "entries:\n" });
    lines.values().for_each(|line| text.push_str(line));
    (text, lines.len())
}

fn line(finding: &Finding, print: &str, until: NaiveDate) -> String {
    let mut line = format!("  - {{fingerprint: {}, rule: {}", quoted(print), finding.rule.id);
    match &finding.deal {
        Some(deal) => {
            let _ = write!(line, ", deal: {}", quoted(deal.as_str()));
        }
        None => {
            let _ = write!(line, ", path: {}", quoted(&finding.path));
        }
    }
    if let Some(field) = &finding.field {
        let _ = write!(line, ", field: {}", quoted(field));
    }
    let _ = writeln!(line, ", until: {until}}}");
    line
}

/// A text as YAML in double quotes, in printable ASCII whatever it holds.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Summary, rule};
    use crate::format::ident::DealId;
    use crate::format::span::Span;

    fn finding(rule: &str, deal: &str, field: &str) -> Finding {
        Finding::new(rule::find(rule).unwrap(), format!("brief/{deal}.yaml"), Span::at(0), "so it is")
            .with_deal(DealId::new(deal).ok())
            .with_field(field)
    }

    fn report(findings: &[Finding]) -> Report {
        let mut report = Report { findings: findings.to_vec(), summary: Summary::default() };
        report.retain(|_| true);
        report
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_written_is_passed_over_until_its_day() {
        let all = report(&[finding("wrong-type", "zeta", "amount"), finding("missing-field", "acme", "owner")]);
        let (text, number) = write(&all, Level::Warning, day("2026-06-30"), None);
        assert_eq!(number, 2);
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            [
                "version: 1",
                "entries:",
                "  - {fingerprint: \"missing-field:acme:owner:1\", rule: missing-field, deal: \"acme\", field: \"owner\", \
                 until: 2026-06-30}",
                "  - {fingerprint: \"wrong-type:zeta:amount:1\", rule: wrong-type, deal: \"zeta\", field: \"amount\", \
                 until: 2026-06-30}",
            ]
        );
        let baseline = Baseline::read(&text).unwrap();
        let mut now = all.clone();
        now.findings.push(finding("wrong-type", "zeta", "close_date"));
        let passed = baseline.apply(&mut now, day("2026-06-30"));
        assert_eq!((passed.passed, passed.expired, passed.unused.len()), (2, 0, 0));
        assert_eq!((now.findings.len(), now.summary.errors), (1, 1));
        let mut later = all.clone();
        let passed = baseline.apply(&mut later, day("2026-07-01"));
        assert_eq!((passed.passed, passed.expired, later.findings.len()), (0, 2, 2));
        assert_eq!(later.findings[0].help.as_deref(), Some("the baseline passed it over until 2026-06-30"));
    }

    #[test]
    fn entries_that_match_nothing_are_told() {
        let (text, _) =
            write(&report(&[finding("wrong-type", "acme", "amount")]), Level::Info, day("2026-06-30"), None);
        let passed = Baseline::read(&text).unwrap().apply(&mut Report::default(), day("2026-06-01"));
        assert_eq!(passed.unused, ["wrong-type:acme:amount:1"]);
    }

    #[test]
    fn what_leaves_a_file_in_doubt_is_neither_written_nor_passed_over() {
        let doubtful =
            ["duplicate-deal", "duplicate-key", "conflict-marker", "yaml-syntax", "yaml-unsupported", "policy-change"];
        for rule in doubtful {
            let all = report(&[finding(rule, "acme", "")]);
            assert_eq!(write(&all, Level::Info, day("2026-06-30"), None).1, 0, "{rule}");
            let text = format!("version: 1\nentries:\n  - {{fingerprint: \"{rule}:acme::1\", until: 2026-06-30}}\n");
            let mut now = all.clone();
            let passed = Baseline::read(&text).unwrap().apply(&mut now, day("2026-06-01"));
            assert_eq!((passed.passed, passed.refused.len(), now.findings.len()), (0, 1, 1), "{rule}");
        }
    }

    #[test]
    fn writing_anew_puts_nothing_off() {
        let first = [finding("wrong-type", "acme", "amount"), finding("wrong-type", "borg", "amount")];
        let (text, _) = write(&report(&first[..1]), Level::Info, day("2026-06-30"), None);
        let old = Baseline::read(&text).unwrap();
        let again = |today| {
            let (text, _) = write(&report(&first), Level::Info, day("2026-12-31"), Some((&old, day(today))));
            Baseline::read(&text).unwrap().entries.into_values().map(|day| day.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(again("2026-06-30"), ["2026-06-30", "2026-12-31"]);
        // What is over has to be given a day of its own.
        assert_eq!(again("2026-07-01"), ["2026-12-31", "2026-12-31"]);
        let (text, _) = write(&report(&first), Level::Info, day("2026-12-31"), Some((&old, day("2026-06-01"))));
        assert_eq!((Baseline::read(&text).unwrap().more_than(&old), old.more_than(&old)), (1, 0));
    }

    #[test]
    fn hostile_texts_stay_on_their_line() {
        let hostile = finding("wrong-type", "acme", "a\"}\n  - {fingerprint: \u{202e}x\\");
        let (text, _) = write(&report(&[hostile]), Level::Info, day("2026-06-30"), None);
        assert_eq!((text.lines().count(), text.is_ascii()), (4, true), "{text}");
        assert_eq!(Baseline::read(&text).unwrap().entries.len(), 1);
    }

    #[test]
    fn other_files_are_refused() {
        let entry = "{fingerprint: a, until: 2026-06-30}";
        for (text, why) in [
            ("", "missing field"),
            ("version: 2\n", "it is of version 2"),
            ("version: 1\nentrys: []\n", "unknown field"),
            ("version: 1\nentries: [{fingerprint: a, until: 2026-02-30}]\n", "2026-02-30"),
            ("version: 1\nentries: [{fingerprint: a}]\n", "missing field"),
            (&format!("version: 1\nentries: [{entry}, {entry}]\n"), "twice"),
        ] {
            let error = Baseline::read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert_eq!(Baseline::read("version: 1\nentries:\n"), Ok(Baseline::default()));
    }
}
