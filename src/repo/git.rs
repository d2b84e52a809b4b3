//! The one place that runs the `git` program.
//!
//! Reading goes through libgit2 where it can, writing goes through here: only the program runs hooks, signs, applies
//! filters and knows every shape of repository.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::discover::{GitPlace, Home};
use super::error::Class;

/// Set while hooks run, so that a tussock that a hook starts can tell.
pub(super) const IN_TRANSACTION: &str = "TUSSOCK_IN_TRANSACTION";

/// Set to `off`, nothing is flushed to the disk: for benchmarks and tests only, a power cut may then lose commits.
pub const FSYNC: &str = "TUSSOCK_FSYNC";

/// The first version with `git hook run`.
const HOOK_RUN: Version = Version(2, 36);

/// Why the `git` program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none on `PATH`.
    #[error("the program `git` was not found on PATH; reading works without it, writing does not")]
    Missing,
    /// It could not be started, or its pipes broke.
    #[error("cannot run `{command}`: {source}")]
    Start {
        /// The command.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// It is too old for what is asked.
    #[error("this git is version {found}, {need} needs 2.36 or newer; please update git")]
    TooOld {
        /// The version it told.
        found: String,
        /// What needs the newer one.
        need: &'static str,
    },
    /// It ended with an error.
    #[error("`{command}` failed{}", .stderr.trim_end().lines().map(|l| format!("\n{l}")).collect::<String>())]
    Failed {
        /// The command, without the values given to it.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// It printed something else than expected.
    #[error("`{command}` answered something that was not understood: {answer:?}")]
    Answer {
        /// The command.
        command: String,
        /// What it printed.
        answer: String,
    },
}

impl GitError {
    /// What kind of error it is.
    pub fn class(&self) -> Class {
        match self {
            GitError::Missing | GitError::TooOld { .. } => Class::NotInState,
            GitError::Failed { stderr, .. } if stderr.contains(".lock': File exists") => Class::Locked,
            _ => Class::Io,
        }
    }
}

/// Major and minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    fn read(text: &str) -> Option<Self> {
        let numbers = text.trim().strip_prefix("git version ")?;
        let mut parts = numbers.split(|c: char| !c.is_ascii_digit());
        Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Runs the `git` program for one repository.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    version_text: String,
    version: Version,
    folder: PathBuf,
    env: Vec<(OsString, OsString)>,
    fsync: bool,
}

/// What a run printed.
#[derive(Debug)]
pub(super) struct Ran {
    /// Whether it ended with 0.
    pub ok: bool,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error, lossily.
    pub err: String,
}

impl Git {
    /// The `git` program for the repository of `home`.
    ///
    /// # Errors
    /// When there is none on `PATH` or it cannot tell its version.
    pub fn new(home: &Home) -> Result<Git, GitError> {
        match &home.repo {
            Some(place) => Git::at(place),
            None => Git::in_folder(&home.root),
        }
    }

    /// The `git` program for a repository.
    ///
    /// # Errors
    /// See [`Git::new`].
    pub(super) fn at(place: &GitPlace) -> Result<Git, GitError> {
        let mut git = Git::in_folder(place.workdir.as_ref().unwrap_or(&place.git_dir))?;
        // Where the caller's environment chose the repository, children must see the same one from any folder.
        if place.from_env {
            git.env.push(("GIT_DIR".into(), place.git_dir.clone().into()));
            if let Some(workdir) = &place.workdir {
                git.env.push(("GIT_WORK_TREE".into(), workdir.clone().into()));
            }
        }
        if let Some(index) = &place.index_from_env {
            git.env.push(("GIT_INDEX_FILE".into(), index.clone().into()));
        }
        Ok(git)
    }

    /// The `git` program, run in `folder`.
    pub(super) fn in_folder(folder: &Path) -> Result<Git, GitError> {
        // The reason why it cannot be started, where there is one: empty where there is none to start.
        static FOUND: OnceLock<Result<(PathBuf, String), Option<String>>> = OnceLock::new();
        let probe = || {
            let program = find_program(&std::env::var_os("PATH").unwrap_or_default()).ok_or(None)?;
            let out = Command::new(&program).arg("version").stdin(Stdio::null()).output();
            let out = out.map_err(|e| Some(e.to_string()))?;
            Ok((program, String::from_utf8_lossy(&out.stdout).trim().to_owned()))
        };
        let (program, version_text) = FOUND.get_or_init(probe).clone().map_err(|reason| match reason {
            None => GitError::Missing,
            Some(reason) => GitError::Start { command: "git version".into(), source: io::Error::other(reason) },
        })?;
        let version = Version::read(&version_text)
            .ok_or_else(|| GitError::Answer { command: "git version".into(), answer: version_text.clone() })?;
        Ok(Git {
            program,
            version_text,
            version,
            folder: folder.to_owned(),
            env: Vec::new(),
            fsync: std::env::var_os(FSYNC).is_none_or(|v| v != "off"),
        })
    }

