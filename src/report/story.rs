//! The story of one deal in words: what happened, when, by whom, and how long it was where.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};

use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::money::Money;
use crate::format::pipeline::{EndKind, Pipeline, Place, Status};
use crate::format::schema;
use crate::history::History;
use crate::history::event::{Direction, Event, EventKind, KnownAt};
use crate::history::export::is_at_edge;
use crate::history::fields::ALWAYS;
use crate::history::one_deal::{Happening, happenings, spells_of};
use crate::history::spell::Spell;
use crate::metrics::DAY;

use super::lang::Lang;
use super::number;

/// What a story is made of.
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its history.
    pub history: &'a History,
    /// The deal.
    pub deal: &'a DealId,
    /// Its file, where it is there and can be read.
    pub file: Option<&'a Deal>,
    /// Up to when visits that last are counted.
    pub until: KnownAt,
    /// The day that this is.
    pub today: NaiveDate,
    /// Leaves out changed fields.
    pub only_moves: bool,
    /// Whether the commit of an event takes back another one.
    pub is_revert: &'a dyn Fn(&Event) -> bool,
}

/// A deal from its beginning. All texts may hold words of the repository, which nobody has made harmless yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The title, or the id where the file is not there.
    pub title: String,
    /// How it stands: id, stage, amount, close date, owner.
    pub standing: Vec<String>,
    /// What happened, oldest first.
    pub moments: Vec<Moment>,
    /// How long it was in each stage, in the order in which it came there.
    pub stays: Vec<Stay>,
    /// The same for all of them.
    pub total: Option<Stay>,
    /// What has to be known to read it.
    pub notes: Vec<String>,
}

/// What one commit did to the deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, in the pipeline's time zone: `2026-09-18 11:24`.
    pub when: String,
    /// How long after the moment before: `+6 d`; empty for the first.
    pub after: String,
    /// By whom: a name, or an address where there is no name.
    pub who: String,
    /// What, each with how it is to be taken.
    pub told: Vec<(Tone, String)>,
}

/// How something is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A field changed, or a remark.
    Detail,
    /// The deal came in or went on.
    Step,
    /// It was won.
    Good,
    /// It was lost.
    Bad,
    /// It went back, over a stage, or away.
    Odd,
}

/// How long the deal was somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Where.
    pub place: String,
    /// How long: `8 days`, `at least 8 days`.
    pub length: String,
    /// `so far`, `in 2 visits`.
    pub remark: String,
}

/// Tells the story of a deal.
pub fn story(input: &Input<'_>) -> Story {
    let spells = spells_of(input.history, input.deal);
    let mut teller = Teller { input, here: None, gone: None, corrected: false, unasked: false };
    let mut moments: Vec<Moment> = Vec::new();
    let mut before: Option<i64> = None;
    for group in happenings(input.history, input.deal).chunk_by(together) {
        let told = teller.tell(group);
        let Some(first) = group.first().filter(|_| !told.is_empty()) else { continue };
        let at = at(first);
        let after = before.map_or_else(String::new, |before| gap(at.saturating_sub(before)));
        before = Some(at);
        moments.push(Moment { when: minute(input.pipeline, at), after, who: who(first), told });
    }
    let (stays, total) = stays(input, &spells);
    let mut notes = Vec::new();
    if teller.corrected {
        notes.push("Time corrected: the clock of that commit disagreed with those around it.".to_owned());
    }
    if teller.unasked {
        notes.push(
            "Not counted: .tussock-ignore-revs lists the commit, so what it moved is moved, but no time is taken from it."
                .to_owned(),
        );
    }
    notes.push(format!("Looked at on {}; times are those of {}.", input.today, input.pipeline.timezone.name()));
    Story { title: title(input), standing: standing(input, &spells), moments, stays, total, notes }
}

fn at(happening: &Happening<'_>) -> i64 {
    match happening {
        Happening::Event(event) => event.at.0,
        Happening::Ignored(silent) => silent.at.0,
    }
}

/// Whether two things are one moment: the same commit did both.
fn together(a: &Happening<'_>, b: &Happening<'_>) -> bool {
    let commit = |happening: &Happening<'_>| match happening {
        Happening::Event(event) => event.commit,
        Happening::Ignored(silent) => silent.commit,
    };
    commit(a) == commit(b) && at(a) == at(b)
}

