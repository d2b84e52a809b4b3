//! Brings the branch that is checked out and its upstream together: fetch, rebase, push.
//!
//! Each step leaves the branch either as it was or whole. A rebase that meets a conflict is given up at once, so that
//! nobody is left in the middle of one without having asked for it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use super::discover::Home;
use super::error::{RepoError, WriteError};
use super::git::{Git, GitError, IN_TRANSACTION, Ran, Run};
use super::lock;
use super::objects::ObjectId;
use super::snapshot::parse_id;
use super::state;
use crate::format::pipeline::PIPELINE_FILE;

/// How often a push is tried again when others were first.
pub const TRIES: u32 = 20;

/// The pause before the second try; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause, but for chance.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How many files a message names.
const MOST_NAMED: usize = 10;

/// Why a branch and its upstream were not brought together. The branch is as it was, but for [`SyncError::Left`].
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The branch follows none.
    #[error("{branch} follows no branch of a remote, so there is nothing to sync with")]
    NoUpstream {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// The only remote, where there is one.
        remote: Option<String>,
    },
    /// Pulling and pushing go different ways.
    #[error("{branch} takes from {upstream} and is pushed {push}; sync is for a branch that goes one way")]
    TwoWays {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// What it follows: `origin/main`.
        upstream: String,
        /// Where it is pushed: `to fork`, `as feature`.
        push: String,
    },
    /// What it follows was deleted, or has another name now.
    #[error("{remote} has no branch {branch} any more")]
    Deleted {
        /// The remote.
        remote: String,
        /// The branch there, without `refs/heads/`.
        branch: String,
    },
    /// The branch has no commit.
    #[error("there is no commit on {0} yet")]
    Unborn(String),
    /// The two have nothing in common.
    #[error("{branch} and {upstream} have no commit in common; they are two repositories")]
    Unrelated {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// What it follows.
        upstream: String,
    },
    /// A rebase would need the files that have changes.
    #[error("there are changes that are not committed: {}", listed(.paths))]
    Dirty {
        /// The files, below the repository's root.
        paths: Vec<String>,
    },
    /// The remote could not be reached, or does not answer.
    #[error("cannot {doing} {remote}{}", indented(.output))]
    Remote {
        /// `fetch from`, `push to`.
        doing: &'static str,
        /// The remote.
        remote: String,
        /// What git said.
        output: String,
    },
    /// A hook here or there said no.
    #[error("{by} refused the push{}", indented(.output))]
    Refused {
        /// `the pre-push hook`, `origin`.
        by: String,
        /// What it printed.
        output: String,
    },
    /// Both sides changed the same thing.
    #[error("{upstream} and you changed the same: {}", listed(&.conflict.paths))]
    Conflict {
        /// What the branch follows.
        upstream: String,
        /// Who and what.
        conflict: Box<Conflict>,
    },
    /// git did not take the other side's commits over, and not because of a conflict.
    #[error("{command} did not succeed, the branch is as before{}", indented(.output))]
    Stopped {
        /// The command.
        command: &'static str,
        /// What git said.
        output: String,
    },
    /// It could not be given up either.
    #[error("{command} did not succeed and could not be given up{}", indented(.output))]
    Left {
        /// The command.
        command: &'static str,
        /// What git said.
        output: String,
    },
    /// Others were first every time.
    #[error("others pushed first {TRIES} times in a row; nothing is lost, run `tussock sync` again")]
    Overtaken,
    /// The repository cannot be written to, or not be read.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<GitError> for SyncError {
    fn from(error: GitError) -> Self {
        SyncError::Write(error.into())
    }
}

impl From<RepoError> for SyncError {
    fn from(error: RepoError) -> Self {
        SyncError::Write(error.into())
    }
}

/// What two sides did to the same files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The files, below the repository's root.
    pub paths: Vec<String>,
    /// Where the two sides parted.
    pub base: ObjectId,
    /// Our side.
    pub ours: ObjectId,
    /// Theirs.
    pub theirs: ObjectId,
    /// Whether it came up in a merge, which history with merges needs, and not in a rebase.
    pub in_merge: bool,
}

/// A branch and what it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The full name of the branch here.
    pub branch: String,
    /// What it follows, as people say it: `origin/main`.
    pub name: String,
    /// The name of the remote.
    pub remote: String,
    /// The full name of the branch there.
    pub remote_ref: String,
    /// The full name under which its last known state is kept here.
    tracking: String,
}

