//! `.tussock-ignore-revs`: commits that tidied up and tell nothing about how long anything took.

use std::collections::HashSet;

use twox_hash::XxHash3_64;

use super::trees::Trees;
use crate::repo::objects::{ObjectError, ObjectId};

/// The name of the file, at the root of the repository or in the pipeline's folder.
pub const IGNORE_REVS_FILE: &str = ".tussock-ignore-revs";

/// The fewest hexadecimal digits that name a commit.
const SHORTEST: usize = 7;

/// The commits that are left out of durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IgnoreRevs {
    full: HashSet<ObjectId>,
    short: Vec<String>,
    /// Lines that name no commit.
    pub(super) bad_lines: Vec<String>,
    /// A number for the texts that were read.
    said: u64,
}

impl IgnoreRevs {
    /// The lists in a root tree and in the pipeline's folder there.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(super) fn read(trees: &mut Trees, root: ObjectId, folder: Option<ObjectId>) -> Result<Self, ObjectError> {
        let mut ignore = IgnoreRevs::default();
        for folder in [Some(root), folder.filter(|folder| *folder != root)].into_iter().flatten() {
            if let Some(text) = trees.text_in(folder, IGNORE_REVS_FILE)? {
                ignore.add(&text);
            }
        }
        Ok(ignore)
    }

    /// A number that is another one, as good as certainly, where other texts were read.
    pub(super) fn said(&self) -> u64 {
        self.said
    }

    /// Adds the lines of a file: full or abbreviated ids, `#` begins a comment.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.said = XxHash3_64::oneshot_with_seed(self.said.wrapping_add(1), text);
        for line in String::from_utf8_lossy(text).lines() {
            let word = line.split('#').next().unwrap_or_default().trim().trim_start_matches('\u{feff}');
            if word.is_empty() {
                continue;
            }
            match ObjectId::from_hex(word) {
                Some(id) => {
                    self.full.insert(id);
                }
                None if (SHORTEST..64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    self.short.push(word.to_ascii_lowercase());
                }
                None => self.bad_lines.push(word.to_owned()),
            }
        }
    }

    /// Whether no commit is listed.
    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.short.is_empty()
    }

    /// Whether a commit is listed.
    pub(super) fn holds(&self, id: ObjectId) -> bool {
        if self.full.contains(&id) {
            return true;
        }
        !self.short.is_empty() && {
            let hex = id.to_string();
            self.short.iter().any(|short| hex.starts_with(short))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_abbreviated_ids_are_taken_and_comments_left() {
        let id = ObjectId::from_hex("4b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap();
        let other = ObjectId::from_hex("5b825dc642cb6eb9a060e54bf8d69288fbee4904").unwrap();
        let mut revs = IgnoreRevs::default();
        revs.add(b"# clean-up of 2026\n\n4B825DC642  # by olga\nnot a commit\n4b8\n");
        assert!(revs.holds(id));
        assert!(!revs.holds(other));
        assert_eq!(revs.bad_lines, ["not a commit", "4b8"]);
        revs.add(b"5b825dc642cb6eb9a060e54bf8d69288fbee4904\r\n");
        assert!(revs.holds(other));
    }
}
