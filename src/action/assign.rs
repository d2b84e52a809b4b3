//! Assignments as people type them: `amount=20000`, `next_step.due=today+7d`, `tags+=urgent`, `source=`.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use crate::format::date::Period;
use crate::format::edit::{self, EditError, NewValue};
use crate::format::ident::DealId;
use crate::format::load::parse_deal;
use crate::format::nearest::nearest;
use crate::format::pipeline::{ExtraFields, Pipeline};
use crate::format::schema::{self, FieldSpec, FieldType};

/// A change of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Dotted path.
    pub field: String,
    /// What to do.
    pub change: Change,
}

/// What an assignment does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `field=value`.
    Set(String),
    /// `field+=value`: one more item of a list.
    Append(String),
    /// `field=`: the field is taken out.
    Remove,
}

/// Why an assignment cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// Not `field=value`.
    #[error("{0:?} is no assignment; write field=value, field+=item for a list, or field= to take the field out")]
    Shape(String),
    /// Nobody declared the field.
    #[error("there is no field `{field}`{}", .near.as_ref().map_or_else(String::new, |n| format!(", did you mean `{n}`?")))]
    UnknownField {
        /// The path.
        field: String,
        /// The nearest one.
        near: Option<String>,
    },
    /// Two values for one field.
    #[error("`{0}` is given two values; name it once")]
    Twice(String),
    /// The field is no list.
    #[error("`{0}` is no list; set it with {0}=value")]
    NoList(String),
    /// The file could not be edited without changing something else.
    #[error("{field} cannot be set in {path}: {source}")]
    Edit {
        /// The path of the field.
        field: String,
        /// The file.
        path: String,
        /// Why.
        source: EditError,
    },
}

/// Reads an assignment.
///
/// # Errors
/// [`AssignError::Shape`] when there is no `=`, or nothing before it.
pub fn parse(text: &str) -> Result<Assignment, AssignError> {
    let shape = || AssignError::Shape(text.to_owned());
    let (left, value) = text.split_once('=').ok_or_else(shape)?;
    let (field, append) = left.strip_suffix('+').map_or((left, false), |f| (f, true));
    let field = field.trim();
    let parts_ok = field.split('.').all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    if !parts_ok || (append && value.trim().is_empty()) {
        return Err(shape());
    }
    let change = match value {
        _ if append => Change::Append(value.to_owned()),
        "" => Change::Remove,
        _ => Change::Set(value.to_owned()),
    };
    Ok(Assignment { field: field.to_owned(), change })
}

/// Makes the assignments in a deal's text, one after the other. Every byte but those of the fields stays.
///
/// # Errors
/// An unknown field, or an edit that would change anything else.
pub fn apply(
    text: &str,
    path: &str,
    assignments: &[Assignment],
    pipeline: &Pipeline,
    today: NaiveDate,
) -> Result<String, AssignError> {
    let mut text = text.to_owned();
    let mut given: BTreeSet<&str> = BTreeSet::new();
    for assignment in assignments {
        // A list may be taken out and begun anew, and take several items.
        let sets = !matches!(assignment.change, Change::Append(_));
        if sets && !given.insert(&assignment.field) {
            return Err(AssignError::Twice(assignment.field.clone()));
        }
        let spec = declared(pipeline, &assignment.field)?;
        let order = &pipeline.fields;
        let field = assignment.field.as_str();
        let edited = match (&assignment.change, spec.map(|s| &s.of)) {
            (Change::Remove, _) => match edit::remove(&text, field) {
                // What is not there need not be taken out.
                Err(EditError::Missing(_)) => Ok(text.clone()),
                other => other,
            },
            (Change::Append(item), Some(FieldType::List(of))) => {
                edit::append(&text, field, &new_value(item, Some(of), today), order)
            }
            (Change::Append(item), None) => edit::append(&text, field, &new_value(item, None, today), order),
            (Change::Append(_), Some(_)) => return Err(AssignError::NoList(field.to_owned())),
            (Change::Set(value), of) => edit::set(&text, field, &new_value(value, of, today), order),
        };
        text = edited.map_err(|source| AssignError::Edit { field: field.to_owned(), path: path.to_owned(), source })?;
    }
    Ok(text)
}

