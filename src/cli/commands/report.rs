//! `tussock report`.

use chrono::{Months, NaiveDate};
use clap::ValueEnum;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::printing::{Printing, failed};
use crate::cli::rendering;
use crate::cli::reporting::{Known, Viewpoint, Wanted};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{home, tell_half_done, tell_rates, tell_unreadable};
use crate::cli::{Global, day, horizon};
use crate::forecast::scenario::WhatIf;
use crate::format::forecast::Horizon;
use crate::format::pipeline::Pipeline;
use crate::metrics::conversion::{self, Goal, Variant};
use crate::metrics::period::{Period, Span};
use crate::repo::discover::Home;
use crate::report::asked::{Asked, EARLIEST, Profile};
use crate::report::lang::Lang;
use crate::report::{Kind, Needs, Report, listing};

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
  tussock report forecast --horizon quarter --format json
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
    #[command(flatten)]
    printing: Printing,
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
    /// In the agenda, only what concerns this person, or the stages of this role
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
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
    #[command(flatten)]
    ahead: Ahead,
    #[command(flatten)]
    choosing: Choosing,
}

/// Of which deals a report is, and for whom.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Choosing {
    /// Also for each value of this field; may be given several times
    #[arg(long, value_name = "FIELD")]
    by: Vec<String>,
    /// Only deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Who it is for
    #[arg(long, value_name = "WHO", value_enum, default_value = "team")]
    profile: ProfileWord,
    /// The language of its text; without it, the one that the pipeline file names
    #[arg(long, value_name = "LANG", value_enum, env = "TUSSOCK_LANG", hide_env_values = true)]
    lang: Option<LangWord>,
}

/// How far a forecast looks ahead, and at what.
#[derive(Clone, Debug, Default, clap::Args)]
pub(in crate::cli) struct Ahead {
    /// In the forecast, how far ahead it looks: 90d, 12w, month, quarter, year or a day; else as the pipeline file says
    #[arg(long, value_name = "HORIZON", value_parser = horizon)]
    horizon: Option<Horizon>,
    /// In the forecast, also what it would be if: 'DEAL: stage=proposal, amount=50000', 'win DEAL' or 'lose DEAL'; may be
    /// given several times
    #[arg(long = "what-if", value_name = "CHANGE")]
    what_if: Vec<String>,
}

impl Ahead {
    /// Looks ahead so far, at the deals as they are.
    pub(in crate::cli) fn to(horizon: Option<Horizon>) -> Ahead {
        Ahead { horizon, what_if: Vec::new() }
    }
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
pub(in crate::cli) enum LangWord {
    /// English
    #[default]
    En,
    /// Russian
    Ru,
}

impl From<LangWord> for Lang {
    fn from(word: LangWord) -> Lang {
        match word {
            LangWord::En => Lang::En,
            LangWord::Ru => Lang::Ru,
        }
    }
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
        let choosing = Choosing { filter, ..Choosing::default() };
        Asking { from, to, period, full: true, choosing, ..Asking::default() }
    }

    /// Asks for a forecast.
    pub(in crate::cli) fn ahead(ahead: &Ahead, choosing: &Choosing) -> Asking {
        Asking { ahead: ahead.clone(), choosing: choosing.clone(), ..Asking::default() }
    }

