//! One cut-off: what was said then, and what came.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::forecast::arrivals::Arrivals;
use crate::forecast::drift::Drift;
use crate::forecast::log::Past;
use crate::forecast::model::{Model, OpenDeal};
use crate::forecast::total::{Bet, Distribution, Stream, Totals};
use crate::format::ident::DealId;
use crate::format::money::Money;
use crate::format::pipeline::Pipeline;
use crate::metrics::journey::{Journeys, Outcome};
use crate::metrics::rates::Converter;

use super::baselines::{committed, ladder, won_of_closed};
use super::cutoffs::Cutoff;
use super::method::Method;
use super::{Bench, Changed, Windows};

/// A deal that was open at a cut-off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deal {
    /// The deal as it was open.
    pub open: OpenDeal,
    /// Its amount in the pipeline's currency as known then; 0 without one.
    pub amount: f64,
    /// Whether it was won in time.
    pub won: bool,
    /// What it brought; 0 where it was not won.
    pub came: Decimal,
}

/// What was said of a sum of money, and how it is scored against what came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// The expected amount.
    pub expected: f64,
    /// With a chance of 10 % it is at most this.
    pub p10: f64,
    /// Half.
    pub p50: f64,
    /// With a chance of 90 % it is at most this.
    pub p90: f64,
    /// What came.
    pub came: f64,
    /// The continuous ranked probability score.
    pub crps: f64,
}

impl Said {
    fn of(distribution: &Distribution, came: f64) -> Said {
        Said {
            expected: distribution.mean(),
            p10: distribution.quantile(0.1),
            p50: distribution.quantile(0.5),
            p90: distribution.quantile(0.9),
            came,
            crps: distribution.crps(came),
        }
    }
}

/// Deals that were not open at a cut-off and were won all the same: new ones, and some that came back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct New {
    /// Wins that were expected of new deals.
    pub expected_wins: f64,
    /// Wins that came.
    pub won: usize,
    /// What they brought.
    pub came: Decimal,
}

/// One cut-off.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When.
    pub cutoff: Cutoff,
    /// The deals that were open.
    pub deals: Vec<Deal>,
    /// By method, the chance of each deal; a method that says nothing here has none.
    pub said: Vec<Vec<f64>>,
    /// By method, what was said of the sum of the open deals.
    pub open: Vec<Option<Said>>,
    /// What the forecast said of the sum with new business; `None` where that is left out.
    pub all: Option<Said>,
    /// New business.
    pub new: New,
}

/// Which ways to forecast are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// All.
    All,
    /// The forecast alone.
    Forecast,
}

/// Everything at a cut-off that settings do not change.
pub(super) struct Scene<'a> {
    pub(super) cutoff: Cutoff,
    pub(super) pipeline: &'a Pipeline,
    past: Past<'a>,
    journeys: Journeys,
    pub(super) deals: Vec<Deal>,
    pub(super) new: New,
    /// By the stage alone.
    bare: Model,
    /// Whether any open deal had a word of its seller.
    any_word: bool,
}

