//! History read from real repositories: what counts as what, when, and by whom.
mod history_kit;
mod kit;

use history_kit::*;
use kit::{START, TestRepo};
use tussock::history::event::{EventKind, KnownAt};
use tussock::history::{HistoryError, Options};

#[test]
fn a_deal_comes_in_moves_and_changes() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: ACME\nowner: olga\namount: 100 EUR\n");
    repo.commit("acme");
    repo.write("sales/brief/acme.yaml", "title: ACME\nowner: olga\namount: 120 EUR # more\n");
    repo.commit("amount");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let history = read(&repo);
    assert_eq!(
        told(&history),
        [
            "00:01 acme created brief",
            "00:02 acme changed amount 100 EUR -> 120 EUR",
            "00:03 acme moved brief -> proposal forward"
        ]
    );
    assert_eq!(history.born[&deal("acme")].get("amount").map(String::as_str), Some("100 EUR"));
    assert_eq!(history.standings[&deal("acme")].path, "proposal/acme.yaml");
    assert_eq!((history.commits, history.clamped_known, history.clamped_valid), (4, 0, 0));
    assert_eq!(history.tip_known_at, Some(KnownAt(START + 180)));
    assert_eq!(history.first_known_at, Some(KnownAt(START)));
}

#[test]
fn a_squash_merge_over_stages_is_one_skip() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--squash", "side"]);
    repo.commit("squashed");
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme brief -> contract skip"]);
    assert_eq!(history.skips, 1);
}

#[test]
fn optional_stages_may_be_passed_over() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    let mut pipeline = small();
    pipeline.stages[1].optional = true;
    let history = read_with(&repo, &pipeline, &Options::default());
    assert_eq!(moves(&history), ["acme brief -> contract forward"]);
    assert_eq!(history.skips, 0);
}

#[test]
fn directions_follow_todays_order() {
    let repo = with_deal("contract");
    repo.move_by_hand("sales/contract/acme.yaml", "sales/brief/acme.yaml");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/lost/2026/acme.yaml");
    repo.move_by_hand("sales/lost/2026/acme.yaml", "sales/proposal/acme.yaml");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/parking/acme.yaml");
    assert_eq!(
        moves(&read(&repo)),
        [
            "acme contract -> brief back",
            "acme brief -> lost end",
            "acme lost -> proposal reopened",
            "acme proposal -> parking unknown"
        ]
    );
}

#[test]
fn a_cherry_picked_move_that_is_merged_later_counts_once() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    let picked = repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["cherry-pick", "--allow-empty", &picked]);
    repo.set_now(repo.now() + 600);
    repo.try_git(&["merge", "-q", "--no-ff", "side"]);
    repo.git(&["rm", "-qrf", "sales"]);
    repo.git(&["checkout", "-q", "side", "--", "sales"]);
    repo.commit("merged, with the branch's stage");
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme brief -> proposal forward", "acme proposal -> contract forward"]);
    let commits: Vec<_> = history.events.iter().skip(1).map(|e| e.commit.to_string()).collect();
    assert_eq!(commits, [repo.git(&["rev-parse", "HEAD^1"]).trim(), repo.git(&["rev-parse", "side"]).trim()]);
}

#[test]
fn the_two_clocks_of_a_merged_branch() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    let first = repo.now();
    let one = repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.wait_days(3);
    let second = repo.now();
    repo.write("sales/proposal/acme.yaml", "title: ACME\namount: 7 EUR\n");
    let two = repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.wait_days(2);
    let merged = repo.now();
    merge(&repo, &["side"]);
    let history = read(&repo);
    let last: Vec<_> = history.events.iter().skip(1).collect();
    assert_eq!(moves(&history), ["acme brief -> proposal forward", "acme proposal -> contract forward"]);
    assert_eq!(last.iter().map(|e| e.at.0).collect::<Vec<_>>(), [first, second, second]);
    assert!(last.iter().all(|e| e.known_at == KnownAt(merged) && !e.clamped));
    assert_eq!(last.iter().map(|e| e.commit.to_string()).collect::<Vec<_>>(), [one, two.clone(), two]);
    assert!(
        matches!(&last[2].kind, EventKind::Changed { field, from: None, to: Some(to) } if &**field == "amount" && to == "7 EUR")
    );

    let early = Options { until: Some(KnownAt(merged - 1)), ..Options::default() };
    let before = read_with(&repo, &small(), &early);
    assert_eq!(before.events.len(), 1, "what lies in a branch is not known before it is merged");
    assert_eq!(before.standings[&deal("acme")].stage, *"brief");
    let never = Options { until: Some(KnownAt(0)), ..Options::default() };
    assert_eq!(read_with(&repo, &small(), &never).tip, None);
}

