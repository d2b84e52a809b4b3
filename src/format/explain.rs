//! Turns the parser's syntax errors into sentences for people, with the edit that mends them where it is certain.

use granit_parser::{ErrorKind, ScanError};

use super::prescan;
use super::problem::{Fix, Problem, ProblemKind};
use super::quote;
use super::span::Span;

/// Where the parser stopped, and what stood open there.
pub(super) struct Place<'a> {
    /// The text that was read.
    pub text: &'a str,
    /// The byte at which the parser stopped.
    pub at: usize,
    /// The first byte of the value that was being read.
    pub value: Option<usize>,
    /// The bracket or brace that is open.
    pub flow: Option<usize>,
    /// The key whose value was being read.
    pub key: Option<Span>,
}

/// A syntax error in plain words.
pub(super) struct Explained {
    /// The problem.
    pub problem: Problem,
    /// The bytes that can be covered to read on; none where that would only find errors that are not there.
    pub cover: Option<Span>,
    /// Whether the fix is safe if the file can be read after it as far as the fix goes.
    pub safe_if_readable: bool,
}

/// What is said about a tab in the indentation.
pub(super) const TAB: &str = "a tab in the indentation; YAML takes spaces only";

const QUOTE: &str = "put the value in quotes";

/// Explains one error.
pub(super) fn explain(place: &Place, error: &ScanError) -> Explained {
    let at = place.at;
    let value = place.value.filter(|v| line_start(place.text, *v) == line_start(place.text, at));
    let here = place.char_at(at);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => alone(prescan::too_deep(here)),
        ErrorKind::DirectiveDisallowed => {
            let line = line_end(place.text, at);
            alone(
                Problem::new(
                    ProblemKind::YamlUnsupported,
                    Span::new(at, line),
                    "a YAML directive (a line that starts with `%`)",
                )
                .with_help("delete the line"),
            )
        }
        _ if place.tab().is_some() => place.tab_problem(),
        ErrorKind::MappingValueNotAllowed => place.colon(),
        ErrorKind::UnexpectedCharacter { character } => place.bad_start(value.unwrap_or(at), *character),
        ErrorKind::MissingAnchorOrAliasName
        | ErrorKind::MissingTagUri
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::InvalidTagEscape
        | ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::MappingKeyNotAllowed
        | ErrorKind::PlainScalarStartsWithDashFlowIndicator
            if value.is_some() =>
        {
            let start = value.unwrap_or(at);
            place.bad_start(start, place.text[start..].chars().next().unwrap_or(' '))
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::SimpleKeyExpected if place.alias_before().is_some() => {
            place.bad_start(place.alias_before().unwrap_or(at), '*')
        }
        ErrorKind::BlockSequenceEntryNotAllowed => alone(
            syntax(here, "a list starts with its dash on a line of its own")
                .with_help("start the list below the key, or put the value in quotes if the dash is part of the text"),
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar => alone(
            syntax(here, "more text follows the closing quote")
                .with_help("put the whole value in one pair of quotes; inside '…' an apostrophe is written twice"),
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => alone(
            syntax(here, "more text follows the closing quote")
                .with_help("put the whole value in one pair of quotes; inside \"…\" a quote is written \\\""),
        ),
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => place.quote(place.value.or(place.flow).unwrap_or(at)),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => place.escape(),
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => {
            place.bad_start(value.unwrap_or(at), place.text[at..].chars().next().unwrap_or('|'))
        }
        ErrorKind::InvalidBlockScalarIndent => alone(
            syntax(here, "the lines of a block of text start at different columns").with_help("indent them alike"),
        ),
        ErrorKind::CommentInterceptedScalar => alone(
            syntax(here, "a comment stands in the middle of a text")
                .with_help("put the comment on a line of its own above the key, or the value in quotes"),
        ),
        ErrorKind::CommentNotSeparated => {
            alone(syntax(here, "a comment needs a space before its `#`").with_help(QUOTE))
        }
        ErrorKind::InvalidDocumentEnd
        | ErrorKind::ExpectedDocumentStart
        | ErrorKind::MissingDocumentEndBeforeDirective => {
            place.line_without_key("this does not belong to the fields above it")
        }
        _ if place.flow.is_some() => place.brackets(error.kind()),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            place.line_without_key("this line has no colon, so it is neither a field nor part of the value above")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => {
            place.indentation()
        }
        ErrorKind::ExpectedWhitespace | ErrorKind::InvalidMappingValueWhitespace => {
            alone(syntax(here, "a space is missing here").with_help("write `key: value`"))
        }
        _ => alone(syntax(here, "this is not valid YAML").with_help("put the value in quotes if it is a text")),
    }
}

fn alone(problem: Problem) -> Explained {
    Explained { problem, cover: None, safe_if_readable: false }
}

fn syntax(span: Span, message: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::YamlSyntax, span, message)
}

impl Place<'_> {
    fn char_at(&self, at: usize) -> Span {
        let len = self.text.get(at..).and_then(|t| t.chars().next()).filter(|c| *c != '\n').map_or(0, char::len_utf8);
        Span::new(at, at + len)
    }

    /// The first tab in the indentation of this line or, since the parser may stop where a text began, of the next.
    fn tab(&self) -> Option<usize> {
        let first = line_start(self.text, self.at);
        let next = line_end(self.text, self.at) + 1;
        [first, next].into_iter().filter(|s| *s < self.text.len()).find_map(|start| {
            let blanks = self.text[start..].bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
            self.text[start..start + blanks].find('\t').map(|t| start + t)
        })
    }

    fn tab_problem(&self) -> Explained {
        let tab = self.tab().unwrap_or(self.at);
        let problem = syntax(Span::new(tab, tab + 1), TAB)
            .with_help("write two spaces for the tab")
            .with_fix(without_tabs(self.text, tab));
        Explained { safe_if_readable: true, ..alone(problem) }
    }

    /// `title: ACME: phase 2`.
    fn colon(&self) -> Explained {
        let colon = self.char_at(self.at);
        let start = line_start(self.text, self.at);
        let own_key = line_key(self.text, start);
        if own_key.is_some_and(|key| key.end == self.at) {
            // The line's own colon: the field above has a value and a block below it, or its colon is none.
            let above = self.text[..start].trim_end();
            let line_above = line_start(above, above.len());
            if let Some(problem) = missing_space(self.text, line_above + blanks(above, line_above)) {
                return alone(problem);
            }
            let key = own_key.unwrap_or(colon);
            let name = shown(&self.text[key.start..key.end]);
            let fix = line_key(self.text, line_above).map(|above| {
                let wanted = above.start - line_above;
                let title = format!("line it up with {}", shown(&self.text[above.start..above.end]));
                Fix::guess(title, Span::new(start, start + blanks(self.text, start)), " ".repeat(wanted))
            });
            return alone(
                syntax(key, format!("`{name}` is indented below a field that already has a value"))
                    .with_help("line it up with the field above, or delete that field's value to make it a block")
                    .with_fix(fix),
            );
        }
        if self.flow.is_some() {
            return alone(
                syntax(colon, "a second colon in one value").with_help("put texts with a colon and a space in quotes"),
            );
        }
        let value = self.value.or_else(|| own_key.map(|k| k.end + 1)).map(|v| v + blanks(self.text, v));
        let value = value.filter(|v| *v >= start && *v < self.at);
        let Some(span) = value.and_then(|v| one_line_value(self.text, v)) else {
            return alone(
                syntax(colon, "a colon and a space inside a value, which YAML takes for another key").with_help(QUOTE),
            );
        };
        let text = &self.text[span.start..span.end];
        if text.starts_with(['"', '\'']) {
            return alone(
                syntax(colon, "more text follows the closing quote")
                    .with_help("put the whole value in one pair of quotes"),
            );
        }
        Explained {
            problem: syntax(colon, "a colon and a space inside a value, which YAML takes for another key")
                .with_label("this colon")
                .with_help(format!("{QUOTE}: {}", in_quotes(&shown(text))))
                .with_fix(quoted(self.text, span)),
            cover: Some(span),
            safe_if_readable: false,
        }
    }

    /// `@x`, `%x`, `` `x` ``, `* x`.
    fn bad_start(&self, start: usize, character: char) -> Explained {
        let span = self.char_at(start);
        let message = match character {
            '|' | '>' => format!("after `{character}` the text starts on the next line"),
            '`' => "a value cannot start with a backtick".into(),
            c if c.is_control() => "a value cannot start like this".into(),
            c => format!("a value cannot start with `{c}`"),
        };
        let rest = one_line_value(self.text, start).filter(|_| self.flow.is_none());
        let Some(rest) = rest else { return alone(syntax(span, message).with_help(QUOTE)) };
        let text = &self.text[rest.start..rest.end];
        Explained {
            problem: syntax(span, message)
                .with_help(format!("{QUOTE}: {}", in_quotes(&shown(text))))
                .with_fix(quoted(self.text, rest)),
            cover: Some(rest),
            safe_if_readable: false,
        }
    }

    /// An alias right before the error: `*urgent* call`.
    fn alias_before(&self) -> Option<usize> {
        self.value
            .or(self.key.map(|k| k.end + 1))
            .map(|v| v + blanks(self.text, v))
            .or_else(|| {
                let line = line_start(self.text, self.at);
                line_key(self.text, line).map(|k| k.end + 1).map(|v| v + blanks(self.text, v))
            })
            .filter(|v| *v < self.at && self.text[*v..].starts_with('*'))
    }

    fn quote(&self, open: usize) -> Explained {
        alone(
            syntax(self.char_at(open), "the quote that opens here is not closed on its line")
                .with_label("opens here")
                .with_help("close it; the lines of a longer text in quotes must be indented"),
        )
    }

    fn escape(&self) -> Explained {
        let text = self.text;
        let start = self.at;
        let mut backslash = start;
        let mut bytes = text.bytes().enumerate().skip(start + 1);
        while let Some((i, byte)) = bytes.next() {
            match byte {
                b'\\' => {
                    let next = bytes.next().map_or(b' ', |(_, b)| b);
                    let digits = match next {
                        b'x' => 2,
                        b'u' => 4,
                        b'U' => 8,
                        _ => 0,
                    };
                    let hex = text.as_bytes().get(i + 2..i + 2 + digits);
                    let known = b"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(&next);
                    let code =
                        hex.and_then(|h| std::str::from_utf8(h).ok()).and_then(|h| u32::from_str_radix(h, 16).ok());
                    if !known || (digits > 0 && code.and_then(char::from_u32).is_none()) {
                        backslash = i;
                        break;
                    }
                }
                b'"' => break,
                _ => {}
            }
        }
        let second = text[backslash + 1..].chars().next().map_or(0, char::len_utf8);
        alone(
            syntax(
                Span::new(backslash, backslash + 1 + second),
                "a backslash in \"…\" must start an escape that YAML knows",
            )
            .with_help("write `\\\\` for a backslash, or use single quotes: '…'"),
        )
    }

    fn brackets(&self, kind: &ErrorKind) -> Explained {
        let open = self.flow.unwrap_or(self.at);
        let bracket = self.text[open..].chars().next().unwrap_or('[');
        let closing = if bracket == '{' { '}' } else { ']' };
        let here = self.char_at(self.at);
        let found = self.text[self.at..].chars().next();
        let with_open = |problem: Problem| alone(problem.with_related(self.char_at(open), "opens here"));
        match kind {
            ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator if found.is_some() => {
                let problem = syntax(here, format!("a comma or `{closing}` is missing before this"));
                with_open(match self.text_in_brackets() {
                    Some(span) => problem
                        .with_help(format!("{QUOTE}: {}", in_quotes(&shown(&self.text[span.start..span.end]))))
                        .with_fix(Fix { safe: false, ..quoted(self.text, span) }),
                    None => problem.with_help("put texts that hold a colon, comma, quote or bracket in quotes"),
                })
            }
            ErrorKind::MismatchedFlowCollectionEnd { .. } => with_open(
                syntax(here, format!("`{bracket}` is closed by another bracket"))
                    .with_help(format!("write `{closing}`")),
            ),
            ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent if matches!(found, Some(']' | '}')) => {
                with_open(
                    syntax(here, "the closing bracket stands at the left edge of its block")
                        .with_help("indent it, or put it at the end of the line above"),
                )
            }
            ErrorKind::UnexpectedCharacter { .. }
            | ErrorKind::BlockEntryInFlowCollection
            | ErrorKind::ExpectedNodeContent
            | ErrorKind::InvalidColonPlacement => {
                with_open(syntax(here, "this cannot stand between brackets").with_help("put the text in quotes"))
            }
            _ if self.value.is_some_and(|v| self.text[v..].starts_with(['"', '\''])) => {
                self.quote(self.value.unwrap_or(self.at))
            }
            _ => alone(
                syntax(self.char_at(open), format!("`{bracket}` is not closed before the next field begins"))
                    .with_label("opens here")
                    .with_help(format!("write `{closing}` where it ends; lines between brackets must be indented")),
            ),
        }
    }

    /// The text between brackets in which the parser stopped at a colon: `{what: Call: the CFO, due: …}`.
    fn text_in_brackets(&self) -> Option<Span> {
        let line = line_start(self.text, self.at);
        let before = &self.text[line..self.at];
        let part = before.rfind(['{', ',']).map_or(0, |n| n + 1);
        let key = before[part..].find(": ").filter(|_| self.text[self.at..].starts_with(':'))?;
        let start = line + part + key + 1 + blanks(before, part + key + 1);
        let rest = &self.text[start..line_end(self.text, self.at)];
        let end = rest.get(self.at - start..)?.find([',', '}', ']']).map(|n| self.at + n)?;
        let text = self.text[start..end].trim_end();
        let plain = !text.contains(['"', '\'', '[', '{', '\n', '#']) && self.text[start..self.at].len() < text.len();
        plain.then(|| Span::new(start, start + text.len()))
    }

    fn line_without_key(&self, message: &str) -> Explained {
        let start = line_start(self.text, self.at);
        let first = start + blanks(self.text, start);
        if let Some(problem) = missing_space(self.text, first).or_else(|| missing_space(self.text, self.at)) {
            return alone(problem);
        }
        let line = self.text[self.at..line_end(self.text, self.at)].trim_end();
        let problem = syntax(Span::new(self.at, self.at + line.len()), message);
        if let Some(problem) =
            self.unindented_text(&problem).or_else(|| self.equals_sign(&problem)).or_else(|| self.first_field(&problem))
        {
            return alone(problem);
        }
        alone(problem.with_help("write `key: value`; indent the line if it goes on with the value above"))
    }

    /// A text after `notes: |` that begins at the left edge.
    fn unindented_text(&self, problem: &Problem) -> Option<Problem> {
        let start = line_start(self.text, problem.span.start);
        let above = self.text[..start].trim_end();
        let header = &above[line_start(above, above.len())..];
        let mark = header.rsplit(' ').next()?;
        let name = line_key(header, 0)?;
        if !matches!(mark, "|" | "|-" | "|+" | ">" | ">-" | ">+") {
            return None;
        }
        let name = shown(&header[name.start..name.end]);
        let indent = blanks(header, 0) + 2;
        let help = format!("begin each line of the text with {indent} spaces");
        let fix = Fix::guess(
            format!("indent the text of {name}"),
            Span::new(start, start + blanks(self.text, start)),
            " ".repeat(indent),
        );
        let message = format!("the text below `{name}: {mark}` is not indented");
        Some(Problem { message, ..problem.clone() }.with_help(help).with_fix(fix))
    }

    /// `amount = 18000`.
    fn equals_sign(&self, problem: &Problem) -> Option<Problem> {
        let start = line_start(self.text, problem.span.start);
        let first = start + blanks(self.text, start);
        let line = &self.text[first..line_end(self.text, first)];
        let (key, value) = line.split_once('=').map(|(key, value)| (key.trim_end(), value.trim()))?;
        let name = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !name || value.is_empty() {
            return None;
        }
        let value_at = first + line.find(value)?;
        let fix = Fix::guess("write a colon for the equals sign", Span::new(first + key.len(), value_at), ": ");
        let problem = Problem { message: "an equals sign stands where a colon should be".into(), ..problem.clone() };
        Some(problem.with_help(format!("write `{}: {}`", shown(key), shown(value))).with_fix(fix))
    }

    /// A file whose first fields are indented, and this one is not.
    fn first_field(&self, problem: &Problem) -> Option<Problem> {
        let before = self.text.get(..line_start(self.text, problem.span.start))?;
        let mut edits: Option<Fix> = None;
        let mut indent = None;
        let mut at = 0;
        for line in before.split_inclusive('\n') {
            let own = blanks(line, 0);
            let says = line[own..].trim_end();
            if !says.is_empty() && !says.starts_with('#') {
                let first = *indent.get_or_insert(own);
                if own < first || first == 0 || line[..first].contains('\t') {
                    return None;
                }
                let span = Span::new(at, at + first);
                edits = Some(match edits {
                    None => Fix::guess("begin every field in the first column", span, ""),
                    Some(fix) => fix.and(span, ""),
                });
            }
            at += line.len();
        }
        let message = "the fields above are indented, and this one is not".into();
        Some(
            Problem { message, ..problem.clone() }
                .with_help("begin every field of the deal in the first column")
                .with_fix(edits?),
        )
    }

    /// The line's own bytes, for what follows the end of a value.
    fn rest_of_line(&self) -> Span {
        Span::new(self.at, self.at + self.text[self.at..line_end(self.text, self.at)].trim_end().len())
    }

    /// The nearest field above that is indented deeper than this line: its name and its indentation.
    fn sibling(&self, start: usize) -> Option<(String, usize)> {
        let own = self.at - start;
        let lines =
            self.text[..start].lines().rev().filter(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
        let above = lines.map_while(|line| (blanks(line, 0) > own).then_some(line)).last()?;
        let key = line_key(above, 0)?;
        Some((shown(&above[key.start..key.end]), key.start))
    }

    fn indentation(&self) -> Explained {
        let start = line_start(self.text, self.at);
        let line = self.rest_of_line();
        if self.text[start..self.at].trim().is_empty() {
            let sibling = self.sibling(start);
            let problem = syntax(line, "this line's indentation fits none of the lines above it");
            alone(match sibling {
                Some((name, indent)) => problem
                    .with_help(format!(
                        "line it up with `{name}` if it belongs to the same block, or with the fields outside of it"
                    ))
                    .with_fix(Fix::guess(
                        format!("line it up with {name}"),
                        Span::new(start, self.at),
                        " ".repeat(indent),
                    )),
                None => problem.with_help("line it up with the fields of its block, or with the fields outside of it"),
            })
        } else {
            alone(
                syntax(line, "more text follows after the end of the value").with_help("put the whole value in quotes"),
            )
        }
    }
}

/// The change of the tabs in the indentation of this line and of the lines right below that have some too.
///
/// How deep a tab is meant can be seen from the lines around: below a key without a value it opens a block, beside
/// lines that are indented with spaces it is as deep as they are.
pub(super) fn without_tabs(text: &str, tab: usize) -> Fix {
    let start = line_start(text, tab);
    let above =
        text[..start].lines().rev().find(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#')).unwrap_or("");
    let opens = above.trim_end().ends_with(':');
    let base = blanks(above, 0);
    let step = match text[start..].bytes().take_while(|b| *b == b'\t').count() {
        tabs if tabs > 0 && !opens && base > 0 && base.is_multiple_of(tabs) => base / tabs,
        _ => 2,
    };
    let mut fix: Option<Fix> = None;
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let own = blanks(line, 0);
        if !line[..own].contains('\t') || line.trim().is_empty() {
            break;
        }
        let (span, spaces) = (Span::new(at, at + own), line[..own].replace('\t', &" ".repeat(step)));
        fix = Some(match fix {
            None => Fix::guess("write spaces for the tabs", span, spaces),
            Some(fix) => fix.and(span, spaces),
        });
        at += line.len();
    }
    fix.unwrap_or_else(|| Fix::guess("write spaces for the tabs", Span::new(tab, tab + 1), "  "))
}

/// The change that puts a text of one line in quotes.
pub(super) fn quoted(text: &str, span: Span) -> Fix {
    Fix::safe(QUOTE, span, in_quotes(&text[span.start..span.end]))
}

/// A text in quotes; straight ones in the place of curly ones around it.
fn in_quotes(text: &str) -> String {
    let inner = [('“', '”'), ('„', '“'), ('„', '”'), ('”', '”'), ('‘', '’')]
        .iter()
        .find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close))
        .filter(|inner| !inner.contains(['“', '”', '„', '‘', '"']));
    match inner {
        // A text that needs no quotes gets them all the same: whoever wrote some wanted them.
        Some(inner) if quote::scalar(inner) == inner => format!("\"{inner}\""),
        Some(inner) => quote::scalar(inner),
        None => quote::scalar(text),
    }
}

