//! Judges deals by criteria: which ones a place asks for, and whether a deal meets them.

use chrono::NaiveDate;

use super::deal::Deal;
use super::expr::Expression;
use super::ident::StageId;
use super::pipeline::{Criterion, CriterionTest, EndKind, Pipeline, Place, RuleLevel, Stage};
use super::schema::{FieldSpec, FieldType};
use super::source::Source;
use super::value::{Block, Value};

/// What a judgement may know beyond the deal itself.
pub struct Circumstances<'a> {
    /// The day it is.
    pub today: NaiveDate,
    /// For `file_exists`.
    pub source: &'a dyn Source,
    /// Days since the one on which the deal came into its stage, by the calendar of the pipeline's time zone, where history
    /// is at hand.
    pub days_in_stage: Option<i64>,
    /// Stages the deal has visited, where history is at hand; optional stages bind only deals that visited them.
    pub visited: Option<&'a [StageId]>,
}

/// Whether a criterion is one of entry or of exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It must hold to enter the place.
    Entry,
    /// It must hold to go on from the stage.
    Exit,
}

/// A criterion that a place asks of a deal, with the place that declares it.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'p> {
    /// The stage or end that declares it.
    pub place: Place<'p>,
    /// Entry or exit.
    pub gate: Gate,
    /// The criterion.
    pub criterion: &'p Criterion,
}

/// How a deal stands to a criterion.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It holds.
    Met,
    /// These fields are missing (dotted paths).
    Missing(Vec<String>),
    /// One of these fields must be filled and none is (dotted paths, at least two).
    MissingOneOf(Vec<String>),
    /// Everything is there, but it is not so; why, in words.
    NotSatisfied(String),
    /// The expression itself failed on this deal; why, in words.
    Failed(String),
    /// It does not hold, but was waived.
    Waived {
        /// Who waived it.
        by: String,
        /// Why.
        reason: String,
        /// When.
        on: NaiveDate,
    },
}

impl Outcome {
    /// Whether the deal may go on as far as this criterion is concerned.
    pub fn passes(&self) -> bool {
        matches!(self, Outcome::Met | Outcome::Waived { .. })
    }
}

/// All criteria that a deal must meet to be in `place`: the exit criteria of every stage before it, and its own entry
/// criteria; for an end of kind lost or recycled its entry criteria only. In the pipeline's order. The exit criteria of
/// an optional stage are left out unless the deal is in it or is known to have visited it. Criteria of level off are
/// left out.
pub fn demands<'p>(
    pipeline: &'p Pipeline,
    deal: &Deal,
    place: Place<'p>,
    visited: Option<&[StageId]>,
) -> Vec<Demand<'p>> {
    let before = match place {
        Place::Stage(index, _) => index,
        Place::End(end) if end.kind == EndKind::Won => pipeline.stages.len(),
        Place::End(_) => 0,
    };
    let bound = |stage: &Stage| {
        !stage.optional || deal.stage == stage.id || visited.is_some_and(|stages| stages.contains(&stage.id))
    };
    let mut demands = Vec::new();
    for (index, stage) in pipeline.stages.iter().enumerate().take(before).filter(|(_, s)| bound(s)) {
        let place = Place::Stage(index, stage);
        demands.extend(stage.exit.iter().map(|criterion| Demand { place, gate: Gate::Exit, criterion }));
    }
    demands.extend(place.entry().iter().map(|criterion| Demand { place, gate: Gate::Entry, criterion }));
    demands.retain(|d| d.criterion.level != RuleLevel::Off);
    demands
}