#[test]
fn a_deal_created_and_moved_inside_a_branch_has_all_its_steps() {
    let repo = TestRepo::with_pipeline();
    repo.git(&["checkout", "-qb", "side"]);
    repo.write("sales/brief/beta.yaml", "title: B\namount: 1 EUR\n").commit("beta");
    repo.write("sales/brief/beta.yaml", "title: B\namount: 2 EUR\n").commit("more");
    repo.move_by_hand("sales/brief/beta.yaml", "sales/proposal/beta.yaml");
    repo.git(&["checkout", "-q", "main"]);
    merge(&repo, &["side"]);
    let history = read(&repo);
    assert_eq!(
        told(&history),
        [
            "00:01 beta created brief",
            "00:02 beta changed amount 1 EUR -> 2 EUR",
            "00:03 beta moved brief -> proposal forward"
        ]
    );
    assert_eq!(history.born[&deal("beta")].get("amount").map(String::as_str), Some("1 EUR"));
}

#[test]
fn a_move_made_by_the_merge_itself_is_seen() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    repo.write("README.md", "x").commit("other");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "--no-commit", "side"]);
    std::fs::create_dir_all(repo.path().join("sales/lost/2026")).unwrap();
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/lost/2026/acme.yaml"]);
    let made = repo.commit("evil merge");
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme brief -> lost end"]);
    assert_eq!(history.events.last().unwrap().commit.to_string(), made);
}

#[test]
fn a_conflict_resolved_another_way_ends_with_the_merges_own_step() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/lost/acme.yaml");
    repo.try_git(&["merge", "-q", "--no-ff", "side"]);
    repo.git(&["rm", "-rqf", "--ignore-unmatch", "sales/proposal/acme.yaml", "sales/lost/acme.yaml"]);
    repo.write("sales/contract/acme.yaml", "title: ACME\n");
    repo.commit("resolved");
    assert_eq!(moves(&read(&repo)), ["acme brief -> lost end", "acme lost -> contract reopened"]);
}

#[test]
fn an_octopus_brings_each_branch_with_its_own_times() {
    let repo = TestRepo::with_pipeline();
    for id in ["a", "b", "c"] {
        repo.write(&format!("sales/brief/{id}.yaml"), format!("title: {id}\n"));
    }
    repo.commit("three");
    let mut times = Vec::new();
    for id in ["a", "b", "c"] {
        repo.git(&["checkout", "-q", "-b", &format!("side-{id}"), "main"]);
        repo.wait_days(1);
        times.push(repo.now());
        repo.move_by_hand(&format!("sales/brief/{id}.yaml"), &format!("sales/proposal/{id}.yaml"));
    }
    repo.git(&["checkout", "-q", "main"]);
    merge(&repo, &["side-a", "side-b", "side-c"]);
    let history = read(&repo);
    let at: Vec<i64> = history.events.iter().skip(3).map(|e| e.at.0).collect();
    assert_eq!(at, times);
    assert_eq!(moves(&history).len(), 3);
}

