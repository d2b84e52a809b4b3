//! Reads a whole pipeline from a source: the pipeline file, every deal, and what lies about that is neither.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization;

use super::deal::Deal;
use super::ident::{DealId, StageId};
use super::pipeline::{PIPELINE_FILE, PLACEHOLDER, Pipeline, RESERVED_FOLDERS};
use super::pipeline_file;
use super::problem::{Problem, ProblemKind};
use super::rates::{Rates, RatesFault, RatesFile};
use super::source::{EntryKind, FileEntry, Files, Place, Source};
use super::span::Span;
use super::tree::{self, Document, Mapping};
use super::typing::{Texts, Typing};

/// Everything a source holds of one pipeline.
#[derive(Debug)]
pub struct Reading {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Text of `pipeline.yaml`.
    pub pipeline_text: String,
    /// Problems of `pipeline.yaml` that are only warnings.
    pub pipeline_problems: Vec<Problem>,
    /// The file of exchange rates, where the pipeline names one. Its rates are in [`Pipeline::exchange`].
    pub rates: Option<RatesFile>,
    /// The deals that could be read, by stage order of the pipeline, then by id, then by path. Deals in folders that are
    /// no stage come last.
    pub deals: Vec<Deal>,
    /// Deal files that could not be read, by path. Every list and report counts them.
    pub unreadable: Vec<Unreadable>,
    /// The ids of all deal files, sorted: of those too that could not be read or that nobody wanted.
    pub names: Vec<DealId>,
    /// Names that cannot be deals but look as if they should be, links, and the like, by path.
    pub strays: Vec<Stray>,
    /// Ids of stages and ends whose folder has no `.gitkeep`, in the pipeline's order.
    pub without_placeholder: Vec<StageId>,
}

/// A deal file that could not be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Path below the pipeline's folder.
    pub path: String,
    /// Its text, where it is UTF-8 and not too large.
    pub text: Option<String>,
    /// Why.
    pub problems: Vec<Problem>,
    /// The operating system's error, where that is why.
    pub io: Option<io::Error>,
}

/// A file or folder that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Path below the pipeline's folder.
    pub path: String,
    /// What is wrong with it.
    pub kind: StrayKind,
}

/// What is wrong with a stray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StrayKind {
    /// The file ends in `.yaml` but its stem is no deal id.
    BadId,
    /// The file ends in `.yml` (or `.YAML` or the like).
    OtherEnding,
    /// Two names are equal but for case or Unicode form; the other path.
    SameName(String),
    /// A link: a deal, a stage folder or the pipeline file.
    Symlink,
    /// A `.yaml` file in a folder that is no stage; the folder's name. The file is also among the deals when its
    /// stem is an id.
    UnknownStage(String),
    /// Called like a deal, but a folder, a pipe, a device or a submodule.
    NotAFile,
}

