//! The values that the told fields of deals had over time.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::format::ident::DealId;
use crate::repo::objects::ObjectId;

use super::event::{EventKind, KnownAt, ValidAt};
use super::ledger::NONE;
use super::record::History;

/// A field of a deal that got another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'t> {
    /// When it happened.
    pub at: ValidAt,
    /// When the reported branch came to know it.
    pub known_at: KnownAt,
    /// The commit that made the change.
    pub commit: ObjectId,
    /// The value before, as written, on one line; `None` where there was none, and for the value a deal came in with.
    pub from: Option<&'t str>,
    /// The value after.
    pub to: Option<&'t str>,
}

/// The values of the told fields ([`super::fields::ALWAYS`], and whatever else was asked for) of all deals, from the
/// moment they came in.
#[derive(Clone, Debug, Default)]
pub struct Tracks {
    fields: Vec<Arc<str>>,
    texts: Vec<Box<str>>,
    /// The commits that made changes, and when each became known. A commit may be there several times.
    makers: Vec<(ObjectId, KnownAt)>,
    changes: Vec<Noted>,
    /// Where the changes of each deal lie.
    deals: HashMap<DealId, Range<usize>>,
}

/// A [`Change`] whose names and texts are numbers.
#[derive(Clone, Copy, Debug)]
struct Noted {
    deal: u32,
    field: u16,
    /// Where in the makers its commit is.
    maker: u32,
    /// A text; [`NONE`] where there was none.
    from: u32,
    to: u32,
    at: ValidAt,
}

/// The values of one deal.
#[derive(Clone, Copy, Debug)]
pub struct Track<'t> {
    tracks: &'t Tracks,
    changes: &'t [Noted],
}

impl Tracks {
    /// The values that a history tells of.
    pub fn of(history: &History) -> Tracks {
        let mut names: Vec<Arc<str>> = history.born.values().flat_map(|values| values.keys().cloned()).collect();
        names.extend(history.events.iter().filter_map(|event| match &event.kind {
            EventKind::Changed { field, .. } => Some(field.clone()),
            _ => None,
        }));
        names.sort_unstable();
        names.dedup();
        let field_of = |name: &Arc<str>| names.binary_search(name).map_or(u16::MAX, |at| at as u16);
        let mut texts: Vec<&str> = Vec::new();
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut writing = Writing::new(&names);
        for event in &history.events {
            let when = When { at: event.at, known_at: event.known_at, commit: event.commit };
            let mut number = |text| {
                *numbers.entry(text).or_insert_with(|| {
                    texts.push(text);
                    (texts.len() - 1) as u32
                })
            };
            match &event.kind {
                EventKind::Created { .. } => {
                    for (field, value) in history.born.get(&event.deal).into_iter().flatten() {
                        writing.add(&event.deal, when, field_of(field), None, Some(number(value)));
                    }
                }
                EventKind::Changed { field, from, to } => {
                    let (from, to) = (from.as_deref().map(&mut number), to.as_deref().map(&mut number));
                    writing.add(&event.deal, when, field_of(field), from, to);
                }
                _ => {}
            }
        }
        writing.tracks(|number| texts.get(number as usize).copied())
    }

    /// The values of one deal, by the id it has today; of an unknown one there are none.
    pub fn of_deal(&self, deal: &DealId) -> Track<'_> {
        let range = self.deals.get(deal).cloned().unwrap_or_default();
        Track { tracks: self, changes: self.changes.get(range).unwrap_or_default() }
    }

    /// The fields (dotted names) of which any deal had a value.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|name| &**name)
    }

    fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(number as usize).map(|text| &**text)
    }
}

impl<'t> Track<'t> {
    /// What became of a field (dotted name), oldest first; the first is the value that the deal came in with, if it had
    /// one.
    pub fn changes(&self, field: &str) -> impl DoubleEndedIterator<Item = Change<'t>> + use<'t> {
        let Track { tracks, changes } = *self;
        let wanted = tracks.fields.iter().position(|name| **name == *field);
        changes.iter().filter(move |noted| Some(usize::from(noted.field)) == wanted).filter_map(move |noted| {
            let (commit, known_at) = *tracks.makers.get(noted.maker as usize)?;
            let (from, to) = (tracks.text(noted.from), tracks.text(noted.to));
            Some(Change { at: noted.at, known_at, commit, from, to })
        })
    }

    /// The value of a field at a time; `None` where it had none, or the deal was not there yet.
    pub fn at(&self, field: &str, time: ValidAt) -> Option<&'t str> {
        self.changes(field).take_while(|change| change.at <= time).last().and_then(|change| change.to)
    }

    /// When a field got another value last; `None` where none did. What a deal came in with counts.
    pub fn last_change(&self) -> Option<ValidAt> {
        self.changes.iter().map(|noted| noted.at).max()
    }
}

/// When a value changed, and by which commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) at: ValidAt,
    pub(super) known_at: KnownAt,
    pub(super) commit: ObjectId,
}

/// Writes down what became of the fields while events go by, oldest first. Fields and texts are numbers.
pub(super) struct Writing<'h> {
    fields: Vec<Arc<str>>,
    makers: Vec<(ObjectId, KnownAt)>,
    changes: Vec<Noted>,
    ids: Vec<&'h DealId>,
    deals: HashMap<&'h DealId, u32>,
}

impl<'h> Writing<'h> {
    /// `fields` names the numbers that are going to be used.
    pub(super) fn new(fields: &[Arc<str>]) -> Self {
        let (makers, changes, ids) = (Vec::new(), Vec::new(), Vec::new());
        Writing { fields: fields.to_vec(), makers, changes, ids, deals: HashMap::new() }
    }

