//! `tussock log`.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use clap::ValueEnum;
use serde_json::json;

use crate::action::find::{NotFound, near_deal};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{history_at, home, read_pipeline, tell_half_done, tell_history, today, with_chronicle};
use crate::format::ident::DealId;
use crate::format::load::load_only;
use crate::format::pipeline::Pipeline;
use crate::history::event::{Event, EventKind, KnownAt};
use crate::history::export::{LogRow, rfc3339, row_of};
use crate::history::one_deal::spells_of;
use crate::history::spell::Spell;
use crate::history::{History, Options};
use crate::metrics::DAY;
use crate::output::csv::{self, Cell};
use crate::output::json;
use crate::output::story::render;
use crate::output::terminal::{Align, table};
use crate::repo::discover::Home;
use crate::repo::objects::ObjectId;
use crate::repo::revision::head;
use crate::repo::snapshot::Snapshot;
use crate::report::story::{Input, Story, story};

/// Tell what happened, from git
///
/// Of one deal the story: what happened, when, by whom, and how long it was in each stage. Without a deal a table of all
/// that came in, moved, changed amount, close date, owner or next step, or vanished; oldest first. In the table's CSV and
/// JSON, `at` is when it happened, `known_at` when this branch came to know it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock log acme-site                        its story
  tussock log acme-site --as-of 2026-06-30     its story as it was known that day
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
    /// How to print; a story of one deal, a table of all, unless another is chosen
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
}

/// How a log is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One deal in words
    Story,
    /// One line for each event
    Table,
    /// For scripts
    Json,
    /// For spreadsheets and process mining
    Csv,
}

const HEADERS: [&str; 9] = ["deal", "event", "field", "from", "to", "at", "known_at", "author", "commit"];

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let wanted = args.deal.as_deref();
    let format = args.format.unwrap_or(if wanted.is_some() { Format::Story } else { Format::Table });
    if format == Format::Story && wanted.is_none() {
        return Err(CommandError::usage("a story is of one deal: tussock log DEAL"));
    }
    let from = Viewpoint::find(ui, global, args)?;
    if let (Format::Csv, None) = (format, wanted) {
        return all_as_csv(ui, &from, args);
    }
    let log = Log::read(ui, global, args, from)?;
    let history = &log.history;
    let deal = match wanted {
        Some(id) => Some(log.deal(id)?),
        None => None,
    };
    let keep = |event: &&Event| {
        deal.as_ref().is_none_or(|id| event.deal == *id) && !(args.moves && event.kind.as_str() == "changed")
    };
    let rows = || history.events.iter().filter(keep).map(|event| row_of(history, event)).collect::<Vec<LogRow>>();
    match (format, &deal) {
        (Format::Story, Some(deal)) => {
            let story = log.story(deal, args.moves)?;
            let text = render(&story, ui.colour, ui.table_columns());
            ui.print(text);
        }
        (Format::Story | Format::Table, _) => print_table(ui, &rows(), deal.is_some()),
        (Format::Csv, _) => {
            let cells = rows().iter().map(|r| columns(r).map(Cell::text).to_vec()).collect::<Vec<_>>();
            let bytes = csv::write(&HEADERS, &cells)
                .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the CSV: {e}")))?;
            ui.print(bytes);
        }
        (Format::Json, _) => {
            let mut document = json!({
                "schema_version": 1,
                "kind": "events",
                "tip": log.tip.to_string(),
                "incomplete": history.incomplete,
                "events": rows(),
            });
            if let Some(deal) = &deal {
                document["as_of"] = json!(rfc3339(log.until.0));
                document["spells"] =
                    spells_of(history, deal).iter().map(|spell| spell_json(spell, log.until)).collect();
            }
            ui.print(json::write(&document));
        }
    }
    Ok(Exit::Done)
}

/// So many rows are written at a time.
const AT_ONCE: usize = 4096;

/// Writes the events of all deals as they are told: together they would take more memory than their history.
fn all_as_csv(ui: &mut Ui, from: &Viewpoint, args: &Args) -> Result<Exit, CommandError> {
    let written = |result: std::io::Result<Vec<u8>>| {
        result.map_err(|e| CommandError::new(Exit::Io, format!("cannot write the CSV: {e}")))
    };
    let told = with_chronicle(&from.home, from.tip, &from.pipeline, &from.options(args), |chronicle| {
        let summary = chronicle.summary();
        tell_history(ui, &from.home, &summary, &from.pipeline)?;
        ui.print(written(csv::text_rows([HEADERS]))?);
        let kept = chronicle.events().filter(|event| !(args.moves && event.kind.as_str() == "changed"));
        let mut rows = kept.map(|event| row_of(&summary, &event));
        loop {
            let some: Vec<LogRow> = rows.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(Exit::Done);
            }
            ui.print(written(csv::text_rows(some.iter().map(columns)))?);
        }
    });
    told?
}

