//! `tussock demo`.

use std::path::PathBuf;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::current;
use crate::example::{self, ExampleError};

/// Make a repository to try everything on
///
/// A year in the life of a small web agency: about eighty deals and six hundred commits of six people, the same at every
/// run. The folder must be new or empty.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock demo
  tussock demo trial && cd trial && tussock report

Exit codes: 0 done · 2 the folder is not empty · 8 it cannot be written")]
pub struct Args {
    /// The folder to make
    #[arg(value_name = "DIR", default_value = "tussock-demo")]
    dir: PathBuf,
}

/// A deal whose story is worth a look.
const SHOWN: &str = "acme-site";

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let folder = current(global)?.join(&args.dir);
    let written = example::write_repository(&folder).map_err(refused)?;
    ui.line(format!("{} deals, {} commits in {}", written.deals, written.commits, args.dir.display()));
    ui.line(format!(
        "
Try, in that folder:
  tussock report                        the state, the funnel and the forecast
  tussock list --sort -amount           deals, the largest first
  tussock show {SHOWN}                one deal
  tussock why {SHOWN}                 what it still needs
  tussock log {SHOWN}                 what happened to it
  tussock report --as-of 2026-06-30     what was known half a year ago
  tussock validate{branches}",
        branches = written
            .open_branches
            .iter()
            .map(|b| format!("\n  tussock validate --rev {b:<16} a branch that is not merged"))
            .collect::<String>(),
    ));
    Ok(Exit::Done)
}

fn refused(error: ExampleError) -> CommandError {
    match error {
        ExampleError::NotEmpty { .. } => CommandError::usage(error.to_string()),
        other => CommandError::new(Exit::Io, other.to_string()),
    }
}
