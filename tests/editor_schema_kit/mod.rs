//! Judges values by a JSON Schema of draft-07: those of its keywords that the schemas use, and a panic for any other.
#![allow(dead_code)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Value};
use tussock::format::tree::{self, Core, Mapping, Node, NodeKind, resolve};

/// Keywords that judge nothing.
const SAID: [&str; 8] =
    ["$schema", "$comment", "title", "description", "definitions", "errorMessage", "defaultSnippets", "else"];

/// A file as JSON, each value as YAML 1.2 reads it; `None` where it cannot be read.
pub fn value_of(text: &str) -> Option<Value> {
    let document = tree::read(text.as_bytes()).ok()?;
    Some(of_mapping(&document.root))
}

fn of_mapping(mapping: &Mapping) -> Value {
    Value::Object(mapping.entries.iter().map(|e| (e.key.clone(), of_node(&e.value))).collect())
}

fn of_node(node: &Node) -> Value {
    match &node.kind {
        NodeKind::Mapping(mapping) => of_mapping(mapping),
        NodeKind::Sequence { items, .. } => items.iter().map(of_node).collect(),
        NodeKind::Scalar { text, style } => match resolve(text, *style) {
            Core::Null => Value::Null,
            Core::Bool(truth) => truth.into(),
            Core::Int => text.parse::<i64>().map_or_else(|_| number(text), Value::from),
            Core::Float => number(text),
            Core::Str => text.clone().into(),
        },
    }
}

/// A number that JSON cannot hold is a number all the same.
fn number(text: &str) -> Value {
    let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    Value::Number(number.unwrap_or_else(|| serde_json::Number::from_f64(1e300).unwrap()))
}

/// What is wrong with a value; `None` where it fits.
pub fn fault(schema: &Value, value: &Value) -> Option<String> {
    judge(schema, schema, value, "")
}

fn judge(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let rules = match schema {
        Value::Bool(true) => return None,
        Value::Bool(false) => return Some(format!("{at}: nothing fits")),
        Value::Object(rules) => rules,
        _ => panic!("no schema: {schema}"),
    };
    if let Some(name) = rules.get("$ref").and_then(Value::as_str) {
        return judge(root, root.pointer(name.strip_prefix('#').unwrap()).unwrap(), value, at);
    }
    let said = rules.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
    rules.iter().find_map(|(key, rule)| one(root, rules, key, rule, value, at)).map(|fault| format!("{fault} {said}"))
}

fn one(root: &Value, rules: &Map<String, Value>, key: &str, rule: &Value, value: &Value, at: &str) -> Option<String> {
    let inside = |schema: &Value| judge(root, schema, value, at);
    let wrong = |is: bool| is.then(|| format!("{at}: {key}"));
    let list = || rule.as_array().unwrap();
    match (key, value) {
        ("if", _) => {
            let way = if inside(rule).is_none() { "then" } else { "else" };
            rules.get(way).and_then(inside)
        }
        ("then", _) => None,
        ("not", _) => wrong(inside(rule).is_none()),
        ("allOf", _) => list().iter().find_map(inside),
        ("anyOf", _) => {
            let faults: Vec<Option<String>> = list().iter().map(inside).collect();
            if faults.contains(&None) { None } else { faults.into_iter().next().flatten() }
        }
        ("oneOf", _) => wrong(list().iter().filter(|s| inside(s).is_none()).count() != 1),
        ("type", _) => {
            let names: Vec<&Value> = rule.as_array().map_or_else(|| vec![rule], |names| names.iter().collect());
            wrong(!names.iter().any(|name| is_a(value, name.as_str().unwrap())))
        }
        ("enum", _) => wrong(!list().iter().any(|word| same(word, value))),
        ("pattern", Value::String(text)) => wrong(!matches(rule.as_str().unwrap(), text)),
        ("minimum", Value::Number(n)) => wrong(n.as_f64() < rule.as_f64()),
        ("maximum", Value::Number(n)) => wrong(n.as_f64() > rule.as_f64()),
        ("items", Value::Array(items)) => {
            let item = |(n, item): (usize, &Value)| judge(root, rule, item, &format!("{at}.{n}"));
            items.iter().enumerate().find_map(item)
        }
        ("contains", Value::Array(items)) => wrong(!items.iter().any(|item| judge(root, rule, item, at).is_none())),
        ("required", Value::Object(map)) => {
            let missing = list().iter().find(|name| !map.contains_key(name.as_str().unwrap()));
            missing.map(|name| format!("{at}: lacks {name}"))
        }
        ("properties", Value::Object(map)) => rule.as_object().unwrap().iter().find_map(|(name, schema)| {
            map.get(name).and_then(|value| judge(root, schema, value, &format!("{at}.{name}")))
        }),
        ("propertyNames", Value::Object(map)) => {
            map.keys().find_map(|name| judge(root, rule, &Value::from(name.as_str()), &format!("{at}.{name}")))
        }
        ("additionalProperties", Value::Object(map)) => {
            let known = |key: &str, name: &str| rules.get(key).is_some_and(|known| known.get(name).is_some());
            let free = |name: &str| rules.contains_key("patternProperties") && name.starts_with("x-");
            let others = map.iter().filter(|(name, _)| !known("properties", name) && !free(name));
            others.into_iter().find_map(|(name, value)| judge(root, rule, value, &format!("{at}.{name}")))
        }
        ("patternProperties", _) => {
            assert_eq!(rule, &serde_json::json!({"^x-": {}}));
            None
        }
        ("pattern" | "minimum" | "maximum" | "items" | "contains" | "required" | "properties", _) => None,
        ("propertyNames" | "additionalProperties", _) => None,
        (known, _) if SAID.contains(&known) => None,
        (other, _) => panic!("the keyword {other} is judged by nobody"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    let read = || Regex::new(pattern).unwrap();
    KNOWN.with_borrow_mut(|known| known.entry(pattern.to_owned()).or_insert_with(read).is_match(text))
}

fn same(word: &Value, value: &Value) -> bool {
    word == value || matches!((word, value), (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64())
}

fn is_a(value: &Value, name: &str) -> bool {
    match (name, value) {
        ("null", Value::Null) | ("boolean", Value::Bool(_)) | ("string", Value::String(_)) => true,
        ("array", Value::Array(_)) | ("object", Value::Object(_)) | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(n)) => n.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    }
}
