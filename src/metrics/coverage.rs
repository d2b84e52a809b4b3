//! Coverage: whether the open pipeline is enough for what is still to be won.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::money::Money;
use crate::format::period::{Period, Span};
use crate::format::pipeline::{Pipeline, Status};

use super::amounts::Amounts;
use super::estimate::{Estimate, Floors};
use super::interval::wilson_share;
use super::journey::{Journeys, Outcome};
use super::rates::Converter;
use super::total::Total;

/// Days before the day of the report whose closed deals make the win rate.
const YEAR: u64 = 365;

/// What the numbers are made of. Deals and journeys are as known at `as_of`.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// Seconds since 1970.
    pub as_of: i64,
    /// The days that the target is for.
    pub span: Span,
    /// The floors.
    pub floors: Floors,
}

/// The open pipeline against the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// The days.
    pub span: Span,
    /// How people call them.
    pub name: String,
    /// What is to be won in them: the target of exactly these days, or else the sum of the targets of all their quarters
    /// or months. `None` where the pipeline sets none.
    pub target: Option<Total>,
    /// What was won in them; other currencies at the rates of the day on which the deal was won.
    pub booked: Amounts,
    /// Target less booked; 0 or below where the target is reached.
    pub remaining: Option<Total>,
    /// Open deals that are expected to close in them; other currencies at the rates of the day of `as_of`.
    pub open: Amounts,
    /// Open divided by remaining; `None` without a target or where it is reached.
    pub coverage: Option<f64>,
    /// Share of the closed amount that was won, of the deals won or lost in the year up to the day; the interval takes the
    /// deals' different sizes into account.
    pub win_rate_by_value: Estimate<f64>,
    /// The days of that year.
    pub win_rate_span: Span,
    /// What coverage it takes: 1 divided by that win rate.
    pub required: Option<f64>,
    /// Whether the coverage is as large as that; `None` where one of them is not known. A target that is reached is
    /// covered.
    pub enough: Option<bool>,
}

/// Compares the open pipeline with the target.
pub fn coverage(input: &Input<'_>) -> Coverage {
    let pipeline = input.pipeline;
    let day = pipeline.day_of(input.as_of);
    let from = day.checked_sub_days(chrono::Days::new(YEAR - 1)).unwrap_or(day);
    let win_rate_span = Span { from, to: day };
    let journeys = input.journeys.by_deal();
    let converter = Converter::of(pipeline);
    let converted = |money: Money, day: NaiveDate| {
        let amount = converter.convert(money, day);
        amount.map_or(money, |amount| Money { amount, currency: pipeline.currency })
    };
    let (mut booked, mut open) = (Amounts::zero(pipeline.currency), Amounts::zero(pipeline.currency));
    // What was won and what was lost; what has no rate is not in it.
    let (mut won, mut lost): (Vec<Decimal>, Vec<Decimal>) = (Vec::new(), Vec::new());
    for deal in input.deals {
        let status = pipeline.status(&deal.stage);
        let outcome = match status {
            Status::Open => {
                if deal.close_date().is_some_and(|close| input.span.contains(close)) {
                    open.add(deal.amount().map(|money| converted(money, day)));
                }
                continue;
            }
            Status::Won => Outcome::Won,
            Status::Lost => Outcome::Lost,
            Status::Recycled => continue,
        };
        let journey = journeys.get(&deal.id).filter(|journey| journey.outcome == outcome);
        let Some(closed) = journey.and_then(|journey| journey.decided).map(|at| pipeline.day_of(at)) else { continue };
        if status == Status::Won && input.span.contains(closed) {
            booked.add(deal.amount().map(|money| converted(money, closed)));
        }
        let money = deal.amount().map(|money| converted(money, closed));
        if let Some(money) = money.filter(|money| money.currency == pipeline.currency)
            && win_rate_span.contains(closed)
        {
            (if status == Status::Won { &mut won } else { &mut lost }).push(money.amount);
        }
    }
    let target = target(pipeline, input.span).map(|sum| Total { sum: Some(sum), currency: pipeline.currency });
    let remaining = target.map(|target| {
        let rest = target.sum.zip(booked.amount.sum).and_then(|(target, booked)| target.checked_sub(booked));
        Total { sum: rest, currency: pipeline.currency }
    });
    let win_rate_by_value = win_rate(&won, &lost, input.floors);
    let coverage = remaining.and_then(|remaining| open.amount.share_of(&remaining));
    let required = win_rate_by_value.value().filter(|rate| *rate > 0.0).map(|rate| 1.0 / rate);
    let is_reached = remaining.and_then(|total| total.sum).is_some_and(|rest| rest <= Decimal::ZERO);
    Coverage {
        span: input.span,
        name: input.span.name(pipeline.fiscal_year_start),
        target,
        booked,
        remaining,
        open,
        coverage,
        win_rate_by_value,
        win_rate_span,
        required,
        enough: if is_reached { Some(true) } else { coverage.zip(required).map(|(has, needs)| has >= needs) },
    }
}

/// What is to be won on these days, as far as the pipeline says it.
pub fn target(pipeline: &Pipeline, span: Span) -> Option<Decimal> {
    let own = |span: Span| pipeline.targets.iter().find(|target| target.span == span).map(|target| target.amount);
    if let Some(amount) = own(span) {
        return Some(amount);
    }
    let start = pipeline.fiscal_year_start;
    let parts = match span.period(start)? {
        Period::Month => return None,
        Period::Quarter => Period::Month.spans_in(span, start),
        Period::Year => Period::Quarter.spans_in(span, start),
    };
    parts.into_iter().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(target(pipeline, part)?))
}

