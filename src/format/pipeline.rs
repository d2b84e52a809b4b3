//! A pipeline as its `pipeline.yaml` describes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::date::Period;
use super::forecast::ForecastSettings;
use super::ident::{CriterionId, DealId, StageId};
use super::money::Currency;
use super::rates::Rates;
use super::schema::FieldSpec;
use super::span::Span;
use super::target::Target;
use super::zone::Zone;

/// The name of the pipeline file.
pub const PIPELINE_FILE: &str = "pipeline.yaml";

/// The file that keeps an empty stage folder alive.
pub const PLACEHOLDER: &str = ".gitkeep";

/// Folders below a pipeline that hold no deals and can be no stage.
pub const RESERVED_FOLDERS: [&str; 2] = ["templates", "reports"];

/// A pipeline: its stages in order, its ends, its fields and criteria.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// What people call it.
    pub title: String,
    /// Currency of bare numbers and of reports.
    pub currency: Currency,
    /// Where a day begins.
    pub timezone: Zone,
    /// When the team works; `None`: every hour of every day counts.
    pub calendar: Option<Calendar>,
    /// First month of the fiscal year, 1 to 12.
    pub fiscal_year_start: u32,
    /// What is to be won in a period, by its first day; no two for one period.
    pub targets: Vec<Target>,
    /// How it is forecast.
    pub forecast: ForecastSettings,
    /// File of exchange rates, below the pipeline's folder.
    pub rates: Option<String>,
    /// The rates of that file, where it is there and in order.
    pub exchange: Option<Arc<Rates>>,
    /// The first stage that counts as won; `None`: only an end of kind won does.
    pub won_at: Option<StageId>,
    /// Groups of people by name.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// The ends.
    pub ends: Vec<End>,
    /// All fields a deal can have, in the order of the card: the pipeline's own first, then the built-ins it does not
    /// mention.
    pub fields: Vec<FieldSpec>,
    /// What to do with fields that nobody declared.
    pub extra_fields: ExtraFields,
    /// Levels of rules by id, as the file sets them: `error`, `warning`, `info` or `off`.
    pub rules: BTreeMap<String, RuleLevel>,
    /// Words that reports use instead of the usual ones: `deal: candidate`.
    pub labels: BTreeMap<String, String>,
    /// The language of its reports where nobody asks for another.
    pub lang: Option<Lang>,
}

/// A language of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
}

impl Lang {
    /// The word on the command line and in files, and the value of HTML's `lang`.
    pub fn as_str(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ru => "ru",
        }
    }
}

/// What `extra_fields` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraFields {
    /// An undeclared field is an error.
    Deny,
    /// An undeclared field is a warning.
    Warn,
    /// Undeclared fields are free.
    Allow,
}

/// The level a pipeline gives a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleLevel {
    /// Not asked.
    Off,
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warning,
    /// Must be mended.
    Error,
}

impl RuleLevel {
    /// The word in files and output.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleLevel::Off => "off",
            RuleLevel::Info => "info",
            RuleLevel::Warning => "warning",
            RuleLevel::Error => "error",
        }
    }
}

/// A stage.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its folder.
    pub id: StageId,
    /// What people call it.
    pub title: String,
    /// What it is there for.
    pub goal: Option<String>,
    /// Who works on it.
    pub roles: Vec<String>,
    /// Longer than this without meaningful change is stale.
    pub limit: Option<Period>,
    /// The prior chance, 0 to 1, that a deal here is won.
    pub probability: Option<f64>,
    /// How long it takes, before history knows better, until half of the deals here are won or lost.
    pub decided_in: Option<Period>,
    /// From entry to the first activity.
    pub sla: Option<Period>,
    /// Deals may skip it; its exit criteria bind only deals that are or were in it.
    pub optional: bool,
    /// Older folder names.
    pub was: Vec<StageId>,
    /// What must hold to enter.
    pub entry: Vec<Criterion>,
    /// What must hold to go on.
    pub exit: Vec<Criterion>,
    /// Where the file declares it: its id.
    pub span: Span,
}

/// How a deal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndKind {
    /// The deal was won.
    Won,
    /// The deal was lost.
    Lost,
    /// The deal went back to marketing.
    Recycled,
}

/// An end.
#[derive(Clone, Debug)]
pub struct End {
    /// Its folder.
    pub id: StageId,
    /// What people call it.
    pub title: String,
    /// What it means.
    pub kind: EndKind,
    /// Older folder names.
    pub was: Vec<StageId>,
    /// What must hold to enter.
    pub entry: Vec<Criterion>,
    /// Where the file declares it: its id.
    pub span: Span,
}

/// One condition of a stage or end.
#[derive(Clone, Debug)]
pub struct Criterion {
    /// Its id, unique in the pipeline.
    pub id: CriterionId,
    /// What people read.
    pub text: String,
    /// What is asked.
    pub test: CriterionTest,
    /// Error, or only a warning (then it refuses no move).
    pub level: RuleLevel,
    /// Whether a waiver can lift it.
    pub waivable: bool,
    /// Where the file declares it: its id.
    pub span: Span,
}

/// What a criterion asks.
#[derive(Clone, Debug)]
pub enum CriterionTest {
    /// These fields are filled.
    Require(Vec<String>),
    /// This expression is true.
    Check(super::expr::Expression),
    /// `approvals.<criterion id>` was given.
    Approval {
        /// The group whose members may give it; `None`: anybody.
        by: Option<String>,
        /// A field (`owner`) whose person may not give it.
        not: Option<String>,
    },
}

