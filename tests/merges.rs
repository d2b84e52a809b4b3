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

/// What a command printed on both streams, and how it ended. Names of commits are left out.
fn both(repo: &TestRepo, args: &[&str]) -> (i32, String) {
    let ran = repo.tussock(args);
    let text = format!("{}{}", ran.out, ran.err);
    let mut shown = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        let is_id = matches!(digits.len(), 7 | 10 | 40) && digits.contains(|c: char| c.is_ascii_digit());
        shown.push_str(&if is_id { word.replacen(digits, "ID", 1) } else { word.to_owned() });
    }
    (ran.code, shown)
}

/// Settles a deal and expects that it worked.
fn resolve(repo: &TestRepo, args: &[&str]) -> String {
    let all = [&["resolve", "acme"], args].concat();
    let (code, told) = both(repo, &all);
    assert_eq!(code, 0, "{told}");
    told
}

/// Goes on with what git began, and holds that it leaves nothing behind.
fn go_on(repo: &TestRepo, command: &str) {
    repo.git(&["-c", "core.editor=true", command, "--continue"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.git(&["fsck", "--strict"]);
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

/// Both branches give acme another amount.
fn two_amounts() -> TestRepo {
    let repo = with_deals();
    branches(
        &repo,
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 25000)),
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 20000)),
    );
    repo
}

