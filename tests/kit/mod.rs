//! The test kit: hermetic repositories in a few lines.
//!
//! Nothing of the machine reaches a test: the environment is cleared, git reads no system or global configuration,
//! names are fixed, and time begins at 2026-01-05 09:00 UTC and advances one minute with every commit.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tussock::repo::discover::Home;
use tussock::repo::git::Git;

pub mod freeze;

/// 2026-01-05T09:00:00Z, where the kit's clock begins.
pub const START: i64 = 1_767_603_600;

/// A repository in a temporary folder, removed when dropped.
pub struct TestRepo {
    dir: tempfile::TempDir,
    clock: std::cell::Cell<i64>,
}

/// What a command printed and how it ended.
pub struct Ran {
    /// Exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl TestRepo {
    /// An empty git repository on branch `main`.
    pub fn new() -> Self {
        let repo = TestRepo::without_git();
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// An empty folder without git.
    pub fn without_git() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(dir.path().join("home")).expect("a home folder");
        std::fs::create_dir_all(dir.path().join("repo")).expect("a repository folder");
        TestRepo { dir, clock: std::cell::Cell::new(START) }
    }

    /// The repository's folder.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// The kit's clock, in seconds since 1970.
    pub fn now(&self) -> i64 {
        self.clock.get()
    }

    /// Sets the kit's clock.
    pub fn set_now(&self, seconds: i64) {
        self.clock.set(seconds);
    }

    /// Lets time pass.
    pub fn wait_days(&self, days: i64) {
        self.clock.set(self.clock.get() + days * 86_400);
    }

    /// Writes a file, with its folders.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().expect("a parent")).expect("folders");
        std::fs::write(full, text).expect("a file");
        self
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))).into()
    }

    /// Whether a path is there.
    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).symlink_metadata().is_ok()
    }

    /// Commits everything in the work tree and lets a minute pass; returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.clock.set(self.clock.get() + 60);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Moves a file the way a person does, and commits.
    pub fn move_by_hand(&self, from: &str, to: &str) -> String {
        std::fs::create_dir_all(self.path().join(to).parent().expect("a parent")).expect("folders");
        self.git(&["mv", from, to]);
        self.commit(&format!("{from} -> {to}"))
    }

    /// Puts a hook of git's in place: a script of shell without its first line.
    #[cfg(unix)]
    pub fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = format!(".git/hooks/{name}");
        self.write(&file, format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(self.path().join(file), std::fs::Permissions::from_mode(0o755)).expect("a hook");
    }

    /// The git that the library runs on a pipeline of this repository, hermetic as well.
    pub fn library_git(&self, home: &Home) -> Git {
        let folder = self.path().join("../home").display().to_string();
        let date = format!("{} +0000", self.now());
        Git::new(home).expect("git").with_env(&[
            ("HOME", &folder),
            ("XDG_CONFIG_HOME", &folder),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_AUTHOR_NAME", "Olga Sokolova"),
            ("GIT_AUTHOR_EMAIL", "olga@example.com"),
            ("GIT_COMMITTER_NAME", "Olga Sokolova"),
            ("GIT_COMMITTER_EMAIL", "olga@example.com"),
            ("GIT_AUTHOR_DATE", &date),
            ("GIT_COMMITTER_DATE", &date),
            ("TUSSOCK_FSYNC", "off"),
        ])
    }

    /// Runs git and returns what it printed; panics when it fails.
    pub fn git(&self, args: &[&str]) -> String {
        let ran = self.try_git(args);
        assert!(ran.code == 0, "git {args:?} failed with {}: {}{}", ran.code, ran.out, ran.err);
        ran.out
    }

    /// Runs git, whatever comes of it.
    pub fn try_git(&self, args: &[&str]) -> Ran {
        self.run(Command::new("git").args(args))
    }

    /// Runs tussock in the repository's folder.
    pub fn tussock(&self, args: &[&str]) -> Ran {
        self.run(Command::new(env!("CARGO_BIN_EXE_tussock")).args(args))
    }

    /// Runs tussock and returns what it printed; panics when it fails.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.tussock(args);
        assert!(ran.code == 0, "tussock {args:?} failed with {}:\n{}{}", ran.code, ran.out, ran.err);
        ran.out
    }

    /// Gives a command the repository's folder and the hermetic environment.
    pub fn hermetic<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let date = format!("{} +0000", self.clock.get());
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.dir.path().join("home"))
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Olga Sokolova")
            .env("GIT_AUTHOR_EMAIL", "olga@example.com")
            .env("GIT_COMMITTER_NAME", "Olga Sokolova")
            .env("GIT_COMMITTER_EMAIL", "olga@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("TUSSOCK_FSYNC", "off")
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
    }

    /// Runs a command in the repository's folder with the hermetic environment.
    pub fn run(&self, command: &mut Command) -> Ran {
        self.hermetic(command);
        let Output { status, stdout, stderr } = command.output().expect("the command starts");
        let text = |bytes: Vec<u8>| {
            let root = self.dir.path().join("repo");
            String::from_utf8_lossy(&bytes).replace(&*root.to_string_lossy(), "@@REPO@@")
        };
        Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
    }

    /// A small pipeline of three stages and three ends, committed: `brief` → `proposal` → `contract`; `brief` asks for
    /// `inputs.goal` on exit, `proposal` for a filled `proposal.sent_on`, `lost` for a reason.
    pub fn with_pipeline() -> Self {
        let repo = TestRepo::new();
        repo.write("sales/pipeline.yaml", SMALL_PIPELINE);
        for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
            repo.write(&format!("sales/{stage}/.gitkeep"), "");
        }
        repo.commit("Set up the pipeline");
        repo
    }
}

/// The pipeline of [`TestRepo::with_pipeline`].
pub const SMALL_PIPELINE: &str = "\
version: 1
title: Small
currency: EUR
stages:
  - id: brief
    title: Brief
    probability: 10%
    limit: 14d
    exit:
      - id: goal-known
        text: We know what they want
        require: [inputs.goal]
  - id: proposal
    title: Proposal
    probability: 40%
    exit:
      - id: proposal-sent
        text: The proposal is sent
        require: [proposal.sent_on]
  - id: contract
    title: Contract
    probability: 80%
ends:
  - id: won
    kind: won
  - id: lost
    kind: lost
    entry:
      - id: reason
        text: Say why it was lost
        require: [lost.reason]
  - id: recycled
    kind: recycled
fields:
  inputs:
    goal: text
  proposal:
    sent_on: date
  lost:
    reason: {enum: [price, timing, competitor, no-need, silent]}
    note: text
rules:
  missing-next-step: off
  stale-deal: off
";

/// The folder of shared test data, where this checkout has one beside it; prints why a test is skipped otherwise.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(what);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: ../shared/{what} is not here");
        None
    }
}
