//! The filters, tests and functions of the language, each bounded in what it does.

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value as Mini};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::compare::{compare, kind, order};
use super::skeleton::Op;
use super::values::{Context, DateValue, MoneyValue};
use super::work::{spend, walk};
use crate::format::date::parse_date;
use crate::format::money::Money;

/// Steps of minijinja one part may take. A criterion of a person takes under a hundred.
const FUEL: u64 = 10_000;

/// The filters of the language.
pub const FILTERS: [&str; 21] = [
    "sum",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "length",
    "count",
    "lower",
    "upper",
    "first",
    "last",
    "min",
    "max",
    "default",
    "list",
    "abs",
    "round",
    "int",
    "trim",
    "sort",
];

/// The tests of the language, after `is`.
pub const TESTS: [&str; 19] = [
    "empty",
    "filled",
    "defined",
    "undefined",
    "none",
    "number",
    "string",
    "boolean",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "in",
    "startingwith",
    "endingwith",
    "true",
    "false",
];

/// The filter that lets numbers through, put around every operand of `+`, `*` and `%`. No expression can name it.
pub const NUMBER: &str = "__number";

/// minijinja with our filters, tests and functions, and nothing else.
pub static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    use minijinja::{filters, tests};
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(64);
    env.add_filter(NUMBER, number);
    env.add_filter("sum", sum);
    env.add_filter("map", |s: &mut State, v: Mini, args: Rest<_>| walk(&v).and_then(|()| filters::map(s, v, args)));
    env.add_filter("select", |s: &mut State, v: Mini, test: Option<Cow<'_, str>>, args: Rest<_>| {
        walk(&v).and_then(|()| filters::select(s, v, test, args))
    });
    env.add_filter("reject", |s: &mut State, v: Mini, test: Option<Cow<'_, str>>, args: Rest<_>| {
        walk(&v).and_then(|()| filters::reject(s, v, test, args))
    });
    env.add_filter(
        "selectattr",
        |s: &mut State, v: Mini, attr: Cow<'_, str>, test: Option<Cow<'_, str>>, args: Rest<_>| {
            walk_attribute(&v, &attr).and_then(|()| filters::selectattr(s, v, attr, test, args))
        },
    );
    env.add_filter(
        "rejectattr",
        |s: &mut State, v: Mini, attr: Cow<'_, str>, test: Option<Cow<'_, str>>, args: Rest<_>| {
            walk_attribute(&v, &attr).and_then(|()| filters::rejectattr(s, v, attr, test, args))
        },
    );
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("lower", |v: Mini| text(&v).map(|t| t.to_lowercase()));
    env.add_filter("upper", |v: Mini| text(&v).map(|t| t.to_uppercase()));
    env.add_filter("trim", |v: Mini| text(&v).map(|t| t.trim().to_owned()));
    env.add_filter("first", |v: Mini| walk(&v).and_then(|()| filters::first(&v)));
    env.add_filter("last", |v: Mini| walk(&v).and_then(|()| filters::last(v)));
    env.add_filter("min", |s: &State, v: Mini, kwargs: Kwargs| {
        orderly(&v, &kwargs).and_then(|()| filters::min(s, v, kwargs))
    });
    env.add_filter("max", |s: &State, v: Mini, kwargs: Kwargs| {
        orderly(&v, &kwargs).and_then(|()| filters::max(s, v, kwargs))
    });
    env.add_filter("sort", |s: &State, v: Mini, kwargs: Kwargs| {
        orderly(&v, &kwargs).and_then(|()| filters::sort(s, v, kwargs))
    });
    env.add_filter("default", filters::default);
    env.add_filter("list", |s: &State, v: Mini| walk(&v).and_then(|()| filters::list(s, v)));
    env.add_filter("abs", filters::abs);
    env.add_filter("round", round);
    env.add_filter("int", |s: &State, v: Mini| {
        walk(&v).and_then(|()| filters::int(s, &v, None, None, Kwargs::from_iter(std::iter::empty::<(&str, Mini)>())))
    });
    env.add_test("empty", |v: &Mini| is_filled(v).map(|filled| !filled));
    env.add_test("filled", is_filled);
    env.add_test("defined", |v: &Mini| !v.is_undefined());
    env.add_test("undefined", |v: &Mini| v.is_undefined());
    env.add_test("none", |v: &Mini| v.is_none() || v.is_undefined());
    env.add_test("number", tests::is_number);
    env.add_test("string", tests::is_string);
    env.add_test("boolean", tests::is_boolean);
    env.add_test("eq", |a: &Mini, b: &Mini| tested(a, Op::Equal, b));
    env.add_test("ne", |a: &Mini, b: &Mini| tested(a, Op::NotEqual, b));
    env.add_test("lt", |a: &Mini, b: &Mini| tested(a, Op::Less, b));
    env.add_test("le", |a: &Mini, b: &Mini| tested(a, Op::LessOrEqual, b));
    env.add_test("gt", |a: &Mini, b: &Mini| tested(a, Op::Greater, b));
    env.add_test("ge", |a: &Mini, b: &Mini| tested(a, Op::GreaterOrEqual, b));
    env.add_test("in", |a: &Mini, b: &Mini| tested(a, Op::In, b));
    env.add_test("startingwith", |v: &Mini, with: &str| v.as_str().is_some_and(|t| t.starts_with(with)));
    env.add_test("endingwith", |v: &Mini, with: &str| v.as_str().is_some_and(|t| t.ends_with(with)));
    env.add_test("true", tests::is_true);
    env.add_test("false", tests::is_false);
    env.add_function("money", |state: &State, text: &str| -> Result<Mini, Error> {
        let default = state
            .lookup(Context::CURRENCY)
            .and_then(|v| v.downcast_object_ref::<MoneyValue>().map(|m| m.0.currency))
            .ok_or_else(|| invalid("money() needs a pipeline"))?;
        let money = Money::parse(text, default).map_err(|e| invalid(e.to_string()))?;
        Ok(Mini::from_object(MoneyValue(money)))
    });
    env.add_function("date", |text: &str| -> Result<Mini, Error> {
        parse_date(text).map(|d| Mini::from_object(DateValue(d))).map_err(|e| invalid(e.to_string()))
    });
    env.add_function("days_since", |state: &State, date: Mini| days(state, &date, 1));
    env.add_function("days_until", |state: &State, date: Mini| days(state, &date, -1));
    env
});

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

