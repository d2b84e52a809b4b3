//! Compares two states of a pipeline.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::check::{self, Circumstances, Files, check, check_pipeline_file};
use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::judge;
use crate::format::load::{LoadError, Reading, load_only};
use crate::format::money::Money;
use crate::format::pipeline::{PIPELINE_FILE, Pipeline, Status, deal_path};
use crate::format::quiet::MEANINGFUL;
use crate::format::source::{EntryKind, Source};

use super::dates;
use super::deals::{Teller, by_id, pairings};
use super::document::{
    Amount, Code, DealChange, Direction, Finding, Forecast, Hash, KIND, Level, Method, NoHistory, OtherFile, Pair,
    Point, Policy, PolicyLine, Review, Role, SCHEMA_VERSION, Summary, Trust, What,
};
use super::found::{Found, short, told};
use super::policy::{self, Under, choose};
use super::weigh::{Past, Scale, Weights};

/// More deals than this are counted and not listed.
const MOST_DEALS: usize = 10_000;

/// The folder of the pipeline's own templates.
const TEMPLATES: &str = "templates/";

/// The rule that finds deals to which nothing has happened for too long.
const STALE: &str = "stale-deal";

/// A file of the repository that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Path below the repository's root.
    pub path: String,
    /// git's letter: `A`, `D`, `M` or `T`.
    pub status: char,
    /// What it is now; `None` where it is gone.
    pub kind: Option<EntryKind>,
    /// Where it leads now, where it is a link and that is known.
    pub target: Option<String>,
}

/// What is compared.
pub struct Asked<'a> {
    /// The files before; `None` where there was nothing yet.
    pub base: Option<&'a dyn Source>,
    /// The files after.
    pub head: &'a dyn Source,
    /// Whose criteria count.
    pub trust: Trust,
    /// The pipeline's folder below the repository's root; empty at the root.
    pub folder: &'a str,
    /// All files of the repository that are not the same, by path.
    pub files: &'a [Changed],
}

/// What history knows of the deals of one side, where that is at hand.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Full days since each deal came into its stage.
    pub days_in_stage: Option<BTreeMap<DealId, i64>>,
    /// The stages each deal has visited.
    pub visited: Option<BTreeMap<DealId, Vec<StageId>>>,
    /// What it tells the rules that ask it.
    pub past: Option<check::past::Past>,
}

/// A commit in between, by its dates in seconds since 1970.
#[derive(Clone, Debug)]
pub struct CommitDate {
    /// The commit.
    pub commit: Hash,
    /// What its author calls himself.
    pub author: String,
    /// When it was made, as its author says.
    pub authored: i64,
}

/// What is known beside the files.
pub struct Known<'a> {
    /// What it was compared with.
    pub base: Point,
    /// What was compared.
    pub head: Point,
    /// The day it is.
    pub today: NaiveDate,
    /// What history knows of the deals before.
    pub before: &'a Knowledge,
    /// And after.
    pub after: &'a Knowledge,
    /// All that was known before, or why that is not at hand.
    pub past: Result<&'a Past, NoHistory>,
    /// The commits in between; `None` where they were not looked at.
    pub commits: Option<&'a [CommitDate]>,
    /// When the commit that the change begins with was put on its branch.
    pub base_time: Option<i64>,
}

