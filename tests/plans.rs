//! Every way a plan of a move, a change or a new deal can be wrong, and what the person is told. A plan that is wrong
//! changes nothing.

mod kit;

use kit::freeze::{differences, freeze};
use kit::{Ran, SMALL_PIPELINE, TestRepo};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\n";

fn with(deals: &[(&str, &str)]) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for (path, text) in deals {
        repo.write(&format!("sales/{path}"), text);
    }
    repo.commit("Add deals");
    repo
}

fn with_pipeline(pipeline: &str, deals: &[(&str, &str)]) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("sales/pipeline.yaml", pipeline);
    for (path, text) in deals {
        repo.write(&format!("sales/{path}"), text);
    }
    repo.commit("Set up");
    repo
}

/// Runs what must be refused with `code` and these words, and change nothing.
#[track_caller]
fn refuses(repo: &TestRepo, code: i32, args: &[&str], words: &[&str]) -> Ran {
    let before = freeze(&repo.path());
    let ran = repo.tussock(args);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{args:?} changed something");
    assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
    for words in words {
        assert!(ran.err.contains(words), "{args:?} says {}", ran.err);
    }
    ran
}

fn head(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "HEAD"])
}

#[test]
fn a_deal_in_two_places_is_not_moved_even_when_one_file_cannot_be_read() {
    let repo = with(&[("brief/acme.yaml", ACME), ("lost/2025/acme.yaml", ACME)]);
    refuses(&repo, 1, &["move", "acme", "proposal"], &["in 2 places: brief/acme.yaml, lost/2025/acme.yaml"]);
    let repo = with(&[("brief/acme.yaml", ACME), ("proposal/acme.yaml", "title: [\n")]);
    refuses(&repo, 1, &["move", "acme", "proposal"], &["in 2 places: brief/acme.yaml, proposal/acme.yaml"]);
    refuses(&repo, 1, &["set", "acme", "amount=1"], &["in 2 places"]);
}

#[test]
fn a_deal_that_cannot_be_read_is_named_with_its_file() {
    let repo = with(&[("brief/acme.yaml", "title: [\n")]);
    refuses(&repo, 1, &["move", "acme", "proposal"], &["cannot be read", "tussock validate brief/acme.yaml"]);
    refuses(&repo, 2, &["new", "Acme"], &["there is already a deal `acme`: brief/acme.yaml"]);
    refuses(&repo, 2, &["move", "2025/acme", "proposal"], &["there is no deal `2025/acme`"]);
}

#[test]
fn an_id_is_no_path() {
    let repo = with(&[("brief/acme.yaml", ACME)]);
    for id in ["../brief/acme", "..", "/etc/passwd", "C:acme", "brief/acme", "ACME", "-x", "a\nb"] {
        refuses(&repo, 2, &["move", "--", id, "proposal"], &["there is no deal"]);
        refuses(&repo, 2, &["new", "Title", &format!("--id={id}")], &["is not an id"]);
    }
}

#[test]
fn a_deal_in_a_folder_that_is_no_stage_can_be_moved_to_one() {
    let repo = with(&[("propsal/acme.yaml", "title: A\ninputs: {goal: x}\n")]);
    refuses(&repo, 2, &["move", "acme", "--next"], &["`acme` is in propsal, which has no next stage"]);
    repo.ok(&["move", "acme", "proposal"]);
    assert!(repo.has("sales/proposal/acme.yaml") && !repo.has("sales/propsal/acme.yaml"));
}

#[test]
fn a_deal_in_a_folder_of_an_earlier_year_stays_where_it_is() {
    let lost = "title: A\nlost: {reason: price}\n";
    let repo = with(&[("lost/2019/acme.yaml", lost)]);
    let before = head(&repo);
    assert!(repo.ok(&["move", "acme", "lost"]).contains("already in lost, nothing to do"));
    assert!(repo.ok(&["lose", "acme", "--reason", "price"]).contains("already in lost, nothing to do"));
    assert_eq!(head(&repo), before);
    repo.ok(&["lose", "acme", "--reason", "timing"]);
    assert_eq!(repo.read("sales/lost/2019/acme.yaml"), "title: A\nlost: {reason: timing}\n");
}