/// Why a pipeline could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no `pipeline.yaml`.
    #[error("there is no pipeline.yaml here")]
    NoPipeline,
    /// `pipeline.yaml` has errors.
    #[error("pipeline.yaml has errors")]
    Broken {
        /// Its text, as far as it is text.
        text: String,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
    /// The source could not be listed or the pipeline file not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// What was read.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// What became of a deal file.
type Outcome<T> = Result<T, Unreadable>;

/// Fewer deals than this are read by one thread.
const FEW: usize = 8;

/// Reads everything.
///
/// # Errors
/// See [`LoadError`]. A broken deal is no error here, it is in [`Reading::unreadable`].
pub fn load(source: &dyn Source) -> Result<Reading, LoadError> {
    load_only(source, &|_| true)
}

/// Reads the pipeline with those deals alone whose id is wanted; everything else in the reading is as [`load`] gives it.
/// Looking at one deal of fifty thousand then costs a list of names, not fifty thousand files.
///
/// # Errors
/// See [`LoadError`].
pub fn load_only(source: &dyn Source, wanted: &dyn Fn(&DealId) -> bool) -> Result<Reading, LoadError> {
    let mut listing = list(source)?;
    listing.deals.retain(|deal| wanted(&deal.id));
    let (deals, unreadable) = listing.read_each(source, Texts::Copied, &|deal| deal);
    Ok(listing.with(deals, unreadable))
}

/// As [`load`], with the values of the deals alone: their documents are empty. The texts and trees of fifty thousand deals
/// take hundreds of megabytes, and who lists or counts deals needs none of them.
///
/// # Errors
/// See [`LoadError`].
pub fn load_values(source: &dyn Source) -> Result<Reading, LoadError> {
    list(source).map(|listing| listing.values(source))
}

/// A pipeline before its deals are read: the pipeline file, and the names of everything else.
#[derive(Debug)]
pub struct Listing {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Text of `pipeline.yaml`.
    pub pipeline_text: String,
    /// Problems of `pipeline.yaml` that are only warnings.
    pub pipeline_problems: Vec<Problem>,
    /// The file of exchange rates, where the pipeline names one. Its rates are in [`Pipeline::exchange`].
    pub rates: Option<RatesFile>,
    /// The deals, by stage order of the pipeline, then by id, then by path. Deals in folders that are no stage come last.
    pub deals: Vec<Listed>,
    /// The ids of all deals, sorted. An id stands here once for each of its files.
    pub names: Vec<DealId>,
    /// Names that cannot be deals but look as if they should be, links, and the like, by path.
    pub strays: Vec<Stray>,
    /// Ids of stages and ends whose folder has no `.gitkeep`, in the pipeline's order.
    pub without_placeholder: Vec<StageId>,
}

/// A deal by its name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The folder it lies in. Not always a stage of the pipeline.
    pub stage: StageId,
    /// Its id: the file's stem.
    pub id: DealId,
    /// Place of its stage in the pipeline's order.
    rank: usize,
}

/// Reads the pipeline file and lists everything else.
///
/// # Errors
/// See [`LoadError`].
pub fn list(source: &dyn Source) -> Result<Listing, LoadError> {
    let entries = source.entries().map_err(|error| LoadError::Io { path: source.display("."), source: error })?;
    let (pipeline, pipeline_text, pipeline_problems) = read_pipeline(source, &entries)?;
    Ok(listing_of(source, &entries, pipeline, pipeline_text, pipeline_problems))
}

/// As [`list`], by another pipeline than that of the source's own file: what a change would be if it had left that file as
/// it was. The text of the file is the source's own all the same.
///
/// # Errors
/// See [`LoadError`].
pub fn list_by(source: &dyn Source, pipeline: Pipeline) -> Result<Listing, LoadError> {
    let entries = source.entries().map_err(|error| LoadError::Io { path: source.display("."), source: error })?;
    let (_, pipeline_text, pipeline_problems) = read_pipeline(source, &entries)?;
    Ok(listing_of(source, &entries, Pipeline { exchange: None, ..pipeline }, pipeline_text, pipeline_problems))
}

fn listing_of(
    source: &dyn Source,
    entries: &[FileEntry],
    mut pipeline: Pipeline,
    pipeline_text: String,
    pipeline_problems: Vec<Problem>,
) -> Listing {
    let rates = read_rates(source, entries, &mut pipeline);
    // Names of small letters and digits alone are equal to no others but for case or Unicode form.
    let plain = |b: u8| !b.is_ascii_uppercase() && b.is_ascii();
    let odd = |entry: &FileEntry| entry.path.ends_with(".yaml") && !entry.path.bytes().all(plain);
    let mut sorted = Sorted { has_odd: entries.iter().any(odd), ..Sorted::default() };
    for entry in entries {
        sorted.take(&pipeline, entry);
    }
    let Sorted { mut deals, mut strays, placeholders, .. } = sorted;
    strays.sort_by(|a, b| a.path.cmp(&b.path));
    // Both are nearly in order already, folder by folder, which a stable sort makes use of.
    deals.sort_by(|a, b| (a.rank, &a.stage, &a.id, &a.path).cmp(&(b.rank, &b.stage, &b.id, &b.path)));
    let mut names: Vec<DealId> = deals.iter().map(|deal| deal.id.clone()).collect();
    names.sort();
    let kept = |id: &StageId| placeholders.contains(id.as_str());
    let without_placeholder = pipeline.places().map(|p| p.id().clone()).filter(|id| !kept(id)).collect();
    Listing { pipeline, pipeline_text, pipeline_problems, rates, deals, names, strays, without_placeholder }
}

