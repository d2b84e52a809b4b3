//! What tussock is asked to do, what it must do by the model, and asking it: in this process as a rule, since that is
//! much faster, and by the binary now and then.

use chrono::{DateTime, NaiveDate};
use tussock::action::assign;
use tussock::action::plan::{self, Plan, Target};
use tussock::format::judge::Circumstances;
use tussock::format::source::Source;
use tussock::repo::error::WriteError;
use tussock::repo::transaction::{Action, FileChange, commit};

use super::card::{Card, FIELDS, GOAL, REASON, SENT};
use super::graph::{Tree, stage};
use super::world::World;

const STAGES: [&str; 3] = ["brief", "proposal", "contract"];

/// One writing command.
#[derive(Clone, Debug)]
pub enum Ask {
    New { id: String, stage: Option<&'static str>, sets: Sets, body: u32 },
    Set { id: String, sets: Sets },
    Move { ids: Vec<String>, to: To, sets: Sets },
}

/// Where a move leads.
#[derive(Clone, Copy, Debug)]
pub enum To {
    Stage(&'static str),
    Next,
    Won,
    Lost,
}

/// Fields by number, each with its new value or none.
pub type Sets = Vec<(usize, Option<String>)>;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// One commit.
    Committed,
    /// Nothing to do.
    Nothing,
    /// Refused because of what was asked.
    Refused,
    /// Refused because of the state that the repository is in.
    NotInState,
}

impl Ask {
    pub fn sets(&self) -> &Sets {
        match self {
            Ask::New { sets, .. } | Ask::Set { sets, .. } | Ask::Move { sets, .. } => sets,
        }
    }

    fn assignments(&self) -> Vec<String> {
        let set = |(field, value): &(usize, Option<String>)| {
            format!("{}={}", FIELDS[*field], value.as_deref().unwrap_or_default())
        };
        let mut all: Vec<String> = self.sets().iter().map(set).collect();
        if let Ask::New { body, .. } = self {
            all.push(format!("notes={}", Card::notes(*body)));
        }
        all
    }

    /// As it is typed.
    pub fn args(&self) -> Vec<String> {
        let (mut args, flag): (Vec<String>, bool) = match self {
            Ask::New { id, stage, .. } => {
                let mut args = vec!["new".to_owned(), format!("Deal {id}"), "--id".to_owned(), id.clone()];
                args.extend(stage.iter().flat_map(|s| ["--stage".to_owned(), (*s).to_owned()]));
                (args, true)
            }
            Ask::Set { id, .. } => (vec!["set".to_owned(), id.clone()], false),
            Ask::Move { ids, to, .. } => {
                let (verb, end) = match to {
                    To::Stage(stage) => ("move", Some(*stage)),
                    To::Next => ("move", Some("--next")),
                    To::Won => ("win", None),
                    To::Lost => ("lose", None),
                };
                let words = [verb].into_iter().chain(ids.iter().map(String::as_str)).chain(end);
                (words.map(str::to_owned).collect(), true)
            }
        };
        for set in self.assignments() {
            if flag {
                args.push("--set".to_owned());
            }
            args.push(set);
        }
        args
    }
}

fn applied(card: &Card, sets: &Sets) -> Card {
    let mut card = card.clone();
    for (field, value) in sets {
        match value {
            Some(value) => card.set(*field, value),
            None => card.values[*field] = None,
        }
    }
    card
}

/// Whether the gates let a deal go to a place.
fn may_go(card: &Card, from: Option<&str>, to: &str) -> bool {
    let index = |name: &str| STAGES.iter().position(|s| *s == name);
    match (from.and_then(index), index(to)) {
        (Some(here), Some(there)) if there < here => true,
        (_, Some(there)) => (there < 1 || card.has(GOAL)) && (there < 2 || card.has(SENT)),
        _ if to == "won" => card.has(GOAL) && card.has(SENT),
        _ if to == "lost" => card.has(REASON),
        _ => true,
    }
}

fn folder_of(stage: &str) -> String {
    if STAGES.contains(&stage) { stage.to_owned() } else { format!("{stage}/2026") }
}

/// What a command must do to a tree.
pub fn foreseen(tree: &Tree, ask: &Ask) -> (End, Tree) {
    let refused = (End::Refused, tree.clone());
    let mut after = tree.clone();
    match ask {
        Ask::New { id, stage, sets, body } => {
            let card = applied(&Card::new(&format!("Deal {id}"), *body), sets);
            let stage = stage.unwrap_or(STAGES[0]);
            if tree.deals.contains_key(id) || !may_go(&card, None, stage) {
                return refused;
            }
            after.put(id, Some((folder_of(stage), card)));
        }
        Ask::Set { id, sets } => {
            let Some((folder, card)) = tree.place(id) else { return refused };
            after.put(id, Some((folder.to_owned(), applied(card, sets))));
        }
        Ask::Move { ids, to, sets } => {
            for id in ids {
                let Some((folder, card)) = tree.place(id) else { return refused };
                let here = stage(folder);
                let card = applied(card, sets);
                let next = || Some(*STAGES.get(STAGES.iter().position(|s| *s == here)? + 1).unwrap_or(&"won"));
                let there = match to {
                    To::Stage(stage) => stage,
                    To::Won => "won",
                    To::Lost => "lost",
                    To::Next => match next() {
                        Some(next) => next,
                        None => return refused,
                    },
                };
                if there == here {
                    after.put(id, Some((folder.to_owned(), card)));
                } else if may_go(&card, Some(here), there) {
                    after.put(id, Some((folder_of(there), card)));
                } else {
                    return refused;
                }
            }
        }
    }
    (if after == *tree { End::Nothing } else { End::Committed }, after)
}

impl World {
    pub fn today(&self) -> NaiveDate {
        DateTime::from_timestamp(self.repo.now(), 0).expect("a time").date_naive()
    }

