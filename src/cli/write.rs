//! From a plan to a commit, and what a person is told about it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, Utc};

use super::Global;
use super::edits::{self, Edited};
use super::exit::{CommandError, Exit};
use super::signals::Deferred;
use super::ui::Ui;
use super::when::When;
use super::workspace::{Workspace, home, tell_half_done};
use crate::action::consent::Person;
use crate::action::plan::{Change, Plan};
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::load::Reading;
use crate::format::pipeline::deal_path;
use crate::format::shell::shell_word;
use crate::format::source::Source as _;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::error::WriteError;
use crate::repo::git::Git;
use crate::repo::identity::author;
use crate::repo::objects::ObjectId;
use crate::repo::revision::head;
use crate::repo::transaction::{Action, Done, Ending, FileChange, commit_holding, recover, stage_holding};

/// What every writing command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct WriteArgs {
    /// Say why, as the body of the commit's message
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Show the change as a diff and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Change and stage the files, and leave the commit to you
    #[arg(long, conflicts_with_all = ["date", "message"])]
    pub no_commit: bool,
    /// When it happened, for what is written down late: a day (YYYY-MM-DD, its noon) or a moment as in
    /// 2026-11-20T14:30:00+03:00. The author's date of the commit, and the day for criteria, `today` and the years of ends
    #[arg(long, value_name = "DATE", value_parser = When::parse)]
    pub date: Option<When>,
    /// What becomes of what the user has edited in the deals and not committed.
    #[arg(skip)]
    pub edits: Edits,
}

/// What becomes of edits that are not committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edits {
    /// They refuse the change, and the command has no option for them.
    #[default]
    Refuse,
    /// They refuse the change; `--with-edits` would take them along.
    Offered,
    /// They go along.
    Taken,
}

/// What every command takes that changes deals which are there.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ChangeArgs {
    #[command(flatten)]
    write: WriteArgs,
    /// Take along what you have edited in these deals and not committed, and nothing else
    #[arg(long)]
    with_edits: bool,
}

impl ChangeArgs {
    /// How to write.
    pub fn how(&self) -> WriteArgs {
        let edits = if self.with_edits { Edits::Taken } else { Edits::Offered };
        WriteArgs { edits, ..self.write.clone() }
    }
}

/// Which deals a plan is made from.
#[derive(Clone, Debug)]
pub enum Reads {
    /// All.
    All,
    /// Those with these ids; all where one of them is not there, to name the nearest.
    These(Vec<String>),
    /// The one of this id, which need not be there.
    Perhaps(DealId),
}

/// How often a plan is made again when others change the same deals.
const TRIES: usize = 20;

/// Makes a plan from a reading. Called again when the deals of the first plan were changed by somebody else meanwhile.
pub type Planning<'p> = dyn FnMut(&mut Ui, &Workspace) -> Result<Plan, CommandError> + 'p;

