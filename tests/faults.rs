//! Kills commands and breaks their system calls at every place where they write. `TUSSOCK_FAULTS=all` does all of it,
//! which takes long; otherwise a fixed sample runs.
#![cfg(target_os = "linux")]

mod fault_kit;
mod kit;

use fault_kit::checker::look;
use fault_kit::fixture::Fixture;
use fault_kit::job;
use fault_kit::matrix::Matrix;
use fault_kit::tracer::{Fault, Point, fail_on_file, inject, possible, trace};

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
        // Where nothing is made or cut, nothing is needed of the disk.
        "open" | "openat" if !["O_CREAT", "O_TRUNC"].iter().any(|flag| point.on.contains(flag)) => {
            &["EIO", "EACCES", "EROFS", "EMFILE"]
        }
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
    // Every close from then on would be those of folders, too, which no disk fails.
    let lasting = |p: &Point| if p.call == "close" { &[][..] } else { errors(p) };
    let for_good =
        matrix.run("error, from then on", sampled, |p| lasting(p).iter().map(|e| Fault::ErrorFromNow(e)).collect());
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
fn a_formatting_that_is_killed_at_any_write_is_done_whole_when_it_is_run_again() {
    kill_matrix("fmt", 23);
}

#[test]
fn a_new_name_that_is_killed_at_any_write_is_given_whole_when_it_is_run_again() {
    kill_matrix("rename", 23);
}

#[test]
fn a_move_without_a_commit_that_is_killed_at_any_write_ends_well_when_it_is_run_again() {
    kill_matrix("no commit", 17);
}

#[test]
fn a_settling_that_is_killed_at_any_write_ends_well_when_it_is_run_again() {
    kill_matrix("resolve", 23);
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

#[test]
fn a_formatting_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("fmt", 97);
}

#[test]
fn a_new_name_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("rename", 97);
}

#[test]
fn a_move_without_a_commit_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("no commit", 61);
}

#[test]
fn a_settling_tells_the_truth_about_every_error_of_the_disk() {
    error_matrix("resolve", 97);
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
    // What git prints through the C library is lost then, and git says so.
    let again = |p: &Point| p.call.starts_with("write") && p.changes_disk();
    let matrix = Matrix::new(job);
    let sums = matrix.run("interrupted", 3, |p| if again(p) { vec![Fault::Error("EINTR")] } else { Vec::new() });
    sums.must_all_hold();
    assert_eq!(sums.landed, sums.runs, "an interruption is no error");
}

#[test]
fn a_journal_that_ends_anywhere_is_taken_for_none() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    Matrix::new(job).run_torn_journals("torn journal", 61).must_all_hold();
}

/// The steps of a move in the order in which they must be seen on the disk, each by a call and what it works on.
const STEPS: [(&str, &str, &str); 13] = [
    ("the last object is in its place", "link", "/objects/"),
    ("the last object is flushed", "fsync", "/.git/objects/"),
    ("the journal is flushed", "fsync", "/journal>"),
    ("the journal is in its place", "rename", "/.git/tussock/journal\""),
    ("its folder is flushed", "fsync", "/.git/tussock>"),
    ("the index goes ahead", "rename", "/.git/index\""),
    ("the branch is moved", "rename", "/.git/refs/heads/main\""),
    ("the new file is flushed", "fsync", "/sales/proposal/.tussock-"),
    ("the new file is in its place", "rename", "/sales/proposal/d01.yaml\""),
    ("the old file is removed", "unlink", "/sales/brief/d01.yaml\""),
    ("the index knows the files", "rename", "/.git/index\""),
    ("the journal is removed", "unlink", "/.git/tussock/journal\""),
    ("it is told", "write", "1<"),
];

