//! Plans: which files change to what, and what the commit says.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

use super::assign::{self, AssignError, Assignment};
use super::find::{self, NotFound};
use super::gate::{self, Verdict};
use crate::format::deal::Deal;
use crate::format::ident::{BadId, DealId, StageId};
use crate::format::judge::{Circumstances, missing_fields};
use crate::format::load::{Reading, parse_deal};
use crate::format::modeline;
use crate::format::pipeline::{EndKind, Pipeline, Place, deal_path};
use crate::format::problem::Problem;
use crate::format::schema::{self, FieldType};
use crate::format::slug::slug;

/// One file that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The deal.
    pub deal: DealId,
    /// The stage it is in; `None` for a new deal.
    pub from: Option<StageId>,
    /// The stage it will be in.
    pub to: StageId,
    /// Its file below the pipeline's folder; `None` for a new deal.
    pub old_path: Option<String>,
    /// Its file afterwards.
    pub new_path: String,
    /// Its text; empty for a new deal.
    pub before: String,
    /// Its text afterwards.
    pub after: String,
}

impl Change {
    /// Another text for a deal that stays where it is.
    pub fn in_place(deal: &Deal, after: String) -> Self {
        Change {
            deal: deal.id.clone(),
            from: Some(deal.stage.clone()),
            to: deal.stage.clone(),
            old_path: Some(deal.path.clone()),
            new_path: deal.path.clone(),
            before: deal.document.text.clone(),
            after,
        }
    }
}

/// What is to be done in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in the order of the deals asked for. Never two of one deal.
    pub changes: Vec<Change>,
    /// Deals asked for that are already as wanted; with the stage where a move was wanted.
    pub already: Vec<(DealId, Option<StageId>)>,
    /// First line of the commit's message.
    pub subject: String,
    /// `Deal:`, `From:` and `To:` lines for people and hooks.
    pub trailers: Vec<(String, String)>,
}

