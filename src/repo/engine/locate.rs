//! Which repository a folder lies in, and whether it may be opened.

use std::path::{Path, PathBuf};

use crate::repo::discover::{GitPlace, is_repository};
use crate::repo::error::RepoError;
use crate::repo::git::{Git, GitError};

/// The bytes of a SHA-1 id.
const SHA1: usize = 20;
/// The bytes of a SHA-256 id.
const SHA256: usize = 32;

/// The repository that a folder lies in; `None` where there is none. The `git` program is only asked where libgit2
/// cannot open it, or where it is bare.
///
/// # Errors
/// When there is one that cannot be opened, or may not be.
pub(in crate::repo) fn repository_around(start: &Path) -> Result<Option<GitPlace>, RepoError> {
    let from_env = std::env::var_os("GIT_DIR").is_some_and(|v| !v.is_empty());
    let opened = if from_env {
        git2::Repository::open_from_env()
    } else {
        git2::Repository::open_ext(start, git2::RepositoryOpenFlags::empty(), ceilings())
    };
    let found = match opened {
        Ok(repo) => Seen {
            git_dir: repo.path().to_owned(),
            common_dir: repo.commondir().to_owned(),
            workdir: repo.workdir().map(Path::to_owned),
            id_len: SHA1,
            by_program: false,
        },
        Err(e) if e.code() == git2::ErrorCode::NotFound && !from_env => return Ok(None),
        Err(e) if e.code() == git2::ErrorCode::NotFound => return Err(cannot_open(start, &e)),
        // Also where it belongs to somebody else: git knows more places in which it can be called safe.
        Err(e) => by_program(start, from_env, &e)?,
    };
    let real = |path: &Path| path.canonicalize().map_err(RepoError::io(path));
    // libgit2 takes it for relative to the git folder, and only looks at it where the git folder is given too.
    let workdir_from_env = std::env::var_os("GIT_WORK_TREE").filter(|v| !v.is_empty());
    let workdir = match &workdir_from_env {
        Some(path) => Some(real(Path::new(path))?),
        None => found.workdir.as_deref().map(real).transpose()?,
    };
    let index_from_env = std::env::var_os("GIT_INDEX_FILE").filter(|v| !v.is_empty()).map(|file| {
        // git's own hooks get it relative to the top of the work tree.
        workdir.clone().unwrap_or_else(|| start.to_owned()).join(file)
    });
    let place = GitPlace {
        git_dir: real(&found.git_dir)?,
        common_dir: real(&found.common_dir)?,
        workdir,
        from_env: from_env || workdir_from_env.is_some(),
        index_from_env,
        id_len: found.id_len,
        by_program: found.by_program,
    };
    if place.workdir.is_none() && !place.from_env {
        bare_is_welcome(&place)?;
    }
    Ok(Some(place))
}

/// What was found, its paths as they were told.
struct Seen {
    git_dir: PathBuf,
    common_dir: PathBuf,
    workdir: Option<PathBuf>,
    id_len: usize,
    by_program: bool,
}

/// The same through the `git` program; `refused` is why libgit2 could not.
fn by_program(start: &Path, from_env: bool, refused: &git2::Error) -> Result<Seen, RepoError> {
    let refuse = |reason: String| RepoError::CannotOpen { path: top_of(start).display().to_string(), reason };
    // A relative GIT_DIR is meant from the folder in which tussock was started.
    let folder = if from_env { std::env::current_dir().map_err(RepoError::io(start))? } else { start.to_owned() };
    let git = match Git::in_folder(&folder) {
        Ok(git) => git,
        Err(GitError::Missing) if refused.code() == git2::ErrorCode::Owner => return Err(cannot_open(start, refused)),
        Err(GitError::Missing) => {
            return Err(refuse(format!(
                "{}; only the program `git` can read that, and there is none on PATH",
                plainly(refused.message())
            )));
        }
        Err(e) => return Err(e.into()),
    };
    let ask = |args: &[&str]| -> Result<Vec<String>, RepoError> {
        let ran = git.command("rev-parse").reading().args(["--path-format=absolute"]).args(args).run()?;
        if !ran.ok {
            return Err(refuse(said(&ran.err, start)));
        }
        let text = String::from_utf8(ran.out).map_err(|_| refuse("its path is not UTF-8".to_owned()))?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() == args.len() { Ok(lines) } else { Err(refuse("its path has a line break".to_owned())) }
    };
    let wanted =
        ["--git-dir", "--git-common-dir", "--show-object-format", "--is-bare-repository", "--is-inside-work-tree"];
    let lines = ask(&wanted)?;
    let [git_dir, common_dir, format, bare, inside] = lines.as_slice() else {
        return Err(refuse("git does not say where it is".to_owned()));
    };
    let git_dir = PathBuf::from(git_dir);
    let workdir = if inside == "true" {
        ask(&["--show-toplevel"])?.into_iter().next().map(PathBuf::from)
    } else if bare == "true" {
        None
    } else {
        Some(beside(&git_dir).ok_or_else(|| refuse("its work tree is elsewhere; go there".to_owned()))?)
    };
    let id_len = match format.as_str() {
        "sha1" => SHA1,
        "sha256" => SHA256,
        other => return Err(refuse(format!("it names objects by {other}, which tussock does not know"))),
    };
    Ok(Seen { git_dir, common_dir: PathBuf::from(common_dir), workdir, id_len, by_program: true })
}

