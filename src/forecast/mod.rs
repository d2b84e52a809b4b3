//! The forecast: what of the open deals will be won by a day, by month, stage, owner and deal, and what new deals will
//! bring.

pub mod arrivals;
pub mod backtest;
pub mod cells;
pub mod chance;
pub mod coefficients;
pub mod drift;
pub mod expected;
#[cfg(test)]
pub(crate) mod fixture;
pub mod hazards;
pub mod log;
pub mod model;
pub mod months;
pub mod reach;
pub mod scenario;
#[cfg(test)]
mod tests;
pub mod total;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rayon::prelude::*;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::forecast::{Horizon, MOST_DAYS};
use crate::format::ident::{DealId, StageId};
use crate::format::money::Currency;
use crate::format::pipeline::{Pipeline, Status};
use crate::history::event::KnownAt;
use crate::metrics::journey::{Journeys, Spot};
use crate::metrics::rates::{Converter, Others};
use crate::metrics::rows::Rows;
use crate::metrics::snapshot::{OtherCurrency, field_text};
use crate::metrics::total::{Total, decimal_share};

use arrivals::Arrivals;
use chance::Trust;
use coefficients::Coefficient;
use drift::{Drift, Window};
use expected::{CategoryLine, CloseDateLine, Expected, GroupLine, Groups, Range, StageLine, Tally, When};
use hazards::{Chances, Factors};
use log::Log;
use model::{Model, age};
use months::{MonthLine, Months};
use total::{Bet, Stream};

/// With fewer closed deals no range of money is told: it would be one of assumptions.
const RANGE_FLOOR: usize = 5;

/// What a forecast may know. Nothing that became known later than `as_of` may be among it.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Everything that was known of all its deals.
    pub log: &'a Log,
    /// The deals to forecast; closed ones are passed over.
    pub deals: &'a [Deal],
    /// Seconds since 1970.
    pub as_of: i64,
    /// How far it looks ahead.
    pub horizon: Horizon,
    /// Whether the deals are all that there are, so that new ones can be told beside them.
    pub whole: bool,
    /// Fields (dotted) to split it by.
    pub by: &'a [String],
}

/// How far a forecast looks ahead.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ahead {
    /// As it was asked for: `90d`, `quarter`.
    pub asked: Horizon,
    /// Days from the day of the forecast on.
    pub days: u32,
    /// The last day.
    pub until: NaiveDate,
}

/// A field of a deal that makes it more or less likely to be won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealFactor {
    /// The field.
    pub field: String,
    /// What the deal has there.
    pub value: String,
    /// What the hazard of being won is multiplied with.
    pub factor_won: f64,
    /// What the hazard of being lost is multiplied with.
    pub factor_lost: f64,
}

/// One open deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DealLine {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// Its stage.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// For how many days it has been there, as far as is known.
    pub age_days: u32,
    /// What it is worth.
    pub amount: Option<Total>,
    /// When the seller expects the yes.
    pub close_date: Option<NaiveDate>,
    /// Which line of the close dates it is in.
    pub when: When,
    /// What becomes of it by the end of the forecast: `won`, `lost`, `open`, which add up to 1.
    pub chances: Chances,
    /// The chance that it is won within two years.
    pub ever: f64,
    /// How much of its chances is history, 0 to 1.
    pub evidence: f64,
    /// What makes it differ from other deals of its stage and age.
    pub factors: Vec<DealFactor>,
    /// Amount times the chance to be won in the pipeline's currency; `None` without an amount, or without a rate to
    /// convert it.
    pub expected_amount: Option<Total>,
    /// The seller's category, shown and not used.
    pub category: Option<String>,
    /// The seller's confidence, shown and not used.
    pub confidence: Option<String>,
}

/// What deals that are not there yet will bring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewBusiness {
    /// Deals that came in within the last eight weeks.
    pub lately: usize,
    /// How many deals come in a week.
    pub per_week: f64,
    /// How many of those that come will be won in time.
    pub expected_wins: f64,
    /// What a won deal brings on average; `None` where nothing was won with an amount.
    pub mean_amount: Option<Total>,
    /// What they will bring together.
    pub expected_amount: Option<Total>,
}

/// The open deals and new ones together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithNew {
    /// Wins.
    pub expected_wins: f64,
    /// Money.
    pub expected_amount: Total,
    /// What it will be in eight of ten cases.
    pub range: Option<Range>,
}

