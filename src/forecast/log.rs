//! What was known of the deals, each fact with the time at which it became known.
//!
//! A forecast may use only what was known when it is made, and a score of old forecasts only what was known when each was
//! made. So both read from here: [`Log::until`] leaves out whatever became known later.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::format::forecast::ForecastSettings;
use crate::format::ident::{DealId, StageId};
use crate::format::pipeline::Pipeline;
use crate::history::event::{EventKind, KnownAt, ValidAt};
use crate::history::record::History;
use crate::history::spell::Stay;
use crate::metrics::journey::{Gathering, Journeys, Outcome, Reader};

/// Not known yet.
const NEVER: i64 = i64::MAX;

/// Everything that became known of the deals of a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Log {
    deals: Arc<[DealId]>,
    stages: Vec<StageId>,
    fields: Vec<Arc<str>>,
    texts: Vec<Box<str>>,
    stays: Vec<KnownStay>,
    values: Vec<KnownValue>,
    ways: Vec<Way>,
    first_known: Option<KnownAt>,
}

/// A visit, with the times at which its beginning and its end became known.
#[derive(Clone, Copy, Debug)]
struct KnownStay {
    stay: Stay,
    /// Whether its beginning alone leaves it open how long it was.
    begins_censored: bool,
    entered_known: i64,
    /// [`NEVER`] while its end is not known.
    left_known: i64,
}

/// A value that a field got.
#[derive(Clone, Copy, Debug)]
struct KnownValue {
    field: u16,
    at: ValidAt,
    known_at: i64,
    /// `None`: the field was emptied.
    text: Option<u32>,
}

/// Where the facts of a deal lie.
#[derive(Clone, Debug)]
struct Way {
    stays: Range<usize>,
    values: Range<usize>,
    /// Whether it came in with the first commits, so that it is no new business.
    imported: bool,
}

/// How and when a deal came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The deal, by number.
    pub deal: u32,
    /// The number of the stage it came to.
    pub stage: u32,
    /// When it came.
    pub at: ValidAt,
    /// When that became known.
    pub known_at: KnownAt,
}

/// The fields whose values a forecast looks at, beside those whose changes every history tells: the sellers' own opinion,
/// which it shows, and what the pipeline forecasts by.
pub fn fields(settings: &ForecastSettings) -> Vec<String> {
    let opinions = ["category", "confidence"].map(str::to_owned);
    opinions.into_iter().chain(settings.coefficients.iter().cloned()).collect()
}

impl Log {
    /// What a history tells. Deals get numbers in the order of their ids.
    pub fn of(history: &History) -> Log {
        let mut writing = Writing::default();
        let mut silent = history.ignored.iter().peekable();
        for (number, event) in history.events.iter().enumerate() {
            while let Some(ignored) = silent.next_if(|silent| silent.after <= number) {
                writing.tidy(&ignored.deal, &ignored.to, ignored.at, ignored.known_at);
            }
            let (deal, at, known) = (&event.deal, event.at, event.known_at);
            match &event.kind {
                EventKind::Created { stage } => {
                    let imported = history.imports.contains(&event.commit);
                    writing.enter(deal, stage, at, known, imported);
                    writing.deal(deal).imported = imported;
                    for (field, text) in history.born.get(deal).into_iter().flatten() {
                        writing.value(deal, field, at, known, Some(text));
                    }
                }
                EventKind::Restored { stage } => writing.enter(deal, stage, at, known, false),
                EventKind::Moved { to, .. } => {
                    writing.close(deal, at, known, Some(to));
                    writing.enter(deal, to, at, known, false);
                }
                EventKind::Removed { .. } => writing.close(deal, at, known, None),
                EventKind::Changed { field, to, .. } => writing.value(deal, field, at, known, to.as_deref()),
                EventKind::Renamed { .. } => {}
            }
        }
        for ignored in silent {
            writing.tidy(&ignored.deal, &ignored.to, ignored.at, ignored.known_at);
        }
        writing.log(history.first_known_at)
    }

    /// The deals, by number.
    pub fn deals(&self) -> &Arc<[DealId]> {
        &self.deals
    }

    /// The number of a deal.
    pub fn number_of(&self, deal: &DealId) -> Option<u32> {
        self.deals.binary_search(deal).ok().map(|place| place as u32)
    }

