//! The schema of a deal.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::needs::{self, is_error};
use super::parts::{self, About, Block, Scalar, Texts};
use super::{COMMENT, words};
use crate::format::pipeline::{Criterion, CriterionTest, ExtraFields, Pipeline, Place};
use crate::format::schema::{self, FieldSpec, FieldType};

/// Most words of a list that an error says; an editor shows the others.
const WORDS_SAID: usize = 12;

/// The schema of the deals of a pipeline, or of those in one place.
pub(super) fn schema(pipeline: &Pipeline, place: Option<Place<'_>>) -> Value {
    let fields = Fields { pipeline, asked: asked_for(pipeline), people: everybody(pipeline) };
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("$comment".into(), json!(COMMENT));
    let title = match place {
        None => format!("A deal of {}", pipeline.title),
        Some(place) => format!("A deal in {}", place.title()),
    };
    schema.insert("title".into(), json!(title));
    if let Some(goal) = place.and_then(|place| goal(pipeline, place)) {
        schema.insert("description".into(), json!(goal));
    }
    schema.insert("type".into(), json!("object"));
    let required = fields.required(&pipeline.fields);
    let properties = fields.of_block(&pipeline.fields, "", &pipeline.fields);
    parts::fill(&mut schema, Block { properties, required, others: fields.others() });
    let needs = place.map(|place| (needs::of_place(pipeline, place), place.title())).unwrap_or_default();
    let branches: Vec<Value> = needs
        .0
        .iter()
        .map(|need| {
            let title = format!("what {} needs: {}", needs.1, need.why);
            needs::branch(pipeline, need, &title, &|path, spec| fields.filled(path, spec))
        })
        .collect();
    if !branches.is_empty() {
        schema.insert("allOf".into(), json!(branches));
    }
    Value::Object(schema)
}

/// What a stage is there for.
fn goal(pipeline: &Pipeline, place: Place<'_>) -> Option<String> {
    match place {
        Place::Stage(index, _) => pipeline.stages.get(index).and_then(|stage| stage.goal.clone()),
        Place::End(_) => None,
    }
}

/// By the dotted path of a field, who asks for it.
fn asked_for(pipeline: &Pipeline) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut note = |criterion: &Criterion, when: String| {
        for field in needs::asked(criterion).unwrap_or_default() {
            found.entry(field).or_default().push(format!("Asked for {when}: {}", criterion.text));
        }
    };
    for stage in &pipeline.stages {
        stage.entry.iter().for_each(|c| note(c, format!("to enter {}", stage.title)));
        stage.exit.iter().for_each(|c| note(c, format!("to leave {}", stage.title)));
    }
    for end in &pipeline.ends {
        end.entry.iter().for_each(|c| note(c, format!("to enter {}", end.title)));
    }
    found
}

/// The people of all groups, each once.
fn everybody(pipeline: &Pipeline) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for name in pipeline.groups.values().flatten() {
        if !people.contains(name) {
            people.push(name.clone());
        }
    }
    people
}

/// Makes the schemas of fields.
struct Fields<'p> {
    pipeline: &'p Pipeline,
    asked: BTreeMap<String, Vec<String>>,
    people: Vec<String>,
}

