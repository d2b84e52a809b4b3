//! `validate --baseline`: old faults are passed over until a day, new ones are not.

mod kit;

use kit::TestRepo;

fn repo() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: Acme\nammount: 1\n");
    repo.write("sales/proposal/borg.yaml", "title: Borg\nclose_date: 2026-01-01\n");
    repo.write("sales/brief/crow.yaml", "title: Crow\n");
    repo.commit("Old faults");
    repo
}

/// Exit code, the lines that begin a finding, and what standard error says.
fn validate(repo: &TestRepo, args: &[&str]) -> (i32, Vec<String>, String) {
    let all: Vec<&str> = ["validate", "--today", "2026-01-06"].iter().chain(args).copied().collect();
    let ran = repo.tussock(&all);
    let begins = |line: &&str| ["error[", "warning[", "info["].iter().any(|level| line.starts_with(level));
    (ran.code, ran.out.lines().filter(begins).map(str::to_owned).collect(), ran.err)
}

#[test]
fn what_is_listed_is_passed_over_and_what_is_new_is_not() {
    let repo = repo();
    assert_eq!(validate(&repo, &[]).0, 1);
    let (code, left, told) = validate(&repo, &["--write-baseline", "known.yaml"]);
    assert_eq!((code, left.len()), (0, 0));
    assert_eq!(
        told,
        "3 findings written to known.yaml; `tussock validate --baseline known.yaml` passes over what it lists\n"
    );
    let file = repo.read("known.yaml");
    assert_eq!(
        file.lines().skip(2).collect::<Vec<_>>(),
        [
            "entries:",
            "  - {fingerprint: \"exit-criterion:borg:inputs.goal:1\", rule: exit-criterion, deal: \"borg\", field: \
             \"inputs.goal\", until: 2026-04-07}",
            "  - {fingerprint: \"overdue-close-date:borg:close_date:1\", rule: overdue-close-date, deal: \"borg\", field: \
             \"close_date\", until: 2026-04-07}",
            "  - {fingerprint: \"unknown-field:acme:ammount:1\", rule: unknown-field, deal: \"acme\", field: \"ammount\", \
             until: 2026-04-07}",
        ]
    );
    let (code, left, told) = validate(&repo, &["--baseline", "known.yaml"]);
    assert_eq!((code, left.len()), (0, 0));
    assert_eq!(told, "3 findings are passed over, as known.yaml lists them\n");
    // A line above, another folder and other words change nothing.
    repo.write("sales/brief/acme.yaml", "# Acme\ntitle: Acme\nammount: 17\n");
    repo.write("sales/brief/crow.yaml", "title: Crow\nclosedate: 2026-01-01\n");
    let (code, left, _) = validate(&repo, &["--baseline", "known.yaml"]);
    assert_eq!((code, left), (1, vec!["error[unknown-field]: there is no field `closedate`".to_owned()]));
    assert_eq!(validate(&repo, &["--baseline", "known.yaml", "--exit-zero"]).0, 0);
}

