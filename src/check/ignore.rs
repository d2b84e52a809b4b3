//! Comments that silence a rule: `# tussock: ignore[rule] reason`, on the line of the finding or the one above.

use crate::format::deal::Deal;
use crate::format::pipeline::{Pipeline, RuleLevel};
use crate::format::span::{LineIndex, Span};
use crate::format::tree::{Mapping, Node, NodeKind};

use super::finding::{Finding, Level};
use super::rule;
use super::rules::unused_ignore;

const MARK: &str = "# tussock: ignore[";

/// One rule that one comment silences.
struct Ignore {
    rule: String,
    reason: bool,
    span: Span,
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
    match known {
        None => match rule::nearest(id) {
            Some(near) => finding.with_help(format!("did you mean `{near}`?")),
            None => finding.with_help("remove the comment"),
        },
        Some(rule) if !rule.suppressible => finding.with_help("mend what it reports, and remove the comment"),
        Some(_) if !ignore.reason => finding.with_help(format!("write why: `{MARK}{id}] REASON`")),
        Some(_) => finding.with_help("remove the comment"),
    }
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
        found.extend(rules.split(',').map(|rule| Ignore {
            rule: rule.trim().to_owned(),
            reason: reason.chars().any(char::is_alphanumeric),
            span,
            line: index.position(text, at).line,
            used: false,
        }));
    }
    found
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
