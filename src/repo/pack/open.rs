//! A pack that is open: its file, its index, and what an entry of it says of itself.

use std::fs::File;
use std::io;
use std::path::Path;

use super::fault::Fault;
use super::file::read_exact_at;
use super::index::Index;
use crate::repo::engine::Kind;

/// The header of a pack: magic bytes, version, number of objects.
const HEADER: usize = 12;

/// A pack that is open.
pub(super) struct Pack {
    pub(super) file: File,
    pub(super) index: Index,
    /// Where its entries end, in bytes.
    pub(super) end: u64,
}

impl Pack {
    /// Opens the pack beside an index; `None` where either is of another version or shape, or they do not belong
    /// together.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn open(index: &Path, id_len: usize) -> io::Result<Option<Pack>> {
        let file = File::open(index.with_extension("pack"))?;
        let Some(index) = Index::open(index, id_len)? else { return Ok(None) };
        let len = file.metadata()?.len();
        let Some(end) = len.checked_sub(id_len as u64).filter(|end| *end >= HEADER as u64) else { return Ok(None) };
        let mut header = [0; HEADER];
        read_exact_at(&file, &mut header, 0)?;
        let known = header.starts_with(b"PACK\0\0\0\x02") || header.starts_with(b"PACK\0\0\0\x03");
        let mut checksum = vec![0; id_len];
        read_exact_at(&file, &mut checksum, end)?;
        let fits = header.ends_with(&index.count().to_be_bytes()) && checksum == index.pack_checksum;
        Ok((known && fits).then_some(Pack { file, index, end }))
    }
}

/// What an entry's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form<'a> {
    /// The object itself.
    Whole(Kind),
    /// The difference from the entry that begins this many bytes before.
    Before(u64),
    /// The difference from the object of this id.
    From(&'a [u8]),
}

/// What stands before an entry's packed bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) form: Form<'a>,
    /// How many bytes it has when unpacked.
    pub(super) size: usize,
    /// Where in the entry the packed bytes begin.
    pub(super) header: usize,
}

/// The most that stands before an entry's packed bytes: a size of 64 bits, and an id or a distance.
pub(super) const LONGEST_HEADER: usize = 10 + 32;

/// Reads what stands before an entry's packed bytes.
///
/// # Errors
/// When it is cut short or of an unknown form, [`Fault::Elsewhere`] for a tag, or a size that cannot be held.
pub(super) fn entry(bytes: &[u8], id_len: usize) -> Result<Entry<'_>, Fault> {
    const CUT_SHORT: Fault = Fault::Damaged("its place in the pack is cut short");
    let (&first, _) = bytes.split_first().ok_or(CUT_SHORT)?;
    let mut size = u64::from(first & 0x0f);
    let (mut at, mut shift, mut byte) = (1, 4, first);
    while byte & 0x80 != 0 {
        byte = *bytes.get(at).ok_or(CUT_SHORT)?;
        if shift > 53 {
            return Err(Fault::Elsewhere);
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        at += 1;
    }
    let size = usize::try_from(size).map_err(|_| Fault::Elsewhere)?;
    let (form, header) = match (first >> 4) & 0x07 {
        1 => (Form::Whole(Kind::Commit), at),
        2 => (Form::Whole(Kind::Tree), at),
        3 => (Form::Whole(Kind::Blob), at),
        // A tag.
        4 => return Err(Fault::Elsewhere),
        6 => {
            let mut byte = *bytes.get(at).ok_or(CUT_SHORT)?;
            let mut distance = u64::from(byte & 0x7f);
            at += 1;
            while byte & 0x80 != 0 {
                byte = *bytes.get(at).ok_or(CUT_SHORT)?;
                let more = distance.checked_add(1).filter(|d| d.leading_zeros() >= 7);
                distance = more.ok_or(Fault::Damaged("its base lies before the pack"))? << 7 | u64::from(byte & 0x7f);
                at += 1;
            }
            (Form::Before(distance), at)
        }
        7 => (Form::From(bytes.get(at..at + id_len).ok_or(CUT_SHORT)?), at + id_len),
        _ => return Err(Fault::Damaged("its entry in the pack is of an unknown form")),
    };
    Ok(Entry { form, size, header })
}

/// The kind that git calls by this name; `None` for a tag and anything unknown.
pub(super) fn kind_named(name: &str) -> Option<Kind> {
    [Kind::Commit, Kind::Tree, Kind::Blob].into_iter().find(|kind| kind.name() == name)
}
