//! Merges of the past: which there are, and which deal files differ between their sides and their result.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::discover::Home;
use super::error::RepoError;
use super::git::{Git, GitError};
use super::objects::ObjectId;
use super::revision::{head, resolve};
use super::snapshot::parse_id;
use crate::format::ident::DealId;
use crate::format::pipeline::{PIPELINE_FILE, deal_path};

/// A merge: the commits that were brought together and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The last common ancestors of the sides. Several after criss-cross merges; none where the sides have no common
    /// history, or a shallow clone cut it off.
    pub bases: Vec<ObjectId>,
    /// The sides, the one that was merged into first.
    pub sides: Vec<ObjectId>,
    /// The result.
    pub result: ObjectId,
}

/// Which merges are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// What is new here: the merges that HEAD brought in, where it is one itself; else those that the upstream branch
    /// does not have; without an upstream branch the last one.
    New,
    /// All that HEAD can reach.
    All,
    /// A merge by name, or those of a range: `main..HEAD`.
    Named(&'a str),
}

/// The merges that are meant, newest first.
///
/// # Errors
/// A range that git does not know, or a single revision that is no merge.
pub fn merges(home: &Home, git: &Git, which: Which<'_>) -> Result<Vec<Merge>, RepoError> {
    let tip = |spec: &str| resolve(home, spec).map(|id| id.to_string());
    let range = match which {
        Which::All => vec![tip("HEAD")?],
        Which::New => {
            if head(home)?.is_none_or(|head| head.commit.is_none()) {
                return Ok(Vec::new());
            }
            let tip = tip("HEAD")?;
            if parents(git, &tip)?.len() > 1 {
                vec![tip.clone(), format!("^{tip}^1")]
            } else if let Ok(upstream) = resolve(home, "@{upstream}") {
                vec![tip, format!("^{upstream}")]
            } else {
                vec!["--max-count=1".to_owned(), tip]
            }
        }
        Which::Named(range) => named(home, git, range)?,
    };
    let run = git.command("rev-list").reading().args(["--merges", "--parents"]).args(range).args(["--"]);
    let out = run.line()?;
    out.lines().map(|line| merge_of(git, line)).collect()
}

fn named(home: &Home, git: &Git, range: &str) -> Result<Vec<String>, RepoError> {
    let bad = |reason: &str| RepoError::BadRevision { spec: range.to_owned(), reason: reason.to_owned() };
    let ends = |text: &str| if text.is_empty() { "HEAD".to_owned() } else { text.to_owned() };
    if let Some((from, to)) = range.split_once("...") {
        let (from, to) = (resolve(home, &ends(from))?, resolve(home, &ends(to))?);
        return Ok(vec!["--end-of-options".to_owned(), format!("{from}...{to}")]);
    }
    if let Some((from, to)) = range.split_once("..") {
        let (from, to) = (resolve(home, &ends(from))?, resolve(home, &ends(to))?);
        return Ok(vec![to.to_string(), format!("^{from}")]);
    }
    let id = resolve(home, range)?.to_string();
    if parents(git, &id)?.len() < 2 {
        return Err(bad("it is no merge; name a merge, or a range such as main..HEAD"));
    }
    Ok(vec!["--max-count=1".to_owned(), id])
}

/// A merge that need not be a commit: `result` is what bringing `sides` together came to, such as the new tip of a
/// rebased branch. `base` is what they began with, where git shall not say it.
///
/// # Errors
/// When git cannot compare the sides.
pub fn merge(git: &Git, base: Option<ObjectId>, sides: Vec<ObjectId>, result: ObjectId) -> Result<Merge, RepoError> {
    let bases = match base {
        Some(base) => vec![base],
        None => bases(git, &sides)?,
    };
    Ok(Merge { bases, sides, result })
}

fn merge_of(git: &Git, line: &str) -> Result<Merge, RepoError> {
    let answer = || GitError::Answer { command: "git rev-list".into(), answer: line.to_owned() };
    let ids: Option<Vec<ObjectId>> = line.split(' ').map(parse_id).collect();
    match ids.ok_or_else(answer)?.split_first() {
        Some((result, sides)) => merge(git, None, sides.to_vec(), *result),
        None => Err(answer().into()),
    }
}

fn parents(git: &Git, id: &str) -> Result<Vec<String>, RepoError> {
    let line = git.command("rev-list").reading().args(["--parents", "--max-count=1", id, "--"]).line()?;
    Ok(line.split(' ').skip(1).map(str::to_owned).collect())
}

