//! git's index: the list of what is tracked and staged.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Ailment, Kind, Patient, advise, curable, failed};
use crate::format::shell::shell_word;
use crate::repo::error::WriteError;

/// What git keeps in its folder while something is half done.
const HALF_DONE: [&str; 6] =
    ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "sequencer"];

pub(super) fn broken(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    let place = patient.place()?;
    let path = place.index_file();
    let shown = patient.shown(&path);
    let what = match path.metadata() {
        Ok(about) if about.len() == 0 => format!("{shown}, git's index, is empty: git refuses every command"),
        Ok(_) => match damage(patient)? {
            Some(how) => format!("{shown}, git's index, is damaged: {how}"),
            None => return Ok(Vec::new()),
        },
        // An index of the caller's own begins as no file.
        Err(e) if e.kind() == io::ErrorKind::NotFound && place.index_from_env.is_some() => return Ok(Vec::new()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => match patient.head()? {
            Some(_) => format!("{shown}, git's index, is gone: git takes every file for deleted"),
            None => return Ok(Vec::new()),
        },
        Err(e) => return Err(WriteError::io("look at", &path)(e)),
    };
    if HALF_DONE.iter().any(|name| place.git_dir.join(name).symlink_metadata().is_ok()) {
        return Ok(vec![advise(
            format!("{what}; and a merge or the like is half done"),
            format!(
                "`rm -f {} && git reset` leaves the merge and keeps your files; then begin it again",
                shell_word(&shown)
            ),
        )]);
    }
    let does = "builds it anew from the last commit; the files stay as they are, but what was only staged is lost";
    Ok(vec![curable(what, does, Kind::RebuildIndex)])
}

/// What is wrong with the index. git itself does not look whether it is whole, libgit2 does.
fn damage(patient: &Patient) -> Result<Option<String>, WriteError> {
    let path = patient.place()?.index_file();
    let Err(error) = git2::Index::open(&path) else { return Ok(None) };
    // Forms that libgit2 does not know: git's word has to do.
    let format = patient.reading("rev-parse").args(["--show-object-format"]).run()?;
    let foreign = error.message().contains("unsupported mandatory extension");
    if foreign || format.out.starts_with(b"sha256") {
        let ran = patient.reading("ls-files").args(["--stage"]).run()?;
        let said = super::patient::first_line(&ran.err, "git cannot read it").to_owned();
        return Ok((!ran.ok).then_some(said));
    }
    Ok(Some(error.message().to_owned()))
}

pub(super) fn rebuild(patient: &Patient) -> Result<(), WriteError> {
    let place = patient.place()?;
    let path = place.index_file();
    let folder = place.git_dir.join("tussock");
    std::fs::create_dir_all(&folder).map_err(WriteError::io("create", &folder))?;
    let scratch = tempfile::Builder::new().prefix(super::files::SCRATCH).tempdir_in(&folder);
    let scratch = scratch.map_err(WriteError::io("create a folder in", &folder))?;
    let new = scratch.path().join("index");
    let head = patient.head()?.map_or_else(|| "--empty".to_owned(), |id| id.to_string());
    patient.writing("read-tree").env("GIT_INDEX_FILE", &new).args([head]).bytes()?;
    // Its exit code says whether files differ from the commit, which is no matter here.
    patient.writing("update-index").env("GIT_INDEX_FILE", &new).args(["-q", "--refresh"]).run()?;
    let bytes = std::fs::read(&new).map_err(WriteError::io("read", &new))?;

    let mut lock = path.as_os_str().to_owned();
    lock.push(".lock");
    let lock = PathBuf::from(lock);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&lock) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let holder = "another git process, or was left by one that crashed".to_owned();
            return Err(WriteError::Locked { what: lock.display().to_string(), holder });
        }
        Err(e) => return Err(WriteError::io("create", &lock)(e)),
    };
    let fsync = patient.program().fsync();
    let written = file.write_all(&bytes).and_then(|()| if fsync { file.sync_all() } else { Ok(()) });
    drop(file);
    if let Err(e) = written.and_then(|()| std::fs::rename(&lock, &path)) {
        // The lock is ours: left behind it would be the next ailment.
        let _ = std::fs::remove_file(&lock);
        return Err(failed(format!("write {}", path.display()), e));
    }
    if fsync {
        super::files::flush(&place.git_dir)?;
    }
    let sparse = patient.reading("config").args(["--type=bool", "--get", "core.sparseCheckout"]).run()?;
    if sparse.out.starts_with(b"true") {
        // Else all that the checkout leaves out would count as deleted.
        patient.writing("sparse-checkout").args(["reapply"]).bytes()?;
    }
    Ok(())
}
