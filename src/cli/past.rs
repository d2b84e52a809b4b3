//! What `validate` asks of history for rules that files alone cannot answer, and only for those that are on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, Utc};

use super::exit::CommandError;
use super::standpoint::AllowIncomplete;
use super::ui::Ui;
use super::workspace::{HistoryFailure, with_chronicle};
use crate::check::past::{Answering, Past, Written};
use crate::check::{Level, Report, Rule, rule};
use crate::format::ident::{DealId, StageId};
use crate::format::load::Listing;
use crate::format::pipeline::{CriterionTest, Pipeline, RuleLevel};
use crate::format::quiet::MEANINGFUL;
use crate::format::source::Source;
use crate::history::event::{Event, ValidAt};
use crate::history::fields::extract;
use crate::history::{Chronicle, HistoryError, Options};
use crate::metrics::DAY;
use crate::metrics::calendar::{Clock, WorkingTime};
use crate::repo::discover::Home;
use crate::repo::objects::{Author, ObjectId};
use crate::repo::snapshot::Snapshot;

/// The rules that ask history.
pub(super) struct Asked {
    stale: bool,
    answers: bool,
    /// The fields that hold approvals, `approvals.ID.by` and the like.
    approvals: Vec<String>,
}

impl Asked {
    /// What is asked of these deals by rules whose findings are of level `floor` or above.
    fn of(listing: &Listing, floor: Level) -> Self {
        Asked::in_stages(&listing.pipeline, &listing.deals.iter().map(|deal| &deal.stage).collect(), floor)
    }

    /// What is asked of deals that are in these stages.
    pub(super) fn in_stages(pipeline: &Pipeline, stages: &BTreeSet<&StageId>, floor: Level) -> Self {
        let open = pipeline.stages.iter().take(pipeline.won_index());
        let open: Vec<_> = open.filter(|stage| stages.contains(&stage.id)).collect();
        let is_on = |id: &str| level(pipeline, rule::find(id)).is_some_and(|level| level >= floor);
        let approvals = pipeline.criteria().filter(|c| matches!(c.test, CriterionTest::Approval { .. }));
        // A dot would be taken for a way into a block.
        let ids = approvals.map(|c| c.id.as_str()).filter(|id| is_on("approval") && !id.contains('.'));
        Asked {
            stale: is_on("stale-deal") && open.iter().any(|stage| stage.limit.is_some()),
            answers: is_on("late-answer") && open.iter().any(|stage| stage.sla.is_some()),
            approvals: ids.flat_map(|id| [format!("approvals.{id}.by"), format!("approvals.{id}.on")]).collect(),
        }
    }

    /// The fields whose history it takes.
    pub(super) fn fields(&self) -> &[String] {
        &self.approvals
    }