/// Two states, with the deals that are not the same, read by the pipeline file that counts.
pub struct Ground<'a> {
    asked: Asked<'a>,
    policy: policy::Chosen,
    /// `None` where there was nothing yet.
    before: Option<(Under<'a>, Reading)>,
    after: (Under<'a>, Reading),
    /// The deals.
    changed: BTreeSet<DealId>,
    /// What is to be said of the pipeline file of the head where it is not the one that counts.
    head_pipeline: Vec<Finding>,
    /// What the pipeline file of the head asks otherwise.
    changes: Vec<PolicyLine>,
}

impl<'a> Ground<'a> {
    /// Reads the pipeline files and the deals that are not the same.
    ///
    /// # Errors
    /// When neither pipeline file can be read, or files cannot be listed.
    pub fn read(asked: Asked<'a>) -> Result<Ground<'a>, LoadError> {
        let base = asked.base.map(policy::read);
        let head = policy::read(asked.head);
        let base_is_there = base.as_ref().is_some_and(|base| !matches!(base, Err(LoadError::NoPipeline)));
        let head_pipeline = head_problems(&asked, &head);
        let changes = match (&base, &head) {
            (Some(Ok(base)), Ok(head)) => policy::changes(base, head),
            _ => Vec::new(),
        };
        let policy = choose(asked.trust, base, head)?;
        let rates = policy.pipeline.rates.clone();
        let under = |files: &'a dyn Source, by: Trust| match (policy.by, asked.base) {
            (own, _) if own == by => Under::own(files),
            (Trust::Base, Some(base)) => Under::other(files, base, rates.clone()),
            (Trust::Base, None) => Under::own(files),
            (Trust::Head, _) => Under::other(files, asked.head, rates.clone()),
        };
        let inside = |path: &'_ str| below(asked.folder, path).map(str::to_owned);
        let named: BTreeMap<String, DealId> = asked
            .files
            .iter()
            .filter_map(|file| inside(&file.path))
            .filter_map(|path| deal_path(&path).map(|(_, id)| (path, id)))
            .collect();
        let wanted: BTreeSet<DealId> = named.values().cloned().collect();
        let read = |under: Under<'a>| load_only(&under, &|id| wanted.contains(id)).map(|reading| (under, reading));
        let after = read(under(asked.head, Trust::Head))?;
        let before = match asked.base.filter(|_| base_is_there) {
            Some(base) => Some(read(under(base, Trust::Base))?),
            None => None,
        };
        // Files of a pipeline inside this one, or in a hidden folder, only look like deals of this one.
        let mut changed = BTreeSet::new();
        for (_, reading) in before.iter().chain([&after]) {
            let read = reading.deals.iter().map(|deal| &deal.path);
            let paths = read.chain(reading.unreadable.iter().map(|broken| &broken.path));
            changed.extend(paths.filter_map(|path| named.get(path)).cloned());
        }
        Ok(Ground { asked, policy, before, after, changed, head_pipeline, changes })
    }

    /// The pipeline that counts.
    pub fn pipeline(&self) -> &Pipeline {
        &self.policy.pipeline
    }

    /// Whether any deal is not the same.
    pub fn has_deals(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The stages that the deals which are not the same are in, or were.
    pub fn stages(&self) -> BTreeSet<&StageId> {
        let readings = self.before.iter().chain([&self.after]);
        readings.flat_map(|(_, reading)| &reading.deals).map(|deal| &deal.stage).collect()
    }

    /// Tells what is different.
    pub fn review(&self, known: &Known<'_>) -> Review {
        let pipeline = self.pipeline();
        let folder = self.asked.folder;
        let named = |path: &str| if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") };
        let past = known.past.ok();
        let day = past.map_or(known.today, |past| pipeline.day_of(past.as_of));
        let scale = Scale::new(pipeline, day, past);
        let old_findings = match &self.before {
            Some(side) => self.check(side, known.before, known.today, &named, &[]),
            None => Vec::new(),
        };
        let findings = self.check(&self.after, known.after, known.today, &named, &old_findings);

        let before = self.before.as_ref().map(|(_, reading)| by_id(reading)).unwrap_or_default();
        let pairs = pairings(before, by_id(&self.after.1), &self.changed);
        let olds: Vec<Deal> = pairs.iter().filter_map(|pair| pair.as_was().cloned()).collect();
        let news: Vec<Deal> = pairs.iter().filter_map(|pair| pair.as_is().cloned()).collect();
        let mut gone = self.changed.clone();
        gone.extend(pairs.iter().filter_map(|pair| pair.was.clone()));
        let weights = scale.weigh(&olds, &news, &gone);

        let teller = Teller { pipeline, scale: &scale, named: &named };
        let (mut old_weights, mut new_weights) = (weights.before.iter(), weights.after.iter());
        let mut sums = Sums::default();
        let (by_deal, stale) = (of_deals(&findings), of_deals(&old_findings));
        let mut deals = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            let circumstances = judge::Circumstances {
                today: known.today,
                source: &self.after.0,
                days_in_stage: known.after.days_in_stage.as_ref().and_then(|days| days.get(&pair.id).copied()),
                visited: known.after.visited.as_ref().and_then(|all| all.get(&pair.id)).map(Vec::as_slice),
            };
            let mut row = teller.tell(pair, &circumstances);
            let weight = |files: usize, deal: Option<&Deal>, weights: &mut std::slice::Iter<'_, Option<Decimal>>| match (
                files, deal,
            ) {
                (0, _) => Some(Decimal::ZERO),
                (_, Some(_)) => weights.next().copied().flatten(),
                (_, None) => None,
            };
            let old = weight(pair.before.len(), pair.as_was(), &mut old_weights);
            let new = weight(pair.after.len(), pair.as_is(), &mut new_weights);
            let was_won = pair.as_was().is_some_and(|old| pipeline.status(&old.stage) == Status::Won);
            row.weighted = sums.add(old, new, was_won, pipeline);
            if pair.before.is_empty() {
                row.weighted.before = None;
            }
            if pair.after.is_empty() {
                row.weighted.after = None;
            }
            let own = by_deal.get(&pair.id).into_iter().flatten().map(|found| found.told.clone());
            // What is not committed yet no history knows.
            row.findings = own.filter(|finding| finding.rule != STALE || !row.is_going_on()).collect();
            row.findings.sort_by_key(|finding| Reverse(finding.level));
            row.level = row.findings.iter().map(|finding| finding.level).max();
            let before = stale.get(pair.was.as_ref().unwrap_or(&pair.id)).into_iter().flatten();
            row.stale = before.into_iter().any(|found| found.told.rule == STALE);
            deals.push(row);
        }
        deals.sort_by(|a, b| order(a).cmp(&order(b)));

        let mut others: Vec<Finding> = self.head_pipeline.clone();
        others.extend(findings.iter().filter(|found| found.deal.is_none()).map(|found| found.told.clone()));
        others.extend(self.links());
        let commits = dates::commits(known, pipeline);
        others.extend(dates::findings(&commits));
        others.sort_by(|a, b| (Reverse(a.level), &a.path, a.line).cmp(&(Reverse(b.level), &b.path, b.line)));
        others.dedup();

        let (files, outside) = self.other_files();
        let is_policy = |file: &OtherFile| matches!(file.role, Role::Pipeline | Role::Rates);
        let mut review = Review {
            schema_version: SCHEMA_VERSION,
            kind: KIND.to_owned(),
            title: short(&pipeline.title),
            folder: folder.to_owned(),
            currency: Code(pipeline.currency),
            base: known.base.clone(),
            head: known.head.clone(),
            today: known.today,
            redacted: false,
            policy: Policy {
                changed: files.iter().any(is_policy),
                judged_by: self.policy.by,
                instead: self.policy.instead,
                changes: self.changes.clone(),
            },
            forecast: sums.forecast(&scale, &weights, known.past.err(), pipeline),
            summary: Summary { outside, files: files.len(), ..Summary::default() },
            deals,
            deals_left_out: 0,
            findings: others,
            commits,
            files,
        };
        review.count();
        review.deals_left_out = review.deals.len().saturating_sub(MOST_DEALS);
        review.deals.truncate(MOST_DEALS);
        review
    }

    /// What is wrong with the deals of a side and with the files that are not the same.
    fn check(
        &self,
        (source, reading): &(Under<'_>, Reading),
        knowledge: &Knowledge,
        today: NaiveDate,
        named: &dyn Fn(&str) -> String,
        before: &[Found],
    ) -> Vec<Found> {
        let circumstances = Circumstances {
            today,
            source,
            days_in_stage: knowledge.days_in_stage.as_ref(),
            visited: knowledge.visited.as_ref(),
            past: knowledge.past.as_ref(),
        };
        let mut report = check(reading, &circumstances);
        let files: BTreeSet<&str> =
            self.asked.files.iter().filter_map(|file| below(self.asked.folder, &file.path)).collect();
        report.retain(|finding| match &finding.deal {
            Some(deal) => self.changed.contains(deal),
            None => files.contains(finding.path.as_str()),
        });
        told(&report, &Files::of(reading, source), self.pipeline(), named, before)
    }

    /// Links and other things that are no files, wherever in the repository they are new.
    fn links(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for file in self.asked.files {
            let inside = below(self.asked.folder, &file.path).is_some();
            let path = short(&file.path);
            let (rule, words) = match file.kind {
                Some(EntryKind::Symlink) => (
                    "link",
                    match &file.target {
                        Some(target) if leads_out(&file.path, target) => {
                            format!("is a link that leads out of the repository, to {:?}", short(target))
                        }
                        Some(target) => format!("is a link to {:?}, and links are not followed", short(target)),
                        None => "is a link, and links are not followed".to_owned(),
                    },
                ),
                Some(EntryKind::Other) => ("submodule", "is another repository inside this one".to_owned()),
                _ => continue,
            };
            let out = file.target.as_deref().is_some_and(|target| leads_out(&file.path, target));
            found.push(Finding {
                rule: rule.to_owned(),
                level: if inside || out { Level::Error } else { Level::Warning },
                message: format!("{path} {words}"),
                path,
                line: None,
                field: None,
                criterion: None,
                commands: Vec::new(),
                is_old: false,
            });
        }
        found
    }

    /// The files of the pipeline that are no deals, and how many lie outside of it.
    fn other_files(&self) -> (Vec<OtherFile>, usize) {
        let rates = self.policy.pipeline.rates.as_deref();
        let mut deals: BTreeSet<&str> = BTreeSet::new();
        for (_, reading) in self.before.iter().chain([&self.after]) {
            deals.extend(reading.deals.iter().map(|deal| deal.path.as_str()));
            deals.extend(reading.unreadable.iter().map(|broken| broken.path.as_str()));
        }
        let (mut others, mut outside) = (Vec::new(), 0);
        for file in self.asked.files {
            let Some(path) = below(self.asked.folder, &file.path) else {
                outside += 1;
                continue;
            };
            if deals.contains(path) {
                continue;
            }
            let role = match path {
                PIPELINE_FILE => Role::Pipeline,
                path if rates == Some(path) => Role::Rates,
                path if path.starts_with(TEMPLATES) => Role::Template,
                _ => Role::Other,
            };
            others.push(OtherFile { path: short(&file.path), status: file.status, role });
        }
        (others, outside)
    }
}

/// The findings of each deal.
fn of_deals(findings: &[Found]) -> BTreeMap<&DealId, Vec<&Found>> {
    let mut by_deal: BTreeMap<&DealId, Vec<&Found>> = BTreeMap::new();
    for found in findings {
        if let Some(deal) = &found.deal {
            by_deal.entry(deal).or_default().push(found);
        }
    }
    by_deal
}

/// What is wrong with the pipeline file of the head, where it changed.
fn head_problems(asked: &Asked<'_>, head: &Result<Pipeline, LoadError>) -> Vec<Finding> {
    let path =
        if asked.folder.is_empty() { PIPELINE_FILE.to_owned() } else { format!("{}/{PIPELINE_FILE}", asked.folder) };
    let gone = |message: &str| Finding {
        rule: "pipeline-file".to_owned(),
        level: Level::Error,
        message: message.to_owned(),
        path: path.clone(),
        line: None,
        field: None,
        criterion: None,
        commands: Vec::new(),
        is_old: false,
    };
    match head {
        Ok(_) => Vec::new(),
        Err(LoadError::NoPipeline) => vec![gone("pipeline.yaml is gone, and without it there is no pipeline")],
        Err(LoadError::Io { .. }) => vec![gone("pipeline.yaml cannot be read")],
        Err(LoadError::Broken { text, problems }) => {
            let report: check::Report = check_pipeline_file(problems);
            let files = Files::of_texts([(PIPELINE_FILE, text.as_str())]);
            let lines = report.findings.iter().map(|finding| {
                let text = files.text(&finding.path).unwrap_or_default();
                let line = crate::format::span::LineIndex::new(text).position(text, finding.span.start).line;
                Finding {
                    rule: finding.rule.id.to_owned(),
                    level: super::found::level(finding.level),
                    message: short(&finding.message),
                    line: Some(line),
                    ..gone("")
                }
            });
            lines.collect()
        }
    }
}

/// A path below a folder.
fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// Whether a link at a path leads out of the repository, by its words.
fn leads_out(path: &str, target: &str) -> bool {
    if target.starts_with(['/', '\\', '~']) || target.get(1..2) == Some(":") {
        return true;
    }
    let mut depth = path.matches('/').count() as i64;
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// What comes first: the worst of what is new, then the largest change of money, then by name. What was wrong before would
/// hide what this change does.
fn order(row: &DealChange) -> (Reverse<Option<Level>>, Reverse<Decimal>, &str) {
    (Reverse(row.fresh_level()), Reverse(row.impact()), &row.deal)
}

/// The sums of a change.
#[derive(Default)]
struct Sums {
    before: Decimal,
    change: Decimal,
    without: usize,
    overflown: bool,
}

impl Sums {
    /// Adds a deal. What is won already is no part of a forecast, only what becomes of it here.
    fn add(&mut self, before: Option<Decimal>, after: Option<Decimal>, was_won: bool, pipeline: &Pipeline) -> Pair {
        let amount = |amount: Decimal| Amount(Money { amount, currency: pipeline.currency });
        let mut pair = Pair { before: before.map(amount), after: after.map(amount), ..Pair::default() };
        let change = before.zip(after).and_then(|(before, after)| after.checked_sub(before));
        match change {
            Some(change) => {
                pair.change = Some(amount(change));
                pair.direction = Some(Direction::of(change));
                let open = before.filter(|_| !was_won).unwrap_or_default();
                let sums = self.change.checked_add(change).zip(self.before.checked_add(open));
                match sums {
                    Some((change, before)) => (self.change, self.before) = (change, before),
                    None => self.overflown = true,
                }
            }
            None => self.without += 1,
        }
        pair
    }

    fn forecast(
        &self,
        scale: &Scale<'_>,
        weights: &Weights,
        without_history: Option<NoHistory>,
        pipeline: &Pipeline,
    ) -> Forecast {
        let amount = |amount: Decimal| Amount(Money { amount, currency: pipeline.currency });
        let method = scale.method();
        let is_known = method != Method::None && !self.overflown;
        let before = weights.others.and_then(|others| others.checked_add(self.before)).filter(|_| is_known);
        let after = before.and_then(|before| before.checked_add(self.change));
        Forecast {
            method,
            without_history,
            until: weights.until,
            before: before.map(amount),
            after: after.map(amount),
            change: is_known.then(|| amount(self.change)),
            direction: is_known.then(|| Direction::of(self.change)),
            without: self.without,
        }
    }
}

impl DealChange {
    /// How much money it is about: the larger of the changes of its amount and of what can be expected of it.
    pub fn impact(&self) -> Decimal {
        let size = |pair: &Pair| pair.change.map_or(Decimal::ZERO, |change| change.0.amount.abs());
        size(&self.amount).max(size(&self.weighted))
    }

    /// The worst of what was found and was not there before; an error counts in any case.
    pub fn fresh_level(&self) -> Option<Level> {
        let fresh = self.findings.iter().filter(|finding| finding.is_fresh());
        fresh.map(|finding| finding.level).max()
    }

    /// Whether its amount went down, or may have.
    pub fn is_lowered(&self) -> bool {
        self.what != What::Removed && matches!(self.amount.direction, Some(Direction::Down | Direction::Unclear))
    }

    /// Whether its amount went up.
    pub fn is_raised(&self) -> bool {
        self.what != What::Created && self.amount.direction == Some(Direction::Up)
    }
}

impl Finding {
    /// Whether the change has to answer for it: it is new, or an error.
    pub fn is_fresh(&self) -> bool {
        !self.is_old || self.level == Level::Error
    }
}

impl Review {
    /// Counts the deals and the findings.
    fn count(&mut self) {
        let of = |what: What| self.deals.iter().filter(|deal| deal.what == what).count();
        let all = || self.deals.iter().flat_map(|deal| &deal.findings).chain(&self.findings);
        let level = |level: Level| all().filter(|finding| finding.level == level).count();
        self.summary = Summary {
            errors: level(Level::Error),
            warnings: level(Level::Warning),
            infos: level(Level::Info),
            deals: self.deals.len(),
            created: of(What::Created),
            removed: of(What::Removed),
            moved: self.deals.iter().filter(|deal| deal.is_moved()).count(),
            renamed: of(What::Renamed),
            changed: of(What::Changed),
            touched: of(What::Touched),
            lowered: self.deals.iter().filter(|deal| deal.is_lowered()).count(),
            raised: self.deals.iter().filter(|deal| deal.is_raised()).count(),
            ..self.summary
        };
    }
}

impl DealChange {
    /// Whether something happened to it that counts: another stage, amount, close date or next step, or an activity.
    fn is_going_on(&self) -> bool {
        let counts = |field: &str| MEANINGFUL.contains(&field) || field.starts_with("activity");
        let amount = self.amount.before != self.amount.after;
        self.from != self.to || amount || self.fields.iter().any(|change| counts(&change.field))
    }

    /// Whether it is in another stage.
    pub fn is_moved(&self) -> bool {
        let is_one = self.from.len() == 1 && self.to.len() == 1;
        matches!(self.what, What::Moved | What::Renamed) && is_one && self.from != self.to
    }
}
