//! `tussock report`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::ValueEnum;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::rendering;
use crate::cli::reporting::{Known, Viewpoint, Wanted};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, home, tell_half_done, tell_rates, tell_unreadable};
use crate::cli::{Global, day};
use crate::format::pipeline::Pipeline;
use crate::metrics::conversion::{self, Goal, Variant};
use crate::metrics::period::{Period, Span};
use crate::output::text::Look;
use crate::output::{csv, html, json, page_text};
use crate::repo::discover::Home;
use crate::report::asked::{Asked, EARLIEST, Profile};
use crate::report::csv_table::table;
use crate::report::lang::Lang;
use crate::report::{Kind, Needs, Report, ReportError, listing};

/// The style of a page, among the pipeline's own templates.
const STYLE: &str = "style.css";

/// Columns of a text that goes to a file.
const FILE_COLUMNS: usize = 120;

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
  tussock report funnel --period quarter            this quarter, compared with the one before
  tussock report funnel --from 2026-01-01 --to 2026-06-30 --by owner
  tussock report forecast --format json
  tussock report --where 'region == \"north\"'
  tussock report --as-of 2026-06-30                 what was known that day
  tussock report --as-of v1.2                       what a revision knew
  tussock report --profile investor -o board.html   for people outside, as one file

A template of the team's own replaces ours when it lies in the pipeline's templates folder under the same name, such as
funnel.md.jinja; --context prints the data that it gets.

