//! Evaluates the parts: minijinja for what stands between the comparisons, our own code for the comparisons.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value as Mini};

use super::names::{Known, Type};
use super::skeleton::{Op, Part};
use super::values::{Context, DateValue, MoneyValue};
use super::{Answer, ExprError};
use crate::format::date::parse_date;
use crate::format::deal::Deal;
use crate::format::money::Money;
use crate::format::value::Value;

/// The longest source in bytes.
pub const MAX_SOURCE: usize = 4 * 1024;

/// Steps of minijinja one part may take. A criterion of a person takes under a hundred.
const FUEL: u64 = 10_000;

/// What minijinja is asked: a part without boolean operators or comparisons.
#[derive(Clone)]
pub struct Leaf {
    /// Its bytes in the source.
    pub range: Range<usize>,
    /// Dotted names in it, sorted.
    pub names: Vec<String>,
    /// Its type, where that is plain before evaluation.
    pub of: Option<Type>,
    expression: Arc<minijinja::Expression<'static, 'static>>,
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Leaf({:?})", self.range)
    }
}

impl Leaf {
    /// Compiles a piece of the source and checks its names.
    pub fn compile(source: &str, range: Range<usize>, of: Option<Type>, known: &Known<'_>) -> Result<Self, ExprError> {
        let text = source[range.clone()].to_owned();
        let expression = ENGINE.compile_expression_owned(text).map_err(|error| {
            let inner = error.range().unwrap_or(0..range.len());
            let at = (range.start + inner.start).min(range.end)..(range.start + inner.end).min(range.end);
            ExprError::new(at, format!("this is not an expression: {}", words(&error)))
        })?;
        let mut names: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        names.sort();
        for name in &names {
            let offset = source[range.clone()].find(name.as_str()).map_or(range.clone(), |at| {
                let start = range.start + at;
                start..start + name.len()
            });
            known.check(name, offset)?;
        }
        check_callables(source, &range)?;
        Ok(Leaf { range, names, of, expression: Arc::new(expression) })
    }
}

const FILTERS: [&str; 16] = [
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
];
const MORE_FILTERS: [&str; 5] = ["abs", "round", "int", "trim", "sort"];
const TESTS: [&str; 20] = [
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
    "not",
];

