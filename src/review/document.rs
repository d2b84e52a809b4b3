//! What a review says, as it is written as JSON and read back: every rendering is made of this and of nothing else.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::format::money::{Currency, Money, parse_decimal};

/// The version of the document.
pub const SCHEMA_VERSION: u32 = 1;

/// What kind of document it is.
pub const KIND: &str = "review";

/// The largest document that is read back, in bytes.
pub const MOST_BYTES: u64 = 32 << 20;

/// What a change does to a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Review {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// [`KIND`].
    pub kind: String,
    /// What people call the pipeline.
    pub title: String,
    /// Its folder below the repository's root; empty at the root.
    pub folder: String,
    /// The currency of all sums.
    pub currency: Code,
    /// What it was compared with.
    pub base: Point,
    /// What was compared.
    pub head: Point,
    /// The day that was taken for today.
    pub today: NaiveDate,
    /// Whether amounts, and what they could be reckoned from, were left out.
    pub redacted: bool,
    /// By whose criteria deals were judged.
    pub policy: Policy,
    /// The weighted forecast.
    pub forecast: Forecast,
    /// The counts, of what was left out too.
    pub summary: Summary,
    /// The deals, the worst first, then the largest change of money.
    pub deals: Vec<DealChange>,
    /// Deals that are not listed, because there were too many.
    pub deals_left_out: usize,
    /// What was found that is about no deal.
    pub findings: Vec<Finding>,
    /// The commits in between.
    pub commits: Commits,
    /// The other files of the pipeline: settings, templates, and what is no deal.
    pub files: Vec<OtherFile>,
}

/// One of the two states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// As it was asked for: a branch, a commit; empty for the work tree.
    pub name: String,
    /// The commit; `None` for the work tree, and for a base where nothing was committed yet.
    pub commit: Option<Hash>,
}

/// By whose criteria deals are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Those of the state before.
    Base,
    /// Those of the state after.
    Head,
}

/// The pipeline file, and which version of it counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether the pipeline file or its file of rates is not the same on both sides.
    pub changed: bool,
    /// Whose version deals were judged by.
    pub judged_by: Trust,
    /// Why it is not the version that was asked for.
    pub instead: Option<Instead>,
    /// What is different, one sentence each.
    pub changes: Vec<PolicyLine>,
}

/// Why the pipeline file that was asked for could not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    /// There is none.
    Missing,
    /// It has errors.
    Broken,
    /// It cannot be read.
    Unreadable,
}

/// One difference between two pipeline files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyLine {
    /// Whether it asks for less than before.
    pub weaker: bool,
    /// What it is about: `stage`, `criterion`, `rule`, and so on.
    pub about: String,
    /// In words.
    pub words: String,
}

/// From what chances come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// From the history of the base, as the forecast has it.
    History,
    /// From the percentages of the stages.
    Stages,
    /// There are none.
    None,
}

/// Why history says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoHistory {
    /// It was not asked, since no deal is different.
    NotAsked,
    /// It is cut off in a shallow clone.
    Shallow,
    /// There was no commit before.
    NoCommit,
    /// Something in it cannot be read.
    Damaged,
}

/// Which way a number goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More.
    Up,
    /// Less.
    Down,
    /// As much.
    Same,
    /// It is another amount, but in a currency that cannot be compared.
    Unclear,
}

impl Direction {
    /// The direction of a difference.
    pub fn of(change: Decimal) -> Self {
        match change {
            c if c.is_zero() => Direction::Same,
            c if c.is_sign_negative() => Direction::Down,
            _ => Direction::Up,
        }
    }
}

