//! JSON Schemas of deals and of the pipeline file, for editors that complete, explain and check YAML while it is written.
//!
//! They are of draft-07, which editors know best. A schema refuses nothing that `validate` would not refuse as well; what
//! it cannot see (expressions, links, other deals) it leaves to `validate`. A deal does not say in which stage it is, so
//! there is one schema that fits every deal, and one for each stage or end with what is needed there.
//!
//! Beside the keywords of draft-07 they use two of yaml-language-server, which others pass over: `errorMessage`, the words
//! of an error, and `defaultSnippets`, words to offer that are not the only ones.

mod deal;
mod needs;
mod parts;
mod pipeline;
mod words;

use serde_json::Value;

use super::ident::StageId;
use super::pipeline::{PIPELINE_FILE, Pipeline, Place};

/// The folder of the schemas, below the pipeline's folder.
pub const FOLDER: &str = ".tussock";

/// The schema of every deal, whatever its stage.
pub const DEAL_FILE: &str = ".tussock/deal.schema.json";

/// The schema of the pipeline file.
pub const PIPELINE_SCHEMA_FILE: &str = ".tussock/pipeline.schema.json";

/// What says in a schema where it comes from.
const COMMENT: &str =
    "Written by `tussock schema deal --write` from pipeline.yaml: change that file and write it again.";

/// A rule as the schema of the pipeline file offers it: its id and what it finds.
pub type RuleWords = (&'static str, &'static str);

/// The file of the schema of one stage or end, below the pipeline's folder.
pub fn stage_file(stage: &StageId) -> String {
    format!("{FOLDER}/deal.{stage}.schema.json")
}

/// The schema of every deal of a pipeline, whatever its stage.
pub fn deal(pipeline: &Pipeline) -> Value {
    deal::schema(pipeline, None)
}

/// The schema of the deals in one stage or end.
pub fn deal_in(pipeline: &Pipeline, place: Place<'_>) -> Value {
    deal::schema(pipeline, Some(place))
}

/// The schema of the pipeline file. It is the same for every pipeline: names that a team chooses are for
/// `validate` to check, since they change together with the file.
pub fn pipeline_file(rules: &[RuleWords]) -> Value {
    pipeline::schema(rules)
}

/// A schema as the text of a file: what fits on a line stands on one, so that a change of a field shows as a few lines.
pub fn text(schema: &Value) -> String {
    let mut text = String::new();
    lay_out(schema, 0, &mut text);
    text.push('\n');
    text
}

/// The longest line of a file, as far as it can be broken.
const LINE: usize = 110;

fn lay_out(value: &Value, indent: usize, text: &mut String) {
    let whole = value.to_string();
    let (open, close, items): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Object(map) if indent + whole.len() > LINE => {
            ('{', '}', map.iter().map(|(key, value)| (Some(key), value)).collect())
        }
        Value::Array(items) if indent + whole.len() > LINE => ('[', ']', items.iter().map(|v| (None, v)).collect()),
        _ => {
            text.push_str(&whole);
            return;
        }
    };
    text.push(open);
    for (at, (key, value)) in items.iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.extend(std::iter::repeat_n(' ', indent + 2));
        if let Some(key) = key {
            text.push_str(&Value::from(key.as_str()).to_string());
            text.push_str(": ");
        }
        lay_out(value, indent + 2, text);
    }
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
    text.push(close);
}

/// Whether the text of a file is this schema, however it is laid out.
pub fn is_same(text: &str, schema: &Value) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|found| found == *schema)
}

/// Whether tussock wrote a schema, as far as its text says.
pub fn is_ours(text: &str) -> bool {
    let said = serde_json::from_str::<Value>(text).ok();
    said.is_some_and(|schema| schema.get("$comment").and_then(Value::as_str) == Some(COMMENT))
}

/// All schemas of a pipeline with their files below its folder: of every deal, of the deals in each stage and end, and of
/// the pipeline file.
pub fn files(pipeline: &Pipeline, rules: &[RuleWords]) -> Vec<(String, Value)> {
    let mut files = vec![(DEAL_FILE.to_owned(), deal(pipeline))];
    files.extend(pipeline.places().map(|place| (stage_file(place.id()), deal_in(pipeline, place))));
    files.push((PIPELINE_SCHEMA_FILE.to_owned(), pipeline_file(rules)));
    files
}

/// Which schema belongs to which files, as yaml-language-server takes it (`yaml.schemas`): the schema's file and patterns
/// of paths. `prefix` leads from the editor's folder to the pipeline's and ends in `/`; empty where they are the same.
pub fn associations(pipeline: &Pipeline, prefix: &str) -> Vec<(String, Vec<String>)> {
    let of = |place: Place<'_>| {
        let folder = place.id();
        let mut files = vec![format!("{prefix}{folder}/*.yaml")];
        if matches!(place, Place::End(_)) {
            // Ends have folders by year.
            files.push(format!("{prefix}{folder}/*/*.yaml"));
        }
        (format!("{prefix}{}", stage_file(folder)), files)
    };
    let mut all: Vec<_> = pipeline.places().map(of).collect();
    all.push((format!("{prefix}{PIPELINE_SCHEMA_FILE}"), vec![format!("{prefix}{PIPELINE_FILE}")]));
    all
}

#[cfg(test)]
mod tests;
