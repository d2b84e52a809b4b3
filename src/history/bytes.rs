//! Numbers, texts and ids as bytes, for what is kept between runs. Numbers are written seven bits a byte, the lowest
//! first.

use super::ledger::NONE;
use crate::repo::objects::ObjectId;

/// Bytes that are written.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    /// [`NONE`] as nothing.
    pub(super) fn some(&mut self, number: u32) {
        self.number(if number == NONE { 0 } else { u64::from(number) + 1 });
    }

    /// Small numbers of either sign are short.
    pub(super) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn id(&mut self, id: ObjectId) {
        self.0.extend_from_slice(id.as_bytes());
    }

    pub(super) fn some_id(&mut self, id: Option<ObjectId>) {
        self.0.push(u8::from(id.is_some()));
        if let Some(id) = id {
            self.id(id);
        }
    }
}

/// Bytes that are read. Everything gives `None` where they are not what was written.
pub(super) struct In<'b> {
    rest: &'b [u8],
    id_len: usize,
}

impl<'b> In<'b> {
    pub(super) fn new(rest: &'b [u8], id_len: usize) -> Self {
        In { rest, id_len }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    /// How many things follow that take at least `least` bytes each.
    pub(super) fn count(&mut self, least: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(least)? <= self.rest.len()).then_some(count)
    }

    pub(super) fn some(&mut self) -> Option<u32> {
        Some(self.small()?.checked_sub(1).unwrap_or(NONE))
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = self.count(1)?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'b str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn id(&mut self) -> Option<ObjectId> {
        let (id, rest) = self.rest.split_at_checked(self.id_len)?;
        self.rest = rest;
        ObjectId::from_bytes(id)
    }

    pub(super) fn some_id(&mut self) -> Option<Option<ObjectId>> {
        if self.flag()? { self.id().map(Some) } else { Some(None) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}