/// What the open deals and those of the change can be expected to bring: before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// From what the chances come.
    pub method: Method,
    /// Why history says nothing; `None` where it does, or nobody asked.
    pub without_history: Option<NoHistory>,
    /// Up to which day wins count.
    pub until: Option<NaiveDate>,
    /// The whole before; `None` where it is not known.
    pub before: Option<Amount>,
    /// The whole after.
    pub after: Option<Amount>,
    /// The sum of the changes of all deals.
    pub change: Option<Amount>,
    /// Which way it goes; `None` where nobody knows.
    pub direction: Option<Direction>,
    /// Deals of the change that are not in the sum, because their amount or their chance is not known.
    pub without: usize,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Findings of level error.
    pub errors: usize,
    /// Findings of level warning.
    pub warnings: usize,
    /// Findings of level info.
    pub infos: usize,
    /// Deals with at least one file that is not the same.
    pub deals: usize,
    /// New deals.
    pub created: usize,
    /// Deals that are gone.
    pub removed: usize,
    /// Deals in another stage.
    pub moved: usize,
    /// Deals with another id.
    pub renamed: usize,
    /// Deals with other values in the same stage.
    pub changed: usize,
    /// Deals with the same values in a file that is not the same.
    pub touched: usize,
    /// Deals with a lower amount, or one that cannot be compared.
    pub lowered: usize,
    /// Deals with a higher amount.
    pub raised: usize,
    /// Other files of the pipeline.
    pub files: usize,
    /// Files of the repository outside of the pipeline.
    pub outside: usize,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warning,
    /// Must be mended.
    Error,
}

/// What became of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It is new.
    Created,
    /// It is gone.
    Removed,
    /// It is in another stage.
    Moved,
    /// It has another id, and perhaps another stage.
    Renamed,
    /// It has other values.
    Changed,
    /// Its file is not the same, but says the same.
    Touched,
}

/// What became of one deal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DealChange {
    /// Its id.
    pub deal: String,
    /// The id that it had before, where that is another.
    pub was: Option<String>,
    /// What became of it.
    pub what: What,
    /// The worst of what was found; `None` where nothing was.
    pub level: Option<Level>,
    /// The stages it was in; several where it was in two places.
    pub from: Vec<String>,
    /// The stages it is in.
    pub to: Vec<String>,
    /// Its files before, from the root of the repository.
    pub paths_before: Vec<String>,
    /// Its files after.
    pub paths: Vec<String>,
    /// Which way a move went, by the pipeline's order.
    pub way: Option<String>,
    /// Whether its file cannot be read any more.
    pub unreadable: bool,
    /// What it is worth.
    pub amount: Pair,
    /// What can be expected of it.
    pub weighted: Pair,
    /// Other values of its fields.
    pub fields: Vec<FieldChange>,
    /// The criteria that a move is asked for.
    pub criteria: Vec<Judged>,
    /// Waivers that are new.
    pub waivers: Vec<WaiverLine>,
    /// Comments that are new and silence a rule: `rule] reason`.
    pub ignores: Vec<String>,
    /// Whether it had been left alone for longer than its stage allows.
    pub stale: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// A number before and after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Before; `None` where there was none.
    pub before: Option<Amount>,
    /// After.
    pub after: Option<Amount>,
    /// The difference in the pipeline's currency; `None` where there is none that can be told.
    pub change: Option<Amount>,
    /// Which way it went; `None` where it did not change, or nobody knows.
    pub direction: Option<Direction>,
}

/// Another value of a field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Dotted path.
    pub field: String,
    /// Before; `None` where it had none. Of lists what is gone.
    pub before: Option<String>,
    /// After. Of lists what has come.
    pub after: Option<String>,
    /// Whether it tells of money.
    pub money: bool,
}

/// How a deal stands to a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Met,
    /// A field is missing.
    Missing,
    /// It is not so.
    NotSatisfied,
    /// The expression failed.
    Failed,
    /// It was waived.
    Waived,
}

/// A criterion that a move is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its id.
    pub criterion: String,
    /// The stage that declares it.
    pub asked_by: String,
    /// `error`, `warning` or `info`.
    pub level: Level,
    /// How the deal stands to it.
    pub state: State,
    /// Fields that are missing.
    pub missing: Vec<String>,
}

/// A waiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaiverLine {
    /// The criterion.
    pub criterion: String,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// How bad it is.
    pub level: Level,
    /// One sentence.
    pub message: String,
    /// From the root of the repository.
    pub path: String,
    /// 1-based line; `None` for the whole file.
    pub line: Option<usize>,
    /// The field it is about.
    pub field: Option<String>,
    /// The criterion it is about.
    pub criterion: Option<String>,
    /// Commands that mend it.
    pub commands: Vec<String>,
    /// Whether it was there before.
    pub is_old: bool,
}