/// The share of the amount that was won. Its interval is Wilson's, for as many deals of equal size as would make the sum as
/// uncertain as these do (Kish's effective number).
fn win_rate(won: &[Decimal], lost: &[Decimal], floors: Floors) -> Estimate<f64> {
    let n = won.len() + lost.len();
    let sizes = |amounts: &[Decimal]| -> Vec<f64> {
        amounts.iter().filter_map(|amount| amount.to_f64()).filter(|amount| *amount > 0.0).collect()
    };
    let (won, lost) = (sizes(won), sizes(lost));
    let sum: f64 = won.iter().chain(&lost).sum();
    let squares: f64 = won.iter().chain(&lost).map(|amount| amount * amount).sum();
    if n < floors.rate || sum <= 0.0 {
        return Estimate::TooEarly { n };
    }
    let share = won.iter().sum::<f64>() / sum;
    let (low, high) = wilson_share(share, sum * sum / squares);
    Estimate::Known { value: share, n, low: Some(low), high: Some(high) }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, day, deal, money, path, pipeline, with};
    use super::super::journey::journeys;
    use super::*;
    use crate::format::target::Target;
    use crate::history::spell::Spells;

    fn span(from: &str, to: &str) -> Span {
        Span::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    fn set(pipeline: &mut Pipeline, name: &str, amount: i64) {
        let (period, span) = Period::parse_name(name, pipeline.fiscal_year_start).unwrap();
        pipeline.targets.push(Target { period, span, amount: amount.into() });
    }

    #[test]
    fn a_target_is_its_own_or_the_sum_of_all_its_parts() {
        let mut pipeline = pipeline(&["brief"]);
        for (name, amount) in [("2026-01", 1), ("2026-02", 2), ("2026-03", 4), ("2026-Q2", 8), ("2026-Q3", 16)] {
            set(&mut pipeline, name, amount);
        }
        assert_eq!(target(&pipeline, span("2026-01-01", "2026-03-31")), Some(7.into()));
        assert_eq!(target(&pipeline, span("2026-04-01", "2026-06-30")), Some(8.into()));
        assert_eq!(target(&pipeline, span("2026-01-01", "2026-12-31")), None);
        assert_eq!(target(&pipeline, span("2026-01-01", "2026-02-28")), None);
        set(&mut pipeline, "2026-Q4", 32);
        assert_eq!(target(&pipeline, span("2026-01-01", "2026-12-31")), Some(63.into()));
        set(&mut pipeline, "2026-Q1", 100);
        assert_eq!(target(&pipeline, span("2026-01-01", "2026-03-31")), Some(100.into()));
    }

    #[test]
    fn coverage_is_open_by_what_is_left_and_the_win_rate_says_what_it_takes() {
        let mut pipeline = pipeline(&["brief", "offer"]);
        set(&mut pipeline, "2026-Q1", 500);
        let of = |id: &str, stage: &str, amount: &str, close: &str| {
            with(with(deal(id, stage), "amount", money(amount)), "close_date", date(close))
        };
        let deals = [
            of("w", "won", "100", "2026-02-01"),
            of("l", "lost", "300", "2026-02-01"),
            of("in", "offer", "600", "2026-03-31"),
            of("usd", "offer", "9 USD", "2026-03-01"),
            of("out", "offer", "5000", "2026-04-01"),
        ];
        let spells = [path("w", &[("brief", 0), ("won", 5)]), path("l", &[("brief", 0), ("lost", 6)])].concat();
        let journeys = journeys(&pipeline, &Spells::from(spells.as_slice()));
        let mut input = Input {
            pipeline: &pipeline,
            deals: &deals,
            journeys: &journeys,
            as_of: day(40),
            span: span("2026-01-01", "2026-03-31"),
            floors: Floors { rate: 2, quantile: 1 },
        };
        let told = coverage(&input);
        assert_eq!((told.booked.amount.sum, told.remaining.unwrap().sum), (Some(100.into()), Some(400.into())));
        assert_eq!((told.coverage, told.required, told.enough), (Some(1.5), Some(4.0), Some(false)));
        assert_eq!(told.open.other[0].sum, Some(9.into()));
        let Estimate::Known { value, n, low, high } = told.win_rate_by_value else { panic!() };
        assert_eq!((value, n), (0.25, 2));
        // 400² / (100² + 300²) = 1.6 deals of equal size.
        assert_eq!((low, high), {
            let (low, high) = wilson_share(0.25, 1.6);
            (Some(low), Some(high))
        });
        input.floors.rate = 3;
        assert_eq!(coverage(&input).required, None);
        input.span = span("2026-01-01", "2026-01-31");
        assert_eq!((coverage(&input).target, coverage(&input).enough), (None, None));
    }

    #[test]
    fn a_target_that_is_reached_needs_nothing_more() {
        let mut pipeline = pipeline(&["brief"]);
        set(&mut pipeline, "2026-01", 100);
        let deals = [with(deal("w", "won"), "amount", money("100"))];
        let journeys = journeys(&pipeline, &Spells::from(path("w", &[("brief", 0), ("won", 5)]).as_slice()));
        let told = coverage(&Input {
            pipeline: &pipeline,
            deals: &deals,
            journeys: &journeys,
            as_of: day(9),
            span: span("2026-01-01", "2026-01-31"),
            floors: Floors::default(),
        });
        assert_eq!((told.remaining.unwrap().sum, told.coverage, told.enough), (Some(0.into()), None, Some(true)));
    }
}
