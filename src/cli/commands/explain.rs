//! `tussock explain`.

use crate::check::rule;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::ui::Ui;

/// Say what a rule means
///
/// Prints what a rule of `tussock validate` finds, why, and a bad and a good example. Without a rule: all rules.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  tussock explain
  tussock explain exit-criterion

Exit codes: 0 done · 2 no such rule")]
pub struct Args {
    /// The rule's id
    rule: Option<String>,
}

pub(crate) fn run(ui: &mut Ui, args: &Args) -> Result<Exit, CommandError> {
    let Some(id) = &args.rule else {
        let width = rule::all().iter().map(|r| r.id.len()).max().unwrap_or(0);
        for rule in rule::all() {
            ui.line(format!("{:width$}  {:7}  {}", rule.id, rule.default_level(), rule.summary));
        }
        return Ok(Exit::Done);
    };
    let Some(rule) = rule::find(id) else {
        let error = CommandError::usage(format!("there is no rule {id:?}"));
        return Err(match rule::nearest(id) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("`tussock explain` lists all rules"),
        });
    };
    let title = ui.bold(rule.id);
    ui.line(format!("{title} ({})\n\n{}.\n\n{}\n", rule.default_level(), rule.summary, rule.why));
    ui.line(format!("Bad:\n\n{}\n\nGood:\n\n{}", indented(rule.bad), indented(rule.good)));
    Ok(Exit::Done)
}

fn indented(text: &str) -> String {
    text.lines().map(|l| if l.is_empty() { String::new() } else { format!("    {l}") }).collect::<Vec<_>>().join("\n")
}
