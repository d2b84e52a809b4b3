//! The numbers of how long everything takes.

use crate::format::ident::DealId;
use crate::metrics::calendar::Clock;
use crate::metrics::cycle::first_stage;
use crate::metrics::estimate::Estimate;
use crate::metrics::funnel::Window;
use crate::metrics::journey::{Outcome, Spot};
use crate::metrics::sla::{self, Answer};
use crate::metrics::stage_time::{Lengths, length};
use crate::metrics::survival::Observation;
use crate::report::lang::Lang;
use crate::report::number::{length_of, share};
use crate::report::time::TimeReport;

use super::figure::{Figure, of_money};
use super::funnel::{lasted, seen};
use super::ground::{Ground, between, missed};
use super::number::{Cause, Number, Pick, Way};

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &TimeReport) -> Vec<Number<'a>> {
    let times = &report.time.said;
    let window = ground.facts.cohorts(ground.facts.asked.span);
    let (day, floors) = (times.day_seconds, times.floors);
    let mut all = Vec::new();
    let mut add = |name: String,
                   title: String,
                   what: &'static str,
                   meaning,
                   lengths: &Lengths,
                   value: &Estimate<i64>,
                   pick: Box<dyn Fn() -> Vec<Pick> + 'a>| {
        let mut formula = format!(
            "{} {what} are timed: {} are over, {} count as at least so long",
            lengths.timed, lengths.ended, lengths.censored
        );
        if lengths.untimed > 0 {
            formula += &format!("; {} more are not timed, as nobody knows when they began", lengths.untimed);
        }
        let figure = Figure::Seconds { length: value.clone(), day };
        let number = Number::new(name, title, figure, lengths.timed, pick);
        all.push(
            number.says(meaning, formula).of(what).floor(floors.quantile).claims(lengths.ended, Some(lengths.censored)),
        );
    };
    for (index, stage) in times.stages.iter().enumerate() {
        let (id, title) = (&stage.stage, &stage.title);
        for (word, share, value, of_deals) in [
            ("median", "half", &stage.visits.median_seconds, &stage.deals.median_seconds),
            ("p90", "nine of ten", &stage.visits.p90_seconds, &stage.deals.p90_seconds),
        ] {
            let words = format!("Time by which {share} of the visits to {title} are over");
            let pick = Box::new(move || visits(ground, window, index));
            add(format!("time.{word}.{id}"), words, "visits", "visits", &stage.visits, value, pick);
            let words = format!("Time by which {share} of the deals are done with {title}, all their visits together");
            let pick = Box::new(move || added_up(ground, window, index));
            add(format!("time.deals.{word}.{id}"), words, "deals", "deals", &stage.deals, of_deals, pick);
        }
    }
    let cycle = &times.cycle;
    let ended = |outcome: Outcome| Box::new(move || ended(ground, window, outcome));
    for (name, words, meaning, finished, outcome) in [
        ("time.cycle", "winning", "cycle.won", &cycle.won, Outcome::Won),
        ("time.cycle.lost", "losing", "cycle.lost", &cycle.lost, Outcome::Lost),
    ] {
        let (mean, own) = (&finished.mean_seconds, &finished.lengths);
        let title = format!("Time from coming in to {words}, on average");
        add(name.to_owned(), title, "deals", meaning, own, mean, ended(outcome));
        let title = format!("Time from coming in to {words}, of half of the deals");
        add(format!("{name}.median"), title, "deals", meaning, own, &own.median_seconds, ended(outcome));
        let title = format!("Time from coming in to {words}, of nine of ten deals");
        add(format!("{name}.p90"), title, "deals", meaning, own, &own.p90_seconds, ended(outcome));
    }
    for (word, share, value) in
        [("", "half", &cycle.decided.median_seconds), (".p90", "nine of ten", &cycle.decided.p90_seconds)]
    {
        let title = format!("Time by which {share} of the deals that came in are decided");
        let pick = Box::new(move || cohort(ground, window, true));
        add(format!("time.cycle.decided{word}"), title, "deals", "cycle.decided", &cycle.decided, value, pick);
    }
    for sla in &times.sla {
        let index = ground.facts.pipeline.stages.iter().position(|stage| stage.id == sla.stage);
        let answered = sla.kept + sla.missed;
        let formula = format!(
            "{} of {answered} visits were answered within {}: {} / {answered}; {} more have time left, {} left before it was \
             over",
            sla.kept, sla.limit, sla.kept, sla.pending, sla.gone
        );
        let title = format!("Share of the visits to {} that were answered in time", sla.title);
        let value = Figure::Share(sla.share.clone());
        let pick = move || index.map(|index| answers(ground, window, index)).unwrap_or_default();
        let number = Number::new(format!("time.sla.{}", sla.stage), title, value, answered, pick);
        let number = number.says("sla.share", formula).of("visits").floor(floors.rate);
        all.push(number.claims(sla.kept, Some(sla.pending)));
    }
    let velocity = &cycle.velocity;
    let n = cycle.decided.timed + cycle.decided.untimed;
    let percent = |estimate: &Estimate<f64>| match estimate.value() {
        Some(value) => share(value, Lang::En),
        None => format!("too early (n = {})", seen(estimate)),
    };
    let formula = format!(
        "{} open x {} won x {} on average / {} = {} a day",
        velocity.open,
        percent(&velocity.win_rate),
        velocity.average.as_ref().map_or_else(|| "too early".to_owned(), of_money),
        velocity.cycle_seconds.value().map_or_else(|| "too early".to_owned(), |mean| length_of(mean, day, Lang::En)),
        velocity.per_day.as_ref().map_or_else(|| "not known".to_owned(), of_money),
    );
    let title = "What the pipeline earns a day";
    let value = Figure::MoneyOrNone(velocity.per_day);
    let number = Number::new("time.velocity", title, value, n, move || cohort(ground, window, false));
    let mut number = number.says("velocity", formula);
    number.claim.open = Some(velocity.open);
    all.push(number);
    all
}

