//! Where the pipeline is, and the repository around it.

use std::path::{Component, Path, PathBuf};

use super::engine::Repository;
use super::engine::locate::repository_around;
use super::error::RepoError;
pub use super::folders::FOLDERS;
use super::folders::Folders;
use super::objects::{ObjectError, ObjectId};
use crate::format::pipeline::PIPELINE_FILE;

/// How deep below the repository's root pipelines are looked for.
const MAX_DEPTH: usize = 32;

/// The git repository around a pipeline.
#[derive(Clone, Debug)]
pub struct GitPlace {
    /// The top of the work tree; `None` in a bare repository.
    pub workdir: Option<PathBuf>,
    /// The git folder of this work tree.
    pub git_dir: PathBuf,
    /// The git folder that all linked work trees share; the same as `git_dir` in most repositories.
    pub common_dir: PathBuf,
    /// Whether `GIT_DIR` chose the repository, or `GIT_WORK_TREE` its work tree.
    pub from_env: bool,
    /// The index that `GIT_INDEX_FILE` names, absolute.
    pub index_from_env: Option<PathBuf>,
    /// How many bytes the ids of its objects have: 20 (SHA-1) or 32 (SHA-256).
    pub id_len: usize,
    /// Whether only the `git` program can read it.
    pub by_program: bool,
}

impl GitPlace {
    /// Opens the repository anew, so that nothing is remembered from an earlier look.
    ///
    /// # Errors
    /// When it cannot be opened (any more).
    pub fn open(&self) -> Result<Repository, RepoError> {
        Repository::open(self)
    }

    /// The folder of what tussock keeps for itself, for all work trees. It may not be there yet.
    pub fn own_folder(&self) -> PathBuf {
        self.common_dir.join("tussock")
    }

    /// Whether there is a list of commits whose parents the clone does not have. Opens nothing.
    pub fn may_be_shallow(&self) -> bool {
        self.common_dir.join("shallow").symlink_metadata().is_ok()
    }

    /// The file of the user's index.
    pub fn index_file(&self) -> PathBuf {
        self.index_from_env.clone().unwrap_or_else(|| self.git_dir.join("index"))
    }
}

/// A pipeline and where it lies.
#[derive(Clone, Debug)]
pub struct Home {
    /// The pipeline's folder, absolute. In a bare repository the git folder, and nothing is read from it.
    pub root: PathBuf,
    /// The repository; `None` in a plain folder.
    pub repo: Option<GitPlace>,
    /// The pipeline's folder below the repository's root, parts joined with `/`; empty at the root.
    pub prefix: String,
}

impl Home {
    /// A pipeline that is to be made in an existing folder, whether or not it holds a `pipeline.yaml` already.
    ///
    /// # Errors
    /// When the folder does not exist or its repository cannot be opened.
    pub fn at(folder: &Path) -> Result<Home, RepoError> {
        let root = folder.canonicalize().map_err(RepoError::io(folder))?;
        let repo = repository_around(&root)?;
        let prefix = match repo.as_ref().and_then(|r| r.workdir.as_ref()) {
            Some(workdir) => below(workdir, &root).ok_or_else(|| outside(&root, workdir))?,
            None => String::new(),
        };
        Ok(Home { root, repo, prefix })
    }

