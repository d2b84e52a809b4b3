//! tussock keeps a sales pipeline as plain text in git.
//!
//! A deal is a YAML file, the folder it lies in is its stage, a move is a commit. The library is laid out in rooms;
//! each room knows only the rooms above it in this list, and only `cli` and the `tussock` binary print or exit.

// What a user, a file or git can do must not end in a panic, and only the command line prints and exits.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::exit)]

pub mod format;

pub mod repo;

pub mod check;

pub mod action;

pub mod merge;

pub mod history;

pub mod metrics;

pub mod forecast;

pub mod review;

pub mod report;

pub mod output;

pub mod example;

pub mod cli;
