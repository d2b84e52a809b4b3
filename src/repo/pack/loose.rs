//! Objects in files of their own.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::inflate::{Inflater, LARGEST};
use super::open::kind_named;
use crate::repo::engine::Kind;
use crate::repo::objects::ObjectId;

/// The longest that `commit 134217728` and its zero byte are.
const LONGEST_HEADER: usize = 32;

/// Where an object of its own would lie below a folder of objects.
fn path(objects: &Path, id: ObjectId) -> PathBuf {
    let name = id.to_string();
    let (folder, file) = name.split_at_checked(2).unwrap_or(("", &name));
    objects.join(folder).join(file)
}

/// Reads an object that lies in a file of its own; `None` where there is none.
///
/// # Errors
/// [`Fault::Damaged`] where its header says another size, [`Fault::Elsewhere`] where it is of another kind or form, too
/// large (more than `most` bytes), or cannot be read.
pub(super) fn read(
    objects: &Path,
    id: ObjectId,
    most: usize,
    inflater: &mut Inflater,
) -> Result<Option<(Kind, Vec<u8>)>, Fault> {
    let file = match File::open(path(objects, id)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut packed = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut packed)?;
    if packed.len() > LARGEST {
        return Err(Fault::Elsewhere);
    }
    let mut bytes = inflater.whole(&packed, most.saturating_add(LONGEST_HEADER))?;
    let head = bytes.get(..LONGEST_HEADER.min(bytes.len())).unwrap_or_default();
    let end = head.iter().position(|byte| *byte == 0).ok_or(Fault::Elsewhere)?;
    let head = std::str::from_utf8(head.get(..end).unwrap_or_default()).map_err(|_| Fault::Elsewhere)?;
    let (kind, size) = head.split_once(' ').ok_or(Fault::Elsewhere)?;
    let kind = kind_named(kind).ok_or(Fault::Elsewhere)?;
    if size.parse() != Ok(bytes.len() - end - 1) {
        return Err(Fault::Damaged("it has another size than it says"));
    }
    bytes.drain(..=end);
    if bytes.len() > most {
        return Err(Fault::Elsewhere);
    }
    Ok(Some((kind, bytes)))
}
