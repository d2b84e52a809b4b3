//! Reads a whole pipeline from a source: the pipeline file, every deal, and what lies about that is neither.

use std::io;

use super::deal::Deal;
use super::pipeline::Pipeline;
use super::problem::Problem;
use super::source::Source;

/// Everything a source holds of one pipeline.
#[derive(Debug)]
pub struct Reading {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// Text of `pipeline.yaml`.
    pub pipeline_text: String,
    /// Problems of `pipeline.yaml` that are only warnings.
    pub pipeline_problems: Vec<Problem>,
    /// The deals that could be read, by stage order of the pipeline, then by id, then by path. Deals in folders that are
    /// no stage come last.
    pub deals: Vec<Deal>,
    /// Deal files that could not be read, by path. Every list and report counts them.
    pub unreadable: Vec<Unreadable>,
    /// Names that cannot be deals but look as if they should be, links, and the like, by path.
    pub strays: Vec<Stray>,
    /// Ids of stages and ends whose folder has no `.gitkeep`, in the pipeline's order.
    pub without_placeholder: Vec<super::ident::StageId>,
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

/// Reads everything.
///
/// # Errors
/// See [`LoadError`]. A broken deal is no error here, it is in [`Reading::unreadable`].
pub fn load(_source: &dyn Source) -> Result<Reading, LoadError> {
    todo!("format::load")
}
