//! The event table of a pipeline, by the definitions on the page about history and by nothing else.
//!
//! The line is walked commit by commit, each state compared with the one before. What a merge did to a deal's file is
//! explained by the commits that it brought, which are gone through parents first (first parents' lines before those of
//! the others):
//!
//! - A commit counts with what it did itself: what is otherwise than in its first parent and, for a merge, otherwise than
//!   in each of its parents.
//! - Where a merge has a deal's files just as one of its parents has them and not as another has them, the other parents
//!   are not asked: what they did to the deal was given up. This is how `git log -- PATH` simplifies history.
//! - A step counts where it begins at what the deal is by then; the deal begins as the line had it. So a step that the
//!   line had taken before (by a cherry-pick) counts once, and one that begins elsewhere does not count.
//! - Steps after the last one to arrive at what the merge has do not count. Where no step arrives there, the merge itself
//!   takes the last one; and where nothing arrives and the merge changed nothing either, nothing happened.
//!
//! A deal whose files a merge leaves as they are is not looked at. Stages and fields are followed each by themselves.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use tussock::format::pipeline::Pipeline;

use super::deals::{Deal, FIELDS, Reader, State, Values, top};
use super::store::Store;

/// A line of the event table; `ignored` is the event of a move that counts in no duration, whose author is not told.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Told {
    pub deal: String,
    pub event: &'static str,
    pub field: String,
    pub from: String,
    pub to: String,
    pub at: i64,
    pub known_at: i64,
    pub author: String,
    pub commit: String,
}

/// What is told of a whole pipeline.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Telling {
    pub events: Vec<Told>,
    /// Deal, stage, blob.
    pub standings: Vec<(String, String, String)>,
    pub commits: usize,
    pub clamped_known: usize,
    pub clamped_valid: usize,
    pub ignored_commits: usize,
    pub unreadable: usize,
    pub bulk: Vec<(String, usize)>,
    pub imports: BTreeSet<String>,
}

/// A deal, whatever its id was when.
struct Entity {
    name: Rc<str>,
    values: Option<Values>,
    told: bool,
    last_at: Option<i64>,
}

/// What happened to a deal, by a commit. Stages are folders as they were named at that place of the line.
#[derive(Clone, Debug)]
enum Step {
    Renamed(Rc<str>),
    Stage(Option<String>, Option<String>),
    Field(usize, Option<String>, Option<String>),
}

struct Pending {
    entity: usize,
    step: Step,
    event: &'static str,
    /// The number of its commit on the line.
    number: usize,
    at: i64,
    by: usize,
    clamped: bool,
}

pub struct Teller<'a> {
    reader: Reader<'a>,
    store: &'a Store,
    pipeline: &'a Pipeline,
    line: Vec<usize>,
    /// Stage folders that were renamed as a whole: number on the line, old name, new name.
    folder_renames: Vec<(usize, String, String)>,
    ignore: Vec<String>,
    entities: Vec<Entity>,
    /// The entity of each id that is in use or was last used by it.
    by_name: BTreeMap<Rc<str>, usize>,
    /// The entity that had an id before it got another.
    older: BTreeMap<Rc<str>, usize>,
    pending: Vec<Pending>,
}

/// Tells the history of the pipeline that lies in the folder `prefix` at the tip.
pub fn tell(store: &Store, prefix: &str, pipeline: &Pipeline) -> Telling {
    let teller = Teller {
        reader: Reader::new(store, prefix, pipeline),
        store,
        pipeline,
        line: store.line(),
        folder_renames: Vec::new(),
        ignore: Vec::new(),
        entities: Vec::new(),
        by_name: BTreeMap::new(),
        older: BTreeMap::new(),
        pending: Vec::new(),
    };
    teller.tell()
}

