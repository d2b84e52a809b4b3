//! Deal files that could not be opened.

use crate::check::WHOLE_FILE;
use crate::check::finding::{Finding, Level};
use crate::check::ground::Ground;
use crate::check::rule::{Finder, Rule};
use crate::format::load::StrayKind;

pub(super) static RULE: Rule = Rule {
    id: "unreadable",
    level: Level::Error,
    summary: "a deal's file could not be opened, or is a folder or a device",
    why: "What cannot be read is missing from every list and sum.",
    bad: "brief/acme.yaml/          # a folder",
    good: "brief/acme.yaml           # a file that you may read",
    suppressible: false,
    finder: Finder::Pipeline(find),
};

fn find(ground: &Ground<'_>) -> Vec<Finding> {
    // A file with problems has been reported by them; every other one must not go unnamed.
    let unread = ground.unreadable.iter().filter(|u| u.io.is_some() || u.problems.is_empty()).map(|u| {
        let name = ground.name(&u.path);
        match &u.io {
            Some(error) => Finding::new(&RULE, u.path.as_str(), WHOLE_FILE, format!("cannot read {name}: {error}"))
                .with_help("check that the file is there and that you may read it"),
            None => Finding::new(&RULE, u.path.as_str(), WHOLE_FILE, format!("cannot read {name}")),
        }
    });
    let odd = ground.strays.iter().filter(|s| s.kind == StrayKind::NotAFile).map(|s| {
        let name = ground.name(&s.path);
        Finding::new(&RULE, s.path.as_str(), WHOLE_FILE, format!("{name} is called like a deal but is no regular file"))
            .with_help("a deal is one text file: rename or remove what lies there")
    });
    unread.chain(odd).collect()
}
