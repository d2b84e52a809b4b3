//! From where a command looks: at the work tree now, or at what was known at a point of the past (`--as-of`).

use std::collections::BTreeSet;

use chrono::{NaiveDate, Utc};

use super::Global;
use super::exit::{CommandError, Exit};
use super::past::moment;
use super::ui::Ui;
use super::workspace::{
    Facts, HistoryFailure, Workspace, history_at, home, read, read_only, read_pipeline, read_values, with_chronicle,
};
use crate::action::find::{self, NotFound};
use crate::forecast::day_of;
use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::judge::Circumstances;
use crate::format::load::{LoadError, Reading, load_pipeline};
use crate::format::pipeline::Pipeline;
use crate::format::shell::shell_word;
use crate::format::source::Source;
use crate::history::event::{EventKind, KnownAt};
use crate::history::spell::Spells;
use crate::history::{self, Cache, Chronicle, Found, History, Options, Point, Summary};
use crate::repo::discover::Home;
use crate::repo::objects::{GitObjects, ObjectId};
use crate::repo::revision::{head, resolve};
use crate::repo::snapshot::Snapshot;

/// The variable that gives the day where `--today` does not.
const TODAY: &str = "TUSSOCK_TODAY";

/// The point of the past that a reading command is asked about.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AsOf {
    /// Use only what was known on this day (to its end), or at this revision
    #[arg(long, value_name = "DATE|REV")]
    pub as_of: Option<String>,
}

/// Whether a shallow clone is read all the same.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct AllowIncomplete {
    /// In a shallow clone, take its edge for the beginning of history, and mark what rests on it
    #[arg(long)]
    pub allow_incomplete: bool,
}

impl AllowIncomplete {
    /// How to read history then.
    pub fn options(self) -> Options {
        Options { allow_incomplete: self.allow_incomplete, ..Options::default() }
    }
}

/// A point of the past, found in the repository.
pub struct Then {
    /// The last commit that was known then.
    pub commit: ObjectId,
    /// The pipeline as it lay then.
    pub home: Home,
    /// The pipeline file of the commit.
    pub pipeline: Pipeline,
    /// Up to when knowledge counts: the end of the day that was asked for, or when the commit became known.
    pub until: KnownAt,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// The branch's commit that it was looked for from.
    tip: ObjectId,
    /// The pipeline as it lies at that commit.
    now: Home,
    /// "on 2026-06-30", "at v1.2".
    words: String,
}

impl Then {
    /// Finds the point that `--as-of` names, and the files of its commit.
    ///
    /// # Errors
    /// When there was nothing yet, no pipeline yet, or there is no such revision.
    pub fn find(
        ui: &mut Ui,
        global: &Global,
        home: &Home,
        as_of: &str,
        allow: AllowIncomplete,
    ) -> Result<(Then, Snapshot), CommandError> {
        let day = parse_date(as_of).ok();
        // A day in the environment stands for the clock, which does not matter here; one that was typed does.
        let from_environment =
            std::env::var(TODAY).ok().and_then(|text| parse_date(&text).ok()).is_some_and(|d| Some(d) == global.today);
        let today = global.today.filter(|_| !from_environment);
        if let (Some(day), Some(today)) = (day, today)
            && today < day
        {
            return Err(earlier(today, day));
        }
        let asked = match day {
            Some(day) => Asked::Day(day),
            None => Asked::Revision(as_of),
        };
        let (then, snapshot) = Then::at(ui, home, None, &asked, today, allow)?;
        let now = global.today.unwrap_or_else(|| then.pipeline.timezone.day_of(Utc::now().timestamp()));
        if let Some(day) = day.filter(|day| *day > now) {
            ui.note(format!("{day} has not come yet; what is known now is looked at as if it were that day"));
        }
        Ok((then, snapshot))
    }

    /// What was known at the end of a day, as `report --today` asks.
    ///
    /// # Errors
    /// See [`Then::find`].
    pub fn on(
        ui: &mut Ui,
        home: &Home,
        day: NaiveDate,
        allow: AllowIncomplete,
    ) -> Result<(Then, Snapshot), CommandError> {
        Then::at(ui, home, None, &Asked::Day(day), None, allow)
    }

