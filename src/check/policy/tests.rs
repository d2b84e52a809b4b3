use super::*;
use crate::format::pipeline_file;

const FILE: &str = "\
version: 1
title: Service
currency: EUR
groups:
  chiefs: [boss@example.com]
stages:
  - id: brief
    limit: 14d
    sla: 24h
    exit:
      - id: inputs
        text: The inputs are there
        require: [inputs.goal, inputs.deadline]
      - id: worth-it
        text: It is worth it
        check: amount > money(\"1000 EUR\")
        waivable: false
  - id: proposal
    entry:
      - id: go-ahead
        text: The bosses agree
        approval: {by: chiefs, not: owner}
ends:
  - id: won
    kind: won
  - id: lost
    kind: lost
fields:
  amount: {type: money, required_from: proposal}
  owner: {type: person, required: true}
  inputs:
    goal: text
    deadline: date
  source: {enum: [web, fair]}
rules:
  overdue-close-date: error
";

fn read(text: &str) -> Pipeline {
    pipeline_file::read(text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}\n{text}")).0
}

/// What it says when these parts of the file become others: `!` for what weakens.
fn after(edits: &[(&str, &str)]) -> Vec<String> {
    let mut text = FILE.to_owned();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    let changes = compare(&read(FILE), &read(&text));
    changes.iter().map(|c| format!("{}{}: {}", if c.weakens { "!" } else { "" }, c.about, c.words)).collect()
}

#[test]
fn the_same_file_is_no_change() {
    assert_eq!(after(&[]), [""; 0]);
    assert_eq!(after(&[("version: 1", "# a comment\nversion: 1")]), [""; 0]);
}

#[test]
fn every_way_to_ask_for_less_is_told_as_that() {
    let criterion = "      - id: worth-it\n        text: It is worth it\n        check: amount > money(\"1000 EUR\")\n        \
                     waivable: false\n";
    let cases: [(&str, &str, &str); 18] = [
        (criterion, "", "!brief.exit.worth-it: exit criterion worth-it of brief is gone: \"It is worth it\""),
        (
            "        waivable: false\n",
            "        waivable: false\n        level: warning\n",
            "!brief.exit.worth-it: exit criterion worth-it of brief is of level warning now, not error",
        ),
        ("        waivable: false\n", "", "!brief.exit.worth-it: exit criterion worth-it of brief can be waived now"),
        (
            "[inputs.goal, inputs.deadline]",
            "[inputs.goal]",
            "!brief.exit.inputs: exit criterion inputs of brief does not ask for inputs.deadline any more",
        ),
        (
            "\"1000 EUR\"",
            "\"1 EUR\"",
            "!brief.exit.worth-it: exit criterion worth-it of brief asks otherwise: `amount > money(\"1000 EUR\")` → \
             `amount > money(\"1 EUR\")`",
        ),
        (
            "check: amount > money(\"1000 EUR\")",
            "require: [amount]",
            "!brief.exit.worth-it: exit criterion worth-it of brief asks for amount now, not that `amount > \
             money(\"1000 EUR\")`",
        ),
        (
            "{by: chiefs, not: owner}",
            "{by: chiefs}",
            "!proposal.entry.go-ahead: the owner too may give entry criterion go-ahead of proposal now",
        ),
        (
            "{by: chiefs, not: owner}",
            "{not: owner}",
            "!proposal.entry.go-ahead: anybody may give entry criterion go-ahead of proposal now, not the group chiefs",
        ),
        (
            "[boss@example.com]",
            "[boss@example.com, eve]",
            "!groups.chiefs: eve belongs to the group chiefs now, and may approve what it may",
        ),
        ("limit: 14d", "limit: 60d", "!brief.limit: how long a deal may lie in brief (limit): 14d → 60d"),
        ("    sla: 24h\n", "", "!brief.sla: how long the first answer may take in brief (sla): 1d → none"),
        (
            "    limit: 14d\n",
            "    limit: 14d\n    optional: true\n",
            "!brief.optional: deals may skip the stage brief now, and what it asks for with it",
        ),
        ("    kind: lost", "    kind: recycled", "!lost.kind: the end lost counts as recycled now, not as lost"),
        (", required: true", "", "!fields.owner: when owner has to be filled: always → never"),
        (
            "{type: money, required_from: proposal}",
            "money",
            "!fields.amount: when amount has to be filled: from proposal on → never",
        ),
        ("[web, fair]", "[web, fair, other]", "!fields.source: source can be other now"),
        (
            "overdue-close-date: error",
            "overdue-close-date: info",
            "!rules.overdue-close-date: findings of the rule overdue-close-date are of level info now, not error",
        ),
        (
            "rules:\n",
            "extra_fields: allow\nrules:\n",
            "!extra_fields: fields that nobody declared (extra_fields): deny → allow",
        ),
    ];
    for (from, to, said) in cases {
        assert_eq!(after(&[(from, to)]), [said]);
    }
}

#[test]
fn asking_for_more_is_told_and_weakens_nothing() {
    let cases = [
        ("limit: 14d", "limit: 7d", "brief.limit: how long a deal may lie in brief (limit): 14d → 7d"),
        ("  - id: proposal\n", "  - id: middle\n  - id: proposal\n", "middle: there is a new stage middle"),
        (
            "kind: won\n",
            "kind: won\n    entry:\n      - {id: signed, text: Signed, require: [amount]}\n",
            "won.entry.signed: there is a new entry criterion signed of won: \"Signed\"",
        ),
        ("rules:\n", "rules:\n  bad-id: error\n  missing-next-step: error\n", RAISED),
        ("[web, fair]", "[web]", "fields.source: source cannot be fair any more"),
        (
            "    deadline: date\n",
            "    deadline: {type: date, required: true}\n",
            "fields.inputs.deadline: when \
          inputs.deadline has to be filled: never → always",
        ),
        (
            "title: Service\n",
            "title: Services\nrates: rates.csv\n",
            "rates: the file of exchange rates: none → rates.csv",
        ),
    ];
    for (from, to, said) in cases {
        assert_eq!(after(&[(from, to)]), [said]);
    }
}

const RAISED: &str =
    "rules.missing-next-step: findings of the rule missing-next-step are of level error now, not warning";

#[test]
fn a_renamed_stage_keeps_its_criteria() {
    let edits = [("- id: brief\n", "- id: inputs\n    was: [brief]\n")];
    assert_eq!(after(&edits), ["inputs: the stage brief is called inputs now"]);
}

#[test]
fn a_criterion_that_is_asked_for_later_is_weaker() {
    let go_ahead = "    entry:\n      - id: go-ahead\n        text: The bosses agree\n        approval: {by: chiefs, not: owner}\n";
    let later = go_ahead.replace("    entry:", "    exit:");
    assert_eq!(
        after(&[(go_ahead, &later)]),
        ["!proposal.exit.go-ahead: exit criterion go-ahead of proposal was asked for as entry criterion of proposal \
          before"]
    );
}

#[test]
fn what_weakens_comes_first_and_knows_its_place() {
    let changed = FILE.replace("limit: 14d", "limit: 7d").replace("[web, fair]", "[web, fair, other]");
    let changes = compare(&read(FILE), &read(&changed));
    let weakens: Vec<bool> = changes.iter().map(|change| change.weakens).collect();
    assert_eq!(weakens, [true, false]);
    let place = |text: &str, span: Option<Span>| span.map(|span| text[span.start..span.end].to_owned());
    assert_eq!(place(FILE, changes[1].before).as_deref(), Some("brief"));
    assert_eq!(place(&changed, changes[1].after).as_deref(), Some("brief"));
}