impl Listing {
    /// Reads the deals one after another, by several threads, and gives what `make` makes of each in their order; then
    /// those that could not be read, by path. A deal that is not kept is gone before the next one is read. With
    /// [`Texts::Taken`] the tree of each deal's document is empty.
    pub fn read_each<T: Send>(
        &self,
        source: &dyn Source,
        texts: Texts,
        make: &(dyn Fn(Deal) -> T + Sync),
    ) -> (Vec<T>, Vec<Unreadable>) {
        type Item<'l> = (Place, usize, &'l Listed);
        let read = |files: &mut Box<dyn Files + '_>, (place, at, listed): &Item<'_>| -> (usize, Outcome<T>) {
            let Listed { path, stage, id, .. } = listed;
            let bytes = files.read(path, *place);
            (*at, read_bytes(bytes, &self.pipeline, path, stage, id, texts).map(make))
        };
        let mut files = source.files();
        let mut order: Vec<Item<'_>> = (0..).zip(&self.deals).map(|(at, d)| (files.place(&d.path), at, d)).collect();
        order.sort_unstable_by_key(|(place, at, _)| (*place, *at));
        let mut outcomes: Vec<(usize, Outcome<T>)> = match order.len() {
            // To start threads takes longer than to read a few files.
            0..FEW => order.iter().map(|one| read(&mut files, one)).collect(),
            _ => {
                drop(files);
                order.par_iter().map_init(|| source.files(), read).collect()
            }
        };
        drop(order);
        outcomes.sort_unstable_by_key(|(at, _)| *at);
        let mut unreadable = Vec::new();
        let made = |(_, outcome): (usize, Outcome<T>)| outcome.map_err(|broken| unreadable.push(broken)).ok();
        let made = outcomes.into_iter().filter_map(made).collect();
        unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        (made, unreadable)
    }

    /// The whole, with the values of its deals alone, as [`load_values`] has it.
    pub fn values(self, source: &dyn Source) -> Reading {
        let keep = |deal| Deal { document: Document::default(), ..deal };
        let (deals, unreadable) = self.read_each(source, Texts::Taken, &keep);
        self.with(deals, unreadable)
    }

    /// The whole, with what was read of the deals.
    pub fn with(self, deals: Vec<Deal>, unreadable: Vec<Unreadable>) -> Reading {
        let Listing { pipeline, pipeline_text, pipeline_problems, rates, names, strays, without_placeholder, .. } =
            self;
        Reading {
            pipeline,
            pipeline_text,
            pipeline_problems,
            rates,
            deals,
            unreadable,
            names,
            strays,
            without_placeholder,
        }
    }

    /// Whether one of the deals lies in several places.
    pub fn has_twins(&self) -> bool {
        let twice = |pair: &'_ [DealId]| pair.first() == pair.last();
        let twins: BTreeSet<&DealId> = self.names.windows(2).filter(|p| twice(p)).flat_map(|p| p.first()).collect();
        let mut seen = BTreeSet::new();
        !twins.is_empty() && !self.deals.iter().filter(|d| twins.contains(&d.id)).all(|d| seen.insert(&d.id))
    }
}

/// Reads the pipeline file alone, for what asks nothing of the deals as they are.
///
/// # Errors
/// See [`LoadError`].
pub fn load_pipeline(source: &dyn Source) -> Result<Pipeline, LoadError> {
    let entries = source.entries().map_err(|error| LoadError::Io { path: source.display("."), source: error })?;
    let (mut pipeline, _, _) = read_pipeline(source, &entries)?;
    read_rates(source, &entries, &mut pipeline);
    Ok(pipeline)
}

