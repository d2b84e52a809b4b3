//! `tussock doctor`.

use dialoguer::Confirm;
use dialoguer::console::Term;

use crate::cli::Global;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::signals::Deferred;
use crate::cli::ui::Ui;
use crate::cli::workspace::current;
use crate::output::terminal::plain;
use crate::repo::doctor::{Ailment, Cure, Mended, Patient, Remedy, Step, examine, mend};
use crate::repo::error::{Class, WriteError};

/// Find and mend what a crash or a power cut has left
///
/// Looks at git's locks, the branch, the index, empty objects, emptied and lost files, leftovers of a crashed write,
/// missing placeholders and the settings of this clone. On a terminal it asks before it mends each thing; with --yes it
/// mends all that is safe to mend; otherwise it only says what it would do.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock doctor
  tussock doctor --yes
  tussock -C ~/sales doctor

Exit codes: 0 all is well, or is now · 1 something is left · 3 no pipeline here · 4 a bare repository, or no git program · 5 somebody holds a lock · 8 input or output failed")]
pub struct Args {
    /// Mend without asking
    #[arg(short, long)]
    yes: bool,
}

/// What came of everything that was found.
#[derive(Default)]
struct Count {
    mended: usize,
    curable: usize,
    left: usize,
    held: usize,
}

pub(crate) fn run(ui: &mut Ui, global: &Global, args: &Args) -> Result<Exit, CommandError> {
    let patient = Patient::find(&current(global)?, global.pipeline_name.as_deref())?;
    let signals =
        Deferred::new().map_err(|e| CommandError::new(Exit::Io, format!("cannot prepare for Ctrl-C: {e}")))?;
    let mut count = Count::default();
    let mut seen = Vec::new();
    for step in Step::ALL {
        let found = match examine(&patient, step) {
            Ok(found) => found,
            // What was left broken hides the rest.
            Err(error) if count.left + count.held > 0 => {
                ui.note(format!("nothing more can be seen before that is mended ({})", plain(&first_line(&error))));
                break;
            }
            Err(error) => return Err(error.into()),
        };
        let left_before = count.left;
        for ailment in &found {
            if let Cure::Mend { remedy, .. } = &ailment.cure {
                if seen.contains(remedy) {
                    continue;
                }
                seen.push(remedy.clone());
            }
            treat(ui, args, &patient, &signals, ailment, &mut count)?;
        }
        if matches!(step, Step::Head | Step::Branch) && count.left > left_before {
            ui.note("nothing more can be seen before the branch is mended");
            break;
        }
    }
    Ok(closing(ui, &count))
}

/// Shows one ailment and mends it, if it can be and may be.
fn treat(
    ui: &mut Ui,
    args: &Args,
    patient: &Patient,
    signals: &Deferred,
    ailment: &Ailment,
    count: &mut Count,
) -> Result<(), CommandError> {
    match &ailment.cure {
        Cure::Know(more) => {
            ui.line(format!("note: {}", plain(&ailment.what)));
            if !more.is_empty() {
                ui.line(format!("  {}", plain(more)));
            }
        }
        Cure::Advise(advice) => {
            count.left += 1;
            ui.line(plain(&ailment.what));
            ui.line(format!("  to do: {}", plain(advice)));
        }
        Cure::Held(who) => {
            count.held += 1;
            ui.line(plain(&ailment.what));
            ui.line(format!("  not touched: {}", plain(who)));
        }
        Cure::Mend { does, only_asked, remedy } => {
            ui.line(plain(&ailment.what));
            ui.line(format!("  cure: {}", plain(does)));
            match only_asked {
                Some(why) if args.yes => {
                    count.left += 1;
                    ui.line(format!("  not done: {}; without --yes it asks", plain(why)));
                }
                _ if args.yes => apply(ui, patient, signals, remedy, count)?,
                _ if ui.interactive => {
                    if ask(ui, signals)? {
                        apply(ui, patient, signals, remedy, count)?;
                    } else {
                        count.left += 1;
                        ui.line("  not done");
                    }
                }
                _ => {
                    count.left += 1;
                    count.curable += usize::from(only_asked.is_none());
                }
            }
        }
    }
    Ok(())
}

fn apply(
    ui: &mut Ui,
    patient: &Patient,
    signals: &Deferred,
    remedy: &Remedy,
    count: &mut Count,
) -> Result<(), CommandError> {
    let mut lines = Vec::new();
    let held = signals.hold();
    let mended = mend(patient, remedy, &mut |line| lines.push(line.to_owned()));
    drop(held);
    for line in lines {
        ui.note(plain(&line));
    }
    match mended {
        Ok(Mended::Done) => {
            count.mended += 1;
            ui.line("  done");
        }
        Ok(Mended::Gone) => ui.line("  not done: it is not so any more"),
        Err(error) if error.class() == Class::Locked => {
            count.held += 1;
            ui.line(format!("  not done: {}", plain(&first_line(&error))));
        }
        Err(error) if error.class() == Class::Io => return Err(error.into()),
        // A merge that is half done, a hook that says no: the rest can be looked at all the same.
        Err(error) => {
            count.left += 1;
            ui.line(format!("  not done: {}", plain(&first_line(&error))));
        }
    }
    match signals.came() {
        Some(exit) => Err(CommandError::new(exit, "stopped; what is said to be done is done")),
        None => Ok(()),
    }
}

/// Asks whether to mend it.
fn ask(ui: &mut Ui, signals: &Deferred) -> Result<bool, CommandError> {
    ui.flush();
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot ask on this terminal: {e}"));
    // The question hides the cursor: a Ctrl-C that ended the program here would leave the terminal without one.
    let held = signals.hold();
    let answer = Confirm::new().with_prompt("  Do it?").default(false).interact_opt();
    if answer.is_err() {
        Term::stderr().show_cursor().map_err(failed)?;
    }
    drop(held);
    match (answer, signals.came()) {
        (_, Some(exit)) => Err(CommandError::new(exit, "stopped; what is said to be done is done")),
        (Ok(answer), None) => Ok(answer.unwrap_or(false)),
        (Err(dialoguer::Error::IO(e)), None) => Err(failed(e)),
    }
}

fn first_line(error: &WriteError) -> String {
    error.to_string().lines().take(2).collect::<Vec<_>>().join(" ")
}

fn closing(ui: &mut Ui, count: &Count) -> Exit {
    let left = count.left + count.held;
    ui.line(match (count.mended, left) {
        (0, 0) => "all is well".to_owned(),
        (mended, 0) => format!("{mended} mended, all is well"),
        (0, left) => format!("{left} found"),
        (mended, left) => format!("{mended} mended, {left} left"),
    });
    if count.curable > 0 {
        ui.note(format!("`tussock doctor --yes` mends {} of them", count.curable));
    }
    match (count.held, count.left) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Findings,
        _ => Exit::Locked,
    }
}
