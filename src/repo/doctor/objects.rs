//! Objects of git whose files are empty: a power cut came before their bytes were on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::branch::{is_whole, subject};
use super::{Ailment, Kind, Patient, advise, curable, failed, named};
use crate::repo::error::WriteError;
use crate::repo::git::Run;
use crate::repo::objects::ObjectId;
use crate::repo::snapshot::parse_id;

/// How an empty object is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is in a pack, too.
    Elsewhere,
    /// The work tree or the index give it again.
    Remade,
    /// Nothing refers to it.
    Unneeded,
}

pub(super) fn empty(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let sorted = sort(patient)?;
    let mut ailments = Vec::new();
    let listed = |ids: &[ObjectId]| named(&ids.iter().map(|id| label(&sorted.paths, *id)).collect::<Vec<_>>());
    for (how, does) in [
        (How::Elsewhere, "removes the empty file; the same object is whole in a pack"),
        (How::Remade, "writes it again from the file in the work tree, which has the very same content"),
        (How::Unneeded, "removes the empty file; nothing that is committed or staged needs the object"),
    ] {
        if let Some(ids) = sorted.curable.get(&(how as u8)) {
            let what = format!("{} empty: {}", count(ids.len()), listed(ids));
            ailments.push(curable(what, does, Kind::MendObjects { ids: ids.clone(), how }));
        }
    }
    if !sorted.lost.is_empty() {
        let what =
            format!("{} empty, and nothing here has the content: {}", count(sorted.lost.len()), listed(&sorted.lost));
        ailments.push(advise(what, way_out(patient)?));
    }
    Ok(ailments)
}

fn count(n: usize) -> String {
    if n == 1 { "an object of git is".to_owned() } else { format!("{n} objects of git are") }
}

/// An object with the file that it is of, where that is known.
fn label(paths: &BTreeMap<ObjectId, String>, id: ObjectId) -> String {
    match paths.get(&id) {
        Some(path) => format!("{} ({path})", id.short()),
        None => id.short().to_string(),
    }
}

/// What to do when an object is lost, with the last commit that is whole.
fn way_out(patient: &Patient) -> Result<String, WriteError> {
    let ran = patient.reading("rev-list").args(["--first-parent", "--max-count=20", "HEAD"]).run()?;
    let mut back = None;
    for (number, id) in String::from_utf8_lossy(&ran.out).lines().filter_map(parse_id).enumerate() {
        if is_whole(patient, id, None)? {
            back = Some((number, id));
            break;
        }
    }
    let remote = patient.reading("remote").run()?;
    let bring = match String::from_utf8_lossy(&remote.out).lines().next() {
        Some(remote) => format!("`git fetch --refetch {remote}` brings it if it was pushed; then run this again"),
        None => "copy its file from another clone or a backup".to_owned(),
    };
    Ok(match back {
        None => bring,
        Some((0, _)) => format!("the last commit is whole, only older ones need it; {bring}"),
        Some((_, id)) => {
            let subject = subject(patient, id)?;
            format!(
                "the last commit that is whole is {}, {subject}; {bring}; else `git reset {}` goes back to that commit \
                 and keeps the files",
                id.short(),
                id.short()
            )
        }
    })
}

/// The empty objects, by what can be done.
#[derive(Default)]
struct Sorted {
    /// By the number of the [`How`].
    curable: BTreeMap<u8, Vec<ObjectId>>,
    lost: Vec<ObjectId>,
    /// The tracked files that they are of.
    paths: BTreeMap<ObjectId, String>,
}

fn sort(patient: &Patient) -> Result<Sorted, WriteError> {
    let mut sorted = Sorted::default();
    let empty = find_empty(&patient.place()?.common_dir.join("objects"))?;
    if empty.is_empty() {
        return Ok(sorted);
    }
    let elsewhere = known_to_git(patient, &empty)?;
    let remade = Remade::from_files(patient, &empty, &mut sorted.paths)?;
    let mut left = Vec::new();
    for id in empty {
        let how = if elsewhere.contains(&id) {
            How::Elsewhere
        } else if remade.file(id).symlink_metadata().is_ok() {
            How::Remade
        } else {
            left.push(id);
            continue;
        };
        sorted.curable.entry(how as u8).or_default().push(id);
    }
    let needed = if left.is_empty() { Some(BTreeSet::new()) } else { needed(patient, &left)? };
    for id in left {
        match &needed {
            Some(needed) if !needed.contains(&id) => {
                sorted.curable.entry(How::Unneeded as u8).or_default().push(id);
            }
            _ => sorted.lost.push(id),
        }
    }
    Ok(sorted)
}