    /// The stages and ends that deals were in, by number, under the names that the pipeline at hand has for them.
    pub fn stages(&self) -> &[StageId] {
        &self.stages
    }

    /// Reads single deals by the stages of a pipeline.
    pub fn reader(&self, pipeline: &Pipeline) -> Reader {
        Reader::of_stages(pipeline, &self.stages)
    }

    /// When the first commit became known; `None` where there is none.
    pub fn first_known(&self) -> Option<KnownAt> {
        self.first_known
    }

    /// What was known at a time.
    pub fn until(&self, time: KnownAt) -> Past<'_> {
        Past { log: self, until: time.0 }
    }
}

/// What was known at one time.
#[derive(Clone, Copy, Debug)]
pub struct Past<'l> {
    log: &'l Log,
    until: i64,
}

impl<'l> Past<'l> {
    /// The time.
    pub fn time(&self) -> KnownAt {
        KnownAt(self.until)
    }

    /// All that was ever known, to look back from another time.
    pub fn log(&self) -> &'l Log {
        self.log
    }

    /// The ways of the deals that were known, read by the stages of a pipeline.
    pub fn journeys(&self, pipeline: &Pipeline) -> Journeys {
        let mut gathering = Gathering::new(pipeline, &self.log.stages, self.log.deals.clone());
        let mut known = Vec::new();
        for way in &self.log.ways {
            self.stays_of(way, &mut known);
            if !known.is_empty() {
                gathering.add(&known);
            }
        }
        gathering.journeys()
    }

    /// How one deal stood, and since when; `None` where it was not known yet. `reader` reads by the stages of a pipeline,
    /// see [`Log::reader`].
    pub fn outcome(&self, reader: &Reader, deal: u32) -> Option<(Outcome, Option<i64>)> {
        let mut known = Vec::new();
        self.stays_of(self.log.ways.get(deal as usize)?, &mut known);
        (!known.is_empty()).then(|| reader.outcome(&known))
    }

    fn stays_of(&self, way: &Way, known: &mut Vec<Stay>) {
        known.clear();
        let stays = self.log.stays.get(way.stays.clone()).unwrap_or_default();
        known.extend(stays.iter().take_while(|known| known.entered_known <= self.until).map(|known| {
            if known.left_known <= self.until {
                known.stay
            } else {
                Stay { left: None, to: None, left_censored: known.begins_censored, ..known.stay }
            }
        }));
    }

    /// The value that a field (dotted name) of a deal had, of what was known: at a time, or else the last. `None` where it
    /// had none, and where the field is not among those that were read.
    pub fn value(&self, deal: u32, field: &str, at: Option<ValidAt>) -> Option<&'l str> {
        let log = self.log;
        let wanted = log.fields.iter().position(|name| **name == *field)?;
        let values = log.values.get(log.ways.get(deal as usize)?.values.clone())?;
        let known = values.iter().take_while(|value| value.known_at <= self.until);
        let of_field = known.filter(|value| usize::from(value.field) == wanted);
        let last = of_field.take_while(|value| at.is_none_or(|at| value.at <= at)).last()?;
        log.texts.get(last.text? as usize).map(|text| &**text)
    }

    /// The values that a field (dotted name) of a deal had one after the other, of what was known.
    pub fn values(&self, deal: u32, field: &str) -> impl Iterator<Item = &'l str> + use<'l> {
        let Past { log, until } = *self;
        let wanted = log.fields.iter().position(|name| **name == *field);
        let values = log.ways.get(deal as usize).and_then(|way| log.values.get(way.values.clone())).unwrap_or_default();
        let known = values.iter().take_while(move |value| value.known_at <= until);
        let of_field = known.filter(move |value| Some(usize::from(value.field)) == wanted);
        of_field.filter_map(|value| log.texts.get(value.text? as usize).map(|text| &**text))
    }

    /// The deals that came in, those of an import left out, by number.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + use<'l> {
        let Past { log, until } = *self;
        let first = move |(deal, way): (usize, &'l Way)| {
            let first = log.stays.get(way.stays.clone())?.first()?;
            let arrival = Arrival {
                deal: deal as u32,
                stage: first.stay.stage,
                at: first.stay.entered,
                known_at: KnownAt(first.entered_known),
            };
            (!way.imported && first.entered_known <= until && !arrival.at.is_odd()).then_some(arrival)
        };
        log.ways.iter().enumerate().filter_map(first)
    }
}

