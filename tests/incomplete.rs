//! History that is not all there: refused with what to do, or read with every number marked; the present state is read
//! all the same.

mod kit;

use std::path::PathBuf;

use kit::TestRepo;
use serde_json::Value;

/// Three deals: `old` came in before everything else, `acme` goes on after ten days, `new` comes in after twenty.
fn three() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/old.yaml", "title: Old\namount: 100\n");
    repo.write("sales/brief/acme.yaml", "title: ACME\namount: 200\ninputs: {goal: a shop}\n");
    repo.commit("old and acme");
    repo.wait_days(10);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(10);
    repo.write("sales/brief/new.yaml", "title: New\namount: 300\n");
    repo.commit("new");
    repo
}

/// A shallow clone of it that begins with the move.
fn shallow(repo: &TestRepo) -> String {
    let (from, to) =
        (format!("file://{}", repo.path().display()), repo.path().join("../shallow").display().to_string());
    repo.git(&["clone", "-q", "--depth", "2", &from, &to]);
    to
}

/// Where a loose object lies.
fn object(repo: &TestRepo, id: &str) -> PathBuf {
    repo.path().join(format!(".git/objects/{}/{}", &id[..2], &id[2..]))
}

fn make_writable(path: &std::path::Path) {
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    std::fs::set_permissions(path, permissions).unwrap();
}

const REFUSED: &str = "\
error: this clone is shallow: its history ends early and every deal would seem new; run `git fetch --unshallow`, in CI check out with `fetch-depth: 0`
help: `--allow-incomplete`, which report, log, list, show and why take, reads what is there and marks it
";

const TOLD: &str = "\
warning: history is incomplete: this shallow clone begins on 2026-01-15, and what was before is not known; deals that were there already are older than they seem
";

#[test]
fn in_a_shallow_clone_the_present_is_read_and_what_needs_history_is_refused() {
    let repo = three();
    let to = shallow(&repo);
    for args in [
        &["report"][..],
        &["report", "funnel"],
        &["log"],
        &["log", "acme"],
        &["list", "--columns", "id,days_in_stage"],
        &["list", "--where", "days_in_stage > 3"],
        &["list", "--as-of", "2026-01-20"],
        &["report", "--as-of", "2026-01-20"],
    ] {
        let ran = repo.tussock(&[&["-C", &to], args].concat());
        assert_eq!((ran.code, &*ran.out, &*ran.err), (10, "", REFUSED), "{args:?}");
    }
    for args in [&["list"][..], &["show", "acme"], &["why", "acme"], &["validate"], &["list", "--as-of", "HEAD~1"]] {
        repo.ok(&[&["-C", &to], args].concat());
    }
}

