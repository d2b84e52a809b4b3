//! Bytes that have no place in a text file.

use crate::check::finding::Level;
use crate::check::rule::{Finder, Rule};

pub(super) static RULE: Rule = Rule {
    id: "encoding",
    level: Level::Error,
    summary: "a file is not UTF-8, or holds control characters or a byte order mark",
    why: "Editors and programs read other encodings as different letters, and control characters hide text from whoever reviews it.",
    bad: "title: Caf\\xe9       # one byte of Latin-1",
    good: "title: Café          # the same in UTF-8",
    suppressible: true,
    finder: Finder::Reader,
};
