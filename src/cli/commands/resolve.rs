//! `tussock resolve`.

use chrono::Datelike;

use super::r#move::parse_sets;
use crate::action::assign::{self, Assignment};
use crate::action::find;
use crate::cli::Global;
use crate::cli::asking::choose;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, home, read_pipeline, today, work_tree};
use crate::cli::write::{commit_whole, finish_what_was_cut_short, typed};
use crate::format::ident::DealId;
use crate::format::pipeline::{Pipeline, deal_path};
use crate::format::shell::shell_word;
use crate::format::source::Source as _;
use crate::merge::content::Datum;
use crate::merge::settle::{self, Answers, Decision, Outcome, PlaceOutcome, Proposal, Side, Versions, Which};
use crate::merge::split;
use crate::output::terminal::{plain, table};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::settle::{Cause, Conflict, ConflictSide, SideFile, conflict, line_by_line, settle as write_settled};
use crate::repo::transaction::{Action, FileChange};

/// Settle a deal that a merge left in conflict or in two stages
///
/// Shows both versions field by field, takes by itself what only one side changed, and keeps one file. What both sides
/// changed in different ways has to be said: the stage with --stage, everything else with --take or --set; on a terminal
/// it is asked. Works in the middle of a merge, squash merge, rebase, cherry-pick, revert or stash pop, also after
/// `git add -A`, and then leaves the commit to git; a duplicate that is committed already is settled with a commit. Both
/// versions stay reachable, and the command says where.
///
/// "ours" is the version of what is checked out, "theirs" the one that comes in. In a rebase these are what you rebase onto
/// and your own commit.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock resolve acme-site                          shows both versions; settles what is clear
  tussock resolve acme-site --stage proposal
  tussock resolve acme-site --take ours              yours wherever both changed the same
  tussock resolve acme-site --stage proposal --set amount=20000
  tussock resolve acme-site --dry-run

Exit codes: 0 settled, or nothing to settle · 1 something has to be decided · 2 no such deal or stage · 4 there are uncommitted changes, or no work tree · 5 locked · 6 several branches at once, or the deal changed meanwhile · 7 rejected by a hook · 8 input or output failed")]
pub struct Args {
    /// The deal
    deal: String,
    /// The stage it belongs to
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// The version to take wherever both changed the same: ours, theirs, or the stage that one of them is in
    #[arg(long, value_name = "VERSION")]
    take: Option<String>,
    /// The value of a field that both changed (field=value; field= to take it out)
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
    /// Ask nothing
    #[arg(long)]
    no_input: bool,
    /// Show both versions and what would be written, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What the command knows once it has looked.
struct Case<'a> {
    home: &'a Home,
    pipeline: &'a Pipeline,
    conflict: Conflict,
    versions: Versions,
    proposal: Proposal,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let id = DealId::new(&args.deal).map_err(|error| CommandError::usage(error.to_string()))?;
    let home = home(global)?;
    home.place()?;
    let source = work_tree(&home, &current(global)?)?;
    let pipeline = read_pipeline(ui, &source)?;
    let git = Git::new(&home)?;
    if !args.dry_run
        && let Some(exit) = finish_what_was_cut_short(ui, &home, &git)?
    {
        return Ok(exit);
    }
    let conflict = conflict(&home, &git, &id)?;
    if conflict.cause == Cause::None {
        return nothing_to_settle(ui, &source, &conflict);
    }
    let versions = versions(&conflict)?;
    let proposal = settle::propose(&versions).map_err(|error| refuse(&error))?;
    let case = Case { home: &home, pipeline: &pipeline, conflict, versions, proposal };
    let today = today(global, &pipeline);
    let sets = parse_sets(&args.sets)?;
    let mut answers = case.answers(args, &sets, today.year())?;
    case.show(ui, &answers);
    if ui.interactive && !args.no_input {
        case.ask(ui, &mut answers)?;
    }
    let Some(decision) = settle::decide(&case.versions, &case.proposal, &answers).map_err(|error| refuse(&error))?
    else {
        return Err(case.undecided(&answers));
    };
    let text = match &decision.path {
        None => None,
        Some(path) => {
            let text = case.text(&git, &decision)?;
            Some((path.clone(), assign::apply(&text, path, &sets, &pipeline, today).map_err(|error| refuse(&error))?))
        }
    };
    if args.dry_run {
        match &text {
            None => ui.line(format!("{id} would be removed")),
            Some((path, text)) => {
                ui.line(format!("{} would hold:\n", plain(&source.display(path))));
                text.lines().for_each(|line| ui.line(format!("  {}", plain(line))));
            }
        }
        return Ok(Exit::Done);
    }
    case.write(ui, &git, text.as_ref().map(|(path, text)| (path.as_str(), text.as_str())))
}

