//! What a reader asks of a report besides its name.

use chrono::NaiveDate;
use serde::Serialize;

use crate::forecast::scenario::WhatIf;
use crate::format::forecast::Horizon;
use crate::metrics::conversion::Variant;
use crate::metrics::funnel::Window;
use crate::metrics::period::{Period, Span};

use super::Facts;
use super::lang::Lang;

/// Who a report is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The people who sell: everything.
    #[default]
    Team,
    /// Who leads them: lists of deals hold the first ten.
    Management,
    /// People outside: no weighted amounts, no single deals, no people, no sellers' opinions.
    Investor,
}

/// Deals of a list that management sees.
const FIRST: usize = 10;

impl Profile {
    /// How many deals of a list this reader sees.
    pub fn deals(self) -> usize {
        match self {
            Profile::Team => usize::MAX,
            Profile::Management => FIRST,
            Profile::Investor => 0,
        }
    }

    /// Whether this reader sees what is only expected: weighted amounts, chances, the sellers' own opinion.
    pub fn sees_expectations(self) -> bool {
        self != Profile::Investor
    }

    /// Whether this reader sees who did what, and which deals they are.
    pub fn sees_names(self) -> bool {
        self != Profile::Investor
    }
}

/// The first day of a span that nobody gave a beginning.
pub const EARLIEST: NaiveDate = NaiveDate::MIN;

/// What a reader asks of a report besides its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The days it is about; `None`: all there is.
    pub span: Option<Span>,
    /// The days to compare them with.
    pub previous: Option<Span>,
    /// The day at whose end the deals are also looked at; `None`: that before the days it is about.
    pub before: Option<NaiveDate>,
    /// The kind of period, where one was named.
    pub period: Option<Period>,
    /// Fields (dotted) to split it by.
    pub by: Vec<String>,
    /// The one person or role that an agenda is for.
    pub owner: Option<String>,
    /// The expression that chose the deals, as it was given.
    pub filter: Option<String>,
    /// Whether the funnel is to tell all it can: win rates, amounts, the flow, what changed.
    pub full: bool,
    /// How conversion is counted beside the cohorts.
    pub conversion: Option<Variant>,
    /// Conversion from these stages to those: names as they were asked for.
    pub pairs: Vec<(String, String)>,
    /// How many days deals have to get somewhere; `None`: as long as it takes.
    pub within: Option<u32>,
    /// Whether lengths of time count the working hours of the pipeline's calendar only.
    pub business_hours: bool,
    /// How far ahead a forecast looks; `None`: as the pipeline file says.
    pub horizon: Option<Horizon>,
    /// What is imagined of the deals, beside the forecast of them as they are.
    pub scenario: Vec<WhatIf>,
    /// Who it is for.
    pub profile: Profile,
    /// The language it is written in.
    pub lang: Lang,
}

impl Facts<'_> {
    /// The seconds of a span of days, by the pipeline's time zone; those of no span are all there are.
    pub fn window(&self, span: Option<Span>) -> Window {
        Window {
            from: span.filter(|span| span.from > EARLIEST).map(|span| self.pipeline.start_of(span.from)),
            until: span.map(|span| self.pipeline.end_of(span.to).saturating_add(1)),
        }
    }
}
