//! `tussock backtest`.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::ValueEnum;
use serde_json::Value;

use super::report::LangWord;
use crate::cli::eras::eras;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::printing::{Printing, write_whole};
use crate::cli::progress::Progress;
use crate::cli::reporting::{Known, Viewpoint, Wanted};
use crate::cli::standpoint::{AllowIncomplete, AsOf, Then};
use crate::cli::ui::Ui;
use crate::cli::workspace::{current, home, tell_half_done};
use crate::cli::{Global, day};
use crate::forecast::backtest::cutoffs::Step;
use crate::forecast::backtest::method::Method;
use crate::forecast::backtest::{Backtest, Plan, SaidOfDeal, run as score};
use crate::format::forecast::Horizon;
use crate::output::csv;
use crate::report::asked::Asked;
use crate::report::{Facts, Kind, Report};

/// Say how good the forecasts of the past were
///
/// Goes back to the end of each week of the past, forecasts from what was known then, and compares with what came: how many
/// of the deals that were given 30 % were won, how often what came lay inside the range, and whether simpler ways do
/// better. It uses only the committed history, so the same commit always gives the same scores.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock backtest
  tussock backtest --horizon 28d
  tussock backtest --step month --from 2025-01-01
  tussock backtest --forecasts chances.csv          every chance that was given, to score it elsewhere
  tussock backtest --format csv --table calibration

Exit codes: 0 done · 2 wrong arguments, or a template that fails · 3 no pipeline here · 4 not in a git repository · 8 the file cannot be written · 10 history is incomplete (a shallow clone, a missing or damaged object)")]
pub struct Args {
    /// How far each forecast looks ahead: 28d, 12w, month, quarter or year; without it, as pipeline.yaml says
    #[arg(long, value_name = "TIME", value_parser = horizon)]
    horizon: Option<Horizon>,
    /// How far apart the forecasts are
    #[arg(long, value_name = "STEP", value_enum, default_value = "week")]
    step: StepWord,
    /// Leave out the forecasts before this day
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<NaiveDate>,
    /// Leave out those after this day
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<NaiveDate>,
    /// Also write every chance that was given into this file, as CSV
    #[arg(long, value_name = "FILE")]
    forecasts: Option<PathBuf>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    allow: AllowIncomplete,
    /// The language of its text; without it, the one that the pipeline file names
    #[arg(long, value_name = "LANG", value_enum, env = "TUSSOCK_LANG", hide_env_values = true)]
    lang: Option<LangWord>,
    #[command(flatten)]
    printing: Printing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StepWord {
    /// At the end of every week
    Week,
    /// At the end of every month
    Month,
}

fn horizon(text: &str) -> Result<Horizon, String> {
    match Horizon::parse(text).map_err(|e| e.to_string())? {
        Horizon::Until(day) => Err(format!("{day} is one day, and every forecast needs a horizon of its own")),
        horizon => Ok(horizon),
    }
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let format = args.printing.format()?;
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        return Err(CommandError::usage(format!("--from {from} is later than --to {to}, so no day lies between them")));
    }
    let home = home(global)?;
    tell_half_done(ui, &home)?;
    home.place()?;
    let past = match (&args.as_of.as_of, global.today) {
        (Some(as_of), _) => Some(Then::find(ui, global, &home, as_of, args.allow)?),
        (None, Some(day)) => Some(Then::on(ui, &home, day, args.allow)?),
        (None, None) => None,
    };
    let point = Viewpoint::open(ui, &home, past)?;
    let (there, tip, until) = point.ground();
    let pipeline = point.pipeline.clone();
    let wanted = Wanted { needs: Kind::Backtest.needs(), uncommitted: false, events: false, allow: args.allow };
    let lang = args.lang.map(Into::into).or(pipeline.lang).unwrap_or_default();
    let known = Known::gather(ui, &home, point, wanted, |_, _| Ok(Asked { lang, ..Asked::default() }))?;
    let facts = known.facts();
    let eras = eras(&there, tip, &pipeline, args.allow)?;
    let plan = Plan {
        horizon: args.horizon,
        step: match args.step {
            StepWord::Week => Step::Week,
            StepWord::Month => Step::Month,
        },
        from: args.from,
        to: args.to,
        now: until.unwrap_or(facts.as_of),
    };
    let progress = Progress::new("scoring the forecasts of the past");
    let tell = |done: usize, all: usize| progress.say(format!("scoring the forecasts of the past: {done} of {all}"));
    let backtest = score(&eras, &plan, &tell);
    drop(progress);
    if let Some(file) = &args.forecasts {
        write_whole(&current(global)?.join(file), &forecasts(&backtest)?)?;
    }
    let report = Report::make(Kind::Backtest, &Facts { backtest: Some(&backtest), ..facts });
    args.printing.print(ui, global, format, &report, &known.templates)?;
    Ok(Exit::Done)
}

/// Every chance that was given, as CSV.
fn forecasts(backtest: &Backtest) -> Result<String, CommandError> {
    let said_something: Vec<usize> = (0..Method::ALL.len())
        .filter(|at| *at == 0 || backtest.said.iter().any(|said| said.chances.get(*at).is_some_and(Option::is_some)))
        .collect();
    let mut columns: Vec<&str> = vec!["cutoff", "until", "deal", "stage", "age_days", "won"];
    columns.extend(said_something.iter().filter_map(|at| Method::ALL.get(*at)).map(|method| method.column()));
    let row = |said: &SaidOfDeal| -> Vec<Value> {
        let mut row = vec![
            Value::from(said.day.to_string()),
            Value::from(said.until.to_string()),
            Value::from(said.deal.to_string()),
            Value::from(said.stage.clone()),
            Value::from(said.age),
            Value::from(u8::from(said.won)),
        ];
        row.extend(said_something.iter().map(|at| Value::from(said.chances.get(*at).copied().flatten())));
        row
    };
    let rows: Vec<Vec<Value>> = backtest.said.iter().map(row).collect();
    let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    let bytes = csv::values(&columns, &rows)
        .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the chances: {e}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
