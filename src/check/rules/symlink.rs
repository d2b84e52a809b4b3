//! Links where a file or a folder should be.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::load::StrayKind;

pub(super) static RULE: Rule = Rule {
    id: "symlink",
    level: Level::Error,
    summary: "a deal, a stage folder or the pipeline file is a symbolic link",
    why: "A link can lead out of the repository and means something else on another computer, so it is not followed and what it leads to is not counted.",
    bad: "brief/acme.yaml -> ../elsewhere/acme.yaml",
    good: "brief/acme.yaml",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    let links = ground.strays.iter().filter(|s| s.kind == StrayKind::Symlink);
    links
        .map(|link| {
            let name = ground.name(&link.path);
            Finding::new(
                &RULE,
                link.path.as_str(),
                WHOLE_FILE,
                format!("{name} is a symbolic link and is not followed"),
            )
            .with_help("put the file itself here, or remove the link")
        })
        .collect()
}
