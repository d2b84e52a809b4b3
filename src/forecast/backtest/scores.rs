//! The scores of a backtest, put together from what was said at each cut-off.

use chrono::NaiveDate;
use rust_decimal::prelude::FromPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::format::money::Currency;
use crate::metrics::estimate::Estimate;
use crate::metrics::total::Total;

use super::bootstrap::{Difference, Paired, Verdict, paired};
use super::look::{Look, Said};
use super::method::Method;
use super::score::{self, Amounts, BINS, Coverage};

/// How good one way to forecast was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MethodScores {
    /// Which way.
    pub method: Method,
    /// Chances that it gave.
    pub chances: usize,
    /// The mean square of its errors.
    pub brier: Option<f64>,
    /// How much of the error is gone that is left to who knows nothing but the share of all these deals that was won.
    pub skill: Option<f64>,
    /// The mean surprise; none for a way that only says yes or no.
    pub log_loss: Option<f64>,
    /// How often a deal that was won had the higher chance than one that was not.
    pub auc: Option<f64>,
    /// The mean distance between what was said and what came.
    pub calibration_error: Option<f64>,
    /// Wins that it expected.
    pub expected_wins: f64,
    /// Wins that came for each that it expected.
    pub observed_to_expected: Option<f64>,
    /// The sum of the errors of the expected amounts, as a share of what came.
    pub wape: Option<f64>,
    /// How much too much was expected, as a share of what came.
    pub bias: Option<f64>,
    /// The mean ranked probability score of the sums.
    pub crps: Option<Total>,
}

/// The scores of every way that gave chances at all.
pub(super) fn methods(looks: &[Look], currency: Currency) -> Vec<MethodScores> {
    let all: Vec<score::Said> = looks.iter().flat_map(|look| look.scored(Method::Forecast)).collect();
    let rate = all.iter().filter(|said| said.came).count() as f64 / all.len().max(1) as f64;
    let reference = rate * (1.0 - rate);
    let of = |method: Method| {
        let said: Vec<score::Said> = looks.iter().flat_map(|look| look.scored(method)).collect();
        let sums: Vec<&Said> = sums(looks, method).collect();
        let amounts: Vec<Amounts> = sums.iter().map(|sum| Amounts { expected: sum.expected, came: sum.came }).collect();
        let brier = score::brier(&said)?;
        Some(MethodScores {
            method,
            chances: said.len(),
            brier: Some(brier),
            // A way that was silent at some cut-offs is not measured by the deals of all.
            skill: score::skill(brier, reference).filter(|_| said.len() == all.len()),
            log_loss: score::log_loss(&said).filter(|_| method != Method::Commit),
            auc: score::auc(&said),
            calibration_error: score::calibration_error(&score::calibration(&said, BINS)),
            expected_wins: said.iter().map(|said| said.chance).sum(),
            observed_to_expected: score::observed_to_expected(&said),
            wape: score::wape(&amounts),
            bias: score::bias(&amounts),
            crps: mean(sums.iter().map(|sum| sum.crps)).map(|crps| estimate(crps, currency)),
        })
    };
    Method::ALL.into_iter().filter_map(of).collect()
}

fn sums(looks: &[Look], method: Method) -> impl Iterator<Item = &Said> {
    looks.iter().filter_map(move |look| look.open.get(method as usize)?.as_ref())
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

/// What two ways are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The square of the errors of the chances.
    Brier,
    /// The surprise.
    LogLoss,
    /// The ranked probability score of the sums.
    Crps,
}

/// The forecast against another way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Against {
    /// The other way.
    pub than: Method,
    /// By which score.
    pub by: By,
    /// Loss of the forecast minus loss of the other: below 0 the forecast is better.
    #[serde(flatten)]
    pub difference: Paired,
    /// The same as a share of the loss of the other, with its interval; `None` where that loss is 0.
    pub relative: Option<Relative>,
    /// Which is better; `first` is the forecast.
    pub verdict: Verdict,
}

