//! Deals as rows: which, in which order, with which columns.

use std::cmp::Ordering;

use rust_decimal::Decimal;
use serde_json::json;

use crate::format::deal::Deal;
use crate::format::expr::Expression;
use crate::format::judge::Circumstances;
use crate::format::nearest::nearest;
use crate::format::pipeline::{ExtraFields, Pipeline, Place};
use crate::format::schema::{self, FieldType};
use crate::format::value::{Block, Value};

/// Columns that are no fields of a deal.
pub const OWN_COLUMNS: [&str; 6] = ["id", "stage", "stage_title", "status", "path", "days_in_stage"];

/// The columns when none are asked for.
pub const DEFAULT_COLUMNS: [&str; 7] = ["id", "stage", "owner", "amount", "close_date", "next_step.due", "title"];

/// A column that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no column `{name}`{}; columns are {} and the fields of the pipeline", .near.as_ref().map_or_else(String::new, |n| format!(", did you mean `{n}`?")), OWN_COLUMNS.join(", "))]
pub struct UnknownColumn {
    /// As it was given.
    pub name: String,
    /// The nearest one.
    pub near: Option<String>,
}

/// A column: its name and whether its values are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// As it was asked for.
    pub name: String,
    /// Whether its values stand on the right.
    pub numeric: bool,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// The deal has none.
    Empty,
    /// A text of ours or of the pipeline.
    Text(String),
    /// A whole number.
    Count(i64),
    /// A field's value.
    Field(Value),
}

/// How to sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The column.
    pub column: String,
    /// Largest first.
    pub descending: bool,
}

impl SortKey {
    /// Reads `amount` or `-amount`.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('-') {
            Some(column) => SortKey { column: column.to_owned(), descending: true },
            None => SortKey { column: text.to_owned(), descending: false },
        }
    }
}

/// Checks a column's name.
///
/// # Errors
/// When neither tussock nor the pipeline has it.
pub fn column(pipeline: &Pipeline, name: &str) -> Result<Column, UnknownColumn> {
    let numeric = match schema::find(&pipeline.fields, name).map(|f| &f.of) {
        Some(FieldType::Integer | FieldType::Number | FieldType::Money) => true,
        Some(_) => false,
        None if OWN_COLUMNS.contains(&name) => name == "days_in_stage",
        None if pipeline.extra_fields != ExtraFields::Deny || schema::is_free(name) => false,
        None => {
            let mut names = schema::paths(&pipeline.fields);
            names.extend(OWN_COLUMNS.iter().map(|c| (*c).to_owned()));
            let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
            return Err(UnknownColumn { name: name.to_owned(), near });
        }
    };
    Ok(Column { name: name.to_owned(), numeric })
}

/// The value of a column for a deal.
pub fn cell(pipeline: &Pipeline, deal: &Deal, column: &str, circumstances: &Circumstances<'_>) -> Cell {
    match column {
        "id" => Cell::Text(deal.id.to_string()),
        "stage" => Cell::Text(deal.stage.to_string()),
        "stage_title" => {
            Cell::Text(pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |p| p.title()).to_owned())
        }
        "status" => Cell::Text(pipeline.status(&deal.stage).as_str().to_owned()),
        "path" => Cell::Text(deal.path.clone()),
        "days_in_stage" => circumstances.days_in_stage.map_or(Cell::Empty, Cell::Count),
        field => deal.value(field).map_or(Cell::Empty, |v| Cell::Field(v.clone())),
    }
}

/// Deals chosen from all.
#[derive(Debug, Default)]
pub struct Chosen<'r> {
    /// In their order.
    pub deals: Vec<&'r Deal>,
    /// How many were left out because they have ended.
    pub ended: usize,
    /// Deals for which the filter cannot be answered (an amount in another currency, say), each with the reason. They
    /// are not among the chosen.
    pub unanswered: Vec<(&'r Deal, String)>,
}

