//! `tussock lose`.

use super::r#move::move_all;
use crate::action::plan::Target;
use crate::cli::Global;
use crate::cli::chosen::Chosen;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::write::ChangeArgs;

/// Move deals to the end for lost ones
///
/// Sets `lost.reason` and moves the deals to the first end of kind lost, or to the one that --to names.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock lose acme-site --reason price
  tussock lose acme-site --reason silent --set lost.note=\"No answer since May\"
  tussock lose acme-site --to recycled
  tussock lose --where 'days_in_stage > 180' --reason silent --dry-run

Exit codes: 0 moved · 1 refused: a reason is missing · 2 no such deal, or no end of kind lost")]
pub struct Args {
    /// The deals; `-` for those on standard input, one id a line
    #[arg(value_name = "DEAL")]
    deals: Vec<String>,
    /// All deals for which this expression is true
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Why: one of the words the pipeline has for `lost.reason`
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Another end
    #[arg(long, value_name = "END")]
    to: Option<String>,
    /// Set a field in the same step (field=value; field+=item for a list)
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let mut sets = args.sets.clone();
    sets.extend(args.reason.iter().map(|reason| format!("lost.reason={reason}")));
    let chosen = Chosen::read(&args.deals, args.filter.as_deref())?;
    move_all(ui, global, &chosen, &Target::Lost(args.to.clone()), &sets, &args.write.how())
}