#[test]
fn a_deal_moved_to_two_stages_is_settled_in_the_middle_of_the_merge() {
    let repo = moved_to_two_stages();
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml", "proposal/acme.yaml"]);
    assert_eq!(
        index(&repo),
        ["1 brief/acme.yaml", "brief/globex.yaml", "3 contract/acme.yaml", "2 proposal/acme.yaml"]
    );
    assert_eq!(validate(&repo), ["duplicate-deal acme -"]);

    let before = kit::freeze::freeze(&repo.path());
    let (code, told) = both(&repo, &["resolve", "acme"]);
    insta::assert_snapshot!(told, @r"
    acme: two versions
      ours    main
      theirs  theirs (ID)

    field   before   ours       theirs     kept
    ───────────────────────────────────────────
    stage   brief    proposal   contract   ?

    error: acme: somebody has to decide its stage
    help: `tussock resolve acme --stage proposal` (or contract)
    ");
    assert_eq!(code, 1);
    assert_eq!(kit::freeze::differences(&before, &kit::freeze::freeze(&repo.path())), NONE);
    insta::assert_snapshot!(resolve(&repo, &["--stage", "contract"]), @r"
    acme: two versions
      ours    main
      theirs  theirs (ID)

    field   before   ours       theirs     kept
    ───────────────────────────────────────────────
    stage   brief    proposal   contract   contract

    acme: settled in sales/contract/acme.yaml
      ours    `git show ID:sales/proposal/acme.yaml`
      theirs  `git show ID:sales/contract/acme.yaml`
    next: `git merge --continue`
    ");
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
    assert_eq!(index(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
    go_on(&repo, "merge");
    assert_eq!(validate(&repo), NONE);
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_deal_moved_to_two_stages_and_added_as_it_lies_is_settled_before_and_after_the_commit() {
    let repo = moved_to_two_stages();
    repo.try_git(&["merge", "-q", "theirs"]);
    repo.git(&["add", "-A"]);
    assert_eq!(index(&repo), ["brief/globex.yaml", "contract/acme.yaml", "proposal/acme.yaml"]);
    let staged = findings(&repo, &["validate", "--staged", "--format", "json", "--today", "2026-02-01"]);
    assert_eq!(staged, ["duplicate-deal acme -"]);
    assert!(resolve(&repo, &["--take", "ours"]).contains("settled in sales/proposal/acme.yaml"));
    assert_eq!(index(&repo), ["brief/globex.yaml", "proposal/acme.yaml"]);
    go_on(&repo, "merge");

    let repo = moved_to_two_stages();
    repo.try_git(&["merge", "-q", "theirs"]);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-edit"]);
    assert_eq!(validate(&repo), ["duplicate-deal acme -"]);
    assert_eq!(merge_check(&repo), ["duplicate-deal acme -"]);
    let (code, told) = both(&repo, &["validate", "--today", "2026-02-01"]);
    insta::assert_snapshot!(told, @r"
    error[duplicate-deal]: the deal acme lies in 2 places: sales/proposal/acme.yaml, sales/contract/acme.yaml
    --> sales/proposal/acme.yaml
    note: the same deal
    --> sales/contract/acme.yaml
    help: `tussock resolve acme` shows both versions and keeps one file
    help: sales/proposal/acme.yaml: ID by Olga Sokolova on 2026-01-05, Our change
    help: sales/contract/acme.yaml: ID by Olga Sokolova on 2026-01-05, Their change

    1 error in 1 file (3 deals checked)
    ");
    assert_eq!(code, 1);
    insta::assert_snapshot!(resolve(&repo, &["--stage", "contract"]), @r"
    acme: two versions
      ours    sales/proposal/acme.yaml (ID Our change)
      theirs  sales/contract/acme.yaml (ID Their change)

    field   before   ours       theirs     kept
    ───────────────────────────────────────────────
    stage   brief    proposal   contract   contract

    acme: settled in sales/contract/acme.yaml
    committed as ID
      ours    `git show ID:sales/proposal/acme.yaml`
      theirs  `git show ID:sales/contract/acme.yaml`
    ");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(validate(&repo), NONE);
    // The merge stays as it was made, and no longer fails a check.
    let shown = both(&repo, &["merge-check", "--all"]);
    assert_eq!(shown.0, 0);
    assert!(shown.1.contains("info[duplicate-deal]") && shown.1.contains("put it right"), "{}", shown.1);
}

#[test]
fn a_deal_moved_and_rewritten_on_both_sides_is_in_two_stages_after_a_clean_merge() {
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml");
            put(r, "sales/proposal/acme.yaml", "title: ACME Inc\nowner: olga\namount: 18000\ninputs: {goal: other}\n");
        },
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/contract/acme.yaml");
            put(
                r,
                "sales/contract/acme.yaml",
                "title: Acme\nowner: pavel # new\namount: 30000\ninputs:\n  goal: new\nproposal:\n  sent_on: 2026-01-20\n",
            );
        },
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0, "git finds no conflict");
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml", "proposal/acme.yaml"]);
    assert_eq!(index(&repo), files(&repo));
    assert_eq!(validate(&repo), ["duplicate-deal acme -"]);
    assert_eq!(merge_check(&repo), ["duplicate-deal acme -"]);
    let (code, told) = both(&repo, &["resolve", "acme", "--stage", "contract"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("decide `inputs.goal`"), "{told}");
    resolve(&repo, &["--stage", "contract", "--set", "inputs.goal=both"]);
    // The file that stays keeps its bytes but for the fields that the other side changed.
    assert_eq!(
        repo.read("sales/contract/acme.yaml"),
        "title: ACME Inc\nowner: pavel # new\namount: 30000\ninputs:\n  goal: both\n"
    );
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_move_with_many_edits_against_an_edit_keeps_both() {
    let repo = with_deals();
    let ours = "title: ACME Inc\nowner: olga\namount: 18000\nsource: fair\ninputs:\n  goal: something else\nproposal:\n  sent_on: 2026-01-20\n";
    branches(
        &repo,
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml");
            put(r, "sales/proposal/acme.yaml", ours);
        },
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 20000)),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    assert_eq!(index(&repo), ["1 brief/acme.yaml", "3 brief/acme.yaml", "brief/globex.yaml", "proposal/acme.yaml"]);
    assert_eq!(files(&repo), ["brief/acme.yaml", "brief/globex.yaml", "proposal/acme.yaml"]);
    assert_eq!(validate(&repo), ["duplicate-deal acme -"]);
    // Only one side moved it and only one changed the amount: nothing has to be asked.
    resolve(&repo, &[]);
    assert_eq!(repo.read("sales/proposal/acme.yaml"), ours.replace("18000", "20000"));
    assert_eq!(index(&repo), ["brief/globex.yaml", "proposal/acme.yaml"]);
    go_on(&repo, "merge");
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_move_against_an_edit_settled_by_dropping_the_edit_is_found() {
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml");
            put(r, "sales/proposal/acme.yaml", "title: ACME Inc\nowner: olga\namount: 18000\n");
        },
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 20000)),
    );
    repo.try_git(&["merge", "-q", "theirs"]);
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    repo.git(&["commit", "-q", "--no-edit"]);
    assert_eq!(merge_check(&repo), ["merge-lost-change acme amount"]);
    repo.ok(&["set", "acme", "amount=20000"]);
    assert_eq!(findings(&repo, &["merge-check", "HEAD~1", "--format", "json"]), ["merge-lost-change acme amount"]);
    assert_eq!(both(&repo, &["merge-check", "HEAD~1"]).0, 0, "put right since");
}

#[test]
fn a_move_against_a_removal_is_asked() {
    let repo = with_deals();
    branches(
        &repo,
        |r| mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml"),
        |r| drop(r.git(&["rm", "-q", "sales/brief/acme.yaml"])),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    let (code, told) = both(&repo, &["resolve", "acme"]);
    assert_eq!(code, 1);
    assert!(told.contains("--stage proposal`") && told.contains("--take theirs` removes it"), "{told}");
    let kept = with_deals_at(&repo, &["--take", "theirs"]);
    assert_eq!(kept, ["brief/globex.yaml"]);
    assert_eq!(index(&repo), ["brief/globex.yaml"]);
    go_on(&repo, "merge");
    assert_eq!(merge_check(&repo), NONE);
}

/// The deal files once acme is settled.
fn with_deals_at(repo: &TestRepo, args: &[&str]) -> Vec<String> {
    resolve(repo, args);
    files(repo)
}

#[test]
fn one_id_given_to_two_new_deals_can_be_one_deal_or_two() {
    let repo = with_deals();
    branches(
        &repo,
        |r| put(r, "sales/brief/hooli.yaml", "title: Hooli\nowner: olga\n"),
        |r| put(r, "sales/proposal/hooli.yaml", "title: Hooli Ltd\nowner: olga\ninputs:\n  goal: x\n"),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0, "git finds no conflict");
    assert_eq!(merge_check(&repo), ["duplicate-deal hooli -"]);
    assert_eq!(validate(&repo), ["duplicate-deal hooli -"]);
    let (code, told) = both(&repo, &["resolve", "hooli"]);
    assert_eq!(code, 1);
    assert!(told.contains("its stage, `title`"), "{told}");
    assert!(told.contains("`git mv sales/proposal/hooli.yaml sales/proposal/hooli-2.yaml`"), "{told}");
    let ran = repo.tussock(&["resolve", "hooli", "--stage", "proposal", "--take", "brief"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(repo.read("sales/proposal/hooli.yaml"), "title: Hooli\nowner: olga\ninputs:\n  goal: x\n");
    assert_eq!(files(&repo), ["brief/acme.yaml", "brief/globex.yaml", "proposal/hooli.yaml"]);
}

#[test]
fn two_new_deals_in_one_file_are_asked_field_by_field() {
    let repo = with_deals();
    branches(
        &repo,
        |r| put(r, "sales/brief/hooli.yaml", "title: Hooli\nowner: olga\n"),
        |r| put(r, "sales/brief/hooli.yaml", "title: Hooli Ltd\nowner: olga\nsource: fair\n"),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    assert_eq!(index(&repo)[1..], ["brief/globex.yaml", "2 brief/hooli.yaml", "3 brief/hooli.yaml"]);
    assert_eq!(validate(&repo), ["conflict-marker hooli -"]);
    let (_, told) = both(&repo, &["resolve", "hooli"]);
    assert!(told.contains("decide `title`") && told.contains("git mv"), "{told}");
    assert_eq!(repo.tussock(&["resolve", "hooli", "--take", "theirs"]).code, 0);
    assert_eq!(repo.read("sales/brief/hooli.yaml"), "title: Hooli Ltd\nowner: olga\nsource: fair\n");
}

/// All deals leave `brief` on our side while theirs puts a new one there.
fn emptied_stage(placeholder: bool) -> TestRepo {
    let repo = with_deals();
    if !placeholder {
        repo.git(&["rm", "-q", "sales/brief/.gitkeep"]);
        repo.commit("No placeholder");
    }
    branches(
        &repo,
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml");
            mv(r, "sales/brief/globex.yaml", "sales/proposal/globex.yaml");
        },
        |r| put(r, "sales/brief/hooli.yaml", "title: Hooli\nowner: olga\n"),
    );
    repo
}

#[test]
fn a_new_deal_stays_in_an_emptied_stage_that_has_its_placeholder() {
    let repo = emptied_stage(true);
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(files(&repo)[0], "brief/hooli.yaml");
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_new_deal_is_moved_along_with_an_emptied_stage_and_put_back() {
    let repo = emptied_stage(false);
    let ran = repo.try_git(&["merge", "theirs"]);
    assert!(ran.code == 1 && ran.out.contains("CONFLICT (file location)"), "{}", ran.out);
    assert_eq!(index(&repo), ["proposal/acme.yaml", "proposal/globex.yaml", "3 proposal/hooli.yaml"]);
    assert_eq!(repo.tussock(&["resolve", "hooli"]).code, 0);
    assert_eq!(index(&repo), ["brief/hooli.yaml", "proposal/acme.yaml", "proposal/globex.yaml"]);
    assert_eq!(files(&repo), index(&repo));
    go_on(&repo, "merge");
    assert_eq!(merge_check(&repo), NONE);

    // Added as git proposes.
    let repo = emptied_stage(false);
    repo.try_git(&["merge", "-q", "theirs"]);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-edit"]);
    assert_eq!(merge_check(&repo), ["merge-misplaced hooli -"]);
}

#[test]
fn a_new_deal_is_moved_along_in_silence_where_git_is_told_to() {
    let repo = emptied_stage(false);
    assert_eq!(repo.try_git(&["-c", "merge.directoryRenames=true", "merge", "-q", "theirs"]).code, 0);
    assert_eq!(files(&repo), ["proposal/acme.yaml", "proposal/globex.yaml", "proposal/hooli.yaml"]);
    assert_eq!(merge_check(&repo), ["merge-misplaced hooli -"]);

    let repo = emptied_stage(false);
    assert_eq!(repo.try_git(&["-c", "merge.directoryRenames=false", "merge", "-q", "theirs"]).code, 0);
    assert_eq!(files(&repo), ["brief/hooli.yaml", "proposal/acme.yaml", "proposal/globex.yaml"]);
    assert_eq!(merge_check(&repo), NONE);
}

/// Acme is removed and Gamma made from the same template on our side; theirs raises Acme's amount.
fn gamma_for_acme() -> TestRepo {
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            r.git(&["rm", "-q", "sales/brief/acme.yaml"]);
            put(r, "sales/brief/gamma.yaml", deal("Acme", 18000).replace("title: Acme", "title: Gamma"));
        },
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 99000)),
    );
    repo
}

#[test]
fn an_amount_that_lands_in_another_deal_is_told_of_both_deals() {
    let repo = gamma_for_acme();
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0, "git finds no conflict");
    assert!(repo.read("sales/brief/gamma.yaml").contains("amount: 99000"), "git takes gamma for acme");
    assert_eq!(validate(&repo), NONE);
    assert_eq!(merge_check(&repo), ["merge-lost-change acme amount", "merge-foreign-change gamma amount"]);
    let (code, told) = both(&repo, &["merge-check"]);
    insta::assert_snapshot!(told, @r"
    error[merge-lost-change]: merge ID lost a change of the deal acme: `amount` was set to `99000` on the branch that was merged in (ID), and the deal gamma has it now
    --> sales/brief/acme.yaml
    help: the other branch removed the deal; bring it back or drop the change, but not into another deal

    error[merge-foreign-change]: merge ID gave the deal gamma what no branch gave it: `amount` is `99000` instead of `18000`; it was meant for the deal acme
    --> sales/brief/gamma.yaml
    help: `tussock set gamma amount=18000` sets it
    help: where it is the other deal under a new id, say so in it: `was: [OLD-ID]`

    2 errors in 2 files (2 deals checked)
    ");
    assert_eq!(code, 1);
    repo.ok(&["set", "gamma", "amount=18000"]);
    assert_eq!(both(&repo, &["merge-check", "--all"]).0, 1, "acme's change is still nowhere");
}

#[test]
fn an_amount_that_lands_in_another_deal_by_rebase_or_cherry_pick_is_found_too() {
    let repo = gamma_for_acme();
    repo.git(&["checkout", "-q", "theirs"]);
    repo.git(&["rebase", "-q", "main"]);
    assert!(repo.read("sales/brief/gamma.yaml").contains("amount: 99000"));
    assert_eq!(merge_check(&repo), NONE, "there is no merge");
    let args = ["merge-check", "--ours", "main", "--theirs", "ORIG_HEAD", "--result", "HEAD", "--format", "json"];
    assert_eq!(findings(&repo, &args), ["merge-lost-change acme amount", "merge-foreign-change gamma amount"]);

    let repo = gamma_for_acme();
    repo.git(&["cherry-pick", "theirs"]);
    let args = ["merge-check", "--ours", "HEAD~1", "--theirs", "theirs", "--base", "theirs~1", "--result", "HEAD"];
    assert_eq!(
        findings(&repo, &[&args[..], &["--format", "json"]].concat()),
        ["merge-lost-change acme amount", "merge-foreign-change gamma amount"]
    );
}

#[test]
fn a_deal_that_was_renamed_takes_the_changes_of_its_old_id() {
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            mv(r, "sales/brief/acme.yaml", "sales/brief/acme-group.yaml");
            put(r, "sales/brief/acme-group.yaml", format!("{}was: [acme]\n", deal("Acme", 18000)));
        },
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 99000)),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert!(repo.read("sales/brief/acme-group.yaml").contains("amount: 99000"));
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_union_merge_leaves_a_field_twice() {
    let repo = with_deals();
    repo.write(".gitattributes", "*.yaml merge=union\n");
    repo.commit("Merge by union");
    branches(
        &repo,
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 25000)),
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 20000)),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(validate(&repo), ["duplicate-key acme amount"]);
    assert_eq!(merge_check(&repo), NONE, "both branches changed it, and the first one counts");
}

