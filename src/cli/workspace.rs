//! What nearly every command begins with: the pipeline of the current folder, read, and the day it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveDate, Utc};

use super::Global;
use super::exit::{CommandError, Exit};
use super::progress::Progress;
use super::ui::Ui;
use crate::check::{Files, check_pipeline_file};
use crate::forecast::day_of;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::judge::Circumstances;
use crate::format::load::{LoadError, Reading, load, load_only, load_pipeline};
use crate::format::pipeline::{CriterionTest, Pipeline, deal_path};
use crate::format::source::Source;
use crate::history::{self, Cache, History, HistoryError, Options, Point};
use crate::output::terminal::plain;
use crate::output::text::{Look, render};
use crate::repo::activity::writer_about;
use crate::repo::discover::{Home, find};
use crate::repo::lock;
use crate::repo::objects::{GitObjects, ObjectId};
use crate::repo::revision::head;
use crate::repo::state::{Operation, operation};
use crate::repo::transaction::unfinished;
use crate::repo::worktree::WorkTree;

/// The current folder by the arguments.
///
/// # Errors
/// When `-C` names no folder.
pub fn current(global: &Global) -> Result<PathBuf, CommandError> {
    let folder = global.start_in.clone().unwrap_or_else(|| PathBuf::from("."));
    folder.canonicalize().map_err(|e| CommandError::usage(format!("cannot go to the folder {}: {e}", folder.display())))
}

/// How often a work tree is read again that somebody seems to be changing.
const LOOKS: usize = 5;

/// How long to wait before that: a move takes a few milliseconds between its two files.
const MOMENT: Duration = Duration::from_millis(50);

/// The pipeline of the current folder.
///
/// # Errors
/// When there is none, or several and none was named.
pub fn home(global: &Global) -> Result<Home, CommandError> {
    if let Some(found) = global.found.get() {
        return Ok(found.clone());
    }
    let found = find(&current(global)?, global.pipeline_name.as_deref())?;
    Ok(global.found.get_or_init(|| found).clone())
}

/// The work tree of a pipeline.
///
/// # Errors
/// When the repository is bare and has none.
pub fn work_tree(home: &Home, current: &Path) -> Result<WorkTree, CommandError> {
    match &home.repo {
        Some(place) if place.workdir.is_none() => {
            let message = format!("{} is a bare repository: it has history, but no files", place.git_dir.display());
            Err(CommandError::new(Exit::NotInState, message).hint(
                "work in a clone of it; `tussock validate --rev REV`, `tussock report` and `tussock log` work here",
            ))
        }
        _ => Ok(WorkTree::new(home, current)),
    }
}

/// A pipeline with its files read from the work tree.
pub struct Workspace {
    /// Where it is.
    pub home: Home,
    /// The work tree.
    pub source: WorkTree,
    /// What was read.
    pub reading: Reading,
    /// The day it is.
    pub today: NaiveDate,
}

impl Workspace {
    /// Finds and reads the pipeline of the work tree.
    ///
    /// # Errors
    /// When there is none, or its pipeline file is broken (which is then shown).
    pub fn open(ui: &mut Ui, global: &Global) -> Result<Self, CommandError> {
        Workspace::open_as(ui, global, None)
    }

    /// Finds the pipeline of the work tree and reads these deals of it. Where one of them is not there, all deals are
    /// read, so that the nearest id can be named.
    ///
    /// # Errors
    /// See [`Workspace::open`].
    pub fn open_for<S: AsRef<str>>(ui: &mut Ui, global: &Global, ids: &[S]) -> Result<Self, CommandError> {
        let wanted: BTreeSet<&str> = ids.iter().map(AsRef::as_ref).collect();
        let workspace = Workspace::open_with(ui, global, &|id| wanted.contains(id.as_str()))?;
        if workspace.holds(&wanted) {
            return Ok(workspace);
        }
        let workspace = Workspace::open(ui, global)?;
        if workspace.holds(&wanted) || !writer_about(&workspace.home) {
            return Ok(workspace);
        }
        // Between its two places a deal that is moved this moment can be missed in both.
        std::thread::sleep(MOMENT);
        Workspace::open(ui, global)
    }