// minijinja finds an unknown filter or test only when it gets there, which may be never before the day it matters.
fn check_callables(source: &str, range: &Range<usize>) -> Result<(), ExprError> {
    let tokens = super::lexer::tokens(&source[range.clone()])?;
    let text = |i: usize| tokens.get(i).map(|t| &source[range.start + t.range.start..range.start + t.range.end]);
    for i in 0..tokens.len() {
        let at = |n: usize| match tokens.get(n) {
            Some(t) => range.start + t.range.start..range.start + t.range.end,
            None => range.clone(),
        };
        match text(i) {
            Some("|") => {
                let name = text(i + 1).unwrap_or("");
                if !FILTERS.contains(&name) && !MORE_FILTERS.contains(&name) {
                    let all: Vec<&str> = FILTERS.iter().chain(&MORE_FILTERS).copied().collect();
                    return Err(ExprError::new(at(i + 1), format!("there is no filter `{name}`"))
                        .with_help(format!("filters are {}", all.join(", "))));
                }
            }
            Some("is") if tokens[i].kind == super::lexer::Kind::Word => {
                let next = if text(i + 1) == Some("not") { i + 2 } else { i + 1 };
                let name = text(next).unwrap_or("");
                if !TESTS.contains(&name) {
                    let known: Vec<&str> = TESTS.iter().copied().filter(|t| *t != "not").collect();
                    return Err(ExprError::new(at(next), format!("there is no test `is {name}`"))
                        .with_help(format!("tests are {}", known.join(", "))));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    use minijinja::{filters, tests};
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(64);
    env.add_filter("sum", sum);
    env.add_filter("map", filters::map);
    env.add_filter("select", filters::select);
    env.add_filter("reject", filters::reject);
    env.add_filter("selectattr", filters::selectattr);
    env.add_filter("rejectattr", filters::rejectattr);
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("lower", filters::lower);
    env.add_filter("upper", filters::upper);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("min", filters::min);
    env.add_filter("max", filters::max);
    env.add_filter("default", filters::default);
    env.add_filter("list", filters::list);
    env.add_filter("abs", filters::abs);
    env.add_filter("round", filters::round);
    env.add_filter("int", filters::int);
    env.add_filter("trim", filters::trim);
    env.add_filter("sort", filters::sort);
    env.add_test("empty", |v: &Mini| !is_filled(v));
    env.add_test("filled", is_filled);
    env.add_test("defined", |v: &Mini| !v.is_undefined());
    env.add_test("undefined", |v: &Mini| v.is_undefined());
    env.add_test("none", |v: &Mini| v.is_none() || v.is_undefined());
    env.add_test("number", tests::is_number);
    env.add_test("string", tests::is_string);
    env.add_test("boolean", tests::is_boolean);
    env.add_test("eq", tests::is_eq);
    env.add_test("ne", tests::is_ne);
    env.add_test("lt", tests::is_lt);
    env.add_test("le", tests::is_le);
    env.add_test("gt", tests::is_gt);
    env.add_test("ge", tests::is_ge);
    env.add_test("in", tests::is_in);
    env.add_test("startingwith", tests::is_startingwith);
    env.add_test("endingwith", tests::is_endingwith);
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

fn is_filled(value: &Mini) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => false,
        ValueKind::String => value.as_str().is_some_and(|s| !s.trim().is_empty()),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter().is_ok_and(|mut items| items.any(|i| is_filled(&i))),
        ValueKind::Map if value.downcast_object_ref::<MoneyValue>().is_none() => {
            value.try_iter().is_ok_and(|mut keys| keys.any(|k| value.get_item(&k).is_ok_and(|v| is_filled(&v))))
        }
        _ => true,
    }
}

fn length(value: &Mini) -> Result<usize, Error> {
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
    let (mut number, mut exact, mut whole) = (0f64, 0i128, true);
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
        match i128::try_from(item.clone()) {
            Ok(n) if item.kind() == ValueKind::Number && item.is_integer() => {
                exact = exact.checked_add(n).ok_or_else(|| invalid("the sum is too large"))?;
                number += n as f64;
            }
            _ => {
                whole = false;
                number += f64::try_from(item).map_err(|_| invalid("sum takes numbers or amounts"))?;
            }
        }
    }
    match money {
        Some(_) if plain > 0 => Err(invalid("cannot add numbers to amounts")),
        Some(money) => Ok(Mini::from_object(MoneyValue(money))),
        None if whole => Ok(Mini::from(exact)),
        None => Ok(Mini::from(number)),
    }
}

/// The words of a minijinja error, without its source excerpt.
fn words(error: &Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        ErrorKind::UnknownFunction => {
            format!("{detail}; functions are date, days_since, days_until, file_exists, money")
        }
        // What minijinja calls a plain object is an amount or a date of ours, with which it cannot calculate.
        _ if detail.contains("plain object") => {
            "amounts and dates cannot be calculated with; take the number with `.value`, or count days with days_since(…) \
             or days_until(…)"
                .to_owned()
        }
        _ => detail,
    }
}

struct Evaluation<'a> {
    source: &'a str,
    context: &'a Context<'a>,
    known: &'a Known<'a>,
    deal: &'a Deal,
}

/// The verdict on a part: whether it holds, and the range of what decided that.
struct Verdict {
    holds: bool,
    because: Range<usize>,
}

/// Evaluates a whole expression.
pub fn answer(
    root: &Part,
    source: &str,
    context: &Context<'_>,
    known: &Known<'_>,
    deal: &Deal,
) -> Result<Answer, String> {
    let evaluation = Evaluation { source, context, known, deal };
    let verdict = evaluation.part(root)?;
    if verdict.holds {
        return Ok(Answer { holds: true, false_part: None, missing: Vec::new(), found: Vec::new() });
    }
    let (missing, found) = evaluation.fields_in(root, &verdict.because);
    let false_part = source.get(verdict.because).map(str::to_owned);
    Ok(Answer { holds: false, false_part, missing, found })
}

