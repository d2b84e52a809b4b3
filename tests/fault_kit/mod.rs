//! Breaks a command at every place where it writes, and looks at what is left.
//!
//! A command is traced once. Each system call in it with which something could be written, be it tussock's own or of a
//! git that it started, is a point. Then the command runs again and again, each time in a fresh copy of the same
//! repository, and at one of the points something happens to it. After each run the repository is held against the
//! invariants of [`checker`], the same command runs again, and the repository must be as if nothing had happened.
#![allow(dead_code)]

pub mod checker;
pub mod fixture;
pub mod job;
pub mod matrix;
pub mod tracer;
