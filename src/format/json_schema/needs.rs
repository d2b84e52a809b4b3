//! What a deal needs in a stage or end, as far as a schema can ask for it.

use serde_json::{Map, Value, json};

use crate::format::ident::CriterionId;
use crate::format::pipeline::{Criterion, CriterionTest, EndKind, Pipeline, Place, RuleLevel};
use crate::format::schema::{self, FieldSpec, FieldType};

/// Fields that a deal must have filled, and why.
pub(super) struct Need {
    /// Dotted paths.
    pub fields: Vec<String>,
    /// Who asks, for people.
    pub why: String,
    /// The criterion that a waiver can lift; `None`: nothing can.
    pub unless: Option<CriterionId>,
}

/// Whether findings of a rule are errors, as far as the pipeline says.
pub(super) fn is_error(pipeline: &Pipeline, rule: &str) -> bool {
    pipeline.rules.get(rule).is_none_or(|level| *level == RuleLevel::Error)
}

/// What every deal in a place needs beside the fields that each deal must have. Optional stages bind only deals that were
/// in them, which a file does not tell.
pub(super) fn of_place(pipeline: &Pipeline, place: Place<'_>) -> Vec<Need> {
    let before = match place {
        Place::Stage(index, _) => index,
        Place::End(end) if end.kind == EndKind::Won => pipeline.stages.len(),
        Place::End(_) => 0,
    };
    let mut needs = Vec::new();
    if is_error(pipeline, "missing-field") {
        from_here(pipeline, &pipeline.fields, "", place, &mut needs);
    }
    if is_error(pipeline, "exit-criterion") {
        for stage in pipeline.stages.iter().take(before).filter(|stage| !stage.optional) {
            needs.extend(stage.exit.iter().filter_map(|c| of_criterion(c, &format!("to leave {}", stage.title))));
        }
    }
    if is_error(pipeline, "entry-criterion") {
        needs.extend(place.entry().iter().filter_map(|c| of_criterion(c, &format!("to enter {}", place.title()))));
    }
    needs
}

/// Fields that are required from some stage on, through blocks but not through lists, whose items may be none.
fn from_here(pipeline: &Pipeline, fields: &[FieldSpec], above: &str, place: Place<'_>, needs: &mut Vec<Need>) {
    for spec in fields {
        let path = format!("{above}{}", spec.name);
        if let Some(from) = &spec.required_from {
            let at = pipeline.stages.iter().position(|stage| stage.id == *from);
            let reached = match place {
                Place::Stage(index, _) => at.is_some_and(|at| index >= at),
                Place::End(end) => end.kind == EndKind::Won,
            };
            if reached {
                let title = pipeline.place(from.as_str()).map_or(from.as_str(), |stage| stage.title());
                let why = format!("every deal needs it from {title} on");
                needs.push(Need { fields: vec![path.clone()], why, unless: None });
            }
        }
        if let FieldType::Block(inner) = &spec.of {
            from_here(pipeline, inner, &format!("{path}."), place, needs);
        }
    }
}

/// What a criterion asks of the file; `None` for one that refuses nothing, and for expressions.
fn of_criterion(criterion: &Criterion, when: &str) -> Option<Need> {
    if criterion.level != RuleLevel::Error {
        return None;
    }
    let fields = asked(criterion)?;
    let why = format!("{when}: {} ({})", criterion.text, criterion.id);
    Some(Need { fields, why, unless: criterion.waivable.then(|| criterion.id.clone()) })
}

/// The fields that a criterion wants filled.
pub(super) fn asked(criterion: &Criterion) -> Option<Vec<String>> {
    match &criterion.test {
        CriterionTest::Require(fields) => Some(fields.clone()),
        CriterionTest::Approval { .. } => {
            Some(["by", "on"].map(|part| format!("approvals.{}.{part}", criterion.id)).to_vec())
        }
        CriterionTest::Check(_) => None,
    }
}

/// Asks for the fields of a need, where no waiver lifts it. `make` gives the schema of a filled field by its path.
pub(super) fn branch(
    pipeline: &Pipeline,
    need: &Need,
    title: &str,
    make: &dyn Fn(&str, Option<&FieldSpec>) -> Value,
) -> Value {
    let message = format!("Missing {} ({})", need.fields.join(", "), need.why);
    let paths: Vec<&str> = need.fields.iter().map(String::as_str).collect();
    let mut asked = level(pipeline, "", &paths, &message, make);
    asked.insert("title".into(), json!(title));
    match &need.unless {
        None => Value::Object(asked),
        Some(id) => {
            let waiver = json!({
                "type": "object",
                "required": ["criterion"],
                "properties": {"criterion": {"enum": both(id.as_str())}},
            });
            let waived = json!({
                "type": "object",
                "required": ["waivers"],
                "properties": {"waivers": {"type": "array", "contains": waiver}},
            });
            json!({"if": {"not": waived}, "then": asked})
        }
    }
}

/// A word with and without quotes.
fn both(word: &str) -> Vec<Value> {
    let plain = super::parts::offered(word);
    if plain.is_string() { vec![plain] } else { vec![plain, json!(word)] }
}

/// One step on the way to fields: the names that must be there, and what lies below them.
fn level(
    pipeline: &Pipeline,
    above: &str,
    paths: &[&str],
    message: &str,
    make: &dyn Fn(&str, Option<&FieldSpec>) -> Value,
) -> Map<String, Value> {
    let mut names: Vec<&str> = Vec::new();
    for path in paths {
        let name = path.split('.').next().unwrap_or(path);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut properties = Map::new();
    for name in &names {
        let full = format!("{above}{name}");
        let rest: Vec<&str> = paths
            .iter()
            .filter_map(|path| path.split_once('.'))
            .filter(|(first, _)| first == name)
            .map(|(_, r)| r)
            .collect();
        let spec = schema::find(&pipeline.fields, &full);
        let schema = if rest.is_empty() {
            make(&full, spec)
        } else {
            let mut block = level(pipeline, &format!("{full}."), &rest, message, make);
            let known = make(&full, spec);
            for key in ["title", "description"] {
                if let Some(words) = known.get(key) {
                    block.insert(key.into(), words.clone());
                }
            }
            block.insert("if".into(), json!({"type": "null"}));
            block.insert("then".into(), json!({"type": "object", "errorMessage": message}));
            Value::Object(block)
        };
        properties.insert((*name).to_owned(), schema);
    }
    let mut level = Map::new();
    level.insert("required".into(), json!(names));
    level.insert("errorMessage".into(), json!(message));
    level.insert("properties".into(), Value::Object(properties));
    level
}
