//! Names of commits, and what is checked out.

use std::collections::BTreeSet;

use super::discover::{GitPlace, Home};
use super::error::RepoError;
use super::objects::ObjectId;
use crate::format::pipeline::PIPELINE_FILE;

/// What HEAD says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The short name of the branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit; `None` on a branch without commits.
    pub commit: Option<ObjectId>,
}

/// The commit that a user's words name: a branch, a tag, an id, `HEAD~3` and all that `git rev-parse` knows.
///
/// # Errors
/// When there is no repository, or no such commit. Words that begin with `-` are refused, so that they can never be
/// taken for an option.
pub fn resolve(home: &Home, spec: &str) -> Result<ObjectId, RepoError> {
    let bad = |reason: &str| RepoError::BadRevision { spec: spec.to_owned(), reason: reason.to_owned() };
    if spec.starts_with('-') {
        return Err(bad("a revision cannot begin with `-`"));
    }
    if spec.trim().is_empty() {
        return Err(bad("it is empty"));
    }
    home.place()?.open()?.commit_named(spec)
}

/// What is checked out; `None` where there is no repository.
///
/// # Errors
/// When HEAD cannot be read.
pub fn head(home: &Home) -> Result<Option<Head>, RepoError> {
    let Some(place) = &home.repo else { return Ok(None) };
    let head = place.open()?.head()?;
    let branch = head.branch.map(|name| String::from_utf8_lossy(&name).into_owned());
    let branch = branch.map(|name| name.strip_prefix("refs/heads/").unwrap_or(&name).to_owned());
    Ok(Some(Head { branch, commit: head.commit }))
}

/// Whether the repository is a shallow clone, so that history before some commit is not there.
///
/// # Errors
/// When the repository cannot be opened.
pub fn is_shallow(home: &Home) -> Result<bool, RepoError> {
    match &home.repo {
        Some(place) => Ok(place.open()?.is_shallow()),
        None => Ok(false),
    }
}

/// What makes git show another history than was written: `refs/replace` or `info/grafts`; `None` where nothing does.
///
/// # Errors
/// When the files that say so, or the repository, cannot be read.
pub fn rewritten(home: &Home) -> Result<Option<&'static str>, RepoError> {
    let Some(place) = &home.repo else { return Ok(None) };
    let grafts = place.common_dir.join("info/grafts");
    match std::fs::read(&grafts) {
        Ok(text) => {
            let says = |line: &[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
            if text.split(|b| *b == b'\n').any(says) {
                return Ok(Some("info/grafts"));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(source) => return Err(RepoError::io(&grafts)(source)),
    }
    if !may_have_replacements(place) {
        return Ok(None);
    }
    Ok(place.open()?.has_replacements()?.then_some("refs/replace"))
}

/// Whether there can be refs below `refs/replace`, as far as files tell without opening the repository.
fn may_have_replacements(place: &GitPlace) -> bool {
    if place.by_program || place.common_dir.join("refs/replace").symlink_metadata().is_ok() {
        return true;
    }
    match std::fs::read(place.common_dir.join("packed-refs")) {
        Ok(text) => memchr::memmem::find(&text, b"refs/replace/").is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// How many deals differ between HEAD, the index and the work tree. A deal that was moved and not committed counts
/// once.
///
/// # Errors
/// When the state cannot be read.
pub fn differing(home: &Home) -> Result<usize, RepoError> {
    let Some(place) = home.repo.as_ref().filter(|p| p.workdir.is_some()) else { return Ok(0) };
    let paths = place.open()?.differing(&home.prefix)?;
    let mut ids: Vec<&str> = paths.iter().filter_map(|p| deal_stem(home.in_pipeline(p)?)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.len())
}

/// The paths below the pipeline's folder that differ between HEAD, the index and the work tree.
///
/// # Errors
/// When the state cannot be read.
pub fn differing_paths(home: &Home) -> Result<BTreeSet<String>, RepoError> {
    let Some(place) = home.repo.as_ref().filter(|p| p.workdir.is_some()) else { return Ok(BTreeSet::new()) };
    let paths = place.open()?.differing(&home.prefix)?;
    Ok(paths.iter().filter_map(|path| home.in_pipeline(path)).map(str::to_owned).collect())
}

/// The stem of a path below the pipeline that looks like a deal's.
fn deal_stem(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let hidden = folder.split('/').any(|part| part.starts_with('.'));
    name.strip_suffix(".yaml").filter(|_| !hidden && name != PIPELINE_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_in_stage_folders_count_as_deals() {
        assert_eq!(deal_stem("brief/acme.yaml"), Some("acme"));
        assert_eq!(deal_stem("won/2026/acme.yaml"), Some("acme"));
        assert_eq!(deal_stem("pipeline.yaml"), None);
        assert_eq!(deal_stem("inner/pipeline.yaml"), None);
        assert_eq!(deal_stem("brief/.gitkeep"), None);
        assert_eq!(deal_stem(".tmp/acme.yaml"), None);
    }
}
