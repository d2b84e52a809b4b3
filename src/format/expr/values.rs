//! A deal's values as minijinja sees them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{Datelike, NaiveDate};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value as Mini};
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};

use crate::format::deal::Deal;
use crate::format::judge::Circumstances;
use crate::format::money::Money;
use crate::format::pipeline::{Pipeline, Place};
use crate::format::source::Source;
use crate::format::value::{Block, Value};

/// An amount in an expression or a template: `.value` is the bare number, `.currency` the code.
#[derive(Debug)]
pub struct MoneyValue(pub Money);

impl Object for MoneyValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Mini) -> Option<Mini> {
        match key.as_str()? {
            "value" => Some(number(&self.0.amount)),
            "currency" => Some(Mini::from(self.0.currency.code())),
            _ => None,
        }
    }

    fn is_true(self: &Arc<Self>) -> bool {
        !self.0.amount.is_zero()
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<MoneyValue>().and_then(|o| self.0.compare(&o.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A date in an expression: compares with dates; `.year`, `.month` and `.day` are numbers.
#[derive(Debug)]
pub struct DateValue(pub NaiveDate);

impl Object for DateValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Mini) -> Option<Mini> {
        match key.as_str()? {
            "year" => Some(Mini::from(self.0.year())),
            "month" => Some(Mini::from(self.0.month())),
            "day" => Some(Mini::from(self.0.day())),
            _ => None,
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<DateValue>().map(|o| self.0.cmp(&o.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Answers `file_exists`. minijinja's values own what they hold and a source is borrowed, so an unknown path is noted and
/// asked for after the attempt; then the attempt is made again.
#[derive(Debug, Default)]
struct FileQuestions(Mutex<BTreeMap<String, Option<bool>>>);

impl Object for FileQuestions {
    fn call(self: &Arc<Self>, _state: &mut State<'_, '_>, args: &[Mini]) -> Result<Mini, Error> {
        let [path] = args else {
            return Err(Error::new(ErrorKind::InvalidOperation, "file_exists() takes one path"));
        };
        let Some(path) = path.as_str() else { return Ok(Mini::from(false)) };
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Mini::from(asked.entry(path.to_owned()).or_insert(None).unwrap_or(false)))
    }
}

/// The variables of one evaluation.
pub struct Context<'a> {
    variables: Mini,
    /// How much there is to walk over in each field.
    sizes: BTreeMap<String, usize>,
    files: Option<(Arc<FileQuestions>, &'a dyn Source)>,
}

impl Context<'_> {
    /// Name of the variable that holds the day.
    pub const TODAY: &'static str = "today";
    /// Name of the variable that holds an amount of the pipeline's currency; no expression can write it.
    pub const CURRENCY: &'static str = " currency";

    /// How much there is to walk over in the field of a name: bytes of text, and a few for each value.
    pub fn size(&self, root: &str) -> Option<usize> {
        self.sizes.get(root).copied()
    }

    /// Evaluates an expression with these variables.
    pub fn evaluate(&self, expression: &minijinja::Expression<'_, '_>) -> Result<Mini, Error> {
        let result = expression.eval(self.variables.clone());
        let Some((files, source)) = &self.files else { return result };
        let mut again = false;
        {
            let mut asked = files.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (path, answer) in asked.iter_mut().filter(|(_, answer)| answer.is_none()) {
                *answer = Some(source.repository_has(path));
                again = true;
            }
        }
        // Twice is enough: a path that depends on the answer about another one is nothing a criterion needs.
        if again { expression.eval(self.variables.clone()) } else { result }
    }
}

/// Gathers the variables that `roots` name.
pub fn context<'a>(
    roots: BTreeSet<String>,
    pipeline: &Pipeline,
    deal: &Deal,
    circumstances: &Circumstances<'a>,
    uses_files: bool,
) -> Context<'a> {
    let mut variables: BTreeMap<String, Mini> = BTreeMap::new();
    let one = Money { amount: rust_decimal::Decimal::ONE, currency: pipeline.currency };
    variables.insert(Context::CURRENCY.to_owned(), Mini::from_object(MoneyValue(one)));
    variables.insert(Context::TODAY.to_owned(), Mini::from_object(DateValue(circumstances.today)));
    let mut sizes = BTreeMap::new();
    for root in roots {
        if let Some(field) = deal.fields.get(&root) {
            sizes.insert(root.clone(), size(&field.value));
        }
        let value = match root.as_str() {
            "stage" => Mini::from(deal.stage.as_str()),
            "deal" => about(pipeline, deal),
            "days_in_stage" => circumstances.days_in_stage.map_or(Mini::UNDEFINED, Mini::from),
            "today" | "money" | "date" | "days_since" | "days_until" | "file_exists" => continue,
            _ => deal.fields.get(&root).map_or(Mini::UNDEFINED, |f| value(&f.value)),
        };
        variables.insert(root, value);
    }
    let files = uses_files.then(|| (Arc::new(FileQuestions::default()), circumstances.source));
    if let Some((questions, _)) = &files {
        variables.insert("file_exists".to_owned(), Mini::from_dyn_object(questions.clone()));
    }
    Context { variables: Mini::from_pairs(variables), sizes, files }
}

fn size(value: &Value) -> usize {
    8 + match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(|i| size(&i.value)).sum(),
        Value::Block(block) => block.entries.iter().map(|(name, _, f)| name.len() + size(&f.value)).sum(),
        _ => 0,
    }
}

fn about(pipeline: &Pipeline, deal: &Deal) -> Mini {
    let title = pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |p| p.title());
    let share = match pipeline.place(deal.stage.as_str()) {
        Some(Place::Stage(_, stage)) => stage.probability,
        _ => None,
    };
    let weighted = match (deal.amount(), share.and_then(rust_decimal::Decimal::from_f64)) {
        (Some(money), Some(share)) => money.amount.checked_mul(share).map(|amount| {
            let amount = amount.round_dp(money.currency.minor_digits());
            Mini::from_object(MoneyValue(Money { amount, currency: money.currency }))
        }),
        _ => None,
    };
    Mini::from_pairs([
        ("id", Mini::from(deal.id.as_str())),
        ("stage", Mini::from(deal.stage.as_str())),
        ("stage_title", Mini::from(title)),
        ("status", Mini::from(pipeline.status(&deal.stage).as_str())),
        ("weighted", weighted.unwrap_or(Mini::UNDEFINED)),
    ])
}

/// A decimal as a number of the language: whole numbers exactly.
pub fn number(decimal: &rust_decimal::Decimal) -> Mini {
    match decimal.to_i128() {
        Some(whole) if decimal.fract().is_zero() => Mini::from(whole),
        _ => decimal.to_f64().map_or(Mini::UNDEFINED, Mini::from),
    }
}

/// A field's value.
pub fn value(of: &Value) -> Mini {
    match of {
        Value::Text(text) => Mini::from(text.as_str()),
        Value::Integer(number) => Mini::from(*number),
        Value::Number(decimal) => number(decimal),
        Value::Money(money) => Mini::from_object(MoneyValue(*money)),
        Value::Date(date) => Mini::from_object(DateValue(*date)),
        Value::Boolean(truth) => Mini::from(*truth),
        Value::Deal(id) => Mini::from(id.as_str()),
        Value::List(items) => Mini::from_iter(items.iter().map(|i| value(&i.value))),
        Value::Block(fields) => block(fields),
    }
}

fn block(fields: &Block) -> Mini {
    Mini::from_pairs(fields.entries.iter().map(|(name, _, field)| (name.as_str(), value(&field.value))))
}
