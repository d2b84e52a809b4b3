use proptest::prelude::*;

use super::fixture::{Story, event, log};
use super::*;
use crate::format::value::Value;
use crate::history::event::{Direction, EventKind};
use crate::metrics::fixture::{date, day, deal, history, money, pipeline, text, with};

fn small() -> Pipeline {
    let mut pipeline = pipeline(&["brief", "offer"]);
    pipeline.stages[0].probability = Some(0.1);
    pipeline.stages[1].probability = Some(0.5);
    pipeline
}

/// The forecast of these deals on day 40, which is 2026-02-14, for 90 days.
fn make(pipeline: &Pipeline, deals: &[Deal], log: &Log) -> Forecast {
    forecast(&Input { pipeline, log, deals, as_of: day(40), horizon: Horizon::Days(90), whole: true, by: &[] })
}

fn open(id: &str, stage: &str, amount: &str, close: &str) -> Deal {
    with(with(deal(id, stage), "amount", money(amount)), "close_date", date(close))
}

fn sum(total: &Total) -> String {
    total.sum.map_or("?".to_owned(), |s| s.normalize().to_string())
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-6, "{a} and {b}");
}

/// Of 20 deals 15 were won on the day after the offer, the others lost on it.
fn twenty() -> Vec<(String, Vec<(&'static str, i64)>)> {
    let way = |i: usize| vec![("brief", 0), ("offer", 1), (if i < 15 { "won" } else { "lost" }, 2)];
    (0..20).map(|i| (format!("d{i:02}"), way(i))).collect()
}

fn stories<'s>(of: &'s [(String, Vec<(&'s str, i64)>)], fields: &'s [(&'s str, &'s str)]) -> Vec<Story<'s>> {
    of.iter().map(|(id, way)| (id.as_str(), way.as_slice(), fields)).collect()
}

#[test]
fn without_history_the_pipeline_file_is_what_there_is_and_it_is_said() {
    let deals = [open("a", "offer", "1000", "2026-02-14"), open("b", "brief", "300", "2026-02-13")];
    let found = make(&small(), &deals, &Log::default());
    // Half of the deals are decided within 60 days, so 1 - 0.5^(90/60) of them within 90.
    let decided = 1.0 - 0.5_f64.powf(1.5);
    close(found.total.expected_wins, 0.6 * decided);
    close(found.deals[0].chances.won, 0.5 * decided);
    close(found.deals[0].chances.open, 1.0 - decided);
    assert_eq!((found.trust, found.closed, found.evidence), (Trust::Assumed, 0, 0.0));
    assert_eq!((found.range, found.new_business, found.drift), (None, None, None));
    assert_eq!((found.horizon.days, found.horizon.until.to_string()), (90, "2026-05-15".to_owned()));
    close(found.stages[1].fresh, found.stages[1].assumed);
}

#[test]
fn a_stage_that_is_decided_sooner_is_won_sooner() {
    let mut pipeline = small();
    pipeline.stages[1].decided_in = crate::format::date::Period::parse("30d");
    let found = make(&pipeline, &[open("a", "offer", "1000", "2026-02-14")], &Log::default());
    close(found.total.expected_wins, 0.5 * (1.0 - 0.5_f64.powf(3.0)));
}

#[test]
fn the_months_add_up_to_the_whole_and_keep_the_sellers_dates_apart() {
    let deals = [
        open("a", "offer", "1000.05", "2026-02-14"),
        open("b", "offer", "300", "2026-02-13"),
        open("c", "brief", "500", "2026-03-31"),
        deal("d", "brief"),
        open("w", "won", "9000", "2026-03-01"),
    ];
    let found = make(&small(), &deals, &Log::default());
    let months: Vec<&str> = found.months.iter().map(|month| month.month.as_str()).collect();
    assert_eq!(months, ["2026-02", "2026-03", "2026-04", "2026-05"]);
    assert_eq!(found.months.iter().map(|month| month.closing).collect::<Vec<_>>(), [1, 1, 0, 0]);
    assert_eq!(sum(&found.months[1].closing_amount), "500");
    close(found.months.iter().map(|month| month.expected_wins).sum(), found.total.expected_wins);
    assert_eq!(found.months[3].expected_so_far, found.total.expected_amount);
    assert_eq!(found.months[3].until, found.horizon.until);
    let whens: Vec<_> = found.close_dates.iter().map(|line| (line.when.to_string(), line.expected.deals)).collect();
    let line = |when: &str, deals| (when.to_owned(), deals);
    assert_eq!(whens, [line("overdue", 1), line("2026-02", 1), line("2026-03", 1), line("no date", 1)]);
    assert_eq!(found.deals.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(found.total.without_amount, 1);
}

#[test]
fn history_moves_the_chances_the_label_and_the_range() {
    let of = twenty();
    let found = make(&small(), &[open("a", "offer", "100", "2026-03-01")], &log(&stories(&of, &[])));
    assert_eq!((found.trust, found.closed), (Trust::History, 20));
    // 20 visits were there on the first day and on the second, 15 were won on the second; ten more count as assumed. The
    // first day is 39 days ago, the second 38, and a year ago counts half.
    let weight = |days_ago: f64| 0.5_f64.powf(days_ago / 365.0);
    let assumed = 1.0 - 0.5_f64.powf(1.0 / 60.0);
    let share =
        |of: f64, days_ago: f64| (of * weight(days_ago) + 10.0 * assumed * 0.5) / (20.0 * weight(days_ago) + 10.0);
    let first = (share(0.0, 39.0), share(0.0, 39.0));
    let second = (share(15.0, 38.0), share(5.0, 38.0));
    let open = 1.0 - first.0 - first.1;
    let after_two = first.0 + open * second.0;
    // After that only what is assumed: the share still open behaves like that for 88 more days.
    let still = open * (1.0 - second.0 - second.1);
    close(found.total.expected_wins, after_two + still * 0.5 * (1.0 - (1.0 - assumed).powi(88)));
    close(found.evidence, 20.0 * weight(39.0) / (20.0 * weight(39.0) + 10.0));
    let range = found.range.unwrap();
    assert_eq!((sum(&range.p10), sum(&range.p90)), ("0".to_owned(), "100".to_owned()));
    assert_eq!((found.deciding.len(), found.deciding[0].share), (1, 1.0));
    assert_eq!(found.stages[1].visits, 20);
}

#[test]
fn with_fewer_than_five_closed_deals_no_range_is_told() {
    let of: Vec<_> = twenty().into_iter().take(4).collect();
    let found = make(&small(), &[open("a", "offer", "100", "2026-03-01")], &log(&stories(&of, &[])));
    assert_eq!((found.trust, found.range), (Trust::MostlyAssumed, None));
    assert!(found.months.iter().all(|month| month.so_far.is_none()));
}

#[test]
fn new_deals_stand_on_a_line_of_their_own() {
    let of = twenty();
    let log = log(&stories(&of, &[("amount", "50")]));
    let found = make(&small(), &[open("a", "offer", "100", "2026-03-01")], &log);
    let (new, both) = (found.new_business.clone().unwrap(), found.with_new.clone().unwrap());
    assert_eq!((new.lately, sum(&new.mean_amount.unwrap())), (20, "50".to_owned()));
    close(both.expected_wins, found.total.expected_wins + new.expected_wins);
    assert!(both.range.unwrap().p90.sum > found.range.unwrap().p90.sum);
    close(found.months.iter().filter_map(|month| month.new_wins).sum(), new.expected_wins);
    assert_eq!(found.months.last().unwrap().expected_so_far, both.expected_amount);

    let mut pipeline = small();
    pipeline.forecast.new_business = false;
    let without = make(&pipeline, &[open("a", "offer", "100", "2026-03-01")], &log);
    assert_eq!((without.new_business, without.with_new), (None, None));
    assert_eq!(without.total, found.total);
}

#[test]
fn the_sellers_opinion_is_shown_and_changes_nothing() {
    let plain = open("a", "offer", "1000", "2026-03-01");
    let loud = with(with(plain.clone(), "category", text("commit")), "confidence", Value::Integer(99));
    let best = with(open("b", "offer", "10", "2026-03-01"), "category", text("Best case"));
    let (without, with) =
        (make(&small(), &[plain], &Log::default()), make(&small(), std::slice::from_ref(&loud), &Log::default()));
    assert_eq!(without.total, with.total);
    assert_eq!(with.deals[0].category.as_deref(), Some("commit"));
    assert_eq!(with.deals[0].confidence.as_deref(), Some("99"));
    assert!(without.categories.is_empty());
    let both = make(&small(), &[best, loud, deal("c", "brief")], &Log::default()).categories;
    let told: Vec<_> = both
        .iter()
        .map(|line| (line.category.as_deref(), sum(&line.expected.amount), line.cumulative.as_ref().map(|c| c.deals)))
        .collect();
    let line = |word, amount: &str, cumulative| (word, amount.to_owned(), cumulative);
    assert_eq!(
        told,
        [line(Some("commit"), "1000", Some(1)), line(Some("Best case"), "10", Some(2)), line(None, "0", None),]
    );
}

#[test]
fn deals_in_another_currency_count_as_deals_but_not_as_money() {
    let found = make(&small(), &[open("a", "offer", "100 USD", "2026-03-01")], &Log::default());
    assert_eq!((found.total.deals, sum(&found.total.expected_amount)), (1, "0".to_owned()));
    assert_eq!(found.other_currencies[0].currency.code(), "USD");
    assert!(found.total.expected_wins > 0.3);
}

#[test]
fn hostile_dates_amounts_and_folders_are_survived() {
    let deals = [
        open("a", "offer", "9999999999999999999999999999", "9999-12-31"),
        open("b", "offer", "-1", "0001-01-01"),
        open("c", "attic", "1", "2026-03-01"),
    ];
    let found = make(&small(), &deals, &Log::default());
    assert_eq!((found.in_no_stage, found.close_dates.len(), found.total.deals), (1, 2, 2));
    for as_of in [i64::MIN, 0, i64::MAX] {
        let (pipeline, log) = (small(), log(&stories(&twenty(), &[])));
        let input = Input {
            pipeline: &pipeline,
            log: &log,
            deals: &deals,
            as_of,
            horizon: Horizon::Days(730),
            whole: true,
            by: &[],
        };
        assert_eq!(forecast(&input).total.deals, 2);
    }
}

#[test]
fn old_forecasts_that_expected_too_little_raise_the_next_one() {
    // Every week eight deals come in; until day 210 all are lost after a week, after that all are won.
    let ways: Vec<_> = (0..48_i64)
        .flat_map(|week| {
            let end = if week < 30 { "lost" } else { "won" };
            [0, 1, 2, 3, 4, 5, 6, 7].map(|i| (format!("d{week:02}{i}"), vec![("offer", week * 7), (end, week * 7 + 7)]))
        })
        .collect();
    let pipeline = small();
    let log = log(&stories(&ways, &[]));
    let deals = [open("x", "offer", "1", "2026-03-01")];
    let at = |on: i64, drift: bool| {
        let mut pipeline = pipeline.clone();
        pipeline.forecast.drift = drift;
        let input = Input {
            pipeline: &pipeline,
            log: &log,
            deals: &deals,
            as_of: day(on),
            horizon: Horizon::Days(14),
            whole: true,
            by: &[],
        };
        forecast(&input)
    };
    let (with, without) = (at(300, true), at(300, false));
    let drift = with.drift.unwrap();
    assert_eq!(drift.windows, drift::WINDOWS);
    assert!(drift.factor > 1.2 && drift.won as f64 > drift.expected, "{drift:?}");
    assert!(with.total.expected_wins > without.total.expected_wins && without.drift.is_none());
    // Before the first twenty were closed nothing can be said.
    assert_eq!(at(30, true).drift, None);
}

/// Something that happens to one of a few deals: which one, where it goes, how many days later, and after how many more
/// days it becomes known.
type Step = (usize, usize, i64, i64);

fn events(steps: &[Step]) -> Vec<crate::history::event::Event> {
    let places = ["brief", "offer", "won", "lost"];
    let mut now = [None; 12];
    let (mut on, mut known) = (0, 0);
    let mut events = Vec::new();
    for (deal, to, later, delay) in steps {
        on += later;
        known = known.max(on + delay);
        let stage = |place: usize| StageId::new(places[place]).unwrap();
        let kind = match now[*deal] {
            None => EventKind::Created { stage: stage(to % 2) },
            Some(from) if from == *to => {
                EventKind::Changed { field: "amount".into(), from: None, to: Some(format!("{}", 100 + on)) }
            }
            Some(from) => EventKind::Moved { from: stage(from), to: stage(*to), direction: Direction::Forward },
        };
        now[*deal] = Some(if now[*deal].is_none() { to % 2 } else { *to });
        events.push(event(&format!("d{deal:02}"), on, known, kind));
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_became_known_later_changes_no_forecast(
        steps in prop::collection::vec((0..12_usize, 0..4_usize, 0..9_i64, 0..5_i64), 1..120), cut in 0..400_i64,
    ) {
        let all = events(&steps);
        let whole = Log::of(&history(all.clone(), &[]));
        let known: Vec<_> = all.iter().filter(|event| event.known_at.0 <= day(cut)).cloned().collect();
        let cut_off = Log::of(&history(known, &[]));
        let mut pipeline = small();
        pipeline.forecast.coefficients = vec!["amount".to_owned()];
        let deals: Vec<Deal> = (0..12).map(|i| open(&format!("d{i:02}"), ["brief", "offer"][i % 2], "10", "2026-03-01"))
            .collect();
        let at = |log: &Log| forecast(&Input {
            pipeline: &pipeline, log, deals: &deals, as_of: day(cut), horizon: Horizon::Days(60), whole: true, by: &[],
        });
        let json = |forecast: &Forecast| serde_json::to_string(forecast).unwrap();
        prop_assert_eq!(json(&at(&whole)), json(&at(&cut_off)));
    }

    #[test]
    fn a_longer_look_never_expects_less(
        steps in prop::collection::vec((0..12_usize, 0..4_usize, 0..9_i64, 0..2_i64), 1..80),
    ) {
        let log = Log::of(&history(events(&steps), &[]));
        let mut pipeline = small();
        // The correction is one of its own for each horizon.
        pipeline.forecast.drift = false;
        let deals: Vec<Deal> = (0..12).map(|i| open(&format!("d{i:02}"), ["brief", "offer"][i % 2], "10", "2026-03-01"))
            .collect();
        let at = |days: u32| forecast(&Input {
            pipeline: &pipeline, log: &log, deals: &deals, as_of: day(300), horizon: Horizon::Days(days), whole: true,
            by: &[],
        });
        let (short, long) = (at(30), at(120));
        let long_of = |id: &DealId| long.deals.iter().find(|line| line.id == *id).map(|line| line.chances).unwrap();
        for line in short.deals.iter() {
            let (now, later) = (line.chances, long_of(&line.id));
            prop_assert!((now.won + now.lost + now.open - 1.0).abs() < 1e-9);
            prop_assert!(now.won <= later.won && later.won <= line.ever.max(later.won) + 1e-12);
            prop_assert!(later.won <= line.ever + 1e-12);
        }
        let new = |forecast: &Forecast| forecast.new_business.as_ref().map_or(0.0, |new| new.expected_wins);
        prop_assert!(new(&short) <= new(&long));
    }
}
