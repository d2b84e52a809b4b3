//! Stage folders that git would drop when their last deal leaves.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::problem::Fix;

pub(super) static RULE: Rule = Rule {
    id: "missing-placeholder",
    level: Level::Warning,
    summary: "a stage folder has no .gitkeep",
    why: "Git keeps no empty folders: when the last deal leaves a stage, git takes the folder for renamed and moves new deals of other people along to the wrong stage.",
    bad: "proposal/acme.yaml",
    good: "proposal/.gitkeep\nproposal/acme.yaml",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let missing = ground.without_placeholder.iter();
    missing
        .map(|stage| {
            let path = format!("{stage}/.gitkeep");
            let (folder, file) = (ground.name(stage.as_str()), ground.name(&path));
            let message = format!("the folder of the stage {stage} has no .gitkeep");
            let mut finding = Finding::new(&RULE, path, WHOLE_FILE, message)
                .with_help(format!("`mkdir -p {folder} && touch {file}`, and commit the file"));
            finding.fix = Some(Fix::safe("make the file", WHOLE_FILE, ""));
            finding
        })
        .collect()
}
