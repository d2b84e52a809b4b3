//! HEAD and the branch that is checked out.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::objects::Remade;
use super::patient::first_line;
use super::{Ailment, Kind, Patient, advise, curable, failed, named};
use crate::format::shell::shell_word;
use crate::repo::error::WriteError;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::parse_id;
use crate::repo::transaction;

/// How many entries of a branch's log are tried. Each try reads a whole tree.
const TRIES: usize = 50;

/// What the branch is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Restore {
    branch: String,
    to: ObjectId,
    /// What the log of the branch says it was at last.
    was: ObjectId,
    /// Whether the branch's own file cannot be read.
    unreadable: bool,
}

/// What HEAD says.
enum Head {
    Branch(String),
    Detached,
    /// git does not see a repository.
    Broken(&'static str),
    /// Refs are kept in another way than in files.
    NoFiles,
}

fn read_head(patient: &Patient) -> Result<Head, WriteError> {
    let place = patient.place()?;
    if place.common_dir.join("reftable").is_dir() {
        return Ok(Head::NoFiles);
    }
    let path = place.git_dir.join("HEAD");
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Head::Broken("is not there")),
        Err(e) => return Err(WriteError::io("read", &path)(e)),
    };
    let text = text.trim_end();
    Ok(match text.strip_prefix("ref:").map(str::trim_start) {
        Some(name) if name.starts_with("refs/") && !name.split('/').any(|p| p.is_empty() || p == "..") => {
            Head::Branch(name.to_owned())
        }
        None if parse_id(text).is_some() => Head::Detached,
        None if text.is_empty() || text.bytes().all(|b| b == 0) => Head::Broken("is empty"),
        _ => Head::Broken("holds neither a branch nor a commit"),
    })
}

/// Whether git sees a repository at all.
pub(super) fn head(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let Head::Broken(how) = read_head(patient)? else { return Ok(Vec::new()) };
    let place = patient.place()?;
    let path = patient.shown(&place.git_dir.join("HEAD"));
    let branches = branch_names(&place.common_dir);
    let advice = match branches.first() {
        Some(first) => {
            let which = if branches.len() == 1 { "the only branch is" } else { "the branches are" };
            let line = shell_word(&format!("ref: refs/heads/{first}"));
            format!("{which} {}; `echo {line} > {}` checks out {first}", named(&branches), shell_word(&path))
        }
        None => format!(
            "`echo 'ref: refs/heads/BRANCH' > {}` with the name of your branch brings it back",
            shell_word(&path)
        ),
    };
    Ok(vec![advise(format!("{path} {how}: git sees no repository here"), advice)])
}

/// The names of all branches, in files and packed, sorted.
fn branch_names(common_dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![(common_dir.join("refs/heads"), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for item in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let name = format!("{prefix}{}", item.file_name().to_string_lossy());
            match item.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((item.path(), format!("{name}/"))),
                Ok(_) if !name.ends_with(".lock") => names.push(name),
                _ => {}
            }
        }
    }
    let packed = std::fs::read_to_string(common_dir.join("packed-refs")).unwrap_or_default();
    names.extend(packed.lines().filter_map(|l| Some(l.split_once(" refs/heads/")?.1.to_owned())));
    names.sort();
    names.dedup();
    names
}

/// The file that git keeps a ref in. Only branches are shared by all work trees.
fn ref_file(patient: &Patient, name: &str) -> Result<PathBuf, WriteError> {
    Ok(patient.place()?.common_dir.join(name))
}

/// Whether the branch of HEAD is anywhere, readable or not.
pub(super) fn is_there(patient: &Patient) -> Result<bool, WriteError> {
    let name = match read_head(patient)? {
        Head::Branch(name) => name,
        Head::NoFiles => return Ok(!patient.reading("for-each-ref").args(["--count=1"]).bytes()?.is_empty()),
        Head::Detached | Head::Broken(_) => return Ok(true),
    };
    let packed = std::fs::read_to_string(patient.place()?.common_dir.join("packed-refs")).unwrap_or_default();
    Ok(ref_file(patient, &name)?.symlink_metadata().is_ok()
        || packed.lines().any(|l| l.split_once(' ').is_some_and(|(_, n)| n == name)))
}

