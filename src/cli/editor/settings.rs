//! Adds keys to settings of JSON with comments and trailing commas, as editors write them, and changes nothing else.

use serde_json::{Map, Value};

/// A value below the keys on the way to it.
pub(super) fn nested(keys: &[&str], value: Value) -> Value {
    keys.iter().rev().fold(value, |inner, key| Value::Object(Map::from_iter([((*key).to_owned(), inner)])))
}

/// The settings with these entries in the block at `keys`, which is made where it is not there. `None` where they cannot
/// be read, where an entry is there with another value, or where something else would change.
pub(super) fn merged(text: &str, keys: &[&str], entries: &Map<String, Value>) -> Option<String> {
    if text.trim().is_empty() {
        let value = nested(keys, Value::Object(entries.clone()));
        return serde_json::to_string_pretty(&value).ok().map(|text| text + "\n");
    }
    let bare = without_comments(text);
    let before: Value = serde_json::from_str(&bare).ok()?;
    let mut there = &before;
    let mut depth = 0;
    for key in keys {
        match there.as_object()?.get(*key) {
            Some(inner) => there = inner,
            None => break,
        }
        depth += 1;
    }
    let known = there.as_object()?;
    let (way, rest) = keys.split_at(depth);
    let new: Map<String, Value> = match rest.split_first() {
        None => {
            if entries.iter().any(|(key, value)| known.get(key).is_some_and(|found| found != value)) {
                return None;
            }
            entries.iter().filter(|(key, _)| !known.contains_key(*key)).map(|(k, v)| (k.clone(), v.clone())).collect()
        }
        Some((key, rest)) => Map::from_iter([((*key).to_owned(), nested(rest, Value::Object(entries.clone())))]),
    };
    if new.is_empty() {
        return Some(text.to_owned());
    }
    let at = inside(&bare, way)?;
    let merged = format!("{}{}{}", &text[..at], inserted(&new, way.len(), known.is_empty(), text), &text[at..]);
    // Whatever the text is like: nothing but these entries may be added.
    let after: Value = serde_json::from_str(&without_comments(&merged)).ok()?;
    let mut meant = before.clone();
    let mut block = &mut meant;
    for key in way {
        block = block.get_mut(*key)?;
    }
    block.as_object_mut()?.extend(new);
    (after == meant).then_some(merged)
}

/// Entries as they stand right behind the bracket that opens a block.
fn inserted(new: &Map<String, Value>, depth: usize, alone: bool, text: &str) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let margin = "  ".repeat(depth + 1);
    let lines: Vec<String> = new
        .iter()
        .map(|(key, value)| {
            let shown = serde_json::to_string_pretty(value).unwrap_or_default();
            format!(
                "{newline}{margin}{}: {}",
                Value::from(key.as_str()),
                shown.replace('\n', &format!("{newline}{margin}"))
            )
        })
        .collect();
    let end = if alone { format!("{newline}{}", "  ".repeat(depth)) } else { ",".to_owned() };
    lines.join(",") + &end
}

