//! What can be wrong with a file as such: the problems that reading finds, before any rule is asked.

use super::span::Span;

/// The kinds of problem that reading a file can find. Each is also the id of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemKind {
    /// Not YAML.
    YamlSyntax,
    /// YAML that tussock does not take: aliases, tags, merge keys, several documents, over a limit.
    YamlUnsupported,
    /// A key that stands twice in one mapping.
    DuplicateKey,
    /// Not UTF-8, or characters that have no place in a text file.
    Encoding,
    /// What a failed merge leaves.
    ConflictMarker,
    /// A key that no field has.
    UnknownField,
    /// A value of another type than the field's.
    WrongType,
    /// A date that no calendar has.
    ImpossibleDate,
    /// Something in `pipeline.yaml` that does not hold together.
    PipelineFile,
    /// Something in the file of exchange rates that is no rate.
    RatesFile,
}

impl ProblemKind {
    /// The rule id, in kebab case.
    pub fn as_str(self) -> &'static str {
        match self {
            ProblemKind::YamlSyntax => "yaml-syntax",
            ProblemKind::YamlUnsupported => "yaml-unsupported",
            ProblemKind::DuplicateKey => "duplicate-key",
            ProblemKind::Encoding => "encoding",
            ProblemKind::ConflictMarker => "conflict-marker",
            ProblemKind::UnknownField => "unknown-field",
            ProblemKind::WrongType => "wrong-type",
            ProblemKind::ImpossibleDate => "impossible-date",
            ProblemKind::PipelineFile => "pipeline-file",
            ProblemKind::RatesFile => "rates-file",
        }
    }
}

/// One thing wrong in one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What kind of problem.
    pub kind: ProblemKind,
    /// The bytes at fault; empty at 0 where the whole file is.
    pub span: Span,
    /// One sentence in plain words, without a full stop after an id.
    pub message: String,
    /// Text for the caret line, short; empty for none.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to it, each with a few words.
    pub related: Vec<(Span, String)>,
    /// An edit that mends it, where one is certain.
    pub fix: Option<Fix>,
    /// The field the problem is about (`lost.reason`), where it is about one.
    pub field: Option<String>,
}

/// An edit of a file's bytes that mends a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// The bytes to replace.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
    /// Whether it keeps the meaning of the file for certain.
    pub safe: bool,
}

impl Problem {
    /// A problem with a kind, a place and a sentence; the rest is added with the `with_…` methods.
    pub fn new(kind: ProblemKind, span: Span, message: impl Into<String>) -> Self {
        Problem {
            kind,
            span,
            message: message.into(),
            label: String::new(),
            help: None,
            related: Vec::new(),
            fix: None,
            field: None,
        }
    }

    /// Sets the words at the caret.
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names another place that belongs to the problem.
    pub fn with_related(mut self, span: Span, words: impl Into<String>) -> Self {
        self.related.push((span, words.into()));
        self
    }

    /// Attaches an edit that mends it.
    pub fn with_fix(mut self, span: Span, replacement: impl Into<String>, safe: bool) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into(), safe });
        self
    }

    /// Names the field it is about.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}
