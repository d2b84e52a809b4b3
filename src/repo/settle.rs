//! The versions of a deal that a merge, rebase, cherry-pick, revert or stash left in conflict, and the one way to write
//! the version that settles it.
//!
//! The versions are taken from the commits that come together, by the deal's id. What git has put into the index and the
//! work tree depends on what it took for a move of what, and may have been added since.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use super::discover::Home;
use super::error::WriteError;
use super::git::{Git, GitError, IN_TRANSACTION};
use super::incoming::{Incoming, incoming, ours_name, squashed, stashed, subject};
use super::lock;
use super::merged::bases;
use super::objects::ObjectId;
use super::revision::head;
use super::snapshot::{parse_id, staged};
use super::state::{Operation, operation, wait_for_index, work_tree};
use super::worktree::read_steadily;
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;
use crate::format::prescan::has_conflict;

/// How git ends the version that comes out of a stash.
const STASH_MARKER: &[u8] = b">>>>>>> Stashed changes";

/// A version of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideFile {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The bytes as a checkout would write them.
    pub bytes: Vec<u8>,
    /// The commit that has it; `None` where only the index does.
    pub commit: Option<ObjectId>,
    /// The file among git's objects.
    pub blob: ObjectId,
    executable: bool,
}

/// One side of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictSide {
    /// What people call it: a branch, a commit, the stash.
    pub name: String,
    /// The deal there; `None` where it is removed.
    pub file: Option<SideFile>,
}

/// How a deal came to be in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A merge or the like is not finished.
    Operation(Operation),
    /// A squash merge is not committed.
    Squash,
    /// A stash was taken out.
    Stash,
    /// The index has conflicts, and nothing tells why.
    Index,
    /// It is committed in two places.
    Committed,
    /// Its committed file has the markers of a merge in it.
    Markers,
    /// Nothing is wrong with it.
    None,
}

/// A deal in conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The deal.
    pub deal: DealId,
    /// How it came about.
    pub cause: Cause,
    /// What both sides began with; `None` where nobody knows, or the deal was new on both.
    pub base: Option<SideFile>,
    /// What is checked out.
    pub ours: ConflictSide,
    /// What comes in.
    pub theirs: ConflictSide,
    /// The deal's files in the work tree, by path below the pipeline's folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The deal's entries in the index: path below the pipeline's folder, stage and blob.
    pub entries: Vec<(String, u8, ObjectId)>,
}

impl Conflict {
    /// Whether the index has it in conflict.
    pub fn is_unmerged(&self) -> bool {
        self.entries.iter().any(|(_, stage, _)| *stage != 0)
    }
}