pub(super) fn broken(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let Head::Branch(name) = read_head(patient)? else { return Ok(Vec::new()) };
    let file = ref_file(patient, &name)?;
    let log = log_entries(patient, &name)?;
    let short = name.strip_prefix("refs/heads/").unwrap_or(&name);
    let (what, unreadable) = match std::fs::read(&file) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            match parse_id(text.trim_end()) {
                Some(id) if is_commit(patient, id)? => return Ok(Vec::new()),
                Some(id) => (format!("the branch {short} is at commit {}, which cannot be read", id.short()), false),
                None if text.starts_with("ref:") => return Ok(Vec::new()),
                None if bytes.is_empty() => {
                    (format!("{} is empty, so the branch {short} has no commit", patient.shown(&file)), true)
                }
                None => (format!("{} is damaged, so the branch {short} has no commit", patient.shown(&file)), true),
            }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let ran = patient.reading("rev-parse").args(["--quiet", "--verify", &name]).run()?;
            match std::str::from_utf8(&ran.out).ok().and_then(|t| parse_id(t.trim())) {
                Some(id) if is_commit(patient, id)? => return Ok(Vec::new()),
                Some(id) => (format!("the branch {short} is at commit {}, which cannot be read", id.short()), false),
                // A branch without a commit has no log either.
                None if log.is_empty() => return Ok(Vec::new()),
                None => (format!("the branch {short} is gone, though its log is there"), false),
            }
        }
        Err(e) => return Err(WriteError::io("read", &file)(e)),
    };
    // A tussock that died has written down what it wanted, which the log may not have yet.
    let wanted = transaction::wanted_commit(patient.place()?, &name)?;
    let log: Vec<ObjectId> = log.into_iter().chain(wanted).collect();
    let Some(was) = log.last().copied() else {
        return Ok(vec![advise(what, without_log(patient, short)?)]);
    };
    let remade = Remade::of_empty(patient)?;
    let mut tried = Vec::new();
    for id in log.iter().rev() {
        if tried.contains(id) {
            continue;
        }
        if tried.len() == TRIES {
            break;
        }
        if is_whole(patient, *id, remade.as_ref())? {
            let lost = match tried.len() {
                0 => String::new(),
                1 => "; the commit after it is lost, its changes are still in the files".to_owned(),
                n => format!("; {n} commits after it are lost, their changes are still in the files"),
            };
            let does = format!("sets {short} to {}, {}{lost}", id.short(), subject(patient, *id)?);
            let restore = Restore { branch: name, to: *id, was, unreadable };
            return Ok(vec![curable(what, does, Kind::RestoreBranch(restore))]);
        }
        tried.push(*id);
    }
    Ok(vec![advise(what, without_log(patient, short)?)])
}

/// What to do where the log of the branch does not help.
fn without_log(patient: &Patient, short: &str) -> Result<String, WriteError> {
    let args = ["--no-reflogs", "--connectivity-only", "--no-progress", "--dangling"];
    // What it finds wrong is what we are here for; only what it prints counts.
    let ran = patient.reading("fsck").args(args).run()?;
    let mut newest: Option<(i64, ObjectId)> = None;
    for line in String::from_utf8_lossy(&ran.out).lines() {
        let Some(id) = line.strip_prefix("dangling commit ").and_then(parse_id) else { continue };
        let shown = patient.reading("show").args(["-s", "--format=%ct", &id.to_string()]).run()?;
        let Ok(time) = String::from_utf8_lossy(&shown.out).trim().parse::<i64>() else { continue };
        if newest.is_none_or(|(t, n)| (t, n.to_string()) < (time, id.to_string())) {
            newest = Some((time, id));
        }
    }
    Ok(match newest {
        Some((_, id)) => format!(
            "its log has no commit that is whole; the newest commit that no branch has is {}, {}: look at it with \
             `git show {}`, and if it is the one, `echo {id} > {}` sets the branch to it",
            id.short(),
            subject(patient, id)?,
            id.short(),
            shell_word(&patient.shown(&ref_file(patient, &format!("refs/heads/{short}"))?)),
        ),
        None => format!(
            "no commit for it is left here; clone again, or `git fetch` and set {short} to a branch of the remote"
        ),
    })
}

