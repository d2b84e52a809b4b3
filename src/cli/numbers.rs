//! Numbers of reports, explained: `tussock why funnel.conversion.proposal`.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use super::commands::report::{Asking, PeriodWord};
use super::exit::{CommandError, Exit};
use super::reporting::{Known, Wanted};
use super::standpoint::{AllowIncomplete, AsOf};
use super::ui::Ui;
use super::workspace::{home, tell_rates, tell_unreadable};
use super::{Global, day};
use crate::format::nearest::nearest;
use crate::output::json;
use crate::output::terminal::{Align, plain, table, wrap};
use crate::report::explain::{Cohort, Counted, Explained, Named, Rank, Way, explain, named};
use crate::report::{Kind, Needs};

/// Deals that are shown where not all are asked for.
const FIRST: usize = 20;

/// Columns of text where the width is not known.
const COLUMNS: usize = 100;

/// Which deals and days a number is to be of.
#[derive(Debug, Default, clap::Args)]
pub struct Choice {
    /// Of a number: the first day that it is about
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// Of a number: the last day that it is about
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// Of a number: the month, quarter or year that it is about, the one of --from or of the last commit's day
    #[arg(long, value_name = "PERIOD", value_enum)]
    period: Option<PeriodWord>,
    /// Of a number: only deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Of a number: list all its deals, not the first 20 only; of a report: all its numbers or, as JSON, the deals of each
    #[arg(long)]
    all: bool,
}

impl Choice {
    /// Whether no days and no deals were chosen.
    pub(super) fn is_empty(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.period.is_none() && self.filter.is_none()
    }

    /// Whether all deals are to be listed.
    pub(super) fn all(&self) -> bool {
        self.all
    }

    /// A deal is what it is, on whatever days.
    ///
    /// # Errors
    /// When something was chosen.
    pub(super) fn refuse_for(&self, deal: &str) -> Result<(), CommandError> {
        let days = self.from.is_some() || self.to.is_some() || self.period.is_some();
        if days || self.filter.is_some() || self.all {
            let message =
                format!("{deal} is a deal; --from, --to, --period, --where and --all belong to numbers of reports");
            return Err(CommandError::usage(message).hint("the numbers of the funnel: tussock why funnel"));
        }
        Ok(())
    }
}

/// What is asked for.
pub(super) struct Asked<'a> {
    /// The report that the name belongs to.
    pub(super) kind: Kind,
    /// The number, or the report.
    pub(super) name: &'a str,
    pub(super) as_of: &'a AsOf,
    pub(super) allow: AllowIncomplete,
    pub(super) json: bool,
}

/// Explains a number, or lists those whose names begin so.
///
/// # Errors
/// When there is no such number, or what it is made of cannot be read.
pub(super) fn run(ui: &mut Ui, global: &Global, asked: &Asked<'_>, choice: &Choice) -> Result<Exit, CommandError> {
    let Asked { kind, name, as_of, allow, json } = *asked;
    let asking = Asking::all_of(choice.from, choice.to, choice.period, choice.filter.clone());
    let home = home(global)?;
    let point = asking.viewpoint(ui, global, &home, kind, as_of, allow)?;
    // What needs attention is counted by `validate`, which has the deals.
    // What was said a month ago has no number of its own.
    let before = asking.needs(kind).before && kind != Kind::Forecast;
    let needs = Needs { deals: true, attention: false, before, ..asking.needs(kind) };
    let needs = if kind == Kind::Overview { Needs { tracks: true, ..needs } } else { needs };
    let wanted = Wanted { needs, uncommitted: false, events: true, allow };
    let known = Known::gather(ui, &home, point, wanted, |pipeline, day| asking.asked(kind, pipeline, day))?;
    let facts = known.facts();
    let history = known.history.as_ref();
    if let Some(explained) = explain(kind, &facts, history, &|one| one == name).first() {
        match json {
            true => ui.print(written(explained)?),
            false => print(ui, explained, choice.all),
        }
    } else {
        let all = named(kind, &facts);
        let inside = format!("{name}.");
        let is_own = |one: &str| kind.name() == name || one.starts_with(&inside);
        let own: Vec<&Named> = all.iter().filter(|one| is_own(&one.name)).collect();
        if own.is_empty() {
            return Err(unknown(kind, name, &all));
        }
        let document = |numbers: serde_json::Value| json!({ "schema_version": 1, "kind": "numbers", "report": kind.name(), "numbers": numbers });
        match (json, choice.all) {
            (true, true) => ui.print(written(&document(value(&explain(kind, &facts, history, &is_own))?))?),
            (true, false) => ui.print(written(&document(value(&own)?))?),
            (false, _) => list(ui, &own, choice.all || kind.name() != name),
        }
    }
    let unreadable = known
        .reading()
        .is_some_and(|(reading, snapshot)| tell_unreadable(ui, reading, snapshot) | tell_rates(ui, reading));
    Ok(if unreadable { Exit::Findings } else { Exit::Done })
}