/// Of a commit that only tidied up nobody asks who it was.
fn who(happening: &Happening<'_>) -> String {
    match happening {
        Happening::Event(event) if event.author.name.trim().is_empty() => event.author.email.clone(),
        Happening::Event(event) => event.author.name.clone(),
        Happening::Ignored(_) => String::new(),
    }
}

/// Goes through the history of a deal and keeps what a later sentence needs of it.
struct Teller<'a> {
    input: &'a Input<'a>,
    /// Since when it is where it is, and whether that is its true beginning.
    here: Option<(i64, bool)>,
    /// When its file was removed.
    gone: Option<i64>,
    corrected: bool,
    unasked: bool,
}

impl Teller<'_> {
    /// What one commit did. The next step is one sentence, though it has two fields.
    fn tell(&mut self, group: &[Happening<'_>]) -> Vec<(Tone, String)> {
        let input = self.input;
        let mut told = Vec::new();
        let mut changed: BTreeMap<&str, (Option<&str>, Option<&str>)> = BTreeMap::new();
        let mut order: Vec<&str> = Vec::new();
        let mut born = false;
        let (mut clamped, mut later) = (false, None);
        for item in group {
            match item {
                Happening::Event(Event { kind: EventKind::Changed { field, from, to }, .. }) => {
                    order.push(field);
                    changed.insert(field, (from.as_deref(), to.as_deref()));
                }
                Happening::Event(event) => {
                    born |= matches!(event.kind, EventKind::Created { .. });
                    let (tone, words) = self.step(event);
                    let revert = if (self.input.is_revert)(event) { ", by a revert" } else { "" };
                    told.push((tone, format!("{words}{revert}")));
                }
                Happening::Ignored(silent) => {
                    self.unasked = true;
                    let (from, to) = (self.title(&silent.from), self.title(&silent.to));
                    told.push((Tone::Odd, format!("{from} → {to} (not counted)")));
                    self.here = Some((silent.at.0, false));
                }
            }
            if let Happening::Event(event) = item {
                clamped |= event.clamped;
                let day = |seconds| day(self.input.pipeline, seconds);
                later = Some(event.known_at.0).filter(|known| day(*known) != day(event.at.0)).or(later);
            }
        }
        if !input.only_moves {
            if born && let Some(values) = input.history.born.get(input.deal) {
                let usual = |field: &str| ALWAYS.iter().position(|always| *always == field).unwrap_or(ALWAYS.len());
                let mut values: Vec<_> = values.iter().collect();
                values.sort_by_key(|(field, _)| usual(field));
                for (field, value) in values {
                    // A deal that comes in by a merge may have changed inside the branch already.
                    if !changed.contains_key(&**field) {
                        order.push(field);
                        changed.insert(field, (None, Some(value)));
                    }
                }
            }
            self.fields(&order, &changed, &mut told);
        }
        if let Some((_, words)) = told.first_mut() {
            if let Some(known) = later {
                words.push_str(&format!(" (known here since {})", day(self.input.pipeline, known)));
            }
            if clamped {
                self.corrected = true;
                words.push_str(" (time corrected)");
            }
        }
        told
    }

    /// What became of the deal's place.
    fn step(&mut self, event: &Event) -> (Tone, String) {
        let at = event.at.0;
        match &event.kind {
            EventKind::Created { stage } => {
                let imported = self.input.history.imports.contains(&event.commit);
                self.here = Some((at, !imported));
                let stage = self.title(stage);
                if is_at_edge(self.input.history, event) {
                    let words = "was there already where this shallow clone begins, so its beginning is not known";
                    (Tone::Odd, format!("{stage}: {words}"))
                } else if imported {
                    (Tone::Step, format!("Came in with an import, so its beginning is earlier: {stage}"))
                } else {
                    (Tone::Step, format!("Came in: {stage}"))
                }
            }
            EventKind::Moved { from, to, direction } => {
                let stayed = self.stayed(at, from);
                self.here = Some((at, true));
                self.moved(from, to, *direction, &stayed)
            }
            EventKind::Removed { stage } => {
                let stayed = self.stayed(at, stage);
                (self.here, self.gone) = (None, Some(at));
                (Tone::Odd, format!("Its file was removed{stayed}"))
            }
            EventKind::Restored { stage } => {
                let gap =
                    self.gone.take().map(|gone| format!(", after it was gone for {}", span(at.saturating_sub(gone))));
                self.here = Some((at, true));
                (Tone::Odd, format!("Came back: {}{}", self.title(stage), gap.unwrap_or_default()))
            }
            EventKind::Renamed { from } => (Tone::Detail, format!("Was called {from} until then")),
            EventKind::Changed { .. } => (Tone::Detail, String::new()),
        }
    }

    fn moved(&self, from: &StageId, to: &StageId, direction: Direction, stayed: &str) -> (Tone, String) {
        let pipeline = self.input.pipeline;
        let title = self.title(to);
        match direction {
            Direction::Forward if pipeline.status(to) != pipeline.status(from) => {
                (Tone::Good, format!("On to {title}, which counts as won{stayed}"))
            }
            Direction::Forward => (Tone::Step, format!("On to {title}{stayed}")),
            Direction::Skip => {
                let over = skipped(pipeline, from, to).join(" and ");
                let won = if pipeline.status(to) != pipeline.status(from) { ", which counts as won" } else { "" };
                (Tone::Odd, format!("On to {title}, over {over}{won}{stayed}"))
            }
            Direction::Back => (Tone::Odd, format!("Back to {title}{stayed}")),
            Direction::Reopened => (Tone::Odd, format!("Reopened: {title}{stayed}")),
            Direction::End | Direction::Unknown => match pipeline.place(to.as_str()) {
                Some(Place::End(end)) => {
                    let (tone, kind) = match end.kind {
                        EndKind::Won => (Tone::Good, "Won"),
                        EndKind::Lost => (Tone::Bad, "Lost"),
                        EndKind::Recycled => (Tone::Odd, "Recycled"),
                    };
                    let name = if end.title.eq_ignore_ascii_case(kind) { String::new() } else { format!(": {title}") };
                    (tone, format!("{kind}{name}{stayed}"))
                }
                Some(Place::Stage(..)) => (Tone::Odd, format!("To {title}{stayed}")),
                None => (Tone::Odd, format!("To {title}, a folder that is no stage{stayed}")),
            },
        }
    }

    /// `, after 9 days in Proposal`.
    fn stayed(&self, at: i64, stage: &StageId) -> String {
        let Some((since, known)) = self.here else { return String::new() };
        let least = if known { "" } else { "at least " };
        format!(", after {least}{} in {}", span(at.saturating_sub(since)), self.title(stage))
    }

    fn title(&self, stage: &StageId) -> String {
        place_title(self.input.pipeline, stage)
    }

    fn fields(
        &self,
        order: &[&str],
        changed: &BTreeMap<&str, (Option<&str>, Option<&str>)>,
        told: &mut Vec<(Tone, String)>,
    ) {
        let pipeline = self.input.pipeline;
        let mut next_step = false;
        for field in order {
            let Some((from, to)) = changed.get(field).copied() else { continue };
            let words = match *field {
                "next_step.what" | "next_step.due" if std::mem::replace(&mut next_step, true) => continue,
                "next_step.what" | "next_step.due" => {
                    let part = |name: &str| changed.get(name).copied();
                    next_words(part("next_step.what"), part("next_step.due"))
                }
                "amount" => arrow(from.map(|v| money(pipeline, v)), to.map(|v| money(pipeline, v))),
                "close_date" => {
                    let days = from.zip(to).and_then(|(from, to)| Some((parse_date(from).ok()?, parse_date(to).ok()?)));
                    let moved = days.map(|(from, to)| to.signed_duration_since(from).num_days());
                    let by = match moved {
                        Some(n) if n != 0 => {
                            format!(", {} {}", count_days(n.abs()), if n > 0 { "later" } else { "earlier" })
                        }
                        _ => String::new(),
                    };
                    format!("{}{by}", arrow(from.map(str::to_owned), to.map(str::to_owned)))
                }
                _ => arrow(from.map(str::to_owned), to.map(str::to_owned)),
            };
            told.push((Tone::Detail, format!("{}: {words}", label(pipeline, field))));
        }
    }
}

