//! What is to be done next, deal by deal: overdue, today, this week, later.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use serde::Serialize;

use crate::format::deal::Deal;
use crate::format::ident::{DealId, StageId};
use crate::format::judge::same_person;
use crate::format::pipeline::{Pipeline, Place};

use super::losses::place_title;
use super::rows::Rows;
use super::total::Total;

/// What an agenda is made of. Deals are as known on `day`.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All its deals.
    pub deals: &'a [Deal],
    /// The day it is.
    pub day: NaiveDate,
    /// A person, or a role of stages; `None`: everybody.
    pub who: Option<&'a str>,
}

/// When something is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// It was due before the day.
    Overdue,
    /// It is due on the day.
    Today,
    /// It is due after the day, up to Sunday.
    ThisWeek,
    /// It is due after Sunday.
    Later,
    /// Nobody says when it is due.
    Undated,
    /// Nobody says what is to be done.
    Missing,
}

impl When {
    /// In the order of an agenda.
    pub const ALL: [When; 6] = [When::Overdue, When::Today, When::ThisWeek, When::Later, When::Undated, When::Missing];
}

/// The next step of one deal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// When it is to be done.
    pub when: When,
    /// The deal.
    pub deal: DealId,
    /// What people call it.
    pub title: String,
    /// The client.
    pub account: Option<String>,
    /// Who owns it.
    pub owner: Option<String>,
    /// Where it is.
    pub stage: StageId,
    /// What people call that.
    pub stage_title: String,
    /// What it is worth.
    pub amount: Option<Total>,
    /// What is to be done.
    pub what: Option<String>,
    /// When it is due.
    pub due: Option<NaiveDate>,
    /// Days since then, for an overdue one.
    pub days_overdue: Option<i64>,
    /// Who is to do it, where that is not the owner.
    pub needs: Option<String>,
}

/// The tasks of one time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Section {
    /// When.
    pub when: When,
    /// How many tasks.
    pub tasks: usize,
    /// Where they begin in [`Agenda::tasks`].
    pub first: usize,
    /// How many of them are listed there: all, unless the list was cut.
    pub listed: usize,
}

/// Somebody whose help owners need.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Needed {
    /// Who.
    pub who: String,
    /// Tasks that wait for them.
    pub tasks: usize,
    /// Those of them that are overdue.
    pub overdue: usize,
    /// The deals, in the order of the agenda.
    pub deals: Vec<DealId>,
}

/// For whom an agenda is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Reader {
    /// Everybody.
    All,
    /// A person: the deals that they own, and those whose next step is theirs.
    Person(String),
    /// A role: the deals in its stages.
    Role(String),
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agenda {
    /// The day it is.
    pub day: NaiveDate,
    /// The Sunday with which the week ends.
    pub week_ends: NaiveDate,
    /// For whom.
    pub reader: Reader,
    /// All times, also those with nothing to do.
    pub sections: Vec<Section>,
    /// Whom owners need, the one most needed first.
    pub needed: Vec<Needed>,
    /// One task a deal, for every deal that has not ended: by time, then by day, then the largest deal.
    pub tasks: Rows<Task>,
}

impl Agenda {
    /// Leaves only the first tasks of each time in the list.
    pub fn truncate(&mut self, rows: usize) {
        let mut kept: Vec<Task> = Vec::new();
        for section in &mut self.sections {
            let own = self.tasks.get(section.first..section.first + section.listed).unwrap_or_default();
            section.first = kept.len();
            section.listed = own.len().min(rows);
            kept.extend(own.iter().take(rows).cloned());
        }
        self.tasks = kept.into();
    }
}