/// Reads the file of exchange rates that a pipeline names, and gives it the rates. Only what is listed below the
/// pipeline's folder is read, so that no name leads out of it.
fn read_rates(source: &dyn Source, entries: &[FileEntry], pipeline: &mut Pipeline) -> Option<RatesFile> {
    let path = pipeline.rates.clone()?;
    let absent = |why: String| Some(RatesFile { path: path.clone(), text: None, fault: Some(RatesFault::Absent(why)) });
    match entries.iter().find(|entry| entry.path == path && entry.utf8).map(|entry| entry.kind) {
        Some(EntryKind::File) => {}
        Some(EntryKind::Symlink) => return absent(format!("{path} is a link, and links are not followed")),
        Some(_) => return absent(format!("{path} is not a regular file")),
        None => return absent(format!("there is no file {path} below the pipeline's folder")),
    }
    let bytes = match source.read(&path) {
        Ok(bytes) => bytes,
        Err(error) => return absent(format!("{path} cannot be read: {error}")),
    };
    let fault = match Rates::read(&bytes, pipeline.currency) {
        Ok(rates) => {
            pipeline.exchange = Some(Arc::new(rates));
            None
        }
        Err(problems) => Some(RatesFault::Broken(problems)),
    };
    Some(RatesFile { text: String::from_utf8(bytes).ok(), path, fault })
}

fn read_pipeline(source: &dyn Source, entries: &[FileEntry]) -> Result<(Pipeline, String, Vec<Problem>), LoadError> {
    let entry = entries.iter().find(|e| e.path == PIPELINE_FILE).ok_or(LoadError::NoPipeline)?;
    if entry.kind != EntryKind::File {
        let problem = Problem::new(ProblemKind::PipelineFile, Span::default(), "pipeline.yaml is not a regular file")
            .with_help("links are not followed; put the file itself here");
        return Err(LoadError::Broken { text: String::new(), problems: vec![problem] });
    }
    let bytes = source
        .read(PIPELINE_FILE)
        .map_err(|error| LoadError::Io { path: source.display(PIPELINE_FILE), source: error })?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match pipeline_file::read(&bytes) {
        Ok((pipeline, problems)) => Ok((pipeline, text, problems)),
        Err(problems) => Err(LoadError::Broken { text, problems }),
    }
}

/// Reads one deal file.
///
/// # Errors
/// When it is no YAML mapping, or cannot be read at all.
pub fn read_deal(
    source: &dyn Source,
    pipeline: &Pipeline,
    path: &str,
    stage: &StageId,
    id: &DealId,
) -> Result<Deal, Unreadable> {
    read_bytes(source.read_listed(path), pipeline, path, stage, id, Texts::Copied)
}

fn read_bytes(
    bytes: io::Result<Vec<u8>>,
    pipeline: &Pipeline,
    path: &str,
    stage: &StageId,
    id: &DealId,
    texts: Texts,
) -> Result<Deal, Unreadable> {
    let broken = |text, problems, io| Unreadable { path: path.to_owned(), text, problems, io };
    let bytes = bytes.map_err(|error| broken(None, Vec::new(), Some(error)))?;
    match tree::read_owned(bytes) {
        Ok(document) => Ok(typed(document, pipeline, path, stage, id, texts)),
        Err((bytes, problems)) => Err(broken(String::from_utf8(bytes).ok(), problems, None)),
    }
}

/// Reads a deal from its bytes.
///
/// # Errors
/// All that keeps it from being read.
pub fn parse_deal(
    bytes: &[u8],
    pipeline: &Pipeline,
    path: &str,
    stage: &StageId,
    id: &DealId,
) -> Result<Deal, Vec<Problem>> {
    Ok(typed(tree::read(bytes)?, pipeline, path, stage, id, Texts::Copied))
}

fn typed(mut document: Document, pipeline: &Pipeline, path: &str, stage: &StageId, id: &DealId, texts: Texts) -> Deal {
    let mut problems = document.problems.clone();
    let Pipeline { currency, extra_fields, fields, .. } = pipeline;
    let mut typing = Typing { currency: *currency, extra: *extra_fields, texts, problems: &mut problems };
    let fields = typing.deal(&mut document.root, fields);
    problems.sort_by_key(|p| p.span);
    if texts == Texts::Taken {
        document.root = Mapping::default();
    }
    Deal { id: id.clone(), stage: stage.clone(), path: path.to_owned(), fields, document, problems }
}