/// Why there is no plan. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A deal or a stage is not there.
    #[error(transparent)]
    NotFound(#[from] NotFound),
    /// An assignment cannot be made.
    #[error(transparent)]
    Assign(#[from] AssignError),
    /// A value does not fit its field, or the edited deal would not be valid.
    #[error("`{deal}` would not be valid: {}", .problems.first().map_or("", |p| p.message.as_str()))]
    Invalid {
        /// The deal.
        deal: DealId,
        /// What would be wrong.
        problems: Vec<Problem>,
    },
    /// A field that the deal must have where it is would be empty.
    #[error("`{deal}` must have `{field}` in {stage}; give it another value instead")]
    Emptied {
        /// The deal.
        deal: DealId,
        /// The field.
        field: String,
        /// Where the deal is.
        stage: StageId,
    },
    /// Criteria refuse.
    #[error("{}", .refusals.iter().map(|r| format!("{} cannot move to {}", r.deal, r.to)).collect::<Vec<_>>().join(", "))]
    Refused {
        /// The deals that may not go, each with the reasons.
        refusals: Vec<Refusal>,
    },
    /// A deal in an end has no next stage.
    #[error("`{0}` is in {1}, which has no next stage; name the stage to move it to")]
    NoNext(DealId, StageId),
    /// The pipeline has no end of this kind.
    #[error("this pipeline has no end of kind {0}")]
    NoEnd(&'static str),
    /// `lose` was to lead to something else than an end of kind lost or recycled.
    #[error("{place} is no end for lost deals; move there with `tussock move`")]
    NotEnded {
        /// The stage or end.
        place: StageId,
    },
    /// The title gives no id.
    #[error("{0:?} gives no id; name one with --id")]
    NoSlug(String),
    /// The id is taken.
    #[error("there is already a deal `{id}`: {path}; choose another id with --id")]
    Taken {
        /// The id.
        id: DealId,
        /// Its file.
        path: String,
    },
    /// The new id of a deal is another deal's.
    #[error("there is already a deal `{id}`: {path}; choose another id")]
    InUse {
        /// The id.
        id: DealId,
        /// The other deal's file.
        path: String,
    },
    /// Another deal had the id before.
    #[error("`{id}` was the id of `{deal}` before, and its history is found by it; choose another id")]
    Former {
        /// The id.
        id: DealId,
        /// The deal that had it.
        deal: DealId,
    },
    /// The pipeline has no such criterion.
    #[error("there is no criterion `{id}`{}", .near.as_ref().map_or_else(|| format!("; criteria are {}", .all.join(", ")), |n| format!(", did you mean `{n}`?")))]
    NoCriterion {
        /// As it was given.
        id: String,
        /// The nearest one.
        near: Option<String>,
        /// All there are.
        all: Vec<String>,
    },
    /// The criterion cannot be waived.
    #[error(
        "{text:?} ({criterion}) takes no waiver; meet it, or let those who keep pipeline.yaml allow waivers for it"
    )]
    NotWaivable {
        /// Its id.
        criterion: String,
        /// What people read.
        text: String,
    },
    /// The deal has a waiver of this criterion.
    #[error("{criterion} is waived for `{deal}` already, by {by} on {on}: {reason}")]
    Waived {
        /// The deal.
        deal: DealId,
        /// The criterion.
        criterion: String,
        /// Who waived it.
        by: String,
        /// When.
        on: NaiveDate,
        /// Why.
        reason: String,
    },
    /// The criterion is no approval.
    #[error("{criterion} is no approval; `tussock why DEAL` says what it asks for")]
    NoApproval {
        /// The criterion.
        criterion: String,
    },
    /// This person may not approve.
    #[error("{criterion} cannot be approved by {who}, {why}")]
    MayNotApprove {
        /// The criterion.
        criterion: String,
        /// The person.
        who: String,
        /// Why not, as the end of a sentence.
        why: String,
    },
    /// Not an id.
    #[error(transparent)]
    BadId(#[from] BadId),
}

/// Why one deal may not move.
#[derive(Debug)]
pub struct Refusal {
    /// The deal.
    pub deal: DealId,
    /// The reasons in the order of the pipeline: criterion text, its id, its stage, and what is missing or not so.
    pub reasons: Vec<Reason>,
    /// The stage it is in; `None` for a deal that is to be made.
    pub from: Option<StageId>,
    /// Where it should have gone.
    pub to: StageId,
    /// Fields that are missing, each once (dotted paths).
    pub missing: Vec<String>,
    /// Fields that are missing, each once, as the assignments that would fill them.
    pub fill: Vec<String>,
    /// For missing fields that take certain words only: which.
    pub choices: Vec<String>,
    /// Where it could go as it is.
    pub open_to: Vec<StageId>,
}

/// One reason of a refusal.
#[derive(Debug)]
pub struct Reason {
    /// The criterion in words, or the name of a required field.
    pub text: String,
    /// Criterion and place that ask for it; `None` for a required field.
    pub asked_by: Option<(String, StageId)>,
    /// How the deal stands to it.
    pub outcome: crate::format::judge::Outcome,
}

/// Where a move leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A stage or end by id or title.
    Named(String),
    /// The next stage of each deal.
    Next,
    /// `won_at` where the pipeline has it and the deal is before it, else the first end of kind won.
    Won,
    /// The first end of kind lost, or the end of kind lost or recycled of this name.
    Lost(Option<String>),
}

