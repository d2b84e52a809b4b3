//! `tussock man`.

use crate::cli::definition;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::format::nearest::nearest;

/// Print the manual page
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock man > tussock.1
  tussock man move | man -l -

Exit codes: 0 done · 2 no such command")]
pub struct Args {
    /// The command; the whole program when left out
    command: Option<String>,
}

pub(crate) fn run(ui: &mut Ui, args: &Args) -> Result<Exit, CommandError> {
    let definition = definition();
    let page = match &args.command {
        None => definition,
        Some(name) => definition
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| unknown(&definition, name))?
            .display_name(format!("tussock-{name}")),
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .render(&mut text)
        .map_err(|e| CommandError::new(Exit::Io, format!("cannot write the manual page: {e}")))?;
    ui.print(text);
    Ok(Exit::Done)
}

fn unknown(definition: &clap::Command, name: &str) -> CommandError {
    let error = CommandError::usage(format!("there is no command {name:?}"));
    match nearest(name, definition.get_subcommands().map(clap::Command::get_name)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`tussock --help` lists all commands"),
    }
}
