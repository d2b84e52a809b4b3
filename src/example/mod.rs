//! The example: a year in the life of an invented agency, told once and replayed as a repository with history or as the
//! folder that the history ends in.

pub mod card;
pub mod replay;
pub mod story;
pub mod stream;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::format::pipeline::Pipeline;
use crate::format::pipeline_file;
use crate::repo::git::GitError;
use crate::repo::import;

/// The pipeline file of the example.
pub const PIPELINE: &str = include_str!("../../example-pipeline/pipeline.yaml");

/// The page that says how to read the example.
pub const README: &str = include_str!("../../example-pipeline/README.md");

/// The day on which the story ends, as `--today` takes it.
pub const TODAY: &str = "2026-11-20";

/// Why the example could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The embedded story is no YAML of the right shape.
    #[error("cannot read the embedded story of the example: {0}")]
    Story(#[from] serde_yaml::Error),
    /// The embedded pipeline file does not hold together.
    #[error("cannot read the embedded pipeline file of the example: {0}")]
    Pipeline(String),
    /// The story does not hold together.
    #[error("the story of the example goes wrong at {deal}, {at}: {why}")]
    Plot {
        /// The deal.
        deal: String,
        /// The step's time.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// The folder has something in it.
    #[error("{} is not empty; give a new or an empty folder, so that nothing of yours is overwritten", .0.display())]
    NotEmpty(PathBuf),
    /// The folder cannot be read or made.
    #[error("cannot make a repository in {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Git did not take the history.
    #[error(transparent)]
    Import(#[from] GitError),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Number of deals on the main branch.
    pub deals: usize,
    /// Number of commits on all branches.
    pub commits: usize,
    /// Branches that are left unmerged, sorted.
    pub open_branches: Vec<String>,
}

/// Writes the example as a git repository with its whole history into `folder`, which is made if it is not there, and
/// checks out its main branch. Every run writes the same commits.
///
/// # Errors
/// See [`ExampleError`]; nothing is written into a folder that is not empty.
pub fn write_repository(folder: &Path) -> Result<Written, ExampleError> {
    let failed = |source| ExampleError::Folder { folder: folder.to_owned(), source };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(ExampleError::NotEmpty(folder.to_owned()));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let history = replay::replay(&story::embedded()?, &pipeline()?)?;
    import::import_repository(folder, &stream::write(&history.commits))?;
    Ok(Written {
        deals: history.main.len(),
        commits: history.commits.len(),
        open_branches: history.open_branches.into_iter().collect(),
    })
}

/// Every file of the example at the end of its story, by its path below the pipeline's folder.
///
/// # Errors
/// When the embedded story or pipeline file is broken.
pub fn final_state() -> Result<BTreeMap<String, Vec<u8>>, ExampleError> {
    let pipeline = pipeline()?;
    let history = replay::replay(&story::embedded()?, &pipeline)?;
    let mut files: BTreeMap<String, Vec<u8>> = replay::ground(&pipeline).into_iter().collect();
    files.extend(history.main.into_values());
    Ok(files)
}

fn pipeline() -> Result<Pipeline, ExampleError> {
    match pipeline_file::read(PIPELINE.as_bytes()) {
        Ok((pipeline, _)) => Ok(pipeline),
        Err(problems) => {
            Err(ExampleError::Pipeline(problems.into_iter().map(|p| p.message).collect::<Vec<_>>().join("; ")))
        }
    }
}
