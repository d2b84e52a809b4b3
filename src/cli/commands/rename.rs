//! `tussock rename`.

use crate::action::rename::rename;
use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::tell_unreadable;
use crate::cli::write::{ChangeArgs, Reads, carry_out};

/// Give a deal another id
///
/// Renames the deal's file where it is, lists the old id under `was`, so that its history stays one, and lets every other
/// deal that names it (`follows` and all fields of type deal) name the new id. One commit.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock rename acme-site acme-shop
  tussock rename acme-site acme-shop --dry-run

Exit codes: 0 renamed · 2 no such deal, or the new id is taken or was another deal's · 4 uncommitted changes of a deal it touches · 6 somebody else was first")]
pub struct Args {
    /// The deal
    deal: String,
    /// Its new id: a-z, 0-9, `.`, `_` and `-`
    new_id: String,
    #[command(flatten)]
    write: ChangeArgs,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    carry_out(ui, global, &args.write.how(), &Reads::All, &mut |ui, workspace| {
        // A link in a file that cannot be read is not seen.
        tell_unreadable(ui, &workspace.reading, &workspace.source);
        Ok(rename(&workspace.reading, &args.deal, &args.new_id)?)
    })
}
