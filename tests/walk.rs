//! A deal of a service company from the first stage to the end, by commands and by hand, and every template once.

mod kit;

use kit::TestRepo;

/// The day of all commands.
const TODAY: &str = "2026-03-02";

/// The way of the deal: from where to where, what the refusal says, and the assignments that open the gate.
struct Step {
    to: &'static str,
    /// Words of the criterion and what is missing or not so, one entry a refused criterion.
    refused: &'static [&'static str],
    sets: &'static [&'static str],
}

const WAY: [Step; 10] = [
    Step {
        to: "proposal",
        refused: &[
            "The inputs for the proposal are collected (inputs-collected, asked by brief): missing inputs.goal, inputs.budget, inputs.deadline",
            "The client agreed to get a proposal (proposal-welcome, asked by brief): missing inputs.agreed_on",
            "amount is required and missing",
        ],
        sets: &[
            "inputs.goal=Double the leads",
            "inputs.budget=15-20 thousand",
            "inputs.deadline=2026-09-01",
            "inputs.agreed_on=today",
            "amount=18000",
        ],
    },
    Step {
        to: "discussion",
        refused: &[
            "The client has received our proposal (proposal-received, asked by proposal): missing proposal.sent_on, proposal.received_by",
            "The proposal is filed where the team finds it (proposal-filed, asked by proposal): missing proposal.file",
            "close_date is required and missing",
        ],
        sets: &[
            "proposal.sent_on=today",
            "proposal.received_by=Dagmar",
            "proposal.link=https://docs.example.com/v1",
            "close_date=2026-05-01",
        ],
    },
    Step {
        to: "decision",
        refused: &[
            "The proposal has its final form (proposal-final, asked by discussion): missing proposal.final_on",
            "We know who decides, and how we know it (decider-known, asked by discussion): missing decision.maker, decision.evidence",
        ],
        sets: &[
            "proposal.final_on=today+1d",
            "decision.maker=The CFO",
            "decision.evidence=He asked for the payment plan",
        ],
    },
    Step {
        to: "signing",
        refused: &[
            "The client is ready to sign and to prepay (client-ready, asked by decision): missing decision.yes_on",
            "The client agreed to pay in advance (prepayment-agreed, asked by decision): missing decision.prepayment",
        ],
        sets: &["decision.yes_on=today", "decision.prepayment=true"],
    },
    Step {
        to: "prepayment",
        refused: &[
            "The papers are signed by both sides (papers-signed, asked by signing): missing contract.number, contract.signed_on",
            "The first invoice is issued (first-invoice, asked by signing): missing payments",
        ],
        sets: &[
            "contract.number=2026/17",
            "contract.signed_on=today",
            "payments+={what: prepayment, amount: 9000, due: 2026-03-10}",
        ],
    },
    Step {
        to: "kickoff",
        refused: &[
            "The first invoice is paid (prepayment-paid, asked by prepayment): not satisfied",
            "The bosses give the go-ahead to start (start-production, asked by prepayment): missing approvals.start-production.by, approvals.start-production.on",
        ],
        sets: &[
            "payments=[{what: prepayment, amount: 9000, due: 2026-03-10, paid_on: 2026-03-02}]",
            "approvals.start-production.by=boss@example.com",
            "approvals.start-production.on=today",
        ],
    },
    Step {
        to: "production",
        refused: &[
            "The manager has retold the project in his own words (project-retold, asked by kickoff): missing delivery_owner, handover.retelling, handover.by",
            "The bosses heard the retelling and let production begin (handover-approved, asked by kickoff): missing approvals.handover-approved.by",
        ],
        sets: &[
            "delivery_owner=ivan",
            "handover.retelling=A site that brings leads",
            "handover.by=ivan",
            "approvals.handover-approved.by=boss",
            "approvals.handover-approved.on=today",
        ],
    },
    Step {
        to: "closing",
        refused: &[
            "The client accepted everything and is satisfied (work-accepted, asked by production): missing production.accepted_on, production.client_says",
        ],
        sets: &["production.accepted_on=today", "production.client_says=Better than we hoped"],
    },
    Step {
        to: "feedback",
        refused: &["The documents are closed (documents-closed, asked by closing): missing closing.documents_on"],
        sets: &["closing.documents_on=today"],
    },
    Step {
        to: "won",
        refused: &[
            "There is a quote, a case or samples that we may show (marketing-yield, asked by feedback): missing feedback.quote or feedback.case or feedback.samples",
        ],
        sets: &["feedback.quote=They listen before they draw"],
    },
];