#[test]
fn criss_cross_merges_count_each_move_once() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/a.yaml", "title: a\n").write("sales/brief/b.yaml", "title: b\n");
    repo.commit("two");
    repo.git(&["checkout", "-qb", "side"]);
    repo.move_by_hand("sales/brief/b.yaml", "sales/proposal/b.yaml");
    repo.git(&["tag", "side1"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.move_by_hand("sales/brief/a.yaml", "sales/proposal/a.yaml");
    repo.git(&["tag", "main1"]);
    merge(&repo, &["side1"]);
    repo.git(&["checkout", "-q", "side"]);
    merge(&repo, &["main1"]);
    repo.move_by_hand("sales/proposal/a.yaml", "sales/contract/a.yaml");
    repo.git(&["checkout", "-q", "main"]);
    repo.move_by_hand("sales/proposal/b.yaml", "sales/contract/b.yaml");
    merge(&repo, &["side"]);
    assert_eq!(
        moves(&read(&repo)),
        [
            "a brief -> proposal forward",
            "b brief -> proposal forward",
            "b proposal -> contract forward",
            "a proposal -> contract forward"
        ]
    );
}

#[test]
fn what_a_branch_took_over_from_the_line_is_not_told_again() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "side"]);
    repo.write("README.md", "x").commit("work");
    repo.git(&["checkout", "-q", "main"]);
    for (from, to) in [("brief", "proposal"), ("proposal", "brief")] {
        repo.move_by_hand(&format!("sales/{from}/acme.yaml"), &format!("sales/{to}/acme.yaml"));
        repo.git(&["checkout", "-q", "side"]);
        merge(&repo, &["main"]);
        repo.git(&["checkout", "-q", "main"]);
    }
    repo.git(&["checkout", "-q", "side"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    merge(&repo, &["side"]);
    assert_eq!(
        moves(&read(&repo)),
        ["acme brief -> proposal forward", "acme proposal -> brief back", "acme brief -> contract skip"]
    );
}

#[test]
fn of_two_moves_inside_a_branch_only_the_one_that_stayed_is_told() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-qb", "x"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["checkout", "-qb", "y", "main"]);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/contract/acme.yaml");
    repo.git(&["checkout", "-q", "x"]);
    repo.git(&["merge", "-q", "-s", "ours", "-m", "x it is", "y"]);
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/lost/acme.yaml");
    repo.git(&["checkout", "-q", "main"]);
    merge(&repo, &["x"]);
    assert_eq!(moves(&read(&repo)), ["acme brief -> proposal forward", "acme proposal -> lost end"]);
}

#[test]
fn a_merged_second_root_brings_its_deals() {
    let repo = with_deal("brief");
    repo.git(&["checkout", "-q", "--orphan", "other"]);
    repo.git(&["rm", "-rqf", "."]);
    repo.write("sales/proposal/zeta.yaml", "title: Z\n").commit("another root");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "--allow-unrelated-histories", "-m", "join", "other"]);
    assert_eq!(told(&read(&repo)), ["00:01 acme created brief", "00:02 zeta created proposal"]);
}

#[test]
fn clocks_that_run_backwards_are_moved_and_counted() {
    let repo = with_deal("brief");
    repo.set_now(START - 500);
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let history = read(&repo);
    let events: Vec<_> = history.events.iter().map(|e| (e.at.0, e.known_at.0, e.clamped)).collect();
    assert_eq!(events, [(START + 60, START + 60, false), (START + 60, START + 60, true)]);
    assert_eq!((history.clamped_known, history.clamped_valid), (1, 1));
}

#[test]
fn an_author_time_after_the_commit_is_moved_back_to_it() {
    let repo = with_deal("brief");
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.git(&["commit", "-q", "-m", "ahead", "--date", "4070908800 +1300"]);
    let history = read(&repo);
    let last = history.events.last().unwrap();
    assert_eq!((last.at.0, last.known_at.0, last.clamped), (START + 120, START + 120, true));
}

#[test]
fn times_are_instants_whatever_the_zone() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: ACME\n");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "far east", "--date", "2026-01-05T02:00:00+1300"]);
    let rows: Vec<_> = tussock::history::export::rows(&read(&repo)).collect();
    assert_eq!(rows[0].at, "2026-01-04T13:00:00Z");
    assert_eq!(rows[0].known_at, "2026-01-05T09:01:00Z");
    assert_eq!((rows[0].deal.as_str(), rows[0].event, rows[0].to.as_str()), ("acme", "created", "brief"));
    assert_eq!((rows[0].author.as_str(), rows[0].from.as_str()), ("olga@example.com", ""));
}

