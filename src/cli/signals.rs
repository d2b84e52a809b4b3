//! Signals that end a long-running command: Ctrl-C, a closed terminal, a stop by the system.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

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