fn with_template(template: &str, lang: &str) -> TestRepo {
    let repo = TestRepo::new();
    repo.ok(&["init", "--template", template, "--lang", lang]);
    repo
}

/// The same where one person does everybody's work: approvals are in the boss's name and in commits of somebody else.
fn with_one_worker(template: &str) -> TestRepo {
    let repo = with_template(template, "en");
    let pipeline = repo.read("pipeline.yaml");
    let quiet = match pipeline.contains("\nrules:\n") {
        true => pipeline.replace("\nrules:\n", "\nrules:\n  approval: off\n"),
        false => format!("{pipeline}rules:\n  approval: off\n"),
    };
    repo.write("pipeline.yaml", quiet);
    repo.commit("One person does all");
    repo
}

fn ok(repo: &TestRepo, args: &[&str]) -> String {
    let mut all = vec!["--today", TODAY];
    all.extend(args);
    repo.ok(&all)
}

fn head(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "HEAD"])
}

fn refused(repo: &TestRepo, args: &[&str], words: &[&str]) {
    let before = head(repo);
    let mut all = vec!["--today", TODAY];
    all.extend(args);
    let ran = repo.tussock(&all);
    assert_eq!(ran.code, 1, "{args:?}: {}{}", ran.out, ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{args:?} does not say {word:?}:\n{}", ran.err);
    }
    let reasons = ran.err.lines().filter(|l| l.starts_with("  - ")).count();
    assert_eq!(reasons, words.len(), "{args:?} gives other reasons too:\n{}", ran.err);
    assert_eq!(head(repo), before, "{args:?} was refused and committed");
}

fn new_acme(repo: &TestRepo) {
    let made = ok(repo, &["new", "ACME site", "--set", "owner=olga", "--set", "account=ACME GmbH"]);
    assert!(made.starts_with("acme-site: new in brief (brief/acme-site.yaml)"), "{made}");
}