#[test]
fn absurd_times_in_commits_do_no_harm() {
    for (author, committer) in [
        ("0 +0000", "0 +0000"),
        ("4294967296 +0000", "4294967296 +0000"),
        ("99999999999999999999 +0000", "253402300799 +9999"),
        ("-5 +0000", "-5 -9999"),
        ("x", "y"),
        ("", ""),
    ] {
        let repo = with_deal("brief");
        repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
        let tree = repo.git(&["write-tree"]);
        let parent = repo.git(&["rev-parse", "HEAD"]);
        let raw = [
            format!("tree {tree}parent {parent}author ").as_bytes(),
            b"J\xf6rg \xff <j\xf6rg@example.com> ",
            format!("{author}\ncommitter C <c> {committer}\n\n").as_bytes(),
            b"m\xf6ve\n",
        ]
        .concat();
        std::fs::write(repo.path().join("raw"), raw).unwrap();
        let id = repo.git(&["hash-object", "-t", "commit", "-w", "--literally", "raw"]);
        repo.git(&["update-ref", "refs/heads/main", id.trim()]);
        let history = read(&repo);
        assert_eq!(moves(&history), ["acme brief -> proposal forward"], "{author:?}");
        let last = history.events.last().unwrap();
        assert!(last.at.0 <= last.known_at.0 && last.at.0 >= START, "{author:?}: {last:?}");
        assert_eq!(last.author.name, "J\u{fffd}rg \u{fffd}");
        assert!(tussock::history::export::rows(&history).all(|row| row.at.ends_with('Z')));
    }
}

#[test]
fn deals_made_from_one_template_are_told_apart() {
    let repo = TestRepo::with_pipeline();
    let template = "title: New deal\nowner: olga\namount: 1 EUR\n";
    repo.write("sales/brief/one.yaml", template).commit("one");
    repo.git(&["rm", "-q", "sales/brief/one.yaml"]);
    repo.write("sales/proposal/two.yaml", template).commit("one goes, two comes");
    let told: Vec<String> = told(&read(&repo)).iter().map(|t| t[6..].to_owned()).collect();
    assert_eq!(told, ["one created brief", "one removed brief", "two created proposal"]);
}

#[test]
fn a_move_with_a_rewrite_is_one_move_with_its_changes() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\nnext_step: {what: Call, due: 2026-01-09}\nowner: olga\n")
        .commit("a");
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    repo.write(
        "sales/proposal/acme.yaml",
        "# all new\ntitle: Something else\nnext_step:\n  what: Send it\n  due: 2026-01-09\nclose_date: 2026-05-01\n",
    );
    repo.commit("moved and rewritten");
    assert_eq!(
        told(&read(&repo))[1..],
        [
            "00:02 acme moved brief -> proposal forward",
            "00:02 acme changed close_date - -> 2026-05-01",
            "00:02 acme changed owner olga -> -",
            "00:02 acme changed next_step.what Call -> Send it"
        ]
    );
}

#[test]
fn a_bulk_move_beyond_gits_rename_limit_is_seen_and_flagged() {
    let repo = TestRepo::with_pipeline();
    for n in 0..1200 {
        repo.write(&format!("sales/brief/d{n:04}.yaml"), format!("title: Deal\namount: {} EUR\n", n % 3));
    }
    repo.commit("import");
    for n in 0..1200 {
        let (from, to) = (format!("sales/brief/d{n:04}.yaml"), format!("sales/lost/2026/d{n:04}.yaml"));
        std::fs::remove_file(repo.path().join(from)).unwrap();
        repo.write(&to, format!("title: Deal\namount: {} EUR\nlost: {{reason: price}}\n", n % 3));
    }
    let bulk = repo.commit("clean up");
    let history = read(&repo);
    assert_eq!(moves(&history).len(), 1200);
    assert_eq!(history.bulk.iter().map(|(id, n)| (id.to_string(), *n)).collect::<Vec<_>>(), [(bulk, 1200)]);
    assert_eq!(history.imports.len(), 1);
    let spells = history.spells();
    assert_eq!(spells.len(), 2400);
    assert!(spells.iter().all(|s| s.left_censored == (s.stage == *"brief")));
}

