//! The commands, one file each.

pub mod completions;
pub mod demo;
pub mod explain;
pub mod init;
pub mod list;
pub mod log;
pub mod lose;
pub mod man;
pub mod merge_check;
pub mod r#move;
pub mod new;
pub mod report;
pub mod resolve;

pub mod set;
pub mod show;
pub mod validate;

pub mod watch;
pub mod why;
pub mod win;
