//! Questions on a terminal: one of a few answers, a line of text, and the fields that a refused deal lacks.

use std::collections::BTreeSet;

use dialoguer::console::Term;
use dialoguer::{Input, Select};

use super::exit::{CommandError, Exit};
use super::refusal::refused;
use super::signals::Deferred;
use super::ui::Ui;
use super::workspace::Workspace;
use crate::action::assign::{self, Assignment, Change};
use crate::action::plan::{Plan, PlanError, Refusal};
use crate::format::judge::Outcome;
use crate::format::pipeline::Pipeline;
use crate::format::schema::{self, FieldSpec, FieldType};
use crate::output::terminal::plain;

/// Whether a command may ask for what it lacks.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct AskArgs {
    /// Ask nothing, not even on a terminal: what is missing refuses
    #[arg(long)]
    no_input: bool,
}

impl AskArgs {
    /// Whether somebody is there to be asked, and wants to be.
    pub fn may_ask(self, ui: &Ui) -> bool {
        ui.interactive && !self.no_input
    }
}

/// Asks for one of a few answers; returns its index.
///
/// # Errors
/// When the answer is Esc or Ctrl-C, and when the terminal fails.
pub fn choose(ui: &mut Ui, question: &str, answers: &[&str]) -> Result<usize, CommandError> {
    let stopped = || CommandError::new(Exit::Interrupted, "stopped; nothing was changed");
    on_terminal(ui, || Select::new().with_prompt(question).items(answers).default(0).interact_opt())?
        .ok_or_else(stopped)
}

/// Asks for a line of text that `check` takes; an empty one is taken as well.
fn line(ui: &mut Ui, question: &str, check: &dyn Fn(&str) -> Result<(), String>) -> Result<String, CommandError> {
    let checked = |text: &String| if text.trim().is_empty() { Ok(()) } else { check(text.trim()) };
    let ask = || Input::<String>::new().with_prompt(question).allow_empty(true).validate_with(checked).interact_text();
    Ok(on_terminal(ui, ask)?.trim().to_owned())
}

