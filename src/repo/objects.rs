//! Reading git objects: commits, trees and blobs by id, as raw bytes that are parsed here.
//!
//! libgit2's own parsing is left out on purpose: it refuses commits that git itself takes, and its tree comparison
//! inflates large folders again at every commit.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Once};

use super::discover::GitPlace;
use super::engine::{Kind, Repository};
use super::error::RepoError;
use super::pack::{Reader, Store};

/// The id of a git object: 20 bytes (SHA-1) or 32 (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId {
    len: u8,
    bytes: [u8; 32],
}

impl ObjectId {
    /// The id of these raw bytes; `None` unless there are 20 or 32.
    pub fn from_bytes(raw: &[u8]) -> Option<Self> {
        if raw.len() != 20 && raw.len() != 32 {
            return None;
        }
        let mut bytes = [0; 32];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(ObjectId { len: raw.len() as u8, bytes })
    }

    /// The id that these 40 or 64 hexadecimal digits write; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 40 && digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = (high * 16 + low) as u8;
        }
        Some(ObjectId { len: (digits.len() / 2) as u8, bytes })
    }

    /// The raw bytes: 20 or 32.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The first ten hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl Hash for ObjectId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // An id is a hash already: a part of it tells ids apart as well as the whole.
        let mut start = [0; 8];
        start.copy_from_slice(&self.bytes[..8]);
        state.write_u64(u64::from_le_bytes(start));
    }
}

/// Makes hash tables by object ids that do not hash what is a hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct ById(u64);

impl Hasher for ById {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Object ids to something.
pub type IdMap<T> = HashMap<ObjectId, T, std::hash::BuildHasherDefault<ById>>;
/// A set of object ids.
pub type IdSet = HashSet<ObjectId, std::hash::BuildHasherDefault<ById>>;

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.as_bytes()) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        let hex = hex.get(..2 * self.as_bytes().len()).unwrap_or_default();
        f.write_str(std::str::from_utf8(hex).unwrap_or_default())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Who made a commit, as git writes it, lossily where it is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

/// The earliest time that is taken from a commit: 0001-01-01T00:00:00Z.
pub const EARLIEST: i64 = -62_135_596_800;
/// The latest time that is taken from a commit: 9999-12-31T23:59:59Z.
pub const LATEST: i64 = 253_402_300_799;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: ObjectId,
    /// Its root tree.
    pub tree: ObjectId,
    /// Its parents, the first one first. None at the edge of a shallow clone.
    pub parents: Vec<ObjectId>,
    /// Who made the change, as the commit says it.
    pub author: Arc<Author>,
    /// When, in seconds since 1970, kept between [`EARLIEST`] and [`LATEST`]; the committer time where the commit says
    /// nothing that can be read.
    pub author_time: i64,
    /// The author's distance from UTC in minutes, kept between -1440 and 1440.
    pub author_offset: i32,
    /// When the commit was put on its branch, in seconds since 1970, kept in the same bounds; 0 where the commit says
    /// nothing that can be read.
    pub committer_time: i64,
}

/// Why an object could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It is not there.
    #[error("object {0} is missing; fetch it again, or see what `git fsck` says")]
    Missing(ObjectId),
    /// It is there and cannot be read.
    #[error("object {id} is damaged ({why}); see what `git fsck` says")]
    Damaged {
        /// The object.
        id: ObjectId,
        /// What is wrong with it.
        why: String,
    },
    /// It could not be had from the `git` program, or from the remote of a partial clone.
    #[error("object {id} cannot be read: {why}")]
    Unreadable {
        /// The object.
        id: ObjectId,
        /// What was said.
        why: String,
    },
    /// It is of another kind than what it was read as.
    #[error("object {id} is not a {wanted}; see what `git fsck` says")]
    Kind {
        /// The object.
        id: ObjectId,
        /// `commit`, `tree` or `blob`.
        wanted: &'static str,
    },
}

