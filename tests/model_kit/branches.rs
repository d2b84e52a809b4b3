//! What happens between branches: git brings them together, the model says what must come of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::card::{Card, FIELDS, Line, Side, keep};
use super::graph::{Merged, Places, Tree, merge};
use super::world::World;

/// How two states are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Merge,
    Squash,
    Pick,
    Revert,
    Stash,
}

const NAMES: [&str; 4] = ["main", "north", "south", "spring"];

impl World {
    pub fn branch(&mut self) -> bool {
        let free: Vec<&str> = NAMES.into_iter().filter(|name| !self.graph.branches.contains_key(*name)).collect();
        if let Some(name) = self.dice.pick(&free).map(|name| (*name).to_owned()) {
            self.git(&["switch", "-q", "-c", &name]);
            let head = self.graph.head().to_owned();
            self.graph.branches.insert(name.clone(), head);
            self.graph.branch = name;
            return true;
        }
        // One that nobody is on makes room.
        let others: Vec<String> = self.others().into_iter().filter(|name| name != "main").collect();
        let Some(name) = self.dice.pick(&others).cloned() else { return false };
        self.git(&["branch", "-q", "-D", &name]);
        self.graph.branches.remove(&name);
        true
    }

    fn others(&self) -> Vec<String> {
        self.graph.branches.keys().filter(|name| **name != self.graph.branch).cloned().collect()
    }

    pub fn switch(&mut self) -> bool {
        let others = self.others();
        let Some(name) = self.dice.pick(&others).cloned() else { return false };
        self.git(&["switch", "-q", &name]);
        self.graph.branch = name;
        true
    }

    /// A person throws the last commit away.
    pub fn reset(&mut self) -> bool {
        // The first commits stay, so that a story does not begin again and again.
        if self.graph.line().len() < 10 {
            return false;
        }
        let Some(parent) = self.graph.commits[self.graph.head()].parents.first().cloned() else { return false };
        self.git(&["reset", "-q", "--hard", &parent]);
        self.graph.branches.insert(self.graph.branch.clone(), parent);
        self.settle_doubled();
        true
    }

    pub fn merge(&mut self) -> bool {
        self.merge_or_squash(Way::Merge)
    }

    pub fn squash(&mut self) -> bool {
        self.merge_or_squash(Way::Squash)
    }

    fn merge_or_squash(&mut self, way: Way) -> bool {
        let others = self.others();
        let Some(other) = self.dice.pick(&others).cloned() else { return false };
        let (head, theirs) = (self.graph.head().to_owned(), self.graph.branches[&other].clone());
        if self.graph.ancestors(&head).contains(theirs.as_str()) {
            return false;
        }
        let bases: Vec<String> = self.graph.bases(&head, &theirs).into_iter().map(str::to_owned).collect();
        if bases == [head.clone()] && way == Way::Merge && self.dice.one_in(2) {
            self.git(&["merge", "-q", "--ff-only", &other]);
            self.graph.branches.insert(self.graph.branch.clone(), theirs);
            return true;
        }
        let trees: Vec<Tree> = bases.iter().map(|id| Tree::clone(&self.graph.commits[id].tree)).collect();
        let Some(base) = one_base(&trees) else {
            self.count("passed over: several merge bases that differ");
            return false;
        };
        let theirs_tree = self.graph.commits[&theirs].tree.clone();
        match way {
            Way::Merge => {
                let command = ["merge", "-q", "--no-ff", "-m", "Merge", &other];
                self.bring(way, &command, &base, &theirs_tree, &[head, theirs])
            }
            _ => self.bring(way, &["merge", "-q", "--squash", &other], &base, &theirs_tree, &[head]),
        }
    }

