//! Histories of every shape, from a number.

mod changes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use super::stream::{Files, Made, Stream};
use crate::kit::{SMALL_PIPELINE, START};

/// Small numbers that look random and are the same at every run.
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// What may happen in a history; a set of bits, so that a failing history can be made simpler.
pub mod may {
    pub const MERGE: u32 = 1;
    /// Merges that hold what no parent holds.
    pub const EVIL: u32 = 1 << 1;
    /// A deal's file in two folders.
    pub const COPY: u32 = 1 << 2;
    /// Another id, with and without `was`.
    pub const RENAME: u32 = 1 << 3;
    /// A stage's folder renamed.
    pub const FOLDER: u32 = 1 << 4;
    /// The pipeline's folder moved.
    pub const PLACE: u32 = 1 << 5;
    pub const UNREADABLE: u32 = 1 << 6;
    /// Clocks that are wrong.
    pub const CLOCK: u32 = 1 << 7;
    pub const IGNORE: u32 = 1 << 8;
    pub const MAILMAP: u32 = 1 << 9;
    pub const REMOVE: u32 = 1 << 10;
    pub const BULK: u32 = 1 << 11;
    pub const EDIT: u32 = 1 << 12;
    /// Names, authors and messages that are no UTF-8, and files that are no deals.
    pub const ODD: u32 = 1 << 13;
    /// Cherry-picks, reverts, rebases, squashes.
    pub const PICK: u32 = 1 << 14;
    /// Several roots.
    pub const ROOT: u32 = 1 << 15;
    pub const OCTOPUS: u32 = 1 << 16;
    pub const ALL: u32 = (1 << 17) - 1;
}

const FOLDERS: [&[u8]; 11] = [
    b"brief",
    b"brief",
    b"proposal",
    b"proposal",
    b"contract",
    b"won/2025",
    b"won/2026",
    b"lost/2026",
    b"recycled",
    b"parking",
    b"deal-desk",
];

/// A history in the making.
pub struct World {
    pub dice: Dice,
    pub stream: Stream,
    /// The commit at the tip of the reported branch.
    pub main: usize,
    may: u32,
    sides: Vec<usize>,
    clock: i64,
    number: usize,
    prefix: Vec<u8>,
    deals: usize,
}

/// A history of so many steps, in an empty repository; the ids of its commits and the folder of its pipeline.
pub fn history(repo: &Path, seed: u64, steps: usize, may: u32) -> (Stream, Vec<String>, usize, String) {
    let mut world = World::new(seed, may);
    for _ in 0..steps {
        world.step();
    }
    world.finish();
    let mut ids = world.stream.write(repo, world.main);
    if may & may::IGNORE != 0 && world.dice.one_in(2) {
        let first = world.stream.commits.len();
        world.list_ignored(&ids);
        ids = world.stream.write_from(repo, first, &ids, world.main);
    }
    let prefix = String::from_utf8(world.prefix.clone()).unwrap();
    (world.stream, ids, world.main, prefix)
}

impl World {
    pub fn new(seed: u64, may: u32) -> World {
        let mut world = World {
            dice: Dice(seed.wrapping_mul(0x1234_5678_9abc_def1)),
            stream: Stream::default(),
            main: 0,
            may,
            sides: Vec::new(),
            clock: START,
            number: 0,
            prefix: b"sales".to_vec(),
            deals: 12,
        };
        let mut files = Files::new();
        files.insert(b"sales/pipeline.yaml".to_vec(), SMALL_PIPELINE.as_bytes().into());
        // A folder that goes when its last deal leaves it may look like one that was renamed.
        for stage in ["brief", "proposal", "contract", "won", "lost", "recycled", "deal-desk", "parking"] {
            if !world.can(may::FOLDER) || world.dice.below(4) > 1 {
                files.insert(format!("sales/{stage}/.gitkeep").into_bytes(), Rc::default());
            }
        }
        if world.can(may::BULK) && world.dice.one_in(3) {
            world.deals = 40;
            for number in 0..world.dice.below(40) {
                let text = world.text(&format!("d{number}"));
                files.insert(format!("sales/brief/d{number}.yaml").into_bytes(), text);
            }
        }
        world.main = world.commit(vec![], files);
        world
    }

    fn can(&self, what: u32) -> bool {
        self.may & what != 0
    }

