//! Cuts an expression into tokens, as far as the skeleton needs it.

use std::ops::Range;

use super::ExprError;

/// More tokens than any criterion of a person has.
const MAX_TOKENS: usize = 1_000;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word: a name or a keyword.
    Word,
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// Anything else: an operator, a comma, a point, a pipe.
    Sign,
}

/// A token with its bytes.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the source.
    pub range: Range<usize>,
}

/// Cuts the whole source.
pub fn tokens(source: &str) -> Result<Vec<Token>, ExprError> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let byte = bytes[at];
        let kind = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'"' | b'\'' => {
                at = text_end(bytes, at).ok_or_else(|| {
                    ExprError::new(start..source.len(), "a text begins here but its closing quote is missing")
                })?;
                Kind::Text
            }
            b'(' | b'[' | b'{' => {
                at += 1;
                Kind::Open
            }
            b')' | b']' | b'}' => {
                at += 1;
                Kind::Close
            }
            b'0'..=b'9' => {
                at = end_of(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
                Kind::Number
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                at = end_of(bytes, at, |b| b.is_ascii_alphanumeric() || b == b'_');
                Kind::Word
            }
            b'=' | b'!' | b'<' | b'>' if bytes.get(at + 1) == Some(&b'=') => {
                at += 2;
                Kind::Sign
            }
            b'*' | b'/' if bytes.get(at + 1) == Some(&byte) => {
                at += 2;
                Kind::Sign
            }
            b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b',' | b'.' | b':' | b'~' | b'=' => {
                at += 1;
                Kind::Sign
            }
            _ => {
                let len = source[at..].chars().next().map_or(1, char::len_utf8);
                let sign = source[at..at + len].escape_debug().to_string();
                return Err(ExprError::new(at..at + len, format!("`{sign}` has no meaning in an expression"))
                    .with_help("texts stand in quotes: owner == \"olga\""));
            }
        };
        found.push(Token { kind, range: start..at });
        if found.len() > MAX_TOKENS {
            return Err(ExprError::new(start..at, format!("the expression is too long (over {MAX_TOKENS} words)")));
        }
    }
    Ok(found)
}

fn end_of(bytes: &[u8], from: usize, part: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|b| !part(*b)).map_or(bytes.len(), |n| from + n)
}

fn text_end(bytes: &[u8], from: usize) -> Option<usize> {
    let quote = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}
