use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::fixture::{date, day, deal, money, path, pipeline, text, with};
use super::super::journey::journeys;
use super::*;
use crate::format::span::Span as Bytes;
use crate::format::value::{Field, Value};
use crate::history::spell::{Spell, Spells};

const Q1: Span = Span { from: ymd(2026, 1, 1), to: ymd(2026, 3, 31) };

const fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// A deal with an amount and a close date; `-` is none.
fn one(id: &str, stage: &str, amount: &str, close: &str) -> Deal {
    let mut deal = with(deal(id, stage), "owner", text("olga"));
    if amount != "-" {
        deal = with(deal, "amount", money(amount));
    }
    if close != "-" {
        deal = with(deal, "close_date", date(close));
    }
    deal
}

fn was(deal: Deal, names: &[&str]) -> Deal {
    let item = |name: &&str| Field { value: Value::Deal(DealId::new(name).unwrap()), span: Bytes::default() };
    with(deal, "was", Value::List(names.iter().map(item).collect()))
}

#[derive(Default)]
struct Case {
    before: Vec<Deal>,
    after: Vec<Deal>,
    out_before: Vec<Deal>,
    out_after: Vec<Deal>,
    unread_before: Vec<DealId>,
    unread_after: Vec<DealId>,
    spells: Vec<Spell>,
}

impl Case {
    fn take(&self, closing: Option<Span>) -> Waterfall {
        let pipeline = pipeline(&["brief", "offer"]);
        let journeys = journeys(&pipeline, &Spells::from(self.spells.as_slice()));
        waterfall(&Input {
            before: Known {
                pipeline: &pipeline,
                deals: &self.before,
                all: &[self.before.clone(), self.out_before.clone()].concat(),
                unreadable: &self.unread_before,
            },
            after: Known {
                pipeline: &pipeline,
                deals: &self.after,
                all: &[self.after.clone(), self.out_after.clone()].concat(),
                unreadable: &self.unread_after,
            },
            rates_of: Q1.to,
            journeys: &journeys,
            closing,
        })
    }
}

/// Every step that happened, as `kind deals amount`, between the start and the end.
fn told(waterfall: &Waterfall) -> Vec<String> {
    assert!(waterfall.balanced);
    let sum = |total: &Total| total.sum.map_or("?".to_owned(), |s| s.normalize().to_string());
    let others = |other: &[Total]| other.iter().map(|t| format!(" {} {}", sum(t), t.currency)).collect::<String>();
    let level =
        |name: &str, level: &Amounts| format!("{name} {} {}{}", level.deals, sum(&level.amount), others(&level.other));
    let mut lines = vec![level("start", &waterfall.start)];
    for step in waterfall.steps.iter().filter(|step| step.deals > 0) {
        let kind = serde_json::to_value(step.kind).unwrap();
        let kind = kind.as_str().unwrap();
        lines.push(format!("{kind} {} {}{}", step.deals, sum(&step.amount), others(&step.other)));
    }
    lines.push(level("end", &waterfall.end));
    lines
}

fn case(before: Vec<Deal>, after: Vec<Deal>) -> Case {
    Case { before, after, ..Case::default() }
}

#[test]
fn what_stays_can_only_change_its_amount() {
    let before = vec![
        one("a", "brief", "1000", "-"),
        one("b", "brief", "500.50", "-"),
        one("c", "brief", "-", "-"),
        one("d", "brief", "7", "-"),
        one("e", "brief", "3", "-"),
    ];
    let after = vec![
        one("a", "offer", "1200", "-"),
        one("b", "brief", "400.25", "-"),
        one("c", "brief", "40", "-"),
        one("d", "brief", "-", "-"),
        one("e", "brief", "4 USD", "-"),
    ];
    let told = told(&case(before, after).take(None));
    assert_eq!(
        told,
        [
            "start 5 1510.5",
            "increased 1 200",
            "decreased 1 -100.25",
            "priced 1 40",
            "unpriced 1 -7",
            "converted 1 -3 4 USD",
            "end 5 1640.25 4 USD"
        ]
    );
}