    /// Finds the pipeline of the work tree and reads the wanted deals of it.
    ///
    /// # Errors
    /// See [`Workspace::open`].
    pub fn open_with(ui: &mut Ui, global: &Global, wanted: &dyn Fn(&DealId) -> bool) -> Result<Self, CommandError> {
        Workspace::open_as(ui, global, Some(wanted))
    }

    fn open_as(ui: &mut Ui, global: &Global, wanted: Option<&dyn Fn(&DealId) -> bool>) -> Result<Self, CommandError> {
        let home = home(global)?;
        let source = work_tree(&home, &current(global)?)?;
        let reading = settled(&home, &source, wanted).map_err(|error| not_read(ui, &source, error))?;
        let today = today(global, &reading.pipeline);
        Ok(Workspace { home, source, reading, today })
    }

    fn holds(&self, wanted: &BTreeSet<&str>) -> bool {
        let found: BTreeSet<&str> = self.reading.deals.iter().map(|deal| deal.id.as_str()).collect();
        wanted.is_subset(&found)
    }

    /// What a judgement of a deal may know.
    pub fn circumstances<'a>(&'a self, facts: &'a Facts, deal: &Deal) -> Circumstances<'a> {
        Circumstances {
            today: self.today,
            source: &self.source,
            days_in_stage: facts.days_in_stage.as_ref().and_then(|days| days.get(&deal.id).copied()),
            visited: facts.visited.as_ref().and_then(|v| v.get(&deal.id)).map(Vec::as_slice),
        }
    }
}

/// Reads the deals of a work tree, all where none are `wanted`. While another process moves deals, one of them can be
/// seen in both its places or in neither: then it is read again before anybody hears of it.
///
/// # Errors
/// See [`LoadError`].
pub fn settled(home: &Home, source: &WorkTree, wanted: Option<&dyn Fn(&DealId) -> bool>) -> Result<Reading, LoadError> {
    let read = || load_only(source, wanted.unwrap_or(&|_| true));
    // Whoever asks for a deal sees that it is missing; of all deals nobody knows how many there should be.
    let names = || if wanted.is_none() && writer_about(home) { source.entries().ok() } else { None };
    let mut before = names();
    let mut reading = read()?;
    let mut quiet = None;
    for look in 0..LOOKS {
        let about = writer_about(home);
        let after = names();
        let moved = after.is_some() && before.is_some() && before != after;
        // What stays so without anybody at work is so.
        if !moved && !(unsettled(&reading) && (about || look == 0)) {
            break;
        }
        if look > 0 && quiet.is_none() {
            // So much is going on that to look again and again may never end well.
            quiet = lock::quiet(home);
        }
        if quiet.is_none() {
            std::thread::sleep(MOMENT);
        }
        before = names();
        reading = read()?;
    }
    drop(quiet);
    Ok(reading)
}

/// Whether a reading shows what a move leaves for a moment: one id in two places, or a file that was listed and is gone.
fn unsettled(reading: &Reading) -> bool {
    let gone = |io: &std::io::Error| io.kind() == std::io::ErrorKind::NotFound;
    if reading.unreadable.iter().any(|u| u.io.as_ref().is_some_and(gone)) {
        return true;
    }
    let mut seen = BTreeSet::new();
    let broken = reading.unreadable.iter().filter_map(|u| deal_path(&u.path)).map(|(_, id)| id);
    !reading.deals.iter().map(|d| d.id.clone()).chain(broken).all(|id| seen.insert(id))
}

/// Reads a pipeline from a source. A broken pipeline file is shown with all its findings.
///
/// # Errors
/// When there is no pipeline file, when it is broken, or when files cannot be listed.
pub fn read(ui: &mut Ui, source: &dyn Source) -> Result<Reading, CommandError> {
    load(source).map_err(|error| not_read(ui, source, error))
}

/// As [`read`], but only the wanted deals.
///
/// # Errors
/// See [`read`].
pub fn read_only(ui: &mut Ui, source: &dyn Source, wanted: &dyn Fn(&DealId) -> bool) -> Result<Reading, CommandError> {
    load_only(source, wanted).map_err(|error| not_read(ui, source, error))
}

