//! Writes commits in the language of `git fast-import`.

use std::collections::BTreeMap;

use super::replay::{Change, Commit, MAIN, OFFSET_HOURS};

/// The stream that makes these commits, the first of which is the root. Paths and names come from the embedded story
/// and hold nothing that would need quoting.
pub fn write(commits: &[Commit]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut tips: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, commit) in commits.iter().enumerate() {
        let mark = index + 1;
        line(&mut stream, format!("commit refs/heads/{}", commit.branch));
        line(&mut stream, format!("mark :{mark}"));
        for role in ["author", "committer"] {
            let by = &commit.by;
            line(&mut stream, format!("{role} {} <{}> {} +{OFFSET_HOURS:02}00", by.name, by.email, commit.at));
        }
        data(&mut stream, commit.message.as_bytes());
        if let Some(parent) = tips.get(commit.branch.as_str()).or_else(|| tips.get(MAIN)) {
            line(&mut stream, format!("from :{parent}"));
        }
        let merged = commit.merges.as_deref();
        if let Some(tip) = merged.and_then(|branch| tips.get(branch)) {
            line(&mut stream, format!("merge :{tip}"));
        }
        for change in &commit.changes {
            match change {
                Change::Remove(path) => line(&mut stream, format!("D {path}")),
                Change::Write(path, bytes) => {
                    line(&mut stream, format!("M 100644 inline {path}"));
                    data(&mut stream, bytes);
                }
            }
        }
        stream.push(b'\n');
        tips.insert(&commit.branch, mark);
        if let Some(branch) = merged {
            // A merged branch is done with; the zero id takes its name away.
            line(&mut stream, format!("reset refs/heads/{branch}\nfrom {}\n", "0".repeat(40)));
            tips.remove(branch);
        }
    }
    stream.extend_from_slice(b"done\n");
    stream
}

fn line(stream: &mut Vec<u8>, text: String) {
    stream.extend_from_slice(text.as_bytes());
    stream.push(b'\n');
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) {
    line(stream, format!("data {}", bytes.len()));
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}
