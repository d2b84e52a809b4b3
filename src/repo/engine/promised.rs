//! Objects that a partial clone has left at its remote.

use std::collections::BTreeSet;

use super::Repository;
use crate::repo::git::GitError;
use crate::repo::objects::ObjectId;

/// What is said of an object that could not be had.
pub(super) const NOT_FETCHED: &str = "this clone is partial, and its remote did not give it";

impl Repository {
    /// The remote that missing objects come from; `None` in a whole clone.
    pub(in crate::repo) fn promisor(&self) -> Option<&str> {
        let find = || match &self.library {
            Some(library) => {
                let config = library.config().ok()?.snapshot().ok()?;
                let mut found = None;
                let entries = config.entries(Some(r"^remote\..*\.promisor$")).ok()?;
                entries
                    .for_each(|entry| {
                        let name = entry.name().ok().and_then(|n| n.strip_prefix("remote.")?.strip_suffix(".promisor"));
                        if let Some(name) = name.filter(|_| found.is_none()) {
                            let yes = config.get_bool(&format!("remote.{name}.promisor")).unwrap_or(false);
                            found = yes.then(|| name.to_owned());
                        }
                    })
                    .ok()?;
                found.or_else(|| config.get_string("extensions.partialclone").ok())
            }
            None => {
                let pattern = r"^(remote\..*\.promisor|extensions\.partialclone)$";
                let git = self.git().ok()?;
                let run = git.command("config").reading().args(["-z", "--get-regexp", pattern]);
                let out = run.run().ok().filter(|ran| ran.ok)?.out;
                let text = String::from_utf8_lossy(&out).into_owned();
                let entries = text.split('\0').filter_map(|e| e.split_once('\n'));
                let named = |(key, value): (&str, &str)| match key.strip_prefix("remote.") {
                    Some(rest) => rest.strip_suffix(".promisor").map(str::to_owned),
                    None => Some(value.to_owned()),
                };
                entries.filter_map(named).next()
            }
        };
        self.promisor.get_or_init(|| find().filter(|name| !name.starts_with('-'))).as_deref()
    }

    /// Fetches those of some objects that a partial clone does not have, all at once. Does nothing in a whole clone.
    /// What cannot be had is told when it is read.
    pub(in crate::repo) fn prefetch(&self, ids: impl Iterator<Item = ObjectId>) {
        let Some(remote) = self.promisor() else { return };
        let no =
            std::env::var("GIT_NO_LAZY_FETCH").is_ok_and(|v| !matches!(v.as_str(), "" | "0" | "false" | "no" | "off"));
        let wanted: BTreeSet<ObjectId> = ids.collect();
        let Some(missing) = self.missing(&wanted).ok().filter(|m| m.len() > 1 && !no) else { return };
        let list: Vec<u8> = missing.iter().flat_map(|id| format!("{id}\n").into_bytes()).collect();
        // As git itself fetches what it finds missing on a checkout.
        let fetched = self.git().and_then(|git| {
            let run = git.command("fetch").reading().config("fetch.negotiationAlgorithm=noop");
            let quiet =
                ["--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none"];
            run.args(quiet).args(["--no-auto-maintenance", "--stdin", remote]).stdin(&list).bytes()
        });
        match (fetched, &self.library) {
            (Ok(_), Some(library)) => drop(library.odb().and_then(|odb| odb.refresh())),
            (Ok(_), None) => {}
            // Told once it is read: what is missing may never be asked for.
            (Err(e), _) => {
                let mut asked = self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let why = in_one_line(&e.to_string());
                asked.failed = Some(format!("{NOT_FETCHED}: {why}"));
            }
        }
    }

    /// Fetches what a partial clone does not have of the history of a folder. Does nothing in a whole clone.
    pub(in crate::repo) fn prefetch_history(&self, tip: ObjectId, folder: &str) {
        if self.promisor().is_none() {
            return;
        }
        let folder = if folder.is_empty() { "." } else { folder };
        let listed = self.git().and_then(|git| {
            let run = git.command("rev-list").reading();
            // Merges too: a merge may have a version of a file that no other commit has.
            let args = ["--objects", "--full-history", "--missing=print"];
            run.args(args).args([tip.to_string()]).args(["--", folder]).bytes()
        });
        // Where the list cannot be had, each file is fetched when it is read.
        let Ok(listed) = listed else { return };
        let missing = listed.split(|b| *b == b'\n').filter_map(|line| line.strip_prefix(b"?"));
        let ids = missing.filter_map(|hex| ObjectId::from_hex(std::str::from_utf8(hex).ok()?));
        self.prefetch(ids);
    }

    /// Which of some objects are not here.
    fn missing(&self, wanted: &BTreeSet<ObjectId>) -> Result<Vec<ObjectId>, GitError> {
        if let Some(odb) = self.library.as_ref().and_then(|library| library.odb().ok()) {
            let here = |id: &ObjectId| git2::Oid::from_bytes(id.as_bytes()).is_ok_and(|oid| odb.exists(oid));
            return Ok(wanted.iter().filter(|id| !here(id)).copied().collect());
        }
        let list: Vec<u8> = wanted.iter().flat_map(|id| format!("{id}\n").into_bytes()).collect();
        let git = self.git()?;
        let run = git.command("cat-file").reading().env("GIT_NO_LAZY_FETCH", "1");
        let out = run.args(["--batch-check=%(objectname)"]).stdin(&list).bytes()?;
        let lines = out.split(|b| *b == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
        Ok(lines.filter_map(|line| ObjectId::from_hex(line.strip_suffix(" missing")?)).collect())
    }
}

/// What a program complained about, as one line.
pub(super) fn in_one_line(complaint: &str) -> String {
    let lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}