impl Fields<'_> {
    /// What fields that nobody declared may be. `None`: there must be none.
    fn others(&self) -> Option<Value> {
        let denied = self.pipeline.extra_fields == ExtraFields::Deny && is_error(self.pipeline, "unknown-field");
        (!denied).then(|| json!(true))
    }

    /// The fields that must be there where their block is.
    fn required(&self, fields: &[FieldSpec]) -> Vec<String> {
        let asked = |spec: &&FieldSpec| spec.required && is_error(self.pipeline, "missing-field");
        fields.iter().filter(asked).map(|spec| spec.name.clone()).collect()
    }

    /// The fields of a block. `above` stands before their names.
    fn of_block(&self, fields: &[FieldSpec], above: &str, required_of: &[FieldSpec]) -> Map<String, Value> {
        let required = self.required(required_of);
        let of = |spec: &FieldSpec| {
            let schema = self.field(spec, &format!("{above}{}", spec.name), required.contains(&spec.name));
            (spec.name.clone(), schema)
        };
        fields.iter().map(of).collect()
    }

    fn field(&self, spec: &FieldSpec, path: &str, filled: bool) -> Value {
        self.value(&spec.of, &self.about(spec, path, filled), path)
    }

    fn about(&self, spec: &FieldSpec, path: &str, filled: bool) -> About {
        let title = spec.label.clone().unwrap_or_else(|| in_words(&spec.name));
        let mut said: Vec<String> = Vec::new();
        match (&spec.help, words::of(path)) {
            (Some(help), _) => said.extend([help.clone(), format!("It is {}.", describe(&spec.of))]),
            (None, Some(words)) => said.push(words.to_owned()),
            (None, None) => said.push(format!("It is {}.", describe(&spec.of))),
        }
        if spec.help.is_some() || words::of(path).is_none() {
            said.extend(example(&spec.of).map(|example| format!("Example: {example}")));
        }
        if spec.required {
            said.push("Every deal needs it.".to_owned());
        }
        if let Some(from) = &spec.required_from {
            let title = self.pipeline.place(from.as_str()).map_or(from.as_str(), |place| place.title());
            said.push(format!("Every deal needs it from {title} on."));
        }
        said.extend(self.asked.get(path).into_iter().flatten().cloned());
        let mut error = format!("{path} must be {}", describe(&spec.of));
        if filled {
            error.push_str(" and not empty");
        }
        About { title, description: said.join("\n\n"), error, filled }
    }

    fn value(&self, of: &FieldType, about: &About, path: &str) -> Value {
        let single = |types, texts| parts::scalar(about, &Scalar { types, texts }, &[]);
        match of {
            FieldType::Text => single(&["number", "boolean"], Texts::Any),
            FieldType::Integer => single(&["integer"], Texts::None),
            FieldType::Number => single(&["number"], Texts::None),
            FieldType::Money => single(&["number"], Texts::Like(MONEY)),
            FieldType::Date => single(&[], Texts::Like(DATE)),
            FieldType::Boolean => parts::boolean(about),
            FieldType::Person => {
                parts::scalar(about, &Scalar { types: &["number", "boolean"], texts: Texts::Any }, self.people_of(path))
            }
            FieldType::Path => single(&["number", "boolean"], Texts::Like(PATH)),
            FieldType::Link => single(&[], Texts::Like(LINK)),
            FieldType::Deal => single(&["number", "boolean"], Texts::Like(DEAL)),
            FieldType::Enum(words) => parts::words(about, words.iter().map(String::as_str)),
            FieldType::List(of) => parts::list(about, self.item(of, about, path)),
            FieldType::Block(fields) => parts::block(about, self.block(fields, path)),
            FieldType::MapOf(of) => parts::block(about, self.map(of, path)),
        }
    }

    fn block(&self, fields: &[FieldSpec], path: &str) -> Block {
        let properties = self.of_block(fields, &format!("{path}."), fields);
        Block { properties, required: self.required(fields), others: self.others() }
    }

    /// An item of a list. Its block is called nothing, so that an editor names it after the list.
    fn item(&self, of: &FieldType, about: &About, path: &str) -> Value {
        let error = format!("an item of {path} must be {}", describe(of));
        let item = About { title: about.title.clone(), description: String::new(), error, filled: false };
        match of {
            FieldType::Block(fields) if path == "waivers" => parts::block(&item, self.waiver(fields)),
            // In lists of lists nothing is asked for.
            FieldType::List(_) => self.value(&without_demands(of), &item, path),
            _ => self.value(of, &item, path),
        }
    }

    /// A waiver says what, who, why and when, and what it is of is a criterion that can be waived.
    fn waiver(&self, fields: &[FieldSpec]) -> Block {
        let mut block = self.block(fields, "waivers");
        if !is_error(self.pipeline, "waiver") {
            return block;
        }
        for part in ["criterion", "by", "reason", "on"] {
            if !block.required.iter().any(|name| name == part) {
                block.required.push(part.to_owned());
            }
        }
        let ids: Vec<&str> = self.pipeline.criteria().filter(|c| c.waivable).map(|c| c.id.as_str()).collect();
        if let (Some(spec), false) = (fields.iter().find(|spec| spec.name == "criterion"), ids.is_empty()) {
            let mut about = self.about(spec, "waivers.criterion", false);
            about.error = format!("waivers.criterion must be {}", one_of(&ids));
            block.properties.insert(spec.name.clone(), parts::words(&about, ids.into_iter()));
        }
        block
    }

    /// A block whose keys are the ids of criteria.
    fn map(&self, of: &FieldType, path: &str) -> Block {
        let approval = |criterion: &&Criterion| matches!(criterion.test, CriterionTest::Approval { .. });
        let about = |key: &str, description: String| About {
            title: key.to_owned(),
            description,
            error: format!("{path}.{key} must be {}", describe(of)),
            filled: false,
        };
        let criteria: Vec<&Criterion> = self.pipeline.criteria().filter(approval).collect();
        let one = |criterion: &&Criterion| {
            let (id, text) = (criterion.id.as_str(), &criterion.text);
            let description = format!("{text}\n\nExample: {{by: boss, on: 2026-12-23}}");
            (id.to_owned(), self.approval(of, &about(id, description), &format!("{path}.{id}")))
        };
        let properties = if path == "approvals" { criteria.iter().map(one).collect() } else { Map::new() };
        let other = self.approval(of, &about("CRITERION", String::new()), &format!("{path}.CRITERION"));
        Block { properties, required: Vec::new(), others: Some(other) }
    }

    fn approval(&self, of: &FieldType, about: &About, path: &str) -> Value {
        let FieldType::Block(fields) = of else { return self.value(of, about, path) };
        let mut block = self.block(fields, path);
        for (name, schema) in &mut block.properties {
            if let (Some(words), Some(schema)) = (words::of_approval(name), schema.as_object_mut()) {
                schema.insert("description".into(), json!(words));
            }
        }
        parts::block(about, block)
    }

    /// Who may stand in a field: of an approval the members of the group that it asks for, otherwise everybody. Others may
    /// stand there too.
    fn people_of(&self, path: &str) -> &[String] {
        let group = path.strip_prefix("approvals.").and_then(|rest| rest.strip_suffix(".by")).and_then(|id| {
            let criterion = self.pipeline.criteria().find(|c| c.id == *id)?;
            match &criterion.test {
                CriterionTest::Approval { by: Some(group), .. } => self.pipeline.groups.get(group),
                _ => None,
            }
        });
        group.unwrap_or(&self.people)
    }

    /// A field that must be filled, by its dotted path.
    fn filled(&self, path: &str, spec: Option<&FieldSpec>) -> Value {
        let approval = path.strip_prefix("approvals.").and_then(|rest| rest.split_once('.'));
        let spec = match approval {
            Some((_, part)) => schema::find(&self.pipeline.fields, &format!("approvals.ID.{part}")),
            None => spec,
        };
        let Some(spec) = spec else {
            let title = path.rsplit('.').next().unwrap_or(path);
            let error = format!("{path} must not be empty");
            return json!({"title": title, "anyOf": [parts::not_empty(&error)]});
        };
        let mut schema = self.field(spec, path, true);
        if let (Some((_, part)), Some(schema)) = (approval, schema.as_object_mut())
            && let Some(words) = words::of_approval(part)
        {
            schema.insert("description".into(), json!(words));
        }
        schema
    }
}