impl Evaluation<'_> {
    fn part(&self, part: &Part) -> Result<Verdict, String> {
        let range = part.range();
        match part {
            Part::And(parts) => {
                for part in parts {
                    let verdict = self.part(part)?;
                    if !verdict.holds {
                        return Ok(verdict);
                    }
                }
                Ok(Verdict { holds: true, because: range })
            }
            Part::Or(parts) => {
                let mut first_error = None;
                for part in parts {
                    match self.part(part) {
                        Ok(verdict) if verdict.holds => return Ok(verdict),
                        Ok(_) => {}
                        Err(error) => first_error = first_error.or(Some(error)),
                    }
                }
                first_error.map_or(Ok(Verdict { holds: false, because: range }), Err)
            }
            Part::Not(inner, _) => Ok(Verdict { holds: !self.part(inner)?.holds, because: range }),
            Part::Compare { left, op, right, .. } => {
                let (a, b) = (self.leaf(left)?, self.leaf(right)?);
                let holds = compare(&a, *op, &b).map_err(|why| {
                    format!("`{}` cannot be answered: {why}", self.source.get(range.clone()).unwrap_or(""))
                })?;
                Ok(Verdict { holds, because: range })
            }
            Part::Plain(leaf) => Ok(Verdict { holds: self.leaf(leaf)?.is_true(), because: range }),
        }
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Mini, String> {
        let result = self.context.evaluate(&leaf.expression);
        result.or_else(|error| {
            // Arithmetic on a missing field is missing too, not a failure of the criterion.
            let lacks = leaf
                .names
                .iter()
                .filter_map(|n| self.known.field_path(n))
                .any(|path| !self.deal.value(&path).is_some_and(Value::is_filled));
            if lacks && error.kind() != ErrorKind::OutOfFuel {
                return Ok(Mini::UNDEFINED);
            }
            let part = self.source.get(leaf.range.clone()).unwrap_or("");
            Err(format!("`{part}` cannot be worked out: {}", words(&error)))
        })
    }

    fn fields_in(&self, root: &Part, range: &Range<usize>) -> (Vec<String>, Vec<String>) {
        let mut paths = Vec::new();
        root.each_leaf(&mut |leaf| {
            if leaf.range.start >= range.start && leaf.range.end <= range.end {
                paths.extend(leaf.names.iter().filter_map(|n| self.known.field_path(n)));
            }
        });
        paths.sort();
        paths.dedup();
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for path in paths {
            match self.deal.value(&path) {
                Some(value) if value.is_filled() => {
                    if let Some(shown) = value.short() {
                        found.push(format!("{path} is {shown}"));
                    }
                }
                _ => missing.push(path),
            }
        }
        (missing, found)
    }
}

fn compare(a: &Mini, op: Op, b: &Mini) -> Result<bool, String> {
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

fn order(a: &Mini, b: &Mini) -> Result<Ordering, String> {
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
    if a.kind() == b.kind() && (plain(a) || matches!(a.kind(), ValueKind::Seq)) {
        return Ok(a.cmp(b));
    }
    Err(format!("{} cannot be compared with {}", kind(a), kind(b)))
}

fn contains(item: &Mini, list: &Mini) -> Result<bool, String> {
    if item.is_undefined() || item.is_none() || list.is_undefined() || list.is_none() {
        return Ok(false);
    }
    if let (Some(part), Some(text)) = (item.as_str(), list.as_str()) {
        return Ok(text.contains(part));
    }
    let items = list.try_iter().map_err(|_| format!("nothing can be in {}", kind(list)))?;
    Ok(items.into_iter().any(|other| order(item, &other).is_ok_and(Ordering::is_eq)))
}

fn kind(value: &Mini) -> &'static str {
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
