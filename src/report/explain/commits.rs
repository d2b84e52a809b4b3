//! The commits that made deals count as they do.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::format::ident::DealId;
use crate::history::History;
use crate::history::event::{Event, EventKind};

use super::number::{Cause, Pick};

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its id as hexadecimal.
    pub id: String,
    /// The first digits of it, for people.
    pub short: String,
    /// Who made it; `None` for one that counts in no length of time.
    pub author: Option<String>,
}

/// What happened to some deals.
pub(super) struct Commits<'h> {
    events: HashMap<&'h DealId, Vec<&'h Event>>,
    /// Moves that count in no duration: when, and by which commit.
    silent: HashMap<&'h DealId, Vec<(i64, Commit)>>,
}

impl<'h> Commits<'h> {
    /// Looks for some deals in a history.
    pub(super) fn of<'p>(history: Option<&'h History>, deals: impl Iterator<Item = &'p DealId>) -> Commits<'h> {
        let wanted: HashSet<&DealId> = deals.collect();
        let mut events: HashMap<&DealId, Vec<&Event>> = HashMap::new();
        let mut silent: HashMap<&DealId, Vec<(i64, Commit)>> = HashMap::new();
        for event in history.iter().flat_map(|history| &history.events) {
            if wanted.contains(&event.deal) {
                events.entry(&event.deal).or_default().push(event);
            }
        }
        for own in history.iter().flat_map(|history| &history.ignored).filter(|own| wanted.contains(&own.deal)) {
            let commit = Commit { id: own.commit.to_string(), short: own.commit.short(), author: None };
            silent.entry(&own.deal).or_default().push((own.at.0, commit));
        }
        Commits { events, silent }
    }

    /// When a deal came to count as it does, in seconds since 1970, and by which commit.
    pub(super) fn of_pick(&self, pick: &Pick) -> (Option<i64>, Option<Commit>) {
        let events = self.events.get(&pick.deal).map(Vec::as_slice).unwrap_or_default();
        let silent = self.silent.get(&pick.deal).map(Vec::as_slice).unwrap_or_default();
        let found = match &pick.cause {
            Cause::Unknown => None,
            Cause::Stage(at) => {
                let event = events.iter().rev().find(|event| event.at.0 == *at && is_of_stage(&event.kind));
                let told = event.map(|event| told(event));
                let hidden = silent.iter().rev().find(|(when, _)| when == at);
                return (Some(*at), told.or_else(|| hidden.cloned()).map(|(_, commit)| commit));
            }
            Cause::Here => last(events, silent, i64::MAX),
            Cause::StageBefore(until) => last(events, silent, *until),
            Cause::Field(name, until) => {
                let is_own = |event: &Event| match &event.kind {
                    EventKind::Changed { field, .. } => **field == **name,
                    EventKind::Created { .. } => true,
                    _ => false,
                };
                events.iter().rev().find(|event| event.at.0 <= *until && is_own(event)).map(|event| told(event))
            }
        };
        found.map_or((None, None), |(at, commit)| (Some(at), Some(commit)))
    }
}

/// What happened last to the stage of a deal, up to a time.
fn last(events: &[&Event], silent: &[(i64, Commit)], until: i64) -> Option<(i64, Commit)> {
    let event = events.iter().rev().find(|event| event.at.0 <= until && is_of_stage(&event.kind));
    let hidden = silent.iter().rev().find(|(at, _)| *at <= until);
    event.map(|event| told(event)).into_iter().chain(hidden.cloned()).max_by_key(|(at, _)| *at)
}

fn is_of_stage(kind: &EventKind) -> bool {
    match kind {
        EventKind::Created { .. } | EventKind::Moved { .. } | EventKind::Removed { .. } => true,
        EventKind::Restored { .. } => true,
        EventKind::Changed { .. } | EventKind::Renamed { .. } => false,
    }
}

fn told(event: &Event) -> (i64, Commit) {
    let author = Some(event.author.name.clone());
    (event.at.0, Commit { id: event.commit.to_string(), short: event.commit.short(), author })
}
