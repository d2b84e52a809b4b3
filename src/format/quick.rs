//! Reads what nearly every deal consists of, ten times as fast as the parser: block mappings and lists of scalars that
//! stand on one line, lists and mappings in brackets on one line, and texts after `|`.
//!
//! It never judges. Whatever is not plainly of this kind (a problem, too) is left to the full reader, and what it does
//! read it reads as the full reader would, to the byte: [`read`] either gives the very same tree or nothing.

use super::prescan::{MAX_BYTES, MAX_NODES};
use super::span::Span;
use super::tree::{Core, Document, Entry, Mapping, Node, NodeKind, ScalarStyle, resolve};

/// How deep collections may lie in one another. Far below the reader's limit, which is not counted here exactly.
const MAX_DEPTH: usize = 12;

/// Nodes counted roughly, so that the reader's own limit is never met.
const FEW_NODES: usize = MAX_NODES / 2;

/// Brackets in a text, wherever they stand; more could be refused for lying in one another.
const FEW_BRACKETS: usize = 256;

/// Keys of one mapping: each is compared with all before it.
const FEW_KEYS: usize = 64;

/// Room for the entries of most deals.
const ROOM: usize = 32;

/// So many bytes are made ready for a text after `|`.
const MUCH: usize = 4096;

/// The longest key in bytes. YAML ends keys at 1024 characters.
const MAX_KEY: usize = 128;

/// The bytes that plain keys are made of.
const IN_KEY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | 0x80..);
        byte += 1;
    }
    table
};

/// A text of the common kind as a document; `None` for any other text, be it right or wrong.
pub fn read(source: &[u8]) -> Option<Document> {
    let (root, span) = tree(source)?;
    let text = std::str::from_utf8(source).ok()?.to_owned();
    Some(Document { text, root, span, problems: Vec::new() })
}

/// The top-level mapping of a text of the common kind, and its bytes.
pub(super) fn tree(source: &[u8]) -> Option<(Mapping, Span)> {
    let text = plain_text(source)?;
    let mut lines = Lines {
        text,
        bytes: source,
        at: 0,
        indent: 0,
        more: true,
        nodes: 0,
        entries: Vec::with_capacity(ROOM),
        items: Vec::new(),
    };
    lines.next_line(0);
    if !lines.more || lines.indent != 0 {
        return None;
    }
    match lines.mapping(0, 1)? {
        Node { span, kind: NodeKind::Mapping(root) } if !lines.more => Some((root, span)),
        _ => None,
    }
}

/// The bytes as text, if no character in them needs a second look.
fn plain_text(source: &[u8]) -> Option<&str> {
    const CONTROL: u8 = 1;
    const RETURN: u8 = 2;
    const WIDE: u8 = 4;
    if source.len() > MAX_BYTES {
        return None;
    }
    // Written so that the compiler can look at many bytes at once.
    let kinds = source.iter().fold(0u8, |kinds, &byte| {
        let control = ((byte < 0x20) & (byte != b'\n') & (byte != b'\r')) | (byte == 0x7f);
        kinds | (u8::from(control) * CONTROL) | (u8::from(byte == b'\r') * RETURN) | (u8::from(byte >= 0x80) * WIDE)
    });
    let brackets = source.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if kinds & CONTROL != 0 || brackets > FEW_BRACKETS {
        return None;
    }
    let text = std::str::from_utf8(source).ok()?;
    if kinds & RETURN != 0 {
        let alone = |(at, byte): (usize, &u8)| *byte == b'\r' && source.get(at + 1) != Some(&b'\n');
        if source.iter().enumerate().any(alone) {
            return None;
        }
    }
    if kinds & WIDE != 0 && source.windows(3).any(is_special) {
        return None;
    }
    // A character of two bytes at the very end is in no window of three.
    let last = source.len().checked_sub(2).and_then(|at| source.get(at..));
    if last.is_some_and(|last| matches!(last, [0xc2, 0x80..=0x9f])) {
        return None;
    }
    Some(text)
}

/// Whether a window begins with a control character, a line end of another kind, a byte order mark or a character that
/// is none.
fn is_special(window: &[u8]) -> bool {
    matches!(
        window,
        [0xc2, 0x80..=0x9f, _] | [0xe2, 0x80, 0xa8 | 0xa9] | [0xef, 0xbb, 0xbf] | [0xef, 0xbf, 0xbe | 0xbf]
    )
}

