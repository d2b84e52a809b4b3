//! `tussock undo`.

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::when::When;
use crate::cli::workspace::{current, home, read_pipeline, today, work_tree};
use crate::cli::write::{commit_whole, finish_what_was_cut_short, not_in_the_future, stage_whole, typed};
use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::deal_path;
use crate::format::shell::shell_word;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::revision::resolve;
use crate::repo::transaction::{Action, FileChange, FileState, possible};
use crate::repo::undo::{Pick, UNDOES, Undo, UndoError, plan};

/// Take back the last action
///
/// Makes a new commit in which the deals are again what they were before; history is never rewritten, so it is safe
/// after a push too. Without COMMIT it takes your last commit on this branch that changed deals of this pipeline and is
/// not undone yet: a second undo takes back the action before. An undo that is named is undone itself.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock undo                       your last action
  tussock undo --dry-run             what that would change
  tussock undo 4f2c91a               this commit, whoever made it
  tussock undo -m \"Wrong client\"
  tussock undo --date 2026-11-18     taken back then, written down now

Exit codes: 0 undone · 1 the last action is somebody else's, a merge, or the beginning of the pipeline · 2 no such commit · 4 nothing to undo, or uncommitted changes of the deal · 5 locked · 6 the deal was changed or put elsewhere since · 7 rejected by a hook · 10 the clone is shallow and ends there")]
pub struct Args {
    /// The commit to take back
    #[arg(value_name = "COMMIT")]
    commit: Option<String>,
    /// Say why, as the body of the commit's message
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Show the change as a diff and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Change and stage the files, and leave the commit to you
    #[arg(long, conflicts_with_all = ["date", "message"])]
    no_commit: bool,
    /// When it happened, for what is written down late: a day (YYYY-MM-DD, its noon) or a moment as in
    /// 2026-11-20T14:30:00+03:00. The author's date of the commit
    #[arg(long, value_name = "DATE", value_parser = When::parse)]
    date: Option<When>,
}

/// More paths than this are not named.
const MOST_NAMED: usize = 10;

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let home = home(global)?;
    let source = work_tree(&home, &current(global)?)?;
    let git = Git::new(&home)?;
    if !args.dry_run
        && let Some(exit) = finish_what_was_cut_short(ui, &home, &git)?
    {
        return Ok(exit);
    }
    let pipeline = read_pipeline(ui, &source)?;
    if let Some(when) = &args.date {
        not_in_the_future(when, when.day(&pipeline.timezone), today(global, &pipeline))?;
    }
    let pick = match &args.commit {
        Some(spec) => Pick::Commit(resolve(&home, spec)?),
        None => Pick::Last,
    };
    let is_deal =
        |path: &str| deal_path(path).is_some_and(|(stage, _)| pipeline.current_name(stage.as_str()).is_some());
    let undo = plan(&home, &git, pick, &is_deal, &mut |line| ui.note(plain(line))).map_err(refused)?;
    let reverted: Vec<Reverted> = undo.changes.iter().map(|change| Reverted::of(&home, change)).collect();
    if args.dry_run {
        possible(&home, &git, &undo.changes, &mut |line| ui.note(plain(line)))?;
        undo.changes.iter().for_each(|change| ui.print(diff(change)));
        tell_elsewhere(ui, &undo);
        return Ok(Exit::Done);
    }
    let action = Action {
        changes: undo.changes.clone(),
        subject: subject(&undo),
        body: args.message.clone().unwrap_or_default(),
        trailers: trailers(&undo, &reverted),
        date: args.date.as_ref().and_then(|when| when.for_git(&pipeline.timezone)),
        command: Some(typed()),
    };
    let (how, exit) = if args.no_commit {
        let exit = stage_whole(&home, &git, &action)?;
        // With the trailer in it a later undo knows that this one is taken back.
        let words = [shell_word(&action.subject), shell_word(&format!("{UNDOES}: {}", undo.target.id))];
        (format!("staged, not committed; commit with: git commit -m {}", words.join(" -m ")), exit)
    } else {
        let (done, exit) = commit_whole(&home, &git, &action)?;
        for line in done.printed.lines() {
            ui.note(plain(line));
        }
        ui.remember(format!("commit {} is made", done.commit.short()));
        (format!("committed as {}", done.commit.short()), exit)
    };
    for file in &reverted {
        ui.line(plain(&file.sentence()));
    }
    tell_elsewhere(ui, &undo);
    ui.line(plain(&format!("undid {}, {how}", undo.target)));
    Ok(exit)
}

/// Where a file of a deal was and is again; other files of the pipeline have no deal.
struct Reverted {
    path: String,
    deal: Option<DealId>,
    /// Where it goes from; `None` for a deal that comes back.
    from: Option<StageId>,
    /// Where it goes to; `None` for a deal that had not been there before.
    to: Option<StageId>,
    /// Whether its text becomes another too.
    edited: bool,
}

impl Reverted {
    fn of(home: &Home, change: &FileChange) -> Reverted {
        let place =
            |file: &Option<FileState>| file.as_ref().and_then(|f| home.in_pipeline(&f.path)).and_then(deal_path);
        let (from, to) = (place(&change.before), place(&change.after));
        let bytes = |file: &Option<FileState>| file.as_ref().map(|f| f.bytes.clone());
        let file = change.after.as_ref().or(change.before.as_ref());
        Reverted {
            path: file.map(|f| f.path.clone()).unwrap_or_default(),
            deal: to.as_ref().or(from.as_ref()).map(|(_, id)| id.clone()),
            from: from.map(|(stage, _)| stage),
            to: to.map(|(stage, _)| stage),
            edited: bytes(&change.before) != bytes(&change.after),
        }
    }

