//! Reports: plain data for people and programs, as JSON, as tables and as Markdown.
//!
//! A report is made by [`Report::make`] from one set of [`Facts`], and printed by [`Report::to_json`] or
//! [`Report::to_markdown`]. The same facts give the same bytes. What is particular to one report lies in the file of its
//! name; what all begin with is the [`data::Head`].

pub mod agenda;
pub mod asked;
pub mod backtest;
pub mod board;
pub mod body;
pub mod cash;
pub mod changes;
pub mod chart;
pub mod csv_table;
pub mod data;
pub mod effort;
pub mod explain;
pub mod forecast;
pub mod funnel;
pub mod groups;
pub mod health;
pub mod history;
pub mod lang;
pub mod listing;
pub mod losses;
pub mod markdown;
pub mod number;
pub mod overview;
pub mod page;
pub mod pipeline;
pub mod portfolio;
pub mod scenario;
pub mod story;
pub mod template;
pub mod then;
pub mod time;
pub mod waterfall;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::Serialize;

use crate::forecast::backtest::Backtest;
use crate::forecast::log::Log;
use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::pipeline::Pipeline;
use crate::history::event::KnownAt;
use crate::history::spell::Spells;
use crate::history::track::Tracks;
use crate::metrics::estimate::Floors;

use asked::{Asked, Profile};
use body::{Body as _, Definitions};
use chart::Chart;
use data::{Attention, Head, Source, Waiver};
use groups::Grouping;
use history::{HistoryBlock, Part};
use page::Page;

/// What reports are made of. Deals and spells are as known at `as_of`; later ones must not be among them.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its deals at `as_of`. A report that does not need them gets none, see [`Kind::needs`].
    pub deals: &'a [Deal],
    /// All deals at `as_of`, also those that nobody asked for; empty where those are all.
    pub all: &'a [Deal],
    /// Deals whose file cannot be read at `as_of`.
    pub unread: &'a [DealId],
    /// All visits of all deals, past ones too. Empty where there is no history.
    pub spells: &'a Spells,
    /// The same, also of deals that nobody asked for: a usual length of a visit is that of all.
    pub all_spells: &'a Spells,
    /// Deals whose file was removed, as they were last known, with the fields that history tells of alone. Gathered where
    /// deals are told apart.
    pub removed: &'a [Deal],
    /// The fields (dotted names) that history tells of.
    pub told: &'a [Arc<str>],
    /// What the told fields of the deals were over time; empty for a report that does not need it.
    pub tracks: &'a Tracks,
    /// What was known of the deals at any time; `None` for a report that does not need it, and for one of only some deals.
    pub log: Option<&'a Log>,
    /// The time the report is about.
    pub as_of: KnownAt,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// Where the facts come from.
    pub source: &'a Source,
    /// The waivers in force.
    pub waivers: &'a [Waiver],
    /// What `validate` would say of the deals, counted by rule.
    pub attention: &'a [Attention],
    /// What is to be said of the history; `None` where there is none.
    pub history: Option<&'a HistoryBlock>,
    /// How the deals stood at the beginning of the span that was asked for; `None` for a report that does not need it.
    pub before: Option<&'a Before>,
    /// How good the forecasts of the past were; `None` for a report that does not need it.
    pub backtest: Option<&'a Backtest>,
    /// How many observations a number needs.
    pub floors: Floors,
    /// What was asked for.
    pub asked: &'a Asked,
}

/// The deals as they were known at the end of an earlier day.
#[derive(Clone, Debug)]
pub struct Before {
    /// That day.
    pub day: NaiveDate,
    /// The pipeline as its file described it then.
    pub pipeline: Pipeline,
    /// The deals; none where there was no pipeline yet.
    pub deals: Vec<Deal>,
    /// All deals that there were then, where those that were asked for are not all.
    pub all: Option<Arc<[Deal]>>,
    /// Deals whose file could not be read then; they are in no number.
    pub unread: Vec<DealId>,
}

impl Facts<'_> {
    /// Whether history begins in the middle, so that every number that rests on it is to be marked.
    pub fn is_incomplete(&self) -> bool {
        self.history.is_some_and(|history| history.incomplete)
    }

    fn part<T>(&self, said: T) -> Part<T> {
        Part { said, incomplete: self.is_incomplete() }
    }
}

/// Why a report cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A template failed.
    #[error("cannot render the report: {template}, line {line}: {message}")]
    Template {
        /// Which one.
        template: String,
        /// 1-based line in it.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A template printed too much.
    #[error("cannot render the report: {template} prints more than {limit} bytes; print fewer deals")]
    TooLong {
        /// Which one.
        template: String,
        /// The bound in bytes.
        limit: usize,
    },
    /// The templates were stopped: they took too much time or memory.
    #[error("cannot render the report with the pipeline's own templates: {0}")]
    Stopped(String),
    /// The data could not be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What a report is made of, beside the visits of deals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The deals as they are.
    pub deals: bool,
    /// What their fields were over time.
    pub tracks: bool,
    /// What was known of them at any time.
    pub log: bool,
    /// What `validate` says of them.
    pub attention: bool,
    /// How they stood at the beginning of the span.
    pub before: bool,
    /// Whether deals that were closed long ago need not be read.
    pub lately: bool,
}

