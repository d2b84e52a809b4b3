//! Many at work in one clone at the same time: tussock, a person's git, git's own housekeeping, readers.
#![cfg(unix)]

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kit::TestRepo;

const DEAL: &str =
    "title: ACME site\nowner: olga\namount: 18000\ninputs:\n  goal: leads\nproposal:\n  sent_on: 2026-01-10\n";

/// How many writers there are.
const WRITERS: usize = 16;

/// How often each of them writes.
const ROUNDS: usize = 8;

fn deal(writer: usize, round: usize) -> String {
    format!("w{writer:02}-{round}")
}

/// A pipeline with a deal for each writer and round, and a person's unfinished work.
fn with_deals() -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for writer in 0..WRITERS {
        for round in 0..ROUNDS {
            repo.write(&format!("sales/brief/{}.yaml", deal(writer, round)), DEAL);
        }
    }
    repo.write("notes.md", "one\n").write("person.md", "0\n").write("other.md", "0\n");
    repo.commit("Add deals");
    repo.write("notes.md", "one\nand not staged\n").write("untracked.txt", "mine\n");
    repo
}

/// Runs programs in a repository from several threads.
struct Runner {
    path: std::path::PathBuf,
    env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// How a program ended and what it printed.
struct Ended {
    code: i32,
    said: String,
}

impl Runner {
    fn new(repo: &TestRepo) -> Runner {
        let mut command = Command::new("true");
        repo.hermetic(&mut command);
        let set = command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        Runner { path: repo.path(), env: set.collect() }
    }

    fn run(&self, program: &str, args: &[&str]) -> Ended {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.path).env_clear().envs(self.env.iter().cloned());
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ended { code: output.status.code().unwrap_or(-1), said }
    }

    fn tussock(&self, args: &[&str]) -> Ended {
        self.run(env!("CARGO_BIN_EXE_tussock"), &[&["--today", "2026-03-02"], args].concat())
    }

    fn git(&self, args: &[&str]) -> Ended {
        self.run("git", args)
    }

    /// Runs git until nobody is in its way; false when `stop` came first.
    fn git_at_last(&self, args: &[&str], stop: &AtomicBool) -> bool {
        while !stop.load(Ordering::SeqCst) {
            let ended = self.git(args);
            if ended.code == 0 {
                return true;
            }
            // Housekeeping removes an empty folder of objects that git is about to write into: git's own race.
            let in_the_way = ["index.lock", "cannot lock ref", "Unable to create", "unable to create temporary file"];
            assert!(in_the_way.iter().any(|w| ended.said.contains(w)), "git {args:?}: {}", ended.said);
            std::thread::sleep(Duration::from_millis(3));
        }
        false
    }
}

/// Sets a flag when it is dropped, also by a panic, so that those who wait for the flag end as well.
struct Finally<'a>(&'a AtomicBool);

impl Drop for Finally<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A commit of `base..HEAD`: its subject and the paths that it touches. Fails unless one comes after the other.
fn commits_since(repo: &TestRepo, base: &str) -> Vec<(String, BTreeSet<String>)> {
    let range = format!("{base}..HEAD");
    let log = repo.git(&["log", "--reverse", "--format=:%P:%s", "--name-only", "--no-renames", &range]);
    let mut commits: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in log.lines().filter(|l| !l.is_empty()) {
        if let Some((parents, subject)) = line.strip_prefix(':').and_then(|l| l.split_once(':')) {
            assert_eq!(parents.split(' ').count(), 1, "{subject} has the parents {parents}");
            commits.push((subject.to_owned(), BTreeSet::new()));
        } else {
            commits.last_mut().expect("a commit before its paths").1.insert(line.to_owned());
        }
    }
    commits
}

fn paths(all: &[String]) -> BTreeSet<String> {
    all.iter().cloned().collect()
}