/// Reads the pipeline, plans, and carries the plan out: shows it as a diff, or commits it and says what was done.
///
/// Nobody else is kept from writing while the plan is made; whether it still holds is looked at when it is written. If
/// somebody else was faster, it is made again from what is there then. A deal that was moved meanwhile is not moved a
/// second time: that was no part of what was asked for.
///
/// # Errors
/// What planning and the transaction refuse; [`Exit::Conflict`] for a lost race.
pub fn carry_out(
    ui: &mut Ui,
    global: &Global,
    args: &WriteArgs,
    reads: &Reads,
    planning: &mut Planning<'_>,
) -> Result<Exit, CommandError> {
    if !args.dry_run
        && let Some(exit) = ready_to_write(ui, global)?
    {
        return Ok(exit);
    }
    let (mut tip, mut workspace) = look(ui, global, args, reads)?;
    let mut plan = planning(ui, &workspace)?;
    if args.dry_run {
        tell_half_done(ui, &workspace.home)?;
        for change in &plan.changes {
            ui.print(diff(&workspace.home, change));
        }
        tell_already(ui, &plan);
        return Ok(Exit::Done);
    }
    let first: BTreeMap<DealId, StageId> =
        plan.changes.iter().filter_map(|c| Some((c.deal.clone(), c.from.clone()?))).collect();
    let signals = deferred()?;
    for number in 1.. {
        if plan.changes.is_empty() {
            break;
        }
        let error = match write(ui, &workspace, &plan, args, &signals) {
            Ok(exit) => {
                tell_already(ui, &plan);
                return Ok(exit);
            }
            Err(Failure::Write(error)) if may_be_outrun(&error) && number < TRIES => error,
            Err(failure) => return Err(told(failure, args)),
        };
        let (tip_now, now) = look(ui, global, args, reads)?;
        let own_doing = are_as_read(&plan, &now.reading);
        if own_doing && (matches!(error, WriteError::Conflict { .. }) || tip_now == tip) {
            return Err(told(Failure::Write(error), args));
        }
        let planned = planning(ui, &now);
        if let Some(lost) = outrun(&plan, planned.as_ref().ok(), &first, &now) {
            return Err(lost);
        }
        (tip, workspace, plan) = (tip_now, now, planned?);
    }
    tell_already(ui, &plan);
    Ok(Exit::Done)
}

/// Makes the repository ready to be written to, before anything is read for it: what was cut short is finished.
/// `Some` when that was this very command, which is done with it.
///
/// # Errors
/// When there is no pipeline here, no `git` program to write with, or what was cut short cannot be finished now.
pub fn ready_to_write(ui: &mut Ui, global: &Global) -> Result<Option<Exit>, CommandError> {
    let home = home(global)?;
    let git = Git::new(&home)?;
    finish_what_was_cut_short(ui, &home, &git)
}

/// As [`ready_to_write`], for a pipeline that is found already.
///
/// # Errors
/// As for [`ready_to_write`].
pub fn finish_what_was_cut_short(ui: &mut Ui, home: &Home, git: &Git) -> Result<Option<Exit>, CommandError> {
    let Some(found) = recover(home, git, &mut eprint_line)? else { return Ok(None) };
    let again = found.command.as_ref() == Some(&typed());
    let subject = plain(&found.subject).to_string();
    let told = match &found.ending {
        Ending::TakenBack => format!("taken back, since it was stopped before it was committed: {subject}"),
        Ending::Finished(commit) => {
            format!("finished, since it was stopped after it was committed as {}: {subject}", commit.short())
        }
        Ending::Staged => format!("finished, since it was stopped half-way: {subject}"),
        Ending::Superseded { commit, branch, now } => format!(
            "{subject} was committed as {} and stopped; {} was set to {} since, so its files are left as they are. \
             `git cherry-pick {commit}` brings it back",
            commit.short(),
            plain(branch),
            now.short()
        ),
        Ending::Elsewhere { commit, branch } => format!(
            "{subject} was committed as {} on {} and stopped; another branch is checked out since, so its files are \
             left as they are",
            commit.short(),
            plain(branch)
        ),
    };
    let done = again && matches!(found.ending, Ending::Finished(_) | Ending::Staged);
    if done {
        ui.line(told);
        ui.line("that was this command; give it again to do it once more");
    } else {
        ui.note(told);
    }
    for left in &found.left {
        ui.warn(&plain(left).to_string());
    }
    Ok(done.then_some(Exit::Done))
}

/// Who is at work, as git knows them.
///
/// # Errors
/// When there is no pipeline here, or git does not know.
pub fn at_work(global: &Global) -> Result<Person, CommandError> {
    let author = author(&Git::new(&home(global)?)?)?;
    Ok(Person { name: author.name, email: author.email })
}

