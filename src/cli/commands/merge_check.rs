//! `tussock merge-check`.

use std::collections::BTreeMap;

use clap::ValueEnum;

use crate::check::{Files, Level, report};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::{home, read_pipeline};
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;
use crate::merge::check::{Names, connect, findings, still, under_every_base};
use crate::merge::{Content, Copy, DealFiles, Difference, FileAt, Version, deals, judge};
use crate::output::findings_json;
use crate::output::text::{Look, closing, render};
use crate::repo::discover::Home;
use crate::repo::error::RepoError;
use crate::repo::git::Git;
use crate::repo::merged::{self, Merge, Which};
use crate::repo::objects::ObjectId;
use crate::repo::revision::{head, is_shallow, resolve};
use crate::repo::snapshot::Snapshot;

/// Check that merges lost nothing
///
/// Repeats every merge deal by deal, by id and field by field, and reports each deal where git's result differs from
/// what the branches did: a change that is missing, a deal in two stages, a value that went to another deal, a deal that
/// was moved along with a folder. What both branches changed in different ways a person had to settle, and either is fine.
/// A deal that one branch renamed is followed by its `was`. Where the branches have several last common ancestors, what is
/// wrong against each of them is reported. What a later commit has put right is told as an info.
///
/// Without RANGE: the merges that HEAD brought in, where HEAD is one (as in the test merge of a pull request); else those
/// that the upstream branch does not have; without an upstream branch the last one.
///
/// A rebase or a cherry-pick leaves no merge commit; --ours, --theirs and --result say what was brought together and what
/// came of it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock merge-check                       what is new here
  tussock merge-check HEAD                  one merge
  tussock merge-check main..HEAD            every merge of a range
  tussock merge-check --all --format json
  tussock merge-check --ours main --theirs ORIG_HEAD --result HEAD       after `git rebase main`
  tussock merge-check --ours HEAD~1 --theirs 1a2b3c --base 1a2b3c~1 --result HEAD       after `git cherry-pick 1a2b3c`

Exit codes: 0 nothing found · 1 findings of level error · 2 no such revision, or no merge · 3 no pipeline here · 8 the repository cannot be read · 10 history is cut off in a shallow clone")]
pub struct Args {
    /// A merge, or a range of commits
    #[arg(value_name = "RANGE", conflicts_with_all = ["all", "result"])]
    range: Option<String>,
    /// Every merge that HEAD can reach
    #[arg(long, conflicts_with = "result")]
    all: bool,
    /// What was merged, rebased or picked onto
    #[arg(long, value_name = "REV", requires = "result")]
    ours: Option<String>,
    /// What was merged in, rebased or picked, as it was before
    #[arg(long, value_name = "REV", requires = "result")]
    theirs: Option<String>,
    /// What both began with; without it, what git finds
    #[arg(long, value_name = "REV", requires = "result")]
    base: Option<String>,
    /// What came of it
    #[arg(long, value_name = "REV", requires = "ours", requires = "theirs")]
    result: Option<String>,
    /// How to print findings
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let home = home(global)?;
    home.place()?;
    let git = Git::new(&home)?;
    let merges = wanted(&home, &git, args)?;
    let Some(newest) = merges.first() else {
        ui.note("there is no merge to check; `tussock merge-check --all` looks at every one");
        return finish(ui, args, None);
    };
    let source = Snapshot::of_commit(&home, newest.result)?;
    let pipeline = read_pipeline(ui, &source)?;
    let shallow = is_shallow(&home)?;
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut later = Later::new(&home)?;
    for merge in &merges {
        if merge.bases.is_empty() && shallow {
            let message = format!(
                "what the merge {} began with is cut off in this shallow clone, so it cannot be checked",
                merge.result.short()
            );
            return Err(CommandError::new(Exit::Incomplete, message).hint("`git fetch --unshallow` brings the rest"));
        }
        let (mut differences, deals) = differences(&home, &git, merge)?;
        if !differences.is_empty() {
            later.look(&home, &git, merge, &mut differences)?;
        }
        looked_at += deals;
        found.extend(findings(&names(merge, args.result.is_none()), &differences));
    }
    finish(ui, args, Some((report(&pipeline, found, looked_at), &source)))
}

fn wanted(home: &Home, git: &Git, args: &Args) -> Result<Vec<Merge>, CommandError> {
    if let (Some(ours), Some(theirs), Some(result)) = (&args.ours, &args.theirs, &args.result) {
        let base = args.base.as_ref().map(|base| resolve(home, base)).transpose()?;
        let sides = vec![resolve(home, ours)?, resolve(home, theirs)?];
        return Ok(vec![merged::merge(git, base, sides, resolve(home, result)?)?]);
    }
    let which = match &args.range {
        Some(range) => Which::Named(range),
        None if args.all => Which::All,
        None => Which::New,
    };
    Ok(merged::merges(home, git, which)?)
}

