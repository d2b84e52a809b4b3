//! Whole runs of the program beside what a person would run instead, on the same repository, in turn. Prints a Markdown
//! table; judges nothing. How to run it: `benches/README.md`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The program, built as released.
const TUSSOCK: &str = env!("CARGO_BIN_EXE_tussock");
/// Pairs of runs of each job, unless `TUSSOCK_BENCH_PAIRS` says otherwise.
const PAIRS: usize = 5;
/// Moves in one round of the move job.
const MOVES: usize = 20;
/// Deals in the job that changes many at once, where there are as many.
const MANY: usize = 1000;
/// Starts in one round of a job that is over in milliseconds.
const STARTS: usize = 20;

/// The arguments of the generator that make a repository of each size.
const SIZES: [(&str, &[&str]); 4] = [
    ("S", &["--deals", "200", "--commits", "1500", "--years", "1", "--shard", "year", "--full-repack"]),
    ("M", &["--deals", "5000", "--commits", "40000", "--years", "4", "--shard", "year", "--full-repack"]),
    ("L", &["--deals", "50000", "--commits", "400000", "--years", "6", "--shard", "year"]),
    // As many deals as L with a short past, for writing: quick to make.
    ("T", &["--deals", "50000", "--commits", "400000", "--years", "6", "--squash-first", "380000", "--shard", "year"]),
];

fn main() -> Result<()> {
    // `cargo test --benches` runs this too, where it has nothing to say.
    if !env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let wanted = env::var("TUSSOCK_BENCH").unwrap_or_else(|_| "S".to_owned());
    let Some((size, arguments)) = SIZES.iter().find(|(name, _)| *name == wanted) else {
        return Err(format!("TUSSOCK_BENCH={wanted}: sizes are S, M, L and T").into());
    };
    let pairs = match env::var("TUSSOCK_BENCH_PAIRS") {
        Ok(number) => number.parse::<usize>().ok().filter(|n| *n > 0).ok_or("TUSSOCK_BENCH_PAIRS is no number")?,
        Err(_) => PAIRS,
    };
    let Some(repository) = repository(size, arguments)? else { return Ok(()) };
    let counted = Command::new("git").current_dir(&repository).args(["rev-list", "--count", "HEAD"]).output()?;
    println!("Size {size}: {} commits, {pairs} pairs.\n", String::from_utf8_lossy(&counted.stdout).trim());
    println!("| job | peer | wall | peer's wall | ratio | CPU | peer's CPU | ratio | peak memory | peer's |");
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for job in reading_jobs(&repository).into_iter().chain(checking_jobs(&repository)?) {
        // The first runs also warm the disk's cache for the others.
        let memory = (job.ours.peak_memory()?, job.theirs.peak_memory()?);
        let mut rounds = Vec::new();
        for _ in 0..pairs {
            rounds.push((job.ours.run()?, job.theirs.run()?));
        }
        println!("{}", row(&job.ours.name, &job.theirs.name, &rounds, memory));
    }
    let mut rounds = Vec::new();
    for _ in 0..pairs {
        rounds.push(moves(&repository)?);
    }
    println!("{}", row(&format!("`move`, {MOVES} times"), "`git mv`, `git commit`", &rounds, (None, None)));
    let mut rounds = Vec::new();
    let mut count = 0;
    for _ in 0..pairs {
        let (many, one, deals) = batches(&repository)?;
        rounds.push((many, one));
        count = deals;
    }
    println!("{}", row(&format!("`move` of {count} deals in one commit"), "`move` of one", &rounds, (None, None)));
    Ok(())
}

/// A line of the table: medians of both sides, and the median of the ratios of the pairs.
fn row(ours: &str, theirs: &str, rounds: &[(Cost, Cost)], memory: (Option<u64>, Option<u64>)) -> String {
    let mut cells = vec![ours.to_owned(), theirs.to_owned()];
    for part in [|cost: &Cost| Some(cost.wall), |cost: &Cost| cost.cpu] {
        let both: Vec<(f64, f64)> = rounds
            .iter()
            .filter_map(|(ours, theirs)| Some((part(ours)?.as_secs_f64(), part(theirs)?.as_secs_f64())))
            .collect();
        let time = |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |s| format!("{:.1} ms", s * 1000.0));
        cells.push(time(median(both.iter().map(|pair| pair.0))));
        cells.push(time(median(both.iter().map(|pair| pair.1))));
        let ratio = median(both.iter().map(|pair| pair.0 / pair.1));
        cells.push(ratio.map_or_else(|| "-".to_owned(), |r| format!("{r:.2}x")));
    }
    let megabytes = |kib: Option<u64>| kib.map_or_else(|| "-".to_owned(), |k| format!("{:.0} MB", k as f64 / 1024.0));
    cells.extend([megabytes(memory.0), megabytes(memory.1)]);
    format!("| {} |", cells.join(" | "))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    if values.len().is_multiple_of(2) {
        Some(values[middle].midpoint(values[middle + 1]))
    } else {
        Some(values[middle])
    }
}

