//! How a number of a report came about: what it means, how it was reckoned, which deals are in it, and by which commits.
//!
//! Every number has a name that begins with that of its report: `funnel.conversion.proposal`. Its value is taken from the
//! report itself; the deals are found apart from it, and [`Explained::adds_up`] says whether they make the same number.

mod agenda;
mod cash;
mod commits;
pub mod deal;
mod effort;
mod figure;
mod forecast;
mod funnel;
mod ground;
mod health;
mod losses;
mod number;
mod pipeline;
mod time;
mod waterfall;

use chrono::NaiveDate;
use serde::Serialize;

use crate::format::ident::DealId;
use crate::history::History;
use crate::metrics::rows::Rows;
use crate::metrics::total::Total;

use super::data::{DaysOf, Head};
use super::{Facts, Kind};
use commits::Commits;
use ground::Ground;

pub use commits::Commit;
pub use figure::Figure;
pub use number::{Number, Rank, Way};

/// Version of the JSON of an explanation. It grows when a field changes its meaning or goes away.
const SCHEMA_VERSION: u32 = 1;

/// A number of a report, in a list of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// The number.
    pub value: Figure,
    /// The number as people read it.
    pub text: String,
    /// When a list of the whole report shows it.
    #[serde(skip)]
    pub rank: Rank,
}

/// What the deals of a number were chosen by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cohort {
    /// The days it is about; `None`: all up to now.
    pub span: Option<DaysOf>,
    /// The expression that chose the deals; `None`: all of them.
    pub filter: Option<String>,
    /// The time it is about, RFC 3339 in UTC.
    pub as_of: String,
    /// The day that is in the pipeline's time zone.
    pub day: NaiveDate,
    /// Where a day begins.
    pub timezone: String,
    /// The commit that was read; `None` outside git.
    pub commit: Option<String>,
    /// Whether history begins in the middle, at the edge of a shallow clone.
    pub incomplete: bool,
}

/// How one deal counts. A deal may be there more than once where visits, moves or payments are counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// The deal.
    pub deal: DealId,
    /// What people call it; `None` where its file is gone.
    pub title: Option<String>,
    /// How it counts, in words.
    pub how: String,
    /// Whether it is what the number asks about.
    pub counts: Way,
    /// What of the number is its, where the number is a sum: as a text, in the number's unit.
    pub part: Option<String>,
    /// Its amount.
    pub amount: Option<Total>,
    /// The day on which it came to count so; `None` where nobody knows.
    pub on: Option<NaiveDate>,
    /// The commit by which it did; `None` where nobody knows.
    pub commit: Option<Commit>,
}

/// A number explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Version of this JSON.
    pub schema_version: u32,
    /// Always `number`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// The number.
    pub value: Figure,
    /// The number as people read it.
    pub text: String,
    /// What it means, as the report defines it.
    pub meaning: String,
    /// How it was reckoned, with its own figures.
    pub formula: String,
    /// What its deals were chosen by.
    pub cohort: Cohort,
    /// What is counted: `deals`, `visits`, `moves`, `payments`, `entries`.
    pub of: &'static str,
    /// How many of them the number is made of.
    pub n: usize,
    /// How many more it takes before the number is said; `None` where it is said.
    pub missing: Option<usize>,
    /// Whether the rows below give the report's own figures: so many, so many that count, so much in all.
    pub adds_up: bool,
    /// The deals in it.
    pub deals: Rows<Counted>,
}

/// The report that a name belongs to; `None` where it begins with the name of none.
pub fn report_of(name: &str) -> Option<Kind> {
    let first = name.split('.').next()?;
    Kind::ALL.iter().copied().find(|kind| kind.name() == first)
}

/// The reports whose numbers a report shows: most show their own.
fn parts(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Overview => &[Kind::Pipeline, Kind::Funnel, Kind::Forecast],
        Kind::Pipeline => &[Kind::Pipeline],
        Kind::Funnel => &[Kind::Funnel],
        Kind::Time => &[Kind::Time],
        Kind::Forecast => &[Kind::Forecast],
        // What it scores are forecasts, and `why forecast` tells how those come about.
        Kind::Backtest => &[],
        Kind::Waterfall => &[Kind::Waterfall],
        Kind::Losses => &[Kind::Losses],
        Kind::Effort => &[Kind::Effort],
        Kind::Cash => &[Kind::Cash],
        Kind::Agenda => &[Kind::Agenda],
        Kind::Health => &[Kind::Health],
    }
}

