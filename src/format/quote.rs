//! Writes any text as a YAML scalar of one line that every reader, of YAML 1.1 or 1.2, takes for that same text.

use std::fmt::Write as _;

/// The text as a value or key outside of brackets: plain wherever that is safe, in quotes otherwise.
pub fn scalar(text: &str) -> String {
    write(text, false)
}

/// The text as a value or key inside `{…}` or `[…]`, where commas and brackets need quotes too.
pub fn flow_scalar(text: &str) -> String {
    write(text, true)
}

fn write(text: &str, flow: bool) -> String {
    if text.chars().any(needs_escape) {
        double_quoted(text)
    } else if is_plain(text, flow) {
        text.to_owned()
    } else if text.contains(['"', '\\']) && !text.contains('\'') {
        format!("'{text}'")
    } else {
        double_quoted(text)
    }
}

/// Characters that are written as an escape: controls, line ends of every kind, marks that change the direction of
/// text or cannot be seen at all, and what no YAML file may hold.
fn needs_escape(character: char) -> bool {
    matches!(
        character,
        '\0'..'\u{20}'
            | '\u{7f}'..='\u{a0}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'
            | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    ) || (character as u32) & 0xfffe == 0xfffe
}

/// Whether a text can stand in a file without escapes.
pub(super) fn is_visible(text: &str) -> bool {
    !text.chars().any(needs_escape)
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if needs_escape(c) => {
                let code = c as u32;
                // Writing to a string cannot fail.
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02X}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04X}"),
                    _ => write!(quoted, "\\U{code:08X}"),
                };
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn is_plain(text: &str, flow: bool) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let blank_ends = first == ' ' || text.ends_with(' ');
    let indicator = "-?:,[]{}#&*!|>'\"%@`=~<".contains(first);
    let colon = text.contains(": ") || text.ends_with(':');
    let comment = text.contains(" #");
    // Older readers take `:?` inside brackets for the end of a key.
    let brackets = flow && (text.contains([',', '[', ']', '{', '}']) || text.contains(":?"));
    let document = text.starts_with("...");
    !(blank_ends || indicator || colon || comment || brackets || document || means_something_else(text))
}