fn refuse(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(Exit::Findings, error.to_string())
}

fn nothing_to_settle(
    ui: &mut Ui,
    source: &crate::repo::worktree::WorkTree,
    conflict: &Conflict,
) -> Result<Exit, CommandError> {
    match conflict.files.keys().next() {
        Some(path) => {
            ui.line(format!("{}: nothing to settle ({})", conflict.deal, plain(&source.display(path))));
            Ok(Exit::Done)
        }
        None => Err(CommandError::usage(format!("there is no deal `{}`, and no conflict about one", conflict.deal))
            .hint("`tussock validate` and `git status` name the deals in conflict")),
    }
}

/// The versions as text.
fn versions(conflict: &Conflict) -> Result<Versions, CommandError> {
    let side = |file: &Option<SideFile>| file.as_ref().map(text_of).transpose();
    let mut versions = Versions {
        base: side(&conflict.base)?,
        ours: side(&conflict.ours.file)?,
        theirs: side(&conflict.theirs.file)?,
    };
    if conflict.cause == Cause::Markers
        && let (Some(ours), Some(theirs)) = (&mut versions.ours, &mut versions.theirs)
    {
        let (one, two, base) = split(&ours.text).ok_or_else(|| {
            CommandError::new(Exit::Findings, format!("the conflict markers in {} do not belong together", ours.path))
                .hint("edit the file by hand")
        })?;
        versions.base = base.map(|text| Side { text, ..ours.clone() });
        (ours.text, theirs.text) = (one, two);
    }
    Ok(versions)
}

fn text_of(file: &SideFile) -> Result<Side, CommandError> {
    let unreadable = |why: &str| CommandError::new(Exit::Findings, format!("the version in {} {why}", file.path));
    let text = String::from_utf8(file.bytes.clone()).map_err(|_| unreadable("is not UTF-8"))?;
    let (stage, _) = deal_path(&file.path).ok_or_else(|| unreadable("is at no place for a deal"))?;
    Ok(Side { path: file.path.clone(), stage, text })
}

