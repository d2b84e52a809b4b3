//! What git makes of deals when branches come together, row by row, and what tussock says and does about it.

mod kit;

use kit::TestRepo;

/// A deal with fields enough that git takes an edited one for the same file.
fn deal(title: &str, amount: u32) -> String {
    format!(
        "title: {title}\nowner: olga\naccount: {title} Ltd\namount: {amount}\nsource: referral\nclose_date: 2026-09-30\n\
         inputs:\n  goal: more leads from the site\nproposal:\n  sent_on: 2026-01-20\nnext_step:\n  what: Call them\n  due: 2026-03-01\nnotes: |\n  First line.\n\
         \x20 Second line.\n  Third line.\n"
    )
}

/// The small pipeline with two deals in `brief`.
fn with_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", deal("Acme", 18000)).write("sales/brief/globex.yaml", deal("Globex", 5000));
    repo.commit("Add deals");
    repo
}

/// Two branches from the same commit: `theirs` is made by the second closure, `main` by the first, which is checked out
/// in the end.
fn branches(repo: &TestRepo, ours: impl Fn(&TestRepo), theirs: impl Fn(&TestRepo)) {
    repo.git(&["checkout", "-q", "-b", "theirs"]);
    theirs(repo);
    repo.commit("Their change");
    repo.git(&["checkout", "-q", "main"]);
    ours(repo);
    repo.commit("Our change");
}

fn put(repo: &TestRepo, path: &str, text: impl AsRef<[u8]>) {
    repo.write(path, text);
}

fn mv(repo: &TestRepo, from: &str, to: &str) {
    std::fs::create_dir_all(repo.path().join(to).parent().unwrap()).unwrap();
    repo.git(&["mv", from, to]);
}

/// The deal files in the index, each with its stage where it is in conflict.
fn index(repo: &TestRepo) -> Vec<String> {
    let listed = repo.git(&["ls-files", "--stage"]);
    let entries = listed.lines().filter(|l| l.ends_with(".yaml") && !l.ends_with("pipeline.yaml"));
    let entry = |line: &str| {
        let (head, path) = line.split_once('\t').unwrap();
        let stage = head.rsplit(' ').next().unwrap();
        let path = path.strip_prefix("sales/").unwrap();
        if stage == "0" { path.to_owned() } else { format!("{stage} {path}") }
    };
    entries.map(entry).collect()
}

/// The deal files in the work tree.
fn files(repo: &TestRepo) -> Vec<String> {
    let mut found = Vec::new();
    for stage in ["brief", "proposal", "contract", "won", "lost", "recycled"] {
        let Ok(listed) = std::fs::read_dir(repo.path().join("sales").join(stage)) else { continue };
        let names = listed.map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
        found.extend(names.filter(|n| n.ends_with(".yaml")).map(|n| format!("{stage}/{n}")));
    }
    found.sort();
    found
}

/// The findings of a command, each as `rule deal field`.
fn findings(repo: &TestRepo, args: &[&str]) -> Vec<String> {
    let ran = repo.tussock(args);
    let json: serde_json::Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}{}", ran.out, ran.err));
    let text = |v: &serde_json::Value| v.as_str().unwrap_or("-").to_owned();
    let all = json["findings"].as_array().unwrap().iter();
    let errors = json["summary"]["errors"].as_u64().unwrap();
    assert_eq!(ran.code, i32::from(errors > 0), "{}", ran.out);
    all.map(|f| format!("{} {} {}", text(&f["rule"]), text(&f["deal"]), text(&f["field"]))).collect()
}

fn validate(repo: &TestRepo) -> Vec<String> {
    findings(repo, &["validate", "--format", "json", "--today", "2026-02-01"])
}

fn merge_check(repo: &TestRepo) -> Vec<String> {
    findings(repo, &["merge-check", "--format", "json"])
}

const NONE: [&str; 0] = [];

#[test]
fn a_move_and_an_edit_in_place_merge_right() {
    let repo = with_deals();
    branches(
        &repo,
        |r| mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml"),
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 20000)),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(files(&repo), ["brief/globex.yaml", "proposal/acme.yaml"]);
    assert!(repo.read("sales/proposal/acme.yaml").contains("amount: 20000"));
    assert_eq!(validate(&repo), NONE);
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_new_deal_of_the_same_id_on_both_sides_is_in_two_places_after_a_clean_merge() {
    let repo = with_deals();
    branches(
        &repo,
        |r| put(r, "sales/brief/hooli.yaml", "title: Hooli\nowner: olga\n"),
        |r| put(r, "sales/contract/hooli.yaml", "title: Hooli Ltd\nowner: pavel\ninputs:\n  goal: x\n"),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(merge_check(&repo), ["duplicate-deal hooli -"]);
    assert!(validate(&repo).contains(&"duplicate-deal hooli -".to_owned()));
}

#[test]
fn an_amount_that_lands_in_another_deal_is_found() {
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            r.git(&["rm", "-q", "sales/brief/acme.yaml"]);
            r.write("sales/brief/gamma.yaml", deal("Acme", 18000).replace("title: Acme", "title: Gamma"));
        },
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 99000)),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert!(repo.read("sales/brief/gamma.yaml").contains("amount: 99000"), "git takes gamma for acme");
    assert_eq!(validate(&repo), NONE);
    assert_eq!(merge_check(&repo), ["merge-lost-change acme amount", "merge-foreign-change gamma amount"]);
}

/// What a command printed on both streams.
fn both(repo: &TestRepo, args: &[&str]) -> (i32, String) {
    let ran = repo.tussock(args);
    (ran.code, format!("{}{}", ran.out, ran.err))
}

fn moved_to_two_stages() -> TestRepo {
    let repo = with_deals();
    branches(
        &repo,
        |r| mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml"),
        |r| mv(r, "sales/brief/acme.yaml", "sales/contract/acme.yaml"),
    );
    repo
}

#[test]
fn a_deal_moved_to_two_stages_is_settled_in_the_middle_of_the_merge() {
    let repo = moved_to_two_stages();
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml", "proposal/acme.yaml"]);
    assert_eq!(index(&repo), ["1 brief/acme.yaml", "brief/globex.yaml", "3 contract/acme.yaml", "2 proposal/acme.yaml"]);
    assert_eq!(validate(&repo), ["duplicate-deal acme -"]);

    let (code, told) = both(&repo, &["resolve", "acme"]);
    insta::assert_snapshot!(told, @"");
    assert_eq!(code, 1);
    let (code, told) = both(&repo, &["resolve", "acme", "--stage", "contract"]);
    insta::assert_snapshot!(told, @"");
    assert_eq!(code, 0);
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
    assert_eq!(index(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
    repo.git(&["-c", "core.editor=true", "merge", "--continue"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(validate(&repo), NONE);
    assert_eq!(merge_check(&repo), NONE);
}