#[test]
fn commits_listed_to_be_ignored_change_the_state_and_no_duration() {
    let repo = TestRepo::with_pipeline();
    for id in ["a", "b"] {
        repo.write(&format!("sales/brief/{id}.yaml"), "title: x\n");
    }
    repo.commit("two");
    for id in ["a", "b"] {
        repo.git(&["mv", &format!("sales/brief/{id}.yaml"), &format!("sales/proposal/{id}.yaml")]);
    }
    repo.wait_days(10);
    let tidy = repo.commit("clean up");
    repo.write(".tussock-ignore-revs", format!("# tidied\n{}  # see above\nnonsense\n", &tidy[..12]));
    repo.commit("list it");
    repo.move_by_hand("sales/proposal/a.yaml", "sales/contract/a.yaml");
    let history = read(&repo);
    assert_eq!(moves(&history), ["a proposal -> contract forward"]);
    assert_eq!((history.ignored_commits, history.ignored.len()), (1, 2));
    assert_eq!(history.bad_ignore_lines, ["nonsense"]);
    assert_eq!(history.standings[&deal("b")].stage, *"proposal");
    assert_eq!(history.replayed()[&deal("b")], *"proposal");
    let spells = history.spells();
    let of = |id: &str| -> Vec<String> {
        spells.iter().filter(|s| s.deal == *id).map(|s| format!("{} {:?} {}", s.stage, s.to, s.left_censored)).collect()
    };
    assert_eq!(of("a"), ["brief None false", "proposal Some(\"contract\") true", "contract None false"]);
    assert_eq!(of("b"), ["brief None false", "proposal None true"]);
}

#[test]
fn a_file_renamed_inside_its_stage_is_no_move() {
    let repo = with_deal("won");
    repo.move_by_hand("sales/won/acme.yaml", "sales/won/2026/acme.yaml");
    repo.move_by_hand("sales/won/2026/acme.yaml", "sales/won/2026/q1/acme.yaml");
    let history = read(&repo);
    assert_eq!(told(&history), ["00:01 acme created won"]);
    assert_eq!(history.standings[&deal("acme")].path, "won/2026/q1/acme.yaml");
}

#[test]
fn another_id_is_another_deal_unless_the_file_says_was() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["rm", "-q", "sales/proposal/acme.yaml"]);
    repo.write("sales/contract/acme-gmbh.yaml", "title: ACME\nwas: [old, acme]\namount: 5 EUR\n").commit("renamed");
    let history = read(&repo);
    assert_eq!(
        told(&history),
        [
            "00:01 acme-gmbh created brief",
            "00:02 acme-gmbh moved brief -> proposal forward",
            "00:03 acme-gmbh renamed acme",
            "00:03 acme-gmbh moved proposal -> contract forward",
            "00:03 acme-gmbh changed amount - -> 5 EUR",
        ]
    );
    repo.git(&["mv", "sales/contract/acme-gmbh.yaml", "sales/contract/other.yaml"]);
    repo.write("sales/contract/other.yaml", "title: ACME\n").commit("without a word");
    let later: Vec<String> = told(&read(&repo))[5..].iter().map(|t| t[6..].to_owned()).collect();
    assert_eq!(later, ["acme-gmbh removed contract", "other created contract"]);
}

#[test]
fn an_id_that_is_taken_back_keeps_its_past() {
    let repo = with_deal("brief");
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/brief/beta.yaml"]);
    repo.write("sales/brief/beta.yaml", "title: ACME\nwas: [acme]\n");
    let renamed = repo.commit("renamed");
    repo.git(&["revert", "--no-edit", &renamed]);
    assert_eq!(
        told(&read(&repo)).iter().map(|t| &t[6..]).collect::<Vec<_>>(),
        ["acme created brief", "acme renamed acme", "acme renamed beta"]
    );
}

#[test]
fn a_stage_folder_that_was_renamed_is_no_move() {
    let repo = with_deal("brief");
    repo.write("sales/brief/beta.yaml", "title: B\n").commit("beta");
    repo.git(&["mv", "sales/brief", "sales/inputs"]);
    repo.commit("the stage gets another name");
    repo.move_by_hand("sales/inputs/acme.yaml", "sales/proposal/acme.yaml");

    let mut listed = small();
    listed.stages[0].id = stage("inputs");
    listed.stages[0].was = vec![stage("brief")];
    let mut unlisted = listed.clone();
    unlisted.stages[0].was.clear();
    for pipeline in [&listed, &unlisted] {
        let history = read_with(&repo, pipeline, &Options::default());
        assert_eq!(
            told(&history).iter().map(|t| &t[6..]).collect::<Vec<_>>(),
            ["acme created inputs", "beta created inputs", "acme moved inputs -> proposal forward"]
        );
    }
    // Under a name that neither folder has today, the two are two stages.
    assert_eq!(moves(&read(&repo)).len(), 3);
}