/// The text with blanks for comments and for commas before a closing bracket; every byte stays at its place.
fn without_comments(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut comma = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        match (byte, bytes.get(at + 1)) {
            (b'"', _) => {
                comma = None;
                at = string_end(&bytes, at);
                continue;
            }
            (b'/', Some(b'/')) => {
                while bytes.get(at).is_some_and(|b| *b != b'\n') {
                    blank(&mut bytes, at);
                    at += 1;
                }
                continue;
            }
            (b'/', Some(b'*')) => {
                let end = text.as_bytes()[at..].windows(2).skip(2).position(|pair| pair == b"*/");
                let end = end.map_or(bytes.len(), |n| at + n + 4);
                (at..end).for_each(|n| blank(&mut bytes, n));
                at = end;
                continue;
            }
            (b',', _) => comma = Some(at),
            (b'}' | b']', _) => comma.take().into_iter().for_each(|n| blank(&mut bytes, n)),
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn blank(bytes: &mut [u8], at: usize) {
    bytes.iter_mut().skip(at).take(1).filter(|byte| !matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
}

/// The byte after a text in quotes that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'\\' => end += 2,
            b'"' => return end + 1,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// The byte behind the bracket that opens the block at `keys`, in JSON that reads.
fn inside(bare: &str, keys: &[&str]) -> Option<usize> {
    let bytes = bare.as_bytes();
    // How many of the keys lead to the block that is open at each depth; `None` beside the way.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut led = Some(0);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                if led == Some(keys.len()) {
                    return Some(at + 1);
                }
                open.push(led.take());
            }
            b'[' => {
                open.push(None);
                led = None;
            }
            b'}' | b']' => {
                open.pop();
                led = None;
            }
            b'"' => {
                let end = string_end(bytes, at);
                let is_key = bare.get(end..)?.trim_start().starts_with(':');
                if is_key {
                    let key: String = serde_json::from_str(bare.get(at..end)?).ok()?;
                    let here = open.last().copied().flatten();
                    led = here.filter(|n| keys.get(*n) == Some(&key.as_str())).map(|n| n + 1);
                }
                at = end;
                continue;
            }
            b',' => led = None,
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn add(text: &str, keys: &[&str]) -> Option<String> {
        let entries = json!({"./s.json": ["a/*.yaml"]});
        merged(text, keys, entries.as_object().unwrap())
    }

    #[test]
    fn entries_are_added_and_comments_and_layout_stay() {
        let text = "// mine\n{\n  // tabs {\n  \"editor.tabSize\": 2, /* \"yaml.schemas\": {} */\n}\n";
        assert_eq!(
            add(text, &["yaml.schemas"]).unwrap(),
            "// mine\n{\n  \"yaml.schemas\": {\n    \"./s.json\": [\n      \"a/*.yaml\"\n    ]\n  },\n  // tabs {\n  \
             \"editor.tabSize\": 2, /* \"yaml.schemas\": {} */\n}\n"
        );
        let text = "{\"yaml.schemas\": {\"x\": \"y\",},}";
        assert_eq!(
            add(text, &["yaml.schemas"]).unwrap(),
            "{\"yaml.schemas\": {\n    \"./s.json\": [\n      \"a/*.yaml\"\n    ],\"x\": \"y\",},}"
        );
        assert_eq!(
            add("{}", &["a", "b"]).unwrap().replace(['\n', ' '], ""),
            r#"{"a":{"b":{"./s.json":["a/*.yaml"]}}}"#
        );
        assert!(add("{\r\n}", &["a"]).unwrap().contains("\r\n  \"a\": {\r\n"));
        assert!(add(" \n", &["a"]).unwrap().starts_with("{\n  \"a\""));
    }

    #[test]
    fn the_block_is_found_among_others_of_its_name() {
        let text = r#"{"lsp": {"x": {"yaml": {}}, "yaml": {"k": "yaml", "l": [{"yaml": {}}]}}, "yaml": {"b": 1}}"#;
        let merged = add(text, &["lsp", "yaml"]).unwrap();
        let value: Value = serde_json::from_str(&merged).unwrap();
        assert_eq!(value["lsp"]["yaml"]["./s.json"], json!(["a/*.yaml"]));
        assert_eq!(value["yaml"], json!({"b": 1}));
    }

    #[test]
    fn what_is_there_already_stays_and_what_contradicts_is_left_to_the_user() {
        let done = add("{\"n\": 1}", &["yaml.schemas"]).unwrap();
        assert_eq!(add(&done, &["yaml.schemas"]).unwrap(), done);
        for text in [
            r#"{"yaml.schemas": {"./s.json": "mine.yaml"}}"#,
            r#"{"yaml.schemas": true}"#,
            "[]",
            "{",
            "{'a': 1}",
            "{\"a\": 1 /* }",
            "\u{feff}{}",
            "/",
            "\"",
            "{\"a\": \"\\",
        ] {
            assert_eq!(add(text, &["yaml.schemas"]), None, "{text}");
        }
    }
}