/// What is told of a next step, of which either part may have changed.
fn next_words(what: Option<(Option<&str>, Option<&str>)>, due: Option<(Option<&str>, Option<&str>)>) -> String {
    let now = |part: Option<(Option<&str>, Option<&str>)>| part.and_then(|(_, to)| to.map(str::to_owned));
    match (what, due) {
        (Some((_, Some(what))), due) => now(due).map_or_else(|| what.to_owned(), |due| format!("{what}, due {due}")),
        (Some((_, None)), _) => "none any more".to_owned(),
        (None, Some((from, Some(due)))) => {
            format!("now due {due}{}", from.map_or_else(String::new, |was| format!(" (was {was})")))
        }
        (None, Some((_, None))) => "not due on a day any more".to_owned(),
        (None, None) => String::new(),
    }
}

fn arrow(from: Option<String>, to: Option<String>) -> String {
    match (from, to) {
        (None, Some(to)) => to,
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (Some(from), None) => format!("{from} → none"),
        (None, None) => String::new(),
    }
}

fn money(pipeline: &Pipeline, value: &str) -> String {
    match Money::parse(value, pipeline.currency) {
        Ok(money) => number::money(money.amount, money.currency, Lang::En),
        Err(_) => value.to_owned(),
    }
}

/// What people call a field.
fn label(pipeline: &Pipeline, field: &str) -> String {
    let name = if field.starts_with("next_step.") { "next_step" } else { field };
    if let Some(label) = schema::find(&pipeline.fields, name).and_then(|spec| spec.label.clone()) {
        return label;
    }
    match name {
        "amount" => "Amount".to_owned(),
        "close_date" => "Close date".to_owned(),
        "owner" => "Owner".to_owned(),
        "next_step" => "Next step".to_owned(),
        other => other.to_owned(),
    }
}

