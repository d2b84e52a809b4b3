//! `tussock watch`.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::signals::on_stop;
use crate::cli::ui::Ui;
use crate::cli::watching::{ReportFile, Session};
use crate::cli::workspace::{current, home};
use crate::repo::watch::{Bell, Settings, Wake, Watch};

/// Watch the pipeline and say what changes
///
/// Checks again whenever anything of the pipeline changes: a saved file, a switched branch, a pull. Prints the deals that
/// came, moved, changed and went, and the findings that appeared and disappeared. A file that is broken for a while is
/// said to be, and does no harm. Ends with Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock watch
  tussock watch --report sales/reports/now.md    keep a report current beside it
  tussock watch --poll 5                         for network disks and containers, which announce no changes

Links of deals to files outside the pipeline's folder are checked again with the next change inside it.

Exit codes: 2 wrong arguments · 3 no pipeline here, or its folder is gone · 4 a report, but not in a git repository · 130 stopped by Ctrl-C · 143 stopped by the system")]
pub struct Args {
    /// Keep the overview of `tussock report` current in this file, which is only ever written whole
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Milliseconds for which nothing may have changed before it is read
    #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    debounce: u64,
    /// Look at all files every so many seconds (2 when no number is given), instead of waiting for the system to announce changes
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = seconds)]
    poll: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    seconds
        .filter(|s| (Duration::from_millis(100)..=Duration::from_secs(86_400)).contains(s))
        .ok_or_else(|| "not a number of seconds from 0.1 to 86400".to_owned())
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let (home, here) = (home(global)?, current(global)?);
    if home.repo.as_ref().is_some_and(|place| place.workdir.is_none()) {
        return Err(CommandError::new(Exit::NotInState, "this is a bare repository, in which no files change"));
    }
    let report = args.report.as_ref().map(|file| ReportFile::new(&home, &here.join(file))).transpose()?;
    let bell = Bell::default();
    let stop = bell.clone();
    let stopped = on_stop(move || stop.stop())
        .map_err(|e| CommandError::new(Exit::Io, format!("cannot prepare for Ctrl-C: {e}")))?;
    let own = report.iter().map(|r| r.path().to_owned()).collect();
    let settings = Settings { quiet: Duration::from_millis(args.debounce), poll: args.poll };
    let mut watch = Watch::new(&home, own, settings, bell, &mut |text| ui.warn(text));
    let mut session = Session::new(home, &here, global, report);
    session.look(ui, &mut watch);
    loop {
        ui.flush();
        if !ui.is_open() {
            return Ok(Exit::Done);
        }
        match watch.wait(&mut |text| ui.warn(text)) {
            Wake::Changed => session.look(ui, &mut watch),
            Wake::Tick if session.day_is_over() => session.look(ui, &mut watch),
            Wake::Tick => {}
            Wake::Stopped => return Ok(stopped.exit()),
            Wake::Gone => return Err(session.gone()),
        }
    }
}
