//! The `tussock` program. Everything is in the library; this only starts it.

use std::process::ExitCode;

/// History is millions of small pieces of memory: the system's own allocator takes an eighth more time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tussock::cli::run(std::env::args_os())
}