#[test]
fn the_won_ones_add_up_to_what_was_won_and_the_difference_is_shown() {
    let before = vec![one("a", "offer", "100", "-"), one("b", "offer", "50", "-"), one("c", "brief", "10", "-")];
    let after = vec![one("a", "won", "120", "-"), one("b", "lost", "-", "-"), one("c", "brief", "11", "-")];
    let waterfall = case(before, after).take(None);
    // A lost deal whose amount was taken out is lost with what it had.
    assert_eq!(told(&waterfall), ["start 3 160", "increased 2 21", "won 1 -120", "lost 1 -50", "end 1 11"]);
    let increased = waterfall.steps.iter().find(|step| step.kind == Kind::Increased).unwrap();
    assert_eq!(increased.before_leaving.sum, Some(Decimal::from(20)));
    let rows = &waterfall.changes[increased.first..increased.first + increased.deals];
    assert_eq!(rows.iter().map(|row| (row.id.as_str(), row.left)).collect::<Vec<_>>(), [("a", true), ("c", false)]);
}

#[test]
fn business_that_came_and_closed_in_between_is_not_hidden() {
    let before = vec![one("old", "won", "1", "-"), one("back", "lost", "5", "-"), one("gone", "won", "9", "-")];
    let after = vec![
        one("quick", "won", "70", "-"),
        one("not-for-us", "lost", "8", "-"),
        one("old", "won", "2", "-"),
        one("back", "won", "5", "-"),
        one("imported", "won", "900", "-"),
    ];
    let mut spells = [path("quick", &[("brief", 1), ("won", 3)]), path("imported", &[("won", 1)])].concat();
    spells.iter_mut().filter(|s| s.deal.as_str() == "imported").for_each(|s| s.left_censored = true);
    let case = Case { spells, ..case(before, after) };
    assert_eq!(told(&case.take(None)), ["start 0 0", "new 2 78", "reopened 1 5", "won 2 -75", "lost 1 -8", "end 0 0"]);
}

#[test]
fn close_dates_move_deals_in_and_out_of_a_period() {
    let before = vec![
        one("stays", "offer", "1", "2026-02-01"),
        one("later", "offer", "2", "2026-03-31"),
        one("earlier", "offer", "4", "2026-01-01"),
        one("undated", "offer", "8", "2026-02-02"),
        one("from-later", "offer", "16", "2026-04-01"),
        one("from-earlier", "offer", "32", "2025-12-31"),
        one("dated", "offer", "64", "-"),
        one("won", "offer", "128", "2026-03-01"),
        one("elsewhere", "offer", "256", "2026-09-01"),
    ];
    let after = vec![
        one("stays", "offer", "1", "2026-03-31"),
        one("later", "offer", "2", "2026-04-01"),
        one("earlier", "offer", "4", "2025-12-31"),
        one("undated", "offer", "8", "-"),
        one("from-later", "offer", "16", "2026-03-31"),
        one("from-earlier", "offer", "32", "2026-01-01"),
        one("dated", "offer", "64", "2026-02-28"),
        one("won", "won", "128", "2026-03-01"),
        one("elsewhere", "offer", "256", "2026-10-01"),
        one("new", "brief", "512", "2026-03-03"),
        one("new-elsewhere", "brief", "1024", "2026-08-03"),
    ];
    let case = case(before, after);
    assert_eq!(
        told(&case.take(Some(Q1))),
        [
            "start 5 143",
            "new 1 512",
            "pulled_in 1 16",
            "pushed_in 1 32",
            "dated 1 64",
            "slipped 1 -2",
            "pulled_out 1 -4",
            "undated 1 -8",
            "won 1 -128",
            "end 5 625"
        ]
    );
    // Of the whole pipeline none of that is a change.
    assert_eq!(told(&case.take(None)), ["start 9 511", "new 2 1536", "won 1 -128", "end 10 1919"]);
}

#[test]
fn a_win_that_was_planned_for_later_is_pulled_in_and_won() {
    let before = vec![one("early", "offer", "10", "2026-06-30"), one("no", "offer", "20", "2026-06-30")];
    let after = vec![one("early", "won", "12", "2026-06-30"), one("no", "lost", "20", "2026-06-30")];
    let spells = [path("early", &[("offer", 1), ("won", 30)]), path("no", &[("offer", 1), ("lost", 30)])].concat();
    let case = Case { spells, ..case(before, after) };
    assert_eq!(told(&case.take(Some(Q1))), ["start 0 0", "pulled_in 1 12", "won 1 -12", "end 0 0"]);
}

