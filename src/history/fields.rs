//! The values of a few fields, read from the bytes of a deal as it was at some commit.
//!
//! History reads hundreds of thousands of versions and wants five values of each. Files in the common subset of YAML are
//! scanned line by line; anything else is left to the full reader.

use std::sync::Arc;

use crate::format::reader;
use crate::format::tree::{Core, Node, NodeKind, resolve};

/// A version of a deal that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

/// Fields whose changes are always told.
pub const ALWAYS: [&str; 5] = ["amount", "close_date", "owner", "next_step.what", "next_step.due"];

/// The names of the fields whose changes are told: [`ALWAYS`], then those asked for, each once.
pub fn names(asked: &[String]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = ALWAYS.iter().map(|name| Arc::from(*name)).collect();
    for name in asked {
        if !names.iter().any(|n| **n == **name) {
            names.push(Arc::from(name.as_str()));
        }
    }
    names
}

/// The values of the wanted fields (dotted names), each on one line, `None` where the deal has none. A list or block that
/// is wanted as a whole is given as its source on one line.
///
/// # Errors
/// When the bytes cannot be read as a deal.
pub fn extract(bytes: &[u8], wanted: &[Arc<str>]) -> Result<Vec<Option<String>>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable)?;
    match scan(text) {
        Some(entries) => wanted
            .iter()
            .map(|name| value_of(&entries, name))
            .collect::<Option<Vec<_>>>()
            .map_or_else(|| full(bytes, wanted), Ok),
        None => full(bytes, wanted),
    }
}

/// The ids that a deal lists under `was`; none where the bytes cannot be read.
pub fn older_ids(bytes: &[u8]) -> Vec<String> {
    let Ok(document) = reader::read(bytes) else { return Vec::new() };
    match document.root.get("was").map(|node| &node.kind) {
        Some(NodeKind::Sequence { items, .. }) => items.iter().filter_map(text_of).collect(),
        Some(_) => document.root.get("was").and_then(text_of).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Reads with the full parser.
fn full(bytes: &[u8], wanted: &[Arc<str>]) -> Result<Vec<Option<String>>, Unreadable> {
    let document = reader::read(bytes).map_err(|_| Unreadable)?;
    let value = |name: &Arc<str>| {
        let mut parts = name.split('.');
        let mut node = document.root.get(parts.next()?)?;
        for part in parts {
            match &node.kind {
                NodeKind::Mapping(mapping) => node = mapping.get(part)?,
                _ => return None,
            }
        }
        match &node.kind {
            NodeKind::Scalar { .. } => text_of(node),
            _ => document.text.get(node.span.start..node.span.end).map(on_one_line),
        }
    };
    Ok(wanted.iter().map(value).collect())
}

/// The text of a scalar that is not null.
fn text_of(node: &Node) -> Option<String> {
    match &node.kind {
        NodeKind::Scalar { text, style } if resolve(text, *style) != Core::Null => Some(on_one_line(text)),
        _ => None,
    }
}

fn on_one_line(text: &str) -> String {
    if text.contains(['\n', '\r', '\t']) {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.to_owned()
    }
}

/// A top-level key with what stands on its line and below it.
struct Entry<'t> {
    key: &'t str,
    /// The value on the key's line, its comment cut off.
    inline: &'t str,
    /// The lines below that belong to it.
    block: &'t str,
}

/// The top-level entries of a document in the common subset: every line at column 0 is a comment or a plain key, and no
/// value that begins on a key's line in quotes or brackets goes on below. `None` for anything else.
fn scan(text: &str) -> Option<Vec<Entry<'_>>> {
    let mut entries: Vec<Entry> = Vec::with_capacity(32);
    let has_returns = memchr::memchr(b'\r', text.as_bytes()).is_some();
    // Looking at all of them without stopping is quicker than stopping at the first.
    let is_odd = |b: u8| ((b < b' ') & (b != b'\n') & (b != b'\r')) | (b == 0x7f);
    let has_odd = text.bytes().fold(false, |found, b| found | is_odd(b));
    if text.len() > 256 << 10 || text.ends_with('\r') || has_odd {
        return None;
    }
    let mut next = 0;
    // Where the block of the last entry begins.
    let mut below = 0;
    let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
    for end in ends {
        let line = &text[next..end];
        next = (end + 1).min(text.len());
        let line = line.strip_suffix('\r').unwrap_or(line);
        if has_returns && memchr::memchr(b'\r', line.as_bytes()).is_some() {
            return None;
        }
        let goes_on = match line.bytes().next() {
            // A comment between the lines of a block is as good as an empty line.
            None | Some(b'#') => !entries.is_empty(),
            Some(b' ') if entries.is_empty() && !line.trim().is_empty() => return None,
            Some(b' ') => !entries.is_empty(),
            Some(b'-') if line == "-" || line.starts_with("- ") => {
                entries.last()?;
                true
            }
            Some(_) => false,
        };
        if goes_on {
            if let Some(entry) = entries.last_mut() {
                entry.block = &text[below..next];
            }
        } else if !line.is_empty() && !line.starts_with(['#', ' ']) {
            let (key, rest) = split_key(line)?;
            let inline = strip_comment(rest)?;
            if entries.iter().any(|e| e.key == key) || !is_closed(inline) {
                return None;
            }
            entries.push(Entry { key, inline, block: "" });
            below = next;
        }
    }
    (!entries.is_empty()).then_some(entries)
}

