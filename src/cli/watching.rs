//! What `watch` does whenever something changed: reads, checks, says what is different, and keeps a report current.

use std::path::{Path, PathBuf};

use anstyle::AnsiColor;
use chrono::NaiveDate;

use super::Global;
use super::commands::report::overview;
use super::exit::{CommandError, Exit};
use super::printing::write_whole;
use super::ui::Ui;
use super::workspace::{Facts, settled, today};
use crate::check::{self, Files, Level, check, check_pipeline_file};
use crate::format::load::LoadError;
use crate::format::pipeline::{PIPELINE_FILE, Pipeline};
use crate::format::source::Source as _;
use crate::output::changes::{finding, line};
use crate::output::terminal::plain;
use crate::output::text::closing;
use crate::repo::discover::Home;
use crate::repo::objects::ObjectId;
use crate::repo::revision::{differing, head};
use crate::repo::state::{Operation, operation};
use crate::repo::watch::{Wake, Watch};
use crate::repo::worktree::WorkTree;
use crate::report::changes::{Change, Noted, State, noted, of_findings};

/// So many lines are shown of one change; a branch switch can make thousands.
const MOST_LINES: usize = 200;

/// How often files that change while they are read are read again before they are taken as they are.
const TRIES: usize = 3;

/// Everything that is known from one change to the next.
pub(super) struct Session<'a> {
    home: Home,
    source: WorkTree,
    global: &'a Global,
    report: Option<ReportFile>,
    /// What was last read without trouble.
    state: Option<State>,
    /// The pipeline of that state, and the day it was checked for.
    checked: Option<(Pipeline, NaiveDate)>,
    /// Why what was last read is not current.
    trouble: Option<Trouble>,
    /// What history says, and what it was read for.
    facts: Option<(FactsKey, Facts)>,
}

type FactsKey = (Option<ObjectId>, NaiveDate, String);

/// Why the pipeline cannot be read at the moment.
#[derive(Debug, PartialEq)]
enum Trouble {
    /// git is in the middle of something.
    Operation(Operation),
    /// The pipeline file has errors.
    Pipeline(Vec<Noted>),
    /// Anything else, in words.
    Other(String),
}

impl<'a> Session<'a> {
    /// A session that has seen nothing yet. Messages name files from `here`.
    pub(super) fn new(home: Home, here: &Path, global: &'a Global, report: Option<ReportFile>) -> Self {
        let source = WorkTree::new(&home, here);
        Session { home, source, global, report, state: None, checked: None, trouble: None, facts: None }
    }

    /// Why there is nothing more to watch.
    pub(super) fn gone(&self) -> CommandError {
        let root = self.home.root.display();
        CommandError::new(
            Exit::NoPipeline,
            format!("the pipeline's folder {root} is gone: removed, renamed, or on a disk that was taken away"),
        )
    }

    /// Whether another day has begun since deals were checked.
    pub(super) fn day_is_over(&self) -> bool {
        self.checked.as_ref().is_some_and(|(pipeline, day)| today(self.global, pipeline) != *day)
    }

    /// Reads everything and says what is different.
    pub(super) fn look(&mut self, ui: &mut Ui, watch: &mut Watch) {
        let mut seen = self.read(ui);
        for _ in 1..TRIES {
            if watch.holds() {
                break;
            }
            // Files changed while they were read, so they need not belong together.
            match watch.wait(&mut |text| ui.warn(text)) {
                Wake::Changed => seen = self.read(ui),
                Wake::Tick => break,
                Wake::Stopped | Wake::Gone => return,
            }
        }
        match seen {
            Ok(state) => self.tell(ui, state),
            Err(trouble) => self.tell_trouble(ui, trouble),
        }
    }

    fn read(&mut self, ui: &mut Ui) -> Result<State, Trouble> {
        let other = |e: CommandError| Trouble::Other(e.message);
        if let Some(operation) = operation(&self.home).map_err(|e| other(e.into()))? {
            return Err(Trouble::Operation(operation));
        }
        let reading = settled(&self.home, &self.source, None).map_err(|e| self.of_load(e))?;
        let today = today(self.global, &reading.pipeline);
        let commit = head(&self.home).map_err(|e| other(e.into()))?.and_then(|h| h.commit);
        let key = (commit, today, reading.pipeline_text.clone());
        let facts = match self.facts.take() {
            Some((of, facts)) if of == key => facts,
            _ => Facts::gather(ui, &self.home, &reading.pipeline, today).map_err(other)?,
        };
        let circumstances = check::Circumstances {
            today,
            source: &self.source,
            days_in_stage: facts.days_in_stage.as_ref(),
            visited: facts.visited.as_ref(),
            past: None,
        };
        let report = check(&reading, &circumstances);
        let findings = noted(&report.findings, &Files::of(&reading, &self.source));
        self.facts = Some((key, facts));
        self.checked = Some((reading.pipeline.clone(), today));
        Ok(State::new(reading, &report, findings, self.state.as_ref()))
    }

    fn of_load(&self, error: LoadError) -> Trouble {
        match error {
            LoadError::Broken { text, problems } => {
                let report = check_pipeline_file(&problems);
                let files = Files::of_pipeline_file(&text, &self.source);
                Trouble::Pipeline(noted(&report.findings, &files))
            }
            LoadError::NoPipeline => {
                Trouble::Other(format!("there is no {}", plain(&self.source.display(PIPELINE_FILE))))
            }
            LoadError::Io { .. } => Trouble::Other(error.to_string()),
        }
    }

