//! The model itself: what every commit holds, and what git makes of two commits.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::card::{self, Card, Content};

/// The files of one deal by folder: one as a rule, several where an id is doubled.
pub type Places = BTreeMap<String, Card>;

/// What a commit holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The deals by id.
    pub deals: BTreeMap<String, Places>,
    /// Files that are no deals, by path; nobody ever changes one.
    pub others: BTreeMap<String, String>,
}

impl Tree {
    /// Every file by its path below the repository's root.
    pub fn files(&self) -> BTreeMap<String, String> {
        let deals = self.deals.iter().flat_map(|(id, places)| {
            places.iter().map(move |(folder, card)| (format!("sales/{folder}/{id}.yaml"), card.text()))
        });
        deals.chain(self.others.clone()).collect()
    }

    /// Where a deal is that is in one place.
    pub fn place(&self, id: &str) -> Option<(&str, &Card)> {
        self.deals.get(id).and_then(|places| places.first_key_value()).map(|(folder, card)| (folder.as_str(), card))
    }

    /// Puts a deal into one place, or nowhere.
    pub fn put(&mut self, id: &str, place: Option<(String, Card)>) {
        self.settle(id, place.into_iter().collect());
    }

    /// Puts a deal into these places.
    pub fn settle(&mut self, id: &str, places: Places) {
        match places.is_empty() {
            true => drop(self.deals.remove(id)),
            false => drop(self.deals.insert(id.to_owned(), places)),
        }
    }

    /// The ids that are in several places.
    pub fn doubled(&self) -> Vec<String> {
        self.deals.iter().filter(|(_, places)| places.len() > 1).map(|(id, _)| id.clone()).collect()
    }
}

/// The stage of a folder.
pub fn stage(folder: &str) -> &str {
    folder.split('/').next().unwrap_or(folder)
}

/// What becomes of one deal that two branches have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean(Places),
    /// This, or a conflict, because the changes lie side by side.
    Either(Places),
    Conflict,
    /// Not foreseen: an id was already doubled.
    Unknown,
}

/// Three-way merge of one deal, by id; where git knows a deal only by its likeness, as git does it.
pub fn merge_deal(base: &Places, ours: &Places, theirs: &Places) -> Verdict {
    if ours == theirs || theirs == base {
        return Verdict::Clean(ours.clone());
    }
    if ours == base {
        return Verdict::Clean(theirs.clone());
    }
    if [base, ours, theirs].iter().any(|places| places.len() > 1) {
        return Verdict::Unknown;
    }
    let one = |places: &Places| places.first_key_value().map(|(folder, card)| (folder.clone(), card.clone()));
    let content = |folder: &str, b: &Card, o: &Card, t: &Card| match card::merge(b, o, t) {
        Content::Clean(card) => Verdict::Clean(Places::from([(folder.to_owned(), card)])),
        Content::Either(card) => Verdict::Either(Places::from([(folder.to_owned(), card)])),
        Content::Conflict => Verdict::Conflict,
    };
    let both = || ours.iter().chain(theirs).map(|(folder, card)| (folder.clone(), card.clone())).collect::<Places>();
    let Some((home, base)) = one(base) else {
        // Both made it. In two folders, git sees two files that have nothing to do with each other.
        return match ours.keys().eq(theirs.keys()) {
            true => Verdict::Conflict,
            false => Verdict::Clean(both()),
        };
    };
    // To git, a file that went away and came back unlike is another file.
    let is_other = |(folder, card): &(String, Card)| *folder != home && card.body != base.body;
    match (one(ours), one(theirs)) {
        (None, None) => Verdict::Clean(Places::new()),
        (Some(left), None) | (None, Some(left)) => match is_other(&left) {
            true => Verdict::Clean(Places::from([left])),
            false => Verdict::Conflict,
        },
        (Some(ours), Some(theirs)) => match (is_other(&ours), is_other(&theirs)) {
            (true, true) if ours.0 != theirs.0 => Verdict::Clean(both()),
            (true, _) | (_, true) => Verdict::Conflict,
            (false, false) => match (ours.0 == home, theirs.0 == home) {
                (_, true) => content(&ours.0, &base, &ours.1, &theirs.1),
                (true, false) => content(&theirs.0, &base, &ours.1, &theirs.1),
                (false, false) if ours.0 == theirs.0 => content(&ours.0, &base, &ours.1, &theirs.1),
                (false, false) => Verdict::Conflict,
            },
        },
    }
}

