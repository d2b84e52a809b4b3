//! The numbers of the funnel.

use crate::format::ident::DealId;
use crate::metrics::DAY;
use crate::metrics::estimate::Estimate;
use crate::metrics::funnel::{self, Exit, Exits, Funnel, Required, StageFunnel, Step, Window};
use crate::metrics::journey::{Journey, Outcome, Spot, Visit};
use crate::report::funnel::FunnelReport;
use crate::report::lang::Lang;
use crate::report::number::share;

use super::figure::Figure;
use super::ground::{Ground, between, missed};
use super::number::{Cause, Number, Pick, Rank, Way};

/// Where deals are followed to.
#[derive(Clone, Copy)]
pub(super) enum Goal {
    Next,
    Won,
}

/// The ways out of a stage: the word in a name, and what it says of a visit.
const WAYS_OUT: [(Exit, &str, &str); 9] = [
    (Exit::Forward, "forward", "went on to the next stage"),
    (Exit::Skipped, "skipped", "went on over a stage"),
    (Exit::Back, "back", "went back to an earlier stage"),
    (Exit::Won, "won", "ended with winning"),
    (Exit::Lost, "lost", "ended with losing"),
    (Exit::Recycled, "recycled", "went back to marketing"),
    (Exit::Withdrawn, "withdrawn", "ended as the file was removed"),
    (Exit::Other, "other", "ended in no stage of today's pipeline, or by tidying up"),
    (Exit::Open, "open", "last"),
];

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &FunnelReport) -> Vec<Number<'a>> {
    let funnel = &report.funnel.said;
    let window = funnel.window;
    let mut all = Vec::new();
    all.push(step(
        ground,
        "funnel.won".to_owned(),
        "Share of all deals that came in that is won".to_owned(),
        &funnel.overall,
        funnel,
        ("that came in", "were won"),
        move || followed(ground, window, None, Goal::Won),
    ));
    for (index, stage) in funnel.stages.iter().enumerate() {
        of_stage(ground, funnel, index, stage, &mut all);
    }
    all.extend(standing(ground, funnel));
    all.extend(moves(ground, funnel));
    if let Some(rates) = &report.win_rates {
        let (won, closed) = (rates.closed.reached, rates.closed.entered);
        let title = "Win rate of the deals that were closed";
        let formula = format!("{won} won / {} that were won or lost: {}", ground.deals(closed), plain(won, closed));
        let value = Figure::Share(rates.closed.raw.clone());
        let number = Number::new("funnel.win_rate", title, value, closed, move || closed_deals(ground, window));
        all.push(number.says("win_rates.closed", formula).floor(funnel.floors.rate).claims(won, None));
    }
    all
}

