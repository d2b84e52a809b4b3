//! What is written down before a branch is moved, so that whoever comes next can finish it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fault;
use super::objects::flush;
use super::scratch::{Scratch, state_folder};
use crate::repo::discover::GitPlace;
use crate::repo::error::WriteError;
use crate::repo::state::IndexStamp;

/// The form of the journal that this program writes and reads.
const VERSION: u32 = 1;

/// How a journal begins; the number of its form follows.
const HEAD: &str = "tussock journal ";

/// How a journal ends. Without this line it was not written to its end.
const END: &str = "\nend\n";

/// One action between its first and its last visible step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    /// The version of the program that wrote it.
    pub tussock: String,
    /// The process that wrote it.
    pub process: u32,
    /// The computer it ran on, where that has a name.
    pub host: String,
    /// The command as it was typed, and where; to tell a second try of it from another command.
    pub command: Option<String>,
    /// What the action is, in words.
    pub subject: String,
    /// The branch that moves; `None` where nothing is committed.
    pub moved: Option<Moved>,
    /// The files of the action.
    pub files: Vec<Entry>,
    /// Paths that a hook has put into the commit: for the index only.
    pub others: Vec<Other>,
    /// The index, where it changes before the branch does.
    pub index: Option<IndexThen>,
}

/// The user's index before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IndexThen {
    /// Where the old one is saved, below the folder that holds the journal; `None` where there was none.
    pub saved: Option<String>,
    /// By what the new one is known again.
    pub put: Option<IndexStamp>,
}

/// A branch and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moved {
    /// Its full name.
    pub branch: String,
    /// The id of the commit it comes from; `None` for the first.
    pub old: Option<String>,
    /// The id of the commit it goes to.
    pub new: String,
}

/// One file of the action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// As it was; `None` for a new file.
    pub old: Option<FileThen>,
    /// As it shall be; `None` for a removed one.
    pub new: Option<FileThen>,
    /// The bytes it shall have in the work tree, where they are not those of the blob.
    pub bytes: Option<Bytes>,
}

impl Entry {
    /// Whether the file stays where it is.
    pub fn in_place(&self) -> bool {
        matches!((&self.old, &self.new), (Some(old), Some(new)) if old.path == new.path)
    }

    /// The path by which messages name it.
    pub fn path(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", |f| &f.path)
    }
}

/// A file at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileThen {
    /// Path below the top of the work tree.
    pub path: String,
    /// Mode for git: 100644 or 100755.
    pub mode: u32,
    /// The id of its blob.
    pub blob: String,
    /// The checksum of its bytes in the work tree, see [`checksum`].
    pub sum: String,
}

/// A path for the index only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Other {
    /// Path below the top of the work tree.
    pub path: Bytes,
    /// Mode and id of the blob before; `None` where it was not there.
    pub old: Option<(u32, String)>,
    /// Mode and id of the blob now; `None` where it is removed.
    pub new: Option<(u32, String)>,
}

/// Bytes that are a text nearly always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Bytes {
    /// UTF-8.
    Text(String),
    /// Anything.
    Raw(Vec<u8>),
}

impl Bytes {
    /// From any bytes.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Bytes::Text(text.to_owned()),
            Err(_) => Bytes::Raw(bytes.to_vec()),
        }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Text(text) => text.as_bytes(),
            Bytes::Raw(bytes) => bytes,
        }
    }
}

/// A checksum by which a file is known again: the name git would give its bytes as an SHA-1 blob.
pub(super) fn checksum(bytes: &[u8]) -> Result<String, WriteError> {
    let id = git2::Oid::hash_object(git2::ObjectType::Blob, bytes).map_err(WriteError::reading("hash a file"))?;
    Ok(id.to_string())
}

/// What was found where the journal is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing: nothing is unfinished.
    Nothing,
    /// A journal that was never written to its end, so the branch was not touched after it.
    Torn,
    /// A whole one.
    Whole(Box<Journal>),
}

/// Where the journal of a work tree is.
pub(super) fn path(place: &GitPlace) -> PathBuf {
    state_folder(place).join("journal")
}

impl Journal {
    /// Writes the journal so that it is there whole or not at all, also after a power cut when `fsync` is set.
    ///
    /// # Errors
    /// When it cannot be written. There is none then.
    pub fn write(&self, place: &GitPlace, scratch: &Scratch, fsync: bool) -> Result<(), WriteError> {
        let path = path(place);
        let folder = state_folder(place);
        let writing = || WriteError::io("write", &path);
        let json = serde_json::to_string(self).map_err(|e| writing()(e.into()))?;
        let draft = scratch.file("journal");
        fault::reach("write the journal")
            .and_then(|()| File::create_new(&draft))
            .and_then(|mut file| {
                write!(file, "{HEAD}{VERSION}\n{json}{END}")?;
                if fsync { file.sync_all() } else { Ok(()) }
            })
            .and_then(|()| fault::reach("name the journal"))
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(writing())?;
        let flushed = fault::reach("flush the journal").and_then(|()| if fsync { flush(&folder) } else { Ok(()) });
        flushed.map_err(|e| {
            // Whether it would outlive a power cut is not known, so it must not be counted on.
            if !fault::dead() {
                let _ = std::fs::remove_file(&path);
            }
            writing()(e)
        })
    }
}