/// A deal whose outcome alone moves the sum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Deciding {
    /// The deal.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// What it is worth in the pipeline's currency.
    pub amount: Total,
    /// The chance that it is won.
    pub won: f64,
    /// Its share of the variance of the sum, 0 to 1.
    pub share: f64,
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// The day of the forecast in the pipeline's time zone.
    pub day: NaiveDate,
    /// How far it looks.
    pub horizon: Ahead,
    /// The currency of all sums.
    pub currency: Currency,
    /// How far to trust it.
    pub trust: Trust,
    /// How much of the chances is history, 0 to 1: the mean of the open deals.
    pub evidence: f64,
    /// Deals of the past that were won, lost or recycled.
    pub closed: usize,
    /// How many deals of the past an assumption weighs as much as.
    pub prior_weight: f64,
    /// Whether the pipeline file leaves the chances of stages open, so that what they begin with is assumed.
    pub priors_assumed: bool,
    /// How much deals are won and lost together.
    pub dependence: f64,
    /// All open deals.
    pub total: Expected,
    /// What they will bring in eight of ten cases; `None` where fewer than five deals were closed.
    pub range: Option<Range>,
    /// New deals; `None` where the pipeline wants none, or only some deals were asked for.
    pub new_business: Option<NewBusiness>,
    /// The open deals and new ones; `None` where there is no new business.
    pub with_new: Option<WithNew>,
    /// By month in which deals will be won.
    pub months: Vec<MonthLine>,
    /// By the sellers' close dates: overdue, then by month, then those without a date; lines without deals are left out.
    pub close_dates: Vec<CloseDateLine>,
    /// By stage, in order; stages that count as won are left out.
    pub stages: Vec<StageLine>,
    /// By owner.
    pub owners: Vec<GroupLine>,
    /// By the fields that were asked for.
    pub groups: Vec<Groups>,
    /// By the sellers' category; empty where no deal has one.
    pub categories: Vec<CategoryLine>,
    /// How deals differ by the fields that the pipeline forecasts by.
    pub coefficients: Vec<Coefficient>,
    /// Whether the last forecasts came true; `None` where none is old enough or the pipeline does not want it.
    pub drift: Option<Drift>,
    /// The three deals that move the sum most.
    pub deciding: Vec<Deciding>,
    /// Currencies that are in no sum.
    pub other_currencies: Vec<OtherCurrency>,
    /// Open deals in a folder that is no stage; they are in no line.
    pub in_no_stage: usize,
    /// The open deals, the largest expected amount first.
    pub deals: Rows<DealLine>,
}

/// [`Pipeline::day_of`].
pub fn day_of(pipeline: &Pipeline, seconds: i64) -> NaiveDate {
    pipeline.day_of(seconds)
}

/// What forecasts of a pipeline are made of: learnt once, asked for many deals.
pub struct Ground<'a> {
    input: &'a Input<'a>,
    /// The day of the forecast.
    pub day: NaiveDate,
    /// How far it looks.
    pub ahead: Ahead,
    journeys: Journeys,
    /// What the past says.
    pub model: Model,
    /// Whether the last forecasts came true.
    pub drift: Option<Drift>,
    /// How deals come in, where new ones are to be told.
    arrivals: Option<Arrivals>,
    standings: Vec<Option<Standing>>,
}

/// What is known of an open deal that is forecast.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The index of its stage.
    pub stage: usize,
    /// For how many whole days it has been there.
    pub age: u32,
    /// The values of the coefficients' fields, in their order.
    pub values: Vec<Option<String>>,
}