/// Reads what a plan needs, and the commit of the branch before that.
fn look(
    ui: &mut Ui,
    global: &Global,
    args: &WriteArgs,
    reads: &Reads,
) -> Result<(Option<ObjectId>, Workspace), CommandError> {
    // What cannot be read of the branch here, the transaction says when it looks at it.
    let tip = head(&home(global)?).ok().flatten().and_then(|head| head.commit);
    let mut workspace = match reads {
        Reads::All => Workspace::open(ui, global)?,
        Reads::These(ids) => Workspace::open_for(ui, global, ids)?,
        Reads::Perhaps(id) => Workspace::open_with(ui, global, &|other| other == id)?,
    };
    if let Some(when) = &args.date {
        let today = when.day(&workspace.reading.pipeline.timezone);
        not_in_the_future(when, today, workspace.today)?;
        // What was done on a day is judged as of that day.
        workspace.today = today;
    }
    Ok((tip, workspace))
}

/// Why a plan was not written.
enum Failure {
    Write(WriteError),
    Command(CommandError),
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Write(error) => error.into(),
            Failure::Command(error) => error,
        }
    }
}

/// What a person is told of a plan that was not written, with the way out where `--with-edits` is one.
fn told(failure: Failure, args: &WriteArgs) -> CommandError {
    let edited = matches!(&failure, Failure::Write(WriteError::Dirty { .. } | WriteError::Untracked { .. }));
    let error = CommandError::from(failure);
    if edited && args.edits == Edits::Offered {
        error.hint("or take your edits of the deal along in the same commit: --with-edits")
    } else {
        error
    }
}

/// Writes a plan that changes something, and says what was done.
fn write(
    ui: &mut Ui,
    workspace: &Workspace,
    plan: &Plan,
    args: &WriteArgs,
    signals: &Deferred,
) -> Result<Exit, Failure> {
    let home = &workspace.home;
    let git = Git::new(home).map_err(|e| Failure::Command(e.into()))?;
    let taken = args.edits == Edits::Taken;
    let edits = match taken {
        true => edits::of_plan(workspace, plan).map_err(Failure::Command)?,
        false => BTreeMap::new(),
    };
    let changes: Vec<FileChange> = plan.changes.iter().map(|c| file_change(home, c, taken)).collect();
    let action = Action {
        changes,
        subject: plan.subject.clone(),
        body: body(args, &edits),
        trailers: plan.trailers.clone(),
        date: args.date.as_ref().and_then(|when| when.for_git(&workspace.reading.pipeline.timezone)),
        command: Some(typed()),
    };
    let (how, exit) = if args.no_commit {
        let staged = stage_holding(home, &git, &action, &|| signals.hold(), &mut eprint_line);
        let (_, exit) = unless_stopped(staged, signals)?;
        (format!("staged, not committed; commit with: git commit -m {}", shell_word(&plan.subject)), exit)
    } else {
        let (done, exit) = commit_with(home, &git, &action, signals)?;
        for line in done.printed.lines() {
            ui.note(plain(line));
        }
        ui.remember(format!("commit {} is made", done.commit.short()));
        (format!("committed as {}", done.commit.short()), exit)
    };
    for change in &plan.changes {
        let edited = edits.get(&change.deal).map_or_else(String::new, |edited| format!(", {}", edited.told()));
        ui.line(format!("{}{edited}", sentence(change, &workspace.source.display(&change.new_path))));
    }
    ui.line(how);
    Ok(exit)
}

