//! How many objects reading history takes: a guard that does not depend on the machine.

mod history_kit;
mod kit;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use history_kit::{merge, small};
use kit::TestRepo;
use tussock::history::{Cache, Options, read};
use tussock::repo::discover::Home;
use tussock::repo::objects::{Commit, GitObjects, ObjectError, ObjectId, Objects};
use tussock::repo::revision::head;

/// How often each object was asked for.
type Count = RefCell<BTreeMap<ObjectId, usize>>;

/// Objects that count what is asked of them.
struct Counted<'a> {
    objects: GitObjects<'a>,
    commits: Count,
    trees: Count,
    blobs: Count,
}

fn count(counted: &Count, id: ObjectId) {
    *counted.borrow_mut().entry(id).or_default() += 1;
}

impl Objects for Counted<'_> {
    fn commit(&self, id: ObjectId) -> Result<Commit, ObjectError> {
        count(&self.commits, id);
        self.objects.commit(id)
    }

    fn tree(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        count(&self.trees, id);
        self.objects.tree(id)
    }

    fn blob(&self, id: ObjectId) -> Result<Arc<Vec<u8>>, ObjectError> {
        count(&self.blobs, id);
        self.objects.blob(id)
    }

    fn is_shallow(&self) -> bool {
        self.objects.is_shallow()
    }
}

/// Objects read: all of them, and the most often one was.
#[derive(Debug, PartialEq, Eq)]
struct Reads {
    commits: (usize, usize),
    trees: (usize, usize),
    blobs: (usize, usize),
    events: usize,
}

/// Reads the history of a repository and counts.
fn reads(repo: &TestRepo, cache: Option<&Cache>) -> Reads {
    let home = Home::at(&repo.path()).unwrap();
    let repository = home.place().unwrap().open().unwrap();
    let tip = head(&home).unwrap().unwrap().commit.unwrap();
    let objects = Counted {
        objects: GitObjects::open(&repository).unwrap(),
        commits: Count::default(),
        trees: Count::default(),
        blobs: Count::default(),
    };
    let pipeline = small();
    let events = read(&objects, tip, "sales", &pipeline, &Options::default(), cache).unwrap().history().events.len();
    let told = |counted: &Count| {
        let counted = counted.borrow();
        (counted.values().sum(), counted.values().copied().max().unwrap_or_default())
    };
    Reads { commits: told(&objects.commits), trees: told(&objects.trees), blobs: told(&objects.blobs), events }
}

/// What `git rev-list` counts.
fn listed(repo: &TestRepo, words: &[&str]) -> usize {
    let mut arguments = vec!["rev-list"];
    arguments.extend(words);
    repo.git(&arguments).lines().count()
}

/// One deal, which is made, edited and moved to and fro: `commits` commits, each of which changes one file of one folder
/// or moves it to another. Other deals lie beside it.
fn line(commits: usize) -> TestRepo {
    let repo = TestRepo::with_pipeline();
    for n in 0..40 {
        repo.write(&format!("sales/brief/other-{n}.yaml"), format!("title: Other {n}\namount: {n}\n"));
    }
    repo.write("sales/brief/acme.yaml", "title: ACME\namount: 1\n");
    repo.commit("begin");
    for n in 0..commits {
        step(&repo, n);
    }
    repo
}

/// The commit of number `n` on that line.
fn step(repo: &TestRepo, n: usize) {
    match n % 4 {
        1 => {
            repo.git(&["mv", "sales/brief/acme.yaml", "sales/proposal/acme.yaml"]);
        }
        3 => {
            repo.git(&["mv", "sales/proposal/acme.yaml", "sales/brief/acme.yaml"]);
        }
        turn => {
            let stage = if turn == 0 { "brief" } else { "proposal" };
            repo.write(&format!("sales/{stage}/acme.yaml"), format!("title: ACME\namount: {}\n", n + 2));
        }
    }
    repo.commit(&format!("step {n}"));
}

