//! `tussock list`.

use clap::ValueEnum;
use serde_json::json;

use crate::cli::Global;
use crate::cli::chosen::compile;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, View};
use crate::cli::ui::Ui;
use crate::cli::workspace::{Facts, tell_half_done, tell_history, tell_unreadable};
use crate::format::deal::Deal;
use crate::format::expr::Expression;
use crate::format::value::Value;
use crate::output::terminal::{Align, table};
use crate::output::{csv, json};
use crate::report::listing::{self, Cell, Chosen, Column, DEFAULT_COLUMNS, SortKey};

/// List deals
///
/// All deals that have not ended, stage by stage; with --where, all deals for which the expression is true.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock list
  tussock list --where 'owner == \"olga\" and amount > money(\"10000 EUR\")'
  tussock list --where 'deal.status == \"lost\"' --columns id,lost.reason,amount
  tussock list --sort -amount --columns id,stage,amount,days_in_stage
  tussock list --all --format csv > deals.csv
  tussock list --as-of 2026-06-30           the deals of that day
  tussock list --where 'amount is empty' --format ids | tussock set - owner=olga

Exit codes: 0 done · 1 some files could not be read, or --where could not be answered for some deals · 2 no such column, revision or day, or the expression is wrong · 10 history is incomplete (a shallow clone, a missing or damaged object), and --as-of or days_in_stage needs it")]
pub struct Args {
    /// Only deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Sort by a column, largest first with a minus before it; may be given several times
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Vec<String>,
    /// The columns, separated by commas: fields, id, stage, stage_title, status, path, days_in_stage
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Deals in the ends too
    #[arg(short, long)]
    all: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "table", value_enum)]
    format: ListFormat,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
}

/// How a list of deals is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// For people
    Table,
    /// For scripts
    Json,
    /// For spreadsheets
    Csv,
    /// One id a line, for commands that read ids from standard input
    Ids,
}

impl ListFormat {
    /// How its rows are printed; `None` where it has none.
    fn rows(self) -> Option<Format> {
        match self {
            ListFormat::Table => Some(Format::Table),
            ListFormat::Json => Some(Format::Json),
            ListFormat::Csv => Some(Format::Csv),
            ListFormat::Ids => None,
        }
    }
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For scripts
    Json,
    /// For spreadsheets
    Csv,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let view = View::open(ui, global, &args.as_of, args.allow, None)?;
    tell_half_done(ui, &view.home)?;
    let pipeline = &view.reading.pipeline;
    let filter = args.filter.as_deref().map(|text| compile(text, pipeline)).transpose()?;
    let names: Vec<String> = match args.columns.is_empty() {
        true => DEFAULT_COLUMNS.iter().map(|c| (*c).to_owned()).collect(),
        false => args.columns.iter().map(|c| c.trim().to_owned()).collect(),
    };
    let columns: Vec<Column> = names
        .iter()
        .map(|name| listing::column(pipeline, name).map_err(|e| CommandError::usage(e.to_string())))
        .collect::<Result<_, _>>()?;
    let keys: Vec<SortKey> = args.sort.iter().map(|k| SortKey::parse(k)).collect();
    for key in &keys {
        listing::column(pipeline, &key.column).map_err(|e| CommandError::usage(e.to_string()))?;
    }
    let asks_days = filter.as_ref().is_some_and(Expression::uses_days_in_stage)
        || columns.iter().map(|c| &c.name).chain(keys.iter().map(|k| &k.column)).any(|c| c == "days_in_stage");
    let mut incomplete = false;
    let facts = match asks_days {
        true => match view.history()? {
            Some(history) => {
                tell_history(ui, &view.home, &history, pipeline)?;
                incomplete = history.incomplete;
                Facts::of(&history, pipeline, view.today)
            }
            None => Facts::default(),
        },
        false => Facts::default(),
    };
    let known = |deal: &Deal| view.circumstances(&facts, deal);
    let Chosen { deals, ended, unanswered } =
        listing::select(pipeline, &view.reading.deals, filter.as_ref(), args.all, &keys, &known);
    let rows: Vec<Vec<Cell>> = deals
        .iter()
        .map(|deal| columns.iter().map(|c| listing::cell(pipeline, deal, &c.name, &known(deal))).collect())
        .collect();
    match args.format.rows() {
        None => deals.iter().for_each(|deal| ui.line(deal.id.as_str())),
        Some(format) => print(ui, format, &columns, &rows, &view, incomplete)?,
    }
    if args.format == ListFormat::Table && ui.out_is_terminal {
        let more = if ended > 0 { format!(", {ended} more in the ends (--all shows them)") } else { String::new() };
        ui.note(format!("{} deals{more}", rows.len()));
    }
    if let [(deal, why), others @ ..] = &unanswered[..] {
        let who = match others.len() {
            0 => format!("{}, which is left out", deal.id),
            n => format!("{} and {n} more, which are left out", deal.id),
        };
        ui.warn(&format!("--where cannot be answered for {who}: {why}"));
    }
    let unreadable = tell_unreadable(ui, &view.reading, &*view.source);
    Ok(if unreadable || !unanswered.is_empty() { Exit::Findings } else { Exit::Done })
}

fn print(
    ui: &mut Ui,
    format: Format,
    columns: &[Column],
    rows: &[Vec<Cell>],
    view: &View,
    incomplete: bool,
) -> Result<(), CommandError> {
    let headers: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    match format {
        Format::Table => {
            let shown: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(listing::shown).collect()).collect();
            let sides: Vec<Align> =
                columns.iter().map(|c| if c.numeric { Align::Right } else { Align::Left }).collect();
            if !rows.is_empty() {
                let columns = ui.table_columns();
                ui.print(table(&headers, &shown, &sides, columns));
            }
        }
        Format::Csv => {
            let cells = |row: &Vec<Cell>| row.iter().map(csv_cell).collect::<Vec<_>>();
            let rows: Vec<Vec<csv::Cell>> = rows.iter().map(cells).collect();
            let bytes = csv::write(&headers, &rows)
                .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the CSV: {e}")))?;
            ui.print(bytes);
        }
        Format::Json => {
            let deals: Vec<serde_json::Value> = rows
                .iter()
                .map(|row| {
                    let cells = columns.iter().zip(row).map(|(c, cell)| (c.name.clone(), listing::cell_json(cell)));
                    serde_json::Value::Object(cells.collect())
                })
                .collect();
            let unreadable: Vec<&str> = view.reading.unreadable.iter().map(|u| u.path.as_str()).collect();
            let document = json!({
                "schema_version": 1,
                "kind": "deals",
                "today": view.today.to_string(),
                "incomplete": incomplete,
                "deals": deals,
                "unreadable": unreadable,
            });
            ui.print(json::write(&document));
        }
    }
    Ok(())
}

fn csv_cell(cell: &Cell) -> csv::Cell {
    match cell {
        Cell::Empty => csv::Cell::empty(),
        Cell::Text(text) => csv::Cell::text(text.clone()),
        Cell::Count(n) | Cell::Field(Value::Integer(n)) => csv::Cell::integer(*n),
        Cell::Field(Value::Number(n)) => csv::Cell::decimal(*n),
        Cell::Field(Value::Money(money)) => csv::Cell::text(money.to_string()),
        Cell::Field(value) => csv::Cell::text(listing::text(value)),
    }
}
