//! History compared with a reading that takes no shortcuts: every tree of the line in full, through the git program.
mod history_kit;
mod kit;

use std::collections::{BTreeMap, BTreeSet};

use history_kit::{merge, read, settled, small};
use kit::TestRepo;
use tussock::format::pipeline::deal_path;
use tussock::history::event::EventKind;

/// Small numbers that look random and are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

const FOLDERS: [&str; 8] =
    ["brief", "proposal", "contract", "won/2025", "won/2026", "lost/2026", "recycled", "parking"];

/// The deal files of the work tree.
fn files(repo: &TestRepo) -> Vec<String> {
    let listed = repo.git(&["ls-files", "sales"]);
    let mut files: Vec<String> =
        listed.lines().filter(|l| l.ends_with(".yaml") && !l.ends_with("pipeline.yaml")).map(Into::into).collect();
    files.dedup();
    files
}

/// One random action, committed.
fn act(repo: &TestRepo, dice: &mut Dice, number: usize) {
    for _ in 0..=dice.below(3) {
        let files = files(repo);
        let folder = FOLDERS[dice.below(FOLDERS.len())];
        match dice.below(10) {
            0..=2 => {
                let id = dice.below(12);
                repo.write(&format!("sales/{folder}/d{id}.yaml"), format!("title: d{id}\namount: {number} EUR\n"));
            }
            3..=7 if !files.is_empty() => {
                let from = &files[dice.below(files.len())];
                let name = from.rsplit('/').next().unwrap();
                let to = format!("sales/{folder}/{name}");
                let text = repo.read(from);
                std::fs::remove_file(repo.path().join(from)).unwrap();
                repo.write(&to, if dice.below(2) == 0 { text } else { format!("title: x\namount: {number} EUR\n") });
            }
            8 if !files.is_empty() => {
                std::fs::remove_file(repo.path().join(&files[dice.below(files.len())])).unwrap();
            }
            _ => {
                repo.write("README.md", format!("{number}"));
            }
        }
        repo.git(&["add", "-A"]);
    }
    repo.commit(&format!("step {number}"));
}

/// Where each deal is at each commit of the first-parent line.
fn states(repo: &TestRepo) -> Vec<(String, BTreeMap<String, String>)> {
    let line = repo.git(&["rev-list", "--first-parent", "--reverse", "HEAD"]);
    let commits: Vec<&str> = line.lines().collect();
    let trees = commits.iter().map(|commit| {
        let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in repo.git(&["ls-tree", "-r", "--name-only", commit, "sales/"]).lines() {
            if let Some((_, id)) = deal_path(line.strip_prefix("sales/").unwrap()) {
                let folder = line.strip_prefix("sales/").unwrap().rsplit_once('/').unwrap().0;
                there.entry(id.to_string()).or_default().insert(folder.to_owned());
            }
        }
        there
    });
    let states = settled(trees);
    commits.iter().map(|commit| (*commit).to_owned()).zip(states).collect()
}

#[test]
fn random_histories_with_merges_equal_brute_force() {
    for seed in 1..=6 {
        let repo = TestRepo::with_pipeline();
        let mut dice = Dice(seed);
        for number in 0..40 {
            match dice.below(6) {
                0 => {
                    repo.git(&["checkout", "-q", "-B", "side"]);
                    for n in 0..=dice.below(3) {
                        act(&repo, &mut dice, 1000 + number * 10 + n);
                    }
                    repo.git(&["checkout", "-q", "main"]);
                    if dice.below(2) == 0 {
                        act(&repo, &mut dice, number);
                    }
                    let merged = repo.try_git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
                    if merged.code != 0 {
                        repo.commit("merged as it came, whatever lies there");
                    }
                }
                1 => {
                    // The branch of before, merged again and the other way round.
                    if repo.try_git(&["rev-parse", "-q", "--verify", "side"]).code == 0 {
                        repo.git(&["checkout", "-q", "side"]);
                        if repo.try_git(&["merge", "-q", "--no-ff", "-m", "back", "main"]).code != 0 {
                            repo.commit("merged back as it came");
                        }
                        act(&repo, &mut dice, number);
                        repo.git(&["checkout", "-q", "main"]);
                        merge(&repo, &["side"]);
                    }
                }
                _ => act(&repo, &mut dice, number),
            }
        }
        let states = states(&repo);
        let history = read(&repo);
        assert_eq!(history.commits, states.len());
        // Each commit's knowledge time is its own here, so that the state after each commit can be told from the events.
        let times: BTreeMap<i64, usize> = repo
            .git(&["log", "--first-parent", "--reverse", "--format=%ct"])
            .lines()
            .enumerate()
            .map(|(n, time)| (time.parse().unwrap(), n))
            .collect();
        let mut now: BTreeMap<String, String> = BTreeMap::new();
        let mut events = history.events.iter().peekable();
        for (time, number) in times {
            while let Some(event) = events.next_if(|e| e.known_at.0 <= time) {
                let id = event.deal.to_string();
                match &event.kind {
                    EventKind::Created { stage } => assert_eq!(now.insert(id, stage.to_string()), None, "{event:?}"),
                    EventKind::Restored { stage } => assert_eq!(now.insert(id, stage.to_string()), None, "{event:?}"),
                    EventKind::Moved { from, to, .. } => {
                        assert_eq!(now.insert(id, to.to_string()), Some(from.to_string()), "{event:?}");
                    }
                    EventKind::Removed { stage } => assert_eq!(now.remove(&id), Some(stage.to_string()), "{event:?}"),
                    EventKind::Changed { .. } | EventKind::Renamed { .. } => {}
                }
            }
            assert_eq!(now, states[number].1, "seed {seed}, commit {}", states[number].0);
        }
        // The values told lead from the first to the last.
        for (id, standing) in &history.standings {
            let mut amount = history.born.get(id).and_then(|born| born.get("amount").cloned());
            for event in history.events.iter().filter(|e| e.deal == *id) {
                if let EventKind::Changed { field, from, to } = &event.kind
                    && &**field == "amount"
                {
                    assert_eq!(*from, amount, "{event:?}");
                    amount.clone_from(to);
                }
            }
            let text = repo.git(&["show", &standing.blob.to_string()]);
            let last = text.lines().find_map(|line| line.strip_prefix("amount: ").map(str::to_owned));
            if !text.contains("<<<<<<<") {
                assert_eq!(amount, last, "seed {seed}, {id}");
            }
        }
        assert!(small().stages.len() == 3 && history.events.len() > 60, "{}", history.events.len());
    }
}