/// The commits in between.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commits {
    /// How many; `None` where they were not looked at.
    pub count: Option<usize>,
    /// How many have dates that cannot be right, or were set back.
    pub odd_count: usize,
    /// The first of them.
    pub odd: Vec<OddCommit>,
}

/// What is odd about the date of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// It lies before the commit that the change begins with.
    BeforeBase,
    /// It lies in the future.
    Future,
    /// No clock can have shown it.
    NoClock,
}

/// A commit with an odd date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OddCommit {
    /// The commit.
    pub commit: Hash,
    /// What its author calls himself.
    pub author: String,
    /// The day it says.
    pub says: NaiveDate,
    /// What is odd about it.
    pub oddity: Oddity,
}

/// What a file of the pipeline is that is no deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The pipeline file.
    Pipeline,
    /// The file of rates.
    Rates,
    /// A template of reports.
    Template,
    /// Anything else.
    Other,
}

/// A file of the pipeline that is no deal and is not the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherFile {
    /// From the root of the repository.
    pub path: String,
    /// git's letter: `A`, `D`, `M` or `T`.
    pub status: char,
    /// What it is.
    pub role: Role,
}

/// An amount. In JSON `{"amount": "18000.50", "currency": "EUR"}`, the amount as a text so that no reader rounds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Money);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { amount: self.0.amount.to_string(), currency: self.0.currency.code().to_owned() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { amount, currency } = Written::deserialize(deserializer)?;
        let amount = parse_decimal(&amount).map_err(D::Error::custom)?;
        let currency = Currency::new(&currency).map_err(D::Error::custom)?;
        Ok(Amount(Money { amount, currency }))
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    amount: String,
    currency: String,
}

/// A currency by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub Currency);

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.code())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Currency::new(&String::deserialize(deserializer)?).map(Code).map_err(D::Error::custom)
    }
}

/// The hexadecimal name of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hash(String);

impl Hash {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is not 40 or 64 small hexadecimal digits.
    pub fn new(text: &str) -> Result<Hash, String> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Hash(text.to_owned()))
        } else {
            Err(format!("{text:?} is not the name of a commit"))
        }
    }

    /// All digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, as git shows them.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Hash::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Review {
    /// Whether nothing at all is different.
    pub fn is_empty(&self) -> bool {
        self.summary.deals == 0 && self.summary.files == 0 && self.summary.outside == 0 && !self.policy.changed
    }

    /// The worst level of all findings; `None` where there are none.
    pub fn worst(&self) -> Option<Level> {
        match self.summary {
            Summary { errors: 1.., .. } => Some(Level::Error),
            Summary { warnings: 1.., .. } => Some(Level::Warning),
            Summary { infos: 1.., .. } => Some(Level::Info),
            _ => None,
        }
    }

    /// Reads a review that was written as JSON.
    ///
    /// # Errors
    /// Why it is none, in words: it is too large, not JSON, of another kind or version, or lacks something.
    pub fn read(bytes: &[u8]) -> Result<Review, String> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("it is larger than {} MiB", MOST_BYTES >> 20));
        }
        #[derive(Deserialize)]
        struct Head {
            schema_version: u32,
            kind: String,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| format!("it is no review as JSON: {e}"))?;
        if head.kind != KIND {
            return Err(format!("it is a document of kind {:?}, not {KIND:?}", head.kind));
        }
        if head.schema_version != SCHEMA_VERSION {
            return Err(format!(
                "it has version {}, and this program reads version {SCHEMA_VERSION}",
                head.schema_version
            ));
        }
        let mut review: Review = serde_json::from_slice(bytes).map_err(|e| format!("it is no review as JSON: {e}"))?;
        // Whoever wrote it may want a reader to type something else.
        let of_deals = review.deals.iter_mut().flat_map(|deal| &mut deal.findings);
        of_deals.chain(&mut review.findings).for_each(|finding| finding.commands.retain(|one| is_command(one)));
        Ok(review)
    }
}

/// Whether a reader can be told to type this: a command of ours, and nothing behind it.
pub(super) fn is_command(text: &str) -> bool {
    let quiet = |c: char| !c.is_control() && !matches!(c, ';' | '|' | '&' | '$' | '<' | '>' | '`' | '(' | ')' | '\\');
    text.starts_with("tussock ") && text.chars().all(quiet)
}