/// What is different about the deals of a merge, and how many deals had a part in it.
fn differences(home: &Home, git: &Git, merge: &Merge) -> Result<(Vec<Difference>, usize), CommandError> {
    let bases: Vec<Option<ObjectId>> = match merge.bases.as_slice() {
        [] => vec![None],
        bases => bases.iter().copied().map(Some).collect(),
    };
    let (mut judged, mut looked_at) = (Vec::new(), 0);
    for base in bases {
        let mut files: BTreeMap<DealId, DealFiles<ObjectId>> = BTreeMap::new();
        for file in merged::files(home, git, merge, base)? {
            let deal = files.entry(file.deal).or_insert_with(|| DealFiles::none(merge.sides.len()));
            let at = |blob: Option<ObjectId>| blob.map(|blob| FileAt { path: file.path.clone(), blob });
            deal.base.extend(at(file.base));
            deal.result.extend(at(file.result));
            for (side, blob) in deal.sides.iter_mut().zip(file.sides) {
                side.extend(at(blob));
            }
        }
        looked_at = looked_at.max(files.len());
        let asked = files.values().filter(|deal| !deal.is_plain());
        let asked = asked.flat_map(|deal| deal.sides.iter().flatten().chain(&deal.base).chain(&deal.result));
        let mut blobs = merged::blobs(git, &asked.map(|file| file.blob).collect())?;
        let mut read = |id: &ObjectId| -> Result<Vec<u8>, RepoError> {
            if let Some(bytes) = blobs.get(id) {
                return Ok(bytes.clone());
            }
            // A new deal that may be an old one under another id.
            let bytes = merged::blob(git, id)?;
            blobs.insert(*id, bytes.clone());
            Ok(bytes)
        };
        let deals = deals(files, &mut read)?;
        judged.push(connect(deals.iter().flat_map(judge).collect()));
    }
    Ok((under_every_base(judged), looked_at))
}

/// The deals as HEAD has them, read when they are first asked for.
struct Later {
    head: Option<ObjectId>,
    deals: Option<BTreeMap<DealId, Vec<(String, ObjectId)>>>,
}

impl Later {
    fn new(home: &Home) -> Result<Self, CommandError> {
        Ok(Later { head: head(home)?.and_then(|head| head.commit), deals: None })
    }

    /// Marks what a later commit has put right.
    fn look(
        &mut self,
        home: &Home,
        git: &Git,
        merge: &Merge,
        differences: &mut [Difference],
    ) -> Result<(), CommandError> {
        let Some(head) = self.head.filter(|head| *head != merge.result) else { return Ok(()) };
        if !merged::is_before(git, merge.result, head)? {
            return Ok(());
        }
        if self.deals.is_none() {
            self.deals = Some(merged::deals_at(home, git, head)?);
        }
        for difference in differences {
            let files = self.deals.as_ref().and_then(|deals| deals.get(&difference.deal));
            let mut now = Version::default();
            for (path, blob) in files.into_iter().flatten() {
                if let Some((stage, _)) = deal_path(path) {
                    let content = Content::read(&merged::blob(git, blob)?);
                    now.copies.push(Copy { path: path.clone(), stage, content });
                }
            }
            difference.mended = !still(&difference.kind, &now);
        }
        Ok(())
    }
}

fn names(merge: &Merge, is_commit: bool) -> Names {
    let side = |(number, id): (usize, &ObjectId)| match number {
        0 => format!("the branch that was merged into ({})", id.short()),
        _ => format!("the branch that was merged in ({})", id.short()),
    };
    let what = if is_commit { "merge" } else { "what came to" };
    Names {
        merge: format!("{what} {}", merge.result.short()),
        sides: merge.sides.iter().enumerate().map(side).collect(),
    }
}

fn finish(ui: &mut Ui, args: &Args, found: Option<(crate::check::Report, &Snapshot)>) -> Result<Exit, CommandError> {
    let (report, files) = match &found {
        Some((report, source)) => (report, Files::names_of(*source)),
        None => (&crate::check::Report::default(), Files::of_texts([])),
    };
    match args.format {
        Format::Json => ui.line(findings_json::render(report, &files).trim_end()),
        Format::Text => {
            let look = Look { colour: ui.colour, columns: ui.columns() };
            ui.print(render(report, &files, look));
            if report.findings.is_empty() && ui.out_is_terminal && found.is_some() {
                ui.note(closing(&report.summary));
            }
        }
    }
    Ok(if report.worst() == Some(Level::Error) { Exit::Findings } else { Exit::Done })
}
