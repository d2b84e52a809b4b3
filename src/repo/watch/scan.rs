//! What of a pipeline and its repository is watched, which events are worth a look, and whether anything changed.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, Metadata};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use notify::EventKind;

use crate::format::pipeline::PLACEHOLDER;
use crate::repo::discover::{Home, is_pipeline, is_repository};

/// Names in the git folder of a work tree that say which commit is checked out and whether something is half done.
const OF_WORK_TREE: [&str; 8] = [
    "HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_LOG",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];

/// Names in the git folder that all work trees share that say where branches are.
const OF_REPOSITORY: [&str; 3] = ["packed-refs", "refs", "shallow"];

/// The files and folders that matter.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    root: PathBuf,
    /// The git folder of the work tree and the one that all work trees share.
    git: Option<(PathBuf, PathBuf)>,
    /// The folders in which branches are kept, and HEAD where it is no file of its own.
    refs: Vec<PathBuf>,
    /// Our own files, which must never wake us.
    own: Vec<PathBuf>,
}

/// What files looked like: equal when nothing changed in between.
pub(super) type Print = u64;

impl Ground {
    pub(super) fn new(home: &Home, own: Vec<PathBuf>) -> Self {
        let git = home.repo.as_ref().map(|place| (place.git_dir.clone(), place.common_dir.clone()));
        let refs = git.iter().flat_map(|(own, common)| refs(own, common)).collect();
        Ground { root: home.root.clone(), git, refs, own }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The folders that a watch of whole trees is set on: the pipeline's, and the one of the branches.
    pub(super) fn trees(&self) -> Vec<PathBuf> {
        std::iter::once(self.root.clone()).chain(self.refs.iter().cloned()).collect()
    }

    /// The git folders, which are watched without what lies in their folders.
    pub(super) fn git_folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> =
            self.git.iter().flat_map(|(own, common)| [own.clone(), common.clone()]).collect();
        folders.dedup();
        folders
    }

    /// Looks at everything without reading any file. `enter` is told of every folder before its entries are listed,
    /// so that a watch that is set there misses nothing that comes after the list.
    pub(super) fn scan(&self, enter: &mut dyn FnMut(&Path)) -> Print {
        let mut print = 0;
        let of_pipeline =
            |name: &str, path: &Path| !name.starts_with('.') && !is_pipeline(path) && !is_repository(path);
        self.tree(&self.root, &of_pipeline, enter, &mut print);
        if let Some((own, common)) = &self.git {
            for folder in self.git_folders() {
                enter(&folder);
            }
            for path in OF_WORK_TREE.iter().map(|n| own.join(n)).chain(OF_REPOSITORY.iter().map(|n| common.join(n))) {
                if let Ok(metadata) = path.symlink_metadata() {
                    add(&mut print, &path, &metadata);
                }
            }
            for folder in &self.refs {
                self.tree(folder, &|_, _| true, enter, &mut print);
            }
        }
        print
    }

    fn tree(&self, top: &Path, descend: &dyn Fn(&str, &Path) -> bool, enter: &mut dyn FnMut(&Path), print: &mut Print) {
        let mut folders = vec![top.to_owned()];
        while let Some(folder) = folders.pop() {
            enter(&folder);
            let listed = match fs::read_dir(&folder) {
                Ok(listed) => listed,
                Err(error) => {
                    // That a folder cannot be listed is part of the picture; reading says why.
                    add_hash(print, &(&folder, error.raw_os_error()));
                    continue;
                }
            };
            for item in listed.flatten() {
                let path = item.path();
                let name = item.file_name();
                let name = name.to_string_lossy();
                if !self.is_worth_a_look(&path) {
                    continue;
                }
                let Ok(metadata) = path.symlink_metadata() else { continue };
                add(print, &path, &metadata);
                if metadata.is_dir() && descend(&name, &path) {
                    folders.push(path);
                }
            }
        }
    }

    /// Whether an event is a reason to look. Reading files makes events of its own, so those are none.
    pub(super) fn concerns(&self, event: &notify::Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        !matches!(event.kind, EventKind::Access(_))
            && (event.paths.is_empty() || event.paths.iter().any(|p| self.is_worth_a_look(p)))
    }

    fn is_worth_a_look(&self, path: &Path) -> bool {
        if path == self.root {
            return true;
        }
        let name = path.file_name().map(|n| n.to_string_lossy()).unwrap_or_default();
        if self.own.iter().any(|own| own == path) {
            return false;
        }
        if let Some((own, common)) = &self.git {
            if self.refs.iter().any(|folder| path.starts_with(folder)) {
                return !name.ends_with(".lock");
            }
            if path.starts_with(own) || path.starts_with(common) {
                let is_in = |folder: &Path, names: &[&str]| {
                    names.iter().any(|n| *n == name) && path.parent().is_some_and(|parent| parent == folder)
                };
                return is_in(own, &OF_WORK_TREE) || is_in(common, &OF_REPOSITORY);
            }
        }
        // Hidden files are no part of a pipeline: an editor's swap files, and files on their way to their name.
        name == PLACEHOLDER || !name.starts_with('.')
    }
}

/// The folders of the branches: of a linked work tree with reftables also the one of its own HEAD.
fn refs(own: &Path, common: &Path) -> Vec<PathBuf> {
    let mut tables = vec![common.join("reftable"), own.join("reftable")];
    tables.dedup();
    tables.retain(|folder| folder.is_dir());
    if tables.is_empty() { vec![common.join("refs").join("heads")] } else { tables }
}

