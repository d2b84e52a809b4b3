//! `tussock sync`.

use std::collections::BTreeSet;

use crate::check::{Circumstances, Files, Report, Summary, check};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::signals::Deferred;
use crate::cli::ui::Ui;
use crate::cli::workspace::{home, today};
use crate::cli::write::finish_what_was_cut_short;
use crate::format::ident::DealId;
use crate::format::load::{LoadError, Reading, load_only};
use crate::format::pipeline::{PIPELINE_FILE, deal_path};
use crate::format::shell::shell_word;
use crate::output::changes::line;
use crate::output::terminal::plain;
use crate::output::text::{Look, render};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::Snapshot;
use crate::repo::sync::{Conflict, Pushed, Sync, SyncError, TRIES, pause};
use crate::report::changes::{Change, State};

/// Bring your branch and the team's together
///
/// Fetches, puts your commits on top of those of others, and pushes; tries again when others were first. Your branch is
/// never left half-way: at a conflict it is as before, and you are told what each side did. Commits that hold merges are
/// merged instead. A deal in two stages or with conflict marks is never pushed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock sync
  git push -u origin main             once, where the branch follows no other yet

Exit codes: 0 done, or nothing to do · 1 a deal is in two stages or has conflict marks, nothing was pushed · 4 no upstream, uncommitted changes, a rebase in progress · 5 locked · 6 both sides changed the same deal, or others were first too often · 7 rejected by a hook, here or there · 8 the remote cannot be reached")]
pub struct Args {}

/// More deals than this are counted and not named.
const MOST_NAMED: usize = 12;

/// The rules that decide whether a tree may be pushed.
const NEVER_PUSHED: [&str; 2] = ["duplicate-deal", "conflict-marker"];

pub(crate) fn run(ui: &mut Ui, global: &Global, _: &Args) -> Result<Exit, CommandError> {
    let home = home(global)?;
    let git = Git::new(&home)?;
    finish_what_was_cut_short(ui, &home, &git)?;
    let sync = Sync::begin(&home, &git, &mut |line| ui.note(plain(line))).map_err(|e| stopped(e, &home))?;
    let signals =
        Deferred::new().map_err(|e| CommandError::new(Exit::Io, format!("cannot prepare for Ctrl-C: {e}")))?;
    let ended = together(ui, global, &home, &sync, &signals);
    match (ended, signals.came()) {
        (Ok(exit), came) => Ok(came.unwrap_or(exit)),
        // Ctrl-C ends the git that we started as well: what it then says of itself is no news.
        (Err(SyncFailure::Sync(error)), Some(exit)) if !matches!(error, SyncError::Left { .. }) => {
            Err(CommandError::new(exit, "stopped; the branch is as before or whole, and nothing is lost"))
        }
        (Err(SyncFailure::Sync(error)), _) => Err(stopped(error, &home)),
        (Err(SyncFailure::Command(error)), _) => Err(error),
    }
}

/// What ends a try.
enum SyncFailure {
    Sync(SyncError),
    Command(CommandError),
}

impl From<SyncError> for SyncFailure {
    fn from(error: SyncError) -> Self {
        SyncFailure::Sync(error)
    }
}

impl From<CommandError> for SyncFailure {
    fn from(error: CommandError) -> Self {
        SyncFailure::Command(error)
    }
}

