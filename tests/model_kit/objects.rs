//! Reads commits by git itself: one `git cat-file --batch` for a whole story.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use crate::kit::TestRepo;

/// A commit as git has it.
pub struct Commit {
    pub id: String,
    pub tree: String,
    pub parents: Vec<String>,
}

type Files = Rc<BTreeMap<String, String>>;

pub struct Objects {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folders: HashMap<String, Files>,
    files: HashMap<String, String>,
}

impl Objects {
    pub fn new(repo: &TestRepo) -> Objects {
        let mut command = Command::new("git");
        repo.hermetic(command.args(["cat-file", "--batch"])).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("git starts");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        Objects { child, input, output: BufReader::new(output), folders: HashMap::new(), files: HashMap::new() }
    }

    fn ask(&mut self, name: &str) -> Option<(String, Vec<u8>)> {
        let input = self.input.as_mut().expect("open");
        writeln!(input, "{name}").and_then(|()| input.flush()).expect("git reads");
        let mut header = String::new();
        self.output.read_line(&mut header).expect("git answers");
        let mut words = header.split_whitespace();
        let (id, _kind, size) = (words.next()?.to_owned(), words.next()?, words.next()?);
        let mut bytes = vec![0; size.parse::<usize>().expect("a size") + 1];
        self.output.read_exact(&mut bytes).expect("git answers");
        bytes.pop();
        Some((id, bytes))
    }

    /// The commit of a revision.
    pub fn commit(&mut self, revision: &str) -> Option<Commit> {
        let (id, bytes) = self.ask(revision)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let values = |key: &str| {
            let head = text.split("\n\n").next().unwrap_or_default();
            head.lines().filter_map(|l| Some(l.strip_prefix(key)?.to_owned())).collect::<Vec<_>>()
        };
        Some(Commit { id, tree: values("tree ").pop()?, parents: values("parent ") })
    }

    /// Every file of a tree, by path.
    pub fn files(&mut self, tree: &str) -> Files {
        if let Some(known) = self.folders.get(tree) {
            return known.clone();
        }
        let (_, raw) = self.ask(tree).unwrap_or_else(|| panic!("the tree {tree} is missing"));
        let mut found = BTreeMap::new();
        let mut rest = &raw[..];
        while let Some(end) = rest.iter().position(|b| *b == 0) {
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let (mode, name) = head.split_once(' ').expect("mode and name");
            let id: String = rest[end + 1..end + 21].iter().map(|b| format!("{b:02x}")).collect();
            rest = &rest[end + 21..];
            match mode {
                "40000" => {
                    let below = self.files(&id);
                    found.extend(below.iter().map(|(path, text)| (format!("{name}/{path}"), text.clone())));
                }
                "100644" => drop(found.insert(name.to_owned(), self.file(&id))),
                other => panic!("{name} has the mode {other}"),
            }
        }
        let found = Rc::new(found);
        self.folders.insert(tree.to_owned(), found.clone());
        found
    }

    fn file(&mut self, id: &str) -> String {
        if let Some(known) = self.files.get(id) {
            return known.clone();
        }
        let (_, bytes) = self.ask(id).unwrap_or_else(|| panic!("the blob {id} is missing"));
        let text = String::from_utf8(bytes).expect("a text");
        self.files.insert(id.to_owned(), text.clone());
        text
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