/// Reads the pipeline file of a source and no deal. A broken one is shown with all its findings.
///
/// # Errors
/// When there is no pipeline file, when it is broken, or when files cannot be listed.
pub fn read_pipeline(ui: &mut Ui, source: &dyn Source) -> Result<Pipeline, CommandError> {
    load_pipeline(source).map_err(|error| not_read(ui, source, error))
}

/// Reads a pipeline from its work tree, see [`settled`]. A broken pipeline file is shown with all its findings.
///
/// # Errors
/// See [`read`].
pub fn read_work_tree(ui: &mut Ui, home: &Home, source: &WorkTree) -> Result<Reading, CommandError> {
    settled(home, source, None).map_err(|error| not_read(ui, source, error))
}

fn not_read(ui: &mut Ui, source: &dyn Source, error: LoadError) -> CommandError {
    match error {
        LoadError::Broken { text, problems } => {
            let report = check_pipeline_file(&problems);
            let files = Files::of_pipeline_file(&text, source);
            let look = Look { colour: ui.colour, columns: ui.columns() };
            let shown = render(&report, &files, look);
            ui.note(shown.trim_end());
            CommandError::new(Exit::Usage, "the pipeline file has errors, so no deal can be read")
        }
        LoadError::NoPipeline => CommandError::new(Exit::NoPipeline, error.to_string()),
        LoadError::Io { .. } => CommandError::new(Exit::Io, error.to_string()),
    }
}

/// The day it is: `--today`, else the clock's in the pipeline's time zone.
pub fn today(global: &Global, pipeline: &Pipeline) -> NaiveDate {
    global.today.unwrap_or_else(|| Utc::now().with_timezone(&pipeline.timezone).date_naive())
}

/// One line on standard error that names how many files could not be read; `true` when there are any.
pub fn tell_unreadable(ui: &mut Ui, reading: &Reading, source: &dyn Source) -> bool {
    match reading.unreadable.len() {
        0 => false,
        1 => {
            ui.warn(&format!(
                "1 file could not be read and is not counted ({}); `tussock validate` says why",
                source.display(&reading.unreadable[0].path)
            ));
            true
        }
        n => {
            ui.warn(&format!("{n} files could not be read and are not counted; `tussock validate` says why"));
            true
        }
    }
}

/// One line on standard error where a merge or the like is half done, or a change of tussock's own was cut short: what is
/// read may be neither the old nor the new. Changes nothing.
///
/// # Errors
/// When the repository cannot be opened.
pub fn tell_half_done(ui: &mut Ui, home: &Home) -> Result<(), CommandError> {
    if let Some(Operation { what, finish, .. }) = operation(home)? {
        ui.note(format!("a {what} is in progress here, and what you see is in the middle of it (`{finish}` ends it)"));
    }
    match unfinished(home) {
        Ok(None) => {}
        Ok(Some(subject)) => ui.note(format!(
            "a change was cut short here and may be half seen: {}; the next command that writes ends it, or `tussock \
             doctor`",
            plain(&subject)
        )),
        // Who only reads may still do so; who writes is refused for the same reason.
        Err(error) => ui.warn(&format!("whether a change was cut short here is not known: {error}")),
    }
    Ok(())
}

/// What only history knows of deals, as far as a pipeline asks for it.
#[derive(Debug, Default)]
pub struct Facts {
    /// Full days since each deal came into its stage.
    pub days_in_stage: Option<BTreeMap<DealId, i64>>,
    /// The stages each deal has visited.
    pub visited: Option<BTreeMap<DealId, Vec<StageId>>>,
}

impl Facts {
    /// Reads history where the pipeline's criteria need it and it can be read; says so in one line where it cannot.
    ///
    /// # Errors
    /// A damaged repository.
    pub fn gather(ui: &mut Ui, home: &Home, pipeline: &Pipeline, today: NaiveDate) -> Result<Self, CommandError> {
        let days = pipeline.criteria().any(|c| matches!(&c.test, CriterionTest::Check(e) if e.uses_days_in_stage()));
        let visits = pipeline.stages.iter().any(|s| s.optional);
        if !days && !visits {
            return Ok(Facts::default());
        }
        match read_history(home, pipeline, &Options::default()) {
            Ok(Some(history)) => Ok(Facts::of(&history, pipeline, today)),
            Ok(None) => Ok(Facts::default()),
            Err(HistoryFailure::History(HistoryError::Shallow)) => {
                ui.note("history is cut off in this shallow clone, so criteria that ask for it cannot be judged");
                Ok(Facts::default())
            }
            Err(other) => Err(other.into()),
        }
    }