    /// One more commit, or a few.
    pub fn step(&mut self) {
        if self.can(may::MERGE) && self.dice.below(5) < 3 {
            match self.dice.below(16) {
                0..=2 if self.sides.len() < 4 => self.branch(),
                3..=6 if !self.sides.is_empty() => self.work_aside(),
                7..=8 if !self.sides.is_empty() => self.merge(),
                9 if !self.sides.is_empty() => self.merge_back(),
                10 if self.sides.len() > 1 => self.join_sides(),
                11 if self.sides.len() > 1 && self.can(may::OCTOPUS) => self.octopus(),
                12 if !self.sides.is_empty() && self.can(may::PICK) => self.cherry_pick(),
                13 if !self.sides.is_empty() && self.can(may::PICK) => self.rebase_or_squash(),
                14 if self.can(may::ROOT) && !self.can(may::PLACE) => self.root(),
                15 if !self.sides.is_empty() => self.change_sides(),
                _ => self.work(),
            }
        } else if self.can(may::PICK) && self.dice.one_in(12) {
            self.revert();
        } else {
            self.work();
        }
    }

    /// Brings most of the branches that are left.
    pub fn finish(&mut self) {
        while self.dice.below(4) > 0 && !self.sides.is_empty() {
            self.merge();
        }
    }

    fn work(&mut self) {
        let files = self.changed(self.main);
        self.main = self.commit(vec![self.main], files);
        // Whoever moves the whole pipeline waits until no branch is open, so that no tree holds two of them.
        if self.can(may::PLACE) && self.sides.is_empty() && self.dice.one_in(15) {
            let new = self.dice.pick(&[&b"sales"[..], b"crm", b"teams/sales", b""]).to_vec();
            let old = std::mem::replace(&mut self.prefix, new.clone());
            let files = self.stream.commits[self.main].files.clone();
            let mut moved = Files::new();
            for (path, bytes) in &*files {
                match below(path, &old) {
                    Some(rest)
                        if old != new && (!old.is_empty() || rest.contains(&b'/') || rest == b"pipeline.yaml") =>
                    {
                        moved.insert(joined(&new, rest), bytes.clone());
                    }
                    _ => {
                        moved.insert(path.clone(), bytes.clone());
                    }
                }
            }
            self.main = self.commit(vec![self.main], moved);
        }
    }

    fn branch(&mut self) {
        // From the tip as a rule, or from anywhere on the line.
        let mut from = self.main;
        if !self.can(may::PLACE) {
            for _ in 0..self.dice.below(6) {
                from = self.stream.commits[from].parents.first().copied().unwrap_or(from);
            }
        }
        let files = self.changed(from);
        let tip = self.commit(vec![from], files);
        self.sides.push(tip);
    }

    fn work_aside(&mut self) {
        let side = self.dice.below(self.sides.len());
        let files = self.changed(self.sides[side]);
        self.sides[side] = self.commit(vec![self.sides[side]], files);
    }

    fn merge(&mut self) {
        let side = self.dice.below(self.sides.len());
        let tip = self.sides[side];
        if self.dice.below(3) > 0 {
            self.sides.remove(side);
        }
        if self.is_ancestor(self.main, tip) && self.dice.one_in(2) {
            self.main = tip;
        } else if !self.is_ancestor(tip, self.main) {
            let files = self.merged(self.main, tip);
            self.main = self.commit(vec![self.main, tip], files);
        }
    }

    /// A branch takes over what the line has.
    fn merge_back(&mut self) {
        let side = self.dice.below(self.sides.len());
        let tip = self.sides[side];
        if !self.is_ancestor(self.main, tip) {
            let files = self.merged(tip, self.main);
            self.sides[side] = self.commit(vec![tip, self.main], files);
        }
    }

    fn join_sides(&mut self) {
        let other = self.sides.pop().unwrap();
        let side = self.dice.below(self.sides.len());
        let tip = self.sides[side];
        if !self.is_ancestor(other, tip) {
            let files = self.merged(tip, other);
            self.sides[side] = self.commit(vec![tip, other], files);
        }
    }

    fn octopus(&mut self) {
        let mut parents = vec![self.main];
        let mut files = (*self.stream.commits[self.main].files).clone();
        for tip in std::mem::take(&mut self.sides) {
            if !parents.iter().any(|parent| self.is_ancestor(tip, *parent)) {
                let base = self.base(self.main, tip);
                files = self.three_way(&base, &files, &self.stream.commits[tip].files.clone());
                parents.push(tip);
            }
        }
        if parents.len() > 1 {
            self.main = self.commit(parents, files);
        }
    }

    fn cherry_pick(&mut self) {
        let side = self.dice.below(self.sides.len());
        let mut picked = self.sides[side];
        if self.dice.one_in(2) {
            picked = self.stream.commits[picked].parents.first().copied().unwrap_or(picked);
        }
        let Some(before) = self.stream.commits[picked].parents.first().copied() else { return };
        let (old, new) = (self.stream.commits[before].files.clone(), self.stream.commits[picked].files.clone());
        let ours = self.stream.commits[self.main].files.clone();
        let files = self.three_way(&old, &ours, &new);
        let (author, time) = (self.stream.commits[picked].author.clone(), self.stream.commits[picked].author_time);
        self.main = self.commit(vec![self.main], files);
        let made = self.stream.commits.last_mut().unwrap();
        (made.author, made.author_time) = (author, time);
    }