/// Where objects come from.
pub trait Objects {
    /// A commit.
    ///
    /// # Errors
    /// When it is missing, damaged or no commit.
    fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError>;

    /// The raw bytes of a tree; [`entries`] reads them.
    ///
    /// # Errors
    /// When it is missing, damaged or no tree.
    fn tree(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it is missing, damaged or no blob.
    fn blob(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError>;

    /// Whether history ends early because the clone is shallow.
    fn is_shallow(&self) -> bool;

    /// Where an object is stored among the others: many are read faster in this order.
    fn place(&self, _id: ObjectId) -> u64 {
        0
    }

    /// The same objects for several threads; `None` where one thread has to read them all.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }
}

/// Objects that several threads can read at a time, each through a reader of its own.
pub trait Shared: Sync {
    /// A reader for one thread.
    fn reader(&self) -> Box<dyn Objects + '_>;
}

/// One entry of a raw tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeEntry<'a> {
    /// The mode, as the octal number reads: `0o100644`.
    pub mode: u32,
    /// The name, without its folder.
    pub name: &'a [u8],
    /// The object.
    pub id: ObjectId,
}

impl TreeEntry<'_> {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether it is a plain file; a link or a submodule is none.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }
}

/// Reads the entry at the start of raw tree bytes; gives it with its length in bytes. `None` at the end and where the
/// bytes are no entry. `id_len` is the length of ids: 20 or 32.
pub fn first_entry(raw: &[u8], id_len: usize) -> Option<(TreeEntry<'_>, usize)> {
    let mut mode = 0_u32;
    let mut at = 0;
    loop {
        match raw.get(at)? {
            b' ' => break,
            digit @ b'0'..=b'7' if at < 7 => mode = mode * 8 + u32::from(digit - b'0'),
            _ => return None,
        }
        at += 1;
    }
    let name_start = at + 1;
    let name_len = memchr::memchr(0, &raw[name_start..])?;
    let id_start = name_start + name_len + 1;
    let id = ObjectId::from_bytes(raw.get(id_start..id_start + id_len)?)?;
    Some((TreeEntry { mode, name: &raw[name_start..name_start + name_len], id }, id_start + id_len))
}

/// The length of the entry at the start of raw tree bytes; `None` at the end and where the bytes are no entry.
pub fn entry_len(raw: &[u8], id_len: usize) -> Option<usize> {
    let space = raw.iter().take(8).position(|b| *b == b' ')?;
    let name_len = memchr::memchr(0, &raw[space + 1..])?;
    let len = space + 1 + name_len + 1 + id_len;
    (len <= raw.len()).then_some(len)
}

/// The entries of a raw tree in its order; ends early where the bytes are no entry.
pub fn entries(raw: &[u8], id_len: usize) -> impl Iterator<Item = TreeEntry<'_>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let (entry, len) = first_entry(rest, id_len)?;
        rest = &rest[len..];
        Some(entry)
    })
}

/// Reads a commit from its raw bytes.
///
/// # Errors
/// When it has no tree, or an id in it is none. Odd names, times and messages are no error.
pub fn parse_commit(id: ObjectId, raw: &[u8]) -> Result<Commit, ObjectError> {
    parse_commit_by(id, raw, |said| Arc::new(author_of(said)))
}