/// Judges one criterion. A complete waiver lifts it where it is waivable.
pub fn judge(pipeline: &Pipeline, deal: &Deal, criterion: &Criterion, circumstances: &Circumstances<'_>) -> Outcome {
    let outcome = match &criterion.test {
        CriterionTest::Require(fields) => {
            let missing: Vec<String> =
                fields.iter().filter(|f| !deal.value(f).is_some_and(Value::is_filled)).cloned().collect();
            if missing.is_empty() { Outcome::Met } else { Outcome::Missing(missing) }
        }
        CriterionTest::Check(expression) => check(pipeline, deal, expression, circumstances),
        CriterionTest::Approval { by, not } => approval(pipeline, deal, criterion, by.as_deref(), not.as_deref()),
    };
    if outcome == Outcome::Met || !criterion.waivable {
        return outcome;
    }
    waiver(deal, criterion).unwrap_or(outcome)
}

fn check(pipeline: &Pipeline, deal: &Deal, expression: &Expression, circumstances: &Circumstances<'_>) -> Outcome {
    if expression.uses_days_in_stage() && circumstances.days_in_stage.is_none() {
        return Outcome::Failed("it asks for days_in_stage, and no history is at hand".into());
    }
    match expression.evaluate(pipeline, deal, circumstances) {
        Err(why) => Outcome::Failed(why),
        Ok(answer) if answer.holds => Outcome::Met,
        Ok(answer) if !answer.missing_one_of.is_empty() => Outcome::MissingOneOf(answer.missing_one_of),
        Ok(answer) if !answer.missing.is_empty() => Outcome::Missing(answer.missing),
        Ok(answer) => {
            let part = answer.false_part.unwrap_or_else(|| expression.source().to_owned());
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            let found = if answer.found.is_empty() { String::new() } else { format!(": {}", answer.found.join(", ")) };
            Outcome::NotSatisfied(format!("`{part}` is not true{found}"))
        }
    }
}

fn approval(
    pipeline: &Pipeline,
    deal: &Deal,
    criterion: &Criterion,
    group: Option<&str>,
    not: Option<&str>,
) -> Outcome {
    let given =
        deal.fields.get("approvals").and_then(|f| f.value.as_block()).and_then(|b| b.get(criterion.id.as_str()));
    let given = given.and_then(|f| f.value.as_block());
    let by = given.and_then(|b| b.get("by")).and_then(|f| f.value.as_text()).filter(|t| !t.trim().is_empty());
    let on = given.and_then(|b| b.get("on")).and_then(|f| f.value.as_date());
    let (Some(by), Some(_)) = (by, on) else {
        let lacks = |name: &str, there: bool| (!there).then(|| format!("approvals.{}.{name}", criterion.id));
        return Outcome::Missing(
            [lacks("by", by.is_some()), lacks("on", on.is_some())].into_iter().flatten().collect(),
        );
    };
    if let Some(group) = group {
        let members = pipeline.groups.get(group).map_or(&[][..], Vec::as_slice);
        if !members.iter().any(|member| same_person(member, by)) {
            return Outcome::NotSatisfied(format!("approved by {by}, who is not in the group {group}"));
        }
    }
    let Some(field) = not else { return Outcome::Met };
    match deal.text(field).filter(|other| !other.trim().is_empty()) {
        // Whether it was another person cannot be said, and taking the owner out must open no gate.
        None => Outcome::Missing(vec![field.to_owned()]),
        Some(other) if same_person(other, by) => {
            Outcome::NotSatisfied(format!("approved by {by}, who is the {field}; another person must approve it"))
        }
        Some(_) => Outcome::Met,
    }
}

fn waiver(deal: &Deal, criterion: &Criterion) -> Option<Outcome> {
    let found = deal.waivers().find(|w| w.criterion == criterion.id.as_str())?;
    Some(Outcome::Waived { by: found.by.to_owned(), reason: found.reason.to_owned(), on: found.on })
}

/// Whether two ways of naming somebody mean one person: equal but for case, or one is the part before the `@` of the
/// other.
pub fn same_person(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim().to_lowercase(), b.trim().to_lowercase());
    let local = |s: &str| s.split('@').next().unwrap_or(s).to_owned();
    a == b || (a.contains('@') != b.contains('@') && local(&a) == local(&b))
}