    fn revert(&mut self) {
        let mut reverted = self.main;
        for _ in 0..self.dice.below(3) {
            reverted = self.stream.commits[reverted].parents.first().copied().unwrap_or(reverted);
        }
        let Some(before) = self.stream.commits[reverted].parents.first().copied() else { return };
        let (old, new) = (self.stream.commits[reverted].files.clone(), self.stream.commits[before].files.clone());
        if self.can(may::PLACE) && (self.place_of(&old) != self.place_of(&new) || self.place_of(&new) != self.prefix) {
            return;
        }
        let ours = self.stream.commits[self.main].files.clone();
        let files = self.three_way(&old, &ours, &new);
        self.main = self.commit(vec![self.main], files);
    }

    fn rebase_or_squash(&mut self) {
        let side = self.dice.below(self.sides.len());
        let tip = self.sides.remove(side);
        if self.dice.one_in(2) {
            let files = self.merged(self.main, tip);
            self.main = self.commit(vec![self.main], files);
            return;
        }
        let mut own = Vec::new();
        let mut at = tip;
        while !self.is_ancestor(at, self.main) {
            own.push(at);
            match self.stream.commits[at].parents.first() {
                Some(parent) => at = *parent,
                None => break,
            }
        }
        for commit in own.into_iter().rev() {
            let Some(before) = self.stream.commits[commit].parents.first().copied() else { continue };
            let (old, new) = (self.stream.commits[before].files.clone(), self.stream.commits[commit].files.clone());
            let ours = self.stream.commits[self.main].files.clone();
            let files = self.three_way(&old, &ours, &new);
            let (author, time) = (self.stream.commits[commit].author.clone(), self.stream.commits[commit].author_time);
            self.main = self.commit(vec![self.main], files);
            let made = self.stream.commits.last_mut().unwrap();
            (made.author, made.author_time) = (author, time);
        }
    }

    fn root(&mut self) {
        let mut files = Files::new();
        files.insert(joined(&self.prefix, b"pipeline.yaml"), SMALL_PIPELINE.as_bytes().into());
        let tip = self.commit(vec![], files);
        let files = self.changed(tip);
        let tip = self.commit(vec![tip], files);
        self.sides.push(tip);
    }

    /// The line goes on where a branch was that took over the line: first parents are other ones from then on.
    fn change_sides(&mut self) {
        let side = self.dice.below(self.sides.len());
        if self.dice.one_in(3) {
            self.merge_back();
        }
        if self.is_ancestor(self.main, self.sides[side]) {
            self.main = self.sides.remove(side);
        }
    }

    fn place_of(&self, files: &Files) -> Vec<u8> {
        let found = files.keys().find_map(|path| path.strip_suffix(b"pipeline.yaml"));
        found.unwrap_or_default().strip_suffix(b"/").unwrap_or_default().to_vec()
    }

    fn is_ancestor(&self, old: usize, new: usize) -> bool {
        self.ancestors(new).contains(&old)
    }

    fn ancestors(&self, commit: usize) -> BTreeSet<usize> {
        let (mut found, mut next) = (BTreeSet::new(), vec![commit]);
        while let Some(commit) = next.pop() {
            if found.insert(commit) {
                next.extend(&self.stream.commits[commit].parents);
            }
        }
        found
    }

    fn base(&self, a: usize, b: usize) -> Rc<Files> {
        let (a, b) = (self.ancestors(a), self.ancestors(b));
        a.intersection(&b).max().map(|base| self.stream.commits[*base].files.clone()).unwrap_or_default()
    }

    fn merged(&mut self, ours: usize, theirs: usize) -> Files {
        let base = self.base(ours, theirs);
        let (ours, theirs) = (self.stream.commits[ours].files.clone(), self.stream.commits[theirs].files.clone());
        let mut files = match self.dice.below(10) {
            0 => (*ours).clone(),
            1 => (*theirs).clone(),
            _ => self.three_way(&base, &ours, &theirs),
        };
        if self.can(may::EVIL) && self.dice.one_in(5) {
            self.change(&mut files);
        }
        files
    }

