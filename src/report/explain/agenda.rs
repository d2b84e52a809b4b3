//! The numbers of what is to be done next.

use crate::metrics::agenda::{Task, When};
use crate::report::agenda::AgendaReport;

use super::figure::Figure;
use super::ground::Ground;
use super::number::{Cause, Number, Pick};

pub(super) fn numbers<'a>(ground: &'a Ground<'a>, report: &AgendaReport) -> Vec<Number<'a>> {
    let agenda = &report.agenda;
    let number = |section: &crate::metrics::agenda::Section| {
        let when = section.when;
        let (word, title, meaning) = match when {
            When::Overdue => ("overdue", "Next steps that are overdue", "next steps that were due before the day"),
            When::Today => ("today", "Next steps of today", "next steps that are due on the day"),
            When::ThisWeek => ("this_week", "Next steps of this week", "next steps due after the day, up to Sunday"),
            When::Later => ("later", "Next steps of later", "next steps that are due after Sunday"),
            When::Undated => ("undated", "Next steps without a day", "next steps that nobody says a day of"),
            When::Missing => ("missing", "Deals without a next step", "deals of which nobody says what is to be done"),
        };
        let tasks = agenda.tasks.clone();
        Number::new(format!("agenda.{word}"), title, Figure::Count(section.tasks), section.tasks, move || {
            tasks.iter().filter(|task| task.when == when).map(pick).collect()
        })
        .says(meaning, format!("{} of {} that have not ended", section.tasks, ground.deals(agenda.tasks.len())))
        .claims(section.tasks, None)
    };
    agenda.sections.iter().map(number).collect()
}

fn pick(task: &Task) -> Pick {
    let what = task.what.as_deref().unwrap_or("no next step");
    let how = match (task.due, task.days_overdue) {
        (Some(due), Some(days)) => format!("{what}, due {due}, {days} days ago"),
        (Some(due), None) => format!("{what}, due {due}"),
        (None, _) => what.to_owned(),
    };
    let field = if task.due.is_some() { "next_step.due" } else { "next_step.what" };
    Pick::yes(&task.deal, how, Cause::Field(field, i64::MAX))
}
