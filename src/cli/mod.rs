//! The command line: one file a command, each with its arguments, whose doc comments are the help, and a short `run`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::builder::styling::{AnsiColor, Styles};
use clap::error::ErrorKind;
use clap::{Args as _, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::format::date::parse_date;
use crate::format::forecast::Horizon;
use crate::output::terminal::plain;

pub mod asking;
mod baseline;
pub mod chosen;
pub mod commands;
mod damaged;
mod deal_chance;
pub mod editor;
pub mod edits;
mod eras;
pub mod exit;
mod finding_formats;
mod fixing;
mod lately;
mod numbers;
mod past;
mod printing;
pub mod progress;
pub mod reference;
pub mod refusal;
mod removed;
mod rendering;
mod reporting;
pub mod schemas;
pub mod signals;
mod since;
pub mod standpoint;
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

/// Reads a horizon of the command line.
fn horizon(text: &str) -> Result<Horizon, String> {
    Horizon::parse(text).map_err(|e| e.to_string())
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
    Diff(commands::diff::Args),
    Resolve(commands::resolve::Args),
    MergeCheck(commands::merge_check::Args),
    #[command(visible_alias = "ls")]
    List(commands::list::Args),
    Board(commands::board::Args),
    Show(commands::show::Args),
    Why(commands::why::Args),
    Log(commands::log::Args),
    Watch(commands::watch::Args),
    Report(commands::report::Args),
    Forecast(commands::forecast::Args),
    Backtest(commands::backtest::Args),
    Portfolio(commands::portfolio::Args),
    Doctor(commands::doctor::Args),
    Explain(commands::explain::Args),
    Schema(commands::schema::Args),
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

/// How the arguments of a command are defined.
type Definition = fn(clap::Command) -> clap::Command;

/// The commands by every word that calls them, with the name of each and the definition of its arguments.
const BY_WORD: [(&str, &str, Definition); 36] = [
    ("init", "init", commands::init::Args::augment_args),
    ("demo", "demo", commands::demo::Args::augment_args),
    ("new", "new", commands::new::Args::augment_args),
    ("move", "move", commands::r#move::Args::augment_args),
    ("set", "set", commands::set::Args::augment_args),
    ("win", "win", commands::win::Args::augment_args),
    ("lose", "lose", commands::lose::Args::augment_args),
    ("fmt", "fmt", commands::fmt::Args::augment_args),
    ("rename", "rename", commands::rename::Args::augment_args),
    ("waive", "waive", commands::waive::Args::augment_args),
    ("approve", "approve", commands::approve::Args::augment_args),
    ("undo", "undo", commands::undo::Args::augment_args),
    ("sync", "sync", commands::sync::Args::augment_args),
    ("hooks", "hooks", commands::hooks::Args::augment_args),
    ("cache", "cache", commands::cache::Args::augment_args),
    ("validate", "validate", commands::validate::Args::augment_args),
    ("check", "validate", commands::validate::Args::augment_args),
    ("diff", "diff", commands::diff::Args::augment_args),
    ("resolve", "resolve", commands::resolve::Args::augment_args),
    ("merge-check", "merge-check", commands::merge_check::Args::augment_args),
    ("list", "list", commands::list::Args::augment_args),
    ("ls", "list", commands::list::Args::augment_args),
    ("board", "board", commands::board::Args::augment_args),
    ("show", "show", commands::show::Args::augment_args),
    ("why", "why", commands::why::Args::augment_args),
    ("log", "log", commands::log::Args::augment_args),
    ("watch", "watch", commands::watch::Args::augment_args),
    ("report", "report", commands::report::Args::augment_args),
    ("forecast", "forecast", commands::forecast::Args::augment_args),
    ("backtest", "backtest", commands::backtest::Args::augment_args),
    ("portfolio", "portfolio", commands::portfolio::Args::augment_args),
    ("doctor", "doctor", commands::doctor::Args::augment_args),
    ("explain", "explain", commands::explain::Args::augment_args),
    ("schema", "schema", commands::schema::Args::augment_args),
    ("completions", "completions", commands::completions::Args::augment_args),
    ("man", "man", commands::man::Args::augment_args),
];

/// The command line with those commands alone whose word is among the arguments: none of the others can be meant. `None`
/// where no word of any is there.
fn mentioned(args: &[OsString]) -> Option<clap::Command> {
    let mut root = Global::augment_args(clap::Command::new("tussock"));
    let mut any = false;
    for (word, name, arguments) in BY_WORD {
        // A command that is called by two words is one all the same.
        if args.iter().skip(1).any(|arg| arg == word) && root.find_subcommand(name).is_none() {
            let command = arguments(clap::Command::new(name));
            root = root.subcommand(if word == name { command } else { command.alias(word) });
            any = true;
        }
    }
    any.then_some(root)
}

/// Reads the arguments. Making the definition of every command takes half of the time of a start, so only what is mentioned
/// is defined; where anything is wrong with the arguments, or help is asked for, all of it is made to say so.
fn parse(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let quick = mentioned(&args).and_then(|command| command.try_get_matches_from(&args).ok());
    if let Some(cli) = quick.and_then(|matches| Cli::from_arg_matches(&matches).ok()) {
        return Ok(cli);
    }
    match Cli::try_parse_from(&args) {
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) =>
        {
            definition().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches))
        }
        parsed => parsed,
    }
}