fn days(state: &State, date: &Mini, sign: i64) -> Result<Mini, Error> {
    if date.is_undefined() || date.is_none() {
        return Ok(Mini::UNDEFINED);
    }
    let day = |v: &Mini| v.downcast_object_ref::<DateValue>().map(|d| d.0);
    let today = state.lookup(Context::TODAY).as_ref().and_then(day).ok_or_else(|| invalid("there is no today"))?;
    let date = day(date).ok_or_else(|| invalid("days_since() and days_until() take a date"))?;
    Ok(Mini::from(sign * today.signed_duration_since(date).num_days()))
}

const NOT_CALCULATED: &str = "amounts and dates cannot be calculated with; take the number with `.value`, or count days \
                              with days_since(…) or days_until(…)";

fn number(value: Mini) -> Result<Mini, Error> {
    match value.kind() {
        ValueKind::Number | ValueKind::Undefined | ValueKind::None => Ok(value),
        ValueKind::Plain => Err(invalid(NOT_CALCULATED)),
        _ => Err(invalid(format!("only numbers are calculated with, not {}", kind(&value)))),
    }
}

fn text(value: &Mini) -> Result<&str, Error> {
    walk(value)?;
    if value.is_undefined() || value.is_none() {
        return Ok("");
    }
    value.as_str().ok_or_else(|| invalid(format!("a text is wanted here, not {}", kind(value))))
}

fn walk_attribute(list: &Mini, path: &str) -> Result<(), Error> {
    let parts = path.bytes().filter(|b| *b == b'.').count() + 1;
    spend(parts.saturating_mul(4 + 4 * list.len().unwrap_or(0)))
}

fn round(value: Mini, precision: Option<i32>) -> Result<Mini, Error> {
    let precision = precision.unwrap_or(0);
    if !(-20..=20).contains(&precision) {
        return Err(invalid("round takes from -20 to 20 digits"));
    }
    let kwargs = Kwargs::from_iter(std::iter::empty::<(&str, Mini)>());
    minijinja::filters::round(value, Some(precision), None, kwargs)
}