    pub(super) fn add(&mut self, deal: &'h DealId, when: When, field: u16, from: Option<u32>, to: Option<u32>) {
        let ids = &mut self.ids;
        let deal = *self.deals.entry(deal).or_insert_with(|| {
            ids.push(deal);
            (ids.len() - 1) as u32
        });
        let When { at, known_at, commit } = when;
        if self.makers.last() != Some(&(commit, known_at)) {
            self.makers.push((commit, known_at));
        }
        let maker = (self.makers.len() - 1) as u32;
        let (from, to) = (from.unwrap_or(NONE), to.unwrap_or(NONE));
        self.changes.push(Noted { deal, field, maker, from, to, at });
    }

    /// What was written down. `text` gives the texts of the numbers; those that are used are kept.
    pub(super) fn tracks<'t>(self, text: impl Fn(u32) -> Option<&'t str>) -> Tracks {
        let Writing { fields: names, makers, mut changes, ids, .. } = self;
        changes.sort_by_key(|noted| noted.deal);
        let mut places: Vec<Option<u16>> = vec![None; names.len()];
        let mut fields: Vec<Arc<str>> = Vec::new();
        for noted in &mut changes {
            let known = usize::from(noted.field);
            let (Some(place), Some(name)) = (places.get_mut(known), names.get(known)) else { continue };
            noted.field = *place.get_or_insert_with(|| {
                fields.push(name.clone());
                (fields.len() - 1) as u16
            });
        }
        let mut texts: Vec<Box<str>> = Vec::new();
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for number in changes.iter_mut().flat_map(|noted| [&mut noted.from, &mut noted.to]).filter(|n| **n != NONE) {
            *number = *numbers.entry(*number).or_insert_with(|| match text(*number) {
                Some(text) => {
                    texts.push(text.into());
                    (texts.len() - 1) as u32
                }
                None => NONE,
            });
        }
        let mut deals = HashMap::with_capacity(ids.len());
        let mut start = 0;
        for own in changes.chunk_by(|a, b| a.deal == b.deal) {
            let id = own.first().and_then(|noted| ids.get(noted.deal as usize));
            if let Some(id) = id {
                deals.insert((*id).clone(), start..start + own.len());
            }
            start += own.len();
        }
        Tracks { fields, texts, makers, changes, deals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ident::StageId;
    use crate::history::event::Event;
    use crate::history::record::Summary;
    use crate::repo::objects::Author;
    use std::collections::{BTreeMap, BTreeSet};

    fn id(text: &str) -> DealId {
        DealId::new(text).unwrap()
    }

    fn event(deal: &str, at: i64, kind: EventKind) -> Event {
        Event {
            deal: id(deal),
            kind,
            at: ValidAt(at),
            known_at: KnownAt(at),
            author: Arc::new(Author { name: "Olga".to_owned(), email: "olga@example.com".to_owned() }),
            commit: ObjectId::from_hex(&"1".repeat(40)).unwrap(),
            clamped: false,
        }
    }

    fn changed(field: &str, from: Option<&str>, to: Option<&str>) -> EventKind {
        EventKind::Changed { field: field.into(), from: from.map(str::to_owned), to: to.map(str::to_owned) }
    }

    fn history(events: Vec<Event>, born: &[(&str, &str, &str)]) -> History {
        let mut by_deal: BTreeMap<DealId, BTreeMap<Arc<str>, String>> = BTreeMap::new();
        for (deal, field, value) in born {
            by_deal.entry(id(deal)).or_default().insert((*field).into(), (*value).to_owned());
        }
        let summary = Summary {
            tip: None,
            tip_known_at: None,
            first_known_at: None,
            commits: 0,
            deals: 0,
            clamped_known: 0,
            clamped_valid: 0,
            skips: 0,
            odd_times: 0,
            imported: 0,
            ignored_moves: 0,
            ignored_commits: 0,
            bad_ignore_lines: Vec::new(),
            bulk: Vec::new(),
            imports: BTreeSet::new(),
            unreadable: 0,
            incomplete: false,
        };
        History { events, ignored: Vec::new(), born: by_deal, standings: BTreeMap::new(), summary }
    }

    #[test]
    fn a_value_is_the_last_one_up_to_a_time() {
        let stage = StageId::new("brief").unwrap();
        let history = history(
            vec![
                event("acme", 10, EventKind::Created { stage: stage.clone() }),
                event("globex", 12, EventKind::Created { stage }),
                event("acme", 20, changed("amount", Some("100"), Some("200"))),
                event("globex", 21, changed("amount", None, Some("7"))),
                event("acme", 30, changed("owner", Some("olga"), None)),
                event("acme", 40, changed("amount", Some("200"), None)),
            ],
            &[("acme", "amount", "100"), ("acme", "owner", "olga")],
        );
        let tracks = Tracks::of(&history);
        let acme = id("acme");
        let at = |field: &str, time| tracks.of_deal(&acme).at(field, ValidAt(time));
        assert_eq!(
            [9, 10, 19, 20, 40].map(|time| at("amount", time)),
            [None, Some("100"), Some("100"), Some("200"), None]
        );
        assert_eq!([at("owner", 29), at("owner", 30), at("close_date", 50)], [Some("olga"), None, None]);
        let globex = id("globex");
        let all: Vec<_> = tracks.of_deal(&globex).changes("amount").map(|c| (c.at.0, c.from, c.to)).collect();
        assert_eq!(all, [(21, None, Some("7"))]);
        assert_eq!(tracks.of_deal(&acme).last_change(), Some(ValidAt(40)));
        assert_eq!(tracks.of_deal(&id("nobody")).changes("amount").count(), 0);
    }
}
