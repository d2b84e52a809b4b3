//! Finds the places where a command writes, and makes something happen at one of them, with `strace`.
//!
//! `strace` counts calls for each process by itself, so that "the third write" of a whole tree of processes is many
//! writes. Therefore each process has a `strace` of its own: tussock, and by way of a script that stands before git on
//! `PATH`, each git that it starts. A point is a process, a system call and how many of them came before in it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fixture::{Copy, owned};
use crate::kit::Ran;

/// The system calls with which something can be written.
const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,rename,renameat,renameat2,link,linkat,unlink,unlinkat,\
mkdir,mkdirat,rmdir,ftruncate,truncate,fsync,fdatasync,syncfs,sync_file_range,chmod,fchmod,fchmodat,utimensat,symlink,\
symlinkat,copy_file_range,fallocate,close";

/// Stands before git on `PATH`. It numbers the gits that are started and does to each what the plan says.
const SHIM: &str = r#"#!/bin/sh
read -r number < "$FAULT_NOTES/count"
number=$((number + 1))
echo "$number" > "$FAULT_NOTES/count"
. "$FAULT_NOTES/plan"
traced() { calls=$1; shift; exec strace -qq -y -ttt -s 0 -e signal=none -o "$FAULT_NOTES/log.$number" -e trace="$calls" "$@"; }
[ "$mode" != trace ] || traced "$calls" "$real" "$@"
if [ "$number" != "$child" ]; then
    [ -z "$later" ] || [ "$number" -le "$after" ] || traced "$calls" -e inject="$later" "$real" "$@"
    exec "$real" "$@"
fi
case $mode in
error) traced "$calls" -e inject="$inject" "$real" "$@" ;;
all)
    # The program below dies, and with it the one that started us, before it can learn of it.
    (traced "$calls" -e inject="$inject" "$real" "$@")
    code=$?
    [ $code -lt 128 ] || kill -s "$signal" "$PPID"
    exit $code ;;
one)
    (traced "$calls" -e inject="$inject" "$real" "$@")
    code=$?
    exit $code ;;
torn)
    # The one that started us dies before it has said all that it has to say.
    cat > "$FAULT_NOTES/input"
    echo hit > "$FAULT_NOTES/hit"
    kill -s KILL "$PPID"
    size=$(wc -c < "$FAULT_NOTES/input")
    head -c $((size * part / 100)) "$FAULT_NOTES/input" | "$real" "$@"
    code=$?
    echo done > "$FAULT_NOTES/done.$number"
    exit $code ;;
above)
    # The program below waits at the point while the one that started us gets its signal, and then goes on. In a session
    # of its own: the system hangs up on a group that waits when the one above it dies.
    exec 3<&0
    setsid strace -y -s 0 -o "$FAULT_NOTES/log.$number" -e trace="$calls" -e inject="$inject" "$real" "$@" <&3 &
    tracer=$!
    while kill -0 "$tracer" 2>/dev/null; do
        if grep -q 'stopped by SIGSTOP' "$FAULT_NOTES/log.$number" 2>/dev/null; then
            echo hit > "$FAULT_NOTES/hit"
            kill -s "$signal" "$PPID"
            sleep 0.05
            read -r below < "/proc/$tracer/task/$tracer/children"
            kill -s CONT $below
            break
        fi
        sleep 0.01
    done
    wait "$tracer"
    code=$?
    echo done > "$FAULT_NOTES/done.$number"
    exit $code ;;
esac
"#;

/// Where in a command something happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// 0 for tussock, else the number of the git that it started.
    pub process: usize,
    /// The system call.
    pub call: String,
    /// Which one of them in this process, from 1.
    pub nth: usize,
    /// How many gits had been started before.
    pub gits_before: usize,
    /// How many of these calls tussock had made before.
    pub own_before: usize,
    /// What the call works on, for messages.
    pub on: String,
}

impl Point {
    /// Whether it only prints.
    pub fn prints(&self) -> bool {
        self.call.starts_with("write") && (self.on.starts_with("1<") || self.on.starts_with("2<"))
    }

    /// Whether it writes to another process.
    pub fn pipes(&self) -> bool {
        self.on.contains("<pipe:") || self.on.contains("<socket:") || self.on.contains("<anon_inode:")
    }