#[test]
fn two_values_of_one_field_leave_markers_and_are_settled() {
    let repo = two_amounts();
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    assert_eq!(validate(&repo), ["conflict-marker acme -"]);
    let (code, told) = both(&repo, &["resolve", "acme"]);
    assert_eq!(code, 1);
    assert!(told.contains("`tussock resolve acme --set amount=20000`") && told.contains("--take ours"), "{told}");
    let told = resolve(&repo, &["--set", "amount=22000"]);
    assert!(told.contains("what was in sales/brief/acme.yaml is kept as `git show ID`"), "{told}");
    assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 22000));
    go_on(&repo, "merge");
    assert_eq!(merge_check(&repo), ["merge-settled acme amount"]);
}

#[test]
fn markers_in_a_block_of_text_are_settled_after_add_and_after_the_commit() {
    let text = |line: &str| deal("Acme", 18000).replace("  Second line.", line);
    let made = || {
        let repo = with_deals();
        branches(
            &repo,
            |r| put(r, "sales/brief/acme.yaml", text("  Ours.")),
            |r| put(r, "sales/brief/acme.yaml", text("  Theirs.")),
        );
        repo.try_git(&["-c", "merge.conflictStyle=diff3", "merge", "-q", "theirs"]);
        // As an editor leaves it that indents the whole block.
        let marked = repo.read("sales/brief/acme.yaml");
        let indented = marked.lines().map(|l| match l.starts_with(['<', '|', '=', '>']) {
            true => format!("  {l}\n"),
            false => format!("{l}\n"),
        });
        repo.write("sales/brief/acme.yaml", indented.collect::<String>());
        repo.git(&["add", "-A"]);
        assert_eq!(validate(&repo), ["conflict-marker acme -"]);
        repo
    };
    let repo = made();
    assert!(resolve(&repo, &["--take", "theirs"]).contains("is kept as"));
    assert_eq!(repo.read("sales/brief/acme.yaml"), text("  Theirs."));
    go_on(&repo, "merge");

    let repo = made();
    repo.git(&["commit", "-q", "--no-edit"]);
    assert_eq!(merge_check(&repo), ["merge-lost-change acme -"], "it cannot be read any more");
    let told = resolve(&repo, &["--take", "ours"]);
    assert!(told.contains("committed as"), "{told}");
    assert_eq!(repo.read("sales/brief/acme.yaml"), text("  Ours."));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(validate(&repo), NONE);
}

