//! Where output goes: standard output through one buffer, messages to standard error, colours where they are wanted.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use super::ColorWhen;
use super::exit::CommandError;
use crate::output::terminal::plain;

/// Columns when nobody knows better.
const DEFAULT_COLUMNS: usize = 100;

/// The two streams and what is known of the terminal.
pub struct Ui {
    out: BufWriter<io::Stdout>,
    failed: Option<io::Error>,
    /// What is done and stays done, should the output not reach anybody.
    done: Vec<String>,
    /// Whether standard output gets colours.
    pub colour: bool,
    colour_errors: bool,
    /// Whether standard output is a terminal.
    pub out_is_terminal: bool,
    /// Whether somebody can be asked: standard input and error are terminals, and this is no build server.
    pub interactive: bool,
}

impl Ui {
    /// The streams of the process.
    pub fn new(color: ColorWhen) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let wanted = |terminal: bool| match color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto if set("NO_COLOR") => false,
            ColorWhen::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|v| v != "0" && !v.is_empty()) => true,
            ColorWhen::Auto => terminal && !dumb,
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Ui {
            out: BufWriter::new(io::stdout()),
            failed: None,
            done: Vec::new(),
            colour: wanted(out),
            colour_errors: wanted(err),
            out_is_terminal: out,
            interactive: io::stdin().is_terminal() && err && !in_ci(),
        }
    }

    /// Columns of the terminal, from COLUMNS or from the terminal itself.
    pub fn columns(&self) -> usize {
        let told = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| *c > 0);
        let asked = || terminal_size::terminal_size().map(|(w, _)| usize::from(w.0));
        told.or_else(asked).unwrap_or(DEFAULT_COLUMNS)
    }

    /// Columns that a table has to fit in; `None` where output goes to a file or a pipe, and nothing is to be cut.
    pub fn table_columns(&self) -> Option<usize> {
        (self.out_is_terminal || std::env::var_os("COLUMNS").is_some()).then(|| self.columns())
    }

    /// Writes bytes to standard output. A failure is kept for [`Ui::finish`].
    pub fn print(&mut self, text: impl AsRef<[u8]>) {
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(text.as_ref())
        {
            self.failed = Some(error);
        }
    }

    /// Writes a line to standard output.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.print(text.as_ref());
        self.print("\n");
    }

    /// A text in bold, where colours are wanted.
    pub fn bold(&self, text: &str) -> String {
        styled(self.colour, Style::new().bold(), text)
    }

    /// A text in a colour, where colours are wanted.
    pub fn tinted(&self, colour: AnsiColor, text: &str) -> String {
        styled(self.colour, colour.on_default(), text)
    }

    /// Sends what was written so far, so that a message on standard error comes after it.
    pub fn flush(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.out.flush()
        {
            self.failed = Some(error);
        }
    }

    /// Remembers what is done, as a sentence without its full stop, for the case that the output cannot be written.
    pub fn remember(&mut self, done: impl Into<String>) {
        self.done.push(done.into());
    }

    /// What to say when the output could not be written: that, and what is done all the same.
    pub fn not_written(&self, error: &io::Error) -> String {
        let mut message = format!("cannot write the output: {error}");
        for done in &self.done {
            message.push_str("; ");
            message.push_str(done);
        }
        message
    }

    /// Whether standard output still takes something.
    pub fn is_open(&self) -> bool {
        self.failed.is_none()
    }

    /// A line for people on standard error.
    pub fn note(&mut self, text: impl AsRef<str>) {
        self.flush();
        // Nothing can be said of a standard error that takes nothing.
        let _ = writeln!(io::stderr(), "{}", text.as_ref());
    }

    /// An error with its hints, on standard error.
    pub fn error(&mut self, error: &CommandError) {
        let word = styled(self.colour_errors, AnsiColor::Red.on_default().bold(), "error:");
        self.note(format!("{word} {}", plain_lines(&error.message)));
        for hint in &error.hints {
            let word = styled(self.colour_errors, AnsiColor::Cyan.on_default().bold(), "help:");
            self.note(format!("{word} {}", plain_lines(hint)));
        }
    }

    /// A warning on standard error.
    pub fn warn(&mut self, text: &str) {
        let word = styled(self.colour_errors, AnsiColor::Yellow.on_default().bold(), "warning:");
        self.note(format!("{word} {}", plain_lines(text)));
    }

    /// Sends everything out.
    ///
    /// # Errors
    /// When standard output takes it not. A reader that closed the pipe early (`| head`) is no error.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush();
        match self.failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether the environment says that a build server runs this.
pub(super) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0")
}

/// Text of files and people with every control character shown, line by line.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

fn styled(on: bool, style: Style, text: &str) -> String {
    if on { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
