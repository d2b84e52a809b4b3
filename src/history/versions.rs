//! Which versions of its own files a pipeline had along a branch, and when each was in force.

use crate::format::pipeline::PIPELINE_FILE;
use crate::repo::objects::{ObjectError, ObjectId, Objects};

use super::IGNORE_REVS_FILE;
use super::event::KnownAt;
use super::place;
use super::record::HistoryError;
use super::standpoint::{failed, line_of};
use super::trees::Trees;

/// A stretch of a branch over which the files that say how a pipeline is to be read did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The last commit of the stretch.
    pub commit: ObjectId,
    /// When its first commit became known; it is in force from then until that of the next one.
    pub from: KnownAt,
    /// The pipeline's folder in it, below the repository's root; "" is the root.
    pub prefix: String,
    /// The bytes of the files.
    pub files: Files,
}

/// The files that say how a pipeline is to be read, as they are at one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The pipeline file.
    pub pipeline: ObjectId,
    /// The lists of commits that count in no duration: at the root, and in the pipeline's folder.
    pub ignore: (Option<ObjectId>, Option<ObjectId>),
    /// The file of exchange rates.
    pub rates: Option<ObjectId>,
}

/// The versions of the pipeline that lies in the folder `prefix` at the commit `tip`, oldest first, followed through the
/// folders it lay in before. `rates` is the path of its exchange rates below its folder. Where there was no pipeline on the
/// branch for a while, the version before stands in.
///
/// # Errors
/// See [`HistoryError`].
pub fn versions(
    objects: &dyn Objects,
    tip: ObjectId,
    prefix: &str,
    rates: Option<&str>,
) -> Result<Vec<Version>, HistoryError> {
    let line = line_of(objects, tip)?;
    let mut trees = Trees::new(objects);
    let mut place = prefix.to_owned();
    let mut versions: Vec<Version> = Vec::new();
    // The folder at the commit after, and the root tree there.
    let mut after: Option<(ObjectId, ObjectId)> = None;
    // Where it came from is looked for once.
    let mut is_gone = false;
    for step in line.iter().rev() {
        if after.is_some_and(|(_, root)| root == step.tree)
            && let Some(last) = versions.last_mut()
        {
            last.from = step.known_at;
            continue;
        }
        let mut at = |trees: &mut Trees| -> Result<Option<(ObjectId, Files)>, ObjectError> {
            let mut folder = pipeline_folder(trees, step.tree, &place)?;
            if folder.is_none()
                && !is_gone
                && let Some((like, root)) = after
                && let Some(moved) = place::moved(trees, like, step.tree, root)?
            {
                folder = pipeline_folder(trees, step.tree, &moved)?;
                if folder.is_some() {
                    place = moved;
                }
            }
            is_gone = folder.is_none();
            let Some(folder) = folder else { return Ok(None) };
            Ok(files(trees, step.tree, folder, rates)?.map(|files| (folder, files)))
        };
        let Some((folder, files)) = at(&mut trees).map_err(failed(step.commit))? else { continue };
        after = Some((folder, step.tree));
        match versions.last_mut() {
            Some(last) if last.files == files && last.prefix == place => last.from = step.known_at,
            _ => versions.push(Version { commit: step.commit, from: step.known_at, prefix: place.clone(), files }),
        }
    }
    versions.reverse();
    Ok(versions)
}

fn pipeline_folder(trees: &mut Trees, root: ObjectId, place: &str) -> Result<Option<ObjectId>, ObjectError> {
    match trees.folder_at(root, place)? {
        Some(folder) if trees.is_pipeline(folder)? => Ok(Some(folder)),
        _ => Ok(None),
    }
}

fn files(
    trees: &mut Trees,
    root: ObjectId,
    folder: ObjectId,
    rates: Option<&str>,
) -> Result<Option<Files>, ObjectError> {
    let Some(pipeline) = trees.file_in(folder, PIPELINE_FILE)? else { return Ok(None) };
    let of_root = trees.file_in(root, IGNORE_REVS_FILE)?;
    let of_folder = if folder == root { None } else { trees.file_in(folder, IGNORE_REVS_FILE)? };
    let rates = match rates.map(|path| path.rsplit_once('/').unwrap_or(("", path))) {
        Some((folders, name)) => match trees.folder_at(folder, folders)? {
            Some(folder) => trees.file_in(folder, name)?,
            None => None,
        },
        None => None,
    };
    Ok(Some(Files { pipeline, ignore: (of_root, of_folder), rates }))
}