fn of_stage<'a>(ground: &'a Ground<'a>, funnel: &Funnel, index: usize, stage: &StageFunnel, all: &mut Vec<Number<'a>>) {
    let (id, title, window, floors) = (&stage.stage, &stage.title, funnel.window, funnel.floors);
    if let Some(next) = &stage.to_next {
        let words = (format!("that came to {title}"), "reached a later stage or were won");
        all.push(step(
            ground,
            format!("funnel.conversion.{id}"),
            format!("From {title} to a later stage"),
            next,
            funnel,
            (&words.0, words.1),
            move || followed(ground, window, Some(index), Goal::Next),
        ));
    }
    if let Some(won) = &stage.to_won {
        let words = format!("that came to {title}");
        all.push(step(
            ground,
            format!("funnel.won.{id}"),
            format!("From {title} to won"),
            won,
            funnel,
            (&words, "were won"),
            move || followed(ground, window, Some(index), Goal::Won),
        ));
    }
    let entered = Number::new(
        format!("funnel.entered.{id}"),
        format!("Deals that came to {title}"),
        Figure::Count(stage.entered),
        stage.entered,
        move || came(ground, window, index),
    );
    let formula = format!("{} came to {title} for the first time", ground.deals(stage.entered));
    all.push(entered.says("entered", formula).claims(stage.entered, None));
    let timed = stage.visits.saturating_sub(stage.untimed);
    for (word, nine, length) in [("median", false, &stage.median_seconds), ("p90", true, &stage.p90_seconds)] {
        let share = if nine { "nine of ten" } else { "half" };
        let ended = seen(length);
        let mut formula =
            format!("{ended} of {timed} visits to {title} are over, the others count as at least so long");
        if stage.untimed > 0 {
            formula += &format!("; {} more are not timed, as nobody knows when they began", stage.untimed);
        }
        let value = Figure::Seconds { length: length.clone(), day: DAY };
        let number = Number::new(
            format!("funnel.{word}.{id}"),
            format!("Time by which {share} of the visits to {title} are over"),
            value,
            timed,
            move || visits(ground, window, index),
        );
        let meaning = if nine { "p90_seconds" } else { "median_seconds" };
        all.push(
            number
                .says(meaning, formula)
                .of("visits")
                .floor(floors.quantile)
                .claims(ended, Some(timed.saturating_sub(ended))),
        );
    }
    let mut exits: Exits = stage.exits;
    for (exit, word, says) in WAYS_OUT {
        let count = *exits.of(exit);
        let name = format!("funnel.exits.{id}.{word}");
        let title = format!("Visits to {} that {says}", stage.title);
        let formula = format!("{count} of {} visits to {} {says}", stage.visits, stage.title);
        let number = Number::new(name, title, Figure::Count(count), count, move || left(ground, window, index, exit));
        let meaning = "what became of the visits to the stage that began inside the window, each by itself";
        all.push(number.says(meaning, formula).of("visits").claims(count, None).rank(Rank::WhereNotZero));
    }
}

/// How many of some deals got somewhere.
fn step<'a>(
    ground: &Ground<'_>,
    name: String,
    title: String,
    step: &Step,
    funnel: &Funnel,
    (who, what): (&str, &str),
    pick: impl Fn() -> Vec<Pick> + 'a,
) -> Number<'a> {
    let Step { entered, reached, open, .. } = *step;
    let otherwise = entered.saturating_sub(reached).saturating_sub(open);
    let mut formula = format!("{reached} of {} {who} {what}: {}", ground.deals(entered), plain(reached, entered));
    if entered == 0 {
        formula = format!("{} {who}", ground.deals(0));
    }
    formula += &match open {
        _ if entered == 0 => String::new(),
        0 => format!(". None is open, {otherwise} ended otherwise"),
        _ => format!(
            ". {open} {} open and may still, {otherwise} ended otherwise; open ones count as far as they could be \
             followed, so that the number above is not simply {}",
            Ground::are(open),
            plain(reached, entered)
        ),
    };
    Number::new(name, title, Figure::Share(step.estimate.clone()), entered, pick)
        .says("estimate", formula)
        .floor(funnel.floors.rate)
        .claims(reached, Some(open))
}

fn plain(part: usize, whole: usize) -> String {
    match whole {
        0 => "nothing to divide by".to_owned(),
        _ => share(part as f64 / whole as f64, Lang::En),
    }
}

/// The finished observations behind an estimate.
pub(super) fn seen<T>(estimate: &Estimate<T>) -> usize {
    match estimate {
        Estimate::Known { n, .. } | Estimate::TooEarly { n } | Estimate::NotReached { n, .. } => *n,
    }
}

