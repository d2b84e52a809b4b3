//! A copy of what was walked, so that a report after one more commit reads that commit only.
//!
//! It lies in the git folder, never in the work tree, and all work trees share it. Everything in it can be read from the
//! repository again: a file that is missing, broken, of another version of tussock or of another pipeline is no error but
//! a longer walk, and so is one that cannot be written.
//!
//! A file is a head and sections. Each section is what a walk added up to some commit, its tip, with a checksum over it and
//! the section before. New sections are put behind the others; a walk goes on from the newest section whose tip lies on
//! the line, so that switching branches and amending a commit costs as much as the commits that differ. Sections of
//! another branch that lie behind it are dropped when something new is written.
//!
//! What tells more fields than are always told has a file of its own for each list of them. Few of these are kept: those
//! that were lately written.

mod code;
mod visits;

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use super::fields;
use super::ledger::Ledger;
use super::record::HistoryError;
use super::walk::{Checkpoint, Task, Walked, fresh, on};
use crate::format::pipeline::Pipeline;
use crate::history::deals::DealIx;
use crate::repo::discover::FOLDERS;
use crate::repo::objects::{IdSet, ObjectId};
use code::{Mark, Reading};
pub use visits::Visits;
pub(super) use visits::{Footing, Ground, Kept as KeptVisits};

/// What the file begins with. The number goes up with every change of what is written or of what a walk finds.
const MAGIC: &[u8; 16] = b"tussock history1";

/// Magic, key, and the length of ids with the number of further fields.
const HEAD: usize = 32;

/// Length and checksum of a section.
const SECTION_HEAD: usize = 16;

/// The last commits of a long walk get a section of their own: whoever amends or drops one of them does not start anew.
const RECENT: usize = 64;

/// More sections than this are written as one: each costs a little to read.
const MOST_SECTIONS: usize = 256;

/// So many lists of further fields are kept of one pipeline.
const MOST_LISTS: usize = 4;

/// How the names of the files begin.
const PREFIX: &str = "history-";

/// How the names of files begin that are still written: the way of all that a crash may leave, so that it is found.
const UNFINISHED: &str = "tx-";

/// Where walks are kept between runs.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    is_read_only: bool,
}

/// What a file of the cache holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes, with that of the visits that are kept beside it.
    pub bytes: u64,
    /// What it says of the history in it; `None` where it cannot be read and will be written anew.
    pub held: Option<Held>,
}

/// What is known of the walk in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The pipeline's folder below the repository's root at that commit; "" is the root.
    pub folder: String,
    /// The last commit.
    pub tip: ObjectId,
    /// Commits on the first-parent line up to there.
    pub commits: usize,
    /// How many fields it tells beside those that are always told.
    pub more_fields: usize,
    /// Events.
    pub events: usize,
    /// Deals, those that are gone included.
    pub deals: usize,
    /// Sections, one for each time something was added.
    pub sections: usize,
}

impl Cache {
    /// The cache in a folder, which need not be there yet.
    pub fn at(folder: &Path) -> Cache {
        Cache { folder: folder.to_owned(), is_read_only: false }
    }

    /// The same, for a look at the past or at another branch: what is kept stays as it is, for what is asked most.
    #[must_use]
    pub fn read_only(self) -> Cache {
        Cache { is_read_only: true, ..self }
    }

    /// The file of the pipeline in the folder `prefix` that tells the fields of these names.
    fn file(&self, prefix: &str, names: &[Arc<str>]) -> PathBuf {
        let whose = name_of(prefix);
        match names.get(fields::ALWAYS.len()..) {
            None | Some([]) => self.folder.join(whose),
            Some(more) => {
                let list = XxHash3_64::oneshot(format!("{more:?}").as_bytes());
                self.folder.join(format!("{whose}-{list:016x}"))
            }
        }
    }

    /// Removes the files of other lists of further fields than `path` tells, but for those that were lately written.
    fn make_room(&self, prefix: &str, path: &Path) -> io::Result<()> {
        let mut others = Vec::new();
        for other in self.paths(&format!("{}-", name_of(prefix)))? {
            if other != path {
                others.push((other.symlink_metadata()?.modified()?, other));
            }
        }
        others.sort_unstable();
        let too_many = (others.len() + 1).saturating_sub(MOST_LISTS);
        others.into_iter().take(too_many).try_for_each(|(_, other)| std::fs::remove_file(other))
    }