/// Plans the move of deals, with assignments made in the same step. All are judged before anything is planned.
///
/// # Errors
/// See [`PlanError`].
pub fn moves<'c>(
    reading: &Reading,
    ids: &[String],
    target: &Target,
    assignments: &[Assignment],
    circumstances: &dyn Fn(&Deal) -> Circumstances<'c>,
) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let (mut changes, mut already, mut refusals): (Vec<Change>, Vec<(DealId, _)>, Vec<Refusal>) = Default::default();
    let mut seen = BTreeSet::new();
    let deals = find::Deals::of(reading);
    for id in ids {
        let deal = deals.get(id)?;
        if !seen.insert(&deal.id) {
            continue;
        }
        let place = destination(pipeline, deal, target)?;
        let known = circumstances(deal);
        if deal.stage == *place.id() && assignments.is_empty() {
            already.push((deal.id.clone(), Some(deal.stage.clone())));
            continue;
        }
        let edited = edited(pipeline, deal, assignments, known.today)?;
        let stays = deal.stage == *place.id();
        if stays && edited.document.text == deal.document.text {
            already.push((deal.id.clone(), Some(deal.stage.clone())));
            continue;
        }
        // A deal that stays goes through no gate, as with `set`.
        let verdict = gate::verdict(pipeline, &edited, &deal.stage, place, &known);
        if !stays && !verdict.passes() {
            refusals.push(refusal(pipeline, &edited, Some(deal.stage.clone()), place, &verdict, &known));
            continue;
        }
        empties_nothing(pipeline, deal, &edited, place)?;
        let new_path = if stays { deal.path.clone() } else { find::path_in(place, &deal.id, known.today.year()) };
        changes.push(Change {
            deal: deal.id.clone(),
            from: Some(deal.stage.clone()),
            to: place.id().clone(),
            old_path: Some(deal.path.clone()),
            before: deal.document.text.clone(),
            after: modeline::moved(&edited.document.text, &new_path),
            new_path,
        });
    }
    if refusals.is_empty() { Ok(Plan::of(changes, already)) } else { Err(PlanError::Refused { refusals }) }
}

/// Plans assignments to deals that stay where they are. All are made or none.
///
/// # Errors
/// See [`PlanError`]; criteria are not asked, since a deal that does not move needs no gate.
pub fn set(reading: &Reading, ids: &[String], assignments: &[Assignment], today: NaiveDate) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let (mut changes, mut already) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    let deals = find::Deals::of(reading);
    for id in ids {
        let deal = deals.get(id)?;
        if !seen.insert(&deal.id) {
            continue;
        }
        let edited = edited(pipeline, deal, assignments, today)?;
        if edited.document.text == deal.document.text {
            already.push((deal.id.clone(), None));
            continue;
        }
        if let Some(place) = pipeline.place(deal.stage.as_str()) {
            empties_nothing(pipeline, deal, &edited, place)?;
        }
        changes.push(Change::in_place(deal, edited.document.text));
    }
    let mut fields: Vec<&str> = assignments.iter().map(|a| a.field.as_str()).collect();
    fields.dedup();
    let mut plan = Plan::of(changes, already);
    plan.subject = match &plan.changes[..] {
        [] => String::new(),
        [one] => format!("{}: {}", one.deal, fields.join(", ")),
        several => format!("{} deals: {}", several.len(), fields.join(", ")),
    };
    Ok(plan)
}

/// Makes sure that no field that a deal must have in a place is taken out. A gate does not see to it where the deal stays
/// or goes back.
fn empties_nothing(pipeline: &Pipeline, deal: &Deal, edited: &Deal, place: Place<'_>) -> Result<(), PlanError> {
    let before = missing_fields(pipeline, deal, place);
    match missing_fields(pipeline, edited, place).into_iter().find(|field| !before.contains(field)) {
        Some(field) => Err(PlanError::Emptied { deal: deal.id.clone(), field, stage: place.id().clone() }),
        None => Ok(()),
    }
}

/// The id of a new deal: the one that is asked for, else one made from its title.
///
/// # Errors
/// When it is no id, or the title gives none.
pub fn new_id(title: &str, id: Option<&str>) -> Result<DealId, PlanError> {
    match id {
        Some(id) => Ok(DealId::new(id)?),
        None => slug(title).and_then(|s| DealId::new(&s).ok()).ok_or_else(|| PlanError::NoSlug(title.to_owned())),
    }
}