#[test]
fn nothing_to_do_makes_no_commit() {
    let repo = with(&[("brief/acme.yaml", ACME)]);
    let before = head(&repo);
    assert!(repo.ok(&["move", "acme", "brief", "--set", "amount=18000"]).contains("nothing to do"));
    assert!(repo.ok(&["set", "acme", "amount=18000"]).contains("nothing to do"));
    assert!(repo.ok(&["set", "acme", "notes="]).contains("nothing to do"));
    assert!(repo.ok(&["move", "acme", "acme", "brief"]).contains("nothing to do"));
    assert_eq!(head(&repo), before);
}

#[test]
fn a_field_takes_one_value() {
    let repo = with(&[("brief/acme.yaml", ACME)]);
    refuses(&repo, 2, &["set", "acme", "amount=1", "amount=2"], &["`amount` is given two values"]);
    refuses(
        &repo,
        2,
        &["lose", "acme", "--reason", "price", "--set", "lost.reason=silent"],
        &["`lost.reason` is given two values"],
    );
    refuses(&repo, 2, &["new", "One", "--set", "title=Two"], &["`title` is given two values"]);
    repo.ok(&["set", "acme", "effort+={who: petr, hours: 3}", "effort+={who: olga, hours: 1}"]);
    assert_eq!(repo.read("sales/brief/acme.yaml").matches("hours").count(), 2);
}

#[test]
fn a_block_whose_last_field_goes_leaves_a_deal_that_reads() {
    let repo = with(&[("brief/acme.yaml", "title: A\ninputs:\n  goal: x\nowner: olga\n")]);
    repo.ok(&["set", "acme", "inputs.goal="]);
    let text = repo.read("sales/brief/acme.yaml");
    assert!(!text.contains("goal"), "{text}");
    assert_eq!(repo.tussock(&["validate"]).code, 0);
    refuses(&repo, 1, &["move", "acme", "proposal"], &["missing inputs.goal"]);
    repo.ok(&["set", "acme", "inputs.goal=y"]);
    repo.ok(&["move", "acme", "proposal"]);
}

#[test]
fn of_a_batch_all_go_or_none() {
    let good = "title: A\ninputs: {goal: x}\n";
    let repo = with(&[("brief/a.yaml", good), ("brief/b.yaml", "title: B\n"), ("brief/c.yaml", good)]);
    let ran = refuses(&repo, 1, &["move", "a", "b", "c", "b", "proposal"], &["b cannot move to proposal"]);
    assert_eq!(ran.err.matches("b cannot move").count(), 1, "{}", ran.err);
    refuses(&repo, 2, &["move", "a", "nobody", "proposal"], &["there is no deal `nobody`"]);
    let before = repo.git(&["rev-list", "--count", "HEAD"]);
    repo.ok(&["move", "a", "c", "proposal"]);
    assert_eq!(
        repo.git(&["rev-list", "--count", "HEAD"]).trim().parse::<u32>().unwrap(),
        before.trim().parse::<u32>().unwrap() + 1
    );
}

#[test]
fn each_refused_deal_hears_where_it_was_to_go() {
    let repo = with(&[("brief/a.yaml", "title: A\n"), ("proposal/b.yaml", "title: B\ninputs: {goal: x}\n")]);
    refuses(&repo, 1, &["move", "a", "b", "--next"], &["a cannot move to proposal:", "b cannot move to contract:"]);
}

#[test]
fn a_stage_can_be_named_by_its_title_in_any_script_and_case() {
    let pipeline =
        SMALL_PIPELINE.replace("title: Proposal", "title: Готовим КП").replace("title: Contract", "title: Brief");
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", "title: A\ninputs: {goal: x}\n")]);
    repo.ok(&["move", "acme", " готовим кп"]);
    assert!(repo.has("sales/proposal/acme.yaml"));
    refuses(&repo, 2, &["move", "acme", "BRIEF"], &["is the title of several stages: brief, contract"]);
    // й as one character and as two.
    let pipeline = SMALL_PIPELINE.replace("title: Proposal", "title: Первый");
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", "title: A\ninputs: {goal: x}\n")]);
    repo.ok(&["move", "acme", "Первыи\u{306}"]);
}