/// The deals of a cohort, and whether they got there.
pub(super) fn followed(ground: &Ground<'_>, window: Window, from: Option<usize>, goal: Goal) -> Vec<Pick> {
    let (as_of, won_index) = (ground.facts.as_of.0, ground.facts.pipeline.won_index());
    let mut picks = Vec::new();
    for (id, journey) in ground.sorted() {
        let first = |visit: &Visit| match from {
            Some(index) => visit.spot == Spot::Stage(index),
            None => matches!(visit.spot, Spot::Stage(_)),
        };
        let Some(position) = journey.visits.iter().position(first) else { continue };
        let Some(start) = journey.visits.get(position).map(|v| v.entered).filter(|at| window.holds(*at)) else {
            continue;
        };
        let there = match (goal, from) {
            (Goal::Next, Some(index)) => funnel::next_time(&journey, position, index, won_index),
            (Goal::Next, None) | (Goal::Won, _) => funnel::won_time(&journey),
        };
        picks.push(match (there, goal) {
            (Some(at), Goal::Next) => Pick::yes(id, format!("went on after {}", between(start, at)), Cause::Stage(at)),
            (Some(at), Goal::Won) => Pick::yes(id, format!("won after {}", between(start, at)), Cause::Stage(at)),
            (None, _) => missed(id, &journey, start, as_of),
        });
    }
    picks
}

/// The visits to a stage that began inside a window, with the visit after each.
fn each_visit(
    ground: &Ground<'_>,
    window: Window,
    index: usize,
    mut each: impl FnMut(&DealId, &Visit, Option<&Visit>, bool),
) {
    for (id, journey) in ground.sorted() {
        let mut is_first = true;
        for (position, visit) in journey.visits.iter().enumerate().filter(|(_, v)| v.spot == Spot::Stage(index)) {
            if window.holds(visit.entered) {
                each(id, visit, journey.visits.get(position + 1), is_first);
            }
            is_first = false;
        }
    }
}

fn came(ground: &Ground<'_>, window: Window, index: usize) -> Vec<Pick> {
    let mut picks = Vec::new();
    each_visit(ground, window, index, |id, visit, _, is_first| {
        if is_first {
            picks.push(Pick::yes(id, "came", Cause::Stage(visit.entered)));
        }
    });
    picks
}

fn visits(ground: &Ground<'_>, window: Window, index: usize) -> Vec<Pick> {
    let as_of = ground.facts.as_of.0;
    let mut picks = Vec::new();
    each_visit(ground, window, index, |id, visit, _, _| {
        picks.extend(lasted(id, visit, as_of, &|from, to| between(from, to)));
    });
    picks
}

/// How long one visit lasted; `None` where nobody knows when it began.
pub(super) fn lasted(id: &DealId, visit: &Visit, as_of: i64, length: &dyn Fn(i64, i64) -> String) -> Option<Pick> {
    if visit.left_censored {
        return None;
    }
    let so_long = length(visit.entered, visit.left.unwrap_or(as_of));
    Some(match visit.left {
        Some(left) if visit.moved_on => Pick::yes(id, format!("stayed for {so_long}"), Cause::Stage(left)),
        Some(left) => Pick {
            counts: Way::Open,
            ..Pick::yes(id, format!("was taken away after {so_long}, at least so long"), Cause::Stage(left))
        },
        None => Pick {
            counts: Way::Open,
            ..Pick::yes(id, format!("is there for {so_long}, at least so long"), Cause::Stage(visit.entered))
        },
    })
}

fn left(ground: &Ground<'_>, window: Window, index: usize, wanted: Exit) -> Vec<Pick> {
    let required = Required::of(ground.facts.pipeline);
    let as_of = ground.facts.as_of.0;
    let mut picks = Vec::new();
    each_visit(ground, window, index, |id, visit, after, _| {
        if funnel::exit(&required, index, visit, after) == wanted {
            let so_long = between(visit.entered, visit.left.unwrap_or(as_of));
            let how =
                if visit.left.is_some() { format!("left after {so_long}") } else { format!("there for {so_long}") };
            picks.push(Pick::yes(id, how, Cause::Stage(visit.left.unwrap_or(visit.entered))));
        }
    });
    picks
}

