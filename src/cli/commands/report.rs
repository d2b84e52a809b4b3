//! `tussock report`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::check::{self, check};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then, end_of, start_of};
use crate::cli::ui::Ui;
use crate::cli::workspace::{
    Facts as StageFacts, current, home, read, read_pipeline, tell_half_done, tell_history, tell_unreadable, visits_at,
    with_chronicle,
};
use crate::cli::{Global, day};
use crate::forecast::day_of;
use crate::format;
use crate::format::deal::Deal;
use crate::format::ident::CriterionId;
use crate::format::ident::DealId;
use crate::format::load::Reading;
use crate::format::pipeline::Pipeline;
use crate::format::source::{EntryKind, Source as _};
use crate::history::Chronicle;
use crate::history::History;
use crate::history::Visits;
use crate::history::event::KnownAt;
use crate::history::spell::Spells;
use crate::metrics::estimate::Floors;
use crate::metrics::funnel::Window;
use crate::output::json;
use crate::repo::discover::Home;
use crate::repo::objects::ObjectId;
use crate::repo::revision::{differing, head};
use crate::repo::snapshot::Snapshot;
use crate::report::data::{Attention, Files, Source, Waiver};
use crate::report::history::HistoryBlock;
use crate::report::{self, Facts, Report};

/// The folder of the pipeline that holds its own templates.
const TEMPLATES: &str = "templates";

/// Report on the pipeline
///
/// Without a name: one page with the state, the funnel, the forecast and what needs attention. Reports read the committed
/// state and its history, as of the last commit unless --as-of or --today says otherwise, so the same commit always gives
/// the same report.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock report
  tussock report pipeline --by source
  tussock report funnel --from 2026-01-01 --to 2026-06-30
  tussock report forecast --format json
  tussock report --as-of 2026-06-30         what was known that day
  tussock report --as-of v1.2               what a revision knew
  tussock report -o sales/reports/today.md

A template of the team's own replaces ours when it lies in the pipeline's templates folder under the same name:
overview.md.jinja, pipeline.md.jinja, funnel.md.jinja, forecast.md.jinja.

Exit codes: 0 done · 1 some files could not be read · 2 wrong arguments, or a template that fails · 3 no pipeline here · 4 not in a git repository · 8 the file cannot be written · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    /// Which report
    #[arg(value_enum, default_value = "overview", hide_default_value = true)]
    name: Name,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    /// In the pipeline report, sums by this field too; may be given several times
    #[arg(long, value_name = "FIELD", default_value = "owner")]
    by: Vec<String>,
    /// In the funnel, only deals that came to a stage on this day or later
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// In the funnel, only deals that came to a stage on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// Also say how many deals differ in the work tree; looks at every file
    #[arg(long)]
    uncommitted: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "md", value_enum)]
    format: Format,
    /// Write into this file, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// The state, the funnel, the forecast and what needs attention
    Overview,
    /// Number, amount, shares and weighted amount by stage and owner, and the open deals
    Pipeline,
    /// Conversion from stage to stage and the time in each
    Funnel,
    /// What will be won, by month
    Forecast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown with charts in Mermaid
    Md,
    /// Every number, for scripts
    Json,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    if args.name != Name::Funnel && (args.from.is_some() || args.to.is_some()) {
        return Err(CommandError::usage("--from and --to belong to the funnel: tussock report funnel --from …"));
    }
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(CommandError::usage(format!("--from {from} is later than --to {to}, so no day lies between them")));
    }
    let home = home(global)?;
    tell_half_done(ui, &home)?;
    home.place()?;
    let past = match (&args.as_of.as_of, global.today) {
        (Some(as_of), _) => Some(Then::find(ui, global, &home, as_of, args.allow)?),
        (None, Some(day)) => Some(Then::on(ui, &home, day, args.allow)?),
        (None, None) => None,
    };
    let needs = Needs { deals: args.name != Name::Funnel, uncommitted: args.uncommitted };
    let known = Known::gather(ui, &home, past, args.allow, needs)?;
    let report = known.report(args)?;
    let text = match args.format {
        Format::Md => report.to_markdown(&known.templates),
        Format::Json => report.to_json().map(|text| json::escaped(&text)),
    }
    .map_err(|e| CommandError::usage(e.to_string()))?;
    match &args.output {
        Some(file) => write_whole(&current(global)?.join(file), &text)?,
        None => ui.print(&text),
    }
    let unreadable = known.state.as_ref().is_some_and(|state| tell_unreadable(ui, &state.reading, &state.snapshot));
    Ok(if unreadable { Exit::Findings } else { Exit::Done })
}

/// The overview of what is committed, as `watch` keeps it in a file.
///
/// # Errors
/// As `tussock report`.
pub(in crate::cli) fn overview(ui: &mut Ui, home: &Home, today: Option<NaiveDate>) -> Result<String, CommandError> {
    let allow = AllowIncomplete::default();
    let past = today.map(|day| Then::on(ui, home, day, allow)).transpose()?;
    let known = Known::gather(ui, home, past, allow, Needs { deals: true, uncommitted: false })?;
    let report = report::overview(&known.facts(), known.attention());
    report.to_markdown(&known.templates).map_err(|e| CommandError::usage(e.to_string()))
}

