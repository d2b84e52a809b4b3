//! Tells on a terminal that something takes long, and only when it does.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on standard error that appears after a second and goes away when dropped. Nothing is shown where standard
/// error is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins something called `what`: `reading history`.
    pub fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        let later = bar.clone();
        // The first tick comes late, so that a quick command never flashes a spinner.
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            if !later.is_finished() {
                later.enable_steady_tick(Duration::from_millis(120));
            }
        });
        Progress(bar)
    }
}

impl Progress {
    /// Says how far it is.
    pub fn say(&self, what: String) {
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