    /// The files there are, by name.
    ///
    /// # Errors
    /// When the folder cannot be read. One that is not there has no files.
    pub fn files(&self) -> io::Result<Vec<CacheFile>> {
        let mut files = Vec::new();
        for path in self.paths(PREFIX)? {
            let bytes = std::fs::read(&path)?;
            let size = bytes.len() as u64 + visits::size_beside(&path);
            let held = Kept::parse(bytes).and_then(|kept| kept.held());
            files.push(CacheFile { path, bytes: size, held });
        }
        Ok(files)
    }

    /// Removes all files, and what is kept of looking for pipelines; gives how many files and bytes there were. Visits count
    /// as one with the history that they lie beside.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self) -> io::Result<(usize, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for (prefix, counts) in [(PREFIX, true), (visits::PREFIX, false), (FOLDERS, true)] {
            for path in self.paths(prefix)? {
                let size = path.symlink_metadata()?.len();
                match std::fs::remove_file(&path) {
                    Ok(()) => (files, bytes) = (files + usize::from(counts), bytes + size),
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok((files, bytes))
    }

    fn paths(&self, prefix: &str) -> io::Result<Vec<PathBuf>> {
        let listed = match std::fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e),
        };
        let mut paths = Vec::new();
        for entry in listed {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                paths.push(entry.path());
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    /// Walks up to the tip from where an earlier walk came to, and keeps what is new.
    ///
    /// # Errors
    /// See [`HistoryError`]. A cache that cannot be read or written is none.
    pub(super) fn walk<'p>(&self, task: &Task, pipeline: &'p Pipeline) -> Result<Walked<'p>, HistoryError> {
        let more = task.names.len().saturating_sub(fields::ALWAYS.len());
        let head = Head { key: key(task.prefix, task.names, pipeline), id_len: task.tip.as_bytes().len(), more };
        let path = self.file(task.prefix, task.names);
        let mut early = None;
        let mut reached = |walked: &mut Walked, commits: usize| early = Early::of(walked, commits);
        let recent = if self.is_read_only { usize::MAX } else { RECENT };
        let mut checkpoint = Checkpoint { recent, reached: &mut reached };
        let begin = || fresh(pipeline, task.prefix);
        let kept = std::fs::read(&path).ok().and_then(Kept::parse).filter(|kept| kept.head == head);
        let mut from = None;
        let mut found = None;
        if let Some(kept) = &kept {
            let mut whole = None;
            if !kept.holds(task.tip) {
                whole = kept.walked(kept.sections.len() - 1, task, pipeline);
                if let Some(past) = whole.take_if(|whole| whole.ledger.line.iter().any(|known| known.id == task.tip)) {
                    if let Some(past) = past.back_at(task.objects, task.tip)? {
                        return Ok(past);
                    }
                    whole = None;
                }
            }
            let resume = |met: Option<ObjectId>| {
                let Some(met) = met else { return Some(begin()) };
                let at = kept.sections.iter().rposition(|section| section.tip == met)?;
                let walked = match whole.take_if(|_| at + 1 == kept.sections.len()) {
                    Some(whole) => whole,
                    None => kept.walked(at, task, pipeline)?,
                };
                from = Some((at, Mark::of(&walked.ledger, walked.ledger.line.len(), &walked.folders)));
                Some(walked)
            };
            found = on(task, &|id| kept.holds(id), resume, &mut checkpoint)?;
        }
        let mut walked = match found {
            Some(walked) => walked,
            // There is none, or it is not what it says it is.
            None => on(task, &|_| false, |_| Some(begin()), &mut checkpoint)?.unwrap_or_else(begin),
        };
        if !self.is_read_only {
            // What goes wrong here costs the next run a longer walk, and nobody anything else.
            if more > 0 && kept.is_none() {
                let _ = self.make_room(task.prefix, &path);
            }
            let _ = match (kept, from) {
                (Some(kept), Some((at, mark))) => self.add(&path, kept, at, mark, &mut walked),
                _ => self.write_whole(&path, head, &mut walked, early),
            };
        }
        Ok(walked)
    }

    /// What is kept of the history up to `tip` of the pipeline that lies in the folder `prefix` there, whatever its stages
    /// are called; `None` where nothing is.
    pub(super) fn line(&self, prefix: &str, tip: ObjectId) -> Option<Ledger> {
        let kept = Kept::parse(std::fs::read(self.file(prefix, &[])).ok()?)?;
        let mut reading = kept.reading(kept.sections.len().checked_sub(1)?, fields::ALWAYS.len())?;
        if reading.folder()? != prefix {
            return None;
        }
        let commits = reading.ledger.line.iter().rposition(|known| known.id == tip)? + 1;
        reading.ledger.cut(commits);
        Some(reading.ledger)
    }

    /// Puts what was walked since `mark` behind the section of the number `at`.
    fn add(&self, path: &Path, kept: Kept, at: usize, mark: Mark, walked: &mut Walked) -> io::Result<()> {
        let commits = walked.ledger.line.len();
        let Some(tip) = walked.ledger.line.last().map(|known| known.id) else { return Ok(()) };
        let Some(last) = kept.sections.get(at).filter(|section| section.tip != tip) else { return Ok(()) };
        if kept.sections.len() > MOST_SECTIONS {
            return self.write_whole(path, kept.head, walked, None);
        }
        let changed = walked.deals.changed();
        let section = section(last.check, tip, &code::write(walked, mark, commits, &changed));
        if at + 1 == kept.sections.len() {
            return kept.append(path, &section);
        }
        let mut bytes = kept.bytes.get(..last.range.end).unwrap_or_default().to_vec();
        bytes.extend_from_slice(&section);
        self.replace(path, &[&bytes])
    }

    fn write_whole(&self, path: &Path, head: Head, walked: &mut Walked, early: Option<Early>) -> io::Result<()> {
        let commits = walked.ledger.line.len();
        let Some(tip) = walked.ledger.line.last().map(|known| known.id) else { return Ok(()) };
        let mut bytes = head.bytes();
        let mut check = head.check();
        let (mut mark, mut changed) = (Mark::default(), (0..walked.deals.list.len()).map(DealIx).collect());
        if let Some(early) = early {
            let section = section(check, early.tip, &early.bytes);
            check = lens(&section).1;
            bytes.extend_from_slice(&section);
            (mark, changed) = (early.mark, walked.deals.changed());
        }
        bytes.extend_from_slice(&section(check, tip, &code::write(walked, mark, commits, &changed)));
        self.replace(path, &[&bytes])
    }

    /// Writes a file beside its place and renames it, so that a reader sees the old one or the new one.
    fn replace(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // Whoever may read the repository may read this; the mask of the user takes away what it takes from other files.
        #[cfg(unix)]
        builder.permissions(<std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.folder)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    }
}