fn together(
    ui: &mut Ui,
    global: &Global,
    home: &Home,
    sync: &Sync<'_>,
    signals: &Deferred,
) -> Result<Exit, SyncFailure> {
    let before = sync.head()?;
    let mut ours_before = None;
    for number in 0..TRIES {
        std::thread::sleep(pause(number));
        if number > 0 {
            ui.note("others were first, trying again");
        }
        if ui.interactive {
            ui.note(plain(&format!("fetching from {}", sync.upstream.remote)));
        }
        sync.fetch()?;
        let head = sync.head()?;
        let theirs = sync.theirs()?;
        let distance = sync.distance(head, theirs)?;
        let ours_before = *ours_before.get_or_insert(distance.ours);
        if distance.theirs == 0 && theirs.is_some() {
            sync.still_there()?;
        }
        if distance.theirs > 0 {
            sync.take_over(&|| signals.hold(), &mut |line| ui.note(plain(line)))?;
            if let Some(exit) = signals.came() {
                ui.note("stopped; what others did is taken over, and nothing was pushed");
                return Ok(exit);
            }
        }
        let head = sync.head()?;
        let distance = sync.distance(head, theirs)?;
        let mut printed = String::new();
        if distance.ours > 0 {
            for pipeline in sync.pipelines(head)? {
                fit_to_push(ui, global, &pipeline, sync, theirs, head)?;
            }
            match sync.push(head)? {
                Pushed::Overtaken => continue,
                Pushed::Done(text) => printed = text,
            }
        }
        for line in printed.lines() {
            ui.note(plain(line));
        }
        tell(ui, home, sync, before, theirs, Went { now: distance.ours, at_first: ours_before })?;
        return Ok(Exit::Done);
    }
    Err(SyncError::Overtaken.into())
}

/// How many commits of ours there were, and how many had to be pushed in the end.
struct Went {
    now: usize,
    at_first: usize,
}

/// Says what came and went.
fn tell(
    ui: &mut Ui,
    home: &Home,
    sync: &Sync<'_>,
    before: ObjectId,
    theirs: Option<ObjectId>,
    went: Went,
) -> Result<(), SyncFailure> {
    let name = plain(&sync.upstream.name);
    let came = sync.distance(before, theirs)?.theirs;
    if came == 0 && went.now == 0 {
        ui.line(format!("{name} has what you have, nothing to do"));
        return Ok(());
    }
    if let (Some(theirs), true) = (theirs, came > 0) {
        let base = sync.base(before, theirs)?;
        let changes = base.map(|base| deals(home, sync, base, theirs)).transpose()?.unwrap_or_default();
        let told = changes.iter().filter(|c| !matches!(c, Change::Field { .. }));
        let told: Vec<String> = told.map(line).collect();
        told.iter().take(MOST_NAMED).for_each(|line| ui.line(line));
        if told.len() > MOST_NAMED {
            ui.line(format!("and {} more", told.len() - MOST_NAMED));
        }
    }
    if went.at_first > went.now && came > 0 {
        let same = went.at_first - went.now;
        ui.line(format!(
            "{} yours, with the same changes, {} there already",
            of(same),
            if same == 1 { "was" } else { "were" }
        ));
    }
    ui.line(match (came, went.now) {
        (came, 0) => format!("{} came from {name}", commits(came)),
        (0, now) => format!("{} went to {name}", commits(now)),
        (came, now) => format!("{} came from {name}, {} went there", commits(came), commits(now)),
    });
    Ok(())
}

fn commits(number: usize) -> String {
    if number == 1 { "1 commit".to_owned() } else { format!("{number} commits") }
}

fn of(number: usize) -> String {
    format!("{} of", commits(number))
}

/// What is different with the deals between two commits; empty where the pipeline cannot be read in one of them, which
/// `validate` says.
fn deals(home: &Home, sync: &Sync<'_>, from: ObjectId, to: ObjectId) -> Result<Vec<Change>, SyncFailure> {
    let paths = sync.changed(home, from, to)?;
    let ids: BTreeSet<DealId> = paths.iter().filter_map(|path| deal_path(path)).map(|(_, id)| id).collect();
    let (Some(old), Some(new)) = (state_at(home, from, &ids)?, state_at(home, to, &ids)?) else {
        return Ok(Vec::new());
    };
    Ok(new.since(&old))
}

fn reading_at(home: &Home, commit: ObjectId, ids: &BTreeSet<DealId>) -> Result<Option<Reading>, CommandError> {
    match load_only(&Snapshot::of_commit(home, commit)?, &|id| ids.contains(id)) {
        Ok(reading) => Ok(Some(reading)),
        Err(LoadError::NoPipeline | LoadError::Broken { .. }) => Ok(None),
        Err(error @ LoadError::Io { .. }) => Err(CommandError::new(Exit::Io, error.to_string())),
    }
}

