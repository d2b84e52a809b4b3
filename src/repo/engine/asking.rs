//! One long-lived `git cat-file` that is asked for object after object.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread::JoinHandle;

use super::Found;
use crate::repo::git::{Git, GitError};
use crate::repo::objects::ObjectId;

/// Up to so many bytes of what the program complains about are kept.
const COMPLAINTS: u64 = 4096;

/// So many bytes are taken at once before they have come: a header may promise more than there is.
const AT_ONCE: u64 = 1 << 20;

/// The running program. It ends when this is dropped.
pub(super) struct CatFile {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<String>>,
}

impl CatFile {
    /// Starts it for a repository.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(git: &Git) -> Result<CatFile, GitError> {
        let mut child = git.command("cat-file").reading().args(["--batch"]).talk()?;
        let failed = |what| GitError::Start { command: "git cat-file".into(), source: io::Error::other(what) };
        let input = child.stdin.take().ok_or_else(|| failed("it has no input"))?;
        let output = child.stdout.take().ok_or_else(|| failed("it has no output"))?;
        // Read beside the answers: a program whose complaints nobody reads stands still.
        let complaints = child.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                let _ = pipe.by_ref().take(COMPLAINTS).read_to_end(&mut kept);
                let _ = io::copy(&mut pipe, &mut io::sink());
                String::from_utf8_lossy(&kept).into_owned()
            })
        });
        Ok(CatFile { child, input: Some(input), output: BufReader::new(output), complaints })
    }

    /// The object of an id, unless it has more than `most` bytes; `None` where there is none.
    ///
    /// # Errors
    /// When the program has ended or answers something else. It must not be asked again then.
    pub fn ask(&mut self, id: ObjectId, most: u64) -> io::Result<Option<Found>> {
        let odd = |answer: &str| io::Error::other(format!("`git cat-file` answered {answer:?}"));
        let input = self.input.as_mut().ok_or_else(|| io::Error::other("it has ended"))?;
        input.write_all(format!("{id}\n").as_bytes())?;
        input.flush()?;
        let mut head = String::new();
        if self.output.read_line(&mut head)? == 0 {
            return Err(io::Error::other("`git cat-file` ended without an answer"));
        }
        let words: Vec<&str> = head.split_whitespace().collect();
        let (kind, size) = match words.as_slice() {
            [_, "missing"] => return Ok(None),
            [name, kind, size] if *name == id.to_string() => ((*kind).to_owned(), size.parse::<u64>()),
            _ => return Err(odd(&head)),
        };
        let size = size.map_err(|_| odd(&head))?;
        let mut body = self.output.by_ref().take(size);
        let found = if size > most {
            io::copy(&mut body, &mut io::sink())?;
            Found::TooLarge
        } else {
            let mut bytes = Vec::with_capacity(size.min(AT_ONCE) as usize);
            body.read_to_end(&mut bytes)?;
            if bytes.len() as u64 != size {
                return Err(io::Error::other("`git cat-file` ended in the middle of an answer"));
            }
            Found::Read(kind, bytes)
        };
        let mut end = [0];
        self.output.read_exact(&mut end)?;
        Ok(Some(found))
    }

    /// Lets it end; returns what it complained about.
    pub fn end(mut self) -> String {
        self.close()
    }

    fn close(&mut self) -> String {
        drop(self.input.take());
        // It ends with its input. That it cannot be waited for changes nothing for the reader.
        let _ = self.child.wait();
        self.complaints.take().and_then(|c| c.join().ok()).unwrap_or_default()
    }
}

impl Drop for CatFile {
    fn drop(&mut self) {
        self.close();
    }
}
