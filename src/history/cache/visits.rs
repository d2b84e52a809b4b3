//! The visits of deals by themselves, in a file beside the walk that they were taken from: a report that asks for nothing
//! else does not read a record for each event.
//!
//! They hold for one commit, and for the stages as one pipeline file lists them. What else they depend on, the list of
//! ignored commits, lies in that commit. The file is written as a whole each time; it has a head and three parts, each with
//! a checksum of its own, so that each can be read alone: what is told, the visits, and what is needed to go on from there.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::{Cache, code, key};
use crate::format::ident::StageId;
use crate::format::pipeline::Pipeline;
use crate::history::bytes::{In, Out};
use crate::history::event::KnownAt;
use crate::history::fields;
use crate::history::record::Summary;
use crate::history::spell::Spells;
use crate::history::stages::StageNames;
use crate::history::stays::Stays;
use crate::repo::objects::ObjectId;

/// What the file begins with. The number goes up with every change of what is written or of what visits are.
const MAGIC: &[u8; 16] = b"tussock visits 1";

/// How the names of the files begin.
pub(super) const PREFIX: &str = "visits-";

/// Magic, key, length of ids, length and checksum of each part, checksum of all this.
const HEAD: usize = 16 + 8 * (2 + 2 * PARTS + 1);

const PARTS: usize = 3;

/// More than this is not believed of a length.
const MOST: u64 = 1 << 32;

/// The visits of deals, and what is to be said of the history that they are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visits {
    /// The history as a whole.
    pub summary: Summary,
    /// The visits; the deals have no names.
    pub spells: Spells,
}

/// What visits are brought up to date from, besides themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::history) struct Ground {
    /// The stages as the walk knows them.
    pub(in crate::history) stages: StageNames,
    /// All folders that ever held a deal, by number.
    pub(in crate::history) folders: Vec<Vec<u8>>,
    /// The pipeline's folder.
    pub(in crate::history) place: String,
    /// The root tree.
    pub(in crate::history) root: Option<ObjectId>,
    /// The tree of the pipeline's folder.
    pub(in crate::history) folder: Option<ObjectId>,
    /// Whether a pipeline file lies there.
    pub(in crate::history) is_there: bool,
    /// Whether every commit so far was an import, so that the next one may be one, too.
    pub(in crate::history) importing: bool,
    /// A number for what the list of ignored commits says.
    pub(in crate::history) ignored: u64,
    /// The deals, by number.
    pub(in crate::history) deals: Vec<Footing>,
}

/// How a deal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::history) struct Footing {
    /// The id it has.
    pub(in crate::history) stem: Box<str>,
    /// The folder it lies in; `None` where it lies in none or in several, or its fields could never be read.
    pub(in crate::history) folder: Option<u32>,
    /// The valid time of its last event.
    pub(in crate::history) last_at: i64,
}

/// A file that was opened.
pub(in crate::history) struct Kept {
    pub(in crate::history) tip: ObjectId,
    pub(in crate::history) visits: Visits,
    path: PathBuf,
    head: Head,
}

impl Cache {
    /// The file of the visits of a pipeline.
    fn visits_file(&self, prefix: &str) -> PathBuf {
        self.folder.join(format!("{PREFIX}{:016x}", XxHash3_64::oneshot(prefix.as_bytes())))
    }

    /// The visits that are kept of the pipeline that lies in the folder `prefix`, told by the stages of `pipeline`; `None`
    /// where there are none, or none that can be believed.
    pub(in crate::history) fn visits(&self, prefix: &str, pipeline: &Pipeline) -> Option<Kept> {
        let path = self.visits_file(prefix);
        let mut file = File::open(&path).ok()?;
        let mut head = [0; HEAD];
        file.read_exact(&mut head).ok()?;
        let head = Head::read(&head).filter(|head| head.key == visits_key(prefix, pipeline))?;
        let [told, packed, _] = head.parts;
        let told = told.read(&mut file)?;
        let packed = packed.read(&mut file)?;
        let (tip, visits) = told_of(&told, packed, head.id_len)?;
        Some(Kept { tip, visits, path, head })
    }