/// Looks up how a deal is in conflict, and its versions.
///
/// # Errors
/// When there is no work tree, several branches are merged at once, the deal lies in more places than two, or git
/// cannot read what it needs.
pub fn conflict(home: &Home, git: &Git, deal: &DealId) -> Result<Conflict, WriteError> {
    let (place, workdir) = work_tree(home)?;
    let repo = place.open()?;
    let mut entries = Vec::new();
    for entry in staged(home, &repo)? {
        let path = std::str::from_utf8(&entry.path).ok().and_then(|path| of_deal(home, path, deal));
        entries.extend(path.map(|path| (path.to_owned(), entry.stage, entry.id)));
    }
    let commit = head(home)?.and_then(|head| head.commit);
    let mut in_head = match commit {
        Some(commit) => copies(home, git, commit, deal)?,
        None => Vec::new(),
    };
    let files = files(home, git, &workdir, deal)?;
    let nothing = || ConflictSide { name: String::new(), file: None };
    let mut found = Conflict {
        deal: deal.clone(),
        cause: Cause::None,
        base: None,
        ours: nothing(),
        theirs: nothing(),
        files,
        entries,
    };
    let broken = found.is_unmerged() || found.files.len() > 1 || found.files.values().any(|b| has_markers(b));
    if !broken {
        return Ok(found);
    }
    if in_head.len() > 2 {
        let places: Vec<String> = in_head.iter().map(|file| home.in_repository(&file.path)).collect();
        return Err(too_many(&places));
    }
    // A search for a commit leaves no conflict.
    let doing = operation(home)?.filter(|doing| !doing.is_search());
    let incoming = match (doing, commit) {
        (Some(operation), Some(_)) => incoming(place, git, operation)?,
        _ => None,
    };
    let ours_name = ours_name(home, git, doing)?;
    if let [_, _] = in_head.as_slice() {
        if doing.is_some() {
            let what = "the deal was committed in two places before this began";
            return Err(WriteError::Conflict { what: format!("{what}; settle that first, or go on by hand") });
        }
        let (mut second, mut first) = (in_head.pop(), in_head.pop());
        if came_with_merge(home, git, first.as_ref())? && !came_with_merge(home, git, second.as_ref())? {
            std::mem::swap(&mut first, &mut second);
        }
        found.base = before_both(home, git, deal, first.as_ref(), second.as_ref())?;
        found.cause = Cause::Committed;
        found.ours = committed(home, git, first)?;
        found.theirs = committed(home, git, second)?;
        return Ok(found);
    }
    let in_head = in_head.pop();
    let unchanged = match &in_head {
        Some(file) => is_as_committed(home, git, file, found.files.get(&file.path))?,
        None => false,
    };
    let take = |found: &mut Conflict, cause, incoming: Incoming| -> Result<(), WriteError> {
        found.cause = cause;
        found.base = incoming.base.map(|base| only(home, git, base, deal)).transpose()?.flatten();
        found.ours = ConflictSide { name: ours_name.clone(), file: in_head.clone() };
        found.theirs = ConflictSide { name: incoming.name, file: only(home, git, incoming.theirs, deal)? };
        Ok(())
    };
    if let (Some(operation), Some(incoming)) = (doing, incoming) {
        take(&mut found, Cause::Operation(operation), incoming)?;
        return Ok(found);
    }
    if doing.is_none() {
        let squash = squashed(place, git)?.map(|incoming| (Cause::Squash, incoming));
        let stash = stashed(git)?.map(|incoming| (Cause::Stash, incoming));
        for (cause, incoming) in [squash, stash].into_iter().flatten() {
            let before = incoming.base.map(|base| copies(home, git, base, deal)).transpose()?.unwrap_or_default();
            let there = copies(home, git, incoming.theirs, deal)?;
            if comes_from(&found, cause, &before, &there, in_head.as_ref(), unchanged) {
                take(&mut found, cause, incoming)?;
                return Ok(found);
            }
        }
    }
    if found.is_unmerged() {
        // What came in and is unlike the old file came without a conflict, and is new in the index.
        let known = |path: &str| in_head.as_ref().is_some_and(|file| file.path == path);
        let of = |wanted: u8| -> Result<Option<SideFile>, WriteError> {
            let entry = found.entries.iter().find(|(_, stage, _)| *stage == wanted);
            let came = || found.entries.iter().find(|(path, stage, _)| *stage == 0 && !known(path));
            let entry = entry.or_else(|| if wanted == 3 { came() } else { None });
            entry.map(|(path, _, blob)| side(home, git, path, None, *blob, false)).transpose()
        };
        let (base, theirs) = (of(1)?, of(3)?);
        found.cause = doing.map_or(Cause::Index, Cause::Operation);
        found.base = base;
        found.ours = ConflictSide { name: ours_name, file: in_head };
        found.theirs = ConflictSide { name: "what came in".into(), file: theirs };
        return Ok(found);
    }
    if let (1, Some(file)) = (found.files.len(), in_head)
        && has_markers(&file.bytes)
        && unchanged
        && doing.is_none()
    {
        found.cause = Cause::Markers;
        found.ours = ConflictSide { name: "the first version in the file".into(), file: Some(file.clone()) };
        found.theirs = ConflictSide { name: "the second version in the file".into(), file: Some(file) };
        return Ok(found);
    }
    let path = found.files.keys().find(|path| !found.entries.iter().any(|(p, _, _)| p == *path));
    let path = path.or(found.files.keys().next()).map(|path| home.in_repository(path)).unwrap_or_default();
    Err(WriteError::Dirty { path, what: "has changes that are not committed" })
}

