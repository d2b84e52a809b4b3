//! Deals that `tussock fmt` would change.

use crate::check::finding::{Finding, Level};
use crate::check::ground::DealGround;
use crate::check::rule::{Finder, Rule};
use crate::format::canonical;
use crate::format::problem::Fix;
use crate::format::span::Span;

pub(super) static RULE: Rule = Rule {
    id: "non-canonical",
    level: Level::Warning,
    summary: "`tussock fmt` would change a deal",
    why: "Cards that all have their fields in one order are quick to read, and a change shows as the lines that it is about.",
    bad: "amount: 18000\ntitle: Corporate site redesign",
    good: "title: Corporate site redesign\namount: 18000",
    suppressible: true,
    finder: Finder::DealIfAsked(find),
};

fn find(ground: &DealGround<'_>) -> Vec<Finding> {
    let text = &ground.deal.document.text;
    // What cannot be formatted has findings of other rules, or reads well enough.
    let Ok(canonical) = canonical::format(text, &ground.ground.pipeline().fields) else { return Vec::new() };
    if canonical == *text {
        return Vec::new();
    }
    let id = &ground.deal.id;
    let mut finding = ground
        .finding(&RULE, first_difference(text, &canonical), format!("{id} is not in canonical form"))
        .with_label("from here on")
        .with_help(format!("`tussock fmt {id}`"));
    finding.fix = Some(Fix::safe("write it in canonical form", Span::new(0, text.len()), canonical));
    vec![finding]
}

/// The first line of a text that is not so in the other.
fn first_difference(text: &str, other: &str) -> Span {
    let mut start = 0;
    let mut others = other.split_inclusive('\n');
    for line in text.split_inclusive('\n') {
        let shown = line.trim_end();
        if others.next() != Some(line) {
            let blanks = shown.len() - shown.trim_start_matches([' ', '\u{feff}']).len();
            return Span::new(start + blanks, start + shown.len());
        }
        start += line.len();
    }
    Span::at(text.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let shown = |text: &str, other: &str| {
            let span = first_difference(text, other);
            text[span.start..span.end].to_owned()
        };
        assert_eq!(shown("a: 1\n  c: 2\nb: 3\n", "a: 1\nb: 3\n"), "c: 2");
        assert_eq!(shown("a: 1", "a: 1\n"), "a: 1");
        assert_eq!(shown("a: 1\n\n\nb: 1\n", "a: 1\n\nb: 1\n"), "");
        assert_eq!(shown("\u{feff}a: 1\n", "a: 1\n"), "a: 1");
    }
}
