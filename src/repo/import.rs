//! Makes a repository from a `git fast-import` stream.

use std::path::Path;

use super::git::{Git, GitError};

/// Makes a SHA-1 repository in an existing, empty folder, feeds it the stream (which ends with `done`) and checks out its
/// branch `main`. No configuration, hook or template of the user takes part, so that the same stream gives the same
/// commits everywhere.
///
/// # Errors
/// When there is no `git`, or it refuses.
pub fn import_repository(folder: &Path, stream: &[u8]) -> Result<(), GitError> {
    let git = Git::in_folder(folder)?;
    let shape = ["--quiet", "--initial-branch=main", "--object-format=sha1", "--template="];
    git.command("init").alone().args(shape).bytes()?;
    git.command("fast-import").alone().args(["--quiet", "--done"]).stdin(stream).bytes()?;
    git.command("reset").alone().args(["--quiet", "--hard", "main"]).bytes()?;
    Ok(())
}
