//! Evaluates the parts: minijinja for what stands between the comparisons, our own code for the comparisons.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value as Mini};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::lexer::{Kind, Token, tokens};
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

/// Work that filters, tests and comparisons of one expression may do: about one unit for an item of a list or a few
/// bytes of a text. minijinja counts its own instructions only, and one of them can walk a list of a hundred thousand.
const MAX_WORK: u64 = 400_000;

thread_local! {
    static WORK_LEFT: Cell<u64> = const { Cell::new(MAX_WORK) };
}

/// Takes work from what is left of this evaluation.
fn spend(units: usize) -> Result<(), Error> {
    WORK_LEFT.with(|left| {
        let rest = left.get().checked_sub(units as u64);
        left.set(rest.unwrap_or(0));
        rest.map(|_| ()).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))
    })
}

/// Takes the work of walking once over a value.
fn walk(value: &Mini) -> Result<(), Error> {
    spend(4 + value.as_str().map_or_else(|| 4 * value.len().unwrap_or(0), |text| text.len() / 16))
}

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
        let text = &source[range.clone()];
        let invalid = |error: Error| {
            let inner = error.range().unwrap_or(0..range.len());
            let at = (range.start + inner.start).min(range.end)..(range.start + inner.end).min(range.end);
            ExprError::new(at, format!("this is not an expression: {}", words(&error)))
        };
        let plain = ENGINE.compile_expression(text).map_err(invalid)?;
        let mut names: Vec<String> = plain.undeclared_variables(true).into_iter().collect();
        names.sort();
        for name in &names {
            let offset = source[range.clone()].find(name.as_str()).map_or(range.clone(), |at| {
                let start = range.start + at;
                start..start + name.len()
            });
            known.check(name, offset)?;
        }
        check_callables(source, &range)?;
        let guarded = guarded(text, &tokens(text)?);
        let expression = ENGINE.compile_expression_owned(guarded).map_err(invalid)?;
        Ok(Leaf { range, names, of, expression: Arc::new(expression) })
    }
}

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
const NUMBER: &str = "__number";

/// The source with every operand of `+`, `*` and `%` sent through [`NUMBER`]: a text or a list that is repeated or joined
/// is how a short expression makes something huge.
fn guarded(text: &str, tokens: &[Token]) -> String {
    let word = |i: usize| tokens.get(i).map_or("", |t: &Token| &text[t.range.clone()]);
    let mut places: Vec<usize> = Vec::new();
    for at in (1..tokens.len()).filter(|at| matches!(word(*at), "+" | "*" | "%")) {
        places.push(tokens[at - 1].range.end);
        let mut first = at + 1;
        while word(first) == "-" {
            first += 1;
        }
        if let Some(last) = operand_end(text, tokens, first).checked_sub(1).and_then(|i| tokens.get(i)) {
            places.push(last.range.end);
        }
    }
    places.sort_unstable();
    let (mut out, mut done) = (String::with_capacity(text.len() + places.len() * 9), 0);
    for place in places {
        out.push_str(&text[done..place]);
        out.push('|');
        out.push_str(NUMBER);
        done = place;
    }
    out.push_str(&text[done..]);
    out
}

/// The index after the operand that begins at `first`: a name, a literal or brackets, with what hangs on it.
fn operand_end(text: &str, tokens: &[Token], first: usize) -> usize {
    let word = |i: usize| tokens.get(i).map_or("", |t: &Token| &text[t.range.clone()]);
    let after_brackets = |open: usize| closing(tokens, open) + 1;
    let is_open = |i: usize| tokens.get(i).is_some_and(|t| t.kind == Kind::Open);
    let mut at = if is_open(first) { after_brackets(first) } else { first + 1 };
    loop {
        match word(at) {
            "." | "|" => at += 2,
            "(" | "[" => at = after_brackets(at),
            _ => return at.min(tokens.len()),
        }
    }
}

/// The index of the bracket that closes the one at `open`; brackets are known to be balanced.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    tokens.len().saturating_sub(1)
}

// minijinja finds an unknown filter or test only when it gets there, which may be never before the day it matters.
fn check_callables(source: &str, range: &Range<usize>) -> Result<(), ExprError> {
    let tokens = tokens(&source[range.clone()])?;
    let text = |i: usize| tokens.get(i).map(|t| &source[range.start + t.range.start..range.start + t.range.end]);
    for i in 0..tokens.len() {
        let at = |n: usize| match tokens.get(n) {
            Some(t) => range.start + t.range.start..range.start + t.range.end,
            None => range.clone(),
        };
        match text(i) {
            Some("|") => {
                let name = text(i + 1).unwrap_or("");
                if !FILTERS.contains(&name) {
                    return Err(unknown_filter(at(i + 1), name));
                }
            }
            Some("is") if tokens[i].kind == Kind::Word => {
                let next = if text(i + 1) == Some("not") { i + 2 } else { i + 1 };
                let name = text(next).unwrap_or("");
                if !TESTS.contains(&name) {
                    return Err(unknown_test(at(next), name));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// There is no such filter.
pub fn unknown_filter(at: Range<usize>, name: &str) -> ExprError {
    ExprError::new(at, format!("there is no filter `{name}`")).with_help(format!("filters are {}", FILTERS.join(", ")))
}

/// There is no such test.
pub fn unknown_test(at: Range<usize>, name: &str) -> ExprError {
    ExprError::new(at, format!("there is no test `is {name}`")).with_help(format!("tests are {}", TESTS.join(", ")))
}

static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
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
fn words(error: &Error) -> String {
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
    WORK_LEFT.with(|left| left.set(MAX_WORK));
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
            Part::If { condition, then, otherwise } => match self.part(condition)?.holds {
                true => self.part(then),
                false => self.part(otherwise),
            },
            Part::Plain(leaf) => Ok(Verdict { holds: self.leaf(leaf)?.is_true(), because: range }),
        }
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Mini, String> {
        // Slices and literals copy what they name, at most once for each time it is named.
        let size = leaf.names.iter().filter_map(|n| self.context.size(n.split('.').next()?)).sum::<usize>();
        let result =
            spend(leaf.range.len().saturating_mul(size) / 64).and_then(|()| self.context.evaluate(&leaf.expression));
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
    if a.kind() == b.kind() && plain(a) {
        spend(1 + a.as_str().map_or(0, |t| t.len() / 64)).map_err(|e| words(&e))?;
        return Ok(a.cmp(b));
    }
    if is_list(a) && is_list(b) {
        return order_lists(a, b);
    }
    Err(format!("{} cannot be compared with {}", kind(a), kind(b)))
}

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