    /// Adds variables to the environment of every run.
    #[must_use]
    pub fn with_env(mut self, env: &[(&str, &str)]) -> Self {
        for (key, value) in env {
            if *key == FSYNC {
                self.fsync = *value != "off";
            }
            self.env.push(((*key).into(), (*value).into()));
        }
        self
    }

    /// Whether what is written is also flushed to the disk.
    pub(super) fn fsync(&self) -> bool {
        self.fsync
    }

    /// A value of the environment as the runs see it.
    pub(super) fn env(&self, key: &str) -> Option<OsString> {
        let own = self.env.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        own.or_else(|| std::env::var_os(key))
    }

    /// Makes sure that hooks can be run.
    pub(super) fn can_run_hooks(&self) -> Result<(), GitError> {
        if self.version >= HOOK_RUN {
            return Ok(());
        }
        Err(GitError::TooOld { found: self.version_text.clone(), need: "running the hooks of this repository" })
    }

    /// Begins a run of a git command.
    pub(super) fn command(&self, name: &str) -> Run<'_> {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        Run { git: self, command, name: name.to_owned(), globals: Vec::new(), args: Vec::new(), stdin: None }
    }
}

/// One run of git that is being put together.
pub(super) struct Run<'a> {
    git: &'a Git,
    command: Command,
    name: String,
    globals: Vec<OsString>,
    args: Vec<OsString>,
    stdin: Option<&'a [u8]>,
}

impl<'a> Run<'a> {
    /// Says that no pattern is meant where a path is given, that messages shall be in English, and that objects are
    /// meant as they were written, not what replaces them: libgit2 reads them so. Not for commands that start the
    /// user's hooks: their environment is the user's.
    pub fn plain(mut self) -> Self {
        self.command.env("LC_ALL", "C").env("GIT_LITERAL_PATHSPECS", "1").env("GIT_NO_REPLACE_OBJECTS", "1");
        self
    }

    /// Says that the run only reads, so that it takes no locks.
    pub fn reading(self) -> Self {
        let mut run = self.plain();
        run.command.env("GIT_OPTIONAL_LOCKS", "0");
        run
    }

    /// Says that the run writes, so that git flushes what it writes.
    pub fn writing(mut self) -> Self {
        if self.git.fsync {
            if self.git.version >= HOOK_RUN {
                self = self.config("core.fsync=all").config("core.fsyncMethod=fsync");
            } else {
                self = self.config("core.fsyncObjectFiles=true");
            }
        }
        self
    }

    /// Says that Ctrl-C in the terminal is none of its business: for what must follow once the branch is moved.
    #[cfg(unix)]
    pub fn apart(mut self) -> Self {
        std::os::unix::process::CommandExt::process_group(&mut self.command, 0);
        self
    }

    /// Nothing can be said of it on this system.
    #[cfg(not(unix))]
    pub fn apart(self) -> Self {
        self
    }

    /// Sets a configuration value for this run.
    pub fn config(mut self, key_value: &str) -> Self {
        self.globals.extend(["-c".into(), key_value.into()]);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Forgets what the caller's environment and the user's configuration say, so that the run gives the same
    /// everywhere and touches no other repository.
    pub fn alone(mut self) -> Self {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            self.command.env_remove(name);
        }
        self.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").plain()
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// What to write to its standard input.
    pub fn stdin(mut self, bytes: &'a [u8]) -> Self {
        self.command.stdin(Stdio::piped());
        self.stdin = Some(bytes);
        self
    }

    /// Gives it a standard input of the caller's choice.
    pub fn input_from(mut self, input: Stdio) -> Self {
        self.command.stdin(input);
        self
    }

    /// How messages name the command.
    fn shown(&self) -> String {
        format!("git {}", self.name)
    }

    /// Starts it with all its pipes open, for a talk.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn talk(mut self) -> Result<Child, GitError> {
        let command = self.shown();
        self.command.args(&self.globals).args(self.name.split(' ')).args(&self.args).stdin(Stdio::piped());
        self.command.spawn().map_err(|source| GitError::Start { command, source })
    }