    /// Some fields with new values, or none.
    fn some_sets(&mut self, most: usize) -> Sets {
        let mut sets = Sets::new();
        for _ in 0..self.dice.below(most + 1) {
            let field = self.dice.below(FIELDS.len());
            if sets.iter().any(|(other, _)| *other == field) {
                continue;
            }
            let value = if field > 0 && self.dice.one_in(5) { None } else { Some(self.value(field)) };
            sets.push((field, value));
        }
        sets
    }

    /// Something to ask of tussock, mostly what it will do.
    pub fn an_ask(&mut self, tree: &Tree) -> Ask {
        self.an_ask_of(tree, None)
    }

    /// Something to ask of this deal, or of any.
    pub fn an_ask_of(&mut self, tree: &Tree, of: Option<&str>) -> Ask {
        if of.is_none() && (tree.deals.len() < 3 || self.dice.one_in(7)) {
            let id = match self.a_new_id(tree) {
                Some(id) if !self.dice.one_in(12) => Some(id),
                _ => self.a_deal(tree),
            };
            let id = id.unwrap_or_else(|| "d0".into());
            let mut sets = self.some_sets(4);
            sets.retain(|(field, value)| *field != 0 && value.is_some());
            let stage = [None, None, Some("brief"), Some("proposal"), Some("contract"), Some("lost")];
            return Ask::New { id, stage: stage[self.dice.below(stage.len())], sets, body: self.fresh() };
        }
        let id = of.map(str::to_owned).or_else(|| self.a_deal(tree)).unwrap_or_else(|| "d0".into());
        if self.dice.one_in(3) {
            let mut sets = self.some_sets(3);
            if sets.is_empty() {
                sets.push((2, Some(self.value(2))));
            }
            return Ask::Set { id, sets };
        }
        let to = match self.dice.below(12) {
            0..=4 => To::Next,
            5 => To::Won,
            6 => To::Lost,
            7 => To::Stage("recycled"),
            8 => To::Stage("brief"),
            9..=10 => To::Stage("proposal"),
            _ => To::Stage("contract"),
        };
        let mut sets = self.some_sets(2);
        // Most moves come with what they are asked for.
        for field in [GOAL, SENT, REASON] {
            let lost = matches!(to, To::Lost);
            if (field == REASON) == lost && !self.dice.one_in(5) && !sets.iter().any(|(f, _)| *f == field) {
                sets.push((field, Some(self.value(field))));
            }
        }
        let mut ids = vec![id];
        if self.dice.one_in(5) {
            ids.extend(self.a_deal(tree).filter(|other| *other != ids[0]));
        }
        Ask::Move { ids, to, sets }
    }

