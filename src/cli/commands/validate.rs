//! `tussock validate`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::check::past::Past;
use crate::check::{Checked, Circumstances, Files, Finding, Level, Report, check_each, rule};
use crate::cli::Global;
use crate::cli::baseline::{self, BaselineArgs};
use crate::cli::damaged;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::finding_formats::FindingFormats;
use crate::cli::fixing::{self, FixArgs};
use crate::cli::past::{pass_over_touched, past};
use crate::cli::since::{Judging, Since, SinceArgs};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Facts, current, home, is_gone, not_read, settled_by, today, work_tree};
use crate::format::ident::DealId;
use crate::format::load::{Listing, LoadError, list};
use crate::format::pipeline::PIPELINE_FILE;
use crate::format::source::Source;
use crate::repo::coming::{Coming, coming};
use crate::repo::discover::{Home, find};
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
  tussock validate --fix                    mend what can be mended for certain
  tussock validate --unsafe-fixes --diff    show what could be mended with a guess
  tussock validate --since origin/main      what a pull request changes, with each of its moves
  tussock validate --baseline known.yaml    without the findings that this file lists
  tussock validate --format json            for scripts
  tussock validate --format auto --also sarif=tussock.sarif   in CI: annotations on GitHub, and a file for code scanning
  tussock explain exit-criterion            what a rule means

Exit codes: 0 nothing found at or above --fail-on · 1 findings · 2 wrong arguments or a broken pipeline file · 3 no pipeline here · 4 a file was changed while it was being fixed · 10 history is incomplete (a shallow clone, a missing or damaged object), and --as-of or --since needs it")]
pub struct Args {
    /// Show only findings in these files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    formats: FindingFormats,
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
    #[command(flatten)]
    fixes: FixArgs,
    #[command(flatten)]
    since: SinceArgs,
    #[command(flatten)]
    baseline: BaselineArgs,
    /// The lowest level that makes the exit code 1
    #[arg(long, value_name = "LEVEL", default_value = "error", value_enum)]
    fail_on: FailOn,
    /// Exit with 0 whatever is found
    #[arg(long)]
    exit_zero: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    if args.fixes.shows() && !args.formats.is_text_only() {
        return Err(CommandError::usage("--diff shows text; leave out --format, or leave out --diff"));
    }
    let here = current(global)?;
    let mut home = match args.paths.first().and_then(|path| around(global, &here, path)) {
        Some(home) => home,
        None => home(global)?,
    };
    let wanted = args.paths.iter().map(|p| below(&home, &here, p)).collect::<Result<Vec<_>, _>>()?;
    let coming = if args.changed { coming(&home, &Git::new(&home)?)? } else { None };
    if args.formats.is_text_only() && coming.as_ref().is_some_and(Coming::is_nothing) {
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
    let tip = match commit {
        Some(commit) => Some(commit),
        None => head(&home)?.and_then(|head| head.commit),
    };
    let from = (tip, then_today);
    let since = Since::find(&home, &args.since, tip, commit.is_some())?;
    // Before a commit only what can stop it is worth the time that history takes.
    let asked = if args.changed { floor(args.fail_on) } else { Level::Info };
    let (coming, since) = (coming.as_ref(), since.as_ref());
    let mut judge =
        Judge { global, home: &home, args, from, wanted: &wanted, coming, since, floor: asked, facts: None };
    let mut linked = BTreeSet::new();
    let (source, judged): (Box<dyn Source>, Judged) = match snapshot {
        Some(snapshot) => {
            let judged = judge.judge(ui, &snapshot)?;
            (Box::new(snapshot), judged)
        }
        None => {
            let tree = work_tree(&home, &here)?;
            let aside = !args.formats.is_text_only();
            let place = fixing::Place { home: &home, tree: &tree, args: args.fixes, aside };
            fixing::pipeline_file(ui, &place)?;
            let mut judge = |ui: &mut Ui| {
                settled_by(&home, &tree, wanted.is_empty(), || judge.judge(ui, &tree), Judged::is_unsettled)
            };
            let mut judged = judge(ui)?;
            let Judged { past, today, .. } = &judged;
            let circumstances = Circumstances { past: past.as_ref(), ..judged.facts.for_check(*today, &tree) };
            let asked = |f: &Finding| wanted.is_empty() || wanted.iter().any(|w| is_at(&f.path, w));
            if fixing::deals(ui, &place, &judged.listing, &judged.checked, &circumstances, &asked)? {
                judged = judge(ui)?;
            }
            linked = tree.linked();
            (Box::new(tree), judged)
        }
    };
    let Judged { listing, own, mut checked, facts, past, today } = judged;
    let circumstances = Circumstances { past: past.as_ref(), ..facts.for_check(today, &*source) };
    if commit.is_none() {
        pass_over_touched(&home, tip, &*source, &mut checked.report)?;
    }
    if !wanted.is_empty() {
        checked.report.retain(|f| wanted.iter().any(|w| is_at(&f.path, w)));
    }
    if commit.is_none() && !args.staged {
        damaged::explain(ui, &home, &listing, &linked, &mut checked)?;
    }
    if let Some(since) = since {
        since.tell(ui, own.is_some());
        since.narrow(&listing, own.as_ref(), &circumstances, &mut checked)?;
        // Whoever asks for one deal hears all the same that it is judged by another file than before.
        let wanted = |f: &Finding| wanted.is_empty() || wanted.iter().any(|w| is_at(&f.path, w));
        checked.report.retain(|f| wanted(f) || f.rule == rule::policy_change());
    }
    let report = &mut checked.report;
    if let Some(coming) = coming {
        let passed = pass_over(&home, coming, floor(args.fail_on), &circumstances, report)?;
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
    let is_whole = wanted.is_empty() && coming.is_none() && since.is_none();
    let of = baseline::Checked { home: &home, here: &here, since, is_whole, today, floor: floor(args.fail_on) };
    args.baseline.apply(ui, &of, report)?;
    tell_last_changes(&home, commit, report)?;
    let report = &checked.report;
    let files = Files::of_checked(&listing, &checked, &*source);
    // What is shown is what would change, and findings would stand between.
    if !args.fixes.shows() {
        args.formats.print(ui, (global, &home), report, &files, floor(args.fail_on))?;
    }
    Ok(if fails(report, args.fail_on) && !args.exit_zero { Exit::Findings } else { Exit::Done })
}

/// Checks a pipeline, more than once where it has to be read again.
struct Judge<'a> {
    global: &'a Global,
    home: &'a Home,
    args: &'a Args,
    /// The commit whose history belongs to it, and the day of a look at the past.
    from: (Option<ObjectId>, Option<NaiveDate>),
    /// Files and folders that were named; all, where there are none.
    wanted: &'a [String],
    coming: Option<&'a Coming>,
    since: Option<&'a Since<'a>>,
    /// The lowest level of findings that rules ask history for.
    floor: Level,
    /// What history says, with the text of the pipeline file that it was asked for.
    facts: Option<(String, Facts, Option<Past>)>,
}

/// A pipeline that was checked.
struct Judged {
    /// With those deals alone that were read.
    listing: Listing,
    /// The same by the pipeline file of the change that is checked, where another one judges it.
    own: Option<Listing>,
    checked: Checked,
    facts: Facts,
    past: Option<Past>,
    today: NaiveDate,
}

impl Judge<'_> {
    fn judge(&mut self, ui: &mut Ui, source: &dyn Source) -> Result<Judged, CommandError> {
        let listing = match list(source) {
            Ok(listing) => listing,
            Err(error) => {
                let (place, floor) = ((self.global, self.home), floor(self.args.fail_on));
                self.args.formats.print_broken(ui, place, source, &error, floor)?;
                return Err(not_read(ui, source, error));
            }
        };
        let Judging { mut listing, own } = match self.since {
            Some(since) => since.judging(listing, source)?,
            None => Judging { listing, own: None },
        };
        self.narrow(&mut listing, source);
        let (tip, then_today) = self.from;
        let today = then_today.unwrap_or_else(|| today(self.global, &listing.pipeline));
        let (facts, past) = match self.facts.take() {
            Some((of, facts, past)) if of == listing.pipeline_text => (facts, past),
            _ => {
                let facts = Facts::at(ui, self.home, tip, &listing.pipeline, today, AllowIncomplete::default())?;
                (facts, past(ui, self.home, tip, &listing, today, self.floor)?)
            }
        };
        let checked = check_each(&listing, &Circumstances { past: past.as_ref(), ..facts.for_check(today, source) });
        self.facts = Some((listing.pipeline_text.clone(), facts.clone(), past.clone()));
        Ok(Judged { listing, own, checked, facts, past, today })
    }