/// Splits `key: value`; the key has only letters, digits, `_`, `-` and `.`.
fn split_key(line: &str) -> Option<(&str, &str)> {
    let end = line.bytes().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')))?;
    let rest = line[end..].strip_prefix(':')?;
    let plain_start = line.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    (plain_start && (rest.is_empty() || rest.starts_with(' '))).then(|| (&line[..end], rest.trim_matches(' ')))
}

/// Cuts off ` # …`, where it is outside of quotes. `None` where quotes are used in a way that needs the full reader.
fn strip_comment(value: &str) -> Option<&str> {
    if value.starts_with('#') {
        return Some("");
    }
    let end = match value.as_bytes().first() {
        Some(b'"' | b'\'') => {
            let close = quoted_len(value)?;
            let after = value[close..].trim_start_matches(' ');
            let is_comment = after.starts_with('#') && value[close..].starts_with(' ');
            if !(after.is_empty() || is_comment) {
                return None;
            }
            close
        }
        Some(b'[' | b'{') => {
            let close = flow_len(value)?;
            let after = &value[close..];
            if !after.trim_start_matches(' ').is_empty() && !after.starts_with(" #") {
                return None;
            }
            close
        }
        // Looking for one character first is many times quicker than looking for two.
        _ if memchr::memchr(b'#', value.as_bytes()).is_none() => value.len(),
        _ => value.find(" #").unwrap_or(value.len()),
    };
    Some(value[..end].trim_end_matches(' '))
}

