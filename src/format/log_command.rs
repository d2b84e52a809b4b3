//! What build servers take for commands when it stands in a log, wherever it came from.
//!
//! GitHub obeys a line that begins with `::error::` and the like, and `##[error]` anywhere in a line; Azure obeys
//! `##vso[`, TeamCity `##teamcity[`. A deal's title must not be able to say any of these, whoever prints it and wherever
//! the lines are broken, so they are always broken up and not only where a build server is known to listen.

/// Joins letters without being seen. Whoever draws excerpts leaves it out, so that what stood on its two sides meets.
const JOINER: char = '\u{200d}';

/// Whether a `[` after this text would make a command of it: `##`, then letters and digits or nothing.
pub fn opens(before: &str) -> bool {
    let mut back = before.chars().rev().filter(|c| *c != JOINER).skip_while(char::is_ascii_alphanumeric);
    back.next() == Some('#') && back.next() == Some('#')
}

/// A text without the opening of any command: a blank is put before the bracket of `##[`.
pub fn without_brackets(text: String) -> String {
    if !text.contains('[') || !text.contains('#') {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c == '[' && opens(&out) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// As [`without_brackets`], and a blank between the colons of `::` where a letter follows: wherever lines are broken, the
/// text of none begins with the opening of a command.
pub fn without_commands(text: String) -> String {
    let text = without_brackets(text);
    if !text.contains(':') {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c.is_ascii_alphabetic() && has_colons(&out) {
            let end = out.trim_end_matches(JOINER).len() - 1;
            out.insert(end, ' ');
        }
        out.push(c);
    }
    out
}

/// Whether a text ends with the two colons that open a command, seen or not.
fn has_colons(text: &str) -> bool {
    let mut back = text.chars().rev().filter(|c| *c != JOINER);
    back.next() == Some(':') && back.next() == Some(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_of_commands_are_broken_up() {
        let wanted = [
            ("::error::x", ": :error: :x"),
            ("a ::set-output name=x::y", "a : :set-output name=x: :y"),
            (":::stop-commands::1", ":: :stop-commands::1"),
            ("##[add-mask]0", "## [add-mask]0"),
            ("x###[group]", "x### [group]"),
            ("##vso[task.setvariable]", "##vso [task.setvariable]"),
            ("##teamcity[buildStop]", "##teamcity [buildStop]"),
            ("##[[x", "## [[x"),
            ("#\u{200d}#\u{200d}[add-mask]", "#\u{200d}#\u{200d} [add-mask]"),
            (":\u{200d}:\u{200d}error::x", ":\u{200d} :\u{200d}error: :x"),
        ];
        for (text, broken) in wanted {
            assert_eq!(without_commands(text.to_owned()), broken);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["Acme: phase 1", "10:30::", "fe80::1", "# [x]", "[##]", "## Results [draft]", ""] {
            assert_eq!(without_commands(text.to_owned()), text);
        }
        assert_eq!(without_brackets("a::b".to_owned()), "a::b");
    }
}
