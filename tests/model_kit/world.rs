//! A repository beside its model, and all that must be alike in the two.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use tussock::format::load::{Reading, load};
use tussock::repo::discover::{Home, find};
use tussock::repo::git::Git;
use tussock::repo::worktree::WorkTree;

use super::card::{Card, FIELDS, Line};
use super::dice::Dice;
use super::graph::{Graph, Node, Places, Tree};
use super::objects::Objects;
use super::tool::Ask;
use crate::kit::freeze::{Frozen, differences, freeze};
use crate::kit::{Ran, TestRepo};

/// Where people put deals by hand: every stage and end, years of ends, and a folder that is no stage.
const FOLDERS: [&str; 12] = [
    "brief",
    "proposal",
    "contract",
    "brief",
    "proposal",
    "contract",
    "won/2026",
    "won",
    "lost/2026",
    "lost/2025",
    "recycled",
    "parking",
];
/// So few ids that branches meet in them.
const IDS: usize = 10;

/// The shapes of repositories, with the settings that make them.
const SHAPES: [(&str, &[&str]); 8] = [
    ("as git makes it", &[]),
    ("an index of version 4", &["index.version=4"]),
    ("hooks", &[]),
    ("a split index", &["core.splitIndex=true"]),
    ("an untracked cache", &["core.untrackedCache=true"]),
    ("many files", &["feature.manyFiles=true"]),
    ("shared, with line ends of its own", &["core.sharedRepository=group", "core.autocrlf=input"]),
    ("conflicts remembered", &["rerere.enabled=true", "merge.conflictStyle=zdiff3"]),
];

/// A repository to the byte.
type Look = BTreeMap<String, Frozen>;

/// What was done so far, in lines like those of a shell.
pub type Told = Arc<Mutex<Vec<String>>>;

pub struct World {
    pub repo: TestRepo,
    pub home: Home,
    pub objects: Objects,
    pub graph: Graph,
    pub dice: Dice,
    pub told: Told,
    /// Makes every value that is written another one.
    fresh: u32,
    /// How often what was done.
    pub counts: BTreeMap<&'static str, usize>,
}

impl World {
    /// An empty pipeline. Repositories come in several shapes: each story has one of them.
    pub fn new(story: u64, told: Told) -> World {
        let repo = TestRepo::with_pipeline();
        let (shape, settings) = SHAPES[(story % SHAPES.len() as u64) as usize];
        told.lock().expect("no panic").push(format!("# {shape}"));
        for setting in settings {
            let (key, value) = setting.split_once('=').expect("a value");
            repo.git(&["config", key, value]);
        }
        if shape == "hooks" {
            for hook in ["pre-commit", "commit-msg", "post-commit", "reference-transaction"] {
                let path = format!(".git/hooks/{hook}");
                repo.write(&path, "#!/bin/sh\nexit 0\n");
                std::fs::set_permissions(repo.path().join(path), Permissions::from_mode(0o755)).expect("may be run");
            }
        }
        for (key, value) in [
            ("merge.directoryRenames", "false"),
            ("gc.auto", "0"),
            ("maintenance.auto", "false"),
            ("core.fsync", "none"),
            ("advice.mergeConflict", "false"),
        ] {
            repo.git(&["config", key, value]);
        }
        let home = find(&repo.path(), None).expect("a pipeline");
        let mut objects = Objects::new(&repo);
        let commit = objects.commit("HEAD").expect("a commit");
        let others = (*objects.files(&commit.tree)).clone();
        let node =
            Node { parents: Vec::new(), tree: Rc::new(Tree { others, ..Tree::default() }), time: repo.now() - 60 };
        let mut graph = Graph { branch: "main".into(), ..Graph::default() };
        graph.branches.insert("main".into(), commit.id.clone());
        graph.commits.insert(commit.id, node);
        World { repo, home, objects, graph, dice: Dice::new(0, 0), told, fresh: 0, counts: BTreeMap::new() }
    }

    /// Makes ready for the operation of this number.
    pub fn begin(&mut self, story: u64, number: usize) {
        self.dice = Dice::new(story, number);
        self.fresh = number as u32 * 100;
        self.repo.set_now(self.repo.now() + 60);
        self.tell(format!("# {number}"));
    }

