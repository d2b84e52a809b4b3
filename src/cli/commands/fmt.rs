//! `tussock fmt`.

use std::collections::BTreeSet;
use std::path::Path;

use super::validate::below;
use crate::action::find::{NotFound, near_deal};
use crate::action::formatting::{self, Formatting, LeftAlone};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, current};
use crate::cli::write::{Reads, WriteArgs, carry_out};
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;
use crate::format::source::Source as _;
use crate::output::terminal::plain;

/// Write deals in canonical form
///
/// Puts the fields of each deal in the order of the pipeline's card, blocks line by line, and commits. Values stay as they
/// are written, comments stay with their fields, and at most one blank line stays between them. A file that cannot be
/// read, or that would lose something, is left as it is and named; the others are formatted.
#[derive(Debug, clap::Args)]
#[command(mut_arg("dry_run", |arg| arg.visible_alias("diff")), after_long_help = "\
Examples:
  tussock fmt                        every deal, those in ends too
  tussock fmt acme-site
  tussock fmt proposal/              all deals of a stage
  tussock fmt --check                what would change, for CI
  tussock fmt --check --diff         the same, as a diff

Exit codes: 0 done, or nothing to do · 1 --check found files that would change, or a file was left as it is · 2 no such deal · 4 uncommitted changes of a deal · 6 somebody else changed it first")]
pub struct Args {
    /// Deals, files or folders; without any: all deals
    #[arg(value_name = "DEAL|PATH")]
    words: Vec<String>,
    /// Name the files that would change, change nothing, and exit with 1 if there are any
    #[arg(long, conflicts_with_all = ["message", "no_commit", "date"])]
    check: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// What the command line asks for; nothing in it means everything.
#[derive(Default)]
struct Wanted {
    ids: BTreeSet<String>,
    /// Files and folders, counted from the pipeline's folder.
    paths: BTreeSet<String>,
}

impl Wanted {
    fn has(&self, path: &str, id: &DealId) -> bool {
        if self.ids.is_empty() && self.paths.is_empty() {
            return true;
        }
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        self.ids.contains(id.as_str()) || [path, ""].into_iter().chain(folders).any(|p| self.paths.contains(p))
    }
}

/// What was found, for the last words.
#[derive(Default)]
struct Summary {
    changes: usize,
    in_order: usize,
    left: Vec<String>,
}

impl Summary {
    fn of(formatting: &Formatting, workspace: &Workspace) -> Self {
        let shown =
            |left: &LeftAlone| format!("{} was left as it is: {}", workspace.source.display(&left.path), left.why);
        Summary {
            changes: formatting.plan.changes.len(),
            in_order: formatting.in_order,
            left: formatting.left.iter().map(shown).collect(),
        }
    }
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let ids: Option<Vec<String>> = args.words.iter().map(|word| (!is_path(word)).then(|| word.clone())).collect();
    let reads = ids.filter(|ids| !ids.is_empty()).map_or(Reads::All, Reads::These);
    let mut summary = Summary::default();
    let mut exit = Exit::Done;
    if args.check && !args.write.dry_run {
        let workspace = match &reads {
            Reads::These(ids) => Workspace::open_for(ui, global, ids)?,
            _ => Workspace::open(ui, global)?,
        };
        let formatting = plan(global, &workspace, &args.words)?;
        summary = Summary::of(&formatting, &workspace);
        for change in &formatting.plan.changes {
            ui.line(format!("would change {}", plain(&workspace.source.display(&change.new_path))));
        }
    } else {
        exit = carry_out(ui, global, &args.write, &reads, &mut |_, workspace| {
            let formatting = plan(global, workspace, &args.words)?;
            summary = Summary::of(&formatting, workspace);
            Ok(formatting.plan)
        })?;
    }
    for left in &summary.left {
        ui.warn(left);
    }
    match (summary.changes, summary.in_order) {
        (0, 1) => ui.line("1 deal is in canonical form, nothing to do"),
        (0, n) if n > 0 || summary.left.is_empty() => {
            ui.line(format!("{n} deals are in canonical form, nothing to do"))
        }
        _ => {}
    }
    let found = !summary.left.is_empty() || args.check && summary.changes > 0;
    Ok(if exit == Exit::Done && found { Exit::Findings } else { exit })
}

/// Whether a word is the name of a file or folder, by its look: no id has a slash in it, or ends in `.yaml`.
fn is_path(word: &str) -> bool {
    word.contains(['/', '\\']) || word.ends_with(".yaml") || word.chars().all(|c| c == '.')
}

/// Plans the formatting of what the words ask for.
fn plan(global: &Global, workspace: &Workspace, words: &[String]) -> Result<Formatting, CommandError> {
    let here = current(global)?;
    let reading = &workspace.reading;
    let broken = reading.unreadable.iter().filter_map(|file| deal_path(&file.path)).map(|(_, id)| id);
    let there: BTreeSet<DealId> = reading.deals.iter().map(|deal| deal.id.clone()).chain(broken).collect();
    let mut wanted = Wanted::default();
    for word in words {
        let is_there = there.contains(word.as_str());
        // The folder of a stage may stand without its slash.
        if is_path(word) || !is_there && here.join(word).is_dir() {
            wanted.paths.insert(below(&workspace.home, &here, Path::new(word))?);
        } else if is_there {
            wanted.ids.insert(word.clone());
        } else {
            let near = near_deal(word, there.iter().map(DealId::as_str)).map(str::to_owned);
            return Err(NotFound::Deal { id: word.clone(), near }.into());
        }
    }
    Ok(formatting::plan(reading, &|path, id| wanted.has(path, id)))
}
