//! The names an expression may use, and what is known of their types before any deal is read.

use std::ops::Range;

use super::ExprError;
use super::lexer::{Kind, Token};
use crate::format::nearest;
use crate::format::schema::{self, FieldSpec, FieldType};

/// Names that stand for something of the circumstances rather than for a field.
const GLOBALS: [&str; 9] =
    ["deal", "stage", "today", "days_in_stage", "days_since", "days_until", "file_exists", "money", "date"];

/// What `deal.` has.
const DEAL_NAMES: [&str; 5] = ["id", "stage", "stage_title", "status", "weighted"];

/// Words that join the parts of an expression.
pub const KEYWORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

/// Whether expressions mean something else by a name than a field of the deal.
pub fn is_taken(name: &str) -> bool {
    GLOBALS.contains(&name) || KEYWORDS.contains(&name)
}

/// What is known of a type before evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Text,
    Number,
    Money,
    Date,
    Boolean,
    None,
}

impl Type {
    /// What a message calls it.
    pub fn word(self) -> &'static str {
        match self {
            Type::Text => "a text",
            Type::Number => "a number",
            Type::Money => "money",
            Type::Date => "a date",
            Type::Boolean => "true or false",
            Type::None => "nothing",
        }
    }

    /// How to make the other type comparable with this one.
    pub fn hint(self, other: Type) -> Option<&'static str> {
        match (self, other) {
            (Type::Money, Type::Number | Type::Text) => {
                Some("write the other side as money(\"10000 EUR\"), or take the bare number with `.value`")
            }
            (Type::Date, Type::Text) => Some("write the other side as date(\"2026-12-31\")"),
            (Type::Date, Type::Number) => Some("count days with days_since(…) or days_until(…)"),
            (Type::Boolean, Type::Text) => Some("write true or false without quotes"),
            _ => None,
        }
    }

    fn of(of: &FieldType) -> Option<Type> {
        match of {
            FieldType::Text
            | FieldType::Person
            | FieldType::Path
            | FieldType::Link
            | FieldType::Deal
            | FieldType::Enum(_) => Some(Type::Text),
            FieldType::Integer | FieldType::Number => Some(Type::Number),
            FieldType::Money => Some(Type::Money),
            FieldType::Date => Some(Type::Date),
            FieldType::Boolean => Some(Type::Boolean),
            FieldType::List(_) | FieldType::Block(_) | FieldType::MapOf(_) => None,
        }
    }
}

/// What a pipeline knows: its fields, and whether others are free.
pub struct Known<'a> {
    pub fields: &'a [FieldSpec],
    pub extra_allowed: bool,
}

/// What a dotted name leads to.
enum Target<'a> {
    Field(&'a FieldSpec, String),
    Attribute(String, Type),
    Other,
}

impl Known<'_> {
    fn resolve(&self, name: &str) -> Option<Target<'_>> {
        if let Some(spec) = schema::find(self.fields, name) {
            return Some(Target::Field(spec, name.to_owned()));
        }
        if let Some((path, attribute)) = name.rsplit_once('.')
            && let Some(spec) = schema::find(self.fields, path)
        {
            let of = match (&spec.of, attribute) {
                (FieldType::Money, "value") => Some(Type::Number),
                (FieldType::Money, "currency") => Some(Type::Text),
                (FieldType::Date, "year" | "month" | "day") => Some(Type::Number),
                _ => None,
            };
            return of.map(|of| Target::Attribute(path.to_owned(), of));
        }
        let root = name.split('.').next().unwrap_or(name);
        let global = GLOBALS.contains(&root) && (!name.contains('.') || root == "today");
        let deal = name.strip_prefix("deal.").is_some_and(|n| {
            let first = n.split('.').next().unwrap_or(n);
            DEAL_NAMES.contains(&first)
        });
        (global || deal).then_some(Target::Other)
    }

    /// The path of the deal's field that a dotted name reads, without `.value` and the like.
    pub fn field_path(&self, name: &str) -> Option<String> {
        match self.resolve(name)? {
            Target::Field(_, path) | Target::Attribute(path, _) => Some(path),
            Target::Other => None,
        }
    }

    /// Whether a text is the dotted name of a field that is true or false, and of nothing else.
    pub fn is_truth(&self, text: &str) -> bool {
        let root = text.split('.').next().unwrap_or(text);
        let of_truth = schema::find(self.fields, text).is_some_and(|spec| spec.of == FieldType::Boolean);
        of_truth && !is_taken(root) && schema::list_above(self.fields, text).is_none()
    }

    /// Checks that a dotted name means something.
    pub fn check(&self, name: &str, range: Range<usize>) -> Result<(), ExprError> {
        if self.resolve(name).is_some() {
            return Ok(());
        }
        let root_known = name
            .split_once('.')
            .is_some_and(|(root, _)| schema::find(self.fields, root).is_some() || GLOBALS.contains(&root));
        if self.extra_allowed && !root_known {
            return Ok(());
        }
        let mut candidates = schema::paths(self.fields);
        candidates.extend(GLOBALS.iter().map(|g| (*g).to_owned()));
        candidates.extend(DEAL_NAMES.iter().map(|d| format!("deal.{d}")));
        let error = ExprError::new(range, format!("there is no field `{name}`"));
        let near = |word: &str| nearest::nearest(word, candidates.iter().map(String::as_str));
        let parent = name.rsplit_once('.').map(|(parent, _)| parent);
        Err(match near(name).or_else(|| parent.and_then(near)) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help("declare it under `fields` in pipeline.yaml"),
        })
    }

    /// The type of a piece of an expression, where it is plain to see.
    pub fn type_of(&self, source: &str, tokens: &[Token]) -> Option<Type> {
        let word = |t: &Token| &source[t.range.clone()];
        match tokens {
            [one] if one.kind == Kind::Text => return Some(Type::Text),
            [one] if one.kind == Kind::Number => return Some(Type::Number),
            [sign, one] if word(sign) == "-" && one.kind == Kind::Number => return Some(Type::Number),
            [one] if matches!(word(one), "true" | "false" | "True" | "False") => return Some(Type::Boolean),
            [one] if matches!(word(one), "none" | "None") => return Some(Type::None),
            [name, open, .., close] if word(open) == "(" && word(close) == ")" && name.kind == Kind::Word => {
                let one_call = tokens[2..tokens.len() - 1].iter().all(|t| !matches!(word(t), "(" | ")"));
                return match word(name) {
                    "money" if one_call => Some(Type::Money),
                    "date" if one_call => Some(Type::Date),
                    "days_since" | "days_until" if one_call => Some(Type::Number),
                    "file_exists" if one_call => Some(Type::Boolean),
                    _ => None,
                };
            }
            _ => {}
        }
        let path_like =
            tokens.iter().enumerate().all(|(i, t)| if i % 2 == 0 { t.kind == Kind::Word } else { word(t) == "." });
        if !path_like || tokens.len().is_multiple_of(2) {
            return None;
        }
        let name: String = tokens.iter().map(word).collect();
        match name.as_str() {
            "today" => return Some(Type::Date),
            "days_in_stage" => return Some(Type::Number),
            "stage" | "deal.id" | "deal.stage" | "deal.stage_title" | "deal.status" => return Some(Type::Text),
            "deal.weighted" => return Some(Type::Money),
            _ => {}
        }
        match self.resolve(&name)? {
            Target::Field(spec, _) => Type::of(&spec.of),
            Target::Attribute(_, of) => Some(of),
            Target::Other => None,
        }
    }
}
