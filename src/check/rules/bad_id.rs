//! Names that are no deal ids.

use std::collections::BTreeSet;

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::load::{Stray, StrayKind};
use crate::format::slug::slug;

pub(super) static RULE: Rule = Rule {
    id: "bad-id",
    level: Level::Error,
    summary: "a file's name is no deal id, ends in .yml, or equals another but for capitals",
    why: "A deal is found by its file's name. Names with blanks, capitals or other letters differ between computers, so such a file is not counted as a deal at all.",
    bad: "brief/ACME Site.yaml",
    good: "brief/acme-site.yaml",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    // Elsewhere than in a stage a file of another name is simply no deal.
    let in_stage = |path: &str| path.split('/').next().is_some_and(|f| ground.pipeline().current_name(f).is_some());
    let strays: Vec<&Stray> = ground.strays.iter().filter(|s| in_stage(&s.path)).collect();
    if strays.is_empty() {
        return Vec::new();
    }
    let deals: BTreeSet<&str> = ground.deals.iter().map(|d| d.path).collect();
    strays.into_iter().filter_map(|stray| about(ground, &deals, &stray.path, &stray.kind)).collect()
}

fn about(ground: &Ground<'_>, deals: &BTreeSet<&str>, path: &str, kind: &StrayKind) -> Option<Finding> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let finding = |message: String| Finding::new(&RULE, path, WHOLE_FILE, message);
    Some(match kind {
        StrayKind::BadId => {
            let stem = name.strip_suffix(".yaml").unwrap_or(name);
            let finding = finding(format!("\"{name}\" is no name for a deal, so the file is not counted"))
                .with_help("use a-z, 0-9, `.`, `_` and `-` only, begin with a letter or a digit, at most 100 of them");
            if is_copy(stem) {
                finding.with_help("it looks like a copy that a sync program made: keep one of the two files")
            } else {
                rename(ground, finding, folder, stem)
            }
        }
        StrayKind::OtherEnding => {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let finding = finding(format!("\"{name}\" does not end in .yaml, so it is not counted as a deal"));
            let twin = format!("{folder}/{stem}.yaml");
            match deals.get(twin.as_str()) {
                Some(deal) => finding
                    .with_related(*deal, WHOLE_FILE, "the deal of the same name")
                    .with_help("keep one of the two files"),
                None => rename(ground, finding, folder, stem),
            }
        }
        StrayKind::SameName(other) => finding(format!(
            "\"{name}\" and \"{}\" are one name on computers that ignore capitals or write accents differently",
            other.rsplit_once('/').map_or(other.as_str(), |(_, n)| n)
        ))
        .with_related(other.as_str(), WHOLE_FILE, "the other name")
        .with_help("rename one of the two"),
        _ => return None,
    })
}

fn rename(ground: &Ground<'_>, finding: Finding, folder: &str, stem: &str) -> Finding {
    match slug(stem).filter(|id| !ground.has_deal(id)) {
        Some(id) => finding.with_help(format!("rename it to {}", ground.name(&format!("{folder}/{id}.yaml")))),
        None => finding,
    }
}

/// Whether a name looks like what Dropbox, iCloud or a file manager call a second copy.
fn is_copy(stem: &str) -> bool {
    let stem = stem.to_lowercase();
    stem.contains("conflicted copy") || stem.ends_with(')') || stem.ends_with(" 2") || stem.ends_with(" copy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_sync_programs_are_recognised() {
        assert!(is_copy("acme (Olga's conflicted copy 2026-01-05)") && is_copy("acme (1)") && !is_copy("acme"));
    }
}
