//! Named points of the protocol, at which tests let a write fail or end dead in its tracks.

/// Passes a point. Outside of tests nothing happens here.
#[cfg(not(test))]
pub(super) fn reach(_: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// Whether the process counts as dead, so that nothing is tidied up any more. Outside of tests it never does.
#[cfg(not(test))]
pub(super) fn dead() -> bool {
    false
}

#[cfg(test)]
pub(super) use testing::{dead, reach};

#[cfg(test)]
pub(super) mod testing {
    use std::cell::{Cell, RefCell};
    use std::io;

    /// What happens at a point.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// The process ends: nothing after the point is done, nothing is tidied up.
        Death,
        /// The system says no, once.
        Refusal,
        /// The system says no here and at every later point.
        Lasting,
    }

    thread_local! {
        static PLAN: Cell<Option<(usize, Fault)>> = const { Cell::new(None) };
        static PASSED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
        static DEAD: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets `fault` happen at the point with this number, counted from 0 in the order in which they are passed; forgets
    /// what was before.
    pub fn plan(fault: Option<(usize, Fault)>) {
        PLAN.set(fault);
        PASSED.take();
        DEAD.set(false);
    }

    /// The points passed since [`plan`].
    pub fn passed() -> Vec<&'static str> {
        PASSED.with_borrow(Clone::clone)
    }

    pub fn dead() -> bool {
        DEAD.get()
    }

    pub fn reach(point: &'static str) -> io::Result<()> {
        let at = PASSED.with_borrow_mut(|passed| {
            passed.push(point);
            passed.len() - 1
        });
        match PLAN.get() {
            _ if DEAD.get() => Err(io::Error::other("dead")),
            Some((planned, Fault::Death)) if planned == at => {
                DEAD.set(true);
                Err(io::Error::other("dead"))
            }
            Some((planned, Fault::Refusal)) if planned == at => Err(io::Error::from(io::ErrorKind::StorageFull)),
            Some((planned, Fault::Lasting)) if planned <= at => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        }
    }
}
