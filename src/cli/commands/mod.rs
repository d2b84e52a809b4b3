//! The commands, one file each.

pub mod approve;
pub mod backtest;
pub mod board;
pub mod cache;
pub mod completions;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod fmt;
pub mod forecast;
pub mod hooks;
pub mod init;
pub mod list;
pub mod log;
pub mod lose;
pub mod man;
pub mod merge_check;
pub mod r#move;
pub mod new;
pub mod portfolio;
pub mod rename;
pub mod report;
pub mod resolve;
pub mod schema;
pub mod set;
pub mod show;
pub mod sync;
pub mod undo;
pub mod validate;

pub mod waive;
pub mod watch;
pub mod why;
pub mod win;