#[test]
fn a_conflict_in_a_rebase_is_settled_in_both_backends() {
    for backend in ["--merge", "--apply"] {
        let repo = two_amounts();
        repo.git(&["checkout", "-q", "theirs"]);
        assert_eq!(repo.try_git(&["rebase", "-q", backend, "main"]).code, 1);
        let told = resolve(&repo, &["--take", "theirs"]);
        assert!(told.contains("ours    what you rebase onto") && told.contains("theirs  your commit"), "{told}");
        assert!(told.contains("next: `git rebase --continue`"), "{told}");
        go_on(&repo, "rebase");
        assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 20000));
        let args = ["merge-check", "--ours", "main", "--theirs", "ORIG_HEAD", "--result", "HEAD", "--format", "json"];
        assert_eq!(findings(&repo, &args), NONE);
    }
}

#[test]
fn a_move_to_two_stages_is_settled_in_a_rebase_a_cherry_pick_and_after_a_revert() {
    let repo = moved_to_two_stages();
    repo.git(&["checkout", "-q", "theirs"]);
    assert_eq!(repo.try_git(&["rebase", "-q", "main"]).code, 1);
    repo.git(&["add", "-A"]);
    resolve(&repo, &["--stage", "contract"]);
    go_on(&repo, "rebase");
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);

    let repo = moved_to_two_stages();
    assert_eq!(repo.try_git(&["cherry-pick", "theirs"]).code, 1);
    resolve(&repo, &["--stage", "contract"]);
    go_on(&repo, "cherry-pick");
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);

    let repo = with_deals();
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    assert_eq!(repo.try_git(&["revert", "--no-edit", "HEAD~1"]).code, 1);
    resolve(&repo, &["--stage", "brief"]);
    go_on(&repo, "revert");
    assert_eq!(files(&repo), ["brief/acme.yaml", "brief/globex.yaml"]);
}

