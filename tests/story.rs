//! The story of one deal, on the real binary: whole texts, so that they are read.

mod kit;

use kit::TestRepo;
use serde_json::Value;

const TODAY: [&str; 2] = ["--today", "2026-03-10"];

fn story(repo: &TestRepo, args: &[&str]) -> String {
    repo.ok(&[&["log"], args, &TODAY].concat())
}

/// The lines of a story between its heading and the table of stages.
fn moments(repo: &TestRepo, deal: &str) -> Vec<String> {
    let told = story(repo, &[deal]);
    let lines = told.lines().skip(3).take_while(|line| !line.is_empty());
    lines.map(|line| line.trim_end().to_owned()).collect()
}

fn put(repo: &TestRepo, path: &str, text: &str) -> String {
    repo.write(&format!("sales/{path}"), text);
    repo.commit(path)
}

#[test]
fn a_deal_is_told_from_its_beginning_with_the_time_in_each_stage() {
    let repo = TestRepo::with_pipeline();
    let file = |more: &str| format!("title: ACME site\n{more}");
    put(
        &repo,
        "brief/acme.yaml",
        &file("owner: olga\namount: 18000\nnext_step: {what: Call Dagmar, due: 2026-01-09}\n"),
    );
    repo.wait_days(3);
    let goal = "inputs: {goal: a shop}\n";
    let first = "owner: olga\namount: 21500\nclose_date: 2026-02-20\n";
    repo.write(
        "sales/brief/acme.yaml",
        file(&format!("{first}{goal}next_step: {{what: Send the plan, due: 2026-01-12}}\n")),
    );
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.set_now(repo.now() + 5 * 3600);
    put(
        &repo,
        "proposal/acme.yaml",
        &file(&format!("{first}{goal}next_step: {{what: Send the plan, due: 2026-01-15}}\n")),
    );
    repo.wait_days(10);
    let second = "owner: petr\namount: 19800.50 USD\nclose_date: 2026-03-13\nproposal: {sent_on: 2026-01-18}\n";
    repo.write("sales/proposal/acme.yaml", file(&format!("{second}{goal}")));
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.wait_days(2);
    repo.move_by_hand("sales/contract/acme.yaml", "sales/proposal/acme.yaml");
    let told = story(&repo, &["acme"]);
    assert_eq!(
        told,
        "\
ACME site
acme · Proposal, 49 days so far · 19,800.50 USD · closing 2026-03-13 · petr

2026-01-05 09:01         Came in: Brief · Olga Sokolova
                         Amount: 18,000 EUR
                         Owner: olga
                         Next step: Call Dagmar, due 2026-01-09
2026-01-08 09:02   +3 d  On to Proposal, after 3 days in Brief · Olga Sokolova
                         Amount: 18,000 EUR → 21,500 EUR
                         Close date: 2026-02-20
                         Next step: Send the plan, due 2026-01-12
2026-01-08 14:03   +5 h  Next step: now due 2026-01-15 (was 2026-01-12) · Olga Sokolova
2026-01-18 14:04  +10 d  On to Contract, after 10 days in Proposal · Olga Sokolova
                         Amount: 21,500 EUR → 19,800.50 USD
                         Close date: 2026-02-20 → 2026-03-13, 21 days later
                         Owner: olga → petr
                         Next step: none any more
2026-01-20 14:05   +2 d  Back to Proposal, after 2 days in Contract · Olga Sokolova

Where the time went
  Brief      3 days
  Proposal  59 days  so far, in 2 visits
  Contract   2 days
  In all    64 days  since 2026-01-05

Looked at on 2026-03-10; times are those of UTC.
"
    );
    let then = repo.ok(&["log", "acme", "--as-of", "2026-01-10"]);
    assert_eq!(
        then,
        "\
ACME site
acme · Proposal, 2 days so far · 21,500 EUR · closing 2026-02-20 · olga

2026-01-05 09:01        Came in: Brief · Olga Sokolova
                        Amount: 18,000 EUR
                        Owner: olga
                        Next step: Call Dagmar, due 2026-01-09
2026-01-08 09:02  +3 d  On to Proposal, after 3 days in Brief · Olga Sokolova
                        Amount: 18,000 EUR → 21,500 EUR
                        Close date: 2026-02-20
                        Next step: Send the plan, due 2026-01-12
2026-01-08 14:03  +5 h  Next step: now due 2026-01-15 (was 2026-01-12) · Olga Sokolova

Where the time went
  Brief     3 days
  Proposal  2 days  so far
  In all    5 days  since 2026-01-05

Looked at on 2026-01-10; times are those of UTC.
"
    );
    let moves = story(&repo, &["acme", "--moves"]);
    assert!(!moves.contains("Amount") && moves.contains("Back to Proposal"), "{moves}");
}