#[test]
fn a_pipeline_folder_that_was_moved_is_followed() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["mv", "sales", "crm"]);
    repo.commit("moved");
    repo.write("crm/brief/beta.yaml", "title: B\n").commit("beta");
    std::fs::create_dir(repo.path().join("teams")).unwrap();
    repo.git(&["mv", "crm", "teams/sales"]);
    repo.commit("moved again");
    repo.move_by_hand("teams/sales/proposal/acme.yaml", "teams/sales/contract/acme.yaml");
    let expected = [
        "acme created brief",
        "acme moved brief -> proposal forward",
        "beta created brief",
        "acme moved proposal -> contract forward",
    ];
    let told_at = |prefix: &str| -> Vec<String> {
        let history = read_at(&repo, prefix, &small(), &Options::default()).unwrap();
        told(&history).iter().map(|t| t[6..].to_owned()).collect()
    };
    assert_eq!(told_at("teams/sales"), expected);
    for name in ["pipeline.yaml", "brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.git(&["mv", &format!("teams/sales/{name}"), name]);
    }
    repo.commit("to the root");
    assert_eq!(told_at(""), expected);
    std::fs::create_dir(repo.path().join("sales")).unwrap();
    for name in ["pipeline.yaml", "brief", "proposal", "contract", "won", "lost", "recycled"] {
        repo.git(&["mv", name, &format!("sales/{name}")]);
    }
    repo.commit("home again");
    assert_eq!(told_at("sales"), expected);
}

#[test]
fn a_deal_that_was_gone_leaves_a_gap() {
    let repo = with_deal("brief");
    repo.wait_days(1);
    let gone = repo.now();
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    let removal = repo.commit("gone");
    repo.wait_days(5);
    let back = repo.now();
    repo.git(&["revert", "--no-edit", &removal]);
    let history = read(&repo);
    let kinds: Vec<_> = history.events.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["created", "removed", "restored"]);
    let spells = history.spells();
    assert_eq!(spells.len(), 2);
    assert_eq!((spells[0].left.unwrap().0, &spells[0].to), (gone, &None));
    assert_eq!((spells[1].entered.0, spells[1].left), (back, None));
}

#[test]
fn a_reverted_move_is_a_move_back() {
    let repo = with_deal("brief");
    let moved = repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    repo.git(&["revert", "--no-edit", &moved]);
    assert_eq!(moves(&read(&repo)), ["acme brief -> proposal forward", "acme proposal -> brief back"]);
}

#[test]
fn a_copy_in_another_stage_is_no_move_until_the_first_file_goes() {
    let repo = with_deal("proposal");
    repo.write("sales/brief/acme.yaml", "title: ACME\n").commit("a copy");
    assert_eq!(read(&repo).standings[&deal("acme")].stage, *"proposal");
    repo.git(&["rm", "-q", "sales/brief/acme.yaml"]);
    repo.commit("the copy goes");
    assert_eq!(told(&read(&repo)).len(), 1);
    repo.write("sales/contract/acme.yaml", "title: ACME\n").commit("another copy");
    repo.git(&["rm", "-q", "sales/proposal/acme.yaml"]);
    repo.commit("the first goes");
    let history = read(&repo);
    assert_eq!(moves(&history), ["acme proposal -> contract forward"]);
    assert_eq!(history.events.len(), 2);
}

#[test]
fn an_unreadable_version_counts_and_its_move_still_counts() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\namount: 1 EUR\n").commit("a");
    repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
    repo.write("sales/proposal/acme.yaml", "<<<<<<< HEAD\namount: 2 EUR\n=======\n").commit("broken");
    repo.move_by_hand("sales/proposal/acme.yaml", "sales/contract/acme.yaml");
    repo.write("sales/contract/acme.yaml", "title: A\namount: 3 EUR\n").commit("mended");
    let history = read(&repo);
    assert_eq!(history.unreadable, 1);
    assert_eq!(
        told(&history)[1..],
        [
            "00:02 acme moved brief -> proposal forward",
            "00:03 acme moved proposal -> contract forward",
            "00:04 acme changed amount 1 EUR -> 3 EUR"
        ]
    );
}

