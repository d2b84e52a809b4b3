//! `tussock approve`.

use crate::action::{consent, find};
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::Facts;
use crate::cli::write::{ChangeArgs, Reads, at_work, carry_out};

/// Give the approval that a criterion asks for
///
/// Writes you, as git knows you, and the day into the deal. Refuses when the pipeline wants another person for it: a
/// member of a group, or anybody but the owner.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock approve acme-site start-production
  tussock approve acme-site start-production -m \"Agreed in the meeting\"

Exit codes: 0 done, or approved already · 1 you may not approve it · 2 no such deal, or no approval of this name · 4 uncommitted changes of the deal · 6 somebody else changed it first")]
pub struct Args {
    /// The deal
    deal: String,
    /// The criterion
    criterion: String,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let who = at_work(global)?;
    let facts = Facts::default();
    let reads = Reads::These(vec![args.deal.clone()]);
    carry_out(ui, global, &args.write.how(), &reads, &mut |_, workspace| {
        let deal = find::deal(&workspace.reading, &args.deal)?;
        let known = workspace.circumstances(&facts, deal);
        Ok(consent::approve(&workspace.reading, &args.deal, &args.criterion, &who, &known)?)
    })
}
