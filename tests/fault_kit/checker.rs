//! The twelve things that must hold of a repository, whatever happened in it. git tells all of them; tussock is asked
//! only what tussock says.
//!
//! 1. Each deal is in one file of HEAD's tree, and of the work tree once nothing is pending.
//! 2. Its bytes are the old ones or the intended ones.
//! 3. `git fsck --strict` and `git status` work, and no object, reference or index is empty.
//! 4. After the next command nothing is left over: no lock, no temporary file, no journal.
//! 5. What is not of the command is as it was: in the index, to the byte in the work tree, and in its times.
//! 6. As many commits as successes, one after the other, each of its deal's paths only.
//! 7. The exit code tells the truth.
//! 8. The same command again changes nothing more.
//! 9. The reflog has a line for each success.
//! 10. Commands that read change nothing on the disk.
//! 11. Reports are the same to the byte.
//! 12. Totals are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use super::fixture::{Copy, visit};
use crate::kit::Ran;

/// Something that does not hold: the number of the invariant and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one, from 1 to 12.
    pub invariant: u8,
    /// What was seen.
    pub seen: String,
}

/// A list of what does not hold.
pub type Violations = Vec<Violation>;

fn say(found: &mut Violations, invariant: u8, seen: impl Into<String>) {
    found.push(Violation { invariant, seen: seen.into() });
}

/// A file of the work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    time: SystemTime,
    inode: u64,
    bytes: Vec<u8>,
}

/// Mode and blob of each path, as git prints them.
type Entries = BTreeMap<String, String>;

/// All that is looked at.
#[derive(Clone, Debug)]
pub struct View {
    /// The commit of HEAD.
    pub head: String,
    /// The tree of HEAD.
    pub tree: Entries,
    /// The index, conflicts and all.
    pub index: Entries,
    /// The work tree.
    pub files: BTreeMap<String, Stamp>,
    /// What `git status` prints.
    pub status: String,
    /// The names of git's own files, but for objects.
    pub git_files: BTreeSet<String>,
    /// Lines in the reflogs of HEAD and of the branch.
    pub reflogs: (usize, usize),
}

/// `key TAB value` or `value TAB key` records, each ended by NUL, by path.
fn entries(text: &str) -> Entries {
    let records = text.split('\0').filter_map(|record| record.split_once('\t'));
    records.map(|(what, path)| (path.to_owned(), what.to_owned())).collect()
}

/// Looks at a repository; what git cannot do with it is a violation of the third kind.
pub fn look(copy: &Copy<'_>) -> (View, Violations) {
    let mut found = Vec::new();
    let mut git = |args: &[&str]| {
        let ran = copy.git(args);
        if ran.code != 0 {
            say(&mut found, 3, format!("git {} fails: {}{}", args[0], ran.out.trim(), ran.err.trim()));
        }
        ran.out
    };
    let head = git(&["rev-parse", "HEAD"]).trim().to_owned();
    let tree = entries(&git(&["ls-tree", "-r", "-z", "HEAD"]));
    let index = git(&["ls-files", "--stage", "-z"]);
    let index = index.split('\0').filter_map(|r| r.split_once('\t'));
    // The stage is part of the key: a path may be there more than once.
    let index = index.map(|(what, path)| (format!("{} {path}", &what[48..]), what[..47].to_owned())).collect();
    let status = git(&["status", "--porcelain", "--untracked-files=all"]);
    git(&["fsck", "--strict", "--no-dangling", "--no-progress"]);

    let mut files = BTreeMap::new();
    let mut git_files = BTreeSet::new();
    let root = copy.path();
    visit(&root, &mut |path, about| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let Some(own) = name.strip_prefix(".git/") else {
            if about.is_file() {
                let stamp =
                    Stamp { time: about.modified().unwrap(), inode: about.ino(), bytes: fs::read(path).unwrap() };
                files.insert(name, stamp);
            }
            return;
        };
        if about.is_dir() {
            return;
        }
        let matters = own == "index" || own == "HEAD" || own.starts_with("objects/") || own.starts_with("refs/");
        if matters && about.len() == 0 && !own.contains("tmp_") && !own.ends_with(".lock") {
            say(&mut found, 3, format!("{own} is empty"));
        }
        if !own.starts_with("objects/") {
            git_files.insert(own.to_owned());
        }
    });
    let lines = |log: &str| fs::read_to_string(root.join(".git/logs").join(log)).map_or(0, |t| t.lines().count());
    let reflogs = (lines("HEAD"), lines("refs/heads/main"));
    (View { head, tree, index, files, status, git_files, reflogs }, found)
}

/// What a command must have done, learnt from a run without a fault.
pub struct Wanted {
    /// The repository before.
    pub before: View,
    /// And after.
    pub after: View,
    /// The paths that the command changes.
    pub paths: BTreeSet<String>,
}

/// The id of a deal's file.
fn deal_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("sales/")?;
    let name = inside.rsplit_once('/')?.1;
    name.strip_suffix(".yaml").filter(|id| !id.is_empty())
}

