//! The health of a pipeline: markers of trouble against the period before, and the deals that need somebody.

use chrono::{Days, NaiveDate};
use serde::Serialize;

use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::ident::StageId;
use crate::format::pipeline::{Pipeline, Status};
use crate::format::value::Value;
use crate::history::track::{Track, Tracks};

use super::compare::{self, Change, Confidence, Count, Share, Verdict};
use super::compared::{self, cycle_pace, stages_pace, to_next};
use super::cycle::first_stage;
use super::estimate::{Estimate, Floors};
use super::funnel::Window;
use super::journey::{Journeys, Outcome};
use super::leakage::{Leak, leakage};
use super::period::Span;
use super::quiet::{Card, Changes, QuietDeal};
use super::rows::Rows;

/// Days that are compared where nobody asked for others: thirteen whole weeks, so that weekends weigh the same, and a
/// quarter, as fewer say little of deals that take months.
pub const DAYS: u64 = 91;

/// A close date that was put off so often is fiction.
pub const MANY_PUSHES: usize = 3;

/// So many kinds of activity are compared at most, the most frequent ones.
const KINDS: usize = 4;

/// What a marker of trouble looks at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum About {
    /// Activities a week, of one kind or of all.
    Activities {
        /// What the activities say they are; `None`: all of them.
        what: Option<String>,
    },
    /// Deals that came in, a week.
    NewDeals,
    /// Conversion from a stage to the next.
    Conversion {
        /// The stage.
        stage: StageId,
        /// What people call it.
        title: String,
    },
    /// The share of deals closed that were won.
    WinRate,
    /// How fast deals leave the last stages before winning.
    LateStages,
    /// How fast deals are decided.
    Cycle,
    /// The share of open deals that are silent.
    Silent,
    /// The share of open deals on the last stages that have been there for too long.
    Stuck,
}

/// The value of a marker in one period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// So often a week.
    PerWeek(f64),
    /// A share, 0 to 1.
    Share(Estimate<f64>),
    /// A number of things that ended.
    Ended(usize),
}

/// A marker of trouble.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Marker {
    /// What it looks at.
    pub about: About,
    /// In the period before.
    pub before: Option<Reading>,
    /// In the period.
    pub now: Option<Reading>,
    /// Days that deals were given, where they were followed.
    pub within_days: Option<i64>,
    /// Now against before: a ratio for counts and paces, a difference for shares.
    pub change: Change,
    /// Whether that is trouble: a change for the worse that is no chance.
    pub is_trouble: bool,
}

/// A deal with a day that has passed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overdue {
    /// The deal.
    #[serde(flatten)]
    pub card: Card,
    /// The day.
    pub due: NaiveDate,
    /// Days since then.
    pub days: i64,
    /// What was to be done, for a next step.
    pub what: Option<String>,
}

/// A deal whose close date was put off again and again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pushed {
    /// The deal.
    #[serde(flatten)]
    pub card: Card,
    /// How often it was put off.
    pub pushes: usize,
    /// By how many days in all.
    pub days: i64,
    /// The close date now.
    pub close_date: Option<NaiveDate>,
}

/// The health of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// The days that are looked at.
    pub now: Span,
    /// The days before that they are compared with.
    pub before: Span,
    /// How many comparisons share the 95 %.
    pub comparisons: usize,
    /// The markers of trouble.
    pub markers: Vec<Marker>,
    /// Open deals.
    pub open: usize,
    /// Open deals without a meaningful change for longer than their stage's limit.
    pub stale: Rows<QuietDeal>,
    /// How many they are, however many are listed.
    pub stale_count: usize,
    /// Stages with a limit; without, no deal can be stale.
    pub limits: usize,
    /// Open deals without a meaningful change for longer than 95 of 100 visits to their stage last.
    pub silent: Rows<QuietDeal>,
    /// How many they are, however many are listed.
    pub silent_count: usize,
    /// Open deals past their close date.
    pub overdue_close_dates: Rows<Overdue>,
    /// How many they are, however many are listed.
    pub overdue_close_dates_count: usize,
    /// Open deals past the day of their next step.
    pub overdue_next_steps: Rows<Overdue>,
    /// Open deals without a next step.
    pub no_next_step: Rows<Card>,
    /// How many they are, however many are listed.
    pub no_next_step_count: usize,
    /// Open deals whose close date was put off three times or more.
    pub pushed: Rows<Pushed>,
    /// Where deals are lost.
    pub leakage: Vec<Leak>,
}