/// What looking for the list of ignored commits and the mailmap may cost on top: the newest root and pipeline folder.
const AT_THE_TIP: usize = 4;

#[test]
fn a_cold_read_takes_each_commit_once_and_each_folder_and_file_that_changed_once() {
    let repo = line(24);
    let read = reads(&repo, None);
    assert_eq!(read.commits, (listed(&repo, &["HEAD"]), 1));
    let folders = listed(&repo, &["--objects", "--filter=object:type=tree", "--filter-provided-objects", "HEAD"]);
    assert!(read.trees.0 <= folders + AT_THE_TIP, "{read:?}, {folders} folders");
    assert!(read.trees.1 <= 2, "{read:?}");
    // The 41 files of the beginning and an edit in every second commit; a move alone reads no file.
    assert_eq!(read.blobs, (41 + 12, 1));
    assert_eq!(read.events, 41 + 24);
}

#[test]
fn a_merged_branch_costs_its_own_commits_and_no_others() {
    let repo = line(8);
    repo.git(&["switch", "-qc", "side"]);
    (0..2).for_each(|n| step(&repo, n));
    repo.git(&["switch", "-q", "main"]);
    repo.write("sales/brief/other-1.yaml", "title: Other\n");
    repo.commit("meanwhile");
    merge(&repo, &["side"]);
    let read = reads(&repo, None);
    // The commit that the branch began at may be looked at from both sides.
    assert!(read.commits.0 <= listed(&repo, &["HEAD"]) + 1, "{read:?}");
    assert!(read.commits.1 <= 2, "{read:?}");
    let folders = listed(&repo, &["--objects", "--filter=object:type=tree", "--filter-provided-objects", "HEAD"]);
    // The two commits of the branch and the merge may read their root, pipeline folder and two stages anew.
    assert!(read.trees.0 <= folders + 3 * 4 + AT_THE_TIP, "{read:?}, {folders} folders");
}

#[test]
fn a_second_read_takes_no_commit_and_no_deal() {
    let repo = line(8);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    let cold = reads(&repo, Some(&cache));
    let warm = reads(&repo, Some(&cache));
    assert_eq!((warm.commits.0, warm.blobs.0), (0, 0));
    assert!(warm.trees.0 <= AT_THE_TIP, "{warm:?}");
    assert_eq!(warm.events, cold.events);
}

#[test]
fn one_commit_more_costs_the_same_however_long_the_history_is() {
    let costs = [8, 40].map(|commits| {
        let repo = line(commits);
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let before = reads(&repo, Some(&cache)).events;
        let more = |n: usize| {
            step(&repo, commits + n);
            let read = reads(&repo, Some(&cache));
            assert_eq!(read.commits, (1, 1), "the new commit alone");
            // Its root, pipeline folder and at most two stages, and the same of the commit before it.
            assert!(read.trees.0 <= 2 * 4 + AT_THE_TIP, "{read:?}");
            assert_eq!(read.events, before + n + 1);
            (read.trees, read.blobs)
        };
        // An edit reads the deal's file; a move reads none.
        let costs: Vec<_> = (0..4).map(more).collect();
        assert_eq!(costs.iter().map(|(_, blobs)| blobs.0).collect::<Vec<_>>(), [1, 0, 1, 0]);
        costs
    });
    assert_eq!(costs[0], costs[1]);
}

#[test]
fn a_merge_more_costs_the_commits_it_brings() {
    let repo = line(12);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    reads(&repo, Some(&cache));
    repo.git(&["switch", "-qc", "side"]);
    (0..4).for_each(|n| step(&repo, n));
    repo.git(&["switch", "-q", "main"]);
    merge(&repo, &["side"]);
    let read = reads(&repo, Some(&cache));
    // The merge, the four commits of the branch, and the one that it began at.
    assert!((5..=6).contains(&read.commits.0), "{read:?}");
    assert!(read.blobs.0 <= 2 + 1, "{read:?}");
}
