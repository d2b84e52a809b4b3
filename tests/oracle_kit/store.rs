//! Commits, trees and blobs of a repository, through one `git log` and one `git cat-file --batch`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

/// A commit, with its parents by number.
pub struct Commit {
    pub id: String,
    pub parents: Vec<usize>,
    pub tree: Rc<str>,
    /// The e-mail address by the mailmap of the tip, or the name where there is none.
    pub author: String,
    pub author_time: i64,
    pub committer_time: i64,
}

/// A file: its path below the folder that was listed, and its blob.
pub type File = (Rc<[u8]>, Rc<str>);

/// The objects of a repository that are reachable from a tip.
pub struct Store {
    /// Parents before children.
    pub commits: Vec<Commit>,
    pub tip: usize,
    batch: RefCell<Batch>,
    listed: RefCell<HashMap<Rc<str>, Rc<Vec<File>>>>,
    weight: std::cell::Cell<usize>,
}

struct Batch {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// git without anything of this machine.
pub fn git(repo: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(repo)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null());
    command
}

/// What git prints, which has to succeed.
pub fn output(repo: &Path, args: &[&str]) -> Vec<u8> {
    let out = git(repo).args(args).output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

impl Store {
    /// Opens the repository with what is reachable from a revision.
    pub fn open(repo: &Path, tip: &str) -> Store {
        let format = "--format=%H%x1f%P%x1f%T%x1f%at%x1f%ct%x1f%aE%x1f%aN";
        let blob = format!("mailmap.blob={tip}:.mailmap");
        let text = output(repo, &["-c", &blob, "log", "--topo-order", "--reverse", format, tip, "--"]);
        let (mut commits, mut numbers) = (Vec::new(), HashMap::new());
        for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let words: Vec<String> =
                line.split(|b| *b == 0x1f).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
            let [id, parents, tree, author_time, committer_time, mail, name] = &words[..] else { panic!("{words:?}") };
            numbers.insert(id.clone(), commits.len());
            commits.push(Commit {
                id: id.clone(),
                parents: parents.split_whitespace().map(|p| numbers[p]).collect(),
                tree: tree.as_str().into(),
                author: if mail.is_empty() { name.clone() } else { mail.clone() },
                author_time: author_time.parse().unwrap(),
                committer_time: committer_time.parse().unwrap(),
            });
        }
        let mut child =
            git(repo).args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Store {
            tip: commits.len() - 1,
            commits,
            batch: RefCell::new(Batch { child, to, from }),
            listed: RefCell::default(),
            weight: std::cell::Cell::new(0),
        }
    }

    /// The bytes of an object.
    pub fn object(&self, id: &str) -> Vec<u8> {
        let batch = &mut *self.batch.borrow_mut();
        writeln!(batch.to, "{id}").unwrap();
        batch.to.flush().unwrap();
        let mut head = String::new();
        batch.from.read_line(&mut head).unwrap();
        let size: usize = head.split_whitespace().nth(2).unwrap_or_else(|| panic!("{head:?}")).parse().unwrap();
        let mut bytes = vec![0; size + 1];
        batch.from.read_exact(&mut bytes).unwrap();
        bytes.pop();
        bytes
    }

    /// Every file below a tree, links and submodules left out, by path.
    pub fn files(&self, tree: &Rc<str>) -> Rc<Vec<File>> {
        if let Some(found) = self.listed.borrow().get(tree) {
            return found.clone();
        }
        let mut files = Vec::new();
        for (name, mode, id) in self.entries(tree) {
            match &*mode {
                "40000" => files.extend(
                    self.files(&id).iter().map(|(path, blob)| ([&name[..], b"/", path].concat().into(), blob.clone())),
                ),
                "100644" | "100755" | "100664" => files.push((name.into(), id)),
                _ => {}
            }
        }
        let files = Rc::new(files);
        self.weight.set(self.weight.get() + files.len());
        if self.weight.get() > 1_000_000 {
            self.listed.borrow_mut().clear();
            self.weight.set(0);
        }
        self.listed.borrow_mut().insert(tree.clone(), files.clone());
        files
    }

    /// The tree at a folder of a tree; "" is the tree itself.
    pub fn folder(&self, tree: &Rc<str>, path: &str) -> Option<Rc<str>> {
        let mut tree = tree.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let found = self.entries(&tree).into_iter().find(|(name, _, _)| name == part.as_bytes())?;
            tree = Some(found).filter(|(_, mode, _)| mode == "40000")?.2;
        }
        Some(tree)
    }

    /// The folders directly in a tree.
    pub fn folders(&self, tree: &str) -> Vec<(Vec<u8>, Rc<str>)> {
        let folders = self.entries(tree).into_iter().filter(|(_, mode, _)| mode == "40000");
        folders.map(|(name, _, id)| (name, id)).collect()
    }

    /// The blob of a file directly in a tree.
    pub fn file(&self, tree: &Rc<str>, name: &str) -> Option<Rc<str>> {
        let found = self.entries(tree).into_iter().find(|(n, mode, _)| n == name.as_bytes() && mode.starts_with("100"));
        found.map(|(_, _, id)| id)
    }

    fn entries(&self, tree: &str) -> Vec<(Vec<u8>, String, Rc<str>)> {
        let raw = self.object(tree);
        let (mut rest, mut entries) = (&raw[..], Vec::new());
        while !rest.is_empty() {
            let space = rest.iter().position(|b| *b == b' ').unwrap();
            let zero = rest.iter().position(|b| *b == 0).unwrap();
            let end = zero + 1 + tree.len() / 2;
            let id: String = rest[zero + 1..end].iter().map(|b| format!("{b:02x}")).collect();
            let mode = String::from_utf8_lossy(&rest[..space]).into_owned();
            entries.push((rest[space + 1..zero].to_vec(), mode, id.into()));
            rest = &rest[end..];
        }
        entries
    }

    /// The first-parent line, oldest first.
    pub fn line(&self) -> Vec<usize> {
        let mut line = vec![self.tip];
        while let Some(parent) = self.commits[line[line.len() - 1]].parents.first() {
            line.push(*parent);
        }
        line.reverse();
        line
    }
}

/// A folder that goes away with the repository in it.
pub fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("repo");
    std::fs::create_dir(&path).unwrap();
    output(&path, &["init", "-q", "-b", "main"]);
    (dir, path)
}
