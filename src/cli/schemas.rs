//! Writes the JSON Schemas of a pipeline into its folder.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use super::exit::{CommandError, Exit};
use crate::check::rule;
use crate::format::json_schema::{self, DEAL_FILE, FOLDER, PIPELINE_SCHEMA_FILE, RuleWords};
use crate::format::pipeline::Pipeline;

/// What became of one file.
pub enum Act {
    /// It is there now and was not before.
    Made,
    /// It has another text than before.
    Changed,
    /// It was right already.
    Kept,
    /// It was of a stage that is no more, or is not wanted any more.
    Removed,
}

/// The rules that a pipeline file may give a level, for its schema.
pub fn rule_words() -> Vec<RuleWords> {
    rule::all().iter().map(|rule| (rule.id, rule.summary)).collect()
}

/// Writes the schemas: of all deals, of the deals in each stage and end, and of the pipeline file; `common` leaves those of
/// the stages out. Schemas that tussock wrote before and that belong to nothing any more are removed. Gives the files below
/// the pipeline's folder with what became of each.
///
/// # Errors
/// When a file cannot be written, or the folder is a link.
pub fn write(root: &Path, pipeline: &Pipeline, common: bool) -> Result<Vec<(String, Act)>, CommandError> {
    let folder = root.join(FOLDER);
    let failed = |what: &str, e: &std::io::Error| CommandError::new(Exit::Io, format!("cannot write {what}: {e}"));
    if folder.symlink_metadata().is_ok_and(|about| !about.is_dir()) {
        let message = format!("{FOLDER} is no folder; nothing was written");
        return Err(CommandError::new(Exit::Io, message).hint("move it away, tussock follows no links"));
    }
    std::fs::create_dir_all(&folder).map_err(|e| failed(FOLDER, &e))?;
    let mut files = json_schema::files(pipeline, &rule_words());
    files.retain(|(path, _)| !common || path == DEAL_FILE || path == PIPELINE_SCHEMA_FILE);
    let mut acts = Vec::new();
    for (path, schema) in &files {
        let full = root.join(path);
        let there = std::fs::read_to_string(&full).ok().filter(|_| full.symlink_metadata().is_ok_and(|m| m.is_file()));
        let act = match there {
            Some(text) if json_schema::is_same(&text, schema) => Act::Kept,
            Some(_) => Act::Changed,
            None => Act::Made,
        };
        if !matches!(act, Act::Kept) {
            replace(&full, &json_schema::text(schema)).map_err(|e| failed(path, &e))?;
        }
        acts.push((path.clone(), act));
    }
    for path in left_over(root, &files).map_err(|e| failed(FOLDER, &e))? {
        std::fs::remove_file(root.join(&path)).map_err(|e| failed(&path, &e))?;
        acts.push((path, Act::Removed));
    }
    Ok(acts)
}

/// Writes a file whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn replace(full: &Path, text: &str) -> std::io::Result<()> {
    let folder = full.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are for their owner alone; these are for everybody who may read the others. What the user's mask
    // forbids is taken off by the system.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(full).map_err(|e| e.error)?;
    Ok(())
}

/// Schemas of deals that tussock wrote and that are not among these files.
fn left_over(root: &Path, files: &[(String, Value)]) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(FOLDER))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{FOLDER}/{name}");
        let of_stage = name.starts_with("deal.") && name.ends_with(".schema.json");
        if !of_stage || files.iter().any(|(known, _)| *known == path) || !entry.file_type()?.is_file() {
            continue;
        }
        if std::fs::read_to_string(entry.path()).is_ok_and(|text| json_schema::is_ours(&text)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