/// How often each deal is among some paths.
fn deals<'p>(paths: impl IntoIterator<Item = &'p String>) -> BTreeMap<&'p str, usize> {
    let mut counts = BTreeMap::new();
    for id in paths.into_iter().filter_map(|p| deal_of(p)) {
        *counts.entry(id).or_default() += 1;
    }
    counts
}

impl Wanted {
    /// Learns from a repository before and after.
    pub fn new(before: View, after: View) -> Wanted {
        let both = before.tree.keys().chain(after.tree.keys());
        let mut paths: BTreeSet<String> = both.filter(|p| before.tree.get(*p) != after.tree.get(*p)).cloned().collect();
        if paths.is_empty() {
            let bytes = |view: &View, path: &String| view.files.get(path).map(|f| f.bytes.clone());
            let both = before.files.keys().chain(after.files.keys());
            paths = both.filter(|p| bytes(&before, p) != bytes(&after, p)).cloned().collect();
        }
        Wanted { before, after, paths }
    }

    /// Whether the command leaves the commit to the user.
    fn stages_only(&self) -> bool {
        self.before.tree == self.after.tree
    }

    /// Whether the change is in HEAD; of a command that commits nothing, whether it is in the index and the work tree.
    pub fn landed(&self, now: &View) -> bool {
        let bytes = |view: &View, path: &String| view.files.get(path).map(|f| f.bytes.clone());
        let there = || self.paths.iter().all(|p| bytes(now, p) == bytes(&self.after, p));
        now.tree == self.after.tree && (!self.stages_only() || now.index == self.after.index && there())
    }

    /// What must hold at any time, also of a state that was left half-way.
    pub fn always(&self, copy: &Copy<'_>, start: &View, now: &View) -> Violations {
        let mut found = Vec::new();
        if now.tree != self.before.tree && now.tree != self.after.tree {
            say(&mut found, 2, "HEAD's tree is neither the old nor the intended one");
        }
        let in_head = deals(now.tree.keys());
        let (old, new) = (deals(self.before.tree.keys()), deals(self.after.tree.keys()));
        for id in old.keys().filter(|id| in_head.get(*id) != old.get(*id) && in_head.get(*id) != new.get(*id)) {
            say(&mut found, 1, format!("{id} is {} times in HEAD", in_head.get(id).unwrap_or(&0)));
        }
        let on_disk = deals(now.files.keys());
        let stays = |id: &&&str| new.contains_key(**id) && !on_disk.contains_key(**id);
        for id in old.keys().filter(stays) {
            say(&mut found, 1, format!("{id} is nowhere in the work tree"));
        }
        // A new name is there before the old one goes.
        let only = |one: &View, other: &View| -> Vec<String> {
            self.paths.iter().filter(|p| one.files.contains_key(*p) && !other.files.contains_key(*p)).cloned().collect()
        };
        let (go, come) = (only(&self.before, &self.after), only(&self.after, &self.before));
        let gone = go.iter().filter(|p| !now.files.contains_key(*p)).count();
        let come_already = come.iter().filter(|p| now.files.contains_key(*p)).count();
        if gone > come_already + go.len().saturating_sub(come.len()) {
            say(&mut found, 1, format!("{gone} files are gone and only {come_already} in their new places"));
        }
        let all = start.files.keys().chain(now.files.keys()).collect::<BTreeSet<_>>();
        for path in all {
            let (was, is) = (start.files.get(path), now.files.get(path));
            if self.paths.contains(path) {
                let old = self.before.files.get(path).map(|f| &f.bytes);
                let new = self.after.files.get(path).map(|f| &f.bytes);
                let is = is.map(|f| &f.bytes);
                if is.is_some() && is != old && is != new {
                    say(&mut found, 2, format!("{path} has neither the old nor the intended bytes"));
                }
            } else if was != is && !is_temporary(path) {
                say(&mut found, 5, format!("{path} in the work tree is not as it was"));
            }
        }
        let ours = |key: &str| self.paths.contains(&key[2..]);
        for key in start.index.keys().chain(now.index.keys()).collect::<BTreeSet<_>>() {
            let is = now.index.get(key);
            if !ours(key) && start.index.get(key) != is {
                say(&mut found, 5, format!("{} in the index is not as it was", &key[2..]));
            } else if ours(key) && is != self.before.index.get(key) && is != self.after.index.get(key) {
                say(&mut found, 2, format!("{} in the index is neither old nor intended", &key[2..]));
            }
        }
        found.extend(self.commits(copy, start, now));
        found
    }

