//! The files of the pipeline: emptied ones, lost ones, and what a crashed write left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::patient::is_pipeline_file;
use super::{Ailment, Kind, Patient, advise, curable, named};
use crate::format::pipeline::PLACEHOLDER;
use crate::format::shell::shell_word;
use crate::repo::discover::is_repository;
use crate::repo::error::WriteError;
use crate::repo::lock;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::parse_id;

/// How the names of the transaction's scratch folders begin.
pub(super) const SCRATCH: &str = "tx-";

/// How many paths one run of git is given.
const AT_ONCE: usize = 500;

/// Where a file is restored from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The last commit.
    Head,
    /// What is staged.
    Index,
}

pub(super) fn damaged(patient: &Patient, holding: bool) -> Result<Vec<Ailment>, WriteError> {
    let seen = Seen::look(patient)?;
    let mut ailments = Vec::new();
    // While another tussock writes, these are its own.
    if holding || !lock::is_held(patient.place()?) {
        ailments.extend(leftovers(patient, &seen)?);
    }
    ailments.extend(emptied(patient, &seen)?);
    ailments.extend(missing(patient, &seen)?);
    Ok(ailments)
}

/// What lies in the pipeline's folder, as far as it matters here.
#[derive(Default)]
struct Seen {
    /// Half-written files.
    leftovers: Vec<PathBuf>,
    /// Files without a byte, below the repository's root.
    empty: Vec<String>,
    /// The ids of all deals, by file name.
    deals: BTreeSet<String>,
}