/// Whether what git has left of a deal can have come from here: nothing says for certain which of a squash merge and a
/// stash it was, and an old stash has nothing to do with it.
fn comes_from(
    found: &Conflict,
    cause: Cause,
    before: &[SideFile],
    there: &[SideFile],
    in_head: Option<&SideFile>,
    unchanged: bool,
) -> bool {
    if found.is_unmerged() {
        let at = |wanted: u8| found.entries.iter().filter(move |e| e.1 == wanted);
        // Where both sides have moved a file, git puts what it made of both at both places.
        let alone = |path: &str| !at(2).any(|e| e.0 == path);
        let theirs =
            |e: &(String, u8, ObjectId)| there.iter().any(|file| file.blob == e.2 || file.path == e.0 && alone(&e.0));
        if !at(3).all(theirs) {
            return false;
        }
        // What came in and was taken for another file has no conflict of its own.
        let put = |file: &SideFile| at(0).any(|e| e.0 == file.path && e.2 == file.blob);
        let begun = at(1).all(|e| before.iter().any(|file| file.blob == e.2));
        return cause == Cause::Squash || begun && (at(3).next().is_some() || there.iter().all(put));
    }
    // Added since: then a file is where only the other side has it, or has the markers that git wrote.
    let committed = |path: &str| unchanged && in_head.is_some_and(|file| file.path == path);
    let marked: Vec<&Vec<u8>> =
        found.files.iter().filter(|(path, bytes)| has_markers(bytes) && !committed(path)).map(|(_, b)| b).collect();
    let of_stash = |bytes: &[u8]| bytes.split(|b| *b == b'\n').any(|l| l.starts_with(STASH_MARKER));
    if cause == Cause::Squash && marked.iter().any(|bytes| of_stash(bytes)) {
        return false;
    }
    let put = |file: &SideFile| in_head.is_none_or(|old| old.path != file.path) && found.files.contains_key(&file.path);
    there.iter().any(put) || !marked.is_empty()
}

fn too_many(places: &[String]) -> WriteError {
    let what = format!("the deal lies in {} places: {}", places.len(), places.join(", "));
    WriteError::Conflict { what: format!("{what}; remove all but two, which were put there") }
}

/// A path below the repository's root that is a file of the deal, below the pipeline's folder.
fn of_deal<'p>(home: &Home, path: &'p str, deal: &DealId) -> Option<&'p str> {
    let path = home.in_pipeline(path)?;
    (deal_path(path)?.1 == *deal).then_some(path)
}

/// Whether a file has lines that begin and end a conflict.
fn has_markers(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(has_conflict)
}

/// The files of a deal in a commit, by path.
fn copies(home: &Home, git: &Git, commit: ObjectId, deal: &DealId) -> Result<Vec<SideFile>, WriteError> {
    let folder = (!home.prefix.is_empty()).then_some(home.prefix.as_str());
    let run = git.command("ls-tree").reading().args(["-r", "-z", "--full-tree", &commit.to_string(), "--"]);
    let out = run.args(folder).bytes()?;
    let mut found = Vec::new();
    for line in out.split(|b| *b == 0) {
        let Some(tab) = line.iter().position(|b| *b == b'\t') else { continue };
        let Some(path) = std::str::from_utf8(&line[tab + 1..]).ok().and_then(|path| of_deal(home, path, deal)) else {
            continue;
        };
        let head = String::from_utf8_lossy(&line[..tab]).into_owned();
        let words: Vec<&str> = head.split(' ').collect();
        if let [mode, "blob", id] = words.as_slice()
            && mode.starts_with("100")
        {
            let answer = || GitError::Answer { command: "git ls-tree".into(), answer: head.clone() };
            let blob = parse_id(id).ok_or_else(answer)?;
            found.push(side(home, git, path, Some(commit), blob, *mode == "100755")?);
        }
    }
    Ok(found)
}