    /// One of the last commits of a branch, merges too, and not the first of all.
    pub fn a_commit(&mut self, tip: &str) -> Option<String> {
        let seen = self.graph.ancestors(tip);
        let mut all: Vec<(i64, &str)> = seen
            .into_iter()
            .filter(|id| !self.graph.commits[*id].parents.is_empty())
            .map(|id| (self.graph.commits[id].time, id))
            .collect();
        all.sort_unstable();
        let recent: Vec<String> = all.iter().rev().take(8).map(|(_, id)| (*id).to_owned()).collect();
        self.dice.pick(&recent).cloned()
    }

    /// A commit with its tree and that of its first parent, and what git must be told of it.
    fn step_of(&self, commit: &str) -> (Rc<Tree>, Rc<Tree>, Vec<String>) {
        let node = &self.graph.commits[commit];
        let before = self.graph.commits[&node.parents[0]].tree.clone();
        let mainline = if node.parents.len() > 1 { vec!["-m".to_owned(), "1".to_owned()] } else { Vec::new() };
        (before, node.tree.clone(), mainline)
    }

    pub fn cherry_pick(&mut self) -> bool {
        let others = self.others();
        let Some(other) = self.dice.pick(&others).cloned() else { return false };
        let tip = self.graph.branches[&other].clone();
        let Some(picked) = self.a_commit(&tip) else { return false };
        let (before, after, mainline) = self.step_of(&picked);
        let head = self.graph.head().to_owned();
        let command = ["cherry-pick"].into_iter().chain(mainline.iter().map(String::as_str)).chain([picked.as_str()]);
        self.bring(Way::Pick, &command.collect::<Vec<_>>(), &before, &after, &[head])
    }

    pub fn revert(&mut self) -> bool {
        let head = self.graph.head().to_owned();
        let Some(reverted) = self.a_commit(&head) else { return false };
        let (before, after, mainline) = self.step_of(&reverted);
        let command = ["revert", "--no-edit"].into_iter().chain(mainline.iter().map(String::as_str));
        let command: Vec<&str> = command.chain([reverted.as_str()]).collect();
        self.bring(Way::Revert, &command, &after, &before, &[head])
    }

    /// A person puts changes aside, works on with tussock, perhaps elsewhere, and takes them out again.
    pub fn stash(&mut self) -> bool {
        let base = Tree::clone(self.graph.tree());
        let mut kept = base.clone();
        for _ in 0..=self.dice.below(2) {
            self.scribble(&mut kept);
        }
        if kept == base {
            return false;
        }
        self.git(&["add", "-A"]);
        self.git(&["stash", "push", "-q"]);
        self.verify();
        if self.dice.one_in(3) {
            self.switch();
        }
        for _ in 0..self.dice.below(3) {
            self.repo.set_now(self.repo.now() + 1);
            self.tool();
        }
        let head = self.graph.head().to_owned();
        self.bring(Way::Stash, &["stash", "pop", "-q"], &base, &kept, &[head]);
        true
    }

