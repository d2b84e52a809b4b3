//! Findings as a review tells them.

use std::collections::BTreeSet;

use crate::check::{Files, Finding, Level, Report};
use crate::format::ident::DealId;
use crate::format::pipeline::{PIPELINE_FILE, Pipeline};
use crate::format::span::{LineIndex, Span};

use super::document;

/// The longest text that is told, in characters.
pub(super) const LONGEST: usize = 300;

/// A text that is not longer than a reader wants it.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A finding with the deal that it is about.
pub(super) struct Found {
    /// The deal.
    pub deal: Option<DealId>,
    /// Path below the pipeline's folder.
    pub path: String,
    /// As it is told.
    pub told: document::Finding,
}

impl Found {
    /// What stays the same where a file moves or its lines shift.
    pub fn key(&self) -> (String, String, String) {
        let about = self.deal.as_ref().map_or_else(|| self.path.clone(), DealId::to_string);
        // A sentence may name the place of its file.
        let what = self.told.criterion.clone().or(self.told.field.clone()).unwrap_or_default();
        (about, self.told.rule.clone(), what)
    }
}

/// The findings of a report. `named` makes a path of the repository out of one of the pipeline; those that were there
/// before are marked.
pub(super) fn told(
    report: &Report,
    files: &Files<'_>,
    pipeline: &Pipeline,
    named: &dyn Fn(&str) -> String,
    before: &[Found],
) -> Vec<Found> {
    let old: BTreeSet<_> = before.iter().map(Found::key).collect();
    let mut all: Vec<Found> = report.findings.iter().map(|finding| one(finding, files, pipeline, named)).collect();
    for found in &mut all {
        found.told.is_old = old.contains(&found.key());
    }
    all
}

fn one(finding: &Finding, files: &Files<'_>, pipeline: &Pipeline, named: &dyn Fn(&str) -> String) -> Found {
    let text = files.text(&finding.path).filter(|_| finding.span != Span::default());
    let line = text.map(|text| LineIndex::new(text).position(text, finding.span.start).line);
    let declared = finding.related.iter().filter(|related| related.path == PIPELINE_FILE);
    let criterion = declared.flat_map(|related| pipeline.criteria().find(|c| c.span == related.span)).next();
    let told = document::Finding {
        rule: finding.rule.id.to_owned(),
        level: level(finding.level),
        message: short(&finding.message),
        path: short(&named(&finding.path)),
        line,
        field: finding.field.as_deref().map(short),
        criterion: criterion.map(|criterion| criterion.id.to_string()),
        commands: finding.help.as_deref().map(commands).unwrap_or_default(),
        is_old: false,
    };
    Found { deal: finding.deal.clone(), path: finding.path.clone(), told }
}

/// The commands that an advice names.
fn commands(help: &str) -> Vec<String> {
    let quoted = help.split('`').skip(1).step_by(2);
    quoted.filter(|text| document::is_command(text)).map(short).collect()
}

/// The level of a document.
pub(super) fn level(level: Level) -> document::Level {
    match level {
        Level::Info => document::Level::Info,
        Level::Warning => document::Level::Warning,
        Level::Error => document::Level::Error,
    }
}
