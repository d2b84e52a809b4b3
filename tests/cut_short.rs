//! What those who only read are told of a change that was cut short, and that they change nothing.

mod kit;

use std::os::unix::fs::PermissionsExt;

use kit::TestRepo;
use kit::freeze::{differences, freeze};

const ACME: &str = "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\n";

/// The commands that read and say what state things are in.
const READERS: [&[&str]; 7] = [
    &["list"],
    &["validate"],
    &["show", "acme"],
    &["why", "acme"],
    &["report"],
    &["log"],
    &["list", "--format", "json"],
];

/// A repository in which a move was cut short when the branch had moved and nothing had followed it: the journal is a
/// real one, and work tree and index are as before.
fn cut_short() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", ACME);
    repo.commit("Add acme");
    let script = "test $1 = committed || exit 0; cp .git/tussock/journal journal.copy; cp .git/index index.copy";
    repo.write(".git/hooks/reference-transaction", format!("#!/bin/sh\n{script}\n"));
    let hook = repo.path().join(".git/hooks/reference-transaction");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.ok(&["move", "acme", "proposal"]);
    std::fs::remove_file(hook).unwrap();
    let to = |from: &str, to: &str| std::fs::rename(repo.path().join(from), repo.path().join(to)).unwrap();
    to("journal.copy", ".git/tussock/journal");
    to("index.copy", ".git/index");
    to("sales/proposal/acme.yaml", "sales/brief/acme.yaml");
    repo
}

#[test]
fn readers_say_in_one_line_that_a_change_was_cut_short_and_change_nothing() {
    let repo = cut_short();
    let before = freeze(&repo.path());
    for command in READERS {
        let ran = repo.tussock(command);
        assert!(ran.code <= 1, "{command:?}: {}", ran.err);
        let told = "a change was cut short here and may be half seen: acme: brief → proposal; the next command that \
                    writes ends it, or `tussock doctor`";
        assert_eq!(
            ran.err.lines().filter(|line| line.contains("cut short")).collect::<Vec<_>>(),
            [told],
            "{command:?}"
        );
        assert!(!ran.out.contains("cut short"), "{command:?}: {}", ran.out);
    }
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
    let ran = repo.tussock(&["set", "acme", "amount=1"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(repo.read("sales/proposal/acme.yaml"), ACME.replace("18000", "1"));
    for command in READERS {
        assert!(!repo.tussock(command).err.contains("cut short"), "{command:?}");
    }
}

#[test]
fn a_dry_run_says_it_too_and_a_journal_that_nobody_can_read_keeps_nobody_from_reading() {
    let repo = cut_short();
    let ran = repo.tussock(&["set", "acme", "amount=1", "--dry-run"]);
    assert!(ran.err.contains("cut short"), "{}", ran.err);
    repo.write(".git/tussock/journal", "tussock journal 99\n{\"tussock\":\"9.1.0\\u001b[31m\"}\nend\n");
    let before = freeze(&repo.path());
    for command in READERS {
        let ran = repo.tussock(command);
        assert!(ran.code <= 1, "{command:?}: {}", ran.err);
        assert!(ran.err.contains("warning: whether a change was cut short here is not known"), "{}", ran.err);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    }
    assert_eq!(differences(&before, &freeze(&repo.path())), Vec::<String>::new());
}