/// The entries of a source, told apart.
#[derive(Default)]
struct Sorted<'e> {
    deals: Vec<Listed>,
    strays: Vec<Stray>,
    placeholders: BTreeSet<String>,
    /// Whether there may be names that are one name for some computers.
    has_odd: bool,
    /// Paths by their names without case and Unicode form, to find twins. Looked up and never listed.
    folded: HashMap<Cow<'e, str>, &'e str>,
    /// The folder of the last file: files come folder by folder.
    last: Option<Folder<'e>>,
}

/// A folder below the pipeline's.
#[derive(Clone)]
struct Folder<'e> {
    name: &'e str,
    /// Its place in the pipeline's order; `None` where it is no stage and no end.
    rank: Option<usize>,
    /// The name as that of a stage, where it can be one.
    stage: Option<StageId>,
}

impl<'e> Folder<'e> {
    fn new(pipeline: &Pipeline, name: &'e str) -> Self {
        let rank = pipeline.places().position(|p| p.id().as_str() == name);
        Folder { name, rank, stage: StageId::new(name).ok() }
    }
}

impl<'e> Sorted<'e> {
    fn take(&mut self, pipeline: &Pipeline, entry: &'e FileEntry) {
        let path = entry.path.as_str();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let first = folder.split('/').next().unwrap_or("");
        if RESERVED_FOLDERS.contains(&first) || path == PIPELINE_FILE {
            return;
        }
        if name.starts_with('.') {
            if name == PLACEHOLDER && folder == first && entry.kind == EntryKind::File {
                self.placeholders.insert(first.to_owned());
            }
            return;
        }
        let ends = |with: &str| {
            let at = name.len().saturating_sub(with.len());
            name.as_bytes()[at..].eq_ignore_ascii_case(with.as_bytes())
        };
        let like_a_deal = ends(".yaml") || ends(".yml");
        let stray = |kind| Stray { path: path.to_owned(), kind };
        match entry.kind {
            EntryKind::Symlink if like_a_deal || (folder.is_empty() && pipeline.current_name(name).is_some()) => {
                self.strays.push(stray(StrayKind::Symlink));
                return;
            }
            EntryKind::Folder | EntryKind::Other if like_a_deal => {
                self.strays.push(stray(StrayKind::NotAFile));
                return;
            }
            EntryKind::File if like_a_deal => {}
            _ => return,
        }
        let Some(stem) = name.strip_suffix(".yaml") else {
            self.strays.push(stray(StrayKind::OtherEnding));
            return;
        };
        if self.has_odd {
            let key = match stem.is_ascii() {
                // Most names are in lower case and have one form only: such a path is its own key.
                true if !stem.bytes().any(|b| b.is_ascii_uppercase()) => Cow::Borrowed(path),
                true => Cow::Owned(format!("{folder}/{}.yaml", stem.to_ascii_lowercase())),
                false => Cow::Owned(format!("{folder}/{}.yaml", stem.nfc().collect::<String>().to_lowercase())),
            };
            if let Some(twin) = self.folded.insert(key, path) {
                self.strays.push(stray(StrayKind::SameName(twin.to_owned())));
            }
        }
        let id = DealId::new(stem).ok().filter(|_| entry.utf8);
        if id.is_none() {
            self.strays.push(stray(StrayKind::BadId));
        }
        let folder = match &self.last {
            Some(folder) if folder.name == first => folder.clone(),
            _ => Folder::new(pipeline, first),
        };
        if folder.rank.is_none() {
            self.strays.push(stray(StrayKind::UnknownStage(first.to_owned())));
        }
        if let (Some(id), Some(stage)) = (id, &folder.stage) {
            let rank = folder.rank.unwrap_or(usize::MAX);
            self.deals.push(Listed { path: path.to_owned(), stage: stage.clone(), id, rank });
        }
        self.last = Some(folder);
    }
}