fn value(numbers: &impl Serialize) -> Result<serde_json::Value, CommandError> {
    serde_json::to_value(numbers).map_err(not_written)
}

pub(super) fn written(document: &impl Serialize) -> Result<String, CommandError> {
    let text = serde_json::to_string_pretty(document).map_err(not_written)?;
    Ok(json::escaped(&(text + "\n")))
}

fn not_written(error: serde_json::Error) -> CommandError {
    CommandError::usage(format!("cannot write it as JSON: {error}"))
}

fn unknown(kind: Kind, name: &str, all: &[Named]) -> CommandError {
    let error = CommandError::usage(format!("the {} report has no number {name}", kind.name()));
    error.hint(match nearest(name, all.iter().map(|one| one.name.as_str())) {
        Some(near) => format!("did you mean {near}? `tussock why {}` lists them all", kind.name()),
        None => format!("`tussock why {}` lists them all", kind.name()),
    })
}

fn list(ui: &mut Ui, numbers: &[&Named], all: bool) {
    let is_shown = |number: &&&Named| match number.rank {
        Rank::Main => true,
        Rank::WhereNotZero => all || !number.value.is_zero(),
        Rank::OnDemand => all,
    };
    let shown: Vec<&&Named> = numbers.iter().filter(is_shown).collect();
    let row = |number: &&&Named| vec![number.name.clone(), number.title.clone(), number.text.clone()];
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let columns = ui.table_columns();
    let aligned = [Align::Left, Align::Left, Align::Right];
    ui.print(table(&["Number", "What it is", "Value"], &rows, &aligned, columns));
    let hidden = numbers.len() - shown.len();
    if hidden > 0 {
        ui.line(format!("\nand {hidden} more that are 0 or details (--all shows them)"));
    }
    if let Some(first) = shown.first() {
        ui.line(format!("\n`tussock why {}` says how that number came about, and so on.", plain(&first.name)));
    }
}

fn print(ui: &mut Ui, explained: &Explained, all: bool) {
    let Explained { name, title, text, meaning, formula, cohort, n, missing, of, deals, .. } = explained;
    ui.line(format!("{} ({})", ui.bold(&plain(title)), plain(name)));
    ui.line(plain(text));
    section(ui, "What it means", &[meaning.as_str()]);
    let mut reckoned = vec![formula.clone()];
    if let Some(missing) = missing.filter(|missing| *missing > 0) {
        reckoned.push(format!("It is too early to say the number: {missing} more are missing that have ended."));
    }
    section(ui, "How it came about", &reckoned);
    let mut which = vec![about(cohort)];
    let count = |way: Way| deals.iter().filter(|row| row.counts == way).count();
    let (no, open) = (count(Way::No), count(Way::Open));
    which.push(match (no, open) {
        (0, 0) => format!("n = {n} {of}."),
        _ => {
            let verb = |n: usize, one: &'static str, many: &'static str| if n == 1 { one } else { many };
            let yes = count(Way::Yes);
            let mut words = format!("n = {n} {of}: {yes} ✓ {}", verb(yes, "counts", "count"));
            if no > 0 {
                words += &format!(", {no} ✗ {} not", verb(no, "counts", "count"));
            }
            if open > 0 {
                words += &format!(", {open} · {} open", verb(open, "is", "are"));
            }
            words + "."
        }
    });
    section(ui, "Which deals", &which);
    if !explained.adds_up {
        ui.warn(&format!("the deals of {name} do not add up to it; please report this as a bug"));
    }
    if deals.is_empty() {
        return;
    }
    print_deals(ui, deals, all);
}

