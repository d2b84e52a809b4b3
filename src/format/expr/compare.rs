//! Strict comparisons: money with money of one currency, dates with dates; everything else is an error, never false.

use std::cmp::Ordering;

use minijinja::Value as Mini;
use minijinja::value::ValueKind;

use super::library::words;
use super::skeleton::Op;
use super::values::{DateValue, MoneyValue};
use super::work::{spend, walk};

/// Compares two values.
///
/// # Errors
/// Values of different types or currencies, and work over the limit.
pub fn compare(a: &Mini, op: Op, b: &Mini) -> Result<bool, String> {
    if matches!(op, Op::In | Op::NotIn) {
        return Ok(contains(a, b)? == (op == Op::In));
    }
    let nothing = |v: &Mini| v.is_undefined() || v.is_none();
    if nothing(a) || nothing(b) {
        // A missing field is equal to nothing but `none`, and neither greater nor smaller.
        return Ok(match op {
            Op::Equal => nothing(a) && nothing(b),
            Op::NotEqual => nothing(a) != nothing(b),
            _ => false,
        });
    }
    let order = order(a, b)?;
    Ok(match op {
        Op::Equal => order == Ordering::Equal,
        Op::NotEqual => order != Ordering::Equal,
        Op::Less => order == Ordering::Less,
        Op::LessOrEqual => order != Ordering::Greater,
        Op::Greater => order == Ordering::Greater,
        Op::GreaterOrEqual => order != Ordering::Less,
        Op::In | Op::NotIn => false,
    })
}

/// The order of two values of one type.
pub fn order(a: &Mini, b: &Mini) -> Result<Ordering, String> {
    if let (Some(x), Some(y)) = (a.downcast_object_ref::<MoneyValue>(), b.downcast_object_ref::<MoneyValue>()) {
        return x
            .0
            .compare(&y.0)
            .ok_or_else(|| format!("{} and {} are different currencies", x.0.currency, y.0.currency));
    }
    if let (Some(x), Some(y)) = (a.downcast_object_ref::<DateValue>(), b.downcast_object_ref::<DateValue>()) {
        return Ok(x.0.cmp(&y.0));
    }
    let plain = |v: &Mini| matches!(v.kind(), ValueKind::Number | ValueKind::String | ValueKind::Bool);
    if a.kind() == b.kind() && plain(a) {
        spend(1 + a.as_str().map_or(0, |t| t.len() / 64)).map_err(|e| words(&e))?;
        return Ok(a.cmp(b));
    }
    if is_list(a) && is_list(b) {
        return order_lists(a, b);
    }
    Err(format!("{} cannot be compared with {}", kind(a), kind(b)))
}

/// Whether a value is a list.
fn is_list(value: &Mini) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The order of the first items that differ; a list that ends first comes first.
fn order_lists(a: &Mini, b: &Mini) -> Result<Ordering, String> {
    let items = |list: &Mini| list.try_iter().map_err(|_| format!("{} has no items", kind(list)));
    let (mut left, mut right) = (items(a)?, items(b)?);
    loop {
        spend(1).map_err(|e| words(&e))?;
        match (left.next(), right.next()) {
            (Some(x), Some(y)) => match order(&x, &y)? {
                Ordering::Equal => {}
                other => return Ok(other),
            },
            (x, y) => return Ok(x.is_some().cmp(&y.is_some())),
        }
    }
}

fn contains(item: &Mini, list: &Mini) -> Result<bool, String> {
    if item.is_undefined() || item.is_none() || list.is_undefined() || list.is_none() {
        return Ok(false);
    }
    if let (Some(part), Some(text)) = (item.as_str(), list.as_str()) {
        return Ok(text.contains(part));
    }
    let items = list.try_iter().map_err(|_| format!("nothing can be in {}", kind(list)))?;
    walk(list).map_err(|e| words(&e))?;
    for other in items {
        if !is_list(&other) && order(item, &other).is_ok_and(Ordering::is_eq) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a message calls a value.
pub fn kind(value: &Mini) -> &'static str {
    if value.downcast_object_ref::<MoneyValue>().is_some() {
        return "money";
    }
    if value.downcast_object_ref::<DateValue>().is_some() {
        return "a date";
    }
    match value.kind() {
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Bool => "true or false",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a block of fields",
        _ => "nothing",
    }
}