/// Writes the agenda.
pub fn agenda(input: &Input<'_>) -> Agenda {
    let to_sunday = 6 - u64::from(input.day.weekday().num_days_from_monday());
    let week_ends = input.day.checked_add_days(Days::new(to_sunday)).unwrap_or(input.day);
    let reader = reader(input);
    let mut tasks: Vec<Task> = Vec::new();
    for deal in input.deals {
        let place = input.pipeline.place(deal.stage.as_str());
        if matches!(place, Some(Place::End(_))) {
            continue;
        }
        let is_for = match &reader {
            Reader::All => true,
            Reader::Person(name) => {
                [deal.owner(), deal.text("next_step.who")].into_iter().flatten().any(|one| same_person(one, name))
            }
            Reader::Role(role) => {
                matches!(place, Some(Place::Stage(_, stage)) if stage.roles.iter().any(|r| is_role(r, role)))
            }
        };
        if is_for {
            tasks.push(task(input, deal, week_ends));
        }
    }
    tasks.sort_by(in_order);
    let mut sections = Vec::with_capacity(When::ALL.len());
    for when in When::ALL {
        let first = tasks.partition_point(|task| task.when < when);
        let own = tasks.partition_point(|task| task.when <= when) - first;
        sections.push(Section { when, tasks: own, first, listed: own });
    }
    Agenda { day: input.day, week_ends, reader, sections, needed: needed(&tasks), tasks: tasks.into() }
}

fn in_order(a: &Task, b: &Task) -> Ordering {
    let size = |task: &Task| task.amount.map(|total| total.sum);
    (a.when, a.due).cmp(&(b.when, b.due)).then_with(|| size(b).cmp(&size(a))).then_with(|| a.deal.cmp(&b.deal))
}

