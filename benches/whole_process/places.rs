//! The repositories that are measured: made once, kept, and copied for what changes them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// A size of repository and the generator's arguments that make it.
pub struct Size {
    pub name: &'static str,
    arguments: &'static [&'static str],
}

pub const SIZES: [Size; 4] = [
    Size {
        name: "S",
        arguments: &["--deals", "200", "--commits", "1500", "--years", "1", "--shard", "year", "--full-repack"],
    },
    Size {
        name: "M",
        arguments: &["--deals", "5000", "--commits", "40000", "--years", "4", "--shard", "year", "--full-repack"],
    },
    Size { name: "L", arguments: &["--deals", "50000", "--commits", "400000", "--years", "6", "--shard", "year"] },
    // As many deals as L with a short past, for writing: quick to make.
    Size {
        name: "T",
        arguments: &[
            "--deals",
            "50000",
            "--commits",
            "400000",
            "--years",
            "6",
            "--squash-first",
            "380000",
            "--shard",
            "year",
        ],
    },
];

fn kept(name: &str) -> PathBuf {
    env::temp_dir().join("tussock-bench").join(name)
}

/// The repository of a size, made the first time and kept below the system's folder for temporary files, its truth beside
/// it. `None`, with a word on why, where the generator is not there.
pub fn repository(size: &Size) -> Result<Option<PathBuf>> {
    let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools/gen_repo.py");
    let repository = kept(size.name);
    if repository.join("sales/pipeline.yaml").is_file() {
        // It may be a link to where there is room.
        return Ok(Some(repository.canonicalize()?));
    }
    if !generator.is_file() {
        println!("skipped: {} is not here, which makes the repositories", generator.display());
        return Ok(None);
    }
    let cache = kept("");
    fs::create_dir_all(&cache)?;
    eprintln!("making the repository of size {} in {}", size.name, repository.display());
    // Under another name until it is whole, so that a run that was broken off leaves nothing that looks finished.
    let unfinished = tempfile::Builder::new().prefix(size.name).tempdir_in(&cache)?;
    let (folder, truth) = (unfinished.path().join("repository"), unfinished.path().join("truth"));
    let mut command = Command::new("python3");
    command.arg(&generator).arg(&folder).args(size.arguments).arg("--truth").arg(&truth).stdout(Stdio::null());
    let made = command.status()?;
    if !made.success() {
        return Err(format!("the generator ended with {made}").into());
    }
    fs::rename(&truth, truth_of(size))?;
    fs::rename(&folder, &repository)?;
    Ok(Some(repository))
}

/// A repository that a former run made.
pub fn kept_repository(name: &str) -> Result<PathBuf> {
    Ok(kept(name).canonicalize()?)
}

/// Where the generator's list of events lies.
pub fn truth_of(size: &Size) -> PathBuf {
    kept(&format!("{}.tsv", size.name))
}

pub fn commits(repository: &Path) -> Result<usize> {
    let counted = Command::new("git").current_dir(repository).args(["rev-list", "--count", "HEAD"]).output()?;
    Ok(String::from_utf8_lossy(&counted.stdout).trim().parse()?)
}

/// What is worth knowing of the machine at this moment.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    match load.split(' ').next().filter(|word| !word.is_empty()) {
        Some(load) => format!("{cores} cores, load {load} before"),
        None => format!("{cores} cores"),
    }
}

/// A copy of a repository in which anything may be done. Objects are never changed once written, so they are linked where
/// the disk can do that; what tussock remembered is left behind.
pub struct Copy {
    _place: tempfile::TempDir,
    pub folder: PathBuf,
}

pub fn copy(repository: &Path) -> Result<Copy> {
    let place = tempfile::Builder::new().prefix("tussock-bench-copy").tempdir()?;
    let folder = place.path().join("repository");
    fs::create_dir_all(folder.join(".git"))?;
    for entry in fs::read_dir(repository)?.chain(fs::read_dir(repository.join(".git"))?) {
        let path = entry?.path();
        let below = path.strip_prefix(repository)?;
        if below == Path::new(".git") || below == Path::new(".git/tussock") {
            continue;
        }
        let linked = below == Path::new(".git/objects")
            && Command::new("cp")
                .arg("-al")
                .arg(&path)
                .arg(folder.join(below))
                .stderr(Stdio::null())
                .status()?
                .success();
        if !linked && !Command::new("cp").arg("-a").arg(&path).arg(folder.join(below)).status()?.success() {
            return Err("the repository could not be copied".into());
        }
    }
    // The copy's files have other inodes, which the index would only learn during the first measured command.
    Command::new("git").args(["update-index", "-q", "--refresh"]).current_dir(&folder).status()?;
    Ok(Copy { _place: place, folder })
}

/// One author, and nothing from the machine's configuration.
pub fn identity(mut command: Command) -> Command {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Bench").env(format!("GIT_{role}_EMAIL"), "bench@example.com");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    command
}

/// The names of the open stages' folders, in order.
pub fn open_stages(repository: &Path) -> Result<Vec<String>> {
    let mut stages: Vec<String> = Vec::new();
    for entry in fs::read_dir(repository.join("sales"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && name != "won" && name != "lost" {
            stages.push(name);
        }
    }
    stages.sort();
    if stages.is_empty() { Err("the repository has no stage".into()) } else { Ok(stages) }
}

/// The ids of the deals in a folder, in order.
pub fn deals_in(folder: &Path) -> Result<Vec<String>> {
    let mut deals = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        deals.extend(name.strip_suffix(".yaml").map(str::to_owned));
    }
    deals.sort();
    Ok(deals)
}
