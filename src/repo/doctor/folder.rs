//! The pipeline's folders: their placeholders, and how full they are.

use std::collections::BTreeMap;

use super::{Ailment, Cure, Kind, Mended, Patient, curable, named};
use crate::format::load::{LoadError, load_only};
use crate::format::pipeline::PLACEHOLDER;
use crate::format::source::{EntryKind, Source};
use crate::repo::error::WriteError;
use crate::repo::transaction::{self, Action, FileChange};
use crate::repo::worktree::WorkTree;

/// More files than this in one folder make git slow: each commit writes the whole list of them.
const CROWDED: usize = 2_000;

pub(super) fn incomplete(patient: &Patient) -> Result<Vec<Ailment>, WriteError> {
    if !patient.has_pipeline {
        return Ok(Vec::new());
    }
    let tree = WorkTree::new(&patient.home, &patient.home.root);
    let reading = match load_only(&tree, &|_| false) {
        Ok(reading) => reading,
        Err(LoadError::Io { path, source }) => return Err(super::failed(format!("read {path}"), source)),
        Err(LoadError::Broken { .. } | LoadError::NoPipeline) => {
            let what = "the pipeline file has errors, so the folders of its stages were not looked at; \
                        `tussock validate` shows them";
            return Ok(vec![Ailment { what: what.to_owned(), cure: Cure::Know(String::new()) }]);
        }
    };
    let mut ailments = Vec::new();
    let wanted = reading.without_placeholder.iter().map(|stage| format!("{stage}/{PLACEHOLDER}"));
    let mut wanted: Vec<String> = wanted.map(|p| patient.home.in_repository(&p)).collect();
    if !wanted.is_empty() {
        // What git has and the work tree lacks is a lost file, and not for a commit.
        let tracked = patient.reading("ls-files").args(["-z", "--"]).args(&wanted).bytes()?;
        let tracked: Vec<&[u8]> = tracked.split(|b| *b == 0).collect();
        wanted.retain(|p| !tracked.contains(&p.as_bytes()));
    }
    if !wanted.is_empty() {
        let what = format!(
            "without a {PLACEHOLDER} git drops the folder of a stage when its last deal leaves; missing: {}",
            named(&wanted)
        );
        ailments.push(curable(what, "adds the empty files in a commit", Kind::AddPlaceholders(wanted)));
    }
    let entries = tree.entries().map_err(|e| super::failed("list the pipeline's files", e))?;
    let mut files: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.kind == EntryKind::File) {
        if let Some((folder, _)) = entry.path.rsplit_once('/') {
            *files.entry(folder).or_default() += 1;
        }
    }
    for (folder, count) in files.into_iter().filter(|(_, count)| *count > CROWDED) {
        let is_year = folder.rsplit_once('/').is_some_and(|(_, name)| name.bytes().all(|b| b.is_ascii_digit()));
        if is_year {
            // Nothing better can be done, and nobody is helped by hearing it every time.
            continue;
        }
        let what = format!(
            "{} has {count} files in one folder, which makes every commit slower",
            patient.home.in_repository(folder)
        );
        let is_end = reading.pipeline.ends.iter().any(|end| end.id.as_str() == folder);
        let advice = match is_end {
            true => format!("closed deals can lie in a folder for each year, such as {folder}/2026"),
            false => "deals that nobody works on any more can be lost or recycled".to_owned(),
        };
        ailments.push(Ailment { what, cure: Cure::Know(advice) });
    }
    Ok(ailments)
}

pub(super) fn add_placeholders(
    patient: &Patient,
    paths: &[String],
    tell: &mut dyn FnMut(&str),
) -> Result<Mended, WriteError> {
    let missing = |p: &&String| patient.workdir().is_ok_and(|w| w.join(p).symlink_metadata().is_err());
    let changes: Vec<FileChange> = paths.iter().filter(missing).map(|p| FileChange::create(p, "")).collect();
    if changes.is_empty() {
        return Ok(Mended::Gone);
    }
    let subject = format!("Add {PLACEHOLDER} to the folders of stages");
    let action = Action { changes, subject, ..Action::default() };
    transaction::commit(&patient.home, patient.program(), &action, tell)?;
    Ok(Mended::Done)
}
