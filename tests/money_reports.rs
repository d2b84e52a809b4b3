//! The reports on money and work on the real binary: what they read of the past, of filters and of broken files.

mod kit;

use kit::TestRepo;
use serde_json::Value;

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    let args = [&["report"], args, &["--format", "json"]].concat();
    serde_json::from_str(&repo.ok(&args)).unwrap()
}

/// The steps that happened, as `kind deals amount`, between start and end.
fn steps(report: &Value) -> Vec<String> {
    let whole = &report["whole"];
    assert_eq!(whole["balanced"], true);
    let level = |name: &str| {
        let level = &whole[name];
        format!("{name} {} {}", level["deals"], level["amount"]["amount"].as_str().unwrap())
    };
    let mut told = vec![level("start")];
    for step in whole["steps"].as_array().unwrap().iter().filter(|step| step["deals"] != 0) {
        let other = step["other"].as_array().unwrap().iter();
        let other: String = other.map(|t| format!(" {} USD", t["amount"].as_str().unwrap())).collect();
        let kind = step["kind"].as_str().unwrap();
        told.push(format!("{kind} {} {}{other}", step["deals"], step["amount"]["amount"].as_str().unwrap()));
    }
    told.push(level("end"));
    told
}

fn deal(title: &str, owner: &str, amount: &str) -> String {
    format!("title: {title}\nowner: {owner}\namount: {amount}\ninputs: {{goal: a shop}}\n")
}

/// Four deals on 5 January; a week later one is renamed and dearer, one won, one given to another owner, one cannot be
/// read, and a new one is there. On 1 February the first is lost.
fn changing() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for (id, owner, amount) in
        [("alpha", "olga", "100"), ("beta", "olga", "20.50"), ("gamma", "olga", "7"), ("delta", "olga", "3")]
    {
        repo.write(&format!("sales/brief/{id}.yaml"), deal(id, owner, amount));
    }
    repo.commit("Four deals");
    repo.wait_days(7);
    repo.git(&["mv", "sales/brief/alpha.yaml", "sales/brief/alpha-shop.yaml"]);
    repo.write("sales/brief/alpha-shop.yaml", deal("alpha", "olga", "150") + "was: [alpha]\n");
    repo.git(&["mv", "sales/brief/beta.yaml", "sales/won/beta.yaml"]);
    repo.write("sales/brief/gamma.yaml", deal("gamma", "petr", "7"));
    repo.write("sales/brief/delta.yaml", "title: [\n");
    repo.write("sales/brief/epsilon.yaml", deal("epsilon", "petr", "9 USD"));
    repo.commit("A week");
    repo.wait_days(20);
    repo.git(&["mv", "sales/brief/alpha-shop.yaml", "sales/lost/alpha-shop.yaml"]);
    let lost = "lost: {reason: price, note: Too dear}\neffort: [{on: 2026-01-20, who: petr, hours: 2.5}]\n";
    repo.write("sales/lost/alpha-shop.yaml", deal("alpha", "olga", "150") + "was: [alpha]\n" + lost);
    repo.commit("Lost");
    repo
}

