//! Small pipelines, deals and journeys for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::{Currency, Money};
use crate::format::pipeline::{End, EndKind, ExtraFields, Pipeline, Stage};
use crate::format::span::Span;
use crate::format::tree::{Document, Mapping};
use crate::format::value::{Block, Field, Value};
use crate::format::zone::Zone;
use crate::history::event::{Event, EventKind, KnownAt, ValidAt};
use crate::history::record::{History, Summary};
use crate::history::spell::Spell;
use crate::history::track::Tracks;
use crate::repo::objects::{Author, ObjectId};

use super::DAY;

/// 2026-01-05T00:00:00Z.
pub const START: i64 = 1_767_571_200;

/// Day `n` of the fixture's calendar.
pub fn day(n: i64) -> i64 {
    START + n * DAY
}

/// A pipeline of these stages (`id` or `id?` for optional ones), with the ends won, lost and recycled.
pub fn pipeline(stages: &[&str]) -> Pipeline {
    let id = |text: &str| StageId::new(text).unwrap();
    let stage = |text: &&str| Stage {
        id: id(text.trim_end_matches('?')),
        title: text.trim_end_matches('?').to_owned(),
        goal: None,
        roles: Vec::new(),
        limit: None,
        probability: None,
        decided_in: None,
        sla: None,
        optional: text.ends_with('?'),
        was: Vec::new(),
        entry: Vec::new(),
        exit: Vec::new(),
        span: Span::default(),
    };
    let end = |text: &str, kind| End {
        id: id(text),
        title: text.to_owned(),
        kind,
        was: Vec::new(),
        entry: Vec::new(),
        span: Span::default(),
    };
    Pipeline {
        title: "Test".to_owned(),
        currency: Currency::new("EUR").unwrap(),
        timezone: Zone::UTC,
        calendar: None,
        fiscal_year_start: 1,
        targets: Vec::new(),
        forecast: Default::default(),
        rates: None,
        exchange: None,
        won_at: None,
        groups: Default::default(),
        stages: stages.iter().map(stage).collect(),
        ends: vec![end("won", EndKind::Won), end("lost", EndKind::Lost), end("recycled", EndKind::Recycled)],
        fields: Vec::new(),
        extra_fields: ExtraFields::Allow,
        rules: Default::default(),
        labels: Default::default(),
        lang: None,
    }
}

/// The spells of a deal that goes through these places, entering each on the given day. A last place `-` means that
/// the file was removed on that day.
pub fn path(deal: &str, steps: &[(&str, i64)]) -> Vec<Spell> {
    let mut spells = Vec::new();
    for (i, (place, on)) in steps.iter().enumerate() {
        if *place == "-" {
            continue;
        }
        let next = steps.get(i + 1);
        spells.push(Spell {
            deal: DealId::new(deal).unwrap(),
            stage: StageId::new(place).unwrap(),
            entered: ValidAt(day(*on)),
            left: next.map(|(_, on)| ValidAt(day(*on))),
            to: next.filter(|(p, _)| *p != "-").map(|(p, _)| StageId::new(p).unwrap()),
            left_censored: false,
        });
    }
    spells
}

/// A deal in a stage, without fields.
pub fn deal(id: &str, stage: &str) -> Deal {
    Deal {
        id: DealId::new(id).unwrap(),
        stage: StageId::new(stage).unwrap(),
        path: format!("{stage}/{id}.yaml"),
        fields: Block::default(),
        document: Document {
            text: String::new(),
            root: Mapping::default(),
            span: Span::default(),
            problems: Vec::new(),
        },
        problems: Vec::new(),
    }
}

/// The deal with one more field.
pub fn with(mut deal: Deal, name: &str, value: Value) -> Deal {
    deal.fields.entries.push((name.to_owned(), Span::default(), Field { value, span: Span::default() }));
    deal
}

/// What deals had in their fields: deal, field, the day it was written, and the value; oldest first.
pub fn tracks(changes: &[(&str, &str, i64, &str)]) -> Tracks {
    let event = |(deal, field, on, value): &(&str, &str, i64, &str)| Event {
        deal: DealId::new(deal).unwrap(),
        kind: EventKind::Changed { field: (*field).into(), from: None, to: Some((*value).to_owned()) },
        at: ValidAt(day(*on)),
        known_at: KnownAt(day(*on)),
        author: Arc::new(Author { name: "Olga".to_owned(), email: "olga@example.com".to_owned() }),
        commit: ObjectId::from_hex(&"1".repeat(40)).unwrap(),
        clamped: false,
    };
    Tracks::of(&history(changes.iter().map(event).collect(), &[]))
}

/// A history of these events; `born` is what deals had in their fields when they came in: deal, field, value.
pub fn history(events: Vec<Event>, born: &[(&str, &str, &str)]) -> History {
    let mut by_deal: BTreeMap<DealId, BTreeMap<Arc<str>, String>> = BTreeMap::new();
    for (deal, field, value) in born {
        by_deal.entry(DealId::new(deal).unwrap()).or_default().insert((*field).into(), (*value).to_owned());
    }
    let summary = Summary { first_known_at: events.first().map(|event| event.known_at), ..Summary::default() };
    History { events, ignored: Vec::new(), born: by_deal, standings: BTreeMap::new(), summary }
}

/// A text value.
pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// An amount as a file writes it, in EUR unless it says otherwise.
pub fn money(text: &str) -> Value {
    Value::Money(Money::parse(text, Currency::new("EUR").unwrap()).unwrap())
}

/// A date as a file writes it.
pub fn date(text: &str) -> Value {
    Value::Date(text.parse::<NaiveDate>().unwrap())
}

/// A list of blocks.
pub fn list(items: Vec<Vec<(&'static str, Value)>>) -> Value {
    let field = |value: Value| Field { value, span: Span::default() };
    let block = |entries: Vec<(&'static str, Value)>| {
        let entry = |(name, value): (&str, Value)| (name.to_owned(), Span::default(), field(value));
        field(Value::Block(Block { entries: entries.into_iter().map(entry).collect() }))
    };
    Value::List(items.into_iter().map(block).collect())
}
