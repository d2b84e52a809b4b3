//! The pipelines that people describe can be written as a pipeline file, and what they ask of one comes true.

mod kit;

use kit::TestRepo;
use serde_json::Value;
use tussock::format::pipeline::{CriterionTest, EndKind, Pipeline, Status};
use tussock::format::pipeline_file;

/// A pipeline file of stages given as `id` or `id: probability`, with the three usual ends.
fn file(title: &str, stages: &[(&str, Option<&str>)], more: &str) -> String {
    let stages: String = stages
        .iter()
        .map(|(id, chance)| {
            let chance = chance.map_or_else(String::new, |c| format!(", probability: {c}"));
            format!("  - {{id: {id}{chance}}}\n")
        })
        .collect();
    format!(
        "version: 1\ntitle: {title}\ncurrency: EUR\nstages:\n{stages}ends:\n  - {{id: won, kind: won}}\n  - {{id: lost, kind: \
         lost}}\n  - {{id: recycled, kind: recycled}}\n{more}"
    )
}

fn plain<'s>(stages: &[&'s str]) -> Vec<(&'s str, Option<&'s str>)> {
    stages.iter().map(|s| (*s, None)).collect()
}

#[track_caller]
fn read(text: &str) -> Pipeline {
    match pipeline_file::read(text.as_bytes()) {
        Ok((pipeline, problems)) => {
            assert!(problems.is_empty(), "{problems:#?}");
            pipeline
        }
        Err(problems) => panic!("{problems:#?}\n{text}"),
    }
}

fn ids(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.stages.iter().map(|s| s.id.as_str()).collect()
}