/// Plans a new deal. Of the deals that are there, the reading need only hold those with its id; `former` is the deal
/// that had this id before.
///
/// # Errors
/// See [`PlanError`]; the stage's criteria and required fields are asked.
pub fn new<'c>(
    reading: &Reading,
    title: &str,
    id: Option<&str>,
    stage: Option<&str>,
    assignments: &[Assignment],
    former: Option<&DealId>,
    circumstances: &dyn Fn(&Deal) -> Circumstances<'c>,
) -> Result<Plan, PlanError> {
    let pipeline = &reading.pipeline;
    let id = new_id(title, id)?;
    if let Some(deal) = former {
        return Err(PlanError::Former { id, deal: deal.clone() });
    }
    let taken = reading.deals.iter().filter(|d| d.id == id).map(|d| &d.path);
    let of_id = |path: &&String| deal_path(path).is_some_and(|(_, other)| other == id);
    if let Some(path) = taken.chain(reading.unreadable.iter().map(|u| &u.path).filter(of_id)).next() {
        return Err(PlanError::Taken { id, path: path.clone() });
    }
    let place = match stage {
        Some(name) => find::place(pipeline, name)?,
        None => pipeline.stages.first().map(|s| Place::Stage(0, s)).ok_or(PlanError::NoEnd("stage"))?,
    };
    let blank = parse_deal(b"title: x\n", pipeline, "", place.id(), &id)
        .map_err(|problems| PlanError::Invalid { deal: id.clone(), problems })?;
    let today = circumstances(&blank).today;
    let mut all = Vec::new();
    if !title.trim().is_empty() {
        all.push(Assignment { field: "title".into(), change: assign::Change::Set(title.to_owned()) });
    }
    all.extend(assignments.iter().cloned());
    let path = find::path_in(place, &id, today.year());
    let text = assign::apply("", &path, &all, pipeline, today)?;
    let deal = reparsed(pipeline, &text, &path, place.id(), &id, &[])?;
    let known = circumstances(&deal);
    let verdict = gate::verdict(pipeline, &deal, place.id(), place, &known);
    if !verdict.passes() {
        let refusal = refusal(pipeline, &deal, None, place, &verdict, &known);
        return Err(PlanError::Refused { refusals: vec![refusal] });
    }
    let change = Change {
        deal: id,
        from: None,
        to: place.id().clone(),
        old_path: None,
        new_path: path,
        before: String::new(),
        after: text,
    };
    Ok(Plan::of(vec![change], Vec::new()))
}

fn destination<'p>(pipeline: &'p Pipeline, deal: &Deal, target: &Target) -> Result<Place<'p>, PlanError> {
    let end = |kind, word| pipeline.ends.iter().find(|e| e.kind == kind).map(Place::End).ok_or(PlanError::NoEnd(word));
    match target {
        Target::Named(name) => Ok(find::place(pipeline, name)?),
        Target::Next => find::next_place(pipeline, &deal.stage)
            .ok_or_else(|| PlanError::NoNext(deal.id.clone(), deal.stage.clone())),
        // What is won already stays so, and does not go back to the first stage that counts.
        Target::Won if matches!(pipeline.place(deal.stage.as_str()), Some(Place::End(e)) if e.kind == EndKind::Won) => {
            Ok(find::place(pipeline, deal.stage.as_str())?)
        }
        Target::Won => {
            let won = pipeline.won_index();
            let before = pipeline.stages.iter().position(|s| s.id == deal.stage).is_none_or(|i| i < won);
            match pipeline.stages.get(won) {
                Some(stage) if before => Ok(Place::Stage(won, stage)),
                _ => end(EndKind::Won, "won"),
            }
        }
        Target::Lost(None) => end(EndKind::Lost, "lost"),
        Target::Lost(Some(name)) => match find::place(pipeline, name)? {
            Place::End(end) if end.kind != EndKind::Won => Ok(Place::End(end)),
            other => Err(PlanError::NotEnded { place: other.id().clone() }),
        },
    }
}

fn edited(pipeline: &Pipeline, deal: &Deal, assignments: &[Assignment], today: NaiveDate) -> Result<Deal, PlanError> {
    if assignments.is_empty() {
        return Ok(deal.clone());
    }
    let text = assign::apply(&deal.document.text, &deal.path, assignments, pipeline, today)?;
    reparsed(pipeline, &text, &deal.path, &deal.stage, &deal.id, &deal.problems)
}

