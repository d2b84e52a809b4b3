//! `tussock completions`.

use crate::cli::definition;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock completions bash > ~/.local/share/bash-completion/completions/tussock
  tussock completions zsh > \"${fpath[1]}/_tussock\"
  tussock completions fish > ~/.config/fish/completions/tussock.fish

Exit codes: 0 done · 2 no such shell")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub(crate) fn run(ui: &mut Ui, args: &Args) -> Result<Exit, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "tussock", &mut script);
    ui.print(script);
    Ok(Exit::Done)
}