fn place_title(pipeline: &Pipeline, stage: &StageId) -> String {
    pipeline.place(stage.as_str()).map_or(stage.as_str(), |place| place.title()).to_owned()
}

/// The stages that a move left out.
fn skipped(pipeline: &Pipeline, from: &StageId, to: &StageId) -> Vec<String> {
    let index = |stage: &StageId| pipeline.stages.iter().position(|s| s.id == *stage);
    let between = index(from).zip(index(to)).and_then(|(from, to)| pipeline.stages.get(from + 1..to));
    between.unwrap_or_default().iter().filter(|s| !s.optional).map(|s| s.title.clone()).collect()
}

fn title(input: &Input<'_>) -> String {
    input.file.map(|deal| deal.title().to_owned()).filter(|t| !t.trim().is_empty()).unwrap_or(input.deal.to_string())
}

/// How the deal stands at the end of its story.
fn standing(input: &Input<'_>, spells: &[Spell]) -> Vec<String> {
    let pipeline = input.pipeline;
    let mut parts = vec![input.deal.to_string()];
    match spells.last() {
        Some(spell) if spell.left.is_none() => {
            let since = day(pipeline, spell.entered.0);
            let lost = input.file.and_then(|deal| deal.value("lost.reason")).map(super::listing::text);
            match pipeline.place(spell.stage.as_str()) {
                Some(Place::End(end)) => {
                    let reason = lost.filter(|_| end.kind == EndKind::Lost).map(|why| format!(" ({why})"));
                    let status = pipeline.status(&spell.stage).as_str();
                    parts.push(format!("{status}{} since {since}", reason.unwrap_or_default()));
                }
                _ => {
                    let status = pipeline.status(&spell.stage);
                    parts.extend((status != Status::Open).then(|| status.as_str().to_owned()));
                    let least = if spell.left_censored { "at least " } else { "" };
                    let length = lasting(input.until.0.saturating_sub(spell.entered.0));
                    parts.push(format!("{}, {least}{length} so far", place_title(pipeline, &spell.stage)));
                }
            }
        }
        Some(Spell { left: Some(left), .. }) => parts.push(format!("removed on {}", day(pipeline, left.0))),
        _ => {}
    }
    if let Some(deal) = input.file {
        parts.extend(deal.amount().map(|money| number::money(money.amount, money.currency, Lang::En)));
        parts.extend(deal.close_date().map(|date| format!("closing {date}")));
        parts.extend(deal.owner().map(str::to_owned));
    }
    parts
}

