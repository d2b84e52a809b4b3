//! Disks that are full, out of inodes, read-only or forbidden, for a whole run of a command.
#![cfg(target_os = "linux")]

mod fault_kit;
mod kit;

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fault_kit::checker::look;
use fault_kit::fixture::{Copy, Fixture, owned, visit};
use fault_kit::job;
use fault_kit::matrix::{Matrix, Sums};
use kit::Ran;

const TUSSOCK: &str = env!("CARGO_BIN_EXE_tussock");

/// A small file system in memory, gone when dropped.
struct Mounted {
    dir: tempfile::TempDir,
}

impl Mounted {
    /// Mounts one with these options; `None`, with a message, where that is not allowed.
    fn new(options: &str) -> Option<Mounted> {
        let dir = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", options, "none"], dir.path()).then_some(Mounted { dir })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(self.dir.path());
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    let ran = Command::new("mount").args(args).arg(at).output();
    let why = match ran {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(e) => e.to_string(),
    };
    println!("skipped: nothing can be mounted here: {why}");
    false
}

fn unmount(at: &Path) {
    let done = Command::new("umount").arg("-l").arg(at).status();
    assert!(done.is_ok_and(|s| s.success()), "{} stays mounted", at.display());
}

/// Runs tussock after a line of shell.
fn after(copy: &Copy<'_>, line: &str, args: &[String]) -> Ran {
    let mut all = owned(&["-c", &format!("{line}\nexec \"$0\" \"$@\""), TUSSOCK]);
    all.extend(owned(args));
    copy.run(OsStr::new("sh"), &all, &[])
}

/// Fills what is left of a file system but for some pages.
fn fill(folder: &Path, pages_left: usize) -> PathBuf {
    let page = vec![1u8; 4096];
    let filler = folder.join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    let mut pages: u64 = 0;
    while std::io::Write::write_all(&mut file, &page).is_ok() {
        pages += 1;
    }
    file.set_len(pages.saturating_sub(pages_left as u64) * 4096).unwrap();
    filler
}

#[test]
fn a_full_disk_is_told_at_every_page_and_loses_nothing() {
    for name in ["move", "set", "new"] {
        let Some(job) = job::named(name) else { continue };
        let matrix = Matrix::new(job);
        let mut sums = Sums::default();
        let mut done = 0;
        for pages_left in 0.. {
            let Some(disk) = Mounted::new("size=2m") else { return };
            let (filler, landed_before) = (disk.path().join("filler"), sums.landed);
            let run = |copy: &Copy<'_>, args: &[String]| {
                fill(disk.path(), pages_left);
                copy.tussock(args)
            };
            let mend = |_: &Copy<'_>| std::fs::remove_file(&filler).unwrap();
            matrix.break_it(&mut sums, disk.path(), format!("{name}, {pages_left} pages left"), run, mend);
            done += sums.landed - landed_before;
            assert!(pages_left < 200, "{name} never had room enough");
            if done == 5 {
                break;
            }
        }
        matrix.print("full disk, page by page", &sums);
        sums.must_all_hold();
    }
}

#[test]
fn a_disk_without_inodes_is_told_at_every_one_and_loses_nothing() {
    let Some(job) = job::named("move") else { return };
    let matrix = Matrix::new(job);
    let mut sums = Sums::default();
    let mut done = 0;
    for left in 0.. {
        let Some(disk) = Mounted::new("size=8m,nr_inodes=2000") else { return };
        let (fillers, landed_before) = (disk.path().join("fillers"), sums.landed);
        let run = |copy: &Copy<'_>, args: &[String]| {
            std::fs::create_dir(&fillers).unwrap();
            let made = (0..).take_while(|n| std::fs::File::create(fillers.join(n.to_string())).is_ok()).count();
            (0..left.min(made)).for_each(|n| std::fs::remove_file(fillers.join(n.to_string())).unwrap());
            copy.tussock(args)
        };
        let mend = |_: &Copy<'_>| std::fs::remove_dir_all(&fillers).unwrap();
        matrix.break_it(&mut sums, disk.path(), format!("move, {left} inodes left"), run, mend);
        done += sums.landed - landed_before;
        assert!(left < 100, "never had inodes enough");
        if done == 3 {
            break;
        }
    }
    matrix.print("out of inodes, one by one", &sums);
    sums.must_all_hold();
}