    /// Brings `theirs` in as seen from `base`, holds what git makes of it against the model, and settles what needs it.
    fn bring(&mut self, way: Way, command: &[&str], base: &Tree, theirs: &Tree, parents: &[String]) -> bool {
        let ours = Tree::clone(self.graph.tree());
        let Some(merged) = merge(base, &ours, theirs) else {
            self.count("passed over: a deal was doubled");
            if way == Way::Stash {
                self.git(&["stash", "drop", "-q"]);
            }
            return false;
        };
        let ran = self.try_git(command);
        let conflicts = self.conflicts(&merged);
        if !conflicts.is_empty() {
            assert_ne!(ran.code, 0, "git says nothing of its conflicts");
            self.count("conflicts");
            // Of these two nothing but the index tells that they are unfinished.
            if matches!(way, Way::Squash | Way::Stash) || self.dice.one_in(2) {
                self.refused_meanwhile(&ours);
            }
            if self.dice.one_in(4) {
                self.give_up(way);
                return true;
            }
        }
        let tree = self.settle(&merged, &conflicts, [base, &ours, theirs]);
        let (clean, empty) = (conflicts.is_empty(), tree == ours);
        match way {
            Way::Merge if clean => self.same_code(&ran, 0),
            Way::Merge => drop(self.git(&["commit", "-q", "--no-edit"])),
            Way::Pick if empty => self.skip("CHERRY_PICK_HEAD", "cherry-pick"),
            Way::Revert if empty => self.skip("REVERT_HEAD", "revert"),
            Way::Pick | Way::Revert if clean => self.same_code(&ran, 0),
            Way::Pick => drop(self.git(&["-c", "core.editor=true", "cherry-pick", "--continue"])),
            Way::Revert => drop(self.git(&["-c", "core.editor=true", "revert", "--continue"])),
            Way::Squash | Way::Stash => {
                if clean {
                    self.same_code(&ran, 0);
                } else if way == Way::Stash {
                    self.git(&["stash", "drop", "-q"]);
                }
                self.git(&["add", "-A"]);
                if !empty {
                    self.git(&["commit", "-q", "-m", "Brought together"]);
                }
            }
        }
        if !empty || way == Way::Merge {
            let doubled = !tree.doubled().is_empty();
            self.record(parents, tree);
            if way == Way::Merge && clean {
                self.merge_check(doubled);
            }
            self.settle_doubled();
        }
        true
    }

    /// Of a clean merge, nothing is reported but deals that are now in two places.
    fn merge_check(&mut self, doubled: bool) {
        self.count("merges judged by merge-check");
        let ran = self.repo.tussock(&["merge-check", "HEAD"]);
        self.tell(format!("tussock merge-check HEAD  # {}", ran.code));
        assert_eq!(ran.code, i32::from(doubled), "{}{}", ran.out, ran.err);
    }

    /// Passes over what would be an empty commit. git does not always leave anything to pass over.
    fn skip(&self, state: &str, command: &str) {
        if self.repo.path().join(".git").join(state).exists() {
            self.git(&[command, "--skip"]);
        }
    }

