//! `tussock board`.

use std::collections::HashSet;

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
use crate::format::ident::StageId;
use crate::format::nearest::nearest;
use crate::format::pipeline::{Pipeline, Place};
use crate::metrics::estimate::Floors;
use crate::metrics::journey::journeys;
use crate::output::{board as text, json};
use crate::report::board::{self, Board};
use crate::report::listing;

/// Cards that a column has where nobody says how many.
const CARDS: usize = 10;

/// Show the stages side by side with their deals as cards
///
/// The deals of the work tree that have not ended, the longest in its stage first, with amount, owner and days in the
/// stage. Marks show which are stuck: longer in the stage than its limit, or than nine of ten visits to it; and where the
/// next step or the close date is overdue. As many stages as fit stand side by side, the others below.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock board
  tussock board --owner olga
  tussock board --stage brief --stage proposal --limit 50
  tussock board --where 'amount > money(\"10000 EUR\")'
  tussock board --as-of 2026-06-30          the board of that day
  watch --color tussock --color always board

Exit codes: 0 done · 1 some files could not be read, or --where could not be answered for some deals · 2 no such stage, revision or day, or the expression is wrong · 3 no pipeline here · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    /// Only this stage; may be given several times
    #[arg(long, value_name = "STAGE")]
    stage: Vec<String>,
    /// Only deals of this owner; may be given several times
    #[arg(long, value_name = "NAME")]
    owner: Vec<String>,
    /// Only deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Cards a column, at most; 10 in the terminal and all in JSON where it is not given
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let view = View::open(ui, global, &args.as_of, args.allow, None)?;
    tell_half_done(ui, &view.home)?;
    let pipeline = &view.reading.pipeline;
    let stages = args.stage.iter().map(|stage| named(pipeline, stage)).collect::<Result<Vec<_>, _>>()?;
    let filter = args.filter.as_deref().map(|text| compile(text, pipeline)).transpose()?;

    let mut incomplete = false;
    let visits = match view.visits()? {
        Some((summary, spells)) => {
            tell_history(ui, &view.home, &summary, pipeline)?;
            incomplete = summary.incomplete;
            spells
        }
        None => Default::default(),
    };
    let facts = match filter.as_ref().is_some_and(Expression::uses_days_in_stage) {
        true => Facts::of_spells(visits.named(), pipeline, view.today),
        false => Facts::default(),
    };
    let known = |deal: &Deal| view.circumstances(&facts, deal);
    let chosen = listing::select(pipeline, &view.reading.deals, filter.as_ref(), false, &[], &known);
    let mut deals = chosen.deals;
    if !args.owner.is_empty() {
        tell_strangers(ui, &view.reading.deals, &args.owner);
        deals.retain(|deal| deal.owner().is_some_and(|owner| args.owner.iter().any(|wanted| wanted == owner)));
    }
    let limit = args.limit.unwrap_or(if args.format == Format::Text { CARDS } else { usize::MAX });
    let board = board::board(&board::Input {
        pipeline,
        deals: &deals,
        journeys: &journeys(pipeline, &visits),
        as_of: view.moment(),
        today: view.today,
        stages: &stages,
        limit,
        floors: Floors::default(),
    });
    match args.format {
        Format::Text => {
            let owners = (!args.owner.is_empty()).then(|| format!("owner {}", args.owner.join(", ")));
            let asked: Vec<String> = owners.into_iter().chain(args.filter.clone()).collect();
            let text = text::render(&board, &asked, ui.colour, ui.columns());
            ui.print(text);
        }
        Format::Json => {
            let document = document(&board, &view, incomplete)?;
            ui.print(json::write(&document));
        }
    }
    if board.doubled > 0 {
        let files = if board.doubled == 1 { "1 file is" } else { &format!("{} files are", board.doubled) };
        ui.warn(&format!("{files} left out because the deal lies in another place too; `tussock validate` says which"));
    }
    if let [(deal, why), others @ ..] = &chosen.unanswered[..] {
        let who = match others.len() {
            0 => format!("{}, which is left out", deal.id),
            n => format!("{} and {n} more, which are left out", deal.id),
        };
        ui.warn(&format!("--where cannot be answered for {who}: {why}"));
    }
    let unreadable = tell_unreadable(ui, &view.reading, &*view.source);
    Ok(if unreadable || !chosen.unanswered.is_empty() { Exit::Findings } else { Exit::Done })
}

/// The stage of a name. A folder that is none, but holds deals, has a column too.
fn named(pipeline: &Pipeline, name: &str) -> Result<StageId, CommandError> {
    if let Some(Place::End(end)) = pipeline.place(name) {
        return Err(CommandError::usage(format!(
            "{} is an end, and the board shows deals that have not ended",
            end.id
        ))
        .hint(format!("tussock list --where 'deal.stage == \"{}\"'", end.id)));
    }
    if let Some(stage) = pipeline.stages.iter().find(|stage| stage.id == *name) {
        return Ok(stage.id.clone());
    }
    let stages = || pipeline.stages.iter().map(|stage| stage.id.as_str());
    let near = nearest(name, stages()).map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    let all = stages().collect::<Vec<_>>().join(", ");
    Err(CommandError::usage(format!("there is no stage `{name}`{near}")).hint(format!("the stages are {all}")))
}

/// Says so where nobody is called what was asked for.
fn tell_strangers(ui: &mut Ui, deals: &[Deal], wanted: &[String]) {
    let owners: HashSet<&str> = deals.iter().filter_map(Deal::owner).collect();
    for name in wanted.iter().filter(|name| !owners.contains(name.as_str())) {
        let mut sorted: Vec<&str> = owners.iter().copied().collect();
        sorted.sort_unstable();
        let near = nearest(name, sorted.into_iter()).map_or_else(String::new, |near| format!(", did you mean {near}?"));
        ui.warn(&format!("no deal has the owner {name}{near}"));
    }
}

fn document(board: &Board, view: &View, incomplete: bool) -> Result<serde_json::Value, CommandError> {
    let failed = |e: serde_json::Error| CommandError::new(Exit::Io, format!("cannot write the board as JSON: {e}"));
    let mut document = json!({"schema_version": 1, "kind": "board", "incomplete": incomplete});
    let unreadable: Vec<&str> = view.reading.unreadable.iter().map(|u| u.path.as_str()).collect();
    if let (Some(all), serde_json::Value::Object(own)) =
        (document.as_object_mut(), serde_json::to_value(board).map_err(failed)?)
    {
        all.extend(own);
        all.insert("unreadable".to_owned(), json!(unreadable));
    }
    Ok(document)
}