    fn sentence(&self) -> String {
        let Some(deal) = &self.deal else { return format!("{}: as it was", self.path) };
        let path = &self.path;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from == to => format!("{deal}: changed back ({path})"),
            (Some(from), Some(to)) if self.edited => format!("{deal}: {from} → {to}, and changed back"),
            (Some(from), Some(to)) => format!("{deal}: {from} → {to}"),
            (None, Some(to)) => format!("{deal}: back in {to} ({path})"),
            (from, _) => format!("{deal}: taken out of {} ({path})", from.as_ref().map_or("", |s| s.as_str())),
        }
    }
}

/// The first line of the message. What takes back an undo does the action again.
fn subject(undo: &Undo) -> String {
    let told = undo.target.subject.as_str();
    match (told.strip_prefix("undo: "), told.strip_prefix("redo: ")) {
        (Some(action), _) => format!("redo: {action}"),
        (_, Some(action)) => format!("undo: {action}"),
        _ if told.trim().is_empty() => format!("undo: {}", undo.target.id.short()),
        _ => format!("undo: {told}"),
    }
}

fn trailers(undo: &Undo, reverted: &[Reverted]) -> Vec<(String, String)> {
    let mut trailers = Vec::new();
    for file in reverted {
        let Some(deal) = &file.deal else { continue };
        trailers.push(("Deal".to_owned(), deal.to_string()));
        if file.from != file.to {
            trailers.extend(file.from.iter().map(|stage| ("From".to_owned(), stage.to_string())));
            trailers.extend(file.to.iter().map(|stage| ("To".to_owned(), stage.to_string())));
        }
    }
    trailers.push((UNDOES.to_owned(), undo.target.id.to_string()));
    trailers
}

fn tell_elsewhere(ui: &mut Ui, undo: &Undo) {
    if undo.elsewhere.is_empty() {
        return;
    }
    let named: Vec<&str> = undo.elsewhere.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = match undo.elsewhere.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    ui.note(plain(&format!(
        "the commit also changed {}{more} outside of this pipeline; that stays as it is",
        named.join(", ")
    )));
}

/// The change as `git diff` would show it.
fn diff(change: &FileChange) -> String {
    let (old, new) = (change.before.as_ref(), change.after.as_ref());
    let name = |side: &str, file: Option<&FileState>| match file {
        Some(file) => format!("{side}/{}", file.path),
        None => "/dev/null".to_owned(),
    };
    let (from, to) = (old.or(new), new.or(old));
    let mut out = plain(&format!("diff --git {} {}", name("a", from), name("b", to)));
    out.push('\n');
    match (old, new) {
        (None, _) => out.push_str("new file\n"),
        (_, None) => out.push_str("deleted file\n"),
        (Some(old), Some(new)) if old.path != new.path => {
            out.push_str(&plain(&format!("rename from {}", old.path)));
            out.push('\n');
            out.push_str(&plain(&format!("rename to {}", new.path)));
            out.push('\n');
        }
        _ => {}
    }
    let text =
        |file: Option<&FileState>| file.map(|f| String::from_utf8_lossy(&f.bytes).into_owned()).unwrap_or_default();
    let (before, after) = (text(old), text(new));
    let lines = similar::TextDiff::from_lines(&before, &after);
    let shown = lines.unified_diff().context_radius(3).header(&name("a", old), &name("b", new)).to_string();
    for line in shown.lines() {
        out.push_str(&plain(line));
        out.push('\n');
    }
    out
}

/// What a refusal ends with, and the line to type.
fn refused(error: UndoError) -> CommandError {
    let exit = match &error {
        UndoError::Nothing => Exit::NotInState,
        UndoError::Edge(_) => Exit::Incomplete,
        UndoError::Foreign(_)
        | UndoError::Merge(_)
        | UndoError::Beginning(_)
        | UndoError::NoDeals(_)
        | UndoError::NotAFile { .. } => Exit::Findings,
        UndoError::NotOnBranch(_) => Exit::Usage,
        UndoError::Changed { .. } | UndoError::Twice { .. } | UndoError::Already { .. } => Exit::Conflict,
        UndoError::Write(_) => Exit::Io,
    };
    let message = error.to_string();
    let told = CommandError::new(exit, message);
    match error {
        UndoError::Write(error) => error.into(),
        UndoError::Foreign(told_of) => {
            told.hint(format!("`tussock undo {}` takes it back all the same", told_of.id.short()))
        }
        UndoError::Merge(told_of) => told.hint(format!(
            "name the commit to take back (`git log {0}^1..{0}^2` lists those it brought), or take all back with \
             `git revert -m 1 {0}`",
            told_of.id.short()
        )),
        UndoError::Edge(_) => told.hint("`git fetch --unshallow` brings the rest of the history"),
        UndoError::Changed { later, .. } => told.hint(format!(
            "undo the later change first, with `tussock undo {}`, or use `tussock move` and `tussock set`",
            later.id.short()
        )),
        UndoError::Twice { there, .. } => told.hint(format!(
            "two files of one id cannot stand side by side; rename {there} first, with `tussock rename`"
        )),
        UndoError::Already { by, .. } => told.hint(format!("`tussock undo {}` does it again", by.id.short())),
        _ => told,
    }
}