    /// What the line up to `tip` knew at the end of a day; `None` where there was no pipeline then.
    ///
    /// # Errors
    /// See [`Then::find`].
    pub fn known_by(
        ui: &mut Ui,
        home: &Home,
        tip: ObjectId,
        day: NaiveDate,
        allow: AllowIncomplete,
    ) -> Result<Option<(Then, Snapshot)>, CommandError> {
        match Then::at(ui, home, Some(tip), &Asked::Day(day), None, allow) {
            Err(error) if error.exit == Exit::NoPipeline => Ok(None),
            found => found.map(Some),
        }
    }

    fn at(
        ui: &mut Ui,
        home: &Home,
        from: Option<ObjectId>,
        asked: &Asked<'_>,
        today: Option<NaiveDate>,
        allow: AllowIncomplete,
    ) -> Result<(Then, Snapshot), CommandError> {
        let place = home.place()?;
        let head = match from {
            Some(tip) => Some(tip),
            None => head(home)?.and_then(|h| h.commit),
        };
        let (tip, point, words) = match *asked {
            Asked::Day(day) => {
                let tip = head.ok_or_else(nothing_yet)?;
                // Its calendar is enough, and no stage needs to be listed for that.
                let pipeline = read_pipeline(ui, &Snapshot::of_folder(home, tip, "")?)?;
                (tip, Point::Known(KnownAt(pipeline.end_of(day))), format!("on {day}"))
            }
            Asked::Revision(rev) => {
                let commit = resolve(home, rev).map_err(|e| not_found(rev, e.into()))?;
                (head.unwrap_or(commit), Point::Commit(commit), format!("at {rev}"))
            }
        };
        let repository = place.open()?;
        let objects = GitObjects::open(&repository)?;
        let cache = Cache::at(&place.own_folder());
        let found = history::standpoint(&objects, tip, &home.prefix, point, allow.allow_incomplete, Some(&cache))?;
        let found = match found {
            Found::There(found) => found,
            Found::NotYet(first) => {
                // Only a time can lie before the first commit.
                let pipeline = read_pipeline(ui, &Snapshot::of_folder(home, tip, "")?)?;
                let first = day_of(&pipeline, first.0);
                return Err(CommandError::usage(format!(
                    "nothing was known yet {words}; the first commit is of {first}"
                )));
            }
        };
        let root = match place.workdir.as_ref().filter(|_| found.prefix != home.prefix) {
            Some(workdir) => workdir.join(&found.prefix),
            None => home.root.clone(),
        };
        let then = Home { root, repo: home.repo.clone(), prefix: found.prefix };
        let unreadable = |error: crate::repo::error::RepoError| {
            // What an old commit holds is history: where it cannot be read, history is incomplete.
            CommandError::new(Exit::Incomplete, error.to_string())
        };
        let snapshot = Snapshot::of_commit(&then, found.commit).map_err(unreadable)?;
        // The pipeline file and the folder of that time are read too: what today calls a stage was not known then.
        let pipeline = match load_pipeline(&snapshot) {
            Err(LoadError::NoPipeline) => {
                let came = history::came_in(&objects, tip, &home.prefix)?.filter(|came| came.known_at > found.known_at);
                return Err(no_pipeline(ui, home, tip, &words, came));
            }
            _ => read_pipeline(ui, &snapshot)?,
        };
        let until = match (*asked, today) {
            (_, Some(today)) => {
                let day = day_of(&pipeline, found.known_at.0);
                if today < day {
                    return Err(earlier(today, day));
                }
                KnownAt(pipeline.end_of(today))
            }
            (Asked::Day(day), None) => KnownAt(pipeline.end_of(day)),
            (Asked::Revision(_), None) => found.known_at,
        };
        let until = until.max(found.known_at);
        let today = match (*asked, today) {
            (_, Some(today)) => today,
            (Asked::Day(day), None) => day,
            (Asked::Revision(_), None) => day_of(&pipeline, until.0),
        };
        let then = Then { commit: found.commit, home: then, pipeline, until, today, tip, now: home.clone(), words };
        Ok((then, snapshot))
    }