/// The repository of a size, made the first time and kept below the system's folder for temporary files. `None`, with a
/// word on why, where the generator is not there.
fn repository(size: &str, arguments: &[&str]) -> Result<Option<PathBuf>> {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/gen_repo.py");
    let cache = env::temp_dir().join("tussock-bench");
    let repository = cache.join(size);
    if repository.join("sales/pipeline.yaml").is_file() {
        return Ok(Some(repository));
    }
    if !generator.is_file() {
        println!("skipped: {} is not here, which makes the repositories", generator.display());
        return Ok(None);
    }
    fs::create_dir_all(&cache)?;
    eprintln!("making the repository of size {size} in {}", repository.display());
    // Under another name until it is whole, so that a run that was broken off leaves nothing that looks finished.
    let unfinished = tempfile::Builder::new().prefix(size).tempdir_in(&cache)?;
    let folder = unfinished.path().join("repository");
    let made = Command::new("python3").arg(&generator).arg(&folder).args(arguments).stdout(Stdio::null()).status()?;
    if !made.success() {
        return Err(format!("the generator ended with {made}").into());
    }
    fs::rename(&folder, &repository)?;
    Ok(Some(repository))
}

/// One command to be measured.
struct Run {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    folder: PathBuf,
    times: usize,
}

impl Run {
    fn new(program: impl Into<PathBuf>, words: &str, folder: &Path) -> Run {
        let program = program.into();
        let short = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Run {
            name: format!("`{short} {words}`"),
            program,
            arguments: words.split(' ').map(str::to_owned).collect(),
            folder: folder.to_owned(),
            times: if words == "--version" { STARTS } else { 1 },
        }
    }

    fn tussock(words: &str, folder: &Path) -> Run {
        Run { name: format!("`{words}`"), ..Run::new(TUSSOCK, words, folder) }
    }

    fn git(words: &str, folder: &Path) -> Run {
        Run::new("git", words, folder)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn run(&self) -> Result<Cost> {
        let mut cost = Cost::default();
        for _ in 0..self.times {
            let mut command = self.command(&self.program);
            command.args(&self.arguments);
            // To have found something is no failure.
            cost.add(measure(command, &[0, 1])?);
        }
        Ok(cost)
    }

    /// In KiB, where GNU time is there to tell.
    fn peak_memory(&self) -> Result<Option<u64>> {
        let time = Path::new("/usr/bin/time");
        if !time.is_file() {
            self.run()?;
            return Ok(None);
        }
        let told = tempfile::NamedTempFile::new()?;
        let mut command = self.command(time);
        command.args(["-f", "%M", "-o"]).arg(told.path()).arg(&self.program).args(&self.arguments);
        command.status()?;
        Ok(fs::read_to_string(told.path())?.lines().last().and_then(|line| line.trim().parse().ok()))
    }
}

struct Job {
    ours: Run,
    theirs: Run,
}

/// Everything that changes nothing.
fn reading_jobs(repository: &Path) -> Vec<Job> {
    let every_byte = || match Command::new("rg").arg("--version").stdout(Stdio::null()).status() {
        Ok(_) => Run::new("rg", "-c ^amount: sales", repository),
        Err(_) => Run::new("grep", "-rc ^amount: sales", repository),
    };
    let ours = |words: &str| Run::tussock(words, repository);
    let git = |words: &str| Run::git(words, repository);
    vec![
        Job { ours: ours("--version"), theirs: git("--version") },
        Job { ours: ours("validate"), theirs: git("status --porcelain") },
        Job { ours: ours("validate"), theirs: every_byte() },
        Job { ours: ours("list"), theirs: every_byte() },
        Job { ours: ours("log --format csv"), theirs: git("log --raw --no-renames --format=%H") },
        Job { ours: ours("log --format csv"), theirs: git("log --raw -M --format=%H") },
        Job { ours: ours("report"), theirs: git("log --raw --no-renames --format=%H") },
        Job { ours: ours("report"), theirs: git("log --raw -M --format=%H") },
    ]
}

/// What checks deals, or reads one: programs that a team might write or take instead, as far as they are installed.
fn checking_jobs(repository: &Path) -> Result<Vec<Job>> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let ours = |words: &str| Run::tussock(words, repository);
    let stage = first_stage(repository)?;
    let mut jobs = Vec::new();
    if let Some(deal) = deals_in(&repository.join("sales").join(&stage))?.first() {
        let one = ours(&format!("validate sales/{stage}/{deal}.yaml"));
        jobs.push(Job { ours: one, theirs: Run::git("rev-parse HEAD", repository) });
    }
    let has = |program: &str, words: &[&str]| {
        let asked = Command::new(program).args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    if has("python3", &["-c", "import jsonschema, yaml; yaml.CSafeLoader"]) {
        let script = peers.join("validate.py");
        let mut theirs = Run::new("python3", "-B", repository);
        theirs.name = "`peers/validate.py`".to_owned();
        theirs.arguments.extend([script.display().to_string(), "sales".to_owned()]);
        jobs.push(Job { ours: ours("validate"), theirs });
    } else {
        println!("\nWithout `peers/validate.py`: PyYAML with libyaml, or jsonschema, is not installed.\n");
    }
    if has("check-jsonschema", &["--version"]) {
        let mut theirs = Run::new(peers.join("check-jsonschema.sh"), "sales", repository);
        theirs.name = "`check-jsonschema`".to_owned();
        jobs.push(Job { ours: ours("validate"), theirs });
    } else {
        println!("\nWithout `check-jsonschema`: it is not installed.\n");
    }
    Ok(jobs)
}

/// The same moves by tussock and by git, each in a fresh copy. What fsync costs is the disk's affair: it is off on both
/// sides.
fn moves(repository: &Path) -> Result<(Cost, Cost)> {
    let from = first_stage(repository)?;
    let deals = deals_in(&repository.join("sales").join(&from))?;
    let to = "lost";
    let (mut ours, mut theirs) = (Cost::default(), Cost::default());
    let copies = (copy(repository)?, copy(repository)?);
    for deal in deals.iter().take(MOVES) {
        let mut command = Command::new(TUSSOCK);
        command.args(["move", deal, to, "--set", "lost.reason=price"]);
        command.current_dir(copies.0.path().join("repository")).env("TUSSOCK_FSYNC", "off").stdout(Stdio::null());
        ours.add(measure(identity(command), &[0])?);
        let folder = copies.1.path().join("repository");
        let target = format!("sales/{to}/2026/{deal}.yaml");
        let file = format!("sales/{from}/{deal}.yaml");
        fs::create_dir_all(folder.join("sales").join(to).join("2026"))?;
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "core.fsync=none"]).args(words).current_dir(&folder);
            measure(identity(command), &[0])
        };
        theirs.add(git(&["mv", &file, &target])?);
        theirs.add(git(&["commit", "-qm", "moved"])?);
    }
    Ok((ours, theirs))
}

