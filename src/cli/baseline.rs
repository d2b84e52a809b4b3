//! `validate --baseline` and `--write-baseline`: the file of findings that are passed over.

use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};

use super::exit::{CommandError, Exit};
use super::since::Since;
use super::ui::Ui;
use crate::check::baseline::{self, Baseline, MOST_BYTES, Passed, may_pass_over};
use crate::check::{Level, Report};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::range::file_at;

/// Findings are passed over for so many days where nobody says until when: a quarter.
const DAYS: u64 = 91;

/// So many entries a note names.
const NAMED: usize = 5;

/// The file of findings that are passed over.
#[derive(Debug, clap::Args)]
pub(super) struct BaselineArgs {
    /// Pass over the findings that this file lists, each until its day
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all findings of level warning or above to this file, to be passed over for 91 days
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "since", "changed", "paths"])]
    write_baseline: Option<PathBuf>,
    /// With --write-baseline: pass them over until this day
    #[arg(long, value_name = "DAY", requires = "write_baseline")]
    until: Option<NaiveDate>,
}

/// What a check is about.
pub(super) struct Checked<'a> {
    /// The pipeline.
    pub(super) home: &'a Home,
    /// The folder that files are named from.
    pub(super) here: &'a Path,
    /// The change that is checked, where it is one.
    pub(super) since: Option<&'a Since<'a>>,
    /// Whether all findings are there, so that an entry without one is of no use any more.
    pub(super) is_whole: bool,
    /// The day it is.
    pub(super) today: NaiveDate,
    /// The lowest level that makes a check fail.
    pub(super) floor: Level,
}

impl BaselineArgs {
    /// Passes over what the file lists, or writes it, and leaves the rest in the report.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is none.
    pub(super) fn apply(&self, ui: &mut Ui, checked: &Checked<'_>, report: &mut Report) -> Result<(), CommandError> {
        if let Some(file) = &self.write_baseline {
            return self.write(ui, file, checked, report);
        }
        let Some(file) = &self.baseline else { return Ok(()) };
        let name = file.display();
        let mut baseline = parse(file, &read(&checked.here.join(file), file)?)?;
        if let Some((old, commit)) = before(file, checked)? {
            let more = baseline.more_than(&old);
            if more > 0 {
                ui.note(format!(
                    "{name} passes over {more} more {} than in {commit}, from before this change; the one from before counts",
                    if more == 1 { "finding" } else { "findings" }
                ));
            }
            baseline = old;
        }
        let Passed { passed, expired, unused, refused } = baseline.apply(report, checked.today);
        if passed > 0 {
            let findings = if passed == 1 { "finding is" } else { "findings are" };
            ui.note(format!("{passed} {findings} passed over, as {name} lists them"));
        }
        match expired {
            0 => {}
            1 => ui.note(format!("the day of 1 entry of {name} is over, so that its finding counts again")),
            n => ui.note(format!("the day of {n} entries of {name} is over, so that their findings count again")),
        }
        if !refused.is_empty() {
            ui.note(format!("no list can pass these over: {}", named(&refused)));
        }
        match unused.len() {
            _ if !checked.is_whole => {}
            0 => {}
            1 => ui.note(format!("an entry of {name} matches nothing any more, take it out: {}", named(&unused))),
            n => ui.note(format!("{n} entries of {name} match nothing any more, take them out: {}", named(&unused))),
        }
        Ok(())
    }

    fn write(&self, ui: &mut Ui, file: &Path, checked: &Checked<'_>, report: &mut Report) -> Result<(), CommandError> {
        let path = checked.here.join(file);
        let name = file.display();
        let earlier = match path.symlink_metadata() {
            Ok(_) => Some(parse(file, &read(&path, file)?)?),
            Err(_) => None,
        };
        let until = match self.until {
            Some(until) if until < checked.today => {
                return Err(CommandError::usage(format!("{until} is over, so the file would pass nothing over")));
            }
            Some(until) => until,
            None => checked.today.checked_add_days(Days::new(DAYS)).unwrap_or(checked.today),
        };
        // Whoever names a day means all of them.
        let kept = earlier.as_ref().filter(|_| self.until.is_none()).map(|earlier| (earlier, checked.today));
        let floor = checked.floor.min(Level::Warning);
        let (text, number) = baseline::write(report, floor, until, kept);
        std::fs::write(&path, text)
            .map_err(|error| CommandError::new(Exit::Io, format!("cannot write {name}: {error}")))?;
        report.retain(|finding| finding.level < floor || !may_pass_over(finding.rule));
        let findings = if number == 1 { "1 finding".to_owned() } else { format!("{number} findings") };
        ui.note(format!(
            "{findings} written to {name}; `tussock validate --baseline {name}` passes over what it lists"
        ));
        Ok(())
    }
}

/// The list from before a change that is judged by what was in force then, with the commit in short. A list that is new
/// with the change passes nothing over.
fn before(file: &Path, checked: &Checked<'_>) -> Result<Option<(Baseline, String)>, CommandError> {
    let Some(commit) = checked.since.and_then(Since::trusted_commit) else { return Ok(None) };
    let Some(root) = checked.home.repo.as_ref().and_then(|place| place.workdir.as_ref()) else { return Ok(None) };
    let full = checked.here.join(file);
    let folder = full.parent().and_then(|folder| folder.canonicalize().ok());
    let root = root.canonicalize().unwrap_or_else(|_| root.clone());
    let inner = folder.as_ref().and_then(|folder| folder.strip_prefix(&root).ok());
    // A file outside of the repository is no part of the change.
    let (Some(inner), Some(name)) = (inner, full.file_name()) else { return Ok(None) };
    let inner = inner.join(name);
    let inner: Vec<_> = inner.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let baseline = match file_at(&Git::new(checked.home)?, commit, &inner.join("/"))? {
        Some(bytes) => parse(file, &String::from_utf8_lossy(&bytes))?,
        None => Baseline::default(),
    };
    Ok(Some((baseline, commit.short())))
}

fn parse(file: &Path, text: &str) -> Result<Baseline, CommandError> {
    Baseline::read(text).map_err(|error| {
        CommandError::usage(format!("{} is no list of findings: {error}", file.display()))
            .hint("`tussock validate --write-baseline FILE` writes one")
    })
}

/// The text of the file; a link is not followed, as it may lead anywhere.
fn read(path: &Path, file: &Path) -> Result<String, CommandError> {
    let name = file.display();
    let failed = |why: String| CommandError::usage(format!("cannot read {name}: {why}"));
    let found = path.symlink_metadata().map_err(|error| failed(error.to_string()))?;
    if !found.is_file() {
        return Err(failed("it is no regular file, and links are not followed".to_owned()));
    }
    if found.len() > MOST_BYTES as u64 {
        return Err(failed("it is too large for a list of findings".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))
}

fn named(prints: &[String]) -> String {
    let more = prints.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let first: Vec<&str> = prints.iter().take(NAMED).map(String::as_str).collect();
    format!("{}{more}", first.join(", "))
}