#[test]
fn few_open_files_are_enough_or_told() {
    for name in ["move", "batch of 50"] {
        let Some(job) = job::named(name) else { return };
        let matrix = Matrix::new(job);
        let mut sums = Sums::default();
        for files in [4, 6, 8, 10, 12, 14, 16, 20, 32] {
            let run = |copy: &Copy<'_>, args: &[String]| after(copy, &format!("ulimit -n {files}"), args);
            matrix.break_it(&mut sums, Path::new("/dev/shm"), format!("{name}, {files} open files"), run, |_| ());
        }
        matrix.print("few open files", &sums);
        sums.must_all_hold();
        assert!(sums.landed > 0, "{name} never had open files enough");
    }
}

/// Reading commands, with what they print in a whole repository.
fn readings() -> Vec<Vec<String>> {
    let all: [&[&str]; 5] = [
        &["list", "--format", "json"],
        &["validate", "--format", "json"],
        &["show", "d01", "--json"],
        &["log", "--format", "csv"],
        &["report", "--format", "json"],
    ];
    all.iter().map(|args| ["--today", "2026-03-02"].iter().chain(*args).map(|a| (*a).to_owned()).collect()).collect()
}

#[test]
fn a_read_only_disk_can_be_read_and_is_not_written_to() {
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    let expected: Vec<Ran> = readings().iter().map(|args| copy.tussock(args)).collect();
    let root = copy.path();
    if !mount(&["--bind", &root.to_string_lossy()], &root) {
        return;
    }
    let (start, _) = look(&copy);
    let read_only = mount(&["-o", "remount,ro,bind"], &root);
    let now: Vec<Ran> = readings().iter().map(|args| copy.tussock(args)).collect();
    let moved = copy.tussock(&["move", "d01", "proposal"]);
    let (end, _) = look(&copy);
    unmount(&root);
    if !read_only {
        return;
    }
    for (args, (now, expected)) in readings().iter().zip(now.iter().zip(&expected)) {
        assert_eq!((now.code, &now.out), (expected.code, &expected.out), "{args:?}: {}", now.err);
    }
    assert_eq!(moved.code, 8, "{}", moved.err);
    assert!(moved.err.contains("Read-only file system"), "{}", moved.err);
    assert_eq!((start.files, start.git_files, start.head), (end.files, end.git_files, end.head));
}

#[test]
fn a_stage_on_another_file_system_takes_deals() {
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    let stage = copy.path().join("sales/contract");
    if !mount(&["-t", "tmpfs", "none"], &stage) {
        return;
    }
    std::fs::write(stage.join(".gitkeep"), "").unwrap();
    let before = look(&copy).0.status;
    let ran = copy.tussock(&["move", "d01", "proposal"]);
    let further = copy.tussock(&["move", "d01", "contract", "--set", "proposal.sent_on=2026-02-01"]);
    let (view, wrong) = look(&copy);
    unmount(&stage);
    assert_eq!((ran.code, further.code), (0, 0), "{}{}", ran.err, further.err);
    assert_eq!(wrong, Vec::new());
    assert_eq!(view.status, before);
    assert!(view.files.contains_key("sales/contract/d01.yaml"), "{:?}", view.files.keys());
}

#[test]
fn commands_that_read_change_nothing_and_say_the_same_twice() {
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    let all = |copy: &Copy<'_>| {
        let mut seen = Vec::new();
        visit(&copy.path(), &mut |path, about| {
            // What is kept of history for the next time, and its folder, are nobody's but tussock's.
            let is_kept = path.file_name().is_some_and(|name| {
                name.to_string_lossy().starts_with("history-") || name.to_string_lossy().starts_with("visits-")
            });
            if is_kept || path.ends_with(".git/tussock") || path.ends_with(".git") {
                return;
            }
            seen.push((path.to_owned(), about.modified().unwrap(), about.len()));
        });
        seen.sort();
        seen
    };
    let before = all(&copy);
    let first: Vec<Ran> = readings().iter().map(|args| copy.tussock(args)).collect();
    let second: Vec<Ran> = readings().iter().map(|args| copy.tussock(args)).collect();
    assert_eq!(all(&copy), before);
    for (args, (first, second)) in readings().iter().zip(first.iter().zip(&second)) {
        assert_eq!((first.code, &first.out), (second.code, &second.out), "{args:?}");
    }
    // The sum over stages is the sum over the deals of the list, read by another program than the one that added.
    let list: serde_json::Value = serde_json::from_str(&first[0].out).unwrap();
    assert_eq!(list["deals"].as_array().unwrap().len(), fault_kit::fixture::DEALS + 2);
}