    /// The history up to then.
    ///
    /// # Errors
    /// See [`HistoryFailure`].
    pub fn history(&self, options: &Options) -> Result<History, HistoryFailure> {
        history_at(&self.home, self.commit, &self.pipeline, options)
    }

    /// Why a deal was not there then, where the branch knows it at another time.
    pub fn missing(&self, id: &str, otherwise: CommandError) -> CommandError {
        let known = || -> Option<String> {
            let pipeline = load_pipeline(&Snapshot::of_commit(&self.now, self.tip).ok()?).ok()?;
            let history = history_at(&self.now, self.tip, &pipeline, &Options::default()).ok()?;
            let day = |known_at: KnownAt| day_of(&self.pipeline, known_at.0);
            let mut last = None;
            for event in history.events.iter().filter(|event| event.deal == *id) {
                let later = event.known_at > self.until;
                match &event.kind {
                    EventKind::Created { .. } if later => {
                        let came = day(event.known_at);
                        return Some(format!("{id} was not there yet {}; it came in on {came}", self.words));
                    }
                    EventKind::Renamed { from } if later => {
                        return Some(format!(
                            "{id} was called {from} {}; it got its new id on {}",
                            self.words,
                            day(event.known_at)
                        ));
                    }
                    EventKind::Removed { .. } if !later => last = Some(event.known_at),
                    EventKind::Restored { .. } if later => {
                        let gone = last.map_or_else(String::new, |gone| format!("; it was removed on {}", day(gone)));
                        let back = day(event.known_at);
                        return Some(format!("{id} was not there {}{gone} and came back on {back}", self.words));
                    }
                    _ => {}
                }
            }
            last.map(|gone| format!("{id} was not there any more {}; it was removed on {}", self.words, day(gone)))
        };
        known().map_or(otherwise, CommandError::usage)
    }
}

/// What `--as-of` says.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Day(NaiveDate),
    Revision(&'a str),
}

fn nothing_yet() -> CommandError {
    CommandError::new(Exit::NotInState, "there is no commit yet, so nothing was known at any time")
}

fn earlier(today: NaiveDate, day: NaiveDate) -> CommandError {
    CommandError::usage(format!("--today {today} is before {day}, the day that --as-of asks about; nobody looked then"))
}

/// A revision that is none may have been meant for a date.
fn not_found(rev: &str, error: CommandError) -> CommandError {
    match rev.starts_with(|c: char| c.is_ascii_digit()) {
        true => error.hint("a day is written as in 2026-06-30"),
        false => error,
    }
}

fn no_pipeline(
    ui: &mut Ui,
    home: &Home,
    tip: ObjectId,
    words: &str,
    came: Option<history::Standpoint>,
) -> CommandError {
    let Some(came) = came else {
        return CommandError::new(Exit::NoPipeline, format!("there was no pipeline here {words}"));
    };
    let day = match Snapshot::of_commit(home, tip).map_err(CommandError::from).and_then(|s| read_pipeline(ui, &s)) {
        Ok(pipeline) => day_of(&pipeline, came.known_at.0),
        Err(error) => return error,
    };
    let commit = came.commit.short();
    let message = format!("the pipeline was not there yet {words}; it came in on {day} with commit {commit}");
    CommandError::new(Exit::NoPipeline, message)
}

/// A pipeline with its deals, read from where the command looks.
pub struct View {
    /// Where the pipeline lies.
    pub home: Home,
    /// Its files.
    pub source: Box<dyn Source>,
    /// What was read.
    pub reading: Reading,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// The commit whose history belongs to it; `None` where there is none yet.
    commit: Option<ObjectId>,
    /// The point of the past, with its name; `None` for the work tree.
    past: Option<(Then, String)>,
    allow: AllowIncomplete,
}

