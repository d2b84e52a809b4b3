//! What nearly every command begins with: the pipeline of the current folder, read, and the day it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{NaiveDate, Utc};

use super::Global;
use super::exit::{CommandError, Exit};
use super::progress::Progress;
use super::standpoint::AllowIncomplete;
use super::ui::Ui;
use crate::check::{self, Files, check_pipeline_file};
use crate::forecast::day_of;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::judge::Circumstances;
use crate::format::load::{Listing, LoadError, Reading, Unreadable, list, load, load_only, load_pipeline, load_values};
use crate::format::pipeline::{CriterionTest, Pipeline, deal_path};
use crate::format::source::Source;
use crate::history::spell::Spell;
use crate::history::{self, Cache, Chronicle, History, HistoryError, Options, Summary, Visits};
use crate::output::terminal::plain;
use crate::output::text::{Look, render};
use crate::repo::activity::writer_about;
use crate::repo::discover::{Home, find};
use crate::repo::lock;
use crate::repo::objects::{GitObjects, ObjectId};
use crate::repo::revision::{head, rewritten};
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
                "work in a clone of it; `tussock report`, `tussock log` and everything with `--as-of HEAD` work here",
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

    /// Finds the pipeline of the work tree and reads the values of all deals, not their texts: who only lists or counts
    /// them needs no more, and thousands of texts need much memory.
    ///
    /// # Errors
    /// See [`Workspace::open`].
    pub fn open_values(ui: &mut Ui, global: &Global) -> Result<Self, CommandError> {
        let home = home(global)?;
        let source = work_tree(&home, &current(global)?)?;
        let read = || load_values(&source);
        let reading = settled_by(&home, &source, true, read, unsettled);
        Workspace::of(ui, global, home, source, reading)
    }

    fn open_as(ui: &mut Ui, global: &Global, wanted: Option<&dyn Fn(&DealId) -> bool>) -> Result<Self, CommandError> {
        let home = home(global)?;
        let source = work_tree(&home, &current(global)?)?;
        let reading = settled(&home, &source, wanted);
        Workspace::of(ui, global, home, source, reading)
    }

    fn of(
        ui: &mut Ui,
        global: &Global,
        home: Home,
        source: WorkTree,
        reading: Result<Reading, LoadError>,
    ) -> Result<Self, CommandError> {
        let reading = reading.map_err(|error| not_read(ui, &source, error))?;
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
    settled_by(home, source, wanted.is_none(), read, unsettled)
}

/// As [`settled`], of whatever `read` makes of the work tree: of `all` its deals, or of some. `unsettled` says whether it
/// shows what a move leaves for a moment.
///
/// # Errors
/// Those of `read`.
pub fn settled_by<T, E>(
    home: &Home,
    source: &WorkTree,
    all: bool,
    mut read: impl FnMut() -> Result<T, E>,
    unsettled: impl Fn(&T) -> bool,
) -> Result<T, E> {
    // Whoever asks for a deal sees that it is missing; of all deals nobody knows how many there should be.
    let names = || if all && writer_about(home) { source.entries().ok() } else { None };
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
    if reading.unreadable.iter().any(is_gone) {
        return true;
    }
    let mut seen = BTreeSet::new();
    let broken = reading.unreadable.iter().filter_map(|u| deal_path(&u.path)).map(|(_, id)| id);
    !reading.deals.iter().map(|d| d.id.clone()).chain(broken).all(|id| seen.insert(id))
}

/// Whether a file was listed and is not there any more.
pub fn is_gone(unreadable: &Unreadable) -> bool {
    unreadable.io.as_ref().is_some_and(|io| io.kind() == std::io::ErrorKind::NotFound)
}

