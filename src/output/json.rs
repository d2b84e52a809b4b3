//! JSON, the one way it goes out: indented, with a line end, and harmless to a terminal that shows it.

use serde_json::Value;

use super::terminal::is_hostile;
use crate::format::log_command::opens;

/// A document as indented JSON with a line end, escaped as [`escaped`] does.
pub fn write(document: &Value) -> String {
    let mut text = escaped(&format!("{document:#}"));
    text.push('\n');
    text
}

/// JSON with every character that could trouble a terminal (controls, characters that turn text) or make a command for a
/// build server (`##[`) as a `\u` escape. Such characters stand inside strings only, so that the value is the same.
pub fn escaped(json: &str) -> String {
    let commands = json.contains("##");
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if (is_hostile(c) && !matches!(c, '\n')) || (c == '[' && commands && opens(&out)) {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_escaped_and_read_back_the_same() {
        let value = serde_json::json!({"\u{1b}[31m": ["\u{202e}\u{9b}\u{e0041}\u{0}", "Ü 日本 \"q\"\n", "##vso[x"]});
        let text = write(&value);
        assert!(text.contains("##vso\\u005bx"), "{text:?}");
        assert!(text.chars().all(|c| c == '\n' || !is_hostile(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
