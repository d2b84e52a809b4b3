//! Comments that silence a rule: `# tussock: ignore[rule] reason`, on the line of the finding or the one above.

use crate::format::deal::Deal;
use crate::format::pipeline::{Pipeline, RuleLevel};
use crate::format::problem::Fix;
use crate::format::span::{LineIndex, Span};
use crate::format::tree::{Mapping, Node, NodeKind};

use super::finding::{Finding, Level};
use super::rule;
use super::rules::unused_ignore;

const MARK: &str = "# tussock: ignore[";

/// A comment of a deal that silences a rule, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The id of the rule, as it is written.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Where the comment stands.
    pub span: Span,
}

/// The comments of a deal that silence a rule where they stand; those without a reason silence none.
pub fn silences(deal: &Deal) -> Vec<Silence> {
    let text = deal.document.text.as_str();
    if !is_asked(deal) {
        return Vec::new();
    }
    let all = comments(deal, &LineIndex::new(text)).into_iter().filter(|ignore| ignore.reason);
    let reason = |span: Span| text.get(span.start..span.end).and_then(|comment| comment.split_once(']'));
    all.map(|ignore| Silence {
        reason: reason(ignore.span).map_or("", |(_, reason)| reason.trim()).to_owned(),
        rule: ignore.rule,
        span: ignore.span,
    })
    .collect()
}

/// One rule that one comment silences.
struct Ignore {
    rule: String,
    reason: bool,
    span: Span,
    /// The name of the rule in the comment.
    name: Span,
    /// The bytes without which the rule is not named any more: the whole comment where it names no other.
    removed: Span,
    /// 1-based line of the comment; it speaks for this line and the next.
    line: usize,
    used: bool,
}

/// Whether a deal may have such a comment.
pub(super) fn is_asked(deal: &Deal) -> bool {
    deal.document.text.contains(MARK)
}

/// The comments in a deal that silence rules, each from the names of its rules on: `rule] reason`.
pub fn ignore_comments(deal: &Deal) -> Vec<String> {
    if !is_asked(deal) {
        return Vec::new();
    }
    let text = deal.document.text.as_str();
    let mut spans: Vec<Span> = comments(deal, &LineIndex::new(text)).iter().map(|ignore| ignore.span).collect();
    spans.dedup();
    let told = |span: &Span| text.get(span.start + MARK.len()..span.end).unwrap_or_default().to_owned();
    spans.iter().map(told).collect()
}

/// Takes away the findings of a deal that a comment in it silences, and adds one for each comment that does not work.
pub(super) fn apply(pipeline: &Pipeline, deal: &Deal, mut findings: Vec<Finding>) -> Vec<Finding> {
    let text = deal.document.text.as_str();
    if !is_asked(deal) {
        return findings;
    }
    let index = LineIndex::new(text);
    let mut ignores = comments(deal, &index);
    findings.retain(|finding| !silenced(&mut ignores, &index, text, finding));
    let level = match pipeline.rules.get(unused_ignore().id) {
        Some(RuleLevel::Off) => return findings,
        Some(RuleLevel::Info) => Level::Info,
        Some(RuleLevel::Error) => Level::Error,
        Some(RuleLevel::Warning) | None => Level::Warning,
    };
    findings.extend(ignores.iter().filter(|i| !i.used).map(|i| Finding { level, ..useless(deal, i) }));
    findings
}

/// Whether a comment with a reason stands on the finding's line or above it.
fn silenced(ignores: &mut [Ignore], index: &LineIndex, text: &str, finding: &Finding) -> bool {
    if !finding.rule.suppressible {
        return false;
    }
    let line = index.position(text, finding.span.start).line;
    let speaks = |i: &&mut Ignore| i.reason && i.rule == finding.rule.id && (i.line == line || i.line + 1 == line);
    match ignores.iter_mut().find(speaks) {
        Some(ignore) => {
            ignore.used = true;
            true
        }
        None => false,
    }
}