/// The body of the message: what the user says, and what of theirs goes along.
fn body(args: &WriteArgs, edits: &BTreeMap<DealId, Edited>) -> String {
    let along: Vec<String> = edits.iter().map(|(deal, edited)| format!("{deal}: {}", edited.told())).collect();
    let parts = [args.message.clone().unwrap_or_default(), along.join("\n")];
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Whether an error can come from somebody else having been faster.
fn may_be_outrun(error: &WriteError) -> bool {
    matches!(
        error,
        WriteError::Dirty { .. }
            | WriteError::Untracked { .. }
            | WriteError::Exists { .. }
            | WriteError::Conflict { .. }
            | WriteError::Unchanged
    )
}

/// The deals of a reading by their ids.
fn by_id(reading: &Reading) -> BTreeMap<&DealId, Vec<&Deal>> {
    let mut deals: BTreeMap<&DealId, Vec<&Deal>> = BTreeMap::new();
    for deal in &reading.deals {
        deals.entry(&deal.id).or_default().push(deal);
    }
    deals
}

/// Whether the files of all changes are where and what they were when they were planned.
fn are_as_read(plan: &Plan, now: &Reading) -> bool {
    let deals = by_id(now);
    plan.changes.iter().all(|change| match (&change.old_path, deals.get(&change.deal).map(Vec::as_slice)) {
        (Some(path), Some([deal])) => deal.path == *path && deal.document.text == change.before,
        (None, None) => !now.unreadable.iter().any(|u| u.path == change.new_path),
        _ => false,
    })
}

/// Says who was faster, where a plan cannot simply be made again: a deal that it moves is elsewhere by now, is gone, or
/// was made by somebody else.
fn outrun(
    before: &Plan,
    again: Option<&Plan>,
    first: &BTreeMap<DealId, StageId>,
    now: &Workspace,
) -> Option<CommandError> {
    if again.is_some_and(|plan| plan.changes.is_empty()) {
        return None;
    }
    let lost = |what: String| {
        let message = format!("{what} by somebody else meanwhile; nothing was changed");
        Some(CommandError::new(Exit::Conflict, message))
    };
    let moved: Option<BTreeSet<&DealId>> = again.map(|plan| {
        let moves = plan.changes.iter().filter(|c| c.from.as_ref().is_some_and(|from| *from != c.to));
        moves.map(|change| &change.deal).collect()
    });
    let moves = |id: &DealId| moved.as_ref().is_none_or(|moved| moved.contains(id));
    let there = by_id(&now.reading);
    for change in &before.changes {
        match (first.get(&change.deal), there.get(&change.deal).and_then(|deals| deals.first())) {
            (Some(from), Some(deal)) if deal.stage != *from && moves(&change.deal) => {
                return lost(format!("{} was moved to {}", deal.id, deal.stage));
            }
            (Some(_), None) if again.is_none() => return lost(format!("{} was removed or renamed", change.deal)),
            (None, Some(deal)) => return lost(format!("{} was made ({})", deal.id, now.source.display(&deal.path))),
            _ => {}
        }
    }
    None
}

/// Commits an action. A signal that comes while the files follow the branch waits until they have; the exit code then
/// says that it came.
///
/// # Errors
/// What the transaction refuses.
pub fn commit_whole(home: &Home, git: &Git, action: &Action) -> Result<(Done, Exit), CommandError> {
    Ok(commit_with(home, git, action, &deferred()?)?)
}

/// Makes the changes of an action in the work tree and the index only, as [`commit_whole`] commits it.
///
/// # Errors
/// What the transaction refuses.
pub fn stage_whole(home: &Home, git: &Git, action: &Action) -> Result<Exit, CommandError> {
    let signals = deferred()?;
    let staged = stage_holding(home, git, action, &|| signals.hold(), &mut eprint_line);
    Ok(unless_stopped(staged, &signals)?.1)
}

/// Refuses a day that has not come.
///
/// # Errors
/// Says so.
pub fn not_in_the_future(when: &When, today: NaiveDate, clock: NaiveDate) -> Result<(), CommandError> {
    let now = Utc::now();
    let latest = clock.max(now.date_naive());
    if today > latest {
        return Err(CommandError::usage(format!("--date {today} is in the future; name a day that has come")));
    }
    if today == latest && when.is_after(now) {
        return Err(CommandError::usage("--date is a moment that has not come yet; name one that has"));
    }
    Ok(())
}

fn deferred() -> Result<Deferred, CommandError> {
    Deferred::new().map_err(|e| CommandError::new(Exit::Io, format!("cannot prepare for Ctrl-C: {e}")))
}

fn commit_with(home: &Home, git: &Git, action: &Action, signals: &Deferred) -> Result<(Done, Exit), Failure> {
    unless_stopped(commit_holding(home, git, action, &|| signals.hold(), &mut eprint_line), signals)
}

/// What was written, with the exit code for a signal that had to wait for it.
fn unless_stopped<T>(written: Result<T, WriteError>, signals: &Deferred) -> Result<(T, Exit), Failure> {
    match (written, signals.came()) {
        (Ok(done), came) => Ok((done, came.unwrap_or(Exit::Done))),
        // Ctrl-C ends the git that we started as well: what it then says of itself is no news.
        (Err(WriteError::Git(_)), Some(exit)) => {
            Err(Failure::Command(CommandError::new(exit, "stopped; nothing was changed")))
        }
        (Err(error), _) => Err(Failure::Write(error)),
    }
}

fn eprint_line(line: &str) {
    use std::io::Write;
    // Waiting goes on whether or not anybody can be told.
    let _ = writeln!(std::io::stderr(), "{}", plain(line));
}

fn tell_already(ui: &mut Ui, plan: &Plan) {
    for (deal, stage) in &plan.already {
        ui.line(match stage {
            Some(stage) => format!("{deal}: already in {stage}, nothing to do"),
            None => format!("{deal}: already so, nothing to do"),
        });
    }
}

fn file_change(home: &Home, change: &Change, with_edits: bool) -> FileChange {
    let new_path = home.in_repository(&change.new_path);
    match &change.old_path {
        None => FileChange::create(new_path, change.after.as_bytes()),
        Some(old) => {
            let (before, after) = (change.before.as_bytes(), change.after.as_bytes());
            let moved = FileChange::relocate(home.in_repository(old), before, new_path, after);
            if with_edits { moved.taking_edits() } else { moved }
        }
    }
}

fn sentence(change: &Change, path: &str) -> String {
    match &change.from {
        None => format!("{}: new in {} ({path})", change.deal, change.to),
        Some(from) if *from == change.to => match deal_path(&change.new_path) {
            Some((_, id)) if id != change.deal => format!("{}: renamed to {id} ({path})", change.deal),
            _ => format!("{}: changed ({path})", change.deal),
        },
        Some(from) => format!("{}: {from} → {}", change.deal, change.to),
    }
}

/// The change as `git diff` would show it.
fn diff(home: &Home, change: &Change) -> String {
    let new = home.in_repository(&change.new_path);
    let old = change.old_path.as_ref().map(|p| home.in_repository(p));
    let mut head = format!("diff --git a/{} b/{new}\n", old.as_deref().unwrap_or(&new));
    match &old {
        None => head.push_str("new file\n"),
        Some(old) if *old != new => head.push_str(&format!("rename from {old}\nrename to {new}\n")),
        Some(_) => {}
    }
    let mut out = String::new();
    let text = similar::TextDiff::from_lines(&change.before, &change.after);
    let old_name = old.map_or_else(|| "/dev/null".to_owned(), |o| format!("a/{o}"));
    let shown = text.unified_diff().context_radius(3).header(&old_name, &format!("b/{new}")).to_string();
    for line in head.lines().chain(shown.lines()) {
        out.push_str(&plain(line));
        out.push('\n');
    }
    out
}

/// The command as it was typed, and where: by this the journal tells a second try of it from another command.
pub fn typed() -> String {
    let words: Vec<String> = std::env::args_os().map(|w| w.to_string_lossy().into_owned()).collect();
    let folder = std::env::current_dir().map(|f| f.display().to_string()).unwrap_or_default();
    format!("{} (in {folder})", words.join(" "))
}
