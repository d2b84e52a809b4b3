//! `tussock validate`.

use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use crate::check::{Circumstances, Files, Finding, Level, Report, check, rule};
use crate::cli::Global;
use crate::cli::damaged;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Facts, current, home, read, read_work_tree, today, work_tree};
use crate::format::load::Reading;
use crate::format::source::Source;
use crate::output::findings_json;
use crate::output::text::{Look, closing, render};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::incoming::coming_in;
use crate::repo::merged::last_change;
use crate::repo::revision::{head, resolve};
use crate::repo::snapshot::Snapshot;

/// Check the pipeline file and every deal
///
/// Runs every rule over the work tree and prints all findings, not only the first. Silence and exit code 0 when all is
/// well.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock validate                          everything
  tussock validate brief/acme-site.yaml     one deal (or a folder)
  tussock validate --staged                 what is staged, for a commit hook
  tussock validate --rev origin/main        a revision, without a checkout
  tussock validate --format json            for scripts
  tussock explain exit-criterion            what a rule means

Exit codes: 0 nothing found at or above --fail-on · 1 findings · 2 wrong arguments or a broken pipeline file · 3 no pipeline here")]
pub struct Args {
    /// Show only findings in these files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print findings
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
    /// Check a revision instead of the work tree
    #[arg(long, value_name = "REV", conflicts_with = "staged")]
    rev: Option<String>,
    /// Check what is staged instead of the work tree
    #[arg(long)]
    staged: bool,
    /// The lowest level that makes the exit code 1
    #[arg(long, value_name = "LEVEL", default_value = "error", value_enum)]
    fail_on: FailOn,
    /// Exit with 0 whatever is found
    #[arg(long)]
    exit_zero: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people: the lines with carets
    Text,
    /// For scripts
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let home = home(global)?;
    let here = current(global)?;
    let wanted = args.paths.iter().map(|p| below(&home, &here, p)).collect::<Result<Vec<_>, _>>()?;
    let snapshot = match &args.rev {
        Some(rev) => Some(Snapshot::of_commit(&home, resolve(&home, rev)?)?),
        None if args.staged => Some(Snapshot::of_index(&home)?),
        None => None,
    };
    let (source, reading): (Box<dyn Source>, Reading) = match snapshot {
        Some(snapshot) => {
            let reading = read(ui, &snapshot)?;
            (Box::new(snapshot), reading)
        }
        None => {
            let tree = work_tree(&home, &here)?;
            let reading = read_work_tree(ui, &home, &tree)?;
            (Box::new(tree), reading)
        }
    };
    let today = today(global, &reading.pipeline);
    let facts = Facts::gather(ui, &home, &reading.pipeline, today)?;
    let circumstances = Circumstances {
        today,
        source: &*source,
        days_in_stage: facts.days_in_stage.as_ref(),
        visited: facts.visited.as_ref(),
    };
    let mut report = check(&reading, &circumstances);
    if !wanted.is_empty() {
        report.retain(|f| wanted.iter().any(|w| is_at(&f.path, w)));
    }
    if args.rev.is_none() && !args.staged {
        damaged::explain(ui, &home, &reading, &mut report)?;
    }
    tell_last_changes(&home, args, &mut report)?;
    let files = Files::of(&reading, &*source);
    match args.format {
        Format::Json => ui.line(findings_json::render(&report, &files).trim_end()),
        Format::Text => {
            let look = Look { colour: ui.colour, columns: ui.columns() };
            ui.print(render(&report, &files, look));
            if report.findings.is_empty() && ui.out_is_terminal {
                ui.note(closing(&report.summary));
            }
        }
    }
    Ok(if fails(&report, args.fail_on) && !args.exit_zero { Exit::Findings } else { Exit::Done })
}

/// So many places of deals that lie in several are looked up in history, which can take long.
const LOOKED_UP: usize = 12;

/// Says of a deal in several places by which commit each came there.
fn tell_last_changes(home: &Home, args: &Args, report: &mut Report) -> Result<(), CommandError> {
    let twice = |f: &&mut Finding| f.rule == rule::duplicate_deal();
    if home.repo.is_none() || !report.findings.iter().any(|f| f.rule == rule::duplicate_deal()) {
        return Ok(());
    }
    let from = match &args.rev {
        Some(rev) => Some(resolve(home, rev)?),
        None => head(home)?.and_then(|head| head.commit),
    };
    // Without the program, the places alone are told.
    let (Some(from), Ok(git)) = (from, Git::new(home)) else { return Ok(()) };
    let mut heads = vec![from];
    if args.rev.is_none() {
        heads.extend(coming_in(home, &git).ok().flatten());
    }
    let mut left = LOOKED_UP;
    for finding in report.findings.iter_mut().filter(twice) {
        let paths = [finding.path.clone()].into_iter().chain(finding.related.iter().map(|r| r.path.clone()));
        for path in paths.collect::<Vec<_>>() {
            if left == 0 {
                return Ok(());
            }
            left -= 1;
            let last = last_change(home, &git, &heads, &path)?.unwrap_or_else(|| "not committed".to_owned());
            *finding = finding.clone().with_help(format!("{}: {last}", home.in_repository(&path)));
        }
    }
    Ok(())
}

fn fails(report: &Report, on: FailOn) -> bool {
    let floor = match on {
        FailOn::Error => Level::Error,
        FailOn::Warning => Level::Warning,
        FailOn::Info => Level::Info,
    };
    report.worst().is_some_and(|worst| worst >= floor)
}

fn is_at(path: &str, wanted: &str) -> bool {
    wanted.is_empty() || path == wanted || path.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/'))
}

/// A path of the command line as counted from the pipeline's folder. It need not exist: a deleted file may be staged.
pub(super) fn below(home: &Home, here: &Path, path: &Path) -> Result<String, CommandError> {
    let mut full = PathBuf::new();
    for part in here.join(path).components() {
        match part {
            Component::ParentDir => {
                full.pop();
            }
            Component::CurDir => {}
            other => full.push(other),
        }
    }
    if !full.exists() && !home.root.join(path).exists() {
        return Err(CommandError::usage(format!("there is no file or folder {}", path.display())));
    }
    let full = if full.exists() { full } else { home.root.join(path) };
    if home.root.starts_with(&full) {
        return Ok(String::new());
    }
    let inner = full.strip_prefix(&home.root).map_err(|_| {
        CommandError::usage(format!("{} is not in the pipeline {}", path.display(), home.root.display()))
    })?;
    Ok(inner.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
}