    /// What is asked of a report whose last day is `day`.
    ///
    /// # Errors
    /// When days or fields make no sense.
    pub(in crate::cli) fn asked(&self, kind: Kind, pipeline: &Pipeline, day: NaiveDate) -> Result<Asked, CommandError> {
        for field in &self.choosing.by {
            listing::column(pipeline, field).map_err(|e| CommandError::usage(e.to_string()))?;
        }
        let by = match kind {
            Kind::Pipeline if self.choosing.by.is_empty() => vec!["owner".to_owned()],
            _ => self.choosing.by.clone(),
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
            before: day.checked_sub_months(Months::new(1)).filter(|_| kind == Kind::Forecast),
            period,
            by,
            owner: self.owner.clone(),
            filter: self.choosing.filter.clone(),
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
            horizon: self.horizon(day)?,
            scenario: self.scenario(pipeline)?,
            profile: self.profile(),
            lang: self.lang().or(pipeline.lang).unwrap_or_default(),
        })
    }

    /// Whether a funnel is to tell more than visits do.
    fn is_full(&self) -> bool {
        let days = self.from.is_some() || self.to.is_some() || self.period.is_some();
        let conversion = self.conversion.is_some() || !self.pairs.is_empty() || self.within.is_some();
        self.full || days || conversion || self.choosing.filter.is_some() || !self.choosing.by.is_empty()
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
            // Deals that are told apart are told by what their fields had, also those that were removed.
            _ if self.choosing.filter.is_some() || !self.choosing.by.is_empty() => {
                Needs { deals: true, tracks: true, ..needs }
            }
            _ => needs,
        }
    }

    /// Whether the report and what is asked of it go together: the reader that was named, and the owner.
    ///
    /// # Errors
    /// When not.
    pub(in crate::cli) fn fits(&self, kind: Kind) -> Result<(), CommandError> {
        let is_ahead = self.ahead.horizon.is_some() || !self.ahead.what_if.is_empty();
        if kind != Kind::Forecast && is_ahead {
            return Err(CommandError::usage(
                "--horizon and --what-if belong to the forecast: tussock forecast --horizon …",
            ));
        }
        if kind == Kind::Forecast && !self.ahead.what_if.is_empty() && !self.profile().sees_expectations() {
            return Err(CommandError::usage(
                "a what-if changes what is expected, and the investor profile sees nothing that is only expected",
            ));
        }
        if kind == Kind::Agenda && self.choosing.profile == ProfileWord::Investor {
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
        self.choosing.filter.clone()
    }

    /// Who it is for.
    pub(in crate::cli) fn profile(&self) -> Profile {
        match self.choosing.profile {
            ProfileWord::Team => Profile::Team,
            ProfileWord::Management => Profile::Management,
            ProfileWord::Investor => Profile::Investor,
        }
    }

    /// The language of its text, where one was asked for.
    pub(in crate::cli) fn lang(&self) -> Option<Lang> {
        self.choosing.lang.map(Lang::from)
    }

    /// How far ahead a forecast looks that is made on this day, where that was asked for.
    fn horizon(&self, day: NaiveDate) -> Result<Option<Horizon>, CommandError> {
        let seen = self.ahead.horizon.map(|horizon| horizon.seen_from(day)).transpose();
        seen.map_err(|e| CommandError::usage(format!("--horizon: {e}")))
    }

    /// What is imagined.
    fn scenario(&self, pipeline: &Pipeline) -> Result<Vec<WhatIf>, CommandError> {
        let read = self.ahead.what_if.iter().map(|text| WhatIf::parse(text, pipeline));
        read.collect::<Result<_, _>>().map_err(|e| CommandError::usage(format!("--what-if: {e}")))
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
    let order = Order {
        kind: args.name.kind(),
        as_of: &args.as_of,
        allow: args.allow,
        asking: &args.asking,
        uncommitted: args.uncommitted,
        printing: &args.printing,
    };
    order.run(ui, global)
}

/// A report that is asked for.
pub(in crate::cli) struct Order<'a> {
    pub(in crate::cli) kind: Kind,
    pub(in crate::cli) as_of: &'a AsOf,
    pub(in crate::cli) allow: AllowIncomplete,
    pub(in crate::cli) asking: &'a Asking,
    /// Whether to say how many deals differ in the work tree.
    pub(in crate::cli) uncommitted: bool,
    pub(in crate::cli) printing: &'a Printing,
}

impl Order<'_> {
    /// Makes the report and prints it.
    ///
    /// # Errors
    /// When what is asked for makes no sense, or what it is made of cannot be read.
    pub(in crate::cli) fn run(&self, ui: &mut Ui, global: &Global) -> Result<Exit, CommandError> {
        let Order { kind, as_of, allow, asking, uncommitted, printing } = *self;
        let format = printing.format()?;
        asking.fits(kind)?;
        let home = home(global)?;
        tell_half_done(ui, &home)?;
        home.place()?;
        let wanted = Wanted { needs: asking.needs(kind), uncommitted, events: false, allow };
        let point = asking.viewpoint(ui, global, &home, kind, as_of, allow)?;
        let known = Known::gather(ui, &home, point, wanted, |pipeline, day| asking.asked(kind, pipeline, day))?;
        let report = Report::make(kind, &known.facts());
        printing.print(ui, global, format, &report, &known.templates)?;
        let unreadable = known
            .reading()
            .is_some_and(|(reading, snapshot)| tell_unreadable(ui, reading, snapshot) | tell_rates(ui, reading));
        Ok(if unreadable { Exit::Findings } else { Exit::Done })
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
