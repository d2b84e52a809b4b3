//! What will be won, and how sure that is.

use chrono::NaiveDate;
use serde::Serialize;

use crate::forecast::expected::{Expected, Range};
use crate::forecast::log::Log;
use crate::forecast::reach::{Reach, reach};
use crate::forecast::scenario;
use crate::forecast::{Forecast, Ground, Input, of_ground};
use crate::format::ident::StageId;
use crate::metrics::coverage::{self, Coverage, coverage};
use crate::metrics::journey::journeys;
use crate::metrics::period::Period;
use crate::metrics::snapshot::OtherCurrency;
use crate::metrics::total::Total;

use super::Facts;
use super::asked::Profile;
use super::body::{self, Body};
use super::history::Part;
use super::scenario::{WhatIf, what_if};
use super::then::{Then, then};

/// What its numbers mean.
pub const DEFINITIONS: body::Definitions = &[
    (
        "chances",
        "what becomes of a deal by the last day of the horizon: the Aalen-Johansen incidence of the hazards of its stage and \
         age, each shrunk towards that of the next younger deals and in the end towards the pipeline file, times the \
         coefficients of its fields, corrected by the drift; won + lost + open = 1",
    ),
    ("ever", "the chance to be won within 730 days"),
    ("evidence", "how much of the hazards of the first day is history: n / (n + m), m the weight of what is assumed"),
    ("expected_wins", "sum of the chances of the deals to be won by the last day"),
    ("expected_amount", "sum of amount times chance, rounded once after adding; won deals are not part of it"),
    (
        "range",
        "quantiles of the sum of money: p10 is not reached in one case of ten, p90 is exceeded in one of ten; deals depend \
         on each other by `dependence`",
    ),
    ("new_business", "deals that are not there yet: how many come in a week, times how many of those are won in time"),
    ("months", "what is won in each month by the model; so_far is all that is won up to its end"),
    ("close_dates", "open deals by the month in which their sellers expect the yes, which has no part in the chances"),
    ("cumulative", "a category and all surer ones: commit, then best case, then pipeline"),
    ("coefficients", "wins that were seen, against those that other deals of the same stages would have brought"),
    ("drift", "(wins + 20) / (expected wins + 20) of the forecasts of the last weeks whose time is over"),
    ("deciding", "the share of the variance of the sum that one deal has"),
    ("targets.gap", "what is still to be won less what is expected of open and of new deals by its end"),
    ("targets.chance", "the chance that open and new deals bring all that is still to be won by its end"),
];

/// What will be won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastReport {
    /// The forecast; `None` for a reader who is not to see what is only expected.
    pub forecast: Option<Part<Forecast>>,
    /// The open deals, with their full amounts.
    pub open: OpenDeals,
    /// The targets of this month, quarter and year, where the pipeline sets any and all deals were asked for.
    pub targets: Vec<Target>,
    /// What it would be if; `None` where nothing was imagined.
    pub what_if: Option<WhatIf>,
    /// What was said a month ago, and what came; `None` where nothing was known then.
    pub then: Option<Part<Then>>,
}

/// Open deals, with their full amounts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenDeals {
    /// Deals.
    pub deals: usize,
    /// Their amounts, added up in the pipeline's currency.
    pub amount: Total,
    /// Deals without an amount.
    pub without_amount: usize,
    /// By stage.
    pub stages: Vec<OpenStage>,
    /// Currencies that are in no sum.
    pub other_currencies: Vec<OtherCurrency>,
}

/// The open deals of a stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OpenStage {
    /// The stage.
    pub stage: StageId,
    /// What people call it.
    pub title: String,
    /// Deals.
    pub deals: usize,
    /// Their amounts, added up.
    pub amount: Total,
}

/// What is to be won in a period, what was, and what will be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The target, what was won of it, and the open deals that are to close in time.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// What is expected.
    #[serde(flatten)]
    pub reach: Reach,
}

/// What is expected of some deals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sums {
    /// How many wins.
    pub expected_wins: f64,
    /// What they bring.
    pub expected_amount: Total,
    /// What that is in eight of ten cases.
    pub range: Option<Range>,
}

impl Sums {
    /// Of the open deals.
    pub(super) fn open(forecast: &Forecast) -> Sums {
        let Expected { expected_wins, expected_amount, .. } = forecast.total;
        Sums { expected_wins, expected_amount, range: forecast.range }
    }