/// The first section of a long walk.
struct Early {
    tip: ObjectId,
    bytes: Vec<u8>,
    mark: Mark,
}

impl Early {
    fn of(walked: &mut Walked, commits: usize) -> Option<Early> {
        let tip = walked.ledger.line.get(commits.checked_sub(1)?)?.id;
        let changed = walked.deals.changed();
        let bytes = code::write(walked, Mark::default(), commits, &changed);
        Some(Early { tip, bytes, mark: Mark::of(&walked.ledger, commits, &walked.folders) })
    }
}

/// How the names of the files of a pipeline begin.
fn name_of(prefix: &str) -> String {
    format!("{PREFIX}{:016x}", XxHash3_64::oneshot(prefix.as_bytes()))
}

/// Everything that what a walk finds depends on, besides the commits themselves.
fn key(prefix: &str, names: &[Arc<str>], pipeline: &Pipeline) -> u64 {
    let mut text = format!("{prefix:?}\n{names:?}\n");
    for stage in &pipeline.stages {
        text.push_str(&format!("stage {} {:?}\n", stage.id, stage.was));
    }
    for end in &pipeline.ends {
        text.push_str(&format!("end {} {:?}\n", end.id, end.was));
    }
    XxHash3_64::oneshot(text.as_bytes())
}

/// A section as it stands in the file; `before` is the checksum before it.
fn section(before: u64, tip: ObjectId, contents: &[u8]) -> Vec<u8> {
    let body = [tip.as_bytes(), contents].concat();
    let len = body.len() as u64;
    let check = XxHash3_64::oneshot_with_seed(before ^ len, &body);
    [&len.to_le_bytes(), &check.to_le_bytes(), &body[..]].concat()
}

/// The length and checksum at the beginning of a section; zeros where there are none.
fn lens(head: &[u8]) -> (u64, u64) {
    let number = |range| {
        let bytes: Option<[u8; 8]> = head.get(range).and_then(|bytes: &[u8]| bytes.try_into().ok());
        bytes.map_or(0, u64::from_le_bytes)
    };
    (number(0..8), number(8..16))
}

/// What a file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    key: u64,
    id_len: usize,
    /// How many fields are told beside those that are always told.
    more: usize,
}

impl Head {
    fn bytes(self) -> Vec<u8> {
        let lens = self.id_len as u64 | (self.more as u64) << 8;
        [&MAGIC[..], &self.key.to_le_bytes(), &lens.to_le_bytes()].concat()
    }

    /// What the checksum of the first section begins with.
    fn check(self) -> u64 {
        XxHash3_64::oneshot(&self.bytes())
    }