/// A key without a space after its colon, or with another character in its place: `title:ACME`, `title :ACME`.
pub(super) fn missing_space(text: &str, at: usize) -> Option<Problem> {
    let line = &text[at..line_end(text, at)];
    let colon = line.find(':')?;
    let key = line[..colon].trim_end_matches(is_blank);
    let name = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let rest = &line[colon + 1..];
    let next = rest.chars().next()?;
    if !name || matches!(next, '/' | ' ' | '\t' | '\r' | ':') {
        return None;
    }
    let value = rest.trim_start_matches(is_blank);
    let between = Span::new(at + key.len(), at + line.len() - value.len());
    let written = format!("{}: {}", shown(key), shown(value.trim_end()));
    let place = Span::new(at + colon, at + colon + 1);
    if value.len() < rest.len() {
        return Some(
            syntax(
                place,
                format!("a no-break space stands after the colon of `{}`, and YAML takes it for a letter", shown(key)),
            )
            .with_help(format!("write `{written}`, with a usual space"))
            .with_fix(Fix::safe("write a usual space", between, ": ")),
        );
    }
    Some(
        syntax(place, format!("a space is missing after the colon of `{}`", shown(key)))
            .with_help(format!("write `{written}`"))
            .with_fix(Fix::safe("put a space after the colon", between, ": ")),
    )
}

