//! Which deals a commit holds: from the full list of its files, and the state of its first parent.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use tussock::format::pipeline::Pipeline;

use super::store::Store;

/// The fields that are always told.
pub const FIELDS: [&str; 5] = ["amount", "close_date", "owner", "next_step.what", "next_step.due"];

/// The values of [`FIELDS`].
pub type Values = Rc<[Option<String>]>;

/// A deal file, as far as it can be read.
pub struct Version {
    /// `None` where it cannot be read.
    pub values: Option<Values>,
    /// The ids under `was`.
    pub was: Vec<String>,
}

/// A deal in a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deal {
    /// The folders with a file of it, below the pipeline's, and the blobs. It is in the first.
    pub copies: Vec<(Rc<[u8]>, Rc<str>)>,
    /// The values as last known on the way here by first parents.
    pub values: Option<Values>,
}

impl Deal {
    /// The folder of the stage, as it was named then.
    pub fn folder(&self) -> String {
        top(&self.copies[0].0)
    }

    pub fn blob(&self) -> &Rc<str> {
        &self.copies[0].1
    }
}

/// A file of a deal: its folder below the pipeline's, and its blob.
pub type Place = (Rc<[u8]>, Rc<str>);

/// A stage's folder: its name and its tree.
type Folder = (Rc<str>, Rc<str>);

/// The deal files of a stage's folder: id, folder below the pipeline's, blob; sorted.
pub type Listing = Rc<Vec<(Rc<str>, Rc<[u8]>, Rc<str>)>>;

/// The deals of a commit.
#[derive(Clone, Default)]
pub struct State {
    /// The deal files by stage folder.
    pub stages: BTreeMap<Rc<str>, Listing>,
    pub here: BTreeMap<Rc<str>, Rc<Deal>>,
    /// The last known values of those that are gone.
    pub gone: BTreeMap<Rc<str>, Option<Values>>,
}

impl State {
    /// The ids with files in a folder that is not the same in both. That a folder with the same object id holds the same
    /// files is the one thing that is taken for granted.
    pub fn touched(&self, other: &State) -> BTreeSet<Rc<str>> {
        let mut ids = BTreeSet::new();
        for stage in self.stages.keys().chain(other.stages.keys()).collect::<BTreeSet<_>>() {
            let (a, b) = (self.stages.get(stage), other.stages.get(stage));
            if a.zip(b).is_none_or(|(a, b)| !Rc::ptr_eq(a, b)) {
                ids.extend([a, b].into_iter().flatten().flat_map(|listing| listing.iter().map(|(id, ..)| id.clone())));
            }
        }
        ids
    }

    fn copies(&self, id: &Rc<str>) -> Vec<(Rc<[u8]>, Rc<str>)> {
        let mut copies = Vec::new();
        for listing in self.stages.values() {
            let from = listing.partition_point(|(other, ..)| other < id);
            let own = listing[from..].iter().take_while(|(other, ..)| other == id);
            copies.extend(own.map(|(_, folder, blob)| (folder.clone(), blob.clone())));
        }
        copies.sort();
        copies
    }
}

pub fn top(folder: &[u8]) -> String {
    String::from_utf8_lossy(folder.split(|b| *b == b'/').next().unwrap()).into_owned()
}

/// Whether a text is an id: a lower-case letter or digit, then letters, digits, `.`, `_` and `-`, at most 100.
fn is_id(text: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=100).contains(&text.len())
        && plain(&text[0])
        && text.iter().all(|b| plain(b) || matches!(b, b'.' | b'_' | b'-'))
}

/// The folder and the id of a deal's file, by its path below the pipeline's folder.
fn deal_file(path: &[u8]) -> Option<(&[u8], &str)> {
    let slash = path.iter().rposition(|b| *b == b'/')?;
    let (folder, name) = (&path[..slash], &path[slash + 1..]);
    let stage = folder.split(|b| *b == b'/').next()?;
    let stem = name.strip_suffix(b".yaml")?;
    let fits = is_id(stage) && stage != b"templates" && stage != b"reports" && is_id(stem);
    fits.then(|| (folder, std::str::from_utf8(stem).unwrap()))
}

