//! An opened repository, whichever way it can be read.
//!
//! libgit2 reads most repositories, and fast. What it cannot open (SHA-256 names, refs in reftables, extensions that it
//! does not know) is read through the `git` program, and so is what a partial clone has left at its remote. Callers see
//! no difference: ids, bytes and answers are the same.

mod asking;
pub(super) mod locate;
mod promised;
pub(super) mod refs;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use asking::CatFile;

use super::discover::GitPlace;
use super::error::RepoError;
use super::git::{Git, GitError};
use super::objects::{Author, Commit, ObjectError, ObjectId, first_entry, parse_commit, read_once};
use super::pack::Store;

/// The kinds of objects that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A commit.
    Commit,
    /// A folder.
    Tree,
    /// A file.
    Blob,
}

impl Kind {
    /// As git calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Commit => "commit",
            Kind::Tree => "tree",
            Kind::Blob => "blob",
        }
    }
}

/// What an object turned out to be.
enum Found {
    /// Its kind, as git calls it, and its bytes.
    Read(String, Vec<u8>),
    /// It has more bytes than were asked for.
    TooLarge,
}

/// An opened repository. It may be handed from thread to thread, but is used by one at a time.
pub struct Repository {
    place: GitPlace,
    /// `None` where only the `git` program can read it.
    library: Option<git2::Repository>,
    /// The program that answers for objects, once it was needed.
    asked: Mutex<Asked>,
    /// The remote that a partial clone gets its missing objects from.
    promisor: OnceLock<Option<String>>,
    /// Its objects as they are read without either, once that was asked for.
    store: OnceLock<Arc<Store>>,
}

#[derive(Default)]
struct Asked {
    child: Option<CatFile>,
    /// Why missing objects cannot be had: what failed once is not tried again for every file.
    failed: Option<String>,
}

impl Repository {
    /// Opens a repository anew, so that nothing is remembered from an earlier look.
    ///
    /// # Errors
    /// When it cannot be opened (any more).
    pub(super) fn open(place: &GitPlace) -> Result<Repository, RepoError> {
        read_once();
        let library = if place.by_program { None } else { Some(open_library(place)?) };
        Ok(Repository {
            place: place.clone(),
            library,
            asked: Mutex::default(),
            promisor: OnceLock::new(),
            store: OnceLock::new(),
        })
    }

    /// The repository as libgit2 has it open; `None` where only the `git` program can read it.
    pub(super) fn library(&self) -> Option<&git2::Repository> {
        self.library.as_ref()
    }

    /// Whether objects can be written by libgit2: not where it cannot read all that they are made of.
    pub(super) fn writes_in_process(&self) -> bool {
        self.library.is_some() && self.promisor().is_none()
    }

    /// Its packs and loose objects, to be read in this process.
    pub(super) fn store(&self) -> &Arc<Store> {
        self.store.get_or_init(|| Arc::new(Store::open(&self.place.common_dir.join("objects"), self.id_len())))
    }

    /// Where it is.
    pub(super) fn place(&self) -> &GitPlace {
        &self.place
    }