impl<'a> Ground<'a> {
    /// Learns from what was known.
    pub fn new(input: &'a Input<'a>) -> Ground<'a> {
        let pipeline = input.pipeline;
        let settings = &pipeline.forecast;
        let day = pipeline.day_of(input.as_of);
        let start = pipeline.fiscal_year_start;
        let (days, until) = (input.horizon.days_from(day, start), input.horizon.until(day, start));
        let past = input.log.until(KnownAt(input.as_of));
        let journeys = past.journeys(pipeline);
        let model = Model::of(pipeline, settings, &past, &journeys);
        let drift = settings.drift.then(|| {
            let made = drift::made(pipeline, input.log, input.as_of, days);
            let window = |at: &i64| Window::at(pipeline, settings, input.log, *at, days);
            let windows: Vec<Window> = made.par_iter().filter_map(window).collect();
            Drift::of(&windows)
        });
        let ahead = Ahead { asked: input.horizon, days, until };
        let wanted = input.whole && settings.new_business;
        let arrivals = wanted.then(|| Arrivals::of(pipeline, &past, &journeys)).flatten();
        let standings = standings(input, &journeys, &model);
        Ground { input, day, ahead, journeys, model, drift: drift.flatten(), arrivals, standings }
    }

    /// The same for other deals: nothing is learnt again. All but the deals and what they are split by is as it was.
    pub fn with<'b>(&self, input: &'b Input<'b>) -> Ground<'b> {
        Ground {
            input,
            day: self.day,
            ahead: self.ahead,
            standings: standings(input, &self.journeys, &self.model),
            journeys: self.journeys.clone(),
            model: self.model.clone(),
            drift: self.drift,
            arrivals: self.arrivals.clone(),
        }
    }

    /// The ways of all deals, read by the pipeline's stages.
    pub fn journeys(&self) -> &Journeys {
        &self.journeys
    }

    /// How the open deals stand, in their order; `None` for those that are closed, or in a folder that is no stage.
    pub fn standings(&self) -> &[Option<Standing>] {
        &self.standings
    }

    /// By how much a deal differs from others of its stage and age.
    pub fn factors(&self, standing: &Standing) -> Factors {
        let values: Vec<Option<&str>> = standing.values.iter().map(Option::as_deref).collect();
        self.model.coefficients().factors(&values)
    }

    /// What becomes of a deal within each of these numbers of days, which rise, corrected by how the last forecasts came
    /// true.
    pub fn chances(&self, standing: &Standing, days: &[u32]) -> Vec<Chances> {
        let plain = self.model.within(standing.stage, standing.age, self.factors(standing), days);
        match &self.drift {
            Some(drift) => plain.into_iter().map(|chances| drift.apply(chances)).collect(),
            None => plain,
        }
    }

    /// So many new wins as a stream of money; `None` where there is no new business, or nobody knows what it brings.
    fn stream(&self, expected: f64) -> Option<Stream> {
        let arrivals = self.arrivals.as_ref()?;
        let amounts = arrivals.rough_amounts();
        (!amounts.is_empty()).then_some(Stream { expected, shape: arrivals.shape, amounts })
    }
}

fn standings(input: &Input<'_>, journeys: &Journeys, model: &Model) -> Vec<Option<Standing>> {
    let pipeline = input.pipeline;
    let by_deal = journeys.by_deal();
    let standing = |deal: &Deal| {
        let stage = pipeline.stages.iter().position(|stage| stage.id == deal.stage)?;
        if pipeline.status(&deal.stage) != Status::Open {
            return None;
        }
        let now = by_deal.get(&deal.id).and_then(|journey| journey.current());
        // A deal that is only imagined to be in its stage has just come there.
        let entered = now.filter(|visit| visit.spot == Spot::Stage(stage)).map(|visit| visit.entered);
        let values = model.coefficients().fields().map(|field| field_text(deal, field)).collect();
        Some(Standing { stage, age: entered.map_or(0, |entered| age(input.as_of, entered)), values })
    };
    input.deals.iter().map(standing).collect()
}

/// Says what of the open deals will be won by the end of the horizon. Won deals are not part of it, and the sellers' own
/// opinion is not used.
pub fn forecast(input: &Input<'_>) -> Forecast {
    of_ground(&Ground::new(input))
}