/// Blanks that YAML takes for letters, and the usual one.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Curly quotes on this line around a place between braces, where a comma or colon stands in the text that they were meant
/// to hold together.
pub(super) fn curly_quotes_around(text: &str, at: usize) -> Option<Problem> {
    let (start, end) = (line_start(text, at), line_end(text, at));
    let open = text[start..at].rfind(['“', '„']).map(|n| start + n)?;
    let inner = open + text[open..].chars().next()?.len_utf8();
    let close = text[inner..end].find('”').map(|n| inner + n).filter(|close| *close > at)?;
    let after = close + '”'.len_utf8();
    let says = &text[inner..close];
    if says.contains(['"', '\\', '“', '„']) {
        return None;
    }
    Some(
        syntax(Span::new(open, inner), "curly quotes hold no text together; YAML knows straight ones")
            .with_label("this quote")
            .with_help(format!("write straight quotes: \"{}\"", shown(says)))
            .with_fix(
                Fix::safe("write straight quotes", Span::new(open, inner), "\"").and(Span::new(close, after), "\""),
            ),
    )
}

/// The value that starts at `start` and ends on the same line, without a comment. `None` if there is none or if the
/// next line may go on with it.
pub(super) fn one_line_value(text: &str, start: usize) -> Option<Span> {
    let end = line_end(text, start);
    let rest = &text[start..end];
    let comment = rest.match_indices('#').map(|(i, _)| i).find(|i| *i == 0 || rest[..*i].ends_with([' ', '\t']));
    let value = rest[..comment.unwrap_or(rest.len())].trim_end();
    if value.is_empty() {
        return None;
    }
    let own = line_start(text, start);
    let column = line_key(text, own).map_or(0, |k| k.start - own);
    let next =
        text.get(end + 1..).unwrap_or("").lines().find(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let goes_on = next.is_some_and(|l| l.len() - l.trim_start().len() > column);
    (!goes_on).then(|| Span::new(start, start + value.len()))
}

/// The key of the line that starts at `start`, over blanks and dashes, without quotes in it.
fn line_key(text: &str, start: usize) -> Option<Span> {
    let line = &text[start..line_end(text, start)];
    let mut first = blanks(line, 0);
    while line[first..].starts_with("- ") {
        first += 1;
        first += blanks(line, first);
    }
    if line[first..].starts_with(['"', '\'']) {
        return None;
    }
    let colon = line[first..].match_indices(':').map(|(i, _)| first + i).find(|i| {
        let rest = &line[i + 1..];
        rest.is_empty() || rest.starts_with([' ', '\t', '\r'])
    })?;
    Some(Span::new(start + first, start + colon))
}

fn blanks(text: &str, from: usize) -> usize {
    text.get(from..).unwrap_or("").bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |n| n + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |n| at + n)
}

/// A text short enough for a message.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