/// All moves land beside a person who commits with `commit` and housekeeping that never rests.
fn all_moves_land(repo: &TestRepo, status: &str, commit: &[&[&str]], rounds: usize) {
    let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let runner = Runner::new(repo);
    let (stop, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let by_person = std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::SeqCst) {
                std::fs::write(runner.path.join("person.md"), format!("{}\n", number + 1)).unwrap();
                // What was begun is finished, so that no half of it is left in the index.
                if commit.iter().all(|args| runner.git_at_last(args, &ended)) {
                    number += 1;
                }
                // A person who commits all the time overtakes everybody, and tussock gives up after ten times.
                std::thread::sleep(Duration::from_millis(100));
            }
            number
        });
        let _ended = Finally(&ended);
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                for args in [&["gc", "-q"][..], &["repack", "-a", "-d", "-q"], &["pack-refs", "--all"]] {
                    // Two housekeepers, or a lock in the way, are no harm; a broken repository is seen below.
                    runner.git(args);
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        let stopped = Finally(&stop);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let runner = &runner;
                scope.spawn(move || {
                    for round in 0..rounds {
                        let ended = runner.tussock(&["move", &deal(writer, round), "proposal"]);
                        assert_eq!(ended.code, 0, "{}", ended.said);
                    }
                })
            })
            .collect();
        let failed = writers.into_iter().filter_map(|w| w.join().err()).count();
        drop(stopped);
        let number = person.join().unwrap();
        assert_eq!(failed, 0, "writers that failed");
        number
    });

    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (writer, round) in (0..WRITERS).flat_map(|w| (0..rounds).map(move |r| (w, r))) {
        let id = deal(writer, round);
        let both = [format!("sales/brief/{id}.yaml"), format!("sales/proposal/{id}.yaml")];
        expected.insert(format!("{id}: brief → proposal"), paths(&both));
    }
    let commits = commits_since(repo, &base);
    let (moves, others): (Vec<_>, Vec<_>) = commits.into_iter().partition(|(subject, _)| subject.contains('→'));
    assert_eq!(moves.len(), WRITERS * rounds);
    assert_eq!(moves.into_iter().collect::<BTreeMap<_, _>>(), expected);
    assert!(by_person > 0, "the person never came to commit");
    assert_eq!(others, vec![("By hand".to_owned(), paths(&["person.md".to_owned()])); by_person]);
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    assert_eq!(repo.git(&["ls-files", "sales/proposal"]).lines().count(), WRITERS * rounds + 1);
    repo.git(&["fsck", "--strict"]);
}

#[test]
fn of_128_moves_beside_commits_and_housekeeping_all_land() {
    let repo = with_deals();
    let commit: [&[&str]; 2] = [&["add", "person.md"], &["commit", "-q", "-m", "By hand"]];
    all_moves_land(&repo, " M notes.md\n?? untracked.txt\n", &commit, ROUNDS);
}

#[test]
fn what_a_person_has_staged_stays_staged_beside_moves_and_partial_commits() {
    let repo = with_deals();
    repo.write("other.md", "staged\n").git(&["add", "other.md"]);
    let commit: [&[&str]; 1] = [&["commit", "-q", "-m", "By hand", "--", "person.md"]];
    all_moves_land(&repo, " M notes.md\nM  other.md\n?? untracked.txt\n", &commit, 2);
}

#[test]
fn one_deal_moved_by_many_to_one_stage_makes_one_commit() {
    let repo = with_deals();
    let runner = Runner::new(&repo);
    for round in 0..3 {
        let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
        let id = deal(0, round);
        let codes: Vec<i32> = std::thread::scope(|scope| {
            let one = || {
                let ended = runner.tussock(&["move", &id, "proposal"]);
                assert!(ended.code == 0, "exit {}: {}", ended.code, ended.said);
                ended.code
            };
            let all: Vec<_> = (0..WRITERS).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|w| w.join().unwrap_or(-1)).collect()
        });
        assert_eq!(codes, [0; WRITERS]);
        assert_eq!(commits_since(&repo, &base).len(), 1);
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), " M notes.md\n?? untracked.txt\n");
}

#[test]
fn one_deal_moved_by_many_to_different_stages_goes_where_those_who_succeeded_say() {
    let repo = with_deals();
    let runner = Runner::new(&repo);
    for round in 0..3 {
        let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
        let id = deal(0, round);
        let ended: Vec<(&str, Ended)> = std::thread::scope(|scope| {
            let stages = ["proposal", "contract", "recycled"].into_iter().cycle().take(WRITERS);
            let id = &id;
            let runner = &runner;
            let all: Vec<_> =
                stages.map(|stage| scope.spawn(move || (stage, runner.tussock(&["move", id, stage])))).collect();
            all.into_iter().map(|w| w.join().unwrap()).collect()
        });
        // Who begins after another has ended moves the deal on from there; who planned before that hears of it.
        let commits = commits_since(&repo, &base);
        for (stage, ended) in &ended {
            assert!([0, 6].contains(&ended.code), "to {stage}: exit {}: {}", ended.code, ended.said);
        }
        let moved = ended.iter().filter(|(_, e)| e.code == 0 && e.said.contains('→')).count();
        assert_eq!(commits.len(), moved, "{commits:?}");
        assert!(moved > 0);
        let mut place = "brief".to_owned();
        for (subject, _) in &commits {
            let (from, to) = subject.strip_prefix(&format!("{id}: ")).unwrap().split_once(" → ").unwrap();
            assert_eq!(from, place, "{commits:?}");
            place = to.to_owned();
        }
        let files = repo.git(&["ls-files", &format!("*/{id}.yaml")]);
        assert_eq!(files.lines().count(), 1, "{files}");
        assert!(files.starts_with(&format!("sales/{place}/")), "{files} after {commits:?}");
    }
    assert_eq!(repo.git(&["status", "--porcelain"]), " M notes.md\n?? untracked.txt\n");
}

