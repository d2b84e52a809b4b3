//! Where files come from, as the format sees it: a list of entries and their bytes. The work tree, the index and any
//! revision are sources; so is a map in a test.

use std::io;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A symbolic link, never followed.
    Symlink,
    /// A folder, listed so that an empty one is seen.
    Folder,
    /// Anything else: a device, a pipe, a submodule.
    Other,
}

/// One entry below the pipeline's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Path below the pipeline's folder, with `/` between the parts. Not UTF-8 on disk: the lossy form, and
    /// `utf8` is false.
    pub path: String,
    /// Whether `path` is the exact name.
    pub utf8: bool,
    /// What it is.
    pub kind: EntryKind,
}

/// A tree of files below one pipeline's folder.
pub trait Source: Sync {
    /// All entries below the pipeline's folder, sorted by path bytes. Does not enter folders whose name begins with a
    /// dot, nor folders that hold a `pipeline.yaml` of their own.
    ///
    /// # Errors
    /// When a folder cannot be listed: a partial list would be a smaller pipeline.
    fn entries(&self) -> io::Result<Vec<FileEntry>>;

    /// The bytes of a file, by its path below the pipeline's folder.
    ///
    /// # Errors
    /// When it cannot be read whole.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;

    /// As [`Source::read`], of a regular file that [`Source::entries`] has named a moment ago, so that the way to it need
    /// not be looked at again for each of thousands of files.
    ///
    /// # Errors
    /// When it cannot be read whole.
    fn read_listed(&self, path: &str) -> io::Result<Vec<u8>> {
        self.read(path)
    }

    /// What reads many files for one thread.
    fn files(&self) -> Box<dyn Files + '_> {
        Box::new(OneByOne(self))
    }

    /// Whether the repository has a regular file at this path, counted from the repository's root (from the pipeline's
    /// folder where there is no repository). Paths that leave the repository do not exist.
    fn repository_has(&self, path: &str) -> bool;

    /// How messages name a path below the pipeline's folder: from the current folder where that is known.
    fn display(&self, path: &str) -> String {
        path.to_owned()
    }
}

/// Where a file lies among the others of its source: in this order they are read fastest.
pub type Place = (u32, u64);

/// Reads files of a source, one after the other.
pub trait Files {
    /// Where a file lies; the same for all where each is as near as any other.
    fn place(&self, _path: &str) -> Place {
        (0, 0)
    }

    /// As [`Source::read_listed`], of a file that lies at this place.
    ///
    /// # Errors
    /// When it cannot be read whole.
    fn read(&mut self, path: &str, place: Place) -> io::Result<Vec<u8>>;
}

/// Files of which none is nearer than another.
struct OneByOne<'s, S: ?Sized>(&'s S);

impl<S: Source + ?Sized> Files for OneByOne<'_, S> {
    fn read(&mut self, path: &str, _: Place) -> io::Result<Vec<u8>> {
        self.0.read_listed(path)
    }
}