#[test]
fn commits_of_one_second_are_in_the_order_of_the_line() {
    let repo = with_deal("brief");
    let now = repo.now();
    for (from, to) in [("brief", "proposal"), ("proposal", "brief"), ("brief", "contract")] {
        repo.set_now(now);
        repo.move_by_hand(&format!("sales/{from}/acme.yaml"), &format!("sales/{to}/acme.yaml"));
    }
    let history = read(&repo);
    assert_eq!(
        moves(&history),
        ["acme brief -> proposal forward", "acme proposal -> brief back", "acme brief -> contract skip"]
    );
    assert_eq!(history.clamped_valid, 0);
}

#[test]
fn authors_are_read_through_the_mailmap_of_the_tip() {
    let repo = with_deal("brief");
    repo.write(".mailmap", "Olga Petrova <olga@new.example> <OLGA@example.com>\n").commit("she married");
    let history = read(&repo);
    assert_eq!(history.events[0].author.name, "Olga Petrova");
    assert_eq!(history.events[0].author.email, "olga@new.example");
}

#[test]
fn links_and_odd_names_are_no_deals() {
    let repo = with_deal("brief");
    std::os::unix::fs::symlink("acme.yaml", repo.path().join("sales/brief/link.yaml")).unwrap();
    repo.write("sales/brief/Upper.yaml", "title: x\n").write("sales/brief/note.yml", "title: x\n");
    repo.write("sales/templates/t.yaml", "title: x\n").write("sales/.hidden/h.yaml", "title: x\n");
    repo.write("sales/top.yaml", "title: x\n").write("sales/brief/folder.yaml/inner.txt", "x");
    repo.commit("odd ones");
    assert_eq!(told(&read(&repo)), ["00:01 acme created brief"]);
}

#[test]
fn fields_that_are_asked_for_are_told_too() {
    let repo = TestRepo::with_pipeline();
    repo.write("sales/brief/acme.yaml", "title: A\nlost:\n  reason: price\n").commit("a");
    repo.write("sales/brief/acme.yaml", "title: B\nlost:\n  reason: timing\n").commit("b");
    let options = Options { fields: vec!["lost.reason".into(), "title".into(), "amount".into()], ..Options::default() };
    let history = read_with(&repo, &small(), &options);
    assert_eq!(
        told(&history)[1..],
        ["00:02 acme changed lost.reason price -> timing", "00:02 acme changed title A -> B"]
    );
}

#[test]
fn a_shallow_clone_is_refused_with_the_cure() {
    let repo = with_deal("brief");
    repo.move_by_hand("sales/brief/acme.yaml", "sales/proposal/acme.yaml");
    let shallow = TestRepo::without_git();
    let url = format!("file://{}", repo.path().display());
    shallow.git(&["clone", "-q", "--depth", "1", &url, "."]);
    let error = read_at(&shallow, "sales", &small(), &Options::default()).unwrap_err();
    assert_eq!(error, HistoryError::Shallow);
    assert!(error.to_string().contains("git fetch --unshallow") && error.to_string().contains("fetch-depth: 0"));
    let options = Options { allow_incomplete: true, ..Options::default() };
    let history = read_with(&shallow, &small(), &options);
    assert!(history.incomplete);
    assert_eq!(history.commits, 1);
}

#[test]
fn a_missing_object_names_the_commit() {
    let repo = with_deal("brief");
    let commit = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let tree = repo.git(&["rev-parse", "HEAD:sales/brief"]).trim().to_owned();
    let file = repo.path().join(format!(".git/objects/{}/{}", &tree[..2], &tree[2..]));
    std::fs::remove_file(&file).unwrap();
    let error = read_at(&repo, "sales", &small(), &Options::default()).unwrap_err().to_string();
    assert!(error.contains(&commit) && error.contains(&tree) && error.contains("missing"), "{error}");
    std::fs::write(&file, "garbage").unwrap();
    let error = read_at(&repo, "sales", &small(), &Options::default()).unwrap_err().to_string();
    assert!(error.contains(&commit) && error.contains("damaged"), "{error}");
}

#[test]
fn a_pipeline_at_the_root_is_read() {
    let repo = TestRepo::new();
    repo.write("brief/acme.yaml", "title: A\n").commit("before there is a pipeline file");
    repo.write("pipeline.yaml", kit::SMALL_PIPELINE).commit("pipeline");
    repo.move_by_hand("brief/acme.yaml", "proposal/acme.yaml");
    let history = read_at(&repo, "", &small(), &Options::default()).unwrap();
    assert_eq!(moves(&history), ["acme brief -> proposal forward"]);
}
