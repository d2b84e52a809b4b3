//! Checks: rules look at what was read of a pipeline and make findings. Knows no output format.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rayon::prelude::*;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::load::{Listing, Reading, Unreadable, parse_deal};
use crate::format::pipeline::{ExtraFields, PIPELINE_FILE, Pipeline, RuleLevel};
use crate::format::problem::{Problem, ProblemKind};
use crate::format::source::Source;
use crate::format::span::Span;
use crate::format::tree::Document;
use crate::format::typing::Texts;

pub mod baseline;
mod criteria;
pub mod files;
pub mod finding;
pub mod fingerprint;
pub mod fixing;
mod ground;
mod ignore;
pub mod past;
pub mod policy;
pub mod rule;
mod rules;

pub use files::Files;
pub use finding::{Finding, Level, Related};
pub use fingerprint::fingerprints;
pub use ignore::ignore_comments;
pub use ignore::{Silence, silences};
pub use rule::Rule;

use ground::{DealGround, Ground};
use rule::Finder;

/// What a check may know beyond the files.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// The day it is.
    pub today: NaiveDate,
    /// For links into the repository and for the names of paths in messages.
    pub source: &'a dyn Source,
    /// Full days since each deal came into its stage, where history is at hand.
    pub days_in_stage: Option<&'a BTreeMap<DealId, i64>>,
    /// The stages each deal has visited, where history is at hand.
    pub visited: Option<&'a BTreeMap<DealId, Vec<StageId>>>,
    /// What history tells the rules that ask it; those are not asked without.
    pub past: Option<&'a past::Past>,
}

/// Everything a check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The findings, by path, place and rule.
    pub findings: Vec<Finding>,
    /// The counts.
    pub summary: Summary,
}

/// The counts of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Deals that were read and checked.
    pub deals: usize,
    /// Files that have findings.
    pub files: usize,
    /// Deal files that could not be read.
    pub unreadable: usize,
    /// Findings of level error.
    pub errors: usize,
    /// Findings of level warning.
    pub warnings: usize,
    /// Findings of level info.
    pub infos: usize,
}

impl Report {
    /// Sorts the findings and counts them.
    fn new(mut findings: Vec<Finding>, deals: usize, unreadable: usize) -> Self {
        findings.sort_by(Finding::compare);
        findings.dedup();
        let mut report = Report { findings, summary: Summary { deals, unreadable, ..Summary::default() } };
        report.count();
        report
    }

    fn count(&mut self) {
        let of = |level| self.findings.iter().filter(|f| f.level == level).count();
        let files: BTreeSet<&str> = self.findings.iter().map(|f| f.path.as_str()).collect();
        self.summary = Summary {
            files: files.len(),
            errors: of(Level::Error),
            warnings: of(Level::Warning),
            infos: of(Level::Info),
            ..self.summary
        };
    }

    /// Keeps the findings that `keep` asks for and counts again. The numbers of deals and of unreadable files stay.
    pub fn retain(&mut self, keep: impl FnMut(&Finding) -> bool) {
        self.findings.retain(keep);
        self.count();
    }

    /// Takes findings in that were made elsewhere, with the levels that a pipeline gives their rules, and counts again.
    pub fn add(&mut self, pipeline: &Pipeline, findings: Vec<Finding>) {
        self.findings.extend(findings.into_iter().filter_map(|finding| levelled(finding, pipeline)));
        self.findings.sort_by(Finding::compare);
        self.findings.dedup();
        self.count();
    }

    /// The worst level among the findings; `None` when there are none.
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|f| f.level).max()
    }
}

/// Runs every rule over a pipeline. The same reading and circumstances give the same report, whatever the number of
/// threads.
pub fn check(reading: &Reading, circumstances: &Circumstances<'_>) -> Report {
    let ground = Ground::of_reading(reading, circumstances);
    let of_deals: Vec<Vec<Finding>> = reading.deals.par_iter().map(|deal| of_deal(&ground, deal)).collect();
    let mut findings = of_whole(&ground, &reading.pipeline_problems);
    findings.extend(of_deals.into_iter().flatten());
    Report::new(findings, reading.deals.len(), reading.unreadable.len())
}

