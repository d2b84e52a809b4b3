//! `tussock log`.

use crate::action::find::{NotFound, near_deal};
use crate::cli::Global;
use crate::cli::commands::list::Format;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{history_at, home, read_pipeline, tell_half_done, tell_history};
use crate::format::ident::DealId;
use crate::history::Options;
use crate::history::event::Event;
use crate::history::export::{LogRow, row};
use crate::output::csv::{self, Cell};
use crate::output::json;
use crate::output::terminal::{Align, table};
use crate::repo::revision::head;
use crate::repo::snapshot::Snapshot;
use serde_json::json;

/// Print what happened, as git tells it
///
/// Every deal that came in, moved, changed its amount, close date, owner or next step, or vanished; oldest first. `at` is
/// when it happened, `known_at` when this branch came to know it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock log acme-site
  tussock log --moves
  tussock log --format csv > events.csv        for process mining: deal, event, to, at, author
  tussock log --field segment --format json

Exit codes: 0 done · 2 no such deal, revision or day · 4 not in a git repository · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    /// Only this deal
    deal: Option<String>,
    /// Only deals coming in, moving and vanishing, no changed fields
    #[arg(long)]
    moves: bool,
    /// Tell changes of this field too; may be given several times
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "table", value_enum)]
    format: Format,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
}

const HEADERS: [&str; 9] = ["deal", "event", "field", "from", "to", "at", "known_at", "author", "commit"];

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let home = home(global)?;
    tell_half_done(ui, &home)?;
    home.place()?;
    let past = args.as_of.as_of.as_deref().map(|as_of| Then::find(ui, global, &home, as_of, args.allow)).transpose()?;
    let (tip, then, pipeline) = match &past {
        Some((then, _)) => (then.commit, then.home.clone(), then.pipeline.clone()),
        None => {
            let tip = head(&home)?.and_then(|h| h.commit).ok_or_else(|| {
                CommandError::new(Exit::NotInState, "there is no commit yet, so nothing has happened")
            })?;
            (tip, home.clone(), read_pipeline(ui, &Snapshot::of_commit(&home, tip)?)?)
        }
    };
    let options = Options { fields: args.fields.clone(), ..args.allow.options() };
    let history = history_at(&then, tip, &pipeline, &options)?;
    tell_history(ui, &home, &history, &pipeline)?;
    let wanted = args.deal.as_deref();
    if let Some(id) = wanted
        && !history.events.iter().any(|e| e.deal == *id)
    {
        let known: std::collections::BTreeSet<&DealId> = history.events.iter().map(|e| &e.deal).collect();
        let near = near_deal(id, known.iter().map(|d| d.as_str())).map(str::to_owned);
        let otherwise = NotFound::Deal { id: id.to_owned(), near }.into();
        return Err(match past {
            Some((then, _)) => then.missing(id, otherwise),
            None => otherwise,
        });
    }
    let keep =
        |event: &&Event| wanted.is_none_or(|id| event.deal == *id) && !(args.moves && event.kind.as_str() == "changed");
    let rows: Vec<LogRow> = history.events.iter().filter(keep).map(row).collect();
    match args.format {
        Format::Table => print_table(ui, &rows, wanted.is_some()),
        Format::Csv => {
            let cells = rows.iter().map(|r| columns(r).map(Cell::text).to_vec()).collect::<Vec<_>>();
            let bytes = csv::write(&HEADERS, &cells)
                .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the CSV: {e}")))?;
            ui.print(bytes);
        }
        Format::Json => {
            let document = json!({"schema_version": 1, "kind": "events", "tip": tip.to_string(), "events": rows});
            ui.print(json::write(&document));
        }
    }
    Ok(Exit::Done)
}

fn columns(row: &LogRow) -> [&str; 9] {
    let LogRow { deal, event, field, from, to, at, known_at, author, commit } = row;
    [deal, event, field, from, to, at, known_at, author, commit]
}

/// For people: the day and the minute, what happened in words, and who did it.
fn print_table(ui: &mut Ui, rows: &[LogRow], one_deal: bool) {
    let mut headers = vec!["when", "deal", "what", "who", "commit"];
    let mut shown: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let LogRow { field, from, to, .. } = row;
        let what = match row.event {
            "changed" if from.is_empty() => format!("{field}: {to}"),
            "changed" if to.is_empty() => format!("{field}: {from} → (none)"),
            "changed" => format!("{field}: {from} → {to}"),
            "moved" => format!("{from} → {to}"),
            "created" | "restored" => format!("{} in {to}", row.event),
            "removed" => format!("removed from {from}"),
            other => format!("{other} {from} {to}").trim_end().to_owned(),
        };
        let when = row.at.get(..16).unwrap_or(&row.at).replace('T', " ");
        let commit: String = row.commit.chars().take(10).collect();
        let mut cells = vec![when, row.deal.clone(), what, row.author.clone(), commit];
        if one_deal {
            cells.remove(1);
        }
        shown.push(cells);
    }
    if one_deal {
        headers.remove(1);
    }
    if !shown.is_empty() {
        let columns = ui.table_columns();
        ui.print(table(&headers, &shown, &[Align::Left], columns));
    }
}