/// The loose objects of which nothing was written, sorted. Some file systems leave zeros instead of nothing.
fn find_empty(objects: &Path) -> Result<Vec<ObjectId>, WriteError> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(objects).map_err(WriteError::io("list", objects))? {
        let folder = folder.map_err(WriteError::io("list", objects))?.path();
        let Some(start) = folder.file_name().and_then(|n| n.to_str()).filter(|n| n.len() == 2) else { continue };
        for item in std::fs::read_dir(&folder).map_err(WriteError::io("list", &folder))? {
            let item = item.map_err(WriteError::io("list", &folder))?;
            let name = format!("{start}{}", item.file_name().to_string_lossy());
            let Some(id) = parse_id(&name) else { continue };
            let mut first = [0];
            match File::open(item.path()).and_then(|mut f| f.read(&mut first)) {
                Ok(0) => found.push(id),
                Ok(_) if first == [0] => found.push(id),
                Ok(_) => {}
                // Packed and removed since it was listed.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(WriteError::io("read", &item.path())(e)),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The objects that git can read all the same.
fn known_to_git(patient: &Patient, ids: &[ObjectId]) -> Result<BTreeSet<ObjectId>, WriteError> {
    let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let ran = patient.reading("cat-file").args(["--batch-check"]).stdin(input.as_bytes()).run()?;
    let out = String::from_utf8_lossy(&ran.out).into_owned();
    Ok(out.lines().filter(|l| !l.ends_with(" missing")).filter_map(|l| parse_id(l.split(' ').next()?)).collect())
}

/// Which of these the commits, the logs' branches or the index need; `None` where git cannot follow them all.
fn needed(patient: &Patient, ids: &[ObjectId]) -> Result<Option<BTreeSet<ObjectId>>, WriteError> {
    let ran = patient.reading("rev-list").args(["--objects", "--all", "--indexed-objects"]).run()?;
    if !ran.ok {
        return Ok(None);
    }
    let wanted: BTreeSet<String> = ids.iter().map(ObjectId::to_string).collect();
    let lines =
        ran.out.split(|b| *b == b'\n').filter_map(|l| std::str::from_utf8(l.split(|b| *b == b' ').next()?).ok());
    Ok(Some(lines.filter(|id| wanted.contains(*id)).filter_map(parse_id).collect()))
}

/// Objects that the work tree and the index give, in a store of their own outside of the repository.
pub(super) struct Remade {
    store: tempfile::TempDir,
}

impl Remade {
    /// Makes those of the empty objects that can be made; `None` where none is empty.
    pub fn of_empty(patient: &Patient) -> Result<Option<Remade>, WriteError> {
        let empty = find_empty(&patient.place()?.common_dir.join("objects"))?;
        if empty.is_empty() {
            return Ok(None);
        }
        Remade::from_files(patient, &empty, &mut BTreeMap::new()).map(Some)
    }

    /// Has a run of git look here first, and then in the repository.
    pub fn before_others<'p>(&self, run: Run<'p>, patient: &Patient) -> Result<Run<'p>, WriteError> {
        let objects = patient.place()?.common_dir.join("objects");
        // A list of folders, in which a quoted one may hold any character.
        let objects = format!("\"{}\"", objects.display().to_string().replace('\\', "\\\\").replace('"', "\\\""));
        Ok(run.env("GIT_OBJECT_DIRECTORY", self.store.path()).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", objects))
    }

    /// Makes those of `wanted` that can be made. Learns on the way which files they are of.
    fn from_files(
        patient: &Patient,
        wanted: &[ObjectId],
        paths: &mut BTreeMap<ObjectId, String>,
    ) -> Result<Remade, WriteError> {
        let store = tempfile::tempdir().map_err(|e| failed("create a temporary folder", e))?;
        let remade = Remade { store };
        let workdir = patient.workdir()?;
        let listed = patient.reading("ls-files").args(["--stage", "-z"]).run()?;
        let head = patient.reading("ls-tree").args(["-r", "-z", "--full-tree", "HEAD"]).run()?;
        let mut files = Vec::new();
        for entry in listed.out.split(|b| *b == 0).chain(head.out.split(|b| *b == 0)) {
            let Some((about, path)) = std::str::from_utf8(entry).ok().and_then(|e| e.split_once('\t')) else {
                continue;
            };
            let Some(id) = about.split(' ').filter(|p| p.len() >= 40).find_map(parse_id) else { continue };
            if wanted.binary_search(&id).is_ok() {
                paths.insert(id, path.to_owned());
                if workdir.join(path).symlink_metadata().is_ok_and(|m| m.is_file()) && !path.contains('\n') {
                    files.push(path.to_owned());
                }
            }
        }
        files.sort();
        files.dedup();
        if !files.is_empty() {
            let input: String = files.iter().map(|p| format!("{p}\n")).collect();
            // One that cannot be read is one that gives nothing.
            remade.writing(patient, "hash-object").args(["-w", "--stdin-paths"]).stdin(input.as_bytes()).run()?;
        }
        // The folders, too: an index that is as the commit was has their content.
        let ran = remade.writing(patient, "update-index").args(["-z", "--index-info"]).stdin(&listed.out).run()?;
        if listed.ok && ran.ok {
            remade.writing(patient, "write-tree").args(["--missing-ok"]).run()?;
        }
        Ok(remade)
    }

    /// A run of git that writes its objects and its index here.
    fn writing<'p>(&self, patient: &'p Patient, command: &str) -> Run<'p> {
        let run = patient.writing(command);
        run.env("GIT_OBJECT_DIRECTORY", self.store.path()).env("GIT_INDEX_FILE", self.store.path().join("index"))
    }

    /// Where an object is, if it was made.
    fn file(&self, id: ObjectId) -> PathBuf {
        loose(self.store.path(), id)
    }
}