fn state_at(home: &Home, commit: ObjectId, ids: &BTreeSet<DealId>) -> Result<Option<State>, CommandError> {
    let nothing = Report { findings: Vec::new(), summary: Summary::default() };
    Ok(reading_at(home, commit, ids)?.map(|reading| State::new(reading, &nothing, Vec::new(), None)))
}

/// Makes sure that nothing is pushed that a clean merge has spoilt: what we changed may have no deal in two places, no
/// conflict marks, and the pipeline file must be one.
fn fit_to_push(
    ui: &mut Ui,
    global: &Global,
    home: &Home,
    sync: &Sync<'_>,
    theirs: Option<ObjectId>,
    head: ObjectId,
) -> Result<(), SyncFailure> {
    let changed = theirs.map(|theirs| sync.changed(home, theirs, head)).transpose()?;
    if changed.as_ref().is_some_and(Vec::is_empty) {
        return Ok(());
    }
    let ids: Option<BTreeSet<DealId>> =
        changed.as_ref().map(|paths| paths.iter().filter_map(|p| deal_path(p)).map(|(_, id)| id).collect());
    let source = Snapshot::of_commit(home, head).map_err(CommandError::from)?;
    let reading = match load_only(&source, &|id| ids.as_ref().is_none_or(|ids| ids.contains(id))) {
        Ok(reading) => reading,
        Err(LoadError::Broken { .. }) if changed.as_ref().is_none_or(|c| c.iter().any(|p| p == PIPELINE_FILE)) => {
            let message = "pipeline.yaml has errors, so nothing was pushed";
            return Err(CommandError::new(Exit::Findings, message).hint("`tussock validate` shows them").into());
        }
        // Neither is our doing.
        Err(LoadError::Broken { .. } | LoadError::NoPipeline) => return Ok(()),
        Err(error @ LoadError::Io { .. }) => return Err(CommandError::new(Exit::Io, error.to_string()).into()),
    };
    let today = today(global, &reading.pipeline);
    let circumstances = Circumstances { today, source: &source, days_in_stage: None, visited: None, past: None };
    let mut report = check(&reading, &circumstances);
    report.retain(|finding| NEVER_PUSHED.contains(&finding.rule.id));
    if report.findings.is_empty() {
        return Ok(());
    }
    let look = Look { colour: ui.colour, columns: ui.columns() };
    ui.note(render(&report, &Files::of(&reading, &source), look).trim_end());
    let twice = report.findings.iter().find(|f| f.rule.id == "duplicate-deal").and_then(|f| f.deal.as_ref());
    let error = CommandError::new(Exit::Findings, "this must not reach the others, so nothing was pushed");
    Err(match twice {
        Some(deal) => error.hint(format!("`tussock resolve {deal}` keeps one of the files; then `tussock sync`")),
        None => error.hint("settle it, commit, then `tussock sync`"),
    }
    .into())
}

