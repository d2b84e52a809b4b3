//! Findings: what a rule has to say about one place.

use std::cmp::Ordering;

use crate::format::ident::DealId;
use crate::format::problem::Fix;
use crate::format::span::Span;

use super::rule::Rule;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Should be mended.
    Warning,
    /// Must be mended.
    Error,
}

impl Level {
    /// The word in files and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Related {
    /// Path below the pipeline's folder.
    pub path: String,
    /// The bytes; empty at 0 for the whole file.
    pub span: Span,
    /// What is there, in a few words.
    pub words: String,
}

/// One thing that a rule found. Texts may hold anything that stands in the repository: every sink escapes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is, after the pipeline's own levels.
    pub level: Level,
    /// One sentence in plain words.
    pub message: String,
    /// Text for the caret line; empty for none.
    pub label: String,
    /// Path below the pipeline's folder.
    pub path: String,
    /// The bytes at fault; empty at 0 where the whole file is.
    pub span: Span,
    /// The field it is about (`lost.reason`), where it is about one.
    pub field: Option<String>,
    /// The deal it is about, where it is about one.
    pub deal: Option<DealId>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What to do about it; each line is one piece of advice.
    pub help: Option<String>,
    /// A change that mends it, where one is known.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A finding with what none can lack: its rule, its place and its sentence. It takes the rule's level.
    pub fn new(rule: &'static Rule, path: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        Finding {
            rule,
            level: rule.level,
            message: message.into(),
            label: String::new(),
            path: path.into(),
            span,
            field: None,
            deal: None,
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Sets the words at the caret.
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Names the field.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names the deal.
    pub fn with_deal(mut self, deal: Option<DealId>) -> Self {
        self.deal = deal;
        self
    }

    /// Adds a piece of advice.
    pub fn with_help(mut self, help: impl AsRef<str>) -> Self {
        match &mut self.help {
            Some(before) => {
                before.push('\n');
                before.push_str(help.as_ref());
            }
            None => self.help = Some(help.as_ref().to_owned()),
        }
        self
    }

    /// Adds another place.
    pub fn with_related(mut self, path: impl Into<String>, span: Span, words: impl Into<String>) -> Self {
        self.related.push(Related { path: path.into(), span, words: words.into() });
        self
    }

    /// Makes it milder than its rule's level where it is worse than `level`.
    pub fn at_most(mut self, level: Level) -> Self {
        self.level = self.level.min(level);
        self
    }

    /// The order of reports: what a merge left first, since it may be the cause of the rest; then path, place, rule,
    /// message.
    pub fn compare(&self, other: &Finding) -> Ordering {
        let key = |f: &Finding| (f.span.start, f.span.end, f.rule.id);
        let after = |f: &Finding| !f.rule.comes_first();
        after(self)
            .cmp(&after(other))
            .then_with(|| self.path.cmp(&other.path))
            .then_with(|| key(self).cmp(&key(other)))
            .then_with(|| self.message.cmp(&other.message))
    }
}