/// The deals of a number, the first ones where not all are asked for.
pub(super) fn print_deals(ui: &mut Ui, deals: &[Counted], all: bool) {
    let shown = if all { deals.len() } else { deals.len().min(FIRST) };
    let has_parts = deals.iter().any(|row| row.part.is_some());
    let row = |row: &Counted| {
        let mark = match row.counts {
            Way::Yes => "✓",
            Way::No => "✗",
            Way::Open => "·",
        };
        let mut cells = vec![
            format!("{mark} {}", row.deal),
            row.title.as_deref().unwrap_or("(its file is gone)").to_owned(),
            row.how.clone(),
        ];
        if has_parts {
            cells.push(row.part.as_deref().map(short).unwrap_or_default());
        }
        cells.push(row.on.map(|on| on.to_string()).unwrap_or_default());
        cells.push(row.commit.as_ref().map(|commit| commit.short.clone()).unwrap_or_default());
        cells.push(row.commit.as_ref().and_then(|commit| commit.author.clone()).unwrap_or_default());
        cells
    };
    let rows: Vec<Vec<String>> = deals.iter().take(shown).map(row).collect();
    let mut headers = vec!["Deal", "Title", "How it counts"];
    let mut aligned = vec![Align::Left; 3];
    if has_parts {
        headers.push("Part");
        aligned.push(Align::Right);
    }
    headers.extend(["Since", "Commit", "By"]);
    aligned.extend([Align::Left; 3]);
    ui.line("");
    let columns = ui.table_columns();
    ui.print(table(&headers, &rows, &aligned, columns));
    if deals.len() > shown {
        ui.line(format!("\nand {} more (--all shows them)", deals.len() - shown));
    }
}

/// A part of a sum with two digits: what it is exactly stands in the JSON.
fn short(part: &str) -> String {
    part.parse().map_or_else(|_| part.to_owned(), |part: Decimal| part.round_dp(2).normalize().to_string())
}

pub(super) fn section(ui: &mut Ui, heading: &str, lines: &[impl AsRef<str>]) {
    ui.line("");
    ui.line(ui.bold(heading));
    let columns = ui.table_columns().unwrap_or(COLUMNS).saturating_sub(2);
    for line in lines {
        for wrapped in wrap(&plain(line.as_ref()), columns) {
            ui.line(format!("  {wrapped}"));
        }
    }
}

/// What the deals were chosen by, in words.
pub(super) fn about(cohort: &Cohort) -> String {
    let days = match cohort.span {
        None => format!("All days up to {}", cohort.day),
        Some(span) => match span.from {
            Some(from) => format!("The days {from} to {}", span.to),
            None => format!("All days up to {}", span.to),
        },
    };
    let filter = cohort.filter.as_ref().map_or_else(String::new, |filter| format!(", only deals for which {filter}"));
    let commit = cohort
        .commit
        .as_ref()
        .map_or_else(String::new, |commit| format!(" (commit {})", commit.get(..10).unwrap_or(commit)));
    let complete = match cohort.incomplete {
        true => "History is not complete: this clone is shallow, so the number is a bound at best.",
        false => "History is complete.",
    };
    format!("{days} ({}){filter}, as known on {}{commit}. {complete}", cohort.timezone, cohort.day)
}
