//! Kills commands and breaks their system calls at every place where they write. `TUSSOCK_FAULTS=all` does all of it,
//! which takes long; otherwise a fixed sample runs.
#![cfg(target_os = "linux")]

mod fault_kit;
mod kit;

use fault_kit::job;
use fault_kit::matrix::Matrix;
use fault_kit::tracer::{Fault, Point, possible};

fn kills(point: &Point) -> Vec<Fault> {
    match point.process {
        _ if !point.changes_disk() => Vec::new(),
        0 => vec![Fault::KillAll],
        _ => vec![Fault::KillAll, Fault::KillGit],
    }
}

/// The errors that a system call can fail with on a full, broken or forbidden disk.
fn errors(point: &Point) -> &'static [&'static str] {
    match point.call.as_str() {
        // What is printed is not stored.
        _ if point.prints() || point.pipes() => &["EIO"],
        "close" => &["EIO"],
        "write" | "pwrite64" | "writev" | "pwritev" => &["ENOSPC", "EIO", "EDQUOT"],
        "fsync" | "fdatasync" | "syncfs" | "sync_file_range" => &["ENOSPC", "EIO", "EDQUOT"],
        "open" | "openat" | "creat" => &["ENOSPC", "EIO", "EDQUOT", "EACCES", "EROFS", "EMFILE"],
        _ => &["ENOSPC", "EIO", "EDQUOT", "EACCES", "EROFS"],
    }
}

fn error_matrix(name: &str, sampled: u64) {
    if !possible() {
        return;
    }
    let Some(job) = job::named(name) else { return };
    let matrix = Matrix::new(job);
    let once = matrix.run("error, once", sampled, |p| errors(p).iter().map(|e| Fault::Error(e)).collect());
    let for_good =
        matrix.run("error, from then on", sampled, |p| errors(p).iter().map(|e| Fault::ErrorFromNow(e)).collect());
    once.must_all_hold();
    for_good.must_all_hold();
}

fn kill_matrix(name: &str, sampled: u64) {
    if !possible() {
        return;
    }
    let Some(job) = job::named(name) else { return };
    Matrix::new(job).run("killed", sampled, kills).must_all_hold();
}

#[test]
fn a_move_that_is_killed_at_any_write_ends_well_when_it_is_run_again() {
    kill_matrix("move", 7);
}

#[test]
fn an_edit_that_is_killed_at_any_write_ends_well_when_it_is_run_again() {
    kill_matrix("set", 7);
}

#[test]
fn a_new_deal_that_is_killed_at_any_write_ends_well_when_it_is_run_again() {
    kill_matrix("new", 7);
}

#[test]
fn a_batch_that_is_killed_at_any_write_is_done_whole_when_it_is_run_again() {
    kill_matrix("batch of 50", 31);
}

#[test]
fn an_undo_that_is_killed_at_any_write_ends_well_when_the_next_command_runs() {
    kill_matrix("undo", 7);
}

#[test]
fn a_move_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("move", 41);
}

#[test]
fn an_edit_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("set", 41);
}

#[test]
fn a_new_deal_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("new", 41);
}

#[test]
fn a_batch_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("batch of 50", 211);
}

#[test]
fn an_undo_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("undo", 41);
}

/// Signals that a person or the system sends, to tussock alone: at each of its writes, and while a git that it started
/// is at each of its own.
#[test]
fn a_signal_at_any_write_leaves_all_or_nothing() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    let signals = ["INT", "TERM", "HUP"].map(Fault::Signal);
    let reaches = |p: &Point| p.changes_disk();
    let matrix = Matrix::new(job);
    let sums = matrix.run("signal", 17, |p| if reaches(p) { signals.to_vec() } else { Vec::new() });
    sums.must_all_hold();
}

/// The git that tussock has started goes on by itself.
#[test]
fn a_tussock_that_is_killed_over_a_running_git_ends_well() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    let below = |p: &Point| p.process > 0 && p.changes_disk();
    let matrix = Matrix::new(job);
    let sums = matrix.run("killed over a git", 3, |p| if below(p) { vec![Fault::Signal("KILL")] } else { Vec::new() });
    sums.must_all_hold();
}

/// What a panic or the end of memory is like from outside.
#[test]
fn an_abort_at_any_write_ends_well() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    let own = |p: &Point| p.process == 0 && p.changes_disk();
    let matrix = Matrix::new(job);
    let sums = matrix.run("aborted", 5, |p| if own(p) { vec![Fault::Signal("ABRT")] } else { Vec::new() });
    sums.must_all_hold();
}

/// git then gets a list that ends in the middle, and takes it for the whole.
#[test]
fn a_tussock_that_is_killed_while_it_talks_to_a_git_ends_well() {
    if !possible() {
        return;
    }
    for name in ["move", "batch of 50"] {
        let Some(job) = job::named(name) else { return };
        let matrix = Matrix::new(job);
        let mut seen = std::collections::BTreeSet::new();
        let first: Vec<Point> = matrix
            .points
            .iter()
            .filter(|p| p.process > 0 && p.changes_disk() && seen.insert(p.process))
            .cloned()
            .collect();
        let torn = [0, 1, 50, 99].map(Fault::Torn);
        let sums = matrix.run("torn input", 1, |p| if first.contains(p) { torn.to_vec() } else { Vec::new() });
        sums.must_all_hold();
    }
}

#[test]
fn a_recovery_that_is_killed_as_well_ends_well() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    Matrix::new(job).run_nested("killed twice", 11).must_all_hold();
}

/// The system may interrupt a call at any time, and the call is to be made again.
#[test]
fn interrupted_calls_are_made_again() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    let again = |p: &Point| p.call.starts_with("write");
    let matrix = Matrix::new(job);
    let sums = matrix.run("interrupted", 3, |p| if again(p) { vec![Fault::Error("EINTR")] } else { Vec::new() });
    sums.must_all_hold();
    assert_eq!(sums.landed, sums.runs, "an interruption is no error");
}
