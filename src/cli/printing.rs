//! Prints a report in the format that was asked for, on standard output or into a file.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Global;
use super::exit::{CommandError, Exit};
use super::rendering;
use super::ui::Ui;
use super::workspace::current;
use crate::output::text::Look;
use crate::output::{csv, html, json, page_text};
use crate::report::csv_table::table;
use crate::report::{Report, ReportError};

/// The style of a page, among the pipeline's own templates.
const STYLE: &str = "style.css";

/// Columns of a text that goes to a file.
const FILE_COLUMNS: usize = 120;

/// How a report is printed, and where.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Printing {
    /// How to print: text on a terminal, as the name of the file says, else md
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// In CSV, this table of the report instead of its main one
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Print the data that a template gets, as JSON
    #[arg(long, conflicts_with_all = ["format", "table"])]
    context: bool,
    /// Write into this file, whole or not at all; its ending (.md, .html, .json, .csv, .txt) says how
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A way to print a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Markdown with charts in Mermaid
    Md,
    /// One page for a browser, with its charts in it and nothing fetched from anywhere
    Html,
    /// Text as wide as the terminal
    Text,
    /// Every number, for scripts
    Json,
    /// One table, for spreadsheets
    Csv,
}

impl Format {
    /// As asked, or as the name of the file says; text on a terminal.
    ///
    /// # Errors
    /// When a table is asked for and no CSV.
    pub(in crate::cli) fn of(
        asked: Option<Format>,
        output: Option<&Path>,
        table: Option<&str>,
    ) -> Result<Format, CommandError> {
        let ending = output.and_then(Path::extension).and_then(|ending| ending.to_str());
        let format = match (asked, ending) {
            (Some(format), _) => format,
            (None, Some("json")) => Format::Json,
            (None, Some("csv")) => Format::Csv,
            (None, Some("html" | "htm")) => Format::Html,
            (None, Some("txt")) => Format::Text,
            (None, None) if output.is_none() && std::io::stdout().is_terminal() => Format::Text,
            (None, _) => Format::Md,
        };
        if table.is_some() && format != Format::Csv {
            return Err(CommandError::usage("--table belongs to CSV: add --format csv"));
        }
        Ok(format)
    }
}

impl Printing {
    /// How to print: as asked, or as the name of the file says.
    ///
    /// # Errors
    /// When a table is asked for and no CSV.
    pub(in crate::cli) fn format(&self) -> Result<Format, CommandError> {
        let asked = if self.context { Some(Format::Json) } else { self.format };
        Format::of(asked, self.output.as_deref(), self.table.as_deref())
    }

    /// Prints a report. `templates` are the pipeline's own.
    ///
    /// # Errors
    /// When a template fails, there is no such table, or the file cannot be written.
    pub(in crate::cli) fn print(
        &self,
        ui: &mut Ui,
        global: &Global,
        format: Format,
        report: &Report,
        templates: &BTreeMap<String, String>,
    ) -> Result<(), CommandError> {
        let page = || rendering::page(report, templates).map_err(failed);
        let text = match format {
            Format::Md => page()?.to_markdown(),
            Format::Html => {
                let style = templates.get(STYLE).map(String::as_str);
                html::render(&page()?, style).map_err(|e| CommandError::usage(e.to_string()))?
            }
            Format::Text => {
                // A file is no terminal, whatever the one is like that the command was typed in.
                let to_file = self.output.is_some();
                let columns = if to_file { FILE_COLUMNS } else { ui.columns() };
                page_text::render(&page()?, Look { colour: ui.colour && !to_file, columns })
            }
            Format::Json => json::escaped(&report.to_json().map_err(failed)?),
            Format::Csv => {
                let table = table(report, self.table.as_deref()).map_err(failed)?;
                let table = table.map_err(|e| CommandError::usage(e.to_string()))?;
                let written = csv::values(&table.columns, &table.rows);
                let bytes = written.map_err(|e| CommandError::new(Exit::Io, format!("cannot write the table: {e}")))?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        match &self.output {
            Some(file) => write_whole(&current(global)?.join(file), &text)?,
            None => ui.print(&text),
        }
        Ok(())
    }
}

/// A report that cannot be printed, as the command line says it.
pub(in crate::cli) fn failed(error: ReportError) -> CommandError {
    CommandError::usage(error.to_string())
}

/// Writes a file beside its place and renames it, so that a reader sees the old one or the new one.
///
/// # Errors
/// When the folder does not take it, or the file is a link, which is never followed.
pub(in crate::cli) fn write_whole(file: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot write {}: {e}", file.display()));
    if file.symlink_metadata().is_ok_and(|m| !m.is_file()) {
        return Err(CommandError::new(
            Exit::Io,
            format!("{} is not a regular file; links are not followed", file.display()),
        ));
    }
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut new = tempfile::Builder::new().prefix(".tussock-").tempfile_in(folder).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    // Temporary files are private; a report is as readable as any other file of the user.
    let mode = file.metadata().ok().map(|m| m.permissions());
    new.as_file().sync_all().map_err(failed)?;
    set_mode(new.as_file(), mode).map_err(failed)?;
    new.persist(file).map_err(|e| failed(e.error))?;
    Ok(())
}

fn set_mode(file: &std::fs::File, old: Option<std::fs::Permissions>) -> std::io::Result<()> {
    match old {
        Some(permissions) => file.set_permissions(permissions),
        None => readable(file),
    }
}

#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