/// The commits that a branch was at by its log, oldest first. A line that is not whole does not count.
fn log_entries(patient: &Patient, name: &str) -> Result<Vec<ObjectId>, WriteError> {
    let path = patient.place()?.common_dir.join("logs").join(name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(WriteError::io("read", &path)(e)),
    };
    let text = String::from_utf8_lossy(&bytes);
    let whole = text.split_inclusive('\n').filter(|l| l.ends_with('\n'));
    Ok(whole.filter_map(|l| parse_id(l.split(' ').nth(1)?)).filter(|id| !is_null(*id)).collect())
}

fn is_null(id: ObjectId) -> bool {
    id.to_string().bytes().all(|b| b == b'0')
}

/// Whether the commit itself can be read.
pub(super) fn is_commit(patient: &Patient, id: ObjectId) -> Result<bool, WriteError> {
    Ok(patient.reading("cat-file").args(["commit", &id.to_string()]).run()?.ok)
}

/// Whether a commit can be read with all its folders and files, some of which may be among those made again.
pub(super) fn is_whole(patient: &Patient, id: ObjectId, remade: Option<&Remade>) -> Result<bool, WriteError> {
    let reading = |command| {
        let run = patient.reading(command);
        match remade {
            Some(remade) => remade.before_others(run, patient),
            None => Ok(run),
        }
    };
    let id = id.to_string();
    if !reading("cat-file")?.args(["commit", &id]).run()?.ok {
        return Ok(false);
    }
    let ran = reading("ls-tree")?.args(["-r", "-t", "-z", "--full-tree", &id]).run()?;
    if !ran.ok {
        return Ok(false);
    }
    let mut ids = Vec::new();
    for entry in ran.out.split(|b| *b == 0) {
        let mut parts = entry.split(|b| *b == b' ' || *b == b'\t');
        // Commits of submodules lie in other repositories.
        if let (Some(_), Some(b"blob" | b"tree"), Some(id)) = (parts.next(), parts.next(), parts.next()) {
            ids.extend(id);
            ids.push(b'\n');
        }
    }
    let ran = reading("cat-file")?.args(["--batch-check"]).stdin(&ids).run()?;
    Ok(ran.ok && !ran.out.split(|b| *b == b'\n').any(|l| l.ends_with(b" missing")))
}

/// The subject of a commit in quotation marks.
pub(super) fn subject(patient: &Patient, id: ObjectId) -> Result<String, WriteError> {
    let ran = patient.reading("show").args(["-s", "--format=%s", &id.to_string()]).run()?;
    Ok(format!("\"{}\"", first_line(&String::from_utf8_lossy(&ran.out), "no subject").trim()))
}

pub(super) fn restore(patient: &Patient, restore: &Restore) -> Result<(), WriteError> {
    let file = ref_file(patient, &restore.branch)?;
    if restore.unreadable {
        // git refuses to touch a ref that it cannot read. What its log says last is what the file held.
        put_ref(&file, restore.was, patient.program().fsync())?;
        if restore.was == restore.to {
            return Ok(());
        }
    }
    let run = patient.writing("update-ref").args(["-m", "tussock doctor: the last commit that is whole"]);
    run.args([&restore.branch, &restore.to.to_string()]).bytes()?;
    Ok(())
}

/// Writes the file of a ref as git does: under its lock, and whole or not at all.
fn put_ref(file: &Path, id: ObjectId, fsync: bool) -> Result<(), WriteError> {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let mut new = match OpenOptions::new().write(true).create_new(true).open(&lock) {
        Ok(new) => new,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let holder = "another git process, or was left by one that crashed".to_owned();
            return Err(WriteError::Locked { what: lock.display().to_string(), holder });
        }
        Err(e) => return Err(WriteError::io("create", &lock)(e)),
    };
    let written =
        new.write_all(format!("{id}\n").as_bytes()).and_then(|()| if fsync { new.sync_all() } else { Ok(()) });
    drop(new);
    let written = written.and_then(|()| std::fs::rename(&lock, file));
    if let Err(e) = written {
        // The lock is ours: left behind it would be the next ailment.
        let _ = std::fs::remove_file(&lock);
        return Err(failed(format!("write {}", file.display()), e));
    }
    if fsync && let Some(folder) = file.parent() {
        super::files::flush(folder)?;
    }
    Ok(())
}