#[test]
fn allowed_a_shallow_clone_is_read_and_every_number_is_marked() {
    let repo = three();
    let to = shallow(&repo);
    let allowed = |args: &[&str]| {
        let ran = repo.tussock(&[&["-C", &to], args, &["--allow-incomplete"]].concat());
        assert_eq!((ran.code, &*ran.err), (0, TOLD), "{args:?}");
        ran.out
    };
    let log = allowed(&["log", "--format", "csv"]);
    let events: Vec<_> = log.lines().skip(1).map(|l| l.split(',').take(5).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(events, ["acme,found,,,proposal", "old,found,,,brief", "new,created,,,brief"]);
    assert!(allowed(&["log"]).contains("was in brief already"));
    let story = allowed(&["log", "old", "--today", "2026-01-30"]);
    let told = "  Brief: was there already where this shallow clone begins, so its beginning is\n";
    assert!(story.contains(told), "{story}");
    assert!(story.contains("old · Brief, at least 15 days so far · 100 EUR\n"), "{story}");
    let list: Value =
        serde_json::from_str(&allowed(&["list", "--columns", "id,days_in_stage", "--format", "json"])).unwrap();
    assert_eq!(list["incomplete"], true);
    assert!(allowed(&["list", "--columns", "id,days_in_stage", "--as-of", "2026-01-20"]).contains("acme"));

    for name in ["overview", "pipeline", "funnel", "forecast"] {
        let page = allowed(&["report", name]);
        let told =
            "> **Incomplete history.** This clone is shallow and begins on 2026-01-15; what was before is not known.";
        assert!(page.contains(told), "{name}: {page}");
        assert!(page.contains(" · **history incomplete** · "), "{name}: {page}");
        let whole = repo.ok(&["report", name]);
        assert!(!whole.contains("\\*") && !whole.contains("ncomplete"), "{name}: {whole}");
        let document: Value = serde_json::from_str(&allowed(&["report", name, "--format", "json"])).unwrap();
        assert_eq!((&document["incomplete"], &document["history"]["incomplete"]), (&true.into(), &true.into()));
        for part in ["state", "funnel", "forecast"] {
            let found = &document[part];
            assert!(found.is_null() || found["incomplete"] == true, "{name} {part}");
        }
    }
    let funnel = allowed(&["report", "funnel"]);
    // Only what came in after the edge came in: `new`.
    assert!(
        funnel
            .contains("\n**1 deal\\*** came in: 0\\* won, 0\\* lost, 0\\* recycled, 0\\* withdrawn, 1\\* still open."),
        "{funnel}"
    );
    assert!(funnel.contains("\n| Brief | 1\\* |"), "{funnel}");
    assert!(
        funnel.contains("\n- From 2026-01-15, where this shallow clone begins, to 2026-01-25, 2 commits on the line"),
        "{funnel}"
    );
    assert!(
        funnel.contains("\n- 2 deals were there already where the clone begins: the first stage began earlier"),
        "{funnel}"
    );
    let pipeline = allowed(&["report", "pipeline"]);
    assert!(pipeline.contains("| over 10 d\\* |"), "{pipeline}");
    let forecast: Value = serde_json::from_str(&allowed(&["report", "forecast", "--format", "json"])).unwrap();
    assert_eq!(forecast["forecast"]["incomplete"], true);
}

#[test]
fn a_whole_clone_is_the_same_with_the_flag_and_without() {
    let repo = three();
    for args in [&["report"][..], &["log"], &["log", "acme"], &["list", "--columns", "id,days_in_stage"]] {
        let flagged = repo.tussock(&[args, &["--allow-incomplete"]].concat());
        assert_eq!((flagged.code, &*flagged.err), (0, ""), "{args:?}");
        assert_eq!(flagged.out, repo.ok(args), "{args:?}");
    }
}

#[test]
fn a_missing_or_damaged_object_of_the_past_is_named_and_the_present_is_read() {
    for damage in [true, false] {
        for what in ["main~1", "main~1^{tree}", "main~2:sales/brief/acme.yaml"] {
            let repo = three();
            let id = repo.git(&["rev-parse", what]).trim().to_owned();
            let needed_now = what.ends_with("acme.yaml");
            if needed_now {
                // What is needed now is another version.
                repo.write("sales/proposal/acme.yaml", "title: ACME\namount: 250\ninputs: {goal: a shop}\n");
                repo.commit("amount");
            }
            let file = object(&repo, &id);
            if damage {
                make_writable(&file);
                let mut bytes = std::fs::read(&file).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0xff;
                std::fs::write(&file, bytes).unwrap();
            } else {
                std::fs::remove_file(&file).unwrap();
            }
            for args in [&["report"][..], &["log"], &["log", "old"], &["list", "--columns", "days_in_stage"]] {
                for allow in [&[][..], &["--allow-incomplete"]] {
                    let ran = repo.tussock(&[args, allow].concat());
                    assert_eq!((ran.code, &*ran.out), (10, ""), "{what} {damage} {args:?}: {}", ran.err);
                    assert!(ran.err.starts_with("error: cannot read commit "), "{what} {damage} {args:?}: {}", ran.err);
                    assert!(ran.err.contains(&id[..10]), "{what} {damage} {args:?}: {}", ran.err);
                    assert!(ran.err.contains("git fsck"), "{what} {damage} {args:?}: {}", ran.err);
                }
            }
            for args in [&["list"][..], &["show", "acme"], &["why", "acme"], &["validate"]] {
                repo.ok(args);
            }
            repo.ok(&["report", "--help"]);
        }
    }
}

#[test]
fn criteria_that_ask_for_history_are_left_open_where_it_cannot_be_read() {
    let repo = three();
    let quick = "      - id: quick\n        text: It was quick\n        check: days_in_stage < 20\n  - id: proposal\n";
    repo.write("sales/pipeline.yaml", kit::SMALL_PIPELINE.replacen("  - id: proposal\n", quick, 1));
    let id = repo.git(&["rev-parse", "main~2"]).trim().to_owned();
    repo.commit("a criterion");
    std::fs::remove_file(object(&repo, &id)).unwrap();
    for args in [&["show", "old"][..], &["why", "old"], &["validate"]] {
        let ran = repo.tussock(args);
        let told = format!("warning: cannot read commit {id}: ");
        assert!(ran.err.starts_with(&told), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("; criteria that ask for history cannot be judged\n"), "{args:?}: {}", ran.err);
        assert_ne!(ran.code, 10, "{args:?}");
    }
}

#[test]
fn a_partial_clone_without_its_remote_is_told_what_it_lacks() {
    let repo = three();
    repo.write("sales/brief/old.yaml", "title: Old\namount: 150\n");
    repo.commit("old: amount");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let (from, to) =
        (format!("file://{}", repo.path().display()), repo.path().join("../partial").display().to_string());
    repo.git(&["clone", "-q", "--filter=blob:none", &from, &to]);
    repo.git(&["-C", &to, "remote", "set-url", "origin", "file:///nowhere/at/all"]);
    let ran = repo.tussock(&["-C", &to, "log"]);
    assert_eq!((ran.code, &*ran.out), (10, ""), "{}", ran.err);
    assert!(ran.err.contains("this clone is partial, and its remote did not give it"), "{}", ran.err);
    repo.ok(&["-C", &to, "list"]);
    repo.ok(&["-C", &to, "validate"]);
}

#[test]
fn a_history_that_git_shows_otherwise_is_read_as_written_and_told() {
    let repo = three();
    let plain = repo.ok(&["log", "--format", "csv"]);
    let told = |what: &str| {
        format!("git shows a changed history here ({what}); tussock reads the commits as they were written\n")
    };
    let tip = repo.git(&["rev-parse", "main~1"]).trim().to_owned();
    let other = repo.git(&["commit-tree", "main~1^{tree}", "-m", "instead"]).trim().to_owned();
    repo.git(&["replace", &tip, &other]);
    for args in [&["log", "--format", "csv"][..], &["list", "--columns", "days_in_stage"], &["report"]] {
        let ran = repo.tussock(args);
        assert_eq!((ran.code, &*ran.err), (0, &*told("refs/replace")), "{args:?}");
    }
    assert_eq!(repo.ok(&["log", "--format", "csv"]), plain);
    assert_eq!(repo.tussock(&["list"]).err, "");
    repo.git(&["pack-refs", "--all"]);
    assert_eq!(repo.tussock(&["log"]).err, told("refs/replace"));
    repo.git(&["replace", "-d", &tip]);
    assert_eq!(repo.tussock(&["log"]).err, "");
    repo.write(".git/info/grafts", "# nothing yet\n\n");
    assert_eq!(repo.tussock(&["log"]).err, "");
    repo.write(".git/info/grafts", format!("{tip}\n"));
    let grafted = repo.tussock(&["log", "--format", "csv"]);
    assert_eq!((&*grafted.out, &*grafted.err), (&*plain, &*told("info/grafts")));
}

#[test]
fn in_the_middle_of_a_bisect_reports_say_so() {
    let repo = three();
    repo.git(&["bisect", "start", "main", "main~2"]);
    let told = "a bisect is in progress here, and what you see is in the middle of it (`git bisect reset` ends it)\n";
    for args in [&["report"][..], &["report", "funnel"], &["log"], &["log", "acme"], &["list"]] {
        let ran = repo.tussock(args);
        assert_eq!((ran.code, &*ran.err), (0, told), "{args:?}");
    }
}

#[test]
fn a_report_says_what_is_odd_about_its_history() {
    let repo = TestRepo::with_pipeline();
    for n in 0..30 {
        repo.write(&format!("sales/brief/d{n:02}.yaml"), format!("title: Deal {n}\n"));
    }
    repo.commit("import");
    repo.wait_days(5);
    for n in 0..25 {
        let (from, to) = (format!("sales/brief/d{n:02}.yaml"), format!("sales/proposal/d{n:02}.yaml"));
        std::fs::rename(repo.path().join(from), repo.path().join(to)).unwrap();
    }
    let bulk = repo.commit("everything on");
    repo.wait_days(1);
    let tidy = repo.move_by_hand("sales/brief/d25.yaml", "sales/proposal/d25.yaml");
    repo.write(".tussock-ignore-revs", format!("{tidy}\nno commit at all\n"));
    repo.commit("list");
    repo.write("sales/brief/d26.yaml", "title: [\n");
    repo.commit("broken");
    repo.write("sales/brief/d26.yaml", "title: Deal 26\n");
    repo.commit("mended");
    repo.move_by_hand("sales/brief/d27.yaml", "sales/contract/d27.yaml");
    repo.set_now(repo.now() - 600);
    repo.commit("a clock that is behind");
    let page = repo.ok(&["report", "funnel"]);
    let block: Vec<&str> =
        page.lines().skip_while(|line| *line != "## History").skip(2).take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        block,
        [
            "- From 2026-01-05 to 2026-01-11, 9 commits on the line of the branch. Days are those of UTC.",
            "- 1 move went over a stage; several moves squashed into one commit show up here.",
            "- 0 times were corrected, and 1 commit on the line ran behind the one before: clocks disagree, or a move was \
             dated back.",
            "- 30 deals came in with an import: the first stage began earlier than is known, and is not timed.",
            &format!(
                "- 1 commit moved many deals at once: `{}` (25). If that only tidied up, list it in \
                 `.tussock-ignore-revs`.",
                &bulk[..10]
            ),
            "- 1 commit of `.tussock-ignore-revs`, with 1 move, counts in no length of time.",
            "- **1 line** of `.tussock-ignore-revs` names no commit: `no commit at all`.",
            "- 1 version of a deal could not be read; moves count all the same, changed fields are not known there.",
        ],
        "{page}"
    );
    assert!(repo.ok(&["report"]).contains("\n## History\n"));
    let document: Value = serde_json::from_str(&repo.ok(&["report", "funnel", "--format", "json"])).unwrap();
    let history = &document["history"];
    assert_eq!(history["bulk"], serde_json::json!([{"commit": bulk, "deals": 25}]));
    assert_eq!((&history["imported"], &history["bad_lines"][0]), (&30.into(), &"no commit at all".into()));
}

#[test]
fn times_that_no_clock_shows_are_warned_of_and_are_in_no_median() {
    let repo = TestRepo::with_pipeline();
    for n in 0..9 {
        repo.write(&format!("sales/brief/d{n}.yaml"), "title: Deal\n");
        repo.commit("came");
    }
    repo.wait_days(4);
    for n in 0..8 {
        repo.move_by_hand(&format!("sales/brief/d{n}.yaml"), &format!("sales/proposal/d{n}.yaml"));
    }
    let median = |repo: &TestRepo| {
        let document: Value = serde_json::from_str(&repo.ok(&["report", "funnel", "--format", "json"])).unwrap();
        let stage = document["funnel"]["stages"][0].clone();
        (stage["median_seconds"]["value"].as_i64().unwrap() / 86_400, document["history"]["odd_times"].clone())
    };
    assert_eq!(median(&repo), (4, 0.into()));
    repo.set_now(2_200_000_000);
    repo.move_by_hand("sales/brief/d8.yaml", "sales/proposal/d8.yaml");
    assert_eq!(median(&repo), (4, 1.into()));
    let page = repo.ok(&["report", "funnel"]);
    assert!(page.contains("- **1 event has a time** before 1970-01-02 or after 2038-01-19"), "{page}");
}
