//! What belongs into the built-in fields, for people who have the file open.

/// What a built-in field is for, by its dotted path, with an example. `None` for a field of the team's own.
pub(super) fn of(path: &str) -> Option<&'static str> {
    Some(match path {
        "title" => "What people call the deal. Example: Corporate site redesign",
        "account" => "The client. Example: ACME GmbH",
        "owner" => "Who sells it: a name or an e-mail address, as git knows people. Example: olga",
        "amount" => {
            "What the deal is worth, without separators; a bare number is in the pipeline's currency. \
             Example: 18000 or 18000.50 USD"
        }
        "close_date" => "When the yes is expected. Example: 2026-12-15",
        "source" => "Where the deal came from. Example: referral",
        "segment" => "What kind of client it is. Example: small business",
        "region" => "Where the client is. Example: north",
        "category" => "The seller's promise: pipeline, best_case or commit. It is shown and not counted with.",
        "confidence" => "The seller's feeling: low, medium or high. It is shown and not counted with.",
        "next_step" => {
            "The one thing to do next, always one. Example: {what: Call the CFO about the budget, due: 2026-11-25}"
        }
        "next_step.what" => "What is to be done. Example: Call the CFO about the budget",
        "next_step.due" => "Until when. Example: 2026-11-25",
        "next_step.who" => "Who does it, where that is not the owner. Example: petr",
        "effort" => "Work that was done before the yes. Example: - {on: 2026-11-01, who: petr, hours: 3}",
        "effort.on" => "The day of the work. Example: 2026-11-01",
        "effort.who" => "Who worked. Example: petr",
        "effort.hours" => "How many hours. Example: 3 or 1.5",
        "effort.what" => "What was done. Example: estimate",
        "activity" => "Talks and mails with the client. Example: - {on: 2026-11-20, who: olga, what: call}",
        "activity.on" => "The day. Example: 2026-11-20",
        "activity.who" => "Who talked or wrote. Example: olga",
        "activity.what" => "What it was. Example: call",
        "activity.note" => "What came of it. Example: The CFO wants a second offer",
        "payments" => "Money asked for and received. Example: - {what: advance, amount: 5000, due: 2026-12-01}",
        "payments.what" => "What is paid. Example: advance",
        "payments.amount" => "How much. Example: 5000",
        "payments.due" => "Until when it is to be paid. Example: 2026-12-01",
        "payments.paid_on" => "The day on which the money came. Example: 2026-12-03",
        "payments.invoice" => "The invoice. Example: 2026-117",
        "approvals" => {
            "Who said yes where a criterion asks for it, by the criterion's id. `tussock approve` writes it. \
             Example: start-production: {by: boss, on: 2026-12-23}"
        }
        "waivers" => {
            "Criteria that do not hold this deal up, each with who decided it, why and when. `tussock waive` writes one. \
             Example: - {criterion: budget-known, by: boss, reason: Strategic account, on: 2026-11-03}"
        }
        "waivers.criterion" => "The id of the criterion. Example: budget-known",
        "waivers.by" => "Who decided it. Example: boss",
        "waivers.reason" => "Why. Example: Strategic account",
        "waivers.on" => "When it was decided. Example: 2026-11-03",
        "follows" => "The id of the deal of which this is the next round. Example: globex-2026",
        "was" => "Ids that this deal had before; `tussock rename` keeps them. Example: [acme-site]",
        "notes" => "Anything worth keeping. A text of several lines begins with | behind the colon.",
        _ => return None,
    })
}

/// What is said of the parts of an approval.
pub(super) fn of_approval(part: &str) -> Option<&'static str> {
    Some(match part {
        "by" => "Who approves. Example: boss",
        "on" => "The day of the approval. Example: 2026-12-23",
        "note" => "What is to be kept of it, in a few words.",
        _ => return None,
    })
}