    /// Leaves the deals that have to be read: of named files and folders, with all places of a deal that lies in several,
    /// or those that the next commit changes, where that is enough.
    fn narrow(&self, listing: &mut Listing, source: &dyn Source) {
        if !self.wanted.is_empty() {
            let named = |path: &str| self.wanted.iter().any(|w| is_at(path, w));
            let ids: BTreeSet<DealId> = listing.deals.iter().filter(|d| named(&d.path)).map(|d| d.id.clone()).collect();
            listing.deals.retain(|d| ids.contains(&d.id));
        }
        if let Some(coming) = self.coming.filter(|coming| is_enough(coming, source)) {
            listing.deals.retain(|d| coming.changes_deal(&d.id));
        }
    }
}

impl Judged {
    /// Whether it shows what a move leaves for a moment: one deal in two places, or a file that was listed and is gone.
    fn is_unsettled(&self) -> bool {
        self.checked.unreadable.iter().any(is_gone) || self.listing.has_twins()
    }
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
    match list(&snapshot) {
        Ok(mut listing) => {
            listing.deals.retain(|deal| wanted(&deal.id));
            Ok(Some(check_each(&listing, &Circumstances { source: &snapshot, ..*circumstances }).report))
        }
        Err(LoadError::NoPipeline) => Ok(Some(Report::default())),
        Err(LoadError::Broken { .. }) => Ok(None),
        Err(error @ LoadError::Io { .. }) => Err(CommandError::new(Exit::Io, error.to_string())),
    }
}

/// The pipeline around a named file or folder, where we stand in none. To find it from above, all folders would have to be
/// searched.
fn around(global: &Global, here: &Path, path: &Path) -> Option<Home> {
    let is_pipeline = |folder: &&Path| folder.join(PIPELINE_FILE).exists();
    if global.pipeline_name.is_some() || here.ancestors().any(|folder| is_pipeline(&folder)) {
        return None;
    }
    let folder = here.join(path).parent()?.canonicalize().ok()?;
    let folder = folder.ancestors().take_while(|folder| folder.starts_with(here)).find(is_pipeline)?;
    find(folder, None).ok().filter(|home| home.root == folder)
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