/// Lists a pipeline from a source and reads no deal. A broken pipeline file is shown with all its findings.
///
/// # Errors
/// When there is no pipeline file, when it is broken, or when files cannot be listed.
pub fn listed(ui: &mut Ui, source: &dyn Source) -> Result<Listing, CommandError> {
    list(source).map_err(|error| not_read(ui, source, error))
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

/// As [`read`], but the values of the deals, not their texts.
///
/// # Errors
/// See [`read`].
pub fn read_values(ui: &mut Ui, source: &dyn Source) -> Result<Reading, CommandError> {
    load_values(source).map_err(|error| not_read(ui, source, error))
}

/// Reads the pipeline file of a source and no deal. A broken one is shown with all its findings.
///
/// # Errors
/// When there is no pipeline file, when it is broken, or when files cannot be listed.
pub fn read_pipeline(ui: &mut Ui, source: &dyn Source) -> Result<Pipeline, CommandError> {
    load_pipeline(source).map_err(|error| not_read(ui, source, error))
}

/// A pipeline that cannot be read, as an error; a broken pipeline file is shown with all its findings.
pub(super) fn not_read(ui: &mut Ui, source: &dyn Source, error: LoadError) -> CommandError {
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
    global.today.unwrap_or_else(|| pipeline.timezone.day_of(Utc::now().timestamp()))
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

/// One line on standard error where a pipeline names a file of exchange rates that gives none; `true` then.
pub fn tell_rates(ui: &mut Ui, reading: &Reading) -> bool {
    let faulty = reading.rates.as_ref().filter(|file| file.fault.is_some());
    if let Some(file) = faulty {
        ui.warn(&format!(
            "{} gives no exchange rates, so amounts in other currencies are in no sum; `tussock validate` says why",
            file.path
        ));
    }
    faulty.is_some()
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

/// Says on standard error what is odd about a history: that it begins in the middle, and that git would show another.
///
/// # Errors
/// When the repository cannot be opened.
pub fn tell_history(ui: &mut Ui, home: &Home, history: &Summary, pipeline: &Pipeline) -> Result<(), CommandError> {
    if let (true, Some(edge)) = (history.incomplete, history.first_known_at) {
        let edge = day_of(pipeline, edge.0);
        ui.warn(&format!(
            "history is incomplete: this shallow clone begins on {edge}, and what was before is not known; deals that \
             were there already are older than they seem"
        ));
    }
    if let Some(rewritten) = rewritten(home)? {
        ui.note(format!(
            "git shows a changed history here ({rewritten}); tussock reads the commits as they were written"
        ));
    }
    Ok(())
}

/// What only history knows of deals, as far as a pipeline asks for it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Full days since each deal came into its stage.
    pub days_in_stage: Option<BTreeMap<DealId, i64>>,
    /// The stages each deal has visited.
    pub visited: Option<BTreeMap<DealId, Vec<StageId>>>,
}

impl Facts {
    /// Reads the history of the branch that is checked out, where the pipeline's criteria need it and it can be read;
    /// says so in one line where it cannot.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub fn gather(ui: &mut Ui, home: &Home, pipeline: &Pipeline, today: NaiveDate) -> Result<Self, CommandError> {
        let tip = head(home)?.and_then(|h| h.commit);
        Facts::at(ui, home, tip, pipeline, today, AllowIncomplete::default())
    }

    /// As [`Facts::gather`], of the history up to a commit.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub fn at(
        ui: &mut Ui,
        home: &Home,
        tip: Option<ObjectId>,
        pipeline: &Pipeline,
        today: NaiveDate,
        allow: AllowIncomplete,
    ) -> Result<Self, CommandError> {
        let days = pipeline.criteria().any(|c| matches!(&c.test, CriterionTest::Check(e) if e.uses_days_in_stage()));
        let visits = pipeline.stages.iter().any(|s| s.optional);
        let Some(tip) = tip.filter(|_| days || visits) else { return Ok(Facts::default()) };
        match history_at(home, tip, pipeline, &allow.options()) {
            Ok(history) => {
                tell_history(ui, home, &history, pipeline)?;
                Ok(Facts::of(&history, pipeline, today))
            }
            Err(HistoryFailure::History(HistoryError::Shallow)) => {
                ui.note("history is cut off in this shallow clone, so criteria that ask for it cannot be judged");
                Ok(Facts::default())
            }
            // The state itself can be read, and is no worse for what an old commit lacks.
            Err(HistoryFailure::History(error)) => {
                ui.warn(&format!("{error}; criteria that ask for history cannot be judged"));
                Ok(Facts::default())
            }
            Err(HistoryFailure::Repo(error)) => Err(error),
        }
    }

    /// What a check may know.
    pub fn for_check<'a>(&'a self, today: NaiveDate, source: &'a dyn Source) -> check::Circumstances<'a> {
        check::Circumstances {
            today,
            source,
            days_in_stage: self.days_in_stage.as_ref(),
            visited: self.visited.as_ref(),
            past: None,
        }
    }

    /// What a history says.
    pub fn of(history: &History, pipeline: &Pipeline, today: NaiveDate) -> Self {
        Facts::of_spells(history.spells(), pipeline, today)
    }

    /// What visits say.
    pub fn of_spells(spells: impl IntoIterator<Item = Spell>, pipeline: &Pipeline, today: NaiveDate) -> Self {
        let mut days: BTreeMap<DealId, i64> = BTreeMap::new();
        let mut visited: BTreeMap<DealId, Vec<StageId>> = BTreeMap::new();
        for spell in spells {
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
    with_chronicle(home, tip, pipeline, options, |chronicle| chronicle.history())
}

/// What `tell` takes from the history up to a commit, where that is less than all of it.
///
/// # Errors
/// See [`HistoryFailure`].
pub fn with_chronicle<T>(
    home: &Home,
    tip: ObjectId,
    pipeline: &Pipeline,
    options: &Options,
    tell: impl FnOnce(&Chronicle<'_>) -> T,
) -> Result<T, HistoryFailure> {
    let _progress = Progress::new("reading history");
    let repo = |e: crate::repo::error::RepoError| HistoryFailure::Repo(e.into());
    let place = home.place().map_err(repo)?;
    let repository = place.open().map_err(repo)?;
    let objects = GitObjects::open(&repository).map_err(repo)?.reading(tip, &home.prefix);
    let is_current = head(home).map_err(repo)?.and_then(|h| h.commit) == Some(tip);
    let cache = Cache::at(&place.own_folder());
    // A look at the past or at another branch leaves what is kept for the one that is checked out.
    let cache = if is_current { cache } else { cache.read_only() };
    let chronicle = history::read(&objects, tip, &home.prefix, pipeline, options, Some(&cache));
    Ok(tell(&chronicle.map_err(HistoryFailure::History)?))
}

/// The visits of deals up to a commit, for who needs nothing else of history.
///
/// # Errors
/// See [`HistoryFailure`].
pub fn visits_at(home: &Home, tip: ObjectId, pipeline: &Pipeline, options: &Options) -> Result<Visits, HistoryFailure> {
    let repo = |e: crate::repo::error::RepoError| HistoryFailure::Repo(e.into());
    let place = home.place().map_err(repo)?;
    let cache = Cache::at(&place.own_folder());
    if !place.may_be_shallow()
        && options.until.is_none()
        && let Some(visits) = cache.visits_at(tip, &home.prefix, pipeline)
    {
        return Ok(visits);
    }
    let _progress = Progress::new("reading history");
    let repository = place.open().map_err(repo)?;
    let objects = GitObjects::open(&repository).map_err(repo)?.reading(tip, &home.prefix);
    let is_current = head(home).map_err(repo)?.and_then(|h| h.commit) == Some(tip);
    // A look at the past or at another branch leaves what is kept for the one that is checked out.
    let cache = if is_current { cache } else { cache.read_only() };
    history::visits(&objects, tip, &home.prefix, pipeline, options, &cache).map_err(HistoryFailure::History)
}
