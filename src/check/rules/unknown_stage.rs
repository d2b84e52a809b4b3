//! Deals in folders that are no stage.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::load::StrayKind;
use crate::format::nearest::nearest;

pub(super) static RULE: Rule = Rule {
    id: "unknown-stage",
    level: Level::Error,
    summary: "deals lie in a folder that is no stage of the pipeline",
    why: "They are in no stage, so no report counts them where they belong.",
    bad: "propsal/acme.yaml",
    good: "proposal/acme.yaml",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let pipeline = ground.pipeline();
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // Deals come stage by stage.
    for of_stage in ground.deals.chunk_by(|a, b| a.stage == b.stage) {
        let Some(first) = of_stage.first().filter(|d| pipeline.place(d.stage.as_str()).is_none()) else { continue };
        folders.entry(first.stage.as_str()).or_default().extend(of_stage.iter().map(|d| d.path));
    }
    for stray in ground.strays {
        if let StrayKind::UnknownStage(folder) = &stray.kind {
            folders.entry(folder).or_default().insert(&stray.path);
        }
    }
    folders.into_iter().filter_map(|(folder, files)| about(ground, folder, &files)).collect()
}

fn about(ground: &Ground<'_>, folder: &str, files: &BTreeSet<&str>) -> Option<Finding> {
    let first = files.first()?;
    let pipeline = ground.pipeline();
    let what = match files.len() {
        1 => "1 deal lies".to_owned(),
        n => format!("{n} deals lie"),
    };
    if folder.is_empty() {
        // Any other YAML file can lie beside the pipeline file, so this is only a guess.
        let message = match files.len() {
            1 => "a file beside pipeline.yaml is in no stage, so it is not counted as a deal".to_owned(),
            n => format!("{n} files beside pipeline.yaml are in no stage, so they are not counted as deals"),
        };
        let finding = Finding::new(&RULE, *first, WHOLE_FILE, message).at_most(Level::Warning);
        return Some(finding.with_help("if it is a deal, move it into the folder of its stage"));
    }
    let message = format!("{what} in \"{folder}\", which is no stage of this pipeline");
    let finding = Finding::new(&RULE, *first, WHOLE_FILE, message);
    let stages = || pipeline.places().map(|p| p.id().as_str());
    Some(if let Some(now) = pipeline.current_name(folder) {
        let (from, to) = (ground.name(folder), ground.name(now.as_str()));
        finding.with_help(format!("the stage is called {now} now: move the files from {from} to {to}"))
    } else if let Some(near) = nearest(folder, stages()) {
        finding.with_help(format!(
            "did you mean `{near}`? Then move the files from {} to {}",
            ground.name(folder),
            ground.name(near)
        ))
    } else {
        finding.with_help(format!("the stages are {}", stages().collect::<Vec<_>>().join(", ")))
    })
}