/// The work tree of a git folder in which tussock was started.
fn beside(git_dir: &Path) -> Option<PathBuf> {
    if git_dir.file_name()? == ".git" {
        return git_dir.parent().map(Path::to_owned);
    }
    // A linked work tree names the file in it that leads here.
    let link = std::fs::read_to_string(git_dir.join("gitdir")).ok()?;
    git_dir.join(link.trim_end()).parent().map(Path::to_owned)
}

/// Makes sure that a bare repository that was come upon is meant to be used: one inside a work tree may have come with
/// a clone, its configuration and all.
fn bare_is_welcome(place: &GitPlace) -> Result<(), RepoError> {
    let folder = &place.git_dir;
    if folder.file_name().is_some_and(|name| name == ".git") {
        return Ok(());
    }
    let refuse = |reason: String| RepoError::CannotOpen { path: folder.display().to_string(), reason };
    let explicit = || format!("if you trust it, say so with `GIT_DIR={}`", folder.display());
    let ceilings = ceilings();
    let above = folder.ancestors().skip(1).take_while(|f| !ceilings.iter().any(|c| c == f));
    for outer in above {
        let git = outer.join(".git");
        if git.symlink_metadata().is_ok() && !folder.starts_with(&git) {
            let outer = outer.display();
            return Err(refuse(format!(
                "it is a bare repository inside the work tree of {outer} and may have come with it; {}",
                explicit()
            )));
        }
    }
    let barred = match Git::at(place) {
        Ok(git) => {
            let ran = git.command("rev-parse").reading().args(["--git-dir"]).run()?;
            !ran.ok && ran.err.contains("safe.bareRepository")
        }
        Err(_) => {
            let config = git2::Config::open_default().and_then(|config| config.get_string("safe.barerepository"));
            config.is_ok_and(|value| value == "explicit")
        }
    };
    if barred {
        return Err(refuse(format!("it is bare, and safe.bareRepository is `explicit`; {}", explicit())));
    }
    Ok(())
}

/// The folders that git does not look above (`GIT_CEILING_DIRECTORIES`).
fn ceilings() -> Vec<PathBuf> {
    let list = std::env::var_os("GIT_CEILING_DIRECTORIES").unwrap_or_default();
    std::env::split_paths(&list).filter(|p| p.is_absolute()).collect()
}

/// The top of the repository around a folder, as far as the names of files tell.
fn top_of(start: &Path) -> &Path {
    let top = |folder: &&Path| folder.join(".git").symlink_metadata().is_ok() || is_repository(folder);
    start.ancestors().find(top).unwrap_or(start)
}

/// Why libgit2 does not open a repository.
pub(super) fn cannot_open(path: &Path, e: &git2::Error) -> RepoError {
    let top = top_of(path);
    let reason = match e.code() {
        git2::ErrorCode::Owner => belongs_to_another(top),
        _ => plainly(e.message()),
    };
    RepoError::CannotOpen { path: top.display().to_string(), reason }
}

fn belongs_to_another(top: &Path) -> String {
    format!(
        "it belongs to somebody else; if you trust it, run `git config --global --add safe.directory {}`",
        top.display()
    )
}

/// What the `git` program says against opening a repository, in plainer words where there are some.
fn said(complaint: &str, start: &Path) -> String {
    if complaint.contains("dubious ownership") {
        return belongs_to_another(top_of(start));
    }
    let words: Vec<&str> = complaint.split_whitespace().collect();
    let text = words.join(" ");
    let text = text.strip_prefix("fatal: ").unwrap_or(&text);
    match text.split_once("unknown repository extension found: ").or(text.split_once("extensions found: ")) {
        Some((_, names)) => unknown_extension(names),
        None => format!("git says: {text}"),
    }
}

fn unknown_extension(name: &str) -> String {
    format!("it needs what neither this git nor tussock knows (extensions.{name}); a newer git may")
}

/// What libgit2 says, in plainer words where there are some.
fn plainly(words: &str) -> String {
    if words.contains("sha256") || words.contains("unknown object format") {
        return "it uses SHA-256 object names".to_owned();
    }
    match words.split_once("unsupported extension name extensions.") {
        Some((_, "refstorage")) => "it keeps its refs in reftables".to_owned(),
        Some((_, name)) => format!("it needs what libgit2 does not know (extensions.{name})"),
        None => words.to_owned(),
    }
}
