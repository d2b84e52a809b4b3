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
        0 => vec![Fault::KillAll],
        // What goes through a pipe leaves nothing on the disk.
        _ if point.pipes() => Vec::new(),
        _ => vec![Fault::KillAll, Fault::KillGit],
    }
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