/// As [`parse_commit`]; `who` makes an author of what stands before the time.
fn parse_commit_by(id: ObjectId, raw: &[u8], who: impl FnOnce(&[u8]) -> Arc<Author>) -> Result<Commit, ObjectError> {
    let damaged = |why: &str| ObjectError::Damaged { id, why: why.to_owned() };
    let hex = |value: &[u8]| std::str::from_utf8(value).ok().and_then(|text| ObjectId::from_hex(text.trim()));
    let mut tree = None;
    let mut parents = Vec::new();
    let mut author = None;
    let mut committer = None;
    let mut rest = raw;
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            break;
        }
        let Some(space) = line.iter().position(|b| *b == b' ') else { continue };
        let (key, value) = (&line[..space], &line[space + 1..]);
        match key {
            b"tree" if tree.is_none() => tree = Some(hex(value).ok_or_else(|| damaged("its tree is no id"))?),
            b"parent" => parents.push(hex(value).ok_or_else(|| damaged("a parent is no id"))?),
            b"author" if author.is_none() => author = Some(parse_signature(value)),
            b"committer" if committer.is_none() => committer = Some(parse_signature(value)),
            _ => {}
        }
    }
    let nobody = Signature { said: b"", time: None, offset: 0 };
    let (author, committer) = (author.unwrap_or(nobody), committer.unwrap_or(nobody));
    let committer_time = committer.time.unwrap_or(0);
    Ok(Commit {
        id,
        tree: tree.ok_or_else(|| damaged("it has no tree"))?,
        parents,
        author: who(author.said),
        author_time: author.time.unwrap_or(committer_time),
        author_offset: author.offset,
        committer_time,
    })
}

/// What an author or committer line says.
#[derive(Clone, Copy)]
struct Signature<'c> {
    /// `Name <mail`, or all of it where there is no `>`.
    said: &'c [u8],
    time: Option<i64>,
    offset: i32,
}

/// Reads `Name <mail> seconds zone`. The last `>` ends the address, as in git, so that odd names do no harm.
fn parse_signature(line: &[u8]) -> Signature<'_> {
    let close = line.iter().rposition(|b| *b == b'>').unwrap_or(line.len());
    let after = String::from_utf8_lossy(line.get(close + 1..).unwrap_or_default());
    let mut words = after.split_ascii_whitespace();
    let time = words.next().and_then(parse_time);
    let offset = words.next().map_or(0, parse_offset);
    Signature { said: &line[..close], time, offset }
}

/// The author in `Name <mail`.
fn author_of(said: &[u8]) -> Author {
    let open = said.iter().position(|b| *b == b'<').unwrap_or(said.len());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Author { name: text(&said[..open]), email: text(said.get(open + 1..).unwrap_or_default()) }
}

/// Seconds since 1970, kept within the years 1 to 9999, however many digits there are.
fn parse_time(word: &str) -> Option<i64> {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let beyond = if word.starts_with('-') { EARLIEST } else { LATEST };
    Some(word.parse().unwrap_or(beyond).clamp(EARLIEST, LATEST))
}

/// Minutes of a zone like `+0530`, kept within a day; 0 for anything else.
fn parse_offset(word: &str) -> i32 {
    let (sign, digits) = match word.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let number = if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse::<i32>().unwrap_or(0) } else { 0 };
    (sign * (number / 100).min(24) * 60 + sign * (number % 100)).clamp(-1440, 1440)
}

/// Objects of a git repository, for one thread; [`Objects::shared`] gives readers for others.
pub struct GitObjects<'r> {
    /// What is open; a reader of its own opens it when it first needs it.
    repository: Open<'r>,
    common: Arc<Common<'r>>,
    /// What reads most of it.
    packs: RefCell<Reader<'r>>,
    /// Each author once, by what commits say.
    authors: RefCell<HashMap<Vec<u8>, Arc<Author>>>,
    /// What of a partial clone's history is fetched as one, once something of it turns out to be missing.
    wanted: RefCell<Option<(ObjectId, String)>>,
}

enum Open<'r> {
    Already(&'r Repository),
    Late(Box<OnceCell<Repository>>),
}

/// What all readers of a repository have in common.
struct Common<'r> {
    place: GitPlace,
    store: &'r Store,
    /// Commits whose parents the clone does not have.
    edge: IdSet,
    shallow: bool,
    /// Whether more than one thread can read it: not where objects are fetched.
    is_shared: bool,
}

