//! What a commit of a random history does to the files.

use std::rc::Rc;

use super::super::stream::Files;
use super::{FOLDERS, World, below, joined, may};

impl World {
    pub(super) fn changed(&mut self, from: usize) -> Files {
        let mut files = (*self.stream.commits[from].files).clone();
        for _ in 0..=self.dice.below(3) {
            self.change(&mut files);
        }
        files
    }

    /// The deal files of a tree.
    pub(super) fn deals(&self, files: &Files) -> Vec<Vec<u8>> {
        let is_deal = |path: &&Vec<u8>| {
            below(path, &self.prefix).is_some_and(|rest| {
                let folder = rest.split(|b| *b == b'/').next().unwrap();
                rest.contains(&b'/') && folder != b"templates" && rest.ends_with(b".yaml")
            })
        };
        files.keys().filter(is_deal).cloned().collect()
    }

    pub(super) fn change(&mut self, files: &mut Files) {
        let there = self.deals(files);
        let any = (!there.is_empty()).then(|| self.dice.pick(&there));
        let stem = |path: &[u8]| {
            let name = path.rsplit(|b| *b == b'/').next().unwrap();
            String::from_utf8_lossy(name.strip_suffix(b".yaml").unwrap()).into_owned()
        };
        match (self.dice.below(24), any) {
            (0..=4, _) => {
                let id = format!("d{}", self.dice.below(self.deals));
                let is_there = there.iter().any(|path| stem(path) == id);
                if !is_there || self.can(may::COPY) && self.dice.one_in(4) {
                    let text = self.text(&id);
                    let path = self.path(&id);
                    files.insert(path, text);
                }
            }
            (5..=12, Some(path)) => {
                let id = stem(&path);
                let text = files.remove(&path).unwrap();
                let text = if self.can(may::EDIT) && self.dice.one_in(3) { self.text(&id) } else { text };
                let to = self.path(&id);
                files.insert(to, text);
            }
            (13..=15, Some(path)) if self.can(may::EDIT) => {
                let text = self.text(&stem(&path));
                files.insert(path, text);
            }
            (16, Some(path)) if self.can(may::REMOVE) => drop(files.remove(&path)),
            (17, Some(path)) if self.can(may::RENAME) => {
                let old = stem(&path);
                let id = format!("d{}", self.dice.below(self.deals + 6));
                if there.iter().all(|path| stem(path) != id)
                    && there.iter().filter(|path| stem(path) == old).count() == 1
                {
                    let mut text = files.remove(&path).unwrap().to_vec();
                    if self.dice.below(4) > 0 {
                        text = self.text(&id).to_vec();
                        text.extend(format!("was: [x, {old}]\n").bytes());
                    }
                    let to = match self.dice.below(3) {
                        0 => self.path(&id),
                        _ => {
                            let folder = path.iter().rposition(|b| *b == b'/').unwrap();
                            [&path[..folder], b"/", id.as_bytes(), b".yaml"].concat()
                        }
                    };
                    files.insert(to, text.into());
                }
            }
            (18, Some(path)) if self.can(may::UNREADABLE) => {
                let broken: [&[u8]; 4] = [
                    b"<<<<<<< HEAD\namount: 2 EUR\n=======\namount: 3 EUR\n>>>>>>> side\n",
                    b"title: [\n",
                    b"title: \xff\xfe\n",
                    b"- a\n- b\n",
                ];
                files.insert(path, self.dice.pick(&broken)[..].into());
            }
            (19, _) if self.can(may::FOLDER) => self.rename_folder(files),
            (20, _) if self.can(may::ODD) => {
                let odd: [&[u8]; 8] = [
                    b"brief/Upper.yaml",
                    b"brief/n\xf6te.yaml",
                    b"brief/note.yml",
                    b"templates/odd1.yaml",
                    b".hidden/odd2.yaml",
                    b"odd3.yaml",
                    b"Brief/odd4.yaml",
                    b"reports/x.md",
                ];
                let path = joined(&self.prefix, self.dice.pick::<&[u8]>(&odd));
                let text = self.text("odd");
                files.insert(path, text);
            }
            (21, Some(_)) if self.can(may::BULK) && there.len() > 5 => {
                let to = self.dice.pick(&FOLDERS).to_vec();
                for path in there.iter().filter(|path| self.can(may::COPY) || !path.is_empty()) {
                    let name = path.rsplit(|b| *b == b'/').next().unwrap();
                    let text = files.remove(path).unwrap();
                    files.insert([&joined(&self.prefix, &to)[..], b"/", name].concat(), text);
                }
            }
            (22, _) if self.can(may::MAILMAP) => {
                let maps: [&[u8]; 3] = [
                    b"Olga Petrova <olga@new.example> <OLGA@example.com>\n",
                    b"Boss <boss@example.com> Petr <petr@example.com>\n# a comment\n<x@example.com> <olga@example.com>\n",
                    b"nonsense\n<<>>\n",
                ];
                files.insert(b".mailmap".to_vec(), self.dice.pick(&maps)[..].into());
            }
            _ => {
                self.number += 1;
                files.insert(b"README.md".to_vec(), self.number.to_string().as_bytes().into());
            }
        }
    }

