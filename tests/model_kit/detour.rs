//! What writes more than the model can tell of a deal, is held against what must come of it, and is taken back.

use super::graph::Tree;
use super::world::World;

impl World {
    /// A deal gets another id and its old one back.
    pub fn rename(&mut self) -> bool {
        let tree = Tree::clone(self.graph.tree());
        let Some(old) = self.a_deal(&tree) else { return false };
        let new = match self.a_new_id(&tree) {
            Some(new) if !self.dice.one_in(5) => new,
            _ => self.a_deal(&tree).expect("there is one"),
        };
        let places = tree.deals[&old].clone();
        let (folder, card) = places.first_key_value().expect("a place");
        let before = self.freeze();
        let ran = self.repo.tussock(&["rename", &old, &new]);
        self.tell(format!("tussock rename {old} {new}  # {}", ran.code));
        if tree.deals.contains_key(&new) {
            assert_eq!(ran.code == 0, old == new, "{}{}", ran.out, ran.err);
            assert_eq!(self.changed_since(&before), Vec::<String>::new());
            self.count("renames refused or without effect");
            return true;
        }
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let path = format!("sales/{folder}/{new}.yaml");
        let text = self.repo.read(&path);
        let said = format!("was:\n  - {old}\n");
        assert_eq!(text.replace(&said, ""), card.text(), "the old id is all that is added");
        assert!(text.contains(&said), "{text}");
        let moved = self.repo.git(&["show", "--format=", "--name-status", "--no-renames", "HEAD"]);
        let mut moved: Vec<&str> = moved.lines().collect();
        moved.sort_unstable();
        assert_eq!(moved, [format!("A\t{path}"), format!("D\tsales/{folder}/{old}.yaml")]);
        self.repo.set_now(self.repo.now() + 1);
        // What is done in a folder that is no stage is no action to take back.
        self.take_back(&tree, usize::from(folder != "parking"));
        self.count("renames");
        true
    }

    /// Deals are written in other ways, committed, and put into the one form.
    pub fn fmt(&mut self) -> bool {
        let tree = Tree::clone(self.graph.tree());
        let before = self.freeze();
        let ran = self.repo.tussock(&["fmt"]);
        self.tell(format!("tussock fmt  # {}", ran.code));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert_eq!(self.changed_since(&before), Vec::<String>::new(), "all are in order");
        let mut messy = 0;
        for (id, places) in &tree.deals {
            let (folder, card) = places.first_key_value().expect("a place");
            if !self.dice.one_in(2) {
                continue;
            }
            let text = match self.dice.below(3) {
                0 => card.text().replace(": ", ":   "),
                1 => card.text().replace("\nowner: olga\n", "\nowner: olga   \n"),
                _ => format!("\n\n{}", card.text()),
            };
            if text == card.text() {
                continue;
            }
            let path = format!("sales/{folder}/{id}.yaml");
            self.tell(format!("write {path}  # in another form"));
            self.repo.write(&path, text);
            messy += 1;
        }
        if messy == 0 {
            return true;
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "In another form"]);
        self.repo.set_now(self.repo.now() + 1);
        let ran = self.repo.tussock(&["fmt"]);
        self.tell(format!("tussock fmt  # {}", ran.code));
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        let commit = self.objects.commit("HEAD").expect("HEAD");
        self.same_files(&commit.tree, &tree);
        self.same_reading(&tree);
        assert_eq!(self.status(), "");
        let head = self.graph.head().to_owned();
        self.git(&["reset", "-q", "--hard", &head]);
        self.count("deals put into the one form");
        true
    }

    /// Takes the last actions back by tussock, and forgets all of it.
    fn take_back(&mut self, tree: &Tree, actions: usize) {
        for _ in 0..actions {
            let ran = self.repo.tussock(&["undo"]);
            self.tell(format!("tussock undo  # {}", ran.code));
            assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        }
        if actions > 0 {
            let commit = self.objects.commit("HEAD").expect("HEAD");
            self.same_files(&commit.tree, tree);
            self.same_reading(tree);
        }
        assert_eq!(self.status(), "");
        let head = self.graph.head().to_owned();
        self.git(&["reset", "-q", "--hard", &head]);
    }
}
