//! One deal in several places.

use std::collections::BTreeMap;

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::ident::DealId;
use crate::format::pipeline::deal_path;

pub(super) static RULE: Rule = Rule {
    id: "duplicate-deal",
    level: Level::Error,
    summary: "one deal lies in several places",
    why: "It would be counted more than once, and nobody can tell in which stage it is. Merging two branches that moved the same deal leaves this behind.",
    bad: "brief/acme.yaml\nproposal/acme.yaml",
    good: "proposal/acme.yaml",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

/// So many places a message names; all of them are among the related ones.
const NAMED: usize = 4;

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let twins = ground.twins();
    if twins.is_empty() {
        return Vec::new();
    }
    let mut places: BTreeMap<DealId, Vec<&str>> = BTreeMap::new();
    for deal in ground.deals.iter().filter(|d| twins.contains(d.id)) {
        places.entry(deal.id.clone()).or_default().push(deal.path);
    }
    for (path, (_, id)) in ground.unreadable.iter().filter_map(|u| Some((&u.path, deal_path(&u.path)?))) {
        places.entry(id).or_default().push(path);
    }
    places.into_iter().filter_map(|(id, paths)| about(ground, id, &paths)).collect()
}

fn about(ground: &Ground<'_>, id: DealId, paths: &[&str]) -> Option<Finding> {
    let (first, others) = paths.split_first().filter(|(_, others)| !others.is_empty())?;
    let mut names: Vec<String> = paths.iter().take(NAMED).map(|p| ground.name(p)).collect();
    names.extend(paths.get(NAMED).map(|_| "…".to_owned()));
    let message = format!("the deal {id} lies in {} places: {}", paths.len(), names.join(", "));
    let help = match others.len() {
        1 => format!("`tussock resolve {id}` shows both versions and keeps one file"),
        n => format!(
            "keep one of the {} files and remove the others; `tussock resolve {id}` settles the last two",
            n + 1
        ),
    };
    let mut finding = Finding::new(&RULE, *first, WHOLE_FILE, message).with_deal(Some(id));
    for other in others {
        finding = finding.with_related(*other, WHOLE_FILE, "the same deal");
    }
    Some(finding.with_help(help))
}