    pub(super) fn rename_folder(&mut self, files: &mut Files) {
        let names: [&[u8]; 6] = [b"parking", b"garage", b"deal-desk", b"recycled", b"contract", b"brief"];
        let (from, to) = (self.dice.pick(&names), self.dice.pick(&names));
        let (from, to) = (joined(&self.prefix, from), joined(&self.prefix, to));
        let taken = files.keys().any(|path| below(path, &to).is_some());
        let moved: Vec<Vec<u8>> = files.keys().filter(|path| below(path, &from).is_some()).cloned().collect();
        if taken && !self.dice.one_in(4) {
            return;
        }
        for path in moved {
            let bytes = files.remove(&path).unwrap();
            files.insert(joined(&to, below(&path, &from).unwrap()), bytes);
        }
    }

    pub(super) fn path(&mut self, id: &str) -> Vec<u8> {
        let folder: &[u8] = match self.dice.below(24) {
            0 if self.can(may::ODD) => b"won/\xff",
            1 if self.can(may::ODD) => b"lost/2026/q1",
            _ => self.dice.pick(&FOLDERS),
        };
        [&joined(&self.prefix, folder)[..], b"/", id.as_bytes(), b".yaml"].concat()
    }

    pub(super) fn text(&mut self, id: &str) -> Rc<[u8]> {
        if !self.can(may::EDIT) {
            // One deal has one text, whoever makes it.
            return format!("title: {id}\namount: {} EUR\nowner: olga\n", id.len()).into_bytes().into();
        }
        let mut text = format!("title: {id}\n");
        let n = self.dice.below(4);
        match self.dice.below(6) {
            0 => {}
            1 => text += &format!("amount: {n} EUR # so far\n"),
            2 => text += &format!("amount: \"{n} USD\"\n"),
            3 => text += "amount: null\n",
            _ => text += &format!("amount: {n}.50\n"),
        }
        if self.dice.one_in(2) {
            text += ["owner: olga\n", "owner: petr\n", "owner: 'anna'\n"][self.dice.below(3)];
        }
        if self.dice.one_in(3) {
            text += &format!("close_date: 2026-0{}-01\n", 1 + n);
        }
        match self.dice.below(6) {
            0 => text += "next_step: {what: Call, due: 2026-02-03}\n",
            1 => text += "next_step:\n  what: Send it\n",
            2 => text += "next_step:\n  due: 2026-03-04\n  what: \"Meet them\"\n",
            _ => {}
        }
        if self.dice.one_in(12) {
            text = text.replace('\n', "\r\n");
        }
        text.into_bytes().into()
    }
}