#[test]
fn a_stash_that_conflicts_is_settled_with_and_without_entries_in_conflict() {
    for added in [false, true] {
        let repo = with_deals();
        mv(&repo, "sales/brief/acme.yaml", "sales/contract/acme.yaml");
        repo.git(&["stash", "-q"]);
        repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
        assert_eq!(repo.try_git(&["stash", "pop"]).code, 1);
        if added {
            repo.git(&["add", "-A"]);
        }
        assert_eq!(repo.tussock(&["set", "acme", "amount=1"]).code, 1, "in two places");
        let told = resolve(&repo, &["--stage", "contract"]);
        assert!(told.contains("theirs  the stash") && told.contains("git stash drop"), "{told}");
        assert_eq!(index(&repo), ["brief/globex.yaml", "contract/acme.yaml"]);
        assert_eq!(files(&repo), index(&repo));
        assert_ne!(repo.git(&["stash", "list"]), "", "the stash is the user's to drop");
    }
}

#[test]
fn a_file_that_is_in_no_commit_is_never_settled_away() {
    let repo = with_deals();
    repo.write("sales/proposal/acme.yaml", deal("Acme", 1));
    let before = kit::freeze::freeze(&repo.path());
    let (code, told) = both(&repo, &["resolve", "acme", "--stage", "brief"]);
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("sales/proposal/acme.yaml"), "{told}");
    assert_eq!(kit::freeze::differences(&before, &kit::freeze::freeze(&repo.path())), NONE);
}

