//! Finding the repository, also where git and libgit2 do not see one any more.

use std::path::{Path, PathBuf};

use super::failed;
use crate::format::pipeline::PIPELINE_FILE;
use crate::repo::discover::{GitPlace, Home, find, is_pipeline};
use crate::repo::engine::locate::{SHA1, SHA256, ceilings};
use crate::repo::error::{RepoError, WriteError};
use crate::repo::git::{Git, Run};
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::parse_id;

/// A repository to look at.
#[derive(Clone, Debug)]
pub struct Patient {
    /// Where it is. The pipeline's folder is the top of the work tree where no pipeline was found.
    pub home: Home,
    /// Whether a pipeline was found.
    pub has_pipeline: bool,
    git: Git,
}

impl Patient {
    /// Finds the repository and the pipeline from `start` upwards.
    ///
    /// # Errors
    /// When there is no repository, it has no work tree, it belongs to somebody else, or there is no `git` program.
    pub fn find(start: &Path, name: Option<&str>) -> Result<Patient, WriteError> {
        let (home, has_pipeline) = match find(start, name) {
            Ok(home) if home.repo.is_some() => (home, true),
            Ok(home) => match by_hand(start, name) {
                Ok(found) => found,
                Err(RepoError::NoRepository { .. }) => {
                    return Err(RepoError::NoRepository { path: home.root.display().to_string() }.into());
                }
                Err(e) => return Err(e.into()),
            },
            // What is somebody else's is not looked into behind git's back.
            Err(e @ RepoError::CannotOpen { .. }) if e.to_string().contains("safe.directory") => return Err(e.into()),
            Err(e @ (RepoError::CannotOpen { .. } | RepoError::Read { .. } | RepoError::Git(_))) => {
                by_hand(start, name).map_err(|_| e)?
            }
            Err(e @ RepoError::NoPipeline { .. }) => {
                let (home, has_pipeline) = by_hand(start, name).map_err(|_| e)?;
                if !has_pipeline {
                    not_in_index_either(&home, start)?;
                }
                (home, has_pipeline)
            }
            Err(e) => return Err(e.into()),
        };
        let git = Git::new(&home)?;
        let patient = Patient { home, has_pipeline, git };
        patient.workdir()?;
        Ok(patient)
    }

    /// The repository.
    pub(super) fn place(&self) -> Result<&GitPlace, RepoError> {
        self.home.place()
    }

    /// The top of the work tree.
    pub(super) fn workdir(&self) -> Result<&Path, WriteError> {
        let place = self.place()?;
        place
            .workdir
            .as_deref()
            .ok_or_else(|| WriteError::NoWorkTree(format!("the repository at {} is bare", place.git_dir.display())))
    }

    /// The `git` program.
    pub(super) fn program(&self) -> &Git {
        &self.git
    }

    /// Begins a run of git that only reads.
    pub(super) fn reading(&self, command: &str) -> Run<'_> {
        self.git.command(command).reading()
    }

    /// Begins a run of git that writes.
    pub(super) fn writing(&self, command: &str) -> Run<'_> {
        self.git.command(command).plain().writing()
    }

    /// The commit that is checked out; `None` where the branch has none yet.
    pub(super) fn head(&self) -> Result<Option<ObjectId>, WriteError> {
        let ran = self.reading("rev-parse").args(["--quiet", "--verify", "HEAD^{commit}"]).run()?;
        if let Some(id) = std::str::from_utf8(&ran.out).ok().and_then(|text| parse_id(text.trim())) {
            return Ok(Some(id));
        }
        // No commit yet, or a branch that cannot be read: that one is told from the other by its file.
        let born = super::branch::is_there(self)?;
        if !born {
            return Ok(None);
        }
        Err(failed("read the commit of HEAD", std::io::Error::other(first_line(&ran.err, "it is broken"))))
    }

    /// A path as messages name it: from the top of the work tree where it lies below.
    pub(super) fn shown(&self, path: &Path) -> String {
        let workdir = self.place().ok().and_then(|p| p.workdir.as_deref());
        workdir.and_then(|w| path.strip_prefix(w).ok()).unwrap_or(path).display().to_string()
    }
}