    fn same_code(&self, ran: &crate::kit::Ran, code: i32) {
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.err);
    }

    /// The deals in conflict by git, held against the model.
    fn conflicts(&self, merged: &Merged) -> BTreeSet<String> {
        let listed = self.repo.git(&["ls-files", "-u"]);
        let ids: BTreeSet<String> = listed
            .lines()
            .filter_map(|line| line.split('\t').nth(1)?.rsplit('/').next()?.split(".yaml").next())
            .map(str::to_owned)
            .collect();
        self.tell(format!("# in conflict: {ids:?}, must: {:?}, may: {:?}", merged.must, merged.may));
        assert!(merged.must.is_subset(&ids), "these must conflict: {:?}, and only {ids:?} do", merged.must);
        let foreseen: BTreeSet<String> = merged.must.union(&merged.may).cloned().collect();
        assert!(ids.is_subset(&foreseen), "only these may conflict: {foreseen:?}, and {ids:?} do");
        ids
    }

    /// Settles conflicts with tussock, or as a person does: takes one side's files of a deal and stages that.
    fn settle(&mut self, merged: &Merged, conflicts: &BTreeSet<String>, [base, ours, theirs]: [&Tree; 3]) -> Tree {
        let mut tree = merged.tree.clone();
        let by_tussock = self.dice.one_in(2);
        for id in conflicts {
            if by_tussock {
                let place = self.resolve(id, [base, ours, theirs].map(|tree| tree.place(id)));
                tree.put(id, place);
                continue;
            }
            let side = if self.dice.one_in(2) { ours } else { theirs };
            let places = side.deals.get(id).cloned().unwrap_or_default();
            self.clear(id);
            self.write_deal(id, None, Some(&places));
            tree.settle(id, places);
        }
        if !conflicts.is_empty() && !by_tussock {
            self.git(&["add", "-A"]);
        }
        tree
    }

    /// Has tussock settle a deal, which keeps what one side alone has changed; returns what lies there after that.
    fn resolve(&mut self, id: &str, versions: [Option<(&str, &Card)>; 3]) -> Option<(String, Card)> {
        self.count("conflicts settled by resolve");
        let (take, word) = match self.dice.one_in(2) {
            true => (Side::Ours, "ours"),
            false => (Side::Theirs, "theirs"),
        };
        self.tell(format!("tussock resolve {id} --take {word}"));
        let ran = self.repo.tussock(&["resolve", id, "--take", word]);
        assert_eq!(ran.code, 0, "resolve {id}: {}{}", ran.out, ran.err);
        let unmerged = self.repo.git(&["ls-files", "-u"]);
        assert!(!unmerged.contains(&format!("/{id}.yaml")), "still in conflict: {unmerged}");
        let [base, ours, theirs] = versions;
        let folder = |version: Option<(&str, &Card)>| version.map(|(folder, _)| folder.to_owned());
        let left = |one: Option<(&str, &Card)>| one.is_some() && one.map(|v| v.1.bare()) != base.map(|v| v.1.bare());
        let mut place = keep(&folder(base), &folder(ours), &folder(theirs), take);
        // What one side has removed is gone only where the other has left it alone.
        if place.is_none() && (left(ours) || left(theirs)) {
            place = if take == Side::Ours { folder(ours) } else { folder(theirs) };
        }
        let Some(place) = place else {
            assert!(!self.has_file(id), "{id} was to be removed");
            return None;
        };
        let bodies: Vec<u32> = versions.iter().flatten().map(|(_, card)| card.body).collect();
        let found = Card::read(&self.repo.read(&format!("sales/{place}/{id}.yaml")), &bodies);
        let wanted = match (ours, theirs) {
            (Some((_, one)), None) | (None, Some((_, one))) => one.clone(),
            (Some((_, ours)), Some((_, theirs))) => {
                let mut card = ours.clone();
                for field in 0..FIELDS.len() {
                    let of = |card: &Card| card.value(field).map(str::to_owned);
                    let base = base.and_then(|(_, base)| of(base));
                    let kept = keep(&base, &of(ours), &of(theirs), take);
                    card.values[field] = kept.map(|value| Line { value, comment: None });
                }
                card.body = match base {
                    Some((_, base)) => keep(&base.body, &ours.body, &theirs.body, take),
                    None if take == Side::Ours => ours.body,
                    None => theirs.body,
                };
                card
            }
            (None, None) => panic!("{id} is on no side"),
        };
        assert_eq!(found.bare(), wanted.bare(), "what resolve has made of {id}");
        let path = format!("sales/{place}/{id}.yaml");
        if self.put_in_order(&path, &found) {
            self.git(&["add", &path]);
        }
        Some((place, found))
    }

    /// A person puts the lines of a deal into their usual order; false where they are.
    fn put_in_order(&mut self, path: &str, card: &Card) -> bool {
        if self.repo.read(path) == card.text() {
            return false;
        }
        self.count("settled deals with lines in another order");
        self.tell(format!("write {path}  # in order"));
        self.repo.write(path, card.text());
        true
    }

    fn has_file(&self, id: &str) -> bool {
        self.reading().deals.iter().any(|deal| deal.id.as_str() == id)
    }

    /// Removes whatever files of a deal git has left.
    fn clear(&self, id: &str) {
        let mut folders = vec![self.repo.path().join("sales")];
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = item.path();
                if path.is_dir() {
                    folders.push(path);
                } else if item.file_name().to_string_lossy().starts_with(&format!("{id}.yaml")) {
                    std::fs::remove_file(path).expect("removed");
                }
            }
        }
    }

    fn give_up(&mut self, way: Way) {
        match way {
            Way::Merge => self.git(&["merge", "--abort"]),
            Way::Pick => self.git(&["cherry-pick", "--abort"]),
            Way::Revert => self.git(&["revert", "--abort"]),
            Way::Squash => self.git(&["reset", "-q", "--hard"]),
            Way::Stash => {
                self.git(&["reset", "-q", "--hard"]);
                self.git(&["stash", "drop", "-q"])
            }
        };
    }

    /// A merge that git calls clean can leave one deal in two stages. Tussock must say so and move neither; a person
    /// keeps one.
    pub fn settle_doubled(&mut self) {
        let mut tree = Tree::clone(self.graph.tree());
        let doubled = tree.doubled();
        if doubled.is_empty() {
            return;
        }
        self.count("clean merges that doubled a deal");
        self.verify();
        let ran = self.repo.tussock(&["validate", "--format", "json"]);
        for id in &doubled {
            let said = ran.out.contains("duplicate-deal") && ran.out.contains(&format!("/{id}.yaml"));
            assert!(ran.code == 1 && said, "validate says nothing of {id}: {} {}{}", ran.code, ran.out, ran.err);
            for args in [vec!["move", id, "--next"], vec!["set", id, "amount=1"]] {
                let ran = self.repo.tussock(&args);
                assert!(ran.code == 1 && ran.err.contains("in 2 places"), "{args:?}: {} {}", ran.code, ran.err);
            }
            let places = tree.deals[id].clone();
            let kept: Vec<&String> = places.keys().collect();
            let kept = (*self.dice.pick(&kept).expect("two")).clone();
            if self.dice.one_in(2) {
                self.resolve_doubled(&mut tree, id, &kept);
                continue;
            }
            let kept = Places::from([(kept.clone(), places[&kept].clone())]);
            self.write_deal(id, Some(&places), Some(&kept));
            tree.settle(id, kept);
        }
        self.repo.set_now(self.repo.now() + 1);
        self.commit_all(tree, "Keep one");
    }

    /// Has tussock keep one of two places, in a commit of its own.
    fn resolve_doubled(&mut self, tree: &mut Tree, id: &str, keep: &str) {
        let places = tree.deals[id].clone();
        let stage = super::graph::stage(keep).to_owned();
        // Two years of one end are not told apart by their stage.
        if places.keys().filter(|folder| super::graph::stage(folder) == stage).count() > 1 || stage == "parking" {
            let kept = Places::from([(keep.to_owned(), places[keep].clone())]);
            self.write_deal(id, Some(&places), Some(&kept));
            return tree.settle(id, kept);
        }
        if tree != &**self.graph.tree() {
            let begun = tree.clone();
            self.commit_all(begun, "Keep one");
        }
        self.count("doubled deals settled by resolve");
        self.repo.set_now(self.repo.now() + 1);
        self.tell(format!("tussock resolve {id} --stage {stage} --take {stage}"));
        let ran = self.repo.tussock(&["resolve", id, "--stage", &stage, "--take", &stage]);
        assert_eq!(ran.code, 0, "resolve {id}: {}{}", ran.out, ran.err);
        let bodies: Vec<u32> = places.values().map(|card| card.body).collect();
        let found = Card::read(&self.repo.read(&format!("sales/{keep}/{id}.yaml")), &bodies);
        for (field, name) in FIELDS.iter().enumerate() {
            let known = places.values().any(|card| card.value(field) == found.value(field));
            assert!(known, "{id} has a {name} of neither version: {:?}", found.value(field));
        }
        if self.put_in_order(&format!("sales/{keep}/{id}.yaml"), &found) {
            self.git(&["commit", "-q", "-a", "--amend", "--no-edit"]);
        }
        tree.put(id, Some((keep.to_owned(), found)));
        self.record_next(tree.clone());
    }

    /// A person rebases the branch onto another one.
    pub fn rebase(&mut self) -> bool {
        let others = self.others();
        let Some(onto) = self.dice.pick(&others).cloned() else { return false };
        let (head, upstream) = (self.graph.head().to_owned(), self.graph.branches[&onto].clone());
        let range = format!("{upstream}..{head}");
        let listed = self.repo.git(&["rev-list", "--reverse", "--topo-order", "--no-merges", &range]);
        let picks: Vec<String> = listed.lines().map(str::to_owned).collect();
        let (mine, theirs) = (self.graph.ancestors(&head), self.graph.ancestors(&upstream));
        let wanted: BTreeSet<&str> =
            mine.into_iter().filter(|id| !theirs.contains(id) && self.graph.commits[*id].parents.len() < 2).collect();
        assert_eq!(picks.iter().map(String::as_str).collect::<BTreeSet<_>>(), wanted, "commits to rebase");
        if head == upstream || picks.len() > 12 {
            return false;
        }
        // What each step gives; the steps are known before, since a settled conflict is written as it is settled.
        let mut tree = Tree::clone(&self.graph.commits[&upstream].tree);
        let mut trees: Vec<Tree> = Vec::new();
        let mut ran = self.try_git(&["rebase", "-q", "--reapply-cherry-picks", "--empty=drop", &onto]);
        for picked in &picks {
            let node = self.graph.commits[picked].clone();
            let base = Tree::clone(&self.graph.commits[&node.parents[0]].tree);
            let stopped = ran.code != 0 && self.repo.git(&["rev-parse", "REBASE_HEAD"]).trim() == picked;
            let Some(merged) = merge(&base, &tree, &node.tree) else {
                self.count("passed over: a deal was doubled");
                if ran.code == 0 {
                    self.git(&["reset", "-q", "--hard", &head]);
                } else {
                    self.git(&["rebase", "--abort"]);
                }
                return false;
            };
            let before = tree.clone();
            if stopped {
                let conflicts = self.conflicts(&merged);
                assert!(!conflicts.is_empty(), "stopped without a conflict: {}{}", ran.out, ran.err);
                self.count("conflicts");
                if self.dice.one_in(2) {
                    self.refused_meanwhile(&before);
                }
                if self.dice.one_in(4) {
                    self.git(&["rebase", "--abort"]);
                    return true;
                }
                tree = self.settle(&merged, &conflicts, [&base, &before, &node.tree]);
                ran = match tree == before {
                    true => self.try_git(&["rebase", "--skip"]),
                    false => self.try_git(&["-c", "core.editor=true", "rebase", "--continue"]),
                };
            } else {
                assert_eq!(merged.must, BTreeSet::new(), "{picked} must conflict");
                tree = merged.tree;
            }
            if tree != before {
                trees.push(tree.clone());
            }
        }
        self.same_code(&ran, 0);
        self.take_line(&upstream, trees);
        self.settle_doubled();
        true
    }

    /// The commits that a rebase has made on top of `upstream`, each with the tree that was foreseen.
    fn take_line(&mut self, upstream: &str, trees: Vec<Tree>) {
        let range = format!("{upstream}..HEAD");
        let made = self.repo.git(&["rev-list", "--reverse", "--first-parent", &range]);
        let made: Vec<String> = made.lines().map(str::to_owned).collect();
        assert_eq!(made.len(), trees.len(), "commits after the rebase");
        let mut parent = upstream.to_owned();
        for (id, tree) in made.into_iter().zip(trees) {
            let commit = self.objects.commit(&id).expect("a commit");
            assert_eq!(commit.parents, [parent]);
            self.same_files(&commit.tree, &tree);
            let time = self.repo.now();
            let node = super::graph::Node { parents: commit.parents, tree: Rc::new(tree), time };
            self.graph.commits.entry(id.clone()).or_insert(node);
            parent = id;
        }
        self.graph.branches.insert(self.graph.branch.clone(), parent);
    }
}

/// The merge base; where there are several, only if they hold the same. git makes one out of them, with conflicts inside
/// where they do not.
fn one_base(bases: &[Tree]) -> Option<Tree> {
    let (first, rest) = bases.split_first()?;
    rest.iter().all(|base| base == first).then(|| first.clone())
}
