//! Deals that a person has edited by hand and not committed: refused as they are, taken along with `--with-edits`, and
//! never more than the one file.

mod kit;

use kit::TestRepo;
use kit::freeze::refuses;

const GOOD: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: More leads\n";

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", GOOD).write("sales/brief/other.yaml", GOOD).write("notes.txt", "one\n");
    repo.commit("Add acme");
    repo
}

fn changed(repo: &TestRepo) -> String {
    repo.git(&["show", "--format=", "--name-status", "--no-renames"])
}

#[test]
fn unstaged_edits_go_along_and_are_named() {
    for staged in [false, true] {
        let repo = with_acme();
        repo.write("sales/brief/acme.yaml", format!("{}notes: Call again\n", GOOD.replace("18000", "20000")));
        if staged {
            repo.git(&["add", "sales/brief/acme.yaml"]);
        }
        repo.write("sales/brief/other.yaml", GOOD.replace("18000", "1")).write("notes.txt", "two\n");
        repo.git(&["add", "notes.txt"]);
        let ran = refuses(&repo, 4, &["move", "acme", "proposal"], "sales/brief/acme.yaml has");
        assert!(ran.err.contains("--with-edits"), "{}", ran.err);

        let told = repo.ok(&["move", "acme", "proposal", "--set", "owner=petr", "--with-edits", "-m", "A good call"]);
        assert!(told.starts_with("acme: brief → proposal, with your edits of amount, notes\ncommitted as "), "{told}");
        assert_eq!(changed(&repo), "D\tsales/brief/acme.yaml\nA\tsales/proposal/acme.yaml\n");
        let body = repo.git(&["show", "-s", "--format=%B"]);
        assert!(body.contains("\n\nA good call\n\nacme: with your edits of amount, notes\n\nDeal: acme\n"), "{body}");
        let text = repo.git(&["show", "HEAD:sales/proposal/acme.yaml"]);
        assert!(
            text.contains("amount: 20000") && text.contains("owner: petr") && text.contains("Call again"),
            "{text}"
        );
        assert_eq!(repo.read("sales/proposal/acme.yaml"), text);
        assert_eq!(repo.git(&["status", "--porcelain"]), "M  notes.txt\n M sales/brief/other.yaml\n");
    }
}

#[test]
fn a_deal_that_was_staged_and_edited_again_is_refused_whatever_is_said() {
    let repo = with_acme();
    repo.write("sales/brief/acme.yaml", GOOD.replace("18000", "1"));
    repo.git(&["add", "-A"]);
    repo.write("sales/brief/acme.yaml", GOOD.replace("18000", "2"));
    refuses(&repo, 4, &["set", "acme", "owner=petr", "--with-edits"], "is staged and was edited again after that");
    repo.write("sales/brief/acme.yaml", GOOD);
    refuses(&repo, 4, &["set", "acme", "owner=petr", "--with-edits"], "is staged and was edited again after that");
}

#[test]
fn an_untracked_deal_is_tracked_from_now_on() {
    let repo = with_acme();
    repo.write("sales/brief/new.yaml", GOOD);
    refuses(&repo, 4, &["move", "new", "proposal"], "is not in git yet");
    let told = repo.ok(&["move", "new", "proposal", "--with-edits"]);
    assert!(told.starts_with("new: brief → proposal, now tracked\n"), "{told}");
    assert_eq!(changed(&repo), "A\tsales/proposal/new.yaml\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");

    repo.write("sales/brief/second.yaml", GOOD);
    repo.git(&["add", "-N", "sales/brief/second.yaml"]);
    repo.ok(&["set", "second", "owner=petr", "--with-edits"]);
    assert_eq!(changed(&repo), "A\tsales/brief/second.yaml\n");
    repo.write("sales/brief/third.yaml", GOOD);
    repo.git(&["add", "sales/brief/third.yaml"]);
    repo.ok(&["set", "third", "owner=petr", "--with-edits"]);
    assert_eq!(changed(&repo), "A\tsales/brief/third.yaml\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(repo.git(&["fsck", "--strict"]), "");
}

#[test]
fn an_ignored_deal_stays_out_of_git() {
    let repo = with_acme();
    repo.write(".gitignore", "secret.yaml\n");
    repo.commit("Ignore");
    repo.write("sales/brief/secret.yaml", GOOD);
    refuses(&repo, 4, &["set", "secret", "owner=petr", "--with-edits"], "is ignored by git");
    refuses(&repo, 4, &["move", "secret", "proposal", "--with-edits"], "is ignored by git");
}

#[test]
fn a_move_by_hand_is_not_half_committed() {
    let repo = with_acme();
    std::fs::rename(repo.path().join("sales/brief/acme.yaml"), repo.path().join("sales/proposal/acme.yaml")).unwrap();
    refuses(&repo, 4, &["set", "acme", "owner=petr", "--with-edits"], "acme was moved by hand");
    repo.git(&["add", "-A"]);
    refuses(&repo, 4, &["set", "acme", "owner=petr", "--with-edits"], "acme was moved by hand");
}

#[test]
fn a_pre_commit_hook_sees_the_edits_and_a_clean_deal_needs_none() {
    let repo = with_acme();
    let hook = repo.path().join(".git/hooks/pre-commit");
    std::fs::write(&hook, "#!/bin/sh\ngit diff --cached --name-only --no-renames > .git/seen\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repo.write("sales/brief/new.yaml", GOOD);
    repo.ok(&["move", "new", "acme", "proposal", "--with-edits"]);
    assert_eq!(repo.read(".git/seen"), "sales/brief/acme.yaml\nsales/proposal/acme.yaml\nsales/proposal/new.yaml\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn edits_can_be_staged_with_the_change_instead() {
    let repo = with_acme();
    repo.write("sales/brief/acme.yaml", GOOD.replace("18000", "1"));
    repo.ok(&["move", "acme", "proposal", "--with-edits", "--no-commit"]);
    assert_eq!(
        repo.git(&["status", "--porcelain", "--no-renames"]),
        "D  sales/brief/acme.yaml\nA  sales/proposal/acme.yaml\n"
    );
}
