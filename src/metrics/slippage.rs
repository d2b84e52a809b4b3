//! Close dates that move: how often deals are pushed, and how much slips out of a period.

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::ident::DealId;
use crate::format::pipeline::{Pipeline, Status};
use crate::history::track::Tracks;

use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::interval::wilson;
use super::rows::Rows;
use super::total::Total;
use super::waterfall::{Kind, Waterfall};

/// So many pushes make a close date a wish.
pub const FICTION: usize = 3;

/// How much of what was to close in a period slipped out of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slippage {
    /// Open deals that were to close in the period, at its start.
    pub deals: usize,
    /// Their amount then, as the waterfall counts it.
    pub amount: Total,
    /// Those of them that are open at the end and are to close after the period.
    pub slipped: usize,
    /// Their amount at the start.
    pub slipped_amount: Total,
    /// Slipped by number, with Wilson's interval.
    pub rate: Estimate<f64>,
    /// Slipped by amount; `None` unless the amount at the start is above 0.
    pub rate_by_amount: Option<f64>,
    /// Those that are open at the end and still say a day of the period.
    pub stayed: usize,
}

/// Reads the slippage off the waterfall of a period's close dates; `None` off one of all open deals.
pub fn slippage(waterfall: &Waterfall, floors: Floors) -> Option<Slippage> {
    waterfall.closing?;
    let mut slipped_amount = Total::zero(waterfall.currency);
    let mut slipped = 0;
    for change in waterfall.changes.iter().filter(|change| change.kind == Kind::Slipped) {
        slipped += 1;
        if let Some(Total { sum: Some(sum), currency }) = change.counted_before
            && currency == waterfall.currency
        {
            slipped_amount.add(sum);
        }
    }
    let deals = waterfall.start.deals;
    // What came and left in between was not there at the start.
    let left = waterfall.changes.iter().filter(|change| change.kind.direction() < 0 && change.was_there);
    let rate = match wilson(slipped, deals) {
        Some((low, high)) if deals >= floors.rate => {
            Estimate::Known { value: slipped as f64 / deals as f64, n: deals, low: Some(low), high: Some(high) }
        }
        _ => Estimate::TooEarly { n: deals },
    };
    Some(Slippage {
        deals,
        amount: waterfall.start.amount,
        slipped,
        rate_by_amount: slipped_amount.share_of(&waterfall.start.amount),
        slipped_amount,
        rate,
        stayed: deals.saturating_sub(left.count()),
    })
}

/// How the close date of one deal moved to later days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// How often.
    pub times: usize,
    /// Those of them that happened inside the window.
    pub in_window: usize,
    /// By how many days in all.
    pub days: i64,
    /// The day that was said first.
    pub first: Option<NaiveDate>,
}

/// The pushes of a deal whose close date got these values at these times, oldest first. A date that is taken out and
/// comes back later was pushed as far; what is no date says nothing.
pub fn pushed<'t>(changes: impl Iterator<Item = (i64, Option<&'t str>)>, window: Window) -> Pushed {
    let mut pushed = Pushed::default();
    let mut last: Option<NaiveDate> = None;
    for (at, to) in changes {
        let Some(day) = to.and_then(|text| parse_date(text).ok()) else { continue };
        if let Some(before) = last
            && day > before
        {
            pushed.times += 1;
            pushed.in_window += usize::from(window.holds(at));
            pushed.days += day.signed_duration_since(before).num_days();
        }
        pushed.first = pushed.first.or(Some(day));
        last = Some(day);
    }
    pushed
}

/// An open deal that was pushed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PushedDeal {
    /// Its id.
    pub id: DealId,
    /// What people call it.
    pub title: String,
    /// Who owns it.
    pub owner: Option<String>,
    /// What it is worth.
    pub amount: Option<Total>,
    /// The close date that was said first.
    pub first_close: Option<NaiveDate>,
    /// The close date now.
    pub close_date: Option<NaiveDate>,
    /// How often it was pushed.
    pub pushes: usize,
    /// How often inside the window.
    pub pushes_in_window: usize,
    /// By how many days in all.
    pub days: i64,
}

/// The pushes of all open deals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pushes {
    /// Open deals with a close date.
    pub deals: usize,
    /// Those that were pushed.
    pub pushed: usize,
    /// Those that were pushed [`FICTION`] times or more.
    pub fiction: usize,
    /// Pushes of all of them.
    pub pushes: usize,
    /// Pushes inside the window.
    pub pushes_in_window: usize,
    /// Days that all pushes add up to.
    pub days: i64,
    /// Those that were pushed, the most pushed first.
    pub list: Rows<PushedDeal>,
}