Exit codes: 0 done · 1 some files could not be read · 2 wrong arguments, or a template that fails · 3 no pipeline here · 4 not in a git repository · 8 the file cannot be written · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    /// Which report
    #[arg(value_enum, default_value = "overview", hide_default_value = true)]
    name: Name,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    #[command(flatten)]
    asking: Asking,
    /// Also say how many deals differ in the work tree; looks at every file
    #[arg(long)]
    uncommitted: bool,
    /// How to print: text on a terminal, as the name of the file says, else md
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// In CSV, this table of the report instead of its main one
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Print the data that a template gets, as JSON
    #[arg(long, conflicts_with_all = ["format", "table"])]
    context: bool,
    /// Write into this file, whole or not at all; its ending (.md, .html, .json, .csv, .txt) says how
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What a report is about, and for whom.
#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Asking {
    /// The first day that it is about
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// The last day that it is about
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// In the funnel, all it can tell: win rates, amounts, the flow; any other option of these does so too
    #[arg(long)]
    full: bool,
    /// The month, quarter or year that it is about: the one of --from, or of the report's day
    #[arg(long, value_name = "PERIOD", value_enum)]
    period: Option<PeriodWord>,
    /// Also for each value of this field; may be given several times
    #[arg(long, value_name = "FIELD")]
    by: Vec<String>,
    /// In the agenda, only what concerns this person, or the stages of this role
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Only deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// In the funnel, also count conversion in this way
    #[arg(long, value_name = "WAY", value_enum)]
    conversion: Option<VariantWord>,
    /// In the funnel, also from one stage to another stage or end; may be given several times
    #[arg(long = "pair", value_name = "FROM..TO")]
    pairs: Vec<String>,
    /// In the funnel, count who got there within so many days
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    within: Option<u32>,
    /// In the time report, count the working hours of the pipeline's calendar only
    #[arg(long)]
    business_hours: bool,
    /// Who it is for
    #[arg(long, value_name = "WHO", value_enum, default_value = "team")]
    profile: ProfileWord,
    /// The language of its text; without it, the one that the pipeline file names
    #[arg(long, value_name = "LANG", value_enum, env = "TUSSOCK_LANG", hide_env_values = true)]
    lang: Option<LangWord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum PeriodWord {
    /// A month of the calendar
    Month,
    /// Three months of the fiscal year
    Quarter,
    /// A fiscal year
    Year,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VariantWord {
    /// Deals that came to the stage, followed until today: the sound one
    Cohort,
    /// Deals that were in both stages in the same days, in any order
    AnyStage,
    /// Deals that were in the stage and in all before it
    AllStages,
    /// With skipped stages filled in
    Imputed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ProfileWord {
    /// The people who sell: everything
    #[default]
    Team,
    /// Who leads them: lists of deals hold the first ten
    Management,
    /// People outside: no weighted amounts, no single deals, no people
    Investor,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LangWord {
    /// English
    #[default]
    En,
    /// Russian
    Ru,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Name {
    /// The state, the funnel, the forecast and what needs attention
    Overview,
    /// Number, amount, shares and weighted amount by stage and owner, and the open deals
    Pipeline,
    /// Conversion from stage to stage and the time in each
    Funnel,
    /// How long deals stay in each stage, the sales cycle, velocity, answers in time
    Time,
    /// What will be won, by month
    Forecast,
    /// What changed between two days, to the cent; what slipped, and whether the pipeline covers the target
    Waterfall,
    /// What was lost and why, from which stage, to whom, and what it had cost
    Losses,
    /// Hours of work by stage, person and deal, and what was lost after much of it
    Effort,
    /// Payments due and received by month, and overdue ones
    Cash,
    /// What is to be done next, for one person, one role or everybody
    Agenda,
    /// Signs of trouble against the days before, and the deals that need somebody
    Health,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Markdown with charts in Mermaid
    Md,
    /// One page for a browser, with its charts in it and nothing fetched from anywhere
    Html,
    /// Text as wide as the terminal
    Text,
    /// Every number, for scripts
    Json,
    /// One table, for spreadsheets
    Csv,
}

impl Name {
    pub(in crate::cli) fn kind(self) -> Kind {
        match self {
            Name::Overview => Kind::Overview,
            Name::Pipeline => Kind::Pipeline,
            Name::Funnel => Kind::Funnel,
            Name::Time => Kind::Time,
            Name::Forecast => Kind::Forecast,
            Name::Waterfall => Kind::Waterfall,
            Name::Losses => Kind::Losses,
            Name::Effort => Kind::Effort,
            Name::Cash => Kind::Cash,
            Name::Agenda => Kind::Agenda,
            Name::Health => Kind::Health,
        }
    }
}

impl Asking {
    /// Asks for all that a report can tell of some days and some deals.
    pub(in crate::cli) fn all_of(
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        period: Option<PeriodWord>,
        filter: Option<String>,
    ) -> Asking {
        Asking { from, to, period, filter, full: true, ..Asking::default() }
    }

    /// What is asked of a report whose last day is `day`.
    ///
    /// # Errors
    /// When days or fields make no sense.
    pub(in crate::cli) fn asked(&self, kind: Kind, pipeline: &Pipeline, day: NaiveDate) -> Result<Asked, CommandError> {
        for field in &self.by {
            listing::column(pipeline, field).map_err(|e| CommandError::usage(e.to_string()))?;
        }
        let by = match kind {
            Kind::Pipeline if self.by.is_empty() => vec!["owner".to_owned()],
            _ => self.by.clone(),
        };
        let period = self.period();
        let first_month = pipeline.fiscal_year_start;
        let span = match (self.from, self.to, period) {
            // A comparison of two days needs some.
            (None, None, None) if kind == Kind::Waterfall => Some(Period::Quarter.span_of(day, first_month)),
            (None, None, None) => None,
            (from, None, Some(period)) => Some(period.span_of(from.unwrap_or(day), first_month)),
            (_, Some(_), Some(_)) => {
                return Err(CommandError::usage("--to and --period both say where the days end; leave one out"));
            }
            (from, to, None) => {
                let (from, to) = (from.unwrap_or(EARLIEST), to.unwrap_or(day.max(from.unwrap_or(day))));
                let wrong = || {
                    CommandError::usage(format!("--from {from} is later than --to {to}, so no day lies between them"))
                };
                Some(Span::new(from, to).ok_or_else(wrong)?)
            }
        };
        let previous = span.filter(|span| span.from > EARLIEST).map(|span| span.previous(period, first_month));
        Ok(Asked {
            span,
            previous,
            period,
            by,
            owner: self.owner.clone(),
            filter: self.filter.clone(),
            full: self.is_full(),
            conversion: self.conversion.map(|variant| match variant {
                VariantWord::Cohort => Variant::Cohort,
                VariantWord::AnyStage => Variant::AnyStage,
                VariantWord::AllStages => Variant::AllStages,
                VariantWord::Imputed => Variant::Imputed,
            }),
            pairs: self.pairs(kind, pipeline)?,
            within: self.within,
            business_hours: self.business_hours,
            profile: self.profile(),
            lang: self.lang().or(pipeline.lang).unwrap_or_default(),
        })
    }

    /// Whether a funnel is to tell more than visits do.
    fn is_full(&self) -> bool {
        let days = self.from.is_some() || self.to.is_some() || self.period.is_some();
        let conversion = self.conversion.is_some() || !self.pairs.is_empty() || self.within.is_some();
        self.full || days || conversion || self.filter.is_some() || !self.by.is_empty()
    }

    /// From where a report is to look.
    ///
    /// # Errors
    /// When there was nothing yet to look at.
    pub(in crate::cli) fn viewpoint(
        &self,
        ui: &mut Ui,
        global: &Global,
        home: &Home,
        kind: Kind,
        as_of: &AsOf,
        allow: AllowIncomplete,
    ) -> Result<Viewpoint, CommandError> {
        let past = match (&as_of.as_of, global.today) {
            (Some(as_of), _) => Some(Then::find(ui, global, home, as_of, allow)?),
            (None, Some(day)) => Some(Then::on(ui, home, day, allow)?),
            (None, None) => None,
        };
        let point = Viewpoint::open(ui, home, past)?;
        match self.last_day(&point.pipeline).filter(|_| kind == Kind::Waterfall) {
            // It compares how things stood then, not how those of then stand now.
            Some(last) => point.at_the_end_of(ui, last, allow),
            None => Ok(point),
        }
    }

    /// What a report is made of when it is asked so.
    pub(in crate::cli) fn needs(&self, kind: Kind) -> Needs {
        let needs = kind.needs();
        match kind {
            Kind::Funnel if self.is_full() => Needs { deals: true, tracks: true, ..needs },
            _ => Needs { deals: needs.deals || self.filter.is_some() || !self.by.is_empty(), ..needs },
        }
    }

    /// Whether the report and what is asked of it go together: the reader that was named, and the owner.
    ///
    /// # Errors
    /// When not.
    pub(in crate::cli) fn fits(&self, kind: Kind) -> Result<(), CommandError> {
        if kind == Kind::Forecast && self.profile == ProfileWord::Investor {
            return Err(CommandError::usage(
                "a forecast is made of weighted amounts, which the investor profile leaves out",
            )
            .hint("`tussock report --profile investor` has what investors see"));
        }
        if kind == Kind::Agenda && self.profile == ProfileWord::Investor {
            return Err(CommandError::usage(
                "an agenda is made of deals and people, which the investor profile leaves out",
            ));
        }
        if kind != Kind::Agenda && self.owner.is_some() {
            let hint = "for the deals of one owner anywhere else: --where 'owner == \"olga\"'";
            return Err(
                CommandError::usage("--owner belongs to the agenda: tussock report agenda --owner …").hint(hint)
            );
        }
        Ok(())
    }

    /// The expression that chooses the deals, as it was given.
    pub(in crate::cli) fn filter(&self) -> Option<String> {
        self.filter.clone()
    }

    /// Who it is for.
    pub(in crate::cli) fn profile(&self) -> Profile {
        match self.profile {
            ProfileWord::Team => Profile::Team,
            ProfileWord::Management => Profile::Management,
            ProfileWord::Investor => Profile::Investor,
        }
    }

    /// The language of its text, where one was asked for.
    pub(in crate::cli) fn lang(&self) -> Option<Lang> {
        self.lang.map(|lang| match lang {
            LangWord::En => Lang::En,
            LangWord::Ru => Lang::Ru,
        })
    }

    fn period(&self) -> Option<Period> {
        self.period.map(|period| match period {
            PeriodWord::Month => Period::Month,
            PeriodWord::Quarter => Period::Quarter,
            PeriodWord::Year => Period::Year,
        })
    }

    /// The last day that it is about, where that does not depend on what day it is.
    fn last_day(&self, pipeline: &Pipeline) -> Option<NaiveDate> {
        let of_period = |period: Period| Some(period.span_of(self.from?, pipeline.fiscal_year_start).to);
        self.to.or_else(|| self.period().and_then(of_period))
    }

    /// The pairs of stages that are asked for.
    fn pairs(&self, kind: Kind, pipeline: &Pipeline) -> Result<Vec<(String, String)>, CommandError> {
        let is_asked = self.conversion.is_some() || !self.pairs.is_empty() || self.within.is_some();
        if is_asked && kind != Kind::Funnel {
            let message = "--conversion, --pair and --within belong to the funnel: tussock report funnel --pair …";
            return Err(CommandError::usage(message));
        }
        if self.business_hours && kind != Kind::Time {
            return Err(CommandError::usage("--business-hours belongs to the time report: tussock report time …"));
        }
        if self.business_hours && pipeline.calendar.is_none() {
            let message = "pipeline.yaml has no calendar, so nobody knows which hours are working hours";
            return Err(CommandError::usage(message)
                .hint("add one: `calendar: {days: [mon, tue, wed, thu, fri], hours: \"09:00-18:00\"}`"));
        }
        let pair = |text: &String| {
            let ends = text.split_once("..").filter(|(from, to)| !from.is_empty() && !to.is_empty());
            let (from, to) = ends.ok_or_else(|| {
                CommandError::usage(format!("--pair {text} names no two stages; write it as --pair brief..proposal"))
            })?;
            let places = || pipeline.places().map(|place| place.id().to_string()).collect::<Vec<_>>().join(", ");
            let stage = |name: &str| conversion::stage_named(pipeline, name);
            let index = stage(from).ok_or_else(|| {
                CommandError::usage(format!("{from} in --pair {text} is no stage; the pipeline has {}", places()))
            })?;
            if Goal::named(pipeline, index, to).is_none() {
                let message = format!("{to} in --pair {text} is no stage and no end; the pipeline has {}", places());
                return Err(CommandError::usage(message));
            }
            Ok((from.to_owned(), to.to_owned()))
        };
        self.pairs.iter().map(pair).collect()
    }
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let format = args.format()?;
    let kind = args.name.kind();
    args.asking.fits(kind)?;
    let home = home(global)?;
    tell_half_done(ui, &home)?;
    home.place()?;
    let needs = args.asking.needs(kind);
    let wanted = Wanted { needs, uncommitted: args.uncommitted, events: false, allow: args.allow };
    let point = args.asking.viewpoint(ui, global, &home, kind, &args.as_of, args.allow)?;
    let known = Known::gather(ui, &home, point, wanted, |pipeline, day| args.asking.asked(kind, pipeline, day))?;
    let report = Report::make(kind, &known.facts());
    let page = || rendering::page(&report, &known.templates).map_err(failed);
    let text = match format {
        Format::Md => page()?.to_markdown(),
        Format::Html => {
            let style = known.templates.get(STYLE).map(String::as_str);
            html::render(&page()?, style).map_err(|e| CommandError::usage(e.to_string()))?
        }
        Format::Text => {
            // A file is no terminal, whatever the one is like that the command was typed in.
            let to_file = args.output.is_some();
            let columns = if to_file { FILE_COLUMNS } else { ui.columns() };
            page_text::render(&page()?, Look { colour: ui.colour && !to_file, columns })
        }
        Format::Json => json::escaped(&report.to_json().map_err(failed)?),
        Format::Csv => {
            let table = table(&report, args.table.as_deref()).map_err(failed)?;
            let table = table.map_err(|e| CommandError::usage(e.to_string()))?;
            let written = csv::values(&table.columns, &table.rows);
            let bytes = written.map_err(|e| CommandError::new(Exit::Io, format!("cannot write the table: {e}")))?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    match &args.output {
        Some(file) => write_whole(&current(global)?.join(file), &text)?,
        None => ui.print(&text),
    }
    let unreadable = known
        .reading()
        .is_some_and(|(reading, snapshot)| tell_unreadable(ui, reading, snapshot) | tell_rates(ui, reading));
    Ok(if unreadable { Exit::Findings } else { Exit::Done })
}

fn failed(error: ReportError) -> CommandError {
    CommandError::usage(error.to_string())
}

impl Args {
    /// How to print: as asked, or as the name of the file says.
    fn format(&self) -> Result<Format, CommandError> {
        let ending = self.output.as_ref().and_then(|file| file.extension()).and_then(|ending| ending.to_str());
        let format = match (self.format, ending) {
            _ if self.context => Format::Json,
            (Some(format), _) => format,
            (None, Some("json")) => Format::Json,
            (None, Some("csv")) => Format::Csv,
            (None, Some("html" | "htm")) => Format::Html,
            (None, Some("txt")) => Format::Text,
            (None, None) if self.output.is_none() && std::io::stdout().is_terminal() => Format::Text,
            (None, _) => Format::Md,
        };
        if self.table.is_some() && format != Format::Csv {
            return Err(CommandError::usage("--table belongs to CSV: add --format csv"));
        }
        Ok(format)
    }
}

/// The overview of what is committed, as `watch` keeps it in a file.
///
/// # Errors
/// As `tussock report`.
pub(in crate::cli) fn overview(ui: &mut Ui, home: &Home, today: Option<NaiveDate>) -> Result<String, CommandError> {
    let allow = AllowIncomplete::default();
    let past = today.map(|day| Then::on(ui, home, day, allow)).transpose()?;
    let kind = Kind::Overview;
    let wanted = Wanted { needs: kind.needs(), uncommitted: false, events: false, allow };
    let point = Viewpoint::open(ui, home, past)?;
    let known = Known::gather(ui, home, point, wanted, |_, _| Ok(Asked::default()))?;
    let report = Report::make(kind, &known.facts());
    Ok(rendering::page(&report, &known.templates).map_err(failed)?.to_markdown())
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
