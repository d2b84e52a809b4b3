//! Branches, HEAD and the names of commits.

use super::Repository;
use crate::repo::error::RepoError;
use crate::repo::git::{GitError, Ran};
use crate::repo::objects::ObjectId;

/// What HEAD is.
pub(in crate::repo) struct HeadRef {
    /// The full name of the branch; `None` when HEAD is a commit of its own.
    pub branch: Option<Vec<u8>>,
    /// The commit; `None` on a branch without commits.
    pub commit: Option<ObjectId>,
}

impl Repository {
    /// What is checked out.
    ///
    /// # Errors
    /// When HEAD cannot be read.
    pub(in crate::repo) fn head(&self) -> Result<HeadRef, RepoError> {
        let Some(library) = &self.library else { return self.head_by_program() };
        let head = library.find_reference("HEAD").map_err(RepoError::reading("read HEAD"))?;
        let branch = head.symbolic_target_bytes().map(<[u8]>::to_vec);
        let commit = match library.head() {
            // Not read here: libgit2 refuses commits that git itself takes.
            Ok(reference) => reference.target().map(object_id).transpose()?,
            Err(e) if e.code() == git2::ErrorCode::UnbornBranch => None,
            Err(e) => return Err(RepoError::reading("read HEAD")(e)),
        };
        Ok(HeadRef { branch, commit })
    }

    fn head_by_program(&self) -> Result<HeadRef, RepoError> {
        let git = self.git()?;
        let ran = git.command("symbolic-ref").reading().args(["--quiet", "HEAD"]).run()?;
        let branch = silent(ran, "git symbolic-ref")?.map(String::into_bytes);
        let ran = git.command("rev-parse").reading().args(["--verify", "--quiet", "HEAD"]).run()?;
        let commit = match silent(ran, "git rev-parse")? {
            Some(hex) => Some(id_of(&hex, "git rev-parse")?),
            None => None,
        };
        Ok(HeadRef { branch, commit })
    }