/// Reads deals and remembers what it read.
pub struct Reader<'s> {
    pub store: &'s Store,
    versions: RefCell<HashMap<Rc<str>, Rc<Version>>>,
    states: RefCell<HashMap<usize, Rc<State>>>,
    places: RefCell<HashMap<usize, String>>,
    listings: RefCell<HashMap<Folder, Listing>>,
    prefix: String,
    pipeline: &'s Pipeline,
    /// Stage folders that a commit renamed as a whole: from, to.
    pub folder_renames: HashMap<usize, Vec<(String, String)>>,
}

impl<'s> Reader<'s> {
    /// Reads the pipeline that lies in the folder `prefix` at the tip.
    pub fn new(store: &'s Store, prefix: &str, pipeline: &'s Pipeline) -> Self {
        Reader {
            store,
            versions: RefCell::default(),
            states: RefCell::default(),
            places: RefCell::default(),
            listings: RefCell::default(),
            prefix: prefix.to_owned(),
            pipeline,
            folder_renames: HashMap::new(),
        }
    }

    /// The folder of the pipeline in a commit: the one of today where a pipeline file lies there, else the only folder
    /// with a pipeline file. Histories here never hold two of them at a time.
    pub fn place(&self, commit: usize) -> String {
        if let Some(found) = self.places.borrow().get(&commit) {
            return found.clone();
        }
        let tree = &self.store.commits[commit].tree;
        let today = self.store.folder(tree, &self.prefix).and_then(|folder| self.store.file(&folder, "pipeline.yaml"));
        let place = if today.is_some() {
            self.prefix.clone()
        } else {
            let files = self.store.files(tree);
            let mut found = files.iter().filter_map(|(path, _)| {
                let folder = path.strip_suffix(b"pipeline.yaml")?;
                (folder.is_empty() || folder.ends_with(b"/")).then(|| String::from_utf8_lossy(folder).into_owned())
            });
            found.next().map_or(self.prefix.clone(), |folder| folder.trim_end_matches('/').to_owned())
        };
        self.places.borrow_mut().insert(commit, place.clone());
        place
    }

    /// The folders with a file of each deal in a commit.
    pub fn copies(&self, commit: usize) -> BTreeMap<Rc<str>, Vec<Place>> {
        let mut copies: BTreeMap<Rc<str>, Vec<Place>> = BTreeMap::new();
        for (id, folder, blob) in self.stages(commit).values().flat_map(|listing| listing.iter()) {
            copies.entry(id.clone()).or_default().push((folder.clone(), blob.clone()));
        }
        copies
    }

    /// The names of the folders directly in the pipeline's in a commit.
    pub fn folders(&self, commit: usize) -> BTreeSet<String> {
        let pipeline = self.store.folder(&self.store.commits[commit].tree, &self.place(commit));
        let folders = pipeline.map(|pipeline| self.store.folders(&pipeline)).unwrap_or_default();
        folders.into_iter().map(|(name, _)| String::from_utf8_lossy(&name).into_owned()).collect()
    }

    /// The deals of a commit. A deal with files in several folders stays in the stage where it was for as long as a file
    /// of it lies there; otherwise it is where the file is that has lain there longest, the first by name among equals.
    pub fn state(&self, commit: usize) -> Rc<State> {
        // Down to a state that is known, then up again, so that long lines need no deep stack.
        let mut way = vec![commit];
        let mut before = loop {
            let last = way[way.len() - 1];
            if let Some(found) = self.states.borrow().get(&last).cloned() {
                way.pop();
                break found;
            }
            match self.store.commits[last].parents.first() {
                Some(parent) => way.push(*parent),
                None => break Rc::default(),
            }
        };
        while let Some(next) = way.pop() {
            let state = Rc::new(self.next_state(&before, next));
            let mut states = self.states.borrow_mut();
            if state.here.len() > 100 && states.len() > 40 {
                let newest = next.saturating_sub(40);
                states.retain(|commit, _| *commit > newest);
            }
            states.insert(next, state.clone());
            before = state;
        }
        before
    }

    /// The stage of a folder, older names of today's stages being theirs.
    fn stage(&self, folder: &[u8]) -> String {
        let top = top(folder);
        self.pipeline.current_name(&top).map(ToString::to_string).unwrap_or(top)
    }