#[test]
fn output_that_nobody_takes_is_told_and_no_panic() {
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    let shell = |line: &str| copy.run(OsStr::new("sh"), &[OsString::from("-c"), OsString::from(line)], &[]);
    for args in readings() {
        let args = args.join(" ");
        let full = shell(&format!("exec '{TUSSOCK}' {args} > /dev/full"));
        assert_eq!(full.code, 8, "{args}: {}", full.err);
        let closed = shell(&format!("exec '{TUSSOCK}' {args} >&-"));
        assert!([0, 8].contains(&closed.code), "{args}: {} {}", closed.code, closed.err);
        let head = shell(&format!("'{TUSSOCK}' {args} | head -c 1"));
        assert_eq!((head.code, head.err.as_str()), (0, ""), "{args}");
    }
    let moved = shell(&format!("exec '{TUSSOCK}' move d01 proposal > /dev/full"));
    assert_eq!(moved.code, 8, "{}", moved.err);
    let (view, wrong) = look(&copy);
    assert_eq!(wrong, Vec::new());
    // It was done before it could not be told, and whole.
    assert!(view.tree.contains_key("sales/proposal/d01.yaml") && view.files.contains_key("sales/proposal/d01.yaml"));
}

/// A copy that belongs to a user without rights, who runs tussock; `None` where that cannot be.
fn as_nobody(copy: &Copy<'_>, args: &[&str]) -> Option<Ran> {
    let base = copy.path().parent().unwrap().to_owned();
    std::fs::set_permissions(&base, std::fs::Permissions::from_mode(0o755)).unwrap();
    let owner = Command::new("chown").args(["-R", "65534:65534"]).arg(&base).output();
    let mut all = owned(&["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let tried = copy.run(OsStr::new("setpriv"), &[&all[..], &owned(&[TUSSOCK, "--version"])].concat(), &[]);
    if tried.code != 0 || !owner.is_ok_and(|o| o.status.success()) {
        println!("skipped: tussock cannot be run as another user here: {}", tried.err.trim());
        return None;
    }
    all.extend(owned(&[TUSSOCK]));
    all.extend(owned(args));
    Some(copy.run(OsStr::new("setpriv"), &all, &[]))
}

#[test]
fn objects_that_may_not_be_written_are_named_and_nothing_changes() {
    let fixture = Fixture::new(|_| ());
    let template = fixture.template();
    let copy = template.copy();
    if as_nobody(&copy, &["list"]).is_none() {
        return;
    }
    let objects = copy.path().join(".git/objects");
    std::fs::set_permissions(&objects, std::fs::Permissions::from_mode(0o555)).unwrap();
    // Folders of single objects that are there already could be written to.
    visit(&objects, &mut |path, about| {
        if about.is_dir() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
        }
    });
    let (mine, _) = look(&copy);
    let Some(ran) = as_nobody(&copy, &["move", "d01", "proposal"]) else { return };
    let (now, _) = look(&copy);
    assert_eq!(ran.code, 8, "{}", ran.err);
    assert!(ran.err.contains(".git/objects"), "{}", ran.err);
    assert_eq!((mine.files, mine.head, mine.index), (now.files, now.head, now.index));
}

#[test]
fn deals_and_stages_that_may_not_be_read_are_errors_and_no_smaller_sums() {
    for (what, mode) in [("sales/brief/d01.yaml", 0o000), ("sales/brief", 0o000), ("sales/brief", 0o100)] {
        let fixture = Fixture::new(|_| ());
        let template = fixture.template();
        let copy = template.copy();
        std::fs::set_permissions(copy.path().join(what), std::fs::Permissions::from_mode(mode)).unwrap();
        // A report is of what is committed, and looks at no file of the work tree.
        for args in [&["list"][..], &["validate"], &["report", "--uncommitted"], &["move", "d02", "proposal"]] {
            let Some(ran) = as_nobody(&copy, args) else { return };
            let single_other = args[0] == "move" && mode == 0 && what.ends_with(".yaml");
            if single_other {
                continue;
            }
            assert_ne!(ran.code, 0, "{args:?} with {what}: {}{}", ran.out, ran.err);
            assert!(format!("{}{}", ran.out, ran.err).contains("brief"), "{args:?}: {}{}", ran.out, ran.err);
        }
        std::fs::set_permissions(copy.path().join(what), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}