/// What it is made of.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its deals as known at the time.
    pub deals: &'a [Deal],
    /// Their journeys.
    pub journeys: &'a Journeys,
    /// The journeys of all deals, also of those that nobody asked for: they tell how long a visit usually lasts.
    pub all: &'a Journeys,
    /// What their fields were over time.
    pub tracks: &'a Tracks,
    /// Seconds since 1970.
    pub as_of: i64,
    /// The day that is taken for today.
    pub today: NaiveDate,
    /// The days to look at; `None`: the last [`DAYS`].
    pub span: Option<Span>,
    /// The days to compare them with; `None`: as many before.
    pub previous: Option<Span>,
    /// The floors.
    pub floors: Floors,
}

/// Looks at the health of a pipeline.
pub fn health(input: &Input<'_>) -> Health {
    let pipeline = input.pipeline;
    let changes =
        Changes::of(pipeline, input.deals, input.journeys, input.tracks, input.as_of, input.today, input.floors);
    let changes = if std::ptr::eq(input.all, input.journeys) { changes } else { changes.measured_by(input.all) };
    let last = input.span.map_or(input.today, |span| span.to.min(input.today).max(span.from));
    let few = |to: NaiveDate| Span { from: to.checked_sub_days(Days::new(DAYS - 1)).unwrap_or(to), to };
    let now = match input.span {
        Some(span) if input.previous.is_some() => Span { from: span.from, to: last },
        _ => few(last),
    };
    let before = input.previous.filter(|_| input.span.is_some()).unwrap_or_else(|| now.previous(None, 1));
    let asking = Asking { input, changes: &changes, now, before };
    let (markers, comparisons) = asking.markers();
    let silent = changes.silent(input.deals);
    let window = asking.window(now);
    let open: Vec<&Deal> = input.deals.iter().filter(|deal| pipeline.status(&deal.stage) == Status::Open).collect();
    let stale = changes.stale(input.deals);
    let late = overdue(input, &open, |deal| Some((deal.close_date()?, None)));
    let aimless = without_next_step(input, &open);
    Health {
        now,
        before,
        comparisons,
        markers,
        open: open.len(),
        stale_count: stale.len(),
        stale: stale.into(),
        limits: pipeline.stages.iter().take(pipeline.won_index()).filter(|stage| stage.limit.is_some()).count(),
        overdue_close_dates_count: late.len(),
        overdue_close_dates: late.into(),
        overdue_next_steps: overdue(input, &open, |deal| {
            let due = deal.value("next_step.due").and_then(Value::as_date)?;
            Some((due, deal.text("next_step.what").map(str::to_owned)))
        })
        .into(),
        no_next_step_count: aimless.len(),
        no_next_step: aimless.into(),
        pushed: pushed(input, &open).into(),
        leakage: leakage(pipeline, input.deals, input.journeys, input.tracks, window, &silent, input.floors),
        silent_count: silent.len(),
        silent: silent.into(),
    }
}

fn overdue(
    input: &Input<'_>,
    open: &[&Deal],
    due: impl Fn(&Deal) -> Option<(NaiveDate, Option<String>)>,
) -> Vec<Overdue> {
    let late = |deal: &&Deal| {
        let (due, what) = due(deal)?;
        let days = input.today.signed_duration_since(due).num_days();
        (days > 0).then(|| Overdue { card: Card::of(input.pipeline, deal), due, days, what })
    };
    let mut late: Vec<Overdue> = open.iter().filter_map(late).collect();
    late.sort_by(|a, b| a.due.cmp(&b.due).then_with(|| a.card.id.cmp(&b.card.id)));
    late
}

fn without_next_step(input: &Input<'_>, open: &[&Deal]) -> Vec<Card> {
    let has = |deal: &Deal| deal.text("next_step.what").is_some_and(|what| !what.trim().is_empty());
    let mut without: Vec<Card> =
        open.iter().filter(|deal| !has(deal)).map(|deal| Card::of(input.pipeline, deal)).collect();
    without.sort_by(|a, b| a.id.cmp(&b.id));
    without
}

/// How often the close date of a deal was put off, and by how many days in all.
pub fn pushes(track: Track<'_>) -> (usize, i64) {
    let day = |text: Option<&str>| text.and_then(|text| parse_date(text.trim()).ok());
    let mut known: Option<NaiveDate> = None;
    let (mut pushes, mut days) = (0, 0);
    for change in track.changes("close_date") {
        let (from, to) = (day(change.from).or(known), day(change.to));
        if let (Some(from), Some(to)) = (from, to)
            && to > from
        {
            pushes += 1;
            days += to.signed_duration_since(from).num_days();
        }
        known = to.or(known);
    }
    (pushes, days)
}