    /// Keeps visits as they are at a commit. What goes wrong costs the next report the time to read all of history.
    pub(in crate::history) fn keep_visits(
        &self,
        prefix: &str,
        pipeline: &Pipeline,
        tip: ObjectId,
        visits: &Visits,
        ground: &Ground,
    ) -> io::Result<()> {
        if self.is_read_only {
            return Ok(());
        }
        let stays = visits.spells.packed();
        let (told, ground) = (tell(tip, visits), write_ground(ground, visits));
        let parts: [&[u8]; PARTS] = [&told, &stays.bytes, &ground];
        let head = Head {
            key: visits_key(prefix, pipeline),
            id_len: tip.as_bytes().len(),
            parts: parts.map(|part| PartHead { len: part.len() as u64, check: XxHash3_64::oneshot(part) }),
        };
        self.replace(&self.visits_file(prefix), &[&head.bytes()[..], parts[0], parts[1], parts[2]].concat())
    }
}

impl Kept {
    /// What they are brought up to date from; `None` where that cannot be read.
    pub(in crate::history) fn ground(&self) -> Option<Ground> {
        let [told, packed, ground] = self.head.parts;
        let mut file = File::open(&self.path).ok()?;
        let mut head = [0; HEAD];
        file.read_exact(&mut head).ok()?;
        // Another one may have been put in its place.
        if Head::read(&head)? != self.head {
            return None;
        }
        let skipped = told.len.checked_add(packed.len).and_then(|len| i64::try_from(len).ok())?;
        io::Seek::seek_relative(&mut file, skipped).ok()?;
        read_ground(&ground.read(&mut file)?, self.head.id_len, &self.visits)
    }
}

/// How large the file of visits beside a file of the walk is.
pub(super) fn size_beside(walk: &Path) -> u64 {
    let name = walk.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(super::PREFIX));
    let beside = name.map(|name| walk.with_file_name(format!("{PREFIX}{name}")));
    beside.and_then(|path| path.symlink_metadata().ok()).map_or(0, |found| found.len())
}

/// Everything that visits depend on, besides the commits.
fn visits_key(prefix: &str, pipeline: &Pipeline) -> u64 {
    let optional = pipeline.stages.iter().map(|stage| if stage.optional { '1' } else { '0' });
    let text: String = format!("{:x} ", key(prefix, &fields::names(&[]), pipeline)).chars().chain(optional).collect();
    XxHash3_64::oneshot(text.as_bytes())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    key: u64,
    id_len: usize,
    parts: [PartHead; PARTS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PartHead {
    len: u64,
    check: u64,
}

impl Head {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let numbers = [self.key, self.id_len as u64].into_iter();
        for number in numbers.chain(self.parts.iter().flat_map(|part| [part.len, part.check])) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let check = XxHash3_64::oneshot(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; HEAD]) -> Option<Head> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let mut numbers = rest.chunks_exact(8).map(|eight| eight.try_into().map_or(0, u64::from_le_bytes));
        let (key, id_len) = (numbers.next()?, numbers.next()?);
        let mut parts = [PartHead::default(); PARTS];
        for part in &mut parts {
            *part = PartHead { len: numbers.next()?, check: numbers.next()? };
        }
        let check = XxHash3_64::oneshot(bytes.get(..HEAD - 8)?);
        let holds = numbers.next()? == check && matches!(id_len, 20 | 32);
        holds.then_some(Head { key, id_len: id_len as usize, parts })
    }
}

impl PartHead {
    /// Reads what lies at the file's place.
    fn read(self, file: &mut File) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(self.len).ok().filter(|_| self.len < MOST)?).ok()?;
        file.take(self.len).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == self.len && XxHash3_64::oneshot(&bytes) == self.check).then_some(bytes)
    }
}

fn tell(tip: ObjectId, visits: &Visits) -> Vec<u8> {
    let Visits { summary, spells } = visits;
    let mut out = Out::default();
    out.id(tip);
    for known_at in [summary.tip_known_at, summary.first_known_at] {
        out.0.push(u8::from(known_at.is_some()));
        out.signed(known_at.map_or(0, |at| at.0));
    }
    for count in counts(summary) {
        out.count(count);
    }
    out.count(summary.bad_ignore_lines.len());
    summary.bad_ignore_lines.iter().for_each(|line| out.bytes(line.as_bytes()));
    out.count(summary.bulk.len());
    for (commit, deals) in &summary.bulk {
        out.id(*commit);
        out.count(*deals);
    }
    out.count(summary.imports.len());
    summary.imports.iter().for_each(|commit| out.id(*commit));
    out.count(spells.stages().len());
    spells.stages().iter().for_each(|stage| out.bytes(stage.as_str().as_bytes()));
    let stays = spells.packed();
    out.number(u64::from(stays.deals));
    out.count(stays.count);
    out.count(stays.marks.len());
    stays.marks.iter().for_each(|mark| out.count(*mark));
    out.0
}