/// How many commits only one side has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distance {
    /// Only the branch here.
    pub ours: usize,
    /// Only the upstream.
    pub theirs: usize,
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is there; with what the remote and hooks printed.
    Done(String),
    /// Somebody else was first.
    Overtaken,
}

/// The branch that is checked out, to be brought together with its upstream.
pub struct Sync<'a> {
    home: &'a Home,
    git: &'a Git,
    /// What is brought together.
    pub upstream: Upstream,
}

impl<'a> Sync<'a> {
    /// Looks at the branch and what it follows. `tell` gets a line when there is something to wait for.
    ///
    /// # Errors
    /// When nothing can be written here, and when there is no upstream or another way to push. See [`SyncError`].
    pub fn begin(home: &'a Home, git: &'a Git, tell: &mut dyn FnMut(&str)) -> Result<Sync<'a>, SyncError> {
        let state::Ready { branch, head, .. } = state::look(home, git, tell)?;
        let short = branch.trim_start_matches("refs/heads/").to_owned();
        if head.is_none() {
            return Err(SyncError::Unborn(short));
        }
        let fields = ["upstream", "upstream:short", "upstream:remotename", "upstream:remoteref", "push:remotename"];
        let format: Vec<String> = fields.iter().map(|field| format!("%({field})")).collect();
        let format = format!("--format={}", format.join("%00"));
        let line = git.command("for-each-ref").reading().args([&format, &branch]).bytes()?;
        let text = String::from_utf8_lossy(&line);
        // A name may also be the folder of others; the branch itself comes first.
        let line = text.lines().next().unwrap_or_default();
        let mut values = line.split('\0').map(str::to_owned);
        let mut value = || values.next().unwrap_or_default();
        let (tracking, name, remote, remote_ref, push_remote) = (value(), value(), value(), value(), value());
        if tracking.is_empty() || remote.is_empty() || remote_ref.is_empty() || remote == "." {
            let remotes = git.command("remote").reading().line()?;
            let remote = Some(remotes).filter(|all| !all.is_empty() && all.lines().count() == 1);
            return Err(SyncError::NoUpstream { branch: short, remote });
        }
        let two_ways = |push| SyncError::TwoWays { branch: short.clone(), upstream: name.clone(), push };
        if !push_remote.is_empty() && push_remote != remote {
            return Err(two_ways(format!("to {push_remote}")));
        }
        if remote_ref != branch {
            let default = git.command("config").reading().args(["--get", "push.default"]).run()?;
            if !matches!(String::from_utf8_lossy(&default.out).trim(), "upstream" | "tracking") {
                return Err(two_ways(format!("as {short}")));
            }
        }
        Ok(Sync { home, git, upstream: Upstream { branch, name, remote, remote_ref, tracking } })
    }

    /// Asks the remote what is new.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub fn fetch(&self) -> Result<(), SyncError> {
        let remote = &self.upstream.remote;
        let mut last = String::new();
        // Another git that fetches here at this very moment is no reason to give up.
        for number in 0..3 {
            std::thread::sleep(pause(number));
            let ran = unspoken(self.git.command("fetch").writing()).args(["--quiet", "--", remote]).run()?;
            if ran.ok {
                return Ok(());
            }
            last = ran.err;
            if !last.contains("cannot lock ref") && !last.contains(".lock': File exists") {
                break;
            }
        }
        Err(SyncError::Remote { doing: "fetch from", remote: remote.clone(), output: last })
    }

    /// Makes sure that the remote still has the branch: a fetch keeps what it knew of one that was deleted there, and a
    /// push would make it again.
    ///
    /// # Errors
    /// When it has not, and when it cannot be reached.
    pub fn still_there(&self) -> Result<(), SyncError> {
        let Upstream { remote, remote_ref, .. } = &self.upstream;
        let run = unspoken(self.git.command("ls-remote")).args(["--quiet", "--", remote, remote_ref]);
        let ran = run.run()?;
        if !ran.ok {
            return Err(SyncError::Remote { doing: "look into", remote: remote.clone(), output: ran.err });
        }
        let out = String::from_utf8_lossy(&ran.out);
        if out.lines().any(|line| line.split_once('\t').is_some_and(|(_, name)| name == remote_ref)) {
            return Ok(());
        }
        let branch = remote_ref.trim_start_matches("refs/heads/").to_owned();
        Err(SyncError::Deleted { remote: remote.clone(), branch })
    }

    /// The commit of the branch.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<ObjectId, SyncError> {
        self.commit(&self.upstream.branch)?
            .ok_or_else(|| SyncError::Unborn(self.upstream.branch.trim_start_matches("refs/heads/").to_owned()))
    }

    /// The commit of the upstream as of the last fetch; `None` where it has none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn theirs(&self) -> Result<Option<ObjectId>, SyncError> {
        self.commit(&self.upstream.tracking)
    }

    fn commit(&self, name: &str) -> Result<Option<ObjectId>, SyncError> {
        let peeled = format!("{name}^{{commit}}");
        let ran =
            self.git.command("rev-parse").reading().args(["--verify", "--quiet", "--end-of-options", &peeled]).run()?;
        // Before 2.30 the option itself is printed as well.
        let out = String::from_utf8_lossy(&ran.out);
        Ok(out.lines().last().and_then(parse_id).filter(|_| ran.ok))
    }

    /// How far the two sides are apart.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn distance(&self, ours: ObjectId, theirs: Option<ObjectId>) -> Result<Distance, SyncError> {
        let count = |range: &[String]| -> Result<String, SyncError> {
            let run = self.git.command("rev-list").reading().args(["--count", "--left-right"]);
            Ok(run.args(range).args(["--"]).line()?)
        };
        let Some(theirs) = theirs else {
            let all = self.git.command("rev-list").reading().args(["--count", &ours.to_string(), "--"]).line()?;
            return Ok(Distance { ours: all.parse().map_err(|_| not_understood("git rev-list", &all))?, theirs: 0 });
        };
        let line = count(&[format!("{ours}...{theirs}")])?;
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(ours)), Some(Ok(theirs))) => Ok(Distance { ours, theirs }),
            _ => Err(not_understood("git rev-list", &line).into()),
        }
    }

    /// The newest commit that both have; `None` when there is none.
    ///
    /// # Errors
    /// When git fails.
    pub fn base(&self, ours: ObjectId, theirs: ObjectId) -> Result<Option<ObjectId>, SyncError> {
        let ran = self.git.command("merge-base").reading().args([ours.to_string(), theirs.to_string()]).run()?;
        Ok(parse_id(String::from_utf8_lossy(&ran.out).trim()).filter(|_| ran.ok))
    }

    /// The pipelines that a commit holds: the one asked for, and those beside it.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn pipelines(&self, commit: ObjectId) -> Result<Vec<Home>, SyncError> {
        let (_, workdir) = state::work_tree(self.home)?;
        let run = self.git.command("ls-tree").reading().args(["-r", "-z", "--name-only", "--full-tree"]);
        let out = run.args([commit.to_string()]).bytes()?;
        let folders = out.split(|b| *b == 0).filter_map(|path| {
            let folder = std::str::from_utf8(path).ok()?.strip_suffix(PIPELINE_FILE)?;
            if folder.is_empty() { Some("") } else { folder.strip_suffix('/') }
        });
        let seen = folders.filter(|folder| !folder.split('/').any(|part| part.starts_with('.')));
        let home = |prefix: &str| {
            let root = if prefix.is_empty() { workdir.clone() } else { workdir.join(prefix) };
            Home { root, repo: self.home.repo.clone(), prefix: prefix.to_owned() }
        };
        Ok(seen.map(home).collect())
    }

    /// The paths that differ between two commits, of the files below a pipeline's folder and counted from there.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn changed(&self, home: &Home, from: ObjectId, to: ObjectId) -> Result<Vec<String>, SyncError> {
        let run = self.git.command("diff-tree").reading().args(["-r", "-z", "--name-only", "--no-renames"]);
        let run = run.args([from.to_string(), to.to_string()]).args(["--"]);
        let out = run.args(Some(&home.prefix).filter(|p| !p.is_empty())).bytes()?;
        let paths = out.split(|b| *b == 0).filter(|p| !p.is_empty()).map(String::from_utf8_lossy);
        Ok(paths.filter_map(|path| home.in_pipeline(&path).map(str::to_owned)).collect())
    }

    /// Takes the other side's commits over: by moving the branch on where there is nothing of ours, else by a rebase,
    /// or by a merge where our commits have merges among them, because a rebase would do those again and lose what was
    /// settled in them. What `hold` returns is kept meanwhile, and so is the lock.
    ///
    /// # Errors
    /// See [`SyncError`]. The branch, the index and the work tree are as before then, but for [`SyncError::Left`].
    pub fn take_over<H>(&self, hold: &dyn Fn() -> H, tell: &mut dyn FnMut(&str)) -> Result<(), SyncError> {
        let lock = lock::take(self.home.place()?, tell)?;
        let ready = state::look(self.home, self.git, tell)?;
        if ready.branch != self.upstream.branch {
            let what = "another branch was checked out".to_owned();
            return Err(WriteError::Conflict { what }.into());
        }
        let (ours, Some(theirs)) = (self.head()?, self.theirs()?) else { return Ok(()) };
        let distance = self.distance(ours, Some(theirs))?;
        if distance.theirs == 0 {
            return Ok(());
        }
        if distance.ours == 0 {
            let _held = hold();
            let run = self.git_run("merge").args(["--quiet", "--ff-only", &theirs.to_string()]);
            let ran = lock.shared_with(run)?.run()?;
            if self.head()? == theirs {
                return Ok(());
            }
            return Err(self.not_taken_over("git merge --ff-only", ran));
        }
        let Some(base) = self.base(ours, theirs)? else {
            let branch = self.upstream.branch.trim_start_matches("refs/heads/").to_owned();
            return Err(SyncError::Unrelated { branch, upstream: self.upstream.name.clone() });
        };
        self.clean()?;
        let range = format!("{theirs}..{ours}");
        let merges = self.git.command("rev-list").reading().args(["--count", "--merges", &range, "--"]).line()?;
        let (command, abort, in_merge) =
            if merges == "0" { ("git rebase", "rebase", false) } else { ("git merge", "merge", true) };
        let _held = hold();
        let run = match in_merge {
            false => self.git_run("rebase").args(["--quiet", "--merge", "--no-autostash", "--no-fork-point"]),
            true => self.git_run("merge").args(["--quiet", "--no-edit", "--no-ff", "--commit", "--no-squash"]),
        };
        // Should we be killed, the next tussock waits for the git that goes on alone.
        let ran = lock.shared_with(run.args([theirs.to_string()]))?.run()?;
        let under_way = state::operation(self.home)?.is_some();
        if ran.ok && !under_way {
            return Ok(());
        }
        let mut paths: Vec<String> = Vec::new();
        if under_way {
            let unmerged = self.git.command("ls-files").reading().args(["-z", "--unmerged", "--full-name"]).bytes()?;
            // MODE ID STAGE TAB PATH, for each side of a conflict.
            let all = unmerged.split(|b| *b == 0).filter_map(|entry| entry.splitn(2, |b| *b == b'\t').nth(1));
            paths.extend(all.map(|path| String::from_utf8_lossy(path).into_owned()));
            paths.dedup();
            let given_up = self.git.command(abort).plain().apart().args(["--abort"]).run()?;
            if !given_up.ok || self.head()? != ours || state::operation(self.home)?.is_some() {
                return Err(SyncError::Left { command, output: format!("{}{}", ran.err, given_up.err) });
            }
        }
        if paths.is_empty() {
            return Err(self.not_taken_over(command, ran));
        }
        let conflict = Box::new(Conflict { paths, base, ours, theirs, in_merge });
        Err(SyncError::Conflict { upstream: self.upstream.name.clone(), conflict })
    }

    /// A run that changes the branch: no editor is opened, and no deal is moved along with a folder that it was never in.
    fn git_run(&self, name: &str) -> Run<'a> {
        let run = unspoken(self.git.command(name).writing()).config("merge.directoryRenames=false");
        let run = run.config("merge.renames=true").config("merge.autoStash=false").config("rebase.autoStash=false");
        run.env("GIT_EDITOR", ":").env("GIT_SEQUENCE_EDITOR", ":").env(IN_TRANSACTION, "1")
    }

    fn not_taken_over(&self, command: &'static str, ran: Ran) -> SyncError {
        let output = format!("{}{}", String::from_utf8_lossy(&ran.out), without_advice(&ran.err));
        SyncError::Stopped { command, output }
    }

    /// Makes sure that no file that git knows has changes.
    fn clean(&self) -> Result<(), SyncError> {
        let run = self.git.command("status").reading().args(["--porcelain=v1", "-z", "--untracked-files=no"]);
        let out = run.args(["--no-renames", "--ignore-submodules=dirty"]).bytes()?;
        let paths = out.split(|b| *b == 0).filter_map(|entry| entry.get(3..));
        let paths: Vec<String> = paths.map(|p| String::from_utf8_lossy(p).into_owned()).collect();
        if paths.is_empty() { Ok(()) } else { Err(SyncError::Dirty { paths }) }
    }

    /// Pushes a commit to the upstream, never by force.
    ///
    /// # Errors
    /// When the remote cannot be reached, or a hook refuses.
    pub fn push(&self, commit: ObjectId) -> Result<Pushed, SyncError> {
        let remote = &self.upstream.remote;
        let way = format!("{commit}:{}", self.upstream.remote_ref);
        let run = unspoken(self.git.command("push").writing());
        let ran = run.args(["--porcelain", "--no-force", "--", remote, &way]).run()?;
        let told = String::from_utf8_lossy(&ran.out);
        if ran.ok {
            return Ok(Pushed::Done(ran.err));
        }
        match told.lines().find(|line| line.starts_with('!')) {
            Some(line) if is_race(line) => Ok(Pushed::Overtaken),
            Some(line) => {
                let reason = line.rsplit('\t').next().unwrap_or_default();
                let output = format!("{}{reason}", without_advice(&ran.err));
                Err(SyncError::Refused { by: remote.clone(), output })
            }
            // The hook runs before anything is sent.
            None if !ran.err.contains("fatal:") && self.has_pre_push()? => Err(SyncError::Refused {
                by: "the pre-push hook".to_owned(),
                output: format!("{told}{}", without_advice(&ran.err)),
            }),
            None => Err(SyncError::Remote { doing: "push to", remote: remote.clone(), output: ran.err }),
        }
    }

    fn has_pre_push(&self) -> Result<bool, SyncError> {
        let folder = self.git.command("rev-parse").reading().args(["--git-path", "hooks/pre-push"]).line()?;
        let (_, workdir) = state::work_tree(self.home)?;
        Ok(workdir.join(folder).symlink_metadata().is_ok())
    }
}

