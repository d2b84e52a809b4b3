//! Where the pipeline stood at an earlier point of a branch: the commit, and the folder it lay in then.

use crate::repo::objects::{Commit, ObjectError, ObjectId, Objects};

use super::cache::Cache;
use super::event::KnownAt;
use super::ledger::Ledger;
use super::line::{down, known_times};
use super::place;
use super::record::HistoryError;
use super::trees::Trees;

/// An earlier point of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The last commit that the branch knew by then.
    Known(KnownAt),
    /// A commit, on the branch or elsewhere.
    Commit(ObjectId),
}

/// What [`standpoint`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standpoint {
    /// The commit.
    pub commit: ObjectId,
    /// When its own line of first parents came to know it.
    pub known_at: KnownAt,
    /// The pipeline's folder in it, below the repository's root; "" is the root.
    pub prefix: String,
}

/// A point of the past, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The pipeline's branch had begun by then.
    There(Standpoint),
    /// Nothing was known yet: the first commit became known only then.
    NotYet(KnownAt),
}

/// Where the pipeline that lies in the folder `prefix` at the commit `tip` stood at a point of its past. For a commit that
/// is not on the first-parent line of `tip`, the folder is the one of today. A `cache` is read where it has the line, and
/// never written.
///
/// # Errors
/// See [`HistoryError`]. In a shallow clone, a time can only be asked for with `allow_incomplete`: which commit was the
/// last one then depends on all clocks before it. A commit that is there can be asked for all the same.
pub fn standpoint(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    point: Point,
    allow_incomplete: bool,
    cache: Option<&Cache>,
) -> Result<Found, HistoryError> {
    let kept = cache.filter(|_| !objects.is_shallow()).and_then(|cache| cache.line(prefix, tip));
    if let Some(found) = kept.and_then(|ledger| from_kept(&ledger, prefix, point)) {
        return Ok(found);
    }
    let mut trees = Trees::new(objects);
    let known = |commit: ObjectId, place: String| -> Result<Found, HistoryError> {
        let known_at = line_of(objects, commit)?.last().map_or(KnownAt(i64::MIN), |step| step.known_at);
        Ok(Found::There(Standpoint { commit, known_at, prefix: place }))
    };
    if let Point::Commit(commit) = point {
        let root = objects.commit(commit).map_err(failed(commit))?.tree;
        if place::is_there(&mut trees, root, prefix).map_err(failed(commit))? {
            return known(commit, prefix.to_owned());
        }
    }
    if objects.is_shallow() && !allow_incomplete {
        return Err(HistoryError::Shallow);
    }
    let line = line_of(objects, tip)?;
    let at = match point {
        Point::Known(until) => line.partition_point(|step| step.known_at <= until).checked_sub(1),
        Point::Commit(commit) => match line.iter().position(|step| step.commit == commit) {
            Some(at) => Some(at),
            None => return known(commit, prefix.to_owned()),
        },
    };
    let Some((at, step)) = at.and_then(|at| Some((at, line.get(at)?))) else {
        return Ok(Found::NotYet(line.first().map_or(KnownAt(i64::MIN), |step| step.known_at)));
    };
    let later = line.get(at..).unwrap_or_default();
    let place = oldest_place(&mut trees, later, prefix, tip)?;
    Ok(Found::There(Standpoint { commit: step.commit, known_at: step.known_at, prefix: place }))
}

/// The first commit on the line of `tip` that had the pipeline which lies in the folder `prefix` there, followed through
/// the folders it lay in before; `None` where no commit has.
///
/// # Errors
/// See [`HistoryError`].
pub fn came_in(objects: &dyn Objects, tip: ObjectId, prefix: &str) -> Result<Option<Standpoint>, HistoryError> {
    let line = line_of(objects, tip)?;
    let mut trees = Trees::new(objects);
    let place = oldest_place(&mut trees, &line, prefix, tip)?;
    for step in &line {
        if place::is_there(&mut trees, step.tree, &place).map_err(failed(step.commit))? {
            return Ok(Some(Standpoint { commit: step.commit, known_at: step.known_at, prefix: place }));
        }
    }
    Ok(None)
}

/// A commit of a first-parent line.
pub(super) struct Step {
    pub(super) commit: ObjectId,
    pub(super) tree: ObjectId,
    pub(super) known_at: KnownAt,
}

/// The first-parent line of a commit, oldest first.
pub(super) fn line_of(objects: &dyn Objects, tip: ObjectId) -> Result<Vec<Step>, HistoryError> {
    let mut line = Vec::new();
    let each = |commit: Commit| {
        line.push(Step { commit: commit.id, tree: commit.tree, known_at: KnownAt(commit.committer_time) });
    };
    down(objects, tip, &|_| false, each).map_err(|(commit, source)| HistoryError::Object { commit, source })?;
    line.reverse();
    let times: Vec<(KnownAt, bool)> = known_times(line.iter().map(|step| step.known_at.0), None).collect();
    line.iter_mut().zip(times).for_each(|(step, (known_at, _))| step.known_at = known_at);
    Ok(line)
}

/// The folder that the pipeline had at the first of these commits.
fn oldest_place(trees: &mut Trees, line: &[Step], prefix: &str, tip: ObjectId) -> Result<String, HistoryError> {
    let roots: Vec<ObjectId> = line.iter().map(|step| step.tree).collect();
    place::oldest(trees, &roots, prefix)
        .map_err(|(at, source)| HistoryError::Object { commit: line.get(at).map_or(tip, |step| step.commit), source })
}

pub(super) fn failed(commit: ObjectId) -> impl FnOnce(ObjectError) -> HistoryError {
    move |source| HistoryError::Object { commit, source }
}

/// The same from what is kept of the line; `None` where that does not tell.
fn from_kept(ledger: &Ledger, prefix: &str, point: Point) -> Option<Found> {
    let at = match point {
        Point::Known(until) => match ledger.line.partition_point(|known| known.known_at <= until).checked_sub(1) {
            Some(at) => at,
            None => return ledger.line.first().map(|known| Found::NotYet(known.known_at)),
        },
        Point::Commit(commit) => ledger.line.iter().position(|known| known.id == commit)?,
    };
    let known = ledger.line.get(at).filter(|_| ledger.is_named_at(at))?;
    Some(Found::There(Standpoint { commit: known.id, known_at: known.known_at, prefix: prefix.to_owned() }))
}