    fn read(bytes: &[u8]) -> Option<Head> {
        let (key, lens) = lens(bytes.get(MAGIC.len()..HEAD).filter(|_| bytes.starts_with(MAGIC))?);
        let (id_len, more) = (lens & 0xff, u16::try_from(lens >> 8).ok()?);
        matches!(id_len, 20 | 32).then_some(Head { key, id_len: id_len as usize, more: usize::from(more) })
    }
}

/// A file that was read.
struct Kept {
    head: Head,
    bytes: Vec<u8>,
    sections: Vec<Section>,
    tips: IdSet,
}

struct Section {
    tip: ObjectId,
    /// Where its contents lie.
    range: Range<usize>,
    check: u64,
}

impl Kept {
    /// The sections that are whole; `None` where there are none.
    fn parse(bytes: Vec<u8>) -> Option<Kept> {
        let head = Head::read(&bytes)?;
        let mut sections = Vec::new();
        let mut before = head.check();
        let mut at = HEAD;
        while let Some(section_head) = bytes.get(at..at + SECTION_HEAD) {
            let (len, check) = lens(section_head);
            let start = at + SECTION_HEAD;
            let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
            let Some((end, body)) = end.and_then(|end| Some((end, bytes.get(start..end)?))) else { break };
            if body.len() < head.id_len || XxHash3_64::oneshot_with_seed(before ^ len, body) != check {
                break;
            }
            let tip = ObjectId::from_bytes(&body[..head.id_len])?;
            sections.push(Section { tip, range: start + head.id_len..end, check });
            (before, at) = (check, end);
        }
        let tips = sections.iter().map(|section| section.tip).collect();
        (!sections.is_empty()).then_some(Kept { head, bytes, sections, tips })
    }

    fn holds(&self, id: ObjectId) -> bool {
        self.tips.contains(&id)
    }

    /// What the sections up to one of them hold; `None` where that is no walk.
    fn reading(&self, at: usize, width: usize) -> Option<Reading> {
        let mut reading = Reading::new(width);
        for section in self.sections.get(..=at)? {
            code::read(self.bytes.get(section.range.clone())?, self.head.id_len, &mut reading)?;
            if reading.ledger.line.last()?.id != section.tip {
                return None;
            }
        }
        Some(reading)
    }

    fn walked<'p>(&self, at: usize, task: &Task, pipeline: &'p Pipeline) -> Option<Walked<'p>> {
        self.reading(at, task.names.len())?.walked(pipeline, task.prefix)
    }

    fn held(&self) -> Option<Held> {
        let width = fields::ALWAYS.len() + self.head.more;
        let reading = self.reading(self.sections.len().checked_sub(1)?, width)?;
        Some(Held {
            folder: reading.folder()?.to_owned(),
            tip: reading.ledger.line.last()?.id,
            commits: reading.ledger.line.len(),
            more_fields: self.head.more,
            events: reading.ledger.records.len(),
            deals: reading.deals(),
            sections: self.sections.len(),
        })
    }

    /// Puts a section behind the last one, unless somebody else is writing or has written since this was read.
    fn append(&self, path: &Path, section: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        if file.try_lock().is_err() || file.metadata()?.len() != self.bytes.len() as u64 {
            return Ok(());
        }
        let Some(last) = self.sections.last() else { return Ok(()) };
        let start = last.range.start - self.head.id_len - SECTION_HEAD;
        let mut now = [0; SECTION_HEAD];
        file.seek(SeekFrom::Start(start as u64))?;
        file.read_exact(&mut now)?;
        if self.bytes.get(start..start + SECTION_HEAD) != Some(&now[..]) {
            return Ok(());
        }
        // Behind the last whole section lies what somebody could not write to its end.
        file.set_len(last.range.end as u64)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_first_section_that_is_not_whole() {
        let head = Head { key: 7, id_len: 20, more: 0 };
        let tip = |n: u8| ObjectId::from_bytes(&[n; 20]).unwrap();
        let first = section(head.check(), tip(1), b"one");
        let second = section(lens(&first).1, tip(2), b"two");
        let whole = [head.bytes(), first.clone(), second.clone()].concat();
        let tips = |bytes: Vec<u8>| Kept::parse(bytes).map_or(0, |kept| kept.sections.len());
        assert_eq!(tips(whole.clone()), 2);
        assert_eq!(tips([head.bytes(), second].concat()), 0, "a section follows the one it was written behind");
        for cut in 0..whole.len() {
            let left = if cut < HEAD + first.len() { 0 } else { 1 };
            assert_eq!(tips(whole[..cut].to_vec()), left, "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            assert!(tips(broken) <= usize::from(at >= HEAD + first.len()), "flipped at {at}");
        }
    }
}