/// Says that git's own messages shall be in English, so that they can be understood; what hooks see of the user's
/// environment otherwise stays.
fn unspoken(run: Run<'_>) -> Run<'_> {
    run.env("LANGUAGE", "C")
}

/// Whether a line of `git push --porcelain` says that somebody else was first.
fn is_race(line: &str) -> bool {
    let there = ["fetch first", "non-fast-forward", "stale info", "needs update"];
    let meanwhile = ["cannot lock ref", "failed to update ref", "incorrect old value", "failed to lock"];
    let reason = line.rsplit('\t').next().unwrap_or_default();
    (reason.starts_with("[rejected]") && there.iter().any(|word| reason.contains(word)))
        || (reason.starts_with("[remote rejected]") && meanwhile.iter().any(|word| reason.contains(word)))
}

/// What git printed, without its own closing lines, which say nothing that is not said already.
fn without_advice(text: &str) -> String {
    let kept = text.lines().filter(|l| !l.starts_with("error: failed to push some refs") && !l.starts_with("hint: "));
    kept.map(|line| format!("{}\n", line.trim_end())).collect()
}

/// How long to wait before a try, the first one being 0: twice as long each time, and by chance up to as much again, so
/// that those who met once do not meet again.
pub fn pause(number: u32) -> Duration {
    if number == 0 {
        return Duration::ZERO;
    }
    let long = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(number - 1)).min(LONGEST_PAUSE);
    let chance = RandomState::new().build_hasher().finish() % 1000;
    long + long.mul_f64(chance as f64 / 1000.0)
}

