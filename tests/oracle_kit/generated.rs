//! Repositories made by the generators of the shared folder, with what they say happened.

use std::path::PathBuf;
use std::process::Command;

use crate::kit;

/// A generated repository and the lines of its truth.
pub struct Generated {
    pub repo: PathBuf,
    pub truth: Vec<Vec<String>>,
    _dir: tempfile::TempDir,
}

/// Runs a generator; `None`, with a message, where it or Python is not here.
pub fn generate(script: &str, args: &[&str]) -> Option<Generated> {
    let script = kit::shared(&format!("tools/{script}"))?;
    if !Command::new("python3").arg("--version").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: there is no python3 here");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let (repo, truth) = (dir.path().join("repo"), dir.path().join("truth.tsv"));
    let ran = Command::new("python3")
        .arg(script)
        .arg(&repo)
        .args(args)
        .arg("--truth")
        .arg(&truth)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let truth = std::fs::read_to_string(truth).unwrap();
    let truth = truth.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
    Some(Generated { repo, truth, _dir: dir })
}
