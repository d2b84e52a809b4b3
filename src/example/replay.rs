//! Replays the story: steps become commits.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{FixedOffset, NaiveDateTime, TimeZone};
use serde_yaml::Value;

use crate::format::pipeline::{PIPELINE_FILE, Pipeline, Place};

use super::card::Card;
use super::story::{self, Merge, Person, Step, Story};
use super::{ExampleError, PIPELINE, README};

/// Hours that the times of the story are ahead of UTC, the whole year round.
pub const OFFSET_HOURS: i32 = 1;

/// The name of the branch that everything comes to.
pub const MAIN: &str = "main";

/// A change of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file gets these bytes.
    Write(String, Vec<u8>),
    /// The file goes away.
    Remove(String),
}

/// One commit to be.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Author and committer.
    pub by: Person,
    /// The branch it is made on. A branch begins at the main branch with its first commit.
    pub branch: String,
    /// The whole message.
    pub message: String,
    /// What it changes, seen from its first parent.
    pub changes: Vec<Change>,
    /// The branch that it merges, which is done with then.
    pub merges: Option<String>,
}

/// What comes of the story.
#[derive(Debug)]
pub struct History {
    /// All commits in the order of time.
    pub commits: Vec<Commit>,
    /// Path and bytes of every deal on the main branch at the end, by its id.
    pub main: BTreeMap<String, (String, Vec<u8>)>,
    /// Branches that were never merged.
    pub open_branches: BTreeSet<String>,
}

/// The files that are there before the first deal: the pipeline file, the page about it and the placeholders that keep
/// empty stages alive.
pub fn ground(pipeline: &Pipeline) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(PIPELINE_FILE.to_owned(), PIPELINE.into()), ("README.md".to_owned(), README.into())];
    files.extend(pipeline.places().map(|place| (format!("{}/.gitkeep", place.id()), Vec::new())));
    files
}