#[test]
fn a_renamed_deal_is_one_deal() {
    let before = vec![one("acme", "brief", "10", "-"), one("x", "brief", "1", "-")];
    let after = vec![
        was(one("acme-site", "offer", "15", "-"), &["first-name", "acme"]),
        one("x", "brief", "1", "-"),
        // The name was given again: the new owner of a name is the one who bears it.
        was(one("y", "brief", "2", "-"), &["x"]),
    ];
    let waterfall = case(before, after).take(None);
    assert_eq!(told(&waterfall), ["start 2 11", "new 1 2", "increased 1 5", "end 3 18"]);
    let row = waterfall.changes.iter().find(|row| row.kind == Kind::Increased).unwrap();
    assert_eq!((row.id.as_str(), row.was.as_ref().map(DealId::as_str)), ("acme-site", Some("acme")));
}

#[test]
fn nothing_vanishes_without_a_reason() {
    let before =
        vec![one("removed", "brief", "1", "-"), one("broken", "brief", "2", "-"), one("given", "brief", "4", "-")];
    let after =
        vec![one("mended", "brief", "8", "-"), one("taken", "brief", "16", "-"), one("taken-won", "won", "32", "-")];
    let case = Case {
        before,
        after,
        out_before: vec![one("taken", "brief", "15", "-"), one("taken-won", "offer", "30", "-")],
        out_after: vec![one("given", "won", "5", "-")],
        unread_before: vec![DealId::new("mended").unwrap()],
        unread_after: vec![DealId::new("broken").unwrap()],
        ..Case::default()
    };
    assert_eq!(
        told(&case.take(None)),
        [
            "start 3 7",
            "filter_in 2 48",
            "read_again 1 8",
            "won 1 -32",
            "withdrawn 1 -1",
            "filter_out 1 -4",
            "unread 1 -2",
            "end 2 24"
        ]
    );
}

#[test]
fn a_list_that_is_cut_still_says_whose_deals_are_whose() {
    let before: Vec<Deal> = ["a", "b", "c"].iter().map(|id| one(id, "brief", "1", "-")).collect();
    let after = vec![one("a", "won", "1", "-"), one("b", "won", "9", "-"), one("d", "brief", "5", "-")];
    let mut waterfall = case(before, after).take(None);
    waterfall.truncate(1);
    assert_eq!(told(&waterfall), ["start 3 3", "new 1 5", "increased 1 8", "won 2 -10", "withdrawn 1 -1", "end 1 5"]);
    for step in waterfall.steps.iter().filter(|step| step.deals > 0) {
        assert_eq!(step.listed, 1);
        assert_eq!(waterfall.changes[step.first].kind, step.kind);
    }
    assert_eq!(waterfall.changes.len(), 4);
}

#[test]
fn a_sum_too_large_to_hold_is_not_known_and_still_no_lie() {
    let large = "9999999999999999999999999999";
    let before: Vec<Deal> = (0..9).map(|i| one(&format!("d{i}"), "brief", large, "-")).collect();
    let waterfall = case(before, vec![one("d0", "brief", "-1", "-")]).take(None);
    assert_eq!(waterfall.start.amount.sum, None);
    assert_eq!(waterfall.end.amount.sum, Some(Decimal::NEGATIVE_ONE));
    assert!(waterfall.balanced);
}

#[test]
fn a_lost_deal_would_be_found() {
    let waterfall = case(vec![one("a", "brief", "5", "-")], vec![one("a", "brief", "6", "-")]).take(None);
    let short = Amounts { amount: Total::zero(waterfall.currency), ..waterfall.start.clone() };
    assert!(!is_balanced(&short, &waterfall.steps, &waterfall.end));
    let fewer = Amounts { deals: 0, ..waterfall.start.clone() };
    assert!(!is_balanced(&fewer, &waterfall.steps, &waterfall.end));
}

