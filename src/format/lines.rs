//! The lines of a deal as people write them: where a key and its value stand in one, and the changes that mend a line.

use super::problem::{Fix, Problem, ProblemKind};
use super::quote;
use super::span::Span;
use super::tree::Node;

/// Characters between curly quotes in which an end is looked for.
const MOST_IN_QUOTES: usize = 400;

/// What is done about a text that YAML takes for something else.
pub(super) const QUOTE: &str = "put the value in quotes";

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
pub(super) fn in_quotes(text: &str) -> String {
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
            Problem::new(
                ProblemKind::YamlSyntax,
                place,
                format!("a no-break space stands after the colon of `{}`, and YAML takes it for a letter", shown(key)),
            )
            .with_help(format!("write `{written}`, with a usual space"))
            .with_fix(Fix::safe("write a usual space", between, ": ")),
        );
    }
    Some(
        Problem::new(ProblemKind::YamlSyntax, place, format!("a space is missing after the colon of `{}`", shown(key)))
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
    // A text in quotes is not long, and a hostile line may hold ten thousand such places.
    let mut before = text.get(..at)?.char_indices().rev().take(MOST_IN_QUOTES).take_while(|(_, c)| *c != '\n');
    let (open, _) = before.find(|(_, c)| matches!(c, '“' | '„'))?;
    let inner = open + text[open..].chars().next()?.len_utf8();
    let mut after = text.get(inner..)?.char_indices().take(MOST_IN_QUOTES).take_while(|(_, c)| *c != '\n');
    let close = after.find(|(_, c)| *c == '”').map(|(n, _)| inner + n).filter(|close| *close > at)?;
    let after = close + '”'.len_utf8();
    let says = &text[inner..close];
    if says.contains(['"', '\\', '“', '„']) {
        return None;
    }
    Some(
        Problem::new(
            ProblemKind::YamlSyntax,
            Span::new(open, inner),
            "curly quotes hold no text together; YAML knows straight ones",
        )
        .with_label("this quote")
        .with_help(format!("write straight quotes: \"{}\"", shown(says)))
        .with_fix(Fix::safe("write straight quotes", Span::new(open, inner), "\"").and(Span::new(close, after), "\"")),
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
pub(super) fn line_key(text: &str, start: usize) -> Option<Span> {
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

pub(super) fn blanks(text: &str, from: usize) -> usize {
    text.get(from..).unwrap_or("").bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |n| n + 1)
}

pub(super) fn line_end(text: &str, at: usize) -> usize {
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

/// Shows both values of a key that stands twice, and the change that takes the second line away.
pub(super) fn two_values(
    text: &str,
    problem: &mut Problem,
    (name, key): (&str, Span),
    (first, second): (&Node, &Node),
    flow: bool,
) {
    let value = |span: Span| shown(text[span.start..span.end].lines().next().unwrap_or_default());
    let same = first.kind == second.kind;
    problem.help = Some(match same {
        true => "both say the same; delete one of the two lines".to_owned(),
        false => {
            let name = shown(name);
            format!("keep one of the two: `{name}: {}` or `{name}: {}`", value(first.span), value(second.span))
        }
    });
    if flow {
        return;
    }
    let start = text[..key.start].rfind('\n').map_or(0, |n| n + 1);
    let last = second.span.end.max(key.end);
    let end = text[last..].find('\n').map_or(text.len(), |n| last + n + 1);
    let alone = text[start..key.start].trim_matches(' ').is_empty() && text[last..end].trim().is_empty();
    if alone && key.start > 0 {
        let span = Span::new(start, end);
        let title = "delete the second line";
        problem.fix = Some(if same { Fix::safe(title, span, "") } else { Fix::guess(title, span, "") });
    }
}
