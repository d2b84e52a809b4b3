//! What the tests of history share: a pipeline made by hand, and events as short lines.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};

use tussock::format::ident::{DealId, StageId};
use tussock::format::money::Currency;
use tussock::format::pipeline::{End, EndKind, ExtraFields, Pipeline, Stage};
use tussock::format::span::Span;
use tussock::history::event::{Event, EventKind};
use tussock::history::{History, HistoryError, Options, read as read_history};
use tussock::repo::discover::Home;
use tussock::repo::objects::GitObjects;
use tussock::repo::revision::head;

use crate::kit::{START, TestRepo};

pub fn deal(id: &str) -> DealId {
    DealId::new(id).unwrap()
}

pub fn stage(id: &str) -> StageId {
    StageId::new(id).unwrap()
}

/// A pipeline with these stages and ends and nothing else.
pub fn pipeline(stages: &[&str], ends: &[(&str, EndKind)]) -> Pipeline {
    let make = |id: &&str| Stage {
        id: stage(id),
        title: id.to_string(),
        goal: None,
        roles: vec![],
        limit: None,
        probability: None,
        decided_in: None,
        sla: None,
        optional: false,
        was: vec![],
        entry: vec![],
        exit: vec![],
        span: Span::at(0),
    };
    let end = |(id, kind): &(&str, EndKind)| End {
        id: stage(id),
        title: id.to_string(),
        kind: *kind,
        was: vec![],
        entry: vec![],
        span: Span::at(0),
    };
    Pipeline {
        title: "Test".into(),
        currency: Currency::new("EUR").unwrap(),
        timezone: tussock::format::zone::Zone::UTC,
        calendar: None,
        fiscal_year_start: 1,
        targets: Vec::new(),
        forecast: Default::default(),
        rates: None,
        exchange: None,
        won_at: None,
        groups: BTreeMap::new(),
        stages: stages.iter().map(make).collect(),
        ends: ends.iter().map(end).collect(),
        fields: vec![],
        extra_fields: ExtraFields::Allow,
        rules: BTreeMap::new(),
        labels: BTreeMap::new(),
        lang: None,
    }
}

/// The stages of [`TestRepo::with_pipeline`].
pub fn small() -> Pipeline {
    let ends = [("won", EndKind::Won), ("lost", EndKind::Lost), ("recycled", EndKind::Recycled)];
    pipeline(&["brief", "proposal", "contract"], &ends)
}

/// The small pipeline with the deal `acme` in a stage.
pub fn with_deal(stage: &str) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write(&format!("sales/{stage}/acme.yaml"), "title: ACME\n");
    repo.commit("acme");
    repo
}

pub fn merge(repo: &TestRepo, branches: &[&str]) {
    let mut args = vec!["merge", "-q", "--no-ff", "-m", "merge"];
    args.extend(branches);
    repo.git(&args);
    repo.set_now(repo.now() + 60);
}

pub fn read(repo: &TestRepo) -> History {
    read_with(repo, &small(), &Options::default())
}

pub fn read_with(repo: &TestRepo, pipeline: &Pipeline, options: &Options) -> History {
    read_at(repo, "sales", pipeline, options).unwrap()
}

pub fn read_at(repo: &TestRepo, prefix: &str, pipeline: &Pipeline, options: &Options) -> Result<History, HistoryError> {
    read_path(&repo.path(), prefix, pipeline, options)
}

pub fn read_path(
    path: &std::path::Path,
    prefix: &str,
    pipeline: &Pipeline,
    options: &Options,
) -> Result<History, HistoryError> {
    let home = Home::at(path).unwrap();
    let repository = home.place().unwrap().open().unwrap();
    let tip = head(&home).unwrap().unwrap().commit.unwrap();
    let objects = GitObjects::open(&repository).unwrap();
    let history = read_history(&objects, tip, prefix, pipeline, options, None)?.history();
    for pair in history.events.windows(2) {
        assert!(pair[0].known_at <= pair[1].known_at, "events are in the order of knowledge: {pair:?}");
    }
    assert!(history.events.iter().all(|e| e.at.0 <= e.known_at.0), "nothing is known before it happens");
    let standing: BTreeMap<_, _> = history.standings.iter().map(|(id, s)| (id.clone(), s.stage.clone())).collect();
    assert_eq!(history.replayed(), standing, "events and tree tell the same state");
    Ok(history)
}

/// Every event on a line, with its valid time since the kit's clock began in hours and minutes.
pub fn told(history: &History) -> Vec<String> {
    let line = |e: &Event| {
        let minutes = (e.at.0 - START) / 60;
        let time = format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let or_none = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".into());
        let kind = e.kind.as_str();
        match &e.kind {
            EventKind::Created { stage } | EventKind::Removed { stage } | EventKind::Restored { stage } => {
                format!("{time} {} {kind} {stage}", e.deal)
            }
            EventKind::Moved { from, to, direction } => {
                format!("{time} {} {kind} {from} -> {to} {}", e.deal, direction.as_str())
            }
            EventKind::Changed { field, from, to } => {
                format!("{time} {} {kind} {field} {} -> {}", e.deal, or_none(from), or_none(to))
            }
            EventKind::Renamed { from } => format!("{time} {} {kind} {from}", e.deal),
        }
    };
    history.events.iter().map(line).collect()
}

/// The moves alone, without times.
pub fn moves(history: &History) -> Vec<String> {
    let line = |e: &Event| match &e.kind {
        EventKind::Moved { from, to, direction } => Some(format!("{} {from} -> {to} {}", e.deal, direction.as_str())),
        _ => None,
    };
    history.events.iter().filter_map(line).collect()
}

/// The stage of each deal after each commit of a line, given the folders that hold a file of it, by the rule that a deal
/// stays where it was for as long as a file of it lies there.
pub fn settled(trees: impl Iterator<Item = BTreeMap<String, BTreeSet<String>>>) -> Vec<BTreeMap<String, String>> {
    let stage = |folder: &String| folder.split('/').next().unwrap().to_owned();
    let mut order: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut states = Vec::new();
    for there in trees {
        order.retain(|id, _| there.contains_key(id));
        for (id, folders) in &there {
            let known = order.entry(id.clone()).or_default();
            let home = known.first().map(stage);
            known.retain(|folder| folders.contains(folder));
            let new: Vec<String> = folders.iter().filter(|f| !known.contains(f)).cloned().collect();
            known.extend(new);
            if let Some(at) = known.iter().position(|folder| Some(stage(folder)) == home) {
                known[..=at].rotate_right(1);
            }
        }
        states.push(order.iter().map(|(id, folders)| (id.clone(), stage(&folders[0]))).collect());
    }
    states
}