fn is_role(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

/// A name that owns a deal or has a task is a person; only else it can be a role.
fn reader(input: &Input<'_>) -> Reader {
    let Some(who) = input.who else { return Reader::All };
    let names =
        |deal: &Deal| [deal.owner(), deal.text("next_step.who")].into_iter().flatten().any(|one| same_person(one, who));
    let has_role = input.pipeline.stages.iter().any(|stage| stage.roles.iter().any(|role| is_role(role, who)));
    if has_role && !input.deals.iter().any(names) {
        Reader::Role(who.to_owned())
    } else {
        Reader::Person(who.to_owned())
    }
}

fn task(input: &Input<'_>, deal: &Deal, week_ends: NaiveDate) -> Task {
    let text = |path: &str| deal.text(path).map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let what = text("next_step.what");
    let due = deal.value("next_step.due").and_then(crate::format::value::Value::as_date);
    let when = match due {
        Some(due) if due < input.day => When::Overdue,
        Some(due) if due == input.day => When::Today,
        Some(due) if due <= week_ends => When::ThisWeek,
        Some(_) => When::Later,
        None if what.is_some() => When::Undated,
        None => When::Missing,
    };
    let overdue = due.filter(|_| when == When::Overdue);
    Task {
        when,
        deal: deal.id.clone(),
        title: deal.title().to_owned(),
        account: text("account"),
        owner: deal.owner().map(str::to_owned),
        stage: deal.stage.clone(),
        stage_title: place_title(input.pipeline, &deal.stage),
        amount: deal.amount().map(Total::from),
        what,
        due,
        days_overdue: overdue.map(|due| input.day.signed_duration_since(due).num_days()),
        needs: text("next_step.who").filter(|who| deal.owner().is_none_or(|owner| !same_person(owner, who))),
    }
}

fn needed(tasks: &[Task]) -> Vec<Needed> {
    let mut by_person: BTreeMap<&str, Needed> = BTreeMap::new();
    for task in tasks {
        let Some(who) = &task.needs else { continue };
        let fresh = || Needed { who: who.clone(), tasks: 0, overdue: 0, deals: Vec::new() };
        let needed = by_person.entry(who).or_insert_with(fresh);
        needed.tasks += 1;
        needed.overdue += usize::from(task.when == When::Overdue);
        needed.deals.push(task.deal.clone());
    }
    let mut needed: Vec<Needed> = by_person.into_values().collect();
    needed.sort_by(|a, b| b.tasks.cmp(&a.tasks).then_with(|| a.who.cmp(&b.who)));
    needed
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{date, deal, money, pipeline, text, with};
    use super::*;
    use crate::format::span::Span;
    use crate::format::value::{Block, Field, Value};

    fn next(mut deal: Deal, owner: &str, what: &str, due: &str, who: &str) -> Deal {
        let mut entries = Vec::new();
        let mut add = |name: &str, value: Value| {
            entries.push((name.to_owned(), Span::default(), Field { value, span: Span::default() }));
        };
        for (name, value) in [("what", what), ("who", who)] {
            if value != "-" {
                add(name, text(value));
            }
        }
        if due != "-" {
            add("due", date(due));
        }
        deal = with(deal, "owner", text(owner));
        with(deal, "next_step", Value::Block(Block { entries }))
    }

    fn deals() -> Vec<Deal> {
        vec![
            next(deal("sunday", "brief"), "olga", "Call", "2026-03-15", "-"),
            next(deal("monday", "brief"), "olga", "Call", "2026-03-16", "-"),
            next(deal("today", "offer"), "Olga@example.com", "Call", "2026-03-11", "petr"),
            next(deal("old", "offer"), "jonas", "Send", "2026-03-01", "petr"),
            next(deal("older", "offer"), "jonas", "Send", "2026-02-01", "jonas"),
            with(next(deal("large", "offer"), "jonas", "Send", "2026-03-01", "-"), "amount", money("5")),
            next(deal("no-day", "offer"), "jonas", "Think", "-", "-"),
            next(deal("nothing", "brief"), "olga", "-", "-", "-"),
            next(deal("over", "won"), "olga", "Celebrate", "2026-03-01", "-"),
            next(deal("shelf", "attic"), "anna", "Look", "2026-03-12", "-"),
        ]
    }

    /// Wednesday, 11 March 2026.
    fn take(who: Option<&str>) -> Agenda {
        let mut pipeline = pipeline(&["brief", "offer"]);
        pipeline.stages[0].roles = vec!["Sales".to_owned()];
        pipeline.stages[1].roles = vec!["sales".to_owned(), "expert".to_owned(), "anna".to_owned()];
        agenda(&Input { pipeline: &pipeline, deals: &deals(), day: "2026-03-11".parse().unwrap(), who })
    }

    fn ids(agenda: &Agenda) -> Vec<&str> {
        agenda.tasks.iter().map(|task| task.deal.as_str()).collect()
    }

    #[test]
    fn the_oldest_debt_comes_first_and_deals_without_a_step_last() {
        let agenda = take(None);
        assert_eq!(ids(&agenda), ["older", "large", "old", "today", "shelf", "sunday", "monday", "no-day", "nothing"]);
        let sections: Vec<_> = agenda.sections.iter().map(|s| (s.first, s.tasks)).collect();
        assert_eq!(sections, [(0, 3), (3, 1), (4, 2), (6, 1), (7, 1), (8, 1)]);
        let mut short = agenda.clone();
        short.truncate(1);
        assert_eq!(ids(&short), ["older", "today", "shelf", "monday", "no-day", "nothing"]);
        assert_eq!((agenda.week_ends.to_string().as_str(), agenda.tasks[0].days_overdue), ("2026-03-15", Some(38)));
    }

    #[test]
    fn a_person_sees_what_is_theirs_and_what_waits_for_them() {
        assert_eq!(ids(&take(Some("olga"))), ["today", "sunday", "monday", "nothing"]);
        let petr = take(Some("petr@example.com"));
        assert_eq!((ids(&petr), &petr.reader), (vec!["old", "today"], &Reader::Person("petr@example.com".to_owned())));
        // A person, though a stage names a role like her.
        assert_eq!(ids(&take(Some("anna"))), ["shelf"]);
        assert_eq!(ids(&take(Some("nobody"))), Vec::<&str>::new());
    }

    #[test]
    fn a_role_sees_the_deals_in_its_stages() {
        let agenda = take(Some("Expert"));
        assert_eq!(ids(&agenda), ["older", "large", "old", "today", "no-day"]);
        assert_eq!(agenda.reader, Reader::Role("Expert".to_owned()));
    }

    #[test]
    fn who_is_needed_is_told_with_the_deals_that_wait() {
        let agenda = take(None);
        let petr = &agenda.needed[0];
        assert_eq!((petr.who.as_str(), petr.tasks, petr.overdue), ("petr", 2, 1));
        assert_eq!(petr.deals.iter().map(DealId::as_str).collect::<Vec<_>>(), ["old", "today"]);
        assert_eq!(agenda.needed.len(), 1);
    }
}
