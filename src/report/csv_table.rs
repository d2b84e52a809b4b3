//! The tables of a report as rows and columns, for spreadsheets.

use serde_json::Value;

use super::portfolio::Portfolio;
use super::{Kind, Report, ReportError};

/// The value of a group of deals of which nobody knows theirs.
const UNKNOWN: &str = "(unknown)";

/// A table: its columns, and the cells of its rows in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns: the names of the JSON, dotted where one lies inside another.
    pub columns: Vec<String>,
    /// The rows; `Null` where a row has nothing in a column.
    pub rows: Vec<Vec<Value>>,
}

/// A table that the report does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the report {report} has no table {name}; it has {}", .tables.join(", "))]
pub struct UnknownTable {
    /// As it was asked for.
    pub name: String,
    /// The report.
    pub report: &'static str,
    /// The tables that it has.
    pub tables: Vec<&'static str>,
}

/// The table of this name, or the main one. Where the report is split by fields, the rows of all groups stand one after
/// the other, each with the field and its value before it.
///
/// # Errors
/// When the report cannot be turned into rows.
pub fn table(report: &Report, name: Option<&str>) -> Result<Result<Table, UnknownTable>, ReportError> {
    let tables = report.kind().tables();
    let found = match name {
        Some(name) => tables.iter().find(|(own, _)| *own == name),
        None => tables.first(),
    };
    let Some((_, pointer)) = found else {
        return Ok(Err(UnknownTable {
            name: name.unwrap_or_default().to_owned(),
            report: report.name(),
            tables: tables.iter().map(|(name, _)| *name).collect(),
        }));
    };
    let mut writing = Writing::default();
    if report.by.is_empty() {
        writing.rows(&serde_json::to_value(&report.body)?, pointer, &[]);
    }
    for grouping in &report.by {
        for group in &grouping.groups {
            // Deals without the field have an empty cell; those of which nobody knows it any more have a word.
            let value = if group.unknown { Some(UNKNOWN.to_owned()) } else { group.value.clone() };
            let value = value.map_or(Value::Null, Value::String);
            let before = [("by", Value::String(grouping.field.clone())), ("value", value)];
            writing.rows(&serde_json::to_value(&group.body)?, pointer, &before);
        }
    }
    Ok(Ok(writing.table))
}

/// The table of this name of a portfolio, or its lines. `kind` is the report that it has of each pipeline: the rows of its
/// tables stand one after the other, each with the name of the pipeline before it.
///
/// # Errors
/// When the portfolio cannot be turned into rows.
pub fn of_portfolio(
    portfolio: &Portfolio,
    kind: Option<Kind>,
    name: Option<&str>,
) -> Result<Result<Table, UnknownTable>, ReportError> {
    let own = [("pipelines", "/pipelines"), ("failed", "/failed")];
    let mut writing = Writing::default();
    let name = name.unwrap_or(own[0].0);
    if let Some((_, pointer)) = own.iter().find(|(table, _)| *table == name) {
        let mut value = serde_json::to_value(portfolio)?;
        let lines = value.get_mut("pipelines").and_then(Value::as_array_mut);
        lines.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|line| {
            line.remove("report");
        });
        writing.rows(&value, pointer, &[]);
        return Ok(Ok(writing.table));
    }
    let tables = kind.map(Kind::tables).unwrap_or_default();
    let Some((_, pointer)) = tables.iter().find(|(table, _)| *table == name) else {
        let tables = own.iter().chain(tables).map(|(table, _)| *table).collect();
        return Ok(Err(UnknownTable { name: name.to_owned(), report: "portfolio", tables }));
    };
    for line in &portfolio.pipelines {
        let Some(report) = &line.report else { continue };
        let pipeline = ("pipeline", Value::String(line.name.clone()));
        let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let groupings = list(report, "by");
        if groupings.is_empty() {
            writing.rows(report, pointer, std::slice::from_ref(&pipeline));
        }
        for grouping in &groupings {
            for group in list(grouping, "groups") {
                let of = |value: Option<&Value>| value.cloned().unwrap_or_default();
                let value = if group.get("unknown") == Some(&Value::Bool(true)) {
                    UNKNOWN.into()
                } else {
                    of(group.get("value"))
                };
                let before = [pipeline.clone(), ("by", of(grouping.get("field"))), ("value", value)];
                writing.rows(&group, pointer, &before);
            }
        }
    }
    Ok(Ok(writing.table))
}

#[derive(Default)]
struct Writing {
    table: Table,
}

impl Writing {
    fn rows(&mut self, body: &Value, pointer: &str, before: &[(&str, Value)]) {
        let Some(Value::Array(rows)) = body.pointer(pointer) else { return };
        for row in rows {
            let mut cells = Vec::with_capacity(self.table.columns.len());
            for (column, value) in before {
                self.put(&mut cells, (*column).to_owned(), value);
            }
            self.flat(&mut cells, "", row);
            self.table.rows.push(cells);
        }
        let width = self.table.columns.len();
        self.table.rows.iter_mut().for_each(|row| row.resize(width, Value::Null));
    }

    /// What lies inside is named with dots. An amount of money stands in the column of its own name, its currency beside
    /// it. Lists of rows are tables of their own and left out.
    fn flat(&mut self, cells: &mut Vec<Value>, path: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let is_sum = name == "amount" && fields.contains_key("currency") && !path.is_empty();
                    let inside = match (path, is_sum) {
                        ("", _) => name.clone(),
                        (path, true) => path.to_owned(),
                        (path, false) => format!("{path}.{name}"),
                    };
                    self.flat(cells, &inside, value);
                }
            }
            Value::Array(items) => {
                if items.iter().all(|item| !item.is_object() && !item.is_array()) {
                    let texts: Vec<String> =
                        items.iter().map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect();
                    self.put(cells, path.to_owned(), &Value::String(texts.join("; ")));
                }
            }
            value => self.put(cells, path.to_owned(), value),
        }
    }

    fn put(&mut self, cells: &mut Vec<Value>, column: String, value: &Value) {
        let columns = &mut self.table.columns;
        let at = columns.iter().position(|own| *own == column).unwrap_or_else(|| {
            columns.push(column);
            columns.len() - 1
        });
        if cells.len() <= at {
            cells.resize(at + 1, Value::Null);
        }
        if let Some(cell) = cells.get_mut(at) {
            *cell = value.clone();
        }
    }
}