#[test]
fn an_entry_counts_for_nothing_after_its_day_and_says_so() {
    let repo = repo();
    validate(&repo, &["--write-baseline", "known.yaml", "--until", "2026-01-06"]);
    assert_eq!(validate(&repo, &["--baseline", "known.yaml"]).0, 0);
    let ran = repo.tussock(&["validate", "--today", "2026-01-07", "--baseline", "known.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("help: the baseline passed it over until 2026-01-06"), "{}", ran.out);
    assert_eq!(ran.err, "the day of 3 entries of known.yaml is over, so that their findings count again\n");
    let (code, _, told) = validate(&repo, &["--write-baseline", "known.yaml", "--until", "2026-01-05"]);
    assert!(code == 2 && told.contains("is over"), "{told}");
}

#[test]
fn entries_that_match_nothing_any_more_are_told_where_all_was_looked_at() {
    let repo = repo();
    validate(&repo, &["--write-baseline", "known.yaml"]);
    repo.write("sales/brief/acme.yaml", "title: Acme\namount: 1\n");
    let (_, _, told) = validate(&repo, &["--baseline", "known.yaml"]);
    let unused = "an entry of known.yaml matches nothing any more, take it out: unknown-field:acme:ammount:1\n";
    assert!(told.ends_with(unused), "{told}");
    let (_, _, told) = validate(&repo, &["--baseline", "known.yaml", "sales/proposal"]);
    assert_eq!(told, "2 findings are passed over, as known.yaml lists them\n");
    // Written anew it shrinks, and what is left keeps its day.
    let ran = repo.tussock(&["validate", "--today", "2026-02-01", "--write-baseline", "known.yaml"]);
    assert!(ran.err.starts_with("2 findings written"), "{}", ran.err);
    assert_eq!(repo.read("known.yaml").matches("until: 2026-04-07").count(), 2);
}

#[test]
fn what_leaves_a_file_in_doubt_is_never_passed_over() {
    let repo = repo();
    repo.write("sales/contract/crow.yaml", "title: Crow\ninputs: {goal: x}\nproposal: {sent_on: 2026-01-01}\n");
    repo.write("sales/brief/dodo.yaml", "title: Dodo\nnotes: |\n  <<<<<<< HEAD\n  a\n  =======\n  b\n  >>>>>>> x\n");
    repo.write("sales/brief/ewok.yaml", "title: Ewok: the second\n");
    let (code, left, _) = validate(&repo, &["--write-baseline", "known.yaml"]);
    let rules: Vec<&str> = left.iter().filter_map(|line| line.split(['[', ']']).nth(1)).collect();
    assert_eq!(code, 1);
    for rule in ["conflict-marker", "duplicate-deal", "yaml-syntax"] {
        assert!(rules.contains(&rule), "{rules:?}");
        assert!(!repo.read("known.yaml").contains(rule));
    }
    let entry = "  - {fingerprint: \"duplicate-deal:crow::1\", until: 2099-01-01}\n";
    let text = repo.read("known.yaml");
    repo.write("known.yaml", format!("{text}{entry}"));
    let (code, left, told) = validate(&repo, &["--baseline", "known.yaml"]);
    assert!(code == 1 && left.iter().any(|line| line.starts_with("error[duplicate-deal]")), "{left:?}");
    assert!(told.contains("no list can pass these over: duplicate-deal:crow::1"), "{told}");
}

#[test]
fn other_files_are_refused_with_where_they_are_wrong() {
    let repo = repo();
    for (text, why) in [
        ("- a\n", "is no list of findings"),
        ("version: 3\nentries: []\n", "it is of version 3"),
        ("version: 1\nentries:\n  - {fingerprint: a, until: soon}\n", "soon"),
        ("version: 1\nentries: [{fingerprint: a, until: 2026-01-01}, {fingerprint: a, until: 2026-01-01}]\n", "twice"),
    ] {
        repo.write("known.yaml", text);
        let (code, _, told) = validate(&repo, &["--baseline", "known.yaml"]);
        assert!(code == 2 && told.contains(why), "{text}: {code} {told}");
    }
    assert_eq!(validate(&repo, &["--baseline", "nowhere.yaml"]).0, 2);
    assert_eq!(validate(&repo, &["--until", "2026-01-01"]).0, 2);
    assert_eq!(validate(&repo, &["--baseline", "a", "--write-baseline", "b"]).0, 2);
}

#[test]
fn before_a_commit_and_for_a_change_it_passes_over_the_same() {
    let repo = repo();
    validate(&repo, &["--write-baseline", "known.yaml"]);
    repo.commit("Known");
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.write("sales/brief/acme.yaml", "title: Acme, again\nammount: 1\n");
    repo.git(&["add", "-A"]);
    assert_eq!(validate(&repo, &["--staged", "--changed"]).0, 1);
    let (code, left, _) = validate(&repo, &["--staged", "--changed", "--baseline", "known.yaml"]);
    assert_eq!((code, left.len()), (0, 0));
    repo.commit("Change");
    assert_eq!(validate(&repo, &["--since", "main"]).0, 1);
    for trust in ["base", "head"] {
        let (code, left, told) = validate(&repo, &["--since", "main", "--trust", trust, "--baseline", "known.yaml"]);
        assert_eq!((code, left.len(), told.as_str()), (0, 0, "1 finding is passed over, as known.yaml lists them\n"));
    }
}