fn template(name: &str) -> String {
    std::fs::read_to_string(format!("{}/templates/pipelines/{name}.en.yaml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A repository with this pipeline at its root.
fn repository(pipeline: &str) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("pipeline.yaml", pipeline);
    for place in read(pipeline).places() {
        repo.write(&format!("{}/.gitkeep", place.id()), "");
    }
    repo.commit("Set up the pipeline");
    repo
}

fn funnel(repo: &TestRepo) -> Value {
    let report: Value = serde_json::from_str(&repo.ok(&["report", "funnel", "--format", "json"])).unwrap();
    report["funnel"].clone()
}

/// How many came, how many got there, and the share as the report has it.
fn share(step: &Value) -> (u64, u64, f64) {
    assert_eq!(step["raw"]["state"], "known", "{step}");
    (step["entered"].as_u64().unwrap(), step["reached"].as_u64().unwrap(), step["raw"]["value"].as_f64().unwrap())
}

#[test]
fn wrote_to_ten_spoke_to_five_offered_to_three_signed_one() {
    let repo =
        repository(&file("Outreach", &plain(&["wrote", "spoke", "offered"]), "rules: {missing-next-step: off}\n"));
    for n in 0..10 {
        repo.write(&format!("wrote/p{n}.yaml"), format!("title: Person {n}\n"));
    }
    repo.commit("Wrote to ten");
    for (to, count) in [("spoke", 5), ("offered", 3), ("won", 1)] {
        repo.wait_days(3);
        let mut args = vec!["move".to_owned()];
        args.extend((0..count).map(|n| format!("p{n}")));
        args.push(to.to_owned());
        repo.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // While the others may still answer, the counts are there and a share is not claimed.
    let early = funnel(&repo);
    let step = &early["stages"][1]["to_next"];
    assert_eq!(
        (&step["entered"], &step["reached"], &step["raw"]["state"]),
        (&5.into(), &3.into(), &"too_early".into())
    );
    repo.wait_days(30);
    let mut args = vec!["lose".to_owned()];
    args.extend((1..10).map(|n| format!("p{n}")));
    repo.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());

    let funnel = funnel(&repo);
    let stages = funnel["stages"].as_array().unwrap();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    for (stage, entered, reached, of) in [(0, 10, 5, 0.5), (1, 5, 3, 0.6)] {
        let (came, went, value) = share(&stages[stage]["to_next"]);
        assert_eq!((came, went), (entered, reached));
        near(value, of);
    }
    // Three are too few for a share by the floor; the counts that make 33 % are there.
    let last = &stages[2]["to_won"];
    assert_eq!((&last["entered"], &last["reached"]), (&Value::from(3), &Value::from(1)), "{last}");
    let (came, won, value) = share(&funnel["overall"]);
    assert_eq!((came, won), (10, 1));
    near(value, 0.1);
    assert!(repo.ok(&["report", "funnel"]).contains("50 %"));
}

#[test]
fn aida_and_aidas_are_pipelines() {
    let aida = ["attention", "interest", "desire", "action"];
    assert_eq!(ids(&read(&file("AIDA", &plain(&aida), ""))), aida);
    // Satisfaction comes after the deal counts as won.
    let aidas = ["attention", "interest", "desire", "action", "satisfaction"];
    let pipeline = read(&file("AIDAS", &plain(&aidas), "won_at: satisfaction\n"));
    let status = |id: &str| pipeline.status(pipeline.place(id).unwrap().id());
    assert_eq!((status("action"), status("satisfaction"), status("won")), (Status::Open, Status::Won, Status::Won));
}

#[test]
fn lead_generation_runs_from_outreach_to_the_deal() {
    let pipeline = file("Leads", &plain(&["outreach", "meeting", "demo", "deal"]), "won_at: deal\n");
    let repo = repository(&pipeline);
    repo.ok(&["new", "First lead"]);
    for to in ["meeting", "demo"] {
        repo.ok(&["move", "first-lead", to]);
    }
    repo.ok(&["win", "first-lead"]);
    assert!(repo.has("deal/first-lead.yaml"));
    let funnel = funnel(&repo);
    assert_eq!(funnel["standing"]["won"], 1, "{funnel:#}");
}

#[test]
fn cold_sales_put_warming_up_in_front_of_the_service_project() {
    for warming in [&["found", "touched", "warm"][..], &["found", "touched", "answered", "warm"]] {
        let front: String =
            warming.iter().map(|id| format!("  - id: {id}\n    title: Warming up, {id}\n    limit: 30d\n")).collect();
        let text = template("service-project").replacen("stages:\n", &format!("stages:\n{front}"), 1);
        let pipeline = read(&text);
        assert_eq!(pipeline.stages.len(), 10 + warming.len());
        assert_eq!(ids(&pipeline)[..warming.len()], *warming);
        assert_eq!(pipeline.won_at.as_ref().unwrap(), &"kickoff");
        // The gates of the stages behind are as they were.
        let repo = repository(&text);
        repo.ok(&["new", "Cold call", "--set", "owner=olga", "--set", "account=Globex"]);
        repo.ok(&["move", "cold-call", "brief"]);
        assert_eq!(repo.tussock(&["move", "cold-call", "proposal"]).code, 1);
    }
}

#[test]
fn tenders_are_a_pipeline_with_dates_that_bind() {
    let more = "\
fields:
  tender:
    number: text
    published_on: date
    due: date
    submitted_on: date
    bond: money
    result: {enum: [first, second, refused]}
";
    let stages = "\
version: 1
title: Tenders
currency: RUB
stages:
  - {id: found, exit: [{id: known, require: [tender.number, tender.due]}]}
  - {id: go-or-not, exit: [{id: in-time, check: days_until(tender.due) > 3}]}
  - {id: bid, exit: [{id: submitted, check: tender.submitted_on <= tender.due}]}
  - {id: opened, exit: [{id: first, check: 'tender.result == \"first\"'}]}
  - {id: contract, optional: true}
ends:
  - {id: won, kind: won}
  - {id: lost, kind: lost}
  - {id: no-bid, kind: recycled}
";
    let repo = repository(&format!("{stages}{more}"));
    repo.ok(&["new", "Bridge", "--set", "tender.number=N1", "--set", "tender.due=2026-02-01"]);
    let go = |args: &[&str]| repo.tussock(&[args, &["--today", "2026-01-10"]].concat());
    assert_eq!(go(&["move", "bridge", "bid"]).code, 0);
    let late = go(&["move", "bridge", "opened", "--set", "tender.submitted_on=2026-02-02"]);
    assert_eq!(late.code, 1);
    assert!(late.err.contains("not satisfied, `tender.submitted_on <= tender.due` is not true"), "{}", late.err);
    assert_eq!(go(&["move", "bridge", "opened", "--set", "tender.submitted_on=2026-01-30"]).code, 0);
    let missing = go(&["win", "bridge"]);
    assert!(missing.code == 1 && missing.err.contains("missing tender.result"), "{}", missing.err);
    assert_eq!(go(&["win", "bridge", "--set", "tender.result=first"]).code, 0);
}

#[test]
fn a_ladder_may_climb_from_one_percent_to_a_hundred() {
    let ladder =
        [("top", "1%"), ("talk", "10%"), ("need", "25%"), ("offer", "50%"), ("yes", "90%"), ("signed", "100%")];
    let stages: Vec<_> = ladder.iter().map(|(id, chance)| (*id, Some(*chance))).collect();
    let pipeline = read(&file("Ladder", &stages, "won_at: signed\n"));
    let chances: Vec<f64> = pipeline.stages.iter().filter_map(|s| s.probability).collect();
    assert_eq!(chances, [0.01, 0.1, 0.25, 0.5, 0.9, 1.0]);
    let repo = repository(&file("Ladder", &stages, "won_at: signed\nrules: {missing-next-step: off}\n"));
    repo.ok(&["new", "Step", "--stage", "top", "--set", "amount=1000"]);
    let weighted = repo.ok(&["list", "--where", "deal.weighted == money(\"10 EUR\")", "--columns", "id"]);
    assert!(weighted.contains("step"), "{weighted}");
    assert_eq!(repo.tussock(&["report"]).code, 0);
}

#[test]
fn words_change_and_the_tool_does_not() {
    for (name, deal) in [("fundraising", "investor"), ("hiring", "candidate")] {
        let pipeline = read(&template(name));
        assert_eq!(pipeline.labels.get("deal").map(String::as_str), Some(deal), "{name}");
        assert!(pipeline.ends.iter().any(|e| e.kind == EndKind::Won), "{name}");
    }
}

/// The three lines of a criterion, cut out of one stage and put into another.
fn one_stage_earlier(text: &str, criterion: &str, before: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| l.trim() == format!("- id: {criterion}")).unwrap();
    let (moved, mut rest) = (lines[at..at + 3].to_vec(), [&lines[..at], &lines[at + 3..]].concat());
    let to = rest.iter().position(|l| l.trim() == format!("- id: {before}")).unwrap();
    rest.splice(to..to, moved);
    rest.join("\n") + "\n"
}

#[test]
fn asking_for_something_one_stage_earlier_names_the_deals_that_lack_it() {
    let text = template("service-project");
    let repo = repository(&text);
    let sent = "owner: olga\naccount: A\namount: 5000\nclose_date: 2027-01-01\nsource: referral\ninputs: {goal: x, budget: y, deadline: 2027-01-01, \
                agreed_on: 2026-01-02}\nproposal: {sent_on: 2026-01-05, received_by: Ann, link: 'https://a.example'}\n\
                next_step: {what: Call, due: 2027-01-01}\n";
    repo.write("discussion/knows.yaml", format!("title: Knows\n{sent}decision: {{maker: Ann, evidence: she signs}}\n"));
    repo.write("discussion/guesses.yaml", format!("title: Guesses\n{sent}"));
    repo.commit("Two deals");
    let before = repo.tussock(&["validate"]);
    assert_eq!(before.code, 0, "{}{}", before.out, before.err);

    repo.write("pipeline.yaml", one_stage_earlier(&text, "decider-known", "proposal-received"));
    let after = repo.tussock(&["validate", "--format", "json"]);
    assert_eq!(after.code, 1);
    let report: Value = serde_json::from_str(&after.out).unwrap();
    let errors: Vec<&Value> = report["findings"].as_array().unwrap().iter().filter(|f| f["level"] == "error").collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!((&errors[0]["rule"], &errors[0]["deal"]), (&Value::from("exit-criterion"), &Value::from("guesses")));
    let words = errors[0]["message"].as_str().unwrap();
    assert!(words.contains("missing: decision.maker, decision.evidence"), "{words}");
}

#[test]
fn the_rule_about_labour_can_be_switched_off() {
    let text = template("service-project");
    let off = text.replacen("        level: warning\n", "        level: off\n", 1);
    assert_ne!(text, off);
    let deal = "title: Penny\nowner: olga\namount: 100\neffort:\n  - {on: 2026-01-05, who: petr, hours: 30}\n";
    let warned = |pipeline: &str| {
        let repo = repository(pipeline);
        repo.write("decision/penny.yaml", deal);
        repo.commit("A penny contract");
        repo.tussock(&["validate", "--format", "json"]).out.contains("stays under 5 %")
    };
    assert!(warned(&text));
    assert!(!warned(&off));
    let pipeline = read(&off);
    let criteria = || pipeline.stages.iter().flat_map(|s| &s.exit);
    assert!(criteria().any(|c| c.id == *"presale-in-proportion" && matches!(c.test, CriterionTest::Check(_))));
}
