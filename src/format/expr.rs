//! The expression language.

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression {
    /// The source text.
    pub source: String,
}
