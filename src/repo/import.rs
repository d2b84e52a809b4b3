//! Makes a repository from a `git fast-import` stream.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a repository could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Git could not be started or spoken to.
    #[error("cannot run `git {what}` in {}: {source}; is git installed and on the PATH?", folder.display())]
    Run {
        /// The git command.
        what: &'static str,
        /// Where it ran.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Git refused.
    #[error("`git {what}` failed in {}: {message}", folder.display())]
    Refused {
        /// The git command.
        what: &'static str,
        /// Where it ran.
        folder: PathBuf,
        /// What it printed.
        message: String,
    },
}

/// Makes a SHA-1 repository in an existing, empty folder, feeds it the stream (which ends with `done`) and checks out its
/// branch `main`. No configuration, hook or template of the user takes part, so that the same stream gives the same
/// commits everywhere.
///
/// # Errors
/// When git cannot be run or refuses.
pub fn import_repository(folder: &Path, stream: &[u8]) -> Result<(), ImportError> {
    git(folder, "init", &["--quiet", "--initial-branch=main", "--object-format=sha1", "--template="], None)?;
    git(folder, "fast-import", &["--quiet", "--done"], Some(stream))?;
    git(folder, "reset", &["--quiet", "--hard", "main"], None)
}

fn git(folder: &Path, what: &'static str, args: &[&str], input: Option<&[u8]>) -> Result<(), ImportError> {
    let failed = |source| ImportError::Run { what, folder: folder.to_owned(), source };
    let mut command = Command::new("git");
    command.arg(what).args(args).current_dir(folder);
    // Variables of a calling hook would lead git to another repository.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(&name);
        }
    }
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let fed = match (child.stdin.take(), input) {
        (Some(mut pipe), Some(bytes)) => pipe.write_all(bytes),
        _ => Ok(()),
    };
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ImportError::Refused { what, folder: folder.to_owned(), message });
    }
    fed.map_err(failed)
}
