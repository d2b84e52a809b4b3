//! The chance of one deal, explained: `tussock why forecast acme-site`.

use super::commands::report::{Ahead, Asking, Choosing};
use super::exit::{CommandError, Exit};
use super::numbers::{Choice, about, print_deals, section, written};
use super::reporting::{Known, Wanted};
use super::standpoint::{AllowIncomplete, AsOf};
use super::ui::Ui;
use super::workspace::{home, tell_rates, tell_unreadable};
use super::{Global, horizon};
use crate::action::find;
use crate::forecast::chance::Trust;
use crate::format::forecast::Horizon;
use crate::output::json;
use crate::output::terminal::{Align, plain, table};
use crate::report::explain::deal::{ChanceOf, explain};
use crate::report::lang::Lang;
use crate::report::number::{count, expected_money, share};
use crate::report::{Kind, Needs};

/// How far the chance of a deal looks ahead.
#[derive(Debug, Default, clap::Args)]
pub struct How {
    /// Of the chance of a deal: how far ahead it looks, 90d, 12w, month, quarter, year or a day
    #[arg(long, value_name = "HORIZON", value_parser = horizon)]
    horizon: Option<Horizon>,
}

impl How {
    /// Whether anything was said.
    pub(super) fn is_asked(&self) -> bool {
        self.horizon.is_some()
    }
}

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) ahead: &'a How,
    pub(super) as_of: &'a AsOf,
    pub(super) allow: AllowIncomplete,
    pub(super) json: bool,
}

/// Explains the chance of a deal.
///
/// # Errors
/// When there is no such open deal, or history cannot be read.
pub(super) fn run(
    ui: &mut Ui,
    global: &Global,
    id: &str,
    asked: &Asked<'_>,
    choice: &Choice,
) -> Result<Exit, CommandError> {
    if !choice.is_empty() {
        let message = format!("{id} is a deal; --from, --to, --period and --where belong to numbers of reports");
        return Err(CommandError::usage(message).hint("the numbers of the forecast: tussock why forecast"));
    }
    let kind = Kind::Forecast;
    let asking = Asking::ahead(&Ahead::to(asked.ahead.horizon), &Choosing::default());
    let home = home(global)?;
    let point = asking.viewpoint(ui, global, &home, kind, asked.as_of, asked.allow)?;
    let needs = Needs { before: false, ..asking.needs(kind) };
    let wanted = Wanted { needs, uncommitted: false, events: true, allow: asked.allow };
    let known = Known::gather(ui, &home, point, wanted, |pipeline, day| asking.asked(kind, pipeline, day))?;
    let facts = known.facts();
    let deal = match known.reading() {
        Some((reading, _)) => find::deal(reading, id).map_err(|e| CommandError::usage(e.to_string()))?,
        None => return Err(CommandError::usage(format!("there is no deal `{id}`"))),
    };
    // Where its file lies in two places, it stands where history has it.
    let deal = facts.deals.iter().find(|own| own.id == deal.id).unwrap_or(deal);
    let chance = explain(&facts, known.history.as_ref(), deal).map_err(|e| CommandError::usage(e.to_string()))?;
    match asked.json {
        true => ui.print(json::escaped(&written(&chance)?)),
        false => print(ui, &chance, choice.all()),
    }
    let unreadable = known
        .reading()
        .is_some_and(|(reading, snapshot)| tell_unreadable(ui, reading, snapshot) | tell_rates(ui, reading));
    Ok(if unreadable { Exit::Findings } else { Exit::Done })
}

fn percent(value: f64) -> String {
    share(value, Lang::En)
}

/// "1 visit", "84 visits".
fn number_of(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn print(ui: &mut Ui, chance: &ChanceOf, all: bool) {
    let ChanceOf { line, horizon, base, steps, drift, changes, .. } = chance;
    let (days, until) = (horizon.days, horizon.until);
    ui.line(format!("{} ({})", ui.bold(&plain(&line.title)), line.id));
    ui.line(plain(&format!(
        "In {} for {}. Within {days} days, by {until}: {} won, {} lost, {} still open; {} won in two years.",
        line.stage_title,
        number_of(line.age_days as usize, "day", "days"),
        percent(line.chances.won),
        percent(line.chances.lost),
        percent(line.chances.open),
        percent(line.ever)
    )));
    let ages = match base.to_day {
        Some(to) => format!("{} to {to} days", base.from_day),
        None => format!("{} days or more", base.from_day),
    };
    let mut begun = vec![format!(
        "{} of the past to {} reached an age of {ages}: within {days} days from then on {} won and {} lost, and {} not followed \
         for as long.",
        number_of(base.visits, "visit", "visits"),
        line.stage_title,
        number_of(base.won, "was", "were"),
        number_of(base.lost, "was", "were"),
        number_of(base.undecided, "was", "were"),
    )];
    begun.push(format!(
        "Before anything was seen: {} of its deals are won at all ({}), {} within so many days.",
        percent(base.prior),
        if base.prior_assumed { "assumed" } else { "the pipeline file says" },
        percent(base.assumed),
    ));
    begun.push(format!(
        "Together: {}. {} of that is history, and {} is assumed or borrowed from younger deals of the stage.",
        percent(base.chances.won),
        percent(base.evidence),
        percent(1.0 - base.evidence)
    ));
    if chance.trust != Trust::History {
        begun.push("Too few deals were closed yet to lean on history.".to_owned());
    }
    section(ui, "Deals like it", &begun);
    let mut own: Vec<String> = steps
        .iter()
        .map(|step| {
            format!(
                "{} = {}: {} of the pace of others ({} won, {} expected of others) → {}",
                step.field,
                step.value,
                percent(step.factor_won),
                count(step.won, Lang::En),
                count(step.expected_won, Lang::En),
                percent(step.chance)
            )
        })
        .collect();
    if let Some(drift) = drift {
        own.push(format!(
            "The last {} expected {} wins and {} came: exponent {} → {}",
            number_of(drift.windows, "forecast", "forecasts"),
            count(drift.expected, Lang::En),
            drift.won,
            percent(drift.factor),
            percent(line.chances.won)
        ));
    }
    if own.is_empty() {
        own.push(
            "Nothing: the pipeline forecasts by no field, and no forecast is old enough to correct it.".to_owned(),
        );
    }
    section(ui, "What makes it differ", &own);
    if let (Some(amount), Some(expected)) = (line.amount, line.expected_amount) {
        let written = |total: crate::metrics::total::Total| {
            total.sum.map_or_else(|| "–".to_owned(), |sum| expected_money(sum, total.currency, Lang::En))
        };
        section(
            ui,
            "What it brings",
            &[format!(
                "{} times {}: {} can be expected of it.",
                written(amount),
                percent(line.chances.won),
                written(expected)
            )],
        );
    }
    if !changes.is_empty() {
        ui.line("");
        ui.line(ui.bold("What would change it"));
        ui.line("");
        let rows: Vec<Vec<String>> = changes.iter().map(|c| vec![c.what.clone(), percent(c.won)]).collect();
        let columns = ui.table_columns();
        ui.print(table(&["If", "Won within as many days from then"], &rows, &[Align::Left, Align::Right], columns));
        ui.line("Its close date, category and confidence are its seller's word, and change nothing.");
    }
    let visits = &chance.visits;
    section(ui, "Which deals", &[format!("{} n = {} visits of deals like it.", about(&chance.cohort), visits.len())]);
    if !visits.is_empty() {
        print_deals(ui, visits, all);
    }
}
