//! Repositories written through `git fast-import`, commit by commit from full trees: hundreds of them in seconds.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;

use super::store::git;

/// Files by path.
pub type Files = BTreeMap<Vec<u8>, Rc<[u8]>>;

/// A commit to be written. Parents are numbers of commits before it.
#[derive(Clone, Debug)]
pub struct Made {
    pub parents: Vec<usize>,
    pub files: Rc<Files>,
    /// Name and address as they stand in a commit: `Olga <olga@example.com>`.
    pub author: Vec<u8>,
    pub author_time: i64,
    pub committer_time: i64,
    pub zone: &'static str,
    pub message: Vec<u8>,
}

/// Commits with the branches that point to them.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub commits: Vec<Made>,
}

impl Stream {
    /// Takes a commit; its number.
    pub fn add(&mut self, made: Made) -> usize {
        self.commits.push(made);
        self.commits.len() - 1
    }

    /// Writes everything into an empty repository and points `main` to a commit. The ids of the commits.
    pub fn write(&self, repo: &Path, main: usize) -> Vec<String> {
        self.write_from(repo, 0, &[], main)
    }

    /// Writes the commits from a number on into a repository that holds those before, under the ids given.
    pub fn write_from(&self, repo: &Path, first: usize, known: &[String], main: usize) -> Vec<String> {
        let mut text = Vec::new();
        let named = |number: usize| known.get(number).cloned().unwrap_or_else(|| format!(":{}", number + 1));
        for (number, made) in self.commits.iter().enumerate().skip(first) {
            // Each commit on a ref that begins where its first parent is.
            match made.parents.first() {
                Some(parent) => writeln!(text, "reset refs/made/tmp\nfrom {}\n", named(*parent)).unwrap(),
                None => writeln!(text, "reset refs/made/root-{number}\n").unwrap(),
            }
            let name = if made.parents.is_empty() { format!("root-{number}") } else { "tmp".into() };
            write!(text, "commit refs/made/{name}\nmark :{}\nauthor ", number + 1).unwrap();
            text.extend(&made.author);
            writeln!(text, " {} {}", made.author_time, made.zone).unwrap();
            writeln!(text, "committer C <c@example.com> {} {}", made.committer_time, made.zone).unwrap();
            data(&mut text, &made.message);
            if let Some(parent) = made.parents.first() {
                writeln!(text, "from {}", named(*parent)).unwrap();
            }
            for parent in made.parents.iter().skip(1) {
                writeln!(text, "merge {}", named(*parent)).unwrap();
            }
            let nothing = Files::new();
            let before = made.parents.first().map_or(&nothing, |parent| &*self.commits[*parent].files);
            for path in before.keys().filter(|path| !made.files.contains_key(*path)) {
                text.extend(b"D ");
                quoted(&mut text, path);
            }
            for (path, bytes) in made.files.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)) {
                text.extend(b"M 100644 inline ");
                quoted(&mut text, path);
                data(&mut text, bytes);
            }
            text.push(b'\n');
        }
        writeln!(text, "reset refs/heads/main\nfrom {}\n", named(main)).unwrap();
        let marks = repo.join(".git/made-marks");
        let mut child = git(repo)
            .args(["fast-import", "--quiet", "--force", "--date-format=raw-permissive"])
            .arg(format!("--export-marks={}", marks.display()))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&text).unwrap();
        assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&text));
        let mut ids = known.to_vec();
        ids.resize(self.commits.len(), String::new());
        for line in std::fs::read_to_string(&marks).unwrap().lines() {
            let (mark, id) = line.split_once(' ').unwrap();
            ids[mark[1..].parse::<usize>().unwrap() - 1] = id.to_owned();
        }
        std::fs::remove_file(marks).unwrap();
        ids
    }
}

fn data(text: &mut Vec<u8>, bytes: &[u8]) {
    writeln!(text, "data {}", bytes.len()).unwrap();
    text.extend(bytes);
    text.push(b'\n');
}

fn quoted(text: &mut Vec<u8>, path: &[u8]) {
    text.push(b'"');
    for byte in path {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', *byte]),
            b' '..=b'~' => text.push(*byte),
            _ => write!(text, "\\{byte:03o}").unwrap(),
        }
    }
    text.extend(b"\"\n");
}
