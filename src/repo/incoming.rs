//! What a merge, rebase, cherry-pick, revert, squash merge or stash brings in, and what people call the two sides.

use std::io;

use super::discover::{GitPlace, Home};
use super::error::WriteError;
use super::git::Git;
use super::merged::bases;
use super::objects::ObjectId;
use super::revision::head;
use super::snapshot::parse_id;
use super::state::{Operation, operation};

/// What comes in, and where it began.
pub(super) struct Incoming {
    /// `None` where there is no beginning that both sides have in common.
    pub base: Option<ObjectId>,
    pub theirs: ObjectId,
    /// What people call it.
    pub name: String,
}

/// The commit that an operation brings in; `None` where it does not say.
pub(super) fn incoming(place: &GitPlace, git: &Git, operation: Operation) -> Result<Option<Incoming>, WriteError> {
    let merging = place.git_dir.join("MERGE_HEAD");
    match std::fs::read_to_string(&merging) {
        Ok(text) => {
            let ids: Vec<ObjectId> = text.lines().filter_map(|line| parse_id(line.trim())).collect();
            let [theirs] = ids.as_slice() else {
                let what = format!("{} branches are merged at once, which can only be settled by hand", ids.len());
                return Err(WriteError::Conflict { what });
            };
            return Ok(Some(merged(git, *theirs)?));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(WriteError::io("read", &merging)(e)),
    }
    let (reference, words) = match operation.what {
        "rebase" => ("REBASE_HEAD", "your commit"),
        "revert" => ("REVERT_HEAD", "without the commit"),
        _ => ("CHERRY_PICK_HEAD", "the commit"),
    };
    let Some(commit) = named(git, reference)? else { return Ok(None) };
    let parent = named(git, &format!("{reference}^1"))?;
    let name = format!("{words} {} ({})", commit.short(), subject(git, commit)?);
    Ok(match (reference, parent) {
        ("REVERT_HEAD", Some(parent)) => Some(Incoming { base: Some(commit), theirs: parent, name }),
        ("REVERT_HEAD", None) => None,
        (_, base) => Some(Incoming { base, theirs: commit, name }),
    })
}

/// A commit that comes in with its whole history.
fn merged(git: &Git, theirs: ObjectId) -> Result<Incoming, WriteError> {
    let head = named(git, "HEAD")?;
    let base = head.map(|head| bases(git, &[head, theirs])).transpose()?.unwrap_or_default();
    let name = format!("{} ({})", branch_of(git, theirs)?, theirs.short());
    Ok(Incoming { base: base.first().copied(), theirs, name })
}

/// What a squash merge that is not committed brings in; `None` where there is none, or it was of several branches.
///
/// git leaves nothing of it but a draft of the message, which lists the commits.
pub(super) fn squashed(place: &GitPlace, git: &Git) -> Result<Option<Incoming>, WriteError> {
    let draft = place.git_dir.join("SQUASH_MSG");
    let text = match std::fs::read(&draft) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(WriteError::io("read", &draft)(e)),
    };
    let listed: Vec<ObjectId> =
        text.lines().filter_map(|line| parse_id(line.strip_prefix("commit ")?.split(' ').next()?)).collect();
    let Some(tip) = listed.first() else { return Ok(None) };
    // The tip comes first, and has all others behind it unless there were several.
    let mut revisions: String = listed.iter().map(|id| format!("{id}\n")).collect();
    revisions.push_str(&format!("^{tip}\n"));
    let run = git.command("rev-list").reading().args(["--max-count=1", "--stdin"]).stdin(revisions.as_bytes()).run()?;
    // The draft is the user's, and may speak of commits that are not here.
    if !run.ok || !run.out.is_empty() {
        return Ok(None);
    }
    // A draft can stay behind, and a branch that is here already brings nothing in.
    Ok(Some(merged(git, *tip)?).filter(|incoming| incoming.base != Some(*tip)))
}

/// The stash that was made last; `None` where there is none.
pub(super) fn stashed(git: &Git) -> Result<Option<Incoming>, WriteError> {
    let Some(theirs) = named(git, "refs/stash")? else { return Ok(None) };
    Ok(named(git, "refs/stash^1")?.map(|base| Incoming { base: Some(base), theirs, name: "the stash".into() }))
}

/// The commit that a merge or the like brings in; `None` where nothing is in progress, or it does not say.
///
/// # Errors
/// When the state cannot be read, or several branches are merged at once.
pub fn coming_in(home: &Home, git: &Git) -> Result<Option<ObjectId>, WriteError> {
    match (operation(home)?, &home.repo) {
        (Some(operation), Some(place)) => Ok(incoming(place, git, operation)?.map(|incoming| incoming.theirs)),
        _ => Ok(None),
    }
}

/// What people call the side that is checked out.
pub(super) fn ours_name(home: &Home, git: &Git, doing: Option<Operation>) -> Result<String, WriteError> {
    let head = head(home)?;
    let commit = head.as_ref().and_then(|head| head.commit);
    Ok(match (head.and_then(|head| head.branch), commit) {
        (Some(branch), _) => branch,
        (None, Some(commit)) if doing.is_some_and(|d| d.what == "rebase") => {
            format!("what you rebase onto ({})", commit.short())
        }
        (None, Some(commit)) => branch_of(git, commit)?,
        (None, None) => "this branch".to_owned(),
    })
}

/// The branch that a commit is the tip of, or its subject.
fn branch_of(git: &Git, commit: ObjectId) -> Result<String, WriteError> {
    let format = "--format=%(refname:short)";
    let refs = ["refs/heads", "refs/remotes", "refs/tags"];
    let run = git.command("for-each-ref").reading().args([format, &format!("--points-at={commit}")]).args(refs);
    match run.line()?.lines().next() {
        Some(name) => Ok(name.to_owned()),
        None => subject(git, commit),
    }
}

/// The first line of a commit's message.
pub(super) fn subject(git: &Git, commit: ObjectId) -> Result<String, WriteError> {
    let run = git.command("show").reading().args(["--no-patch", "--no-show-signature", "--format=%s"]);
    let bytes = run.args([commit.to_string()]).bytes()?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// The commit of a name; `None` where there is none.
fn named(git: &Git, name: &str) -> Result<Option<ObjectId>, WriteError> {
    let run = git.command("rev-parse").reading().args(["--verify", "--quiet", &format!("{name}^{{commit}}")]);
    let ran = run.run()?;
    Ok(if ran.ok { parse_id(String::from_utf8_lossy(&ran.out).trim()) } else { None })
}