    /// The `git` program for it.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn git(&self) -> Result<Git, GitError> {
        Git::at(&self.place)
    }

    /// How many bytes an id has here: 20 or 32.
    pub(super) fn id_len(&self) -> usize {
        self.place.id_len
    }

    /// Whether history ends early because the clone is shallow.
    pub(super) fn is_shallow(&self) -> bool {
        match &self.library {
            Some(library) => library.is_shallow(),
            None => self.place.common_dir.join("shallow").metadata().is_ok_and(|m| m.len() > 0),
        }
    }

    /// A commit as it was written: neither replaced nor cut off at the edge of a shallow clone.
    ///
    /// # Errors
    /// When it is missing, damaged or no commit.
    pub(super) fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
        parse_commit(id, &self.read(id, Kind::Commit)?)
    }

    /// The first line of a commit's message, lossily where it is not UTF-8.
    ///
    /// # Errors
    /// When it is missing, damaged or no commit.
    pub fn subject(&self, id: ObjectId) -> Result<String, ObjectError> {
        let raw = self.read(id, Kind::Commit)?;
        let message =
            raw.windows(2).position(|pair| pair == b"\n\n").and_then(|at| raw.get(at + 2..)).unwrap_or_default();
        let line = message.trim_ascii_start().split(|b| *b == b'\n').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(line).trim_end().to_owned())
    }

    /// Whom the lines `Co-authored-by: NAME <ADDRESS>` of a commit's message name, lossily where it is not UTF-8.
    ///
    /// # Errors
    /// When it is missing, damaged or no commit.
    pub fn co_authors(&self, id: ObjectId) -> Result<Vec<Author>, ObjectError> {
        let raw = self.read(id, Kind::Commit)?;
        let message =
            raw.windows(2).position(|pair| pair == b"\n\n").and_then(|at| raw.get(at + 2..)).unwrap_or_default();
        let message = String::from_utf8_lossy(message);
        let named = message.lines().filter_map(|line| {
            let (key, who) = line.trim().split_once(':')?;
            let (name, email) = who.trim().strip_suffix('>')?.rsplit_once('<')?;
            let author = Author { name: name.trim().to_owned(), email: email.trim().to_owned() };
            key.eq_ignore_ascii_case("co-authored-by").then_some(author)
        });
        Ok(named.collect())
    }

    /// The entries of a folder, in git's order.
    ///
    /// # Errors
    /// When it is missing, damaged or no folder.
    pub(super) fn folder(&self, id: ObjectId) -> Result<Vec<(Vec<u8>, u32, ObjectId)>, ObjectError> {
        whole_folder(id, &self.read(id, Kind::Tree)?)
    }

    /// The entry at a path below a folder; `None` where there is none.
    ///
    /// # Errors
    /// When a folder on the way cannot be read.
    pub(super) fn entry(&self, root: ObjectId, path: &str) -> Result<Option<(u32, ObjectId)>, ObjectError> {
        let mut found = (0o040_000, root);
        for part in path.split('/') {
            if found.0 & 0o170_000 != 0o040_000 {
                return Ok(None);
            }
            match self.folder(found.1)?.into_iter().find(|(name, ..)| name == part.as_bytes()) {
                Some((_, mode, id)) => found = (mode, id),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The bytes of an object of a kind, whatever its size.
    ///
    /// # Errors
    /// When it is missing, damaged or of another kind.
    pub(super) fn read(&self, id: ObjectId, kind: Kind) -> Result<Vec<u8>, ObjectError> {
        self.read_up_to(id, kind, u64::MAX)?.ok_or(ObjectError::Missing(id))
    }

    /// The bytes of an object of a kind; `None` when it has more than `most` of them.
    ///
    /// # Errors
    /// When it is missing, damaged or of another kind.
    pub(super) fn read_up_to(&self, id: ObjectId, kind: Kind, most: u64) -> Result<Option<Vec<u8>>, ObjectError> {
        let found = match &self.library {
            Some(library) => match in_library(library, id, most) {
                Err(ObjectError::Missing(_)) if self.promisor().is_some() => self.ask(id, most),
                found => found,
            },
            None => self.ask(id, most),
        };
        match found? {
            Found::TooLarge => Ok(None),
            Found::Read(is, bytes) if is == kind.name() => Ok(Some(bytes)),
            Found::Read(..) => Err(ObjectError::Kind { id, wanted: kind.name() }),
        }
    }

    /// Asks the `git` program, which fetches what a partial clone does not have.
    fn ask(&self, id: ObjectId, most: u64) -> Result<Found, ObjectError> {
        // What is half said by a reader that panicked is thrown away with its child.
        let mut asked = self.asked.lock().unwrap_or_else(|broken| {
            let mut asked = PoisonError::into_inner(broken);
            asked.child = None;
            asked
        });
        if let Some(why) = asked.failed.as_ref().filter(|_| self.library.is_some()) {
            return Err(ObjectError::Unreadable { id, why: why.clone() });
        }
        let unreadable = |why: String| ObjectError::Unreadable { id, why };
        let mut child = match asked.child.take() {
            Some(child) => child,
            None => {
                let fetching = asked.failed.is_none();
                self.git().and_then(|git| CatFile::start(&git, fetching)).map_err(|e| unreadable(e.to_string()))?
            }
        };
        match child.ask(id, most) {
            Ok(Some(found)) => {
                asked.child = Some(child);
                Ok(found)
            }
            Ok(None) if self.promisor().is_some() => {
                asked.child = Some(child);
                Err(unreadable(asked.failed.clone().unwrap_or_else(|| promised::NOT_FETCHED.to_owned())))
            }
            Ok(None) => {
                asked.child = Some(child);
                Err(ObjectError::Missing(id))
            }
            Err(broken) => {
                let said = child.end();
                let why = if said.trim().is_empty() { broken.to_string() } else { promised::in_one_line(&said) };
                if self.promisor().is_some() {
                    let why = format!("{}: {why}", promised::NOT_FETCHED);
                    asked.failed = Some(why.clone());
                    return Err(unreadable(why));
                }
                Err(unreadable(format!("git says: {why}")))
            }
        }
    }

    /// Whether git would ignore a path that is not in the index.
    ///
    /// # Errors
    /// When the rules cannot be read.
    pub(super) fn is_ignored(&self, git: &Git, path: &str) -> Result<Option<String>, RepoError> {
        let maybe = match self.library.as_ref().filter(|_| !configured_by_environment()) {
            Some(library) => {
                library.is_path_ignored(Path::new(path)).map_err(RepoError::reading("read the ignore rules"))?
            }
            None => true,
        };
        if !maybe {
            return Ok(None);
        }
        // Its word counts, and it names the rule. It knows no literal paths, and ours have nothing in them that is not.
        let ran = git.command("check-ignore").reading().env("GIT_LITERAL_PATHSPECS", "0");
        let ran = ran.args(["-v", "--", path]).run()?;
        if !ran.ok {
            // It ends with 1 and says nothing when no rule ignores the path.
            let failed = || GitError::Failed { command: "git check-ignore".to_owned(), stderr: ran.err.clone() };
            return if ran.err.trim().is_empty() { Ok(None) } else { Err(failed().into()) };
        }
        let rule = String::from_utf8_lossy(&ran.out);
        let rule = rule.split('\t').next().filter(|r| !r.is_empty()).unwrap_or("by a rule in .gitignore");
        Ok(Some(rule.to_owned()))
    }

    /// The value of each of `names` for each path, as `git check-attr` prints it; `None` where libgit2 cannot tell and
    /// the program must be asked.
    pub(super) fn attributes<const N: usize>(
        &self,
        paths: &BTreeSet<&str>,
        names: &[&str; N],
    ) -> Option<Vec<(String, [String; N])>> {
        let library = self.library.as_ref().filter(|_| !configured_by_environment())?;
        let mut attributes = Vec::new();
        for path in paths {
            let mut values = [const { String::new() }; N];
            for (slot, name) in values.iter_mut().zip(names) {
                let value = library.get_attr_bytes(Path::new(path), name, git2::AttrCheckFlags::FILE_THEN_INDEX);
                *slot = match git2::AttrValue::always_bytes(value.ok()?) {
                    git2::AttrValue::True => "set".to_owned(),
                    git2::AttrValue::False => "unset".to_owned(),
                    git2::AttrValue::Unspecified => "unspecified".to_owned(),
                    git2::AttrValue::String(text) => text.to_owned(),
                    git2::AttrValue::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                };
            }
            attributes.push(((*path).to_owned(), values));
        }
        Some(attributes)
    }

    /// Whether files of the index may be missing from the work tree on purpose.
    ///
    /// # Errors
    /// When git's configuration cannot be read.
    pub(super) fn is_sparse(&self) -> Result<bool, RepoError> {
        let Some(library) = &self.library else {
            let run =
                self.git()?.command("config").reading().args(["--type=bool", "--get", "core.sparseCheckout"]).run()?;
            return Ok(run.ok && run.out.starts_with(b"true"));
        };
        let config = library.config().map_err(RepoError::reading("read git's configuration"))?;
        match config.get_bool("core.sparseCheckout") {
            Ok(sparse) => Ok(sparse),
            Err(e) if e.code() == git2::ErrorCode::NotFound => Ok(false),
            Err(e) => Err(RepoError::reading("read core.sparseCheckout")(e)),
        }
    }
}

/// Whether the environment gives git a configuration that libgit2 does not see.
fn configured_by_environment() -> bool {
    let says = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty());
    let count = says("GIT_CONFIG_COUNT").is_some_and(|v| v != "0");
    let elsewhere = |name: &str| says(name).is_some_and(|v| v != "/dev/null");
    count || says("GIT_CONFIG_PARAMETERS").is_some() || elsewhere("GIT_CONFIG_GLOBAL") || elsewhere("GIT_CONFIG_SYSTEM")
}

/// The entries in the bytes of a folder, in git's order.
///
/// # Errors
/// When they are no list of files.
pub(super) fn whole_folder(id: ObjectId, raw: &[u8]) -> Result<Vec<(Vec<u8>, u32, ObjectId)>, ObjectError> {
    let mut rest = raw;
    let mut folder = Vec::new();
    while let Some((entry, len)) = first_entry(rest, id.as_bytes().len()) {
        folder.push((entry.name.to_vec(), entry.mode, entry.id));
        rest = rest.get(len..).unwrap_or_default();
    }
    if !rest.is_empty() {
        return Err(ObjectError::Damaged { id, why: "it is no list of files".to_owned() });
    }
    Ok(folder)
}

fn open_library(place: &GitPlace) -> Result<git2::Repository, RepoError> {
    let repo = git2::Repository::open(&place.git_dir).map_err(|e| locate::cannot_open(&place.git_dir, &e))?;
    if let (true, Some(workdir)) = (place.from_env, &place.workdir) {
        repo.set_workdir(workdir, false).map_err(|e| locate::cannot_open(workdir, &e))?;
    }
    Ok(repo)
}

fn in_library(library: &git2::Repository, id: ObjectId, most: u64) -> Result<Found, ObjectError> {
    let failed = |e: git2::Error| match e.code() {
        git2::ErrorCode::NotFound => ObjectError::Missing(id),
        _ => ObjectError::Damaged { id, why: e.message().to_owned() },
    };
    let oid = git2::Oid::from_bytes(id.as_bytes()).map_err(failed)?;
    let odb = library.odb().map_err(failed)?;
    if most != u64::MAX && odb.read_header(oid).map_err(failed)?.0 as u64 > most {
        return Ok(Found::TooLarge);
    }
    let object = odb.read(oid).map_err(failed)?;
    Ok(Found::Read(object.kind().str().to_owned(), object.data().to_vec()))
}
