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
    /// The pipeline's folder in it, below the repository's root; "" is the root.
    pub prefix: String,
}

/// Where the pipeline that lies in the folder `prefix` at the commit `tip` stood at a point of its past. `None` where
/// nothing was known yet by the time asked for. For a commit that is not on the first-parent line of `tip`, the folder is
/// the one of today. A `cache` is read where it has the line, and never written.
///
/// # Errors
/// See [`HistoryError`].
pub fn standpoint(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    point: Point,
    cache: Option<&Cache>,
) -> Result<Option<Standpoint>, HistoryError> {
    if objects.is_shallow() {
        return Err(HistoryError::Shallow);
    }
    if let Some(found) = cache.and_then(|cache| cache.line(prefix, tip)).and_then(|line| kept(&line, prefix, point)) {
        return Ok(found);
    }
    let failed = |commit: ObjectId| move |source: ObjectError| HistoryError::Object { commit, source };
    let mut trees = Trees::new(objects);
    if let Point::Commit(commit) = point {
        let root = objects.commit(commit).map_err(failed(commit))?.tree;
        if place::is_there(&mut trees, root, prefix).map_err(failed(commit))? {
            return Ok(Some(Standpoint { commit, prefix: prefix.to_owned() }));
        }
    }
    let mut line = Vec::new();
    let each = |commit: Commit| line.push((commit.id, commit.tree, commit.committer_time));
    down(objects, tip, &|_| false, each).map_err(|(commit, source)| HistoryError::Object { commit, source })?;
    line.reverse();
    let at = match point {
        Point::Known(until) => {
            let times = known_times(line.iter().map(|(.., time)| *time), None);
            times.take_while(|(known_at, _)| *known_at <= until).count().checked_sub(1)
        }
        Point::Commit(commit) => match line.iter().position(|(id, ..)| *id == commit) {
            Some(at) => Some(at),
            None => return Ok(Some(Standpoint { commit, prefix: prefix.to_owned() })),
        },
    };
    let Some((at, (commit, ..))) = at.and_then(|at| Some((at, *line.get(at)?))) else { return Ok(None) };
    let later = line.get(at..).unwrap_or_default();
    let roots: Vec<ObjectId> = later.iter().map(|(_, tree, _)| *tree).collect();
    let place = place::oldest(&mut trees, &roots, prefix)
        .map_err(|(at, source)| HistoryError::Object { commit: later.get(at).map_or(tip, |(id, ..)| *id), source })?;
    Ok(Some(Standpoint { commit: commit, prefix: place }))
}

/// The same from what is kept of the line: the outer `None` where that does not tell.
fn kept(ledger: &Ledger, prefix: &str, point: Point) -> Option<Option<Standpoint>> {
    let at = match point {
        Point::Known(until) => match ledger.line.partition_point(|known| known.known_at <= until).checked_sub(1) {
            Some(at) => at,
            None => return Some(None),
        },
        Point::Commit(commit) => ledger.line.iter().position(|known| known.id == commit)?,
    };
    let commit = ledger.line.get(at).filter(|_| ledger.is_named_at(at))?.id;
    Some(Some(Standpoint { commit, prefix: prefix.to_owned() }))
}
