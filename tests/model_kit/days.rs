//! What happens on one branch: tussock and people beside each other.

use super::graph::Tree;
use super::tool::{Ask, End, foreseen};
use super::world::World;

impl World {
    /// One writing command: one commit of exactly what was foreseen, or nothing changed at all.
    pub fn tool(&mut self) -> bool {
        let tree = Tree::clone(self.graph.tree());
        let ask = self.an_ask(&tree);
        let (end, after) = foreseen(&tree, &ask);
        let by_binary = self.dice.one_in(10);
        let frozen = (end != End::Committed).then(|| self.freeze());
        let found = self.ask(&ask, by_binary);
        assert_eq!(found, end, "{ask:?}");
        match frozen {
            None => self.record_next(after),
            Some(before) => {
                self.count("tool operations refused or without effect");
                self.unchanged(&before, &ask);
            }
        }
        true
    }

    /// One writing command that only stages, and a person commits that.
    pub fn staged_by_tool(&mut self) -> bool {
        let tree = Tree::clone(self.graph.tree());
        let ask = self.an_ask(&tree);
        let (end, after) = foreseen(&tree, &ask);
        let (args, today) = (ask.args(), self.today().to_string());
        let head = self.graph.head().to_owned();
        let before = self.freeze();
        let mut all = vec!["--today", &today];
        all.extend(args.iter().map(String::as_str));
        all.push("--no-commit");
        let ran = self.repo.tussock(&all);
        self.tell(format!("tussock {} … --no-commit  # {}", args[..2].join(" "), ran.code));
        assert_eq!(self.objects.commit("HEAD").map(|commit| commit.id), Some(head), "nothing is committed");
        match end {
            End::Committed => {
                assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
                self.same_reading(&after);
                self.git(&["commit", "-q", "-m", "What tussock has staged"]);
                self.record_next(after);
            }
            _ => {
                let codes: &[i32] = if end == End::Nothing { &[0] } else { &[1, 2] };
                assert!(codes.contains(&ran.code), "{ask:?}: {} {}{}", ran.code, ran.out, ran.err);
                self.unchanged(&before, &ask);
            }
        }
        true
    }

    /// A person changes deals and commits.
    pub fn by_hand(&mut self) -> bool {
        let mut tree = Tree::clone(self.graph.tree());
        for _ in 0..=self.dice.below(3) {
            self.scribble(&mut tree);
        }
        self.commit_all(tree, "By hand")
    }

    /// A commit of files that have nothing to do with deals.
    pub fn unrelated(&mut self) -> bool {
        let mut tree = Tree::clone(self.graph.tree());
        self.write_note(&mut tree);
        self.commit_all(tree, "Notes")
    }

    pub fn write_note(&mut self, tree: &mut Tree) -> String {
        let fresh = self.fresh();
        let (path, text) = (format!("notes/n{fresh}.md"), super::card::Card::notes(fresh).to_string());
        self.tell(format!("write {path}"));
        self.repo.write(&path, &text);
        tree.others.insert(path.clone(), text);
        path
    }

    /// A person adds to the last commit.
    pub fn amend(&mut self) -> bool {
        let mut tree = Tree::clone(self.graph.tree());
        let parents = self.graph.commits[self.graph.head()].parents.clone();
        // The first commit is in every branch and stays.
        if parents.is_empty() {
            return false;
        }
        self.scribble(&mut tree);
        if parents.len() == 1 && tree == *self.graph.commits[&parents[0]].tree {
            self.git(&["reset", "-q", "--hard"]);
            self.git(&["clean", "-qfd"]);
            return false;
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--amend", "-m", "Amended"]);
        self.record(&parents, tree);
        true
    }

    /// A person has changed something and not committed it, staged or not; tussock commits its own paths beside that,
    /// and refuses a deal that was changed.
    pub fn beside(&mut self) -> bool {
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
            return false;
        }
        if self.dice.one_in(2) {
            self.git(&["add", "-A"]);
        }
        let ask = match self.dice.one_in(3) {
            true => self.an_ask_of(&head, changed.as_deref()),
            false => self.an_ask(&head),
        };
        let touched: Vec<String> = match &ask {
            Ask::New { id, .. } | Ask::Set { id, .. } => vec![id.clone()],
            Ask::Move { ids, .. } => ids.clone(),
        };
        let meets = changed.as_ref().is_some_and(|id| touched.contains(id));
        let (end, after) = foreseen(&head, &ask);
        let by_binary = self.dice.one_in(6);
        let (status, frozen) = (self.status(), self.freeze());
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
            _ => self.unchanged(&frozen, &ask),
        }
        self.count("tool operations beside changes of a person");
        match self.dice.below(3) {
            0 => {
                self.git(&["reset", "-q", "--hard"]);
                self.git(&["clean", "-qfd"]);
            }
            _ => drop(self.commit_all(dirty, "What lay about")),
        }
        true
    }

    /// Tussock is asked while a merge or the like is unfinished, and must change nothing.
    pub fn refused_meanwhile(&mut self, ours: &Tree) {
        let ask = self.an_ask(ours);
        let by_binary = self.dice.one_in(4);
        let before = self.freeze();
        let found = self.ask(&ask, by_binary);
        // Where it finds reasons in the deals themselves first, that is what it says.
        assert_ne!(found, End::Committed, "committed in the middle of a merge: {ask:?}");
        self.unchanged(&before, &ask);
        self.count("tool operations refused in the middle of a merge, rebase, cherry-pick, revert or stash");
    }

    /// What git does to tidy up changes nothing.
    pub fn pack(&mut self) -> bool {
        match self.dice.below(3) {
            0 => self.git(&["gc", "-q"]),
            1 => self.git(&["repack", "-q", "-d"]),
            _ => self.git(&["pack-refs", "--all"]),
        };
        true
    }

    /// Where a commit would belong to no branch, or in the middle of a search, tussock changes nothing.
    pub fn out_of_state(&mut self) -> bool {
        let bisect = self.dice.one_in(2);
        match bisect {
            true => self.git(&["bisect", "start"]),
            false => self.git(&["switch", "-q", "--detach"]),
        };
        let tree = Tree::clone(self.graph.tree());
        let ask = self.an_ask(&tree);
        let by_binary = self.dice.one_in(4);
        let before = self.freeze();
        let found = self.ask(&ask, by_binary);
        let wanted = match foreseen(&tree, &ask).0 {
            End::Committed => End::NotInState,
            other => other,
        };
        assert_eq!(found, wanted, "{ask:?}");
        self.unchanged(&before, &ask);
        match bisect {
            true => self.git(&["bisect", "reset"]),
            false => self.git(&["switch", "-q", "-"]),
        };
        true
    }
}
