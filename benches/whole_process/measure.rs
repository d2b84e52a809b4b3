//! One run of a program: how long it took, and how much memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// The program, built as released.
pub const TUSSOCK: &str = env!("CARGO_BIN_EXE_tussock");

/// One command to be measured.
#[derive(Clone)]
pub struct Run {
    /// As the table calls it.
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    /// How often it runs in one measurement; more than once where it is over in milliseconds.
    pub times: usize,
    /// Whether the history is read from the beginning.
    cold: bool,
}

impl Run {
    pub fn new(program: impl Into<PathBuf>, words: &str, folder: &Path) -> Run {
        let program = program.into();
        let short = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Run {
            name: format!("`{short} {words}`"),
            program,
            arguments: words.split(' ').map(str::to_owned).collect(),
            folder: folder.to_owned(),
            times: 1,
            cold: false,
        }
    }

    pub fn tussock(words: &str, folder: &Path) -> Run {
        Run { name: format!("`{words}`"), ..Run::new(TUSSOCK, words, folder) }
    }

    pub fn git(words: &str, folder: &Path) -> Run {
        Run::new("git", words, folder)
    }

    pub fn named(self, name: &str) -> Run {
        Run { name: name.to_owned(), ..self }
    }

    pub fn times(self, times: usize) -> Run {
        Run { times, ..self }
    }

    /// Without what an earlier run remembered.
    pub fn cold(self) -> Run {
        Run { name: format!("{}, cold", self.name), cold: true, ..self }
    }

    /// The command, with all that it says thrown away.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn whole(&self) -> Command {
        let mut command = self.command(&self.program);
        command.args(&self.arguments);
        command
    }

    fn begin(&self) -> Result<()> {
        if self.cold {
            forget(&self.folder)?;
        }
        Ok(())
    }

    pub fn run(&self) -> Result<Cost> {
        let mut cost = Cost::default();
        for _ in 0..self.times {
            self.begin()?;
            // To have found something is no failure.
            cost.add(measure(self.whole(), &[0, 1])?);
        }
        Ok(cost)
    }

    /// What the command prints.
    pub fn output(&self) -> Result<Vec<u8>> {
        self.begin()?;
        let output = self.whole().stdout(Stdio::piped()).output()?;
        if output.status.success() { Ok(output.stdout) } else { Err(format!("{} ended badly", self.name).into()) }
    }

    /// The most memory of one run, in KiB, where GNU time is there to tell.
    pub fn peak_memory(&self) -> Result<Option<u64>> {
        let time = Path::new("/usr/bin/time");
        if !time.is_file() {
            return Ok(None);
        }
        self.begin()?;
        let told = tempfile::NamedTempFile::new()?;
        let mut command = self.command(time);
        command.args(["-f", "%M", "-o"]).arg(told.path()).arg(&self.program).args(&self.arguments);
        command.status()?;
        Ok(fs::read_to_string(told.path())?.lines().last().and_then(|line| line.trim().parse().ok()))
    }

    /// The most memory of one run that is no mapped file, in KiB, looked at every few milliseconds; on Linux only.
    pub fn peak_own_memory(&self) -> Result<Option<u64>> {
        self.begin()?;
        let mut child = self.whole().spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut most = None;
        while child.try_wait()?.is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let now: Option<u64> = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            most = most.max(now);
            sleep(Duration::from_millis(3));
        }
        Ok(most)
    }
}

/// The folder in which tussock keeps what it remembers of a repository.
pub fn memory_folder(repository: &Path) -> PathBuf {
    repository.join(".git/tussock")
}

/// Removes what tussock remembers of a repository.
fn forget(repository: &Path) -> Result<()> {
    match fs::remove_dir_all(memory_folder(repository)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// What a run took.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    /// User and system time, the run's own children included.
    pub cpu: Option<Duration>,
}

impl Cost {
    pub fn add(&mut self, other: Cost) {
        self.cpu = if self.wall.is_zero() { other.cpu } else { self.cpu.zip(other.cpu).map(|(a, b)| a + b) };
        self.wall += other.wall;
    }
}

/// Runs a command to its end. To end with another code than the ones that are well is an error: it did not do the job.
pub fn measure(mut command: Command, well: &[i32]) -> Result<Cost> {
    let before = children_cpu();
    let start = Instant::now();
    let status = command.status().map_err(|e| format!("{command:?}: {e}"))?;
    let wall = start.elapsed();
    let cpu = before.zip(children_cpu()).map(|(before, after)| after.saturating_sub(before));
    if status.code().is_some_and(|code| well.contains(&code)) {
        Ok(Cost { wall, cpu })
    } else {
        Err(format!("{command:?} ended with {status}").into())
    }
}

/// Runs each of these once a round, in turn, so that what else the machine does falls on all of them. There are `rounds`
/// rounds, but after a minute no more than `least`. Gives each command's costs.
pub fn in_turn<const N: usize>(runs: [&Run; N], rounds: usize, least: usize) -> Result<[Vec<Cost>; N]> {
    let mut costs = [const { Vec::new() }; N];
    let start = Instant::now();
    for round in 0..rounds {
        if round >= least && start.elapsed() > Duration::from_secs(60) {
            break;
        }
        for (run, costs) in runs.iter().zip(&mut costs) {
            costs.push(run.run()?);
        }
    }
    Ok(costs)
}

#[cfg(unix)]
fn children_cpu() -> Option<Duration> {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let time = |time: nix::sys::time::TimeVal| {
        let (seconds, micros) = (u64::try_from(time.tv_sec()).ok()?, u64::try_from(time.tv_usec()).ok()?);
        Some(Duration::from_secs(seconds) + Duration::from_micros(micros))
    };
    Some(time(usage.user_time())? + time(usage.system_time())?)
}

#[cfg(not(unix))]
fn children_cpu() -> Option<Duration> {
    None
}