/// A pipeline that was checked deal by deal.
#[derive(Debug)]
pub struct Checked {
    /// What was found.
    pub report: Report,
    /// Deal files that could not be read, by path.
    pub unreadable: Vec<Unreadable>,
    /// Path and text of the other deals that have findings.
    pub(crate) texts: Vec<(String, String)>,
}

/// As [`check`], of deals that are read for it one by one. Of those without a finding nothing is kept, so that fifty
/// thousand deals need hardly more memory than a few.
pub fn check_each(listing: &Listing, circumstances: &Circumstances<'_>) -> Checked {
    let ground = Ground::of_listing(listing, circumstances);
    let (found, unreadable) = listing.read_each(circumstances.source, Texts::Taken, &|deal| of_each(&ground, deal));
    let read = found.len();
    let ground = ground.after(listing, &unreadable);
    let mut findings = of_whole(&ground, &listing.pipeline_problems);
    // A fix replaces the whole of such a file, and has to know how much that is.
    let of_schema = |f: &Finding| Some((f.path.clone(), rules::schema_text(circumstances.source, &f.path)?));
    let mut texts: Vec<_> = findings.iter().filter(|f| f.rule == rules::stale_schema()).filter_map(of_schema).collect();
    for (of_deal, path, text) in found.into_iter().flatten().map(|found| *found) {
        findings.extend(of_deal);
        texts.push((path, text));
    }
    let report = Report::new(findings, read, unreadable.len());
    Checked { report, unreadable, texts }
}

/// As [`check_each`], for who wants the values of the deals too, and of a finding only what `tell` makes of it. What was
/// told is in no order.
pub fn check_and_read<T: Send>(
    listing: Listing,
    circumstances: &Circumstances<'_>,
    tell: &(dyn Fn(Finding) -> Option<T> + Sync),
) -> (Reading, Vec<T>) {
    let ground = Ground::of_listing(&listing, circumstances);
    let read = |deal: Deal| {
        let told: Vec<T> = in_read(&ground, &deal).into_iter().filter_map(tell).collect();
        (Deal { document: Document::default(), ..deal }, told)
    };
    let (read, unreadable) = listing.read_each(circumstances.source, Texts::Taken, &read);
    let ground = ground.after(&listing, &unreadable);
    let mut told: Vec<T> = of_whole(&ground, &listing.pipeline_problems).into_iter().filter_map(tell).collect();
    drop(ground);
    let mut deals = Vec::with_capacity(read.len());
    for (deal, of_deal) in read {
        deals.push(deal);
        told.extend(of_deal);
    }
    (listing.with(deals, unreadable), told)
}

/// The findings of a deal that was read without its tree, its path and its text; `None` where there are none.
fn of_each(ground: &Ground<'_>, deal: Deal) -> Option<Box<(Vec<Finding>, String, String)>> {
    let findings = in_read(ground, &deal);
    (!findings.is_empty()).then(|| Box::new((findings, deal.path, deal.document.text)))
}

/// The findings of a deal that was read without its tree. The tree is needed only to say where something is wrong, not
/// whether it is, and nothing is wrong with most deals.
fn in_read(ground: &Ground<'_>, deal: &Deal) -> Vec<Finding> {
    let findings = of_deal(ground, deal);
    if findings.is_empty() && !ignore::is_asked(deal) {
        return findings;
    }
    match parse_deal(deal.document.text.as_bytes(), ground.pipeline, &deal.path, &deal.stage, &deal.id) {
        Ok(whole) => of_deal(ground, &whole),
        Err(_) => findings,
    }
}

