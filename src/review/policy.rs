//! Whose pipeline file counts: deals of one state are judged by the policy of another.

use std::io;

use crate::check::policy::compare;
use crate::format::load::{LoadError, load_pipeline};
use crate::format::pipeline::{PIPELINE_FILE, Pipeline};
use crate::format::source::{FileEntry, Source};

use super::document::{Instead, PolicyLine, Trust};
use super::found::short;

/// The files of one state, but for the pipeline file and its file of rates, which are those of another.
pub(super) struct Under<'a> {
    files: &'a dyn Source,
    /// Where the pipeline file comes from, with the path of the file of rates; `None`: from the files themselves.
    policy: Option<(&'a dyn Source, Option<String>)>,
}

impl<'a> Under<'a> {
    /// Files that are judged by their own pipeline file.
    pub fn own(files: &'a dyn Source) -> Self {
        Under { files, policy: None }
    }

    /// Files that are judged by the pipeline file of `policy`, which names this file of rates.
    pub fn other(files: &'a dyn Source, policy: &'a dyn Source, rates: Option<String>) -> Self {
        Under { files, policy: Some((policy, rates)) }
    }

    fn of(&self, path: &str) -> &'a dyn Source {
        match &self.policy {
            Some((policy, rates)) if path == PIPELINE_FILE || rates.as_deref() == Some(path) => *policy,
            _ => self.files,
        }
    }
}

impl Source for Under<'_> {
    fn entries(&self) -> io::Result<Vec<FileEntry>> {
        let mut entries = self.files.entries()?;
        if let Some((policy, rates)) = &self.policy {
            let is_policy = |entry: &FileEntry| entry.path == PIPELINE_FILE || rates.as_ref() == Some(&entry.path);
            entries.retain(|entry| !is_policy(entry));
            entries.extend(policy.entries()?.into_iter().filter(is_policy));
            entries.sort_by(|a, b| a.path.cmp(&b.path));
        }
        Ok(entries)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.of(path).read(path)
    }

    fn read_listed(&self, path: &str) -> io::Result<Vec<u8>> {
        self.of(path).read_listed(path)
    }

    fn repository_has(&self, path: &str) -> bool {
        self.files.repository_has(path)
    }

    fn display(&self, path: &str) -> String {
        self.files.display(path)
    }
}

/// The policy that counts.
pub(super) struct Chosen {
    /// Whose it is.
    pub by: Trust,
    /// Why it is not the one that was asked for.
    pub instead: Option<Instead>,
    /// It.
    pub pipeline: Pipeline,
}

/// Chooses between the policies of two states. Where the one that was asked for is not there or broken, the other one
/// counts, and that is said.
///
/// # Errors
/// Why neither can be read: what is wrong with the one of the head.
pub(super) fn choose(
    trust: Trust,
    base: Option<Result<Pipeline, LoadError>>,
    head: Result<Pipeline, LoadError>,
) -> Result<Chosen, LoadError> {
    let why = |error: &LoadError| match error {
        LoadError::NoPipeline => Instead::Missing,
        LoadError::Broken { .. } => Instead::Broken,
        LoadError::Io { .. } => Instead::Unreadable,
    };
    let base = base.unwrap_or(Err(LoadError::NoPipeline));
    match (trust, base, head) {
        (Trust::Base, Ok(pipeline), _) => Ok(Chosen { by: Trust::Base, instead: None, pipeline }),
        (Trust::Head, _, Ok(pipeline)) => Ok(Chosen { by: Trust::Head, instead: None, pipeline }),
        (Trust::Base, Err(error), Ok(pipeline)) => Ok(Chosen { by: Trust::Head, instead: Some(why(&error)), pipeline }),
        (Trust::Head, Ok(pipeline), Err(error)) => Ok(Chosen { by: Trust::Base, instead: Some(why(&error)), pipeline }),
        (_, Err(_), Err(error)) => Err(error),
    }
}

/// The pipeline of a state.
pub(super) fn read(source: &dyn Source) -> Result<Pipeline, LoadError> {
    load_pipeline(source)
}

/// What the second pipeline file asks otherwise than the first, what asks for less first.
pub(super) fn changes(base: &Pipeline, head: &Pipeline) -> Vec<PolicyLine> {
    let told = compare(base, head).into_iter();
    told.map(|change| PolicyLine { weaker: change.weakens, about: short(&change.about), words: short(&change.words) })
        .collect()
}
