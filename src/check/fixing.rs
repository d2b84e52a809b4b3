//! Makes the fixes that findings carry: chooses those that do not get in each other's way, changes the texts, has them
//! checked again, and takes back what makes a file worse. Nothing here touches a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::format::problem::{Edit, Fix, apply};
use crate::format::source::{EntryKind, FileEntry, Source};

use super::finding::{Finding, Level};

/// How often files are checked again. A file whose mistakes hide one another needs as many looks as it has mistakes.
const ROUNDS: usize = 10;

/// Which fixes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that keep the meaning for certain.
    Safe,
    /// Those that rest on a guess too.
    All,
}

impl Which {
    /// Whether a fix is one of them.
    pub fn takes(self, fix: &Fix) -> bool {
        fix.safe || self == Which::All
    }
}

/// What became of the files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// The files that change, by path.
    pub files: Vec<FixedFile>,
    /// Files whose fixes were taken back, each with the reason in words, by path.
    pub taken_back: Vec<(String, String)>,
}

/// A file that fixes change.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedFile {
    /// Path below the pipeline's folder.
    pub path: String,
    /// Its text before; `None` for a new file.
    pub before: Option<String>,
    /// Its text after.
    pub after: String,
    /// The titles of its fixes, in the order in which they were made.
    pub titles: Vec<String>,
}

impl Fixed {
    /// How many fixes were made.
    pub fn count(&self) -> usize {
        self.files.iter().map(|file| file.titles.len()).sum()
    }
}

/// Answers with the findings of files with other texts, which are given by path.
pub type Again<'a, E> = dyn FnMut(&BTreeMap<String, String>) -> Result<Vec<Finding>, E> + 'a;

/// The files of a round.
struct Texts<'t> {
    text: &'t dyn Fn(&str) -> Option<String>,
    now: BTreeMap<String, FixedFile>,
}

impl Texts<'_> {
    fn of(&self, path: &str) -> Option<String> {
        self.now.get(path).map(|file| file.after.clone()).or_else(|| (self.text)(path))
    }
}

/// Makes fixes until there are none left, or for ten rounds. `findings` are those of the texts as they are, `text` gives
/// the text of a file by its path (`None` where there is no such file), and `again` the findings of these files with
/// these texts in the place of their own.
///
/// A file that has an error of a kind that it had not before gets back the text that it had before that round, and no
/// more fixes. That does not hold for a file that could not be read: what is found in it for the first time was there.
///
/// # Errors
/// Those of `again`.
pub fn fix<E>(
    findings: &[Finding],
    which: Which,
    text: &dyn Fn(&str) -> Option<String>,
    again: &mut Again<'_, E>,
) -> Result<Fixed, E> {
    let mut findings = findings.to_vec();
    let mut texts = Texts { text, now: BTreeMap::new() };
    let mut taken_back: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let chosen = choose(&findings, which, &texts, &taken_back);
        let changed = change(&chosen, &texts);
        if changed.is_empty() {
            break;
        }
        let mut all: BTreeMap<String, String> = texts.now.values().map(|f| (f.path.clone(), f.after.clone())).collect();
        all.extend(changed.values().map(|f| (f.path.clone(), f.after.clone())));
        let mut after = again(&all)?;
        let worse = made_worse(&findings, &after, &changed);
        if !worse.is_empty() {
            let together = together(&chosen, worse.keys().cloned().collect());
            for path in &together {
                let why = worse.get(path).cloned();
                taken_back
                    .insert(path.clone(), why.unwrap_or_else(|| "it changes only together with another file".into()));
            }
            texts.now.extend(changed.into_iter().filter(|(path, _)| !together.contains(path)));
            let all = texts.now.values().map(|f| (f.path.clone(), f.after.clone())).collect();
            after = again(&all)?;
        } else {
            texts.now.extend(changed);
        }
        let seen = |path: &String| texts.now.contains_key(path);
        findings.retain(|finding| !seen(&finding.path));
        findings.extend(after.into_iter().filter(|finding| seen(&finding.path)));
    }
    let mut files: Vec<FixedFile> = texts.now.into_values().collect();
    files.retain(|file| file.before.as_ref() != Some(&file.after));
    Ok(Fixed { files, taken_back: taken_back.into_iter().collect() })
}

/// A fix and the file of its finding.
struct Chosen<'f> {
    path: &'f str,
    fix: &'f Fix,
}

impl<'f> Chosen<'f> {
    fn edits(&self) -> impl Iterator<Item = (&'f str, &'f Edit)> {
        let own = self.path;
        self.fix.edits.iter().map(move |edit| (edit.path.as_deref().unwrap_or(own), edit))
    }
}

