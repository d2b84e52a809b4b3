//! `tussock validate`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use crate::check::{Circumstances, Files, Finding, Level, Report, check, rule};
use crate::cli::Global;
use crate::cli::damaged;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Facts, current, home, read, read_only, read_work_tree, today, work_tree};
use crate::format::ident::DealId;
use crate::format::load::{LoadError, Reading, load_only};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::source::Source;
use crate::output::findings_json;
use crate::output::text::{Look, closing, render};
use crate::repo::coming::{Coming, coming};
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::incoming::coming_in;
use crate::repo::merged::last_change;
use crate::repo::objects::ObjectId;
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
  tussock validate --staged                 what is staged
  tussock validate --staged --changed       what the next commit changes, for a commit hook
  tussock validate --rev origin/main        a revision, without a checkout
  tussock validate --as-of 2026-06-30       what was known that day, judged on that day
  tussock validate --format json            for scripts
  tussock explain exit-criterion            what a rule means

Exit codes: 0 nothing found at or above --fail-on · 1 findings · 2 wrong arguments or a broken pipeline file · 3 no pipeline here · 10 history is incomplete (a shallow clone, a missing or damaged object), and --as-of needs it")]
pub struct Args {
    /// Show only findings in these files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to print findings
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
    /// Check a revision instead of the work tree
    #[arg(long, value_name = "REV", conflicts_with_all = ["staged", "as_of"])]
    rev: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
    /// Check what is staged instead of the work tree
    #[arg(long, conflicts_with = "as_of")]
    staged: bool,
    /// With --staged: pass over findings that were there before, in deals that the next commit leaves as they are
    #[arg(long, requires = "staged", conflicts_with = "rev")]
    changed: bool,
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
    let mut home = home(global)?;
    let here = current(global)?;
    let wanted = args.paths.iter().map(|p| below(&home, &here, p)).collect::<Result<Vec<_>, _>>()?;
    let coming = if args.changed { coming(&home, &Git::new(&home)?)? } else { None };
    if matches!(args.format, Format::Text) && coming.as_ref().is_some_and(Coming::is_nothing) {
        return Ok(Exit::Done);
    }
    let mut commit = None;
    let mut then_today = None;
    let snapshot = match (&args.rev, &args.as_of.as_of) {
        (Some(rev), _) => {
            let found = *commit.insert(resolve(&home, rev)?);
            Some(Snapshot::of_commit(&home, found)?)
        }
        (None, Some(as_of)) => {
            let (then, snapshot) = Then::find(ui, global, &home, as_of, AllowIncomplete::default())?;
            (commit, then_today, home) = (Some(then.commit), Some(then.today), then.home);
            Some(snapshot)
        }
        (None, None) if args.staged => Some(Snapshot::of_index(&home)?),
        (None, None) => None,
    };
    let (source, reading): (Box<dyn Source>, Reading) = match snapshot {
        Some(snapshot) => {
            let reading = match coming.as_ref().filter(|coming| is_enough(coming, &snapshot)) {
                Some(coming) => read_only(ui, &snapshot, &|deal| coming.changes_deal(deal))?,
                None => read(ui, &snapshot)?,
            };
            (Box::new(snapshot), reading)
        }
        None => {
            let tree = work_tree(&home, &here)?;
            let reading = read_work_tree(ui, &home, &tree)?;
            (Box::new(tree), reading)
        }
    };
    let today = then_today.unwrap_or_else(|| today(global, &reading.pipeline));
    let tip = match commit {
        Some(commit) => Some(commit),
        None => head(&home)?.and_then(|head| head.commit),
    };
    let facts = Facts::at(ui, &home, tip, &reading.pipeline, today, AllowIncomplete::default())?;
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
    if commit.is_none() && !args.staged {
        damaged::explain(ui, &home, &reading, &mut report)?;
    }
    if let Some(coming) = &coming {
        let passed = pass_over(&home, coming, floor(args.fail_on), &circumstances, &mut report)?;
        if passed > 0 {
            let (were, do_not, them) = if passed == 1 {
                ("finding elsewhere was", "does not", "it")
            } else {
                ("findings elsewhere were", "do not", "them")
            };
            ui.note(format!(
                "{passed} {were} there before and {do_not} stop this commit; `tussock validate --staged` shows {them}"
            ));
        }
    }
    tell_last_changes(&home, commit, &mut report)?;
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

/// Of a pipeline with more files a commit that changes nothing but deals has only those read: to read all of fifty
/// thousand would make every commit wait for seconds.
const MANY: usize = 2_000;

/// Whether it is enough to read the deals that the next commit changes.
fn is_enough(coming: &Coming, source: &dyn Source) -> bool {
    coming.is_of_deals() && source.entries().is_ok_and(|entries| entries.len() > MANY)
}

/// So many places of deals that lie in several are looked up in history, which can take long.
const LOOKED_UP: usize = 12;

/// Says of a deal in several places by which commit each came there.
fn tell_last_changes(home: &Home, commit: Option<ObjectId>, report: &mut Report) -> Result<(), CommandError> {
    let twice = |f: &&mut Finding| f.rule == rule::duplicate_deal();
    if home.repo.is_none() || !report.findings.iter().any(|f| f.rule == rule::duplicate_deal()) {
        return Ok(());
    }
    let from = match commit {
        Some(commit) => Some(commit),
        None => head(home)?.and_then(|head| head.commit),
    };
    // Without the program, the places alone are told.
    let (Some(from), Ok(git)) = (from, Git::new(home)) else { return Ok(()) };
    let mut heads = vec![from];
    if commit.is_none() {
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

/// Takes out of a report what the next commit does not answer for, and says how much of it would fail: findings of
/// deals and files that it leaves as they are, unless they are new all the same (a stricter pipeline file makes them in
/// deals that nobody touched).
fn pass_over(
    home: &Home,
    coming: &Coming,
    floor: Level,
    circumstances: &Circumstances<'_>,
    report: &mut Report,
) -> Result<usize, CommandError> {
    // A deal's finding shows the criterion in the pipeline file too, which is no reason to answer for the deal.
    let other = |path: &str| path != PIPELINE_FILE && coming.changes(path);
    let touched = |f: &Finding| coming.changes(&f.path) || f.related.iter().any(|r| other(&r.path));
    let elsewhere = |f: &Finding| f.level >= floor && !touched(f);
    let mut known: BTreeMap<Kind, usize> = BTreeMap::new();
    // Most commits are made where nothing is wrong, and need no second look.
    if report.findings.iter().any(elsewhere) {
        let some = is_enough(coming, circumstances.source);
        let wanted = |deal: &DealId| !some || coming.changes_deal(deal);
        for commit in &coming.parents {
            let Some(earlier) = before(home, *commit, &wanted, circumstances)? else {
                // Nobody could tell what was wrong as long as the pipeline file was broken.
                known.extend(kinds(&report.findings, floor));
                continue;
            };
            for (kind, number) in kinds(&earlier.findings, floor) {
                let most = known.entry(kind).or_default();
                *most = number.max(*most);
            }
        }
    }
    let now = kinds(&report.findings, floor);
    let mut passed = 0;
    report.retain(|f| {
        if touched(f) {
            return true;
        }
        let count = |kinds: &BTreeMap<Kind, usize>| kinds.get(&kind(f)).copied().unwrap_or_default();
        let new = f.level >= floor && count(&now) > count(&known);
        passed += usize::from(f.level >= floor && !new);
        new
    });
    Ok(passed)
}

/// What tells findings of two times apart: the file and the rule. The place in the file and the words change with the
/// pipeline file.
type Kind = (String, &'static str);

fn kind(finding: &Finding) -> Kind {
    (finding.path.clone(), finding.rule.id)
}

/// How many findings of each kind there are, at a level or above.
fn kinds(findings: &[Finding], floor: Level) -> BTreeMap<Kind, usize> {
    let mut kinds = BTreeMap::new();
    for finding in findings.iter().filter(|f| f.level >= floor) {
        *kinds.entry(kind(finding)).or_default() += 1;
    }
    kinds
}

/// What was wrong in a commit; `None` where its pipeline file is broken.
fn before(
    home: &Home,
    commit: ObjectId,
    wanted: &dyn Fn(&DealId) -> bool,
    circumstances: &Circumstances<'_>,
) -> Result<Option<Report>, CommandError> {
    let snapshot = Snapshot::of_commit(home, commit)?;
    match load_only(&snapshot, wanted) {
        Ok(reading) => Ok(Some(check(&reading, &Circumstances { source: &snapshot, ..*circumstances }))),
        Err(LoadError::NoPipeline) => Ok(Some(Report::default())),
        Err(LoadError::Broken { .. }) => Ok(None),
        Err(error @ LoadError::Io { .. }) => Err(CommandError::new(Exit::Io, error.to_string())),
    }
}

fn floor(on: FailOn) -> Level {
    match on {
        FailOn::Error => Level::Error,
        FailOn::Warning => Level::Warning,
        FailOn::Info => Level::Info,
    }
}

fn fails(report: &Report, on: FailOn) -> bool {
    report.worst().is_some_and(|worst| worst >= floor(on))
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
