//! One made-up pipeline, forecast by what was known on one day, and what came of it.

use tussock::forecast::arrivals::Arrivals;
use tussock::forecast::backtest::baselines;
use tussock::forecast::drift::{Drift, Window, made};
use tussock::forecast::log::Log;
use tussock::forecast::model::Model;
use tussock::forecast::total::{Bet, Distribution, Stream, Totals};
use tussock::format::forecast::ForecastSettings;
use tussock::format::pipeline::Pipeline;
use tussock::history::event::KnownAt;

use super::simulator::deals::{Spot, World};
use super::simulator::facts;
use super::simulator::law::Law;
use super::simulator::truth::Truth;

/// The last day that is known: of the twenty-sixth period, a Sunday.
pub const CUT: u32 = 26 * 28 - 1;
/// How far the forecasts look ahead.
pub const DAYS: u32 = 90;

/// Who says something of the open deals. The last knows the law.
pub const METHODS: [&str; 5] = ["tussock", "by stage alone", "won of closed", "percentages", "the law itself"];
pub const LAW: usize = METHODS.len() - 1;

/// The dependences between deals that are tried.
pub const DEPENDENCES: [f64; 7] = [0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
/// The one that a pipeline has that does not say.
pub const USUAL: usize = 4;

/// An open deal.
pub struct Open {
    /// The chances that each of [`METHODS`] gives it.
    pub chances: [f64; METHODS.len()],
    /// Whether it was won in time.
    pub came: bool,
}

/// What a distribution said of a sum of money, and what came.
#[derive(Clone, Copy, Debug)]
pub struct Money {
    pub came: f64,
    pub expected: f64,
    pub crps: f64,
    /// The ends of the range that is to hold what comes four times in five.
    pub low: f64,
    pub high: f64,
}

impl Money {
    fn of(said: &Distribution, came: f64) -> Money {
        let (low, high) = (said.quantile(0.1), said.quantile(0.9));
        Money { came, expected: said.mean(), crps: said.crps(came), low, high }
    }

    pub fn is_inside(&self) -> bool {
        (self.low..=self.high).contains(&self.came)
    }
}

/// What came of one pipeline.
pub struct Trial {
    pub open: Vec<Open>,
    /// The money of the open deals by each of [`METHODS`], with the usual dependence.
    pub old: [Money; METHODS.len()],
    /// All money, new business too, with each of [`DEPENDENCES`].
    pub all: [Money; DEPENDENCES.len()],
    /// The new deals that were expected to be won, and those that were.
    pub new: (f64, f64),
}

/// How the made-up pipelines are forecast: as usual, with the segment as a coefficient.
pub fn settings() -> ForecastSettings {
    ForecastSettings { coefficients: vec!["region".to_owned()], ..ForecastSettings::default() }
}

impl Trial {
    /// About `size` deals, the pipeline of this number. Without `money` only chances are forecast, which is much quicker.
    pub fn of(law: &Law, truth: &Truth, settings: &ForecastSettings, size: u32, number: u64, money: bool) -> Trial {
        let world = World::of(law, size, CUT, CUT + DAYS, number);
        let pipeline = facts::pipeline(law, "");
        let log = Log::of(&facts::history(law, &world));
        Trial::forecast(truth, settings, &world, &pipeline, &log, money)
    }

    fn forecast(
        truth: &Truth,
        settings: &ForecastSettings,
        world: &World,
        pipeline: &Pipeline,
        log: &Log,
        money: bool,
    ) -> Trial {
        let as_of = facts::end_of(CUT);
        let past = log.until(KnownAt(as_of));
        let journeys = past.journeys(pipeline);
        let model = Model::of(pipeline, settings, &past, &journeys);
        let windows = made(pipeline, log, as_of, DAYS).into_iter();
        let windows: Vec<Window> = windows.filter_map(|at| Window::at(pipeline, settings, log, at, DAYS)).collect();
        let drift = Drift::of(&windows).filter(|_| settings.drift);
        let alone = ForecastSettings { ages: vec![0], coefficients: Vec::new(), drift: false, ..settings.clone() };
        let alone = Model::of(pipeline, &alone, &past, &journeys);
        let closed = baselines::won_of_closed(pipeline, &journeys);
        let ladder = baselines::ladder(pipeline);

        let mut open = Vec::new();
        let mut bets: [Vec<Bet>; METHODS.len()] = Default::default();
        let mut old_came = 0.0;
        for found in model.open_deals(&journeys) {
            // The ids count the deals as they came.
            let deal = &world.deals[found.deal as usize];
            let Some((Spot::Stage(stage), since)) = deal.at(CUT) else { panic!("deal {} is open", found.deal) };
            assert_eq!((stage, CUT - since), (found.stage, found.age));
            let came = deal.is_won_at(CUT + DAYS);
            let chances = model.chances_of(&past, &found, &[DAYS])[0];
            let own = [
                drift.map_or(chances, |drift| drift.apply(chances)).won,
                alone.chances_of(&past, &found, &[DAYS])[0].won,
                closed.as_ref().map_or(ladder[stage], |shares| shares[stage]),
                ladder[stage],
                truth.chance(deal.segment, stage, since),
            ];
            for (bets, chance) in bets.iter_mut().zip(own) {
                bets.push(Bet { chance, amount: deal.money() });
            }
            old_came += if came { deal.money() } else { 0.0 };
            open.push(Open { chances: own, came });
        }

        let arrived: Vec<_> = world.deals.iter().filter(|deal| deal.at(CUT).is_none()).collect();
        let new_won: Vec<_> = arrived.iter().filter(|deal| deal.is_won_at(CUT + DAYS)).collect();
        let came = old_came + new_won.iter().map(|deal| deal.money()).sum::<f64>();
        let arrivals = Arrivals::of(pipeline, &past, &journeys);
        let stream = arrivals.map(|arrivals| Stream {
            expected: arrivals.wins(&model, drift.as_ref(), &[DAYS])[0],
            shape: arrivals.shape,
            amounts: arrivals.rough_amounts(),
        });
        let expected_new = stream.as_ref().map_or(0.0, |stream| stream.expected);
        let (bets, stream) = if money { (bets, stream) } else { Default::default() };
        let old = bets.each_ref().map(|bets| Totals::prepare(bets, None).at(DEPENDENCES[USUAL]));
        let whole = Totals::prepare(&bets[0], stream.as_ref());
        Trial {
            open,
            old: old.map(|said| Money::of(&said, old_came)),
            all: DEPENDENCES.map(|dependence| Money::of(&whole.at(dependence), came)),
            new: (expected_new, new_won.len() as f64),
        }
    }
}