/// Whether a name of the pipeline or of a deal means the person whom git knows by this name and address.
pub fn is_called(name: &str, email: &str, other: &str) -> bool {
    let by_name = !name.trim().is_empty() && name.trim().to_lowercase() == other.trim().to_lowercase();
    by_name || same_person(other, email)
}

/// Dotted paths of fields that are required in `place` (`required`, `required_from`) and not filled, in the order of
/// the card. A field that is required inside a block is asked for only where the block is there; `required_from` asks
/// in any case. Items of lists are asked for what their block requires: `payments.2.what`.
pub fn missing_fields(pipeline: &Pipeline, deal: &Deal, place: Place<'_>) -> Vec<String> {
    let reached = |stage: &StageId| {
        let at = pipeline.stages.iter().position(|s| s.id == *stage);
        match place {
            Place::Stage(index, _) => at.is_some_and(|at| index >= at),
            Place::End(end) => end.kind == EndKind::Won,
        }
    };
    let mut missing = Vec::new();
    gather(&pipeline.fields, Some(&deal.fields), &|| String::new(), &reached, &mut missing);
    missing
}

/// `path` writes out what stands before the names, with its dot; that is done only for a field that is missing.
fn gather(
    fields: &[FieldSpec],
    block: Option<&Block>,
    path: &dyn Fn() -> String,
    reached: &impl Fn(&StageId) -> bool,
    missing: &mut Vec<String>,
) {
    for spec in fields {
        let asked = (spec.required && block.is_some()) || spec.required_from.as_ref().is_some_and(reached);
        let inner = match &spec.of {
            FieldType::Block(inner) => Some(inner),
            FieldType::List(of) => match &**of {
                FieldType::Block(inner) => Some(inner),
                _ => None,
            },
            _ => None,
        };
        if !asked && inner.is_none() {
            continue;
        }
        let full = || path() + &spec.name;
        let value = block.and_then(|b| b.get(&spec.name)).map(|f| &f.value);
        if asked && !value.is_some_and(Value::is_filled) {
            missing.push(full());
        }
        let Some(inner) = inner else { continue };
        match (&spec.of, value) {
            (FieldType::Block(_), value) => {
                gather(inner, value.and_then(Value::as_block), &|| full() + ".", reached, missing);
            }
            (_, Some(Value::List(items))) => {
                for (i, item) in items.iter().enumerate().filter_map(|(i, item)| Some((i, item.value.as_block()?))) {
                    gather(inner, Some(item), &|| format!("{}.{}.", full(), i + 1), reached, missing);
                }
            }
            _ => {}
        }
    }
}

/// Index of the last stage whose demands the deal meets, warnings aside: the stage it has earned. Neither an exit
/// criterion before it nor its own entry criteria nor a field required from it on is open.
pub fn earned_stage(pipeline: &Pipeline, deal: &Deal, circumstances: &Circumstances<'_>) -> usize {
    let open = |c: &Criterion| c.level == RuleLevel::Error && !judge(pipeline, deal, c, circumstances).passes();
    let refused = |stage: &Stage| {
        let visited = circumstances.visited.is_some_and(|stages| stages.contains(&stage.id));
        let binding = !stage.optional || deal.stage == stage.id || visited;
        binding && stage.exit.iter().any(open)
    };
    let last = pipeline.stages.len().saturating_sub(1);
    let farthest = pipeline.stages.iter().position(refused).unwrap_or(last);
    let enters = |index: &usize| {
        let Some(stage) = pipeline.stages.get(*index) else { return false };
        let later = |field: &String| pipeline.field(field).is_some_and(|spec| spec.required_from.is_some());
        !stage.entry.iter().any(open) && !missing_fields(pipeline, deal, Place::Stage(*index, stage)).iter().any(later)
    };
    (0..=farthest).rev().find(enters).unwrap_or(0)
}
