//! What can be wrong with a repository after a crash, a power cut or a copy that was not whole, and the cure for it.
//!
//! Everything is looked at in the order in which it can be mended: without a branch nobody can say what the index
//! should hold, and without the objects nobody can say what the files should. Nothing is changed by looking. A cure is
//! only applied while the lock is held, and only when the same ailment is still found then.

mod branch;
mod files;
mod folder;
mod index;
mod locks;
mod objects;
mod patient;
mod settings;
mod unfinished;

use std::io;
use std::path::PathBuf;

use super::error::WriteError;
use super::lock;
use super::objects::ObjectId;

pub use locks::lock_in_the_way;
pub use patient::Patient;

/// How many things of a kind a message names.
const NAMED: usize = 5;

/// What is looked at together, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// HEAD itself, without which git sees no repository.
    Head,
    /// A write of tussock itself that was cut short, where nothing stands in the way of ending it.
    Unfinished,
    /// Locks that processes left behind.
    Locks,
    /// The branch that is checked out.
    Branch,
    /// git's index.
    Index,
    /// Files of single objects.
    Objects,
    /// A write of tussock itself that was cut short, whatever stands in the way.
    StillUnfinished,
    /// The files of the pipeline.
    Files,
    /// The pipeline's folders.
    Folders,
    /// How the clone is set up.
    Settings,
}

impl Step {
    /// All, in the order in which they are to be looked at and mended.
    pub const ALL: [Step; 10] = [
        Step::Head,
        Step::Unfinished,
        Step::Locks,
        Step::Branch,
        Step::Index,
        Step::Objects,
        Step::StillUnfinished,
        Step::Files,
        Step::Folders,
        Step::Settings,
    ];
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug)]
pub struct Ailment {
    /// What it is, as a sentence without its full stop.
    pub what: String,
    /// What can be done about it.
    pub cure: Cure,
}

/// What can be done about an ailment.
#[derive(Clone, Debug)]
pub enum Cure {
    /// [`mend`] can do it.
    Mend {
        /// What that does, as a sentence without a subject and a full stop.
        does: String,
        /// Why a person has to say yes to this very thing, where a general yes is not enough.
        only_asked: Option<String>,
        /// What is to be done.
        remedy: Remedy,
    },
    /// Only a person can: what to do, as a sentence without its full stop.
    Advise(String),
    /// Somebody is at work on it: who, as far as is known.
    Held(String),
    /// Nothing needs to be done: what to know, as a sentence without its full stop.
    Know(String),
}

/// A cure, as data: the same ailment has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Recover,
    RemoveLock(PathBuf),
    RestoreBranch(branch::Restore),
    RebuildIndex,
    MendObjects { ids: Vec<ObjectId>, how: objects::How },
    RestoreFile { path: String, from: files::From },
    RemoveLeftovers(Vec<PathBuf>),
    AddPlaceholders(Vec<String>),
    Configure,
    FetchHistory,
}

impl Kind {
    fn step(&self) -> Step {
        match self {
            Kind::Recover => Step::StillUnfinished,
            Kind::RemoveLock(_) => Step::Locks,
            Kind::RestoreBranch(_) => Step::Branch,
            Kind::RebuildIndex => Step::Index,
            Kind::MendObjects { .. } => Step::Objects,
            Kind::RestoreFile { .. } | Kind::RemoveLeftovers(_) => Step::Files,
            Kind::AddPlaceholders(_) => Step::Folders,
            Kind::Configure | Kind::FetchHistory => Step::Settings,
        }
    }
}

/// How an attempt to mend ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// It is mended.
    Done,
    /// It was not there any more, or is another one by now.
    Gone,
}

/// Looks at one thing; changes nothing.
///
/// # Errors
/// When it cannot be looked at: most often because something that comes before it is broken.
pub fn examine(patient: &Patient, step: Step) -> Result<Vec<Ailment>, WriteError> {
    look(patient, step, false)
}

/// As [`examine`]; `holding` says that the lock is ours.
fn look(patient: &Patient, step: Step, holding: bool) -> Result<Vec<Ailment>, WriteError> {
    match step {
        Step::Head => branch::head(patient),
        Step::Unfinished => unfinished::write(patient, true),
        Step::StillUnfinished => unfinished::write(patient, false),
        Step::Locks => locks::left_behind(patient, holding),
        Step::Branch => branch::broken(patient),
        Step::Index => index::broken(patient),
        Step::Objects => objects::empty(patient),
        Step::Files => files::damaged(patient, holding),
        Step::Folders => folder::incomplete(patient),
        Step::Settings => settings::missing(patient),
    }
}

/// Mends one ailment, if it is still there. `tell` gets a line when there is something to wait for.
///
/// # Errors
/// When somebody else is at work, or writing fails. What was there is then still there.
pub fn mend(patient: &Patient, remedy: &Remedy, tell: &mut dyn FnMut(&str)) -> Result<Mended, WriteError> {
    if let Kind::AddPlaceholders(paths) = &remedy.0 {
        // A commit like any other: it takes the lock by itself.
        return folder::add_placeholders(patient, paths, tell);
    }
    if remedy.0 == Kind::Recover {
        unfinished::end(patient, tell)?;
        return Ok(Mended::Done);
    }
    let _lock = lock::take(patient.place()?, tell)?;
    let still = look(patient, remedy.0.step(), true)?;
    if !still.iter().any(|a| matches!(&a.cure, Cure::Mend { remedy: r, .. } if r == remedy)) {
        return Ok(Mended::Gone);
    }
    match &remedy.0 {
        Kind::RemoveLock(path) => std::fs::remove_file(path).map_err(WriteError::io("remove", path))?,
        Kind::RestoreBranch(restore) => branch::restore(patient, restore)?,
        Kind::RebuildIndex => index::rebuild(patient)?,
        Kind::MendObjects { ids, how } => objects::mend(patient, ids, *how)?,
        Kind::RestoreFile { path, from } => files::restore(patient, path, *from)?,
        Kind::RemoveLeftovers(paths) => files::remove(paths)?,
        Kind::Recover | Kind::AddPlaceholders(_) => {}
        Kind::Configure => settings::configure(patient)?,
        Kind::FetchHistory => settings::fetch_history(patient)?,
    }
    Ok(Mended::Done)
}

/// An ailment that can be mended.
fn curable(what: impl Into<String>, does: impl Into<String>, kind: Kind) -> Ailment {
    Ailment { what: what.into(), cure: Cure::Mend { does: does.into(), only_asked: None, remedy: Remedy(kind) } }
}

/// An ailment that only a person can do something about.
fn advise(what: impl Into<String>, advice: impl Into<String>) -> Ailment {
    Ailment { what: what.into(), cure: Cure::Advise(advice.into()) }
}

/// A few names, and how many more there are.
fn named(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// An error of the file system while doing something that has no one file.
fn failed(doing: impl Into<String>, source: io::Error) -> WriteError {
    WriteError::Io { doing: doing.into(), source }
}