impl Case<'_> {
    fn id(&self) -> &DealId {
        &self.conflict.deal
    }

    /// The answers of the command line.
    fn answers(&self, args: &Args, sets: &[Assignment], year: i32) -> Result<Answers, CommandError> {
        let mut answers = Answers { sets: sets.iter().map(|set| set.field.clone()).collect(), ..Answers::default() };
        if let Some(stage) = &args.stage {
            let place = find::place(self.pipeline, stage)?;
            // A version that is there already keeps its year.
            let there = [&self.versions.ours, &self.versions.theirs, &self.versions.base];
            let there = there.into_iter().flatten().find(|side| side.stage == *place.id());
            answers.path = Some(match there {
                Some(side) => side.path.clone(),
                None => find::path_in(place, self.id(), year),
            });
        }
        if let Some(take) = &args.take {
            answers.take = Some(self.which(take)?);
        }
        Ok(answers)
    }

    fn which(&self, name: &str) -> Result<Which, CommandError> {
        let in_stage = |side: &Option<Side>| side.as_ref().is_some_and(|side| side.stage == *name);
        match (name, in_stage(&self.versions.ours), in_stage(&self.versions.theirs)) {
            ("ours", _, _) | (_, true, false) => Ok(Which::Ours),
            ("theirs", _, _) | (_, false, true) => Ok(Which::Theirs),
            _ => Err(CommandError::usage(format!("{name:?} is none of the two versions; write ours or theirs"))),
        }
    }

    /// Both versions, field by field, and what is kept as far as it is known.
    fn show(&self, ui: &mut Ui, answers: &Answers) {
        let Conflict { ours, theirs, .. } = &self.conflict;
        ui.line(format!("{}: two versions", ui.bold(self.id().as_str())));
        for (word, side) in [("ours", ours), ("theirs", theirs)] {
            let gone = if side.file.is_none() { ", where the deal is not" } else { "" };
            ui.line(format!("  {word:7} {}{gone}", plain(&side.name)));
        }
        let value = |value: &Option<Datum>| value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let stage = |side: &Option<Side>| side.as_ref().map_or_else(|| "-".to_owned(), |side| side.stage.to_string());
        let Versions { base, ours, theirs } = &self.versions;
        let at = |path: &String| deal_path(path).map_or_else(String::new, |(stage, _)| stage.to_string());
        let kept = match (&answers.path, &self.proposal.place, answers.take) {
            (Some(path), _, _) | (None, PlaceOutcome::Clear(Some(path)), _) => at(path),
            (None, PlaceOutcome::Clear(None), _) => "-".to_owned(),
            (None, PlaceOutcome::Open, Some(Which::Ours)) => stage(ours),
            (None, PlaceOutcome::Open, Some(Which::Theirs)) => stage(theirs),
            (None, PlaceOutcome::Open, None) => "?".to_owned(),
        };
        let mut rows = vec![vec!["stage".to_owned(), stage(base), stage(ours), stage(theirs), kept]];
        for row in &self.proposal.rows {
            let kept = match (&row.outcome, answers.take) {
                (Outcome::Clear(kept), _) => value(kept),
                (Outcome::Open, _) if answers.sets.contains(&row.field) => "as you say".to_owned(),
                (Outcome::Open, Some(Which::Ours)) => value(&row.ours),
                (Outcome::Open, Some(Which::Theirs)) => value(&row.theirs),
                (Outcome::Open, None) => "?".to_owned(),
            };
            rows.push(vec![row.field.clone(), value(&row.base), value(&row.ours), value(&row.theirs), kept]);
        }
        ui.line("");
        let columns = ui.table_columns();
        ui.print(table(&["field", "before", "ours", "theirs", "kept"], &rows, &[], columns));
        ui.line("");
    }

    /// Asks for everything that is open.
    fn ask(&self, ui: &mut Ui, answers: &mut Answers) -> Result<(), CommandError> {
        if self.proposal.place == PlaceOutcome::Open && answers.path.is_none() && answers.take.is_none() {
            let choices = [(Which::Ours, &self.versions.ours), (Which::Theirs, &self.versions.theirs)];
            let line = |(_, side): &(Which, &Option<Side>)| match side {
                Some(side) => format!("in {}", side.stage),
                None => "nowhere: it is removed".to_owned(),
            };
            let lines: Vec<String> = choices.iter().map(line).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let chosen = choose(ui, &format!("Where does {} belong", self.id()), &lines)?;
            match choices.get(chosen) {
                Some((_, Some(side))) => answers.path = Some(side.path.clone()),
                Some((which, None)) => answers.take = Some(*which),
                None => {}
            }
        }
        for row in self.proposal.open_fields() {
            if answers.take.is_some() || answers.sets.contains(&row.field) {
                continue;
            }
            let shown = |value: &Option<Datum>| {
                plain(&value.as_ref().map_or_else(|| "no value".to_owned(), ToString::to_string))
            };
            let lines = [format!("{} (ours)", shown(&row.ours)), format!("{} (theirs)", shown(&row.theirs))];
            let chosen = choose(ui, &plain(&row.field), &[&lines[0], &lines[1]])?;
            answers.fields.insert(row.field.clone(), if chosen == 0 { Which::Ours } else { Which::Theirs });
        }
        Ok(())
    }

    /// What has to be said, and the lines to type.
    fn undecided(&self, answers: &Answers) -> CommandError {
        let mut open = Vec::new();
        let mut line = format!("tussock resolve {}", self.id());
        let (mut hints, mut or) = (Vec::new(), String::new());
        if self.proposal.place == PlaceOutcome::Open && answers.path.is_none() {
            open.push("its stage".to_owned());
            match (&self.versions.ours, &self.versions.theirs) {
                (Some(one), Some(two)) => {
                    line.push_str(&format!(" --stage {}", one.stage));
                    or = format!(" (or {})", two.stage);
                }
                (Some(one), None) | (None, Some(one)) => {
                    line.push_str(&format!(" --stage {}", one.stage));
                    let take = if self.versions.ours.is_none() { "ours" } else { "theirs" };
                    hints.push(format!("`tussock resolve {} --take {take}` removes it", self.id()));
                }
                (None, None) => {}
            }
        }
        let fields: Vec<_> = self.proposal.open_fields().filter(|row| !answers.sets.contains(&row.field)).collect();
        open.extend(fields.iter().map(|row| format!("`{}`", row.field)));
        let mut with_take = line.clone();
        if !fields.is_empty() {
            for row in &fields {
                let value = match row.theirs.as_ref().or(row.ours.as_ref()) {
                    Some(Datum::Scalar(text, _)) if !text.contains('\n') => text.clone(),
                    _ => "…".to_owned(),
                };
                line.push_str(&format!(" --set {}", shell_word(&format!("{}={value}", row.field))));
            }
            with_take.push_str(" --take ours");
            hints.insert(0, format!("`{with_take}` (or theirs)"));
        }
        hints.insert(0, format!("`{line}`{or}"));
        if self.versions.base.is_none() && self.proposal.both_there() {
            hints.push(format!(
                "if they are two deals, give one of them another id: `git mv {} {}`",
                shell_word(
                    &self.versions.theirs.as_ref().map_or_else(String::new, |side| self.home.in_repository(&side.path))
                ),
                shell_word(&self.versions.theirs.as_ref().map_or_else(String::new, |side| {
                    self.home.in_repository(&side.path.replace(".yaml", "-2.yaml"))
                }))
            ));
        }
        let mut error =
            CommandError::new(Exit::Findings, format!("{}: somebody has to decide {}", self.id(), open.join(", ")));
        error.hints = hints;
        error
    }

    /// The text of what was decided.
    fn text(&self, git: &Git, decision: &Decision) -> Result<String, CommandError> {
        let bytes = |side: &Option<Side>| side.as_ref().map(|side| side.text.clone().into_bytes()).unwrap_or_default();
        let Versions { base, ours, theirs } = &self.versions;
        let merged = match (ours, theirs) {
            (Some(_), Some(_)) => line_by_line(git, &bytes(base), &bytes(ours), &bytes(theirs))?,
            _ => Vec::new(),
        };
        let merged: Vec<String> = merged.into_iter().filter_map(|bytes| String::from_utf8(bytes).ok()).collect();
        settle::text(&self.versions, decision, &merged, &self.pipeline.fields).map_err(|error| refuse(&error))
    }

    /// Writes it, and says what was done and what is to be done next.
    fn write(&self, ui: &mut Ui, git: &Git, kept: Option<(&str, &str)>) -> Result<Exit, CommandError> {
        let mut exit = Exit::Done;
        let shown = |path: &str| plain(&self.home.in_repository(path));
        match self.conflict.cause {
            Cause::Committed | Cause::Markers => {
                let Some(action) = self.action(kept) else { return Ok(Exit::Done) };
                let done;
                (done, exit) = commit_whole(self.home, git, &action)?;
                done.printed.lines().for_each(|line| ui.note(plain(line)));
                self.tell_kept(ui, kept.map(|(path, _)| shown(path)));
                ui.line(format!("committed as {}", done.commit.short()));
            }
            _ => {
                let keep = kept.map(|(path, text)| (path, text.as_bytes()));
                let settled = write_settled(self.home, git, &self.conflict, keep, &mut |line| ui.note(plain(line)))?;
                self.tell_kept(ui, kept.map(|(path, _)| shown(path)));
                for (path, object) in &settled.kept {
                    ui.line(format!("what was in {} is kept as `git show {}`", shown(path), object.short()));
                }
                self.tell_reachable(ui);
                match (settled.left.as_slice(), self.conflict.cause) {
                    ([], Cause::Operation(operation)) => ui.line(format!("next: `{}`", operation.finish)),
                    ([], Cause::Stash) => ui.line("next: commit it; `git stash drop` when the stash is of no more use"),
                    ([], _) => ui.line("next: commit it"),
                    (left, _) => ui.line(format!("still in conflict: {}", plain(&left.join(", ")))),
                }
                return Ok(exit);
            }
        }
        self.tell_reachable(ui);
        Ok(exit)
    }

    fn tell_kept(&self, ui: &mut Ui, kept: Option<String>) {
        match kept {
            Some(path) => ui.line(format!("{}: settled in {path}", self.id())),
            None => ui.line(format!("{}: settled, the deal is removed", self.id())),
        }
    }

    /// Where both versions can be found.
    fn tell_reachable(&self, ui: &mut Ui) {
        if self.conflict.cause == Cause::Markers {
            return;
        }
        for (word, side) in [("ours", &self.conflict.ours), ("theirs", &self.conflict.theirs)] {
            if let ConflictSide { file: Some(SideFile { path, commit, blob, .. }), .. } = side {
                let object = match commit {
                    Some(commit) => shell_word(&format!("{}:{}", commit.short(), self.home.in_repository(path))),
                    None => blob.to_string(),
                };
                ui.line(format!("  {word:7} `git show {}`", plain(&object)));
            }
        }
    }

    /// The commit that settles what is committed.
    fn action(&self, kept: Option<(&str, &str)>) -> Option<Action> {
        let id = self.id();
        let file = |side: &ConflictSide| side.file.clone();
        let mut files: Vec<SideFile> =
            [&self.conflict.ours, &self.conflict.theirs].into_iter().filter_map(file).collect();
        files.dedup_by(|a, b| a.path == b.path);
        let (path, text) = kept?;
        let at = |path: &str| self.home.in_repository(path);
        // The file that is there already, else the first one moves.
        let first = files.iter().position(|file| file.path == path).unwrap_or(0);
        let mut changes = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let bytes = self.conflict.files.get(&file.path).unwrap_or(&file.bytes).clone();
            changes.push(match number == first {
                true => FileChange::relocate(at(&file.path), bytes, at(path), text.as_bytes()),
                false => FileChange::remove(at(&file.path), bytes),
            });
        }
        let stage = deal_path(path).map_or_else(String::new, |(stage, _)| stage.to_string());
        Some(Action {
            changes,
            subject: format!("{id}: settled in {stage}"),
            trailers: vec![("Deal".to_owned(), id.to_string())],
            command: Some(typed()),
            ..Action::default()
        })
    }
}
