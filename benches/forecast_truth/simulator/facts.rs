//! A made-up pipeline as its git history would tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use tussock::format::ident::{DealId, StageId};
use tussock::format::pipeline::Pipeline;
use tussock::format::pipeline_file;
use tussock::history::event::{Direction, Event, EventKind, KnownAt, ValidAt};
use tussock::history::{History, Summary};
use tussock::repo::objects::{Author, ObjectId};

use super::deals::{Deal, Spot, World};
use super::law::Law;

/// Monday, 2023-01-02T00:00:00Z.
pub const BEGIN: i64 = 1_672_617_600;
const DAY: i64 = 86_400;

/// The last second of a day.
pub fn end_of(day: u32) -> i64 {
    BEGIN + (i64::from(day) + 1) * DAY - 1
}

/// The pipeline file. `forecast` are lines below its block of that name.
pub fn pipeline(law: &Law, forecast: &str) -> Pipeline {
    let mut text = "version: 1\ntitle: Made up\ncurrency: EUR\ntimezone: UTC\nstages:\n".to_owned();
    for stage in &law.stages {
        writeln!(text, "  - {{id: {0}, title: {0}, probability: {1}%}}", stage.id, stage.said).unwrap();
    }
    text += "ends:\n  - {id: won, kind: won}\n  - {id: lost, kind: lost}\nfields:\n";
    let names: Vec<&str> = law.segments.iter().map(|segment| segment.name).collect();
    writeln!(text, "  region: {{enum: [{}]}}", names.join(", ")).unwrap();
    if !forecast.is_empty() {
        writeln!(text, "forecast:\n{forecast}").unwrap();
    }
    pipeline_file::read(text.as_bytes()).expect("a pipeline file in order").0
}

/// The id of a deal by its number.
pub fn id(number: usize) -> DealId {
    DealId::new(&format!("deal-{number:06}")).unwrap()
}

/// All that happened, known when it happened.
pub fn history(law: &Law, world: &World) -> History {
    let author = Arc::new(Author { name: "Ann".to_owned(), email: "ann@example.com".to_owned() });
    let stages: Vec<StageId> = law.stages.iter().map(|stage| StageId::new(stage.id).unwrap()).collect();
    let ends = [StageId::new("won").unwrap(), StageId::new("lost").unwrap()];
    let folder = |spot: Spot| match spot {
        Spot::Stage(stage) => stages[stage].clone(),
        Spot::Won => ends[0].clone(),
        Spot::Lost => ends[1].clone(),
    };
    let commit = ObjectId::from_hex(&"1".repeat(40)).unwrap();
    let (amount, region): (Arc<str>, Arc<str>) = ("amount".into(), "region".into());
    let mut events = Vec::new();
    let mut born = BTreeMap::new();
    for (number, deal) in world.deals.iter().enumerate() {
        let name = id(number);
        let values = [(amount.clone(), written(deal)), (region.clone(), law.segments[deal.segment].name.to_owned())];
        born.insert(name.clone(), BTreeMap::from(values));
        let mut before = None;
        for step in &deal.steps {
            let to = folder(step.to);
            let kind = match before {
                None => EventKind::Created { stage: to },
                Some(from) => EventKind::Moved { from: folder(from), to, direction: direction(from, step.to) },
            };
            before = Some(step.to);
            let at = BEGIN + i64::from(step.day) * DAY + i64::from(step.second);
            let (at, known_at) = (ValidAt(at), KnownAt(at));
            events.push(Event {
                deal: name.clone(),
                kind,
                at,
                known_at,
                author: author.clone(),
                commit,
                clamped: false,
            });
        }
    }
    // Sorted stably: the steps of one deal stay in their order.
    events.sort_by_key(|event| event.known_at);
    let last = events.last().map(|event| event.known_at);
    let summary = Summary {
        tip: Some(commit),
        tip_known_at: last,
        first_known_at: Some(KnownAt(BEGIN)),
        commits: events.len(),
        deals: world.deals.len(),
        imports: BTreeSet::new(),
        ..Summary::default()
    };
    History { events, ignored: Vec::new(), born, standings: BTreeMap::new(), summary }
}

fn written(deal: &Deal) -> String {
    format!("{}.{:02}", deal.amount / 100, deal.amount % 100)
}

fn direction(from: Spot, to: Spot) -> Direction {
    match (from, to) {
        (Spot::Stage(from), Spot::Stage(to)) if to < from => Direction::Back,
        (_, Spot::Stage(_)) => Direction::Forward,
        _ => Direction::End,
    }
}