/// Many deals moved in one commit, and one, each in a fresh copy; and how many.
fn batches(repository: &Path) -> Result<(Cost, Cost, usize)> {
    let mut deals = Vec::new();
    for entry in fs::read_dir(repository.join("sales"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && name != "won" && name != "lost" {
            deals.extend(deals_in(&entry.path())?);
        }
    }
    deals.sort();
    deals.truncate(MANY);
    let lose = |deals: &[String]| -> Result<Cost> {
        let place = copy(repository)?;
        let mut command = Command::new(TUSSOCK);
        command.arg("lose").args(deals).args(["--reason", "price"]);
        command.current_dir(place.path().join("repository")).env("TUSSOCK_FSYNC", "off").stdout(Stdio::null());
        measure(identity(command), &[0])
    };
    Ok((lose(&deals)?, lose(&deals[..1])?, deals.len()))
}

fn first_stage(repository: &Path) -> Result<String> {
    let mut stages: Vec<String> = Vec::new();
    for entry in fs::read_dir(repository.join("sales"))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            stages.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    stages.sort();
    Ok(stages.into_iter().next().ok_or("the repository has no stage")?)
}

fn deals_in(folder: &Path) -> Result<Vec<String>> {
    let mut deals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        deals.extend(name.strip_suffix(".yaml").map(str::to_owned));
    }
    deals.sort();
    Ok(deals)
}

fn copy(repository: &Path) -> Result<tempfile::TempDir> {
    let place = tempfile::Builder::new().prefix("tussock-bench-copy").tempdir()?;
    let copied = Command::new("cp").arg("-a").arg(repository).arg(place.path().join("repository")).status()?;
    if !copied.success() {
        return Err("the repository could not be copied".into());
    }
    // The copy's files have other inodes, which the index would only learn during the first measured command.
    Command::new("git")
        .args(["update-index", "-q", "--refresh"])
        .current_dir(place.path().join("repository"))
        .status()?;
    Ok(place)
}

/// One author, and nothing from the machine's configuration.
fn identity(mut command: Command) -> Command {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Bench").env(format!("GIT_{role}_EMAIL"), "bench@example.com");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

/// What a run took.
#[derive(Clone, Debug, Default)]
struct Cost {
    wall: Duration,
    /// User and system time, the run's own children included.
    cpu: Option<Duration>,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.wall += other.wall;
        self.cpu = Some(self.cpu.unwrap_or_default()).zip(other.cpu).map(|(a, b)| a + b);
    }
}

/// Runs a command to its end. To end with another code than the ones that are well is an error: it did not do the job.
fn measure(mut command: Command, well: &[i32]) -> Result<Cost> {
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
