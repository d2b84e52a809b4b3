//! From a plan to a commit, and what a person is told about it.

use crate::action::plan::{Change, Plan, PlanError, Reason, Refusal};
use crate::format::judge::Outcome;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::error::WriteError;
use crate::repo::git::Git;
use crate::repo::transaction::{Action, Done, FileChange, commit_holding};

use super::exit::{CommandError, Exit};
use super::signals::Deferred;
use super::ui::Ui;
use super::workspace::Workspace;
use crate::format::source::Source as _;

/// What every writing command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct WriteArgs {
    /// Say why, as the body of the commit's message
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Show the change as a diff and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Carries a plan out: shows it as a diff, or commits it and says what was done.
///
/// # Errors
/// What the transaction refuses.
pub fn carry_out(ui: &mut Ui, workspace: &Workspace, plan: &Plan, args: &WriteArgs) -> Result<Exit, CommandError> {
    let home = &workspace.home;
    if args.dry_run {
        for change in &plan.changes {
            ui.print(diff(home, change));
        }
        tell_already(ui, plan);
        return Ok(Exit::Done);
    }
    let mut exit = Exit::Done;
    if !plan.changes.is_empty() {
        let git = Git::new(home)?;
        let action = Action {
            changes: plan.changes.iter().map(|c| file_change(home, c)).collect(),
            subject: plan.subject.clone(),
            body: args.message.clone().unwrap_or_default(),
            trailers: plan.trailers.clone(),
            date: None,
            command: Some(typed()),
        };
        let done;
        (done, exit) = commit_whole(home, &git, &action)?;
        for line in done.printed.lines() {
            ui.note(plain(line));
        }
        for change in &plan.changes {
            ui.line(sentence(change, &workspace.source.display(&change.new_path)));
        }
        ui.line(format!("committed as {}", done.commit.short()));
    }
    tell_already(ui, plan);
    Ok(exit)
}

/// Commits an action. A signal that comes while the files follow the branch waits until they have; the exit code then
/// says that it came.
///
/// # Errors
/// What the transaction refuses.
pub fn commit_whole(home: &Home, git: &Git, action: &Action) -> Result<(Done, Exit), CommandError> {
    let signals =
        Deferred::new().map_err(|e| CommandError::new(Exit::Io, format!("cannot prepare for Ctrl-C: {e}")))?;
    let committed = commit_holding(home, git, action, &|| signals.hold(), &mut eprint_line);
    match (committed, signals.came()) {
        (Ok(done), came) => Ok((done, came.unwrap_or(Exit::Done))),
        // Ctrl-C ends the git that we started as well: what it then says of itself is no news.
        (Err(WriteError::Git(_)), Some(exit)) => Err(CommandError::new(exit, "stopped; nothing was changed")),
        (Err(error), _) => Err(error.into()),
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

fn file_change(home: &Home, change: &Change) -> FileChange {
    let new_path = home.in_repository(&change.new_path);
    match &change.old_path {
        None => FileChange::create(new_path, change.after.as_bytes()),
        Some(old) => {
            FileChange::relocate(home.in_repository(old), change.before.as_bytes(), new_path, change.after.as_bytes())
        }
    }
}

fn sentence(change: &Change, path: &str) -> String {
    match &change.from {
        None => format!("{}: new in {} ({path})", change.deal, change.to),
        Some(from) if *from == change.to => format!("{}: changed ({path})", change.deal),
        Some(from) => format!("{}: {from} → {}", change.deal, change.to),
    }
}

/// The change as `git diff` would show it.
fn diff(home: &Home, change: &Change) -> String {
    let new = home.in_repository(&change.new_path);
    let old = change.old_path.as_ref().map(|p| home.in_repository(p));
    let mut out = format!("diff --git a/{} b/{new}\n", old.as_deref().unwrap_or(&new));
    match &old {
        None => out.push_str("new file\n"),
        Some(old) if *old != new => out.push_str(&format!("rename from {old}\nrename to {new}\n")),
        Some(_) => {}
    }
    let text = similar::TextDiff::from_lines(&change.before, &change.after);
    let old_name = old.map_or_else(|| "/dev/null".to_owned(), |o| format!("a/{o}"));
    let shown = text.unified_diff().context_radius(3).header(&old_name, &format!("b/{new}")).to_string();
    for line in shown.lines() {
        out.push_str(&plain(line));
        out.push('\n');
    }
    out
}

/// More missing fields than this are not for one line.
const MOST_IN_A_STEP: usize = 6;

/// Turns a refusal into sentences: each criterion, what is missing, where the deal could go, and the line to type.
pub fn refused(error: PlanError) -> CommandError {
    let PlanError::Refused { refusals } = error else { return error.into() };
    let mut lines = Vec::new();
    let mut hints = Vec::new();
    for refusal in &refusals {
        let verb = if refusal.from.is_some() { "move to" } else { "begin in" };
        let to = refusal.to.as_str();
        lines.push(format!("{} cannot {verb} {to}:", refusal.deal));
        lines.extend(refusal.reasons.iter().map(reason));
        hints.extend(way_out(refusal, to));
        hints.extend(refusal.choices.iter().cloned());
    }
    hints.dedup();
    if let [Refusal { from: Some(_), open_to, .. }] = &refusals[..]
        && !open_to.is_empty()
    {
        let open: Vec<&str> = open_to.iter().map(|s| s.as_str()).collect();
        hints.push(format!("open to it as it is: {}", open.join(", ")));
    }
    let mut refused = CommandError::new(Exit::Findings, lines.join("\n"));
    refused.hints = hints;
    refused
}

fn reason(reason: &Reason) -> String {
    match &reason.asked_by {
        Some((criterion, place)) => {
            format!("  - {} ({criterion}, asked by {place}): {}", reason.text, standing(&reason.outcome))
        }
        None => format!("  - {} is required and missing", reason.text),
    }
}

/// How a deal stands to a criterion, in a few words.
pub fn standing(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Met => "met".to_owned(),
        Outcome::Missing(fields) => format!("missing {}", fields.join(", ")),
        Outcome::MissingOneOf(fields) => format!("missing {}", fields.join(" or ")),
        Outcome::NotSatisfied(why) => format!("not satisfied, {why}"),
        Outcome::Failed(why) => format!("cannot be judged, {why}"),
        Outcome::Waived { by, reason, on } => format!("waived by {by} on {on}: {reason}"),
    }
}

fn way_out(refusal: &Refusal, to: &str) -> Option<String> {
    if refusal.fill.is_empty() {
        return None;
    }
    let sets: Vec<String> = refusal.fill.iter().map(|f| format!("--set {f}")).collect();
    let deal = &refusal.deal;
    Some(match &refusal.from {
        None => format!("fill them in the same step: add {}", sets.join(" ")),
        Some(_) if sets.len() > MOST_IN_A_STEP => {
            format!("that is far for one step; `tussock why {deal}` says what the next stage needs")
        }
        Some(_) => format!("fill them in the same step: tussock move {deal} {to} {}", sets.join(" ")),
    })
}

/// The command as it was typed, and where, for the journal.
fn typed() -> String {
    let words: Vec<String> = std::env::args_os().map(|w| w.to_string_lossy().into_owned()).collect();
    let folder = std::env::current_dir().map(|f| f.display().to_string()).unwrap_or_default();
    format!("{} (in {folder})", words.join(" "))
}