/// What is counted in a history, in the order in which it is written.
fn counts(summary: &Summary) -> [usize; 10] {
    let Summary { commits, deals, clamped_known, clamped_valid, skips, .. } = *summary;
    let Summary { odd_times, imported, ignored_moves, ignored_commits, unreadable, .. } = *summary;
    [
        commits,
        deals,
        clamped_known,
        clamped_valid,
        skips,
        odd_times,
        imported,
        ignored_moves,
        ignored_commits,
        unreadable,
    ]
}

fn told_of(told: &[u8], packed: Vec<u8>, id_len: usize) -> Option<(ObjectId, Visits)> {
    let mut input = In::new(told, id_len);
    let tip = input.id()?;
    let mut known_at = || -> Option<Option<KnownAt>> {
        let is_some = input.flag()?;
        let at = input.signed()?;
        Some(is_some.then_some(KnownAt(at)))
    };
    let (tip_known_at, first_known_at) = (known_at()?, known_at()?);
    let mut count = || usize::try_from(input.number()?).ok();
    let summary = Summary {
        tip: Some(tip),
        tip_known_at,
        first_known_at,
        commits: count()?,
        deals: count()?,
        clamped_known: count()?,
        clamped_valid: count()?,
        skips: count()?,
        odd_times: count()?,
        imported: count()?,
        ignored_moves: count()?,
        ignored_commits: count()?,
        unreadable: count()?,
        bad_ignore_lines: (0..input.count(1)?).map(|_| input.text().map(str::to_owned)).collect::<Option<_>>()?,
        bulk: (0..input.count(id_len)?)
            .map(|_| Some((input.id()?, usize::try_from(input.number()?).ok()?)))
            .collect::<Option<_>>()?,
        imports: (0..input.count(id_len)?).map(|_| input.id()).collect::<Option<_>>()?,
        incomplete: false,
    };
    let stages: Vec<StageId> = (0..input.count(1)?).map(|_| StageId::new(input.text()?).ok()).collect::<Option<_>>()?;
    let (deals, count) = (input.small()?, usize::try_from(input.number()?).ok()?);
    let mark = |input: &mut In| usize::try_from(input.number()?).ok();
    let marks = (0..input.count(1)?).map(|_| mark(&mut input)).collect::<Option<_>>()?;
    let stays = Stays { bytes: packed, marks, deals, count };
    input.is_at_end().then(|| (tip, Visits { summary, spells: Spells::unnamed(stages, stays) }))
}

fn write_ground(ground: &Ground, visits: &Visits) -> Vec<u8> {
    let mut out = Out::default();
    code::write_stages(&mut out, &ground.stages);
    out.count(ground.folders.len());
    ground.folders.iter().for_each(|path| out.bytes(path));
    out.bytes(ground.place.as_bytes());
    out.some_id(ground.root);
    out.some_id(ground.folder);
    out.0.push(u8::from(ground.is_there));
    out.0.push(u8::from(ground.importing));
    out.number(ground.ignored);
    let known_at = visits.summary.tip_known_at.map_or(0, |at| at.0);
    out.count(ground.deals.len());
    for deal in &ground.deals {
        out.bytes(deal.stem.as_bytes());
        out.number(deal.folder.map_or(0, |folder| u64::from(folder) + 1));
        out.signed(known_at.wrapping_sub(deal.last_at));
    }
    out.0
}

fn read_ground(bytes: &[u8], id_len: usize, visits: &Visits) -> Option<Ground> {
    let mut input = In::new(bytes, id_len);
    let stages = code::read_stages(&mut input)?;
    let folders: Vec<Vec<u8>> =
        (0..input.count(1)?).map(|_| input.bytes().map(<[u8]>::to_vec)).collect::<Option<_>>()?;
    let place = input.text()?.to_owned();
    let (root, folder) = (input.some_id()?, input.some_id()?);
    let (is_there, importing, ignored) = (input.flag()?, input.flag()?, input.number()?);
    let known_at = visits.summary.tip_known_at.map_or(0, |at| at.0);
    let count = input.count(3)?;
    let mut deals = Vec::with_capacity(count);
    for _ in 0..count {
        let stem = input.text()?.into();
        let folder = match input.number()? {
            0 => None,
            number => Some(u32::try_from(number - 1).ok().filter(|folder| (*folder as usize) < folders.len())?),
        };
        deals.push(Footing { stem, folder, last_at: known_at.wrapping_sub(input.signed()?) });
    }
    let whole = input.is_at_end();
    whole.then_some(Ground { stages, folders, place, root, folder, is_there, importing, ignored, deals })
}
