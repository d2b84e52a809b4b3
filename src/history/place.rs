//! Where the pipeline lay at each commit: it is followed when its folder is moved as a whole.

use crate::repo::objects::{ObjectError, ObjectId, entries};

use super::trees::{Trees, bytes_of, join};

/// Folders deeper than this are not looked through.
const MAX_DEPTH: usize = 8;

/// The folder that the pipeline had at the oldest of these root trees (oldest first), when it lies in `today` at the
/// newest. Looks at few of the trees: between one where the pipeline is not yet at a place and one where it is, the
/// change is searched for by halving.
pub(super) fn oldest(trees: &mut Trees, roots: &[ObjectId], today: &str) -> Result<String, (usize, ObjectError)> {
    let mut place = today.to_owned();
    let Some(mut end) = roots.len().checked_sub(1) else { return Ok(place) };
    while end > 0 {
        if is_there(trees, roots[0], &place).map_err(|e| (0, e))?
            || !is_there(trees, roots[end], &place).map_err(|e| (end, e))?
        {
            break;
        }
        let (mut absent, mut there) = (0, end);
        while there - absent > 1 {
            let middle = absent + (there - absent) / 2;
            if is_there(trees, roots[middle], &place).map_err(|e| (middle, e))? {
                there = middle;
            } else {
                absent = middle;
            }
        }
        let found = trees.folder_at(roots[there], &place).and_then(|folder| match folder {
            Some(folder) => moved(trees, folder, roots[absent], roots[there]),
            None => Ok(None),
        });
        match found.map_err(|e| (there, e))? {
            Some(before) if before != place => {
                place = before;
                end = absent;
            }
            _ => break,
        }
    }
    Ok(place)
}

/// Whether a pipeline lies at a place.
pub(super) fn is_there(trees: &mut Trees, root: ObjectId, place: &str) -> Result<bool, ObjectError> {
    match trees.folder_at(root, place)? {
        Some(folder) => trees.is_pipeline(folder),
        None => Ok(false),
    }
}

/// The folder of `root` that is for the most part the same as the pipeline folder `like`, among those that are not the
/// same in the `other` root tree.
pub(super) fn moved(
    trees: &mut Trees,
    like: ObjectId,
    root: ObjectId,
    other: ObjectId,
) -> Result<Option<String>, ObjectError> {
    let mut best = None;
    search(trees, like, Some(root), Some(other), &mut String::new(), 0, &mut best)?;
    Ok(best.map(|(_, path)| path))
}

fn search(
    trees: &mut Trees,
    like: ObjectId,
    here: Option<ObjectId>,
    there: Option<ObjectId>,
    path: &mut String,
    depth: usize,
    best: &mut Option<(usize, String)>,
) -> Result<(), ObjectError> {
    let Some(here_id) = here.filter(|_| here != there && depth <= MAX_DEPTH) else { return Ok(()) };
    if let Some(score) = likeness(trees, like, here_id)?
        && best.as_ref().is_none_or(|(found, _)| score > *found)
    {
        *best = Some((score, path.clone()));
    }
    let here_raw = trees.raw(here_id)?;
    let there_raw = there.map(|id| trees.raw(id)).transpose()?;
    let mut below = Vec::new();
    join(&here_raw, bytes_of(there_raw.as_deref()), here_id.as_bytes().len(), |here, there| {
        if let Some(entry) = here.filter(|e| e.is_folder())
            && let Ok(name) = std::str::from_utf8(entry.name)
        {
            below.push((name.to_owned(), entry.id, there.filter(|e| e.is_folder()).map(|e| e.id)));
        }
    });
    for (name, here, there) in below {
        let len = path.len();
        if len > 0 {
            path.push('/');
        }
        path.push_str(&name);
        search(trees, like, Some(here), there, path, depth + 1, best)?;
        path.truncate(len);
    }
    Ok(())
}

/// How many entries two folders have in common; `None` where it is not most of either.
fn likeness(trees: &mut Trees, like: ObjectId, other: ObjectId) -> Result<Option<usize>, ObjectError> {
    if like == other {
        return Ok(Some(usize::MAX));
    }
    let (like_raw, other_raw) = (trees.raw(like)?, trees.raw(other)?);
    let id_len = like.as_bytes().len();
    let (like_len, other_len) = (entries(&like_raw, id_len).count(), entries(&other_raw, id_len).count());
    let mut only_like = 0;
    join(&like_raw, &other_raw, id_len, |like, _| only_like += usize::from(like.is_some()));
    let common = like_len.saturating_sub(only_like);
    Ok((common * 2 > like_len.min(other_len)).then_some(common))
}
