//! Taking back what was done: which commit it must be, and what must come of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::card::Card;
use super::graph::{Tree, stage};
use super::world::World;

/// What `undo` must do.
#[derive(Debug)]
enum Way {
    /// A commit with this tree that takes back that commit.
    Back(String, Box<Tree>),
    /// Nothing, with this exit code.
    Refused(i32),
}

/// A deal's file: the folder and the id.
type File = (String, String);

/// The files of deals that two trees do not have alike, each as the first has it.
fn differences<'t>(one: &'t Tree, two: &'t Tree) -> BTreeMap<File, Option<&'t Card>> {
    let files = |tree: &'t Tree| {
        let deals = tree.deals.iter();
        deals.flat_map(|(id, places)| places.iter().map(move |(folder, card)| ((folder.clone(), id.clone()), card)))
    };
    let (one, two): (BTreeMap<File, &Card>, BTreeMap<File, &Card>) = (files(one).collect(), files(two).collect());
    let all: BTreeSet<&File> = one.keys().chain(two.keys()).collect();
    let differ = all.into_iter().filter(|file| one.get(*file) != two.get(*file));
    differ.map(|file| (file.clone(), one.get(file).copied())).collect()
}

impl World {
    /// Takes back the last action, the one before it, or any commit; now and then what was taken back just now.
    pub fn undo(&mut self) -> bool {
        let named = match self.dice.one_in(3) {
            true => {
                let head = self.graph.head().to_owned();
                self.a_commit(&head)
            }
            false => None,
        };
        self.undo_once(named.as_deref());
        if self.dice.one_in(2) {
            self.repo.set_now(self.repo.now() + 1);
            let again = match self.dice.one_in(3) {
                true => Some(self.graph.head().to_owned()),
                false => None,
            };
            self.undo_once(again.as_deref());
        }
        true
    }

    fn undo_once(&mut self, named: Option<&str>) {
        let way = match named {
            Some(commit) => self.back_from(commit),
            None => self.last_action().map_or_else(Way::Refused, |commit| self.back_from(&commit)),
        };
        if matches!(&way, Way::Back(_, tree) if !tree.doubled().is_empty()) {
            // The stories settle a deal in two places at once, and never go on from one.
            self.count("undo of a settled duplicate passed over");
            return;
        }
        let args: Vec<&str> = ["undo"].into_iter().chain(named).collect();
        let before = matches!(way, Way::Refused(_)).then(|| self.freeze());
        let ran = self.repo.tussock(&args);
        self.tell(format!("tussock {}  # {}", args.join(" "), ran.code));
        let told = format!("{}{}", ran.out, ran.err);
        match (way, before) {
            (Way::Back(commit, tree), _) => {
                self.count("actions taken back");
                assert_eq!(ran.code, 0, "{told}");
                self.record_next(*tree);
                let body = self.repo.git(&["log", "-1", "--format=%B"]);
                assert!(body.contains(&format!("Undoes: {commit}")), "another commit than {commit}: {body}");
            }
            (Way::Refused(code), before) => {
                self.count("undo refused");
                assert_eq!(ran.code, code, "{told}");
                let changed = before.map(|before| self.changed_since(&before));
                assert_eq!(changed, Some(Vec::new()));
            }
        }
    }

    /// The commit that each commit of the line says that it takes back.
    fn taken_back(&self) -> BTreeMap<String, String> {
        let format = "--format=%H %(trailers:key=Undoes,valueonly,separator=%x20)";
        let listed = self.repo.git(&["log", "--first-parent", format]);
        let pairs = listed.lines().filter_map(|line| line.trim_end().split_once(' '));
        pairs.map(|(id, target)| (id.to_owned(), target.to_owned())).collect()
    }

    /// The last commit of the line that changed a deal, is no undo and is not undone; else the code of a refusal.
    fn last_action(&self) -> Result<String, i32> {
        let taken_back = self.taken_back();
        let mut undone: HashSet<&str> = HashSet::new();
        for id in self.graph.line().into_iter().rev() {
            let node = &self.graph.commits[id];
            let Some(parent) = node.parents.first() else { break };
            let changed = differences(&node.tree, &self.graph.commits[parent].tree);
            if changed.is_empty() {
                continue;
            }
            let counts = !undone.contains(id);
            if let Some(target) = taken_back.get(id) {
                if counts {
                    undone.insert(target);
                }
                continue;
            }
            // A folder that is no stage has no deals.
            if !counts || changed.keys().all(|(folder, _)| stage(folder) == "parking") {
                continue;
            }
            return if node.parents.len() > 1 { Err(1) } else { Ok(id.to_owned()) };
        }
        Err(4)
    }

    /// What must come of taking back a commit.
    fn back_from(&self, commit: &str) -> Way {
        let node = &self.graph.commits[commit];
        let parents = &node.parents;
        let [parent] = parents.as_slice() else { return Way::Refused(1) };
        let before = differences(&self.graph.commits[parent].tree, &node.tree);
        if before.keys().all(|(folder, _)| stage(folder) == "parking") {
            return Way::Refused(1);
        }
        let head = self.graph.tree();
        let later = differences(head, &node.tree);
        if before.keys().any(|file| later.contains_key(file)) {
            return Way::Refused(6);
        }
        let mut tree = Tree::clone(head);
        for ((folder, id), card) in before {
            let mut places = tree.deals.get(&id).cloned().unwrap_or_default();
            match card {
                Some(card) => drop(places.insert(folder, card.clone())),
                None => drop(places.remove(&folder)),
            }
            tree.settle(&id, places);
        }
        // What came back to another place meanwhile is not put into two, unless the commit found it in two.
        let then = self.graph.commits[parent].tree.doubled();
        if tree.doubled().iter().any(|id| !then.contains(id)) {
            return Way::Refused(6);
        }
        Way::Back(commit.to_owned(), Box::new(tree))
    }
}
