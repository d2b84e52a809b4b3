//! The work that one expression may do.

use std::cell::Cell;

use minijinja::{Error, ErrorKind, Value as Mini};

/// Work that filters, tests and comparisons of one expression may do: about one unit for an item of a list or a few
/// bytes of a text. minijinja counts its own instructions only, and one of them can walk a list of ten thousand.
const MAX_WORK: u64 = 400_000;

thread_local! {
    static WORK_LEFT: Cell<u64> = const { Cell::new(MAX_WORK) };
}

/// Takes work from what is left of this evaluation.
pub fn spend(units: usize) -> Result<(), Error> {
    WORK_LEFT.with(|left| {
        let rest = left.get().checked_sub(units as u64);
        left.set(rest.unwrap_or(0));
        rest.map(|_| ()).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))
    })
}

/// Takes the work of walking once over a value.
pub fn walk(value: &Mini) -> Result<(), Error> {
    spend(4 + value.as_str().map_or_else(|| 4 * value.len().unwrap_or(0), |text| text.len() / 16))
}

/// Does something on the side, with as much work as is left, which is then left as before.
pub fn aside<R>(what: impl FnOnce() -> R) -> R {
    let before = WORK_LEFT.with(Cell::get);
    let result = what();
    WORK_LEFT.with(|left| left.set(before));
    result
}

/// The work that is left.
#[cfg(test)]
pub fn left() -> u64 {
    WORK_LEFT.with(Cell::get)
}

/// Begins an evaluation with all of its work before it.
pub fn begin() {
    WORK_LEFT.with(|left| left.set(MAX_WORK));
}