#[test]
fn a_deal_goes_the_whole_way_by_commands_and_is_refused_once_at_every_gate() {
    let repo = with_one_worker("service-project");
    refused(&repo, &["new", "ACME site", "--set", "owner=olga"], &["account is required and missing"]);
    new_acme(&repo);
    for (number, step) in WAY.iter().enumerate() {
        refused(&repo, &["move", "acme-site", "--next"], step.refused);
        let why = ok(&repo, &["why", "acme-site"]);
        assert_eq!(why.matches("  ✗ ").count(), step.refused.len(), "{why}");
        // In one step, or in two: both ways must do.
        if number % 2 == 0 {
            let mut args = vec!["move", "acme-site", "--next"];
            args.extend(step.sets.iter().flat_map(|s| ["--set", s]));
            ok(&repo, &args);
        } else {
            let mut args = vec!["set", "acme-site"];
            args.extend(step.sets);
            ok(&repo, &args);
            ok(&repo, &["move", "acme-site", step.to]);
        }
        let validate = repo.tussock(&["validate", "--today", TODAY]);
        assert_eq!(validate.code, 0, "at {}: {}", step.to, validate.out);
    }
    assert!(repo.has("won/2026/acme-site.yaml"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    let log = repo.ok(&["log", "acme-site", "--moves", "--format", "csv"]);
    let stages: Vec<&str> = log.lines().skip(1).filter_map(|l| l.split(',').nth(4)).collect();
    let way: Vec<&str> = std::iter::once("brief").chain(WAY.iter().map(|s| s.to)).collect();
    assert_eq!(stages, way);
}

#[test]
fn nobody_approves_his_own_deal_nor_from_outside_the_group() {
    let repo = with_template("service-project", "en");
    new_acme(&repo);
    let mut all: Vec<&str> = WAY[..6].iter().flat_map(|s| s.sets).copied().collect();
    all.retain(|s| !s.starts_with("approvals.start-production.by") && !s.starts_with("payments+="));
    let mut args = vec!["set", "acme-site"];
    args.extend(&all);
    ok(&repo, &args);
    let approve = |by: &str| ok(&repo, &["set", "acme-site", &format!("approvals.start-production.by={by}")]);
    approve("petr");
    refused(&repo, &["win", "acme-site"], &["not satisfied, approved by petr, who is not in the group chiefs"]);
    approve("boss");
    ok(&repo, &["set", "acme-site", "owner=boss@example.com"]);
    refused(&repo, &["win", "acme-site"], &["approved by boss, who is the owner; another person must approve it"]);
    ok(&repo, &["set", "acme-site", "owner=olga"]);
    ok(&repo, &["win", "acme-site"]);
    assert!(repo.has("kickoff/acme-site.yaml"), "a deal counts as won from the stage that won_at names");
}

#[test]
fn a_waiver_opens_a_gate_that_takes_one_and_stays_in_sight() {
    let repo = with_template("service-project", "en");
    new_acme(&repo);
    let mut args = vec!["set", "acme-site"];
    args.extend(WAY[0].sets.iter().filter(|s| !s.starts_with("inputs.agreed_on")));
    ok(&repo, &args);
    let welcome = "The client agreed to get a proposal (proposal-welcome, asked by brief): missing inputs.agreed_on";
    refused(&repo, &["move", "acme-site", "proposal"], &[welcome]);
    ok(&repo, &["set", "acme-site", "waivers+={criterion: proposal-welcome, by: boss, reason: \"\", on: 2026-03-02}"]);
    refused(&repo, &["move", "acme-site", "proposal"], &[welcome]);
    ok(
        &repo,
        &["set", "acme-site", "waivers=[{criterion: proposal-welcome, by: boss, reason: Old friends, on: 2026-03-02}]"],
    );
    let why = ok(&repo, &["why", "acme-site"]);
    assert!(why.contains(
        "~ The client agreed to get a proposal (proposal-welcome): waived by boss on 2026-03-02: Old friends"
    ));
    ok(&repo, &["move", "acme-site", "proposal"]);
    let validate = ok(&repo, &["validate"]);
    assert!(validate.contains("info[waiver]") && validate.contains("Old friends"), "{validate}");
}

#[test]
fn going_back_asks_for_nothing_and_a_loss_asks_for_its_reason() {
    let repo = with_template("service-project", "en");
    new_acme(&repo);
    let mut args = vec!["move", "acme-site", "proposal"];
    args.extend(WAY[0].sets.iter().flat_map(|s| ["--set", s]));
    ok(&repo, &args);
    ok(&repo, &["set", "acme-site", "inputs.goal="]);
    ok(&repo, &["move", "acme-site", "brief"]);
    refused(
        &repo,
        &["lose", "acme-site"],
        &["Say why it was lost (loss-explained, asked by lost): missing lost.reason"],
    );
    refused(
        &repo,
        &["lose", "acme-site", "--to", "recycled"],
        &["Say why it goes back (return-explained, asked by recycled)"],
    );
    ok(&repo, &["lose", "acme-site", "--reason", "silent", "-m", "No answer since May"]);
    assert_eq!(repo.read("lost/2026/acme-site.yaml").matches("reason: silent").count(), 1);
    ok(&repo, &["move", "acme-site", "brief"]);
    assert!(repo.has("brief/acme-site.yaml"), "a lost deal can come back");
}

/// The same way with an editor and `git mv`: the rules judge the state as the gate judged the move.
#[test]
fn by_hand_validate_says_what_the_gate_would_have_said() {
    let repo = with_one_worker("service-project");
    new_acme(&repo);
    let findings = |expected: bool, at: &str| {
        let ran = repo.tussock(&["validate", "--today", TODAY, "--format", "json"]);
        let found: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let rules: Vec<&str> = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|f| f["level"] == "error")
            .map(|f| f["rule"].as_str().unwrap())
            .collect();
        assert_eq!(ran.code, i32::from(expected), "{at}: {}", ran.out);
        if expected {
            assert!(rules.iter().all(|r| ["exit-criterion", "missing-field"].contains(r)), "{at}: {rules:?}");
            assert!(rules.contains(&"exit-criterion"), "{at}: {rules:?}");
        } else {
            assert_eq!(rules, Vec::<&str>::new(), "{at}");
        }
    };
    let mut from = "brief/acme-site.yaml".to_owned();
    for step in &WAY {
        let to = match step.to {
            "won" => "won/2026/acme-site.yaml".to_owned(),
            stage => format!("{stage}/acme-site.yaml"),
        };
        repo.move_by_hand(&from, &to);
        findings(true, step.to);
        // What an editor would write: the text that `set` would make of it, seen before the move.
        let text = with_fields(&repo, &to, step.sets);
        repo.write(&to, text);
        repo.commit("Fill in");
        findings(false, step.to);
        from = to;
    }
    let log = repo.ok(&["log", "acme-site", "--moves", "--format", "json"]);
    let events: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!(events["events"].as_array().unwrap().len(), WAY.len() + 1);
}

/// The deal's text with assignments made in it, by the library instead of an editor.
fn with_fields(repo: &TestRepo, path: &str, sets: &[&str]) -> String {
    let (pipeline, _) = tussock::format::pipeline_file::read(repo.read("pipeline.yaml").as_bytes()).ok().unwrap();
    let sets: Vec<_> = sets.iter().map(|s| tussock::action::assign::parse(s).unwrap()).collect();
    let today = tussock::format::date::parse_date(TODAY).unwrap();
    tussock::action::assign::apply(&repo.read(path), path, &sets, &pipeline, today).unwrap()
}

#[test]
fn a_russian_deal_is_refused_and_let_through_in_russian() {
    let repo = with_template("service-project", "ru");
    let made = ok(&repo, &["new", "Сайт для «Ромашки»", "--set", "owner=olga", "--set", "account=Ромашка"]);
    assert!(made.starts_with("sait-dlia-romashki: new in brief"), "{made}");
    let title = repo.read("pipeline.yaml");
    let first = title.lines().find_map(|l| l.trim().strip_prefix("text: ")).unwrap().to_owned();
    let ran = repo.tussock(&["move", "sait-dlia-romashki", "--next"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains(&format!("{first} (inputs-collected, asked by brief): missing inputs.goal")),
        "{}",
        ran.err
    );
    let mut args = vec!["move", "sait-dlia-romashki", "--next"];
    args.extend(WAY[0].sets.iter().flat_map(|s| ["--set", s]));
    ok(&repo, &args);
    let card = ok(&repo, &["show", "sait-dlia-romashki"]);
    assert!(card.starts_with("Сайт для «Ромашки»\n"), "{card}");
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "sait-dlia-romashki: brief → proposal\n");
    ok(&repo, &["validate"]);
}

#[test]
fn every_template_in_both_languages_begins_silent_and_takes_a_deal() {
    for template in ["service-project", "simple-sites", "six-stage", "fundraising", "hiring"] {
        for lang in ["en", "ru"] {
            let repo = with_template(template, lang);
            assert_eq!(repo.git(&["log", "--format=%an %s"]).matches("Set up the pipeline: ").count(), 1);
            let ran = repo.tussock(&["validate"]);
            assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{template} {lang}");
            ok(&repo, &["new", "First", "--set", "owner=olga", "--set", "account=ACME"]);
            let list = ok(&repo, &["list"]);
            assert!(list.contains("First"), "{template} {lang}: {list}");
            let validate = repo.tussock(&["validate", "--today", TODAY]);
            assert_eq!(validate.code, 0, "{template} {lang}: {}", validate.out);
            assert_eq!(repo.git(&["status", "--porcelain"]), "");
        }
    }
}
