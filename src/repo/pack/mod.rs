//! Reading git objects straight from packs and loose files, in this process and by many threads at once.
//!
//! History is hundreds of thousands of small objects, read in about the order in which git put them into the pack.
//! libgit2 and the `git` program read each of them as if it were the only one; here what the last one needed is still
//! at hand. What this reader does not know (old indexes, tags, very large objects, bases outside their pack, remotes of
//! partial clones) it says it does not have, and the others are asked.
//!
//! That an object's bytes give its name is not checked, as in git itself: its checksum in the pack is.

mod blocks;
mod cache;
mod delta;
mod fault;
mod file;
mod folders;
mod index;
mod inflate;
mod loose;
mod open;
mod reader;

#[cfg(test)]
mod tests;

pub use folders::Store;
pub use reader::Reader;

use std::sync::Arc;

use crate::repo::engine::Kind;

/// An object: its kind and bytes. The bytes are shared with the reader, which keeps some of them for others.
pub type Object = (Kind, Arc<Vec<u8>>);

/// Where in the packs an object lies. What is read in this order is read from front to back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pack: u32,
    offset: u64,
}

impl Place {
    /// The place with this pack number and offset.
    pub fn new(pack: u32, offset: u64) -> Place {
        Place { pack, offset }
    }

    /// The number of its pack.
    pub fn pack(self) -> u32 {
        self.pack
    }

    /// How far it lies from the beginning of its pack, in bytes.
    pub fn offset(self) -> u64 {
        self.offset
    }
}