/// Counts the pushes of the open deals.
pub fn pushes(pipeline: &Pipeline, deals: &[Deal], tracks: &Tracks, window: Window) -> Pushes {
    let mut list: Vec<PushedDeal> = Vec::new();
    let mut dated = 0;
    for deal in deals.iter().filter(|deal| pipeline.status(&deal.stage) == Status::Open) {
        dated += usize::from(deal.close_date().is_some());
        let track = tracks.of_deal(&deal.id);
        let own = pushed(track.changes("close_date").map(|change| (change.at.0, change.to)), window);
        if own.times > 0 {
            list.push(PushedDeal {
                id: deal.id.clone(),
                title: deal.title().to_owned(),
                owner: deal.owner().map(str::to_owned),
                amount: deal.amount().map(Total::from),
                first_close: own.first,
                close_date: deal.close_date(),
                pushes: own.times,
                pushes_in_window: own.in_window,
                days: own.days,
            });
        }
    }
    list.sort_by(|a, b| (b.pushes, b.days).cmp(&(a.pushes, a.days)).then_with(|| a.id.cmp(&b.id)));
    Pushes {
        deals: dated,
        pushed: list.len(),
        fiction: list.iter().filter(|deal| deal.pushes >= FICTION).count(),
        pushes: list.iter().map(|deal| deal.pushes).sum(),
        pushes_in_window: list.iter().map(|deal| deal.pushes_in_window).sum(),
        days: list.iter().map(|deal| deal.days).sum(),
        list: list.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, deal, money, pipeline, with};
    use super::super::journey::journeys;
    use super::super::period::Span;
    use super::super::waterfall::{Input, Known, waterfall};
    use super::*;
    use crate::history::spell::Spells;

    fn told(changes: &[(i64, Option<&str>)]) -> (usize, usize, i64) {
        let window = Window { from: Some(10), until: None };
        let pushed = pushed(changes.iter().copied(), window);
        (pushed.times, pushed.in_window, pushed.days)
    }

    #[test]
    fn only_a_later_day_is_a_push() {
        assert_eq!(told(&[]), (0, 0, 0));
        assert_eq!(told(&[(1, Some("2026-03-01")), (2, Some("2026-03-01")), (3, Some("2026-02-01"))]), (0, 0, 0));
        let pushes =
            [(1, Some("2026-03-01")), (5, Some("2026-03-11")), (12, Some("2026-03-01")), (13, Some("2026-03-03"))];
        assert_eq!(told(&pushes), (2, 1, 12));
    }

    #[test]
    fn a_date_that_was_away_or_unreadable_is_compared_with_the_last_one() {
        let pushes = [(1, Some("2026-03-01")), (2, None), (3, Some("soon")), (20, Some("2026-04-01")), (21, None)];
        assert_eq!(told(&pushes), (1, 1, 31));
        assert_eq!(pushed(pushes.into_iter(), Window::default()).first, Some("2026-03-01".parse().unwrap()));
    }

    #[test]
    fn slippage_is_what_was_to_close_and_now_closes_after_the_period() {
        let of = |id: &str, stage: &str, amount: &str, close: &str| {
            with(with(deal(id, stage), "amount", money(amount)), "close_date", date(close))
        };
        let before = [
            of("slips", "brief", "100", "2026-02-01"),
            of("stays", "brief", "200", "2026-02-01"),
            of("wins", "brief", "400", "2026-02-01"),
            of("earlier", "brief", "300", "2026-02-01"),
            of("later", "brief", "5000", "2026-05-01"),
        ];
        let after = [
            of("slips", "brief", "150", "2026-04-01"),
            of("stays", "brief", "200", "2026-03-31"),
            of("wins", "won", "400", "2026-02-01"),
            of("earlier", "brief", "300", "2025-12-31"),
            of("later", "brief", "5000", "2026-06-01"),
            of("quick", "won", "7", "2026-02-02"),
        ];
        let pipeline = pipeline(&["brief"]);
        let known = |deals| Known { pipeline: &pipeline, deals, all: &[], unreadable: &[] };
        let journeys = journeys(&pipeline, &Spells::from([].as_slice()));
        let closing = Span::new("2026-01-01".parse().unwrap(), "2026-03-31".parse().unwrap());
        let input = Input {
            before: known(&before),
            after: known(&after),
            rates_of: "2026-03-31".parse().unwrap(),
            journeys: &journeys,
            closing,
        };
        let told = slippage(&waterfall(&input), Floors { rate: 4, quantile: 1 }).unwrap();
        assert_eq!((told.deals, told.slipped, told.stayed), (4, 1, 1));
        assert_eq!((told.rate.value(), told.rate_by_amount), (Some(0.25), Some(0.1)));
        assert_eq!(slippage(&waterfall(&input), Floors::default()).unwrap().rate, Estimate::TooEarly { n: 4 });
        assert_eq!(slippage(&waterfall(&Input { closing: None, ..input }), Floors::default()), None);
    }
}