/// The last common ancestors of two commits, or of all of several.
pub(super) fn bases(git: &Git, sides: &[ObjectId]) -> Result<Vec<ObjectId>, RepoError> {
    let many = (sides.len() > 2).then_some("--octopus");
    let ids = sides.iter().map(ToString::to_string);
    let ran = git.command("merge-base").reading().args(["--all"]).args(many).args(ids).run()?;
    let out = String::from_utf8_lossy(&ran.out).into_owned();
    // It ends with 1 and says nothing where there are none.
    let none = out.is_empty() && ran.err.is_empty();
    if !(ran.ok || none) {
        return Err(GitError::Failed { command: "git merge-base".into(), stderr: ran.err }.into());
    }
    let id =
        |line| parse_id(line).ok_or_else(|| GitError::Answer { command: "git merge-base".into(), answer: out.clone() });
    Ok(out.lines().map(id).collect::<Result<_, _>>()?)
}

/// One file of a deal in the base, on each side, and in the result of a merge; `None` where it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedFile {
    /// The deal.
    pub deal: DealId,
    /// Path below the pipeline's folder.
    pub path: String,
    /// In the base.
    pub base: Option<ObjectId>,
    /// On each side.
    pub sides: Vec<Option<ObjectId>>,
    /// In the result.
    pub result: Option<ObjectId>,
}

/// The deal files of a merge that a side or the result has otherwise than the base, sorted by path. Files that are the
/// same everywhere had no part in it.
///
/// # Errors
/// When git cannot read the trees.
pub fn files(home: &Home, git: &Git, merge: &Merge, base: Option<ObjectId>) -> Result<Vec<MergedFile>, RepoError> {
    let base = match base {
        Some(base) => base.to_string(),
        // Nothing in common: everything is new. git knows the tree without entries in every repository.
        None => git.command("hash-object").plain().args(["-t", "tree", "--stdin"]).stdin(b"").line()?,
    };
    let ends = merge.sides.len();
    let mut found: BTreeMap<String, MergedFile> = BTreeMap::new();
    for (number, commit) in merge.sides.iter().chain([&merge.result]).enumerate() {
        for change in changes(home, git, &base, commit)? {
            let entry = found.entry(change.path.clone()).or_insert_with(|| MergedFile {
                deal: change.deal,
                path: change.path,
                base: change.old,
                sides: vec![change.old; ends],
                result: change.old,
            });
            match entry.sides.get_mut(number) {
                Some(side) => *side = change.new,
                None => entry.result = change.new,
            }
        }
    }
    let nested = nested(home, git, merge.result, &found)?;
    found.retain(|path, _| path.split('/').next().is_none_or(|top| !nested.contains(top)));
    Ok(found.into_values().collect())
}

/// A deal file that differs between two commits.
struct Change {
    deal: DealId,
    path: String,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

fn changes(home: &Home, git: &Git, old: &str, new: &ObjectId) -> Result<Vec<Change>, RepoError> {
    let run = git.command("diff-tree").reading().args(["-r", "-z", "--raw", "--no-renames", "--no-abbrev"]);
    let folder = (!home.prefix.is_empty()).then_some(home.prefix.as_str());
    let out = run.args([old, &new.to_string(), "--"]).args(folder).bytes()?;
    let mut found = Vec::new();
    let mut parts = out.split(|b| *b == 0);
    while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
        let head = String::from_utf8_lossy(head);
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old_id, new_id, _] = words.as_slice() else {
            return Err(GitError::Answer { command: "git diff-tree".into(), answer: head.into_owned() }.into());
        };
        let Some((path, deal)) = std::str::from_utf8(path).ok().and_then(|path| {
            let path = home.in_pipeline(path)?;
            Some((path.to_owned(), deal_path(path)?.1))
        }) else {
            continue;
        };
        // What is no plain file is no deal: `symlink` and the like say so.
        let file = |mode: &str, id: &str| if mode.starts_with("100") { parse_id(id) } else { None };
        found.push(Change { deal, path, old: file(old_mode, old_id), new: file(new_mode, new_id) });
    }
    Ok(found)
}