    /// Whether the disk, or what others see of tussock, is another after it.
    pub fn changes_disk(&self) -> bool {
        self.call != "close" && (self.process == 0 || !self.pipes())
    }

    /// A name that is the same in every run.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.process, self.call, self.nth)
    }
}

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process of the point and the one that started it die at once.
    KillAll,
    /// Only the git of the point dies, and tussock sees that.
    KillGit,
    /// Only tussock gets a signal while the git that it started goes on: `KILL`, `ABRT`, `INT`, `TERM`,
    /// `HUP`.
    Signal(&'static str),
    /// tussock dies when it has sent so many hundredths of its input to the git of the point.
    Torn(u8),
    /// The call fails once.
    Error(&'static str),
    /// The call fails, and all of its kind after it.
    ErrorFromNow(&'static str),
}

/// How a broken run ended.
pub struct Broken {
    /// Whether the fault came about.
    pub fired: bool,
    /// What the command printed and its exit code.
    pub ran: Ran,
}

/// Whether commands can be traced here; says why not.
pub fn possible() -> bool {
    let tried = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            println!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        Err(e) => {
            println!("skipped: strace cannot be run: {e}");
            false
        }
    }
}

/// The git that the script stands before.
fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).expect("git on PATH")
}

/// Runs tussock below the script, and `strace` where arguments for it are given.
fn run(copy: &Copy<'_>, plan: &str, tracing: &[String], args: &[String]) -> Ran {
    let notes = copy.notes();
    let bin = notes.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        let shim = bin.join("git");
        fs::write(&shim, SHIM).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&shim, mode).unwrap();
    }
    fs::write(notes.join("count"), "0\n").unwrap();
    fs::write(notes.join("plan"), format!("real='{}'\n{plan}\n", real_git().display())).unwrap();
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let env = [("PATH", path.as_os_str()), ("FAULT_NOTES", notes.as_os_str()), ("RAYON_NUM_THREADS", OsStr::new("1"))];
    let tussock = OsString::from(env!("CARGO_BIN_EXE_tussock"));
    if tracing.is_empty() {
        return copy.run(&tussock, &owned(args), &env);
    }
    let log = notes.join("log.0").into_os_string();
    let mut all = owned(&["-qq", "-y", "-ttt", "-s", "0", "-e", "signal=none", "-o"]);
    all.push(log);
    all.extend(owned(tracing));
    all.push(tussock);
    all.extend(owned(args));
    copy.run(OsStr::new("strace"), &all, &env)
}

