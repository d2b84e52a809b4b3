//! The index of a pack, version 2: where in the pack an object begins.
//!
//! Its size, version and fan-out are checked, its checksum is not: git does not check it either when it reads, and it
//! would cost reading and hashing 65 MB for a history of 2.3 million objects before the first of them is read. A name
//! that is damaged in it is not found, and whoever is asked next says what is wrong.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::file::read_exact_at;

const MAGIC: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];
const FAN_OUT: usize = 256;
/// Where the names begin: after the magic bytes and the fan-out.
const NAMES: u64 = 8 + 4 * FAN_OUT as u64;
/// How many names are looked at at once. Names are evenly spread, so a guess lies at most about the root of their number
/// away: in a pack of millions still within this many.
const WINDOW: u32 = 128;
/// One look-up in the file costs about as much as reading this many objects' entries into memory.
const ENTRIES_PER_LOOK_UP: u32 = 64;

/// An open index.
pub(super) struct Index {
    file: File,
    id_len: usize,
    /// How many objects have a name whose first byte is at most this.
    fan_out: Vec<u32>,
    count: u32,
    /// How many of them lie beyond 2 GB in the pack.
    far: u64,
    /// The checksum of the pack that it was made for.
    pub(super) pack_checksum: Vec<u8>,
    /// The whole file from the names on, once it was asked often; `None` where it cannot be read into memory.
    whole: OnceLock<Option<Vec<u8>>>,
    asked: AtomicU32,
}

impl Index {
    /// Opens the index at a path; `None` where it is of another version or shape.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn open(path: &Path, id_len: usize) -> io::Result<Option<Index>> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut head = [0; NAMES as usize];
        if len < NAMES {
            return Ok(None);
        }
        read_exact_at(&file, &mut head, 0)?;
        let Some(table) = head.strip_prefix(&MAGIC) else { return Ok(None) };
        let fan_out: Vec<u32> = table.chunks_exact(4).map(big_endian_32).collect();
        if !fan_out.is_sorted() {
            return Ok(None);
        }
        let count = fan_out.last().copied().unwrap_or(0);
        // Names, check sums, offsets; offsets beyond 2 GB; the checksum of the pack and its own.
        let near = NAMES + u64::from(count) * (id_len as u64 + 8) + 2 * id_len as u64;
        let Some(beyond) = len.checked_sub(near) else { return Ok(None) };
        if beyond % 8 != 0 || beyond / 8 > u64::from(count) {
            return Ok(None);
        }
        let mut pack_checksum = vec![0; id_len];
        read_exact_at(&file, &mut pack_checksum, len - 2 * id_len as u64)?;
        Ok(Some(Index {
            file,
            id_len,
            fan_out,
            count,
            far: beyond / 8,
            pack_checksum,
            whole: OnceLock::new(),
            asked: AtomicU32::new(0),
        }))
    }

    /// How many objects it has.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Where in the pack the object of this id begins; `None` where it is not in the pack.
    ///
    /// # Errors
    /// When the file cannot be read, or an offset beyond 2 GB is not there.
    pub(super) fn find(&self, id: &[u8]) -> io::Result<Option<u64>> {
        let mut buffer = [0; WINDOW as usize * 32];
        let Some(position) = self.position(id, &mut buffer)? else { return Ok(None) };
        let offsets = u64::from(self.count) * (self.id_len as u64 + 4);
        let near = big_endian_32(self.bytes(offsets + 4 * u64::from(position), 4, &mut buffer)?);
        if near & 0x8000_0000 == 0 {
            return Ok(Some(u64::from(near)));
        }
        let far = u64::from(near & 0x7fff_ffff);
        if far >= self.far {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let table = offsets + 4 * u64::from(self.count);
        let far = self.bytes(table + 8 * far, 8, &mut buffer)?;
        Ok(Some(far.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
    }

    /// Which of the names an id is.
    fn position(&self, id: &[u8], buffer: &mut [u8]) -> io::Result<Option<u32>> {
        let Some((first, rest)) = id.split_first() else { return Ok(None) };
        let first = usize::from(*first);
        let before = first.checked_sub(1).and_then(|at| self.fan_out.get(at)).copied().unwrap_or(0);
        let mut range = before..self.fan_out.get(first).copied().unwrap_or(before);
        // Where it would lie if names were spread evenly, as they are unless someone made them up; then by halves.
        let fraction = rest.iter().take(4).fold(0, |number, byte| number << 8 | u64::from(*byte));
        let mut guess = range.start + ((fraction * u64::from(range.end - range.start)) >> 32) as u32;
        while !range.is_empty() {
            let start = guess.saturating_sub(WINDOW / 2).max(range.start);
            let window = start..range.end.min(start.saturating_add(WINDOW));
            let names = self.names(&window, buffer)?;
            let (low, high) =
                (names.get(..self.id_len), names.len().checked_sub(self.id_len).and_then(|at| names.get(at..)));
            if low.is_none_or(|low| id < low) {
                range.end = window.start;
            } else if high.is_none_or(|high| id > high) {
                range.start = window.end;
            } else {
                return Ok(search(names, id).map(|at| window.start + at));
            }
            guess = range.start + (range.end.saturating_sub(range.start)) / 2;
        }
        Ok(None)
    }

    fn names<'a>(&'a self, range: &Range<u32>, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let len = (range.end - range.start) as usize * self.id_len;
        self.bytes(u64::from(range.start) * self.id_len as u64, len, buffer)
    }

    /// This many bytes from a position, counted from the first name on.
    fn bytes<'a>(&'a self, at: u64, len: usize, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
        if let Some(whole) = self.whole() {
            let start = usize::try_from(at).map_err(|_| missing())?;
            return whole.get(start..).and_then(|rest| rest.get(..len)).ok_or_else(missing);
        }
        let wanted = buffer.get_mut(..len).ok_or_else(missing)?;
        read_exact_at(&self.file, wanted, NAMES + at)?;
        Ok(wanted)
    }

    /// The whole of it in memory, once so many look-ups were made that reading it pays.
    fn whole(&self) -> Option<&[u8]> {
        if let Some(whole) = self.whole.get() {
            return whole.as_deref();
        }
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked <= self.count / ENTRIES_PER_LOOK_UP {
            return None;
        }
        self.whole.get_or_init(|| self.load().ok()).as_deref()
    }

    fn load(&self) -> io::Result<Vec<u8>> {
        let len = u64::from(self.count) * (self.id_len as u64 + 8) + 8 * self.far;
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut whole = vec![0; len];
        read_exact_at(&self.file, &mut whole, NAMES)?;
        Ok(whole)
    }
}

/// Which of these sorted names an id is.
fn search(names: &[u8], id: &[u8]) -> Option<u32> {
    // Eight bytes at once tell most names apart, without a call to compare them.
    let start = |name: &[u8]| name.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let wanted = start(id);
    let (mut low, mut high) = (0, names.len() / id.len().max(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let name = names.get(middle * id.len()..(middle + 1) * id.len())?;
        match start(name).cmp(&wanted).then_with(|| name.cmp(id)) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Equal => return u32::try_from(middle).ok(),
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

fn big_endian_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
