//! Reports: plain data for people and programs, as JSON and as Markdown.
//!
//! A report is made by [`pipeline`], [`funnel`], [`forecast`] or [`overview`] from one set of [`Facts`], and printed by
//! [`Report::to_json`] or [`Report::to_markdown`]. The same facts give the same bytes.

pub mod changes;
pub mod chart;
pub mod data;
pub mod history;
pub mod listing;
pub mod markdown;
pub mod number;
pub mod story;
pub mod template;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::forecast::chance::{StageChance, chances};
use crate::forecast::{Forecast, day_of};
use crate::format::deal::Deal;
use crate::format::ident::StageId;
use crate::format::pipeline::Pipeline;
use crate::history::event::KnownAt;
use crate::history::spell::Spells;
use crate::metrics::estimate::Floors;
use crate::metrics::funnel::{self, Funnel, Window, of_journeys};
use crate::metrics::journey::{Journeys, journeys};
use crate::metrics::snapshot::{self, Snapshot};
use crate::metrics::total::decimal_share;

use history::{HistoryBlock, Part};

use data::{Attention, ForecastReport, FunnelReport, Head, OverviewReport, PipelineReport, Source, Waiver};

/// Deals of each list that an overview names.
const OVERVIEW_DEALS: usize = 10;

/// What reports are made of. Deals and spells are as known at `as_of`; later ones must not be among them.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its deals at `as_of`. The funnel needs none of them.
    pub deals: &'a [Deal],
    /// All visits of all deals, past ones too. Empty where there is no history.
    pub spells: &'a Spells,
    /// The time the report is about.
    pub as_of: KnownAt,
    /// Where the facts come from.
    pub source: &'a Source,
    /// The waivers in force.
    pub waivers: &'a [Waiver],
    /// What is to be said of the history; `None` where there is none.
    pub history: Option<&'a HistoryBlock>,
    /// How many observations a number needs.
    pub floors: Floors,
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
    /// The data could not be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Any report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Report {
    /// State, funnel, forecast and what needs attention, on one page.
    Overview(Box<OverviewReport>),
    /// The open deals.
    Pipeline(Box<PipelineReport>),
    /// From stage to stage.
    Funnel(Box<FunnelReport>),
    /// What will be won.
    Forecast(Box<ForecastReport>),
}

impl Report {
    /// Its name: `overview`, `pipeline`, `funnel` or `forecast`. Also that of its template.
    pub fn name(&self) -> &'static str {
        self.head().report
    }

    /// What all reports begin with.
    pub fn head(&self) -> &Head {
        match self {
            Report::Overview(r) => &r.head,
            Report::Pipeline(r) => &r.head,
            Report::Funnel(r) => &r.head,
            Report::Forecast(r) => &r.head,
        }
    }

    /// How many deals it lists.
    fn rows(&self) -> usize {
        match self {
            Report::Overview(r) => r.state.deals.len() + r.forecast.deals.len(),
            Report::Pipeline(r) => r.state.deals.len(),
            Report::Funnel(_) => 0,
            Report::Forecast(r) => r.forecast.deals.len(),
        }
    }

    /// The report as indented JSON with a line end: every number that the Markdown shows, and more deals.
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
        template::render(self.name(), self, self.rows(), own)
    }
}

/// The pipeline now: number, amount and weighted amount by stage and by each field of `by` (dotted), and the open deals.
pub fn pipeline(facts: &Facts<'_>, by: &[String]) -> Report {
    let journeys = journeys(facts.pipeline, facts.spells);
    Report::Pipeline(Box::new(PipelineReport {
        head: Head::new("pipeline", facts),
        state: facts.part(state(facts, &journeys, &chances(facts.pipeline, &journeys, facts.as_of.0), by)),
        waivers: facts.waivers.to_vec(),
    }))
}

/// The funnel of deals that first came to a stage inside the window.
pub fn funnel(facts: &Facts<'_>, window: Window) -> Report {
    let funnel =
        funnel::funnel(facts.pipeline, facts.spells, facts.as_of.0, since_the_edge(facts, window), facts.floors);
    Report::Funnel(Box::new(FunnelReport {
        head: Head::new("funnel", facts),
        from: window.from.map(|from| day_of(facts.pipeline, from)),
        to: window.until.map(|until| day_of(facts.pipeline, until.saturating_sub(1))),
        funnel: facts.part(funnel),
    }))
}

/// The forecast.
pub fn forecast(facts: &Facts<'_>) -> Report {
    let journeys = journeys(facts.pipeline, facts.spells);
    Report::Forecast(Box::new(ForecastReport {
        head: Head::new("forecast", facts),
        forecast: facts.part(forecast_of(facts, &journeys)),
    }))
}

/// The default page. Its lists of deals hold the first ten only; the other reports have them all.
pub fn overview(facts: &Facts<'_>, attention: Vec<Attention>) -> Report {
    let journeys = journeys(facts.pipeline, facts.spells);
    let mut forecast = forecast_of(facts, &journeys);
    let chances: Vec<StageChance> = forecast.stages.iter().map(|s| s.chance.clone()).collect();
    let mut state = state(facts, &journeys, &chances, &[]);
    state.deals.truncate(OVERVIEW_DEALS);
    forecast.deals.truncate(OVERVIEW_DEALS);
    Report::Overview(Box::new(OverviewReport {
        head: Head::new("overview", facts),
        state: facts.part(state),
        funnel: facts.part(funnel_of(facts, &journeys, Window::default())),
        forecast: facts.part(forecast),
        attention,
        waivers: facts.waivers.to_vec(),
    }))
}

fn state(facts: &Facts<'_>, journeys: &Journeys, chances: &[StageChance], by: &[String]) -> Snapshot {
    let chances: BTreeMap<StageId, Decimal> =
        chances.iter().map(|c| (c.stage.clone(), decimal_share(c.chance))).collect();
    snapshot::snapshot(&snapshot::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys,
        as_of: facts.as_of.0,
        chances: &chances,
        by,
        floors: facts.floors,
    })
}

fn funnel_of(facts: &Facts<'_>, journeys: &Journeys, window: Window) -> Funnel {
    of_journeys(facts.pipeline, journeys, facts.as_of.0, since_the_edge(facts, window), facts.floors)
}

/// What was there already where a shallow clone begins did not come in then.
fn since_the_edge(facts: &Facts<'_>, window: Window) -> Window {
    let from = window.from.max(facts.history.and_then(|history| history.begins));
    Window { from, ..window }
}

fn forecast_of(facts: &Facts<'_>, journeys: &Journeys) -> Forecast {
    crate::forecast::forecast(&crate::forecast::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys,
        as_of: facts.as_of.0,
    })
}

#[cfg(test)]
mod tests;