#[test]
fn what_a_move_writes_is_in_the_order_that_recovery_relies_on() {
    if !possible() {
        return;
    }
    let Some(job) = job::named("move") else { return };
    let matrix = Matrix::new(job);
    let points = &matrix.points;
    let mut after = 0;
    for (number, (step, call, on)) in STEPS.iter().enumerate() {
        let is = |p: &Point| p.call.starts_with(call) && p.on.contains(on) && (number < 12 || p.process == 0);
        let before_branch = number < 2;
        let branch = points.iter().position(|p| p.call.starts_with("rename") && p.on.contains(STEPS[6].2)).unwrap();
        let found = if before_branch {
            points[..branch].iter().rposition(is)
        } else {
            points[after..].iter().position(is).map(|at| after + at)
        };
        let at = found.unwrap_or_else(|| panic!("never after the step before it: {step}"));
        assert!(at >= after, "too early: {step}");
        after = at;
    }
    let flushed = |what: &str, until: usize| points[..until].iter().any(|p| p.call == "fsync" && p.on.contains(what));
    let branch = points.iter().position(|p| p.call.starts_with("rename") && p.on.contains(STEPS[6].2)).unwrap();
    // Each object by its last name or by the one that it had before, and the folder that it is in.
    let links = points.iter().filter(|p| p.call.starts_with("link") && p.on.contains("/objects/"));
    let mut objects = 0;
    for link in links {
        let names: Vec<&str> = link.on.split('"').filter(|part| part.contains("objects/")).collect();
        let short = |name: &str| name.split_once("objects/").unwrap().1.to_owned();
        assert!(names.iter().any(|name| flushed(&format!("/{}>", short(name)), branch)), "not flushed: {}", link.on);
        let folder = short(names[names.len() - 1])[..2].to_owned();
        assert!(flushed(&format!("/.git/objects/{folder}>"), branch), "not flushed: objects/{folder}");
        objects += 1;
    }
    // A blob is the old one where nothing but the place changes; two trees of stages, two above them, and the commit.
    assert!(objects >= 4, "{objects} objects");
    let told = points.iter().rposition(|p| p.prints()).unwrap();
    for folder in ["/.git/refs/heads>", "/.git/logs/refs/heads>", "/.git>", "/sales/brief>", "/sales/proposal>"] {
        assert!(flushed(folder, told), "not flushed: {folder}");
    }
}

fn strings(args: &[&str]) -> Vec<String> {
    ["--today", "2026-03-02"].iter().chain(args).map(|a| (*a).to_owned()).collect()
}

#[test]
fn a_deal_that_the_disk_does_not_give_is_an_error_and_not_absent() {
    if !possible() {
        return;
    }
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    let (start, _) = look(&copy);
    let deal = copy.path().join("sales/brief/d01.yaml");
    for calls in ["openat", "read,pread64"] {
        for error in ["EIO", "EACCES", "ESTALE"] {
            for args in [&["list"][..], &["validate"], &["show", "d01"], &["move", "d01", "proposal"]] {
                let broken = fail_on_file(&copy, &deal, calls, error, &strings(args));
                let said = format!("{}{}", broken.ran.out, broken.ran.err);
                assert!(broken.fired, "{args:?} does not read the deal with {calls}");
                assert_ne!(broken.ran.code, 0, "{args:?}, {error} of {calls}: {said}");
                assert!(said.contains("d01.yaml"), "{args:?}, {error} of {calls}: {said}");
            }
        }
    }
    let (now, _) = look(&copy);
    assert_eq!((now.files, now.index, now.head), (start.files, start.index, start.head));
}

#[test]
fn a_report_that_is_killed_at_any_write_is_the_old_one_or_the_new_one() {
    if !possible() {
        return;
    }
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let args = strings(&["report", "--output", "report.md"]);
    let copy = template.copy();
    let (ran, points) = trace(&copy, &args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let new = std::fs::read_to_string(copy.path().join("report.md")).unwrap();
    let mut killed = 0;
    for point in points.iter().filter(|p| p.changes_disk()) {
        let copy = template.copy();
        let path = copy.path().join("report.md");
        std::fs::write(&path, "the old one\n").unwrap();
        let broken = inject(&copy, &args, point, Fault::KillAll);
        killed += usize::from(broken.fired);
        let now = std::fs::read_to_string(&path).unwrap();
        assert!(now == "the old one\n" || now == new, "killed at {} {}:\n{now}", point.name(), point.on);
        assert_eq!(copy.tussock(&args).code, 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), new);
    }
    assert!(killed > 3, "{killed} points only");
}
