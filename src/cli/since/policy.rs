//! What a change does to the pipeline file, and what the file before it makes of the change.

use std::collections::HashSet;

use crate::check::fingerprint::fingerprints;
use crate::check::policy::{PolicyChange, compare};
use crate::check::{Circumstances, Finding, Level, Report, check_each, rule};
use crate::format::ident::StageId;
use crate::format::load::Listing;
use crate::format::pipeline::{PIPELINE_FILE, Pipeline};
use crate::format::schema::{FieldSpec, FieldType};

use super::NOWHERE;

/// The pipeline before a change with the names that the change gives its stages: a stage that is only called otherwise
/// asks for the same as before.
pub(super) fn with_new_names(base: &Pipeline, head: &Pipeline) -> Pipeline {
    let mut pipeline = base.clone();
    let now = |id: &StageId| {
        // A name that the file before has for something else is no new name.
        let now = head.current_name(id.as_str()).filter(|now| *now != id && base.place(now.as_str()).is_none());
        now.cloned()
    };
    for stage in &mut pipeline.stages {
        if let Some(now) = now(&stage.id) {
            stage.was.push(std::mem::replace(&mut stage.id, now));
        }
    }
    for end in &mut pipeline.ends {
        if let Some(now) = now(&end.id) {
            end.was.push(std::mem::replace(&mut end.id, now));
        }
    }
    if let Some(now) = pipeline.won_at.as_ref().and_then(now) {
        pipeline.won_at = Some(now);
    }
    for field in &mut pipeline.fields {
        rename_in(field, &now);
    }
    pipeline
}

fn rename_in(field: &mut FieldSpec, now: &dyn Fn(&StageId) -> Option<StageId>) {
    if let Some(now) = field.required_from.as_ref().and_then(now) {
        field.required_from = Some(now);
    }
    let inner = match &mut field.of {
        FieldType::Block(inner) => inner,
        FieldType::List(of) => match &mut **of {
            FieldType::Block(inner) => inner,
            _ => return,
        },
        _ => return,
    };
    inner.iter_mut().for_each(|field| rename_in(field, now));
}

/// Replaces what was found in the pipeline file by what is to be said of the change's own, and points nowhere into it
/// where the one from before is meant.
pub(super) fn of_own_file(own: &Listing, circumstances: &Circumstances<'_>, report: &mut Report) {
    for related in report.findings.iter_mut().flat_map(|finding| &mut finding.related) {
        if related.path == PIPELINE_FILE {
            related.span = NOWHERE;
            related.words.push_str(", before this change");
        }
    }
    report.retain(|finding| finding.path != PIPELINE_FILE);
    let alone = without_deals(own);
    let mut of_file = check_each(&alone, circumstances).report.findings;
    of_file.retain(|finding| finding.path == PIPELINE_FILE);
    report.add(&own.pipeline, of_file);
}

/// The pipeline file and what lies about, without any deal.
fn without_deals(listing: &Listing) -> Listing {
    Listing {
        pipeline: listing.pipeline.clone(),
        pipeline_text: listing.pipeline_text.clone(),
        pipeline_problems: listing.pipeline_problems.clone(),
        rates: listing.rates.clone(),
        deals: Vec::new(),
        names: Vec::new(),
        strays: Vec::new(),
        without_placeholder: Vec::new(),
    }
}

/// A field or a value that the file before did not know is no fault where the change declares it: that it may is told with
/// the change of the file. A stage that it did not know asks for nothing there, so that stays what it is.
pub(super) fn with_new_words(
    own: &Listing,
    circumstances: &Circumstances<'_>,
    report: &mut Report,
    touched: &dyn Fn(&Finding) -> bool,
) {
    let is_word = |finding: &Finding| matches!(finding.rule.id, "unknown-field" | "wrong-type");
    if !report.findings.iter().any(|finding| is_word(finding) && touched(finding)) {
        return;
    }
    let mut words = check_each(own, circumstances).report;
    words.retain(is_word);
    let known: HashSet<String> = fingerprints(&words).into_iter().collect();
    let prints = fingerprints(report);
    let mut told = Vec::new();
    for (finding, print) in report.findings.iter().zip(&prints) {
        if is_word(finding) && !known.contains(print) {
            let softer = finding.clone().at_most(Level::Warning);
            told.push(softer.with_help("this change declares it in pipeline.yaml; from then on it is in order"));
        }
    }
    let mut at = prints.iter();
    report.retain(|finding| {
        let print = at.next();
        !is_word(finding) || print.is_some_and(|print| known.contains(print))
    });
    // They have the levels that the pipeline gives them.
    report.findings.extend(told);
    report.add(&own.pipeline, Vec::new());
}

/// A finding for each thing that the file asks otherwise than before.
pub(super) fn changes(base: &Pipeline, head: &Pipeline) -> Vec<Finding> {
    let finding = |change: PolicyChange| {
        let how = if change.weakens { "pipeline.yaml asks for less: " } else { "pipeline.yaml changes: " };
        let span = change.after.unwrap_or(NOWHERE);
        let finding = Finding::new(rule::policy_change(), PIPELINE_FILE, span, format!("{how}{}", change.words))
            .with_field(change.about);
        match change.weakens {
            true => finding.with_help("look at this before anything else: what it lets through is in no other finding"),
            false => finding.at_most(Level::Info),
        }
    };
    compare(base, head).into_iter().map(finding).collect()
}
