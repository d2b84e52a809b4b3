//! `tussock lose`.

use super::r#move::move_all;
use crate::action::plan::Target;
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::write::WriteArgs;

/// Move deals to the end for lost ones
///
/// Sets `lost.reason` and moves the deals to the first end of kind lost, or to the one that --to names.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock lose acme-site --reason price
  tussock lose acme-site --reason silent --set lost.note=\"No answer since May\"
  tussock lose acme-site --to recycled

Exit codes: 0 moved · 1 refused: a reason is missing · 2 no such deal, or no end of kind lost")]
pub struct Args {
    /// The deals
    #[arg(value_name = "DEAL", required = true)]
    deals: Vec<String>,
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
    write: WriteArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let mut sets = args.sets.clone();
    sets.extend(args.reason.iter().map(|reason| format!("lost.reason={reason}")));
    move_all(ui, global, &args.deals, &Target::Lost(args.to.clone()), &sets, &args.write)
}
