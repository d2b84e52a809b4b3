//! How good the forecasts of the past were.
//!
//! At the end of each week, or month, of the past everything is made as `tussock forecast --as-of` would have made it
//! then: from what was known by that time alone, read by the pipeline file of that time. What came is read the same way
//! from what was known when the horizon was over. Simpler ways to forecast are scored on the same deals.

pub mod baselines;
pub mod bootstrap;
pub mod cutoffs;
pub mod look;
pub mod method;
pub mod score;
pub mod scores;
pub mod tuning;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::NaiveDate;
use rayon::prelude::*;
use serde::Serialize;

use crate::format::forecast::{ForecastSettings, Horizon};
use crate::format::ident::DealId;
use crate::format::pipeline::Pipeline;
use crate::history::event::KnownAt;

use super::drift::{self, Drift, Window};
use super::log::Log;
use bootstrap::ENOUGH_PERIODS;
use cutoffs::{Cutoff, Step, TooEarly};
use look::{Look, Ways};
use method::Method;
use scores::{Against, MethodScores, Period, RangeScores, Row};
use tuning::Tuning;

/// A stretch of time in which a pipeline was read in one way: by one version of its file.
#[derive(Clone, Debug)]
pub struct Era {
    /// The pipeline as its file described it.
    pub pipeline: Arc<Pipeline>,
    /// What was known, read by that file. What became known after the era may be among it.
    pub log: Arc<Log>,
    /// The ids that the deals of the log have today, by number.
    pub ids: Arc<[DealId]>,
    /// When the file became known; it is in force until the next one is.
    pub from: KnownAt,
}

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How far each forecast looks ahead; never a single day. `None`: as the last pipeline file says.
    pub horizon: Option<Horizon>,
    /// How far apart the forecasts are.
    pub step: Step,
    /// The first day of which the end can be a cut-off.
    pub from: Option<NaiveDate>,
    /// The last one.
    pub to: Option<NaiveDate>,
    /// The time up to which everything is known.
    pub now: KnownAt,
}

/// How good the forecasts were.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Backtest {
    /// How far each forecast looked ahead.
    pub horizon: Horizon,
    /// The same in days, where it has always as many.
    pub horizon_days: Option<u32>,
    /// How far apart the forecasts were.
    pub step: Step,
    /// Forecasts that were made.
    pub cutoffs: usize,
    /// How many of their times do not overlap.
    pub independent: usize,
    /// Whether these are too few for more than an indication.
    pub indicative: bool,
    /// The day at the end of which the first forecast was made.
    pub first: Option<NaiveDate>,
    /// That of the last one.
    pub last: Option<NaiveDate>,
    /// Why there is none.
    pub too_early: Option<TooEarly>,
    /// Chances that were given: deals, each as often as it was open at a cut-off.
    pub chances: usize,
    /// How many of these deals were won in time.
    pub won: usize,
    /// The forecast first, then the simpler ways.
    pub methods: Vec<MethodScores>,
    /// The forecast against each of the simpler ways.
    pub against: Vec<Against>,
    /// What was said against what came.
    pub calibration: Vec<Row>,
    /// How often what came lay inside the range from P10 to P90.
    pub ranges: Vec<RangeScores>,
    /// The forecasts, oldest first.
    pub periods: Vec<Period>,
    /// Other settings than those of the file; `None` where there is too little to choose by.
    pub tuning: Option<Tuning>,
    /// Every chance that was given.
    #[serde(skip)]
    pub said: Vec<SaidOfDeal>,
}

/// A chance that was given to a deal, and what came.
#[derive(Clone, Debug, PartialEq)]
pub struct SaidOfDeal {
    /// The day at the end of which it was given.
    pub day: NaiveDate,
    /// The last day of the horizon.
    pub until: NaiveDate,
    /// The deal, by the id it has today.
    pub deal: DealId,
    /// The stage that it was in.
    pub stage: String,
    /// For how many days.
    pub age: u32,
    /// What each method said.
    pub chances: [Option<f64>; Method::ALL.len()],
    /// Whether it was won.
    pub won: bool,
}

