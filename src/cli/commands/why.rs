//! `tussock why`.

use serde_json::json;

use crate::action::assign::blank;
use crate::action::find::{self, next_place};
use crate::action::gate::{Verdict, verdict};
use crate::cli::Global;
use crate::cli::deal_chance::{self, Asked, How};
use crate::cli::exit::{CommandError, Exit};
use crate::cli::numbers::{self, Choice};
use crate::cli::refusal::standing;
use crate::cli::standpoint::{AllowIncomplete, AsOf, View};
use crate::cli::ui::Ui;
use crate::cli::workspace::tell_half_done;
use crate::format::judge::Outcome;
use crate::format::pipeline::{Place, RuleLevel};
use crate::output::json;
use crate::output::terminal::plain;
use crate::report::explain::report_of;

/// The report whose chances are explained deal by deal.
const FORECAST: &str = "forecast";

/// Say what a deal still needs to go on, or how a number of a report came about
///
/// Of a deal: lists every criterion between it and a stage (the next one unless another is named): met, missing, not
/// satisfied or waived, and the line that would fill what is missing.
///
/// Of a number: what it means, how it was reckoned, which deals are in it, how each counts, and the commit that made it so.
/// The name of a report lists the names of its numbers. A deal of that name comes first.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock why acme-site
  tussock why acme-site contract
  tussock why acme-site --json
  tussock why acme-site --as-of 2026-06-30  what it needed that day
  tussock why funnel                        the names of the funnel's numbers
  tussock why funnel.conversion.proposal    which deals went on, and which did not
  tussock why funnel.conversion.proposal --all --where 'owner == \"olga\"'
  tussock why waterfall.won --period quarter
  tussock why forecast acme-site            how its chance to be won came about, and what would change it