/// Whether the work tree has a file as it is committed, be it with other ends of its lines.
fn is_as_committed(home: &Home, git: &Git, file: &SideFile, now: Option<&Vec<u8>>) -> Result<bool, WriteError> {
    let Some(now) = now else { return Ok(false) };
    if *now == file.bytes {
        return Ok(true);
    }
    let filter = format!("--path={}", home.in_repository(&file.path));
    let line = git.command("hash-object").reading().args(["--stdin", &filter]).stdin(now).line()?;
    Ok(parse_id(&line) == Some(file.blob))
}

/// The only file of a deal in a commit; `None` where it has none. Of several, nobody can say which counts.
fn only(home: &Home, git: &Git, commit: ObjectId, deal: &DealId) -> Result<Option<SideFile>, WriteError> {
    let mut found = copies(home, git, commit, deal)?;
    if found.len() > 1 {
        let places: Vec<String> = found.iter().map(|file| home.in_repository(&file.path)).collect();
        return Err(too_many(&places));
    }
    Ok(found.pop())
}

fn side(
    home: &Home,
    git: &Git,
    path: &str,
    commit: Option<ObjectId>,
    blob: ObjectId,
    executable: bool,
) -> Result<SideFile, WriteError> {
    let filter = format!("--path={}", home.in_repository(path));
    let bytes = git.command("cat-file").reading().args(["--filters", &filter, &blob.to_string()]).bytes()?;
    Ok(SideFile { path: path.to_owned(), bytes, commit, blob, executable })
}

/// A copy of a deal that was committed twice, called by the commit that put it there.
fn committed(home: &Home, git: &Git, file: Option<SideFile>) -> Result<ConflictSide, WriteError> {
    let Some(file) = file else { return Ok(ConflictSide { name: String::new(), file: None }) };
    let name = match last_commit(home, git, &file.path)? {
        Some(commit) => format!("{} ({} {})", home.in_repository(&file.path), commit.short(), subject(git, commit)?),
        None => home.in_repository(&file.path),
    };
    Ok(ConflictSide { name, file: Some(file) })
}

/// Whether a file came to this branch with a merge, so that it is not ours in the first place.
fn came_with_merge(home: &Home, git: &Git, file: Option<&SideFile>) -> Result<bool, WriteError> {
    let Some(file) = file else { return Ok(false) };
    let path = home.in_repository(&file.path);
    let run = git.command("rev-list").reading().args(["--max-count=1", "--first-parent", "HEAD", "--", &path]);
    Ok(parse_id(&run.line()?) != last_commit(home, git, &file.path)?)
}

/// The last commit that changed a file, on whichever branch it was made.
fn last_commit(home: &Home, git: &Git, path: &str) -> Result<Option<ObjectId>, WriteError> {
    let run = git.command("rev-list").reading().args(["--max-count=1", "HEAD", "--", &home.in_repository(path)]);
    Ok(parse_id(&run.line()?))
}

/// What two committed copies of a deal began with: the deal where the branches parted on which they were made.
fn before_both(
    home: &Home,
    git: &Git,
    deal: &DealId,
    first: Option<&SideFile>,
    second: Option<&SideFile>,
) -> Result<Option<SideFile>, WriteError> {
    let (Some(first), Some(second)) = (first, second) else { return Ok(None) };
    let (Some(one), Some(two)) = (last_commit(home, git, &first.path)?, last_commit(home, git, &second.path)?) else {
        return Ok(None);
    };
    let bases = bases(git, &[one, two])?;
    // One on top of the other: the older copy is no beginning of the newer one.
    match bases.first().filter(|base| **base != one && **base != two) {
        Some(base) => {
            let mut found = copies(home, git, *base, deal)?;
            Ok(found.pop().filter(|_| found.is_empty()))
        }
        None => Ok(None),
    }
}