impl<'r> GitObjects<'r> {
    /// Opens the objects of a repository.
    ///
    /// # Errors
    /// When the list of commits at the edge of a shallow clone cannot be read.
    pub fn open(repository: &'r Repository) -> Result<Self, RepoError> {
        let path = repository.place().common_dir.join("shallow");
        let edge = match std::fs::read_to_string(&path) {
            Ok(text) => text.lines().filter_map(|line| ObjectId::from_hex(line.trim())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => IdSet::default(),
            Err(source) => return Err(RepoError::io(&path)(source)),
        };
        let common = Common {
            place: repository.place().clone(),
            store: repository.store(),
            edge,
            shallow: repository.is_shallow(),
            is_shared: repository.promisor().is_none(),
        };
        Ok(GitObjects::with(Open::Already(repository), Arc::new(common)))
    }

    fn with(repository: Open<'r>, common: Arc<Common<'r>>) -> Self {
        let packs = RefCell::new(common.store.reader());
        GitObjects { repository, common, packs, authors: RefCell::default(), wanted: RefCell::default() }
    }

    /// Says which history is going to be read: up to `tip`, of the files below `folder`. Of a partial clone it is then
    /// fetched as one, not file by file.
    #[must_use]
    pub fn reading(self, tip: ObjectId, folder: &str) -> Self {
        self.wanted.replace(Some((tip, folder.to_owned())));
        self
    }

    fn repository(&self, id: ObjectId) -> Result<&Repository, ObjectError> {
        match &self.repository {
            Open::Already(repository) => Ok(repository),
            Open::Late(cell) => match cell.get() {
                Some(repository) => Ok(repository),
                None => {
                    let opened = Repository::open(&self.common.place)
                        .map_err(|e| ObjectError::Unreadable { id, why: e.to_string() })?;
                    Ok(cell.get_or_init(|| opened))
                }
            },
        }
    }

    fn read(&self, id: ObjectId, kind: Kind) -> Result<Arc<Vec<u8>>, ObjectError> {
        match self.packs.borrow_mut().read(id)? {
            Some((is, bytes)) if is == kind => Ok(bytes),
            Some(_) => Err(ObjectError::Kind { id, wanted: kind.name() }),
            None => self.repository(id)?.read(id, kind).map(Arc::new),
        }
    }

    /// The one author for what commits say.
    fn author(&self, said: &[u8]) -> Arc<Author> {
        let mut known = self.authors.borrow_mut();
        match known.get(said) {
            Some(found) => found.clone(),
            None => {
                let author = Arc::new(author_of(said));
                known.insert(said.to_vec(), author.clone());
                author
            }
        }
    }
}

impl Objects for GitObjects<'_> {
    fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
        let raw = self.read(id, Kind::Commit)?;
        let mut commit = parse_commit_by(id, &raw, |said| self.author(said))?;
        if self.common.edge.contains(&id) {
            commit.parents.clear();
        }
        Ok(commit)
    }

    fn tree(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        self.read(id, Kind::Tree)
    }

    fn blob(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        let mut wanted = self.wanted.borrow_mut();
        if wanted.is_some() {
            let repository = self.repository(id)?;
            if let Some((tip, folder)) = wanted.take_if(|_| repository.may_lack(id)) {
                repository.prefetch_history(tip, &folder);
            }
        }
        drop(wanted);
        self.read(id, Kind::Blob)
    }

    fn is_shallow(&self) -> bool {
        self.common.shallow
    }

    fn place(&self, id: ObjectId) -> u64 {
        // Which pack it is in hardly matters: one has nearly all.
        self.packs.borrow().place(id).map_or(u64::MAX, |place| place.offset())
    }

    fn shared(&self) -> Option<&dyn Shared> {
        let common: &dyn Shared = &self.common;
        self.common.is_shared.then_some(common)
    }
}

impl Shared for Arc<Common<'_>> {
    fn reader(&self) -> Box<dyn Objects + '_> {
        Box::new(GitObjects::with(Open::Late(Box::default()), self.clone()))
    }
}