/// What a merge of two trees must give.
pub struct Merged {
    /// The result, as far as it is clean.
    pub tree: Tree,
    /// Deals that conflict.
    pub must: BTreeSet<String>,
    /// Deals that may conflict; else they are as in the result.
    pub may: BTreeSet<String>,
}

/// Three-way merge of two trees; `None` where it is not foreseen.
pub fn merge(base: &Tree, ours: &Tree, theirs: &Tree) -> Option<Merged> {
    let mut merged = Merged { tree: Tree::default(), must: BTreeSet::new(), may: BTreeSet::new() };
    let ids: BTreeSet<&String> = [base, ours, theirs].iter().flat_map(|tree| tree.deals.keys()).collect();
    let none = Places::new();
    for id in ids {
        let of = |tree: &'_ Tree| tree.deals.get(id).unwrap_or(&none).clone();
        match merge_deal(&of(base), &of(ours), &of(theirs)) {
            Verdict::Clean(places) => merged.tree.settle(id, places),
            Verdict::Either(places) => {
                merged.tree.settle(id, places);
                merged.may.insert(id.clone());
            }
            Verdict::Conflict => drop(merged.must.insert(id.clone())),
            Verdict::Unknown => return None,
        }
    }
    for (path, text) in base.others.iter().chain(&ours.others).chain(&theirs.others) {
        let has = |tree: &Tree| tree.others.contains_key(path);
        let stays = if has(ours) == has(base) { has(theirs) } else { has(ours) };
        if stays {
            merged.tree.others.insert(path.clone(), text.clone());
        }
    }
    Some(merged)
}

/// A commit of the model.
#[derive(Clone, Debug)]
pub struct Node {
    pub parents: Vec<String>,
    pub tree: Rc<Tree>,
    /// Committer time.
    pub time: i64,
}

/// All commits, and the branches.
#[derive(Default)]
pub struct Graph {
    pub commits: HashMap<String, Node>,
    pub branches: BTreeMap<String, String>,
    /// The branch that is checked out.
    pub branch: String,
}

impl Graph {
    /// The commit that is checked out.
    pub fn head(&self) -> &str {
        &self.branches[&self.branch]
    }

    /// What it holds.
    pub fn tree(&self) -> &Rc<Tree> {
        &self.commits[self.head()].tree
    }

    /// A commit and all before it.
    pub fn ancestors(&self, commit: &str) -> HashSet<&str> {
        let mut seen = HashSet::new();
        let mut next: Vec<&str> = self.commits.get_key_value(commit).map(|(id, _)| id.as_str()).into_iter().collect();
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(self.commits[id].parents.iter().map(String::as_str));
            }
        }
        seen
    }

    /// The merge bases of two commits.
    pub fn bases(&self, a: &str, b: &str) -> Vec<&str> {
        let of_b = self.ancestors(b);
        let common: Vec<&str> = self.ancestors(a).into_iter().filter(|id| of_b.contains(id)).collect();
        let older: HashSet<&str> = common
            .iter()
            .flat_map(|id| self.commits[*id].parents.iter())
            .flat_map(|parent| self.ancestors(parent))
            .collect();
        let mut bases: Vec<&str> = common.into_iter().filter(|id| !older.contains(id)).collect();
        bases.sort_unstable();
        bases
    }

    /// The first-parent line up to what is checked out, oldest first.
    pub fn line(&self) -> Vec<&str> {
        let mut line = vec![self.head()];
        while let Some(parent) = line.last().and_then(|id| self.commits[*id].parents.first()) {
            line.push(parent);
        }
        line.reverse();
        line
    }
}
