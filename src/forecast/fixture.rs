//! Small logs for tests.

use std::sync::Arc;

use crate::format::ident::{DealId, StageId};
use crate::history::event::{Direction, Event, EventKind, KnownAt, ValidAt};
use crate::metrics::fixture::{day, history};
use crate::repo::objects::{Author, ObjectId};

use super::log::Log;

/// Something that happened to a deal on a day, and became known on another.
pub fn event(deal: &str, on: i64, known: i64, kind: EventKind) -> Event {
    Event {
        deal: DealId::new(deal).unwrap(),
        kind,
        at: ValidAt(day(on)),
        known_at: KnownAt(day(known)),
        author: Arc::new(Author { name: "Olga".to_owned(), email: "olga@example.com".to_owned() }),
        commit: ObjectId::from_hex(&"1".repeat(40)).unwrap(),
        clamped: false,
    }
}

/// A deal of a small log: its id, the stages it entered and the days on which it did, the fields it came in with.
pub type Story<'s> = (&'s str, &'s [(&'s str, i64)], &'s [(&'s str, &'s str)]);

/// A log of these deals, in which everything became known when it happened.
pub fn log(deals: &[Story<'_>]) -> Log {
    let stage = |id: &str| StageId::new(id).unwrap();
    let mut events = Vec::new();
    let mut born = Vec::new();
    for (id, way, fields) in deals {
        born.extend(fields.iter().map(|(field, value)| (*id, *field, *value)));
        for (place, (to, on)) in way.iter().enumerate() {
            let kind = match place.checked_sub(1).and_then(|before| way.get(before)) {
                None => EventKind::Created { stage: stage(to) },
                Some((from, _)) => EventKind::Moved { from: stage(from), to: stage(to), direction: Direction::Forward },
            };
            events.push(event(id, *on, *on, kind));
        }
    }
    events.sort_by_key(|event| event.known_at);
    Log::of(&history(events, &born))
}