    /// The commit of a branch or another ref by its full name; `None` where there is no such ref.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in crate::repo) fn tip(&self, name: &str) -> Result<Option<ObjectId>, RepoError> {
        let Some(library) = &self.library else { return self.tip_by_program(name) };
        match library.refname_to_id(name) {
            Ok(id) => object_id(id).map(Some),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(e) => Err(RepoError::reading(format!("read {name}"))(e)),
        }
    }

    fn tip_by_program(&self, name: &str) -> Result<Option<ObjectId>, RepoError> {
        let git = self.git()?;
        let run = git.command("for-each-ref").reading();
        // The pattern takes all names in a folder of that name too.
        let out = run.args(["--format=%(objectname) %(refname)", "--", name]).bytes()?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(_, found)| *found == name).map(|(hex, _)| id_of(hex, "git for-each-ref")).transpose()
    }

    /// Whether a commit is another one or among its ancestors.
    ///
    /// # Errors
    /// When the commits between them cannot be read.
    pub(in crate::repo) fn contains(&self, newer: ObjectId, older: ObjectId) -> Result<bool, RepoError> {
        if newer == older {
            return Ok(true);
        }
        if let Some(library) = &self.library {
            let found = library.graph_descendant_of(oid(newer)?, oid(older)?);
            return found.map_err(RepoError::reading("compare two commits"));
        }
        let git = self.git()?;
        let run = git.command("merge-base").reading();
        let ran = run.args(["--is-ancestor", &older.to_string(), &newer.to_string()]).run()?;
        Ok(ran.ok || silent(ran, "git merge-base")?.is_some())
    }

    /// The commit that a user's words name, which do not begin with `-`.
    ///
    /// # Errors
    /// The reason, in a few words.
    pub(in crate::repo) fn commit_named(&self, spec: &str) -> Result<ObjectId, RepoError> {
        let bad = |reason: &str| RepoError::BadRevision { spec: spec.to_owned(), reason: reason.to_owned() };
        const NONE: &str = "there is no such branch, tag or commit";
        const SEVERAL: &str = "several objects begin like this; give more digits";
        const OTHER: &str = "it is not a commit";
        if let Some(library) = &self.library {
            let object = library.revparse_single(spec).map_err(|e| match e.code() {
                git2::ErrorCode::NotFound => bad(NONE),
                git2::ErrorCode::Ambiguous => bad(SEVERAL),
                _ => bad(e.message()),
            })?;
            return object_id(object.peel_to_commit().map_err(|_| bad(OTHER))?.id());
        }
        let git = self.git()?;
        let named = |spec: &str| git.command("rev-parse").reading().args(["--verify", "--end-of-options", spec]).run();
        let ran = named(spec)?;
        if !ran.ok {
            return Err(bad(if ran.err.contains("ambiguous") { SEVERAL } else { NONE }));
        }
        // In a second step: `:/TEXT` would take what is added to it for more of the text.
        let ran = named(&format!("{}^{{commit}}", String::from_utf8_lossy(&ran.out).trim()))?;
        if ran.ok { id_of(&String::from_utf8_lossy(&ran.out), "git rev-parse") } else { Err(bad(OTHER)) }
    }

    /// Whether git is told to show other objects in the place of some (`refs/replace`).
    ///
    /// # Errors
    /// When the refs cannot be listed.
    pub(in crate::repo) fn has_replacements(&self) -> Result<bool, RepoError> {
        let reading = || RepoError::reading("list refs/replace");
        if let Some(library) = &self.library {
            return match library.references_glob("refs/replace/*").map_err(reading())?.next() {
                Some(found) => found.map(|_| true).map_err(reading()),
                None => Ok(false),
            };
        }
        let git = self.git()?;
        let run = git.command("for-each-ref").reading();
        Ok(!run.args(["--count=1", "--", "refs/replace"]).bytes()?.is_empty())
    }

    /// Whether there is a ref such as `CHERRY_PICK_HEAD`, wherever refs are kept here.
    ///
    /// # Errors
    /// When the program that must be asked fails.
    pub(in crate::repo) fn has_pseudoref(&self, name: &str) -> Result<bool, RepoError> {
        if self.library.is_some() || self.place.git_dir.join(name).exists() {
            return Ok(self.place.git_dir.join(name).exists());
        }
        let git = self.git()?;
        let ran = git.command("rev-parse").reading().args(["--verify", "--quiet", name]).run()?;
        Ok(silent(ran, "git rev-parse")?.is_some())
    }

    /// Paths that differ between HEAD, the index and the work tree, and such as are not in git, below a folder.
    ///
    /// # Errors
    /// When they cannot be compared.
    pub(in crate::repo) fn differing(&self, folder: &str) -> Result<Vec<String>, RepoError> {
        // libgit2 takes what a sparse checkout leaves out for deleted.
        if let Some(library) = &self.library
            && !super::configured_by_environment()
            && !self.is_sparse()?
        {
            let mut options = git2::StatusOptions::new();
            options
                .include_untracked(true)
                .recurse_untracked_dirs(true)
                .include_ignored(false)
                .exclude_submodules(true);
            options.disable_pathspec_match(true);
            if !folder.is_empty() {
                options.pathspec(folder);
            }
            match library.statuses(Some(&mut options)) {
                Ok(statuses) => {
                    let differing = statuses.iter().filter(|s| s.status() != git2::Status::CURRENT);
                    return Ok(differing.map(|s| String::from_utf8_lossy(s.path_bytes()).into_owned()).collect());
                }
                // libgit2 reads neither split nor sparse indexes.
                Err(e) if e.class() == git2::ErrorClass::Index => {}
                // Nor does it fetch what a partial clone lacks.
                Err(e) if e.code() == git2::ErrorCode::NotFound && self.promisor().is_some() => {}
                Err(e) => return Err(RepoError::reading("compare HEAD, the index and the work tree")(e)),
            }
        }
        let git = self.git()?;
        let args = ["--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--"];
        let folder = if folder.is_empty() { "." } else { folder };
        let out = git.command("status").reading().args(args).args([folder]).bytes()?;
        let entries = out.split(|b| *b == 0).filter_map(|e| e.get(3..));
        Ok(entries.map(|p| String::from_utf8_lossy(p).into_owned()).collect())
    }
}

/// The line that a command printed; `None` when it ended with an error and said nothing, which means "no".
fn silent(ran: Ran, command: &str) -> Result<Option<String>, GitError> {
    match (ran.ok, ran.err.trim()) {
        (true, _) => Ok(Some(String::from_utf8_lossy(&ran.out).trim_end().to_owned())),
        (false, "") => Ok(None),
        (false, _) => Err(GitError::Failed { command: command.to_owned(), stderr: ran.err }),
    }
}

fn id_of(hex: &str, command: &str) -> Result<ObjectId, RepoError> {
    let odd = || GitError::Answer { command: command.to_owned(), answer: hex.to_owned() };
    ObjectId::from_hex(hex.trim()).ok_or_else(|| odd().into())
}

/// Our form of a libgit2 id.
///
/// # Errors
/// When it has another length than any id.
pub(in crate::repo) fn object_id(id: git2::Oid) -> Result<ObjectId, RepoError> {
    ObjectId::from_bytes(id.as_bytes())
        .ok_or_else(|| RepoError::Read { doing: format!("use {id}"), reason: "it is not the name of an object".into() })
}

/// libgit2's form of an id.
///
/// # Errors
/// When libgit2 knows no ids of its length.
pub(in crate::repo) fn oid(id: ObjectId) -> Result<git2::Oid, RepoError> {
    git2::Oid::from_bytes(id.as_bytes()).map_err(RepoError::reading(format!("use {id}")))
}