/// What a report needs.
#[derive(Clone, Copy)]
struct Needs {
    /// The deals as they are. A funnel is made of history alone.
    deals: bool,
    /// Which deals differ in the work tree.
    uncommitted: bool,
}

/// Everything a report is made of, as it was known at one time.
struct Known {
    pipeline: Pipeline,
    /// The deals; `None` where the report needs none.
    state: Option<State>,
    block: HistoryBlock,
    spells: Spells,
    as_of: KnownAt,
    today: NaiveDate,
    source: Source,
    templates: BTreeMap<String, String>,
}

/// The deals as the commit has them.
struct State {
    snapshot: Snapshot,
    reading: Reading,
    /// The deals without the files that double one; `None` where there are none such.
    once: Option<Vec<Deal>>,
    history: History,
    waivers: Vec<Waiver>,
}

impl State {
    fn read(ui: &mut Ui, home: &Home, commit: ObjectId, history: History) -> Result<State, CommandError> {
        let snapshot = Snapshot::of_commit(home, commit)?;
        let reading = read(ui, &snapshot)?;
        let once = each_once(&reading.deals, &history);
        Ok(State { waivers: waivers(&reading), snapshot, reading, once, history })
    }

    fn deals(&self) -> &[Deal] {
        self.once.as_deref().unwrap_or(&self.reading.deals)
    }

    fn files(&self) -> Files {
        let doubled = self.reading.deals.len() - self.deals().len();
        Files { unreadable: self.reading.unreadable.len(), doubled }
    }
}

impl Known {
    fn gather(
        ui: &mut Ui,
        home: &Home,
        past: Option<(Then, Snapshot)>,
        allow: AllowIncomplete,
        needs: Needs,
    ) -> Result<Known, CommandError> {
        home.place()?;
        let (commit, then, files, asked) = match past {
            Some((then, snapshot)) => (then.commit, then.home, snapshot, Some((then.until, then.today))),
            None => {
                let tip = head(home)?.and_then(|h| h.commit).ok_or_else(|| {
                    CommandError::new(Exit::NotInState, "there is no commit yet, so there is nothing to report")
                })?;
                (tip, home.clone(), Snapshot::of_folder(home, tip, TEMPLATES)?, None)
            }
        };
        let pipeline = read_pipeline(ui, &files)?;
        let told = |chronicle: &Chronicle<'_>| (chronicle.summary(), chronicle.spells(true), Some(chronicle.history()));
        let (summary, spells, history) = if needs.deals {
            with_chronicle(&then, commit, &pipeline, &allow.options(), told)?
        } else {
            // Who needs no deal needs none by name either.
            let Visits { summary, spells } = visits_at(&then, commit, &pipeline, &allow.options())?;
            (summary, spells, None)
        };
        tell_history(ui, home, &summary, &pipeline)?;
        let known_at = summary.tip_known_at.unwrap_or(KnownAt(i64::MIN));
        let as_of = asked.map_or(known_at, |(until, _)| until);
        let state = history.map(|history| State::read(ui, &then, commit, history)).transpose()?;
        let is_now = asked.is_none();
        let source = Source {
            commit: Some(commit.to_string()),
            deals: state.as_ref().map_or(summary.deals, |state| state.deals().len()),
            files: state.as_ref().map(State::files),
            uncommitted: if needs.uncommitted && is_now { Some(differing(home)?) } else { None },
            clamped: summary.clamped_valid,
            jumps: summary.skips,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Known {
            today: asked.map_or_else(|| day_of(&pipeline, as_of.0), |(_, today)| today),
            spells,
            templates: own_templates(&files, commit)?,
            block: HistoryBlock::of(&summary, &pipeline),
            pipeline,
            state,
            as_of,
            source,
        })
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            pipeline: &self.pipeline,
            deals: self.state.as_ref().map_or(&[], State::deals),
            spells: &self.spells,
            as_of: self.as_of,
            source: &self.source,
            waivers: self.state.as_ref().map_or(&[], |state| &state.waivers),
            history: Some(&self.block),
            floors: Floors::default(),
        }
    }

    fn report(&self, args: &Args) -> Result<Report, CommandError> {
        let facts = self.facts();
        let pipeline = &self.pipeline;
        Ok(match args.name {
            Name::Overview => report::overview(&facts, self.attention()),
            Name::Pipeline => {
                for field in &args.by {
                    report::listing::column(pipeline, field).map_err(|e| CommandError::usage(e.to_string()))?;
                }
                report::pipeline(&facts, &args.by)
            }
            Name::Funnel => {
                let window = Window {
                    from: args.from.map(|d| start_of(pipeline, d)),
                    until: args.to.map(|d| end_of(pipeline, d).0 + 1),
                };
                report::funnel(&facts, window)
            }
            Name::Forecast => report::forecast(&facts),
        })
    }

    /// What `validate` would say of this state, counted by rule.
    fn attention(&self) -> Vec<Attention> {
        let Some(State { reading, snapshot, history, .. }) = &self.state else { return Vec::new() };
        let facts = StageFacts::of(history, &self.pipeline, self.today);
        let report = check(
            reading,
            &check::Circumstances {
                today: self.today,
                source: snapshot,
                days_in_stage: facts.days_in_stage.as_ref(),
                visited: facts.visited.as_ref(),
            },
        );
        // One deal may break one rule several times: it is one deal all the same.
        type Kind<'r> = (std::cmp::Reverse<check::Level>, &'r str);
        let mut found: BTreeMap<Kind, (BTreeSet<&str>, &str)> = BTreeMap::new();
        for finding in report.findings.iter().filter(|f| f.level > check::Level::Info) {
            let key = (std::cmp::Reverse(finding.level), finding.rule.id);
            let subject = finding.deal.as_ref().map_or(finding.path.as_str(), |deal| deal.as_str());
            found.entry(key).or_insert_with(|| (BTreeSet::new(), finding.rule.summary)).0.insert(subject);
        }
        let line = |((_, rule), (subjects, summary)): (Kind, (BTreeSet<&str>, &str))| Attention {
            rule: rule.to_owned(),
            text: summary.to_owned(),
            deals: subjects.len(),
        };
        found.into_iter().map(line).collect()
    }
}