    /// The path below the repository's root of a path below the pipeline's folder.
    pub fn in_repository(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// The path below the pipeline's folder of a path below the repository's root; `None` where it lies elsewhere.
    pub fn in_pipeline<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() { Some(path) } else { path.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }

    /// The repository.
    ///
    /// # Errors
    /// When the pipeline lies in none.
    pub fn place(&self) -> Result<&GitPlace, RepoError> {
        self.repo.as_ref().ok_or_else(|| RepoError::NoRepository { path: self.root.display().to_string() })
    }
}

/// Finds the pipeline: the first folder with a `pipeline.yaml` from `start` upwards, not beyond the repository's root;
/// failing that, the only one below the repository's root (below `start` where there is no repository). A `name`
/// chooses among all of them: a path below the repository's root, or the name of the folder.
///
/// Folders whose name begins with a dot, links, submodules and nested repositories are not entered.
///
/// # Errors
/// None or several found, or a repository that cannot be opened.
pub fn find(start: &Path, name: Option<&str>) -> Result<Home, RepoError> {
    let start = start.canonicalize().map_err(RepoError::io(start))?;
    let repo = repository_around(&start)?;
    let Some(workdir) = repo.as_ref().map(|r| r.workdir.clone()) else {
        return find_in_plain_folders(&start, name);
    };
    let Some(workdir) = workdir else { return find_in_bare(repo, name) };
    if !start.starts_with(&workdir) && name.is_none() && repo.as_ref().is_some_and(|r| !r.from_env) {
        // Inside the git folder: as if from the top.
        let found = search(&workdir, kept(&repo).as_deref())?;
        return choose(&workdir, repo, found, None, &start);
    }
    if name.is_none()
        && let Some(root) =
            start.ancestors().take_while(|f| f.starts_with(&workdir)).find(|f| is_pipeline(f)).map(Path::to_owned)
    {
        let prefix = below(&workdir, &root).ok_or_else(|| outside(&root, &workdir))?;
        return Ok(Home { root, repo, prefix });
    }
    let found = search(&workdir, kept(&repo).as_deref())?;
    choose(&workdir, repo, found, name, &start)
}

/// Where what was listed is kept: each work tree has its own.
fn kept(repo: &Option<GitPlace>) -> Option<PathBuf> {
    repo.as_ref().map(|place| place.git_dir.join("tussock"))
}

/// All pipelines at or below a folder, by their paths; where there is none, the one around it, as [`find`] finds it. In a
/// bare repository those of HEAD.
///
/// # Errors
/// None found, or a repository that cannot be opened.
pub fn find_all(start: &Path) -> Result<Vec<Home>, RepoError> {
    let start = start.canonicalize().map_err(RepoError::io(start))?;
    let repo = repository_around(&start)?;
    let homes = match &repo {
        Some(place @ GitPlace { workdir: None, .. }) => {
            let home = |prefix| Home { root: place.git_dir.clone(), repo: repo.clone(), prefix };
            search_bare(place)?.into_iter().map(home).collect()
        }
        _ => {
            let top = repo.as_ref().and_then(|place| place.workdir.clone());
            let base = top.as_ref().filter(|top| !start.starts_with(top)).unwrap_or(&start);
            let home = |path: String| {
                let root = if path.is_empty() { base.clone() } else { base.join(path) };
                let prefix = match &top {
                    Some(top) => below(top, &root).ok_or_else(|| outside(&root, top))?,
                    None => String::new(),
                };
                Ok(Home { root, repo: repo.clone(), prefix })
            };
            // What is kept is the list of the whole work tree.
            let kept = kept(&repo).filter(|_| top.as_ref() == Some(base));
            search(base, kept.as_deref())?.into_iter().map(home).collect::<Result<Vec<_>, RepoError>>()?
        }
    };
    if homes.is_empty() { find(&start, None).map(|home| vec![home]) } else { Ok(homes) }
}

fn find_in_plain_folders(start: &Path, name: Option<&str>) -> Result<Home, RepoError> {
    let above = start.ancestors().find(|f| is_pipeline(f)).map(Path::to_owned);
    match (above, name) {
        (Some(root), None) => Ok(Home { root, repo: None, prefix: String::new() }),
        (above, _) => {
            // A neighbour of the pipeline that we stand in can be named too.
            let base = above.as_deref().and_then(Path::parent).unwrap_or(start).to_owned();
            let home = choose(&base, None, search(&base, None)?, name, start)?;
            Ok(Home { prefix: String::new(), ..home })
        }
    }
}

fn find_in_bare(repo: Option<GitPlace>, name: Option<&str>) -> Result<Home, RepoError> {
    let Some(place) = repo else { return Err(RepoError::NoPipeline { start: ".".into(), in_repository: true }) };
    let git_dir = place.git_dir.clone();
    let found = search_bare(&place)?;
    let home = choose(Path::new(""), Some(place), found, name, &git_dir)?;
    Ok(Home { root: git_dir, ..home })
}

/// All pipelines of the commit that a bare repository has checked out, as paths, sorted.
fn search_bare(place: &GitPlace) -> Result<Vec<String>, RepoError> {
    let mut found = Vec::new();
    let opened = place.open()?;
    if let Some(commit) = opened.head()?.commit {
        let reading = || RepoError::object("look for pipelines in HEAD");
        let root = opened.commit(commit).map_err(reading())?.tree;
        pipelines_in(&opened, root, "", 0, &mut found).map_err(reading())?;
    }
    found.sort();
    Ok(found)
}

/// Adds the folders of a tree that hold a `pipeline.yaml`. Folders whose name begins with a dot are not entered.
fn pipelines_in(
    repo: &Repository,
    tree: ObjectId,
    path: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), ObjectError> {
    for (name, mode, id) in repo.folder(tree)? {
        let kind = mode & 0o170_000;
        if name == PIPELINE_FILE.as_bytes() && kind == 0o100_000 {
            found.push(path.to_owned());
        }
        // A name that is not UTF-8 cannot be given to -p either.
        let Some(name) = std::str::from_utf8(&name).ok().filter(|n| kind == 0o040_000 && !n.starts_with('.')) else {
            continue;
        };
        if depth < MAX_DEPTH {
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            pipelines_in(repo, id, &below, depth + 1, found)?;
        }
    }
    Ok(())
}

/// Picks one of the pipelines found below `base`.
fn choose(
    base: &Path,
    repo: Option<GitPlace>,
    found: Vec<String>,
    name: Option<&str>,
    start: &Path,
) -> Result<Home, RepoError> {
    let shown = |prefixes: &[String]| prefixes.iter().map(|p| if p.is_empty() { "." } else { p }.to_owned()).collect();
    let matching: Vec<String> = match name {
        None => found,
        Some(name) => {
            let wanted = name.trim_start_matches("./").trim_end_matches('/');
            let wanted = if wanted == "." { "" } else { wanted };
            let exact = found.iter().filter(|p| *p == wanted).cloned().collect::<Vec<_>>();
            let named = |p: &&String| last_name(base, p).is_some_and(|n| n == wanted);
            let matching = if exact.is_empty() { found.iter().filter(named).cloned().collect() } else { exact };
            if matching.is_empty() {
                return Err(RepoError::NoSuchPipeline { name: name.to_owned(), known: shown(&found) });
            }
            matching
        }
    };
    match matching.as_slice() {
        [] => Err(RepoError::NoPipeline { start: start.display().to_string(), in_repository: repo.is_some() }),
        [prefix] => {
            let root = if prefix.is_empty() { base.to_owned() } else { base.join(prefix) };
            Ok(Home { root, repo, prefix: prefix.clone() })
        }
        _ => Err(RepoError::SeveralPipelines { names: shown(&matching) }),
    }
}

/// The name of a pipeline's folder.
fn last_name(base: &Path, prefix: &str) -> Option<String> {
    let path = if prefix.is_empty() { base.to_owned() } else { PathBuf::from(prefix) };
    path.file_name().map(|n| n.to_string_lossy().into_owned())
}

/// All pipelines below `base`, as paths below it, sorted. Folders that cannot be listed are an error: the only
/// pipeline might be in one of them. What was listed is kept for the next time in the folder `kept`.
fn search(base: &Path, kept: Option<&Path>) -> Result<Vec<String>, RepoError> {
    let mut found = Vec::new();
    let mut listing = Folders::below(base, kept);
    let mut folders = vec![(base.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        if is_pipeline(&folder)
            && let Some(prefix) = below(base, &folder)
        {
            found.push(prefix);
        }
        if depth == MAX_DEPTH {
            continue;
        }
        for path in listing.inside(&folder).map_err(RepoError::io(&folder))? {
            if !is_repository(&path) {
                folders.push((path, depth + 1));
            }
        }
    }
    listing.keep();
    found.sort();
    Ok(found)
}

/// Whether a folder holds a `pipeline.yaml`. A link of that name counts, so that checks can say what is wrong with it.
pub(super) fn is_pipeline(folder: &Path) -> bool {
    folder.join(PIPELINE_FILE).symlink_metadata().is_ok_and(|m| !m.is_dir())
}

/// Whether a folder is the top of another repository, or itself a bare one.
pub(super) fn is_repository(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).symlink_metadata().is_ok();
    has(".git") || (has("HEAD") && has("objects") && has("refs"))
}

/// `path` below `base`, with `/` between the parts; `None` when it is elsewhere or not UTF-8.
fn below(base: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(base).ok()?;
    let parts: Option<Vec<&str>> = rest
        .components()
        .map(|c| match c {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    Some(parts?.join("/"))
}

fn outside(root: &Path, workdir: &Path) -> RepoError {
    RepoError::CannotOpen {
        path: workdir.display().to_string(),
        reason: format!("{} is not below it, or its name is not UTF-8", root.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn names_pick_by_path_before_folder_name() {
        let found = || vec!["a/sales".to_owned(), "b/sales".to_owned(), "sales".to_owned()];
        let pick = |name| choose(Path::new("/base"), None, found(), Some(name), Path::new("/base")).map(|h| h.prefix);
        assert_eq!(pick("sales").unwrap(), "sales");
        assert_eq!(pick("./a/sales/").unwrap(), "a/sales");
        assert_eq!(
            pick("hiring").unwrap_err().to_string(),
            "there is no pipeline called \"hiring\" here; there are: a/sales, b/sales, sales"
        );
        let two = choose(Path::new("/base"), None, found()[..2].to_vec(), Some("sales"), Path::new("/base"));
        assert_eq!(
            two.unwrap_err().to_string(),
            "there are several pipelines here (a/sales, b/sales); choose one with -p NAME"
        );
    }

    #[test]
    fn the_search_enters_no_dot_folders_and_no_other_repositories() {
        let dir = folder_with(&[
            "x/sales/pipeline.yaml",
            ".hidden/pipeline.yaml",
            "module/.git",
            "module/pipeline.yaml",
            "bare/HEAD",
            "bare/objects/x",
            "bare/refs/x",
            "bare/pipeline.yaml",
        ]);
        assert_eq!(search(dir.path(), None).unwrap(), ["x/sales"]);
    }

    #[test]
    fn paths_are_translated_between_repository_and_pipeline() {
        let home = Home { root: "/r/a/b".into(), repo: None, prefix: "a/b".into() };
        assert_eq!(home.in_repository("brief/x.yaml"), "a/b/brief/x.yaml");
        assert_eq!(home.in_pipeline("a/b/brief/x.yaml"), Some("brief/x.yaml"));
        assert_eq!(home.in_pipeline("a/bc/x.yaml"), None);
    }
}