/// The facts of one deal while they are gathered.
#[derive(Default)]
struct Own {
    stays: Vec<KnownStay>,
    values: Vec<KnownValue>,
    imported: bool,
}

#[derive(Default)]
struct Writing<'h> {
    deals: HashMap<&'h DealId, Own>,
    stages: Vec<StageId>,
    stage_numbers: HashMap<&'h StageId, u32>,
    fields: Vec<Arc<str>>,
    texts: Vec<Box<str>>,
    text_numbers: HashMap<&'h str, u32>,
}

impl<'h> Writing<'h> {
    fn deal(&mut self, deal: &'h DealId) -> &mut Own {
        self.deals.entry(deal).or_default()
    }

    fn stage(&mut self, stage: &'h StageId) -> u32 {
        let stages = &mut self.stages;
        *self.stage_numbers.entry(stage).or_insert_with(|| {
            stages.push(stage.clone());
            stages.len() as u32 - 1
        })
    }

    fn enter(&mut self, deal: &'h DealId, stage: &'h StageId, at: ValidAt, known: KnownAt, censored: bool) {
        let stage = self.stage(stage);
        // A time that no clock showed is no beginning.
        let begins_censored = censored || at.is_odd();
        let stay = Stay { deal: 0, stage, to: None, entered: at, left: None, left_censored: begins_censored };
        self.deal(deal).stays.push(KnownStay { stay, begins_censored, entered_known: known.0, left_known: NEVER });
    }

    fn close(&mut self, deal: &'h DealId, at: ValidAt, known: KnownAt, to: Option<&'h StageId>) {
        let to = to.map(|to| self.stage(to));
        if let Some(open) = self.deal(deal).stays.last_mut().filter(|open| open.stay.left.is_none()) {
            open.stay.left = Some(at);
            open.stay.to = to;
            open.stay.left_censored |= at.is_odd();
            open.left_known = known.0;
        }
    }

    fn tidy(&mut self, deal: &'h DealId, to: &'h StageId, at: ValidAt, known: KnownAt) {
        self.close(deal, at, known, None);
        self.enter(deal, to, at, known, true);
    }

    fn value(&mut self, deal: &'h DealId, field: &'h Arc<str>, at: ValidAt, known: KnownAt, text: Option<&'h str>) {
        let number = self.fields.iter().position(|name| name == field).unwrap_or_else(|| {
            self.fields.push(field.clone());
            self.fields.len() - 1
        });
        let texts = &mut self.texts;
        let text = text.map(|text| {
            *self.text_numbers.entry(text).or_insert_with(|| {
                texts.push(text.into());
                texts.len() as u32 - 1
            })
        });
        self.deal(deal).values.push(KnownValue { field: number as u16, at, known_at: known.0, text });
    }