    fn names(&self) -> String {
        let names = [
            self.stale.then_some("stale-deal"),
            self.answers.then_some("late-answer"),
            (!self.approvals.is_empty()).then_some("who wrote an approval"),
        ];
        names.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The level of a rule's findings; `None` where it is off.
fn level(pipeline: &Pipeline, rule: Option<&'static Rule>) -> Option<Level> {
    let rule = rule?;
    match pipeline.rules.get(rule.id) {
        None => Some(rule.level),
        Some(RuleLevel::Off) => None,
        Some(RuleLevel::Info) => Some(Level::Info),
        Some(RuleLevel::Warning) => Some(Level::Warning),
        Some(RuleLevel::Error) => Some(Level::Error),
    }
}

/// What the history up to `tip` tells the rules about these deals; `None` where no rule of level `floor` or above asks for
/// it, or it cannot be read, which is said in one line.
///
/// # Errors
/// When the repository cannot be opened.
pub(super) fn past(
    ui: &mut Ui,
    home: &Home,
    tip: Option<ObjectId>,
    listing: &Listing,
    today: NaiveDate,
    floor: Level,
) -> Result<Option<Past>, CommandError> {
    let asked = Asked::of(listing, floor);
    let Some(tip) = tip.filter(|_| asked.stale || asked.answers || !asked.approvals.is_empty()) else {
        return Ok(None);
    };
    let pipeline = &listing.pipeline;
    let options = Options { fields: asked.approvals.clone(), ..AllowIncomplete::default().options() };
    let moment = moment(pipeline, today);
    let told = with_chronicle(home, tip, pipeline, &options, |chronicle| Told::of(chronicle, &asked, pipeline, moment));
    match told {
        Ok(told) => told.past(home, &asked, moment).map(Some),
        Err(HistoryFailure::History(HistoryError::Shallow)) => {
            ui.note(format!(
                "not checked, as history is cut off in this shallow clone: {}; `git fetch --unshallow` gets the rest",
                asked.names()
            ));
            Ok(None)
        }
        Err(HistoryFailure::History(error)) => {
            ui.warn(&format!("not checked, as history cannot be read: {}; {error}", asked.names()));
            Ok(None)
        }
        Err(HistoryFailure::Repo(error)) => Err(error),
    }
}

/// The moment that ages count to, in seconds since 1970: the end of the day that is taken for today, or now where it is
/// today.
pub(super) fn moment(pipeline: &Pipeline, today: NaiveDate) -> i64 {
    let (end, now) = (pipeline.end_of(today), Utc::now().timestamp());
    if pipeline.start_of(today) <= now { end.min(now) } else { end }
}

/// An approval as history has it, before its commit is looked at.
#[derive(Default)]
struct Approval {
    by: String,
    on: String,
    commit: Option<ObjectId>,
    author: Option<Author>,
}

/// What a history tells those rules.
pub(super) struct Told {
    last_changes: Option<BTreeMap<DealId, i64>>,
    answers: Option<BTreeMap<DealId, Answering>>,
    approvals: BTreeMap<(DealId, String), Approval>,
}

impl Told {
    pub(super) fn of(chronicle: &Chronicle<'_>, asked: &Asked, pipeline: &Pipeline, moment: i64) -> Self {
        let seconds = |(id, at): (DealId, ValidAt)| (id, at.0);
        let last = || chronicle.last_changes(&MEANINGFUL).into_iter().map(seconds).collect();
        Told {
            last_changes: asked.stale.then(last),
            answers: asked.answers.then(|| answers(chronicle, pipeline, moment)),
            approvals: if asked.approvals.is_empty() { BTreeMap::new() } else { approvals(chronicle, asked) },
        }
    }

    /// As the rules take it.
    ///
    /// # Errors
    /// When the repository cannot be opened.
    pub(super) fn past(self, home: &Home, asked: &Asked, moment: i64) -> Result<Past, CommandError> {
        let approvals = match asked.approvals.is_empty() {
            true => None,
            false => Some(self.approvals(home)?),
        };
        Ok(Past { moment, last_changes: self.last_changes, answers: self.answers, approvals })
    }

    /// The approvals with all who wrote them: a commit that joins several people's work names the others below its message.
    fn approvals(&self, home: &Home) -> Result<BTreeMap<(DealId, String), Written>, CommandError> {
        let repository = home.place()?.open()?;
        let mut others: HashMap<ObjectId, Vec<(String, String)>> = HashMap::new();
        let mut written = BTreeMap::new();
        for (key, approval) in &self.approvals {
            let (Some(commit), Some(author)) = (approval.commit, &approval.author) else { continue };
            let with = others.entry(commit).or_insert_with(|| {
                // What cannot be read names nobody.
                let authors = repository.co_authors(commit).unwrap_or_default();
                authors.into_iter().map(|author| (author.name, author.email)).collect()
            });
            let mut authors = vec![(author.name.clone(), author.email.clone())];
            authors.extend(with.iter().cloned());
            let Approval { by, on, .. } = approval;
            written.insert(key.clone(), Written { by: by.clone(), on: on.clone(), commit: commit.short(), authors });
        }
        Ok(written)
    }
}

/// For deals that are in a stage with a limit for the first answer: how long there is for it.
fn answers(chronicle: &Chronicle<'_>, pipeline: &Pipeline, moment: i64) -> BTreeMap<DealId, Answering> {
    let spells = chronicle.spells(true);
    let zone = &pipeline.timezone;
    let limit = |stage: &StageId| {
        let stage = pipeline.stages.iter().take(pipeline.won_index()).find(|own| own.id == *stage)?;
        Some((stage.id.clone(), stage.sla?))
    };
    let limits: Vec<_> = spells.stages().iter().map(limit).collect();
    let mut waiting: Vec<(DealId, StageId, i64, u32)> = Vec::new();
    spells.each_deal(|stays| {
        let Some(stay) = stays.iter().rev().find(|stay| stay.left.is_none() && !stay.left_censored) else { return };
        let limit = limits.get(stay.stage as usize).cloned().flatten();
        if let (Some((stage, limit)), Some(deal)) = (limit, spells.deals().get(stay.deal as usize)) {
            waiting.push((deal.clone(), stage, stay.entered.0, limit.hours));
        }
    });
    let first = waiting.iter().map(|(_, _, entered, _)| *entered).min().unwrap_or(moment);
    // As far ahead as the longest limit that a pipeline file can name.
    let hours = pipeline.calendar.as_ref().map(|own| WorkingTime::new(own, zone, first, moment + 400 * DAY));
    let clock = hours.as_ref().map_or(Clock::Wall, Clock::Working);
    let answering = |(deal, stage, entered, hours): (DealId, StageId, i64, u32)| {
        let ends = clock.limit(entered, hours)?;
        Some((deal, Answering { stage, since: zone.day_of(entered), until: zone.day_of(ends) }))
    };
    waiting.into_iter().filter_map(answering).collect()
}

/// The approvals that deals have, with the commit that wrote each last. What came in with an import was written by whoever
/// imported it, which says nothing.
fn approvals(chronicle: &Chronicle<'_>, asked: &Asked) -> BTreeMap<(DealId, String), Approval> {
    let tracks = chronicle.tracks();
    let imports = chronicle.summary().imports;
    let deals: BTreeSet<DealId> = chronicle.homes().into_iter().map(|(deal, _)| deal).collect();
    let mut found: BTreeMap<(DealId, String), Approval> = BTreeMap::new();
    let mut commits: BTreeSet<ObjectId> = BTreeSet::new();
    for deal in &deals {
        let track = tracks.of_deal(deal);
        let mut times: BTreeMap<String, i64> = BTreeMap::new();
        for field in &asked.approvals {
            let Some((id, part)) = field.strip_prefix("approvals.").and_then(|rest| rest.rsplit_once('.')) else {
                continue;
            };
            let Some(change) = track.changes(field).last() else { continue };
            let approval = found.entry((deal.clone(), id.to_owned())).or_default();
            let text = change.to.unwrap_or_default().to_owned();
            match part {
                "by" => approval.by = text,
                _ => approval.on = text,
            }
            let last = times.entry(id.to_owned()).or_insert(i64::MIN);
            if change.at.0 >= *last {
                *last = change.at.0;
                approval.commit = (!imports.contains(&change.commit)).then_some(change.commit);
                commits.extend(approval.commit);
            }
        }
    }
    let mut authors: HashMap<ObjectId, Author> = HashMap::new();
    if !commits.is_empty() {
        for Event { commit, author, .. } in chronicle.events().filter(|event| commits.contains(&event.commit)) {
            authors.entry(commit).or_insert_with(|| (*author).clone());
        }
    }
    for approval in found.values_mut() {
        approval.author = approval.commit.and_then(|commit| authors.get(&commit).cloned());
    }
    found
}

/// Takes out what is said of stale deals whose stage, amount, close date, next step or activities differ from the last
/// commit: something is happening to them, and history does not know it yet.
///
/// # Errors
/// When the last commit cannot be read.
pub(super) fn pass_over_touched(
    home: &Home,
    tip: Option<ObjectId>,
    source: &dyn Source,
    report: &mut Report,
) -> Result<(), CommandError> {
    let Some(stale) = rule::find("stale-deal") else { return Ok(()) };
    let Some(tip) = tip.filter(|_| report.findings.iter().any(|finding| finding.rule == stale)) else { return Ok(()) };
    let committed = Snapshot::of_commit(home, tip)?;
    let fields: Vec<_> = MEANINGFUL.iter().copied().chain(["activity"]).map(std::sync::Arc::from).collect();
    report.retain(|finding| {
        if finding.rule != stale {
            return true;
        }
        let values = |source: &dyn Source| extract(&source.read(&finding.path).ok()?, &fields).ok();
        values(&committed).is_some_and(|old| values(source) == Some(old))
    });
    Ok(())
}
