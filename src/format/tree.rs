//! YAML as a tree in which every key and value knows its bytes.

use super::problem::Problem;
use super::span::Span;

pub use super::reader::{read, read_as, read_owned};

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes.
    Plain,
    /// In single quotes.
    SingleQuoted,
    /// In double quotes.
    DoubleQuoted,
    /// A `|` block.
    Literal,
    /// A `>` block.
    Folded,
}

/// A value in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The bytes of the value: quotes and block indicators included, a trailing comment or line end not. Empty, right
    /// after the key's colon, for a value that is not there.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
}

/// The three shapes of a YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A single value.
    Scalar {
        /// The text as YAML reads it (quotes and escapes resolved, lines folded).
        text: String,
        /// How it is written.
        style: ScalarStyle,
    },
    /// A list.
    Sequence {
        /// The items in order.
        items: Vec<Node>,
        /// Written as `[…]`.
        flow: bool,
    },
    /// A mapping.
    Mapping(Mapping),
}

/// A mapping with its entries in the order of the file. Keys are unique; a duplicate was reported and left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// The entries in order.
    pub entries: Vec<Entry>,
    /// Written as `{…}`.
    pub flow: bool,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's bytes, quotes included.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Mapping {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|e| &e.value)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }
}

/// What a scalar means in the YAML 1.2 core schema. Numbers stay text: money is read from the source, never through a
/// float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number in decimal digits with an optional sign.
    Int,
    /// A number with a point or an exponent.
    Float,
    /// Anything else, and everything quoted.
    Str,
}

/// A file that is one YAML mapping.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The whole text, byte for byte (a byte order mark included).
    pub text: String,
    /// The top-level mapping.
    pub root: Mapping,
    /// The bytes of the top-level mapping.
    pub span: Span,
    /// What is wrong but did not keep the file from being read (duplicate keys, a byte order mark, …).
    pub problems: Vec<Problem>,
}

/// What a scalar means. Only `true` and `false` are booleans, `NO` and `1_000` are text. Against the letter of the core
/// schema, octal `0o17` and hexadecimal `0x1F` are text too: an amount must never be read from them.
pub fn resolve(text: &str, style: ScalarStyle) -> Core {
    if style != ScalarStyle::Plain {
        return Core::Str;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Core::Null,
        "true" | "True" | "TRUE" => return Core::Bool(true),
        "false" | "False" | "FALSE" => return Core::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Core::Float,
        _ => {}
    }
    // Most texts are words, and that shows at their first letter.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Core::Str;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Core::Float;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['-', '+']).unwrap_or(e))),
        None => (unsigned, None),
    };
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if exponent.is_some_and(|e| e.is_empty() || !digits(e)) {
        return Core::Str;
    }
    match mantissa.split_once('.') {
        Some((whole, part)) if digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) => Core::Float,
        None if !mantissa.is_empty() && digits(mantissa) => {
            if exponent.is_some() {
                Core::Float
            } else {
                Core::Int
            }
        }
        _ => Core::Str,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        let core = |text| resolve(text, ScalarStyle::Plain);
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(core(text), Core::Null, "{text}");
        }
        for text in ["true", "True", "TRUE"] {
            assert_eq!(core(text), Core::Bool(true), "{text}");
        }
        for text in ["0", "-0", "+12", "0123", "123456789012345678901234567890123456789012"] {
            assert_eq!(core(text), Core::Int, "{text}");
        }
        for text in ["1.5", "-.5", "1.", "1e3", "1E-400", "1e400", ".inf", "-.Inf", "+.INF", ".nan", ".NAN", "1.5e+3"] {
            assert_eq!(core(text), Core::Float, "{text}");
        }
        let texts =
            "NO no yes on off y n tRue nUll 1_000 12,000 0x1F 0o17 0b1 1:30 inf nan Infinity . -. + - e5 1e 1e+ \
                     2026-01-01 -.nan 1.2.3 +-1 €12k"
                .split_whitespace();
        for text in texts {
            assert_eq!(core(text), Core::Str, "{text}");
        }
    }

    #[test]
    fn quoted_scalars_are_text() {
        for style in [ScalarStyle::SingleQuoted, ScalarStyle::DoubleQuoted, ScalarStyle::Literal, ScalarStyle::Folded] {
            assert_eq!(resolve("12", style), Core::Str);
            assert_eq!(resolve("", style), Core::Str);
        }
    }
}
