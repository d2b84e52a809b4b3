use super::super::fixture::{date, deal, list, money, path, pipeline, text, with};
use super::super::journey::journeys;
use super::*;
use crate::history::spell::{Spell, Spells};

/// A line of `effort` or `payments`; what is `-` is left out.
fn entry(on: &str, who: &str, hours: &str) -> Vec<(&'static str, Value)> {
    let mut entry = Vec::new();
    if on != "-" {
        entry.push(("on", date(on)));
    }
    if who != "-" {
        entry.push(("who", text(who)));
    }
    if hours != "-" {
        entry.push(("hours", Value::Number(hours.parse().unwrap())));
    }
    entry
}

fn worked(id: &str, stage: &str, amount: &str, entries: Vec<Vec<(&'static str, Value)>>) -> Deal {
    with(with(deal(id, stage), "amount", money(amount)), "effort", list(entries))
}

fn take(deals: &[Deal], spells: &[Spell], span: Option<Span>, fails: &dyn Fn(&Deal) -> Vec<CriterionId>) -> Effort {
    let pipeline = pipeline(&["brief", "offer"]);
    let journeys = journeys(&pipeline, &Spells::from(spells));
    let floors = Floors { rate: 1, quantile: 1 };
    let day = "2026-03-01".parse().unwrap();
    effort(&Input { pipeline: &pipeline, deals, journeys: &journeys, day, span, fails, floors })
}

fn none(_: &Deal) -> Vec<CriterionId> {
    Vec::new()
}

#[test]
fn hours_belong_to_the_stage_in_which_the_day_began() {
    // The fixture's day 0 is 2026-01-05.
    let spells = path("a", &[("brief", 0), ("offer", 5), ("won", 10)]);
    let deals = [worked(
        "a",
        "won",
        "1000",
        vec![
            entry("2026-01-01", "petr", "1"),
            entry("2026-01-05", "petr", "2"),
            entry("2026-01-09", "olga", "4"),
            entry("2026-01-10", "olga", "0.5"),
            entry("2026-01-11", "petr", "8"),
            entry("2026-01-16", "-", "16"),
            entry("-", "petr", "32"),
            entry("2026-01-12", "petr", "-"),
            entry("2026-03-02", "petr", "64"),
        ],
    )];
    let told = take(&deals, &spells, None, &none);
    let stages: Vec<_> = told.stages.iter().map(|s| (s.title.as_deref().unwrap(), s.hours.as_f64())).collect();
    // On the tenth the move came at midnight, so that the day began in the offer.
    assert_eq!(stages, [("brief", 7.0), ("offer", 8.5), ("won", 16.0)]);
    assert_eq!((told.hours.as_f64(), told.undated.as_f64(), told.without_hours, told.later), (63.5, 32.0, 1, 1));
    let people: Vec<_> = told.people.iter().map(|p| (p.who.as_deref(), p.hours.as_f64(), p.won.as_f64())).collect();
    assert_eq!(people, [(Some("petr"), 43.0, 43.0), (None, 16.0, 16.0), (Some("olga"), 4.5, 4.5)]);
    assert_eq!(told.list[0].per_thousand, Some(63.5));

    let span = Span::new("2026-01-09".parse().unwrap(), "2026-01-11".parse().unwrap());
    let told = take(&deals, &spells, span, &none);
    assert_eq!(told.hours.as_f64(), 12.5);
    // What the deal has cost is told whole.
    assert_eq!(told.list[0].hours.as_f64(), 63.5);
}

#[test]
fn work_before_the_first_payment_is_told_apart() {
    let paid = |on: &str| list(vec![vec![("paid_on", date(on))], vec![("amount", money("5"))]]);
    let work = vec![entry("2026-01-10", "petr", "3"), entry("2026-01-20", "petr", "5"), entry("-", "petr", "1")];
    let deals = [
        with(worked("won", "won", "2000", work.clone()), "payments", paid("2026-01-10")),
        with(worked("open-paid", "offer", "1000", work.clone()), "payments", paid("2026-02-01")),
        with(worked("open-unpaid", "offer", "1000", work.clone()), "payments", paid("2026-03-02")),
    ];
    let told = take(&deals, &[], None, &none);
    assert_eq!((told.won_before_payment.as_f64(), told.won_hours.as_f64(), told.unpaid.as_f64()), (4.0, 9.0, 9.0));
    let line = |id: &str| told.list.iter().find(|line| line.id.as_str() == id).unwrap();
    assert_eq!(line("open-unpaid").paid_on, None);
    assert_eq!(line("open-paid").before_payment.as_f64(), 9.0);
}

#[test]
fn what_was_lost_after_much_work_is_named_and_why_it_is_much() {
    let of = |id: &str, stage: &str, hours: &str| worked(id, stage, "100", vec![entry("2026-01-10", "petr", hours)]);
    let mut deals = vec![of("w1", "won", "10"), of("w2", "won", "20"), of("w3", "won", "30")];
    deals.extend((1..=9).map(|i| of(&format!("l{i}"), "lost", &(i * 3).to_string())));
    deals.push(of("l10", "lost", "99"));
    let told = take(&deals, &[], None, &none);
    assert_eq!((told.won_median.value(), told.lost_p90.value()), (Some(20.0), Some(27.0)));
    let much: Vec<_> =
        told.lost_after_much.iter().map(|l| (l.id.as_str(), l.over_won_median, l.over_lost_p90)).collect();
    assert_eq!(much, [("l10", true, true), ("l9", true, false), ("l8", true, false), ("l7", true, false)]);
    let lost = told.outcomes.iter().find(|line| line.outcome == "lost").unwrap();
    assert_eq!((lost.deals, lost.hours.as_f64(), lost.per_thousand), (10, 234.0, Some(234.0)));
}

#[test]
fn open_deals_that_fail_a_criterion_about_effort_would_be_cut_off() {
    let of = |id: &str, stage: &str| worked(id, stage, "100", vec![entry("2026-01-10", "petr", "9")]);
    let deals = [of("heavy", "offer"), of("light", "offer"), of("heavy-lost", "lost")];
    let criterion = CriterionId::new("in-proportion").unwrap();
    let fails = |deal: &Deal| if deal.id.as_str().starts_with("heavy") { vec![criterion.clone()] } else { Vec::new() };
    let told = take(&deals, &[], None, &fails);
    assert_eq!(told.cut_off.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["heavy"]);
    assert_eq!(told.cut_off[0].fails, [criterion]);
}