/// Reads the journal of a work tree.
///
/// # Errors
/// When it cannot be read, or only another version of the program can.
pub(super) fn read(place: &GitPlace) -> Result<Found, WriteError> {
    let path = path(place);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(e) => return Err(WriteError::io("read", &path)(e)),
    };
    parse(&bytes, &path)
}

fn parse(bytes: &[u8], path: &Path) -> Result<Found, WriteError> {
    let Some(body) = bytes.strip_suffix(END.as_bytes()) else { return Ok(Found::Torn) };
    let damaged = |reason: String| WriteError::Journal { path: path.display().to_string(), reason };
    let text = std::str::from_utf8(body).map_err(|_| damaged("it is not a text".to_owned()))?;
    let (first, json) = text.split_once('\n').unwrap_or((text, ""));
    match first.strip_prefix(HEAD).map(str::parse::<u32>) {
        Some(Ok(VERSION)) => {}
        Some(Ok(other)) => {
            let by = serde_json::from_str::<serde_json::Value>(json).ok();
            let by = by.as_ref().and_then(|v| v.get("tussock")?.as_str()).unwrap_or("another version");
            return Err(damaged(format!(
                "it is in form {other}, which this tussock does not know; run the one that wrote it ({by})"
            )));
        }
        _ => return Err(damaged("it does not begin as a journal does".to_owned())),
    }
    let journal = serde_json::from_str(json).map_err(|e| damaged(e.to_string()))?;
    Ok(Found::Whole(Box::new(journal)))
}

/// Takes the journal away: everything it tells of is done, or will never be.
///
/// # Errors
/// When it cannot be removed; it is harmless then, and read again by the next writer.
pub(super) fn remove(place: &GitPlace, fsync: bool) -> Result<(), WriteError> {
    let path = path(place);
    let removed = fault::reach("remove the journal").and_then(|()| std::fs::remove_file(&path));
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(WriteError::io("remove", &path)(e)),
        _ => {}
    }
    if fsync {
        // Should a power cut bring it back, the next writer finds everything done and removes it again.
        let _ = flush(&state_folder(place));
    }
    Ok(())
}

/// When the journal was written.
pub(super) fn written_at(place: &GitPlace) -> Option<std::time::SystemTime> {
    File::open(path(place)).and_then(|f| f.metadata()).and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let file = |path: &str| FileThen { path: path.into(), mode: 0o100_644, blob: "ab".into(), sum: "cd".into() };
        Journal {
            tussock: "0.1.0".into(),
            process: 7,
            host: "desk".into(),
            command: Some("tussock move acme proposal".into()),
            subject: "acme: brief → proposal\nend".into(),
            moved: Some(Moved { branch: "refs/heads/main".into(), old: None, new: "12".into() }),
            files: vec![Entry { old: Some(file("brief/a.yaml")), new: Some(file("proposal/a.yaml")), bytes: None }],
            others: vec![Other { path: Bytes::of(b"a\xff"), old: None, new: Some((0o100_644, "ef".into())) }],
            index: Some(IndexThen { saved: Some("tx-1/index-before".into()), put: None }),
        }
    }

    fn place(dir: &Path) -> GitPlace {
        std::fs::create_dir_all(dir.join("tussock")).unwrap();
        GitPlace {
            workdir: None,
            git_dir: dir.to_owned(),
            common_dir: dir.to_owned(),
            from_env: false,
            index_from_env: None,
            id_len: 20,
            by_program: false,
        }
    }

    #[test]
    fn a_journal_reads_back_as_it_was_written_and_is_gone_when_removed() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        assert_eq!(read(&place).unwrap(), Found::Nothing);
        journal().write(&place, &Scratch::new(&place).unwrap(), true).unwrap();
        assert_eq!(read(&place).unwrap(), Found::Whole(Box::new(journal())));
        remove(&place, true).unwrap();
        remove(&place, true).unwrap();
        assert_eq!(read(&place).unwrap(), Found::Nothing);
    }

    #[test]
    fn a_journal_cut_off_at_any_byte_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        journal().write(&place, &Scratch::new(&place).unwrap(), false).unwrap();
        let bytes = std::fs::read(path(&place)).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end], Path::new("j")).unwrap(), Found::Torn, "{end}");
        }
    }

    #[test]
    fn a_journal_of_another_form_names_the_program_that_can_read_it() {
        let text = b"tussock journal 2\n{\"tussock\":\"9.1.0\",\"new\":[]}\nend\n";
        let told = parse(text, Path::new("j")).unwrap_err().to_string();
        assert!(told.contains("form 2") && told.contains("9.1.0"), "{told}");
        assert!(parse(b"something\nend\n", Path::new("j")).is_err());
    }
}