impl View {
    /// The work tree, or the pipeline as of a point of the past. Where `ids` are given, only these deals are read, unless
    /// one of them is not there; otherwise the values of all, without their texts.
    ///
    /// # Errors
    /// When there is no pipeline, its file is broken (which is then shown), or there is no such point.
    pub fn open(
        ui: &mut Ui,
        global: &Global,
        as_of: &AsOf,
        allow: AllowIncomplete,
        ids: Option<&[&str]>,
    ) -> Result<View, CommandError> {
        let Some(name) = &as_of.as_of else {
            let workspace = match ids {
                Some(ids) => Workspace::open_for(ui, global, ids)?,
                None => Workspace::open_values(ui, global)?,
            };
            let Workspace { home, source, reading, today } = workspace;
            let commit = head(&home)?.and_then(|h| h.commit);
            return Ok(View { home, source: Box::new(source), reading, today, commit, past: None, allow });
        };
        let (then, snapshot) = Then::find(ui, global, &home(global)?, name, allow)?;
        let reading = match ids {
            Some(ids) => {
                let wanted: BTreeSet<&str> = ids.iter().copied().collect();
                let some = read_only(ui, &snapshot, &|id| wanted.contains(id.as_str()))?;
                let found: BTreeSet<&str> = some.deals.iter().map(|deal| deal.id.as_str()).collect();
                // The nearest of all ids can be named then.
                if wanted.is_subset(&found) { some } else { read(ui, &snapshot)? }
            }
            None => read_values(ui, &snapshot)?,
        };
        Ok(View {
            home: then.home.clone(),
            source: Box::new(snapshot),
            reading,
            today: then.today,
            commit: Some(then.commit),
            past: Some((then, name.clone())),
            allow,
        })
    }

    /// Whether it shows the past.
    pub fn is_past(&self) -> bool {
        self.past.is_some()
    }

    /// ` --as-of …` for a command that looks from the same point; empty for the work tree.
    pub fn same(&self) -> String {
        self.past.as_ref().map_or_else(String::new, |(_, name)| format!(" --as-of {}", shell_word(name)))
    }

    /// A deal by its id.
    ///
    /// # Errors
    /// When there is none; of the past, with when it came or went.
    pub fn deal(&self, id: &str) -> Result<&Deal, CommandError> {
        find::deal(&self.reading, id).map_err(|error| match (&self.past, &error) {
            (Some((then, _)), NotFound::Deal { .. }) => then.missing(id, error.into()),
            _ => error.into(),
        })
    }

    /// What history knows of the deals, as far as the pipeline's criteria ask for it.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub fn facts(&self, ui: &mut Ui) -> Result<Facts, CommandError> {
        Facts::at(ui, &self.home, self.commit, &self.reading.pipeline, self.today, self.allow)
    }

    /// The history that belongs to it; `None` without a repository or a commit.
    ///
    /// # Errors
    /// See [`HistoryFailure`].
    pub fn history(&self) -> Result<Option<History>, HistoryFailure> {
        let Some(commit) = self.commit else { return Ok(None) };
        history_at(&self.home, commit, &self.reading.pipeline, &self.allow.options()).map(Some)
    }

    /// What is to be said of the history that belongs to it, and the visits of all deals by name; `None` without a
    /// repository or a commit.
    ///
    /// # Errors
    /// See [`HistoryFailure`].
    pub fn visits(&self) -> Result<Option<(Summary, Spells)>, HistoryFailure> {
        let Some(commit) = self.commit else { return Ok(None) };
        let told = |chronicle: &Chronicle<'_>| (chronicle.summary(), chronicle.spells(true));
        with_chronicle(&self.home, commit, &self.reading.pipeline, &self.allow.options(), told).map(Some)
    }

    /// The moment that ages count to, in seconds since 1970: the end of the day that is taken for today, or now where it
    /// is today.
    pub fn moment(&self) -> i64 {
        moment(&self.reading.pipeline, self.today)
    }

    /// What a judgement of a deal may know.
    pub fn circumstances<'a>(&'a self, facts: &'a Facts, deal: &Deal) -> Circumstances<'a> {
        Circumstances {
            today: self.today,
            source: &*self.source,
            days_in_stage: facts.days_in_stage.as_ref().and_then(|days| days.get(&deal.id).copied()),
            visited: facts.visited.as_ref().and_then(|v| v.get(&deal.id)).map(Vec::as_slice),
        }
    }
}
