//! The expression language: minijinja expressions over a deal, with strict comparisons.
//!
//! The boolean skeleton (`and`, `or`, `not`, parentheses, comparisons) is ours, so that comparing things of different
//! types is an error instead of a silent `false`, so that money is compared exactly, and so that a message can name the
//! part that does not hold. What stands between is minijinja's: paths, arithmetic, filters, tests, function calls.
//!
//! An expression is bounded: 4 KiB of source, 32 levels of nesting, a fixed number of steps, no string building, and no
//! way to a file, the network, the clock or the environment.

mod compare;
mod engine;
mod lexer;
mod library;
mod names;
mod shape;
mod skeleton;
mod values;
mod work;

use std::sync::Arc;

use super::deal::Deal;
use super::judge::Circumstances;
use super::pipeline::Pipeline;
use super::schema::FieldSpec;
use super::value::Value;

pub use engine::MAX_SOURCE;
pub use names::is_taken;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Arc<str>,
    root: Arc<skeleton::Part>,
    /// Dotted paths of the deal's fields that it reads.
    fields: Vec<String>,
    uses_days_in_stage: bool,
    uses_files: bool,
    /// The field, where the expression is nothing but the name of a field of true or false.
    plain_truth: Option<String>,
}

/// Why a text is no expression for this pipeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What is wrong, in plain words.
    pub message: String,
    /// Where, as bytes of the source.
    pub range: std::ops::Range<usize>,
    /// What to do.
    pub help: Option<String>,
}

impl ExprError {
    fn new(range: std::ops::Range<usize>, message: impl Into<String>) -> Self {
        ExprError { message: message.into(), range, help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What an expression says of one deal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Whether it holds.
    pub holds: bool,
    /// Where it does not: the part that is false, as written.
    pub false_part: Option<String>,
    /// Fields of that part that are missing, without those for which it gives a value of its own.
    pub missing: Vec<String>,
    /// Where that part is a choice (`or`) and each alternative lacks a field: one of these would do.
    pub missing_one_of: Vec<String>,
    /// What that part looked at: its fields, as `amount is 18000 EUR`, and, where none is missing, the numbers that its
    /// sides come to, as `` `2 * seats` is 6 ``.
    pub found: Vec<String>,
}

impl Expression {
    /// Compiles a source text and checks every name and every comparison against the declared fields.
    ///
    /// # Errors
    /// A syntax error, an unknown name (with the nearest one), a comparison of two types that never compare, or a limit.
    pub fn compile(source: &str, fields: &[FieldSpec], extra_allowed: bool) -> Result<Self, ExprError> {
        let known = names::Known { fields, extra_allowed };
        let root = skeleton::parse(source, &known)?;
        let mut all = Vec::new();
        root.each_leaf(&mut |leaf| all.extend(leaf.names.iter().cloned()));
        let mut paths: Vec<String> = all.iter().filter_map(|n| known.field_path(n)).collect();
        paths.sort();
        paths.dedup();
        Ok(Expression {
            source: source.into(),
            root: Arc::new(root),
            fields: paths,
            uses_days_in_stage: all.iter().any(|n| n == "days_in_stage"),
            uses_files: all.iter().any(|n| n == "file_exists"),
            plain_truth: known.is_truth(source.trim()).then(|| source.trim().to_owned()),
        })
    }

    /// The source text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Dotted paths of the deal's fields that it reads, sorted.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Whether it asks for nothing of a deal but these fields (dotted names), whatever the day.
    pub fn reads_only(&self, fields: &[Arc<str>]) -> bool {
        let circumstances = ["stage", "deal", "days_in_stage", "file_exists"];
        self.fields.iter().all(|field| fields.iter().any(|known| **known == **field))
            && !self.root.roots().iter().any(|root| circumstances.contains(&root.as_str()))
    }

    /// Whether it asks how long the deal has been in its stage, which only history can tell.
    pub fn uses_days_in_stage(&self) -> bool {
        self.uses_days_in_stage
    }

    /// Whether it asks for files of the repository.
    pub fn uses_files(&self) -> bool {
        self.uses_files
    }

    /// Asks whether it holds for a deal.
    ///
    /// # Errors
    /// When it cannot be said: a comparison of different types or currencies, a filter that does not fit, a limit. The
    /// text says why.
    pub fn evaluate(
        &self,
        pipeline: &Pipeline,
        deal: &Deal,
        circumstances: &Circumstances<'_>,
    ) -> Result<Answer, String> {
        // Most checks ask for one mark in the deal, and most deals that are asked have it.
        if let Some(field) = &self.plain_truth
            && deal.value(field) == Some(&Value::Boolean(true))
        {
            return Ok(Answer { holds: true, ..Answer::default() });
        }
        let context = values::context(self.root.roots(), pipeline, deal, circumstances, self.uses_files);
        let known = names::Known { fields: &pipeline.fields, extra_allowed: true };
        engine::answer(&self.root, &self.source, &context, &known, deal)
    }
}

#[cfg(test)]
mod tests;