/// Whether the version is asked for and nothing else.
fn only_version(args: &[OsString]) -> bool {
    matches!(args, [_, only] if only == "--version" || only == "-V")
}

/// Runs the program with its arguments (the program's name first) and returns how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if only_version(&args) {
        let mut ui = Ui::new(ColorWhen::Never);
        ui.line(concat!("tussock ", env!("CARGO_PKG_VERSION")));
        return ended(&mut ui, Exit::Done);
    }
    if args.get(1).is_some_and(|word| word == rendering::WORD) {
        return rendering::serve();
    }
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            print_wrong(&error);
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
    ended(&mut ui, exit)
}

/// Prints what is wrong with the arguments, or the help that was asked for. Arguments with characters that a terminal or a
/// build server would obey are shown without them, and then without colours.
fn print_wrong(error: &clap::Error) {
    let text = error.render().to_string();
    let shown: String = text.split_inclusive('\n').map(harmless_line).collect();
    // A closed pipe while printing a help text is nobody's problem.
    let _ = match shown == text || !error.use_stderr() {
        true => error.print(),
        false => io::stderr().write_all(shown.as_bytes()),
    };
}

/// A line with its end, harmless.
fn harmless_line(line: &str) -> String {
    let (text, end) = line.strip_suffix('\n').map_or((line, ""), |text| (text, "\n"));
    plain(text) + end
}

/// How the program ends, once everything is written.
fn ended(ui: &mut Ui, exit: Exit) -> ExitCode {
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
        Command::Diff(args) => commands::diff::run(ui, global, args),
        Command::Resolve(args) => commands::resolve::run(ui, global, args),
        Command::MergeCheck(args) => commands::merge_check::run(ui, global, args),
        Command::List(args) => commands::list::run(ui, global, args),
        Command::Board(args) => commands::board::run(ui, global, args),
        Command::Show(args) => commands::show::run(ui, global, args),
        Command::Why(args) => commands::why::run(ui, global, args),
        Command::Watch(args) => commands::watch::run(ui, global, args),
        Command::Log(args) => commands::log::run(ui, global, args),
        Command::Report(args) => commands::report::run(ui, global, args),
        Command::Forecast(args) => commands::forecast::run(ui, global, args),
        Command::Backtest(args) => commands::backtest::run(ui, global, args),
        Command::Portfolio(args) => commands::portfolio::run(ui, global, args),
        Command::Doctor(args) => commands::doctor::run(ui, global, args),
        Command::Explain(args) => commands::explain::run(ui, args),
        Command::Schema(args) => commands::schema::run(ui, global, args),
        Command::Completions(args) => commands::completions::run(ui, args),
        Command::Man(args) => commands::man::run(ui, args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_every_word_that_calls_it() {
        let whole = <Cli as clap::CommandFactory>::command();
        let mut words = 0;
        for command in whole.get_subcommands() {
            for word in std::iter::once(command.get_name()).chain(command.get_all_aliases()) {
                words += 1;
                let args = ["tussock", "-p", "sales", word].map(OsString::from);
                let quick = mentioned(&args).unwrap_or_else(|| panic!("{word} is missing"));
                let own = quick.find_subcommand(word).unwrap();
                assert_eq!(own.get_name(), command.get_name());
                let names = |command: &clap::Command| -> Vec<String> {
                    command.get_arguments().map(|argument| argument.get_id().to_string()).collect()
                };
                assert_eq!(names(own), names(command), "{word}");
            }
        }
        assert_eq!(words, BY_WORD.len());
    }

    #[test]
    fn a_word_that_calls_a_command_may_also_be_an_argument() {
        let read = |args: &[&str]| {
            let cli = parse(args.iter().map(OsString::from).collect()).unwrap();
            format!("{:?}", cli.command).chars().take_while(|c| c.is_alphabetic()).collect::<String>()
        };
        assert_eq!(read(&["tussock", "show", "list"]), "Show");
        assert_eq!(read(&["tussock", "-C", "report", "ls"]), "List");
        assert_eq!(read(&["tussock", "check", "validate"]), "Validate");
    }
}