/// Adds an entry. The sum does not depend on the order in which a folder lists its entries.
fn add(print: &mut Print, path: &Path, metadata: &Metadata) {
    // A folder's own times and size change with every temporary file in it and say nothing that its entries do not.
    let of_file = (!metadata.is_dir()).then(|| (metadata.len(), metadata.modified().ok()));
    add_hash(print, &(path, metadata.file_type(), of_file, on_disk(metadata)));
}

fn add_hash(print: &mut Print, what: &impl Hash) {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    *print = print.wrapping_add(hasher.finish());
}

/// Number of the file, and when it was last changed in any way; the latter not for folders. A file that is replaced by
/// one of the same length and time is another file.
#[cfg(unix)]
fn on_disk(metadata: &Metadata) -> (u64, u64, Option<(i64, i64)>) {
    use std::os::unix::fs::MetadataExt;
    let changed = (!metadata.is_dir()).then(|| (metadata.ctime(), metadata.ctime_nsec()));
    (metadata.dev(), metadata.ino(), changed)
}

#[cfg(not(unix))]
fn on_disk(_: &Metadata) {}

/// What tells a folder from another one that took its name.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);
#[cfg(not(unix))]
pub(super) type Identity = Option<std::time::SystemTime>;

/// The identity of a folder; `None` when there is none.
pub(super) fn identity(folder: &Path) -> Option<Identity> {
    let metadata = folder.symlink_metadata().ok().filter(Metadata::is_dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    Some(metadata.created().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, Flag, ModifyKind};

    fn ground(root: &Path) -> Ground {
        let git = root.join(".git");
        let refs = refs(&git, &git);
        let own = vec![root.join("reports/now.md")];
        Ground { root: root.to_owned(), git: Some((git.clone(), git)), refs, own }
    }

    fn event(kind: EventKind, path: &str) -> notify::Event {
        notify::Event::new(kind).add_path(Path::new("/r").join(path))
    }

    #[test]
    fn only_what_matters_is_a_reason_to_look() {
        let ground = ground(Path::new("/r"));
        let changed = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let concerns = |path: &str| ground.concerns(&event(changed, path));
        for path in
            ["brief/x.yaml", "pipeline.yaml", "brief/.gitkeep", ".git/HEAD", ".git/packed-refs", ".git/rebase-merge"]
        {
            assert!(concerns(path), "{path}");
        }
        assert!(concerns(".git/refs/heads/feature/x") && concerns(""));
        for path in [
            "reports/now.md",
            "reports/.own-1a2b",
            "brief/.x.yaml.swp",
            ".git/index",
            ".git/index.lock",
            ".git/HEAD.lock",
            ".git/refs/heads/main.lock",
            ".git/objects/ab/cd",
            ".git/logs/HEAD",
        ] {
            assert!(!concerns(path), "{path}");
        }
    }

    #[test]
    fn reading_is_no_reason_to_look_and_a_lost_event_is_one() {
        let ground = ground(Path::new("/r"));
        let access = EventKind::Access(AccessKind::Open(AccessMode::Any));
        assert!(!ground.concerns(&event(access, "brief/x.yaml")));
        assert!(ground.concerns(&notify::Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        // An atomic save gives both names; one that matters is enough.
        let both = event(EventKind::Create(CreateKind::Any), "brief/.tmp").add_path("/r/brief/x.yaml".into());
        assert!(ground.concerns(&both));
    }

    #[test]
    fn every_change_of_a_file_shows_and_our_own_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["brief", "reports", "inner", ".git/refs/heads", ".git/objects"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (file, text) in
            [("pipeline.yaml", "a"), ("inner/pipeline.yaml", "b"), ("brief/x.yaml", "1"), (".git/HEAD", "h")]
        {
            fs::write(root.join(file), text).unwrap();
        }
        let ground = ground(&root);
        let mut print = ground.scan(&mut |_| ());
        let mut changed = |why: &str, expected: bool| {
            let now = ground.scan(&mut |_| ());
            assert_eq!(now != print, expected, "{why}");
            print = now;
        };
        changed("nothing", false);
        fs::write(root.join("brief/x.yaml"), "22").unwrap();
        changed("another text", true);
        fs::write(root.join("brief/.new"), "33").unwrap();
        changed("a hidden file", false);
        fs::rename(root.join("brief/.new"), root.join("brief/x.yaml")).unwrap();
        changed("another file of the same length", true);
        fs::write(root.join("reports/.own-1"), "report").unwrap();
        changed("our temporary file", false);
        fs::rename(root.join("reports/.own-1"), root.join("reports/now.md")).unwrap();
        changed("our report", false);
        fs::write(root.join(".git/objects/x"), "").unwrap();
        fs::write(root.join(".git/index"), "").unwrap();
        fs::write(root.join("inner/y.yaml"), "").unwrap();
        changed("git's own affairs and another pipeline", false);
        fs::write(root.join(".git/refs/heads/main"), "1").unwrap();
        changed("a branch", true);
        fs::create_dir(root.join(".git/rebase-merge")).unwrap();
        changed("a rebase", true);
        fs::create_dir(root.join("proposal")).unwrap();
        changed("a folder", true);
        fs::remove_file(root.join("brief/x.yaml")).unwrap();
        changed("a file less", true);
    }

    #[test]
    fn folders_are_entered_before_they_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("brief")).unwrap();
        let mut entered = Vec::new();
        Ground { git: None, ..ground(&root) }.scan(&mut |folder| {
            if folder.ends_with("brief") {
                fs::create_dir_all(folder.join("made/meanwhile")).unwrap();
            }
            entered.push(folder.strip_prefix(&root).unwrap().to_owned());
        });
        assert_eq!(entered, ["", "brief", "brief/made", "brief/made/meanwhile"].map(PathBuf::from));
    }
}