#[test]
fn an_old_name_of_a_stage_leads_to_the_new_one() {
    let pipeline = SMALL_PIPELINE.replace("  - id: contract\n", "  - id: contract\n    was: [papers]\n");
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", ACME)]);
    refuses(&repo, 2, &["move", "acme", "papers"], &["did you mean `contract`?"]);
}

#[test]
fn win_goes_to_won_at_then_to_the_end_and_never_back() {
    let pipeline = SMALL_PIPELINE.replace("currency: EUR\n", "currency: EUR\nwon_at: contract\n");
    let deal = "title: A\ninputs: {goal: x}\nproposal: {sent_on: 2026-01-02}\n";
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", deal)]);
    repo.ok(&["win", "acme"]);
    assert!(repo.has("sales/contract/acme.yaml"));
    repo.ok(&["win", "acme", "--today", "2026-02-01"]);
    assert!(repo.has("sales/won/2026/acme.yaml"));
    assert!(repo.ok(&["win", "acme"]).contains("already in won"));
    assert!(repo.has("sales/won/2026/acme.yaml"));
}

#[test]
fn lose_leads_to_no_other_end_and_says_when_the_pipeline_keeps_no_reason() {
    let repo = with(&[("brief/acme.yaml", ACME)]);
    refuses(&repo, 2, &["lose", "acme", "--to", "won"], &["won is no end for lost deals"]);
    refuses(&repo, 2, &["lose", "acme", "--to", "proposal"], &["proposal is no end for lost deals"]);
    refuses(&repo, 1, &["lose", "acme"], &["Say why it was lost", "missing lost.reason", "price, timing, competitor"]);
    refuses(&repo, 1, &["lose", "acme", "--reason", "prise"], &["did you mean `price`?"]);
    repo.ok(&["lose", "acme", "--to", "recycled"]);
    let pipeline = SMALL_PIPELINE
        .replace("        require: [lost.reason]", "        require: [notes]")
        .replace("  lost:\n    reason: {enum: [price, timing, competitor, no-need, silent]}\n    note: text\n", "");
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", ACME)]);
    refuses(
        &repo,
        2,
        &["lose", "acme", "--reason", "price"],
        &["there is no field `lost.reason`", "declare it under `fields` in pipeline.yaml"],
    );
    repo.ok(&["lose", "acme", "--set", "notes=Too dear"]);
}

#[test]
fn a_deal_can_be_given_up_whatever_its_card_lacks() {
    let pipeline = SMALL_PIPELINE.replace("fields:\n", "fields:\n  owner: {required: true}\n");
    let repo = with_pipeline(&pipeline, &[("brief/acme.yaml", "title: A\n")]);
    refuses(&repo, 1, &["move", "acme", "proposal"], &["missing inputs.goal", "owner is required and missing"]);
    repo.ok(&["move", "acme", "recycled"]);
}

#[test]
fn a_file_with_problems_elsewhere_can_be_moved_and_made_no_worse() {
    let deal = "title: A\namount: 12,000\nsegmnt: x\ninputs: {goal: x}\n";
    let repo = with(&[("brief/acme.yaml", deal)]);
    repo.ok(&["move", "acme", "proposal", "--set", "proposal.sent_on=2026-01-02"]);
    let text = repo.read("sales/proposal/acme.yaml");
    assert!(text.contains("amount: 12,000\nsegmnt: x\n"), "{text}");
    refuses(&repo, 1, &["move", "acme", "contract", "--set", "close_date=2026-02-30"], &["2026-02-30"]);
    refuses(&repo, 1, &["set", "acme", "amount=13,000"], &["`amount` must be an amount", "write `amount: 13000`"]);
    repo.ok(&["set", "acme", "amount=13000"]);
}

