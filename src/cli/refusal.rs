//! What a person is told when criteria refuse a deal.

use super::exit::{CommandError, Exit};
use crate::action::plan::{PlanError, Reason, Refusal};
use crate::format::judge::Outcome;

/// More missing fields than this are not for one line.
const MOST_IN_A_STEP: usize = 6;

/// Turns a refusal into sentences: each criterion, what is missing, where the deal could go, and the line to type.
pub fn refused(error: PlanError) -> CommandError {
    let PlanError::Refused { refusals } = error else { return error.into() };
    let mut lines = Vec::new();
    let mut hints = Vec::new();
    for refusal in &refusals {
        let verb = if refusal.from.is_some() { "move to" } else { "begin in" };
        let to = refusal.to.as_str();
        lines.push(format!("{} cannot {verb} {to}:", refusal.deal));
        lines.extend(refusal.reasons.iter().map(reason));
        hints.extend(way_out(refusal, to));
        hints.extend(refusal.choices.iter().cloned());
    }
    hints.dedup();
    if let [Refusal { from: Some(_), open_to, .. }] = &refusals[..]
        && !open_to.is_empty()
    {
        let open: Vec<&str> = open_to.iter().map(|s| s.as_str()).collect();
        hints.push(format!("open to it as it is: {}", open.join(", ")));
    }
    let mut refused = CommandError::new(Exit::Findings, lines.join("\n"));
    refused.hints = hints;
    refused
}

fn reason(reason: &Reason) -> String {
    match &reason.asked_by {
        Some((criterion, place)) => {
            format!("  - {} ({criterion}, asked by {place}): {}", reason.text, standing(&reason.outcome))
        }
        None => format!("  - {} is required and missing", reason.text),
    }
}

/// How a deal stands to a criterion, in a few words.
pub fn standing(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Met => "met".to_owned(),
        Outcome::Missing(fields) => format!("missing {}", fields.join(", ")),
        Outcome::MissingOneOf(fields) => format!("missing {}", fields.join(" or ")),
        Outcome::NotSatisfied(why) => format!("not satisfied, {why}"),
        Outcome::Failed(why) => format!("cannot be judged, {why}"),
        Outcome::Waived { by, reason, on } => format!("waived by {by} on {on}: {reason}"),
    }
}

fn way_out(refusal: &Refusal, to: &str) -> Option<String> {
    if refusal.fill.is_empty() {
        return None;
    }
    let sets: Vec<String> = refusal.fill.iter().map(|f| format!("--set {f}")).collect();
    let deal = &refusal.deal;
    Some(match &refusal.from {
        None => format!("fill them in the same step: add {}", sets.join(" ")),
        Some(_) if sets.len() > MOST_IN_A_STEP => {
            format!("that is far for one step; `tussock why {deal}` says what the next stage needs")
        }
        Some(_) => format!("fill them in the same step: tussock move {deal} {to} {}", sets.join(" ")),
    })
}