#[test]
fn what_is_in_order_needs_no_settling() {
    let repo = with_deals();
    assert_eq!(both(&repo, &["resolve", "acme"]), (0, "acme: nothing to settle (sales/brief/acme.yaml)\n".to_owned()));
    assert_eq!(repo.tussock(&["resolve", "nobody"]).code, 2);
    let repo = moved_to_two_stages();
    repo.try_git(&["merge", "-q", "theirs"]);
    assert_eq!(repo.tussock(&["resolve", "acme", "--stage", "nowhere"]).code, 2);
    assert_eq!(repo.tussock(&["resolve", "acme", "--stage", "brief", "--set", "amount=3"]).code, 1, "not in question");
    let (code, told) = both(&repo, &["resolve", "acme", "--stage", "brief", "--dry-run"]);
    assert!(code == 0 && told.contains("sales/brief/acme.yaml would hold"), "{told}");
    assert_eq!(files(&repo), ["brief/globex.yaml", "contract/acme.yaml", "proposal/acme.yaml"]);
}

#[test]
fn the_rest_of_a_merge_stays_as_it_is() {
    let repo = with_deals();
    repo.write("notes.md", "one\n");
    repo.commit("Notes");
    branches(
        &repo,
        |r| put(r.write("notes.md", "ours\n"), "sales/brief/acme.yaml", deal("Acme", 25000)),
        |r| {
            put(r.write("notes.md", "theirs\n"), "sales/brief/acme.yaml", deal("Acme", 20000));
            put(r, "sales/brief/globex.yaml", deal("Globex", 7000));
        },
    );
    repo.try_git(&["merge", "-q", "theirs"]);
    repo.write("untracked.txt", "mine\n");
    let marked = repo.read("notes.md");
    let told = resolve(&repo, &["--take", "ours"]);
    assert!(told.contains("still in conflict: notes.md"), "{told}");
    assert_eq!(repo.read("notes.md"), marked);
    assert_eq!(repo.git(&["ls-files", "-u", "--format=%(stage) %(path)"]), "1 notes.md\n2 notes.md\n3 notes.md\n");
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "notes.md\nsales/brief/globex.yaml\n");
    assert_eq!(repo.read("untracked.txt"), "mine\n");
}

