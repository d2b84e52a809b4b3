//! Where the pipeline stood at an earlier point of a branch: the commit, and the folder it lay in then.

use crate::repo::objects::{Commit, ObjectError, ObjectId, Objects};

use super::event::KnownAt;
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
/// the one of today.
///
/// # Errors
/// See [`HistoryError`].
pub fn standpoint(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    point: Point,
) -> Result<Option<Standpoint>, HistoryError> {
    if objects.is_shallow() {
        return Err(HistoryError::Shallow);
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
