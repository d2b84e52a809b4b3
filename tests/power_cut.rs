//! Cuts the power: the disk of a command is a file, and what is in that file at a moment is what a machine would find
//! that came up again. What a program has written and not flushed is not in it. Needs root, loop devices and some
//! seconds for each cut, and runs only when `TUSSOCK_POWER_CUT` is set: to `all` for every write, or to a number N for
//! one in N.
#![cfg(target_os = "linux")]

mod fault_kit;
mod kit;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use fault_kit::fixture::{Copy, DEAL, Fixture, Template, owned};
use fault_kit::job;
use fault_kit::matrix::{Matrix, Sums};
use fault_kit::tracer::{Fault, inject};
use kit::Ran;

/// Says how much to do.
const HOW_MUCH: &str = "TUSSOCK_POWER_CUT";

/// A file system: its name, how many MiB the file needs, how it is made, and how it is mounted so that the kernel
/// writes nothing of its own accord for a while and repairs nothing that a program has forgotten.
struct Kind {
    name: &'static str,
    size: u64,
    make: &'static [&'static str],
    options: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { name: "ext4", size: 64, make: &["mkfs.ext4", "-q", "-F"], options: "loop,noauto_da_alloc" },
    Kind { name: "xfs", size: 320, make: &["mkfs.xfs", "-q", "-f"], options: "loop" },
    Kind { name: "btrfs", size: 128, make: &["mkfs.btrfs", "-q", "-f"], options: "loop,commit=300" },
];

/// When the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// At once.
    Now,
    /// After another program has flushed a file of its own, with which names reach the disk and bytes do not.
    AfterFlushOfAnother,
    /// When ext4 has written its journal of its own accord, which it does every five seconds.
    Later,
}

/// A disk in a file, mounted until it is dropped.
struct Disk {
    kind: &'static Kind,
    folder: tempfile::TempDir,
}

fn done(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(e) => Err(format!("{:?}: {e}", command.get_program())),
    }
}

