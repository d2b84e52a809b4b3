//! Writes the parts of a file as lines.

use super::gather::{Brackets, Collection, Note, Part, Parts, Value};

/// Spaces that a block is indented by.
const STEP: usize = 2;

/// Characters of a line that brackets over several lines may fill when they are joined.
const WIDTH: usize = 100;

/// The lines of a file, without line ends.
pub(super) fn lines(parts: &Parts) -> Vec<String> {
    let mut lines: Vec<String> = parts.modeline.iter().cloned().collect();
    notes(&parts.before_marker, 0, true, &mut lines);
    lines.extend(parts.marker.clone());
    notes(&parts.head, 0, true, &mut lines);
    if !parts.head.is_empty() {
        lines.push(String::new());
    }
    collection(&parts.fields, 0, &mut lines);
    lines
}

/// Comments, each on a line; with `no_blank` none is above the first of them.
fn notes(notes: &[Note], column: usize, no_blank: bool, lines: &mut Vec<String>) {
    for (i, note) in notes.iter().enumerate() {
        if note.blank && !(no_blank && i == 0) {
            lines.push(String::new());
        }
        lines.push(format!("{}{}", " ".repeat(column), note.text));
    }
}

fn collection(collection: &Collection, column: usize, lines: &mut Vec<String>) {
    // A blank line below a text that keeps such lines would be part of it.
    let mut no_blank = true;
    for part_ in &collection.parts {
        notes(&part_.lead, column, no_blank, lines);
        part(part_, no_blank && part_.lead.is_empty(), column, lines);
        no_blank = keeps_blank_lines(&part_.value);
    }
    notes(&collection.tail, column, no_blank, lines);
}

/// Whether a value ends with a text to which the blank lines below it belong.
fn keeps_blank_lines(value: &Value) -> bool {
    match value {
        Value::Block { header, .. } => header.split([' ', '\t']).next().is_some_and(|sign| sign.contains('+')),
        Value::Collection(inner) => {
            inner.tail.is_empty() && inner.parts.last().is_some_and(|last| keeps_blank_lines(&last.value))
        }
        Value::Line(_) | Value::Folded(_) => false,
    }
}

/// A field or item with what stands below its comments.
fn part(part: &Part, no_blank: bool, column: usize, lines: &mut Vec<String>) {
    let margin = " ".repeat(column);
    let begin = part.key.as_ref().map_or_else(|| "-".to_owned(), |key| format!("{key}:"));
    let mut beside: Vec<&str> = part.beside_key.iter().chain(&part.beside).map(String::as_str).collect();
    // Comments that have no line to stand on any more stand above.
    let mut above: Vec<String> = Vec::new();
    let mut below: Vec<String> = Vec::new();
    let indented = |text: &[String], by: usize| -> Vec<String> {
        let margin = " ".repeat(column + by);
        text.iter().map(|l| if l.is_empty() { String::new() } else { format!("{margin}{l}") }).collect()
    };
    let line = match &part.value {
        Value::Line(text) if text.is_empty() => begin,
        Value::Line(text) => format!("{begin} {text}"),
        Value::Folded(text) => {
            let (head, rest) = text.split_first().map_or(("", &text[..]), |(head, rest)| (head.as_str(), rest));
            below = indented(rest, STEP);
            format!("{begin} {head}")
        }
        Value::Block { header, indent, lines } => {
            below = indented(lines, indent.unwrap_or(STEP));
            above.extend(beside.drain(..).map(|c| c.trim().to_owned()));
            format!("{begin} {header}")
        }
        Value::Collection(inner) => match in_brackets(inner, column + begin.chars().count() + 1) {
            Some(text) => {
                above.extend(inner.tail.iter().map(|n| n.text.clone()));
                format!("{begin} {text}")
            }
            None => {
                collection(inner, column + STEP, &mut below);
                let kept = usize::from(part.key.is_some()).min(beside.len());
                above.extend(beside.drain(kept..).map(|c| c.trim().to_owned()));
                match part.key {
                    Some(_) => begin,
                    None => format!("{begin} {}", first_line(&mut below, &mut above)),
                }
            }
        },
    };
    if part.blank && !no_blank {
        lines.push(String::new());
    }
    lines.extend(above.into_iter().map(|c| if c.is_empty() { c } else { format!("{margin}{c}") }));
    // Of two comments beside a value of several lines one stands at its end.
    match (below.last_mut(), &part.value) {
        (Some(last), Value::Folded(_)) => {
            last.extend(beside);
            lines.push(format!("{margin}{line}"));
        }
        _ => lines.push(format!("{margin}{line}{}", beside.concat())),
    }
    lines.append(&mut below);
}

/// Takes the first line of a block away, to stand behind the dash; the comments above it go above the dash.
fn first_line(block: &mut Vec<String>, above: &mut Vec<String>) -> String {
    let comment = |line: &&String| line.is_empty() || line.trim_start().starts_with('#');
    let comments = block.iter().take_while(comment).count();
    above.extend(block.drain(..comments).map(|line| line.trim_start().to_owned()));
    if block.is_empty() { String::new() } else { block.remove(0).trim_start().to_owned() }
}

/// A block or list in brackets on one line, where it is to stay so.
fn in_brackets(collection: &Collection, column: usize) -> Option<String> {
    let (open, close) = if collection.list { ('[', ']') } else { ('{', '}') };
    if collection.parts.is_empty() {
        return Some(format!("{open}{close}"));
    }
    if !matches!(collection.brackets, Some(Brackets::OneLine | Brackets::Several)) {
        return None;
    }
    let text = joined(collection, open, close)?;
    let fits = column + text.chars().count() <= WIDTH;
    (collection.brackets == Some(Brackets::OneLine) || fits).then_some(text)
}

/// All in one line; `None` where a comment or a text over several lines stands in the way.
fn joined(collection: &Collection, open: char, close: char) -> Option<String> {
    if !collection.tail.is_empty() {
        return None;
    }
    let mut parts = Vec::with_capacity(collection.parts.len());
    for part in &collection.parts {
        if !part.lead.is_empty() || part.beside_key.is_some() || part.beside.is_some() {
            return None;
        }
        let value = match &part.value {
            Value::Line(text) => text.clone(),
            Value::Collection(inner) if inner.list => joined(inner, '[', ']')?,
            Value::Collection(inner) => joined(inner, '{', '}')?,
            Value::Folded(_) | Value::Block { .. } => return None,
        };
        parts.push(part.key.as_ref().map_or_else(|| value.clone(), |key| format!("{key}: {value}")));
    }
    Some(format!("{open}{}{close}", parts.join(", ")))
}
