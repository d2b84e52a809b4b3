//! `tussock set`.

use super::r#move::parse_sets;
use crate::action::plan;
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::cli::write::{WriteArgs, carry_out};

/// Change fields of a deal
///
/// Changes the bytes of these fields and of nothing else, and commits. Comments, order and quoting stay.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock set acme-site amount=20000
  tussock set acme-site next_step.what=\"Call the CFO\" next_step.due=today+7d
  tussock set acme-site \"activity+={on: 2026-11-20, who: olga, what: call}\"
  tussock set acme-site segment=               takes the field out

Exit codes: 0 done · 1 the value does not fit the field · 2 no such deal or field · 4 uncommitted changes of the deal")]
pub struct Args {
    /// The deal
    deal: String,
    /// field=value; field+=item for a list; field= to take it out
    #[arg(value_name = "FIELD=VALUE", required = true)]
    sets: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let sets = parse_sets(&args.sets)?;
    let workspace = Workspace::open_for(ui, global, &[&args.deal])?;
    let plan = plan::set(&workspace.reading, &args.deal, &sets, workspace.today)?;
    carry_out(ui, &workspace, &plan, &args.write)
}