    /// Asks tussock, by its library or by its binary.
    pub fn ask(&mut self, ask: &Ask, by_binary: bool) -> End {
        let args = ask.args();
        let shown = args.iter().map(|a| if a.contains('\n') { "notes=…" } else { a }).collect::<Vec<_>>().join(" ");
        self.tell(format!("tussock {shown}  # by the {}", if by_binary { "program" } else { "library" }));
        let end = if by_binary { self.ask_binary(&args) } else { self.ask_library(ask) };
        self.tell(format!("# {end:?}"));
        end
    }

    fn ask_binary(&mut self, args: &[String]) -> End {
        self.count("tool operations by the program");
        let head = self.objects.commit("HEAD").map(|c| c.id);
        let today = self.today().to_string();
        let mut all = vec!["--today", &today];
        all.extend(args.iter().map(String::as_str));
        let ran = self.repo.tussock(&all);
        match ran.code {
            0 if self.objects.commit("HEAD").map(|c| c.id) == head => End::Nothing,
            0 => End::Committed,
            1 | 2 => End::Refused,
            4 => End::NotInState,
            other => panic!("tussock {args:?} ended with {other}:\n{}{}", ran.out, ran.err),
        }
    }

    fn plan(&self, ask: &Ask) -> Option<Plan> {
        let reading = self.reading();
        let source = self.work_tree();
        let today = self.today();
        let sets: Vec<assign::Assignment> =
            ask.assignments().iter().map(|set| assign::parse(set).expect("an assignment")).collect();
        let known = |_: &_| Circumstances { today, source: &source as &dyn Source, days_in_stage: None, visited: None };
        let planned = match ask {
            Ask::New { id, stage, .. } => {
                plan::new(&reading, &format!("Deal {id}"), Some(id), *stage, &sets, None, &known)
            }
            Ask::Set { id, .. } => plan::set(&reading, std::slice::from_ref(id), &sets, today),
            Ask::Move { ids, to, .. } => {
                let target = match to {
                    To::Stage(stage) => Target::Named((*stage).to_owned()),
                    To::Next => Target::Next,
                    To::Won => Target::Won,
                    To::Lost => Target::Lost(None),
                };
                plan::moves(&reading, ids, &target, &sets, &known)
            }
        };
        planned.inspect_err(|e| self.tell(format!("# {e}"))).ok()
    }

    fn ask_library(&mut self, ask: &Ask) -> End {
        self.count("tool operations by the library");
        let Some(plan) = self.plan(ask) else { return End::Refused };
        if plan.changes.is_empty() {
            return End::Nothing;
        }
        let home = &self.home;
        let change = |change: &plan::Change| {
            let new = home.in_repository(&change.new_path);
            match &change.old_path {
                None => FileChange::create(new, change.after.as_bytes()),
                Some(old) => FileChange::relocate(
                    home.in_repository(old),
                    change.before.as_bytes(),
                    new,
                    change.after.as_bytes(),
                ),
            }
        };
        let action = Action {
            changes: plan.changes.iter().map(change).collect(),
            subject: plan.subject.clone(),
            trailers: plan.trailers.clone(),
            ..Action::default()
        };
        match commit(home, &self.library_git(), &action, &mut |line| self.tell(format!("# {line}"))) {
            Ok(_) => End::Committed,
            Err(error) => {
                self.tell(format!("# {error}"));
                match error {
                    WriteError::InProgress { .. }
                    | WriteError::Unmerged { .. }
                    | WriteError::Detached
                    | WriteError::Dirty { .. }
                    | WriteError::Untracked { .. }
                    | WriteError::Exists { .. } => End::NotInState,
                    other => panic!("{other}"),
                }
            }
        }
    }
}