    fn tell(&mut self, ui: &mut Ui, state: State) {
        let mut changes = Vec::new();
        let trouble = self.trouble.take();
        match &trouble {
            Some(Trouble::Operation(operation)) => ui.line(format!("the {} is over", operation.what)),
            Some(Trouble::Pipeline(findings)) => {
                ui.line(format!("{} can be read again", plain(&self.source.display(PIPELINE_FILE))));
                of_findings(findings, &[], &mut changes);
            }
            Some(Trouble::Other(_)) => ui.line("the pipeline can be read again"),
            None => {}
        }
        let counts = closing(&state.summary);
        match &self.state {
            Some(before) => {
                changes.extend(state.since(before));
                print(ui, changes.iter().map(|change| (colour(change), line(change))));
                if !changes.is_empty() || trouble.is_some() {
                    ui.line(counts);
                }
            }
            None => {
                ui.line(format!("watching {}: {counts}", plain(&self.name())));
                print(ui, state.findings().iter().map(|noted| (of_level(noted.level), finding(noted))));
            }
        }
        self.state = Some(state);
        if let Some(report) = &mut self.report {
            report.keep(ui, &self.home, self.global.today);
        }
    }

    fn tell_trouble(&mut self, ui: &mut Ui, trouble: Trouble) {
        if self.trouble.as_ref() == Some(&trouble) {
            return;
        }
        let kept = if self.state.is_some() { "what was read before is kept" } else { "nothing is read" };
        match &trouble {
            Trouble::Operation(Operation { what, finish, leave }) => ui.line(format!(
                "the repository is in the middle of a {what}; {kept} until `{finish}` or `{leave}` ends it"
            )),
            Trouble::Pipeline(findings) => {
                let mut changes = Vec::new();
                let before = match &self.trouble {
                    Some(Trouble::Pipeline(before)) => before.as_slice(),
                    _ => {
                        let file = plain(&self.source.display(PIPELINE_FILE));
                        ui.line(format!("{file} has errors; {kept} until they are mended"));
                        &[]
                    }
                };
                of_findings(before, findings, &mut changes);
                print(ui, changes.iter().map(|change| (colour(change), line(change))));
            }
            Trouble::Other(words) => ui.line(format!("{}; {kept} until that is mended", plain(words))),
        }
        self.trouble = Some(trouble);
    }

    /// What people call the pipeline: its folder.
    fn name(&self) -> String {
        let last = self.home.root.file_name().map(|n| n.to_string_lossy().into_owned());
        if self.home.prefix.is_empty() { last.unwrap_or_default() } else { self.home.prefix.clone() }
    }
}

fn print(ui: &mut Ui, lines: impl ExactSizeIterator<Item = (Option<AnsiColor>, String)>) {
    let more = lines.len().saturating_sub(MOST_LINES);
    for (colour, line) in lines.take(MOST_LINES) {
        let line = colour.map_or_else(|| line.clone(), |colour| ui.tinted(colour, &line));
        ui.line(line);
    }
    if more > 0 {
        ui.line(format!("… and {more} more"));
    }
}

fn colour(change: &Change) -> Option<AnsiColor> {
    match change {
        Change::Fixed(_) => Some(AnsiColor::Green),
        Change::Found(noted) => of_level(noted.level),
        _ => None,
    }
}

fn of_level(level: Level) -> Option<AnsiColor> {
    match level {
        Level::Error => Some(AnsiColor::Red),
        Level::Warning => Some(AnsiColor::Yellow),
        Level::Info => None,
    }
}

/// A file that is kept to hold the current report.
pub(super) struct ReportFile {
    path: PathBuf,
    /// What the report was last made from: the commit, and how many deals differ from it in the work tree.
    made_from: Option<(Option<ObjectId>, usize)>,
}

impl ReportFile {
    /// A report in `file`, whose folder is made where there is none.
    ///
    /// # Errors
    /// Outside git; when the file is a link or a folder; when it would be taken for a deal.
    pub(super) fn new(home: &Home, file: &Path) -> Result<Self, CommandError> {
        let place = home.place()?;
        let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot write {}: {e}", file.display()));
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(CommandError::usage(format!("{} is no file for a report", file.display())));
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.canonicalize().map_err(failed)?.join(name);
        let yaml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
        if yaml && path.starts_with(&home.root) {
            let shown = file.display();
            return Err(CommandError::usage(format!("{shown} would be taken for a deal; let the name end in .md")));
        }
        if path.starts_with(&place.git_dir) || path.starts_with(&place.common_dir) {
            return Err(CommandError::usage(format!("{} is in git's own folder", file.display())));
        }
        if path.symlink_metadata().is_ok_and(|m| !m.is_file()) {
            let shown = file.display();
            return Err(CommandError::usage(format!("{shown} is not a regular file; links are not followed")));
        }
        Ok(ReportFile { path, made_from: None })
    }

    /// Where it is, absolute and without links in its folders.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the report anew where something that it is made from has changed, and writes it where it is different.
    fn keep(&mut self, ui: &mut Ui, home: &Home, today: Option<NaiveDate>) {
        match self.renew(ui, home, today) {
            Ok(false) => {}
            Ok(true) => ui.line(format!("report written: {}", plain(&self.path.display().to_string()))),
            Err(error) => ui.line(format!("the report is not current: {}", plain(&error.message))),
        }
    }

    fn renew(&mut self, ui: &mut Ui, home: &Home, today: Option<NaiveDate>) -> Result<bool, CommandError> {
        let made_from = (head(home)?.and_then(|h| h.commit), differing(home)?);
        if self.made_from == Some(made_from) && self.path.is_file() {
            return Ok(false);
        }
        // A commit that no report can be made of is not tried again; a disk that is full is.
        self.made_from = Some(made_from);
        let text = overview(ui, home, today)?;
        if std::fs::read(&self.path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(false);
        }
        write_whole(&self.path, &text).inspect_err(|_| self.made_from = None)?;
        Ok(true)
    }
}
