//! The command line: one file a command, each with its arguments, whose doc comments are the help, and a short `run`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::{FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::format::date::parse_date;

pub mod asking;
pub mod chosen;
pub mod commands;
mod damaged;
pub mod edits;
pub mod exit;
pub mod progress;
pub mod reference;
pub mod refusal;
pub mod signals;
pub mod ui;
mod watching;
pub mod when;
pub mod workspace;
pub mod write;

use exit::{CommandError, Exit};
use ui::Ui;

/// What every help text ends with.
const EXIT_CODES: &str = "\
Exit codes: 0 done, nothing found · 1 findings, or a refused move · 2 wrong arguments or a broken pipeline file · \
3 no pipeline here · 4 the repository is not in a state for it · 5 locked · 6 conflict · 7 rejected by a hook or by \
signing · 8 input or output failed · 9 committed, but the work tree is pending · 10 history incomplete · 130/143 stopped \
by a signal";

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// A sales pipeline as plain text in git
///
/// A deal is a YAML file, the folder it lies in is its stage, a move is a commit. `tussock demo` makes a repository to try
/// everything on.
#[derive(Debug, Parser)]
#[command(
    name = "tussock",
    version,
    styles = STYLES,
    after_long_help = one_a_line(&format!("Begin with:\n  tussock demo trial && cd trial\n  tussock report\n  tussock init sales --template service-project\n\n{EXIT_CODES}")),
    disable_help_subcommand = true,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Work as if started in this folder
    #[arg(short = 'C', value_name = "DIR", global = true)]
    start_in: Option<PathBuf>,
    /// The pipeline, where the repository has several: its folder
    #[arg(short = 'p', long = "pipeline", value_name = "NAME", global = true)]
    pipeline_name: Option<String>,
    /// Colours: only on a terminal, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, value_enum, hide_possible_values = false)]
    color: ColorWhen,
    /// The day to take for today, instead of the clock's
    #[arg(long, value_name = "DATE", global = true, env = "TUSSOCK_TODAY", hide_env_values = true, value_parser = day)]
    today: Option<NaiveDate>,
    /// The pipeline, once it is found: to look for it can mean to go through every folder.
    #[arg(skip)]
    found: std::cell::OnceCell<crate::repo::discover::Home>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Reads a day of the command line.
fn day(text: &str) -> Result<NaiveDate, String> {
    parse_date(text).map_err(|e| e.to_string())
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(commands::init::Args),
    Demo(commands::demo::Args),
    New(commands::new::Args),
    Move(commands::r#move::Args),
    Set(commands::set::Args),
    Win(commands::win::Args),
    Lose(commands::lose::Args),
    Fmt(commands::fmt::Args),
    Rename(commands::rename::Args),
    Waive(commands::waive::Args),
    Approve(commands::approve::Args),
    Undo(commands::undo::Args),
    Sync(commands::sync::Args),
    Hooks(commands::hooks::Args),
    Cache(commands::cache::Args),
    #[command(visible_alias = "check")]
    Validate(commands::validate::Args),
    Resolve(commands::resolve::Args),
    MergeCheck(commands::merge_check::Args),
    #[command(visible_alias = "ls")]
    List(commands::list::Args),
    Show(commands::show::Args),
    Why(commands::why::Args),
    Log(commands::log::Args),
    Watch(commands::watch::Args),
    Report(commands::report::Args),
    Doctor(commands::doctor::Args),
    Explain(commands::explain::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
}

/// The definition of the command line, for completions, the manual and the reference.
pub fn definition() -> clap::Command {
    let mut command = <Cli as clap::CommandFactory>::command().mut_subcommands(|command| {
        match command.get_after_long_help().map(|help| one_a_line(&help.to_string())) {
            Some(help) => command.after_long_help(help),
            None => command,
        }
    });
    command.build();
    command
}

/// A help text with its exit codes as a list. They are written in one line, so that the code stays readable.
fn one_a_line(help: &str) -> String {
    let Some((before, codes)) = help.split_once("Exit codes: ") else { return help.to_owned() };
    let lines = codes
        .split(" · ")
        .filter_map(|code| code.split_once(' '))
        .map(|(number, meaning)| format!("\n  {number:<3} {meaning}"));
    format!("{before}Exit codes:{}", lines.collect::<String>())
}

/// Reads the arguments. Making the whole definition takes half of the time of a start, so it is made only to show a help
/// text.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    match Cli::try_parse_from(&args) {
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) =>
        {
            definition().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches))
        }
        parsed => parsed,
    }
}

/// Runs the program with its arguments (the program's name first) and returns how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // A closed pipe while printing a help text is nobody's problem.
            let _ = error.print();
            return exit.into();
        }
    };
    let mut ui = Ui::new(cli.global.color);
    let result = dispatch(&mut ui, &cli);
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.exit;
            ui.error(&error);
            exit
        }
    };
    match ui.finish() {
        Ok(()) => exit.into(),
        Err(error) => {
            let error = CommandError::new(Exit::Io, ui.not_written(&error));
            ui.error(&error);
            error.exit.into()
        }
    }
}

fn dispatch(ui: &mut Ui, cli: &Cli) -> Result<Exit, CommandError> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(args) => commands::init::run(ui, global, args),
        Command::Demo(args) => commands::demo::run(ui, global, args),
        Command::New(args) => commands::new::run(ui, global, args),
        Command::Move(args) => commands::r#move::run(ui, global, args),
        Command::Set(args) => commands::set::run(ui, global, args),
        Command::Win(args) => commands::win::run(ui, global, args),
        Command::Lose(args) => commands::lose::run(ui, global, args),
        Command::Fmt(args) => commands::fmt::run(ui, global, args),
        Command::Rename(args) => commands::rename::run(ui, global, args),
        Command::Waive(args) => commands::waive::run(ui, global, args),
        Command::Approve(args) => commands::approve::run(ui, global, args),
        Command::Undo(args) => commands::undo::run(ui, global, args),
        Command::Sync(args) => commands::sync::run(ui, global, args),
        Command::Hooks(args) => commands::hooks::run(ui, global, args),
        Command::Cache(args) => commands::cache::run(ui, global, args),
        Command::Validate(args) => commands::validate::run(ui, global, args),
        Command::Resolve(args) => commands::resolve::run(ui, global, args),
        Command::MergeCheck(args) => commands::merge_check::run(ui, global, args),
        Command::List(args) => commands::list::run(ui, global, args),
        Command::Show(args) => commands::show::run(ui, global, args),
        Command::Why(args) => commands::why::run(ui, global, args),
        Command::Watch(args) => commands::watch::run(ui, global, args),
        Command::Log(args) => commands::log::run(ui, global, args),
        Command::Report(args) => commands::report::run(ui, global, args),
        Command::Doctor(args) => commands::doctor::run(ui, global, args),
        Command::Explain(args) => commands::explain::run(ui, args),
        Command::Completions(args) => commands::completions::run(ui, args),
        Command::Man(args) => commands::man::run(ui, args),
    }
}
