//! How findings are printed: the formats for people, scripts, forges and build servers, on standard output and into files.

use std::path::PathBuf;

use clap::ValueEnum;

use super::Global;
use super::exit::CommandError;
use super::printing::write_whole;
use super::ui::Ui;
use super::workspace::current;
use crate::check::{Files, Level, Report, check_pipeline_file};
use crate::format::load::LoadError;
use crate::format::source::Source;
use crate::output::text::{Look, closing, render};
use crate::output::{
    findings_github, findings_gitlab, findings_json, findings_junit, findings_markdown, findings_rdjson, findings_sarif,
};
use crate::repo::discover::Home;

/// Columns of a text that goes to a file.
const FILE_COLUMNS: usize = 120;

/// A way to print findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// For people: the lines with carets
    Text,
    /// For scripts
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// For GitHub Actions: annotations beside the lines
    Github,
    /// For GitLab: a report of Code Quality
    Gitlab,
    /// For any build server: a report of tests
    Junit,
    /// For reviewdog, which comments on pull requests
    Rdjson,
    /// For the summary of a job
    Markdown,
    /// `github` in a job of GitHub Actions, else `text`
    Auto,
}

/// A second place for findings.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Also {
    format: Format,
    file: PathBuf,
}

/// Where findings go, and how.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct FindingFormats {
    /// How to print findings
    #[arg(long, value_name = "FORMAT", default_value = "text", value_enum)]
    format: Format,
    /// Write them into a file as well, in a format of its own, whole or not at all; can be given several times
    #[arg(long, value_name = "FORMAT=FILE", value_parser = also)]
    also: Vec<Also>,
}

/// Reads `sarif=out.sarif`.
fn also(text: &str) -> Result<Also, String> {
    let (format, file) = text.split_once('=').ok_or("write it as FORMAT=FILE, for example sarif=tussock.sarif")?;
    if file.is_empty() {
        return Err("the name of the file is missing after the =".to_owned());
    }
    match Format::from_str(format, false) {
        Ok(Format::Auto) | Err(_) => {
            let known: Vec<String> = Format::value_variants()
                .iter()
                .filter(|format| **format != Format::Auto)
                .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
                .collect();
            Err(format!("no format is called {format:?} here; there are {}", known.join(", ")))
        }
        Ok(format) => Ok(Also { format, file: PathBuf::from(file) }),
    }
}

impl Format {
    /// What `auto` stands for. GitLab has no annotations in its log, so that the text is the best there.
    fn settled(self) -> Format {
        let on_github = || std::env::var_os("GITHUB_ACTIONS").is_some_and(|it| it == "true");
        match self {
            Format::Auto if on_github() => Format::Github,
            Format::Auto => Format::Text,
            format => format,
        }
    }

    fn render(self, report: &Report, files: &Files<'_>, look: Look, fails_from: Level) -> String {
        match self {
            Format::Text | Format::Auto => render(report, files, look),
            Format::Json => findings_json::render(report, files),
            Format::Sarif => findings_sarif::render(report, files),
            Format::Github => findings_github::render(report, files),
            Format::Gitlab => findings_gitlab::render(report, files),
            Format::Junit => findings_junit::render(report, files, fails_from),
            Format::Rdjson => findings_rdjson::render(report, files),
            Format::Markdown => findings_markdown::render(report, files),
        }
    }
}

impl FindingFormats {
    /// Whether people alone read them, to whom silence says that all is well.
    pub(in crate::cli) fn is_text_only(&self) -> bool {
        self.format.settled() == Format::Text && self.also.is_empty()
    }

    /// Prints a report and writes it into the files that were asked for. `fails_from` is the level that the exit code is
    /// about. People's text names files from where they are, all else from the root of the repository.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(in crate::cli) fn print(
        &self,
        ui: &mut Ui,
        (global, home): (&Global, &Home),
        report: &Report,
        files: &Files<'_>,
        fails_from: Level,
    ) -> Result<(), CommandError> {
        self.write((global, home), report, files, fails_from)?;
        let look = Look { colour: ui.colour, columns: ui.columns() };
        let format = self.format.settled();
        if format == Format::Text {
            ui.print(format.render(report, files, look, fails_from));
        } else {
            ui.print(format.render(report, &files.clone().called_from(&home.prefix), look, fails_from));
        }
        if format == Format::Text && report.findings.is_empty() && ui.out_is_terminal {
            ui.note(closing(&report.summary));
        }
        Ok(())
    }

    /// Tells forges and scripts of a pipeline file that cannot be read. People are told on standard error in any case.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(in crate::cli) fn print_broken(
        &self,
        ui: &mut Ui,
        (global, home): (&Global, &Home),
        source: &dyn Source,
        error: &LoadError,
        fails_from: Level,
    ) -> Result<(), CommandError> {
        let LoadError::Broken { text, problems } = error else { return Ok(()) };
        let report = check_pipeline_file(problems);
        let files = Files::of_pipeline_file(text, source);
        match self.format.settled() {
            Format::Text => self.write((global, home), &report, &files, fails_from),
            _ => self.print(ui, (global, home), &report, &files, fails_from),
        }
    }

    /// Writes the files that were asked for.
    fn write(
        &self,
        (global, home): (&Global, &Home),
        report: &Report,
        files: &Files<'_>,
        fails_from: Level,
    ) -> Result<(), CommandError> {
        for also in &self.also {
            let look = Look { colour: false, columns: FILE_COLUMNS };
            let files = files.clone().called_from(&home.prefix);
            write_whole(&current(global)?.join(&also.file), &also.format.render(report, &files, look, fails_from))?;
        }
        Ok(())
    }
}