fn useless(deal: &Deal, ignore: &Ignore) -> Finding {
    let id = &ignore.rule;
    let known = rule::find(id);
    let message = match known {
        None => format!("no rule is called \"{id}\", so this comment silences nothing"),
        Some(rule) if !rule.suppressible => format!("{id} cannot be silenced by a comment"),
        Some(_) if !ignore.reason => format!("this comment gives no reason, so {id} is still reported"),
        Some(_) => format!("this comment silences nothing: there is no {id} here"),
    };
    let finding =
        Finding::new(unused_ignore(), deal.path.as_str(), ignore.span, message).with_deal(Some(deal.id.clone()));
    let remove = Fix::safe("remove the comment", ignore.removed, "");
    let (help, fix) = match known {
        None => match rule::nearest(id) {
            Some(near) => {
                let fix = Fix::guess(format!("write {near}"), ignore.name, near);
                (format!("did you mean `{near}`?"), Some(fix))
            }
            None => ("remove the comment".to_owned(), Some(remove)),
        },
        Some(rule) if !rule.suppressible => ("mend what it reports, and remove the comment".to_owned(), Some(remove)),
        Some(_) if !ignore.reason => (format!("write why: `{MARK}{id}] REASON`"), None),
        Some(_) => ("remove the comment".to_owned(), Some(remove)),
    };
    Finding { fix, ..finding.with_help(help) }
}

/// The ignore comments of a deal. What looks like one inside a text is none.
fn comments(deal: &Deal, index: &LineIndex) -> Vec<Ignore> {
    let text = deal.document.text.as_str();
    let mut scalars = Vec::new();
    of_mapping(&deal.document.root, &mut scalars);
    scalars.sort();
    let mut found = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let after = scalars.partition_point(|s| s.start <= at);
        let in_value = after.checked_sub(1).and_then(|i| scalars.get(i)).is_some_and(|s| at < s.end);
        let begins = text[..at].chars().next_back().is_none_or(char::is_whitespace);
        let line = text[at + MARK.len()..].lines().next().unwrap_or_default();
        if in_value || !begins {
            continue;
        }
        let (rules, reason) = line.split_once(']').unwrap_or((line, ""));
        let span = Span::new(at, at + MARK.len() + line.trim_end().len());
        let whole = with_its_line(text, span);
        let several = rules.contains(',');
        let mut start = at + MARK.len();
        for (place, rule) in rules.split(',').enumerate() {
            let blanks = rule.len() - rule.trim_start().len();
            let name = Span::new(start + blanks, start + blanks + rule.trim().len());
            // With the comma before it, or the one behind it where it is the first.
            let with_comma = match place {
                0 => Span::new(start, start + rule.len() + 1),
                _ => Span::new(start - 1, start + rule.len()),
            };
            found.push(Ignore {
                rule: rule.trim().to_owned(),
                reason: reason.chars().any(char::is_alphanumeric),
                span,
                name,
                removed: if several { with_comma } else { whole },
                line: index.position(text, at).line,
                used: false,
            });
            start += rule.len() + 1;
        }
    }
    found
}

/// A comment with the blanks before it, and with its line end where nothing else stands on the line.
fn with_its_line(text: &str, comment: Span) -> Span {
    let before = text.get(..comment.start).unwrap_or_default();
    let start = before.trim_end_matches([' ', '\t']).len();
    let rest = text.get(comment.end..).unwrap_or_default();
    let end = comment.end + rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    let alone = text.get(..start).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
    match rest.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n') {
        Some(_) if alone => Span::new(start, end + 1),
        _ => Span::new(start, comment.end),
    }
}

fn of_mapping(mapping: &Mapping, scalars: &mut Vec<Span>) {
    for entry in &mapping.entries {
        scalars.push(entry.key_span);
        of_node(&entry.value, scalars);
    }
}

fn of_node(node: &Node, scalars: &mut Vec<Span>) {
    match &node.kind {
        NodeKind::Scalar { .. } => scalars.push(node.span),
        NodeKind::Sequence { items, .. } => items.iter().for_each(|i| of_node(i, scalars)),
        NodeKind::Mapping(inner) => of_mapping(inner, scalars),
    }
}