/// The deals that came in, by how they stand.
fn standing<'a>(ground: &'a Ground<'a>, funnel: &Funnel) -> Vec<Number<'a>> {
    let all = funnel.standing;
    let window = funnel.window;
    let each = [
        ("open", Outcome::Open, all.open, "that are open"),
        ("won", Outcome::Won, all.won, "that are won"),
        ("lost", Outcome::Lost, all.lost, "that are lost"),
        ("recycled", Outcome::Recycled, all.recycled, "that went back to marketing"),
        ("withdrawn", Outcome::Withdrawn, all.withdrawn, "whose file was removed while they were open"),
    ];
    let number = |(word, outcome, count, says): (&str, Outcome, usize, &str)| {
        let pick = move || {
            let in_it = |journey: &Journey<'_>| {
                let first = journey.visits.iter().find(|v| matches!(v.spot, Spot::Stage(_)));
                first.filter(|first| window.holds(first.entered) && journey.outcome == outcome).map(|v| v.entered)
            };
            let row = |(id, journey): (&DealId, Journey<'_>)| {
                let came = in_it(&journey)?;
                let since = journey.decided.unwrap_or(came);
                Some(Pick::yes(id, format!("came in {} before", between(came, since)), Cause::Stage(since)))
            };
            ground.sorted().into_iter().filter_map(row).collect()
        };
        let title = format!("Deals that came in and {}", says.trim_start_matches("that "));
        let formula = format!("{count} of {} that came in {says}", ground.deals(funnel.overall.entered));
        let formula = formula.replace(" that came in that ", " that came in ");
        Number::new(format!("funnel.standing.{word}"), title, Figure::Count(count), count, pick)
            .says("how the deals stand that first came to a stage inside the window", formula)
            .claims(count, None)
    };
    each.into_iter().map(number).collect()
}

/// Moves that are not from one stage to the next.
fn moves<'a>(ground: &'a Ground<'a>, funnel: &Funnel) -> Vec<Number<'a>> {
    let window = funnel.window;
    let each: [(&str, usize, &str, fn(&Required, Spot, Spot) -> bool); 3] = [
        ("skips", funnel.skips, "went over a stage that is not optional", |required, from, to| match (from, to) {
            (Spot::Stage(a), Spot::Stage(b)) => required.is_skip(a, b),
            _ => false,
        }),
        ("returns", funnel.returns, "went back to an earlier stage", |_, from, to| match (from, to) {
            (Spot::Stage(a), Spot::Stage(b)) => b < a,
            _ => false,
        }),
        ("reopened", funnel.reopened, "came out of an end again", |_, from, to| {
            matches!((from, to), (Spot::End(_), Spot::Stage(_)))
        }),
    ];
    let number = |(word, count, says, is_one): (&str, usize, &'static str, fn(&Required, Spot, Spot) -> bool)| {
        let pick = move || {
            let required = Required::of(ground.facts.pipeline);
            let mut picks = Vec::new();
            for (id, journey) in ground.sorted() {
                for pair in journey.visits.windows(2) {
                    let [from, to] = pair else { continue };
                    if from.moved_on && window.holds(to.entered) && is_one(&required, from.spot, to.spot) {
                        picks.push(Pick::yes(id, says, Cause::Stage(to.entered)));
                    }
                }
            }
            picks
        };
        let title = format!("Moves that {says}");
        Number::new(format!("funnel.{word}"), title, Figure::Count(count), count, pick)
            .says("moves inside the window, each by itself", format!("{count} moves {says}"))
            .of("moves")
            .claims(count, None)
    };
    each.into_iter().map(number).collect()
}

/// The deals that were won or lost inside a window.
fn closed_deals(ground: &Ground<'_>, window: Window) -> Vec<Pick> {
    let row = |(id, journey): (&DealId, Journey<'_>)| {
        let decided = journey.decided.filter(|decided| window.holds(*decided))?;
        match journey.outcome {
            Outcome::Won => Some(Pick::yes(id, "won", Cause::Stage(decided))),
            Outcome::Lost => Some(Pick { counts: Way::No, ..Pick::yes(id, "lost", Cause::Stage(decided)) }),
            Outcome::Open | Outcome::Recycled | Outcome::Withdrawn => None,
        }
    };
    ground.sorted().into_iter().filter_map(row).collect()
}