/// What is to be said of the pipeline as a whole and of files that are no deals.
fn of_whole(ground: &Ground<'_>, pipeline_problems: &[Problem]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for problem in pipeline_problems {
        findings.push(from_problem(problem, PIPELINE_FILE, None).at_most(Level::Warning));
    }
    for file in ground.unreadable {
        let id = crate::format::pipeline::deal_path(&file.path).map(|(_, id)| id);
        findings.extend(file.problems.iter().map(|p| from_problem(p, &file.path, id.as_ref())));
    }
    for rule in rule::all() {
        if let Finder::Pipeline(find) = rule.finder {
            findings.extend(find(ground));
        }
    }
    findings.into_iter().filter_map(|f| levelled(f, ground.pipeline)).collect()
}

/// A report of findings that were made elsewhere, with the levels that the pipeline gives their rules; `deals` were
/// looked at.
pub fn report(pipeline: &Pipeline, findings: Vec<Finding>, deals: usize) -> Report {
    Report::new(findings.into_iter().filter_map(|f| levelled(f, pipeline)).collect(), deals, 0)
}

/// The report of a pipeline file that could not be read ([`crate::format::load::LoadError::Broken`]).
pub fn check_pipeline_file(problems: &[Problem]) -> Report {
    Report::new(problems.iter().map(|p| from_problem(p, PIPELINE_FILE, None)).collect(), 0, 0)
}

/// What the reader and the rules find in one deal, but for what a comment in it silences.
fn of_deal(ground: &Ground<'_>, deal: &Deal) -> Vec<Finding> {
    let mut findings = Vec::new();
    for problem in &deal.problems {
        let mut finding = from_problem(problem, &deal.path, Some(&deal.id));
        if problem.kind == ProblemKind::UnknownField && ground.pipeline.extra_fields == ExtraFields::Warn {
            finding = finding.at_most(Level::Warning);
        }
        findings.push(finding);
    }
    let of_deal = DealGround::new(ground, deal);
    for rule in rule::all() {
        match rule.finder {
            Finder::Deal(find) => findings.extend(find(&of_deal)),
            Finder::DealIfAsked(find) => {
                let level = ground.pipeline().rules.get(rule.id);
                if level.is_some_and(|level| *level != RuleLevel::Off) {
                    findings.extend(find(&of_deal));
                }
            }
            Finder::Reader | Finder::Merge | Finder::Range | Finder::Pipeline(_) => {}
        }
    }
    let findings = findings.into_iter().filter_map(|f| levelled(f, ground.pipeline)).collect();
    ignore::apply(ground.pipeline, deal, findings)
}

/// A problem of the reader as a finding.
fn from_problem(problem: &Problem, path: &str, deal: Option<&DealId>) -> Finding {
    let mut finding = Finding::new(rules::of_problem(problem.kind), path, problem.span, problem.message.clone())
        .with_label(problem.label.clone())
        .with_deal(deal.cloned());
    finding.field = problem.field.clone();
    finding.help = problem.help.clone();
    if let (ProblemKind::ConflictMarker, Some(deal)) = (problem.kind, deal) {
        finding = finding.with_help(format!("`tussock resolve {deal}` shows both versions and puts them together"));
    }
    finding.fix = problem.fix.clone();
    finding.related = problem
        .related
        .iter()
        .map(|(span, words)| Related { path: path.to_owned(), span: *span, words: words.clone() })
        .collect();
    finding
}

/// A finding with the level that the pipeline gives its rule; `None` where the rule is off. A finding that its rule
/// already made milder (a criterion of level warning, a waiver in force) is never made worse by it.
fn levelled(mut finding: Finding, pipeline: &Pipeline) -> Option<Finding> {
    let set = match pipeline.rules.get(finding.rule.id) {
        None => return Some(finding),
        Some(RuleLevel::Off) => return None,
        Some(RuleLevel::Info) => Level::Info,
        Some(RuleLevel::Warning) => Level::Warning,
        Some(RuleLevel::Error) => Level::Error,
    };
    finding.level = if finding.level == finding.rule.level { set } else { finding.level.min(set) };
    Some(finding)
}

/// The span that stands for a whole file.
pub(crate) const WHOLE_FILE: Span = Span { start: 0, end: 0 };
