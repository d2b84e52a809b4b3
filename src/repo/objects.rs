//! Reading git objects: commits, trees and blobs by id, as raw bytes that are parsed here.
//!
//! libgit2's own parsing is left out on purpose: it refuses commits that git itself takes, and its tree comparison
//! inflates large folders again at every commit.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};

use super::engine::{Kind, Repository};
use super::error::RepoError;
use super::mailmap::Mailmap;

/// The id of a git object: 20 bytes (SHA-1) or 32 (SHA-256).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|b| write!(f, "{b:02x}"))
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
    /// Who made the change, through the mailmap of [`Objects`].
    pub author: Arc<Author>,
    /// When, in seconds since 1970, kept between [`EARLIEST`] and [`LATEST`]; the committer time where the commit says
    /// nothing that can be read.
    pub author_time: i64,
    /// The author's distance from UTC in minutes, kept between -1440 and 1440.
    pub author_offset: i32,
    /// When the commit was put on its branch, in seconds since 1970, kept in the same bounds; 0 where the commit says
    /// nothing that can be read.
    pub committer_time: i64,
    /// The first line of the message, lossily where it is not UTF-8.
    pub subject: String,
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
    fn tree(&self, id: ObjectId) -> Result<Vec<u8>, ObjectError>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it is missing, damaged or no blob.
    fn blob(&self, id: ObjectId) -> Result<Vec<u8>, ObjectError>;

    /// Whether history ends early because the clone is shallow.
    fn is_shallow(&self) -> bool;
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
    let name_len = raw[name_start..].iter().position(|b| *b == 0)?;
    let id_start = name_start + name_len + 1;
    let id = ObjectId::from_bytes(raw.get(id_start..id_start + id_len)?)?;
    Some((TreeEntry { mode, name: &raw[name_start..name_start + name_len], id }, id_start + id_len))
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
    let nobody = || Signature { author: Author { name: String::new(), email: String::new() }, time: None, offset: 0 };
    let (author, committer) = (author.unwrap_or_else(nobody), committer.unwrap_or_else(nobody));
    let committer_time = committer.time.unwrap_or(0);
    let message_start = rest.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(rest.len());
    let message = &rest[message_start..];
    let subject = message.split(|b| *b == b'\n').next().unwrap_or_default();
    Ok(Commit {
        id,
        tree: tree.ok_or_else(|| damaged("it has no tree"))?,
        parents,
        author: Arc::new(author.author),
        author_time: author.time.unwrap_or(committer_time),
        author_offset: author.offset,
        committer_time,
        subject: String::from_utf8_lossy(subject).trim_end().to_owned(),
    })
}

/// What an author or committer line says.
struct Signature {
    author: Author,
    time: Option<i64>,
    offset: i32,
}

/// Reads `Name <mail> seconds zone`. The last `>` ends the address, as in git, so that odd names do no harm.
fn parse_signature(line: &[u8]) -> Signature {
    let close = line.iter().rposition(|b| *b == b'>').unwrap_or(line.len());
    let open = line[..close].iter().position(|b| *b == b'<').unwrap_or(close);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let author = Author { name: text(&line[..open]), email: text(line.get(open + 1..close).unwrap_or_default()) };
    let after = text(line.get(close + 1..).unwrap_or_default());
    let mut words = after.split_ascii_whitespace();
    let time = words.next().and_then(parse_time);
    let offset = words.next().map_or(0, parse_offset);
    Signature { author, time, offset }
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

/// Objects of a git repository.
pub struct GitObjects<'r> {
    repository: &'r Repository,
    mailmap: Mailmap,
    /// Commits whose parents the clone does not have.
    edge: HashSet<ObjectId>,
    shallow: bool,
    /// Each author once, by what the commit says, already through the mailmap.
    authors: Mutex<HashMap<Author, Arc<Author>>>,
    /// What of a partial clone's history is fetched as one, once something of it turns out to be missing.
    wanted: Mutex<Option<(ObjectId, String)>>,
}

impl<'r> GitObjects<'r> {
    /// Opens the objects of a repository, without a mailmap.
    ///
    /// # Errors
    /// When the list of commits at the edge of a shallow clone cannot be read.
    pub fn open(repository: &'r Repository) -> Result<Self, RepoError> {
        let path = repository.place().common_dir.join("shallow");
        let edge = match std::fs::read_to_string(&path) {
            Ok(text) => text.lines().filter_map(|line| ObjectId::from_hex(line.trim())).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HashSet::new(),
            Err(source) => return Err(RepoError::io(&path)(source)),
        };
        Ok(GitObjects {
            repository,
            mailmap: Mailmap::default(),
            edge,
            shallow: repository.is_shallow(),
            authors: Mutex::default(),
            wanted: Mutex::default(),
        })
    }

    /// Opens the objects of a repository and takes the `.mailmap` at the root of this commit's tree. A mailmap that
    /// lies elsewhere, or that the machine's configuration names, is left alone: the same repository gives the same
    /// answer everywhere.
    ///
    /// # Errors
    /// See [`GitObjects::open`]. A commit or mailmap that cannot be read is no error here, the walk reports it.
    pub fn with_mailmap(repository: &'r Repository, tip: ObjectId) -> Result<Self, RepoError> {
        let mut objects = GitObjects::open(repository)?;
        let text = objects.commit(tip).and_then(|commit| objects.tree(commit.tree)).ok().and_then(|root| {
            let id = entries(&root, tip.as_bytes().len()).find(|e| e.is_file() && e.name == b".mailmap")?.id;
            objects.blob(id).ok()
        });
        if let Some(text) = text {
            objects.mailmap = Mailmap::parse(&String::from_utf8_lossy(&text));
            objects.authors = Mutex::default();
        }
        Ok(objects)
    }

    /// Says which history is going to be read: up to `tip`, of the files below `folder`. Of a partial clone it is then
    /// fetched as one, not file by file.
    #[must_use]
    pub fn reading(self, tip: ObjectId, folder: &str) -> Self {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some((tip, folder.to_owned()));
        self
    }

    /// The one shared author for what a commit says.
    fn canonical(&self, author: Arc<Author>) -> Arc<Author> {
        let mut known = self.authors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&*author) {
            return found.clone();
        }
        let mapped = Arc::new(self.mailmap.resolve(&author));
        known.insert((*author).clone(), mapped.clone());
        mapped
    }
}

impl Objects for GitObjects<'_> {
    fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
        let mut commit = self.repository.commit(id)?;
        commit.author = self.canonical(commit.author);
        if self.edge.contains(&id) {
            commit.parents.clear();
        }
        Ok(commit)
    }

    fn tree(&self, id: ObjectId) -> Result<Vec<u8>, ObjectError> {
        self.repository.read(id, Kind::Tree)
    }

    fn blob(&self, id: ObjectId) -> Result<Vec<u8>, ObjectError> {
        if let Some((tip, folder)) = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.repository.prefetch_history(tip, &folder);
        }
        self.repository.read(id, Kind::Blob)
    }

    fn is_shallow(&self) -> bool {
        self.shallow
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
        assert_eq!(commit.subject, "Move it");
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