#[test]
fn a_reader_sees_each_deal_once_and_the_sums_whole_while_deals_move() {
    let repo = with_deals();
    let runner = Runner::new(&repo);
    let stop = AtomicBool::new(false);
    let number = WRITERS * ROUNDS;
    let readings = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut readings = 0;
            while !stop.load(Ordering::SeqCst) {
                let listed = runner.tussock(&["list", "--format", "json"]);
                assert_eq!(listed.code, 0, "{}", listed.said);
                let list: serde_json::Value = serde_json::from_str(&listed.said).unwrap();
                let deals = list["deals"].as_array().unwrap();
                let ids: BTreeSet<&str> = deals.iter().map(|d| d["id"].as_str().unwrap()).collect();
                assert_eq!((deals.len(), ids.len()), (number, number));
                let checked = runner.tussock(&["validate"]);
                assert_eq!(checked.code, 0, "{}", checked.said);
                readings += 1;
            }
            readings
        });
        let stopped = Finally(&stop);
        let begun = Instant::now();
        for (writer, round) in (0..WRITERS).flat_map(|w| (0..ROUNDS).map(move |r| (w, r))) {
            let ended = runner.tussock(&["move", &deal(writer, round), "proposal"]);
            assert_eq!(ended.code, 0, "{}", ended.said);
            if begun.elapsed() > Duration::from_secs(6) {
                break;
            }
        }
        drop(stopped);
        reader.join().unwrap()
    });
    assert!(readings > 2, "{readings} readings only");
}

#[test]
fn a_branch_that_is_changed_meanwhile_gets_no_half_of_a_move() {
    let repo = with_deals();
    repo.git(&["stash", "-q", "--include-untracked"]);
    repo.git(&["branch", "other"]);
    repo.git(&["checkout", "-q", "other"]);
    repo.write("sales/contract/only-other.yaml", DEAL).write("other.md", "1\n");
    repo.commit("On the other branch");
    repo.git(&["checkout", "-q", "main"]);
    let base = repo.git(&["rev-parse", "main"]).trim().to_owned();
    let runner = Runner::new(&repo);
    let stop = AtomicBool::new(false);
    let (switches, codes) = std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            let mut switches = 0;
            while !stop.load(Ordering::SeqCst) {
                for branch in ["other", "main"] {
                    // git refuses while a lock is in the way.
                    switches += usize::from(runner.git(&["checkout", "-q", branch]).code == 0);
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
            switches
        });
        let stopped = Finally(&stop);
        let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
        for (writer, round) in (0..WRITERS).flat_map(|w| (0..4).map(move |r| (w, r))) {
            let ended = runner.tussock(&["move", &deal(writer, round), "proposal"]);
            // Done; not in a state for it; locked; overtaken; pending, for the next one to finish.
            assert!([0, 4, 5, 6, 9].contains(&ended.code), "exit {}: {}", ended.code, ended.said);
            *codes.entry(ended.code).or_default() += 1;
        }
        drop(stopped);
        (person.join().unwrap(), codes)
    });
    assert!(switches > 4, "{switches} switches only");
    println!("{switches} switches, exit codes {codes:?}");
    // Whatever is pending is finished by the next command.
    let last = runner.tussock(&["move", &deal(0, 7), "proposal"]);
    assert_eq!(last.code, 0, "{}", last.said);
    for branch in ["main", "other"] {
        runner.git(&["checkout", "-q", branch]);
        assert_eq!(repo.git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), branch);
        assert_eq!(repo.git(&["status", "--porcelain"]), "", "on {branch}");
        let files = repo.git(&["ls-files", "sales"]);
        let ids: Vec<&str> = files.lines().filter(|f| f.ends_with(".yaml") && !f.ends_with("pipeline.yaml")).collect();
        let names: BTreeSet<&str> = ids.iter().filter_map(|f| f.rsplit('/').next()).collect();
        assert_eq!(ids.len(), names.len(), "a deal is doubled on {branch}");
        assert_eq!(ids.len(), WRITERS * ROUNDS + usize::from(branch == "other"), "on {branch}");
        for (subject, touched) in commits_since(&repo, &base) {
            assert!(touched.len() == 2, "{subject} on {branch} touches {touched:?}");
        }
    }
    repo.git(&["fsck", "--strict"]);
}