/// The length of a quoted text with its quotes; `None` where it does not end on this line.
fn quoted_len(value: &str) -> Option<usize> {
    let bytes = value.as_bytes();
    let quote = *bytes.first()?;
    let mut at = 1;
    while let Some(b) = bytes.get(at) {
        if quote == b'"' && *b == b'\\' {
            at += 2;
        } else if *b != quote {
            at += 1;
        } else if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    None
}

/// The length of a flow list or mapping without others inside; `None` where it does not end on this line.
fn flow_len(value: &str) -> Option<usize> {
    let bytes = value.as_bytes();
    let close = if bytes.first() == Some(&b'[') { b']' } else { b'}' };
    let mut at = 1;
    while let Some(b) = bytes.get(at) {
        match b {
            b'"' | b'\'' if matches!(bytes.get(at - 1), Some(b' ' | b'[' | b'{' | b',')) => {
                at += quoted_len(&value[at..])?;
            }
            b'#' | b'[' | b'{' => return None,
            _ if *b == close => return Some(at + 1),
            b']' | b'}' => return None,
            _ => at += 1,
        }
    }
    None
}

/// Whether what stands on a key's line is complete there, or is a block scalar's header, or plain text.
fn is_closed(inline: &str) -> bool {
    match inline.as_bytes().first() {
        None | Some(b'"' | b'\'') => true,
        Some(b'[' | b'{') => flow_len(inline) == Some(inline.len()),
        Some(b'|' | b'>') => inline.len() <= 3 && inline[1..].bytes().all(|b| b.is_ascii_digit() || b"+-".contains(&b)),
        Some(b'&' | b'*' | b'!' | b'@' | b'`' | b'%' | b'?' | b',' | b']' | b'}') => false,
        Some(_) => !inline.contains(": ") && !inline.ends_with(':'),
    }
}

/// A scalar on one line: outer `None` where it needs the full reader, inner `None` for null.
fn scalar(value: &str) -> Option<Option<String>> {
    match value.as_bytes().first() {
        None => Some(None),
        Some(b'"') => {
            let inner = value[1..].strip_suffix('"')?;
            (!inner.contains(['\\', '"'])).then(|| Some(inner.to_owned()))
        }
        Some(b'\'') => {
            let inner = value[1..].strip_suffix('\'')?;
            Some(Some(inner.replace("''", "'")))
        }
        Some(b'[' | b'{' | b'&' | b'*' | b'!' | b'@' | b'`' | b'%' | b'|' | b'>' | b'?' | b',' | b']' | b'}') => None,
        Some(_) if value.contains(": ") || value.ends_with(':') => None,
        Some(b'-') if value == "-" || value.starts_with("- ") => None,
        Some(_) if matches!(value, "~" | "null" | "Null" | "NULL") => Some(None),
        Some(_) => Some(Some(value.to_owned())),
    }
}

/// The value of one dotted name; `None` where it needs the full reader.
fn value_of(entries: &[Entry], name: &str) -> Option<Option<String>> {
    let (key, below) = name.split_once('.').map_or((name, None), |(key, below)| (key, Some(below)));
    let Some(entry) = entries.iter().find(|e| e.key == key) else { return Some(None) };
    let has_block = entry.block.lines().any(|line| !is_blank(line));
    match below {
        None if has_block => None,
        None => scalar(entry.inline),
        Some(below) if below.contains('.') => None,
        Some(below) if entry.inline.is_empty() => in_block(entry.block, below),
        Some(_) if has_block => None,
        Some(below) if entry.inline.starts_with('{') => in_flow(entry.inline, below),
        // A field that should be a block and is a single value has no fields below it.
        Some(_) => scalar(entry.inline).map(|_| None),
    }
}

fn is_blank(line: &str) -> bool {
    let line = line.trim_start_matches(' ');
    line.is_empty() || line.starts_with('#')
}

/// Finds a key in the indented lines of a block.
fn in_block(block: &str, key: &str) -> Option<Option<String>> {
    let mut lines = block.lines().filter(|line| !is_blank(line)).peekable();
    let Some(first) = lines.peek() else { return Some(None) };
    let indent = first.len() - first.trim_start_matches(' ').len();
    let mut found = None;
    while let Some(line) = lines.next() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        if depth < indent {
            return None;
        }
        if depth > indent {
            continue;
        }
        let (this, rest) = split_key(&line[depth..])?;
        let value = strip_comment(rest)?;
        if !is_closed(value) {
            return None;
        }
        if this != key {
            continue;
        }
        let goes_on = lines.peek().is_some_and(|next| next.len() - next.trim_start_matches(' ').len() > indent);
        if found.is_some() || goes_on {
            return None;
        }
        found = Some(scalar(value)?);
    }
    Some(found.flatten())
}

/// Finds a key in `{a: 1, b: 2}`.
fn in_flow(flow: &str, key: &str) -> Option<Option<String>> {
    let inner = flow.strip_prefix('{')?.strip_suffix('}')?;
    let mut found = None;
    if inner.trim().is_empty() {
        return Some(None);
    }
    for item in split_flow(inner)? {
        let (this, value) = split_key(item.trim_matches(' '))?;
        if this == key {
            if found.is_some() {
                return None;
            }
            found = Some(scalar(value)?);
        } else {
            scalar(value)?;
        }
    }
    Some(found.flatten())
}