fn visits(ground: &Ground<'_>, window: Window, index: usize) -> Vec<Pick> {
    let as_of = ground.facts.as_of.0;
    let mut picks = Vec::new();
    for (id, journey) in ground.sorted() {
        let own = journey.visits.iter().filter(|v| v.spot == Spot::Stage(index) && window.holds(v.entered));
        picks.extend(own.filter_map(|visit| lasted(id, visit, as_of, &|from, to| between(from, to))));
    }
    picks
}

/// The first answers to the visits to a stage with a limit.
fn answers(ground: &Ground<'_>, window: Window, index: usize) -> Vec<Pick> {
    let facts = &ground.facts;
    let input = sla::Input {
        pipeline: facts.pipeline,
        deals: facts.deals,
        journeys: &ground.journeys,
        as_of: facts.as_of.0,
        today: facts.today,
        window,
        clock: Clock::Wall,
        floors: facts.floors,
    };
    let mut picks = Vec::new();
    sla::each_answer(&input, index, |id, visit, answer| {
        let (counts, how) = match answer {
            Answer::Kept => (Way::Yes, "answered in time"),
            Answer::Missed { waiting: false } => (Way::No, "not answered in time"),
            Answer::Missed { waiting: true } => (Way::No, "still waits for an answer"),
            Answer::Pending => (Way::Open, "not answered yet, with time left"),
            Answer::Gone => return,
        };
        picks.push(Pick { counts, ..Pick::yes(id, how, Cause::Stage(visit.entered)) });
    });
    picks.sort_by(|a, b| a.deal.cmp(&b.deal));
    picks
}

/// All visits of each deal to a stage together.
fn added_up(ground: &Ground<'_>, window: Window, index: usize) -> Vec<Pick> {
    let as_of = ground.facts.as_of.0;
    let mut picks = Vec::new();
    for (id, journey) in ground.sorted() {
        let own = || journey.visits.iter().filter(|v| v.spot == Spot::Stage(index));
        let (Some(first), Some(last)) = (own().next(), own().next_back()) else { continue };
        if !window.holds(first.entered) {
            continue;
        }
        let lengths: Option<Vec<Observation>> = own().map(|visit| length(visit, as_of, Clock::Wall)).collect();
        let Some(lengths) = lengths else { continue };
        let so_long = lengths.iter().map(|length| length.time).fold(0, i64::saturating_add);
        let so_long = length_of(so_long, crate::metrics::DAY, Lang::En);
        let times = if lengths.len() == 1 { String::new() } else { format!(" in {} visits", lengths.len()) };
        let cause = Cause::Stage(last.left.unwrap_or(last.entered));
        picks.push(match lengths.iter().any(|length| length.cause.is_none()) {
            false => Pick::yes(id, format!("stayed for {so_long}{times}"), cause),
            true => Pick { counts: Way::Open, ..Pick::yes(id, format!("at least {so_long}{times}"), cause) },
        });
    }
    picks
}

/// The deals that were won, or lost, inside the window.
fn ended(ground: &Ground<'_>, window: Window, outcome: Outcome) -> Vec<Pick> {
    let pick = |(id, journey): (&DealId, crate::metrics::journey::Journey<'_>)| {
        let first = first_stage(&journey).filter(|first| !first.left_censored)?;
        let decided = journey.decided.filter(|at| journey.outcome == outcome && window.holds(*at))?;
        Some(Pick::yes(id, format!("took {}", between(first.entered, decided)), Cause::Stage(decided)))
    };
    ground.sorted().into_iter().filter_map(pick).collect()
}

/// The deals that came in inside the window: until each was decided, or whether it was won.
fn cohort(ground: &Ground<'_>, window: Window, is_timed: bool) -> Vec<Pick> {
    let as_of = ground.facts.as_of.0;
    let mut picks = Vec::new();
    for (id, journey) in ground.sorted() {
        let Some(first) = first_stage(&journey).filter(|first| window.holds(first.entered)) else { continue };
        if is_timed && first.left_censored {
            continue;
        }
        let start = first.entered;
        let pick = match (journey.outcome, journey.decided) {
            (Outcome::Won, Some(at)) => Pick::yes(id, format!("won after {}", between(start, at)), Cause::Stage(at)),
            _ => missed(id, &journey, start, as_of),
        };
        // Whether it was lost or won is no matter for how long it took; a file that is gone tells neither.
        picks.push(match (is_timed, journey.outcome) {
            (true, Outcome::Lost | Outcome::Recycled) => Pick { counts: Way::Yes, ..pick },
            (true, Outcome::Withdrawn) => Pick { counts: Way::Open, ..pick },
            _ => pick,
        });
    }
    picks
}