/// Why it ended early, and the line to type.
fn stopped(error: SyncError, home: &Home) -> CommandError {
    let exit = match &error {
        SyncError::NoUpstream { .. }
        | SyncError::TwoWays { .. }
        | SyncError::Deleted { .. }
        | SyncError::Unborn(_)
        | SyncError::Unrelated { .. }
        | SyncError::Dirty { .. } => Exit::NotInState,
        SyncError::Remote { .. } | SyncError::Left { .. } => Exit::Io,
        SyncError::Refused { .. } => Exit::Rejected,
        SyncError::Conflict { .. } | SyncError::Overtaken => Exit::Conflict,
        SyncError::Stopped { output, .. } if output.contains("would be overwritten") => Exit::NotInState,
        SyncError::Stopped { .. } => Exit::Rejected,
        SyncError::Write(_) => Exit::Io,
    };
    let told = CommandError::new(exit, error.to_string());
    match error {
        SyncError::Write(error) => error.into(),
        SyncError::NoUpstream { branch, remote: Some(remote) } => told.hint(format!(
            "`git push -u {} {}` pushes it and makes it follow, once",
            shell_word(&remote),
            shell_word(&branch)
        )),
        SyncError::NoUpstream { branch, remote: None } => told.hint(format!(
            "`git remote add origin URL`, where there is no remote yet, then `git push -u origin {}`",
            shell_word(&branch)
        )),
        SyncError::TwoWays { branch, .. } => told.hint(format!(
            "`git push -u REMOTE {}` makes it go one way; or pull and push with git",
            shell_word(&branch)
        )),
        SyncError::Deleted { remote, branch } => told.hint(format!(
            "ask your team; `git branch -u {}/NAME` follows another one, `git push {} HEAD:{}` makes it again",
            shell_word(&remote),
            shell_word(&remote),
            shell_word(&format!("refs/heads/{branch}"))
        )),
        SyncError::Dirty { .. } => told.hint("commit them, or put them aside with `git stash` until after the sync"),
        SyncError::Stopped { output, .. } if output.contains("untracked working tree files would be overwritten") => {
            told.hint("these files are yours and in no commit: move them elsewhere until after the sync")
        }
        SyncError::Stopped { output, .. } if output.contains("would be overwritten") => {
            told.hint("commit your changes, or put them aside with `git stash` until after the sync")
        }
        SyncError::Left { .. } => told.hint("`git status` says how to end it"),
        SyncError::Conflict { upstream, conflict } => explained(home, &upstream, &conflict),
        _ => told,
    }
}

/// A conflict in terms of deals: what each side did.
fn explained(home: &Home, upstream: &str, conflict: &Conflict) -> CommandError {
    let inner = |path: &String| home.in_pipeline(path).and_then(deal_path).map(|(_, id)| id);
    let ids: BTreeSet<DealId> = conflict.paths.iter().filter_map(inner).collect();
    let others: Vec<&String> = conflict.paths.iter().filter(|path| inner(path).is_none()).collect();
    let others_are_none = others.is_empty();
    let mut lines = vec![format!("{upstream} and you changed the same; your branch is as before, nothing was pushed")];
    let did = |commit| -> Result<Option<Vec<Change>>, CommandError> {
        let (base, now) = (state_at(home, conflict.base, &ids)?, state_at(home, commit, &ids)?);
        Ok(base.zip(now).map(|(base, now)| now.since(&base)))
    };
    let sides = [("you", did(conflict.ours)), (upstream, did(conflict.theirs))];
    let taken_back = matches!(&sides[0].1, Ok(Some(changes)) if changes.is_empty()) && !ids.is_empty();
    for (who, changes) in sides {
        // Without the details the paths still say where it is.
        let Ok(Some(changes)) = changes else { continue };
        let changes = changes.iter().filter(|c| !matches!(c, Change::Pipeline));
        lines.extend(changes.map(|change| format!("  {who}: {}", line(change))));
    }
    if ids.is_empty() || lines.len() == 1 {
        lines.extend(conflict.paths.iter().map(|path| format!("  {path}")));
    } else {
        lines.extend(others.iter().map(|path| format!("  {path}")));
    }
    let (pull, go_on) = match conflict.in_merge {
        false => ("git pull --rebase", "git rebase --continue"),
        true => ("git pull --no-rebase", "git merge --continue"),
    };
    let settle = match ids.first() {
        Some(id) => format!("settle it with `tussock resolve {id}`"),
        None => "settle it and `git add` the files".to_owned(),
    };
    let error = CommandError::new(Exit::Conflict, lines.join("\n"));
    if taken_back && !conflict.in_merge && others_are_none {
        // One by one your commits do not go on top of theirs, but together they come to nothing.
        return error.hint(
            "your commits change it and change it back, which a rebase cannot know; `git pull --no-rebase` brings both \
             together, then `tussock sync`",
        );
    }
    error.hint(format!("`{pull}` stops at it; {settle}, go on with `{go_on}`, then `tussock sync`"))
}