/// How a deal stands at one time, for the oracle.
#[derive(Clone, Debug, PartialEq)]
enum State {
    Absent,
    Unread,
    There { chosen: bool, place: &'static str, amount: Option<(i64, bool)>, close: Option<i64> },
}

fn state() -> impl Strategy<Value = State> {
    let place = prop::sample::select(vec!["brief", "offer", "won", "lost", "recycled", "attic"]);
    let amount = prop::option::weighted(0.8, (-50_i64..100_000, prop::bool::weighted(0.15)));
    let close = prop::option::weighted(0.8, -40_i64..130);
    let there = (prop::bool::weighted(0.85), place, amount, close)
        .prop_map(|(chosen, place, amount, close)| State::There { chosen, place, amount, close });
    prop_oneof![2 => Just(State::Absent), 1 => Just(State::Unread), 9 => there]
}

fn as_deal(id: &str, state: &State) -> Option<Deal> {
    let State::There { place, amount, close, .. } = state else { return None };
    let cents = |n: i64| Decimal::new(n, 2);
    let amount = amount.map(|(n, usd)| format!("{}{}", cents(n), if usd { " USD" } else { "" }));
    let close = close.map(|n| (ymd(2026, 1, 1) + chrono::TimeDelta::days(n)).to_string());
    Some(one(id, place, amount.as_deref().unwrap_or("-"), close.as_deref().unwrap_or("-")))
}

/// What the definition says of one deal, written down as a table, without a look at the engine.
fn reasons(a: &State, b: &State, closing: bool) -> (bool, bool, Option<Kind>, Option<Kind>) {
    let inside = |close: Option<i64>| !closing || close.is_some_and(|day| (0..90).contains(&day));
    let open = |place: &str| matches!(place, "brief" | "offer" | "attic");
    let is_in = |state: &State| matches!(state, State::There { chosen: true, place, close, .. } if open(place) && inside(*close));
    let came = match a {
        State::Absent => Kind::New,
        State::Unread => Kind::ReadAgain,
        State::There { chosen: false, .. } => Kind::FilterIn,
        State::There { place, .. } if !open(place) => Kind::Reopened,
        State::There { close: None, .. } => Kind::Dated,
        State::There { close: Some(day), .. } if *day < 0 => Kind::PushedIn,
        State::There { .. } => Kind::PulledIn,
    };
    let went = match b {
        State::Absent => Kind::Withdrawn,
        State::Unread => Kind::Unread,
        State::There { chosen: false, .. } => Kind::FilterOut,
        State::There { place: "won", .. } => Kind::Won,
        State::There { place: "lost", .. } => Kind::Lost,
        State::There { place: "recycled", .. } => Kind::Recycled,
        State::There { close: None, .. } => Kind::Undated,
        State::There { close: Some(day), .. } if *day < 0 => Kind::PulledOut,
        State::There { .. } => Kind::Slipped,
    };
    let through = match (a, b) {
        (_, State::There { chosen: true, place, close, .. }) if !open(place) && inside(*close) => match a {
            State::Absent => true,
            State::Unread => false,
            State::There { place: before, .. } => before != place,
        },
        _ => false,
    };
    match (is_in(a), is_in(b)) {
        (false, true) => (false, true, Some(came), None),
        (true, false) => (true, false, None, Some(went)),
        (false, false) if through => (false, false, Some(came), Some(went)),
        (was_in, is_in) => (was_in, is_in, None, None),
    }
}

fn amount_of(state: &State) -> Option<(i64, bool)> {
    if let State::There { amount, .. } = state { *amount } else { None }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_deal_is_booked_as_the_definition_says_and_all_adds_up(
        deals in prop::collection::vec((state(), state(), prop::bool::weighted(0.2)), 0..25),
        closing in any::<bool>(),
    ) {
        let mut case = Case::default();
        // Cents of each kind and currency, with the number of deals.
        let mut wanted: BTreeMap<(Kind, bool), i64> = BTreeMap::new();
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        let (mut start, mut end) = (BTreeMap::<bool, i64>::new(), BTreeMap::<bool, i64>::new());
        for (i, (a, b, renamed)) in deals.iter().enumerate() {
            let (old, new) = (format!("d{i}"), if *renamed { format!("n{i}") } else { format!("d{i}") });
            if let Some(deal) = as_deal(&old, a) {
                let chosen = matches!(a, State::There { chosen: true, .. });
                if chosen { case.before.push(deal) } else { case.out_before.push(deal) }
            }
            if let Some(deal) = as_deal(&new, b) {
                let deal = if *renamed { was(deal, &[&old]) } else { deal };
                let chosen = matches!(b, State::There { chosen: true, .. });
                if chosen { case.after.push(deal) } else { case.out_after.push(deal) }
            }
            if *a == State::Unread {
                case.unread_before.push(DealId::new(&old).unwrap());
            }
            if *b == State::Unread {
                // A file that cannot be read tells no older name.
                case.unread_after.push(DealId::new(&old).unwrap());
            }
            let (was_in, is_in, came, went) = reasons(a, b, closing);
            let (before, after) = (amount_of(a), amount_of(b));
            if was_in { before.into_iter().for_each(|(n, usd)| *start.entry(usd).or_default() += n) }
            if is_in { after.into_iter().for_each(|(n, usd)| *end.entry(usd).or_default() += n) }
            let mut add = |kind: Kind, amounts: &[(i64, bool)]| {
                *counts.entry(kind).or_default() += 1;
                amounts.iter().for_each(|(n, usd)| *wanted.entry((kind, *usd)).or_default() += n);
            };
            // What a deal leaves with; what is not there, or is kept out, leaves with what it had.
            let known = matches!(b, State::There { .. }) && went != Some(Kind::FilterOut);
            let last = if known && (is_in || after.is_some()) { after } else { before };
            if let Some(kind) = came {
                add(kind, last.as_slice());
            }
            if was_in && last != before {
                match (before, last) {
                    (None, Some(b)) => add(Kind::Priced, &[b]),
                    (Some((n, usd)), None) => add(Kind::Unpriced, &[(-n, usd)]),
                    (Some((n, x)), Some((m, y))) if x != y => add(Kind::Converted, &[(-n, x), (m, y)]),
                    (Some((n, usd)), Some((m, _))) if m > n => add(Kind::Increased, &[(m - n, usd)]),
                    (Some((n, usd)), Some((m, _))) => add(Kind::Decreased, &[(m - n, usd)]),
                    (None, None) => {}
                }
            }
            if let Some(kind) = went {
                let amounts: Vec<_> = last.into_iter().map(|(n, usd)| (-n, usd)).collect();
                add(kind, &amounts);
            }
        }

        let waterfall = case.take(closing.then_some(Q1));
        prop_assert!(waterfall.balanced);
        let eur = |total: &Total| total.sum.unwrap() * Decimal::ONE_HUNDRED;
        let usd = |other: &[Total]| other.first().map_or(Decimal::ZERO, eur);
        let cents = |map: &BTreeMap<bool, i64>, usd: bool| Decimal::from(map.get(&usd).copied().unwrap_or(0));
        for (level, sums) in [(&waterfall.start, &start), (&waterfall.end, &end)] {
            prop_assert_eq!((eur(&level.amount), usd(&level.other)), (cents(sums, false), cents(sums, true)));
        }
        let of = |kind: Kind, usd: bool| Decimal::from(wanted.get(&(kind, usd)).copied().unwrap_or(0));
        let mut booked = 0;
        for step in &waterfall.steps {
            prop_assert_eq!(step.deals, counts.remove(&step.kind).unwrap_or(0), "{:?}", step.kind);
            prop_assert_eq!((eur(&step.amount), usd(&step.other)), (of(step.kind, false), of(step.kind, true)));
            prop_assert_eq!(step.first, booked);
            booked += step.deals;
            let rows = &waterfall.changes[step.first..booked];
            prop_assert!(rows.iter().all(|row| row.kind == step.kind));
        }
        prop_assert!(counts.is_empty(), "{counts:?} is not shown");
        prop_assert_eq!(waterfall.changes.len(), booked);
    }
}

#[test]
fn days_are_those_of_the_fixture() {
    assert_eq!(ymd(2026, 1, 5).and_hms_opt(0, 0, 0).unwrap().and_utc().timestamp(), day(0));
}
