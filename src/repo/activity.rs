//! Whether somebody else is writing to the repository just now.

use std::time::{Duration, SystemTime};

use super::discover::Home;

/// A writer that took the lock longer ago than this has ended, or waits for a hook and moves no files.
const LATELY: Duration = Duration::from_secs(15);

/// Whether a tussock has written here a moment ago or may be writing now, so that a reader should look twice. Costs one
/// look at one file. Where that cannot be said, nobody does.
pub fn writer_about(home: &Home) -> bool {
    let Some(place) = &home.repo else { return false };
    // Who takes the lock writes its number into the file.
    let taken = place.own_folder().join("lock").metadata().and_then(|m| m.modified());
    taken.is_ok_and(|taken| match SystemTime::now().duration_since(taken) {
        Ok(age) => age < LATELY,
        // The clock was set back: better to look twice than to miss a deal.
        Err(_) => true,
    })
}
