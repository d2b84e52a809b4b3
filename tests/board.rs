//! `tussock board` on the real binary: what stands where, at every width, and what hostile texts do to it.

mod kit;

use std::process::Command;

use kit::TestRepo;
use serde_json::Value;
use tussock::output::terminal::width;

/// Four deals; `b` has stood in `brief` for 40 days, `c` came in by an edit that is not committed.
fn deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    let deal = |title: &str, owner: &str, amount: &str, more: &str| {
        format!("title: {title}\nowner: {owner}\namount: {amount}\n{more}")
    };
    repo.write("sales/brief/b.yaml", deal("Beta", "petr", "500.50", "close_date: 2026-01-20\n"));
    repo.commit("b");
    repo.wait_days(30);
    repo.write(
        "sales/brief/a.yaml",
        deal("Alpha", "Olga Sokolova", "1000", "next_step: {what: call, due: 2026-02-01}\n"),
    );
    repo.write("sales/proposal/d.yaml", deal("Delta", "petr", "70 USD", ""));
    repo.write("sales/lost/z.yaml", deal("Zeta", "petr", "9", "lost: {reason: price}\n"));
    repo.commit("a, d, z");
    repo.write("sales/contract/c.yaml", deal("Gamma", "petr", "200000", ""));
    repo
}

fn board(repo: &TestRepo, columns: usize, args: &[&str]) -> kit::Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tussock"));
    command.args(["board", "--today", "2026-02-14"]).args(args);
    repo.hermetic(&mut command).env("COLUMNS", columns.to_string());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    kit::Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn stages_stand_side_by_side_with_the_longest_in_them_on_top() {
    let ran = board(&deals(), 80, &[]);
    let expected = "\
Small · 2026-02-14 · 4 open deals · 201,500.50 EUR · weighted 160,150 EUR
and 70 USD

Brief                  2 │ Proposal               1 │ Contract               1
1,500.50 EUR   limit 14d │ 70 USD                   │ 200,000 EUR
weighted 150 EUR         │                          │ weighted 160,000 EUR
──────────────────────── │ ──────────────────────── │ ────────────────────────
Beta                 !#^ │ Delta                    │ Gamma
  500.50 EUR Pe     40 d │   70 USD Pe         10 d │   200,000 EUR Pe       –
Alpha                  > │                          │
  1,000 EUR OS      10 d │                          │

! longer in the stage than its limit · > next step overdue
# close date has passed · ^ the longest in a stage
– days not known: history does not have it here yet
OS Olga Sokolova, Pe petr
";
    assert_eq!((ran.code, ran.out.as_str()), (0, expected), "{}", ran.err);
}

#[test]
fn what_does_not_fit_stands_below() {
    let repo = deals();
    let narrow = board(&repo, 40, &[]).out;
    let heads: Vec<usize> = ["Brief", "Proposal", "Contract"]
        .map(|stage| narrow.lines().position(|l| l.starts_with(stage)).unwrap())
        .into();
    assert!(heads.is_sorted(), "{narrow}");
    let two = board(&repo, 50, &[]).out;
    assert!(two.lines().any(|l| l.contains("Brief") && l.contains("Proposal") && !l.contains("Contract")), "{two}");
}

