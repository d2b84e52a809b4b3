//! What happens on one branch: tussock and people beside each other.

use super::graph::Tree;
use super::tool::{End, foreseen};
use super::world::World;
use crate::kit::freeze::{differences, freeze};

impl World {
    /// One writing command: one commit of exactly what was foreseen, or nothing changed at all.
    pub fn tool(&mut self) {
        let tree = Tree::clone(self.graph.tree());
        let ask = self.an_ask(&tree);
        let (end, after) = foreseen(&tree, &ask);
        let by_binary = self.dice.one_in(10);
        let frozen = (end != End::Committed).then(|| freeze(&self.repo.path()));
        let found = self.ask(&ask, by_binary);
        assert_eq!(found, end, "{ask:?}");
        match frozen {
            None => self.record_next(after),
            Some(before) => {
                self.count("tool operations refused or without effect");
                assert_eq!(differences(&before, &freeze(&self.repo.path())), Vec::<String>::new(), "{ask:?}");
            }
        }
    }

    /// A person changes deals and commits.
    pub fn by_hand(&mut self) {
        let mut tree = Tree::clone(self.graph.tree());
        for _ in 0..=self.dice.below(3) {
            self.scribble(&mut tree);
        }
        self.commit_all(tree, "By hand");
    }

    /// A commit of files that have nothing to do with deals.
    pub fn unrelated(&mut self) {
        let mut tree = Tree::clone(self.graph.tree());
        self.write_note(&mut tree);
        self.commit_all(tree, "Notes");
    }

    pub fn write_note(&mut self, tree: &mut Tree) -> String {
        let fresh = self.fresh();
        let (path, text) = (format!("notes/n{fresh}.md"), super::card::Card::notes(fresh));
        self.tell(format!("write {path}"));
        self.repo.write(&path, &text);
        tree.others.insert(path.clone(), text);
        path
    }

    /// A person adds to the last commit.
    pub fn amend(&mut self) {
        let mut tree = Tree::clone(self.graph.tree());
        let parents = self.graph.commits[self.graph.head()].parents.clone();
        // The first commit is in every branch and stays.
        if parents.is_empty() {
            return;
        }
        self.scribble(&mut tree);
        if parents.len() == 1 && tree == *self.graph.commits[&parents[0]].tree {
            self.git(&["reset", "-q", "--hard"]);
            self.git(&["clean", "-qfd"]);
            return;
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--amend", "-m", "Amended"]);
        self.record(&parents, tree);
    }

    /// A person has changed something and not committed it, staged or not; tussock commits its own paths beside that,
    /// and refuses a deal that was changed.
    pub fn beside(&mut self) {
        let head = Tree::clone(self.graph.tree());
        let mut dirty = head.clone();
        let changed = match self.dice.one_in(4) {
            true => {
                self.write_note(&mut dirty);
                None
            }
            false => Some(self.scribble(&mut dirty)),
        };
        if dirty == head {
            return;
        }
        if self.dice.one_in(2) {
            self.git(&["add", "-A"]);
        }
        let ask = self.an_ask(&head);
        let touched: Vec<String> = match &ask {
            super::tool::Ask::New { id, .. } | super::tool::Ask::Set { id, .. } => vec![id.clone()],
            super::tool::Ask::Move { ids, .. } => ids.clone(),
        };
        let meets = changed.as_ref().is_some_and(|id| touched.contains(id));
        let (end, after) = foreseen(&head, &ask);
        let by_binary = self.dice.one_in(6);
        let (status, frozen) = (self.status(), freeze(&self.repo.path()));
        let found = self.ask(&ask, by_binary);
        if meets {
            // What it says depends on what it sees in the work tree, but it changes nothing.
            assert_ne!(found, End::Committed, "a deal that was changed and not committed: {ask:?}");
        } else {
            assert_eq!(found, end, "{ask:?}");
        }
        assert_eq!(self.status(), status, "what was changed before is changed no more or less");
        match found {
            End::Committed => {
                self.record_next(after.clone());
                for (id, places) in &after.deals {
                    if head.deals.get(id) != Some(places) {
                        dirty.settle(id, places.clone());
                    }
                }
                self.same_reading(&dirty);
            }
            _ => assert_eq!(differences(&frozen, &freeze(&self.repo.path())), Vec::<String>::new(), "{ask:?}"),
        }
        self.count("tool operations beside changes of a person");
        match self.dice.below(3) {
            0 => {
                self.git(&["reset", "-q", "--hard"]);
                self.git(&["clean", "-qfd"]);
            }
            _ => self.commit_all(dirty, "What lay about"),
        }
    }

    /// Tussock is asked while a merge or the like is unfinished, and must change nothing.
    pub fn refused_meanwhile(&mut self, ours: &Tree) {
        if !self.dice.one_in(3) {
            return;
        }
        let ask = self.an_ask(ours);
        let by_binary = self.dice.one_in(4);
        let before = freeze(&self.repo.path());
        let found = self.ask(&ask, by_binary);
        // Where it finds reasons in the deals themselves first, that is what it says.
        assert_ne!(found, End::Committed, "committed in the middle of a merge: {ask:?}");
        assert_eq!(differences(&before, &freeze(&self.repo.path())), Vec::<String>::new(), "{ask:?}");
        self.count("tool operations refused in the middle of a merge, rebase, cherry-pick, revert or stash");
    }

    /// What git does to tidy up changes nothing.
    pub fn pack(&mut self) {
        match self.dice.below(3) {
            0 => self.git(&["gc", "-q"]),
            1 => self.git(&["repack", "-q", "-d"]),
            _ => self.git(&["pack-refs", "--all"]),
        };
    }
}
