//! `tussock fmt` on the real binary.

mod kit;

use std::path::Path;
use std::process::Command;

use kit::TestRepo;
use kit::freeze::{differences, freeze};
use rayon::prelude::*;
use tussock::format::canonical::format;
use tussock::format::pipeline_file;

const ACME: &str = "owner: olga   # since May\ntitle: ACME site\n";
const ACME_IN_ORDER: &str = "title: ACME site\nowner: olga   # since May\n";

/// The small pipeline with a deal in order and two that are not.
fn with_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.write("sales/brief/borg.yaml", "title: Borg\n");
    repo.write(
        "sales/won/2026/cyberdyne.yaml",
        "inputs: {goal: Awake}\nproposal: {sent_on: 2026-01-02}\ntitle: Cyberdyne\n",
    );
    repo.commit("Add deals");
    repo
}

fn nothing_changes(repo: &TestRepo, args: &[&str]) -> kit::Ran {
    let before = freeze(&repo.path());
    let ran = repo.tussock(args);
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new(), "{args:?} changed something");
    ran
}

#[test]
fn all_deals_are_formatted_in_one_commit() {
    let repo = with_deals();
    let out = repo.ok(&["fmt", "-m", "One order for all"]);
    let (told, commit) = out.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(told, "acme: changed (sales/brief/acme.yaml)\ncyberdyne: changed (sales/won/2026/cyberdyne.yaml)");
    assert!(commit.starts_with("committed as "), "{commit}");
    assert_eq!(repo.read("sales/brief/acme.yaml"), ACME_IN_ORDER);
    assert_eq!(
        repo.read("sales/won/2026/cyberdyne.yaml"),
        "title: Cyberdyne\ninputs:\n  goal: Awake\nproposal:\n  sent_on: 2026-01-02\n"
    );
    assert_eq!(
        repo.git(&["log", "-1", "--format=%B"]).trim_end(),
        "fmt: 2 deals\n\nOne order for all\n\nDeal: acme\nDeal: cyberdyne"
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    let again = nothing_changes(&repo, &["fmt"]);
    assert_eq!((again.code, &*again.out), (0, "3 deals are in canonical form, nothing to do\n"));
}

#[test]
fn check_names_what_would_change_and_changes_nothing() {
    let repo = with_deals();
    let ran = nothing_changes(&repo, &["fmt", "--check"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out, "would change sales/brief/acme.yaml\nwould change sales/won/2026/cyberdyne.yaml\n");
    let ran = nothing_changes(&repo, &["fmt", "--check", "borg"]);
    assert_eq!((ran.code, &*ran.out), (0, "1 deal is in canonical form, nothing to do\n"));
    let ran = nothing_changes(&repo, &["fmt", "--check", "-m", "x"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

#[test]
fn the_change_can_be_seen_before_it_is_made() {
    let repo = with_deals();
    let ran = nothing_changes(&repo, &["fmt", "acme", "--dry-run"]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out,
        "diff --git a/sales/brief/acme.yaml b/sales/brief/acme.yaml\n--- a/sales/brief/acme.yaml\n\
         +++ b/sales/brief/acme.yaml\n@@ -1,2 +1,2 @@\n+title: ACME site\n owner: olga   # since May\n-title: ACME site\n"
    );
    let checked = nothing_changes(&repo, &["fmt", "acme", "--check", "--diff"]);
    assert_eq!((checked.code, checked.out), (1, ran.out));
}

#[test]
fn deals_are_named_by_id_file_or_folder() {
    for (words, subject) in [
        (&["acme"][..], "fmt: acme"),
        (&["acme", "acme", "borg"], "fmt: acme"),
        (&["sales/brief"], "fmt: acme"),
        (&["sales/won/"], "fmt: cyberdyne"),
        (&["sales/won/2026/cyberdyne.yaml", "acme"], "fmt: 2 deals"),
        (&["."], "fmt: 2 deals"),
    ] {
        let repo = with_deals();
        repo.ok(&[&["fmt"], words].concat());
        assert_eq!(repo.git(&["log", "-1", "--format=%s"]).trim_end(), subject, "{words:?}");
    }
    let repo = with_deals();
    repo.ok(&["-C", "sales", "fmt", "brief"]);
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]).trim_end(), "fmt: acme");
    let ran = nothing_changes(&repo, &["fmt", "cyberdine"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("there is no deal `cyberdine`, did you mean `cyberdyne`?"), "{}", ran.err);
    assert_eq!(nothing_changes(&repo, &["fmt", "sales/nowhere/"]).code, 2);
}

#[test]
fn broken_files_are_left_alone_and_the_others_formatted() {
    let repo = with_deals();
    let conflict = "<<<<<<< HEAD\ntitle: a\n=======\ntitle: b\n>>>>>>> x\n";
    let twice = "owner: x\ntitle: a\ntitle: b\n";
    repo.write("sales/brief/conflict.yaml", conflict).write("sales/brief/twice.yaml", twice);
    repo.write("sales/brief/bytes.yaml", [b'a', b':', b' ', 0xff, b'\n']);
    repo.write("sales/lost/2025/acme.yaml", "owner: petr\ntitle: The older one\n");
    repo.commit("Add broken deals");
    let ran = repo.tussock(&["fmt"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.starts_with("cyberdyne: changed "), "{}", ran.out);
    assert_eq!(
        ran.err,
        "warning: sales/brief/acme.yaml was left as it is: acme lies in several places; keep one of the files first\n\
         warning: sales/brief/bytes.yaml was left as it is: it must be mended first: the file is not UTF-8 (byte 3, line 1); it looks like Latin-1 (Windows-1252)\n\
         warning: sales/brief/conflict.yaml was left as it is: it must be mended first, line 1: a merge conflict that was not resolved\n\
         warning: sales/brief/twice.yaml was left as it is: it must be mended first, line 3: `title` stands twice in one block\n\
         warning: sales/lost/2025/acme.yaml was left as it is: acme lies in several places; keep one of the files first\n"
    );
    assert_eq!(repo.read("sales/brief/conflict.yaml"), conflict);
    assert_eq!(repo.read("sales/brief/twice.yaml"), twice);
    let again = nothing_changes(&repo, &["fmt", "--check", "conflict"]);
    assert_eq!((again.code, &*again.out), (1, ""));
}

#[test]
fn other_peoples_changes_are_not_taken_along() {
    let repo = with_deals();
    repo.write("sales/won/2026/cyberdyne.yaml", "inputs: {goal: Asleep}\ntitle: Cyberdyne\n");
    let ran = nothing_changes(&repo, &["fmt"]);
    assert_eq!(ran.code, 4);
    assert!(ran.err.contains("sales/won/2026/cyberdyne.yaml"), "{}", ran.err);
    assert!(!ran.err.contains("--with-edits"), "fmt has no such option: {}", ran.err);
    repo.write("notes.txt", "mine");
    repo.git(&["add", "notes.txt"]);
    repo.ok(&["fmt", "acme"]);
    assert_eq!(repo.git(&["show", "--format=", "--name-only"]).trim_end(), "sales/brief/acme.yaml");
    assert_eq!(repo.git(&["status", "--porcelain"]), "A  notes.txt\n M sales/won/2026/cyberdyne.yaml\n");
}

#[test]
fn a_check_reads_deals_that_are_not_committed() {
    let repo = with_deals();
    repo.write("sales/brief/acme.yaml", ACME_IN_ORDER);
    let ran = nothing_changes(&repo, &["fmt", "--check", "acme"]);
    assert_eq!((ran.code, &*ran.out), (0, "1 deal is in canonical form, nothing to do\n"));
}

#[test]
fn the_rule_is_off_until_a_pipeline_asks_for_it() {
    let repo = with_deals();
    repo.ok(&["validate"]);
    repo.write("sales/pipeline.yaml", format!("{}  non-canonical: error\n", kit::SMALL_PIPELINE));
    let ran = repo.tussock(&["validate"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("error[non-canonical]: acme is not in canonical form"), "{}", ran.out);
    assert!(ran.out.contains("help: `tussock fmt acme`"), "{}", ran.out);
    repo.commit("Ask for it");
    repo.ok(&["fmt"]);
    repo.ok(&["validate"]);
}

#[test]
fn what_tussock_writes_itself_is_canonical() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/pipeline.yaml", format!("{}  non-canonical: error\n", kit::SMALL_PIPELINE));
    repo.commit("Ask for it");
    let sets = ["owner=olga", "inputs.goal=x", "amount=5", "notes=n", "next_step.what=Call", "was+=old"];
    let mut new = vec!["new", "ACME", "--id", "acme"];
    new.extend(sets.iter().flat_map(|set| ["--set", *set]));
    repo.ok(&new);
    repo.ok(&["validate"]);
    for set in [
        "activity+={on: 2026-01-02, who: olga, what: call}",
        "activity+={on: 2026-01-03, who: olga, what: call}",
        "next_step.due=2026-02-01",
        "source=web",
        "account=ACME GmbH",
        "lost.reason=price",
        "approvals.start.on=2026-01-01",
        "approvals.start.by=boss",
        "x-note=free",
        "region=EU",
    ] {
        repo.ok(&["set", "acme", set]);
        repo.ok(&["validate"]);
    }
}

/// Fails with what would change in the deals of a pipeline.
fn assert_canonical(root: &Path) {
    let pipeline = std::fs::read(root.join("pipeline.yaml")).unwrap();
    let (pipeline, _) = pipeline_file::read(&pipeline).unwrap();
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("pipeline.yaml") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 20, "{files:?}");
    files.par_iter().for_each(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(format(&text, &pipeline.fields).unwrap(), text, "{}", path.display());
    });
}

#[test]
fn the_example_and_the_demo_are_canonical() {
    assert_canonical(&Path::new(env!("CARGO_MANIFEST_DIR")).join("example-pipeline"));
    let repo = TestRepo::without_git();
    repo.ok(&["demo", "trial"]);
    let ran = repo.run(Command::new(env!("CARGO_BIN_EXE_tussock")).args(["-C", "trial", "fmt", "--check"]));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