    fn log(self, first_known: Option<KnownAt>) -> Log {
        let mut deals: Vec<(&DealId, Own)> = self.deals.into_iter().collect();
        deals.sort_unstable_by_key(|(id, _)| *id);
        let mut log =
            Log { stages: self.stages, fields: self.fields, texts: self.texts, first_known, ..Log::default() };
        log.stays.reserve(deals.iter().map(|(_, own)| own.stays.len()).sum());
        log.values.reserve(deals.iter().map(|(_, own)| own.values.len()).sum());
        for (number, (_, own)) in deals.iter().enumerate() {
            let (first_stay, first_value) = (log.stays.len(), log.values.len());
            let numbered = |known: &KnownStay| KnownStay { stay: Stay { deal: number as u32, ..known.stay }, ..*known };
            log.stays.extend(own.stays.iter().map(numbered));
            log.values.extend_from_slice(&own.values);
            log.ways.push(Way {
                stays: first_stay..log.stays.len(),
                values: first_value..log.values.len(),
                imported: own.imported,
            });
        }
        log.deals = deals.into_iter().map(|(id, _)| id.clone()).collect();
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::fixture::event;
    use crate::history::event::Event;
    use crate::metrics::fixture::{day, history, pipeline};
    use crate::metrics::journey::Journey;

    fn stage(id: &str) -> StageId {
        StageId::new(id).unwrap()
    }

    fn moved(deal: &str, on: i64, known: i64, to: &str) -> Event {
        let direction = crate::history::event::Direction::Forward;
        event(deal, on, known, EventKind::Moved { from: stage("brief"), to: stage(to), direction })
    }

    fn changed(deal: &str, on: i64, field: &str, to: Option<&str>) -> Event {
        event(deal, on, on, EventKind::Changed { field: field.into(), from: None, to: to.map(str::to_owned) })
    }

    fn log() -> Log {
        Log::of(&history(
            vec![
                event("globex", 0, 0, EventKind::Created { stage: stage("brief") }),
                event("acme", 1, 1, EventKind::Created { stage: stage("brief") }),
                changed("acme", 1, "amount", Some("100")),
                // Written back: it happened on the third day and became known on the ninth.
                moved("acme", 3, 9, "offer"),
                changed("acme", 10, "amount", Some("70")),
                moved("acme", 12, 12, "won"),
                event("globex", 13, 13, EventKind::Removed { stage: stage("brief") }),
                changed("acme", 14, "amount", None),
            ],
            &[("acme", "region", "EU")],
        ))
    }

    fn ways(log: &Log, on: i64) -> Vec<(String, Outcome, Vec<i64>)> {
        let pipeline = pipeline(&["brief", "offer"]);
        let journeys = log.until(KnownAt(day(on))).journeys(&pipeline);
        let day_of = |seconds: i64| (seconds - day(0)) / 86_400;
        let way = |(id, journey): (&DealId, Journey<'_>)| {
            let entered = journey.visits.iter().map(|visit| day_of(visit.entered)).collect();
            (id.to_string(), journey.outcome, entered)
        };
        journeys.named().map(way).collect()
    }

    #[test]
    fn what_became_known_later_is_left_out_even_if_it_happened_before() {
        let log = log();
        assert_eq!(ways(&log, -1), []);
        let globex = |outcome| ("globex".to_owned(), outcome, vec![0]);
        let acme = |outcome, entered: &[i64]| ("acme".to_owned(), outcome, entered.to_vec());
        assert_eq!(ways(&log, 8), [acme(Outcome::Open, &[1]), globex(Outcome::Open)]);
        assert_eq!(ways(&log, 9), [acme(Outcome::Open, &[1, 3]), globex(Outcome::Open)]);
        assert_eq!(ways(&log, 13), [acme(Outcome::Won, &[1, 3, 12]), globex(Outcome::Withdrawn)]);
    }

    #[test]
    fn a_later_correction_of_a_value_does_not_travel_back() {
        let log = log();
        let acme = log.number_of(&DealId::new("acme").unwrap()).unwrap();
        let amount = |on| log.until(KnownAt(day(on))).value(acme, "amount", None);
        assert_eq!([0, 1, 9, 10, 13, 14].map(amount), [None, Some("100"), Some("100"), Some("70"), Some("70"), None]);
        let at = |on| log.until(KnownAt(day(20))).value(acme, "amount", Some(ValidAt(day(on))));
        assert_eq!([0, 5, 12, 15].map(at), [None, Some("100"), Some("70"), None]);
        assert_eq!(log.until(KnownAt(day(20))).value(acme, "region", None), Some("EU"));
        assert_eq!(log.until(KnownAt(day(20))).value(acme, "planet", None), None);
    }

    #[test]
    fn how_one_deal_stood_is_told_without_the_others() {
        let log = log();
        let pipeline = pipeline(&["brief", "offer"]);
        let acme = log.number_of(&DealId::new("acme").unwrap()).unwrap();
        let outcome = |on| log.until(KnownAt(day(on))).outcome(&log.reader(&pipeline), acme);
        assert_eq!(outcome(0), None);
        assert_eq!(outcome(11), Some((Outcome::Open, None)));
        assert_eq!(outcome(12), Some((Outcome::Won, Some(day(12)))));
        assert_eq!(log.until(KnownAt(day(0))).arrivals().count(), 1);
        assert_eq!(log.until(KnownAt(day(1))).arrivals().count(), 2);
    }
}