    pub fn tell(&self, line: impl Into<String>) {
        self.told.lock().expect("no panic").push(line.into());
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub fn fresh(&mut self) -> u32 {
        self.fresh += 1;
        self.fresh
    }

    /// Runs git.
    pub fn git(&self, args: &[&str]) -> String {
        self.tell(format!("git {}", args.join(" ")));
        self.repo.git(args)
    }

    /// Runs git, whatever comes of it.
    pub fn try_git(&self, args: &[&str]) -> Ran {
        let ran = self.repo.try_git(args);
        self.tell(format!("git {}  # {}", args.join(" "), ran.code));
        ran
    }

    /// The git that the library runs, hermetic too.
    pub fn library_git(&self) -> Git {
        self.repo.library_git(&self.home)
    }

    pub fn work_tree(&self) -> WorkTree {
        WorkTree::new(&self.home, &self.repo.path())
    }

    /// The pipeline as tussock reads it from the work tree.
    pub fn reading(&self) -> Reading {
        load(&self.work_tree()).expect("the pipeline is read")
    }

    /// Takes the commit that HEAD must now be: with these parents and exactly this tree.
    pub fn record(&mut self, parents: &[String], tree: Tree) {
        let commit = self.objects.commit("HEAD").expect("HEAD");
        assert_eq!(commit.parents, parents, "parents of the new commit");
        self.same_files(&commit.tree, &tree);
        let node = Node { parents: commit.parents, tree: Rc::new(tree), time: self.repo.now() };
        self.graph.commits.insert(commit.id.clone(), node);
        self.graph.branches.insert(self.graph.branch.clone(), commit.id);
    }

    /// As [`World::record`], for one more commit on the branch.
    pub fn record_next(&mut self, tree: Tree) {
        let parent = self.graph.head().to_owned();
        self.record(&[parent], tree);
    }

    pub fn same_files(&mut self, tree: &str, model: &Tree) {
        let (found, wanted) = (self.objects.files(tree), model.files());
        if *found != wanted {
            let paths = found.keys().chain(wanted.keys()).filter(|path| found.get(*path) != wanted.get(*path));
            let shown = paths.map(|path| {
                let text = |files: &BTreeMap<String, String>| files.get(path).cloned().unwrap_or("(nothing)\n".into());
                format!("{path}\n--- in git\n{}--- in the model\n{}", text(&found), text(&wanted))
            });
            panic!("the tree is another one than the model's:\n{}", shown.collect::<Vec<_>>().join("\n"));
        }
    }

    /// Holds everything against the model: branches, HEAD's tree, index, work tree, and what tussock reads.
    pub fn verify(&mut self) {
        let head = std::fs::read_to_string(self.repo.path().join(".git/HEAD")).expect("HEAD");
        assert_eq!(head.trim_end(), format!("ref: refs/heads/{}", self.graph.branch));
        for (branch, id) in self.graph.branches.clone() {
            let found = self.objects.commit(&format!("refs/heads/{branch}")).map(|c| c.id);
            assert_eq!(found, Some(id), "the branch {branch}");
        }
        let commit = self.objects.commit("HEAD").expect("HEAD");
        let tree = self.graph.tree().clone();
        self.same_files(&commit.tree, &tree);
        assert_eq!(self.status(), "", "index and work tree are those of HEAD");
        self.same_reading(&tree);
        self.nothing_left_behind();
    }

    pub fn status(&self) -> String {
        // It could write the index anew, and what others leave in it is looked at to the byte.
        self.repo.git(&["--no-optional-locks", "status", "--porcelain", "-uall"])
    }

    /// What the repository looks like to the byte.
    pub fn freeze(&self) -> Look {
        freeze(&self.repo.path())
    }

    /// Holds that nothing has changed since a look.
    pub fn unchanged(&self, before: &Look, asked: &Ask) {
        assert_eq!(self.changed_since(before), Vec::<String>::new(), "{asked:?}");
    }

    /// What has changed since a look.
    pub fn changed_since(&self, before: &Look) -> Vec<String> {
        let mut changed = differences(before, &self.freeze());
        // git gives the shared part of a split index a new time whenever it reads it. Its name tells its bytes.
        changed.retain(|name| !name.starts_with(".git/sharedindex."));
        changed
    }

    /// No journal, no scratch and no lock of ours or of git's may stay.
    fn nothing_left_behind(&self) {
        let names = |folder: &Path| -> Vec<String> {
            let items = std::fs::read_dir(folder).map(|items| items.flatten().collect::<Vec<_>>()).unwrap_or_default();
            items.iter().map(|i| i.file_name().to_string_lossy().into_owned()).collect()
        };
        let git = self.repo.path().join(".git");
        let ours: Vec<String> = names(&git.join("tussock")).into_iter().filter(|n| n != "lock").collect();
        assert_eq!(ours, Vec::<String>::new(), "left behind by tussock");
        let locks: Vec<String> = names(&git).into_iter().filter(|n| n.ends_with(".lock")).collect();
        assert_eq!(locks, Vec::<String>::new(), "left behind by git");
    }

    /// What tussock reads from the work tree is what the model holds.
    pub fn same_reading(&self, tree: &Tree) {
        let reading = self.reading();
        let unreadable: Vec<&str> = reading.unreadable.iter().map(|u| u.path.as_str()).collect();
        assert_eq!(unreadable, Vec::<&str>::new(), "tussock cannot read these");
        let read: BTreeMap<String, (String, String)> = reading
            .deals
            .iter()
            .map(|d| (format!("sales/{}", d.path), (d.stage.to_string(), d.document.text.clone())))
            .collect();
        let wanted: BTreeMap<String, (String, String)> = tree
            .deals
            .iter()
            .flat_map(|(id, places)| places.iter().map(move |(folder, card)| (id, folder, card)))
            .map(|(id, folder, card)| {
                (format!("sales/{folder}/{id}.yaml"), (super::graph::stage(folder).to_owned(), card.text()))
            })
            .collect();
        assert_eq!(read, wanted, "what tussock reads");
        for deal in &reading.deals {
            assert!(deal.problems.is_empty(), "{}: {:?}", deal.path, deal.problems);
            let card = &tree.deals[deal.id.as_str()][deal.path.rsplit_once('/').expect("a folder").0];
            for (number, field) in FIELDS.iter().enumerate() {
                assert_eq!(deal.value(field).is_some(), card.has(number), "{} {field}", deal.path);
                if let Some(text) = deal.text(field) {
                    assert_eq!(Some(text), card.value(number), "{} {field}", deal.path);
                }
            }
        }
    }

    // What people do in the work tree.

    /// Puts a deal's file where the model has it, and away from where it was.
    pub fn write_deal(&self, id: &str, before: Option<&Places>, after: Option<&Places>) {
        let none = Places::new();
        let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
        for folder in before.keys().filter(|folder| !after.contains_key(*folder)) {
            let path = format!("sales/{folder}/{id}.yaml");
            self.tell(format!("rm {path}"));
            std::fs::remove_file(self.repo.path().join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        }
        for (folder, card) in after {
            let path = format!("sales/{folder}/{id}.yaml");
            if before.get(folder) != Some(card) {
                self.tell(format!("write {path}  # {card:?}"));
                self.repo.write(&path, card.text());
            }
        }
    }

    /// A value for a field that nobody wrote before, except where there are only a few words.
    pub fn value(&mut self, field: usize) -> String {
        let fresh = self.fresh();
        match FIELDS[field] {
            "owner" => ["olga", "ivan", "mei"][self.dice.below(3)].to_owned(),
            "amount" => (1000 + fresh).to_string(),
            "proposal.sent_on" => format!("2026-01-{:02}", 1 + self.dice.below(28)),
            "lost.reason" => ["price", "timing", "silent"][self.dice.below(3)].to_owned(),
            _ => format!("Text {fresh}"),
        }
    }

    /// Changes a card as an editor would.
    fn edit(&mut self, card: &mut Card) {
        for _ in 0..=self.dice.below(3) {
            let field = self.dice.below(FIELDS.len());
            if field != 0 && card.has(field) && self.dice.one_in(4) {
                card.values[field] = None;
                continue;
            }
            let value = self.value(field);
            let comment = self.dice.one_in(3).then(|| self.fresh());
            card.values[field] = Some(Line { value, comment });
        }
        // Never without any change.
        let title = self.value(0);
        if self.dice.one_in(3) || card.values[0].is_none() {
            card.set(0, &title);
        } else {
            let amount = self.value(2);
            card.set(2, &amount);
        }
    }

    pub fn a_folder(&mut self) -> String {
        FOLDERS[self.dice.below(FOLDERS.len())].to_owned()
    }

    pub fn a_new_id(&mut self, tree: &Tree) -> Option<String> {
        let free: Vec<String> = (0..IDS).map(|n| format!("d{n}")).filter(|id| !tree.deals.contains_key(id)).collect();
        self.dice.pick(&free).cloned()
    }

    pub fn a_deal(&mut self, tree: &Tree) -> Option<String> {
        let ids: Vec<&String> = tree.deals.keys().collect();
        self.dice.pick(&ids).map(|id| (*id).clone())
    }

    /// A change of one deal that people make in the work tree, and in the model's tree.
    pub fn scribble(&mut self, tree: &mut Tree) -> String {
        let old = if tree.deals.len() < 2 || self.dice.one_in(6) { None } else { self.a_deal(tree) };
        let id = match old {
            Some(id) => id,
            None => match self.a_new_id(tree) {
                Some(id) => id,
                None => self.a_deal(tree).expect("all ids are taken"),
            },
        };
        let before = tree.deals.get(&id).cloned();
        let place = tree.place(&id).map(|(folder, card)| (folder.to_owned(), card.clone()));
        let after = match place {
            None => {
                let mut card = Card::new(&format!("Deal {id}"), self.fresh());
                self.edit(&mut card);
                Some((self.a_folder(), card))
            }
            Some((folder, mut card)) => match self.dice.below(12) {
                0 => None,
                1..=4 => {
                    self.edit(&mut card);
                    Some((folder, card))
                }
                5..=7 => {
                    let to = self.a_folder();
                    if to == folder {
                        self.edit(&mut card);
                    }
                    Some((to, card))
                }
                8..=9 => {
                    self.edit(&mut card);
                    Some((self.a_folder(), card))
                }
                10 => {
                    card.body = self.fresh();
                    Some((self.a_folder(), card))
                }
                _ => {
                    card.body = self.fresh();
                    Some((folder, card))
                }
            },
        };
        tree.put(&id, after);
        self.write_deal(&id, before.as_ref(), tree.deals.get(&id));
        id
    }

    /// Commits what lies in the work tree; false where that is nothing.
    pub fn commit_all(&mut self, tree: Tree, message: &str) -> bool {
        if tree == **self.graph.tree() {
            return false;
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.record_next(tree);
        true
    }
}