    /// What a history says.
    pub fn of(history: &History, pipeline: &Pipeline, today: NaiveDate) -> Self {
        let mut days: BTreeMap<DealId, i64> = BTreeMap::new();
        let mut visited: BTreeMap<DealId, Vec<StageId>> = BTreeMap::new();
        for spell in history.spells() {
            let stages = visited.entry(spell.deal.clone()).or_default();
            if !stages.contains(&spell.stage) {
                stages.push(spell.stage.clone());
            }
            if spell.left.is_none() {
                let entered = day_of(pipeline, spell.entered.0);
                days.insert(spell.deal, today.signed_duration_since(entered).num_days().max(0));
            }
        }
        Facts { days_in_stage: Some(days), visited: Some(visited) }
    }
}

/// Why history could not be read.
pub enum HistoryFailure {
    /// The repository itself.
    Repo(CommandError),
    /// What is in it.
    History(HistoryError),
}

impl From<HistoryFailure> for CommandError {
    fn from(failure: HistoryFailure) -> Self {
        match failure {
            HistoryFailure::Repo(error) => error,
            HistoryFailure::History(error) => error.into(),
        }
    }
}

/// The history of the branch that is checked out; `None` without a repository or a commit.
///
/// # Errors
/// See [`HistoryFailure`].
pub fn read_history(home: &Home, pipeline: &Pipeline, options: &Options) -> Result<Option<History>, HistoryFailure> {
    let head = head(home).map_err(|e| HistoryFailure::Repo(e.into()))?;
    let Some(tip) = head.and_then(|h| h.commit) else { return Ok(None) };
    history_at(home, tip, pipeline, options).map(Some)
}

/// The commit of an earlier point of the branch `tip`, and the pipeline as it lay then; `None` where nothing was known yet.
///
/// # Errors
/// See [`HistoryFailure`].
pub fn home_at(home: &Home, tip: ObjectId, point: Point) -> Result<Option<(ObjectId, Home)>, HistoryFailure> {
    let place = home.place().map_err(|e| HistoryFailure::Repo(e.into()))?;
    let repository = place.open().map_err(|e| HistoryFailure::Repo(e.into()))?;
    let objects = GitObjects::open(&repository).map_err(|e| HistoryFailure::Repo(e.into()))?;
    let found = history::standpoint(&objects, tip, &home.prefix, point, Some(&Cache::at(&place.own_folder()))).map_err(HistoryFailure::History)?;
    Ok(found.map(|found| {
        let root = match place.workdir.as_ref().filter(|_| found.prefix != home.prefix) {
            Some(workdir) => workdir.join(&found.prefix),
            None => home.root.clone(),
        };
        (found.commit, Home { root, repo: home.repo.clone(), prefix: found.prefix })
    }))
}

/// The history up to a commit.
///
/// # Errors
/// See [`HistoryFailure`].
pub fn history_at(
    home: &Home,
    tip: ObjectId,
    pipeline: &Pipeline,
    options: &Options,
) -> Result<History, HistoryFailure> {
    let _progress = Progress::new("reading history");
    let place = home.place().map_err(|e| HistoryFailure::Repo(e.into()))?;
    let repository = place.open().map_err(|e| HistoryFailure::Repo(e.into()))?;
    let objects = GitObjects::open(&repository).map_err(|e| HistoryFailure::Repo(e.into()))?;
    let objects = objects.reading(tip, &home.prefix);
    let cache = Cache::at(&place.own_folder());
    let is_current = head(home).map_err(|e| HistoryFailure::Repo(e.into()))?.and_then(|h| h.commit) == Some(tip);
    let cache = if is_current { cache } else { cache.read_only() };
    let chronicle = history::read(&objects, tip, &home.prefix, pipeline, options, Some(&cache));
    Ok(chronicle.map_err(HistoryFailure::History)?.history())
}