#[test]
fn lists_that_both_sides_added_to_take_both_items() {
    let with =
        |items: &str| format!("{}activity:\n  - {{on: 2026-01-01, who: olga, what: call}}\n{items}", deal("Acme", 1));
    let repo = with_deals();
    repo.write("sales/brief/acme.yaml", with(""));
    repo.commit("First call");
    branches(
        &repo,
        |r| put(r, "sales/brief/acme.yaml", with("  - {on: 2026-01-02, who: olga, what: mail} # ours\n")),
        |r| put(r, "sales/brief/acme.yaml", with("  - {on: 2026-01-03, who: pavel, what: visit}\n")),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 1);
    resolve(&repo, &[]);
    let both = "  - {on: 2026-01-02, who: olga, what: mail} # ours\n  - {on: 2026-01-03, who: pavel, what: visit}\n";
    assert_eq!(repo.read("sales/brief/acme.yaml"), with(both));
    go_on(&repo, "merge");
    assert_eq!(merge_check(&repo), NONE);
}

#[test]
fn a_merge_of_several_branches_at_once_is_checked() {
    let repo = with_deals();
    for (branch, title) in [("one", "Acme"), ("two", "Globex"), ("three", "Initech")] {
        repo.git(&["checkout", "-q", "-b", branch, "main"]);
        let id = title.to_lowercase();
        repo.write(&format!("sales/brief/{id}.yaml"), deal(title, 77));
        repo.commit(branch);
    }
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "one", "two", "three"]);
    assert_eq!(merge_check(&repo), NONE);
    repo.write("sales/brief/globex.yaml", deal("Globex", 5000));
    repo.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    assert_eq!(merge_check(&repo), ["merge-lost-change globex amount"]);
}