/// Reads as git does: zlib's checksum finds damage, and hashing every tree again costs a quarter of a whole history.
/// libgit2 keeps no objects either, which would be hundreds of megabytes in a long history: the walk keeps the trees that
/// it needs itself, and nothing else is read twice.
pub(super) fn read_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        git2::opts::strict_hash_verification(false);
        git2::opts::enable_caching(false);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn commit_of(lines: &[u8]) -> Result<Commit, ObjectError> {
        let mut raw = format!("tree {TREE}\n").into_bytes();
        raw.extend_from_slice(lines);
        parse_commit(ObjectId::from_hex(TREE).unwrap(), &raw)
    }

    #[test]
    fn a_commit_is_read_with_its_times_and_zone() {
        let commit = commit_of(
            b"parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor Olga S <o@example.com> 1767603600 -0330\n\
              committer Petr <p@example.com> 1767603700 +0000\ngpgsig -----BEGIN\n author Evil <e> 1 +0000\n\n\nMove it\nmore\n",
        )
        .unwrap();
        assert_eq!(commit.parents.len(), 1);
        assert_eq!((commit.author.name.as_str(), commit.author.email.as_str()), ("Olga S", "o@example.com"));
        assert_eq!((commit.author_time, commit.author_offset, commit.committer_time), (1767603600, -210, 1767603700));
    }

    #[test]
    fn odd_people_and_absurd_times_are_kept_in_bounds() {
        let author = |line: &[u8]| {
            let mut raw = b"author ".to_vec();
            raw.extend_from_slice(line);
            raw.extend_from_slice(b"\ncommitter C <c> 77 +0000\n\nx");
            let c = commit_of(&raw).unwrap();
            (c.author.name.clone(), c.author.email.clone(), c.author_time, c.author_offset)
        };
        let is = |name: &str, email: &str, time, offset| (name.to_owned(), email.to_owned(), time, offset);
        assert_eq!(author(b"J\xf6rg <j@x> 5 +9999"), is("J\u{fffd}rg", "j@x", 5, 1440));
        assert_eq!(author(b"A <a@x> 99999999999999999999999 +0000"), is("A", "a@x", LATEST, 0));
        assert_eq!(author(b"A <a@x> -99999999999999999999999 +0000"), is("A", "a@x", EARLIEST, 0));
        assert_eq!(author(b"A <a@x> soon"), is("A", "a@x", 77, 0));
        assert_eq!(author(b"A"), is("A", "", 77, 0));
        assert_eq!(author(b"A > B < c@x> 6 +zz"), is("A > B", "c@x", 6, 0));
        assert_eq!(author(b""), is("", "", 77, 0));
        assert_eq!(author(b"<<>>"), is("", "<>", 77, 0));
    }

    #[test]
    fn broken_commits_are_errors() {
        assert!(parse_commit(ObjectId::from_hex(TREE).unwrap(), b"author A <a> 1 +0000\n\nx").is_err());
        assert!(commit_of(b"parent zz\n\nx").is_err());
    }

    #[test]
    fn tree_entries_are_read_and_broken_trees_end() {
        let mut raw = b"100644 a.yaml\0".to_vec();
        raw.extend_from_slice(&[7; 20]);
        raw.extend_from_slice(b"40000 won\0");
        raw.extend_from_slice(&[8; 20]);
        raw.extend_from_slice(b"120000 link\0");
        raw.extend_from_slice(&[9; 20]);
        let read: Vec<_> = entries(&raw, 20).map(|e| (e.name.to_vec(), e.is_file(), e.is_folder())).collect();
        assert_eq!(
            read,
            [(b"a.yaml".to_vec(), true, false), (b"won".to_vec(), false, true), (b"link".to_vec(), false, false)]
        );
        for cut in 0..raw.len() {
            let count = entries(&raw[..cut], 20).count();
            assert!(count < 3);
        }
    }

    #[test]
    fn ids_are_read_from_hex() {
        assert_eq!(ObjectId::from_hex(TREE).unwrap().to_string(), TREE);
        assert_eq!(ObjectId::from_hex("4b825d"), None);
        assert_eq!(ObjectId::from_hex(&"z".repeat(40)), None);
    }
}
