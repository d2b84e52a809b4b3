//! Unpacking zlib data whose size is known beforehand, or at least bounded.

use libdeflater::{DecompressionError, Decompressor};

use super::fault::Fault;

/// The largest object that is held in memory here, in bytes; others are left to whoever is asked next. It keeps what a
/// made-up size or a difference that copies the same bytes again and again can cost within bounds.
pub(super) const LARGEST: usize = 128 << 20;
/// What deflate can make at most of one byte.
const MOST_FROM_ONE: usize = 1032;

/// Unpacks.
pub(super) struct Inflater(Decompressor);

impl Inflater {
    pub(super) fn new() -> Self {
        Inflater(Decompressor::new())
    }

    /// How many packed bytes this many unpacked ones can take: what cannot be made smaller is stored in blocks of at
    /// least 16 KB with five bytes before each.
    pub(super) fn longest(size: usize) -> usize {
        size.saturating_add(size / 2048).saturating_add(64)
    }

    /// Unpacks exactly as many bytes as `out` has. `packed` may go on after the end.
    ///
    /// # Errors
    /// [`Fault::Damaged`] when it unpacks to another size, [`Fault::Elsewhere`] when it does not unpack: it may be
    /// damaged, or packed in a way that takes more bytes than are given here.
    pub(super) fn exactly(&mut self, packed: &[u8], out: &mut [u8]) -> Result<(), Fault> {
        match self.0.zlib_decompress(packed, out) {
            Ok(count) if count == out.len() => Ok(()),
            Ok(_) | Err(DecompressionError::InsufficientSpace) => {
                Err(Fault::Damaged("it has another size than it says"))
            }
            Err(DecompressionError::BadData) => Err(Fault::Elsewhere),
        }
    }

    /// Unpacks the whole of `packed`.
    ///
    /// # Errors
    /// [`Fault::Elsewhere`] when it does not unpack, or to more than `most` bytes.
    pub(super) fn whole(&mut self, packed: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
        let most = packed.len().saturating_mul(MOST_FROM_ONE).min(most);
        let mut size = packed.len().saturating_mul(4).max(512).min(most);
        loop {
            let mut out = vec![0; size];
            match self.0.zlib_decompress(packed, &mut out) {
                Ok(count) => {
                    out.truncate(count);
                    return Ok(out);
                }
                Err(DecompressionError::InsufficientSpace) if size < most => size = size.saturating_mul(4).min(most),
                Err(_) => return Err(Fault::Elsewhere),
            }
        }
    }
}
