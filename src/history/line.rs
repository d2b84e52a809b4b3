//! The first-parent line of a branch.

use crate::repo::objects::{Commit, ObjectError, ObjectId, Objects};

use super::event::KnownAt;

/// Goes down a first-parent line from `tip`, newest commit first, until there is no parent or `stop` says of a commit
/// that what lies below it is known already; that commit is not given any more. Gives the commit where it stopped.
///
/// # Errors
/// When a commit cannot be read; with its id.
pub(super) fn down(
    objects: &dyn Objects,
    tip: ObjectId,
    stop: &dyn Fn(ObjectId) -> bool,
    mut each: impl FnMut(Commit),
) -> Result<Option<ObjectId>, (ObjectId, ObjectError)> {
    let mut next = Some(tip);
    while let Some(id) = next {
        if stop(id) {
            return Ok(Some(id));
        }
        let commit = objects.commit(id).map_err(|e| (id, e))?;
        next = commit.parents.first().copied();
        each(commit);
    }
    Ok(None)
}

/// When each commit of a line became known, oldest first, after `latest`, and whether that had to be moved: a commit is
/// never known before its first parent is, whatever its clock says.
pub(super) fn known_times(
    committed: impl Iterator<Item = i64>,
    latest: Option<KnownAt>,
) -> impl Iterator<Item = (KnownAt, bool)> {
    let mut latest = latest.unwrap_or(KnownAt(i64::MIN));
    committed.map(move |time| {
        let clamped = time < latest.0;
        latest = latest.max(KnownAt(time));
        (latest, clamped)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knowledge_never_runs_backwards() {
        let times: Vec<_> = known_times([5, 3, 5, 9].into_iter(), None).map(|(at, moved)| (at.0, moved)).collect();
        assert_eq!(times, [(5, false), (5, true), (5, false), (9, false)]);
        assert_eq!(known_times([5].into_iter(), Some(KnownAt(7))).next(), Some((KnownAt(7), true)));
    }
}