/// Where a deal's file lies in two places, the deal counts once, where history has it: an amount counted twice is worse
/// than one counted in the wrong stage. `None` where no deal does.
fn each_once(deals: &[Deal], history: &History) -> Option<Vec<Deal>> {
    let mut ids: HashSet<&DealId> = HashSet::with_capacity(deals.len());
    if deals.iter().all(|deal| ids.insert(&deal.id)) {
        return None;
    }
    let home = |deal: &Deal| history.standings.get(&deal.id).is_some_and(|standing| standing.path == deal.path);
    let at_home: BTreeSet<&DealId> = deals.iter().filter(|deal| home(deal)).map(|deal| &deal.id).collect();
    let mut seen: BTreeSet<&DealId> = BTreeSet::new();
    let mut once = Vec::new();
    for deal in deals {
        if (home(deal) || !at_home.contains(&deal.id)) && seen.insert(&deal.id) {
            once.push(deal.clone());
        }
    }
    Some(once)
}

/// The waivers in force: complete, and for a criterion that is there and takes one.
fn waivers(reading: &Reading) -> Vec<Waiver> {
    let takes: BTreeMap<&str, &CriterionId> =
        reading.pipeline.criteria().filter(|c| c.waivable).map(|c| (c.id.as_str(), &c.id)).collect();
    let of_deal = |deal: &Deal| -> Vec<Waiver> {
        let waiver = |w: format::deal::Waiver<'_>| {
            let criterion = (*takes.get(w.criterion)?).clone();
            Some(Waiver {
                deal: deal.id.clone(),
                criterion,
                by: w.by.to_owned(),
                reason: w.reason.to_owned(),
                on: w.on,
            })
        };
        deal.waivers().filter_map(waiver).collect()
    };
    reading.deals.iter().flat_map(of_deal).collect()
}

/// The pipeline's own templates: regular files of the committed `templates` folder, never links.
fn own_templates(snapshot: &Snapshot, commit: ObjectId) -> Result<BTreeMap<String, String>, CommandError> {
    let failed = |e: std::io::Error| {
        CommandError::new(Exit::Io, format!("cannot read the templates of commit {}: {e}", commit.short()))
    };
    let mut templates = BTreeMap::new();
    for entry in snapshot.entries().map_err(failed)? {
        let Some(name) = entry.path.strip_prefix("templates/") else { continue };
        if entry.kind == EntryKind::File && name.ends_with(".jinja") {
            let bytes = snapshot.read(&entry.path).map_err(failed)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| CommandError::usage(format!("the template {} is not UTF-8", entry.path)))?;
            templates.insert(name.to_owned(), text);
        }
    }
    Ok(templates)
}

/// Writes a file beside its place and renames it, so that a reader sees the old one or the new one.
///
/// # Errors
/// When the folder does not take it, or the file is a link, which is never followed.
pub(in crate::cli) fn write_whole(file: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot write {}: {e}", file.display()));
    if file.symlink_metadata().is_ok_and(|m| !m.is_file()) {
        return Err(CommandError::new(
            Exit::Io,
            format!("{} is not a regular file; links are not followed", file.display()),
        ));
    }
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut new = tempfile::Builder::new().prefix(".tussock-").tempfile_in(folder).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    // Temporary files are private; a report is as readable as any other file of the user.
    let mode = file.metadata().ok().map(|m| m.permissions());
    new.as_file().sync_all().map_err(failed)?;
    set_mode(new.as_file(), mode).map_err(failed)?;
    new.persist(file).map_err(|e| failed(e.error))?;
    Ok(())
}

fn set_mode(file: &std::fs::File, old: Option<std::fs::Permissions>) -> std::io::Result<()> {
    match old {
        Some(permissions) => file.set_permissions(permissions),
        None => readable(file),
    }
}

#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
