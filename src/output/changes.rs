//! What changed between two readings, one line each.

use crate::report::changes::{Change, Noted};

use super::terminal::{cut, plain};

/// Columns of a value that a line shows.
const MOST_OF_A_VALUE: usize = 60;

/// A change as one line, without a line end.
pub fn line(change: &Change) -> String {
    match change {
        Change::Pipeline => "pipeline.yaml: changed".to_owned(),
        Change::Came { deal, stage } => plain(&format!("{deal}: new in {stage}")),
        Change::Went { deal, stage } => plain(&format!("{deal}: gone from {stage}")),
        Change::Moved { deal, from, to } => plain(&format!("{deal}: {from} → {to}")),
        Change::Field { deal, field, from, to } => {
            let (from, to) = (from.as_deref().map(value), to.as_deref().map(value));
            let what = match (from, to) {
                (Some(from), Some(to)) if from == to => "changed".to_owned(),
                (Some(from), Some(to)) => format!("{from} → {to}"),
                (None, Some(to)) => format!("set to {to}"),
                (Some(from), None) => format!("removed, was {from}"),
                (None, None) => "changed".to_owned(),
            };
            format!("{} {what}", plain(&format!("{deal}: {field}")))
        }
        Change::Fixed(n) => {
            format!("- fixed: {}[{}] {}: {}", n.level.as_str(), n.rule, plain(&n.file), plain(&n.message))
        }
        Change::Found(n) => format!("+ {}[{}] {}: {}", n.level.as_str(), n.rule, place(n), plain(&n.message)),
    }
}

/// A finding as one line, in the form that editors find the place by: `path:line:column: level[rule]: message`.
pub fn finding(noted: &Noted) -> String {
    format!("{}: {}[{}]: {}", place(noted), noted.level.as_str(), noted.rule, plain(&noted.message))
}

fn place(noted: &Noted) -> String {
    let file = plain(&noted.file);
    match noted.position {
        Some(at) => format!("{file}:{}:{}", at.line, at.column),
        None => file,
    }
}

fn value(text: &str) -> String {
    cut(&plain(text), MOST_OF_A_VALUE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ident::{DealId, StageId};

    fn field(from: Option<&str>, to: Option<&str>) -> String {
        let (from, to) = (from.map(str::to_owned), to.map(str::to_owned));
        line(&Change::Field { deal: DealId::new("acme").unwrap(), field: "note".into(), from, to })
    }

    #[test]
    fn values_are_shown_harmless_and_short() {
        assert_eq!(field(Some("1 EUR"), Some("2 EUR")), "acme: note 1 EUR → 2 EUR");
        assert_eq!(field(None, Some("\x1b[2J\nx")), "acme: note set to \\x1b[2J⏎x");
        assert_eq!(field(Some("x"), None), "acme: note removed, was x");
        let long = "a".repeat(100);
        assert_eq!(field(Some(&(long.clone() + "b")), Some(&(long + "c"))), "acme: note changed");
    }

    #[test]
    fn moves_are_arrows() {
        let stage = |s| StageId::new(s).unwrap();
        let change = Change::Moved { deal: DealId::new("acme").unwrap(), from: stage("brief"), to: stage("won") };
        assert_eq!(line(&change), "acme: brief → won");
    }
}