impl Seen {
    fn look(patient: &Patient) -> Result<Seen, WriteError> {
        let mut seen = Seen::default();
        if !patient.has_pipeline {
            return Ok(seen);
        }
        let root = &patient.home.root;
        let mut folders = vec![(root.clone(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for item in std::fs::read_dir(&folder).map_err(WriteError::io("list", &folder))? {
                let item = item.map_err(WriteError::io("list", &folder))?;
                let path = item.path();
                let kind = item.file_type().map_err(WriteError::io("look at", &path))?;
                // Names that are not UTF-8 are none of ours.
                let Ok(name) = item.file_name().into_string() else { continue };
                if kind.is_dir() {
                    if !name.starts_with('.') && !is_repository(&path) {
                        folders.push((path, format!("{prefix}{name}/")));
                    }
                    continue;
                }
                if !kind.is_file() {
                    continue;
                }
                if name.starts_with(".tussock-") && name.ends_with(".tmp") {
                    seen.leftovers.push(path);
                    continue;
                }
                let Some(stem) = name.strip_suffix(".yaml") else { continue };
                match item.metadata() {
                    Ok(about) if about.len() == 0 => {
                        seen.empty.push(patient.home.in_repository(&format!("{prefix}{name}")));
                    }
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(WriteError::io("look at", &path)(e)),
                }
                seen.deals.insert(stem.to_owned());
            }
        }
        seen.leftovers.sort();
        seen.empty.sort();
        Ok(seen)
    }
}

/// What a write that crashed has left: files beside their place, and scratch folders.
fn leftovers(patient: &Patient, seen: &Seen) -> Result<Vec<Ailment>, WriteError> {
    let place = patient.place()?;
    let mut found = seen.leftovers.clone();
    let mut folders = vec![place.git_dir.join("tussock"), place.own_folder()];
    folders.dedup();
    for folder in folders {
        match std::fs::read_dir(&folder) {
            Ok(listed) => {
                for item in listed {
                    let item = item.map_err(WriteError::io("list", &folder))?;
                    if item.file_name().to_string_lossy().starts_with(SCRATCH) {
                        found.push(item.path());
                    }
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(WriteError::io("list", &folder)(e)),
        }
    }
    if found.is_empty() {
        return Ok(Vec::new());
    }
    found.sort();
    let names: Vec<String> = found.iter().map(|p| patient.shown(p)).collect();
    let what = format!("a write that did not end has left {}", named(&names));
    let does = if names.len() == 1 { "removes it; no command reads it" } else { "removes them; no command reads them" };
    Ok(vec![curable(what, does, Kind::RemoveLeftovers(found))])
}

pub(super) fn remove(paths: &[PathBuf]) -> Result<(), WriteError> {
    for path in paths {
        let folder = path.symlink_metadata().map_err(WriteError::io("look at", path))?.is_dir();
        let removed = if folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        removed.map_err(WriteError::io("remove", path))?;
    }
    Ok(())
}

/// The blob of each of some paths in the last commit and in the index.
struct Known {
    head: BTreeMap<String, ObjectId>,
    index: BTreeMap<String, ObjectId>,
}

impl Known {
    fn of(patient: &Patient, paths: &[String]) -> Result<Known, WriteError> {
        let mut known = Known { head: BTreeMap::new(), index: BTreeMap::new() };
        let has_head = patient.head()?.is_some();
        for some in paths.chunks(AT_ONCE) {
            if has_head {
                let run = patient.reading("ls-tree").args(["-z", "--full-tree", "HEAD", "--"]).args(some);
                known.head.extend(entries(&run.bytes()?));
            }
            let run = patient.reading("ls-files").args(["--stage", "-z", "--"]).args(some);
            known.index.extend(entries(&run.bytes()?));
        }
        Ok(known)
    }
}

/// Path and blob of each line of `git ls-tree` or `git ls-files --stage`.
fn entries(out: &[u8]) -> Vec<(String, ObjectId)> {
    let lines = out.split(|b| *b == 0).filter_map(|line| std::str::from_utf8(line).ok()?.split_once('\t'));
    lines
        .filter_map(|(about, path)| {
            Some((path.to_owned(), about.split(' ').filter(|p| p.len() >= 40).find_map(parse_id)?))
        })
        .collect()
}

/// Files of which nothing is left, though git has them.
fn emptied(patient: &Patient, seen: &Seen) -> Result<Vec<Ailment>, WriteError> {
    if seen.empty.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::of(patient, &seen.empty)?;
    let filled = filled(patient, known.head.values().chain(known.index.values()).copied().collect())?;
    let mut ailments = Vec::new();
    for path in &seen.empty {
        let full = |id: &&ObjectId| filled.contains(id);
        let (head, index) = (known.head.get(path).filter(full), known.index.get(path).filter(full));
        let (what, does, from) = match (head, index) {
            (Some(head), Some(index)) if head != index => {
                ("a version is staged", "writes the file again as it is staged", From::Index)
            }
            (None, Some(_)) => ("a version is staged", "writes the file again as it is staged", From::Index),
            (Some(_), _) => ("HEAD has a version", "writes the file again as it was last committed", From::Head),
            (None, None) => continue,
        };
        let kind = Kind::RestoreFile { path: path.clone(), from };
        ailments.push(curable(format!("{path} is empty; {what}"), does, kind));
    }
    Ok(ailments)
}

/// Those of some blobs that hold something.
fn filled(patient: &Patient, ids: Vec<ObjectId>) -> Result<BTreeSet<ObjectId>, WriteError> {
    let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let run = patient.reading("cat-file").args(["--batch-check=%(objectname) %(objectsize)"]);
    let out = run.stdin(input.as_bytes()).bytes()?;
    let out = String::from_utf8_lossy(&out);
    let lines = out.lines().filter_map(|l| l.split_once(' '));
    Ok(lines.filter(|(_, size)| size.parse::<u64>().is_ok_and(|s| s > 0)).filter_map(|(id, _)| parse_id(id)).collect())
}

/// Tracked files that are gone: placeholders come back, deals are only named, since somebody may have meant it.
fn missing(patient: &Patient, seen: &Seen) -> Result<Vec<Ailment>, WriteError> {
    let mut run = patient.reading("ls-files").args(["--deleted", "-z"]);
    if !patient.home.prefix.is_empty() {
        run = run.args(["--", &patient.home.prefix]);
    }
    let out = run.bytes()?;
    let mut gone: Vec<&str> = out.split(|b| *b == 0).filter_map(|p| std::str::from_utf8(p).ok()).collect();
    gone.retain(|p| !p.is_empty());
    gone.dedup();
    let mut ailments = Vec::new();
    for path in gone {
        let name = path.rsplit('/').next().unwrap_or(path);
        if patient.has_pipeline && name == PLACEHOLDER {
            let kind = Kind::RestoreFile { path: path.to_owned(), from: From::Index };
            ailments.push(curable(format!("{path} is gone; git has it"), "writes the file again", kind));
            continue;
        }
        let is_deal = name.strip_suffix(".yaml").is_some_and(|stem| patient.has_pipeline && !seen.deals.contains(stem));
        if is_deal || is_pipeline_file(path) {
            ailments.push(advise(
                format!("{path} is tracked by git and nowhere in the work tree"),
                format!(
                    "`git restore -- :/{}` brings it back; if it was to go, commit that it is gone",
                    shell_word(path)
                ),
            ));
        }
    }
    Ok(ailments)
}

pub(super) fn restore(patient: &Patient, path: &str, from: From) -> Result<(), WriteError> {
    let spec = if from == From::Head { format!("HEAD:{path}") } else { format!(":{path}") };
    let bytes = patient.reading("cat-file").args(["--filters", &spec]).bytes()?;
    let workdir = patient.workdir()?;
    no_link_above(workdir, path)?;
    let full = workdir.join(path);
    let folder = full.parent().unwrap_or(&full);
    let fsync = patient.program().fsync();
    let write = || -> io::Result<bool> {
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tussock-").suffix(".tmp");
        if let Some(permissions) = fresh() {
            builder.permissions(permissions);
        }
        let mut temp = builder.tempfile_in(folder)?;
        temp.write_all(&bytes)?;
        if let Ok(old) = full.symlink_metadata() {
            temp.as_file().set_permissions(old.permissions())?;
        }
        if fsync {
            temp.as_file().sync_all()?;
        }
        // Whoever has written into it meanwhile knows better.
        if full.symlink_metadata().is_ok_and(|now| now.len() > 0) {
            return Ok(false);
        }
        temp.persist(&full).map(|_| true).map_err(|e| e.error)
    };
    if !write().map_err(WriteError::io("write", &full))? {
        return Err(WriteError::Conflict { what: format!("{path} was changed") });
    }
    if fsync {
        flush(folder)?;
    }
    match from {
        // The emptied file may have been staged meanwhile.
        From::Head => patient.writing("reset").args(["--quiet", "HEAD", "--", path]).bytes()?,
        From::Index => patient.writing("add").args(["--refresh", "--", path]).bytes()?,
    };
    Ok(())
}

/// Makes sure that a file would be written where its path says, and not where a link leads.
fn no_link_above(workdir: &Path, path: &str) -> Result<(), WriteError> {
    for (end, _) in path.match_indices('/') {
        if workdir.join(&path[..end]).symlink_metadata().is_ok_and(|m| !m.is_dir()) {
            let reason = "a folder on the way to it is a link or a file";
            return Err(WriteError::BadPath { path: path.to_owned(), reason });
        }
    }
    Ok(())
}

/// The permissions of a new file, less what the user's umask takes away.
#[cfg(unix)]
fn fresh() -> Option<std::fs::Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn fresh() -> Option<std::fs::Permissions> {
    None
}

/// Flushes a folder, so that the names in it are on the disk.
#[cfg(unix)]
pub(super) fn flush(folder: &Path) -> Result<(), WriteError> {
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(WriteError::io("flush", folder))
}

/// Folders cannot be flushed on this system.
#[cfg(not(unix))]
pub(super) fn flush(_: &Path) -> Result<(), WriteError> {
    Ok(())
}
