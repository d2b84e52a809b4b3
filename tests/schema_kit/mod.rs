//! A validator for JSON Schema, as much of it as the schemas here use. A keyword that it does not know is an error, never
//! passed over.

use serde_json::Value;

/// Keywords that demand nothing.
const WORDS: [&str; 11] = [
    "$schema",
    "$id",
    "id",
    "title",
    "description",
    "$comment",
    "default",
    "definitions",
    "$defs",
    "format",
    "examples",
];

/// What is wrong with a document, by places; nothing when it is valid.
pub fn validate(schema: &Value, document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    check(schema, schema, document, "$", &mut wrong);
    wrong
}

/// The same schema with no room for keys that it does not name.
pub fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut map: serde_json::Map<String, Value> = map.iter().map(|(k, v)| (k.clone(), closed(v))).collect();
            if map.get("properties").is_some_and(|it| it.is_object()) && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            Value::Object(map)
        }
        Value::Array(items) => Value::Array(items.iter().map(closed).collect()),
        other => other.clone(),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => panic!("type {kind}"),
    }
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return wrong.push(format!("{at}: nothing may stand here")),
        schema => schema.as_object().expect("a schema"),
    };
    let holds = |inner: &Value| {
        let mut inside = Vec::new();
        check(root, inner, value, at, &mut inside);
        inside
    };
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let length = |value: &Value| value.as_array().map_or(0, Vec::len) as u64;
    for (keyword, it) in schema {
        let mut say = |what: String| wrong.push(format!("{at}: {what}"));
        match keyword.as_str() {
            word if WORDS.contains(&word) => {}
            "$ref" => {
                let target = it.as_str().and_then(|it| it.strip_prefix('#')).expect("a reference into the schema");
                let inner = root.pointer(target).unwrap_or_else(|| panic!("{target} is not there"));
                wrong.extend(holds(inner));
            }
            "type" => {
                let kinds = if it.is_array() { list(it) } else { vec![it.clone()] };
                if !kinds.iter().any(|kind| is(value, kind.as_str().expect("a type"))) {
                    say(format!("{value} is not of type {it}"));
                }
            }
            "const" => {
                if value != it {
                    say(format!("{value} is not {it}"));
                }
            }
            "enum" => {
                if !list(it).contains(value) {
                    say(format!("{value} is none of {it}"));
                }
            }
            "required" => {
                let missing: Vec<Value> = list(it)
                    .into_iter()
                    .filter(|key| value.is_object() && value.get(key.as_str().expect("a key")).is_none())
                    .collect();
                if !missing.is_empty() {
                    say(format!("{missing:?} are missing"));
                }
            }
            "properties" => {
                for (key, inner) in it.as_object().expect("properties") {
                    if let Some(value) = value.as_object().and_then(|object| object.get(key)) {
                        check(root, inner, value, &format!("{at}.{key}"), wrong);
                    }
                }
            }
            "additionalProperties" => {
                let named = schema.get("properties").and_then(Value::as_object);
                for (key, value) in value.as_object().into_iter().flatten() {
                    if !named.is_some_and(|named| named.contains_key(key)) {
                        check(root, it, value, &format!("{at}.{key}"), wrong);
                    }
                }
            }
            "items" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, it, value, &format!("{at}[{number}]"), wrong);
                }
            }
            "minItems" | "maxItems" if value.is_array() => {
                let border = it.as_u64().expect("a number");
                let fits = if keyword == "minItems" { length(value) >= border } else { length(value) <= border };
                if !fits {
                    say(format!("has {} items", length(value)));
                }
            }
            "uniqueItems" => {
                let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
                if it == &Value::Bool(true) && items.iter().enumerate().any(|(n, item)| items[..n].contains(item)) {
                    say("has an item twice".to_owned());
                }
            }
            "minLength" => {
                if value.as_str().is_some_and(|text| (text.chars().count() as u64) < it.as_u64().expect("a number")) {
                    say("is too short".to_owned());
                }
            }
            "minimum" | "maximum" => {
                let (number, border) = (value.as_f64(), it.as_f64().expect("a number"));
                if number.is_some_and(|n| if keyword == "minimum" { n < border } else { n > border }) {
                    say(format!("{value} is out of range"));
                }
            }
            "allOf" => list(it).iter().for_each(|inner| wrong.extend(holds(inner))),
            "anyOf" => {
                if list(it).iter().all(|inner| !holds(inner).is_empty()) {
                    say(format!("is none of {} choices: {:?}", list(it).len(), holds(&list(it)[0])));
                }
            }
            "oneOf" => {
                let fit = list(it).iter().filter(|inner| holds(inner).is_empty()).count();
                if fit != 1 {
                    let why: Vec<String> = list(it).iter().flat_map(|inner| holds(inner)).take(3).collect();
                    say(format!("is {fit} of the choices, not one: {why:?}"));
                }
            }
            "not" => {
                if holds(it).is_empty() {
                    say("is what it must not be".to_owned());
                }
            }
            "if" => {
                let then = if holds(it).is_empty() { "then" } else { "else" };
                if let Some(inner) = schema.get(then) {
                    wrong.extend(holds(inner));
                }
            }
            "then" | "else" => {}
            "minItems" | "maxItems" => {}
            "dependencies" if value.is_object() => {
                for (key, needed) in it.as_object().expect("dependencies") {
                    let missing = |needed: &Value| value.get(needed.as_str().expect("a key")).is_none();
                    if value.get(key).is_some() && list(needed).iter().any(missing) {
                        say(format!("{key} needs {needed}"));
                    }
                }
            }
            "dependencies" => {}
            // Patterns are few: texts that have one in a schema of ours are looked at by the test itself.
            "pattern" => {
                assert!(!value.is_string() || PATTERNS.contains(&it.as_str().unwrap()), "pattern {it} on {value}")
            }
            other => panic!("the keyword {other} is not known here"),
        }
    }
}

/// Patterns that the tests look at themselves.
const PATTERNS: [&str; 4] =
    ["^[a-z][a-z0-9-]*$", "^[A-Za-z0-9._/:%-]+$", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "^-?[0-9]+([.][0-9]+)?$"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_validator_refuses_what_a_schema_forbids() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/n"}]},
                "b": {"type": "array", "minItems": 1, "uniqueItems": true, "items": {"enum": ["x", "y"]}},
                "c": {"if": {"const": 1}, "then": false, "else": {"minimum": 0}},
            },
            "additionalProperties": {"type": "string", "minLength": 1},
            "$defs": {"n": {"type": "integer", "minimum": 1}},
        });
        for good in [json!({"a": null}), json!({"a": 1, "b": ["x", "y"], "c": 2, "d": "z"})] {
            assert_eq!(validate(&schema, &good), Vec::<String>::new());
        }
        for bad in [
            json!([]),
            json!({}),
            json!({"a": 0}),
            json!({"a": 1.5}),
            json!({"a": 1, "b": []}),
            json!({"a": 1, "b": ["x", "x"]}),
            json!({"a": 1, "b": ["z"]}),
            json!({"a": 1, "c": 1}),
            json!({"a": 1, "c": -1}),
            json!({"a": 1, "d": ""}),
            json!({"a": 1, "d": 5}),
        ] {
            assert!(!validate(&schema, &bad).is_empty(), "{bad}");
        }
        let open = json!({"properties": {"a": {"properties": {"b": {}}}}});
        assert!(validate(&open, &json!({"a": {"c": 1}})).is_empty());
        assert!(!validate(&closed(&open), &json!({"a": {"c": 1}})).is_empty());
    }
}
