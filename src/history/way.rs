//! Where the pipeline lies as a walk goes on.

use crate::repo::objects::{ObjectError, ObjectId};

use super::place;
use super::trees::Trees;

/// Where the pipeline lies at a commit of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Its folder at the tip.
    today: String,
    /// Its folder now.
    place: String,
    root: Option<ObjectId>,
    /// The tree of its folder now; `None` where there is no such folder.
    folder: Option<ObjectId>,
    /// Whether a pipeline file lies there.
    is_there: bool,
}

impl Way {
    /// Before the first commit.
    pub(super) fn new(today: &str) -> Way {
        Way { today: today.to_owned(), place: today.to_owned(), root: None, folder: None, is_there: false }
    }

    /// At a commit that was walked before.
    pub(super) fn again(
        today: &str,
        place: String,
        root: Option<ObjectId>,
        folder: Option<ObjectId>,
        is_there: bool,
    ) -> Way {
        Way { today: today.to_owned(), place, root, folder, is_there }
    }

    /// The pipeline lay here at first.
    pub(super) fn begin_at(&mut self, place: String) {
        self.place = place;
    }

    pub(super) fn today(&self) -> &str {
        &self.today
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The root tree of the last commit.
    pub(super) fn root(&self) -> Option<ObjectId> {
        self.root
    }

    pub(super) fn folder(&self) -> Option<ObjectId> {
        self.folder
    }

    pub(super) fn is_there(&self) -> bool {
        self.is_there
    }

    /// Goes on to the next commit's root tree. `today` says what lies at today's place in it, where that was looked up.
    pub(super) fn follow(
        &mut self,
        trees: &mut Trees,
        root: ObjectId,
        today: Option<(Option<ObjectId>, bool)>,
    ) -> Result<(), ObjectError> {
        if self.root == Some(root) {
            return Ok(());
        }
        let was_there = self.is_there;
        let (folder, is_there) = match today.filter(|_| self.place == self.today) {
            Some(found) => found,
            None => {
                let folder = trees.folder_at(root, &self.place)?;
                let is_there = match folder {
                    Some(folder) if self.folder == Some(folder) => was_there,
                    Some(folder) => trees.is_pipeline(folder)?,
                    None => false,
                };
                (folder, is_there)
            }
        };
        if is_there {
            (self.root, self.folder, self.is_there) = (Some(root), folder, true);
            return Ok(());
        }
        let mut place = None;
        if let (true, Some(old), Some(old_root)) = (was_there, self.folder, self.root) {
            place = place::moved(trees, old, root, old_root)?;
        }
        if place.is_none() && self.place != self.today && place::is_there(trees, root, &self.today)? {
            place = Some(self.today.clone());
        }
        (self.root, self.folder, self.is_there) = (Some(root), folder, false);
        if let Some(place) = place {
            self.folder = trees.folder_at(root, &place)?;
            self.is_there = place::is_there(trees, root, &place)?;
            self.place = place;
        }
        Ok(())
    }
}