    /// Of open and new deals.
    pub(super) fn all(forecast: &Forecast) -> Sums {
        let new = forecast.with_new.as_ref();
        new.map_or_else(
            || Sums::open(forecast),
            |new| Sums { expected_wins: new.expected_wins, expected_amount: new.expected_amount, range: new.range },
        )
    }
}

impl Body for ForecastReport {
    const NAME: &'static str = "forecast";
    const DEFINITIONS: &'static [body::Definitions] = &[DEFINITIONS];
    const TABLES: &'static [(&'static str, &'static str)] = &[
        ("months", "/forecast/months"),
        ("stages", "/forecast/stages"),
        ("owners", "/forecast/owners"),
        ("close-dates", "/forecast/close_dates"),
        ("categories", "/forecast/categories"),
        ("coefficients", "/forecast/coefficients"),
        ("deciding", "/forecast/deciding"),
        ("deals", "/forecast/deals"),
        ("open", "/open/stages"),
        ("targets", "/targets"),
        ("what-if", "/what_if/changes"),
        ("then", "/then/deals"),
    ];

    fn rows(&self) -> usize {
        let then = self.then.as_ref().map_or(0, |then| then.deals.len());
        self.forecast.as_ref().map_or(0, |forecast| forecast.deals.len()) + then
    }

    fn restrict(&mut self, profile: Profile) {
        if !profile.sees_expectations() {
            (self.forecast, self.what_if, self.then) = (None, None, None);
            self.targets.clear();
        }
        if let Some(forecast) = &mut self.forecast {
            restrict(&mut forecast.said, profile);
        }
        if let Some(then) = &mut self.then {
            then.said.deals.truncate(profile.deals());
        }
    }
}

/// Leaves out what a reader of this profile is not to see.
pub(super) fn restrict(forecast: &mut Forecast, profile: Profile) {
    forecast.deals.truncate(profile.deals());
}

/// The forecast.
pub fn make(facts: &Facts<'_>) -> ForecastReport {
    let none = Log::default();
    let input = input(facts, facts.log.unwrap_or(&none), &facts.asked.by);
    let ground = Ground::new(&input);
    let forecast = of_ground(&ground);
    let open = OpenDeals {
        deals: forecast.total.deals,
        amount: forecast.total.amount,
        without_amount: forecast.total.without_amount,
        stages: forecast
            .stages
            .iter()
            .map(|line| OpenStage {
                stage: line.stage.clone(),
                title: line.title.clone(),
                deals: line.expected.deals,
                amount: line.expected.amount,
            })
            .collect(),
        other_currencies: forecast.other_currencies.clone(),
    };
    let imagined = &facts.asked.scenario;
    let what_if = (!imagined.is_empty()).then(|| {
        let deals = scenario::apply(imagined, facts.pipeline, facts.deals);
        let so = of_ground(&ground.with(&Input { deals: &deals, by: &[], ..input }));
        what_if(facts, &forecast, &so)
    });
    ForecastReport {
        targets: if input.whole { targets(facts, &ground) } else { Vec::new() },
        then: facts.log.and_then(|log| then(facts, log)).map(|then| facts.part(then)),
        forecast: Some(facts.part(forecast)),
        open,
        what_if,
    }
}

/// What a forecast is made of.
pub(super) fn input<'a>(facts: &Facts<'a>, log: &'a Log, by: &'a [String]) -> Input<'a> {
    Input {
        pipeline: facts.pipeline,
        log,
        deals: facts.deals,
        as_of: facts.as_of.0,
        horizon: facts.asked.horizon.unwrap_or(facts.pipeline.forecast.horizon),
        whole: facts.asked.filter.is_none(),
        by,
    }
}

/// The targets of the month, the quarter and the year in which the forecast is made.
fn targets(facts: &Facts<'_>, ground: &Ground<'_>) -> Vec<Target> {
    let pipeline = facts.pipeline;
    if pipeline.targets.is_empty() {
        return Vec::new();
    }
    let day: NaiveDate = ground.day;
    let start = pipeline.fiscal_year_start;
    let journeys = journeys(pipeline, facts.spells);
    let of_period = |period: Period| {
        let span = period.span_of(day, start);
        coverage::target(pipeline, span)?;
        let (deals, as_of, floors) = (facts.deals, facts.as_of.0, facts.floors);
        let coverage = coverage(&coverage::Input { pipeline, deals, journeys: &journeys, as_of, span, floors });
        let reach = reach(ground, span.to, coverage.remaining?);
        Some(Target { coverage, reach })
    };
    Period::ALL.into_iter().filter_map(of_period).collect()
}
