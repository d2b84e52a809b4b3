//! A check of a few deals of many reads these alone and says of them what a check of all would.

mod kit;

use kit::TestRepo;

/// The lines that begin a finding, and the closing line.
fn told(repo: &TestRepo, args: &[&str]) -> Vec<String> {
    let out = repo.tussock(args).out;
    out.lines()
        .filter(|l| l.starts_with("error[") || l.starts_with("warning[") || l.contains("checked"))
        .map(String::from)
        .collect()
}

fn repo() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    let step = "next_step: {what: Call, due: 2026-12-01}\n";
    repo.write("sales/brief/acme.yaml", format!("title: Acme\nfollows: globex\n{step}"));
    repo.write("sales/brief/globex.yaml", format!("title: Globex\nfollows: hooly\nammount: 1\n{step}"));
    repo.write("sales/brief/hooli.yaml", format!("title: Hooli\n{step}"));
    repo.write("sales/brief/initech.yaml", "title: [\n");
    repo
}

#[test]
fn a_link_to_a_deal_that_is_not_among_the_named_ones_is_no_broken_link() {
    let repo = repo();
    assert_eq!(repo.tussock(&["validate", "sales/brief/acme.yaml"]).code, 0);
    assert_eq!(told(&repo, &["validate", "sales/brief/acme.yaml"]), Vec::<String>::new());
}

#[test]
fn the_findings_of_a_named_deal_are_those_of_a_check_of_all_and_what_was_checked_is_counted() {
    let repo = repo();
    let all = told(&repo, &["validate"]);
    let of_globex: Vec<String> = all.iter().filter(|l| l.contains("ammount") || l.contains("hooly")).cloned().collect();
    assert_eq!(of_globex.len(), 2, "{all:?}");
    let named = told(&repo, &["validate", "sales/brief/globex.yaml"]);
    assert_eq!(named[..2], of_globex[..]);
    assert_eq!(named[2..], ["2 errors in 1 file (1 deal checked)"]);
    let both = told(&repo, &["validate", "sales/brief/globex.yaml", "sales/brief/initech.yaml"]);
    let closing = both.last().map(String::as_str);
    assert_eq!(closing, Some("3 errors in 2 files (1 deal checked, 1 file could not be read)"));
    // The id that was meant is looked for among all deals.
    let help = repo.tussock(&["validate", "sales/brief/globex.yaml"]).out;
    assert!(help.contains("did you mean `hooli`?"), "{help}");
}

#[test]
fn a_named_deal_that_lies_in_two_places_is_found_wherever_the_other_one_is() {
    let repo = repo();
    repo.write("sales/won/acme.yaml", "title: Acme\n");
    let named = told(&repo, &["validate", "sales/brief/acme.yaml"]);
    assert!(named[0].starts_with("error[duplicate-deal]: the deal acme lies in 2 places"), "{named:?}");
    let all = told(&repo, &["validate"]);
    assert!(all.contains(&named[0]));
}

#[test]
fn a_commit_in_a_large_pipeline_may_link_to_a_deal_that_it_does_not_change() {
    let repo = TestRepo::with_pipeline();
    for number in 0..2_100 {
        repo.write(&format!("sales/won/2025/d{number}.yaml"), "title: x\n");
    }
    repo.commit("Many deals");
    repo.write("sales/brief/new.yaml", "title: New\nfollows: d77\nnext_step: {what: Call, due: 2026-12-01}\n");
    repo.git(&["add", "-A"]);
    let ran = repo.tussock(&["validate", "--staged", "--changed"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    repo.write("sales/brief/new.yaml", "title: New\nfollows: nobody\nnext_step: {what: Call, due: 2026-12-01}\n");
    repo.git(&["add", "-A"]);
    let ran = repo.tussock(&["validate", "--staged", "--changed"]);
    assert!(ran.code == 1 && ran.out.contains("broken-link"), "{}", ran.out);
}
