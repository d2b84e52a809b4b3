//! Evaluates the parts: minijinja for what stands between the comparisons, our own code for the comparisons.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value as Mini};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::compare::compare;
use super::lexer::{Kind, Token, tokens};
use super::library::{ENGINE, FILTERS, NUMBER, TESTS, words};
use super::names::{Known, Type};
use super::skeleton::Part;
use super::values::Context;
use super::work::{self, spend};
use super::{Answer, ExprError};
use crate::format::deal::Deal;
use crate::format::value::Value;

/// The longest source in bytes.
pub const MAX_SOURCE: usize = 4 * 1024;

/// Digits after the point of a number that is told.
const MOST_DIGITS: u32 = 6;

/// What minijinja is asked: a part without boolean operators or comparisons.
#[derive(Clone)]
pub struct Leaf {
    /// Its bytes in the source.
    pub range: Range<usize>,
    /// Dotted names in it, sorted.
    pub names: Vec<String>,
    /// Those of the names that stand for something else where they are missing: `payments | default([])`.
    defaulted: Vec<String>,
    /// Whether it works something out, rather than naming a field or a value.
    works_out: bool,
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
        let tokens = tokens(text)?;
        let expression = ENGINE.compile_expression_owned(guarded(text, &tokens)).map_err(invalid)?;
        let defaulted = names.iter().filter(|name| is_defaulted(text, &tokens, name)).cloned().collect();
        let works_out = !names.is_empty() && names.iter().all(|name| name != text);
        Ok(Leaf { range, names, defaulted, works_out, of, expression: Arc::new(expression) })
    }
}

/// Whether a value of its own is given for a name wherever it stands, for the case that it is missing.
fn is_defaulted(text: &str, tokens: &[Token], name: &str) -> bool {
    let word = |i: usize| tokens.get(i).map_or("", |t: &Token| &text[t.range.clone()]);
    let mut given = false;
    let mut at = 0;
    while at < tokens.len() {
        let begins = tokens[at].kind == Kind::Word && !at.checked_sub(1).is_some_and(|i| matches!(word(i), "." | "|"));
        let mut path = word(at).to_owned();
        at += 1;
        if !begins {
            continue;
        }
        while word(at) == "." {
            path = format!("{path}.{}", word(at + 1));
            at += 2;
        }
        if path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')) {
            if word(at) != "|" || word(at + 1) != "default" {
                return false;
            }
            given = true;
        }
    }
    given
}

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

struct Evaluation<'a> {
    source: &'a str,
    context: &'a Context<'a>,
    known: &'a Known<'a>,
    deal: &'a Deal,
}

/// The verdict on a part.
struct Verdict {
    holds: bool,
    /// The range of what decided that.
    because: Range<usize>,
    /// Where none of several alternatives holds: the range of what decided each.
    alternatives: Vec<Range<usize>>,
}

impl Verdict {
    fn new(holds: bool, because: Range<usize>) -> Self {
        Verdict { holds, because, alternatives: Vec::new() }
    }
}

/// Evaluates a whole expression.
pub fn answer(
    root: &Part,
    source: &str,
    context: &Context<'_>,
    known: &Known<'_>,
    deal: &Deal,
) -> Result<Answer, String> {
    work::begin();
    let evaluation = Evaluation { source, context, known, deal };
    let verdict = evaluation.part(root)?;
    if verdict.holds {
        return Ok(Answer { holds: true, ..Answer::default() });
    }
    let (missing, mut found) = evaluation.fields_in(root, &verdict.because);
    if missing.is_empty() {
        work::aside(|| evaluation.worked_out(root, &verdict.because, &mut found));
    }
    let missing_one_of = evaluation.one_of(root, &verdict.alternatives);
    let false_part = source.get(verdict.because).map(str::to_owned);
    Ok(Answer { holds: false, false_part, missing, missing_one_of, found })
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
                Ok(Verdict::new(true, range))
            }
            Part::Or(parts) => {
                let (mut first_error, mut alternatives) = (None, Vec::new());
                for part in parts {
                    match self.part(part) {
                        Ok(verdict) if verdict.holds => return Ok(verdict),
                        Ok(verdict) => alternatives.push(verdict.because),
                        Err(error) => first_error = first_error.or(Some(error)),
                    }
                }
                first_error.map_or(Ok(Verdict { holds: false, because: range, alternatives }), Err)
            }
            Part::Not(inner, _) => Ok(Verdict::new(!self.part(inner)?.holds, range)),
            Part::Compare { left, op, right, .. } => {
                let (a, b) = (self.leaf(left)?, self.leaf(right)?);
                let holds = compare(&a, *op, &b).map_err(|why| {
                    format!("`{}` cannot be answered: {why}", self.source.get(range.clone()).unwrap_or(""))
                })?;
                Ok(Verdict::new(holds, range))
            }
            Part::If { condition, then, otherwise } => match self.part(condition)?.holds {
                true => self.part(then),
                false => self.part(otherwise),
            },
            Part::Plain(leaf) => Ok(Verdict::new(self.leaf(leaf)?.is_true(), range)),
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

    /// Where each of several alternatives lacks a field: the first that each lacks, of which one would do. Empty otherwise.
    fn one_of(&self, root: &Part, alternatives: &[Range<usize>]) -> Vec<String> {
        let first = |range: &Range<usize>| self.fields_in(root, range).0.into_iter().next();
        let mut fields: Vec<String> = alternatives.iter().map(first).collect::<Option<_>>().unwrap_or_default();
        let mut seen = std::collections::BTreeSet::new();
        fields.retain(|field| seen.insert(field.clone()));
        if fields.len() > 1 { fields } else { Vec::new() }
    }

    fn fields_in(&self, root: &Part, range: &Range<usize>) -> (Vec<String>, Vec<String>) {
        // Each path, and whether it may be missing wherever it stands.
        let mut paths: BTreeMap<String, bool> = BTreeMap::new();
        root.each_leaf(&mut |leaf| {
            if leaf.range.start >= range.start && leaf.range.end <= range.end {
                for name in &leaf.names {
                    let Some(path) = self.known.field_path(name) else { continue };
                    *paths.entry(path).or_insert(true) &= leaf.defaulted.contains(name);
                }
            }
        });
        let (mut missing, mut found) = (Vec::new(), Vec::new());
        for (path, may_be_missing) in paths {
            match self.deal.value(&path) {
                Some(value) if value.is_filled() => {
                    if let Some(shown) = value.short() {
                        found.push(format!("{path} is {shown}"));
                    }
                }
                _ if may_be_missing => found.push(format!("{path} is not filled")),
                _ => missing.push(path),
            }
        }
        (missing, found)
    }

    /// What the sides of comparisons come to, where they are more than a field or a value: `` `2 * seats` is 6 ``.
    fn worked_out(&self, root: &Part, range: &Range<usize>, found: &mut Vec<String>) {
        root.each_leaf(&mut |leaf| {
            if !leaf.works_out || leaf.range.start < range.start || leaf.range.end > range.end {
                return;
            }
            // A part that cannot be worked out decided nothing, so that there is nothing to say of it.
            let number = self.leaf(leaf).ok().filter(|v| v.kind() == ValueKind::Number);
            let shown = number.and_then(|v| f64::try_from(v).ok()).and_then(Decimal::from_f64);
            if let (Some(shown), Some(source)) = (shown, self.source.get(leaf.range.clone())) {
                let shown = shown.round_dp(MOST_DIGITS).normalize();
                let source = source.split_whitespace().collect::<Vec<_>>().join(" ");
                found.push(format!("`{source}` is {shown}"));
            }
        });
    }
}
