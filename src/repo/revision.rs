//! Names of commits, and what is checked out.

use super::discover::Home;
use super::error::RepoError;
use super::git::Git;
use super::objects::ObjectId;
use super::snapshot::is_sparse;
use crate::format::pipeline::PIPELINE_FILE;

/// What HEAD says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The short name of the branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit; `None` on a branch without commits.
    pub commit: Option<ObjectId>,
}

/// Our form of a libgit2 id.
pub(super) fn object_id(id: git2::Oid) -> Result<ObjectId, RepoError> {
    ObjectId::from_bytes(id.as_bytes())
        .ok_or_else(|| RepoError::Read { doing: format!("use {id}"), reason: "it is not the name of an object".into() })
}

/// libgit2's form of an id.
pub(super) fn oid(id: ObjectId) -> Result<git2::Oid, RepoError> {
    git2::Oid::from_str(&id.to_string()).map_err(RepoError::reading(format!("use {id}")))
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
    let repo = home.place()?.open()?;
    let object = repo.revparse_single(spec).map_err(|e| match e.code() {
        git2::ErrorCode::NotFound => bad("there is no such branch, tag or commit"),
        git2::ErrorCode::Ambiguous => bad("several objects begin like this; give more digits"),
        _ => bad(e.message()),
    })?;
    let commit = object.peel_to_commit().map_err(|_| bad("it is not a commit"))?;
    object_id(commit.id())
}

/// What is checked out; `None` where there is no repository.
///
/// # Errors
/// When HEAD cannot be read.
pub fn head(home: &Home) -> Result<Option<Head>, RepoError> {
    let Some(place) = &home.repo else { return Ok(None) };
    let repo = place.open()?;
    let head = repo.find_reference("HEAD").map_err(RepoError::reading("read HEAD"))?;
    let target = head.symbolic_target_bytes().map(|b| String::from_utf8_lossy(b).into_owned());
    let commit = match repo.head() {
        Ok(reference) => {
            let commit = reference.peel_to_commit().map_err(RepoError::reading("read the commit of HEAD"))?;
            Some(object_id(commit.id())?)
        }
        Err(e) if e.code() == git2::ErrorCode::UnbornBranch => None,
        Err(e) => return Err(RepoError::reading("read HEAD")(e)),
    };
    let branch = target.map(|t| t.strip_prefix("refs/heads/").unwrap_or(&t).to_owned());
    Ok(Some(Head { branch, commit }))
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

/// How many deals differ between HEAD, the index and the work tree. A deal that was moved and not committed counts
/// once.
///
/// # Errors
/// When the state cannot be read.
pub fn differing(home: &Home) -> Result<usize, RepoError> {
    let Some(place) = home.repo.as_ref().filter(|p| p.workdir.is_some()) else { return Ok(0) };
    let repo = place.open()?;
    let mut options = git2::StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_ignored(false).exclude_submodules(true);
    options.disable_pathspec_match(true);
    if !home.prefix.is_empty() {
        options.pathspec(&home.prefix);
    }
    // libgit2 takes what a sparse checkout leaves out for deleted.
    let sparse = is_sparse(&repo)?;
    let read = if sparse { None } else { Some(repo.statuses(Some(&mut options))) };
    let paths: Vec<String> = match read {
        None => status_by_program(home)?,
        Some(Ok(statuses)) => statuses
            .iter()
            .filter(|s| s.status() != git2::Status::CURRENT)
            .map(|s| String::from_utf8_lossy(s.path_bytes()).into_owned())
            .collect(),
        // libgit2 reads neither split nor sparse indexes.
        Some(Err(e)) if e.class() == git2::ErrorClass::Index => status_by_program(home)?,
        Some(Err(e)) => return Err(RepoError::reading("compare HEAD, the index and the work tree")(e)),
    };
    let mut ids: Vec<&str> = paths.iter().filter_map(|p| deal_stem(home.in_pipeline(p)?)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.len())
}

fn status_by_program(home: &Home) -> Result<Vec<String>, RepoError> {
    let git = Git::new(home)?;
    let args = ["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--"];
    let folder = if home.prefix.is_empty() { "." } else { home.prefix.as_str() };
    let out = git.command("status").reading().args(args).args([folder]).bytes()?;
    let entries = out.split(|b| *b == 0).filter_map(|e| e.get(3..));
    Ok(entries.map(|p| String::from_utf8_lossy(p).into_owned()).collect())
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