/// The fixes of one round: of two that overlap the one of fewer bytes, then the one that stands first.
fn choose<'f>(
    findings: &'f [Finding],
    which: Which,
    texts: &Texts<'_>,
    taken_back: &BTreeMap<String, String>,
) -> Vec<Chosen<'f>> {
    let mut fixes: Vec<Chosen<'f>> = findings
        .iter()
        .filter_map(|finding| Some(Chosen { path: &finding.path, fix: finding.fix.as_ref()? }))
        .filter(|chosen| which.takes(chosen.fix) && !chosen.edits().any(|(path, _)| taken_back.contains_key(path)))
        .collect();
    let whole = |chosen: &Chosen<'_>| {
        chosen.edits().any(|(path, edit)| {
            edit.span.end > 0 && texts.of(path).is_some_and(|t| edit.span.end - edit.span.start == t.len())
        })
    };
    // The canonical form is written once nothing else is to be done.
    fixes.sort_by_cached_key(whole);
    let mut used: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    fixes.retain(|chosen| {
        let free =
            |(path, edit): (&str, &Edit)| !used.get(path).is_some_and(|edits| edits.iter().any(|e| meet(e, edit)));
        let fits = chosen.edits().all(free);
        if fits {
            chosen.edits().for_each(|(path, edit)| used.entry(path).or_default().push(edit));
        }
        fits
    });
    fixes
}

/// Whether two edits are about the same bytes, or touch each other.
fn meet(a: &Edit, b: &Edit) -> bool {
    a.span.start <= b.span.end && b.span.start <= a.span.end
}

/// The files that these fixes change, as they are then. Fixes of a file that they do not fit are left out.
fn change(chosen: &[Chosen<'_>], texts: &Texts<'_>) -> BTreeMap<String, FixedFile> {
    let mut edits: BTreeMap<&str, (Vec<&Edit>, Vec<&str>)> = BTreeMap::new();
    for fix in chosen {
        for (path, edit) in fix.edits() {
            let (of_file, titles) = edits.entry(path).or_default();
            of_file.push(edit);
            titles.push(&fix.fix.title);
        }
    }
    let mut changed = BTreeMap::new();
    for (path, (edits, mut titles)) in edits {
        let before = texts.of(path);
        let Some(after) = apply(before.as_deref().unwrap_or_default(), edits.iter().copied()) else { continue };
        if before.as_ref() == Some(&after) {
            continue;
        }
        let earlier = texts.now.get(path);
        // A fix of several places of one file is one fix.
        titles.dedup();
        let mut all: Vec<String> = earlier.map(|file| file.titles.clone()).unwrap_or_default();
        all.extend(titles.into_iter().map(str::to_owned));
        let before = earlier.map_or_else(|| (texts.text)(path), |file| file.before.clone());
        changed.insert(path.to_owned(), FixedFile { path: path.to_owned(), before, after, titles: all });
    }
    changed
}

/// The changed files that have an error of a kind that they had not before, with that in words.
fn made_worse(
    before: &[Finding],
    after: &[Finding],
    changed: &BTreeMap<String, FixedFile>,
) -> BTreeMap<String, String> {
    let errors = |findings: &[Finding], path: &str| -> BTreeMap<&'static str, String> {
        let mut errors = BTreeMap::new();
        for finding in findings.iter().filter(|f| f.path == path && f.level == Level::Error) {
            errors.entry(finding.rule.id).or_insert_with(|| finding.message.clone());
        }
        errors
    };
    let mut worse = BTreeMap::new();
    for path in changed.keys() {
        let had = errors(before, path);
        if had.keys().any(|id| keeps_from_reading(id)) {
            continue;
        }
        if let Some((id, message)) = errors(after, path).into_iter().find(|(id, _)| !had.contains_key(id)) {
            worse.insert(path.clone(), format!("{message} ({id})"));
        }
    }
    worse
}

/// Whether findings of this rule can be why the rest of a file was not looked at.
fn keeps_from_reading(rule: &str) -> bool {
    matches!(rule, "yaml-syntax" | "yaml-unsupported" | "encoding" | "conflict-marker")
}

/// The files that change together with these, by way of fixes that are about several.
fn together(chosen: &[Chosen<'_>], mut files: BTreeSet<String>) -> BTreeSet<String> {
    loop {
        let before = files.len();
        for fix in chosen {
            if fix.edits().any(|(path, _)| files.contains(path)) {
                files.extend(fix.edits().map(|(path, _)| path.to_owned()));
            }
        }
        if files.len() == before {
            return files;
        }
    }
}

/// A source with other texts in the place of some of its files, and files that it has not.
pub struct Changed<'s> {
    /// What lies below.
    pub source: &'s dyn Source,
    /// Texts by path.
    pub texts: &'s BTreeMap<String, String>,
}

