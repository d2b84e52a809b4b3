//! The parts of packs that one thread has lately read, in blocks of a fixed size.

use std::io;

use super::file::read_exact_at;
use super::open::Pack;

/// The size of a block.
const BLOCK: u64 = 64 << 10;
/// How far a block goes into the next one, so that what begins near its end seldom has to be read anew.
const OVERLAP: u64 = 4 << 10;
/// A long read whose buffer is kept for the next one.
const LONG: usize = 4 << 20;
/// How many blocks are kept.
const SLOTS: usize = 512;

/// One block of a pack.
#[derive(Default)]
struct Slot {
    pack: u32,
    block: u64,
    /// Empty while nothing was read.
    bytes: Vec<u8>,
}

/// Blocks of packs. A block takes the place of whichever had its slot: packs are read in long runs, which keep their
/// slots apart, and a slot needs no list of who was used when.
pub(super) struct Blocks {
    slots: Vec<Slot>,
    /// What is longer than a block has left.
    long: Vec<u8>,
}

impl Blocks {
    pub(super) fn new() -> Self {
        let mut slots = Vec::new();
        slots.resize_with(SLOTS, Slot::default);
        Blocks { slots, long: Vec::new() }
    }

    /// The bytes of a pack from an offset on: at least `want` of them, unless its entries end before.
    ///
    /// # Errors
    /// When the pack is shorter than it was, or cannot be read.
    pub(super) fn from(&mut self, number: u32, pack: &Pack, offset: u64, want: usize) -> io::Result<&[u8]> {
        let left = pack.end.saturating_sub(offset);
        if left == 0 {
            return Ok(&[]);
        }
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(want);
        let (block, within) = (offset / BLOCK, (offset % BLOCK) as usize);
        let begin = block * BLOCK;
        let len = (pack.end - begin).min(BLOCK + OVERLAP) as usize;
        if within + want > len {
            if self.long.capacity() > LONG {
                self.long = Vec::new();
            }
            self.long.resize(want, 0);
            read_exact_at(&pack.file, &mut self.long, offset)?;
            return Ok(&self.long);
        }
        // Packs begin in different slots, so that two of them are not always in each other's way.
        let at = (block.wrapping_add(u64::from(number).wrapping_mul(131)) % SLOTS as u64) as usize;
        let slot = self.slots.get_mut(at).ok_or(io::ErrorKind::NotFound)?;
        if slot.bytes.is_empty() || slot.pack != number || slot.block != block {
            let mut bytes = std::mem::take(&mut slot.bytes);
            bytes.resize(len, 0);
            read_exact_at(&pack.file, &mut bytes, begin)?;
            *slot = Slot { pack: number, block, bytes };
        }
        Ok(slot.bytes.get(within..).unwrap_or_default())
    }
}
