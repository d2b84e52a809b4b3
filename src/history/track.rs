//! The values that the told fields of deals had over time.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::format::ident::DealId;
use crate::repo::objects::ObjectId;

use super::event::{Event, EventKind, KnownAt, ValidAt};
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
    changes: Vec<Noted>,
    /// Where the changes of each deal lie.
    deals: HashMap<DealId, Range<usize>>,
}

/// A [`Change`] whose names and texts are numbers.
#[derive(Clone, Copy, Debug)]
struct Noted {
    deal: u32,
    field: u16,
    from: Option<u32>,
    to: Option<u32>,
    at: ValidAt,
    known_at: KnownAt,
    commit: ObjectId,
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
        let mut writing = Writing::default();
        for event in &history.events {
            writing.note(event, history);
        }
        writing.tracks()
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

    fn text(&self, number: Option<u32>) -> Option<&str> {
        self.texts.get(number? as usize).map(|text| &**text)
    }
}

impl<'t> Track<'t> {
    /// What became of a field (dotted name), oldest first; the first is the value that the deal came in with, if it had
    /// one.
    pub fn changes(&self, field: &str) -> impl DoubleEndedIterator<Item = Change<'t>> + use<'t> {
        let Track { tracks, changes } = *self;
        let wanted = tracks.fields.iter().position(|name| **name == *field);
        changes.iter().filter(move |noted| Some(usize::from(noted.field)) == wanted).map(move |noted| Change {
            at: noted.at,
            known_at: noted.known_at,
            commit: noted.commit,
            from: tracks.text(noted.from),
            to: tracks.text(noted.to),
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

#[derive(Default)]
struct Writing<'h> {
    tracks: Tracks,
    ids: Vec<&'h DealId>,
    deals: HashMap<&'h DealId, u32>,
    fields: HashMap<&'h str, u16>,
    texts: HashMap<&'h str, u32>,
}

impl<'h> Writing<'h> {
    fn note(&mut self, event: &'h Event, history: &'h History) {
        match &event.kind {
            EventKind::Created { .. } => {
                for (field, value) in history.born.get(&event.deal).into_iter().flatten() {
                    self.add(event, field, None, Some(value));
                }
            }
            EventKind::Changed { field, from, to } => self.add(event, field, from.as_deref(), to.as_deref()),
            _ => {}
        }
    }

    fn add(&mut self, event: &'h Event, field: &'h Arc<str>, from: Option<&'h str>, to: Option<&'h str>) {
        let ids = &mut self.ids;
        let deal = *self.deals.entry(&event.deal).or_insert_with(|| {
            ids.push(&event.deal);
            (ids.len() - 1) as u32
        });
        let names = &mut self.tracks.fields;
        let field = *self.fields.entry(field).or_insert_with(|| {
            names.push(field.clone());
            (names.len() - 1) as u16
        });
        let (from, to) = (from.map(|text| self.number(text)), to.map(|text| self.number(text)));
        let Event { at, known_at, commit, .. } = *event;
        self.tracks.changes.push(Noted { deal, field, from, to, at, known_at, commit });
    }

    fn number(&mut self, text: &'h str) -> u32 {
        let texts = &mut self.tracks.texts;
        *self.texts.entry(text).or_insert_with(|| {
            texts.push(text.into());
            (texts.len() - 1) as u32
        })
    }

    fn tracks(self) -> Tracks {
        let Writing { mut tracks, ids, .. } = self;
        tracks.changes.sort_by_key(|noted| noted.deal);
        let mut start = 0;
        for own in tracks.changes.chunk_by(|a, b| a.deal == b.deal) {
            let id = own.first().and_then(|noted| ids.get(noted.deal as usize));
            if let Some(id) = id {
                tracks.deals.insert((*id).clone(), start..start + own.len());
            }
            start += own.len();
        }
        tracks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ident::StageId;
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