    /// Runs it, whatever comes of it.
    ///
    /// # Errors
    /// When it cannot be started or its pipes break.
    pub fn run(mut self) -> Result<Ran, GitError> {
        let shown = self.shown();
        self.command.args(&self.globals).args(self.name.split(' ')).args(&self.args);
        let failed = |source| GitError::Start { command: shown.clone(), source };
        let mut child = self.command.spawn().map_err(failed)?;
        let pipe = child.stdin.take();
        let stdin = self.stdin;
        let output = std::thread::scope(|scope| {
            // Written from a thread of its own: a command that answers before it has read all would else wait for us
            // while we wait for it. A command that ends early breaks the pipe, and its exit code says why.
            let writer = pipe.zip(stdin).map(|(mut pipe, bytes)| {
                std::thread::Builder::new().spawn_scoped(scope, move || match pipe.write_all(bytes) {
                    Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e),
                    _ => Ok(()),
                })
            });
            let writer = match writer.transpose() {
                Ok(writer) => writer,
                // The system has no more threads: a command that gets nothing to read must not go on as if that were all.
                Err(e) => return child.kill().and_then(|()| child.wait()).and(Err(e)),
            };
            let output = child.wait_with_output();
            match writer.map(|w| w.join()) {
                None => output,
                Some(Ok(written)) => written.and(output),
                Some(Err(_)) => Err(io::Error::other("writing to the command's input failed")),
            }
        });
        let output = output.map_err(failed)?;
        Ok(Ran {
            ok: output.status.success(),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it and returns its standard output.
    ///
    /// # Errors
    /// Also when it ends with an error.
    pub fn bytes(self) -> Result<Vec<u8>, GitError> {
        let command = self.shown();
        let ran = self.run()?;
        if !ran.ok {
            return Err(GitError::Failed { command, stderr: ran.err });
        }
        Ok(ran.out)
    }

    /// Runs it and returns its standard output as a line of text.
    ///
    /// # Errors
    /// Also when it ends with an error, or prints what is no text.
    pub fn line(self) -> Result<String, GitError> {
        let command = self.shown();
        let out = self.bytes()?;
        match std::str::from_utf8(&out) {
            Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(_) => Err(GitError::Answer { command, answer: String::from_utf8_lossy(&out).into_owned() }),
        }
    }
}

/// Makes a repository on branch `main` in a folder. In it a merge takes no deal along with a folder that others emptied.
///
/// # Errors
/// When there is no `git`, or it fails.
pub fn init_repository(folder: &Path) -> Result<(), GitError> {
    let git = Git::in_folder(folder)?;
    git.command("init").plain().args(["-q", "-b", "main"]).bytes()?;
    git.command("config").plain().args(["--local", "merge.directoryRenames", "false"]).bytes().map(drop)
}

/// The first `git` in the absolute folders of `path`. Relative entries (an empty one means the current folder) are
/// passed over: a repository must not bring its own git.
fn find_program(path: &OsStr) -> Option<PathBuf> {
    let name = format!("git{}", std::env::consts::EXE_SUFFIX);
    let here = std::env::current_dir().ok();
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute() && Some(folder) != here.as_ref())
        .map(|folder| folder.join(&name))
        .find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_git_prints() {
        assert_eq!(Version::read("git version 2.47.3"), Some(Version(2, 47)));
        assert_eq!(Version::read("git version 2.39.3 (Apple Git-146)\n"), Some(Version(2, 39)));
        assert_eq!(Version::read("git version 2.45.1.windows.1"), Some(Version(2, 45)));
        assert_eq!(Version::read("hub version 1"), None);
        assert!(Version(2, 36) > Version(2, 9));
    }

    #[cfg(unix)]
    #[test]
    fn git_is_never_taken_from_a_relative_folder_of_path() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let fake = dir.path().join("git");
        std::fs::write(&fake, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find_program(dir.path().as_os_str()), Some(fake.clone()));
        assert_eq!(find_program(OsStr::new(".:")), None);
        let here = std::env::current_dir().unwrap();
        let up: String = here.components().skip(1).map(|_| "../").collect();
        let relative = format!("{up}{}", dir.path().strip_prefix("/").unwrap().display());
        assert_eq!(find_program(OsStr::new(&relative)), None);
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(find_program(dir.path().as_os_str()), None);
    }
}