#[test]
fn stages_owners_and_expressions_choose() {
    let repo = deals();
    let ids = |args: &[&str]| -> Vec<String> {
        let ran = board(&repo, 80, &[&["--format", "json"], args].concat());
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        let columns = json["columns"].as_array().unwrap().clone();
        let cards = columns.iter().flat_map(|column| column["cards"].as_array().unwrap().clone());
        cards.map(|card| card["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&[]), ["b", "a", "d", "c"]);
    assert_eq!(ids(&["--stage", "brief", "--limit", "1"]), ["b"]);
    assert_eq!(ids(&["--owner", "petr"]), ["b", "d", "c"]);
    assert_eq!(ids(&["--where", "days_in_stage > 20"]), ["b"]);
    assert_eq!(ids(&["--as-of", "2026-01-10"]), ["b"]);

    let refused = board(&repo, 80, &["--stage", "breif"]);
    assert_eq!((refused.code, refused.out.as_str()), (2, ""));
    assert!(refused.err.contains("did you mean `brief`?"), "{}", refused.err);
    let end = board(&repo, 80, &["--stage", "lost"]);
    assert_eq!(end.code, 2);
    assert!(board(&repo, 80, &["--owner", "pert"]).err.contains("did you mean petr?"));
}

#[test]
fn json_has_every_number_with_the_exact_amounts() {
    let ran = board(&deals(), 80, &["--format", "json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    let brief = &json["columns"][0];
    assert_eq!((&json["kind"], &json["today"]), (&Value::from("board"), &Value::from("2026-02-14")));
    assert_eq!(
        (&brief["deals"], &brief["amount"]["amount"], &brief["limit"]),
        (&2.into(), &"1500.50".into(), &"14d".into())
    );
    assert_eq!(brief["cards"][0]["marks"], serde_json::json!(["over_limit", "close_date_overdue", "oldest"]));
    assert_eq!(json["columns"][1]["other_currencies"][0]["amount"]["amount"], "70");
}

#[test]
fn hostile_texts_stay_in_their_cards() {
    let repo = TestRepo::with_pipeline();
    let titles = [
        "\"\\e[31mred\\e]52;c;aGk=\\a\"",
        "\"\\u202egpj.exe\"",
        "日本語のとても長いタイトルがここにあります日本語",
        "👩\u{200d}👩\u{200d}👧 family 👩\u{200d}👩\u{200d}👧👩\u{200d}👩\u{200d}👧👩\u{200d}👩\u{200d}👧",
        "\"Z\u{351}\u{36b}\u{343}\u{32a}\u{302}\u{36b}\u{33d}\u{34f}\u{334}\u{319}\u{324}\u{31e}\u{349}\u{35a}algo\"",
        "\"a\\nb\\rc\\td\"",
        "'│ │ │'",
        "'**bold** <script>'",
    ];
    for (number, title) in titles.iter().enumerate() {
        let owner = if number % 2 == 0 { "\"\\e[2J\\u202e\"" } else { "日本 語" };
        let amount = if number == 0 { "9999999999999999999999999999" } else { "-12345.67" };
        repo.write(
            &format!("sales/brief/d{number}.yaml"),
            format!("title: {title}\nowner: {owner}\namount: {amount}\n"),
        );
    }
    repo.commit("deals");
    for columns in [16, 22, 40, 47, 80, 200, 1000] {
        let ran = board(&repo, columns, &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let widest = ran.out.lines().map(width).max().unwrap();
        assert!(widest <= columns, "{columns}: {widest}\n{}", ran.out);
        assert!(!ran.out.contains(|c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)));
        assert!(ran.out.lines().all(|line| line.trim_end() == line), "{}", ran.out);
    }
    let coloured = board(&repo, 80, &["--color", "always"]).out;
    let plain = board(&repo, 80, &["--color", "never"]).out;
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(bare + rest, plain, "colours add nothing");
}

#[test]
fn without_history_there_are_no_ages_and_without_deals_only_heads() {
    let repo = TestRepo::without_git();
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE);
    repo.write("brief/a.yaml", "title: Alpha\n");
    let out = board(&repo, 80, &[]).out;
    assert!(out.contains("Alpha") && out.contains(" –"), "{out}");
    let empty = TestRepo::with_pipeline();
    let out = board(&empty, 80, &[]).out;
    assert!(out.contains("0 open deals") && out.lines().count() < 8, "{out}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_rest_is_shown() {
    let repo = deals();
    repo.write("sales/brief/broken.yaml", "title: [\n");
    repo.write("sales/proposal/a.yaml", "title: Alpha, again\n");
    let ran = board(&repo, 80, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("1 file could not be read") && ran.err.contains("1 file is left out"), "{}", ran.err);
    assert!(ran.out.contains("Beta") && !ran.out.contains("again"), "{}", ran.out);
}