impl Teller<'_> {
    fn tell(mut self) -> Telling {
        self.read_ignored();
        self.find_folder_renames();
        let mut telling = Telling { commits: self.line.len(), ..Telling::default() };
        let mut seen: HashSet<usize> = HashSet::new();
        let mut known_at = i64::MIN;
        let mut importing = true;
        let mut known = Vec::new();
        let line = self.line.clone();
        for (number, commit) in line.iter().copied().enumerate() {
            let time = self.store.commits[commit].committer_time;
            telling.clamped_known += usize::from(time < known_at);
            known_at = known_at.max(time);
            known.push(known_at);
            let brought = self.brought(commit, &seen);
            seen.insert(commit);
            seen.extend(&brought);
            telling.ignored_commits += usize::from(self.is_ignored(commit));
            telling.ignored_commits += brought.iter().filter(|c| self.is_ignored(**c)).count();
            let before = number.checked_sub(1).map_or_else(Rc::default, |n| self.reader.state(line[n]));
            let after = self.reader.state(commit);
            let first = self.pending.len();
            self.take(number, commit, &before, &after, &brought, known_at, &mut telling);
            let entities = &self.entities;
            let events = &mut self.pending[first..];
            events.sort_by(|a, b| (a.at, &entities[a.entity].name).cmp(&(b.at, &entities[b.entity].name)));
            let created: Vec<usize> = events.iter().filter(|e| e.event == "created").map(|e| e.by).collect();
            if importing && !events.is_empty() {
                importing = created.len() >= 10;
                if importing {
                    telling.imports.extend(created.iter().map(|c| self.store.commits[*c].id.clone()));
                }
            }
            let moved: BTreeSet<usize> =
                self.pending[first..].iter().filter(|e| e.event == "moved").map(|e| e.entity).collect();
            if moved.len() >= 20 {
                telling.bulk.push((self.store.commits[commit].id.clone(), moved.len()));
            }
        }
        for pending in std::mem::take(&mut self.pending) {
            let stage =
                |folder: &Option<String>| folder.as_ref().map(|f| self.name(f, pending.number)).unwrap_or_default();
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let entity = &self.entities[pending.entity];
            let (field, from, to) = match &pending.step {
                Step::Renamed(from) => ("", from.to_string(), entity.name.to_string()),
                Step::Stage(from, to) => ("", stage(from), stage(to)),
                Step::Field(field, from, to) => (FIELDS[*field], text(from), text(to)),
            };
            if matches!(pending.step, Step::Stage(..)) && from == to {
                continue;
            }
            telling.clamped_valid += usize::from(pending.clamped && pending.event != "ignored");
            let commit = &self.store.commits[pending.by];
            telling.events.push(Told {
                deal: entity.name.to_string(),
                event: pending.event,
                field: field.to_owned(),
                from,
                to,
                at: pending.at,
                known_at: known[pending.number],
                author: if pending.event == "ignored" { String::new() } else { commit.author.clone() },
                commit: commit.id.clone(),
            });
        }
        let last = line.len() - 1;
        telling.standings = self
            .reader
            .state(line[last])
            .here
            .iter()
            .map(|(id, deal)| (id.to_string(), self.name(&deal.folder(), last), deal.blob().to_string()))
            .collect();
        telling
    }

    /// The commits that a commit of the line brings besides itself.
    fn brought(&self, commit: usize, seen: &HashSet<usize>) -> BTreeSet<usize> {
        let mut brought = BTreeSet::new();
        let mut next: Vec<usize> = self.store.commits[commit].parents.iter().skip(1).copied().collect();
        while let Some(commit) = next.pop() {
            if !seen.contains(&commit) && brought.insert(commit) {
                next.extend(&self.store.commits[commit].parents);
            }
        }
        brought
    }

    /// `.tussock-ignore-revs` of the tip, at the root and in the pipeline's folder.
    fn read_ignored(&mut self) {
        let tree = self.store.commits[self.store.tip].tree.clone();
        let folder = self.store.folder(&tree, &self.reader.place(self.store.tip));
        for folder in [Some(tree), folder].into_iter().flatten() {
            let Some(blob) = self.store.file(&folder, ".tussock-ignore-revs") else { continue };
            let text = String::from_utf8_lossy(&self.store.object(&blob)).into_owned();
            let words = text.lines().map(|line| line.split('#').next().unwrap().trim().to_lowercase());
            self.ignore.extend(words.filter(|w| w.len() >= 7 && w.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }

    fn is_ignored(&self, commit: usize) -> bool {
        self.ignore.iter().any(|start| self.store.commits[commit].id.starts_with(start))
    }

    /// A stage's folder was renamed as a whole where today's pipeline file does not know its name, nothing of it is left,
    /// and all its deals went to one folder that was not there before and that no other folder went to.
    fn find_folder_renames(&mut self) {
        let line = self.line.clone();
        for (number, pair) in line.windows(2).enumerate() {
            let (old, new) = (self.reader.folders(pair[0]), self.reader.folders(pair[1]));
            let gone: Vec<&String> =
                old.difference(&new).filter(|name| self.pipeline.current_name(name).is_none()).collect();
            let come: Vec<&String> = new.difference(&old).collect();
            if gone.is_empty() || come.is_empty() {
                continue;
            }
            let (before, after) = (self.reader.copies(pair[0]), self.reader.copies(pair[1]));
            let mut went: BTreeMap<&String, BTreeSet<Option<&String>>> = BTreeMap::new();
            for (id, copies) in &before {
                let there: Vec<String> =
                    after.get(id).map(|c| c.iter().map(|(f, _)| top(f)).collect()).unwrap_or_default();
                let to = come.iter().copied().find(|name| there.contains(name));
                for from in gone.iter().filter(|name| copies.iter().any(|(f, _)| top(f) == ***name)) {
                    went.entry(from).or_default().insert(to);
                }
            }
            let whole: Vec<(&String, &String)> = went
                .into_iter()
                .filter_map(|(from, to)| Some((from, to.first().copied().flatten().filter(|_| to.len() == 1)?)))
                .collect();
            for (from, to) in &whole {
                if whole.iter().filter(|(_, other)| other == to).count() == 1 {
                    let renamed = ((*from).clone(), (*to).clone());
                    self.folder_renames.push((number + 1, renamed.0.clone(), renamed.1.clone()));
                    self.reader.folder_renames.entry(pair[1]).or_default().push(renamed);
                }
            }
        }
    }

    /// Today's name of the stage whose folder had this name at a commit of the line (before its own renames).
    fn name(&self, folder: &str, number: usize) -> String {
        let mut name = folder.to_owned();
        for (at, old, new) in &self.folder_renames {
            if *at >= number && *old == name {
                name.clone_from(new);
            }
        }
        self.pipeline.current_name(&name).map(ToString::to_string).unwrap_or(name)
    }

    /// The name of a stage as far as it is known at a commit of the line: two folders that turn out to be one stage only
    /// later are two as yet. What is then no move is told by nobody, but its time holds for the deal's next event.
    fn name_then(&self, folder: &str, number: usize) -> String {
        let renamed = self.folder_renames.iter().find(|(at, old, _)| *at == number && old == folder);
        let name = renamed.map_or(folder, |(_, _, new)| new);
        self.pipeline.current_name(name).map(ToString::to_string).unwrap_or(name.to_owned())
    }

    /// Takes one commit of the line.
    #[allow(clippy::too_many_arguments)]
    fn take(
        &mut self,
        number: usize,
        commit: usize,
        before: &State,
        after: &State,
        brought: &BTreeSet<usize>,
        known_at: i64,
        telling: &mut Telling,
    ) {
        let names = before.touched(after);
        let renames = self.renames(before, after, &names);
        let left: BTreeSet<&Rc<str>> = renames.values().collect();
        for name in &names {
            if left.contains(name) {
                continue;
            }
            let old_name = renames.get(name).unwrap_or(name);
            let (old, new) = (before.here.get(old_name), after.here.get(name));
            if old_name == name && old.map(|deal| &**deal) == new.map(|deal| &**deal) {
                continue;
            }
            let entity = match self.by_name.get(old_name) {
                Some(entity) => *entity,
                None => {
                    self.entities.push(Entity { name: name.clone(), values: None, told: false, last_at: None });
                    self.by_name.insert(name.clone(), self.entities.len() - 1);
                    self.entities.len() - 1
                }
            };
            if old_name != name {
                self.by_name.remove(old_name);
                self.by_name.insert(name.clone(), entity);
                self.older.insert(old_name.clone(), entity);
                self.entities[entity].name = name.clone();
            }
            let touches = if brought.is_empty() { Vec::new() } else { self.touches(commit, brought, name, old_name) };
            // Number of the touch, kind, step.
            let mut steps: Vec<(usize, usize, Step)> = Vec::new();
            if old_name != name {
                let at = touches.iter().rposition(|touch| touch.took_new_id).unwrap_or(usize::MAX);
                steps.push((at, 0, Step::Renamed(old_name.clone())));
            }
            for (at, from, to) in self.stage_steps(number, old, new, &touches) {
                steps.push((at, 1, Step::Stage(from, to)));
            }
            if let Some(deal) = new
                && old.map(|deal| deal.blob()) != Some(deal.blob())
            {
                match self.reader.version(deal.blob()).values.clone() {
                    None => telling.unreadable += 1,
                    Some(values) => {
                        let past = self.entities[entity].values.clone();
                        for (at, field, from, to) in self.field_steps(past.as_ref(), &values, &touches) {
                            steps.push((at, 2 + field, Step::Field(field, from, to)));
                        }
                        self.entities[entity].values = Some(values);
                    }
                }
            }
            steps.sort_by_key(|(at, kind, _)| (*at, *kind));
            for (at, _, step) in steps {
                let by = touches.get(at).map_or(commit, |touch| touch.by);
                self.record(entity, step, by, number, known_at);
            }
        }
    }

    /// New ids to old ones, by `was`: where an id went in the very commit in which the other came. A deal that takes an id
    /// back that it had needs no word. An id that was another deal's before begins no new past.
    fn renames(&self, before: &State, after: &State, names: &BTreeSet<Rc<str>>) -> BTreeMap<Rc<str>, Rc<str>> {
        let is_gone = |id: &&Rc<str>| before.here.contains_key(*id) && !after.here.contains_key(*id);
        let mut gone: BTreeSet<&Rc<str>> = names.iter().filter(is_gone).collect();
        let mut renames = BTreeMap::new();
        for id in names {
            let Some(deal) = after.here.get(id) else { continue };
            if before.here.contains_key(id) || self.by_name.contains_key(id) {
                continue;
            }
            let back = self.older.get(id).map(|entity| &self.entities[*entity].name).filter(|id| gone.contains(id));
            let listed = || {
                let new = deal.copies.iter().min().unwrap();
                let version = self.reader.version(&new.1);
                version.was.iter().find_map(|old| gone.iter().copied().find(|id| ***id == **old).cloned())
            };
            if let Some(old) = back.cloned().or_else(listed) {
                gone.remove(&old);
                renames.insert(id.clone(), old);
            }
        }
        renames
    }

    /// Gives a step its time: the author's clock, not later than the line knew it and not before the deal's last event.
    /// The first day of 1970 is a clock that was not set.
    fn record(&mut self, entity: usize, step: Step, by: usize, number: usize, known_at: i64) {
        // A listed merge stands for all that it brought.
        let is_ignored = self.is_ignored(by) || self.is_ignored(self.line[number]);
        let said = self.store.commits[by].author_time;
        let deal = &mut self.entities[entity];
        let event = match &step {
            Step::Stage(None, Some(_)) if deal.told => "restored",
            Step::Stage(None, Some(_)) => "created",
            Step::Stage(Some(_), None) => "removed",
            Step::Stage(Some(_), Some(_)) if is_ignored => "ignored",
            Step::Stage(Some(_), Some(_)) => "moved",
            Step::Stage(None, None) => return,
            Step::Field(..) => "changed",
            Step::Renamed(_) => "renamed",
        };
        deal.told = true;
        let at = if said < 86_400 { known_at } else { said.min(known_at) };
        let at = deal.last_at.map_or(at, |last| last.max(at));
        deal.last_at = Some(at);
        self.pending.push(Pending { entity, step, event, number, at, by, clamped: at != said });
    }
}

/// A deal's files: folder and blob.
type Held = Vec<(Rc<[u8]>, Rc<str>)>;

/// A file of a deal: id, folder, blob.
type File = (Rc<str>, Rc<[u8]>, Rc<str>);

/// What one brought commit did to one deal.
struct Touch {
    by: usize,
    removed: Held,
    added: Held,
    took_new_id: bool,
    /// The values in the first parent and in the commit, as known there.
    values: (Option<Values>, Option<Values>),
}

impl Teller<'_> {
    /// The commits that a merge brought, parents before children, first parents' lines first.
    fn in_order(&self, merge: usize, brought: &BTreeSet<usize>) -> Vec<usize> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        let mut stack: Vec<(usize, bool)> = Vec::new();
        for parent in self.store.commits[merge].parents.iter().skip(1) {
            stack.push((*parent, false));
            while let Some((commit, done)) = stack.pop() {
                if done {
                    order.push(commit);
                } else if brought.contains(&commit) && seen.insert(commit) {
                    stack.push((commit, true));
                    stack.extend(self.store.commits[commit].parents.iter().rev().map(|parent| (*parent, false)));
                }
            }
        }
        order
    }

    /// The files of a deal under its one or two ids.
    fn held(&self, commit: usize, ids: [&Rc<str>; 2]) -> BTreeSet<File> {
        let state = self.reader.state(commit);
        let files = |id: &&Rc<str>| {
            let copies = state.here.get(*id).map(|deal| deal.copies.clone()).unwrap_or_default();
            copies.into_iter().map(|(folder, blob)| ((*id).clone(), folder, blob)).collect::<Vec<_>>()
        };
        ids.iter().flat_map(files).collect()
    }

    /// What the brought commits did to a deal.
    fn touches(&self, merge: usize, brought: &BTreeSet<usize>, name: &Rc<str>, old_name: &Rc<str>) -> Vec<Touch> {
        let ids = [name, old_name];
        let parents = |commit: usize| &self.store.commits[commit].parents;
        let mut asked: BTreeSet<usize> = BTreeSet::new();
        let order = self.in_order(merge, brought);
        for (number, commit) in std::iter::once(merge).chain(order.iter().rev().copied()).enumerate() {
            if number > 0 && !asked.contains(&commit) {
                continue;
            }
            let from = if number == 0 { 1 } else { 0 };
            let all = &parents(commit)[from.min(parents(commit).len())..];
            let here = self.held(commit, ids);
            let (same, other): (Vec<usize>, Vec<usize>) =
                all.iter().copied().partition(|parent| self.held(*parent, ids) == here);
            match same.first() {
                Some(same) if !other.is_empty() => drop(asked.insert(*same)),
                _ => asked.extend(all),
            }
        }
        let mut touches = Vec::new();
        for commit in order.into_iter().filter(|commit| asked.contains(commit)) {
            let here = self.held(commit, ids);
            let first = parents(commit).first().copied();
            let before = first.map(|parent| self.held(parent, ids)).unwrap_or_default();
            if before == here || parents(commit).iter().skip(1).any(|parent| self.held(*parent, ids) == here) {
                continue;
            }
            let bare = |(_, folder, blob): &(Rc<str>, Rc<[u8]>, Rc<str>)| (folder.clone(), blob.clone());
            let known = |commit: usize| {
                let state = self.reader.state(commit);
                ids.iter().find_map(|id| state.here.get(*id).map(|deal| deal.values.clone())).flatten()
            };
            let is_new = |held: &(Rc<str>, Rc<[u8]>, Rc<str>)| {
                held.0 == *name && !before.iter().any(|(id, folder, _)| *id == held.0 && *folder == held.1)
            };
            touches.push(Touch {
                by: commit,
                removed: before.difference(&here).map(bare).collect(),
                added: here.difference(&before).map(bare).collect(),
                took_new_id: name != old_name && here.iter().any(is_new),
                values: (first.and_then(known), known(commit)),
            });
        }
        touches
    }

    /// The steps of a deal's stage: number of the touch, from, to; the merge's own has the highest number.
    fn stage_steps(
        &self,
        number: usize,
        old: Option<&Rc<Deal>>,
        new: Option<&Rc<Deal>>,
        touches: &[Touch],
    ) -> Vec<(usize, Option<String>, Option<String>)> {
        let stages = |held: &Held| -> Vec<(String, String)> {
            let named = held.iter().map(|(folder, _)| top(folder));
            named.map(|folder| (self.name_then(&folder, number), folder)).collect()
        };
        let mut here = old.map(|deal| stages(&deal.copies)).unwrap_or_default();
        let first = here.first().cloned();
        let last = new.map(|deal| stages(&deal.copies)[0].clone());
        let mut path = Vec::new();
        for (at, touch) in touches.iter().enumerate() {
            let (mut removed, mut added) = (stages(&touch.removed), stages(&touch.added));
            added.retain(|(stage, _)| match removed.iter().position(|(r, _)| r == stage) {
                Some(at) => {
                    removed.remove(at);
                    false
                }
                None => true,
            });
            let is_here = |(stage, _): &(String, String)| here.iter().any(|(h, _)| h == stage);
            if !removed.iter().all(is_here) || added.iter().any(is_here) {
                continue;
            }
            let home = here.first().map(|(stage, _)| stage.clone());
            here.retain(|(stage, _)| !removed.iter().any(|(r, _)| r == stage));
            here.extend(added);
            if here.first().map(|(stage, _)| stage) != home.as_ref() {
                path.push((at, here.first().cloned()));
            }
        }
        let same = |a: &Option<(String, String)>, b: &Option<(String, String)>| {
            a.as_ref().map(|a| &a.0) == b.as_ref().map(|b| &b.0)
        };
        let folder = |stage: Option<(String, String)>| stage.map(|(_, folder)| folder);
        arrive(first, last, path, same).into_iter().map(|(at, from, to)| (at, folder(from), folder(to))).collect()
    }

    /// The steps of a deal's fields: number of the touch, field, from, to.
    fn field_steps(
        &self,
        before: Option<&Values>,
        after: &Values,
        touches: &[Touch],
    ) -> Vec<(usize, usize, Option<String>, Option<String>)> {
        let mut start = before.cloned();
        let mut changes = Vec::new();
        for (at, touch) in touches.iter().enumerate().filter(|(_, touch)| !touch.added.is_empty()) {
            match (&touch.values, &start) {
                ((_, Some(new)), None) if touch.removed.is_empty() => start = Some(new.clone()),
                ((Some(old), Some(new)), Some(_)) if !touch.removed.is_empty() => {
                    changes.push((at, old.clone(), new.clone()));
                }
                _ => {}
            }
        }
        let start = start.unwrap_or_else(|| after.clone());
        let mut steps = Vec::new();
        for field in 0..FIELDS.len() {
            let mut now = start[field].clone();
            let mut path = Vec::new();
            for (at, old, new) in &changes {
                if old[field] == now && new[field] != now {
                    now = new[field].clone();
                    path.push((*at, now.clone()));
                }
            }
            let arrived = arrive(start[field].clone(), after[field].clone(), path, |a, b| a == b);
            steps.extend(arrived.into_iter().map(|(at, from, to)| (at, field, from, to)));
        }
        steps
    }
}

/// The steps of a path, from the state before a merge to the one after.
fn arrive<T: Clone>(first: T, last: T, mut path: Vec<(usize, T)>, same: impl Fn(&T, &T) -> bool) -> Vec<(usize, T, T)> {
    match path.iter().rposition(|(_, state)| same(state, &last)) {
        Some(at) => path.truncate(at + 1),
        None if same(&first, &last) => path.clear(),
        None => path.push((usize::MAX, last)),
    }
    let mut from = first;
    path.into_iter().map(|(at, to)| (at, std::mem::replace(&mut from, to.clone()), to)).collect()
}