fn pushed(input: &Input<'_>, open: &[&Deal]) -> Vec<Pushed> {
    let often = |deal: &&Deal| {
        let (pushes, days) = pushes(input.tracks.of_deal(&deal.id));
        let close_date = deal.close_date();
        (pushes >= MANY_PUSHES).then(|| Pushed { card: Card::of(input.pipeline, deal), pushes, days, close_date })
    };
    let mut often: Vec<Pushed> = open.iter().filter_map(often).collect();
    often.sort_by(|a, b| b.pushes.cmp(&a.pushes).then_with(|| a.card.id.cmp(&b.card.id)));
    often
}

/// What is compared between two spans.
struct Asking<'a> {
    input: &'a Input<'a>,
    changes: &'a Changes<'a>,
    now: Span,
    before: Span,
}

impl Asking<'_> {
    fn window(&self, span: Span) -> Window {
        let pipeline = self.input.pipeline;
        Window { from: Some(pipeline.start_of(span.from)), until: Some(pipeline.end_of(span.to).saturating_add(1)) }
    }

    fn markers(&self) -> (Vec<Marker>, usize) {
        let pipeline = self.input.pipeline;
        let stages = pipeline.won_index().min(pipeline.stages.len());
        let kinds = self.kinds();
        // All activities, each kind, new deals, each stage, win rate, late stages, cycle, silent, stuck.
        let comparisons = kinds.len() + stages + 7;
        let confidence = Confidence::of(comparisons);
        let mut markers = vec![self.activities(None, confidence)];
        markers.extend(kinds.into_iter().map(|kind| self.activities(Some(kind), confidence)));
        markers.push(self.new_deals(confidence));
        let compared = compared::Input {
            pipeline,
            journeys: self.input.journeys,
            as_of: self.input.as_of,
            before: self.window(self.before),
            now: self.window(self.now),
            within: None,
            floors: self.input.floors,
        };
        for (index, stage) in pipeline.stages.iter().enumerate().take(stages) {
            let shift = to_next(&compared, index, confidence);
            markers.push(Marker {
                about: About::Conversion { stage: stage.id.clone(), title: stage.title.clone() },
                before: Some(Reading::Share(shift.before)),
                now: Some(Reading::Share(shift.now)),
                within_days: Some(shift.within_days),
                is_trouble: shift.change.verdict == Verdict::Down,
                change: shift.change,
            });
        }
        markers.push(self.win_rate(confidence));
        let pace = |about: About, pace: compare::Pace| Marker {
            about,
            before: None,
            now: Some(Reading::Ended(pace.ended)),
            within_days: None,
            is_trouble: pace.ratio.verdict == Verdict::Down,
            change: pace.ratio,
        };
        markers.push(pace(About::LateStages, stages_pace(&compared, self.late_stages(), confidence)));
        markers.push(pace(About::Cycle, cycle_pace(&compared, confidence)));
        markers.push(self.open_deals(About::Silent, confidence));
        markers.push(self.open_deals(About::Stuck, confidence));
        (markers, comparisons)
    }

    /// The last third of the stages before winning.
    fn late_stages(&self) -> std::ops::Range<usize> {
        let stages = self.input.pipeline.won_index().min(self.input.pipeline.stages.len());
        stages - stages.div_ceil(3)..stages
    }

    /// The kinds of activity that are frequent enough to be compared, the most frequent first.
    fn kinds(&self) -> Vec<String> {
        let mut counts: std::collections::BTreeMap<String, usize> = Default::default();
        for (on, what) in self.input.deals.iter().flat_map(activities) {
            if self.now.contains(on) || self.before.contains(on) {
                *counts.entry(what.to_lowercase()).or_default() += 1;
            }
        }
        let mut kinds: Vec<(String, usize)> =
            counts.into_iter().filter(|(what, count)| !what.is_empty() && *count >= 10).collect();
        kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        kinds.into_iter().take(KINDS).map(|(what, _)| what).collect()
    }

    fn activities(&self, kind: Option<String>, confidence: Confidence) -> Marker {
        let wanted = |what: &str| kind.as_ref().is_none_or(|kind| what.to_lowercase() == *kind);
        let own = |deal: &Deal| -> Vec<NaiveDate> {
            activities(deal).filter(|(_, what)| wanted(what)).map(|(on, _)| on).collect()
        };
        let bunches: Vec<Vec<NaiveDate>> = self.input.deals.iter().map(own).collect();
        self.per_week(About::Activities { what: kind.clone() }, &bunches, confidence)
    }

    fn new_deals(&self, confidence: Confidence) -> Marker {
        let first = |journey| first_stage(&journey).filter(|first| !first.left_censored);
        let visits = self.input.journeys.iter().filter_map(first);
        let bunches: Vec<Vec<NaiveDate>> =
            visits.map(|visit| vec![self.input.pipeline.day_of(visit.entered)]).collect();
        self.per_week(About::NewDeals, &bunches, confidence)
    }

    /// How often something happens a week, by the days on which it did. What hangs together comes in one bunch.
    fn per_week(&self, about: About, bunches: &[Vec<NaiveDate>], confidence: Confidence) -> Marker {
        let days: Vec<NaiveDate> = bunches.iter().flatten().copied().collect();
        let inside = |days: &[NaiveDate], span: Span| days.iter().filter(|day| span.contains(**day)).count() as u64;
        let weeks = |span: Span| -> Vec<u64> {
            let mut counts = vec![0_u64; (span.days() / 7) as usize];
            for day in days.iter().filter(|day| span.contains(**day)) {
                let week = day.signed_duration_since(span.from).num_days() / 7;
                counts.iter_mut().skip(week as usize).take(1).for_each(|count| *count += 1);
            }
            counts
        };
        let count = |span: Span| Count { times: inside(&days, span), watched: span.days() as f64 / 7.0 };
        let own: Vec<(u64, u64)> =
            bunches.iter().map(|days| (inside(days, self.before), inside(days, self.now))).collect();
        let spread = compare::dispersion(&[&weeks(self.before), &weeks(self.now)]).max(compare::bunched(&own));
        let (before, now) = (count(self.before), count(self.now));
        let few = (before.times + now.times) < self.input.floors.quantile as u64;
        let change = if few { Change::too_early() } else { compare::counts(before, now, spread, confidence) };
        let rate = |count: Count| Some(Reading::PerWeek(count.times as f64 / count.watched));
        Marker {
            about,
            before: rate(before),
            now: rate(now),
            within_days: None,
            is_trouble: change.verdict == Verdict::Down,
            change,
        }
    }

    fn win_rate(&self, confidence: Confidence) -> Marker {
        let closed = |span: Span| {
            let window = self.window(span);
            let mut counts = (0, 0);
            for journey in self.input.journeys.iter() {
                if journey.decided.is_some_and(|at| window.holds(at)) {
                    match journey.outcome {
                        Outcome::Won => counts = (counts.0 + 1, counts.1 + 1),
                        Outcome::Lost => counts.1 += 1,
                        Outcome::Open | Outcome::Recycled | Outcome::Withdrawn => {}
                    }
                }
            }
            counts
        };
        self.shares(About::WinRate, closed(self.before), closed(self.now), Verdict::Down, confidence)
    }

    /// A share of open deals, at the end of each span.
    fn open_deals(&self, about: About, confidence: Confidence) -> Marker {
        let late = self.late_stages();
        let at = |span: Span| {
            let time = self.input.pipeline.end_of(span.to).min(self.input.as_of);
            let mut counts = (0, 0);
            for (id, _) in self.input.journeys.named() {
                let Some((stage, visit)) = self.changes.open_at(id, time) else { continue };
                let is_bad = match about {
                    About::Stuck if !late.contains(&stage) => continue,
                    About::Stuck => self.changes.is_stuck(stage, &visit, time),
                    _ => self.changes.is_silent(id, stage, time),
                };
                counts = (counts.0 + usize::from(is_bad), counts.1 + 1);
            }
            counts
        };
        let (before, now) = (at(self.before), at(self.now));
        self.shares(about, before, now, Verdict::Up, confidence)
    }

    fn shares(
        &self,
        about: About,
        before: (usize, usize),
        now: (usize, usize),
        trouble: Verdict,
        confidence: Confidence,
    ) -> Marker {
        let floor = self.input.floors.rate.max(1);
        let estimate = |(part, whole): (usize, usize)| {
            let interval = super::interval::wilson(part, whole).filter(|_| whole >= floor);
            let known = |(low, high)| Estimate::Known {
                value: part as f64 / whole as f64,
                n: whole,
                low: Some(low),
                high: Some(high),
            };
            Some(Reading::Share(interval.map_or(Estimate::TooEarly { n: whole }, known)))
        };
        let change = match (Share::of(before.0, before.1), Share::of(now.0, now.1)) {
            (Some(was), Some(is)) if before.1.min(now.1) >= floor => compare::shares(was, is, confidence),
            _ => Change::too_early(),
        };
        Marker {
            about,
            before: estimate(before),
            now: estimate(now),
            within_days: None,
            is_trouble: change.verdict == trouble,
            change,
        }
    }
}

/// The activities of a deal: the day, and what it says it was.
fn activities(deal: &Deal) -> impl Iterator<Item = (NaiveDate, &str)> {
    let items = deal.value("activity").and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(|item| {
        let block = item.value.as_block()?;
        let on = block.get("on")?.value.as_date()?;
        Some((on, block.get("what").and_then(|what| what.value.as_text()).unwrap_or_default().trim()))
    })
}

#[cfg(test)]
mod tests;
