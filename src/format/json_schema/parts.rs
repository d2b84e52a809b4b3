//! The pieces of which the schemas are made.
//!
//! Editors offer every type that a schema names as a value, so that `type: [string, null]` makes them offer `null` for
//! each field. What a value may be is therefore said in `if` and `else`, which they check and do not offer.

use serde_json::{Map, Number, Value, json};

use crate::format::quote;
use crate::format::tree::{Core, ScalarStyle, resolve};

/// A text without anything but blanks, which counts as missing.
const BLANK: &str = r"^\s*$";

/// What a single value may be.
pub(super) struct Scalar {
    /// Types that fit whatever their value is; never `string` and `null`.
    pub types: &'static [&'static str],
    /// Which texts fit.
    pub texts: Texts,
}

/// Which texts fit a value, empty ones aside.
#[derive(Clone, Copy)]
pub(super) enum Texts {
    /// Every text.
    Any,
    /// Those that look like this.
    Like(&'static str),
    /// None.
    None,
}

/// How a value is called and explained, and whether it may be missing.
#[derive(Clone, Debug)]
pub(super) struct About {
    /// What people call it.
    pub title: String,
    /// What belongs into it.
    pub description: String,
    /// What is said of a value that does not fit.
    pub error: String,
    /// It must be there and filled.
    pub filled: bool,
}

impl About {
    fn begin(&self) -> Map<String, Value> {
        let mut schema = Map::new();
        if !self.title.is_empty() {
            schema.insert("title".into(), json!(self.title));
        }
        if !self.description.is_empty() {
            schema.insert("description".into(), json!(self.description));
        }
        schema
    }

    /// The types of a value that needs no closer look.
    fn passing(&self, types: &[&str]) -> Value {
        let empty = (!self.filled).then_some("null");
        json!({"type": types.iter().copied().chain(empty).collect::<Vec<_>>()})
    }

    /// An empty value in place of one of another type, with the words for what is neither.
    fn blank(&self) -> Value {
        let empty = json!({"type": "string", "pattern": BLANK, "errorMessage": self.error});
        json!({"if": {"type": "null"}, "else": empty})
    }
}

/// A text, number, date or the like; `offers` are values that an editor offers without refusing others.
pub(super) fn scalar(about: &About, of: &Scalar, offers: &[String]) -> Value {
    let mut text = Map::new();
    let pattern = match (of.texts, about.filled) {
        (Texts::Like(pattern), false) => Some(format!("{BLANK}|{pattern}")),
        (Texts::Like(pattern), true) => Some(pattern.to_owned()),
        (Texts::Any, true) => Some(r"\S".to_owned()),
        (Texts::None, false) => Some(BLANK.to_owned()),
        (Texts::Any, false) | (Texts::None, true) => None,
    };
    // Where no text fits and something must be there, it is one of the types.
    let fits = if about.filled && matches!(of.texts, Texts::None) { json!(of.types) } else { json!("string") };
    text.insert("type".into(), fits);
    text.extend(pattern.map(|pattern| ("pattern".to_owned(), json!(pattern))));
    text.insert("errorMessage".into(), json!(about.error));
    let mut judged = Map::new();
    // Of a choice with one possibility alone, editors show the title of that.
    judged.insert("title".into(), json!(about.title));
    if of.types.is_empty() && about.filled {
        judged.append(&mut text);
    } else {
        judged.insert("if".into(), about.passing(of.types));
        judged.insert("else".into(), Value::Object(text));
    }
    let mut schema = about.begin();
    schema.insert("anyOf".into(), json!([judged]));
    if !offers.is_empty() {
        let offer = |word: &String| json!({"label": word, "body": snippet(&quote::flow_scalar(word))});
        schema.insert("defaultSnippets".into(), offers.iter().map(offer).collect());
    }
    Value::Object(schema)
}

/// `true` or `false`.
pub(super) fn boolean(about: &About) -> Value {
    choice(about, vec![json!({"type": "boolean", "errorMessage": about.error})])
}

/// One of a few words.
pub(super) fn words<'w>(about: &About, words: impl Iterator<Item = &'w str> + Clone) -> Value {
    let shown: Vec<Value> = words.clone().map(offered).collect();
    let mut ways = vec![json!({"enum": shown, "errorMessage": about.error})];
    let quoted: Vec<&str> = words.filter(|word| !offered(word).is_string()).collect();
    if !quoted.is_empty() {
        // Words that look like numbers fit in quotes as well, which is nothing to offer.
        ways.push(json!({"not": {"not": {"enum": quoted}}}));
    }
    choice(about, ways)
}

fn choice(about: &About, mut ways: Vec<Value>) -> Value {
    if !about.filled {
        ways.push(about.blank());
    }
    let mut schema = about.begin();
    schema.insert("anyOf".into(), json!(ways));
    Value::Object(schema)
}

/// A word as YAML reads it without quotes: `1` is a number, `true` is not a text.
pub(super) fn offered(word: &str) -> Value {
    match resolve(word, ScalarStyle::Plain) {
        Core::Bool(truth) => json!(truth),
        Core::Int => word.parse::<i64>().map_or_else(|_| json!(word), |n| json!(n)),
        Core::Float => word.parse().ok().and_then(Number::from_f64).map_or_else(|| json!(word), Value::Number),
        Core::Null | Core::Str => json!(word),
    }
}

/// A block of fields.
pub(super) struct Block {
    /// The fields by name.
    pub properties: Map<String, Value>,
    /// Fields that must be there where the block is.
    pub required: Vec<String>,
    /// What other fields must be; `None`: none are allowed but those that begin with `x-`.
    pub others: Option<Value>,
}

/// A block of fields as a value.
pub(super) fn block(about: &About, of: Block) -> Value {
    let mut schema = about.begin();
    fill(&mut schema, of);
    beside(&mut schema, about, "object");
    Value::Object(schema)
}

/// What a block says of its fields.
pub(super) fn fill(schema: &mut Map<String, Value>, of: Block) {
    if !of.required.is_empty() {
        schema.insert("required".into(), json!(of.required));
    }
    schema.insert("properties".into(), Value::Object(of.properties));
    match of.others {
        Some(others) => schema.insert("additionalProperties".into(), others),
        None => {
            schema.insert("patternProperties".into(), json!({"^x-": {}}));
            schema.insert("additionalProperties".into(), json!(false))
        }
    };
}

/// A list of items of one kind.
pub(super) fn list(about: &About, items: Value) -> Value {
    let mut schema = about.begin();
    schema.insert("items".into(), items);
    beside(&mut schema, about, "array");
    Value::Object(schema)
}

/// Refuses what is not of a type, nor empty where it may be.
fn beside(schema: &mut Map<String, Value>, about: &About, of: &'static str) {
    schema.insert("if".into(), about.passing(&[of]));
    let mut text = json!({"type": "string", "pattern": BLANK, "errorMessage": about.error});
    if about.filled {
        text = json!({"type": of, "errorMessage": about.error});
    }
    schema.insert("else".into(), text);
}

/// Refuses an empty value and takes any other.
pub(super) fn not_empty(message: &str) -> Value {
    json!({"if": {"type": "null"}, "then": {"type": "string", "errorMessage": message}})
}

/// A text as editors insert it: `$`, `}` and `\` have a meaning there.
fn snippet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '$' | '}' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}