Exit codes: 0 done, whatever the answer · 2 no such deal, stage, number, revision or day · 10 history is incomplete (a shallow clone, a missing or damaged object), and --as-of or a number needs it")]
pub struct Args {
    /// The deal, a report, or the name of a number such as funnel.conversion.proposal
    #[arg(value_name = "DEAL|NUMBER")]
    deal: String,
    /// The stage or end, the next one when left out; behind `forecast` the deal whose chance is meant
    stage: Option<String>,
    /// Print JSON; of a number, with all its deals
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    #[command(flatten)]
    ahead: How,
    #[command(flatten)]
    choice: Choice,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let view = View::open(ui, global, &args.as_of, args.allow, Some(&[&args.deal]))?;
    tell_half_done(ui, &view.home)?;
    let pipeline = &view.reading.pipeline;
    if let (FORECAST, Some(of)) = (args.deal.as_str(), &args.stage)
        && find::deal(&view.reading, FORECAST).is_err()
    {
        drop(view);
        let asked = Asked { ahead: &args.ahead, as_of: &args.as_of, allow: args.allow, json: args.json };
        return deal_chance::run(ui, global, of, &asked, &args.choice);
    }
    if args.ahead.is_asked() {
        return Err(CommandError::usage("--horizon belongs to the forecast of a deal: tussock why forecast DEAL"));
    }
    if let Some(kind) = report_of(&args.deal).filter(|_| find::deal(&view.reading, &args.deal).is_err()) {
        if args.stage.is_some() {
            return Err(CommandError::usage(format!("{} is a number, which goes to no stage", args.deal)));
        }
        drop(view);
        let asked = numbers::Asked { kind, name: &args.deal, as_of: &args.as_of, allow: args.allow, json: args.json };
        return numbers::run(ui, global, &asked, &args.choice);
    }
    let deal = view.deal(&args.deal)?;
    args.choice.refuse_for(&args.deal)?;
    let place = match &args.stage {
        Some(name) => Some(find::place(pipeline, name)?),
        None => next_place(pipeline, &deal.stage),
    };
    let Some(place) = place else {
        if args.json {
            let document = json!({
                "schema_version": 1,
                "kind": "why",
                "deal": deal.id.as_str(),
                "from": deal.stage.as_str(),
                "to": null,
                "passes": false,
                "criteria": [],
                "missing_fields": [],
            });
            ui.print(json::write(&document));
            return Ok(Exit::Done);
        }
        ui.line(format!("{} is in {}; nothing comes after it", deal.id, deal.stage));
        return Ok(Exit::Done);
    };
    let facts = view.facts(ui)?;
    let known = view.circumstances(&facts, deal);
    let verdict = verdict(pipeline, deal, &deal.stage, place, &known);
    if args.json {
        print_json(ui, deal.id.as_str(), deal.stage.as_str(), place, &verdict);
        return Ok(Exit::Done);
    }
    let from = pipeline.place(deal.stage.as_str()).map_or(deal.stage.as_str(), |p| p.title());
    let heading = ui.bold(&plain(deal.title()));
    ui.line(format!("{heading} ({}): {} → {}", deal.id, plain(from), plain(place.title())));
    if verdict.criteria.is_empty() && verdict.missing_fields.is_empty() {
        ui.line("Nothing is asked for this move.");
    }
    let mut heading = None;
    for (demand, outcome) in &verdict.criteria {
        if heading != Some(demand.place.id()) {
            heading = Some(demand.place.id());
            ui.line(format!("\n{}", plain(demand.place.title())));
        }
        let mark = match (outcome, demand.criterion.level) {
            (Outcome::Met, _) => "✓",
            (Outcome::Waived { .. }, _) => "~",
            (_, RuleLevel::Error) => "✗",
            _ => "!",
        };
        let words = if *outcome == Outcome::Met { String::new() } else { format!(": {}", standing(outcome)) };
        let line = format!("  {mark} {} ({}){words}", demand.criterion.text, demand.criterion.id);
        ui.line(plain(&line));
    }
    for field in &verdict.missing_fields {
        ui.line(plain(&format!("  ✗ {field} is required and missing")));
    }
    ui.line("");
    if view.is_past() {
        // No command can be given for the past.
        ui.line(match verdict.passes() {
            true => format!("It could go to {} then.", place.id()),
            false => format!("It could not go to {} yet.", place.id()),
        });
    } else if verdict.passes() {
        ui.line(format!("It may go: tussock move {} {}", deal.id, place.id()));
    } else if verdict.missing().is_empty() {
        ui.line(format!("It may not go to {} yet.", place.id()));
    } else {
        let sets: Vec<String> = verdict.missing().iter().map(|f| format!("--set {}", blank(pipeline, f))).collect();
        ui.line(format!("It may go with: tussock move {} {} {}", deal.id, place.id(), sets.join(" ")));
        ui.line(format!("The file is {}", plain(&view.source.display(&deal.path))));
    }
    Ok(Exit::Done)
}

fn print_json(ui: &mut Ui, deal: &str, stage: &str, place: Place<'_>, verdict: &Verdict<'_>) {
    let criteria: Vec<serde_json::Value> = verdict
        .criteria
        .iter()
        .map(|(demand, outcome)| {
            let state = match outcome {
                Outcome::Met => "met",
                Outcome::Missing(_) | Outcome::MissingOneOf(_) => "missing",
                Outcome::NotSatisfied(_) => "not_satisfied",
                Outcome::Failed(_) => "failed",
                Outcome::Waived { .. } => "waived",
            };
            let (missing, one_of) = match outcome {
                Outcome::Missing(fields) => (fields.as_slice(), &[][..]),
                Outcome::MissingOneOf(fields) => (&[][..], fields.as_slice()),
                _ => (&[][..], &[][..]),
            };
            json!({
                "criterion": demand.criterion.id.as_str(),
                "text": demand.criterion.text,
                "asked_by": demand.place.id().as_str(),
                "level": demand.criterion.level.as_str(),
                "state": state,
                "missing": missing,
                "missing_one_of": one_of,
                "words": standing(outcome),
            })
        })
        .collect();
    let document = json!({
        "schema_version": 1,
        "kind": "why",
        "deal": deal,
        "from": stage,
        "to": place.id().as_str(),
        "passes": verdict.passes(),
        "criteria": criteria,
        "missing_fields": verdict.missing_fields,
    });
    ui.print(json::write(&document));
}