/// Where a deal stands, as counted in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Neither won nor lost yet.
    Open,
    /// In an end of kind won, or at `won_at` or later.
    Won,
    /// In an end of kind lost.
    Lost,
    /// In an end of kind recycled.
    Recycled,
}

impl Status {
    /// The word in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Won => "won",
            Status::Lost => "lost",
            Status::Recycled => "recycled",
        }
    }
}

/// A place a deal can be in: a stage or an end.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A stage, with its index in [`Pipeline::stages`].
    Stage(usize, &'a Stage),
    /// An end.
    End(&'a End),
}

impl<'a> Place<'a> {
    /// The folder.
    pub fn id(&self) -> &'a StageId {
        match self {
            Place::Stage(_, s) => &s.id,
            Place::End(e) => &e.id,
        }
    }

    /// What people call it.
    pub fn title(&self) -> &'a str {
        match self {
            Place::Stage(_, s) => &s.title,
            Place::End(e) => &e.title,
        }
    }

    /// What must hold to enter.
    pub fn entry(&self) -> &'a [Criterion] {
        match self {
            Place::Stage(_, s) => &s.entry,
            Place::End(e) => &e.entry,
        }
    }
}

impl Pipeline {
    /// The stage or end of this id. Older names (`was`) do not count: a deal in such a folder is in no stage.
    pub fn place(&self, id: &str) -> Option<Place<'_>> {
        let stage = self.stages.iter().enumerate().find(|(_, s)| s.id == *id).map(|(i, s)| Place::Stage(i, s));
        stage.or_else(|| self.ends.iter().find(|e| e.id == *id).map(Place::End))
    }

    /// All stages, then all ends, in the order of the file.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let stages = self.stages.iter().enumerate().map(|(i, s)| Place::Stage(i, s));
        stages.chain(self.ends.iter().map(Place::End))
    }

    /// Every criterion, of stages and ends, in the order of the file.
    pub fn criteria(&self) -> impl Iterator<Item = &Criterion> {
        let stages = self.stages.iter().flat_map(|s| s.entry.iter().chain(&s.exit));
        stages.chain(self.ends.iter().flat_map(|e| &e.entry))
    }

    /// Index of the first stage that counts as won; the number of stages where only an end does.
    pub fn won_index(&self) -> usize {
        let at = |id: &StageId| self.stages.iter().position(|s| s.id == *id);
        self.won_at.as_ref().and_then(at).unwrap_or(self.stages.len())
    }

    /// The day that a time (seconds since 1970) is in the pipeline's time zone. Times outside the years 1 to 9999 are taken
    /// to their edge.
    pub fn day_of(&self, seconds: i64) -> NaiveDate {
        self.timezone.day_of(seconds)
    }

    /// The first second (since 1970) of a day in the pipeline's time zone. Where midnight does not exist, the day begins
    /// when the clocks have gone forward.
    pub fn start_of(&self, day: NaiveDate) -> i64 {
        self.timezone.start_of(day)
    }

    /// The last second (since 1970) of a day in the pipeline's time zone.
    pub fn end_of(&self, day: NaiveDate) -> i64 {
        self.start_of(day.checked_add_days(Days::new(1)).unwrap_or(day)) - 1
    }

    /// How a deal in this place counts. A place that is none of the pipeline's counts as open.
    pub fn status(&self, id: &StageId) -> Status {
        match self.place(id.as_str()) {
            Some(Place::Stage(index, _)) if index >= self.won_index() => Status::Won,
            Some(Place::Stage(..)) | None => Status::Open,
            Some(Place::End(end)) => match end.kind {
                EndKind::Won => Status::Won,
                EndKind::Lost => Status::Lost,
                EndKind::Recycled => Status::Recycled,
            },
        }
    }

    /// Today's id of a folder name: itself where it is a stage or end, else the one that lists it under `was`.
    pub fn current_name(&self, folder: &str) -> Option<&StageId> {
        if let Some(place) = self.place(folder) {
            return Some(place.id());
        }
        let listed = |was: &[StageId]| was.iter().any(|w| *w == *folder);
        let stage = self.stages.iter().find(|s| listed(&s.was)).map(|s| &s.id);
        stage.or_else(|| self.ends.iter().find(|e| listed(&e.was)).map(|e| &e.id))
    }

    /// The declaration of a field by dotted path: `lost.reason`.
    pub fn field(&self, path: &str) -> Option<&FieldSpec> {
        super::schema::find(&self.fields, path)
    }
}

/// The stage folder and the deal id that a path below the pipeline's folder stands for: `won/2026/acme.yaml` is the
/// deal `acme` in `won`. `None` for anything that is no deal's path: another ending, a name that is no id, a file at the
/// top, a folder that is no stage id, a reserved folder.
pub fn deal_path(path: &str) -> Option<(StageId, DealId)> {
    let (folders, name) = path.rsplit_once('/')?;
    let stage = folders.split('/').next()?;
    if RESERVED_FOLDERS.contains(&stage) {
        return None;
    }
    let id = DealId::new(name.strip_suffix(".yaml")?).ok()?;
    Some((StageId::new(stage).ok()?, id))
}