/// Settings that take the place of those of the pipeline file. What is `None` stays as the file has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changed {
    /// How many deals the prior weighs as much as.
    pub weight: Option<f64>,
    /// How much deals are won and lost together.
    pub dependence: Option<f64>,
    /// The fields that make a difference.
    pub coefficients: Option<Vec<String>>,
}

impl Changed {
    /// The settings of a file, with these in their place.
    pub fn of(&self, file: &ForecastSettings) -> ForecastSettings {
        let mut settings = file.clone();
        settings.weight = self.weight.unwrap_or(settings.weight);
        settings.dependence = self.dependence.unwrap_or(settings.dependence);
        if let Some(fields) = &self.coefficients {
            settings.coefficients.clone_from(fields);
        }
        settings
    }
}

/// Everything that the parts of a backtest share.
pub(super) struct Bench<'a> {
    /// Oldest first.
    pub(super) eras: &'a [Era],
    done: AtomicUsize,
    all: AtomicUsize,
    tell: &'a (dyn Fn(usize, usize) + Sync),
}

/// Past forecasts whose time is over, by era, by when they were made and by how many days they looked ahead.
pub(super) type Windows = BTreeMap<(usize, i64, u32), Option<Window>>;

impl Bench<'_> {
    /// Which file was in force at a time; `None` where there was none yet.
    pub(super) fn era_at(&self, time: KnownAt) -> Option<usize> {
        self.eras.partition_point(|era| era.from <= time).checked_sub(1)
    }

    /// Says that so much more is to be done.
    pub(super) fn expect(&self, steps: usize) {
        self.all.fetch_add(steps, Ordering::Relaxed);
    }

    /// Says that one step is done.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.tell)(done, self.all.load(Ordering::Relaxed));
    }

    /// What the drift factors of these cut-offs rest on. Neighbours share most of it, so each is reckoned once.
    pub(super) fn windows(&self, cutoffs: &[Cutoff], changed: &Changed) -> Windows {
        let mut keys: Vec<(usize, i64, u32)> = Vec::new();
        for cutoff in cutoffs {
            let Some(era) = self.eras.get(cutoff.era) else { continue };
            if era.pipeline.forecast.drift {
                let made = drift::made(&era.pipeline, &era.log, cutoff.at.0, cutoff.days);
                keys.extend(made.into_iter().map(|made| (cutoff.era, made, cutoff.days)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        self.expect(keys.len());
        let window = |key: &(usize, i64, u32)| {
            let era = self.eras.get(key.0)?;
            let settings = changed.of(&era.pipeline.forecast);
            let window = Window::at(&era.pipeline, &settings, &era.log, key.1, key.2);
            self.step();
            window
        };
        let windows: Vec<Option<Window>> = keys.par_iter().map(window).collect();
        keys.into_iter().zip(windows).collect()
    }

    /// The drift factor of a cut-off.
    pub(super) fn drift(&self, cutoff: &Cutoff, windows: &Windows) -> Option<Drift> {
        let era = self.eras.get(cutoff.era).filter(|era| era.pipeline.forecast.drift)?;
        let made = drift::made(&era.pipeline, &era.log, cutoff.at.0, cutoff.days);
        let seen = made.into_iter().filter_map(|made| *windows.get(&(cutoff.era, made, cutoff.days))?);
        Drift::of(&seen.collect::<Vec<_>>())
    }
}

/// Forecasts at every cut-off, and scores what was said. `eras` are in order of time. `tell` is told how much of how much is
/// done, from any thread.
pub fn run(eras: &[Era], plan: &Plan, tell: &(dyn Fn(usize, usize) + Sync)) -> Backtest {
    let horizon = plan.horizon.or(eras.last().map(|era| era.pipeline.forecast.horizon)).unwrap_or_default();
    let horizon_days = match horizon {
        Horizon::Days(days) => Some(days),
        _ => None,
    };
    let mut backtest = Backtest { horizon, horizon_days, step: plan.step, ..Backtest::default() };
    let bench = Bench { eras, done: AtomicUsize::new(0), all: AtomicUsize::new(0), tell };
    let cutoffs = match cutoffs::of(&bench, plan, horizon) {
        Ok(cutoffs) => cutoffs,
        Err(too_early) => {
            backtest.too_early = Some(too_early);
            return backtest;
        }
    };
    let windows = bench.windows(&cutoffs, &Changed::default());
    bench.expect(cutoffs.len());
    let look = |cutoff: &Cutoff| {
        let look = Look::at(&bench, *cutoff, &windows, &Changed::default(), Ways::All);
        bench.step();
        look
    };
    let looks: Vec<Look> = cutoffs.par_iter().filter_map(look).collect();
    backtest.tuning = tuning::tune(&bench, &cutoffs, &looks, plan.step);
    fill(&mut backtest, looks, &bench);
    backtest
}

/// Writes down the scores of what was said.
fn fill(backtest: &mut Backtest, looks: Vec<Look>, bench: &Bench<'_>) {
    let block = cutoffs::block(looks.iter().map(|look| &look.cutoff), backtest.step);
    backtest.cutoffs = looks.len();
    backtest.independent = looks.len().div_ceil(block);
    backtest.indicative = backtest.independent < ENOUGH_PERIODS;
    backtest.first = looks.first().map(|look| look.cutoff.day);
    backtest.last = looks.last().map(|look| look.cutoff.day);
    backtest.chances = looks.iter().map(|look| look.deals.len()).sum();
    backtest.won = looks.iter().map(Look::won).sum();
    backtest.against = scores::against(&looks, block);
    backtest.calibration = scores::calibration(&looks);
    let Some(currency) = bench.eras.last().map(|era| era.pipeline.currency) else { return };
    backtest.methods = scores::methods(&looks, currency);
    backtest.ranges = scores::ranges(&looks, currency);
    backtest.periods = looks.iter().map(|look| Period::of(look, currency)).collect();
    let said = |look: &Look| -> Vec<SaidOfDeal> {
        let Some(era) = bench.eras.get(look.cutoff.era) else { return Vec::new() };
        let one = |(at, deal): (usize, &look::Deal)| {
            Some(SaidOfDeal {
                day: look.cutoff.day,
                until: look.cutoff.until_day,
                deal: era.ids.get(deal.open.deal as usize)?.clone(),
                stage: era.pipeline.stages.get(deal.open.stage)?.id.to_string(),
                age: deal.open.age,
                chances: std::array::from_fn(|method| look.said.get(method)?.get(at).copied()),
                won: deal.won,
            })
        };
        look.deals.iter().enumerate().filter_map(one).collect()
    };
    backtest.said = looks.iter().flat_map(said).collect();
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::forecast::fixture::{Story, log};
    use crate::metrics::fixture::{day, pipeline};

    /// The backtest of 100 deals, one every four days, of which two in five are won.
    pub(crate) static SAMPLE: LazyLock<Backtest> = LazyLock::new(|| run(&eras(), &plan(), &|_, _| {}));

    /// Fifteen Sundays from day 118 on, of which each horizon ends where the next begins.
    fn plan() -> Plan {
        let of = |on: i64| Some(crate::format::zone::Zone::UTC.day_of(day(on)));
        let (from, to) = (of(118), of(216));
        Plan { horizon: Some(Horizon::Days(7)), step: Step::Week, from, to, now: KnownAt(day(400)) }
    }

    fn eras() -> Vec<Era> {
        let ids: Vec<String> = (0..100).map(|i| format!("d{i:03}")).collect();
        let ways: Vec<Vec<(&str, i64)>> = (0..100)
            .map(|i| {
                let came = 4 * i;
                let end = if i * 7 % 5 < 2 { "won" } else { "lost" };
                vec![("brief", came), ("proposal", came + 3 + i % 7), (end, came + 12 + i * 5 % 23)]
            })
            .collect();
        let fields: Vec<Vec<(&str, &str)>> = (0..100)
            .map(|i| {
                let source = if i % 2 == 0 { "web" } else { "call" };
                let amount = ["1000", "2500.50", "900 USD", "12000"][i % 4];
                vec![
                    ("amount", amount),
                    ("source", source),
                    ("category", if i % 5 == 0 { "commit" } else { "pipeline" }),
                ]
            })
            .collect();
        let stories: Vec<Story<'_>> = ids
            .iter()
            .zip(&ways)
            .zip(&fields)
            .map(|((id, way), fields)| (id.as_str(), way.as_slice(), fields.as_slice()))
            .collect();
        let mut pipeline = pipeline(&["brief", "proposal"]);
        pipeline.forecast.coefficients = vec!["source".to_owned()];
        // Sums of a few deals alone are quickly reckoned.
        pipeline.forecast.new_business = false;
        let log = Arc::new(log(&stories));
        let ids = log.deals().clone();
        vec![Era { pipeline: Arc::new(pipeline), log, ids, from: KnownAt(day(0)) }]
    }

    #[test]
    fn each_week_that_was_asked_for_is_forecast() {
        let found = &*SAMPLE;
        let days = [found.first, found.last].map(|day| day.unwrap().to_string());
        assert_eq!(days, ["2026-05-03", "2026-08-09"]);
        assert_eq!((found.cutoffs, found.independent, found.indicative), (15, 15, false));
        assert_eq!(found.periods.len(), 15);
        assert_eq!(found.chances, found.said.len());
        assert_eq!(found.won, found.said.iter().filter(|said| said.won).count());
        assert_eq!(found.methods.len(), Method::ALL.len());
        assert_eq!(found.calibration.iter().map(|row| row.deals).sum::<usize>(), found.chances);
    }

    #[test]
    fn what_comes_of_a_deal_is_read_when_its_horizon_is_over() {
        for said in &SAMPLE.said {
            let number: i64 = said.deal.as_str()[1..].parse().unwrap();
            let end = crate::format::zone::Zone::UTC.day_of(day(4 * number + 12 + number * 5 % 23));
            assert!(said.day < end, "{} was open", said.deal);
            assert_eq!(said.won, number * 7 % 5 < 2 && end <= said.until, "{}", said.deal);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_scores_whoever_reckons_first() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| run(&eras(), &plan(), &|_, _| {})), *SAMPLE);
    }

    #[test]
    fn what_comes_later_changes_no_chance() {
        let earlier = Plan { now: KnownAt(day(170)), ..plan() };
        let found = run(&eras(), &earlier, &|_, _| {});
        assert!(found.cutoffs == 7 && found.said.len() > 20);
        assert_eq!(found.said[..], SAMPLE.said[..found.said.len()]);
        assert_eq!(found.periods[..], SAMPLE.periods[..found.periods.len()]);
    }

    #[test]
    fn a_file_is_in_force_from_the_day_it_became_known() {
        let mut eras = eras();
        let mut later = (*eras[0].pipeline).clone();
        later.stages[0].probability = Some(0.8);
        later.stages[1].probability = Some(0.95);
        eras.push(Era { pipeline: Arc::new(later), from: KnownAt(day(160)), ..eras[0].clone() });
        let found = run(&eras, &plan(), &|_, _| {});
        let change = crate::format::zone::Zone::UTC.day_of(day(160));
        for (new, old) in found.said.iter().zip(&SAMPLE.said) {
            let ladder = |said: &SaidOfDeal| said.chances[Method::Ladder as usize].unwrap();
            assert_eq!(ladder(new) == ladder(old), new.day < change, "{}", new.day);
        }
    }

    #[test]
    fn too_little_is_said_and_not_scored() {
        let early = |now: i64| {
            run(&eras(), &Plan { from: None, to: None, now: KnownAt(day(now)), ..plan() }, &|_, _| {}).too_early
        };
        assert!(matches!(early(60), Some(TooEarly::FewClosed { needed: 20, .. })), "{:?}", early(60));
        assert_eq!(early(9), Some(TooEarly::NoTime));
        assert_eq!(run(&[], &plan(), &|_, _| {}).too_early, Some(TooEarly::NoTime));
    }

    #[test]
    fn settings_are_chosen_by_what_was_over_before_they_are_scored() {
        let tuning = SAMPLE.tuning.as_ref().unwrap();
        assert_eq!((tuning.chosen_on, tuning.scored_on), (10, 5));
        assert_eq!((tuning.weights.len(), tuning.dependences.len()), (5, 7));
        assert_eq!(tuning.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>(), ["source"]);
    }
}
