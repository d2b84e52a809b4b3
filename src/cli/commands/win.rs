//! `tussock win`.

use super::r#move::move_all;
use crate::action::plan::Target;
use crate::cli::Global;
use crate::cli::chosen::Chosen;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::write::ChangeArgs;

/// Move deals to where they count as won
///
/// That is the stage the pipeline names with `won_at`; a deal that is there already, and any deal of a pipeline without
/// `won_at`, goes to the end of kind won.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock win acme-site
  tussock win acme-site --set payments+='{what: prepayment, amount: 9000, paid_on: 2026-12-22}'

Exit codes: 0 moved · 1 refused by criteria · 2 no such deal, or no end of kind won")]
pub struct Args {
    /// The deals; `-` for those on standard input, one id a line
    #[arg(value_name = "DEAL")]
    deals: Vec<String>,
    /// All deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Set a field in the same step (field=value; field+=item for a list)
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let chosen = Chosen::read(&args.deals, args.filter.as_deref())?;
    move_all(ui, global, &chosen, &Target::Won, &args.sets, &args.write.how())
}