/// The files of a deal in the work tree.
fn files(home: &Home, git: &Git, workdir: &Path, deal: &DealId) -> Result<BTreeMap<String, Vec<u8>>, WriteError> {
    let folder = if home.prefix.is_empty() { "." } else { home.prefix.as_str() };
    let run = git.command("ls-files").reading();
    let run = run.args(["-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", folder]);
    let mut found = BTreeMap::new();
    for path in run.bytes()?.split(|b| *b == 0) {
        let Some(path) = std::str::from_utf8(path).ok().and_then(|path| of_deal(home, path, deal)) else { continue };
        let full = workdir.join(home.in_repository(path));
        if full.symlink_metadata().is_ok_and(|m| m.is_file()) {
            found.insert(path.to_owned(), read_steadily(&full).map_err(WriteError::io("read", &full))?);
        }
    }
    Ok(found)
}

/// The versions put together line by line by git, best first: where they do not touch one another, then with each side
/// preferred, then with both sides' lines one after the other.
///
/// # Errors
/// When git cannot be run.
pub fn line_by_line(git: &Git, base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<Vec<u8>>, WriteError> {
    let dir = tempfile::Builder::new().prefix("tussock-").tempdir();
    let dir = dir.map_err(WriteError::io("create a folder in", &std::env::temp_dir()))?;
    let mut names = Vec::new();
    for (name, bytes) in [("ours", ours), ("base", base), ("theirs", theirs)] {
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).map_err(WriteError::io("write", &file))?;
        names.push(file);
    }
    let mut found = Vec::new();
    for how in [None, Some("--ours"), Some("--theirs"), Some("--union")] {
        let ran = git.command("merge-file").plain().args(["-p", "--quiet"]).args(how).args(&names).run()?;
        if ran.ok && !has_markers(&ran.out) {
            found.push(ran.out);
        }
    }
    Ok(found)
}

/// What settling has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What was in the work tree and in no commit: path below the pipeline's folder, and the object that has it now.
    pub kept: Vec<(String, ObjectId)>,
    /// The deals that are still in conflict, by id.
    pub left: Vec<String>,
}

/// Writes the version that settles a conflict which is not committed: one file, every other file of the deal gone, and
/// its conflict out of the index. Nothing is committed. What was in the work tree and is in no version is first put among
/// git's objects.
///
/// # Errors
/// See [`WriteError`]. When the deal has changed since it was looked at, nothing is written.
pub fn settle(
    home: &Home,
    git: &Git,
    conflict: &Conflict,
    keep: Option<(&str, &[u8])>,
    tell: &mut dyn FnMut(&str),
) -> Result<Settled, WriteError> {
    if git.env(IN_TRANSACTION).is_some() {
        return Err(WriteError::Nested);
    }
    let (place, workdir) = work_tree(home)?;
    let _lock = lock::take(place, tell)?;
    wait_for_index(place, tell)?;
    if self::conflict(home, git, &conflict.deal)? != *conflict {
        return Err(WriteError::Conflict { what: format!("the deal {} was changed", conflict.deal) });
    }
    let versions = [&conflict.base, &conflict.ours.file, &conflict.theirs.file];
    let known = |bytes: &Vec<u8>| versions.iter().filter_map(|v| v.as_ref()).any(|version| version.bytes == *bytes);
    let written = |path: &str, bytes: &[u8]| keep == Some((path, bytes));
    let mut kept = Vec::new();
    for (path, bytes) in conflict.files.iter().filter(|(path, bytes)| !known(bytes) && !written(path, bytes)) {
        kept.push((path.clone(), hash(git, "--no-filters", bytes)?));
    }
    let mut info = Vec::new();
    for (path, _, blob) in &conflict.entries {
        let none = "0".repeat(blob.to_string().len());
        info.extend(format!("0 {none}\t{}\0", home.in_repository(path)).into_bytes());
    }
    if let Some((path, bytes)) = keep {
        let in_repository = home.in_repository(path);
        let executable = [&conflict.ours.file, &conflict.theirs.file].into_iter().flatten().all(|file| file.executable);
        let blob = hash(git, &format!("--path={in_repository}"), bytes)?;
        let mode = if executable { "100755" } else { "100644" };
        info.extend(format!("{mode} {blob}\t{in_repository}\0").into_bytes());
        write(&workdir, &in_repository, bytes, executable, conflict.files.get(path), git.fsync())?;
    }
    for (path, bytes) in conflict.files.iter().filter(|(path, _)| keep.is_none_or(|(kept, _)| *path != kept)) {
        remove(&workdir.join(home.in_repository(path)), bytes)?;
    }
    let run = git.command("update-index").plain().writing();
    run.args(["-z", "--index-info"]).stdin(&info).bytes()?;
    if let Some((path, _)) = keep {
        // Only lets git know that the file is as the index says; if it fails, git finds out by itself.
        git.command("add").plain().writing().args(["--refresh", "--", &home.in_repository(path)]).run()?;
    }
    let repo = place.open()?;
    let mut left: Vec<String> = staged(home, &repo)?
        .iter()
        .filter(|entry| entry.stage != 0)
        .map(|entry| {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            match home.in_pipeline(&path).and_then(deal_path) {
                Some((_, id)) => id.to_string(),
                None => path,
            }
        })
        .collect();
    left.sort();
    left.dedup();
    Ok(Settled { kept, left })
}

