//! A second opinion on history: reads every tree of every commit in full through the `git` program, shares no code with
//! the engine, and takes none of its shortcuts.
//!
//! - [`store`] reads commits, trees and blobs.
//! - [`deals`] says which deals a commit holds, with its own reading of their fields.
//! - [`telling`] derives the events.
//! - [`compare`] puts what the engine says beside it.
//! - [`generated`] runs the generators of repositories whose history is known.
//! - [`stream`] writes repositories quickly, [`random`] makes histories of every shape.
#![allow(dead_code)]

pub mod compare;
pub mod deals;
pub mod generated;
pub mod random;
pub mod store;
pub mod stream;
pub mod telling;