#[test]
fn a_criss_cross_merge_is_wrong_only_where_it_is_against_every_ancestor() {
    let repo = with_deals();
    branches(
        &repo,
        |r| put(r, "sales/brief/acme.yaml", deal("Acme", 25000)),
        |r| put(r, "sales/brief/globex.yaml", deal("Globex", 7000)),
    );
    repo.git(&["branch", "ours-before"]);
    repo.git(&["merge", "-q", "theirs", "-m", "One way"]);
    repo.git(&["checkout", "-q", "theirs"]);
    repo.git(&["merge", "-q", "ours-before", "-m", "The other way"]);
    repo.write("sales/brief/acme.yaml", deal("Acme", 26000));
    repo.commit("More");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "theirs", "-m", "Criss-cross"]);
    assert_eq!(repo.git(&["merge-base", "--all", "HEAD^1", "HEAD^2"]).lines().count(), 2);
    assert_eq!(merge_check(&repo), NONE);
    repo.write("sales/brief/acme.yaml", deal("Acme", 18000));
    repo.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
    assert_eq!(merge_check(&repo), ["merge-settled acme amount"]);
}

#[test]
fn ranges_name_the_merges_that_are_checked() {
    let repo = gamma_for_acme();
    repo.git(&["merge", "-q", "theirs"]);
    repo.commit("Nothing");
    let found = |args: &[&str]| findings(&repo, &[&["merge-check", "--format", "json"], args].concat()).len();
    assert_eq!(found(&[]), 2, "the last merge");
    assert_eq!(found(&["HEAD~1"]), 2);
    assert_eq!(found(&["HEAD~2..HEAD"]), 2);
    assert_eq!(found(&["HEAD~1..HEAD"]), 0);
    assert_eq!(found(&["--all"]), 2);
    for bad in ["HEAD", "nothing", "--output=x..HEAD", "..--all"] {
        assert_eq!(repo.tussock(&["merge-check", "--", bad]).code, 2, "{bad}");
    }
    let shallow = repo.path().parent().unwrap().join("shallow");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth", "3", &from, shallow.to_str().unwrap()]);
    repo.git(&["-C", shallow.to_str().unwrap(), "rev-parse", "HEAD^^2"]);
}

#[test]
fn a_merge_whose_beginning_is_cut_off_is_history_incomplete() {
    let repo = gamma_for_acme();
    repo.git(&["merge", "-q", "theirs"]);
    let shallow = repo.path().parent().unwrap().join("shallow");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth", "2", &from, shallow.to_str().unwrap()]);
    let ran = repo.tussock(&["-C", shallow.to_str().unwrap(), "merge-check"]);
    assert_eq!(ran.code, 10, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("git fetch --unshallow"), "{}", ran.err);
}

#[test]
fn a_merge_result_is_judged_as_a_whole() {
    // Two edits that are fine each: one moves the deal on, the other takes out what the stage asked for.
    let repo = with_deals();
    branches(
        &repo,
        |r| mv(r, "sales/brief/acme.yaml", "sales/proposal/acme.yaml"),
        |r| {
            put(
                r,
                "sales/brief/acme.yaml",
                deal("Acme", 18000).replace("inputs:\n  goal: more leads from the site\n", ""),
            )
        },
    );
    assert_eq!(validate(&repo), NONE);
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(validate(&repo), ["exit-criterion acme inputs.goal"]);

    // A stage that goes while a deal is moved into it.
    let repo = with_deals();
    branches(
        &repo,
        |r| {
            let pipeline = r.read("sales/pipeline.yaml");
            put(
                r,
                "sales/pipeline.yaml",
                pipeline.replace("  - id: contract\n    title: Contract\n    probability: 80%\n", ""),
            );
            r.git(&["rm", "-q", "sales/contract/.gitkeep"]);
        },
        |r| mv(r, "sales/brief/acme.yaml", "sales/contract/acme.yaml"),
    );
    assert_eq!(repo.try_git(&["merge", "-q", "theirs"]).code, 0);
    assert_eq!(validate(&repo), ["unknown-stage - -"]);
}

#[test]
fn while_something_is_in_progress_or_in_conflict_nothing_else_writes() {
    let repo = two_amounts();
    repo.try_git(&["merge", "-q", "theirs"]);
    let before = kit::freeze::freeze(&repo.path());
    let (code, told) = both(&repo, &["move", "globex", "proposal"]);
    assert_eq!(code, 4);
    assert!(told.contains("git merge --continue"), "{told}");
    repo.tussock(&["list"]);
    repo.tussock(&["merge-check", "--all"]);
    assert_eq!(kit::freeze::differences(&before, &kit::freeze::freeze(&repo.path())), NONE);
}