/// Whether a text can be the value of a field.
///
/// # Errors
/// Why not, in words.
pub fn fits(pipeline: &Pipeline, field: &str, value: &str, today: NaiveDate) -> Result<(), String> {
    let assignment = Assignment { field: field.to_owned(), change: Change::Set(value.to_owned()) };
    let text = apply("", "", &[assignment], pipeline, today).map_err(|e| e.to_string())?;
    let (Some(place), Ok(id)) = (pipeline.places().next(), DealId::new("x")) else { return Ok(()) };
    let problems = match parse_deal(text.as_bytes(), pipeline, "", place.id(), &id) {
        Ok(deal) => deal.problems,
        Err(problems) => problems,
    };
    match problems.into_iter().next() {
        None => Ok(()),
        Some(problem) => Err(match problem.help {
            Some(help) => format!("{}; {help}", problem.message),
            None => problem.message,
        }),
    }
}

/// The assignment that would fill a field, with `…` where the value belongs: `amount=…`, and for a list of blocks
/// `'payments+={what: …, amount: …}'`, quoted for a shell.
pub fn blank(pipeline: &Pipeline, field: &str) -> String {
    match schema::find(&pipeline.fields, field).map(|spec| &spec.of) {
        Some(FieldType::List(of)) => match &**of {
            FieldType::Block(inner) => {
                let inner: Vec<String> = inner.iter().map(|f| format!("{}: …", f.name)).collect();
                format!("'{field}+={{{}}}'", inner.join(", "))
            }
            _ => format!("{field}+=…"),
        },
        Some(FieldType::Block(inner)) => {
            let inner: Vec<String> = inner.iter().map(|f| format!("{}: …", f.name)).collect();
            format!("'{field}={{{}}}'", inner.join(", "))
        }
        _ => format!("{field}=…"),
    }
}

fn declared<'p>(pipeline: &'p Pipeline, field: &str) -> Result<Option<&'p FieldSpec>, AssignError> {
    if let Some(spec) = schema::find(&pipeline.fields, field) {
        return Ok(Some(spec));
    }
    if pipeline.extra_fields != ExtraFields::Deny || schema::is_free(field) {
        return Ok(None);
    }
    let paths = schema::paths(&pipeline.fields);
    let near = nearest(field, paths.iter().map(String::as_str)).map(str::to_owned);
    Err(AssignError::UnknownField { field: field.to_owned(), near })
}

fn new_value(text: &str, of: Option<&FieldType>, today: NaiveDate) -> NewValue {
    match of {
        Some(FieldType::Date) => NewValue::Raw(day(text, today).map_or_else(|| text.to_owned(), |d| d.to_string())),
        Some(FieldType::Money | FieldType::Integer | FieldType::Number | FieldType::Boolean) => plain(text),
        Some(FieldType::List(_) | FieldType::Block(_) | FieldType::MapOf(_)) => NewValue::Raw(text.to_owned()),
        Some(_) => NewValue::Text(text.to_owned()),
        None => plain(text),
    }
}

/// A number or a word goes in as it is; anything that YAML could read as something else goes in as a text, so that the
/// type check can say what is wrong with it.
fn plain(text: &str) -> NewValue {
    let tame = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_' | ' ');
    if !text.is_empty() && text.chars().all(tame) && text.trim() == text && !text.starts_with('-') {
        return NewValue::Raw(text.to_owned());
    }
    match text.strip_prefix('-') {
        Some(rest) if !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '.') => {
            NewValue::Raw(text.to_owned())
        }
        _ => NewValue::Text(text.to_owned()),
    }
}

/// `today`, `today+7d`, `today-2w`; `None` for anything else.
fn day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let rest = text.trim().strip_prefix("today")?;
    if rest.is_empty() {
        return Some(today);
    }
    let (sign, length) = rest.split_at_checked(1)?;
    let length = Period::parse(length).filter(|p| p.hours.is_multiple_of(24))?;
    let days = Days::new(u64::from(length.hours / 24));
    match sign {
        "+" => today.checked_add_days(days),
        "-" => today.checked_sub_days(days),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::pipeline_file;

    #[test]
    fn a_value_fits_its_field_or_says_why_not() {
        let text = "version: 1\ntitle: T\ncurrency: EUR\nstages: [{id: a, title: A}]\nends: [{id: won, kind: won}]\n\
                    fields:\n  reason: {enum: [price, timing]}\n";
        let (pipeline, _) = pipeline_file::read(text.as_bytes()).unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();
        let fits = |field: &str, value: &str| super::fits(&pipeline, field, value, today);
        assert_eq!(fits("amount", "18000 USD"), Ok(()));
        assert_eq!(fits("close_date", "today+7d"), Ok(()));
        assert_eq!(fits("owner", "olga: \"the boss\""), Ok(()));
        assert!(fits("amount", "lots").unwrap_err().contains("must be an amount"));
        assert!(fits("close_date", "2026-02-30").unwrap_err().contains("does not exist"));
        assert!(fits("reason", "prise").unwrap_err().contains("price"));
    }
}
