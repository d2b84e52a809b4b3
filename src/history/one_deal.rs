//! What a history says of one deal.

use crate::format::ident::DealId;

use super::event::Event;
use super::record::{History, IgnoredMove};
use super::spell::{Spell, spells};

/// One thing in the history of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening<'h> {
    /// An event.
    Event(&'h Event),
    /// A move that counts in no duration.
    Ignored(&'h IgnoredMove),
}

/// All that happened to a deal, in the order in which it happened.
pub fn happenings<'h>(history: &'h History, deal: &DealId) -> Vec<Happening<'h>> {
    let mut found = Vec::new();
    let mut silent = history.ignored.iter().filter(|silent| silent.deal == *deal).peekable();
    for (number, event) in history.events.iter().enumerate() {
        while let Some(ignored) = silent.next_if(|silent| silent.after <= number) {
            found.push(Happening::Ignored(ignored));
        }
        if event.deal == *deal {
            found.push(Happening::Event(event));
        }
    }
    found.extend(silent.map(Happening::Ignored));
    found
}

/// The visits of one deal to stages, in the order in which they happened.
pub fn spells_of(history: &History, deal: &DealId) -> Vec<Spell> {
    let mut events: Vec<Event> = Vec::new();
    let mut ignored: Vec<IgnoredMove> = Vec::new();
    for happening in happenings(history, deal) {
        match happening {
            Happening::Event(event) => events.push(event.clone()),
            Happening::Ignored(silent) => ignored.push(IgnoredMove { after: events.len(), ..silent.clone() }),
        }
    }
    spells(&events, &ignored, &history.imports)
}
