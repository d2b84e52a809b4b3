//! What a branch has that another one has not.

use super::error::RepoError;
use super::git::{Git, GitError};
use super::merged::bases;
use super::objects::ObjectId;
use super::snapshot::parse_id;

/// The commits of a branch since it left another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The last commit that both have. Of several, after criss-cross merges, the one that git takes.
    pub base: ObjectId,
    /// The commits that only the branch has, each after its parents.
    pub commits: Vec<ObjectId>,
}

/// What `tip` has that `other` has not; `None` where the two have no common history, or a shallow clone cut it off.
///
/// # Errors
/// When git cannot read the commits.
pub fn range(git: &Git, other: ObjectId, tip: ObjectId) -> Result<Option<Range>, RepoError> {
    let Some(base) = bases(git, &[other, tip])?.first().copied() else { return Ok(None) };
    let args =
        ["--topo-order".to_owned(), "--reverse".to_owned(), tip.to_string(), format!("^{other}"), "--".to_owned()];
    let out = git.command("rev-list").reading().args(args).line()?;
    let id =
        |line| parse_id(line).ok_or_else(|| GitError::Answer { command: "git rev-list".into(), answer: out.clone() });
    Ok(Some(Range { base, commits: out.lines().map(id).collect::<Result<_, _>>()? }))
}

/// The bytes of the file at a path, counted from the repository's root, in a commit; `None` where there is no file.
///
/// # Errors
/// When git cannot be run.
pub fn file_at(git: &Git, commit: ObjectId, path: &str) -> Result<Option<Vec<u8>>, RepoError> {
    let ran = git.command("cat-file").reading().args(["blob".to_owned(), format!("{commit}:{path}")]).run()?;
    Ok(ran.ok.then_some(ran.out))
}