#[test]
fn skips_ends_reopenings_gaps_and_new_names_are_told() {
    let repo = TestRepo::with_pipeline();
    put(&repo, "brief/acme.yaml", "title: ACME\n");
    repo.wait_days(2);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    repo.wait_days(1);
    put(&repo, "contract/acme.yaml", "title: ACME\nlost: {reason: price}\n");
    repo.move_by_hand("sales/contract/acme.yaml", "sales/lost/acme.yaml");
    let lost = story(&repo, &["acme"]);
    assert!(lost.contains("\nacme · lost (price) since 2026-01-08\n"), "{lost}");
    assert!(lost.contains("  In all    3 days  from 2026-01-05 to 2026-01-08\n"), "{lost}");
    repo.wait_days(30);
    repo.move_by_hand("sales/lost/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(4);
    repo.git(&["rm", "-q", "sales/proposal/acme.yaml"]);
    repo.commit("gone");
    assert!(story(&repo, &["acme"]).contains("\nacme · removed on 2026-02-11\n"));
    repo.wait_days(6);
    put(&repo, "proposal/acme.yaml", "title: ACME\n");
    repo.wait_days(1);
    repo.write("sales/proposal/beta.yaml", "was: acme\ntitle: ACME\n");
    repo.git(&["rm", "-q", "sales/proposal/acme.yaml"]);
    repo.commit("beta");
    repo.move_by_hand("sales/proposal/beta.yaml", "sales/elsewhere/beta.yaml");
    repo.move_by_hand("sales/elsewhere/beta.yaml", "sales/won/beta.yaml");
    assert_eq!(
        moments(&repo, "beta"),
        [
            "2026-01-05 09:01          Came in: Brief · Olga Sokolova",
            "2026-01-07 09:02    +2 d  On to Contract, over Proposal, after 2 days in Brief · Olga Sokolova",
            "2026-01-08 09:04    +1 d  Lost, after 1 day in Contract · Olga Sokolova",
            "2026-02-07 09:05   +30 d  Reopened: Proposal, after 30 days in lost · Olga Sokolova",
            "2026-02-11 09:06    +4 d  Its file was removed, after 4 days in Proposal · Olga Sokolova",
            "2026-02-17 09:07    +6 d  Came back: Proposal, after it was gone for 6 days · Olga Sokolova",
            "2026-02-18 09:08    +1 d  Was called acme until then · Olga Sokolova",
            "2026-02-18 09:09  +1 min  To elsewhere, a folder that is no stage, after 1 day in Proposal",
            "                          · Olga Sokolova",
            "2026-02-18 09:10  +1 min  Won, after less than an hour in elsewhere · Olga Sokolova",
        ],
        "{}",
        story(&repo, &["beta"])
    );
    // The gap counts nowhere: 2 + 1 + 30 + 4 + 1 days, and no six between.
    let told = story(&repo, &["beta"]);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(" Proposal 5 days in 2 visits "), "{told}");
    let gone = repo.tussock(&["log", "acme"]);
    assert_eq!((gone.code, &*gone.err), (2, "error: there is no deal `acme`, did you mean `beta`?\n"));
}

#[test]
fn a_revert_says_that_the_deal_went_back_by_it() {
    let repo = TestRepo::with_pipeline();
    put(&repo, "brief/acme.yaml", "title: ACME\n");
    repo.wait_days(2);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(1);
    repo.git(&["revert", "--no-edit", "HEAD"]);
    let told = moments(&repo, "acme");
    assert_eq!(told[2], "2026-01-08 09:03  +1 d  Back to Brief, after 1 day in Proposal, by a revert · Olga Sokolova");
}

#[test]
fn what_counts_in_no_length_of_time_and_what_was_corrected_is_marked() {
    let repo = TestRepo::with_pipeline();
    for n in 0..12 {
        repo.write(&format!("sales/brief/d{n:02}.yaml"), format!("title: Deal {n}\n"));
    }
    repo.commit("import");
    repo.wait_days(3);
    let tidy = repo.move_by_hand("sales/brief/d00.yaml", "sales/proposal/d00.yaml");
    repo.write(".tussock-ignore-revs", format!("{tidy}\n"));
    repo.commit("list it");
    repo.wait_days(3);
    std::fs::create_dir_all(repo.path().join("sales/contract")).unwrap();
    repo.git(&["mv", "sales/proposal/d00.yaml", "sales/contract/d00.yaml"]);
    // The author's clock was not set.
    repo.git(&["commit", "-q", "-m", "move", "--date", "@50 +0000"]);
    let told = story(&repo, &["d00"]);
    assert_eq!(
        told,
        "\
Deal 0
d00 · Contract, 58 days so far

2026-01-05 09:01        Came in with an import, so its beginning is earlier: Brief · Olga Sokolova
2026-01-08 09:02  +3 d  Brief → Proposal (not counted)
2026-01-11 09:04  +3 d  On to Contract, after at least 3 days in Proposal (time corrected)
                        · Olga Sokolova

Where the time went
  Brief      at least 3 days
  Proposal   at least 3 days
  Contract           58 days  so far
  In all    at least 64 days  since 2026-01-05

Time corrected: the clock of that commit disagreed with those around it.
Not counted: .tussock-ignore-revs lists the commit, so what it moved is moved, but no time is taken
from it.
Looked at on 2026-03-10; times are those of UTC.
"
    );
}

