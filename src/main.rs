//! The `tussock` program. Everything is in the library; this only starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tussock::cli::run(std::env::args_os())
}