const DATE: &str = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
pub(super) const MONEY: &str = r"^\s*[-+]?[0-9]+(\.[0-9]+)?( \s*[A-Z]{3})?\s*$";
const LINK: &str = "^(https://|http://|mailto:)";
const DEAL: &str = "^[a-z0-9][a-z0-9._-]{0,99}$";
/// Names with `/` between them, none of which is `.` or `..`.
const PATH: &str = r"^(\.{3,}[^/\\]*|\.{0,2}[^./\\][^/\\]*)(/(\.{3,}[^/\\]*|\.{0,2}[^./\\][^/\\]*))*$";

/// A type in which no field is required.
fn without_demands(of: &FieldType) -> FieldType {
    match of {
        FieldType::List(of) => FieldType::List(Box::new(without_demands(of))),
        FieldType::Block(fields) => {
            let free = |spec: &FieldSpec| FieldSpec { required: false, of: without_demands(&spec.of), ..spec.clone() };
            FieldType::Block(fields.iter().map(free).collect())
        }
        of => of.clone(),
    }
}

/// What a type accepts, in words.
fn describe(of: &FieldType) -> String {
    match of {
        FieldType::Enum(words) => one_of(&words.iter().map(String::as_str).collect::<Vec<_>>()),
        FieldType::List(of) => format!("a list, each item {}", describe(of)),
        FieldType::Block(fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            format!("a block with {}", names.join(", "))
        }
        of => of.describe(),
    }
}

fn one_of(words: &[&str]) -> String {
    let said: Vec<&str> = words.iter().copied().take(WORDS_SAID).collect();
    let more = if words.len() > WORDS_SAID { ", …" } else { "" };
    format!("one of {}{more}", said.join(", "))
}

/// A value of a type, as one writes it.
fn example(of: &FieldType) -> Option<String> {
    Some(match of {
        FieldType::Text | FieldType::Block(_) | FieldType::MapOf(_) => return None,
        FieldType::Integer => "12".to_owned(),
        FieldType::Number => "12.5".to_owned(),
        FieldType::Money => "18000 or 18000.50 USD".to_owned(),
        FieldType::Date => "2026-12-31".to_owned(),
        FieldType::Boolean => "true".to_owned(),
        FieldType::Person => "olga".to_owned(),
        FieldType::Path => "proposals/acme.pdf".to_owned(),
        FieldType::Link => "https://example.com/acme".to_owned(),
        FieldType::Deal => "acme-site".to_owned(),
        FieldType::Enum(words) => words.first()?.clone(),
        FieldType::List(of) => format!("[{}]", example(of)?),
    })
}

/// `close_date` as `Close date`.
fn in_words(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or(spaced)
}
