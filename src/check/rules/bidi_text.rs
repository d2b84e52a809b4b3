//! Characters that turn the direction of text.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::problem::Fix;
use crate::format::span::Span;

pub(super) static RULE: Rule = Rule {
    id: "bidi-text",
    level: Level::Error,
    summary: "a deal holds characters that turn the direction of text and can hide what it says",
    why: "A reviewer sees another amount or name than the one that stands in the file, and web pages that show changes may not warn of it.",
    bad: "title: Discount U+202E%05 (the invisible character shows 50% for 05%)",
    good: "title: Discount 5%",
    suppressible: true,
    finder: Finder::Deal(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let text = &ground.deal.document.text;
    // All of them begin with this byte, and most files do not have it.
    if !text.as_bytes().contains(&0xe2) {
        return Vec::new();
    }
    let turning = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut places = text.char_indices().filter(|(_, c)| turning(c));
    let Some((at, first)) = places.next() else { return Vec::new() };
    let more = match places.count() {
        0 => String::new(),
        n => format!(", and {n} more like it"),
    };
    let code = u32::from(first);
    let span = Span::new(at, at + first.len_utf8());
    let message = format!("an invisible character turns the direction of the text (U+{code:04X}{more})");
    let mut finding = ground
        .finding(&RULE, span, message)
        .with_label("what follows is shown in another order")
        .with_help("remove the character; right-to-left scripts need none of these");
    finding.fix = Some(Fix::guess("remove the character", span, ""));
    vec![finding]
}
