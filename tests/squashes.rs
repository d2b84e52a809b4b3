//! Conflicts that only the index tells of: those of a squash merge, and of a stash that is taken out.

mod kit;

use kit::TestRepo;

/// A deal with fields enough that git takes an edited one for the same file.
fn deal(title: &str, amount: u32) -> String {
    format!(
        "title: {title}\nowner: olga\naccount: {title} Ltd\namount: {amount}\nsource: referral\nclose_date: 2026-09-30\n\
         inputs:\n  goal: more leads from the site\nproposal:\n  sent_on: 2026-01-20\nnotes: |\n  First line.\n  Second line.\n"
    )
}

/// A deal that git does not take for the same file.
fn rewritten(title: &str) -> String {
    format!("title: {title}\nnotes: |\n  Nothing\n  of what\n  was there\n  is left\n  of this\n  deal.\n")
}

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", deal("Acme", 18000)).commit("Begin");
    repo
}

/// Makes the branch `north` by this, and goes back to `main`.
fn north(repo: &TestRepo, change: impl Fn(&TestRepo)) {
    repo.git(&["switch", "-q", "-c", "north"]);
    change(repo);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "North"]);
    repo.git(&["switch", "-q", "main"]);
}

fn squash(repo: &TestRepo) {
    assert_eq!(repo.try_git(&["merge", "-q", "--squash", "north"]).code, 1, "a conflict");
}

fn status(repo: &TestRepo) -> String {
    repo.git(&["status", "--porcelain"])
}

/// A stash that holds the deal and has nothing to do with anything.
fn old_stash(repo: &TestRepo, amount: u32) {
    repo.write("sales/brief/acme.yaml", deal("Acme", amount));
    repo.git(&["stash", "-q"]);
}

#[test]
fn an_old_stash_has_nothing_to_do_with_a_removal_that_a_squash_brings_in() {
    for take in ["theirs", "ours"] {
        let repo = with_acme();
        north(&repo, |repo| drop(repo.git(&["rm", "-q", "sales/brief/acme.yaml"])));
        old_stash(&repo, 1);
        repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
        squash(&repo);
        let told = repo.ok(&["resolve", "acme", "--take", take]);
        assert!(told.contains("theirs  north") && !told.contains("stash"), "{told}");
        let (left, file) = if take == "theirs" { ("D  sales/brief/acme.yaml\n", false) } else { ("", true) };
        assert_eq!((status(&repo), repo.has("sales/brief/acme.yaml")), (left.to_owned(), file));
    }
}

#[test]
fn an_old_stash_has_nothing_to_do_with_an_edit_that_a_squash_brings_in() {
    for added in [false, true] {
        let repo = with_acme();
        north(&repo, |repo| {
            repo.write("sales/brief/acme.yaml", deal("Acme", 3));
        });
        old_stash(&repo, 1);
        repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
        squash(&repo);
        if added {
            repo.git(&["add", "-A"]);
        }
        let told = repo.ok(&["resolve", "acme", "--take", "theirs"]);
        assert!(told.contains("theirs  north") && !told.contains("stash"), "{told}");
        assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 3));
    }
}

#[test]
fn a_deal_that_both_moved_and_one_rewrote_goes_where_a_squash_says_and_keeps_what_was_rewritten() {
    for (take, stage) in [("theirs", "contract"), ("ours", "proposal")] {
        let repo = with_acme();
        north(&repo, |repo| {
            repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
            repo.write("sales/contract/acme.yaml", deal("Acme", 18000));
        });
        repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
        repo.write("sales/proposal/acme.yaml", rewritten("Acme")).commit("Move and rewrite");
        squash(&repo);
        assert!(repo.git(&["ls-files", "--stage"]).contains(" 0\tsales/proposal/acme.yaml"), "one copy looks clean");
        let found = repo.tussock(&["validate"]);
        assert!(found.code == 1 && found.out.contains("duplicate-deal"), "{}", found.out);
        let told = repo.ok(&["resolve", "acme", "--take", take]);
        assert!(repo.has(&format!("sales/{stage}/acme.yaml")), "{told}");
        let files = repo.git(&["ls-files", "--stage", "sales"]);
        assert_eq!(files.matches("acme.yaml").count(), 1, "{files}");
        assert_eq!(repo.read(&format!("sales/{stage}/acme.yaml")), rewritten("Acme"), "only ours has rewritten it");
    }
}

#[test]
fn what_is_next_speaks_of_a_stash_only_where_one_was_taken_out() {
    let repo = with_acme();
    north(&repo, |repo| {
        repo.write("sales/brief/acme.yaml", deal("Acme", 3));
    });
    repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
    squash(&repo);
    let told = repo.ok(&["resolve", "acme", "--take", "ours"]);
    assert!(told.ends_with("next: commit it\n"), "{told}");

    // A squash that went well and is not committed does not make a conflict of the stash its own.
    for added in [false, true] {
        let repo = with_acme();
        north(&repo, |repo| {
            repo.write("sales/brief/globex.yaml", deal("Globex", 3));
        });
        old_stash(&repo, 1);
        repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
        repo.git(&["merge", "-q", "--squash", "north"]);
        repo.git(&["commit", "-q", "-m", "North"]);
        // The draft of a message can stay behind.
        let draft = format!("Squashed commit of the following:\n\ncommit {}\n", repo.git(&["rev-parse", "north"]));
        repo.write(".git/SQUASH_MSG", draft);
        assert_eq!(repo.try_git(&["stash", "pop", "-q"]).code, 1);
        if added {
            repo.git(&["add", "-A"]);
        }
        let told = repo.ok(&["resolve", "acme", "--take", "theirs"]);
        assert!(told.contains("theirs  the stash") && told.contains("git stash drop"), "{told}");
        assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 1));
    }
}

#[test]
fn a_draft_that_speaks_of_unknown_commits_or_of_such_as_are_here_is_not_believed() {
    for draft in ["commit 0123456789012345678901234567890123456789\n", "commit \n", "Squash\n", "HEAD"] {
        let repo = with_acme();
        north(&repo, |repo| {
            repo.write("sales/brief/acme.yaml", deal("Acme", 3));
        });
        repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
        squash(&repo);
        let draft = match draft {
            "HEAD" => format!("commit {}", repo.git(&["rev-parse", "HEAD~1"])),
            draft => draft.to_owned(),
        };
        repo.write(".git/SQUASH_MSG", draft);
        let told = repo.ok(&["resolve", "acme", "--take", "theirs"]);
        assert!(told.contains("theirs  what came in"), "{told}");
        assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 3));
    }
}

#[test]
fn a_search_for_a_commit_is_left_with_one_command_and_is_no_cause_of_a_conflict() {
    let repo = with_acme();
    old_stash(&repo, 1);
    repo.write("sales/brief/acme.yaml", deal("Acme", 2)).commit("Another amount");
    repo.git(&["bisect", "start"]);
    let ran = repo.tussock(&["set", "acme", "amount=5"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("a bisect is in progress; end it with `git bisect reset`, then try again"), "{}", ran.err);
    assert_eq!(repo.try_git(&["stash", "pop", "-q"]).code, 1);
    let told = repo.ok(&["resolve", "acme", "--take", "theirs"]);
    assert!(told.contains("theirs  the stash") && told.contains("git stash drop"), "{told}");
    assert_eq!(repo.read("sales/brief/acme.yaml"), deal("Acme", 1));
}