/// Replays the whole story.
///
/// # Errors
/// [`ExampleError::Plot`] where a step makes no sense: an unknown person, stage or field, a time that is none or runs
/// backwards, a deal that changes on two branches at once.
pub fn replay(story: &Story, pipeline: &Pipeline) -> Result<History, ExampleError> {
    let mut stage = Replay {
        story,
        pipeline,
        deals: BTreeMap::new(),
        history: History { commits: Vec::new(), main: BTreeMap::new(), open_branches: BTreeSet::new() },
    };
    stage.begin()?;
    let mut acts: Vec<(&str, &str, Act<'_>)> = Vec::new();
    for (deal, steps) in &story.deals {
        if let Some(pair) = steps.windows(2).find(|pair| pair[0].at >= pair[1].at) {
            return Err(plot(deal, &pair[1].at, "the steps of a deal must follow each other in time"));
        }
        acts.extend(steps.iter().map(|step| (step.at.as_str(), deal.as_str(), Act::Step(step))));
    }
    acts.extend(story.merges.iter().map(|merge| (merge.at.as_str(), merge.branch.as_str(), Act::Merge(merge))));
    acts.sort_by_key(|(at, deal, _)| (*at, *deal));
    for (_, deal, act) in acts {
        match act {
            Act::Step(step) => stage.step(deal, step)?,
            Act::Merge(merge) => stage.merge(merge)?,
        }
    }
    Ok(stage.history)
}

enum Act<'a> {
    Step(&'a Step),
    Merge(&'a Merge),
}

fn plot(deal: &str, at: &str, why: impl Into<String>) -> ExampleError {
    ExampleError::Plot { deal: deal.to_owned(), at: at.to_owned(), why: why.into() }
}

/// A deal as its latest commit on any branch left it.
#[derive(Clone, Default)]
struct DealNow {
    card: Card,
    stage: Option<String>,
    file: Option<(String, Vec<u8>)>,
    branch: Option<String>,
}

struct Replay<'a> {
    story: &'a Story,
    pipeline: &'a Pipeline,
    deals: BTreeMap<String, DealNow>,
    history: History,
}

impl Replay<'_> {
    fn begin(&mut self) -> Result<(), ExampleError> {
        let begin = &self.story.begin;
        let files = ground(self.pipeline);
        let mut commit = self.commit("the beginning", &begin.at, &begin.by, None)?;
        commit.changes = files.into_iter().map(|(path, bytes)| Change::Write(path, bytes)).collect();
        commit.message = format!("Set up the pipeline\n\n{}\n", begin.say);
        self.history.commits.push(commit);
        Ok(())
    }

    fn step(&mut self, id: &str, step: &Step) -> Result<(), ExampleError> {
        let wrong = |why: String| plot(id, &step.at, why);
        let mut deal = self.deals.get(id).cloned().unwrap_or_default();
        if deal.file.is_some() && deal.branch.is_some() && deal.branch != step.branch {
            return Err(wrong("it is changed while a branch that changes it is open".into()));
        }
        let before = deal.file.clone();
        let from = deal.stage.clone();
        let (path, bytes) = if let (Some(path), Some(text)) = (&step.file, &step.text) {
            deal.stage = path.split('/').next().map(str::to_owned);
            (path.clone(), text.clone().into_bytes())
        } else {
            change(&mut deal.card, step).map_err(wrong)?;
            deal.stage = step.to.clone().or(deal.stage);
            let stage = deal.stage.as_deref().ok_or_else(|| wrong("its first step must say where it begins".into()))?;
            let path = match (&step.to, &before) {
                (None, Some((path, _))) => path.clone(),
                _ => self.path(id, stage, &step.at).ok_or_else(|| wrong(format!("{stage} is no stage")))?,
            };
            (path, deal.card.write(&self.pipeline.fields).map_err(wrong)?.into_bytes())
        };
        let mut changes = Vec::new();
        if let Some((old, _)) = before.as_ref().filter(|(old, _)| *old != path) {
            changes.push(Change::Remove(old.clone()));
        }
        changes.push(Change::Write(path.clone(), bytes.clone()));
        deal.file = Some((path, bytes));
        deal.branch = step.branch.clone();
        let message = message(id, step, from.as_deref(), deal.stage.as_deref().unwrap_or_default());
        if let (None, Some(file)) = (&step.branch, &deal.file) {
            self.history.main.insert(id.to_owned(), file.clone());
        }
        self.deals.insert(id.to_owned(), deal);
        let mut commit = self.commit(id, &step.at, &step.by, step.branch.as_deref())?;
        (commit.message, commit.changes) = (message, changes);
        self.history.commits.push(commit);
        Ok(())
    }

    fn merge(&mut self, merge: &Merge) -> Result<(), ExampleError> {
        if !self.history.open_branches.remove(&merge.branch) {
            return Err(plot(&merge.branch, &merge.at, "there is no such branch to merge"));
        }
        let mut changes = Vec::new();
        for (id, deal) in self.deals.iter_mut().filter(|(_, d)| d.branch.as_deref() == Some(merge.branch.as_str())) {
            let Some((path, bytes)) = deal.file.clone() else { continue };
            if let Some((old, _)) = self.history.main.get(id).filter(|(old, _)| *old != path) {
                changes.push(Change::Remove(old.clone()));
            }
            changes.push(Change::Write(path.clone(), bytes.clone()));
            self.history.main.insert(id.clone(), (path, bytes));
            deal.branch = None;
        }
        let mut commit = self.commit(&merge.branch, &merge.at, &merge.by, None)?;
        commit.message = format!("Merge branch '{}'\n", merge.branch);
        commit.changes = changes;
        commit.merges = Some(merge.branch.clone());
        self.history.commits.push(commit);
        Ok(())
    }

    /// A commit without message and changes yet, its branch noted as open.
    fn commit(&mut self, deal: &str, at: &str, by: &str, branch: Option<&str>) -> Result<Commit, ExampleError> {
        let by = self.person(deal, at, by)?;
        let seconds = seconds(at).ok_or_else(|| plot(deal, at, "this is no time"))?;
        if let Some(branch) = branch {
            self.history.open_branches.insert(branch.to_owned());
        }
        let branch = branch.unwrap_or(MAIN).to_owned();
        Ok(Commit { at: seconds, by, branch, message: String::new(), changes: Vec::new(), merges: None })
    }

    fn person(&self, deal: &str, at: &str, name: &str) -> Result<Person, ExampleError> {
        let person = self.story.people.get(name).cloned();
        person.ok_or_else(|| plot(deal, at, format!("nobody is called {name}")))
    }

    /// Where a deal lies after a move: in the stage's folder, in a folder of the year below an end's.
    fn path(&self, id: &str, stage: &str, at: &str) -> Option<String> {
        match self.pipeline.place(stage)? {
            Place::Stage(..) => Some(format!("{stage}/{id}.yaml")),
            Place::End(_) => Some(format!("{stage}/{}/{id}.yaml", at.get(..4)?)),
        }
    }
}

/// Writes, adds and takes away what a step says, lists that are set being replaced whole.
fn change(card: &mut Card, step: &Step) -> Result<(), String> {
    let name = |key: &Value| key.as_str().map(str::to_owned).ok_or_else(|| format!("{key:?} is no name"));
    for path in &step.remove {
        card.remove(path)?;
    }
    for (key, value) in &step.set {
        card.set(&name(key)?, value.clone())?;
    }
    for (key, value) in &step.append {
        for item in story::items(value) {
            card.append(&name(key)?, item)?;
        }
    }
    Ok(())
}

