//! Signals that end a command: Ctrl-C, a closed terminal, a stop by the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::exit::Exit;

/// Remembers how the program was told to stop.
#[derive(Clone, Debug, Default)]
pub struct Stopped(Arc<AtomicU8>);

impl Stopped {
    /// The exit code for what came: that of Ctrl-C until a stop by the system has come.
    pub fn exit(&self) -> Exit {
        if self.0.load(Ordering::Acquire) == TERMINATED { Exit::Terminated } else { Exit::Interrupted }
    }

    fn note(&self, how: u8) {
        self.0.store(how, Ordering::Release);
    }
}

const INTERRUPTED: u8 = 1;
const TERMINATED: u8 = 2;

/// Calls `stop` at Ctrl-C and its like from now on, instead of ending the program.
///
/// # Errors
/// When the system takes no handler.
#[cfg(unix)]
pub fn on_stop(stop: impl Fn() + Send + 'static) -> std::io::Result<Stopped> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let stopped = Stopped::default();
    let noted = stopped.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            noted.note(if signal == SIGINT { INTERRUPTED } else { TERMINATED });
            stop();
        }
    })?;
    Ok(stopped)
}

/// Calls `stop` at Ctrl-C from now on, instead of ending the program.
///
/// # Errors
/// When the system takes no handler.
#[cfg(not(unix))]
pub fn on_stop(stop: impl Fn() + Send + 'static) -> std::io::Result<Stopped> {
    let stopped = Stopped::default();
    let noted = stopped.clone();
    ctrlc::set_handler(move || {
        noted.note(INTERRUPTED);
        stop();
    })
    .map_err(std::io::Error::other)?;
    Ok(stopped)
}

/// Lets the signals that end a program wait while something is done that must not be left half-way. At all other times
/// they end the program as ever.
#[derive(Debug, Default)]
pub struct Deferred {
    /// Whether a signal ends the program; shared with the handlers.
    deadly: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Deferred {
    /// Prepares for signals; nothing waits yet.
    ///
    /// # Errors
    /// When the system takes no handler.
    #[cfg(unix)]
    pub fn new() -> std::io::Result<Deferred> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        use signal_hook::flag;
        let deferred = Deferred::default();
        deferred.deadly.store(true, Ordering::SeqCst);
        for (signal, came) in
            [(SIGINT, &deferred.interrupted), (SIGTERM, &deferred.terminated), (SIGHUP, &deferred.terminated)]
        {
            flag::register_conditional_default(signal, Arc::clone(&deferred.deadly))?;
            flag::register(signal, Arc::clone(came))?;
        }
        Ok(deferred)
    }

    /// Nothing waits on this system: Ctrl-C ends the program at any time.
    ///
    /// # Errors
    /// Never.
    #[cfg(not(unix))]
    pub fn new() -> std::io::Result<Deferred> {
        Ok(Deferred::default())
    }

    /// Lets signals wait until the result is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.deadly.store(false, Ordering::SeqCst);
        Held(self)
    }

    /// The exit code for a signal that had to wait; `None` when none came.
    pub fn came(&self) -> Option<Exit> {
        if self.terminated.load(Ordering::SeqCst) {
            Some(Exit::Terminated)
        } else {
            self.interrupted.load(Ordering::SeqCst).then_some(Exit::Interrupted)
        }
    }
}

/// While it lives, signals wait.
#[derive(Debug)]
pub struct Held<'a>(&'a Deferred);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.deadly.store(true, Ordering::SeqCst);
    }
}
