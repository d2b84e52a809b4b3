//! The reports on time and health, and the funnel in other ways, by the command.

mod kit;

use kit::TestRepo;
use serde_json::Value;

const CALENDAR: &str = "calendar: {days: [mon, tue, wed, thu, fri], hours: \"09:00-18:00\"}\n";

/// Ten deals that come in on a Monday; five go on after four days, three of these after four more, one of these is won.
fn hunting() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", format!("{CALENDAR}{}", kit::SMALL_PIPELINE).replace("limit: 14d", "sla: 24h"));
    for i in 0..10 {
        repo.write(&format!("sales/brief/d{i}.yaml"), format!("title: Deal {i}\namount: {}\n", 100 + i));
        // Many at once would be an import, of which nobody knows the beginning.
        repo.commit("A deal");
    }
    for (from, to, count) in [("brief", "proposal", 5), ("proposal", "contract", 3), ("contract", "won/2026", 1)] {
        repo.wait_days(4);
        for i in 0..count {
            repo.move_by_hand(&format!("sales/{from}/d{i}.yaml"), &format!("sales/{to}/d{i}.yaml"));
        }
    }
    repo
}

fn json(repo: &TestRepo, args: &[&str]) -> Value {
    serde_json::from_str(&repo.ok(&[&["report"], args, &["--format", "json"]].concat())).unwrap()
}

#[test]
fn the_funnel_counts_in_the_way_that_is_asked_for() {
    let repo = hunting();
    for way in ["cohort", "any-stage", "all-stages", "imputed"] {
        let report =
            json(&repo, &["funnel", "--conversion", way, "--pair", "brief..contract", "--pair", "proposal..won"]);
        let conversion = &report["conversion"];
        assert_eq!(conversion["variant"], way.replace('-', "_"));
        let reached: Vec<u64> = conversion["stages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage["to_next"]["reached"].as_u64().unwrap())
            .collect();
        assert_eq!((reached, &conversion["overall"]["reached"]), (vec![5, 3, 1], &Value::from(1)), "{way}");
        let pair = |n: usize| (report["pairs"][n]["entered"].as_u64(), report["pairs"][n]["reached"].as_u64());
        assert_eq!((pair(0), pair(1)), ((Some(10), Some(3)), (Some(5), Some(1))));
    }
    let within = json(&repo, &["funnel", "--pair", "brief..contract", "--within", "5"]);
    assert_eq!(within["pairs"][0]["reached"], 0);
    let text = repo.ok(&["report", "funnel", "--conversion", "imputed", "--pair", "brief..won", "--period", "month"]);
    assert!(text.contains("## Win rates") && text.contains("## Against the days before"), "{text}");
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_can() {
    let repo = hunting();
    let refused = |args: &[&str]| {
        let ran = repo.tussock(&[&["report"], args].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        ran.err
    };
    let said = refused(&["funnel", "--pair", "brief..nowhere"]);
    assert!(
        said.contains("nowhere in --pair brief..nowhere is no stage and no end") && said.contains("contract"),
        "{said}"
    );
    assert!(refused(&["funnel", "--pair", "won..brief"]).contains("won in --pair won..brief is no stage"));
    assert!(refused(&["funnel", "--pair", "brief"]).contains("write it as --pair brief..proposal"));
    assert!(refused(&["pipeline", "--within", "5"]).contains("belong to the funnel"));
    assert!(refused(&["funnel", "--business-hours"]).contains("belongs to the time report"));
    assert!(refused(&["funnel", "--within", "0"]).contains("--within"));
    let plain = TestRepo::with_pipeline();
    let ran = plain.tussock(&["report", "time", "--business-hours"]);
    assert!(ran.code == 2 && ran.err.contains("has no calendar"), "{}", ran.err);
}

#[test]
fn working_hours_leave_out_nights_and_weekends() {
    let repo = hunting();
    let seconds = |args: &[&str]| {
        let report = json(&repo, args);
        let time = &report["time"];
        (time["day_seconds"].as_i64().unwrap(), time["stages"][0]["visits"]["ended"].as_u64().unwrap())
    };
    assert_eq!(seconds(&["time"]), (86_400, 5));
    assert_eq!(seconds(&["time", "--business-hours"]), (9 * 3600, 5));
    let report = json(&repo, &["time"]);
    let sla = &report["time"]["sla"][0];
    // Nobody answered within a day: five went on after four, five are still there.
    assert_eq!((&sla["kept"], &sla["missed"], &sla["waiting"]), (&Value::from(0), &Value::from(10), &Value::from(5)));
    let text = repo.ok(&["report", "time", "--business-hours"]);
    assert!(text.contains("a day is a working day of 9.0 hours"), "{text}");
}

#[test]
fn health_names_the_deals_and_csv_has_every_table() {
    let repo = hunting();
    let text = repo.ok(&["report", "health"]);
    assert!(text.contains("**No sign of trouble that is more than chance.**"), "{text}");
    assert!(text.contains("## Without a next step"), "{text}");
    for table in ["markers", "no-next-step", "leakage"] {
        let csv = repo.ok(&["report", "health", "--format", "csv", "--table", table]);
        assert!(csv.lines().count() > 1, "{table}: {csv}");
    }
    let outside = json(&repo, &["health", "--profile", "investor"]);
    assert_eq!(outside["health"]["no_next_step"].as_array().map(Vec::len), Some(0));
    assert_eq!(outside["health"]["no_next_step_count"], 9);
}