/// A text and how far it is read.
struct Lines<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// The first byte of the line's content.
    at: usize,
    /// Blanks before it on its line.
    indent: usize,
    /// Whether there is a line at all.
    more: bool,
    nodes: usize,
    /// The entries of all mappings that are still open, each mapping's after those of the one around it; so each gets
    /// just the room that it needs in the end.
    entries: Vec<Entry>,
    /// The same for lists.
    items: Vec<Node>,
}

impl Lines<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Whether a line, or the text, ends here.
    fn ends(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b'\n' | b'\r'))
    }

    fn skip_spaces(&self, at: usize) -> usize {
        let mut at = at;
        while self.byte(at) == Some(b' ') {
            at += 1;
        }
        at
    }

    /// The end of the line that `at` is in, without its line end.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text.get(at..).and_then(|rest| rest.find('\n')).map_or(self.bytes.len(), |n| at + n);
        if end > at && self.byte(end) == Some(b'\n') && self.byte(end - 1) == Some(b'\r') { end - 1 } else { end }
    }

    /// The start of the line after a line end.
    fn after_line_end(&self, end: usize) -> usize {
        match self.byte(end) {
            Some(b'\r') => end + 2,
            Some(_) => end + 1,
            None => end,
        }
    }

    /// Goes to the content of the line that begins at `start`, or of the first one after it that has any.
    fn next_line(&mut self, start: usize) {
        let mut start = start;
        loop {
            let first = self.skip_spaces(start);
            match self.byte(first) {
                None => {
                    self.more = false;
                    return;
                }
                Some(b'\n' | b'\r') => start = self.after_line_end(first),
                Some(b'#') => start = self.after_line_end(self.line_end(first)),
                Some(_) => {
                    (self.at, self.indent) = (first, first - start);
                    return;
                }
            }
        }
    }

    /// Goes on after a value that ends at `end`: nothing but a comment may follow on its line.
    fn finish_line(&mut self, end: usize) -> Option<()> {
        let after = self.skip_spaces(end);
        let line_end = match self.byte(after) {
            None | Some(b'\n' | b'\r') => after,
            Some(b'#') if after > end => self.line_end(after),
            Some(_) => return None,
        };
        self.next_line(self.after_line_end(line_end));
        Some(())
    }

    fn node(&mut self, start: usize, end: usize, kind: NodeKind) -> Option<Node> {
        self.nodes += 1;
        (self.nodes <= FEW_NODES).then_some(Node { span: Span { start, end }, kind })
    }

    fn scalar(&mut self, start: usize, end: usize, text: &str, style: ScalarStyle) -> Option<Node> {
        self.node(start, end, NodeKind::Scalar { text: text.to_owned(), style })
    }

    fn is_dash(&self) -> bool {
        self.byte(self.at) == Some(b'-') && (self.ends(self.at + 1) || self.byte(self.at + 1) == Some(b' '))
    }

    /// The end of the key that begins at `at`; `None` where what stands there is no plain key with its colon.
    fn key(&self, at: usize) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        let length = rest.iter().take(MAX_KEY + 1).take_while(|b| IN_KEY[usize::from(**b)]).count();
        let end = at + length;
        let first = rest.first().filter(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b >= 0x80)?;
        let colon = rest.get(length) == Some(&b':') && (self.ends(end + 1) || self.byte(end + 1) == Some(b' '));
        if length > MAX_KEY || !colon {
            return None;
        }
        // Numbers and the words of YAML are refused as keys.
        let word = matches!(first, b'0'..=b'9' | b'n' | b'N' | b't' | b'T' | b'f' | b'F');
        (!word || resolve(self.text.get(at..end)?, ScalarStyle::Plain) == Core::Str).then_some(end)
    }

    /// Adds an entry to the mapping whose entries begin at `first`, if it has no key of this name yet.
    fn add(&mut self, first: usize, key: Span, value: Node) -> Option<()> {
        let name = self.text.get(key.start..key.end)?;
        self.nodes += 1;
        let before = self.entries.get(first..)?;
        if before.len() >= FEW_KEYS || before.iter().any(|e| e.key == name) {
            return None;
        }
        self.entries.push(Entry { key: name.to_owned(), key_span: key, value });
        Some(())
    }

    /// The block mapping whose first key is here, in column `indent`.
    fn mapping(&mut self, indent: usize, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let (first, mut end) = (self.entries.len(), start);
        loop {
            let key = Span { start: self.at, end: self.key(self.at)? };
            let value = self.value(key.end + 1, indent, true, depth)?;
            end = value.span.end.max(key.end + 1).max(end);
            self.add(first, key, value)?;
            if !self.more || self.indent < indent {
                break;
            }
            if self.indent > indent || self.is_dash() {
                return None;
            }
        }
        // The outermost mapping gets what was made ready for it.
        let entries =
            if depth == 1 { std::mem::take(&mut self.entries) } else { self.entries.drain(first..).collect() };
        self.node(start, end, NodeKind::Mapping(Mapping { entries, flow: false }))
    }

    /// The block list whose first dash is here, in column `indent`. Below a key it may stand in the key's own column.
    fn list(&mut self, indent: usize, below_key: bool, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let start = self.at;
        let (before, mut end) = (self.items.len(), start);
        loop {
            let first = self.skip_spaces(self.at + 1);
            if first == self.at + 1 || self.ends(first) {
                return None;
            }
            let item = if self.key(first).is_some() {
                let column = indent + (first - self.at);
                self.at = first;
                self.mapping(column, depth + 1)?
            } else {
                self.value(self.at + 1, indent, false, depth)?
            };
            end = item.span.end.max(end);
            self.items.push(item);
            if !self.more || self.indent < indent {
                break;
            }
            if self.indent > indent {
                return None;
            }
            if !self.is_dash() {
                if below_key {
                    break;
                }
                return None;
            }
        }
        let items = self.items.drain(before..).collect();
        self.node(start, end, NodeKind::Sequence { items, flow: false })
    }

    /// The value after a colon or a dash, in a collection of this indent; goes on to the line after it.
    fn value(&mut self, after: usize, indent: usize, of_key: bool, depth: usize) -> Option<Node> {
        let first = self.skip_spaces(after);
        let node = match self.byte(first) {
            None | Some(b'\n' | b'\r' | b'#') if of_key => {
                self.finish_line(after)?;
                let (deeper, dash) = (self.more && self.indent > indent, self.is_dash());
                return match (deeper, dash) {
                    (true, true) => self.list(self.indent, false, depth + 1),
                    (true, false) => self.mapping(self.indent, depth + 1),
                    (false, true) if self.more && self.indent == indent => self.list(indent, true, depth + 1),
                    _ => self.scalar(after, after, "", ScalarStyle::Plain),
                };
            }
            Some(b'|') => return self.literal(first, indent),
            Some(b'"' | b'\'') => self.quoted(first)?,
            Some(b'[' | b'{') => self.flow(first, depth + 1)?,
            _ => self.plain(first)?,
        };
        self.finish_line(node.span.end)?;
        Some(node)
    }

    /// Whether a plain scalar can begin here. What could be an indicator or a document's end is left alone.
    fn begins_plain(&self, at: usize) -> bool {
        match self.byte(at) {
            Some(b'-') => self.byte(at + 1).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'.'),
            Some(byte) => {
                byte.is_ascii_alphanumeric()
                    || byte >= 0x80
                    || matches!(byte, b'_' | b'(' | b'/' | b'.' | b'+' | b'$' | b'~')
            }
            None => false,
        }
    }

    fn plain(&mut self, start: usize) -> Option<Node> {
        if !self.begins_plain(start) {
            return None;
        }
        let rest = self.bytes.get(start..)?;
        let mut length = rest.len();
        for (at, byte) in rest.iter().enumerate() {
            let ends = match byte {
                b'\n' | b'\r' => true,
                b':' if matches!(rest.get(at + 1), None | Some(b' ' | b'\n' | b'\r')) => return None,
                b'#' => at > 0 && rest.get(at - 1) == Some(&b' '),
                _ => false,
            };
            if ends {
                length = at;
                break;
            }
        }
        let blanks = rest.get(..length)?.iter().rev().take_while(|b| **b == b' ').count();
        let end = start + length - blanks;
        self.scalar(start, end, self.text.get(start..end)?, ScalarStyle::Plain)
    }

    fn quoted(&mut self, start: usize) -> Option<Node> {
        let quote = self.byte(start)?;
        let mut at = start + 1;
        let mut doubled = false;
        loop {
            match self.byte(at)? {
                b'\n' | b'\r' => return None,
                b'\\' if quote == b'"' => return None,
                byte if byte == quote => {
                    if quote == b'"' || self.byte(at + 1) != Some(b'\'') {
                        break;
                    }
                    doubled = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        let text = self.text.get(start + 1..at)?;
        let style = if quote == b'"' { ScalarStyle::DoubleQuoted } else { ScalarStyle::SingleQuoted };
        match doubled {
            true => self.scalar(start, at + 1, &text.replace("''", "'"), style),
            false => self.scalar(start, at + 1, text, style),
        }
    }

    /// A list or mapping in brackets that closes on its line.
    fn flow(&mut self, start: usize, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let list = self.byte(start)? == b'[';
        let close = if list { b']' } else { b'}' };
        let (first_item, first_entry) = (self.items.len(), self.entries.len());
        let mut at = self.skip_spaces(start + 1);
        if self.byte(at)? != close {
            loop {
                let key = if list { None } else { Some(Span { start: at, end: self.key(at)? }) };
                if let Some(key) = key {
                    at = self.skip_spaces(key.end + 1);
                }
                let value = match self.byte(at)? {
                    b'"' | b'\'' => self.quoted(at)?,
                    b'[' | b'{' => self.flow(at, depth + 1)?,
                    _ => self.plain_in_flow(at)?,
                };
                at = self.skip_spaces(value.span.end);
                match key {
                    Some(key) => self.add(first_entry, key, value)?,
                    None => self.items.push(value),
                }
                match self.byte(at)? {
                    b',' => at = self.skip_spaces(at + 1),
                    byte if byte == close => break,
                    _ => return None,
                }
            }
        }
        let kind = match list {
            true => NodeKind::Sequence { items: self.items.drain(first_item..).collect(), flow: true },
            false => NodeKind::Mapping(Mapping { entries: self.entries.drain(first_entry..).collect(), flow: true }),
        };
        self.node(start, at + 1, kind)
    }

    fn plain_in_flow(&mut self, start: usize) -> Option<Node> {
        if !self.begins_plain(start) {
            return None;
        }
        let (mut at, mut end) = (start, start);
        loop {
            match self.byte(at)? {
                b',' | b']' | b'}' => break,
                b'\n' | b'\r' | b'[' | b'{' => return None,
                b' ' => {
                    at += 1;
                    if self.byte(at) == Some(b'#') {
                        return None;
                    }
                    continue;
                }
                b':' if matches!(self.byte(at + 1)?, b' ' | b',' | b'[' | b']' | b'{' | b'}' | b'\n' | b'\r') => {
                    return None;
                }
                _ => {}
            }
            at += 1;
            end = at;
        }
        self.scalar(start, end, self.text.get(start..end)?, ScalarStyle::Plain)
    }

    /// The lines of a text after `|` or `|-`, in a collection of this indent.
    fn literal(&mut self, start: usize, indent: usize) -> Option<Node> {
        let strip = self.byte(start + 1) == Some(b'-');
        let header = start + 1 + usize::from(strip);
        if !self.ends(header) {
            return None;
        }
        let mut line = self.after_line_end(header);
        let own = self.skip_spaces(line) - line;
        if own <= indent || self.ends(line + own) {
            return None;
        }
        // Such a text mostly is the last thing in its file.
        let mut text = String::with_capacity((self.bytes.len() - line).min(MUCH));
        // Blank lines that were seen and belong to the text only if more of it follows.
        let (mut blank, mut end) = (0, line);
        while line < self.bytes.len() {
            let first = self.skip_spaces(line);
            let line_end = self.line_end(first);
            // A line that the text ends with has an end of its own.
            self.byte(line_end)?;
            if first == line_end {
                if first - line > own {
                    return None;
                }
                blank += 1;
            } else {
                if first - line < own {
                    break;
                }
                self.look_at_line(first, line_end)?;
                text.extend(std::iter::repeat_n('\n', blank));
                text.push_str(self.text.get(line + own..line_end)?);
                text.push('\n');
                (blank, end) = (0, line_end);
            }
            line = self.after_line_end(line_end);
        }
        if strip {
            text.pop();
        }
        if text.capacity() > 2 * text.len() {
            text.shrink_to_fit();
        }
        self.next_line(line);
        if self.more && self.indent > indent {
            return None;
        }
        self.node(start, end, NodeKind::Scalar { text, style: ScalarStyle::Literal })
    }

    /// A line of a text may hold what the look before the reader counts: brackets, dashes, marks of a merge.
    fn look_at_line(&mut self, first: usize, end: usize) -> Option<()> {
        let line = self.bytes.get(first..end)?;
        match line {
            [mark @ (b'<' | b'|' | b'=' | b'>'), rest @ ..]
                if rest.iter().take(6).filter(|b| *b == mark).count() == 6 =>
            {
                None
            }
            [b'-' | b'?' | b':', b' ', rest @ ..] => {
                let next = rest.iter().find(|b| **b != b' ');
                (!matches!(next, Some(b'-' | b'?' | b':'))).then_some(())
            }
            _ => Some(()),
        }
    }
}
