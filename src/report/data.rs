//! What reports consist of.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde::Serialize;

use crate::forecast::{Forecast, day_of};
use crate::format::ident::{CriterionId, DealId};
use crate::format::money::Currency;
use crate::metrics::funnel::Funnel;
use crate::metrics::snapshot::Snapshot;

use super::Facts;
use super::history::{HistoryBlock, Part};

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

/// The pipeline, as reports name it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineHead {
    /// What people call it.
    pub title: String,
    /// Currency of the sums.
    pub currency: Currency,
    /// Where a day begins.
    pub timezone: &'static str,
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

/// The pipeline now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineReport {
    /// What all reports begin with.
    #[serde(flatten)]
    pub head: Head,
    /// The open deals.
    pub state: Part<Snapshot>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
}

/// From stage to stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelReport {
    /// What all reports begin with.
    #[serde(flatten)]
    pub head: Head,
    /// The first day on which deals came in that count; `None`: from the beginning.
    pub from: Option<NaiveDate>,
    /// The last such day; `None`: up to now.
    pub to: Option<NaiveDate>,
    /// The funnel.
    pub funnel: Part<Funnel>,
}

/// What will be won.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForecastReport {
    /// What all reports begin with.
    #[serde(flatten)]
    pub head: Head,
    /// The forecast.
    pub forecast: Part<Forecast>,
}

/// The default page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverviewReport {
    /// What all reports begin with.
    #[serde(flatten)]
    pub head: Head,
    /// The open deals.
    pub state: Part<Snapshot>,
    /// The funnel.
    pub funnel: Part<Funnel>,
    /// The forecast.
    pub forecast: Part<Forecast>,
    /// What needs attention.
    pub attention: Vec<Attention>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
}

impl Head {
    pub(super) fn new(report: &'static str, facts: &Facts<'_>) -> Self {
        let pipeline = facts.pipeline;
        let known_at = rfc3339(facts.as_of.0);
        let source = facts.source;
        Head {
            schema_version: SCHEMA_VERSION,
            kind: "report",
            report,
            as_of: known_at.clone(),
            day: day_of(pipeline, facts.as_of.0),
            pipeline: PipelineHead {
                title: pipeline.title.clone(),
                currency: pipeline.currency,
                timezone: pipeline.timezone.name(),
            },
            words: words(&pipeline.labels),
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
            definitions: definitions(report),
        }
    }
}

/// A time as RFC 3339 in UTC; times outside the years 1 to 9999 are taken to their edge.
fn rfc3339(seconds: i64) -> String {
    let inside = seconds.clamp(-62_135_596_800, 253_402_300_799);
    DateTime::from_timestamp(inside, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The usual words, and the pipeline's own in their place. A plural that is not given is the singular with an s.
fn words(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let usual = ["deal", "won", "lost", "recycled", "stage", "owner", "account", "amount"];
    let mut words: BTreeMap<String, String> = usual.iter().map(|w| ((*w).to_owned(), (*w).to_owned())).collect();
    words.extend(labels.iter().map(|(key, word)| (key.clone(), word.clone())));
    for one in ["deal", "stage", "owner", "account"] {
        let many = format!("{one}s");
        let plural = words.get(one).map(|word| format!("{word}s")).unwrap_or_default();
        words.entry(many).or_insert(plural);
    }
    words
}

fn definitions(report: &str) -> BTreeMap<&'static str, &'static str> {
    let state = [
        ("amount", "sum of the amounts of open deals in the pipeline's currency; other currencies are in no sum"),
        ("weighted", "sum of amount times the chance of the deal's stage to be won"),
        ("share_of_deals", "deals in the line divided by all open deals"),
        ("share_of_amount", "amount of the line divided by the amount of all open deals"),
        ("days_in_stage", "full days since the deal came into its stage"),
        ("older_than", "Kaplan-Meier share of visits to the stage that were over by this age"),
    ];
    let funnel = [
        ("entered", "deals whose first visit to the stage began inside the window"),
        ("raw", "reached / entered, with Wilson's 95 % interval; a lower bound while deals are open"),
        (
            "estimate",
            "Aalen-Johansen share that gets there; lost, recycled and withdrawn compete, open deals are censored; 95 % \
             interval of Wilson's form with the delta-method variance",
        ),
        ("undecided", "share of the cohort that the estimate leaves undecided"),
        ("median_seconds", "Kaplan-Meier median of the length of visits; visits that last are censored"),
        ("p90_seconds", "length by which nine of ten visits are over, by Kaplan-Meier"),
    ];
    let forecast = [
        (
            "chance",
            "(n h + n u prior + m prior) / (n + m): h the Aalen-Johansen share of the n deals in the stage that were won, \
             u the share undecided, m the weight of the prior",
        ),
        ("prior", "the probability that the pipeline file gives the stage, or the assumed ladder"),
        ("evidence", "how much of the chance is history: n (1 - u) / (n + m)"),
        ("expected_wins", "sum of the chances of the deals"),
        ("expected_amount", "sum of amount times chance, rounded once after adding; won deals are not part of it"),
    ];
    let parts: &[&[(&str, &str)]] = match report {
        "pipeline" => &[&state],
        "funnel" => &[&funnel],
        "forecast" => &[&forecast],
        _ => &[&state, &funnel, &forecast],
    };
    parts.iter().flat_map(|p| p.iter().copied()).collect()
}