#[test]
fn a_stage_whose_folder_is_gone_is_made_again() {
    let repo = with(&[("brief/acme.yaml", "title: A\ninputs: {goal: x}\n")]);
    repo.git(&["rm", "-q", "sales/proposal/.gitkeep"]);
    repo.commit("Without the folder");
    assert!(!repo.has("sales/proposal"));
    repo.ok(&["move", "acme", "proposal"]);
    assert!(repo.has("sales/proposal/acme.yaml"));
}

#[test]
fn a_title_that_gives_no_id_asks_for_one() {
    let repo = with(&[]);
    refuses(&repo, 2, &["new", "!!!"], &["\"!!!\" gives no id; name one with --id"]);
    refuses(&repo, 2, &["new", "   "], &["gives no id"]);
    repo.ok(&["new", "!!!", "--id", "bang"]);
    assert_eq!(repo.read("sales/brief/bang.yaml"), "title: \"!!!\"\n");
    repo.ok(&["new", "", "--id", "blank", "--set", "title=From the field"]);
    assert_eq!(repo.read("sales/brief/blank.yaml"), "title: From the field\n");
}

#[test]
fn a_new_deal_never_replaces_a_file() {
    let repo = with(&[("brief/acme.yml", ACME)]);
    repo.write("sales/brief/globex.yaml/x", "");
    assert_ne!(repo.tussock(&["new", "Globex"]).code, 0);
    let repo = with(&[("lost/2020/acme.yaml", "title: A\nlost: {reason: price}\n")]);
    refuses(&repo, 2, &["new", "ACME"], &["there is already a deal `acme`: lost/2020/acme.yaml"]);
}

#[test]
fn values_cannot_smuggle_in_other_fields() {
    let repo = with(&[("brief/acme.yaml", ACME)]);
    for value in [
        "close_date=2026-01-01\nowner: evil",
        "amount=1\nowner: evil",
        "title=x\nowner: evil",
        "effort=[]\nowner: evil",
    ] {
        let ran = repo.tussock(&["set", "acme", value]);
        let text = repo.read("sales/brief/acme.yaml");
        assert!(!text.contains("\nowner: evil"), "{value}: {}{text}", ran.err);
    }
    refuses(&repo, 1, &["set", "acme", "close_date=today+5h"], &["must be a date"]);
    repo.ok(&["set", "acme", "close_date=today+2w", "--today", "2026-01-01"]);
    assert!(repo.read("sales/brief/acme.yaml").contains("close_date: 2026-01-15"));
}

#[test]
fn free_fields_can_be_set_at_any_depth() {
    let repo = with(&[("brief/acme.yaml", "title: A\ninputs:\n  goal: x\n")]);
    repo.ok(&["set", "acme", "x-score=7", "inputs.x-mood=fine"]);
    assert_eq!(repo.tussock(&["validate"]).code, 0, "{}", repo.read("sales/brief/acme.yaml"));
    assert!(repo.ok(&["list", "--columns", "id,x-score,inputs.x-mood"]).contains("fine"));
    refuses(&repo, 2, &["set", "acme", "inputs.mood=fine"], &["there is no field `inputs.mood`"]);
}

#[test]
fn moving_back_needs_nothing_and_moving_on_again_needs_all() {
    let deal = "title: A\n";
    let repo = with(&[("contract/acme.yaml", deal)]);
    repo.ok(&["move", "acme", "proposal"]);
    repo.ok(&["move", "acme", "brief"]);
    refuses(&repo, 1, &["move", "acme", "won"], &["missing inputs.goal", "missing proposal.sent_on"]);
    repo.ok(&["move", "acme", "recycled"]);
    repo.ok(&["move", "acme", "brief"]);
}

#[test]
fn a_filter_that_cannot_be_answered_for_one_deal_is_answered_for_the_others() {
    let repo = with(&[("brief/a.yaml", ACME), ("brief/b.yaml", "title: B\namount: 5 USD\n")]);
    let ran = repo.tussock(&["list", "--where", "amount > money(\"100 EUR\")", "--columns", "id"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("a\n") && !ran.out.contains("b\n"), "{}", ran.out);
    assert!(ran.err.contains("--where cannot be answered for b, which is left out"), "{}", ran.err);
    assert!(ran.err.contains("USD and EUR are different currencies"), "{}", ran.err);
}
