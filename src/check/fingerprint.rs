//! What tells findings of two times apart: the same finding has the same fingerprint as long as it is there, whatever
//! lines were written above it.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Finding, Report};

/// A fingerprint for each finding of a report, in its order; no two are equal.
///
/// It is made of the rule, the deal (the file below the pipeline's folder, begun with `./`, where the finding is about no
/// deal), the field, and a number among those that share all three, in the order of the report:
/// `wrong-type:acme:amount:1`. The line and the words have no part in it: they change when something else does. Whatever
/// stands in a file's name or a field, it is letters, digits and `-._/:%` only.
pub fn fingerprints(report: &Report) -> Vec<String> {
    // Only looked up, never gone through, so that its order shows nowhere.
    let mut seen: HashMap<String, usize> = HashMap::new();
    let of = |finding: &Finding| {
        let kind = kind(finding);
        let number = seen.entry(kind.clone()).or_default();
        *number += 1;
        format!("{kind}:{number}")
    };
    report.findings.iter().map(of).collect()
}

/// A fingerprint without its number.
fn kind(finding: &Finding) -> String {
    let mut out = format!("{}:", finding.rule.id);
    match &finding.deal {
        Some(deal) => push(&mut out, deal.as_str()),
        None => {
            out.push_str("./");
            push(&mut out, &finding.path);
        }
    }
    out.push(':');
    push(&mut out, finding.field.as_deref().unwrap_or_default());
    out
}

/// A text with every byte as `%3a` that is no letter or digit of ASCII and none of `-._/`.
fn push(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Summary, rule};
    use crate::format::ident::DealId;
    use crate::format::span::Span;

    fn finding(rule: &str, path: &str, deal: Option<&str>, field: Option<&str>, at: usize) -> Finding {
        let mut finding = Finding::new(rule::find(rule).unwrap(), path, Span::at(at), format!("at {at}"))
            .with_deal(deal.map(|id| DealId::new(id).unwrap()));
        finding.field = field.map(str::to_owned);
        finding
    }

    fn of(findings: Vec<Finding>) -> Vec<String> {
        fingerprints(&Report { findings, summary: Summary::default() })
    }

    #[test]
    fn rule_deal_and_field_make_it_and_the_place_does_not() {
        let at = |offset, folder: &str| {
            finding("wrong-type", &format!("{folder}/acme.yaml"), Some("acme"), Some("amount"), offset)
        };
        assert_eq!(of(vec![at(10, "brief")]), ["wrong-type:acme:amount:1"]);
        assert_eq!(of(vec![at(900, "proposal")]), ["wrong-type:acme:amount:1"]);
    }

    #[test]
    fn equal_ones_are_numbered_in_the_order_of_the_report() {
        let one = |rule, field, at| finding(rule, "brief/acme.yaml", Some("acme"), field, at);
        let all = of(vec![
            one("exit-criterion", None, 1),
            one("wrong-type", Some("amount"), 2),
            one("exit-criterion", None, 3),
            one("exit-criterion", Some("inputs.goal"), 4),
        ]);
        let expected = [
            "exit-criterion:acme::1",
            "wrong-type:acme:amount:1",
            "exit-criterion:acme::2",
            "exit-criterion:acme:inputs.goal:1",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn a_file_that_is_no_deal_is_told_from_a_deal_and_hides_nothing() {
        let all = of(vec![
            finding("bad-id", "brief/Ü :1.yaml", None, None, 0),
            finding("bad-id", "acme", None, None, 0),
            finding("bad-id", "brief/acme.yaml", Some("acme"), Some("a:1\n"), 0),
        ]);
        assert_eq!(all, ["bad-id:./brief/%c3%9c%20%3a1.yaml::1", "bad-id:./acme::1", "bad-id:acme:a%3a1%0a:1"]);
    }
}