impl<'a> Scene<'a> {
    /// `None` where nothing was open.
    pub(super) fn at(bench: &Bench<'a>, cutoff: Cutoff) -> Option<Scene<'a>> {
        let era = bench.eras.get(cutoff.era)?;
        let pipeline = &*era.pipeline;
        let past = era.log.until(cutoff.at);
        let journeys = past.journeys(pipeline);
        let wins = Wins::at(bench, cutoff)?;
        let bare = Model::of(pipeline, &bare(pipeline), &past, &journeys);
        let (converter, day) = (Converter::of(pipeline), cutoff.day);
        let mut open_ids: BTreeSet<&DealId> = BTreeSet::new();
        let mut any_word = false;
        let deals: Vec<Deal> = bare
            .open_deals(&journeys)
            .filter_map(|open| {
                let id = era.ids.get(open.deal as usize)?;
                open_ids.insert(id);
                any_word |= past.value(open.deal, "category", None).is_some();
                let came = wins.by_deal.get(id);
                let amount = amount(&past, open.deal, pipeline, &converter, day).and_then(|a| a.to_f64());
                Some(Deal {
                    open,
                    amount: amount.unwrap_or(0.0).max(0.0),
                    won: came.is_some(),
                    came: came.copied().unwrap_or_default(),
                })
            })
            .collect();
        let mut new = New::default();
        let were_won: BTreeSet<&DealId> = journeys
            .numbered()
            .filter(|(_, journey)| journey.outcome == Outcome::Won)
            .filter_map(|(deal, _)| era.ids.get(deal as usize))
            .collect();
        for (id, came) in &wins.by_deal {
            if !open_ids.contains(id) && !were_won.contains(id) {
                new.won += 1;
                new.came = new.came.saturating_add(*came);
            }
        }
        Some(Scene { cutoff, pipeline, past, journeys, deals, new, bare, any_word })
    }

    /// The model and the chances that it gives the open deals, before any correction.
    pub(super) fn chances(&self, changed: &Changed) -> (Model, Vec<f64>) {
        let model = Model::of(self.pipeline, &changed.of(&self.pipeline.forecast), &self.past, &self.journeys);
        let chances = self.won(&model, None);
        (model, chances)
    }

    /// The chance of each open deal to be won in time.
    pub(super) fn won(&self, model: &Model, drift: Option<&Drift>) -> Vec<f64> {
        let won = |deal: &Deal| {
            let chances = model.chances_of(&self.past, &deal.open, &[self.cutoff.days]);
            let chances = chances.first().copied().unwrap_or(crate::forecast::hazards::Chances::NONE);
            drift.map_or(chances, |drift| drift.apply(chances)).won
        };
        self.deals.iter().map(won).collect()
    }

    /// New business, where the file asks for it.
    fn arrivals(&self) -> Option<Arrivals> {
        let wanted = self.pipeline.forecast.new_business;
        wanted.then(|| Arrivals::of(self.pipeline, &self.past, &self.journeys)).flatten()
    }

    /// What is said of new business; `None` where the file does not ask for it, or nothing came in yet.
    pub(super) fn stream(&self, model: &Model, drift: Option<&Drift>) -> Option<Stream> {
        let arrivals = self.arrivals()?;
        let expected = arrivals.wins(model, drift, &[self.cutoff.days]).first().copied().unwrap_or(0.0);
        Some(Stream { expected, shape: arrivals.shape, amounts: arrivals.rough_amounts() })
    }

    /// What the open deals brought.
    pub(super) fn came(&self) -> Decimal {
        self.deals.iter().fold(Decimal::ZERO, |sum, deal| sum.saturating_add(deal.came))
    }

    /// What all deals brought.
    pub(super) fn came_all(&self) -> f64 {
        rough(self.came().saturating_add(self.new.came))
    }

    /// The open deals with these chances, to be added up.
    pub(super) fn bets(&self, chances: &[f64]) -> Vec<Bet> {
        let bet = |(deal, chance): (&Deal, &f64)| Bet { chance: *chance, amount: deal.amount };
        self.deals.iter().zip(chances).map(bet).collect()
    }

    /// The chances that a simpler way gives; `None` where it has nothing to say.
    fn simple(&self, method: Method) -> Option<Vec<f64>> {
        let by_stage = |shares: Vec<f64>| -> Vec<f64> {
            self.deals.iter().map(|deal| shares.get(deal.open.stage).copied().unwrap_or(0.0)).collect()
        };
        match method {
            Method::Forecast | Method::WithoutDrift => None,
            Method::StageOnly => Some(self.won(&self.bare, None)),
            Method::WonOfClosed => won_of_closed(self.pipeline, &self.journeys).map(by_stage),
            Method::Ladder => Some(by_stage(ladder(self.pipeline))),
            Method::Commit => self.any_word.then(|| {
                let word = |deal: &Deal| committed(self.past.value(deal.open.deal, "category", None));
                self.deals.iter().map(word).collect()
            }),
        }
    }
}

impl Look {
    /// Forecasts at a cut-off with the settings of the file and these in their place. `windows` are what drift factors rest
    /// on.
    pub(super) fn at(
        bench: &Bench<'_>,
        cutoff: Cutoff,
        windows: &Windows,
        changed: &Changed,
        ways: Ways,
    ) -> Option<Look> {
        let scene = Scene::at(bench, cutoff)?;
        let rho = changed.of(&scene.pipeline.forecast).dependence;
        let (model, plain) = scene.chances(changed);
        let drift = bench.drift(&cutoff, windows);
        let own = if drift.is_some() { scene.won(&model, drift.as_ref()) } else { plain.clone() };
        let (came, came_all) = (rough(scene.came()), scene.came_all());
        let stream = scene.stream(&model, drift.as_ref());
        let all =
            stream.as_ref().map(|stream| Said::of(&Totals::prepare(&scene.bets(&own), Some(stream)).at(rho), came_all));
        let mut said = Vec::new();
        let mut open = Vec::new();
        for method in Method::ALL {
            let chances = match (method, ways) {
                (Method::Forecast, _) => Some(own.clone()),
                (_, Ways::Forecast) => None,
                (Method::WithoutDrift, _) => scene.pipeline.forecast.drift.then(|| plain.clone()),
                (simple, _) => scene.simple(simple),
            };
            let sum =
                chances.as_ref().map(|chances| Said::of(&Totals::prepare(&scene.bets(chances), None).at(rho), came));
            said.push(chances.unwrap_or_default());
            open.push(sum);
        }
        let new = New { expected_wins: stream.map_or(0.0, |stream| stream.expected), ..scene.new };
        Some(Look { cutoff, deals: scene.deals, said, open, all, new })
    }

