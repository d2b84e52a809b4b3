//! The user's hooks, run as git runs them.

use std::path::Path;

use super::discover::GitPlace;
use super::error::WriteError;
use super::git::{Git, IN_TRANSACTION};
use super::state::Settings;

/// Runs hooks for one commit and keeps what they print.
pub(super) struct Hooks<'a> {
    git: &'a Git,
    place: &'a GitPlace,
    settings: &'a Settings,
    index: &'a Path,
    printed: String,
}

impl<'a> Hooks<'a> {
    /// Hooks that see `index` as the index.
    pub fn new(git: &'a Git, place: &'a GitPlace, settings: &'a Settings, index: &'a Path) -> Self {
        Hooks { git, place, settings, index, printed: String::new() }
    }

    /// Whether there may be such a hook. Only a plain absence is told without asking git.
    pub fn may_have(&self, name: &str) -> bool {
        self.settings.text("core.hookspath").is_some()
            || self.settings.any("hook.")
            || self.place.common_dir.join("hooks").join(name).symlink_metadata().is_ok()
    }

    /// Runs a hook, if there is one, and says whether it was run.
    ///
    /// # Errors
    /// When it refuses, or cannot be run.
    pub fn run(&mut self, name: &str, args: &[&str]) -> Result<bool, WriteError> {
        if !self.may_have(name) {
            return Ok(false);
        }
        let ran = self.start(name, args)?;
        if ran {
            return Ok(true);
        }
        Err(WriteError::Rejected { by: format!("the {name} hook"), output: std::mem::take(&mut self.printed) })
    }

    /// Runs a hook whose answer does not count any more.
    pub fn notify(&mut self, name: &str) {
        if !self.may_have(name) {
            return;
        }
        match self.start(name, &[]) {
            Ok(true) => {}
            Ok(false) => self.printed.push_str(&format!("the {name} hook failed\n")),
            Err(e) => self.printed.push_str(&format!("the {name} hook could not be run: {e}\n")),
        }
    }

    /// All that the hooks printed.
    pub fn printed(self) -> String {
        self.printed
    }

    fn start(&mut self, name: &str, args: &[&str]) -> Result<bool, WriteError> {
        self.git.can_run_hooks()?;
        let mut run = self.git.command("hook run").args(["--ignore-missing", name]);
        if !args.is_empty() {
            run = run.args(["--"]).args(args);
        }
        // No editor can be opened from here, and git tells hooks so in the same way.
        let run = run.env("GIT_INDEX_FILE", self.index).env("GIT_EDITOR", ":").env(IN_TRANSACTION, "1");
        let ran = run.run()?;
        self.printed.push_str(&String::from_utf8_lossy(&ran.out));
        self.printed.push_str(&ran.err);
        Ok(ran.ok)
    }
}
