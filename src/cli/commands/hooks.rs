//! `tussock hooks`.

use clap::ValueEnum;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;
use crate::cli::workspace::current;
use crate::output::terminal::plain;
use crate::repo::discover::Home;
use crate::repo::git::Git;
use crate::repo::hook_files::{Act, HookError, HookFile, Standing, install, look, uninstall};

/// Let git check deals before a commit and a push
///
/// Writes the hooks pre-commit and pre-merge-commit, which run `tussock validate --staged --changed`, and pre-push, which
/// runs `tussock validate --rev` on what is pushed; each for every pipeline of the repository, and only errors refuse. A
/// commit is refused for the deals that it changes and for errors that it makes in others; errors that were there before
/// are told in one line. A push is refused for any error in its last commit. A merge is where a deal comes to lie in two
/// stages. `--no-verify` skips a hook once. Hooks of your own are never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock hooks install
  tussock hooks install --chain      adds to hooks that are there, at their beginning
  tussock hooks check                says how they stand
  tussock hooks uninstall            takes out what install put in, and nothing else

Exit codes: 0 done · 1 check: a hook is missing, or of another version · 4 there is a hook of yours, or no work tree · 8 a file cannot be written")]
pub struct Args {
    /// What to do
    #[arg(value_name = "ACTION", value_enum)]
    action: Action,
    /// With install: add to shell hooks that are there already
    #[arg(long)]
    chain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Put the hooks in place, or bring them up to date
    Install,
    /// Take them out again
    Uninstall,
    /// Say how they stand
    Check,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    if args.chain && args.action != Action::Install {
        return Err(CommandError::usage("--chain goes with `tussock hooks install`"));
    }
    // Hooks belong to the repository: any folder of it will do, whichever pipelines there are.
    let home = Home::at(&current(global)?)?;
    home.place()?;
    let git = Git::new(&home)?;
    let files = look(&home, &git).map_err(refused)?;
    match args.action {
        Action::Check => Ok(check(ui, &files)),
        Action::Install => {
            let acts = install(&files, args.chain).map_err(refused)?;
            tell(ui, &files, &acts);
            Ok(Exit::Done)
        }
        Action::Uninstall => {
            let acts = uninstall(&files).map_err(refused)?;
            tell(ui, &files, &acts);
            Ok(Exit::Done)
        }
    }
}

fn check(ui: &mut Ui, files: &[HookFile]) -> Exit {
    for file in files {
        let what = match file.standing {
            Standing::Missing => "not installed",
            Standing::Current => "checks deals",
            Standing::Other => "checks deals as another version of tussock does; install it again",
            Standing::SwitchedOff => "switched off, because it is not executable; install it again",
            Standing::Foreign => "a hook of yours, which does not check deals",
        };
        ui.line(plain(&format!("{}: {what} ({})", file.name, file.shown)));
    }
    if files.iter().all(|file| file.standing == Standing::Current) { Exit::Done } else { Exit::Findings }
}

fn tell(ui: &mut Ui, files: &[HookFile], acts: &[Act]) {
    for (file, act) in files.iter().zip(acts) {
        let what = match (act, file.standing) {
            (Act::Installed, _) => "installed",
            (Act::Updated, _) => "brought up to date",
            (Act::Added, _) => "added to your hook, at its beginning",
            (Act::Removed, _) => "removed",
            (Act::TakenOut, _) => "taken out of your hook",
            (Act::Nothing, Standing::Current) => "is up to date",
            (Act::Nothing, _) => "is not there",
        };
        ui.line(plain(&format!("{}: {what} ({})", file.name, file.shown)));
    }
}

fn refused(error: HookError) -> CommandError {
    let told = CommandError::new(Exit::NotInState, error.to_string());
    match error {
        HookError::Taken(_) => told.hint(
            "`tussock hooks install --chain` adds the check at its beginning; or call `tussock validate --staged --changed` in it \
             yourself, and `tussock validate --rev` before a push",
        ),
        HookError::Odd { .. } => told.hint(
            "call `tussock validate --staged --changed` in it yourself, and `tussock validate --rev` before a push, and refuse when \
             they end with an error",
        ),
        HookError::Write(error) => error.into(),
    }
}
