//! What reports consist of.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde::Serialize;

use crate::format::ident::{CriterionId, DealId};
use crate::format::money::Currency;
use crate::metrics::period::Span;

use super::asked::{EARLIEST, Profile};
use super::history::HistoryBlock;
use super::lang::Lang;
use super::{Facts, Kind};

/// Version of the JSON of reports. It grows when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// Where the facts come from, as far as only the caller knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The commit whose tree was read, as hexadecimal; `None` outside git.
    pub commit: Option<String>,
    /// Deals, closed ones too.
    pub deals: usize,
    /// What the files of the deals are like; `None` where none of them was read.
    pub files: Option<Files>,
    /// Deals that differ in the work tree; `None` where nobody looked.
    pub uncommitted: Option<usize>,
    /// Events whose time had to be corrected.
    pub clamped: usize,
    /// Moves over a stage that is not optional.
    pub jumps: usize,
    /// Version of the tool.
    pub version: String,
}

/// What the files of deals are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Those that could not be read.
    pub unreadable: usize,
    /// Those left out because the deal lies in another place too.
    pub doubled: usize,
}

/// A criterion that was waived for a deal and would not hold otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The deal.
    pub deal: DealId,
    /// The criterion.
    pub criterion: CriterionId,
    /// Who waived it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub on: NaiveDate,
}

/// Something that needs somebody's attention, and how often it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// Id of the rule that found it.
    pub rule: String,
    /// What it is, in words: "overdue close dates".
    pub text: String,
    /// How many deals it concerns, or files and folders where it concerns no deal.
    pub deals: usize,
}

/// What all reports begin with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Head {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Always `report`.
    pub kind: &'static str,
    /// Which one.
    pub report: &'static str,
    /// The time it is about, RFC 3339 in UTC.
    pub as_of: String,
    /// The day that is in the pipeline's time zone.
    pub day: NaiveDate,
    /// The pipeline.
    pub pipeline: PipelineHead,
    /// The days it is about; `None`: all up to now.
    pub span: Option<DaysOf>,
    /// The days it compares them with.
    pub previous: Option<DaysOf>,
    /// The expression that chose the deals; `None`: all of them.
    pub filter: Option<String>,
    /// Who it is for.
    pub profile: Profile,
    /// The language of its Markdown. What stands here and what scripts read is English.
    pub lang: Lang,
    /// The words for what a pipeline may call by another name: `deal`, `deals`, `won`, `lost`, `recycled`, `stage`,
    /// `owner`, `account`, `amount`, and whatever else its `labels` give.
    pub words: BTreeMap<String, String>,
    /// Whether there is any history; without, nothing is known of conversions and times.
    pub has_history: bool,
    /// Whether history begins in the middle, so that numbers that rest on it are bounds at best.
    pub incomplete: bool,
    /// What is to be said of the history; `None` where there is none.
    pub history: Option<HistoryBlock>,
    /// Where the numbers come from.
    pub source: SourceLine,
    /// What the numbers mean, by name.
    pub definitions: BTreeMap<&'static str, &'static str>,
}

/// Days in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DaysOf {
    /// The first one; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last one.
    pub to: NaiveDate,
}

impl From<Span> for DaysOf {
    fn from(span: Span) -> Self {
        DaysOf { from: (span.from > EARLIEST).then_some(span.from), to: span.to }
    }
}

/// The pipeline, as reports name it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineHead {
    /// What people call it.
    pub title: String,
    /// Currency of the sums.
    pub currency: Currency,
    /// Where a day begins.
    pub timezone: String,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceLine {
    /// The commit; `None` outside git.
    pub commit: Option<String>,
    /// Up to when the branch's knowledge was used, RFC 3339 in UTC.
    pub known_at: String,
    /// Deals, closed ones too. Where their files were read, those that could be read.
    pub deals: usize,
    /// Deal files that could not be read and are in no number; `None` where none was read.
    pub unreadable: Option<usize>,
    /// Files of deals that lie in another place too; each deal counts once, where it was first. `None` where none was
    /// read.
    pub doubled: Option<usize>,
    /// Deals that differ in the work tree; their committed state is what was read. `None` where nobody asked.
    pub uncommitted: Option<usize>,
    /// Waivers in force; `None` where no deal was read.
    pub waivers: Option<usize>,
    /// Events whose time had to be corrected, because clocks disagreed.
    pub clamped: usize,
    /// Moves over a stage that is not optional.
    pub jumps: usize,
    /// Version of the tool.
    pub version: String,
}

impl Head {
    pub(super) fn new(kind: Kind, facts: &Facts<'_>) -> Self {
        let pipeline = facts.pipeline;
        let known_at = rfc3339(facts.as_of.0);
        let source = facts.source;
        Head {
            schema_version: SCHEMA_VERSION,
            kind: "report",
            report: kind.name(),
            as_of: known_at.clone(),
            day: pipeline.day_of(facts.as_of.0),
            span: facts.asked.span.map(DaysOf::from),
            previous: facts.asked.previous.map(DaysOf::from),
            filter: facts.asked.filter.clone(),
            profile: facts.asked.profile,
            lang: facts.asked.lang,
            pipeline: PipelineHead {
                title: pipeline.title.clone(),
                currency: pipeline.currency,
                timezone: pipeline.timezone.name().to_owned(),
            },
            words: facts.asked.lang.words(&pipeline.labels),
            has_history: !facts.spells.is_empty(),
            incomplete: facts.is_incomplete(),
            history: facts.history.cloned(),
            source: SourceLine {
                commit: source.commit.clone(),
                known_at,
                deals: source.deals,
                unreadable: source.files.map(|files| files.unreadable),
                doubled: source.files.map(|files| files.doubled),
                uncommitted: source.uncommitted,
                waivers: source.files.map(|_| facts.waivers.len()),
                clamped: source.clamped,
                jumps: source.jumps,
                version: source.version.clone(),
            },
            definitions: kind.definitions().iter().flat_map(|part| part.iter().copied()).collect(),
        }
    }
}

/// A time as RFC 3339 in UTC; times outside the years 1 to 9999 are taken to their edge.
fn rfc3339(seconds: i64) -> String {
    let inside = seconds.clamp(-62_135_596_800, 253_402_300_799);
    DateTime::from_timestamp(inside, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