/// Splits at commas outside of quotes.
fn split_flow(inner: &str) -> Option<Vec<&str>> {
    let mut items = Vec::new();
    let (mut start, mut at) = (0, 0);
    let bytes = inner.as_bytes();
    while let Some(b) = bytes.get(at) {
        match b {
            b',' => {
                items.push(&inner[start..at]);
                at += 1;
                start = at;
            }
            b'"' | b'\'' if inner[start..at].ends_with(": ") => at += quoted_len(&inner[at..])?,
            b'#' => return None,
            _ => at += 1,
        }
    }
    items.push(&inner[start..]);
    Some(items)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, wanted: &str) -> Result<Option<String>, Unreadable> {
        extract(text.as_bytes(), &[wanted.into()]).map(|mut v| v.remove(0))
    }

    #[test]
    fn plain_and_quoted_values_lose_their_comments() {
        let text = "# deal\ntitle: A \"b\" c\namount: 18000 EUR   # so far\r\nowner: 'O''Neil' # who\nsource: \"x # y\"\n\
                    account: ~\nsegment: a#b\nregion: # none\n";
        let is = |field: &str, value: &str| assert_eq!(read(text, field), Ok(Some(value.to_owned())), "{field}");
        is("amount", "18000 EUR");
        is("owner", "O'Neil");
        is("source", "x # y");
        is("segment", "a#b");
        assert_eq!(read(text, "account"), Ok(None));
        assert_eq!(read(text, "region"), Ok(None));
        assert_eq!(read(text, "close_date"), Ok(None));
    }

    #[test]
    fn the_next_step_is_read_in_both_styles() {
        let flow = "next_step: {what: \"Call, then write\", due: 2026-11-25} # soon\n";
        assert_eq!(read(flow, "next_step.what"), Ok(Some("Call, then write".to_owned())));
        assert_eq!(read(flow, "next_step.due"), Ok(Some("2026-11-25".to_owned())));
        let block = "next_step:\n  # what now\n  what: Call the CFO  # yes\n\n  due: 2026-11-25\nowner: olga\n";
        assert_eq!(read(block, "next_step.what"), Ok(Some("Call the CFO".to_owned())));
        assert_eq!(read(block, "next_step.due"), Ok(Some("2026-11-25".to_owned())));
        assert_eq!(read(block, "owner"), Ok(Some("olga".to_owned())));
    }

    #[test]
    fn text_blocks_and_lists_do_not_hide_or_fake_keys() {
        let text =
            "notes: |\n  amount: 1\n\n  owner: x\neffort:\n- {on: 2026-01-01, hours: 3}\ntags: [a, b]\namount: 7\n";
        assert_eq!(read(text, "amount"), Ok(Some("7".to_owned())));
        assert_eq!(read(text, "owner"), Ok(None));
    }

    #[test]
    fn unusual_files_are_read_by_the_full_parser() {
        let is = |text: &str, field: &str, value: &str| assert_eq!(read(text, field), Ok(Some(value.to_owned())));
        is("---\namount: 7 EUR\n", "amount", "7 EUR");
        is("\"amount\": 7\n", "amount", "7");
        is("owner: \"ol\\u0067a\"\n", "owner", "olga");
        is("next_step: {what: Call,\n  due: 2026-01-01}\n", "next_step.due", "2026-01-01");
        is("next_step:\n  what: Call the\n    whole board\n", "next_step.what", "Call the whole board");
        is("next_step:\n  what: |\n    Call\n    them\n", "next_step.what", "Call them");
        is("tags: [a,\n  b]\n", "tags", "[a, b]");
        is("a:\n  b:\n    c: 5\n", "a.b.c", "5");
        is("amount: 7\n  EUR\n", "amount", "7 EUR");
    }

    #[test]
    fn older_ids_are_read_in_three_styles() {
        assert_eq!(older_ids(b"title: x\nwas: [acme, \"beta\"]\n"), ["acme", "beta"]);
        assert_eq!(older_ids(b"was:\n  - acme # first\n  - beta\n"), ["acme", "beta"]);
        assert_eq!(older_ids(b"was: acme\n"), ["acme"]);
        assert!(older_ids(b"title: x\n").is_empty());
        assert!(older_ids(b"\xff").is_empty());
    }

    fn pieces() -> impl Strategy<Value = String> {
        let words = [
            "amount",
            "owner",
            "next_step",
            "notes",
            "what",
            "due",
            ":",
            ": ",
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            ",",
            ", ",
            "\"",
            "'",
            "#",
            " #",
            "|",
            ">",
            "~",
            "null",
            "5 EUR",
            "x",
            "\\",
            " ",
            "\r\n",
            "&",
            "*",
            "!",
            "%",
            "---",
            "\n\n",
            "?",
        ];
        proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..14).prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]
        #[test]
        fn both_readers_agree(before in pieces(), inner in pieces(), after in pieces()) {
            let wanted = names(&["notes".to_owned(), "x".to_owned()]);
            for text in [format!("{before}\namount: {inner}\nowner: {after}"), format!("next_step:\n  what: {inner}\n  due: {after}"), format!("next_step: {{what: {inner}, due: {after}}}")] {
                let (quick, slow) = (extract(text.as_bytes(), &wanted), full(text.as_bytes(), &wanted));
                if slow.is_ok() {
                    prop_assert_eq!(quick, slow, "{:?}", text);
                }
            }
        }
    }

    #[test]
    fn what_is_no_deal_is_unreadable() {
        for text in ["<<<<<<< HEAD\namount: 1\n", "just text", "a: 1\n\tb: 2\n", "[1, 2]\n", "a: [\n", "a: &x 1\n"] {
            assert_eq!(read(text, "amount"), Err(Unreadable), "{text:?}");
        }
        assert_eq!(extract(b"amount: 1\xff\n", &["amount".into()]), Err(Unreadable));
    }
}