/// All numbers of a report that have a name. What they need beside what the report needs are the deals, and for the funnel
/// also the tracks and [`super::asked::Asked::full`].
pub fn named(kind: Kind, facts: &Facts<'_>) -> Vec<Named> {
    let mut all = Vec::new();
    for part in parts(kind) {
        with_numbers(*part, facts, |numbers| all.extend(numbers.iter().map(Number::named)));
    }
    all
}

/// Explains the numbers of a report whose names are wanted. Without a history no commit is named.
pub fn explain(
    kind: Kind,
    facts: &Facts<'_>,
    history: Option<&History>,
    wanted: &dyn Fn(&str) -> bool,
) -> Vec<Explained> {
    let mut all = Vec::new();
    for part in parts(kind) {
        with_numbers(*part, facts, |numbers| {
            let ground = Ground::of(facts);
            let own = numbers.iter().filter(|number| wanted(&number.name));
            all.extend(own.map(|number| explained(*part, &ground, history, number)));
        });
    }
    all
}

fn explained(kind: Kind, ground: &Ground<'_>, history: Option<&History>, number: &Number<'_>) -> Explained {
    let facts = &ground.facts;
    let picks = (number.pick)();
    let adds_up = number.adds_up(&picks);
    let commits = Commits::of(history, picks.iter().map(|pick| &pick.deal));
    Explained {
        schema_version: SCHEMA_VERSION,
        kind: "number",
        name: number.name.clone(),
        title: number.title.clone(),
        text: number.value.text(),
        meaning: meaning(kind, number.meaning),
        formula: number.formula.clone(),
        cohort: cohort(kind, facts),
        of: number.of,
        n: number.n,
        missing: number.value.seen().map(|seen| number.floor.saturating_sub(seen)),
        value: number.value.clone(),
        adds_up,
        deals: picks.iter().map(|pick| counted(ground, &commits, pick)).collect::<Vec<_>>().into(),
    }
}

/// A deal of a number, with its title and the commit by which it counts.
fn counted(ground: &Ground<'_>, commits: &Commits<'_>, pick: &number::Pick) -> Counted {
    let deal = ground.deal(&pick.deal);
    let (at, commit) = commits.of_pick(pick);
    Counted {
        deal: pick.deal.clone(),
        title: deal.map(|deal| deal.title().to_owned()),
        how: pick.how.clone(),
        counts: pick.counts,
        part: pick.part.map(|part| part.normalize().to_string()),
        amount: deal.and_then(|deal| deal.amount()).map(Total::from),
        on: at.map(|at| ground.facts.pipeline.day_of(at)),
        commit,
    }
}

/// What the deals of a number are chosen by.
fn cohort(kind: Kind, facts: &Facts<'_>) -> Cohort {
    let head = Head::new(kind, facts);
    Cohort {
        span: head.span,
        filter: head.filter,
        as_of: head.as_of,
        day: head.day,
        timezone: head.pipeline.timezone,
        commit: head.source.commit,
        incomplete: head.incomplete,
    }
}

/// What the report says that a number means; where it is defined under no name, the sentence itself.
fn meaning(kind: Kind, key: &'static str) -> String {
    let mut definitions = kind.definitions().iter().flat_map(|part| part.iter());
    definitions.find(|(name, _)| *name == key).map_or(key, |(_, sentence)| sentence).to_owned()
}

/// Makes a report and the names of its numbers.
fn with_numbers<R>(kind: Kind, facts: &Facts<'_>, then: impl FnOnce(&[Number<'_>]) -> R) -> R {
    let ground = Ground::of(facts);
    match kind {
        Kind::Overview | Kind::Backtest => then(&[]),
        Kind::Pipeline => then(&pipeline::numbers(&ground, &super::pipeline::make(facts))),
        Kind::Funnel => then(&funnel::numbers(&ground, &super::funnel::make(facts))),
        Kind::Time => then(&time::numbers(&ground, &super::time::make(facts))),
        Kind::Forecast => then(&forecast::numbers(&ground, &super::forecast::make(facts))),
        Kind::Waterfall => then(&waterfall::numbers(&ground, &super::waterfall::make(facts))),
        Kind::Losses => then(&losses::numbers(&ground, &super::losses::make(facts))),
        Kind::Effort => then(&effort::numbers(&ground, &super::effort::make(facts))),
        Kind::Cash => then(&cash::numbers(&ground, &super::cash::make(facts))),
        Kind::Agenda => then(&agenda::numbers(&ground, &super::agenda::make(facts))),
        Kind::Health => then(&health::numbers(&ground, &super::health::make(facts))),
    }
}