/// The message of a step as the tool itself words it: what moved or changed, what the person said, and trailers.
fn message(id: &str, step: &Step, from: Option<&str>, now: &str) -> String {
    let mut trailers = format!("Deal: {id}\n");
    let subject = match (from, &step.to) {
        (Some(from), Some(to)) => {
            trailers.push_str(&format!("From: {from}\nTo: {to}\n"));
            format!("{id}: {from} → {to}")
        }
        (None, _) => {
            trailers.push_str(&format!("To: {now}\n"));
            format!("{id}: new in {now}")
        }
        (Some(_), None) => {
            let keys = step.set.keys().chain(step.append.keys()).filter_map(Value::as_str);
            let mut names: Vec<&str> = Vec::new();
            for name in keys.map(|k| k.split('.').next().unwrap_or(k)).chain(step.remove.iter().map(String::as_str)) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            format!("{id}: {}", names.join(", "))
        }
    };
    let body = step.say.as_ref().map(|say| format!("{say}\n\n")).unwrap_or_default();
    format!("{subject}\n\n{body}{trailers}")
}

fn seconds(local: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M").ok()?;
    let offset = FixedOffset::east_opt(OFFSET_HOURS * 3600)?;
    offset.from_local_datetime(&time).single().map(|t| t.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::pipeline_file;

    const HEAD: &str = "today: 2026-01-31\npeople: {olga: {name: Olga, email: olga@example.com}}\n\
        begin: {at: 2026-01-01T08:00, by: olga, say: Begin}\n";

    fn replayed(rest: &str) -> Result<History, String> {
        let story: Story = serde_yaml::from_str(&format!("{HEAD}{rest}")).expect("a story");
        let (pipeline, _) = pipeline_file::read(PIPELINE.as_bytes()).expect("a pipeline");
        replay(&story, &pipeline).map_err(|e| e.to_string())
    }

    #[test]
    fn a_move_takes_the_file_along_and_says_so() {
        let history = replayed(
            "merges: []\ndeals:\n  acme:\n    - {at: 2026-01-02T09:30, by: olga, to: brief, set: {title: Site}}\n    \
             - {at: 2026-01-03T09:30, by: olga, to: lost, set: {lost.reason: price}, say: A pity}\n",
        )
        .expect("it holds together");
        let last = history.commits.last().expect("three commits");
        assert_eq!(last.message, "acme: brief → lost\n\nA pity\n\nDeal: acme\nFrom: brief\nTo: lost\n");
        let text = b"title: Site\nlost:\n  reason: price\n".to_vec();
        let path = "lost/2026/acme.yaml".to_owned();
        assert_eq!(last.changes, [Change::Remove("brief/acme.yaml".into()), Change::Write(path, text)]);
        assert_eq!(last.at, 1_767_429_000, "2026-01-03 08:30 UTC");
    }

    #[test]
    fn a_branch_shows_on_the_main_branch_when_it_is_merged() {
        let deal = "deals:\n  acme:\n    - {at: 2026-01-02T09:30, by: olga, to: brief, set: {title: Site}}\n    \
             - {at: 2026-01-03T09:30, by: olga, to: proposal, branch: olga/acme}\n";
        let open = replayed(&format!("merges: []\n{deal}")).expect("it holds together");
        assert_eq!(open.main["acme"].0, "brief/acme.yaml");
        assert!(open.open_branches.contains("olga/acme"));
        let merge = "merges:\n  - {at: 2026-01-04T09:30, by: olga, branch: olga/acme}\n";
        let merged = replayed(&format!("{merge}{deal}")).expect("it holds together");
        assert_eq!(merged.main["acme"].0, "proposal/acme.yaml");
        assert!(merged.open_branches.is_empty());
        assert_eq!(merged.commits.last().and_then(|c| c.merges.as_deref()), Some("olga/acme"));
    }

    #[test]
    fn a_story_that_makes_no_sense_is_refused_with_its_place() {
        let refused = |steps: &str| replayed(&format!("merges: []\ndeals:\n  acme:\n{steps}")).expect_err("no sense");
        let first = "    - {at: 2026-01-02T09:30, by: olga, to: brief, set: {title: Site}}\n";
        assert!(refused("    - {at: 2026-01-02T09:30, by: otto, to: brief}\n").ends_with("nobody is called otto"));
        assert!(refused("    - {at: 2026-01-02T09:30, by: olga}\n").contains("must say where it begins"));
        assert!(refused("    - {at: soon, by: olga, to: brief}\n").ends_with("this is no time"));
        assert!(refused(&format!("{first}    - {{at: 2026-01-03T09:30, by: olga, to: limbo}}\n")).contains("limbo"));
        assert!(
            refused(&format!("{first}    - {{at: 2026-01-01T09:30, by: olga}}\n")).contains("acme, 2026-01-01T09:30")
        );
        let branch = "    - {at: 2026-01-03T09:30, by: olga, branch: one, set: {title: A}}\n";
        let other = "    - {at: 2026-01-04T09:30, by: olga, set: {title: B}}\n";
        assert!(refused(&format!("{first}{branch}{other}")).contains("while a branch that changes it is open"));
    }
}