/// The folders among the paths that are pipelines of their own.
fn nested(
    home: &Home,
    git: &Git,
    commit: ObjectId,
    found: &BTreeMap<String, MergedFile>,
) -> Result<HashSet<String>, RepoError> {
    let mut tops: Vec<&str> = found.keys().filter_map(|path| path.split('/').next()).collect();
    tops.dedup();
    let names: Vec<String> =
        tops.iter().map(|top| format!("{commit}:{}", home.in_repository(&format!("{top}/{PIPELINE_FILE}")))).collect();
    if names.is_empty() {
        return Ok(HashSet::new());
    }
    let input: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([b'\n'])).collect();
    let out = git.command("cat-file").reading().args(["--batch-check=%(objecttype)"]).stdin(&input).bytes()?;
    let kinds = String::from_utf8_lossy(&out).into_owned();
    let nested = tops.iter().zip(kinds.lines()).filter(|(_, kind)| *kind == "blob");
    Ok(nested.map(|(top, _)| (*top).to_owned()).collect())
}

/// All deal files of a commit by deal: path below the pipeline's folder and bytes.
///
/// # Errors
/// When git cannot read the tree.
pub fn deals_at(
    home: &Home,
    git: &Git,
    commit: ObjectId,
) -> Result<BTreeMap<DealId, Vec<(String, ObjectId)>>, RepoError> {
    let folder = (!home.prefix.is_empty()).then_some(home.prefix.as_str());
    let run = git.command("ls-tree").reading().args(["-r", "-z", "--full-tree", &commit.to_string(), "--"]);
    let out = run.args(folder).bytes()?;
    let mut found: BTreeMap<DealId, Vec<(String, ObjectId)>> = BTreeMap::new();
    for line in out.split(|b| *b == 0) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let Some((head, path)) = line.split_once('\t') else { continue };
        let words: Vec<&str> = head.split(' ').collect();
        if let ([mode, "blob", id], Some(path)) = (words.as_slice(), home.in_pipeline(path))
            && mode.starts_with("100")
            && let (Some((_, deal)), Some(blob)) = (deal_path(path), parse_id(id))
        {
            found.entry(deal).or_default().push((path.to_owned(), blob));
        }
    }
    Ok(found)
}

/// Whether one commit is part of the history of another.
///
/// # Errors
/// When git cannot be run.
pub fn is_before(git: &Git, early: ObjectId, late: ObjectId) -> Result<bool, RepoError> {
    let ids = [early.to_string(), late.to_string()];
    Ok(git.command("merge-base").reading().args(["--is-ancestor"]).args(ids).run()?.ok)
}

/// The bytes of a file by its name.
///
/// # Errors
/// When the object is not there or no file.
pub fn blob(git: &Git, id: &ObjectId) -> Result<Vec<u8>, RepoError> {
    Ok(git.command("cat-file").reading().args(["blob", &id.to_string()]).bytes()?)
}

/// The bytes of many files by their names, read in one run of git.
///
/// # Errors
/// When an object is not there, or no file.
pub fn blobs(git: &Git, ids: &BTreeSet<ObjectId>) -> Result<BTreeMap<ObjectId, Vec<u8>>, RepoError> {
    let mut found = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let input: Vec<u8> = ids.iter().flat_map(|id| format!("{id}\n").into_bytes()).collect();
    let out = git.command("cat-file").reading().args(["--batch"]).stdin(&input).bytes()?;
    let mut rest = out.as_slice();
    for id in ids {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let head = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
        let size = head.split(' ').collect::<Vec<_>>();
        let size: Option<usize> = if let [_, "blob", size] = size[..] { size.parse().ok() } else { None };
        let bytes = size.and_then(|size| rest.get(end + 1..end + 1 + size));
        let answer = || GitError::Answer { command: "git cat-file --batch".into(), answer: head.clone() };
        let bytes = bytes.ok_or_else(answer)?;
        found.insert(*id, bytes.to_vec());
        rest = rest.get(end + bytes.len() + 2..).unwrap_or_default();
    }
    Ok(found)
}

/// Who last changed a file in the history of the first of some commits that has it, when and why: the commit in short,
/// the author, the day and the subject. `None` where none has it.
///
/// # Errors
/// When git cannot read history.
pub fn last_change(home: &Home, git: &Git, from: &[ObjectId], path: &str) -> Result<Option<String>, RepoError> {
    let path = home.in_repository(path);
    for commit in from {
        let there = git.command("rev-parse").reading().args(["--verify", "--quiet", &format!("{commit}:{path}")]);
        if !there.run()?.ok {
            continue;
        }
        let run = git.command("log").reading().args(["--max-count=1", "--no-show-signature", "--date=short"]);
        let run = run.args(["--format=%h by %an on %ad, %s", &commit.to_string(), "--", &path]);
        return Ok(Some(String::from_utf8_lossy(&run.bytes()?).trim_end().to_owned()));
    }
    Ok(None)
}