impl Disk {
    /// Makes one and mounts it; `None`, with a message, where that cannot be.
    fn new(kind: &'static Kind) -> Option<Disk> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let disk = Disk { kind, folder: folder.unwrap() };
        std::fs::create_dir(disk.path()).unwrap();
        File::create(disk.image()).unwrap().set_len(kind.size << 20).unwrap();
        let made = done(Command::new(kind.make[0]).args(&kind.make[1..]).arg(disk.image()));
        match made.and_then(|()| disk.mount()) {
            Ok(()) => Some(disk),
            Err(why) => {
                println!("skipped: there can be no {} in a file here: {why}", kind.name);
                None
            }
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        done(Command::new("mount").args(["-o", self.kind.options]).arg(self.image()).arg(self.path()))
    }

    /// Brings all that was written so far to the disk.
    fn settle(&self) {
        done(Command::new("sync").arg("-f").arg(self.path())).unwrap();
    }

    /// Cuts the power and starts again from what the disk has at that moment. Nothing may be running on it: a copy
    /// takes a while.
    fn cut(&self, when: Cut) {
        match when {
            Cut::Now => {}
            Cut::AfterFlushOfAnother => {
                let other = File::create(self.path().join("other")).unwrap();
                std::io::Write::write_all(&mut &other, b"other").unwrap();
                other.sync_all().unwrap();
            }
            Cut::Later => std::thread::sleep(std::time::Duration::from_secs(7)),
        }
        let then = self.folder.path().join("then");
        done(Command::new("cp").arg("--sparse=always").arg(self.image()).arg(&then)).unwrap();
        done(Command::new("umount").arg(self.path())).unwrap();
        std::fs::rename(then, self.image()).unwrap();
        self.mount().unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, since a test that fails may still have files open.
        let unmounted = done(Command::new("umount").arg("-l").arg(self.path()));
        assert!(unmounted.is_ok() || std::thread::panicking(), "{} stays mounted", self.path().display());
    }
}

/// One in how many cuts to make; `None`, with a message, where none is asked for.
fn how_much() -> Option<usize> {
    match std::env::var(HOW_MUCH) {
        Ok(text) if text == "all" => Some(1),
        Ok(text) => Some(text.parse().unwrap_or_else(|_| panic!("{HOW_MUCH} is `all` or a number, not {text:?}"))),
        Err(_) => {
            println!("skipped: set {HOW_MUCH} to cut the power");
            None
        }
    }
}

/// Whether what was reported is there: in git's store, by git, and in the work tree; if not, what is.
fn kept(copy: &Copy<'_>) -> Result<(), String> {
    for args in [
        &["fsck", "--strict", "--no-dangling", "--no-progress"][..],
        &["status", "--porcelain"],
        &["rev-parse", "--verify", "HEAD^{commit}"],
        &["ls-files", "--error-unmatch", "sales/proposal/d01.yaml"],
    ] {
        let ran = copy.git(args);
        if ran.code != 0 {
            let said = ran.err.lines().chain(ran.out.lines()).next().unwrap_or_default();
            return Err(format!("git {}: {said}", args[0]));
        }
    }
    if copy.git(&["log", "-g", "-1", "--format=%H", "main"]).out != copy.git(&["rev-parse", "HEAD"]).out {
        return Err("the branch's log does not tell of it".to_owned());
    }
    let head = copy.git(&["show", "HEAD:sales/proposal/d01.yaml"]).out;
    let file = std::fs::read_to_string(copy.path().join("sales/proposal/d01.yaml")).unwrap_or_default();
    let old = copy.path().join("sales/brief/d01.yaml").exists();
    if head != DEAL || file != DEAL || old {
        return Err(format!(
            "{} bytes in HEAD and {} in the file; the old one is there: {old}",
            head.len(),
            file.len()
        ));
    }
    Ok(())
}

/// Moves a deal, cuts the power when that is reported as done, and looks.
fn cut_after(kind: &'static Kind, template: &Template, when: Cut, line: &str) -> Option<Result<(), String>> {
    let disk = Disk::new(kind)?;
    let template = template.within(&disk.path());
    let copy = template.copy();
    disk.settle();
    let args = owned(&["-c", line, env!("CARGO_BIN_EXE_tussock")]);
    let ran = copy.run(OsStr::new("sh"), &args, &[]);
    assert_eq!(ran.code, 0, "{line}: {}", ran.err);
    disk.cut(when);
    Some(kept(&copy))
}

#[test]
fn what_was_reported_is_there_after_a_power_cut() {
    if how_much().is_none() {
        return;
    }
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let ways = [
        ("tussock", "\"$0\" --today 2026-03-02 move d01 proposal"),
        ("tussock without flushing", "TUSSOCK_FSYNC=off \"$0\" --today 2026-03-02 move d01 proposal"),
        (
            "git mv and git commit",
            "git mv sales/brief/d01.yaml sales/proposal/d01.yaml && \
             git commit -q -m moved --only sales/brief/d01.yaml sales/proposal/d01.yaml",
        ),
    ];
    let mut lost_without = 0;
    let mut cuts = 0;
    for kind in &KINDS {
        for (way, line) in ways {
            for when in [Cut::Now, Cut::AfterFlushOfAnother, Cut::Later] {
                let Some(kept) = cut_after(kind, &template, when, line) else { continue };
                cuts += 1;
                println!("{:<6} {way:<26} {when:?}: {kept:?}", kind.name);
                if way == "tussock" {
                    assert_eq!(kept, Ok(()), "{} on {}, {when:?}", way, kind.name);
                } else {
                    lost_without += usize::from(kept.is_err());
                }
            }
        }
    }
    assert!(cuts == 0 || lost_without > 0, "no power cut lost anything that was not flushed");
}

/// Kills a command at each of its writes, together with the power. Objects that nothing refers to may be empty until the
/// doctor has been here, and lines of git's log that were not flushed yet are not there.
fn cut_everywhere(name: &str) {
    let Some(one_in) = how_much() else { return };
    if !fault_kit::tracer::possible() {
        return;
    }
    let Some(job) = job::named(name) else { return };
    let matrix = Matrix::new(job);
    for kind in &KINDS {
        for when in [Cut::Now, Cut::AfterFlushOfAnother] {
            let mut sums = Sums::default();
            for point in matrix.points.iter().filter(|p| p.changes_disk()).step_by(one_in) {
                let Some(disk) = Disk::new(kind) else { break };
                let label = format!("{name} on {}, cut {when:?} at {} {}", kind.name, point.name(), point.on);
                let run = |copy: &Copy<'_>, args: &[String]| -> Ran {
                    disk.settle();
                    let broken = inject(copy, args, point, Fault::KillAll);
                    disk.cut(when);
                    broken.ran
                };
                // Half of the people ask the doctor, half only when they are told to.
                let mend = |copy: &Copy<'_>| {
                    let again = (when == Cut::Now).then(|| copy.tussock(matrix.args()));
                    if again.is_none_or(|again| again.err.contains("tussock doctor")) {
                        let doctor = copy.tussock(&["-C", "sales", "doctor", "--yes"]);
                        assert!([0, 1].contains(&doctor.code), "{}{}", doctor.out, doctor.err);
                    }
                };
                matrix.break_it_badly(&mut sums, &disk.path(), label, (&[3], &[9]), run, mend);
            }
            matrix.print(&format!("{}, {when:?}", kind.name), &sums);
            if sums.runs > 0 {
                sums.must_all_hold();
            }
        }
    }
}

#[test]
fn a_move_ends_well_when_the_power_goes_at_any_write() {
    cut_everywhere("move");
}

#[test]
fn a_batch_ends_well_when_the_power_goes_at_any_write() {
    cut_everywhere("batch of 50");
}