fn on_terminal<T>(ui: &mut Ui, ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, CommandError> {
    ui.flush();
    let failed = |e: std::io::Error| CommandError::new(Exit::Io, format!("cannot ask on this terminal: {e}"));
    // A question changes the terminal: a Ctrl-C that ended the program here would leave it so.
    let signals = Deferred::new().map_err(failed)?;
    let held = signals.hold();
    let answer = ask();
    if answer.is_err() {
        Term::stderr().show_cursor().map_err(failed)?;
    }
    drop(held);
    match (answer, signals.came()) {
        (_, Some(exit)) => Err(CommandError::new(exit, "stopped; nothing was changed")),
        (Ok(answer), None) => Ok(answer),
        (Err(dialoguer::Error::IO(e)), None) => Err(failed(e)),
    }
}

/// The assignments of a command, with the answers that were given to its questions. They stay given when a plan has to be
/// made again.
#[derive(Clone, Debug)]
pub struct Answers {
    sets: Vec<Assignment>,
    asked: BTreeSet<String>,
}

impl Answers {
    /// What the command line says, before any question.
    pub fn new(sets: Vec<Assignment>) -> Self {
        Answers { sets, asked: BTreeSet::new() }
    }

    /// Makes a plan, and where only fields are missing for it asks for them and makes it again.
    ///
    /// # Errors
    /// What refuses the plan, and what [`choose`] says.
    pub fn plan(
        &mut self,
        ui: &mut Ui,
        workspace: &Workspace,
        may_ask: bool,
        make: &dyn Fn(&[Assignment]) -> Result<Plan, PlanError>,
    ) -> Result<Plan, CommandError> {
        loop {
            let refusals = match make(&self.sets) {
                Err(PlanError::Refused { refusals }) if may_ask => refusals,
                planned => return planned.map_err(refused),
            };
            match fill(ui, workspace, &refusals, &mut self.asked)? {
                Some(answers) => self.sets.extend(answers),
                None => return Err(refused(PlanError::Refused { refusals })),
            }
        }
    }
}

/// Asks for the fields that a deal lacks for its move, where filling them is all that is needed. `asked` remembers which
/// were asked for. `None` when they would not help, or when a question was answered with nothing.
fn fill(
    ui: &mut Ui,
    workspace: &Workspace,
    refusals: &[Refusal],
    asked: &mut BTreeSet<String>,
) -> Result<Option<Vec<Assignment>>, CommandError> {
    let pipeline = &workspace.reading.pipeline;
    let [refusal] = refusals else { return Ok(None) };
    let Some(fields) = askable(pipeline, refusal).filter(|fields| fields.iter().all(|(f, _)| !asked.contains(*f)))
    else {
        return Ok(None);
    };
    let verb = if refusal.from.is_some() { "move to" } else { "begin in" };
    ui.note(format!("{} needs this to {verb} {} (an empty answer leaves it where it is):", refusal.deal, refusal.to));
    let mut answers = Vec::new();
    for (field, of) in fields {
        asked.insert(field.clone());
        let question = question(field, of);
        let value = match of.map(|spec| &spec.of) {
            Some(FieldType::Enum(words)) => {
                let shown: Vec<String> = words.iter().map(|word| plain(word)).collect();
                let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
                let chosen = choose(ui, &question, &shown)?;
                words.get(chosen).cloned().unwrap_or_default()
            }
            Some(FieldType::Boolean) => {
                if choose(ui, &question, &["yes", "no"])? == 0 { "true" } else { "false" }.to_owned()
            }
            _ => line(ui, &question, &|text| assign::fits(pipeline, field, text, workspace.today))?,
        };
        if value.is_empty() {
            return Ok(None);
        }
        answers.push(Assignment { field: field.clone(), change: Change::Set(value) });
    }
    Ok(Some(answers))
}

/// The missing fields with their declarations, where each can be answered on one line and nothing else is in the way.
fn askable<'r>(pipeline: &'r Pipeline, refusal: &'r Refusal) -> Option<Vec<(&'r String, Option<&'r FieldSpec>)>> {
    let only_missing = |outcome: &Outcome| matches!(outcome, Outcome::Missing(_) | Outcome::MissingOneOf(_));
    if refusal.missing.is_empty() || !refusal.reasons.iter().all(|reason| only_missing(&reason.outcome)) {
        return None;
    }
    let one = |field: &'r String| {
        let spec = schema::find(&pipeline.fields, field);
        let of_one_line = match spec.map(|spec| &spec.of) {
            Some(FieldType::List(_) | FieldType::Block(_) | FieldType::MapOf(_)) => false,
            Some(_) => true,
            None => schema::is_free(field),
        };
        // An approval is given by `tussock approve`, in one's own name.
        let own = field.starts_with("approvals.") || schema::list_above(&pipeline.fields, field).is_some();
        (of_one_line && !own).then_some((field, spec))
    };
    refusal.missing.iter().map(one).collect()
}

/// `Goal (inputs.goal, text)`.
fn question(field: &str, spec: Option<&FieldSpec>) -> String {
    let kind = spec.map_or_else(
        || "text".to_owned(),
        |spec| match &spec.of {
            FieldType::Enum(_) | FieldType::Boolean => String::new(),
            of => of.describe(),
        },
    );
    let label = spec.and_then(|spec| spec.label.as_deref()).map(plain);
    let help = spec.and_then(|spec| spec.help.as_deref()).map(|help| format!(" — {}", plain(help))).unwrap_or_default();
    match (label, kind.as_str()) {
        (Some(label), "") => format!("{label} ({field}){help}"),
        (Some(label), kind) => format!("{label} ({field}, {kind}){help}"),
        (None, "") => format!("{field}{help}"),
        (None, kind) => format!("{field} ({kind}){help}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_the_field_and_what_it_takes() {
        let mut spec = FieldSpec::new("due", FieldType::Date);
        assert_eq!(question("next_step.due", Some(&spec)), "next_step.due (a date (YYYY-MM-DD))");
        spec.label = Some("Due\u{1b}[31m".to_owned());
        spec.help = Some("the day we promised".to_owned());
        let asked = question("next_step.due", Some(&spec));
        assert!(asked.ends_with(" (next_step.due, a date (YYYY-MM-DD)) — the day we promised"), "{asked}");
        assert!(!asked.contains('\u{1b}'), "{asked}");
        assert_eq!(question("x-color", None), "x-color (text)");
        let words = FieldSpec::new("reason", FieldType::Enum(vec!["price".to_owned()]));
        assert_eq!(question("lost.reason", Some(&words)), "lost.reason");
    }
}