#[test]
fn a_merged_branch_is_told_at_its_own_time_and_when_it_came_here() {
    let repo = TestRepo::with_pipeline();
    put(&repo, "brief/acme.yaml", "title: ACME\namount: 100\n");
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.wait_days(2);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(5);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    let told = moments(&repo, "acme");
    let moved = "2026-01-07 09:02  +2 d  On to Proposal, after 2 days in Brief (known here since 2026-01-12)";
    assert_eq!(told[2], moved);
    let before = repo.ok(&["log", "acme", "--as-of", "2026-01-10"]);
    assert!(before.contains("acme · Brief, 5 days so far") && !before.contains("Proposal"), "{before}");
}

#[test]
fn times_are_those_of_the_pipeline_and_fit_the_terminal() {
    let repo = TestRepo::new();
    let pipeline = kit::SMALL_PIPELINE.replace("currency: EUR", "currency: EUR\ntimezone: Asia/Tokyo");
    repo.write("sales/pipeline.yaml", pipeline);
    let long = "Estimate with Petr and the three others, then send 日本語の長いテキスト to everybody who asked for it";
    put(&repo, "brief/acme.yaml", &format!("title: \"{long}\"\nnext_step: {{what: \"{long}\"}}\n"));
    let told = story(&repo, &["acme"]);
    assert!(told.contains("\n2026-01-05 18:00  "), "{told}");
    for columns in ["30", "40", "63", "64", "90", "200"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tussock"));
        repo.hermetic(command.args(["log", "acme"]));
        let out = command.env("COLUMNS", columns).output().unwrap().stdout;
        let text = String::from_utf8(out).unwrap();
        let most = text.lines().map(tussock::output::terminal::width).max().unwrap();
        assert!(most <= columns.parse().unwrap(), "{columns}: {text}");
        assert!(text.replace(['\n', ' '], "").contains(&long.replace(' ', "")), "{columns}: {text}");
    }
}

#[test]
fn what_a_repository_says_does_nothing_to_a_terminal() {
    let repo = TestRepo::with_pipeline();
    let evil = "\"\\e[31mred\\u202Etxt\\a\"";
    put(
        &repo,
        "brief/acme.yaml",
        &format!("title: {evil}\nowner: {evil}\namount: {evil}\nnext_step: {{what: {evil}}}\n"),
    );
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.git(&["commit", "-q", "-m", "x", "--author", "\u{1b}[2JEve\u{202e} <e@example.com>"]);
    for color in ["never", "always"] {
        let told = story(&repo, &["acme", "--color", color]);
        let hostile =
            |c: char| (c.is_control() && c != '\n' && c != '\u{1b}') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!told.contains(hostile), "{told:?}");
        assert!(!told.contains("\u{1b}[31mred") && !told.contains("\u{1b}[2J"), "{told:?}");
        assert_eq!(told.contains('\u{1b}'), color == "always", "{told:?}");
        assert!(told.contains("\\x1b[31mredU+202Etxt\\x07"), "{told}");
    }
}

#[test]
fn scripts_get_events_and_spells_and_the_csv_stays_as_it_was() {
    let repo = TestRepo::with_pipeline();
    put(&repo, "brief/acme.yaml", "title: ACME\n");
    put(&repo, "brief/other.yaml", "title: Other\n");
    repo.wait_days(2);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let all: Value = serde_json::from_str(&repo.ok(&["log", "--format", "json"])).unwrap();
    assert_eq!((all["events"].as_array().unwrap().len(), &all["spells"]), (3, &Value::Null));
    assert_eq!(all["incomplete"], false);
    let one: Value = serde_json::from_str(&story(&repo, &["acme", "--format", "json"])).unwrap();
    assert_eq!(one["events"].as_array().unwrap().len(), 2);
    assert_eq!(one["as_of"], "2026-03-10T23:59:59Z");
    let spell = |stage: &str, entered: &str, left: Value, days: u64, to: Value| {
        serde_json::json!({
            "stage": stage, "entered": entered, "left": left, "days": days, "to": to, "at_least": false,
        })
    };
    let (came, went) = ("2026-01-05T09:01:00Z", "2026-01-07T09:03:00Z");
    let spells = [
        spell("brief", came, went.into(), 2, "proposal".into()),
        spell("proposal", went, Value::Null, 62, Value::Null),
    ];
    assert_eq!(one["spells"], Value::from(spells.to_vec()));
    let csv = repo.ok(&["log", "acme", "--format", "csv"]);
    assert!(
        csv.starts_with("deal,event,field,from,to,at,known_at,author,commit\r\nacme,created,,,brief,2026-01-05T"),
        "{csv}"
    );
    assert!(repo.ok(&["log", "acme", "--format", "table"]).contains("brief → proposal"));
    let none = repo.tussock(&["log", "--format", "story"]);
    assert_eq!((none.code, &*none.err), (2, "error: a story is of one deal: tussock log DEAL\n"));
}
