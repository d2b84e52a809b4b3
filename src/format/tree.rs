//! YAML as a tree in which every key and value knows its bytes.

use super::problem::Problem;
use super::span::Span;

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
#[derive(Clone, Debug)]
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