impl Source for Changed<'_> {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let mut entries = self.source.entries()?;
        for path in self.texts.keys() {
            if let Err(at) = entries.binary_search_by(|entry| entry.path.as_str().cmp(path)) {
                entries.insert(at, FileEntry { path: path.clone(), utf8: true, kind: EntryKind::File });
            }
        }
        Ok(entries)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.texts.get(path).map_or_else(|| self.source.read(path), |text| Ok(text.clone().into_bytes()))
    }

    fn read_listed(&self, path: &str) -> io::Result<Vec<u8>> {
        self.texts.get(path).map_or_else(|| self.source.read_listed(path), |text| Ok(text.clone().into_bytes()))
    }

    fn repository_has(&self, path: &str) -> bool {
        self.source.repository_has(path)
    }

    fn display(&self, path: &str) -> String {
        self.source.display(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rule;
    use crate::format::span::Span;

    fn finding(path: &str, rule_id: &str, fix: Fix) -> Finding {
        let mut finding = Finding::new(rule::find(rule_id).unwrap(), path, fix.edits[0].span, "wrong");
        finding.fix = Some(fix);
        finding
    }

    fn replace(at: usize, len: usize, with: &str) -> Fix {
        Fix::safe(format!("write {with}"), Span::new(at, at + len), with)
    }

    /// Makes fixes of one text and answers each second look with nothing.
    fn once(text: &str, findings: &[Finding], which: Which) -> Fixed {
        let text_of = |path: &str| (path == "a").then(|| text.to_owned());
        fix(findings, which, &text_of, &mut |_| Ok::<_, ()>(Vec::new())).unwrap()
    }

    #[test]
    fn of_two_fixes_that_meet_the_first_is_made() {
        let fixes = [replace(0, 3, "x"), replace(2, 3, "y"), replace(6, 1, "z")];
        let findings = fixes.map(|fix| finding("a", "unknown-field", fix));
        let fixed = once("abc def", &findings, Which::Safe);
        assert_eq!(fixed.files[0].after, "x dez");
        assert_eq!(fixed.files[0].titles, ["write x", "write z"]);
    }

    #[test]
    fn a_fix_of_the_whole_file_waits_for_the_others() {
        let fixes = [replace(0, 7, "all"), replace(6, 1, "z")];
        let findings = fixes.map(|fix| finding("a", "unknown-field", fix));
        assert_eq!(once("abc def", &findings, Which::Safe).files[0].after, "abc dez");
    }

    #[test]
    fn guesses_are_left_out_unless_asked_for() {
        let guess = finding("a", "unknown-field", Fix { safe: false, ..replace(0, 1, "x") });
        assert_eq!(once("abc", std::slice::from_ref(&guess), Which::Safe), Fixed::default());
        assert_eq!(once("abc", &[guess], Which::All).files[0].after, "xbc");
    }

    #[test]
    fn a_fix_of_two_files_is_made_in_both_or_in_none() {
        let mut both = replace(0, 1, "x");
        both.edits.push(Edit { path: Some("new".into()), span: Span::at(0), replacement: "n".into() });
        let findings = [finding("a", "unknown-field", both)];
        let fixed = once("abc", &findings, Which::Safe);
        let shown: Vec<_> =
            fixed.files.iter().map(|f| (f.path.as_str(), f.before.is_some(), f.after.as_str())).collect();
        assert_eq!(shown, [("a", true, "xbc"), ("new", false, "n")]);
        // The new file would be wrong, so that neither is changed.
        let text_of = |path: &str| (path == "a").then(|| "abc".to_owned());
        let worse = |_: &BTreeMap<String, String>| Ok::<_, ()>(vec![finding("new", "wrong-type", replace(0, 1, "y"))]);
        let fixed = fix(&findings, Which::Safe, &text_of, &mut { worse }).unwrap();
        assert_eq!(fixed.files, []);
        let refused: Vec<_> = fixed.taken_back.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(refused, ["a", "new"]);
    }

    #[test]
    fn what_could_not_be_read_before_may_show_its_errors_when_it_can() {
        for (rule_id, kept) in [("yaml-syntax", true), ("unknown-field", false)] {
            let findings = [finding("a", rule_id, replace(0, 1, "x"))];
            let text_of = |_: &str| Some("abc".to_owned());
            let shows = |_: &BTreeMap<String, String>| {
                Ok::<_, ()>(vec![Finding::new(rule::find("wrong-type").unwrap(), "a", Span::at(0), "wrong")])
            };
            let fixed = fix(&findings, Which::Safe, &text_of, &mut { shows }).unwrap();
            assert_eq!(fixed.files.len(), usize::from(kept), "{rule_id}");
        }
    }

    #[test]
    fn fixes_that_never_end_are_left_after_ten_rounds() {
        let text_of = |_: &str| Some(String::new());
        let grow = || finding("a", "unknown-field", replace(0, 0, "x"));
        let mut looks = 0;
        let fixed = fix(&[grow()], Which::Safe, &text_of, &mut |_| {
            looks += 1;
            Ok::<_, ()>(vec![grow()])
        });
        assert_eq!((looks, fixed.unwrap().files[0].after.as_str()), (10, "xxxxxxxxxx"));
    }

    #[test]
    fn fixes_that_come_back_to_where_they_began_change_nothing() {
        let findings = [finding("a", "unknown-field", replace(0, 1, "b"))];
        let text_of = |_: &str| Some("a".to_owned());
        let fixed = fix(&findings, Which::Safe, &text_of, &mut |texts| {
            let back = if texts["a"] == "b" { "a" } else { "b" };
            Ok::<_, ()>(vec![finding("a", "unknown-field", replace(0, 1, back))])
        });
        assert_eq!(fixed.unwrap().files, []);
    }
}