/// The forecast of what was learnt already.
pub fn of_ground(ground: &Ground<'_>) -> Forecast {
    let Ground { input, day, ahead, model, .. } = ground;
    let (pipeline, day) = (input.pipeline, *day);
    let settings = &pipeline.forecast;
    let mut months = Months::new(pipeline, day, ahead.until);
    // The last day of each month, the horizon, and two years.
    let mut days = months.days().to_vec();
    days.push(MOST_DAYS);

    let tally = || Tally::new(pipeline.currency);
    let mut total = tally();
    let mut close_dates: BTreeMap<When, Tally> = BTreeMap::new();
    let mut stages: BTreeMap<usize, (Tally, f64)> = BTreeMap::new();
    let mut owners: BTreeMap<(bool, Option<String>), Tally> = BTreeMap::new();
    let mut groups: Vec<BTreeMap<(bool, Option<String>), Tally>> = vec![BTreeMap::new(); input.by.len()];
    let mut categories: BTreeMap<(bool, Option<String>), Tally> = BTreeMap::new();
    let converter = Converter::of(pipeline);
    let mut others = Others::new(converter, day);
    let mut deals = Vec::new();
    let mut in_no_stage = 0;
    // Of each deal with an amount: which it is, and what it may bring.
    let mut bets: Vec<(usize, Bet)> = Vec::new();
    for (deal, standing) in input.deals.iter().zip(ground.standings()) {
        let Some(standing) = standing else {
            in_no_stage += usize::from(pipeline.status(&deal.stage) == Status::Open);
            continue;
        };
        let by_day = ground.chances(standing, &days);
        // What it is worth in the pipeline's currency; `None` too where no rate is known.
        let own = deal.amount().and_then(|money| converter.convert(money, day));
        let line = deal_line(ground, deal, standing, &by_day, own);
        let share = decimal_share(line.chances.won);
        let add = |tally: &mut Tally| tally.add(line.amount.is_some(), own, share);
        add(&mut total);
        add(close_dates.entry(line.when).or_insert_with(tally));
        let stage = stages.entry(standing.stage).or_insert_with(|| (tally(), 0.0));
        add(&mut stage.0);
        stage.1 += line.evidence;
        let named = |value: Option<String>| (value.is_none(), value);
        add(owners.entry(named(line.owner.clone())).or_insert_with(tally));
        for (field, of_field) in input.by.iter().zip(&mut groups) {
            add(of_field.entry(named(field_text(deal, field))).or_insert_with(tally));
        }
        add(categories.entry(named(line.category.clone())).or_insert_with(tally));
        months.add(&by_day, own, deal.close_date());
        if let Some(money) = deal.amount() {
            others.add(money);
        }
        if let Some(amount) = own.as_ref().and_then(ToPrimitive::to_f64).filter(|amount| *amount > 0.0) {
            bets.push((deals.len(), Bet { chance: line.chances.won, amount }));
        }
        deals.push(line);
    }

    let may_range = model.closed() >= RANGE_FLOOR;
    let rho = settings.dependence;
    let plain: Vec<Bet> = bets.iter().map(|(_, bet)| *bet).collect();
    let range = |bets: &[Bet], stream: Option<&Stream>| {
        may_range.then(|| Range::of(&total::distribution(bets, stream, rho), pipeline.currency))
    };
    let deciding = total::deciding(&plain).into_iter().filter_map(|(place, share)| {
        let line: &DealLine = deals.get(bets.get(place)?.0)?;
        let amount = converted(ground, line, &converter)?;
        Some(Deciding { id: line.id.clone(), title: line.title.clone(), amount, won: line.chances.won, share })
    });
    let deciding: Vec<Deciding> = deciding.collect();
    let own_range = range(&plain, None);
    let total = total.finish();

    let arrivals = ground.arrivals.as_ref();
    let new_wins = arrivals.map(|arrivals| arrivals.wins(model, ground.drift.as_ref(), months.days()));
    let new_business = arrivals.zip(new_wins.as_ref()).map(|(arrivals, wins)| {
        let expected_wins = wins.last().copied().unwrap_or(0.0);
        let mean = arrivals.mean_amount().map(|sum| Total { sum: Some(sum), currency: pipeline.currency });
        NewBusiness {
            lately: arrivals.lately,
            per_week: arrivals.per_day * 7.0,
            expected_wins,
            mean_amount: mean.map(Total::rounded),
            expected_amount: mean.map(|mean| times(mean, expected_wins)),
        }
    });
    let with_new = new_business.as_ref().map(|new| {
        let mut expected_amount = total.expected_amount;
        match new.expected_amount.map(|new| new.sum) {
            Some(Some(sum)) => expected_amount.add(sum),
            Some(None) => expected_amount.sum = None,
            None => {}
        }
        let expected_wins = total.expected_wins + new.expected_wins;
        WithNew { expected_wins, expected_amount, range: range(&plain, ground.stream(new.expected_wins).as_ref()) }
    });
    let mean = arrivals.and_then(Arrivals::mean_amount);
    let months = months.finish(new_wins.as_deref(), mean, |bets, new_wins| {
        range(bets, new_wins.and_then(|wins| ground.stream(wins)).as_ref())
    });

    let evidence = match deals.len() {
        0 => 0.0,
        count => deals.iter().map(|deal| deal.evidence).sum::<f64>() / count as f64,
    };
    deals.sort_by(|a, b| {
        let own = |d: &DealLine| d.expected_amount.and_then(|t| t.sum);
        own(b).cmp(&own(a)).then_with(|| a.id.cmp(&b.id))
    });
    let group = |((_, value), tally): ((bool, Option<String>), Tally)| GroupLine { value, expected: tally.finish() };
    Forecast {
        day,
        horizon: *ahead,
        currency: pipeline.currency,
        trust: Trust::of(model.closed()),
        evidence,
        closed: model.closed(),
        prior_weight: settings.weight,
        priors_assumed: model.priors_assumed(),
        dependence: rho,
        total,
        range: own_range,
        new_business,
        with_new,
        months,
        close_dates: close_dates
            .into_iter()
            .map(|(when, tally)| CloseDateLine { when, expected: tally.finish() })
            .collect(),
        stages: StageLine::all(pipeline, ground, stages),
        owners: owners.into_iter().map(group).collect(),
        groups: input
            .by
            .iter()
            .zip(groups)
            .map(|(field, lines)| Groups { field: field.clone(), lines: lines.into_iter().map(group).collect() })
            .collect(),
        categories: expected::categories(categories, pipeline.currency),
        coefficients: model.coefficients().all().cloned().collect(),
        drift: ground.drift,
        deciding,
        other_currencies: others.finish(),
        in_no_stage,
        deals: deals.into(),
    }
}

