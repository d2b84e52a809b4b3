//! What comes from other branches and machines without any conflict, and is wrong all the same.
#![cfg(unix)]

mod kit;

use std::path::Path;

use kit::TestRepo;

fn with_acme() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\ninputs:\n  goal: leads\n");
    repo.commit("Add acme");
    repo
}

#[test]
fn criteria_that_became_stricter_meanwhile_are_named_after_the_merge_with_where_they_stand() {
    let repo = with_acme();
    repo.git(&["switch", "-q", "-c", "open"]);
    repo.ok(&["move", "acme", "proposal"]);
    assert_eq!(repo.tussock(&["validate"]).code, 0);
    repo.git(&["switch", "-q", "main"]);
    let pipeline = repo.read("sales/pipeline.yaml");
    let stricter = pipeline.replace("require: [inputs.goal]", "require: [inputs.goal, amount]");
    assert_ne!(pipeline, stricter);
    repo.write("sales/pipeline.yaml", stricter).commit("Ask for an amount");
    assert_eq!(repo.tussock(&["validate"]).code, 0);
    repo.git(&["merge", "-q", "--no-edit", "open"]);
    let ran = repo.tussock(&["validate"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    for said in ["exit-criterion", "sales/proposal/acme.yaml", "goal-known", "amount", "sales/pipeline.yaml"] {
        assert!(ran.out.contains(said), "no {said:?} in {}", ran.out);
    }
}

/// Copies what is not there yet, as a program does that keeps two folders alike.
fn bring(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => bring(&entry.path(), &there),
            false if !there.exists() => drop(std::fs::copy(entry.path(), there).unwrap()),
            false => {}
        }
    }
}

#[test]
fn two_clones_that_a_file_sync_has_mixed_are_told_and_no_commit_is_lost() {
    let here = with_acme();
    let there = TestRepo::without_git();
    bring(&here.path(), &there.path());
    there.set_now(here.now());
    here.ok(&["move", "acme", "proposal"]);
    there.ok(&["move", "acme", "brief"]);
    there.ok(&["set", "acme", "amount=7"]);
    there.ok(&["lose", "acme", "--reason", "price"]);
    let theirs = there.git(&["rev-parse", "HEAD"]);
    bring(&there.path(), &here.path());
    // It keeps both where both have changed a file, under a name of its own.
    std::fs::copy(there.path().join(".git/refs/heads/main"), here.path().join(".git/refs/heads/main (1)")).unwrap();

    let ran = here.tussock(&["validate"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("duplicate-deal") && ran.out.contains("the deal acme lies in"), "{}", ran.out);
    let ran = here.tussock(&["move", "acme", "contract", "--set", "proposal.sent_on=2026-01-01"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    here.tussock(&["doctor", "--fix"]);
    here.git(&["cat-file", "-e", theirs.trim()]);
    assert!(here.git(&["log", "--format=%s", theirs.trim()]).contains("acme: "), "what was done there can be read");
    assert!(here.has("sales/lost/2026/acme.yaml") && here.has("sales/proposal/acme.yaml"), "nothing is chosen");
}