/// Puts bytes among git's objects.
fn hash(git: &Git, filter: &str, bytes: &[u8]) -> Result<ObjectId, WriteError> {
    let line = git.command("hash-object").plain().writing().args(["-w", "--stdin", filter]).stdin(bytes).line()?;
    let answer = || GitError::Answer { command: "git hash-object".into(), answer: line.clone() };
    Ok(parse_id(&line).ok_or_else(answer)?)
}

/// Writes a file beside its place and then names it. A file that is there and is not what was read stays.
fn write(
    workdir: &Path,
    path: &str,
    bytes: &[u8],
    executable: bool,
    was: Option<&Vec<u8>>,
    fsync: bool,
) -> Result<(), WriteError> {
    for (end, _) in path.match_indices('/') {
        let folder = workdir.join(&path[..end]);
        if folder.symlink_metadata().is_ok_and(|m| !m.is_dir()) {
            return Err(WriteError::BadPath {
                path: path.to_owned(),
                reason: "a folder on the way to it is a link or a file",
            });
        }
    }
    let full = workdir.join(path);
    let failed = || WriteError::io("write", &full);
    let folder = full.parent().unwrap_or(workdir);
    std::fs::create_dir_all(folder).map_err(failed())?;
    let now = match read_steadily(&full) {
        Ok(now) => Some(now),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(WriteError::io("read", &full)(e)),
    };
    match (&now, was) {
        (Some(now), _) if now == bytes => return Ok(()),
        (Some(now), Some(was)) if now == was => {}
        (None, _) => {}
        (Some(_), _) => return Err(WriteError::Exists { path: path.to_owned(), place: "in the work tree" }),
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tussock-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(if executable { 0o777 } else { 0o666 }));
    #[cfg(not(unix))]
    let _ = executable;
    let mut temp = builder.tempfile_in(folder).map_err(failed())?;
    temp.write_all(bytes).map_err(failed())?;
    if fsync {
        temp.as_file().sync_all().map_err(failed())?;
    }
    temp.persist(&full).map(drop).map_err(|e| failed()(e.error))
}

/// Removes a file, unless it is no longer what was read.
fn remove(path: &Path, was: &[u8]) -> Result<(), WriteError> {
    match read_steadily(path) {
        Ok(now) if now == was => std::fs::remove_file(path).map_err(WriteError::io("remove", path)),
        Ok(_) => Err(WriteError::Conflict { what: format!("{} was changed", path.display()) }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(WriteError::io("read", path)(e)),
    }
}