fn listed(paths: &[String]) -> String {
    let named: Vec<&str> = paths.iter().take(MOST_NAMED).map(String::as_str).collect();
    match paths.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn indented(output: &str) -> String {
    let output = output.trim_end();
    if output.is_empty() { String::new() } else { format!(":\n{output}") }
}

fn not_understood(command: &str, answer: &str) -> GitError {
    GitError::Answer { command: command.to_owned(), answer: answer.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn races_are_told_from_refusals() {
        let line = |reason: &str| format!("!\tabc:refs/heads/main\t{reason}");
        assert!(is_race(&line("[rejected] (fetch first)")));
        assert!(is_race(&line("[rejected] (non-fast-forward)")));
        assert!(is_race(&line("[remote rejected] (cannot lock ref 'refs/heads/main': is at a but expected b)")));
        assert!(is_race(&line("[remote rejected] (failed to update ref)")));
        assert!(!is_race(&line("[remote rejected] (pre-receive hook declined)")));
        assert!(!is_race(&line("[remote rejected] (protected branch hook declined)")));
        assert!(!is_race(&line("[remote rejected] (branch is currently checked out)")));
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert_eq!(pause(0), Duration::ZERO);
        for number in 1..60 {
            let shortest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(number - 1)).min(LONGEST_PAUSE);
            assert!((shortest..=shortest * 2).contains(&pause(number)), "{number}");
        }
    }
}
