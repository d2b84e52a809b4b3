//! `tussock show`.

use serde_json::json;

use crate::action::find::next_place;
use crate::action::gate::verdict;
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::standpoint::{AllowIncomplete, AsOf, View};
use crate::cli::ui::Ui;
use crate::cli::workspace::tell_half_done;
use crate::format::schema::{FieldSpec, FieldType};
use crate::format::value::{Block, Value};
use crate::output::json;
use crate::output::terminal::plain;
use crate::report::listing;

/// Show one deal as a card
///
/// The fields in the order of the pipeline's card, and how much is still asked before the next stage.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock show acme-site
  tussock show acme-site --json
  tussock show acme-site --as-of 2026-06-30

Exit codes: 0 done · 1 the deal cannot be read · 2 no such deal, revision or day · 10 history is incomplete (a shallow clone, a missing or damaged object), and --as-of needs it")]
pub struct Args {
    /// The deal
    deal: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let view = View::open(ui, global, &args.as_of, args.allow, Some(&[&args.deal]))?;
    tell_half_done(ui, &view.home)?;
    let pipeline = &view.reading.pipeline;
    let deal = view.deal(&args.deal)?;
    let status = pipeline.status(&deal.stage);
    if args.json {
        let document = json!({
            "schema_version": 1,
            "kind": "deal",
            "id": deal.id.as_str(),
            "stage": deal.stage.as_str(),
            "status": status.as_str(),
            "path": deal.path,
            "problems": deal.problems.len(),
            "fields": listing::block_json(&deal.fields),
        });
        ui.print(json::write(&document));
        return Ok(Exit::Done);
    }
    let stage = pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |p| p.title());
    let title = ui.bold(&plain(deal.title()));
    ui.line(title);
    ui.line(format!("{} · {} · {}", deal.id, plain(stage), status.as_str()));
    ui.line(format!("{}\n", plain(&view.source.display(&deal.path))));
    print_block(ui, &deal.fields, &pipeline.fields, 0);
    if let Some(place) = next_place(pipeline, &deal.stage) {
        let facts = view.facts(ui)?;
        let verdict = verdict(pipeline, deal, &deal.stage, place, &view.circumstances(&facts, deal));
        let lacking = verdict.refusing().count() + verdict.missing_fields.len();
        let next = plain(place.title());
        let same = view.same();
        ui.line(match lacking {
            // What was ready in the past may have moved since.
            0 if view.is_past() => format!("\nReady for {next}"),
            0 => format!("\nReady for {next}: tussock move {} {}", deal.id, place.id()),
            1 => format!("\n1 thing is asked before {next}: tussock why {}{same}", deal.id),
            n => format!("\n{n} things are asked before {next}: tussock why {}{same}", deal.id),
        });
    }
    if !deal.problems.is_empty() {
        let (path, same) = (view.source.display(&deal.path), view.same());
        ui.warn(&format!("the file has problems; see tussock validate {path}{same}"));
    }
    Ok(Exit::Done)
}

fn print_block(ui: &mut Ui, block: &Block, specs: &[FieldSpec], depth: usize) {
    let place = |name: &str| specs.iter().position(|s| s.name == name).unwrap_or(usize::MAX);
    let mut entries: Vec<_> = block.entries.iter().collect();
    entries.sort_by_key(|(name, _, _)| place(name));
    let pad = "  ".repeat(depth);
    let label = |name: &str| {
        let spec = specs.iter().find(|s| s.name == name);
        plain(spec.and_then(|s| s.label.as_deref()).unwrap_or(name))
    };
    for (name, _, field) in entries {
        let label = label(name);
        let inner = specs.iter().find(|s| s.name == *name).map(|s| &s.of);
        match &field.value {
            Value::Block(block) => {
                let inner = if let Some(FieldType::Block(inner)) = inner { inner.as_slice() } else { &[] };
                ui.line(format!("{pad}{label}"));
                print_block(ui, block, inner, depth + 1);
            }
            Value::List(items) => {
                ui.line(format!("{pad}{label}"));
                for item in items {
                    ui.line(format!("{pad}  - {}", plain(&listing::text(&item.value))));
                }
            }
            Value::Text(text) if text.trim_end().contains('\n') => {
                ui.line(format!("{pad}{label}"));
                for line in text.trim_end().lines() {
                    ui.line(format!("{pad}  {}", plain(line)));
                }
            }
            value => ui.line(format!("{pad}{label}: {}", plain(&listing::text(value)))),
        }
    }
}