/// Reads the edited text again; what was wrong before may stay so, anything new refuses the edit.
pub(super) fn reparsed(
    pipeline: &Pipeline,
    text: &str,
    path: &str,
    stage: &StageId,
    id: &DealId,
    before: &[Problem],
) -> Result<Deal, PlanError> {
    let invalid = |problems| PlanError::Invalid { deal: id.clone(), problems };
    let deal = parse_deal(text.as_bytes(), pipeline, path, stage, id).map_err(invalid)?;
    let known = |p: &Problem| before.iter().any(|b| b.kind == p.kind && b.field == p.field && b.message == p.message);
    let fresh: Vec<Problem> = deal.problems.iter().filter(|p| !known(p)).cloned().collect();
    if fresh.is_empty() { Ok(deal) } else { Err(invalid(fresh)) }
}

fn refusal(
    pipeline: &Pipeline,
    deal: &Deal,
    from: Option<StageId>,
    place: Place<'_>,
    verdict: &Verdict<'_>,
    circumstances: &Circumstances<'_>,
) -> Refusal {
    let mut reasons: Vec<Reason> = verdict
        .refusing()
        .map(|(demand, outcome)| Reason {
            text: demand.criterion.text.clone(),
            asked_by: Some((demand.criterion.id.to_string(), demand.place.id().clone())),
            outcome: outcome.clone(),
        })
        .collect();
    reasons.extend(verdict.missing_fields.iter().map(|field| Reason {
        text: field.clone(),
        asked_by: None,
        outcome: crate::format::judge::Outcome::Missing(vec![field.clone()]),
    }));
    let missing = verdict.missing();
    let choices = missing.iter().filter_map(|field| match schema::find(&pipeline.fields, field).map(|spec| &spec.of) {
        Some(FieldType::Enum(words)) => Some(format!("{field} is one of {}", words.join(", "))),
        _ => None,
    });
    let open = gate::open_places(pipeline, deal, circumstances);
    Refusal {
        deal: deal.id.clone(),
        reasons,
        from,
        to: place.id().clone(),
        choices: choices.collect(),
        // A field of one item of a list is for the file, no assignment reaches it.
        fill: missing
            .iter()
            .filter(|field| schema::find(&pipeline.fields, field).is_some() || schema::is_free(field))
            .map(|field| assign::blank(pipeline, field))
            .collect(),
        missing,
        open_to: open.iter().map(|p| p.id().clone()).collect(),
    }
}

impl Plan {
    /// Names the common schema to editors in the first line of each new deal.
    pub fn naming_schema(mut self) -> Self {
        for change in self.changes.iter_mut().filter(|change| change.old_path.is_none()) {
            change.after.insert_str(0, &modeline::line(&change.new_path));
        }
        self
    }

    pub(super) fn of(changes: Vec<Change>, already: Vec<(DealId, Option<StageId>)>) -> Plan {
        let subject = match &changes[..] {
            [] => String::new(),
            [one] => match &one.from {
                None => format!("{}: new in {}", one.deal, one.to),
                Some(from) if *from == one.to => format!("{}: changed", one.deal),
                Some(from) => format!("{}: {from} → {}", one.deal, one.to),
            },
            [first, ..] => {
                let one_way = changes.iter().all(|c| c.to == first.to);
                let to = if one_way { format!(" → {}", first.to) } else { " moved".to_owned() };
                format!("{} deals{to}", changes.len())
            }
        };
        let mut trailers = Vec::new();
        for change in &changes {
            trailers.push(("Deal".to_owned(), change.deal.to_string()));
            if let Some(from) = change.from.as_ref().filter(|f| **f != change.to) {
                trailers.push(("From".to_owned(), from.to_string()));
            }
            if change.from.as_ref() != Some(&change.to) {
                trailers.push(("To".to_owned(), change.to.to_string()));
            }
        }
        Plan { changes, already, subject, trailers }
    }
}