/// How long the deal was where. Where it ended is not a place to spend time in, unless it was reopened.
fn stays(input: &Input<'_>, spells: &[Spell]) -> (Vec<Stay>, Option<Stay>) {
    struct Sum<'s> {
        stage: &'s StageId,
        seconds: i64,
        visits: usize,
        lasts: bool,
        known: bool,
    }
    let is_end = |stage: &StageId| matches!(input.pipeline.place(stage.as_str()), Some(Place::End(_)));
    let mut sums: Vec<Sum<'_>> = Vec::new();
    for spell in spells.iter().filter(|spell| spell.left.is_some() || !is_end(&spell.stage)) {
        let until = spell.left.map_or(input.until.0, |left| left.0);
        let seconds = until.saturating_sub(spell.entered.0).max(0);
        let lasts = spell.left.is_none();
        match sums.iter_mut().find(|sum| *sum.stage == spell.stage) {
            Some(sum) => {
                sum.seconds = sum.seconds.saturating_add(seconds);
                sum.visits += 1;
                sum.lasts |= lasts;
                sum.known &= !spell.left_censored;
            }
            None => sums.push(Sum { stage: &spell.stage, seconds, visits: 1, lasts, known: !spell.left_censored }),
        }
    }
    let length = |seconds: i64, known: bool, lasts: bool| {
        let words = if lasts { lasting(seconds) } else { span(seconds) };
        format!("{}{words}", if known { "" } else { "at least " })
    };
    let remark = |visits: usize, lasts: bool| match (visits, lasts) {
        (1, true) => "so far".to_owned(),
        (1, false) => String::new(),
        (n, true) => format!("so far, in {n} visits"),
        (n, false) => format!("in {n} visits"),
    };
    let stay = |sum: &Sum<'_>| Stay {
        place: place_title(input.pipeline, sum.stage),
        length: length(sum.seconds, sum.known, sum.lasts),
        remark: remark(sum.visits, sum.lasts),
    };
    let total = (!sums.is_empty()).then(|| {
        let seconds = sums.iter().fold(0_i64, |all, sum| all.saturating_add(sum.seconds));
        let lasts = sums.iter().any(|sum| sum.lasts);
        let from = spells.first().map(|spell| day(input.pipeline, spell.entered.0));
        let to = spells.last().filter(|_| !lasts).map(|spell| {
            let end = if is_end(&spell.stage) { spell.entered } else { spell.left.unwrap_or(spell.entered) };
            format!(" to {}", day(input.pipeline, end.0))
        });
        let from = from.map(|from| if to.is_some() { format!("from {from}") } else { format!("since {from}") });
        Stay {
            place: "In all".to_owned(),
            length: length(seconds, sums.iter().all(|sum| sum.known), lasts),
            remark: from.unwrap_or_default() + &to.unwrap_or_default(),
        }
    });
    (sums.iter().map(stay).collect(), total)
}

fn day(pipeline: &Pipeline, seconds: i64) -> NaiveDate {
    crate::forecast::day_of(pipeline, seconds)
}

/// A time in the pipeline's time zone, to the minute.
fn minute(pipeline: &Pipeline, seconds: i64) -> String {
    match DateTime::from_timestamp(seconds, 0) {
        Some(time) => pipeline.timezone.at(time).format("%Y-%m-%d %H:%M").to_string(),
        None => seconds.to_string(),
    }
}

/// A length of time: full days, hours below one.
fn span(seconds: i64) -> String {
    match seconds {
        ..3600 => "less than an hour".to_owned(),
        3600..7200 => "1 hour".to_owned(),
        7200..DAY => format!("{} hours", seconds / 3600),
        _ => count_days(seconds / DAY),
    }
}

/// The length of a stay that lasts. It is counted to the end of a day, so hours would say what nobody knows.
fn lasting(seconds: i64) -> String {
    if seconds < DAY { "less than a day".to_owned() } else { count_days(seconds / DAY) }
}

fn count_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{} days", number::thousands(&days.to_string(), Lang::En)) }
}

/// The time between two moments in short; nothing below a minute.
fn gap(seconds: i64) -> String {
    match seconds {
        ..60 => String::new(),
        60..3600 => format!("+{} min", seconds / 60),
        3600..DAY => format!("+{} h", seconds / 3600),
        _ => format!("+{} d", number::thousands(&(seconds / DAY).to_string(), Lang::En)),
    }
}