/// A difference of losses as a share of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Relative {
    /// The difference.
    pub value: f64,
    /// Low end of its 95 % interval.
    pub low: Option<f64>,
    /// High end.
    pub high: Option<f64>,
}

impl Relative {
    /// Where the loss that it is a share of is above 0.
    pub fn of(paired: &Paired, loss: f64) -> Option<Relative> {
        let share = |difference: f64| difference / loss;
        (loss > 0.0).then(|| Relative {
            value: share(paired.mean),
            low: paired.low.map(share),
            high: paired.high.map(share),
        })
    }
}

/// The forecast against every other way, on the cut-offs at which both said something.
pub(super) fn against(looks: &[Look], block: usize) -> Vec<Against> {
    let mut found = Vec::new();
    for than in Method::ALL.into_iter().filter(|method| *method != Method::Forecast) {
        for by in [By::Brier, By::LogLoss, By::Crps] {
            if by == By::LogLoss && than == Method::Commit {
                continue;
            }
            let own = |look: &Look| difference(look, than, by);
            let (differences, losses): (Vec<Difference>, Vec<f64>) = looks.iter().filter_map(own).unzip();
            if let Some(difference) = paired(&differences, block) {
                let weight: f64 = differences.iter().map(|difference| difference.weight).sum();
                let relative = Relative::of(&difference, losses.iter().sum::<f64>() / weight);
                found.push(Against { than, by, difference, relative, verdict: difference.verdict() });
            }
        }
    }
    found
}

/// The difference of the losses at a cut-off, and the sum of those of the other way.
fn difference(look: &Look, than: Method, by: By) -> Option<(Difference, f64)> {
    if by == By::Crps {
        let [own, other] = [Method::Forecast, than].map(|method| look.open.get(method as usize)?.map(|sum| sum.crps));
        return Some((Difference { sum: own? - other?, weight: 1.0 }, other?));
    }
    let loss = |said: score::Said| if by == By::Brier { said.square() } else { said.surprise() };
    let (mut difference, mut others) = (Difference::default(), 0.0);
    for (own, other) in look.scored(Method::Forecast).zip(look.scored(than)) {
        difference.sum += loss(own) - loss(other);
        difference.weight += 1.0;
        others += loss(other);
    }
    (difference.weight > 0.0).then_some((difference, others))
}

/// The deals whose chances were nearly the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The chances are above this.
    pub above: f64,
    /// And up to this.
    pub up_to: f64,
    /// Deals.
    pub deals: usize,
    /// How many of them were won.
    pub won: usize,
    /// The mean of their chances.
    pub said: f64,
    /// Share of them that was won, with Wilson's 95 % interval as if the deals were independent.
    pub came: Estimate<f64>,
}

/// What the forecast said against what came.
pub(super) fn calibration(looks: &[Look]) -> Vec<Row> {
    let said: Vec<score::Said> = looks.iter().flat_map(|look| look.scored(Method::Forecast)).collect();
    let row = |bin: score::Bin| Row {
        above: rounded(bin.above),
        up_to: rounded(bin.up_to),
        deals: bin.n,
        won: bin.won,
        said: bin.said,
        came: Estimate::Known { value: bin.came, n: bin.n, low: Some(bin.low), high: Some(bin.high) },
    };
    score::calibration(&said, BINS).into_iter().map(row).collect()
}

/// The edges are tenths; as a float some of them are a little off.
fn rounded(edge: f64) -> f64 {
    (edge * 1e9).round() / 1e9
}

/// Of which sum a range was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sum {
    /// All that is won, new business too.
    All,
    /// What is won of the deals that were open.
    Open,
}

/// How good the ranges of a sum were.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeScores {
    /// Of which sum.
    pub of: Sum,
    /// How often what came lay inside the range from P10 to P90, which should be 80 %.
    pub coverage: Coverage,
    /// The sum of the errors of the expected amounts, as a share of what came.
    pub wape: Option<f64>,
    /// How much too much was expected, as a share of what came.
    pub bias: Option<f64>,
    /// The mean ranked probability score.
    pub crps: Option<Total>,
    /// The mean pinball losses of P10, P50 and P90.
    pub pinball: [Option<Total>; 3],
}