/// From where history is looked at.
struct Viewpoint {
    /// The pipeline as it lay at the tip.
    home: Home,
    tip: ObjectId,
    snapshot: Snapshot,
    pipeline: Pipeline,
    past: Option<Then>,
}

/// A history and from where it is looked at.
struct Log {
    /// The pipeline as it lay at the tip.
    home: Home,
    tip: ObjectId,
    snapshot: Snapshot,
    pipeline: Pipeline,
    history: History,
    /// Up to when visits that last are counted.
    until: KnownAt,
    today: NaiveDate,
    past: Option<Then>,
}

impl Viewpoint {
    fn find(ui: &mut Ui, global: &Global, args: &Args) -> Result<Viewpoint, CommandError> {
        let now = home(global)?;
        tell_half_done(ui, &now)?;
        now.place()?;
        let as_of = args.as_of.as_of.as_deref();
        let past = as_of.map(|as_of| Then::find(ui, global, &now, as_of, args.allow)).transpose()?;
        let (home, tip, snapshot, pipeline, past) = match past {
            Some((then, snapshot)) => (then.home.clone(), then.commit, snapshot, then.pipeline.clone(), Some(then)),
            None => {
                let tip = head(&now)?.and_then(|h| h.commit).ok_or_else(|| {
                    CommandError::new(Exit::NotInState, "there is no commit yet, so nothing has happened")
                })?;
                let snapshot = Snapshot::of_commit(&now, tip)?;
                let pipeline = read_pipeline(ui, &snapshot)?;
                (now, tip, snapshot, pipeline, None)
            }
        };
        Ok(Viewpoint { home, tip, snapshot, pipeline, past })
    }

    fn options(&self, args: &Args) -> Options {
        Options { fields: args.fields.clone(), ..args.allow.options() }
    }
}

impl Log {
    fn read(ui: &mut Ui, global: &Global, args: &Args, from: Viewpoint) -> Result<Log, CommandError> {
        let options = from.options(args);
        let Viewpoint { home, tip, snapshot, pipeline, past } = from;
        let history = history_at(&home, tip, &pipeline, &options)?;
        tell_history(ui, &home, &history, &pipeline)?;
        let (until, today) = match &past {
            Some(then) => (then.until, then.today),
            None => {
                let today = today(global, &pipeline);
                let known_at = history.tip_known_at.unwrap_or(KnownAt(i64::MIN));
                (KnownAt(pipeline.end_of(today)).max(known_at), today)
            }
        };
        Ok(Log { home, tip, snapshot, pipeline, history, until, today, past })
    }

    /// The deal of an id, also of one that it had before.
    fn deal(&self, id: &str) -> Result<DealId, CommandError> {
        let known: BTreeSet<&DealId> = self.history.events.iter().map(|e| &e.deal).collect();
        if let Some(found) = known.iter().find(|deal| ***deal == *id) {
            return Ok((*found).clone());
        }
        let renamed =
            self.history.events.iter().rfind(|e| matches!(&e.kind, EventKind::Renamed { from } if *from == *id));
        let near = match renamed {
            Some(event) => Some(event.deal.to_string()),
            None => near_deal(id, known.iter().map(|d| d.as_str())).map(str::to_owned),
        };
        let otherwise = NotFound::Deal { id: id.to_owned(), near }.into();
        Err(match &self.past {
            Some(then) => then.missing(id, otherwise),
            None => otherwise,
        })
    }

    fn story(&self, deal: &DealId, only_moves: bool) -> Result<Story, CommandError> {
        let files = load_only(&self.snapshot, &|id| id == deal)
            .map_err(|error| CommandError::new(Exit::Io, error.to_string()))?;
        let repository = self.home.place()?.open()?;
        let is_revert = |event: &Event| {
            let back =
                matches!(&event.kind, EventKind::Moved { .. } | EventKind::Removed { .. } | EventKind::Restored { .. });
            back && repository.subject(event.commit).is_ok_and(|subject| subject.starts_with("Revert \""))
        };
        Ok(story(&Input {
            pipeline: &self.pipeline,
            history: &self.history,
            deal,
            file: files.deals.first(),
            until: self.until,
            today: self.today,
            only_moves,
            is_revert: &is_revert,
        }))
    }
}

/// A visit to a stage; of one that lasts, `days` are those so far.
fn spell_json(spell: &Spell, until: KnownAt) -> serde_json::Value {
    let end = spell.left.map_or(until.0, |left| left.0);
    json!({
        "stage": spell.stage.as_str(),
        "entered": rfc3339(spell.entered.0),
        "left": spell.left.map(|left| rfc3339(left.0)),
        "days": end.saturating_sub(spell.entered.0).max(0) / DAY,
        "to": spell.to.as_ref().map(|to| to.as_str()),
        "at_least": spell.left_censored,
    })
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
            "found" => format!("was in {to} already"),
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