    /// Path by path; where both changed, one of the two, and at times what a careless merge leaves.
    fn three_way(&mut self, base: &Files, ours: &Files, theirs: &Files) -> Files {
        let paths: BTreeSet<&Vec<u8>> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
        let mut files = Files::new();
        let side = self.dice.below(3);
        for path in paths {
            let (base, ours, theirs) = (base.get(path), ours.get(path), theirs.get(path));
            let taken = if ours == theirs || theirs == base {
                ours
            } else if ours == base {
                theirs
            } else {
                match side {
                    0 => ours,
                    1 => theirs,
                    _ => [ours, theirs][self.dice.below(2)],
                }
            };
            if let Some(bytes) = taken {
                files.insert(path.clone(), bytes.clone());
            }
        }
        files.entry(joined(&self.prefix, b"pipeline.yaml")).or_insert_with(|| SMALL_PIPELINE.as_bytes().into());
        // Without copies, the file of a deal that came out twice is one again.
        if !self.can(may::COPY) {
            let mut seen = BTreeMap::new();
            for path in files.keys().filter(|path| path.ends_with(b".yaml") && !path.ends_with(b"pipeline.yaml")) {
                seen.entry(path.rsplit(|b| *b == b'/').next().unwrap().to_vec())
                    .or_insert_with(Vec::new)
                    .push(path.clone());
            }
            for mut paths in seen.into_values() {
                paths.remove(self.dice.below(paths.len()));
                paths.iter().for_each(|path| drop(files.remove(path)));
            }
        }
        files
    }

    fn commit(&mut self, parents: Vec<usize>, files: Files) -> usize {
        self.clock += self.dice.pick(&[0, 1, 60, 60, 3600, 86_400, 400_000]);
        let (mut author_time, mut committer_time) = (self.clock - self.dice.pick(&[0, 0, 0, 5, 7200]), self.clock);
        let mut zone = "+0000";
        if self.can(may::CLOCK) {
            zone = self.dice.pick(&["+0000", "+0000", "+1300", "-1100", "+0545", "+1400"]);
            const TIMES: [i64; 12] = [
                0,
                1,
                86_399,
                86_400,
                START - 1_000_000,
                START,
                START + 7,
                START + 600_000,
                2_147_483_647,
                2_147_483_648,
                4_102_444_800,
                253_402_300_799,
            ];
            if self.dice.one_in(5) {
                author_time = self.dice.pick(&TIMES);
            }
            if self.dice.one_in(12) {
                // Rarely the end of time, since all that comes after is clamped to it.
                committer_time = self.dice.pick(&TIMES[..if self.dice.clone().one_in(6) { 12 } else { 8 }]);
            }
        }
        let authors: [&[u8]; 6] = [
            b"Olga <olga@example.com>",
            b"Olga <olga@example.com>",
            b"Petr <petr@example.com>",
            b"Anna <>",
            b"J\xf6rg \xff <j\xf6rg@example.com>",
            b"OLGA <Olga@Example.com>",
        ];
        let authors = if self.can(may::ODD) { &authors[..] } else { &authors[..3] };
        let author = self.dice.pick(authors).to_vec();
        let message: &[u8] = if self.can(may::ODD) && self.dice.one_in(8) { b"m\xf6ve \xff\n" } else { b"work\n" };
        self.stream.add(Made {
            parents,
            files: Rc::new(files),
            author,
            author_time,
            committer_time,
            zone,
            message: message.to_vec(),
        })
    }

    /// Lists some of the commits, in full and abbreviated, as ones to be left out of durations.
    pub fn list_ignored(&mut self, ids: &[String]) {
        let mut text = String::from("# tidied up\nnonsense\n");
        for _ in 0..=self.dice.below(4) {
            let id = self.dice.pick(ids);
            text += &id[..[7, 12, 40][self.dice.below(3)]];
            text += ["\n", "  # by olga\n", "\r\n"][self.dice.below(3)];
        }
        let mut files = (*self.stream.commits[self.main].files).clone();
        let folder = if self.dice.one_in(2) { self.prefix.clone() } else { Vec::new() };
        files.insert(joined(&folder, b".tussock-ignore-revs"), text.into_bytes().into());
        self.main = self.commit(vec![self.main], files);
    }
}

fn joined(folder: &[u8], rest: &[u8]) -> Vec<u8> {
    if folder.is_empty() { rest.to_vec() } else { [folder, b"/", rest].concat() }
}

fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix(b"/") }
}

/// The commits in words, for a failing test.
pub fn told(stream: &Stream, ids: &[String]) -> String {
    let mut text = String::new();
    let nothing = Files::new();
    for (number, made) in stream.commits.iter().enumerate() {
        let parents: Vec<String> = made.parents.iter().map(|p| ids[*p][..8].to_owned()).collect();
        text += &format!(
            "{} ({}) author {} committer {}\n",
            &ids[number][..8],
            parents.join(" "),
            made.author_time,
            made.committer_time
        );
        let before = made.parents.first().map_or(&nothing, |parent| &*stream.commits[*parent].files);
        for path in before.keys().filter(|path| !made.files.contains_key(*path)) {
            text += &format!("    - {}\n", String::from_utf8_lossy(path));
        }
        for (path, bytes) in made.files.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)) {
            let bytes = String::from_utf8_lossy(bytes).replace('\n', " | ");
            let bytes: String = bytes.chars().take(90).collect();
            text += &format!("    + {} {bytes}\n", String::from_utf8_lossy(path));
        }
    }
    text
}