/// Runs a command whole and returns every point in it, in the order of time.
pub fn trace(copy: &Copy<'_>, args: &[String]) -> (Ran, Vec<Point>) {
    let ran = run(copy, &format!("mode=trace calls={CALLS}"), &["-e".into(), format!("trace={CALLS}")], args);
    let mut calls: Vec<(f64, usize, String, String)> = Vec::new();
    let mut begun = Vec::new();
    for process in 0.. {
        let Ok(log) = fs::read_to_string(copy.notes().join(format!("log.{process}"))) else { break };
        for (number, line) in log.lines().enumerate() {
            let Some((time, call)) = line.split_once(' ') else { continue };
            let time: f64 = time.parse().expect("a time");
            if number == 0 && process > 0 {
                begun.push(time);
            }
            let Some((call, rest)) = call.split_once('(') else { continue };
            calls.push((time, process, call.to_owned(), rest.to_owned()));
        }
    }
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut counts = std::collections::BTreeMap::new();
    let mut points = Vec::new();
    for (time, process, call, rest) in calls {
        let own_before = counts.get(&(0, call.clone())).copied().unwrap_or(0);
        let nth: &mut usize = counts.entry((process, call.clone())).or_default();
        *nth += 1;
        let opens = call.starts_with("open");
        if opens && !["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| rest.contains(flag))
            || rest.contains("/dev/null")
            || call == "close"
                && !["lock>", ".tmp>", "tmp_obj", "/journal>", "index>"].iter().any(|part| rest.contains(part))
        {
            continue;
        }
        let gits_before = begun.iter().filter(|b| **b < time).count();
        let on = rest.replace(&*copy.path().to_string_lossy(), "").chars().take(300).collect();
        points.push(Point { process, call, nth: *nth, gits_before, own_before, on });
    }
    (ran, points)
}

/// Runs a command and lets something happen at a point.
pub fn inject(copy: &Copy<'_>, args: &[String], point: &Point, fault: Fault) -> Broken {
    let Point { process, call, nth, .. } = point;
    let what = match fault {
        Fault::KillAll | Fault::KillGit => format!("signal=KILL:when={nth}"),
        Fault::Signal(signal) if *process == 0 => format!("signal={signal}:when={nth}"),
        Fault::Signal(_) => format!("signal=STOP:when={nth}"),
        Fault::Torn(_) => String::new(),
        Fault::Error(error) => format!("error={error}:when={nth}"),
        Fault::ErrorFromNow(error) => format!("error={error}:when={nth}+"),
    };
    let mode = match fault {
        Fault::KillAll => "mode=all signal=KILL".to_owned(),
        Fault::KillGit => "mode=one".to_owned(),
        Fault::Signal(signal) => format!("mode=above signal={signal}"),
        Fault::Torn(part) => format!("mode=torn part={part}"),
        Fault::Error(_) | Fault::ErrorFromNow(_) => "mode=error".to_owned(),
    };
    let later = match fault {
        Fault::ErrorFromNow(error) => format!("{call}:error={error}"),
        _ => String::new(),
    };
    let after = if *process == 0 { point.gits_before } else { *process };
    let plan = format!("{mode} child={process} calls={call} inject='{call}:{what}' later='{later}' after={after}");
    let tracing = match fault {
        _ if *process == 0 => vec!["-e".into(), format!("trace={call}"), "-e".into(), format!("inject={call}:{what}")],
        Fault::ErrorFromNow(error) => {
            let from = point.own_before + 1;
            let inject = format!("inject={call}:error={error}:when={from}+");
            vec!["-e".into(), format!("trace={call}"), "-e".into(), inject]
        }
        _ => Vec::new(),
    };
    let ran = run(copy, &plan, &tracing, args);
    wait_for_orphans(copy, fault, *process);
    let injected = |process: usize| {
        let log = fs::read_to_string(copy.notes().join(format!("log.{process}")));
        log.is_ok_and(|log| log.contains("INJECTED"))
    };
    let fired = match fault {
        Fault::KillAll => ran.code == 128 + 9,
        // A git that dies leaves no last line in its log.
        Fault::KillGit => copy.notes().join(format!("log.{process}")).exists(),
        Fault::Torn(_) => copy.notes().join("hit").exists(),
        Fault::Signal(_) if *process > 0 => copy.notes().join("hit").exists(),
        Fault::Signal(_) => ran.code >= 128,
        Fault::Error(_) | Fault::ErrorFromNow(_) => injected(*process),
    };
    Broken { fired, ran }
}

/// Runs tussock while each of these calls on a file fails, in all of its threads.
pub fn fail_on_file(copy: &Copy<'_>, file: &Path, calls: &str, error: &str, args: &[String]) -> Broken {
    let log = copy.notes().join("log.file");
    let inject = format!("inject={calls}:error={error}");
    let mut all = owned(&["-f", "-qq", "-e", "signal=none", "-e", &format!("trace={calls}"), "-e", &inject, "-P"]);
    all.extend([file.as_os_str().to_owned(), "-o".into(), log.clone().into_os_string()]);
    all.push(env!("CARGO_BIN_EXE_tussock").into());
    all.extend(owned(args));
    let ran = copy.run(OsStr::new("strace"), &all, &[]);
    let fired = fs::read_to_string(log).is_ok_and(|log| log.contains("INJECTED"));
    Broken { fired, ran }
}

/// Waits until a git that outlived tussock has ended.
fn wait_for_orphans(copy: &Copy<'_>, fault: Fault, process: usize) {
    if !matches!(fault, Fault::Signal(_) | Fault::Torn(_)) || process == 0 || !copy.notes().join("hit").exists() {
        return;
    }
    let begun = Instant::now();
    while !copy.notes().join(format!("done.{process}")).exists() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
}