/// Whether some reader takes the text for null, a boolean, a number, a time or a date.
fn means_something_else(text: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    if text.len() <= 5 && WORDS.iter().any(|w| text.eq_ignore_ascii_case(w)) {
        return true;
    }
    let bytes = text.as_bytes();
    let signed = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let number = &bytes[signed..];
    let Some(first) = number.first() else { return false };
    if !(first.is_ascii_digit() || *first == b'.') {
        return [".inf", ".nan", "inf", "infinity"].iter().any(|w| text[signed..].eq_ignore_ascii_case(w));
    }
    let based = number.len() > 1 && first == &b'0' && matches!(number[1], b'x' | b'X' | b'o' | b'O' | b'b' | b'B');
    if based && number[2..].iter().all(|b| b.is_ascii_hexdigit() || *b == b'_') {
        return true;
    }
    if [".inf", ".nan"].iter().any(|w| text[signed..].eq_ignore_ascii_case(w)) {
        return true;
    }
    // A superset of the forms of YAML 1.1: underscores, sexagesimals (1:30), dates and times.
    number.iter().all(|b| b.is_ascii_digit() || b"+-._,:eETtZz ".contains(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::tree::{Core, Mapping, NodeKind, ScalarStyle, read, resolve};

    /// What our reader and serde_yaml make of a text written as a value, a key and inside brackets.
    fn assert_reads_back(text: &str) {
        let (plain, flow) = (scalar(text), flow_scalar(text));
        assert!(!plain.contains(['\n', '\r']) && !flow.contains(['\n', '\r']), "{plain:?}");
        let long_key = plain.chars().count() > 1000;
        let key = if long_key { "k" } else { &plain };
        let source = format!("v: {plain}  # comment\nf: {{a: {flow}, b: [{flow}, {flow}]}}\nm:\n  {key}: 1\n");
        let document = read(source.as_bytes()).unwrap_or_else(|p| panic!("{text:?} as {source}: {p:?}"));
        let string = |mapping: &Mapping, key: &str| match mapping.get(key).map(|n| n.kind.clone()) {
            Some(NodeKind::Scalar { text, style }) => {
                assert_eq!(resolve(&text, style), Core::Str, "{source}");
                text
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(string(&document.root, "v"), text, "{source}");
        let Some(NodeKind::Mapping(inner)) = document.root.get("f").map(|n| n.kind.clone()) else { panic!("{source}") };
        assert_eq!(string(&inner, "a"), text, "{source}");
        let Some(NodeKind::Mapping(keys)) = document.root.get("m").map(|n| n.kind.clone()) else { panic!("{source}") };
        if !long_key {
            assert_eq!(keys.entries[0].key, text);
        }
        let value: serde_yaml::Value = serde_yaml::from_str(&source).unwrap_or_else(|e| panic!("{source}: {e}"));
        for place in [&value["v"], &value["f"]["a"], &value["f"]["b"][0], &value["f"]["b"][1]] {
            assert_eq!(place.as_str(), Some(text), "{source}");
        }
        if !long_key {
            assert_eq!(value["m"][text].as_i64(), Some(1), "{source}");
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        for text in [
            "Corporate site redesign",
            "Сайт для ООО Ромашка",
            "15000-20000 EUR",
            "14d",
            "3 hours",
            "https://example.com/a?b=c#d",
            "olga@example.com",
            "it's",
            "a \"b\" c",
            "C:\\x",
            "5 % of it",
            "日本語 🦄",
            "nobody",
        ] {
            assert_eq!(scalar(text), text);
            assert_reads_back(text);
        }
    }

    #[test]
    fn words_and_numbers_of_both_yaml_versions_get_quotes() {
        let texts = "no NO Yes on OFF y N null ~ true FALSE 12 -1 +1.5 1e3 .5 0x1F 0o17 0b1 017 1_000 12,000 1:30 \
                     2026-12-15 2026-12-15T10:00:00Z .inf -.INF .nan = << - -- --- ... ? : -x";
        for text in texts.split_whitespace().chain(["", " ", " a", "a ", "2001-12-14 21:59:43.10 -5"]) {
            let written = scalar(text);
            assert!(written.starts_with(['"', '\'']), "{written}");
            assert_reads_back(text);
        }
    }

    #[test]
    fn indicators_get_quotes() {
        assert_eq!(scalar("ACME: phase 2"), "\"ACME: phase 2\"");
        assert_eq!(scalar("a #b"), "\"a #b\"");
        assert_eq!(scalar("a:"), "\"a:\"");
        assert_eq!(scalar("@x \"y\""), "'@x \"y\"'");
        assert_eq!(scalar("'\\"), "\"'\\\\\"");
        assert_eq!(scalar("a, [b]"), "a, [b]");
        assert_eq!(flow_scalar("a, [b]"), "\"a, [b]\"");
        for first in "-?:,[]{}#&*!|>'\"%@`=~<\\".chars() {
            for text in [format!("{first}"), format!("{first}x"), format!("{first} x"), format!("x {first} y")] {
                assert_reads_back(&text);
            }
        }
    }

    #[test]
    fn what_cannot_be_seen_becomes_an_escape() {
        assert_eq!(scalar("a\nb\tc\r"), "\"a\\nb\\tc\\r\"");
        assert_eq!(scalar("\u{1b}[31m\0"), "\"\\x1B[31m\\x00\"");
        assert_eq!(scalar("a\u{202e}b\u{2028}"), "\"a\\u202Eb\\u2028\"");
        assert_eq!(scalar("\u{e0041}"), "\"\\U000E0041\"");
        for code in (0..0x3000).chain(0xd7f0..0x10100).chain(0xe0000..0xe0100).chain(0x10fff0..0x110000) {
            if let Some(c) = char::from_u32(code).filter(|c| needs_escape(*c)) {
                assert_reads_back(&format!("a{c}b"));
            }
        }
    }

    #[test]
    fn every_naughty_string_reads_back() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/naughty-strings/blns.json");
        let Ok(json) = std::fs::read(&path) else {
            println!("skipped: {} is not here", path.display());
            return;
        };
        let strings: Vec<String> = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(strings.len(), 515);
        strings.iter().for_each(|s| assert_reads_back(s));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_reads_back(text in any::<String>()) {
            assert_reads_back(&text);
        }

        #[test]
        fn texts_of_indicators_read_back(text in "[-a1 :#,?&*!|>'\"%@`{}\\[\\]\\\\.~=<\\n\\t_eé0]{0,12}") {
            assert_reads_back(&text);
        }

        #[test]
        fn texts_like_numbers_read_back(text in "[-+.0-9:_eExobTZ naif]{1,8}") {
            assert_reads_back(&text);
            let plain = scalar(&text);
            prop_assert!(plain.starts_with(['"', '\'']) || resolve(&text, ScalarStyle::Plain) == Core::Str);
        }
    }
}