    /// The commits since `start`: one or none, of the command's paths only.
    fn commits(&self, copy: &Copy<'_>, start: &View, now: &View) -> Violations {
        let mut found = Vec::new();
        let wanted = usize::from(self.landed(now) && now.tree != self.before.tree);
        let range = format!("{}..{}", start.head, now.head);
        let log = copy.git(&["log", "--format=:%H %P", "--name-only", "--no-renames", &range]).out;
        let commits: Vec<&str> = log.lines().filter_map(|l| l.strip_prefix(':')).collect();
        if commits.len() != wanted {
            say(&mut found, 6, format!("{} commits instead of {wanted}", commits.len()));
        }
        if commits.iter().any(|c| c.split(' ').count() != 2)
            || commits.last().is_some_and(|c| !c.ends_with(&start.head))
        {
            say(&mut found, 6, "the commits are not one after the other");
        }
        for path in log.lines().filter(|l| !l.is_empty() && !l.starts_with(':') && !self.paths.contains(*l)) {
            say(&mut found, 6, format!("{path} was committed as well"));
        }
        // git writes the line of the branch, moves the branch, and writes the line of HEAD. A process may end between
        // any two of them, so that the branch may have a line too many for each time that it ended there, and HEAD one
        // too few.
        let (head, branch) = (now.reflogs.0 - start.reflogs.0, now.reflogs.1 - start.reflogs.1);
        if branch < wanted || branch > wanted + 2 || head > branch {
            say(&mut found, 9, format!("{branch} lines in the branch's log and {head} in HEAD's for {wanted} commits"));
        }
        found
    }

    /// What must hold when nothing was done.
    pub fn untouched(&self, start: &View, now: &View) -> Violations {
        let mut found = Vec::new();
        if now.head != start.head {
            say(&mut found, 7, "HEAD has moved");
        }
        if now.files != start.files {
            say(&mut found, 7, format!("the work tree is not as it was: {}", differing(&start.files, &now.files)));
        }
        if now.index != start.index {
            say(&mut found, 7, format!("the index is not as it was: {}", differing(&start.index, &now.index)));
        }
        found
    }

    /// What must hold when all is done and nothing is pending.
    pub fn complete(&self, now: &View) -> Violations {
        let mut found = Vec::new();
        if !self.landed(now) {
            say(&mut found, 7, "the change is not in HEAD");
        }
        let on_disk = deals(now.files.keys().filter(|p| !is_temporary(p)));
        for (id, count) in deals(self.after.files.keys()) {
            if on_disk.get(id) != Some(&count) {
                say(&mut found, 1, format!("{id} is {} times in the work tree", on_disk.get(id).unwrap_or(&0)));
            }
        }
        for path in &self.paths {
            let bytes = |view: &View| view.files.get(path).map(|f| f.bytes.clone());
            if bytes(now) != bytes(&self.after) {
                say(&mut found, 2, format!("{path} in the work tree has not the intended bytes"));
            }
        }
        if now.index != self.after.index {
            say(
                &mut found,
                2,
                format!("the index is not the intended one: {}", differing(&self.after.index, &now.index)),
            );
        }
        if now.status != self.after.status {
            say(&mut found, 3, format!("git status says\n{}instead of\n{}", now.status, self.after.status));
        }
        found
    }

    /// What must not be there when nothing is pending.
    pub fn nothing_left_over(&self, now: &View) -> Violations {
        let mut found = Vec::new();
        for name in now.git_files.difference(&self.after.git_files) {
            say(&mut found, 4, format!(".git/{name} is left over"));
        }
        for name in now.files.keys().filter(|n| is_temporary(n)) {
            say(&mut found, 4, format!("{name} is left over"));
        }
        found
    }

    /// Whether the exit code of a run that ended by itself tells what is; `unheard` when it could not print.
    pub fn truth(&self, copy: &Copy<'_>, start: &View, now: &View, ran: &Ran, unheard: bool) -> Violations {
        let mut found = Vec::new();
        let journal = copy.path().join(".git/tussock/journal").exists();
        let landed = self.landed(now);
        match ran.code {
            0 => {
                found.extend(self.complete(now));
                if journal {
                    say(&mut found, 4, "exit 0 with a journal left");
                }
            }
            9 if !landed && !self.stages_only() => say(&mut found, 7, "exit 9, but the change is not in HEAD"),
            9 if !journal => say(&mut found, 7, "exit 9, but there is no journal to go on from"),
            9 => {}
            // Stopped by a signal: before the change or after all of it.
            129 | 130 | 143 if landed => found.extend(self.complete(now)),
            // When git failed and the branch cannot be read either, nobody can know. What comes next finds out.
            8 if journal && ran.err.contains("it is not known whether commit ") => {}
            // The index goes before the branch, and a disk that fails from then on keeps it there.
            8 if journal && !landed && ran.err.contains("the index already has the change and cannot be put back") => {}
            8 if landed && unheard => found.extend(self.complete(now)),
            code if landed => say(&mut found, 7, format!("exit {code}, but the change is in HEAD")),
            _ => found.extend(self.untouched(start, now)),
        }
        found
    }
}

/// Whether a name is that of a file which is written before it takes its place.
fn is_temporary(path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|n| n.to_string_lossy().starts_with(".tussock-"))
}

/// The first few keys in which two maps differ.
fn differing<V: PartialEq>(one: &BTreeMap<String, V>, other: &BTreeMap<String, V>) -> String {
    let all: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let all: Vec<&str> = all.into_iter().filter(|k| one.get(*k) != other.get(*k)).map(String::as_str).collect();
    all.iter().take(4).copied().collect::<Vec<_>>().join(", ")
}