/// A sum of money times a number that is an estimate, rounded to the currency's digits.
fn times(mut total: Total, number: f64) -> Total {
    // Nine digits, as chances have.
    let factor = Decimal::from_f64_retain((number * 1e9).round() / 1e9).map(|factor| factor.round_dp(9));
    total.sum = total.sum.zip(factor).and_then(|(sum, factor)| sum.checked_mul(factor));
    total.rounded()
}

/// What a deal is worth in the pipeline's currency.
fn converted(ground: &Ground<'_>, line: &DealLine, converter: &Converter<'_>) -> Option<Total> {
    let amount = line.amount?;
    let money = crate::format::money::Money { amount: amount.sum?, currency: amount.currency };
    let sum = converter.convert(money, ground.day)?;
    Some(Total { sum: Some(sum), currency: converter.currency() })
}

fn deal_line(
    ground: &Ground<'_>,
    deal: &Deal,
    standing: &Standing,
    by_day: &[Chances],
    own: Option<Decimal>,
) -> DealLine {
    let pipeline = ground.input.pipeline;
    // The last but one is the horizon, the last one two years.
    let horizon = by_day.len().checked_sub(2).and_then(|place| by_day.get(place)).copied().unwrap_or(Chances::NONE);
    let ever = by_day.last().map_or(0.0, |chances| chances.won);
    let close_date = deal.close_date();
    let expected = |amount: Decimal| {
        let mut total = Total::zero(pipeline.currency);
        total.add_weighted(amount, decimal_share(horizon.won));
        total.rounded()
    };
    let values: Vec<Option<&str>> = standing.values.iter().map(Option::as_deref).collect();
    let factor = |own: &Coefficient| DealFactor {
        field: own.field.clone(),
        value: own.value.clone(),
        factor_won: own.factor_won,
        factor_lost: own.factor_lost,
    };
    DealLine {
        id: deal.id.clone(),
        title: deal.title().to_owned(),
        owner: deal.owner().map(str::to_owned),
        stage: deal.stage.clone(),
        stage_title: pipeline.stages.get(standing.stage).map(|stage| stage.title.clone()).unwrap_or_default(),
        age_days: standing.age,
        amount: deal.amount().map(Total::from),
        close_date,
        when: When::of(close_date, ground.day),
        chances: horizon,
        ever,
        evidence: ground.model.evidence(standing.stage, standing.age),
        factors: ground.model.coefficients().of_values(&values).map(factor).collect(),
        expected_amount: own.map(expected),
        category: field_text(deal, "category"),
        confidence: field_text(deal, "confidence"),
    }
}