    /// How many of the open deals were won in time.
    pub fn won(&self) -> usize {
        self.deals.iter().filter(|deal| deal.won).count()
    }

    /// The chances that a method gave, with what came; empty where it said nothing.
    pub fn scored(&self, method: Method) -> impl Iterator<Item = super::score::Said> + '_ {
        let chances = self.said.get(method as usize).map(Vec::as_slice).unwrap_or_default();
        let scored = |(chance, deal): (&f64, &Deal)| super::score::Said { chance: *chance, came: deal.won };
        chances.iter().zip(&self.deals).map(scored)
    }
}

/// What was won by the end of the horizon, by today's ids.
struct Wins<'a> {
    by_deal: BTreeMap<&'a DealId, Decimal>,
}

impl<'a> Wins<'a> {
    fn at(bench: &Bench<'a>, cutoff: Cutoff) -> Option<Wins<'a>> {
        let era = bench.eras.get(cutoff.era_until)?;
        let pipeline = &*era.pipeline;
        let after = era.log.until(cutoff.until);
        let (converter, day) = (Converter::of(pipeline), pipeline.day_of(cutoff.until.0));
        let won = after.journeys(pipeline);
        let won = won.numbered().filter(|(_, journey)| journey.outcome == Outcome::Won);
        let win = |(deal, _): (u32, crate::metrics::journey::Journey<'_>)| {
            let came = amount(&after, deal, pipeline, &converter, day).unwrap_or_default();
            Some((era.ids.get(deal as usize)?, came))
        };
        Some(Wins { by_deal: won.filter_map(win).collect() })
    }
}

fn amount(
    past: &Past<'_>,
    deal: u32,
    pipeline: &Pipeline,
    converter: &Converter<'_>,
    day: chrono::NaiveDate,
) -> Option<Decimal> {
    let money = Money::parse(past.value(deal, "amount", None)?, pipeline.currency).ok()?;
    converter.convert(money, day)
}

/// By the stage alone.
fn bare(pipeline: &Pipeline) -> crate::format::forecast::ForecastSettings {
    let own = pipeline.forecast.clone();
    crate::format::forecast::ForecastSettings { ages: vec![0], weight: 0.0, coefficients: Vec::new(), ..own }
}

/// For scores and distributions, which are no sums of money.
pub(super) fn rough(amount: Decimal) -> f64 {
    amount.to_f64().unwrap_or(0.0)
}