/// Declares the reports: the word that calls each, its file and the type that its file makes.
macro_rules! reports {
    ($($(#[doc = $doc:literal])+ $name:ident, $file:ident, $body:ty, $needs:expr;)+) => {
        /// Which report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        /// What is particular to a report.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[doc = $doc])+ $name(Box<$body>),)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$name,)+];

            /// The word that calls it, which is also the name of its template.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$name => <$body>::NAME,)+
                }
            }

            /// What it is made of.
            pub fn needs(self) -> Needs {
                match self {
                    $(Kind::$name => $needs,)+
                }
            }

            fn definitions(self) -> &'static [Definitions] {
                match self {
                    $(Kind::$name => <$body>::DEFINITIONS,)+
                }
            }

            /// Its tables: a name and where its rows lie in the JSON of the report. The first is the main one.
            pub fn tables(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Kind::$name => <$body>::TABLES,)+
                }
            }

            fn make(self, facts: &Facts<'_>) -> Body {
                match self {
                    $(Kind::$name => Body::$name(Box::new($file::make(facts))),)+
                }
            }
        }

        impl Body {
            fn rows(&self) -> usize {
                match self {
                    $(Body::$name(body) => body.rows(),)+
                }
            }

            fn restrict(&mut self, profile: Profile) {
                match self {
                    $(Body::$name(body) => body.restrict(profile),)+
                }
            }
        }
    };
}

/// A report made of deals and their visits alone.
const DEALS: Needs = Needs { deals: true, tracks: false, log: false, attention: false, before: false, lately: false };

reports! {
    /// State, funnel, forecast and what needs attention, on one page.
    Overview, overview, overview::OverviewReport, Needs { attention: true, log: true, ..DEALS };
    /// The open deals.
    Pipeline, pipeline, pipeline::PipelineReport, DEALS;
    /// From stage to stage.
    Funnel, funnel, funnel::FunnelReport, Needs { deals: false, ..DEALS };
    /// How long everything takes.
    Time, time, time::TimeReport, Needs { tracks: true, ..DEALS };
    /// What will be won.
    Forecast, forecast, forecast::ForecastReport, Needs { log: true, before: true, lately: true, ..DEALS };
    /// How good the forecasts of the past were.
    Backtest, backtest, backtest::BacktestReport, Needs { deals: false, ..DEALS };
    /// What changed between two days.
    Waterfall, waterfall, waterfall::WaterfallReport, Needs { tracks: true, before: true, ..DEALS };
    /// What was lost, and why.
    Losses, losses, losses::LossesReport, DEALS;
    /// Where hours of work went.
    Effort, effort, effort::EffortReport, DEALS;
    /// Money asked for and received.
    Cash, cash, cash::CashReport, DEALS;
    /// What is to be done next.
    Agenda, agenda, agenda::AgendaReport, DEALS;
    /// Signs of trouble.
    Health, health, health::HealthReport, Needs { tracks: true, ..DEALS };
}

/// Any report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// What all begin with.
    #[serde(flatten)]
    pub head: Head,
    /// What is particular to it.
    #[serde(flatten)]
    pub body: Body,
    /// The same for each value of the fields that were asked for.
    pub by: Vec<Grouping>,
    #[serde(skip)]
    kind: Kind,
}

impl Report {
    /// Makes a report.
    pub fn make(kind: Kind, facts: &Facts<'_>) -> Report {
        let mut body = kind.make(facts);
        body.restrict(facts.asked.profile);
        // The open deals and the forecast are split inside their reports, where each value is one line.
        let by = if matches!(kind, Kind::Pipeline | Kind::Forecast) { Vec::new() } else { groups::by(kind, facts) };
        Report { head: Head::new(kind, facts), body, by, kind }
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, which is also that of its template.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// How many deals it lists, those of its groups too.
    pub fn rows(&self) -> usize {
        let groups = self.by.iter().flat_map(|grouping| &grouping.groups);
        self.body.rows() + groups.map(|group| group.body.rows()).sum::<usize>()
    }

    /// The report as indented JSON with a line end: every number that the Markdown shows, and more deals. It is also what
    /// templates get.
    ///
    /// # Errors
    /// [`ReportError::Json`].
    pub fn to_json(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The report as Markdown. `own` are the pipeline's own templates by file name (`funnel.md.jinja`), which take the
    /// place of the built-in ones; others of its `templates/` folder can be included.
    ///
    /// # Errors
    /// [`ReportError::Template`] and [`ReportError::TooLong`].
    pub fn to_markdown(&self, own: &BTreeMap<String, String>) -> Result<String, ReportError> {
        Ok(self.to_page(own)?.to_markdown())
    }

    /// The report as a page, from which Markdown, HTML and text for a terminal are made.
    ///
    /// # Errors
    /// As [`Report::to_markdown`].
    pub fn to_page(&self, own: &BTreeMap<String, String>) -> Result<Page, ReportError> {
        let Head { lang, words, .. } = &self.head;
        let rendering = template::Rendering { report: self.name(), rows: self.rows(), lang: *lang, words, own };
        let (markdown, charts) = template::render(&rendering, self)?;
        Ok(self.page_of(markdown, charts))
    }

    /// What a template made of this report, as a page.
    pub fn page_of(&self, markdown: String, charts: Vec<Chart>) -> Page {
        let Head { lang, pipeline, .. } = &self.head;
        let title = format!("{}: {}", pipeline.title, lang.text(self.name()));
        Page { markdown, charts, title, lang: lang.as_str().to_owned() }
    }
}

#[cfg(test)]
mod tests;
