//! `tussock schema`.

use clap::ValueEnum;

use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::output::schema;

/// Print a JSON Schema
///
/// Of the documents that `--format json` prints, for who reads them with a program.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock schema findings > findings.schema.json
  tussock schema report

Exit codes: 0 done · 2 wrong arguments")]
pub struct Args {
    /// Of what
    #[arg(value_name = "WHAT", value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// Of `validate --format json`
    Findings,
    /// Of `report --format json` and `backtest --format json`
    Report,
}

pub(crate) fn run(ui: &mut Ui, args: &Args) -> Result<Exit, CommandError> {
    ui.print(match args.of {
        Of::Findings => schema::FINDINGS,
        Of::Report => schema::REPORT,
    });
    Ok(Exit::Done)
}
