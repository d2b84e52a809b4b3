//! Reads a pipeline as it was read at each time of its past: by the file that was in force then.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::exit::{CommandError, Exit};
use super::standpoint::AllowIncomplete;
use super::workspace::with_chronicle;
use crate::forecast::backtest::{Era, tuning};
use crate::forecast::log::{self, Log};
use crate::format::ident::DealId;
use crate::format::load::load_pipeline;
use crate::format::pipeline::Pipeline;
use crate::history::event::EventKind;
use crate::history::{self, Options, Version};
use crate::repo::discover::Home;
use crate::repo::objects::{GitObjects, ObjectId};
use crate::repo::snapshot::Snapshot;

/// The eras of the pipeline that lies at `home` in the commit `tip`, oldest first. A version of its file that cannot be read
/// is left out: the one before stands in for it.
///
/// # Errors
/// When the repository or its history cannot be read.
pub(in crate::cli) fn eras(
    home: &Home,
    tip: ObjectId,
    pipeline: &Pipeline,
    allow: AllowIncomplete,
) -> Result<Vec<Era>, CommandError> {
    let repository = home.place()?.open()?;
    let objects = GitObjects::open(&repository)?;
    let versions = history::versions(&objects, tip, &home.prefix, pipeline.rates.as_deref())?;
    drop(objects);
    let mut read: Vec<(Version, Home, Pipeline)> = Vec::with_capacity(versions.len());
    for version in versions {
        let root = match home.place()?.workdir.as_ref().filter(|_| version.prefix != home.prefix) {
            Some(workdir) => workdir.join(&version.prefix),
            None => home.root.clone(),
        };
        let then = Home { root, repo: home.repo.clone(), prefix: version.prefix.clone() };
        if let Some(own) = pipeline_at(&then, version.commit, pipeline)? {
            read.push((version, then, own));
        }
    }
    let mut fields: Vec<String> = Vec::new();
    for (_, _, own) in &read {
        for field in log::fields(&own.forecast).into_iter().chain(tuning::candidates(own)) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
    }
    // Versions that call the same folders stages read the same history, so the newest of them reads it for all.
    let ways: Vec<String> = read.iter().map(|(version, _, own)| way(version, own)).collect();
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    ways.iter().enumerate().for_each(|(at, way)| {
        newest.insert(way, at);
    });
    let options = Options { fields, ..allow.options() };
    let mut logs: BTreeMap<&str, Arc<Log>> = BTreeMap::new();
    let mut renamed: BTreeMap<DealId, DealId> = BTreeMap::new();
    for (way, at) in &newest {
        let Some((version, then, own)) = read.get(*at) else { continue };
        let is_last = at + 1 == read.len();
        let log = with_chronicle(then, version.commit, own, &options, |chronicle| {
            let history = chronicle.history();
            for event in history.events.iter().filter(|_| is_last) {
                if let EventKind::Renamed { from } = &event.kind {
                    renamed.insert(from.clone(), event.deal.clone());
                }
            }
            Log::of(&history)
        })?;
        logs.insert(way, Arc::new(log));
    }
    let today: HashSet<DealId> = ways
        .last()
        .and_then(|way| logs.get(way.as_str()))
        .map(|log| log.deals().iter().cloned().collect())
        .unwrap_or_default();
    let called = |id: &DealId| match renamed.get(id) {
        Some(now) if !today.contains(id) => now.clone(),
        _ => id.clone(),
    };
    let ids: BTreeMap<&str, Arc<[DealId]>> =
        logs.iter().map(|(way, log)| (*way, log.deals().iter().map(called).collect())).collect();
    let era = |((version, _, own), way): ((Version, Home, Pipeline), &String)| {
        Some(Era {
            pipeline: Arc::new(own),
            log: logs.get(way.as_str())?.clone(),
            ids: ids.get(way.as_str())?.clone(),
            from: version.from,
        })
    };
    Ok(read.into_iter().zip(&ways).filter_map(era).collect())
}

/// The pipeline file of a commit, with its exchange rates; `None` where it cannot be read.
fn pipeline_at(home: &Home, commit: ObjectId, today: &Pipeline) -> Result<Option<Pipeline>, CommandError> {
    // What an old commit holds is history: where it cannot be read, history is incomplete.
    let unreadable = |error: crate::repo::error::RepoError| CommandError::new(Exit::Incomplete, error.to_string());
    let folder = |pipeline: &Pipeline| {
        pipeline
            .rates
            .as_deref()
            .and_then(|path| path.split_once('/'))
            .map(|(folder, _)| folder.to_owned())
            .unwrap_or_default()
    };
    let mut inner = folder(today);
    let mut tried = BTreeSet::new();
    loop {
        let snapshot = Snapshot::of_folder(home, commit, &inner).map_err(unreadable)?;
        let Ok(pipeline) = load_pipeline(&snapshot) else { return Ok(None) };
        let own = folder(&pipeline);
        if own == inner || !tried.insert(own.clone()) {
            return Ok(Some(pipeline));
        }
        inner = own;
    }
}

/// Everything of a version that history is read by.
fn way(version: &Version, pipeline: &Pipeline) -> String {
    let places: Vec<_> = pipeline.stages.iter().map(|stage| (&stage.id, &stage.was)).collect();
    let ends: Vec<_> = pipeline.ends.iter().map(|end| (&end.id, &end.was)).collect();
    format!("{:?} {:?} {places:?} {ends:?}", version.prefix, version.files.ignore)
}