    /// The deal files of a commit by stage folder.
    fn stages(&self, commit: usize) -> BTreeMap<Rc<str>, Listing> {
        let Some(pipeline) = self.store.folder(&self.store.commits[commit].tree, &self.place(commit)) else {
            return BTreeMap::new();
        };
        let mut listings = self.listings.borrow_mut();
        if listings.len() > 2_000 {
            listings.clear();
        }
        let mut stages = BTreeMap::new();
        for (name, tree) in self.store.folders(&pipeline) {
            let Ok(name) = String::from_utf8(name) else { continue };
            let name: Rc<str> = name.into();
            let listed = || {
                let mut listing = Vec::new();
                for (path, blob) in self.store.files(&tree).iter() {
                    if let Some((folder, id)) = deal_file(&[name.as_bytes(), b"/", path].concat()) {
                        listing.push((Rc::from(id), Rc::from(folder), blob.clone()));
                    }
                }
                listing.sort();
                Rc::new(listing)
            };
            let listing = listings.entry((name.clone(), tree.clone())).or_insert_with(listed).clone();
            if !listing.is_empty() {
                stages.insert(name, listing);
            }
        }
        stages
    }

    fn next_state(&self, before: &State, commit: usize) -> State {
        let mut state = State { stages: self.stages(commit), ..before.clone() };
        for id in before.touched(&state) {
            let mut copies = state.copies(&id);
            let old = before.here.get(&id);
            if copies.is_empty() {
                if let Some(old) = old {
                    state.gone.insert(id.clone(), old.values.clone());
                    state.here.remove(&id);
                }
                continue;
            }
            if let Some(old) = old {
                if old.copies == copies {
                    continue;
                }
                let folder = old.folder();
                let renamed =
                    self.folder_renames.get(&commit).and_then(|all| all.iter().find(|(old, _)| *old == folder));
                let home = self.stage(renamed.map_or(folder.as_bytes(), |(_, new)| new.as_bytes()));
                // When its home is gone, it went where a file came, and not where another one lay already.
                let went = old.copies.first().is_some_and(|(home, _)| copies.iter().all(|(folder, _)| folder != home));
                let new = if went { 0 } else { usize::MAX };
                let rank =
                    |folder: &Rc<[u8]>| old.copies.iter().position(|(f, _)| f == folder).map_or(new, |at| at + 1);
                copies.sort_by_key(|(folder, _)| rank(folder));
                if let Some(at) = copies.iter().position(|(folder, _)| self.stage(folder) == home) {
                    copies[..=at].rotate_right(1);
                }
            }
            let past = match old {
                Some(old) => old.values.clone(),
                None => state.gone.remove(&id).flatten(),
            };
            let values = self.version(&copies[0].1).values.clone().or(past);
            state.here.insert(id, Rc::new(Deal { copies, values }));
        }
        state
    }

    /// What a blob says.
    pub fn version(&self, blob: &Rc<str>) -> Rc<Version> {
        if let Some(found) = self.versions.borrow().get(blob) {
            return found.clone();
        }
        let version = Rc::new(read(&self.store.object(blob)));
        self.versions.borrow_mut().insert(blob.clone(), version.clone());
        version
    }
}

/// Reads a deal: whether it can be read is asked of a YAML parser, the values are taken from the lines, so that they are
/// as written.
pub fn read(bytes: &[u8]) -> Version {
    let unreadable = Version { values: None, was: Vec::new() };
    let Ok(text) = std::str::from_utf8(bytes) else { return unreadable };
    match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(serde_yaml::Value::Mapping(_)) => {}
        _ => return unreadable,
    }
    let plain = |value: &str| {
        let value = value.split(" #").next().unwrap().trim();
        let value = value.trim_matches(|c| c == '\'' || c == '"');
        (!value.is_empty() && value != "null" && value != "~").then(|| value.to_owned())
    };
    let mut values: BTreeMap<String, Option<String>> = BTreeMap::new();
    let (mut block, mut was) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some((key, value)) = line.strip_prefix("  ").and_then(|line| line.split_once(':')) {
            values.entry(format!("{block}.{key}")).or_insert_with(|| plain(value));
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        block = key.to_owned();
        let value = value.trim();
        if key == "was" {
            was = value.trim_matches(['[', ']']).split(',').map(|id| id.trim().to_owned()).collect();
        } else if let Some(inside) = value.strip_prefix('{').and_then(|v| v.strip_suffix('}')) {
            for (name, value) in inside.split(", ").filter_map(|pair| pair.split_once(':')) {
                values.insert(format!("{key}.{}", name.trim()), plain(value));
            }
        } else {
            values.insert(key.to_owned(), plain(value));
        }
    }
    let values = FIELDS.iter().map(|field| values.get(*field).cloned().flatten()).collect();
    Version { values: Some(values), was }
}
