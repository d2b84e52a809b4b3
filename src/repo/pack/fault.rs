//! Why an object could not be had from one of the places it may lie in.

use std::io;

/// Why an object could not be had from here.
#[derive(Debug)]
pub(super) enum Fault {
    /// It may be readable for someone else: too large to be held, of an unknown form, based on something that lies
    /// elsewhere, or the file under it went away.
    Elsewhere,
    /// What is there can be no object.
    Damaged(&'static str),
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        // What the disk says is said by whoever is asked next, about the same file.
        Fault::Elsewhere
    }
}