/// Where no pipeline file is found, git may know of one that is lost.
///
/// # Errors
/// When it does not.
fn not_in_index_either(home: &Home, start: &Path) -> Result<(), WriteError> {
    let ran = Git::new(home)?.command("ls-files").reading().args(["-z"]).run()?;
    let tracked = ran.out.split(|b| *b == 0).any(|p| is_pipeline_file(&String::from_utf8_lossy(p)));
    // An index that cannot be read is an ailment by itself.
    if tracked || !ran.ok {
        return Ok(());
    }
    Err(RepoError::NoPipeline { start: start.display().to_string(), in_repository: true }.into())
}

/// The first line of what a program said, or something to say in its place.
pub(super) fn first_line<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    text.lines().find(|l| !l.trim().is_empty()).unwrap_or(otherwise)
}

/// The repository as its files show it, without asking git, and the pipeline in it.
fn by_hand(start: &Path, name: Option<&str>) -> Result<(Home, bool), RepoError> {
    let start = start.canonicalize().map_err(RepoError::io(start))?;
    let place = place_around(&start).ok_or_else(|| RepoError::NoRepository { path: start.display().to_string() })?;
    let workdir = place.workdir.clone().unwrap_or_else(|| start.clone());
    let named = name.map(|n| workdir.join(n)).filter(|f| is_pipeline(f));
    let above =
        || start.ancestors().take_while(|f| f.starts_with(&workdir)).find(|f| is_pipeline(f)).map(Path::to_owned);
    let beside = || only_below(&workdir);
    let root = named.or_else(above).or_else(beside);
    let has_pipeline = root.is_some();
    let root = root.unwrap_or_else(|| workdir.clone());
    let below = root.strip_prefix(&workdir).ok().and_then(Path::to_str);
    let prefix = below.unwrap_or_default().replace(std::path::MAIN_SEPARATOR, "/");
    Ok((Home { root, repo: Some(place), prefix }, has_pipeline))
}

/// The one folder of the work tree that holds a pipeline file. Only one level is looked at: this is for a repository
/// that is broken, where the usual search could not begin.
fn only_below(workdir: &Path) -> Option<PathBuf> {
    let mut found =
        std::fs::read_dir(workdir).ok()?.filter_map(Result::ok).map(|e| e.path()).filter(|f| is_pipeline(f));
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first) }
}

/// The first folder upwards with a `.git` that holds objects.
fn place_around(start: &Path) -> Option<GitPlace> {
    let ceilings = ceilings();
    for folder in start.ancestors() {
        if folder != start && ceilings.iter().any(|c| c == folder) {
            return None;
        }
        let entry = folder.join(".git");
        let Ok(about) = entry.symlink_metadata() else { continue };
        let git_dir = if about.is_file() {
            let text = std::fs::read_to_string(&entry).ok()?;
            folder.join(text.trim().strip_prefix("gitdir:")?.trim())
        } else {
            entry
        };
        let git_dir = git_dir.canonicalize().ok()?;
        let common_dir = match std::fs::read_to_string(git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim()).canonicalize().ok()?,
            Err(_) => git_dir.clone(),
        };
        if !common_dir.join("objects").is_dir() {
            return None;
        }
        let workdir = Some(folder.to_owned());
        let config = std::fs::read_to_string(common_dir.join("config")).unwrap_or_default().to_ascii_lowercase();
        let says = |key: &str, value: &str| {
            config.lines().filter_map(|l| l.split_once('=')).any(|(k, v)| k.trim() == key && v.trim() == value)
        };
        let sha256 = says("objectformat", "sha256");
        return Some(GitPlace {
            workdir,
            git_dir,
            common_dir,
            from_env: false,
            index_from_env: None,
            id_len: if sha256 { SHA256 } else { SHA1 },
            by_program: sha256 || says("refstorage", "reftable"),
        });
    }
    None
}

/// Whether a name is that of the pipeline's own file.
pub(super) fn is_pipeline_file(path: &str) -> bool {
    path.rsplit('/').next() == Some(PIPELINE_FILE)
}