/// The deals for which `filter` holds (all that are in no end, where there is none), sorted by `keys`, then by stage and
/// id as they were read.
pub fn select<'r, 'c>(
    pipeline: &Pipeline,
    deals: &'r [Deal],
    filter: Option<&Expression>,
    ended_too: bool,
    keys: &[SortKey],
    circumstances: &dyn Fn(&Deal) -> Circumstances<'c>,
) -> Chosen<'r> {
    let mut chosen = Vec::new();
    let mut ended = 0;
    let mut unanswered = Vec::new();
    for deal in deals {
        let keep = match filter {
            Some(filter) => {
                let answer = filter.evaluate(pipeline, deal, &circumstances(deal));
                answer.map(|a| a.holds).unwrap_or_else(|why| {
                    unanswered.push((deal, why));
                    false
                })
            }
            None => {
                let open = ended_too || !matches!(pipeline.place(deal.stage.as_str()), Some(Place::End(_)));
                ended += usize::from(!open);
                open
            }
        };
        if keep {
            chosen.push(deal);
        }
    }
    if !keys.is_empty() {
        let mut keyed: Vec<(Vec<Cell>, &Deal)> = chosen
            .into_iter()
            .map(|deal| {
                let known = circumstances(deal);
                (keys.iter().map(|k| cell(pipeline, deal, &k.column, &known)).collect(), deal)
            })
            .collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let each = keys.iter().enumerate().map(|(i, key)| order(&a[i], &b[i], key.descending));
            each.fold(Ordering::Equal, Ordering::then)
        });
        chosen = keyed.into_iter().map(|(_, deal)| deal).collect();
    }
    Chosen { deals: chosen, ended, unanswered }
}

/// Nothing comes last, whichever way the rest is sorted.
fn order(a: &Cell, b: &Cell, descending: bool) -> Ordering {
    match (a, b) {
        (Cell::Empty, Cell::Empty) => Ordering::Equal,
        (Cell::Empty, _) => Ordering::Greater,
        (_, Cell::Empty) => Ordering::Less,
        _ => {
            let order = rank(a).cmp(&rank(b)).then_with(|| same_kind(a, b));
            if descending { order.reverse() } else { order }
        }
    }
}

fn rank(cell: &Cell) -> u8 {
    match cell {
        Cell::Empty => 0,
        Cell::Count(_) | Cell::Field(Value::Integer(_) | Value::Number(_)) => 1,
        Cell::Field(Value::Money(_)) => 2,
        Cell::Field(Value::Date(_)) => 3,
        Cell::Field(Value::Boolean(_)) => 4,
        Cell::Text(_) | Cell::Field(_) => 5,
    }
}

fn same_kind(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Field(Value::Money(a)), Cell::Field(Value::Money(b))) => {
            (a.currency, a.amount).cmp(&(b.currency, b.amount))
        }
        (Cell::Field(Value::Date(a)), Cell::Field(Value::Date(b))) => a.cmp(b),
        (Cell::Field(Value::Boolean(a)), Cell::Field(Value::Boolean(b))) => a.cmp(b),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => shown(a).cmp(&shown(b)),
        },
    }
}

fn number(cell: &Cell) -> Option<Decimal> {
    match cell {
        Cell::Count(n) | Cell::Field(Value::Integer(n)) => Some(Decimal::from(*n)),
        Cell::Field(Value::Number(n)) => Some(*n),
        _ => None,
    }
}

/// A cell as text for a table. Nothing of it is escaped yet.
pub fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => n.to_string(),
        Cell::Field(value) => text(value),
    }
}

/// A value as text on one line, lists and blocks in short: `call, mail`.
pub fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(n) => n.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Money(money) => super::number::money(money.amount, money.currency, super::lang::Lang::En),
        Value::Date(date) => date.to_string(),
        Value::Boolean(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Deal(id) => id.to_string(),
        Value::List(items) => items.iter().map(|i| text(&i.value)).collect::<Vec<_>>().join("; "),
        Value::Block(block) => {
            let parts = block.entries.iter().map(|(name, _, field)| format!("{name}: {}", text(&field.value)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

/// A cell as JSON: money as `{"amount": "18000.00", "currency": "EUR"}`, decimals as strings, dates as `YYYY-MM-DD`.
pub fn cell_json(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Empty => serde_json::Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Count(n) => json!(n),
        Cell::Field(value) => value_json(value),
    }
}

/// A value as JSON, as [`cell_json`] does.
pub fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => json!(text),
        Value::Integer(n) => json!(n),
        Value::Number(n) => json!(n.to_string()),
        Value::Money(money) => json!({"amount": money.amount.to_string(), "currency": money.currency.code()}),
        Value::Date(date) => json!(date.to_string()),
        Value::Boolean(truth) => json!(truth),
        Value::Deal(id) => json!(id.as_str()),
        Value::List(items) => items.iter().map(|i| value_json(&i.value)).collect(),
        Value::Block(block) => block_json(block),
    }
}

/// Fields as a JSON object, in the order of the file.
pub fn block_json(block: &Block) -> serde_json::Value {
    let fields = block.entries.iter().map(|(name, _, field)| (name.clone(), value_json(&field.value)));
    serde_json::Value::Object(fields.collect())
}
