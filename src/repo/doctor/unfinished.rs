//! A write of tussock itself that was cut short.

use super::{Ailment, Kind, Patient, branch, curable, index, locks};
use crate::repo::error::WriteError;
use crate::repo::transaction::{Ending, recover, unfinished};

/// What tussock has begun and not ended. At `first` only where nothing stands in the way of ending it: it knows its
/// own locks, and is done before others are looked at.
pub(super) fn write(patient: &Patient, first: bool) -> Result<Vec<Ailment>, WriteError> {
    let Some(subject) = unfinished(&patient.home)? else { return Ok(Vec::new()) };
    if first {
        let in_the_way = [branch::broken(patient)?, index::broken(patient)?].concat();
        if !in_the_way.is_empty() || locks::any_removable(patient)? {
            return Ok(Vec::new());
        }
    }
    let what = format!("a change was cut short: {subject}");
    let does = "finishes it if it was committed, and takes it back if not";
    Ok(vec![curable(what, does, Kind::Recover)])
}

/// Ends it. What is left as it was found goes to `tell`.
pub(super) fn end(patient: &Patient, tell: &mut dyn FnMut(&str)) -> Result<(), WriteError> {
    let Some(recovered) = recover(&patient.home, patient.program(), tell)? else { return Ok(()) };
    let subject = &recovered.subject;
    tell(&match recovered.ending {
        Ending::TakenBack => format!("{subject}: it was not committed; do it again"),
        Ending::Finished(commit) => {
            format!("{subject}: it was committed as {}; the files have followed", commit.short())
        }
        Ending::Staged => format!("{subject}: the files and the index are changed now"),
        Ending::Superseded { commit, branch, now } => format!(
            "{subject}: it was committed as {}, but {branch} is at {} now; the files are left as they are, and \
             `git show {}` has the change",
            commit.short(),
            now.short(),
            commit.short()
        ),
        Ending::Elsewhere { commit, branch } => {
            format!("{subject}: it was committed as {} on {branch}, and another branch is checked out", commit.short())
        }
    });
    for left in &recovered.left {
        tell(left);
    }
    Ok(())
}