/// Checks that the items of a list have an order among them, as comparisons do.
fn orderly(list: &Mini, kwargs: &Kwargs) -> Result<(), Error> {
    walk(list)?;
    let attribute: Option<&str> = kwargs.peek("attribute").ok();
    if let Some(path) = attribute {
        walk_attribute(list, path)?;
    }
    if list.is_undefined() || list.is_none() {
        return Ok(());
    }
    let mut first: Option<Mini> = None;
    for item in list.try_iter().map_err(|_| invalid("a list is wanted here"))? {
        let key = match attribute {
            Some(path) => path.split('.').try_fold(item, |v, part| v.get_attr(part))?,
            None => item,
        };
        if key.is_undefined() || key.is_none() {
            continue;
        }
        if matches!(key.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
            return Err(invalid(format!("{} has no place in an order", kind(&key))));
        }
        match &first {
            None => first = Some(key),
            Some(first) => drop(order(first, &key).map_err(invalid)?),
        }
    }
    Ok(())
}

fn tested(a: &Mini, op: Op, b: &Mini) -> Result<bool, Error> {
    compare(a, op, b).map_err(invalid)
}

fn is_filled(value: &Mini) -> Result<bool, Error> {
    spend(1)?;
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(false),
        ValueKind::String => Ok(value.as_str().is_some_and(|s| !s.trim().is_empty())),
        ValueKind::Seq | ValueKind::Iterable => {
            for item in value.try_iter()? {
                if is_filled(&item)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        ValueKind::Map => {
            for key in value.try_iter()? {
                if is_filled(&value.get_item(&key)?)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(true),
    }
}

fn length(value: &Mini) -> Result<usize, Error> {
    walk(value)?;
    if value.is_undefined() || value.is_none() {
        return Ok(0);
    }
    value.len().ok_or_else(|| invalid("length counts the letters of a text or the items of a list"))
}

/// Sums numbers, or amounts of one currency exactly. Nothing sums to 0.
fn sum(values: &Mini, kwargs: Kwargs) -> Result<Mini, Error> {
    let attribute: Option<String> = kwargs.get("attribute")?;
    kwargs.assert_all_used()?;
    if values.is_undefined() || values.is_none() {
        return Ok(Mini::from(0));
    }
    walk(values)?;
    if let Some(path) = &attribute {
        walk_attribute(values, path)?;
    }
    // Decimals, so that 0.1 and 0.2 make 0.3 and the order of the items changes nothing.
    let mut number = Decimal::ZERO;
    let mut money: Option<Money> = None;
    let mut plain = 0usize;
    for item in values.try_iter().map_err(|_| invalid("sum takes a list"))? {
        let item = match &attribute {
            Some(path) => path.split('.').try_fold(item, |v, part| v.get_attr(part))?,
            None => item,
        };
        if item.is_undefined() || item.is_none() {
            continue;
        }
        if let Some(MoneyValue(m)) = item.downcast_object_ref::<MoneyValue>() {
            money = Some(match money {
                None => *m,
                Some(sum) if sum.currency == m.currency => {
                    let amount = sum.amount.checked_add(m.amount).ok_or_else(|| invalid("the sum is too large"))?;
                    Money { amount, currency: sum.currency }
                }
                Some(sum) => return Err(invalid(format!("cannot add {} to {}", m.currency, sum.currency))),
            });
            continue;
        }
        plain += 1;
        let too_large = || invalid("the sum is too large");
        let exact = match i128::try_from(item.clone()) {
            Ok(n) if item.kind() == ValueKind::Number && item.is_integer() => {
                Decimal::try_from_i128_with_scale(n, 0).ok()
            }
            _ if item.kind() == ValueKind::Number => f64::try_from(item).ok().and_then(Decimal::from_f64),
            _ => return Err(invalid(format!("sum takes numbers or amounts, not {}", kind(&item)))),
        };
        number = exact.and_then(|n| number.checked_add(n)).ok_or_else(too_large)?;
    }
    match money {
        Some(_) if plain > 0 => Err(invalid("cannot add numbers to amounts")),
        Some(money) => Ok(Mini::from_object(MoneyValue(money))),
        None => Ok(super::values::number(&number)),
    }
}

/// The words of a minijinja error, without its source excerpt.
pub fn words(error: &Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        ErrorKind::UnknownFunction => {
            format!("{detail}; functions are date, days_since, days_until, file_exists, money")
        }
        // What minijinja calls a plain object is an amount or a date of ours, with which it cannot calculate.
        _ if detail.contains("plain object") => NOT_CALCULATED.to_owned(),
        _ => detail,
    }
}