/// The ranges that the forecast gave, first those with new business.
pub(super) fn ranges(looks: &[Look], currency: Currency) -> Vec<RangeScores> {
    let all: Vec<Said> = looks.iter().filter_map(|look| look.all).collect();
    let open: Vec<Said> = sums(looks, Method::Forecast).copied().collect();
    [(Sum::All, all), (Sum::Open, open)].into_iter().filter_map(|(of, said)| range(of, &said, currency)).collect()
}

pub(super) fn range(of: Sum, said: &[Said], currency: Currency) -> Option<RangeScores> {
    let ranges: Vec<(f64, f64, f64)> = said.iter().map(|said| (said.p10, said.p90, said.came)).collect();
    let amounts: Vec<Amounts> = said.iter().map(|s| Amounts { expected: s.expected, came: s.came }).collect();
    let pinball = |level: f64, quantile: fn(&Said) -> f64| {
        let losses = said.iter().map(|said| score::pinball(level, quantile(said), said.came));
        mean(losses).map(|loss| estimate(loss, currency))
    };
    Some(RangeScores {
        of,
        coverage: score::coverage(&ranges)?,
        wape: score::wape(&amounts),
        bias: score::bias(&amounts),
        crps: mean(said.iter().map(|said| said.crps)).map(|crps| estimate(crps, currency)),
        pinball: [pinball(0.1, |s| s.p10), pinball(0.5, |s| s.p50), pinball(0.9, |s| s.p90)],
    })
}

/// One forecast and what came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Period {
    /// The day at the end of which it was made.
    pub day: NaiveDate,
    /// The last day that it looked at.
    pub until: NaiveDate,
    /// Deals that were open.
    pub deals: usize,
    /// Wins that were expected of them.
    pub expected_wins: f64,
    /// How many of them were won.
    pub won: usize,
    /// Wins that were expected of new deals.
    pub expected_new: f64,
    /// Wins of deals that were not open then.
    pub won_new: usize,
    /// What was expected, new business included where the forecast has it.
    pub expected: Total,
    /// With a chance of 10 % it is at most this.
    pub p10: Total,
    /// Half.
    pub p50: Total,
    /// With a chance of 90 % it is at most this.
    pub p90: Total,
    /// What came, of what was forecast.
    pub came: Total,
    /// What came of deals that were not open then.
    pub came_new: Total,
    /// Whether what came lay inside the range.
    pub inside: bool,
}

impl Period {
    pub(super) fn of(look: &Look, currency: Currency) -> Period {
        let open = look.open.first().copied().flatten();
        let said =
            look.all.or(open).unwrap_or(Said { expected: 0.0, p10: 0.0, p50: 0.0, p90: 0.0, came: 0.0, crps: 0.0 });
        let total = |amount: f64| estimate(amount, currency);
        let mut came = Total::zero(currency);
        look.deals.iter().for_each(|deal| came.add(deal.came));
        if look.all.is_some() {
            came.add(look.new.came);
        }
        Period {
            day: look.cutoff.day,
            until: look.cutoff.until_day,
            deals: look.deals.len(),
            expected_wins: look.scored(Method::Forecast).map(|said| said.chance).sum(),
            won: look.won(),
            expected_new: look.new.expected_wins,
            won_new: look.new.won,
            expected: total(said.expected),
            p10: total(said.p10),
            p50: total(said.p50),
            p90: total(said.p90),
            came,
            came_new: Total { sum: Some(look.new.came), currency },
            inside: said.p10 <= said.came && said.came <= said.p90,
        }
    }
}

/// An amount that is only estimated, in the digits of the currency.
fn estimate(amount: f64, currency: Currency) -> Total {
    let round =
        |exact: Decimal| exact.round_dp_with_strategy(currency.minor_digits(), RoundingStrategy::MidpointNearestEven);
    Total { sum: Decimal::from_f64(amount).map(round), currency }
}