fn findings(repo: &TestRepo, args: &[&str]) -> Value {
    let args = [&["report"], args, &["--format", "json"]].concat();
    let ran = repo.tussock(&args);
    // A file cannot be read, which is said and counted.
    assert_eq!(ran.code, 1, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn a_waterfall_compares_the_state_of_two_days() {
    let repo = changing();
    let told = steps(&findings(&repo, &["waterfall", "--from", "2026-01-06", "--to", "2026-01-31"]));
    assert_eq!(told, ["start 4 130.50", "new 1 0 9 USD", "increased 1 50", "won 1 -20.50", "unread 1 -3", "end 3 157"]);
    // Without days it is about this quarter, which began before the first deal.
    let told = steps(&findings(&repo, &["waterfall"]));
    assert_eq!(told[0], "start 0 0");
    assert_eq!(told.last().unwrap(), "end 2 7");
}

#[test]
fn what_a_filter_lets_in_and_out_is_told_apart_from_what_came_and_went() {
    let repo = changing();
    let days = ["waterfall", "--from", "2026-01-06", "--to", "2026-01-31"];
    let of = |owner: &str| {
        let filter = format!("owner == \"{owner}\"");
        steps(&findings(&repo, &[&days[..], &["--where", &filter]].concat()))
    };
    assert_eq!(
        of("olga"),
        ["start 4 130.50", "increased 1 50", "won 1 -20.50", "filter_out 1 -7", "unread 1 -3", "end 1 150"]
    );
    assert_eq!(of("petr"), ["start 0 0", "new 1 0 9 USD", "filter_in 1 7", "end 2 7"]);
    // A split by a field tells the same of each value.
    let report = findings(&repo, &[&days[..], &["--by", "owner"]].concat());
    let groups = report["by"][0]["groups"].as_array().unwrap();
    let petr = groups.iter().find(|group| group["value"] == "petr").unwrap();
    assert_eq!(steps(petr), of("petr"));
}

#[test]
fn losses_and_effort_tell_the_reason_and_the_hours() {
    let repo = changing();
    let report = findings(&repo, &["losses"]);
    let row = &report["lost"]["deals"][0];
    assert_eq!((&row["reason"], &row["note"], &row["hours"]), (&"price".into(), &"Too dear".into(), &2.5.into()));
    assert_eq!((&row["from"], &row["ended_on"]), (&"brief".into(), &"2026-02-01".into()));
    let none = findings(&repo, &["losses", "--from", "2026-01-01", "--to", "2026-01-31"]);
    assert_eq!(none["lost"]["total"]["deals"], 0);
    let effort = findings(&repo, &["effort"]);
    assert_eq!(effort["effort"]["stages"][0]["stage"], "brief");
    assert_eq!(effort["effort"]["hours"], 2.5);
}

#[test]
fn cash_and_agenda_are_of_the_day_they_are_asked_for() {
    let repo = TestRepo::with_pipeline();
    repo.write(
        "sales/contract/a.yaml",
        deal("A", "olga", "100")
            + "next_step: {what: Call, due: 2026-01-08, who: petr}\npayments:\n  - {what: first, amount: 40, due: 2026-01-10}\n",
    );
    repo.commit("One deal");
    let overdue =
        |day: &str| json(&repo, &["cash", "--today", day])["cash"]["currencies"][0]["overdue"]["amount"].clone();
    assert_eq!([overdue("2026-01-10"), overdue("2026-01-11")], ["0", "40"]);
    let when = |args: &[&str]| json(&repo, args)["agenda"]["tasks"][0]["when"].clone();
    assert_eq!(when(&["agenda", "--today", "2026-01-08"]), "today");
    assert_eq!(when(&["agenda", "--today", "2026-01-09", "--owner", "petr"]), "overdue");
    assert_eq!(when(&["agenda", "--owner", "anna"]), Value::Null);
    assert_eq!(repo.tussock(&["report", "cash", "--owner", "petr"]).code, 2);
    assert_eq!(repo.tussock(&["report", "agenda", "--profile", "investor"]).code, 2);
}

#[test]
fn a_target_is_covered_or_not() {
    let repo = changing();
    let pipeline = repo.read("sales/pipeline.yaml").replace("stages:", "targets: {2026-01: 170.50}\nstages:");
    repo.write("sales/pipeline.yaml", pipeline);
    repo.commit("A target");
    let report = findings(&repo, &["waterfall", "--period", "month", "--from", "2026-01-01"]);
    // The target was not known in January; what was known then is what counts.
    assert_eq!(report["coverage"]["target"], Value::Null);
    let report = findings(&repo, &["waterfall", "--from", "2026-01-01", "--to", "2026-03-31"]);
    assert_eq!(report["coverage"]["target"], Value::Null);
    assert_eq!(report["coverage"]["booked"]["amount"]["amount"], "20.50");
}
