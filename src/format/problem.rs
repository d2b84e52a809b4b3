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
    /// A change that mends it, where one is known.
    pub fix: Option<Fix>,
    /// The field the problem is about (`lost.reason`), where it is about one.
    pub field: Option<String>,
}

/// A change that mends a problem: all of its edits, or none.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What it does, as a person says it: `put the value in quotes`.
    pub title: String,
    /// The edits, none of which overlaps another.
    pub edits: Vec<Edit>,
    /// Whether it keeps the meaning that the file has for certain. One that is not safe takes a guess.
    pub safe: bool,
}

/// Bytes of one file that are replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The file, below the pipeline's folder; it need not exist yet. `None` for the file that the problem is in.
    pub path: Option<String>,
    /// The bytes to replace; empty at 0 for a new file.
    pub span: Span,
    /// What to put there.
    pub replacement: String,
}

impl Fix {
    /// A change of one place that keeps the meaning for certain.
    pub fn safe(title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        Fix { title: title.into(), edits: vec![Edit { path: None, span, replacement: replacement.into() }], safe: true }
    }

    /// A change of one place that rests on what was most likely meant.
    pub fn guess(title: impl Into<String>, span: Span, replacement: impl Into<String>) -> Self {
        Fix { safe: false, ..Fix::safe(title, span, replacement) }
    }

    /// The text of the problem's own file after the change; `None` where the edits do not fit it.
    pub fn apply(&self, text: &str) -> Option<String> {
        apply(text, self.edits.iter().filter(|edit| edit.path.is_none()))
    }

    /// Adds a place that changes along.
    pub fn and(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.edits.push(Edit { path: None, span, replacement: replacement.into() });
        self
    }
}

/// A text after some edits, whose paths are not looked at; `None` where one lies outside of it, splits a character or
/// overlaps another.
pub fn apply<'e>(text: &str, edits: impl Iterator<Item = &'e Edit>) -> Option<String> {
    let mut edits: Vec<&Edit> = edits.collect();
    edits.sort_by_key(|edit| edit.span);
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        changed.push_str(text.get(done..edit.span.start)?);
        changed.push_str(&edit.replacement);
        text.get(edit.span.start..edit.span.end)?;
        done = edit.span.end;
    }
    changed.push_str(text.get(done..)?);
    Some(changed)
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

    /// Attaches a change that mends it.
    pub fn with_fix(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Names the field it is about.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_made_from_left_to_right_whatever_their_order() {
        let fix = Fix::safe("t", Span::new(3, 4), "two").and(Span::new(0, 1), "").and(Span::at(4), "!");
        assert_eq!(fix.apply("a: 2\n").as_deref(), Some(": two!\n"));
    }

    #[test]
    fn edits_that_do_not_fit_change_nothing() {
        assert_eq!(Fix::safe("t", Span::new(3, 9), "x").apply("short"), None);
        assert_eq!(Fix::safe("t", Span::new(1, 2), "x").apply("é"), None);
        assert_eq!(Fix::safe("t", Span::new(0, 3), "x").and(Span::new(2, 4), "y").apply("abcd"), None);
    }
}