/// The file of an object below a folder of objects.
fn loose(objects: &Path, id: ObjectId) -> PathBuf {
    let name = id.to_string();
    let (start, rest) = name.split_at(2);
    objects.join(start).join(rest)
}

pub(super) fn mend(patient: &Patient, ids: &[ObjectId], how: How) -> Result<(), WriteError> {
    let objects = patient.place()?.common_dir.join("objects");
    let remade = match how {
        How::Remade => Some(Remade::from_files(patient, ids, &mut BTreeMap::new())?),
        How::Elsewhere | How::Unneeded => None,
    };
    for id in ids {
        let path = loose(&objects, *id);
        match &remade {
            Some(remade) => {
                let bytes = std::fs::read(remade.file(*id)).map_err(WriteError::io("read", &remade.file(*id)))?;
                replace(&path, &bytes, patient.program().fsync())?;
            }
            None => std::fs::remove_file(&path).map_err(WriteError::io("remove", &path))?,
        }
    }
    if how == How::Unneeded {
        // Logs may still name them, and git would go on about that.
        let args = ["expire", "--expire=never", "--expire-unreachable=never", "--stale-fix", "--all"];
        patient.writing("reflog").args(args).bytes()?;
    }
    let known = known_to_git(patient, ids)?;
    if how != How::Unneeded && ids.iter().any(|id| !known.contains(id)) {
        return Err(failed("mend the objects", io::Error::other("git still cannot read them all")));
    }
    Ok(())
}

/// Puts an object's bytes in the place of its empty file.
fn replace(path: &Path, bytes: &[u8], fsync: bool) -> Result<(), WriteError> {
    let folder = path.parent().unwrap_or(path);
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("tmp_obj_");
        let mut temp = builder.tempfile_in(folder)?;
        temp.write_all(bytes)?;
        temp.as_file().set_permissions(path.metadata()?.permissions())?;
        if fsync {
            temp.as_file().sync_all()?;
        }
        temp.persist(path).map(drop).map_err(|e| e.error)
    };
    write().map_err(WriteError::io("write", path))?;
    if fsync { super::files::flush(folder) } else { Ok(()) }
}
